//! `CAST` and its relatives, and reading the bytes of one type as another.

use std::sync::Arc;

use arrow_array::builder::BinaryViewBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, FixedSizeBinaryArray};
use arrow_buffer::Buffer;
use base::{Error, Result, bail, error};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration, Nulls};
use types::{Column, DataType, Physical, Value, array_from_values, wide};

use super::parse::text_at;
use super::targets::or_default;
use super::{Mode, conversion_as};
use crate::scalar::lane::{Kind, Lane, argument, with_lane};

pub(crate) const FUNCTIONS: &[FunctionDeclaration] = declare! { "Type conversion";
    "CAST" | "_CAST" any_case true (2, 2) "CAST(x, 'type'), CAST(x AS type), x::type"
        "The value as another type; integers wrap around, texts that are wrong are errors, or NULL where the type is nullable."
        "SELECT CAST('42', 'UInt8'), CAST(300 AS UInt8), CAST('x' AS Nullable(UInt8))" => "42\t44\t\\N"; bind_cast, nulls: Nulls::Custom,
        of_clob: Some(|c, a| bind_cast(c, a).map(Some));
    "_castToCommon" (2, 2) "_castToCommon(x, 'type')"
        "The value as a type that holds the values of several, as UNION makes it; days that DateTime does not hold are its last."
        "SELECT _castToCommon(toDate('2149-06-06'), 'DateTime')" => "2106-02-06 00:00:00";
        |c, a| bind_cast_as(c, a, Mode::Common), nulls: Nulls::Custom,
        of_clob: Some(|c, a| bind_cast_as(c, a, Mode::Common).map(Some));
    "accurateCast" (2, 2) "accurateCast(x, 'type')"
        "The value as another type; a value that the type does not hold is an error."
        "SELECT accurateCast(42, 'UInt8')" => "42"; |c, a| bind_accurate(c, a, Mode::Accurate), nulls: Nulls::Custom;
    "accurateCastOrNull" (2, 2) "accurateCastOrNull(x, 'type')"
        "The value as another type; NULL where the type does not hold it."
        "SELECT accurateCastOrNull(300, 'UInt8')" => "\\N"; |c, a| bind_accurate(c, a, Mode::OrNull), nulls: Nulls::Custom;
    "accurateCastOrDefault" (2, 3) "accurateCastOrDefault(x, 'type'[, default])"
        "The value as another type; where the type does not hold it the default given, or the type's."
        "SELECT accurateCastOrDefault(300, 'UInt8')" => "0"; bind_or_default, nulls: Nulls::Custom;
    "reinterpret" (2, 2) "reinterpret(x, 'type')" "The bytes of a value read as another type."
        "SELECT reinterpret(toFloat32(1), 'UInt32')" => "1065353216"; bind_reinterpret;
    "reinterpretAsUInt8" (1, 1) "reinterpretAsUInt8(x)" "The bytes of a value read as UInt8."
        "SELECT reinterpretAsUInt8('a')" => "97"; |_, a| reinterpret(a, DataType::UInt8);
    "reinterpretAsUInt16" (1, 1) "reinterpretAsUInt16(x)" "The bytes of a value read as UInt16."
        "SELECT reinterpretAsUInt16('ab')" => "25185"; |_, a| reinterpret(a, DataType::UInt16);
    "reinterpretAsUInt32" (1, 1) "reinterpretAsUInt32(x)" "The bytes of a value read as UInt32."
        "SELECT reinterpretAsUInt32('abcd')" => "1684234849"; |_, a| reinterpret(a, DataType::UInt32);
    "reinterpretAsUInt64" (1, 1) "reinterpretAsUInt64(x)" "The bytes of a value read as UInt64."
        "SELECT reinterpretAsUInt64('a')" => "97"; |_, a| reinterpret(a, DataType::UInt64);
    "reinterpretAsUInt128" (1, 1) "reinterpretAsUInt128(x)" "The bytes of a value read as UInt128."
        "SELECT reinterpretAsUInt128('a')" => "97"; |_, a| reinterpret(a, DataType::UInt128);
    "reinterpretAsUInt256" (1, 1) "reinterpretAsUInt256(x)" "The bytes of a value read as UInt256."
        "SELECT reinterpretAsUInt256('a')" => "97"; |_, a| reinterpret(a, DataType::UInt256);
    "reinterpretAsInt8" (1, 1) "reinterpretAsInt8(x)" "The bytes of a value read as Int8."
        "SELECT reinterpretAsInt8('a')" => "97"; |_, a| reinterpret(a, DataType::Int8);
    "reinterpretAsInt16" (1, 1) "reinterpretAsInt16(x)" "The bytes of a value read as Int16."
        "SELECT reinterpretAsInt16('ab')" => "25185"; |_, a| reinterpret(a, DataType::Int16);
    "reinterpretAsInt32" (1, 1) "reinterpretAsInt32(x)" "The bytes of a value read as Int32."
        "SELECT reinterpretAsInt32('abcd')" => "1684234849"; |_, a| reinterpret(a, DataType::Int32);
    "reinterpretAsInt64" (1, 1) "reinterpretAsInt64(x)" "The bytes of a value read as Int64."
        "SELECT reinterpretAsInt64('ab')" => "25185"; |_, a| reinterpret(a, DataType::Int64);
    "reinterpretAsInt128" (1, 1) "reinterpretAsInt128(x)" "The bytes of a value read as Int128."
        "SELECT reinterpretAsInt128('a')" => "97"; |_, a| reinterpret(a, DataType::Int128);
    "reinterpretAsInt256" (1, 1) "reinterpretAsInt256(x)" "The bytes of a value read as Int256."
        "SELECT reinterpretAsInt256('a')" => "97"; |_, a| reinterpret(a, DataType::Int256);
    "reinterpretAsFloat32" (1, 1) "reinterpretAsFloat32(x)" "The bytes of a value read as Float32."
        "SELECT reinterpretAsFloat32(toUInt32(1065353216))" => "1"; |_, a| reinterpret(a, DataType::Float32);
    "reinterpretAsFloat64" (1, 1) "reinterpretAsFloat64(x)" "The bytes of a value read as Float64."
        "SELECT reinterpretAsFloat64('12345678')" => "6.821320051701325e-38"; |_, a| reinterpret(a, DataType::Float64);
    "reinterpretAsDate" (1, 1) "reinterpretAsDate(x)" "The bytes of a value read as days."
        "SELECT reinterpretAsDate('ab')" => "2038-12-15"; |_, a| reinterpret(a, DataType::Date);
    "reinterpretAsDateTime" (1, 1) "reinterpretAsDateTime(x)" "The bytes of a value read as seconds."
        "SELECT toUInt32(reinterpretAsDateTime('abcd'))" => "1684234849"; |_, a| reinterpret(a, DataType::DateTime(None));
    "reinterpretAsUUID" (1, 1) "reinterpretAsUUID(x)" "The bytes of a value read as UUID."
        "SELECT reinterpretAsUUID('0123456789abcdef')" => "37363534-3332-3130-6665-646362613938"; |_, a| reinterpret(a, DataType::Uuid);
    "reinterpretAsString" (1, 1) "reinterpretAsString(x)"
        "The bytes of a value as a string, without zeros at the end."
        "SELECT reinterpretAsString(1684234849)" => "abcd"; |_, a| reinterpret(a, DataType::String);
    "reinterpretAsFixedString" (1, 1) "reinterpretAsFixedString(x)" "The bytes of a value as a FixedString."
        "SELECT reinterpretAsFixedString(toUInt32(1684234849))" => "abcd"; bind_reinterpret_fixed;
};

