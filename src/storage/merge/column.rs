//! Bringing one column of a merge over, granule by granule.
//!
//! Codes are translated, plain values gathered. A granule of plain values that comes over whole
//! from one source is copied in its encoded form.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef};
use arrow_buffer::NullBuffer;
use base::{Error, Result, bail};
use codec::CodecChoice;
use types::{DataType, default_array};

use super::numbers::{MergedNumbers, merge_numbers};
use super::order::{GranuleOrder, MergeOrder, check_layout};
use super::strings::{CodeSource, merge_dictionaries};
use super::{Merge, Progress, broken};
use crate::dictionary::DictionaryWriter;
use crate::dictionary::numbers::Numbers;
use crate::dictionary::table::NULL;
use crate::insert::buffer::can_have_dictionary;
use crate::insert::plan::WritePlan;
use crate::insert::write::{split_nulls, write_numbers};
use crate::part::layout::ColumnEntry;
use crate::part::new::PartWriter;
use crate::part::segment::{ChunkWriter, SegmentWriter};
use crate::part::{ColumnChunk, Part};

/// One column of a merge.
pub(super) struct MergeColumn<'a> {
    parts: &'a [Arc<Part>],
    progress: &'a Progress,
    id: u32,
    data_type: DataType,
    codec: CodecChoice,
    in_row: usize,
    chunks: Vec<Option<Arc<ColumnChunk>>>,
}

