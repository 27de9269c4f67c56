//! `-Array`: every element of the arrays is a row.

use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use base::{Result, bail};
use expr::{Accumulator, AggregateArguments, BoundAggregate, FunctionContext, Registry};
use types::{Column, DataType};

use crate::aggregate::grouped::foreign_state;
use crate::aggregate::kind::wrong_layout;

/// The types of the elements of arguments that must all be arrays.
pub(super) fn elements(call: &AggregateArguments<'_>, suffix: &str) -> Result<Vec<DataType>> {
    if call.types.is_empty() {
        bail!(
            NumberOfArgumentsDoesntMatch,
            "-{suffix} aggregate functions require at least one argument"
        );
    }
    let element = |data_type: &DataType| match data_type {
        DataType::Array(item) => Ok(item.as_ref().clone()),
        other => bail!(
            IllegalTypeOfArgument,
            "Illegal type {other} of argument for aggregate function with {suffix} suffix. Must be array."
        ),
    };
    call.types.iter().map(element).collect()
}

/// The elements of array columns, and where each row's lie.
#[derive(Clone)]
pub(super) struct Elements {
    pub(super) items: Vec<Column>,
    /// Lengths of the rows' arrays.
    pub(super) lengths: Vec<u32>,
}

/// Takes arrays apart; all of one row must have the same length.
pub(super) fn take_apart(arguments: &[Column], name: &str) -> Result<Elements> {
    let mut items = Vec::with_capacity(arguments.len());
    let mut lengths: Option<Vec<u32>> = None;
    for column in arguments {
        let array = column.to_flat()?;
        let list = array.as_list_opt::<i32>().ok_or_else(wrong_layout)?;
        let offsets = list.value_offsets();
        let found: Vec<u32> = offsets.windows(2).map(|w| (w[1] - w[0]) as u32).collect();
        if lengths.as_ref().is_some_and(|lengths| *lengths != found) {
            bail!(
                SizesOfArraysDontMatch,
                "All arrays passed to an aggregate function with {name} suffix must have the same sizes"
            );
        }
        let (start, end) = match (offsets.first(), offsets.last()) {
            (Some(start), Some(end)) => (*start as usize, *end as usize),
            _ => (0, 0),
        };
        items.push(Column::Flat(list.values().slice(start, end - start)));
        lengths = Some(found);
    }
    Ok(Elements { items, lengths: lengths.unwrap_or_default() })
}

pub(crate) fn bind(
    registry: &Registry,
    context: &FunctionContext,
    name: &str,
    call: &AggregateArguments<'_>,
) -> Result<BoundAggregate> {
    let bound = super::inner(registry, context, name, call, &elements(call, "Array")?)?;
    let create = bound.create;
    Ok(BoundAggregate::new(bound.return_type, move || OfArrays { inner: create() }))
}

#[derive(Clone)]
struct OfArrays {
    inner: Box<dyn Accumulator>,
}

impl Accumulator for OfArrays {
    fn resize(&mut self, groups: usize) {
        self.inner.resize(groups);
    }

    fn update(&mut self, groups: &[u32], arguments: &[Column]) -> Result<()> {
        let elements = take_apart(arguments, "Array")?;
        let mut of = Vec::with_capacity(elements.items.first().map_or(0, Column::len));
        for (group, length) in groups.iter().zip(&elements.lengths) {
            of.extend(std::iter::repeat_n(*group, *length as usize));
        }
        self.inner.update(&of, &elements.items)
    }

    fn update_one(&mut self, group: u32, arguments: &[Column], _: usize) -> Result<()> {
        let elements = take_apart(arguments, "Array")?;
        let rows = elements.items.first().map_or(0, Column::len);
        self.inner.update_one(group, &elements.items, rows)
    }

    fn merge(&mut self, groups: &[u32], other: &dyn Accumulator) -> Result<()> {
        let other = other.as_any().downcast_ref::<OfArrays>().ok_or_else(foreign_state)?;
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
