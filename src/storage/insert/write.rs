//! Turning the gathered rows of a partition into a part.
//!
//! 1. Columns that the sorting key reads are finished first and give the order of rows.
//! 2. The granularity is halved until no granule holds more bytes than the table allows.
//! 3. All columns are encoded by the threads of the store, the largest first.

use arrow_array::ArrayRef;
use arrow_buffer::NullBuffer;
use base::{Error, Result};
use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};
use types::DataType;

use super::buffer::{FullColumn, PartitionBuffer};
use super::plan::WritePlan;
use crate::dictionary::DictionaryWriter;
use crate::dictionary::numbers::Numbers;
use crate::dictionary::table::NULL;
use crate::key::sort_rows;
use crate::part::layout::{ColumnEntry, DictionaryEntry};
use crate::part::new::{NewPart, PartOutline, PartWriter};
use crate::part::segment::ChunkWriter;
use crate::part::{PartContext, encode_primary_index};
use crate::size::values_bytes;

/// Where the rows of a part come from.
#[derive(Default)]
pub(crate) struct Origin {
    /// How many merges lie behind them.
    pub level: u32,
    /// The ids of the parts that they replace.
    pub sources: Vec<String>,
}

/// Sorts, encodes and writes the rows of a buffer as one part.
pub(crate) fn write_part(
    context: &PartContext,
    pool: &rayon::ThreadPool,
    plan: &WritePlan,
    partition: String,
    buffer: PartitionBuffer,
    origin: Origin,
) -> Result<NewPart> {
    let PartitionBuffer { values, columns, rows } = buffer;
    let sizes: Vec<usize> = columns.iter().map(super::buffer::ColumnBuffer::memory).collect();
    let types = &plan.types;
    let mut columns: Vec<Option<super::buffer::ColumnBuffer>> =
        columns.into_iter().map(Some).collect();
    let mut full: Vec<Option<FullColumn>> = (0..columns.len()).map(|_| None).collect();
    for at in &plan.sorting {
        if let Some(column) = columns[*at].take() {
            full[*at] = Some(column.finish(&types[*at])?);
        }
    }
    let mut ordinals = Vec::new();
    for at in &plan.sorting {
        if let Some(column) = &full[*at] {
            ordinals.extend(column.ordinals(&types[*at]));
        }
    }
    let order = sort_rows(&ordinals, rows);
    drop(ordinals);
    let bytes: usize = sizes.iter().take(plan.columns.len()).sum();
    let granularity = plan.granularity_for(rows as u64, bytes as u64);
    let outline = PartOutline {
        definition: plan.definition.clone(),
        partition,
        partition_values: values,
        rows: rows as u64,
        granularity,
        level: origin.level,
        sources: origin.sources,
    };
    let writer = PartWriter::create(context, outline, bytes)?;
    let index = primary_index(plan, &full, order.as_deref(), rows, granularity as usize)?;
    let mut work: Vec<Work> = columns
        .into_iter()
        .zip(full)
        .enumerate()
        .take(plan.columns.len())
        .map(|(at, (buffer, full))| Work { at, buffer, full, size: sizes[at] })
        .collect();
    work.sort_by_key(|w| std::cmp::Reverse(w.size));
    let write = |work: Work| -> Result<(usize, ColumnEntry)> {
        let at = work.at;
        let column = match (work.full, work.buffer) {
            (Some(full), _) => full,
            (None, Some(buffer)) => buffer.finish(&types[at])?,
            (None, None) => return Err(Error::logical("a column without values")),
        };
        let entry = write_column(&writer, plan, at, column, order.as_deref())?;
        Ok((at, entry))
    };
    let mut entries: Vec<(usize, ColumnEntry)> = if rows < 1024 {
        work.into_iter().map(write).collect::<Result<_>>()?
    } else {
        pool.install(|| work.into_par_iter().with_max_len(1).map(write).collect::<Result<_>>())?
    };
    entries.sort_by_key(|(at, _)| *at);
    let index = writer.segment.append_blob(index)?;
    writer.finish(entries.into_iter().map(|(_, entry)| entry).collect(), index)
}

struct Work {
    at: usize,
    buffer: Option<super::buffer::ColumnBuffer>,
    full: Option<FullColumn>,
    size: usize,
}

