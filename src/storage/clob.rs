//! Texts out of row: how the values of CLOB columns lie in a part, and in a scratch folder before that.
//!
//! 1. A text of up to so many bytes as the column says stays in its row. Longer ones are cut into pieces of 64 KiB, each
//!    compressed by itself; texts shorter than a piece share one.
//! 2. Equal pieces and equal texts are kept once: within a part always for long texts, as far as is remembered for short
//!    ones ([`REMEMBERED`]).
//! 3. Inserts copy pieces as they are stored, merges and rewrites those of long texts; short texts of a part are taken out
//!    of the pieces that they share, so that those which no row names stay behind and the others fill whole pieces again.
//! 4. What is held of a text while it is written does not grow with it, but for 44 bytes a piece.
//!
//! ```text
//! table := pieces, piece...
//! piece := offset - end of the piece before (signed), stored length, bytes, characters, lines: LEB128
//!          crc32c of what is stored (u32), hash (16 bytes)
//! ```
//! What is stored is ZSTD where that is shorter than the bytes.

mod reader;
mod spool;

use std::collections::HashMap;

use arrow_array::builder::BinaryViewBuilder;
use arrow_array::{Array, BinaryViewArray};
use base::{Error, Result, bail, error};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use types::clob::{self, Clob, PIECE, PREFIX, PieceInfo, Stored};

use crate::wire::{Reader, put, put_signed};

pub(crate) use reader::PartTexts;
pub use spool::{Spool, SpoolSink};

/// Bytes of a text that stay in the row where the column does not say otherwise.
pub(crate) const IN_ROW: usize = 1024;

/// Short texts of which a writer remembers that it has them.
const REMEMBERED: usize = 1 << 18;

/// How hard pieces are compressed.
const LEVEL: i32 = 1;

/// Where a piece lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PieceEntry {
    offset: u64,
    stored: u32,
    checksum: u32,
    info: PieceInfo,
}

/// Takes the bytes of pieces and tells where they went.
pub(crate) trait PieceSink {
    fn append(&mut self, bytes: &[u8]) -> Result<u64>;
}

/// Puts texts out of row.
pub(crate) struct ClobWriter<S> {
    sink: S,
    /// Longer texts go out of row.
    in_row: usize,
    pieces: Vec<PieceEntry>,
    /// The pieces of long texts by their content.
    known: HashMap<[u8; 16], u32>,
    /// First piece and place in it of texts by their content.
    texts: HashMap<[u8; 16], (u64, u32)>,
    /// Shared pieces that were copied, by source and number.
    copied: HashMap<(u64, u64), u64>,
    /// The shared piece that is being filled: its number, and what is in it.
    open: Option<(u64, Vec<u8>)>,
    compressor: zstd::bulk::Compressor<'static>,
    bytes: u64,
    stored: u64,
}

/// The hash that a cell has of a text where that lies out of row.
pub fn text_hash(text: &[u8]) -> [u8; 16] {
    if text.len() < PIECE {
        return hash_of(text);
    }
    let mut hash = Sha256::new_with_prefix(OF_PIECES);
    text.chunks(PIECE).for_each(|piece| hash.update(hash_of(piece)));
    cut(hash.finalize().into())
}

/// The first 16 bytes of SHA-256.
fn hash_of(text: &[u8]) -> [u8; 16] {
    cut(Sha256::digest(text).into())
}

fn cut(hash: [u8; 32]) -> [u8; 16] {
    let mut out = [0; 16];
    out.copy_from_slice(&hash[..16]);
    out
}

impl<S: PieceSink> ClobWriter<S> {
    pub(crate) fn new(sink: S, in_row: usize) -> Result<ClobWriter<S>> {
        let compressor = zstd::bulk::Compressor::new(LEVEL)
            .map_err(|e| error!(CannotCompress, "Cannot compress: {e}"))?;
        Ok(ClobWriter {
            sink,
            in_row,
            pieces: Vec::new(),
            known: HashMap::new(),
            texts: HashMap::new(),
            copied: HashMap::new(),
            open: None,
            compressor,
            bytes: 0,
            stored: 0,
        })
    }

