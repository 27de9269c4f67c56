//! Goes through the postings of one term: rows in ranges, candidates kept, scores added.
//!
//! A cursor decodes a block at a time and remembers it. It may be asked for any rows in any
//! order; going forward is what it does fastest.

use std::cell::Cell;
use std::ops::Range;

use base::Result;

use super::accept::Accept;
use super::intersect::{intersect, place};
use super::node::{Node, Window};
use super::top::{self, Best};
use crate::block::BLOCK;
use crate::dictionary::TermEntry;
use crate::index::{Index, Lengths};
use crate::positions;
use crate::postings::Postings;
use crate::score::{Bounds, Norm};

const NOTHING: usize = usize::MAX;
/// Frequencies of a block up to which each is looked up on its own.
const ONE_BY_ONE: usize = 8;

/// What all cursors of one field of one search share.
#[derive(Clone, Copy)]
pub(crate) struct FieldScores<'a> {
    pub(crate) lengths: Lengths<'a>,
    pub(crate) norm: Norm,
    pub(crate) bounds: Bounds,
    /// Set where a block could not be decoded.
    pub(crate) failed: &'a Cell<bool>,
}

/// The blocks that a cursor decoded.
struct Decoded {
    rows: Box<[u32]>,
    frequencies: Box<[u32]>,
}

/// The postings of one term.
pub(crate) struct TermCursor<'a> {
    postings: Postings<'a>,
    positions: &'a [u8],
    field: FieldScores<'a>,
    /// Boost times idf: what saturations are multiplied by. Zero: nothing is scored.
    weight: f32,
    decoded: Decoded,
    block: usize,
    filled: usize,
    frequencies_of: usize,
    /// The block looked at last, where the search for the next one begins.
    near: usize,
    /// What each row of a block adds, for a block that was asked for.
    added: Option<Box<[f32; BLOCK]>>,
    added_of: usize,
    /// The block whose positions were asked for last, and how far.
    positions_of: usize,
    positions_at: positions::Place,
}

