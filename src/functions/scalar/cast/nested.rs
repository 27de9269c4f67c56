//! Arrays, tuples and maps: element by element.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, ListArray, StructArray};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{Field, Fields};
use base::{Error, Result, bail};
use expr::FunctionContext;
use types::DataType;

use super::{ArrayConversion, Mode, nullable};

/// The conversion between two nested types; `None` where there is none.
pub(super) fn conversion(
    context: &FunctionContext,
    from: &DataType,
    to: &DataType,
    mode: Mode,
    depth: usize,
) -> Result<Option<ArrayConversion>> {
    // Elements have no NULL of their own to be put, unless their type has.
    let mode = if mode == Mode::OrNull { Mode::Accurate } else { mode };
    match (from, to) {
        (DataType::Array(_) | DataType::Map(_), DataType::Array(_) | DataType::Map(_)) => {
            let (Some(source), Some(target)) = (from.list_item(), to.list_item()) else {
                return Ok(None);
            };
            let pair = |t: &DataType| matches!(t, DataType::Tuple(fields) if fields.len() == 2);
            if matches!(to, DataType::Map(_)) && !pair(&source) && source != DataType::Nothing {
                return Ok(None);
            }
            let items = nullable(context, &source, &target, mode, depth + 1)?;
            Ok(Some(Arc::new(move |array| list(array, &target, &items))))
        }
        (DataType::Tuple(source), DataType::Map(pair)) => {
            let [keys, values] = source.as_ref() else { return Ok(None) };
            let key_list = DataType::array(pair.0.clone());
            let value_list = DataType::array(pair.1.clone());
            let keys = nullable(context, &keys.data_type, &key_list, mode, depth + 1)?;
            let values = nullable(context, &values.data_type, &value_list, mode, depth + 1)?;
            let item = DataType::tuple([pair.0.clone(), pair.1.clone()]);
            Ok(Some(Arc::new(move |array| zipped(array, &item, &keys, &values))))
        }
        (DataType::Tuple(source), DataType::Tuple(target)) => {
            if source.len() != target.len() {
                bail!(
                    TypeMismatch,
                    "CAST AS Tuple can only be performed between tuple types with the same number of elements: from {from} to {to}"
                );
            }
            let fields = source
                .iter()
                .zip(target.iter())
                .map(|(a, b)| nullable(context, &a.data_type, &b.data_type, mode, depth + 1))
                .collect::<Result<Vec<_>>>()?;
            Ok(Some(Arc::new(move |array| tuple(array, &fields))))
        }
        _ => Ok(None),
    }
}

fn list(array: &ArrayRef, target: &DataType, items: &ArrayConversion) -> Result<ArrayRef> {
    let list = array.as_list::<i32>();
    let (from, to) = bounds(list);
    let converted = items(&list.values().slice(from, to - from))?;
    let offsets: Vec<i32> = list.value_offsets().iter().map(|o| o - from as i32).collect();
    let field = Arc::new(Field::new("item", target.arrow_type(), true));
    let list = ListArray::try_new(field, OffsetBuffer::new(offsets.into()), converted, None)
        .map_err(|e| Error::logical(e.to_string()))?;
    Ok(Arc::new(list))
}

/// Where the items of a (sliced) list begin and end.
fn bounds(list: &ListArray) -> (usize, usize) {
    let offsets = list.value_offsets();
    let first = offsets.first().copied().unwrap_or(0);
    (first as usize, offsets.last().copied().unwrap_or(first) as usize)
}

fn tuple(array: &ArrayRef, fields: &[ArrayConversion]) -> Result<ArrayRef> {
    let columns: Vec<ArrayRef> = array
        .as_struct()
        .columns()
        .iter()
        .zip(fields)
        .map(|(column, convert)| convert(column))
        .collect::<Result<_>>()?;
    structure(columns, array.len())
}

/// A struct with fields named "1", "2", ...
fn structure(columns: Vec<ArrayRef>, rows: usize) -> Result<ArrayRef> {
    let fields: Fields = columns
        .iter()
        .enumerate()
        .map(|(at, c)| Field::new((at + 1).to_string(), c.data_type().clone(), true))
        .collect();
    let array = StructArray::try_new_with_length(fields, columns, None, rows)
        .map_err(|e| Error::logical(e.to_string()))?;
    Ok(Arc::new(array))
}

/// A tuple of keys and values as a map.
fn zipped(
    array: &ArrayRef,
    item: &DataType,
    keys: &ArrayConversion,
    values: &ArrayConversion,
) -> Result<ArrayRef> {
    let [key_lists, value_lists] = array.as_struct().columns() else {
        return Err(Error::logical("a tuple of two fields that has others"));
    };
    let (key_lists, value_lists) = (keys(key_lists)?, values(value_lists)?);
    let (key_lists, value_lists) = (key_lists.as_list::<i32>(), value_lists.as_list::<i32>());
    let lengths: Vec<usize> = key_lists.offsets().lengths().collect();
    if !lengths.iter().copied().eq(value_lists.offsets().lengths()) {
        bail!(TypeMismatch, "CAST AS Map from tuple requires keys and values of the same number");
    }
    let (from, to) = bounds(key_lists);
    let (start, end) = bounds(value_lists);
    let pairs = structure(
        vec![
            key_lists.values().slice(from, to - from),
            value_lists.values().slice(start, end - start),
        ],
        to - from,
    )?;
    let field = Arc::new(Field::new("item", item.arrow_type(), true));
    let list = ListArray::try_new(field, OffsetBuffer::from_lengths(lengths), pairs, None)
        .map_err(|e| Error::logical(e.to_string()))?;
    Ok(Arc::new(list))
}
