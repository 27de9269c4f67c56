//! `arrayFold`: a lambda of what was gathered so far and the next elements.

use arrow_array::{Array, ArrayRef};
use base::{Error, Result, bail};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration, LambdaCall};
use types::{Column, DataType};

use super::convert::convert;
use super::lists::{Lists, concat, illegal, take};
use super::slice::same_lengths;
use crate::text::declare;

pub(super) static FUNCTIONS: &[FunctionDeclaration] = &[
    declare!("Array", "arrayFold", "arrayFold(f, array, ..., start)", "What a lambda of the value so far and the next elements makes of all elements, beginning with a start value.",
        "SELECT arrayFold((acc, x) -> acc + x, [1, 2, 3], toInt64(5))" => "11", (3, usize::MAX), fold, lambda: Some(types_of)),
];

fn types_of(arguments: &[Argument], _: usize) -> Result<Vec<DataType>> {
    let [_, arrays @ .., start] = arguments else {
        bail!(
            NumberOfArgumentsDoesntMatch,
            "Function arrayFold needs a lambda, arrays and a start"
        );
    };
    let mut types = vec![start.data_type.clone()];
    for argument in arrays {
        match &argument.data_type {
            DataType::Array(item) => types.push(item.as_ref().clone()),
            _ => return Err(illegal("arrayFold", argument)),
        }
    }
    Ok(types)
}

fn fold(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let types = types_of(arguments, 0)?;
    let (lambda, accumulator) = (arguments[0].data_type.clone(), types[0].clone());
    if lambda.inner() != accumulator.inner() {
        bail!(
            TypeMismatch,
            "Return type of lambda function must be the same as the accumulator type. Inferred return type \"{lambda}\", accumulator type \"{accumulator}\""
        );
    }
    let context = context.clone();
    Ok(Bound::higher_order(accumulator.clone(), move |lambdas, columns, rows| {
        let Some((start, arrays)) = columns.split_last() else {
            return Err(Error::logical("arrayFold without arguments"));
        };
        let lists = same_lengths("arrayFold", arrays)?;
        let Some(f) = lambdas.first() else { return Err(Error::logical("no lambda")) };
        let start = start.to_flat()?;
        let result = run(*f, &lists, start, rows)?;
        Ok(Column::Flat(convert(&context, &result, &lambda, &accumulator)?))
    }))
}

/// All rows advance together, one element a step; a row that has no more elements is put aside.
fn run(f: &dyn LambdaCall, lists: &[Lists], start: ArrayRef, rows: usize) -> Result<ArrayRef> {
    let bounds = |row: u32| lists[0].bounds(row as usize);
    let mut active: Vec<u32> = (0..rows as u32).collect();
    let mut current = start;
    // Where each row's result lies among the results put aside.
    let (mut aside, mut places, mut count) = (Vec::new(), vec![0_u32; rows], 0);
    let mut step = 0;
    while !active.is_empty() {
        let (mut going, mut ended) = (Vec::new(), Vec::new());
        for (at, row) in active.iter().enumerate() {
            let (from, to) = bounds(*row);
            if from + step < to {
                going.push(at as u32);
            } else {
                places[*row as usize] = count;
                count += 1;
                ended.push(at as u32);
            }
        }
        if !ended.is_empty() {
            aside.push(take(&current, ended)?);
            active = going.iter().map(|at| active[*at as usize]).collect();
            current = take(&current, going)?;
        }
        if active.is_empty() {
            break;
        }
        let mut parameters = vec![Column::Flat(current)];
        for list in lists {
            let next = active.iter().map(|row| (bounds(*row).0 + step) as u32).collect();
            parameters.push(Column::Flat(take(&list.items, next)?));
        }
        current = f.call(parameters, &active)?.to_flat()?;
        if current.len() != active.len() {
            return Err(Error::logical("a lambda that lost rows"));
        }
        step += 1;
    }
    if aside.is_empty() {
        return Ok(current);
    }
    take(&concat(&aside.iter().collect::<Vec<_>>())?, places)
}
