//! Counts and sums.

use std::marker::PhantomData;

use arrow_array::ArrayRef;
use arrow_array::types::{Decimal128Type, Float64Type, Int32Type, Int64Type, UInt64Type};
use base::{Result, bail};
use expr::{AggregateArguments, AggregateDeclaration, BoundAggregate, NullRows};
use types::{Column, DataType, Physical};

use super::arguments::{Checks, USUAL, example};
use super::few_groups;
use super::grouped::{Function, bound};
use super::kind::{self, Input, Kind, floats, input, with_kind};
use super::state_bytes::Plain;
use super::wide_folds::{self, Fold};

pub(crate) static FUNCTIONS: &[AggregateDeclaration] = &[
    AggregateDeclaration {
        name: "count",
        case_insensitive: true,
        syntax: "count([x])",
        description: "The number of rows, or of rows in which x is not NULL.",
        examples: &[example(
            "SELECT count(), count(number % 2 = 0 ? 1 : NULL) FROM numbers(5)",
            "5\t3",
        )],
        nulls: NullRows::SkipThenEmpty,
        bind: |_, call| {
            call.no_parameters()?;
            if call.types.len() > 1 {
                bail!(
                    NumberOfArgumentsDoesntMatch,
                    "Aggregate function {} requires zero or one argument",
                    call.name
                );
            }
            Ok(bound(DataType::UInt64, Count))
        },
        ..USUAL
    },
    AggregateDeclaration {
        name: "sum",
        case_insensitive: true,
        syntax: "sum(x)",
        description: "The sum of numbers. Integers are added in 64 (or their own 128 or 256) bits and wrap around, \
            floats in Float64, decimals in 38 digits.",
        examples: &[example("SELECT sum(number) FROM numbers(5)", "10")],
        bind: bind_sum,
        ..USUAL
    },
    AggregateDeclaration {
        name: "sumWithOverflow",
        syntax: "sumWithOverflow(x)",
        description: "The sum of numbers in the type of the argument, wrapping around.",
        examples: &[example("SELECT sumWithOverflow(200::UInt8) FROM numbers(2)", "144")],
        bind: bind_narrow_sum,
        ..USUAL
    },
    AggregateDeclaration {
        name: "sumKahan",
        syntax: "sumKahan(x)",
        description: "The sum of numbers in Float64, with the rounding errors carried along (Kahan).",
        examples: &[example("SELECT sumKahan(0.1) FROM numbers(10)", "1")],
        bind: |_, call| {
            call.no_parameters()?;
            let data_type = call.only()?;
            call.number(data_type)?;
            Ok(bound(DataType::Float64, Kahan(data_type.clone())))
        },
        ..USUAL
    },
];

/// `count`
pub(crate) struct Count;

impl Function for Count {
    type State = u64;

    fn empty(&self) -> u64 {
        0
    }

    fn update(&self, states: &mut [u64], groups: &[u32], _: &[Column]) -> Result<()> {
        let count = states.len();
        let take = |group: usize, rows| {
            if let Some(state) = states.get_mut(group) {
                *state += rows;
            }
        };
        if !few_groups::counts(groups, count, take) {
            groups.iter().for_each(|group| states[*group as usize] += 1);
        }
        Ok(())
    }

    fn update_one(&self, state: &mut u64, _: &[Column], rows: usize) -> Result<()> {
        *state += rows as u64;
        Ok(())
    }

    fn merge(&self, into: &mut u64, from: &u64) -> Result<()> {
        *into = into.wrapping_add(*from);
        Ok(())
    }

    fn write(&self, state: &u64, out: &mut Vec<u8>) {
        state.write(out);
    }

    fn read(&self, bytes: &mut &[u8]) -> Result<u64> {
        u64::read(bytes)
    }

    fn finish(&self, states: &mut [u64]) -> Result<ArrayRef> {
        Ok(kind::array::<UInt64Type>(states.to_vec()))
    }
}

/// The kind of the sum of values of a kind.
type SumKind<K> = <<K as Kind>::Sum as Summed>::Kind;

/// A type in which sums are kept.
pub(crate) trait Summed: Plain {
    type Kind: Kind<Native = Self>;
}

impl Summed for u64 {
    type Kind = UInt64Type;
}

impl Summed for i64 {
    type Kind = Int64Type;
}

impl Summed for i128 {
    type Kind = Decimal128Type;
}

impl Summed for f64 {
    type Kind = Float64Type;
}

