//! Hashes of any number of arguments of any type.

use base::Result;
use expr::{Argument, Bound, FunctionDeclaration};
use types::{Column, DataType, Physical};

use super::super::declare;
use super::super::strings::{Strings, illegal, numbers};
use super::{
    Bits, city, fixed_column, int_hash_32, int_hash_64, murmur, null_at, sip, value_bits, wy,
};
use arrow_array::ArrayRef;
use arrow_array::cast::AsArray;
use arrow_array::types::{UInt32Type, UInt64Type};
use twox_hash::{XxHash3_64, XxHash32, XxHash64};

macro_rules! any_hash {
    ($name:literal, $hash:ident, $what:literal, $sql:literal => $answer:literal) => {
        declare!("Hash", $name, "hash(a, ...)", $what, $sql => $answer, (0, usize::MAX),
            |_, a| any_arguments($name, a, &Hash::$hash))
    };
}

pub(super) static FUNCTIONS: &[FunctionDeclaration] = &[
    any_hash!("cityHash64", CITY, "CityHash (version 1.0.2) of the arguments, 64 bits.",
        "SELECT cityHash64('abc')" => "4220206313085259313"),
    any_hash!("sipHash64", SIP, "SipHash-2-4 of the arguments, 64 bits.",
        "SELECT sipHash64('abc')" => "4596069200710135518"),
    any_hash!("sipHash128", SIP_128, "SipHash-2-4 of the arguments, 16 bytes.",
        "SELECT hex(sipHash128('abc'))" => "B6B415A2DA966B6C685A65E54C12A353"),
    any_hash!("xxHash32", XX_32, "xxHash of the arguments, 32 bits.",
        "SELECT xxHash32('abc')" => "852579327"),
    any_hash!("xxHash64", XX_64, "xxHash of the arguments, 64 bits.",
        "SELECT xxHash64('abc')" => "4952883123889572249"),
    any_hash!("xxh3", XXH3, "XXH3 of the arguments, 64 bits.",
        "SELECT xxh3('abc')" => "8696274497037089104"),
    any_hash!("wyHash64", WY, "wyhash of the arguments, 64 bits.",
        "SELECT wyHash64('abc')" => "13006551795127091151"),
    any_hash!("murmurHash2_32", MURMUR2_32, "MurmurHash2 of the arguments, 32 bits.",
        "SELECT murmurHash2_32('abc')" => "324500635"),
    any_hash!("murmurHash2_64", MURMUR2_64, "MurmurHash2 of the arguments, 64 bits.",
        "SELECT murmurHash2_64('abc')" => "11297775770902552315"),
    any_hash!("murmurHash3_32", MURMUR3_32, "MurmurHash3 of the arguments, 32 bits.",
        "SELECT murmurHash3_32('abc')" => "3017643002"),
    any_hash!("murmurHash3_64", MURMUR3_64, "MurmurHash3 of the arguments, 64 bits.",
        "SELECT murmurHash3_64('abc')" => "10318955651176813877"),
    any_hash!("murmurHash3_128", MURMUR3_128, "MurmurHash3 of the arguments, 16 bytes.",
        "SELECT hex(murmurHash3_128('abc'))" => "6778AD3F3F3F96B4522DCA264174A23B"),
    any_hash!("gccMurmurHash", GCC, "The hash of GCC's standard library of the arguments, 64 bits.",
        "SELECT gccMurmurHash('abc')" => "3663726644998027833"),
];

/// A hash of bytes, and how hashes are combined.
pub(super) struct Hash {
    of_bytes: fn(&[u8]) -> u128,
    /// Integers of up to 64 bits, where they are not hashed as bytes.
    of_word: Option<fn(u64) -> u64>,
    combine: fn(u128, u128) -> u128,
    width: Width,
}

#[derive(Clone, Copy, PartialEq)]
enum Width {
    Bits32,
    Bits64,
    Bytes16,
}

impl Width {
    fn low_bits(self, value: u128) -> u128 {
        match self {
            Width::Bits32 => value & u128::from(u32::MAX),
            Width::Bits64 => value & u128::from(u64::MAX),
            Width::Bytes16 => value,
        }
    }
}

/// CityHash's combination of two words, which most hashes use.
fn city_combine(a: u128, b: u128) -> u128 {
    u128::from(city::combine(a as u64, b as u64))
}

/// Another hash over both hashes' bytes.
fn sip_combine(a: u128, b: u128) -> u128 {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&(a as u64).to_le_bytes());
    bytes[8..].copy_from_slice(&(b as u64).to_le_bytes());
    u128::from(sip::hash64(&bytes))
}

/// wyhash over both hashes' bytes.
fn wy_combine(a: u128, b: u128) -> u128 {
    u128::from(wy::hash64(&(a | b << 64).to_le_bytes()))
}

fn half_md5(text: &[u8]) -> u128 {
    let digest = <md5::Md5 as md5::Digest>::digest(text);
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    u128::from(u64::from_be_bytes(first))
}

