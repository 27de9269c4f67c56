//! What every part of a query can do with ranges of rows.
//!
//! A search asks its root for a range to look at (`range`), for the rows that match there (`rows`),
//! and for the scores of those it is interested in (`score`). A conjunction asks its cheapest
//! part for rows and the others which of them to keep (`retain`). Ranges hold 4,096 rows or one
//! block of postings at most; so memory is bounded whatever a query is.

use super::accept::Accept;
use crate::rows::extract;

/// Rows of a window.
pub(crate) const WINDOW: usize = 4096;
/// Words of a window's bits.
pub(crate) const WINDOW_WORDS: usize = WINDOW / 64;

/// Rows that match and what they score, for so many rows.
pub(crate) struct Window {
    pub(crate) words: Vec<u64>,
    pub(crate) scores: Vec<f64>,
}

impl Window {
    /// A window of a multiple of 64 rows.
    pub(crate) fn new(size: usize) -> Window {
        Window { words: vec![0; size / 64], scores: vec![0.0; size] }
    }
}

/// A part of a query over one part of the table.
pub(crate) trait Node {
    /// About how many rows it has to look at.
    fn cost(&self) -> u64;

    /// The next range that may have matching rows, from a row on; at most 4,096 rows or 128
    /// matching ones.
    fn range(&mut self, from: u32) -> Option<(u32, u32)>;

    /// Appends the matching rows of a range, ascending.
    fn rows(&mut self, first: u32, last: u32, out: &mut Vec<u32>);

    /// Appends the matching rows of a range that are accepted. What costs more than to ask that is left for later.
    fn accepted_rows(&mut self, first: u32, last: u32, accept: &Accept<'_>, out: &mut Vec<u32>) {
        let from = out.len();
        self.rows(first, last, out);
        accept.retain(out, from);
    }

    /// Keeps of ascending rows those that match.
    fn retain(&mut self, rows: &mut Vec<u32>);

    /// Adds to the scores of ascending rows; of rows that do not match it leaves them.
    fn score(&mut self, rows: &[u32], scores: &mut [f64]);

    /// The same for rows that are known to match.
    fn score_matching(&mut self, rows: &[u32], scores: &mut [f64]) {
        self.score(rows, scores);
    }

    /// Whether the rows found last are scored with less work than bounds of each would be.
    fn has_scores(&self) -> bool {
        false
    }

    /// What no row of a range scores more than.
    fn bound(&mut self, first: u32, last: u32) -> f64;

    /// Sets the bits of matching rows in words that begin at row `base`.
    fn fill(&mut self, base: u32, words: &mut [u64]) {
        let last = base.saturating_add(words.len() as u32 * 64 - 1);
        let (mut from, mut found) = (base, Vec::new());
        while let Some((first, end)) = self.range(from) {
            if first > last {
                break;
            }
            found.clear();
            let end = end.min(last);
            self.rows(first, end, &mut found);
            for row in &found {
                set_bit(words, row.wrapping_sub(base));
            }
            if end == last {
                break;
            }
            from = end + 1;
        }
    }

    /// A score that so many accepted rows reach at least, as far as that is quickly known.
    fn floor(&mut self, _accept: &Accept<'_>, _wanted: usize) -> f64 {
        0.0
    }

    /// Appends the matching rows of a range of any length, ascending, and what they score.
    fn scored_rows(&mut self, first: u32, last: u32, rows: &mut Vec<u32>, scores: &mut Vec<f64>) {
        let (start, mut from) = (rows.len(), first);
        while let Some((begin, end)) = self.range(from).filter(|(begin, _)| *begin <= last) {
            let end = end.min(last);
            self.rows(begin, end, rows);
            if end == last {
                break;
            }
            from = end + 1;
        }
        scores.resize(rows.len(), 0.0);
        self.score(&rows[start..], &mut scores[start..]);
    }

    /// Sets the bits of matching rows in a window and adds their scores.
    fn accumulate(&mut self, base: u32, window: &mut Window) {
        let mut words = vec![0; window.words.len()];
        self.fill(base, &mut words);
        let mut rows = Vec::new();
        extract(&words, base, &mut rows);
        let mut scores = vec![0.0; rows.len()];
        self.score(&rows, &mut scores);
        for (row, score) in rows.iter().zip(&scores) {
            window.scores[(row - base) as usize] += score;
        }
        window.words.iter_mut().zip(&words).for_each(|(all, word)| *all |= word);
    }
}

/// Sets a bit of words that have it.
#[inline]
pub(crate) fn set_bit(words: &mut [u64], place: u32) {
    if let Some(word) = words.get_mut(place as usize / 64) {
        *word |= 1 << (place % 64);
    }
}

/// The range of a window from a row on, within so many rows.
pub(crate) fn window_from(from: u32, rows: u32) -> Option<(u32, u32)> {
    (from < rows).then(|| (from, (from | (WINDOW as u32 - 1)).min(rows - 1)))
}
