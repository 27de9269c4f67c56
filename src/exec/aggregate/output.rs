//! Groups -> blocks; where only the first groups in an order are wanted, only these. Of groups whose results are
//! not finished the blocks hold states.
//!
//! A reservation grows with the blocks: before a result is made that may be as large as its states (lists, texts, maps),
//! and to what the block holds once it is there.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt32Type;
use arrow_array::{Array, ArrayRef, UInt32Array};
use base::{Error, Reservation, Result};
use plan::SortKey;
use types::{Block, Column, DataType, Dictionary, DictionaryColumn};

use super::grouped::Groups;
use super::keys::KeyEncoder;
use super::{Shared, Stage, number_codes};
use crate::pipeline::{BlockReader, Bounds, Materialized, Source};
use crate::sort::smallest;

/// Rows of a block that is given out.
const BLOCK_ROWS: usize = 65_536;

/// The groups as blocks: keys, then results.
pub(super) fn blocks(
    shared: &Shared,
    encoder: &KeyEncoder,
    groups: &mut Groups,
    held: &mut Reservation,
) -> Result<Vec<Block>> {
    let count = groups.len().min(if shared.key_types.is_empty() { 1 } else { usize::MAX });
    if let Some((keys, rows)) = &shared.top
        && let Ok(rows) = usize::try_from(*rows)
        && count > rows.saturating_mul(2)
    {
        let chosen = top(shared, encoder, groups, keys, rows)?;
        return Ok(vec![some(shared, encoder, groups, &chosen, held)?]);
    }
    let met: Vec<u32> = (0..count as u32).filter(|g| groups.is_met(*g as usize)).collect();
    shared.check_groups(met.len())?;
    let limit = met.len().min(shared.limit);
    chunks(shared, encoder, groups, &met[..limit], held)
}

/// Some groups as blocks.
pub(super) fn chunks(
    shared: &Shared,
    encoder: &KeyEncoder,
    groups: &mut Groups,
    chosen: &[u32],
    held: &mut Reservation,
) -> Result<Vec<Block>> {
    chosen.chunks(BLOCK_ROWS).map(|chunk| some(shared, encoder, groups, chunk, held)).collect()
}

/// The numbers of the groups that come first in an order, ascending.
fn top(
    shared: &Shared,
    encoder: &KeyEncoder,
    groups: &mut Groups,
    keys: &[SortKey],
    rows: usize,
) -> Result<Vec<u32>> {
    let met: Vec<u32> = (0..groups.len() as u32).filter(|g| groups.is_met(*g as usize)).collect();
    let mut columns: Vec<Column> = Vec::with_capacity(keys.len());
    let mut decoded: Option<Vec<Column>> = None;
    for key in keys {
        let Some(index) = key.expression.columns().first().copied() else {
            return Err(Error::logical("a top order without a column"));
        };
        let column = match index.checked_sub(shared.key_types.len()) {
            None => {
                if decoded.is_none() {
                    let packed: Vec<u128> =
                        met.iter().map(|g| groups.packed_key(*g as usize)).collect();
                    decoded = Some(encoder.decode(&packed)?);
                }
                decoded
                    .as_ref()
                    .map(|d| d[index].clone())
                    .ok_or_else(|| Error::logical("no keys"))?
            }
            Some(call) => {
                let all = groups.len();
                let results = groups.states[call].finish(0..all)?;
                let column = result_column(shared, call, results, false)?;
                if met.len() == all {
                    column
                } else {
                    column.take(&UInt32Array::from(met.clone()))?
                }
            }
        };
        columns.push(column);
    }
    let types: Vec<_> = keys.iter().map(|k| k.expression.data_type()).collect();
    // In ascending order, as results are taken from ranges; the rows are sorted once more anyway.
    let mut chosen = smallest(&columns, &types, keys, rows)?;
    chosen.sort_unstable();
    Ok(chosen.into_iter().map(|at| met[at as usize]).collect())
}

