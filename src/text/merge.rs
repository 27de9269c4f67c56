//! Merges indexes into one without looking at any text.
//!
//! 1. Every source keeps the order of its rows: its row map is monotone, rows may drop out.
//! 2. The sources' terms are merged in byte order. Of each term the postings are read block by
//!    block, with positions as they are packed (distances), and go to the writer in the order of
//!    the new rows: whole runs of a source where no other has rows between, else window by
//!    window. A window ends with the first block that ends; its rows are sorted together.
//! 3. Memory: one block for each source, the postings of the one term that is written, as much of
//!    the dictionary as the caller allows, and four bytes for each row's length.

use std::cell::Cell;

use base::{Error, ErrorCode, Result};

use crate::block::BLOCK;
use crate::coding::corrupted;
use crate::dictionary::{TermEntry, Terms, key};
use crate::file::{FileWriter, IndexOptions};
use crate::index::Index;
use crate::output::Sink;
use crate::positions;
use crate::postings::Postings;
use crate::runs::Aside;

/// Where the rows of a source go.
#[derive(Debug, Clone, Copy)]
pub enum RowMap<'a> {
    /// All of them, behind so many others.
    Offset(u32),
    /// Each to the row at its place, `RowMap::DROPPED` for none; ascending where not dropped.
    Rows(&'a [u32]),
}

impl RowMap<'_> {
    /// Stands for a row that drops out.
    pub const DROPPED: u32 = u32::MAX;

    #[inline]
    fn get(&self, row: u32) -> u32 {
        match self {
            RowMap::Offset(offset) => offset.saturating_add(row),
            RowMap::Rows(rows) => rows.get(row as usize).copied().unwrap_or(Self::DROPPED),
        }
    }
}

/// An index to merge.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// The index.
    pub index: &'a Index,
    /// Where its rows go.
    pub rows: RowMap<'a>,
}

/// Merges indexes of one analyzer into an index of `rows` rows; gives the most bytes that were held at any time.
///
/// # Errors
/// BAD_ARGUMENTS where the sources do not fit together; a corrupted source; what the sink says.
pub fn merge(
    sources: &[Source<'_>],
    rows: u32,
    options: &IndexOptions,
    aside: Aside<'_>,
    sink: &mut dyn Sink,
) -> Result<usize> {
    let analyzer = check(sources, options)?;
    let lengths = merged_lengths(sources, rows)?;
    let mut file = FileWriter::new(sink, options, &lengths, Some(aside));
    let mut terms = MergedTerms::new(sources)?;
    let mut lists = MergedLists::new(sources, options.positions, rows);
    while let Some(term) = terms.next()? {
        for number in &terms.holders {
            lists.open(*number, &terms.terms[*number].entry)?;
        }
        lists.write(&mut file)?;
        file.end_term(&terms.terms[term].term)?;
    }
    let maps = sources.iter().map(|source| match source.rows {
        RowMap::Offset(_) => 0,
        RowMap::Rows(rows) => size_of_val(rows),
    });
    Ok(file.finish(&analyzer)? + size_of_val(lengths.as_slice()) + maps.sum::<usize>())
}

/// The terms of all sources in byte order.
struct MergedTerms<'a> {
    terms: Vec<Terms<'a>>,
    /// The first bytes of each source's term, as a number that sorts as they do.
    keys: Vec<u64>,
    /// Sources that have more terms.
    left: Vec<usize>,
    /// Sources that have the current term.
    holders: Vec<usize>,
}

