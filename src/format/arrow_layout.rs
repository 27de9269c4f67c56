//! Between arrow's types and the house's: for Parquet, Arrow and ArrowStream.
//!
//! ```text
//! Bool                    Boolean
//! String, Enum            Utf8 (in Parquet: bytes marked as text, so that any bytes fit)
//! Date, Date32            Date32
//! DateTime, DateTime64    Timestamp of seconds, or of the next finer unit
//! Decimal(P, S)           Decimal128(P, S), Decimal256(P, S)
//! UUID, IPv6, (U)Int128   FixedSizeBinary(16): network order, integers little-endian
//! (U)Int256               FixedSizeBinary(32), little-endian
//! Map, Tuple, Array       Map, Struct, List
//! Variant, Dynamic, JSON  see `arrow_layout/several.rs`
//! ```

mod several;

pub(crate) use several::{check_parquet, json_leaves};

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt16Type, UInt32Type,
};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, FixedSizeBinaryArray, ListArray, MapArray,
    PrimitiveArray, StringArray, StructArray,
};
use arrow_buffer::Buffer;
use arrow_schema::{DataType as ArrowType, Field as ArrowField, Fields, TimeUnit};
use base::{Error, Result, bail, error};
use types::{DataType, Field, I256, Physical, Schema, TimeZone, TupleField, U256};

use crate::FormatSettings;
use crate::input::ByteSource;

pub(crate) fn arrow_error(error: arrow_schema::ArrowError) -> Error {
    error!(IncorrectData, "Arrow: {error}")
}

/// The type of an arrow field.
///
/// # Errors
/// UNKNOWN_TYPE for types that have no counterpart.
pub(crate) fn type_of(field: &ArrowField) -> Result<DataType> {
    let data_type = inner_type_of(field.data_type())
        .map_err(|e| e.within(format_args!("column {}", field.name())))?;
    Ok(if field.is_nullable() { data_type.nullable() } else { data_type })
}

fn inner_type_of(arrow: &ArrowType) -> Result<DataType> {
    Ok(match arrow {
        ArrowType::Null => DataType::null(),
        ArrowType::Boolean => DataType::Bool,
        ArrowType::Int8 => DataType::Int8,
        ArrowType::Int16 => DataType::Int16,
        ArrowType::Int32 => DataType::Int32,
        ArrowType::Int64 => DataType::Int64,
        ArrowType::UInt8 => DataType::UInt8,
        ArrowType::UInt16 => DataType::UInt16,
        ArrowType::UInt32 => DataType::UInt32,
        ArrowType::UInt64 => DataType::UInt64,
        ArrowType::Float16 | ArrowType::Float32 => DataType::Float32,
        ArrowType::Float64 => DataType::Float64,
        ArrowType::Utf8
        | ArrowType::LargeUtf8
        | ArrowType::Utf8View
        | ArrowType::Binary
        | ArrowType::LargeBinary
        | ArrowType::BinaryView => DataType::String,
        ArrowType::FixedSizeBinary(length) => DataType::FixedString((*length).max(0) as usize),
        ArrowType::Date32 => DataType::Date32,
        ArrowType::Date64 => DataType::DateTime64(3, Some(TimeZone::UTC)),
        ArrowType::Timestamp(unit, zone) => {
            let zone = zone.as_ref().and_then(|zone| TimeZone::parse(zone).ok());
            DataType::DateTime64(digits(*unit), zone)
        }
        ArrowType::Time32(_) => DataType::Int32,
        ArrowType::Time64(_) | ArrowType::Duration(_) => DataType::Int64,
        ArrowType::Decimal32(precision, scale)
        | ArrowType::Decimal64(precision, scale)
        | ArrowType::Decimal128(precision, scale)
        | ArrowType::Decimal256(precision, scale)
            if *scale >= 0 && *precision <= 76 =>
        {
            DataType::Decimal { precision: *precision, scale: *scale as u8 }
        }
        ArrowType::List(item) | ArrowType::LargeList(item) | ArrowType::FixedSizeList(item, _) => {
            DataType::array(type_of(item)?)
        }
        ArrowType::Struct(fields) => DataType::Tuple(
            fields
                .iter()
                .map(|field| {
                    Ok(TupleField { name: Some(field.name().clone()), data_type: type_of(field)? })
                })
                .collect::<Result<_>>()?,
        ),
        ArrowType::Map(entries, _) => match entries.data_type() {
            ArrowType::Struct(fields) if fields.len() == 2 => {
                let key = inner_type_of(fields[0].data_type())?;
                DataType::map(key, type_of(&fields[1])?)
            }
            _ => bail!(UnknownType, "A map without keys and values"),
        },
        ArrowType::Dictionary(_, value) => inner_type_of(value)?,
        ArrowType::Union(fields, _) => several::variant_of(fields)?,
        other => bail!(UnknownType, "The type {other} is not supported"),
    })
}

