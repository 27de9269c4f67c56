//! Dates and times as text by a pattern, and their names.
//!
//! Patterns are MySQL's: `%Y-%m-%d %H:%i:%s`. A pattern is parsed once; rows append to one buffer.

use std::sync::Arc;

use arrow_array::builder::BinaryViewBuilder;
use base::{Result, bail, error};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration};
use types::time::{DAY, civil_from_days};
use types::{Column, DataType, Value};

use super::calendar::{TimeType, Zone, iso_year, raw, weekday, year_start};
use super::cast::{conversion, zone_argument};
use super::date_parts::time_argument;
use super::lane::{argument, values};

pub(crate) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub(crate) const WEEKDAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

pub(crate) const FUNCTIONS: &[FunctionDeclaration] = declare! { "Date and time";
    "formatDateTime" | "DATE_FORMAT" | "date_format" any_case true (2, 3) "formatDateTime(time, pattern[, zone])"
        "The time as text by a pattern of MySQL's specifiers, as %Y, %m, %d, %H, %i, %s, %f, %W."
        "SELECT formatDateTime(toDateTime('2024-02-29 13:37:42'), '%d.%m.%Y %H:%i')" => "29.02.2024 13:37";
        bind_format;
    "fromUnixTimestamp" | "FROM_UNIXTIME" any_case true (1, 3) "fromUnixTimestamp(seconds[, pattern[, zone]])"
        "The time of seconds since 1970, with a pattern as text."
        "SELECT fromUnixTimestamp(1577836800, '%Y-%m-%d', 'UTC')" => "2020-01-01"; bind_from_unix;
    "dateName" any_case true (2, 3) "dateName(part, time[, zone])"
        "A part of a time as text: 'year', 'quarter', 'month', 'dayofyear', 'day', 'week', 'weekday', 'hour', 'minute' or 'second'."
        "SELECT dateName('weekday', toDate('2024-02-29'))" => "Thursday"; bind_name;
    "monthName" any_case true (1, 1) "monthName(time)" "The English name of the month."
        "SELECT monthName(toDate('2024-02-29'))" => "February"; bind_month_name;
};

/// A piece of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(Vec<u8>),
    Specifier(u8),
}

/// Cuts a pattern into pieces.
fn pieces(pattern: &[u8]) -> Result<Vec<Piece>> {
    const KNOWN: &[u8] = b"abcCdDeFfgGhHiIjklmMnpQrRsStTuVwWyYz%";
    let mut out = Vec::new();
    let mut text = Vec::new();
    let mut bytes = pattern.iter();
    while let Some(byte) = bytes.next() {
        if *byte != b'%' {
            text.push(*byte);
            continue;
        }
        let Some(specifier) = bytes.next() else {
            bail!(
                BadArguments,
                "A pattern of formatDateTime ends in the middle of a specifier: '%'"
            );
        };
        if !KNOWN.contains(specifier) {
            bail!(
                BadArguments,
                "Incorrect syntax '{}', symbol is not supported '{}' for function formatDateTime",
                String::from_utf8_lossy(pattern),
                char::from(*specifier)
            );
        }
        match specifier {
            b'%' => text.push(b'%'),
            b'n' => text.push(b'\n'),
            b't' => text.push(b'\t'),
            other => {
                if !text.is_empty() {
                    out.push(Piece::Text(std::mem::take(&mut text)));
                }
                out.push(Piece::Specifier(*other));
            }
        }
    }
    if !text.is_empty() {
        out.push(Piece::Text(text));
    }
    Ok(out)
}

/// An instant in the parts that patterns show.
struct Shown {
    day: i64,
    second: i64,
    offset: i64,
    nanosecond: i64,
    precision: u8,
}

fn two(number: i64, out: &mut Vec<u8>) {
    let number = number.rem_euclid(100);
    out.push(b'0' + (number / 10) as u8);
    out.push(b'0' + (number % 10) as u8);
}

fn digits(number: i64, width: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("{number:0width$}").as_bytes());
}

