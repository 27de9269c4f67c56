//! `-ArgMin`, `-ArgMax`: only rows whose last argument is the group's smallest or greatest.
//!
//! A better key starts an inner group anew, since accumulators never forget: each group points to
//! its current inner group. Within a block the best keys are found first, so that a block starts at
//! most one inner group for each group.

use std::ops::Range;

use arrow_array::{ArrayRef, BooleanArray, UInt32Array};
use base::{Error, Result, bail};
use expr::{Accumulator, AggregateArguments, BoundAggregate, FunctionContext, Registry};
use types::Column;

use crate::aggregate::grouped::foreign_state;
use crate::aggregate::keys::Keys;
use crate::aggregate::kind::wrong_layout;
use crate::aggregate::state_bytes::read_version;

pub(crate) fn bind(
    registry: &Registry,
    context: &FunctionContext,
    name: &str,
    call: &AggregateArguments<'_>,
    greatest: bool,
) -> Result<BoundAggregate> {
    let (key, types) = super::split_last(call, if greatest { "ArgMax" } else { "ArgMin" })?;
    let bound = super::inner(registry, context, name, call, types)?;
    let keys = Keys::new(std::slice::from_ref(key), greatest);
    let create = bound.create;
    Ok(BoundAggregate::new(bound.return_type, move || Best {
        inner: create(),
        keys: keys.fresh(),
        current: Vec::new(),
        used: 0,
    }))
}

#[derive(Clone)]
struct Best {
    inner: Box<dyn Accumulator>,
    keys: Keys,
    /// The inner group of each group.
    current: Vec<u32>,
    used: u32,
}

const VERSION: u8 = 1;

impl Best {
    fn start(&mut self, group: usize) -> Result<()> {
        self.current[group] = self.used;
        let Some(next) = self.used.checked_add(1) else {
            bail!(TooLargeArraySize, "Too many groups of an aggregate function");
        };
        self.used = next;
        Ok(())
    }
}

impl Accumulator for Best {
    fn resize(&mut self, groups: usize) {
        self.keys.resize(groups);
        while self.current.len() < groups {
            self.current.push(self.used);
            self.used += 1;
        }
        self.inner.resize(self.used as usize);
    }

    fn update(&mut self, groups: &[u32], arguments: &[Column]) -> Result<()> {
        let (key, rest) = arguments.split_last().ok_or_else(wrong_layout)?;
        let key = std::slice::from_ref(key);
        let mut improved = Vec::new();
        self.keys.update(groups, key, |_, group| {
            improved.push(group);
            Ok(())
        })?;
        improved.sort_unstable();
        improved.dedup();
        for group in improved {
            self.start(group)?;
        }
        self.inner.resize(self.used as usize);
        let equal = self.keys.equal_rows(groups, key)?;
        let rows = groups.iter().zip(&equal).filter(|(_, equal)| **equal);
        let of: Vec<u32> = rows.map(|(group, _)| self.current[*group as usize]).collect();
        let mask = BooleanArray::from(equal);
        let kept: Vec<Column> = rest.iter().map(|c| c.filter(&mask)).collect::<Result<_>>()?;
        self.inner.update(&of, &kept)
    }

    fn merge(&mut self, groups: &[u32], other: &dyn Accumulator) -> Result<()> {
        let other = other.as_any().downcast_ref::<Best>().ok_or_else(foreign_state)?;
        // Inner groups that lose, or were left behind, go to one that nobody looks at.
        let mut map = vec![u32::MAX; other.used as usize];
        for (at, group) in groups.iter().enumerate() {
            let group = *group as usize;
            if self.keys.merge(group, &other.keys, at) {
                self.start(group)?;
            }
            if self.keys.equal(group, &other.keys, at) {
                map[other.current[at] as usize] = self.current[group];
            }
        }
        if map.contains(&u32::MAX) {
            let nowhere = self.used;
            self.used = self.used.checked_add(1).ok_or_else(foreign_state)?;
            map.iter_mut().filter(|into| **into == u32::MAX).for_each(|into| *into = nowhere);
        }
        self.inner.resize(self.used as usize);
        self.inner.merge(&map, other.inner.as_ref())
    }

    fn serialize(&self, group: usize, out: &mut Vec<u8>) -> Result<()> {
        out.push(VERSION);
        self.keys.serialize(group, out);
        self.inner.serialize(self.current[group] as usize, out)
    }

    fn deserialize(&mut self, group: u32, bytes: &mut &[u8]) -> Result<()> {
        read_version(bytes, VERSION)?;
        let group = group as usize;
        let mut one = self.keys.fresh();
        one.resize(1);
        let has_key = one.deserialize(0, bytes)?;
        if has_key && self.keys.merge(group, &one, 0) {
            self.start(group)?;
        }
        let into = if self.keys.equal(group, &one, 0) {
            self.current[group]
        } else {
            let nowhere = self.used;
            self.used = self.used.checked_add(1).ok_or_else(foreign_state)?;
            nowhere
        };
        self.inner.resize(self.used as usize);
        self.inner.deserialize(into, bytes)
    }

    fn finish(&mut self, groups: Range<usize>) -> Result<ArrayRef> {
        let all = self.inner.finish(0..self.used as usize)?;
        let numbers = UInt32Array::from(self.current[groups].to_vec());
        arrow_select::take::take(&all, &numbers, None).map_err(|e| Error::logical(e.to_string()))
    }

    fn memory(&self) -> usize {
        self.inner.memory() + self.keys.memory() + self.current.capacity() * 4
    }
}
