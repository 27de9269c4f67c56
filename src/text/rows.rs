//! Sets of rows as bits: filters, deleted rows, results.

use std::sync::OnceLock;

/// A set of the rows of one part.
#[derive(Debug, Clone, Default)]
pub struct RowSet {
    words: Vec<u64>,
    rows: u32,
    /// Known once it was asked for, until the set changes.
    extent: OnceLock<Option<Extent>>,
}

/// Where the rows of a set lie, and how many they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) first: u32,
    pub(crate) last: u32,
    pub(crate) count: u64,
}

impl PartialEq for RowSet {
    fn eq(&self, other: &RowSet) -> bool {
        self.rows == other.rows && self.words == other.words
    }
}

impl Eq for RowSet {}

impl RowSet {
    /// An empty set of a part of so many rows.
    pub fn new(rows: u32) -> RowSet {
        RowSet { words: vec![0; (rows as usize).div_ceil(64)], rows, extent: OnceLock::new() }
    }

    /// A set from its words, the lowest bit first; bits past the rows are cleared.
    pub fn from_words(mut words: Vec<u64>, rows: u32) -> RowSet {
        words.resize((rows as usize).div_ceil(64), 0);
        if !rows.is_multiple_of(64)
            && let Some(last) = words.last_mut()
        {
            *last &= (1 << (rows % 64)) - 1;
        }
        RowSet { words, rows, extent: OnceLock::new() }
    }

    /// Its words, the lowest bit first.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    pub(crate) fn words_mut(&mut self) -> &mut [u64] {
        self.extent = OnceLock::new();
        &mut self.words
    }

    /// Rows of the part.
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// Adds a row; one outside of the part is none.
    #[inline]
    pub fn insert(&mut self, row: u32) {
        if row < self.rows {
            self.extent = OnceLock::new();
            self.words[row as usize / 64] |= 1 << (row % 64);
        }
    }

    /// Whether it has a row.
    #[inline]
    pub fn contains(&self, row: u32) -> bool {
        self.words.get(row as usize / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// How many rows it has.
    pub fn count(&self) -> u64 {
        count_ones(&self.words)
    }

    /// From which row to which it has rows, and how many; nothing if it is empty.
    pub(crate) fn extent(&self) -> Option<Extent> {
        *self.extent.get_or_init(|| {
            let (first, last) = (
                self.words.iter().position(|word| *word != 0)?,
                self.words.iter().rposition(|word| *word != 0)?,
            );
            Some(Extent {
                first: first as u32 * 64 + self.words[first].trailing_zeros(),
                last: last as u32 * 64 + 63 - self.words[last].leading_zeros(),
                count: self.count(),
            })
        })
    }

    /// The rows from one up to before another, ascending.
    pub fn range(&self, from: u32, to: u32) -> impl Iterator<Item = u32> + '_ {
        let to = to.min(self.rows);
        let words = (from / 64..to.div_ceil(64)).map(move |index| {
            let mut word = self.words.get(index as usize).copied().unwrap_or(0);
            if index == from / 64 {
                word &= u64::MAX << (from % 64);
            }
            if index == to / 64 {
                word &= (1 << (to % 64)) - 1;
            }
            (index * 64, word)
        });
        words.flat_map(|(base, mut word)| {
            std::iter::from_fn(move || {
                (word != 0).then(|| {
                    let row = base + word.trailing_zeros();
                    word &= word - 1;
                    row
                })
            })
        })
    }

    /// The rows, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.words.iter().enumerate().flat_map(|(index, word)| {
            let mut word = *word;
            std::iter::from_fn(move || {
                (word != 0).then(|| {
                    let row = index as u32 * 64 + word.trailing_zeros();
                    word &= word - 1;
                    row
                })
            })
        })
    }

    /// Some words from a row on that is a multiple of 64.
    #[inline]
    pub(crate) fn window(&self, base: u32, words: usize) -> &[u64] {
        let start = (base as usize / 64).min(self.words.len());
        &self.words[start..(start + words).min(self.words.len())]
    }
}

impl FromIterator<u32> for RowSet {
    fn from_iter<I: IntoIterator<Item = u32>>(rows: I) -> RowSet {
        let rows: Vec<u32> = rows.into_iter().collect();
        let mut set = RowSet::new(rows.iter().max().map_or(0, |row| row + 1));
        rows.iter().for_each(|row| set.insert(*row));
        set
    }
}

/// Bits that are set.
pub(crate) fn count_ones(words: &[u64]) -> u64 {
    #[inline(always)]
    fn inner(words: &[u64]) -> u64 {
        words.iter().map(|word| u64::from(word.count_ones())).sum()
    }
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2,popcnt")]
        fn wide(words: &[u64]) -> u64 {
            inner(words)
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt") {
            // SAFETY: the processor has all instructions `wide` may use.
            return unsafe { wide(words) };
        }
    }
    inner(words)
}

/// Appends the rows whose bits are set in words that begin at row `base`.
#[inline]
pub(crate) fn extract(words: &[u64], base: u32, out: &mut Vec<u32>) {
    for (index, word) in words.iter().enumerate() {
        let mut word = *word;
        while word != 0 {
            out.push(base + index as u32 * 64 + word.trailing_zeros());
            word &= word - 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Extent, RowSet};

    #[test]
    fn extents_follow_what_is_inserted() {
        let mut set = RowSet::new(300);
        assert_eq!(set.extent(), None);
        for (row, first, last, count) in [(70, 70, 70, 1), (299, 70, 299, 2), (0, 0, 299, 3)] {
            set.insert(row);
            assert_eq!(set.extent(), Some(Extent { first, last, count }));
        }
    }

    #[test]
    fn ranges_are_cut_anywhere() {
        let mut set = RowSet::new(300);
        [0, 1, 63, 64, 65, 127, 128, 200, 299].into_iter().for_each(|row| set.insert(row));
        for from in [0, 1, 2, 63, 64, 65, 128, 199, 200, 299, 300, 400] {
            for to in [0, 1, 63, 64, 65, 128, 129, 200, 299, 300, 1000] {
                let expected: Vec<u32> = set.iter().filter(|r| (from..to).contains(r)).collect();
                assert_eq!(set.range(from, to).collect::<Vec<u32>>(), expected, "{from}..{to}");
            }
        }
    }
}
