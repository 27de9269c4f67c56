//! One value out of a group's: smallest, greatest, first, last.

use std::marker::PhantomData;
use std::ops::Range;

use arrow_array::ArrayRef;
use base::Result;
use expr::{Accumulator, AggregateArguments, AggregateDeclaration, BoundAggregate, NullRows};
use types::{Column, DataType};

use crate::scalar::order::Missing;

use super::arguments::{Checks, USUAL, example};
use super::encoded::Encoding;
use super::grouped::{Function, bound, foreign_state};
use super::kind::{self, Input, Kind, input, with_kind};
use super::slots::Slots;
use super::state_bytes::{Plain, read_string, read_version, write_string};

pub(crate) static FUNCTIONS: &[AggregateDeclaration] = &[
    AggregateDeclaration {
        name: "min",
        case_insensitive: true,
        syntax: "min(x)",
        description: "The smallest value; of any type that can be compared.",
        examples: &[example("SELECT min(number) FROM numbers(3, 4)", "3")],
        bind: |_, call| bind::<Smallest>(call),
        ..USUAL
    },
    AggregateDeclaration {
        name: "max",
        case_insensitive: true,
        syntax: "max(x)",
        description: "The greatest value; of any type that can be compared.",
        examples: &[example("SELECT max(number) FROM numbers(3, 4)", "6")],
        bind: |_, call| bind::<Greatest>(call),
        ..USUAL
    },
    AggregateDeclaration {
        name: "any",
        aliases: &["any_value", "first_value"],
        case_insensitive: true,
        syntax: "any(x)",
        description: "The first value that is met, NULL aside.",
        examples: &[example("SELECT any(number) FROM numbers(7, 1)", "7")],
        bind: |_, call| bind::<First>(call),
        ..USUAL
    },
    AggregateDeclaration {
        name: "anyLast",
        aliases: &["last_value"],
        case_insensitive: true,
        syntax: "anyLast(x)",
        description: "The last value that is met, NULL aside.",
        examples: &[example("SELECT anyLast(number) FROM numbers(7, 1)", "7")],
        bind: |_, call| bind::<Last>(call),
        ..USUAL
    },
    AggregateDeclaration {
        name: "any_respect_nulls",
        aliases: &[
            "anyRespectNulls",
            "any_value_respect_nulls",
            "anyValueRespectNulls",
            "first_value_respect_nulls",
            "firstValueRespectNulls",
        ],
        case_insensitive: true,
        syntax: "any_respect_nulls(x)",
        description: "The first value that is met, which may be NULL.",
        examples: &[example(
            "SELECT any_respect_nulls(if(number = 0, NULL, number)) FROM numbers(3)",
            "\\N",
        )],
        nulls: NullRows::Custom,
        bind: |_, call| bind::<First>(call),
    },
    AggregateDeclaration {
        name: "anyLast_respect_nulls",
        aliases: &["anyLastRespectNulls", "last_value_respect_nulls", "lastValueRespectNulls"],
        case_insensitive: true,
        syntax: "anyLast_respect_nulls(x)",
        description: "The last value that is met, which may be NULL.",
        examples: &[example(
            "SELECT anyLast_respect_nulls(if(number = 2, NULL, number)) FROM numbers(3)",
            "\\N",
        )],
        nulls: NullRows::Custom,
        bind: |_, call| bind::<Last>(call),
    },
];

/// Which of two values stays.
pub(crate) trait Choice: Send + Sync + 'static {
    /// Whether a later value takes the place of the earlier, of numbers.
    fn replaces<K: Kind>(later: K::Native, earlier: K::Native) -> bool;

    /// Whether a later value takes the place of the earlier, of encoded values.
    fn replaces_bytes(encoding: &Encoding, later: &[u8], earlier: &[u8]) -> bool;
}

struct Smallest;
struct Greatest;
struct First;
struct Last;

impl Choice for Smallest {
    #[inline]
    fn replaces<K: Kind>(later: K::Native, earlier: K::Native) -> bool {
        K::less(later, earlier)
    }

