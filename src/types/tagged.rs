//! Values that bring their type along: those of Variant, Dynamic and of the paths of JSON.
//!
//! ```text
//! value    name of its type, 0, its bytes
//! bytes    integers, floats   as many bytes as they have, the highest first, so that their order is the numbers'
//!          strings            as they are; within arrays and tuples 0 becomes 0 FF, 0 0 ends them
//!          Nullable           1 and the value, or 2
//!          arrays, maps       1 before each item, 0 at the end
//!          tuples             their fields one after another
//! ```
//!
//! 1. Equal values of equal types have equal bytes, so that keys, sets and dictionaries take them as strings.
//! 2. The order of bytes is that of type names, then of values.
//! 3. A column of these is one of byte strings; NULL is its NULL.

use std::sync::Arc;

use arrow_array::builder::BinaryViewBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BinaryViewArray};
use base::{Error, Result, bail, error};

use crate::physical::{array_from_values, default_array, value_at};
use crate::{DataType, Physical, Value};

/// A value with its type.
pub fn tag(data_type: &DataType, value: &Value) -> Vec<u8> {
    let mut out = data_type.to_string().into_bytes();
    out.push(0);
    put(data_type, value, true, &mut out);
    out
}

/// The values of an array with their type; NULL stays NULL.
///
/// # Errors
/// LOGICAL_ERROR for an array of another layout.
pub fn tag_array(array: &dyn Array, data_type: &DataType) -> Result<ArrayRef> {
    let bare = match data_type {
        DataType::Nullable(inner) => inner,
        other => other,
    };
    if bare.is_tagged() {
        return Ok(array.slice(0, array.len()));
    }
    let mut prefix = bare.to_string().into_bytes();
    prefix.push(0);
    let length = prefix.len();
    let mut out = BinaryViewBuilder::with_capacity(array.len());
    for row in 0..array.len() {
        if array.is_null(row) {
            out.append_null();
            continue;
        }
        put(bare, &value_at(array, bare, row), true, &mut prefix);
        out.append_value(&prefix);
        prefix.truncate(length);
    }
    Ok(Arc::new(out.finish()))
}

fn corrupt() -> Error {
    error!(IncorrectData, "A value with its type is damaged")
}

/// The name of the type of a value.
///
/// # Errors
/// INCORRECT_DATA
pub fn type_name(tagged: &[u8]) -> Result<&str> {
    let end = tagged.iter().position(|b| *b == 0).ok_or_else(corrupt)?;
    std::str::from_utf8(&tagged[..end]).map_err(|_| corrupt())
}

/// A value and its type.
///
/// # Errors
/// INCORRECT_DATA
pub fn untag(tagged: &[u8]) -> Result<(DataType, Value)> {
    let name = type_name(tagged)?;
    let data_type = DataType::parse(name)?.without_clob();
    let value = value_of(&data_type, &tagged[name.len() + 1..])?;
    Ok((data_type, value))
}

fn value_of(data_type: &DataType, bytes: &[u8]) -> Result<Value> {
    let mut rest = bytes;
    let value = take(data_type, true, &mut rest)?;
    if rest.is_empty() { Ok(value) } else { Err(corrupt()) }
}

/// The rows of one type of a column of values with their types.
#[derive(Debug)]
pub struct Group {
    /// The type.
    pub data_type: DataType,
    /// The rows, ascending.
    pub rows: Vec<u32>,
    /// Their values.
    pub values: ArrayRef,
}

/// Types that one block may bring along.
const MOST_TYPES: usize = 10_000;

/// The rows that are not NULL by their types, in the order in which these occur.
///
/// # Errors
/// INCORRECT_DATA
pub fn groups(array: &dyn Array) -> Result<Vec<Group>> {
    let strings = strings(array)?;
    let mut found: Vec<(&str, DataType, Vec<u32>, Vec<Value>)> = Vec::new();
    let mut places: std::collections::HashMap<&str, usize> = std::collections::HashMap::new();
    for row in 0..strings.len() {
        if strings.is_null(row) {
            continue;
        }
        let bytes = strings.value(row);
        let name = type_name(bytes)?;
        let at = match places.get(name) {
            Some(at) => *at,
            None => {
                if found.len() >= MOST_TYPES {
                    bail!(TooManyColumns, "More than {MOST_TYPES} types in one block");
                }
                places.insert(name, found.len());
                found.push((name, DataType::parse(name)?.without_clob(), Vec::new(), Vec::new()));
                found.len() - 1
            }
        };
        let (name, data_type, rows, values) = &mut found[at];
        rows.push(row as u32);
        values.push(value_of(data_type, &bytes[name.len() + 1..])?);
    }
    found
        .into_iter()
        .map(|(_, data_type, rows, values)| {
            let values = array_from_values(&data_type, &values)?;
            Ok(Group { data_type, rows, values })
        })
        .collect()
}

