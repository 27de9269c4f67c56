//! Numbering of equal elements within arrays of arrays, down to chosen depths.
//!
//! Each array is looked at down to a depth; elements there (which may be arrays) are what is compared. An element
//! of an array of lesser depth goes with all elements below it of the deeper ones. Counting starts
//! anew with every array at the clearing depth.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, UInt32Array};
use base::{Result, bail};
use expr::{Argument, Bound, FunctionDeclaration};
use types::{Column, DataType};

use super::keys::{Key, Keys};
use super::lists::{Lists, illegal, list_column};
use crate::text::declare;

pub(super) static FUNCTIONS: &[FunctionDeclaration] = &[
    declare!("Array", "arrayEnumerateUniqRanked", "arrayEnumerateUniqRanked([clear_depth,] array[, depth], ...)", "For each element of an array of arrays how often its value has come up so far; counted down to a depth, anew with each array at the clearing depth (1: the whole row).",
        "SELECT arrayEnumerateUniqRanked([[1, 2, 3], [2, 2, 1], [3]])" => "[[1,1,1],[2,3,2],[2]]", (1, usize::MAX), |_, a| ranked("arrayEnumerateUniqRanked", a, false)),
    declare!("Array", "arrayEnumerateDenseRanked", "arrayEnumerateDenseRanked([clear_depth,] array[, depth], ...)", "For each element of an array of arrays the number of its value among the different ones in their order; counted down to a depth, anew with each array at the clearing depth (1: the whole row).",
        "SELECT arrayEnumerateDenseRanked([[1, 2, 3], [2, 2, 1], [3]])" => "[[1,2,3],[2,2,1],[3]]", (1, usize::MAX), |_, a| ranked("arrayEnumerateDenseRanked", a, true)),
];

/// An array argument, how deep it is looked at, and the type of what lies there.
struct Looked {
    argument: usize,
    depth: usize,
    item: DataType,
}

/// What is asked: the arrays, and with which arrays counting starts anew.
struct Asked {
    arrays: Vec<Looked>,
    clear_depth: usize,
    depth: usize,
}

/// A depth that an argument gives, if it is one.
fn depth_of(function: &str, argument: &Argument) -> Result<Option<usize>> {
    if !argument.data_type.is_integer() {
        return Ok(None);
    }
    match argument.constant.as_ref().and_then(types::Value::as_int) {
        Some(depth) if depth > 0 => Ok(Some(usize::try_from(depth).unwrap_or(usize::MAX))),
        Some(_) => bail!(BadArguments, "Depths of function {function} must be greater than 0"),
        None => bail!(BadArguments, "Depths of function {function} must be constant"),
    }
}

impl Asked {
    fn new(function: &str, arguments: &[Argument]) -> Result<Asked> {
        let first = depth_of(function, &arguments[0])?;
        let mut arrays: Vec<Looked> = Vec::new();
        let mut at = usize::from(first.is_some());
        while at < arguments.len() {
            let mut item = &arguments[at].data_type;
            let mut levels = 0;
            let wanted = arguments.get(at + 1).map_or(Ok(None), |a| depth_of(function, a))?;
            while let DataType::Array(inner) = item
                && wanted.is_none_or(|wanted| levels < wanted)
            {
                item = inner;
                levels += 1;
            }
            if levels == 0 {
                return Err(illegal(function, &arguments[at]));
            }
            if wanted.is_some_and(|wanted| wanted > levels) {
                bail!(
                    BadArguments,
                    "Incorrect arguments for function {function}: an array of {levels} levels has no such depth"
                );
            }
            arrays.push(Looked { argument: at, depth: levels, item: item.clone() });
            at += 1 + usize::from(wanted.is_some());
        }
        let depth = arrays.iter().map(|a| a.depth).max().unwrap_or(0);
        let clear_depth = first.unwrap_or(1);
        if depth == 0 || clear_depth > depth {
            bail!(
                BadArguments,
                "Incorrect arguments for function {function}: clear_depth ({clear_depth}) can't be larger than max_array_depth ({depth})"
            );
        }
        Ok(Asked { arrays, clear_depth, depth })
    }
}

/// The offsets of each level of an array, and what lies at the last.
fn levels(column: &Column, depth: usize) -> Result<(Vec<Vec<i32>>, ArrayRef)> {
    let mut array = column.to_flat()?;
    let mut offsets = Vec::with_capacity(depth);
    for _ in 0..depth {
        let lists = Lists::of_array(&array)?;
        offsets.push(lists.offsets);
        array = lists.items;
    }
    Ok((offsets, array))
}

/// For every element of the last level the number of the element of each level, rows first, that it lies in.
fn ancestors(offsets: &[Vec<i32>]) -> Vec<Vec<u32>> {
    let last = offsets.last().and_then(|o| o.last()).map_or(0, |end| *end as usize);
    let mut all: Vec<Vec<u32>> = vec![(0..last as u32).collect()];
    for level in offsets.iter().rev() {
        let mut parents = Vec::new();
        for (parent, span) in level.windows(2).enumerate() {
            parents.resize(parents.len() + (span[1] - span[0]) as usize, parent as u32);
        }
        let below = &all[all.len() - 1];
        all.push(below.iter().map(|child| parents[*child as usize]).collect());
    }
    all.reverse();
    all
}

fn ranked(function: &'static str, arguments: &[Argument], dense: bool) -> Result<Bound> {
    let asked = Asked::new(function, arguments)?;
    let return_type = (0..asked.depth).fold(DataType::UInt32, |t, _| DataType::array(t));
    Ok(Bound::new(return_type, move |columns, _| {
        let mut read = Vec::with_capacity(asked.arrays.len());
        for looked in &asked.arrays {
            let (offsets, items) = levels(&columns[looked.argument], looked.depth)?;
            read.push((offsets, Keys::new(&items, &looked.item)?));
        }
        let Some((deepest, _)) = read.iter().max_by_key(|(offsets, _)| offsets.len()) else {
            bail!(LogicalError, "no array to number");
        };
        for (offsets, _) in &read {
            if offsets.iter().zip(deepest).any(|(own, other)| own != other) {
                bail!(
                    SizesOfArraysDontMatch,
                    "Lengths and depths of all arrays passed to function {function} must be equal"
                );
            }
        }
        let above = ancestors(deepest);
        let mut seen: HashMap<Vec<Key<'_>>, u32> = HashMap::new();
        let mut current = None;
        let count = above[asked.depth].len();
        let mut out: Vec<u32> = Vec::with_capacity(count);
        for (at, cleared_by) in above[asked.clear_depth - 1].iter().copied().enumerate().take(count)
        {
            if current != Some(cleared_by) {
                seen.clear();
                current = Some(cleared_by);
            }
            let key = read.iter().map(|(o, keys)| keys.key(above[o.len()][at] as usize)).collect();
            let next = seen.len() as u32 + 1;
            let number = seen.entry(key).or_insert(if dense { next } else { 0 });
            *number += u32::from(!dense);
            out.push(*number);
        }
        let mut result: ArrayRef = Arc::new(UInt32Array::from(out));
        let mut item = DataType::UInt32;
        for offsets in deepest.iter().rev() {
            result = list_column(&item, offsets.clone(), result)?.to_flat()?;
            item = DataType::array(item);
        }
        Ok(Column::Flat(result))
    }))
}
