//! ASOF: of the rows with equal keys the one whose time lies nearest, on the wanted side of the probing row's.
//!
//! 1. The built rows are sorted by their times before the table is made. Rows of one key stand in the table in the
//!    order of their numbers, and so in that of their times.
//! 2. A probing row's time becomes a bound of row numbers, found among all times; the row next to it is found
//!    among those of its key.
//!
//! NULL and NaN are near nothing: built rows with them are left out.

use std::sync::Arc;

use arrow_array::{ArrayRef, UInt32Array};
use base::{Result, bail};
use expr::{Evaluator, Expr};
use plan::{Join, JoinStrictness};
use types::{Block, Column, DataType};

use super::build::Gathered;
use super::shape::{Columns, OutputColumn};
use super::table::Matches;
use crate::context::ExecContext;
use crate::order::ordered_numbers;
use crate::pipeline::evaluator;

/// The inequality of an ASOF join: times of the probing side against those of the built one.
pub(super) struct Asof {
    /// Over the probing block.
    probing: Arc<Evaluator>,
    probing_type: DataType,
    /// Over the kept columns.
    built: Arc<Evaluator>,
    built_type: DataType,
    /// Whether the nearest is sought among times before the probing row's, else behind it.
    before: bool,
    /// Whether an equal time counts.
    equal: bool,
}

/// Times of the built rows, ascending.
pub(super) type Times = Arc<Vec<u128>>;

impl Asof {
    /// The inequality of a join, where it is of that kind.
    pub(super) fn of(
        join: &Join,
        columns: &Columns,
        context: &ExecContext,
    ) -> Result<Option<Asof>> {
        if join.strictness != JoinStrictness::Asof {
            return Ok(None);
        }
        let Some(Expr::Call { function, arguments, .. }) = &join.condition else {
            bail!(LogicalError, "an ASOF join without inequality");
        };
        let (before, equal) = match function.as_str() {
            "greaterOrEquals" => (true, true),
            "greater" => (true, false),
            "lessOrEquals" => (false, true),
            "less" => (false, false),
            other => bail!(LogicalError, "an ASOF join by {other}"),
        };
        let place = |column: usize| {
            let found = columns.condition.iter().find(|(known, _)| *known == column);
            match found {
                Some((_, OutputColumn::Build(at))) => *at,
                _ => column,
            }
        };
        let (probing, built) = (arguments[0].clone(), arguments[1].clone().remap(&place));
        Ok(Some(Asof {
            probing_type: probing.data_type(),
            built_type: built.data_type(),
            probing: evaluator(&[probing], context)?,
            built: evaluator(&[built], context)?,
            before,
            equal,
        }))
    }

    /// The built rows that have a time, by their times, and these.
    pub(super) fn sorted(&self, gathered: Gathered) -> Result<(Gathered, Times)> {
        let Gathered { blocks, keys, held } = gathered;
        let Some(width) = blocks.first().map(|block| block.columns().len()) else {
            return Ok((Gathered { blocks, keys, held }, Times::default()));
        };
        let rows = blocks.iter().map(Block::rows).sum();
        let (blocks, keys) = (&blocks, &keys);
        let whole = |column: usize| {
            let parts: Vec<Column> = blocks.iter().map(|b| b.column(column).clone()).collect();
            Column::concat(&parts)
        };
        let columns = (0..width).map(whole).collect::<Result<Vec<_>>>()?;
        let block = Block::new(columns, rows);
        let times = self.built.evaluate(&block)?;
        let (times, placed) = ordered_numbers(&times[0], &self.built_type)?;
        let valid = |row: &u32| placed.as_ref().is_none_or(|p| p.is_valid(*row as usize));
        let mut order: Vec<u32> = (0..rows as u32).filter(valid).collect();
        order.sort_by_key(|row| times[*row as usize]);
        let times = order.iter().map(|row| times[*row as usize]).collect();
        let order = UInt32Array::from(order);
        let taken = block.columns().iter().map(|column| column.take(&order));
        let block = Block::new(taken.collect::<Result<Vec<_>>>()?, order.len());
        let key_columns = keys.first().map_or(0, Vec::len);
        let sorted_key = |at: usize| -> Result<ArrayRef> {
            let parts: Vec<Column> = keys.iter().map(|k| Column::Flat(k[at].clone())).collect();
            Column::concat(&parts)?.take(&order)?.to_flat()
        };
        let keys = (0..key_columns).map(sorted_key).collect::<Result<Vec<_>>>()?;
        Ok((Gathered { blocks: vec![block], keys: vec![keys], held }, Arc::new(times)))
    }

    /// Leaves of the rows that each probing row has met the nearest, where there is one.
    pub(super) fn nearest(
        &self,
        block: &Block,
        times: &[u128],
        numbers: &[u32],
        matches: &mut Matches,
    ) -> Result<()> {
        let own = self.probing.evaluate(block)?;
        let (own, placed) = ordered_numbers(&own[0], &self.probing_type)?;
        // Times before the bound are those before the row's, with equal ones where that is asked for.
        let inclusive = self.before == self.equal;
        for (row, time) in own.iter().enumerate() {
            let (start, end) = (matches.starts[row], matches.ends[row]);
            if start == end {
                continue;
            }
            if placed.as_ref().is_some_and(|p| p.is_null(row)) {
                matches.ends[row] = start;
                continue;
            }
            let bound = times.partition_point(|t| t < time || inclusive && t == time) as u32;
            let of_key = &numbers[start as usize..end as usize];
            let place = start + of_key.partition_point(|number| *number < bound) as u32;
            let found = if self.before { place.checked_sub(1) } else { Some(place) };
            let found = found.filter(|at| (start..end).contains(at));
            matches.starts[row] = found.unwrap_or(start);
            matches.ends[row] = found.map_or(start, |at| at + 1);
        }
        Ok(())
    }
}
