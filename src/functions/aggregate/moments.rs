//! Variance, covariance, correlation, skewness, kurtosis and regression, by updates of central
//! moments, which stay exact where sums of powers cancel out.

use std::sync::Arc;

use arrow_array::types::{Float32Type, Float64Type, UInt64Type};
use arrow_array::{ArrayRef, StructArray};
use arrow_schema::DataType as ArrowType;
use base::{Result, bail};
use expr::{AggregateArguments, AggregateDeclaration, BoundAggregate, NullRows};
use types::{Column, DataType, TupleField};

use super::arguments::{Checks, USUAL, example};
use super::grouped::{Function, bound};
use super::kind::{self, Input, floats, wrong_layout};
use super::state_bytes::Plain;

/// What is computed of one variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Single {
    VarPop,
    VarSamp,
    StddevPop,
    StddevSamp,
    SkewPop,
    SkewSamp,
    KurtPop,
    KurtSamp,
}

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

macro_rules! single {
    ($name:literal, $aliases:expr, $what:ident, $insensitive:literal, $stable:literal, $description:literal, $result:literal) => {
        AggregateDeclaration {
            name: $name,
            aliases: $aliases,
            case_insensitive: $insensitive,
            syntax: concat!($name, "(x)"),
            description: $description,
            examples: &[example(
                concat!("SELECT round(", $name, "(number * number), 4) FROM numbers(6)"),
                $result,
            )],
            bind: |_, call| bind_single(call, Single::$what, $stable),
            ..USUAL
        }
    };
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
    single!("varPop", &["VAR_POP"], VarPop, true, false, "The variance of a whole population.", "79.1389"),
    single!("varSamp", &["VAR_SAMP"], VarSamp, true, false, "The variance as estimated from a sample; NaN of fewer than two values.", "94.9667"),
    single!("stddevPop", &["STDDEV_POP", "STD"], StddevPop, true, false, "The standard deviation of a whole population.", "8.896"),
    single!("stddevSamp", &["STDDEV_SAMP", "STDDEV"], StddevSamp, true, false, "The standard deviation as estimated from a sample; NaN of fewer than two values.", "9.7451"),
    single!("varPopStable", &[], VarPop, false, true, "As varPop, in Float64; infinite where there are no values.", "79.1389"),
    single!("varSampStable", &[], VarSamp, false, true, "As varSamp, in Float64; infinite of fewer than two values.", "94.9667"),
    single!("stddevPopStable", &[], StddevPop, false, true, "As stddevPop, in Float64; infinite where there are no values.", "8.896"),
    single!("stddevSampStable", &[], StddevSamp, false, true, "As stddevSamp, in Float64; infinite of fewer than two values.", "9.7451"),
    single!("skewPop", &[], SkewPop, false, false, "The skewness of a whole population.", "0.6713"),
    single!("skewSamp", &[], SkewSamp, false, false, "The skewness with the variance as estimated from a sample.", "0.5107"),
    single!("kurtPop", &[], KurtPop, false, false, "The kurtosis of a whole population (3 of a normal one).", "2.0557"),
    single!("kurtSamp", &[], KurtSamp, false, false, "The kurtosis with the variance as estimated from a sample.", "1.4276"),
    double!("covarPop", &["COVAR_POP"], CovarPop, false, true, "The covariance of a whole population.", "14.5833"),
    double!("covarSamp", &["COVAR_SAMP"], CovarSamp, false, true, "The covariance as estimated from a sample; NaN of fewer than two rows.", "17.5"),
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
    double!("regr_slope", &[], Slope, true, true, "The slope of the line of least squares; y comes first.", "0.1843"),
    double!("regr_intercept", &[], Intercept, true, true, "Where the line of least squares meets the y axis; y comes first.", "0.8108"),
    double!("regr_r2", &[], R2, true, true, "The share of variance that the line of least squares explains; y comes first.", "0.9214"),
    double!("regr_avgx", &[], AverageX, true, true, "The mean of the second argument over rows without NULL.", "9.1667"),
    double!("regr_avgy", &[], AverageY, true, true, "The mean of the first argument over rows without NULL.", "2.5"),
    double!("regr_sxx", &[], Sxx, true, true, "The sum of squared deviations of the second argument.", "474.8333"),
    double!("regr_syy", &[], Syy, true, true, "The sum of squared deviations of the first argument.", "17.5"),
    double!("regr_sxy", &[], Sxy, true, true, "The sum of products of deviations of both arguments.", "87.5"),
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

/// Float32 arguments give a Float32, unless the stable form is asked for.
fn narrow(types: &[DataType], stable: bool) -> bool {
    !stable && types.iter().all(|t| *t == DataType::Float32)
}

fn bind_single(
    call: &AggregateArguments<'_>,
    what: Single,
    stable: bool,
) -> Result<BoundAggregate> {
    call.no_parameters()?;
    let data_type = call.only()?;
    call.number(data_type)?;
    let shape = matches!(what, Single::SkewPop | Single::SkewSamp | Single::KurtPop | Single::KurtSamp);
    let narrow = narrow(call.types, stable || shape);
    let result = if narrow { DataType::Float32 } else { DataType::Float64 };
    let data_type = data_type.clone();
    Ok(if shape {
        bound(result, Moments::<5> { data_type, what, narrow, stable })
    } else {
        bound(result, Moments::<3> { data_type, what, narrow, stable })
    })
}

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
    let field = |name: &str| TupleField {
        name: Some(name.to_owned()),
        data_type: DataType::Float64,
    };
    let result = match what {
        Double::Regression => DataType::Tuple([field("k"), field("b")].into()),
        Double::Count => DataType::UInt64,
        _ if narrow => DataType::Float32,
        _ => DataType::Float64,
    };
    let types = [x.clone(), y.clone()];
    Ok(bound(result.clone(), CoMoments { types, what, narrow, stable, result }))
}

