//! Comparison of numbers: integers, floats, decimals, enums, addresses, UUIDs, intervals.

#![allow(
    clippy::useless_conversion,
    clippy::unnecessary_fallible_conversions,
    reason = "macros write these for all widths"
)]

use std::cmp::Ordering;

use base::{Result, error};
use types::wide::{self, AsI256};
use types::{Column, DataType, I256, IntervalKind, U256};

use super::{Comparison, Kernel};
use crate::scalar::decimal_arithmetic::{Checked, to_float};
use crate::scalar::lane::{
    Kind, Lane, To, Values, constant, convert, map2, try_map, values, with_integer_lane, with_lane,
};

/// The kernel of two number types; `None` where one is none.
pub(super) fn kernel(a: &DataType, b: &DataType, comparison: Comparison) -> Result<Option<Kernel>> {
    if matches!(a, DataType::Decimal { .. }) || matches!(b, DataType::Decimal { .. }) {
        return Ok(decimals(a, b, comparison));
    }
    let number = |t: &DataType| t.is_number() || t.is_enum();
    let comparable = match (a, b) {
        (DataType::Uuid, DataType::Uuid) | (DataType::Ipv6, DataType::Ipv6) => true,
        (DataType::Ipv4, DataType::Ipv6) | (DataType::Ipv6, DataType::Ipv4) => {
            return Ok(Some(addresses(a, b, comparison)));
        }
        (DataType::Interval(x), DataType::Interval(y)) => {
            return Ok(Some(intervals(*x, *y, comparison)));
        }
        (DataType::Ipv4, other) | (other, DataType::Ipv4) => {
            number(other) || *other == DataType::Ipv4
        }
        (x, y) => number(x) && number(y),
    };
    if !comparable {
        return Ok(None);
    }
    let (a, b) = (Kind::require(a)?, Kind::require(b)?);
    Ok(Some(Box::new(move |left, right, _| compare(left, right, a, b, comparison))))
}

/// Compares columns of two lanes by value.
pub(crate) fn compare(
    left: &Column,
    right: &Column,
    a: Kind,
    b: Kind,
    comparison: Comparison,
) -> Result<Column> {
    if a == b {
        return with_lane!(a, T => same::<T>(left, right, comparison));
    }
    let float = |k: Kind| matches!(k, Kind::F32 | Kind::F64);
    match (float(a), float(b)) {
        (true, true) => {
            let (x, y) = (convert(left, a, Kind::F64)?, convert(right, b, Kind::F64)?);
            return same::<f64>(&x, &y, comparison);
        }
        (false, true) => return with_float(left, right, a, b, comparison, false),
        (true, false) => return with_float(right, left, b, a, comparison, true),
        (false, false) => {}
    }
    if let Some(answer) = with_constant(left, right, a, b, comparison)? {
        return Ok(answer);
    }
    let lane = common_lane(a, b);
    let (x, y) = (convert(left, a, lane)?, convert(right, b, lane)?);
    match (a, b, lane) {
        // What is too great for Int128 is greater than all of it.
        (Kind::U128, _, Kind::I128) | (_, Kind::U128, Kind::I128) => {
            huge(left, right, a, b, comparison)
        }
        (Kind::U256, _, Kind::I256) | (_, Kind::U256, Kind::I256) => {
            huge_256(left, right, a, b, comparison)
        }
        _ => with_integer_lane!(lane, T => same::<T>(&x, &y, comparison),
            same::<f64>(&x, &y, comparison)),
    }
}

/// Compares two columns of one lane.
pub(crate) fn same<T: Lane>(
    left: &Column,
    right: &Column,
    comparison: Comparison,
) -> Result<Column> {
    match comparison {
        Comparison::Equals => map2::<T, T, u8>(left, right, |a, b| u8::from(a == b)),
        Comparison::NotEquals => map2::<T, T, u8>(left, right, |a, b| u8::from(a != b)),
        Comparison::Less => map2::<T, T, u8>(left, right, |a, b| u8::from(a < b)),
        Comparison::LessOrEquals => map2::<T, T, u8>(left, right, |a, b| u8::from(a <= b)),
    }
}

