//! Functions of a lambda over the elements of arrays: map, filter, search, split.
//!
//! A lambda is called once a block over all elements of all rows. Without one, the elements of
//! the first array stand for its values.

use arrow_array::cast::AsArray;
use arrow_array::types::{UInt8Type, UInt32Type};
use arrow_array::{Array, ArrayRef};
use base::{Error, Result, bail};
use expr::{Argument, Bound, FunctionDeclaration, LambdaCall};
use types::{Column, DataType};

use super::keys::Keys;
use super::lists::{Lists, Picker, illegal, list_column, numbers, take, with_default, with_nulls};
use super::slice::same_lengths;
use crate::text::declare;

macro_rules! mapped {
    ($name:literal, $syntax:literal, $what:literal, $sql:literal => $answer:literal, $bind:expr) => {
        declare!("Array", $name, $syntax, $what, $sql => $answer, (1, usize::MAX), $bind, lambda: Some(element_types))
    };
}

pub(super) static FUNCTIONS: &[FunctionDeclaration] = &[
    mapped!("arrayMap", "arrayMap(f, array, ...)", "The values of a lambda for the elements of an array, or of several of one length.",
        "SELECT arrayMap(x -> x * 2, [1, 2])" => "[2,4]", |_, a| map(a)),
    mapped!("arrayFilter", "arrayFilter(f, array, ...)", "The elements of the first array for which a lambda is true.",
        "SELECT arrayFilter(x -> x > 1, [1, 2, 3])" => "[2,3]", |_, a| filter(a)),
    mapped!("arrayCount", "arrayCount([f,] array, ...)", "How many elements are not 0, or how often a lambda is true.",
        "SELECT arrayCount(x -> x > 1, [1, 2, 3])" => "2", |_, a| counted("arrayCount", a, DataType::UInt32, |f| f.iter().filter(|v| **v).count())),
    mapped!("arrayExists", "arrayExists([f,] array, ...)", "1 where any element is not 0, or a lambda true for any.",
        "SELECT arrayExists(x -> x > 1, [1, 2])" => "1", |_, a| counted("arrayExists", a, DataType::UInt8, |f| usize::from(f.contains(&true)))),
    mapped!("arrayAll", "arrayAll([f,] array, ...)", "1 where no element is 0, or a lambda is true for all.",
        "SELECT arrayAll(x -> x > 1, [1, 2])" => "0", |_, a| counted("arrayAll", a, DataType::UInt8, |f| usize::from(!f.contains(&false)))),
    mapped!("arrayFirstIndex", "arrayFirstIndex(f, array, ...)", "The number, from 1, of the first element for which a lambda is true; 0 if for none.",
        "SELECT arrayFirstIndex(x -> x > 1, [1, 2])" => "2", |_, a| counted("arrayFirstIndex", a, DataType::UInt32, |f| f.iter().position(|v| *v).map_or(0, |at| at + 1))),
    mapped!("arrayLastIndex", "arrayLastIndex(f, array, ...)", "The number, from 1, of the last element for which a lambda is true; 0 if for none.",
        "SELECT arrayLastIndex(x -> x < 3, [1, 2, 3])" => "2", |_, a| counted("arrayLastIndex", a, DataType::UInt32, |f| f.iter().rposition(|v| *v).map_or(0, |at| at + 1))),
    mapped!("arrayFirst", "arrayFirst(f, array, ...)", "The first element for which a lambda is true; the type's default if there is none.",
        "SELECT arrayFirst(x -> x > 1, [1, 2, 3])" => "2", |_, a| picked("arrayFirst", a, true, false)),
    mapped!("arrayFirstOrNull", "arrayFirstOrNull(f, array, ...)", "As `arrayFirst`; NULL if there is none.",
        "SELECT arrayFirstOrNull(x -> x > 5, [1])" => "\\N", |_, a| picked("arrayFirstOrNull", a, true, true)),
    mapped!("arrayLast", "arrayLast(f, array, ...)", "The last element for which a lambda is true; the type's default if there is none.",
        "SELECT arrayLast(x -> x > 1, [1, 2, 3])" => "3", |_, a| picked("arrayLast", a, false, false)),
    mapped!("arrayLastOrNull", "arrayLastOrNull(f, array, ...)", "As `arrayLast`; NULL if there is none.",
        "SELECT arrayLastOrNull(x -> x > 5, [1])" => "\\N", |_, a| picked("arrayLastOrNull", a, false, true)),
    mapped!("arrayFill", "arrayFill(f, array, ...)", "The array with each element for which a lambda is false replaced by the one before.",
        "SELECT arrayFill(x -> x > 1, [3, 1, 0, 5])" => "[3,3,3,5]", |_, a| fill("arrayFill", a, false)),
    mapped!("arrayReverseFill", "arrayReverseFill(f, array, ...)", "The array with each element for which a lambda is false replaced by the one after.",
        "SELECT arrayReverseFill(x -> x > 1, [0, 3, 1, 5])" => "[3,3,5,5]", |_, a| fill("arrayReverseFill", a, true)),
    mapped!("arraySplit", "arraySplit(f, array, ...)", "The array cut before each element for which a lambda is true.",
        "SELECT arraySplit(x -> x = 3, [1, 2, 3, 4])" => "[[1,2],[3,4]]", |_, a| split("arraySplit", a, false)),
    mapped!("arrayReverseSplit", "arrayReverseSplit(f, array, ...)", "The array cut after each element for which a lambda is true.",
        "SELECT arrayReverseSplit(x -> x = 3, [1, 2, 3, 4])" => "[[1,2,3],[4]]", |_, a| split("arrayReverseSplit", a, true)),
    mapped!("arrayCompact", "arrayCompact([f,] array)", "The array without elements that equal the one before (or for which the lambda's value does).",
        "SELECT arrayCompact([1, 1, 2, 1])" => "[1,2,1]", |_, a| compact(a)),
];

