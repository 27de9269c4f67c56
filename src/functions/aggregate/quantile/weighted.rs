//! Quantiles of values that count as often as their weight says.

use std::marker::PhantomData;

use arrow_array::ArrayRef;
use arrow_array::types::Float64Type;
use base::{Result, bail};
use expr::{AggregateArguments, AggregateDeclaration, BoundAggregate};
use types::{Column, DataType};

use super::{Levels, has_order, quantile};
use crate::aggregate::arguments::Checks;
use crate::aggregate::collected::{Collect, collected};
use crate::aggregate::kind::{self, Kind, input, integers, with_kind};

/// How a level is looked up among sums of weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// The first value at which the weights so far reach the level.
    First,
    /// Between the middles of values' weights.
    Middles,
    /// As if each value stood as often as it weighs, interpolated.
    Repeated,
}

const EXACT: [AggregateDeclaration; 2] = quantile!(
    "quantileExactWeighted",
    "quantilesExactWeighted",
    "medianExactWeighted",
    "x, weight",
    "The value at a level of the sorted values, each counted as often as its weight says.",
    "0.5",
    "number, number",
    "7",
    |call, many| bind(call, many, Rule::First)
);
const INTERPOLATED: [AggregateDeclaration; 2] = quantile!(
    "quantileInterpolatedWeighted",
    "quantilesInterpolatedWeighted",
    "medianInterpolatedWeighted",
    "x, weight",
    "The level between the middles of the weighted values, interpolated.",
    "0.5",
    "toFloat64(number), number",
    "7.4",
    |call, many| bind(call, many, Rule::Middles)
);
const EXACT_INTERPOLATED: [AggregateDeclaration; 2] = quantile!(
    "quantileExactWeightedInterpolated",
    "quantilesExactWeightedInterpolated",
    "medianExactWeightedInterpolated",
    "x, weight",
    "The level of the sorted values, each counted as often as its weight says, interpolated.",
    "0.5",
    "number, number",
    "7",
    |call, many| bind(call, many, Rule::Repeated)
);

pub(super) static FUNCTIONS: &[AggregateDeclaration] = &[
    EXACT[0],
    EXACT[1],
    INTERPOLATED[0],
    INTERPOLATED[1],
    EXACT_INTERPOLATED[0],
    EXACT_INTERPOLATED[1],
];

fn bind(call: &AggregateArguments<'_>, many: bool, rule: Rule) -> Result<BoundAggregate> {
    let levels = Levels::of(call, 0, many)?;
    call.count(2)?;
    let [data_type, weight] = [&call.types[0], &call.types[1]];
    if !has_order(data_type) {
        return Err(call.illegal(data_type));
    }
    if !weight.is_unsigned_integer() || *weight == DataType::UInt128 {
        bail!(
            IllegalTypeOfArgument,
            "Second argument (weight) of function {} must be unsigned integer, but it has type {weight}",
            call.name
        );
    }
    let weight = weight.clone();
    if rule == Rule::Repeated {
        return with_kind!(data_type, K => {
            Ok(collected(
                levels.result(DataType::Float64),
                Weighted::<K> { levels, rule, weight, floats: true, kind: PhantomData },
            ))
        }, otherwise Err(call.illegal(data_type)));
    }
    let result = levels.result(data_type.clone());
    with_kind!(data_type, K => {
        Ok(collected(result, Weighted::<K> { levels, rule, weight, floats: false, kind: PhantomData }))
    }, otherwise Err(call.illegal(data_type)))
}

struct Weighted<K> {
    levels: Levels,
    rule: Rule,
    weight: DataType,
    /// Whether results are Float64, else of the argument's type.
    floats: bool,
    kind: PhantomData<fn() -> K>,
}

/// The values of all levels: of the argument's type, or as Float64.
enum Found<T> {
    Own(Vec<T>),
    Floats(Vec<f64>),
}

