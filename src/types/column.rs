//! A column of a block: flat, constant, or codes into a dictionary.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray, UInt32Array, make_array};
use arrow_buffer::{NullBuffer, ScalarBuffer};
use base::{Error, Result, bail};

use crate::physical::repeat;
use crate::{DataType, Dictionary, Value, array_from_values, value_at, views};

/// The values of one column for the rows of a block. Operators keep `Constant` and `Dictionary`
/// as long as they can; the values are the same in every form.
#[derive(Debug, Clone)]
pub enum Column {
    /// An arrow array of the layout of the column's type.
    Flat(ArrayRef),
    /// One value for all rows.
    Constant {
        /// An array of exactly one row.
        value: ArrayRef,
        /// The number of rows.
        len: usize,
    },
    /// Codes into sorted distinct values; only for types whose layout is `Bytes`.
    Dictionary(DictionaryColumn),
}

/// Codes with their dictionary.
#[derive(Debug, Clone)]
pub struct DictionaryColumn {
    /// A code a row; any valid code where the row is NULL (0 in an empty dictionary of NULLs).
    pub codes: ScalarBuffer<u32>,
    /// Which rows are NULL.
    pub nulls: Option<NullBuffer>,
    /// The values.
    pub dictionary: Arc<dyn Dictionary>,
}

pub(crate) fn arrow(error: arrow_schema::ArrowError) -> Error {
    Error::logical(format!("column: {error}"))
}

