//! Arrays lengthened, shortened, turned, joined and flattened.

use arrow_array::ArrayRef;
use base::{Result, bail};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration, Nulls};
use types::{Column, DataType, least_supertype, require_supertype};

use super::convert::convert;
use super::lists::{Lists, Picker, concat, illegal, item_type, tuples, with_default};
use crate::scalar::choose::choose;
use crate::scalar::lane::without_nulls;
use crate::text::declare;
use crate::text::strings::{Integers, require_integer};

pub(super) static FUNCTIONS: &[FunctionDeclaration] = &[
    declare!("Array", "arrayConcat", "arrayConcat(a, b, ...)", "The elements of all arrays in one.",
        "SELECT arrayConcat([1], [2, 3])" => "[1,2,3]", (1, usize::MAX), concat_arrays),
    declare!("Array", "arrayPushBack", "arrayPushBack(array, x)", "The array with a value after its last element.",
        "SELECT arrayPushBack([1], 2)" => "[1,2]", (2, 2), |c, a| push(c, "arrayPushBack", a, true), nulls: Nulls::Custom),
    declare!("Array", "arrayPushFront", "arrayPushFront(array, x)", "The array with a value before its first element.",
        "SELECT arrayPushFront([1], 2)" => "[2,1]", (2, 2), |c, a| push(c, "arrayPushFront", a, false), nulls: Nulls::Custom),
    declare!("Array", "arrayPopBack", "arrayPopBack(array)", "The array without its last element.",
        "SELECT arrayPopBack([1, 2])" => "[1]", (1, 1), |_, a| places("arrayPopBack", a, |from, to, _| (from..to.saturating_sub(1).max(from)).collect())),
    declare!("Array", "arrayPopFront", "arrayPopFront(array)", "The array without its first element.",
        "SELECT arrayPopFront([1, 2])" => "[2]", (1, 1), |_, a| places("arrayPopFront", a, |from, to, _| ((from + 1).min(to)..to).collect())),
    declare!("Array", "arrayReverse", "arrayReverse(array)", "The elements from back to front.",
    "SELECT arrayReverse([1, 2])" => "[2,1]", (1, 1), |_, a| {
        item_type("arrayReverse", a, 0)?;
        reverse(&a[0].data_type)
    }),
    declare!("Array", "arrayRotateLeft", "arrayRotateLeft(array, n)", "The array with its first n elements moved to the end.",
        "SELECT arrayRotateLeft([1, 2, 3], 1)" => "[2,3,1]", (2, 2), |_, a| places("arrayRotateLeft", a, rotate)),
    declare!("Array", "arrayRotateRight", "arrayRotateRight(array, n)", "The array with its last n elements moved to the beginning.",
        "SELECT arrayRotateRight([1, 2, 3], 1)" => "[3,1,2]", (2, 2), |_, a| places("arrayRotateRight", a, |from, to, n| rotate(from, to, n.saturating_neg()))),
    declare!("Array", "arrayShiftLeft", "arrayShiftLeft(array, n[, filler])", "The array without its first n elements, as many fillers (the type's default) at its end.",
        "SELECT arrayShiftLeft([1, 2, 3], 1)" => "[2,3,0]", (2, 3), |c, a| shift(c, "arrayShiftLeft", a, 1), nulls: Nulls::Custom),
    declare!("Array", "arrayShiftRight", "arrayShiftRight(array, n[, filler])", "The array without its last n elements, as many fillers (the type's default) at its beginning.",
        "SELECT arrayShiftRight([1, 2, 3], 1)" => "[0,1,2]", (2, 3), |c, a| shift(c, "arrayShiftRight", a, -1), nulls: Nulls::Custom),
    declare!("Array", "arrayResize", "arrayResize(array, n[, filler])", "The array brought to n elements at its end, or with a negative n at its beginning.",
        "SELECT arrayResize([1], 3), arrayResize([1, 2, 3], 2)" => "[1,0,0]\t[1,2]", (2, 3), resize, nulls: Nulls::Custom),
    declare!("Array", "arraySlice", "arraySlice(array, offset[, length])", "The elements from an offset on (from 1; negative: from the end), as many as a length says (negative: up to so many before the end).",
        "SELECT arraySlice([1, 2, 3, 4], 2, 2)" => "[2,3]", (2, 3), slice, nulls: Nulls::Custom),
    declare!("Array", "arrayFlatten", "arrayFlatten(array)", "The elements of arrays within arrays, at any depth, in one array.",
        "SELECT arrayFlatten([[1], [2, 3]])" => "[1,2,3]", (1, 1), flatten, aliases: &["flatten"], case_insensitive: true),
    declare!("Array", "arrayZip", "arrayZip(a, b, ...)", "The elements of several arrays of one length as tuples.",
        "SELECT arrayZip([1, 2], ['a', 'b'])" => "[(1,'a'),(2,'b')]", (1, usize::MAX), zip),
    declare!("Array", "arrayEnumerate", "arrayEnumerate(array)", "The numbers, from 1, of the elements.",
        "SELECT arrayEnumerate(['a', 'b'])" => "[1,2]", (1, 1), enumerate),
    declare!("Array", "arrayShingles", "arrayShingles(array, n)", "All runs of n elements that follow each other.",
        "SELECT arrayShingles([1, 2, 3], 2)" => "[[1,2],[2,3]]", (2, 2), shingles),
];