fn digits(unit: TimeUnit) -> u8 {
    match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 3,
        TimeUnit::Microsecond => 6,
        TimeUnit::Nanosecond => 9,
    }
}

fn cast(array: &ArrayRef, to: &ArrowType) -> Result<ArrayRef> {
    arrow_cast::cast(array, to).map_err(arrow_error)
}

/// An arrow array in the layout of its type as [`type_of`] gives it.
pub(crate) fn to_layout(array: &ArrayRef, data_type: &DataType) -> Result<ArrayRef> {
    if let ArrowType::Dictionary(_, value) = array.data_type() {
        return to_layout(&cast(array, value)?, data_type);
    }
    if let ArrowType::Decimal32(..)
    | ArrowType::Decimal64(..)
    | ArrowType::Decimal128(..)
    | ArrowType::Decimal256(..) = array.data_type()
    {
        return decimals_to_layout(array, data_type);
    }
    let inner = data_type.inner();
    match (inner, array.data_type()) {
        (DataType::Nothing, _) => types::default_array(&DataType::null(), array.len()),
        (DataType::Variant(_), ArrowType::Union(..)) => several::of_union(array),
        (DataType::Array(item), _) => {
            let target = match array.data_type() {
                ArrowType::LargeList(item) | ArrowType::FixedSizeList(item, _) => {
                    cast(array, &ArrowType::List(item.clone()))?
                }
                _ => array.clone(),
            };
            let list = target
                .as_list_opt::<i32>()
                .ok_or_else(|| Error::logical("a list of another layout"))?;
            let items = to_layout(list.values(), item)?;
            rebuild_list(list.offsets().clone(), items, list.nulls().cloned(), inner)
        }
        (DataType::Map(pair), _) => {
            let map =
                array.as_map_opt().ok_or_else(|| Error::logical("a map of another layout"))?;
            let columns = vec![to_layout(map.keys(), &pair.0)?, to_layout(map.values(), &pair.1)?];
            let Some(ArrowType::Struct(fields)) = inner.list_item().map(|i| i.arrow_type()) else {
                return Err(Error::logical("a map whose entries are no structs"));
            };
            let entries = StructArray::try_new(fields, columns, None).map_err(arrow_error)?;
            rebuild_list(map.offsets().clone(), Arc::new(entries), map.nulls().cloned(), inner)
        }
        (DataType::Tuple(fields), _) => {
            let parts = array
                .as_struct_opt()
                .ok_or_else(|| Error::logical("a struct of another layout"))?;
            let columns = fields
                .iter()
                .zip(parts.columns())
                .map(|(field, part)| to_layout(part, &field.data_type))
                .collect::<Result<_>>()?;
            let ArrowType::Struct(arrow_fields) = inner.arrow_type() else {
                return Err(Error::logical("a tuple whose layout is no struct"));
            };
            let nulls = parts.nulls().cloned();
            let array = StructArray::try_new_with_length(arrow_fields, columns, nulls, parts.len());
            Ok(Arc::new(array.map_err(arrow_error)?))
        }
        (DataType::DateTime64(3, _), ArrowType::Date64) => cast(array, &ArrowType::Int64),
        (_, ArrowType::Float16) => cast(array, &ArrowType::Float32),
        (_, arrow) if *arrow == inner.arrow_type() => Ok(array.clone()),
        // Of the same width and meaning: Boolean, texts, dates, timestamps.
        _ => cast(array, &inner.arrow_type()),
    }
}

fn rebuild_list(
    offsets: arrow_buffer::OffsetBuffer<i32>,
    items: ArrayRef,
    nulls: Option<arrow_buffer::NullBuffer>,
    data_type: &DataType,
) -> Result<ArrayRef> {
    let ArrowType::List(field) = data_type.arrow_type() else {
        return Err(Error::logical("an array whose layout is no list"));
    };
    Ok(Arc::new(ListArray::try_new(field, offsets, items, nulls).map_err(arrow_error)?))
}

