//! Quantiles of a sample of at most 8192 values: exact up to there.

use arrow_array::ArrayRef;
use arrow_array::types::Float64Type;
use base::{Result, bail};
use expr::{AggregateArguments, AggregateDeclaration, BoundAggregate};
use types::wide::AsI256;
use types::{Column, DataType, Physical};

use super::weighted::from_f64;
use super::{Levels, has_order, interpolate, quantile};
use crate::aggregate::arguments::Checks;
use crate::aggregate::grouped::{Function, bound};
use crate::aggregate::hash::mix;
use crate::aggregate::kind::{self, Floats, floats, integers, with_kind, wrong_layout};
use crate::aggregate::state_bytes::{Plain, corrupt, read_list, write_list};

/// Values that a sample keeps.
const SIZE: usize = 8192;

/// Levels up to which the values of each are looked for; for more they are sorted.
const FEW_LEVELS: usize = 4;

const RESERVOIR: [AggregateDeclaration; 2] = quantile!(
    "quantile",
    "quantiles",
    "median",
    "x",
    "About the level of the values, interpolated, from a random sample of 8192 of them: exact for no more.",
    "0.25",
    "number",
    "2.5",
    |call, many| bind(call, many, false)
);
const DETERMINISTIC: [AggregateDeclaration; 2] = quantile!(
    "quantileDeterministic",
    "quantilesDeterministic",
    "medianDeterministic",
    "x, determinator",
    "As quantile, with the sample chosen by a hash of the second argument.",
    "0.25",
    "number, 1",
    "2.5",
    |call, many| bind(call, many, true)
);

pub(super) static FUNCTIONS: &[AggregateDeclaration] =
    &[RESERVOIR[0], RESERVOIR[1], DETERMINISTIC[0], DETERMINISTIC[1]];

fn bind(call: &AggregateArguments<'_>, many: bool, deterministic: bool) -> Result<BoundAggregate> {
    let levels = Levels::of(call, 0, many)?;
    call.count(if deterministic { 2 } else { 1 })?;
    let data_type = &call.types[0];
    if !has_order(data_type) || matches!(data_type, DataType::Bool) && deterministic {
        return Err(call.illegal(data_type));
    }
    let determinator = call.types.get(1).cloned();
    if let Some(found) = &determinator
        && (!found.is_integer() && !found.is_date() && !found.is_datetime())
    {
        bail!(
            IllegalTypeOfArgument,
            "Invalid type of argument (determinator): must be integer, got {found}"
        );
    }
    // Dates and decimals give their like.
    let raw = !data_type.is_integer() && !data_type.is_float() && *data_type != DataType::Bool;
    let one = if raw { data_type.clone() } else { DataType::Float64 };
    let result = levels.result(one);
    Ok(bound(result, Sampled { levels, data_type: data_type.clone(), determinator, raw }))
}

/// A bottom-k sample: every value has a hash, the smallest hashes stay. It merges associatively
/// and does not depend on the order of rows where hashes come from the data.
#[derive(Debug, Clone, Default)]
pub(super) struct Sample {
    /// How many values were seen.
    seen: u64,
    /// Hashes below this bound stay; all until the sample is full.
    bound: u64,
    kept: Vec<(u64, f64)>,
}

impl Sample {
    fn add(&mut self, hash: u64, value: f64) {
        self.seen = self.seen.wrapping_add(1);
        if self.bound != 0 && hash >= self.bound {
            return;
        }
        self.kept.push((hash, value));
        // Cut to size now and then, so that cutting costs little for each value.
        if self.kept.len() >= 2 * SIZE {
            self.cut();
        }
    }

