//! Taking every row from one of several columns: what all conditionals come down to.

use arrow_array::{Array, ArrayRef};
use arrow_buffer::NullBuffer;
use base::{Error, Result};
use types::{Column, DataType};

use super::lane::{Kind, Lane, Values, flat, values, with_lane};

/// Rows of `branches`, which are all of the one type: row `i` of branch `which[i]`.
pub(crate) fn choose(data_type: &DataType, branches: &[Column], which: &[u32]) -> Result<Column> {
    if let [only] = branches {
        return Ok(only.clone());
    }
    let nulls = nulls_of(branches, which);
    if let Some(kind) = Kind::of(data_type) {
        let chosen = with_lane!(kind, T => lanes::<T>(branches, which))?;
        return match nulls {
            None => Ok(chosen),
            nulls => chosen.with_nulls(nulls),
        };
    }
    let mut arrays: Vec<ArrayRef> = Vec::with_capacity(branches.len());
    for branch in branches {
        arrays.push(match branch {
            Column::Constant { value, .. } => value.clone(),
            other => other.to_flat()?,
        });
    }
    let indices: Vec<(usize, usize)> = which
        .iter()
        .enumerate()
        .map(|(row, branch)| {
            let branch = *branch as usize;
            let constant = branches.get(branch).is_some_and(Column::is_constant);
            (branch, if constant { 0 } else { row })
        })
        .collect();
    let arrays: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
    let chosen = arrow_select::interleave::interleave(&arrays, &indices)
        .map_err(|e| Error::logical(format!("choosing rows: {e}")))?;
    Ok(Column::Flat(chosen))
}

fn lanes<T: Lane>(branches: &[Column], which: &[u32]) -> Result<Column> {
    let all: Vec<Values<'_, T>> = branches.iter().map(values::<T>).collect::<Result<_>>()?;
    if let [first, second] = all.as_slice() {
        let pick = |first_of: &dyn Fn(usize) -> T, second_of: &dyn Fn(usize) -> T| {
            let rows = which.iter().enumerate();
            rows.map(|(row, w)| if *w == 0 { first_of(row) } else { second_of(row) }).collect()
        };
        return Ok(flat(match (first, second) {
            (Values::One(a), Values::One(b)) => {
                which.iter().map(|w| if *w == 0 { *a } else { *b }).collect()
            }
            (Values::Slice(a), Values::One(b)) => {
                a.iter().zip(which).map(|(a, w)| if *w == 0 { *a } else { *b }).collect()
            }
            (Values::One(a), Values::Slice(b)) => {
                b.iter().zip(which).map(|(b, w)| if *w == 0 { *a } else { *b }).collect()
            }
            _ => pick(&|row| first.at(row), &|row| second.at(row)),
        }));
    }
    let rows = which.iter().enumerate();
    Ok(flat(
        rows.map(|(row, w)| all.get(*w as usize).map_or(T::default(), |v| v.at(row))).collect(),
    ))
}

fn nulls_of(branches: &[Column], which: &[u32]) -> Option<NullBuffer> {
    let nulls: Vec<Option<NullBuffer>> = branches.iter().map(Column::nulls).collect();
    if nulls.iter().all(Option::is_none) {
        return None;
    }
    let valid = |(row, w): (usize, &u32)| {
        !nulls.get(*w as usize).and_then(Option::as_ref).is_some_and(|n| n.is_null(row))
    };
    Some(which.iter().enumerate().map(valid).collect())
}