impl Column {
    /// One value for `len` rows.
    pub fn constant(data_type: &DataType, value: &Value, len: usize) -> Result<Column> {
        let value = array_from_values(data_type, std::slice::from_ref(value))?;
        Ok(Column::Constant { value, len })
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        match self {
            Column::Flat(array) => array.len(),
            Column::Constant { len, .. } => *len,
            Column::Dictionary(column) => column.codes.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether all rows hold one known value.
    pub fn is_constant(&self) -> bool {
        matches!(self, Column::Constant { .. })
    }

    /// The values as one plain array.
    pub fn to_flat(&self) -> Result<ArrayRef> {
        match self {
            Column::Flat(array) => Ok(array.clone()),
            Column::Constant { value, len } if *len == 1 => Ok(value.clone()),
            Column::Constant { value, len } => {
                bound_repeated(value, *len)?;
                repeat(value, *len)
            }
            Column::Dictionary(column) => column.decode(),
        }
    }

    /// Which rows are NULL; a constant NULL answers with a buffer of all nulls.
    pub fn nulls(&self) -> Option<NullBuffer> {
        match self {
            Column::Flat(array) => array.nulls().cloned(),
            Column::Constant { value, len } => value.is_null(0).then(|| NullBuffer::new_null(*len)),
            Column::Dictionary(column) => column.nulls.clone(),
        }
    }

    /// The value of one row; `data_type` must be the column's.
    ///
    /// # Panics
    /// When the row is past the end.
    pub fn value(&self, data_type: &DataType, row: usize) -> Result<Value> {
        Ok(match self {
            Column::Flat(array) => value_at(array, data_type, row),
            Column::Constant { value, .. } => value_at(value, data_type, 0),
            Column::Dictionary(column) => {
                if column.nulls.as_ref().is_some_and(|n| n.is_null(row)) {
                    return Ok(Value::Null);
                }
                let one = column.dictionary.lookup(&[column.codes[row]])?;
                value_at(&one, data_type, 0)
            }
        })
    }

    /// Rows `offset..offset + length`.
    #[must_use]
    pub fn slice(&self, offset: usize, length: usize) -> Column {
        match self {
            Column::Flat(array) => Column::Flat(array.slice(offset, length)),
            Column::Constant { value, .. } => {
                Column::Constant { value: value.clone(), len: length }
            }
            Column::Dictionary(column) => Column::Dictionary(DictionaryColumn {
                codes: column.codes.slice(offset, length),
                nulls: column.nulls.as_ref().map(|n| n.slice(offset, length)),
                dictionary: column.dictionary.clone(),
            }),
        }
    }

    /// The rows whose bit is set (NULL counts as not set).
    pub fn filter(&self, mask: &BooleanArray) -> Result<Column> {
        Ok(match self {
            Column::Flat(array) => {
                Column::Flat(arrow_select::filter::filter(array, mask).map_err(arrow)?)
            }
            Column::Constant { value, .. } => {
                Column::Constant { value: value.clone(), len: mask.true_count() }
            }
            Column::Dictionary(column) => {
                let codes =
                    arrow_select::filter::filter(&column.codes_array(), mask).map_err(arrow)?;
                Column::Dictionary(column.with_codes_of(&codes))
            }
        })
    }

    /// The rows of the given numbers, in their order; a NULL index gives NULL.
    pub fn take(&self, indices: &UInt32Array) -> Result<Column> {
        Ok(match self {
            Column::Flat(array) => {
                bound_elements(array, indices.values())?;
                Column::Flat(arrow_select::take::take(array, indices, None).map_err(arrow)?)
            }
            Column::Constant { value, .. } if indices.null_count() == 0 => {
                Column::Constant { value: value.clone(), len: indices.len() }
            }
            Column::Constant { value, .. } => {
                let at = UInt32Array::new(
                    ScalarBuffer::from(vec![0; indices.len()]),
                    indices.nulls().cloned(),
                );
                Column::Flat(arrow_select::take::take(value, &at, None).map_err(arrow)?)
            }
            Column::Dictionary(column) => {
                let codes = arrow_select::take::take(&column.codes_array(), indices, None)
                    .map_err(arrow)?;
                Column::Dictionary(column.with_codes_of(&codes))
            }
        })
    }

    /// The rows of several columns of one type, one after another; stays a dictionary when all
    /// are of the same one.
    pub fn concat(columns: &[Column]) -> Result<Column> {
        if let [only] = columns {
            return Ok(only.clone());
        }
        if let Some(Column::Dictionary(first)) = columns.first() {
            let same = columns.iter().all(|c| {
                matches!(c, Column::Dictionary(d) if d.dictionary.id() == first.dictionary.id())
            });
            if same {
                let codes: Vec<ArrayRef> = columns
                    .iter()
                    .filter_map(|c| match c {
                        Column::Dictionary(d) => Some(Arc::new(d.codes_array()) as ArrayRef),
                        _ => None,
                    })
                    .collect();
                let codes: Vec<&dyn Array> = codes.iter().map(AsRef::as_ref).collect();
                let codes = arrow_select::concat::concat(&codes).map_err(arrow)?;
                return Ok(Column::Dictionary(first.with_codes_of(&codes)));
            }
        }
        let flat: Vec<ArrayRef> = columns.iter().map(Column::to_flat).collect::<Result<_>>()?;
        let is_views = |a: &ArrayRef| *a.data_type() == arrow_schema::DataType::BinaryView;
        if !flat.is_empty() && flat.iter().all(is_views) {
            return Ok(Column::Flat(views::concat(&flat)?));
        }
        let flat: Vec<&dyn Array> = flat.iter().map(AsRef::as_ref).collect();
        Ok(Column::Flat(arrow_select::concat::concat(&flat).map_err(arrow)?))
    }

    /// The same values with another null buffer in place of their own.
    pub fn with_nulls(&self, nulls: Option<NullBuffer>) -> Result<Column> {
        if let Column::Dictionary(column) = self {
            return Ok(Column::Dictionary(DictionaryColumn { nulls, ..column.clone() }));
        }
        let array = self.to_flat()?;
        let data = array.to_data().into_builder().nulls(nulls).build().map_err(arrow)?;
        Ok(Column::Flat(make_array(data)))
    }

    /// Bytes of memory that the values take, about; shared dictionaries are not counted.
    pub fn memory(&self) -> usize {
        match self {
            Column::Flat(array) => array.get_slice_memory(),
            Column::Constant { value, .. } => value.get_array_memory_size(),
            Column::Dictionary(column) => column.codes.len() * 4,
        }
    }
}

/// Elements that the arrays of one column may have together; their offsets have 32 bits.
const MOST_ELEMENTS: usize = 1 << 28;

/// Refuses copies of rows whose arrays would have too many elements together. A failing allocation
/// would end the process.
fn bound_elements(array: &ArrayRef, rows: &[u32]) -> Result<()> {
    use arrow_array::cast::AsArray;
    if let Some(fixed) = array.as_fixed_size_binary_opt().filter(|a| rows.len() > a.len()) {
        return bound_fixed(fixed.value_length() as usize, rows.len());
    }
    // Copies that keep every row once are no larger than what is there.
    let Some(list) = array.as_list_opt::<i32>().filter(|list| rows.len() > list.len()) else {
        return Ok(());
    };
    let offsets = list.value_offsets();
    let length = |row: &u32| match (offsets.get(*row as usize), offsets.get(*row as usize + 1)) {
        (Some(start), Some(end)) => (end - start) as usize,
        _ => 0,
    };
    bound(rows.iter().map(length).sum())
}

/// The same for the rows of a constant.
fn bound_repeated(value: &ArrayRef, len: usize) -> Result<()> {
    use arrow_array::cast::AsArray;
    if let Some(fixed) = value.as_fixed_size_binary_opt() {
        return bound_fixed(fixed.value_length() as usize, len);
    }
    match value.as_list_opt::<i32>() {
        Some(list) => bound((list.value_length(0) as usize).saturating_mul(len)),
        None => Ok(()),
    }
}

/// Bytes that the fixed strings of one column of a block may have together.
const MOST_FIXED: usize = 1 << 30;

/// Refuses a column of so many rows of FixedString(`length`) that would take too much memory.
///
/// # Errors
/// TOO_LARGE_STRING_SIZE
pub fn bound_fixed(length: usize, rows: usize) -> Result<()> {
    if length.saturating_mul(rows) > MOST_FIXED {
        bail!(
            TooLargeStringSize,
            "{rows} rows of FixedString({length}) take more than {MOST_FIXED} bytes. Make \
             max_block_size smaller"
        );
    }
    Ok(())
}

fn bound(elements: usize) -> Result<()> {
    if elements > MOST_ELEMENTS {
        bail!(
            TooLargeArraySize,
            "The arrays of one block would have {elements} elements together, the most is \
             {MOST_ELEMENTS}. Make the arrays or max_block_size smaller"
        );
    }
    Ok(())
}

/// The memory of a slice rather than of the buffers that it shares.
trait SliceMemory {
    fn get_slice_memory(&self) -> usize;
}

impl SliceMemory for ArrayRef {
    fn get_slice_memory(&self) -> usize {
        use arrow_array::cast::AsArray;
        if let Some(views) = self.as_binary_view_opt() {
            let lengths = views.views().iter().map(|view| *view as u32 as usize);
            let apart: usize = lengths.filter(|length| *length > 12).sum();
            return views.len() * size_of::<u128>() + apart;
        }
        self.to_data().get_slice_memory_size().unwrap_or_else(|_| self.get_array_memory_size())
    }
}

impl DictionaryColumn {
    /// The codes as an array, with the nulls.
    pub fn codes_array(&self) -> UInt32Array {
        UInt32Array::new(self.codes.clone(), self.nulls.clone())
    }

    /// Other codes into the same dictionary.
    fn with_codes_of(&self, codes: &ArrayRef) -> DictionaryColumn {
        use arrow_array::cast::AsArray;
        let codes = codes.as_primitive::<arrow_array::types::UInt32Type>();
        DictionaryColumn {
            codes: codes.values().clone(),
            nulls: codes.nulls().cloned(),
            dictionary: self.dictionary.clone(),
        }
    }

    /// The values as one plain array.
    pub fn decode(&self) -> Result<ArrayRef> {
        let few = self.codes.len() * 16 < self.dictionary.len();
        if self.nulls.is_none() && few {
            return self.dictionary.lookup(&self.codes);
        }
        if self.dictionary.is_empty() {
            return Ok(arrow_array::new_null_array(
                &arrow_schema::DataType::BinaryView,
                self.codes.len(),
            ));
        }
        let values = self.dictionary.values()?;
        arrow_select::take::take(&values, &self.codes_array(), None).map_err(arrow)
    }
}

impl From<ArrayRef> for Column {
    fn from(array: ArrayRef) -> Column {
        Column::Flat(array)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::types::UInt64Type;
    use arrow_array::{ArrayRef, ListArray, UInt32Array};
    use base::ErrorCode;

    use super::Column;

    #[test]
    fn copies_of_long_arrays_are_bounded() {
        let items = Some((0..100_000).map(Some));
        let list: ArrayRef = Arc::new(ListArray::from_iter_primitive::<UInt64Type, _, _>([items]));
        let rows = UInt32Array::from(vec![0; 100_000]);
        let taken = Column::Flat(list.clone()).take(&rows).map_err(|e| e.code());
        assert_eq!(taken.err(), Some(ErrorCode::TooLargeArraySize));
        let constant = Column::Constant { value: list.clone(), len: 100_000 };
        let flat = constant.to_flat().map_err(|e| e.code());
        assert_eq!(flat.err(), Some(ErrorCode::TooLargeArraySize));
        let few = Column::Flat(list).take(&UInt32Array::from(vec![0; 10]));
        assert_eq!(few.map(|c| c.len()).ok(), Some(10));
    }
}
