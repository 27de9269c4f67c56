//! Dates and times made of the numbers of their parts.

use base::{Result, bail};
use expr::{Argument, Bound, FunctionContext};
use types::time::{DAY, days_from_civil};
use types::{Column, DataType};

use super::calendar::{Zone, ticks_of};
use super::cast::{DATE32_DAYS, integer_argument, zone_argument};
use super::decimal_arithmetic::to_float;
use super::lane::{Values, argument, constant, flat, map, values};

/// All arguments as Float64.
fn floats(columns: &[Column], types: &[DataType]) -> Result<Vec<Column>> {
    columns.iter().zip(types).map(|(c, t)| to_float(c, t)).collect()
}

fn number_types(arguments: &[Argument], name: &str) -> Result<Vec<DataType>> {
    let types: Vec<DataType> = arguments.iter().map(|a| a.data_type.clone()).collect();
    match types.iter().find(|t| !t.is_number()) {
        Some(bad) => Err(super::number_type::illegal(bad, name)),
        None => Ok(types),
    }
}

/// The days of a date by its parts; `None` where there cannot be one.
fn days_of(year: f64, month: f64, day: f64, years: (f64, f64)) -> Option<i64> {
    let fits = year >= years.0
        && year <= years.1
        && (1.0..13.0).contains(&month)
        && (1.0..32.0).contains(&day);
    fits.then(|| days_from_civil(year as i32, month as u32, day as u32))
}

const DATE_YEARS: (f64, f64) = (1970.0, 2149.0);
const DATE32_YEARS: (f64, f64) = (0.0, 9999.0);
const TIME_YEARS: (f64, f64) = (1900.0, 2299.0);

/// Days that fit a type of dates, else its default.
pub(super) fn as_date(days: &Column, data_type: &DataType) -> Result<Column> {
    match data_type {
        DataType::Date => map::<i64, u16>(days, |d| u16::try_from(d).unwrap_or(0)),
        _ => map::<i64, i32>(days, |d| {
            if (DATE32_DAYS.0..=DATE32_DAYS.1).contains(&d) { d as i32 } else { 0 }
        }),
    }
}

pub(super) fn bind_make_date(arguments: &[Argument], to: DataType, name: &str) -> Result<Bound> {
    let types = number_types(arguments, name)?;
    let years = if to == DataType::Date { DATE_YEARS } else { DATE32_YEARS };
    Ok(Bound::new(to.clone(), move |columns, rows| {
        let parts = floats(columns, &types)?;
        let parts: Vec<Values<'_, f64>> = parts.iter().map(values::<f64>).collect::<Result<_>>()?;
        let days = (0..rows).map(|row| {
            let days = match parts.as_slice() {
                [year, month, day] => days_of(year.at(row), month.at(row), day.at(row), years),
                [year, day] => days_of(year.at(row), 1.0, 1.0, years)
                    .filter(|_| (1.0..367.0).contains(&day.at(row)))
                    .map(|first| first + day.at(row) as i64 - 1),
                [digits] => from_digits(digits.at(row) as i64, years),
                _ => None,
            };
            days.unwrap_or(0)
        });
        as_date(&flat(days.collect()), &to)
    }))
}

fn from_digits(digits: i64, years: (f64, f64)) -> Option<i64> {
    let (year, month, day) = (digits / 10_000, digits / 100 % 100, digits % 100);
    days_of(year as f64, month as f64, day as f64, years)
}

pub(super) fn bind_digits_to_date(arguments: &[Argument], to: DataType) -> Result<Bound> {
    bind_make_date(arguments, to, "YYYYMMDDToDate")
}

/// Seconds of the day of its parts; `None` where there cannot be one.
fn of_day(hour: f64, minute: f64, second: f64) -> Option<i64> {
    let fits = (0.0..24.0).contains(&hour)
        && (0.0..60.0).contains(&minute)
        && (0.0..60.0).contains(&second);
    fits.then(|| hour as i64 * 3600 + minute as i64 * 60 + second as i64)
}