fn numbers(values: Vec<f64>, narrow: bool) -> ArrayRef {
    if narrow {
        kind::array::<Float32Type>(values.into_iter().map(|v| v as f32).collect())
    } else {
        kind::array::<Float64Type>(values)
    }
}

/// Of one variable: count, mean, and sums of powers of deviations from the mean, from the second on.
struct Moments<const N: usize> {
    data_type: DataType,
    what: Single,
    narrow: bool,
    stable: bool,
}

fn add_moment<const N: usize>(state: &mut [f64; N], value: f64) {
    let mut one = [0.0; N];
    one[0] = 1.0;
    one[1] = value;
    merge_moments(state, &one);
}

/// Adds the moments of other values (Chan's and Pébay's formulas).
fn merge_moments<const N: usize>(a: &mut [f64; N], b: &[f64; N]) {
    if b[0] == 0.0 {
        return;
    }
    if a[0] == 0.0 {
        *a = *b;
        return;
    }
    let (na, nb) = (a[0], b[0]);
    let n = na + nb;
    let delta = b[1] - a[1];
    let step = delta / n;
    if N > 4 {
        let (a2, a3, b2, b3) = (a[2], a[3], b[2], b[3]);
        a[4] += b[4]
            + delta * step * step * step * na * nb * (na * na - na * nb + nb * nb)
            + 6.0 * step * step * (na * na * b2 + nb * nb * a2)
            + 4.0 * step * (na * b3 - nb * a3);
        a[3] += b[3]
            + delta * step * step * na * nb * (na - nb)
            + 3.0 * step * (na * b2 - nb * a2);
    }
    a[2] += b[2] + delta * step * na * nb;
    a[1] += step * nb;
    a[0] = n;
}

/// Count, mean and sum of squared deviations of a slice, in two passes.
fn slice_moments<const N: usize>(values: &[f64]) -> [f64; N] {
    let mut moments = [0.0; N];
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    moments[0] = count;
    moments[1] = mean;
    for value in values {
        let mut power = value - mean;
        for moment in &mut moments[2..] {
            power *= value - mean;
            *moment += power;
        }
    }
    moments
}

impl<const N: usize> Moments<N> {
    fn result(&self, state: &[f64; N]) -> f64 {
        let (n, m2) = (state[0], state[2]);
        let empty = if self.stable { f64::INFINITY } else { f64::NAN };
        let population = if n == 0.0 { empty } else { m2 / n };
        let sample = if n < 2.0 { empty } else { m2 / (n - 1.0) };
        let third = state.get(3).copied().unwrap_or_default() / n;
        let fourth = state.get(4).copied().unwrap_or_default() / n;
        match self.what {
            Single::VarPop => population,
            Single::VarSamp => sample,
            Single::StddevPop => population.sqrt(),
            Single::StddevSamp => sample.sqrt(),
            Single::SkewPop if population > 0.0 => third / population.powf(1.5),
            Single::SkewSamp if sample > 0.0 => third / sample.powf(1.5),
            Single::KurtPop if population > 0.0 => fourth / (population * population),
            Single::KurtSamp if sample > 0.0 => fourth / (sample * sample),
            _ => f64::NAN,
        }
    }
}

impl<const N: usize> Function for Moments<N>
where
    [f64; N]: Default,
{
    type State = [f64; N];

    fn empty(&self) -> [f64; N] {
        [0.0; N]
    }

    fn update(&self, states: &mut [[f64; N]], groups: &[u32], arguments: &[Column]) -> Result<()> {
        floats(arguments, 0, &self.data_type)?
            .input()
            .for_each(groups, |group, value| add_moment(&mut states[group], value));
        Ok(())
    }

    fn update_one(&self, state: &mut [f64; N], arguments: &[Column], rows: usize) -> Result<()> {
        match floats(arguments, 0, &self.data_type)?.input() {
            Input::Slice(values) => merge_moments(state, &slice_moments::<N>(values)),
            Input::Constant(value) => {
                let mut all = [0.0; N];
                all[0] = rows as f64;
                all[1] = value;
                merge_moments(state, &all);
            }
        }
        Ok(())
    }

    fn merge(&self, into: &mut [f64; N], from: &[f64; N]) -> Result<()> {
        merge_moments(into, from);
        Ok(())
    }

    fn write(&self, state: &[f64; N], out: &mut Vec<u8>) {
        state.write(out);
    }

    fn read(&self, bytes: &mut &[u8]) -> Result<[f64; N]> {
        Plain::read(bytes)
    }

    fn finish(&self, states: &mut [[f64; N]]) -> Result<ArrayRef> {
        Ok(numbers(states.iter().map(|state| self.result(state)).collect(), self.narrow))
    }
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
            Double::CovarPop => if *n == 0.0 { empty } else { sxy / n },
            Double::CovarSamp => if *n < 2.0 { empty } else { sxy / (n - 1.0) },
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