/// The narrowest lane that holds the integers of both.
fn common_lane(a: Kind, b: Kind) -> Kind {
    let bits = |k: Kind| match k {
        Kind::U8 | Kind::I8 => 8,
        Kind::U16 | Kind::I16 => 16,
        Kind::U32 | Kind::I32 => 32,
        Kind::U64 | Kind::I64 => 64,
        Kind::U256 | Kind::I256 => 256,
        _ => 128,
    };
    let signed = |k: Kind| {
        matches!(k, Kind::I8 | Kind::I16 | Kind::I32 | Kind::I64 | Kind::I128 | Kind::I256)
    };
    let widest = bits(a).max(bits(b));
    match (signed(a), signed(b)) {
        (false, false) => match widest {
            16 => Kind::U16,
            32 => Kind::U32,
            64 => Kind::U64,
            128 => Kind::U128,
            _ => Kind::U256,
        },
        (true, true) => match widest {
            16 => Kind::I16,
            32 => Kind::I32,
            64 => Kind::I64,
            128 => Kind::I128,
            _ => Kind::I256,
        },
        (one, _) => {
            let (unsigned, other) = if one { (bits(b), bits(a)) } else { (bits(a), bits(b)) };
            match (unsigned * 2).max(other) {
                16 => Kind::I16,
                32 => Kind::I32,
                64 => Kind::I64,
                256.. if other == 256 || unsigned == 256 => Kind::I256,
                _ => Kind::I128,
            }
        }
    }
}

/// The only value of a constant column of integers, unless it is beyond Int128.
fn only_integer(column: &Column, kind: Kind) -> Result<Option<i128>> {
    if !column.is_constant() {
        return Ok(None);
    }
    with_integer_lane!(kind, T => match values::<T>(column)? {
        Values::One(one) => Ok(i128::try_from(one).ok()),
        Values::Slice(_) => Ok(None),
    }, Ok(None))
}

/// Compares a column with an integer constant of another type in the column's own type.
fn with_constant(
    left: &Column,
    right: &Column,
    a: Kind,
    b: Kind,
    comparison: Comparison,
) -> Result<Option<Column>> {
    let (column, kind, number, constant_is_left) =
        match (only_integer(left, a)?, only_integer(right, b)?) {
            (None, Some(number)) => (left, a, number, false),
            (Some(number), None) => (right, b, number, true),
            _ => return Ok(None),
        };
    with_integer_lane!(kind, T => {
        match T::try_from(number) {
            Ok(fits) => {
                let fits = constant(fits, column.len());
                let (x, y) = if constant_is_left { (&fits, column) } else { (column, &fits) };
                same::<T>(x, y, comparison).map(Some)
            }
            Err(_) => {
                // The constant is below or above all that the column can hold.
                let column_is_less = number > 0;
                let order = match column_is_less != constant_is_left {
                    true => Ordering::Less,
                    false => Ordering::Greater,
                };
                Ok(Some(constant(u8::from(comparison.of(order)), column.len())))
            }
        }
    }, Ok(None))
}

/// The widest unsigned integers against signed ones as wide, whichever stands on the left.
fn unsigned_and_signed<U, S>(
    left: &Column,
    right: &Column,
    unsigned_left: bool,
    comparison: Comparison,
) -> Result<Column>
where
    U: Lane + Ord + TryFrom<S>,
    S: Lane,
{
    // A signed number that is no unsigned one is below all of them.
    let order = |x: U, y: S| U::try_from(y).map_or(Ordering::Greater, |y| x.cmp(&y));
    if unsigned_left {
        return map2::<U, S, u8>(left, right, |x, y| u8::from(comparison.of(order(x, y))));
    }
    map2::<S, U, u8>(left, right, |x, y| u8::from(comparison.of(order(y, x).reverse())))
}

