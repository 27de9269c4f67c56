//! A bloom filter for sets of keys that are too many to be asked exactly.
//!
//! The filter is an array of 64-bit words. A key's hash chooses one word and four bits in it, so that a look reads
//! one word. With 16 bits a key about one foreign key in a hundred passes.

use crate::TableKey;

/// Keys a word, on average.
const KEYS: usize = 4;

/// A set of keys that may also say yes to others.
pub(crate) struct Bloom {
    words: Vec<u64>,
}

impl Bloom {
    /// A filter of some keys.
    pub(crate) fn new<K: TableKey>(keys: impl ExactSizeIterator<Item = K>) -> Bloom {
        let mut words = vec![0u64; keys.len().div_ceil(KEYS).max(1)];
        for key in keys {
            let hash = key.hash();
            let place = place(hash, words.len());
            words[place] |= bits(hash);
        }
        Bloom { words }
    }

    /// Whether a key may be among those of the set; never no for one that is.
    #[inline]
    pub(crate) fn contains<K: TableKey>(&self, key: K) -> bool {
        let hash = key.hash();
        let wanted = bits(hash);
        self.words[place(hash, self.words.len())] & wanted == wanted
    }
}

/// The word of a hash: its upper half, scaled to the number of words.
#[inline]
fn place(hash: u64, words: usize) -> usize {
    (((hash >> 32) * words as u64) >> 32) as usize
}

/// The bits of a hash: four times six of its lower bits.
#[inline]
fn bits(hash: u64) -> u64 {
    1 << (hash & 63) | 1 << (hash >> 6 & 63) | 1 << (hash >> 12 & 63) | 1 << (hash >> 18 & 63)
}

#[cfg(test)]
mod tests {
    use super::Bloom;

    #[test]
    fn own_keys_pass_and_few_others() {
        for count in [0u64, 1, 5, 1000, 300_000] {
            let bloom = Bloom::new((0..count as usize).map(|n| n as u64 * 3));
            assert!((0..count).all(|n| bloom.contains(n * 3)));
            let others = (0..100_000u64).filter(|n| bloom.contains(n * 3 + 1)).count();
            assert!(others < 3000, "{others} of 100,000 others pass a filter of {count} keys");
            let wide = Bloom::new((0..count as usize).map(|n| (n as u128) << 70));
            assert!((0..count).all(|n| wide.contains(u128::from(n) << 70)));
        }
    }
}
