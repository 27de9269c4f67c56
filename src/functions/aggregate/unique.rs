//! Arrays of distinct values, and the entropy of values' counts.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::types::Float64Type;
use arrow_array::{ArrayRef, ListArray};
use arrow_buffer::OffsetBuffer;
use base::{Error, Result, bail};
use expr::{Accumulator, AggregateArguments, AggregateDeclaration, BoundAggregate, NullRows};
use types::{Column, DataType};

use super::arguments::{Checks, USUAL, example};
use super::combinators::Subgroups;
use super::encoded::Encoding;
use super::grouped::foreign_state;
use super::kind;
use super::state_bytes::{
    Plain, read_length, read_string, read_version, write_string, write_varint,
};

pub(crate) static FUNCTIONS: &[AggregateDeclaration] = &[
    AggregateDeclaration {
        name: "groupUniqArray",
        syntax: "groupUniqArray([n])(x)",
        description: "An array of the different values, in the order in which they were met, of at most n of them.",
        examples: &[example("SELECT groupUniqArray(number % 1) FROM numbers(3)", "[0]")],
        nulls: NullRows::SkipThenEmpty,
        bind: |_, call| {
            call.most_parameters(1)?;
            let limit = match (call.parameters.len(), call.natural(0, 0)?) {
                (0, _) => usize::MAX,
                (_, 0) => bail!(
                    BadArguments,
                    "Parameter for aggregate function {} should be positive number",
                    call.name
                ),
                (_, limit) => usize::try_from(limit).unwrap_or(usize::MAX),
            };
            let data_type = call.only()?;
            bind(call, DataType::array(data_type.clone()), Output::Values, limit)
        },
        ..USUAL
    },
    AggregateDeclaration {
        name: "entropy",
        syntax: "entropy(x[, ...])",
        description: "The entropy, in bits, of how often each value (or tuple of values) occurs.",
        examples: &[example("SELECT entropy(number % 4) FROM numbers(8)", "2")],
        bind: |_, call| {
            call.no_parameters()?;
            if call.types.is_empty() {
                bail!(
                    NumberOfArgumentsDoesntMatch,
                    "Incorrect number of arguments for aggregate function {}, should be at least 1",
                    call.name
                );
            }
            bind(call, DataType::Float64, Output::Entropy, usize::MAX)
        },
        ..USUAL
    },
];

#[derive(Debug, Clone, Copy)]
enum Output {
    Values,
    Entropy,
}

fn bind(
    call: &AggregateArguments<'_>,
    result: DataType,
    output: Output,
    limit: usize,
) -> Result<BoundAggregate> {
    let encoding = Encoding::new(call.types);
    Ok(BoundAggregate::new(result, move || Unique {
        encoding: encoding.clone(),
        output,
        limit,
        values: Subgroups::default(),
        counts: Vec::new(),
    }))
}

/// Distinct values with how often they were met.
#[derive(Clone)]
struct Unique {
    encoding: Encoding,
    output: Output,
    limit: usize,
    values: Subgroups,
    counts: Vec<u64>,
}

const VERSION: u8 = 1;

impl Unique {
    fn take(&mut self, group: u32, value: &[u8], count: u64) -> Result<()> {
        if self.limit != usize::MAX && self.values.count(group as usize) >= self.limit {
            return Ok(());
        }
        let (number, _) = self.values.number(group, value)?;
        self.counts.resize(self.values.len(), 0);
        let sum = &mut self.counts[number as usize];
        *sum = sum.saturating_add(count);
        Ok(())
    }

    fn entropy(&self, group: usize) -> f64 {
        let counts = || self.values.of_group(group).map(|n| self.counts[n as usize] as f64);
        let total: f64 = counts().sum();
        let bits: f64 = counts().map(|count| count / total * (count / total).log2()).sum();
        0.0 - bits
    }
}

impl Accumulator for Unique {
    fn resize(&mut self, groups: usize) {
        self.values.resize(groups);
    }

    fn update(&mut self, groups: &[u32], arguments: &[Column]) -> Result<()> {
        let encoding = self.encoding.clone();
        encoding.for_each(arguments, groups.len(), |row, value| self.take(groups[row], value, 1))
    }

    fn merge(&mut self, groups: &[u32], other: &dyn Accumulator) -> Result<()> {
        let other = other.as_any().downcast_ref::<Unique>().ok_or_else(foreign_state)?;
        for number in 0..other.values.len() {
            let (group, value) = other.values.pair(number);
            let into = groups.get(group as usize).ok_or_else(foreign_state)?;
            self.take(*into, value, other.counts[number])?;
        }
        Ok(())
    }

    fn serialize(&self, group: usize, out: &mut Vec<u8>) -> Result<()> {
        out.push(VERSION);
        write_varint(self.values.count(group) as u64, out);
        for number in self.values.of_group(group) {
            write_string(self.values.pair(number as usize).1, out);
            self.counts[number as usize].write(out);
        }
        Ok(())
    }

    fn deserialize(&mut self, group: u32, bytes: &mut &[u8]) -> Result<()> {
        read_version(bytes, VERSION)?;
        for _ in 0..read_length(bytes, 9)? {
            let value = read_string(bytes)?;
            self.encoding.check(value)?;
            let count = u64::read(bytes)?;
            self.take(group, value, count)?;
        }
        Ok(())
    }

    fn finish(&mut self, groups: Range<usize>) -> Result<ArrayRef> {
        if let Output::Entropy = self.output {
            return Ok(kind::array::<Float64Type>(groups.map(|g| self.entropy(g)).collect()));
        }
        let lengths: Vec<usize> = groups.clone().map(|g| self.values.count(g)).collect();
        let values = groups
            .flat_map(|group| self.values.of_group(group))
            .map(|number| Some(self.values.pair(number as usize).1));
        let items = self.encoding.array(values)?;
        let field = arrow_schema::Field::new("item", items.data_type().clone(), true);
        ListArray::try_new(Arc::new(field), OffsetBuffer::from_lengths(lengths), items, None)
            .map(|list| Arc::new(list) as ArrayRef)
            .map_err(|e| Error::logical(e.to_string()))
    }

    fn memory(&self) -> usize {
        self.values.memory() + self.counts.capacity() * 8
    }
}