    fn cut(&mut self) {
        if self.kept.len() <= SIZE {
            return;
        }
        let (_, first_out, _) =
            self.kept.select_nth_unstable_by(SIZE, |a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        self.bound = first_out.0.max(1);
        self.kept.truncate(SIZE);
    }

    fn merge(&mut self, other: &Sample) {
        self.seen = self.seen.wrapping_add(other.seen);
        // What is beyond the bound of either has enough values before it.
        self.bound = match (self.bound, other.bound) {
            (0, bound) | (bound, 0) => bound,
            (own, bound) => own.min(bound),
        };
        let stays = |kept: &&(u64, f64)| self.bound == 0 || kept.0 < self.bound;
        self.kept.extend(other.kept.iter().filter(stays));
        if self.kept.len() >= 2 * SIZE {
            self.cut();
        }
    }
}

struct Sampled {
    levels: Levels,
    data_type: DataType,
    determinator: Option<DataType>,
    /// Whether values are kept and given unscaled, in the argument's type.
    raw: bool,
}

impl Sampled {
    fn values<'a>(&self, arguments: &'a [Column]) -> Result<Floats<'a>> {
        if !self.raw {
            return floats(arguments, 0, &self.data_type);
        }
        let unscaled = match self.data_type.physical() {
            Physical::Int32 => DataType::Int32,
            Physical::Int64 => DataType::Int64,
            Physical::Int128 => DataType::Int128,
            Physical::Fixed(_) => DataType::Int256,
            _ => self.data_type.clone(),
        };
        floats(arguments, 0, &unscaled)
    }

    fn hashes(&self, arguments: &[Column], rows: usize) -> Result<Option<Vec<i64>>> {
        match &self.determinator {
            Some(data_type) => integers(arguments, 1, data_type, rows).map(Some),
            None => Ok(None),
        }
    }
}

impl Sampled {
    /// Appends the quantiles of some values, which are put into another order.
    fn levels_of(&self, values: &mut [f64], found: &mut Vec<f64>) {
        let last = values.len().saturating_sub(1);
        let sorts = self.levels.iter().count() > FEW_LEVELS;
        if sorts {
            values.sort_unstable_by(f64::total_cmp);
        }
        for level in self.levels.iter() {
            let at = level * last as f64;
            if !sorts && !values.is_empty() {
                // The two values that are interpolated, where they would stand.
                let low = (at.max(0.0) as usize).min(last);
                let (.., behind) = values.select_nth_unstable_by(low, f64::total_cmp);
                let next = (0..behind.len()).min_by(|a, b| behind[*a].total_cmp(&behind[*b]));
                if let Some(next) = next {
                    behind.swap(0, next);
                }
            }
            found.push(interpolate(values, at));
        }
    }
}

impl Function for Sampled {
    type State = Sample;

    fn empty(&self) -> Sample {
        Sample::default()
    }

    fn update(&self, states: &mut [Sample], groups: &[u32], arguments: &[Column]) -> Result<()> {
        let values = self.values(arguments)?;
        let values = values.input();
        let determined = self.hashes(arguments, groups.len())?;
        for (row, group) in groups.iter().enumerate() {
            let value = values.at(row);
            if value.is_nan() {
                continue;
            }
            let state = &mut states[*group as usize];
            let hash = match &determined {
                Some(numbers) => mix(numbers[row] as u64 ^ 0x5bd1_e995),
                // Rows that come later must not look like those that came before.
                None => mix(state.seen ^ mix(value.to_bits())),
            };
            state.add(hash, value);
        }
        Ok(())
    }

    fn merge(&self, into: &mut Sample, from: &Sample) -> Result<()> {
        into.merge(from);
        Ok(())
    }

    fn write(&self, state: &Sample, out: &mut Vec<u8>) {
        let mut state = state.clone();
        state.cut();
        state.seen.write(out);
        state.bound.write(out);
        write_list(state.kept.into_iter(), out);
    }

    fn read(&self, bytes: &mut &[u8]) -> Result<Sample> {
        let (seen, bound) = Plain::read(bytes)?;
        let kept: Vec<(u64, f64)> = read_list(bytes)?;
        if kept.len() > SIZE {
            return Err(corrupt());
        }
        Ok(Sample { seen, bound, kept })
    }

    fn finish(&self, states: &mut [Sample]) -> Result<ArrayRef> {
        let mut found = Vec::new();
        let mut values = Vec::new();
        for state in states.iter_mut() {
            state.cut();
            values.clear();
            values.extend(state.kept.iter().map(|kept| kept.1));
            self.levels_of(&mut values, &mut found);
        }
        let quantiles = if self.raw && self.data_type.wide_sign().is_some() {
            let narrowed = found.iter().map(|v| if v.is_nan() { 0.0 } else { *v });
            types::wide::array(narrowed.map(AsI256::as_i256), None)?
        } else if self.raw {
            with_kind!(&self.data_type, K => {
                let narrowed = found.iter().map(|v| if v.is_nan() { 0.0 } else { *v });
                kind::array::<K>(narrowed.map(from_f64::<K>).collect())
            }, otherwise return Err(wrong_layout()))
        } else {
            kind::array::<Float64Type>(found)
        };
        self.levels.column(quantiles, states.len())
    }

    fn heap(&self, state: &Sample) -> usize {
        state.kept.capacity() * 16
    }
}