    /// The cells under which texts are found where this writes; cells that need no change stay.
    pub(crate) fn place_all(&mut self, cells: &BinaryViewArray) -> Result<BinaryViewArray> {
        let mut out = BinaryViewBuilder::with_capacity(cells.len());
        let mut cell = Vec::new();
        for given in cells.iter() {
            match given {
                None => out.append_null(),
                Some(given) => {
                    cell.clear();
                    self.place(given, &mut cell)?;
                    out.append_value(&cell);
                }
            }
        }
        Ok(out.finish())
    }

    /// Appends the cell of a text where this writes.
    fn place(&mut self, cell: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let clob = Clob::parse(cell)?;
        match clob {
            Clob::InRow(text) if text.len() <= self.in_row => clob.put(out),
            Clob::InRow(text) if text.len() < PIECE => self.add_short(text, hash_of(text), out)?,
            Clob::InRow(text) => {
                let mut long = LongText::default();
                long.push(self, text)?;
                long.finish(self, out)?;
            }
            Clob::OutOfRow(stored) if stored.bytes <= self.in_row as u64 => {
                Clob::InRow(&clob.text()?).put(out);
            }
            Clob::OutOfRow(stored) if stored.is_shared() => self.copy_short(&stored, out)?,
            Clob::OutOfRow(stored) => self.copy_long(&stored, out)?,
        }
        Ok(())
    }

    fn put_stored(&mut self, stored: Stored<'_>, (first, skip): (u64, u32), out: &mut Vec<u8>) {
        self.bytes += stored.bytes;
        Clob::OutOfRow(Stored { source: 0, first, skip, ..stored }).put(out);
    }

    fn remember(&mut self, hash: [u8; 16], place: (u64, u32)) {
        if self.texts.len() >= REMEMBERED {
            self.texts.clear();
        }
        self.texts.insert(hash, place);
    }

    /// A text shorter than a piece.
    fn add_short(&mut self, text: &[u8], hash: [u8; 16], out: &mut Vec<u8>) -> Result<()> {
        let stored = Stored {
            source: 0,
            first: 0,
            skip: 0,
            bytes: text.len() as u64,
            characters: clob::characters(text) as u64,
            hash,
            prefix: &text[..text.len().min(PREFIX)],
        };
        if let Some(place) = self.texts.get(&hash) {
            let place = *place;
            self.put_stored(stored, place, out);
            return Ok(());
        }
        if self.open.as_ref().is_some_and(|(_, filled)| filled.len() + text.len() > PIECE) {
            self.close_piece()?;
        }
        let (piece, filled) = match &mut self.open {
            Some(open) => open,
            None => {
                // Its entry is set when it is full, others may follow before.
                let number = self.pieces.len() as u64;
                let nothing = PieceInfo::of(&[], [0; 16]);
                self.pieces.push(PieceEntry { offset: 0, stored: 0, checksum: 0, info: nothing });
                self.open.insert((number, Vec::with_capacity(PIECE)))
            }
        };
        let place = (*piece, filled.len() as u32);
        filled.extend_from_slice(text);
        self.remember(hash, place);
        self.put_stored(stored, place, out);
        Ok(())
    }

    /// Writes the shared piece that is being filled.
    fn close_piece(&mut self) -> Result<()> {
        let Some((number, filled)) = self.open.take() else { return Ok(()) };
        self.pieces[number as usize] = self.write(&filled, hash_of(&filled))?;
        Ok(())
    }

    fn write(&mut self, text: &[u8], hash: [u8; 16]) -> Result<PieceEntry> {
        let packed = self.compressor.compress(text);
        let packed = packed.map_err(|e| error!(CannotCompress, "Cannot compress: {e}"))?;
        let stored = if packed.len() < text.len() { &packed } else { text };
        self.write_stored(stored, PieceInfo::of(text, hash))
    }

    fn write_stored(&mut self, stored: &[u8], info: PieceInfo) -> Result<PieceEntry> {
        let offset = self.sink.append(stored)?;
        self.stored += stored.len() as u64;
        let checksum = crc32c::crc32c(stored);
        Ok(PieceEntry { offset, stored: stored.len() as u32, checksum, info })
    }

