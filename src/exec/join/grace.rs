//! Joins whose built side does not fit into memory.
//!
//! 1. Rows of both sides are cut by a hash of their keys into partitions, which go to the query's temporary file:
//!    of the built side the kept columns and the keys, of the probing side the columns that are read.
//! 2. Partitions are read back one by one, each by one lane, and joined as any other join.
//!
//! Invariant: equal keys of both sides are in partitions of the same number. A row whose key is NULL, which
//! matches nothing, is in one of them too, so that joins which keep such rows give them out.

use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::sync::Arc;

use arrow_array::{ArrayRef, UInt32Array};
use base::Result;
use expr::{Evaluator, Expr, TableKey};
use parking_lot::Mutex;
use types::{Block, Column, DataType};

use super::build::{BuildSide, Gathered, build};
use super::probe::Shared;
use super::{Joining, probe};
use crate::context::ExecContext;
use crate::key_bits::{each_bits, fixed_width};
use crate::pipeline::{BlockReader, Source, evaluator, lane_count};
use crate::rows;
use crate::scheduler::Step;
use crate::spill::Segment;

/// How many partitions there are.
const PARTITIONS: usize = 64;

/// Bytes of rows that a lane holds back, to write them in larger pieces.
const HELD_BACK: usize = 4 << 20;

/// Where the partitions of one side lie.
#[derive(Default)]
pub(super) struct Partitions(Vec<Vec<Segment>>);

/// Cuts rows into partitions; clones cut alike.
#[derive(Clone)]
pub(super) struct Cutter {
    types: Vec<DataType>,
    hasher: hashbrown::DefaultHashBuilder,
}

/// A lane's rows on their way to the file.
pub(super) struct Writer {
    cutter: Cutter,
    waiting: Vec<Vec<Block>>,
    bytes: usize,
    written: Partitions,
}

impl Cutter {
    pub(super) fn new(keys: &[Expr]) -> Cutter {
        let types = keys.iter().map(|k| k.data_type().without_low_cardinality()).collect();
        Cutter { types, hasher: hashbrown::DefaultHashBuilder::default() }
    }

    pub(super) fn writer(&self) -> Writer {
        Writer {
            cutter: self.clone(),
            waiting: (0..PARTITIONS).map(|_| Vec::new()).collect(),
            bytes: 0,
            written: Partitions((0..PARTITIONS).map(|_| Vec::new()).collect()),
        }
    }

    /// The rows of every partition.
    fn cut(&self, keys: &[ArrayRef], count: usize) -> Result<Vec<Vec<u32>>> {
        let mut hashes = vec![0u64; count];
        let mut scratch = Vec::new();
        for (array, data_type) in keys.iter().zip(&self.types) {
            if fixed_width(data_type).is_some() {
                each_bits(array, data_type.physical(), &mut |row, bits| {
                    hashes[row] = (hashes[row] ^ bits).hash();
                })?;
                continue;
            }
            for (row, hash) in hashes.iter_mut().enumerate() {
                scratch.clear();
                rows::write(array, data_type, row, &mut scratch);
                *hash = (*hash ^ self.hasher.hash_one(&scratch)).hash();
            }
        }
        let mut parts: Vec<Vec<u32>> = vec![Vec::new(); PARTITIONS];
        for (row, hash) in hashes.into_iter().enumerate() {
            // The table of a partition uses the upper bits of another hash of the key.
            parts[(hash >> 32) as usize % PARTITIONS].push(row as u32);
        }
        Ok(parts)
    }
}

impl Writer {
    /// Takes rows with these keys.
    pub(super) fn write(
        &mut self,
        block: &Block,
        keys: &[ArrayRef],
        context: &ExecContext,
    ) -> Result<()> {
        for (part, rows) in self.cutter.cut(keys, block.rows())?.into_iter().enumerate() {
            if rows.is_empty() {
                continue;
            }
            let piece = block.take(&UInt32Array::from(rows))?;
            self.bytes += piece.memory() + size_of::<Block>();
            self.waiting[part].push(piece);
        }
        if self.bytes > HELD_BACK { self.flush(context) } else { Ok(()) }
    }

    fn flush(&mut self, context: &ExecContext) -> Result<()> {
        for (waiting, written) in self.waiting.iter_mut().zip(&mut self.written.0) {
            if !waiting.is_empty() {
                written.push(context.spill.write(&Block::concat(waiting)?)?);
                waiting.clear();
            }
        }
        self.bytes = 0;
        Ok(())
    }

    /// Where the rows lie.
    pub(super) fn finish(mut self, context: &ExecContext) -> Result<Partitions> {
        self.flush(context)?;
        Ok(self.written)
    }
}

impl Partitions {
    /// Adds those of another lane.
    pub(super) fn add(&mut self, other: Partitions) {
        self.0.resize_with(PARTITIONS, Vec::new);
        for (own, more) in self.0.iter_mut().zip(other.0) {
            own.extend(more);
        }
    }
}

