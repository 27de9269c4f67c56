//! Hashes: of strings alone, and of any number of values of any type.
//!
//! A value of a fixed width is hashed as its bytes in memory (little endian), as ClickHouse does, and
//! the hashes of several arguments are combined into one. Arrays are the hash of their length
//! combined with the hashes of their items; tuples are as many arguments; maps are arrays.

use std::sync::Arc;

use arrow_array::builder::FixedSizeBinaryBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType};
use base::{Error, Result, bail};
use expr::{Argument, Bound, FunctionDeclaration, Registry};
use types::{Column, DataType, Physical, wide};

mod any;
mod city;
mod keyed;
mod murmur;
mod sip;
mod wy;

use super::declare;
use super::strings::{Strings, illegal, number, numbers, require_text};
use any::{Hash, any_arguments};

pub(super) fn register(registry: &mut Registry) {
    registry.add_functions(FUNCTIONS);
    registry.add_functions(any::FUNCTIONS);
    registry.add_functions(keyed::FUNCTIONS);
}

static FUNCTIONS: &[FunctionDeclaration] = &[
    declare!("Hash", "MD5", "MD5(s)", "The MD5 digest of a string, 16 bytes.",
        "SELECT hex(MD5('abc'))" => "900150983CD24FB0D6963F7D28E17F72", (1, 1), |_, a| digest("MD5", a, |s| <md5::Md5 as md5::Digest>::digest(s).to_vec(), 16)),
    declare!("Hash", "SHA1", "SHA1(s)", "The SHA-1 digest of a string, 20 bytes.",
        "SELECT hex(SHA1('abc'))" => "A9993E364706816ABA3E25717850C26C9CD0D89D", (1, 1), |_, a| digest("SHA1", a, |s| <sha1::Sha1 as sha1::Digest>::digest(s).to_vec(), 20)),
    declare!("Hash", "SHA224", "SHA224(s)", "The SHA-224 digest of a string, 28 bytes.",
        "SELECT hex(SHA224('abc'))" => "23097D223405D8228642A477BDA255B32AADBCE4BDA0B3F7E36C9DA7", (1, 1), |_, a| digest("SHA224", a, |s| <sha2::Sha224 as sha2::Digest>::digest(s).to_vec(), 28)),
    declare!("Hash", "SHA256", "SHA256(s)", "The SHA-256 digest of a string, 32 bytes.",
        "SELECT hex(SHA256('abc'))" => "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD", (1, 1), |_, a| digest("SHA256", a, |s| <sha2::Sha256 as sha2::Digest>::digest(s).to_vec(), 32)),
    declare!("Hash", "SHA384", "SHA384(s)", "The SHA-384 digest of a string, 48 bytes.",
        "SELECT length(SHA384('abc'))" => "48", (1, 1), |_, a| digest("SHA384", a, |s| <sha2::Sha384 as sha2::Digest>::digest(s).to_vec(), 48)),
    declare!("Hash", "SHA512", "SHA512(s)", "The SHA-512 digest of a string, 64 bytes.",
        "SELECT length(SHA512('abc'))" => "64", (1, 1), |_, a| digest("SHA512", a, |s| <sha2::Sha512 as sha2::Digest>::digest(s).to_vec(), 64)),
    declare!("Hash", "MD4", "MD4(s)", "The MD4 digest of a string, 16 bytes.",
        "SELECT hex(MD4('abc'))" => "A448017AAF21D8525FC10AE87AA6729D", (1, 1), |_, a| digest("MD4", a, |s| <md4::Md4 as md4::Digest>::digest(s).to_vec(), 16)),
    declare!("Hash", "RIPEMD160", "RIPEMD160(s)", "The RIPEMD-160 digest of a string, 20 bytes.",
        "SELECT hex(RIPEMD160('abc'))" => "8EB208F7E05D987A9B044A8E98C6B087F15A0BFC", (1, 1), |_, a| digest("RIPEMD160", a, |s| <ripemd::Ripemd160 as ripemd::Digest>::digest(s).to_vec(), 20)),
    declare!("Hash", "SHA512_256", "SHA512_256(s)", "The SHA-512/256 digest of a string, 32 bytes.",
        "SELECT hex(SHA512_256('abc'))" => "53048E2681941EF99B2E29B76B4C7DABE4C2D0C634FC6D46E0E2F13107E7AF23", (1, 1), |_, a| digest("SHA512_256", a, |s| <sha2::Sha512_256 as sha2::Digest>::digest(s).to_vec(), 32)),
    declare!("Hash", "keccak256", "keccak256(s)", "The Keccak-256 digest of a string, 32 bytes.",
        "SELECT hex(keccak256('abc'))" => "4E03657AEA45A94FC7D47BA826C8D667C0D1E6E33A64A036EC44F58FA12D6C45", (1, 1), |_, a| digest("keccak256", a, |s| <sha3::Keccak256 as sha3::Digest>::digest(s).to_vec(), 32)),
    declare!("Hash", "halfMD5", "halfMD5(a, ...)", "The first eight bytes of the MD5 digest as a number, greatest first; several are combined.",
        "SELECT halfMD5('abc')" => "10376663631224000432", (1, usize::MAX), |_, a| any_arguments("halfMD5", a, &Hash::HALF_MD5)),
    declare!("Hash", "intHash32", "intHash32(n)", "A quick hash of an integer, 32 bits.",
        "SELECT intHash32(1)" => "1343103100", (1, 1), |_, a| of_integer::<UInt32Type>("intHash32", a, DataType::UInt32, int_hash_32)),
    declare!("Hash", "intHash64", "intHash64(n)", "A quick hash of an integer, 64 bits.",
        "SELECT intHash64(1)" => "10577349846663553072", (1, 1), |_, a| of_integer::<UInt64Type>("intHash64", a, DataType::UInt64, int_hash_64)),
    declare!("Hash", "javaHash", "javaHash(x)", "The hash that Java gives a string or a signed integer; of other values that of their bytes.",
        "SELECT javaHash('abc')" => "96354", (1, 1), |_, a| java("javaHash", a, |hash| hash)),
    declare!("Hash", "hiveHash", "hiveHash(x)", "The hash that Hive gives a string: Java's without the sign.",
        "SELECT hiveHash('abc')" => "96354", (1, 1), |_, a| java("hiveHash", a, |hash| hash & i32::MAX)),
    declare!("Hash", "URLHash", "URLHash(url)", "The hash of a URL without a slash, question mark or number sign at its end.",
    "SELECT URLHash('http://a.com/') = URLHash('http://a.com')" => "1", (1, 1), |_, a| {
        require_text("URLHash", a, 0)?;
        Ok(number::<UInt64Type>(DataType::UInt64, |url| {
            city::hash64(match url {
                [rest @ .., b'/' | b'?' | b'#'] => rest,
                whole => whole,
            })
        }))
    }),
];

