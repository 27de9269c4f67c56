//! Arithmetic of tuples element by element, of arrays of numbers, and of tuples as vectors.
//!
//! All is composed of the functions of single values, whose rules of types and NULL hold.

use base::{Result, bail};
use expr::{Argument, Bound, Expr, FunctionContext, FunctionDeclaration, Nulls};
use types::{DataType, TupleField};

use super::lists::illegal;
use crate::composed::Composer;
use crate::text::declare;

macro_rules! elementwise {
    ($name:literal, [$($alias:literal),*], $operation:literal, $what:literal, $sql:literal => $answer:literal) => {
        declare!("Tuple", $name, "tuple...(a, b)", $what, $sql => $answer, (2, 2),
            |c, a| pairwise(c, $name, a, $operation), nulls: Nulls::Custom, aliases: &[$($alias),*])
    };
}

macro_rules! by_number {
    ($name:literal, $operation:literal, $what:literal, $sql:literal => $answer:literal) => {
        declare!("Tuple", $name, "tuple...ByNumber(tuple, number)", $what, $sql => $answer, (2, 2),
            |c, a| with_number(c, $name, a, $operation), nulls: Nulls::Custom)
    };
}

pub(super) static FUNCTIONS: &[FunctionDeclaration] = &[
    elementwise!("tuplePlus", ["vectorSum"], "plus", "The sums of the elements of two tuples.",
        "SELECT tuplePlus((1, 2), (2, 3))" => "(3,5)"),
    elementwise!("tupleMinus", ["vectorDifference"], "minus", "The differences of the elements of two tuples.",
        "SELECT tupleMinus((1, 2), (2, 3))" => "(-1,-1)"),
    elementwise!("tupleMultiply", [], "multiply", "The products of the elements of two tuples.",
        "SELECT tupleMultiply((1, 2), (2, 3))" => "(2,6)"),
    elementwise!("tupleDivide", [], "divide", "The quotients of the elements of two tuples.",
        "SELECT tupleDivide((1, 3), (2, 3))" => "(0.5,1)"),
    elementwise!("tupleModulo", [], "modulo", "The remainders of the elements of two tuples.",
        "SELECT tupleModulo((5, 7), (2, 4))" => "(1,3)"),
    elementwise!("tupleIntDiv", [], "intDiv", "The whole quotients of the elements of two tuples.",
        "SELECT tupleIntDiv((5, 7), (2, 4))" => "(2,1)"),
    elementwise!("tupleIntDivOrZero", [], "intDivOrZero", "The whole quotients of the elements of two tuples; 0 where one is divided by 0.",
        "SELECT tupleIntDivOrZero((5, 7), (0, 4))" => "(0,1)"),
    by_number!("tupleMultiplyByNumber", "multiply", "The elements of a tuple, each multiplied by a number.",
        "SELECT tupleMultiplyByNumber((1, 2), 3)" => "(3,6)"),
    by_number!("tupleDivideByNumber", "divide", "The elements of a tuple, each divided by a number.",
        "SELECT tupleDivideByNumber((1, 2), 2)" => "(0.5,1)"),
    by_number!("tupleModuloByNumber", "modulo", "The remainders of the elements of a tuple divided by a number.",
        "SELECT tupleModuloByNumber((5, 6), 4)" => "(1,2)"),
    by_number!("tuplePositiveModuloByNumber", "positiveModulo", "The remainders, from 0 on, of the elements of a tuple divided by a number.",
        "SELECT tuplePositiveModuloByNumber((-5, 2), 3)" => "(1,2)"),
    by_number!("tupleIntDivByNumber", "intDiv", "The whole quotients of the elements of a tuple and a number.",
        "SELECT tupleIntDivByNumber((5, 8), 2)" => "(2,4)"),
    by_number!("tupleIntDivOrZeroByNumber", "intDivOrZero", "The whole quotients of the elements of a tuple and a number; 0 where that is 0.",
        "SELECT tupleIntDivOrZeroByNumber((5, 8), 0)" => "(0,0)"),
    declare!("Tuple", "tupleNegate", "tupleNegate(tuple)", "The elements of a tuple with the other sign.",
        "SELECT tupleNegate((1, -2))" => "(-1,2)", (1, 1), |c, a| negate(c, a), nulls: Nulls::Custom),
    declare!("Tuple", "flattenTuple", "flattenTuple(tuple)", "A named tuple without tuples in it: their elements stand in it with joined names.",
        "SELECT flattenTuple(CAST(((1, 2), 3), 'Tuple(a Tuple(b UInt8, c UInt8), d UInt8)'))" => "(1,2,3)", (1, 1), flatten, nulls: Nulls::Custom),
];

/// How many elements a tuple has.
fn width(function: &str, argument: &Argument) -> Result<usize> {
    match &argument.data_type {
        DataType::Tuple(fields) => Ok(fields.len()),
        _ => Err(illegal(function, argument)),
    }
}

