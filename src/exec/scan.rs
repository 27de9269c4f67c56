//! Scans: parts and granules are picked by zone maps, predicates run on encoded pages, and only what is
//! left is decoded.
//!
//! For each part, once per query:
//! 1. A conjunct of one integer column and constants becomes a range; granules whose zone map lies
//!    outside are dropped, those inside need no test.
//! 2. A conjunct of one dictionary column becomes a set of codes, computed on the distinct values where
//!    these are fewer than the rows to read; granules are dropped by their smallest and largest code.
//! 3. What is left is evaluated on the rows that passed the others.
//!
//! For each granule the tests run in that order over a selection of rows (u16), which shrinks; the columns
//! that are given out are decoded for the final selection only.

mod blocks;
mod code_sets;
mod global;
mod granule;
mod kept;
mod predicate;
mod prepare;
mod selection;
mod shared_codes;
mod single_values;
mod sliced;
mod texts;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base::Result;
use plan::{PartScan, Scan};
use storage::Part;
use types::{Block, Dictionary};

use crate::context::ExecContext;
use crate::pipeline::{BlockReader, Bounds, Source};

pub(crate) use global::Translations;
pub(crate) use granule::GranuleReader;
pub(crate) use kept::{condition_key, is_stable, related_settings, repeated_keys};
pub(crate) use predicate::Shape;
pub(crate) use prepare::{PreparedPart, PreparedScan};
pub(crate) use texts::{TextTest, indexes_of};

/// Granules that a lane takes at a time.
const MORSEL: usize = 8;

/// Blocks smaller than this are put together.
const SMALL_BLOCK: usize = 1024;

/// Rows of a table or of a block source. With `codes` the dictionary columns of several parts share one
/// dictionary.
pub(crate) fn source(
    scan: Scan,
    codes: bool,
    context: &Arc<ExecContext>,
) -> Result<Box<dyn Source>> {
    let input = match scan.of_parts()? {
        None => blocks::source(scan, context)?,
        Some((_, snapshot)) if !snapshot.memory.is_empty() || snapshot.parts.is_empty() => {
            blocks::memory(scan, context)?
        }
        Some((plain, snapshot)) => of_parts(&plain, &snapshot.parts, codes, context)?,
    };
    Ok(match context.settings.max_block_rows {
        usize::MAX => input,
        most => Box::new(sliced::Sliced { input, most }),
    })
}

/// Rows of parts.
pub(crate) fn of_parts(
    scan: &PartScan,
    parts: &[Arc<Part>],
    codes: bool,
    context: &Arc<ExecContext>,
) -> Result<Box<dyn Source>> {
    let prepared = Arc::new(PreparedScan::new(scan, parts, context)?);
    if codes {
        prepared.unify(context)?;
    }
    Ok(Box::new(TableScan {
        morsels: Arc::new(morsels(&prepared)),
        prepared,
        next: Arc::new(AtomicUsize::new(0)),
        given: Arc::new(AtomicUsize::new(0)),
        limit: scan.limit.map_or(usize::MAX, |l| usize::try_from(l).unwrap_or(usize::MAX)),
        context: context.clone(),
    }))
}

/// How many parts and granules a scan reads, for EXPLAIN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanReport {
    /// Parts of the table.
    pub parts: usize,
    /// Parts that are read.
    pub selected_parts: usize,
    /// Granules of the table.
    pub granules: usize,
    /// Granules that are read.
    pub selected_granules: usize,
    /// Columns by which granules were dropped.
    pub columns: Vec<String>,
    /// The conditions that dropped them.
    pub conditions: Vec<String>,
}

/// What a scan would read.
pub fn explain_scan(scan: &Scan, context: &Arc<ExecContext>) -> Result<Option<ScanReport>> {
    let Some((plain, snapshot)) = scan.of_parts()? else { return Ok(None) };
    let prepared = PreparedScan::new(&plain, &snapshot.parts, context)?;
    let ranges = prepared.range_columns();
    Ok(Some(ScanReport {
        parts: snapshot.parts.len(),
        selected_parts: prepared.parts.iter().filter(|p| !p.granules.is_empty()).count(),
        granules: snapshot.parts.iter().map(|p| p.granules()).sum(),
        selected_granules: prepared.parts.iter().map(|p| p.granules.len()).sum(),
        columns: ranges.iter().map(|(name, _)| name.clone()).collect(),
        conditions: ranges.into_iter().map(|(_, condition)| condition).collect(),
    }))
}

/// A run of granules of one part: part, first and last + 1 within its list.
type Morsel = (usize, usize, usize);

