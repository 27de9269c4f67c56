//! `-State`, `-Merge`, `-SimpleState`: states as values.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::builder::BinaryViewBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use base::{Error, Result, bail};
use expr::{Accumulator, AggregateArguments, BoundAggregate, FunctionContext, Registry};
use types::{Column, DataType};

use crate::aggregate::grouped::foreign_state;
use crate::aggregate::kind::wrong_layout;
use crate::aggregate::state_bytes::corrupt;

pub(crate) fn bind_state(
    registry: &Registry,
    context: &FunctionContext,
    name: &str,
    call: &AggregateArguments<'_>,
) -> Result<BoundAggregate> {
    let bound = super::inner(registry, context, name, call, call.types)?;
    // A merged state is a state of what was merged.
    let merged = match call.types {
        [DataType::AggregateFunction(_)] if name.ends_with("Merge") => call.types.first(),
        _ => None,
    };
    let result = merged.cloned().unwrap_or_else(|| {
        DataType::AggregateFunction(Arc::new((
            name.to_owned(),
            call.parameters.to_vec(),
            call.types.to_vec(),
        )))
    });
    let create = bound.create;
    Ok(BoundAggregate::new(result, move || State { inner: create() }))
}

pub(crate) fn bind_simple_state(
    registry: &Registry,
    context: &FunctionContext,
    name: &str,
    call: &AggregateArguments<'_>,
) -> Result<BoundAggregate> {
    const ALLOWED: &[&str] = &[
        "any",
        "anyLast",
        "any_respect_nulls",
        "anyLast_respect_nulls",
        "min",
        "max",
        "sum",
        "sumWithOverflow",
        "groupBitAnd",
        "groupBitOr",
        "groupBitXor",
        "sumMap",
        "minMap",
        "maxMap",
        "sumMappedArrays",
        "minMappedArrays",
        "maxMappedArrays",
        "groupArrayArray",
        "groupArrayLastArray",
        "groupUniqArrayArray",
        "groupUniqArrayArrayMap",
        "argMin",
        "argMax",
    ];
    let canonical = registry.aggregate(name).map_or(name, |declaration| declaration.name);
    if !ALLOWED.contains(&canonical) {
        bail!(
            BadArguments,
            "Unsupported aggregate function {name}, supported functions are {}",
            ALLOWED.join(",")
        );
    }
    let bound = super::inner(registry, context, name, call, call.types)?;
    let result = DataType::SimpleAggregateFunction(Arc::new((
        canonical.to_owned(),
        bound.return_type.clone(),
    )));
    Ok(BoundAggregate { return_type: result, create: bound.create })
}

pub(crate) fn bind_merge(
    registry: &Registry,
    context: &FunctionContext,
    name: &str,
    call: &AggregateArguments<'_>,
) -> Result<BoundAggregate> {
    let [DataType::AggregateFunction(about)] = call.types else {
        let found: Vec<String> = call.types.iter().map(DataType::to_string).collect();
        bail!(
            IllegalTypeOfArgument,
            "Illegal type {} of argument for aggregate function {name}Merge, expected {name} or \
             equivalent type",
            found.join(", ")
        );
    };
    let (of, parameters, types) = (&about.0, &about.1, &about.2);
    if !same_state(registry, of, name) {
        bail!(
            IllegalTypeOfArgument,
            "Illegal type {} of argument for aggregate function {name}Merge, expected {name} or \
             equivalent type",
            call.types[0]
        );
    }
    let given = !call.parameters.is_empty() || of != name;
    let parameters = if given { call.parameters } else { parameters };
    let bound =
        registry.bind_aggregate(context, &AggregateArguments { name, types, parameters })?;
    let create = bound.create;
    Ok(BoundAggregate::new(bound.return_type, move || Merge { inner: create() }))
}

