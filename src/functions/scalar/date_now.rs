//! The present, time zones, and days and seconds counted from some first one.

use std::sync::Arc;

use arrow_array::builder::BinaryViewBuilder;
use arrow_array::{ArrayRef, ListArray};
use arrow_buffer::OffsetBuffer;
use arrow_schema::Field;
use base::{Error, Result, bail, error};
use expr::{Argument, Bound, Determinism, FunctionContext, FunctionDeclaration, Nulls};
use types::time::DAY;
use types::{Column, DataType, TimeZone, Value};

use super::calendar::{TimeType, Zone, raw, ticks_of};
use super::cast::{conversion, integer_argument, zone_argument};
use super::date_make::{
    as_date, bind_digits_to_date, bind_digits_to_time, bind_make_date, bind_make_time,
    bind_make_time64,
};
use super::date_parts::time_argument;
use super::lane::{Kind, argument, constant, convert, flat, map, try_map, values};

const SECOND: i64 = 1_000_000_000;

pub(crate) const FUNCTIONS: &[FunctionDeclaration] = declare! { "Date and time";
    "now" | "current_timestamp" | "localtimestamp" any_case true (0, 1) "now([zone])" "When the query started, in seconds."
        "SELECT now() = now()" => "1"; bind_now, determinism: Determinism::WithinQuery;
    "nowInBlock" (0, 1) "nowInBlock([zone])" "The present second, anew for every block of rows."
        "SELECT nowInBlock() >= now()" => "1"; bind_now_in_block, determinism: Determinism::Never;
    "now64" any_case true (0, 2) "now64([precision[, zone]])" "When the query started, with fractions of a second."
        "SELECT toTypeName(now64())" => "DateTime64(3)"; bind_now64, determinism: Determinism::WithinQuery;
    "UTCTimestamp" | "UTC_timestamp" any_case true (0, 0) "UTCTimestamp()" "When the query started, in UTC."
        "SELECT toTypeName(UTCTimestamp())" => "DateTime(\\'UTC\\')"; bind_utc, determinism: Determinism::WithinQuery;
    "today" | "curdate" | "current_date" any_case true (0, 0) "today()" "The day on which the query started."
        "SELECT today() = toDate(now())" => "1"; |c, _| bind_today(c, 0), determinism: Determinism::WithinQuery;
    "yesterday" (0, 0) "yesterday()" "The day before the query started."
        "SELECT today() - yesterday()" => "1"; |c, _| bind_today(c, 1), determinism: Determinism::WithinQuery;
    "timeZone" | "timezone" (0, 0) "timeZone()" "The session's time zone."
        "SELECT timeZone() = timezone()" => "1"; |c, _| text(c.zone().name().to_owned()), determinism: Determinism::WithinQuery;
    "serverTimezone" | "serverTimeZone" (0, 0) "serverTimezone()" "The server's time zone."
        "SELECT serverTimezone() = serverTimeZone()" => "1"; |_, _| text(TimeZone::server().name().to_owned()), determinism: Determinism::WithinQuery;
    "timeZoneOf" | "timezoneOf" (1, 1) "timeZoneOf(time)" "The time zone of a type of times."
        "SELECT timeZoneOf(toDateTime(0, 'Asia/Tokyo'))" => "Asia/Tokyo"; bind_zone_of, nulls: Nulls::Custom;
    "timeZoneOffset" | "timezoneOffset" (1, 1) "timeZoneOffset(time)" "Seconds that the time's zone is ahead of UTC."
        "SELECT timeZoneOffset(toDateTime(0, 'Asia/Tokyo'))" => "32400"; bind_offset;
    "toTimeZone" | "toTimezone" (2, 2) "toTimeZone(time, zone)" "The same instant, shown in another time zone."
        "SELECT toTimeZone(toDateTime(0, 'UTC'), 'Asia/Tokyo')" => "1970-01-01 09:00:00"; bind_to_zone, monotonic: true;
    "toUTCTimestamp" | "to_utc_timestamp" any_case true (2, 2) "toUTCTimestamp(time, zone)"
        "The time as if it were local time of a zone, turned into UTC."
        "SELECT toUTCTimestamp(toDateTime('2024-02-29 13:00:00'), 'Asia/Tokyo')" => "2024-02-29 04:00:00"; |c, a| bind_utc_shift(c, a, true);
    "fromUTCTimestamp" | "from_utc_timestamp" any_case true (2, 2) "fromUTCTimestamp(time, zone)"
        "The time as if it were UTC, turned into local time of a zone."
        "SELECT fromUTCTimestamp(toDateTime('2024-02-29 13:00:00'), 'Asia/Tokyo')" => "2024-02-29 22:00:00"; |c, a| bind_utc_shift(c, a, false);
    "toTimeWithFixedDate" (1, 2) "toTimeWithFixedDate(time[, zone])" "The time of day, on 1970-01-02."
        "SELECT toHour(toTimeWithFixedDate(toDateTime('2024-02-29 13:37:42')))" => "13"; bind_fixed_date;
    "timeSlots" (2, 3) "timeSlots(start, duration[, size])"
        "The half hours (or slots of so many seconds) that a time span touches."
        "SELECT timeSlots(toDateTime('2024-02-29 13:37:05'), toUInt32(1800))" => "['2024-02-29 13:30:00','2024-02-29 14:00:00']"; bind_slots;
    "makeDate" any_case true (1, 3) "makeDate(year, month, day), makeDate(year, day_of_year), makeDate(yyyymmdd)" "A Date from its parts; 1970-01-01 where there is no such."
        "SELECT makeDate(2024, 2, 29)" => "2024-02-29"; |_, a| bind_make_date(a, DataType::Date, "makeDate");
    "makeDate32" (1, 3) "makeDate32(year, month, day), makeDate32(year, day_of_year)" "A Date32 from its parts."
        "SELECT makeDate32(1950, 1, 1)" => "1950-01-01"; |_, a| bind_make_date(a, DataType::Date32, "makeDate32");
    "makeDateTime" (6, 7) "makeDateTime(year, month, day, hour, minute, second[, zone])" "A DateTime from its parts."
        "SELECT makeDateTime(2024, 2, 29, 1, 2, 3)" => "2024-02-29 01:02:03"; bind_make_time;
    "makeDateTime64" (6, 9) "makeDateTime64(year, month, day, hour, minute, second[, fraction[, precision[, zone]]])" "A DateTime64 from its parts."
        "SELECT makeDateTime64(2024, 2, 29, 1, 2, 3, 5)" => "2024-02-29 01:02:03.005"; bind_make_time64;
    "YYYYMMDDToDate" (1, 1) "YYYYMMDDToDate(number)" "The Date whose digits a number has."
        "SELECT YYYYMMDDToDate(20240229)" => "2024-02-29"; |_, a| bind_digits_to_date(a, DataType::Date);
    "YYYYMMDDToDate32" (1, 1) "YYYYMMDDToDate32(number)" "The Date32 whose digits a number has."
        "SELECT YYYYMMDDToDate32(19500101)" => "1950-01-01"; |_, a| bind_digits_to_date(a, DataType::Date32);
    "YYYYMMDDhhmmssToDateTime" (1, 2) "YYYYMMDDhhmmssToDateTime(number[, zone])" "The DateTime whose digits a number has."
        "SELECT YYYYMMDDhhmmssToDateTime(20240229010203)" => "2024-02-29 01:02:03"; bind_digits_to_time;
    "fromDaysSinceYearZero" | "FROM_DAYS" any_case true (1, 1) "fromDaysSinceYearZero(days)" "The Date so many days after 0000-01-01."
        "SELECT fromDaysSinceYearZero(737790)" => "2020-01-01"; |_, a| bind_from_days(a, DataType::Date);
    "fromDaysSinceYearZero32" (1, 1) "fromDaysSinceYearZero32(days)" "The Date32 so many days after 0000-01-01."
        "SELECT fromDaysSinceYearZero32(737790)" => "2020-01-01"; |_, a| bind_from_days(a, DataType::Date32);
    "toModifiedJulianDay" (1, 1) "toModifiedJulianDay(text)" "The day, written YYYY-MM-DD, as a Modified Julian Day."
        "SELECT toModifiedJulianDay('2020-01-01')" => "58849"; bind_to_julian;
    "fromModifiedJulianDay" (1, 1) "fromModifiedJulianDay(day)" "A Modified Julian Day as YYYY-MM-DD."
        "SELECT fromModifiedJulianDay(58849)" => "2020-01-01"; bind_from_julian;
    "toUnixTimestamp" | "UNIX_TIMESTAMP" any_case true (0, 2) "toUnixTimestamp(time[, zone])" "Seconds since 1970-01-01 00:00 UTC."
        "SELECT toUnixTimestamp(toDateTime('2020-01-01 00:00:00', 'UTC'))" => "1577836800"; bind_to_unix, monotonic: true;
    "toUnixTimestamp64Second" (1, 1) "toUnixTimestamp64Second(time)" "Seconds since 1970 of a DateTime64."
        "SELECT toUnixTimestamp64Second(toDateTime64('2020-01-01 00:00:00', 3, 'UTC'))" => "1577836800"; |_, a| bind_to_unix64(a, "Second", 0), monotonic: true;
    "toUnixTimestamp64Milli" (1, 1) "toUnixTimestamp64Milli(time)" "Milliseconds since 1970 of a DateTime64."
        "SELECT toUnixTimestamp64Milli(toDateTime64('2020-01-01 00:00:00.123', 3, 'UTC'))" => "1577836800123"; |_, a| bind_to_unix64(a, "Milli", 3), monotonic: true;
    "toUnixTimestamp64Micro" (1, 1) "toUnixTimestamp64Micro(time)" "Microseconds since 1970 of a DateTime64."
        "SELECT toUnixTimestamp64Micro(toDateTime64('2020-01-01 00:00:00', 3, 'UTC'))" => "1577836800000000"; |_, a| bind_to_unix64(a, "Micro", 6), monotonic: true;
    "toUnixTimestamp64Nano" (1, 1) "toUnixTimestamp64Nano(time)" "Nanoseconds since 1970 of a DateTime64."
        "SELECT toUnixTimestamp64Nano(toDateTime64('2020-01-01 00:00:00', 3, 'UTC'))" => "1577836800000000000"; |_, a| bind_to_unix64(a, "Nano", 9), monotonic: true;
    "fromUnixTimestamp64Second" (1, 2) "fromUnixTimestamp64Second(n[, zone])" "The DateTime64(0) of seconds since 1970."
        "SELECT fromUnixTimestamp64Second(1577836800, 'UTC')" => "2020-01-01 00:00:00"; |_, a| bind_from_unix64(a, 0);
    "fromUnixTimestamp64Milli" (1, 2) "fromUnixTimestamp64Milli(n[, zone])" "The DateTime64(3) of milliseconds since 1970."
        "SELECT fromUnixTimestamp64Milli(1577836800123, 'UTC')" => "2020-01-01 00:00:00.123"; |_, a| bind_from_unix64(a, 3);
    "fromUnixTimestamp64Micro" (1, 2) "fromUnixTimestamp64Micro(n[, zone])" "The DateTime64(6) of microseconds since 1970."
        "SELECT fromUnixTimestamp64Micro(1577836800000000, 'UTC')" => "2020-01-01 00:00:00.000000"; |_, a| bind_from_unix64(a, 6);
    "fromUnixTimestamp64Nano" (1, 2) "fromUnixTimestamp64Nano(n[, zone])" "The DateTime64(9) of nanoseconds since 1970."
        "SELECT fromUnixTimestamp64Nano(1577836800000000000, 'UTC')" => "2020-01-01 00:00:00.000000000"; |_, a| bind_from_unix64(a, 9);
};

