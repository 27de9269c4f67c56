//! Reading one column of a part, granule by granule.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use arrow_array::ArrayRef;
use arrow_buffer::{NullBuffer, ScalarBuffer};
use base::disk::FileView;
use base::{Error, Result, bail, error};
use codec::Page;
use types::clob::OpenSource;
use types::{Column, DataType, Dictionary, DictionaryColumn, clob};

use super::layout::{ColumnEntry, Mark, decode_marks};
use super::record::PartRecord;
use super::{ColumnBytes, PartContext};
use crate::clob::PartTexts;
use crate::dictionary::PartDictionary;
use crate::dictionary::numbers::Numbers;
use crate::zone::ZoneMap;

/// For fewer rows not all integers of a dictionary are read.
const FEW_ROWS: usize = 64;

/// One column of a part. Its marks are in memory; pages are read when asked for.
pub struct ColumnChunk {
    entry: ColumnEntry,
    file: Arc<dyn FileView>,
    context: Arc<PartContext>,
    marks: Vec<Mark>,
    totals: ZoneMap,
    dictionary: OnceLock<Arc<PartDictionary>>,
    texts: OnceLock<OpenTexts>,
    /// A bit for each page whose checksum was seen to be right.
    verified: Vec<AtomicU64>,
    place: String,
}

/// The texts out of row, under the number that cells name them by.
struct OpenTexts {
    texts: Arc<PartTexts>,
    open: OpenSource,
}

impl fmt::Debug for ColumnChunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ColumnChunk {} of {} granules", self.entry.id, self.marks.len())
    }
}

impl ColumnChunk {
    pub(super) fn open(
        entry: &ColumnEntry,
        record: &PartRecord,
        context: &Arc<PartContext>,
        file: Arc<dyn FileView>,
    ) -> Result<ColumnChunk> {
        let bytes = entry.marks.read(file.as_ref())?;
        let granules = record.granules();
        let marks = decode_marks(&bytes, granules, |granule| record.granule_rows(granule))?;
        let mut totals = ZoneMap::empty();
        marks.iter().for_each(|mark| totals.merge(&mark.zone));
        let folder = super::parts_folder(&record.table);
        let file_name = record.files.first().map_or("", |f| f.name.as_str());
        Ok(ColumnChunk {
            entry: entry.clone(),
            file,
            context: context.clone(),
            verified: (0..granules.div_ceil(64)).map(|_| AtomicU64::new(0)).collect(),
            marks,
            totals,
            dictionary: OnceLock::new(),
            texts: OnceLock::new(),
            place: format!("{folder}/{}/{file_name}", record.id),
        })
    }

    /// The type of the values, as it was when the part was written.
    pub fn data_type(&self) -> &DataType {
        &self.entry.data_type
    }

    /// What is known of one granule's values.
    ///
    /// # Panics
    /// When there is no such granule.
    pub fn zone(&self, granule: usize) -> &ZoneMap {
        &self.marks[granule].zone
    }

    /// What is known of all values of the part.
    pub fn totals(&self) -> &ZoneMap {
        &self.totals
    }

    /// Whether rows hold codes.
    pub fn is_dictionary(&self) -> bool {
        self.entry.dictionary.is_some()
    }

    /// The distinct strings; `None` of other columns and of strings that are kept plainly.
    pub fn dictionary(&self) -> Result<Option<Arc<PartDictionary>>> {
        if Numbers::of(self.data_type()).is_some() { Ok(None) } else { self.any_dictionary() }
    }

    /// The distinct integers; `None` of other columns and of integers that are kept plainly.
    pub fn numbers(&self) -> Result<Option<Arc<PartDictionary>>> {
        if Numbers::of(self.data_type()).is_some() { self.any_dictionary() } else { Ok(None) }
    }

    fn any_dictionary(&self) -> Result<Option<Arc<PartDictionary>>> {
        let Some(entry) = &self.entry.dictionary else { return Ok(None) };
        if let Some(dictionary) = self.dictionary.get() {
            return Ok(Some(dictionary.clone()));
        }
        let place = format!("File {}, column {}", self.place, self.entry.id);
        let (file, cache) = (self.file.clone(), self.context.cache.clone());
        let numbers = Numbers::of(self.data_type());
        let opened = PartDictionary::open(entry, numbers, file, place, cache);
        let opened = opened.map_err(|e| self.blame(e))?;
        if numbers.is_some() && opened.is_empty() {
            return Err(self.blame(error!(CorruptedData, "a dictionary of no integers")));
        }
        Ok(Some(self.dictionary.get_or_init(|| Arc::new(opened)).clone()))
    }

