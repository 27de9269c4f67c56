//! From keys to group numbers.
//!
//! Open addressing with linear probing over a power of two of slots, at most half full. A slot holds
//! the key and its group + 1 (0: empty). Runs of equal keys are looked up once.

/// A key of a table.
pub(crate) trait Key: Copy + Eq + Send + Sync + Default + 'static {
    /// A well-mixed hash of it.
    fn hash(self) -> u64;
}

/// Odd constants of the golden ratio and of wyhash.
const MIX: u64 = 0x9E37_79B9_7F4A_7C15;

impl Key for u64 {
    #[inline]
    fn hash(self) -> u64 {
        let wide = u128::from(self ^ 0xA076_1D64_78BD_642F) * u128::from(MIX);
        (wide as u64) ^ ((wide >> 64) as u64)
    }
}

impl Key for u128 {
    #[inline]
    fn hash(self) -> u64 {
        let (low, high) = (self as u64, (self >> 64) as u64);
        (low ^ high.hash().rotate_left(17)).hash()
    }
}

/// Slots up to which a table grows fourfold; above it memory counts for more.
const FAST_GROWTH: usize = 1 << 20;

/// Groups by key.
pub(crate) struct GroupTable<K> {
    slots: Vec<(K, u32)>,
    mask: usize,
    keys: Vec<K>,
}

impl<K: Key> GroupTable<K> {
    pub(crate) fn new() -> GroupTable<K> {
        GroupTable { slots: vec![(K::default(), 0); 1024], mask: 1023, keys: Vec::new() }
    }

    /// A table with room for so many groups.
    pub(crate) fn with_capacity(groups: usize) -> GroupTable<K> {
        let slots = (groups * 2).next_power_of_two().max(1024);
        GroupTable { slots: vec![(K::default(), 0); slots], mask: slots - 1, keys: Vec::new() }
    }

    /// The key of every group.
    pub(crate) fn keys(&self) -> &[K] {
        &self.keys
    }

    /// The group of every key, new ones made as needed, appended to `groups`. With `most` groups there
    /// already, keys without one get `u32::MAX`.
    pub(crate) fn groups(&mut self, keys: &[K], most: usize, groups: &mut Vec<u32>) {
        groups.reserve(keys.len());
        let mut last: Option<(K, u32)> = None;
        for key in keys {
            if let Some((known, group)) = last
                && known == *key
            {
                groups.push(group);
                continue;
            }
            let group = self.group(*key, most);
            last = Some((*key, group));
            groups.push(group);
        }
    }

    #[inline]
    fn group(&mut self, key: K, most: usize) -> u32 {
        let mut at = (key.hash() >> 20) as usize & self.mask;
        loop {
            let (known, group) = self.slots[at];
            if group == 0 {
                break;
            }
            if known == key {
                return group - 1;
            }
            at = (at + 1) & self.mask;
        }
        if self.keys.len() >= most {
            return u32::MAX;
        }
        self.keys.push(key);
        let group = self.keys.len() as u32;
        self.slots[at] = (key, group);
        if self.keys.len() * 2 > self.slots.len() {
            self.grow();
        }
        group - 1
    }

    fn grow(&mut self) {
        let size = self.slots.len() * if self.slots.len() < FAST_GROWTH { 4 } else { 2 };
        self.slots = Vec::new();
        self.slots = vec![(K::default(), 0); size];
        self.mask = size - 1;
        for (group, key) in self.keys.iter().enumerate() {
            let mut at = (key.hash() >> 20) as usize & self.mask;
            while self.slots[at].1 != 0 {
                at = (at + 1) & self.mask;
            }
            self.slots[at] = (*key, group as u32 + 1);
        }
    }

    /// Bytes of memory in use.
    pub(crate) fn memory(&self) -> usize {
        self.slots.len() * size_of::<(K, u32)>() + self.keys.capacity() * size_of::<K>()
    }
}

#[cfg(test)]
mod tests {
    use super::GroupTable;

    #[test]
    fn equal_keys_get_equal_groups_also_when_it_grows() {
        let mut table = GroupTable::<u64>::new();
        let keys: Vec<u64> = (0..100_000).map(|i| i % 30_011 * 977).collect();
        let mut groups = Vec::new();
        table.groups(&keys, usize::MAX, &mut groups);
        assert_eq!(table.keys().len(), 30_011);
        assert!(keys.iter().zip(&groups).all(|(k, g)| table.keys()[*g as usize] == *k));
        let mut limited = GroupTable::<u128>::new();
        let mut some = Vec::new();
        limited.groups(&[1, 2, 3, 1], 2, &mut some);
        assert_eq!(some, [0, 1, u32::MAX, 0]);
    }
}