/// The places of a row's items, from its bounds and the second argument.
fn places(
    function: &str,
    arguments: &[Argument],
    f: fn(usize, usize, i64) -> Vec<usize>,
) -> Result<Bound> {
    let item = item_type(function, arguments, 0)?;
    require_integer(function, arguments, 1)?;
    Ok(Bound::new(arguments[0].data_type.clone(), move |columns, rows| {
        let lists = Lists::new(&columns[0])?;
        let numbers = columns.get(1).map(Integers::new).transpose()?;
        let mut picker = Picker::new(rows);
        for row in 0..rows {
            let (from, to) = lists.bounds(row);
            let number = numbers.as_ref().map_or(0, |n| n.get(row));
            f(from, to, number).into_iter().for_each(|at| picker.push(at));
            picker.end_row();
        }
        picker.column(&item, &lists.items)
    }))
}

fn rotate(from: usize, to: usize, n: i64) -> Vec<usize> {
    if from == to {
        return Vec::new();
    }
    let first = from + n.rem_euclid((to - from) as i64) as usize;
    (first..to).chain(from..first).collect()
}

/// `reverse` of an array.
pub(crate) fn reverse(data_type: &DataType) -> Result<Bound> {
    places("reverse", &[Argument::of(data_type.clone())], |from, to, _| (from..to).rev().collect())
}

/// All arrays' elements in one.
pub(crate) fn concat_arrays(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let items: Vec<DataType> = (0..arguments.len())
        .map(|at| item_type("arrayConcat", arguments, at))
        .collect::<Result<_>>()?;
    let item = require_supertype(&items)?;
    let context = context.clone();
    Ok(Bound::new(DataType::array(item.clone()), move |columns, rows| {
        let lists: Vec<Lists> = columns.iter().map(Lists::new).collect::<Result<_>>()?;
        let parts: Vec<ArrayRef> = lists
            .iter()
            .zip(&items)
            .map(|(list, from)| convert(&context, &list.items, from, &item))
            .collect::<Result<_>>()?;
        let all = concat(&parts.iter().collect::<Vec<_>>())?;
        let mut starts = Vec::with_capacity(parts.len());
        let mut start = 0;
        for part in &parts {
            starts.push(start);
            start += part.len();
        }
        let mut picker = Picker::new(rows);
        for row in 0..rows {
            for (list, start) in lists.iter().zip(&starts) {
                let (from, to) = list.bounds(row);
                (from..to).for_each(|at| picker.push(start + at));
            }
            picker.end_row();
        }
        picker.column(&item, &all)
    }))
}

