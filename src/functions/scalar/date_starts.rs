//! Dates and times rounded down: to the hour, the week, any interval.
//!
//! Weeks and longer units give a Date, days and shorter ones a DateTime, below a second a DateTime64. Units
//! up to a day are rounded in local time and turned back into an instant.

use base::{Result, bail, error};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration};
use types::time::{DAY, civil_from_days, days_from_civil};
use types::{Column, DataType, IntervalKind, Value};

use super::calendar::{TimeType, Zone, iso_year, local_days, raw, ticks_of, weekday, year_start};
use super::cast::zone_argument;
use super::date_parts::time_argument;
use super::lane::{Kind, argument, convert, map};

mod days;
mod origin;

use days::{as_date, bind_week, extended, month_end, month_start, to_day};
use origin::with_origin;

pub(crate) const FUNCTIONS: &[FunctionDeclaration] = declare! { "Date and time";
    "toStartOfYear" (1, 2) "toStartOfYear(time[, zone])" "The first day of the year."
        "SELECT toStartOfYear(toDate('2024-02-29'))" => "2024-01-01";
        |c, a| to_day(c, a, "toStartOfYear", |d| year_start(civil_from_days(d).year)), monotonic: true;
    "toStartOfISOYear" (1, 2) "toStartOfISOYear(time[, zone])" "The Monday that the ISO year begins with."
        "SELECT toStartOfISOYear(toDate('2024-02-29'))" => "2024-01-01";
        |c, a| to_day(c, a, "toStartOfISOYear", |d| iso_year(d).1), monotonic: true;
    "toStartOfQuarter" (1, 2) "toStartOfQuarter(time[, zone])" "The first day of the quarter."
        "SELECT toStartOfQuarter(toDate('2024-02-29'))" => "2024-01-01";
        |c, a| to_day(c, a, "toStartOfQuarter", |d| month_start(d, 3)), monotonic: true;
    "toStartOfMonth" (1, 2) "toStartOfMonth(time[, zone])" "The first day of the month."
        "SELECT toStartOfMonth(toDate('2024-02-29'))" => "2024-02-01";
        |c, a| to_day(c, a, "toStartOfMonth", |d| month_start(d, 1)), monotonic: true;
    "toLastDayOfMonth" | "LAST_DAY" any_case true (1, 2) "toLastDayOfMonth(time[, zone])" "The last day of the month."
        "SELECT toLastDayOfMonth(toDate('2024-02-03'))" => "2024-02-29";
        |c, a| to_day(c, a, "toLastDayOfMonth", month_end), monotonic: true;
    "toMonday" (1, 2) "toMonday(time[, zone])" "The Monday of the week."
        "SELECT toMonday(toDate('2024-02-29'))" => "2024-02-26";
        |c, a| to_day(c, a, "toMonday", |d| d - weekday(d)), monotonic: true;
    "toStartOfWeek" (1, 3) "toStartOfWeek(time[, mode[, zone]])"
        "The first day of the week: Sunday, or Monday with an odd mode."
        "SELECT toStartOfWeek(toDate('2024-02-29'))" => "2024-02-25"; |c, a| bind_week(c, a, false), monotonic: true;
    "toLastDayOfWeek" (1, 3) "toLastDayOfWeek(time[, mode[, zone]])"
        "The last day of the week: Saturday, or Sunday with an odd mode."
        "SELECT toLastDayOfWeek(toDate('2024-02-29'))" => "2024-03-02"; |c, a| bind_week(c, a, true), monotonic: true;
    "toStartOfDay" (1, 2) "toStartOfDay(time[, zone])" "The midnight that the day begins with."
        "SELECT toStartOfDay(toDateTime('2024-02-29 13:37:42'))" => "2024-02-29 00:00:00";
        |c, a| to_second(c, a, "toStartOfDay", DAY), monotonic: true;
    "toStartOfHour" (1, 2) "toStartOfHour(time[, zone])" "The beginning of the hour."
        "SELECT toStartOfHour(toDateTime('2024-02-29 13:37:42'))" => "2024-02-29 13:00:00";
        |c, a| to_second(c, a, "toStartOfHour", 3600), monotonic: true;
    "toStartOfFifteenMinutes" (1, 2) "toStartOfFifteenMinutes(time[, zone])" "The beginning of the quarter of an hour."
        "SELECT toStartOfFifteenMinutes(toDateTime('2024-02-29 13:37:42'))" => "2024-02-29 13:30:00";
        |c, a| to_second(c, a, "toStartOfFifteenMinutes", 900), monotonic: true;
    "toStartOfTenMinutes" (1, 2) "toStartOfTenMinutes(time[, zone])" "The beginning of the ten minutes."
        "SELECT toStartOfTenMinutes(toDateTime('2024-02-29 13:37:42'))" => "2024-02-29 13:30:00";
        |c, a| to_second(c, a, "toStartOfTenMinutes", 600), monotonic: true;
    "toStartOfFiveMinutes" | "toStartOfFiveMinute" (1, 2) "toStartOfFiveMinutes(time[, zone])" "The beginning of the five minutes."
        "SELECT toStartOfFiveMinutes(toDateTime('2024-02-29 13:37:42'))" => "2024-02-29 13:35:00";
        |c, a| to_second(c, a, "toStartOfFiveMinutes", 300), monotonic: true;
    "toStartOfMinute" (1, 2) "toStartOfMinute(time[, zone])" "The beginning of the minute."
        "SELECT toStartOfMinute(toDateTime('2024-02-29 13:37:42'))" => "2024-02-29 13:37:00";
        |c, a| to_second(c, a, "toStartOfMinute", 60), monotonic: true;
    "toStartOfSecond" (1, 2) "toStartOfSecond(time[, zone])" "The time without the fraction of the second."
        "SELECT toStartOfSecond(toDateTime64('2024-02-29 13:37:42.5', 1))" => "2024-02-29 13:37:42.0";
        |c, a| to_fraction(c, a, "toStartOfSecond", 0), monotonic: true;
    "toStartOfMillisecond" (1, 2) "toStartOfMillisecond(time[, zone])" "The beginning of the millisecond."
        "SELECT toStartOfMillisecond(toDateTime64('2024-02-29 13:37:42.12345', 5))" => "2024-02-29 13:37:42.12300";
        |c, a| to_fraction(c, a, "toStartOfMillisecond", 3), monotonic: true;
    "toStartOfMicrosecond" (1, 2) "toStartOfMicrosecond(time[, zone])" "The beginning of the microsecond."
        "SELECT toStartOfMicrosecond(toDateTime64('2024-02-29 13:37:42.1234567', 7))" => "2024-02-29 13:37:42.1234560";
        |c, a| to_fraction(c, a, "toStartOfMicrosecond", 6), monotonic: true;
    "toStartOfNanosecond" (1, 2) "toStartOfNanosecond(time[, zone])" "The time as DateTime64(9)."
        "SELECT toStartOfNanosecond(toDateTime64('2024-02-29 13:37:42', 9))" => "2024-02-29 13:37:42.000000000";
        |c, a| to_fraction(c, a, "toStartOfNanosecond", 9), monotonic: true;
    "timeSlot" (1, 2) "timeSlot(time[, zone])" "The beginning of the half hour."
        "SELECT timeSlot(toDateTime('2024-02-29 13:37:42'))" => "2024-02-29 13:30:00";
        |c, a| to_second(c, a, "timeSlot", 1800), monotonic: true;
    "toStartOfInterval" | "time_bucket" | "date_bin" any_case true (2, 4) "toStartOfInterval(time, INTERVAL n unit[, origin][, zone])"
        "The beginning of the interval of n units that the time lies in, counted from 1970 (weeks: from a Monday) or from the origin."
        "SELECT toStartOfInterval(toDateTime('2024-02-29 13:37:42'), INTERVAL 15 MINUTE)" => "2024-02-29 13:30:00";
        bind_interval, monotonic: true;
    "dateTrunc" | "date_trunc" any_case true (2, 3) "dateTrunc(unit, time[, zone])"
        "The beginning of the 'year', 'quarter', 'month', 'week', 'day', 'hour', 'minute', 'second', 'millisecond' ... that a time lies in."
        "SELECT dateTrunc('month', toDate('2024-02-29'))" => "2024-02-01"; bind_trunc;
};