fn digest(
    function: &str,
    arguments: &[Argument],
    f: fn(&[u8]) -> Vec<u8>,
    length: usize,
) -> Result<Bound> {
    require_text(function, arguments, 0)?;
    Ok(Bound::new(DataType::FixedString(length), move |columns, rows| {
        let mut digests: Vec<Vec<u8>> = Vec::with_capacity(rows);
        Strings::new(&columns[0])?.each(rows, |text| digests.push(f(text)));
        fixed_column(length, digests.iter().map(Vec::as_slice))
    }))
}

/// A FixedString column.
pub(crate) fn fixed_column<'a>(
    length: usize,
    values: impl ExactSizeIterator<Item = &'a [u8]>,
) -> Result<Column> {
    let mut out = FixedSizeBinaryBuilder::with_capacity(values.len(), length as i32);
    for value in values {
        out.append_value(value).map_err(|e| Error::logical(e.to_string()))?;
    }
    Ok(Column::Flat(Arc::new(out.finish())))
}

fn java_hash(text: &[u8]) -> i32 {
    text.iter().fold(0_i32, |hash, byte| hash.wrapping_mul(31).wrapping_add(i32::from(*byte as i8)))
}

/// Java's hash of strings and of integers of up to 64 bits; of anything else, and Hive's, that of its
/// bytes.
fn java(function: &str, arguments: &[Argument], finish: fn(i32) -> i32) -> Result<Bound> {
    let data_type = arguments[0].data_type.clone();
    if data_type.is_string() {
        return Ok(number::<Int32Type>(DataType::Int32, move |s| finish(java_hash(s))));
    }
    let unsigned = matches!(
        data_type.physical(),
        Physical::UInt8 | Physical::UInt16 | Physical::UInt32 | Physical::UInt64
    );
    if function == "javaHash" && unsigned && *data_type.inner() != DataType::Ipv4 {
        bail!(NotImplemented, "Unsigned types are not supported");
    }
    let Some(bits) = value_bits(&data_type) else {
        return Err(illegal(function, &arguments[0]));
    };
    let as_number = function == "javaHash"
        && (data_type.is_integer() || data_type.is_enum() || data_type.is_date());
    Ok(Bound::new(DataType::Int32, move |columns, rows| {
        let bits = bits(&columns[0].to_flat()?)?;
        let hash = |row: usize| match &bits {
            Bits::Words { width, .. } if as_number => {
                let number = bits.integer(row, !unsigned) as i64;
                if *width == 8 {
                    (number ^ (number as u64 >> 32) as i64) as i32
                } else {
                    number as i32
                }
            }
            _ => java_hash(&bits.bytes(row)),
        };
        Ok(numbers::<Int32Type>((0..rows).map(|row| finish(hash(row))).collect()))
    }))
}

