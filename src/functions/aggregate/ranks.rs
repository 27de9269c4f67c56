//! What the ranks of values tell, the smallest having rank 1 and equal ones the mean of their ranks: correlation and
//! the test of Mann and Whitney.

use std::sync::Arc;

use arrow_array::types::Float64Type;
use arrow_array::{ArrayRef, StructArray};
use arrow_schema::DataType as ArrowType;
use base::{Result, bail};
use expr::{AggregateArguments, AggregateDeclaration, BoundAggregate, NullRows};
use types::{Column, DataType, TupleField, Value};

use super::arguments::{Checks, USUAL, example};
use super::collected::{Collect, collected};
use super::kind::{self, floats, wrong_layout};
use crate::scalar::normal_above;

pub(crate) static FUNCTIONS: &[AggregateDeclaration] = &[
    AggregateDeclaration {
        name: "rankCorr",
        syntax: "rankCorr(x, y)",
        description: "Spearman's coefficient of correlation of ranks.",
        examples: &[example("SELECT rankCorr(number, -number) FROM numbers(10)", "-1")],
        nulls: NullRows::SkipThenEmpty,
        bind: |_, call| {
            call.no_parameters()?;
            Ok(collected(DataType::Float64, Correlation(types(call)?)))
        },
        ..USUAL
    },
    AggregateDeclaration {
        name: "mannWhitneyUTest",
        syntax: "mannWhitneyUTest([alternative[, continuity_correction]])(x, sample)",
        description: "The test of Mann and Whitney whether one of two samples tends to greater values: the statistic \
            and the probability of a greater one by chance. The alternative is 'two-sided', 'less' or 'greater'.",
        examples: &[example(
            "SELECT round(mannWhitneyUTest(number, number % 2).2, 4) FROM numbers(30)",
            "0.7716",
        )],
        nulls: NullRows::SkipThenEmpty,
        bind: |_, call| bind_test(call),
        ..USUAL
    },
];

fn types(call: &AggregateArguments<'_>) -> Result<[DataType; 2]> {
    call.count(2)?;
    for data_type in call.types {
        if !data_type.is_integer() && !data_type.is_float() {
            return Err(call.illegal(data_type));
        }
    }
    Ok([call.types[0].clone(), call.types[1].clone()])
}

/// The ranks of values, and by how much equal ones take from the variance of ranks.
fn ranks(values: &[f64]) -> (Vec<f64>, f64) {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut out = vec![0.0; values.len()];
    let (mut ties, mut from) = (0.0, 0);
    for run in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let rank = from as f64 + (run.len() as f64 + 1.0) / 2.0;
        run.iter().for_each(|at| out[*at] = rank);
        from += run.len();
        let count = run.len() as f64;
        ties += count * count * count - count;
    }
    let count = values.len() as f64;
    (out, 1.0 - ties / (count * count * count - count))
}

/// Reads pairs of numbers.
fn pairs(
    types: &[DataType; 2],
    arguments: &[Column],
    rows: usize,
    take: &mut dyn FnMut(usize, (f64, f64)) -> Result<()>,
) -> Result<()> {
    let (x, y) = (floats(arguments, 0, &types[0])?, floats(arguments, 1, &types[1])?);
    let (x, y) = (x.input(), y.input());
    (0..rows).try_for_each(|row| take(row, (x.at(row), y.at(row))))
}

struct Correlation([DataType; 2]);

impl Collect for Correlation {
    type Item = (f64, f64);
    type Output = f64;

    fn items(
        &self,
        arguments: &[Column],
        rows: usize,
        take: &mut dyn FnMut(usize, (f64, f64)) -> Result<()>,
    ) -> Result<()> {
        pairs(&self.0, arguments, rows, take)
    }