fn decimals_to_layout(array: &ArrayRef, data_type: &DataType) -> Result<ArrayRef> {
    let nulls = array.nulls().cloned();
    if let Some(true) = data_type.wide_sign() {
        return wide_decimals_to_layout(array);
    }
    let values: Vec<i128> = match array.data_type() {
        ArrowType::Decimal32(..) => {
            array.as_primitive::<Decimal32Type>().values().iter().map(|v| i128::from(*v)).collect()
        }
        ArrowType::Decimal64(..) => {
            array.as_primitive::<Decimal64Type>().values().iter().map(|v| i128::from(*v)).collect()
        }
        ArrowType::Decimal256(..) => {
            let values = array.as_primitive::<Decimal256Type>().values();
            values.iter().map(|v| v.as_i128()).collect()
        }
        _ => array.as_primitive::<Decimal128Type>().values().to_vec(),
    };
    Ok(match data_type.physical() {
        Physical::Int32 => {
            let values: Vec<i32> = values.into_iter().map(|v| v as i32).collect();
            Arc::new(PrimitiveArray::<Int32Type>::new(values.into(), nulls))
        }
        Physical::Int64 => {
            let values: Vec<i64> = values.into_iter().map(|v| v as i64).collect();
            Arc::new(PrimitiveArray::<Int64Type>::new(values.into(), nulls))
        }
        _ => {
            let array = PrimitiveArray::<Decimal128Type>::new(values.into(), nulls);
            Arc::new(array.with_data_type(ArrowType::Decimal128(38, 0)))
        }
    })
}

fn wide_decimals_to_layout(array: &ArrayRef) -> Result<ArrayRef> {
    let array = cast(array, &ArrowType::Decimal256(76, decimal_scale(array.data_type())))?;
    let values = array.as_primitive::<Decimal256Type>().values();
    let numbers = values.iter().map(|v| I256::from_le_bytes(v.to_le_bytes()));
    types::wide::array(numbers, array.nulls().cloned())
}

fn decimal_scale(data_type: &ArrowType) -> i8 {
    match data_type {
        ArrowType::Decimal32(_, scale)
        | ArrowType::Decimal64(_, scale)
        | ArrowType::Decimal128(_, scale)
        | ArrowType::Decimal256(_, scale) => *scale,
        _ => 0,
    }
}

/// Numbers of 256 bits as arrow's decimals, or as bytes, the lowest first.
fn wide_from_layout(array: &ArrayRef, signed: bool, arrow: &ArrowType) -> Result<ArrayRef> {
    let (bits, nulls) = (types::wide::numbers::<U256>(array.as_ref())?, array.nulls().cloned());
    let little = bits.iter().map(|v| types::wide::to_little(v.to_be_bytes(), signed));
    if let ArrowType::Decimal256(..) = arrow {
        let values: Vec<arrow_buffer::i256> =
            little.map(arrow_buffer::i256::from_le_bytes).collect();
        let decimals = PrimitiveArray::<Decimal256Type>::new(values.into(), nulls);
        return Ok(Arc::new(decimals.with_data_type(arrow.clone())));
    }
    let bytes = Buffer::from_vec(little.flatten().collect::<Vec<u8>>());
    let array = FixedSizeBinaryArray::try_new(types::wide::BYTES as i32, bytes, nulls);
    Ok(Arc::new(array.map_err(arrow_error)?))
}

/// The arrow field that a column is written as; `text` is the type of strings.
pub(crate) fn arrow_field(name: &str, data_type: &DataType, text: &ArrowType) -> ArrowField {
    let nullable = data_type.is_nullable() && !data_type.is_tagged();
    let arrow = match data_type.inner() {
        DataType::Bool => ArrowType::Boolean,
        DataType::String | DataType::AggregateFunction(_) => text.clone(),
        DataType::Enum8(_) | DataType::Enum16(_) => text.clone(),
        DataType::Variant(members) => several::union_of(members, text),
        DataType::Dynamic(_) | DataType::Json(_) => text.clone(),
        DataType::Date | DataType::Date32 => ArrowType::Date32,
        DataType::DateTime(zone) => timestamp(TimeUnit::Second, *zone),
        DataType::DateTime64(precision, zone) => timestamp(unit(*precision), *zone),
        DataType::Decimal { precision: precision @ 39.., scale } => {
            ArrowType::Decimal256(*precision, *scale as i8)
        }
        DataType::Decimal { precision, scale } => ArrowType::Decimal128(*precision, *scale as i8),
        DataType::Uuid | DataType::Ipv6 | DataType::Int128 | DataType::UInt128 => {
            ArrowType::FixedSizeBinary(16)
        }
        DataType::Nothing => ArrowType::Null,
        DataType::Array(item) => ArrowType::List(Arc::new(arrow_field("item", item, text))),
        DataType::Map(pair) => {
            let key = arrow_field("key", &pair.0, text).with_nullable(false);
            let entries = Fields::from(vec![key, arrow_field("value", &pair.1, text)]);
            ArrowType::Map(
                Arc::new(ArrowField::new("entries", ArrowType::Struct(entries), false)),
                false,
            )
        }
        DataType::Tuple(fields) => ArrowType::Struct(
            fields
                .iter()
                .enumerate()
                .map(|(at, field)| {
                    let name = field.name.clone().unwrap_or_else(|| (at + 1).to_string());
                    arrow_field(&name, &field.data_type, text)
                })
                .collect(),
        ),
        other => other.arrow_type(),
    };
    several::marked(ArrowField::new(name, arrow, nullable), data_type)
}

