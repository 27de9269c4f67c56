//! Single values as bytes, as RowBinary and Native lay them out.
//!
//! ```text
//! integers, floats, dates, enums, decimals   little-endian, as wide as the type
//! Bool                                       one byte
//! String                                     varint length, bytes
//! FixedString(N)                             N bytes
//! UUID                                       two little-endian 64-bit halves, the high one first
//! IPv6                                       16 bytes in network order
//! Nullable(T)                                one byte, 1 for NULL; then T unless NULL
//! Array(T)                                   varint count, items
//! Map(K, V)                                  varint count, keys and values in turn
//! Tuple(...)                                 the items
//! Variant(...), Dynamic, JSON                see `binary/typed.rs`
//! ```

mod typed;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, BinaryViewArray, FixedSizeBinaryArray};
use arrow_buffer::NullBuffer;
use base::{Error, Result, bail};
use types::{DataType, Physical, wide};

use crate::FormatSettings;

use typed::ObjectBytes;
pub(crate) use typed::{Mark, TypedBytes};

/// Appends a number of 7 bits a byte, lowest first, the high bit telling that more follow.
pub(crate) fn write_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends a string with its length.
pub(crate) fn write_string(text: &[u8], out: &mut Vec<u8>) {
    write_varint(text.len() as u64, out);
    out.extend_from_slice(text);
}

/// A UUID's number as its 16 bytes on the wire.
pub(crate) fn uuid_to_wire(number: i128) -> [u8; 16] {
    (number as u128).rotate_left(64).to_le_bytes()
}

/// A UUID's number of its 16 bytes on the wire.
pub(crate) fn uuid_from_wire(bytes: [u8; 16]) -> i128 {
    u128::from_le_bytes(bytes).rotate_left(64) as i128
}

/// A number of 256 bits as it lies in memory as its 32 bytes on the wire.
pub(crate) fn wide_to_wire(bytes: &[u8], signed: bool) -> [u8; wide::BYTES] {
    let mut ordered = [0; wide::BYTES];
    ordered.copy_from_slice(bytes);
    wide::to_little(ordered, signed)
}

/// One column, ready to write any of its values.
pub(crate) struct ColumnBytes<'a> {
    nulls: Option<&'a NullBuffer>,
    nullable: bool,
    values: Bytes<'a>,
}