fn morsels(prepared: &PreparedScan) -> Vec<Morsel> {
    let mut all = Vec::new();
    for (at, part) in prepared.parts.iter().enumerate() {
        let count = part.granules.len();
        all.extend(
            (0..count).step_by(MORSEL).map(|first| (at, first, (first + MORSEL).min(count))),
        );
    }
    all
}

struct TableScan {
    prepared: Arc<PreparedScan>,
    morsels: Arc<Vec<Morsel>>,
    next: Arc<AtomicUsize>,
    given: Arc<AtomicUsize>,
    limit: usize,
    context: Arc<ExecContext>,
}

struct TableReader {
    prepared: Arc<PreparedScan>,
    morsels: Arc<Vec<Morsel>>,
    next: Arc<AtomicUsize>,
    given: Arc<AtomicUsize>,
    limit: usize,
    context: Arc<ExecContext>,
    reader: GranuleReader,
    current: Morsel,
}

impl Source for TableScan {
    fn reader(&self) -> Result<Box<dyn BlockReader>> {
        Ok(Box::new(TableReader {
            prepared: self.prepared.clone(),
            morsels: self.morsels.clone(),
            next: self.next.clone(),
            given: self.given.clone(),
            limit: self.limit,
            context: self.context.clone(),
            reader: GranuleReader::new(self.prepared.clone()),
            current: (0, 0, 0),
        }))
    }

    fn lanes(&self) -> usize {
        if self.limit <= self.context.settings.block_rows { 1 } else { self.morsels.len() }
    }

    fn rows(&self) -> Option<usize> {
        let rows: usize = self.prepared.parts.iter().map(PreparedPart::rows).sum();
        Some(rows.min(self.limit))
    }

    fn expected_rows(&self) -> usize {
        let rows = self.rows().unwrap_or(0);
        if !self.prepared.is_filtered() {
            return rows;
        }
        let taken = self.next.load(Ordering::Relaxed).min(self.morsels.len());
        let given = self.given.load(Ordering::Relaxed);
        (given * self.morsels.len()).checked_div(taken).unwrap_or(0).min(rows)
    }

    fn dictionary(&self, column: usize) -> Option<Arc<dyn Dictionary>> {
        self.prepared.dictionary(column)
    }

    fn want_codes(&self, columns: &[usize]) -> Result<()> {
        self.prepared.want_codes(columns, &self.context)
    }

    fn bounds(&self, column: usize) -> Option<Bounds> {
        self.prepared.bounds(column)
    }
}

impl TableReader {
    /// The next granule's surviving rows; `None` at the end.
    fn granule(&mut self) -> Result<Option<Block>> {
        if self.given.load(Ordering::Relaxed) >= self.limit {
            return Ok(None);
        }
        if self.current.1 == self.current.2 {
            let at = self.next.fetch_add(1, Ordering::Relaxed);
            match self.morsels.get(at) {
                Some(morsel) => self.current = *morsel,
                None => return Ok(None),
            }
        }
        let (part, at, _) = self.current;
        self.current.1 += 1;
        let granule = self.prepared.parts[part].granules[at];
        let block = self.reader.read(part, granule, &self.context)?;
        if self.context.has_read_enough()? {
            self.next.store(self.morsels.len(), Ordering::Relaxed);
            self.current.1 = self.current.2;
        }
        Ok(Some(block))
    }
}

impl BlockReader for TableReader {
    fn next(&mut self) -> Result<Option<Block>> {
        self.context.cancel.check()?;
        let Some(first) = self.granule()? else { return Ok(None) };
        let mut rows = first.rows();
        if rows >= SMALL_BLOCK {
            self.given.fetch_add(rows, Ordering::Relaxed);
            return Ok(Some(first));
        }
        let mut blocks = if rows > 0 { vec![first] } else { Vec::new() };
        // What is left of the morsel is put together, so that few rows come in few blocks.
        while self.current.1 < self.current.2 && rows < SMALL_BLOCK {
            match self.granule()? {
                Some(block) if block.rows() > 0 => {
                    rows += block.rows();
                    blocks.push(block);
                }
                Some(_) => {}
                None => break,
            }
        }
        self.given.fetch_add(rows, Ordering::Relaxed);
        Ok(Some(match blocks.len() {
            0 => Block::new(Vec::new(), 0),
            1 => blocks.remove(0),
            _ if blocks[0].columns().is_empty() => Block::new(Vec::new(), rows),
            _ => Block::concat(&blocks)?,
        }))
    }
}