/// The zone that a result of a type shows: the argument's, if the function was given one.
fn shown_zone(data_type: &DataType, time: TimeType, given: bool) -> Option<types::TimeZone> {
    match data_type {
        DataType::DateTime(None) | DataType::DateTime64(_, None) if !given => None,
        DataType::DateTime(_) | DataType::DateTime64(..) => Some(time.zone()),
        _ => None,
    }
}

/// The instant at which a local period of some seconds began.
#[inline]
fn floor_second(utc: i64, zone: &Zone, seconds: i64) -> i64 {
    let local = zone.to_local(utc);
    let floored = local.saturating_sub(local.rem_euclid(seconds));
    if seconds >= DAY {
        // The day that 1970 begins in began before it; ClickHouse tells the next one.
        let begin = zone.to_utc(floored);
        let day = floored.div_euclid(DAY).max(0);
        return if utc >= 0 && begin < 0 { zone.midnight(day, TimeType::Date) } else { begin };
    }
    // The offset seldom changes within the period; if it does, it is the same stretch of clock time.
    utc.saturating_sub(local.saturating_sub(floored))
}

fn to_second(
    context: &FunctionContext,
    arguments: &[Argument],
    name: &'static str,
    seconds: i64,
) -> Result<Bound> {
    let time = time_argument(context, arguments, 1, name)?;
    let given = arguments.len() > 1;
    if time.is_date() {
        if seconds != DAY {
            return Err(error!(
                IllegalTypeOfArgument,
                "Illegal argument of type {} for function {name}", arguments[0].data_type
            ));
        }
        let shown = zone_argument(arguments, 1, name)?;
        let zone = shown.unwrap_or_else(|| context.zone());
        if extended(context, time) {
            return Ok(Bound::new(DataType::DateTime64(3, None), move |columns, _| {
                let zone = Zone::new(zone);
                map::<i64, i64>(&raw(argument(columns, 0)?, time)?, |d| zone.to_utc(d * DAY) * 1000)
            }));
        }
        return Ok(Bound::new(DataType::DateTime(shown), move |columns, _| {
            let zone = Zone::new(zone);
            map::<i64, u32>(&raw(argument(columns, 0)?, time)?, |d| {
                zone.midnight(d, time).clamp(0, i64::from(u32::MAX)) as u32
            })
        }));
    }
    let shown = shown_zone(&arguments[0].data_type, time, given);
    if let (TimeType::DateTime64(precision, _), true) = (time, extended(context, time)) {
        return Ok(Bound::new(DataType::DateTime64(precision, shown), move |columns, _| {
            let zone = Zone::new(time.zone());
            let ticks = time.ticks();
            map::<i64, i64>(&raw(argument(columns, 0)?, time)?, |v| {
                floor_second(v.div_euclid(ticks), &zone, seconds).saturating_mul(ticks)
            })
        }));
    }
    let return_type = DataType::DateTime(shown);
    Ok(Bound::new(return_type, move |columns, _| {
        let zone = Zone::new(time.zone());
        let ticks = time.ticks();
        map::<i64, u32>(&raw(argument(columns, 0)?, time)?, |v| {
            let floored = floor_second(v.div_euclid(ticks), &zone, seconds);
            floored.clamp(0, i64::from(u32::MAX)) as u32
        })
    }))
}

