//! Numbers of rows within their partitions.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, Float64Array, UInt64Array};
use base::{Result, bail};
use expr::WindowFunction;
use types::{Column, value_at};

use super::Batch;

/// A function's values, if it is one of ranks.
pub(super) fn ranks(function: WindowFunction, batch: &Batch<'_>) -> Result<Option<Column>> {
    let array: ArrayRef = match function {
        WindowFunction::RowNumber => each(batch, |row, first, _, _| u64::from(row - first) + 1),
        WindowFunction::Rank => each(batch, |_, first, group, _| u64::from(group.0 - first) + 1),
        WindowFunction::DenseRank => dense(batch),
        WindowFunction::PercentRank => shares(batch, |first, group, end| match end - first {
            0 | 1 => 0.0,
            rows => f64::from(group.0 - first) / f64::from(rows - 1),
        }),
        WindowFunction::CumeDist => {
            shares(batch, |first, group, end| f64::from(group.1 - first) / f64::from(end - first))
        }
        WindowFunction::Ntile => ntile(batch)?,
        _ => return Ok(None),
    };
    Ok(Some(Column::Flat(array)))
}

/// Calls `give` with every row, its partition's first row, its group of equal rows and its partition's end.
fn visit(batch: &Batch<'_>, mut give: impl FnMut(u32, u32, (u32, u32), u32)) {
    let groups = &batch.partitions.groups;
    let mut group = 0;
    for (first, end) in batch.partitions.ranges() {
        while groups[group] < end {
            let bounds = (groups[group], groups[group + 1]);
            for row in bounds.0..bounds.1 {
                give(row, first, bounds, end);
            }
            group += 1;
        }
    }
}

fn each(batch: &Batch<'_>, number: impl Fn(u32, u32, (u32, u32), u32) -> u64) -> ArrayRef {
    let mut numbers = Vec::with_capacity(batch.rows);
    visit(batch, |row, first, group, end| numbers.push(number(row, first, group, end)));
    Arc::new(UInt64Array::from(numbers))
}

fn shares(batch: &Batch<'_>, share: impl Fn(u32, (u32, u32), u32) -> f64) -> ArrayRef {
    let mut shares = Vec::with_capacity(batch.rows);
    visit(batch, |_, first, group, end| shares.push(share(first, group, end)));
    Arc::new(Float64Array::from(shares))
}

fn dense(batch: &Batch<'_>) -> ArrayRef {
    let mut numbers = Vec::with_capacity(batch.rows);
    let mut rank = 0;
    visit(batch, |row, first, group, _| {
        if row == first {
            rank = 0;
        }
        if row == group.0 {
            rank += 1;
        }
        numbers.push(rank);
    });
    Arc::new(UInt64Array::from(numbers))
}

/// The first buckets of a partition have a row more where it does not divide evenly.
fn ntile(batch: &Batch<'_>) -> Result<ArrayRef> {
    let Some(argument) = batch.arguments.first() else {
        bail!(LogicalError, "ntile without its argument");
    };
    let array = argument.to_flat()?;
    let buckets = if array.is_empty() { None } else { number(&array, 0) };
    let Some(buckets) = buckets.filter(|b| *b > 0) else {
        bail!(BadArguments, "Argument of 'ntile' function must be greater than zero");
    };
    Ok(each(batch, |row, first, _, end| {
        let (row, rows) = (u64::from(row - first), u64::from(end - first));
        let (size, larger) = (rows / buckets, rows % buckets);
        let in_larger = larger * (size + 1);
        if row < in_larger {
            row / (size + 1) + 1
        } else {
            larger + (row - in_larger) / size.max(1) + 1
        }
    }))
}

/// An unsigned number of any width, at a row.
pub(super) fn number(array: &ArrayRef, row: usize) -> Option<u64> {
    use types::DataType as T;
    let data_type = match array.data_type() {
        arrow_schema::DataType::UInt8 => T::UInt8,
        arrow_schema::DataType::UInt16 => T::UInt16,
        arrow_schema::DataType::UInt32 => T::UInt32,
        arrow_schema::DataType::UInt64 => {
            return Some(array.as_primitive::<arrow_array::types::UInt64Type>().value(row));
        }
        arrow_schema::DataType::Int8 => T::Int8,
        arrow_schema::DataType::Int16 => T::Int16,
        arrow_schema::DataType::Int32 => T::Int32,
        arrow_schema::DataType::Int64 => T::Int64,
        _ => return None,
    };
    value_at(array, &data_type, row).as_int().and_then(|v| u64::try_from(v).ok())
}