impl Shown {
    fn write(&self, specifier: u8, out: &mut Vec<u8>) {
        let civil = civil_from_days(self.day);
        let (year, month, day) =
            (i64::from(civil.year), i64::from(civil.month), i64::from(civil.day));
        let (hour, minute, second) = (self.second / 3600, self.second / 60 % 60, self.second % 60);
        let twelve = if hour % 12 == 0 { 12 } else { hour % 12 };
        let noon = if hour < 12 { "AM" } else { "PM" };
        let week_name = WEEKDAYS[weekday(self.day).clamp(0, 6) as usize];
        let month_name = MONTHS[(month - 1).clamp(0, 11) as usize];
        match specifier {
            b'a' => out.extend_from_slice(&week_name.as_bytes()[..3]),
            b'W' => out.extend_from_slice(week_name.as_bytes()),
            b'b' => out.extend_from_slice(&month_name.as_bytes()[..3]),
            b'M' => out.extend_from_slice(month_name.as_bytes()),
            b'c' | b'm' => two(month, out),
            b'C' => two(year / 100, out),
            b'd' => two(day, out),
            b'D' => {
                for (at, part) in [month, day, year % 100].into_iter().enumerate() {
                    if at > 0 {
                        out.push(b'/');
                    }
                    two(part, out);
                }
            }
            b'e' => out.extend_from_slice(format!("{day:>2}").trim_start().as_bytes()),
            b'F' => {
                digits(year, 4, out);
                out.push(b'-');
                two(month, out);
                out.push(b'-');
                two(day, out);
            }
            b'g' => two(i64::from(iso_year(self.day).0) % 100, out),
            b'G' => digits(i64::from(iso_year(self.day).0), 4, out),
            b'h' | b'I' => two(twelve, out),
            b'l' => two(twelve, out),
            b'H' | b'k' => two(hour, out),
            b'i' => two(minute, out),
            b'j' => digits(self.day - year_start(civil.year) + 1, 3, out),
            b'p' => out.extend_from_slice(noon.as_bytes()),
            b'Q' => out.push(b'1' + ((month - 1) / 3) as u8),
            b'r' => {
                two(twelve, out);
                out.push(b':');
                two(minute, out);
                out.push(b' ');
                out.extend_from_slice(noon.as_bytes());
            }
            b'R' | b'T' => {
                two(hour, out);
                out.push(b':');
                two(minute, out);
                if specifier == b'T' {
                    out.push(b':');
                    two(second, out);
                }
            }
            b's' | b'S' => two(second, out),
            b'u' => out.push(b'1' + weekday(self.day) as u8),
            b'V' => two((self.day - iso_year(self.day).1) / 7 + 1, out),
            b'w' => out.push(b'0' + ((weekday(self.day) + 1) % 7) as u8),
            b'y' => two(year % 100, out),
            b'Y' => digits(year, 4, out),
            b'f' => {
                let width = if self.precision > 6 { usize::from(self.precision) } else { 6 };
                let all = format!("{:09}", self.nanosecond);
                out.extend_from_slice(&all.as_bytes()[..width.min(9)]);
            }
            b'z' => {
                out.push(if self.offset < 0 { b'-' } else { b'+' });
                two(self.offset.abs() / 3600, out);
                two(self.offset.abs() / 60 % 60, out);
            }
            _ => {}
        }
    }
}

/// Writes every time of a column by a function of its parts.
fn write_all(
    column: &Column,
    time: TimeType,
    rows: usize,
    write: impl Fn(&Shown, &mut Vec<u8>),
) -> Result<Column> {
    let ticks = time.ticks();
    let zone = Zone::new(time.zone());
    let precision = match time {
        TimeType::DateTime64(precision, _) => precision,
        _ => 0,
    };
    let raw = raw(column, time)?;
    let raw = values::<i64>(&raw)?;
    let count = if column.is_constant() { 1 } else { rows };
    let mut out = BinaryViewBuilder::with_capacity(count);
    let mut text = Vec::new();
    for row in 0..count {
        let value = raw.at(row);
        let (utc, rest) = if time.is_date() {
            (value * DAY, 0)
        } else {
            (value.div_euclid(ticks), value.rem_euclid(ticks))
        };
        let offset = zone.offset(utc);
        let local = utc + offset;
        let shown = Shown {
            day: local.div_euclid(DAY),
            second: local.rem_euclid(DAY),
            offset,
            nanosecond: rest * (1_000_000_000 / ticks),
            precision,
        };
        text.clear();
        write(&shown, &mut text);
        out.append_value(&text);
    }
    let array = Arc::new(out.finish());
    Ok(match column.is_constant() {
        true => Column::Constant { value: array, len: rows },
        false => Column::Flat(array),
    })
}

