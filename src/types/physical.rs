//! How types lie in memory, and single values in and out of arrays.

use std::sync::Arc;

use arrow_array::builder::{BinaryViewBuilder, FixedSizeBinaryBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, ListArray, PrimitiveArray, StructArray, new_null_array,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType as ArrowType, Field as ArrowField, Fields};
use base::{Error, Result};

use crate::{DataType, Value, wide};

/// The layout of a type's values in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Physical {
    UInt8,
    UInt16,
    UInt32,
    UInt64,
    Int8,
    Int16,
    Int32,
    Int64,
    /// 128 bits: signed, except where the type says otherwise.
    Int128,
    Float32,
    Float64,
    /// BinaryView.
    Bytes,
    /// FixedSizeBinary of so many bytes.
    Fixed(usize),
    List,
    Struct,
}

impl DataType {
    /// The layout of this type's values; see the table at the head of the crate.
    pub fn physical(&self) -> Physical {
        match self {
            DataType::UInt8 | DataType::Bool | DataType::Nothing => Physical::UInt8,
            DataType::UInt16 | DataType::Date => Physical::UInt16,
            DataType::UInt32 | DataType::DateTime(_) | DataType::Ipv4 => Physical::UInt32,
            DataType::UInt64 => Physical::UInt64,
            DataType::Int8 | DataType::Enum8(_) => Physical::Int8,
            DataType::Int16 | DataType::Enum16(_) => Physical::Int16,
            DataType::Int32 | DataType::Date32 | DataType::Time => Physical::Int32,
            DataType::Int64
            | DataType::DateTime64(..)
            | DataType::Time64(_)
            | DataType::Interval(_) => Physical::Int64,
            DataType::UInt128 | DataType::Int128 | DataType::Uuid | DataType::Ipv6 => {
                Physical::Int128
            }
            DataType::UInt256 | DataType::Int256 => Physical::Fixed(wide::BYTES),
            DataType::BFloat16 | DataType::Float32 => Physical::Float32,
            DataType::Float64 => Physical::Float64,
            DataType::Decimal { precision, .. } => match precision {
                0..=9 => Physical::Int32,
                10..=18 => Physical::Int64,
                19..=38 => Physical::Int128,
                _ => Physical::Fixed(wide::BYTES),
            },
            DataType::String
            | DataType::Clob
            | DataType::AggregateFunction(_)
            | DataType::Variant(_)
            | DataType::Dynamic(_) => Physical::Bytes,
            DataType::FixedString(length) => Physical::Fixed(*length),
            DataType::Array(_) | DataType::Map(_) | DataType::Json(_) => Physical::List,
            DataType::Tuple(_) => Physical::Struct,
            DataType::Nullable(inner) | DataType::LowCardinality(inner) => inner.physical(),
            DataType::SimpleAggregateFunction(simple) => simple.1.physical(),
            DataType::Geo(kind) => kind.base().physical(),
        }
    }

    /// Whether the 128 bits of a value are to be compared as unsigned.
    pub fn is_unsigned_128(&self) -> bool {
        matches!(self.inner(), DataType::UInt128 | DataType::Uuid | DataType::Ipv6)
    }

    /// The arrow type of this type's arrays.
    pub fn arrow_type(&self) -> ArrowType {
        match self.physical() {
            Physical::UInt8 => ArrowType::UInt8,
            Physical::UInt16 => ArrowType::UInt16,
            Physical::UInt32 => ArrowType::UInt32,
            Physical::UInt64 => ArrowType::UInt64,
            Physical::Int8 => ArrowType::Int8,
            Physical::Int16 => ArrowType::Int16,
            Physical::Int32 => ArrowType::Int32,
            Physical::Int64 => ArrowType::Int64,
            Physical::Int128 => ArrowType::Decimal128(38, 0),
            Physical::Float32 => ArrowType::Float32,
            Physical::Float64 => ArrowType::Float64,
            Physical::Bytes => ArrowType::BinaryView,
            Physical::Fixed(length) => ArrowType::FixedSizeBinary(length as i32),
            Physical::List => match self.list_item() {
                Some(item) => ArrowType::List(item_field(&item)),
                None => ArrowType::Null,
            },
            Physical::Struct => match self.inner() {
                DataType::Tuple(fields) => ArrowType::Struct(struct_fields(
                    fields.iter().map(|f| f.data_type.arrow_type()),
                )),
                _ => ArrowType::Null,
            },
        }
    }

    /// The type of an array's or map's items; a map's are tuples of key and value.
    pub fn list_item(&self) -> Option<DataType> {
        match self.inner() {
            DataType::Array(item) => Some(item.as_ref().clone()),
            DataType::Map(pair) => Some(DataType::tuple([pair.0.clone(), pair.1.clone()])),
            DataType::Json(_) => Some(DataType::tuple([DataType::String, DataType::dynamic()])),
            _ => None,
        }
    }

