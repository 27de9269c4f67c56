//! Bits of integers and, for shifts, of strings.

use std::sync::Arc;

use arrow_array::Array;
use arrow_array::builder::BinaryViewBuilder;
use arrow_array::cast::AsArray;
use base::{Result, bail};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration};
use types::{Column, DataType, I256, U256};

use super::lane::{
    Kind, Lane, To, Values, argument, convert, flat, map, map2, try_map2, values, with_integer_lane,
};
use super::number_type::{illegal, illegal_pair, integer, plain};

pub(crate) const FUNCTIONS: &[FunctionDeclaration] = declare! { "Bit";
    "bitAnd" (2, 2) "bitAnd(x, y)" "The bits set in both integers."
        "SELECT bitAnd(12, 10)" => "8"; |_, a| bind_both(a, "bitAnd", Both::And);
    "bitOr" (2, 2) "bitOr(x, y)" "The bits set in either integer."
        "SELECT bitOr(12, 10)" => "14"; |_, a| bind_both(a, "bitOr", Both::Or);
    "bitXor" (2, 2) "bitXor(x, y)" "The bits set in exactly one of the integers."
        "SELECT bitXor(12, 10)" => "6"; |_, a| bind_both(a, "bitXor", Both::Xor);
    "bitNot" (1, 1) "bitNot(x)" "All bits turned around."
        "SELECT bitNot(toUInt8(1))" => "254"; bind_not;
    "bitShiftLeft" (2, 2) "bitShiftLeft(x, n)" "The bits of an integer or string moved to the left."
        "SELECT bitShiftLeft(3, 2)" => "12"; |_, a| bind_shift(a, "bitShiftLeft", Shift::Left);
    "bitShiftRight" (2, 2) "bitShiftRight(x, n)"
        "The bits of an integer or string moved to the right."
        "SELECT bitShiftRight(12, 2)" => "3"; |_, a| bind_shift(a, "bitShiftRight", Shift::Right);
    "bitRotateLeft" (2, 2) "bitRotateLeft(x, n)"
        "The bits moved to the left; those that fall out come in on the right."
        "SELECT bitRotateLeft(toUInt8(129), 1)" => "3";
        |_, a| bind_shift(a, "bitRotateLeft", Shift::RotateLeft);
    "bitRotateRight" (2, 2) "bitRotateRight(x, n)"
        "The bits moved to the right; those that fall out come in on the left."
        "SELECT bitRotateRight(toUInt8(129), 1)" => "192";
        |_, a| bind_shift(a, "bitRotateRight", Shift::RotateRight);
    "bitTest" (2, 2) "bitTest(x, n)" "The bit at a place, counted from the lowest one, which is 0."
        "SELECT bitTest(5, 2)" => "1"; |_, a| bind_test(a, "bitTest", true);
    "bitTestAll" (2, usize::MAX) "bitTestAll(x, n1, n2, ...)" "Whether the bits at all places are set."
        "SELECT bitTestAll(5, 0, 2)" => "1"; |_, a| bind_test(a, "bitTestAll", true);
    "bitTestAny" (2, usize::MAX) "bitTestAny(x, n1, n2, ...)" "Whether a bit at any of the places is set."
        "SELECT bitTestAny(5, 1, 2)" => "1"; |_, a| bind_test(a, "bitTestAny", false);
    "bitCount" (1, 1) "bitCount(x)" "The number of bits that are set."
        "SELECT bitCount(255)" => "8"; bind_count;
    "bitHammingDistance" | "mismatches" any_case true (2, 2) "bitHammingDistance(x, y)"
        "The number of bits (of strings: bytes) in which two values differ."
        "SELECT bitHammingDistance(5, 2)" => "3"; bind_distance;
};

