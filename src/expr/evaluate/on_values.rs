//! A function computed on all distinct values of a dictionary, once, by all lanes that come for the result.
//!
//! Each lane takes chunks of the values until none is left; who finishes the last chunk puts the parts
//! together, the others wait for that. Strings become codes of a new sorted dictionary: a chunk's distinct
//! results first (neighbours in a sorted dictionary often give the same), then those of all chunks.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use arrow_array::builder::BinaryViewBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BinaryViewArray, UInt32Array};
use arrow_buffer::NullBuffer;
use base::{Error, Result};
use hashbrown::{DefaultHashBuilder, HashTable};
use types::{Column, Dictionary, MemoryDictionary};

use super::dictionary::{OnColumn, arrow};

/// Values computed at once.
const CHUNK: usize = 32_768;

/// The results for all values of a dictionary.
pub(super) enum OnValues {
    /// A result a value.
    Flat(ArrayRef),
    /// Strings again: for every value a code of a new dictionary, NULL where the result is.
    Coded { codes: UInt32Array, dictionary: Arc<dyn Dictionary> },
}

/// Computing them.
pub(super) struct Work {
    dictionary: Arc<dyn Dictionary>,
    chunks: usize,
    next: AtomicUsize,
    state: Mutex<State>,
    changed: Condvar,
    hasher: DefaultHashBuilder,
}

struct State {
    parts: Vec<Option<Part>>,
    missing: usize,
    result: Option<Result<Arc<OnValues>>>,
}

/// The results of one chunk.
enum Part {
    Flat(ArrayRef),
    Strings(Strings),
}

/// The results of one chunk as numbers of its distinct ones.
struct Strings {
    results: ArrayRef,
    numbers: Vec<u32>,
    /// A row of each distinct result, and its hash.
    firsts: Vec<(u32, u64)>,
    nulls: Option<NullBuffer>,
}

/// Tells waiting lanes when a lane ends by a panic.
struct Watch<'a>(&'a Work);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.end(Err(Error::logical("a function failed on a dictionary's values")));
        }
    }
}

impl Work {
    pub(super) fn new(dictionary: Arc<dyn Dictionary>) -> Work {
        let chunks = dictionary.len().div_ceil(CHUNK).max(1);
        let parts = (0..chunks).map(|_| None).collect();
        Work {
            dictionary,
            chunks,
            next: AtomicUsize::new(0),
            state: Mutex::new(State { parts, missing: chunks, result: None }),
            changed: Condvar::new(),
            hasher: DefaultHashBuilder::default(),
        }
    }

