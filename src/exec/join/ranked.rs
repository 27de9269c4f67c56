//! From keys to places by their rank: of keys that fill a small part of a range that is not too large.
//!
//! A bit for every number of the range says whether it is a key, and beside every word of bits stands how many
//! keys are in front of it. So a key's place among the sorted distinct keys costs two reads next to those of its
//! neighbours and no comparison; rows that come in the order of their keys, as those of a sorted table do, go
//! through the directory once.

use super::keys::JoinKey;

/// Ranges up to so many times the rows take no more memory than a hash table would.
const SPARSE: u64 = 128;

/// Keys by rank.
pub(super) struct Ranked {
    bits: Vec<u64>,
    /// Keys in front of each word.
    before: Vec<u32>,
    /// By rank, where the numbers of a key's rows begin, and one more for the end; empty where each key has one
    /// row, whose number stands at its rank.
    starts: Vec<u32>,
}

impl Ranked {
    /// Whether keys up to `greatest` of so many rows are better ranked than hashed.
    pub(super) fn suits(greatest: u64, rows: u64) -> bool {
        greatest < rows.saturating_mul(SPARSE)
    }

    /// The directory of the keys of rows, none above `greatest`, and the rows' numbers by key.
    pub(super) fn new(keys: &[u64], greatest: u64) -> (Ranked, Vec<u32>) {
        let mut bits = vec![0u64; (greatest / 64) as usize + 1];
        let valid = || keys.iter().enumerate().filter(|(_, key)| **key != u64::NONE);
        let mut rows = 0;
        for (_, key) in valid() {
            bits[(*key / 64) as usize] |= 1 << (key % 64);
            rows += 1;
        }
        let mut count = 0;
        let before = bits
            .iter()
            .map(|word| {
                let own = count;
                count += word.count_ones();
                own
            })
            .collect();
        let mut ranked = Ranked { bits, before, starts: Vec::new() };
        let mut numbers = vec![0u32; rows];
        if count as usize == rows {
            for (row, key) in valid() {
                numbers[ranked.rank(*key)] = row as u32;
            }
            return (ranked, numbers);
        }
        let mut starts = vec![0u32; count as usize + 1];
        for (_, key) in valid() {
            starts[ranked.rank(*key)] += 1;
        }
        let mut sum = 0;
        for start in &mut starts {
            (*start, sum) = (sum, sum + *start);
        }
        let mut next = starts.clone();
        for (row, key) in valid() {
            let at = &mut next[ranked.rank(*key)];
            numbers[*at as usize] = row as u32;
            *at += 1;
        }
        ranked.starts = starts;
        (ranked, numbers)
    }

    /// How many keys are less than one that is there.
    #[inline]
    fn rank(&self, key: u64) -> usize {
        let word = (key / 64) as usize;
        let below = self.bits[word] & ((1 << (key % 64)) - 1);
        (self.before[word] + below.count_ones()) as usize
    }

    /// Where the numbers of a key's rows are: from, to; equal where there are none.
    #[inline]
    pub(super) fn find(&self, key: u64) -> (u32, u32) {
        let word = self.bits.get((key / 64) as usize).copied().unwrap_or(0);
        if word >> (key % 64) & 1 == 0 {
            return (0, 0);
        }
        let rank = self.rank(key);
        match self.starts.get(rank..rank + 2) {
            Some(range) => (range[0], range[1]),
            None => (rank as u32, rank as u32 + 1),
        }
    }

    /// Whether each key has one row.
    pub(super) fn is_unique(&self) -> bool {
        self.starts.is_empty()
    }

    /// Bytes of memory in use.
    pub(super) fn memory(&self) -> usize {
        self.bits.len() * 8 + self.before.len() * 4 + self.starts.len() * 4
    }
}
