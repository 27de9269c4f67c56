//! Covariance, correlation and lines of least squares, by updates of central moments.

use std::sync::Arc;

use arrow_array::types::UInt64Type;
use arrow_array::{ArrayRef, StructArray};
use arrow_schema::DataType as ArrowType;
use base::{Result, bail};
use expr::{AggregateArguments, AggregateDeclaration, BoundAggregate, NullRows};
use types::{Column, DataType, TupleField};

use super::arguments::{Checks, USUAL, example};
use super::grouped::{Function, bound};
use super::kind::{self, floats, wrong_layout};
use super::moments::{narrow, numbers};
use super::state_bytes::Plain;

/// What is computed of two variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Double {
    CovarPop,
    CovarSamp,
    Corr,
    Regression,
    Slope,
    Intercept,
    R2,
    AverageX,
    AverageY,
    Count,
    Sxx,
    Syy,
    Sxy,
}

macro_rules! double {
    ($name:literal, $aliases:expr, $what:ident, $stable:literal, $insensitive:literal, $description:literal, $result:literal) => {
        AggregateDeclaration {
            name: $name,
            aliases: $aliases,
            case_insensitive: $insensitive,
            syntax: concat!($name, "(x, y)"),
            description: $description,
            examples: &[example(
                concat!("SELECT round(", $name, "(number, number * number), 4) FROM numbers(6)"),
                $result,
            )],
            bind: |_, call| bind_double(call, Double::$what, $stable),
            ..USUAL
        }
    };
}

pub(crate) static FUNCTIONS: &[AggregateDeclaration] = &[
    double!(
        "covarPop",
        &["COVAR_POP"],
        CovarPop,
        false,
        true,
        "The covariance of a whole population.",
        "14.5833"
    ),
    double!(
        "covarSamp",
        &["COVAR_SAMP"],
        CovarSamp,
        false,
        true,
        "The covariance as estimated from a sample; NaN of fewer than two rows.",
        "17.5"
    ),
    double!("corr", &[], Corr, false, true, "Pearson's correlation coefficient.", "0.9599"),
    double!("covarPopStable", &[], CovarPop, true, false, "As covarPop, in Float64.", "14.5833"),
    double!("covarSampStable", &[], CovarSamp, true, false, "As covarSamp, in Float64.", "17.5"),
    double!("corrStable", &[], Corr, true, false, "As corr, in Float64.", "0.9599"),
    AggregateDeclaration {
        name: "simpleLinearRegression",
        syntax: "simpleLinearRegression(x, y)",
        description: "The line y = k * x + b of least squares, as the tuple (k, b).",
        examples: &[example(
            "SELECT simpleLinearRegression(number, number * 2 + 1) FROM numbers(5)",
            "(2,1)",
        )],
        nulls: NullRows::SkipThenEmpty,
        bind: |_, call| bind_double(call, Double::Regression, true),
        ..USUAL
    },
    double!(
        "regr_slope",
        &[],
        Slope,
        true,
        true,
        "The slope of the line of least squares; y comes first.",
        "0.1843"
    ),
    double!(
        "regr_intercept",
        &[],
        Intercept,
        true,
        true,
        "Where the line of least squares meets the y axis; y comes first.",
        "0.8108"
    ),
    double!(
        "regr_r2",
        &[],
        R2,
        true,
        true,
        "The share of variance that the line of least squares explains; y comes first.",
        "0.9214"
    ),
    double!(
        "regr_avgx",
        &[],
        AverageX,
        true,
        true,
        "The mean of the second argument over rows without NULL.",
        "9.1667"
    ),
    double!(
        "regr_avgy",
        &[],
        AverageY,
        true,
        true,
        "The mean of the first argument over rows without NULL.",
        "2.5"
    ),
    double!(
        "regr_sxx",
        &[],
        Sxx,
        true,
        true,
        "The sum of squared deviations of the second argument.",
        "474.8333"
    ),
    double!(
        "regr_syy",
        &[],
        Syy,
        true,
        true,
        "The sum of squared deviations of the first argument.",
        "17.5"
    ),
    double!(
        "regr_sxy",
        &[],
        Sxy,
        true,
        true,
        "The sum of products of deviations of both arguments.",
        "87.5"
    ),
    AggregateDeclaration {
        name: "regr_count",
        case_insensitive: true,
        syntax: "regr_count(y, x)",
        description: "The number of rows in which neither argument is NULL.",
        examples: &[example("SELECT regr_count(number, number) FROM numbers(6)", "6")],
        nulls: NullRows::SkipThenEmpty,
        bind: |_, call| bind_double(call, Double::Count, true),
        ..USUAL
    },
];