fn half_md5_combine(a: u128, b: u128) -> u128 {
    half_md5(&(a | b << 64).to_le_bytes())
}

fn sip_combine_128(a: u128, b: u128) -> u128 {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(&a.to_le_bytes());
    bytes[16..].copy_from_slice(&b.to_le_bytes());
    sip::hash128(&bytes)
}

/// The hash of the first, of 32 bits, mixed with the second.
fn mix_32(a: u128, b: u128) -> u128 {
    u128::from(int_hash_32(a as u64) ^ b as u32)
}

/// The hash of the first, of 64 bits, mixed with the second.
fn mix_64(a: u128, b: u128) -> u128 {
    u128::from(int_hash_64(a as u64) ^ b as u64)
}

impl Hash {
    pub(super) const CITY: Hash = Hash {
        of_bytes: |s| u128::from(city::hash64(s)),
        of_word: Some(int_hash_64),
        combine: city_combine,
        width: Width::Bits64,
    };
    const SIP: Hash = Hash {
        of_bytes: |s| u128::from(sip::hash64(s)),
        of_word: None,
        combine: sip_combine,
        width: Width::Bits64,
    };
    const SIP_128: Hash = Hash {
        of_bytes: sip::hash128,
        of_word: None,
        combine: sip_combine_128,
        width: Width::Bytes16,
    };
    pub(super) const HALF_MD5: Hash =
        Hash { of_bytes: half_md5, of_word: None, combine: half_md5_combine, width: Width::Bits64 };
    const XX_32: Hash = Hash {
        of_bytes: |s| u128::from(XxHash32::oneshot(0, s)),
        of_word: None,
        combine: mix_32,
        width: Width::Bits32,
    };
    const XX_64: Hash = Hash {
        of_bytes: |s| u128::from(XxHash64::oneshot(0, s)),
        of_word: None,
        combine: city_combine,
        width: Width::Bits64,
    };
    const XXH3: Hash = Hash {
        of_bytes: |s| u128::from(XxHash3_64::oneshot(s)),
        of_word: None,
        combine: city_combine,
        width: Width::Bits64,
    };
    const WY: Hash = Hash {
        of_bytes: |s| u128::from(wy::hash64(s)),
        of_word: None,
        combine: wy_combine,
        width: Width::Bits64,
    };
    const MURMUR2_32: Hash = Hash {
        of_bytes: |s| u128::from(murmur::hash2_32(s)),
        of_word: None,
        combine: mix_32,
        width: Width::Bits32,
    };
    const MURMUR2_64: Hash = Hash {
        of_bytes: |s| u128::from(murmur::hash2_64(s, 0)),
        of_word: None,
        combine: mix_64,
        width: Width::Bits64,
    };
    const MURMUR3_32: Hash = Hash {
        of_bytes: |s| u128::from(murmur::hash3_32(s)),
        of_word: None,
        combine: mix_32,
        width: Width::Bits32,
    };
    const MURMUR3_64: Hash = Hash {
        of_bytes: |s| {
            let (a, b) = murmur::hash3_128(s);
            u128::from(a ^ b)
        },
        of_word: None,
        combine: mix_64,
        width: Width::Bits64,
    };
    const MURMUR3_128: Hash = Hash {
        of_bytes: |s| {
            let (a, b) = murmur::hash3_128(s);
            u128::from(a) | u128::from(b) << 64
        },
        of_word: None,
        combine: sip_combine_128,
        width: Width::Bytes16,
    };
    const GCC: Hash = Hash {
        of_bytes: |s| u128::from(murmur::hash_gcc(s)),
        of_word: None,
        combine: mix_64,
        width: Width::Bits64,
    };
}

pub(super) fn any_arguments(
    function: &str,
    arguments: &[Argument],
    hash: &'static Hash,
) -> Result<Bound> {
    for argument in arguments {
        if !hashable(&argument.data_type) {
            return Err(illegal(function, argument));
        }
    }
    let types: Vec<DataType> = arguments.iter().map(|a| a.data_type.clone()).collect();
    let return_type = match hash.width {
        Width::Bits32 => DataType::UInt32,
        Width::Bits64 => DataType::UInt64,
        Width::Bytes16 => DataType::FixedString(16),
    };
    Ok(Bound::new(return_type, move |columns, rows| {
        // What no argument at all hashes to.
        const NOTHING: u128 = 0xe28d_bde7_fe22_e41c;
        let mut state = State { hashes: vec![NOTHING; rows], first: true };
        for (column, data_type) in columns.iter().zip(&types) {
            state.add(hash, &column.to_flat()?, data_type)?;
        }
        finish(hash.width, state.hashes)
    }))
}

