//! Quantiles by counting values in buckets whose width grows with the value: of bfloat16 numbers,
//! and of a wanted relative accuracy (DDSketch).

use std::collections::BTreeMap;

use arrow_array::ArrayRef;
use arrow_array::types::Float64Type;
use base::{Result, bail};
use expr::{AggregateArguments, AggregateDeclaration, BoundAggregate};
use types::{Column, DataType};

use super::{Levels, quantile};
use crate::aggregate::arguments::Checks;
use crate::aggregate::grouped::{Function, bound};
use crate::aggregate::kind::{self, floats, integers};
use crate::aggregate::state_bytes::{Plain, corrupt, read_list, write_list};

const BFLOAT: [AggregateDeclaration; 2] = quantile!(
    "quantileBFloat16",
    "quantilesBFloat16",
    "medianBFloat16",
    "x",
    "The level of the values cut to 16 bits of floating point.",
    "0.5",
    "number",
    "5",
    |call, many| bind(call, many, Buckets::BFloat16, 0, false)
);
const BFLOAT_WEIGHTED: [AggregateDeclaration; 2] = quantile!(
    "quantileBFloat16Weighted",
    "quantilesBFloat16Weighted",
    "medianBFloat16Weighted",
    "x, weight",
    "As quantileBFloat16, each value counted as often as its weight says.",
    "0.5",
    "number, 1",
    "5",
    |call, many| bind(call, many, Buckets::BFloat16, 0, true)
);
const RELATIVE: [AggregateDeclaration; 2] = quantile!(
    "quantileDD",
    "quantilesDD",
    "medianDD",
    "x",
    "The level of the values within a relative accuracy, which is the first parameter.",
    "0.01, 0.5",
    "number",
    "5.002829575110705",
    |call, many| bind_relative(call, many)
);

pub(super) static FUNCTIONS: &[AggregateDeclaration] =
    &[BFLOAT[0], BFLOAT[1], BFLOAT_WEIGHTED[0], BFLOAT_WEIGHTED[1], RELATIVE[0], RELATIVE[1]];

/// How values are put into buckets.
#[derive(Debug, Clone, Copy)]
enum Buckets {
    /// By the upper half of a Float32.
    BFloat16,
    /// By the logarithm, so that a bucket's value is off by this share of it at most (for numbers
    /// beyond 1; below the logarithm is cut towards 0, as in ClickHouse, and it is up to twice that).
    Relative(f64),
}

/// How many buckets there are for each factor of e.
fn per_e(accuracy: f64) -> f64 {
    1.0 / ((1.0 + accuracy) / (1.0 - accuracy)).ln()
}

impl Buckets {
    /// The bucket of a value; buckets are ordered as values are.
    fn bucket(self, value: f64) -> i32 {
        match self {
            Buckets::BFloat16 => {
                let bits = ((value as f32).to_bits() >> 16) as i32;
                if bits >= 0x8000 { 0x7fff - bits } else { bits }
            }
            Buckets::Relative(_) if value == 0.0 => 0,
            Buckets::Relative(accuracy) => {
                // Offset, so that all logarithms of Float64 are positive.
                let index = (value.abs().ln() * per_e(accuracy)).clamp(-1e8, 1e8) as i32;
                let index = index + 200_000_000;
                if value < 0.0 { -index } else { index }
            }
        }
    }

    /// The value that stands for a bucket.
    fn value(self, bucket: i32) -> f64 {
        match self {
            Buckets::BFloat16 => {
                let bits = if bucket < 0 { 0x7fff - bucket } else { bucket };
                f64::from(f32::from_bits((bits as u32 & 0xffff) << 16))
            }
            Buckets::Relative(_) if bucket == 0 => 0.0,
            Buckets::Relative(accuracy) => {
                let index = bucket.abs() - 200_000_000;
                let value = (f64::from(index) / per_e(accuracy)).exp() * (1.0 + accuracy);
                if bucket < 0 { -value } else { value }
            }
        }
    }
}

fn bind_relative(call: &AggregateArguments<'_>, many: bool) -> Result<BoundAggregate> {
    let Some(accuracy) = call.float(0)? else {
        bail!(
            NumberOfArgumentsDoesntMatch,
            "Aggregate function {} requires at least one param",
            call.name
        );
    };
    if !(accuracy > 0.0 && accuracy < 1.0) {
        bail!(
            BadArguments,
            "Aggregate function {} requires relative accuracy parameter with value between 0 and 1 \
             but is {accuracy}",
            call.name
        );
    }
    bind(call, many, Buckets::Relative(accuracy), 1, false)
}