/// Puts the probing side into partitions, of its columns only those that are read.
fn spill_probe(
    source: &dyn Source,
    used: &[usize],
    keys: &Arc<Evaluator>,
    cutter: &Cutter,
    context: &Arc<ExecContext>,
) -> Result<Partitions> {
    struct Lane {
        reader: Box<dyn BlockReader>,
        writer: Writer,
    }
    let mut lanes = Vec::new();
    for _ in 0..lane_count(source, context) {
        lanes.push(Lane { reader: source.reader()?, writer: cutter.writer() });
    }
    let (own, keys, used) = (context.clone(), keys.clone(), used.to_vec());
    let lanes = context.scheduler.run(lanes, move |lane: &mut Lane| {
        own.cancel.check()?;
        let Some(block) = lane.reader.next()? else { return Ok(Step::Done) };
        if block.rows() > 0 {
            let columns = keys.evaluate(&block)?;
            let arrays = columns.iter().map(Column::to_flat).collect::<Result<Vec<_>>>()?;
            let read = used.iter().map(|column| block.column(*column).clone()).collect();
            lane.writer.write(&Block::new(read, block.rows()), &arrays, &own)?;
        }
        Ok(Step::Again)
    })?;
    let mut all = Partitions::default();
    for lane in lanes {
        all.add(lane.writer.finish(context)?);
    }
    Ok(all)
}

/// A join by partitions.
pub(super) struct Grace {
    shared: Arc<GraceShared>,
}

struct GraceShared {
    joining: Joining,
    /// The built and the probing side of every partition that was not taken yet.
    waiting: Mutex<VecDeque<(Vec<Segment>, Vec<Segment>)>>,
    /// The columns of the probing side that were written, and how many it has.
    used: Vec<usize>,
    width: usize,
}

/// Joins partitions of the built side to all of a source.
pub(super) fn join(
    joining: Joining,
    built: Partitions,
    cutter: &Cutter,
    input: &dyn Source,
    width: usize,
) -> Result<Box<dyn Source>> {
    let context = joining.context.clone();
    let mut used = joining.columns.of_probe();
    used.extend(joining.probing_keys.iter().flat_map(Expr::columns));
    used.sort_unstable();
    used.dedup();
    let keys = evaluator(&joining.probing_keys, &context)?;
    let mut probing = spill_probe(input, &used, &keys, cutter, &context)?;
    probing.0.resize_with(PARTITIONS, Vec::new);
    let waiting = built.0.into_iter().zip(probing.0).collect();
    let shared = GraceShared { joining, waiting: Mutex::new(waiting), used, width };
    Ok(Box::new(Grace { shared: Arc::new(shared) }))
}

impl Source for Grace {
    fn reader(&self) -> Result<Box<dyn BlockReader>> {
        Ok(Box::new(GraceReader { shared: self.shared.clone(), current: None }))
    }

    fn lanes(&self) -> usize {
        PARTITIONS
    }

    fn rows(&self) -> Option<usize> {
        None
    }
}

struct GraceReader {
    shared: Arc<GraceShared>,
    current: Option<Box<dyn BlockReader>>,
}

impl BlockReader for GraceReader {
    fn next(&mut self) -> Result<Option<Block>> {
        self.shared.joining.context.cancel.check()?;
        if let Some(reader) = &mut self.current {
            if let Some(block) = reader.next()? {
                return Ok(Some(block));
            }
            self.current = None;
        }
        let next = self.shared.waiting.lock().pop_front();
        let Some((built, probing)) = next else { return Ok(None) };
        if !built.is_empty() || !probing.is_empty() {
            self.current = Some(self.shared.open(built, probing)?);
        }
        Ok(Some(Block::new(Vec::new(), 0)))
    }
}

impl GraceShared {
    /// Builds a partition and reads the other side of it.
    fn open(&self, built: Vec<Segment>, probing: Vec<Segment>) -> Result<Box<dyn BlockReader>> {
        let joining = &self.joining;
        let side = BuildSide { alone: true, ..joining.side() };
        let mut gathered = Gathered::default();
        let mut held = joining.context.budget.reservation();
        for segment in built {
            let block = segment.read()?;
            held.resize(held.bytes() + block.memory())?;
            let rows = block.rows();
            let mut columns = block.into_columns();
            let keys = columns.split_off(side.kept.len());
            gathered.blocks.push(Block::new(columns, rows));
            gathered.keys.push(keys.iter().map(Column::to_flat).collect::<Result<_>>()?);
        }
        let (gathered, times) = joining.in_order(gathered)?;
        let built = build(&side, gathered, &joining.context)?;
        drop(held);
        let shared: Arc<Shared> = Arc::new(joining.shared(built, times));
        let input = Box::new(SegmentReader {
            segments: probing.into(),
            used: self.used.clone(),
            width: self.width,
        });
        Ok(probe::reader(shared, input))
    }
}

/// Reads blocks back; the columns that were not written hold anything.
struct SegmentReader {
    segments: VecDeque<Segment>,
    used: Vec<usize>,
    width: usize,
}

impl BlockReader for SegmentReader {
    fn next(&mut self) -> Result<Option<Block>> {
        let Some(segment) = self.segments.pop_front() else { return Ok(None) };
        let block = segment.read()?;
        let rows = block.rows();
        let nothing = Column::constant(&DataType::UInt8, &types::Value::Int(0), rows)?;
        let mut columns = vec![nothing; self.width];
        for (at, column) in self.used.iter().zip(block.into_columns()) {
            columns[*at] = column;
        }
        Ok(Some(Block::new(columns, rows)))
    }
}
