//! Writing a dictionary: values come sorted and distinct, blocks go out as they are full.

use base::{Result, bail, error};
use codec::Compression;

use super::blocks::{BlockEntry, encode_directory};
use crate::part::layout::DictionaryEntry;
use crate::part::segment::SegmentWriter;

/// Raw bytes of values after which a block is closed: what a look at one value has to decode.
const BLOCK: usize = 16 << 10;
/// Blocks are gathered up to so many bytes before they are appended to the file.
const EXTENT: usize = 4 << 20;

pub(crate) struct DictionaryWriter<'a> {
    segment: &'a SegmentWriter,
    /// ZSTD, or LZ4 without it.
    zstd: Option<zstd::bulk::Compressor<'static>>,
    /// All values are equally long, and LZ4 finds nothing in them.
    fixed: bool,
    lengths: Vec<u32>,
    values: Vec<u8>,
    /// The last value of the block before the open one.
    before: Vec<u8>,
    first: Vec<u8>,
    blocks: Vec<BlockEntry>,
    first_pending: usize,
    pending: Vec<u8>,
    entries: u32,
    has_empty: bool,
    stored: u64,
    raw: u64,
}

impl<'a> DictionaryWriter<'a> {
    /// A writer that compresses as a column's codec says, with LZ4 where it says nothing; `fixed` says that
    /// values are integers.
    pub(crate) fn new(
        segment: &'a SegmentWriter,
        compression: Option<Compression>,
        fixed: bool,
    ) -> Result<DictionaryWriter<'a>> {
        let zstd = match compression {
            Some(Compression::Zstd(level)) => Some(
                zstd::bulk::Compressor::new(level)
                    .map_err(|e| error!(CannotCompress, "Cannot compress: {e}"))?,
            ),
            _ => None,
        };
        Ok(DictionaryWriter {
            segment,
            zstd,
            fixed,
            lengths: Vec::new(),
            values: Vec::new(),
            before: Vec::new(),
            first: Vec::new(),
            blocks: Vec::new(),
            first_pending: 0,
            pending: Vec::new(),
            entries: 0,
            has_empty: false,
            stored: 0,
            raw: 0,
        })
    }

    /// Adds the next greater value.
    pub(crate) fn push(&mut self, value: &[u8]) -> Result<()> {
        if self.entries == u32::MAX {
            bail!(TooManyRows, "A dictionary holds at most {} values", u32::MAX);
        }
        self.has_empty |= value.is_empty();
        if !self.lengths.is_empty() && self.values.len() + value.len() > BLOCK {
            self.close_block()?;
        }
        if self.lengths.is_empty() {
            self.first.clear();
            self.first.extend_from_slice(value);
        }
        self.lengths.push(value.len() as u32);
        self.values.extend_from_slice(value);
        self.entries += 1;
        Ok(())
    }

    fn close_block(&mut self) -> Result<()> {
        let longest = self.lengths.iter().max().copied().unwrap_or(0);
        let width = match longest {
            _ if self.fixed => 0,
            0..=0xff => 1,
            0x100..=0xffff => 2,
            _ => 4,
        };
        let last = self.lengths.last().copied().unwrap_or(0) as usize;
        let mut raw = Vec::with_capacity(self.lengths.len() * width + self.values.len());
        for length in self.lengths.iter().filter(|_| width > 0) {
            raw.extend_from_slice(&length.to_le_bytes()[..width]);
        }
        raw.extend_from_slice(&self.values);
        let packed = match &mut self.zstd {
            Some(zstd) => Some(
                zstd.compress(&raw).map_err(|e| error!(CannotCompress, "Cannot compress: {e}"))?,
            ),
            None => (!self.fixed).then(|| lz4_flex::block::compress(&raw)),
        };
        let stored = packed.as_ref().filter(|packed| packed.len() < raw.len()).unwrap_or(&raw);
        // The shortest prefix of the first value that is greater than the last one before.
        let common = self.first.iter().zip(&self.before).take_while(|(a, b)| a == b).count();
        let separator = match self.blocks.is_empty() {
            true => &[],
            false => &self.first[..self.first.len().min(common + 1)],
        };
        self.blocks.push(BlockEntry {
            offset: self.pending.len() as u64,
            stored: stored.len() as u32,
            raw: raw.len() as u32,
            first_code: self.entries - self.lengths.len() as u32,
            count: self.lengths.len() as u32,
            width: width as u8,
            lz4: self.zstd.is_none() && !self.fixed,
            checksum: crc32c::crc32c(stored),
            separator: separator.into(),
        });
        self.pending.extend_from_slice(stored);
        self.stored += stored.len() as u64;
        self.raw += raw.len() as u64;
        self.before.clear();
        self.before.extend_from_slice(&self.values[self.values.len() - last..]);
        self.lengths.clear();
        self.values.clear();
        if self.pending.len() >= EXTENT { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        if self.first_pending == self.blocks.len() {
            return Ok(());
        }
        let offset = self.segment.append(&self.pending)?;
        for block in &mut self.blocks[self.first_pending..] {
            block.offset += offset;
        }
        self.first_pending = self.blocks.len();
        self.pending.clear();
        Ok(())
    }

    /// Writes what is left and the directory.
    pub(crate) fn finish(mut self) -> Result<DictionaryEntry> {
        if !self.lengths.is_empty() {
            self.close_block()?;
        }
        self.flush()?;
        Ok(DictionaryEntry {
            entries: self.entries,
            has_empty: self.has_empty,
            stored: self.stored,
            raw: self.raw,
            directory: self.segment.append_blob(encode_directory(&self.blocks))?,
        })
    }
}
