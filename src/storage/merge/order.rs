//! The order of rows of a merge: which source each row of the new part comes from.
//!
//! Sources are sorted, so a row is told by its source alone. Keys are read granule by granule; when the
//! keys of one source stay before those of all others for a while, that stretch is found by
//! galloping instead of row by row.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow_array::{ArrayRef, UInt8Array};
use base::{Result, bail};
use types::{Column, DataType, Value, array_from_values, default_array, value_at};

use super::heap::SourceHeap;
use super::{Progress, broken};
use crate::insert::plan::WritePlan;
use crate::key::KeyValues;
use crate::part::{ColumnChunk, Part};

/// For each granule of the new part, where its rows come from.
pub(super) struct MergeOrder {
    pub(super) granules: Vec<GranuleOrder>,
}

/// Where the rows of one granule come from, whichever form is smaller.
pub(super) enum GranuleOrder {
    /// A source and how many rows in a row.
    Runs(Vec<(u16, u32)>),
    /// A source for every row.
    Rows(Vec<u16>),
}

impl GranuleOrder {
    fn new(runs: Vec<(u16, u32)>, rows: usize) -> GranuleOrder {
        if runs.len() * size_of::<(u16, u32)>() <= rows * size_of::<u16>() {
            return GranuleOrder::Runs(runs);
        }
        let mut out = Vec::with_capacity(rows);
        for (source, count) in runs {
            out.resize(out.len() + count as usize, source);
        }
        GranuleOrder::Rows(out)
    }

    pub(super) fn rows(&self) -> usize {
        match self {
            GranuleOrder::Runs(runs) => runs.iter().map(|(_, count)| *count as usize).sum(),
            GranuleOrder::Rows(rows) => rows.len(),
        }
    }

    /// Calls `each` with a source and a number of rows, in order.
    pub(super) fn each_run(&self, mut each: impl FnMut(usize, usize) -> Result<()>) -> Result<()> {
        match self {
            GranuleOrder::Runs(runs) => {
                runs.iter().try_for_each(|(source, count)| each(*source as usize, *count as usize))
            }
            GranuleOrder::Rows(rows) => {
                rows.chunk_by(|a, b| a == b).try_for_each(|run| each(run[0] as usize, run.len()))
            }
        }
    }
}

/// Gathers runs into granules.
struct OrderBuilder {
    granularity: usize,
    granules: Vec<GranuleOrder>,
    open: Vec<(u16, u32)>,
    open_rows: usize,
}

impl OrderBuilder {
    fn push(&mut self, source: usize, mut count: usize) {
        while count > 0 {
            let rows = count.min(self.granularity - self.open_rows);
            match self.open.last_mut() {
                Some((last, run)) if *last as usize == source => *run += rows as u32,
                _ => self.open.push((source as u16, rows as u32)),
            }
            self.open_rows += rows;
            count -= rows;
            if self.open_rows == self.granularity {
                self.close();
            }
        }
    }

    fn close(&mut self) {
        if self.open_rows > 0 {
            let runs = std::mem::take(&mut self.open);
            self.granules.push(GranuleOrder::new(runs, self.open_rows));
            self.open_rows = 0;
        }
    }
}

