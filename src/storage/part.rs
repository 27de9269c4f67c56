//! Parts: immutable, sorted sets of rows. This file reads them; what a part needs is loaded when
//! it is first asked for and kept.
//!
//! 1. Opening a part reads nothing; its record in the catalog tells rows and granules.
//! 2. The directory is read with the first column, a column's marks with that column.
//! 3. A part that was merged or dropped is marked obsolete; its files go when the last snapshot
//!    that holds it is gone.

mod chunk;
pub(crate) mod layout;
pub(crate) mod new;
mod reader;
mod record;
pub(crate) mod segment;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use arrow_array::{Array, ArrayRef};
use base::disk::{Disk, FileView};
use base::{Error, Result, bail, error};
use codec::Page;
use parking_lot::Mutex;
use types::DataType;

pub use chunk::ColumnChunk;
pub(crate) use reader::describe;
pub use reader::{PartAddress, PartReader};
pub use record::{FileRecord, PartRecord};
pub(crate) use record::{parts_folder, table_folder};

use crate::dictionary::cache::DictionaryCache;
use crate::wire::{Reader, put, put_bytes};
use layout::Directory;

/// What all parts of a store share.
#[derive(Debug)]
pub(crate) struct PartContext {
    pub disk: Arc<dyn Disk>,
    pub cache: Arc<DictionaryCache>,
    pub verify: bool,
    pub small_part_bytes: usize,
}

/// An immutable, sorted set of rows of one partition of one table.
pub struct Part {
    record: Arc<PartRecord>,
    context: Arc<PartContext>,
    file: OnceLock<Arc<dyn FileView>>,
    directory: OnceLock<Arc<Directory>>,
    columns: Mutex<HashMap<u32, Option<Arc<ColumnChunk>>>>,
    texts: Mutex<HashMap<u32, Arc<text::Index>>>,
    primary_index: OnceLock<Arc<Vec<ArrayRef>>>,
    obsolete: AtomicBool,
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Part {} ({}, {} rows)", self.record.name(), self.record.id, self.record.rows)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if self.obsolete.load(Ordering::Acquire) {
            // What cannot be removed now is removed at the next start.
            let _ = self.context.disk.remove(&self.folder());
        }
    }
}

/// Bytes of a column within a part or table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ColumnBytes {
    /// On disk: pages and dictionary.
    pub compressed: u64,
    /// Of the values before encoding.
    pub uncompressed: u64,
    /// Of the marks.
    pub marks: u64,
}

impl Part {
    pub(crate) fn new(record: Arc<PartRecord>, context: Arc<PartContext>) -> Arc<Part> {
        Arc::new(Part {
            record,
            context,
            file: OnceLock::new(),
            directory: OnceLock::new(),
            columns: Mutex::default(),
            texts: Mutex::default(),
            primary_index: OnceLock::new(),
            obsolete: AtomicBool::new(false),
        })
    }

    /// What the catalog keeps of it.
    pub fn record(&self) -> &Arc<PartRecord> {
        &self.record
    }

    /// Names its folder; unique.
    pub fn id(&self) -> &str {
        &self.record.id
    }

    /// As in `system.parts`: `202307_1_5_1`.
    pub fn name(&self) -> String {
        self.record.name()
    }

    /// Its number of rows.
    pub fn rows(&self) -> u64 {
        self.record.rows
    }

    /// The number of granules.
    pub fn granules(&self) -> usize {
        self.record.granules()
    }

    /// The rows of one granule; 0 past the end.
    pub fn granule_rows(&self, granule: usize) -> usize {
        self.record.granule_rows(granule)
    }

    /// The number of a granule's first row within the part.
    pub fn granule_start(&self, granule: usize) -> u64 {
        self.record.granule_start(granule)
    }

    /// Where it lies, below the disk's root.
    pub fn folder(&self) -> String {
        self.address().folder()
    }

    /// Names it for whoever reaches the disk but not the catalog.
    pub fn address(&self) -> PartAddress {
        PartAddress { table: self.record.table.clone(), id: self.record.id.clone() }
    }

