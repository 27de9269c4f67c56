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

impl State {
    /// Drops what was not used for longest until no more than `limit` bytes are held.
    fn make_room(&mut self, limit: usize) {
        while self.bytes > limit {
            let oldest = self.entries.iter().min_by_key(|(_, e)| e.used).map(|(id, _)| *id);
            let Some(entry) = oldest.and_then(|id| self.entries.remove(&id)) else { break };
            self.bytes -= entry.bytes;
        }
    }
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

    /// Bytes that may still be held before something has to go.
    pub(crate) fn room(&self) -> usize {
        self.limit.saturating_sub(self.state.lock().bytes)
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

    /// The decoded form of a dictionary, which takes about `bytes`. Who comes while another thread decodes
    /// it waits for that. Others make room before it is decoded, so that no more than the limit is held.
    pub(crate) fn get_or_decode(
        &self,
        id: u64,
        bytes: usize,
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
        let kept = bytes <= self.limit;
        if kept {
            self.state.lock().make_room(self.limit - bytes);
        }
        let values = decode();
        let mut state = self.state.lock();
        state.decoding.remove(&id);
        drop(turn);
        let values = values?;
        let bytes = values.get_array_memory_size();
        if !kept || bytes > self.limit {
            return Ok(values);
        }
        state.make_room(self.limit - bytes);
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Array, ArrayRef, UInt64Array};

    use super::DictionaryCache;

    fn values(count: u64) -> ArrayRef {
        Arc::new(UInt64Array::from_iter_values(0..count))
    }

    #[test]
    fn others_go_before_a_dictionary_is_decoded() {
        let pool = Arc::new(rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap());
        let one = values(1000);
        let bytes = one.get_array_memory_size();
        let cache = DictionaryCache::new(bytes * 2, pool);
        for id in [1, 2] {
            cache.get_or_decode(id, bytes, || Ok(values(1000))).unwrap();
        }
        assert_eq!((cache.bytes(), cache.room()), (bytes * 2, 0));
        assert!(cache.get(1).is_some(), "used again");
        let decode = || {
            assert_eq!(cache.bytes(), bytes, "one has gone already");
            Ok(values(1000))
        };
        cache.get_or_decode(3, bytes, decode).unwrap();
        assert!(cache.get(2).is_none() && cache.get(1).is_some() && cache.get(3).is_some());
        // One that is too large drives nobody out.
        cache.get_or_decode(4, bytes * 3, || Ok(values(3000))).unwrap();
        assert!(cache.get(4).is_none() && cache.get(1).is_some());
    }
}
