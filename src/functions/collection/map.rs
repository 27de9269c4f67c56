//! Maps: arrays of pairs of key and value. Keys may repeat; the first one counts.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt8Type;
use arrow_array::{Array, ArrayRef};
use base::{Error, Result, bail};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration, LambdaCall, Nulls, common_type};
use types::{Column, DataType, default_array, require_supertype};

use super::convert::{comparable, convert, convert_to_find};
use super::keys::{Key, Keys};
use super::lists::{Lists, Picker, concat, illegal, list_column, numbers, take, tuples};
use super::mapped::{element_types, parameters, truths};
use super::numeric::{as_floats, as_wide};
use super::pairs::key_value_pairs;
use super::sort::order;
use crate::text::declare;
use crate::text::strings::{Strings, constant_text};

pub(super) static FUNCTIONS: &[FunctionDeclaration] = &[
    declare!("Map", "map", "map(key, value, ...)", "A map of keys and values.",
        "SELECT map('a', 1, 'b', 2)" => "{'a':1,'b':2}", (0, usize::MAX), map, nulls: Nulls::Custom),
    declare!("Map", "mapFromArrays", "mapFromArrays(keys, values)", "A map of an array of keys and an array of values.",
        "SELECT mapFromArrays(['a', 'b'], [1, 2])" => "{'a':1,'b':2}", (2, 2), from_arrays, aliases: &["MAP_FROM_ARRAYS"]),
    declare!("Map", "mapKeys", "mapKeys(map)", "The keys of a map.",
        "SELECT mapKeys(map('a', 1))" => "['a']", (1, 1), |_, a| side("mapKeys", a, 0)),
    declare!("Map", "mapValues", "mapValues(map)", "The values of a map.",
        "SELECT mapValues(map('a', 1))" => "[1]", (1, 1), |_, a| side("mapValues", a, 1)),
    declare!("Map", "mapContainsKey", "mapContainsKey(map, key)", "1 where a map has a key.",
        "SELECT mapContainsKey(map('a', 1), 'a')" => "1", (2, 2), |c, a| contains(c, "mapContainsKey", a, 0), nulls: Nulls::Custom, aliases: &["mapContains"]),
    declare!("Map", "mapContainsValue", "mapContainsValue(map, value)", "1 where a map has a value.",
        "SELECT mapContainsValue(map('a', 1), 1)" => "1", (2, 2), |c, a| contains(c, "mapContainsValue", a, 1), nulls: Nulls::Custom),
    declare!("Map", "mapContainsKeyLike", "mapContainsKeyLike(map, pattern)", "1 where a map has a key that matches a pattern of LIKE.",
        "SELECT mapContainsKeyLike(map('abc', 1), 'a%')" => "1", (2, 2), |_, a| like("mapContainsKeyLike", a, 0, false)),
    declare!("Map", "mapContainsValueLike", "mapContainsValueLike(map, pattern)", "1 where a map has a value that matches a pattern of LIKE.",
        "SELECT mapContainsValueLike(map(1, 'abc'), 'a%')" => "1", (2, 2), |_, a| like("mapContainsValueLike", a, 1, false)),
    declare!("Map", "mapExtractKeyLike", "mapExtractKeyLike(map, pattern)", "The pairs whose keys match a pattern of LIKE.",
        "SELECT mapExtractKeyLike(map('abc', 1, 'x', 2), 'a%')" => "{'abc':1}", (2, 2), |_, a| like("mapExtractKeyLike", a, 0, true)),
    declare!("Map", "mapExtractValueLike", "mapExtractValueLike(map, pattern)", "The pairs whose values match a pattern of LIKE.",
        "SELECT mapExtractValueLike(map(1, 'abc', 2, 'x'), 'a%')" => "{1:'abc'}", (2, 2), |_, a| like("mapExtractValueLike", a, 1, true)),
    declare!("Map", "mapFilter", "mapFilter(f, map)", "The pairs for which a lambda of key and value is true.",
        "SELECT mapFilter((k, v) -> v > 1, map('a', 1, 'b', 2))" => "{'b':2}", (2, 2), |_, a| tested("mapFilter", a, Test::Filter), lambda: Some(element_types)),
    declare!("Map", "mapExists", "mapExists([f,] map)", "1 where a lambda of key and value is true for any pair.",
        "SELECT mapExists((k, v) -> v > 1, map('a', 1, 'b', 2))" => "1", (2, 2), |_, a| tested("mapExists", a, Test::Exists), lambda: Some(element_types)),
    declare!("Map", "mapAll", "mapAll([f,] map)", "1 where a lambda of key and value is true for all pairs.",
        "SELECT mapAll((k, v) -> v > 1, map('a', 1, 'b', 2))" => "0", (2, 2), |_, a| tested("mapAll", a, Test::All), lambda: Some(element_types)),
    declare!("Map", "mapApply", "mapApply(f, map)", "The map of the pairs that a lambda makes of key and value.",
        "SELECT mapApply((k, v) -> (k, v + 1), map('a', 1))" => "{'a':2}", (2, 2), apply, lambda: Some(element_types)),
    declare!("Map", "mapSort", "mapSort([f,] map)", "The pairs in ascending order of their keys, or of a lambda's values.",
        "SELECT mapSort(map('b', 1, 'a', 2))" => "{'a':2,'b':1}", (1, 2), |_, a| sort("mapSort", a, false), lambda: Some(element_types)),
    declare!("Map", "mapReverseSort", "mapReverseSort([f,] map)", "The pairs in descending order of their keys, or of a lambda's values.",
        "SELECT mapReverseSort(map('a', 2, 'b', 1))" => "{'b':1,'a':2}", (1, 2), |_, a| sort("mapReverseSort", a, true), lambda: Some(element_types)),
    declare!("Map", "mapConcat", "mapConcat(a, b, ...)", "The pairs of all maps one after another.",
        "SELECT mapConcat(map('a', 1), map('b', 2))" => "{'a':1,'b':2}", (1, usize::MAX), concat_maps),
    declare!("Map", "mapUpdate", "mapUpdate(a, b)", "The pairs of the first map whose keys the second lacks, then those of the second.",
        "SELECT mapUpdate(map('a', 1), map('a', 2, 'b', 3))" => "{'a':2,'b':3}", (2, 2), update),
    declare!("Map", "mapAdd", "mapAdd(a, b, ...)", "The map of all keys with the sums of their values.",
        "SELECT mapAdd(map('a', 1), map('a', 2, 'b', 1))" => "{'a':3,'b':1}", (2, usize::MAX), |c, a| add(c, "mapAdd", a, false)),
    declare!("Map", "mapSubtract", "mapSubtract(a, b, ...)", "The map of all keys with the values of the first less those of the others.",
        "SELECT mapSubtract(map('a', toInt32(3)), map('a', toInt32(1)))" => "{'a':2}", (2, usize::MAX), |c, a| add(c, "mapSubtract", a, true)),
    declare!("Map", "extractKeyValuePairs", "extractKeyValuePairs(s[, key_value[, pair_delimiters[, quote]]])", "The map of the pairs of key and value in a text: by default divided by `:` and by space, comma or semicolon, quoted by `\"`.",
        "SELECT extractKeyValuePairs('a:1, b:2')" => "{'a':'1','b':'2'}", (1, 4), key_value_pairs,
        aliases: &["str_to_map", "mapFromString"], case_insensitive: true),
];

