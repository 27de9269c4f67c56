//! Bytes as digits and letters: hexadecimal, binary, base 32, 58, 64, checksums.

use arrow_array::types::{UInt32Type, UInt64Type};
use base::{Result, bail};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration, Registry};
use types::{Column, DataType, Physical};

mod base_n;

use super::declare;
use super::strings::{
    BytesBuilder, Integers, Strings, illegal, number, require_text, try_write, write,
};
use crate::scalar::lane::{self, Kind};
use base_n::{BASE32, BASE58, BASE64, BASE64_URL};

pub(super) fn register(registry: &mut Registry) {
    registry.add_functions(FUNCTIONS);
}

static FUNCTIONS: &[FunctionDeclaration] = &[
    declare!("Encoding", "hex", "hex(x)", "The bytes of a value in hexadecimal digits; integers without leading zero bytes, greatest byte first.",
        "SELECT hex('abc'), hex(255)" => "616263\tFF", (1, 1), |_, a| digits("hex", a, hex), case_insensitive: true),
    declare!("Encoding", "bin", "bin(x)", "The bits of a value; integers without leading zero bytes, greatest byte first.",
        "SELECT bin(5)" => "00000101", (1, 1), |_, a| digits("bin", a, binary), case_insensitive: true),
    declare!("Encoding", "unhex", "unhex(s)", "The bytes that hexadecimal digits stand for.",
        "SELECT unhex('616263')" => "abc", (1, 1), |_, a| {
            require_text("unhex", a, 0)?;
            Ok(write(unhex))
        }, case_insensitive: true),
    declare!("Encoding", "unbin", "unbin(s)", "The bytes that binary digits stand for.",
        "SELECT unbin('01100001')" => "a", (1, 1), |_, a| {
            require_text("unbin", a, 0)?;
            Ok(write(unbin))
        }, case_insensitive: true),
    declare!("Encoding", "char", "char(n, ...)", "The string of the bytes with the given numbers.",
        "SELECT char(72, 105)" => "Hi", (1, usize::MAX), char_of, case_insensitive: true),
    declare!("Encoding", "base64Encode", "base64Encode(s)", "The bytes in base 64.",
        "SELECT base64Encode('granary')" => "Z3JhbmFyeQ==", (1, 1), |_, a| encode("base64Encode", a, |t, o| BASE64.encode(t, o)),
        aliases: &["TO_BASE64"], case_insensitive: true),
    declare!("Encoding", "base64Decode", "base64Decode(s)", "The bytes that a string in base 64 stands for; an error if it is none.",
        "SELECT base64Decode('Z3JhbmFyeQ==')" => "granary", (1, 1), |_, a| decode("base64Decode", a, |t, o| BASE64.decode(t, o)),
        aliases: &["FROM_BASE64"], case_insensitive: true),
    declare!("Encoding", "tryBase64Decode", "tryBase64Decode(s)", "As `base64Decode`; empty where the string is not in base 64.",
        "SELECT tryBase64Decode('?')" => "", (1, 1), |_, a| attempt("tryBase64Decode", a, |t, o| BASE64.decode(t, o))),
    declare!("Encoding", "base64URLEncode", "base64URLEncode(s)", "The bytes in base 64 with the letters safe for URLs, unpadded.",
        "SELECT base64URLEncode('a?>')" => "YT8-", (1, 1), |_, a| encode("base64URLEncode", a, |t, o| BASE64_URL.encode(t, o))),
    declare!("Encoding", "base64URLDecode", "base64URLDecode(s)", "The bytes that a string in URL-safe base 64 stands for.",
        "SELECT base64URLDecode('YT8-')" => "a?>", (1, 1), |_, a| decode("base64URLDecode", a, |t, o| BASE64_URL.decode(t, o))),
    declare!("Encoding", "tryBase64URLDecode", "tryBase64URLDecode(s)", "As `base64URLDecode`; empty where the string is not of that kind.",
        "SELECT tryBase64URLDecode('?')" => "", (1, 1), |_, a| attempt("tryBase64URLDecode", a, |t, o| BASE64_URL.decode(t, o))),
    declare!("Encoding", "base32Encode", "base32Encode(s)", "The bytes in base 32.",
        "SELECT base32Encode('ab')" => "MFRA====", (1, 1), |_, a| encode("base32Encode", a, |t, o| BASE32.encode(t, o))),
    declare!("Encoding", "base32Decode", "base32Decode(s)", "The bytes that a string in base 32 stands for.",
        "SELECT base32Decode('MFRA====')" => "ab", (1, 1), |_, a| decode("base32Decode", a, |t, o| BASE32.decode(t, o))),
    declare!("Encoding", "tryBase32Decode", "tryBase32Decode(s)", "As `base32Decode`; empty where the string is not in base 32.",
        "SELECT tryBase32Decode('1')" => "", (1, 1), |_, a| attempt("tryBase32Decode", a, |t, o| BASE32.decode(t, o))),
    declare!("Encoding", "base58Encode", "base58Encode(s)", "The bytes in base 58 with Bitcoin's letters.",
        "SELECT base58Encode('abc')" => "ZiCa", (1, 1), |_, a| encode("base58Encode", a, |t, o| BASE58.encode(t, o))),
    declare!("Encoding", "base58Decode", "base58Decode(s)", "The bytes that a string in base 58 stands for.",
        "SELECT base58Decode('ZiCa')" => "abc", (1, 1), |_, a| decode("base58Decode", a, |t, o| BASE58.decode(t, o))),
    declare!("Encoding", "tryBase58Decode", "tryBase58Decode(s)", "As `base58Decode`; empty where the string is not in base 58.",
        "SELECT tryBase58Decode('0')" => "", (1, 1), |_, a| attempt("tryBase58Decode", a, |t, o| BASE58.decode(t, o))),
    declare!("String", "CRC32", "CRC32(s)", "The checksum CRC-32 of zlib.",
        "SELECT CRC32('abc')" => "891568578", (1, 1), |_, a| {
            require_text("CRC32", a, 0)?;
            Ok(number::<UInt32Type>(DataType::UInt32, |s| crc(&CRC32_TABLE, u32::MAX, s) ^ u32::MAX))
        }, case_insensitive: true),
    declare!("String", "CRC32IEEE", "CRC32IEEE(s)", "The checksum CRC-32 with IEEE's polynomial, begun at zero.",
        "SELECT CRC32IEEE('abc')" => "3395655888", (1, 1), |_, a| {
            require_text("CRC32IEEE", a, 0)?;
            Ok(number::<UInt32Type>(DataType::UInt32, |s| crc(&CRC32_TABLE, 0, s)))
        }, case_insensitive: true),
    declare!("String", "CRC64", "CRC64(s)", "The checksum CRC-64 with ECMA's polynomial.",
        "SELECT CRC64('abc')" => "14276787454831668577", (1, 1), |_, a| {
            require_text("CRC64", a, 0)?;
            Ok(number::<UInt64Type>(DataType::UInt64, |s| {
                s.iter().fold(0, |crc, byte| CRC64_TABLE[usize::from(crc as u8 ^ byte)] ^ (crc >> 8))
            }))
        }, case_insensitive: true),
];

