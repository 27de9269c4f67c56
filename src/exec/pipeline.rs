//! From a plan to blocks.

mod stream;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::cast::AsArray;
use arrow_array::types::UInt8Type;
use arrow_array::{Array, ArrayRef, BooleanArray};
use arrow_buffer::BooleanBuffer;
use base::{Result, bail};
use expr::{Evaluator, Expr};
use plan::Plan;
use types::{Block, Column, Dictionary};

use crate::context::ExecContext;
use crate::scheduler::Step;
use crate::{aggregate, join, limit, metadata, partials, project, scan, sort, top_scan};

pub use stream::stream;
pub(crate) use stream::stream_source;

/// Rows that lanes can read side by side.
pub trait Source: Send + Sync {
    /// A reader for one lane; the rows of all readers together are the source's.
    fn reader(&self) -> Result<Box<dyn BlockReader>>;

    /// How many lanes there is work for.
    fn lanes(&self) -> usize;

    /// How many rows there will be, at most, if that is known.
    fn rows(&self) -> Option<usize>;

    /// How many rows there will be, about, judged by what was read so far; 0 where nothing is known.
    fn expected_rows(&self) -> usize {
        self.rows().unwrap_or(0)
    }

    /// The dictionary of a column, if all blocks hold codes of that one.
    fn dictionary(&self, _column: usize) -> Option<Arc<dyn Dictionary>> {
        None
    }

    /// Asks for codes instead of values of columns of integers, where they have one dictionary; must be said
    /// before the first reader is made. What then comes as codes, [`Source::dictionary`] tells.
    ///
    /// # Errors
    /// Those of reading dictionaries.
    fn want_codes(&self, _columns: &[usize]) -> Result<()> {
        Ok(())
    }

    /// Between which values a column of integers lies (both included), if that is known.
    fn bounds(&self, _column: usize) -> Option<Bounds> {
        None
    }
}

/// The least and the greatest value that there may be.
pub type Bounds = (i128, i128);

/// Reads blocks for one lane.
pub trait BlockReader: Send {
    /// The next block, which may be empty; `None` at the end.
    fn next(&mut self) -> Result<Option<Block>>;
}

/// Makes a source of a plan; everything below a breaking node is run already.
pub fn execute(plan: Plan, context: &Arc<ExecContext>) -> Result<Box<dyn Source>> {
    execute_for(plan, false, context)
}

/// Makes a source of a plan; with `codes` its reader compares strings, so that dictionaries of several parts
/// are brought together.
pub(crate) fn execute_for(
    plan: Plan,
    codes: bool,
    context: &Arc<ExecContext>,
) -> Result<Box<dyn Source>> {
    context.cancel.check()?;
    Ok(match plan {
        Plan::Scan(scan) => scan::source(scan, codes, context)?,
        Plan::Values { blocks, .. } => Box::new(Materialized::new(blocks)),
        Plan::Filter { input, predicate } => Box::new(Filtered {
            input: execute_for(*input, codes, context)?,
            evaluator: evaluator(&[predicate], context)?,
            context: context.clone(),
        }),
        Plan::Project { input, expressions, .. } => {
            project::project(execute_for(*input, codes, context)?, expressions, context)?
        }
        Plan::Aggregate(aggregation) => match metadata::answer(&aggregation, context)? {
            Some(block) => Box::new(Materialized::new(vec![block])),
            None => match partials::run(&aggregation, context)? {
                partials::Tried::Done(merged) => merged,
                partials::Tried::Not(first_use) => {
                    aggregate::aggregate(aggregation, first_use, context)?
                }
            },
        },
        Plan::Distinct { input, columns, limit } => {
            aggregate::distinct(*input, &columns, limit, context)?
        }
        Plan::Sort { input, keys, limit } => match top_scan::try_top(*input, keys, limit, context)?
        {
            top_scan::Tried::Done(source) => source,
            top_scan::Tried::Not(input, keys) => sort::sort(*input, &keys, limit, context)?,
        },
        Plan::Limit { input, offset, limit, ties } => {
            limit::limit(*input, offset, limit, &ties, context)?
        }
        Plan::LimitBy { input, offset, limit, by } => {
            limit::limit_by(*input, offset, limit, &by, context)?
        }
        Plan::Join(join) => join::join(join, codes, context)?,
        Plan::Union { inputs, .. } => {
            let inputs = inputs.into_iter().map(|i| execute(i, context)).collect::<Result<_>>()?;
            Box::new(Chained { inputs: Arc::new(inputs) })
        }
        Plan::ArrayJoin(join) => crate::array_join::array_join(join, context)?,
        Plan::Window(window) => crate::window::window(window, context)?,
        Plan::Fill(fill) => crate::fill::fill(fill, context)?,
        Plan::GroupingSets(groups) => crate::grouping_sets::grouping_sets(groups, context)?,
    })
}

