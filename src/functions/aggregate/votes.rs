//! The value that all rows of a group have, or that most have.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::ArrayRef;
use base::Result;
use expr::{Accumulator, AggregateDeclaration, BoundAggregate};
use types::{Column, DataType};

use super::arguments::{Checks, USUAL, example};
use super::encoded::Encoding;
use super::extremes::{read_optional, write_optional};
use super::grouped::{Function, bound, foreign_state};
use super::slots::Slots;
use super::state_bytes::{Plain, corrupt, read_string, read_version, write_string};

pub(crate) static FUNCTIONS: &[AggregateDeclaration] = &[
    AggregateDeclaration {
        name: "singleValueOrNull",
        syntax: "singleValueOrNull(x)",
        description: "The value if all rows have the same one, else NULL.",
        examples: &[example("SELECT singleValueOrNull(5) FROM numbers(3)", "5")],
        bind: |_, call| {
            call.no_parameters()?;
            let data_type = call.only()?;
            let result = data_type.clone().nullable();
            let encoding = Encoding::new(std::slice::from_ref(data_type));
            Ok(BoundAggregate::new(result.clone(), move || Single {
                encoding: encoding.clone(),
                result: result.clone(),
                slots: Slots::default(),
                many: Vec::new(),
            }))
        },
        ..USUAL
    },
    AggregateDeclaration {
        name: "anyHeavy",
        syntax: "anyHeavy(x)",
        description: "A value that makes up more than half of the rows, where there is one (majority vote).",
        examples: &[example("SELECT anyHeavy(if(number < 7, 1, number)) FROM numbers(10)", "1")],
        bind: |_, call| {
            call.no_parameters()?;
            let data_type = call.only()?;
            Ok(bound(data_type.clone(), Majority(Encoding::new(std::slice::from_ref(data_type)))))
        },
        ..USUAL
    },
];

const VERSION: u8 = 1;

/// `singleValueOrNull`
#[derive(Clone)]
struct Single {
    encoding: Encoding,
    result: DataType,
    slots: Slots,
    /// Whether a group has had different values.
    many: Vec<bool>,
}

impl Single {
    fn take(&mut self, group: usize, value: &[u8]) {
        match self.slots.get(group) {
            Some(earlier) => self.many[group] |= earlier != value,
            None => self.slots.set(group, value),
        }
    }
}

impl Accumulator for Single {
    fn resize(&mut self, groups: usize) {
        self.slots.resize(groups);
        self.many.resize(self.slots.len(), false);
    }

    fn update(&mut self, groups: &[u32], arguments: &[Column]) -> Result<()> {
        let encoding = self.encoding.clone();
        encoding.for_each(arguments, groups.len(), |row, value| {
            self.take(groups[row] as usize, value);
            Ok(())
        })
    }

    fn merge(&mut self, groups: &[u32], other: &dyn Accumulator) -> Result<()> {
        let other = other.as_any().downcast_ref::<Single>().ok_or_else(foreign_state)?;
        for (at, group) in groups.iter().enumerate() {
            if let Some(value) = other.slots.get(at) {
                self.take(*group as usize, value);
            }
            self.many[*group as usize] |= other.many[at];
        }
        Ok(())
    }

    fn serialize(&self, group: usize, out: &mut Vec<u8>) -> Result<()> {
        out.push(VERSION);
        self.many[group].write(out);
        write_optional(self.slots.get(group), out);
        Ok(())
    }

    fn deserialize(&mut self, group: u32, bytes: &mut &[u8]) -> Result<()> {
        read_version(bytes, VERSION)?;
        let many = bool::read(bytes)?;
        match read_optional(bytes, &self.encoding)? {
            Some(value) => self.take(group as usize, value),
            None if many => return Err(corrupt()),
            None => {}
        }
        self.many[group as usize] |= many;
        Ok(())
    }

    fn finish(&mut self, groups: Range<usize>) -> Result<ArrayRef> {
        let mut values = Vec::with_capacity(groups.len());
        for group in groups {
            values.push(match self.slots.get(group) {
                Some(value) if !self.many[group] => self.encoding.decode(value)?,
                _ => self.result.default_value(),
            });
        }
        types::array_from_values(&self.result, &values)
    }

    fn memory(&self) -> usize {
        self.slots.memory() + self.many.capacity()
    }
}

/// `anyHeavy`: the candidate and its lead.
struct Majority(Encoding);

impl Majority {
    fn vote(state: &mut (Arc<[u8]>, u64), value: &[u8], votes: u64) {
        if state.1 > 0 && *state.0 == *value {
            state.1 = state.1.wrapping_add(votes);
        } else if state.1 >= votes {
            state.1 -= votes;
        } else {
            *state = (value.into(), votes - state.1);
        }
    }
}

impl Function for Majority {
    type State = (Arc<[u8]>, u64);

    fn empty(&self) -> Self::State {
        ([].into(), 0)
    }

    fn update(
        &self,
        states: &mut [Self::State],
        groups: &[u32],
        arguments: &[Column],
    ) -> Result<()> {
        self.0.for_each(arguments, groups.len(), |row, value| {
            Majority::vote(&mut states[groups[row] as usize], value, 1);
            Ok(())
        })
    }

    fn merge(&self, into: &mut Self::State, from: &Self::State) -> Result<()> {
        if from.1 > 0 {
            Majority::vote(into, &from.0, from.1);
        }
        Ok(())
    }

    fn write(&self, state: &Self::State, out: &mut Vec<u8>) {
        state.1.write(out);
        write_string(&state.0, out);
    }

    fn read(&self, bytes: &mut &[u8]) -> Result<Self::State> {
        let lead = u64::read(bytes)?;
        let value = read_string(bytes)?;
        if lead > 0 {
            self.0.check(value)?;
        }
        Ok((value.into(), lead))
    }

    fn finish(&self, states: &mut [Self::State]) -> Result<ArrayRef> {
        let known = |s: &'_ (Arc<[u8]>, u64)| s.1 > 0 || !s.0.is_empty();
        self.0.array(states.iter().map(|s| known(s).then_some(s.0.as_ref())))
    }

    fn heap(&self, state: &Self::State) -> usize {
        state.0.len() + 16
    }
}
