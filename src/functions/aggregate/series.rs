//! Functions of values that follow one another, mostly in time.

use std::marker::PhantomData;

use arrow_array::ArrayRef;
use arrow_array::types::Float64Type;
use base::{Result, bail};
use expr::{AggregateArguments, AggregateDeclaration, BoundAggregate, NullRows};
use types::{Column, DataType};

use super::arguments::{Checks, USUAL, example};
use super::grouped::{Function, bound};
use super::kind::{self, Kind, floats, input, with_kind};
use super::state_bytes::Plain;

pub(crate) static FUNCTIONS: &[AggregateDeclaration] = &[
    AggregateDeclaration {
        name: "boundingRatio",
        syntax: "boundingRatio(x, y)",
        description: "The slope between the points with the smallest and the greatest x.",
        examples: &[example("SELECT boundingRatio(number, number * 3) FROM numbers(5)", "3")],
        bind: |_, call| {
            call.no_parameters()?;
            call.count(2)?;
            call.types.iter().try_for_each(|data_type| call.number(data_type))?;
            let types = [call.types[0].clone(), call.types[1].clone()];
            Ok(bound(DataType::Float64, BoundingRatio(types)))
        },
        ..USUAL
    },
    AggregateDeclaration {
        name: "deltaSum",
        syntax: "deltaSum(x)",
        description: "The sum of the rises from each value to the next; falls count nothing.",
        examples: &[example("SELECT deltaSum(abs(5 - number)) FROM numbers(11)", "5")],
        bind: |_, call| {
            call.no_parameters()?;
            let data_type = match call.only()? {
                DataType::Bool => &DataType::UInt8,
                other => other,
            };
            if !data_type.is_integer() && !data_type.is_float() {
                return Err(call.illegal(data_type));
            }
            with_kind!(data_type, K => {
                Ok(bound(data_type.clone(), DeltaSum::<K>(PhantomData)))
            }, otherwise Err(call.illegal(data_type)))
        },
        nulls: NullRows::SkipThenEmpty,
        ..USUAL
    },
    AggregateDeclaration {
        name: "deltaSumTimestamp",
        syntax: "deltaSumTimestamp(x, time)",
        description: "As deltaSum; partial sums are put in the order of their times.",
        examples: &[example("SELECT deltaSumTimestamp(number, number) FROM numbers(6)", "5")],
        bind: |_, call| bind_delta_sum_timestamp(call),
        nulls: NullRows::SkipThenEmpty,
        ..USUAL
    },
    AggregateDeclaration {
        name: "exponentialMovingAverage",
        syntax: "exponentialMovingAverage(half_life)(x, time)",
        description: "The mean of values in which a value counts half as much each half life before the last time.",
        examples: &[example(
            "SELECT round(exponentialMovingAverage(2)(number, number), 4) FROM numbers(6)",
            "3.0126",
        )],
        bind: |_, call| {
            let Some(half_life) = call.float(0)? else {
                bail!(
                    NumberOfArgumentsDoesntMatch,
                    "Aggregate function {} requires exactly one parameter: half decay time.",
                    call.name
                );
            };
            call.most_parameters(1)?;
            call.count(2)?;
            call.number(&call.types[0])?;
            let time = &call.types[1];
            if !time.is_number() && !time.is_date() && !time.is_datetime() {
                return Err(call.illegal(time));
            }
            let types = [call.types[0].clone(), time.clone()];
            Ok(bound(DataType::Float64, MovingAverage { half_life, types }))
        },
        ..USUAL
    },
];

/// The points with the smallest and the greatest x.
#[derive(Debug, Clone, Copy, Default)]
struct Ends {
    seen: bool,
    left: (f64, f64),
    right: (f64, f64),
}

impl Ends {
    fn add(&mut self, point: (f64, f64)) {
        if !self.seen || point.0 < self.left.0 {
            self.left = point;
        }
        if !self.seen || point.0 > self.right.0 {
            self.right = point;
        }
        self.seen = true;
    }
}

struct BoundingRatio([DataType; 2]);

impl Function for BoundingRatio {
    type State = Ends;

    fn empty(&self) -> Ends {
        Ends::default()
    }