pub(crate) fn evaluator(expressions: &[Expr], context: &ExecContext) -> Result<Arc<Evaluator>> {
    Ok(Arc::new(Evaluator::new(expressions, &context.registry, &context.functions)?))
}

/// Runs a plan and gives all its blocks.
pub fn collect(plan: Plan, context: &Arc<ExecContext>) -> Result<Vec<Block>> {
    let source = execute(plan, context)?;
    gather(source.as_ref(), context)
}

/// All blocks of a source; in the source's order when one lane reads it.
pub(crate) fn gather(source: &dyn Source, context: &Arc<ExecContext>) -> Result<Vec<Block>> {
    struct Lane {
        reader: Box<dyn BlockReader>,
        blocks: Vec<Block>,
        held: base::Reservation,
    }
    let mut lanes = Vec::new();
    for _ in 0..lane_count(source, context) {
        lanes.push(Lane {
            reader: source.reader()?,
            blocks: Vec::new(),
            held: context.budget.reservation(),
        });
    }
    let own = context.clone();
    let lanes = context.scheduler.run(lanes, move |lane: &mut Lane| {
        own.cancel.check()?;
        match lane.reader.next()? {
            None => Ok(Step::Done),
            Some(block) => {
                if block.rows() > 0 {
                    lane.held.resize(lane.held.bytes() + block.memory())?;
                    lane.blocks.push(block);
                }
                Ok(Step::Again)
            }
        }
    })?;
    Ok(lanes.into_iter().flat_map(|l| l.blocks).collect())
}

/// Lanes that a source is read with: not more than it has work for, and one for few rows, so that
/// these keep their order.
pub(crate) fn lane_count(source: &dyn Source, context: &ExecContext) -> usize {
    let few = source.rows().is_some_and(|rows| rows <= 2 * context.settings.block_rows);
    if few { 1 } else { source.lanes().clamp(1, context.settings.threads.max(1)) }
}

/// Blocks at hand.
pub(crate) struct Materialized {
    blocks: Arc<Vec<Block>>,
    next: Arc<AtomicUsize>,
    lanes: usize,
}

impl Materialized {
    pub(crate) fn new(blocks: Vec<Block>) -> Materialized {
        let lanes = blocks.len();
        Materialized { blocks: Arc::new(blocks), next: Arc::new(AtomicUsize::new(0)), lanes }
    }

    /// Blocks that are given out in their order.
    pub(crate) fn in_order(blocks: Vec<Block>) -> Materialized {
        Materialized { lanes: 1, ..Materialized::new(blocks) }
    }
}

impl Source for Materialized {
    fn reader(&self) -> Result<Box<dyn BlockReader>> {
        Ok(Box::new(MaterializedReader { blocks: self.blocks.clone(), next: self.next.clone() }))
    }

    fn lanes(&self) -> usize {
        self.lanes
    }

    fn rows(&self) -> Option<usize> {
        Some(self.blocks.iter().map(Block::rows).sum())
    }
}

struct MaterializedReader {
    blocks: Arc<Vec<Block>>,
    next: Arc<AtomicUsize>,
}

impl BlockReader for MaterializedReader {
    fn next(&mut self) -> Result<Option<Block>> {
        let at = self.next.fetch_add(1, Ordering::Relaxed);
        Ok(self.blocks.get(at).cloned())
    }
}

/// Rows for which a predicate holds.
struct Filtered {
    input: Box<dyn Source>,
    evaluator: Arc<Evaluator>,
    context: Arc<ExecContext>,
}

struct FilteredReader {
    input: Box<dyn BlockReader>,
    evaluator: Arc<Evaluator>,
    context: Arc<ExecContext>,
}

impl Source for Filtered {
    fn reader(&self) -> Result<Box<dyn BlockReader>> {
        Ok(Box::new(FilteredReader {
            input: self.input.reader()?,
            evaluator: self.evaluator.clone(),
            context: self.context.clone(),
        }))
    }

