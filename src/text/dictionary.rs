//! The terms of an index in byte order, with where their postings lie.
//!
//! ```text
//! terms    block of up to 32 terms ... block
//!   block    varint        offset of the first term's data
//!            per term      byte   shared (bytes of the term before that it begins with) in
//!                                 the low half, rest in the high one; 15 and more of either
//!                                 stand as 15, and what is above 15 follows as varint
//!                          the rest's bytes
//!                          varint rows that hold it, varint bytes of positions (if the index
//!                          keeps them), varint bytes of postings
//! index    u64 per block   first eight bytes of the block's first term, as a number that sorts
//!          u32 per block   the block's offset
//! ```
//!
//! A term's data are its positions, then its postings; the data of terms follow one another.
//! In version 1 shared and rest are a varint each.
//! A look-up searches the array of words, then reads one block. Nothing is held in memory.

use std::cmp::Ordering;
use std::ops::Range;

use base::{Error, ErrorCode, Result};

use crate::coding::{Reader, corrupted, put_varint, u32_at, u64_from};
use crate::output::{Checked, Output};
use crate::runs::Aside;

const TERMS_PER_BLOCK: usize = 20;

/// The largest length that half a byte tells, and the first that it does not.
const HALF: usize = 15;

/// The longest term that can be kept; analyzers give none that is longer.
pub(crate) const MOST_TERM_BYTES: usize = 64 * 1024;

/// Where the data of a term lie, and in how many rows it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct TermEntry {
    pub(crate) rows: u32,
    pub(crate) offset: u64,
    pub(crate) positions: u64,
    pub(crate) postings: u64,
}

/// The first eight bytes as a number that sorts as they do.
pub(crate) fn key(term: &[u8]) -> u64 {
    u64_from(term, 0).swap_bytes()
}

/// Appends how much of a term is shared with the one before, and how much is not.
fn put_lengths(out: &mut Vec<u8>, shared: usize, rest: usize) {
    out.push((shared.min(HALF) | rest.min(HALF) << 4) as u8);
    for length in [shared, rest] {
        if length >= HALF {
            put_varint(out, (length - HALF) as u64);
        }
    }
}

/// Takes terms in order; holds the dictionary until it is written.
pub(crate) struct DictionaryWriter<'a> {
    blocks: Vec<u8>,
    /// Bytes of blocks that were put aside, in so many runs.
    passed: usize,
    runs: usize,
    aside: Option<Aside<'a>>,
    most_held: usize,
    keys: Vec<u8>,
    offsets: Vec<u8>,
    last: Vec<u8>,
    in_block: usize,
    pub(crate) terms: u64,
    positions: bool,
}