/// Rounds ticks down to so many digits of the second.
fn to_fraction(
    context: &FunctionContext,
    arguments: &[Argument],
    name: &'static str,
    digits: u8,
) -> Result<Bound> {
    let time = time_argument(context, arguments, 1, name)?;
    let TimeType::DateTime64(precision, _) = time else {
        return Err(error!(
            IllegalTypeOfArgument,
            "Illegal type {} of argument of function {name}. Should be DateTime64",
            arguments[0].data_type
        ));
    };
    let zone = shown_zone(&arguments[0].data_type, time, arguments.len() > 1);
    let shown = precision.max(digits);
    Ok(Bound::new(DataType::DateTime64(shown, zone), move |columns, _| {
        let (grow, cut) = (ticks_of(shown - precision), ticks_of(shown - digits));
        map::<i64, i64>(argument(columns, 0)?, |v| {
            let v = v.saturating_mul(grow);
            let rest = v.rem_euclid(cut);
            // Where the time before is none that there is, the next.
            v.checked_sub(rest).unwrap_or_else(|| v.saturating_add(cut - rest))
        })
    }))
}

/// What `toStartOfInterval` of a type and unit gives.
fn interval_type(
    time: &DataType,
    unit: IntervalKind,
    zone: Option<types::TimeZone>,
) -> Result<DataType> {
    use IntervalKind::{Hour, Microsecond, Millisecond, Minute, Nanosecond, Second};
    Ok(match unit {
        Nanosecond => DataType::DateTime64(9, zone),
        Microsecond => DataType::DateTime64(6, zone),
        Millisecond => DataType::DateTime64(3, zone),
        Second | Minute | Hour | IntervalKind::Day => {
            if time.is_date() && unit != IntervalKind::Day {
                bail!(IllegalTypeOfArgument, "Illegal interval kind for argument data type {time}");
            }
            DataType::DateTime(zone)
        }
        _ => DataType::Date,
    })
}