/// Some groups as a block.
fn some(
    shared: &Shared,
    encoder: &KeyEncoder,
    groups: &mut Groups,
    chosen: &[u32],
    held: &mut Reservation,
) -> Result<Block> {
    let before = held.bytes();
    let packed: Vec<u128> = chosen.iter().map(|g| groups.packed_key(*g as usize)).collect();
    let mut columns =
        if shared.key_types.is_empty() { Vec::new() } else { encoder.decode(&packed)? };
    if !shared.codes_leave {
        for (column, data_type) in columns.iter_mut().zip(&shared.key_types) {
            number_codes::flatten(column, data_type)?;
        }
    }
    if shared.stage == Stage::Partial {
        columns.extend(groups.state_columns(chosen)?);
        let block = Block::new(columns, chosen.len());
        held.resize(before + block.memory())?;
        return Ok(block);
    }
    let all = groups.len();
    let contiguous = chosen.windows(2).all(|w| w[0] + 1 == w[1]);
    for call in 0..shared.calls.len() {
        let state = &mut groups.states[call];
        if is_as_large_as_states(&shared.calls[call].data_type) {
            // Of all groups, these have about their share.
            let share = chosen.len() as f64 / all.max(1) as f64;
            held.resize(held.bytes() + (state.memory() as f64 * share.min(1.0)) as usize)?;
        }
        let results = match (chosen.first(), chosen.last()) {
            (Some(first), Some(last)) if contiguous => {
                state.finish(*first as usize..*last as usize + 1)?
            }
            (Some(_), Some(_)) if chosen.len() <= 4096 => {
                let parts = chosen
                    .iter()
                    .map(|g| state.finish(*g as usize..*g as usize + 1))
                    .collect::<Result<Vec<ArrayRef>>>()?;
                let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
                arrow_select::concat::concat(&parts).map_err(|e| Error::logical(e.to_string()))?
            }
            (Some(first), Some(last)) => {
                let range = state.finish(*first as usize..*last as usize + 1)?;
                let places: UInt32Array =
                    chosen.iter().map(|g| g - first).collect::<Vec<u32>>().into();
                arrow_select::take::take(&range, &places, None)
                    .map_err(|e| Error::logical(e.to_string()))?
            }
            _ => state.finish(0..0)?,
        };
        columns.push(result_column(shared, call, results, groups.is_vacant())?);
    }
    let block = Block::new(columns, chosen.len());
    held.resize(before + block.memory())?;
    Ok(block)
}

fn is_as_large_as_states(result: &DataType) -> bool {
    match result.inner() {
        DataType::Array(_) | DataType::Map(..) | DataType::String => true,
        DataType::Tuple(fields) => fields.iter().any(|f| is_as_large_as_states(&f.data_type)),
        _ => false,
    }
}

/// A call's results; codes become a dictionary column again.
fn result_column(shared: &Shared, call: usize, results: ArrayRef, vacant: bool) -> Result<Column> {
    let call = &shared.calls[call];
    match (&call.codes, call.gives_code) {
        (Some(dictionary), true) => {
            let codes = results.as_primitive::<UInt32Type>();
            let coded = DictionaryColumn {
                codes: codes.values().clone(),
                nulls: codes.nulls().cloned(),
                dictionary: dictionary.clone(),
            };
            let empty = (vacant || dictionary.is_empty()) && !call.data_type.is_nullable();
            if empty {
                let default = types::default_array(&call.data_type, results.len())?;
                return Ok(Column::Flat(default));
            }
            let mut column = Column::Dictionary(coded);
            number_codes::flatten(&mut column, &call.data_type)?;
            Ok(column)
        }
        _ => Ok(Column::Flat(results)),
    }
}

/// Groups whose keys are codes of the dictionaries that the input had.
pub(super) struct InMemory {
    blocks: Materialized,
    pub(super) dictionaries: Vec<Option<Arc<dyn Dictionary>>>,
    pub(super) bounds: Vec<Option<Bounds>>,
    /// The memory of the blocks.
    _held: Vec<Reservation>,
}

impl InMemory {
    /// Blocks of values, and what holds their memory.
    pub(super) fn new(blocks: Vec<Block>, held: Vec<Reservation>) -> InMemory {
        let blocks = Materialized::new(blocks);
        InMemory { blocks, dictionaries: Vec::new(), bounds: Vec::new(), _held: held }
    }
}

impl Source for InMemory {
    fn reader(&self) -> Result<Box<dyn BlockReader>> {
        self.blocks.reader()
    }

    fn lanes(&self) -> usize {
        self.blocks.lanes()
    }

    fn rows(&self) -> Option<usize> {
        self.blocks.rows()
    }

    fn dictionary(&self, column: usize) -> Option<Arc<dyn Dictionary>> {
        self.dictionaries.get(column).cloned().flatten()
    }

    fn bounds(&self, column: usize) -> Option<Bounds> {
        self.bounds.get(column).copied().flatten()
    }
}