/// A function that always answers one text.
pub(crate) fn text(answer: String) -> Result<Bound> {
    Ok(Bound::new(DataType::String, move |_, rows| {
        Column::constant(&DataType::String, &Value::from(answer.as_str()), rows)
    }))
}

fn seconds_of(nanoseconds: i64) -> u32 {
    u32::try_from(nanoseconds.div_euclid(SECOND)).unwrap_or(0)
}

fn bind_now(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let zone = zone_argument(arguments, 0, "now")?;
    let now = seconds_of(context.now_nanoseconds);
    Ok(Bound::new(DataType::DateTime(zone), move |_, rows| Ok(constant(now, rows))))
}

fn bind_now_in_block(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let zone = zone_argument(arguments, 0, "nowInBlock")?;
    Ok(Bound::new(DataType::DateTime(zone), move |_, rows| {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Ok(constant(since.map_or(0, |d| d.as_secs() as u32), rows))
    }))
}

fn bind_now64(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let precision = match arguments.first() {
        Some(_) => integer_argument(arguments, 0, (0, 9), "now64")? as u8,
        None => 3,
    };
    let zone = zone_argument(arguments, 1, "now64")?;
    let ticks = context.now_nanoseconds.div_euclid(SECOND / ticks_of(precision));
    Ok(Bound::new(DataType::DateTime64(precision, zone), move |_, rows| Ok(constant(ticks, rows))))
}

