//! Decoded dictionaries, up to a number of bytes: a share of what all of them would take, within bounds.
//!
//! Each dictionary has a worth: how many times over it was read of late, decoded or not, so how much
//! decoding it saves by the byte. One is kept only if those of less worth can make room for it; otherwise a
//! few large ones that are used in turn would drive each other out. When all together were read `MEMORY`
//! times, what was known counts half. Bytes are held from the budget that queries have, and given back when a
//! query needs them.

use std::collections::HashMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef};
use base::{CacheReport, MemoryBudget, Reservation, Result};
use parking_lot::Mutex;

/// After so many dictionaries were read in whole, worths are halved.
const MEMORY: f64 = 8.0;

/// One part in so many may be held of the bytes that all dictionaries would take that were looked at: as tables
/// grow, so does what queries read of them.
const SHARE: usize = 2;

/// A bounded cache that all dictionaries of a store share.
pub(crate) struct DictionaryCache {
    /// Bytes that may be held in any case, and those that may never be exceeded.
    bounds: RangeInclusive<usize>,
    state: Mutex<State>,
    pool: Arc<rayon::ThreadPool>,
}

#[derive(Default)]
struct State {
    entries: HashMap<u64, Entry>,
    /// Dictionaries that a thread is decoding.
    decoding: HashMap<u64, Arc<Mutex<()>>>,
    /// By dictionary, those that are not kept included, until their parts go.
    worth: HashMap<u64, f64>,
    /// Bytes that each open dictionary takes when it is decoded, kept or not, and their sum.
    open: HashMap<u64, usize>,
    open_bytes: usize,
    largest: usize,
    bytes: usize,
    /// The same bytes, held from the budget that queries have.
    held: Option<Reservation>,
    /// Reads since worths were halved.
    reads: f64,
    hits: u64,
    misses: u64,
    evictions: u64,
}

struct Entry {
    values: ArrayRef,
    bytes: usize,
}

impl State {
    /// Notes that a share of a dictionary was read; its worth now.
    fn note(&mut self, id: u64, share: f64) -> f64 {
        self.reads += share;
        if self.reads > MEMORY {
            self.reads /= 2.0;
            self.worth.values_mut().for_each(|worth| *worth /= 2.0);
        }
        let worth = self.worth.entry(id).or_default();
        *worth += share;
        *worth
    }

    /// What has to go so that `bytes` more can be held; `None` where it is worth more than that.
    fn victims(&self, id: u64, bytes: usize, limit: usize) -> Option<Vec<u64>> {
        let worth = |id: &u64| self.worth.get(id).copied().unwrap_or_default();
        let mut excess = (self.bytes + bytes).saturating_sub(limit);
        let mut others: Vec<&u64> = self.entries.keys().collect();
        others.sort_by(|a, b| worth(a).total_cmp(&worth(b)));
        let mut victims = Vec::new();
        for other in others {
            if excess == 0 || worth(other) >= worth(&id) {
                break;
            }
            excess = excess.saturating_sub(self.entries[other].bytes);
            victims.push(*other);
        }
        (excess == 0).then_some(victims)
    }

    /// Makes room for a dictionary where it is worth more than what has to go; whether there is room.
    fn make_room(&mut self, id: u64, bytes: usize, limit: usize) -> bool {
        let Some(victims) = self.victims(id, bytes, limit) else { return false };
        self.evictions += victims.len() as u64;
        for victim in victims {
            self.remove(victim);
        }
        true
    }

    fn remove(&mut self, id: u64) {
        if let Some(entry) = self.entries.remove(&id) {
            self.bytes -= entry.bytes;
            self.hold(self.bytes);
        }
    }

    /// Holds so many bytes of the budget; whether there are as many.
    fn hold(&mut self, bytes: usize) -> bool {
        self.held.as_mut().is_none_or(|held| held.resize_within(bytes))
    }
}

impl fmt::Debug for DictionaryCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DictionaryCache of {:?} bytes", self.bounds)
    }
}

impl DictionaryCache {
    /// A cache of so many bytes, which are held from a budget; `pool` decodes large dictionaries.
    pub(crate) fn new(
        bounds: RangeInclusive<usize>,
        pool: Arc<rayon::ThreadPool>,
        budget: &MemoryBudget,
    ) -> Arc<DictionaryCache> {
        let state = State { held: Some(budget.reservation()), ..State::default() };
        Arc::new(DictionaryCache { bounds, state: Mutex::new(state), pool })
    }

