//! Distinct counts beside other calls: the rows are read twice, once for each, and the groups are put
//! together by their keys.
//!
//! In one pass the other calls would need a state for every pair of keys and counted value, of which there are
//! far more than groups. So this is done where rows are cheap to read: those of parts, unfiltered; and where
//! groups are few by what is known of the keys, for here they are held at once and never spilled.

use std::sync::Arc;

use arrow_array::UInt32Array;
use base::{Error, Result};
use expr::{Expr, KeyTable, TableKey};
use plan::{AggregateCall, Aggregation};
use types::{Block, Column, DataType};

use super::keys::{KeyEncoder, Packed};
use super::{DIRECT_BITS, Grouping, Stage, group, number_codes, two_steps};
use crate::context::ExecContext;
use crate::metadata::scan_below;
use crate::pipeline::{Materialized, Source, execute_for, gather};

/// The groups of an aggregation that is better run this way; `None` of others.
pub(super) fn run(
    aggregation: &Aggregation,
    source: &Arc<dyn Source>,
    context: &Arc<ExecContext>,
) -> Result<Option<Box<dyn Source>>> {
    let (counts, others): (Vec<_>, Vec<_>) =
        aggregation.calls.iter().cloned().partition(|call| call.function == "uniqExact");
    let unfiltered = scan_below(&aggregation.input)
        .is_some_and(|(scan, _)| scan.filter.is_empty() && scan.limit.is_none());
    if counts.is_empty() || others.is_empty() || aggregation.keys.is_empty() || !unfiltered {
        return Ok(None);
    }
    let grouping = |calls: Vec<AggregateCall>| Grouping {
        keys: aggregation.keys.clone(),
        calls,
        limit: aggregation.limit,
        top: None,
        stage: Stage::Whole,
        codes_leave: false,
        most_groups: usize::MAX,
        first_use: None,
    };
    let counting = grouping(counts);
    let few = KeyEncoder::over(&aggregation.keys, source.as_ref()).bits() <= DIRECT_BITS;
    if !few || two_steps::split(&counting, source.as_ref()).is_none() {
        return Ok(None);
    }
    let again: Arc<dyn Source> =
        execute_for(aggregation.input.as_ref().clone(), true, context)?.into();
    again.want_codes(&number_codes::wanted(&aggregation.keys, &aggregation.calls))?;
    if !aggregation.keys.iter().all(|key| same_codes(key, source.as_ref(), again.as_ref())) {
        return Ok(None);
    }
    let counted = group(source.clone(), counting, context)?;
    let rest = group(again, grouping(others), context)?;
    combine(aggregation, counted.as_ref(), rest.as_ref(), context).map(Some)
}

/// Whether both sources give equal codes for equal values of a key, if any.
fn same_codes(key: &Expr, one: &dyn Source, other: &dyn Source) -> bool {
    let Expr::Column { index, .. } = key else { return true };
    match (one.dictionary(*index), other.dictionary(*index)) {
        (None, None) => true,
        (Some(one), Some(other)) => one.id() == other.id(),
        _ => false,
    }
}

/// Beside the groups of one source the results of the same groups of the other.
fn combine(
    aggregation: &Aggregation,
    counted: &dyn Source,
    rest: &dyn Source,
    context: &Arc<ExecContext>,
) -> Result<Box<dyn Source>> {
    let width = aggregation.keys.len();
    let types: Vec<DataType> =
        aggregation.keys.iter().map(|k| k.data_type().without_low_cardinality()).collect();
    let dictionaries: Vec<_> = (0..width).map(|key| rest.dictionary(key)).collect();
    let mut encoder = KeyEncoder::new(&types, &dictionaries, &[]);
    let (left, right) = (all_rows(rest, context)?, all_rows(counted, context)?);
    let order = match (
        encoder.encode(&left.columns()[..width], left.rows())?,
        encoder.encode(&right.columns()[..width], right.rows())?,
    ) {
        (Packed::Narrow(left), Packed::Narrow(right)) => places(&left, &right)?,
        (Packed::Wide(left), Packed::Wide(right)) => places(&left, &right)?,
        _ => return Err(Error::logical("keys of different widths")),
    };
    let mut columns: Vec<Column> = left.columns()[..width].to_vec();
    let (mut next_left, mut next_right) = (width, width);
    for call in &aggregation.calls {
        if call.function == "uniqExact" {
            columns.push(right.column(next_right).take(&order)?);
            next_right += 1;
        } else {
            columns.push(left.column(next_left).clone());
            next_left += 1;
        }
    }
    Ok(Box::new(Materialized::new(vec![Block::new(columns, left.rows())])))
}

fn all_rows(source: &dyn Source, context: &Arc<ExecContext>) -> Result<Block> {
    Block::concat(&gather(source, context)?)
}

/// Where each of some keys stands among others, which are the same in another order.
fn places<K: TableKey>(wanted: &[K], keys: &[K]) -> Result<UInt32Array> {
    let mut table = KeyTable::with_capacity(keys.len());
    table.insert(keys);
    let mut numbers = Vec::new();
    table.numbers(wanted, keys.len(), &mut numbers);
    if table.keys().len() != keys.len() || wanted.len() != keys.len() {
        return Err(Error::logical("two passes over the same rows gave different groups"));
    }
    if numbers.contains(&u32::MAX) {
        return Err(Error::logical("two passes over the same rows gave different keys"));
    }
    Ok(UInt32Array::from(numbers))
}
