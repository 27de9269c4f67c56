//! Values of any types as bytes: equal values give equal bytes, and the bytes can be read back.
//!
//! ```text
//! NULL            00
//! fixed width     01, the bytes little endian
//! string          01, length as u32, bytes
//! array           01, count as u32, items
//! tuple           01, fields
//! ```

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use base::{Result, bail};
use types::{DataType, Physical, Value};

/// Appends the bytes of one value.
pub(crate) fn write(array: &ArrayRef, data_type: &DataType, row: usize, out: &mut Vec<u8>) {
    if array.is_null(row) {
        out.push(0);
        return;
    }
    out.push(1);
    macro_rules! fixed {
        ($type:ty) => {
            out.extend_from_slice(&array.as_primitive::<$type>().value(row).to_le_bytes())
        };
    }
    match data_type.physical() {
        Physical::UInt8 => fixed!(UInt8Type),
        Physical::UInt16 => fixed!(UInt16Type),
        Physical::UInt32 => fixed!(UInt32Type),
        Physical::UInt64 => fixed!(UInt64Type),
        Physical::Int8 => fixed!(Int8Type),
        Physical::Int16 => fixed!(Int16Type),
        Physical::Int32 => fixed!(Int32Type),
        Physical::Int64 => fixed!(Int64Type),
        Physical::Int128 => fixed!(Decimal128Type),
        Physical::Float32 => {
            let value = canonical(f64::from(array.as_primitive::<Float32Type>().value(row)));
            out.extend_from_slice(&value.to_le_bytes());
        }
        Physical::Float64 => {
            let value = canonical(array.as_primitive::<Float64Type>().value(row));
            out.extend_from_slice(&value.to_le_bytes());
        }
        Physical::Bytes => write_bytes(array.as_binary_view().value(row), out),
        Physical::Fixed(_) => write_bytes(array.as_fixed_size_binary().value(row), out),
        Physical::List => {
            let items = array.as_list::<i32>().value(row);
            let item = data_type.list_item().unwrap_or(DataType::Nothing);
            out.extend_from_slice(&(items.len() as u32).to_le_bytes());
            for at in 0..items.len() {
                write(&items, &item, at, out);
            }
        }
        Physical::Struct => {
            if let DataType::Tuple(fields) = data_type.inner() {
                for (field, part) in fields.iter().zip(array.as_struct().columns()) {
                    write(part, &field.data_type, row, out);
                }
            }
        }
    }
}

/// One NaN, so that equal keys are equal bytes; 0 and -0 are different keys, as in ClickHouse.
pub(crate) fn canonical(value: f64) -> f64 {
    if value.is_nan() { f64::NAN } else { value }
}

fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

/// Reads one value back and moves `bytes` past it.
pub(crate) fn read(bytes: &mut &[u8], data_type: &DataType) -> Result<Value> {
    if take(bytes, 1)?[0] == 0 {
        return Ok(Value::Null);
    }
    macro_rules! int {
        ($type:ty) => {{
            let raw = take(bytes, size_of::<$type>())?;
            let raw = raw.try_into().map_err(|_| base::Error::logical("a row of bytes"))?;
            Value::Int(<$type>::from_le_bytes(raw) as i128)
        }};
    }
    Ok(match data_type.physical() {
        Physical::UInt8 => int!(u8),
        Physical::UInt16 => int!(u16),
        Physical::UInt32 => int!(u32),
        Physical::UInt64 => int!(u64),
        Physical::Int8 => int!(i8),
        Physical::Int16 => int!(i16),
        Physical::Int32 => int!(i32),
        Physical::Int64 => int!(i64),
        Physical::Int128 => int!(i128),
        Physical::Float32 | Physical::Float64 => {
            let raw =
                take(bytes, 8)?.try_into().map_err(|_| base::Error::logical("a row of bytes"))?;
            Value::Float(f64::from_le_bytes(raw))
        }
        Physical::Bytes | Physical::Fixed(_) => {
            let length = read_length(bytes)?;
            Value::from(take(bytes, length)?)
        }
        Physical::List => {
            let item = data_type.list_item().unwrap_or(DataType::Nothing);
            let count = read_length(bytes)?;
            let mut items = Vec::new();
            for _ in 0..count {
                items.push(read(bytes, &item)?);
            }
            Value::Array(items.into())
        }
        Physical::Struct => match data_type.inner() {
            DataType::Tuple(fields) => {
                let mut values = Vec::with_capacity(fields.len());
                for field in fields.iter() {
                    values.push(read(bytes, &field.data_type)?);
                }
                Value::Tuple(values.into())
            }
            other => bail!(LogicalError, "{other} is no tuple"),
        },
    })
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Result<&'a [u8]> {
    match bytes.split_at_checked(length) {
        Some((taken, rest)) => {
            *bytes = rest;
            Ok(taken)
        }
        None => bail!(LogicalError, "a row of bytes ends early"),
    }
}

fn read_length(bytes: &mut &[u8]) -> Result<usize> {
    let raw = take(bytes, 4)?.try_into().map_err(|_| base::Error::logical("a row of bytes"))?;
    Ok(u32::from_le_bytes(raw) as usize)
}
