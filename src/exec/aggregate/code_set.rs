//! Distinct codes of one dictionary, without keys: a bit a code instead of a table.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt32Type;
use arrow_array::{Array, ArrayRef, UInt64Array};
use base::{Error, Result};
use expr::Accumulator;
use types::Column;

/// The codes that were met, for the only group.
#[derive(Clone)]
pub(super) struct CodeSet {
    met: Vec<u64>,
}

impl CodeSet {
    /// For a dictionary of so many values.
    pub(super) fn new(values: usize) -> CodeSet {
        CodeSet { met: vec![0; values.div_ceil(64)] }
    }

    fn take(&mut self, code: u32) {
        self.met[code as usize / 64] |= 1 << (code % 64);
    }

    fn take_column(&mut self, column: &Column) -> Result<()> {
        let array = match column {
            Column::Constant { value, .. } => value.clone(),
            other => other.to_flat()?,
        };
        let codes = array.as_primitive::<UInt32Type>();
        match codes.nulls().filter(|nulls| nulls.null_count() > 0) {
            None => codes.values().iter().for_each(|code| self.take(*code)),
            Some(nulls) => nulls.valid_indices().for_each(|row| self.take(codes.value(row))),
        }
        Ok(())
    }
}

impl Accumulator for CodeSet {
    fn resize(&mut self, _groups: usize) {}

    fn update(&mut self, _groups: &[u32], arguments: &[Column]) -> Result<()> {
        self.take_column(&arguments[0])
    }

    fn update_one(&mut self, _group: u32, arguments: &[Column], rows: usize) -> Result<()> {
        if rows == 0 { Ok(()) } else { self.take_column(&arguments[0]) }
    }

    fn merge(&mut self, _groups: &[u32], other: &dyn Accumulator) -> Result<()> {
        let Some(other) = other.as_any().downcast_ref::<CodeSet>() else {
            return Err(Error::logical("a set of codes was to take another state in"));
        };
        self.met.iter_mut().zip(&other.met).for_each(|(mine, theirs)| *mine |= theirs);
        Ok(())
    }

    fn serialize(&self, _group: usize, _out: &mut Vec<u8>) -> Result<()> {
        Err(Error::logical("codes mean nothing outside of the query"))
    }

    fn deserialize(&mut self, _group: u32, _bytes: &mut &[u8]) -> Result<()> {
        Err(Error::logical("codes mean nothing outside of the query"))
    }

    fn finish(&mut self, groups: Range<usize>) -> Result<ArrayRef> {
        let count: u64 = self.met.iter().map(|word| u64::from(word.count_ones())).sum();
        Ok(Arc::new(UInt64Array::from(vec![count; groups.len()])))
    }

    fn memory(&self) -> usize {
        self.met.capacity() * 8
    }
}
