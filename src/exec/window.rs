//! Functions over windows.
//!
//! 1. The rows are sorted by partition and order (and spill there), unless the window below left them so.
//! 2. They are gathered, block by block, until at least [`BATCH_ROWS`] rows of whole partitions are there. Lanes
//!    take turns at that, each for one block, and compute batches side by side.
//! 3. For a batch the rows of every frame are found (`frames`), then each function gives a column: a row number
//!    to take the value of (`picks`), a rank (`ranks`), a running sum (`sums`) or an aggregate (`aggregates`).
//!
//! Invariant: a partition never lies in two batches, and a single reader gets batches in the order of the rows.

mod aggregates;
mod frames;
mod picks;
mod ranks;
mod sums;
mod tree;

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use base::{Reservation, Result, bail};
use expr::{Evaluator, Expr};
use parking_lot::Mutex;
use plan::{Frame, SortKey, Window, WindowCall};
use types::{Block, Column, DataType};

use crate::context::ExecContext;
use crate::order::Order;
use crate::pipeline::{BlockReader, Source, evaluator, execute};
use crate::sort;

use frames::{Frames, Partitions};

/// Rows of whole partitions that are computed together, at least.
const BATCH_ROWS: usize = 65_536;

/// Rows of a block that is given out.
const BLOCK_ROWS: usize = 65_536;

/// Row numbers have 32 bits, with one to spare.
const MOST_ROWS: usize = 1 << 31;

/// The rows of a window's input with what is computed over them.
pub(crate) fn window(window: Window, context: &Arc<ExecContext>) -> Result<Box<dyn Source>> {
    let sorted = window.is_sorted();
    let keys = window.sort_keys();
    let Window { input, partition, order, calls, .. } = window;
    let source: Arc<dyn Source> = if sorted {
        execute(*input, context)?.into()
    } else {
        sort::sort(*input, &keys, None, context)?.into()
    };
    let lanes = if partition.is_empty() { 1 } else { context.settings.threads.max(1) };
    let order_expressions: Vec<Expr> = order.iter().map(|k| k.expression.clone()).collect();
    let arguments: Vec<Expr> = calls.iter().flat_map(|c| c.arguments.clone()).collect();
    let shared = Arc::new(Shared {
        partition: Keys::new(&partition, None, context)?,
        order: Keys::new(&order_expressions, Some(order), context)?,
        arguments: evaluator(&arguments, context)?,
        calls,
        context: context.clone(),
    });
    let gathered = Gathered {
        reader: None,
        blocks: Vec::new(),
        rows: 0,
        held: context.budget.reservation(),
        over: false,
    };
    Ok(Box::new(Windowed { source, shared, gathered: Arc::new(Mutex::new(gathered)), lanes }))
}

/// Keys whose change from row to row is looked at.
struct Keys {
    evaluator: Arc<Evaluator>,
    types: Vec<DataType>,
    keys: Vec<SortKey>,
}

impl Keys {
    fn new(
        expressions: &[Expr],
        keys: Option<Vec<SortKey>>,
        context: &ExecContext,
    ) -> Result<Keys> {
        let ascending =
            |e: &Expr| SortKey { expression: e.clone(), descending: false, nulls_first: false };
        Ok(Keys {
            evaluator: evaluator(expressions, context)?,
            types: expressions.iter().map(Expr::data_type).collect(),
            keys: keys.unwrap_or_else(|| expressions.iter().map(ascending).collect()),
        })
    }

    /// How rows compare; nothing to compare by where there are no keys.
    fn order(&self, block: &Block) -> Result<Option<Order>> {
        if self.keys.is_empty() {
            return Ok(None);
        }
        Order::new(&self.evaluator.evaluate(block)?, &self.types, &self.keys).map(Some)
    }
}

/// What all lanes share.
struct Shared {
    partition: Keys,
    order: Keys,
    arguments: Arc<Evaluator>,
    calls: Vec<WindowCall>,
    context: Arc<ExecContext>,
}

struct Windowed {
    source: Arc<dyn Source>,
    shared: Arc<Shared>,
    gathered: Arc<Mutex<Gathered>>,
    lanes: usize,
}

/// Rows that are waiting for their partitions to end.
struct Gathered {
    reader: Option<Box<dyn BlockReader>>,
    blocks: Vec<Block>,
    rows: usize,
    held: Reservation,
    over: bool,
}

struct WindowReader {
    source: Arc<dyn Source>,
    shared: Arc<Shared>,
    gathered: Arc<Mutex<Gathered>>,
    ready: VecDeque<Block>,
    /// Memory of the batch that is being given out.
    held: Reservation,
}

impl Source for Windowed {
    fn reader(&self) -> Result<Box<dyn BlockReader>> {
        Ok(Box::new(WindowReader {
            source: self.source.clone(),
            shared: self.shared.clone(),
            gathered: self.gathered.clone(),
            ready: VecDeque::new(),
            held: self.shared.context.budget.reservation(),
        }))
    }

    fn lanes(&self) -> usize {
        self.lanes
    }

    fn rows(&self) -> Option<usize> {
        self.source.rows()
    }
}