    /// Drops at least so many bytes that nobody reads, those of least worth first, as far as there are so many; says
    /// how many.
    pub(crate) fn shrink(&self, bytes: usize) -> usize {
        let mut state = self.state.lock();
        let worth = |id: &u64| state.worth.get(id).copied().unwrap_or_default();
        let idle = state.entries.iter().filter(|(_, entry)| Arc::strong_count(&entry.values) == 1);
        let mut idle: Vec<u64> = idle.map(|(id, _)| *id).collect();
        idle.sort_by(|a, b| worth(a).total_cmp(&worth(b)));
        let before = state.bytes;
        for id in idle {
            if before - state.bytes >= bytes {
                break;
            }
            state.remove(id);
            state.evictions += 1;
        }
        before - state.bytes
    }

    /// Notes that a dictionary was opened, which takes about `bytes` when it is decoded.
    pub(crate) fn opened(&self, id: u64, bytes: usize) {
        let mut state = self.state.lock();
        let before = state.open.insert(id, bytes).unwrap_or(0);
        state.open_bytes = state.open_bytes - before + bytes;
        state.largest = state.largest.max(bytes);
    }

    fn limit_of(&self, state: &State) -> usize {
        // A query that reads one column finds it decoded the next time. Estimates are somewhat too small.
        let wanted = (state.open_bytes / SHARE).max(state.largest / 8 * 9);
        wanted.min(*self.bounds.end()).max(*self.bounds.start())
    }

    pub(crate) fn pool(&self) -> &rayon::ThreadPool {
        &self.pool
    }

    /// Bytes that may be held.
    pub(crate) fn limit(&self) -> usize {
        self.limit_of(&self.state.lock())
    }