fn bind(
    call: &AggregateArguments<'_>,
    many: bool,
    buckets: Buckets,
    skip: usize,
    weighted: bool,
) -> Result<BoundAggregate> {
    let levels = Levels::of(call, skip, many)?;
    call.count(if weighted { 2 } else { 1 })?;
    let data_type = &call.types[0];
    if !data_type.is_number() || matches!(data_type, DataType::Decimal { .. }) {
        return Err(call.illegal(data_type));
    }
    let weight = call.types.get(1).cloned();
    if let Some(weight) = &weight
        && (!weight.is_unsigned_integer() || *weight == DataType::UInt128)
    {
        bail!(
            IllegalTypeOfArgument,
            "Second argument (weight) of function {} must be unsigned integer, but it has type {weight}",
            call.name
        );
    }
    let data_type = data_type.clone();
    Ok(bound(levels.result(DataType::Float64), Bucketed { levels, data_type, weight, buckets }))
}

struct Bucketed {
    levels: Levels,
    data_type: DataType,
    weight: Option<DataType>,
    buckets: Buckets,
}

impl Bucketed {
    fn quantile(&self, counts: &BTreeMap<i32, u64>, level: f64) -> f64 {
        let total = counts.values().fold(0u64, |sum, count| sum.saturating_add(*count));
        let wanted = match self.buckets {
            Buckets::BFloat16 => level * total as f64,
            Buckets::Relative(_) => level * (total.max(1) - 1) as f64,
        };
        let mut sum = 0u64;
        for (bucket, count) in counts {
            sum = sum.saturating_add(*count);
            let reached = match self.buckets {
                Buckets::BFloat16 => sum as f64 >= wanted,
                Buckets::Relative(_) => sum as f64 > wanted,
            };
            if reached {
                return self.buckets.value(*bucket);
            }
        }
        counts.last_key_value().map_or(f64::NAN, |(bucket, _)| self.buckets.value(*bucket))
    }
}

impl Function for Bucketed {
    type State = BTreeMap<i32, u64>;

    fn empty(&self) -> Self::State {
        BTreeMap::new()
    }

    fn update(
        &self,
        states: &mut [Self::State],
        groups: &[u32],
        arguments: &[Column],
    ) -> Result<()> {
        let values = floats(arguments, 0, &self.data_type)?;
        let values = values.input();
        let weights = match &self.weight {
            Some(weight) => Some(integers(arguments, 1, weight, groups.len())?),
            None => None,
        };
        for (row, group) in groups.iter().enumerate() {
            let value = values.at(row);
            let weight = weights.as_ref().map_or(1, |weights| weights[row] as u64);
            if weight > 0 && !value.is_nan() {
                let count = states[*group as usize].entry(self.buckets.bucket(value)).or_default();
                *count = count.saturating_add(weight);
            }
        }
        Ok(())
    }

    fn merge(&self, into: &mut Self::State, from: &Self::State) -> Result<()> {
        for (bucket, count) in from {
            let sum = into.entry(*bucket).or_default();
            *sum = sum.saturating_add(*count);
        }
        Ok(())
    }

    fn write(&self, state: &Self::State, out: &mut Vec<u8>) {
        write_list(state.iter().map(|(bucket, count)| (*bucket, *count)), out);
    }

    fn read(&self, bytes: &mut &[u8]) -> Result<Self::State> {
        let counts: Vec<(i32, u64)> = read_list(bytes)?;
        let far = |bucket: i32| bucket.checked_abs().is_none_or(|b| b > 300_000_000);
        if counts.iter().any(|(bucket, _)| far(*bucket)) {
            return Err(corrupt());
        }
        Ok(counts.into_iter().collect())
    }

    fn finish(&self, states: &mut [Self::State]) -> Result<ArrayRef> {
        let mut found = Vec::new();
        for state in states.iter() {
            found.extend(self.levels.iter().map(|level| self.quantile(state, level)));
        }
        self.levels.column(kind::array::<Float64Type>(found), states.len())
    }

    fn heap(&self, state: &Self::State) -> usize {
        state.len() * (<(i32, u64) as Plain>::BYTES * 2)
    }
}
