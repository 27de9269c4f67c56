//! Times of day plus and minus numbers of seconds, intervals, and each other.

use base::{Result, bail};
use expr::{Argument, Bound};
use types::{DataType, IntervalKind};

use super::arithmetic::Op;
use super::calendar::ticks_of;
use super::cast::time_precision as precision;
use super::lane::{Kind, argument, convert, map2};
use super::number_type::{illegal_pair, is_native_number};

/// Binds an operator where a time is among the arguments.
///
/// # Errors
/// ILLEGAL_TYPE_OF_ARGUMENT
pub(super) fn bind(arguments: &[Argument], op: Op) -> Result<Bound> {
    let (left, right) = (&arguments[0].data_type, &arguments[1].data_type);
    match (precision(left), precision(right)) {
        (Some(a), Some(b)) if op == Op::Minus => difference(left, right, a.max(b), (a, b)),
        (Some(_), None) if op != Op::Multiply => shift(arguments, 0, op),
        (None, Some(_)) if op == Op::Plus => shift(arguments, 1, op),
        _ => Err(illegal_pair(arguments, op.name())),
    }
}

fn difference(left: &DataType, right: &DataType, scale: u8, (a, b): (u8, u8)) -> Result<Bound> {
    let (from, to) = (Kind::require(left)?, Kind::require(right)?);
    let plain = *left == DataType::Time && *right == DataType::Time;
    let return_type = match plain {
        true => DataType::Int32,
        false => DataType::Decimal { precision: 18, scale },
    };
    let target = Kind::require(&return_type)?;
    let (x, y) = (ticks_of(scale - a), ticks_of(scale - b));
    Ok(Bound::new(return_type, move |columns, _| {
        let left = convert(argument(columns, 0)?, from, Kind::I64)?;
        let right = convert(argument(columns, 1)?, to, Kind::I64)?;
        let ticks = map2::<i64, i64, i64>(&left, &right, |a, b| {
            a.wrapping_mul(x).wrapping_sub(b.wrapping_mul(y))
        })?;
        convert(&ticks, Kind::I64, target)
    }))
}

/// The time at a place among the arguments plus or minus the other one.
fn shift(arguments: &[Argument], at: usize, op: Op) -> Result<Bound> {
    let (time, amount) = (&arguments[at].data_type, &arguments[1 - at].data_type);
    let ticks = ticks_of(precision(time).unwrap_or(0));
    let factor = match amount {
        DataType::Interval(IntervalKind::Second) => ticks,
        DataType::Interval(IntervalKind::Minute) => ticks * 60,
        DataType::Interval(IntervalKind::Hour) => ticks * 3600,
        DataType::Interval(unit) => {
            bail!(IllegalTypeOfArgument, "add{}s cannot be used with {time}", unit.name())
        }
        number if is_native_number(number) => ticks,
        _ => return Err(illegal_pair(arguments, op.name())),
    };
    let factor = if op == Op::Minus { -factor } else { factor };
    let (from, number) = (Kind::require(time)?, Kind::require(amount)?);
    Ok(Bound::new(time.clone(), move |columns, _| {
        let left = convert(argument(columns, at)?, from, Kind::I64)?;
        let right = convert(argument(columns, 1 - at)?, number, Kind::I64)?;
        let moved = map2::<i64, i64, i64>(&left, &right, |time, number| {
            time.wrapping_add(number.wrapping_mul(factor))
        })?;
        convert(&moved, Kind::I64, from)
    }))
}