    /// The value that ClickHouse puts where none is given: 0, empty, NULL for nullable.
    pub fn default_value(&self) -> Value {
        match self {
            DataType::Nullable(_) | DataType::Variant(_) | DataType::Dynamic(_) => Value::Null,
            DataType::Json(paths) => paths.default_value(),
            DataType::LowCardinality(inner) => inner.default_value(),
            DataType::SimpleAggregateFunction(simple) => simple.1.default_value(),
            DataType::Geo(kind) => kind.base().default_value(),
            DataType::BFloat16 | DataType::Float32 | DataType::Float64 => Value::Float(0.0),
            DataType::String | DataType::Clob | DataType::AggregateFunction(_) => {
                Value::Bytes([].into())
            }
            DataType::FixedString(length) => Value::Bytes(vec![0; *length].into()),
            DataType::Array(_) | DataType::Map(_) => Value::Array([].into()),
            DataType::Tuple(fields) => {
                Value::Tuple(fields.iter().map(|f| f.data_type.default_value()).collect())
            }
            DataType::Enum8(values) | DataType::Enum16(values) => {
                Value::Int(values.iter().next().map_or(0, |(_, number)| i128::from(number)))
            }
            other => match other.wide_sign() {
                Some(signed) => wide::value(wide::zero(signed)),
                None => Value::Int(0),
            },
        }
    }
}

/// A Float32 as a BFloat16: its lower half is cut off.
pub fn brain_float(number: f32) -> f32 {
    f32::from_bits(number.to_bits() & 0xffff_0000)
}

/// The field of a list's items.
pub fn item_field(item: &DataType) -> Arc<ArrowField> {
    Arc::new(ArrowField::new("item", item.arrow_type(), true))
}

/// The fields of a tuple: "1", "2", ...
pub fn struct_fields(types: impl Iterator<Item = ArrowType>) -> Fields {
    types
        .enumerate()
        .map(|(at, arrow)| ArrowField::new((at + 1).to_string(), arrow, true))
        .collect()
}

/// `length` times the default value.
pub fn default_array(data_type: &DataType, length: usize) -> Result<ArrayRef> {
    if data_type.is_nullable() {
        return Ok(new_null_array(&data_type.arrow_type(), length));
    }
    let one = array_from_values(data_type, &[data_type.default_value()])?;
    repeat(&one, length)
}

/// The only row of an array, `length` times.
pub(crate) fn repeat(one: &ArrayRef, length: usize) -> Result<ArrayRef> {
    let indices = arrow_array::UInt32Array::from_value(0, length);
    arrow_select::take::take(one, &indices, None)
        .map_err(|e| Error::logical(format!("repeat: {e}")))
}

/// An array of the given values.
///
/// # Errors
/// LOGICAL_ERROR when a value is not of the type.
pub fn array_from_values(data_type: &DataType, values: &[Value]) -> Result<ArrayRef> {
    fn integers<T: ArrowPrimitiveType>(values: &[Value]) -> Result<ArrayRef>
    where
        T::Native: TryFrom<i128>,
    {
        let mut out: Vec<Option<T::Native>> = Vec::with_capacity(values.len());
        for value in values {
            out.push(match value {
                Value::Null => None,
                Value::Int(number) => Some(T::Native::try_from(*number).map_err(|_| {
                    Error::logical(format!("{number} does not fit {}", T::DATA_TYPE))
                })?),
                other => return Err(mismatch(other)),
            });
        }
        Ok(Arc::new(PrimitiveArray::<T>::from_iter(out)))
    }
    fn mismatch(value: &Value) -> Error {
        Error::logical(format!("value {value} is not of its type"))
    }
    let floats = || -> Result<Vec<Option<f64>>> {
        values
            .iter()
            .map(|v| match v {
                Value::Null => Ok(None),
                other => other.as_float().map(Some).ok_or_else(|| mismatch(other)),
            })
            .collect()
    };
    let bytes = || -> Result<Vec<Option<&[u8]>>> {
        values
            .iter()
            .map(|v| match v {
                Value::Null => Ok(None),
                other => other.as_bytes().map(Some).ok_or_else(|| mismatch(other)),
            })
            .collect()
    };
    Ok(match data_type.physical() {
        Physical::UInt8 => integers::<UInt8Type>(values)?,
        Physical::UInt16 => integers::<UInt16Type>(values)?,
        Physical::UInt32 => integers::<UInt32Type>(values)?,
        Physical::UInt64 => integers::<UInt64Type>(values)?,
        Physical::Int8 => integers::<Int8Type>(values)?,
        Physical::Int16 => integers::<Int16Type>(values)?,
        Physical::Int32 => integers::<Int32Type>(values)?,
        Physical::Int64 => integers::<Int64Type>(values)?,
        // The layout has no scale, unlike arrow's default for these lanes.
        Physical::Int128 => Arc::new(
            integers::<Decimal128Type>(values)?
                .as_primitive::<Decimal128Type>()
                .clone()
                .with_data_type(ArrowType::Decimal128(38, 0)),
        ),
        Physical::Float32 => Arc::new(PrimitiveArray::<Float32Type>::from_iter(
            floats()?.into_iter().map(|v| v.map(|v| v as f32)),
        )),
        Physical::Float64 => Arc::new(PrimitiveArray::<Float64Type>::from_iter(floats()?)),
        Physical::Bytes => {
            let mut out = BinaryViewBuilder::with_capacity(values.len());
            for value in bytes()? {
                out.append_option(value);
            }
            Arc::new(out.finish())
        }
        Physical::Fixed(length) => {
            let mut out = FixedSizeBinaryBuilder::with_capacity(values.len(), length as i32);
            for value in bytes()? {
                match value {
                    None => out.append_null(),
                    Some(v) => {
                        let mut padded = v.to_vec();
                        padded.resize(length, 0);
                        out.append_value(padded).map_err(|e| Error::logical(e.to_string()))?;
                    }
                }
            }
            Arc::new(out.finish())
        }
        Physical::List => list_from_values(data_type, values)?,
        Physical::Struct => struct_from_values(data_type, values)?,
    })
}

