//! Writes an index: one run of bytes, from front to back.
//!
//! ```text
//! data         of each term in order: positions, postings (list.rs)
//! lengths      tokens of each row plus one, zero for a row without text; 1, 2 or 4 bytes each
//! terms        the dictionary (dictionary.rs)
//! index        of the dictionary
//! checksums    crc32c of every 64 KiB of all of the above
//! footer       varint  version
//!              varint  length of the analyzer's definition, the definition (analyzer.rs)
//!              varint  1 if positions are kept
//!              varint  k1, b: bits of the floats that the impacts were made for
//!              varint  rows, rows with text, tokens, terms
//!              varint  bytes of a length
//!              varint  end of the data, of the lengths, of the terms, of the index
//!              u32     crc32c of the table of checksums
//! trailer      u32     bytes of the footer
//!              u32     crc32c of the footer
//!              magic   "GranText"
//! ```
//!
//! Terms come in byte order and rows within a term ascending; all lengths are known before.

use base::Result;

use crate::coding::{Reader, corrupted, put_bytes, put_varint};
use crate::dictionary::DictionaryWriter;
use crate::list::ListWriter;
use crate::output::{Output, Sink};
use crate::runs::Aside;
use crate::score::{self, Bm25, Norm};

/// The version of the layout above; of version 1 the dictionary's lengths differ.
const VERSION: u64 = 2;
const MAGIC: &[u8; 8] = b"GranText";
const TRAILER: usize = 16;

/// What the footer says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Footer {
    pub(crate) version: u64,
    pub(crate) analyzer: Vec<u8>,
    pub(crate) positions: bool,
    pub(crate) bm25: Bm25,
    pub(crate) rows: u32,
    pub(crate) rows_with_text: u64,
    pub(crate) tokens: u64,
    pub(crate) terms: u64,
    pub(crate) length_bytes: usize,
    pub(crate) data_end: u64,
    pub(crate) lengths_end: u64,
    pub(crate) terms_end: u64,
    pub(crate) index_end: u64,
    pub(crate) table_checksum: u32,
}

impl Footer {
    fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint(&mut out, self.version);
        put_bytes(&mut out, &self.analyzer);
        for value in [
            u64::from(self.positions),
            u64::from(self.bm25.k1.to_bits()),
            u64::from(self.bm25.b.to_bits()),
            u64::from(self.rows),
            self.rows_with_text,
            self.tokens,
            self.terms,
            self.length_bytes as u64,
            self.data_end,
            self.lengths_end,
            self.terms_end,
            self.index_end,
        ] {
            put_varint(&mut out, value);
        }
        out.extend_from_slice(&self.table_checksum.to_le_bytes());
        let trailer = [(out.len() as u32).to_le_bytes(), crc32c::crc32c(&out).to_le_bytes()];
        out.extend_from_slice(trailer.as_flattened());
        out.extend_from_slice(MAGIC);
        out
    }

    /// Reads the footer at the end of an index; also where it begins.
    pub(crate) fn read(bytes: &[u8]) -> Result<(Footer, usize)> {
        let Some(at) = bytes.len().checked_sub(TRAILER) else {
            return Err(corrupted("it is shorter than its footer"));
        };
        let trailer = &bytes[at..];
        if trailer[8..] != *MAGIC {
            return Err(corrupted("it does not end as one"));
        }
        let mut reader = Reader::new(trailer);
        let word = reader.word()?;
        let start = at.checked_sub(word as u32 as usize);
        let start = start.ok_or_else(|| corrupted("it is shorter than its footer"))?;
        let footer = &bytes[start..at];
        if crc32c::crc32c(footer) != (word >> 32) as u32 {
            return Err(corrupted("the checksum of its footer is wrong"));
        }
        Ok((Footer::parse(footer)?, start))
    }

    fn parse(bytes: &[u8]) -> Result<Footer> {
        let mut reader = Reader::new(bytes);
        let version = reader.varint()?;
        if !(1..=VERSION).contains(&version) {
            let known = format!("its version is {version}, known are 1 to {VERSION}");
            return Err(corrupted(&known));
        }
        let analyzer = reader.length_and_bytes()?.to_vec();
        let positions = reader.varint()? == 1;
        let bm25 =
            Bm25 { k1: f32::from_bits(reader.varint32()?), b: f32::from_bits(reader.varint32()?) };
        let footer = Footer {
            version,
            analyzer,
            positions,
            bm25,
            rows: reader.varint32()?,
            rows_with_text: reader.varint()?,
            tokens: reader.varint()?,
            terms: reader.varint()?,
            length_bytes: reader.varint()? as usize,
            data_end: reader.varint()?,
            lengths_end: reader.varint()?,
            terms_end: reader.varint()?,
            index_end: reader.varint()?,
            table_checksum: u32::from_le_bytes(reader.take(4)?.try_into().unwrap_or_default()),
        };
        let ends = [footer.data_end, footer.lengths_end, footer.terms_end, footer.index_end];
        let lengths = u64::from(footer.rows).checked_mul(footer.length_bytes as u64);
        if !ends.is_sorted()
            || ![1, 2, 4].contains(&footer.length_bytes)
            || lengths != Some(footer.lengths_end - footer.data_end)
        {
            return Err(corrupted("its footer contradicts itself"));
        }
        Ok(footer)
    }
}

