//! The layout of a segment file, format version 5. Older ones are read as well: version 1 has no dictionary
//! blocks of LZ4, version 2 no dictionaries of integers, version 3 no text indexes, version 4 no CLOB.
//!
//! ```text
//! 0        "GRAN", format version (u32), 56 zero bytes
//! 64       extents: runs of pages or dictionary blocks of one column, of pieces of its texts, or a text index,
//!          each 64-byte aligned
//!          blobs: marks of every column, dictionary directories, tables of pieces, primary index,
//!                 directory, description
//! end-64   directory: blob reference (20 bytes)
//!          description: blob reference (20 bytes)
//!          12 zero bytes
//!          crc32c of the 52 bytes above (u32)
//!          format version (u32)
//!          "GRAN"
//!
//! blob reference := offset u64, stored length u32, raw length u32, crc32c of what is stored u32
//!                   ZSTD where the stored length is less than the raw one
//! directory   := rows, granularity, primary index (blob reference), columns, column..., texts, text...
//! column      := id, type (text), uncompressed bytes, page bytes, marks (blob reference),
//!                0 | 1, dictionary, 0 | 1, texts
//! dictionary  := entries, has empty value (u8), stored bytes, raw bytes, directory (blob reference)
//! texts       := bytes, stored bytes, table of pieces (blob reference), see `clob`
//! text        := id, offset, length: a text index, which has checksums of its own
//! marks       := for each granule: offset - end of the page before (signed), length, zone map
//! description := JSON of `Description`: the part without the catalog
//! ```
//!
//! Numbers without a width are LEB128, those with one little-endian. Everything that is read is
//! checked: a damaged file is CORRUPTED_DATA or CHECKSUM_DOESNT_MATCH, never a panic.

use base::disk::FileView;
use base::{Result, bail, error};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use types::{DataType, Value};

use crate::definition::TableDefinition;
use crate::wire::{Reader, put, put_bytes};
use crate::zone::ZoneMap;

pub(crate) const MAGIC: &[u8; 4] = b"GRAN";
pub(crate) const VERSION: u32 = 5;
/// The first version with text indexes.
const WITH_TEXTS: u32 = 4;
/// The first version with texts out of row.
const WITH_CLOB: u32 = 5;
/// The first version that can be read.
const OLDEST_VERSION: u32 = 1;
pub(crate) const ALIGNMENT: usize = 64;
const TRAILER: usize = 64;
/// No blob is larger; more in a file means damage.
const MAX_BLOB: u32 = 1 << 30;

/// Where a compressed, checksummed piece of a file lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct BlobReference {
    pub offset: u64,
    pub stored: u32,
    pub raw: u32,
    pub checksum: u32,
}

impl BlobReference {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.offset.to_le_bytes());
        out.extend_from_slice(&self.stored.to_le_bytes());
        out.extend_from_slice(&self.raw.to_le_bytes());
        out.extend_from_slice(&self.checksum.to_le_bytes());
    }

    fn parse(reader: &mut Reader<'_>) -> Result<BlobReference> {
        Ok(BlobReference {
            offset: u64::from_le_bytes(reader.array()?),
            stored: u32::from_le_bytes(reader.array()?),
            raw: u32::from_le_bytes(reader.array()?),
            checksum: u32::from_le_bytes(reader.array()?),
        })
    }

    /// Reads and checks the blob.
    pub(crate) fn read(&self, file: &dyn FileView) -> Result<Bytes> {
        if self.raw > MAX_BLOB || self.stored > self.raw {
            bail!(CorruptedData, "a blob of {} bytes is too large", self.raw);
        }
        let stored = file.read(self.offset, self.stored as usize)?;
        if crc32c::crc32c(&stored) != self.checksum {
            bail!(ChecksumDoesntMatch, "checksum of the blob at {} does not match", self.offset);
        }
        if self.stored == self.raw {
            return Ok(stored);
        }
        let raw = zstd::bulk::decompress(&stored, self.raw as usize)
            .map_err(|e| error!(CorruptedData, "blob at {}: {e}", self.offset))?;
        if raw.len() != self.raw as usize {
            bail!(CorruptedData, "blob at {}: wrong length", self.offset);
        }
        Ok(Bytes::from(raw))
    }
}

