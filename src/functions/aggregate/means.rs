//! Averages.

use std::marker::PhantomData;
use std::sync::Arc;

use arrow_array::types::{Float64Type, Int32Type, Int64Type, UInt16Type, UInt32Type};
use arrow_array::{ArrayRef, PrimitiveArray, StructArray};
use arrow_schema::Fields;
use base::{Result, bail};
use expr::{AggregateArguments, AggregateDeclaration, BoundAggregate, NullRows};
use types::{Column, DataType, Physical, TupleField};

use super::arguments::{Checks, USUAL, example};
use super::few_groups;
use super::grouped::{Function, Grouped, bound};
use super::kind::{self, Floats, Input, Kind, divisor, floats, input, with_kind};
use super::parts::{Parts, Takes};
use super::state_bytes::Plain;
use super::sums::{Count, bind_sum, sum_slice};

pub(crate) static FUNCTIONS: &[AggregateDeclaration] = &[
    AggregateDeclaration {
        name: "sumCount",
        syntax: "sumCount(x)",
        description: "The sum of numbers and how many they are, as a tuple.",
        examples: &[example("SELECT sumCount(number) FROM numbers(5)", "(10,5)")],
        nulls: NullRows::SkipThenEmpty,
        bind: bind_sum_count,
        ..USUAL
    },
    AggregateDeclaration {
        name: "avg",
        case_insensitive: true,
        syntax: "avg(x)",
        description: "The mean. Integers are added in 128 bits, so that the mean is the true one where \
            64 bits would wrap around. NaN where there are no values. Dates give a date.",
        examples: &[example("SELECT avg(number) FROM numbers(4)", "1.5")],
        bind: bind_avg,
        ..USUAL
    },
    AggregateDeclaration {
        name: "avgWeighted",
        syntax: "avgWeighted(x, weight)",
        description: "The mean of numbers, each counted with its weight; fractions of both are kept.",
        examples: &[example(
            "SELECT avgWeighted(number, number) FROM numbers(4)",
            "2.3333333333333335",
        )],
        bind: |_, call| {
            call.no_parameters()?;
            call.count(2)?;
            for data_type in call.types {
                let decimal = matches!(data_type.inner(), DataType::Decimal { .. });
                if decimal || !data_type.inner().is_number() {
                    bail!(
                        IllegalTypeOfArgument,
                        "Types {} and {} are non-conforming as arguments for aggregate function {}",
                        call.types[0],
                        call.types[1],
                        call.name
                    );
                }
            }
            let types = [call.types[0].clone(), call.types[1].clone()];
            Ok(bound(DataType::Float64, WeightedMean(types)))
        },
        ..USUAL
    },
];

fn bind_sum_count(
    context: &expr::FunctionContext,
    call: &AggregateArguments<'_>,
) -> Result<BoundAggregate> {
    let sum = bind_sum(context, call)?;
    let field = |data_type| TupleField { name: None, data_type };
    let result = DataType::Tuple([field(sum.return_type.clone()), field(DataType::UInt64)].into());
    let fields = match result.arrow_type() {
        arrow_schema::DataType::Struct(fields) => fields,
        _ => Fields::empty(),
    };
    let create = sum.create;
    Ok(BoundAggregate::new(result, move || {
        Parts::new(
            vec![(create(), Takes::All), (Box::new(Grouped::new(&Arc::new(Count))), Takes::None)],
            {
                let fields = fields.clone();
                move |parts: Vec<ArrayRef>| {
                    Ok(Arc::new(StructArray::new(fields.clone(), parts, None)) as ArrayRef)
                }
            },
        )
    }))
}

fn bind_avg(_: &expr::FunctionContext, call: &AggregateArguments<'_>) -> Result<BoundAggregate> {
    call.no_parameters()?;
    let data_type = call.only()?;
    let result = match data_type {
        DataType::Date | DataType::Date32 | DataType::DateTime(_) | DataType::DateTime64(..) => {
            data_type.clone()
        }
        t if t.is_number() => DataType::Float64,
        other => return Err(call.illegal(other)),
    };
    if data_type.is_float() || data_type.wide_sign().is_some() {
        return Ok(bound(result, FloatMean(data_type.clone())));
    }
    let mean = |result: DataType| (data_type.clone(), result);
    with_kind!(data_type, K => {
        let (argument, result) = mean(result);
        Ok(bound(result.clone(), Mean::<K> { argument, result, kind: PhantomData }))
    }, otherwise Err(call.illegal(data_type)))
}

/// A 128-bit sum in halves (so that a state takes 24 bytes) and the number of values.
#[derive(Debug, Clone, Copy, Default)]
struct MeanState {
    low: u64,
    high: i64,
    count: u64,
}

impl MeanState {
    #[inline]
    fn sum(self) -> i128 {
        i128::from(self.high) << 64 | i128::from(self.low)
    }

    #[inline]
    fn add(&mut self, sum: i128, count: u64) {
        let sum = self.sum().wrapping_add(sum);
        self.low = sum as u64;
        self.high = (sum >> 64) as i64;
        self.count = self.count.wrapping_add(count);
    }
}

