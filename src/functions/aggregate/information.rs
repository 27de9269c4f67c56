//! The information value of categories: how well each tells a tag that is set from one that is not.

use arrow_array::ArrayRef;
use arrow_array::types::Float64Type;
use base::{Result, bail};
use expr::{AggregateArguments, AggregateDeclaration, BoundAggregate, NullRows};
use types::{Column, DataType};

use super::arguments::{Checks, USUAL, example};
use super::arrays::list;
use super::grouped::{Function, bound};
use super::kind::{self, integers};
use super::state_bytes::{corrupt, read_list, write_list};

pub(crate) static FUNCTIONS: &[AggregateDeclaration] = &[AggregateDeclaration {
    name: "categoricalInformationValue",
    syntax: "categoricalInformationValue(category[, ...], tag)",
    description: "For each category, (P(tag) - P(no tag)) * ln(P(tag) / P(no tag)), where P is the share of the rows \
        with or without the tag that are in the category.",
    examples: &[example(
        "SELECT categoricalInformationValue(number % 3 = 0, number % 2) FROM numbers(6)",
        "[0]",
    )],
    nulls: NullRows::SkipThenEmpty,
    bind: |_, call| bind(call),
    ..USUAL
}];

fn bind(call: &AggregateArguments<'_>) -> Result<BoundAggregate> {
    call.no_parameters()?;
    if call.types.len() < 2 {
        bail!(
            NumberOfArgumentsDoesntMatch,
            "Aggregate function {} requires two or more arguments.",
            call.name
        );
    }
    for data_type in call.types {
        if *data_type != DataType::UInt8 && *data_type != DataType::Bool {
            return Err(call.illegal(data_type));
        }
    }
    Ok(bound(DataType::array(DataType::Float64), Information(call.types.to_vec())))
}

/// Of all arguments: the last is the tag.
struct Information(Vec<DataType>);

impl Function for Information {
    /// Of each category, and last of all rows: the rows without and with the tag.
    type State = Vec<[u64; 2]>;

    fn empty(&self) -> Vec<[u64; 2]> {
        vec![[0; 2]; self.0.len()]
    }

    fn update(
        &self,
        states: &mut [Vec<[u64; 2]>],
        groups: &[u32],
        arguments: &[Column],
    ) -> Result<()> {
        let columns: Vec<Vec<i64>> = self
            .0
            .iter()
            .enumerate()
            .map(|(at, data_type)| integers(arguments, at, data_type, groups.len()))
            .collect::<Result<_>>()?;
        let Some((tags, categories)) = columns.split_last() else { return Ok(()) };
        for (row, group) in groups.iter().enumerate() {
            let counts = &mut states[*group as usize];
            let tag = usize::from(tags[row] != 0);
            for (category, counts) in categories.iter().zip(counts.iter_mut()) {
                counts[tag] += u64::from(category[row] != 0);
            }
            counts[categories.len()][tag] += 1;
        }
        Ok(())
    }

    fn merge(&self, into: &mut Vec<[u64; 2]>, from: &Vec<[u64; 2]>) -> Result<()> {
        for (into, from) in into.iter_mut().zip(from) {
            *into = [into[0].saturating_add(from[0]), into[1].saturating_add(from[1])];
        }
        Ok(())
    }

    fn write(&self, state: &Vec<[u64; 2]>, out: &mut Vec<u8>) {
        write_list(state.iter().copied(), out);
    }

    fn read(&self, bytes: &mut &[u8]) -> Result<Vec<[u64; 2]>> {
        let counts: Vec<[u64; 2]> = read_list(bytes)?;
        if counts.len() == self.0.len() { Ok(counts) } else { Err(corrupt()) }
    }

    fn finish(&self, states: &mut [Vec<[u64; 2]>]) -> Result<ArrayRef> {
        let categories = self.0.len() - 1;
        let mut out = Vec::with_capacity(states.len() * categories);
        for counts in states.iter() {
            let [without, with] = counts[categories];
            for count in &counts[..categories] {
                let no_tag = count[0] as f64 / without as f64;
                let tag = count[1] as f64 / with as f64;
                out.push(match without == 0 || with == 0 {
                    true => f64::NAN,
                    false => (tag - no_tag) * (tag / no_tag).ln(),
                });
            }
        }
        list(kind::array::<Float64Type>(out), vec![categories; states.len()])
    }

    fn heap(&self, state: &Vec<[u64; 2]>) -> usize {
        state.capacity() * 16
    }
}
