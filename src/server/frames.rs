//! ClickHouse's compressed frames, as `compress=1` and `decompress=1` ask for.
//!
//! ```text
//! | checksum 16 | method 1 | compressed size 4 | decompressed size 4 | data |
//!                \____________ hashed by CityHash128 1.0.2 ______________/
//! ```
//!
//! Numbers are little-endian; the compressed size counts the nine bytes of method and sizes.
//! Invariants: no buffer grows beyond [`MAX_FRAME`], and none is sized by a length that was
//! only claimed: compressed bytes are read before room is made for what they expand to.

use std::io::{self, Read, Write};

use base::{Result, bail, error};

use crate::body::{from_io, into_io};
use crate::cityhash::hash128;

const CHECKSUM: usize = 16;
const HEADER: usize = 9;

const NONE: u8 = 0x02;
const LZ4: u8 = 0x82;
const ZSTD: u8 = 0x90;

/// The most bytes of one frame, compressed and not.
const MAX_FRAME: usize = 128 << 20;

/// How many bytes of an answer go into one frame.
const BLOCK: usize = 1 << 20;

/// LZ4 cannot expand a byte to more than this.
const MAX_LZ4_RATIO: usize = 255;

/// Reads frames as the bytes in them.
pub(crate) struct FrameReader<R> {
    source: R,
    block: Vec<u8>,
    at: usize,
}

impl<R: Read> FrameReader<R> {
    pub(crate) fn new(source: R) -> FrameReader<R> {
        FrameReader { source, block: Vec::new(), at: 0 }
    }

    /// Reads the next frame into `block`; false at the end of the source.
    fn next_frame(&mut self) -> Result<bool> {
        let mut head = [0; CHECKSUM + HEADER];
        let got = read_full(&mut self.source, &mut head)?;
        if got == 0 {
            return Ok(false);
        }
        if got < head.len() {
            bail!(
                CannotReadAllData,
                "The request's body ends inside the head of a compressed frame, after {got} of {} \
                 bytes. Send it whole, or leave out decompress=1",
                head.len()
            );
        }
        let number = |at: usize| {
            u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]) as usize
        };
        let (compressed, decompressed) = (number(CHECKSUM + 1), number(CHECKSUM + 5));
        if !(HEADER..=MAX_FRAME).contains(&compressed) || decompressed > MAX_FRAME {
            bail!(
                TooLargeSizeCompressed,
                "A compressed frame claims {compressed} bytes compressed and {decompressed} \
                 decompressed; between {HEADER} and {MAX_FRAME} are possible. Most likely the body \
                 is not in ClickHouse's compressed frames, as decompress=1 says"
            );
        }
        let mut frame = head[CHECKSUM..].to_vec();
        let wanted = (compressed - HEADER) as u64;
        (&mut self.source).take(wanted).read_to_end(&mut frame).map_err(from_io)?;
        if frame.len() < compressed {
            bail!(
                CannotReadAllData,
                "The request's body ends inside a compressed frame, after {} of {compressed} bytes",
                frame.len()
            );
        }
        let (low, high) = hash128(&frame);
        if head[..8] != low.to_le_bytes() || head[8..CHECKSUM] != high.to_le_bytes() {
            bail!(
                ChecksumDoesntMatch,
                "The checksum of a compressed frame of {compressed} bytes does not match: it was \
                 damaged on its way, or its sender does not use CityHash128 1.0.2"
            );
        }
        expand(frame[0], &frame[HEADER..], decompressed, &mut self.block)?;
        self.at = 0;
        Ok(true)
    }
}

impl<R: Read> Read for FrameReader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at == self.block.len() {
            if !self.next_frame().map_err(into_io)? {
                return Ok(0);
            }
        }
        let taken = into.len().min(self.block.len() - self.at);
        into[..taken].copy_from_slice(&self.block[self.at..self.at + taken]);
        self.at += taken;
        Ok(taken)
    }
}

