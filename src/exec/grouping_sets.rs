//! Groups by several sets of keys at once, and totals.
//!
//! 1. The rows are grouped once, by all keys, into states.
//! 2. The states are merged once for each set, by the keys that it has.
//! 3. For totals the states of the groups that HAVING keeps are merged into one more row.

use std::sync::Arc;

use base::{Reservation, Result, bail};
use plan::{GroupingSets, Totals};
use types::{Block, Column, DataType, Value};

use crate::aggregate::{Grouping, Stage, group};
use crate::context::ExecContext;
use crate::pipeline::{Materialized, Source, evaluator, execute_for, gather, keep, truth};

/// Runs an aggregation by several sets of keys.
pub(crate) fn grouping_sets(
    groups: GroupingSets,
    context: &Arc<ExecContext>,
) -> Result<Box<dyn Source>> {
    let source = execute_for(groups.input.as_ref().clone(), true, context)?;
    let partial = Grouping {
        keys: groups.keys.clone(),
        calls: groups.calls.clone(),
        limit: None,
        top: None,
        stage: Stage::Partial,
        codes_leave: false,
        most_groups: usize::MAX,
        first_use: None,
    };
    let states = group(source.into(), partial, context)?;
    let states = gather(states.as_ref(), context)?;
    let mut work = Work { held: context.budget.reservation(), bytes: 0, groups, context };
    work.hold(&states)?;
    let mut out = Vec::new();
    for number in 0..work.groups.sets.len() {
        if work.groups.totals.is_some() && number == 0 {
            continue;
        }
        let done = work.set(number, &states)?;
        work.hold(&done)?;
        out.extend(done);
    }
    if let Some(totals) = work.groups.totals.clone() {
        let mut first = work.with_totals(&totals, &states)?;
        first.extend(out);
        out = first;
    }
    Ok(Box::new(Held { blocks: Materialized::in_order(out), _held: work.held }))
}

struct Work<'c> {
    groups: GroupingSets,
    context: &'c Arc<ExecContext>,
    held: Reservation,
    bytes: usize,
}

/// Blocks with the memory that they take.
struct Held {
    blocks: Materialized,
    _held: Reservation,
}

impl Source for Held {
    fn reader(&self) -> Result<Box<dyn crate::pipeline::BlockReader>> {
        self.blocks.reader()
    }

    fn lanes(&self) -> usize {
        1
    }

    fn rows(&self) -> Option<usize> {
        self.blocks.rows()
    }
}

impl Work<'_> {
    fn hold(&mut self, blocks: &[Block]) -> Result<()> {
        self.bytes += blocks.iter().map(Block::memory).sum::<usize>();
        self.held.resize(self.bytes)
    }

    /// The groups of one set.
    fn set(&self, number: usize, states: &[Block]) -> Result<Vec<Block>> {
        let keys = &self.groups.sets[number];
        let no_rows = states.iter().all(|block| block.rows() == 0);
        if keys.is_empty() && no_rows && self.groups.none_of_none && !self.groups.keys.is_empty() {
            return Ok(Vec::new());
        }
        let merged = self.merged(keys, states)?;
        merged.into_iter().map(|block| self.widened(block, keys, number)).collect()
    }

    /// States merged by some of the keys: these keys, then results.
    fn merged(&self, keys: &[usize], states: &[Block]) -> Result<Vec<Block>> {
        let all = self.groups.keys.len();
        let picked = states.iter().map(|block| {
            let mut columns: Vec<Column> =
                keys.iter().map(|key| block.column(*key).clone()).collect();
            columns.extend_from_slice(&block.columns()[all..]);
            Block::new(columns, block.rows())
        });
        let grouping = Grouping {
            keys: keys.iter().map(|key| self.groups.keys[*key].clone()).collect(),
            calls: self.groups.calls.clone(),
            limit: None,
            top: None,
            stage: Stage::Merge,
            codes_leave: false,
            most_groups: usize::MAX,
            first_use: None,
        };
        let merged = group(Arc::new(Materialized::new(picked.collect())), grouping, self.context)?;
        gather(merged.as_ref(), self.context)
    }

    /// A block of some keys and results with all columns of the output.
    fn widened(&self, block: Block, keys: &[usize], number: usize) -> Result<Block> {
        let rows = block.rows();
        let mut columns = Vec::with_capacity(self.groups.schema.len());
        for (at, field) in self.groups.schema.fields()[..self.groups.keys.len()].iter().enumerate()
        {
            columns.push(match keys.iter().position(|key| *key == at) {
                Some(place) => block.column(place).clone(),
                None => absent(&field.data_type, rows)?,
            });
        }
        columns.extend_from_slice(&block.columns()[keys.len()..]);
        columns.push(Column::constant(&DataType::UInt64, &Value::Int(number as i128), rows)?);
        Ok(Block::new(columns, rows))
    }

    /// The groups of all keys that HAVING keeps; the totals are put where they are looked for.
    fn with_totals(&mut self, totals: &Totals, states: &[Block]) -> Result<Vec<Block>> {
        let keys: Vec<usize> = (0..self.groups.keys.len()).collect();
        let having = match &totals.having {
            Some(having) => Some(evaluator(std::slice::from_ref(having), self.context)?),
            None => None,
        };
        let (mut out, mut counted) = (Vec::new(), Vec::new());
        let no_rows = states.iter().all(|block| block.rows() == 0);
        for block in states.iter().filter(|b| b.rows() > 0 || no_rows && keys.is_empty()) {
            let merged = self.merged(&keys, std::slice::from_ref(block))?;
            let merged = self.widened(Block::concat(&merged)?, &keys, 0)?;
            if merged.rows() != block.rows() {
                bail!(LogicalError, "a group came twice, or got lost");
            }
            let Some(having) = &having else {
                out.push(merged);
                counted.push(block.clone());
                continue;
            };
            let condition = having.evaluate_one(merged.columns(), merged.rows())?;
            out.push(keep(merged, &condition)?);
            counted.push(match totals.before_having {
                true => block.clone(),
                false => {
                    let mask = truth(&condition.to_flat()?)?;
                    block.filter(&arrow_array::BooleanArray::new(mask, None))?
                }
            });
        }
        let row = Block::concat(&self.merged(&[], &counted)?)?;
        let row = self.widened(row, &[], 0)?;
        // Set already where an inner plan runs again (WITH RECURSIVE); only the outermost plan's row is read.
        totals.row.set(row).ok();
        self.hold(&out)?;
        Ok(out)
    }
}

/// A key that a set lacks.
fn absent(data_type: &DataType, rows: usize) -> Result<Column> {
    let value = if data_type.is_nullable() { Value::Null } else { data_type.default_value() };
    Column::constant(data_type, &value, rows)
}