    fn update(&self, states: &mut [Ends], groups: &[u32], arguments: &[Column]) -> Result<()> {
        let x = floats(arguments, 0, &self.0[0])?;
        let y = floats(arguments, 1, &self.0[1])?;
        let (x, y) = (x.input(), y.input());
        for (row, group) in groups.iter().enumerate() {
            states[*group as usize].add((x.at(row), y.at(row)));
        }
        Ok(())
    }

    fn merge(&self, into: &mut Ends, from: &Ends) -> Result<()> {
        if from.seen {
            into.add(from.left);
            into.add(from.right);
        }
        Ok(())
    }

    fn write(&self, state: &Ends, out: &mut Vec<u8>) {
        (state.seen, (state.left, state.right)).write(out);
    }

    fn read(&self, bytes: &mut &[u8]) -> Result<Ends> {
        let (seen, (left, right)) = Plain::read(bytes)?;
        Ok(Ends { seen, left, right })
    }

    fn finish(&self, states: &mut [Ends]) -> Result<ArrayRef> {
        let slope = |s: &Ends| (s.right.1 - s.left.1) / (s.right.0 - s.left.0);
        Ok(kind::array::<Float64Type>(states.iter().map(slope).collect()))
    }
}

/// A run of values with the sum of its rises.
#[derive(Debug, Clone, Copy, Default)]
struct Rises<N, S> {
    seen: bool,
    first: N,
    last: N,
    sum: S,
    /// The times of the first and last value; where times are given.
    times: (i64, i64),
}

/// Appends a later run.
fn append<K: Kind>(into: &mut Rises<K::Native, K::Sum>, later: &Rises<K::Native, K::Sum>) {
    if !later.seen {
        return;
    }
    if !into.seen {
        *into = *later;
        return;
    }
    if K::less(into.last, later.first) {
        into.sum = K::add_sums(into.sum, rise::<K>(into.last, later.first));
    }
    into.sum = K::add_sums(into.sum, later.sum);
    into.last = later.last;
    into.times.1 = later.times.1;
}

/// `later - earlier`
fn rise<K: Kind>(earlier: K::Native, later: K::Native) -> K::Sum {
    K::add(K::minus(K::Sum::default(), earlier), later)
}

fn read_rises<N: Plain, S: Plain>(bytes: &mut &[u8]) -> Result<Rises<N, S>> {
    let (seen, ((first, last), (sum, times))) = Plain::read(bytes)?;
    Ok(Rises { seen, first, last, sum, times })
}

fn write_rises<N: Plain, S: Plain>(state: &Rises<N, S>, out: &mut Vec<u8>) {
    (state.seen, ((state.first, state.last), (state.sum, state.times))).write(out);
}

struct DeltaSum<K>(PhantomData<fn() -> K>);

impl<K: Kind> Function for DeltaSum<K> {
    type State = Rises<K::Native, K::Sum>;

    fn empty(&self) -> Self::State {
        Rises::default()
    }

    fn update(
        &self,
        states: &mut [Self::State],
        groups: &[u32],
        arguments: &[Column],
    ) -> Result<()> {
        input::<K>(arguments, 0)?.for_each(groups, |group, value| {
            let one = Rises { seen: true, first: value, last: value, ..Rises::default() };
            append::<K>(&mut states[group], &one);
        });
        Ok(())
    }

    fn merge(&self, into: &mut Self::State, from: &Self::State) -> Result<()> {
        append::<K>(into, from);
        Ok(())
    }

    fn write(&self, state: &Self::State, out: &mut Vec<u8>) {
        write_rises(state, out);
    }

    fn read(&self, bytes: &mut &[u8]) -> Result<Self::State> {
        read_rises(bytes)
    }

    fn finish(&self, states: &mut [Self::State]) -> Result<ArrayRef> {
        let sums = states.iter().map(|s| K::narrow(s.sum));
        Ok(kind::array::<K>(sums.collect()))
    }
}

