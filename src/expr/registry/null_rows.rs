//! Rows with NULL arguments are skipped for aggregate functions that do not treat them. NULL of a Variant or
//! Dynamic is a value like others: see `tagged_nulls`.

use std::ops::Range;

use arrow_array::{Array, ArrayRef, BooleanArray, make_array};
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder, NullBuffer};
use base::{Error, Result, bail};
use types::{Column, DataType, default_array};

use super::tagged_nulls;
use crate::aggregate::NullRows;
use crate::{
    Accumulator, AggregateArguments, AggregateDeclaration, BoundAggregate, FunctionContext,
};

/// Binds with the nullable types taken off, and skips rows where an argument is NULL.
pub(crate) fn bind(
    declaration: &AggregateDeclaration,
    context: &FunctionContext,
    arguments: &AggregateArguments<'_>,
) -> Result<BoundAggregate> {
    let nullable = arguments.types.iter().any(DataType::is_nullable);
    let only_tagged = arguments.types.iter().all(|t| !t.is_nullable() || t.is_tagged());
    if !nullable || (only_tagged && declaration.name == "count") {
        return (declaration.bind)(context, arguments);
    }
    let bound = bind_skipping(declaration, context, arguments, only_tagged)?;
    Ok(match arguments.types.iter().any(DataType::is_tagged) {
        true => tagged_nulls::with_values(bound, arguments.types),
        false => bound,
    })
}

fn bind_skipping(
    declaration: &AggregateDeclaration,
    context: &FunctionContext,
    arguments: &AggregateArguments<'_>,
    only_tagged: bool,
) -> Result<BoundAggregate> {
    let bare: Vec<DataType> = arguments.types.iter().map(|t| t.inner().clone()).collect();
    let only_null = bare.contains(&DataType::Nothing);
    if only_null && declaration.name == "regr_count" {
        return Ok(OnlyNull::bound(DataType::UInt64));
    }
    if only_null && declaration.nulls == NullRows::SkipThenNull {
        return Ok(OnlyNull::bound(DataType::null()));
    }
    let bare = AggregateArguments { types: &bare, ..*arguments };
    let inner = match (declaration.bind)(context, &bare) {
        Ok(inner) => inner,
        // A bare NULL has no type that could be wrong.
        Err(_) if only_null => return Ok(OnlyNull::bound(DataType::null())),
        Err(error) => return Err(error),
    };
    let gives_null = declaration.nulls == NullRows::SkipThenNull
        && !only_tagged
        && inner.return_type.can_be_nullable();
    if only_null && !inner.return_type.can_be_nullable() {
        return Ok(OnlyNull::bound(DataType::null()));
    }
    let return_type = match gives_null {
        true => inner.return_type.clone().nullable(),
        false => inner.return_type.clone(),
    };
    let create = inner.create;
    Ok(BoundAggregate::new(return_type, move || SkipNulls {
        inner: create(),
        seen: BooleanBufferBuilder::new(0),
        gives_null,
    }))
}

struct SkipNulls {
    inner: Box<dyn Accumulator>,
    /// Whether a group has had a row without NULL.
    seen: BooleanBufferBuilder,
    gives_null: bool,
}

/// Which rows have no NULL in any argument; `None` when all.
fn whole_rows(arguments: &[Column]) -> Option<NullBuffer> {
    arguments
        .iter()
        .fold(None, |all, column| NullBuffer::union(all.as_ref(), column.nulls().as_ref()))
}

fn without_nulls(arguments: &[Column]) -> Result<Vec<Column>> {
    arguments
        .iter()
        .map(|c| if crate::registry::has_nulls(c) { c.with_nulls(None) } else { Ok(c.clone()) })
        .collect()
}

impl SkipNulls {
    fn filtered(arguments: &[Column], whole: &NullBuffer) -> Result<Vec<Column>> {
        let mask = BooleanArray::new(whole.inner().clone(), None);
        let kept: Vec<Column> = arguments.iter().map(|c| c.filter(&mask)).collect::<Result<_>>()?;
        without_nulls(&kept)
    }
}

impl Clone for SkipNulls {
    fn clone(&self) -> SkipNulls {
        let mut seen = BooleanBufferBuilder::new(self.seen.len());
        seen.append_packed_range(0..self.seen.len(), self.seen.as_slice());
        SkipNulls { inner: self.inner.clone(), seen, gives_null: self.gives_null }
    }
}

