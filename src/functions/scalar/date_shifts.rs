//! Adding to dates and times by name, and differences between them.

use base::{Result, bail, error};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration, Kernel};
use types::time::{DAY, civil_from_days, days_from_civil};
use types::{DataType, IntervalKind, TimeZone, Value};

use super::calendar::{TimeType, Zone, raw, weekday};
use super::cast::{conversion, zone_argument};
use super::date_starts::unit_of;
use super::interval_arithmetic;
use super::lane::{argument, map, map2};
use super::number_type::is_native_number;

/// `add...s(time, n)` and `subtract...s(time, n)` for a unit.
macro_rules! shifts {
    ($($unit:ident $time:literal => $added:literal $subtracted:literal;)*) => {
        &[$(
            FunctionDeclaration {
                name: concat!("add", stringify!($unit), "s"),
                case_insensitive: false,
                category: "Date and time",
                syntax: concat!("add", stringify!($unit), "s(time, n)"),
                description: "The time so many units later.",
                examples: &[expr::Example {
                    sql: concat!("SELECT add", stringify!($unit), "s(", $time, ", 1)"), result: $added,
                }],
                arguments: (2, 2),
                bind: |c, a| shift(c, a, IntervalKind::$unit, 1),
                monotonic: true,
                ..FunctionDeclaration::USUAL
            },
            FunctionDeclaration {
                name: concat!("subtract", stringify!($unit), "s"),
                category: "Date and time",
                syntax: concat!("subtract", stringify!($unit), "s(time, n)"),
                description: "The time so many units earlier.",
                examples: &[expr::Example {
                    sql: concat!("SELECT subtract", stringify!($unit), "s(", $time, ", 1)"), result: $subtracted,
                }],
                arguments: (2, 2),
                bind: |c, a| shift(c, a, IntervalKind::$unit, -1),
                monotonic: true,
                ..FunctionDeclaration::USUAL
            },
        )*]
    };
}

pub(crate) const SHIFTS: &[FunctionDeclaration] = shifts! {
    Year "toDate('2024-02-29')" => "2025-02-28" "2023-02-28";
    Quarter "toDate('2024-01-31')" => "2024-04-30" "2023-10-31";
    Month "toDate('2024-01-31')" => "2024-02-29" "2023-12-31";
    Week "toDate('2024-01-31')" => "2024-02-07" "2024-01-24";
    Day "toDate('2024-01-31')" => "2024-02-01" "2024-01-30";
    Hour "toDateTime('2024-01-31 12:00:00', 'UTC')" => "2024-01-31 13:00:00" "2024-01-31 11:00:00";
    Minute "toDateTime('2024-01-31 12:00:00', 'UTC')" => "2024-01-31 12:01:00" "2024-01-31 11:59:00";
    Second "toDateTime('2024-01-31 12:00:00', 'UTC')" => "2024-01-31 12:00:01" "2024-01-31 11:59:59";
    Millisecond "toDateTime64('2024-01-31 12:00:00', 3, 'UTC')" => "2024-01-31 12:00:00.001" "2024-01-31 11:59:59.999";
    Microsecond "toDateTime64('2024-01-31 12:00:00', 6, 'UTC')" => "2024-01-31 12:00:00.000001" "2024-01-31 11:59:59.999999";
    Nanosecond "toDateTime64('2024-01-31 12:00:00', 9, 'UTC')" => "2024-01-31 12:00:00.000000001" "2024-01-31 11:59:59.999999999";
};

pub(crate) const FUNCTIONS: &[FunctionDeclaration] = declare! { "Date and time";
    "addDate" | "ADDDATE" | "dateAdd" | "date_add" | "DATE_ADD" | "timestampAdd" | "timestamp_add" any_case true (2, 3)
        "addDate(time, INTERVAL n unit), date_add(unit, n, time)" "The time an interval later."
        "SELECT addDate(toDate('2024-01-01'), INTERVAL 1 DAY)" => "2024-01-02"; |c, a| bind_add(c, a, 1);
    "subDate" | "SUBDATE" | "dateSub" | "date_sub" | "DATE_SUB" | "timestampSub" | "timestamp_sub" any_case true (2, 3)
        "subDate(time, INTERVAL n unit), date_sub(unit, n, time)" "The time an interval earlier."
        "SELECT subDate(toDate('2024-01-01'), INTERVAL 1 DAY)" => "2023-12-31"; |c, a| bind_add(c, a, -1);
    "dateDiff" | "date_diff" | "DATE_DIFF" | "timestampDiff" | "timestamp_diff" | "TIMESTAMP_DIFF" any_case true (3, 4)
        "dateDiff(unit, start, end[, zone])"
        "How often a unit's boundary lies between two times: of 'year', 'month', 'day', 'hour' ..."
        "SELECT dateDiff('day', toDate('2024-01-01'), toDate('2024-03-01'))" => "60"; |c, a| bind_diff(c, a, false);
    "age" any_case true (3, 4) "age(unit, start, end[, zone])" "How many whole units lie between two times."
        "SELECT age('month', toDate('2024-01-31'), toDate('2024-03-01'))" => "1"; |c, a| bind_diff(c, a, true);
};

