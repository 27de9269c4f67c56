//! Arrays and maps as offsets and items.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, StructArray, UInt32Array};
use arrow_buffer::NullBuffer;
use base::{Error, Result, bail};
use expr::Argument;
use types::{Column, DataType, Value, array_from_values, default_array, struct_fields};

pub(super) use crate::text::strings::{illegal, list_column, numbers};

/// A column of arrays; `offsets[row]..offsets[row + 1]` are a row's items.
#[derive(Clone)]
pub(crate) struct Lists {
    /// One more than rows, the first 0.
    pub(crate) offsets: Vec<i32>,
    /// All items and no others.
    pub(crate) items: ArrayRef,
}

impl Lists {
    /// Of a column of arrays or maps.
    pub(super) fn new(column: &Column) -> Result<Lists> {
        let array = column.to_flat()?;
        Lists::of_array(&array)
    }

    /// Of an array of lists.
    pub(crate) fn of_array(array: &ArrayRef) -> Result<Lists> {
        let Some(list) = array.as_list_opt::<i32>() else {
            return Err(Error::logical("a column that is not of arrays"));
        };
        let offsets = list.value_offsets();
        let (first, last) = (offsets[0], offsets[offsets.len() - 1]);
        Ok(Lists {
            offsets: offsets.iter().map(|offset| offset - first).collect(),
            items: list.values().slice(first as usize, (last - first) as usize),
        })
    }

    /// The number of rows.
    pub(super) fn rows(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Where a row's items begin and end.
    #[inline]
    pub(crate) fn bounds(&self, row: usize) -> (usize, usize) {
        (self.offsets[row] as usize, self.offsets[row + 1] as usize)
    }

    /// The row of every item.
    pub(crate) fn item_rows(&self) -> Vec<u32> {
        let mut rows = Vec::with_capacity(self.items.len());
        for row in 0..self.rows() {
            let (from, to) = self.bounds(row);
            rows.resize(rows.len() + to - from, row as u32);
        }
        rows
    }

    /// The column.
    pub(super) fn column(self, item: &DataType) -> Result<Column> {
        list_column(item, self.offsets, self.items)
    }
}

/// Collects, row by row, which items a result consists of.
pub(super) struct Picker {
    pub(super) picked: Vec<u32>,
    offsets: Vec<i32>,
}

impl Picker {
    pub(super) fn new(rows: usize) -> Picker {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        Picker { picked: Vec::new(), offsets }
    }

    /// Adds an item to the row.
    #[inline]
    pub(super) fn push(&mut self, item: usize) {
        self.picked.push(item as u32);
    }

    /// Ends the row.
    pub(super) fn end_row(&mut self) {
        self.offsets.push(self.picked.len() as i32);
    }

    /// The column of arrays of the picked items.
    pub(super) fn column(self, item: &DataType, items: &ArrayRef) -> Result<Column> {
        if self.picked.len() > i32::MAX as usize {
            bail!(TooLargeArraySize, "A function made more than {} items in a block", i32::MAX);
        }
        list_column(item, self.offsets, take(items, self.picked)?)
    }
}

/// The items at some places.
pub(super) fn take(items: &ArrayRef, places: Vec<u32>) -> Result<ArrayRef> {
    arrow_select::take::take(items, &UInt32Array::from(places), None)
        .map_err(|e| Error::logical(format!("take: {e}")))
}

/// The items of several arrays of one type, one after another.
pub(super) fn concat(arrays: &[&ArrayRef]) -> Result<ArrayRef> {
    let arrays: Vec<&dyn Array> = arrays.iter().map(|a| a.as_ref()).collect();
    arrow_select::concat::concat(&arrays).map_err(|e| Error::logical(format!("concat: {e}")))
}

/// The items with the default value after the last: that of the type, of an Enum its element of number 0 if it
/// has one.
pub(super) fn with_default(items: &ArrayRef, item: &DataType) -> Result<ArrayRef> {
    let has_zero = item.enum_values().is_some_and(|values| values.name(0).is_some());
    let default = match has_zero && !item.is_nullable() {
        true => array_from_values(item, &[Value::Int(0)])?,
        false => default_array(item, 1)?,
    };
    concat(&[items, &default])
}

/// The same array with other nulls.
pub(super) fn with_nulls(array: &ArrayRef, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
    Column::Flat(array.clone()).with_nulls(nulls)?.to_flat()
}

/// An array of tuples of arrays of one length.
pub(crate) fn tuples(types: &[DataType], parts: Vec<ArrayRef>, rows: usize) -> Result<ArrayRef> {
    let fields = struct_fields(types.iter().map(DataType::arrow_type));
    let tuples = StructArray::try_new_with_length(fields, parts, None, rows);
    Ok(Arc::new(tuples.map_err(|e| Error::logical(format!("tuple: {e}")))?))
}

/// The item type of an argument that must be an array.
pub(crate) fn item_type(function: &str, arguments: &[Argument], at: usize) -> Result<DataType> {
    match arguments.get(at).map(|a| &a.data_type) {
        Some(DataType::Array(item)) => Ok(item.as_ref().clone()),
        Some(_) => Err(illegal(function, &arguments[at])),
        None => {
            bail!(NumberOfArgumentsDoesntMatch, "Function {function} lacks argument {}", at + 1)
        }
    }
}
