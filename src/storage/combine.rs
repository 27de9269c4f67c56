//! Rows of equal sorting keys become one, or none, as the table's [`RowRule`] says.
//!
//! 1. Blocks come in sorted by key; equal keys keep the order in which they were inserted.
//! 2. The last group of a block may go on in the next one: it is held back until another key comes. Where
//!    a rule allows it, a long group is combined on the way, so that it stays short.
//! 3. `select` chooses rows, `values` adds numbers and merges aggregate states.
//!
//! The same code serves merges, inserts (`optimize_on_insert`) and FINAL.

mod select;
mod values;

use std::cmp::Ordering;
use std::ops::Range;

use arrow_array::{Array, ArrayRef, UInt32Array};
use base::{Error, Result, bail};
use expr::Registry;
use types::{Block, Column, DataType};

use crate::insert::buffer::{FullColumn, PartitionBuffer};
use crate::insert::plan::WritePlan;
use crate::key::{KeyValues, sort_rows};
use crate::row_rule::RowRule;
use values::Values;

/// Rows of an unfinished group beyond which it is combined.
const LONG_GROUP: usize = 4096;

/// What combined rows are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// They are stored again.
    Store,
    /// They are the answer of a query: marks of deletion take effect.
    Read,
}

/// Combines the rows of sorted blocks, which have the columns of a [`WritePlan`].
pub(crate) struct Combiner {
    rule: Rule,
    purpose: Purpose,
    sorting: Vec<usize>,
    types: Vec<DataType>,
    pending: Option<Block>,
}

/// A [`RowRule`] with positions instead of ids.
enum Rule {
    Replacing { version: Option<usize>, is_deleted: Option<usize> },
    Collapsing { sign: usize },
    Versioned { sign: usize },
    First,
    Values(Values),
}

impl Combiner {
    /// For a table with a rule.
    ///
    /// # Errors
    /// A rule whose columns are gone, aggregate functions that are not known.
    pub(crate) fn new(plan: &WritePlan, registry: &Registry, purpose: Purpose) -> Result<Combiner> {
        let Some(rule) = &plan.definition.row_rule else {
            bail!(LogicalError, "{} has no rule for rows", plan.definition.full_name());
        };
        let place = |id: u32| {
            plan.columns.iter().position(|(known, _)| *known == id).ok_or_else(|| {
                Error::logical(format!("column {id} of the engine's rule is not stored"))
            })
        };
        let rule = match rule {
            RowRule::Replacing { version, is_deleted } => Rule::Replacing {
                version: version.map(place).transpose()?,
                is_deleted: is_deleted.map(place).transpose()?,
            },
            RowRule::Collapsing { sign } => Rule::Collapsing { sign: place(*sign)? },
            RowRule::VersionedCollapsing { sign } => Rule::Versioned { sign: place(*sign)? },
            RowRule::First => Rule::First,
            RowRule::Summing { columns } => {
                let named = columns.iter().map(|id| place(*id)).collect::<Result<Vec<_>>>()?;
                Rule::Values(Values::summing(plan, registry, &named)?)
            }
            RowRule::Aggregating => Rule::Values(Values::aggregating(plan, registry)?),
        };
        let (sorting, types) = (plan.sorting.clone(), plan.types.clone());
        Ok(Combiner { rule, purpose, sorting, types, pending: None })
    }

    /// Takes the next rows; gives those that no later row can change.
    pub(crate) fn push(&mut self, block: Block) -> Result<Block> {
        let block = match self.pending.take() {
            Some(pending) => Block::concat(&[flat(pending)?, flat(block)?])?,
            None => flat(block)?,
        };
        let mut groups = self.groups(&block)?;
        let Some(last) = groups.pop() else { return Ok(block) };
        let mut tail = block.slice(last.start, last.len());
        if last.len() > LONG_GROUP && !matches!(self.rule, Rule::Collapsing { .. }) {
            tail = self.combine(&tail, std::slice::from_ref(&(0..last.len())), false)?;
        }
        self.pending = Some(tail);
        self.combine(&block, &groups, true)
    }

    /// The rows that were held back.
    pub(crate) fn finish(mut self) -> Result<Option<Block>> {
        let Some(block) = self.pending.take() else { return Ok(None) };
        let all = 0..block.rows();
        self.combine(&block, std::slice::from_ref(&all), true).map(Some)
    }

