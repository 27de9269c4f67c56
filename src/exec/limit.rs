//! LIMIT and LIMIT BY.

use std::sync::Arc;

use arrow_array::BooleanArray;
use base::Result;
use expr::Expr;
use parking_lot::Mutex;
use plan::Plan;
use types::{Block, DataType};

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