/// The types of keys and values of an argument that must be a map.
fn map_types(function: &str, argument: &Argument) -> Result<(DataType, DataType)> {
    match &argument.data_type {
        DataType::Map(pair) => Ok((pair.0.clone(), pair.1.clone())),
        _ => Err(illegal(function, argument)),
    }
}

fn pair_of(key: &DataType, value: &DataType) -> DataType {
    DataType::tuple([key.clone(), value.clone()])
}

/// A column of maps.
pub(super) fn map_column(
    key: &DataType,
    value: &DataType,
    offsets: Vec<i32>,
    keys: ArrayRef,
    values: ArrayRef,
) -> Result<Column> {
    let count = keys.len();
    let items = tuples(&[key.clone(), value.clone()], vec![keys, values], count)?;
    list_column(&pair_of(key, value), offsets, items)
}

fn part(lists: &Lists, at: usize) -> ArrayRef {
    lists.items.as_struct().column(at).clone()
}

fn map(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    if !arguments.len().is_multiple_of(2) {
        bail!(
            NumberOfArgumentsDoesntMatch,
            "Function map requires even number of arguments, but {} given",
            arguments.len()
        );
    }
    let types: Vec<DataType> = arguments.iter().map(|a| a.data_type.clone()).collect();
    let of = |at: usize| -> Result<DataType> {
        let side: Vec<Argument> = arguments.iter().skip(at).step_by(2).cloned().collect();
        if side.is_empty() { Ok(DataType::Nothing) } else { common_type(&side) }
    };
    let (key, value) = (of(0)?, of(1)?);
    if key.is_nullable() {
        bail!(BadArguments, "Map cannot have a key of type {key}");
    }
    let context = context.clone();
    Ok(Bound::new(DataType::map(key.clone(), value.clone()), move |columns, rows| {
        let pairs = columns.len() / 2;
        let side = |at: usize, to: &DataType| -> Result<ArrayRef> {
            if pairs == 0 {
                return default_array(to, 0);
            }
            let parts: Vec<ArrayRef> = (at..columns.len())
                .step_by(2)
                .map(|i| convert(&context, &columns[i].to_flat()?, &types[i], to))
                .collect::<Result<_>>()?;
            let parts: Vec<&dyn Array> = parts.iter().map(|p| p.as_ref()).collect();
            let places: Vec<(usize, usize)> =
                (0..rows).flat_map(|row| (0..pairs).map(move |part| (part, row))).collect();
            arrow_select::interleave::interleave(&parts, &places)
                .map_err(|e| Error::logical(e.to_string()))
        };
        let offsets = (0..=rows).map(|row| (row * pairs) as i32).collect();
        map_column(&key, &value, offsets, side(0, &key)?, side(1, &value)?)
    }))
}

