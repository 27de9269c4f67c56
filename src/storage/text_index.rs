//! Text indexes of parts while they are made: texts out of stored columns, and where bytes wait.
//!
//! 1. A [`TextPlan`] makes the texts of one field of an index out of stored columns, the same for inserts, merges
//!    and parts that are older than the index.
//! 2. An index is written into a [`Scratch`] folder while the columns of its part are written into the segment,
//!    and is appended to that as a whole when both are done. Small parts, which are gathered in memory, have no
//!    folder.
//! 3. The table's setting `text_index_memory` bounds what is collected of texts and, with a fourth of it, the terms of
//!    a merge: what exceeds it goes into runs in the folder. Beside it a merge needs up to eight bytes for each row,
//!    and the rows of one term. What was held at most is told by system.asynchronous_metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType as ArrowType;
use base::disk::{Disk, FileWriter};
use base::{Error, Result, bail};
use bytes::Bytes;
use expr::{Evaluator, Expr, FunctionContext, Registry};
use text::{Analyzer, Aside, IndexBuilder, IndexOptions, MemoryRuns, RunStore, Sink, Source};
use types::clob::{self, Clob};
use types::{Column, DataType, default_array};

use crate::definition::{TableDefinition, TextField, TextIndexDefinition};
use crate::part::Part;
use crate::table_settings::TEXT_INDEX_MEMORY;

/// The part of the table's `text_index_memory` that the terms of a merged index may take: one of so many.
const TERMS_SHARE: usize = 4;

/// Parts with more rows have no text index.
pub(crate) const MOST_ROWS: u64 = u32::MAX as u64 - 2;

/// How the texts of one field are made of the stored columns.
pub(crate) struct TextPlan {
    pub(crate) id: u32,
    pub(crate) options: IndexOptions,
    /// Positions among the stored columns of what it reads, ascending.
    pub(crate) inputs: Vec<usize>,
    analyzer: Analyzer,
    memory: usize,
    /// Whether the texts are those of a CLOB.
    is_clob: bool,
    evaluator: Evaluator,
    /// Ids and types of the stored columns.
    stored: Vec<(u32, DataType)>,
}

impl TextPlan {
    /// The plans of all fields of a table's indexes; `position` tells where columns stand among the stored ones.
    pub(crate) fn of_table(
        definition: &TableDefinition,
        position: &[usize],
        registry: &Registry,
    ) -> Result<Vec<TextPlan>> {
        let stored: Vec<(u32, DataType)> =
            definition.physical_columns().map(|(_, c)| (c.id, c.data_type.clone())).collect();
        let memory = definition.setting(&TEXT_INDEX_MEMORY)?;
        let memory = usize::try_from(memory).unwrap_or(usize::MAX);
        let mut plans = Vec::new();
        for index in &definition.text_indexes {
            for field in &index.fields {
                plans.push(TextPlan::new(index, field, position, &stored, memory, registry)?);
            }
        }
        Ok(plans)
    }

    fn new(
        index: &TextIndexDefinition,
        field: &TextField,
        position: &[usize],
        stored: &[(u32, DataType)],
        memory: usize,
        registry: &Registry,
    ) -> Result<TextPlan> {
        let mut inputs = field.expression.columns();
        if inputs.iter().any(|at| position.get(*at).is_none_or(|p| *p == usize::MAX)) {
            bail!(LogicalError, "Index {} reads a column that is not stored", index.name);
        }
        let expression: Expr = field.expression.clone().remap(&|at| position[at]);
        inputs.iter_mut().for_each(|at| *at = position[*at]);
        inputs.sort_unstable();
        inputs.dedup();
        let context = FunctionContext::default();
        Ok(TextPlan {
            id: field.id,
            options: IndexOptions { positions: index.positions, bm25: index.bm25 },
            inputs,
            analyzer: Analyzer::new(&index.analyzer)?,
            memory,
            is_clob: expression.data_type().is_clob(),
            evaluator: Evaluator::new(std::slice::from_ref(&expression), registry, &context)?,
            stored: stored.to_vec(),
        })
    }

