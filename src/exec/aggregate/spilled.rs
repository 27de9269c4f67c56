//! Groups that do not fit into memory.
//!
//! 1. A lane that holds too much cuts its groups by a hash of their keys' values into partitions and
//!    appends each piece to the query's temporary file: key columns, then columns of states (see `states`). It goes on with no groups.
//! 2. When one lane has done so, all do at their end. Then partitions are read back one by one, equal keys
//!    brought together and given out, while the source is read.
//!
//! Invariant: equal keys are in the same partition, whatever lane they come from.

use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::{ArrayRef, UInt32Array};
use base::{Reservation, Result};
use types::{Block, Column};

use super::grouped::{Groups, Numbering};
use super::keys::KeyEncoder;
use super::{Lane, Shared, output};
use crate::pipeline::{BlockReader, Source};
use crate::rows;
use crate::scheduler::Step;
use crate::spill::Segment;

const PARTITIONS: usize = 64;

/// Groups that are serialized at once.
const CHUNK: usize = 131_072;

/// Where the groups of a lane lie, by partition.
pub(super) struct SpilledGroups(Vec<Vec<Segment>>);

impl SpilledGroups {
    fn new() -> SpilledGroups {
        SpilledGroups((0..PARTITIONS).map(|_| Vec::new()).collect())
    }
}

impl Shared {
    /// Puts the groups of a lane into the temporary file.
    pub(super) fn spill(&self, lane: &mut Lane) -> Result<()> {
        let groups =
            std::mem::replace(&mut lane.groups, Groups::new(&self.calls, Numbering::Hashed));
        let spilled = lane.spilled.get_or_insert_with(SpilledGroups::new);
        let met: Vec<u32> =
            (0..groups.len() as u32).filter(|g| groups.is_met(*g as usize)).collect();
        for chunk in met.chunks(CHUNK) {
            self.context.cancel.check()?;
            let packed: Vec<u128> = chunk.iter().map(|g| groups.packed_key(*g as usize)).collect();
            let keys = lane.encoder.decode(&packed)?;
            let keys = keys.iter().map(Column::to_flat).collect::<Result<Vec<ArrayRef>>>()?;
            let (order, offsets) = self.partitions(&keys, chunk.len());
            let mut columns: Vec<Column> = keys.into_iter().map(Column::Flat).collect();
            columns.extend(groups.state_columns(chunk)?);
            let block = Block::new(columns, chunk.len());
            for (partition, segments) in spilled.0.iter_mut().enumerate() {
                let rows = &order[offsets[partition]..offsets[partition + 1]];
                if !rows.is_empty() {
                    let piece = block.take(&UInt32Array::from(rows.to_vec()))?;
                    segments.push(self.context.spill.write(&piece)?);
                }
            }
        }
        drop(groups);
        lane.encoder = self.encoder();
        lane.held.resize(0)
    }

    /// Row numbers by partition, and where each partition begins.
    fn partitions(&self, keys: &[ArrayRef], count: usize) -> (Vec<u32>, Vec<usize>) {
        let mut scratch = Vec::new();
        let mut of_rows = Vec::with_capacity(count);
        let mut offsets = vec![0usize; PARTITIONS + 1];
        for row in 0..count {
            scratch.clear();
            for (array, data_type) in keys.iter().zip(&self.key_types) {
                rows::write(array, data_type, row, &mut scratch);
            }
            let partition = (self.hasher.hash_one(&scratch) >> 32) as usize % PARTITIONS;
            offsets[partition + 1] += 1;
            of_rows.push(partition);
        }
        for at in 0..PARTITIONS {
            offsets[at + 1] += offsets[at];
        }
        let mut next = offsets.clone();
        let mut order = vec![0u32; count];
        for (row, partition) in of_rows.into_iter().enumerate() {
            order[next[partition]] = row as u32;
            next[partition] += 1;
        }
        (order, offsets)
    }

    /// Spills what all lanes have left and offers the groups partition by partition.
    pub(super) fn finish_spilled(self: &Arc<Self>, lanes: Vec<Lane>) -> Result<Box<dyn Source>> {
        let own = self.clone();
        let lanes = self.context.scheduler.run(lanes, move |lane: &mut Lane| {
            own.leave_partitions(lane)?;
            own.spill(lane)?;
            Ok(Step::Done)
        })?;
        let mut partitions: Vec<Vec<Segment>> = (0..PARTITIONS).map(|_| Vec::new()).collect();
        for spilled in lanes.into_iter().filter_map(|lane| lane.spilled) {
            for (all, segments) in partitions.iter_mut().zip(spilled.0) {
                all.extend(segments);
            }
        }
        Ok(Box::new(SpilledSource {
            shared: self.clone(),
            partitions: Arc::new(partitions),
            next: Arc::new(AtomicUsize::new(0)),
        }))
    }
}

/// The groups of all lanes.
struct SpilledSource {
    shared: Arc<Shared>,
    partitions: Arc<Vec<Vec<Segment>>>,
    next: Arc<AtomicUsize>,
}

struct SpilledReader {
    shared: Arc<Shared>,
    partitions: Arc<Vec<Vec<Segment>>>,
    next: Arc<AtomicUsize>,
    ready: VecDeque<Block>,
    held: Reservation,
}

impl Source for SpilledSource {
    fn reader(&self) -> Result<Box<dyn BlockReader>> {
        Ok(Box::new(SpilledReader {
            shared: self.shared.clone(),
            partitions: self.partitions.clone(),
            next: self.next.clone(),
            ready: VecDeque::new(),
            held: self.shared.context.budget.reservation(),
        }))
    }

    fn lanes(&self) -> usize {
        PARTITIONS
    }

    fn rows(&self) -> Option<usize> {
        None
    }
}

impl BlockReader for SpilledReader {
    fn next(&mut self) -> Result<Option<Block>> {
        loop {
            if let Some(block) = self.ready.pop_front() {
                return Ok(Some(block));
            }
            let at = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(segments) = self.partitions.get(at) else {
                self.held.resize(0)?;
                return Ok(None);
            };
            let blocks = load(&self.shared, segments, &mut self.held)?;
            self.held.resize(blocks.iter().map(Block::memory).sum())?;
            self.ready.extend(blocks);
        }
    }
}

/// Brings the groups of one partition together.
fn load(shared: &Shared, segments: &[Segment], held: &mut Reservation) -> Result<Vec<Block>> {
    // Values come back flat.
    let dictionaries = vec![None; shared.key_types.len()];
    let mut encoder = KeyEncoder::new(&shared.key_types, &dictionaries, &[]);
    let mut groups = Groups::new(&shared.calls, Numbering::Hashed);
    for segment in segments {
        shared.context.cancel.check()?;
        let block = segment.read()?;
        let (keys, states) = block.columns().split_at(shared.key_types.len());
        let packed = encoder.encode(keys, block.rows())?;
        groups.number(packed.all(), usize::MAX)?;
        groups.take_states(states)?;
        held.resize(groups.memory() + encoder.memory())?;
    }
    if groups.is_empty() {
        return Ok(Vec::new());
    }
    output::blocks(shared, &encoder, &mut groups, held)
}
