//! LIMIT, LIMIT BY and ARRAY JOIN.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{BooleanArray, UInt32Array};
use base::{Result, bail};
use expr::{Evaluator, Expr};
use parking_lot::Mutex;
use plan::{ArrayJoin, Plan};
use types::{Block, Column, DataType};

use crate::aggregate::KeyedCounter;
use crate::context::ExecContext;
use crate::order::Order;
use crate::pipeline::{BlockReader, Materialized, Source, evaluator, execute, gather};

/// Rows from a place on, in the input's order.
pub(crate) fn limit(
    input: Plan,
    offset: u64,
    limit: Option<u64>,
    ties: &[Expr],
    context: &Arc<ExecContext>,
) -> Result<Box<dyn Source>> {
    let source = execute(input, context)?;
    let (offset, limit) = (
        usize::try_from(offset).unwrap_or(usize::MAX),
        limit.map_or(usize::MAX, |l| usize::try_from(l).unwrap_or(usize::MAX)),
    );
    if !ties.is_empty() {
        return with_ties(source.as_ref(), offset, limit, ties, context);
    }
    Ok(Box::new(Limited {
        state: Arc::new(Mutex::new(State { reader: None, skip: offset, left: limit })),
        input: Arc::from(source),
        context: context.clone(),
    }))
}

/// Reads its input with one reader, so that rows keep their order.
struct Limited {
    input: Arc<dyn Source>,
    state: Arc<Mutex<State>>,
    context: Arc<ExecContext>,
}

struct State {
    reader: Option<Box<dyn BlockReader>>,
    skip: usize,
    left: usize,
}

struct LimitedReader {
    input: Arc<dyn Source>,
    state: Arc<Mutex<State>>,
    context: Arc<ExecContext>,
}

impl Source for Limited {
    fn reader(&self) -> Result<Box<dyn BlockReader>> {
        Ok(Box::new(LimitedReader {
            input: self.input.clone(),
            state: self.state.clone(),
            context: self.context.clone(),
        }))
    }

    fn lanes(&self) -> usize {
        1
    }

    fn rows(&self) -> Option<usize> {
        let left = self.state.lock().left;
        match self.input.rows() {
            Some(rows) => Some(rows.min(left)),
            None => (left < usize::MAX).then_some(left),
        }
    }
}

impl BlockReader for LimitedReader {
    fn next(&mut self) -> Result<Option<Block>> {
        self.context.cancel.check()?;
        let mut state = self.state.lock();
        if state.left == 0 {
            state.reader = None;
            return Ok(None);
        }
        if state.reader.is_none() {
            state.reader = Some(self.input.reader()?);
        }
        let next = match &mut state.reader {
            Some(reader) => reader.next()?,
            None => None,
        };
        let Some(block) = next else {
            state.left = 0;
            return Ok(None);
        };
        let skipped = state.skip.min(block.rows());
        state.skip -= skipped;
        let kept = (block.rows() - skipped).min(state.left);
        state.left -= kept;
        if kept == block.rows() {
            return Ok(Some(block));
        }
        Ok(Some(block.slice(skipped, kept)))
    }
}

fn with_ties(
    source: &dyn Source,
    offset: usize,
    limit: usize,
    ties: &[Expr],
    context: &Arc<ExecContext>,
) -> Result<Box<dyn Source>> {
    let all = Block::concat(&gather(source, context)?)?;
    let first = offset.min(all.rows());
    let mut end = offset.saturating_add(limit).min(all.rows());
    if end > first && end < all.rows() {
        let columns = evaluator(ties, context)?.evaluate(&all)?;
        let types: Vec<DataType> = ties.iter().map(Expr::data_type).collect();
        let keys: Vec<plan::SortKey> = ties
            .iter()
            .map(|e| plan::SortKey { expression: e.clone(), descending: false, nulls_first: false })
            .collect();
        let order = Order::new(&columns, &types, &keys)?;
        let last = end as u32 - 1;
        while end < all.rows() && order.compare(last, end as u32).is_eq() {
            end += 1;
        }
    }
    Ok(Box::new(Materialized::new(vec![all.slice(first, end - first)])))
}