    fn lanes(&self) -> usize {
        self.input.lanes()
    }

    fn rows(&self) -> Option<usize> {
        self.input.rows()
    }

    fn expected_rows(&self) -> usize {
        self.input.expected_rows()
    }

    fn dictionary(&self, column: usize) -> Option<Arc<dyn Dictionary>> {
        self.input.dictionary(column)
    }

    fn bounds(&self, column: usize) -> Option<Bounds> {
        self.input.bounds(column)
    }
}

impl BlockReader for FilteredReader {
    fn next(&mut self) -> Result<Option<Block>> {
        self.context.cancel.check()?;
        let Some(block) = self.input.next()? else { return Ok(None) };
        if block.rows() == 0 {
            return Ok(Some(block));
        }
        let condition = self.evaluator.evaluate_one(block.columns(), block.rows())?;
        keep(block, &condition).map(Some)
    }
}

/// The rows for which a condition holds.
pub(crate) fn keep(block: Block, condition: &Column) -> Result<Block> {
    if let Column::Constant { value, .. } = condition {
        return Ok(if truth(value)?.value(0) { block } else { block.slice(0, 0) });
    }
    let mask = truth(&condition.to_flat()?)?;
    match mask.count_set_bits() {
        all if all == block.rows() => Ok(block),
        0 => Ok(block.slice(0, 0)),
        _ => block.filter(&BooleanArray::new(mask, None)),
    }
}

/// Which rows of a condition are true: not 0, not NULL.
pub(crate) fn truth(condition: &ArrayRef) -> Result<BooleanBuffer> {
    use arrow_array::types as t;
    fn set<T: arrow_array::ArrowPrimitiveType>(array: &ArrayRef) -> BooleanBuffer
    where
        T::Native: Default + PartialEq,
    {
        let values = array.as_primitive::<T>().values();
        BooleanBuffer::collect_bool(values.len(), |row| values[row] != T::Native::default())
    }
    let set = match condition.data_type() {
        arrow_schema::DataType::UInt8 => set::<UInt8Type>(condition),
        arrow_schema::DataType::UInt16 => set::<t::UInt16Type>(condition),
        arrow_schema::DataType::UInt32 => set::<t::UInt32Type>(condition),
        arrow_schema::DataType::UInt64 => set::<t::UInt64Type>(condition),
        arrow_schema::DataType::Int8 => set::<t::Int8Type>(condition),
        arrow_schema::DataType::Int16 => set::<t::Int16Type>(condition),
        arrow_schema::DataType::Int32 => set::<t::Int32Type>(condition),
        arrow_schema::DataType::Int64 => set::<t::Int64Type>(condition),
        arrow_schema::DataType::Float32 => set::<t::Float32Type>(condition),
        arrow_schema::DataType::Float64 => set::<t::Float64Type>(condition),
        other => bail!(IllegalTypeOfColumnForFilter, "Illegal type {other} of a condition"),
    };
    Ok(match condition.nulls() {
        Some(nulls) => &set & nulls.inner(),
        None => set,
    })
}

/// The inputs of a union, one after another.
struct Chained {
    inputs: Arc<Vec<Box<dyn Source>>>,
}

struct ChainedReader {
    inputs: Arc<Vec<Box<dyn Source>>>,
    at: usize,
    reader: Option<Box<dyn BlockReader>>,
}

impl Source for Chained {
    fn reader(&self) -> Result<Box<dyn BlockReader>> {
        Ok(Box::new(ChainedReader { inputs: self.inputs.clone(), at: 0, reader: None }))
    }

    fn lanes(&self) -> usize {
        self.inputs.iter().map(|i| i.lanes()).sum()
    }

    fn rows(&self) -> Option<usize> {
        self.inputs.iter().map(|i| i.rows()).sum()
    }
}

impl BlockReader for ChainedReader {
    fn next(&mut self) -> Result<Option<Block>> {
        loop {
            if let Some(reader) = &mut self.reader {
                if let Some(block) = reader.next()? {
                    return Ok(Some(block));
                }
                self.reader = None;
                self.at += 1;
            }
            match self.inputs.get(self.at) {
                Some(input) => self.reader = Some(input.reader()?),
                None => return Ok(None),
            }
        }
    }
}