fn from_arrays(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let item = |at: usize| match &arguments[at].data_type {
        DataType::Array(item) => Ok(item.as_ref().clone()),
        DataType::Map(pair) => Ok(pair_of(&pair.0, &pair.1)),
        _ => Err(illegal("mapFromArrays", &arguments[at])),
    };
    let (key, value) = (item(0)?, item(1)?);
    if key.is_nullable() {
        bail!(BadArguments, "Map cannot have a key of type {key}");
    }
    Ok(Bound::new(DataType::map(key.clone(), value.clone()), move |columns, _| {
        let mut lists = super::slice::same_lengths("mapFromArrays", columns)?;
        let values = lists.remove(1).items;
        let Lists { offsets, items } = lists.remove(0);
        map_column(&key, &value, offsets, items, values)
    }))
}

fn side(function: &str, arguments: &[Argument], at: usize) -> Result<Bound> {
    let (key, value) = map_types(function, &arguments[0])?;
    let item = if at == 0 { key } else { value };
    Ok(Bound::new(DataType::array(item.clone()), move |columns, _| {
        let lists = Lists::new(&columns[0])?;
        let items = part(&lists, at);
        list_column(&item, lists.offsets, items)
    }))
}

fn contains(
    context: &FunctionContext,
    function: &str,
    arguments: &[Argument],
    at: usize,
) -> Result<Bound> {
    let (key, value) = map_types(function, &arguments[0])?;
    let item = if at == 0 { key } else { value };
    let wanted = arguments[1].data_type.clone();
    let common = comparable(&[item.clone(), wanted.clone()])?;
    let context = context.clone();
    Ok(Bound::new(DataType::UInt8, move |columns, rows| {
        let lists = Lists::new(&columns[0])?;
        let items = convert_to_find(&context, &part(&lists, at), &item, &common)?;
        let items = Keys::new(&items, &common)?;
        let wanted = convert_to_find(&context, &columns[1].to_flat()?, &wanted, &common)?;
        let wanted = Keys::new(&wanted, &common)?;
        let flags = (0..rows).map(|row| {
            let (from, to) = lists.bounds(row);
            let sought = wanted.key(row);
            u8::from((from..to).any(|at| items.key(at).equals(&sought)))
        });
        Ok(numbers::<UInt8Type>(flags.collect()))
    }))
}

fn like(function: &str, arguments: &[Argument], at: usize, extract: bool) -> Result<Bound> {
    let (key, value) = map_types(function, &arguments[0])?;
    let item = if at == 0 { &key } else { &value };
    if !item.inner().is_string() {
        return Err(illegal(function, &arguments[0]));
    }
    let matches = crate::text::like_pattern(&constant_text(function, arguments, 1)?)?;
    let return_type = if extract { arguments[0].data_type.clone() } else { DataType::UInt8 };
    Ok(Bound::new(return_type, move |columns, rows| {
        let lists = Lists::new(&columns[0])?;
        let texts = part(&lists, at);
        let texts = Strings::of_array(texts.as_ref())?;
        if extract {
            let mut picker = Picker::new(rows);
            for row in 0..rows {
                let (from, to) = lists.bounds(row);
                (from..to).filter(|at| matches(texts.get(*at))).for_each(|at| picker.push(at));
                picker.end_row();
            }
            return picker.column(&pair_of(&key, &value), &lists.items);
        }
        let flags = (0..rows).map(|row| {
            let (from, to) = lists.bounds(row);
            u8::from((from..to).any(|at| matches(texts.get(at))))
        });
        Ok(numbers::<UInt8Type>(flags.collect()))
    }))
}

#[derive(Clone, Copy, PartialEq)]
enum Test {
    Filter,
    Exists,
    All,
}