/// The types of a lambda's parameters: the items of the arrays beside it, or, for more parameters,
/// the parts of the tuples of the only array.
pub(super) fn element_types(arguments: &[Argument], at: usize) -> Result<Vec<DataType>> {
    let wanted = arguments.get(at).and_then(|a| a.lambda).unwrap_or(0);
    let arrays: Vec<&Argument> = arguments.iter().filter(|a| a.lambda.is_none()).collect();
    let mut types = Vec::with_capacity(arrays.len());
    for argument in &arrays {
        match &argument.data_type {
            DataType::Array(item) => types.push(item.as_ref().clone()),
            DataType::Map(pair) => types.extend([pair.0.clone(), pair.1.clone()]),
            // A leading number, as of arrayPartialSort.
            other if other.is_integer() => {}
            _ => return Err(illegal("of a lambda", argument)),
        }
    }
    if let [DataType::Tuple(fields)] = &types[..]
        && wanted == fields.len()
        && wanted > 1
    {
        types = fields.iter().map(|f| f.data_type.clone()).collect();
    }
    if types.len() != wanted {
        bail!(
            TypeMismatch,
            "A lambda of {wanted} parameters got {} arrays; give one array for each parameter",
            types.len()
        );
    }
    Ok(types)
}

/// The parameters of a lambda from items.
pub(super) fn parameters(lists: &[Lists], count: usize) -> Vec<Column> {
    if let [only] = lists
        && count > 1
        && let Some(tuple) = only.items.as_struct_opt()
    {
        return tuple.columns().iter().cloned().map(Column::Flat).collect();
    }
    lists.iter().map(|list| Column::Flat(list.items.clone())).collect()
}

/// The first array of a call with the values that a lambda gives its elements.
pub(super) struct Mapped {
    /// The first array.
    pub(super) lists: Lists,
    /// The lambda's values, or the items themselves.
    pub(super) values: ArrayRef,
}

/// What a call of such a function is known to be about.
pub(super) struct Shape {
    /// The first array's items.
    pub(super) item: DataType,
    /// What the lambda returns.
    pub(super) value: DataType,
    /// The lambda's parameters; 0 without one.
    parameters: usize,
}

impl Shape {
    pub(super) fn new(function: &str, arguments: &[Argument]) -> Result<Shape> {
        let arrays: Vec<&Argument> = arguments.iter().filter(|a| a.lambda.is_none()).collect();
        let Some(first) = arrays.first() else {
            bail!(
                NumberOfArgumentsDoesntMatch,
                "Function {function} needs an array beside its lambda"
            );
        };
        if let Some(wrong) = arrays.iter().find(|a| !matches!(a.data_type, DataType::Array(_))) {
            return Err(illegal(function, wrong));
        }
        let item = match &first.data_type {
            DataType::Array(item) => item.as_ref().clone(),
            _ => return Err(illegal(function, first)),
        };
        let lambda = arguments.first().filter(|a| a.lambda.is_some());
        if lambda.is_none() && arrays.len() > 1 {
            bail!(
                NumberOfArgumentsDoesntMatch,
                "Function {function} needs one array argument where it has no lambda"
            );
        }
        Ok(Shape {
            value: lambda.map_or_else(|| item.clone(), |l| l.data_type.clone()),
            parameters: lambda.and_then(|l| l.lambda).unwrap_or(0),
            item,
        })
    }

