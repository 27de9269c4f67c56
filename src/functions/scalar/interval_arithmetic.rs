//! Dates and times plus and minus numbers and intervals.
//!
//! Months and longer units go by the calendar and stay in the month they lead to; days and weeks keep
//! the local time of day; hours and shorter units are exact durations. Results wrap around as their
//! stored numbers do, except that Date32 and DateTime64 stay within their range.

use base::{Result, bail, error};
use expr::{Bound, FunctionContext};
use types::{Column, DataType, IntervalKind};

use super::calendar::{TimeType, Zone, add_months, ticks_of};
use super::lane::{Kind, convert, map2};

use types::time::DAY;

/// What a time plus an interval gives.
///
/// # Errors
/// ILLEGAL_TYPE_OF_ARGUMENT for units shorter than a type of dates takes.
pub(crate) fn result_type(time: &DataType, unit: IntervalKind) -> Result<DataType> {
    use IntervalKind::{Hour, Microsecond, Millisecond, Minute, Nanosecond, Second};
    let sub_second = match unit {
        Nanosecond => Some(9),
        Microsecond => Some(6),
        Millisecond => Some(3),
        _ => None,
    };
    Ok(match (time, unit) {
        (DataType::Date | DataType::Date32, Nanosecond | Microsecond | Millisecond) => {
            bail!(
                IllegalTypeOfArgument,
                "add{}s cannot be used with {time}, convert it to DateTime64 first",
                unit.name()
            )
        }
        (DataType::Date, Second | Minute | Hour) => DataType::DateTime(None),
        (DataType::Date32, Second | Minute | Hour) => DataType::DateTime64(3, None),
        (DataType::DateTime(zone), _) => match sub_second {
            Some(precision) => DataType::DateTime64(precision, *zone),
            None => time.clone(),
        },
        (DataType::DateTime64(precision, zone), _) => {
            DataType::DateTime64((*precision).max(sub_second.unwrap_or(0)), *zone)
        }
        _ => time.clone(),
    })
}

/// Binds time ± interval; `times` is 1 or -1. The columns are the time and the number of units.
pub(crate) fn bind(
    context: &FunctionContext,
    time: &DataType,
    amount: &DataType,
    unit: IntervalKind,
    sign: i64,
) -> Result<Bound> {
    let return_type = result_type(time, unit)?;
    let (Some(from), Some(to)) = (TimeType::of(time, context), TimeType::of(&return_type, context))
    else {
        bail!(IllegalTypeOfArgument, "Illegal type {time} of argument of an addition of intervals");
    };
    let amount = Kind::of(amount)
        .ok_or_else(|| error!(IllegalTypeOfArgument, "Illegal type {amount} of an interval"))?;
    Ok(Bound::new(return_type, move |columns, _| {
        let (Some(time), Some(number)) = (columns.first(), columns.get(1)) else {
            bail!(LogicalError, "an interval addition of one column");
        };
        add(time, from, to, number, amount, unit, sign)
    }))
}

/// 2299-12-31, where months and years added to a Date or DateTime end.
const LAST_YEARS_DAY: i64 = 120_529;