/// The finalizer of MurmurHash3 over a salted number.
fn int_hash_64(number: u64) -> u64 {
    finalize_64(number ^ 0x4cf2_d2ba_ae6d_a887)
}

/// The finalizer of MurmurHash3.
fn finalize_64(number: u64) -> u64 {
    let mut x = number;
    x ^= x >> 33;
    x = x.wrapping_mul(0xff51_afd7_ed55_8ccd);
    x ^= x >> 33;
    x = x.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    x ^ x >> 33
}

/// Thomas Wang's hash of 64 bits to 32, over a salted number, with rotations for shifts.
fn int_hash_32(number: u64) -> u32 {
    let salted = number ^ 0x75d9_543d_e018_bf45;
    let mut key = (!salted).wrapping_add(salted << 18);
    key ^= key.rotate_right(31);
    key = key.wrapping_mul(21);
    key ^= key.rotate_right(11);
    key = key.wrapping_add(key << 6);
    key ^= key.rotate_right(22);
    key as u32
}

fn of_integer<T: ArrowPrimitiveType>(
    function: &str,
    arguments: &[Argument],
    return_type: DataType,
    f: fn(u64) -> T::Native,
) -> Result<Bound> {
    let data_type = &arguments[0].data_type;
    let width = !matches!(data_type, DataType::Decimal { .. }) && !data_type.is_float();
    let Some(bits) = value_bits(data_type).filter(|_| width) else {
        return Err(illegal(function, &arguments[0]));
    };
    let signed = data_type.inner().is_signed_integer();
    Ok(Bound::new(return_type, move |columns, rows| {
        let values = bits(&columns[0].to_flat()?)?;
        if !matches!(values, Bits::Words { .. }) {
            bail!(NotImplemented, "An integer hash of 128 bits is not supported");
        }
        Ok(numbers::<T>((0..rows).map(|row| f(values.integer(row, signed) as u64)).collect()))
    }))
}

/// Values of a fixed width as their bits.
pub(crate) enum Bits {
    /// Up to 64 bits, zero-extended, with their bytes each.
    Words {
        /// The bits.
        values: Vec<u64>,
        /// Bytes of a value.
        width: usize,
    },
    /// 128 bits.
    Wide(Vec<u128>),
    /// 256 bits, the lowest byte first.
    Wider(Vec<[u8; wide::BYTES]>),
    /// 128 bits in ClickHouse's order for a UUID: two halves, the higher first.
    Uuid(Vec<u128>),
}

