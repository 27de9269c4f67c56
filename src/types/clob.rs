//! Values of CLOB: texts of any length, most of which lie out of row.
//!
//! ```text
//! cell     empty                 the empty text
//!          0, text               a text in the row
//!          1, source (u64), first (u64), skip (u32), bytes (u64), characters (u64), hash (16 bytes),
//!             prefix (up to 32 bytes)
//! ```
//!
//! 1. A column of these is one of byte strings, moved about as such; only who asks for a text reads it.
//! 2. A text out of row lies in pieces of a [`ClobSource`]: from byte `skip` of piece `first` on; all its pieces but the
//!    last are [`PIECE`] bytes long where there are several. On disk the source is 0: whoever reads a column from there
//!    puts the number of the source in.
//! 3. Equal texts have equal hashes and lengths, and different ones different hashes (SHA-256, cut to 16 bytes).
//! 4. Numbers are little-endian. `characters` are code points of UTF-8.

mod columns;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, RwLock, Weak};

use base::{Error, Result, error};
use bytes::Bytes;

pub use columns::{bytes_of, cut, from_strings, in_rows, to_strings, with_source};

/// Bytes of a piece of a text that has several.
pub const PIECE: usize = 64 << 10;
/// The longest text that can be a String, and bytes of texts that can be Strings at once.
pub const LONGEST: u64 = 1 << 30;
/// Bytes of a text that stand in its cell.
pub const PREFIX: usize = 32;

const IN_ROW: u8 = 0;
const OUT_OF_ROW: u8 = 1;
const HEAD: usize = 1 + 8 + 8 + 4 + 8 + 8 + 16;

/// Takes texts that are too long to be held.
pub trait ClobSink: Send + Sync {
    /// Begins a text.
    fn start(&self) -> Box<dyn ClobText>;
}

/// A text that is brought bit by bit.
pub trait ClobText: Send {
    /// Adds bytes.
    ///
    /// # Errors
    /// Those of writing.
    fn push(&mut self, bytes: &[u8]) -> Result<()>;

    /// Bytes so far.
    fn bytes(&self) -> u64;

    /// Ends the text; its cell.
    ///
    /// # Errors
    /// Those of writing.
    fn finish(self: Box<Self>) -> Result<Vec<u8>>;
}

/// What is known of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PieceInfo {
    /// Its length.
    pub bytes: u32,
    /// How many code points begin in it.
    pub characters: u32,
    /// How many line ends are in it.
    pub lines: u32,
    /// The first 16 bytes of its SHA-256.
    pub hash: [u8; 16],
}

impl PieceInfo {
    /// Counts and hashes.
    pub fn of(text: &[u8], hash: [u8; 16]) -> PieceInfo {
        PieceInfo {
            bytes: text.len() as u32,
            characters: characters(text) as u32,
            lines: text.iter().filter(|byte| **byte == b'\n').count() as u32,
            hash,
        }
    }
}

/// Where texts lie out of row.
pub trait ClobSource: Send + Sync + fmt::Debug {
    /// What is known of a piece.
    ///
    /// # Errors
    /// CORRUPTED_DATA where there is no such piece.
    fn info(&self, piece: u64) -> Result<PieceInfo>;

    /// The bytes of a piece.
    ///
    /// # Errors
    /// Those of reading; CORRUPTED_DATA, CHECKSUM_DOESNT_MATCH.
    fn read(&self, piece: u64) -> Result<Bytes>;

    /// A piece as it is stored, for whoever copies it into a place of the same form.
    ///
    /// # Errors
    /// Those of reading.
    fn stored(&self, piece: u64) -> Result<Bytes>;

    /// A hint: a piece that was read as it is stored is not needed soon.
    fn release(&self, _piece: u64) {}

    /// Whether every text in it is still of use, so that pieces which several texts share are copied whole.
    fn all_in_use(&self) -> bool;
}

/// All sources that are open, by number.
static SOURCES: LazyLock<RwLock<HashMap<u64, Weak<dyn ClobSource>>>> =
    LazyLock::new(RwLock::default);
static NEXT: AtomicU64 = AtomicU64::new(1);

/// A source that can be found by its number as long as this is held.
#[derive(Debug)]
pub struct OpenSource {
    number: u64,
    source: Arc<dyn ClobSource>,
}

