//! Comparison of strings.
//!
//! Equality looks at the views first: 16 bytes hold the length and the first 4 bytes, or all of a
//! string of at most 12. Where a FixedString takes part, zeros at the ends do not count.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, BinaryViewArray, UInt8Array};
use base::{Result, bail};
use types::{Column, DataType};

use super::{Comparison, Kernel};
use crate::scalar::lane::{constant, flat};

/// The longest string that lies in its view.
const INLINE: u32 = 12;

/// The kernel of two string types.
pub(super) fn kernel(a: &DataType, b: &DataType, comparison: Comparison) -> Kernel {
    if *a == DataType::String && *b == DataType::String {
        return Box::new(move |left, right, rows| strings(left, right, rows, comparison));
    }
    Box::new(move |left, right, rows| {
        let (x, y) = (source(left)?, source(right)?);
        let answer = |row: usize| {
            let (p, q) = (trimmed(bytes_at(&x, row)), trimmed(bytes_at(&y, row)));
            u8::from(comparison.of(p.cmp(q)))
        };
        if left.is_constant() && right.is_constant() {
            return Ok(constant(answer(0), rows));
        }
        Ok(flat((0..rows).map(answer).collect()))
    })
}

/// An array with whether its only row stands for all.
fn source(column: &Column) -> Result<(ArrayRef, bool)> {
    Ok(match column {
        Column::Constant { value, .. } => (value.clone(), true),
        other => (other.to_flat()?, false),
    })
}

fn bytes_at(source: &(ArrayRef, bool), row: usize) -> &[u8] {
    let row = if source.1 { 0 } else { row };
    match source.0.as_fixed_size_binary_opt() {
        Some(fixed) => fixed.value(row),
        None => source.0.as_binary_view().value(row),
    }
}

/// Without zeros at the end.
fn trimmed(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|b| *b != 0).map_or(0, |at| at + 1);
    &bytes[..end]
}

fn strings(left: &Column, right: &Column, rows: usize, comparison: Comparison) -> Result<Column> {
    let (a, b) = (source(left)?, source(right)?);
    let (Some(x), Some(y)) = (a.0.as_binary_view_opt(), b.0.as_binary_view_opt()) else {
        bail!(LogicalError, "strings of an unexpected layout");
    };
    let equality = matches!(comparison, Comparison::Equals | Comparison::NotEquals);
    let negated = comparison == Comparison::NotEquals;
    match (a.1, b.1) {
        (true, true) => Ok(constant(u8::from(comparison.of(x.value(0).cmp(y.value(0)))), rows)),
        (false, true) if equality => Ok(equal_to(x, y, negated)),
        (true, false) if equality => Ok(equal_to(y, x, negated)),
        (false, true) => {
            let text = y.value(0);
            Ok(flat((0..rows).map(|r| u8::from(comparison.of(x.value(r).cmp(text)))).collect()))
        }
        (true, false) => {
            let text = x.value(0);
            Ok(flat((0..rows).map(|r| u8::from(comparison.of(text.cmp(y.value(r))))).collect()))
        }
        (false, false) if equality => {
            let (p, q) = (x.views(), y.views());
            let equal = |row: usize| same(x, p[row], row, y, q[row], row);
            Ok(flat((0..rows).map(|row| u8::from(equal(row) != negated)).collect()))
        }
        (false, false) => Ok(flat(
            (0..rows).map(|r| u8::from(comparison.of(x.value(r).cmp(y.value(r))))).collect(),
        )),
    }
}

/// Whether two strings are equal, by their views if these tell.
#[inline]
fn same(x: &BinaryViewArray, p: u128, i: usize, y: &BinaryViewArray, q: u128, j: usize) -> bool {
    if p as u32 <= INLINE {
        return p == q;
    }
    p as u64 == q as u64 && x.value(i) == y.value(j)
}

/// A column against one string.
fn equal_to(column: &BinaryViewArray, text: &BinaryViewArray, negated: bool) -> Column {
    let Some(view) = text.views().first().copied() else { return constant(0_u8, 0) };
    let out: Vec<u8> = if view as u32 <= INLINE {
        column.views().iter().map(|v| u8::from((*v == view) != negated)).collect()
    } else {
        let rows = column.views().iter().enumerate();
        rows.map(|(row, v)| u8::from(same(column, *v, row, text, view, 0) != negated)).collect()
    };
    Column::Flat(Arc::new(UInt8Array::from(out)))
}
