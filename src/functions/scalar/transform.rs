//! `transform` and `CASE x WHEN ...`: a value looked up among others.

use std::collections::HashMap;
use std::sync::Arc;

use base::{Result, bail, error};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration, Nulls};
use types::{Column, DataType, Value, array_from_values, least_supertype, require_supertype};

use super::cast::{Conversion, conversion};
use super::choose::choose;
use super::lane::argument;

pub(crate) const FUNCTIONS: &[FunctionDeclaration] = declare! { "Conditional";
    "transform" (3, 4) "transform(x, from, to[, default])"
        "The element of the constant array `to` at the place where `from` holds x; else the default, or x."
        "SELECT transform(2, [1, 2], ['one', 'two'], 'many')" => "two",
        "SELECT transform(3, [1, 2], [10, 20])" => "3";
        bind_transform, nulls: Nulls::Custom;
    "caseWithExpression" | "caseWithExpr" any_case true (3, usize::MAX)
        "caseWithExpression(x, value1, then1, ..., else), CASE x WHEN value1 THEN then1 ... ELSE else END"
        "The result behind the first value that x equals; NULL equals NULL."
        "SELECT caseWithExpression(2, 1, 'a', 2, 'b', 'c')" => "b"; bind_case, nulls: Nulls::Custom;
};

/// The elements of a constant array argument, with their type.
fn constant_array(argument: &Argument, at: usize) -> Result<(Arc<[Value]>, DataType)> {
    let item = match &argument.data_type {
        DataType::Array(item) => item.as_ref().clone(),
        other => bail!(
            IllegalTypeOfArgument,
            "Unexpected type {other} of argument {at} of function transform, must be an array"
        ),
    };
    match &argument.constant {
        Some(Value::Array(items)) => Ok((items.clone(), item)),
        _ => bail!(IllegalColumn, "Argument {at} of function transform must be a constant array"),
    }
}

/// Values of a type converted to another.
fn converted(
    context: &FunctionContext,
    items: &[Value],
    from: &DataType,
    to: &DataType,
) -> Result<Vec<Value>> {
    let array = array_from_values(from, items)?;
    let cast = conversion(context, from, to)?(&Column::Flat(array), items.len())?;
    (0..items.len()).map(|row| cast.value(to, row)).collect()
}

fn bind_transform(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let x = arguments[0].data_type.clone();
    let (from, from_item) = constant_array(&arguments[1], 2)?;
    let (to, to_item) = constant_array(&arguments[2], 3)?;
    if from.len() != to.len() {
        bail!(
            BadArguments,
            "The arrays of transform have {} and {} elements",
            from.len(),
            to.len()
        );
    }
    let default = arguments.get(3).map_or(&x, |a| &a.data_type);
    let return_type = require_supertype(&[to_item.clone(), default.clone()]).map_err(|e| {
        error!(
            IllegalTypeOfArgument,
            "Function transform has no common type of results: {}",
            e.message()
        )
    })?;
    // Looked up in a type that holds both, so that -1 is not taken for 255.
    let floats = x.inner().is_float() && from_item.inner().is_integer();
    let common = least_supertype(&[x.clone(), from_item.clone()])
        .or_else(|| floats.then(|| DataType::Float64.nullable()));
    let Some(key) = common else {
        bail!(IllegalTypeOfArgument, "transform cannot look up {x} among values of {from_item}");
    };
    let keys = converted(context, &from, &from_item, &key)?;
    let results = converted(context, &to, &to_item, &return_type)?;
    let key_cast = conversion(context, &x, &key)?;
    let default_cast = conversion(context, default, &return_type)?;
    let default_at = if arguments.len() == 4 { 3 } else { 0 };
    let mut places: HashMap<Value, u32> = HashMap::new();
    // NaN equals nothing.
    let is_number = |key: &Value| !matches!(key, Value::Float(number) if number.is_nan());
    for (at, key) in keys.into_iter().enumerate().filter(|(_, key)| is_number(key)) {
        places.entry(key).or_insert(at as u32);
    }
    let results = results
        .iter()
        .map(|value| array_from_values(&return_type, std::slice::from_ref(value)))
        .collect::<Result<Vec<_>>>()?;
    let data_type = return_type.clone();
    Ok(Bound::new(return_type, move |columns, rows| {
        let looked_up = key_cast(argument(columns, 0)?, rows)?;
        let missing = results.len() as u32;
        let mut which = Vec::with_capacity(rows);
        for row in 0..rows {
            let value = looked_up.value(&key, row)?;
            which.push(places.get(&value).copied().unwrap_or(missing));
        }
        let mut branches: Vec<Column> = results
            .iter()
            .map(|value| Column::Constant { value: value.clone(), len: rows })
            .collect();
        branches.push(default_cast(argument(columns, default_at)?, rows)?);
        choose(&data_type, &branches, &which)
    }))
}

fn bind_case(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    if !arguments.len().is_multiple_of(2) {
        bail!(
            NumberOfArgumentsDoesntMatch,
            "caseWithExpression takes an even number of arguments, but {} were passed",
            arguments.len()
        );
    }
    let pairs = (arguments.len() - 2) / 2;
    let results: Vec<usize> =
        (0..pairs).map(|pair| pair * 2 + 2).chain([arguments.len() - 1]).collect();
    let types: Vec<DataType> = results.iter().map(|at| arguments[*at].data_type.clone()).collect();
    let return_type = require_supertype(&types)?;
    let casts: Vec<Conversion> =
        types.iter().map(|t| conversion(context, t, &return_type)).collect::<Result<_>>()?;
    let mut tests = Vec::with_capacity(pairs);
    for pair in 0..pairs {
        let sides = [arguments[0].clone(), arguments[pair * 2 + 1].clone()];
        let bound = super::comparison::bind_distinct(context, &sides, false)?;
        let expr::Kernel::Plain(kernel) = bound.kernel else {
            bail!(LogicalError, "a comparison of higher order");
        };
        tests.push(kernel);
    }
    let data_type = return_type.clone();
    Ok(Bound::new(return_type, move |columns, rows| {
        let mut which = vec![pairs as u32; rows];
        for (pair, test) in tests.iter().enumerate().rev() {
            let sides = [argument(columns, 0)?.clone(), argument(columns, pair * 2 + 1)?.clone()];
            let equal = test(&sides, rows)?;
            let equal = super::lane::values::<u8>(&equal)?;
            for (row, which) in which.iter_mut().enumerate() {
                if equal.at(row) != 0 {
                    *which = pair as u32;
                }
            }
        }
        let mut branches = Vec::with_capacity(pairs + 1);
        for (at, cast) in results.iter().zip(&casts) {
            branches.push(cast(argument(columns, *at)?, rows)?);
        }
        choose(&data_type, &branches, &which)
    }))
}
