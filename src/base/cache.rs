//! A cache bounded by bytes, and what every cache tells of itself.
//!
//! 1. Entries are weighed when they come in. Who leaves is told by S3-FIFO (Yang et al., SOSP 2023; crate quick_cache), so
//!    that what comes once does not drive out what comes again.
//! 2. The bytes of entries are held from a budget that queries share. What the budget refuses is not kept; where a query
//!    needs room, [`ByteCache::shrink`] makes it.

use std::fmt;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quick_cache::sync::Cache;
use quick_cache::{DefaultHashBuilder, Lifecycle, OptionsBuilder, Weighter};
use sha2::{Digest, Sha256};

use crate::{MemoryBudget, Reservation};

/// What a cache holds, and how often it was of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CacheReport {
    /// Entries that are held.
    pub entries: u64,
    /// Bytes that they take.
    pub bytes: u64,
    /// Bytes that they may take.
    pub capacity: u64,
    /// Questions that were answered.
    pub hits: u64,
    /// Questions that were not.
    pub misses: u64,
    /// Entries that left for want of room.
    pub evictions: u64,
    /// Microseconds of making what was given again; 0 where nobody measures it.
    pub saved_microseconds: u64,
}

/// The first 128 bits of the SHA-256 of some pieces and their lengths: what tells questions from others.
pub fn cache_key<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> u128 {
    let mut hash = Sha256::new();
    for piece in pieces {
        hash.update((piece.len() as u64).to_le_bytes());
        hash.update(piece);
    }
    hash.finalize().iter().take(16).fold(0, |key, byte| key << 8 | u128::from(*byte))
}

/// Entries that come, at least, before those of no more use are looked for.
const SWEPT_EVERY: u64 = 64;

/// Values by key, so many bytes of them.
pub struct ByteCache<K, V> {
    kept: Cache<K, Entry<V>, Bytes, DefaultHashBuilder, Evictions>,
    capacity: u64,
    /// Held by who makes it shrink.
    shrinking: Mutex<()>,
    budget: MemoryBudget,
    /// Entries that came since those of no more use were looked for.
    came: AtomicU64,
    evictions: Evictions,
    hits: AtomicU64,
    misses: AtomicU64,
    saved: AtomicU64,
}

#[derive(Clone)]
struct Entry<V> {
    value: V,
    held: Arc<Reservation>,
}

#[derive(Clone)]
struct Bytes;

impl<K, V> Weighter<K, Entry<V>> for Bytes {
    fn weight(&self, _: &K, entry: &Entry<V>) -> u64 {
        entry.held.bytes() as u64
    }
}

/// Counts what had to leave.
#[derive(Clone, Default)]
struct Evictions(Arc<AtomicU64>);

impl<K, V> Lifecycle<K, Entry<V>> for Evictions {
    /// Entries are dropped where no lock is held.
    type RequestState = Vec<Entry<V>>;

    fn on_evict(&self, left: &mut Vec<Entry<V>>, _: K, entry: Entry<V>) {
        self.0.fetch_add(1, Ordering::Relaxed);
        left.push(entry);
    }
}

impl<K: Hash + Eq + Clone, V: Clone> ByteCache<K, V> {
    /// A cache of so many bytes of a budget; of none it keeps nothing.
    pub fn new(bytes: u64, budget: &MemoryBudget) -> ByteCache<K, V> {
        // One shard, so that an entry may take as much as the whole cache. Both capacities are given, which is all that
        // can be wrong.
        let mut options = OptionsBuilder::new();
        options.shards(1).estimated_items_capacity(4096).weight_capacity(bytes);
        let options = options.build().unwrap_or_else(|_| unreachable!());
        let evictions = Evictions::default();
        let hasher = DefaultHashBuilder::default();
        ByteCache {
            kept: Cache::with_options(options, Bytes, hasher, evictions.clone()),
            capacity: bytes,
            shrinking: Mutex::new(()),
            budget: budget.clone(),
            came: AtomicU64::new(0),
            evictions,
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            saved: AtomicU64::new(0),
        }
    }

    /// Whether anything may be kept.
    pub fn is_on(&self) -> bool {
        self.capacity > 0
    }

    /// What is kept under a key; it counts as used, but as no answer yet (see [`ByteCache::count`]).
    pub fn get(&self, key: &K) -> Option<V> {
        self.get_held(key).map(|(value, _)| value)
    }

    /// As [`ByteCache::get`], with its bytes of the budget, which are held until both have let go.
    pub fn get_held(&self, key: &K) -> Option<(V, Arc<Reservation>)> {
        self.kept.get(key).map(|entry| (entry.value, entry.held))
    }

    /// What is kept under a key, without counting as used.
    pub fn peek(&self, key: &K) -> Option<V> {
        self.kept.peek(key).map(|entry| entry.value)
    }

    /// Keeps a value of so many bytes, unless it is larger than the cache or the budget has no room for it; says whether.
    pub fn insert(&self, key: K, value: V, bytes: usize) -> bool {
        let room = self.room(bytes);
        let fits = room.is_some();
        match room {
            Some(room) => self.insert_into(room, key, value),
            None if self.kept.remove(&key).is_some() => {
                self.evictions.0.fetch_add(1, Ordering::Relaxed);
            }
            None => {}
        }
        fits
    }

