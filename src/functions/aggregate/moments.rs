//! Variance, skewness and kurtosis, by updates of central moments, which stay exact where sums of
//! powers cancel out.

use arrow_array::ArrayRef;
use arrow_array::types::{Float32Type, Float64Type};
use base::Result;
use expr::{AggregateArguments, AggregateDeclaration, BoundAggregate};
use types::{Column, DataType};

use super::arguments::{Checks, USUAL, example};
use super::grouped::{Function, bound};
use super::kind::{self, Input, floats};
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

pub(crate) static FUNCTIONS: &[AggregateDeclaration] = &[
    single!(
        "varPop",
        &["VAR_POP"],
        VarPop,
        true,
        false,
        "The variance of a whole population.",
        "79.1389"
    ),
    single!(
        "varSamp",
        &["VAR_SAMP"],
        VarSamp,
        true,
        false,
        "The variance as estimated from a sample; NaN of fewer than two values.",
        "94.9667"
    ),
    single!(
        "stddevPop",
        &["STDDEV_POP", "STD"],
        StddevPop,
        true,
        false,
        "The standard deviation of a whole population.",
        "8.896"
    ),
    single!(
        "stddevSamp",
        &["STDDEV_SAMP", "STDDEV"],
        StddevSamp,
        true,
        false,
        "The standard deviation as estimated from a sample; NaN of fewer than two values.",
        "9.7451"
    ),
    single!(
        "varPopStable",
        &[],
        VarPop,
        false,
        true,
        "As varPop, in Float64; infinite where there are no values.",
        "79.1389"
    ),
    single!(
        "varSampStable",
        &[],
        VarSamp,
        false,
        true,
        "As varSamp, in Float64; infinite of fewer than two values.",
        "94.9667"
    ),
    single!(
        "stddevPopStable",
        &[],
        StddevPop,
        false,
        true,
        "As stddevPop, in Float64; infinite where there are no values.",
        "8.896"
    ),
    single!(
        "stddevSampStable",
        &[],
        StddevSamp,
        false,
        true,
        "As stddevSamp, in Float64; infinite of fewer than two values.",
        "9.7451"
    ),
    single!("skewPop", &[], SkewPop, false, false, "The skewness of a whole population.", "0.6713"),
    single!(
        "skewSamp",
        &[],
        SkewSamp,
        false,
        false,
        "The skewness with the variance as estimated from a sample.",
        "0.5107"
    ),
    single!(
        "kurtPop",
        &[],
        KurtPop,
        false,
        false,
        "The kurtosis of a whole population (3 of a normal one).",
        "2.0557"
    ),
    single!(
        "kurtSamp",
        &[],
        KurtSamp,
        false,
        false,
        "The kurtosis with the variance as estimated from a sample.",
        "1.4276"
    ),
];

/// Float32 arguments give a Float32, unless the stable form is asked for.
pub(super) fn narrow(types: &[DataType], stable: bool) -> bool {
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
    let shape =
        matches!(what, Single::SkewPop | Single::SkewSamp | Single::KurtPop | Single::KurtSamp);
    let narrow = narrow(call.types, stable);
    let result = if narrow { DataType::Float32 } else { DataType::Float64 };
    let data_type = data_type.clone();
    Ok(if shape {
        bound(result, Moments::<5> { data_type, what, narrow, stable })
    } else {
        bound(result, Moments::<3> { data_type, what, narrow, stable })
    })
}

/// A column of Float32 or Float64.
pub(super) fn numbers(values: Vec<f64>, narrow: bool) -> ArrayRef {
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
        a[3] += b[3] + delta * step * step * na * nb * (na - nb) + 3.0 * step * (na * b2 - nb * a2);
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