/// A lambda's values for all pairs.
fn call(lambdas: &[&dyn LambdaCall], lists: &Lists) -> Result<ArrayRef> {
    let Some(lambda) = lambdas.first() else { return Err(Error::logical("no lambda")) };
    let rows = lists.item_rows();
    lambda.call(parameters(std::slice::from_ref(lists), 2), &rows)?.to_flat()
}

fn tested(function: &str, arguments: &[Argument], test: Test) -> Result<Bound> {
    let (key, value) = map_types(function, &arguments[1])?;
    let returned = arguments[0].data_type.clone();
    let return_type = match test {
        Test::Filter => arguments[1].data_type.clone(),
        _ => DataType::UInt8,
    };
    Ok(Bound::higher_order(return_type, move |lambdas, columns, rows| {
        let lists = Lists::new(&columns[0])?;
        let flags = truths(&call(lambdas, &lists)?, &returned)?;
        if test == Test::Filter {
            let mut picker = Picker::new(rows);
            for row in 0..rows {
                let (from, to) = lists.bounds(row);
                (from..to).filter(|at| flags[*at]).for_each(|at| picker.push(at));
                picker.end_row();
            }
            return picker.column(&pair_of(&key, &value), &lists.items);
        }
        let found = (0..rows).map(|row| {
            let (from, to) = lists.bounds(row);
            u8::from(if test == Test::All {
                !flags[from..to].contains(&false)
            } else {
                flags[from..to].contains(&true)
            })
        });
        Ok(numbers::<UInt8Type>(found.collect()))
    }))
}

fn apply(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    map_types("mapApply", &arguments[1])?;
    let DataType::Tuple(fields) = &arguments[0].data_type else {
        bail!(BadArguments, "The lambda of function mapApply must return a tuple with 2 arguments");
    };
    let [key, value] = &fields[..] else {
        bail!(BadArguments, "The lambda of function mapApply must return a tuple with 2 arguments");
    };
    let (key, value) = (key.data_type.clone(), value.data_type.clone());
    Ok(Bound::higher_order(
        DataType::map(key.clone(), value.clone()),
        move |lambdas, columns, _| {
            let lists = Lists::new(&columns[0])?;
            let items = call(lambdas, &lists)?;
            list_column(&pair_of(&key, &value), lists.offsets, items)
        },
    ))
}

fn sort(function: &'static str, arguments: &[Argument], descending: bool) -> Result<Bound> {
    let with_lambda = arguments[0].lambda.is_some();
    let Some(argument) = arguments.get(usize::from(with_lambda)) else {
        bail!(NumberOfArgumentsDoesntMatch, "Function {function} needs a map");
    };
    let (key, value) = map_types(function, argument)?;
    let sort = move |lists: Lists, by: &ArrayRef, by_type: &DataType| -> Result<Column> {
        let places = order(&Keys::new(by, by_type)?, &lists.offsets, descending);
        let items = take(&lists.items, places)?;
        list_column(&pair_of(&key, &value), lists.offsets, items)
    };
    let return_type = argument.data_type.clone();
    if with_lambda {
        let returned = arguments[0].data_type.clone();
        return Ok(Bound::higher_order(return_type, move |lambdas, columns, _| {
            let lists = Lists::new(&columns[0])?;
            let by = call(lambdas, &lists)?;
            sort(lists, &by, &returned)
        }));
    }
    let (key, _) = map_types(function, argument)?;
    Ok(Bound::new(return_type, move |columns, _| {
        let lists = Lists::new(&columns[0])?;
        let by = part(&lists, 0);
        sort(lists, &by, &key)
    }))
}

/// Several maps brought to one type, with all pairs in one array.
struct Together {
    lists: Vec<Lists>,
    starts: Vec<usize>,
    items: ArrayRef,
}

fn together(
    context: &FunctionContext,
    columns: &[Column],
    types: &[DataType],
    common: &DataType,
) -> Result<Together> {
    let mut lists = Vec::with_capacity(columns.len());
    let (mut starts, mut start) = (Vec::new(), 0);
    for (column, from) in columns.iter().zip(types) {
        let list = Lists::of_array(&convert(context, &column.to_flat()?, from, common)?)?;
        starts.push(start);
        start += list.items.len();
        lists.push(list);
    }
    let items = concat(&lists.iter().map(|l| &l.items).collect::<Vec<_>>())?;
    Ok(Together { lists, starts, items })
}

/// The types of maps and their common one.
fn common_map(function: &str, arguments: &[Argument]) -> Result<(Vec<DataType>, DataType)> {
    for argument in arguments {
        map_types(function, argument)?;
    }
    let types: Vec<DataType> = arguments.iter().map(|a| a.data_type.clone()).collect();
    let common = require_supertype(&types)?;
    Ok((types, common))
}

