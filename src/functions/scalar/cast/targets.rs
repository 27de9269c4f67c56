//! `toInt32(x)`, `toDateOrNull(x)` ...: conversions whose name says the target.
//!
//! The plain form converts any type. `OrZero` and `OrNull` take strings and answer the type's default or
//! NULL for wrong ones; `OrDefault` takes anything and answers a given default.

use base::{Result, bail, error};
use expr::{Argument, Bound, Example, FunctionContext, FunctionDeclaration, Nulls};
use types::{Column, DataType, IntervalKind, TimeZone, Value};

use super::functions::in_zone_of;
use super::{Mode, conversion_as};
use crate::scalar::choose::choose;
use crate::scalar::lane::{argument, without_nulls};

/// What a conversion does about texts and values that are wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Suffix {
    Plain,
    OrZero,
    OrNull,
    OrDefault,
}

/// The four forms of a conversion with examples `[plain, OrZero, OrNull, OrDefault]`.
macro_rules! targets {
    ($($target:literal $more:literal ($most:literal) $arguments:literal $good:literal => $shown:literal, $zero:literal
       $(, $field:ident : $value:expr)*;)*) => {
        pub(crate) const FUNCTIONS: &[FunctionDeclaration] = &[
            $(
                FunctionDeclaration {
                    name: concat!("to", $target),
                    category: "Type conversion",
                    syntax: concat!("to", $target, "(x", $arguments, ")"),
                    description: concat!("The value as ", $target, "."),
                    examples: &[Example {
                        sql: concat!("SELECT to", $target, "(", $good, $more, ")"), result: $shown,
                    }],
                    arguments: (1, $most),
                    nulls: Nulls::Custom,
                    bind: |c, a| bind(c, a, $target, Suffix::Plain),
                    $($field: $value,)*
                    ..FunctionDeclaration::USUAL
                },
                FunctionDeclaration {
                    name: concat!("to", $target, "OrZero"),
                    category: "Type conversion",
                    syntax: concat!("to", $target, "OrZero(text", $arguments, ")"),
                    description: concat!("The text as ", $target, "; the type's default where it is none."),
                    examples: &[Example {
                        sql: concat!("SELECT to", $target, "OrZero('?'", $more, ")"), result: $zero,
                    }],
                    arguments: (1, $most),
                    nulls: Nulls::Custom,
                    bind: |c, a| bind(c, a, $target, Suffix::OrZero),
                    ..FunctionDeclaration::USUAL
                },
                FunctionDeclaration {
                    name: concat!("to", $target, "OrNull"),
                    category: "Type conversion",
                    syntax: concat!("to", $target, "OrNull(text", $arguments, ")"),
                    description: concat!("The text as ", $target, "; NULL where it is none."),
                    examples: &[Example {
                        sql: concat!("SELECT to", $target, "OrNull('?'", $more, ")"), result: "\\N",
                    }],
                    arguments: (1, $most),
                    nulls: Nulls::Custom,
                    bind: |c, a| bind(c, a, $target, Suffix::OrNull),
                    ..FunctionDeclaration::USUAL
                },
                FunctionDeclaration {
                    name: concat!("to", $target, "OrDefault"),
                    category: "Type conversion",
                    syntax: concat!("to", $target, "OrDefault(x", $arguments, "[, default])"),
                    description: concat!("The value as ", $target, "; where that is not possible the default given, or the type's."),
                    examples: &[Example {
                        sql: concat!("SELECT to", $target, "OrDefault(", $good, $more, ")"), result: $shown,
                    }],
                    arguments: (1, $most + 1),
                    nulls: Nulls::Custom,
                    bind: |c, a| bind(c, a, $target, Suffix::OrDefault),
                    ..FunctionDeclaration::USUAL
                },
            )*
            plain_target!("String" 2 "(x[, zone])" "The value as text." "SELECT toString(1.5)" => "1.5"),
            plain_target!("FixedString" 2 "(text, length)" "The text, filled up with zeros to a length."
                "SELECT toFixedString('abc', 3)" => "abc"),
            plain_target!("Bool" 1 "(x)" "The value as Bool." "SELECT toBool('yes')" => "true"),
            plain_target!("IntervalNanosecond" 1 "(n)" "So many nanoseconds." "SELECT toIntervalNanosecond(5)" => "5"),
            plain_target!("IntervalMicrosecond" 1 "(n)" "So many microseconds." "SELECT toIntervalMicrosecond(5)" => "5"),
            plain_target!("IntervalMillisecond" 1 "(n)" "So many milliseconds." "SELECT toIntervalMillisecond(5)" => "5"),
            plain_target!("IntervalSecond" 1 "(n)" "So many seconds." "SELECT toIntervalSecond(5)" => "5"),
            plain_target!("IntervalMinute" 1 "(n)" "So many minutes." "SELECT toIntervalMinute(5)" => "5"),
            plain_target!("IntervalHour" 1 "(n)" "So many hours." "SELECT toIntervalHour(5)" => "5"),
            plain_target!("IntervalDay" 1 "(n)" "So many days." "SELECT toIntervalDay(5)" => "5"),
            plain_target!("IntervalWeek" 1 "(n)" "So many weeks." "SELECT toIntervalWeek(5)" => "5"),
            plain_target!("IntervalMonth" 1 "(n)" "So many months." "SELECT toIntervalMonth(5)" => "5"),
            plain_target!("IntervalQuarter" 1 "(n)" "So many quarters." "SELECT toIntervalQuarter(5)" => "5"),
            plain_target!("IntervalYear" 1 "(n)" "So many years." "SELECT toIntervalYear(5)" => "5"),
        ];
    };
}

