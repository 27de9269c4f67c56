//! Groups -> blocks; where only the first groups in an order are wanted, only these. Of groups whose results are
//! not finished the blocks hold states.

use arrow_array::cast::AsArray;
use arrow_array::types::UInt32Type;
use arrow_array::{Array, ArrayRef, UInt32Array};
use base::{Error, Result};
use plan::SortKey;
use types::{Block, Column, DictionaryColumn};

use super::grouped::Groups;
use super::keys::KeyEncoder;
use super::{Shared, Stage, number_codes};
use crate::sort::smallest;

/// Rows of a block that is given out.
const BLOCK_ROWS: usize = 65_536;

/// The groups as blocks: keys, then results.
pub(super) fn blocks(
    shared: &Shared,
    encoder: &KeyEncoder,
    groups: &mut Groups,
) -> Result<Vec<Block>> {
    let count = groups.len().min(if shared.key_types.is_empty() { 1 } else { usize::MAX });
    if let Some((keys, rows)) = &shared.top
        && let Ok(rows) = usize::try_from(*rows)
        && count > rows.saturating_mul(2)
    {
        let chosen = top(shared, encoder, groups, keys, rows)?;
        return Ok(vec![some(shared, encoder, groups, &chosen)?]);
    }
    let met: Vec<u32> = (0..count as u32).filter(|g| groups.is_met(*g as usize)).collect();
    let limit = met.len().min(shared.limit);
    chunks(shared, encoder, groups, &met[..limit])
}

/// Some groups as blocks.
pub(super) fn chunks(
    shared: &Shared,
    encoder: &KeyEncoder,
    groups: &mut Groups,
    chosen: &[u32],
) -> Result<Vec<Block>> {
    chosen.chunks(BLOCK_ROWS).map(|chunk| some(shared, encoder, groups, chunk)).collect()
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
) -> Result<Block> {
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
        return Ok(Block::new(columns, chosen.len()));
    }
    let contiguous = chosen.windows(2).all(|w| w[0] + 1 == w[1]);
    for call in 0..shared.calls.len() {
        let state = &mut groups.states[call];
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
    Ok(Block::new(columns, chosen.len()))
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
