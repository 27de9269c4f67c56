//! Distinct byte strings by number: keys that have no fixed width.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_buffer::NullBuffer;
use base::Result;
use hashbrown::HashTable;
use types::{Column, DataType, DictionaryColumn, Physical, Value, array_from_values};

use crate::rows;

/// Distinct byte strings by number.
#[derive(Default, Clone)]
pub(crate) struct Interner {
    table: HashTable<u32>,
    hasher: hashbrown::DefaultHashBuilder,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// Per dictionary met: the number of every code, `u32::MAX` where not yet known.
    known: HashMap<u64, Vec<u32>>,
}

impl Interner {
    /// The value of a number.
    pub(crate) fn value(&self, number: usize) -> &[u8] {
        let start = if number == 0 { 0 } else { self.ends[number - 1] };
        &self.bytes[start..self.ends[number]]
    }

    /// The number of a value, a new one where it was not met before.
    pub(crate) fn intern(&mut self, value: &[u8]) -> u32 {
        let Interner { table, hasher, bytes, ends, .. } = self;
        let at = |number: usize| {
            let start = if number == 0 { 0 } else { ends[number - 1] };
            &bytes[start..ends[number]]
        };
        let hash = hasher.hash_one(value);
        if let Some(found) = table.find(hash, |number| at(*number as usize) == value) {
            return *found;
        }
        let number = ends.len() as u32;
        table.insert_unique(hash, number, |number| hasher.hash_one(at(*number as usize)));
        bytes.extend_from_slice(value);
        ends.push(bytes.len());
        number
    }

    /// The number of a value that was met.
    pub(crate) fn find(&self, value: &[u8]) -> Option<u32> {
        let hash = self.hasher.hash_one(value);
        self.table.find(hash, |number| self.value(*number as usize) == value).copied()
    }

    /// How many values there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes of memory in use.
    pub(crate) fn memory(&self) -> usize {
        self.bytes.capacity()
            + self.ends.capacity() * 8
            + self.table.capacity() * 5
            + self.known.values().map(|k| k.capacity() * 4).sum::<usize>()
    }

    /// The numbers of a column's values.
    pub(crate) fn column(&mut self, column: &Column, data_type: &DataType) -> Result<Vec<u32>> {
        match column {
            Column::Dictionary(coded) => self.coded(coded),
            Column::Constant { value, len } => {
                let number = self.flat(value, data_type)?;
                Ok(vec![number[0]; *len])
            }
            Column::Flat(array) => self.flat(array, data_type),
        }
    }

    fn coded(&mut self, column: &DictionaryColumn) -> Result<Vec<u32>> {
        let id = column.dictionary.id();
        let mut known =
            self.known.remove(&id).unwrap_or_else(|| vec![u32::MAX; column.dictionary.len()]);
        if known.is_empty() {
            self.known.insert(id, known);
            return Ok(vec![0; column.codes.len()]);
        }
        let mut fresh: Vec<u32> =
            column.codes.iter().copied().filter(|c| known[*c as usize] == u32::MAX).collect();
        fresh.sort_unstable();
        fresh.dedup();
        if !fresh.is_empty() {
            let values = column.dictionary.lookup(&fresh)?;
            let values = values.as_binary_view();
            for (at, code) in fresh.iter().enumerate() {
                known[*code as usize] = self.intern(values.value(at));
            }
        }
        let numbers = column.codes.iter().map(|c| known[*c as usize]).collect();
        self.known.insert(id, known);
        Ok(numbers)
    }

    fn flat(&mut self, array: &ArrayRef, data_type: &DataType) -> Result<Vec<u32>> {
        let mut numbers = Vec::with_capacity(array.len());
        if data_type.physical() == Physical::Bytes {
            let values = array.as_binary_view();
            let mut last: Option<(usize, u32)> = None;
            for row in 0..values.len() {
                if values.is_null(row) {
                    numbers.push(0);
                    continue;
                }
                let value = values.value(row);
                let number = match last {
                    Some((before, number)) if values.value(before) == value => number,
                    _ => self.intern(value),
                };
                last = Some((row, number));
                numbers.push(number);
            }
            return Ok(numbers);
        }
        let mut scratch = Vec::new();
        for row in 0..array.len() {
            scratch.clear();
            rows::write(array, data_type, row, &mut scratch);
            numbers.push(self.intern(&scratch));
        }
        Ok(numbers)
    }

    /// The values of some numbers.
    pub(crate) fn decode(
        &self,
        numbers: &[u32],
        nulls: Option<NullBuffer>,
        data_type: &DataType,
    ) -> Result<ArrayRef> {
        if data_type.physical() == Physical::Bytes {
            let mut out = arrow_array::builder::BinaryViewBuilder::with_capacity(numbers.len());
            for (row, number) in numbers.iter().enumerate() {
                if nulls.as_ref().is_some_and(|n| n.is_null(row)) {
                    out.append_null();
                } else {
                    out.append_value(self.value(*number as usize));
                }
            }
            return Ok(Arc::new(out.finish()));
        }
        let mut values = Vec::with_capacity(numbers.len());
        for (row, number) in numbers.iter().enumerate() {
            if nulls.as_ref().is_some_and(|n| n.is_null(row)) {
                values.push(Value::Null);
            } else {
                values.push(rows::read(&mut self.value(*number as usize), data_type)?);
            }
        }
        array_from_values(data_type, &values)
    }
}
