//! Blocks of a dictionary and their directory; the layout is drawn in `dictionary.rs`.
//!
//! Invariant: first codes and separators ascend strictly; counts add up to the entries.

use std::cell::RefCell;

use arrow_array::builder::make_view;
use base::disk::FileView;
use base::{Result, bail, error};
use zstd::bulk::Decompressor;

use crate::wire::{Reader, put, put_bytes, put_signed};

thread_local! {
    /// Making one costs as much as decoding a small block.
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Beside the width of a length: the block is compressed by LZ4 if it is.
const LZ4: u8 = 0x80;

/// No block has more raw bytes; a single value may be as long as that.
const MAX_BLOCK: u32 = 1 << 31;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct BlockEntry {
    pub(super) offset: u64,
    pub(super) stored: u32,
    pub(super) raw: u32,
    pub(super) first_code: u32,
    pub(super) count: u32,
    pub(super) width: u8,
    /// Compressed, if it is, by LZ4 rather than ZSTD.
    pub(super) lz4: bool,
    pub(super) checksum: u32,
    pub(super) separator: Box<[u8]>,
}

impl BlockEntry {
    /// Reads, checks and decompresses the block.
    pub(super) fn load(&self, file: &dyn FileView) -> Result<Vec<u8>> {
        let mut raw = vec![0; self.raw as usize];
        self.load_into(file, &mut raw)?;
        Ok(raw)
    }

    /// As `load`, into a slice of exactly `raw` bytes.
    pub(super) fn load_into(&self, file: &dyn FileView, raw: &mut [u8]) -> Result<()> {
        let stored = file.read(self.offset, self.stored as usize)?;
        if crc32c::crc32c(&stored) != self.checksum {
            bail!(
                ChecksumDoesntMatch,
                "checksum of the dictionary block at {} does not match",
                self.offset
            );
        }
        if self.stored == self.raw {
            raw.copy_from_slice(&stored);
            return Ok(());
        }
        let damaged = |e: &dyn std::fmt::Display| {
            error!(CorruptedData, "dictionary block at {}: {e}", self.offset)
        };
        let length = if self.lz4 {
            lz4_flex::block::decompress_into(&stored, raw).map_err(|e| damaged(&e))?
        } else {
            let unpack = |slot: &mut Option<Decompressor<'static>>| {
                let decompressor = match slot {
                    Some(decompressor) => decompressor,
                    None => slot.insert(Decompressor::new()?),
                };
                decompressor.decompress_to_buffer(&stored, raw)
            };
            DECOMPRESSOR.with_borrow_mut(unpack).map_err(|e| damaged(&e))?
        };
        if length != raw.len() {
            bail!(CorruptedData, "dictionary block at {} has a wrong length", self.offset);
        }
        Ok(())
    }

    /// Appends the views of the values of this block, whose raw bytes stand at `start` of `bytes`, buffer
    /// number `buffer` of the array.
    pub(super) fn views(
        &self,
        bytes: &[u8],
        buffer: u32,
        start: usize,
        views: &mut Vec<u128>,
    ) -> Result<()> {
        let damaged = || error!(CorruptedData, "dictionary block at {} is damaged", self.offset);
        let raw = bytes.get(start..start + self.raw as usize).ok_or_else(damaged)?;
        let width = usize::from(self.width);
        if width == 0 {
            return self.equal_views(raw, (buffer, start), views);
        }
        let heads = (self.count as usize).checked_mul(width).ok_or_else(damaged)?;
        let (lengths, values) = raw.split_at_checked(heads).ok_or_else(damaged)?;
        let mut at = 0usize;
        let base = start + heads;
        for length in lengths.chunks_exact(width) {
            let mut wide = [0; 4];
            wide[..width].copy_from_slice(length);
            let end = at.checked_add(u32::from_le_bytes(wide) as usize).ok_or_else(damaged)?;
            let value = values.get(at..end).ok_or_else(damaged)?;
            views.push(make_view(value, buffer, (base + at) as u32));
            at = end;
        }
        if at != values.len() {
            return Err(damaged());
        }
        Ok(())
    }

    /// The views of a block without lengths: all values are equally long.
    fn equal_views(
        &self,
        raw: &[u8],
        (buffer, start): (u32, usize),
        views: &mut Vec<u128>,
    ) -> Result<()> {
        let width = raw.len() / self.count.max(1) as usize;
        if width == 0 || width * self.count as usize != raw.len() {
            bail!(CorruptedData, "dictionary block at {} is damaged", self.offset);
        }
        for (at, value) in raw.chunks_exact(width).enumerate() {
            views.push(make_view(value, buffer, (start + at * width) as u32));
        }
        Ok(())
    }
}

pub(super) fn encode_directory(blocks: &[BlockEntry]) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, blocks.len() as u128);
    let mut end = 0u64;
    for block in blocks {
        put_signed(&mut out, i128::from(block.offset) - i128::from(end));
        put(&mut out, u128::from(block.stored));
        put(&mut out, u128::from(block.raw));
        put(&mut out, u128::from(block.count));
        out.push(block.width | if block.lz4 { LZ4 } else { 0 });
        out.extend_from_slice(&block.checksum.to_le_bytes());
        put_bytes(&mut out, &block.separator);
        end = block.offset + u64::from(block.stored);
    }
    out
}

/// `fixed` is the length of all values, where they have one.
pub(super) fn decode_directory(
    bytes: &[u8],
    entries: u32,
    fixed: Option<usize>,
) -> Result<Vec<BlockEntry>> {
    let mut reader = Reader::new(bytes);
    let count = reader.count()?;
    let mut blocks = Vec::with_capacity(count);
    let (mut end, mut code) = (0i128, 0u32);
    for _ in 0..count {
        let offset = end.saturating_add(reader.signed()?);
        let offset = u64::try_from(offset)
            .map_err(|_| error!(CorruptedData, "a dictionary block lies before the start"))?;
        let (stored, raw, count) = (reader.u32()?, reader.u32()?, reader.u32()?);
        let width = reader.byte()?;
        let block = BlockEntry {
            offset,
            stored,
            raw,
            first_code: code,
            count,
            width: width & !LZ4,
            lz4: width & LZ4 != 0,
            checksum: u32::from_le_bytes(reader.array()?),
            separator: reader.length_and_bytes()?.into(),
        };
        let lengths = match fixed {
            Some(width) => block.width == 0 && block.raw as usize == width * block.count as usize,
            None => matches!(block.width, 1 | 2 | 4),
        };
        let sane =
            lengths && block.count > 0 && block.raw <= MAX_BLOCK && block.stored <= block.raw;
        let next = code.checked_add(block.count).filter(|_| sane);
        code = next.ok_or_else(|| error!(CorruptedData, "a dictionary's directory is damaged"))?;
        end = i128::from(block.offset) + i128::from(block.stored);
        blocks.push(block);
    }
    if code != entries || !reader.is_empty() {
        bail!(CorruptedData, "a dictionary's directory has {code} entries, not {entries}");
    }
    Ok(blocks)
}
