//! Times as local seconds and back: what all functions of dates and times stand on.
//!
//! 1. A time column is read once into local seconds since 1970-01-01 00:00 of its zone (dates: midnight).
//! 2. UTC needs no offsets. For other zones the offset of a day is asked once and kept when the
//!    day begins and ends with the same one; rows of one block mostly fall into few days.

use std::cell::RefCell;

use base::Result;
use expr::FunctionContext;
use types::time::{Civil, DAY, civil_from_days, days_from_civil, days_in_month};
use types::{Column, DataType, TimeZone};

use super::lane::{Kind, convert};

/// A type of dates or times with the zone that it is shown in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeType {
    Date,
    Date32,
    DateTime(TimeZone),
    DateTime64(u8, TimeZone),
}

impl TimeType {
    /// Of a data type; times without a zone of their own have the session's.
    pub(crate) fn of(data_type: &DataType, context: &FunctionContext) -> Option<TimeType> {
        Some(match data_type.inner() {
            DataType::Date => TimeType::Date,
            DataType::Date32 => TimeType::Date32,
            DataType::DateTime(zone) => TimeType::DateTime(zone.unwrap_or_else(|| context.zone())),
            DataType::DateTime64(precision, zone) => {
                TimeType::DateTime64(*precision, zone.unwrap_or_else(|| context.zone()))
            }
            _ => return None,
        })
    }

    /// The same type in another zone; dates have none.
    pub(crate) fn in_zone(self, zone: TimeZone) -> TimeType {
        match self {
            TimeType::DateTime(_) => TimeType::DateTime(zone),
            TimeType::DateTime64(precision, _) => TimeType::DateTime64(precision, zone),
            date => date,
        }
    }

    /// The zone of a time; UTC for dates.
    pub(crate) fn zone(self) -> TimeZone {
        match self {
            TimeType::DateTime(zone) | TimeType::DateTime64(_, zone) => zone,
            TimeType::Date | TimeType::Date32 => TimeZone::UTC,
        }
    }

    /// The lane of its values.
    pub(crate) fn kind(self) -> Kind {
        match self {
            TimeType::Date => Kind::U16,
            TimeType::Date32 => Kind::I32,
            TimeType::DateTime(_) => Kind::U32,
            TimeType::DateTime64(..) => Kind::I64,
        }
    }

    /// Ticks a second: 1 for all but DateTime64.
    pub(crate) fn ticks(self) -> i64 {
        match self {
            TimeType::DateTime64(precision, _) => ticks_of(precision),
            _ => 1,
        }
    }

    /// Whether it has no time of day.
    pub(crate) fn is_date(self) -> bool {
        matches!(self, TimeType::Date | TimeType::Date32)
    }
}

/// Ticks a second of a precision.
pub(crate) fn ticks_of(precision: u8) -> i64 {
    10_i64.checked_pow(u32::from(precision)).unwrap_or(i64::MAX)
}

/// A zone with the offsets of the days asked last.
pub(crate) struct Zone {
    zone: TimeZone,
    is_utc: bool,
    days: RefCell<Vec<(i64, Option<i64>)>>,
}

const CACHED_DAYS: usize = 64;

impl Zone {
    /// Nothing asked yet.
    pub(crate) fn new(zone: TimeZone) -> Zone {
        let is_utc = zone == TimeZone::UTC;
        let days = if is_utc { Vec::new() } else { vec![(i64::MIN, None); CACHED_DAYS] };
        Zone { zone, is_utc, days: RefCell::new(days) }
    }

    /// Seconds ahead of UTC at an instant.
    pub(crate) fn offset(&self, utc: i64) -> i64 {
        if self.is_utc {
            return 0;
        }
        let day = utc.div_euclid(DAY);
        let at = day.rem_euclid(CACHED_DAYS as i64) as usize;
        let mut days = self.days.borrow_mut();
        let Some(entry) = days.get_mut(at) else { return self.zone.offset(utc) };
        if entry.0 != day {
            let (first, last) =
                (self.zone.offset(day * DAY), self.zone.offset(day * DAY + DAY - 1));
            *entry = (day, (first == last).then_some(first));
        }
        entry.1.unwrap_or_else(|| self.zone.offset(utc))
    }

    /// Local seconds of an instant.
    pub(crate) fn to_local(&self, utc: i64) -> i64 {
        if self.is_utc { utc } else { utc + self.offset(utc) }
    }

    /// The instant of local seconds.
    pub(crate) fn to_utc(&self, local: i64) -> i64 {
        if self.is_utc {
            return local;
        }
        let before = self.offset(local - DAY);
        let after = self.offset(local + DAY);
        if before == after { local - before } else { self.zone.to_utc(local) }
    }
}

impl Zone {
    /// The instant at which the day of a date begins. That of a Date is not before 1970, where the next day begins
    /// instead, as in ClickHouse.
    pub(crate) fn midnight(&self, day: i64, date: TimeType) -> i64 {
        let start = self.to_utc(day * DAY);
        if start < 0 && date == TimeType::Date { self.to_utc((day + 1) * DAY) } else { start }
    }
}

/// The last day that a Date becomes as a DateTime where the two have a common type: 2106-02-06.
pub(crate) const LAST_COMMON_DAY: i64 = 49_709;

/// The raw values of a time column as Int64: days, seconds or ticks.
pub(crate) fn raw(column: &Column, time: TimeType) -> Result<Column> {
    convert(column, time.kind(), Kind::I64)
}

/// The local seconds of a time column, a constant for a constant.
pub(crate) fn local_seconds(column: &Column, time: TimeType) -> Result<Column> {
    let raw = raw(column, time)?;
    let ticks = time.ticks();
    let zone = Zone::new(time.zone());
    match time {
        TimeType::Date | TimeType::Date32 => {
            super::lane::map::<i64, i64>(&raw, |days| days.wrapping_mul(DAY))
        }
        _ if ticks == 1 && zone.is_utc => Ok(raw),
        _ if ticks == 1 => super::lane::map::<i64, i64>(&raw, |utc| zone.to_local(utc)),
        _ => super::lane::map::<i64, i64>(&raw, |t| zone.to_local(t.div_euclid(ticks))),
    }
}

/// The local days of a time column.
pub(crate) fn local_days(column: &Column, time: TimeType) -> Result<Column> {
    if time.is_date() {
        return raw(column, time);
    }
    super::lane::map::<i64, i64>(&local_seconds(column, time)?, |s| s.div_euclid(DAY))
}

/// Adds months to a day, staying in the month that it leads to.
pub(crate) fn add_months(days: i64, months: i64) -> i64 {
    let Civil { year, month, day } = civil_from_days(days.clamp(-100_000_000, 100_000_000));
    let total = i64::from(year) * 12 + i64::from(month) - 1 + months.clamp(-10_000_000, 10_000_000);
    let (year, month) = (total.div_euclid(12) as i32, total.rem_euclid(12) as u32 + 1);
    days_from_civil(year, month, day.min(days_in_month(year, month)))
}

/// The weekday of a day, Monday is 0.
pub(crate) fn weekday(days: i64) -> i64 {
    (days + 3).rem_euclid(7)
}

/// The first day of a year.
pub(crate) fn year_start(year: i32) -> i64 {
    days_from_civil(year, 1, 1)
}

/// The ISO year of a day and the Monday that it begins with.
pub(crate) fn iso_year(days: i64) -> (i32, i64) {
    // The Thursday of a week decides to which year it belongs.
    let thursday = days - weekday(days) + 3;
    let year = civil_from_days(thursday).year;
    let fourth = days_from_civil(year, 1, 4);
    (year, fourth - weekday(fourth))
}
