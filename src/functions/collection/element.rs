//! Single elements of arrays and values of maps.

use arrow_array::cast::AsArray;
use base::Result;
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration};
use types::{Column, DataType};

use super::convert::{comparable, convert_to_find};
use super::keys::Keys;
use super::lists::{Lists, illegal, take, with_default, with_nulls};
use crate::text::declare;
use crate::text::strings::{Integers, require_integer};

pub(super) static FUNCTIONS: &[FunctionDeclaration] = &[
    declare!("Array", "arrayElement", "arrayElement(array, n)", "The element of an array with a number, from 1 or, if negative, from the end, or the value of a key of a map; the type's default if there is none.",
        "SELECT arrayElement([10, 20], 2), arrayElement(map('a', 7), 'a')" => "20\t7", (2, 2), |c, a| element(c, "arrayElement", a, false)),
    declare!("Array", "arrayElementOrNull", "arrayElementOrNull(array, n)", "As `arrayElement`; NULL if there is no such element.",
        "SELECT arrayElementOrNull([10, 20], 3)" => "\\N", (2, 2), |c, a| element(c, "arrayElementOrNull", a, true)),
];

fn element(
    context: &FunctionContext,
    function: &str,
    arguments: &[Argument],
    or_null: bool,
) -> Result<Bound> {
    match &arguments[0].data_type {
        DataType::Array(item) => {
            require_integer(function, arguments, 1)?;
            Ok(of_array(item, or_null))
        }
        DataType::Map(pair) => of_map(context, pair, &arguments[1].data_type, or_null),
        _ => Err(illegal(function, &arguments[0])),
    }
}

/// Takes items by their places; those past the end are missing.
fn pick(
    items: &arrow_array::ArrayRef,
    places: Vec<u32>,
    item: &DataType,
    or_null: bool,
) -> Result<Column> {
    let missing = items.len() as u32;
    let absent = places.contains(&missing);
    let present: Option<Vec<bool>> =
        (absent && or_null).then(|| places.iter().map(|at| *at != missing).collect());
    let taken =
        if absent { take(&with_default(items, item)?, places)? } else { take(items, places)? };
    match present {
        Some(present) if item.can_be_nullable() || item.is_nullable() => {
            let nulls = arrow_buffer::NullBuffer::from(present);
            let union = arrow_buffer::NullBuffer::union(Some(&nulls), taken.nulls());
            Ok(Column::Flat(with_nulls(&taken, union)?))
        }
        _ => Ok(Column::Flat(taken)),
    }
}

fn of_array(item: &DataType, or_null: bool) -> Bound {
    let item = item.clone();
    let return_type = if or_null { item.clone().nullable() } else { item.clone() };
    Bound::new(return_type, move |columns, rows| {
        // A constant array is not repeated: its places are those of its only row.
        let one = columns[0].is_constant();
        let lists = Lists::new(&if one { columns[0].slice(0, 1) } else { columns[0].clone() })?;
        let numbers = Integers::new(&columns[1])?;
        let missing = lists.items.len() as u32;
        let places = (0..rows).map(|row| {
            let (from, to) = lists.bounds(if one { 0 } else { row });
            let number = numbers.get(row);
            let at = if number > 0 { number - 1 } else { (to - from) as i64 + number };
            let within = number != 0 && at >= 0 && at < (to - from) as i64;
            if within { from as u32 + at as u32 } else { missing }
        });
        pick(&lists.items, places.collect(), &item, or_null)
    })
}

fn of_map(
    context: &FunctionContext,
    pair: &(DataType, DataType),
    wanted: &DataType,
    or_null: bool,
) -> Result<Bound> {
    let (key, value) = pair;
    let context = context.clone();
    let common = comparable(&[key.clone(), wanted.clone()])?;
    let (key, value, wanted) = (key.clone(), value.clone(), wanted.clone());
    let return_type = if or_null { value.clone().nullable() } else { value.clone() };
    Ok(Bound::new(return_type, move |columns, rows| {
        let lists = Lists::new(&columns[0])?;
        let pairs = lists.items.as_struct();
        let keys = convert_to_find(&context, pairs.column(0), &key, &common)?;
        let keys = Keys::new(&keys, &common)?;
        let wanted = convert_to_find(&context, &columns[1].to_flat()?, &wanted, &common)?;
        let wanted = Keys::new(&wanted, &common)?;
        let missing = lists.items.len();
        let places = (0..rows).map(|row| {
            let (from, to) = lists.bounds(row);
            let sought = wanted.key(row);
            (from..to).find(|at| keys.key(*at) == sought).unwrap_or(missing) as u32
        });
        pick(pairs.column(1), places.collect(), &value, or_null)
    }))
}