fn timestamp(unit: TimeUnit, zone: Option<TimeZone>) -> ArrowType {
    ArrowType::Timestamp(unit, Some(zone.unwrap_or_else(TimeZone::server).name().into()))
}

/// The unit that holds times of a precision.
fn unit(precision: u8) -> TimeUnit {
    match precision {
        0 => TimeUnit::Second,
        1..=3 => TimeUnit::Millisecond,
        4..=6 => TimeUnit::Microsecond,
        _ => TimeUnit::Nanosecond,
    }
}

/// A column as the arrow array of the field that [`arrow_field`] gives.
pub(crate) fn from_layout(
    array: &ArrayRef,
    data_type: &DataType,
    arrow: &ArrowType,
) -> Result<ArrayRef> {
    let nulls = array.nulls().cloned();
    let inner = data_type.inner();
    Ok(match (inner, arrow) {
        (DataType::Bool, _) => {
            let bits = array.as_primitive::<arrow_array::types::UInt8Type>().values();
            Arc::new(BooleanArray::new(bits.iter().map(|bit| *bit != 0).collect(), nulls))
        }
        (DataType::Variant(members), ArrowType::Union(fields, _)) => {
            several::to_union(array, members, fields)?
        }
        (DataType::Dynamic(_), _) => cast(&several::json_texts(array, data_type)?, arrow)?,
        (
            DataType::Enum8(_) | DataType::Enum16(_) | DataType::Json(_) | DataType::Variant(_),
            _,
        ) => {
            let names = crate::text::array_to_text(array, data_type, &FormatSettings::default())?;
            cast(&names, arrow)?
        }
        (DataType::String, ArrowType::Utf8) => text_array(array)?,
        (DataType::Date, _) => {
            let days = array.as_primitive::<UInt16Type>().values();
            let days: Vec<i32> = days.iter().map(|day| i32::from(*day)).collect();
            Arc::new(PrimitiveArray::<Date32Type>::new(days.into(), nulls))
        }
        (DataType::DateTime(_), _) => {
            let seconds = array.as_primitive::<UInt32Type>().values();
            let seconds: Vec<i64> = seconds.iter().map(|s| i64::from(*s)).collect();
            let times = PrimitiveArray::<TimestampSecondType>::new(seconds.into(), nulls);
            Arc::new(times.with_data_type(arrow.clone()))
        }
        (DataType::DateTime64(precision, _), ArrowType::Timestamp(unit, _)) => {
            instants(array, *precision, *unit, arrow)?
        }
        (wide, arrow) if wide.wide_sign().is_some() => {
            wide_from_layout(array, wide.wide_sign() == Some(true), arrow)?
        }
        (DataType::Decimal { .. }, _) => {
            let values: Vec<i128> = match inner.physical() {
                Physical::Int32 => widen::<Int32Type>(array),
                Physical::Int64 => widen::<Int64Type>(array),
                _ => array.as_primitive::<Decimal128Type>().values().to_vec(),
            };
            let decimals = PrimitiveArray::<Decimal128Type>::new(values.into(), nulls);
            Arc::new(decimals.with_data_type(arrow.clone()))
        }
        (DataType::Uuid | DataType::Ipv6, _) => wide(array, i128::to_be_bytes)?,
        (DataType::Int128 | DataType::UInt128, _) => wide(array, i128::to_le_bytes)?,
        (DataType::Nothing, _) => arrow_array::new_null_array(&ArrowType::Null, array.len()),
        (DataType::Array(_) | DataType::Map(_) | DataType::Tuple(_), _) => {
            composite_from_layout(array, inner, arrow)?
        }
        (_, arrow) if array.data_type() == arrow => array.clone(),
        _ => cast(array, arrow)?,
    })
}

