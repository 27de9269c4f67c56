//! Strings of random bytes and characters, and random changes of bits.

use base::{Result, bail};
use expr::{Argument, Bound, Determinism, FunctionContext, FunctionDeclaration, Nulls};
use types::{Column, DataType, Value};

use super::lane::argument;
use super::number_type::illegal;
use super::random::Random;
use crate::text::fixed_column;
use crate::text::strings::{BytesBuilder, Integers, LONGEST, Strings};

pub(crate) const FUNCTIONS: &[FunctionDeclaration] = declare! { "Random number";
    "randomString" (1, 2) "randomString(length[, x])" "A string of so many random bytes."
        "SELECT length(randomString(10))" => "10"; |_, a| texts(a, "randomString", bytes), determinism: Determinism::Never;
    "randomStringUTF8" (1, 2) "randomStringUTF8(length[, x])" "A string of so many random characters of UTF-8."
        "SELECT lengthUTF8(randomStringUTF8(10))" => "10"; |_, a| texts(a, "randomStringUTF8", characters), determinism: Determinism::Never;
    "randomPrintableASCII" (1, 2) "randomPrintableASCII(length[, x])" "A string of so many random characters from space to tilde."
        "SELECT match(randomPrintableASCII(10), '^[ -~]{10}$')" => "1"; |_, a| texts(a, "randomPrintableASCII", printable), determinism: Determinism::Never;
    "randomFixedString" (1, 2) "randomFixedString(length)" "A fixed string of so many random bytes."
        "SELECT toTypeName(randomFixedString(3))" => "FixedString(3)"; bind_fixed, nulls: Nulls::Custom, determinism: Determinism::Never;
    "fuzzBits" (2, 2) "fuzzBits(s, probability)" "The string with each of its bits turned around with a probability."
        "SELECT fuzzBits('abc', 0.), hex(fuzzBits('abc', 1.))" => "abc\t9E9D9C"; bind_fuzz, determinism: Determinism::Never;
};

/// Writes so many random units.
type Writer = fn(&mut Random, usize, &mut Vec<u8>);

fn bytes(random: &mut Random, length: usize, out: &mut Vec<u8>) {
    let start = out.len();
    while out.len() - start < length {
        out.extend_from_slice(&random.next().to_le_bytes());
    }
    out.truncate(start + length);
}

fn printable(random: &mut Random, length: usize, out: &mut Vec<u8>) {
    let start = out.len();
    bytes(random, length, out);
    // 95 characters, each about as likely as the others.
    out[start..].iter_mut().for_each(|byte| *byte = b' ' + ((u16::from(*byte) * 95) >> 8) as u8);
}

fn characters(random: &mut Random, length: usize, out: &mut Vec<u8>) {
    let mut left = length;
    while left > 0 {
        // Surrogates are no characters.
        let code = (random.next() >> 32) as u32 % 0x11_0000;
        if let Some(character) = char::from_u32(code) {
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            left -= 1;
        }
    }
}

fn texts(arguments: &[Argument], name: &'static str, write: Writer) -> Result<Bound> {
    let length = &arguments[0].data_type;
    if !length.is_integer() || length.bits() > Some(64) {
        return Err(illegal(length, name));
    }
    Ok(Bound::new(DataType::String, move |columns, rows| {
        let lengths = Integers::new(argument(columns, 0)?)?;
        let mut random = Random::new();
        let mut out = BytesBuilder::new(rows);
        let mut total = 0;
        for row in 0..rows {
            let length = usize::try_from(lengths.get(row)).unwrap_or(usize::MAX);
            total = length.saturating_add(total);
            if total > LONGEST / 4 {
                bail!(TooLargeStringSize, "Too large string size in function {name}");
            }
            out.append_with(|out| write(&mut random, length, out));
        }
        out.column()
    }))
}

fn bind_fixed(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let length = &arguments[0];
    if !length.data_type.is_integer() {
        return Err(illegal(&length.data_type, "randomFixedString"));
    }
    let length = match &length.constant {
        Some(Value::Int(number)) => match usize::try_from(*number) {
            Ok(length @ 1..=0xFF_FFFF) => length,
            Ok(0) | Err(_) => bail!(ArgumentOutOfBound, "FixedString size must be positive"),
            Ok(_) => bail!(ArgumentOutOfBound, "FixedString size is too large"),
        },
        _ => bail!(IllegalColumn, "First argument for function randomFixedString must be constant"),
    };
    Ok(Bound::new(DataType::FixedString(length), move |_, rows| {
        if rows.saturating_mul(length) > LONGEST {
            bail!(TooLargeStringSize, "Too large string size in function randomFixedString");
        }
        let mut random = Random::new();
        let mut out = Vec::with_capacity(rows * length);
        bytes(&mut random, rows * length, &mut out);
        fixed_column(length, out.chunks_exact(length))
    }))
}

fn bind_fuzz(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let text = arguments[0].data_type.clone();
    if !text.is_string() {
        return Err(illegal(&text, "fuzzBits"));
    }
    let probability = match &arguments[1].constant {
        Some(Value::Float(number)) => *number,
        _ => bail!(
            IllegalTypeOfArgument,
            "Second argument of function fuzzBits must be constant float"
        ),
    };
    if !(0.0..=1.0).contains(&probability) {
        bail!(ArgumentOutOfBound, "Second argument of function fuzzBits must be from 0.0 to 1.0");
    }
    Ok(Bound::new(text.clone(), move |columns, rows| -> Result<Column> {
        let texts = Strings::new(argument(columns, 0)?)?;
        let mut random = Random::new();
        let mut fuzzed = |text: &[u8]| -> Vec<u8> {
            let mut one = |byte: &u8| {
                (0..8).fold(*byte, |byte, bit| byte ^ u8::from(random.unit() < probability) << bit)
            };
            text.iter().map(&mut one).collect()
        };
        if let DataType::FixedString(length) = &text {
            let all: Vec<Vec<u8>> = (0..rows).map(|row| fuzzed(texts.get(row))).collect();
            return fixed_column(*length, all.iter().map(Vec::as_slice));
        }
        let mut out = BytesBuilder::new(rows);
        (0..rows).for_each(|row| out.append(&fuzzed(texts.get(row))));
        out.column()
    }))
}
