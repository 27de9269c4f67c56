//! Equal elements: counted, numbered, removed; arrays as sets.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow_array::types::{Float64Type, UInt32Type};
use arrow_array::{Array, ArrayRef, UInt32Array};
use base::Result;
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration};
use types::{Column, DataType};

use super::convert::{comparable, convert};
use super::keys::{Key, Keys};
use super::lists::{Lists, Picker, concat, item_type, list_column, numbers};
use super::slice::same_lengths;
use crate::scalar::lane::without_nulls;
use crate::text::declare;

pub(super) static FUNCTIONS: &[FunctionDeclaration] = &[
    declare!("Array", "arrayUniq", "arrayUniq(array, ...)", "The number of different elements (of several arrays: of different tuples of them).",
        "SELECT arrayUniq([1, 1, 2])" => "2", (1, usize::MAX), uniq),
    declare!("Array", "arrayDistinct", "arrayDistinct(array)", "The different elements, each once, without NULL.",
        "SELECT arrayDistinct([1, 2, 1])" => "[1,2]", (1, 1), distinct),
    declare!("Array", "arrayEnumerateUniq", "arrayEnumerateUniq(array, ...)", "For each element, how often it stood there up to here.",
        "SELECT arrayEnumerateUniq([1, 1, 2, 1])" => "[1,2,1,3]", (1, usize::MAX), |_, a| number("arrayEnumerateUniq", a, false)),
    declare!("Array", "arrayEnumerateDense", "arrayEnumerateDense(array, ...)", "For each element, the number of its value in order of first occurrence.",
        "SELECT arrayEnumerateDense([5, 6, 5])" => "[1,2,1]", (1, usize::MAX), |_, a| number("arrayEnumerateDense", a, true)),
    declare!("Array", "arrayIntersect", "arrayIntersect(a, b, ...)", "The elements that all arrays have, each once.",
        "SELECT arraySort(arrayIntersect([1, 2, 3], [2, 3]))" => "[2,3]", (1, usize::MAX), |c, a| sets(c, "arrayIntersect", a, Keep::All)),
    declare!("Array", "arrayUnion", "arrayUnion(a, b, ...)", "The elements that any array has, each once.",
        "SELECT arraySort(arrayUnion([1, 2], [2, 3]))" => "[1,2,3]", (1, usize::MAX), |c, a| sets(c, "arrayUnion", a, Keep::Any)),
    declare!("Array", "arraySymmetricDifference", "arraySymmetricDifference(a, b, ...)", "The elements that some but not all arrays have, each once.",
        "SELECT arraySort(arraySymmetricDifference([1, 2], [2, 3]))" => "[1,3]", (1, usize::MAX), |c, a| sets(c, "arraySymmetricDifference", a, Keep::Some)),
    declare!("Array", "arrayExcept", "arrayExcept(a, b)", "The elements of an array that another does not have.",
        "SELECT arrayExcept([1, 2, 3], [2])" => "[1,3]", (2, 2), except),
    declare!("Array", "arrayJaccardIndex", "arrayJaccardIndex(a, b)", "The number of common elements over that of all elements.",
        "SELECT arrayJaccardIndex([1, 2], [2])" => "0.5", (2, 2), jaccard),
];

/// Several arrays of one length as one of tuples, so that they can be compared together.
fn together(function: &'static str, arguments: &[Argument]) -> Result<Vec<DataType>> {
    (0..arguments.len()).map(|at| item_type(function, arguments, at)).collect()
}

fn keys_together(function: &str, columns: &[Column], types: &[DataType]) -> Result<(Lists, Keys)> {
    let mut lists = same_lengths(function, columns)?;
    let keys = if let [only] = types {
        Keys::exact(&lists[0].items, only)?
    } else {
        let parts: Vec<ArrayRef> = lists.iter().map(|l| l.items.clone()).collect();
        let count = parts[0].len();
        let items = super::lists::tuples(types, parts, count)?;
        Keys::exact(&items, &DataType::tuple(types.to_vec()))?
    };
    Ok((lists.swap_remove(0), keys))
}