/// The values of one type; NULL, or the default of a type without NULL, in other rows.
///
/// # Errors
/// INCORRECT_DATA
pub fn element(array: &dyn Array, data_type: &DataType) -> Result<ArrayRef> {
    let strings = strings(array)?;
    let name = data_type.to_string();
    let target = data_type.clone().nullable();
    if strings.null_count() == strings.len() {
        return default_array(&target, strings.len());
    }
    let missing = target.default_value();
    let mut values = Vec::with_capacity(strings.len());
    for row in 0..strings.len() {
        let bytes = if strings.is_null(row) { &[] } else { strings.value(row) };
        values.push(match bytes.strip_prefix(name.as_bytes()) {
            Some([0, rest @ ..]) => value_of(data_type, rest)?,
            _ => missing.clone(),
        });
    }
    array_from_values(&target, &values)
}

/// Values of a type from those of some rows each; NULL, or the type's default, in the others.
///
/// # Errors
/// LOGICAL_ERROR for arrays of other layouts.
pub fn scatter(
    rows: usize,
    pieces: Vec<(Vec<u32>, ArrayRef)>,
    data_type: &DataType,
) -> Result<ArrayRef> {
    let missing = default_array(data_type, 1)?;
    let mut places = vec![(0, 0); rows];
    for (piece, (own, _)) in pieces.iter().enumerate() {
        for (at, row) in own.iter().enumerate() {
            if let Some(place) = places.get_mut(*row as usize) {
                *place = (piece + 1, at);
            }
        }
    }
    let mut arrays: Vec<&dyn Array> = vec![missing.as_ref()];
    arrays.extend(pieces.iter().map(|(_, values)| values.as_ref()));
    arrow_select::interleave::interleave(&arrays, &places)
        .map_err(|e| Error::logical(format!("values of several types: {e}")))
}

/// The strings that values with their types lie in.
///
/// # Errors
/// LOGICAL_ERROR
pub fn strings(array: &dyn Array) -> Result<&BinaryViewArray> {
    array.as_binary_view_opt().ok_or_else(|| Error::logical("values with types of another layout"))
}

/// Bytes of a value of fixed width; `None` for others.
fn width_of(data_type: &DataType) -> Option<usize> {
    Some(match data_type.physical() {
        Physical::UInt8 | Physical::Int8 => 1,
        Physical::UInt16 | Physical::Int16 => 2,
        Physical::UInt32 | Physical::Int32 | Physical::Float32 => 4,
        Physical::UInt64 | Physical::Int64 | Physical::Float64 => 8,
        Physical::Int128 => 16,
        Physical::Fixed(width) => width,
        Physical::Bytes | Physical::List | Physical::Struct => return None,
    })
}

/// What makes the order of signed numbers that of their bits.
fn sign_of(data_type: &DataType, width: usize) -> u128 {
    let signed = match data_type.physical() {
        Physical::Int8 | Physical::Int16 | Physical::Int32 | Physical::Int64 => true,
        Physical::Int128 => !data_type.is_unsigned_128(),
        _ => false,
    };
    if signed { 1 << (8 * width - 1) } else { 0 }
}

fn put(data_type: &DataType, value: &Value, last: bool, out: &mut Vec<u8>) {
    match data_type {
        DataType::LowCardinality(inner) => return put(inner, value, last, out),
        DataType::SimpleAggregateFunction(simple) => return put(&simple.1, value, last, out),
        DataType::Nullable(inner) => {
            out.push(if value.is_null() { 2 } else { 1 });
            if !value.is_null() {
                put(inner, value, last, out);
            }
            return;
        }
        tagged if tagged.is_tagged() => out.push(if value.is_null() { 2 } else { 1 }),
        _ => {}
    }
    match value {
        Value::Null if data_type.is_tagged() => {}
        Value::Null => put(data_type, &data_type.default_value(), last, out),
        Value::Int(number) => {
            let width = width_of(data_type).unwrap_or(16);
            let bits = *number as u128 ^ sign_of(data_type, width);
            out.extend_from_slice(&bits.to_be_bytes()[16 - width.min(16)..]);
        }
        Value::Float(number) if data_type.physical() == Physical::Float32 => {
            let bits = (*number as f32).to_bits();
            let ordered = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
            out.extend_from_slice(&ordered.to_be_bytes());
        }
        Value::Float(number) => {
            let bits = number.to_bits();
            let ordered = if bits >> 63 == 1 { !bits } else { bits | 1 << 63 };
            out.extend_from_slice(&ordered.to_be_bytes());
        }
        Value::Bytes(bytes) if last || width_of(data_type).is_some() => {
            out.extend_from_slice(bytes);
        }
        Value::Bytes(bytes) => {
            for byte in bytes.iter() {
                out.push(*byte);
                if *byte == 0 {
                    out.push(0xff);
                }
            }
            out.extend_from_slice(&[0, 0]);
        }
        Value::Array(items) => {
            let item = data_type.list_item().unwrap_or(DataType::Nothing);
            for value in items.iter() {
                out.push(1);
                put(&item, value, false, out);
            }
            out.push(0);
        }
        Value::Tuple(values) => {
            if let DataType::Tuple(fields) = data_type.inner() {
                for (field, value) in fields.iter().zip(values.iter()) {
                    put(&field.data_type, value, false, out);
                }
            }
        }
    }
}

