//! From keys to numbers: the hash table below grouping and distinct counts.
//!
//! Open addressing with linear probing over a power of two of slots, at most half full. Keys stand in the
//! order in which they came, which numbers them; a slot holds 32 bits of the key's hash and its number + 1
//! (0: empty), so that the slots of a partition stay in cache. Keys are looked up in batches, in passes whose loads do not wait for
//! each other: hashes and first slots, then the keys that these point to, then whatever was not found.
//! Runs of equal keys are looked up once.

/// A key of a [`KeyTable`].
pub trait TableKey: Copy + Eq + Send + Sync + Default + 'static {
    /// A well-mixed hash of it.
    fn hash(self) -> u64;
}

/// Odd constants of the golden ratio and of wyhash.
const MIX: u64 = 0x9E37_79B9_7F4A_7C15;

impl TableKey for u64 {
    #[inline]
    fn hash(self) -> u64 {
        let wide = u128::from(self ^ 0xA076_1D64_78BD_642F) * u128::from(MIX);
        (wide as u64) ^ ((wide >> 64) as u64)
    }
}

impl TableKey for u128 {
    #[inline]
    fn hash(self) -> u64 {
        let (low, high) = (self as u64, (self >> 64) as u64);
        (low ^ high.hash().rotate_left(17)).hash()
    }
}

/// Slots up to which a table grows fourfold; above it memory counts for more.
const FAST_GROWTH: usize = 1 << 20;

/// Keys that are looked up at once.
const BATCH: usize = 64;

/// A key that was not found at first sight.
const UNKNOWN: u32 = u32::MAX;

/// A key that equals the one before.
const REPEATED: u32 = u32::MAX - 1;

/// Distinct keys, numbered in the order in which they came.
#[derive(Debug)]
pub struct KeyTable<K> {
    slots: Vec<u64>,
    mask: usize,
    keys: Vec<K>,
}

fn slot(hash: u64, group: u32) -> u64 {
    hash & !u64::from(u32::MAX) | u64::from(group + 1)
}

impl<K: TableKey> Default for KeyTable<K> {
    fn default() -> KeyTable<K> {
        KeyTable::new()
    }
}

impl<K: TableKey> KeyTable<K> {
    /// An empty table.
    pub fn new() -> KeyTable<K> {
        KeyTable::with_capacity(512)
    }

    /// A table with room for so many keys.
    pub fn with_capacity(groups: usize) -> KeyTable<K> {
        let slots = (groups * 2).next_power_of_two().max(1024);
        KeyTable { slots: vec![0; slots], mask: slots - 1, keys: Vec::new() }
    }

    /// All keys in the order of their numbers.
    pub fn keys(&self) -> &[K] {
        &self.keys
    }

    /// Drops all keys and keeps the memory.
    pub fn clear(&mut self) {
        self.slots.fill(0);
        self.keys.clear();
    }

    /// Appends the number of every key to `groups`; keys that are not there yet get the next ones. With `most`
    /// keys there already, others get `u32::MAX`.
    pub fn numbers(&mut self, keys: &[K], most: usize, groups: &mut Vec<u32>) {
        groups.reserve(keys.len());
        let mut last: Option<(K, u32)> = None;
        for batch in keys.chunks(BATCH) {
            let mut hashes = [0u64; BATCH];
            let mut found = [UNKNOWN; BATCH];
            self.look(batch, &mut hashes, &mut found);
            for (at, key) in batch.iter().enumerate() {
                let group = match (found[at], last) {
                    (REPEATED, Some((_, group))) => group,
                    (UNKNOWN, Some((known, group))) if known == *key => group,
                    (UNKNOWN | REPEATED, _) => self.number_of(*key, hashes[at], most),
                    (group, _) => group,
                };
                last = Some((*key, group));
                groups.push(group);
            }
        }
    }

    /// Fills in the hashes of a batch, and the groups of the keys whose first slot is theirs.
    #[inline]
    fn look(&self, batch: &[K], hashes: &mut [u64; BATCH], found: &mut [u32; BATCH]) {
        let mut first = [0u64; BATCH];
        for (at, key) in batch.iter().enumerate() {
            if at > 0 && batch[at - 1] == *key {
                found[at] = REPEATED;
                continue;
            }
            let hash = key.hash();
            hashes[at] = hash;
            first[at] = self.slots[hash as usize & self.mask];
        }
        for (at, key) in batch.iter().enumerate() {
            let (slot, hash) = (first[at], hashes[at]);
            if slot != 0 && slot >> 32 == hash >> 32 && found[at] == UNKNOWN {
                let group = slot as u32 - 1;
                if self.keys[group as usize] == *key {
                    found[at] = group;
                }
            }
        }
    }

    /// Puts keys in.
    pub fn insert(&mut self, keys: &[K]) {
        for batch in keys.chunks(BATCH) {
            let mut hashes = [0u64; BATCH];
            let mut found = [UNKNOWN; BATCH];
            self.look(batch, &mut hashes, &mut found);
            for (at, key) in batch.iter().enumerate() {
                if found[at] == UNKNOWN {
                    self.number_of(*key, hashes[at], usize::MAX);
                }
            }
        }
    }

    /// Puts one key in; whether it was not there.
    pub fn insert_one(&mut self, key: K) -> bool {
        let before = self.keys.len();
        self.number_of(key, key.hash(), usize::MAX);
        self.keys.len() > before
    }

    fn number_of(&mut self, key: K, hash: u64, most: usize) -> u32 {
        let mut at = hash as usize & self.mask;
        loop {
            let known = self.slots[at];
            if known == 0 {
                break;
            }
            let group = known as u32 - 1;
            if known >> 32 == hash >> 32 && self.keys[group as usize] == key {
                return group;
            }
            at = (at + 1) & self.mask;
        }
        if self.keys.len() >= most {
            return u32::MAX;
        }
        let group = self.keys.len() as u32;
        self.keys.push(key);
        self.slots[at] = slot(hash, group);
        if self.keys.len() * 2 > self.slots.len() {
            self.grow();
        }
        group
    }

    fn grow(&mut self) {
        let size = self.slots.len() * if self.slots.len() < FAST_GROWTH { 4 } else { 2 };
        self.slots = Vec::new();
        self.slots = vec![0; size];
        self.mask = size - 1;
        for (group, key) in self.keys.iter().enumerate() {
            let hash = key.hash();
            let mut at = hash as usize & self.mask;
            while self.slots[at] != 0 {
                at = (at + 1) & self.mask;
            }
            self.slots[at] = slot(hash, group as u32);
        }
    }

    /// Bytes of memory in use.
    pub fn memory(&self) -> usize {
        self.slots.len() * size_of::<u64>() + self.keys.capacity() * size_of::<K>()
    }
}

#[cfg(test)]
mod tests {
    use super::KeyTable;

    #[test]
    fn equal_keys_get_equal_groups_also_when_it_grows() {
        let mut table = KeyTable::<u64>::new();
        let keys: Vec<u64> = (0..100_000).map(|i| i % 30_011 * 977).collect();
        let mut groups = Vec::new();
        table.numbers(&keys, usize::MAX, &mut groups);
        assert_eq!(table.keys().len(), 30_011);
        assert!(keys.iter().zip(&groups).all(|(k, g)| table.keys()[*g as usize] == *k));
        let mut limited = KeyTable::<u128>::new();
        let mut some = Vec::new();
        limited.numbers(&[1, 2, 3, 1], 2, &mut some);
        assert_eq!(some, [0, 1, u32::MAX, 0]);
    }
}
