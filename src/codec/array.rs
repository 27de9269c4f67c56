//! Nodes of arrays: which encoder a type's layout goes to.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, PrimitiveArray, new_null_array};
use arrow_buffer::{Buffer, NullBuffer, ScalarBuffer};
use base::{Error, Result, error};
use bytes::Bytes;
use types::{DataType, Physical};

use crate::choice::CodecChoice;
use crate::float::{self, FloatWord};
use crate::node::{Kind, Node, write_node};
use crate::word::Word;
use crate::words::{self, RunList};
use crate::{bytes_node, nested, wide};

/// Calls a function that is generic over an arrow type and its word, or goes to the last arm.
macro_rules! with_word {
    ($physical:expr, $function:ident($($arg:expr),*), $other:ident => $otherwise:expr) => {
        match $physical {
            Physical::UInt8 => $function::<UInt8Type, u8>($($arg),*),
            Physical::UInt16 => $function::<UInt16Type, u16>($($arg),*),
            Physical::UInt32 => $function::<UInt32Type, u32>($($arg),*),
            Physical::UInt64 => $function::<UInt64Type, u64>($($arg),*),
            Physical::Int8 => $function::<Int8Type, u8>($($arg),*),
            Physical::Int16 => $function::<Int16Type, u16>($($arg),*),
            Physical::Int32 => $function::<Int32Type, u32>($($arg),*),
            Physical::Int64 => $function::<Int64Type, u64>($($arg),*),
            $other => $otherwise,
        }
    };
}

/// Whether words of this layout are ordered as signed numbers.
pub(crate) fn is_signed(physical: Physical) -> bool {
    matches!(physical, Physical::Int8 | Physical::Int16 | Physical::Int32 | Physical::Int64)
}

/// What turns words of this layout into words of unsigned order.
pub(crate) fn flip<W: Word>(physical: Physical) -> W {
    if is_signed(physical) { W::SIGN } else { W::default() }
}

/// The error for an array that is not laid out as its type says.
pub(crate) fn mismatch(array: &dyn Array, data_type: &DataType) -> Error {
    Error::logical(format!("an array of {} cannot hold {data_type}", array.data_type()))
}

/// Appends a node.
pub(crate) fn encode(
    array: &dyn Array,
    data_type: &DataType,
    choice: &CodecChoice,
    out: &mut Vec<u8>,
) -> Result<()> {
    if array.data_type() != &data_type.arrow_type() {
        return Err(mismatch(array, data_type));
    }
    with_word!(data_type.physical(), encode_words(array, data_type, choice, out), other => {
        match other {
            Physical::Float32 => encode_floats::<Float32Type, u32>(array, data_type, choice, out),
            Physical::Float64 => encode_floats::<Float64Type, u64>(array, data_type, choice, out),
            Physical::Int128 => wide::encode(array, data_type, choice, out),
            Physical::List => nested::encode_list(array, data_type, choice, out),
            Physical::Struct => nested::encode_struct(array, data_type, choice, out),
            _ => bytes_node::encode(array, choice, out),
        }
    })
}

fn encode_words<P: ArrowPrimitiveType, W: Word>(
    array: &dyn Array,
    data_type: &DataType,
    choice: &CodecChoice,
    out: &mut Vec<u8>,
) -> Result<()> {
    let array = array.as_primitive_opt::<P>().ok_or_else(|| mismatch(array, data_type))?;
    let values: ScalarBuffer<W> = array.values().inner().clone().into();
    encode_node(&values, array.nulls(), flip(data_type.physical()), choice, out)
}

fn encode_floats<P: ArrowPrimitiveType, W: FloatWord>(
    array: &dyn Array,
    data_type: &DataType,
    choice: &CodecChoice,
    out: &mut Vec<u8>,
) -> Result<()> {
    let array = array.as_primitive_opt::<P>().ok_or_else(|| mismatch(array, data_type))?;
    let values: ScalarBuffer<W> = array.values().inner().clone().into();
    write_node(values.len(), array.nulls(), out, |out| match array.nulls() {
        Some(nulls) if nulls.null_count() > 0 => {
            float::encode(&without_gaps(&values, nulls), choice, out)
        }
        _ => float::encode(&values, choice, out),
    })
}

/// Appends a node of words.
pub(crate) fn encode_node<W: Word>(
    values: &[W],
    nulls: Option<&NullBuffer>,
    flip: W,
    choice: &CodecChoice,
    out: &mut Vec<u8>,
) -> Result<()> {
    write_node(values.len(), nulls, out, |out| match nulls {
        Some(nulls) if nulls.null_count() > 0 => {
            words::encode(&without_gaps(values, nulls), flip, choice, out)
        }
        _ => words::encode(values, flip, choice, out),
    })
}

