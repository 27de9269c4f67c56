//! Sizes, quantities and durations as people read them.

use std::sync::Arc;

use arrow_array::builder::BinaryViewBuilder;
use arrow_buffer::NullBuffer;
use base::{Result, bail, error};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration};
use types::{Column, DataType, Value};

use super::cast::text_at;
use super::decimal_arithmetic::to_float;
use super::lane::{argument, flat, values};
use super::number_type::illegal;

pub(crate) const FUNCTIONS: &[FunctionDeclaration] = declare! { "Other";
    "formatReadableSize" | "FORMAT_BYTES" any_case true (1, 1) "formatReadableSize(bytes)" "A number of bytes with KiB, MiB ... of 1024."
        "SELECT formatReadableSize(1234567)" => "1.18 MiB"; |_, a| scaled(a, "formatReadableSize", &BINARY, 1024.0);
    "formatReadableDecimalSize" (1, 1) "formatReadableDecimalSize(bytes)" "A number of bytes with KB, MB ... of 1000."
        "SELECT formatReadableDecimalSize(1234567)" => "1.23 MB"; |_, a| scaled(a, "formatReadableDecimalSize", &DECIMAL, 1000.0);
    "formatReadableQuantity" (1, 1) "formatReadableQuantity(number)" "A number with thousand, million ..."
        "SELECT formatReadableQuantity(1234567)" => "1.23 million"; |_, a| scaled(a, "formatReadableQuantity", &QUANTITY, 1000.0);
    "formatReadableTimeDelta" (1, 3) "formatReadableTimeDelta(seconds[, largest_unit[, smallest_unit]])" "A number of seconds in years, months, days, hours, minutes and seconds."
        "SELECT formatReadableTimeDelta(3661)" => "1 hour, 1 minute and 1 second"; bind_delta;
    "parseReadableSize" (1, 1) "parseReadableSize(text)" "The number of bytes of a size such as '1.5 MiB', rounded up."
        "SELECT parseReadableSize('1.5 KB')" => "1500"; |_, a| bind_parse(a, Wrong::Error);
    "parseReadableSizeOrZero" (1, 1) "parseReadableSizeOrZero(text)" "As parseReadableSize; 0 for wrong texts."
        "SELECT parseReadableSizeOrZero('?')" => "0"; |_, a| bind_parse(a, Wrong::Zero);
    "parseReadableSizeOrNull" (1, 1) "parseReadableSizeOrNull(text)" "As parseReadableSize; NULL for wrong texts."
        "SELECT parseReadableSizeOrNull('?')" => "\\N"; |_, a| bind_parse(a, Wrong::Null);
};

const BINARY: [&str; 9] = [" B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB", " ZiB", " YiB"];
const DECIMAL: [&str; 9] = [" B", " KB", " MB", " GB", " TB", " PB", " EB", " ZB", " YB"];
const QUANTITY: [&str; 22] = [
    "",
    " thousand",
    " million",
    " billion",
    " trillion",
    " quadrillion",
    " quintillion",
    " sextillion",
    " septillion",
    " octillion",
    " nonillion",
    " decillion",
    " undecillion",
    " duodecillion",
    " tredecillion",
    " quattuordecillion",
    " quindecillion",
    " sexdecillion",
    " septendecillion",
    " octodecillion",
    " novemdecillion",
    " vigintillion",
];

/// Numbers from here on are written with an exponent.
const LONGEST_FIXED: f64 = 1e60;

/// What a text that is no size becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    Error,
    Zero,
    Null,
}

/// Writes a text for every number.
fn write_all(
    arguments: &[Argument],
    name: &str,
    write: impl Fn(f64) -> String + Send + Sync + 'static,
) -> Result<Bound> {
    let data_type = arguments[0].data_type.clone();
    if !data_type.is_number() {
        return Err(illegal(&data_type, name));
    }
    Ok(Bound::new(DataType::String, move |columns, rows| {
        let numbers = to_float(argument(columns, 0)?, &data_type)?;
        let numbers = values::<f64>(&numbers)?;
        let mut out = BinaryViewBuilder::with_capacity(rows);
        for row in 0..rows {
            out.append_value(write(numbers.at(row)));
        }
        Ok(Column::Flat(Arc::new(out.finish())))
    }))
}

fn scaled(
    arguments: &[Argument],
    name: &str,
    units: &'static [&'static str],
    step: f64,
) -> Result<Bound> {
    write_all(arguments, name, move |number| {
        let (mut number, mut at) = (number, 0);
        while number.abs() >= step && at + 1 < units.len() {
            number /= step;
            at += 1;
        }
        match number {
            number if number.is_nan() => format!("nan{}", units[at]),
            number if number.is_finite() && number.abs() >= LONGEST_FIXED => {
                format!("{number:e}{}", units[at])
            }
            number => format!("{}{}", two_decimals(number), units[at]),
        }
    })
}

/// Two digits after the point; what stands exactly between two of them goes away from zero, as in ClickHouse.
fn two_decimals(number: f64) -> String {
    // Of the binary fractions only odd eighths lie in the middle of two hundredths.
    let tie = (number * 8.0).abs() % 2.0 == 1.0;
    if tie { format!("{:.2}", number + 0.005_f64.copysign(number)) } else { format!("{number:.2}") }
}

