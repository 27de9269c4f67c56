//! ARRAY JOIN: a row for every element of some arrays.
//!
//! 1. A block's rows come out in pieces of bounded size, in order.
//! 2. Small rows are copied once for each of their elements. A row with many elements has pieces
//!    of its own, in which all other columns are constants: it costs what its elements cost.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, ListArray, UInt32Array};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use base::{Error, Result, bail};
use expr::{Evaluator, Expr};
use plan::ArrayJoin;
use types::{Block, Column, DataType};

use crate::context::ExecContext;
use crate::pipeline::{BlockReader, Source, evaluator, execute};

/// Rows of a piece, about.
const PIECE: usize = 65_536;

/// Elements from which on a row has pieces of its own.
const LARGE: usize = 256;

/// A row for every element of some arrays.
pub(crate) fn array_join(join: ArrayJoin, context: &Arc<ExecContext>) -> Result<Box<dyn Source>> {
    let evaluator = evaluator(&join.arrays, context)?;
    let types = join.arrays.iter().map(Expr::data_type).collect();
    Ok(Box::new(Joined {
        input: execute(*join.input, context)?,
        evaluator,
        types,
        left: join.left,
        unaligned: join.unaligned,
        context: context.clone(),
    }))
}

struct Joined {
    input: Box<dyn Source>,
    evaluator: Arc<Evaluator>,
    types: Vec<DataType>,
    left: bool,
    unaligned: bool,
    context: Arc<ExecContext>,
}

struct JoinedReader {
    input: Box<dyn BlockReader>,
    evaluator: Arc<Evaluator>,
    types: Vec<DataType>,
    left: bool,
    unaligned: bool,
    context: Arc<ExecContext>,
    current: Option<Current>,
}

/// The block whose rows are coming out.
struct Current {
    block: Block,
    lists: Vec<ArrayRef>,
    /// The next row, and its first element that has not come out.
    row: usize,
    element: usize,
}

impl Source for Joined {
    fn reader(&self) -> Result<Box<dyn BlockReader>> {
        Ok(Box::new(JoinedReader {
            input: self.input.reader()?,
            evaluator: self.evaluator.clone(),
            types: self.types.clone(),
            left: self.left,
            unaligned: self.unaligned,
            context: self.context.clone(),
            current: None,
        }))
    }

    fn lanes(&self) -> usize {
        self.input.lanes()
    }

    fn rows(&self) -> Option<usize> {
        None
    }
}

impl BlockReader for JoinedReader {
    fn next(&mut self) -> Result<Option<Block>> {
        self.context.cancel.check()?;
        let mut current = match self.current.take() {
            Some(current) => current,
            None => {
                let Some(block) = self.input.next()? else { return Ok(None) };
                if block.rows() == 0 {
                    return Ok(Some(block));
                }
                let arrays = self.evaluator.evaluate(&block)?;
                let mut lists = arrays.iter().map(Column::to_flat).collect::<Result<Vec<_>>>()?;
                if self.unaligned {
                    align(&mut lists, &self.types)?;
                }
                Current { block, lists, row: 0, element: 0 }
            }
        };
        let piece = match current.length(current.row)? {
            large if large >= LARGE => current.large(large, &self.types)?,
            _ => current.small(self.left, &self.types)?,
        };
        if current.row < current.block.rows() {
            self.current = Some(current);
        }
        Ok(Some(piece))
    }
}

impl Current {
    /// The number of a row's elements, which all its arrays must have.
    fn length(&self, row: usize) -> Result<usize> {
        let mut lengths = self.lists.iter().map(|l| l.as_list::<i32>().value_length(row) as usize);
        let length = lengths.next().unwrap_or(0);
        if lengths.any(|other| other != length) {
            bail!(SizesOfArraysDontMatch, "Sizes of ARRAY-JOIN-ed arrays do not match");
        }
        Ok(length)
    }