fn bind_utc(context: &FunctionContext, _: &[Argument]) -> Result<Bound> {
    let now = seconds_of(context.now_nanoseconds);
    Ok(Bound::new(DataType::DateTime(Some(TimeZone::UTC)), move |_, rows| Ok(constant(now, rows))))
}

fn bind_today(context: &FunctionContext, ago: i64) -> Result<Bound> {
    let local = Zone::new(context.zone()).to_local(context.now_nanoseconds.div_euclid(SECOND));
    let day = (local.div_euclid(DAY) - ago).clamp(0, 65_535) as u16;
    Ok(Bound::new(DataType::Date, move |_, rows| Ok(constant(day, rows))))
}

/// The time type of an argument that must have a time of day.
fn instant(context: &FunctionContext, arguments: &[Argument], name: &str) -> Result<TimeType> {
    let time = time_argument(context, arguments, usize::MAX, name)?;
    if time.is_date() {
        return Err(error!(
            IllegalTypeOfArgument,
            "Illegal type {} of argument of function {name}. Should be DateTime or DateTime64",
            arguments[0].data_type
        ));
    }
    Ok(time)
}

fn bind_zone_of(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let bare =
        Argument { data_type: arguments[0].data_type.inner().clone(), ..arguments[0].clone() };
    text(instant(context, &[bare], "timeZoneOf")?.zone().name().to_owned())
}