fn uniq(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let types = together("arrayUniq", arguments)?;
    Ok(Bound::new(DataType::UInt32, move |columns, rows| {
        let (lists, keys) = keys_together("arrayUniq", columns, &types)?;
        let mut seen: HashSet<Key<'_>> = HashSet::new();
        let counts = (0..rows).map(|row| {
            let (from, to) = lists.bounds(row);
            seen.clear();
            seen.extend((from..to).map(|at| keys.key(at)));
            seen.len() as u32
        });
        Ok(numbers::<UInt32Type>(counts.collect()))
    }))
}

fn distinct(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let item = item_type("arrayDistinct", arguments, 0)?;
    // NULL is left out, so the items need no Nullable; ClickHouse keeps the type's inner one.
    let bare = match &item {
        DataType::Nullable(inner) => inner.as_ref().clone(),
        other => other.clone(),
    };
    Ok(Bound::new(DataType::array(bare.clone()), move |columns, rows| {
        let lists = Lists::new(&columns[0])?;
        let keys = Keys::exact(&lists.items, &item)?;
        let mut seen: HashSet<Key<'_>> = HashSet::new();
        let mut picker = Picker::new(rows);
        for row in 0..rows {
            let (from, to) = lists.bounds(row);
            seen.clear();
            for at in from..to {
                let key = keys.key(at);
                if key != Key::Null && seen.insert(key) {
                    picker.push(at);
                }
            }
            picker.end_row();
        }
        picker.column(&bare, &lists.items)
    }))
}

fn number(function: &'static str, arguments: &[Argument], dense: bool) -> Result<Bound> {
    let types = together(function, arguments)?;
    Ok(Bound::new(DataType::array(DataType::UInt32), move |columns, rows| {
        let (lists, keys) = keys_together(function, columns, &types)?;
        let mut seen: HashMap<Key<'_>, u32> = HashMap::new();
        let mut out: Vec<u32> = Vec::with_capacity(lists.items.len());
        for row in 0..rows {
            let (from, to) = lists.bounds(row);
            seen.clear();
            for at in from..to {
                let next = seen.len() as u32 + 1;
                let number = seen.entry(keys.key(at)).or_insert(if dense { next } else { 0 });
                *number += u32::from(!dense);
                out.push(*number);
            }
        }
        list_column(&DataType::UInt32, lists.offsets, Arc::new(UInt32Array::from(out)))
    }))
}

#[derive(Clone, Copy, PartialEq)]
enum Keep {
    All,
    Any,
    Some,
}

/// Several arrays, converted, with all items in one.
struct Together {
    lists: Vec<Lists>,
    starts: Vec<usize>,
    all: ArrayRef,
    keys: Keys,
}

fn read_together(
    context: &FunctionContext,
    columns: &[Column],
    types: &[DataType],
    common: &DataType,
) -> Result<Together> {
    let lists: Vec<Lists> = columns.iter().map(Lists::new).collect::<Result<_>>()?;
    let parts: Vec<ArrayRef> = lists
        .iter()
        .zip(types)
        .map(|(list, from)| convert(context, &list.items, from, common))
        .collect::<Result<_>>()?;
    let mut starts = Vec::with_capacity(parts.len());
    let mut start = 0;
    for part in &parts {
        starts.push(start);
        start += part.len();
    }
    let all = concat(&parts.iter().collect::<Vec<_>>())?;
    let keys = Keys::exact(&all, common)?;
    Ok(Together { lists, starts, all, keys })
}

