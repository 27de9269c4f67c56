//! Columns of any type from values of JSON, one level of nesting after another.

use std::sync::Arc;

use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, ListArray, PrimitiveArray, StructArray, make_array,
};
use arrow_buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use base::{Error, Result, bail};
use format::FormatSettings;
use format::text::{ColumnParser, Escaping};
use types::{DataType, TupleField, item_field, struct_fields};

use super::super::strings::BytesBuilder;
use super::value::{Json, Kind, decode};

/// A value a row; `None` where there is none.
pub(super) type Values<'a> = [Option<Json<'a>>];

/// An array of a type: defaults where a value is missing or does not fit.
///
/// # Errors
/// ILLEGAL_TYPE_OF_ARGUMENT for types that JSON cannot be read as.
pub(super) fn build(
    values: &Values<'_>,
    data_type: &DataType,
    settings: &FormatSettings,
) -> Result<ArrayRef> {
    match data_type {
        DataType::LowCardinality(inner) => build(values, inner, settings),
        DataType::Nullable(inner) => {
            let present: Vec<bool> = values.iter().map(|v| fits(*v, inner, settings)).collect();
            let array = build(values, inner, settings)?;
            let nulls = Some(NullBuffer::from(present));
            let data = array.to_data().into_builder().nulls(nulls).build();
            Ok(make_array(data.map_err(|e| Error::logical(e.to_string()))?))
        }
        DataType::UInt8 => numbers::<UInt8Type>(values, |v| integer(v)?.try_into().ok()),
        DataType::UInt16 => numbers::<UInt16Type>(values, |v| integer(v)?.try_into().ok()),
        DataType::UInt32 => numbers::<UInt32Type>(values, |v| integer(v)?.try_into().ok()),
        DataType::UInt64 => numbers::<UInt64Type>(values, |v| integer(v)?.try_into().ok()),
        DataType::Int8 => numbers::<Int8Type>(values, |v| integer(v)?.try_into().ok()),
        DataType::Int16 => numbers::<Int16Type>(values, |v| integer(v)?.try_into().ok()),
        DataType::Int32 => numbers::<Int32Type>(values, |v| integer(v)?.try_into().ok()),
        DataType::Int64 => numbers::<Int64Type>(values, |v| integer(v)?.try_into().ok()),
        DataType::Float32 => numbers::<Float32Type>(values, |v| float(v).map(|f| f as f32)),
        DataType::Float64 => numbers::<Float64Type>(values, float),
        DataType::Bool => numbers::<UInt8Type>(values, |v| boolean(v).map(u8::from)),
        DataType::String => {
            let mut out = BytesBuilder::new(values.len());
            values.iter().for_each(|v| out.append_with(|o| write_text(*v, o)));
            out.finish()
        }
        DataType::Array(item) => build_lists(values, item, settings),
        DataType::Tuple(fields) => build_tuples(values, fields, settings),
        DataType::Map(pair) if pair.0.inner().is_string() => {
            build_maps(values, data_type, settings)
        }
        other => build_parsed(values, other, settings),
    }
}