    /// Bytes that are held.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.state.lock().bytes
    }

    /// What it holds, and how often it was of use.
    pub(crate) fn report(&self) -> CacheReport {
        let state = self.state.lock();
        CacheReport {
            entries: state.entries.len() as u64,
            bytes: state.bytes as u64,
            capacity: self.limit_of(&state) as u64,
            hits: state.hits,
            misses: state.misses,
            evictions: state.evictions,
            saved_microseconds: 0,
        }
    }

    /// The decoded form of a dictionary if it is kept; `share` of it is read.
    pub(crate) fn get(&self, id: u64, share: f64) -> Option<ArrayRef> {
        let mut state = self.state.lock();
        state.note(id, share);
        let values = state.entries.get(&id).map(|entry| entry.values.clone());
        match values {
            // Who waited for another to decode it has asked before.
            _ if share == 0.0 => {}
            Some(_) => state.hits += 1,
            None => state.misses += 1,
        }
        values
    }

    /// Whether a dictionary of about so many bytes that was read `times` of late would be kept.
    pub(crate) fn would_keep(&self, id: u64, bytes: usize, times: f64) -> bool {
        let state = self.state.lock();
        state.worth.get(&id).is_some_and(|worth| *worth >= times)
            && state.victims(id, bytes, self.limit_of(&state)).is_some()
    }

    /// The decoded form of a dictionary, which takes about `bytes`. Who comes while another thread decodes
    /// it waits for that. Others make room before it is decoded, so that no more than the limit is held.
    pub(crate) fn get_or_decode(
        &self,
        id: u64,
        bytes: usize,
        share: f64,
        decode: impl FnOnce() -> Result<ArrayRef>,
    ) -> Result<ArrayRef> {
        if let Some(values) = self.get(id, share) {
            return Ok(values);
        }
        let turn = self.state.lock().decoding.entry(id).or_default().clone();
        let turn = turn.lock();
        if let Some(values) = self.get(id, 0.0) {
            self.state.lock().decoding.remove(&id);
            return Ok(values);
        }
        let kept = self.make_room(&mut self.state.lock(), id, bytes);
        let values = decode();
        let mut state = self.state.lock();
        state.decoding.remove(&id);
        drop(turn);
        let values = values?;
        let bytes = values.get_array_memory_size();
        let room = kept && self.make_room(&mut state, id, bytes);
        let all = state.bytes + bytes;
        if room && state.hold(all) {
            state.bytes = all;
            state.entries.insert(id, Entry { values: values.clone(), bytes });
        }
        Ok(values)
    }

    fn make_room(&self, state: &mut State, id: u64, bytes: usize) -> bool {
        let limit = self.limit_of(state);
        state.make_room(id, bytes, limit)
    }

    /// Drops a dictionary whose part is gone.
    pub(crate) fn forget(&self, id: u64) {
        let mut state = self.state.lock();
        state.remove(id);
        state.worth.remove(&id);
        if let Some(bytes) = state.open.remove(&id) {
            state.open_bytes -= bytes;
            if bytes == state.largest {
                state.largest = state.open.values().max().copied().unwrap_or(0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Array, ArrayRef, UInt64Array};
    use base::MemoryBudget;

    use super::DictionaryCache;

    fn values(count: u64) -> ArrayRef {
        Arc::new(UInt64Array::from_iter_values(0..count))
    }

    #[test]
    fn what_is_worth_less_goes_before_another_is_decoded() {
        let pool = Arc::new(rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap());
        let bytes = values(1000).get_array_memory_size();
        let cache = DictionaryCache::new(bytes * 2..=bytes * 2, pool, &MemoryBudget::unlimited());
        for (id, share) in [(1, 1.0), (2, 0.5)] {
            cache.get_or_decode(id, bytes, share, || Ok(values(1000))).unwrap();
        }
        assert_eq!(cache.bytes(), bytes * 2);
        // As long as it is worth no more than the others, it is decoded and not kept.
        assert!(!cache.would_keep(3, bytes, 0.0));
        cache.get_or_decode(3, bytes, 0.5, || Ok(values(1000))).unwrap();
        assert!(cache.get(3, 0.1).is_none() && cache.would_keep(3, bytes, 0.5));
        let decode = || {
            assert_eq!(cache.bytes(), bytes, "one has gone already");
            Ok(values(1000))
        };
        cache.get_or_decode(3, bytes, 0.0, decode).unwrap();
        let kept = [1, 2, 3].map(|id| cache.get(id, 0.0).is_some());
        assert_eq!((kept, cache.bytes()), ([true, false, true], bytes * 2));
        // One that is too large drives nobody out.
        cache.get_or_decode(4, bytes * 3, 5.0, || Ok(values(3000))).unwrap();
        assert!(cache.get(4, 0.0).is_none() && cache.get(1, 0.0).is_some());
        cache.forget(1);
        assert_eq!(cache.bytes(), bytes);
    }

    #[test]
    fn bytes_are_those_of_a_budget() {
        let pool = Arc::new(rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap());
        let bytes = values(1000).get_array_memory_size();
        let budget = MemoryBudget::new("all", bytes * 2);
        let cache = DictionaryCache::new(0..=bytes * 9, pool, &budget);
        (1..4).for_each(|id| cache.opened(id, bytes * 6));
        for id in 1..4 {
            cache.get_or_decode(id, bytes, id as f64, || Ok(values(1000))).unwrap();
        }
        assert_eq!((cache.bytes(), budget.used()), (bytes * 2, bytes * 2), "no room for a third");
        let read = cache.get(1, 0.0);
        assert_eq!(cache.shrink(1), bytes, "the other one, which nobody reads");
        assert_eq!((cache.shrink(1), budget.used()), (0, bytes));
        drop(read);
        assert_eq!((cache.shrink(usize::MAX), budget.used()), (bytes, 0));
    }

    #[test]
    fn the_limit_grows_with_the_dictionaries_that_are_open() {
        let pool = Arc::new(rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap());
        let cache = DictionaryCache::new(100..=1000, pool, &MemoryBudget::unlimited());
        assert_eq!(cache.limit(), 100);
        cache.opened(1, 500);
        cache.opened(2, 500);
        cache.opened(2, 600);
        assert_eq!(cache.limit(), 675, "the largest and an eighth");
        cache.opened(3, 400);
        assert_eq!(cache.limit(), 750, "half of all");
        cache.opened(4, 10_000);
        assert_eq!(cache.limit(), 1000);
        (1..5).for_each(|id| cache.forget(id));
        assert_eq!(cache.limit(), 100);
    }

    #[test]
    fn what_was_read_long_ago_counts_less() {
        let pool = Arc::new(rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap());
        let bytes = values(1000).get_array_memory_size();
        let cache = DictionaryCache::new(bytes..=bytes, pool, &MemoryBudget::unlimited());
        cache.get_or_decode(1, bytes, 8.0, || Ok(values(1000))).unwrap();
        let mut runs = 0;
        while cache.get(2, 0.0).is_none() {
            runs += 1;
            cache.get_or_decode(2, bytes, 1.0, || Ok(values(1000))).unwrap();
        }
        assert!((2..8).contains(&runs), "{runs}");
    }
}