    /// One granule in encoded form. Its checksum is verified when it is first touched.
    ///
    /// # Errors
    /// CHECKSUM_DOESNT_MATCH, CORRUPTED_DATA with the file's name
    pub fn page(&self, granule: usize) -> Result<Page> {
        let bytes = self.page_bytes(granule)?;
        let (word, bit) = (granule / 64, 1u64 << (granule % 64));
        let seen = &self.verified[word];
        let verify = self.context.verify && seen.load(Ordering::Relaxed) & bit == 0;
        let page = self.open_page(bytes, verify).map_err(|e| self.blame_granule(granule, e))?;
        if page.rows() != self.marks[granule].zone.rows as usize {
            let rows = page.rows();
            return Err(self.blame_granule(granule, error!(CorruptedData, "a page of {rows} rows")));
        }
        if verify {
            seen.fetch_or(bit, Ordering::Relaxed);
        }
        Ok(page)
    }

    fn open_page(&self, bytes: bytes::Bytes, verify: bool) -> Result<Page> {
        if self.is_dictionary() {
            Page::open_codes(bytes, verify)
        } else {
            Page::open(bytes, &self.entry.data_type, verify)
        }
    }

    /// The bytes of one page as they lie in the file.
    pub(crate) fn page_bytes(&self, granule: usize) -> Result<bytes::Bytes> {
        let Some(mark) = self.marks.get(granule) else {
            bail!(LogicalError, "granule {granule} of {} is asked for", self.marks.len());
        };
        self.file.read(mark.offset, mark.length as usize).map_err(|e| self.blame(e))
    }

    /// All integers of a dictionary; as long as they are held, granules are read without decoding them anew.
    pub fn hold_numbers(&self) -> Result<Option<ArrayRef>> {
        self.numbers()?.map(|dictionary| dictionary.values()).transpose()
    }

    /// The values of one granule: strings that have a dictionary as codes of it.
    pub fn column(&self, granule: usize) -> Result<Column> {
        match self.codes(granule)? {
            Some(coded) if Numbers::of(self.data_type()).is_none() => {
                return Ok(Column::Dictionary(coded));
            }
            Some(coded) => return flat(&coded, coded.dictionary.values()),
            None => {}
        }
        let page = self.page(granule)?;
        let blame = |e| self.blame_granule(granule, e);
        if let Some(value) = page.constant().map_err(blame)? {
            return Ok(Column::Constant { value: self.with_texts(value)?, len: page.rows() });
        }
        page.decode().and_then(|cells| self.with_texts(cells)).map(Column::Flat).map_err(blame)
    }

    /// Values as they were read; of cells with the source put in where their texts lie.
    fn with_texts(&self, values: ArrayRef) -> Result<ArrayRef> {
        match self.texts()? {
            None => Ok(values),
            Some(texts) => clob::with_source(&values, texts.open.number()),
        }
    }

    fn texts(&self) -> Result<Option<&OpenTexts>> {
        let Some(entry) = &self.entry.clob else { return Ok(None) };
        if let Some(texts) = self.texts.get() {
            return Ok(Some(texts));
        }
        let table = entry.pieces.read(self.file.as_ref()).map_err(|e| self.blame(e))?;
        let place = format!("File {}, column {}", self.place, self.entry.id);
        let texts = Arc::new(PartTexts::open(self.file.clone(), &table, place)?);
        let open = OpenSource::new(texts.clone());
        Ok(Some(self.texts.get_or_init(|| OpenTexts { texts, open })))
    }

    /// The values of some rows of one granule; `selection` ascends.
    pub fn column_selected(&self, granule: usize, selection: &[u16]) -> Result<Column> {
        match self.codes_selected(granule, selection)? {
            Some(coded) if Numbers::of(self.data_type()).is_none() => {
                return Ok(Column::Dictionary(coded));
            }
            Some(coded) if selection.len() < FEW_ROWS && coded.nulls.is_none() => {
                return coded.dictionary.lookup(&coded.codes).map(Column::Flat);
            }
            Some(coded) => return flat(&coded, coded.dictionary.values()),
            None => {}
        }
        let page = self.page(granule)?;
        let blame = |e| self.blame_granule(granule, e);
        if let Some(value) = page.constant().map_err(blame)? {
            return Ok(Column::Constant { value: self.with_texts(value)?, len: selection.len() });
        }
        let decoded = page.decode_selected(selection);
        decoded.and_then(|cells| self.with_texts(cells)).map(Column::Flat).map_err(blame)
    }