/// The items of an array and the values of another argument, brought to one type, in one array:
/// the values begin where the items end.
fn items_and_values(
    lists: &Lists,
    item: &DataType,
    values: &types::Column,
    value: &DataType,
    common: &DataType,
    context: &FunctionContext,
) -> Result<ArrayRef> {
    let items = convert(context, &lists.items, item, common)?;
    concat(&[&items, &convert(context, &values.to_flat()?, value, common)?])
}

fn push(
    context: &FunctionContext,
    function: &str,
    arguments: &[Argument],
    back: bool,
) -> Result<Bound> {
    let item = item_type(function, arguments, 0)?;
    let value = arguments[1].data_type.clone();
    let common = require_supertype(&[item.clone(), value.clone()])?;
    let context = context.clone();
    Ok(Bound::new(DataType::array(common.clone()), move |columns, rows| {
        let lists = Lists::new(&columns[0])?;
        let all = items_and_values(&lists, &item, &columns[1], &value, &common, &context)?;
        let mut picker = Picker::new(rows);
        for row in 0..rows {
            let (from, to) = lists.bounds(row);
            if !back {
                picker.push(lists.items.len() + row);
            }
            (from..to).for_each(|at| picker.push(at));
            if back {
                picker.push(lists.items.len() + row);
            }
            picker.end_row();
        }
        picker.column(&common, &all)
    }))
}

/// A function that fills with its third argument, or the type's default: `f` lists the places from
/// bounds, number and filler's place.
fn filled(
    context: &FunctionContext,
    function: &'static str,
    arguments: &[Argument],
    kept: Option<&DataType>,
    f: impl Fn(usize, usize, i64, usize, &mut Picker) -> Result<()> + Send + Sync + 'static,
) -> Result<Bound> {
    let item = item_type(function, arguments, 0)?;
    require_integer(function, arguments, 1)?;
    let filler = arguments.get(2).map(|a| a.data_type.clone());
    let common = match (&filler, kept) {
        (_, Some(kept)) => kept.clone(),
        (Some(filler), None) => require_supertype(&[item.clone(), filler.clone()])?,
        (None, None) => item.clone(),
    };
    // Shifts keep the type of the elements: a NULL that it does not hold becomes its default.
    let bare = kept.is_some_and(|kept| !kept.is_nullable());
    let filler = filler.map(|filler| if bare { filler.inner().clone() } else { filler });
    let own = match item.inner() {
        DataType::Date32 => types::Value::Int(crate::scalar::cast::DATE32_DEFAULT.into()),
        other => other.default_value(),
    };
    let own = (kept.is_some() && !item.is_nullable()).then_some(own);
    let context = context.clone();
    Ok(Bound::new(DataType::array(common.clone()), move |columns, rows| {
        let lists = Lists::new(&columns[0])?;
        let numbers = Integers::new(&columns[1])?;
        let all = match &filler {
            Some(filler) => {
                let given =
                    if bare { over_default(&columns[2], filler)? } else { columns[2].clone() };
                items_and_values(&lists, &item, &given, filler, &common, &context)?
            }
            None if own.is_some() => {
                let default = types::array_from_values(&item, own.as_slice())?;
                concat(&[&lists.items, &default])?
            }
            None => with_default(&lists.items, &item)?,
        };
        let mut picker = Picker::new(rows);
        for row in 0..rows {
            let (from, to) = lists.bounds(row);
            let place = lists.items.len() + if filler.is_some() { row } else { 0 };
            f(from, to, numbers.get(row), place, &mut picker)?;
            picker.end_row();
        }
        picker.column(&common, &all)
    }))
}