fn nulls_of(values: &[Value]) -> Option<NullBuffer> {
    values
        .iter()
        .any(Value::is_null)
        .then(|| values.iter().map(|v| !v.is_null()).collect::<NullBuffer>())
}

fn list_from_values(data_type: &DataType, values: &[Value]) -> Result<ArrayRef> {
    let item = data_type.list_item().ok_or_else(|| Error::logical("a list without items"))?;
    let mut items = Vec::new();
    let mut lengths = Vec::with_capacity(values.len());
    for value in values {
        match value {
            Value::Null => lengths.push(0),
            Value::Array(list) => {
                lengths.push(list.len());
                items.extend_from_slice(list);
            }
            other => return Err(Error::logical(format!("value {other} is no array"))),
        }
    }
    Ok(Arc::new(ListArray::new(
        item_field(&item),
        OffsetBuffer::from_lengths(lengths),
        array_from_values(&item, &items)?,
        nulls_of(values),
    )))
}

fn struct_from_values(data_type: &DataType, values: &[Value]) -> Result<ArrayRef> {
    let DataType::Tuple(fields) = data_type.inner() else {
        return Err(Error::logical("a struct that is no tuple"));
    };
    let mut columns = Vec::with_capacity(fields.len());
    for (at, field) in fields.iter().enumerate() {
        let mut part = Vec::with_capacity(values.len());
        for value in values {
            part.push(match value {
                Value::Null => field.data_type.default_value(),
                Value::Tuple(items) if items.len() == fields.len() => items[at].clone(),
                other => return Err(Error::logical(format!("value {other} is no such tuple"))),
            });
        }
        columns.push(array_from_values(&field.data_type, &part)?);
    }
    let arrow_fields = struct_fields(fields.iter().map(|f| f.data_type.arrow_type()));
    Ok(Arc::new(
        StructArray::try_new(arrow_fields, columns, nulls_of(values))
            .map_err(|e| Error::logical(e.to_string()))?,
    ))
}

/// The value of one row.
///
/// # Panics
/// When the row is past the end, or the array is not of the type's layout.
pub fn value_at(array: &dyn Array, data_type: &DataType, row: usize) -> Value {
    fn int<T: ArrowPrimitiveType>(array: &dyn Array, row: usize) -> Value
    where
        T::Native: Into<i128>,
    {
        Value::Int(array.as_primitive::<T>().value(row).into())
    }
    if array.is_null(row) {
        return Value::Null;
    }
    match data_type.physical() {
        Physical::UInt8 => int::<UInt8Type>(array, row),
        Physical::UInt16 => int::<UInt16Type>(array, row),
        Physical::UInt32 => int::<UInt32Type>(array, row),
        Physical::UInt64 => int::<UInt64Type>(array, row),
        Physical::Int8 => int::<Int8Type>(array, row),
        Physical::Int16 => int::<Int16Type>(array, row),
        Physical::Int32 => int::<Int32Type>(array, row),
        Physical::Int64 => int::<Int64Type>(array, row),
        Physical::Int128 => int::<Decimal128Type>(array, row),
        Physical::Float32 => {
            Value::Float(f64::from(array.as_primitive::<Float32Type>().value(row)))
        }
        Physical::Float64 => Value::Float(array.as_primitive::<Float64Type>().value(row)),
        Physical::Bytes => Value::from(array.as_binary_view().value(row)),
        Physical::Fixed(_) => Value::from(array.as_fixed_size_binary().value(row)),
        Physical::List => {
            let items = array.as_list::<i32>().value(row);
            let item = data_type.list_item().unwrap_or(DataType::Nothing);
            Value::Array((0..items.len()).map(|at| value_at(&items, &item, at)).collect())
        }
        Physical::Struct => {
            let parts = array.as_struct();
            let DataType::Tuple(fields) = data_type.inner() else { return Value::Null };
            Value::Tuple(
                fields
                    .iter()
                    .zip(parts.columns())
                    .map(|(field, part)| value_at(part, &field.data_type, row))
                    .collect(),
            )
        }
    }
}
