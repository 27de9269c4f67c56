//! Numbers in and out of text.
//!
//! Integers wrap around in overflow, as ClickHouse's do; where no digit stands nothing is read
//! and the number is 0, so that the caller sees what stands there instead.

use base::{Result, bail};

use super::cursor::Cursor;

/// Appends an integer in decimal.
#[inline]
pub(crate) fn write_integer(number: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends a Float64: shortest digits that read back to the same number, plain from 1e-6 to
/// below 1e21, else with an exponent.
pub(crate) fn write_f64(number: f64, out: &mut Vec<u8>) {
    if number.is_finite() {
        if number == number.trunc() && number.abs() < 1e15 && (number != 0.0) {
            return write_integer(number as i64, out);
        }
        return lay_out(ryu::Buffer::new().format_finite(number).as_bytes(), out);
    }
    write_not_finite(number.is_nan(), number < 0.0, out);
}

/// Appends a Float32, see [`write_f64`].
pub(crate) fn write_f32(number: f32, out: &mut Vec<u8>) {
    if number.is_finite() {
        return lay_out(ryu::Buffer::new().format_finite(number).as_bytes(), out);
    }
    write_not_finite(number.is_nan(), number < 0.0, out);
}

fn write_not_finite(is_nan: bool, is_negative: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(match (is_nan, is_negative) {
        (true, _) => b"nan",
        (false, true) => b"-inf",
        (false, false) => b"inf",
    });
}

/// Takes digits and exponent from a formatted number and lays them out ClickHouse's way.
fn lay_out(text: &[u8], out: &mut Vec<u8>) {
    let text = match text.strip_prefix(b"-") {
        Some(rest) => {
            out.push(b'-');
            rest
        }
        None => text,
    };
    let (mantissa, exponent) = match memchr::memchr(b'e', text) {
        Some(at) => {
            let exponent = std::str::from_utf8(&text[at + 1..]).ok().and_then(|e| e.parse().ok());
            (&text[..at], exponent.unwrap_or(0))
        }
        None => (text, 0_i32),
    };
    let (whole, fraction) = match memchr::memchr(b'.', mantissa) {
        Some(at) => (&mantissa[..at], &mantissa[at + 1..]),
        None => (mantissa, &b""[..]),
    };
    // All digits, and where the point stands among them.
    let mut digits = [0_u8; 40];
    let mut count = 0;
    for digit in whole.iter().chain(fraction) {
        if count < digits.len() {
            digits[count] = *digit;
            count += 1;
        }
    }
    let mut point = whole.len() as i32 + exponent;
    let zeros = digits[..count].iter().take_while(|d| **d == b'0').count();
    let mut digits = &digits[zeros..count];
    point -= zeros as i32;
    while let [rest @ .., b'0'] = digits {
        digits = rest;
    }
    if digits.is_empty() {
        return out.push(b'0');
    }
    write_digits(digits, point, out);
}

/// `0.digits * 10^point`, the digits without zeros at their ends.
fn write_digits(digits: &[u8], point: i32, out: &mut Vec<u8>) {
    let count = digits.len() as i32;
    if (-5..=21).contains(&point) {
        if point <= 0 {
            out.extend_from_slice(b"0.");
            out.resize(out.len() + (-point) as usize, b'0');
            out.extend_from_slice(digits);
        } else if point >= count {
            out.extend_from_slice(digits);
            out.resize(out.len() + (point - count) as usize, b'0');
        } else {
            out.extend_from_slice(&digits[..point as usize]);
            out.push(b'.');
            out.extend_from_slice(&digits[point as usize..]);
        }
        return;
    }
    out.push(digits[0]);
    if digits.len() > 1 {
        out.push(b'.');
        out.extend_from_slice(&digits[1..]);
    }
    out.push(b'e');
    write_integer(point - 1, out);
}

/// Appends an unscaled decimal number of a scale.
pub(crate) fn write_decimal(unscaled: i128, scale: u8, trailing_zeros: bool, out: &mut Vec<u8>) {
    if unscaled < 0 {
        out.push(b'-');
    }
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(unscaled.unsigned_abs()).as_bytes();
    write_unscaled(digits, scale, trailing_zeros, out);
}

/// Appends the digits of an unscaled number with the point where the scale puts it.
pub(super) fn write_unscaled(digits: &[u8], scale: u8, trailing_zeros: bool, out: &mut Vec<u8>) {
    let scale = usize::from(scale);
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(scale));
    out.extend_from_slice(if whole.is_empty() { b"0" } else { whole });
    if scale == 0 {
        return;
    }
    let end = if trailing_zeros {
        fraction.len()
    } else {
        fraction.iter().rposition(|d| *d != b'0').map_or(0, |at| at + 1)
    };
    if end == 0 && !trailing_zeros {
        return;
    }
    out.push(b'.');
    out.resize(out.len() + (scale - fraction.len()), b'0');
    out.extend_from_slice(&fraction[..end]);
}

/// Reads an unsigned integer, modulo 2^64.
#[inline]
pub(crate) fn read_u64(cursor: &mut Cursor<'_>) -> u64 {
    let rest = cursor.rest();
    let start = usize::from(rest.first() == Some(&b'+') && next_is_digit(rest));
    let (value, read) = digits_u64(&rest[start..]);
    cursor.advance(if read == 0 { 0 } else { start + read });
    value
}

