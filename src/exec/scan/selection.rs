//! The rows of a granule that passed the tests so far.

use arrow_array::BooleanArray;
use base::Result;
use types::Column;

use super::granule::Selection;

/// Replaces a selection by a part of it, for the cached columns too.
pub(super) fn refine(
    selection: &mut Selection,
    kept: Vec<u16>,
    rows: usize,
    cached: &mut [(usize, Column)],
) -> Result<()> {
    if !cached.is_empty() {
        let before: Vec<u16> = match selection.take() {
            Some(before) => before,
            None => (0..rows).map(|row| row as u16).collect(),
        };
        let mut next = kept.iter().peekable();
        let mask: BooleanArray = before
            .iter()
            .map(|row| {
                let hit = next.peek() == Some(&row);
                if hit {
                    next.next();
                }
                Some(hit)
            })
            .collect();
        for (_, column) in cached.iter_mut() {
            *column = column.filter(&mask)?;
        }
    }
    *selection = Some(kept);
    Ok(())
}

/// Keeps the rows that are in both.
pub(super) fn intersect(
    selection: &mut Selection,
    found: Vec<u16>,
    cached: &mut [(usize, Column)],
) -> Result<()> {
    let kept = match selection.as_ref() {
        None => found,
        Some(before) => {
            let mut kept = Vec::with_capacity(before.len().min(found.len()));
            let mut others = found.into_iter().peekable();
            for row in before {
                while others.next_if(|other| other < row).is_some() {}
                if others.next_if(|other| other == row).is_some() {
                    kept.push(*row);
                }
            }
            kept
        }
    };
    let rows = kept.last().map_or(0, |last| usize::from(*last) + 1);
    let rows =
        selection.as_ref().map_or(rows.max(cached.first().map_or(0, |(_, c)| c.len())), Vec::len);
    refine(selection, kept, rows, cached)
}

/// The rows that are not in a sorted list.
pub(super) fn complement(rows: &[u16], count: usize) -> Vec<u16> {
    let mut out = Vec::with_capacity(count - rows.len());
    let mut next = 0;
    for row in rows {
        let row = usize::from(*row);
        out.extend((next..row).map(|row| row as u16));
        next = row + 1;
    }
    out.extend((next..count).map(|row| row as u16));
    out
}
