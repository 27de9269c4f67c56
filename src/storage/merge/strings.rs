//! Bringing the dictionaries of several parts together.
//!
//! 1. Sources with a dictionary are read block by block in the order of their values; the smallest
//!    value of all goes into the new dictionary, and each source that has it writes down the new
//!    code. No value is hashed.
//! 2. Sources without one are gathered first, if they are few enough; a part that is older
//!    than the column has its default value only.
//! 3. When most values would be distinct, or too much would have to be gathered, there is no
//!    dictionary.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BinaryViewArray};
use base::{Result, bail};
use codec::Compression;
use types::{DataType, Dictionary};

use super::Progress;
use super::heap::SourceHeap;
use crate::dictionary::order::sort_ids;
use crate::dictionary::table::{NULL, ValueTable, ValueTableParts};
use crate::dictionary::{DictionaryWriter, PartDictionary};
use crate::insert::buffer::dictionary_pays;
use crate::part::layout::DictionaryEntry;
use crate::part::segment::SegmentWriter;
use crate::part::{ColumnChunk, Part};

/// Bytes of values that are gathered at most from sources without a dictionary.
const MOST_GATHERED: u64 = 256 << 20;

/// Where the codes of one source come from.
pub(super) enum CodeSource {
    /// Pages of codes.
    Pages { chunk: Arc<ColumnChunk>, codes: Vec<u32> },
    /// An id for every row of the part.
    Rows { ids: Vec<u32>, codes: Vec<u32> },
    /// The part is older than the column: one code for all rows, `NULL` of nullable ones.
    Same { code: u32 },
}

/// A source's distinct values in ascending order.
enum Values {
    Dictionary { dictionary: Arc<PartDictionary>, block: usize, array: ArrayRef },
    Gathered { values: BinaryViewArray, order: Vec<u32> },
    One { value: Vec<u8> },
}

struct Stream {
    values: Values,
    /// The row within the block, or the position in the order.
    row: usize,
    /// The old code or id of the current value.
    old: u32,
    codes: Vec<u32>,
    prefix: u128,
}

/// The code sources of a column, if a dictionary is worth its while, and the new dictionary.
pub(super) fn merge_dictionaries(
    segment: &SegmentWriter,
    parts: &[Arc<Part>],
    chunks: &[Option<Arc<ColumnChunk>>],
    data_type: &DataType,
    compression: Option<Compression>,
    progress: &Progress,
) -> Result<Option<(Vec<CodeSource>, DictionaryEntry)>> {
    let rows: u64 = parts.iter().map(|p| p.rows()).sum();
    let plain = chunks.iter().flatten().filter(|c| !c.is_dictionary());
    let gathered: u64 = plain.map(|c| c.uncompressed_bytes()).sum();
    if gathered > MOST_GATHERED {
        return Ok(None);
    }
    let mut distinct = 0u64;
    for chunk in chunks.iter().flatten() {
        distinct += chunk.dictionary()?.map_or(0, |d| d.len() as u64);
    }
    let mut streams: Vec<Stream> = Vec::with_capacity(parts.len());
    let mut rows_of: Vec<Option<Vec<u32>>> = Vec::with_capacity(parts.len());
    for (part, chunk) in parts.iter().zip(chunks) {
        let (values, old, ids) = match chunk {
            None => (Values::One { value: Vec::new() }, 1, None),
            Some(chunk) => match chunk.dictionary()? {
                Some(dictionary) => {
                    let old = dictionary.len();
                    let array: ArrayRef =
                        arrow_array::new_empty_array(&arrow_schema::DataType::BinaryView);
                    (Values::Dictionary { dictionary, block: 0, array }, old, None)
                }
                None => {
                    let parts = gather(part, chunk, progress)?;
                    if !parts.distinct {
                        return Ok(None);
                    }
                    distinct += parts.values.len() as u64;
                    let (order, old) = (sort_ids(&parts.values), parts.values.len());
                    (Values::Gathered { values: parts.values, order }, old, Some(parts.ids))
                }
            },
        };
        streams.push(Stream { values, row: 0, old: 0, codes: vec![0; old], prefix: 0 });
        rows_of.push(ids);
    }
    // Values of several sources count more than once, so this errs towards no dictionary; where all
    // sources have one it never does, as each of them passed the same test.
    if !dictionary_pays(distinct, rows) {
        return Ok(None);
    }
    // A nullable column's default is NULL, which has no code.
    let nullable = data_type.is_nullable();
    let writer = DictionaryWriter::new(segment, compression, false)?;
    let entry =
        write_merged(writer, &mut streams, |source| !(nullable && chunks[source].is_none()))?;
    let sources = streams
        .into_iter()
        .zip(rows_of)
        .zip(chunks)
        .map(|((stream, ids), chunk)| match (chunk, ids) {
            (None, _) => CodeSource::Same {
                code: if nullable { NULL } else { stream.codes.first().copied().unwrap_or(0) },
            },
            (Some(_), Some(ids)) => CodeSource::Rows { ids, codes: stream.codes },
            (Some(chunk), None) => CodeSource::Pages { chunk: chunk.clone(), codes: stream.codes },
        })
        .collect();
    Ok(Some((sources, entry)))
}

