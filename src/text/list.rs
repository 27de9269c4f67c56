//! Writes what an index holds of one term: its positions, then its postings.
//!
//! ```text
//! positions    of block 0 ... of the last block, as in positions.rs
//! postings     of 128 rows or more, n blocks:
//!                u32 * n    last row of each block
//!                u32 * n/16 offset of every 16th block, from the first one
//!                u16 * n    offset of each block, from the last such one
//!                u32 * n    offset of each block's positions (if the index keeps them)
//!                u8  * n    largest saturation of each block, see score.rs
//!              block 0 ... last block, as in block.rs
//! ```
//!
//! Positions leave as they come; postings are held until the term ends.

use base::{Error, ErrorCode, Result};

use crate::block::{self, BLOCK};
use crate::dictionary::TermEntry;
use crate::output::Output;
use crate::positions;
use crate::score::{self, Norm};

/// Bytes of positions that wait before they are written.
const WAITING: usize = 64 * 1024;

/// Blocks whose offsets are counted from one base; a block has less than 4 KiB.
pub(crate) const BASED: usize = 16;

/// Collects the postings of one term after the other.
pub(crate) struct ListWriter {
    with_positions: bool,
    norm: Norm,
    rows: [u32; BLOCK],
    frequencies: [u32; BLOCK],
    filled: usize,
    values: Vec<u32>,
    count: u32,
    before: Option<u32>,
    blocks: Vec<u8>,
    last_rows: Vec<u8>,
    bases: Vec<u8>,
    base: u32,
    offsets: Vec<u8>,
    position_offsets: Vec<u8>,
    impacts: Vec<u8>,
    waiting: Vec<u8>,
    start: u64,
    begun: bool,
    most_held: usize,
}

/// Frequencies of which the least length is told apart.
const FEW: usize = 8;

/// The largest saturation of a block. Of rows of one frequency it is that of the least length, which is found without
/// a division for each row.
fn largest_saturation(rows: &[u32], frequencies: &[u32], lengths: &[u32], norm: Norm) -> f32 {
    let length = |row: u32| lengths.get(row as usize).map_or(0, |kept| kept.saturating_sub(1));
    let mut least = [u32::MAX; FEW];
    let mut largest = 0.0f32;
    for (row, frequency) in rows.iter().zip(frequencies) {
        match least.get_mut(*frequency as usize) {
            Some(least) => *least = (*least).min(length(*row)),
            None => largest = largest.max(norm.saturation(*frequency as f32, length(*row))),
        }
    }
    for (frequency, length) in least.iter().enumerate().filter(|(_, length)| **length < u32::MAX) {
        largest = largest.max(norm.saturation(frequency as f32, *length));
    }
    largest
}

impl ListWriter {
    pub(crate) fn new(with_positions: bool, norm: Norm) -> ListWriter {
        ListWriter {
            with_positions,
            norm,
            rows: [0; BLOCK],
            frequencies: [0; BLOCK],
            filled: 0,
            values: Vec::new(),
            count: 0,
            before: None,
            blocks: Vec::new(),
            last_rows: Vec::new(),
            bases: Vec::new(),
            base: 0,
            offsets: Vec::new(),
            position_offsets: Vec::new(),
            impacts: Vec::new(),
            waiting: Vec::new(),
            start: 0,
            begun: false,
            most_held: 0,
        }
    }

    /// The most bytes that were held of one term.
    pub(crate) fn most_held(&self) -> usize {
        self.most_held
    }

    /// Adds a row, greater than the one before; `values` are its positions as distances.
    #[inline]
    pub(crate) fn push(
        &mut self,
        row: u32,
        frequency: u32,
        values: &[u32],
        lengths: &[u32],
        output: &mut Output<'_>,
    ) -> Result<()> {
        self.rows[self.filled] = row;
        self.frequencies[self.filled] = frequency;
        self.values.extend_from_slice(values);
        self.filled += 1;
        if self.filled == BLOCK {
            self.flush(lengths, output)?;
        }
        Ok(())
    }

