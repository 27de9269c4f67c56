//! The types that a Dynamic has, the paths that objects of JSON have, and the types of their values.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use arrow_array::{Array, ArrayRef};
use base::{Result, bail};
use expr::{Accumulator, AggregateArguments, AggregateDeclaration, BoundAggregate, NullRows};
use types::{Column, DataType, Objects, Value, array_from_values, tagged};

use super::arguments::{Checks, USUAL, example};
use super::grouped::foreign_state;
use super::state_bytes::{read_length, read_string, read_version, write_string, write_varint};

pub(crate) static FUNCTIONS: &[AggregateDeclaration] = &[
    AggregateDeclaration {
        name: "distinctDynamicTypes",
        syntax: "distinctDynamicTypes(dynamic)",
        description: "The names of the types that values of a Dynamic have, sorted.",
        examples: &[example(
            "SELECT distinctDynamicTypes(d) FROM (SELECT arrayJoin([toInt64(1)::Dynamic, 'x'::Dynamic, NULL]) AS d)",
            "['Int64','String']",
        )],
        nulls: NullRows::SkipThenEmpty,
        bind: |_, call| bind(call, Kind::Types),
        ..USUAL
    },
    AggregateDeclaration {
        name: "distinctJSONPaths",
        syntax: "distinctJSONPaths(json)",
        description: "The paths that objects have, sorted.",
        examples: &[example(
            "SELECT distinctJSONPaths(j) FROM (SELECT arrayJoin(['{\"a\":1}', '{\"b\":{\"c\":2}}'])::JSON AS j)",
            "['a','b.c']",
        )],
        nulls: NullRows::SkipThenEmpty,
        bind: |_, call| bind(call, Kind::Paths),
        ..USUAL
    },
    AggregateDeclaration {
        name: "distinctJSONPathsAndTypes",
        syntax: "distinctJSONPathsAndTypes(json)",
        description: "The paths that objects have with the names of their values' types, all sorted.",
        examples: &[example(
            "SELECT distinctJSONPathsAndTypes(j) FROM (SELECT arrayJoin(['{\"a\":1}', '{\"a\":\"x\"}'])::JSON AS j)",
            "{'a':['Int64','String']}",
        )],
        nulls: NullRows::SkipThenEmpty,
        bind: |_, call| bind(call, Kind::PathsAndTypes),
        ..USUAL
    },
];

/// What is gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Types,
    Paths,
    PathsAndTypes,
}

fn bind(call: &AggregateArguments<'_>, kind: Kind) -> Result<BoundAggregate> {
    call.no_parameters()?;
    let argument = call.only()?;
    let fits = match kind {
        Kind::Types => matches!(argument, DataType::Dynamic(_)),
        _ => matches!(argument, DataType::Json(_)),
    };
    if !fits {
        bail!(
            IllegalTypeOfArgument,
            "Illegal type {argument} of argument for aggregate function {}",
            call.name
        );
    }
    let names = DataType::array(DataType::String);
    let result = match kind {
        Kind::PathsAndTypes => DataType::map(DataType::String, names),
        _ => names,
    };
    Ok(BoundAggregate::new(result.clone(), move || Distinct {
        kind,
        result: result.clone(),
        groups: Vec::new(),
        memory: 0,
    }))
}

/// Types, or paths with types.
type Names = BTreeMap<Vec<u8>, BTreeSet<Vec<u8>>>;

#[derive(Clone)]
struct Distinct {
    kind: Kind,
    result: DataType,
    groups: Vec<Names>,
    memory: usize,
}

const VERSION: u8 = 1;

impl Distinct {
    fn take(&mut self, group: usize, name: &[u8], inner: Option<&[u8]>) {
        let names = &mut self.groups[group];
        if !names.contains_key(name) {
            names.insert(name.to_vec(), BTreeSet::new());
            self.memory += name.len() + 64;
        }
        if let Some(inner) = inner
            && let Some(types) = names.get_mut(name)
            && !types.contains(inner)
        {
            types.insert(inner.to_vec());
            self.memory += inner.len() + 32;
        }
    }

    /// Takes a row of values or objects.
    fn take_column(&mut self, column: &Column, group: &dyn Fn(usize) -> usize) -> Result<()> {
        let array = column.to_flat()?;
        if self.kind == Kind::Types {
            let values = tagged::strings(&array)?;
            let filled = |row: &usize| !values.is_null(*row) && !values.value(*row).is_empty();
            for row in (0..values.len()).filter(filled) {
                let name = tagged::type_name(values.value(row))?;
                self.take(group(row), name.as_bytes(), None);
            }
            return Ok(());
        }
        let objects = Objects::new(&array)?;
        let values = tagged::strings(objects.values())?;
        for row in 0..objects.rows() {
            for at in objects.entries(row).filter(|at| values.is_valid(*at)) {
                let inner = match self.kind {
                    Kind::PathsAndTypes => Some(tagged::type_name(values.value(at))?.as_bytes()),
                    _ => None,
                };
                self.take(group(row), objects.paths().value(at), inner);
            }
        }
        Ok(())
    }

    fn value(&self, group: usize) -> Value {
        let names = |names: &mut dyn Iterator<Item = &Vec<u8>>| {
            Value::Array(names.map(|name| Value::from(name.as_slice())).collect())
        };
        let found = &self.groups[group];
        if self.kind != Kind::PathsAndTypes {
            return names(&mut found.keys());
        }
        let pair = |(path, types): (&Vec<u8>, &BTreeSet<Vec<u8>>)| {
            Value::Tuple([Value::from(path.as_slice()), names(&mut types.iter())].into())
        };
        Value::Array(found.iter().map(pair).collect())
    }
}

impl Accumulator for Distinct {
    fn resize(&mut self, groups: usize) {
        if groups > self.groups.len() {
            self.groups.resize_with(groups, Names::new);
        }
    }

    fn update(&mut self, groups: &[u32], arguments: &[Column]) -> Result<()> {
        self.take_column(&arguments[0], &|row| groups[row] as usize)
    }

    fn merge(&mut self, groups: &[u32], other: &dyn Accumulator) -> Result<()> {
        let other = other.as_any().downcast_ref::<Distinct>().ok_or_else(foreign_state)?;
        for (at, names) in other.groups.iter().enumerate() {
            let into = *groups.get(at).ok_or_else(foreign_state)? as usize;
            for (name, types) in names {
                self.take(into, name, None);
                types.iter().for_each(|inner| self.take(into, name, Some(inner)));
            }
        }
        Ok(())
    }

    fn serialize(&self, group: usize, out: &mut Vec<u8>) -> Result<()> {
        out.push(VERSION);
        write_varint(self.groups[group].len() as u64, out);
        for (name, types) in &self.groups[group] {
            write_string(name, out);
            write_varint(types.len() as u64, out);
            types.iter().for_each(|inner| write_string(inner, out));
        }
        Ok(())
    }

    fn deserialize(&mut self, group: u32, bytes: &mut &[u8]) -> Result<()> {
        read_version(bytes, VERSION)?;
        for _ in 0..read_length(bytes, 2)? {
            let name = read_string(bytes)?;
            self.take(group as usize, name, None);
            for _ in 0..read_length(bytes, 1)? {
                self.take(group as usize, name, Some(read_string(bytes)?));
            }
        }
        Ok(())
    }

    fn finish(&mut self, groups: Range<usize>) -> Result<ArrayRef> {
        let values: Vec<Value> = groups.map(|group| self.value(group)).collect();
        array_from_values(&self.result, &values)
    }

    fn memory(&self) -> usize {
        self.memory + self.groups.capacity() * size_of::<Names>()
    }
}