/// The type that a constant argument names.
pub(crate) fn named_type(arguments: &[Argument], at: usize, function: &str) -> Result<DataType> {
    let constant = arguments.get(at).and_then(|a| a.constant.as_ref());
    let Some(name) = constant.and_then(Value::as_str) else {
        bail!(
            IllegalTypeOfArgument,
            "Argument {} of function {function} must be a constant string that names a type",
            at + 1
        );
    };
    DataType::parse(name)
}

fn bind_cast(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    bind_cast_as(context, arguments, Mode::Wrap)
}

fn bind_cast_as(context: &FunctionContext, arguments: &[Argument], mode: Mode) -> Result<Bound> {
    let mut to = named_type(arguments, 1, "CAST")?;
    let from = &arguments[0].data_type;
    if context.flag("cast_keep_nullable") && from.is_nullable() && !from.is_tagged() {
        to = to.nullable();
    }
    let to = in_zone_of(from, to);
    if let Some(parse) = super::tagged::inferred(context, from, &to) {
        return Ok(Bound::new(to, move |columns, _| {
            Ok(Column::Flat(parse(&argument(columns, 0)?.to_flat()?)?))
        }));
    }
    let convert = conversion_as(context, from, &to, mode)?;
    Ok(Bound::new(to, move |columns, rows| convert(argument(columns, 0)?, rows)))
}

