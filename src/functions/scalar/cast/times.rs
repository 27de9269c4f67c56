//! Dates and times to each other, from numbers and to numbers.
//!
//! Out of range: Date and DateTime become their nearest bound. A number as Date counts days, or seconds
//! if it is beyond all days.

use std::sync::Arc;

use base::Result;
use expr::FunctionContext;
use types::time::DAY;
use types::{Column, DataType, TimeZone};

use super::{ArrayConversion, Mode};
use crate::scalar::calendar::{LAST_COMMON_DAY, TimeType, Zone, local_days, raw};
use crate::scalar::decimal_arithmetic::to_float;
use crate::scalar::lane::{Kind, convert, map};

/// The least and greatest day of Date32: 0000-01-01 and 9999-12-31.
pub(crate) const DATE32_DAYS: (i64, i64) = (-719_528, 2_932_896);

/// The default of Date32, 1900-01-01.
pub(crate) const DATE32_DEFAULT: i64 = -25_567;

/// The conversion where a date or time is on either side; `None` where there is none.
pub(super) fn conversion(
    context: &FunctionContext,
    from: &DataType,
    to: &DataType,
    mode: Mode,
) -> Result<Option<ArrayConversion>> {
    match (TimeType::of(from, context), TimeType::of(to, context)) {
        (Some(a), Some(b)) => {
            let last = if mode == Mode::Common { LAST_COMMON_DAY } else { i64::MAX };
            Ok(Some(Arc::new(move |array| {
                let column = Column::Flat(array.clone());
                match (a, b) {
                    (TimeType::Date, TimeType::DateTime(zone)) => {
                        date_to_seconds(&column, zone, last)?.to_flat()
                    }
                    _ => between(&column, a, b)?.to_flat(),
                }
            })))
        }
        (Some(a), None) => to_number(a, to, mode),
        (None, Some(b)) if from.is_number() => Ok(Some(from_number(from, b))),
        _ => Ok(None),
    }
}

/// The seconds at which days begin, none later than the last one given; they wrap around.
fn date_to_seconds(column: &Column, zone: TimeZone, last: i64) -> Result<Column> {
    let zone = Zone::new(zone);
    map::<i64, u32>(&raw(column, TimeType::Date)?, |day| {
        zone.midnight(day.min(last), TimeType::Date) as u32
    })
}

/// The first seconds of days as DateTime; of days that it does not hold, its first and last.
pub(crate) fn first_seconds(column: &Column, days: TimeType, b: TimeType) -> Result<Column> {
    let zone = Zone::new(b.zone());
    map::<i64, u32>(&raw(column, days)?, |day| {
        zone.midnight(day, days).clamp(0, i64::from(u32::MAX)) as u32
    })
}

/// Between types of dates and times. What a narrower type does not hold wraps around, as for integers.
pub(crate) fn between(column: &Column, a: TimeType, b: TimeType) -> Result<Column> {
    let days = |low: i64, high: i64| -> Result<Column> {
        map::<i64, i64>(&local_days(column, a)?, |d| d.clamp(low, high))
    };
    match b {
        TimeType::Date => {
            // A DateTime is never before 1970, even where its zone's clocks say so.
            let least = if matches!(a, TimeType::DateTime(_)) { 0 } else { i64::MIN };
            if let TimeType::DateTime64(_, zone) = a {
                // Parts of seconds are cut towards 1970.
                let (zone, ticks) = (Zone::new(zone), a.ticks());
                let day = |v: i64| zone.to_local(v / ticks).div_euclid(DAY) as u16;
                return map::<i64, u16>(&raw(column, a)?, day);
            }
            map::<i64, u16>(&local_days(column, a)?, |d| d.max(least) as u16)
        }
        TimeType::Date32 => convert(&days(DATE32_DAYS.0, DATE32_DAYS.1)?, Kind::I64, Kind::I32),
        TimeType::DateTime(zone) => {
            let values = raw(column, a)?;
            let ticks = a.ticks();
            let zone = Zone::new(zone);
            map::<i64, u32>(&values, |v| {
                let seconds = if a.is_date() { zone.midnight(v, a) } else { v.div_euclid(ticks) };
                seconds as u32
            })
        }
        TimeType::DateTime64(_, zone) => {
            let values = raw(column, a)?;
            let (old, new) = (a.ticks(), b.ticks());
            let zone = Zone::new(zone);
            map::<i64, i64>(&values, |v| {
                if a.is_date() {
                    zone.midnight(v, a).saturating_mul(new)
                } else if new >= old {
                    v.saturating_mul(new / old)
                } else {
                    v / (old / new)
                }
            })
        }
    }
}

