//! `least`, `greatest` and `clamp`: one of the arguments, by their order.
//!
//! `least` and `greatest` go over NULL and NaN where there is anything else. For `clamp` NULL in any place is NULL, and NaN
//! is the greatest number, as ClickHouse has it.

use std::cmp::Ordering;

use arrow_buffer::NullBuffer;
use base::{Result, bail};
use expr::{Argument, Bound, FunctionContext};
use types::{Column, DataType, Value, least_supertype, require_supertype};

use super::cast::conversion;
use super::choose::choose;
use super::conditional::conversions;
use super::decimal_arithmetic::to_float;
use super::lane::{Kind, argument, values, with_lane};
use super::order::{Missing, comparator};

pub(super) fn bind_extreme(
    context: &FunctionContext,
    arguments: &[Argument],
    wanted: Ordering,
) -> Result<Bound> {
    let given: Vec<usize> =
        (0..arguments.len()).filter(|at| !arguments[*at].data_type.is_null_literal()).collect();
    let types: Vec<DataType> = given.iter().map(|at| arguments[*at].data_type.clone()).collect();
    if types.is_empty() {
        return Ok(Bound::new(DataType::null(), |columns, _| Ok(argument(columns, 0)?.clone())));
    }
    let both_64 = types.iter().all(|t| matches!(t.inner(), DataType::Int64 | DataType::UInt64));
    let mixed = both_64 && types.iter().any(|t| t.inner() != types[0].inner());
    let mut common = match mixed {
        true if types.iter().any(DataType::is_nullable) => DataType::Int128.nullable(),
        true => DataType::Int128,
        false => match least_supertype(&types) {
            None if types
                .iter()
                .all(|t| t.inner().is_integer() && t.inner().bits() <= Some(64)) =>
            {
                let nullable = types.iter().any(DataType::is_nullable);
                if nullable { DataType::Int128.nullable() } else { DataType::Int128 }
            }
            Some(found) => found,
            None => require_supertype(&types)?,
        },
    };
    if given.len() < arguments.len() {
        common = common.nullable();
    }
    // The least of a signed and an unsigned integer may be negative, the greatest cannot.
    let mut result = common.clone();
    if mixed {
        result = if wanted == Ordering::Less { DataType::Int64 } else { DataType::UInt64 };
        if common.is_nullable() {
            result = result.nullable();
        }
    }
    let narrow = conversion(context, &common, &result)?;
    let from: Vec<&DataType> = types.iter().collect();
    let casts = conversions(context, &from, &common)?;
    let data_type = common.clone();
    Ok(Bound::new(result, move |columns, rows| {
        let mut best: Option<Column> = None;
        for (at, cast) in given.iter().zip(&casts) {
            let next = cast(argument(columns, *at)?, rows)?;
            best = Some(match best {
                None => next,
                Some(best) => extreme(&data_type, &best, &next, rows, wanted)?,
            });
        }
        match best {
            Some(best) => narrow(&best, rows),
            None => bail!(LogicalError, "least of nothing"),
        }
    }))
}

/// The smaller or greater of two columns, row by row.
fn extreme(
    data_type: &DataType,
    best: &Column,
    next: &Column,
    rows: usize,
    wanted: Ordering,
) -> Result<Column> {
    if let Some(kind) = Kind::of(data_type)
        && !data_type.is_nullable()
    {
        return with_lane!(kind, T => super::lane::map2::<T, T, T>(best, next, |a, b| {
            let replaces = if wanted == Ordering::Less { b <= a } else { b >= a };
            // NaN gives way to what comes later and wins over what came before.
            if replaces || a.partial_cmp(&b).is_none() { b } else { a }
        }));
    }
    let (a, b) = (best.to_flat()?, next.to_flat()?);
    let missing = if wanted == Ordering::Less { Missing::Greatest } else { Missing::Least };
    let order = comparator(data_type, &a, &b, missing)?;
    let (x, y) = (best.nulls(), next.nulls());
    // NULL and NaN give way to what is there; of equal values the first stays.
    let (nan_x, nan_y) = (nan_rows(data_type, best)?, nan_rows(data_type, next)?);
    let is_none = |nulls: &Option<NullBuffer>, nan: &[bool], row: usize| {
        nulls.as_ref().is_some_and(|n| n.is_null(row)) || nan.get(row).copied().unwrap_or(false)
    };
    let which: Vec<u32> = (0..rows)
        .map(|row| match (is_none(&x, &nan_x, row), is_none(&y, &nan_y, row)) {
            (true, true) => u32::from(x.as_ref().is_some_and(|n| n.is_null(row))),
            (true, false) => 1,
            (false, true) => 0,
            (false, false) => u32::from(order(row, row) == wanted.reverse()),
        })
        .collect();
    choose(data_type, &[Column::Flat(a), Column::Flat(b)], &which)
}

/// Which rows of a column of floats are NaN; none of other types.
fn nan_rows(data_type: &DataType, column: &Column) -> Result<Vec<bool>> {
    if !data_type.inner().is_float() {
        return Ok(Vec::new());
    }
    let floats = to_float(column, data_type.inner())?;
    let floats = values::<f64>(&floats)?;
    Ok((0..column.len()).map(|row| floats.at(row).is_nan()).collect())
}

pub(super) fn bind_clamp(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    if arguments.iter().any(|a| a.data_type.is_null_literal()) {
        return Ok(Bound::new(DataType::null(), |_, rows| {
            Column::constant(&DataType::null(), &Value::Null, rows)
        }));
    }
    let types: Vec<DataType> = arguments.iter().map(|a| a.data_type.clone()).collect();
    let return_type = require_supertype(&types)?;
    let casts = conversions(context, &types.iter().collect::<Vec<_>>(), &return_type)?;
    let data_type = return_type.clone();
    Ok(Bound::new(return_type, move |columns, rows| {
        let cast = |at: usize| casts[at](argument(columns, at)?, rows);
        let branches = vec![cast(0)?, cast(1)?, cast(2)?];
        // NULL in any place is NULL.
        let nulls = columns.iter().map(Column::nulls).collect::<Vec<_>>();
        let nulls = NullBuffer::union_many(nulls.iter().map(Option::as_ref));
        let flat = branches.iter().map(Column::to_flat).collect::<Result<Vec<_>>>()?;
        // NaN is the greatest.
        let order =
            |a: usize, b: usize| comparator(&data_type, &flat[a], &flat[b], Missing::Greatest);
        let (bounds, below, above) = (order(1, 2)?, order(0, 1)?, order(0, 2)?);
        let mut which = vec![0; rows];
        for (row, which) in which.iter_mut().enumerate() {
            if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                continue;
            }
            if bounds(row, row).is_gt() {
                bail!(
                    BadArguments,
                    "The minimum value cannot be greater than the maximum value for function clamp"
                );
            }
            if below(row, row).is_lt() {
                *which = 1;
            } else if above(row, row).is_gt() {
                *which = 2;
            }
        }
        let clamped = choose(&data_type, &branches, &which)?;
        if nulls.is_some() { clamped.with_nulls(nulls) } else { Ok(clamped) }
    }))
}