/// A type of times without a zone takes that of the times which it is made from.
pub(super) fn in_zone_of(from: &DataType, to: DataType) -> DataType {
    let (DataType::DateTime(Some(zone)) | DataType::DateTime64(_, Some(zone))) = from.inner()
    else {
        return to;
    };
    match to {
        DataType::Nullable(inner) => in_zone_of(from, inner.as_ref().clone()).nullable(),
        DataType::DateTime(None) => DataType::DateTime(Some(*zone)),
        DataType::DateTime64(precision, None) => DataType::DateTime64(precision, Some(*zone)),
        other => other,
    }
}

fn bind_accurate(context: &FunctionContext, arguments: &[Argument], mode: Mode) -> Result<Bound> {
    let mut to = named_type(arguments, 1, "accurateCast")?;
    let from = &arguments[0].data_type;
    if mode == Mode::OrNull || (context.flag("cast_keep_nullable") && from.is_nullable()) {
        to = to.nullable();
    }
    let convert = conversion_as(context, from, &to, mode)?;
    Ok(Bound::new(to, move |columns, rows| convert(argument(columns, 0)?, rows)))
}

fn bind_or_default(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let to = named_type(arguments, 1, "accurateCastOrDefault")?;
    or_default(context, arguments, to, 2)
}

/// Bytes of a value of fixed width; `None` for types that have none.
fn width_of(data_type: &DataType) -> Option<usize> {
    Some(match data_type.physical() {
        _ if *data_type.inner() == DataType::BFloat16 => 2,
        Physical::UInt8 | Physical::Int8 => 1,
        Physical::UInt16 | Physical::Int16 => 2,
        Physical::UInt32 | Physical::Int32 | Physical::Float32 => 4,
        Physical::UInt64 | Physical::Int64 | Physical::Float64 => 8,
        Physical::Int128 => 16,
        Physical::Fixed(width) => width,
        _ => return None,
    })
}

/// ClickHouse keeps the halves of a UUID in an order of its own.
fn swap_halves(value: u128) -> u128 {
    value.rotate_right(64)
}

fn bind_reinterpret(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let to = named_type(arguments, 1, "reinterpret")?;
    reinterpret(arguments, to)
}

fn bind_reinterpret_fixed(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let from = &arguments[0].data_type;
    let Some(width) = width_of(from) else {
        return Err(crate::scalar::number_type::illegal(from, "reinterpretAsFixedString"));
    };
    reinterpret(arguments, DataType::FixedString(width))
}

fn reinterpret(arguments: &[Argument], to: DataType) -> Result<Bound> {
    let from = arguments[0].data_type.clone();
    let can = |t: &DataType| width_of(t).is_some() || *t == DataType::String;
    if !can(&from) || !can(&to) || to.is_nullable() {
        return Err(error!(
            IllegalTypeOfArgument,
            "Cannot reinterpret {from} as {to}: both must be of fixed width or String"
        ));
    }
    if let (Some(a), Some(b)) = (width_of(&from), width_of(&to))
        && a > b
        && !from.is_string()
        && matches!(to, DataType::FixedString(_))
    {
        bail!(
            IllegalTypeOfArgument,
            "Cannot reinterpret {from} as {to}: it has {a} bytes, the target {b}"
        );
    }
    let return_type = to.clone();
    Ok(Bound::new(return_type, move |columns, _| {
        let column = argument(columns, 0)?;
        Ok(match column {
            Column::Constant { value, len } => {
                Column::Constant { value: reread(value, &from, &to)?, len: *len }
            }
            other => Column::Flat(reread(&other.to_flat()?, &from, &to)?),
        })
    }))
}

