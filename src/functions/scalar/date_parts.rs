//! Parts of dates and times as numbers: year, week, hour ...
//!
//! All are functions of local seconds or local days; see `calendar`. An optional time zone argument stands in
//! for the type's.

use base::{Result, bail, error};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration};
use types::time::{DAY, civil_from_days};
use types::{DataType, Value};

use super::calendar::{
    TimeType, Zone, iso_year, local_days, local_seconds, raw, weekday, year_start,
};
use super::cast::zone_argument;
use super::lane::{Kind, argument, convert, map};

pub(crate) const FUNCTIONS: &[FunctionDeclaration] = declare! { "Date and time";
    "toYear" | "YEAR" any_case true (1, 2) "toYear(time[, zone])" "The year."
        "SELECT toYear(toDate('2024-02-29'))" => "2024";
        |c, a| by_day(c, a, "toYear", DataType::UInt16, |d| i64::from(civil_from_days(d).year)), monotonic: true;
    "toQuarter" | "QUARTER" any_case true (1, 2) "toQuarter(time[, zone])" "The quarter of the year, from 1."
        "SELECT toQuarter(toDate('2024-05-29'))" => "2";
        |c, a| by_day(c, a, "toQuarter", DataType::UInt8, |d| i64::from(civil_from_days(d).month.div_ceil(3)));
    "toMonth" | "MONTH" any_case true (1, 2) "toMonth(time[, zone])" "The month of the year, from 1."
        "SELECT toMonth(toDate('2024-02-29'))" => "2";
        |c, a| by_day(c, a, "toMonth", DataType::UInt8, |d| i64::from(civil_from_days(d).month));
    "toDayOfYear" | "DAYOFYEAR" any_case true (1, 2) "toDayOfYear(time[, zone])" "The day of the year, from 1."
        "SELECT toDayOfYear(toDate('2024-02-29'))" => "60";
        |c, a| by_day(c, a, "toDayOfYear", DataType::UInt16, |d| d - year_start(civil_from_days(d).year) + 1);
    "toDayOfMonth" | "DAYOFMONTH" | "DAY" any_case true (1, 2) "toDayOfMonth(time[, zone])" "The day of the month, from 1."
        "SELECT toDayOfMonth(toDate('2024-02-29'))" => "29";
        |c, a| by_day(c, a, "toDayOfMonth", DataType::UInt8, |d| i64::from(civil_from_days(d).day));
    "toDayOfWeek" | "DAYOFWEEK" any_case true (1, 3) "toDayOfWeek(time[, mode[, zone]])"
        "The day of the week. Mode 0: Monday is 1; 1: Monday is 0; 2: Sunday is 0; 3: Sunday is 1."
        "SELECT toDayOfWeek(toDate('2024-02-29'))" => "4"; bind_day_of_week;
    "toHour" | "HOUR" any_case true (1, 2) "toHour(time[, zone])" "The hour of the day."
        "SELECT toHour(toDateTime('2024-02-29 13:37:42'))" => "13";
        |c, a| by_second(c, a, "toHour", |s| s.rem_euclid(DAY) / 3600);
    "toMinute" | "MINUTE" any_case true (1, 2) "toMinute(time[, zone])" "The minute of the hour."
        "SELECT toMinute(toDateTime('2024-02-29 13:37:42'))" => "37";
        |c, a| by_second(c, a, "toMinute", |s| s.rem_euclid(3600) / 60);
    "toSecond" | "SECOND" any_case true (1, 2) "toSecond(time[, zone])" "The second of the minute."
        "SELECT toSecond(toDateTime('2024-02-29 13:37:42'))" => "42";
        |c, a| by_second(c, a, "toSecond", |s| s.rem_euclid(60));
    "toMillisecond" | "MILLISECOND" any_case true (1, 2) "toMillisecond(time[, zone])" "The millisecond of the second."
        "SELECT toMillisecond(toDateTime64('2024-02-29 13:37:42.123', 3))" => "123"; bind_millisecond;
    "toISOYear" (1, 2) "toISOYear(time[, zone])" "The year that the ISO week belongs to."
        "SELECT toISOYear(toDate('2023-01-01'))" => "2022";
        |c, a| by_day(c, a, "toISOYear", DataType::UInt16, |d| i64::from(iso_year(d).0)), monotonic: true;
    "toISOWeek" (1, 2) "toISOWeek(time[, zone])" "The ISO week of the year, from 1."
        "SELECT toISOWeek(toDate('2023-01-01'))" => "52";
        |c, a| by_day(c, a, "toISOWeek", DataType::UInt8, |d| (d - iso_year(d).1) / 7 + 1);
    "toWeek" | "WEEK" any_case true (1, 3) "toWeek(time[, mode[, zone]])"
        "The week of the year, counted by one of MySQL's modes 0 to 7 (8 and 9: the first week has January 1)."
        "SELECT toWeek(toDate('2024-01-01'), 1)" => "1"; |c, a| bind_week(c, a, "toWeek", false);
    "toYearWeek" | "YEARWEEK" any_case true (1, 3) "toYearWeek(time[, mode[, zone]])"
        "Year and week of the year, as year * 100 + week."
        "SELECT toYearWeek(toDate('2024-12-30'), 3)" => "202501"; |c, a| bind_week(c, a, "toYearWeek", true), monotonic: true;
    "toYYYYMM" (1, 2) "toYYYYMM(time[, zone])" "Year and month as a number."
        "SELECT toYYYYMM(toDate('2024-02-29'))" => "202402";
        |c, a| by_day(c, a, "toYYYYMM", DataType::UInt32, year_month), monotonic: true;
    "toYYYYMMDD" (1, 2) "toYYYYMMDD(time[, zone])" "Year, month and day as a number."
        "SELECT toYYYYMMDD(toDate('2024-02-29'))" => "20240229";
        |c, a| by_day(c, a, "toYYYYMMDD", DataType::UInt32, year_month_day), monotonic: true;
    "toYYYYMMDDhhmmss" (1, 2) "toYYYYMMDDhhmmss(time[, zone])" "Date and time of day as a number."
        "SELECT toYYYYMMDDhhmmss(toDateTime('2024-02-29 13:37:42'))" => "20240229133742"; bind_all_digits, monotonic: true;
    "toRelativeYearNum" (1, 2) "toRelativeYearNum(time[, zone])" "The year, counted from year 0."
        "SELECT toRelativeYearNum(toDate('2020-01-01'))" => "2020";
        |c, a| by_day(c, a, "toRelativeYearNum", DataType::UInt16, |d| i64::from(civil_from_days(d).year)), monotonic: true;
    "toRelativeQuarterNum" (1, 2) "toRelativeQuarterNum(time[, zone])" "Quarters since year 0."
        "SELECT toRelativeQuarterNum(toDate('2020-01-01'))" => "8080";
        |c, a| by_day(c, a, "toRelativeQuarterNum", DataType::UInt32, |d| (months(d) - 1).div_euclid(3)), monotonic: true;
    "toRelativeMonthNum" (1, 2) "toRelativeMonthNum(time[, zone])" "Months since year 0, January of it being 1."
        "SELECT toRelativeMonthNum(toDate('2020-01-01'))" => "24241";
        |c, a| by_day(c, a, "toRelativeMonthNum", DataType::UInt32, months), monotonic: true;
    "toRelativeWeekNum" (1, 2) "toRelativeWeekNum(time[, zone])" "Weeks since 1970, beginning on Mondays."
        "SELECT toRelativeWeekNum(toDate('2020-01-01'))" => "2609";
        |c, a| by_day(c, a, "toRelativeWeekNum", DataType::UInt32, |d| (d + 7 - (d + 3).rem_euclid(7)).div_euclid(7).max(0)), monotonic: true;
    "toRelativeDayNum" (1, 2) "toRelativeDayNum(time[, zone])" "Days since 1970-01-01."
        "SELECT toRelativeDayNum(toDate('2020-01-01'))" => "18262";
        bind_day_number, monotonic: true;
    "toRelativeHourNum" (1, 2) "toRelativeHourNum(time[, zone])" "Hours since 1970-01-01 00:00 UTC."
        "SELECT toRelativeHourNum(toDateTime('2020-01-01 00:00:00', 'UTC'))" => "438288";
        |c, a| by_instant(c, a, "toRelativeHourNum", 3600), monotonic: true;
    "toRelativeMinuteNum" (1, 2) "toRelativeMinuteNum(time[, zone])" "Minutes since 1970-01-01 00:00 UTC."
        "SELECT toRelativeMinuteNum(toDateTime('2020-01-01 00:00:00', 'UTC'))" => "26297280";
        |c, a| by_instant(c, a, "toRelativeMinuteNum", 60), monotonic: true;
    "toRelativeSecondNum" (1, 2) "toRelativeSecondNum(time[, zone])" "Seconds since 1970-01-01 00:00 UTC."
        "SELECT toRelativeSecondNum(toDateTime('2020-01-01 00:00:00', 'UTC'))" => "1577836800";
        |c, a| by_instant(c, a, "toRelativeSecondNum", 1), monotonic: true;
    "toDaysSinceYearZero" | "TO_DAYS" any_case true (1, 2) "toDaysSinceYearZero(date[, zone])" "Days since 0000-01-01."
        "SELECT toDaysSinceYearZero(toDate('2020-01-01'))" => "737790";
        |c, a| by_day(c, a, "toDaysSinceYearZero", DataType::UInt32, |d| d + 719_528), monotonic: true;
};

