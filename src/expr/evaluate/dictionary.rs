//! Functions of a dictionary column, computed on its distinct values and remembered.

use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, UInt32Array};
use arrow_buffer::{NullBuffer, ScalarBuffer};
use base::{Error, Result};
use types::{Column, Dictionary, DictionaryColumn, MemoryDictionary};

/// Values computed at once.
const CHUNK: usize = 65_536;

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
    result: Option<Arc<OnValues>>,
}

/// The results for all values of a dictionary.
enum OnValues {
    /// A result a value.
    Flat(ArrayRef),
    /// Strings again: for every value a code of a new dictionary, NULL where the result is.
    Coded { codes: UInt32Array, dictionary: Arc<dyn Dictionary> },
}

/// Computes the call on a column of so many rows.
type OnColumn<'a> = &'a dyn Fn(Column, usize) -> Result<Column>;

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
        let known = {
            let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
            if !entries.iter().any(|e| e.dictionary == id) {
                if entries.len() >= REMEMBERED {
                    entries.remove(0);
                }
                entries.push(Entry { dictionary: id, rows: 0, result: None });
            }
            let entry = entries.iter_mut().find(|e| e.dictionary == id);
            entry.and_then(|entry| {
                let worth = size <= expected_rows.max(rows * 2) || entry.rows >= size;
                entry.rows += rows;
                if worth { Some(entry.result.clone()) } else { None }
            })
        };
        let result = match known {
            None => {
                let flat = Column::Flat(column.decode()?);
                return compute(flat, rows);
            }
            Some(Some(result)) => result,
            Some(None) => {
                let result = Arc::new(OnValues::compute(&column.dictionary, compute)?);
                let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(entry) = entries.iter_mut().find(|e| e.dictionary == id) {
                    entry.result = Some(result.clone());
                }
                result
            }
        };
        result.rows_of(column)
    }
}

impl OnValues {
    fn compute(dictionary: &Arc<dyn Dictionary>, compute: OnColumn<'_>) -> Result<OnValues> {
        let values = dictionary.values()?;
        let mut parts = Vec::new();
        let mut at = 0;
        loop {
            let length = CHUNK.min(values.len() - at);
            parts.push(compute(Column::Flat(values.slice(at, length)), length)?.to_flat()?);
            at += length;
            if at >= values.len() {
                break;
            }
        }
        let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
        let results = arrow_select::concat::concat(&parts).map_err(arrow)?;
        if results.data_type() == &arrow_schema::DataType::BinaryView {
            return encode(&results);
        }
        Ok(OnValues::Flat(results))
    }

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

/// Sorted distinct values of strings, and every row's place in them.
fn encode(strings: &ArrayRef) -> Result<OnValues> {
    let view = strings.as_binary_view();
    let mut order: Vec<u32> =
        (0..view.len() as u32).filter(|row| view.is_valid(*row as usize)).collect();
    order.sort_unstable_by(|a, b| view.value(*a as usize).cmp(view.value(*b as usize)));
    let mut codes = vec![0u32; view.len()];
    let mut firsts: Vec<u32> = Vec::new();
    for row in order {
        let same =
            firsts.last().is_some_and(|f| view.value(*f as usize) == view.value(row as usize));
        if !same {
            firsts.push(row);
        }
        codes[row as usize] = firsts.len() as u32 - 1;
    }
    let values =
        arrow_select::take::take(strings, &UInt32Array::from(firsts), None).map_err(arrow)?;
    let codes = UInt32Array::new(codes.into(), view.nulls().cloned());
    Ok(OnValues::Coded { codes, dictionary: MemoryDictionary::new(values) })
}

fn arrow(error: arrow_schema::ArrowError) -> Error {
    Error::logical(format!("dictionary: {error}"))
}