fn first(rest: &mut &[u8]) -> Result<u8> {
    let (byte, others) = rest.split_first().ok_or_else(corrupt)?;
    *rest = others;
    Ok(*byte)
}

fn take(data_type: &DataType, last: bool, rest: &mut &[u8]) -> Result<Value> {
    match data_type {
        DataType::LowCardinality(inner) => return take(inner, last, rest),
        DataType::SimpleAggregateFunction(simple) => return take(&simple.1, last, rest),
        DataType::Nullable(inner) => {
            return if first(rest)? == 2 { Ok(Value::Null) } else { take(inner, last, rest) };
        }
        tagged if tagged.is_tagged() && first(rest)? == 2 => return Ok(Value::Null),
        _ => {}
    }
    if let Some(width) = width_of(data_type) {
        let (bytes, others) = rest.split_at_checked(width).ok_or_else(corrupt)?;
        *rest = others;
        return Ok(fixed(data_type, bytes));
    }
    match data_type.physical() {
        Physical::Bytes if last => Ok(Value::from(std::mem::take(rest))),
        Physical::Bytes => {
            let mut out = Vec::new();
            loop {
                match (first(rest)?, rest.first()) {
                    (0, Some(0)) => break,
                    (0, Some(_)) => out.push(0),
                    (byte, _) => {
                        out.push(byte);
                        continue;
                    }
                }
                first(rest)?;
            }
            first(rest)?;
            Ok(Value::Bytes(out.into()))
        }
        Physical::List => {
            let item = data_type.list_item().unwrap_or(DataType::Nothing);
            let mut items = Vec::new();
            while first(rest)? == 1 {
                items.push(take(&item, false, rest)?);
            }
            Ok(Value::Array(items.into()))
        }
        _ => {
            let DataType::Tuple(fields) = data_type.inner() else { return Err(corrupt()) };
            let values = fields.iter().map(|field| take(&field.data_type, false, rest));
            Ok(Value::Tuple(values.collect::<Result<_>>()?))
        }
    }
}

fn fixed(data_type: &DataType, bytes: &[u8]) -> Value {
    let physical = data_type.physical();
    if matches!(physical, Physical::Fixed(_)) {
        return Value::from(bytes);
    }
    let mut wide = [0_u8; 16];
    wide[16 - bytes.len().min(16)..].copy_from_slice(bytes);
    let bits = u128::from_be_bytes(wide);
    match physical {
        Physical::Float32 => {
            let bits = bits as u32;
            let bits = if bits >> 31 == 0 { !bits } else { bits & !(1 << 31) };
            Value::Float(f64::from(f32::from_bits(bits)))
        }
        Physical::Float64 => {
            let bits = bits as u64;
            let bits = if bits >> 63 == 0 { !bits } else { bits & !(1 << 63) };
            Value::Float(f64::from_bits(bits))
        }
        _ => {
            let sign = sign_of(data_type, bytes.len());
            let number = bits ^ sign;
            if sign == 0 {
                return Value::Int(number as i128);
            }
            let unused = 128 - 8 * bytes.len() as u32;
            Value::Int((number << unused) as i128 >> unused)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{tag, untag};
    use crate::{DataType, Value};

    fn check(name: &str, values: &[Value]) {
        let data_type = DataType::parse(name).unwrap();
        let tagged: Vec<Vec<u8>> = values.iter().map(|value| tag(&data_type, value)).collect();
        for (bytes, value) in tagged.iter().zip(values) {
            assert_eq!(untag(bytes).unwrap(), (data_type.clone(), value.clone()));
            for end in 0..bytes.len() {
                let _ = untag(&bytes[..end]);
            }
        }
        assert!(tagged.is_sorted(), "{name}");
    }

    #[test]
    fn values_come_back_in_their_order() {
        let ints = [-5, -1, 0, 1, 100].map(Value::Int);
        for name in ["Int8", "Int64", "Int128", "Time", "Decimal(18, 3)"] {
            check(name, &ints);
        }
        check("UInt64", &[0, 1, i128::from(u64::MAX)].map(Value::Int));
        check("UInt128", &[0, 1, -1].map(Value::Int));
        let floats = [f64::NEG_INFINITY, -1.5, 0.0, 2.5, f64::INFINITY].map(Value::Float);
        check("Float64", &floats);
        check("Float32", &floats);
        let texts = ["", "\0", "\0a", "a", "a\0", "ab"].map(Value::from);
        check("String", &texts);
        let lists: Vec<Value> =
            (0..texts.len()).map(|to| Value::Array(texts[..to].into())).collect();
        check("Array(String)", &lists);
        check(
            "Array(Nullable(Int64))",
            &[Value::Array([Value::Int(1)].into()), Value::Array([Value::Null].into())],
        );
        let inner = Value::Bytes(tag(&DataType::String, &Value::from("x\0y")).into());
        check("Array(Dynamic)", &[Value::Array([inner, Value::Null].into())]);
        let pair = Value::Tuple([Value::from("a"), Value::Int(1)].into());
        check("Tuple(String, UInt8)", std::slice::from_ref(&pair));
        check("Map(String, UInt8)", &[Value::Array([pair].into())]);
    }
}