/// Whether states of one function are states of another: the same one, or the same but for
/// how many quantiles it gives at the end.
fn same_state(registry: &Registry, a: &str, b: &str) -> bool {
    let canonical = |name: &str| -> String {
        let declared = registry.aggregate(name).map_or(name, |d| d.name);
        match declared.strip_prefix("quantiles") {
            Some(rest) => format!("quantile{rest}"),
            None => declared.to_owned(),
        }
    };
    if canonical(a) == canonical(b) {
        return true;
    }
    // Under equal suffixes.
    registry.combinators().iter().any(|combinator| {
        match (a.strip_suffix(combinator.suffix), b.strip_suffix(combinator.suffix)) {
            (Some(a), Some(b)) => !a.is_empty() && !b.is_empty() && same_state(registry, a, b),
            _ => false,
        }
    })
}

#[derive(Clone)]
struct State {
    inner: Box<dyn Accumulator>,
}

impl Accumulator for State {
    fn resize(&mut self, groups: usize) {
        self.inner.resize(groups);
    }

    fn update(&mut self, groups: &[u32], arguments: &[Column]) -> Result<()> {
        self.inner.update(groups, arguments)
    }

    fn update_one(&mut self, group: u32, arguments: &[Column], rows: usize) -> Result<()> {
        self.inner.update_one(group, arguments, rows)
    }

    fn merge(&mut self, groups: &[u32], other: &dyn Accumulator) -> Result<()> {
        let other = other.as_any().downcast_ref::<State>().ok_or_else(foreign_state)?;
        self.inner.merge(groups, other.inner.as_ref())
    }

    fn serialize(&self, group: usize, out: &mut Vec<u8>) -> Result<()> {
        self.inner.serialize(group, out)
    }

    fn deserialize(&mut self, group: u32, bytes: &mut &[u8]) -> Result<()> {
        self.inner.deserialize(group, bytes)
    }

    fn finish(&mut self, groups: Range<usize>) -> Result<ArrayRef> {
        let mut states = BinaryViewBuilder::with_capacity(groups.len());
        let mut bytes = Vec::new();
        for group in groups {
            bytes.clear();
            self.inner.serialize(group, &mut bytes)?;
            states.try_append_value(&bytes).map_err(|e| Error::logical(e.to_string()))?;
        }
        Ok(Arc::new(states.finish()))
    }

    fn memory(&self) -> usize {
        self.inner.memory()
    }
}

#[derive(Clone)]
struct Merge {
    inner: Box<dyn Accumulator>,
}

impl Merge {
    /// Merges one value; an empty one is the state of no rows.
    fn take(&mut self, group: u32, mut state: &[u8]) -> Result<()> {
        if state.is_empty() {
            return Ok(());
        }
        self.inner.deserialize(group, &mut state)?;
        if state.is_empty() { Ok(()) } else { Err(corrupt()) }
    }
}

impl Accumulator for Merge {
    fn resize(&mut self, groups: usize) {
        self.inner.resize(groups);
    }

    fn update(&mut self, groups: &[u32], arguments: &[Column]) -> Result<()> {
        let (array, constant) = match arguments.first() {
            Some(Column::Flat(array)) => (array, false),
            Some(Column::Constant { value, .. }) => (value, true),
            _ => return Err(wrong_layout()),
        };
        let states = array.as_binary_view_opt().ok_or_else(wrong_layout)?;
        for (row, group) in groups.iter().enumerate() {
            let row = if constant { 0 } else { row };
            if states.is_valid(row) {
                self.take(*group, states.value(row))?;
            }
        }
        Ok(())
    }

    fn merge(&mut self, groups: &[u32], other: &dyn Accumulator) -> Result<()> {
        let other = other.as_any().downcast_ref::<Merge>().ok_or_else(foreign_state)?;
        self.inner.merge(groups, other.inner.as_ref())
    }

    fn serialize(&self, group: usize, out: &mut Vec<u8>) -> Result<()> {
        self.inner.serialize(group, out)
    }

    fn deserialize(&mut self, group: u32, bytes: &mut &[u8]) -> Result<()> {
        self.inner.deserialize(group, bytes)
    }

    fn finish(&mut self, groups: Range<usize>) -> Result<ArrayRef> {
        self.inner.finish(groups)
    }

    fn memory(&self) -> usize {
        self.inner.memory()
    }
}
