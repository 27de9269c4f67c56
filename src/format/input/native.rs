//! Native in; see `output/native.rs` for the layout. Inserts come without block info and may
//! hold LowCardinality columns:
//!
//! ```text
//! prefix   UInt64 1 (the version of keys), before the column's values, once
//! values   UInt64 flags (low byte: width of the positions, 0 to 3 for 1 to 8 bytes)
//!          UInt64 count, keys without NULLs; UInt64 rows, a position a row
//!          of a Nullable type key 0 stands for NULL
//! ```

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
use types::{Block, Column, DataType, Physical, Schema, wide};

use super::row_binary::is_cut;
use super::source::{Arrived, ByteSource};
use super::{BlockReader, InputBlock};
use crate::FormatSettings;
use crate::binary::{brain_from_wire, uuid_from_wire};
use crate::convert::{Converted, convert};
use crate::text::{BytesBuilder, Cursor, read_binary_string, read_varint, take_bytes, visible};

/// A column of a block as it was sent.
struct SentColumn {
    name: Vec<u8>,
    data_type: DataType,
    values: ArrayRef,
}

pub(crate) struct NativeReader {
    arrived: Arrived,
    wanted: Schema,
    settings: FormatSettings,
    rows: u64,
    failed: bool,
}

impl NativeReader {
    pub(crate) fn new(
        source: Box<dyn ByteSource>,
        wanted: &Schema,
        settings: &FormatSettings,
    ) -> NativeReader {
        NativeReader {
            arrived: Arrived::new(source, settings.max_document_bytes),
            wanted: wanted.clone(),
            settings: settings.clone(),
            rows: 0,
            failed: false,
        }
    }

    fn next_block(&mut self) -> Result<Option<InputBlock>> {
        loop {
            if !self.arrived.rest().is_empty() {
                let mut cursor = Cursor::new(self.arrived.rest());
                match read_block(&mut cursor, &self.settings) {
                    Ok((columns, rows)) => {
                        let read = cursor.position();
                        self.arrived.advance(read);
                        if rows == 0 {
                            continue;
                        }
                        self.rows += rows as u64;
                        return self.arrange(columns, rows).map(Some);
                    }
                    Err(error) if is_cut(&error) && !self.arrived.has_ended() => {}
                    Err(error) => {
                        let rows = self.rows;
                        let message = error.message();
                        return Err(Error::new(
                            error.code(),
                            format!("{message} (in the block after row {rows})"),
                        ));
                    }
                }
            }
            if !self.arrived.refill("A block")? && self.arrived.rest().is_empty() {
                return Ok(None);
            }
        }
    }

    /// The columns that are wanted, in their types.
    fn arrange(&self, mut sent: Vec<SentColumn>, rows: usize) -> Result<InputBlock> {
        let settings = &self.settings;
        let mut columns = Vec::with_capacity(self.wanted.len());
        let mut defaulted = Vec::with_capacity(self.wanted.len());
        for field in self.wanted.fields() {
            let at = sent.iter().position(|column| column.name == field.name.as_bytes());
            let Some(at) = at else {
                columns.push(Column::Flat(types::default_array(&field.data_type, rows)?));
                defaulted.push(Some(arrow_buffer::BooleanBuffer::new_set(rows)));
                continue;
            };
            let column = sent.swap_remove(at);
            let converted = convert(&column.values, &column.data_type, &field.data_type, settings);
            let Converted { array, defaulted: holes } = converted.map_err(|e| {
                Error::new(e.code(), format!("{} (column {})", e.message(), field.name))
            })?;
            columns.push(Column::Flat(array));
            defaulted.push(holes);
        }
        if let Some(column) = sent.first()
            && !settings.input_format_skip_unknown_fields
        {
            bail!(IncorrectData, "Unknown column with name {} found", visible(&column.name));
        }
        if defaulted.iter().all(Option::is_none) {
            defaulted.clear();
        }
        Ok(InputBlock { block: Block::new(columns, rows), defaulted })
    }
}

impl BlockReader for NativeReader {
    fn next(&mut self) -> Result<Option<InputBlock>> {
        if self.failed {
            return Ok(None);
        }
        let block = self.next_block();
        self.failed = block.is_err();
        block
    }
}

