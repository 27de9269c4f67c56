//! From keys to numbers: the hash table below grouping and distinct counts.
//!
//! Keys stand in the order in which they came, which numbers them; beside that they lie with their numbers in
//! the slots of a table of `hashbrown`, so that a look takes one cache miss. Runs of equal keys are looked up
//! once.

use hashbrown::HashTable;

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

/// Distinct keys, numbered in the order in which they came.
#[derive(Debug, Clone)]
pub struct KeyTable<K: Copy> {
    table: HashTable<Entry<K>>,
    keys: Vec<K>,
}

/// A key and its number; 24 bytes of a `u128`, not 32.
#[derive(Debug, Clone, Copy)]
#[repr(C, packed(8))]
struct Entry<K: Copy> {
    key: K,
    group: u32,
}

/// What the table goes by: it tells neighbours apart by the top 7 bits, which are all the same in a partition of
/// keys by the top bits of their hashes.
#[inline]
fn spread(hash: u64) -> u64 {
    hash ^ (hash << 25)
}

impl<K: TableKey> Default for KeyTable<K> {
    fn default() -> KeyTable<K> {
        KeyTable::new()
    }
}

impl<K: TableKey> KeyTable<K> {
    /// An empty table.
    pub fn new() -> KeyTable<K> {
        KeyTable { table: HashTable::new(), keys: Vec::new() }
    }

    /// A table with room for so many keys.
    pub fn with_capacity(groups: usize) -> KeyTable<K> {
        KeyTable { table: HashTable::with_capacity(groups), keys: Vec::with_capacity(groups) }
    }

    /// All keys in the order of their numbers.
    pub fn keys(&self) -> &[K] {
        &self.keys
    }

    /// Drops all keys and keeps the memory.
    pub fn clear(&mut self) {
        self.table.clear();
        self.keys.clear();
    }

    /// Appends the number of every key to `groups`; keys that are not there yet get the next ones. With `most`
    /// keys there already, others get `u32::MAX`.
    pub fn numbers(&mut self, keys: &[K], most: usize, groups: &mut Vec<u32>) {
        groups.reserve(keys.len());
        let Some(first) = keys.first() else { return };
        let mut last = (*first, self.number_of(*first, most));
        for key in keys {
            if *key != last.0 {
                last = (*key, self.number_of(*key, most));
            }
            groups.push(last.1);
        }
    }

    /// Puts keys in.
    pub fn insert(&mut self, keys: &[K]) {
        for key in keys {
            self.number_of(*key, usize::MAX);
        }
    }

    /// Puts one key in; whether it was not there.
    pub fn insert_one(&mut self, key: K) -> bool {
        let before = self.keys.len();
        self.number_of(key, usize::MAX);
        self.keys.len() > before
    }

    #[inline]
    fn number_of(&mut self, key: K, most: usize) -> u32 {
        let hash = spread(key.hash());
        if let Some(entry) = self.table.find(hash, |entry| { entry.key } == key) {
            return entry.group;
        }
        self.add(key, hash, most)
    }

    fn add(&mut self, key: K, hash: u64, most: usize) -> u32 {
        if self.keys.len() >= most {
            return u32::MAX;
        }
        let group = self.keys.len() as u32;
        self.keys.push(key);
        self.table.insert_unique(hash, Entry { key, group }, |entry| spread({ entry.key }.hash()));
        group
    }

    /// Bytes of memory in use.
    pub fn memory(&self) -> usize {
        self.table.allocation_size() + self.keys.capacity() * size_of::<K>()
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
