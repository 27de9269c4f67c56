//! Quantiles by t-digest: values are brought together into centroids, small ones at the ends.

use arrow_array::ArrayRef;
use arrow_array::types::{Float32Type, UInt16Type, UInt32Type};
use base::{Result, bail};
use expr::{AggregateArguments, AggregateDeclaration, BoundAggregate};
use types::{Column, DataType};

use super::{Levels, has_order, quantile};
use crate::aggregate::arguments::Checks;
use crate::aggregate::grouped::{Function, bound};
use crate::aggregate::kind::{self, floats, integers};
use crate::aggregate::state_bytes::{corrupt, read_list, write_list};

const PLAIN: [AggregateDeclaration; 2] = quantile!(
    "quantileTDigest",
    "quantilesTDigest",
    "medianTDigest",
    "x",
    "About the level of the values, by t-digest: most exact near 0 and 1.",
    "0.5",
    "number",
    "5",
    |call, many| bind(call, many, false)
);
const WEIGHTED: [AggregateDeclaration; 2] = quantile!(
    "quantileTDigestWeighted",
    "quantilesTDigestWeighted",
    "medianTDigestWeighted",
    "x, weight",
    "About the level of the values, each counted as often as its weight says, by t-digest.",
    "0.5",
    "number, 1",
    "5",
    |call, many| bind(call, many, true)
);

pub(super) static FUNCTIONS: &[AggregateDeclaration] =
    &[PLAIN[0], PLAIN[1], WEIGHTED[0], WEIGHTED[1]];

/// Size of a centroid against its distance from the ends.
const EPSILON: f64 = 0.01;

/// Centroids that are taken before they are brought together.
const UNMERGED: usize = 2048;