impl OpenSource {
    /// Gives a source a number.
    pub fn new(source: Arc<dyn ClobSource>) -> OpenSource {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let mut all = SOURCES.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        all.insert(number, Arc::downgrade(&source));
        OpenSource { number, source }
    }

    /// What cells name it by.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The source itself.
    pub fn source(&self) -> &Arc<dyn ClobSource> {
        &self.source
    }
}

impl Drop for OpenSource {
    fn drop(&mut self) {
        let mut all = SOURCES.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        all.remove(&self.number);
    }
}

/// An open source.
///
/// # Errors
/// LOGICAL_ERROR where it is gone: a cell outlived what it was read from.
pub fn source(number: u64) -> Result<Arc<dyn ClobSource>> {
    let all = SOURCES.read().unwrap_or_else(std::sync::PoisonError::into_inner);
    let found = all.get(&number).and_then(Weak::upgrade);
    found.ok_or_else(|| Error::logical("a text's source is gone"))
}

/// The value of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clob<'a> {
    /// The text itself.
    InRow(&'a [u8]),
    /// Where it lies.
    OutOfRow(Stored<'a>),
}

/// A text that lies out of row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored<'a> {
    /// The number of its source.
    pub source: u64,
    /// Its first piece.
    pub first: u64,
    /// Bytes of the first piece before it.
    pub skip: u32,
    /// Its length.
    pub bytes: u64,
    /// Its code points.
    pub characters: u64,
    /// Of the text where it is shorter than a piece, else of the hashes of its pieces, with a word before them.
    pub hash: [u8; 16],
    /// How it begins.
    pub prefix: &'a [u8],
}

fn too_long(bytes: u64) -> Error {
    error!(
        TooLargeStringSize,
        "{bytes} bytes of a text are asked for as a String, which may have {LONGEST}; take less of it with substring or lines, or read it by GET /clob"
    )
}

fn corrupt() -> Error {
    error!(CorruptedData, "A value of a CLOB is damaged")
}

fn number<const N: usize>(cell: &[u8], at: usize) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&cell[at..at + N]);
    bytes
}

impl<'a> Clob<'a> {
    /// Reads a cell.
    ///
    /// # Errors
    /// CORRUPTED_DATA
    pub fn parse(cell: &'a [u8]) -> Result<Clob<'a>> {
        match cell.split_first() {
            None => Ok(Clob::InRow(&[])),
            Some((&IN_ROW, text)) => Ok(Clob::InRow(text)),
            Some((&OUT_OF_ROW, _)) if (HEAD..=HEAD + PREFIX).contains(&cell.len()) => {
                let stored = Stored {
                    source: u64::from_le_bytes(number(cell, 1)),
                    first: u64::from_le_bytes(number(cell, 9)),
                    skip: u32::from_le_bytes(number(cell, 17)),
                    bytes: u64::from_le_bytes(number(cell, 21)),
                    characters: u64::from_le_bytes(number(cell, 29)),
                    hash: number(cell, 37),
                    prefix: &cell[HEAD..],
                };
                if stored.prefix.len() as u64 != stored.bytes.min(PREFIX as u64) {
                    return Err(corrupt());
                }
                Ok(Clob::OutOfRow(stored))
            }
            Some(_) => Err(corrupt()),
        }
    }

    /// Appends the cell of this value.
    pub fn put(&self, out: &mut Vec<u8>) {
        match self {
            Clob::InRow(text) => {
                if !text.is_empty() {
                    out.push(IN_ROW);
                    out.extend_from_slice(text);
                }
            }
            Clob::OutOfRow(stored) => {
                out.push(OUT_OF_ROW);
                out.extend_from_slice(&stored.source.to_le_bytes());
                out.extend_from_slice(&stored.first.to_le_bytes());
                out.extend_from_slice(&stored.skip.to_le_bytes());
                out.extend_from_slice(&stored.bytes.to_le_bytes());
                out.extend_from_slice(&stored.characters.to_le_bytes());
                out.extend_from_slice(&stored.hash);
                out.extend_from_slice(stored.prefix);
            }
        }
    }

    /// Its length in bytes.
    pub fn bytes(&self) -> u64 {
        match self {
            Clob::InRow(text) => text.len() as u64,
            Clob::OutOfRow(stored) => stored.bytes,
        }
    }

    /// Its length in code points.
    pub fn characters(&self) -> u64 {
        match self {
            Clob::InRow(text) => characters(text) as u64,
            Clob::OutOfRow(stored) => stored.characters,
        }
    }

    /// The pieces of the text, each after the one before, from a byte on.
    ///
    /// # Errors
    /// LOGICAL_ERROR where the source is gone.
    pub fn pieces_from(&self, from: u64) -> Result<Pieces<'a>> {
        match self {
            Clob::InRow(text) => {
                let from = usize::try_from(from).unwrap_or(usize::MAX).min(text.len());
                Ok(Pieces { in_row: Some(&text[from..]), stored: None, at: 0 })
            }
            Clob::OutOfRow(stored) => {
                let source = source(stored.source)?;
                Ok(Pieces { in_row: None, stored: Some((*stored, source)), at: from })
            }
        }
    }