/// Fills `into` as far as the source goes.
fn read_full(source: &mut impl Read, into: &mut [u8]) -> Result<usize> {
    let mut got = 0;
    while got < into.len() {
        match source.read(&mut into[got..]) {
            Ok(0) => break,
            Ok(count) => got += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(from_io(error)),
        }
    }
    Ok(got)
}

/// Decompresses `data` into `block`, which becomes exactly `size` bytes.
fn expand(method: u8, data: &[u8], size: usize, block: &mut Vec<u8>) -> Result<()> {
    let damaged = |reason: String| {
        error!(
            CannotDecompress,
            "Cannot decompress a frame of {} bytes to {size} bytes: {reason}",
            data.len()
        )
    };
    block.clear();
    let got = match method {
        NONE => {
            block.extend_from_slice(data);
            block.len()
        }
        LZ4 => {
            if size > data.len().saturating_mul(MAX_LZ4_RATIO) + 64 {
                return Err(damaged("LZ4 cannot expand that much".to_owned()));
            }
            block.resize(size, 0);
            lz4_flex::block::decompress_into(data, block).map_err(|e| damaged(e.to_string()))?
        }
        ZSTD => {
            block.resize(size, 0);
            zstd::bulk::decompress_to_buffer(data, &mut block[..])
                .map_err(|e| damaged(e.to_string()))?
        }
        other => bail!(
            UnknownCodec,
            "Unknown compression method {other:#04x} in a frame; known are LZ4 ({LZ4:#04x}), ZSTD \
             ({ZSTD:#04x}) and none ({NONE:#04x})"
        ),
    };
    if got != size {
        return Err(damaged(format!("it holds {got} bytes")));
    }
    Ok(())
}

/// One frame of `data`, compressed with LZ4.
pub(crate) fn frame(data: &[u8]) -> Vec<u8> {
    let bound = lz4_flex::block::get_maximum_output_size(data.len());
    let mut frame = vec![0; CHECKSUM + HEADER + bound];
    // The output has LZ4's own bound on what it may need, so compressing cannot fail; were it
    // to fail, the frame goes out uncompressed.
    let (method, len) = match lz4_flex::block::compress_into(data, &mut frame[CHECKSUM + HEADER..])
    {
        Ok(len) => (LZ4, len),
        Err(_) => {
            frame.truncate(CHECKSUM + HEADER);
            frame.extend_from_slice(data);
            (NONE, data.len())
        }
    };
    frame.truncate(CHECKSUM + HEADER + len);
    frame[CHECKSUM] = method;
    frame[CHECKSUM + 1..CHECKSUM + 5].copy_from_slice(&((len + HEADER) as u32).to_le_bytes());
    frame[CHECKSUM + 5..CHECKSUM + 9].copy_from_slice(&(data.len() as u32).to_le_bytes());
    let (low, high) = hash128(&frame[CHECKSUM..]);
    frame[..8].copy_from_slice(&low.to_le_bytes());
    frame[8..CHECKSUM].copy_from_slice(&high.to_le_bytes());
    frame
}

/// Writes bytes as frames of up to 1 MiB.
pub(crate) struct FrameWriter<W> {
    sink: W,
    block: Vec<u8>,
}

impl<W: Write> FrameWriter<W> {
    pub(crate) fn new(sink: W) -> FrameWriter<W> {
        FrameWriter { sink, block: Vec::new() }
    }

    /// Writes what is left.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.flush_block()?;
        Ok(self.sink)
    }

    fn flush_block(&mut self) -> io::Result<()> {
        if !self.block.is_empty() {
            self.sink.write_all(&frame(&self.block))?;
            self.block.clear();
        }
        Ok(())
    }
}