fn bind_double(
    call: &AggregateArguments<'_>,
    what: Double,
    stable: bool,
) -> Result<BoundAggregate> {
    call.no_parameters()?;
    call.count(2)?;
    let [x, y] = [&call.types[0], &call.types[1]];
    let allowed = |t: &DataType| t.is_number() && !matches!(t, DataType::Decimal { .. });
    if !allowed(x) || !allowed(y) {
        bail!(
            IllegalTypeOfArgument,
            "Illegal types {x} and {y} of arguments for aggregate function {}",
            call.name
        );
    }
    let narrow = narrow(call.types, stable);
    let field =
        |name: &str| TupleField { name: Some(name.to_owned()), data_type: DataType::Float64 };
    let result = match what {
        Double::Regression => DataType::Tuple([field("k"), field("b")].into()),
        Double::Count => DataType::UInt64,
        _ if narrow => DataType::Float32,
        _ => DataType::Float64,
    };
    let types = [x.clone(), y.clone()];
    Ok(bound(result.clone(), CoMoments { types, what, narrow, stable, result }))
}

/// Of two variables: count, both means, sums of squared deviations and of their products.
struct CoMoments {
    types: [DataType; 2],
    what: Double,
    narrow: bool,
    stable: bool,
    result: DataType,
}

type CoState = [f64; 6];

fn merge_co_moments(a: &mut CoState, b: &CoState) {
    if b[0] == 0.0 {
        return;
    }
    if a[0] == 0.0 {
        *a = *b;
        return;
    }
    let n = a[0] + b[0];
    let (dx, dy) = (b[1] - a[1], b[2] - a[2]);
    let weight = a[0] * b[0] / n;
    a[3] += b[3] + dx * dx * weight;
    a[4] += b[4] + dy * dy * weight;
    a[5] += b[5] + dx * dy * weight;
    a[1] += dx * b[0] / n;
    a[2] += dy * b[0] / n;
    a[0] = n;
}

/// Slope and where the line meets the axis, of the second variable by the first.
fn line(n: f64, mean_x: f64, mean_y: f64, sxx: f64, sxy: f64) -> (f64, f64) {
    if n < 2.0 || sxx == 0.0 {
        return (f64::NAN, f64::NAN);
    }
    let slope = sxy / sxx;
    (slope, mean_y - slope * mean_x)
}

impl CoMoments {
    fn number(&self, [n, mean_x, mean_y, sxx, syy, sxy]: &CoState) -> f64 {
        let empty = if self.stable { f64::INFINITY } else { f64::NAN };
        // The regr_ functions take y first.
        let by_second = line(*n, *mean_y, *mean_x, *syy, *sxy);
        match self.what {
            Double::CovarPop => {
                if *n == 0.0 {
                    empty
                } else {
                    sxy / n
                }
            }
            Double::CovarSamp => {
                if *n < 2.0 {
                    empty
                } else {
                    sxy / (n - 1.0)
                }
            }
            Double::Corr if *n < 2.0 => empty,
            Double::Corr => sxy / (sxx * syy).sqrt(),
            Double::Slope => by_second.0,
            Double::Intercept => by_second.1,
            Double::R2 if *n == 0.0 || *syy == 0.0 => f64::NAN,
            Double::R2 if *sxx == 0.0 => 1.0,
            Double::R2 => sxy * sxy / (sxx * syy),
            Double::AverageX if *n > 0.0 => *mean_y,
            Double::AverageY if *n > 0.0 => *mean_x,
            Double::Sxx if *n > 0.0 => *syy,
            Double::Syy if *n > 0.0 => *sxx,
            Double::Sxy if *n > 0.0 => *sxy,
            _ => f64::NAN,
        }
    }
}

impl Function for CoMoments {
    type State = CoState;

    fn empty(&self) -> CoState {
        [0.0; 6]
    }

    fn update(&self, states: &mut [CoState], groups: &[u32], arguments: &[Column]) -> Result<()> {
        let x = floats(arguments, 0, &self.types[0])?;
        let y = floats(arguments, 1, &self.types[1])?;
        let (x, y) = (x.input(), y.input());
        for (row, group) in groups.iter().enumerate() {
            let one = [1.0, x.at(row), y.at(row), 0.0, 0.0, 0.0];
            merge_co_moments(&mut states[*group as usize], &one);
        }
        Ok(())
    }

    fn merge(&self, into: &mut CoState, from: &CoState) -> Result<()> {
        merge_co_moments(into, from);
        Ok(())
    }

    fn write(&self, state: &CoState, out: &mut Vec<u8>) {
        state.write(out);
    }

    fn read(&self, bytes: &mut &[u8]) -> Result<CoState> {
        Plain::read(bytes)
    }

    fn finish(&self, states: &mut [CoState]) -> Result<ArrayRef> {
        match self.what {
            Double::Count => {
                Ok(kind::array::<UInt64Type>(states.iter().map(|s| s[0] as u64).collect()))
            }
            Double::Regression => {
                let ArrowType::Struct(fields) = self.result.arrow_type() else {
                    return Err(wrong_layout());
                };
                let lines: Vec<(f64, f64)> =
                    states.iter().map(|s| line(s[0], s[1], s[2], s[3], s[5])).collect();
                let slopes = numbers(lines.iter().map(|line| line.0).collect(), false);
                let offsets = numbers(lines.iter().map(|line| line.1).collect(), false);
                Ok(Arc::new(StructArray::new(fields, vec![slopes, offsets], None)))
            }
            _ => Ok(numbers(states.iter().map(|s| self.number(s)).collect(), self.narrow)),
        }
    }
}
