//! Arrow and ArrowStream in; and what Parquet shares with them: record batches into blocks.

use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_buffer::BooleanBuffer;
use arrow_ipc::reader::FileReader;
use arrow_schema::{Schema as ArrowSchema, SchemaRef};
use base::{Error, Result, bail};
use bytes::{Buf, Bytes};
use types::{Block, Column, DataType, Schema};

use super::arrow_frames::{Frames, check_file};
use super::source::ByteSource;
use super::spool::spool;
use super::{BlockReader, InputBlock};
use crate::FormatSettings;
use crate::arrow_layout::{arrow_error, to_layout, type_of};
use crate::convert::{Converted, convert};

/// Runs code of another crate that may panic on broken input.
///
/// # Errors
/// INCORRECT_DATA when it panics.
pub(super) fn guarded<T>(what: &str, run: impl FnOnce() -> Result<T>) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => result,
        Err(_) => bail!(IncorrectData, "The {what} input is broken"),
    }
}

/// How the columns of an input become the wanted ones.
#[derive(Debug, Clone)]
pub(super) struct Arrangement {
    wanted: Schema,
    /// For each wanted column its place among the columns read, and its type there.
    pub(super) sources: Vec<Option<(usize, DataType)>>,
}

impl Arrangement {
    /// Finds the wanted columns among those of an input.
    ///
    /// # Errors
    /// THERE_IS_NO_COLUMN when one is missing and that is not allowed.
    pub(super) fn new(
        given: &ArrowSchema,
        wanted: &Schema,
        settings: &FormatSettings,
    ) -> Result<Arrangement> {
        let mut sources = Vec::new();
        for field in wanted.fields() {
            let same = |name: &str| {
                if settings.input_format_parquet_case_insensitive_column_matching {
                    name.eq_ignore_ascii_case(&field.name)
                } else {
                    name == field.name
                }
            };
            let at = given.fields().iter().position(|f| same(f.name()));
            if at.is_none() && !settings.input_format_parquet_allow_missing_columns {
                bail!(ThereIsNoColumn, "Column '{}' is not presented in input data", field.name);
            }
            sources.push(match at {
                Some(at) => Some((at, type_of(given.field(at))?)),
                None => None,
            });
        }
        Ok(Arrangement { wanted: wanted.clone(), sources })
    }

    /// The wanted columns of rows of an input; `column` gives a column by its place there.
    pub(super) fn block(
        &self,
        rows: usize,
        settings: &FormatSettings,
        mut column: impl FnMut(usize) -> Result<ArrayRef>,
    ) -> Result<InputBlock> {
        let mut columns = Vec::with_capacity(self.wanted.len());
        let mut defaulted = Vec::with_capacity(self.wanted.len());
        for (field, source) in self.wanted.fields().iter().zip(&self.sources) {
            let Some((at, given)) = source else {
                columns.push(Column::Flat(types::default_array(&field.data_type, rows)?));
                defaulted.push(Some(BooleanBuffer::new_set(rows)));
                continue;
            };
            let converted = to_layout(&column(*at)?, given)
                .and_then(|array| convert(&array, given, &field.data_type, settings));
            let Converted { array, defaulted: holes } = converted.map_err(|e| {
                Error::new(e.code(), format!("{} (column {})", e.message(), field.name))
            })?;
            if array.len() != rows {
                bail!(IncorrectData, "Column {} has {} of {rows} rows", field.name, array.len());
            }
            columns.push(Column::Flat(array));
            defaulted.push(holes);
        }
        if defaulted.iter().all(Option::is_none) {
            defaulted.clear();
        }
        Ok(InputBlock { block: Block::new(columns, rows), defaulted })
    }
}

type Batches = Box<dyn Iterator<Item = Result<RecordBatch>> + Send>;

struct ArrowReader {
    batches: Option<Batches>,
    arrangement: Arrangement,
    settings: FormatSettings,
    rows: u64,
}

/// A reader of ArrowStream.
pub(crate) fn stream_reader(
    source: Box<dyn ByteSource>,
    wanted: &Schema,
    settings: &FormatSettings,
) -> Result<Box<dyn BlockReader>> {
    let read = SourceRead { source, piece: Bytes::new() };
    let (mut frames, schema) = Frames::new(read)?;
    boxed(schema, Box::new(std::iter::from_fn(move || frames.next().transpose())), wanted, settings)
}

/// A reader of Arrow files.
pub(crate) fn file_reader(
    mut source: Box<dyn ByteSource>,
    wanted: &Schema,
    settings: &FormatSettings,
) -> Result<Box<dyn BlockReader>> {
    let mut file = spool(&mut *source, settings)?.read()?;
    check_file(&mut file)?;
    let reader = guarded("Arrow", || FileReader::try_new(file, None).map_err(arrow_error))?;
    let schema = reader.schema();
    boxed(schema, Box::new(reader.map(|batch| batch.map_err(arrow_error))), wanted, settings)
}

fn boxed(
    schema: SchemaRef,
    batches: Batches,
    wanted: &Schema,
    settings: &FormatSettings,
) -> Result<Box<dyn BlockReader>> {
    let arrangement = Arrangement::new(&schema, wanted, settings)?;
    let settings = settings.clone();
    Ok(Box::new(ArrowReader { batches: Some(batches), arrangement, settings, rows: 0 }))
}

impl BlockReader for ArrowReader {
    fn next(&mut self) -> Result<Option<InputBlock>> {
        loop {
            let Some(batches) = &mut self.batches else { return Ok(None) };
            let block = guarded("Arrow", || {
                let Some(batch) = batches.next().transpose()? else {
                    return Ok(None);
                };
                let column = |at: usize| Ok(batch.column(at).clone());
                self.arrangement.block(batch.num_rows(), &self.settings, column).map(Some)
            });
            match block {
                Ok(Some(block)) if block.block.rows() == 0 => {}
                Ok(Some(block)) => {
                    self.rows += block.block.rows() as u64;
                    return Ok(Some(block));
                }
                Ok(None) => {
                    self.batches = None;
                    return Ok(None);
                }
                Err(error) => {
                    self.batches = None;
                    let message = error.message();
                    let rows = self.rows;
                    return Err(Error::new(error.code(), format!("{message} (after row {rows})")));
                }
            }
        }
    }
}

/// The schema of an Arrow input.
pub(crate) fn arrow_schema(
    head: &mut dyn ByteSource,
    is_file: bool,
    settings: &FormatSettings,
) -> Result<SchemaRef> {
    let mut file = spool(head, settings)?.read()?;
    if !is_file {
        return Ok(Frames::new(file)?.1);
    }
    check_file(&mut file)?;
    guarded("Arrow", || Ok(FileReader::try_new(file, None).map_err(arrow_error)?.schema()))
}

/// A source as [`Read`].
struct SourceRead {
    source: Box<dyn ByteSource>,
    piece: Bytes,
}

impl Read for SourceRead {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        while self.piece.is_empty() {
            match self.source.next() {
                Ok(Some(piece)) => self.piece = piece,
                Ok(None) => return Ok(0),
                Err(error) => return Err(std::io::Error::other(error)),
            }
        }
        let count = out.len().min(self.piece.len());
        self.piece.copy_to_slice(&mut out[..count]);
        Ok(count)
    }
}