impl Accumulator for SkipNulls {
    fn resize(&mut self, groups: usize) {
        self.inner.resize(groups);
        if groups > self.seen.len() {
            self.seen.append_n(groups - self.seen.len(), false);
        }
    }

    fn update(&mut self, groups: &[u32], arguments: &[Column]) -> Result<()> {
        let Some(whole) = whole_rows(arguments).filter(|w| w.null_count() > 0) else {
            groups.iter().for_each(|g| self.seen.set_bit(*g as usize, true));
            return self.inner.update(groups, &without_nulls(arguments)?);
        };
        let kept: Vec<u32> = whole.valid_indices().map(|row| groups[row]).collect();
        kept.iter().for_each(|g| self.seen.set_bit(*g as usize, true));
        self.inner.update(&kept, &SkipNulls::filtered(arguments, &whole)?)
    }

    fn update_one(&mut self, group: u32, arguments: &[Column], rows: usize) -> Result<()> {
        if rows == 0 {
            return Ok(());
        }
        let Some(whole) = whole_rows(arguments).filter(|w| w.null_count() > 0) else {
            self.seen.set_bit(group as usize, true);
            return self.inner.update_one(group, &without_nulls(arguments)?, rows);
        };
        let left = rows - whole.null_count();
        if left == 0 {
            return Ok(());
        }
        self.seen.set_bit(group as usize, true);
        self.inner.update_one(group, &SkipNulls::filtered(arguments, &whole)?, left)
    }

    fn merge(&mut self, groups: &[u32], other: &dyn Accumulator) -> Result<()> {
        let Some(other) = other.as_any().downcast_ref::<SkipNulls>() else {
            bail!(LogicalError, "merge of different aggregate states");
        };
        for (at, group) in groups.iter().enumerate() {
            if other.seen.get_bit(at) {
                self.seen.set_bit(*group as usize, true);
            }
        }
        self.inner.merge(groups, other.inner.as_ref())
    }

    fn serialize(&self, group: usize, out: &mut Vec<u8>) -> Result<()> {
        let seen = self.seen.get_bit(group);
        out.push(u8::from(seen));
        if seen { self.inner.serialize(group, out) } else { Ok(()) }
    }

    fn deserialize(&mut self, group: u32, bytes: &mut &[u8]) -> Result<()> {
        match bytes.split_off_first() {
            Some(0) => Ok(()),
            Some(1) => {
                self.seen.set_bit(group as usize, true);
                self.inner.deserialize(group, bytes)
            }
            _ => bail!(IncorrectData, "Cannot read the state of an aggregate function"),
        }
    }

    fn finish(&mut self, groups: Range<usize>) -> Result<ArrayRef> {
        let results = self.inner.finish(groups.clone())?;
        if !self.gives_null {
            return Ok(results);
        }
        let seen =
            BooleanBuffer::collect_bool(groups.len(), |at| self.seen.get_bit(groups.start + at));
        let nulls = NullBuffer::union(results.nulls(), Some(&NullBuffer::new(seen)));
        let data = results.to_data().into_builder().nulls(nulls).build();
        data.map(make_array).map_err(|e| Error::logical(e.to_string()))
    }

    fn memory(&self) -> usize {
        self.inner.memory() + self.seen.len() / 8
    }
}

/// Any function of a bare NULL: it is NULL, and 0 if it counts, whatever its other arguments are.
#[derive(Clone)]
struct OnlyNull {
    result: DataType,
}

impl OnlyNull {
    fn bound(result: DataType) -> BoundAggregate {
        BoundAggregate::new(result.clone(), move || OnlyNull { result: result.clone() })
    }
}

impl Accumulator for OnlyNull {
    fn resize(&mut self, _groups: usize) {}

    fn update(&mut self, _groups: &[u32], _arguments: &[Column]) -> Result<()> {
        Ok(())
    }

    fn merge(&mut self, _groups: &[u32], _other: &dyn Accumulator) -> Result<()> {
        Ok(())
    }

    fn serialize(&self, _group: usize, out: &mut Vec<u8>) -> Result<()> {
        out.push(0);
        Ok(())
    }

    fn deserialize(&mut self, _group: u32, bytes: &mut &[u8]) -> Result<()> {
        match bytes.split_off_first() {
            Some(0) => Ok(()),
            _ => bail!(IncorrectData, "Cannot read the state of an aggregate function"),
        }
    }

    fn finish(&mut self, groups: Range<usize>) -> Result<ArrayRef> {
        default_array(&self.result, groups.len())
    }

    fn memory(&self) -> usize {
        0
    }
}