/// The primary key at the first row of each granule and at the last row.
fn primary_index(
    plan: &WritePlan,
    full: &[Option<FullColumn>],
    order: Option<&[u32]>,
    rows: usize,
    granularity: usize,
) -> Result<Vec<u8>> {
    let row_at = |at: usize| order.map_or(at as u32, |order| order[at]);
    let mut wanted: Vec<u32> = (0..rows).step_by(granularity).map(row_at).collect();
    wanted.extend(rows.checked_sub(1).map(row_at));
    let mut keys: Vec<(DataType, ArrayRef)> = Vec::new();
    for at in plan.sorting.iter().take(plan.primary_key_length) {
        let Some(column) = &full[*at] else {
            return Err(Error::logical("a key column without values"));
        };
        keys.push((plan.types[*at].clone(), column.rows(&wanted)?));
    }
    encode_primary_index(&keys)
}

fn write_column(
    writer: &PartWriter,
    plan: &WritePlan,
    at: usize,
    column: FullColumn,
    order: Option<&[u32]>,
) -> Result<ColumnEntry> {
    let (id, codec) = &plan.columns[at];
    let outline = writer.outline();
    let (rows, granularity) = (outline.rows as usize, outline.granularity as usize);
    let mut chunk = ChunkWriter::new(&writer.segment, plan.types[at].clone(), codec.clone());
    let granules = (0..rows).step_by(granularity).map(|start| start..rows.min(start + granularity));
    if let FullColumn::Codes { codes, values, order: sorted, uncompressed, nulls } = column {
        let mut dictionary = DictionaryWriter::new(&writer.segment, codec.general(), false)?;
        for id in &sorted {
            dictionary.push(values.value(*id as usize))?;
        }
        drop((values, sorted));
        let dictionary = dictionary.finish()?;
        let mut page = Vec::with_capacity(granularity);
        for granule in granules {
            page.clear();
            match order {
                None => page.extend_from_slice(&codes[granule]),
                Some(order) => page.extend(order[granule].iter().map(|row| codes[*row as usize])),
            }
            let nulls = if nulls { split_nulls(&mut page) } else { None };
            chunk.add_codes(&page, nulls.as_ref(), dictionary.has_empty)?;
        }
        chunk.add_uncompressed(uncompressed);
        return chunk.finish(*id, Some(dictionary));
    }
    let coded = match (&column, Numbers::of(&plan.types[at])) {
        (FullColumn::Array(array), Some(numbers)) => {
            numbers.codes(array, order)?.map(|c| (numbers, c))
        }
        _ => None,
    };
    let mut page = Vec::new();
    for granule in granules {
        let array = match order {
            None => column.range(granule.start, granule.len())?,
            Some(order) => column.rows(&order[granule.clone()])?,
        };
        chunk.add_uncompressed(values_bytes(&array));
        let Some((_, coded)) = &coded else {
            chunk.add_values(&array)?;
            continue;
        };
        page.clear();
        // What stands under NULL is of no matter, but must be small.
        page.extend(coded.codes[granule].iter().map(|code| if *code == NULL { 0 } else { *code }));
        chunk.add_number_codes(&page, &array)?;
    }
    let dictionary = match coded {
        Some((numbers, coded)) => {
            let writer = DictionaryWriter::new(&writer.segment, codec.general(), true)?;
            Some(write_numbers(writer, numbers, &coded.ordinals)?)
        }
        None => None,
    };
    chunk.finish(*id, dictionary)
}

/// Writes sorted distinct integers as a dictionary.
pub(crate) fn write_numbers(
    mut writer: DictionaryWriter<'_>,
    numbers: Numbers,
    ordinals: &[u64],
) -> Result<DictionaryEntry> {
    for ordinal in ordinals {
        let (bytes, skipped) = numbers.bytes(*ordinal);
        writer.push(&bytes[skipped..])?;
    }
    writer.finish()
}

/// Replaces the codes of NULL by 0 and tells where they were.
pub(crate) fn split_nulls(codes: &mut [u32]) -> Option<NullBuffer> {
    if !codes.contains(&NULL) {
        return None;
    }
    let valid: NullBuffer = codes.iter().map(|code| *code != NULL).collect();
    codes.iter_mut().filter(|code| **code == NULL).for_each(|code| *code = 0);
    Some(valid)
}