/// A column with the type's default in place of NULL.
fn over_default(column: &Column, data_type: &DataType) -> Result<Column> {
    let Some(nulls) = column.nulls().filter(|n| n.null_count() > 0) else {
        return without_nulls(column);
    };
    let default = Column::constant(data_type, &data_type.default_value(), column.len())?;
    let which: Vec<u32> = nulls.iter().map(|valid| u32::from(!valid)).collect();
    choose(data_type, &[without_nulls(column)?, default], &which)
}

/// The greatest size of an array that `arrayResize` makes, as in ClickHouse.
const LONGEST: u64 = 1 << 30;

fn resize(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    filled(context, "arrayResize", arguments, None, |from, to, number, filler, picker| {
        let wanted = number.unsigned_abs();
        if wanted > LONGEST || picker.picked.len() as u64 + wanted > LONGEST {
            bail!(TooLargeArraySize, "Too large array size: {wanted}, maximum: {LONGEST}");
        }
        let (wanted, length) = (wanted as usize, to - from);
        let missing = wanted.saturating_sub(length);
        if number >= 0 {
            (from..to.min(from + wanted)).for_each(|at| picker.push(at));
            (0..missing).for_each(|_| picker.push(filler));
        } else {
            (0..missing).for_each(|_| picker.push(filler));
            (to - wanted.min(length)..to).for_each(|at| picker.push(at));
        }
        Ok(())
    })
}

fn shift(
    context: &FunctionContext,
    function: &'static str,
    arguments: &[Argument],
    direction: i64,
) -> Result<Bound> {
    let item = item_type(function, arguments, 0)?;
    if let Some(filler) = arguments.get(2) {
        if filler.data_type.is_null_literal() {
            return Ok(Bound::new(DataType::null(), |_, rows| {
                Column::constant(&DataType::null(), &types::Value::Null, rows)
            }));
        }
        let common = least_supertype(&[item.inner().clone(), filler.data_type.inner().clone()]);
        if common.is_none_or(|common| common != *item.inner()) {
            return Err(illegal(function, filler));
        }
    }
    filled(context, function, arguments, Some(&item), move |from, to, number, filler, picker| {
        let by = number.saturating_mul(direction);
        let length = to - from;
        let gone = usize::try_from(by.unsigned_abs()).unwrap_or(length).min(length);
        if by >= 0 {
            (from + gone..to).for_each(|at| picker.push(at));
            (0..gone).for_each(|_| picker.push(filler));
        } else {
            (0..gone).for_each(|_| picker.push(filler));
            (from..to - gone).for_each(|at| picker.push(at));
        }
        Ok(())
    })
}

fn slice(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let item = item_type("arraySlice", arguments, 0)?;
    for argument in &arguments[1..] {
        let inner = argument.data_type.inner();
        if !inner.is_integer() && *inner != DataType::Nothing {
            return Err(illegal("arraySlice", argument));
        }
    }
    Ok(Bound::new(arguments[0].data_type.clone(), move |columns, rows| {
        let lists = Lists::new(&columns[0])?;
        let read = |at: usize| -> Result<Option<(Integers, Option<arrow_buffer::NullBuffer>)>> {
            columns.get(at).map(|c| Ok((Integers::new(c)?, c.nulls()))).transpose()
        };
        let (offsets, lengths) = (read(1)?, read(2)?);
        let value = |argument: &Option<(Integers, Option<arrow_buffer::NullBuffer>)>,
                     row: usize| {
            let (numbers, nulls) = argument.as_ref()?;
            let is_null = nulls.as_ref().is_some_and(|n| n.is_null(row));
            (!is_null).then(|| numbers.get(row))
        };
        let mut picker = Picker::new(rows);
        for row in 0..rows {
            let (from, to) = lists.bounds(row);
            let (start, end) =
                window((to - from) as i64, value(&offsets, row).unwrap_or(1), value(&lengths, row));
            (from + start..from + end).for_each(|at| picker.push(at));
            picker.end_row();
        }
        picker.column(&item, &lists.items)
    }))
}