    /// Appends up to `length` bytes from a byte on.
    ///
    /// # Errors
    /// Those of reading.
    pub fn read(&self, from: u64, length: u64, out: &mut Vec<u8>) -> Result<()> {
        let mut left = length.min(self.bytes().saturating_sub(from));
        if left == 0 {
            return Ok(());
        }
        if left > LONGEST {
            return Err(too_long(left));
        }
        let mut pieces = self.pieces_from(from)?;
        while left > 0 {
            let Some(piece) = pieces.next_piece()? else { break };
            let take = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
            out.extend_from_slice(&piece[..take]);
            left -= take as u64;
        }
        Ok(())
    }

    /// The whole text.
    ///
    /// # Errors
    /// Those of reading; TOO_LARGE_STRING_SIZE beyond [`LONGEST`] bytes.
    pub fn text(&self) -> Result<Vec<u8>> {
        let bytes = self.bytes();
        if bytes > LONGEST {
            return Err(too_long(bytes));
        }
        let mut out = Vec::with_capacity(bytes as usize);
        self.read(0, bytes, &mut out)?;
        Ok(out)
    }
}

impl Stored<'_> {
    /// How many pieces it has.
    pub fn pieces(&self) -> u64 {
        if self.is_shared() { 1 } else { self.bytes.div_ceil(PIECE as u64) }
    }

    /// Whether its piece may hold other texts too.
    pub fn is_shared(&self) -> bool {
        self.bytes < PIECE as u64
    }
}

/// The pieces of a text, one after another.
pub struct Pieces<'a> {
    in_row: Option<&'a [u8]>,
    stored: Option<(Stored<'a>, Arc<dyn ClobSource>)>,
    at: u64,
}

/// Bytes of a text.
pub enum Piece<'a> {
    /// Of one in the row.
    Borrowed(&'a [u8]),
    /// Of one out of row.
    Owned(Bytes),
}

impl std::ops::Deref for Piece<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Piece::Borrowed(text) => text,
            Piece::Owned(bytes) => bytes,
        }
    }
}

impl<'a> Pieces<'a> {
    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// Those of reading.
    pub fn next_piece(&mut self) -> Result<Option<Piece<'a>>> {
        if let Some(text) = self.in_row.take() {
            return Ok((!text.is_empty()).then_some(Piece::Borrowed(text)));
        }
        let Some((stored, source)) = &self.stored else { return Ok(None) };
        if self.at >= stored.bytes {
            return Ok(None);
        }
        let (piece, from, to) = if stored.is_shared() {
            let start = stored.skip as usize;
            (0, start + self.at as usize, start + stored.bytes as usize)
        } else {
            let piece = self.at / PIECE as u64;
            let end = (stored.bytes - piece * PIECE as u64).min(PIECE as u64);
            (piece, (self.at % PIECE as u64) as usize, end as usize)
        };
        let bytes = source.read(stored.first + piece)?;
        if bytes.len() < to {
            return Err(corrupt());
        }
        self.at += (to - from) as u64;
        Ok(Some(Piece::Owned(bytes.slice(from..to))))
    }
}

/// How many code points begin in bytes of UTF-8.
pub fn characters(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte as i8 >= -0x40).count()
}