#[derive(Debug, Clone, Copy)]
enum Both {
    And,
    Or,
    Xor,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shift {
    Left,
    Right,
    RotateLeft,
    RotateRight,
}

/// The type of a bit operation of two integers.
fn both_type(arguments: &[Argument], name: &str) -> Result<(Kind, Kind, DataType)> {
    let (Some(a), Some(b)) = (plain(&arguments[0].data_type), plain(&arguments[1].data_type))
    else {
        return Err(illegal_pair(arguments, name));
    };
    if !a.is_integer() || !b.is_integer() {
        return Err(illegal_pair(arguments, name));
    }
    let bits = a.bits().unwrap_or(64).max(b.bits().unwrap_or(64));
    let signed = a.is_signed_integer() || b.is_signed_integer();
    Ok((Kind::require(&a)?, Kind::require(&b)?, integer(signed, bits)))
}

fn bind_both(arguments: &[Argument], name: &'static str, operation: Both) -> Result<Bound> {
    if let (DataType::FixedString(a), DataType::FixedString(b)) =
        (&arguments[0].data_type, &arguments[1].data_type)
        && a == b
    {
        let of_bytes: fn(u8, u8) -> u8 = match operation {
            Both::And => |x, y| x & y,
            Both::Or => |x, y| x | y,
            Both::Xor => |x, y| x ^ y,
        };
        return Ok(super::bits_of_text::both(*a, of_bytes));
    }
    let (a, b, return_type) = both_type(arguments, name)?;
    let to = Kind::require(&return_type)?;
    Ok(Bound::new(return_type, move |columns, _| {
        let left = convert(argument(columns, 0)?, a, to)?;
        let right = convert(argument(columns, 1)?, b, to)?;
        with_integer_lane!(to, T => match operation {
            Both::And => map2::<T, T, T>(&left, &right, |a, b| a & b),
            Both::Or => map2::<T, T, T>(&left, &right, |a, b| a | b),
            Both::Xor => map2::<T, T, T>(&left, &right, |a, b| a ^ b),
        }, bail!(LogicalError, "bits of a float"))
    }))
}

fn bind_not(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let data_type = &arguments[0].data_type;
    if let DataType::FixedString(length) = data_type {
        return Ok(super::bits_of_text::not(*length));
    }
    let plain = plain(data_type).filter(DataType::is_integer);
    let Some(return_type) = plain else { return Err(illegal(data_type, "bitNot")) };
    let kind = Kind::require(&return_type)?;
    Ok(Bound::new(return_type, move |columns, _| {
        with_integer_lane!(kind, T => map::<T, T>(argument(columns, 0)?, |v| !v),
            bail!(LogicalError, "bits of a float"))
    }))
}

/// Shifts of one native type by any number of places.
trait Shiftable: Lane {
    fn left(self, places: u64) -> Self;
    fn right(self, places: u64) -> Self;
    fn around_left(self, places: u64) -> Self;
    fn around_right(self, places: u64) -> Self;
}

macro_rules! shiftable {
    ($($native:ty),*) => {$(
        impl Shiftable for $native {
            #[inline]
            fn left(self, places: u64) -> Self {
                if places < u64::from(<$native>::BITS) { self << places as u32 } else { Self::default() }
            }
            #[inline]
            fn right(self, places: u64) -> Self {
                if places < u64::from(<$native>::BITS) { self >> places as u32 } else { Self::default() }
            }
            #[inline]
            fn around_left(self, places: u64) -> Self {
                self.rotate_left((places % u64::from(<$native>::BITS)) as u32)
            }
            #[inline]
            fn around_right(self, places: u64) -> Self {
                self.rotate_right((places % u64::from(<$native>::BITS)) as u32)
            }
        }
    )*};
}

shiftable!(u8, u16, u32, u64, u128, U256, i8, i16, i32, i64, i128, I256);

fn bind_shift(arguments: &[Argument], name: &'static str, shift: Shift) -> Result<Bound> {
    let (value, places) = (&arguments[0].data_type, &arguments[1].data_type);
    let plain_shift = matches!(shift, Shift::Left | Shift::Right);
    if *value == DataType::String && plain_shift && places.is_integer() {
        let places = Kind::require(places)?;
        return Ok(Bound::new(DataType::String, move |columns, rows| {
            shift_strings(columns, rows, places, shift == Shift::Left)
        }));
    }
    if let DataType::FixedString(length) = value
        && plain_shift
        && places.is_integer()
    {
        let (length, places) = (*length, Kind::require(places)?);
        return Ok(Bound::new(value.clone(), move |columns, rows| {
            let places = places_of(argument(columns, 1)?, places, true)?;
            super::bits_of_text::shifted(columns, rows, &places, length, shift == Shift::Left)
        }));
    }
    let (a, b, return_type) = both_type(arguments, name)?;
    if places.bits() >= Some(128) || (value.bits() >= Some(128) && !plain_shift) {
        bail!(NotImplemented, "{name} is not implemented for types {value} and {places}");
    }
    let to = Kind::require(&return_type)?;
    Ok(Bound::new(return_type, move |columns, _| {
        let left = convert(argument(columns, 0)?, a, to)?;
        let places = places_of(argument(columns, 1)?, b, plain_shift)?;
        with_integer_lane!(to, T => {
            let f = match shift {
                Shift::Left => <T as Shiftable>::left,
                Shift::Right => <T as Shiftable>::right,
                Shift::RotateLeft => <T as Shiftable>::around_left,
                Shift::RotateRight => <T as Shiftable>::around_right,
            };
            map2::<T, u64, T>(&left, &places, f)
        }, bail!(LogicalError, "bits of a float"))
    }))
}

/// Numbers of places as UInt64; negative ones are refused where they make no sense.
fn places_of(column: &Column, kind: Kind, refuse_negative: bool) -> Result<Column> {
    let signed = matches!(kind, Kind::I8 | Kind::I16 | Kind::I32 | Kind::I64);
    if signed && refuse_negative {
        let numbers = convert(column, kind, Kind::I64)?;
        let negative = match values::<i64>(&numbers)? {
            Values::One(one) => one < 0,
            Values::Slice(slice) => slice.iter().any(|v| *v < 0),
        };
        if negative {
            bail!(
                ArgumentOutOfBound,
                "The number of shift positions needs to be a non-negative value"
            );
        }
    }
    convert(column, kind, Kind::U64)
}

fn shift_strings(columns: &[Column], rows: usize, places: Kind, left: bool) -> Result<Column> {
    let places = places_of(argument(columns, 1)?, places, true)?;
    let places = values::<u64>(&places)?;
    let strings = argument(columns, 0)?.to_flat()?;
    let strings = strings.as_binary_view();
    let mut out = BinaryViewBuilder::with_capacity(rows);
    for row in 0..rows {
        let bytes = strings.value(row);
        let at = places.at(row);
        let bits = bytes.len() as u64 * 8;
        if at >= bits && at > 0 {
            out.append_value([]);
        } else if left {
            out.append_value(left_shifted(bytes, at as usize));
        } else {
            out.append_value(right_shifted(bytes, at as usize));
        }
    }
    Ok(Column::Flat(Arc::new(out.finish())))
}

/// A string as one big-endian number, moved to the left; it grows by what is pushed out.
fn left_shifted(bytes: &[u8], places: usize) -> Vec<u8> {
    let (whole, part) = (places / 8, places % 8);
    let mut out = Vec::with_capacity(bytes.len() + whole + 1);
    if part == 0 {
        out.extend_from_slice(bytes);
    } else {
        let mut carry = 0_u8;
        for byte in bytes {
            out.push(carry | (byte >> (8 - part)));
            carry = byte << part;
        }
        out.push(carry);
    }
    out.resize(out.len() + whole, 0);
    out
}

/// A string as one big-endian number, moved to the right; whole bytes fall off its end.
fn right_shifted(bytes: &[u8], places: usize) -> Vec<u8> {
    let (whole, part) = (places / 8, places % 8);
    let kept = &bytes[..bytes.len() - whole.min(bytes.len())];
    if part == 0 {
        return kept.to_vec();
    }
    let mut out = Vec::with_capacity(kept.len());
    let mut carry = 0_u8;
    for byte in kept {
        out.push(carry | (byte >> part));
        carry = byte << (8 - part);
    }
    out
}

fn bind_test(arguments: &[Argument], name: &'static str, all: bool) -> Result<Bound> {
    let integers = |a: &Argument| {
        (a.data_type.is_integer() || a.data_type == DataType::Bool)
            && a.data_type.bits() < Some(128)
    };
    if let Some(bad) = arguments.iter().find(|a| !integers(a)) {
        return Err(illegal(&bad.data_type, name));
    }
    let kinds: Vec<Kind> =
        arguments.iter().map(|a| Kind::require(&a.data_type)).collect::<Result<_>>()?;
    let bits = arguments[0].data_type.bits().unwrap_or(64);
    let single = name == "bitTest";
    Ok(Bound::new(DataType::UInt8, move |columns, rows| {
        let value = convert(argument(columns, 0)?, kinds[0], Kind::U64)?;
        let mut mask = super::lane::constant(0_u64, rows);
        for (column, kind) in columns.iter().zip(&kinds).skip(1) {
            let at = convert(column, *kind, Kind::U64)?;
            let set = try_map2::<u64, u64, u64>(&value, &at, |v, at| {
                if single && at >= u64::from(bits) {
                    bail!(
                        ParameterOutOfBound,
                        "The bit position must be from 0 to {} for the integer {v}, but is {}",
                        bits - 1,
                        at as i64
                    );
                }
                Ok(1_u64.checked_shl(u32::try_from(at).unwrap_or(u32::MAX)).unwrap_or(0))
            })?;
            mask = map2::<u64, u64, u64>(&mask, &set, |a, b| a | b)?;
        }
        map2::<u64, u64, u8>(&value, &mask, |v, mask| {
            u8::from(if all { v & mask == mask } else { v & mask != 0 })
        })
    }))
}

fn bind_count(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let data_type = &arguments[0].data_type;
    match data_type {
        DataType::Float32 => {
            return Ok(Bound::new(DataType::UInt8, |columns, _| {
                map::<f32, u8>(argument(columns, 0)?, |v| v.to_bits().count_ones() as u8)
            }));
        }
        DataType::Float64 => {
            return Ok(Bound::new(DataType::UInt8, |columns, _| {
                map::<f64, u8>(argument(columns, 0)?, |v| v.to_bits().count_ones() as u8)
            }));
        }
        DataType::FixedString(_) => return Ok(super::bits_of_text::count()),
        DataType::String => {
            return Ok(Bound::new(DataType::UInt64, |columns, rows| {
                let strings = argument(columns, 0)?.to_flat()?;
                let strings = strings.as_binary_view();
                let count = |row| -> u64 {
                    strings.value(row).iter().map(|b| u64::from(b.count_ones())).sum()
                };
                Ok(flat((0..rows).map(count).collect()))
            }));
        }
        _ => {}
    }
    let Some(found) = plain(data_type) else { return Err(illegal(data_type, "bitCount")) };
    let kind = Kind::require(&found)?;
    if found.bits() == Some(256) {
        return Ok(Bound::new(DataType::UInt16, move |columns, _| {
            with_integer_lane!(kind, T => map::<T, u16>(argument(columns, 0)?, |v| v.count_ones() as u16),
                bail!(LogicalError, "bits of a float"))
        }));
    }
    Ok(Bound::new(DataType::UInt8, move |columns, _| {
        with_integer_lane!(kind, T => map::<T, u8>(argument(columns, 0)?, |v| v.count_ones() as u8),
            bail!(LogicalError, "bits of a float"))
    }))
}

fn bind_distance(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let (left, right) = (&arguments[0].data_type, &arguments[1].data_type);
    if *left == DataType::String && *right == DataType::String {
        return Ok(Bound::new(DataType::UInt64, |columns, rows| {
            let (a, b) = (argument(columns, 0)?.to_flat()?, argument(columns, 1)?.to_flat()?);
            let (a, b) = (a.as_binary_view(), b.as_binary_view());
            let bits = |row: usize| -> u64 {
                let (x, y) = (a.value(row), b.value(row));
                let common: u32 = x.iter().zip(y).map(|(p, q)| (p ^ q).count_ones()).sum();
                let longer = if x.len() > y.len() { &x[y.len()..] } else { &y[x.len()..] };
                let rest: u32 = longer.iter().map(|b| b.count_ones()).sum();
                u64::from(common + rest)
            };
            Ok(flat((0..rows.min(a.len())).map(bits).collect()))
        }));
    }
    if let (DataType::FixedString(a), DataType::FixedString(b)) = (left, right)
        && a == b
    {
        return Ok(super::bits_of_text::distance());
    }
    let (a, b, _) = both_type(arguments, "bitHammingDistance")?;
    if a.is_256() || b.is_256() {
        bail!(NotImplemented, "bitHammingDistance is not implemented for types {left} and {right}");
    }
    Ok(Bound::new(DataType::UInt8, move |columns, _| {
        let x = convert(argument(columns, 0)?, a, Kind::U128)?;
        let y = convert(argument(columns, 1)?, b, Kind::U128)?;
        let wide = matches!(a, Kind::U128 | Kind::I128) || matches!(b, Kind::U128 | Kind::I128);
        map2::<u128, u128, u8>(&x, &y, |x, y| {
            let differ = x ^ y;
            let differ = if wide { differ } else { u128::from(To::<u64>::to(differ)) };
            differ.count_ones() as u8
        })
    }))
}