impl<'a> MergeColumn<'a> {
    pub(super) fn new(merge: &'a Merge, plan: &WritePlan, at: usize) -> Result<MergeColumn<'a>> {
        let (id, codec) = &plan.columns[at];
        let data_type = plan.types[at].clone();
        let mut chunks = Vec::with_capacity(merge.parts.len());
        for part in &merge.parts {
            let chunk = part.column(*id)?;
            check_layout(chunk.as_deref(), &data_type)?;
            chunks.push(chunk);
        }
        Ok(MergeColumn {
            parts: &merge.parts,
            progress: &merge.progress,
            id: *id,
            data_type,
            codec: codec.clone(),
            in_row: plan.in_row[at],
            chunks,
        })
    }

    pub(super) fn write(self, writer: &PartWriter, order: &MergeOrder) -> Result<ColumnEntry> {
        let segment = &writer.segment;
        let chunk = ChunkWriter::new(segment, self.data_type.clone(), self.codec.clone());
        let chunk = chunk.with_texts(self.in_row)?;
        if can_have_dictionary(&self.data_type) {
            let merged = merge_dictionaries(
                segment,
                self.parts,
                &self.chunks,
                &self.data_type,
                self.codec.general(),
                self.progress,
            )?;
            if let Some((sources, dictionary)) = merged {
                let has_empty = dictionary.has_empty;
                let mut chunk = chunk;
                self.write_codes(&mut chunk, order, &sources, has_empty)?;
                return chunk.finish(self.id, Some(dictionary));
            }
        }
        if let Some(numbers) = Numbers::of(&self.data_type)
            && let Some(merged) =
                merge_numbers(self.parts, &self.chunks, &self.data_type, numbers, self.progress)?
        {
            return self.write_numbers(chunk, segment, order, &merged);
        }
        self.write_values(chunk, order)
    }

    fn write_numbers(
        &self,
        mut chunk: ChunkWriter<'_>,
        segment: &SegmentWriter,
        order: &MergeOrder,
        merged: &MergedNumbers,
    ) -> Result<ColumnEntry> {
        self.each_page(order, &merged.sources, |page, nulls| {
            let ordinal = |code: &u32| merged.ordinals.get(*code as usize).copied().unwrap_or(0);
            let values = merged.numbers.array(page.iter().map(ordinal), nulls);
            chunk.add_number_codes(page, &values)
        })?;
        chunk.add_uncompressed(self.uncompressed());
        let writer = DictionaryWriter::new(segment, self.codec.general(), true)?;
        let dictionary = write_numbers(writer, merged.numbers, &merged.ordinals)?;
        chunk.finish(self.id, Some(dictionary))
    }

    fn write_codes(
        &self,
        chunk: &mut ChunkWriter<'_>,
        order: &MergeOrder,
        sources: &[CodeSource],
        has_empty: bool,
    ) -> Result<()> {
        self.each_page(order, sources, |page, nulls| {
            chunk.add_codes(page, nulls.as_ref(), has_empty)
        })?;
        chunk.add_uncompressed(self.uncompressed());
        Ok(())
    }

    /// Calls `add` with the new codes of each granule.
    fn each_page(
        &self,
        order: &MergeOrder,
        sources: &[CodeSource],
        mut add: impl FnMut(&[u32], Option<NullBuffer>) -> Result<()>,
    ) -> Result<()> {
        let mut readers: Vec<CodeReader<'_>> =
            self.parts.iter().zip(sources).map(|(part, s)| CodeReader::new(part, s)).collect();
        let mut page = Vec::new();
        for granule in &order.granules {
            page.clear();
            granule.each_run(|source, count| {
                let reader = readers.get_mut(source).ok_or_else(|| broken("an unknown source"))?;
                reader.read(count, &mut page)
            })?;
            let nulls = split_nulls(&mut page);
            add(&page, nulls)?;
            self.progress.advance(granule.rows())?;
        }
        Ok(())
    }

    /// Bytes of the values of all sources; of parts older than the column, about.
    fn uncompressed(&self) -> u64 {
        let parts = self.parts.iter().zip(&self.chunks);
        parts
            .map(|(part, chunk)| chunk.as_ref().map_or(part.rows() * 8, |c| c.uncompressed_bytes()))
            .sum()
    }

    fn write_values(&self, mut chunk: ChunkWriter<'_>, order: &MergeOrder) -> Result<ColumnEntry> {
        let mut readers: Vec<ValueReader<'_>> = self
            .parts
            .iter()
            .zip(&self.chunks)
            .map(|(part, chunk)| ValueReader::new(part, chunk.as_deref(), &self.data_type))
            .collect();
        for granule in &order.granules {
            let copied = match granule {
                GranuleOrder::Runs(runs) if runs.len() == 1 => {
                    let (source, count) = runs[0];
                    let reader = readers
                        .get_mut(source as usize)
                        .ok_or_else(|| broken("an unknown source"))?;
                    reader.copy(count as usize, &mut chunk)?
                }
                _ => false,
            };
            if !copied {
                let array = gather(&mut readers, granule)?;
                chunk.add_values(&array)?;
            }
            self.progress.advance(granule.rows())?;
        }
        chunk.add_uncompressed(self.uncompressed());
        chunk.finish(self.id, None)
    }
}

/// The rows of one granule from several sources as one array.
pub(super) fn gather(readers: &mut [ValueReader<'_>], granule: &GranuleOrder) -> Result<ArrayRef> {
    // Pieces in order; long runs become slices that are put together, short ones single rows.
    let mut arrays: Vec<ArrayRef> = Vec::new();
    let mut open: Vec<Option<usize>> = vec![None; readers.len()];
    let mut pieces: Vec<(usize, usize, usize)> = Vec::new();
    granule.each_run(|source, mut count| {
        while count > 0 {
            let reader = readers.get_mut(source).ok_or_else(|| broken("an unknown source"))?;
            let fresh = reader.refill()?;
            if fresh {
                open[source] = None;
            }
            let array = match open[source] {
                Some(array) => array,
                None => {
                    arrays.push(reader.array.clone());
                    open[source] = Some(arrays.len() - 1);
                    arrays.len() - 1
                }
            };
            let rows = count.min(reader.array.len() - reader.row);
            pieces.push((array, reader.row, rows));
            reader.row += rows;
            count -= rows;
        }
        Ok(())
    })?;
    let failed = |e| Error::logical(format!("merge: {e}"));
    if let [(array, row, rows)] = pieces.as_slice() {
        return Ok(arrays[*array].slice(*row, *rows));
    }
    if pieces.len() <= 32 {
        let slices: Vec<ArrayRef> =
            pieces.iter().map(|(array, row, rows)| arrays[*array].slice(*row, *rows)).collect();
        let slices: Vec<&dyn Array> = slices.iter().map(AsRef::as_ref).collect();
        return arrow_select::concat::concat(&slices).map_err(failed);
    }
    let mut indices = Vec::with_capacity(granule.rows());
    for (array, row, rows) in pieces {
        indices.extend((row..row + rows).map(|row| (array, row)));
    }
    let arrays: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
    arrow_select::interleave::interleave(&arrays, &indices).map_err(failed)
}

/// Reads the new codes of one source in order.
struct CodeReader<'a> {
    part: &'a Part,
    source: &'a CodeSource,
    granule: usize,
    row: usize,
    page: Vec<u32>,
}

impl<'a> CodeReader<'a> {
    fn new(part: &'a Part, source: &'a CodeSource) -> CodeReader<'a> {
        CodeReader { part, source, granule: 0, row: 0, page: Vec::new() }
    }