/// Integers of which one is UInt128 and the other signed.
fn huge(left: &Column, right: &Column, a: Kind, b: Kind, comparison: Comparison) -> Result<Column> {
    if a == Kind::U128 {
        let right = convert(right, b, Kind::I128)?;
        return unsigned_and_signed::<u128, i128>(left, &right, true, comparison);
    }
    let left = convert(left, a, Kind::I128)?;
    unsigned_and_signed::<u128, i128>(&left, right, false, comparison)
}

/// Integers of which one is UInt256 and the other signed.
fn huge_256(
    left: &Column,
    right: &Column,
    a: Kind,
    b: Kind,
    comparison: Comparison,
) -> Result<Column> {
    if a == Kind::U256 {
        let right = convert(right, b, Kind::I256)?;
        return unsigned_and_signed::<U256, I256>(left, &right, true, comparison);
    }
    let left = convert(left, a, Kind::I256)?;
    unsigned_and_signed::<U256, I256>(&left, right, false, comparison)
}

/// Integers against floats; `swapped` when the float stood on the left.
fn with_float(
    integers: &Column,
    floats: &Column,
    a: Kind,
    b: Kind,
    comparison: Comparison,
    swapped: bool,
) -> Result<Column> {
    let floats = convert(floats, b, Kind::F64)?;
    let exact = !matches!(a, Kind::U64 | Kind::I64 | Kind::U128 | Kind::I128) && !a.is_256();
    if exact {
        let numbers = convert(integers, a, Kind::F64)?;
        let (x, y) = if swapped { (&floats, &numbers) } else { (&numbers, &floats) };
        return same::<f64>(x, y, comparison);
    }
    let decide = |order: Option<Ordering>| -> u8 {
        let order = if swapped { order.map(Ordering::reverse) } else { order };
        u8::from(match order {
            Some(order) => comparison.of(order),
            None => comparison == Comparison::NotEquals,
        })
    };
    if a.is_256() {
        let numbers = convert(integers, a, Kind::I256)?;
        return map2::<I256, f64, u8>(&numbers, &floats, |x, y| {
            // What is beyond the signed range has become negative.
            decide(match a == Kind::U256 && x < 0 {
                true => x.as_u256().as_f64().partial_cmp(&y),
                false => wide_to_float(x, y),
            })
        });
    }
    if a == Kind::U128 {
        return map2::<u128, f64, u8>(integers, &floats, |x, y| {
            decide(match i128::try_from(x) {
                Ok(x) => integer_to_float(x, y),
                Err(_) => (x as f64).partial_cmp(&y),
            })
        });
    }
    let numbers = convert(integers, a, Kind::I128)?;
    map2::<i128, f64, u8>(&numbers, &floats, |x, y| decide(integer_to_float(x, y)))
}

/// The exact order of an integer of 256 bits and a float; `None` for NaN.
fn wide_to_float(x: I256, y: f64) -> Option<Ordering> {
    const FARTHEST: f64 = 5.789_604_461_865_81e76;
    if y.is_nan() {
        return None;
    }
    if y.abs() >= FARTHEST {
        return x.as_f64().partial_cmp(&y);
    }
    let whole = y.trunc();
    let order = x.cmp(&whole.as_i256());
    Some(order.then_with(|| 0.0.partial_cmp(&(y - whole)).unwrap_or(Ordering::Equal)))
}

/// The exact order of an integer and a float; `None` for NaN.
fn integer_to_float(x: i128, y: f64) -> Option<Ordering> {
    const FARTHEST: f64 = 1.701_411_834_604_692_3e38;
    if y.is_nan() {
        return None;
    }
    if y >= FARTHEST {
        return Some(Ordering::Less);
    }
    if y < -FARTHEST {
        return Some(Ordering::Greater);
    }
    let whole = y.trunc();
    let order = x.cmp(&(whole as i128));
    Some(order.then_with(|| 0.0.partial_cmp(&(y - whole)).unwrap_or(Ordering::Equal)))
}