impl<'a> DictionaryWriter<'a> {
    pub(crate) fn new(positions: bool, aside: Option<Aside<'a>>) -> DictionaryWriter<'a> {
        DictionaryWriter {
            blocks: Vec::new(),
            passed: 0,
            runs: 0,
            aside,
            most_held: 0,
            keys: Vec::new(),
            offsets: Vec::new(),
            last: Vec::new(),
            in_block: 0,
            terms: 0,
            positions,
        }
    }

    pub(crate) fn push(&mut self, term: &[u8], entry: TermEntry) -> Result<()> {
        if self.in_block == 0 {
            self.put_aside()?;
            let offset = u32::try_from(self.passed + self.blocks.len()).map_err(|_| {
                Error::new(ErrorCode::TooLargeStringSize, "Text index: its terms exceed 4 GiB")
            })?;
            self.keys.extend_from_slice(&key(term).to_le_bytes());
            self.offsets.extend_from_slice(&offset.to_le_bytes());
            put_varint(&mut self.blocks, entry.offset);
            self.last.clear();
        }
        let shared = term.iter().zip(&self.last).take_while(|(a, b)| a == b).count();
        put_lengths(&mut self.blocks, shared, term.len() - shared);
        self.blocks.extend_from_slice(&term[shared..]);
        put_varint(&mut self.blocks, u64::from(entry.rows));
        if self.positions {
            put_varint(&mut self.blocks, entry.positions);
        }
        put_varint(&mut self.blocks, entry.postings);
        self.last.clear();
        self.last.extend_from_slice(term);
        self.in_block = (self.in_block + 1) % TERMS_PER_BLOCK;
        self.terms += 1;
        Ok(())
    }

    /// Makes room if the blocks take more than they may.
    fn put_aside(&mut self) -> Result<()> {
        let Some(Aside { runs, first, most }) = &mut self.aside else { return Ok(()) };
        if self.blocks.len() > (*most).max(LEAST_ASIDE) {
            let blocks = &self.blocks;
            self.most_held =
                self.most_held.max(blocks.len() + self.keys.len() + self.offsets.len());
            runs.write(*first + self.runs, &mut |sink| sink.write(blocks))?;
            self.runs += 1;
            self.passed += self.blocks.len();
            self.blocks.clear();
        }
        Ok(())
    }

    /// Writes the blocks.
    pub(crate) fn write_blocks(&mut self, output: &mut Output<'_>) -> Result<()> {
        self.most_held =
            self.most_held.max(self.blocks.len() + self.keys.len() + self.offsets.len());
        if let Some(Aside { runs, first, .. }) = &mut self.aside {
            for run in 0..self.runs {
                output.write(&runs.read(*first + run)?)?;
            }
        }
        output.write(&std::mem::take(&mut self.blocks))
    }

    /// Writes the index of the blocks.
    pub(crate) fn write_index(&self, output: &mut Output<'_>) -> Result<()> {
        output.write(&self.keys)?;
        output.write(&self.offsets)
    }

    /// The most bytes that were held at any time.
    pub(crate) fn most_held(&self) -> usize {
        self.most_held
    }
}

/// Bytes of blocks that are put aside at least.
const LEAST_ASIDE: usize = 256 << 10;

/// A dictionary within the bytes of an index.
#[derive(Debug, Clone, Default)]
pub(crate) struct Dictionary {
    pub(crate) blocks: Range<u64>,
    pub(crate) index: Range<u64>,
    pub(crate) data_end: u64,
    pub(crate) positions: bool,
    /// Whether lengths are those of version 1.
    pub(crate) long_lengths: bool,
}

impl Dictionary {
    /// How much of a term is shared with the one before, and the rest of its bytes.
    #[inline]
    fn lengths<'a>(&self, reader: &mut Reader<'a>) -> Result<(usize, &'a [u8])> {
        if self.long_lengths {
            return Ok((reader.varint()? as usize, reader.length_and_bytes()?));
        }
        let both = usize::from(reader.byte()?);
        let (mut shared, mut rest) = (both & HALF, both >> 4);
        for length in [&mut shared, &mut rest] {
            if *length == HALF {
                *length += reader.varint32()? as usize;
            }
        }
        Ok((shared, reader.take(rest)?))
    }

    fn count(&self) -> usize {
        ((self.index.end - self.index.start) / 12) as usize
    }

    fn index<'a>(&self, bytes: &'a Checked) -> Result<&'a [u8]> {
        bytes.range(self.index.start, self.index.end - self.index.start)
    }

    /// The bytes of a block.
    fn block<'a>(&self, bytes: &'a Checked, block: usize) -> Result<&'a [u8]> {
        let offsets = &self.index(bytes)?[self.count() * 8..];
        let size = self.blocks.end - self.blocks.start;
        let start = u64::from(u32_at(offsets, block));
        let end =
            if block + 1 < self.count() { u64::from(u32_at(offsets, block + 1)) } else { size };
        if start > end || end > size {
            return Err(corrupted("a block of terms lies outside of it"));
        }
        bytes.range(self.blocks.start + start, end - start)
    }

    /// The block that holds a term if any does.
    fn block_of(&self, bytes: &Checked, term: &[u8]) -> Result<Option<usize>> {
        let count = self.count();
        let keys = &self.index(bytes)?[..count * 8];
        let wanted = key(term);
        let keys = keys.as_chunks::<8>().0;
        // Blocks of `low..high` begin with the same eight bytes as the term.
        let mut high = keys.partition_point(|key| u64::from_le_bytes(*key) <= wanted);
        let mut low = high;
        if high > 0 && u64::from_le_bytes(keys[high - 1]) == wanted {
            low = keys.partition_point(|key| u64::from_le_bytes(*key) < wanted);
        }
        while low < high {
            let middle = low.midpoint(high);
            let mut reader = Reader::new(self.block(bytes, middle)?);
            reader.varint()?;
            if self.lengths(&mut reader)?.1 <= term {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low.checked_sub(1))
    }

    /// A term's entry.
    pub(crate) fn get(&self, bytes: &Checked, term: &[u8]) -> Result<Option<TermEntry>> {
        let Some(block) = self.block_of(bytes, term)? else { return Ok(None) };
        let mut reader = Reader::new(self.block(bytes, block)?);
        let mut offset = reader.varint()?;
        let mut found = Follower::new(term);
        while !reader.is_empty() {
            let (shared, rest) = self.lengths(&mut reader)?;
            let entry = self.entry(&mut reader, &mut offset)?;
            match found.next(shared, rest) {
                Ordering::Less => {}
                Ordering::Equal => return Ok(Some(entry)),
                Ordering::Greater => return Ok(None),
            }
        }
        Ok(None)
    }

    /// In how many rows a term is. What lies before it in its block is passed over, as nothing is to be added up.
    pub(crate) fn rows(&self, bytes: &Checked, term: &[u8]) -> Result<u32> {
        let Some(block) = self.block_of(bytes, term)? else { return Ok(0) };
        let mut reader = Reader::new(self.block(bytes, block)?);
        reader.varint()?;
        let mut found = Follower::new(term);
        while !reader.is_empty() {
            let (shared, rest) = self.lengths(&mut reader)?;
            match found.next(shared, rest) {
                Ordering::Less => reader.pass_varints(if self.positions { 3 } else { 2 })?,
                Ordering::Equal => return reader.varint32(),
                Ordering::Greater => return Ok(0),
            }
        }
        Ok(0)
    }

    fn entry(&self, reader: &mut Reader<'_>, offset: &mut u64) -> Result<TermEntry> {
        let rows = reader.varint32()?;
        let positions = if self.positions { reader.varint()? } else { 0 };
        let postings = reader.varint()?;
        let entry = TermEntry { rows, offset: *offset, positions, postings };
        let end = offset.checked_add(positions).and_then(|end| end.checked_add(postings));
        *offset = end
            .filter(|end| *end <= self.data_end)
            .ok_or_else(|| corrupted("the postings of a term lie outside of it"))?;
        Ok(entry)
    }

    /// The terms from the first that is not less than `from`.
    pub(crate) fn iterate<'a>(&'a self, bytes: &'a Checked, from: &[u8]) -> Result<Terms<'a>> {
        let mut terms = Terms {
            dictionary: self,
            bytes,
            next_block: 0,
            reader: Reader::new(&[]),
            offset: 0,
            term: Vec::new(),
            entry: TermEntry::default(),
        };
        terms.seek(from)?;
        Ok(terms)
    }
}

