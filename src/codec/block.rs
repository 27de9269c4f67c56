//! General compression of blocks of bytes, with sizes that are checked before memory is taken.
//!
//! ```text
//! method   u8: 0 stored, 1 LZ4 (raw block), 2 ZSTD (frame without its size)
//! length   varint: bytes before compression
//! payload  to the end
//! ```

use std::cell::RefCell;

use base::{Error, Result, error};
use zstd::bulk::{Compressor, Decompressor};

use crate::packed::reserve;
use crate::varint::{Reader, corrupt, write_varint};

/// A method of compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// As they are.
    None,
    /// Fast to read and write.
    Lz4,
    /// Small; levels 1 to 22.
    Zstd(i32),
}

/// Compressors of higher levels hold too much memory to be kept by every thread.
const KEPT_LEVEL: i32 = 9;

const STORED: u8 = 0;
const LZ4: u8 = 1;
const ZSTD: u8 = 2;

thread_local! {
    static COMPRESSOR: RefCell<Option<(i32, Compressor<'static>)>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Appends the block, compressed where that saves at least a tenth, else stored.
///
/// # Errors
/// CANNOT_COMPRESS when the library refuses.
pub fn compress_block(raw: &[u8], compression: Compression, out: &mut Vec<u8>) -> Result<()> {
    let start = out.len();
    out.push(STORED);
    write_varint(raw.len() as u64, out);
    let enough = raw.len() - raw.len() / 10;
    match compression {
        Compression::None => {}
        _ if raw.len() < 16 => {}
        Compression::Lz4 => {
            let payload = lz4_flex::block::compress(raw);
            if payload.len() <= enough {
                out[start] = LZ4;
                out.extend_from_slice(&payload);
                return Ok(());
            }
        }
        Compression::Zstd(level) => {
            let payload = zstd_compress(raw, level)?;
            if payload.len() <= enough {
                out[start] = ZSTD;
                out.extend_from_slice(&payload);
                return Ok(());
            }
        }
    }
    out.extend_from_slice(raw);
    Ok(())
}

fn zstd_compress(raw: &[u8], level: i32) -> Result<Vec<u8>> {
    let failed = |e: std::io::Error| error!(CannotCompress, "ZSTD level {level}: {e}");
    COMPRESSOR.with_borrow_mut(|kept| {
        if kept.as_ref().is_none_or(|(kept_level, _)| *kept_level != level) {
            let mut compressor = Compressor::new(level).map_err(failed)?;
            compressor.include_contentsize(false).map_err(failed)?;
            compressor.include_checksum(false).map_err(failed)?;
            *kept = Some((level, compressor));
        }
        let (_, compressor) = kept.as_mut().ok_or_else(|| Error::logical("no compressor"))?;
        let payload = compressor.compress(raw).map_err(failed);
        if level > KEPT_LEVEL {
            *kept = None;
        }
        payload
    })
}

/// A block whose head is read: how its payload is compressed, and to how many bytes it unfolds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Block<'a> {
    method: u8,
    pub(crate) length: usize,
    payload: &'a [u8],
}

impl<'a> Block<'a> {
    /// Reads the head of a block of at most `limit` bytes before compression.
    pub(crate) fn read(bytes: &'a [u8], limit: usize) -> Result<Block<'a>> {
        let mut reader = Reader::new(bytes);
        let method = reader.u8()?;
        let length = reader.length(limit)?;
        let block = Block { method, length, payload: reader.rest() };
        if method == STORED && block.payload.len() != length {
            return Err(corrupt("a block is shorter than it says"));
        }
        Ok(block)
    }

    /// The bytes, when they are not compressed.
    pub(crate) fn stored(&self) -> Option<&'a [u8]> {
        (self.method == STORED).then_some(self.payload)
    }

    /// The bytes before compression.
    pub(crate) fn unfold(&self) -> Result<Vec<u8>> {
        let mut raw = Vec::new();
        reserve(&mut raw, self.length)?;
        match self.method {
            STORED => raw.extend_from_slice(self.payload),
            LZ4 => {
                raw.resize(self.length, 0);
                let length = lz4_flex::block::decompress_into(self.payload, &mut raw)
                    .map_err(|e| corrupt(&format!("LZ4: {e}")))?;
                raw.truncate(length);
            }
            ZSTD => DECOMPRESSOR
                .with_borrow_mut(|kept| {
                    if kept.is_none() {
                        let made = Decompressor::new();
                        *kept = Some(made.map_err(|e| error!(CannotDecompress, "ZSTD: {e}"))?);
                    }
                    let decompressor =
                        kept.as_mut().ok_or_else(|| Error::logical("no decompressor"))?;
                    decompressor
                        .decompress_to_buffer(self.payload, &mut raw)
                        .map_err(|e| corrupt(&format!("ZSTD: {e}")))
                })
                .map(drop)?,
            _ => return Err(corrupt("a block is compressed by an unknown method")),
        }
        if raw.len() != self.length {
            return Err(corrupt("a block unfolds to another length than it says"));
        }
        Ok(raw)
    }
}

/// The bytes that [`compress_block`] was given; `bytes` is exactly what it appended.
///
/// # Errors
/// CORRUPTED_DATA when the block is broken or says that it unfolds to more than `limit` bytes.
pub fn decompress_block(bytes: &[u8], limit: usize) -> Result<Vec<u8>> {
    Block::read(bytes, limit)?.unfold()
}

#[cfg(test)]
mod tests {
    use super::{Compression, compress_block, decompress_block};

    #[test]
    fn blocks_come_back() {
        let text = b"one two three four five six seven ".repeat(100);
        let noise: Vec<u8> =
            (0..1000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for raw in [&text[..], &noise, b"", b"x"] {
            for compression in
                [Compression::None, Compression::Lz4, Compression::Zstd(1), Compression::Zstd(9)]
            {
                let mut out = Vec::new();
                compress_block(raw, compression, &mut out).unwrap();
                assert!(out.len() <= raw.len() + 3);
                assert_eq!(decompress_block(&out, raw.len()).unwrap(), raw);
                for cut in 0..out.len().min(50) {
                    assert!(decompress_block(&out[..cut], raw.len()).is_err());
                }
                if !raw.is_empty() {
                    assert!(decompress_block(&out, raw.len() - 1).is_err());
                }
                for at in 0..out.len().min(100) {
                    for bit in 0..8 {
                        let mut broken = out.clone();
                        broken[at] ^= 1 << bit;
                        let _ = decompress_block(&broken, 1 << 20);
                    }
                }
            }
        }
    }
}
