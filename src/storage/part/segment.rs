//! Writing a segment file: columns are written by several threads, each in extents of its own.

use std::sync::Arc;

use base::disk::{Disk, FileWriter};
use base::{Error, Result};
use codec::CodecChoice;
use parking_lot::Mutex;
use types::DataType;

use super::layout::{
    ALIGNMENT, BlobReference, ClobEntry, ColumnEntry, Description, DictionaryEntry, Directory,
    Mark, encode_marks, header, pack_blob, trailer,
};
use super::record::FileRecord;
use crate::clob::{ClobWriter, PieceSink, encode_pieces};
use crate::zone::ZoneMap;

/// A column's pages are gathered up to so many bytes before they are appended to the file, so
/// that they lie together while memory stays bounded.
const EXTENT: usize = 4 << 20;

/// A segment file that is being written below `tmp/`.
pub(crate) struct SegmentWriter {
    file: Mutex<Option<Open>>,
}

struct Open {
    sink: Sink,
    checksum: u32,
}

/// Where the bytes go.
enum Sink {
    File(Box<dyn FileWriter>),
    Memory(Vec<u8>),
}

impl Open {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.checksum = crc32c::crc32c_append(self.checksum, bytes);
        match &mut self.sink {
            Sink::File(writer) => writer.write(bytes),
            Sink::Memory(all) => {
                all.extend_from_slice(bytes);
                Ok(())
            }
        }
    }

    fn position(&self) -> u64 {
        match &self.sink {
            Sink::File(writer) => writer.position(),
            Sink::Memory(all) => all.len() as u64,
        }
    }
}

impl SegmentWriter {
    pub(crate) fn create(disk: &Arc<dyn Disk>, path: &str) -> Result<SegmentWriter> {
        SegmentWriter::start(Sink::File(disk.create(path)?))
    }

    /// A segment whose bytes `finish` gives back.
    pub(crate) fn in_memory() -> Result<SegmentWriter> {
        SegmentWriter::start(Sink::Memory(Vec::new()))
    }

    fn start(sink: Sink) -> Result<SegmentWriter> {
        let mut open = Open { sink, checksum: 0 };
        open.write(&header())?;
        Ok(SegmentWriter { file: Mutex::new(Some(open)) })
    }

    /// Whether `finish` will give the bytes back.
    pub(crate) fn is_in_memory(&self) -> bool {
        matches!(&*self.file.lock(), Some(Open { sink: Sink::Memory(_), .. }))
    }

    /// Appends bytes at the next aligned position, which is returned.
    pub(crate) fn append(&self, bytes: &[u8]) -> Result<u64> {
        let mut file = self.file.lock();
        let open = file.as_mut().ok_or_else(|| Error::logical("a finished segment file"))?;
        let position = open.position();
        let padding = position.next_multiple_of(ALIGNMENT as u64) - position;
        open.write(&[0; ALIGNMENT][..padding as usize])?;
        open.write(bytes)?;
        Ok(position + padding)
    }

    /// Appends a blob without alignment.
    pub(crate) fn append_blob(&self, raw: Vec<u8>) -> Result<BlobReference> {
        let (stored, mut reference) = pack_blob(raw)?;
        let mut file = self.file.lock();
        let open = file.as_mut().ok_or_else(|| Error::logical("a finished segment file"))?;
        reference.offset = open.position();
        open.write(&stored)?;
        Ok(reference)
    }

    /// Writes directory, description and trailer and syncs the file; a segment in memory is returned.
    pub(crate) fn finish(
        &self,
        name: &str,
        directory: &Directory,
        description: &Description,
    ) -> Result<(FileRecord, Option<Vec<u8>>)> {
        let json = serde_json::to_vec(description)
            .map_err(|e| Error::logical(format!("part description: {e}")))?;
        let description = self.append_blob(json)?;
        let directory = self.append_blob(directory.encode())?;
        let mut file = self.file.lock();
        let mut open = file.take().ok_or_else(|| Error::logical("a finished segment file"))?;
        open.write(&trailer(&directory, &description))?;
        let record = FileRecord {
            name: name.to_owned(),
            size: open.position(),
            checksum: Some(open.checksum),
        };
        match open.sink {
            Sink::File(writer) => writer.finish().map(|()| (record, None)),
            Sink::Memory(all) => Ok((record, Some(all))),
        }
    }
}

/// Writes the pages of one column.
pub(crate) struct ChunkWriter<'a> {
    segment: &'a SegmentWriter,
    data_type: DataType,
    codec: CodecChoice,
    pending: Vec<u8>,
    /// The first mark whose page is still in `pending`; its offset is relative to that.
    first_pending: usize,
    marks: Vec<Mark>,
    uncompressed: u64,
    page_bytes: u64,
    clob: Option<ClobWriter<&'a SegmentWriter>>,
}

