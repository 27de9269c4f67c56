//! `-OrNull` and `-OrDefault`: what a group without rows gives.

use std::ops::Range;

use arrow_array::{Array, ArrayRef, BooleanArray, make_array};
use arrow_buffer::NullBuffer;
use base::{Error, Result};
use expr::{Accumulator, AggregateArguments, BoundAggregate, FunctionContext, Registry};
use types::{Column, DataType, default_array};

use crate::aggregate::grouped::foreign_state;
use crate::aggregate::state_bytes::Plain;

pub(crate) fn bind(
    registry: &Registry,
    context: &FunctionContext,
    name: &str,
    call: &AggregateArguments<'_>,
    null: bool,
) -> Result<BoundAggregate> {
    // `-IfOrNull` is `-OrNullIf`: the rows that count are those that meet the condition. Counts, and what cannot
    // be NULL, are there as soon as there is any row; retention's flags and estimates by uniqCombined are not.
    let conditional = name.strip_suffix("If").filter(|_| registry.aggregate(name).is_none());
    if let Some(inner) = conditional
        && !(matches!(
            inner,
            "count" | "regr_count" | "uniq" | "uniqExact" | "uniqHLL12" | "uniqUpTo"
        ))
        && (null && inner == "retention"
            || can_be_null(&super::inner(registry, context, name, call, call.types)?.return_type))
    {
        let swapped = format!("{inner}{}", if null { "OrNull" } else { "OrDefault" });
        return super::condition::bind(registry, context, &swapped, call);
    }
    let bound = super::inner(registry, context, name, call, call.types)?;
    if call.types.iter().any(DataType::is_null_literal) {
        // No row counts, which is known without any.
        return Ok(bound);
    }
    let result =
        if null { bound.return_type.clone().nullable() } else { bound.return_type.clone() };
    let create = bound.create;
    // Rows with NULL are no rows, unless the function inside looks at them.
    let skips_nulls = registry.aggregate(name).is_none_or(|d| d.nulls != expr::NullRows::Custom);
    Ok(BoundAggregate::new(result.clone(), move || OrElse {
        inner: create(),
        result: result.clone(),
        skips_nulls,
        seen: Vec::new(),
    }))
}

fn can_be_null(data_type: &DataType) -> bool {
    data_type.clone().nullable().is_nullable()
}

#[derive(Clone)]
struct OrElse {
    inner: Box<dyn Accumulator>,
    result: DataType,
    skips_nulls: bool,
    seen: Vec<bool>,
}

impl OrElse {
    fn mark(&mut self, groups: impl Iterator<Item = u32>, arguments: &[Column]) {
        let nulls = if self.skips_nulls {
            arguments
                .iter()
                .fold(None, |all, column| NullBuffer::union(all.as_ref(), column.nulls().as_ref()))
        } else {
            None
        };
        for (row, group) in groups.enumerate() {
            if nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) {
                self.seen[group as usize] = true;
            }
        }
    }
}

impl Accumulator for OrElse {
    fn resize(&mut self, groups: usize) {
        self.inner.resize(groups);
        if groups > self.seen.len() {
            self.seen.resize(groups, false);
        }
    }

    fn update(&mut self, groups: &[u32], arguments: &[Column]) -> Result<()> {
        self.mark(groups.iter().copied(), arguments);
        self.inner.update(groups, arguments)
    }

    fn update_one(&mut self, group: u32, arguments: &[Column], rows: usize) -> Result<()> {
        if !self.seen[group as usize] {
            self.mark(std::iter::repeat_n(group, rows), arguments);
        }
        self.inner.update_one(group, arguments, rows)
    }

    fn merge(&mut self, groups: &[u32], other: &dyn Accumulator) -> Result<()> {
        let other = other.as_any().downcast_ref::<OrElse>().ok_or_else(foreign_state)?;
        for (group, seen) in groups.iter().zip(&other.seen) {
            self.seen[*group as usize] |= seen;
        }
        self.inner.merge(groups, other.inner.as_ref())
    }

    fn serialize(&self, group: usize, out: &mut Vec<u8>) -> Result<()> {
        self.seen[group].write(out);
        if self.seen[group] { self.inner.serialize(group, out) } else { Ok(()) }
    }

    fn deserialize(&mut self, group: u32, bytes: &mut &[u8]) -> Result<()> {
        if bool::read(bytes)? {
            self.seen[group as usize] = true;
            self.inner.deserialize(group, bytes)?;
        }
        Ok(())
    }

    fn finish(&mut self, groups: Range<usize>) -> Result<ArrayRef> {
        let seen = &self.seen[groups.clone()];
        let results = self.inner.finish(groups.clone())?;
        if seen.iter().all(|seen| *seen) {
            return Ok(results);
        }
        if self.result.is_nullable() {
            let seen = NullBuffer::from(seen.to_vec());
            let nulls = NullBuffer::union(results.nulls(), Some(&seen));
            let data = results.to_data().into_builder().nulls(nulls).build();
            return data.map(make_array).map_err(|e| Error::logical(e.to_string()));
        }
        let default = default_array(&self.result, groups.len())?;
        let mask = BooleanArray::from(seen.to_vec());
        arrow_select::zip::zip(&mask, &results, &default).map_err(|e| Error::logical(e.to_string()))
    }

    fn memory(&self) -> usize {
        self.inner.memory() + self.seen.capacity()
    }
}
