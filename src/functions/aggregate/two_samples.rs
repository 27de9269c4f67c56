//! Tests of two samples: whether their means differ by more than chance. The second argument tells the sample of
//! a row: 0 is the first, anything else the second.

use std::sync::Arc;

use arrow_array::types::Float64Type;
use arrow_array::{ArrayRef, StructArray};
use arrow_schema::DataType as ArrowType;
use base::{Result, bail};
use expr::{AggregateArguments, AggregateDeclaration, BoundAggregate, NullRows};
use types::{Column, DataType, TupleField};

use super::arguments::{Checks, USUAL, example};
use super::grouped::{Function, bound};
use super::kind::{self, floats, wrong_layout};
use super::state_bytes::Plain;
use crate::scalar::incomplete_beta;

pub(crate) static FUNCTIONS: &[AggregateDeclaration] = &[
    AggregateDeclaration {
        name: "studentTTest",
        syntax: "studentTTest([confidence])(x, sample)",
        description: "Student's test of two samples of equal variance: the statistic and the probability of a \
            greater one by chance; with a confidence also the bounds of the means' difference.",
        examples: &[example(
            "SELECT round(studentTTest(number, number % 2).2, 4) FROM numbers(10)",
            "0.6305",
        )],
        nulls: NullRows::SkipThenEmpty,
        bind: |_, call| bind(call, Test::Student),
        ..USUAL
    },
    AggregateDeclaration {
        name: "welchTTest",
        syntax: "welchTTest([confidence])(x, sample)",
        description: "Welch's test of two samples whose variances may differ: the statistic and the probability of \
            a greater one by chance; with a confidence also the bounds of the means' difference.",
        examples: &[example(
            "SELECT round(welchTTest(number, number % 2).2, 4) FROM numbers(10)",
            "0.6305",
        )],
        nulls: NullRows::SkipThenEmpty,
        bind: |_, call| bind(call, Test::Welch),
        ..USUAL
    },
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Test {
    Student,
    Welch,
}

fn bind(call: &AggregateArguments<'_>, test: Test) -> Result<BoundAggregate> {
    call.most_parameters(1)?;
    call.count(2)?;
    for data_type in call.types {
        if !data_type.is_number() || matches!(data_type, DataType::Decimal { .. }) {
            return Err(call.illegal(data_type));
        }
    }
    let confidence = call.float(0)?;
    if confidence.is_some_and(|level| !(level > 0.0 && level < 1.0)) {
        bail!(
            BadArguments,
            "The confidence of aggregate function {} must lie between 0 and 1",
            call.name
        );
    }
    let names = ["t_statistic", "p_value", "confidence_interval_low", "confidence_interval_high"];
    let shown = if confidence.is_some() { &names[..] } else { &names[..2] };
    let fields = shown
        .iter()
        .map(|name| TupleField { name: Some((*name).to_owned()), data_type: DataType::Float64 });
    let result = DataType::Tuple(fields.collect());
    let types = [call.types[0].clone(), call.types[1].clone()];
    Ok(bound(result.clone(), TwoSamples { test, confidence, types, result }))
}

/// Of each sample: count, mean, sum of squared deviations.
type State = [f64; 6];

struct TwoSamples {
    test: Test,
    confidence: Option<f64>,
    types: [DataType; 2],
    result: DataType,
}

/// Adds one sample's count, mean and squared deviations to another's.
fn add(into: &mut [f64], from: &[f64]) {
    let count = into[0] + from[0];
    if from[0] == 0.0 {
        return;
    }
    let difference = from[1] - into[1];
    into[2] += from[2] + difference * difference * into[0] * from[0] / count;
    into[1] += difference * from[0] / count;
    into[0] = count;
}

/// The probability that a value of Student's distribution lies farther from 0.
fn farther(t: f64, freedom: f64) -> f64 {
    incomplete_beta(freedom / (freedom + t * t), freedom / 2.0, 0.5)
}

/// The value of Student's distribution that is exceeded, on both sides, with a probability.
fn critical(probability: f64, freedom: f64) -> f64 {
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    while farther(high, freedom) > probability && high < 1e100 {
        high *= 2.0;
    }
    for _ in 0..200 {
        let middle = (low + high) / 2.0;
        if farther(middle, freedom) > probability { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}

impl TwoSamples {
    fn numbers(&self, [n, mean_x, x, m, mean_y, y]: &State) -> [f64; 4] {
        if *n < 2.0 || *m < 2.0 {
            return [f64::NAN; 4];
        }
        let (variance, freedom) = match self.test {
            Test::Student => {
                let freedom = n + m - 2.0;
                ((x + y) / freedom * (1.0 / n + 1.0 / m), freedom)
            }
            Test::Welch => {
                let (of_x, of_y) = (x / (n - 1.0) / n, y / (m - 1.0) / m);
                let sum = of_x + of_y;
                (sum, sum * sum / (of_x * of_x / (n - 1.0) + of_y * of_y / (m - 1.0)))
            }
        };
        let (difference, error) = (mean_x - mean_y, variance.sqrt());
        let t = difference / error;
        if !t.is_finite() {
            return [f64::NAN; 4];
        }
        // As ClickHouse has it, the bounds take both variances as they are, whatever the test.
        let apart = (x / (n - 1.0) / n + y / (m - 1.0) / m).sqrt();
        let reach = self.confidence.map_or(0.0, |level| critical(1.0 - level, freedom) * apart);
        [t, farther(t, freedom).clamp(0.0, 1.0), difference - reach, difference + reach]
    }
}

impl Function for TwoSamples {
    type State = State;

    fn empty(&self) -> State {
        [0.0; 6]
    }

    fn update(&self, states: &mut [State], groups: &[u32], arguments: &[Column]) -> Result<()> {
        let values = floats(arguments, 0, &self.types[0])?;
        let samples = floats(arguments, 1, &self.types[1])?;
        let (values, samples) = (values.input(), samples.input());
        for (row, group) in groups.iter().enumerate() {
            let first = if samples.at(row) == 0.0 { 0 } else { 3 };
            let state = &mut states[*group as usize];
            add(&mut state[first..first + 3], &[1.0, values.at(row), 0.0]);
        }
        Ok(())
    }

    fn merge(&self, into: &mut State, from: &State) -> Result<()> {
        add(&mut into[..3], &from[..3]);
        add(&mut into[3..], &from[3..]);
        Ok(())
    }

    fn write(&self, state: &State, out: &mut Vec<u8>) {
        state.write(out);
    }

    fn read(&self, bytes: &mut &[u8]) -> Result<State> {
        Plain::read(bytes)
    }

    fn finish(&self, states: &mut [State]) -> Result<ArrayRef> {
        let ArrowType::Struct(fields) = self.result.arrow_type() else {
            return Err(wrong_layout());
        };
        let rows: Vec<[f64; 4]> = states.iter().map(|state| self.numbers(state)).collect();
        let part = |at: usize| kind::array::<Float64Type>(rows.iter().map(|r| r[at]).collect());
        let parts = (0..fields.len()).map(part).collect();
        Ok(Arc::new(StructArray::new(fields, parts, None)))
    }
}
