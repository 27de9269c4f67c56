//! The values of one column as text. The column's array and type are looked into once, so that
//! a value then costs one `match`.

use std::cell::RefCell;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, BinaryViewArray, FixedSizeBinaryArray};
use arrow_buffer::NullBuffer;
use base::{Error, Result};
use types::{DataType, EnumValues, I256, U256, wide};

use super::Escaping;
use super::decimal::{write_wide, write_wide_decimal};
use super::instant::{Zone, write_date, write_instant};
use super::network::{write_ipv4, write_ipv6, write_uuid};
use super::number::{write_decimal, write_f32, write_f64, write_integer};
use super::{clock, composite, escape, objects, tagged_text};
use crate::FormatSettings;

/// One column, ready to write any of its values.
#[derive(Debug)]
pub(crate) struct ColumnText<'a> {
    nulls: Option<&'a NullBuffer>,
    pub(super) values: Values<'a>,
}

/// The values by what their text looks like.
#[derive(Debug)]
pub(super) enum Values<'a> {
    Nothing,
    UInt8(&'a [u8]),
    UInt16(&'a [u16]),
    UInt32(&'a [u32]),
    UInt64(&'a [u64]),
    UInt128(&'a [i128]),
    UInt256(Vec<U256>),
    Int8(&'a [i8]),
    Int16(&'a [i16]),
    Int32(&'a [i32]),
    Int64(&'a [i64]),
    Int128(&'a [i128]),
    Int256(Vec<I256>),
    Float32(&'a [f32]),
    Float64(&'a [f64]),
    Bool(&'a [u8]),
    Decimal32(&'a [i32], u8),
    Decimal64(&'a [i64], u8),
    Decimal128(&'a [i128], u8),
    Decimal256(Vec<I256>, u8),
    Bytes(&'a BinaryViewArray),
    Fixed(&'a FixedSizeBinaryArray),
    Date(&'a [u16]),
    Date32(&'a [i32]),
    DateTime(&'a [u32], RefCell<Zone>),
    DateTime64(&'a [i64], u8, RefCell<Zone>),
    Time(&'a [i32]),
    Time64(&'a [i64], u8),
    Enum8(&'a [i8], &'a EnumValues),
    Enum16(&'a [i16], &'a EnumValues),
    Uuid(&'a [i128]),
    Ipv4(&'a [u32]),
    Ipv6(&'a [i128]),
    Tagged(&'a BinaryViewArray),
    Objects { offsets: &'a [i32], paths: &'a BinaryViewArray, values: &'a BinaryViewArray },
    Array { offsets: &'a [i32], item: Box<ColumnText<'a>> },
    Map { offsets: &'a [i32], key: Box<ColumnText<'a>>, value: Box<ColumnText<'a>> },
    Tuple { names: Vec<Option<&'a str>>, items: Vec<ColumnText<'a>> },
}

fn native<T: ArrowPrimitiveType>(array: &dyn Array) -> Result<&[T::Native]> {
    match array.as_primitive_opt::<T>() {
        Some(array) => Ok(array.values()),
        None => Err(layout(array)),
    }
}

fn layout(array: &dyn Array) -> Error {
    Error::logical(format!("a column of layout {} is not of its type", array.data_type()))
}

impl<'a> ColumnText<'a> {
    /// Looks into an array of the type's layout.
    ///
    /// # Errors
    /// LOGICAL_ERROR when the array is of another layout.
    pub(crate) fn new(
        array: &'a dyn Array,
        data_type: &'a DataType,
        settings: &FormatSettings,
    ) -> Result<ColumnText<'a>> {
        let values = match data_type {
            DataType::Nullable(inner) | DataType::LowCardinality(inner) => {
                return ColumnText::new(array, inner, settings);
            }
            DataType::SimpleAggregateFunction(simple) => {
                return ColumnText::new(array, &simple.1, settings);
            }
            DataType::Geo(kind) => return ColumnText::new(array, kind.base(), settings),
            DataType::Array(_) | DataType::Map(_) | DataType::Tuple(_) | DataType::Json(_) => {
                Self::composite(array, data_type, settings)?
            }
            scalar => Self::scalar(array, scalar, settings)?,
        };
        Ok(ColumnText { nulls: array.nulls().filter(|n| n.null_count() > 0), values })
    }

    fn scalar(
        array: &'a dyn Array,
        data_type: &'a DataType,
        settings: &FormatSettings,
    ) -> Result<Values<'a>> {
        let zone = |zone: &Option<types::TimeZone>| {
            RefCell::new(Zone::new(zone.unwrap_or(settings.time_zone)))
        };
        Ok(match data_type {
            DataType::UInt8 => Values::UInt8(native::<UInt8Type>(array)?),
            DataType::UInt16 => Values::UInt16(native::<UInt16Type>(array)?),
            DataType::UInt32 => Values::UInt32(native::<UInt32Type>(array)?),
            DataType::UInt64 => Values::UInt64(native::<UInt64Type>(array)?),
            DataType::UInt128 => Values::UInt128(native::<Decimal128Type>(array)?),
            DataType::UInt256 => Values::UInt256(wide::numbers(array)?),
            DataType::Int256 => Values::Int256(wide::numbers(array)?),
            DataType::Int8 => Values::Int8(native::<Int8Type>(array)?),
            DataType::Int16 => Values::Int16(native::<Int16Type>(array)?),
            DataType::Int32 => Values::Int32(native::<Int32Type>(array)?),
            DataType::Int64 | DataType::Interval(_) => Values::Int64(native::<Int64Type>(array)?),
            DataType::Int128 => Values::Int128(native::<Decimal128Type>(array)?),
            DataType::BFloat16 | DataType::Float32 => {
                Values::Float32(native::<Float32Type>(array)?)
            }
            DataType::Float64 => Values::Float64(native::<Float64Type>(array)?),
            DataType::Bool => Values::Bool(native::<UInt8Type>(array)?),
            DataType::Decimal { precision: 0..=9, scale } => {
                Values::Decimal32(native::<Int32Type>(array)?, *scale)
            }
            DataType::Decimal { precision: 10..=18, scale } => {
                Values::Decimal64(native::<Int64Type>(array)?, *scale)
            }
            DataType::Decimal { precision: 39.., scale } => {
                Values::Decimal256(wide::numbers(array)?, *scale)
            }
            DataType::Decimal { scale, .. } => {
                Values::Decimal128(native::<Decimal128Type>(array)?, *scale)
            }
            DataType::FixedString(_) => {
                Values::Fixed(array.as_fixed_size_binary_opt().ok_or_else(|| layout(array))?)
            }
            DataType::Date => Values::Date(native::<UInt16Type>(array)?),
            DataType::Date32 => Values::Date32(native::<Int32Type>(array)?),
            DataType::DateTime(at) => Values::DateTime(native::<UInt32Type>(array)?, zone(at)),
            DataType::DateTime64(precision, at) => {
                Values::DateTime64(native::<Int64Type>(array)?, *precision, zone(at))
            }
            DataType::Time => Values::Time(native::<Int32Type>(array)?),
            DataType::Time64(precision) => Values::Time64(native::<Int64Type>(array)?, *precision),
            DataType::Enum8(names) => Values::Enum8(native::<Int8Type>(array)?, names),
            DataType::Enum16(names) => Values::Enum16(native::<Int16Type>(array)?, names),
            DataType::Uuid => Values::Uuid(native::<Decimal128Type>(array)?),
            DataType::Ipv4 => Values::Ipv4(native::<UInt32Type>(array)?),
            DataType::Ipv6 => Values::Ipv6(native::<Decimal128Type>(array)?),
            DataType::Variant(_) | DataType::Dynamic(_) => {
                Values::Tagged(array.as_binary_view_opt().ok_or_else(|| layout(array))?)
            }
            DataType::Nothing => Values::Nothing,
            _ => Values::Bytes(array.as_binary_view_opt().ok_or_else(|| layout(array))?),
        })
    }

    fn composite(
        array: &'a dyn Array,
        data_type: &'a DataType,
        settings: &FormatSettings,
    ) -> Result<Values<'a>> {
        if let DataType::Tuple(fields) = data_type {
            let parts = array.as_struct_opt().ok_or_else(|| layout(array))?;
            let items = fields.iter().zip(parts.columns());
            return Ok(Values::Tuple {
                names: fields.iter().map(|f| f.name.as_deref()).collect(),
                items: items
                    .map(|(field, part)| ColumnText::new(part, &field.data_type, settings))
                    .collect::<Result<_>>()?,
            });
        }
        let list = array.as_list_opt::<i32>().ok_or_else(|| layout(array))?;
        let offsets: &[i32] = list.value_offsets();
        Ok(match data_type {
            DataType::Map(pair) => {
                let entries = list.values().as_struct_opt().ok_or_else(|| layout(array))?;
                let [keys, values] = entries.columns() else { return Err(layout(array)) };
                Values::Map {
                    offsets,
                    key: Box::new(ColumnText::new(keys, &pair.0, settings)?),
                    value: Box::new(ColumnText::new(values, &pair.1, settings)?),
                }
            }
            DataType::Json(_) => {
                let entries = list.values().as_struct_opt().ok_or_else(|| layout(array))?;
                let [paths, values] = entries.columns() else { return Err(layout(array)) };
                Values::Objects {
                    offsets,
                    paths: paths.as_binary_view_opt().ok_or_else(|| layout(array))?,
                    values: values.as_binary_view_opt().ok_or_else(|| layout(array))?,
                }
            }
            DataType::Array(item) => Values::Array {
                offsets,
                item: Box::new(ColumnText::new(list.values(), item, settings)?),
            },
            _ => return Err(layout(array)),
        })
    }

    /// Whether a row is NULL.
    #[inline]
    pub(crate) fn is_null(&self, row: usize) -> bool {
        matches!(self.values, Values::Nothing) || self.nulls.is_some_and(|n| n.is_null(row))
    }

    /// Whether the values are tuples whose fields have names.
    pub(crate) fn is_named_tuple(&self) -> bool {
        matches!(&self.values, Values::Tuple { names, .. }
            if !names.is_empty() && names.iter().all(Option::is_some))
    }

    /// Appends the value of a row.
    pub(crate) fn write(
        &self,
        row: usize,
        escaping: Escaping,
        settings: &FormatSettings,
        out: &mut Vec<u8>,
    ) {
        if self.is_null(row) {
            let text: &[u8] = match escaping {
                Escaping::Raw => "ᴺᵁᴸᴸ".as_bytes(),
                Escaping::TabSeparated => settings.format_tsv_null_representation.as_bytes(),
                Escaping::Csv => settings.format_csv_null_representation.as_bytes(),
                Escaping::Quoted => b"NULL",
                Escaping::Json => b"null",
                Escaping::Xml => b"\\N",
            };
            return out.extend_from_slice(text);
        }
        match &self.values {
            Values::Bytes(strings) => {
                write_string(strings.value(row), escaping, settings, out);
            }
            Values::Fixed(strings) => {
                write_string(strings.value(row), escaping, settings, out);
            }
            Values::Enum8(numbers, names) => {
                write_enum(i16::from(numbers[row]), names, escaping, settings, out);
            }
            Values::Enum16(numbers, names) => {
                write_enum(numbers[row], names, escaping, settings, out);
            }
            Values::Tagged(values) => {
                tagged_text::write(values.value(row), escaping, settings, out);
            }
            Values::Objects { offsets, paths, values } => {
                let rows = offsets[row] as usize..offsets[row + 1] as usize;
                let entries = rows.map(|at| (paths.value(at), values.value(at)));
                if escaping == Escaping::Json {
                    return objects::write(entries, settings, out);
                }
                let mut text = Vec::new();
                objects::write(entries, settings, &mut text);
                write_string(&text, escaping, settings, out);
            }
            Values::Array { .. } | Values::Map { .. } | Values::Tuple { .. } => {
                composite::write(self, row, escaping, settings, out);
            }
            Values::Date(_)
            | Values::Date32(_)
            | Values::DateTime(..)
            | Values::DateTime64(..)
            | Values::Time(_)
            | Values::Time64(..)
            | Values::Uuid(_)
            | Values::Ipv4(_)
            | Values::Ipv6(_) => {
                let quote = match escaping {
                    Escaping::Quoted => Some(b'\''),
                    Escaping::Csv | Escaping::Json => Some(b'"'),
                    _ => None,
                };
                out.extend(quote);
                self.write_plain(row, settings, out);
                out.extend(quote);
            }
            _ if escaping == Escaping::Json => self.write_json_number(row, settings, out),
            _ => self.write_plain(row, settings, out),
        }
    }

    /// Numbers in JSON: some in quotes, those that JSON does not know as null.
    fn write_json_number(&self, row: usize, settings: &FormatSettings, out: &mut Vec<u8>) {
        let finite = match &self.values {
            Values::Float32(numbers) => numbers[row].is_finite(),
            Values::Float64(numbers) => numbers[row].is_finite(),
            _ => true,
        };
        if !finite && !settings.output_format_json_quote_denormals {
            return out.extend_from_slice(b"null");
        }
        let quoted = !finite
            || match &self.values {
                Values::UInt64(_)
                | Values::Int64(_)
                | Values::UInt128(_)
                | Values::Int128(_)
                | Values::UInt256(_)
                | Values::Int256(_) => settings.output_format_json_quote_64bit_integers,
                Values::Float64(_) => settings.output_format_json_quote_64bit_floats,
                Values::Decimal32(..)
                | Values::Decimal64(..)
                | Values::Decimal128(..)
                | Values::Decimal256(..) => settings.output_format_json_quote_decimals,
                _ => false,
            };
        if quoted {
            out.push(b'"');
        }
        self.write_plain(row, settings, out);
        if quoted {
            out.push(b'"');
        }
    }

    /// Appends a value that is neither string nor composite, without quotes.
    fn write_plain(&self, row: usize, settings: &FormatSettings, out: &mut Vec<u8>) {
        let zeros = settings.output_format_decimal_trailing_zeros;
        let style = settings.date_time_output_format;
        match &self.values {
            Values::UInt8(numbers) => write_integer(numbers[row], out),
            Values::UInt16(numbers) => write_integer(numbers[row], out),
            Values::UInt32(numbers) => write_integer(numbers[row], out),
            Values::UInt64(numbers) => write_integer(numbers[row], out),
            Values::UInt128(numbers) => write_integer(numbers[row] as u128, out),
            Values::Int8(numbers) => write_integer(numbers[row], out),
            Values::Int16(numbers) => write_integer(numbers[row], out),
            Values::Int32(numbers) => write_integer(numbers[row], out),
            Values::Int64(numbers) => write_integer(numbers[row], out),
            Values::Int128(numbers) => write_integer(numbers[row], out),
            Values::UInt256(numbers) => write_wide(numbers[row], out),
            Values::Int256(numbers) => write_wide(numbers[row], out),
            Values::Float32(numbers) => write_f32(numbers[row], out),
            Values::Float64(numbers) => write_f64(numbers[row], out),
            Values::Bool(bits) => {
                out.extend_from_slice(if bits[row] == 0 { b"false" } else { b"true" });
            }
            Values::Decimal32(numbers, scale) => {
                write_decimal(i128::from(numbers[row]), *scale, zeros, out);
            }
            Values::Decimal64(numbers, scale) => {
                write_decimal(i128::from(numbers[row]), *scale, zeros, out);
            }
            Values::Decimal128(numbers, scale) => write_decimal(numbers[row], *scale, zeros, out),
            Values::Decimal256(numbers, scale) => {
                write_wide_decimal(numbers[row], *scale, zeros, out);
            }
            Values::Date(days) => write_date(i64::from(days[row]), out),
            Values::Date32(days) => write_date(i64::from(days[row]), out),
            Values::DateTime(seconds, zone) => {
                let mut zone = zone.borrow_mut();
                write_instant(i64::from(seconds[row]), 0, &mut zone, style, out);
            }
            Values::DateTime64(ticks, precision, zone) => {
                write_instant(ticks[row], *precision, &mut zone.borrow_mut(), style, out);
            }
            Values::Time(seconds) => clock::write(i64::from(seconds[row]), 0, out),
            Values::Time64(ticks, precision) => clock::write(ticks[row], *precision, out),
            Values::Uuid(bits) => write_uuid(bits[row] as u128, out),
            Values::Ipv4(bits) => write_ipv4(bits[row], out),
            Values::Ipv6(bits) => write_ipv6(bits[row] as u128, out),
            _ => {}
        }
    }

    /// Appends the value of a row for use as the key of a JSON object.
    pub(super) fn write_json_key(&self, row: usize, settings: &FormatSettings, out: &mut Vec<u8>) {
        let mut text = Vec::new();
        self.write(row, Escaping::Raw, settings, &mut text);
        let slashes = settings.output_format_json_escape_forward_slashes;
        escape::write_json(&text, slashes, out);
    }
}

fn write_enum(
    number: i16,
    names: &EnumValues,
    escaping: Escaping,
    settings: &FormatSettings,
    out: &mut Vec<u8>,
) {
    match names.name(number) {
        Some(name) => write_string(name.as_bytes(), escaping, settings, out),
        None => write_integer(number, out),
    }
}

/// Appends a string.
pub(crate) fn write_string(
    text: &[u8],
    escaping: Escaping,
    settings: &FormatSettings,
    out: &mut Vec<u8>,
) {
    match escaping {
        Escaping::Raw => out.extend_from_slice(text),
        Escaping::TabSeparated => escape::write_backslashed(text, out),
        Escaping::Quoted => escape::write_quoted(text, out),
        Escaping::Csv => escape::write_csv(text, out),
        Escaping::Xml => escape::write_xml(text, out),
        Escaping::Json => {
            let slashes = settings.output_format_json_escape_forward_slashes;
            if settings.output_format_json_validate_utf8 {
                let valid = String::from_utf8_lossy(text);
                return escape::write_json(valid.as_bytes(), slashes, out);
            }
            escape::write_json(text, slashes, out);
        }
    }
}