fn constant_pattern(arguments: &[Argument], at: usize, name: &str) -> Result<Vec<Piece>> {
    let given = arguments.get(at);
    let Some(pattern) = given.and_then(|a| a.constant.as_ref()).and_then(Value::as_bytes) else {
        return Err(error!(
            IllegalColumn,
            "Argument {} of function {name} must be a constant string: the pattern",
            at + 1
        ));
    };
    pieces(pattern)
}

fn write_pieces(pieces: &[Piece], shown: &Shown, out: &mut Vec<u8>) {
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.extend_from_slice(text),
            Piece::Specifier(specifier) => shown.write(*specifier, out),
        }
    }
}

fn bind_format(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let time = time_argument(context, arguments, 2, "formatDateTime")?;
    let pieces = constant_pattern(arguments, 1, "formatDateTime")?;
    Ok(Bound::new(DataType::String, move |columns, rows| {
        write_all(argument(columns, 0)?, time, rows, |shown, out| {
            write_pieces(&pieces, shown, out);
        })
    }))
}

fn bind_from_unix(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let from = &arguments[0].data_type;
    if !from.is_integer() && !from.is_date() && !from.is_datetime() {
        return Err(super::number_type::illegal(from, "fromUnixTimestamp"));
    }
    let zone = zone_argument(arguments, 2, "fromUnixTimestamp")?;
    let through = match from {
        time if time.is_datetime() => time.clone(),
        _ => DataType::DateTime(zone),
    };
    let to_time = conversion(context, from, &through)?;
    if arguments.len() == 1 {
        return Ok(Bound::new(through, move |columns, rows| to_time(argument(columns, 0)?, rows)));
    }
    let pieces = constant_pattern(arguments, 1, "fromUnixTimestamp")?;
    let mut time = TimeType::of(&through, context)
        .ok_or_else(|| super::number_type::illegal(from, "fromUnixTimestamp"))?;
    if let Some(zone) = zone {
        time = time.in_zone(zone);
    }
    Ok(Bound::new(DataType::String, move |columns, rows| {
        let times = to_time(argument(columns, 0)?, rows)?;
        write_all(&times, time, rows, |shown, out| write_pieces(&pieces, shown, out))
    }))
}

fn bind_name(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let Some(part) = arguments[0].constant.as_ref().and_then(Value::as_str) else {
        bail!(IllegalColumn, "The part of function dateName must be a constant string");
    };
    let part = part.to_ascii_lowercase();
    let known = [
        "year",
        "quarter",
        "month",
        "dayofyear",
        "day",
        "week",
        "weekday",
        "hour",
        "minute",
        "second",
    ];
    if !known.contains(&part.as_str()) {
        bail!(BadArguments, "{part} doesn't look like datepart name in dateName");
    }
    let time = time_argument(context, &arguments[1..], 1, "dateName")?;
    Ok(Bound::new(DataType::String, move |columns, rows| {
        write_all(argument(columns, 1)?, time, rows, |shown, out| {
            let number = match part.as_str() {
                "weekday" => return shown.write(b'W', out),
                "month" => return shown.write(b'M', out),
                "year" => i64::from(civil_from_days(shown.day).year),
                "quarter" => i64::from(civil_from_days(shown.day).month.div_ceil(3)),
                "dayofyear" => shown.day - year_start(civil_from_days(shown.day).year) + 1,
                "day" => i64::from(civil_from_days(shown.day).day),
                "week" => (shown.day - iso_year(shown.day).1) / 7 + 1,
                "hour" => shown.second / 3600,
                "minute" => shown.second / 60 % 60,
                _ => shown.second % 60,
            };
            out.extend_from_slice(number.to_string().as_bytes());
        })
    }))
}

fn bind_month_name(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let time = time_argument(context, arguments, 1, "monthName")?;
    Ok(Bound::new(DataType::String, move |columns, rows| {
        write_all(argument(columns, 0)?, time, rows, |shown, out| shown.write(b'M', out))
    }))
}
