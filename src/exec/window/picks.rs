//! Functions whose value is that of some row: lag and lead, first and last values, least and greatest.
//!
//! Rows are found first, as numbers; their values are taken all at once.

use std::collections::VecDeque;

use arrow_array::UInt32Array;
use arrow_buffer::NullBuffer;
use base::{Result, bail};
use expr::WindowFunction;
use plan::{SortKey, WindowCall};
use types::{Column, DataType};

use super::Batch;
use super::frames::valid_rows;
use super::ranks::number;
use crate::order::Order;

/// `lag`, `lead`, their likes within frames, and `nth_value`.
pub(super) fn shifted(
    function: WindowFunction,
    call: &WindowCall,
    batch: &Batch<'_>,
) -> Result<Column> {
    let Some(value) = batch.arguments.first() else {
        bail!(LogicalError, "{} without an argument", call.function);
    };
    let offsets = batch.arguments.get(1).map(Column::to_flat).transpose()?;
    let frames = batch.frames;
    let mut picks = Vec::with_capacity(batch.rows);
    for row in 0..batch.rows as u32 {
        let offset = match &offsets {
            None => 1,
            Some(offsets) => match number(offsets, row as usize) {
                Some(offset) => offset,
                None => bail!(
                    BadArguments,
                    "The offset for function {} must not be negative",
                    call.function
                ),
            },
        };
        let offset = u32::try_from(offset).ok();
        let (start, end) = (frames.starts[row as usize], frames.ends[row as usize]);
        let picked = match function {
            WindowFunction::Lag | WindowFunction::LagInFrame => {
                offset.and_then(|o| row.checked_sub(o))
            }
            WindowFunction::NthValue => {
                if offset == Some(0) {
                    bail!(
                        BadArguments,
                        "The offset for function nth_value must be in (1, {}], 0 given",
                        i64::MAX
                    );
                }
                offset.and_then(|o| start.checked_add(o - 1))
            }
            _ => offset.and_then(|o| row.checked_add(o)),
        };
        picks.push(picked.filter(|at| (start..end).contains(at)));
    }
    match batch.arguments.get(2) {
        Some(default) => with_default(value, default, &picks),
        None => taken(value, picks, &call.data_type),
    }
}

/// The values of some rows; where there is none, the row's own default.
fn with_default(value: &Column, default: &Column, picks: &[Option<u32>]) -> Result<Column> {
    let rows = picks.len() as u32;
    let both = Column::concat(&[Column::Flat(value.to_flat()?), Column::Flat(default.to_flat()?)])?;
    let places: Vec<u32> =
        picks.iter().zip(0..rows).map(|(pick, row)| pick.unwrap_or(rows + row)).collect();
    both.take(&UInt32Array::from(places))
}

/// Which row of its frame an aggregate function takes.
enum Pick {
    First,
    Last,
    Extreme { greatest: bool },
}

/// An aggregate function that gives a row's value, if it is one.
pub(super) fn picked(call: &WindowCall, batch: &Batch<'_>) -> Result<Option<Column>> {
    let (pick, with_nulls) = match call.function.as_str() {
        "any" => (Pick::First, false),
        "anyLast" => (Pick::Last, false),
        "any_respect_nulls" => (Pick::First, true),
        "anyLast_respect_nulls" => (Pick::Last, true),
        "min" => (Pick::Extreme { greatest: false }, false),
        "max" => (Pick::Extreme { greatest: true }, false),
        _ => return Ok(None),
    };
    let ([value], [argument]) = (batch.arguments, call.arguments.as_slice()) else {
        return Ok(None);
    };
    let valid = if with_nulls { None } else { valid_rows(value) };
    let picks = match pick {
        Pick::First => firsts(batch, valid.as_ref()),
        Pick::Last => lasts(batch, valid.as_ref()),
        Pick::Extreme { greatest } => {
            let key =
                SortKey { expression: argument.clone(), descending: greatest, nulls_first: false };
            let types = [argument.data_type()];
            let order = Order::new(std::slice::from_ref(value), &types, &[key])?;
            extremes(batch, valid.as_ref(), &order)
        }
    };
    taken(value, picks, &call.data_type).map(Some)
}

fn firsts(batch: &Batch<'_>, valid: Option<&NullBuffer>) -> Vec<Option<u32>> {
    let frames = batch.frames;
    // For every row the next one that counts.
    let mut next: Vec<u32> = (0..batch.rows as u32).collect();
    if let Some(valid) = valid {
        let mut following = batch.rows as u32;
        for row in (0..batch.rows).rev() {
            if valid.is_valid(row) {
                following = row as u32;
            }
            next[row] = following;
        }
    }
    let frame = frames.starts.iter().zip(&frames.ends);
    frame
        .map(|(start, end)| {
            let found = next.get(*start as usize).copied();
            found.filter(|at| at < end)
        })
        .collect()
}

fn lasts(batch: &Batch<'_>, valid: Option<&NullBuffer>) -> Vec<Option<u32>> {
    let frames = batch.frames;
    // For every row the last one up to it that counts.
    let mut before: Vec<Option<u32>> = (0..batch.rows as u32).map(Some).collect();
    if let Some(valid) = valid {
        let mut last = None;
        for (row, before) in before.iter_mut().enumerate() {
            if valid.is_valid(row) {
                last = Some(row as u32);
            }
            *before = last;
        }
    }
    let frame = frames.starts.iter().zip(&frames.ends);
    frame
        .map(|(start, end)| {
            let last = end.checked_sub(1)?;
            before[last as usize].filter(|at| at >= start)
        })
        .collect()
}

/// The first of the least rows of every frame. The ends of frames never go back within a partition; rows wait in
/// a queue as long as no better one has come after them.
fn extremes(batch: &Batch<'_>, valid: Option<&NullBuffer>, order: &Order) -> Vec<Option<u32>> {
    let frames = batch.frames;
    let mut picks = Vec::with_capacity(batch.rows);
    for (first, end) in batch.partitions.ranges() {
        let mut waiting: VecDeque<u32> = VecDeque::new();
        let mut seen = first;
        for row in first..end {
            let (start, until) = (frames.starts[row as usize], frames.ends[row as usize]);
            while seen < until {
                if valid.is_none_or(|v| v.is_valid(seen as usize)) {
                    while waiting.back().is_some_and(|last| order.compare(seen, *last).is_lt()) {
                        waiting.pop_back();
                    }
                    waiting.push_back(seen);
                }
                seen += 1;
            }
            while waiting.front().is_some_and(|at| *at < start) {
                waiting.pop_front();
            }
            picks.push(waiting.front().copied().filter(|at| *at < until));
        }
    }
    picks
}

/// The values of some rows; where there is none, NULL or the type's default.
fn taken(value: &Column, picks: Vec<Option<u32>>, data_type: &DataType) -> Result<Column> {
    if picks.iter().all(Option::is_some) {
        return value.take(&picks.into_iter().flatten().collect::<Vec<u32>>().into());
    }
    if data_type.is_nullable() {
        let taken = value.take(&UInt32Array::from(picks))?;
        return Ok(taken);
    }
    let default = Column::Flat(types::default_array(data_type, 1)?);
    let end = value.len() as u32;
    let both = Column::concat(&[Column::Flat(value.to_flat()?), default])?;
    let places: Vec<u32> = picks.into_iter().map(|p| p.unwrap_or(end)).collect();
    both.take(&UInt32Array::from(places))
}