fn bind_interval(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let name = "toStartOfInterval";
    let DataType::Interval(unit) = arguments[1].data_type else {
        bail!(
            IllegalTypeOfArgument,
            "Illegal type {} of 2nd argument of function {name}. Should be interval",
            arguments[1].data_type
        );
    };
    let Some(count) = arguments[1].constant.as_ref().and_then(Value::as_int) else {
        bail!(IllegalColumn, "The interval of function {name} must be constant");
    };
    let Some(count) = i64::try_from(count).ok().filter(|n| *n > 0) else {
        bail!(ArgumentOutOfBound, "Value for 2nd argument of function {name} must be positive");
    };
    let origin = arguments.get(2).filter(|a| !a.data_type.is_string());
    let time = time_argument(context, arguments, if origin.is_some() { 3 } else { 2 }, name)?;
    let given = arguments.last().is_some_and(|a| a.data_type.is_string());
    let data_type = &arguments[0].data_type;
    let zone = shown_zone(data_type, time, given);
    if let Some(origin) = origin {
        return with_origin(arguments, time, origin, unit, count);
    }
    let sub_second = matches!(
        unit,
        IntervalKind::Nanosecond | IntervalKind::Microsecond | IntervalKind::Millisecond
    );
    if sub_second && !matches!(time, TimeType::DateTime64(..)) {
        bail!(IllegalTypeOfArgument, "Illegal interval kind for argument data type {data_type}");
    }
    let return_type = interval_type(data_type, unit, zone)?;
    let to = TimeType::of(&return_type, context).unwrap_or(TimeType::Date);
    Ok(Bound::new(return_type, move |columns, _| {
        floor_interval(argument(columns, 0)?, time, to, unit, count)
    }))
}

/// Rounds every time down to a multiple of an interval.
fn floor_interval(
    column: &Column,
    time: TimeType,
    to: TimeType,
    unit: IntervalKind,
    n: i64,
) -> Result<Column> {
    use IntervalKind::{
        Day, Hour, Microsecond, Millisecond, Minute, Month, Nanosecond, Quarter, Second, Week, Year,
    };
    let digits = match unit {
        Nanosecond => Some(9),
        Microsecond => Some(6),
        Millisecond => Some(3),
        _ => None,
    };
    if let Some(digits) = digits {
        let (have, want) = (i128::from(time.ticks()), i128::from(ticks_of(digits)));
        let n = i128::from(n);
        return map::<i64, i64>(column, |v| {
            let scaled = (i128::from(v) * want).div_euclid(have);
            (scaled - scaled.rem_euclid(n)) as i64
        });
    }
    let seconds = match unit {
        Second => Some(n),
        Minute => n.checked_mul(60),
        Hour => n.checked_mul(3600),
        _ => None,
    };
    if let Some(seconds) = seconds {
        let zone = Zone::new(time.zone());
        let ticks = time.ticks();
        return map::<i64, u32>(&raw(column, time)?, |v| {
            let utc = v.div_euclid(ticks);
            let floored = floor_clock(utc, &zone, unit, seconds);
            floored.clamp(0, i64::from(u32::MAX)) as u32
        });
    }
    let days = map::<i64, i64>(&local_days(column, time)?, |d| match unit {
        Day => d - d.rem_euclid(n),
        // Several weeks are counted from the first Monday of 1970 on.
        Week => d - (d - 4).rem_euclid(n.saturating_mul(7)),
        Month => months_floor(d, n),
        Quarter => months_floor(d, n.saturating_mul(3)),
        Year => {
            let year = i64::from(civil_from_days(d).year);
            year_start((year - year.rem_euclid(n)) as i32)
        }
        _ => d,
    })?;
    // What Date32 has beyond the narrower types wraps around, as in ClickHouse.
    let wraps = time == TimeType::Date32;
    match to {
        TimeType::DateTime(zone) => {
            let zone = Zone::new(zone);
            let most = i64::from(u32::MAX);
            map::<i64, u32>(&days, |d| match time {
                TimeType::Date32 => zone.to_utc(d * DAY) as u32,
                TimeType::DateTime64(..) => zone.to_utc(d * DAY).clamp(0, most) as u32,
                _ => zone.midnight(d.max(0), TimeType::Date).min(most) as u32,
            })
        }
        TimeType::Date32 => convert(&days, Kind::I64, Kind::I32),
        _ if wraps => map::<i64, u16>(&days, |d| d as u16),
        _ => as_date(&days),
    }
}

/// Hours are counted from the day's midnight, minutes and seconds from 1970.
fn floor_clock(utc: i64, zone: &Zone, unit: IntervalKind, seconds: i64) -> i64 {
    match unit {
        IntervalKind::Hour => {
            let local = zone.to_local(utc);
            let of_day = local.rem_euclid(DAY);
            utc - of_day.rem_euclid(seconds)
        }
        _ => utc - utc.rem_euclid(seconds),
    }
}