/// What `sum` of a type is.
pub(crate) fn sum_type(data_type: &DataType) -> Option<DataType> {
    Some(match data_type {
        DataType::Decimal { precision: 39.., scale } => {
            DataType::Decimal { precision: 76, scale: *scale }
        }
        DataType::Decimal { scale, .. } => DataType::Decimal { precision: 38, scale: *scale },
        DataType::Bool => DataType::UInt64,
        t if t.is_integer() && t.bits() >= Some(128) => t.clone(),
        t if t.is_unsigned_integer() => DataType::UInt64,
        t if t.is_signed_integer() => DataType::Int64,
        t if t.is_float() => DataType::Float64,
        _ => return None,
    })
}

/// Binds `sumWithOverflow`.
pub(crate) fn bind_narrow_sum(
    _: &expr::FunctionContext,
    call: &AggregateArguments<'_>,
) -> Result<BoundAggregate> {
    call.no_parameters()?;
    let data_type = call.only()?;
    call.number(data_type)?;
    if data_type.wide_sign().is_some() {
        return Ok(wide_folds::bind(data_type, data_type.clone(), Fold::Sum));
    }
    with_kind!(data_type, K => {
        Ok(bound(data_type.clone(), NarrowSum::<K>(PhantomData)))
    }, otherwise Err(call.illegal(data_type)))
}

/// Binds `sum`.
pub(crate) fn bind_sum(
    _: &expr::FunctionContext,
    call: &AggregateArguments<'_>,
) -> Result<BoundAggregate> {
    call.no_parameters()?;
    let data_type = call.only()?;
    let Some(result) = sum_type(data_type) else { return Err(call.illegal(data_type)) };
    if data_type.wide_sign().is_some() {
        return Ok(wide_folds::bind(data_type, result, Fold::Sum));
    }
    if let DataType::Decimal { .. } = data_type {
        return Ok(match data_type.physical() {
            Physical::Int32 => bound(result, Decimals::<Int32Type>(PhantomData)),
            Physical::Int64 => bound(result, Decimals::<Int64Type>(PhantomData)),
            _ => bound(result, Sum::<Decimal128Type>(PhantomData)),
        });
    }
    with_kind!(data_type, K => {
        Ok(bound(result, Sum::<K>(PhantomData)))
    }, otherwise Err(call.illegal(data_type)))
}

/// `sum`
struct Sum<K>(PhantomData<fn() -> K>);

/// Adds a slice; floats in eight lanes, so that they are added side by side.
pub(crate) fn sum_slice<K: Kind>(values: &[K::Native]) -> K::Sum {
    if !K::FLOAT {
        return values.iter().fold(K::Sum::default(), |sum, value| K::add(sum, *value));
    }
    let mut lanes = [K::Sum::default(); 8];
    let chunks = values.chunks_exact(8);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = K::add(*lane, *value);
        }
    }
    for (lane, value) in lanes.iter_mut().zip(rest) {
        *lane = K::add(*lane, *value);
    }
    lanes.into_iter().fold(K::Sum::default(), K::add_sums)
}

impl<K: Kind> Function for Sum<K>
where
    K::Sum: Summed,
{
    type State = K::Sum;

    fn empty(&self) -> K::Sum {
        K::Sum::default()
    }

    fn update(&self, states: &mut [K::Sum], groups: &[u32], arguments: &[Column]) -> Result<()> {
        input::<K>(arguments, 0)?
            .for_each(groups, |group, value| states[group] = K::add(states[group], value));
        Ok(())
    }

    fn update_one(&self, state: &mut K::Sum, arguments: &[Column], rows: usize) -> Result<()> {
        *state = match input::<K>(arguments, 0)? {
            Input::Slice(values) => K::add_sums(*state, sum_slice::<K>(values)),
            Input::Constant(value) => K::add_times(*state, value, rows as u64),
        };
        Ok(())
    }

    fn merge(&self, into: &mut K::Sum, from: &K::Sum) -> Result<()> {
        *into = K::add_sums(*into, *from);
        Ok(())
    }

    fn write(&self, state: &K::Sum, out: &mut Vec<u8>) {
        state.write(out);
    }

    fn read(&self, bytes: &mut &[u8]) -> Result<K::Sum> {
        Plain::read(bytes)
    }

    fn finish(&self, states: &mut [K::Sum]) -> Result<ArrayRef> {
        Ok(kind::array::<SumKind<K>>(states.to_vec()))
    }
}

