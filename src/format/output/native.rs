//! Native out: blocks of columns, each column's values together.
//!
//! ```text
//! block    [01 00 02 FF FF FF FF 00 where the client names a version]
//!          varint columns, varint rows, then for each column:
//! column   name, type [00 from version 54454], values
//! values   as in RowBinary without lengths of their own, but:
//!          Nullable(T)   a byte a row, 1 for NULL; then all values of T
//!          Array, Map    a UInt64 a row, where its items end; then all items
//!          Tuple         its columns one after another
//! ```
//!
//! LowCardinality is written as its inner type, which is what the header says too. Variant, Dynamic and JSON: see
//! `native/part.rs`.

mod object;
mod part;
mod several;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_buffer::ToByteSlice;
use base::{Result, bail};
use types::{Block, DataType, Physical, Schema};

use self::part::{Layout, Part, Version, has_several_types};
use super::{BlockWriter, Statistics, flat};
use crate::FormatSettings;
use crate::binary::{
    brain_to_wire, layout, native, uuid_to_wire, wide_to_wire, write_string, write_varint,
};
use crate::declaration::FormatDeclaration;
use crate::type_code::write_type;

/// The version from which each column says how it is serialized.
const WITH_SERIALIZATION: u64 = 54_454;

/// The version from which Dynamic and JSON no longer say how much they may keep apart.
const WITHOUT_LIMITS: u64 = 54_473;

struct Native {
    schema: Schema,
    /// Types of the columns, as they are sent.
    types: Vec<Vec<u8>>,
    version: u64,
    layout: Layout,
}

/// The writer of the format.
pub(crate) fn make(
    _: &FormatDeclaration,
    schema: &Schema,
    settings: &FormatSettings,
) -> Result<Box<dyn BlockWriter>> {
    let version = settings.client_protocol_version;
    let mut types = Vec::new();
    for field in schema.fields() {
        let sent = field.data_type.without_low_cardinality();
        let mut bytes = Vec::new();
        match sent {
            sent if settings.output_format_native_encode_types_in_binary_format => {
                write_type(&sent, &mut bytes)?;
            }
            // Clients of version 0 know no zones here; anywhere else they get them.
            DataType::DateTime(_) if version == 0 => write_string(b"DateTime", &mut bytes),
            sent => write_string(sent.to_string().as_bytes(), &mut bytes),
        }
        types.push(bytes);
    }
    let version_of_types =
        match settings.output_format_native_use_flattened_dynamic_and_json_serialization {
            true => Version::Flattened,
            false if version < WITHOUT_LIMITS => Version::WithLimits,
            false => Version::Plain,
        };
    let layout = Layout { version: version_of_types, settings: settings.clone() };
    Ok(Box::new(Native { schema: schema.clone(), types, version, layout }))
}

impl BlockWriter for Native {
    fn write(&mut self, block: &Block, out: &mut Vec<u8>) -> Result<()> {
        if block.rows() == 0 {
            return Ok(());
        }
        if self.version > 0 {
            out.extend_from_slice(&[1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0]);
        }
        write_varint(block.columns().len() as u64, out);
        write_varint(block.rows() as u64, out);
        let arrays = flat(block)?;
        for ((array, field), type_name) in arrays.iter().zip(self.schema.fields()).zip(&self.types)
        {
            write_string(field.name.as_bytes(), out);
            out.extend_from_slice(type_name);
            if self.version >= WITH_SERIALIZATION {
                out.push(0);
            }
            if !has_several_types(&field.data_type) {
                encode_column(array, &field.data_type, out)?;
                continue;
            }
            let part = Part::new(array, &field.data_type, false, &self.layout)?;
            part.prefix(&self.layout, out)?;
            part.values(out)?;
        }
        Ok(())
    }

    fn totals(&mut self, _: &Block) -> Result<()> {
        Ok(())
    }

    fn extremes(&mut self, _: &Block) -> Result<()> {
        Ok(())
    }

    fn finish(&mut self, _: &Statistics, _: &mut Vec<u8>) -> Result<()> {
        Ok(())
    }
}

/// Appends the values of a column.
///
/// # Errors
/// NOT_IMPLEMENTED for states of aggregate functions, LOGICAL_ERROR for a wrong layout.
fn encode_column(array: &dyn Array, data_type: &DataType, out: &mut Vec<u8>) -> Result<()> {
    if data_type.is_nullable() {
        encode_nulls(array, out);
    }
    let inner = data_type.inner();
    if let DataType::AggregateFunction(_) = inner {
        bail!(NotImplemented, "States of aggregate functions cannot be written: {data_type}");
    }
    encode_values(array, inner, out)
}