impl<W: Write> Write for FrameWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(BLOCK - self.block.len());
        self.block.extend_from_slice(&bytes[..taken]);
        if self.block.len() == BLOCK {
            self.flush_block()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.flush_block()?;
        self.sink.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use base::ErrorCode;
    use proptest::prelude::{any, proptest};

    use super::{FrameReader, FrameWriter, HEADER, NONE, ZSTD, frame, hash128};
    use crate::body::from_io;

    fn read(bytes: &[u8]) -> base::Result<Vec<u8>> {
        let mut all = Vec::new();
        FrameReader::new(bytes).read_to_end(&mut all).map_err(from_io)?;
        Ok(all)
    }

    /// A frame of any method around bytes that are compressed already.
    fn wrap(method: u8, data: &[u8], size: usize) -> Vec<u8> {
        let mut rest = vec![method];
        rest.extend(((data.len() + HEADER) as u32).to_le_bytes());
        rest.extend((size as u32).to_le_bytes());
        rest.extend(data);
        let (low, high) = hash128(&rest);
        [&low.to_le_bytes()[..], &high.to_le_bytes()[..], &rest].concat()
    }

    #[test]
    fn what_is_written_is_read() {
        let data: Vec<u8> = (0..3_000_000_u32).map(|i| (i / 100) as u8).collect();
        let mut writer = FrameWriter::new(Vec::new());
        writer.write_all(&data).unwrap();
        let frames = writer.finish().unwrap();
        assert!(frames.len() < data.len() / 10);
        assert_eq!(read(&frames).unwrap(), data);
        assert_eq!(read(&[]).unwrap(), b"");
    }

    #[test]
    fn all_methods_are_read_one_after_another() {
        let packed = zstd::bulk::compress(b"second", 1).unwrap();
        let mut all = wrap(NONE, b"first", 5);
        all.extend(wrap(ZSTD, &packed, 6));
        all.extend(frame(b"third"));
        assert_eq!(read(&all).unwrap(), b"firstsecondthird");
    }

    /// `granary` twenty times, as ClickHouse itself wrote it to disk with LZ4 and with ZSTD.
    #[test]
    fn frames_of_clickhouse_are_read() {
        const LZ4: &str = "943fbbf4c8a72758cb1f67c5e859ae74821a0000008c0000007f6772616e617279\
            07006d50616e617279";
        const ZSTD: &str = "80f9357945c5ed8e47b728c2fb2ef89f90200000008c00000028b52ffd208c7500\
            00386772616e61727901000251c508";
        for hex in [LZ4, ZSTD] {
            let digits: Vec<u8> = hex.chars().map(|c| c.to_digit(16).unwrap() as u8).collect();
            let bytes: Vec<u8> = digits.chunks(2).map(|pair| pair[0] * 16 + pair[1]).collect();
            assert_eq!(read(&bytes).unwrap(), b"granary".repeat(20));
        }
    }

    #[test]
    fn damage_is_found() {
        let check = |bytes: &[u8], code| assert_eq!(read(bytes).unwrap_err().code(), code);
        let whole = frame(b"some text, some text, some text");
        check(&whole[..10], ErrorCode::CannotReadAllData);
        check(&whole[..30], ErrorCode::CannotReadAllData);
        let mut flipped = whole.clone();
        flipped[30] ^= 1;
        check(&flipped, ErrorCode::ChecksumDoesntMatch);
        check(&wrap(7, b"x", 1), ErrorCode::UnknownCodec);
        check(&wrap(ZSTD, b"not zstd", 10), ErrorCode::CannotDecompress);
        check(&wrap(NONE, b"four", 5), ErrorCode::CannotDecompress);
        check(&wrap(super::LZ4, b"\x10a", 100_000_000), ErrorCode::CannotDecompress);
        check(&[0xff; 40], ErrorCode::TooLargeSizeCompressed);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
            let _ = read(&wrap(super::LZ4, &bytes, 1000));
            assert_eq!(read(&frame(&bytes)).unwrap(), bytes);
        }
    }
}