    fn result(&self, items: &mut Vec<(f64, f64)>) -> Result<f64> {
        if items.iter().any(|(x, y)| x.is_nan() || y.is_nan()) {
            return Ok(f64::NAN);
        }
        let (x, y): (Vec<f64>, Vec<f64>) = items.iter().copied().unzip();
        let squares: f64 =
            ranks(&x).0.iter().zip(ranks(&y).0).map(|(a, b)| (a - b) * (a - b)).sum();
        let count = items.len() as f64;
        Ok(1.0 - 6.0 * squares / (count * (count * count - 1.0)))
    }

    fn column(&self, results: Vec<f64>) -> Result<ArrayRef> {
        Ok(kind::array::<Float64Type>(results))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alternative {
    TwoSided,
    Less,
    Greater,
}

struct MannWhitney {
    types: [DataType; 2],
    alternative: Alternative,
    correction: f64,
    result: DataType,
}

fn bind_test(call: &AggregateArguments<'_>) -> Result<BoundAggregate> {
    call.most_parameters(2)?;
    let types = types(call)?;
    let alternative = match call.parameters.first() {
        None => Alternative::TwoSided,
        Some(name) => match name.as_str() {
            Some("two-sided") => Alternative::TwoSided,
            Some("less") => Alternative::Less,
            Some("greater") => Alternative::Greater,
            _ => bail!(
                BadArguments,
                "Unknown alternative in aggregate function {}. It must be one of: 'two-sided', 'less', 'greater'",
                call.name
            ),
        },
    };
    let correction = match call.parameters.get(1) {
        Some(Value::Int(0)) => 0.0,
        None | Some(Value::Int(_)) => 1.0,
        Some(_) => bail!(
            BadArguments,
            "Aggregate function {} requires second parameter to be a UInt64",
            call.name
        ),
    };
    let field =
        |name: &str| TupleField { name: Some(name.to_owned()), data_type: DataType::Float64 };
    let result = DataType::Tuple([field("u_statistic"), field("p_value")].into_iter().collect());
    Ok(collected(result.clone(), MannWhitney { types, alternative, correction, result }))
}

impl Collect for MannWhitney {
    type Item = (f64, f64);
    type Output = [f64; 2];

    fn items(
        &self,
        arguments: &[Column],
        rows: usize,
        take: &mut dyn FnMut(usize, (f64, f64)) -> Result<()>,
    ) -> Result<()> {
        pairs(&self.types, arguments, rows, take)
    }

    fn result(&self, items: &mut Vec<(f64, f64)>) -> Result<[f64; 2]> {
        let values: Vec<f64> = items.iter().map(|item| item.0).collect();
        let first = items.iter().filter(|item| item.1 == 0.0).count() as f64;
        let second = items.len() as f64 - first;
        if first == 0.0 || second == 0.0 {
            bail!(
                BadArguments,
                "Aggregate function mannWhitneyUTest require both samples to be non empty"
            );
        }
        let (ranks, ties) = ranks(&values);
        let of_first: f64 =
            ranks.iter().zip(items.iter()).filter(|(_, item)| item.1 == 0.0).map(|(r, _)| r).sum();
        let below = first * second + first * (first + 1.0) / 2.0 - of_first;
        let above = first * second - below;
        let mean = first * second / 2.0 + 0.5 * self.correction;
        let deviation = (ties * first * second * (first + second + 1.0) / 12.0).sqrt();
        let statistic = match self.alternative {
            Alternative::Greater => above,
            Alternative::Less => below,
            Alternative::TwoSided => below.max(above),
        };
        let z = (statistic - mean) / deviation;
        let probability = match self.alternative {
            Alternative::TwoSided => 2.0 * normal_above(z.abs()),
            _ => normal_above(z),
        };
        Ok([above, probability])
    }

    fn column(&self, results: Vec<[f64; 2]>) -> Result<ArrayRef> {
        let ArrowType::Struct(fields) = self.result.arrow_type() else {
            return Err(wrong_layout());
        };
        let part = |at: usize| kind::array::<Float64Type>(results.iter().map(|r| r[at]).collect());
        Ok(Arc::new(StructArray::new(fields, vec![part(0), part(1)], None)))
    }
}