fn to_number(a: TimeType, to: &DataType, mode: Mode) -> Result<Option<ArrayConversion>> {
    let to = to.clone();
    if let (TimeType::DateTime64(scale, _), true) = (a, to.is_number() && to != DataType::Bool) {
        let as_decimal = DataType::Decimal { precision: 18, scale };
        return super::numbers::conversion(&as_decimal, &to, mode);
    }
    if !to.is_number() {
        return Ok(None);
    }
    if matches!(to, DataType::Decimal { .. }) || to == DataType::Bool {
        let plain = match a {
            TimeType::Date => DataType::UInt16,
            TimeType::Date32 => DataType::Int32,
            TimeType::DateTime(_) => DataType::UInt32,
            TimeType::DateTime64(..) => DataType::Int64,
        };
        return super::numbers::conversion(&plain, &to, mode);
    }
    let kind = Kind::require(&to)?;
    Ok(Some(Arc::new(move |array| {
        let ticks = a.ticks();
        let raw = raw(&Column::Flat(array.clone()), a)?;
        let seconds =
            if ticks == 1 { raw } else { map::<i64, i64>(&raw, |v| v.div_euclid(ticks))? };
        convert(&seconds, Kind::I64, kind)?.to_flat()
    })))
}

fn from_number(from: &DataType, b: TimeType) -> ArrayConversion {
    let from = from.clone();
    let exact = !from.is_float() && !matches!(from, DataType::Decimal { .. });
    Arc::new(move |array| {
        let column = Column::Flat(array.clone());
        if let TimeType::DateTime64(..) = b {
            let ticks = b.ticks();
            let converted = if exact {
                let whole = convert(&column, Kind::require(&from)?, Kind::I64)?;
                map::<i64, i64>(&whole, |v| v.saturating_mul(ticks))?
            } else {
                map::<f64, i64>(&to_float(&column, &from)?, |v| (v * ticks as f64).round() as i64)?
            };
            return converted.to_flat();
        }
        let whole = if exact {
            let kind = Kind::require(&from)?;
            let unsigned = kind == Kind::U64 || kind == Kind::U128;
            let numbers = convert(&column, kind, Kind::I64)?;
            map::<i64, i64>(&numbers, |v| if unsigned && v < 0 { i64::MAX } else { v })?
        } else {
            map::<f64, i64>(&to_float(&column, &from)?, |v| v as i64)?
        };
        match b {
            TimeType::DateTime(_) => {
                let seconds = map::<i64, i64>(&whole, |v| v.clamp(0, i64::from(u32::MAX)))?;
                convert(&seconds, Kind::I64, Kind::U32)?.to_flat()
            }
            TimeType::Date => {
                let days = map::<i64, i64>(&whole, |v| match v {
                    ..0 => 0,
                    0..=65_535 => v,
                    seconds => (seconds.min(i64::from(u32::MAX)) / DAY).min(65_535),
                })?;
                convert(&days, Kind::I64, Kind::U16)?.to_flat()
            }
            _ => {
                let (low, high) = DATE32_DAYS;
                let days = map::<i64, i64>(&whole, |v| {
                    if v <= high { v.max(low) } else { v.div_euclid(DAY).min(high) }
                })?;
                convert(&days, Kind::I64, Kind::I32)?.to_flat()
            }
        }
    })
}
