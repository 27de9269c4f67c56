//! Values of fixed width as bits, and back: what packed keys are made of.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{ArrayRef, ArrowPrimitiveType, PrimitiveArray};
use arrow_buffer::NullBuffer;
use base::{Error, Result, bail};
use types::{DataType, Physical};

use crate::rows;

/// So many low bits set.
pub(crate) fn mask64(width: u32) -> u64 {
    if width >= 64 { u64::MAX } else { (1 << width) - 1 }
}

pub(crate) fn is_float(data_type: &DataType) -> bool {
    matches!(data_type.physical(), Physical::Float32 | Physical::Float64)
}

/// Bits of a value that is compared by its bits.
pub(crate) fn fixed_width(data_type: &DataType) -> Option<u32> {
    Some(match data_type.physical() {
        Physical::UInt8 | Physical::Int8 => 8,
        Physical::UInt16 | Physical::Int16 => 16,
        Physical::UInt32 | Physical::Int32 | Physical::Float32 => 32,
        Physical::UInt64 | Physical::Int64 | Physical::Float64 => 64,
        _ => return None,
    })
}

/// Calls `put` with the values of a primitive as bits; equal values give equal bits.
pub(crate) fn each_bits(
    array: &ArrayRef,
    physical: Physical,
    put: &mut impl FnMut(usize, u64),
) -> Result<()> {
    fn each<T: ArrowPrimitiveType>(
        array: &ArrayRef,
        put: &mut impl FnMut(usize, u64),
        convert: impl Fn(T::Native) -> u64,
    ) {
        let values = array.as_primitive::<T>().values();
        values.iter().enumerate().for_each(|(row, value)| put(row, convert(*value)));
    }
    match physical {
        Physical::UInt8 => each::<UInt8Type>(array, put, u64::from),
        Physical::UInt16 => each::<UInt16Type>(array, put, u64::from),
        Physical::UInt32 => each::<UInt32Type>(array, put, u64::from),
        Physical::UInt64 => each::<UInt64Type>(array, put, |v| v),
        Physical::Int8 => each::<Int8Type>(array, put, |v| u64::from(v as u8)),
        Physical::Int16 => each::<Int16Type>(array, put, |v| u64::from(v as u16)),
        Physical::Int32 => each::<Int32Type>(array, put, |v| u64::from(v as u32)),
        Physical::Int64 => each::<Int64Type>(array, put, |v| v as u64),
        Physical::Float32 => each::<Float32Type>(array, put, |v| {
            u64::from((rows::canonical(f64::from(v)) as f32).to_bits())
        }),
        Physical::Float64 => each::<Float64Type>(array, put, |v| rows::canonical(v).to_bits()),
        other => bail!(LogicalError, "keys of {other:?} have no bits"),
    }
    Ok(())
}

/// The values that some bits are.
pub(crate) fn from_bits(
    bits: &[u64],
    nulls: Option<NullBuffer>,
    physical: Physical,
) -> Result<ArrayRef> {
    fn of<T: ArrowPrimitiveType>(
        bits: &[u64],
        nulls: Option<NullBuffer>,
        convert: impl Fn(u64) -> T::Native,
    ) -> Result<ArrayRef> {
        let values = bits.iter().map(|b| convert(*b)).collect();
        PrimitiveArray::<T>::try_new(values, nulls)
            .map(|a| Arc::new(a) as ArrayRef)
            .map_err(|e| Error::logical(e.to_string()))
    }
    match physical {
        Physical::UInt8 => of::<UInt8Type>(bits, nulls, |b| b as u8),
        Physical::UInt16 => of::<UInt16Type>(bits, nulls, |b| b as u16),
        Physical::UInt32 => of::<UInt32Type>(bits, nulls, |b| b as u32),
        Physical::UInt64 => of::<UInt64Type>(bits, nulls, |b| b),
        Physical::Int8 => of::<Int8Type>(bits, nulls, |b| b as i8),
        Physical::Int16 => of::<Int16Type>(bits, nulls, |b| b as i16),
        Physical::Int32 => of::<Int32Type>(bits, nulls, |b| b as i32),
        Physical::Int64 => of::<Int64Type>(bits, nulls, |b| b as i64),
        Physical::Float32 => of::<Float32Type>(bits, nulls, |b| f32::from_bits(b as u32)),
        Physical::Float64 => of::<Float64Type>(bits, nulls, f64::from_bits),
        other => bail!(LogicalError, "keys of {other:?} have no bits"),
    }
}
