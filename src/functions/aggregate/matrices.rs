//! Matrices of covariance and correlation of several numbers.

use arrow_array::ArrayRef;
use arrow_array::types::Float64Type;
use base::{Result, bail};
use expr::{AggregateArguments, AggregateDeclaration, BoundAggregate, NullRows};
use types::{Column, DataType};

use super::arguments::{Checks, USUAL, example};
use super::arrays::list;
use super::grouped::{Function, bound};
use super::kind::{self, floats};
use super::state_bytes::{corrupt, read_list, write_list};

macro_rules! matrix {
    ($name:literal, $entry:expr, $what:literal, $result:literal) => {
        AggregateDeclaration {
            name: $name,
            syntax: concat!($name, "(x, ...)"),
            description: $what,
            examples: &[example(
                concat!("SELECT ", $name, "(number, number * 2) FROM numbers(3)"),
                $result,
            )],
            nulls: NullRows::SkipThenEmpty,
            bind: |_, call| bind(call, $entry),
            ..USUAL
        }
    };
}

pub(crate) static FUNCTIONS: &[AggregateDeclaration] = &[
    matrix!(
        "corrMatrix",
        Entry::Correlation,
        "Pearson's coefficient of correlation of each argument with each.",
        "[[1,1],[1,1]]"
    ),
    matrix!(
        "covarPopMatrix",
        Entry::Population,
        "The covariance, of a whole population, of each argument with each.",
        "[[0.6666666666666666,1.3333333333333333],[1.3333333333333333,2.6666666666666665]]"
    ),
    matrix!(
        "covarSampMatrix",
        Entry::Sample,
        "The covariance, as estimated from a sample, of each argument with each.",
        "[[1,2],[2,4]]"
    ),
];

#[derive(Debug, Clone, Copy)]
enum Entry {
    Correlation,
    Population,
    Sample,
}

/// The most arguments, whose pairs are counted.
const MOST_ARGUMENTS: usize = 1000;

fn bind(call: &AggregateArguments<'_>, entry: Entry) -> Result<BoundAggregate> {
    call.no_parameters()?;
    if call.types.is_empty() || call.types.len() > MOST_ARGUMENTS {
        bail!(
            NumberOfArgumentsDoesntMatch,
            "Aggregate function {} requires 1 to {MOST_ARGUMENTS} arguments, passed {}",
            call.name,
            call.types.len()
        );
    }
    for data_type in call.types {
        if !data_type.is_integer() && !data_type.is_float() {
            return Err(call.illegal(data_type));
        }
    }
    let result = DataType::array(DataType::array(DataType::Float64));
    Ok(bound(result, Matrix { entry, types: call.types.to_vec() }))
}

struct Matrix {
    entry: Entry,
    types: Vec<DataType>,
}

/// Where the sum of the products of the deviations of two arguments is kept; the count and the means come first.
fn place(width: usize, i: usize, j: usize) -> usize {
    1 + width + i * width + j
}

impl Matrix {
    fn number(&self, state: &[f64], i: usize, j: usize) -> f64 {
        let sum = |i: usize, j: usize| state[place(self.types.len(), i, j)];
        match self.entry {
            Entry::Correlation if state[0] < 2.0 => f64::NAN,
            Entry::Correlation if i == j && sum(i, i) > 0.0 => 1.0,
            Entry::Correlation => sum(i, j) / (sum(i, i) * sum(j, j)).sqrt(),
            Entry::Population => sum(i, j) / state[0],
            Entry::Sample if state[0] < 2.0 => f64::NAN,
            Entry::Sample => sum(i, j) / (state[0] - 1.0),
        }
    }
}

impl Function for Matrix {
    type State = Vec<f64>;

    fn empty(&self) -> Vec<f64> {
        vec![0.0; place(self.types.len(), self.types.len(), 0)]
    }

    fn update(&self, states: &mut [Vec<f64>], groups: &[u32], arguments: &[Column]) -> Result<()> {
        let width = self.types.len();
        let mut columns = Vec::with_capacity(width);
        for (at, data_type) in self.types.iter().enumerate() {
            columns.push(floats(arguments, at, data_type)?);
        }
        let columns: Vec<_> = columns.iter().map(|column| column.input()).collect();
        let mut before = vec![0.0; width];
        for (row, group) in groups.iter().enumerate() {
            let state = &mut states[*group as usize];
            state[0] += 1.0;
            let count = state[0];
            for (at, column) in columns.iter().enumerate() {
                before[at] = column.at(row) - state[1 + at];
                state[1 + at] += before[at] / count;
            }
            for i in 0..width {
                for j in 0..width {
                    state[place(width, i, j)] += before[i] * before[j] * (count - 1.0) / count;
                }
            }
        }
        Ok(())
    }

    fn merge(&self, into: &mut Vec<f64>, from: &Vec<f64>) -> Result<()> {
        let width = self.types.len();
        let (a, b) = (into[0], from[0]);
        if b == 0.0 {
            return Ok(());
        }
        let count = a + b;
        let apart: Vec<f64> = (1..=width).map(|at| from[at] - into[at]).collect();
        for i in 0..width {
            for j in 0..width {
                let at = place(width, i, j);
                into[at] += from[at] + apart[i] * apart[j] * a * b / count;
            }
        }
        for (at, apart) in apart.iter().enumerate() {
            into[1 + at] += apart * b / count;
        }
        into[0] = count;
        Ok(())
    }

    fn write(&self, state: &Vec<f64>, out: &mut Vec<u8>) {
        write_list(state.iter().copied(), out);
    }

    fn read(&self, bytes: &mut &[u8]) -> Result<Vec<f64>> {
        let state: Vec<f64> = read_list(bytes)?;
        if state.len() == self.empty().len() { Ok(state) } else { Err(corrupt()) }
    }

    fn finish(&self, states: &mut [Vec<f64>]) -> Result<ArrayRef> {
        let width = self.types.len();
        let mut out = Vec::with_capacity(states.len() * width * width);
        for state in states.iter() {
            for i in 0..width {
                out.extend((0..width).map(|j| self.number(state, i, j)));
            }
        }
        let rows = list(kind::array::<Float64Type>(out), vec![width; states.len() * width])?;
        list(rows, vec![width; states.len()])
    }

    fn heap(&self, state: &Vec<f64>) -> usize {
        state.capacity() * 8
    }
}