macro_rules! plain_target {
    ($target:literal $most:literal $arguments:literal $description:literal $sql:literal => $result:literal) => {
        FunctionDeclaration {
            name: concat!("to", $target),
            category: "Type conversion",
            syntax: concat!("to", $target, $arguments),
            description: $description,
            examples: &[Example { sql: $sql, result: $result }],
            arguments: (1, $most),
            nulls: Nulls::Custom,
            bind: |c, a| bind(c, a, $target, Suffix::Plain),
            ..FunctionDeclaration::USUAL
        }
    };
}

targets! {
    "UInt8" "" (1) "" "'42'" => "42", "0";
    "UInt16" "" (1) "" "'42'" => "42", "0";
    "UInt32" "" (1) "" "'42'" => "42", "0";
    "UInt64" "" (1) "" "'42'" => "42", "0";
    "UInt128" "" (1) "" "'42'" => "42", "0";
    "UInt256" "" (1) "" "'42'" => "42", "0";
    "Int8" "" (1) "" "'-42'" => "-42", "0";
    "Int16" "" (1) "" "'-42'" => "-42", "0";
    "Int32" "" (1) "" "'-42'" => "-42", "0";
    "Int64" "" (1) "" "'-42'" => "-42", "0";
    "Int128" "" (1) "" "'-42'" => "-42", "0";
    "Int256" "" (1) "" "'-42'" => "-42", "0";
    "BFloat16" "" (1) "" "'1.5'" => "1.5", "0";
    "Float32" "" (1) "" "'1.5'" => "1.5", "0";
    "Float64" "" (1) "" "'1.5'" => "1.5", "0";
    "Date" "" (2) "[, zone]" "'2024-02-29'" => "2024-02-29", "1970-01-01", monotonic: true, case_insensitive: false, aliases: &["DATE"];
    "Date32" "" (2) "[, zone]" "'1955-02-28'" => "1955-02-28", "1900-01-01", monotonic: true;
    "DateTime" ", 'UTC'" (2) "[, zone]" "'2024-02-29 12:00:00'" => "2024-02-29 12:00:00", "1970-01-01 00:00:00", monotonic: true;
    "DateTime32" ", 'UTC'" (2) "[, zone]" "'2024-02-29 12:00:00'" => "2024-02-29 12:00:00", "1970-01-01 00:00:00", monotonic: true;
    "DateTime64" ", 3, 'UTC'" (3) ", precision[, zone]" "'2024-02-29 12:00:00.5'" => "2024-02-29 12:00:00.500", "1970-01-01 00:00:00.000", monotonic: true;
    "Time" "" (2) "[, zone]" "'12:34:56'" => "12:34:56", "00:00:00";
    "Time64" ", 3" (2) ", precision" "'12:34:56.5'" => "12:34:56.500", "00:00:00.000";
    "Decimal32" ", 2" (2) ", scale" "'1.5'" => "1.5", "0";
    "Decimal64" ", 2" (2) ", scale" "'1.5'" => "1.5", "0";
    "Decimal128" ", 2" (2) ", scale" "'1.5'" => "1.5", "0";
    "Decimal256" ", 2" (2) ", scale" "'1.5'" => "1.5", "0";
    "UUID" "" (1) "" "'61f0c404-5cb3-11e7-907b-a6006ad3dba0'" => "61f0c404-5cb3-11e7-907b-a6006ad3dba0", "00000000-0000-0000-0000-000000000000";
    "IPv4" "" (1) "" "'127.0.0.1'" => "127.0.0.1", "0.0.0.0";
    "IPv6" "" (1) "" "'::1'" => "::1", "::";
}

