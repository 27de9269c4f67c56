//! Searching arrays.

use arrow_array::ArrayRef;
use arrow_array::types::{UInt8Type, UInt64Type};
use base::Result;
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration, Nulls};
use types::{Column, DataType};

use super::convert::{comparable, convert, convert_to_find};
use super::keys::{Key, Keys};
use super::lists::{Lists, Picker, illegal, item_type, numbers};
use crate::text::declare;

pub(super) static FUNCTIONS: &[FunctionDeclaration] = &[
    declare!("Array", "has", "has(array, x)", "1 where an array contains a value, or a map a key.",
        "SELECT has([1, 2], 2)" => "1", (2, 2), |c, a| search(c, "has", a, Search::Has), nulls: Nulls::Custom),
    declare!("Array", "indexOf", "indexOf(array, x)", "The number, from 1, of the first element that equals a value; 0 if there is none.",
        "SELECT indexOf([5, 6], 6)" => "2", (2, 2), |c, a| search(c, "indexOf", a, Search::Index), nulls: Nulls::Custom),
    declare!("Array", "countEqual", "countEqual(array, x)", "How many elements equal a value.",
        "SELECT countEqual([1, 2, 1], 1)" => "2", (2, 2), |c, a| search(c, "countEqual", a, Search::Count), nulls: Nulls::Custom),
    declare!("Array", "arrayRemove", "arrayRemove(array, x)", "The array without the elements that equal a value.",
        "SELECT arrayRemove([1, 2, 1], 1)" => "[2]", (2, 2), remove, aliases: &["array_remove"], case_insensitive: true, nulls: Nulls::Custom),
    declare!("Array", "hasAll", "hasAll(array, subset)", "1 where an array contains all elements of another.",
        "SELECT hasAll([1, 2, 3], [3, 1])" => "1", (2, 2), |c, a| compare(c, "hasAll", a)),
    declare!("Array", "hasAny", "hasAny(a, b)", "1 where two arrays have an element in common.",
        "SELECT hasAny([1, 2], [2, 3])" => "1", (2, 2), |c, a| compare(c, "hasAny", a)),
    declare!("Array", "hasSubstr", "hasSubstr(a, b)", "1 where the elements of an array follow each other in another.",
        "SELECT hasSubstr([1, 2, 3], [2, 3])" => "1", (2, 2), |c, a| compare(c, "hasSubstr", a)),
];

#[derive(Clone, Copy, PartialEq)]
enum Search {
    Has,
    Index,
    Count,
}

/// Items of an array (or keys of a map) and values, as keys of a common type.
struct Searched {
    lists: Lists,
    items: Keys,
    wanted: Keys,
}

/// What brings an array and a value together.
struct Searcher {
    context: FunctionContext,
    item: DataType,
    wanted: DataType,
    common: DataType,
    is_map: bool,
    /// As `=` does it, or with the zeros at the end of a FixedString.
    convert: Convert,
}

type Convert = fn(&FunctionContext, &ArrayRef, &DataType, &DataType) -> Result<ArrayRef>;

impl Searcher {
    fn new(
        context: &FunctionContext,
        function: &str,
        arguments: &[Argument],
        convert: Convert,
    ) -> Result<Searcher> {
        let (item, is_map) = match &arguments[0].data_type {
            DataType::Array(item) => (item.as_ref().clone(), false),
            DataType::Map(pair) => (pair.0.clone(), true),
            _ => return Err(illegal(function, &arguments[0])),
        };
        let wanted = arguments[1].data_type.clone();
        let common = comparable(&[item.clone(), wanted.clone()])?;
        Ok(Searcher { context: context.clone(), item, wanted, common, is_map, convert })
    }

    fn read(&self, columns: &[Column]) -> Result<Searched> {
        use arrow_array::cast::AsArray;
        let mut lists = Lists::new(&columns[0])?;
        if self.is_map {
            lists.items = lists.items.as_struct().column(0).clone();
        }
        let items = (self.convert)(&self.context, &lists.items, &self.item, &self.common)?;
        let items = Keys::new(&items, &self.common)?;
        let wanted = &columns[1].to_flat()?;
        let wanted = (self.convert)(&self.context, wanted, &self.wanted, &self.common)?;
        Ok(Searched { lists, items, wanted: Keys::new(&wanted, &self.common)? })
    }
}

