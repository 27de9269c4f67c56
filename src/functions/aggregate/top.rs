//! The most frequent values, approximately, in bounded memory.
//!
//! Space-saving in batches: up to twice the capacity of values are counted; then the most
//! frequent half stays, and the greatest count that went is the floor from which new values
//! start, which is how far their count may be off. With fewer distinct values than the capacity
//! the counts are exact.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::ArrayRef;
use base::{Result, bail};
use expr::{AggregateArguments, AggregateDeclaration, BoundAggregate, NullRows};
use types::{Column, DataType, TupleField, Value, array_from_values};

use super::arguments::{Checks, USUAL, example};
use super::encoded::Encoding;
use super::grouped::{Function, bound};
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
            "SELECT approx_top_sum(1)(x, w) FROM (SELECT 'a' AS x, 2 AS w UNION ALL SELECT 'b', 1)",
            "[('a',2,0)]",
        )],
        bind: |_, call| bind(call, true, true),
        ..TOPS
    },
];

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
        && (!weight.is_integer() || weight.bits() == Some(128))
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

/// Values with count and error; the floor of values that are not among them.
#[derive(Debug, Clone, Default)]
struct Counters {
    counters: HashMap<Arc<[u8]>, (u64, u64)>,
    floor: u64,
}

type Counter = (Arc<[u8]>, (u64, u64));

impl Counters {
    fn add(&mut self, value: &[u8], count: u64, error: u64, capacity: usize) {
        if let Some(counter) = self.counters.get_mut(value) {
            counter.0 = counter.0.saturating_add(count);
            counter.1 = counter.1.saturating_add(error);
            return;
        }
        let counter = (self.floor.saturating_add(count), self.floor.saturating_add(error));
        self.counters.insert(value.into(), counter);
        if self.counters.len() > capacity.saturating_mul(2) {
            self.cut(capacity);
        }
    }

    /// Most frequent first; of equal counts in the order of bytes, so that it is the same always.
    fn sorted(&self) -> Vec<Counter> {
        let mut all: Vec<Counter> =
            self.counters.iter().map(|(value, counter)| (value.clone(), *counter)).collect();
        all.sort_by(|a, b| b.1.0.cmp(&a.1.0).then_with(|| a.0.cmp(&b.0)));
        all
    }

    fn cut(&mut self, capacity: usize) {
        if self.counters.len() <= capacity {
            return;
        }
        let mut all = self.sorted();
        let dropped = all.split_off(capacity);
        self.floor = dropped.first().map_or(self.floor, |first| self.floor.max(first.1.0));
        self.counters = all.into_iter().collect();
    }

    fn merge(&mut self, other: &Counters, capacity: usize) {
        // What the other does not know may have been there as often as its floor says.
        let (mine, theirs) = (self.floor, other.floor);
        for (value, counter) in &mut self.counters {
            if !other.counters.contains_key(value) {
                *counter = (counter.0.saturating_add(theirs), counter.1.saturating_add(theirs));
            }
        }
        for (value, (count, error)) in &other.counters {
            let counter = self.counters.entry(value.clone()).or_insert((mine, mine));
            *counter = (counter.0.saturating_add(*count), counter.1.saturating_add(*error));
        }
        self.floor = mine.saturating_add(theirs);
        if self.counters.len() > capacity.saturating_mul(2) {
            self.cut(capacity);
        }
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
            if count > 0 {
                states[groups[row] as usize].add(value, count, 0, self.capacity);
            }
            Ok(())
        })
    }

    fn merge(&self, into: &mut Counters, from: &Counters) -> Result<()> {
        into.merge(from, self.capacity);
        Ok(())
    }

    fn write(&self, state: &Counters, out: &mut Vec<u8>) {
        state.floor.write(out);
        write_varint(state.counters.len() as u64, out);
        for (value, counter) in state.sorted() {
            write_string(&value, out);
            counter.write(out);
        }
    }

    fn read(&self, bytes: &mut &[u8]) -> Result<Counters> {
        let floor = u64::read(bytes)?;
        let length = read_length(bytes, 17)?;
        if length > self.capacity.saturating_mul(2) {
            return Err(corrupt());
        }
        let mut counters = HashMap::with_capacity(length);
        for _ in 0..length {
            let value = read_string(bytes)?;
            self.encoding.check(value)?;
            counters.insert(value.into(), Plain::read(bytes)?);
        }
        Ok(Counters { counters, floor })
    }

    fn finish(&self, states: &mut [Counters]) -> Result<ArrayRef> {
        let mut results = Vec::with_capacity(states.len());
        for state in states.iter() {
            let mut items = Vec::new();
            for (value, (count, error)) in state.sorted().into_iter().take(self.wanted) {
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
        state.counters.keys().map(|value| value.len() + 64).sum()
    }
}