    /// A column's data; `None` where the part is older than the column.
    ///
    /// # Errors
    /// Those of a damaged file, with its name.
    pub fn column(&self, column_id: u32) -> Result<Option<Arc<ColumnChunk>>> {
        if let Some(known) = self.columns.lock().get(&column_id) {
            return Ok(known.clone());
        }
        let directory = self.directory()?;
        let entry = directory.columns.iter().find(|c| c.id == column_id);
        let chunk = match entry {
            None => None,
            Some(entry) => {
                let chunk = ColumnChunk::open(entry, &self.record, &self.context, self.file()?)
                    .map_err(|e| self.blame(e))?;
                Some(Arc::new(chunk))
            }
        };
        Ok(self.columns.lock().entry(column_id).or_insert(chunk).clone())
    }

    /// The text index of a field; `None` where the part is older than the index.
    ///
    /// # Errors
    /// Those of a damaged file, with its name.
    pub fn text_index(&self, id: u32) -> Result<Option<Arc<text::Index>>> {
        if let Some(known) = self.texts.lock().get(&id) {
            return Ok(Some(known.clone()));
        }
        let directory = self.directory()?;
        let Some(entry) = directory.texts.iter().find(|text| text.id == id) else {
            return Ok(None);
        };
        let length = usize::try_from(entry.length)
            .map_err(|_| error!(CorruptedData, "a text index of {} bytes", entry.length));
        let index = length
            .and_then(|length| self.file()?.read(entry.offset, length))
            .and_then(text::Index::open)
            .and_then(|index| match u64::from(index.rows()) == self.rows() {
                true => Ok(index),
                false => bail!(CorruptedData, "a text index has {} rows", index.rows()),
            })
            .map_err(|e| self.blame(e))?;
        Ok(Some(self.texts.lock().entry(id).or_insert(Arc::new(index)).clone()))
    }

    /// Bytes of the text index of a field; `None` where the part is older than the index.
    pub fn text_index_bytes(&self, id: u32) -> Result<Option<u64>> {
        let directory = self.directory()?;
        Ok(directory.texts.iter().find(|text| text.id == id).map(|text| text.length))
    }

    /// The primary key at the first row of every granule, and at the last row of the part: one
    /// array for each of its expressions.
    pub fn key_at(&self) -> Result<Arc<Vec<ArrayRef>>> {
        if let Some(known) = self.primary_index.get() {
            return Ok(known.clone());
        }
        let directory = self.directory()?;
        let bytes = directory
            .primary_index
            .read(self.file()?.as_ref())
            .and_then(|bytes| decode_primary_index(&bytes, self.granules() + 1))
            .map_err(|e| self.blame(e))?;
        Ok(self.primary_index.get_or_init(|| Arc::new(bytes)).clone())
    }

    /// Bytes of one column; `None` where the part is older than the column.
    pub fn column_bytes(&self, column_id: u32) -> Result<Option<ColumnBytes>> {
        let directory = self.directory()?;
        Ok(directory.columns.iter().find(|c| c.id == column_id).map(|entry| {
            let dictionary = entry.dictionary.as_ref();
            ColumnBytes {
                compressed: entry.page_bytes
                    + dictionary.map_or(0, |d| d.stored + u64::from(d.directory.stored))
                    + entry.clob.map_or(0, |texts| texts.stored + u64::from(texts.pieces.stored)),
                uncompressed: entry.uncompressed + entry.clob.map_or(0, |texts| texts.bytes),
                marks: u64::from(entry.marks.stored),
            }
        }))
    }

