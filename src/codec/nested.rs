//! Nodes of arrays, maps and tuples.
//!
//! ```text
//! List     prefixed node of u32: the lengths of the rows; node of all items
//! Struct   per field: prefixed node
//! ```

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, ListArray, StructArray};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::DataType as ArrowType;
use base::{Error, Result, bail};
use bytes::Bytes;
use types::DataType;

use crate::array::{self, mismatch};
use crate::choice::CodecChoice;
use crate::node::{Kind, MAX_ITEMS, Node, write_node};
use crate::packed::reserve;
use crate::varint::{corrupt, write_prefixed};
use crate::words;

/// Appends a node of an array or map.
pub(crate) fn encode_list(
    array: &dyn Array,
    data_type: &DataType,
    choice: &CodecChoice,
    out: &mut Vec<u8>,
) -> Result<()> {
    let list = array.as_list_opt::<i32>().ok_or_else(|| mismatch(array, data_type))?;
    let item = data_type.list_item().ok_or_else(|| mismatch(array, data_type))?;
    let offsets = list.value_offsets();
    let (first, last) = (offsets[0] as usize, offsets[offsets.len() - 1] as usize);
    if last - first > MAX_ITEMS {
        bail!(TooLargeArraySize, "The arrays of a granule hold {} items in all", last - first);
    }
    let lengths: Vec<u32> = offsets.windows(2).map(|pair| (pair[1] - pair[0]) as u32).collect();
    write_node(list.len(), list.nulls(), out, |out| {
        write_prefixed(out, |out| {
            write_node(lengths.len(), None, out, |out| {
                words::encode(&lengths, 0, &CodecChoice::default(), out)
            })
        })?;
        array::encode(&list.values().slice(first, last - first), &item, choice, out)?;
        Ok(Kind::List)
    })
}

/// Decodes a node of an array or map.
pub(crate) fn decode_list(node: &Node<'_>, data_type: &DataType, page: &Bytes) -> Result<ArrayRef> {
    let item = data_type.list_item().ok_or_else(|| node.unexpected())?;
    let ArrowType::List(field) = data_type.arrow_type() else { return Err(node.unexpected()) };
    if node.kind != Kind::List {
        return Err(node.unexpected());
    }
    let mut reader = node.reader();
    let lengths = Node::read_exact(reader.prefixed()?, node.rows)?;
    let lengths: Vec<u32> = words::decode(&lengths)?;
    let mut offsets: Vec<i32> = Vec::new();
    reserve(&mut offsets, lengths.len() + 1)?;
    offsets.push(0);
    let mut end = 0_u64;
    for length in lengths {
        end += u64::from(length);
        if end > MAX_ITEMS as u64 {
            return Err(corrupt("arrays have too many items"));
        }
        offsets.push(end as i32);
    }
    let items = Node::read_exact(reader.rest(), end as usize)?;
    let items = array::decode(&items, &item, page)?;
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    let list = ListArray::try_new(field, offsets, items, node.nulls.buffer(node.rows)?)
        .map_err(|e| corrupt(&e.to_string()))?;
    Ok(Arc::new(list))
}

fn tuple_fields(data_type: &DataType) -> Result<&[types::TupleField]> {
    match data_type.inner() {
        DataType::Tuple(fields) => Ok(fields),
        other => Err(Error::logical(format!("{other} is no tuple"))),
    }
}

/// Appends a node of a tuple.
pub(crate) fn encode_struct(
    array: &dyn Array,
    data_type: &DataType,
    choice: &CodecChoice,
    out: &mut Vec<u8>,
) -> Result<()> {
    let parts = array.as_struct_opt().ok_or_else(|| mismatch(array, data_type))?;
    let fields = tuple_fields(data_type)?;
    write_node(parts.len(), parts.nulls(), out, |out| {
        for (field, column) in fields.iter().zip(parts.columns()) {
            write_prefixed(out, |out| array::encode(column, &field.data_type, choice, out))?;
        }
        Ok(Kind::Struct)
    })
}

/// Decodes a node of a tuple: all rows, or some.
pub(crate) fn decode_struct(
    node: &Node<'_>,
    data_type: &DataType,
    page: &Bytes,
    selection: Option<&[u16]>,
) -> Result<ArrayRef> {
    let ArrowType::Struct(arrow_fields) = data_type.arrow_type() else {
        return Err(node.unexpected());
    };
    if node.kind != Kind::Struct {
        return Err(node.unexpected());
    }
    let mut reader = node.reader();
    let mut columns = Vec::new();
    for field in tuple_fields(data_type)? {
        let part = Node::read_exact(reader.prefixed()?, node.rows)?;
        columns.push(match selection {
            None => array::decode(&part, &field.data_type, page)?,
            Some(rows) => array::decode_selected(&part, &field.data_type, page, rows)?,
        });
    }
    let (rows, nulls) = match selection {
        None => (node.rows, node.nulls.buffer(node.rows)?),
        Some(selection) => (selection.len(), node.nulls.selected(node.rows, selection)?),
    };
    if columns.is_empty() {
        return Ok(Arc::new(StructArray::new_empty_fields(rows, nulls)));
    }
    let parts = StructArray::try_new(arrow_fields, columns, nulls);
    Ok(Arc::new(parts.map_err(|e| corrupt(&e.to_string()))?))
}