/// The time type of the first argument, in the zone that the argument at a place names.
pub(crate) fn time_argument(
    context: &FunctionContext,
    arguments: &[Argument],
    zone_at: usize,
    name: &str,
) -> Result<TimeType> {
    let Some(first) = arguments.first() else {
        bail!(NumberOfArgumentsDoesntMatch, "Function {name} takes a date or time");
    };
    let Some(time) = TimeType::of(&first.data_type, context) else {
        return Err(error!(
            IllegalTypeOfArgument,
            "Illegal type {} of argument of function {name}. Should be Date, Date32, DateTime or DateTime64",
            first.data_type
        ));
    };
    Ok(match zone_argument(arguments, zone_at, name)? {
        Some(zone) => time.in_zone(zone),
        None => time,
    })
}

fn by_day(
    context: &FunctionContext,
    arguments: &[Argument],
    name: &'static str,
    return_type: DataType,
    f: fn(i64) -> i64,
) -> Result<Bound> {
    let time = time_argument(context, arguments, 1, name)?;
    let to = Kind::require(&return_type)?;
    Ok(Bound::new(return_type, move |columns, _| {
        let parts = map::<i64, i64>(&local_days(argument(columns, 0)?, time)?, f)?;
        convert(&parts, Kind::I64, to)
    }))
}