enum Bytes<'a> {
    One(&'a [u8]),
    OneSigned(&'a [i8]),
    Two(&'a [u16]),
    TwoSigned(&'a [i16]),
    Four(&'a [u32]),
    FourSigned(&'a [i32]),
    Eight(&'a [u64]),
    EightSigned(&'a [i64]),
    Sixteen(&'a [i128]),
    Uuid(&'a [i128]),
    Network(&'a [i128]),
    Brain(&'a [f32]),
    Float(&'a [f32]),
    Double(&'a [f64]),
    Strings(&'a BinaryViewArray),
    Fixed(&'a FixedSizeBinaryArray),
    /// 256 bits, with a sign or without.
    Wide(&'a FixedSizeBinaryArray, bool),
    /// With what tells their types.
    Typed(TypedBytes),
    Objects(Box<ObjectBytes>),
    List(&'a [i32], Box<ColumnBytes<'a>>),
    Struct(Vec<ColumnBytes<'a>>),
}

/// The values of a primitive array.
pub(crate) fn native<T: ArrowPrimitiveType>(array: &dyn Array) -> Result<&[T::Native]> {
    match array.as_primitive_opt::<T>() {
        Some(array) => Ok(array.values()),
        None => Err(layout(array)),
    }
}

/// A BFloat16 as its two bytes.
pub(crate) fn brain_to_wire(number: f32) -> [u8; 2] {
    ((number.to_bits() >> 16) as u16).to_le_bytes()
}

/// A BFloat16 of its two bytes.
pub(crate) fn brain_from_wire(bytes: [u8; 2]) -> f32 {
    f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16)
}

/// The error that an array is not of its type's layout.
pub(crate) fn layout(array: &dyn Array) -> Error {
    Error::logical(format!("a column of layout {} is not of its type", array.data_type()))
}

impl<'a> Bytes<'a> {
    /// Values of which the column's type tells all.
    fn of_one_type(
        array: &'a dyn Array,
        inner: &DataType,
        settings: &FormatSettings,
    ) -> Result<Bytes<'a>> {
        Ok(match inner.physical() {
            Physical::UInt8 => Bytes::One(native::<UInt8Type>(array)?),
            Physical::UInt16 => Bytes::Two(native::<UInt16Type>(array)?),
            Physical::UInt32 => Bytes::Four(native::<UInt32Type>(array)?),
            Physical::UInt64 => Bytes::Eight(native::<UInt64Type>(array)?),
            Physical::Int8 => Bytes::OneSigned(native::<Int8Type>(array)?),
            Physical::Int16 => Bytes::TwoSigned(native::<Int16Type>(array)?),
            Physical::Int32 => Bytes::FourSigned(native::<Int32Type>(array)?),
            Physical::Int64 => Bytes::EightSigned(native::<Int64Type>(array)?),
            Physical::Int128 => {
                let numbers = native::<Decimal128Type>(array)?;
                match inner {
                    DataType::Uuid => Bytes::Uuid(numbers),
                    DataType::Ipv6 => Bytes::Network(numbers),
                    _ => Bytes::Sixteen(numbers),
                }
            }
            Physical::Float32 if *inner == DataType::BFloat16 => {
                Bytes::Brain(native::<Float32Type>(array)?)
            }
            Physical::Float32 => Bytes::Float(native::<Float32Type>(array)?),
            Physical::Float64 => Bytes::Double(native::<Float64Type>(array)?),
            Physical::Bytes => {
                Bytes::Strings(array.as_binary_view_opt().ok_or_else(|| layout(array))?)
            }
            Physical::Fixed(_) => {
                let values = array.as_fixed_size_binary_opt().ok_or_else(|| layout(array))?;
                match inner.wide_sign() {
                    Some(signed) => Bytes::Wide(values, signed),
                    None => Bytes::Fixed(values),
                }
            }
            Physical::List => {
                let list = array.as_list_opt::<i32>().ok_or_else(|| layout(array))?;
                let item = inner.list_item().ok_or_else(|| layout(array))?;
                let items = ColumnBytes::new(list.values(), &item, settings)?;
                Bytes::List(list.value_offsets(), Box::new(items))
            }
            Physical::Struct => {
                let parts = array.as_struct_opt().ok_or_else(|| layout(array))?;
                let DataType::Tuple(fields) = inner else { return Err(layout(array)) };
                let items = fields.iter().zip(parts.columns());
                Bytes::Struct(
                    items
                        .map(|(field, part)| ColumnBytes::new(part, &field.data_type, settings))
                        .collect::<Result<_>>()?,
                )
            }
        })
    }
}

impl<'a> ColumnBytes<'a> {
    pub(crate) fn new(
        array: &'a dyn Array,
        data_type: &DataType,
        settings: &FormatSettings,
    ) -> Result<ColumnBytes<'a>> {
        let inner = data_type.inner();
        let values = match inner {
            DataType::Variant(members) => {
                Bytes::Typed(TypedBytes::new(array, &Mark::Number(members), settings)?)
            }
            DataType::Dynamic(_) => Bytes::Typed(TypedBytes::new(array, &Mark::Code, settings)?),
            DataType::Json(_) if settings.output_format_binary_write_json_as_string => {
                Bytes::Typed(TypedBytes::texts(array, inner, settings)?)
            }
            DataType::Json(paths) => {
                Bytes::Objects(Box::new(ObjectBytes::new(array, paths, settings)?))
            }
            DataType::AggregateFunction(_) => bail!(
                NotImplemented,
                "States of aggregate functions cannot be written: {data_type}"
            ),
            _ => Bytes::of_one_type(array, inner, settings)?,
        };
        let nullable = data_type.is_nullable() && !inner.is_tagged();
        Ok(ColumnBytes { nulls: array.nulls(), nullable, values })
    }

    /// Appends the value of a row.
    pub(crate) fn write(&self, row: usize, out: &mut Vec<u8>) {
        if self.nullable {
            let null = self.nulls.is_some_and(|n| n.is_null(row));
            out.push(u8::from(null));
            if null {
                return;
            }
        }
        match &self.values {
            Bytes::One(v) => out.push(v[row]),
            Bytes::OneSigned(v) => out.push(v[row] as u8),
            Bytes::Two(v) => out.extend_from_slice(&v[row].to_le_bytes()),
            Bytes::TwoSigned(v) => out.extend_from_slice(&v[row].to_le_bytes()),
            Bytes::Four(v) => out.extend_from_slice(&v[row].to_le_bytes()),
            Bytes::FourSigned(v) => out.extend_from_slice(&v[row].to_le_bytes()),
            Bytes::Eight(v) => out.extend_from_slice(&v[row].to_le_bytes()),
            Bytes::EightSigned(v) => out.extend_from_slice(&v[row].to_le_bytes()),
            Bytes::Sixteen(v) => out.extend_from_slice(&v[row].to_le_bytes()),
            Bytes::Uuid(v) => out.extend_from_slice(&uuid_to_wire(v[row])),
            Bytes::Network(v) => out.extend_from_slice(&v[row].to_be_bytes()),
            Bytes::Brain(v) => out.extend_from_slice(&brain_to_wire(v[row])),
            Bytes::Float(v) => out.extend_from_slice(&v[row].to_le_bytes()),
            Bytes::Double(v) => out.extend_from_slice(&v[row].to_le_bytes()),
            Bytes::Strings(strings) => write_string(strings.value(row), out),
            Bytes::Fixed(strings) => out.extend_from_slice(strings.value(row)),
            Bytes::Wide(numbers, signed) => {
                out.extend_from_slice(&wide_to_wire(numbers.value(row), *signed));
            }
            Bytes::Typed(values) => out.extend_from_slice(values.value(row)),
            Bytes::Objects(objects) => objects.write(row, out),
            Bytes::List(offsets, items) => {
                let (from, to) = (offsets[row] as usize, offsets[row + 1] as usize);
                write_varint((to - from) as u64, out);
                (from..to).for_each(|row| items.write(row, out));
            }
            Bytes::Struct(items) => items.iter().for_each(|item| item.write(row, out)),
        }
    }
}