/// Reads a signed integer, modulo 2^64.
#[inline]
pub(crate) fn read_i64(cursor: &mut Cursor<'_>) -> i64 {
    let rest = cursor.rest();
    let negative = rest.first() == Some(&b'-');
    let start = usize::from(negative || rest.first() == Some(&b'+'));
    let (value, read) = digits_u64(&rest[start..]);
    cursor.advance(if read == 0 { 0 } else { start + read });
    if negative { (value as i64).wrapping_neg() } else { value as i64 }
}

fn next_is_digit(rest: &[u8]) -> bool {
    rest.get(1).is_some_and(u8::is_ascii_digit)
}

/// The digits at the start of a text as a number modulo 2^64, and how many they are.
#[inline]
fn digits_u64(text: &[u8]) -> (u64, usize) {
    let mut value = 0_u64;
    let mut read = 0;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        read += 1;
    }
    (value, read)
}

/// Reads a 128-bit integer, modulo 2^128; a minus only where it may be signed.
pub(crate) fn read_i128(cursor: &mut Cursor<'_>, signed: bool) -> i128 {
    let rest = cursor.rest();
    let negative = signed && rest.first() == Some(&b'-');
    let start = usize::from(negative || rest.first() == Some(&b'+'));
    let mut value = 0_u128;
    let digits = rest[start..].iter().take_while(|b| b.is_ascii_digit());
    let mut read = 0;
    for byte in digits {
        value = value.wrapping_mul(10).wrapping_add(u128::from(byte - b'0'));
        read += 1;
    }
    cursor.advance(if read == 0 { 0 } else { start + read });
    if negative { (value as i128).wrapping_neg() } else { value as i128 }
}

/// Reads a float.
///
/// # Errors
/// CANNOT_PARSE_NUMBER where no number stands.
pub(crate) fn read_f64(cursor: &mut Cursor<'_>) -> Result<f64> {
    match fast_float2::parse_partial::<f64, _>(cursor.rest()) {
        Ok((number, read)) if read > 0 => {
            cursor.advance(read);
            Ok(number)
        }
        _ => no_float(cursor),
    }
}

/// Reads a float of 32 bits, see [`read_f64`].
pub(crate) fn read_f32(cursor: &mut Cursor<'_>) -> Result<f32> {
    match fast_float2::parse_partial::<f32, _>(cursor.rest()) {
        Ok((number, read)) if read > 0 => {
            cursor.advance(read);
            Ok(number)
        }
        _ => no_float(cursor),
    }
}

#[cold]
fn no_float<T>(cursor: &Cursor<'_>) -> Result<T> {
    bail!(
        CannotParseNumber,
        "Cannot read floating point value here: {}",
        super::cursor::visible(cursor.rest())
    )
}

/// `e` and an exponent, if they are next; else 0.
pub(super) fn read_exponent(cursor: &mut Cursor<'_>) -> i32 {
    let before = cursor.position();
    if !(cursor.eat(b'e') || cursor.eat(b'E')) {
        return 0;
    }
    let digits_at = cursor.position();
    let exponent = read_i64(cursor);
    if cursor.position() == digits_at {
        cursor.seek(before);
        return 0;
    }
    exponent.clamp(-1000, 1000) as i32
}

#[cfg(test)]
mod tests {
    use super::super::decimal::read_decimal;
    use super::{Cursor, read_i64, read_u64, write_decimal, write_f32, write_f64};

    fn text(number: f64) -> String {
        let mut out = Vec::new();
        write_f64(number, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn floats_are_written_as_by_clickhouse() {
        for (number, expected) in [
            (1e20, "100000000000000000000"),
            (1e21, "1e21"),
            (1.5e-5, "0.000015"),
            (1e-6, "0.000001"),
            (1e-7, "1e-7"),
            (0.1, "0.1"),
            (-0.0, "-0"),
            (0.0, "0"),
            (1.797_693_134_862_315_7e308, "1.7976931348623157e308"),
            (5e-324, "5e-324"),
            (123_456.789, "123456.789"),
            (1.234_567_890_123_456_8e21, "1.2345678901234568e21"),
            (123_456_789_012_345_680_000.0, "123456789012345680000"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
            (-42.0, "-42"),
        ] {
            assert_eq!(text(number), expected);
        }
        let mut out = Vec::new();
        write_f32(0.1, &mut out);
        out.push(b' ');
        write_f32(3.4e38, &mut out);
        assert_eq!(out, b"0.1 3.4e38");
    }

    #[test]
    fn integers_wrap_and_stop_at_the_first_other_byte() {
        let read = |text: &str| {
            let mut cursor = Cursor::new(text.as_bytes());
            (read_i64(&mut cursor), cursor.position())
        };
        assert_eq!(read("-12,"), (-12, 3));
        assert_eq!(read("-"), (0, 0));
        let mut cursor = Cursor::new(b"99999999999999999999");
        assert_eq!(read_u64(&mut cursor), 7_766_279_631_452_241_919);
    }

    #[test]
    fn decimals_are_cut_to_their_scale() {
        let read = |text: &str| read_decimal::<i128>(&mut Cursor::new(text.as_bytes()), 5, 2);
        for (text, expected) in [
            ("1.239", 123),
            ("-0.005", 0),
            ("1e2", 10_000),
            (".5", 50),
            ("5.", 500),
            ("-1.5", -150),
        ] {
            assert_eq!(read(text).unwrap(), expected, "{text}");
        }
        assert!(read("12345").is_err());
        assert!(read(&"9".repeat(100)).is_err());
        let mut out = Vec::new();
        write_decimal(-50, 3, false, &mut out);
        out.push(b' ');
        write_decimal(1500, 3, true, &mut out);
        assert_eq!(out, b"-0.05 1.500");
    }
}