    fn replaces_bytes(encoding: &Encoding, later: &[u8], earlier: &[u8]) -> bool {
        encoding.compare(later, earlier, Missing::Greatest).is_lt()
    }
}

impl Choice for Greatest {
    #[inline]
    fn replaces<K: Kind>(later: K::Native, earlier: K::Native) -> bool {
        if K::FLOAT && (K::is_nan(later) || K::is_nan(earlier)) {
            return !K::is_nan(later);
        }
        K::less(earlier, later)
    }

    fn replaces_bytes(encoding: &Encoding, later: &[u8], earlier: &[u8]) -> bool {
        encoding.compare(later, earlier, Missing::Least).is_gt()
    }
}

impl Choice for First {
    #[inline]
    fn replaces<K: Kind>(_: K::Native, _: K::Native) -> bool {
        false
    }

    fn replaces_bytes(_: &Encoding, _: &[u8], _: &[u8]) -> bool {
        false
    }
}

impl Choice for Last {
    #[inline]
    fn replaces<K: Kind>(_: K::Native, _: K::Native) -> bool {
        true
    }

    fn replaces_bytes(_: &Encoding, _: &[u8], _: &[u8]) -> bool {
        true
    }
}

/// Binds `min`.
pub(crate) fn bind_min(
    _: &expr::FunctionContext,
    call: &AggregateArguments<'_>,
) -> Result<BoundAggregate> {
    bind::<Smallest>(call)
}

/// Binds `max`.
pub(crate) fn bind_max(
    _: &expr::FunctionContext,
    call: &AggregateArguments<'_>,
) -> Result<BoundAggregate> {
    bind::<Greatest>(call)
}

fn bind<C: Choice>(call: &AggregateArguments<'_>) -> Result<BoundAggregate> {
    call.no_parameters()?;
    let data_type = call.only()?;
    if let DataType::AggregateFunction(_) = data_type.inner() {
        return Err(call.illegal(data_type));
    }
    if !data_type.is_nullable() {
        with_kind!(data_type, K => {
            return Ok(bound(data_type.clone(), Chosen::<K, C>(data_type.default_value().as_int().unwrap_or(0), PhantomData)));
        }, otherwise ());
    }
    let encoding = Encoding::new(std::slice::from_ref(data_type));
    Ok(BoundAggregate::new(data_type.clone(), move || ChosenBytes::<C> {
        encoding: encoding.clone(),
        slots: Slots::default(),
        choice: PhantomData,
    }))
}

/// A value, and whether there is one.
#[derive(Debug, Clone, Copy, Default)]
struct Option1<N> {
    value: N,
    seen: bool,
}

/// Choice among numbers; the number is what no rows give.
struct Chosen<K, C>(i128, PhantomData<fn() -> (K, C)>);

fn choose<K: Kind, C: Choice>(state: &mut Option1<K::Native>, value: K::Native) {
    if !state.seen || C::replaces::<K>(value, state.value) {
        *state = Option1 { value, seen: true };
    }
}

impl<K: Kind, C: Choice> Function for Chosen<K, C> {
    type State = Option1<K::Native>;

    fn empty(&self) -> Self::State {
        Option1::default()
    }

    fn update(
        &self,
        states: &mut [Self::State],
        groups: &[u32],
        arguments: &[Column],
    ) -> Result<()> {
        input::<K>(arguments, 0)?
            .for_each(groups, |group, value| choose::<K, C>(&mut states[group], value));
        Ok(())
    }

    fn update_one(&self, state: &mut Self::State, arguments: &[Column], _: usize) -> Result<()> {
        let best =
            match input::<K>(arguments, 0)? {
                Input::Slice([]) => return Ok(()),
                Input::Slice([first, rest @ ..]) => rest.iter().fold(*first, |best, value| {
                    if C::replaces::<K>(*value, best) { *value } else { best }
                }),
                Input::Constant(value) => value,
            };
        choose::<K, C>(state, best);
        Ok(())
    }

    fn merge(&self, into: &mut Self::State, from: &Self::State) -> Result<()> {
        if from.seen {
            choose::<K, C>(into, from.value);
        }
        Ok(())
    }