/// The value of a level of sorted (value, weight) pairs.
fn find(rule: Rule, pairs: &[(f64, u64)], level: f64) -> f64 {
    let Some(last) = pairs.last() else { return f64::NAN };
    let total: f64 = pairs.iter().map(|pair| pair.1 as f64).sum();
    if total == 0.0 && rule == Rule::Middles {
        return last.0;
    }
    let mut before = 0.0;
    let mut previous: Option<(f64, f64)> = None;
    let threshold = match rule {
        Rule::Repeated => level * (total - 1.0),
        Rule::First => (level * total).ceil(),
        Rule::Middles => level * total,
    };
    for (at, (value, weight)) in pairs.iter().enumerate() {
        let weight = *weight as f64;
        match rule {
            Rule::First => {
                if before + weight >= threshold {
                    return *value;
                }
            }
            Rule::Repeated => {
                if threshold <= before + weight - 1.0 {
                    return *value;
                }
                if threshold < before + weight {
                    let next = pairs.get(at + 1).map_or(*value, |pair| pair.0);
                    return value + (next - value) * (threshold - (before + weight - 1.0));
                }
            }
            Rule::Middles => {
                let middle = before + weight / 2.0;
                if threshold <= middle {
                    let Some((earlier, place)) = previous else { return *value };
                    return earlier + (value - earlier) * (threshold - place) / (middle - place);
                }
                previous = Some((*value, middle));
            }
        }
        before += weight;
    }
    last.0
}

impl<K: Kind> Collect for Weighted<K> {
    type Item = (K::Native, u64);
    type Output = Found<K::Native>;

    fn items(
        &self,
        arguments: &[Column],
        rows: usize,
        take: &mut dyn FnMut(usize, (K::Native, u64)) -> Result<()>,
    ) -> Result<()> {
        let values = input::<K>(arguments, 0)?;
        let weights = integers(arguments, 1, &self.weight, rows)?;
        for (row, weight) in weights.into_iter().enumerate() {
            let value = values.at(row);
            let counts = weight != 0 || self.rule != Rule::Repeated;
            if counts && !K::is_nan(value) {
                take(row, (value, weight as u64))?;
            }
        }
        Ok(())
    }

    fn result(&self, items: &mut Vec<(K::Native, u64)>) -> Result<Found<K::Native>> {
        items.sort_unstable_by(|a, b| K::less(b.0, a.0).cmp(&K::less(a.0, b.0)));
        // Equal values are one.
        items.dedup_by(|next, kept| {
            let same = kept.0 == next.0;
            if same {
                kept.1 = kept.1.saturating_add(next.1);
            }
            same
        });
        if items.is_empty() && !self.floats {
            return Ok(Found::Own(self.levels.iter().map(|_| K::Native::default()).collect()));
        }
        let places: Vec<(f64, u64)> = match self.rule {
            // Values are only looked up, so they need not be numbers that Float64 holds.
            Rule::First => items.iter().enumerate().map(|(at, i)| (at as f64, i.1)).collect(),
            _ => items.iter().map(|item| (K::to_f64(item.0), item.1)).collect(),
        };
        let values = self.levels.iter().map(|level| find(self.rule, &places, level));
        Ok(match self.rule {
            _ if self.floats => Found::Floats(values.collect()),
            Rule::First => {
                let places = values.map(|value| (value as usize).min(items.len() - 1));
                Found::Own(places.map(|place| items[place].0).collect())
            }
            _ => Found::Own(values.map(from_f64::<K>).collect()),
        })
    }

    fn column(&self, results: Vec<Found<K::Native>>) -> Result<ArrayRef> {
        let groups = results.len();
        let (mut own, mut floats) = (Vec::new(), Vec::new());
        for found in results {
            match found {
                Found::Own(values) => own.extend(values),
                Found::Floats(values) => floats.extend(values),
            }
        }
        let quantiles =
            if self.floats { kind::array::<Float64Type>(floats) } else { kind::array::<K>(own) };
        self.levels.column(quantiles, groups)
    }
}

/// A number in a kind, integers truncated.
pub(super) fn from_f64<K: Kind>(value: f64) -> K::Native {
    use crate::aggregate::state_bytes::Plain;
    let mut bytes = Vec::with_capacity(16);
    if K::FLOAT {
        match <K::Native as Plain>::BYTES {
            4 => (value as f32).write(&mut bytes),
            _ => value.write(&mut bytes),
        }
    } else {
        (value as i128).write(&mut bytes);
    }
    K::Native::read(&mut bytes.as_slice()).unwrap_or_default()
}