const CRC32_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut value = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { (value >> 1) ^ 0xEDB8_8320 } else { value >> 1 };
            bit += 1;
        }
        table[byte] = value;
        byte += 1;
    }
    table
};

const CRC64_TABLE: [u64; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut value = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { (value >> 1) ^ 0xC96C_5795_D787_0F42 } else { value >> 1 };
            bit += 1;
        }
        table[byte] = value;
        byte += 1;
    }
    table
};

fn crc(table: &[u32; 256], start: u32, text: &[u8]) -> u32 {
    text.iter().fold(start, |crc, byte| table[usize::from(crc as u8 ^ byte)] ^ (crc >> 8))
}

fn hex(bytes: impl Iterator<Item = u8>, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in bytes {
        out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}

fn binary(bytes: impl Iterator<Item = u8>, out: &mut Vec<u8>) {
    for byte in bytes {
        out.extend((0..8).rev().map(|bit| b'0' + (byte >> bit & 1)));
    }
}

type Digits = fn(std::vec::IntoIter<u8>, &mut Vec<u8>);

/// `hex` and `bin`: the bytes of a value by its type.
fn digits(function: &str, arguments: &[Argument], digits: Digits) -> Result<Bound> {
    let argument = &arguments[0];
    let data_type = argument.data_type.clone();
    if data_type.is_string() || matches!(data_type, DataType::AggregateFunction(_)) {
        #[allow(clippy::unnecessary_to_owned, reason = "the digits of numbers come by value")]
        return Ok(write(move |text, out| digits(text.to_vec().into_iter(), out)));
    }
    let memory_order = data_type.is_float() || matches!(data_type, DataType::Decimal { .. });
    let whole = memory_order || matches!(data_type, DataType::Uuid | DataType::Ipv6);
    if matches!(data_type.physical(), Physical::List | Physical::Struct | Physical::Bytes) {
        return Err(illegal(function, argument));
    }
    let bits = super::hash::value_bits(&data_type);
    let Some(bits) = bits else { return Err(illegal(function, argument)) };
    Ok(Bound::new(DataType::String, move |columns, rows| {
        let values = bits(&columns[0].to_flat()?)?;
        let mut out = BytesBuilder::new(rows);
        for row in 0..rows {
            let mut bytes = values.bytes(row);
            if !memory_order {
                bytes.reverse();
            }
            if !whole {
                let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
                bytes.drain(..zeros.min(bytes.len() - 1));
            }
            out.append_with(|out| digits(bytes.into_iter(), out));
        }
        out.column()
    }))
}

/// Other characters than digits count as 255, as in ClickHouse.
fn unhex(text: &[u8], out: &mut Vec<u8>) {
    let value = |digit: u8| (digit as char).to_digit(16).map_or(255, |v| v as u8);
    let (first, rest) = text.split_at(text.len() % 2);
    if let [digit] = first {
        out.push(value(*digit));
    }
    for pair in rest.chunks_exact(2) {
        out.push((value(pair[0]) << 4).wrapping_add(value(pair[1])));
    }
}

fn unbin(text: &[u8], out: &mut Vec<u8>) {
    let byte = |digits: &[u8]| digits.iter().fold(0, |byte, d| byte << 1 | u8::from(*d != b'0'));
    let (first, rest) = text.split_at(text.len() % 8);
    // Zeros before whole bytes are none.
    let lead = byte(first);
    if lead != 0 || rest.is_empty() && !first.is_empty() {
        out.push(lead);
    }
    out.extend(rest.chunks_exact(8).map(byte));
}

fn char_of(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let mut kinds = Vec::with_capacity(arguments.len());
    for argument in arguments {
        let data_type = &argument.data_type;
        if !data_type.is_integer() && !data_type.is_float() {
            return Err(illegal("char", argument));
        }
        kinds.push(Kind::require(data_type)?);
    }
    Ok(Bound::new(DataType::String, move |columns, rows| {
        let whole: Vec<Column> = columns
            .iter()
            .zip(&kinds)
            .map(|(column, kind)| lane::convert(column, *kind, Kind::I64))
            .collect::<Result<_>>()?;
        let parts: Vec<Integers> = whole.iter().map(Integers::new).collect::<Result<_>>()?;
        let mut out = BytesBuilder::new(rows);
        for row in 0..rows {
            out.append_with(|out| out.extend(parts.iter().map(|p| p.get(row) as u8)));
        }
        out.column()
    }))
}

fn encode(
    function: &str,
    arguments: &[Argument],
    f: impl Fn(&[u8], &mut Vec<u8>) + Send + Sync + 'static,
) -> Result<Bound> {
    require_text(function, arguments, 0)?;
    Ok(write(f))
}

/// Appends what is decoded, or answers `None`.
type Decode = fn(&[u8], &mut Vec<u8>) -> Option<()>;

fn decode(function: &'static str, arguments: &[Argument], f: Decode) -> Result<Bound> {
    require_text(function, arguments, 0)?;
    Ok(try_write(move |text, out| {
        if f(text, out).is_none() {
            bail!(
                IncorrectData,
                "Invalid {function} value ({}), cannot be decoded",
                String::from_utf8_lossy(text)
            );
        }
        Ok(())
    }))
}

fn attempt(function: &str, arguments: &[Argument], f: Decode) -> Result<Bound> {
    require_text(function, arguments, 0)?;
    Ok(Bound::new(DataType::String, move |columns: &[Column], rows| {
        let strings = Strings::new(&columns[0])?;
        let mut out = BytesBuilder::new(rows);
        for row in 0..rows {
            out.append_with(|out| {
                let start = out.len();
                if f(strings.get(row), out).is_none() {
                    out.truncate(start);
                }
            });
        }
        out.column()
    }))
}