    /// Adds rows, each greater than the one before; `values` holds the positions of all in turn.
    pub(crate) fn push_rows(
        &mut self,
        mut rows: &[u32],
        mut frequencies: &[u32],
        mut values: &[u32],
        lengths: &[u32],
        output: &mut Output<'_>,
    ) -> Result<()> {
        while !rows.is_empty() {
            let count = rows.len().min(BLOCK - self.filled);
            let place = self.filled..self.filled + count;
            let (often, of_later) = frequencies.split_at(count);
            self.rows[place.clone()].copy_from_slice(&rows[..count]);
            self.frequencies[place].copy_from_slice(often);
            let own: usize = often.iter().map(|frequency| *frequency as usize).sum();
            let (of_these, later) = values.split_at(own.min(values.len()));
            self.values.extend_from_slice(of_these);
            (rows, frequencies, values) = (&rows[count..], of_later, later);
            self.filled += count;
            if self.filled == BLOCK {
                self.flush(lengths, output)?;
            }
        }
        Ok(())
    }

    fn flush(&mut self, lengths: &[u32], output: &mut Output<'_>) -> Result<()> {
        if !self.begun {
            self.begun = true;
            self.start = output.position();
        }
        let too_large =
            || Error::new(ErrorCode::TooLargeStringSize, "Text index: one term exceeds 4 GiB");
        let filled = self.filled;
        let (rows, often) = (&self.rows[..filled], &self.frequencies[..filled]);
        let offset = u32::try_from(self.blocks.len()).map_err(|_| too_large())?;
        // Of less than a block there is no directory.
        let alone = filled < BLOCK && self.count == 0;
        if self.with_positions {
            let written = output.position() - self.start + self.waiting.len() as u64;
            let at = u32::try_from(written).map_err(|_| too_large())?;
            self.position_offsets.extend_from_slice(&at.to_le_bytes());
            positions::encode(&mut self.waiting, often, &self.values);
            if self.waiting.len() > WAITING {
                output.write(&self.waiting)?;
                self.waiting.clear();
            }
        }
        self.values.clear();
        if !alone {
            if (self.last_rows.len() / 4).is_multiple_of(BASED) {
                self.bases.extend_from_slice(&offset.to_le_bytes());
                self.base = offset;
            }
            let rest = u16::try_from(offset - self.base).map_err(|_| too_large())?;
            self.offsets.extend_from_slice(&rest.to_le_bytes());
            self.last_rows.extend_from_slice(&rows[filled - 1].to_le_bytes());
            self.impacts.push(score::round_up(largest_saturation(rows, often, lengths, self.norm)));
        }
        if filled == BLOCK {
            block::encode_full(&mut self.blocks, self.before, &self.rows, &self.frequencies);
        } else {
            block::encode_short(&mut self.blocks, self.before, rows, often);
        }
        self.before = Some(rows[filled - 1]);
        self.count += filled as u32;
        self.filled = 0;
        Ok(())
    }

    /// Ends the term and writes what is held; `None` if it has no rows.
    pub(crate) fn finish(
        &mut self,
        lengths: &[u32],
        output: &mut Output<'_>,
    ) -> Result<Option<TermEntry>> {
        if self.filled > 0 {
            self.flush(lengths, output)?;
        }
        if self.count == 0 {
            return Ok(None);
        }
        output.write(&self.waiting)?;
        let positions = output.position() - self.start;
        if self.count as usize >= BLOCK {
            output.write(&self.last_rows)?;
            output.write(&self.bases)?;
            output.write(&self.offsets)?;
            output.write(&self.position_offsets)?;
            output.write(&self.impacts)?;
        }
        output.write(&self.blocks)?;
        let postings = output.position() - self.start - positions;
        let entry = TermEntry { rows: self.count, offset: self.start, positions, postings };
        let mut bytes = 0;
        for held in [
            &mut self.waiting,
            &mut self.last_rows,
            &mut self.bases,
            &mut self.offsets,
            &mut self.position_offsets,
            &mut self.impacts,
            &mut self.blocks,
        ] {
            bytes += held.len();
            held.clear();
        }
        self.most_held = self.most_held.max(bytes);
        (self.count, self.before, self.begun) = (0, None, false);
        Ok(Some(entry))
    }
}
