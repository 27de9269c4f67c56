//! Sorting: all rows, or only the first of an order.

use std::sync::Arc;

use arrow_array::UInt32Array;
use base::Result;
use plan::{Plan, SortKey};
use types::{Block, Column, DataType};

use crate::context::ExecContext;
use crate::order::Order;
use crate::pipeline::{
    BlockReader, Materialized, Source, evaluator, execute_for, gather, lane_count,
};
use crate::scheduler::Step;

/// Rows of a block that is given out.
const BLOCK_ROWS: usize = 65_536;

/// Rows of a lane beyond which all but the first of a top order are dropped.
const KEPT_ROWS: usize = 65_536;

/// The rows of a plan in order.
pub(crate) fn sort(
    input: Plan,
    keys: &[SortKey],
    limit: Option<u64>,
    context: &Arc<ExecContext>,
) -> Result<Box<dyn Source>> {
    let source = execute_for(input, true, context)?;
    let blocks = match limit.and_then(|l| usize::try_from(l).ok()).filter(|l| *l < KEPT_ROWS) {
        Some(limit) => top_blocks(source.as_ref(), keys, limit, context)?,
        None => gather(source.as_ref(), context)?,
    };
    let all = Block::concat(&blocks)?;
    drop(blocks);
    let sorted = sorted(&all, keys, limit, context)?;
    let mut out = Vec::new();
    for chunk in sorted.chunks(BLOCK_ROWS) {
        context.cancel.check()?;
        out.push(take(&all, chunk)?);
    }
    Ok(Box::new(Materialized::new(out)))
}

fn take(block: &Block, rows: &[u32]) -> Result<Block> {
    if block.columns().is_empty() {
        return Ok(Block::new(Vec::new(), rows.len()));
    }
    block.take(&UInt32Array::from(rows.to_vec()))
}

/// The numbers of a block's rows in order.
fn sorted(
    block: &Block,
    keys: &[SortKey],
    limit: Option<u64>,
    context: &ExecContext,
) -> Result<Vec<u32>> {
    if block.rows() == 0 {
        return Ok(Vec::new());
    }
    if block.rows() > u32::MAX as usize {
        base::bail!(TooManyRows, "Sorting more than {} rows at once is not possible", u32::MAX);
    }
    let expressions: Vec<_> = keys.iter().map(|k| k.expression.clone()).collect();
    let columns = evaluator(&expressions, context)?.evaluate(block)?;
    let types: Vec<DataType> = expressions.iter().map(expr::Expr::data_type).collect();
    let order = Order::new(&columns, &types, keys)?;
    Ok(match limit.and_then(|l| usize::try_from(l).ok()) {
        Some(limit) if limit < block.rows() => order.smallest(block.rows(), limit),
        _ => {
            let mut rows: Vec<u32> = (0..block.rows() as u32).collect();
            order.sort(&mut rows);
            rows
        }
    })
}

/// The numbers of the first rows in order, by evaluated keys.
pub(crate) fn smallest(
    columns: &[Column],
    types: &[DataType],
    keys: &[SortKey],
    count: usize,
) -> Result<Vec<u32>> {
    let rows = columns.first().map_or(0, Column::len);
    Ok(Order::new(columns, types, keys)?.smallest(rows, count))
}

struct Lane {
    reader: Box<dyn BlockReader>,
    blocks: Vec<Block>,
    rows: usize,
    held: base::Reservation,
}

/// Enough of every lane's rows to find the first ones among them.
fn top_blocks(
    source: &dyn Source,
    keys: &[SortKey],
    limit: usize,
    context: &Arc<ExecContext>,
) -> Result<Vec<Block>> {
    let mut lanes = Vec::new();
    for _ in 0..lane_count(source, context) {
        lanes.push(Lane {
            reader: source.reader()?,
            blocks: Vec::new(),
            rows: 0,
            held: context.budget.reservation(),
        });
    }
    let (own, keys) = (context.clone(), keys.to_vec());
    let lanes = context.scheduler.run(lanes, move |lane: &mut Lane| {
        own.cancel.check()?;
        let Some(block) = lane.reader.next()? else { return Ok(Step::Done) };
        if block.rows() == 0 {
            return Ok(Step::Again);
        }
        lane.rows += block.rows();
        lane.held.resize(lane.held.bytes() + block.memory())?;
        lane.blocks.push(block);
        if lane.rows > KEPT_ROWS.max(limit * 4) {
            let all = Block::concat(&lane.blocks)?;
            let first = sorted(&all, &keys, Some(limit as u64), &own)?;
            let kept = take(&all, &first)?;
            lane.rows = kept.rows();
            lane.held.resize(kept.memory())?;
            lane.blocks = vec![kept];
        }
        Ok(Step::Again)
    })?;
    Ok(lanes.into_iter().flat_map(|l| l.blocks).collect())
}
