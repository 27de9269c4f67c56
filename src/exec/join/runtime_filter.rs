//! What a join has built, as conditions on what it reads against it.
//!
//! A key column that comes straight from a table, through picks, filters, other joins and the keys of groups, gets
//! the set of the built side's values as an optional condition of the scan: zone maps drop granules outside of it,
//! rows are tested for as long as that keeps few enough of them (see `scan`).

use std::sync::Arc;

use arrow_array::{Array, ArrayRef};
use base::{Error, Result};
use expr::{Expr, Set};
use plan::{Join, JoinKind, JoinStrictness, Plan, Scan};
use types::{DataType, Physical};

/// Larger sets cost more than they spare.
const MOST_VALUES: usize = 8 << 20;

/// The same for sets of strings, which are kept in a hash table.
const MOST_HASHED: usize = 1 << 18;

/// Adds conditions to the scans below a plan whose rows are of no use without a match among the built keys.
pub(super) fn push(plan: &mut Plan, keys: &[Expr], built: &[Vec<ArrayRef>]) -> Result<()> {
    let rows: usize = built.iter().map(|k| k.first().map_or(0, Array::len)).sum();
    if rows > MOST_VALUES {
        return Ok(());
    }
    for (at, key) in keys.iter().enumerate() {
        let Expr::Column { index, data_type } = key else { continue };
        let data_type = data_type.without_low_cardinality().inner().clone();
        let mut scans = Vec::new();
        targets(plan, *index, &mut scans);
        scans.retain(|(scan, column)| {
            let own = scan.schema.fields()[*column].data_type.without_low_cardinality();
            *own.inner() == data_type
        });
        if scans.is_empty() {
            continue;
        }
        let Some(set) = set_of(&data_type, built, at, rows)? else { continue };
        for (scan, column) in scans {
            let column = Expr::column(column, scan.schema.fields()[column].data_type.clone());
            let condition =
                Expr::In { argument: Box::new(column), set: set.clone(), negated: false };
            scan.optional.push(condition);
        }
    }
    Ok(())
}

/// The set of the built values of one key, where it is worth making.
fn set_of(
    data_type: &DataType,
    built: &[Vec<ArrayRef>],
    key: usize,
    rows: usize,
) -> Result<Option<Arc<Set>>> {
    let most = match data_type.physical() {
        Physical::Float32 | Physical::Float64 | Physical::List | Physical::Struct => 0,
        Physical::Bytes | Physical::Fixed(_) => MOST_HASHED,
        _ => MOST_VALUES,
    };
    if rows == 0 || rows > most {
        return Ok(None);
    }
    let arrays: Vec<&dyn Array> = built.iter().map(|keys| keys[key].as_ref()).collect();
    let values =
        arrow_select::concat::concat(&arrays).map_err(|e| Error::logical(e.to_string()))?;
    Ok(Some(Arc::new(Set::new(data_type.clone(), values)?.approximate())))
}

/// The scans that give a column of a plan, where rows without certain values in it can be left out.
fn targets<'p>(plan: &'p mut Plan, column: usize, found: &mut Vec<(&'p mut Scan, usize)>) {
    match plan {
        Plan::Scan(scan) if scan.limit.is_none() => found.push((scan, column)),
        Plan::Filter { input, .. } | Plan::Sort { input, limit: None, .. } => {
            targets(input, column, found);
        }
        Plan::Distinct { input, columns, limit: None } if columns.contains(&column) => {
            targets(input, column, found);
        }
        Plan::Project { input, expressions, .. } => {
            if let Some(Expr::Column { index, .. }) = expressions.get(column) {
                targets(input, *index, found);
            }
        }
        Plan::Aggregate(groups) if groups.limit.is_none() && groups.top.is_none() => {
            if let Some(Expr::Column { index, .. }) = groups.keys.get(column) {
                targets(&mut groups.input, *index, found);
            }
        }
        Plan::Union { inputs, .. } => {
            inputs.iter_mut().for_each(|input| targets(input, column, found));
        }
        Plan::ArrayJoin(join) if column < join.schema.len() - join.arrays.len() => {
            targets(&mut join.input, column, found);
        }
        Plan::Join(join) => of_join(join, column, found),
        _ => {}
    }
}

/// A column of one input and, by an equal key, of the other.
fn of_join<'p>(join: &'p mut Join, column: usize, found: &mut Vec<(&'p mut Scan, usize)>) {
    let width = join.left.schema().len();
    let inner = matches!(join.kind, JoinKind::Inner | JoinKind::Cross)
        && join.strictness == JoinStrictness::All;
    let of_left = column < width;
    let safe = inner || of_left && join.kind == JoinKind::Left;
    if !safe {
        return;
    }
    let own = if of_left { column } else { column - width };
    let is_own = |e: &Expr| matches!(e, Expr::Column { index, .. } if *index == own);
    let mut equal = Vec::new();
    for (left, right) in &join.keys {
        let (mine, other) = if of_left { (left, right) } else { (right, left) };
        if let Expr::Column { index, .. } = other
            && is_own(mine)
        {
            equal.push(*index);
        }
    }
    let (mine, other) =
        if of_left { (&mut join.left, &mut join.right) } else { (&mut join.right, &mut join.left) };
    targets(mine, own, found);
    if let Some(column) = equal.first() {
        targets(other, *column, found);
    }
}