impl PieceSink for &SegmentWriter {
    fn append(&mut self, bytes: &[u8]) -> Result<u64> {
        SegmentWriter::append(self, bytes)
    }
}

impl<'a> ChunkWriter<'a> {
    pub(crate) fn new(
        segment: &'a SegmentWriter,
        data_type: DataType,
        codec: CodecChoice,
    ) -> ChunkWriter<'a> {
        ChunkWriter {
            segment,
            data_type,
            codec,
            pending: Vec::new(),
            first_pending: 0,
            marks: Vec::new(),
            uncompressed: 0,
            page_bytes: 0,
            clob: None,
        }
    }

    /// Puts texts of more than so many bytes out of row, where the column is of those.
    pub(crate) fn with_texts(mut self, in_row: usize) -> Result<ChunkWriter<'a>> {
        if self.data_type.is_clob() {
            self.clob = Some(ClobWriter::new(self.segment, in_row)?);
        }
        Ok(self)
    }

    /// Adds a granule of plain values.
    pub(crate) fn add_values(&mut self, array: &dyn arrow_array::Array) -> Result<()> {
        let placed = match &mut self.clob {
            Some(clob) => Some(clob.place_all(types::clob::bytes_of(array)?)?),
            None => None,
        };
        let array = placed.as_ref().map_or(array, |placed| placed);
        let zone = ZoneMap::of_array(array, &self.data_type);
        let start = self.pending.len();
        codec::encode(array, &self.data_type, &self.codec, &mut self.pending)?;
        self.add_mark(start, zone)
    }

    /// Counts bytes of values before encoding.
    pub(crate) fn add_uncompressed(&mut self, bytes: u64) {
        self.uncompressed += bytes;
    }

    /// Adds a granule of codes.
    pub(crate) fn add_codes(
        &mut self,
        codes: &[u32],
        nulls: Option<&arrow_buffer::NullBuffer>,
        has_empty: bool,
    ) -> Result<()> {
        let zone = ZoneMap::of_codes(codes, nulls, has_empty);
        let start = self.pending.len();
        codec::encode_codes(codes, nulls, &mut self.pending)?;
        self.add_mark(start, zone)
    }

    /// Adds a granule of codes of integers; its zone speaks of the integers.
    pub(crate) fn add_number_codes(
        &mut self,
        codes: &[u32],
        values: &dyn arrow_array::Array,
    ) -> Result<()> {
        let zone = ZoneMap::of_array(values, &self.data_type);
        let start = self.pending.len();
        codec::encode_codes(codes, values.nulls(), &mut self.pending)?;
        self.add_mark(start, zone)
    }

    /// Adds a granule whose page was encoded before, as it is.
    pub(crate) fn add_encoded(&mut self, page: &[u8], zone: ZoneMap) -> Result<()> {
        let start = self.pending.len();
        self.pending.extend_from_slice(page);
        self.add_mark(start, zone)
    }

    fn add_mark(&mut self, start: usize, zone: ZoneMap) -> Result<()> {
        let length = u32::try_from(self.pending.len() - start)
            .map_err(|_| base::error!(TooLargeSizeCompressed, "A page is larger than 4 GiB"))?;
        self.page_bytes += u64::from(length);
        self.marks.push(Mark { offset: start as u64, length, zone });
        if self.pending.len() >= EXTENT { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        if self.first_pending == self.marks.len() {
            return Ok(());
        }
        let offset = self.segment.append(&self.pending)?;
        for mark in &mut self.marks[self.first_pending..] {
            mark.offset += offset;
        }
        self.first_pending = self.marks.len();
        self.pending.clear();
        Ok(())
    }

    /// Writes what is left and the marks.
    pub(crate) fn finish(
        mut self,
        id: u32,
        dictionary: Option<DictionaryEntry>,
    ) -> Result<ColumnEntry> {
        self.flush()?;
        self.pending = Vec::new();
        let marks = self.segment.append_blob(encode_marks(&self.marks))?;
        let clob = match self.clob {
            None => None,
            Some(clob) => {
                let pieces = clob.finish()?;
                let (bytes, stored) = (pieces.bytes, pieces.stored);
                let pieces = self.segment.append_blob(encode_pieces(&pieces.entries))?;
                Some(ClobEntry { bytes, stored, pieces })
            }
        };
        Ok(ColumnEntry {
            id,
            data_type: self.data_type,
            uncompressed: self.uncompressed,
            page_bytes: self.page_bytes,
            marks,
            dictionary,
            clob,
        })
    }
}
