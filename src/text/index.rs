//! Reads an index that `file.rs` wrote: over bytes that may be mapped.
//!
//! Opening reads the footer alone. Everything else is verified when it is first touched, and
//! nothing but one bit for each 64 KiB is held in memory.

use base::Result;
use bytes::Bytes;

use crate::analyzer::Analyzer;
use crate::coding::corrupted;
use crate::dictionary::{Dictionary, TermEntry, Terms};
use crate::file::Footer;
use crate::output::Checked;
use crate::postings::Postings;
use crate::score::{self, Bm25, Bounds};

/// The text index of one part.
pub struct Index {
    bytes: Checked,
    footer: Footer,
    dictionary: Dictionary,
    analyzer: Analyzer,
}

/// A term of an index, and how many rows hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TermRows {
    /// The term as the analyzer gave it.
    pub term: Vec<u8>,
    /// Rows that hold it.
    pub rows: u64,
}

/// What an index takes and holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexSize {
    /// All of it.
    pub bytes: u64,
    /// Postings and positions.
    pub data_bytes: u64,
    /// The dictionary.
    pub terms_bytes: u64,
    /// Different terms.
    pub terms: u64,
}

impl Index {
    /// Opens an index.
    ///
    /// # Errors
    /// CORRUPTED_DATA and CHECKSUM_DOESNT_MATCH where the bytes are not what was written; what lies
    /// outside of the footer is verified later, when it is read.
    pub fn open(bytes: Bytes) -> Result<Index> {
        let (footer, start) = Footer::read(&bytes)?;
        let covered = usize::try_from(footer.index_end).unwrap_or(usize::MAX);
        if covered > start {
            return Err(corrupted("its table of checksums lies outside of it"));
        }
        let table = bytes.slice(covered..start);
        if crc32c::crc32c(&table) != footer.table_checksum {
            return Err(corrupted("the checksum of its table of checksums is wrong"));
        }
        let analyzer = Analyzer::deserialize(&footer.analyzer)?;
        let dictionary = Dictionary {
            blocks: footer.lengths_end..footer.terms_end,
            index: footer.terms_end..footer.index_end,
            data_end: footer.data_end,
            positions: footer.positions,
            long_lengths: footer.version == 1,
        };
        Ok(Index { bytes: Checked::new(bytes, covered, table)?, footer, dictionary, analyzer })
    }

    /// Verifies every checksum.
    ///
    /// # Errors
    /// CHECKSUM_DOESNT_MATCH, naming the bytes.
    pub fn check(&self) -> Result<()> {
        self.bytes.verify_all()
    }

    /// The analyzer that made its terms.
    pub fn analyzer(&self) -> &Analyzer {
        &self.analyzer
    }

    /// Rows of the part, with or without text.
    pub fn rows(&self) -> u32 {
        self.footer.rows
    }

    /// Rows that have text; an empty text is one.
    pub fn rows_with_text(&self) -> u64 {
        self.footer.rows_with_text
    }

    /// Tokens of all rows.
    pub fn tokens(&self) -> u64 {
        self.footer.tokens
    }

    /// Whether phrases can be asked.
    pub fn has_positions(&self) -> bool {
        self.footer.positions
    }

    /// The parameters that its impacts were made for.
    pub fn bm25(&self) -> Bm25 {
        self.footer.bm25
    }

    /// What it takes.
    pub fn size(&self) -> IndexSize {
        IndexSize {
            bytes: self.bytes.size(),
            data_bytes: self.footer.data_end,
            terms_bytes: self.footer.index_end - self.footer.lengths_end,
            terms: self.footer.terms,
        }
    }

    /// How many rows hold a term, exactly as it is in the index.
    ///
    /// # Errors
    /// A corrupted index.
    pub fn document_frequency(&self, term: &[u8]) -> Result<u64> {
        self.dictionary.rows(&self.bytes, term).map(u64::from)
    }

    /// The terms with a prefix from `from` on (exclusively, where given), in byte order, at most
    /// `limit` of them.
    ///
    /// # Errors
    /// A corrupted index.
    pub fn terms(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<TermRows>> {
        let mut found = Vec::new();
        let from = after.map_or(prefix, |after| after.max(prefix));
        let mut terms = self.iterate(from)?;
        let mut more = terms.advance_to(from)?;
        while more && found.len() < limit && terms.term.starts_with(prefix) {
            if after != Some(&terms.term) {
                let rows = u64::from(terms.entry.rows);
                found.push(TermRows { term: terms.term.clone(), rows });
            }
            more = terms.advance()?;
        }
        Ok(found)
    }

    pub(crate) fn entry(&self, term: &[u8]) -> Result<Option<TermEntry>> {
        self.dictionary.get(&self.bytes, term)
    }

    pub(crate) fn iterate(&self, from: &[u8]) -> Result<Terms<'_>> {
        self.dictionary.iterate(&self.bytes, from)
    }

    /// The postings of a term.
    pub(crate) fn postings(&self, entry: &TermEntry) -> Result<Postings<'_>> {
        let postings = self.bytes.range(entry.offset + entry.positions, entry.postings)?;
        Postings::new(postings, entry.rows, self.footer.positions)
    }

    /// The positions of a term.
    pub(crate) fn positions(&self, entry: &TermEntry) -> Result<&[u8]> {
        self.bytes.range(entry.offset, entry.positions)
    }

    /// Tokens of each row.
    pub(crate) fn lengths(&self) -> Result<Lengths<'_>> {
        let bytes = self
            .bytes
            .range(self.footer.data_end, self.footer.lengths_end - self.footer.data_end)?;
        Ok(Lengths { bytes, width: self.footer.length_bytes })
    }

    /// What makes bounds of its impacts for a snapshot's average.
    pub(crate) fn bounds(&self, asked: Bm25, average: f64) -> Bounds {
        let kept = score::average(self.footer.tokens, self.footer.rows_with_text);
        Bounds::new(self.footer.bm25, kept, asked, average)
    }
}

/// Tokens of each row, in the index's bytes.
#[derive(Clone, Copy)]
pub(crate) struct Lengths<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) width: usize,
}

impl Lengths<'_> {
    /// Tokens of a row plus one; zero for a row without text.
    #[inline]
    pub(crate) fn kept(&self, row: u32) -> u32 {
        let at = row as usize * self.width;
        match (self.width, self.bytes.get(at..at + self.width)) {
            (1, Some(&[a])) => u32::from(a),
            (2, Some(&[a, b])) => u32::from(u16::from_le_bytes([a, b])),
            (_, Some(&[a, b, c, d])) => u32::from_le_bytes([a, b, c, d]),
            _ => 0,
        }
    }

    /// Tokens of a row.
    #[inline]
    pub(crate) fn length(&self, row: u32) -> u32 {
        self.kept(row).saturating_sub(1)
    }
}
