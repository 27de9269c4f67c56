//! Merges indexes into one without looking at any text.
//!
//! 1. Every source keeps the order of its rows: its row map is monotone, rows may drop out.
//! 2. The sources' terms are merged in byte order. Of each term the postings are read block by
//!    block, with positions as they are packed (distances), and go to the writer in the order of
//!    the new rows.
//! 3. Memory: one block for each source, the postings of the one term that is written, the
//!    dictionary, and four bytes for each row's length.

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use base::{Error, ErrorCode, Result};

use crate::block::BLOCK;
use crate::coding::corrupted;
use crate::dictionary::{TermEntry, Terms};
use crate::file::{FileWriter, IndexOptions};
use crate::index::Index;
use crate::output::Sink;
use crate::positions;
use crate::postings::Postings;

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

/// Merges indexes of one analyzer into an index of `rows` rows.
///
/// # Errors
/// BAD_ARGUMENTS where the sources do not fit together; a corrupted source; what the sink says.
pub fn merge(
    sources: &[Source<'_>],
    rows: u32,
    options: &IndexOptions,
    sink: &mut dyn Sink,
) -> Result<()> {
    let analyzer = check(sources, options)?;
    let lengths = merged_lengths(sources, rows)?;
    let mut file = FileWriter::new(sink, options, &lengths);
    let mut terms = Vec::new();
    let mut heap = BinaryHeap::new();
    for (number, source) in sources.iter().enumerate() {
        let mut iterator = source.index.iterate(&[])?;
        if iterator.advance()? {
            heap.push(Reverse((iterator.term.clone(), number)));
        }
        terms.push(iterator);
    }
    let mut cursors: Vec<ListCursor<'_>> = Vec::new();
    while let Some(Reverse((term, first))) = heap.pop() {
        let mut holders = vec![first];
        while heap.peek().is_some_and(|Reverse((other, _))| *other == term) {
            holders.extend(heap.pop().map(|Reverse((_, number))| number));
        }
        cursors.clear();
        for number in &holders {
            cursors.push(ListCursor::open(&sources[*number], &terms[*number].entry, options)?);
        }
        merge_lists(&mut cursors, rows, &mut file)?;
        file.end_term(&term)?;
        advance(&holders, &mut terms, &mut heap, term)?;
    }
    file.finish(&analyzer)
}

type TermHeap = BinaryHeap<Reverse<(Vec<u8>, usize)>>;

fn advance(
    holders: &[usize],
    terms: &mut [Terms<'_>],
    heap: &mut TermHeap,
    mut spare: Vec<u8>,
) -> Result<()> {
    for number in holders {
        let iterator = &mut terms[*number];
        if iterator.advance()? {
            let mut term = std::mem::take(&mut spare);
            term.clear();
            term.extend_from_slice(&iterator.term);
            heap.push(Reverse((term, *number)));
        }
    }
    Ok(())
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

/// Goes through the rows of one term of one source.
struct ListCursor<'a> {
    postings: Postings<'a>,
    positions: Option<&'a [u8]>,
    map: RowMap<'a>,
    block: usize,
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
    /// Opened, and at its first row.
    fn open(source: &Source<'a>, entry: &TermEntry, options: &IndexOptions) -> Result<Self> {
        let positions = if options.positions { Some(source.index.positions(entry)?) } else { None };
        let mut cursor = ListCursor {
            postings: source.index.postings(entry)?,
            positions,
            map: source.rows,
            block: 0,
            filled: 0,
            at: 0,
            start: 0,
            rows: [0; BLOCK],
            frequencies: [0; BLOCK],
            values: Vec::new(),
            failed: Cell::new(false),
        };
        cursor.load()?;
        Ok(cursor)
    }

    /// Decodes the next block; its rows become those of the merged index.
    fn load(&mut self) -> Result<bool> {
        if self.block >= self.postings.blocks() {
            return Ok(false);
        }
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
        for row in &mut rows[..self.filled] {
            *row = self.map.get(*row);
        }
        (self.at, self.start) = (0, 0);
        self.block += 1;
        Ok(true)
    }

    /// The current row if it is left, going over dropped rows.
    #[inline]
    fn current(&mut self) -> Result<Option<u32>> {
        loop {
            if self.at >= self.filled && !self.load()? {
                return Ok(None);
            }
            let row = self.rows[self.at];
            if row != RowMap::DROPPED {
                return Ok(Some(row));
            }
            self.step();
        }
    }

    #[inline]
    fn step(&mut self) {
        if self.positions.is_some() {
            self.start += self.frequencies[self.at] as usize;
        }
        self.at += 1;
    }

    /// Writes the loaded rows from the current one on that come before another row, and are not dropped; gives the last
    /// of them.
    #[inline]
    fn emit_before(&mut self, other: u32, file: &mut FileWriter<'_>) -> Result<u32> {
        let rows = &self.rows[self.at..self.filled];
        let count = rows.iter().position(|row| *row >= other).unwrap_or(rows.len());
        let rows = &rows[..count];
        if rows.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(out_of_order());
        }
        let Some(last) = rows.last().copied() else { return Err(out_of_order()) };
        let frequencies = &self.frequencies[self.at..self.at + count];
        let values = match self.positions {
            Some(_) => {
                let start = self.start;
                self.start += frequencies.iter().map(|f| *f as usize).sum::<usize>();
                self.values.get(start..self.start).ok_or_else(out_of_order)?
            }
            None => &[],
        };
        file.push_rows(rows, frequencies, values)?;
        self.at += count;
        Ok(last)
    }
}

#[cold]
fn out_of_order() -> Error {
    corrupted("rows of merged postings do not ascend")
}

/// Writes the rows of one term, ascending: of the source with the least row as many as come before the rows of all
/// others.
fn merge_lists(cursors: &mut [ListCursor<'_>], rows: u32, file: &mut FileWriter<'_>) -> Result<()> {
    let mut heap = BinaryHeap::with_capacity(cursors.len());
    for (number, cursor) in cursors.iter_mut().enumerate() {
        if let Some(row) = cursor.current()? {
            heap.push(Reverse((row, number)));
        }
    }
    let mut next = 0;
    while let [Reverse((row, number)), others @ ..] = heap.as_slice() {
        // The second least is a child of the least.
        let second = others.iter().take(2).map(|Reverse((row, _))| *row).min();
        let (row, number, second) = (*row, *number, second.unwrap_or(RowMap::DROPPED));
        let cursor = &mut cursors[number];
        let last = cursor.emit_before(second, file)?;
        if row < next || last >= rows {
            return Err(out_of_order());
        }
        next = last + 1;
        let current = cursor.current()?;
        if let Some(mut least) = heap.peek_mut() {
            match current {
                Some(row) => least.0.0 = row,
                None => drop(PeekMut::pop(least)),
            }
        }
    }
    Ok(())
}
