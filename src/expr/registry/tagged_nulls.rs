//! NULL of a Variant or Dynamic as a value for aggregate functions: it is counted, collected and given back.
//!
//! Functions get it as an empty string of bytes, which no value with its type is; in what they give back it
//! becomes NULL again.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BinaryViewArray, ListArray, StructArray};
use arrow_buffer::NullBuffer;
use base::{Error, Result, bail};
use types::{Column, DataType, tagged};

use super::has_nulls;
use crate::{Accumulator, BoundAggregate};

/// A function that is given NULL of these types as a value.
pub(super) fn with_values(bound: BoundAggregate, types: &[DataType]) -> BoundAggregate {
    let is_tagged: Arc<[bool]> = types.iter().map(DataType::is_tagged).collect();
    let (return_type, create) = (bound.return_type, bound.create);
    let result = return_type.clone();
    BoundAggregate::new(return_type, move || TaggedNulls {
        inner: create(),
        is_tagged: is_tagged.clone(),
        return_type: result.clone(),
    })
}

#[derive(Clone)]
struct TaggedNulls {
    inner: Box<dyn Accumulator>,
    /// Of each argument.
    is_tagged: Arc<[bool]>,
    return_type: DataType,
}

impl TaggedNulls {
    fn marked(&self, arguments: &[Column]) -> Result<Vec<Column>> {
        let of = |(column, is_tagged): (&Column, &bool)| match column {
            column if !is_tagged || !has_nulls(column) => Ok(column.clone()),
            Column::Constant { value, len } => {
                Ok(Column::Constant { value: marked(value)?, len: *len })
            }
            column => Ok(Column::Flat(marked(&column.to_flat()?)?)),
        };
        arguments.iter().zip(self.is_tagged.iter()).map(of).collect()
    }
}

/// Values with their types, empty where they were NULL.
fn marked(array: &ArrayRef) -> Result<ArrayRef> {
    let strings = tagged::strings(array)?;
    let views = strings.views().iter().enumerate();
    let views: Vec<u128> =
        views.map(|(row, view)| if strings.is_null(row) { 0 } else { *view }).collect();
    let marked = BinaryViewArray::try_new(views.into(), strings.data_buffers().to_vec(), None);
    Ok(Arc::new(marked.map_err(broken)?))
}

fn broken(error: arrow_schema::ArrowError) -> Error {
    Error::logical(format!("NULLs among values with their types: {error}"))
}

fn holds_tagged(data_type: &DataType) -> bool {
    match data_type {
        DataType::Array(item) => holds_tagged(item),
        DataType::Map(pair) => holds_tagged(&pair.0) || holds_tagged(&pair.1),
        DataType::Tuple(fields) => fields.iter().any(|field| holds_tagged(&field.data_type)),
        other => other.is_tagged(),
    }
}

/// NULL again where the mark of it stands.
fn unmarked(array: &ArrayRef, data_type: &DataType) -> Result<ArrayRef> {
    if !holds_tagged(data_type) {
        return Ok(array.clone());
    }
    if data_type.is_tagged() {
        let strings = tagged::strings(array)?;
        // The length of a value is the lowest part of its view.
        let lengths = strings.views().iter().map(|view| *view as u32 > 0);
        let filled: NullBuffer = lengths.collect();
        let nulls = NullBuffer::union(strings.nulls(), Some(&filled));
        let nulls = nulls.filter(|nulls| nulls.null_count() > 0);
        let buffers = strings.data_buffers().to_vec();
        let strings = BinaryViewArray::try_new(strings.views().clone(), buffers, nulls);
        return Ok(Arc::new(strings.map_err(broken)?));
    }
    if let Some(item) = data_type.list_item() {
        let list = array.as_list_opt::<i32>().ok_or_else(|| Error::logical("no list"))?;
        let items = unmarked(list.values(), &item)?;
        let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
        let list = ListArray::try_new(types::item_field(&item), offsets, items, nulls);
        return Ok(Arc::new(list.map_err(broken)?));
    }
    let (Some(parts), DataType::Tuple(fields)) = (array.as_struct_opt(), data_type) else {
        return Err(Error::logical("values with their types in an unknown layout"));
    };
    let columns = parts.columns().iter().zip(fields.iter());
    let columns = columns.map(|(part, field)| unmarked(part, &field.data_type));
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let (names, nulls) = (parts.fields().clone(), parts.nulls().cloned());
    let tuple = StructArray::try_new_with_length(names, columns, nulls, parts.len());
    Ok(Arc::new(tuple.map_err(broken)?))
}

impl Accumulator for TaggedNulls {
    fn resize(&mut self, groups: usize) {
        self.inner.resize(groups);
    }

    fn update(&mut self, groups: &[u32], arguments: &[Column]) -> Result<()> {
        let arguments = self.marked(arguments)?;
        self.inner.update(groups, &arguments)
    }

    fn update_one(&mut self, group: u32, arguments: &[Column], rows: usize) -> Result<()> {
        let arguments = self.marked(arguments)?;
        self.inner.update_one(group, &arguments, rows)
    }

    fn merge(&mut self, groups: &[u32], other: &dyn Accumulator) -> Result<()> {
        let Some(other) = other.as_any().downcast_ref::<TaggedNulls>() else {
            bail!(LogicalError, "merge of different aggregate states");
        };
        self.inner.merge(groups, other.inner.as_ref())
    }

    fn serialize(&self, group: usize, out: &mut Vec<u8>) -> Result<()> {
        self.inner.serialize(group, out)
    }

    fn deserialize(&mut self, group: u32, bytes: &mut &[u8]) -> Result<()> {
        self.inner.deserialize(group, bytes)
    }

    fn finish(&mut self, groups: Range<usize>) -> Result<ArrayRef> {
        let results = self.inner.finish(groups)?;
        unmarked(&results, &self.return_type)
    }

    fn memory(&self) -> usize {
        self.inner.memory()
    }
}
