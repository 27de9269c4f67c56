//! Nodes of 128-bit values.
//!
//! ```text
//! Constant   the value's bytes without zeros at the top
//! Wide       length u8, the least value's bytes without zeros at the top; node of u64: how much
//!            each value is above it
//! Halves     prefixed node of u64: the low halves; node of u64: the high halves
//! ```

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Decimal128Type;
use arrow_array::{Array, ArrayRef, Decimal128Array};
use arrow_buffer::{NullBuffer, ScalarBuffer};
use base::{Error, Result};
use types::DataType;

use crate::array::{mismatch, without_gaps};
use crate::choice::CodecChoice;
use crate::node::{Kind, Node, write_node};
use crate::packed::reserve;
use crate::varint::{corrupt, write_prefixed};
use crate::words::{self, Range};

const SIGN: u128 = 1 << 127;

/// Appends a node.
pub(crate) fn encode(
    array: &dyn Array,
    data_type: &DataType,
    choice: &CodecChoice,
    out: &mut Vec<u8>,
) -> Result<()> {
    let array =
        array.as_primitive_opt::<Decimal128Type>().ok_or_else(|| mismatch(array, data_type))?;
    let flip = if data_type.is_unsigned_128() { 0 } else { SIGN };
    write_node(array.len(), array.nulls(), out, |out| match array.nulls() {
        Some(nulls) if nulls.null_count() > 0 => {
            encode_values(&without_gaps(array.values(), nulls), flip, choice, out)
        }
        _ => encode_values(array.values(), flip, choice, out),
    })
}

fn encode_values(
    values: &[i128],
    flip: u128,
    choice: &CodecChoice,
    out: &mut Vec<u8>,
) -> Result<Kind> {
    let ordered = || values.iter().map(|value| *value as u128 ^ flip);
    let (min, max) = ordered().fold((u128::MAX, 0), |(min, max), v| (min.min(v), max.max(v)));
    if min == max {
        out.extend_from_slice(trimmed(&(min ^ flip).to_le_bytes()));
        return Ok(Kind::Constant);
    }
    if min < max && max - min <= u128::from(u64::MAX) {
        let least = (min ^ flip).to_le_bytes();
        let least = trimmed(&least);
        out.push(least.len() as u8);
        out.extend_from_slice(least);
        let above: Vec<u64> = ordered().map(|value| (value - min) as u64).collect();
        write_node(above.len(), None, out, |out| words::encode(&above, 0, choice, out))?;
        return Ok(Kind::Wide);
    }
    let low: Vec<u64> = values.iter().map(|value| *value as u64).collect();
    let high: Vec<u64> = values.iter().map(|value| (*value >> 64) as u64).collect();
    write_prefixed(out, |out| {
        write_node(low.len(), None, out, |out| words::encode(&low, 0, choice, out))
    })?;
    write_node(high.len(), None, out, |out| words::encode(&high, 0, choice, out))?;
    Ok(Kind::Halves)
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    let length = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    &bytes[..length]
}

fn from_trimmed(bytes: &[u8]) -> Result<u128> {
    let mut whole = [0; 16];
    let slots = whole.get_mut(..bytes.len()).ok_or_else(|| corrupt("a value is too long"))?;
    slots.copy_from_slice(bytes);
    Ok(u128::from_le_bytes(whole))
}

/// The least value and the node of what others are above it.
fn wide_parts<'a>(node: &Node<'a>) -> Result<(u128, Node<'a>)> {
    let mut reader = node.reader();
    let length = usize::from(reader.u8()?);
    let least = from_trimmed(reader.take(length)?)?;
    Ok((least, Node::read_exact(reader.rest(), node.rows)?))
}

/// The array of a node.
pub(crate) fn decode(node: &Node<'_>) -> Result<ArrayRef> {
    let values = decode_values(node, node.rows, &|part| words::decode(part))?;
    array(values, node.nulls.buffer(node.rows)?)
}

/// Only some rows of a node.
pub(crate) fn decode_selected(node: &Node<'_>, selection: &[u16]) -> Result<ArrayRef> {
    let values =
        decode_values(node, selection.len(), &|part| words::decode_selected(part, selection))?;
    array(values, node.nulls.selected(node.rows, selection)?)
}

fn decode_values(
    node: &Node<'_>,
    count: usize,
    words: &dyn Fn(&Node<'_>) -> Result<Vec<u64>>,
) -> Result<Vec<i128>> {
    let mut values = Vec::new();
    reserve(&mut values, count)?;
    match node.kind {
        Kind::Constant => values.resize(count, from_trimmed(node.body)? as i128),
        Kind::Plain if node.rows == 0 => {}
        Kind::Wide => {
            let (least, above) = wide_parts(node)?;
            let above = words(&above)?;
            values.extend(above.iter().map(|v| least.wrapping_add(u128::from(*v)) as i128));
        }
        Kind::Halves => {
            let mut reader = node.reader();
            let low = words(&Node::read_exact(reader.prefixed()?, node.rows)?)?;
            let high = words(&Node::read_exact(reader.rest(), node.rows)?)?;
            let both = low.iter().zip(&high);
            values.extend(both.map(|(low, high)| i128::from(*low) | i128::from(*high) << 64));
        }
        _ => return Err(node.unexpected()),
    }
    Ok(values)
}

fn array(values: Vec<i128>, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
    let array = Decimal128Array::new(ScalarBuffer::from(values), nulls)
        .with_precision_and_scale(38, 0)
        .map_err(|e| Error::logical(e.to_string()))?;
    Ok(Arc::new(array))
}

/// Appends the rows within `low..=high`, NULL or not; false when the encoding does not allow it.
pub(crate) fn select_range(
    node: &Node<'_>,
    low: i128,
    high: i128,
    unsigned: bool,
    selection: &mut Vec<u16>,
) -> Result<bool> {
    // How far a bound is above the least value; None when below it.
    let above = |bound: i128, least: u128| -> Option<u128> {
        let flip = if unsigned { 0 } else { SIGN };
        if unsigned && bound < 0 {
            return None;
        }
        (bound as u128 ^ flip).checked_sub(least ^ flip)
    };
    match node.kind {
        Kind::AllNull => Ok(true),
        Kind::Constant => {
            let value = from_trimmed(node.body)?;
            let inside = above(high, value).is_some() && above(low, value).is_none_or(|v| v == 0);
            if inside {
                selection.extend((0..node.rows).map(|row| row as u16));
            }
            Ok(true)
        }
        Kind::Wide => {
            let (least, child) = wide_parts(node)?;
            let Some(high) = above(high, least) else { return Ok(true) };
            let low = above(low, least).unwrap_or(0);
            let most = u128::from(u64::MAX);
            if low <= most
                && let Some(range) = Range::<u64>::new(low as i128, high.min(most) as i128, false)
            {
                words::select_range(&child, range, selection)?;
            }
            Ok(true)
        }
        _ => Ok(false),
    }
}
