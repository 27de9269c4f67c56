//! Bytes in as blocks, in bounded memory.
//!
//! - Row formats of text: [`segment`] cuts the stream at the ends of rows, [`rows`] parses the
//!   pieces, on several threads, and gives the blocks in the order of the input.
//! - RowBinary and Native parse what has arrived and try again when a row or block was cut.
//! - Parquet and Arrow files need random access: the stream is spooled first ([`spool`]).
//! - Documents (JSON, JSONColumns, RawBLOB) are read whole, up to a limit.
//! - Texts of CLOB columns that are too long to be held leave the input before it is parsed ([`long_texts`]).

mod arrow;
mod arrow_messages;
mod blocks;
mod delimited;
mod document;
mod header;
mod json_rows;
mod long_texts;
mod native;
pub mod parquet;
mod row_binary;
mod rows;
mod segment;
mod source;
mod spool;
mod values;

use std::sync::Arc;

use arrow_buffer::BooleanBuffer;
use base::{Result, bail};
use types::{Block, Schema};

use crate::FormatSettings;
use crate::clob::{ClobOfInput, ClobReader, clob_columns, with_strings};
use crate::declaration::{FormatDeclaration, find};

pub use source::{ByteSource, BytesSource, ReadSource};

pub(crate) use arrow::arrow_schema;
pub(crate) use document::meta as document_meta;
pub(crate) use header::split_fields;
pub(crate) use json_rows::{next_json_row, row_fields as json_fields};
pub(crate) use long_texts::{LongTexts, whole_input};
pub(crate) use native::header as native_header;
pub(crate) use row_binary::names_and_types as row_binary_header;

/// How a format is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    Rows(RowKind),
    Values,
    Document,
    Blob,
    RowBinary,
    Native,
    Parquet,
    Arrow,
    ArrowStream,
}

/// What rows of a text format look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowKind {
    TabSeparated,
    Raw,
    Csv,
    KeyValue,
    Line,
    Json,
    JsonStrings,
    JsonCompact,
    JsonCompactStrings,
    JsonAsString,
    Values,
}

/// Rows that were read.
#[derive(Debug)]
pub struct InputBlock {
    /// Full columns in the order of the schema that was wanted.
    pub block: Block,
    /// For each column the rows for which the input gave no value, whose DEFAULT is to be
    /// computed; the block has the type's default there. `None`: all rows have a value. Empty
    /// when that is so for all columns.
    pub defaulted: Vec<Option<BooleanBuffer>>,
}

impl InputBlock {
    /// A block whose every value was given.
    pub fn full(block: Block) -> InputBlock {
        InputBlock { block, defaulted: Vec::new() }
    }
}

/// Gives the rows of an input as blocks.
pub trait BlockReader: Send {
    /// The next block, `None` at the end. After an error there is nothing more to get.
    fn next(&mut self) -> Result<Option<InputBlock>>;
}

/// A reader of a format that fills columns of the wanted schema.
///
/// `threads` is how many threads may parse; with 0 or 1 all is done by the caller's.
///
/// # Errors
/// UNKNOWN_FORMAT, FORMAT_IS_NOT_SUITABLE_FOR_INPUT, what the start of the input is refused for.
pub fn reader(
    format: &str,
    source: Box<dyn ByteSource>,
    wanted: &Schema,
    settings: &FormatSettings,
    threads: usize,
) -> Result<Box<dyn BlockReader>> {
    let clobs = clob_columns(wanted);
    if !clobs.is_empty() {
        return clob_reader(format, source, wanted, clobs, settings, threads);
    }
    let declaration = input_declaration(format)?;
    Ok(match declaration.input {
        None => bail!(FormatIsNotSuitableForInput, "Format {format} is not suitable for input"),
        Some(Input::Rows(kind)) => {
            rows::reader(kind, declaration.header, source, wanted, settings, threads)?
        }
        Some(Input::Values) => {
            rows::reader(RowKind::Values, declaration.header, source, wanted, settings, threads)?
        }
        Some(Input::Document) => document::reader(declaration.base_name, source, wanted, settings)?,
        Some(Input::Blob) => document::blob_reader(source, wanted, settings)?,
        Some(Input::RowBinary) => Box::new(row_binary::RowBinaryReader::new(
            source,
            wanted,
            settings,
            declaration.header,
            declaration.base_name == "RowBinaryWithDefaults",
        )),
        Some(Input::Native) => Box::new(native::NativeReader::new(source, wanted, settings)),
        Some(Input::Parquet) => parquet::reader(source, wanted, settings, threads)?,
        Some(Input::Arrow) => arrow::file_reader(source, wanted, settings)?,
        Some(Input::ArrowStream) => arrow::stream_reader(source, wanted, settings)?,
    })
}

/// A reader for a schema with CLOB columns, whose long texts go where the settings say.
fn clob_reader(
    format: &str,
    source: Box<dyn ByteSource>,
    wanted: &Schema,
    clobs: Vec<usize>,
    settings: &FormatSettings,
    threads: usize,
) -> Result<Box<dyn BlockReader>> {
    let schema = with_strings(wanted);
    let Some(sink) = settings.long_texts.clone() else {
        let inner = reader(format, source, &schema, settings, threads)?;
        return Ok(Box::new(ClobReader { inner, clobs, texts: None }));
    };
    let texts = Arc::new(LongTexts::new(sink, settings.max_clob_bytes));
    let declaration = input_declaration(format)?;
    let inner = match declaration.input {
        Some(Input::Blob) if wanted.len() == 1 => {
            return Ok(Box::new(ClobOfInput { source, texts, done: false }));
        }
        Some(Input::Rows(RowKind::Json)) => {
            let name = |at: &usize| wanted.fields()[*at].name.clone().into_bytes();
            let keys = clobs.iter().map(name).collect();
            let source = Box::new(long_texts::JsonTexts::new(source, texts.clone(), keys));
            reader(format, source, &schema, settings, threads)?
        }
        Some(Input::RowBinary) => {
            let with_defaults = declaration.base_name == "RowBinaryWithDefaults";
            let header = declaration.header;
            let rows =
                row_binary::RowBinaryReader::new(source, &schema, settings, header, with_defaults);
            Box::new(rows.with_long_texts(&clobs, texts.clone()))
        }
        _ => reader(format, source, &schema, settings, threads)?,
    };
    Ok(Box::new(ClobReader { inner, clobs, texts: Some(texts) }))
}

/// A source whose start was looked at already, from its start.
pub fn rewind(looked_at: Vec<u8>, rest: Box<dyn ByteSource>) -> Box<dyn ByteSource> {
    Box::new(source::Prefetched::new(looked_at, rest))
}

/// The declaration of a format that can be read.
pub(crate) fn input_declaration(format: &str) -> Result<&'static FormatDeclaration> {
    match find(format) {
        None => bail!(UnknownFormat, "Unknown format {format}"),
        Some(declaration) if declaration.input.is_none() => {
            bail!(FormatIsNotSuitableForInput, "Format {format} is not suitable for input")
        }
        Some(declaration) => Ok(declaration),
    }
}
