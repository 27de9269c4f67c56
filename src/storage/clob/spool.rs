//! Texts of an insert before they are in a part: pieces in files of a scratch folder.
//!
//! 1. A spool is one source; what is written to it can be read at once.
//! 2. It holds up to [`FILE`] bytes in memory, the rest lies in files of that size, which go with it.

use std::fmt;
use std::sync::Arc;

use arrow_array::builder::BinaryViewBuilder;
use arrow_array::{Array, ArrayRef, BinaryViewArray};
use base::disk::{Disk, FileView};
use base::{Result, bail};
use bytes::Bytes;
use parking_lot::Mutex;
use types::clob::{ClobSink, ClobSource, ClobText, OpenSource, PieceInfo};

use super::{ClobWriter, LongText, PieceEntry, PieceSink, no_piece};
use crate::part::new::{TMP, new_uuid};

/// Bytes of a file.
const FILE: usize = 8 << 20;

/// Where the texts of an insert wait.
#[derive(Debug)]
pub struct Spool {
    pieces: Arc<SpoolPieces>,
    open: OpenSource,
}

struct SpoolPieces {
    writer: Mutex<ClobWriter<Files>>,
    /// Whether the texts go into more than one part.
    divided: bool,
}

impl fmt::Debug for SpoolPieces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SpoolPieces")
    }
}

/// Files of a scratch folder one after another, as one.
struct Files {
    disk: Arc<dyn Disk>,
    folder: String,
    files: Vec<Arc<dyn FileView>>,
    /// What comes after the files.
    held: Vec<u8>,
    /// Where each file ends.
    ends: Vec<u64>,
}

impl PieceSink for Files {
    fn append(&mut self, bytes: &[u8]) -> Result<u64> {
        if self.held.len() + bytes.len() > FILE && !self.held.is_empty() {
            if self.files.is_empty() {
                self.disk.create_folder(&self.folder)?;
            }
            let path = format!("{}/{}", self.folder, self.files.len());
            self.disk.write_unsynced(&path, &self.held)?;
            self.files.push(self.disk.open(&path)?);
            self.ends.push(self.start() + self.held.len() as u64);
            self.held.clear();
        }
        let offset = self.start() + self.held.len() as u64;
        self.held.extend_from_slice(bytes);
        Ok(offset)
    }
}

impl Files {
    fn start(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    fn read(&self, entry: &PieceEntry) -> Result<Bytes> {
        let (offset, length) = (entry.offset, entry.stored as usize);
        if offset >= self.start() {
            let at = (offset - self.start()) as usize;
            let Some(bytes) = self.held.get(at..at + length) else {
                bail!(LogicalError, "a piece of text beyond what was written");
            };
            return Ok(Bytes::copy_from_slice(bytes));
        }
        let at = self.ends.partition_point(|end| *end <= offset);
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        // The files are read once, front to back: what was copied need not stay mapped.
        let bytes = Bytes::copy_from_slice(&self.files[at].read(offset - start, length)?);
        self.files[at].release(offset - start, length);
        Ok(bytes)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        if !self.files.is_empty() {
            // What cannot be removed now is removed at the next start.
            let _ = self.disk.remove(&self.folder);
        }
    }
}

impl SpoolPieces {
    fn entry(writer: &ClobWriter<Files>, piece: u64) -> Result<&PieceEntry> {
        let found = usize::try_from(piece).ok().and_then(|piece| writer.pieces.get(piece));
        found.ok_or_else(|| no_piece(piece, writer.pieces.len()))
    }

    /// The writer, the piece being written if it is open.
    fn closed(&self, piece: u64) -> Result<parking_lot::MutexGuard<'_, ClobWriter<Files>>> {
        let mut writer = self.writer.lock();
        if writer.open.as_ref().is_some_and(|(number, _)| *number == piece) {
            writer.close_piece()?;
        }
        Ok(writer)
    }
}

impl ClobSource for SpoolPieces {
    fn info(&self, piece: u64) -> Result<PieceInfo> {
        let writer = self.closed(piece)?;
        Ok(Self::entry(&writer, piece)?.info)
    }

    fn read(&self, piece: u64) -> Result<Bytes> {
        let (entry, stored) = {
            let writer = self.closed(piece)?;
            let entry = *Self::entry(&writer, piece)?;
            (entry, writer.sink.read(&entry)?)
        };
        entry.open(stored)
    }

    fn stored(&self, piece: u64) -> Result<Bytes> {
        let writer = self.closed(piece)?;
        writer.sink.read(Self::entry(&writer, piece)?)
    }

    fn all_in_use(&self) -> bool {
        !self.divided
    }
}

impl Spool {
    /// On a disk; texts of up to `in_row` bytes stay in their rows. The texts of a `divided` one go into several parts.
    pub(crate) fn new(disk: &Arc<dyn Disk>, in_row: usize, divided: bool) -> Result<Spool> {
        let files = Files {
            disk: disk.clone(),
            folder: format!("{TMP}/{}-clob", new_uuid()),
            files: Vec::new(),
            held: Vec::new(),
            ends: Vec::new(),
        };
        let writer = Mutex::new(ClobWriter::new(files, in_row)?);
        let pieces = Arc::new(SpoolPieces { writer, divided });
        Ok(Spool { open: OpenSource::new(pieces.clone()), pieces })
    }

    /// Puts the number of this source into a cell that was placed in here, where its text is out of row.
    fn name_source(&self, cell: &mut [u8]) {
        if cell.first() == Some(&1) {
            cell[1..9].copy_from_slice(&self.open.number().to_le_bytes());
        }
    }

    /// The cells of texts in here; texts that are out of row already stay where they are.
    pub(crate) fn place_all(&self, cells: &BinaryViewArray) -> Result<Option<ArrayRef>> {
        let mut writer = self.pieces.writer.lock();
        let in_row = writer.in_row;
        let is_long = |cell: &[u8]| cell.first() == Some(&0) && cell.len() - 1 > in_row;
        if !cells.iter().flatten().any(is_long) {
            return Ok(None);
        }
        let mut out = BinaryViewBuilder::with_capacity(cells.len());
        let mut placed = Vec::new();
        for cell in cells.iter() {
            match cell {
                None => out.append_null(),
                Some(cell) if is_long(cell) => {
                    placed.clear();
                    writer.place(cell, &mut placed)?;
                    self.name_source(&mut placed);
                    out.append_value(&placed);
                }
                Some(cell) => out.append_value(cell),
            }
        }
        Ok(Some(Arc::new(out.finish())))
    }
}

/// A spool that takes texts bit by bit.
#[derive(Debug, Clone)]
pub struct SpoolSink(pub Arc<Spool>);

impl ClobSink for SpoolSink {
    fn start(&self) -> Box<dyn ClobText> {
        Box::new(SpooledText { spool: self.0.clone(), text: LongText::default() })
    }
}

struct SpooledText {
    spool: Arc<Spool>,
    text: LongText,
}

impl ClobText for SpooledText {
    fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.text.push(&mut self.spool.pieces.writer.lock(), bytes)
    }

    fn bytes(&self) -> u64 {
        self.text.bytes()
    }

    fn finish(self: Box<Self>) -> Result<Vec<u8>> {
        let mut cell = Vec::new();
        self.text.finish(&mut self.spool.pieces.writer.lock(), &mut cell)?;
        self.spool.name_source(&mut cell);
        Ok(cell)
    }
}
