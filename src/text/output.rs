//! Bytes of an index on their way out, and back again: checksums per chunk of 64 KiB.
//!
//! Everything before the table of checksums is covered by it. A reader verifies a chunk when it
//! is first touched and remembers that, so that opening an index reads next to nothing and a
//! query pays for a chunk once.

use std::sync::atomic::{AtomicU64, Ordering};

use base::{Error, ErrorCode, Result};
use bytes::Bytes;

use crate::coding::corrupted;

/// Where the bytes of an index go, from front to back.
pub trait Sink {
    /// Takes the next bytes.
    fn write(&mut self, bytes: &[u8]) -> Result<()>;
}

impl Sink for Vec<u8> {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.extend_from_slice(bytes);
        Ok(())
    }
}

impl Sink for Box<dyn base::disk::FileWriter> {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        (**self).write(bytes)
    }
}

const CHUNK: usize = 64 * 1024;

/// Collects chunks, notes their checksums and hands them to the sink.
pub(crate) struct Output<'a> {
    sink: &'a mut dyn Sink,
    chunk: Vec<u8>,
    checksums: Vec<u8>,
    passed: u64,
}

impl<'a> Output<'a> {
    pub(crate) fn new(sink: &'a mut dyn Sink) -> Output<'a> {
        Output { sink, chunk: Vec::with_capacity(CHUNK), checksums: Vec::new(), passed: 0 }
    }

    /// Bytes written so far.
    pub(crate) fn position(&self) -> u64 {
        self.passed + self.chunk.len() as u64
    }

    pub(crate) fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK - self.chunk.len()));
            self.chunk.extend_from_slice(now);
            bytes = later;
            if self.chunk.len() == CHUNK {
                self.pass()?;
            }
        }
        Ok(())
    }

    fn pass(&mut self) -> Result<()> {
        self.checksums.extend_from_slice(&crc32c::crc32c(&self.chunk).to_le_bytes());
        self.passed += self.chunk.len() as u64;
        self.sink.write(&self.chunk)?;
        self.chunk.clear();
        Ok(())
    }

    /// Ends the bytes that have checksums; gives the table of these and what takes what follows.
    pub(crate) fn finish(mut self) -> Result<(Vec<u8>, &'a mut dyn Sink)> {
        if !self.chunk.is_empty() {
            self.pass()?;
        }
        Ok((self.checksums, self.sink))
    }
}

/// Bytes that are verified chunk by chunk.
pub(crate) struct Checked {
    bytes: Bytes,
    covered: usize,
    checksums: Bytes,
    verified: Box<[AtomicU64]>,
}

impl Checked {
    /// The first `covered` bytes have the checksums of the table.
    pub(crate) fn new(bytes: Bytes, covered: usize, checksums: Bytes) -> Result<Checked> {
        let chunks = covered.div_ceil(CHUNK);
        if checksums.len() != chunks * 4 || covered > bytes.len() {
            return Err(corrupted("its table of checksums has a wrong size"));
        }
        let verified = (0..chunks.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Ok(Checked { bytes, covered, checksums, verified })
    }

    /// The bytes of a range, verified.
    #[inline]
    pub(crate) fn range(&self, offset: u64, length: u64) -> Result<&[u8]> {
        let end = offset.checked_add(length).filter(|end| *end <= self.covered as u64);
        let Some(end) = end else { return Err(corrupted("a range lies outside of it")) };
        let (start, end) = (offset as usize, end as usize);
        if start < end {
            for chunk in start / CHUNK..=(end - 1) / CHUNK {
                let word = &self.verified[chunk / 64];
                if word.load(Ordering::Relaxed) >> (chunk % 64) & 1 == 0 {
                    self.verify(chunk)?;
                }
            }
        }
        Ok(&self.bytes[start..end])
    }

    #[cold]
    fn verify(&self, chunk: usize) -> Result<()> {
        let start = chunk * CHUNK;
        let bytes = &self.bytes[start..(start + CHUNK).min(self.covered)];
        let found = crc32c::crc32c(bytes);
        let expected = crate::coding::u32_at(&self.checksums, chunk);
        if found != expected {
            return Err(Error::new(
                ErrorCode::ChecksumDoesntMatch,
                format!(
                    "Text index is corrupted: bytes {start} to {} have the checksum {found:08x}, \
                     {expected:08x} was written",
                    start + bytes.len()
                ),
            ));
        }
        self.verified[chunk / 64].fetch_or(1 << (chunk % 64), Ordering::Relaxed);
        Ok(())
    }

    /// Verifies everything.
    pub(crate) fn verify_all(&self) -> Result<()> {
        (0..self.covered.div_ceil(CHUNK)).try_for_each(|chunk| self.verify(chunk))
    }

    /// All bytes, those without a checksum too.
    pub(crate) fn size(&self) -> u64 {
        self.bytes.len() as u64
    }
}