    /// Where groups of equal keys stand.
    fn groups(&self, block: &Block) -> Result<Vec<Range<usize>>> {
        let mut keys = Vec::with_capacity(self.sorting.len());
        for at in &self.sorting {
            keys.push(KeyValues::new(&block.column(*at).to_flat()?, &self.types[*at]));
        }
        let mut groups = Vec::new();
        let mut start = 0;
        for row in 1..=block.rows() {
            let ends = row == block.rows()
                || keys.iter().any(|key| key.compare(row - 1, key, row) != Ordering::Equal);
            if ends {
                groups.push(start..row);
                start = row;
            }
        }
        Ok(groups)
    }

    /// One row a group, or more or none; `ended` tells that the groups are whole.
    fn combine(&self, block: &Block, groups: &[Range<usize>], ended: bool) -> Result<Block> {
        let rows = match &self.rule {
            Rule::Values(values) => return values.combine(block, groups, &self.types, ended),
            Rule::First => groups.iter().map(|g| g.start as u32).collect(),
            Rule::Replacing { version, is_deleted } => {
                let version = version.map(|at| self.comparable(block, at)).transpose()?;
                let mut rows = select::newest(groups, version.as_ref());
                if let Some(at) = is_deleted
                    && self.purpose == Purpose::Read
                    && ended
                {
                    let marks = block.column(*at).to_flat()?;
                    rows.retain(|row| !select::is_one(&marks, *row as usize));
                }
                rows
            }
            Rule::Collapsing { sign } => {
                let signs = select::signs(&block.column(*sign).to_flat()?);
                let mut rows = select::collapsed(groups, &signs);
                if self.purpose == Purpose::Read {
                    rows.retain(|row| signs[*row as usize]);
                }
                rows
            }
            Rule::Versioned { sign } => {
                select::cancelled(groups, &select::signs(&block.column(*sign).to_flat()?))
            }
        };
        block.take(&UInt32Array::from(rows))
    }

    fn comparable(&self, block: &Block, at: usize) -> Result<KeyValues> {
        Ok(KeyValues::new(&block.column(at).to_flat()?, &self.types[at]))
    }
}

/// The rows of a buffer sorted and combined, as `optimize_on_insert` has it.
pub(crate) fn combined_buffer(
    plan: &WritePlan,
    registry: &Registry,
    pool: &std::sync::Arc<rayon::ThreadPool>,
    buffer: PartitionBuffer,
) -> Result<PartitionBuffer> {
    let mut combiner = Combiner::new(plan, registry, Purpose::Store)?;
    let PartitionBuffer { values, columns, rows } = buffer;
    let full = columns
        .into_iter()
        .zip(&plan.types)
        .map(|(column, data_type)| column.finish(data_type))
        .collect::<Result<Vec<FullColumn>>>()?;
    let mut ordinals = Vec::new();
    for at in &plan.sorting {
        ordinals.extend(full[*at].ordinals(&plan.types[*at]));
    }
    let order = sort_rows(&ordinals, rows);
    drop(ordinals);
    let mut out = PartitionBuffer::new(values, &plan.types);
    let mut start = 0;
    while start < rows {
        let count = BLOCK_ROWS.min(rows - start);
        let columns = full.iter().map(|column| {
            let array = match &order {
                Some(order) => column.rows(&order[start..start + count])?,
                None => column.range(start, count)?,
            };
            Ok(Column::Flat(array))
        });
        let block = Block::new(columns.collect::<Result<_>>()?, count);
        out.add(&combiner.push(block)?, pool)?;
        start += count;
    }
    if let Some(block) = combiner.finish()? {
        out.add(&block, pool)?;
    }
    Ok(out)
}

/// Rows of a block that is combined at once.
const BLOCK_ROWS: usize = 65_536;

/// A block whose columns are plain arrays.
fn flat(block: Block) -> Result<Block> {
    let rows = block.rows();
    let columns = block.columns().iter().map(|c| c.to_flat().map(Column::Flat));
    Ok(Block::new(columns.collect::<Result<_>>()?, rows))
}

/// The first row of every group.
fn first_rows(array: &ArrayRef, groups: &[Range<usize>]) -> Result<ArrayRef> {
    let rows: Vec<u32> = groups.iter().map(|g| g.start as u32).collect();
    take(array, rows)
}

fn take(array: &dyn Array, rows: Vec<u32>) -> Result<ArrayRef> {
    arrow_select::take::take(array, &UInt32Array::from(rows), None)
        .map_err(|e| Error::logical(format!("combined rows: {e}")))
}