/// Compresses a blob if that pays; what is to be stored, and its reference but for the offset.
pub(crate) fn pack_blob(raw: Vec<u8>) -> Result<(Vec<u8>, BlobReference)> {
    if raw.len() > MAX_BLOB as usize {
        bail!(LogicalError, "a blob of {} bytes", raw.len());
    }
    let length = raw.len() as u32;
    let mut stored = raw;
    if stored.len() > 256 {
        let packed = zstd::bulk::compress(&stored, 1)
            .map_err(|e| error!(CannotCompress, "Cannot compress: {e}"))?;
        if packed.len() < stored.len() {
            stored = packed;
        }
    }
    let checksum = crc32c::crc32c(&stored);
    let reference = BlobReference { offset: 0, stored: stored.len() as u32, raw: length, checksum };
    Ok((stored, reference))
}

/// What a segment file holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Directory {
    pub rows: u64,
    pub granularity: u32,
    pub primary_index: BlobReference,
    pub columns: Vec<ColumnEntry>,
    pub texts: Vec<TextEntry>,
}

/// Where the text index of one field lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TextEntry {
    pub id: u32,
    pub offset: u64,
    pub length: u64,
}

/// One column of a segment file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ColumnEntry {
    pub id: u32,
    pub data_type: DataType,
    /// Bytes of the values before encoding.
    pub uncompressed: u64,
    /// Bytes of all pages.
    pub page_bytes: u64,
    pub marks: BlobReference,
    pub dictionary: Option<DictionaryEntry>,
    pub clob: Option<ClobEntry>,
}

/// The texts of a column that lie out of row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ClobEntry {
    /// Bytes of the texts.
    pub bytes: u64,
    /// Bytes of their pieces as they are stored.
    pub stored: u64,
    pub pieces: BlobReference,
}

/// The dictionary of a column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DictionaryEntry {
    pub entries: u32,
    /// Whether code 0 is the empty string.
    pub has_empty: bool,
    pub stored: u64,
    pub raw: u64,
    pub directory: BlobReference,
}

impl Directory {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put(&mut out, u128::from(self.rows));
        put(&mut out, u128::from(self.granularity));
        self.primary_index.put(&mut out);
        put(&mut out, self.columns.len() as u128);
        for column in &self.columns {
            put(&mut out, u128::from(column.id));
            put_bytes(&mut out, column.data_type.to_string().as_bytes());
            put(&mut out, u128::from(column.uncompressed));
            put(&mut out, u128::from(column.page_bytes));
            column.marks.put(&mut out);
            out.push(u8::from(column.dictionary.is_some()));
            if let Some(dictionary) = &column.dictionary {
                put(&mut out, u128::from(dictionary.entries));
                out.push(u8::from(dictionary.has_empty));
                put(&mut out, u128::from(dictionary.stored));
                put(&mut out, u128::from(dictionary.raw));
                dictionary.directory.put(&mut out);
            }
            out.push(u8::from(column.clob.is_some()));
            if let Some(clob) = &column.clob {
                put(&mut out, u128::from(clob.bytes));
                put(&mut out, u128::from(clob.stored));
                clob.pieces.put(&mut out);
            }
        }
        put(&mut out, self.texts.len() as u128);
        for text in &self.texts {
            put(&mut out, u128::from(text.id));
            put(&mut out, u128::from(text.offset));
            put(&mut out, u128::from(text.length));
        }
        out
    }

    fn decode(bytes: &[u8], version: u32) -> Result<Directory> {
        let mut reader = Reader::new(bytes);
        let rows = reader.u64()?;
        let granularity = reader.u32()?;
        let primary_index = BlobReference::parse(&mut reader)?;
        let count = reader.count()?;
        let mut columns = Vec::with_capacity(count);
        for _ in 0..count {
            columns.push(ColumnEntry::parse(&mut reader, version)?);
        }
        let mut texts = Vec::new();
        if version >= WITH_TEXTS {
            for _ in 0..reader.count()? {
                let (id, offset, length) = (reader.u32()?, reader.u64()?, reader.u64()?);
                texts.push(TextEntry { id, offset, length });
            }
        }
        Ok(Directory { rows, granularity, primary_index, columns, texts })
    }

    /// Reads and checks header, trailer and directory of a file.
    pub(crate) fn read(file: &dyn FileView) -> Result<(Directory, BlobReference)> {
        let size = file.size();
        if size < (ALIGNMENT + TRAILER) as u64 {
            bail!(CorruptedData, "the file is too short for a segment file");
        }
        let header = file.read(0, 8)?;
        let trailer = file.read(size - TRAILER as u64, TRAILER)?;
        if !header.starts_with(MAGIC) || !trailer.ends_with(MAGIC) {
            bail!(CorruptedData, "the file is not a segment file");
        }
        let mut reader = Reader::new(&trailer);
        let directory = BlobReference::parse(&mut reader)?;
        let description = BlobReference::parse(&mut reader)?;
        reader.take(12)?;
        let checksum = u32::from_le_bytes(reader.array()?);
        let version = u32::from_le_bytes(reader.array()?);
        let readable = (OLDEST_VERSION..=VERSION).contains(&version);
        if !readable || header[4..] != version.to_le_bytes() {
            bail!(
                CorruptedData,
                "format version {version} is unknown; this program reads {OLDEST_VERSION} to {VERSION}"
            );
        }
        if crc32c::crc32c(&trailer[..52]) != checksum {
            bail!(ChecksumDoesntMatch, "checksum of the trailer does not match");
        }
        Ok((Directory::decode(&directory.read(file)?, version)?, description))
    }
}