impl<'a> TermCursor<'a> {
    pub(crate) fn new(
        index: &'a Index,
        entry: &TermEntry,
        field: FieldScores<'a>,
        weight: f32,
        with_positions: bool,
    ) -> Result<TermCursor<'a>> {
        let postings = index.postings(entry)?;
        let positions = if with_positions { index.positions(entry)? } else { &[][..] };
        let room = || vec![0; (entry.rows as usize).min(BLOCK)].into_boxed_slice();
        let decoded = Decoded { rows: room(), frequencies: room() };
        Ok(TermCursor {
            postings,
            positions,
            field,
            weight,
            decoded,
            block: NOTHING,
            filled: 0,
            frequencies_of: NOTHING,
            near: 0,
            added: None,
            added_of: NOTHING,
            positions_of: NOTHING,
            positions_at: positions::Place::default(),
        })
    }

    pub(crate) fn postings(&self) -> &Postings<'a> {
        &self.postings
    }

    pub(crate) fn weight(&self) -> f32 {
        self.weight
    }

    /// The first block whose last row is not less than a row; it may be the end.
    #[inline]
    fn find(&mut self, row: u32) -> usize {
        let before = self.near.checked_sub(1).map(|block| self.postings.last_row(block));
        let from = if before.is_some_and(|last| last >= row) { 0 } else { self.near };
        let block = self.postings.block_of(from, row);
        self.near = block.min(self.postings.blocks().saturating_sub(1));
        block
    }

    /// Decodes the rows of a block.
    #[inline]
    pub(crate) fn load(&mut self, block: usize) -> &[u32] {
        if self.block != block {
            let Decoded { rows, frequencies } = &mut self.decoded;
            self.filled = self.postings.decode_rows(block, rows, frequencies, self.field.failed);
            self.block = block;
            self.frequencies_of = if self.filled < BLOCK { block } else { NOTHING };
        }
        &self.decoded.rows[..self.filled]
    }

    #[inline]
    fn load_frequencies(&mut self, block: usize) -> &[u32] {
        if self.frequencies_of != block {
            let frequencies = &mut self.decoded.frequencies;
            self.postings.decode_frequencies(block, frequencies, self.field.failed);
            self.frequencies_of = block;
        }
        &self.decoded.frequencies
    }

    /// Where a row lies in the loaded block.
    #[inline]
    fn place(&self, row: u32) -> Option<usize> {
        let rows = &self.decoded.rows[..self.filled];
        // Rows are asked for one after another.
        let next = if self.positions_of == self.block { self.positions_at.next_row() } else { 0 };
        let place = if rows.get(next) == Some(&row) { next } else { place(rows, row) };
        (rows.get(place) == Some(&row)).then_some(place)
    }

    /// How often a row has the term.
    pub(crate) fn frequency(&mut self, row: u32) -> u32 {
        let block = self.find(row);
        if block >= self.postings.blocks() {
            return 0;
        }
        self.load(block);
        let Some(place) = self.place(row) else { return 0 };
        self.frequency_in(block, place)
    }

    /// The frequency at a place of the loaded block.
    #[inline]
    fn frequency_in(&self, block: usize, place: usize) -> u32 {
        if self.frequencies_of == block {
            return self.decoded.frequencies[place];
        }
        match self.postings.frequency_at(block, place) {
            Some(frequency) => frequency,
            None => {
                self.field.failed.set(true);
                1
            }
        }
    }

    /// Appends the positions of the term in a row.
    pub(crate) fn positions(&mut self, row: u32, out: &mut Vec<u32>) {
        let block = self.find(row);
        if block >= self.postings.blocks() {
            return;
        }
        self.load(block);
        let Some(place) = self.place(row) else { return };
        let filled = self.filled;
        self.load_frequencies(block);
        if self.positions_of != block {
            (self.positions_of, self.positions_at) = (block, positions::Place::default());
        }
        let at = &mut self.positions_at;
        let frequencies = &self.decoded.frequencies[..filled];
        let done = self
            .postings
            .positions(self.positions, block)
            .and_then(|bytes| positions::decode_row(bytes, frequencies, place, at, out));
        if done.is_none() {
            self.field.failed.set(true);
        }
    }

    /// What the term adds to a row that has it so often.
    #[inline]
    pub(crate) fn contribution(&self, row: u32, frequency: u32) -> f32 {
        let length = self.field.lengths.length(row);
        self.weight * self.field.norm.saturation(frequency as f32, length)
    }

    /// What the term adds to each row of the loaded block; the rest of the output is left as it is.
    fn contributions(&mut self, out: &mut [f32; BLOCK]) {
        let block = self.block;
        self.load_frequencies(block);
        let Decoded { rows, frequencies } = &self.decoded;
        contributions(self.field, self.weight, &rows[..self.filled], frequencies, out);
    }

    /// The rows of a block and what each scores, which is remembered: a block may lie in several windows.
    fn load_scored(&mut self, block: usize) -> (&[u32], &[f32]) {
        self.load(block);
        if self.added_of != block {
            let mut added = self.added.take().unwrap_or_else(|| Box::new([0.0; BLOCK]));
            self.contributions(&mut added);
            self.added = Some(added);
            self.added_of = block;
        }
        let added = self.added.as_deref().map_or(&[][..], |added| &added[..self.filled]);
        (&self.decoded.rows[..added.len()], added)
    }

    /// The blocks that may have rows from the first to the last accepted one.
    pub(crate) fn blocks_within(&self, accept: &Accept<'_>) -> Range<usize> {
        let Some((first, last)) = accept.range() else { return 0..0 };
        let start = self.postings.block_of(0, first);
        start..(self.postings.block_of(start, last) + 1).min(self.postings.blocks())
    }

    /// Whether an accepted row may be among those of a block.
    #[inline]
    pub(crate) fn block_may_have(&self, block: usize, accept: &Accept<'_>) -> bool {
        let first = self.postings.before(block).map_or(0, |row| row.saturating_add(1));
        accept.any(first, self.postings.last_row(block))
    }

    /// The largest contribution of a block's rows.
    #[inline]
    pub(crate) fn block_bound(&self, block: usize) -> f32 {
        match self.postings.impacts().get(block) {
            Some(impact) => self.weight * self.field.bounds.largest(*impact),
            None => self.weight,
        }
    }

    /// The rows of a block, and what each scores.
    pub(crate) fn scored_block(&mut self, block: usize, added: &mut [f32; BLOCK]) -> &[u32] {
        self.load(block);
        self.contributions(added);
        &self.decoded.rows[..self.filled]
    }

    /// What the rows at some places of the loaded block score.
    pub(crate) fn score_places(&mut self, block: usize, places: &[u8], added: &mut [f32; BLOCK]) {
        if places.len() > ONE_BY_ONE {
            self.load_frequencies(block);
        }
        for (place, added) in places.iter().zip(added) {
            let place = *place as usize % BLOCK;
            let row = self.decoded.rows[place];
            let frequency = self.frequency_in(block, place);
            *added = self.contribution(row, frequency);
        }
    }

    /// What no row of a range is saturated more than.
    pub(crate) fn saturation_bound(&mut self, first: u32, last: u32) -> f32 {
        if !self.postings.has_directory() {
            return 1.0;
        }
        let (start, end) = self.blocks_of(first, last);
        let impacts = self.postings.impacts().get(start..end).unwrap_or_default();
        impacts.iter().max().map_or(0.0, |most| self.field.bounds.largest(*most))
    }

    /// The blocks whose rows may lie in a range.
    #[inline]
    fn blocks_of(&mut self, first: u32, last: u32) -> (usize, usize) {
        let start = self.find(first);
        let end = self.postings.block_of(start, last);
        (start, (end + 1).min(self.postings.blocks()))
    }
}

/// The contributions of rows, all at once.
#[inline]
fn contributions(
    field: FieldScores<'_>,
    weight: f32,
    rows: &[u32],
    frequencies: &[u32],
    out: &mut [f32; BLOCK],
) {
    let mut lengths = [0u32; BLOCK];
    for (length, row) in lengths.iter_mut().zip(rows) {
        *length = field.lengths.length(*row);
    }
    for ((out, frequency), length) in out.iter_mut().zip(frequencies).zip(&lengths) {
        *out = weight * field.norm.saturation(*frequency as f32, *length);
    }
}

