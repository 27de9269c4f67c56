//! The side of a join that is kept: its rows in one block, and their numbers by key.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use arrow_array::ArrayRef;
use base::{Reservation, Result, bail};
use expr::{Evaluator, Expr};
use types::{Block, Column, DataType, default_array};

use super::coded;
use super::grace::{Cutter, Partitions, Writer};
use super::keys::{KeyForm, Keys};
use super::table::KeyDirectory;
use crate::context::ExecContext;
use crate::pipeline::{BlockReader, Source, evaluator, lane_count};
use crate::scheduler::Step;

/// Bytes that a row takes while the table is made: its key twice, its number, its part of the directory.
const TABLE_ROW: usize = 48;

/// Blocks with more rows than this are put together by several lanes.
const LARGE: usize = 1 << 16;

/// What is built of a side, and how.
pub(super) struct BuildSide<'k> {
    pub(super) keys: &'k [Expr],
    /// The columns that are kept, with their types in the join's output.
    pub(super) kept: &'k [(usize, DataType)],
    /// Whether a row of defaults is needed behind the others.
    pub(super) defaults: bool,
    /// Whether the thread that asks does all of it, because it is itself a worker.
    pub(super) alone: bool,
}

/// Rows of the side as they come.
#[derive(Default)]
pub(super) struct Gathered {
    /// The kept columns.
    pub(super) blocks: Vec<Block>,
    /// The key columns of each block.
    pub(super) keys: Vec<Vec<ArrayRef>>,
    pub(super) held: Vec<Reservation>,
}

/// Where the rows of the side are.
pub(super) enum Rows {
    InMemory(Gathered),
    /// By partition: kept columns, then keys.
    Spilled(Partitions),
}

/// The side in memory.
pub(super) struct Built {
    /// The kept columns; behind the rows one of defaults where that was asked for.
    pub(super) block: Block,
    pub(super) rows: usize,
    pub(super) form: KeyForm,
    pub(super) directory: KeyDirectory,
    _held: Reservation,
}

struct Lane {
    reader: Box<dyn BlockReader>,
    blocks: Vec<Block>,
    keys: Vec<Vec<ArrayRef>>,
    held: Reservation,
    writer: Option<Writer>,
}

/// Reads the side; where it does not fit into memory it goes to the temporary file.
pub(super) fn gather(
    side: &BuildSide<'_>,
    source: &dyn Source,
    cutter: &Cutter,
    context: &Arc<ExecContext>,
) -> Result<Rows> {
    let mut lanes = Vec::new();
    for _ in 0..lane_count(source, context) {
        let (blocks, keys, held) = (Vec::new(), Vec::new(), context.budget.reservation());
        lanes.push(Lane { reader: source.reader()?, blocks, keys, held, writer: None });
    }
    let keys = evaluator(side.keys, context)?;
    let kept: Vec<usize> = side.kept.iter().map(|(column, _)| *column).collect();
    let spills = Arc::new(AtomicBool::new(false));
    let read = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (own, flag, own_cutter) = (context.clone(), spills.clone(), cutter.clone());
    let keyless = side.keys.is_empty();
    let lanes = context.scheduler.run(lanes, move |lane: &mut Lane| {
        own.cancel.check()?;
        let Some(block) = lane.reader.next()? else { return Ok(Step::Done) };
        if block.rows() > 0 {
            let bytes = lane.take_in(&block, &keys, &kept)?;
            let all_rows = read.0.fetch_add(block.rows(), Ordering::Relaxed) + block.rows();
            let all_bytes = read.1.fetch_add(bytes, Ordering::Relaxed) + bytes;
            if !flag.load(Ordering::Relaxed) {
                check_limits(all_rows, all_bytes, &own)?;
            }
            let bytes = lane.held.bytes() + bytes;
            if keyless {
                lane.held.resize(bytes)?;
            } else if flag.load(Ordering::Relaxed)
                || own.must_spill(&mut lane.held, bytes, own.settings.spill_join)?
            {
                flag.store(true, Ordering::Relaxed);
                lane.spill(&own_cutter, &own)?;
            }
        }
        Ok(Step::Again)
    })?;
    let mut gathered = Gathered::default();
    let mut written = Partitions::default();
    let spilled = spills.load(Ordering::Relaxed);
    for mut lane in lanes {
        if spilled {
            lane.spill(cutter, context)?;
        }
        if let Some(writer) = lane.writer {
            written.add(writer.finish(context)?);
        }
        gathered.blocks.extend(lane.blocks);
        gathered.keys.extend(lane.keys);
        gathered.held.push(lane.held);
    }
    if spilled {
        return Ok(Rows::Spilled(written));
    }
    // The table and a copy of the rows must fit in beside what was read.
    let rows: usize = gathered.blocks.iter().map(Block::rows).sum();
    let copy: usize = gathered.blocks.iter().map(Block::memory).sum();
    let fits = context.budget.reservation().resize(rows * TABLE_ROW + copy).is_ok();
    if fits || keyless || rows == 0 {
        return Ok(Rows::InMemory(gathered));
    }
    let mut writer = cutter.writer();
    for (block, keys) in gathered.blocks.into_iter().zip(gathered.keys) {
        context.cancel.check()?;
        writer.write(&with_keys(block, &keys), &keys, context)?;
    }
    Ok(Rows::Spilled(writer.finish(context)?))
}

/// Kept columns and keys side by side.
fn with_keys(block: Block, keys: &[ArrayRef]) -> Block {
    let rows = block.rows();
    let mut columns = block.into_columns();
    columns.extend(keys.iter().cloned().map(Column::Flat));
    Block::new(columns, rows)
}