/// The part of a row that an offset and a length mean.
fn window(count: i64, offset: i64, length: Option<i64>) -> (usize, usize) {
    if offset == 0 {
        return (0, 0);
    }
    let start = if offset > 0 { offset - 1 } else { count.saturating_add(offset) };
    let end = match length {
        None => count,
        Some(length) if length >= 0 => start.saturating_add(length),
        Some(length) => count.saturating_add(length),
    };
    let start = start.clamp(0, count);
    (start as usize, end.clamp(start, count) as usize)
}

fn flatten(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let mut item = item_type("arrayFlatten", arguments, 0)?;
    let mut depth = 0;
    while let DataType::Array(inner) = &item {
        item = inner.as_ref().clone();
        depth += 1;
    }
    Ok(Bound::new(DataType::array(item.clone()), move |columns, _| {
        let mut lists = Lists::new(&columns[0])?;
        for _ in 0..depth {
            let inner = Lists::of_array(&lists.items)?;
            lists.offsets =
                lists.offsets.iter().map(|offset| inner.offsets[*offset as usize]).collect();
            lists.items = inner.items;
        }
        lists.column(&item)
    }))
}

/// The lists of several columns, of one length in each row.
pub(crate) fn same_lengths(function: &str, columns: &[types::Column]) -> Result<Vec<Lists>> {
    let lists: Vec<Lists> = columns.iter().map(Lists::new).collect::<Result<_>>()?;
    if let Some((first, rest)) = lists.split_first()
        && rest.iter().any(|list| list.offsets != first.offsets)
    {
        bail!(
            SizesOfArraysDontMatch,
            "The argument arrays of function {function} should have the same size"
        );
    }
    Ok(lists)
}

fn zip(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let types: Vec<DataType> = (0..arguments.len())
        .map(|at| item_type("arrayZip", arguments, at))
        .collect::<Result<_>>()?;
    let item = DataType::tuple(types.clone());
    Ok(Bound::new(DataType::array(item.clone()), move |columns, _| {
        let lists = same_lengths("arrayZip", columns)?;
        let parts: Vec<ArrayRef> = lists.iter().map(|l| l.items.clone()).collect();
        let count = parts[0].len();
        let items = tuples(&types, parts, count)?;
        super::lists::list_column(&item, lists[0].offsets.clone(), items)
    }))
}

fn enumerate(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    item_type("arrayEnumerate", arguments, 0)?;
    Ok(Bound::new(DataType::array(DataType::UInt32), |columns, rows| {
        let lists = Lists::new(&columns[0])?;
        let mut numbers: Vec<u32> = Vec::with_capacity(lists.items.len());
        for row in 0..rows {
            let (from, to) = lists.bounds(row);
            numbers.extend((from..to).map(|at| (at - from) as u32 + 1));
        }
        let items = std::sync::Arc::new(arrow_array::UInt32Array::from(numbers));
        super::lists::list_column(&DataType::UInt32, lists.offsets, items)
    }))
}

fn shingles(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let item = item_type("arrayShingles", arguments, 0)?;
    require_integer("arrayShingles", arguments, 1)?;
    let inner = DataType::array(item.clone());
    Ok(Bound::new(DataType::array(inner.clone()), move |columns, rows| {
        let lists = Lists::new(&columns[0])?;
        let lengths = Integers::new(&columns[1])?;
        let (mut picker, mut offsets, mut count) = (Picker::new(rows), vec![0], 0);
        for row in 0..rows {
            let (from, to) = lists.bounds(row);
            let length = lengths.get(row);
            if length < 1 || length as usize > to - from {
                bail!(
                    BadArguments,
                    "Shingle argument must be a positive integer and not exceed the array length"
                );
            }
            for start in from..=to - length as usize {
                (start..start + length as usize).for_each(|at| picker.push(at));
                picker.end_row();
                count += 1;
            }
            offsets.push(count);
        }
        let items = picker.column(&item, &lists.items)?.to_flat()?;
        super::lists::list_column(&inner, offsets, items)
    }))
}