fn bind_delta_sum_timestamp(call: &AggregateArguments<'_>) -> Result<BoundAggregate> {
    call.no_parameters()?;
    call.count(2)?;
    let [data_type, time] = [&call.types[0], &call.types[1]];
    let timely = (time.is_integer() && time.bits() < Some(128))
        || time.is_float()
        || time.is_date()
        || time.is_datetime();
    if (!data_type.is_integer() && !data_type.is_float()) || !timely {
        return Err(call.illegal(if timely { data_type } else { time }));
    }
    let time = time.clone();
    with_kind!(data_type, K => {
        Ok(bound(data_type.clone(), DeltaSumTimestamp::<K> { time, kind: PhantomData }))
    }, otherwise Err(call.illegal(data_type)))
}

struct DeltaSumTimestamp<K> {
    time: DataType,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Function for DeltaSumTimestamp<K> {
    type State = Rises<K::Native, K::Sum>;

    fn empty(&self) -> Self::State {
        Rises::default()
    }

    fn update(
        &self,
        states: &mut [Self::State],
        groups: &[u32],
        arguments: &[Column],
    ) -> Result<()> {
        let values = input::<K>(arguments, 0)?;
        let times = super::kind::integers(arguments, 1, &self.time, groups.len())?;
        for (row, group) in groups.iter().enumerate() {
            let (value, time) = (values.at(row), times[row]);
            let one = Rises {
                seen: true,
                first: value,
                last: value,
                times: (time, time),
                ..Rises::default()
            };
            // Within a block rows are taken as they come.
            append::<K>(&mut states[*group as usize], &one);
        }
        Ok(())
    }

    fn merge(&self, into: &mut Self::State, from: &Self::State) -> Result<()> {
        if into.seen && from.seen && from.times < into.times {
            let later = *into;
            *into = *from;
            append::<K>(into, &later);
        } else {
            append::<K>(into, from);
        }
        Ok(())
    }

    fn write(&self, state: &Self::State, out: &mut Vec<u8>) {
        write_rises(state, out);
    }

    fn read(&self, bytes: &mut &[u8]) -> Result<Self::State> {
        read_rises(bytes)
    }

    fn finish(&self, states: &mut [Self::State]) -> Result<ArrayRef> {
        let sums = states.iter().map(|s| K::narrow(s.sum));
        Ok(kind::array::<K>(sums.collect()))
    }
}

/// A sum that halves with every half life, at the last time.
struct MovingAverage {
    half_life: f64,
    types: [DataType; 2],
}

impl MovingAverage {
    /// What is left of a value after some time.
    fn left(&self, elapsed: f64) -> f64 {
        (-elapsed / self.half_life).exp2()
    }

    fn add(&self, state: &mut (f64, f64), other: (f64, f64)) {
        if state.1 >= other.1 {
            state.0 += other.0 * self.left(state.1 - other.1);
        } else {
            *state = (other.0 + state.0 * self.left(other.1 - state.1), other.1);
        }
    }
}

impl Function for MovingAverage {
    type State = (f64, f64);

    fn empty(&self) -> (f64, f64) {
        (0.0, f64::NEG_INFINITY)
    }

    fn update(
        &self,
        states: &mut [(f64, f64)],
        groups: &[u32],
        arguments: &[Column],
    ) -> Result<()> {
        let values = floats(arguments, 0, &self.types[0])?;
        let times = floats(arguments, 1, &self.types[1])?;
        let (values, times) = (values.input(), times.input());
        for (row, group) in groups.iter().enumerate() {
            self.add(&mut states[*group as usize], (values.at(row), times.at(row)));
        }
        Ok(())
    }

    fn merge(&self, into: &mut (f64, f64), from: &(f64, f64)) -> Result<()> {
        if from.1 != f64::NEG_INFINITY {
            self.add(into, *from);
        }
        Ok(())
    }

    fn write(&self, state: &(f64, f64), out: &mut Vec<u8>) {
        state.write(out);
    }

    fn read(&self, bytes: &mut &[u8]) -> Result<(f64, f64)> {
        Plain::read(bytes)
    }

    fn finish(&self, states: &mut [(f64, f64)]) -> Result<ArrayRef> {
        // The weights of all times before sum up to this.
        let weights = 1.0 / (1.0 - (-1.0 / self.half_life).exp2());
        Ok(kind::array::<Float64Type>(states.iter().map(|state| state.0 / weights).collect()))
    }
}