/// The time zone that a constant argument names, if there is such an argument.
pub(crate) fn zone_argument(
    arguments: &[Argument],
    at: usize,
    function: &str,
) -> Result<Option<TimeZone>> {
    let Some(given) = arguments.get(at) else { return Ok(None) };
    if !given.data_type.is_string() {
        bail!(
            IllegalTypeOfArgument,
            "Illegal type {} of argument {} of function {function}, expected the name of a time zone",
            given.data_type,
            at + 1
        );
    }
    match given.constant.as_ref().and_then(Value::as_str) {
        Some("") => Ok(None),
        Some(name) => TimeZone::parse(name).map(Some),
        None => bail!(
            IllegalColumn,
            "Argument {} of function {function} must be a constant string with a time zone",
            at + 1
        ),
    }
}

/// A constant argument that is a whole number within bounds.
pub(crate) fn integer_argument(
    arguments: &[Argument],
    at: usize,
    bounds: (i128, i128),
    function: &str,
) -> Result<i128> {
    let Some(given) = arguments.get(at) else {
        bail!(
            NumberOfArgumentsDoesntMatch,
            "Function {function} takes an integer as argument {}, which is missing",
            at + 1
        );
    };
    let number = match &given.constant {
        Some(Value::Int(number)) if given.data_type.is_integer() => *number,
        _ => bail!(
            IllegalTypeOfArgument,
            "Argument {} of function {function} must be a constant integer, not {}",
            at + 1,
            given.data_type
        ),
    };
    if !(bounds.0..=bounds.1).contains(&number) {
        bail!(
            ArgumentOutOfBound,
            "Argument {} of function {function} is {number}, must be from {} to {}",
            at + 1,
            bounds.0,
            bounds.1
        );
    }
    Ok(number)
}

