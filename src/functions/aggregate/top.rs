//! The most frequent values, approximately, in bounded memory.
//!
//! Filtered space-saving (Homem and Carvalho, "Finding top-k elements in data streams"), in batches:
//!
//! 1. Up to twice the capacity of values, and at least [`FEW`], are counted exactly.
//! 2. Then as many as the capacity stay, those with the greatest certain counts; the counts of the
//!    others are added up in slots by the hash of the value.
//! 3. A value that comes anew begins with what its slot holds, which is how far it may be off.
//! 4. States are merged as in "parallel space saving" (arXiv 1401.0702): what one side does not watch
//!    may have come there as often as its fullest slot says.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::ArrayRef;
use base::{Result, bail};
use expr::{AggregateArguments, AggregateDeclaration, BoundAggregate, NullRows};
use types::{Column, DataType, TupleField, Value, array_from_values};

use super::arguments::{Checks, USUAL, example};
use super::encoded::Encoding;
use super::grouped::{Function, bound};
use super::hash::hash_bytes;
use super::kind::integers;
use super::state_bytes::{Plain, corrupt, read_length, read_string, write_string, write_varint};

const TOPS: AggregateDeclaration = AggregateDeclaration { nulls: NullRows::SkipThenEmpty, ..USUAL };

pub(crate) static FUNCTIONS: &[AggregateDeclaration] = &[
    AggregateDeclaration {
        name: "topK",
        syntax: "topK(n[, load_factor[, 'counts']])(x)",
        description: "About the n most frequent values, most frequent first; with 'counts' also how often each \
            occurs and by how much that may be too high.",
        examples: &[example("SELECT topK(1)(if(number < 7, 1, number)) FROM numbers(10)", "[1]")],
        bind: |_, call| bind(call, false, false),
        ..TOPS
    },
    AggregateDeclaration {
        name: "topKWeighted",
        syntax: "topKWeighted(n[, load_factor[, 'counts']])(x, weight)",
        description: "About the n values with the greatest sums of weights.",
        examples: &[example("SELECT topKWeighted(1)(number, number) FROM numbers(10)", "[9]")],
        bind: |_, call| bind(call, true, false),
        ..TOPS
    },
    AggregateDeclaration {
        name: "approx_top_k",
        aliases: &["approx_top_count"],
        case_insensitive: true,
        syntax: "approx_top_k(n[, reserved])(x)",
        description: "About the n most frequent values with how often each occurs and by how much that may be too high.",
        examples: &[example(
            "SELECT approx_top_k(1)(if(number < 7, 1, number)) FROM numbers(10)",
            "[(1,7,0)]",
        )],
        bind: |_, call| bind(call, false, true),
        ..TOPS
    },
    AggregateDeclaration {
        name: "approx_top_sum",
        case_insensitive: true,
        syntax: "approx_top_sum(n[, reserved])(x, weight)",
        description: "About the n values with the greatest sums of weights, with the sums and by how much they may be \
            too high.",
        examples: &[example(
            "SELECT approx_top_sum(1)(number, number) FROM numbers(10)",
            "[(9,9,0)]",
        )],
        bind: |_, call| bind(call, true, true),
        ..TOPS
    },
];

/// So many values are always counted, however few are asked for.
const FEW: usize = 64;

/// The most values that can be asked for.
const MOST: u64 = 0xff_ffff;

