//! The values of a column of Native, in.

use std::sync::Arc;

use arrow_array::types::{
    Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    ArrayRef, ArrowPrimitiveType, FixedSizeBinaryArray, ListArray, PrimitiveArray, StructArray,
    UInt32Array,
};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::DataType as ArrowType;
use base::{Error, Result, bail};
use types::{DataType, Physical, wide};

use super::prefix::Prefix;
use super::several::{read_objects, read_several, read_texts};
use crate::FormatSettings;
use crate::binary::{brain_from_wire, uuid_from_wire};
use crate::text::{BytesBuilder, Cursor, read_binary_string, take_bytes};

pub(super) fn read_u64(cursor: &mut Cursor<'_>) -> Result<u64> {
    let bytes = take_bytes(cursor, 8)?;
    Ok(bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes)))
}

fn plain<T: ArrowPrimitiveType>(
    cursor: &mut Cursor<'_>,
    rows: usize,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let bytes = take_bytes(cursor, size_of::<T::Native>().saturating_mul(rows))?;
    // `from` copies, so the values are aligned.
    let values = ScalarBuffer::<T::Native>::new(Buffer::from(bytes), 0, rows);
    Ok(Arc::new(PrimitiveArray::<T>::new(values, nulls)))
}

pub(super) fn broken(error: arrow_schema::ArrowError) -> Error {
    Error::logical(format!("native column: {error}"))
}

/// Reads the values of a column.
pub(super) fn read_values(
    cursor: &mut Cursor<'_>,
    data_type: &DataType,
    prefix: &Prefix,
    rows: usize,
    settings: &FormatSettings,
) -> Result<ArrayRef> {
    match data_type {
        DataType::LowCardinality(inner) => return read_keys(cursor, inner, rows, settings),
        DataType::SimpleAggregateFunction(simple) => {
            return read_values(cursor, &simple.1, prefix, rows, settings);
        }
        DataType::Geo(kind) => return read_values(cursor, kind.base(), prefix, rows, settings),
        DataType::AggregateFunction(_) => {
            bail!(NotImplemented, "States of aggregate functions cannot be read: {data_type}")
        }
        _ => {}
    }
    let (inner, nulls) = match data_type {
        DataType::Nullable(inner) => {
            let flags = take_bytes(cursor, rows)?;
            let nulls: NullBuffer = flags.iter().map(|flag| *flag == 0).collect();
            (&**inner, Some(nulls).filter(|nulls| nulls.null_count() > 0))
        }
        other => (other, None),
    };
    match prefix {
        Prefix::Several(members) => return read_several(cursor, members, rows, settings),
        Prefix::Texts => return read_texts(cursor, inner, rows, nulls, settings),
        Prefix::Object(paths) => return read_objects(cursor, inner, paths, rows, nulls, settings),
        Prefix::Parts(_) => {}
    }
    match inner.physical() {
        Physical::UInt8 => plain::<UInt8Type>(cursor, rows, nulls),
        Physical::UInt16 => plain::<UInt16Type>(cursor, rows, nulls),
        Physical::UInt32 => plain::<UInt32Type>(cursor, rows, nulls),
        Physical::UInt64 => plain::<UInt64Type>(cursor, rows, nulls),
        Physical::Int8 => plain::<Int8Type>(cursor, rows, nulls),
        Physical::Int16 => plain::<Int16Type>(cursor, rows, nulls),
        Physical::Int32 => plain::<Int32Type>(cursor, rows, nulls),
        Physical::Int64 => plain::<Int64Type>(cursor, rows, nulls),
        Physical::Float32 if *inner == DataType::BFloat16 => brain_floats(cursor, rows, nulls),
        Physical::Float32 => plain::<Float32Type>(cursor, rows, nulls),
        Physical::Float64 => plain::<Float64Type>(cursor, rows, nulls),
        Physical::Int128 => read_128_bits(cursor, inner, rows, nulls),
        Physical::Bytes => {
            let mut strings = BytesBuilder::default();
            for _ in 0..rows {
                strings.push(read_binary_string(cursor, settings.max_value_bytes)?);
            }
            Ok(Arc::new(strings.finish(nulls)?))
        }
        Physical::Fixed(length) => {
            let bytes = take_bytes(cursor, length.saturating_mul(rows))?;
            let values = fixed_values(bytes, inner);
            let array = FixedSizeBinaryArray::try_new(length as i32, values, nulls);
            Ok(Arc::new(array.map_err(broken)?))
        }
        Physical::List => read_lists(cursor, inner, prefix, rows, nulls, settings),
        Physical::Struct => read_tuple(cursor, inner, prefix, rows, nulls, settings),
    }
}

fn read_128_bits(
    cursor: &mut Cursor<'_>,
    data_type: &DataType,
    rows: usize,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let bytes = take_bytes(cursor, rows.saturating_mul(16))?;
    let (chunks, _) = bytes.as_chunks::<16>();
    let values: Vec<i128> = match data_type {
        DataType::Uuid => chunks.iter().map(|c| uuid_from_wire(*c)).collect(),
        DataType::Ipv6 => chunks.iter().map(|c| i128::from_be_bytes(*c)).collect(),
        _ => chunks.iter().map(|c| i128::from_le_bytes(*c)).collect(),
    };
    let array = PrimitiveArray::<Decimal128Type>::new(values.into(), nulls);
    Ok(Arc::new(array.with_data_type(ArrowType::Decimal128(38, 0))))
}

