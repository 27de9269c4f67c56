//! Sorting: all rows, or only the first of an order.
//!
//! 1. Every lane gathers rows. Where only the first are wanted, it drops the others from time to time.
//! 2. A lane whose rows do not fit into its share of the query's memory sorts them into a run, which goes to
//!    the temporary file. At its end a lane sorts what it has left into a run in memory.
//! 3. Runs are merged while they are read, by a single reader: see `merge`.

mod merge;

use std::sync::Arc;

use arrow_array::UInt32Array;
use base::{ErrorCode, Reservation, Result};
use expr::{Evaluator, Expr};
use plan::{Plan, SortKey};
use types::{Block, Column, DataType};

use crate::context::ExecContext;
use crate::order::Order;
use crate::overflow::Tally;
use crate::pipeline::{BlockReader, Source, evaluator, execute_for, lane_count};
use crate::scheduler::Step;
use crate::spill::Segment;

/// Rows of a block that is given out.
const BLOCK_ROWS: usize = 65_536;

/// Rows of a block that is spilled: as many as there are runs are read back at once.
const SPILLED_ROWS: usize = 8192;

/// Rows of a lane beyond which all but the first of a top order are dropped.
const KEPT_ROWS: usize = 65_536;

/// Row numbers have 32 bits.
const MOST_ROWS: usize = 1 << 31;

/// The rows of a plan in order.
pub(crate) fn sort(
    input: Plan,
    keys: &[SortKey],
    limit: Option<u64>,
    context: &Arc<ExecContext>,
) -> Result<Box<dyn Source>> {
    let source = execute_for(input, true, context)?;
    let sorter = Arc::new(Sorter::new(keys, limit, context)?);
    let mut lanes = Vec::new();
    for _ in 0..lane_count(source.as_ref(), context) {
        lanes.push(Lane {
            reader: source.reader()?,
            blocks: Vec::new(),
            rows: 0,
            runs: Vec::new(),
            held: context.budget.reservation(),
        });
    }
    let own = sorter.clone();
    let lanes = context.scheduler.run(lanes, move |lane: &mut Lane| own.step(lane))?;
    let (mut runs, mut held) = (Vec::new(), Vec::new());
    for lane in lanes {
        runs.extend(lane.runs);
        held.push(lane.held);
    }
    Ok(Box::new(merge::Merged::new(sorter, runs, held)))
}

/// What all lanes of a sort share.
struct Sorter {
    keys: Vec<SortKey>,
    types: Vec<DataType>,
    evaluator: Arc<Evaluator>,
    limit: usize,
    /// Rows that all lanes have taken.
    taken: Tally,
    context: Arc<ExecContext>,
}

struct Lane {
    reader: Box<dyn BlockReader>,
    blocks: Vec<Block>,
    rows: usize,
    runs: Vec<Run>,
    held: Reservation,
}

/// Sorted rows, in pieces.
type Run = Vec<Piece>;

enum Piece {
    Block(Block),
    Spilled(Segment),
}

impl Sorter {
    fn new(keys: &[SortKey], limit: Option<u64>, context: &Arc<ExecContext>) -> Result<Sorter> {
        let expressions: Vec<Expr> = keys.iter().map(|k| k.expression.clone()).collect();
        Ok(Sorter {
            keys: keys.to_vec(),
            types: expressions.iter().map(Expr::data_type).collect(),
            evaluator: evaluator(&expressions, context)?,
            limit: limit.map_or(usize::MAX, |l| usize::try_from(l).unwrap_or(usize::MAX)),
            taken: Tally::default(),
            context: context.clone(),
        })
    }

    fn step(&self, lane: &mut Lane) -> Result<Step> {
        self.context.cancel.check()?;
        let Some(block) = lane.reader.next()? else { return self.end(lane) };
        if block.rows() == 0 {
            return Ok(Step::Again);
        }
        let taken = self.taken.add(block.rows());
        let limit = self.context.settings.limits.sort;
        let over = limit.is_over(taken, "rows to sort", ErrorCode::TooManyRowsOrBytes)?;
        lane.rows += block.rows();
        let bytes = lane.held.bytes() + block.memory();
        lane.blocks.push(block);
        if self.limit < KEPT_ROWS && lane.rows > KEPT_ROWS.max(self.limit * 4) {
            let (all, order) = self.gathered(lane)?;
            let kept = take(&all, &order)?;
            lane.rows = kept.rows();
            lane.held.resize(kept.memory())?;
            lane.blocks = vec![kept];
        } else if lane.rows > MOST_ROWS
            || self.context.must_spill(&mut lane.held, bytes, self.context.settings.spill_sort)?
        {
            let run = self.spilled(lane)?;
            lane.runs.push(run);
            lane.held.resize(0)?;
        }
        if over { self.end(lane) } else { Ok(Step::Again) }
    }

    /// Sorts what a lane has left.
    fn end(&self, lane: &mut Lane) -> Result<Step> {
        if lane.rows > 0 {
            let (all, order) = self.gathered(lane)?;
            let blocks = order.chunks(BLOCK_ROWS).map(|rows| take(&all, rows));
            let run = blocks.map(|b| b.map(Piece::Block)).collect::<Result<Run>>()?;
            lane.runs.push(run);
        }
        Ok(Step::Done)
    }

    /// The rows of a lane, which has none afterwards, and their numbers in order, up to the limit.
    fn gathered(&self, lane: &mut Lane) -> Result<(Block, Vec<u32>)> {
        let all = Block::concat(&std::mem::take(&mut lane.blocks))?;
        lane.rows = 0;
        let order = Order::new(&self.evaluator.evaluate(&all)?, &self.types, &self.keys)?;
        let rows = if self.limit < all.rows() {
            order.smallest(all.rows(), self.limit)
        } else {
            let mut rows: Vec<u32> = (0..all.rows() as u32).collect();
            order.sort(&mut rows);
            rows
        };
        Ok((all, rows))
    }

    /// The rows of a lane as a run in the temporary file.
    fn spilled(&self, lane: &mut Lane) -> Result<Run> {
        let (all, order) = self.gathered(lane)?;
        let mut run = Vec::with_capacity(order.len().div_ceil(SPILLED_ROWS));
        for rows in order.chunks(SPILLED_ROWS) {
            self.context.cancel.check()?;
            run.push(Piece::Spilled(self.context.spill.write(&take(&all, rows)?)?));
        }
        Ok(run)
    }

    /// The order of some rows.
    fn order(&self, keys: &[Column]) -> Result<Order> {
        Order::new(keys, &self.types, &self.keys)
    }
}

fn take(block: &Block, rows: &[u32]) -> Result<Block> {
    if block.columns().is_empty() {
        return Ok(Block::new(Vec::new(), rows.len()));
    }
    block.take(&UInt32Array::from(rows.to_vec()))
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