fn bind_offset(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let time = instant(context, arguments, "timeZoneOffset")?;
    Ok(Bound::new(DataType::Int32, move |columns, _| {
        let (zone, ticks) = (Zone::new(time.zone()), time.ticks());
        map::<i64, i32>(&raw(argument(columns, 0)?, time)?, |v| {
            zone.offset(v.div_euclid(ticks)) as i32
        })
    }))
}

fn bind_to_zone(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let time = instant(context, arguments, "toTimeZone")?;
    let Some(zone) = zone_argument(arguments, 1, "toTimeZone")? else {
        bail!(BadArguments, "Function toTimeZone takes the name of a time zone");
    };
    let return_type = match time {
        TimeType::DateTime64(precision, _) => DataType::DateTime64(precision, Some(zone)),
        _ => DataType::DateTime(Some(zone)),
    };
    Ok(Bound::new(return_type, |columns, _| Ok(argument(columns, 0)?.clone())))
}

fn bind_utc_shift(
    context: &FunctionContext,
    arguments: &[Argument],
    to_utc: bool,
) -> Result<Bound> {
    let name = if to_utc { "toUTCTimestamp" } else { "fromUTCTimestamp" };
    let mut data_type = arguments[0].data_type.clone();
    let mut parse = None;
    if data_type == DataType::String {
        data_type = DataType::DateTime64(3, None);
        parse = Some(conversion(context, &DataType::String, &data_type)?);
    }
    let time = instant(context, &[Argument::of(data_type.clone())], name)?;
    let zone = zone_argument(arguments, 1, name)?.unwrap_or(TimeZone::UTC);
    Ok(Bound::new(data_type, move |columns, rows| {
        let column = argument(columns, 0)?;
        let column = match &parse {
            Some(parse) => parse(column, rows)?,
            None => column.clone(),
        };
        let (zone, ticks) = (Zone::new(zone), time.ticks());
        let shifted = map::<i64, i64>(&raw(&column, time)?, |v| {
            let (seconds, rest) = (v.div_euclid(ticks), v.rem_euclid(ticks));
            // The offset is that of the clock's time taken for UTC, as in ClickHouse.
            let offset = zone.offset(seconds);
            let moved = if to_utc { seconds - offset } else { seconds + offset };
            moved * ticks + rest
        })?;
        if matches!(time, TimeType::DateTime(_)) {
            return map::<i64, u32>(&shifted, |v| v.clamp(0, i64::from(u32::MAX)) as u32);
        }
        convert(&shifted, Kind::I64, time.kind())
    }))
}

