//! Texts of one column of a part.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use base::disk::FileView;
use base::{Result, bail};
use bytes::Bytes;
use parking_lot::Mutex;
use types::clob::{ClobSource, PIECE, PieceInfo};

use super::{PieceEntry, decode_pieces, hash_of, no_piece};

/// Pieces that were read last, of all columns: short texts share them, and neighbours ask for the same ones. At most 4 MiB.
static RECENT: LazyLock<Vec<Mutex<Option<Recent>>>> =
    LazyLock::new(|| (0..64).map(|_| Mutex::default()).collect());

/// Every column has a number of its own.
static COLUMNS: AtomicU64 = AtomicU64::new(0);

struct Recent {
    column: u64,
    piece: u64,
    text: Bytes,
}

/// The pieces of a column.
pub(crate) struct PartTexts {
    file: Arc<dyn FileView>,
    pieces: Vec<PieceEntry>,
    number: u64,
    /// Names the column in errors.
    place: String,
}

impl fmt::Debug for PartTexts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PartTexts of {} pieces, {}", self.pieces.len(), self.place)
    }
}

impl PartTexts {
    pub(crate) fn open(file: Arc<dyn FileView>, table: &[u8], place: String) -> Result<PartTexts> {
        let number = COLUMNS.fetch_add(1, Ordering::Relaxed);
        Ok(PartTexts { file, pieces: decode_pieces(table)?, number, place })
    }

    fn piece(&self, number: u64) -> Result<&PieceEntry> {
        let found = usize::try_from(number).ok().and_then(|number| self.pieces.get(number));
        found.ok_or_else(|| no_piece(number, self.pieces.len()).within(&self.place))
    }

    fn decoded(&self, entry: &PieceEntry) -> Result<Bytes> {
        self.file
            .read(entry.offset, entry.stored as usize)
            .and_then(|stored| entry.open(stored))
            .map_err(|e| e.within(&self.place))
    }

    /// Reads every piece and checks it against its hash.
    pub(crate) fn check(&self) -> Result<()> {
        for number in 0..self.pieces.len() as u64 {
            let entry = self.piece(number)?;
            let (text, known) = (self.decoded(entry)?, entry.info);
            if PieceInfo::of(&text, hash_of(&text)) != known {
                bail!(
                    ChecksumDoesntMatch,
                    "{}: piece {number} of text has another hash",
                    self.place
                );
            }
        }
        Ok(())
    }
}

impl ClobSource for PartTexts {
    fn info(&self, piece: u64) -> Result<PieceInfo> {
        Ok(self.piece(piece)?.info)
    }

    fn read(&self, piece: u64) -> Result<Bytes> {
        let entry = self.piece(piece)?;
        // Whole pieces are those of long texts, of which nobody else asks for the same.
        if entry.info.bytes as usize == PIECE {
            let text = self.decoded(entry);
            self.file.release(entry.offset, entry.stored as usize);
            return text;
        }
        let slot = &RECENT
            [((self.number.wrapping_mul(31).wrapping_add(piece)) % RECENT.len() as u64) as usize];
        if let Some(recent) = &*slot.lock()
            && (recent.column, recent.piece) == (self.number, piece)
        {
            return Ok(recent.text.clone());
        }
        let text = self.decoded(entry)?;
        *slot.lock() = Some(Recent { column: self.number, piece, text: text.clone() });
        Ok(text)
    }

    fn stored(&self, piece: u64) -> Result<Bytes> {
        let entry = self.piece(piece)?;
        let stored = self.file.read(entry.offset, entry.stored as usize)?;
        if crc32c::crc32c(&stored) != entry.checksum {
            bail!(
                ChecksumDoesntMatch,
                "{}: checksum of piece {piece} of text does not match",
                self.place
            );
        }
        Ok(stored)
    }

    fn release(&self, piece: u64) {
        if let Ok(entry) = self.piece(piece) {
            self.file.release(entry.offset, entry.stored as usize);
        }
    }

    fn all_in_use(&self) -> bool {
        false
    }
}