impl Node for TermCursor<'_> {
    fn cost(&self) -> u64 {
        u64::from(self.postings.count())
    }

    fn range(&mut self, from: u32) -> Option<(u32, u32)> {
        let block = self.find(from);
        if block >= self.postings.blocks() {
            return None;
        }
        if self.postings.has_directory() {
            let first = self.postings.before(block).map_or(0, |row| row.saturating_add(1));
            let last = self.postings.last_row(block);
            if last < from.max(first) {
                self.field.failed.set(true);
                return None;
            }
            return Some((first.max(from), last));
        }
        let rows = self.load(block);
        let last = *rows.last()?;
        let first = rows[rows.partition_point(|row| *row < from).min(rows.len() - 1)];
        (last >= from).then_some((first.max(from), last))
    }

    fn rows(&mut self, first: u32, last: u32, out: &mut Vec<u32>) {
        let (start, end) = self.blocks_of(first, last);
        for block in start..end {
            let rows = self.load(block);
            let from = if block == start { rows.partition_point(|row| *row < first) } else { 0 };
            let to = if block + 1 == end {
                rows.partition_point(|row| *row <= last)
            } else {
                rows.len()
            };
            out.extend_from_slice(rows.get(from..to).unwrap_or_default());
        }
    }

    fn retain(&mut self, rows: &mut Vec<u32>) {
        let (mut at, mut kept) = (0, 0);
        while at < rows.len() {
            let block = self.find(rows[at]);
            if block >= self.postings.blocks() {
                break;
            }
            let last = self.postings.last_row(block);
            let end = if rows[rows.len() - 1] <= last {
                rows.len()
            } else {
                at + rows[at..].partition_point(|row| *row <= last)
            };
            if let Some((first, bitmap)) = self.postings.bitmap(block) {
                for index in at..end {
                    let row = rows[index];
                    let bit = row.wrapping_sub(first) as usize;
                    rows[kept] = row;
                    kept +=
                        usize::from(bitmap.get(bit / 8).is_some_and(|b| b >> (bit % 8) & 1 == 1));
                }
            } else {
                let block_rows = self.load(block);
                kept = intersect(rows, at..end, kept, block_rows);
            }
            at = end.max(at + 1);
        }
        rows.truncate(kept);
    }

    fn score(&mut self, rows: &[u32], scores: &mut [f64]) {
        if self.weight == 0.0 {
            return;
        }
        for (row, score) in rows.iter().zip(scores) {
            let frequency = self.frequency(*row);
            if frequency > 0 {
                *score += f64::from(self.contribution(*row, frequency));
            }
        }
    }

    fn bound(&mut self, first: u32, last: u32) -> f64 {
        f64::from(self.weight * self.saturation_bound(first, last))
    }

    fn fill(&mut self, base: u32, words: &mut [u64]) {
        let last = base.saturating_add(words.len() as u32 * 64 - 1);
        let (start, end) = self.blocks_of(base, last);
        for block in start..end {
            if let Some((first, bitmap)) = self.postings.bitmap(block) {
                crate::block::fill_from_bitmap(first, bitmap, base, words);
                continue;
            }
            for row in self.load(block) {
                let place = row.wrapping_sub(base) as usize;
                if let Some(word) = words.get_mut(place / 64) {
                    *word |= 1 << (place % 64);
                }
            }
        }
    }

    fn accumulate(&mut self, base: u32, window: &mut Window) {
        if self.weight == 0.0 {
            return self.fill(base, &mut window.words);
        }
        let size = window.scores.len() as u32;
        let (start, end) = self.blocks_of(base, base.saturating_add(size - 1));
        for block in start..end {
            let (rows, added) = self.load_scored(block);
            let from = if block == start { rows.partition_point(|row| *row < base) } else { 0 };
            for (row, score) in rows[from..].iter().zip(&added[from..]) {
                let place = row.wrapping_sub(base) as usize;
                let Some(sum) = window.scores.get_mut(place) else { break };
                *sum += f64::from(*score);
                window.words[place / 64] |= 1 << (place % 64);
            }
        }
    }

    fn scored_rows(&mut self, first: u32, last: u32, out: &mut Vec<u32>, scores: &mut Vec<f64>) {
        let (start, end) = self.blocks_of(first, last);
        for block in start..end {
            let (rows, added) = self.load_scored(block);
            let from = if block == start { rows.partition_point(|row| *row < first) } else { 0 };
            let is_last = block + 1 == end;
            let to = if is_last { rows.partition_point(|row| *row <= last) } else { rows.len() };
            let (from, to) = (from.min(to), to);
            out.extend_from_slice(&rows[from..to]);
            scores.extend(added[from..to].iter().map(|score| f64::from(*score)));
        }
    }

    fn floor(&mut self, accept: &Accept<'_>, wanted: usize) -> f64 {
        top::floor(self, accept, Best::new(wanted, None))
    }
}
