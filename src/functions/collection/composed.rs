//! Functions that are short for others.

use base::Result;
use expr::{Argument, Bound, Expr, FunctionContext, FunctionDeclaration, Nulls};
use types::{DataType, Value};

use crate::composed::Composer;
use crate::text::declare;

macro_rules! short_for {
    ($category:literal, $name:literal, $syntax:literal, $what:literal, $sql:literal => $answer:literal, $count:expr, $make:expr) => {
        declare!($category, $name, $syntax, $what, $sql => $answer, ($count, $count),
            |c, a| compose(c, a, $make), nulls: Nulls::Custom)
    };
}

pub(super) static FUNCTIONS: &[FunctionDeclaration] = &[
    short_for!("Array", "notHas", "notHas(array, x)", "1 where an array does not contain a value.",
        "SELECT notHas([1, 2], 3)" => "1", 2, |c, a| c.call("not", vec![c.call("has", a)?])),
    short_for!("Array", "arrayFlattenedLength", "arrayFlattenedLength(array)", "How many elements the arrays within an array have together.",
        "SELECT arrayFlattenedLength([[1, 2], [3]])" => "3", 1, |c, a| c.call("length", vec![c.call("arrayFlatten", a)?])),
    short_for!("Array", "arrayTopK", "arrayTopK(k, array)", "The k greatest elements, the greatest first.",
        "SELECT arrayTopK(2, [1, 3, 2])" => "[3,2]", 2, |c, a| first(c, a, "arrayReverseSort")),
    short_for!("Array", "arrayBottomK", "arrayBottomK(k, array)", "The k least elements, the least first.",
        "SELECT arrayBottomK(2, [1, 3, 2])" => "[1,2]", 2, |c, a| first(c, a, "arraySort")),
    short_for!("String search", "notMatch", "notMatch(s, pattern)", "1 where a regular expression does not match.",
        "SELECT notMatch('granary', '^x')" => "1", 2, |c, a| c.call("not", vec![c.call("match", a)?])),
    short_for!("Arithmetic", "sqr", "sqr(x)", "The square of a number.",
        "SELECT sqr(3)" => "9", 1, |c, a| c.call("multiply", vec![a[0].clone(), a[0].clone()])),
    short_for!("Date and time", "timeDiff", "timeDiff(from, to)", "The seconds between two times.",
    "SELECT timeDiff(toDateTime('2024-01-01 00:00:00'), toDateTime('2024-01-01 00:00:05'))" => "5", 2, |c, a| {
        let mut given = vec![Expr::literal(Value::from("second"), DataType::String)];
        given.extend(a);
        c.call("dateDiff", given)
    }),
    short_for!("Date and time", "toDaysInMonth", "toDaysInMonth(time)", "How many days the month has.",
    "SELECT toDaysInMonth(toDate('2024-02-03'))" => "29", 1, |c, a| {
        c.call("toDayOfMonth", vec![c.call("toLastDayOfMonth", a)?])
    }),
    short_for!("Distance", "L1Normalize", "L1Normalize(tuple)", "The vector with the sum of its absolute values 1.",
        "SELECT L1Normalize((1, 3))" => "(0.25,0.75)", 1, |c, a| normalized(c, a, "L1Norm")),
    short_for!("Distance", "L2Normalize", "L2Normalize(tuple)", "The vector with the length 1.",
        "SELECT L2Normalize((3, 4))" => "(0.6,0.8)", 1, |c, a| normalized(c, a, "L2Norm")),
    short_for!("Distance", "LinfNormalize", "LinfNormalize(tuple)", "The vector with the greatest absolute value 1.",
        "SELECT LinfNormalize((3, 4))" => "(0.75,1)", 1, |c, a| normalized(c, a, "LinfNorm")),
];

fn compose(
    context: &FunctionContext,
    arguments: &[Argument],
    make: fn(&Composer<'_>, Vec<Expr>) -> Result<Expr>,
) -> Result<Bound> {
    let composer = Composer::new(context);
    let expression = make(&composer, Composer::arguments(arguments))?;
    composer.bound(expression)
}

fn first(composer: &Composer<'_>, arguments: Vec<Expr>, sort: &str) -> Result<Expr> {
    let (count, array) = (arguments[0].clone(), arguments[1].clone());
    let one = Expr::literal(Value::Int(1), DataType::UInt8);
    composer.call("arraySlice", vec![composer.call(sort, vec![array])?, one, count])
}

fn normalized(composer: &Composer<'_>, arguments: Vec<Expr>, norm: &str) -> Result<Expr> {
    let length = composer.call(norm, arguments.clone())?;
    composer.call("tupleDivideByNumber", vec![arguments[0].clone(), length])
}
