//! The columns of one partition while an insert gathers rows.
//!
//! Strings are gathered as distinct values and ids, everything else as the arrays that came.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BinaryViewArray, UInt32Array, new_empty_array};
use base::{Error, Result};
use types::clob::{self, Clob};
use types::{Block, Column, DataType};

use crate::dictionary::order::{rank_by_order, sort_ids};
use crate::dictionary::table::{NULL, ValueTable, values_of};
use crate::key::{Ordinals, rank_values};

/// Below so many rows a dictionary costs more than it saves.
const MIN_DICTIONARY_ROWS: u64 = 128;

/// Whether a column's values are kept in a dictionary.
pub(crate) fn can_have_dictionary(data_type: &DataType) -> bool {
    matches!(data_type.inner(), DataType::String)
}

/// Whether a dictionary of so many values is worth its while for so many rows: also where most are distinct, as
/// sorted values compress better, and merging many such parts leaves a dictionary of few.
pub(crate) fn dictionary_pays(distinct: u64, rows: u64) -> bool {
    rows >= MIN_DICTIONARY_ROWS && distinct * 10 <= rows * 8
}

/// A column that is growing.
pub(crate) enum ColumnBuffer {
    Arrays { arrays: Vec<ArrayRef>, bytes: usize },
    Values(Box<ValueTable>),
}

/// A column that is complete, in the order in which rows came.
pub(crate) enum FullColumn {
    /// Plain values.
    Array(ArrayRef),
    /// Codes into sorted distinct values; `values` are in order of arrival and `order` sorts them.
    Codes {
        codes: Vec<u32>,
        values: BinaryViewArray,
        order: Vec<u32>,
        uncompressed: u64,
        nulls: bool,
    },
    /// Values with an id a row; equal values may have different ids.
    Values { ids: Vec<u32>, values: BinaryViewArray },
}

impl ColumnBuffer {
    pub(crate) fn new(data_type: &DataType) -> ColumnBuffer {
        if can_have_dictionary(data_type) {
            ColumnBuffer::Values(Box::new(ValueTable::new()))
        } else {
            ColumnBuffer::Arrays { arrays: Vec::new(), bytes: 0 }
        }
    }

    pub(crate) fn add(&mut self, column: &Column) -> Result<()> {
        match self {
            ColumnBuffer::Arrays { arrays, bytes } => {
                *bytes += match column {
                    // Arrays of fixed width need no walk to know their size.
                    Column::Flat(array) if array.data_type().primitive_width().is_some() => {
                        array.len() * array.data_type().primitive_width().unwrap_or(8)
                    }
                    other => other.memory(),
                };
                arrays.push(column.to_flat()?);
                Ok(())
            }
            ColumnBuffer::Values(table) => table.add(column),
        }
    }

    pub(crate) fn memory(&self) -> usize {
        match self {
            ColumnBuffer::Arrays { bytes, .. } => *bytes,
            ColumnBuffer::Values(table) => table.memory(),
        }
    }

    /// Bytes of texts that lie out of row, of a column of CLOB.
    pub(crate) fn text_bytes(&self) -> Result<u64> {
        let ColumnBuffer::Arrays { arrays, .. } = self else { return Ok(0) };
        let mut bytes = 0;
        for array in arrays {
            for cell in clob::bytes_of(array.as_ref())?.iter().flatten() {
                if let Clob::OutOfRow(stored) = Clob::parse(cell)? {
                    bytes += stored.bytes;
                }
            }
        }
        Ok(bytes)
    }

    /// Ends the column.
    pub(crate) fn finish(self, data_type: &DataType) -> Result<FullColumn> {
        match self {
            ColumnBuffer::Arrays { arrays, .. } => {
                let array = match arrays.as_slice() {
                    [] => new_empty_array(&data_type.arrow_type()),
                    [one] => one.clone(),
                    _ => {
                        let arrays: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
                        arrow_select::concat::concat(&arrays)
                            .map_err(|e| Error::logical(format!("insert buffer: {e}")))?
                    }
                };
                Ok(FullColumn::Array(array))
            }
            ColumnBuffer::Values(table) => {
                let uncompressed = table.uncompressed();
                let parts = table.finish()?;
                let rows = parts.ids.len();
                if !parts.distinct || !dictionary_pays(parts.values.len() as u64, rows as u64) {
                    return Ok(FullColumn::Values { ids: parts.ids, values: parts.values });
                }
                let order = sort_ids(&parts.values);
                let ranks = rank_by_order(&order);
                let mut codes = parts.ids;
                codes.iter_mut().filter(|c| **c != NULL).for_each(|c| *c = ranks[*c as usize]);
                Ok(FullColumn::Codes {
                    codes,
                    values: parts.values,
                    order,
                    uncompressed,
                    nulls: parts.nulls > 0,
                })
            }
        }
    }
}