/// Looks for a term among those of a block, one after another.
struct Follower<'t> {
    term: &'t [u8],
    /// Bytes that it has in common with the one before.
    common: usize,
}

impl<'t> Follower<'t> {
    fn new(term: &'t [u8]) -> Follower<'t> {
        Follower { term, common: 0 }
    }

    /// How the next term compares: so much of it is that of the one before, and then comes the rest. None may follow one
    /// that is not less.
    #[inline]
    fn next(&mut self, shared: usize, rest: &[u8]) -> Ordering {
        match shared.cmp(&self.common) {
            Ordering::Less => Ordering::Greater,
            Ordering::Greater => Ordering::Less,
            Ordering::Equal => {
                let wanted = &self.term[self.common..];
                let same = wanted.iter().zip(rest).take_while(|(a, b)| a == b).count();
                self.common += same;
                rest[same..].first().cmp(&wanted[same..].first())
            }
        }
    }
}

/// Goes through terms in order.
pub(crate) struct Terms<'a> {
    dictionary: &'a Dictionary,
    bytes: &'a Checked,
    next_block: usize,
    reader: Reader<'a>,
    offset: u64,
    /// The current term; valid after `advance` or `seek` said so.
    pub(crate) term: Vec<u8>,
    pub(crate) entry: TermEntry,
}

impl Terms<'_> {
    /// Goes to the next term; false at the end.
    pub(crate) fn advance(&mut self) -> Result<bool> {
        if self.reader.is_empty() {
            if self.next_block >= self.dictionary.count() {
                return Ok(false);
            }
            self.reader = Reader::new(self.dictionary.block(self.bytes, self.next_block)?);
            self.next_block += 1;
            self.offset = self.reader.varint()?;
            self.term.clear();
        }
        let (shared, rest) = self.dictionary.lengths(&mut self.reader)?;
        if shared > self.term.len() || shared + rest.len() > MOST_TERM_BYTES {
            return Err(corrupted("a term is longer than terms can be"));
        }
        self.term.truncate(shared);
        self.term.extend_from_slice(rest);
        self.entry = self.dictionary.entry(&mut self.reader, &mut self.offset)?;
        Ok(true)
    }

    /// Goes on so that the next `advance` gives the first term that is not less than `from`. Only
    /// whole blocks are left out; so terms that are less may come first, up to a block of them.
    fn seek(&mut self, from: &[u8]) -> Result<()> {
        if let Some(block) = self.dictionary.block_of(self.bytes, from)?
            && block >= self.next_block
        {
            self.next_block = block;
            self.reader = Reader::new(&[]);
        }
        Ok(())
    }

    /// Goes to the first term after the current one that is not less than `from`; false where
    /// there is none.
    pub(crate) fn advance_to(&mut self, from: &[u8]) -> Result<bool> {
        // Most often it is within the block.
        for _ in 0..4 {
            if !self.advance()? {
                return Ok(false);
            }
            if self.term.as_slice() >= from {
                return Ok(true);
            }
        }
        self.seek(from)?;
        while self.advance()? {
            if self.term.as_slice() >= from {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
