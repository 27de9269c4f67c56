//! Where the bytes of an input come from.

use std::io::Read;

use base::{Result, bail, error};
use bytes::Bytes;

/// A stream of bytes in pieces of any size.
pub trait ByteSource: Send {
    /// The next piece, which may be empty; `None` at the end.
    fn next(&mut self) -> Result<Option<Bytes>>;
}

/// Pieces that are in memory already.
#[derive(Debug)]
pub struct BytesSource(std::vec::IntoIter<Bytes>);

impl BytesSource {
    /// A source of pieces.
    pub fn new(pieces: Vec<Bytes>) -> BytesSource {
        BytesSource(pieces.into_iter())
    }
}

impl From<Vec<u8>> for BytesSource {
    fn from(bytes: Vec<u8>) -> BytesSource {
        BytesSource::new(vec![bytes.into()])
    }
}

impl ByteSource for BytesSource {
    fn next(&mut self) -> Result<Option<Bytes>> {
        Ok(self.0.next())
    }
}

/// Pieces of a file or any other [`Read`].
#[derive(Debug)]
pub struct ReadSource<R>(R);

impl<R: Read + Send> ReadSource<R> {
    /// A source that reads pieces of 1 MiB.
    pub fn new(read: R) -> ReadSource<R> {
        ReadSource(read)
    }
}

impl<R: Read + Send> ByteSource for ReadSource<R> {
    fn next(&mut self) -> Result<Option<Bytes>> {
        const PIECE: u64 = 1 << 20;
        let mut piece = Vec::with_capacity(PIECE as usize);
        (&mut self.0)
            .take(PIECE)
            .read_to_end(&mut piece)
            .map_err(|e| error!(CannotReadFromFileDescriptor, "Cannot read the input: {e}"))?;
        Ok((!piece.is_empty()).then(|| piece.into()))
    }
}

/// Pieces that were looked at already, and then the rest of their source.
pub(crate) struct Prefetched {
    first: Option<Bytes>,
    rest: Box<dyn ByteSource>,
}

impl Prefetched {
    pub(crate) fn new(first: Vec<u8>, rest: Box<dyn ByteSource>) -> Prefetched {
        Prefetched { first: Some(first.into()), rest }
    }
}

impl ByteSource for Prefetched {
    fn next(&mut self) -> Result<Option<Bytes>> {
        match self.first.take() {
            Some(first) => Ok(Some(first)),
            None => self.rest.next(),
        }
    }
}

/// All bytes of a source.
///
/// # Errors
/// TOO_LARGE_STRING_SIZE when they are more than `limit`.
pub(crate) fn read_whole(source: &mut dyn ByteSource, limit: usize) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    while let Some(piece) = source.next()? {
        if all.len() + piece.len() > limit {
            bail!(
                TooLargeStringSize,
                "The input is longer than {limit} bytes, which is the limit of formats that must \
                 be read whole (max_document_bytes)"
            );
        }
        all.extend_from_slice(&piece);
    }
    Ok(all)
}

/// Bytes that have arrived and are not parsed yet. Each refill at least doubles them, so that
/// trying a long row again and again costs no more than twice its length.
pub(crate) struct Arrived {
    source: Box<dyn ByteSource>,
    bytes: Vec<u8>,
    at: usize,
    ended: bool,
    limit: usize,
}

impl Arrived {
    pub(crate) fn new(source: Box<dyn ByteSource>, limit: usize) -> Arrived {
        Arrived { source, bytes: Vec::new(), at: 0, ended: false, limit }
    }

    pub(crate) fn rest(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    pub(crate) fn advance(&mut self, by: usize) {
        self.at = (self.at + by).min(self.bytes.len());
    }

    /// Takes so many bytes at a place of the rest out, more than have arrived.
    ///
    /// # Errors
    /// Those of the source and of `take`; CANNOT_READ_ALL_DATA where the source ends before.
    pub(crate) fn take_out(
        &mut self,
        place: usize,
        length: u64,
        mut take: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let start = self.at + place;
        let mut left = length;
        let arrived = (self.bytes.len() - start) as u64;
        let here = arrived.min(left) as usize;
        take(&self.bytes[start..start + here])?;
        self.bytes.drain(start..start + here);
        left -= here as u64;
        while left > 0 {
            let Some(piece) = self.source.next()? else {
                self.ended = true;
                bail!(CannotReadAllData, "The input ends {left} bytes before the end of a text");
            };
            let (text, rest) = piece.split_at(left.min(piece.len() as u64) as usize);
            take(text)?;
            left -= text.len() as u64;
            self.bytes.extend_from_slice(rest);
        }
        Ok(())
    }

    /// Puts bytes in at a place of the rest.
    pub(crate) fn put_in(&mut self, place: usize, bytes: &[u8]) {
        let start = self.at + place;
        self.bytes.splice(start..start, bytes.iter().copied());
    }

    /// Whether all has arrived.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Gets more; `false` at the end of the source.
    ///
    /// # Errors
    /// TOO_LARGE_STRING_SIZE when more than the limit would wait to be parsed.
    pub(crate) fn refill(&mut self, what: &str) -> Result<bool> {
        self.bytes.drain(..self.at);
        self.at = 0;
        let before = self.bytes.len();
        while !self.ended && self.bytes.len() < (before * 2).max(before + 1) {
            match self.source.next()? {
                Some(piece) => self.bytes.extend_from_slice(&piece),
                None => self.ended = true,
            }
            if self.bytes.len() > self.limit.saturating_mul(2) && before > self.limit {
                bail!(TooLargeStringSize, "{what} is longer than {} bytes", self.limit);
            }
        }
        Ok(self.bytes.len() > before)
    }
}
