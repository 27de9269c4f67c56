//! The postings of one term, opened: its directory and its blocks.

use std::cell::Cell;

use base::Result;

use crate::block::{self, BLOCK};
use crate::coding::{corrupted, u32_at};
use crate::list::BASED;

/// Rows and frequencies of a term within the bytes of an index.
#[derive(Clone, Copy, Default)]
pub(crate) struct Postings<'a> {
    count: u32,
    blocks: usize,
    last_rows: &'a [u8],
    bases: &'a [u8],
    offsets: &'a [u8],
    position_offsets: &'a [u8],
    impacts: &'a [u8],
    data: &'a [u8],
}

impl<'a> Postings<'a> {
    pub(crate) fn new(bytes: &'a [u8], count: u32, positions: bool) -> Result<Postings<'a>> {
        let blocks = (count as usize).div_ceil(BLOCK);
        if (count as usize) < BLOCK {
            let none = &[];
            return Ok(Postings {
                count,
                blocks,
                last_rows: none,
                bases: none,
                offsets: none,
                position_offsets: none,
                impacts: none,
                data: bytes,
            });
        }
        let words = blocks * 4;
        let kept = if positions { words } else { 0 };
        let bases = blocks.div_ceil(BASED) * 4;
        if bytes.len() < words + bases + blocks * 2 + kept + blocks {
            return Err(corrupted("the postings of a term end early"));
        }
        let (last_rows, rest) = bytes.split_at(words);
        let (bases, rest) = rest.split_at(bases);
        let (offsets, rest) = rest.split_at(blocks * 2);
        let (position_offsets, rest) = rest.split_at(kept);
        let (impacts, data) = rest.split_at(blocks);
        Ok(Postings { count, blocks, last_rows, bases, offsets, position_offsets, impacts, data })
    }

    /// Rows that hold the term.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Blocks of them.
    pub(crate) fn blocks(&self) -> usize {
        self.blocks
    }

    /// Whether each block tells its last row and its impact.
    pub(crate) fn has_directory(&self) -> bool {
        !self.last_rows.is_empty()
    }

    /// Rows of a block.
    #[inline]
    pub(crate) fn rows_of(&self, block: usize) -> usize {
        (self.count as usize - block * BLOCK).min(BLOCK)
    }

    /// The last row of a block; the greatest there can be where there is no directory.
    #[inline]
    pub(crate) fn last_row(&self, block: usize) -> u32 {
        if self.has_directory() { u32_at(self.last_rows, block) } else { u32::MAX }
    }

    /// The row before the first one of a block.
    #[inline]
    pub(crate) fn before(&self, block: usize) -> Option<u32> {
        if block == 0 { None } else { Some(self.last_row(block - 1)) }
    }

    /// The largest saturation of each block; empty where there is no directory.
    #[inline]
    pub(crate) fn impacts(&self) -> &'a [u8] {
        self.impacts
    }

    /// The first block from `from` on whose last row is not less than `row`.
    #[inline]
    pub(crate) fn block_of(&self, from: usize, row: u32) -> usize {
        if from >= self.blocks || self.last_row(from) >= row {
            return from;
        }
        // Galloping: the block is most often near.
        let (mut low, mut step) = (from, 1);
        while low + step < self.blocks && self.last_row(low + step) < row {
            low += step;
            step *= 2;
        }
        let (mut below, mut above) = (low, (low + step).min(self.blocks));
        while above - below > 1 {
            let middle = below.midpoint(above);
            if self.last_row(middle) < row {
                below = middle;
            } else {
                above = middle;
            }
        }
        above
    }

    #[inline]
    fn block(&self, block: usize) -> Option<&'a [u8]> {
        if !self.has_directory() {
            return Some(self.data);
        }
        let rest = match self.offsets.get(block * 2..block * 2 + 2) {
            Some(&[a, b]) => usize::from(u16::from_le_bytes([a, b])),
            _ => return None,
        };
        self.data.get(u32_at(self.bases, block / BASED) as usize + rest..)
    }

    /// Decodes the rows of a block, and its frequencies too where that is no more work; how many
    /// rows there are.
    #[inline]
    pub(crate) fn decode_rows(
        &self,
        block: usize,
        rows: &mut [u32],
        frequencies: &mut [u32],
        failed: &Cell<bool>,
    ) -> usize {
        let count = self.rows_of(block);
        let done = self.block(block).and_then(|bytes| {
            let before = self.before(block);
            if count == BLOCK {
                block::decode_rows(bytes, before, self.last_row(block), rows.first_chunk_mut()?)
            } else {
                block::decode_short(bytes, before, &mut rows[..count], &mut frequencies[..count])
            }
        });
        if done.is_none() {
            failed.set(true);
            return 0;
        }
        count
    }

    /// Decodes the frequencies of a block.
    #[inline]
    pub(crate) fn decode_frequencies(
        &self,
        block: usize,
        frequencies: &mut [u32],
        failed: &Cell<bool>,
    ) {
        let count = self.rows_of(block);
        let done = self.block(block).and_then(|bytes| {
            let before = self.before(block);
            if count == BLOCK {
                let last = self.last_row(block);
                block::decode_frequencies(bytes, before, last, frequencies.first_chunk_mut()?)
            } else {
                let mut rows = [0; BLOCK];
                block::decode_short(bytes, before, &mut rows[..count], &mut frequencies[..count])
            }
        });
        if done.is_none() {
            failed.set(true);
            frequencies.fill(1);
        }
    }

    /// The frequency at one place of a full block.
    #[inline]
    pub(crate) fn frequency_at(&self, block: usize, place: usize) -> Option<u32> {
        let (before, last) = (self.before(block), self.last_row(block));
        block::frequency_at(self.block(block)?, before, last, place)
    }

    /// The bitmap of a block that has one.
    #[inline]
    pub(crate) fn bitmap(&self, block: usize) -> Option<(u32, &'a [u8])> {
        if self.rows_of(block) < BLOCK {
            return None;
        }
        block::bitmap(self.block(block)?, self.before(block), self.last_row(block))
    }

    /// The bytes of a block's positions among those of the term.
    pub(crate) fn positions<'p>(&self, positions: &'p [u8], block: usize) -> Option<&'p [u8]> {
        if !self.has_directory() {
            return Some(positions);
        }
        positions.get(u32_at(self.position_offsets, block) as usize..)
    }
}
