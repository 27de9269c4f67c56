//! Granules in which the columns of a condition have one value each: the condition is computed on these values, so that
//! any function drops granules, also where nothing is known of its order (small granules, columns of PARTITION BY).

use base::Result;
use expr::{Determinism, Registry};
use storage::{ColumnChunk, Extremes};
use types::{Column, DataType, Value, array_from_values};

use super::prepare::Conjunct;
use crate::pipeline::truth;

/// Whether a condition can be computed on zone maps: on columns of numbers and times, with functions that give the
/// same for the same.
pub(super) fn is_eligible(conjunct: &Conjunct, types: &[DataType], registry: &Registry) -> bool {
    let mut same = true;
    conjunct.expression.visit(&mut |e| {
        if let expr::Expr::Call { function, .. } = e {
            same &= registry.function(function).is_some_and(|d| {
                d.determinism != Determinism::Never && !d.name.starts_with("rowNumber")
            });
        }
    });
    let known = |column: &usize| {
        let data_type = types[*column].inner();
        let time = matches!(data_type, DataType::DateTime(_) | DataType::DateTime64(..));
        data_type.is_integer() && data_type.bits() <= Some(64) || data_type.is_date() || time
    };
    same && !conjunct.columns.is_empty() && conjunct.columns.iter().all(known)
}

/// The only value of a column in a granule; `None` where there are several, or NULL.
fn single(chunk: &ColumnChunk, granule: usize) -> Option<i128> {
    let zone = chunk.zone(granule);
    match zone.extremes {
        Extremes::Int { min, max } if min == max && zone.nulls == 0 => Some(min),
        _ => None,
    }
}

/// Leaves out the granules in which a condition cannot hold. A condition that fails on a value keeps all of them: rows
/// that other conditions leave out must not fail.
pub(super) fn retain(
    granules: &mut Vec<usize>,
    conjunct: &Conjunct,
    chunks: &[Option<std::sync::Arc<ColumnChunk>>],
    types: &[DataType],
) -> Result<()> {
    let Some(read) =
        conjunct.columns.iter().map(|c| chunks[*c].as_deref()).collect::<Option<Vec<_>>>()
    else {
        return Ok(());
    };
    let (mut places, mut values) = (Vec::new(), vec![Vec::new(); read.len()]);
    for (place, granule) in granules.iter().enumerate() {
        let found: Option<Vec<i128>> = read.iter().map(|chunk| single(chunk, *granule)).collect();
        let Some(found) = found else { continue };
        places.push(place);
        for (list, value) in values.iter_mut().zip(found) {
            list.push(Value::Int(value));
        }
    }
    if places.is_empty() {
        return Ok(());
    }
    let width = conjunct.columns.iter().max().map_or(0, |last| last + 1);
    let mut columns = Vec::with_capacity(width);
    for (at, data_type) in types[..width].iter().enumerate() {
        columns.push(match conjunct.columns.iter().position(|c| *c == at) {
            Some(which) => Column::Flat(array_from_values(data_type, &values[which])?),
            None => Column::constant(data_type, &data_type.default_value(), places.len())?,
        });
    }
    let Ok(answer) = conjunct.evaluator.evaluate_one(&columns, places.len()) else { return Ok(()) };
    let holds = truth(&answer.to_flat()?)?;
    debug_assert_eq!(holds.len(), places.len());
    let mut at = 0;
    let mut place = 0;
    granules.retain(|_| {
        let keep = match places.get(at) {
            Some(known) if *known == place => {
                at += 1;
                holds.value(at - 1)
            }
            _ => true,
        };
        place += 1;
        keep
    });
    Ok(())
}
