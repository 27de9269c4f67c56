//! The order of values of any one type, nested ones included.
//!
//! Arrays and maps are ordered by their first difference, then by length; tuples by their first
//! differing field. Where NULL and NaN stand is the caller's choice: a smallest or greatest value is none of them.

use std::cmp::Ordering;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use base::{Error, Result};
use types::{DataType, Physical};

use super::lane::{Kind, Lane, with_lane};

/// Where NULL and NaN stand, alone or inside of arrays and tuples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// Before every value, as `max` has them.
    Least,
    /// After every value, as `min` and sorting have them.
    Greatest,
}

impl Missing {
    /// The order of two values by whether they are missing; of two values that are there, `Equal`.
    #[inline]
    pub(crate) fn order(self, a: bool, b: bool) -> Ordering {
        match self {
            Missing::Least => b.cmp(&a),
            Missing::Greatest => a.cmp(&b),
        }
    }
}

/// Compares a row of one array with a row of another.
pub(crate) type Comparator = Box<dyn Fn(usize, usize) -> Ordering>;

/// Nesting beyond this is refused.
const DEPTH_LIMIT: usize = 100;

/// A comparator of the rows of two arrays of one type.
pub(crate) fn comparator(
    data_type: &DataType,
    left: &ArrayRef,
    right: &ArrayRef,
    missing: Missing,
) -> Result<Comparator> {
    nested(data_type, left, right, missing, 0)
}

fn nested(
    data_type: &DataType,
    left: &ArrayRef,
    right: &ArrayRef,
    missing: Missing,
    depth: usize,
) -> Result<Comparator> {
    if depth > DEPTH_LIMIT {
        return Err(Error::logical("values nested too deep to compare"));
    }
    let plain = without_nulls(data_type, left, right, missing, depth)?;
    let (a, b) = (left.nulls().cloned(), right.nulls().cloned());
    if a.is_none() && b.is_none() {
        return Ok(plain);
    }
    Ok(Box::new(move |i, j| {
        let x = a.as_ref().is_some_and(|n| n.is_null(i));
        let y = b.as_ref().is_some_and(|n| n.is_null(j));
        match (x, y) {
            (false, false) => plain(i, j),
            (x, y) => missing.order(x, y),
        }
    }))
}

fn without_nulls(
    data_type: &DataType,
    left: &ArrayRef,
    right: &ArrayRef,
    missing: Missing,
    depth: usize,
) -> Result<Comparator> {
    match data_type.physical() {
        Physical::Bytes => {
            let (a, b) = (left.as_binary_view().clone(), right.as_binary_view().clone());
            Ok(Box::new(move |i, j| a.value(i).cmp(b.value(j))))
        }
        Physical::Fixed(_) => {
            let (a, b) =
                (left.as_fixed_size_binary().clone(), right.as_fixed_size_binary().clone());
            Ok(Box::new(move |i, j| a.value(i).cmp(b.value(j))))
        }
        Physical::List => {
            let (a, b) = (left.as_list::<i32>().clone(), right.as_list::<i32>().clone());
            let item = data_type.list_item().unwrap_or(DataType::Nothing);
            let items = nested(&item, a.values(), b.values(), missing, depth + 1)?;
            let bounds = |list: &arrow_array::ListArray, row: usize| -> (usize, usize) {
                let offsets = list.value_offsets();
                (offsets[row] as usize, offsets[row + 1] as usize)
            };
            Ok(Box::new(move |i, j| {
                let ((from, to), (start, end)) = (bounds(&a, i), bounds(&b, j));
                (from..to)
                    .zip(start..end)
                    .map(|(x, y)| items(x, y))
                    .find(|o| o.is_ne())
                    .unwrap_or_else(|| (to - from).cmp(&(end - start)))
            }))
        }
        Physical::Struct => {
            let DataType::Tuple(fields) = data_type.inner() else {
                return Err(Error::logical("a struct that is no tuple"));
            };
            let (a, b) = (left.as_struct(), right.as_struct());
            let parts: Vec<Comparator> = fields
                .iter()
                .zip(a.columns().iter().zip(b.columns()))
                .map(|(field, (x, y))| nested(&field.data_type, x, y, missing, depth + 1))
                .collect::<Result<_>>()?;
            Ok(Box::new(move |i, j| {
                parts.iter().map(|p| p(i, j)).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
            }))
        }
        _ => {
            let kind = Kind::require(data_type)?;
            with_lane!(kind, T => lanes::<T>(left, right, missing))
        }
    }
}

fn lanes<T: Lane>(left: &ArrayRef, right: &ArrayRef, missing: Missing) -> Result<Comparator> {
    let (a, b) = (T::view(left)?.into_owned(), T::view(right)?.into_owned());
    Ok(Box::new(move |i, j| total(a[i], b[j], missing)))
}

/// The order of numbers, of which NaN differs from itself.
#[inline]
pub(crate) fn total<T: PartialOrd>(a: T, b: T, missing: Missing) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| {
        let is_nan = |v: &T| v.partial_cmp(v).is_none();
        missing.order(is_nan(&a), is_nan(&b))
    })
}