fn composite_from_layout(
    array: &ArrayRef,
    data_type: &DataType,
    arrow: &ArrowType,
) -> Result<ArrayRef> {
    let nulls = array.nulls().cloned();
    Ok(match (data_type, arrow) {
        (DataType::Array(item), ArrowType::List(field)) => {
            let list = array.as_list::<i32>();
            let items = from_layout(list.values(), item, field.data_type())?;
            let offsets = list.offsets().clone();
            let list = ListArray::try_new(field.clone(), offsets, items, nulls);
            Arc::new(list.map_err(arrow_error)?)
        }
        (DataType::Map(pair), ArrowType::Map(field, _)) => {
            let ArrowType::Struct(fields) = field.data_type() else {
                return Err(Error::logical("a map without entries"));
            };
            let list = array.as_list::<i32>();
            let parts = list.values().as_struct();
            let columns = vec![
                from_layout(parts.column(0), &pair.0, fields[0].data_type())?,
                from_layout(parts.column(1), &pair.1, fields[1].data_type())?,
            ];
            let entries =
                StructArray::try_new(fields.clone(), columns, None).map_err(arrow_error)?;
            let offsets = list.offsets().clone();
            let map = MapArray::try_new(field.clone(), offsets, entries, nulls, false);
            Arc::new(map.map_err(arrow_error)?)
        }
        (DataType::Tuple(wanted), ArrowType::Struct(fields)) => {
            let parts = array.as_struct();
            let columns = wanted
                .iter()
                .zip(parts.columns())
                .zip(fields)
                .map(|((w, part), field)| from_layout(part, &w.data_type, field.data_type()))
                .collect::<Result<_>>()?;
            let parts =
                StructArray::try_new_with_length(fields.clone(), columns, nulls, array.len());
            Arc::new(parts.map_err(arrow_error)?)
        }
        _ => return Err(Error::logical("a composite column as another type")),
    })
}

fn widen<T: ArrowPrimitiveType>(array: &ArrayRef) -> Vec<i128>
where
    T::Native: Into<i128>,
{
    array.as_primitive::<T>().values().iter().map(|v| (*v).into()).collect()
}

fn wide(array: &ArrayRef, bytes: fn(i128) -> [u8; 16]) -> Result<ArrayRef> {
    let numbers = array.as_primitive::<Decimal128Type>().values();
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| bytes(*number)).collect();
    let nulls = array.nulls().cloned();
    let array = FixedSizeBinaryArray::try_new(16, Buffer::from_vec(bytes), nulls);
    Ok(Arc::new(array.map_err(arrow_error)?))
}

/// Strings as arrow's text; bytes that are no UTF-8 are replaced.
fn text_array(array: &ArrayRef) -> Result<ArrayRef> {
    let strings = array.as_binary_view();
    if let Ok(text) = StringArray::try_from_binary(BinaryArray::from_iter(strings.iter())) {
        return Ok(Arc::new(text));
    }
    let texts = strings.iter().map(|text| text.map(String::from_utf8_lossy));
    Ok(Arc::new(texts.collect::<StringArray>()))
}

fn instants(
    array: &ArrayRef,
    precision: u8,
    unit: TimeUnit,
    arrow: &ArrowType,
) -> Result<ArrayRef> {
    let ticks = array.as_primitive::<Int64Type>();
    let scale = 10_i64.pow(u32::from(digits(unit).saturating_sub(precision)));
    let scaled: Vec<i64> = ticks.values().iter().map(|t| t.saturating_mul(scale)).collect();
    let nulls = array.nulls().cloned();
    let scaled = scaled.into();
    let zoned = arrow.clone();
    Ok(match unit {
        TimeUnit::Second => Arc::new(
            PrimitiveArray::<TimestampSecondType>::new(scaled, nulls).with_data_type(zoned),
        ),
        TimeUnit::Millisecond => Arc::new(
            PrimitiveArray::<TimestampMillisecondType>::new(scaled, nulls).with_data_type(zoned),
        ),
        TimeUnit::Microsecond => Arc::new(
            PrimitiveArray::<TimestampMicrosecondType>::new(scaled, nulls).with_data_type(zoned),
        ),
        TimeUnit::Nanosecond => Arc::new(
            PrimitiveArray::<TimestampNanosecondType>::new(scaled, nulls).with_data_type(zoned),
        ),
    })
}

/// The columns of an Arrow input.
pub(crate) fn infer(head: &mut dyn ByteSource, is_file: bool) -> Result<Schema> {
    let schema = crate::input::arrow_schema(head, is_file)?;
    schema_of(&schema)
}

/// The house's schema of an arrow schema.
pub(crate) fn schema_of(schema: &arrow_schema::Schema) -> Result<Schema> {
    let fields = schema.fields().iter();
    Ok(Schema::new(fields.map(|f| Ok(Field::new(f.name(), type_of(f)?))).collect::<Result<_>>()?))
}