    /// Takes part in the work and gives the result when it is there.
    pub(super) fn result(&self, compute: OnColumn<'_>) -> Result<Arc<OnValues>> {
        let _watch = Watch(self);
        loop {
            let chunk = self.next.fetch_add(1, Ordering::Relaxed);
            if chunk >= self.chunks {
                break;
            }
            match self.part(chunk, compute) {
                Ok(part) => self.put(chunk, part),
                Err(error) => self.end(Err(error)),
            }
        }
        let mut state = self.state();
        loop {
            if let Some(result) = &state.result {
                return result.clone();
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn part(&self, chunk: usize, compute: OnColumn<'_>) -> Result<Part> {
        let start = chunk * CHUNK;
        let length = CHUNK.min(self.dictionary.len() - start);
        let values = self.dictionary.range(start, length)?;
        let results = compute(Column::Flat(values), length)?.to_flat()?;
        if results.data_type() != &arrow_schema::DataType::BinaryView {
            return Ok(Part::Flat(results));
        }
        Ok(Part::Strings(self.number(results)))
    }

    fn number(&self, results: ArrayRef) -> Strings {
        let view = results.as_binary_view();
        let mut table: HashTable<u32> = HashTable::new();
        let mut numbers = Vec::with_capacity(view.len());
        let mut firsts: Vec<(u32, u64)> = Vec::new();
        let mut last: Option<(usize, u32)> = None;
        for row in 0..view.len() {
            if view.is_null(row) {
                numbers.push(0);
                continue;
            }
            let value = view.value(row);
            if let Some((before, number)) = last
                && view.value(before) == value
            {
                numbers.push(number);
                continue;
            }
            let hash = self.hasher.hash_one(value);
            let same = |number: &u32| view.value(firsts[*number as usize].0 as usize) == value;
            let number = match table.find(hash, same) {
                Some(number) => *number,
                None => {
                    let number = firsts.len() as u32;
                    firsts.push((row as u32, hash));
                    table.insert_unique(hash, number, |number| firsts[*number as usize].1);
                    number
                }
            };
            last = Some((row, number));
            numbers.push(number);
        }
        let nulls = view.nulls().cloned();
        Strings { results, numbers, firsts, nulls }
    }

    fn put(&self, chunk: usize, part: Part) {
        let parts = {
            let mut state = self.state();
            state.parts[chunk] = Some(part);
            state.missing -= 1;
            if state.missing > 0 {
                return;
            }
            std::mem::take(&mut state.parts)
        };
        self.end(self.together(parts.into_iter().flatten().collect()).map(Arc::new));
    }

    /// Ends the work; the first result counts.
    fn end(&self, result: Result<Arc<OnValues>>) {
        self.next.store(self.chunks, Ordering::Relaxed);
        self.state().result.get_or_insert(result);
        self.changed.notify_all();
    }

    fn together(&self, parts: Vec<Part>) -> Result<OnValues> {
        let (mut flat, mut strings) = (Vec::new(), Vec::new());
        for part in parts {
            match part {
                Part::Flat(array) => flat.push(array),
                Part::Strings(part) => strings.push(part),
            }
        }
        if strings.is_empty() {
            let flat: Vec<&dyn Array> = flat.iter().map(AsRef::as_ref).collect();
            return Ok(OnValues::Flat(arrow_select::concat::concat(&flat).map_err(arrow)?));
        }
        self.encode(&strings)
    }

    /// Sorted distinct values of all parts, and every row's place in them.
    fn encode(&self, parts: &[Strings]) -> Result<OnValues> {
        let views: Vec<&BinaryViewArray> =
            parts.iter().map(|p| p.results.as_binary_view()).collect();
        // Part and row of each distinct result.
        let mut places: Vec<(usize, usize)> = Vec::new();
        let mut table: HashTable<(u32, u64)> = HashTable::new();
        let mut numbers_of: Vec<Vec<u32>> = Vec::with_capacity(parts.len());
        for (part, strings) in parts.iter().enumerate() {
            let number = |(row, hash): &(u32, u64)| {
                let value = views[part].value(*row as usize);
                let same = |(number, _): &(u32, u64)| {
                    let (part, row) = places[*number as usize];
                    views[part].value(row) == value
                };
                if let Some((number, _)) = table.find(*hash, same) {
                    return *number;
                }
                let number = places.len() as u32;
                places.push((part, *row as usize));
                table.insert_unique(*hash, (number, *hash), |(_, hash)| *hash);
                number
            };
            numbers_of.push(strings.firsts.iter().map(number).collect());
        }
        drop(table);
        let value = |number: u32| {
            let (part, row) = places[number as usize];
            views[part].value(row)
        };
        let mut order: Vec<u32> = (0..places.len() as u32).collect();
        order.sort_unstable_by(|a, b| value(*a).cmp(value(*b)));
        let mut ranks = vec![0u32; order.len()];
        for (rank, number) in order.iter().enumerate() {
            ranks[*number as usize] = rank as u32;
        }
        let rows: usize = parts.iter().map(|p| p.numbers.len()).sum();
        let values: ArrayRef = if order.len() * 4 < rows {
            // Few are copied, so that the buffers of all results can go.
            let mut values = BinaryViewBuilder::with_capacity(order.len());
            order.iter().for_each(|number| values.append_value(value(*number)));
            Arc::new(values.finish())
        } else {
            let places: Vec<(usize, usize)> = order.iter().map(|n| places[*n as usize]).collect();
            let arrays: Vec<&dyn Array> = views.iter().map(|v| *v as &dyn Array).collect();
            arrow_select::interleave::interleave(&arrays, &places).map_err(arrow)?
        };
        let mut codes = Vec::with_capacity(rows);
        for (strings, numbers) in parts.iter().zip(&numbers_of) {
            let code = |number: &u32| {
                // A chunk without any result has no numbers; its rows are NULL.
                numbers.get(*number as usize).map_or(0, |number| ranks[*number as usize])
            };
            codes.extend(strings.numbers.iter().map(code));
        }
        let nulls = parts.iter().any(|p| p.nulls.is_some()).then(|| {
            let valid = parts.iter().flat_map(|p| {
                (0..p.numbers.len()).map(|row| p.nulls.as_ref().is_none_or(|n| n.is_valid(row)))
            });
            valid.collect::<NullBuffer>()
        });
        let codes = UInt32Array::new(codes.into(), nulls);
        Ok(OnValues::Coded { codes, dictionary: MemoryDictionary::new(values) })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::cast::AsArray;
    use arrow_array::{Array, ArrayRef, BinaryViewArray};
    use base::{ErrorCode, Result};
    use types::{Column, MemoryDictionary};

    use super::{CHUNK, OnValues, Work};

    fn dictionary(count: usize) -> Arc<MemoryDictionary> {
        let values = (0..count).map(|n| Some(format!("{n:07} of many values").into_bytes()));
        MemoryDictionary::new(Arc::new(values.collect::<BinaryViewArray>()))
    }

    /// The first `length` bytes, NULL for values that end in the digit 9 of the number.
    fn prefix(column: Column, length: usize) -> Result<Column> {
        let array = column.to_flat()?;
        let values = array.as_binary_view().iter().map(|value| {
            let value = value.unwrap();
            (value[6] != b'9').then(|| value[..length].to_vec())
        });
        Ok(Column::Flat(Arc::new(values.collect::<BinaryViewArray>()) as ArrayRef))
    }

    #[test]
    fn all_lanes_get_one_sorted_dictionary() {
        for (count, length) in [(3 * CHUNK + 17, 4), (2 * CHUNK, 15), (5, 7), (1, 1)] {
            let work = Work::new(dictionary(count));
            let compute = |column: Column, _: usize| prefix(column, length);
            let results: Vec<Arc<OnValues>> = std::thread::scope(|scope| {
                let lanes: Vec<_> =
                    (0..3).map(|_| scope.spawn(|| work.result(&compute).unwrap())).collect();
                lanes.into_iter().map(|lane| lane.join().unwrap()).collect()
            });
            assert!(results.iter().all(|r| Arc::ptr_eq(r, &results[0])));
            let OnValues::Coded { codes, dictionary } = results[0].as_ref() else {
                panic!("strings give codes")
            };
            let values = dictionary.values().unwrap();
            let values = values.as_binary_view();
            assert!((1..values.len()).all(|at| values.value(at - 1) < values.value(at)));
            assert_eq!(codes.len(), count);
            for row in 0..count {
                let text = format!("{row:07} of many values");
                assert_eq!(codes.is_null(row), row % 10 == 9, "{row}");
                if codes.is_valid(row) {
                    assert_eq!(values.value(codes.value(row) as usize), &text.as_bytes()[..length]);
                }
            }
        }
    }

    #[test]
    fn an_error_reaches_all_lanes() {
        let work = Work::new(dictionary(CHUNK * 2));
        let fail = |_: Column, _: usize| base::bail!(IllegalDivision, "by zero");
        for _ in 0..2 {
            let error = work.result(&fail).err().unwrap();
            assert_eq!(error.code(), ErrorCode::IllegalDivision);
        }
    }
}