/// Some rows of every combination of expressions, in the input's order.
pub(crate) fn limit_by(
    input: Plan,
    offset: u64,
    limit: u64,
    by: &[Expr],
    context: &Arc<ExecContext>,
) -> Result<Box<dyn Source>> {
    let source = execute(input, context)?;
    let blocks = gather(source.as_ref(), context)?;
    let evaluator = evaluator(by, context)?;
    let types: Vec<DataType> = by.iter().map(|e| e.data_type().without_low_cardinality()).collect();
    let mut counter = KeyedCounter::new(&types);
    let mut out = Vec::with_capacity(blocks.len());
    for block in blocks {
        context.cancel.check()?;
        let keys = evaluator.evaluate(&block)?;
        let seen = counter.count(&keys, block.rows())?;
        let mask: BooleanArray =
            seen.into_iter().map(|n| Some(n >= offset && n - offset < limit)).collect();
        out.push(block.filter(&mask)?);
    }
    Ok(Box::new(Materialized::in_order(out)))
}

/// A row for every element of some arrays.
pub(crate) fn array_join(join: ArrayJoin, context: &Arc<ExecContext>) -> Result<Box<dyn Source>> {
    let evaluator = evaluator(&join.arrays, context)?;
    let types = join.arrays.iter().map(Expr::data_type).collect();
    Ok(Box::new(Joined {
        input: execute(*join.input, context)?,
        evaluator,
        types,
        left: join.left,
        context: context.clone(),
    }))
}

struct Joined {
    input: Box<dyn Source>,
    evaluator: Arc<Evaluator>,
    types: Vec<DataType>,
    left: bool,
    context: Arc<ExecContext>,
}

struct JoinedReader {
    input: Box<dyn BlockReader>,
    evaluator: Arc<Evaluator>,
    types: Vec<DataType>,
    left: bool,
    context: Arc<ExecContext>,
}

impl Source for Joined {
    fn reader(&self) -> Result<Box<dyn BlockReader>> {
        Ok(Box::new(JoinedReader {
            input: self.input.reader()?,
            evaluator: self.evaluator.clone(),
            types: self.types.clone(),
            left: self.left,
            context: self.context.clone(),
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
        let Some(block) = self.input.next()? else { return Ok(None) };
        if block.rows() == 0 {
            return Ok(Some(block));
        }
        let arrays = self.evaluator.evaluate(&block)?;
        let lists = arrays.iter().map(Column::to_flat).collect::<Result<Vec<_>>>()?;
        let mut rows: Vec<u32> = Vec::new();
        let mut picks: Vec<Vec<Option<u32>>> = vec![Vec::new(); lists.len()];
        for row in 0..block.rows() {
            let mut length = None;
            for list in &lists {
                let own = list.as_list::<i32>().value_length(row) as usize;
                if length.is_some_and(|l| l != own) {
                    bail!(SizesOfArraysDontMatch, "Sizes of ARRAY-JOIN-ed arrays do not match");
                }
                length = Some(own);
            }
            let length = length.unwrap_or(0);
            if length == 0 && self.left {
                rows.push(row as u32);
                picks.iter_mut().for_each(|p| p.push(None));
            }
            for at in 0..length {
                rows.push(row as u32);
                for (list, picks) in lists.iter().zip(&mut picks) {
                    let start = list.as_list::<i32>().value_offsets()[row] as u32;
                    picks.push(Some(start + at as u32));
                }
            }
        }
        let rows = UInt32Array::from(rows);
        let mut columns: Vec<Column> =
            block.columns().iter().map(|c| c.take(&rows)).collect::<Result<_>>()?;
        for ((list, picks), data_type) in lists.iter().zip(picks).zip(&self.types) {
            let Some(item) = data_type.list_item() else {
                bail!(TypeMismatch, "ARRAY JOIN requires an array argument");
            };
            let items = Column::Flat(list.as_list::<i32>().values().clone());
            let missing = picks.iter().any(Option::is_none);
            let taken = if missing {
                let default = Column::Flat(types::default_array(&item, 1)?);
                let end = items.len() as u32;
                let both = Column::concat(&[items, default])?;
                let places: Vec<u32> = picks.into_iter().map(|p| p.unwrap_or(end)).collect();
                both.take(&UInt32Array::from(places))?
            } else {
                let places: Vec<u32> = picks.into_iter().flatten().collect();
                items.take(&UInt32Array::from(places))?
            };
            columns.push(taken);
        }
        Ok(Some(Block::new(columns, rows.len())))
    }
}