fn months_floor(days: i64, n: i64) -> i64 {
    let civil = civil_from_days(days);
    let months = i64::from(civil.year) * 12 + i64::from(civil.month) - 1;
    // Several months are counted from 1900 on, as ClickHouse's calendar is.
    let floored = months - (months - 1900 * 12).rem_euclid(n);
    days_from_civil(floored.div_euclid(12) as i32, floored.rem_euclid(12) as u32 + 1, 1)
}

fn bind_trunc(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let name = "dateTrunc";
    let Some(unit) = arguments[0].constant.as_ref().and_then(Value::as_str) else {
        bail!(IllegalColumn, "The unit of function {name} must be a constant string");
    };
    let Some(unit) = unit_of(unit) else {
        bail!(BadArguments, "{unit} doesn't look like datepart name in {name}");
    };
    let time = time_argument(context, &arguments[1..], 1, name)?;
    let data_type = &arguments[1].data_type;
    let zone = shown_zone(data_type, time, arguments.len() > 2);
    let short = matches!(unit, IntervalKind::Hour | IntervalKind::Minute | IntervalKind::Second);
    let return_type = match (data_type, unit) {
        (_, IntervalKind::Nanosecond) => DataType::DateTime64(9, zone),
        (_, IntervalKind::Microsecond) => DataType::DateTime64(6, zone),
        (_, IntervalKind::Millisecond) => DataType::DateTime64(3, zone),
        (DataType::DateTime64(..), _) if short => DataType::DateTime64(0, zone),
        (DataType::DateTime64(..) | DataType::Date32, IntervalKind::Day) => {
            DataType::DateTime64(0, zone)
        }
        (DataType::DateTime64(..) | DataType::Date32, _) if !short => DataType::Date32,
        (_, IntervalKind::Day) => DataType::DateTime(zone),
        _ if short => DataType::DateTime(zone),
        _ => DataType::Date,
    };
    let target = TimeType::of(&return_type, context).unwrap_or(TimeType::Date);
    let seconds = match unit {
        IntervalKind::Second => 1,
        IntervalKind::Minute => 60,
        _ => 3600,
    };
    Ok(Bound::new(return_type, move |columns, _| {
        let column = argument(columns, 1)?;
        if let (TimeType::DateTime64(..), true) = (time, short) {
            // Parts of seconds are cut towards 1970, as ClickHouse does.
            let (zone, ticks) = (Zone::new(time.zone()), time.ticks());
            let floor = |v: i64| floor_second(v / ticks, &zone, seconds);
            return map::<i64, i64>(&raw(column, time)?, floor);
        }
        if time.is_date() && matches!(target, TimeType::DateTime(_)) {
            return super::cast::first_seconds(column, time, target);
        }
        let step = match unit {
            IntervalKind::Second | IntervalKind::Minute | IntervalKind::Hour => {
                TimeType::DateTime(time.zone())
            }
            IntervalKind::Nanosecond | IntervalKind::Microsecond | IntervalKind::Millisecond => {
                target
            }
            _ => TimeType::Date32,
        };
        let floored = match step {
            TimeType::DateTime64(..) if !matches!(time, TimeType::DateTime64(..)) => {
                return super::cast::between(column, time, target);
            }
            step => floor_interval(column, time, step, unit, 1)?,
        };
        let floored = if target == TimeType::Date {
            // The week of 1970-01-01 begins before the first Date.
            map::<i32, i32>(&floored, |day| day.max(0))?
        } else {
            floored
        };
        super::cast::between(&floored, step, target)
    }))
}

/// A unit by a name as SQL writes it, singular or plural, or its usual abbreviation.
pub(crate) fn unit_of(name: &str) -> Option<IntervalKind> {
    let lower = name.to_ascii_lowercase();
    Some(match lower.strip_suffix('s').filter(|s| s.len() > 2).unwrap_or(&lower) {
        "nanosecond" | "ns" => IntervalKind::Nanosecond,
        "microsecond" | "us" | "u" => IntervalKind::Microsecond,
        "millisecond" | "ms" => IntervalKind::Millisecond,
        "second" | "ss" | "s" => IntervalKind::Second,
        "minute" | "mi" | "n" => IntervalKind::Minute,
        "hour" | "hh" | "h" => IntervalKind::Hour,
        "day" | "dd" | "d" => IntervalKind::Day,
        "week" | "wk" | "ww" => IntervalKind::Week,
        "month" | "mm" | "m" => IntervalKind::Month,
        "quarter" | "qq" | "q" => IntervalKind::Quarter,
        "year" | "yyyy" | "yy" => IntervalKind::Year,
        _ => return None,
    })
}
