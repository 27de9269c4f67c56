//! Any aggregate function over frames.
//!
//! 1. Frames that are whole partitions: a group a partition, all rows at once.
//! 2. Frames that are short together: their rows are copied frame by frame, a group a frame.
//! 3. Frames that begin with their partition: one state that takes rows in and is asked again and again.
//! 4. Others: a tree of states over the rows, see `tree`.
//!
//! Frames of neighbours that are the same are computed once.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, UInt32Array};
use base::{Reservation, Result};
use expr::{Accumulator, AggregateArguments, BoundAggregate, Expr};
use plan::WindowCall;
use types::{Column, DataType};

use super::{Batch, tree};

/// Rows that are copied for short frames, at a time, about.
const COPIED_ROWS: usize = 65_536;

/// Times that each row is copied at most, on average.
const MOST_COPIES: usize = 16;

/// Results that are put together to one array.
const PIECE: usize = 1024;

/// What all ways need.
pub(super) struct Work<'b> {
    pub(super) bound: BoundAggregate,
    /// Flat or constant columns of all rows of the batch.
    pub(super) arguments: Vec<Column>,
    pub(super) rows: usize,
    pub(super) batch: &'b Batch<'b>,
    held: Reservation,
}

/// The frames of neighbours without repetition.
pub(super) struct Distinct {
    pub(super) frames: Vec<(u32, u32)>,
    /// Which of them is each row's.
    of_row: Vec<u32>,
}

/// A call's values.
pub(super) fn aggregated(call: &WindowCall, batch: &Batch<'_>) -> Result<Column> {
    let types: Vec<DataType> = call.arguments.iter().map(Expr::data_type).collect();
    let bound = batch.context.registry.bind_aggregate(
        &batch.context.functions,
        &AggregateArguments { name: &call.function, types: &types, parameters: &call.parameters },
    )?;
    let arguments = batch.arguments.iter().map(plain).collect::<Result<Vec<_>>>()?;
    let held = batch.context.budget.reservation();
    let mut work = Work { bound, arguments, rows: batch.rows, batch, held };
    if batch.frames.whole {
        return work.whole();
    }
    let distinct = Distinct::new(batch);
    let total: usize = distinct.frames.iter().map(|(start, end)| (end - start) as usize).sum();
    let results = if total <= COPIED_ROWS + work.rows * MOST_COPIES {
        work.copied(&distinct.frames)?
    } else if batch.frames.from_start {
        work.growing(&distinct.frames)?
    } else {
        tree::over_tree(&mut work, &distinct.frames)?
    };
    Column::Flat(results).take(&UInt32Array::from(distinct.of_row))
}

/// As accumulators take them.
fn plain(column: &Column) -> Result<Column> {
    Ok(match column {
        Column::Dictionary(coded) => Column::Flat(coded.decode()?),
        other => other.clone(),
    })
}

impl Distinct {
    fn new(batch: &Batch<'_>) -> Distinct {
        let mut frames: Vec<(u32, u32)> = Vec::new();
        let mut of_row = Vec::with_capacity(batch.rows);
        for frame in batch.frames.starts.iter().copied().zip(batch.frames.ends.iter().copied()) {
            if frames.last() != Some(&frame) {
                frames.push(frame);
            }
            of_row.push(frames.len() as u32 - 1);
        }
        Distinct { frames, of_row }
    }
}