/// The values with those under NULLs replaced by the one before, or for the first by the next.
pub(crate) fn without_gaps<T: Copy + Default>(values: &[T], nulls: &NullBuffer) -> Vec<T> {
    let first = nulls.valid_indices().next();
    let mut before = first.and_then(|row| values.get(row)).copied().unwrap_or_default();
    let mut out = Vec::with_capacity(values.len());
    for (row, value) in values.iter().enumerate() {
        if nulls.is_valid(row) {
            before = *value;
        }
        out.push(before);
    }
    out
}

/// The array of a node; `page` is the memory that the node lies in, to be shared.
pub(crate) fn decode(node: &Node<'_>, data_type: &DataType, page: &Bytes) -> Result<ArrayRef> {
    if node.kind == Kind::AllNull {
        return null_array(data_type, node.rows);
    }
    with_word!(data_type.physical(), decode_words(node), other => {
        match other {
            Physical::Float32 => decode_floats::<Float32Type, u32>(node, None),
            Physical::Float64 => decode_floats::<Float64Type, u64>(node, None),
            Physical::Int128 => wide::decode(node),
            Physical::List => nested::decode_list(node, data_type, page),
            Physical::Struct => nested::decode_struct(node, data_type, page, None),
            other => bytes_node::decode(node, other, page, None),
        }
    })
}

/// Only some rows of a node, ascending; each is less than its rows.
pub(crate) fn decode_selected(
    node: &Node<'_>,
    data_type: &DataType,
    page: &Bytes,
    selection: &[u16],
) -> Result<ArrayRef> {
    if node.kind == Kind::AllNull {
        return null_array(data_type, selection.len());
    }
    with_word!(data_type.physical(), decode_words_selected(node, selection), other => {
        match other {
            Physical::Float32 => decode_floats::<Float32Type, u32>(node, Some(selection)),
            Physical::Float64 => decode_floats::<Float64Type, u64>(node, Some(selection)),
            Physical::Int128 => wide::decode_selected(node, selection),
            Physical::List => take(&nested::decode_list(node, data_type, page)?, selection),
            Physical::Struct => nested::decode_struct(node, data_type, page, Some(selection)),
            other => bytes_node::decode(node, other, page, Some(selection)),
        }
    })
}

/// Rows of an array.
pub(crate) fn take(array: &ArrayRef, selection: &[u16]) -> Result<ArrayRef> {
    let rows = arrow_array::UInt32Array::from_iter_values(selection.iter().map(|r| u32::from(*r)));
    arrow_select::take::take(array, &rows, None)
        .map_err(|e| Error::logical(format!("rows of a page: {e}")))
}

fn null_array(data_type: &DataType, rows: usize) -> Result<ArrayRef> {
    let width = match data_type.physical() {
        Physical::Fixed(width) => width,
        _ => 16,
    };
    if rows.saturating_mul(width) > 1 << 32 {
        return Err(error!(CannotAllocateMemory, "No memory for {rows} NULLs of {data_type}"));
    }
    Ok(new_null_array(&data_type.arrow_type(), rows))
}

fn decode_words<P: ArrowPrimitiveType, W: Word>(node: &Node<'_>) -> Result<ArrayRef> {
    let nulls = node.nulls.buffer(node.rows)?;
    Ok(primitive::<P, W>(words::decode(node)?, nulls))
}

fn decode_words_selected<P: ArrowPrimitiveType, W: Word>(
    node: &Node<'_>,
    selection: &[u16],
) -> Result<ArrayRef> {
    let nulls = node.nulls.selected(node.rows, selection)?;
    Ok(primitive::<P, W>(words::decode_selected(node, selection)?, nulls))
}

fn decode_floats<P: ArrowPrimitiveType, W: FloatWord>(
    node: &Node<'_>,
    selection: Option<&[u16]>,
) -> Result<ArrayRef> {
    Ok(match selection {
        None => primitive::<P, W>(float::decode(node)?, node.nulls.buffer(node.rows)?),
        Some(rows) => {
            let nulls = node.nulls.selected(node.rows, rows)?;
            primitive::<P, W>(float::decode_selected(node, rows)?, nulls)
        }
    })
}