fn bind(call: &AggregateArguments<'_>, many: bool, weighted: bool) -> Result<BoundAggregate> {
    let levels = Levels::of(call, 0, many)?;
    call.count(if weighted { 2 } else { 1 })?;
    let data_type = &call.types[0];
    let excluded = matches!(
        data_type,
        DataType::Decimal { .. }
            | DataType::DateTime64(..)
            | DataType::Date32
            | DataType::Interval(_)
    );
    if !has_order(data_type) || excluded {
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
    let time = matches!(data_type, DataType::Date | DataType::DateTime(_));
    let one = if time { data_type.clone() } else { DataType::Float32 };
    Ok(bound(levels.result(one), Digested { levels, data_type: data_type.clone(), weight }))
}

/// Mean and count.
type Centroid = (f64, f64);

/// Centroids; `merged` of them, at the front, are sorted and brought together.
#[derive(Debug, Clone, Default)]
pub(super) struct Digest {
    centroids: Vec<Centroid>,
    merged: usize,
}

impl Digest {
    fn add(&mut self, mean: f64, count: f64) {
        self.centroids.push((mean, count));
        if self.centroids.len() - self.merged > UNMERGED {
            self.compress();
        }
    }

    fn merge(&mut self, other: &Digest) {
        other.centroids.iter().for_each(|(mean, count)| self.add(*mean, *count));
    }

    /// Sorts, and brings neighbours together as long as their weight allows it.
    fn compress(&mut self) {
        if self.merged == self.centroids.len() {
            return;
        }
        // Stable: centroids of one mean stay in the order in which they came.
        self.centroids.sort_by(|a, b| a.0.total_cmp(&b.0));
        let total: f64 = self.centroids.iter().map(|c| c.1).sum();
        let mut kept: Vec<Centroid> = Vec::new();
        let mut before = 0.0;
        for (mean, count) in self.centroids.drain(..) {
            if let Some(last) = kept.last_mut() {
                let together = last.1 + count;
                // The bound of the smaller of the quantiles at both ends holds.
                let bound = |at: f64| 4.0 * total * EPSILON * (at / total) * (1.0 - at / total);
                let apart = last.0 != mean && (last.0.is_infinite() || mean.is_infinite());
                if !apart
                    && together
                        <= bound(before + last.1 / 2.0).min(bound(before + last.1 + count / 2.0))
                {
                    if last.0 != mean {
                        last.0 += count * (mean - last.0) / together;
                    }
                    last.1 = together;
                    continue;
                }
                before += last.1;
            }
            kept.push((mean, count));
        }
        self.centroids = kept;
        self.merged = self.centroids.len();
    }

    /// The value of a level: between the middles of centroids, flat over one that stands for one value.
    fn quantile(&self, level: f64) -> f64 {
        let Some((first, last)) = self.centroids.first().zip(self.centroids.last()) else {
            return f64::NAN;
        };
        let total: f64 = self.centroids.iter().map(|c| c.1).sum();
        let wanted = level * total;
        let (mut previous, mut sum) = (*first, 0.0);
        let mut middle_before = first.1 / 2.0;
        for (at, centroid) in self.centroids.iter().enumerate() {
            let middle = sum + centroid.1 / 2.0;
            if at > 0 && middle >= wanted {
                let left = middle_before + 0.5 * f64::from(u8::from(previous.1 == 1.0));
                let right = middle - 0.5 * f64::from(u8::from(centroid.1 == 1.0));
                return if wanted <= left {
                    previous.0
                } else if wanted >= right {
                    centroid.0
                } else {
                    // Of both sides, so that an infinite one stays infinite.
                    let share = (wanted - left) / (right - left);
                    (1.0 - share) * previous.0 + share * centroid.0
                };
            }
            if at == 0 && wanted <= middle {
                return first.0;
            }
            sum += centroid.1;
            previous = *centroid;
            middle_before = middle;
        }
        last.0
    }
}

struct Digested {
    levels: Levels,
    data_type: DataType,
    weight: Option<DataType>,
}

impl Function for Digested {
    type State = Digest;

    fn empty(&self) -> Digest {
        Digest::default()
    }

    fn update(&self, states: &mut [Digest], groups: &[u32], arguments: &[Column]) -> Result<()> {
        let values = floats(arguments, 0, &self.data_type)?;
        let values = values.input();
        let weights = match &self.weight {
            Some(weight) => Some(integers(arguments, 1, weight, groups.len())?),
            None => None,
        };
        for (row, group) in groups.iter().enumerate() {
            let value = values.at(row);
            let weight = weights.as_ref().map_or(1.0, |weights| weights[row] as u64 as f64);
            if weight > 0.0 && !value.is_nan() {
                states[*group as usize].add(value, weight);
            }
        }
        Ok(())
    }

    fn merge(&self, into: &mut Digest, from: &Digest) -> Result<()> {
        into.merge(from);
        Ok(())
    }

    fn write(&self, state: &Digest, out: &mut Vec<u8>) {
        if state.centroids.len() <= UNMERGED {
            return write_list(state.centroids.iter().copied(), out);
        }
        let mut state = state.clone();
        state.compress();
        write_list(state.centroids.into_iter(), out);
    }

    fn read(&self, bytes: &mut &[u8]) -> Result<Digest> {
        let centroids: Vec<Centroid> = read_list(bytes)?;
        if centroids
            .iter()
            .any(|(mean, count)| mean.is_nan() || !count.is_finite() || *count <= 0.0)
        {
            return Err(corrupt());
        }
        Ok(Digest { centroids, merged: 0 })
    }

    fn finish(&self, states: &mut [Digest]) -> Result<ArrayRef> {
        let mut found = Vec::new();
        for state in states.iter_mut() {
            state.compress();
            found.extend(self.levels.iter().map(|level| state.quantile(level)));
        }
        let found = found.into_iter();
        let quantiles = match self.data_type {
            DataType::Date => kind::array::<UInt16Type>(found.map(|v| v as u16).collect()),
            DataType::DateTime(_) => kind::array::<UInt32Type>(found.map(|v| v as u32).collect()),
            _ => kind::array::<Float32Type>(found.map(|v| v as f32).collect()),
        };
        self.levels.column(quantiles, states.len())
    }

    fn heap(&self, state: &Digest) -> usize {
        state.centroids.capacity() * size_of::<Centroid>()
    }
}
