//! Functions in which a value counts less the longer it was before the last time: by e for each length of decay.
//!
//! A state holds sums as of its last time; when a later one comes they are scaled down to it.

use arrow_array::ArrayRef;
use arrow_array::types::Float64Type;
use base::{Result, bail};
use expr::{AggregateArguments, AggregateDeclaration, BoundAggregate};
use types::{Column, DataType};

use super::arguments::{Checks, USUAL, example};
use super::grouped::{Function, bound};
use super::kind::{self, floats};
use super::state_bytes::Plain;

macro_rules! decayed {
    ($name:literal, $what:ident, $syntax:literal, $description:literal, $sql:literal => $result:literal) => {
        AggregateDeclaration {
            name: $name,
            syntax: $syntax,
            description: $description,
            examples: &[example($sql, $result)],
            bind: |_, call| bind(call, What::$what),
            ..USUAL
        }
    };
}

pub(crate) static FUNCTIONS: &[AggregateDeclaration] = &[
    decayed!("exponentialTimeDecayedSum", Sum, "exponentialTimeDecayedSum(decay)(x, time)",
        "The sum of values in which one counts less by e for each length of decay that it was before the last time.",
        "SELECT round(exponentialTimeDecayedSum(10)(number, number) OVER (ORDER BY number), 4) FROM numbers(3)" => "0\n1\n2.9048"),
    decayed!("exponentialTimeDecayedCount", Count, "exponentialTimeDecayedCount(decay)(time)",
        "The count of rows in which one counts less by e for each length of decay that it was before the last time.",
        "SELECT round(exponentialTimeDecayedCount(10)(number) OVER (ORDER BY number), 4) FROM numbers(2)" => "1\n1.9048"),
    decayed!("exponentialTimeDecayedAvg", Mean, "exponentialTimeDecayedAvg(decay)(x, time)",
        "The mean of values in which one counts less by e for each length of decay that it was before the last time.",
        "SELECT round(exponentialTimeDecayedAvg(10)(number, number) OVER (ORDER BY number), 4) FROM numbers(2)" => "0\n0.525"),
    decayed!("exponentialTimeDecayedMax", Max, "exponentialTimeDecayedMax(decay)(x, time)",
        "The greatest of values that are less by e for each length of decay that they were before the last time.",
        "SELECT exponentialTimeDecayedMax(10)(number, number) OVER (ORDER BY number) FROM numbers(2)" => "0\n1"),
];

/// What is made of the decayed values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Sum,
    Count,
    Mean,
    Max,
}

fn bind(call: &AggregateArguments<'_>, what: What) -> Result<BoundAggregate> {
    let Some(decay) = call.float(0)? else {
        bail!(
            NumberOfArgumentsDoesntMatch,
            "Aggregate function {} requires exactly one parameter: the length of decay",
            call.name
        );
    };
    call.most_parameters(1)?;
    if decay == 0.0 {
        bail!(BadArguments, "The decay of aggregate function {} must not be 0", call.name);
    }
    let values = usize::from(what != What::Count);
    call.count(values + 1)?;
    if let Some(value) = call.types[..values].first() {
        call.number(value)?;
    }
    let time = &call.types[values];
    if !time.is_number() && !time.is_date() && !time.is_datetime() {
        return Err(call.illegal(time));
    }
    let types = call.types.to_vec();
    Ok(bound(DataType::Float64, Decayed { what, decay, types }))
}

/// As of the last time: the sum, the count and the greatest value.
#[derive(Debug, Clone, Copy, Default)]
struct State {
    seen: bool,
    last: f64,
    sum: f64,
    count: f64,
    greatest: f64,
}

struct Decayed {
    what: What,
    decay: f64,
    types: Vec<DataType>,
}

impl Decayed {
    fn take(&self, state: &mut State, mut other: State) {
        if !other.seen {
            return;
        }
        if !state.seen {
            *state = other;
            return;
        }
        let last = state.last.max(other.last);
        self.move_to(state, last);
        self.move_to(&mut other, last);
        state.sum += other.sum;
        state.count += other.count;
        state.greatest = state.greatest.max(other.greatest);
    }

    /// Scales a state down to a later time.
    fn move_to(&self, state: &mut State, last: f64) {
        if last > state.last {
            let scale = ((state.last - last) / self.decay).exp();
            state.sum *= scale;
            state.count *= scale;
            state.greatest *= scale;
            state.last = last;
        }
    }
}

impl Function for Decayed {
    type State = State;

    fn empty(&self) -> State {
        State::default()
    }

    fn update(&self, states: &mut [State], groups: &[u32], arguments: &[Column]) -> Result<()> {
        let of_time = self.types.len() - 1;
        let times = floats(arguments, of_time, &self.types[of_time])?;
        let values = match of_time {
            0 => None,
            _ => Some(floats(arguments, 0, &self.types[0])?),
        };
        let times = times.input();
        for (row, group) in groups.iter().enumerate() {
            let value = values.as_ref().map_or(0.0, |values| values.input().at(row));
            let last = times.at(row);
            let one = State { seen: true, last, sum: value, count: 1.0, greatest: value };
            self.take(&mut states[*group as usize], one);
        }
        Ok(())
    }

    fn merge(&self, into: &mut State, from: &State) -> Result<()> {
        self.take(into, *from);
        Ok(())
    }

    fn write(&self, state: &State, out: &mut Vec<u8>) {
        (state.seen, [state.last, state.sum, state.count, state.greatest]).write(out);
    }

    fn read(&self, bytes: &mut &[u8]) -> Result<State> {
        let (seen, [last, sum, count, greatest]) = Plain::read(bytes)?;
        Ok(State { seen, last, sum, count, greatest })
    }

    fn finish(&self, states: &mut [State]) -> Result<ArrayRef> {
        let result = |state: &State| match self.what {
            What::Sum => state.sum,
            What::Count => state.count,
            What::Mean => state.sum / state.count,
            What::Max => state.greatest,
        };
        Ok(kind::array::<Float64Type>(states.iter().map(result).collect()))
    }
}
