//! Which rows a search may find: those of a filter, without those that are deleted.
//!
//! A filter's extent is known, so that of rows that lie together only their blocks are looked at.

use super::Restriction;
use crate::block::BLOCK;
use crate::rows::Extent;

/// The rows that are accepted.
pub(crate) struct Accept<'a> {
    restriction: Restriction<'a>,
    rows: u32,
    extent: Extent,
}

impl<'a> Accept<'a> {
    /// What a restriction accepts of so many rows.
    pub(super) fn new(restriction: Restriction<'a>, rows: u32) -> Accept<'a> {
        let all = Extent { first: 0, last: rows.saturating_sub(1), count: u64::from(rows) };
        let none = Extent { first: rows, last: 0, count: 0 };
        let extent = restriction.filter.map_or(all, |set| set.extent().unwrap_or(none));
        Accept { restriction, rows, extent }
    }

    /// Every row there can be.
    pub(super) fn everything() -> Accept<'static> {
        Accept::new(Restriction::default(), u32::MAX)
    }

    /// Rows of the part.
    pub(super) fn rows(&self) -> u32 {
        self.rows
    }

    /// The first row that may be accepted.
    pub(super) fn first(&self) -> u32 {
        self.extent.first
    }

    /// The last row that may be accepted.
    pub(super) fn last(&self) -> u32 {
        self.extent.last.min(self.rows.saturating_sub(1))
    }

    /// From which row to which, if any, rows may be accepted.
    pub(super) fn range(&self) -> Option<(u32, u32)> {
        (self.extent.first <= self.extent.last).then_some((self.extent.first, self.extent.last))
    }

    /// Whether less than one of so many rows is accepted where rows are accepted.
    pub(super) fn is_sparse(&self, rows: u64) -> bool {
        let among = self.range().map_or(0, |(first, last)| u64::from(last - first) + 1);
        self.restriction.filter.is_some() && self.extent.count < among / rows
    }

    /// Whether a row of a range may be accepted.
    #[inline]
    pub(super) fn any(&self, first: u32, last: u32) -> bool {
        self.restriction.filter.is_none() || self.next(first).is_some_and(|row| row <= last)
    }

    #[inline]
    pub(super) fn is_everything(&self) -> bool {
        self.restriction.filter.is_none() && self.restriction.deleted.is_none()
    }

    #[inline]
    pub(super) fn contains(&self, row: u32) -> bool {
        self.restriction.filter.is_none_or(|set| set.contains(row))
            && !self.restriction.deleted.is_some_and(|set| set.contains(row))
    }

    /// The places of accepted rows among some; how many they are.
    #[inline]
    pub(super) fn places(&self, rows: &[u32], places: &mut [u8; BLOCK]) -> usize {
        let mut count = 0;
        if let Restriction { filter: Some(filter), deleted: None } = self.restriction {
            let words = filter.words();
            for (place, row) in rows.iter().enumerate() {
                places[count % BLOCK] = place as u8;
                let word = words.get(*row as usize / 64).copied().unwrap_or(0);
                count += (word >> (row % 64) & 1) as usize;
            }
            return count;
        }
        for (place, row) in rows.iter().enumerate() {
            places[count % BLOCK] = place as u8;
            count += usize::from(self.contains(*row));
        }
        count
    }

    /// Clears the bits of rows that are not accepted.
    pub(super) fn restrict(&self, base: u32, words: &mut [u64]) {
        if let Some(filter) = self.restriction.filter {
            let set = filter.window(base, words.len());
            words.iter_mut().zip(set).for_each(|(word, set)| *word &= set);
            let known = set.len().min(words.len());
            words[known..].fill(0);
        }
        if let Some(deleted) = self.restriction.deleted {
            let set = deleted.window(base, words.len());
            words.iter_mut().zip(set).for_each(|(word, set)| *word &= !set);
        }
    }

    /// The first row from one on that may be accepted.
    pub(super) fn next(&self, from: u32) -> Option<u32> {
        let Some(filter) = self.restriction.filter else {
            return (from < self.rows).then_some(from);
        };
        let words = filter.words();
        let mut index = from as usize / 64;
        let first = words.get(index)? & (u64::MAX << (from % 64));
        if first != 0 {
            return Some(index as u32 * 64 + first.trailing_zeros());
        }
        index += 1;
        let skipped = words.get(index..)?.iter().position(|word| *word != 0)?;
        let word = words[index + skipped];
        Some((index + skipped) as u32 * 64 + word.trailing_zeros())
    }

    /// Keeps the accepted rows of those from a place on.
    pub(super) fn retain(&self, rows: &mut Vec<u32>, from: usize) {
        if self.is_everything() {
            return;
        }
        let mut kept = from;
        for index in from..rows.len() {
            let row = rows[index];
            rows[kept] = row;
            kept += usize::from(self.contains(row));
        }
        rows.truncate(kept);
    }
}