/// The order of all rows, and the primary index of the new part.
pub(super) fn merge_order(
    parts: &[Arc<Part>],
    plan: &WritePlan,
    granularity: usize,
    progress: &Progress,
) -> Result<(MergeOrder, Vec<(DataType, ArrayRef)>)> {
    if parts.len() > usize::from(u16::MAX) {
        bail!(TooManyParts, "A merge of {} parts is too large; merge fewer", parts.len());
    }
    let mut builder =
        OrderBuilder { granularity, granules: Vec::new(), open: Vec::new(), open_rows: 0 };
    let mut index = PrimaryIndex::new(plan);
    if plan.sorting.is_empty() {
        for (source, part) in parts.iter().enumerate() {
            builder.push(source, part.rows() as usize);
        }
        builder.close();
        return Ok((MergeOrder { granules: builder.granules }, index.finish(plan)?));
    }
    let mut cursors = Vec::with_capacity(parts.len());
    for part in parts {
        cursors.push(Cursor::open(part, plan)?);
    }
    let sources: Vec<usize> = (0..cursors.len()).filter(|s| !cursors[*s].ended()).collect();
    let mut heap = SourceHeap::new(sources, |a, b| before(&cursors, a, b));
    let mut written = 0;
    while let Some(first) = heap.first() {
        let second = heap.second(|a, b| before(&cursors, a, b));
        let count = stretch(&cursors, first, second);
        // The first row of every granule goes into the index.
        let start = written;
        let mut next = usize::next_multiple_of(start, granularity);
        while next < start + count {
            index.add(plan, &cursors[first], cursors[first].row + next - start);
            next += granularity;
        }
        written += count;
        if written as u64 == progress.rows {
            index.add(plan, &cursors[first], cursors[first].row + count - 1);
        }
        builder.push(first, count);
        progress.advance(0)?;
        cursors[first].advance(count, plan)?;
        if cursors[first].ended() {
            heap.exhausted(|a, b| before(&cursors, a, b));
        } else {
            heap.advanced(|a, b| before(&cursors, a, b));
        }
    }
    builder.close();
    Ok((MergeOrder { granules: builder.granules }, index.finish(plan)?))
}

/// Where one source stands.
struct Cursor {
    part: Arc<Part>,
    chunks: Vec<(usize, Option<Arc<ColumnChunk>>)>,
    granule: usize,
    row: usize,
    rows: usize,
    keys: Vec<KeyValues>,
    arrays: Vec<ArrayRef>,
    /// Integers of dictionaries that are read granule by granule.
    _held: Vec<ArrayRef>,
}

impl Cursor {
    fn open(part: &Arc<Part>, plan: &WritePlan) -> Result<Cursor> {
        let (mut chunks, mut held) = (Vec::new(), Vec::new());
        for at in plan.key_inputs() {
            let (id, _) = plan.columns.get(at).ok_or_else(|| broken("a key without a column"))?;
            let chunk = part.column(*id)?;
            check_layout(chunk.as_deref(), &plan.types[at])?;
            if let Some(chunk) = &chunk {
                held.extend(chunk.hold_numbers()?);
            }
            chunks.push((at, chunk));
        }
        let mut cursor = Cursor {
            part: part.clone(),
            chunks,
            granule: 0,
            row: 0,
            rows: 0,
            keys: Vec::new(),
            arrays: Vec::new(),
            _held: held,
        };
        if part.rows() > 0 {
            cursor.load(plan)?;
        }
        Ok(cursor)
    }

    fn ended(&self) -> bool {
        self.row == self.rows
    }

    fn load(&mut self, plan: &WritePlan) -> Result<()> {
        self.rows = self.part.granule_rows(self.granule);
        self.row = 0;
        let unread: ArrayRef = Arc::new(UInt8Array::from(Vec::<u8>::new()));
        let mut columns = vec![Column::Flat(unread); plan.columns.len()];
        for (at, chunk) in &self.chunks {
            columns[*at] = match chunk {
                Some(chunk) => chunk.column(self.granule)?,
                None => Column::Flat(default_array(&plan.types[*at], self.rows)?),
            };
        }
        let computed = plan.compute_keys(&columns, self.rows)?;
        columns.extend(computed);
        self.keys.clear();
        self.arrays.clear();
        for at in &plan.sorting {
            let array = columns[*at].to_flat()?;
            self.keys.push(KeyValues::new(&array, &plan.types[*at]));
            self.arrays.push(array);
        }
        Ok(())
    }

    fn advance(&mut self, count: usize, plan: &WritePlan) -> Result<()> {
        self.row += count;
        if self.row == self.rows && self.granule + 1 < self.part.granules() {
            self.granule += 1;
            self.load(plan)?;
        }
        Ok(())
    }
}