impl Work<'_> {
    /// An accumulator with some empty groups.
    pub(super) fn accumulator(&self, groups: usize) -> Box<dyn Accumulator> {
        let mut made = (self.bound.create)();
        made.resize(groups);
        made
    }

    /// Takes note of memory that is needed now.
    pub(super) fn hold(&mut self, bytes: usize) -> Result<()> {
        self.batch.context.cancel.check()?;
        self.held.resize(bytes)
    }

    /// The arguments of some rows.
    pub(super) fn taken(&self, rows: Vec<u32>) -> Result<Vec<Column>> {
        let rows = UInt32Array::from(rows);
        self.arguments.iter().map(|a| a.take(&rows)).collect()
    }

    fn whole(&mut self) -> Result<Column> {
        let partitions = self.batch.partitions;
        let numbers = partitions.numbers();
        let groups = partitions.starts.len() - 1;
        let mut states = self.accumulator(groups);
        states.update(&numbers, &self.arguments)?;
        self.hold(states.memory())?;
        Column::Flat(states.finish(0..groups)?).take(&UInt32Array::from(numbers))
    }

    fn copied(&mut self, frames: &[(u32, u32)]) -> Result<ArrayRef> {
        let mut pieces: Vec<ArrayRef> = Vec::new();
        let mut bytes = 0;
        let mut at = 0;
        while at < frames.len() {
            let (mut rows, mut groups) = (Vec::new(), Vec::new());
            let first = at;
            while at < frames.len() && rows.len() < COPIED_ROWS && at - first < COPIED_ROWS {
                let (start, end) = frames[at];
                rows.extend(start..end);
                groups.resize(rows.len(), (at - first) as u32);
                at += 1;
            }
            let mut states = self.accumulator(at - first);
            let arguments = self.taken(rows)?;
            states.update(&groups, &arguments)?;
            self.hold(bytes + states.memory())?;
            let piece = states.finish(0..at - first)?;
            bytes += piece.get_array_memory_size();
            pieces.push(piece);
        }
        joined(&pieces, &self.bound.return_type)
    }

    fn growing(&mut self, frames: &[(u32, u32)]) -> Result<ArrayRef> {
        let mut results = Results::default();
        let mut states = self.accumulator(1);
        let (mut partition, mut seen) = (u32::MAX, 0);
        for (start, end) in frames {
            if *start != partition {
                (partition, seen) = (*start, *start);
                states = self.accumulator(1);
            }
            if *end > seen {
                let (offset, length) = (seen as usize, (end - seen) as usize);
                let rows: Vec<Column> =
                    self.arguments.iter().map(|a| a.slice(offset, length)).collect();
                states.update_one(0, &rows, length)?;
                seen = *end;
            }
            if results.add(states.finish(0..1)?)? {
                self.hold(results.bytes + states.memory())?;
            }
        }
        results.all(&self.bound.return_type)
    }
}

/// Results one by one, put together from time to time.
#[derive(Default)]
pub(super) struct Results {
    single: Vec<ArrayRef>,
    pieces: Vec<ArrayRef>,
    pub(super) bytes: usize,
}

impl Results {
    /// Adds an array; whether enough came together that their memory should be looked at.
    pub(super) fn add(&mut self, array: ArrayRef) -> Result<bool> {
        self.single.push(array);
        if self.single.len() < PIECE {
            return Ok(false);
        }
        self.put_together()?;
        Ok(true)
    }

    fn put_together(&mut self) -> Result<()> {
        let parts: Vec<&dyn Array> = self.single.iter().map(AsRef::as_ref).collect();
        let piece = arrow_select::concat::concat(&parts)
            .map_err(|e| base::Error::logical(e.to_string()))?;
        self.bytes += piece.get_array_memory_size();
        self.pieces.push(piece);
        self.single.clear();
        Ok(())
    }

    /// All of them as one array.
    pub(super) fn all(mut self, data_type: &DataType) -> Result<ArrayRef> {
        if !self.single.is_empty() {
            self.put_together()?;
        }
        joined(&self.pieces, data_type)
    }
}

fn joined(pieces: &[ArrayRef], data_type: &DataType) -> Result<ArrayRef> {
    if pieces.is_empty() {
        return types::default_array(data_type, 0);
    }
    let columns: Vec<Column> = pieces.iter().map(|p| Column::Flat(Arc::clone(p))).collect();
    Column::concat(&columns)?.to_flat()
}
