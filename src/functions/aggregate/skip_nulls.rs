//! Rows with NULL are left out, where that is not done outside: of elements of arrays.

use std::ops::Range;

use arrow_array::{ArrayRef, BooleanArray};
use arrow_buffer::NullBuffer;
use base::Result;
use expr::Accumulator;
use types::Column;

use super::grouped::foreign_state;

/// A function that is not given rows with NULL.
#[derive(Clone)]
pub(crate) struct SkipNulls {
    inner: Box<dyn Accumulator>,
}

impl SkipNulls {
    /// Around a function of the bare types.
    pub(crate) fn new(inner: Box<dyn Accumulator>) -> SkipNulls {
        SkipNulls { inner }
    }
}

impl Accumulator for SkipNulls {
    fn resize(&mut self, groups: usize) {
        self.inner.resize(groups);
    }

    fn update(&mut self, groups: &[u32], arguments: &[Column]) -> Result<()> {
        let whole = arguments
            .iter()
            .fold(None, |all, column| NullBuffer::union(all.as_ref(), column.nulls().as_ref()));
        let Some(whole) = whole.filter(|whole| whole.null_count() > 0) else {
            return self.inner.update(groups, arguments);
        };
        let kept: Vec<u32> = whole.valid_indices().map(|row| groups[row]).collect();
        let mask = BooleanArray::new(whole.inner().clone(), None);
        let columns: Vec<Column> =
            arguments.iter().map(|c| c.filter(&mask)?.with_nulls(None)).collect::<Result<_>>()?;
        self.inner.update(&kept, &columns)
    }

    fn merge(&mut self, groups: &[u32], other: &dyn Accumulator) -> Result<()> {
        let other = other.as_any().downcast_ref::<SkipNulls>().ok_or_else(foreign_state)?;
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
