//! Decimal numbers out of text, of 128 or 256 bits, and integers of 256 bits in and out of it.

use std::io::Write;

use base::{Result, bail};
use types::wide::power_of_ten;
use types::{I256, U256};

use super::cursor::{Cursor, visible};
use super::number::{read_exponent, write_unscaled};

/// An integer that holds the digits of a decimal number.
pub(super) trait Unscaled: Copy + Default + PartialEq {
    /// Another digit behind the others.
    fn with_digit(self, digit: u8) -> Option<Self>;
    /// Multiplied by ten to a power; a negative one cuts digits off.
    fn shifted(self, by: i32) -> Option<Self>;
    /// Whether it has at most so many digits.
    fn fits(self, precision: u8) -> bool;
    /// With the other sign.
    fn negated(self) -> Self;
}

impl Unscaled for i128 {
    #[inline]
    fn with_digit(self, digit: u8) -> Option<i128> {
        self.checked_mul(10)?.checked_add(i128::from(digit))
    }

    fn shifted(self, by: i32) -> Option<i128> {
        let power = 10_i128.checked_pow(by.unsigned_abs());
        if by >= 0 { self.checked_mul(power?) } else { Some(power.map_or(0, |p| self / p)) }
    }

    fn fits(self, precision: u8) -> bool {
        self < 10_i128.pow(u32::from(precision.min(38)))
    }

    fn negated(self) -> i128 {
        -self
    }
}

impl Unscaled for I256 {
    fn with_digit(self, digit: u8) -> Option<I256> {
        self.checked_mul(I256::new(10))?.checked_add(I256::from(digit))
    }

    fn shifted(self, by: i32) -> Option<I256> {
        let power = I256::new(10).checked_pow(by.unsigned_abs());
        if by >= 0 {
            self.checked_mul(power?)
        } else {
            Some(power.map_or(I256::ZERO, |p| self / p))
        }
    }

    fn fits(self, precision: u8) -> bool {
        self < power_of_ten(u32::from(precision.min(76)))
    }

    fn negated(self) -> I256 {
        self.wrapping_neg()
    }
}

/// Reads a decimal number as an unscaled integer; digits behind the scale are cut off.
///
/// # Errors
/// ARGUMENT_OUT_OF_BOUND when it has more digits than the type.
pub(super) fn read_decimal<T: Unscaled>(
    cursor: &mut Cursor<'_>,
    precision: u8,
    scale: u8,
) -> Result<T> {
    let start = cursor.position();
    let negative = cursor.eat(b'-') || {
        cursor.eat(b'+');
        false
    };
    let mut value = T::default();
    let mut exponent: i32 = 0;
    let mut any = false;
    let mut after_point = false;
    let mut overflow = false;
    while let Some(byte) = cursor.peek() {
        match byte {
            b'0'..=b'9' => {
                any = true;
                if after_point && exponent <= -i32::from(scale) - 80 {
                    // Far behind the scale: cannot matter.
                } else {
                    match value.with_digit(byte - b'0') {
                        Some(next) => {
                            value = next;
                            exponent -= i32::from(after_point);
                        }
                        None if after_point => {}
                        None => {
                            exponent += 1;
                            overflow |= byte != b'0' || value != T::default();
                        }
                    }
                }
            }
            b'.' if !after_point => after_point = true,
            _ => break,
        }
        cursor.advance(1);
    }
    if !any {
        cursor.seek(start);
        return Ok(T::default());
    }
    exponent = exponent.saturating_add(read_exponent(cursor));
    let shift = exponent.saturating_add(i32::from(scale));
    let scaled = if value == T::default() { Some(value) } else { value.shifted(shift) };
    match scaled {
        Some(scaled) if !overflow && scaled.fits(precision) => {
            Ok(if negative { scaled.negated() } else { scaled })
        }
        _ => bail!(
            ArgumentOutOfBound,
            "Decimal value is too big: '{}'. Expected to read decimal with scale {scale} and \
             precision {precision}",
            visible(cursor.since(start))
        ),
    }
}

/// Appends an unscaled decimal number of 256 bits.
pub(super) fn write_wide_decimal(
    unscaled: I256,
    scale: u8,
    trailing_zeros: bool,
    out: &mut Vec<u8>,
) {
    if unscaled < 0 {
        out.push(b'-');
    }
    let digits = unscaled.unsigned_abs().to_string();
    write_unscaled(digits.as_bytes(), scale, trailing_zeros, out);
}

/// Appends an integer of 256 bits.
pub(super) fn write_wide(number: impl std::fmt::Display, out: &mut Vec<u8>) {
    // Writing into memory does not fail.
    let _ = write!(out, "{number}");
}

/// Reads an integer of 256 bits, modulo 2^256; a minus only where it may be signed.
pub(super) fn read_wide(cursor: &mut Cursor<'_>, signed: bool) -> U256 {
    let rest = cursor.rest();
    let negative = signed && rest.first() == Some(&b'-');
    let start = usize::from(negative || rest.first() == Some(&b'+'));
    let mut value = U256::ZERO;
    let mut read = 0;
    for byte in rest[start..].iter().take_while(|b| b.is_ascii_digit()) {
        value = value.wrapping_mul(U256::new(10)).wrapping_add(U256::from(byte - b'0'));
        read += 1;
    }
    cursor.advance(if read == 0 { 0 } else { start + read });
    if negative { value.wrapping_neg() } else { value }
}
