//! Decoded dictionaries, up to a number of bytes; the one that was not used for longest goes first.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef};
use base::Result;
use parking_lot::Mutex;

/// A bounded cache that all dictionaries of a store share.
pub(crate) struct DictionaryCache {
    limit: usize,
    state: Mutex<State>,
    pool: Arc<rayon::ThreadPool>,
}

#[derive(Default)]
struct State {
    entries: HashMap<u64, Entry>,
    /// Dictionaries that a thread is decoding.
    decoding: HashMap<u64, Arc<Mutex<()>>>,
    bytes: usize,
    clock: u64,
}

struct Entry {
    values: ArrayRef,
    bytes: usize,
    used: u64,
}

impl fmt::Debug for DictionaryCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DictionaryCache of {} bytes", self.limit)
    }
}

impl DictionaryCache {
    /// A cache of at most `limit` bytes; `pool` decodes large dictionaries.
    pub(crate) fn new(limit: usize, pool: Arc<rayon::ThreadPool>) -> Arc<DictionaryCache> {
        Arc::new(DictionaryCache { limit, state: Mutex::default(), pool })
    }

    pub(crate) fn pool(&self) -> &rayon::ThreadPool {
        &self.pool
    }

    /// Bytes that may be held.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Bytes that are held.
    pub(crate) fn bytes(&self) -> usize {
        self.state.lock().bytes
    }

    pub(crate) fn get(&self, id: u64) -> Option<ArrayRef> {
        let mut state = self.state.lock();
        state.clock += 1;
        let now = state.clock;
        let entry = state.entries.get_mut(&id)?;
        entry.used = now;
        Some(entry.values.clone())
    }

    /// The decoded form of a dictionary. Who comes while another thread decodes it waits for that.
    pub(crate) fn get_or_decode(
        &self,
        id: u64,
        decode: impl FnOnce() -> Result<ArrayRef>,
    ) -> Result<ArrayRef> {
        if let Some(values) = self.get(id) {
            return Ok(values);
        }
        let turn = self.state.lock().decoding.entry(id).or_default().clone();
        let turn = turn.lock();
        if let Some(values) = self.get(id) {
            self.state.lock().decoding.remove(&id);
            return Ok(values);
        }
        let values = decode();
        let mut state = self.state.lock();
        state.decoding.remove(&id);
        drop(turn);
        let values = values?;
        let bytes = values.get_array_memory_size();
        if bytes > self.limit {
            return Ok(values);
        }
        while state.bytes + bytes > self.limit {
            let oldest = state.entries.iter().min_by_key(|(_, e)| e.used).map(|(id, _)| *id);
            let Some(entry) = oldest.and_then(|id| state.entries.remove(&id)) else { break };
            state.bytes -= entry.bytes;
        }
        state.clock += 1;
        let used = state.clock;
        state.bytes += bytes;
        state.entries.insert(id, Entry { values: values.clone(), bytes, used });
        Ok(values)
    }

    /// Drops a dictionary whose part is gone.
    pub(crate) fn forget(&self, id: u64) {
        let mut state = self.state.lock();
        if let Some(entry) = state.entries.remove(&id) {
            state.bytes -= entry.bytes;
        }
    }
}
