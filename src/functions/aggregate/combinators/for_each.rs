//! `-ForEach`: the elements of each position of the arrays are a group of the function inside.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{ArrayRef, ListArray, UInt32Array};
use arrow_buffer::OffsetBuffer;
use arrow_schema::DataType as ArrowType;
use base::{Error, Result};
use expr::{Accumulator, AggregateArguments, BoundAggregate, FunctionContext, Registry};
use types::{Column, DataType};

use super::arrays::{elements, take_apart};
use crate::aggregate::grouped::foreign_state;
use crate::aggregate::kind::wrong_layout;
use crate::aggregate::lists::Lists;
use crate::aggregate::state_bytes::{read_length, read_version, write_varint};

pub(crate) fn bind(
    registry: &Registry,
    context: &FunctionContext,
    name: &str,
    call: &AggregateArguments<'_>,
) -> Result<BoundAggregate> {
    let bound = super::inner(registry, context, name, call, &elements(call, "ForEach")?)?;
    let result = DataType::array(bound.return_type.clone());
    let create = bound.create;
    Ok(BoundAggregate::new(result.clone(), move || ForEach {
        inner: create(),
        result: result.clone(),
        positions: Lists::default(),
        used: 0,
    }))
}

#[derive(Clone)]
struct ForEach {
    inner: Box<dyn Accumulator>,
    result: DataType,
    /// The numbers of the inner groups of each group's positions.
    positions: Lists<u32>,
    used: u32,
}

const VERSION: u8 = 1;

impl ForEach {
    /// The inner groups of a group's first `length` positions.
    fn inner_groups(&mut self, group: usize, length: usize, out: &mut Vec<u32>) -> Result<()> {
        let mut known = self.positions.len(group);
        while known < length {
            self.positions.push(group, self.used)?;
            self.used = self.used.checked_add(1).ok_or_else(foreign_state)?;
            known += 1;
        }
        self.positions.copy(group, out);
        out.truncate(length);
        Ok(())
    }
}

impl Accumulator for ForEach {
    fn resize(&mut self, groups: usize) {
        self.positions.resize(groups);
    }

    fn update(&mut self, groups: &[u32], arguments: &[Column]) -> Result<()> {
        let elements = take_apart(arguments, "ForEach")?;
        let mut of = Vec::new();
        let mut numbers = Vec::new();
        for (group, length) in groups.iter().zip(&elements.lengths) {
            self.inner_groups(*group as usize, *length as usize, &mut numbers)?;
            of.extend_from_slice(&numbers);
        }
        self.inner.resize(self.used as usize);
        self.inner.update(&of, &elements.items)
    }

    fn merge(&mut self, groups: &[u32], other: &dyn Accumulator) -> Result<()> {
        let other = other.as_any().downcast_ref::<ForEach>().ok_or_else(foreign_state)?;
        let mut map = vec![0; other.used as usize];
        let mut numbers = Vec::new();
        for (at, group) in groups.iter().enumerate() {
            self.inner_groups(*group as usize, other.positions.len(at), &mut numbers)?;
            for (from, into) in other.positions.chunks(at).flatten().zip(&numbers) {
                map[*from as usize] = *into;
            }
        }
        self.inner.resize(self.used as usize);
        self.inner.merge(&map, other.inner.as_ref())
    }

    fn serialize(&self, group: usize, out: &mut Vec<u8>) -> Result<()> {
        out.push(VERSION);
        write_varint(self.positions.len(group) as u64, out);
        for number in self.positions.chunks(group).flatten() {
            self.inner.serialize(*number as usize, out)?;
        }
        Ok(())
    }

    fn deserialize(&mut self, group: u32, bytes: &mut &[u8]) -> Result<()> {
        read_version(bytes, VERSION)?;
        let length = read_length(bytes, 1)?;
        let mut numbers = Vec::new();
        self.inner_groups(group as usize, length, &mut numbers)?;
        self.inner.resize(self.used as usize);
        numbers.iter().try_for_each(|number| self.inner.deserialize(*number, bytes))
    }

    fn finish(&mut self, groups: Range<usize>) -> Result<ArrayRef> {
        let all = self.inner.finish(0..self.used as usize)?;
        let mut order: Vec<u32> = Vec::new();
        let mut lengths = Vec::with_capacity(groups.len());
        for group in groups {
            let before = order.len();
            order.extend(self.positions.chunks(group).flatten());
            lengths.push(order.len() - before);
        }
        let ArrowType::List(item) = self.result.arrow_type() else { return Err(wrong_layout()) };
        let items = arrow_select::take::take(&all, &UInt32Array::from(order), None);
        let items = items.map_err(|e| Error::logical(e.to_string()))?;
        ListArray::try_new(item, OffsetBuffer::from_lengths(lengths), items, None)
            .map(|list| Arc::new(list) as ArrayRef)
            .map_err(|e| Error::logical(e.to_string()))
    }

    fn memory(&self) -> usize {
        self.inner.memory() + self.positions.memory()
    }
}