impl Bits {
    /// The integer that the bits are; of 256 the lower half.
    pub(crate) fn integer(&self, row: usize, signed: bool) -> i128 {
        match self {
            Bits::Words { values, width } => {
                let unused = 64 - 8 * *width as u32;
                if signed {
                    i128::from((values[row] << unused) as i64 >> unused)
                } else {
                    i128::from(values[row])
                }
            }
            Bits::Wide(values) | Bits::Uuid(values) => values[row] as i128,
            Bits::Wider(values) => wide::U256::from_le_bytes(values[row]).as_i128(),
        }
    }

    /// The bytes of a value, least first (of a UUID and an IPv6 address, in reverse writing order).
    pub(super) fn bytes(&self, row: usize) -> Vec<u8> {
        match self {
            Bits::Words { values, width } => values[row].to_le_bytes()[..*width].to_vec(),
            Bits::Wide(values) | Bits::Uuid(values) => values[row].to_le_bytes().to_vec(),
            Bits::Wider(values) => values[row].to_vec(),
        }
    }
}

/// What reads the bits of an array.
pub(crate) type ReadBits = fn(&ArrayRef) -> Result<Bits>;

/// How the values of a type are read as bits; `None` for types of no fixed width.
pub(crate) fn value_bits(data_type: &DataType) -> Option<ReadBits> {
    fn words<T: ArrowPrimitiveType>(array: &ArrayRef, f: fn(T::Native) -> u64) -> Result<Bits> {
        let values = array.as_primitive::<T>().values().iter().map(|v| f(*v)).collect();
        Ok(Bits::Words { values, width: size_of::<T::Native>() })
    }
    Some(match data_type.physical() {
        Physical::UInt8 => |a| words::<UInt8Type>(a, u64::from),
        Physical::UInt16 => |a| words::<UInt16Type>(a, u64::from),
        Physical::UInt32 => |a| words::<UInt32Type>(a, u64::from),
        Physical::UInt64 => |a| words::<UInt64Type>(a, |v| v),
        Physical::Int8 => |a| words::<Int8Type>(a, |v| u64::from(v as u8)),
        Physical::Int16 => |a| words::<Int16Type>(a, |v| u64::from(v as u16)),
        Physical::Int32 => |a| words::<Int32Type>(a, |v| u64::from(v as u32)),
        Physical::Int64 => |a| words::<Int64Type>(a, |v| v as u64),
        Physical::Float32 if *data_type.inner() == DataType::BFloat16 => |a| {
            let numbers = a.as_primitive::<Float32Type>().values();
            let halves = numbers.iter().map(|v| u64::from(v.to_bits() >> 16));
            Ok(Bits::Words { values: halves.collect(), width: 2 })
        },
        Physical::Float32 => |a| words::<Float32Type>(a, |v| u64::from(v.to_bits())),
        Physical::Float64 => |a| words::<Float64Type>(a, f64::to_bits),
        Physical::Int128 => {
            let wide: ReadBits = |a| {
                let values = a.as_primitive::<Decimal128Type>().values();
                Ok(Bits::Wide(values.iter().map(|v| *v as u128).collect()))
            };
            let uuid: ReadBits = |a| match value_bits(&DataType::UInt128).map(|read| read(a)) {
                Some(Ok(Bits::Wide(values))) => Ok(Bits::Uuid(values)),
                _ => Err(Error::logical("a UUID that is not 128 bits")),
            };
            if *data_type.inner() == DataType::Uuid { uuid } else { wide }
        }
        _ => {
            fn wider(array: &ArrayRef, signed: bool) -> Result<Bits> {
                let bits: Vec<wide::U256> = wide::numbers(array.as_ref())?;
                let little = bits.iter().map(|n| wide::to_little(n.to_be_bytes(), signed));
                Ok(Bits::Wider(little.collect()))
            }
            match data_type.wide_sign()? {
                true => |a| wider(a, true),
                false => |a| wider(a, false),
            }
        }
    })
}

/// Whether a row is NULL.
fn null_at(array: &ArrayRef, row: usize) -> bool {
    array.nulls().is_some_and(|nulls| nulls.is_null(row))
}
