//! Which rows of a group stay: the newest version, or what is left when signs cancel.

use std::cmp::Ordering;
use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int8Type, UInt8Type};
use arrow_array::{Array, ArrayRef};

use crate::key::KeyValues;

/// The row of the greatest version of every group, of equal ones the last; without versions the last row.
pub(super) fn newest(groups: &[Range<usize>], version: Option<&KeyValues>) -> Vec<u32> {
    let newest = |group: &Range<usize>| -> u32 {
        let mut best = group.start;
        for row in group.clone().skip(1) {
            let older = version.is_some_and(|v| v.compare(row, v, best) == Ordering::Less);
            if !older {
                best = row;
            }
        }
        best as u32
    };
    groups.iter().map(newest).collect()
}

/// Whether a mark of UInt8 (or Int8) is 1.
pub(super) fn is_one(marks: &ArrayRef, row: usize) -> bool {
    if marks.is_null(row) {
        return false;
    }
    match (marks.as_primitive_opt::<UInt8Type>(), marks.as_primitive_opt::<Int8Type>()) {
        (Some(marks), _) => marks.value(row) == 1,
        (_, Some(marks)) => marks.value(row) == 1,
        _ => false,
    }
}

/// For every row whether its sign is 1.
pub(super) fn signs(column: &ArrayRef) -> Vec<bool> {
    (0..column.len()).map(|row| is_one(column, row)).collect()
}

/// What is left of each group where rows of the object's old state (-1) and new state (1) follow each other:
/// the first old row where there are at least as many old as new ones, the last new row where it is the other way
/// round; nothing where they are equally many and the group ends with an old row.
pub(super) fn collapsed(groups: &[Range<usize>], positive: &[bool]) -> Vec<u32> {
    let mut rows = Vec::new();
    for group in groups {
        let new = group.clone().filter(|row| positive[*row]).count();
        let old = group.len() - new;
        if new == old && !positive[group.end - 1] {
            continue;
        }
        if old >= new {
            rows.extend(group.clone().find(|row| !positive[*row]).map(|row| row as u32));
        }
        if new >= old {
            rows.extend(group.clone().rev().find(|row| positive[*row]).map(|row| row as u32));
        }
    }
    rows
}

/// What is left of each group when every row cancels the one before it that is left and has the other sign.
pub(super) fn cancelled(groups: &[Range<usize>], positive: &[bool]) -> Vec<u32> {
    let mut rows = Vec::new();
    for group in groups {
        let start = rows.len();
        for row in group.clone() {
            match rows[start..].last() {
                Some(last) if positive[*last as usize] != positive[row] => {
                    rows.pop();
                }
                _ => rows.push(row as u32),
            }
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::{cancelled, collapsed};

    fn signs(text: &str) -> Vec<bool> {
        text.chars().map(|c| c == '+').collect()
    }

    #[test]
    fn states_of_an_object_collapse() {
        let check = |text: &str, left: &[u32]| {
            assert_eq!(
                collapsed(std::slice::from_ref(&(0..text.len())), &signs(text)),
                left,
                "{text}"
            );
        };
        check("+", &[0]);
        check("-", &[0]);
        check("+-", &[]);
        check("-+", &[0, 1]);
        check("+-+", &[2]);
        check("--+", &[0]);
        check("++", &[1]);
    }

    #[test]
    fn signs_cancel_in_any_order() {
        let check = |text: &str, left: &[u32]| {
            assert_eq!(
                cancelled(std::slice::from_ref(&(0..text.len())), &signs(text)),
                left,
                "{text}"
            );
        };
        check("-+", &[]);
        check("+-+", &[2]);
        check("++-", &[0]);
        check("+++", &[0, 1, 2]);
    }
}