/// `sum` of decimals of less than 128 bits.
struct Decimals<K>(PhantomData<fn() -> K>);

impl<K: Kind> Function for Decimals<K> {
    type State = i128;

    fn empty(&self) -> i128 {
        0
    }

    fn update(&self, states: &mut [i128], groups: &[u32], arguments: &[Column]) -> Result<()> {
        let input = input::<K>(arguments, 0)?;
        if let Input::Slice(values) = input {
            let count = states.len();
            let take = |group: usize, sum, _| {
                if let Some(state) = states.get_mut(group) {
                    *state = state.wrapping_add(sum);
                }
            };
            if few_groups::sums::<K, false>(values, groups, count, take) {
                return Ok(());
            }
        }
        input.for_each(groups, |group, value| {
            states[group] = states[group].wrapping_add(K::to_i128(value));
        });
        Ok(())
    }

    fn update_one(&self, state: &mut i128, arguments: &[Column], rows: usize) -> Result<()> {
        let sum = match input::<K>(arguments, 0)? {
            Input::Slice(values) => few_groups::sum::<K>(values),
            Input::Constant(value) => K::to_i128(value).wrapping_mul(rows as i128),
        };
        *state = state.wrapping_add(sum);
        Ok(())
    }

    fn merge(&self, into: &mut i128, from: &i128) -> Result<()> {
        *into = into.wrapping_add(*from);
        Ok(())
    }

    fn write(&self, state: &i128, out: &mut Vec<u8>) {
        state.write(out);
    }

    fn read(&self, bytes: &mut &[u8]) -> Result<i128> {
        i128::read(bytes)
    }

    fn finish(&self, states: &mut [i128]) -> Result<ArrayRef> {
        Ok(kind::array::<Decimal128Type>(states.to_vec()))
    }
}

/// `sumWithOverflow`
struct NarrowSum<K>(PhantomData<fn() -> K>);

impl<K: Kind> Function for NarrowSum<K> {
    type State = K::Sum;

    fn empty(&self) -> K::Sum {
        K::Sum::default()
    }

    fn update(&self, states: &mut [K::Sum], groups: &[u32], arguments: &[Column]) -> Result<()> {
        input::<K>(arguments, 0)?
            .for_each(groups, |group, value| states[group] = K::add(states[group], value));
        Ok(())
    }

    fn merge(&self, into: &mut K::Sum, from: &K::Sum) -> Result<()> {
        *into = K::add_sums(*into, *from);
        Ok(())
    }

    fn write(&self, state: &K::Sum, out: &mut Vec<u8>) {
        state.write(out);
    }

    fn read(&self, bytes: &mut &[u8]) -> Result<K::Sum> {
        Plain::read(bytes)
    }

    fn finish(&self, states: &mut [K::Sum]) -> Result<ArrayRef> {
        let sums = states.iter().map(|sum| K::narrow(*sum)).collect();
        Ok(kind::array::<K>(sums))
    }
}

/// `sumKahan`: the sum and what was lost of it.
struct Kahan(DataType);

fn kahan_add(state: &mut [f64; 2], value: f64) {
    let corrected = value - state[1];
    let sum = state[0] + corrected;
    state[1] = if sum.is_finite() { (sum - state[0]) - corrected } else { 0.0 };
    state[0] = sum;
}

impl Function for Kahan {
    type State = [f64; 2];

    fn empty(&self) -> [f64; 2] {
        [0.0; 2]
    }

    fn update(&self, states: &mut [[f64; 2]], groups: &[u32], arguments: &[Column]) -> Result<()> {
        floats(arguments, 0, &self.0)?
            .input()
            .for_each(groups, |group, value| kahan_add(&mut states[group], value));
        Ok(())
    }

    fn merge(&self, into: &mut [f64; 2], from: &[f64; 2]) -> Result<()> {
        kahan_add(into, from[0]);
        kahan_add(into, -from[1]);
        Ok(())
    }

    fn write(&self, state: &[f64; 2], out: &mut Vec<u8>) {
        state.write(out);
    }

    fn read(&self, bytes: &mut &[u8]) -> Result<[f64; 2]> {
        Plain::read(bytes)
    }

    fn finish(&self, states: &mut [[f64; 2]]) -> Result<ArrayRef> {
        Ok(kind::array::<Float64Type>(states.iter().map(|s| s[0]).collect()))
    }
}
