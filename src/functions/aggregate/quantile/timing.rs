//! Quantiles of durations in milliseconds: exact to 1023, to 16 up to 30000, and no more.

use arrow_array::ArrayRef;
use arrow_array::types::Float32Type;
use base::{Result, bail};
use expr::{AggregateArguments, AggregateDeclaration, BoundAggregate};
use types::{Column, DataType};

use super::{Levels, quantile};
use crate::aggregate::arguments::Checks;
use crate::aggregate::grouped::{Function, bound};
use crate::aggregate::kind::{self, floats, integers};
use crate::aggregate::state_bytes::{corrupt, read_list, write_list};

const PLAIN: [AggregateDeclaration; 2] = quantile!(
    "quantileTiming",
    "quantilesTiming",
    "medianTiming",
    "x",
    "The level of durations in milliseconds, in little memory: exact to 1023, to 16 up to 30000.",
    "0.5",
    "number",
    "5",
    |call, many| bind(call, many, false)
);
const WEIGHTED: [AggregateDeclaration; 2] = quantile!(
    "quantileTimingWeighted",
    "quantilesTimingWeighted",
    "medianTimingWeighted",
    "x, weight",
    "As quantileTiming, each duration counted as often as its weight says.",
    "0.5",
    "number, 1",
    "5",
    |call, many| bind(call, many, true)
);

pub(super) static FUNCTIONS: &[AggregateDeclaration] =
    &[PLAIN[0], PLAIN[1], WEIGHTED[0], WEIGHTED[1]];

/// The longest duration that is told apart.
const LONGEST: u16 = 30_000;

/// A group with no more values keeps them as they are.
const EXACT: u64 = 31 * 184;

fn bind(call: &AggregateArguments<'_>, many: bool, weighted: bool) -> Result<BoundAggregate> {
    let levels = Levels::of(call, 0, many)?;
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
    Ok(bound(levels.result(DataType::Float32), Timing { levels, data_type, weight }))
}

struct Timing {
    levels: Levels,
    data_type: DataType,
    weight: Option<DataType>,
}

/// Durations with counts; sorted and without doubles up to `sorted`.
#[derive(Debug, Clone, Default)]
pub(super) struct Durations {
    counts: Vec<(u16, u64)>,
    sorted: usize,
}

impl Durations {
    fn add(&mut self, duration: u16, count: u64) {
        self.counts.push((duration, count));
        if self.counts.len() > 2 * self.sorted + 64 {
            self.tidy();
        }
    }

    fn tidy(&mut self) {
        self.counts.sort_unstable_by_key(|count| count.0);
        self.counts.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 = kept.1.saturating_add(next.1);
            }
            same
        });
        self.sorted = self.counts.len();
    }

    fn quantile(&self, level: f64) -> f32 {
        let total: u64 = self.counts.iter().fold(0, |sum: u64, count| sum.saturating_add(count.1));
        let exact = total <= EXACT;
        // Few values are looked up by their place, many by their share.
        let wanted = if exact {
            (level * total as f64) as u64 + u64::from(level < 1.0)
        } else {
            (level * total as f64).ceil() as u64
        };
        let mut sum = 0u64;
        for (duration, count) in &self.counts {
            sum = sum.saturating_add(*count);
            if sum >= wanted {
                return match duration {
                    1024..LONGEST if !exact => f32::from(duration / 16 * 16 + 10),
                    _ => f32::from(*duration),
                };
            }
        }
        self.counts.last().map_or(f32::NAN, |last| f32::from(last.0))
    }
}

impl Function for Timing {
    type State = Durations;

    fn empty(&self) -> Durations {
        Durations::default()
    }

    fn update(&self, states: &mut [Durations], groups: &[u32], arguments: &[Column]) -> Result<()> {
        let values = floats(arguments, 0, &self.data_type)?;
        let values = values.input();
        let weights = match &self.weight {
            Some(weight) => Some(integers(arguments, 1, weight, groups.len())?),
            None => None,
        };
        for (row, group) in groups.iter().enumerate() {
            let value = values.at(row);
            let weight = weights.as_ref().map_or(1, |weights| weights[row] as u64);
            if weight > 0 && value >= 0.0 {
                states[*group as usize].add(value.min(f64::from(LONGEST)) as u16, weight);
            }
        }
        Ok(())
    }

    fn merge(&self, into: &mut Durations, from: &Durations) -> Result<()> {
        from.counts.iter().for_each(|(duration, count)| into.add(*duration, *count));
        Ok(())
    }

    fn write(&self, state: &Durations, out: &mut Vec<u8>) {
        let mut state = state.clone();
        state.tidy();
        write_list(state.counts.into_iter(), out);
    }

    fn read(&self, bytes: &mut &[u8]) -> Result<Durations> {
        let counts: Vec<(u16, u64)> = read_list(bytes)?;
        if counts.iter().any(|count| count.0 > LONGEST) {
            return Err(corrupt());
        }
        Ok(Durations { counts, sorted: 0 })
    }

    fn finish(&self, states: &mut [Durations]) -> Result<ArrayRef> {
        let mut found = Vec::new();
        for state in states.iter_mut() {
            state.tidy();
            found.extend(self.levels.iter().map(|level| state.quantile(level)));
        }
        self.levels.column(kind::array::<Float32Type>(found), states.len())
    }

    fn heap(&self, state: &Durations) -> usize {
        state.counts.capacity() * 16
    }
}
