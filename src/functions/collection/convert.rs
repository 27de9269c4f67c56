//! Arrays of one type as those of a wider one.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use base::{Error, Result};
use expr::FunctionContext;
use format::text::{ColumnParser, Escaping};
use types::{Column, DataType, default_array, least_supertype, require_supertype};

use super::lists::{Lists, tuples, with_nulls};
use crate::scalar::cast::{conversion, padded, text_settings};
use crate::text::strings::Strings;

/// The type that values of several types are compared in: their supertype, or a wide enough number.
pub(super) fn comparable(types: &[DataType]) -> Result<DataType> {
    if let Some(found) = least_supertype(types) {
        return Ok(found);
    }
    let inner: Vec<&DataType> = types.iter().map(DataType::inner).collect();
    let wide = if inner.iter().all(|t| t.is_integer() || t.is_enum())
        && inner.iter().any(|t| t.is_integer() && t.bits() <= Some(64))
    {
        // An enum is compared by its numbers.
        DataType::Int128
    } else if inner.iter().all(|t| t.is_integer() || **t == DataType::Bool) {
        match inner.iter().any(|t| t.bits() > Some(128)) {
            true => DataType::Int256,
            false => DataType::Int128,
        }
    } else if inner.iter().all(|t| t.is_number()) {
        DataType::Float64
    } else {
        return require_supertype(types);
    };
    let nullable = types.iter().any(DataType::is_nullable);
    Ok(if nullable { wide.nullable() } else { wide })
}

/// The values as those of a type that holds them all.
pub(super) fn convert(
    context: &FunctionContext,
    array: &ArrayRef,
    from: &DataType,
    to: &DataType,
) -> Result<ArrayRef> {
    let (bare_from, bare_to) = (from.inner(), to.inner());
    if bare_from == bare_to {
        return Ok(array.clone());
    }
    if to.is_tagged() {
        let column = Column::Flat(array.clone());
        return conversion(context, from, to)?(&column, array.len())?.to_flat();
    }
    let nulls = array.nulls().cloned();
    if *bare_from == DataType::Nothing {
        let array = default_array(bare_to, array.len())?;
        return if nulls.is_some() { with_nulls(&array, nulls) } else { Ok(array) };
    }
    match (bare_from, bare_to) {
        (DataType::Array(from), DataType::Array(to)) => {
            let mut lists = Lists::of_array(array)?;
            lists.items = convert(context, &lists.items, from, to)?;
            lists.column(to)?.to_flat()
        }
        (DataType::Map(_), DataType::Map(_)) => {
            let (from, to) = match (bare_from.list_item(), bare_to.list_item()) {
                (Some(from), Some(to)) => (from, to),
                _ => return Err(Error::logical("a map without items")),
            };
            let mut lists = Lists::of_array(array)?;
            lists.items = convert(context, &lists.items, &from, &to)?;
            lists.column(&to)?.to_flat()
        }
        (DataType::Tuple(from), DataType::Tuple(to)) if from.len() == to.len() => {
            let parts: Vec<ArrayRef> = array
                .as_struct()
                .columns()
                .iter()
                .zip(from.iter().zip(to.iter()))
                .map(|(part, (from, to))| convert(context, part, &from.data_type, &to.data_type))
                .collect::<Result<_>>()?;
            let types: Vec<DataType> = to.iter().map(|f| f.data_type.clone()).collect();
            tuples(&types, parts, array.len())
        }
        _ => convert_plain(context, array, bare_from, bare_to),
    }
}

/// As `convert`, for looking up: the zeros at the end of a FixedString are part of it among strings.
pub(super) fn convert_to_find(
    context: &FunctionContext,
    array: &ArrayRef,
    from: &DataType,
    to: &DataType,
) -> Result<ArrayRef> {
    match (from.inner(), to.inner()) {
        (DataType::FixedString(_), DataType::String) => padded(array),
        _ => convert(context, array, from, to),
    }
}

fn convert_plain(
    context: &FunctionContext,
    array: &ArrayRef,
    from: &DataType,
    to: &DataType,
) -> Result<ArrayRef> {
    let time = |t: &DataType| t.is_date() || t.is_datetime();
    let wide = |t: &DataType| t.wide_sign().is_some();
    let numbers = (wide(from) || wide(to)) && from.is_number() && to.is_number();
    let flag = *from == DataType::Bool && matches!(to, DataType::Decimal { .. });
    let named = flag || (from.is_enum() || *from == DataType::Ipv4) && to.is_number();
    if (time(from) && time(to)) || numbers || named {
        let column = Column::Flat(array.clone());
        let (from, to) = (from.clone().nullable(), to.clone().nullable());
        return conversion(context, &from, &to)?(&column, array.len())?.to_flat();
    }
    let plain = |t: &DataType| t.is_integer() || t.is_float() || *t == DataType::Bool;
    // Bits of UInt128 above the sign are no number to arrow.
    let whole = |t: &DataType| *t != DataType::UInt128 || !to.is_float();
    if (plain(from) && plain(to) && whole(from)) || from.physical() == to.physical() && plain(from)
    {
        return arrow_cast::cast(array, &to.arrow_type())
            .map_err(|e| Error::logical(format!("convert {from} to {to}: {e}")));
    }
    by_text(context, array, from, to)
}

/// By way of the texts, for types that seldom meet.
fn by_text(
    context: &FunctionContext,
    array: &ArrayRef,
    from: &DataType,
    to: &DataType,
) -> Result<ArrayRef> {
    let settings = text_settings(context);
    let texts = format::text::array_to_text(array, from, &settings)?;
    if *to == DataType::String {
        return Ok(texts);
    }
    let strings = Strings::of_array(texts.as_ref())?;
    let mut parser = ColumnParser::new(to, &settings);
    for row in 0..array.len() {
        if array.is_null(row) {
            parser.push_default();
        } else {
            parser.push_text(strings.get(row), Escaping::Raw, &settings)?;
        }
    }
    with_nulls(&parser.finish()?, array.nulls().cloned())
}