fn reread(array: &ArrayRef, from: &DataType, to: &DataType) -> Result<ArrayRef> {
    let rows = array.len();
    let mut bytes: Vec<u8> = Vec::new();
    match to {
        DataType::String => {
            let mut out = BinaryViewBuilder::with_capacity(rows);
            for row in 0..rows {
                bytes.clear();
                append(array, from, row, &mut bytes)?;
                if !from.is_string() {
                    let end = bytes.iter().rposition(|b| *b != 0).map_or(0, |at| at + 1);
                    bytes.truncate(end);
                }
                out.append_value(&bytes);
            }
            Ok(Arc::new(out.finish()))
        }
        DataType::FixedString(width) => {
            types::bound_fixed(*width, rows)?;
            for row in 0..rows {
                let start = bytes.len();
                append(array, from, row, &mut bytes)?;
                bytes.resize(start + width, 0);
            }
            let width = i32::try_from(*width).map_err(|e| Error::logical(e.to_string()))?;
            let array = FixedSizeBinaryArray::try_new(width, Buffer::from(bytes), None)
                .map_err(|e| Error::logical(e.to_string()))?;
            Ok(Arc::new(array))
        }
        _ => {
            let width = width_of(to).unwrap_or(0);
            let mut values = Vec::with_capacity(rows);
            for row in 0..rows {
                bytes.clear();
                append(array, from, row, &mut bytes)?;
                bytes.resize(width, 0);
                values.push(value_of(&bytes, to));
            }
            array_from_values(to, &values)
        }
    }
}

/// Appends the bytes of a value, little-endian.
fn append(array: &ArrayRef, from: &DataType, row: usize, out: &mut Vec<u8>) -> Result<()> {
    match from {
        DataType::String => out.extend_from_slice(text_at(array, row)),
        DataType::FixedString(_) => out.extend_from_slice(array.as_fixed_size_binary().value(row)),
        _ => {
            let kind = Kind::require(from)?;
            let uuid = *from == DataType::Uuid;
            let skipped = if *from == DataType::BFloat16 { 2 } else { 0 };
            with_lane!(kind, T => {
                let one = array.slice(row, 1);
                if let Some(value) = T::view(&one)?.first() {
                    if uuid {
                        let halves = u128::view(&one)?.first().copied().unwrap_or_default();
                        out.extend_from_slice(&swap_halves(halves).to_le_bytes());
                    } else {
                        out.extend_from_slice(&value.to_le_bytes()[skipped..]);
                    }
                }
            });
        }
    }
    Ok(())
}

/// A value from so many bytes as its type has.
fn value_of(bytes: &[u8], to: &DataType) -> Value {
    if let Some(signed) = to.wide_sign() {
        let mut wide = [0; wide::BYTES];
        let width = bytes.len().min(wide::BYTES);
        wide[..width].copy_from_slice(&bytes[..width]);
        return wide::value(wide::from_little(wide, signed));
    }
    let mut wide = [0_u8; 16];
    let width = bytes.len().min(16);
    wide[..width].copy_from_slice(&bytes[..width]);
    let unsigned = u128::from_le_bytes(wide);
    match to.physical() {
        Physical::Float32 if *to == DataType::BFloat16 => {
            Value::Float(f64::from(f32::from_bits((unsigned as u32) << 16)))
        }
        Physical::Float32 => Value::Float(f64::from(f32::from_bits(unsigned as u32))),
        Physical::Float64 => Value::Float(f64::from_bits(unsigned as u64)),
        Physical::Int8 => Value::Int(i128::from(unsigned as i8)),
        Physical::Int16 => Value::Int(i128::from(unsigned as i16)),
        Physical::Int32 => Value::Int(i128::from(unsigned as i32)),
        Physical::Int64 => Value::Int(i128::from(unsigned as i64)),
        _ if *to == DataType::Uuid => Value::Int(swap_halves(unsigned) as i128),
        _ => Value::Int(unsigned as i128),
    }
}