    fn copy_short(&mut self, stored: &Stored<'_>, out: &mut Vec<u8>) -> Result<()> {
        let source = clob::source(stored.source)?;
        if let Some(place) = self.texts.get(&stored.hash) {
            let place = *place;
            self.put_stored(*stored, place, out);
            return Ok(());
        }
        if !source.all_in_use() {
            let text = Clob::OutOfRow(*stored).text()?;
            return self.add_short(&text, stored.hash, out);
        }
        let key = (stored.source, stored.first);
        let number = match self.copied.get(&key) {
            Some(number) => *number,
            None => {
                let (info, bytes) = (source.info(stored.first)?, source.stored(stored.first)?);
                let entry = self.write_stored(&bytes, info)?;
                let number = self.pieces.len() as u64;
                self.pieces.push(entry);
                self.copied.insert(key, number);
                number
            }
        };
        let place = (number, stored.skip);
        self.remember(stored.hash, place);
        self.put_stored(*stored, place, out);
        Ok(())
    }

    fn copy_long(&mut self, stored: &Stored<'_>, out: &mut Vec<u8>) -> Result<()> {
        if let Some(place) = self.texts.get(&stored.hash) {
            let place = *place;
            self.put_stored(*stored, place, out);
            return Ok(());
        }
        let source = clob::source(stored.source)?;
        let first = self.pieces.len() as u64;
        for piece in stored.first..stored.first + stored.pieces() {
            let info = source.info(piece)?;
            let entry = match self.known.get(&info.hash) {
                Some(number) => self.pieces[*number as usize],
                None => {
                    let entry = self.write_stored(&source.stored(piece)?, info)?;
                    source.release(piece);
                    entry
                }
            };
            self.note_piece(entry)?;
        }
        self.remember(stored.hash, (first, 0));
        self.put_stored(*stored, (first, 0), out);
        Ok(())
    }

    /// Adds the next piece of a long text.
    fn note_piece(&mut self, entry: PieceEntry) -> Result<()> {
        let number = u32::try_from(self.pieces.len());
        let number =
            number.map_err(|_| error!(TooLargeStringSize, "Texts of 256 TiB in a part"))?;
        self.known.entry(entry.info.hash).or_insert(number);
        self.pieces.push(entry);
        Ok(())
    }

    /// Writes what is left.
    pub(crate) fn finish(mut self) -> Result<WrittenPieces> {
        self.close_piece()?;
        Ok(WrittenPieces { entries: self.pieces, bytes: self.bytes, stored: self.stored })
    }
}

/// What a writer has written.
pub(crate) struct WrittenPieces {
    /// In their order.
    pub(crate) entries: Vec<PieceEntry>,
    /// Bytes of all texts out of row.
    pub(crate) bytes: u64,
    /// Bytes of the pieces as they are stored.
    pub(crate) stored: u64,
}

/// What stands before the hashes of pieces where a text is hashed by them, so that no short text is taken for it.
const OF_PIECES: &[u8] = b"pieces of a text:";

/// A text that comes bit by bit.
#[derive(Default)]
pub(crate) struct LongText {
    /// Less than a piece that is not written yet.
    held: Vec<u8>,
    /// Pieces that were written; they are numbered when the text ends, so that they stand together.
    entries: Vec<PieceEntry>,
    hash: Sha256,
    characters: u64,
    bytes: u64,
    prefix: Vec<u8>,
}

impl LongText {
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn push<S: PieceSink>(
        &mut self,
        writer: &mut ClobWriter<S>,
        mut text: &[u8],
    ) -> Result<()> {
        if self.prefix.len() < PREFIX {
            let more = text.len().min(PREFIX - self.prefix.len());
            self.prefix.extend_from_slice(&text[..more]);
        }
        self.bytes += text.len() as u64;
        while self.held.len() + text.len() >= PIECE {
            let (piece, rest) = text.split_at(PIECE - self.held.len());
            text = rest;
            if self.held.is_empty() {
                self.add(writer, piece)?;
            } else {
                self.held.extend_from_slice(piece);
                let held = std::mem::take(&mut self.held);
                self.add(writer, &held)?;
                self.held = held;
                self.held.clear();
            }
        }
        self.held.extend_from_slice(text);
        Ok(())
    }

    fn add<S: PieceSink>(&mut self, writer: &mut ClobWriter<S>, piece: &[u8]) -> Result<()> {
        let hash = hash_of(piece);
        let entry = match writer.known.get(&hash) {
            Some(number) => writer.pieces[*number as usize],
            // Of the text's own pieces none is known yet; a repetition within it is rare.
            None => writer.write(piece, hash)?,
        };
        if self.entries.is_empty() {
            self.hash.update(OF_PIECES);
        }
        self.hash.update(hash);
        self.characters += u64::from(entry.info.characters);
        self.entries.push(entry);
        Ok(())
    }

