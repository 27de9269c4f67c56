//! Counts, sums and means over frames without looking at a row more than once or twice.
//!
//! Whole numbers are summed up once from the batch's start; a frame's sum is a difference, exact because
//! everything wraps around alike. Floats are added up where frames begin with their partition; for other
//! frames differences would not be exact, so they go the way of all aggregate functions.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, Decimal128Array, Float64Array, Int64Array, UInt64Array,
};
use arrow_buffer::NullBuffer;
use base::Result;
use plan::WindowCall;
use types::{Column, Physical};

use super::Batch;
use super::frames::valid_rows;

/// A call's values, if it is a count, sum or mean that can be computed so.
pub(super) fn sums(call: &WindowCall, batch: &Batch<'_>) -> Result<Option<Column>> {
    match (call.function.as_str(), batch.arguments) {
        ("count", []) => {
            let frames = batch.frames.starts.iter().zip(&batch.frames.ends);
            let counts: UInt64Array =
                frames.map(|(start, end)| u64::from(end - start)).collect::<Vec<_>>().into();
            Ok(Some(Column::Flat(Arc::new(counts))))
        }
        ("count", [argument]) => {
            // NULL of a Variant or Dynamic counts.
            let all = call.arguments.iter().any(|argument| argument.data_type().is_tagged());
            let valid = if all { None } else { valid_rows(argument) };
            let counts = counts(batch, valid.as_ref());
            Ok(Some(Column::Flat(Arc::new(UInt64Array::from(counts)))))
        }
        ("sum", [argument]) => summed(call, argument, batch),
        ("avg", [argument]) => mean(call, argument, batch),
        _ => Ok(None),
    }
}

/// How many rows of each frame are not NULL.
fn counts(batch: &Batch<'_>, valid: Option<&NullBuffer>) -> Vec<u64> {
    let frames = batch.frames.starts.iter().zip(&batch.frames.ends);
    let Some(valid) = valid else {
        return frames.map(|(start, end)| u64::from(end - start)).collect();
    };
    let mut before = Vec::with_capacity(batch.rows + 1);
    let mut count = 0_u64;
    before.push(0);
    for row in 0..batch.rows {
        count += u64::from(valid.is_valid(row));
        before.push(count);
    }
    frames.map(|(start, end)| before[*end as usize] - before[*start as usize]).collect()
}

/// Which results are there: none for frames without a value where the result may be NULL.
fn present(call: &WindowCall, counts: &[u64]) -> Option<NullBuffer> {
    call.data_type.is_nullable().then(|| counts.iter().map(|count| *count > 0).collect())
}

fn summed(call: &WindowCall, argument: &Column, batch: &Batch<'_>) -> Result<Option<Column>> {
    let array = argument.to_flat()?;
    let valid = valid_rows(argument);
    let physical = call.data_type.physical();
    if physical == Physical::Float64 {
        let Some(sums) = running(&array, valid.as_ref(), batch) else { return Ok(None) };
        let present = present(call, &counts(batch, valid.as_ref()));
        let array = Float64Array::new(sums.into(), present);
        return Ok(Some(Column::Flat(Arc::new(array))));
    }
    let Some(sums) = differences(&array, valid.as_ref(), batch) else { return Ok(None) };
    let present = present(call, &counts(batch, valid.as_ref()));
    let array: ArrayRef = match physical {
        Physical::UInt64 => {
            let sums: Vec<u64> = sums.into_iter().map(|s| s as u64).collect();
            Arc::new(UInt64Array::new(sums.into(), present))
        }
        Physical::Int64 => {
            let sums: Vec<i64> = sums.into_iter().map(|s| s as i64).collect();
            Arc::new(Int64Array::new(sums.into(), present))
        }
        Physical::Int128 => {
            let array = Decimal128Array::new(sums.into(), present);
            Arc::new(array.with_data_type(call.data_type.arrow_type()))
        }
        _ => return Ok(None),
    };
    Ok(Some(Column::Flat(array)))
}