    /// Merges the indexes of parts into the one of a part of so many rows.
    pub(crate) fn merge(
        &self,
        sources: &[Source<'_>],
        rows: u32,
        scratch: &Scratch,
        name: &str,
    ) -> Result<Bytes> {
        let mut runs = scratch.runs(name);
        scratch.bytes(name, |sink| {
            let aside = Aside { runs: &mut *runs, first: 0, most: self.memory / TERMS_SHARE };
            let held = text::merge(sources, rows, &self.options, aside, sink)?;
            MOST_HELD.merge.fetch_max(held as u64, Ordering::Relaxed);
            Ok(())
        })
    }

    /// What builds the index of a part.
    pub(crate) fn builder(&self, scratch: &Scratch, name: &str) -> TextBuilder<'_> {
        let runs = scratch.runs(name);
        let options = self.options.clone();
        TextBuilder {
            plan: self,
            builder: IndexBuilder::new(self.analyzer.clone(), options, self.memory, runs),
        }
    }

    /// The index of a part that has none, in its own order of rows.
    ///
    /// # Errors
    /// Those of reading; of `go_on`, which is asked before each granule.
    pub(crate) fn of_part(
        &self,
        part: &Part,
        scratch: &Scratch,
        name: &str,
        go_on: impl Fn() -> Result<()>,
    ) -> Result<Bytes> {
        let mut builder = self.builder(scratch, name);
        for granule in 0..part.granules() {
            go_on()?;
            let rows = part.granule_rows(granule);
            let mut inputs = Vec::with_capacity(self.inputs.len());
            for at in &self.inputs {
                let (id, data_type) = &self.stored[*at];
                inputs.push(match part.column(*id)? {
                    Some(chunk) => chunk.column(granule)?,
                    None => Column::Constant { value: default_array(data_type, 1)?, len: rows },
                });
            }
            builder.add(inputs, rows)?;
        }
        builder.finish(scratch, name)
    }
}

/// Builds the index of one part.
pub(crate) struct TextBuilder<'a> {
    plan: &'a TextPlan,
    builder: IndexBuilder,
}

impl TextBuilder<'_> {
    /// Adds rows: the columns that the plan reads, in the order of `inputs`.
    pub(crate) fn add(&mut self, inputs: Vec<Column>, rows: usize) -> Result<()> {
        let width = self.plan.inputs.last().map_or(0, |last| last + 1);
        let mut columns = Vec::with_capacity(width);
        let mut given = self.plan.inputs.iter().copied().zip(inputs).peekable();
        for (at, (_, data_type)) in self.plan.stored.iter().enumerate().take(width) {
            columns.push(match given.next_if(|(place, _)| *place == at) {
                Some((_, column)) => column,
                None => Column::Constant { value: default_array(data_type, 1)?, len: rows },
            });
        }
        let texts = self.plan.evaluator.evaluate_columns(&columns, rows)?;
        for texts in texts {
            match self.plan.is_clob {
                true => add_clobs(&mut self.builder, &texts.to_flat()?)?,
                false => add_texts(&mut self.builder, &texts.to_flat()?)?,
            }
        }
        Ok(())
    }

    /// The bytes of the index.
    pub(crate) fn finish(self, scratch: &Scratch, name: &str) -> Result<Bytes> {
        scratch.bytes(name, |sink| {
            MOST_HELD.build.fetch_max(self.builder.finish(sink)? as u64, Ordering::Relaxed);
            Ok(())
        })
    }
}

/// The most bytes that making one index held since the process began.
struct MostHeld {
    build: AtomicU64,
    merge: AtomicU64,
}

static MOST_HELD: MostHeld = MostHeld { build: AtomicU64::new(0), merge: AtomicU64::new(0) };

/// The most bytes that any build of a text index of texts held since the process began, and any merge of indexes.
pub fn text_index_memory() -> (u64, u64) {
    (MOST_HELD.build.load(Ordering::Relaxed), MOST_HELD.merge.load(Ordering::Relaxed))
}

/// Adds a row for every text of cells, piece by piece.
fn add_clobs(builder: &mut IndexBuilder, cells: &ArrayRef) -> Result<()> {
    let cells = clob::bytes_of(cells.as_ref())?;
    for cell in cells.iter() {
        let Some(cell) = cell else {
            builder.add_absent()?;
            continue;
        };
        let mut pieces = Clob::parse(cell)?.pieces_from(0)?;
        while let Some(piece) = pieces.next_piece()? {
            builder.push_chunk(&piece);
        }
        builder.end_row()?;
    }
    Ok(())
}