    /// Appends the next codes, `NULL` where there is no value.
    fn read(&mut self, mut count: usize, out: &mut Vec<u32>) -> Result<()> {
        match self.source {
            CodeSource::Same { code } => out.resize(out.len() + count, *code),
            CodeSource::Rows { ids, codes } => {
                let Some(ids) = ids.get(self.row..self.row + count) else {
                    bail!(LogicalError, "merge: a source has too few rows");
                };
                out.extend(
                    ids.iter().map(|id| if *id == NULL { NULL } else { codes[*id as usize] }),
                );
                self.row += count;
            }
            CodeSource::Pages { chunk, codes } => {
                while count > 0 {
                    if self.row == self.page.len() {
                        self.load(chunk, codes)?;
                    }
                    let rows = count.min(self.page.len() - self.row);
                    out.extend_from_slice(&self.page[self.row..self.row + rows]);
                    self.row += rows;
                    count -= rows;
                }
            }
        }
        Ok(())
    }

    fn load(&mut self, chunk: &ColumnChunk, new: &[u32]) -> Result<()> {
        if self.granule == self.part.granules() {
            bail!(LogicalError, "merge: a source has too few rows");
        }
        let Some(column) = chunk.codes(self.granule)? else {
            bail!(LogicalError, "merge: a page without codes");
        };
        // `codes` has checked that codes lie within the dictionary.
        self.page.clear();
        self.page
            .extend(column.codes.iter().map(|c| new.get(*c as usize).copied().unwrap_or(NULL)));
        if let Some(nulls) = &column.nulls {
            for (row, code) in self.page.iter_mut().enumerate() {
                if nulls.is_null(row) {
                    *code = NULL;
                }
            }
        }
        self.granule += 1;
        self.row = 0;
        Ok(())
    }
}

/// Where a reader of values stands: its next granule, and the row in the one that is loaded; none at the start.
pub(super) type Place = Option<(usize, usize, ArrayRef)>;

/// Reads the values of one source in order.
pub(super) struct ValueReader<'a> {
    part: &'a Part,
    chunk: Option<&'a ColumnChunk>,
    data_type: &'a DataType,
    granule: usize,
    row: usize,
    array: ArrayRef,
    /// The integers of its dictionary, once it was read.
    held: Option<ArrayRef>,
}

impl<'a> ValueReader<'a> {
    fn new(
        part: &'a Part,
        chunk: Option<&'a ColumnChunk>,
        data_type: &'a DataType,
    ) -> ValueReader<'a> {
        let array = arrow_array::new_empty_array(&data_type.arrow_type());
        ValueReader { part, chunk, data_type, granule: 0, row: 0, array, held: None }
    }

    /// A reader that goes on where another one of the same part and column stood.
    pub(super) fn at(
        part: &'a Part,
        chunk: Option<&'a ColumnChunk>,
        data_type: &'a DataType,
        place: &Place,
    ) -> ValueReader<'a> {
        let mut reader = ValueReader::new(part, chunk, data_type);
        if let Some((granule, row, array)) = place {
            (reader.granule, reader.row, reader.array) = (*granule, *row, array.clone());
        }
        reader
    }

    /// Where it stands, for [`ValueReader::at`].
    pub(super) fn place(&self) -> Place {
        Some((self.granule, self.row, self.array.clone()))
    }

    /// Loads the next granule if the last one is used up; whether that was so.
    fn refill(&mut self) -> Result<bool> {
        if self.row < self.array.len() {
            return Ok(false);
        }
        let rows = self.part.granule_rows(self.granule);
        if rows == 0 {
            bail!(LogicalError, "merge: a source has too few rows");
        }
        if let (None, Some(chunk)) = (&self.held, self.chunk) {
            self.held = chunk.hold_numbers()?;
        }
        self.array = match self.chunk {
            Some(chunk) => chunk.column(self.granule)?.to_flat()?,
            None => default_array(self.data_type, rows)?,
        };
        self.granule += 1;
        self.row = 0;
        Ok(true)
    }

    /// Copies the next granule as it is if it has exactly so many rows and nothing of the one before is
    /// left; whether that was done.
    fn copy(&mut self, rows: usize, into: &mut ChunkWriter<'_>) -> Result<bool> {
        let Some(chunk) = self.chunk else { return Ok(false) };
        let whole = self.row == self.array.len() && self.part.granule_rows(self.granule) == rows;
        let texts = self.data_type.is_clob();
        if !whole || texts || chunk.is_dictionary() || chunk.data_type() != self.data_type {
            return Ok(false);
        }
        // Opening the page verifies its checksum.
        chunk.page(self.granule)?;
        into.add_encoded(&chunk.page_bytes(self.granule)?, chunk.zone(self.granule).clone())?;
        self.granule += 1;
        Ok(true)
    }
}