fn decimals(a: &DataType, b: &DataType, comparison: Comparison) -> Option<Kernel> {
    let (a, b) = (a.clone(), b.clone());
    if !a.is_number() || !b.is_number() {
        return None;
    }
    if a.is_float() || b.is_float() {
        return Some(Box::new(move |left, right, _| {
            same::<f64>(&to_float(left, &a)?, &to_float(right, &b)?, comparison)
        }));
    }
    let scale = |t: &DataType| match t {
        DataType::Decimal { scale, .. } => *scale,
        _ => 0,
    };
    let (s, t) = (scale(&a), scale(&b));
    let most = s.max(t);
    let (x, y) = (wide::power_of_ten((most - s).into()), wide::power_of_ten((most - t).into()));
    let (kind_a, kind_b) = (Kind::of(&a)?, Kind::of(&b)?);
    let narrow = !kind_a.is_256() && !kind_b.is_256();
    Some(Box::new(move |left, right, _| {
        if most == s && most == t {
            return compare(left, right, kind_a, kind_b, comparison);
        }
        if let (Ok(x), Ok(y), true) = (i128::try_from(x), i128::try_from(y), narrow) {
            let left = scaled(&convert(left, kind_a, Kind::I128)?, x)?;
            let right = scaled(&convert(right, kind_b, Kind::I128)?, y)?;
            return same::<i128>(&left, &right, comparison);
        }
        let left = scaled(&convert(left, kind_a, Kind::I256)?, x)?;
        let right = scaled(&convert(right, kind_b, Kind::I256)?, y)?;
        same::<I256>(&left, &right, comparison)
    }))
}

fn scaled<T: Checked>(column: &Column, factor: T) -> Result<Column> {
    try_map::<T, T>(column, |v| {
        v.mul(factor).ok_or_else(|| error!(DecimalOverflow, "Can't compare decimals: overflow"))
    })
}

/// IPv4 against IPv6: as the mapped address.
fn addresses(a: &DataType, b: &DataType, comparison: Comparison) -> Kernel {
    let (left_is_four, right_is_four) = (*a == DataType::Ipv4, *b == DataType::Ipv4);
    let six = |column: &Column, four: bool| -> Result<Column> {
        match four {
            true => crate::scalar::lane::map::<u32, u128>(column, |v| {
                0xFFFF_0000_0000 | To::<u128>::to(v)
            }),
            false => Ok(column.clone()),
        }
    };
    Box::new(move |left, right, _| {
        same::<u128>(&six(left, left_is_four)?, &six(right, right_is_four)?, comparison)
    })
}

/// Nanoseconds of a unit; months count as 30.436875 days.
fn nanoseconds(unit: IntervalKind) -> i128 {
    const DAY: i128 = 86_400_000_000_000;
    const MONTH: i128 = 2_629_746_000_000_000;
    match unit {
        IntervalKind::Nanosecond => 1,
        IntervalKind::Microsecond => 1_000,
        IntervalKind::Millisecond => 1_000_000,
        IntervalKind::Second => 1_000_000_000,
        IntervalKind::Minute => 60_000_000_000,
        IntervalKind::Hour => 3_600_000_000_000,
        IntervalKind::Day => DAY,
        IntervalKind::Week => DAY * 7,
        IntervalKind::Month => MONTH,
        IntervalKind::Quarter => MONTH * 3,
        IntervalKind::Year => MONTH * 12,
    }
}

fn intervals(a: IntervalKind, b: IntervalKind, comparison: Comparison) -> Kernel {
    let (x, y) = (nanoseconds(a), nanoseconds(b));
    Box::new(move |left, right, _| {
        map2::<i64, i64, u8>(left, right, |p, q| {
            let order = (i128::from(p) * x).cmp(&(i128::from(q) * y));
            u8::from(comparison.of(order))
        })
    })
}