/// How an index is made.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexOptions {
    /// Whether phrases can be asked.
    pub positions: bool,
    /// The parameters that scores are expected to be asked with: others prune less.
    pub bm25: Bm25,
}

impl Default for IndexOptions {
    fn default() -> IndexOptions {
        IndexOptions { positions: true, bm25: Bm25::default() }
    }
}

/// Writes an index, term by term.
pub(crate) struct FileWriter<'a> {
    output: Output<'a>,
    dictionary: DictionaryWriter<'a>,
    list: ListWriter,
    lengths: &'a [u32],
    options: &'a IndexOptions,
    tokens: u64,
    rows_with_text: u64,
}

impl<'a> FileWriter<'a> {
    /// `lengths` holds the tokens of each row plus one, zero for a row without text. Terms wait in memory unless
    /// there is another place for them.
    pub(crate) fn new(
        sink: &'a mut dyn Sink,
        options: &'a IndexOptions,
        lengths: &'a [u32],
        aside: Option<Aside<'a>>,
    ) -> Self {
        let tokens = lengths.iter().map(|kept| u64::from(kept.saturating_sub(1))).sum();
        let rows_with_text = lengths.iter().filter(|kept| **kept > 0).count() as u64;
        let norm = Norm::new(options.bm25, score::average(tokens, rows_with_text));
        FileWriter {
            output: Output::new(sink),
            dictionary: DictionaryWriter::new(options.positions, aside),
            list: ListWriter::new(options.positions, norm),
            lengths,
            options,
            tokens,
            rows_with_text,
        }
    }

    /// Adds a row of the current term.
    #[inline]
    pub(crate) fn push(&mut self, row: u32, frequency: u32, values: &[u32]) -> Result<()> {
        let values = if self.options.positions { values } else { &[] };
        self.list.push(row, frequency, values, self.lengths, &mut self.output)
    }

    /// Adds ascending rows of the current term; `values` holds the positions of all in turn.
    pub(crate) fn push_rows(
        &mut self,
        rows: &[u32],
        frequencies: &[u32],
        values: &[u32],
    ) -> Result<()> {
        let values = if self.options.positions { values } else { &[] };
        self.list.push_rows(rows, frequencies, values, self.lengths, &mut self.output)
    }

    /// Ends the current term, the rows of which were added; without rows it is left out.
    pub(crate) fn end_term(&mut self, term: &[u8]) -> Result<()> {
        match self.list.finish(self.lengths, &mut self.output)? {
            Some(entry) => self.dictionary.push(term, entry),
            None => Ok(()),
        }
    }

    /// Ends the index; gives the most bytes that were held beside the lengths.
    pub(crate) fn finish(mut self, analyzer: &[u8]) -> Result<usize> {
        let data_end = self.output.position();
        let longest = self.lengths.iter().copied().max().unwrap_or(0);
        let length_bytes = match longest {
            0..=0xff => 1,
            0x100..=0xffff => 2,
            _ => 4,
        };
        for length in self.lengths {
            self.output.write(&length.to_le_bytes()[..length_bytes])?;
        }
        let lengths_end = self.output.position();
        self.dictionary.write_blocks(&mut self.output)?;
        let terms_end = self.output.position();
        self.dictionary.write_index(&mut self.output)?;
        let index_end = self.output.position();
        let (table, sink) = self.output.finish()?;
        sink.write(&table)?;
        let footer = Footer {
            version: VERSION,
            analyzer: analyzer.to_vec(),
            positions: self.options.positions,
            bm25: self.options.bm25,
            rows: self.lengths.len() as u32,
            rows_with_text: self.rows_with_text,
            tokens: self.tokens,
            terms: self.dictionary.terms,
            length_bytes,
            data_end,
            lengths_end,
            terms_end,
            index_end,
            table_checksum: crc32c::crc32c(&table),
        };
        sink.write(&footer.write())?;
        Ok(self.dictionary.most_held() + self.list.most_held())
    }
}