/// The values of a source without a dictionary.
fn gather(part: &Part, chunk: &ColumnChunk, progress: &Progress) -> Result<ValueTableParts> {
    let mut table = ValueTable::new();
    for granule in 0..part.granules() {
        table.add(&chunk.column(granule)?)?;
        progress.advance(0)?;
    }
    table.finish()
}

/// Merges sorted streams into one dictionary and fills in the new codes.
fn write_merged(
    mut writer: DictionaryWriter<'_>,
    streams: &mut [Stream],
    takes_part: impl Fn(usize) -> bool,
) -> Result<DictionaryEntry> {
    let mut live = Vec::new();
    for (source, stream) in streams.iter_mut().enumerate() {
        if takes_part(source) && stream.start()? {
            live.push(source);
        }
    }
    let mut heap = SourceHeap::new(live, |a, b| less(streams, a, b));
    let mut code: u32 = 0;
    let mut last: Vec<u8> = Vec::new();
    let mut any = false;
    while let Some(source) = heap.first() {
        let stream = &mut streams[source];
        let value = stream.value();
        if !any || value != last.as_slice() {
            if any {
                code += 1;
            }
            writer.push(value)?;
            last.clear();
            last.extend_from_slice(value);
            any = true;
        }
        let old = stream.old as usize;
        match stream.codes.get_mut(old) {
            Some(new) => *new = code,
            None => bail!(CorruptedData, "a dictionary has more values than it says"),
        }
        if stream.advance()? {
            heap.advanced(|a, b| less(streams, a, b));
        } else {
            heap.exhausted(|a, b| less(streams, a, b));
        }
    }
    writer.finish()
}

fn less(streams: &[Stream], a: usize, b: usize) -> bool {
    let (left, right) = (&streams[a], &streams[b]);
    match left.prefix.cmp(&right.prefix) {
        std::cmp::Ordering::Equal => left.value() < right.value(),
        order => order.is_lt(),
    }
}

impl Stream {
    /// Moves to the first value; whether there is one.
    fn start(&mut self) -> Result<bool> {
        let present = match &mut self.values {
            Values::Dictionary { dictionary, array, .. } => {
                if dictionary.blocks() > 0 {
                    *array = dictionary.read_block(0)?;
                }
                !array.is_empty()
            }
            Values::Gathered { order, .. } => {
                self.old = order.first().copied().unwrap_or(0);
                !order.is_empty()
            }
            Values::One { .. } => true,
        };
        if present {
            self.note_prefix();
        }
        Ok(present)
    }

    /// Moves to the next value; whether there is one.
    fn advance(&mut self) -> Result<bool> {
        self.row += 1;
        match &mut self.values {
            Values::Dictionary { dictionary, block, array } => {
                self.old += 1;
                if self.row == array.len() {
                    *block += 1;
                    if *block == dictionary.blocks() {
                        return Ok(false);
                    }
                    *array = dictionary.read_block(*block)?;
                    self.row = 0;
                }
            }
            Values::Gathered { order, .. } => match order.get(self.row) {
                Some(id) => self.old = *id,
                None => return Ok(false),
            },
            Values::One { .. } => return Ok(false),
        }
        self.note_prefix();
        Ok(true)
    }

    fn value(&self) -> &[u8] {
        match &self.values {
            Values::Dictionary { array, .. } => array.as_binary_view().value(self.row),
            Values::Gathered { values, .. } => values.value(self.old as usize),
            Values::One { value } => value,
        }
    }

    fn note_prefix(&mut self) {
        self.prefix = u128::from_be_bytes(crate::zone::Prefix16::of(self.value()).0);
    }
}