/// A column of an older type cannot be read as the table's.
pub(super) fn check_layout(chunk: Option<&ColumnChunk>, data_type: &DataType) -> Result<()> {
    if let Some(chunk) = chunk
        && chunk.data_type().arrow_type() != data_type.arrow_type()
    {
        bail!(
            TypeMismatch,
            "A part holds a column as {}, the table as {data_type}; a mutation has to rewrite it",
            chunk.data_type()
        );
    }
    Ok(())
}

fn before(cursors: &[Cursor], a: usize, b: usize) -> bool {
    row_before(cursors, a, cursors[a].row, b)
}

/// Whether a row of source `a` comes before the current row of source `b`.
fn row_before(cursors: &[Cursor], a: usize, row: usize, b: usize) -> bool {
    let (left, right) = (&cursors[a], &cursors[b]);
    for (key, other) in left.keys.iter().zip(&right.keys) {
        match key.compare(row, other, right.row) {
            Ordering::Less => return true,
            Ordering::Greater => return false,
            Ordering::Equal => {}
        }
    }
    a < b
}

/// How many rows of the first source's granule come before the current row of the second.
fn stretch(cursors: &[Cursor], first: usize, second: Option<usize>) -> usize {
    let (start, end) = (cursors[first].row, cursors[first].rows);
    let Some(second) = second else { return end - start };
    // The row at `start` is known to come before.
    let is_before = |row: usize| row_before(cursors, first, row, second);
    if is_before(end - 1) {
        return end - start;
    }
    let (mut low, mut step) = (start, 1);
    while low + step < end && is_before(low + step) {
        low += step;
        step *= 2;
    }
    let mut high = end.min(low + step);
    while high - low > 1 {
        let middle = usize::midpoint(low, high);
        if is_before(middle) { low = middle } else { high = middle }
    }
    high - start
}

/// The primary key's values at the rows that the index needs.
struct PrimaryIndex {
    values: Vec<Vec<Value>>,
}

impl PrimaryIndex {
    fn new(plan: &WritePlan) -> PrimaryIndex {
        PrimaryIndex { values: vec![Vec::new(); plan.primary_key_length] }
    }

    fn add(&mut self, plan: &WritePlan, cursor: &Cursor, row: usize) {
        for ((values, at), array) in self.values.iter_mut().zip(&plan.sorting).zip(&cursor.arrays) {
            values.push(value_at(array, &plan.types[*at], row));
        }
    }

    fn finish(self, plan: &WritePlan) -> Result<Vec<(DataType, ArrayRef)>> {
        let columns = self.values.into_iter().zip(&plan.sorting);
        columns
            .map(|(values, at)| {
                let data_type = plan.types[*at].clone();
                let array = array_from_values(&data_type, &values)?;
                Ok((data_type, array))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{GranuleOrder, OrderBuilder};

    #[test]
    fn runs_are_cut_at_granules_and_kept_small() {
        let mut builder =
            OrderBuilder { granularity: 10, granules: Vec::new(), open: Vec::new(), open_rows: 0 };
        builder.push(0, 25);
        (0..10).for_each(|n| builder.push(n % 2, 1));
        builder.close();
        let rows: Vec<usize> = builder.granules.iter().map(GranuleOrder::rows).collect();
        assert_eq!(rows, [10, 10, 10, 5]);
        assert!(matches!(&builder.granules[0], GranuleOrder::Runs(runs) if *runs == [(0, 10)]));
        assert!(matches!(&builder.granules[2], GranuleOrder::Rows(_)));
        let mut seen = Vec::new();
        let each = |source, count| {
            seen.push((source, count));
            Ok(())
        };
        builder.granules[2].each_run(each).unwrap();
        assert_eq!(seen, [(0, 6), (1, 1), (0, 1), (1, 1), (0, 1)]);
    }
}