fn sets(
    context: &FunctionContext,
    function: &'static str,
    arguments: &[Argument],
    keep: Keep,
) -> Result<Bound> {
    let types = together(function, arguments)?;
    let common = comparable(&types)?;
    let context = context.clone();
    let item = if keep == Keep::All { shared_type(&types, &common) } else { common.clone() };
    Ok(Bound::new(DataType::array(item.clone()), move |columns, rows| {
        let Together { lists, starts, all, keys } =
            read_together(&context, columns, &types, &common)?;
        let mut picker = Picker::new(rows);
        // Of each key: its first place, the last array that had it, and in how many it was.
        let mut seen: HashMap<Key<'_>, (usize, usize, usize)> = HashMap::new();
        let mut order = Vec::new();
        for row in 0..rows {
            seen.clear();
            order.clear();
            for (number, (list, start)) in lists.iter().zip(&starts).enumerate() {
                let (from, to) = list.bounds(row);
                for at in start + from..start + to {
                    let key = keys.key(at);
                    let entry = seen.entry(key).or_insert_with(|| {
                        order.push(key);
                        (at, usize::MAX, 0)
                    });
                    if entry.1 != number {
                        entry.1 = number;
                        entry.2 += 1;
                    }
                }
            }
            for key in &order {
                let Some((at, _, count)) = seen.get(key) else { continue };
                let in_all = *count == lists.len();
                if keep == Keep::Any || (keep == Keep::All) == in_all {
                    picker.push(*at);
                }
            }
            picker.end_row();
        }
        let all = if item == common { all } else { narrowed(&context, &all, &common, &item)? };
        picker.column(&item, &all)
    }))
}

/// The type of elements that all of some arrays have: NULL only where all can have it, and of integers the narrowest.
fn shared_type(types: &[DataType], common: &DataType) -> DataType {
    let inner = types.iter().map(DataType::inner);
    let item = if types.iter().all(|t| t.inner().is_integer()) {
        inner.min_by_key(|t| (t.bits(), t.is_signed_integer())).unwrap_or(common)
    } else {
        common.inner()
    };
    match types.iter().all(DataType::is_nullable) {
        true => item.clone().nullable(),
        false => item.clone(),
    }
}

/// All elements in a type that those fit that are picked; the others are anything.
fn narrowed(
    context: &FunctionContext,
    all: &ArrayRef,
    from: &DataType,
    to: &DataType,
) -> Result<ArrayRef> {
    let bare = without_nulls(&Column::Flat(all.clone()))?.to_flat()?;
    let from = if to.is_nullable() { from } else { from.inner() };
    let all = if to.is_nullable() { all } else { &bare };
    convert(context, all, from, to)
}

fn except(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let types = together("arrayExcept", arguments)?;
    let common = comparable(&types)?;
    let context = context.clone();
    let item = types[0].clone();
    Ok(Bound::new(DataType::array(item.clone()), move |columns, rows| {
        let Together { lists, starts, keys, .. } =
            read_together(&context, columns, &types, &common)?;
        let mut picker = Picker::new(rows);
        let mut gone: HashSet<Key<'_>> = HashSet::new();
        for row in 0..rows {
            let ((from, to), (start, end)) = (lists[0].bounds(row), lists[1].bounds(row));
            gone.clear();
            gone.extend((start..end).map(|at| keys.key(starts[1] + at)));
            (from..to).filter(|at| !gone.contains(&keys.key(*at))).for_each(|at| picker.push(at));
            picker.end_row();
        }
        picker.column(&item, &lists[0].items)
    }))
}

fn jaccard(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let types = together("arrayJaccardIndex", arguments)?;
    let common = comparable(&types)?;
    let context = context.clone();
    Ok(Bound::new(DataType::Float64, move |columns, rows| {
        let Together { lists, starts, keys, .. } =
            read_together(&context, columns, &types, &common)?;
        let set = |number: usize, row: usize| -> HashSet<Key<'_>> {
            let (from, to) = lists[number].bounds(row);
            (from..to).map(|at| keys.key(starts[number] + at)).collect()
        };
        let indexes = (0..rows).map(|row| {
            let (a, b) = (set(0, row), set(1, row));
            let both = a.intersection(&b).count();
            both as f64 / (a.len() + b.len() - both) as f64
        });
        Ok(numbers::<Float64Type>(indexes.collect()))
    }))
}
