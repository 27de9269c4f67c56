//! The side of a join that is kept: its rows in one block, and their numbers by key.

use std::sync::Arc;

use arrow_array::ArrayRef;
use base::{Reservation, Result, bail};
use expr::{Evaluator, Expr};
use types::{Block, Column, DataType, default_array};

use super::keys::{KeyForm, Keys};
use super::table::KeyDirectory;
use crate::context::ExecContext;
use crate::pipeline::{BlockReader, Source, evaluator, lane_count};
use crate::scheduler::Step;

/// Blocks with more rows than this are put together by several lanes.
const LARGE: usize = 1 << 16;

/// What is built of a side, and how.
pub(super) struct BuildSide<'k> {
    pub(super) keys: &'k [Expr],
    /// The columns that are kept, with their types in the join's output.
    pub(super) kept: &'k [(usize, DataType)],
    /// Whether a row of defaults is needed behind the others.
    pub(super) defaults: bool,
}

/// Rows of the side as they come.
pub(super) struct Gathered {
    /// The kept columns.
    pub(super) blocks: Vec<Block>,
    /// The key columns of each block.
    pub(super) keys: Vec<Vec<ArrayRef>>,
    held: Vec<Reservation>,
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
}

/// Reads the side.
pub(super) fn gather(
    side: &BuildSide<'_>,
    source: &dyn Source,
    context: &Arc<ExecContext>,
) -> Result<Gathered> {
    let mut lanes = Vec::new();
    for _ in 0..lane_count(source, context) {
        let (reader, held) = (source.reader()?, context.budget.reservation());
        lanes.push(Lane { reader, blocks: Vec::new(), keys: Vec::new(), held });
    }
    let keys = evaluator(side.keys, context)?;
    let kept: Vec<usize> = side.kept.iter().map(|(column, _)| *column).collect();
    let own = context.clone();
    let lanes = context.scheduler.run(lanes, move |lane: &mut Lane| {
        own.cancel.check()?;
        let Some(block) = lane.reader.next()? else { return Ok(Step::Done) };
        if block.rows() > 0 {
            take_in(lane, &block, &keys, &kept)?;
        }
        Ok(Step::Again)
    })?;
    let mut gathered = Gathered { blocks: Vec::new(), keys: Vec::new(), held: Vec::new() };
    for lane in lanes {
        gathered.blocks.extend(lane.blocks);
        gathered.keys.extend(lane.keys);
        gathered.held.push(lane.held);
    }
    Ok(gathered)
}

fn take_in(lane: &mut Lane, block: &Block, keys: &Evaluator, kept: &[usize]) -> Result<()> {
    let columns = keys.evaluate(block)?;
    let arrays = columns.iter().map(Column::to_flat).collect::<Result<Vec<_>>>()?;
    let own = kept.iter().map(|column| block.column(*column).clone()).collect();
    let own = Block::new(own, block.rows());
    let keys: usize = arrays.iter().map(|a| a.get_array_memory_size()).sum();
    lane.held.resize(lane.held.bytes() + own.memory() + keys)?;
    lane.blocks.push(own);
    lane.keys.push(arrays);
    Ok(())
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
    check_limits(rows, blocks.iter().map(Block::memory).sum(), context)?;
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
        held.resize(rows * 48 + form.memory())?;
        KeyDirectory::new(keys, form.greatest(), context)?
    };
    held.resize(directory.memory() + form.memory())?;
    let own: usize = blocks.iter().map(Block::memory).sum();
    held.resize(directory.memory() + form.memory() + own)?;
    let block = together(side, blocks, rows, context)?;
    drop(before);
    Ok(Built { block, rows, form, directory, _held: held })
}

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
        lane.whole = Some(Column::concat(&std::mem::take(&mut lane.parts))?);
        Ok(Step::Done)
    };
    if rows > LARGE && lanes.len() > 1 {
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