fn brain_floats(
    cursor: &mut Cursor<'_>,
    rows: usize,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let bytes = take_bytes(cursor, rows.saturating_mul(2))?;
    let values = bytes.as_chunks::<2>().0.iter().map(|chunk| brain_from_wire(*chunk));
    let values: Vec<f32> = values.collect();
    Ok(Arc::new(PrimitiveArray::<Float32Type>::new(values.into(), nulls)))
}

/// The bytes of values of a fixed length as they lie in memory.
fn fixed_values(bytes: &[u8], data_type: &DataType) -> Buffer {
    let Some(signed) = data_type.wide_sign() else { return Buffer::from(bytes) };
    let (chunks, _) = bytes.as_chunks::<{ wide::BYTES }>();
    let ordered = chunks.iter().map(|chunk| wide::from_little(*chunk, signed));
    Buffer::from_vec(ordered.flatten().collect::<Vec<u8>>())
}

/// Tuples: their columns one after another.
fn read_tuple(
    cursor: &mut Cursor<'_>,
    inner: &DataType,
    prefix: &Prefix,
    rows: usize,
    nulls: Option<NullBuffer>,
    settings: &FormatSettings,
) -> Result<ArrayRef> {
    let DataType::Tuple(fields) = inner else {
        return Err(Error::logical("a struct that is no tuple"));
    };
    if fields.is_empty() {
        take_bytes(cursor, rows)?;
    }
    let mut columns = Vec::new();
    for (at, field) in fields.iter().enumerate() {
        columns.push(read_values(cursor, &field.data_type, prefix.part(at), rows, settings)?);
    }
    let ArrowType::Struct(fields) = inner.arrow_type() else {
        return Err(Error::logical("a tuple whose layout is no struct"));
    };
    let array = StructArray::try_new_with_length(fields, columns, nulls, rows);
    Ok(Arc::new(array.map_err(broken)?))
}

/// Arrays or maps: where the items of each end, then all items.
fn read_lists(
    cursor: &mut Cursor<'_>,
    data_type: &DataType,
    prefix: &Prefix,
    rows: usize,
    nulls: Option<NullBuffer>,
    settings: &FormatSettings,
) -> Result<ArrayRef> {
    let mut offsets = Vec::with_capacity(rows.min(1 << 20) + 1);
    offsets.push(0_i32);
    let bytes = take_bytes(cursor, rows.saturating_mul(8))?;
    let mut last = 0;
    for chunk in bytes.as_chunks::<8>().0 {
        let end = u64::from_le_bytes(*chunk);
        let end = i32::try_from(end).ok().filter(|end| *end >= last);
        let Some(end) = end else {
            bail!(IncorrectData, "Array offsets must grow and stay below 2^31");
        };
        offsets.push(end);
        last = end;
    }
    let (Some(item), ArrowType::List(field)) = (data_type.list_item(), data_type.arrow_type())
    else {
        return Err(Error::logical("an array whose layout is no list"));
    };
    let items = read_values(cursor, &item, prefix.items(), last as usize, settings)?;
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    Ok(Arc::new(ListArray::try_new(field, offsets, items, nulls).map_err(broken)?))
}

/// LowCardinality: keys and positions.
fn read_keys(
    cursor: &mut Cursor<'_>,
    inner: &DataType,
    rows: usize,
    settings: &FormatSettings,
) -> Result<ArrayRef> {
    const NEED_GLOBAL_DICTIONARY: u64 = 1 << 8;
    if rows == 0 {
        return types::default_array(inner, 0);
    }
    let flags = read_u64(cursor)?;
    if flags & NEED_GLOBAL_DICTIONARY != 0 {
        bail!(IncorrectData, "LowCardinality with a dictionary of all blocks is not supported");
    }
    let count = read_u64(cursor)?;
    if count > u64::from(u32::MAX) {
        bail!(IncorrectData, "Too many keys of LowCardinality: {count}");
    }
    let (key_type, nullable) = match inner {
        DataType::Nullable(key) => (&**key, true),
        other => (other, false),
    };
    let keys = read_values(cursor, key_type, Prefix::none(), count as usize, settings)?;
    let positions = read_u64(cursor)?;
    if positions != rows as u64 {
        bail!(IncorrectData, "LowCardinality has {positions} rows where {rows} are expected");
    }
    let width = 1_usize << (flags & 3);
    let bytes = take_bytes(cursor, rows.saturating_mul(width))?;
    let mut codes = Vec::with_capacity(rows);
    for chunk in bytes.chunks_exact(width) {
        let mut wide = [0_u8; 8];
        wide[..width].copy_from_slice(chunk);
        let code = u64::from_le_bytes(wide);
        if code >= count {
            bail!(IncorrectData, "Position {code} in LowCardinality of {count} keys");
        }
        codes.push(code as u32);
    }
    let nulls = nullable.then(|| codes.iter().map(|code| *code != 0).collect::<NullBuffer>());
    let codes = UInt32Array::new(codes.into(), nulls.filter(|nulls| nulls.null_count() > 0));
    arrow_select::take::take(&keys, &codes, None).map_err(broken)
}