/// The type that a function makes, and how many arguments say so (with the value).
fn target_type(
    name: &'static str,
    arguments: &[Argument],
    most: usize,
) -> Result<(DataType, usize)> {
    let function = format!("to{name}");
    let zone_at = |at: usize| -> Result<Option<TimeZone>> {
        if at < most { zone_argument(arguments, at, &function) } else { Ok(None) }
    };
    Ok(match name {
        "DateTime" | "DateTime32" => (DataType::DateTime(zone_at(1)?), 2),
        "DateTime64" => {
            let precision = match arguments.len() {
                1 => 3,
                _ => integer_argument(arguments, 1, (0, 9), &function)? as u8,
            };
            (DataType::DateTime64(precision, zone_at(2)?), 3)
        }
        "Time64" => {
            let precision = match arguments.len() {
                1 => 3,
                _ => integer_argument(arguments, 1, (0, 9), &function)? as u8,
            };
            (DataType::Time64(precision), 2)
        }
        "Decimal32" | "Decimal64" | "Decimal128" | "Decimal256" => {
            let precision: u8 = match name {
                "Decimal32" => 9,
                "Decimal64" => 18,
                "Decimal128" => 38,
                _ => 76,
            };
            let scale = integer_argument(arguments, 1, (0, i128::from(precision)), &function)?;
            (DataType::Decimal { precision, scale: scale as u8 }, 2)
        }
        "FixedString" => {
            let length = integer_argument(arguments, 1, (1, 0xFF_FFFF), &function)?;
            (DataType::FixedString(length as usize), 2)
        }
        "String" => (DataType::String, 2),
        other => match other.strip_prefix("Interval") {
            Some(unit) => {
                let kind = IntervalKind::ALL.iter().find(|k| k.name() == unit);
                (DataType::Interval(*kind.unwrap_or(&IntervalKind::Second)), 1)
            }
            None => (DataType::parse(other)?, 1),
        },
    })
}

fn bind(
    context: &FunctionContext,
    arguments: &[Argument],
    name: &'static str,
    suffix: Suffix,
) -> Result<Bound> {
    // A default is the last argument and is of the target's type, which no zone is.
    let with_default = suffix == Suffix::OrDefault && arguments.len() > 1;
    let last_is_text = arguments.last().is_some_and(|a| a.data_type.is_string());
    if name == "Time" && suffix == Suffix::Plain && context.flag("use_legacy_to_time") {
        return crate::scalar::date_now::bind_fixed_date(context, arguments);
    }
    let own = match (with_default, name) {
        (true, "DateTime" | "DateTime32") if last_is_text => arguments.len(),
        (true, "DateTime64") if last_is_text || arguments.len() == 2 => arguments.len(),
        (true, "Time64" | "Decimal32" | "Decimal64" | "Decimal128" | "Decimal256")
            if arguments.len() == 2 =>
        {
            2
        }
        (true, _) => arguments.len() - 1,
        _ => arguments.len(),
    };
    let (to, _) = target_type(name, &arguments[..own], own)?;
    let from = &arguments[0].data_type;
    match suffix {
        Suffix::OrDefault => return or_default(context, arguments, to, own),
        Suffix::OrNull | Suffix::OrZero => {
            if !from.inner().is_string() && !from.is_null_literal() {
                bail!(
                    IllegalTypeOfArgument,
                    "Illegal type {from} of first argument of function to{name}{suffix:?}. \
                     Conversion functions with postfix 'OrZero' or 'OrNull' should take String argument"
                );
            }
        }
        Suffix::Plain => {}
    }
    if from.is_null_literal() && name == "Bool" {
        return Ok(Bound::new(to.nullable(), |_, rows| {
            Column::constant(&DataType::Bool.nullable(), &Value::Null, rows)
        }));
    }
    if from.is_null_literal() {
        return Ok(Bound::new(DataType::null(), |columns, _| Ok(argument(columns, 0)?.clone())));
    }
    let is_time = matches!(to, DataType::DateTime(_) | DataType::DateTime64(..));
    match suffix {
        Suffix::OrNull | Suffix::OrZero if is_time => {
            crate::scalar::date_read::plain(context, arguments, to, suffix == Suffix::OrNull)
        }
        Suffix::OrNull => {
            let target = to.nullable();
            let convert = conversion_as(context, from, &target, Mode::OrNull)?;
            Ok(Bound::new(target, move |columns, rows| convert(argument(columns, 0)?, rows)))
        }
        Suffix::OrZero => or_zero(context, from, to),
        _ => plain(context, arguments, to, name),
    }
}