/// Appends a byte a row, 1 for NULL.
fn encode_nulls(array: &dyn Array, out: &mut Vec<u8>) {
    match array.nulls() {
        Some(nulls) => out.extend(nulls.iter().map(|valid| u8::from(!valid))),
        None => out.resize(out.len() + array.len(), 0),
    }
}

/// Appends where the items of each row end, and gives the items.
fn encode_ends(array: &dyn Array, out: &mut Vec<u8>) -> Result<ArrayRef> {
    let list = array.as_list_opt::<i32>().ok_or_else(|| layout(array))?;
    let offsets: &[i32] = list.value_offsets();
    let first = offsets.first().copied().unwrap_or(0);
    let last = offsets.last().copied().unwrap_or(0);
    for end in offsets.iter().skip(1) {
        out.extend_from_slice(&((end - first) as u64).to_le_bytes());
    }
    Ok(list.values().slice(first as usize, (last - first) as usize))
}

fn encode_values(array: &dyn Array, inner: &DataType, out: &mut Vec<u8>) -> Result<()> {
    fn plain<T: ArrowPrimitiveType>(array: &dyn Array, out: &mut Vec<u8>) -> Result<()> {
        // All machines that this runs on are little-endian, as the format is.
        out.extend_from_slice(native::<T>(array)?.to_byte_slice());
        Ok(())
    }
    match inner.physical() {
        Physical::UInt8 if *inner == DataType::Nothing => {
            out.resize(out.len() + array.len(), b'0');
            Ok(())
        }
        Physical::UInt8 => plain::<UInt8Type>(array, out),
        Physical::UInt16 => plain::<UInt16Type>(array, out),
        Physical::UInt32 => plain::<UInt32Type>(array, out),
        Physical::UInt64 => plain::<UInt64Type>(array, out),
        Physical::Int8 => plain::<Int8Type>(array, out),
        Physical::Int16 => plain::<Int16Type>(array, out),
        Physical::Int32 => plain::<Int32Type>(array, out),
        Physical::Int64 => plain::<Int64Type>(array, out),
        Physical::Float32 if *inner == DataType::BFloat16 => {
            let numbers = native::<Float32Type>(array)?;
            out.extend(numbers.iter().flat_map(|number| brain_to_wire(*number)));
            Ok(())
        }
        Physical::Float32 => plain::<Float32Type>(array, out),
        Physical::Float64 => plain::<Float64Type>(array, out),
        Physical::Int128 => {
            for number in native::<Decimal128Type>(array)? {
                out.extend_from_slice(&match inner {
                    DataType::Uuid => uuid_to_wire(*number),
                    DataType::Ipv6 => number.to_be_bytes(),
                    _ => number.to_le_bytes(),
                });
            }
            Ok(())
        }
        Physical::Bytes => {
            let strings = array.as_binary_view_opt().ok_or_else(|| layout(array))?;
            for row in 0..strings.len() {
                let text = if strings.is_null(row) { &[] } else { strings.value(row) };
                write_string(text, out);
            }
            Ok(())
        }
        Physical::Fixed(length) => {
            let strings = array.as_fixed_size_binary_opt().ok_or_else(|| layout(array))?;
            for row in 0..strings.len() {
                match strings.is_null(row) {
                    true => out.resize(out.len() + length, 0),
                    false => match inner.wide_sign() {
                        Some(signed) => {
                            out.extend_from_slice(&wide_to_wire(strings.value(row), signed));
                        }
                        None => out.extend_from_slice(strings.value(row)),
                    },
                }
            }
            Ok(())
        }
        Physical::List | Physical::Struct => encode_composite(array, inner, out),
    }
}

fn encode_composite(array: &dyn Array, inner: &DataType, out: &mut Vec<u8>) -> Result<()> {
    match inner.physical() {
        Physical::List => {
            let items = encode_ends(array, out)?;
            let item = inner.list_item().ok_or_else(|| layout(array))?;
            encode_column(&items, &item, out)
        }
        Physical::Struct => {
            let parts = array.as_struct_opt().ok_or_else(|| layout(array))?;
            let DataType::Tuple(fields) = inner else { return Err(layout(array)) };
            if fields.is_empty() {
                out.resize(out.len() + array.len(), b'0');
            }
            let mut items = fields.iter().zip(parts.columns());
            items.try_for_each(|(field, part)| encode_column(part, &field.data_type, out))
        }
        _ => Err(layout(array)),
    }
}