fn bind(
    call: &AggregateArguments<'_>,
    weighted: bool,
    approximate: bool,
) -> Result<BoundAggregate> {
    call.most_parameters(if approximate { 2 } else { 3 })?;
    call.count(if weighted { 2 } else { 1 })?;
    let wanted = call.natural(0, 10)?;
    let factor = call.natural(1, if approximate { wanted.saturating_mul(3) } else { 3 })?;
    let capacity = if approximate { factor } else { wanted.saturating_mul(factor) };
    if wanted == 0 || wanted > MOST || capacity == 0 || capacity > MOST {
        bail!(
            ArgumentOutOfBound,
            "Parameter {wanted} is illegal for aggregate function '{}'",
            call.name
        );
    }
    let counts = match call.parameters.get(2) {
        None => approximate,
        Some(value) if value.as_str() == Some("counts") => true,
        Some(other) => bail!(
            BadArguments,
            "Third parameter of aggregate function {} is 'counts', got {other}",
            call.name
        ),
    };
    let weight = call.types.get(1).cloned();
    if let Some(weight) = &weight
        && (!weight.is_integer() || weight.bits() >= Some(128))
    {
        return Err(call.illegal(weight));
    }
    let data_type = &call.types[0];
    let field =
        |name: &str, data_type: DataType| TupleField { name: Some(name.to_owned()), data_type };
    let item = if counts {
        DataType::Tuple(
            [
                field("item", data_type.clone()),
                field("count", DataType::UInt64),
                field("error", DataType::UInt64),
            ]
            .into(),
        )
    } else {
        data_type.clone()
    };
    let result = DataType::array(item);
    let function = Top {
        encoding: Encoding::new(std::slice::from_ref(data_type)),
        weight,
        wanted: wanted as usize,
        capacity: capacity.max(wanted) as usize,
        counts,
        result: result.clone(),
    };
    Ok(bound(result, function))
}

struct Top {
    encoding: Encoding,
    weight: Option<DataType>,
    wanted: usize,
    capacity: usize,
    counts: bool,
    result: DataType,
}

/// A value with its count and by how much that may be too high.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Counter {
    value: Arc<[u8]>,
    count: u64,
    error: u64,
}

impl Counter {
    /// Most frequent first, by what is certain, then by what is possible; of equal ones in the
    /// order of bytes, so that it is the same always.
    fn order(&self, other: &Counter) -> Ordering {
        let certain = |c: &Counter| c.count.wrapping_sub(c.error);
        let by_count = certain(other).cmp(&certain(self)).then(other.count.cmp(&self.count));
        by_count.then_with(|| self.value.cmp(&other.value))
    }
}

/// Counts and errors of the values that are watched, and what may have been missed of the others.
#[derive(Debug, Clone, Default)]
struct Counters {
    counters: HashMap<Arc<[u8]>, (u64, u64)>,
    /// By the hash of a value: how often values of that hash came before they were forgotten; empty
    /// until something is forgotten. A value that comes anew may have come as often.
    missed: Vec<u32>,
}

/// Where a value is found among what was missed, whose length is a power of two.
fn slot(value: &[u8], length: usize) -> usize {
    hash_bytes(value) as usize & (length - 1)
}

/// How many slots for what was missed there are for a number of counters.
fn slots(capacity: usize) -> usize {
    capacity.saturating_mul(6).saturating_add(1).next_power_of_two()
}

impl Counters {
    fn add(&mut self, value: &[u8], count: u64, capacity: usize) {
        if let Some(counter) = self.counters.get_mut(value) {
            counter.0 = counter.0.wrapping_add(count);
            return;
        }
        let missed = match self.missed.as_slice() {
            [] => 0,
            // What still has room was not forgotten.
            _ if self.counters.len() < capacity => 0,
            missed => u64::from(missed[slot(value, missed.len())]),
        };
        self.counters.insert(value.into(), (count.wrapping_add(missed), missed));
        self.cut(capacity);
    }

    fn list(&self) -> Vec<Counter> {
        let counter = |(value, (count, error)): (&Arc<[u8]>, &(u64, u64))| Counter {
            value: value.clone(),
            count: *count,
            error: *error,
        };
        self.counters.iter().map(counter).collect()
    }

    /// The first `count` in their order.
    fn first(&self, count: usize) -> Vec<Counter> {
        let mut all = self.list();
        all.sort_unstable_by(Counter::order);
        all.truncate(count);
        all
    }

    /// Forgets the rarer half once there are twice as many as are to be kept.
    fn cut(&mut self, capacity: usize) {
        if self.counters.len() < capacity.saturating_mul(2).max(FEW) {
            return;
        }
        let mut all = self.list();
        all.select_nth_unstable_by(capacity, Counter::order);
        self.missed.resize(slots(capacity), 0);
        for forgotten in all.drain(capacity..) {
            self.counters.remove(&forgotten.value);
            let at = slot(&forgotten.value, self.missed.len());
            let certain = forgotten.count.wrapping_sub(forgotten.error);
            let sum = u64::from(self.missed[at]).saturating_add(certain);
            self.missed[at] = u32::try_from(sum).unwrap_or(u32::MAX);
        }
    }