/// A tuple of what an operation gives for every element.
fn each(
    context: &FunctionContext,
    width: usize,
    element: impl Fn(&Composer<'_>, usize) -> Result<Expr>,
) -> Result<Bound> {
    let composer = Composer::new(context);
    let items = (0..width).map(|at| element(&composer, at)).collect::<Result<Vec<Expr>>>()?;
    composer.bound(composer.call("tuple", items)?)
}

pub(crate) fn pairwise(
    context: &FunctionContext,
    function: &str,
    arguments: &[Argument],
    operation: &str,
) -> Result<Bound> {
    let (left, right) = (width(function, &arguments[0])?, width(function, &arguments[1])?);
    if left != right {
        bail!(
            IllegalTypeOfArgument,
            "Expected tuples of the same size as arguments of function {function}, not of {left} and {right} elements"
        );
    }
    let tuples = Composer::arguments(arguments);
    each(context, left, |composer, at| {
        let pair = vec![composer.element(&tuples[0], at)?, composer.element(&tuples[1], at)?];
        composer.call(operation, pair)
    })
}

pub(crate) fn with_number(
    context: &FunctionContext,
    function: &str,
    arguments: &[Argument],
    operation: &str,
) -> Result<Bound> {
    let width = width(function, &arguments[0])?;
    let given = Composer::arguments(arguments);
    each(context, width, |composer, at| {
        composer.call(operation, vec![composer.element(&given[0], at)?, given[1].clone()])
    })
}

pub(crate) fn negate(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let width = width("tupleNegate", &arguments[0])?;
    let given = Composer::arguments(arguments);
    each(context, width, |composer, at| {
        composer.call("negate", vec![composer.element(&given[0], at)?])
    })
}

/// What an arithmetic operator means for tuples; `None` where no argument is one.
pub(crate) fn operator(
    context: &FunctionContext,
    operation: &str,
    arguments: &[Argument],
) -> Result<Option<Bound>> {
    let is_tuple = |a: &Argument| matches!(a.data_type, DataType::Tuple(_));
    Ok(Some(match (is_tuple(&arguments[0]), is_tuple(&arguments[1])) {
        (false, false) => return Ok(None),
        (true, true) if operation == "multiply" => {
            let composer = Composer::new(context);
            let product = composer.call("dotProduct", Composer::arguments(arguments))?;
            composer.bound(product)?
        }
        (true, true) => pairwise(context, operation, arguments, operation)?,
        (true, false) if matches!(operation, "plus" | "minus") => {
            return Err(illegal(operation, &arguments[0]));
        }
        (true, false) => with_number(context, operation, arguments, operation)?,
        (false, true) if operation == "multiply" => {
            let width = width(operation, &arguments[1])?;
            let given = Composer::arguments(arguments);
            each(context, width, |composer, at| {
                composer.call(operation, vec![given[0].clone(), composer.element(&given[1], at)?])
            })?
        }
        (false, true) if matches!(operation, "plus" | "minus") => {
            let width = width(operation, &arguments[1])?;
            let (composer, given) = (Composer::new(context), Composer::arguments(arguments));
            let sum = (0..width).try_fold(given[0].clone(), |sum, at| {
                composer.call(operation, vec![sum, composer.element(&given[1], at)?])
            })?;
            composer.bound(sum)?
        }
        (false, true) => return Err(illegal(operation, &arguments[1])),
    }))
}

fn flatten(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let (composer, given) = (Composer::new(context), Composer::arguments(arguments));
    let mut leaves: Vec<(TupleField, Expr)> = Vec::new();
    gather(&composer, &given[0], &arguments[0], None, &mut leaves)?;
    let (fields, items): (Vec<TupleField>, Vec<Expr>) = leaves.into_iter().unzip();
    let mut bound = composer.bound(composer.call("tuple", items)?)?;
    bound.return_type = DataType::Tuple(fields.into());
    Ok(bound)
}

fn gather(
    composer: &Composer<'_>,
    value: &Expr,
    whole: &Argument,
    prefix: Option<&str>,
    leaves: &mut Vec<(TupleField, Expr)>,
) -> Result<()> {
    let data_type = value.data_type();
    let DataType::Tuple(fields) = &data_type else { return Err(illegal("flattenTuple", whole)) };
    for (at, field) in fields.iter().enumerate() {
        let Some(own) = &field.name else {
            bail!(
                IllegalTypeOfArgument,
                "Tuple argument for function 'flattenTuple' must be named. Got '{}'",
                whole.data_type
            );
        };
        let name = prefix.map_or_else(|| own.clone(), |prefix| format!("{prefix}.{own}"));
        let element = composer.element(value, at)?;
        if matches!(field.data_type, DataType::Tuple(_)) {
            gather(composer, &element, whole, Some(&name), leaves)?;
        } else {
            let data_type = field.data_type.clone();
            leaves.push((TupleField { name: Some(name), data_type }, element));
        }
    }
    Ok(())
}