    /// The bound function: `f` computes it from the mapped elements and the number of rows.
    pub(super) fn bind(
        self,
        function: &'static str,
        return_type: DataType,
        f: impl Fn(&Shape, Mapped, usize) -> Result<Column> + Send + Sync + 'static,
    ) -> Bound {
        if self.parameters == 0 {
            return Bound::new(return_type, move |columns, rows| {
                let lists = Lists::new(&columns[0])?;
                let values = lists.items.clone();
                f(&self, Mapped { lists, values }, rows)
            });
        }
        Bound::higher_order(return_type, move |lambdas, columns, rows| {
            f(&self, self.call(function, lambdas, columns)?, rows)
        })
    }

    fn call(
        &self,
        function: &str,
        lambdas: &[&dyn LambdaCall],
        columns: &[Column],
    ) -> Result<Mapped> {
        let mut lists = same_lengths(function, columns)?;
        let Some(lambda) = lambdas.first() else { return Err(Error::logical("no lambda")) };
        let rows = lists[0].item_rows();
        let values = lambda.call(parameters(&lists, self.parameters), &rows)?.to_flat()?;
        Ok(Mapped { lists: lists.swap_remove(0), values })
    }
}

/// Which values are true: not 0 and not NULL.
pub(super) fn truths(values: &ArrayRef, data_type: &DataType) -> Result<Vec<bool>> {
    let mut out: Vec<bool> = if let Some(flags) = values.as_primitive_opt::<UInt8Type>() {
        flags.values().iter().map(|v| *v != 0).collect()
    } else if data_type.inner().is_number() {
        let zero = Keys::new(&types::default_array(data_type.inner(), 1)?, data_type.inner())?;
        let keys = Keys::new(values, data_type)?;
        (0..values.len()).map(|at| keys.key(at) != zero.key(0)).collect()
    } else {
        bail!(
            IllegalTypeOfArgument,
            "Unexpected type of a lambda's value: {data_type}; it must be a number"
        );
    };
    if let Some(nulls) = values.nulls() {
        out.iter_mut().enumerate().for_each(|(at, flag)| *flag &= nulls.is_valid(at));
    }
    Ok(out)
}

fn check_flags(function: &str, shape: &Shape) -> Result<()> {
    let inner = shape.value.inner();
    if inner.is_number() || *inner == DataType::Nothing {
        return Ok(());
    }
    bail!(
        IllegalTypeOfArgument,
        "Unexpected type of filter column of function {function}: {}; it must be a number",
        shape.value
    )
}

fn map(arguments: &[Argument]) -> Result<Bound> {
    let shape = Shape::new("arrayMap", arguments)?;
    let value = shape.value.clone();
    Ok(shape.bind("arrayMap", DataType::array(value), |shape, mapped, _| {
        list_column(&shape.value, mapped.lists.offsets, mapped.values)
    }))
}

fn filter(arguments: &[Argument]) -> Result<Bound> {
    let shape = Shape::new("arrayFilter", arguments)?;
    check_flags("arrayFilter", &shape)?;
    let item = shape.item.clone();
    Ok(shape.bind("arrayFilter", DataType::array(item), |shape, mapped, rows| {
        let flags = truths(&mapped.values, &shape.value)?;
        let mut picker = Picker::new(rows);
        for row in 0..rows {
            let (from, to) = mapped.lists.bounds(row);
            (from..to).filter(|at| flags[*at]).for_each(|at| picker.push(at));
            picker.end_row();
        }
        picker.column(&shape.item, &mapped.lists.items)
    }))
}