/// Turns a fixed width's hashes into a column.
fn finish(width: Width, hashes: Vec<u128>) -> Result<Column> {
    Ok(match width {
        Width::Bits32 => numbers::<UInt32Type>(hashes.iter().map(|h| *h as u32).collect()),
        Width::Bits64 => numbers::<UInt64Type>(hashes.iter().map(|h| *h as u64).collect()),
        Width::Bytes16 => {
            let bytes: Vec<[u8; 16]> = hashes.iter().map(|h| h.to_le_bytes()).collect();
            fixed_column(16, bytes.iter().map(<[u8; 16]>::as_slice))?
        }
    })
}

fn hashable(data_type: &DataType) -> bool {
    match data_type.inner() {
        DataType::Array(item) => hashable(item),
        DataType::Map(pair) => hashable(&pair.0) && hashable(&pair.1),
        DataType::Tuple(fields) => fields.iter().all(|f| hashable(&f.data_type)),
        DataType::Time | DataType::BFloat16 => false,
        other => other.is_string() || value_bits(other).is_some(),
    }
}

/// What NULL within an array or a tuple hashes to; narrower hashes take its low bits.
const NULL_HASH: u128 = 0x5715_f196_cbea_7a40_c58a_d2da_03d9_a871;

/// A hash for every row.
struct State {
    hashes: Vec<u128>,
    /// Whether nothing was added yet, so that the first hash is taken as it is.
    first: bool,
}

impl State {
    fn push(&mut self, hash: &Hash, array: &ArrayRef, row: usize, value: u128) {
        let value = if null_at(array, row) { hash.width.low_bits(NULL_HASH) } else { value };
        if self.first {
            self.hashes[row] = value;
        } else {
            self.hashes[row] = (hash.combine)(self.hashes[row], value);
        }
    }

    fn add(&mut self, hash: &Hash, array: &ArrayRef, data_type: &DataType) -> Result<()> {
        let rows = self.hashes.len();
        match data_type.physical() {
            Physical::Bytes | Physical::Fixed(_) if data_type.wide_sign().is_none() => {
                let strings = Strings::of_array(array.as_ref())?;
                for row in 0..rows {
                    let value = (hash.of_bytes)(strings.get(row));
                    self.push(hash, array, row, value);
                }
            }
            Physical::Struct => {
                let DataType::Tuple(fields) = data_type.inner() else { return Ok(()) };
                for (field, column) in fields.iter().zip(array.as_struct().columns()) {
                    self.add(hash, column, &field.data_type)?;
                }
                return Ok(());
            }
            Physical::List => self.add_lists(hash, array, data_type)?,
            _ => {
                let Some(read) = value_bits(data_type) else { return Ok(()) };
                let bits = read(array)?;
                // Decimals and ticks are hashed as their bytes, also where integers are not.
                let by_bytes = matches!(
                    data_type.inner(),
                    DataType::Decimal { .. } | DataType::DateTime64(..) | DataType::Time64(_)
                );
                let of_word = if by_bytes { None } else { hash.of_word };
                // Addresses are hashed as they are written, the highest byte first.
                let bits = match bits {
                    Bits::Wide(values) if *data_type.inner() == DataType::Ipv6 => {
                        Bits::Wide(values.into_iter().map(u128::swap_bytes).collect())
                    }
                    bits => bits,
                };
                for row in 0..rows {
                    self.push(hash, array, row, hash_bits(hash, of_word, &bits, row));
                }
            }
        }
        self.first = false;
        Ok(())
    }

    /// The hash of the length, then of the items.
    fn add_lists(&mut self, hash: &Hash, array: &ArrayRef, data_type: &DataType) -> Result<()> {
        let list = array.as_list::<i32>();
        let item = data_type.list_item().unwrap_or(DataType::Nothing);
        let offsets = list.value_offsets();
        let mut items = State { hashes: vec![0; list.values().len()], first: true };
        items.add(hash, list.values(), &item)?;
        for (row, bounds) in offsets.windows(2).enumerate() {
            let length = (bounds[1] - bounds[0]) as u64;
            let first = match hash.width {
                Width::Bits64 => int_hash_64(length),
                Width::Bits32 | Width::Bytes16 => u64::from(int_hash_32(length)),
            };
            self.push(hash, array, row, u128::from(first));
            for at in bounds[0] as usize..bounds[1] as usize {
                self.hashes[row] = (hash.combine)(self.hashes[row], items.hashes[at]);
            }
        }
        Ok(())
    }
}

fn hash_bits(hash: &Hash, of_word: Option<fn(u64) -> u64>, bits: &Bits, row: usize) -> u128 {
    match (bits, of_word) {
        (Bits::Words { values, .. }, Some(of_word)) => u128::from(of_word(values[row])),
        (Bits::Words { values, width }, None) => {
            (hash.of_bytes)(&values[row].to_le_bytes()[..*width])
        }
        (Bits::Wide(values), _) => (hash.of_bytes)(&values[row].to_le_bytes()),
        (Bits::Wider(values), _) => (hash.of_bytes)(&values[row]),
        (Bits::Uuid(values), _) => (hash.of_bytes)(&values[row].rotate_left(64).to_le_bytes()),
    }
}
