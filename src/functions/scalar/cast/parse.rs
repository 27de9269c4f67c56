//! Strings to everything else.

use std::sync::Arc;

use arrow_array::builder::FixedSizeBinaryBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, FixedSizeBinaryArray};
use base::{Error, Result, bail, error};
use expr::FunctionContext;
use format::FormatSettings;
use format::text::{ColumnParser, Escaping};
use types::{DataType, I256, U256};

use super::{ArrayConversion, Mode, text_settings};
use crate::scalar::lane::flat;

/// The bytes of a row of a string array; a FixedString's without the zeros at its end.
pub(crate) fn text_at(array: &ArrayRef, row: usize) -> &[u8] {
    match array.as_fixed_size_binary_opt() {
        Some(fixed) => {
            let bytes = fixed.value(row);
            let end = bytes.iter().rposition(|b| *b != 0).map_or(0, |at| at + 1);
            &bytes[..end]
        }
        None => array.as_binary_view().value(row),
    }
}

/// Parses texts, with what to do about wrong ones.
pub(crate) fn from_text(context: &FunctionContext, to: &DataType, mode: Mode) -> ArrayConversion {
    if matches!(to, DataType::Ipv4 | DataType::Ipv6)
        && mode != Mode::OrNull
        && context.flag("cast_ipv4_ipv6_default_on_conversion_error")
    {
        let parse = from_text_with(text_settings(context), to, Mode::OrNull);
        return Arc::new(move |array| {
            let parsed = parse(array)?;
            // What lies under NULL is the default.
            let plain = parsed.to_data().into_builder().nulls(None).build();
            Ok(arrow_array::make_array(plain.map_err(|e| Error::logical(e.to_string()))?))
        });
    }
    from_text_with(text_settings(context), to, mode)
}

/// As `from_text`, with settings of one's own.
pub(crate) fn from_text_with(
    settings: FormatSettings,
    to: &DataType,
    mode: Mode,
) -> ArrayConversion {
    let to = to.clone();
    let target = if mode == Mode::OrNull { to.clone().nullable() } else { to.clone() };
    Arc::new(move |array| {
        let fixed = array.as_fixed_size_binary_opt();
        if let Some(fixed) =
            fixed.filter(|fixed| to == DataType::Uuid && fixed.value_length() == 16)
        {
            return uuids(fixed);
        }
        // Zeros alone are a number, though not as a text.
        let zeros = fixed.is_some() && to.is_integer();
        let mut parser = ColumnParser::new(&target, &settings);
        for row in 0..array.len() {
            let text = match shortened(text_at(array, row), &to) {
                [] if zeros => b"0",
                text => text,
            };
            if mode == Mode::OrNull && to.is_integer() && !is_within(text, &to) {
                parser.push_default();
                continue;
            }
            match push(&mut parser, text, &to, &settings) {
                Ok(()) => {}
                Err(_) if mode == Mode::OrNull => parser.push_default(),
                Err(error) => return Err(explained(error, text, &to)),
            }
        }
        parser.finish()
    })
}

/// FixedString(16) holds a UUID as ClickHouse has it in memory: two numbers of 64 bits, the last byte of each first.
fn uuids(fixed: &FixedSizeBinaryArray) -> Result<ArrayRef> {
    let half =
        |bytes: &[u8]| bytes.iter().rev().fold(0, |half, byte| half << 8 | u128::from(*byte));
    let uuid = |row| {
        let (high, low) = fixed.value(row).split_at(8);
        half(high) << 64 | half(low)
    };
    flat::<u128>((0..fixed.len()).map(uuid).collect()).to_flat()
}

/// Appends one value; a number must be spelt without blanks around it and within its range.
fn push(
    parser: &mut ColumnParser,
    text: &[u8],
    to: &DataType,
    settings: &FormatSettings,
) -> Result<()> {
    let holds_empty = matches!(
        to,
        DataType::String
            | DataType::FixedString(_)
            | DataType::Enum8(_)
            | DataType::Enum16(_)
            | DataType::Variant(_)
    );
    if text.is_empty() && !holds_empty {
        bail!(
            AttemptToReadAfterEof,
            "Attempt to read after eof: Cannot parse {to} from String, because value is too short"
        );
    }
    parser.push_text(text, Escaping::Raw, settings)
}