/// `avg` of integers, decimals and dates.
struct Mean<K> {
    argument: DataType,
    result: DataType,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Function for Mean<K> {
    type State = MeanState;

    fn empty(&self) -> MeanState {
        MeanState::default()
    }

    fn update(&self, states: &mut [MeanState], groups: &[u32], arguments: &[Column]) -> Result<()> {
        let input = input::<K>(arguments, 0)?;
        if let Input::Slice(values) = input {
            let count = states.len();
            let take = |group: usize, sum, rows| {
                if let Some(state) = states.get_mut(group) {
                    state.add(sum, rows);
                }
            };
            if few_groups::sums::<K, true>(values, groups, count, take) {
                return Ok(());
            }
        }
        input.for_each(groups, |group, value| states[group].add(K::to_i128(value), 1));
        Ok(())
    }

    fn update_one(&self, state: &mut MeanState, arguments: &[Column], rows: usize) -> Result<()> {
        let sum = match input::<K>(arguments, 0)? {
            Input::Slice(values) => few_groups::sum::<K>(values),
            Input::Constant(value) => K::to_i128(value).wrapping_mul(rows as i128),
        };
        state.add(sum, rows as u64);
        Ok(())
    }

    fn merge(&self, into: &mut MeanState, from: &MeanState) -> Result<()> {
        into.add(from.sum(), from.count);
        Ok(())
    }

    fn write(&self, state: &MeanState, out: &mut Vec<u8>) {
        state.sum().write(out);
        state.count.write(out);
    }

    fn read(&self, bytes: &mut &[u8]) -> Result<MeanState> {
        let mut state = MeanState::default();
        let sum = i128::read(bytes)?;
        state.add(sum, u64::read(bytes)?);
        Ok(state)
    }

    fn finish(&self, states: &mut [MeanState]) -> Result<ArrayRef> {
        let whole = |state: &MeanState| state.sum() / i128::from(state.count.max(1));
        Ok(match self.result.physical() {
            Physical::Float64 => {
                let divisor = divisor(&self.argument).unwrap_or(1.0);
                let unsigned = self.argument.is_unsigned_128();
                let mean = |s: &MeanState| {
                    let sum = if unsigned { s.sum() as u128 as f64 } else { s.sum() as f64 };
                    sum / divisor / s.count as f64
                };
                kind::array::<Float64Type>(states.iter().map(mean).collect())
            }
            Physical::UInt16 => {
                kind::array::<UInt16Type>(states.iter().map(|s| whole(s) as u16).collect())
            }
            Physical::UInt32 => {
                kind::array::<UInt32Type>(states.iter().map(|s| whole(s) as u32).collect())
            }
            Physical::Int32 => {
                kind::array::<Int32Type>(states.iter().map(|s| whole(s) as i32).collect())
            }
            _ => kind::array::<Int64Type>(states.iter().map(|s| whole(s) as i64).collect()),
        })
    }
}

fn add_pair(state: &mut (f64, u64), sum: f64, count: u64) {
    state.0 += sum;
    state.1 = state.1.wrapping_add(count);
}

/// `avg` of floats.
struct FloatMean(DataType);

impl Function for FloatMean {
    type State = (f64, u64);

    fn empty(&self) -> (f64, u64) {
        (0.0, 0)
    }

    fn update(
        &self,
        states: &mut [(f64, u64)],
        groups: &[u32],
        arguments: &[Column],
    ) -> Result<()> {
        floats(arguments, 0, &self.0)?
            .input()
            .for_each(groups, |group, value| add_pair(&mut states[group], value, 1));
        Ok(())
    }

    fn update_one(&self, state: &mut (f64, u64), arguments: &[Column], rows: usize) -> Result<()> {
        let sum = match floats(arguments, 0, &self.0)? {
            Floats::Slice(values) => sum_slice::<Float64Type>(&values),
            Floats::Constant(value) => value * rows as f64,
        };
        add_pair(state, sum, rows as u64);
        Ok(())
    }

    fn merge(&self, into: &mut (f64, u64), from: &(f64, u64)) -> Result<()> {
        add_pair(into, from.0, from.1);
        Ok(())
    }

    fn write(&self, state: &(f64, u64), out: &mut Vec<u8>) {
        state.write(out);
    }

    fn read(&self, bytes: &mut &[u8]) -> Result<(f64, u64)> {
        Plain::read(bytes)
    }

    fn finish(&self, states: &mut [(f64, u64)]) -> Result<ArrayRef> {
        let means = states.iter().map(|s| s.0 / s.1 as f64);
        Ok(Arc::new(PrimitiveArray::<Float64Type>::from_iter_values(means)))
    }
}

/// `avgWeighted`: the sum of weighted values and that of weights.
struct WeightedMean([DataType; 2]);

impl Function for WeightedMean {
    type State = [f64; 2];

    fn empty(&self) -> [f64; 2] {
        [0.0; 2]
    }

    fn update(&self, states: &mut [[f64; 2]], groups: &[u32], arguments: &[Column]) -> Result<()> {
        let values = floats(arguments, 0, &self.0[0])?;
        let weights = floats(arguments, 1, &self.0[1])?;
        let (values, weights) = (values.input(), weights.input());
        for (row, group) in groups.iter().enumerate() {
            let state = &mut states[*group as usize];
            let weight = weights.at(row);
            state[0] += values.at(row) * weight;
            state[1] += weight;
        }
        Ok(())
    }

    fn merge(&self, into: &mut [f64; 2], from: &[f64; 2]) -> Result<()> {
        into[0] += from[0];
        into[1] += from[1];
        Ok(())
    }

    fn write(&self, state: &[f64; 2], out: &mut Vec<u8>) {
        state.write(out);
    }

    fn read(&self, bytes: &mut &[u8]) -> Result<[f64; 2]> {
        Plain::read(bytes)
    }

    fn finish(&self, states: &mut [[f64; 2]]) -> Result<ArrayRef> {
        Ok(kind::array::<Float64Type>(states.iter().map(|s| s[0] / s[1]).collect()))
    }
}
