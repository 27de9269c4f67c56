//! What intervals cover together, and how many lie over one another.

use std::marker::PhantomData;

use arrow_array::ArrayRef;
use base::Result;
use expr::{AggregateArguments, AggregateDeclaration, BoundAggregate, NullRows};
use types::{Column, DataType, Value, array_from_values};

use super::arguments::{Checks, USUAL, example};
use super::collected::{Collect, collected};
use super::kind::{Kind, input, with_kind};

pub(crate) static FUNCTIONS: &[AggregateDeclaration] = &[
    AggregateDeclaration {
        name: "intervalLengthSum",
        syntax: "intervalLengthSum(start, end)",
        description: "The length that intervals cover together; where they overlap it counts once.",
        examples: &[example("SELECT intervalLengthSum(number, number + 2) FROM numbers(3)", "4")],
        bind: |_, call| bind_intervals(call, Cover::Length),
        nulls: NullRows::SkipThenEmpty,
        ..USUAL
    },
    AggregateDeclaration {
        name: "maxIntersections",
        syntax: "maxIntersections(start, end)",
        description: "How many intervals lie over one another at most.",
        examples: &[example("SELECT maxIntersections(number, number + 2) FROM numbers(5)", "2")],
        bind: |_, call| bind_intervals(call, Cover::Most),
        ..USUAL
    },
    AggregateDeclaration {
        name: "maxIntersectionsPosition",
        syntax: "maxIntersectionsPosition(start, end)",
        description: "Where first the most intervals lie over one another.",
        examples: &[example(
            "SELECT maxIntersectionsPosition(number, number + 2) FROM numbers(5)",
            "1",
        )],
        bind: |_, call| bind_intervals(call, Cover::Position),
        ..USUAL
    },
];

/// What is computed of intervals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cover {
    Length,
    Most,
    Position,
}

fn bind_intervals(call: &AggregateArguments<'_>, cover: Cover) -> Result<BoundAggregate> {
    call.no_parameters()?;
    call.count(2)?;
    let data_type = &call.types[0];
    let timely = cover == Cover::Length && (data_type.is_date() || data_type.is_datetime());
    let number = data_type.is_integer() || data_type.is_float();
    if data_type.physical() != call.types[1].physical() || (!number && !timely) {
        return Err(call.illegal(data_type));
    }
    let result = match cover {
        Cover::Most => DataType::UInt64,
        Cover::Position => data_type.clone(),
        Cover::Length if data_type.is_float() => DataType::Float64,
        Cover::Length => DataType::UInt64,
    };
    with_kind!(data_type, K => {
        Ok(collected(result.clone(), Intervals::<K> { cover, result, kind: PhantomData }))
    }, otherwise Err(call.illegal(data_type)))
}

struct Intervals<K> {
    cover: Cover,
    result: DataType,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Intervals<K> {
    /// The length of the union.
    fn length(items: &[(K::Native, K::Native)]) -> Value {
        let (mut whole, mut float) = (0i128, 0f64);
        let mut reached: Option<K::Native> = None;
        for (start, end) in items {
            let from = match reached {
                Some(reached) if K::less(*start, reached) => reached,
                _ => *start,
            };
            if K::less(from, *end) {
                whole = whole.wrapping_add(K::to_i128(*end).wrapping_sub(K::to_i128(from)));
                float += K::to_f64(*end) - K::to_f64(from);
                reached = Some(*end);
            }
        }
        if K::FLOAT { Value::Float(float) } else { Value::Int(i128::from(whole as u64)) }
    }

    /// The most intervals over one another, and where that is so first.
    fn most(items: &[(K::Native, K::Native)]) -> (i128, K::Native) {
        // Ends before starts at one place: intervals do not hold their end.
        let mut events: Vec<(K::Native, bool)> = Vec::with_capacity(items.len() * 2);
        for (start, end) in items {
            events.push((*start, true));
            events.push((*end, false));
        }
        events.sort_by(|a, b| K::less(b.0, a.0).cmp(&K::less(a.0, b.0)).then(a.1.cmp(&b.1)));
        let (mut most, mut place, mut now) = (0i128, K::Native::default(), 0i128);
        for (at, starts) in events {
            now += if starts { 1 } else { -1 };
            if now > most {
                (most, place) = (now, at);
            }
        }
        (most, place)
    }
}

impl<K: Kind> Collect for Intervals<K> {
    type Item = (K::Native, K::Native);
    type Output = Value;

    fn items(
        &self,
        arguments: &[Column],
        rows: usize,
        take: &mut dyn FnMut(usize, (K::Native, K::Native)) -> Result<()>,
    ) -> Result<()> {
        let (starts, ends) = (input::<K>(arguments, 0)?, input::<K>(arguments, 1)?);
        (0..rows).try_for_each(|row| {
            let (start, end) = (starts.at(row), ends.at(row));
            // A length is the same backwards.
            let turned = self.cover == Cover::Length && K::less(end, start);
            take(row, if turned { (end, start) } else { (start, end) })
        })
    }

    fn result(&self, items: &mut Vec<(K::Native, K::Native)>) -> Result<Value> {
        items.sort_by(|a, b| K::less(b.0, a.0).cmp(&K::less(a.0, b.0)));
        Ok(match self.cover {
            Cover::Length => Intervals::<K>::length(items),
            Cover::Most => Value::Int(Intervals::<K>::most(items).0),
            Cover::Position => {
                let place = Intervals::<K>::most(items).1;
                if K::FLOAT {
                    Value::Float(K::to_f64(place))
                } else {
                    Value::Int(K::to_i128(place))
                }
            }
        })
    }

    fn column(&self, results: Vec<Value>) -> Result<ArrayRef> {
        array_from_values(&self.result, &results)
    }
}