    /// Room in the budget for a value of so many bytes that is still to be made; `None` where it would not be kept.
    pub fn room(&self, bytes: usize) -> Option<Reservation> {
        let mut held = self.budget.reservation();
        (bytes as u64 <= self.capacity && held.resize_within(bytes)).then_some(held)
    }

    /// Keeps a value for which there is room.
    pub fn insert_into(&self, room: Reservation, key: K, value: V) {
        self.kept.insert(key, Entry { value, held: Arc::new(room) });
    }

    /// As [`ByteCache::insert`]; now and then entries that are of no more use are dropped first.
    pub fn insert_and_sweep(
        &self,
        key: K,
        value: V,
        bytes: usize,
        is_of_use: impl Fn(&V) -> bool,
    ) -> bool {
        let came = self.came.fetch_add(1, Ordering::Relaxed);
        if came >= SWEPT_EVERY.max(self.len() as u64) {
            self.came.store(0, Ordering::Relaxed);
            self.retain(|_, value| is_of_use(value));
        }
        self.insert(key, value, bytes)
    }

    /// Takes down whether a question was answered.
    pub fn count(&self, hit: bool) {
        let counter = if hit { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes down what it would have taken to make what was given again.
    pub fn count_saved(&self, time: Duration) {
        let saved = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.saved.fetch_add(saved, Ordering::Relaxed);
    }

    /// All that is kept.
    pub fn all(&self) -> Vec<(K, V)> {
        self.kept.iter().map(|(key, entry)| (key, entry.value)).collect()
    }

    /// How many values are kept.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Forgets what does not meet a condition.
    pub fn retain(&self, condition: impl Fn(&K, &V) -> bool) {
        self.kept.retain(|key, entry| condition(key, &entry.value));
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.kept.clear();
    }

    /// Makes room: forgets at least so many bytes of what is least of use, as far as there are so many. It is told how
    /// many it were.
    pub fn shrink(&self, bytes: u64) -> u64 {
        let _alone = self.shrinking.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.kept.weight();
        if before > 0 {
            // Far smaller capacities would make it forget what has left, by which it tells what comes again.
            let least = (self.capacity / 1024).max(1);
            self.kept.set_capacity(before.saturating_sub(bytes).max(least));
            self.kept.set_capacity(self.capacity);
        }
        before.saturating_sub(self.kept.weight())
    }

    /// What it holds, and how often it was of use.
    pub fn report(&self) -> CacheReport {
        CacheReport {
            entries: self.kept.len() as u64,
            bytes: self.kept.weight(),
            capacity: self.capacity,
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            evictions: self.evictions.0.load(Ordering::Relaxed),
            saved_microseconds: self.saved.load(Ordering::Relaxed),
        }
    }
}

impl<K: Hash + Eq + Clone, V: Clone> fmt::Debug for ByteCache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ByteCache({:?})", self.report())
    }
}

#[cfg(test)]
mod tests {
    use super::ByteCache;
    use crate::MemoryBudget;

    #[test]
    fn bytes_are_bounded_and_go_back_to_the_budget() {
        let budget = MemoryBudget::new("total", 1000);
        let cache = ByteCache::new(100, &budget);
        for key in 0..50u32 {
            cache.insert(key, "value", 10);
        }
        let report = cache.report();
        assert!(report.bytes <= 100 && report.entries <= 10, "{report:?}");
        assert_eq!(report.evictions, 50 - report.entries);
        assert_eq!(budget.used() as u64, report.bytes);
        cache.insert(99, "too large", 101);
        assert_eq!(cache.get(&99), None);
        cache.clear();
        assert_eq!((budget.used(), cache.len()), (0, 0));
    }

    #[test]
    fn what_the_budget_refuses_is_not_kept() {
        let budget = MemoryBudget::new("total", 1000);
        budget.take(950).unwrap();
        let cache = ByteCache::new(100, &budget);
        cache.insert(1, "first", 40);
        assert!(!cache.insert(2, "second", 40));
        assert_eq!((cache.get(&1), cache.get(&2)), (Some("first"), None));
        cache.insert(1, "grown", 60);
        assert_eq!(cache.get(&1), None, "what cannot grow leaves");
        assert_eq!(budget.used(), 950);
    }

    #[test]
    fn it_shrinks_by_what_is_asked_and_may_grow_again() {
        let budget = MemoryBudget::new("total", 10_000);
        let cache = ByteCache::new(1000, &budget);
        for key in 0..10u32 {
            cache.insert(key, (), 100);
        }
        assert_eq!(cache.shrink(250), 300);
        assert_eq!((cache.report().bytes, cache.report().capacity), (700, 1000));
        assert_eq!(budget.used(), 700);
        assert_eq!(cache.shrink(u64::MAX), 700);
        cache.insert(11, (), 100);
        assert_eq!(cache.get(&11), Some(()));
    }
}
