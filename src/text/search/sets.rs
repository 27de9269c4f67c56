//! Nodes whose rows are known before: all rows, none, bits, lists.

use std::sync::Arc;

use super::node::{Node, window_from};
use crate::rows::{RowSet, extract};

/// Every row of the part.
pub(crate) struct AllNode {
    pub(crate) rows: u32,
}

impl Node for AllNode {
    fn cost(&self) -> u64 {
        u64::from(self.rows)
    }

    fn range(&mut self, from: u32) -> Option<(u32, u32)> {
        window_from(from, self.rows)
    }

    fn rows(&mut self, first: u32, last: u32, out: &mut Vec<u32>) {
        out.extend(first..=last.min(self.rows.saturating_sub(1)));
    }

    fn retain(&mut self, _: &mut Vec<u32>) {}

    fn score(&mut self, _: &[u32], _: &mut [f64]) {}

    fn bound(&mut self, _: u32, _: u32) -> f64 {
        0.0
    }
}

/// Bits; each row scores the same.
pub(crate) struct BitsNode {
    pub(crate) set: Arc<RowSet>,
    pub(crate) rows: u32,
    pub(crate) score: f64,
}

impl Node for BitsNode {
    fn cost(&self) -> u64 {
        u64::from(self.rows)
    }

    fn range(&mut self, from: u32) -> Option<(u32, u32)> {
        // Empty words are left out.
        let words = self.set.words();
        let mut from = from;
        let mut word = from as usize / 64;
        while word < words.len() && words[word] == 0 {
            word += 1;
        }
        if word > from as usize / 64 {
            from = word as u32 * 64;
        }
        window_from(from, self.rows)
    }

    fn rows(&mut self, first: u32, last: u32, out: &mut Vec<u32>) {
        let start = out.len();
        let base = first & !63;
        let words = self.set.window(base, ((last - base) / 64 + 1) as usize);
        extract(words, base, out);
        let low = out[start..].partition_point(|row| *row < first);
        out.drain(start..start + low);
        let high = out[start..].partition_point(|row| *row <= last);
        out.truncate(start + high);
    }

    fn retain(&mut self, rows: &mut Vec<u32>) {
        rows.retain(|row| self.set.contains(*row));
    }

    fn score(&mut self, rows: &[u32], scores: &mut [f64]) {
        if self.score != 0.0 {
            for (row, score) in rows.iter().zip(scores) {
                *score += if self.set.contains(*row) { self.score } else { 0.0 };
            }
        }
    }

    fn bound(&mut self, _: u32, _: u32) -> f64 {
        self.score
    }

    fn fill(&mut self, base: u32, words: &mut [u64]) {
        let set = self.set.window(base, words.len());
        words.iter_mut().zip(set).for_each(|(all, word)| *all |= word);
    }
}

/// A few rows, ascending; each scores the same.
pub(crate) struct ListNode {
    pub(crate) rows: Vec<u32>,
    pub(crate) score: f64,
}

impl Node for ListNode {
    fn cost(&self) -> u64 {
        self.rows.len() as u64
    }

    fn range(&mut self, from: u32) -> Option<(u32, u32)> {
        let start = self.rows.partition_point(|row| *row < from);
        let end = (start + 128).min(self.rows.len());
        Some((*self.rows.get(start)?, *self.rows.get(end - 1)?))
    }

    fn rows(&mut self, first: u32, last: u32, out: &mut Vec<u32>) {
        let start = self.rows.partition_point(|row| *row < first);
        let end = self.rows.partition_point(|row| *row <= last);
        out.extend_from_slice(&self.rows[start..end.max(start)]);
    }

    fn retain(&mut self, rows: &mut Vec<u32>) {
        rows.retain(|row| self.rows.binary_search(row).is_ok());
    }

    fn score(&mut self, rows: &[u32], scores: &mut [f64]) {
        if self.score != 0.0 {
            for (row, score) in rows.iter().zip(scores) {
                let has = self.rows.binary_search(row).is_ok();
                *score += if has { self.score } else { 0.0 };
            }
        }
    }

    fn bound(&mut self, _: u32, _: u32) -> f64 {
        self.score
    }
}

/// A node whose scores are replaced: multiplied, or all the same.
pub(crate) struct ScoredNode<'a> {
    pub(crate) inner: Box<dyn Node + 'a>,
    pub(crate) score: f64,
}

impl Node for ScoredNode<'_> {
    fn cost(&self) -> u64 {
        self.inner.cost()
    }

    fn range(&mut self, from: u32) -> Option<(u32, u32)> {
        self.inner.range(from)
    }

    fn rows(&mut self, first: u32, last: u32, out: &mut Vec<u32>) {
        self.inner.rows(first, last, out);
    }

    fn retain(&mut self, rows: &mut Vec<u32>) {
        self.inner.retain(rows);
    }

    fn score(&mut self, rows: &[u32], scores: &mut [f64]) {
        let mut kept = rows.to_vec();
        self.inner.retain(&mut kept);
        let mut at = 0;
        for row in kept {
            while rows[at] < row {
                at += 1;
            }
            scores[at] += self.score;
        }
    }

    fn bound(&mut self, _: u32, _: u32) -> f64 {
        self.score
    }

    fn fill(&mut self, base: u32, words: &mut [u64]) {
        self.inner.fill(base, words);
    }
}
