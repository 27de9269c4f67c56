//! Runs of rows with equal keys, found on the key columns before anything is packed.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types as t;
use arrow_array::{Array, ArrayRef, UInt32Array};
use arrow_schema::DataType;
use base::Result;
use types::{Column, Value};

use super::{Batch, Lane, Shared};

/// Blocks without runs of equal keys after which only some are looked at.
const TRIED_BLOCKS: u32 = 4;

impl Shared {
    /// The runs of equal keys of some rows, with their lengths.
    pub(super) fn run_batch(
        &self,
        lane: &mut Lane,
        columns: &[Column],
        rows: usize,
    ) -> Result<Batch> {
        let tried = lane.without_runs < TRIED_BLOCKS || lane.without_runs.is_multiple_of(16);
        let found = if tried { starts(columns, rows) } else { None };
        let few = !tried || found.as_ref().is_some_and(|starts| starts.len() > rows / 4 * 3);
        lane.without_runs = if few { lane.without_runs + 1 } else { 0 };
        if few {
            // Those that repeat are found when they are looked up.
            let keys = lane.encoder.encode(columns, rows)?;
            let one = Column::constant(&types::DataType::UInt32, &Value::Int(1), rows)?;
            return Ok(Batch { keys, arguments: vec![one; self.calls.len()], rows });
        }
        let (keys, lengths) = match found {
            Some(starts) => {
                let firsts: Vec<Column> =
                    columns.iter().map(|c| c.take(&starts)).collect::<Result<_>>()?;
                let keys = lane.encoder.encode(&firsts, starts.len())?;
                (keys, run_lengths(&starts, rows))
            }
            None => {
                let mut keys = lane.encoder.encode(columns, rows)?;
                let lengths = keys.collapse();
                (keys, lengths)
            }
        };
        let rows = lengths.len();
        let lengths: ArrayRef = Arc::new(UInt32Array::from(lengths));
        let arguments = vec![Column::Flat(lengths); self.calls.len()];
        Ok(Batch { keys, arguments, rows })
    }
}

/// The first row of every run, if the columns tell by comparing fixed-width values; rows that differ in their
/// bits alone, as NaNs may, are runs of their own.
fn starts(columns: &[Column], count: usize) -> Option<UInt32Array> {
    let mut changed = vec![0u8; count];
    for column in columns {
        match column {
            Column::Constant { .. } => {}
            Column::Dictionary(coded) if coded.nulls.is_none() => mark(&coded.codes, &mut changed),
            Column::Flat(array) if array.null_count() == 0 => {
                if !mark_floats(array, &mut changed) {
                    mark_array(array, &mut changed)?;
                }
            }
            _ => return None,
        }
    }
    if let Some(first) = changed.first_mut() {
        *first = 1;
    }
    let mut rows = Vec::with_capacity(count / 2);
    let (words, rest) = changed.as_chunks::<8>();
    for (word, bytes) in words.iter().enumerate() {
        let mut set = u64::from_le_bytes(*bytes);
        while set != 0 {
            rows.push((word * 8 + set.trailing_zeros() as usize / 8) as u32);
            set &= set - 1;
        }
    }
    let tail = words.len() * 8;
    rows.extend((tail..count).filter(|row| rest[row - tail] != 0).map(|row| row as u32));
    Some(rows.into())
}

/// How many rows each run has.
fn run_lengths(starts: &UInt32Array, count: usize) -> Vec<u32> {
    let starts = starts.values();
    let ends = starts.iter().skip(1).copied().chain([count as u32]);
    starts.iter().zip(ends).map(|(start, end)| end - start).collect()
}

/// Sets the byte of every row that differs from the one before.
fn mark<T: PartialEq>(values: &[T], changed: &mut [u8]) {
    let before = values.iter();
    for ((changed, value), before) in
        changed.iter_mut().skip(1).zip(values.iter().skip(1)).zip(before)
    {
        *changed |= u8::from(value != before);
    }
}

fn mark_array(array: &ArrayRef, changed: &mut [u8]) -> Option<()> {
    macro_rules! typed {
        ($($arrow:pat => $native:ty),* $(,)?) => {
            match array.data_type() {
                $($arrow => mark(array.as_primitive::<$native>().values(), changed),)*
                _ => return None,
            }
        };
    }
    typed! {
        DataType::UInt8 => t::UInt8Type,
        DataType::UInt16 => t::UInt16Type,
        DataType::UInt32 => t::UInt32Type,
        DataType::UInt64 => t::UInt64Type,
        DataType::Int8 => t::Int8Type,
        DataType::Int16 => t::Int16Type,
        DataType::Int32 => t::Int32Type,
        DataType::Int64 => t::Int64Type,
    }
    Some(())
}

/// Floats are the same where their bits are: 0 and -0 are keys of their own.
fn mark_floats(array: &ArrayRef, changed: &mut [u8]) -> bool {
    match array.data_type() {
        DataType::Float32 => {
            mark(
                array.as_primitive::<t::Float32Type>().values().inner().typed_data::<u32>(),
                changed,
            );
        }
        DataType::Float64 => {
            mark(
                array.as_primitive::<t::Float64Type>().values().inner().typed_data::<u64>(),
                changed,
            );
        }
        _ => return false,
    }
    true
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Int64Array, UInt8Array};

    use super::*;

    #[test]
    fn runs_end_where_any_column_changes() {
        let long: Vec<i64> = (0..1000).map(|row| row / 7).collect();
        let short: Vec<u8> = (0..1000).map(|row| (row / 100) as u8).collect();
        let columns = [
            Column::Flat(Arc::new(Int64Array::from(long.clone())) as ArrayRef),
            Column::Flat(Arc::new(UInt8Array::from(short.clone())) as ArrayRef),
        ];
        let found = starts(&columns, 1000).unwrap();
        let expected: Vec<u32> = (0..1000)
            .filter(|row| *row == 0 || long[*row] != long[row - 1] || short[*row] != short[row - 1])
            .map(|row| row as u32)
            .collect();
        assert_eq!(found.values(), &expected);
        let lengths = run_lengths(&found, 1000);
        assert_eq!(lengths.iter().sum::<u32>(), 1000);
        assert_eq!(lengths[0], 7);
        assert_eq!(starts(&columns[..0], 3).unwrap().values(), &[0]);
        assert_eq!(starts(&columns[..0], 0).unwrap().len(), 0);
    }
}