fn shift(
    context: &FunctionContext,
    arguments: &[Argument],
    unit: IntervalKind,
    sign: i64,
) -> Result<Bound> {
    let verb = if sign > 0 { "add" } else { "subtract" };
    let amount = &arguments[1].data_type;
    if !is_native_number(amount) {
        return Err(error!(
            IllegalTypeOfArgument,
            "Illegal type {amount} of second argument (delta) of function {verb}{}s. Must be a number",
            unit.name()
        ));
    }
    let time = &arguments[0].data_type;
    if *time == DataType::String {
        // A text is read as a DateTime64(3), or with more digits where the unit needs them.
        let precision = match unit {
            IntervalKind::Nanosecond => 9,
            IntervalKind::Microsecond => 6,
            _ => 3,
        };
        let parsed = DataType::DateTime64(precision, None);
        let parse = conversion(context, time, &parsed)?;
        let inner = interval_arithmetic::bind(context, &parsed, amount, unit, sign)?;
        let Kernel::Plain(kernel) = inner.kernel else {
            bail!(LogicalError, "an addition of intervals of higher order");
        };
        return Ok(Bound::new(inner.return_type, move |columns, rows| {
            let time = parse(argument(columns, 0)?, rows)?;
            kernel(&[time, argument(columns, 1)?.clone()], rows)
        }));
    }
    if TimeType::of(time, context).is_none() {
        return Err(error!(
            IllegalTypeOfArgument,
            "Illegal type {time} of first argument of function {verb}{}s. Should be a date or a date with time",
            unit.name()
        ));
    }
    interval_arithmetic::bind(context, time, amount, unit, sign)
}

fn bind_add(context: &FunctionContext, arguments: &[Argument], sign: i64) -> Result<Bound> {
    if arguments.len() == 3 {
        let Some(unit) = arguments[0].constant.as_ref().and_then(Value::as_str).and_then(unit_of)
        else {
            bail!(BadArguments, "The unit of an addition to a time must be a constant string");
        };
        let bound = shift(context, &[arguments[2].clone(), arguments[1].clone()], unit, sign)?;
        let Kernel::Plain(kernel) = bound.kernel else {
            bail!(LogicalError, "an addition of intervals of higher order");
        };
        return Ok(Bound::new(bound.return_type, move |columns, rows| {
            kernel(&[argument(columns, 2)?.clone(), argument(columns, 1)?.clone()], rows)
        }));
    }
    let DataType::Interval(unit) = arguments[1].data_type else {
        bail!(
            IllegalTypeOfArgument,
            "Illegal type {} of the second argument of an addition to a time. Should be an interval",
            arguments[1].data_type
        );
    };
    let count = Argument { data_type: DataType::Int64, ..arguments[1].clone() };
    shift(context, &[arguments[0].clone(), count], unit, sign)
}

/// Local ticks of a second that both sides of a difference are brought to.
const NANOSECONDS: i128 = 1_000_000_000;

fn bind_diff(context: &FunctionContext, arguments: &[Argument], whole: bool) -> Result<Bound> {
    let name = if whole { "age" } else { "dateDiff" };
    let Some(text) = arguments[0].constant.as_ref().and_then(Value::as_str) else {
        bail!(IllegalColumn, "The unit of function {name} must be a constant string");
    };
    let Some(unit) = unit_of(text) else {
        bail!(BadArguments, "Function {name} does not support '{text}' unit");
    };
    let side = |at: usize| {
        TimeType::of(&arguments[at].data_type, context).ok_or_else(|| {
            error!(
                IllegalTypeOfArgument,
                "Illegal type {} of argument {} of function {name}. Should be a date or a date with time",
                arguments[at].data_type,
                at + 1
            )
        })
    };
    let (mut a, mut b) = (side(1)?, side(2)?);
    let zone = zone_argument(arguments, 3, name)?;
    let shared = zone.unwrap_or_else(|| context.zone());
    if zone.is_some() {
        (a, b) = (a.in_zone(shared), b.in_zone(shared));
    }
    Ok(Bound::new(DataType::Int64, move |columns, _| {
        let x = nanoseconds(argument(columns, 1)?, a, shared)?;
        let y = nanoseconds(argument(columns, 2)?, b, shared)?;
        let (from, to) = (Zone::new(zone_of(a, shared)), Zone::new(zone_of(b, shared)));
        map2::<i128, i128, i64>(&x, &y, |x, y| {
            if whole {
                age(unit, x, y, &from, &to)
            } else {
                boundaries(unit, y, &to) - boundaries(unit, x, &from)
            }
        })
    }))
}