/// The mean of whole numbers or floats as Float64; that of decimals and others goes another way.
fn mean(call: &WindowCall, argument: &Column, batch: &Batch<'_>) -> Result<Option<Column>> {
    let Some(data_type) = call.arguments.first().map(expr::Expr::data_type) else {
        return Ok(None);
    };
    let data_type = data_type.without_low_cardinality();
    let inner = data_type.inner();
    if call.data_type.physical() != Physical::Float64 {
        return Ok(None);
    }
    let array = argument.to_flat()?;
    let valid = valid_rows(argument);
    let sums = if inner.is_integer() && inner.bits() <= Some(64) {
        differences(&array, valid.as_ref(), batch)
            .map(|sums| sums.into_iter().map(|sum| sum as f64).collect::<Vec<_>>())
    } else if inner.is_float() {
        running(&array, valid.as_ref(), batch)
    } else {
        None
    };
    let Some(sums) = sums else { return Ok(None) };
    let counts = counts(batch, valid.as_ref());
    let means: Vec<f64> = sums.iter().zip(&counts).map(|(sum, n)| sum / *n as f64).collect();
    let array = Float64Array::new(means.into(), present(call, &counts));
    Ok(Some(Column::Flat(Arc::new(array))))
}

/// The sum of each frame's whole numbers, wrapping around at 128 bits.
fn differences(
    array: &ArrayRef,
    valid: Option<&NullBuffer>,
    batch: &Batch<'_>,
) -> Option<Vec<i128>> {
    fn before<T: ArrowPrimitiveType>(array: &ArrayRef, valid: Option<&NullBuffer>) -> Vec<i128>
    where
        T::Native: Into<i128>,
    {
        let values = array.as_primitive::<T>().values();
        let mut sums = Vec::with_capacity(values.len() + 1);
        let mut sum = 0_i128;
        sums.push(0);
        for (row, value) in values.iter().enumerate() {
            if valid.is_none_or(|v| v.is_valid(row)) {
                sum = sum.wrapping_add((*value).into());
            }
            sums.push(sum);
        }
        sums
    }
    use arrow_schema::DataType as A;
    let sums = match array.data_type() {
        A::UInt8 => before::<UInt8Type>(array, valid),
        A::UInt16 => before::<UInt16Type>(array, valid),
        A::UInt32 => before::<UInt32Type>(array, valid),
        A::UInt64 => before::<UInt64Type>(array, valid),
        A::Int8 => before::<Int8Type>(array, valid),
        A::Int16 => before::<Int16Type>(array, valid),
        A::Int32 => before::<Int32Type>(array, valid),
        A::Int64 => before::<Int64Type>(array, valid),
        A::Decimal128(..) => before::<Decimal128Type>(array, valid),
        _ => return None,
    };
    let frames = batch.frames.starts.iter().zip(&batch.frames.ends);
    let sum = |(start, end): (&u32, &u32)| sums[*end as usize].wrapping_sub(sums[*start as usize]);
    Some(frames.map(sum).collect())
}

/// The sum of each frame's floats, added up as the frames of a partition grow.
fn running(array: &ArrayRef, valid: Option<&NullBuffer>, batch: &Batch<'_>) -> Option<Vec<f64>> {
    if !batch.frames.from_start {
        return None;
    }
    let values: Vec<f64> = match array.data_type() {
        arrow_schema::DataType::Float64 => array.as_primitive::<Float64Type>().values().to_vec(),
        arrow_schema::DataType::Float32 => {
            array.as_primitive::<Float32Type>().values().iter().map(|v| f64::from(*v)).collect()
        }
        _ => return None,
    };
    let mut sums = Vec::with_capacity(batch.rows);
    for (first, end) in batch.partitions.ranges() {
        let (mut sum, mut seen) = (0.0, first as usize);
        for row in first..end {
            let until = batch.frames.ends[row as usize] as usize;
            while seen < until {
                if valid.is_none_or(|v| v.is_valid(seen)) {
                    sum += values[seen];
                }
                seen += 1;
            }
            sums.push(sum);
        }
    }
    Some(sums)
}