impl FullColumn {
    /// Numbers that sort as the values do.
    pub(crate) fn ordinals(&self, data_type: &DataType) -> Vec<Ordinals> {
        match self {
            FullColumn::Array(array) => Ordinals::of_array(array, data_type),
            FullColumn::Codes { codes, order, .. } => {
                vec![Ordinals::of_ranks(codes, order.len())]
            }
            FullColumn::Values { ids, values } => {
                let (ranks, distinct) = rank_values(values);
                let rank = |id: &u32| if *id == NULL { NULL } else { ranks[*id as usize] };
                let ranks: Vec<u32> = ids.iter().map(rank).collect();
                vec![Ordinals::of_ranks(&ranks, distinct)]
            }
        }
    }

    /// The values of some rows as a plain array.
    pub(crate) fn rows(&self, rows: &[u32]) -> Result<ArrayRef> {
        match self {
            FullColumn::Array(array) => {
                arrow_select::take::take(array, &UInt32Array::from(rows.to_vec()), None)
                    .map_err(|e| Error::logical(format!("insert rows: {e}")))
            }
            FullColumn::Codes { codes, values, order, .. } => {
                let id = |row: &u32| match codes[*row as usize] {
                    NULL => NULL,
                    code => order[code as usize],
                };
                values_of(values, &rows.iter().map(id).collect::<Vec<u32>>())
            }
            FullColumn::Values { ids, values } => {
                let ids: Vec<u32> = rows.iter().map(|row| ids[*row as usize]).collect();
                values_of(values, &ids)
            }
        }
    }

    /// The values of consecutive rows as a plain array.
    pub(crate) fn range(&self, start: usize, rows: usize) -> Result<ArrayRef> {
        match self {
            FullColumn::Array(array) => Ok(array.slice(start, rows)),
            FullColumn::Values { ids, values } => values_of(values, &ids[start..start + rows]),
            FullColumn::Codes { .. } => {
                self.rows(&(start as u32..(start + rows) as u32).collect::<Vec<u32>>())
            }
        }
    }
}

/// The rows of one partition that are not yet in a part.
pub(crate) struct PartitionBuffer {
    pub(crate) values: Vec<types::Value>,
    pub(crate) columns: Vec<ColumnBuffer>,
    pub(crate) rows: usize,
}

/// Values of a block above which its columns are added by several threads.
const PARALLEL_VALUES: usize = 50_000;

impl PartitionBuffer {
    pub(crate) fn new(values: Vec<types::Value>, types: &[DataType]) -> PartitionBuffer {
        PartitionBuffer { values, columns: types.iter().map(ColumnBuffer::new).collect(), rows: 0 }
    }

    pub(crate) fn add(&mut self, block: &Block, pool: &Arc<rayon::ThreadPool>) -> Result<()> {
        use rayon::iter::{IndexedParallelIterator, IntoParallelRefMutIterator, ParallelIterator};
        let columns = block.columns();
        if block.rows() * columns.len() < PARALLEL_VALUES {
            for (buffer, column) in self.columns.iter_mut().zip(columns) {
                buffer.add(column)?;
            }
        } else {
            let buffers = &mut self.columns;
            pool.install(|| {
                let both = buffers.par_iter_mut().zip(columns);
                both.try_for_each(|(buffer, column)| buffer.add(column))
            })?;
        }
        self.rows += block.rows();
        Ok(())
    }

    pub(crate) fn memory(&self) -> usize {
        self.columns.iter().map(ColumnBuffer::memory).sum()
    }
}
