//! Texts of one column of a part.

use std::fmt;
use std::sync::Arc;

use base::disk::FileView;
use base::{Result, bail};
use bytes::Bytes;
use types::clob::{ClobSource, PieceInfo};

use super::{PieceEntry, decode_pieces, hash_of, no_piece};

/// The pieces of a column.
pub(crate) struct PartTexts {
    file: Arc<dyn FileView>,
    pieces: Vec<PieceEntry>,
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
        Ok(PartTexts { file, pieces: decode_pieces(table)?, place })
    }

    fn piece(&self, number: u64) -> Result<&PieceEntry> {
        let found = usize::try_from(number).ok().and_then(|number| self.pieces.get(number));
        found.ok_or_else(|| no_piece(number, self.pieces.len()).within(&self.place))
    }

    /// Reads every piece and checks it against its hash.
    pub(crate) fn check(&self) -> Result<()> {
        for number in 0..self.pieces.len() as u64 {
            let (text, known) = (self.read(number)?, self.piece(number)?.info);
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
        self.file
            .read(entry.offset, entry.stored as usize)
            .and_then(|stored| entry.open(stored))
            .map_err(|e| e.within(&self.place))
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

    fn all_in_use(&self) -> bool {
        false
    }
}