fn zone_of(time: TimeType, shared: TimeZone) -> TimeZone {
    if time.is_date() { shared } else { time.zone() }
}

/// Times as nanoseconds since 1970 UTC.
fn nanoseconds(column: &types::Column, time: TimeType, zone: TimeZone) -> Result<types::Column> {
    let zone = Zone::new(zone);
    let per_tick = NANOSECONDS / i128::from(time.ticks());
    map::<i64, i128>(&raw(column, time)?, |v| {
        let ticks = if time.is_date() { zone.to_utc(v.wrapping_mul(DAY)) } else { v };
        i128::from(ticks) * per_tick
    })
}

/// Nanoseconds of units of fixed length.
fn length(unit: IntervalKind) -> Option<i128> {
    Some(match unit {
        IntervalKind::Nanosecond => 1,
        IntervalKind::Microsecond => 1_000,
        IntervalKind::Millisecond => 1_000_000,
        IntervalKind::Second => NANOSECONDS,
        IntervalKind::Minute => NANOSECONDS * 60,
        IntervalKind::Hour => NANOSECONDS * 3600,
        _ => return None,
    })
}

fn local_day(nanoseconds: i128, zone: &Zone) -> i64 {
    zone.to_local(nanoseconds.div_euclid(NANOSECONDS) as i64).div_euclid(DAY)
}

/// The number of a unit that a time lies in.
fn boundaries(unit: IntervalKind, nanoseconds: i128, zone: &Zone) -> i64 {
    if let Some(length) = length(unit) {
        let local = match unit {
            // Hours begin as they did in the zone at the start of 1970, and are counted from there.
            IntervalKind::Hour => nanoseconds - i128::from(zone.offset(0)) * NANOSECONDS,
            _ => nanoseconds,
        };
        return local.div_euclid(length) as i64;
    }
    let day = local_day(nanoseconds, zone);
    let civil = civil_from_days(day);
    let months = i64::from(civil.year) * 12 + i64::from(civil.month) - 1;
    match unit {
        IntervalKind::Day => day,
        // Before 1970 weeks are counted towards it, as in ClickHouse.
        IntervalKind::Week => (day + 7 - weekday(day)) / 7,
        IntervalKind::Month => months,
        IntervalKind::Quarter => months.div_euclid(3),
        _ => i64::from(civil.year),
    }
}

/// Whole units between two times, towards 0.
fn age(unit: IntervalKind, x: i128, y: i128, from: &Zone, to: &Zone) -> i64 {
    if let Some(length) = length(unit) {
        return ((y - x) / length) as i64;
    }
    if x > y {
        return -age(unit, y, x, to, from);
    }
    let start = from.to_local(x.div_euclid(NANOSECONDS) as i64);
    let end = to.to_local(y.div_euclid(NANOSECONDS) as i64);
    let of_day = |local: i64, at: i128| (local.rem_euclid(DAY), at.rem_euclid(NANOSECONDS));
    let (first, last) = (start.div_euclid(DAY), end.div_euclid(DAY));
    let earlier = of_day(end, y) < of_day(start, x);
    let days = last - first - i64::from(earlier);
    let per = match unit {
        IntervalKind::Day => return days,
        IntervalKind::Week => return days / 7,
        IntervalKind::Month => 1,
        IntervalKind::Quarter => 3,
        _ => 12,
    };
    let (a, b) = (civil_from_days(first), civil_from_days(last));
    let mut months =
        (i64::from(b.year) - i64::from(a.year)) * 12 + i64::from(b.month) - i64::from(a.month);
    let reached = days_from_civil(b.year, b.month, 1) - 1 + i64::from(a.day);
    if last < reached || (last == reached && earlier) {
        months -= 1;
    }
    months / per
}
