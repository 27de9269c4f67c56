//! Times of day to each other, from moments and numbers and to them.
//!
//! A number counts seconds. A moment gives the time of day in its zone; a date none, 00:00:00. What is beyond
//! 999:59:59 becomes that.

use std::sync::Arc;

use base::Result;
use expr::FunctionContext;
use types::time::{DAY, MOST_SECONDS};
use types::{Column, DataType, TimeZone};

use super::times::between;
use super::{ArrayConversion, Mode};
use crate::scalar::calendar::{TimeType, Zone, raw, ticks_of};
use crate::scalar::decimal_arithmetic::to_float;
use crate::scalar::lane::{Kind, convert, map};

/// The precision of a type of times.
pub(crate) fn precision(data_type: &DataType) -> Option<u8> {
    match data_type.inner() {
        DataType::Time => Some(0),
        DataType::Time64(precision) => Some(*precision),
        _ => None,
    }
}

/// The number that a type of times is stored as.
pub(crate) fn stored(data_type: &DataType) -> Option<DataType> {
    match data_type.inner() {
        DataType::Time => Some(DataType::Int32),
        DataType::Time64(0) => Some(DataType::Int64),
        DataType::Time64(scale) => Some(DataType::Decimal { precision: 18, scale: *scale }),
        _ => None,
    }
}

/// The conversion where a time is on either side; `None` where there is none.
pub(super) fn conversion(
    context: &FunctionContext,
    from: &DataType,
    to: &DataType,
    mode: Mode,
) -> Result<Option<ArrayConversion>> {
    let time = TimeType::of(from, context);
    match (precision(from), precision(to)) {
        (Some(a), Some(b)) => Ok(Some(scaled(from, to, a, b)?)),
        (Some(a), None) => match TimeType::of(to, context) {
            Some(target) => Ok(Some(to_moment(from, a, target)?)),
            None => to_number(from, a, to, mode),
        },
        (None, Some(b)) => match time {
            Some(time) => Ok(Some(of_moment(time, to, b)?)),
            None if from.is_number() => Ok(Some(of_number(from, to, b)?)),
            None => Ok(None),
        },
        (None, None) => Ok(None),
    }
}

/// Ticks within the bounds of a time.
fn bounded(ticks: i64, per_second: i64) -> i64 {
    let most = MOST_SECONDS * per_second + (per_second - 1);
    ticks.clamp(-most, most)
}

fn rescaled(ticks: i64, from: i64, to: i64) -> i64 {
    if to >= from { ticks.saturating_mul(to / from) } else { ticks / (from / to) }
}

fn scaled(from: &DataType, to: &DataType, a: u8, b: u8) -> Result<ArrayConversion> {
    let (source, target) = (Kind::require(from)?, Kind::require(to)?);
    let (old, new) = (ticks_of(a), ticks_of(b));
    Ok(Arc::new(move |array| {
        let ticks = convert(&Column::Flat(array.clone()), source, Kind::I64)?;
        let ticks = map::<i64, i64>(&ticks, |v| bounded(rescaled(v, old, new), new))?;
        convert(&ticks, Kind::I64, target)?.to_flat()
    }))
}

/// The moment that lies so long after the beginning of 1970.
fn to_moment(from: &DataType, a: u8, target: TimeType) -> Result<ArrayConversion> {
    let source = Kind::require(from)?;
    Ok(Arc::new(move |array| {
        let ticks = convert(&Column::Flat(array.clone()), source, Kind::I64)?;
        let zone = if target.is_date() { TimeZone::UTC } else { target.zone() };
        let since = |seconds: i64| if target.is_date() { seconds.rem_euclid(DAY) } else { seconds };
        let per_second = ticks_of(a);
        let moments = map::<i64, i64>(&ticks, |v| {
            let (seconds, rest) = (v.div_euclid(per_second), v.rem_euclid(per_second));
            Zone::new(zone).to_utc(since(seconds)) * per_second + rest
        })?;
        between(&moments, TimeType::DateTime64(a, zone), target)?.to_flat()
    }))
}

fn to_number(from: &DataType, a: u8, to: &DataType, mode: Mode) -> Result<Option<ArrayConversion>> {
    let Some(number) = stored(from).filter(|_| to.is_number()) else { return Ok(None) };
    if a == 0 || to.is_float() || matches!(to, DataType::Decimal { .. }) {
        if number == *to {
            return Ok(Some(Arc::new(|array| Ok(array.clone()))));
        }
        return super::numbers::conversion(&number, to, mode);
    }
    let per_second = ticks_of(a);
    let Some(rest) = super::numbers::conversion(&DataType::Int64, to, mode)? else {
        return Ok(None);
    };
    let whole = *to == DataType::Int64;
    Ok(Some(Arc::new(move |array| {
        let seconds =
            map::<i64, i64>(&Column::Flat(array.clone()), |v| v / per_second)?.to_flat()?;
        if whole { Ok(seconds) } else { rest(&seconds) }
    })))
}

/// The time of day of a moment.
fn of_moment(time: TimeType, to: &DataType, b: u8) -> Result<ArrayConversion> {
    let target = Kind::require(to)?;
    Ok(Arc::new(move |array| {
        let (zone, old, new) = (Zone::new(time.zone()), time.ticks(), ticks_of(b));
        let ticks = map::<i64, i64>(&raw(&Column::Flat(array.clone()), time)?, |v| {
            if time.is_date() {
                return 0;
            }
            let (seconds, rest) = (v.div_euclid(old), v.rem_euclid(old));
            rescaled(zone.to_local(seconds).rem_euclid(DAY) * old + rest, old, new)
        })?;
        convert(&ticks, Kind::I64, target)?.to_flat()
    }))
}

fn of_number(from: &DataType, to: &DataType, b: u8) -> Result<ArrayConversion> {
    let (source, target, from) = (Kind::require(from)?, Kind::require(to)?, from.clone());
    let exact = !from.is_float() && !matches!(from, DataType::Decimal { .. });
    let per_second = ticks_of(b);
    Ok(Arc::new(move |array| {
        let column = Column::Flat(array.clone());
        let ticks = if exact {
            let unsigned = matches!(source, Kind::U64 | Kind::U128 | Kind::U256);
            map::<i64, i64>(&convert(&column, source, Kind::I64)?, |v| {
                let seconds = if unsigned && v < 0 { i64::MAX } else { v };
                bounded(seconds.saturating_mul(per_second), per_second)
            })?
        } else {
            map::<f64, i64>(&to_float(&column, &from)?, |v| {
                bounded((v * per_second as f64) as i64, per_second)
            })?
        };
        convert(&ticks, Kind::I64, target)?.to_flat()
    }))
}