/// Whether a number is within the range of an integer type; what is no number is left to the parser.
fn is_within(text: &[u8], to: &DataType) -> bool {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return true;
    }
    if let Some(signed) = to.wide_sign() {
        let parsed = std::str::from_utf8(digits).ok().and_then(|d| d.parse::<U256>().ok());
        let Some(number) = parsed else { return false };
        let least = I256::MIN.as_u256();
        return match (signed, negative) {
            (true, true) => number <= least,
            (true, false) => number < least,
            (false, negative) => !negative,
        };
    }
    let bits = to.bits().unwrap_or(128);
    let mut number = 0u128;
    for digit in digits {
        let next = number.checked_mul(10).and_then(|n| n.checked_add(u128::from(digit - b'0')));
        let Some(next) = next else { return false };
        number = next;
    }
    match (to.is_signed_integer(), negative) {
        (true, true) => number <= 1 << (bits - 1),
        (true, false) => number < 1 << (bits - 1),
        (false, true) => false,
        (false, false) => bits == 128 || number < 1 << bits,
    }
}

/// A date may be followed by a whole time of day, which is not looked at.
fn shortened<'a>(text: &'a [u8], to: &DataType) -> &'a [u8] {
    let is_clock = |rest: &[u8]| {
        let (clock, fraction) = rest.split_at(rest.len().min(9));
        let form = clock.iter().zip(b" 00:00:00").skip(1).all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            form => byte == form,
        });
        let is_fraction = match fraction {
            [] => true,
            [b'.', digits @ ..] => !digits.is_empty() && digits.iter().all(u8::is_ascii_digit),
            _ => false,
        };
        clock.len() == 9 && matches!(clock[0], b' ' | b'T') && form && is_fraction
    };
    if to.is_date() && text.len() > 10 && is_clock(&text[10..]) { &text[..10] } else { text }
}

#[cold]
fn explained(error: Error, text: &[u8], to: &DataType) -> Error {
    let shown = String::from_utf8_lossy(&text[..text.len().min(100)]);
    Error::new(error.code(), format!("Cannot parse string '{shown}' as {to}: {}", error.message()))
}

/// Strings of a FixedString with the zeros at their ends.
pub(crate) fn padded(array: &ArrayRef) -> Result<ArrayRef> {
    arrow_cast::cast(array, &DataType::String.arrow_type())
        .map_err(|e| Error::logical(format!("strings of a FixedString: {e}")))
}

/// Strings to a FixedString, filled up with zeros.
pub(super) fn to_fixed_string(from: DataType, length: usize, mode: Mode) -> ArrayConversion {
    Arc::new(move |array| {
        let width = i32::try_from(length)
            .map_err(|_| error!(BadArguments, "FixedString({length}) is too long"))?;
        types::bound_fixed(length, array.len())?;
        let mut out = FixedSizeBinaryBuilder::with_capacity(array.len(), width);
        let mut padded = vec![0_u8; length];
        for row in 0..array.len() {
            let bytes = match from {
                DataType::FixedString(_) => array.as_fixed_size_binary().value(row),
                _ => array.as_binary_view().value(row),
            };
            if bytes.len() > length {
                if mode == Mode::OrNull {
                    out.append_null();
                    continue;
                }
                bail!(
                    TooLargeStringSize,
                    "String of {} bytes is too long for type FixedString({length})",
                    bytes.len()
                );
            }
            padded[..bytes.len()].copy_from_slice(bytes);
            padded[bytes.len()..].fill(0);
            out.append_value(&padded).map_err(|e| Error::logical(e.to_string()))?;
        }
        Ok(Arc::new(out.finish()) as ArrayRef)
    })
}