fn primitive<P: ArrowPrimitiveType, W: Word>(
    values: Vec<W>,
    nulls: Option<NullBuffer>,
) -> ArrayRef {
    let rows = values.len();
    let values = ScalarBuffer::new(Buffer::from_vec(values), 0, rows);
    Arc::new(PrimitiveArray::<P>::new(values, nulls))
}

/// One row if all rows are that value.
pub(crate) fn constant(
    node: &Node<'_>,
    data_type: &DataType,
    page: &Bytes,
) -> Result<Option<ArrayRef>> {
    if node.rows == 0 {
        return Ok(None);
    }
    match node.kind {
        Kind::AllNull => null_array(data_type, 1).map(Some),
        Kind::Constant if node.nulls.is_none() => {
            decode_selected(node, data_type, page, &[0]).map(Some)
        }
        _ => Ok(None),
    }
}

/// Values and ends of runs, where the node holds runs and no NULL.
pub(crate) fn runs(
    node: &Node<'_>,
    data_type: &DataType,
    page: &Bytes,
) -> Result<Option<(ArrayRef, Vec<u32>)>> {
    if let Some(value) = constant(node, data_type, page)? {
        return Ok(Some((value, vec![node.rows as u32])));
    }
    if !node.nulls.is_none() || node.rows == 0 {
        return Ok(None);
    }
    with_word!(data_type.physical(), word_runs(node), other => match other {
        Physical::Float32 => word_runs::<Float32Type, u32>(node),
        Physical::Float64 => word_runs::<Float64Type, u64>(node),
        Physical::Bytes | Physical::Fixed(_) => bytes_node::runs(node, other, page),
        _ => Ok(None),
    })
}

fn word_runs<P: ArrowPrimitiveType, W: Word>(
    node: &Node<'_>,
) -> Result<Option<(ArrayRef, Vec<u32>)>> {
    let Some(RunList { values, ends }) = words::run_list::<W>(node)? else { return Ok(None) };
    Ok(Some((primitive::<P, W>(values, None), ends)))
}

/// Appends the rows whose value lies within `low..=high`; false when the type or encoding does
/// not allow it.
pub(crate) fn select_range(
    node: &Node<'_>,
    data_type: &DataType,
    low: i128,
    high: i128,
    selection: &mut Vec<u16>,
) -> Result<bool> {
    let physical = data_type.physical();
    let start = selection.len();
    let signed = is_signed(physical);
    let done = with_word!(physical, range_of_words(node, low, high, signed, selection), other => {
        match other {
            Physical::Int128 => {
                wide::select_range(node, low, high, data_type.is_unsigned_128(), selection)
            }
            _ => Ok(false),
        }
    })?;
    if done && let Some(nulls) = node.nulls.buffer(node.rows)? {
        let mut kept = start;
        for at in start..selection.len() {
            let row = selection[at];
            selection[kept] = row;
            kept += usize::from(nulls.is_valid(usize::from(row)));
        }
        selection.truncate(kept);
    }
    Ok(done)
}

/// Leaves those of some rows whose value lies within `low..=high`; false, with all left, when the type or encoding
/// does not allow it.
pub(crate) fn refine_range(
    node: &Node<'_>,
    data_type: &DataType,
    low: i128,
    high: i128,
    selection: &mut Vec<u16>,
) -> Result<bool> {
    let physical = data_type.physical();
    let signed = is_signed(physical);
    let done = with_word!(physical, refined_words(node, low, high, signed, selection), _other => {
        Ok(false)
    })?;
    if done && let Some(nulls) = node.nulls.buffer(node.rows)? {
        selection.retain(|row| nulls.is_valid(usize::from(*row)));
    }
    Ok(done)
}

#[expect(clippy::extra_unused_type_parameters, reason = "with_word! gives both")]
fn refined_words<P: ArrowPrimitiveType, W: Word>(
    node: &Node<'_>,
    low: i128,
    high: i128,
    signed: bool,
    selection: &mut Vec<u16>,
) -> Result<bool> {
    match words::Range::<W>::new(low, high, signed) {
        Some(range) => words::refine_range(node, range, selection)?,
        None => selection.clear(),
    }
    Ok(true)
}

#[expect(clippy::extra_unused_type_parameters, reason = "with_word! gives both")]
fn range_of_words<P: ArrowPrimitiveType, W: Word>(
    node: &Node<'_>,
    low: i128,
    high: i128,
    signed: bool,
    selection: &mut Vec<u16>,
) -> Result<bool> {
    if let Some(range) = words::Range::<W>::new(low, high, signed) {
        words::select_range(node, range, selection)?;
    }
    Ok(true)
}