/// Units of time with their nanoseconds, longest first.
const UNITS: [(&str, u128); 9] = [
    ("year", 31_536_000 * SECOND),
    ("month", 2_635_200 * SECOND),
    ("day", 86_400 * SECOND),
    ("hour", 3_600 * SECOND),
    ("minute", 60 * SECOND),
    ("second", SECOND),
    ("millisecond", 1_000_000),
    ("microsecond", 1_000),
    ("nanosecond", 1),
];

const SECOND: u128 = 1_000_000_000;
/// Where seconds stand among the units.
const SECONDS: usize = 5;

fn unit_argument(arguments: &[Argument], at: usize) -> Result<Option<usize>> {
    let Some(given) = arguments.get(at) else { return Ok(None) };
    let Some(name) = given.constant.as_ref().and_then(Value::as_str) else {
        bail!(IllegalTypeOfArgument, "A unit of formatReadableTimeDelta must be a constant string");
    };
    match UNITS.iter().position(|(unit, _)| name.strip_suffix('s') == Some(unit)) {
        Some(found) => Ok(Some(found)),
        None => bail!(
            BadArguments,
            "Unexpected value of unit argument ({name}) for function formatReadableTimeDelta"
        ),
    }
}

fn bind_delta(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let largest = unit_argument(arguments, 1)?.unwrap_or(0);
    let finest = if largest > SECONDS { UNITS.len() - 1 } else { SECONDS };
    let smallest = unit_argument(arguments, 2)?.unwrap_or(finest);
    if largest > smallest {
        bail!(
            BadArguments,
            "Explicit minimum unit value must not be greater than explicit maximum unit value of formatReadableTimeDelta"
        );
    }
    write_all(arguments, "formatReadableTimeDelta", move |seconds| {
        delta(seconds, largest, smallest)
    })
}

/// Seconds beyond are no longer exact: only the largest unit is told.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Counts from here on are written with an exponent.
const LEAST_EXPONENT: f64 = 1e21;

/// A duration in the units between two; zero seconds are told where nothing greater is.
fn delta(seconds: f64, largest: usize, smallest: usize) -> String {
    let sign = if seconds < 0.0 { "-" } else { "" };
    if !seconds.is_finite() {
        return format!("{sign}{}", if seconds.is_nan() { "nan" } else { "inf" });
    }
    let seconds = seconds.abs();
    if seconds >= EXACT && largest < SECONDS {
        let (unit, length) = UNITS[largest];
        let count = (seconds / (length as f64 / 1e9)).trunc();
        return match count < LEAST_EXPONENT {
            true => format!("{sign}{count} {unit}s"),
            false => format!("{sign}{count:e} {unit}s"),
        };
    }
    if seconds >= 18_446_744_073_709_551_616.0 {
        let (unit, length) = UNITS[largest];
        return format!("{sign}{:e} {unit}s", seconds / (length as f64 / 1e9));
    }
    let mut left = seconds.trunc() as u128 * SECOND + (seconds.fract() * 1e9).round() as u128;
    let mut parts = Vec::new();
    for (at, (name, length)) in UNITS.iter().enumerate().take(smallest + 1).skip(largest) {
        let count = left / length;
        left %= length;
        if count > 0 || at == SECONDS && parts.is_empty() {
            parts.push(format!("{count} {name}{}", if count == 1 { "" } else { "s" }));
        }
    }
    let Some(last) = parts.pop() else {
        // ClickHouse names a unit only below seconds.
        let unit = if smallest > SECONDS { UNITS[smallest].0 } else { return sign.to_owned() };
        return format!("{sign}0 {unit}s");
    };
    match parts.is_empty() {
        true => format!("{sign}{last}"),
        false => format!("{sign}{} and {last}", parts.join(", ")),
    }
}

fn bind_parse(arguments: &[Argument], wrong: Wrong) -> Result<Bound> {
    let data_type = arguments[0].data_type.clone();
    if !data_type.is_string() {
        return Err(illegal(&data_type, "parseReadableSize"));
    }
    let return_type = match wrong {
        Wrong::Null => DataType::UInt64.nullable(),
        _ => DataType::UInt64,
    };
    Ok(Bound::new(return_type, move |columns, rows| {
        let texts = argument(columns, 0)?.to_flat()?;
        let mut out = Vec::with_capacity(rows);
        let mut valid = Vec::with_capacity(rows);
        for row in 0..rows {
            let text = String::from_utf8_lossy(text_at(&texts, row)).into_owned();
            let found = size_of(&text);
            if found.is_none() && wrong == Wrong::Error {
                return Err(error!(
                    BadArguments,
                    "Invalid expression for function parseReadableSize - '{text}' is no size such as '1.5 MiB'"
                ));
            }
            valid.push(found.is_some());
            out.push(found.unwrap_or(0));
        }
        let column = flat(out);
        match wrong {
            Wrong::Null => column.with_nulls(Some(NullBuffer::from(valid))),
            _ => Ok(column),
        }
    }))
}

/// The bytes of a text such as `1.5 MiB`.
fn size_of(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let number: f64 = text[..end].parse().ok()?;
    let unit = text[end..].trim();
    let known = |units: &[&str; 9], step: f64| {
        let at = units.iter().position(|u| u.trim().eq_ignore_ascii_case(unit))?;
        Some(step.powi(at as i32))
    };
    let factor = known(&BINARY, 1024.0).or_else(|| known(&DECIMAL, 1000.0))?;
    let bytes = (number * factor).ceil();
    (bytes < 18_446_744_073_709_551_616.0).then_some(bytes as u64)
}