impl BlockReader for WindowReader {
    fn next(&mut self) -> Result<Option<Block>> {
        self.shared.context.cancel.check()?;
        if let Some(block) = self.ready.pop_front() {
            return Ok(Some(block));
        }
        self.held.resize(0)?;
        let batch = {
            let mut gathered = self.gathered.lock();
            if gathered.over {
                return Ok(None);
            }
            if gathered.reader.is_none() {
                gathered.reader = Some(self.source.reader()?);
            }
            gathered.take(&self.shared)?
        };
        if batch.is_empty() {
            return Ok(Some(Block::new(Vec::new(), 0)));
        }
        let bytes: usize = batch.iter().map(Block::memory).sum();
        let rows: usize = batch.iter().map(Block::rows).sum();
        // The rows, once more put together, and about a word a row and function, and the frames.
        let words = rows.saturating_mul(8 * (self.shared.calls.len() + 2));
        self.held.resize(bytes.saturating_mul(2).saturating_add(words))?;
        let block = Block::concat(&batch)?;
        drop(batch);
        let done = self.shared.compute(block)?;
        for first in (0..done.rows()).step_by(BLOCK_ROWS) {
            self.ready.push_back(done.slice(first, BLOCK_ROWS.min(done.rows() - first)));
        }
        Ok(self.ready.pop_front())
    }
}

impl Gathered {
    /// Reads a block; the rows of whole partitions, if there are enough now.
    fn take(&mut self, shared: &Shared) -> Result<Vec<Block>> {
        let next = match &mut self.reader {
            Some(reader) => reader.next()?,
            None => None,
        };
        let Some(block) = next else {
            self.over = true;
            self.reader = None;
            self.held.resize(0)?;
            self.rows = 0;
            return Ok(std::mem::take(&mut self.blocks));
        };
        if block.rows() == 0 {
            return Ok(Vec::new());
        }
        let before = self.blocks.last().cloned();
        self.rows += block.rows();
        if self.rows > MOST_ROWS {
            bail!(
                TooManyRows,
                "A partition of a window has more than {MOST_ROWS} rows: add a column to PARTITION BY"
            );
        }
        self.held.resize(self.held.bytes() + block.memory())?;
        let end = match self.rows >= BATCH_ROWS {
            true => last_boundary(before.as_ref(), &block, &shared.partition)?,
            false => None,
        };
        let Some(end) = end else {
            self.blocks.push(block);
            return Ok(Vec::new());
        };
        let mut whole = std::mem::take(&mut self.blocks);
        if end > 0 {
            whole.push(block.slice(0, end));
        }
        let rest = block.slice(end, block.rows() - end);
        self.rows = rest.rows();
        self.held.resize(rest.memory())?;
        self.blocks.push(rest);
        Ok(whole)
    }
}

/// The first row of a block's last partition, unless that began before the block.
fn last_boundary(before: Option<&Block>, block: &Block, keys: &Keys) -> Result<Option<usize>> {
    let Some(before) = before.filter(|b| b.rows() > 0) else { return Ok(None) };
    let both = Block::concat(&[before.slice(before.rows() - 1, 1), block.clone()])?;
    let Some(order) = keys.order(&both)? else { return Ok(None) };
    let last = both.rows() as u32 - 1;
    // Equal rows stand together, so the first of the last ones can be searched for.
    let (mut low, mut high) = (0, last);
    while low < high {
        let middle = low + (high - low) / 2;
        match order.compare(middle, last).is_eq() {
            true => high = middle,
            false => low = middle + 1,
        }
    }
    Ok((low as usize).checked_sub(1))
}

/// A batch of whole partitions with what functions need of it.
struct Batch<'b> {
    partitions: &'b Partitions,
    frames: &'b Frames,
    arguments: &'b [Column],
    rows: usize,
    context: &'b ExecContext,
}

impl Shared {
    /// The rows with a column for every call.
    fn compute(&self, block: Block) -> Result<Block> {
        let rows = block.rows();
        let order = self.order.order(&block)?;
        let partitions = Partitions::new(self.partition.order(&block)?, order.as_ref(), rows);
        let arguments = self.arguments.evaluate(&block)?;
        let mut known: HashMap<Frame, Frames> = HashMap::new();
        let mut first = 0;
        let mut columns = Vec::with_capacity(self.calls.len());
        for call in &self.calls {
            self.context.cancel.check()?;
            let frames = match known.entry(call.frame) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => {
                    entry.insert(Frames::new(call.frame, &partitions, &self.order, &block)?)
                }
            };
            let end = first + call.arguments.len();
            let batch = Batch {
                partitions: &partitions,
                frames,
                arguments: &arguments[first..end],
                rows,
                context: &self.context,
            };
            first = end;
            columns.push(batch.column(call)?);
        }
        let mut all = block.into_columns();
        all.extend(columns);
        Ok(Block::new(all, rows))
    }
}

impl Batch<'_> {
    /// A call's values.
    fn column(&self, call: &WindowCall) -> Result<Column> {
        if let Some(function) = call.window {
            return match ranks::ranks(function, self)? {
                Some(column) => Ok(column),
                None => picks::shifted(function, call, self),
            };
        }
        if let Some(column) = picks::picked(call, self)? {
            return Ok(column);
        }
        match sums::sums(call, self)? {
            Some(column) => Ok(column),
            None => aggregates::aggregated(call, self),
        }
    }
}