    /// Some elements of the row, which has `length` of them.
    fn large(&mut self, length: usize, types: &[DataType]) -> Result<Block> {
        let (row, first) = (self.row, self.element);
        let count = PIECE.min(length - first);
        let mut columns = Vec::with_capacity(self.block.columns().len() + self.lists.len());
        for column in self.block.columns() {
            columns.push(Column::Constant { value: column.slice(row, 1).to_flat()?, len: count });
        }
        for (list, data_type) in self.lists.iter().zip(types) {
            item_type(data_type)?;
            let list = list.as_list::<i32>();
            let start = list.value_offsets()[row] as usize + first;
            columns.push(Column::Flat(list.values().slice(start, count)));
        }
        self.element += count;
        if self.element == length {
            (self.row, self.element) = (row + 1, 0);
        }
        Ok(Block::new(columns, count))
    }

    /// All elements of the next rows that have few.
    fn small(&mut self, left: bool, types: &[DataType]) -> Result<Block> {
        let mut rows: Vec<u32> = Vec::new();
        let mut picks: Vec<Vec<Option<u32>>> = vec![Vec::new(); self.lists.len()];
        while self.row < self.block.rows() && rows.len() < PIECE {
            let length = self.length(self.row)?;
            if length >= LARGE {
                break;
            }
            if length == 0 && left {
                rows.push(self.row as u32);
                picks.iter_mut().for_each(|p| p.push(None));
            }
            rows.resize(rows.len() + length, self.row as u32);
            for (list, picks) in self.lists.iter().zip(&mut picks) {
                let start = list.as_list::<i32>().value_offsets()[self.row] as u32;
                picks.extend((start..start + length as u32).map(Some));
            }
            self.row += 1;
        }
        let rows = UInt32Array::from(rows);
        let mut columns: Vec<Column> =
            self.block.columns().iter().map(|c| c.take(&rows)).collect::<Result<_>>()?;
        for ((list, picks), data_type) in self.lists.iter().zip(picks).zip(types) {
            columns.push(elements(list, picks, &item_type(data_type)?)?);
        }
        Ok(Block::new(columns, rows.len()))
    }
}

/// Fills the shorter arrays of each row up with defaults.
fn align(lists: &mut [ArrayRef], types: &[DataType]) -> Result<()> {
    let Some(rows) = lists.first().map(|list| list.len()) else { return Ok(()) };
    let length = |list: &ArrayRef, row: usize| list.as_list::<i32>().value_length(row) as usize;
    let lengths: Vec<usize> =
        (0..rows).map(|row| lists.iter().map(|l| length(l, row)).max().unwrap_or(0)).collect();
    for (list, data_type) in lists.iter_mut().zip(types) {
        let item = item_type(data_type)?;
        let (mut picks, mut offsets) = (Vec::new(), vec![0_i32]);
        for (row, wanted) in lengths.iter().enumerate() {
            let start = list.as_list::<i32>().value_offsets()[row] as u32;
            let own = length(list, row);
            picks.extend((start..start + own as u32).map(Some));
            picks.resize(picks.len() + wanted - own, None);
            if picks.len() > i32::MAX as usize {
                bail!(
                    TooLargeArraySize,
                    "ARRAY JOIN of more than {} elements in a block",
                    i32::MAX
                );
            }
            offsets.push(picks.len() as i32);
        }
        let items = elements(list, picks, &item)?.to_flat()?;
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        let aligned = ListArray::try_new(types::item_field(&item), offsets, items, None);
        *list = Arc::new(aligned.map_err(|e| Error::logical(format!("ARRAY JOIN: {e}")))?);
    }
    Ok(())
}

fn item_type(data_type: &DataType) -> Result<DataType> {
    match data_type.list_item() {
        Some(item) => Ok(item),
        None => bail!(TypeMismatch, "ARRAY JOIN requires an array argument"),
    }
}

/// The picked elements; a default for each that is missing.
fn elements(list: &ArrayRef, picks: Vec<Option<u32>>, item: &DataType) -> Result<Column> {
    let items = Column::Flat(list.as_list::<i32>().values().clone());
    if picks.iter().all(Option::is_some) {
        let places: Vec<u32> = picks.into_iter().flatten().collect();
        return items.take(&UInt32Array::from(places));
    }
    let default = Column::Flat(types::default_array(item, 1)?);
    let end = items.len() as u32;
    let both = Column::concat(&[items, default])?;
    let places: Vec<u32> = picks.into_iter().map(|p| p.unwrap_or(end)).collect();
    both.take(&UInt32Array::from(places))
}