    /// Reads everything and checks every checksum.
    ///
    /// # Errors
    /// The first damage that is found, with the file's name.
    pub fn check(&self) -> Result<()> {
        let file = self.file()?;
        let mut checksum = 0;
        let mut at = 0;
        while at < file.size() {
            let length = (file.size() - at).min(4 << 20) as usize;
            let bytes = file.read(at, length).map_err(|e| self.blame(e))?;
            checksum = crc32c::crc32c_append(checksum, &bytes);
            at += length as u64;
        }
        let recorded = self.record.files.first().and_then(|f| f.checksum);
        // The parts are checked before the whole, to name what is damaged.
        for entry in &self.directory()?.columns {
            if let Some(column) = self.column(entry.id)? {
                column.check().map_err(|e| self.blame(e))?;
            }
        }
        for entry in &self.directory()?.texts {
            if let Some(index) = self.text_index(entry.id)? {
                let within = |e: Error| e.within(format!("text index {}", entry.id));
                index.check().map_err(|e| self.blame(within(e)))?;
            }
        }
        self.key_at()?;
        if let Some(recorded) = recorded.filter(|recorded| *recorded != checksum) {
            return Err(self.blame(error!(
                ChecksumDoesntMatch,
                "checksum of the whole file is {checksum:08x}, the catalog has {recorded:08x}"
            )));
        }
        Ok(())
    }

    /// Whether it was merged or dropped.
    pub(crate) fn is_obsolete(&self) -> bool {
        self.obsolete.load(Ordering::Acquire)
    }

    /// Lets the files go with the last holder.
    pub(crate) fn set_obsolete(&self) {
        self.obsolete.store(true, Ordering::Release);
    }

    fn path(&self) -> String {
        let name = self.record.files.first().map_or("0.seg", |f| f.name.as_str());
        format!("{}/{name}", self.folder())
    }

    fn blame(&self, error: Error) -> Error {
        error.within(format!("Part {}, file {}", self.record.name(), self.path()))
    }

    fn file(&self) -> Result<Arc<dyn FileView>> {
        if let Some(file) = self.file.get() {
            return Ok(file.clone());
        }
        let file = self.context.disk.open(&self.path())?;
        Ok(self.file.get_or_init(|| file).clone())
    }

    fn directory(&self) -> Result<Arc<Directory>> {
        if let Some(directory) = self.directory.get() {
            return Ok(directory.clone());
        }
        let file = self.file()?;
        let (directory, _) = Directory::read(file.as_ref()).map_err(|e| self.blame(e))?;
        if directory.rows != self.record.rows || directory.granularity != self.record.granularity {
            let message = format!("the file has {} rows, not {}", directory.rows, self.record.rows);
            return Err(self.blame(error!(CorruptedData, "{message}")));
        }
        Ok(self.directory.get_or_init(|| Arc::new(directory)).clone())
    }
}

/// Rows of the primary index that are encoded together.
const INDEX_PAGE: usize = 8192;

/// `columns, (type, pages, page...)...`, each with its length before it.
pub(crate) fn encode_primary_index(keys: &[(DataType, ArrayRef)]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    put(&mut out, keys.len() as u128);
    let codec = codec::CodecChoice::default();
    for (data_type, array) in keys {
        put_bytes(&mut out, data_type.to_string().as_bytes());
        put(&mut out, array.len().div_ceil(INDEX_PAGE) as u128);
        for start in (0..array.len()).step_by(INDEX_PAGE) {
            let rows = INDEX_PAGE.min(array.len() - start);
            let mut page = Vec::new();
            codec::encode(&array.slice(start, rows), data_type, &codec, &mut page)?;
            put_bytes(&mut out, &page);
        }
    }
    Ok(out)
}

fn decode_primary_index(bytes: &bytes::Bytes, rows: usize) -> Result<Vec<ArrayRef>> {
    let mut reader = Reader::new(bytes);
    let count = reader.count()?;
    let mut keys = Vec::with_capacity(count);
    for _ in 0..count {
        let text = std::str::from_utf8(reader.length_and_bytes()?)
            .map_err(|_| error!(CorruptedData, "a key's type is not text"))?;
        let data_type = DataType::parse(text)?;
        let pages = reader.count()?;
        let mut arrays = Vec::with_capacity(pages);
        for _ in 0..pages {
            let page = bytes.slice_ref(reader.length_and_bytes()?);
            arrays.push(Page::open(page, &data_type, true)?.decode()?);
        }
        let arrays: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
        let array = arrow_select::concat::concat(&arrays)
            .map_err(|e| error!(CorruptedData, "primary index: {e}"))?;
        if array.len() != rows {
            bail!(CorruptedData, "the primary index has {} entries, not {rows}", array.len());
        }
        keys.push(array);
    }
    Ok(keys)
}