    /// The most that a value may have come without being watched.
    fn most_missed(&self) -> u64 {
        u64::from(self.missed.iter().copied().max().unwrap_or(0))
    }

    fn merge(&mut self, other: &Counters, capacity: usize) {
        // What one side does not watch may have been there as often as the most that it missed.
        let (mine, theirs) = (self.most_missed(), other.most_missed());
        for (value, counter) in &mut self.counters {
            if !other.counters.contains_key(value) {
                *counter = (counter.0.wrapping_add(theirs), counter.1.wrapping_add(theirs));
            }
        }
        for (value, (count, error)) in &other.counters {
            let counter = self.counters.entry(value.clone()).or_insert((mine, mine));
            *counter = (counter.0.wrapping_add(*count), counter.1.wrapping_add(*error));
        }
        if self.missed.len() < other.missed.len() {
            self.missed.resize(other.missed.len(), 0);
        }
        for (mine, theirs) in self.missed.iter_mut().zip(&other.missed) {
            *mine = mine.saturating_add(*theirs);
        }
        self.cut(capacity);
    }
}

impl Function for Top {
    type State = Counters;

    fn empty(&self) -> Counters {
        Counters::default()
    }

    fn update(&self, states: &mut [Counters], groups: &[u32], arguments: &[Column]) -> Result<()> {
        let weights = match &self.weight {
            Some(weight) => Some(integers(arguments, 1, weight, groups.len())?),
            None => None,
        };
        self.encoding.for_each(arguments, groups.len(), |row, value| {
            let count = weights.as_ref().map_or(1, |weights| weights[row] as u64);
            states[groups[row] as usize].add(value, count, self.capacity);
            Ok(())
        })
    }

    fn merge(&self, into: &mut Counters, from: &Counters) -> Result<()> {
        into.merge(from, self.capacity);
        Ok(())
    }

    fn write(&self, state: &Counters, out: &mut Vec<u8>) {
        write_varint(state.counters.len() as u64, out);
        for counter in state.first(usize::MAX) {
            write_string(&counter.value, out);
            (counter.count, counter.error).write(out);
        }
        write_varint(state.missed.len() as u64, out);
        state.missed.iter().for_each(|missed| missed.write(out));
    }

    fn read(&self, bytes: &mut &[u8]) -> Result<Counters> {
        let length = read_length(bytes, 17)?;
        if length > self.capacity.saturating_mul(2).max(FEW) {
            return Err(corrupt());
        }
        let mut counters = HashMap::with_capacity(length);
        for _ in 0..length {
            let value = read_string(bytes)?;
            self.encoding.check(value)?;
            counters.insert(value.into(), Plain::read(bytes)?);
        }
        let length = read_length(bytes, 4)?;
        if length != 0 && length != slots(self.capacity) {
            return Err(corrupt());
        }
        let missed = (0..length).map(|_| u32::read(bytes)).collect::<Result<_>>()?;
        Ok(Counters { counters, missed })
    }

    fn finish(&self, states: &mut [Counters]) -> Result<ArrayRef> {
        let mut results = Vec::with_capacity(states.len());
        for state in states.iter() {
            let mut items = Vec::new();
            for Counter { value, count, error } in state.first(self.wanted) {
                let value = self.encoding.decode(&value)?;
                items.push(if self.counts {
                    let numbers = [count, error].map(|n| Value::Int(i128::from(n)));
                    let [count, error] = numbers;
                    Value::Tuple([value, count, error].into())
                } else {
                    value
                });
            }
            results.push(Value::Array(items.into()));
        }
        array_from_values(&self.result, &results)
    }

    fn heap(&self, state: &Counters) -> usize {
        let watched: usize = state.counters.keys().map(|value| value.len() + 64).sum();
        watched + 4 * state.missed.len()
    }
}