impl Lane {
    /// Takes a block's rows in; how many bytes they have.
    fn take_in(&mut self, block: &Block, keys: &Evaluator, kept: &[usize]) -> Result<usize> {
        let columns = keys.evaluate(block)?;
        let arrays = columns.iter().map(Column::to_flat).collect::<Result<Vec<_>>>()?;
        let own = kept.iter().map(|column| block.column(*column).clone()).collect();
        let own = Block::new(own, block.rows());
        let bytes: usize = arrays.iter().map(|a| Column::Flat(a.clone()).memory()).sum();
        let bytes = bytes + own.memory();
        self.blocks.push(own);
        self.keys.push(arrays);
        Ok(bytes)
    }

    /// Puts what it holds into partitions.
    fn spill(&mut self, cutter: &Cutter, context: &ExecContext) -> Result<()> {
        let writer = self.writer.get_or_insert_with(|| cutter.writer());
        for (block, keys) in self.blocks.drain(..).zip(self.keys.drain(..)) {
            writer.write(&with_keys(block, &keys), &keys, context)?;
        }
        self.held.resize(0)
    }
}

/// Puts the rows together and makes the table.
pub(super) fn build(
    side: &BuildSide<'_>,
    gathered: Gathered,
    context: &Arc<ExecContext>,
) -> Result<Built> {
    let Gathered { blocks, keys: arrays, held: before } = gathered;
    let rows: usize = blocks.iter().map(Block::rows).sum();
    if rows >= u32::MAX as usize {
        bail!(TooManyRows, "One side of a join has more than {} rows", u32::MAX);
    }
    let of_keys = arrays.iter().flatten().map(|a| Column::Flat(a.clone()).memory());
    let bytes = blocks.iter().map(Block::memory).chain(of_keys).sum();
    check_limits(rows, bytes, context)?;
    let types: Vec<DataType> =
        side.keys.iter().map(|k| k.data_type().without_low_cardinality()).collect();
    let mut held = context.budget.reservation();
    let mut form = KeyForm::new(&types, &arrays);
    let directory = if side.keys.is_empty() {
        KeyDirectory::all(rows)
    } else {
        held.resize(rows * 16)?;
        let counts: Vec<usize> = blocks.iter().map(Block::rows).collect();
        let keys = packed(&mut form, arrays, &counts);
        // Keys and numbers while they are put in their places.
        held.resize(rows * TABLE_ROW + form.memory())?;
        KeyDirectory::new(keys, form.greatest(), side.alone, context)?
    };
    held.resize(directory.memory() + form.memory())?;
    let own: usize = blocks.iter().map(Block::memory).sum();
    held.resize(directory.memory() + form.memory() + own)?;
    let block = together(side, blocks, rows, context)?;
    drop(before);
    Ok(Built { block, rows, form, directory, _held: held })
}

/// Refuses a side that is larger than the user allows.
fn check_limits(rows: usize, bytes: usize, context: &ExecContext) -> Result<()> {
    let settings = &context.settings;
    for (what, found, most) in [
        ("rows", rows as u64, settings.max_rows_in_join),
        ("bytes", bytes as u64, settings.max_bytes_in_join),
    ] {
        if most > 0 && found > most {
            bail!(
                SetSizeLimitExceeded,
                "Limit for JOIN exceeded, max {what}: {most}, current {what}: {found}"
            );
        }
    }
    Ok(())
}

fn packed(form: &mut KeyForm, arrays: Vec<Vec<ArrayRef>>, rows: &[usize]) -> Keys {
    let mut all: Option<Keys> = None;
    for (arrays, rows) in arrays.into_iter().zip(rows) {
        let keys = form.build(&arrays, *rows);
        match (&mut all, keys) {
            (Some(Keys::Narrow(all)), Keys::Narrow(more)) => all.extend(more),
            (Some(Keys::Wide(all)), Keys::Wide(more)) => all.extend(more),
            (_, keys) => all = Some(keys),
        }
    }
    all.unwrap_or(Keys::Narrow(Vec::new()))
}

/// One block of all rows, and one of defaults where that is asked for.
fn together(
    side: &BuildSide<'_>,
    blocks: Vec<Block>,
    rows: usize,
    context: &Arc<ExecContext>,
) -> Result<Block> {
    struct Lane {
        number: usize,
        parts: Vec<Column>,
        whole: Option<Column>,
    }
    let empty = |number| Lane { number, parts: Vec::new(), whole: None };
    let mut lanes: Vec<Lane> = (0..side.kept.len()).map(empty).collect();
    for block in blocks {
        for (lane, column) in lanes.iter_mut().zip(block.into_columns()) {
            lane.parts.push(column);
        }
    }
    for (lane, (_, data_type)) in lanes.iter_mut().zip(side.kept) {
        if side.defaults || lane.parts.is_empty() {
            let default = Column::Flat(default_array(data_type, usize::from(side.defaults))?);
            lane.parts.push(default);
        }
    }
    let step = |lane: &mut Lane| {
        let whole = Column::concat(&std::mem::take(&mut lane.parts))?;
        lane.whole = Some(coded::coded(whole)?);
        Ok(Step::Done)
    };
    if rows > LARGE && lanes.len() > 1 && !side.alone {
        lanes = context.scheduler.run(lanes, step)?;
        // They come back in the order in which they ended.
        lanes.sort_by_key(|lane| lane.number);
    } else {
        for lane in &mut lanes {
            step(lane)?;
        }
    }
    let columns = lanes.into_iter().filter_map(|l| l.whole).collect();
    Ok(Block::new(columns, rows + usize::from(side.defaults)))
}