/// Adds a row for every text of an array, or for every list of texts.
fn add_texts(builder: &mut IndexBuilder, texts: &ArrayRef) -> Result<()> {
    match texts.data_type() {
        ArrowType::BinaryView => {
            let values = texts.as_binary_view();
            each_row(builder, values.len(), |row| values.is_valid(row).then(|| values.value(row)))
        }
        ArrowType::FixedSizeBinary(_) => {
            let values = texts.as_fixed_size_binary();
            each_row(builder, values.len(), |row| values.is_valid(row).then(|| values.value(row)))
        }
        ArrowType::List(_) => {
            let lists = texts.as_list::<i32>();
            add_lists(builder, lists.len(), lists.values(), |row| {
                let offsets = lists.value_offsets();
                (offsets[row] as usize, offsets[row + 1] as usize)
            })
        }
        ArrowType::LargeList(_) => {
            let lists = texts.as_list::<i64>();
            add_lists(builder, lists.len(), lists.values(), |row| {
                let offsets = lists.value_offsets();
                (offsets[row] as usize, offsets[row + 1] as usize)
            })
        }
        other => bail!(LogicalError, "a text index of {other}"),
    }
}

fn each_row<'a>(
    builder: &mut IndexBuilder,
    rows: usize,
    text: impl Fn(usize) -> Option<&'a [u8]>,
) -> Result<()> {
    for row in 0..rows {
        match text(row) {
            Some(text) => builder.add(text)?,
            None => builder.add_absent()?,
        }
    }
    Ok(())
}

fn add_lists(
    builder: &mut IndexBuilder,
    rows: usize,
    items: &ArrayRef,
    bounds: impl Fn(usize) -> (usize, usize),
) -> Result<()> {
    let item = |at: usize| -> Option<&[u8]> {
        match items.data_type() {
            ArrowType::BinaryView => {
                let values = items.as_binary_view();
                values.is_valid(at).then(|| values.value(at))
            }
            ArrowType::FixedSizeBinary(_) => {
                let values = items.as_fixed_size_binary();
                values.is_valid(at).then(|| values.value(at))
            }
            _ => None,
        }
    };
    for row in 0..rows {
        let (from, to) = bounds(row);
        for text in (from..to).filter_map(&item) {
            builder.push_chunk(text);
            builder.end_element();
        }
        builder.end_row()?;
    }
    Ok(())
}

/// Where the bytes of indexes wait while a part is written: a folder that goes with this value, or memory.
pub(crate) struct Scratch {
    folder: Option<(Arc<dyn Disk>, String)>,
}

impl Scratch {
    /// In memory, for small parts.
    pub(crate) fn in_memory() -> Scratch {
        Scratch { folder: None }
    }

    /// In a folder that is made here.
    pub(crate) fn in_folder(disk: &Arc<dyn Disk>, path: String) -> Result<Scratch> {
        disk.create_folder(&path)?;
        Ok(Scratch { folder: Some((disk.clone(), path)) })
    }

    fn runs(&self, name: &str) -> Box<dyn RunStore> {
        match &self.folder {
            None => Box::<MemoryRuns>::default(),
            Some((disk, path)) => {
                Box::new(FileRuns { disk: disk.clone(), prefix: format!("{path}/{name}-run") })
            }
        }
    }

    /// What is written under a name, as bytes that are mapped where there is a folder.
    pub(crate) fn bytes(
        &self,
        name: &str,
        write: impl FnOnce(&mut dyn Sink) -> Result<()>,
    ) -> Result<Bytes> {
        let Some((disk, path)) = &self.folder else {
            let mut bytes = Vec::new();
            write(&mut bytes)?;
            return Ok(bytes.into());
        };
        let path = format!("{path}/{name}");
        let mut file = disk.create(&path)?;
        write(&mut file)?;
        file.finish()?;
        whole(disk, &path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some((disk, path)) = &self.folder {
            // What cannot be removed now is removed at the next start.
            let _ = disk.remove(path);
        }
    }
}

fn whole(disk: &Arc<dyn Disk>, path: &str) -> Result<Bytes> {
    let file = disk.open(path)?;
    let size = usize::try_from(file.size());
    file.read(0, size.map_err(|_| Error::logical("a file larger than memory's addresses"))?)
}

/// Runs of an index as files.
struct FileRuns {
    disk: Arc<dyn Disk>,
    prefix: String,
}

impl RunStore for FileRuns {
    fn write(
        &mut self,
        run: usize,
        write: &mut dyn FnMut(&mut dyn Sink) -> Result<()>,
    ) -> Result<()> {
        let mut file: Box<dyn FileWriter> = self.disk.create(&format!("{}-{run}", self.prefix))?;
        write(&mut file)?;
        file.finish()
    }

    fn read(&mut self, run: usize) -> Result<Bytes> {
        whole(&self.disk, &format!("{}-{run}", self.prefix))
    }
}
