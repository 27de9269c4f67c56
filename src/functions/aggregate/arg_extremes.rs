//! `argMin`, `argMax`: a value of the row in which another is smallest or greatest.

use std::ops::Range;

use arrow_array::ArrayRef;
use base::Result;
use expr::{Accumulator, AggregateArguments, AggregateDeclaration, BoundAggregate};
use types::{Column, DataType, TupleField};

use super::arguments::{Checks, USUAL, example};
use super::encoded::Encoding;
use super::extremes::{read_optional, write_optional};
use super::grouped::foreign_state;
use super::keys::Keys;
use super::slots::Slots;
use super::state_bytes::{corrupt, read_version};

pub(crate) static FUNCTIONS: &[AggregateDeclaration] = &[
    AggregateDeclaration {
        name: "argMin",
        aliases: &["min_by"],
        syntax: "argMin(value, key)",
        description: "The value in the row in which the key is smallest; the first such row that is met.",
        examples: &[example("SELECT argMin(number + 10, number) FROM numbers(3)", "10")],
        bind: |_, call| bind(call, false, false),
        ..USUAL
    },
    AggregateDeclaration {
        name: "argMax",
        aliases: &["max_by"],
        syntax: "argMax(value, key)",
        description: "The value in the row in which the key is greatest; the first such row that is met.",
        examples: &[example("SELECT argMax(number + 10, number) FROM numbers(3)", "12")],
        bind: |_, call| bind(call, true, false),
        ..USUAL
    },
    AggregateDeclaration {
        name: "argAndMin",
        syntax: "argAndMin(value, key)",
        description: "The value in the row in which the key is smallest, and the key, as a tuple.",
        examples: &[example("SELECT argAndMin(number + 10, number) FROM numbers(3)", "(10,0)")],
        bind: |_, call| bind(call, false, true),
        ..USUAL
    },
    AggregateDeclaration {
        name: "argAndMax",
        syntax: "argAndMax(value, key)",
        description: "The value in the row in which the key is greatest, and the key, as a tuple.",
        examples: &[example("SELECT argAndMax(number + 10, number) FROM numbers(3)", "(12,2)")],
        bind: |_, call| bind(call, true, true),
        ..USUAL
    },
];

fn bind(call: &AggregateArguments<'_>, greatest: bool, both: bool) -> Result<BoundAggregate> {
    call.no_parameters()?;
    call.count(2)?;
    let [value, key] = [&call.types[0], &call.types[1]];
    if let DataType::AggregateFunction(_) = key.inner() {
        return Err(call.illegal(key));
    }
    // With the key in the result the kept bytes are those of a row of both.
    let kept = if both { call.types } else { &call.types[..1] };
    let encoding = Encoding::new(kept);
    let keys = Keys::new(std::slice::from_ref(key), greatest);
    let field = |data_type: &DataType| TupleField { name: None, data_type: data_type.clone() };
    let result =
        if both { DataType::Tuple([field(value), field(key)].into()) } else { value.clone() };
    let decoding = Encoding::new(std::slice::from_ref(&result));
    Ok(BoundAggregate::new(result, move || ArgExtreme {
        encoding: encoding.clone(),
        decoding: decoding.clone(),
        keys: keys.fresh(),
        values: Slots::default(),
    }))
}

#[derive(Clone)]
struct ArgExtreme {
    encoding: Encoding,
    /// A tuple is encoded as its parts one after another, so the result's encoding reads it.
    decoding: Encoding,
    keys: Keys,
    values: Slots,
}

const VERSION: u8 = 1;

impl Accumulator for ArgExtreme {
    fn resize(&mut self, groups: usize) {
        self.keys.resize(groups);
        self.values.resize(groups);
    }

    fn update(&mut self, groups: &[u32], arguments: &[Column]) -> Result<()> {
        let key = arguments.get(1..2).unwrap_or_default();
        let (encoding, values) = (&self.encoding, &mut self.values);
        let mut bytes = Vec::new();
        self.keys.update(groups, key, |row, group| {
            bytes.clear();
            encoding.encode_row(
                &arguments[..encoding.width().min(arguments.len())],
                row,
                &mut bytes,
            )?;
            values.set(group, &bytes);
            Ok(())
        })
    }

    fn merge(&mut self, groups: &[u32], other: &dyn Accumulator) -> Result<()> {
        let other = other.as_any().downcast_ref::<ArgExtreme>().ok_or_else(foreign_state)?;
        for (at, group) in groups.iter().enumerate() {
            let group = *group as usize;
            if self.keys.merge(group, &other.keys, at)
                && let Some(value) = other.values.get(at)
            {
                self.values.set(group, value);
            }
        }
        Ok(())
    }

    fn serialize(&self, group: usize, out: &mut Vec<u8>) -> Result<()> {
        out.push(VERSION);
        self.keys.serialize(group, out);
        write_optional(self.values.get(group), out);
        Ok(())
    }

    fn deserialize(&mut self, group: u32, bytes: &mut &[u8]) -> Result<()> {
        read_version(bytes, VERSION)?;
        let mut one = self.keys.fresh();
        one.resize(1);
        let has_key = one.deserialize(0, bytes)?;
        let value = read_optional(bytes, &self.encoding)?;
        match (has_key, value) {
            (true, Some(value)) => {
                if self.keys.merge(group as usize, &one, 0) {
                    self.values.set(group as usize, value);
                }
                Ok(())
            }
            (false, None) => Ok(()),
            _ => Err(corrupt()),
        }
    }

    fn finish(&mut self, groups: Range<usize>) -> Result<ArrayRef> {
        self.decoding.array(groups.map(|group| self.values.get(group)))
    }

    fn memory(&self) -> usize {
        self.keys.memory() + self.values.memory()
    }
}