fn plain(
    context: &FunctionContext,
    arguments: &[Argument],
    to: DataType,
    name: &str,
) -> Result<Bound> {
    let mut from = arguments[0].data_type.clone();
    // The zone in which a moment has the text or the day.
    let of_zone =
        matches!(to, DataType::String | DataType::Date | DataType::Date32 | DataType::Time);
    if of_zone && arguments.len() == 2 {
        let zone = zone_argument(arguments, 1, &format!("to{name}"))?;
        from = match from.inner() {
            DataType::DateTime(_) => rewrap(&from, DataType::DateTime(zone)),
            DataType::DateTime64(precision, _) => {
                rewrap(&from, DataType::DateTime64(*precision, zone))
            }
            _ => from,
        };
    }
    // NULL of a Variant or Dynamic becomes the default.
    let target = if from.is_nullable() && !from.is_tagged() { to.nullable() } else { to };
    let target = in_zone_of(&from, target);
    let convert =
        conversion_as(context, &from, &target, Mode::Wrap).map_err(|e| match from.inner() {
            DataType::Array(_) | DataType::Tuple(_) | DataType::Map(_) => {
                error!(
                    IllegalTypeOfArgument,
                    "Illegal type {from} of argument of function to{name}"
                )
            }
            _ => e,
        })?;
    Ok(Bound::new(target, move |columns, rows| convert(argument(columns, 0)?, rows)))
}

/// The second type, nullable if the first one is.
fn rewrap(like: &DataType, data_type: DataType) -> DataType {
    if like.is_nullable() { data_type.nullable() } else { data_type }
}

/// Wrong texts become the default, NULL stays NULL.
fn or_zero(context: &FunctionContext, from: &DataType, to: DataType) -> Result<Bound> {
    let nullable = to.clone().nullable();
    let convert = conversion_as(context, from, &nullable, Mode::OrNull)?;
    let zero = match to {
        DataType::Date32 => Value::Int(super::times::DATE32_DEFAULT.into()),
        _ => to.default_value(),
    };
    let target = rewrap(from, to.clone());
    Ok(Bound::new(target, move |columns, rows| {
        let column = argument(columns, 0)?;
        let parsed = convert(column, rows)?;
        let Some(found) = parsed.nulls() else { return Ok(parsed) };
        let which: Vec<u32> = found.iter().map(|valid| u32::from(!valid)).collect();
        let branches = [without_nulls(&parsed)?, Column::constant(&to, &zero, rows)?];
        let filled = choose(&to, &branches, &which)?;
        match column.nulls() {
            None => Ok(filled),
            nulls => filled.with_nulls(nulls),
        }
    }))
}

/// Values that cannot be converted become a default: the argument at a place, or the type's.
pub(crate) fn or_default(
    context: &FunctionContext,
    arguments: &[Argument],
    to: DataType,
    default_at: usize,
) -> Result<Bound> {
    if let Some(default) = arguments.get(default_at)
        && default.data_type != to
    {
        bail!(
            BadArguments,
            "Default value type should be same as cast type. Expected {to}. Actual {}",
            default.data_type
        );
    }
    let nullable = to.clone().nullable();
    let from = &arguments[0].data_type;
    let convert = conversion_as(context, from, &nullable, Mode::OrNull)?;
    let zero = match to {
        DataType::Date32 => Value::Int(super::times::DATE32_DEFAULT.into()),
        _ => to.default_value(),
    };
    let data_type = to.clone();
    Ok(Bound::new(to, move |columns, rows| {
        let parsed = convert(argument(columns, 0)?, rows)?;
        let Some(found) = parsed.nulls() else { return Ok(parsed) };
        let which: Vec<u32> = found.iter().map(|valid| u32::from(!valid)).collect();
        let default = match columns.get(default_at) {
            Some(default) => default.clone(),
            None => Column::constant(&data_type, &zero, rows)?,
        };
        choose(&data_type, &[without_nulls(&parsed)?, default], &which)
    }))
}