    /// The codes of one granule, if its column has a dictionary, be it of strings or integers.
    pub fn codes(&self, granule: usize) -> Result<Option<DictionaryColumn>> {
        self.codes_of(granule, |page| page.codes())
    }

    /// The codes of some rows of one granule; `selection` ascends.
    pub fn codes_selected(
        &self,
        granule: usize,
        selection: &[u16],
    ) -> Result<Option<DictionaryColumn>> {
        self.codes_of(granule, |page| page.codes_selected(selection))
    }

    fn codes_of(
        &self,
        granule: usize,
        read: impl Fn(&Page) -> Result<(ScalarBuffer<u32>, Option<NullBuffer>)>,
    ) -> Result<Option<DictionaryColumn>> {
        let Some(dictionary) = self.any_dictionary()? else { return Ok(None) };
        let blame = |e| self.blame_granule(granule, e);
        let (codes, nulls) = read(&self.page(granule)?).map_err(blame)?;
        self.codes_column(codes, nulls, dictionary).map(Some).map_err(blame)
    }

    /// Codes from disk must be within the dictionary, or later lookups would fail far from here.
    fn codes_column(
        &self,
        codes: ScalarBuffer<u32>,
        nulls: Option<NullBuffer>,
        dictionary: Arc<PartDictionary>,
    ) -> Result<DictionaryColumn> {
        let entries = self.entry.dictionary.as_ref().map_or(0, |d| d.entries);
        let largest = codes.iter().fold(0, |a, b| a.max(*b));
        if largest >= entries && !(largest == 0 && nulls.is_some()) && !codes.is_empty() {
            bail!(CorruptedData, "code {largest} in a page, of a dictionary of {entries} values");
        }
        Ok(DictionaryColumn { codes, nulls, dictionary })
    }

    /// Bytes on disk: pages, dictionary.
    pub fn compressed_bytes(&self) -> u64 {
        self.bytes().compressed
    }

    /// Bytes of the values before encoding.
    pub fn uncompressed_bytes(&self) -> u64 {
        self.entry.uncompressed
    }

    /// All sizes.
    pub fn bytes(&self) -> ColumnBytes {
        let dictionary = self.entry.dictionary.as_ref();
        ColumnBytes {
            compressed: self.entry.page_bytes
                + dictionary.map_or(0, |d| d.stored + u64::from(d.directory.stored))
                + self.entry.clob.map_or(0, |texts| texts.stored + u64::from(texts.pieces.stored)),
            uncompressed: self.entry.uncompressed + self.entry.clob.map_or(0, |texts| texts.bytes),
            marks: u64::from(self.entry.marks.stored),
        }
    }

    /// Reads every page and dictionary block with its checksum.
    pub(crate) fn check(&self) -> Result<()> {
        if let Some(dictionary) = self.any_dictionary()? {
            dictionary.check()?;
        }
        for granule in 0..self.marks.len() {
            let bytes = self.page_bytes(granule)?;
            self.open_page(bytes, true).map_err(|e| self.within_granule(granule, e))?;
        }
        if let Some(texts) = self.texts()? {
            texts.texts.check()?;
        }
        Ok(())
    }

    fn within_granule(&self, granule: usize, error: Error) -> Error {
        error.within(format!("column {}, granule {granule}", self.entry.id))
    }

    fn blame(&self, error: Error) -> Error {
        error.within(format!("File {}, column {}", self.place, self.entry.id))
    }

    fn blame_granule(&self, granule: usize, error: Error) -> Error {
        error.within(format!("File {}, column {}, granule {granule}", self.place, self.entry.id))
    }
}

/// The values of some codes, given all values of their dictionary.
fn flat(coded: &DictionaryColumn, values: Result<ArrayRef>) -> Result<Column> {
    let flat = arrow_select::take::take(&values?, &coded.codes_array(), None);
    flat.map(Column::Flat).map_err(|e| Error::logical(format!("integers of codes: {e}")))
}