fn counted(
    function: &'static str,
    arguments: &[Argument],
    return_type: DataType,
    f: fn(&[bool]) -> usize,
) -> Result<Bound> {
    let shape = Shape::new(function, arguments)?;
    check_flags(function, &shape)?;
    let as_flag = return_type == DataType::UInt8;
    Ok(shape.bind(function, return_type, move |shape, mapped, rows| {
        let flags = truths(&mapped.values, &shape.value)?;
        let found = (0..rows).map(|row| {
            let (from, to) = mapped.lists.bounds(row);
            f(&flags[from..to])
        });
        Ok(if as_flag {
            numbers::<UInt8Type>(found.map(|n| n as u8).collect())
        } else {
            numbers::<UInt32Type>(found.map(|n| n as u32).collect())
        })
    }))
}

fn picked(
    function: &'static str,
    arguments: &[Argument],
    first: bool,
    or_null: bool,
) -> Result<Bound> {
    let shape = Shape::new(function, arguments)?;
    check_flags(function, &shape)?;
    let item = shape.item.clone();
    let return_type = if or_null { item.nullable() } else { item };
    let nullable = or_null && return_type.is_nullable();
    Ok(shape.bind(function, return_type, move |shape, mapped, rows| {
        let flags = truths(&mapped.values, &shape.value)?;
        let items = &mapped.lists.items;
        let missing = items.len() as u32;
        let places: Vec<u32> = (0..rows)
            .map(|row| {
                let (from, to) = mapped.lists.bounds(row);
                let mut within = from..to;
                let found = if first {
                    within.find(|at| flags[*at])
                } else {
                    within.rfind(|at| flags[*at])
                };
                found.map_or(missing, |at| at as u32)
            })
            .collect();
        let present: arrow_buffer::NullBuffer = places.iter().map(|at| *at != missing).collect();
        let taken = take(&with_default(items, &shape.item)?, places)?;
        if !nullable {
            return Ok(Column::Flat(taken));
        }
        let nulls = arrow_buffer::NullBuffer::union(Some(&present), taken.nulls());
        Ok(Column::Flat(with_nulls(&taken, nulls)?))
    }))
}

fn fill(function: &'static str, arguments: &[Argument], backward: bool) -> Result<Bound> {
    let shape = Shape::new(function, arguments)?;
    check_flags(function, &shape)?;
    let item = shape.item.clone();
    Ok(shape.bind(function, DataType::array(item), move |shape, mapped, rows| {
        let flags = truths(&mapped.values, &shape.value)?;
        let mut places: Vec<u32> = (0..flags.len() as u32).collect();
        for row in 0..rows {
            let (from, to) = mapped.lists.bounds(row);
            if backward {
                for at in (from..to.saturating_sub(1).max(from)).rev() {
                    if !flags[at] {
                        places[at] = places[at + 1];
                    }
                }
            } else {
                for at in from + 1..to {
                    if !flags[at] {
                        places[at] = places[at - 1];
                    }
                }
            }
        }
        let items = take(&mapped.lists.items, places)?;
        list_column(&shape.item, mapped.lists.offsets, items)
    }))
}

fn split(function: &'static str, arguments: &[Argument], after: bool) -> Result<Bound> {
    let shape = Shape::new(function, arguments)?;
    check_flags(function, &shape)?;
    let inner = DataType::array(shape.item.clone());
    Ok(shape.bind(function, DataType::array(inner.clone()), move |shape, mapped, rows| {
        let flags = truths(&mapped.values, &shape.value)?;
        let (mut cuts, mut offsets) = (vec![0_i32], vec![0_i32]);
        for row in 0..rows {
            let (from, to) = mapped.lists.bounds(row);
            for at in from + 1..to {
                if flags[if after { at - 1 } else { at }] {
                    cuts.push(at as i32);
                }
            }
            if to > from {
                cuts.push(to as i32);
            }
            offsets.push(cuts.len() as i32 - 1);
        }
        let lists = list_column(&shape.item, cuts, mapped.lists.items)?.to_flat()?;
        list_column(&inner, offsets, lists)
    }))
}

fn compact(arguments: &[Argument]) -> Result<Bound> {
    let shape = Shape::new("arrayCompact", arguments)?;
    let item = shape.item.clone();
    Ok(shape.bind("arrayCompact", DataType::array(item), |shape, mapped, rows| {
        let keys = Keys::exact(&mapped.values, &shape.value)?;
        let mut picker = Picker::new(rows);
        for row in 0..rows {
            let (from, to) = mapped.lists.bounds(row);
            (from..to)
                .filter(|at| *at == from || keys.key(*at) != keys.key(at - 1))
                .for_each(|at| picker.push(at));
            picker.end_row();
        }
        picker.column(&shape.item, &mapped.lists.items)
    }))
}