impl<'a> MergedTerms<'a> {
    fn new(sources: &[Source<'a>]) -> Result<MergedTerms<'a>> {
        let terms = sources.iter().map(|source| source.index.iterate(&[]));
        let terms = terms.collect::<Result<Vec<Terms<'a>>>>()?;
        let all: Vec<usize> = (0..sources.len()).collect();
        // All are to go to their first term.
        Ok(MergedTerms { terms, keys: vec![0; all.len()], left: all.clone(), holders: all })
    }

    /// Goes to the next term; gives one of the sources that have it.
    fn next(&mut self) -> Result<Option<usize>> {
        for number in &self.holders {
            let terms = &mut self.terms[*number];
            if terms.advance()? {
                self.keys[*number] = key(&terms.term);
            } else {
                self.left.retain(|left| left != number);
            }
        }
        self.holders.clear();
        let Some(mut least) = self.left.first().copied() else { return Ok(None) };
        for number in &self.left {
            let (own, other) = (self.keys[*number], self.keys[least]);
            if own < other || (own == other && self.terms[*number].term < self.terms[least].term) {
                least = *number;
            }
        }
        let (wanted, term) = (self.keys[least], &self.terms[least].term);
        let has_it = |number: &usize| {
            *number == least || (self.keys[*number] == wanted && self.terms[*number].term == *term)
        };
        self.holders.extend(self.left.iter().copied().filter(has_it));
        Ok(Some(least))
    }
}

fn check(sources: &[Source<'_>], options: &IndexOptions) -> Result<Vec<u8>> {
    let refused = |what: &str| {
        Err(Error::new(ErrorCode::BadArguments, format!("Text indexes cannot be merged: {what}")))
    };
    let Some(first) = sources.first() else { return refused("there are none") };
    let analyzer = first.index.analyzer().serialize();
    for Source { index, rows } in sources {
        if index.analyzer().serialize() != analyzer {
            return refused("their analyzers differ");
        }
        if options.positions && !index.has_positions() {
            return refused("one has no positions");
        }
        if let RowMap::Rows(map) = rows
            && map.len() != index.rows() as usize
        {
            return refused("a row map is not as long as its index has rows");
        }
    }
    Ok(analyzer)
}

fn merged_lengths(sources: &[Source<'_>], rows: u32) -> Result<Vec<u32>> {
    let mut merged = vec![0; rows as usize];
    for source in sources {
        let lengths = source.index.lengths()?;
        let mut next = 0;
        for row in 0..source.index.rows() {
            let to = source.rows.get(row);
            if to == RowMap::DROPPED {
                continue;
            }
            let place = merged.get_mut(to as usize).filter(|_| to >= next).ok_or_else(|| {
                let message = format!("Text indexes cannot be merged: row {row} goes to row {to}");
                Error::new(ErrorCode::BadArguments, message)
            })?;
            *place = lengths.kept(row);
            next = to + 1;
        }
    }
    Ok(merged)
}

/// Goes through the rows of one term of one source; used again for the next term.
struct ListCursor<'a> {
    source: Source<'a>,
    postings: Postings<'a>,
    positions: Option<&'a [u8]>,
    block: usize,
    /// Rows that are loaded and are left; rows of the merged index, ascending.
    filled: usize,
    at: usize,
    /// Where the values of the current row lie.
    start: usize,
    rows: [u32; BLOCK],
    frequencies: [u32; BLOCK],
    values: Vec<u32>,
    failed: Cell<bool>,
}

impl<'a> ListCursor<'a> {
    fn new(source: Source<'a>) -> ListCursor<'a> {
        ListCursor {
            source,
            postings: Postings::default(),
            positions: None,
            block: 0,
            filled: 0,
            at: 0,
            start: 0,
            rows: [0; BLOCK],
            frequencies: [0; BLOCK],
            values: Vec::new(),
            failed: Cell::new(false),
        }
    }

    /// Goes to the first row of a term; false where all drop out.
    fn open(&mut self, entry: &TermEntry, with_positions: bool) -> Result<bool> {
        let index = self.source.index;
        self.positions = if with_positions { Some(index.positions(entry)?) } else { None };
        self.postings = index.postings(entry)?;
        self.block = 0;
        self.load()
    }

    /// Loads the next block that has rows left; false at the end.
    fn load(&mut self) -> Result<bool> {
        while self.block < self.postings.blocks() {
            self.decode()?;
            let rows = &self.rows[..self.filled];
            // Dropped rows are the greatest, so that they stand out unless they end the block.
            let mut ascend = rows.last() != Some(&RowMap::DROPPED);
            for (row, next) in rows.iter().zip(&rows[1..]) {
                ascend &= row < next;
            }
            if !ascend {
                self.drop_rows()?;
            }
            if self.filled > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Decodes the next block; its rows become those of the merged index.
    fn decode(&mut self) -> Result<()> {
        let (rows, frequencies) = (&mut self.rows, &mut self.frequencies);
        self.filled = self.postings.decode_rows(self.block, rows, frequencies, &self.failed);
        if self.filled == BLOCK {
            self.postings.decode_frequencies(self.block, frequencies, &self.failed);
        }
        self.values.clear();
        if let Some(positions) = self.positions {
            let decoded = self.postings.positions(positions, self.block).and_then(|p| {
                positions::decode_all(p, &frequencies[..self.filled], &mut self.values)
            });
            self.failed.set(self.failed.get() || decoded.is_none());
        }
        if self.failed.get() {
            return Err(corrupted("a block of postings cannot be decoded"));
        }
        match self.source.rows {
            RowMap::Offset(offset) => {
                rows[..self.filled].iter_mut().for_each(|row| *row = row.saturating_add(offset));
            }
            RowMap::Rows(map) => {
                let mapped = |row: u32| map.get(row as usize).copied().unwrap_or(RowMap::DROPPED);
                rows[..self.filled].iter_mut().for_each(|row| *row = mapped(*row));
            }
        }
        (self.at, self.start) = (0, 0);
        self.block += 1;
        Ok(())
    }

    /// Takes the dropped rows out of the loaded ones, and their values; the others must ascend.
    fn drop_rows(&mut self) -> Result<()> {
        let (mut kept, mut from, mut to) = (0, 0, 0);
        for at in 0..self.filled {
            let frequency = self.frequencies[at];
            let values = if self.positions.is_some() { frequency as usize } else { 0 };
            if self.rows[at] != RowMap::DROPPED {
                (self.rows[kept], self.frequencies[kept]) = (self.rows[at], frequency);
                self.values.copy_within(from..from + values, to);
                (kept, to) = (kept + 1, to + values);
            }
            from += values;
        }
        self.filled = kept;
        self.values.truncate(to);
        let ascend = self.rows[..kept].is_sorted_by(|row, next| row < next);
        if ascend { Ok(()) } else { Err(out_of_order()) }
    }

    /// The current row; there is one.
    #[inline]
    fn row(&self) -> u32 {
        self.rows[self.at]
    }

    /// The last row that is loaded.
    #[inline]
    fn last(&self) -> u32 {
        self.rows[self.filled - 1]
    }

    /// Writes the current row and goes on.
    #[inline]
    fn write_one(&mut self, file: &mut FileWriter<'_>) -> Result<()> {
        let frequency = self.frequencies[self.at];
        let end = self.start + frequency as usize;
        let values = match self.positions {
            Some(_) => self.values.get(self.start..end).ok_or_else(out_of_order)?,
            None => &[],
        };
        file.push(self.rows[self.at], frequency, values)?;
        (self.at, self.start) = (self.at + 1, end);
        Ok(())
    }

    /// Writes all rows that are loaded and left.
    #[inline]
    fn write_loaded(&mut self, file: &mut FileWriter<'_>) -> Result<()> {
        let left = self.at..self.filled;
        let values = self.values.get(self.start..).unwrap_or_default();
        file.push_rows(&self.rows[left.clone()], &self.frequencies[left], values)?;
        self.at = self.filled;
        Ok(())
    }
}

#[cold]
fn out_of_order() -> Error {
    corrupted("rows of merged postings do not ascend")
}

/// The postings of one term after the other, from all sources that have it.
struct MergedLists<'a> {
    cursors: Vec<ListCursor<'a>>,
    /// Cursors that have rows left.
    active: Vec<usize>,
    /// Rows of a window, each with its cursor in the low half.
    window: Vec<u64>,
    with_positions: bool,
    /// Rows of the merged index.
    rows: u32,
}

impl<'a> MergedLists<'a> {
    fn new(sources: &[Source<'a>], with_positions: bool, rows: u32) -> MergedLists<'a> {
        let cursors = sources.iter().map(|source| ListCursor::new(*source)).collect();
        MergedLists { cursors, active: Vec::new(), window: Vec::new(), with_positions, rows }
    }

    /// Takes in a source's postings of the term that is written next.
    fn open(&mut self, source: usize, entry: &TermEntry) -> Result<()> {
        if self.cursors[source].open(entry, self.with_positions)? {
            self.active.push(source);
        }
        Ok(())
    }

    /// Writes the rows of all, ascending.
    fn write(&mut self, file: &mut FileWriter<'_>) -> Result<()> {
        // The least row that may come next.
        let mut next = 0;
        while let Some((first, other)) = self.first() {
            let cursor = &mut self.cursors[first];
            if cursor.row() < next || cursor.last() >= self.rows {
                return Err(out_of_order());
            }
            if cursor.last() < other {
                next = cursor.last() + 1;
                cursor.write_loaded(file)?;
            } else {
                next = self.write_window(next, file)?;
            }
            self.reload()?;
        }
        Ok(())
    }

    /// The cursor with the least row, and the least row of the others.
    #[inline]
    fn first(&self) -> Option<(usize, u32)> {
        let (mut first, mut least, mut other) = (None, u32::MAX, u32::MAX);
        for number in &self.active {
            let row = self.cursors[*number].row();
            if row < least {
                (first, least, other) = (Some(*number), row, least);
            } else {
                other = other.min(row);
            }
        }
        first.map(|first| (first, other))
    }

    /// Writes the rows of all cursors up to the first end of a loaded block; gives the least row that may come then.
    fn write_window(&mut self, mut next: u32, file: &mut FileWriter<'_>) -> Result<u32> {
        let ends = self.active.iter().map(|number| self.cursors[*number].last());
        let end = ends.min().unwrap_or(0);
        self.window.clear();
        for number in &self.active {
            let cursor = &self.cursors[*number];
            let rows = cursor.rows[cursor.at..cursor.filled].iter().take_while(|row| **row <= end);
            self.window.extend(rows.map(|row| u64::from(*row) << 32 | *number as u64));
        }
        self.window.sort_unstable();
        for entry in &self.window {
            let row = (entry >> 32) as u32;
            if row < next || row >= self.rows {
                return Err(out_of_order());
            }
            next = row + 1;
            self.cursors[*entry as u32 as usize].write_one(file)?;
        }
        Ok(next)
    }

    /// Loads further blocks where all rows of one are written.
    fn reload(&mut self) -> Result<()> {
        let mut at = 0;
        while let Some(number) = self.active.get(at) {
            let cursor = &mut self.cursors[*number];
            if cursor.at < cursor.filled || cursor.load()? {
                at += 1;
            } else {
                self.active.swap_remove(at);
            }
        }
        Ok(())
    }
}