/// Reads one block.
fn read_block(
    cursor: &mut Cursor<'_>,
    settings: &FormatSettings,
) -> Result<(Vec<SentColumn>, usize)> {
    const MOST: u64 = 1 << 31;
    let columns = read_varint(cursor)?;
    let rows = read_varint(cursor)?;
    if columns > 100_000 || rows >= MOST {
        bail!(
            IncorrectData,
            "Suspiciously many columns or rows in a block of Native format: {columns}, {rows}"
        );
    }
    let rows = rows as usize;
    let mut sent = Vec::new();
    for _ in 0..columns {
        let name = read_binary_string(cursor, 1 << 20)?.to_vec();
        let type_name = read_binary_string(cursor, 1 << 20)?;
        let Ok(type_name) = std::str::from_utf8(type_name) else {
            bail!(IncorrectData, "The name of a type is not UTF-8: {}", visible(type_name));
        };
        let data_type = DataType::parse(type_name)?;
        let values = if rows == 0 {
            types::default_array(&data_type, 0)?
        } else {
            read_prefix(cursor, &data_type)?;
            read_values(cursor, &data_type, rows, settings)?
        };
        sent.push(SentColumn { name, data_type, values });
    }
    Ok((sent, rows))
}

/// Names and types of the columns of the first block.
pub(crate) fn header(
    cursor: &mut Cursor<'_>,
    settings: &FormatSettings,
) -> Result<Vec<(String, DataType)>> {
    let (columns, _) = read_block(cursor, settings)?;
    let named = columns.into_iter();
    Ok(named.map(|c| (String::from_utf8_lossy(&c.name).into_owned(), c.data_type)).collect())
}

fn read_u64(cursor: &mut Cursor<'_>) -> Result<u64> {
    let bytes = take_bytes(cursor, 8)?;
    Ok(bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes)))
}

/// Reads what stands before the values of a column: the versions of its LowCardinality parts.
fn read_prefix(cursor: &mut Cursor<'_>, data_type: &DataType) -> Result<()> {
    match data_type {
        DataType::LowCardinality(_) => match read_u64(cursor)? {
            1 => Ok(()),
            other => bail!(IncorrectData, "Invalid version for LowCardinality keys: {other}"),
        },
        DataType::Nullable(inner) => read_prefix(cursor, inner),
        DataType::Array(item) => read_prefix(cursor, item),
        DataType::Map(pair) => {
            read_prefix(cursor, &pair.0)?;
            read_prefix(cursor, &pair.1)
        }
        DataType::Tuple(fields) => {
            fields.iter().try_for_each(|field| read_prefix(cursor, &field.data_type))
        }
        _ => Ok(()),
    }
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

fn broken(error: arrow_schema::ArrowError) -> Error {
    Error::logical(format!("native column: {error}"))
}

/// Reads the values of a column.
fn read_values(
    cursor: &mut Cursor<'_>,
    data_type: &DataType,
    rows: usize,
    settings: &FormatSettings,
) -> Result<ArrayRef> {
    match data_type {
        DataType::LowCardinality(inner) => return read_keys(cursor, inner, rows, settings),
        DataType::SimpleAggregateFunction(simple) => {
            return read_values(cursor, &simple.1, rows, settings);
        }
        DataType::Geo(kind) => return read_values(cursor, kind.base(), rows, settings),
        DataType::Variant(_) | DataType::Dynamic(_) | DataType::Json(_) => {
            bail!(NotImplemented, "Values of {data_type} cannot be read in Native format yet")
        }
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
        Physical::Int128 => {
            let bytes = take_bytes(cursor, rows.saturating_mul(16))?;
            let (chunks, _) = bytes.as_chunks::<16>();
            let values: Vec<i128> = match inner {
                DataType::Uuid => chunks.iter().map(|c| uuid_from_wire(*c)).collect(),
                DataType::Ipv6 => chunks.iter().map(|c| i128::from_be_bytes(*c)).collect(),
                _ => chunks.iter().map(|c| i128::from_le_bytes(*c)).collect(),
            };
            let array = PrimitiveArray::<Decimal128Type>::new(values.into(), nulls);
            Ok(Arc::new(array.with_data_type(ArrowType::Decimal128(38, 0))))
        }
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
        Physical::List => read_lists(cursor, inner, rows, nulls, settings),
        Physical::Struct => read_tuple(cursor, inner, rows, nulls, settings),
    }
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
    for field in fields.iter() {
        columns.push(read_values(cursor, &field.data_type, rows, settings)?);
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
    let items = read_values(cursor, &item, last as usize, settings)?;
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
    let keys = read_values(cursor, key_type, count as usize, settings)?;
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