    /// Ends the text and appends its cell.
    pub(crate) fn finish<S: PieceSink>(
        mut self,
        writer: &mut ClobWriter<S>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        if self.entries.is_empty() {
            let held = std::mem::take(&mut self.held);
            if held.len() <= writer.in_row {
                Clob::InRow(&held).put(out);
                return Ok(());
            }
            return writer.add_short(&held, hash_of(&held), out);
        }
        if !self.held.is_empty() {
            let held = std::mem::take(&mut self.held);
            self.add(writer, &held)?;
        }
        let hash = cut(self.hash.finalize().into());
        let place = match writer.texts.get(&hash) {
            Some(place) => *place,
            None => {
                let first = writer.pieces.len() as u64;
                for entry in &self.entries {
                    writer.note_piece(*entry)?;
                }
                writer.remember(hash, (first, 0));
                (first, 0)
            }
        };
        let stored = Stored {
            source: 0,
            first: 0,
            skip: 0,
            bytes: self.bytes,
            characters: self.characters,
            hash,
            prefix: &self.prefix,
        };
        writer.put_stored(stored, place, out);
        Ok(())
    }
}

/// The bytes of a table of pieces.
pub(crate) fn encode_pieces(pieces: &[PieceEntry]) -> Vec<u8> {
    let mut out = Vec::with_capacity(pieces.len() * 32);
    put(&mut out, pieces.len() as u128);
    let mut end = 0;
    for piece in pieces {
        put_signed(&mut out, i128::from(piece.offset) - i128::from(end));
        for number in [piece.stored, piece.info.bytes, piece.info.characters, piece.info.lines] {
            put(&mut out, u128::from(number));
        }
        out.extend_from_slice(&piece.checksum.to_le_bytes());
        out.extend_from_slice(&piece.info.hash);
        end = piece.offset + u64::from(piece.stored);
    }
    out
}

pub(crate) fn decode_pieces(bytes: &[u8]) -> Result<Vec<PieceEntry>> {
    let mut reader = Reader::new(bytes);
    let count = reader.count()?;
    let mut pieces = Vec::with_capacity(count.min(bytes.len() / 24));
    let mut end = 0_i128;
    for _ in 0..count {
        let offset = u64::try_from(end.saturating_add(reader.signed()?))
            .map_err(|_| error!(CorruptedData, "a piece lies before the file's start"))?;
        let stored = reader.u32()?;
        let (bytes, characters, lines) = (reader.u32()?, reader.u32()?, reader.u32()?);
        if bytes as usize > PIECE || stored > bytes {
            bail!(CorruptedData, "a piece of {bytes} bytes in {stored}");
        }
        let checksum = u32::from_le_bytes(reader.array()?);
        let info = PieceInfo { bytes, characters, lines, hash: reader.array()? };
        pieces.push(PieceEntry { offset, stored, checksum, info });
        end = i128::from(offset) + i128::from(stored);
    }
    if !reader.is_empty() {
        bail!(CorruptedData, "bytes are left behind the pieces");
    }
    Ok(pieces)
}

impl PieceEntry {
    /// The bytes of what is stored.
    fn open(&self, stored: Bytes) -> Result<Bytes> {
        if crc32c::crc32c(&stored) != self.checksum {
            bail!(
                ChecksumDoesntMatch,
                "checksum of the piece of text at {} does not match",
                self.offset
            );
        }
        if self.stored == self.info.bytes {
            return Ok(stored);
        }
        let raw = zstd::bulk::decompress(&stored, self.info.bytes as usize)
            .map_err(|e| error!(CorruptedData, "piece of text at {}: {e}", self.offset))?;
        if raw.len() != self.info.bytes as usize {
            bail!(CorruptedData, "piece of text at {}: wrong length", self.offset);
        }
        Ok(Bytes::from(raw))
    }
}

/// What [`PieceEntry`] says of a number that there is not.
fn no_piece(number: u64, pieces: usize) -> Error {
    error!(CorruptedData, "piece {number} of {pieces} pieces of text")
}
