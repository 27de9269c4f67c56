//! Functions of a dictionary column, computed on its distinct values and remembered.

use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::Array;
use arrow_buffer::{NullBuffer, ScalarBuffer};
use base::{Error, Result};
use types::{Column, DictionaryColumn};

use super::on_values::{OnValues, Work};

/// Results remembered per call; more parts than that at once are rare.
const REMEMBERED: usize = 64;

/// What a call gave on the values of dictionaries.
#[derive(Default)]
pub(crate) struct DictionaryMemo {
    entries: Mutex<Vec<Entry>>,
}

struct Entry {
    dictionary: u64,
    /// Rows computed singly so far.
    rows: usize,
    work: Option<Arc<Work>>,
}

/// Computes the call on a column of so many rows.
pub(super) type OnColumn<'a> = &'a dyn Fn(Column, usize) -> Result<Column>;

impl DictionaryMemo {
    /// The call's values for the rows of a dictionary column.
    pub(crate) fn apply(
        &self,
        column: &DictionaryColumn,
        expected_rows: usize,
        compute: OnColumn<'_>,
    ) -> Result<Column> {
        let (id, size) = (column.dictionary.id(), column.dictionary.len());
        let rows = column.codes.len();
        let work = {
            let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
            let at = match entries.iter().position(|e| e.dictionary == id) {
                Some(at) => at,
                None => {
                    if entries.len() >= REMEMBERED {
                        entries.remove(0);
                    }
                    entries.push(Entry { dictionary: id, rows: 0, work: None });
                    entries.len() - 1
                }
            };
            let entry = &mut entries[at];
            let worth = size <= expected_rows.max(rows * 2) || entry.rows >= size;
            entry.rows += rows;
            match &entry.work {
                _ if !worth => None,
                Some(work) => Some(work.clone()),
                None => {
                    let work = Arc::new(Work::new(column.dictionary.clone()));
                    entry.work = Some(work.clone());
                    Some(work)
                }
            }
        };
        let Some(work) = work else { return compute(Column::Flat(column.decode()?), rows) };
        let result = work.result(compute)?;
        result.rows_of(column)
    }
}

impl OnValues {
    fn rows_of(&self, column: &DictionaryColumn) -> Result<Column> {
        let codes = column.codes_array();
        match self {
            OnValues::Flat(results) if results.is_empty() => {
                Ok(Column::Flat(arrow_array::new_null_array(results.data_type(), codes.len())))
            }
            OnValues::Flat(results) => {
                Ok(Column::Flat(arrow_select::take::take(results, &codes, None).map_err(arrow)?))
            }
            OnValues::Coded { codes: of_value, dictionary } => {
                let nulls = column.nulls.as_ref();
                if of_value.is_empty() {
                    return Ok(Column::Dictionary(DictionaryColumn {
                        codes: column.codes.clone(),
                        nulls: nulls.cloned(),
                        dictionary: dictionary.clone(),
                    }));
                }
                let map = of_value.values();
                let new: ScalarBuffer<u32> =
                    column.codes.iter().map(|c| map[*c as usize]).collect();
                let own = of_value.nulls().map(|own| {
                    column.codes.iter().map(|c| own.is_valid(*c as usize)).collect::<NullBuffer>()
                });
                Ok(Column::Dictionary(DictionaryColumn {
                    codes: new,
                    nulls: NullBuffer::union(nulls, own.as_ref()),
                    dictionary: dictionary.clone(),
                }))
            }
        }
    }
}

pub(super) fn arrow(error: arrow_schema::ArrowError) -> Error {
    Error::logical(format!("dictionary: {error}"))
}