pub(crate) fn bind_fixed_date(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let mut time = instant(context, arguments, "toTimeWithFixedDate")?;
    let given = zone_argument(arguments, 1, "toTimeWithFixedDate")?;
    if let Some(zone) = given {
        time = time.in_zone(zone);
    }
    let zone = match &arguments[0].data_type {
        DataType::DateTime(zone) | DataType::DateTime64(_, zone) => given.or(*zone),
        _ => given,
    };
    Ok(Bound::new(DataType::DateTime(zone), move |columns, _| {
        let (zone, ticks) = (Zone::new(time.zone()), time.ticks());
        map::<i64, u32>(&raw(argument(columns, 0)?, time)?, |v| {
            let of_day = zone.to_local(v.div_euclid(ticks)).rem_euclid(DAY);
            zone.to_utc(of_day + DAY).max(0) as u32
        })
    }))
}

/// Slots beyond this number in one row are refused.
const SLOTS_LIMIT: i64 = 1_000_000;

fn bind_slots(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let time = instant(context, arguments, "timeSlots")?;
    let TimeType::DateTime(_) = time else {
        bail!(
            NotImplemented,
            "timeSlots takes DateTime and UInt32, not {}",
            arguments[0].data_type
        );
    };
    if !arguments[1].data_type.is_unsigned_integer() {
        return Err(super::number_type::illegal(&arguments[1].data_type, "timeSlots"));
    }
    let size = match arguments.get(2) {
        Some(_) => integer_argument(arguments, 2, (1, i128::from(u32::MAX)), "timeSlots")? as i64,
        None => 1800,
    };
    let item = arguments[0].data_type.clone();
    let kind = Kind::require(&arguments[1].data_type)?;
    Ok(Bound::new(DataType::array(item.clone()), move |columns, rows| {
        let starts = raw(argument(columns, 0)?, time)?;
        let durations = convert(argument(columns, 1)?, kind, Kind::I64)?;
        let (starts, durations) = (values::<i64>(&starts)?, values::<i64>(&durations)?);
        let (mut slots, mut lengths) = (Vec::new(), Vec::with_capacity(rows));
        for row in 0..rows {
            let (from, duration) = (starts.at(row), durations.at(row).max(0));
            // An end that DateTime does not hold wraps around: then there is no slot.
            let end = (from as u32).wrapping_add(duration as u32);
            let (first, last) = (from.div_euclid(size), i64::from(end).div_euclid(size));
            if last < first {
                lengths.push(0);
                continue;
            }
            if last - first >= SLOTS_LIMIT {
                bail!(TooLargeArraySize, "timeSlots would make more than {SLOTS_LIMIT} slots");
            }
            slots.extend((first..=last).map(|slot| (slot * size) as u32));
            lengths.push((last - first + 1) as usize);
        }
        let items: ArrayRef = flat(slots).to_flat()?;
        let field = Arc::new(Field::new("item", item.arrow_type(), true));
        let list = ListArray::try_new(field, OffsetBuffer::from_lengths(lengths), items, None)
            .map_err(|e| Error::logical(e.to_string()))?;
        Ok(Column::Flat(Arc::new(list)))
    }))
}

/// Days from 0000-01-01 to 1970-01-01.
const YEAR_ZERO: i64 = 719_528;