    fn write(&self, state: &Self::State, out: &mut Vec<u8>) {
        (state.seen, state.value).write(out);
    }

    fn read(&self, bytes: &mut &[u8]) -> Result<Self::State> {
        let (seen, value) = Plain::read(bytes)?;
        Ok(Option1 { value, seen })
    }

    fn finish(&self, states: &mut [Self::State]) -> Result<ArrayRef> {
        let mut bytes = Vec::new();
        if K::FLOAT {
            0i128.write(&mut bytes);
        } else {
            self.0.write(&mut bytes);
        }
        let default = K::Native::read(&mut bytes.as_slice())?;
        let values = states.iter().map(|s| if s.seen { s.value } else { default });
        Ok(kind::array::<K>(values.collect()))
    }
}

/// Choice among encoded values.
struct ChosenBytes<C> {
    encoding: Encoding,
    slots: Slots,
    choice: PhantomData<fn() -> C>,
}

const VERSION: u8 = 1;

impl<C> Clone for ChosenBytes<C> {
    fn clone(&self) -> ChosenBytes<C> {
        ChosenBytes {
            encoding: self.encoding.clone(),
            slots: self.slots.clone(),
            choice: PhantomData,
        }
    }
}

impl<C: Choice> ChosenBytes<C> {
    fn choose(&mut self, group: usize, value: &[u8]) {
        let replaces = match self.slots.get(group) {
            Some(earlier) => C::replaces_bytes(&self.encoding, value, earlier),
            None => true,
        };
        if replaces {
            self.slots.set(group, value);
        }
    }
}

impl<C: Choice> Accumulator for ChosenBytes<C> {
    fn resize(&mut self, groups: usize) {
        self.slots.resize(groups);
    }

    fn update(&mut self, groups: &[u32], arguments: &[Column]) -> Result<()> {
        let encoding = self.encoding.clone();
        encoding.for_each(arguments, groups.len(), |row, value| {
            self.choose(groups[row] as usize, value);
            Ok(())
        })
    }

    fn update_one(&mut self, group: u32, arguments: &[Column], rows: usize) -> Result<()> {
        let constant = arguments.iter().all(Column::is_constant);
        let encoding = self.encoding.clone();
        encoding.for_each(arguments, if constant { rows.min(1) } else { rows }, |_, value| {
            self.choose(group as usize, value);
            Ok(())
        })
    }

    fn merge(&mut self, groups: &[u32], other: &dyn Accumulator) -> Result<()> {
        let other = other.as_any().downcast_ref::<ChosenBytes<C>>().ok_or_else(foreign_state)?;
        for (at, group) in groups.iter().enumerate() {
            if let Some(value) = other.slots.get(at) {
                self.choose(*group as usize, value);
            }
        }
        Ok(())
    }

    fn serialize(&self, group: usize, out: &mut Vec<u8>) -> Result<()> {
        out.push(VERSION);
        write_optional(self.slots.get(group), out);
        Ok(())
    }

    fn deserialize(&mut self, group: u32, bytes: &mut &[u8]) -> Result<()> {
        read_version(bytes, VERSION)?;
        if let Some(value) = read_optional(bytes, &self.encoding)? {
            self.choose(group as usize, value);
        }
        Ok(())
    }

    fn finish(&mut self, groups: Range<usize>) -> Result<ArrayRef> {
        self.encoding.array(groups.map(|group| self.slots.get(group)))
    }

    fn memory(&self) -> usize {
        self.slots.memory()
    }
}

/// Appends encoded bytes that may be missing.
pub(crate) fn write_optional(value: Option<&[u8]>, out: &mut Vec<u8>) {
    value.is_some().write(out);
    if let Some(value) = value {
        write_string(value, out);
    }
}

/// Reads what [`write_optional`] wrote and checks that it is an encoded value.
pub(crate) fn read_optional<'a>(
    bytes: &mut &'a [u8],
    encoding: &Encoding,
) -> Result<Option<&'a [u8]>> {
    if !bool::read(bytes)? {
        return Ok(None);
    }
    let value = read_string(bytes)?;
    encoding.check(value)?;
    Ok(Some(value))
}