fn search(
    context: &FunctionContext,
    function: &str,
    arguments: &[Argument],
    search: Search,
) -> Result<Bound> {
    if arguments[0].data_type.is_null_literal() {
        let data_type = DataType::null();
        return Ok(Bound::new(data_type.clone(), move |_, rows| {
            Column::constant(&data_type, &types::Value::Null, rows)
        }));
    }
    let searcher = Searcher::new(context, function, arguments, convert_to_find)?;
    let return_type = if search == Search::Has { DataType::UInt8 } else { DataType::UInt64 };
    Ok(Bound::new(return_type, move |columns, rows| {
        let Searched { lists, items, wanted } = searcher.read(columns)?;
        let found = (0..rows).map(|row| {
            let (from, to) = lists.bounds(row);
            let sought = wanted.key(row);
            let mut places = (from..to).filter(|at| items.key(*at).equals(&sought));
            match search {
                Search::Has => u64::from(places.next().is_some()),
                Search::Index => places.next().map_or(0, |at| (at - from) as u64 + 1),
                Search::Count => places.count() as u64,
            }
        });
        Ok(if search == Search::Has {
            numbers::<UInt8Type>(found.map(|n| n as u8).collect())
        } else {
            numbers::<UInt64Type>(found.collect())
        })
    }))
}

fn remove(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let item = item_type("arrayRemove", arguments, 0)?;
    let searcher = Searcher::new(context, "arrayRemove", arguments, convert)?;
    Ok(Bound::new(arguments[0].data_type.clone(), move |columns, rows| {
        let Searched { lists, items, wanted } = searcher.read(columns)?;
        let mut picker = Picker::new(rows);
        for row in 0..rows {
            let (from, to) = lists.bounds(row);
            (from..to)
                .filter(|at| !items.key(*at).equals(&wanted.key(row)))
                .for_each(|at| picker.push(at));
            picker.end_row();
        }
        picker.column(&item, &lists.items)
    }))
}

/// A test of two arrays' keys.
type Test = fn(&[Key<'_>], &[Key<'_>]) -> bool;

fn two_arrays(
    context: &FunctionContext,
    function: &str,
    arguments: &[Argument],
    test: Test,
) -> Result<Bound> {
    let (a, b) = (item_type(function, arguments, 0)?, item_type(function, arguments, 1)?);
    let common = comparable(&[a.clone(), b.clone()])?;
    let context = context.clone();
    Ok(Bound::new(DataType::UInt8, move |columns, rows| {
        let (left, right) = (Lists::new(&columns[0])?, Lists::new(&columns[1])?);
        let left_keys = Keys::new(&convert(&context, &left.items, &a, &common)?, &common)?;
        let right_keys = Keys::new(&convert(&context, &right.items, &b, &common)?, &common)?;
        let (mut one, mut other) = (Vec::new(), Vec::new());
        let flags = (0..rows).map(|row| {
            let ((from, to), (start, end)) = (left.bounds(row), right.bounds(row));
            one.clear();
            one.extend((from..to).map(|at| left_keys.key(at)));
            other.clear();
            other.extend((start..end).map(|at| right_keys.key(at)));
            u8::from(test(&one, &other))
        });
        Ok(numbers::<UInt8Type>(flags.collect()))
    }))
}

/// Whether a slice has a key; long ones are looked up in a set by the callers.
fn any_of(sought: &[Key<'_>], within: &[Key<'_>]) -> bool {
    let mut sought = sought.iter().filter(|key| **key != Key::Nan);
    if sought.clone().count() * within.len() <= 256 {
        return sought.any(|key| within.contains(key));
    }
    let set: std::collections::HashSet<&Key<'_>> = within.iter().collect();
    sought.any(|key| set.contains(key))
}

fn all_of(sought: &[Key<'_>], within: &[Key<'_>]) -> bool {
    if sought.contains(&Key::Nan) {
        return false;
    }
    if sought.len() * within.len() <= 256 {
        return sought.iter().all(|key| within.contains(key));
    }
    let set: std::collections::HashSet<&Key<'_>> = within.iter().collect();
    sought.iter().all(|key| set.contains(key))
}

fn follows(sought: &[Key<'_>], within: &[Key<'_>]) -> bool {
    let same = |window: &[Key<'_>]| window.iter().zip(sought).all(|(a, b)| a.equals(b));
    sought.is_empty() || within.windows(sought.len()).any(same)
}

fn compare(context: &FunctionContext, function: &str, arguments: &[Argument]) -> Result<Bound> {
    two_arrays(
        context,
        function,
        arguments,
        match function {
            "hasAll" => |a, b| all_of(b, a),
            "hasAny" => |a, b| any_of(a, b),
            _ => |a, b| follows(b, a),
        },
    )
}

/// `startsWith` and `endsWith` of arrays.
pub(crate) fn starts_or_ends(
    context: &FunctionContext,
    function: &str,
    arguments: &[Argument],
) -> Result<Bound> {
    two_arrays(
        context,
        function,
        arguments,
        if function.starts_with("starts") {
            |a, b| a.starts_with(b)
        } else {
            |a, b| a.ends_with(b)
        },
    )
}