/// Days since 1970, of which ClickHouse knows 65536.
fn bind_day_number(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let time = time_argument(context, arguments, 1, "toRelativeDayNum")?;
    let wraps = matches!(time, TimeType::DateTime(_));
    Ok(Bound::new(DataType::UInt32, move |columns, _| {
        let days = local_days(argument(columns, 0)?, time)?;
        map::<i64, u32>(
            &days,
            |d| if wraps { (d as u16).into() } else { d.clamp(0, 65_535) as u32 },
        )
    }))
}

fn by_second(
    context: &FunctionContext,
    arguments: &[Argument],
    name: &'static str,
    f: fn(i64) -> i64,
) -> Result<Bound> {
    let time = time_argument(context, arguments, 1, name)?;
    if time.is_date() {
        return Err(error!(
            IllegalTypeOfArgument,
            "Illegal type {} of argument of function {name}: it has no time of day",
            arguments[0].data_type
        ));
    }
    Ok(Bound::new(DataType::UInt8, move |columns, _| {
        map::<i64, u8>(&local_seconds(argument(columns, 0)?, time)?, |s| f(s) as u8)
    }))
}

fn by_instant(
    context: &FunctionContext,
    arguments: &[Argument],
    name: &'static str,
    seconds: i64,
) -> Result<Bound> {
    let time = time_argument(context, arguments, 1, name)?;
    Ok(Bound::new(DataType::UInt32, move |columns, _| {
        let ticks = time.ticks() * seconds;
        let date = time.is_date();
        let offset = Zone::new(time.zone()).offset(0);
        map::<i64, u32>(&raw(argument(columns, 0)?, time)?, |v| {
            let units = match v.div_euclid(ticks) {
                _ if date => v * (DAY / seconds),
                // The hours before 1970 are those of the day before.
                units if units < 0 && seconds == 3600 => {
                    (v.div_euclid(time.ticks()) + DAY - offset).div_euclid(seconds)
                }
                units => units,
            };
            units.clamp(0, i64::from(u32::MAX)) as u32
        })
    }))
}

fn bind_millisecond(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let time = time_argument(context, arguments, 1, "toMillisecond")?;
    Ok(Bound::new(DataType::UInt16, move |columns, _| {
        let ticks = time.ticks();
        map::<i64, u16>(&raw(argument(columns, 0)?, time)?, |v| match ticks {
            1 => 0,
            _ => (i128::from(v.rem_euclid(ticks)) * 1000 / i128::from(ticks)) as u16,
        })
    }))
}

fn months(days: i64) -> i64 {
    let civil = civil_from_days(days);
    i64::from(civil.year) * 12 + i64::from(civil.month)
}