impl ColumnEntry {
    fn parse(reader: &mut Reader<'_>, version: u32) -> Result<ColumnEntry> {
        let id = reader.u32()?;
        let text = std::str::from_utf8(reader.length_and_bytes()?)
            .map_err(|_| error!(CorruptedData, "a type is not text"))?;
        Ok(ColumnEntry {
            id,
            data_type: DataType::parse(text)?,
            uncompressed: reader.u64()?,
            page_bytes: reader.u64()?,
            marks: BlobReference::parse(reader)?,
            dictionary: match reader.byte()? {
                0 => None,
                _ => Some(DictionaryEntry {
                    entries: reader.u32()?,
                    has_empty: reader.byte()? != 0,
                    stored: reader.u64()?,
                    raw: reader.u64()?,
                    directory: BlobReference::parse(reader)?,
                }),
            },
            clob: match version >= WITH_CLOB && reader.byte()? != 0 {
                false => None,
                true => Some(ClobEntry {
                    bytes: reader.u64()?,
                    stored: reader.u64()?,
                    pieces: BlobReference::parse(reader)?,
                }),
            },
        })
    }
}

/// The last 64 bytes of a file.
pub(crate) fn trailer(directory: &BlobReference, description: &BlobReference) -> Vec<u8> {
    let mut out = Vec::with_capacity(TRAILER);
    directory.put(&mut out);
    description.put(&mut out);
    out.extend_from_slice(&[0; 12]);
    let checksum = crc32c::crc32c(&out);
    out.extend_from_slice(&checksum.to_le_bytes());
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(MAGIC);
    out
}

/// The first 64 bytes of a file.
pub(crate) fn header() -> [u8; ALIGNMENT] {
    let mut out = [0; ALIGNMENT];
    out[..4].copy_from_slice(MAGIC);
    out[4..8].copy_from_slice(&VERSION.to_le_bytes());
    out
}

/// Where the page of a granule lies, and what is known of its values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mark {
    pub offset: u64,
    pub length: u32,
    pub zone: ZoneMap,
}

pub(crate) fn encode_marks(marks: &[Mark]) -> Vec<u8> {
    let mut out = Vec::with_capacity(marks.len() * 24);
    let mut end = 0u64;
    for mark in marks {
        crate::wire::put_signed(&mut out, i128::from(mark.offset) - i128::from(end));
        put(&mut out, u128::from(mark.length));
        mark.zone.put(&mut out);
        end = mark.offset + u64::from(mark.length);
    }
    out
}

/// Reads the marks of `granules` granules; `rows` tells the rows of each.
pub(crate) fn decode_marks(
    bytes: &[u8],
    granules: usize,
    rows: impl Fn(usize) -> usize,
) -> Result<Vec<Mark>> {
    let mut reader = Reader::new(bytes);
    // A mark takes at least five bytes, so a damaged count cannot make this large.
    let mut marks = Vec::with_capacity(granules.min(bytes.len()));
    let mut end = 0i128;
    for granule in 0..granules {
        let offset = end.saturating_add(reader.signed()?);
        let Ok(offset) = u64::try_from(offset) else {
            bail!(CorruptedData, "a page lies before the file's start");
        };
        let length = reader.u32()?;
        let zone = ZoneMap::read(&mut reader, rows(granule) as u32)?;
        marks.push(Mark { offset, length, zone });
        end = i128::from(offset) + i128::from(length);
    }
    if !reader.is_empty() {
        bail!(CorruptedData, "bytes are left behind the marks");
    }
    Ok(marks)
}

/// What a part tells of itself, so that a lost catalog can be rebuilt.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Description {
    pub id: String,
    pub definition: TableDefinition,
    pub partition: String,
    pub partition_values: Vec<Value>,
    pub level: u32,
    pub created: i64,
    pub bytes_uncompressed: u64,
    /// The parts that were merged into this one.
    pub sources: Vec<String>,
}