/// Adds `sign * amount` units to every time.
pub(crate) fn add(
    time: &Column,
    from: TimeType,
    to: TimeType,
    number: &Column,
    amount: Kind,
    unit: IntervalKind,
    sign: i64,
) -> Result<Column> {
    let number = convert(number, amount, Kind::I64)?;
    let time = convert(time, from.kind(), Kind::I64)?;
    let zone = Zone::new(to.zone());
    // Dates that become times: midnight in the zone of the result.
    let widen = |value: i64| -> i64 {
        match (from, to) {
            (TimeType::Date | TimeType::Date32, TimeType::DateTime(_)) => zone.to_utc(value * DAY),
            (TimeType::Date | TimeType::Date32, TimeType::DateTime64(..)) => {
                zone.to_utc(value * DAY) * to.ticks()
            }
            (TimeType::DateTime(_), TimeType::DateTime64(..)) => value * to.ticks(),
            (TimeType::DateTime64(p, _), TimeType::DateTime64(q, _)) if q > p => {
                value.wrapping_mul(ticks_of(q - p))
            }
            _ => value,
        }
    };
    let added = map2::<i64, i64, i64>(&time, &number, |time, number| {
        shift(widen(time), to, &zone, unit, number.wrapping_mul(sign))
    })?;
    let by_calendar =
        matches!(unit, IntervalKind::Month | IntervalKind::Quarter | IntervalKind::Year);
    // Days and shorter units wrap around in Date and DateTime, as in ClickHouse; longer ones end at the first.
    let low = match to {
        TimeType::Date32 => Some(super::cast::DATE32_DAYS.0),
        TimeType::Date | TimeType::DateTime(_) if by_calendar => Some(0),
        _ => None,
    };
    let added = match low {
        Some(low) => super::lane::map::<i64, i64>(&added, |v| v.max(low))?,
        None => added,
    };
    let added = match to {
        // Years end with 2299 before days wrap around; those of DateTime do so with the time of day.
        TimeType::Date if by_calendar => {
            super::lane::map::<i64, i64>(&added, |v| v.min(LAST_YEARS_DAY))?
        }
        TimeType::Date32 => {
            super::lane::map::<i64, i64>(&added, |v| v.min(super::cast::DATE32_DAYS.1))?
        }
        _ => added,
    };
    convert(&added, Kind::I64, to.kind())
}

/// One value of a type plus so many units.
pub(crate) fn shift(value: i64, to: TimeType, zone: &Zone, unit: IntervalKind, n: i64) -> i64 {
    use IntervalKind::{
        Day, Hour, Microsecond, Millisecond, Minute, Month, Nanosecond, Quarter, Second, Week, Year,
    };
    let ticks = to.ticks();
    let last = if matches!(to, TimeType::DateTime(_)) { LAST_YEARS_DAY } else { i64::MAX };
    match unit {
        Nanosecond => exact(value, n, ticks, 1_000_000_000),
        Microsecond => exact(value, n, ticks, 1_000_000),
        Millisecond => exact(value, n, ticks, 1_000),
        Second => value.wrapping_add(n.wrapping_mul(ticks)),
        Minute => value.wrapping_add(n.wrapping_mul(60).wrapping_mul(ticks)),
        Hour => value.wrapping_add(n.wrapping_mul(3600).wrapping_mul(ticks)),
        Day => by_day(value, to, zone, |days| days.wrapping_add(n)),
        Week => by_day(value, to, zone, |days| days.wrapping_add(n.wrapping_mul(7))),
        Month => by_day(value, to, zone, |days| add_months(days, n).min(last)),
        Quarter => by_day(value, to, zone, |days| add_months(days, n.wrapping_mul(3)).min(last)),
        Year => by_day(value, to, zone, |days| add_months(days, n.wrapping_mul(12)).min(last)),
    }
}

/// Adds units of which there are `per_second`, to ticks.
fn exact(value: i64, n: i64, ticks: i64, per_second: i64) -> i64 {
    if ticks >= per_second {
        value.wrapping_add(n.wrapping_mul(ticks / per_second))
    } else {
        value.wrapping_add(n.div_euclid(per_second / ticks))
    }
}

/// Changes the local day and keeps the time of day.
fn by_day(value: i64, to: TimeType, zone: &Zone, change: impl Fn(i64) -> i64) -> i64 {
    if to.is_date() {
        return change(value);
    }
    let ticks = to.ticks();
    let (seconds, rest) = (value.div_euclid(ticks), value.rem_euclid(ticks));
    let local = zone.to_local(seconds);
    let (days, of_day) = (local.div_euclid(DAY), local.rem_euclid(DAY));
    let moved = change(days).wrapping_mul(DAY).wrapping_add(of_day);
    zone.to_utc(moved).wrapping_mul(ticks).wrapping_add(rest)
}