pub(super) fn bind_make_time(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let types = number_types(&arguments[..6], "makeDateTime")?;
    let given = zone_argument(arguments, 6, "makeDateTime")?;
    let zone = given.unwrap_or_else(|| context.zone());
    Ok(Bound::new(DataType::DateTime(given), move |columns, rows| {
        // Years that only wider types hold end at the last second.
        let seconds = local_parts(columns, &types, rows, TIME_YEARS)?;
        let zone = Zone::new(zone);
        let out = seconds
            .into_iter()
            .map(|local| local.map_or(0, |s| zone.to_utc(s).clamp(0, i64::from(u32::MAX)) as u32));
        Ok(flat(out.collect()))
    }))
}

/// Local seconds of year, month, day, hour, minute, second.
fn local_parts(
    columns: &[Column],
    types: &[DataType],
    rows: usize,
    years: (f64, f64),
) -> Result<Vec<Option<i64>>> {
    let parts = floats(columns, types)?;
    let parts: Vec<Values<'_, f64>> = parts.iter().map(values::<f64>).collect::<Result<_>>()?;
    let [year, month, day, hour, minute, second] = parts.as_slice() else {
        bail!(LogicalError, "a time of {} parts", parts.len());
    };
    let one = |row: usize| -> Option<i64> {
        let days = days_of(year.at(row), month.at(row), day.at(row), years)?;
        Some(days * DAY + of_day(hour.at(row), minute.at(row), second.at(row))?)
    };
    Ok((0..rows).map(one).collect())
}

pub(super) fn bind_make_time64(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let name = "makeDateTime64";
    let types = number_types(&arguments[..6], name)?;
    let precision = match arguments.get(7) {
        Some(_) => integer_argument(arguments, 7, (0, 9), name)? as u8,
        None => 3,
    };
    let fraction = match arguments.get(6) {
        Some(given) => Some(number_types(std::slice::from_ref(given), name)?.remove(0)),
        None => None,
    };
    let given = zone_argument(arguments, 8, name)?;
    let zone = given.unwrap_or_else(|| context.zone());
    Ok(Bound::new(DataType::DateTime64(precision, given), move |columns, rows| {
        let seconds = local_parts(columns, &types, rows, TIME_YEARS)?;
        let ticks = ticks_of(precision);
        let fractions = match &fraction {
            Some(data_type) => to_float(argument(columns, 6)?, data_type)?,
            None => constant(0.0_f64, rows),
        };
        let fractions = values::<f64>(&fractions)?;
        let zone = Zone::new(zone);
        let out = seconds.into_iter().enumerate().map(|(row, local)| {
            let fraction = (fractions.at(row).max(0.0) as i64).min(ticks - 1);
            local.map_or(0, |s| zone.to_utc(s).saturating_mul(ticks).saturating_add(fraction))
        });
        Ok(flat(out.collect()))
    }))
}

pub(super) fn bind_digits_to_time(
    context: &FunctionContext,
    arguments: &[Argument],
) -> Result<Bound> {
    let name = "YYYYMMDDhhmmssToDateTime";
    let types = number_types(&arguments[..1], name)?;
    let given = zone_argument(arguments, 1, name)?;
    let zone = given.unwrap_or_else(|| context.zone());
    Ok(Bound::new(DataType::DateTime(given), move |columns, _| {
        let zone = Zone::new(zone);
        map::<f64, u32>(&to_float(argument(columns, 0)?, &types[0])?, |digits| {
            let digits = digits as i64;
            let time = digits % 1_000_000;
            let of_day =
                of_day((time / 10_000) as f64, (time / 100 % 100) as f64, (time % 100) as f64);
            let days = from_digits(digits / 1_000_000, DATE_YEARS);
            let local = days.zip(of_day).map_or(0, |(days, s)| zone.to_utc(days * DAY + s));
            local.clamp(0, i64::from(u32::MAX)) as u32
        })
    }))
}
