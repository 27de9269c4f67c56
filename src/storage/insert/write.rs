//! Turning the gathered rows of a partition into a part.
//!
//! 1. Columns that the sorting key reads are finished first and give the order of rows.
//! 2. The granularity is halved until no granule holds more bytes than the table allows.
//! 3. All columns are encoded by the threads of the store, the largest first, and text indexes built beside.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_buffer::NullBuffer;
use base::{Error, Result};
use bytes::Bytes;
use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};
use types::{Column, DataType};

use super::buffer::{ColumnBuffer, FullColumn, PartitionBuffer};
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
use crate::text_index::{MOST_ROWS, Scratch, TextPlan};

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
    let sizes: Vec<usize> = columns.iter().map(ColumnBuffer::memory).collect();
    let clobs = columns.iter().zip(&plan.types).filter(|(_, data_type)| data_type.is_clob());
    let texts: u64 = clobs.map(|(column, _)| column.text_bytes()).sum::<Result<u64>>()?;
    let mut columns: Vec<Option<ColumnBuffer>> = columns.into_iter().map(Some).collect();
    let mut full: Vec<Option<Arc<FullColumn>>> = (0..columns.len()).map(|_| None).collect();
    let indexes = if rows as u64 <= MOST_ROWS { plan.texts.as_slice() } else { &[] };
    for at in plan.sorting.iter().chain(indexes.iter().flat_map(|text| &text.inputs)) {
        if let Some(column) = columns[*at].take() {
            full[*at] = Some(Arc::new(column.finish(&plan.types[*at])?));
        }
    }
    let order = order_of(plan, &full, rows);
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
    let writer = PartWriter::create(context, outline, bytes.saturating_add(texts as usize))?;
    let index = primary_index(plan, &full, order.as_deref(), rows, granularity as usize)?;
    let inputs = |text: &TextPlan| text.inputs.iter().filter_map(|at| full[*at].clone()).collect();
    let texts: Vec<(&TextPlan, Vec<_>)> = indexes.iter().map(|text| (text, inputs(text))).collect();
    let mut work: Vec<Work> = columns
        .into_iter()
        .zip(full)
        .enumerate()
        .take(plan.columns.len())
        .map(|(at, (buffer, full))| Work { at, buffer, full, size: sizes[at] })
        .collect();
    work.sort_by_key(|w| std::cmp::Reverse(w.size));
    let scratch = writer.scratch(context)?;
    let write = |work: Work| -> Result<Done> {
        let at = work.at;
        let column = match (work.full, work.buffer) {
            (Some(full), _) => full,
            (None, Some(buffer)) => Arc::new(buffer.finish(&plan.types[at])?),
            (None, None) => return Err(Error::logical("a column without values")),
        };
        let entry = write_column(&writer, plan, at, column, order.as_deref())?;
        Ok(Done::Column(at, entry))
    };
    let mut jobs: Vec<Job<'_>> = texts
        .into_iter()
        .map(|(text, inputs)| -> Job<'_> {
            let (order, scratch) = (order.as_deref(), &scratch);
            Box::new(move || {
                Ok(Done::Text(text.id, build_text(text, &inputs, order, rows, scratch)?))
            })
        })
        .collect();
    jobs.extend(work.into_iter().map(|work| -> Job<'_> { Box::new(|| write(work)) }));
    let done = run_jobs(jobs, pool, rows)?;
    let index = writer.segment.append_blob(index)?;
    let (columns, texts) = Done::split(done);
    writer.finish(columns, index, texts)
}

/// The rows in the order of the key; none where they have it.
fn order_of(plan: &WritePlan, full: &[Option<Arc<FullColumn>>], rows: usize) -> Option<Vec<u32>> {
    let mut ordinals = Vec::new();
    for at in &plan.sorting {
        if let Some(column) = &full[*at] {
            ordinals.extend(column.ordinals(&plan.types[*at]));
        }
    }
    sort_rows(&ordinals, rows)
}

struct Work {
    at: usize,
    buffer: Option<ColumnBuffer>,
    full: Option<Arc<FullColumn>>,
    size: usize,
}

/// A piece of a part that is written beside others.
type Job<'a> = Box<dyn FnOnce() -> Result<Done> + Send + 'a>;

/// Runs all, side by side where there are rows enough for that.
fn run_jobs(jobs: Vec<Job<'_>>, pool: &rayon::ThreadPool, rows: usize) -> Result<Vec<Done>> {
    if rows < 1024 {
        return jobs.into_iter().map(|job| job()).collect();
    }
    let run = |job: Job<'_>| job();
    pool.install(|| jobs.into_par_iter().with_max_len(1).map(run).collect())
}

/// What became of one.
pub(crate) enum Done {
    /// The column at a place.
    Column(usize, ColumnEntry),
    /// The text index of a field.
    Text(u32, Bytes),
}

impl Done {
    /// Columns in their order, and text indexes.
    pub(crate) fn split(all: Vec<Done>) -> (Vec<ColumnEntry>, Vec<(u32, Bytes)>) {
        let (mut columns, mut texts) = (Vec::new(), Vec::new());
        for done in all {
            match done {
                Done::Column(at, entry) => columns.push((at, entry)),
                Done::Text(id, bytes) => texts.push((id, bytes)),
            }
        }
        columns.sort_by_key(|(at, _)| *at);
        texts.sort_by_key(|(id, _)| *id);
        (columns.into_iter().map(|(_, entry)| entry).collect(), texts)
    }
}

/// Rows whose texts are made at once.
const TEXTS_AT_ONCE: usize = 8192;

/// The text index of sorted rows.
fn build_text(
    text: &TextPlan,
    inputs: &[Arc<FullColumn>],
    order: Option<&[u32]>,
    rows: usize,
    scratch: &Scratch,
) -> Result<Bytes> {
    let name = text.id.to_string();
    let mut builder = text.builder(scratch, &name);
    for start in (0..rows).step_by(TEXTS_AT_ONCE) {
        let count = TEXTS_AT_ONCE.min(rows - start);
        let values = |column: &Arc<FullColumn>| match order {
            None => column.range(start, count).map(Column::Flat),
            Some(order) => column.rows(&order[start..start + count]).map(Column::Flat),
        };
        builder.add(inputs.iter().map(values).collect::<Result<_>>()?, count)?;
    }
    builder.finish(scratch, &name)
}

/// The primary key at the first row of each granule and at the last row.
fn primary_index(
    plan: &WritePlan,
    full: &[Option<Arc<FullColumn>>],
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
    column: Arc<FullColumn>,
    order: Option<&[u32]>,
) -> Result<ColumnEntry> {
    let (id, codec) = &plan.columns[at];
    let outline = writer.outline();
    let (rows, granularity) = (outline.rows as usize, outline.granularity as usize);
    let chunk = ChunkWriter::new(&writer.segment, plan.types[at].clone(), codec.clone());
    let mut chunk = chunk.with_texts(plan.in_row[at])?;
    let granules = (0..rows).step_by(granularity).map(|start| start..rows.min(start + granularity));
    if let FullColumn::Codes { codes, values, order: sorted, uncompressed, nulls } = &*column {
        let mut dictionary = DictionaryWriter::new(&writer.segment, codec.general(), false)?;
        for id in sorted {
            dictionary.push(values.value(*id as usize))?;
        }
        let dictionary = dictionary.finish()?;
        let mut page = Vec::with_capacity(granularity);
        for granule in granules {
            page.clear();
            match order {
                None => page.extend_from_slice(&codes[granule]),
                Some(order) => page.extend(order[granule].iter().map(|row| codes[*row as usize])),
            }
            let nulls = if *nulls { split_nulls(&mut page) } else { None };
            chunk.add_codes(&page, nulls.as_ref(), dictionary.has_empty)?;
        }
        chunk.add_uncompressed(*uncompressed);
        return chunk.finish(*id, Some(dictionary));
    }
    let coded = match (&*column, Numbers::of(&plan.types[at])) {
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