fn year_month(days: i64) -> i64 {
    let civil = civil_from_days(days);
    i64::from(civil.year) * 100 + i64::from(civil.month)
}

fn year_month_day(days: i64) -> i64 {
    let civil = civil_from_days(days);
    i64::from(civil.year) * 10_000 + i64::from(civil.month) * 100 + i64::from(civil.day)
}

fn bind_all_digits(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let time = time_argument(context, arguments, 1, "toYYYYMMDDhhmmss")?;
    Ok(Bound::new(DataType::UInt64, move |columns, _| {
        map::<i64, u64>(&local_seconds(argument(columns, 0)?, time)?, |s| {
            let of_day = s.rem_euclid(DAY);
            let digits = of_day / 3600 * 10_000 + of_day / 60 % 60 * 100 + of_day % 60;
            (year_month_day(s.div_euclid(DAY)) * 1_000_000 + digits) as u64
        })
    }))
}

/// The mode argument of week functions: a constant small integer, 0 if left out.
pub(crate) fn mode_argument(arguments: &[Argument], name: &str) -> Result<u8> {
    match arguments.get(1) {
        None => Ok(0),
        Some(Argument { constant: Some(Value::Int(mode)), data_type, .. })
            if data_type.is_integer() =>
        {
            Ok((*mode & 0xFF) as u8)
        }
        Some(other) => bail!(
            IllegalTypeOfArgument,
            "The mode of function {name} must be a constant UInt8, not {}",
            other.data_type
        ),
    }
}

fn bind_day_of_week(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let time = time_argument(context, arguments, 2, "toDayOfWeek")?;
    let mode = mode_argument(arguments, "toDayOfWeek")? & 3;
    Ok(Bound::new(DataType::UInt8, move |columns, _| {
        map::<i64, u8>(&local_days(argument(columns, 0)?, time)?, |days| {
            let monday_first = weekday(days) as u8;
            match mode {
                0 => monday_first + 1,
                1 => monday_first,
                2 => (monday_first + 1) % 7,
                _ => (monday_first + 1) % 7 + 1,
            }
        })
    }))
}

fn bind_week(
    context: &FunctionContext,
    arguments: &[Argument],
    name: &'static str,
    with_year: bool,
) -> Result<Bound> {
    let time = time_argument(context, arguments, 2, name)?;
    // The year that a week belongs to is only clear if weeks 0 do not occur.
    let mode = mode_argument(arguments, name)? | if with_year { 2 } else { 0 };
    let return_type = if with_year { DataType::UInt32 } else { DataType::UInt8 };
    let to = Kind::require(&return_type)?;
    // No week of a DateTime is before 1970, even where its zone's clocks say so.
    let least = if matches!(time, TimeType::DateTime(_)) { 0 } else { i64::MIN };
    Ok(Bound::new(return_type, move |columns, _| {
        let found = map::<i64, i64>(&local_days(argument(columns, 0)?, time)?, |days| {
            let (year, week) = week_of(days.max(least), mode);
            if with_year { year * 100 + week } else { week }
        })?;
        convert(&found, Kind::I64, to)
    }))
}

/// Year and week of a day by MySQL's mode: bit 0 weeks begin on Monday, bit 1 weeks of the last year
/// count from 1 instead of being week 0, bit 2 the first week is the first whole one by another rule; and bit 3
/// the first week is the one with January 1.
fn week_of(days: i64, mode: u8) -> (i64, i64) {
    let monday_first = mode & 1 != 0;
    let from_one = mode & 2 != 0;
    // As MySQL turns the third bit around for weeks that begin on Monday.
    let first_weekday = if monday_first { mode & 4 != 0 } else { mode & 4 == 0 };
    let year = i64::from(civil_from_days(days).year);
    let with_january_first = mode & 8 != 0;
    let from_one = from_one || with_january_first;
    let start = |year: i64| -> i64 {
        let first = year_start(year as i32);
        let at = if monday_first { weekday(first) } else { (weekday(first) + 1) % 7 };
        if with_january_first {
            return first - at;
        }
        // The week with January 1 counts if it has four days of the year, or if it begins then.
        let counts = if first_weekday { at == 0 } else { at <= 3 };
        if counts { first - at } else { first - at + 7 }
    };
    let this = start(year);
    if days < this {
        if !from_one {
            return (year, 0);
        }
        return (year - 1, (days - start(year - 1)) / 7 + 1);
    }
    let next = start(year + 1);
    if from_one && days >= next {
        return (year + 1, (days - next) / 7 + 1);
    }
    (year, (days - this) / 7 + 1)
}