fn bind_from_days(arguments: &[Argument], to: DataType) -> Result<Bound> {
    let data_type = &arguments[0].data_type;
    if !data_type.is_integer() {
        return Err(super::number_type::illegal(data_type, "fromDaysSinceYearZero"));
    }
    let kind = Kind::require(data_type)?;
    Ok(Bound::new(to.clone(), move |columns, _| {
        let days = convert(argument(columns, 0)?, kind, Kind::I64)?;
        as_date(&map::<i64, i64>(&days, |d| d.saturating_sub(YEAR_ZERO))?, &to)
    }))
}

/// The Modified Julian Day of 1970-01-01.
const JULIAN_1970: i64 = 40_587;

fn bind_to_julian(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let data_type = &arguments[0].data_type;
    if !data_type.is_string() {
        return Err(super::number_type::illegal(data_type, "toModifiedJulianDay"));
    }
    let parse = conversion(context, data_type, &DataType::Date32)?;
    Ok(Bound::new(DataType::Int32, move |columns, rows| {
        let days = parse(argument(columns, 0)?, rows)?;
        map::<i32, i32>(&days, |d| d + JULIAN_1970 as i32)
    }))
}

fn bind_from_julian(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let data_type = &arguments[0].data_type;
    if !data_type.is_integer() {
        return Err(super::number_type::illegal(data_type, "fromModifiedJulianDay"));
    }
    let kind = Kind::require(data_type)?;
    Ok(Bound::new(DataType::String, move |columns, rows| {
        let days = convert(argument(columns, 0)?, kind, Kind::I64)?;
        let days = values::<i64>(&days)?;
        let mut out = BinaryViewBuilder::with_capacity(rows);
        for row in 0..rows {
            let day = days.at(row).clamp(-700_000, 3_000_000) - JULIAN_1970;
            let civil = types::time::civil_from_days(day);
            out.append_value(format!("{:04}-{:02}-{:02}", civil.year, civil.month, civil.day));
        }
        Ok(Column::Flat(Arc::new(out.finish())))
    }))
}

fn bind_to_unix(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    if arguments.is_empty() {
        let now = seconds_of(context.now_nanoseconds);
        return Ok(Bound::new(DataType::UInt32, move |_, rows| Ok(constant(now, rows))));
    }
    let zone = zone_argument(arguments, 1, "toUnixTimestamp")?;
    let from = arguments[0].data_type.clone();
    if !from.is_string() && !from.is_date() && !from.is_datetime() {
        return Err(super::number_type::illegal(&from, "toUnixTimestamp"));
    }
    let through = DataType::DateTime(zone);
    let convert_to = conversion(context, &from, &through)?;
    Ok(Bound::new(DataType::UInt32, move |columns, rows| convert_to(argument(columns, 0)?, rows)))
}

fn bind_to_unix64(arguments: &[Argument], unit: &str, digits: u8) -> Result<Bound> {
    let DataType::DateTime64(precision, _) = arguments[0].data_type else {
        return Err(error!(
            IllegalTypeOfArgument,
            "Illegal type {} of argument of function toUnixTimestamp64{unit}. Should be DateTime64",
            arguments[0].data_type
        ));
    };
    let (have, want) = (ticks_of(precision), ticks_of(digits));
    Ok(Bound::new(DataType::Int64, move |columns, _| {
        try_map::<i64, i64>(argument(columns, 0)?, |v| match want >= have {
            true => v.checked_mul(want / have).ok_or_else(|| {
                error!(DecimalOverflow, "A time does not fit Int64 in the unit asked for")
            }),
            false => Ok(v / (have / want)),
        })
    }))
}

fn bind_from_unix64(arguments: &[Argument], precision: u8) -> Result<Bound> {
    let data_type = &arguments[0].data_type;
    if !data_type.is_integer() || data_type.bits() >= Some(128) {
        return Err(super::number_type::illegal(data_type, "fromUnixTimestamp64"));
    }
    let zone = zone_argument(arguments, 1, "fromUnixTimestamp64")?;
    let kind = Kind::require(data_type)?;
    Ok(Bound::new(DataType::DateTime64(precision, zone), move |columns, _| {
        convert(argument(columns, 0)?, kind, Kind::I64)
    }))
}