/// All maps' pairs one after another.
pub(crate) fn concat_maps(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let (types, common) = common_map("mapConcat", arguments)?;
    let context = context.clone();
    let pair = common.list_item().unwrap_or(DataType::Nothing);
    Ok(Bound::new(common.clone(), move |columns, rows| {
        let Together { lists, starts, items } = together(&context, columns, &types, &common)?;
        let mut picker = Picker::new(rows);
        for row in 0..rows {
            for (list, start) in lists.iter().zip(&starts) {
                let (from, to) = list.bounds(row);
                (from..to).for_each(|at| picker.push(start + at));
            }
            picker.end_row();
        }
        picker.column(&pair, &items)
    }))
}

fn update(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let (types, common) = common_map("mapUpdate", arguments)?;
    let context = context.clone();
    let pair = common.list_item().unwrap_or(DataType::Nothing);
    let DataType::Map(sides) = &common else { bail!(LogicalError, "a map that is none") };
    let key = sides.0.clone();
    Ok(Bound::new(common.clone(), move |columns, rows| {
        let Together { lists, starts, items } = together(&context, columns, &types, &common)?;
        let keys = Keys::new(items.as_struct().column(0), &key)?;
        let mut picker = Picker::new(rows);
        let mut newer: HashSet<Key<'_>> = HashSet::new();
        for row in 0..rows {
            let ((from, to), (start, end)) = (lists[0].bounds(row), lists[1].bounds(row));
            let second = starts[1] + start..starts[1] + end;
            newer.clear();
            newer.extend(second.clone().map(|at| keys.key(at)));
            (from..to).filter(|at| !newer.contains(&keys.key(*at))).for_each(|at| picker.push(at));
            second.for_each(|at| picker.push(at));
            picker.end_row();
        }
        picker.column(&pair, &items)
    }))
}

/// `mapAdd` and `mapSubtract`: the keys in ascending order.
fn add(
    context: &FunctionContext,
    function: &'static str,
    arguments: &[Argument],
    subtract: bool,
) -> Result<Bound> {
    let (types, common) = common_map(function, arguments)?;
    let DataType::Map(sides) = &common else { bail!(LogicalError, "a map that is none") };
    let (key, value) = (sides.0.clone(), sides.1.clone());
    let sum_type = match value.inner() {
        t if t.is_float() => DataType::Float64,
        t if t.is_unsigned_integer() => DataType::UInt64,
        t if t.is_signed_integer() => DataType::Int64,
        _ => return Err(illegal(function, &arguments[0])),
    };
    let return_type = DataType::map(key.clone(), sum_type.clone());
    let context = context.clone();
    Ok(Bound::new(return_type, move |columns, rows| {
        let Together { lists, starts, items } = together(&context, columns, &types, &common)?;
        let (all_keys, all_values) = (items.as_struct().column(0), items.as_struct().column(1));
        let keys = Keys::new(all_keys, &key)?;
        let integers = as_wide(all_values, &value);
        let floats = if integers.is_none() { as_floats(all_values, &value)? } else { Vec::new() };
        let (mut places, mut offsets) = (Vec::new(), vec![0]);
        let (mut sums, mut float_sums): (Vec<i64>, Vec<f64>) = (Vec::new(), Vec::new());
        for row in 0..rows {
            let mut found: std::collections::BTreeMap<Key<'_>, (usize, i128, f64)> =
                std::collections::BTreeMap::new();
            for (number, (list, start)) in lists.iter().zip(&starts).enumerate() {
                let (from, to) = list.bounds(row);
                let negative = subtract && number > 0;
                for at in start + from..start + to {
                    let entry = found.entry(keys.key(at)).or_insert((at, 0, 0.0));
                    let sign = if negative { -1 } else { 1 };
                    if let Some(integers) = &integers {
                        entry.1 = entry.1.wrapping_add(sign * integers[at]);
                    } else {
                        entry.2 += sign as f64 * floats[at];
                    }
                }
            }
            for (at, sum, float) in found.into_values() {
                places.push(at as u32);
                sums.push(sum as i64);
                float_sums.push(float);
            }
            offsets.push(places.len() as i32);
        }
        let values: ArrayRef = if sum_type == DataType::Float64 {
            Arc::new(arrow_array::Float64Array::from(float_sums))
        } else {
            super::construct::narrow(&sum_type, &sums)
        };
        map_column(&key, &sum_type, offsets, take(all_keys, places)?, values)
    }))
}