fn numbers<T: ArrowPrimitiveType>(
    values: &Values<'_>,
    f: impl Fn(Json<'_>) -> Option<T::Native>,
) -> Result<ArrayRef> {
    let numbers = values.iter().map(|v| v.and_then(&f).unwrap_or_default());
    let numbers: Vec<T::Native> = numbers.collect();
    Ok(Arc::new(PrimitiveArray::<T>::new(ScalarBuffer::from(numbers), None)))
}

/// The text of a number, or of a string in which one stands; `true` is 1.
fn digits(value: Json<'_>) -> Option<Vec<u8>> {
    match value.kind() {
        Kind::Bool => value.as_bool().map(|flag| u8::from(flag).to_string().into_bytes()),
        Kind::Number => Some(value.raw().to_vec()),
        Kind::Text => value.text(),
        _ => None,
    }
}

/// An integer; a number with a fraction loses it.
pub(super) fn integer(value: Json<'_>) -> Option<i128> {
    let text = digits(value)?;
    let text = std::str::from_utf8(&text).ok()?;
    match text.parse::<i128>() {
        Ok(number) => Some(number),
        Err(_) => {
            let number = text.parse::<f64>().ok().filter(|n| n.is_finite())?;
            (number.abs() < 1e37).then_some(number.trunc() as i128)
        }
    }
}

pub(super) fn float(value: Json<'_>) -> Option<f64> {
    std::str::from_utf8(&digits(value)?).ok()?.parse().ok()
}

/// A boolean, or a number (in a text too) as a UInt8 has it.
fn boolean(value: Json<'_>) -> Option<bool> {
    let number = || float(value).filter(|n| (0.0..=255.0).contains(n)).map(|n| n >= 1.0);
    value.as_bool().or_else(number)
}

/// What `JSONExtractBool` gives: 1 where there is `true` or a whole number that is not 0.
pub(super) fn build_flags(values: &Values<'_>) -> Result<ArrayRef> {
    numbers::<UInt8Type>(values, |v| flag(v).map(u8::from))
}

/// A boolean, or whether a whole number is not 0.
fn flag(value: Json<'_>) -> Option<bool> {
    value.as_bool().or_else(|| match value.kind() {
        Kind::Number if value.raw().iter().any(|b| matches!(b, b'.' | b'e' | b'E')) => None,
        Kind::Number => float(value).map(|n| n != 0.0),
        _ => None,
    })
}

/// A string's content; other values as they are written; nothing for null.
pub(super) fn write_text(value: Option<Json<'_>>, out: &mut Vec<u8>) {
    match value {
        Some(value) if value.kind() == Kind::Text => {
            let raw = value.raw();
            out.extend_from_slice(&decode(&raw[1..raw.len() - 1]));
        }
        Some(value) if value.kind() != Kind::Null => value.write(out),
        _ => {}
    }
}

/// Whether a value can be read as a type, for `Nullable`.
fn fits(value: Option<Json<'_>>, data_type: &DataType, settings: &FormatSettings) -> bool {
    let Some(value) = value.filter(|v| v.kind() != Kind::Null) else { return false };
    match data_type {
        DataType::Float32 | DataType::Float64 => float(value).is_some(),
        DataType::Bool => boolean(value).is_some(),
        other if other.is_integer() => integer(value).is_some_and(|number| match other.bits() {
            Some(bits @ 1..=64) if other.is_unsigned_integer() => {
                (0..1_i128 << bits).contains(&number)
            }
            Some(bits @ 1..=64) => {
                (-(1_i128 << (bits - 1))..1_i128 << (bits - 1)).contains(&number)
            }
            _ => true,
        }),
        DataType::String => true,
        other => {
            let mut parser = ColumnParser::new(other, settings);
            push_parsed(&mut parser, value, settings).is_ok()
        }
    }
}

/// Other types are read from the text that a string holds.
fn build_parsed(
    values: &Values<'_>,
    data_type: &DataType,
    settings: &FormatSettings,
) -> Result<ArrayRef> {
    if matches!(data_type, DataType::Map(_) | DataType::AggregateFunction(_) | DataType::Nothing) {
        bail!(IllegalTypeOfArgument, "JSON cannot be extracted as {data_type}");
    }
    let mut parser = ColumnParser::new(data_type, settings);
    for (row, value) in values.iter().enumerate() {
        let read = value.map(|v| push_parsed(&mut parser, v, settings));
        if !matches!(read, Some(Ok(()))) {
            parser.truncate(row);
            parser.push_default();
        }
    }
    parser.finish()
}

fn push_parsed(
    parser: &mut ColumnParser,
    value: Json<'_>,
    settings: &FormatSettings,
) -> Result<()> {
    let text = match value.kind() {
        Kind::Text => value.text().unwrap_or_default(),
        Kind::Number => value.raw().to_vec(),
        _ => bail!(IncorrectData, "a value of JSON that is no text"),
    };
    parser.push_text(&text, Escaping::Raw, settings)
}

fn list(item: &DataType, offsets: Vec<i32>, items: ArrayRef) -> Result<ArrayRef> {
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    let list = ListArray::try_new(item_field(item), offsets, items, None);
    Ok(Arc::new(list.map_err(|e| Error::logical(e.to_string()))?))
}

fn build_lists(
    values: &Values<'_>,
    item: &DataType,
    settings: &FormatSettings,
) -> Result<ArrayRef> {
    let (mut items, mut offsets) = (Vec::new(), vec![0]);
    for value in values {
        if let Some(value) = value.filter(|v| v.kind() == Kind::Array) {
            items.extend(value.items().map(|(_, item)| Some(item)));
        }
        offsets.push(items.len() as i32);
    }
    list(item, offsets, build(&items, item, settings)?)
}

fn build_tuples(
    values: &Values<'_>,
    fields: &[TupleField],
    settings: &FormatSettings,
) -> Result<ArrayRef> {
    let mut columns = Vec::with_capacity(fields.len());
    for (at, field) in fields.iter().enumerate() {
        let parts: Vec<Option<Json<'_>>> =
            values.iter().map(|v| v.and_then(|v| field_of(v, field, at))).collect();
        columns.push(build(&parts, &field.data_type, settings)?);
    }
    let arrow = struct_fields(fields.iter().map(|f| f.data_type.arrow_type()));
    let rows = values.len();
    let tuples = StructArray::try_new_with_length(arrow, columns, None, rows);
    Ok(Arc::new(tuples.map_err(|e| Error::logical(e.to_string()))?))
}

/// A field of a tuple: the member of its name, or the item at its place.
fn field_of<'a>(value: Json<'a>, field: &TupleField, at: usize) -> Option<Json<'a>> {
    match (&field.name, value.kind()) {
        (Some(name), Kind::Object) => value.member(name.as_bytes()),
        _ => value.items().nth(at).map(|(_, item)| item),
    }
}

fn build_maps(
    values: &Values<'_>,
    data_type: &DataType,
    settings: &FormatSettings,
) -> Result<ArrayRef> {
    let DataType::Map(pair) = data_type else { bail!(LogicalError, "a map that is none") };
    let mut keys = BytesBuilder::new(values.len());
    let (mut items, mut offsets) = (Vec::new(), vec![0]);
    for value in values {
        if let Some(value) = value.filter(|v| v.kind() == Kind::Object) {
            for (key, item) in value.items() {
                keys.append(&decode(key));
                items.push(Some(item));
            }
        }
        offsets.push(items.len() as i32);
    }
    let item = DataType::tuple([pair.0.clone(), pair.1.clone()]);
    let arrow = struct_fields([pair.0.arrow_type(), pair.1.arrow_type()].into_iter());
    let columns = vec![keys.finish()?, build(&items, &pair.1, settings)?];
    let pairs = StructArray::try_new(arrow, columns, None);
    list(&item, offsets, Arc::new(pairs.map_err(|e| Error::logical(e.to_string()))?))
}
