//! Blocks out as bytes.
//!
//! Formats that write row by row implement [`RowLayout`]; [`RowsWriter`] gives them the columns
//! as text and keeps totals and extremes until the end. Binary formats implement
//! [`BlockWriter`] themselves. What stands before the first row is written lazily, by the first
//! block or by the end, so that an empty result is right too.

mod arrow;
mod delimited;
mod document;
mod json_rows;
mod markup;
mod native;
mod pretty;
mod row_binary;
mod statements;
mod table;
mod vertical;

use arrow_array::ArrayRef;
use base::{Result, bail};
use types::{Block, DataType, Schema};

use crate::FormatSettings;
use crate::clob::{ClobWriter, clob_columns, with_strings};
use crate::declaration::{FormatDeclaration, find};
use crate::text::ColumnText;

/// What a format may tell of the query at the end of its result.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Statistics {
    /// Seconds that the query took.
    pub elapsed: f64,
    /// Rows read from tables.
    pub rows_read: u64,
    /// Bytes read from tables.
    pub bytes_read: u64,
    /// Rows that there were before LIMIT, if that was applied.
    pub rows_before_limit: Option<u64>,
}

/// Writes the blocks of one result.
pub trait BlockWriter: Send {
    /// Appends a block.
    fn write(&mut self, block: &Block, out: &mut Vec<u8>) -> Result<()>;

    /// Takes the row of `WITH TOTALS`, which formats that can show it write at the end.
    fn totals(&mut self, block: &Block) -> Result<()>;

    /// Takes the rows of minima and maxima, which formats that can show them write at the end.
    fn extremes(&mut self, block: &Block) -> Result<()>;

    /// Ends the result.
    fn finish(&mut self, statistics: &Statistics, out: &mut Vec<u8>) -> Result<()>;
}

/// The writer of a format for a result of this schema.
///
/// # Errors
/// UNKNOWN_FORMAT, FORMAT_IS_NOT_SUITABLE_FOR_OUTPUT, and what the format demands of types.
pub fn writer(
    format: &str,
    schema: &Schema,
    settings: &FormatSettings,
) -> Result<Box<dyn BlockWriter>> {
    let Some(declaration) = find(format) else {
        bail!(UnknownFormat, "Unknown format {format}");
    };
    let clobs = clob_columns(schema);
    if !clobs.is_empty() {
        let inner = writer(format, &with_strings(schema), settings)?;
        return Ok(Box::new(ClobWriter { inner, clobs }));
    }
    match declaration.writer {
        Some(make) => make(declaration, schema, settings),
        None => {
            bail!(FormatIsNotSuitableForOutput, "Format {format} is not suitable for output")
        }
    }
}

/// Makes the writer of a declared format.
pub(crate) type MakeWriter =
    fn(&FormatDeclaration, &Schema, &FormatSettings) -> Result<Box<dyn BlockWriter>>;

/// What does not change within a result.
pub(crate) struct About {
    pub(crate) schema: Schema,
    pub(crate) settings: FormatSettings,
}

/// Some rows, their columns ready to be written.
pub(crate) struct Rows<'a> {
    pub(crate) columns: Vec<ColumnText<'a>>,
    pub(crate) count: usize,
}

/// What is known at the end.
pub(crate) struct Ending<'a> {
    pub(crate) totals: Option<Rows<'a>>,
    pub(crate) extremes: Option<Rows<'a>>,
    pub(crate) rows: u64,
    pub(crate) statistics: &'a Statistics,
}

/// A format that writes rows one after another.
pub(crate) trait RowLayout: Send {
    /// Writes what stands before the rows.
    fn start(&mut self, about: &About, out: &mut Vec<u8>) -> Result<()>;

    /// Writes rows; `before` rows were written already.
    fn rows(
        &mut self,
        rows: &Rows<'_>,
        before: u64,
        about: &About,
        out: &mut Vec<u8>,
    ) -> Result<()>;

    /// Writes what stands behind the rows.
    fn finish(&mut self, ending: &Ending<'_>, about: &About, out: &mut Vec<u8>) -> Result<()>;
}

/// Writes blocks in a [`RowLayout`].
pub(crate) struct RowsWriter<L> {
    layout: L,
    about: About,
    started: bool,
    rows: u64,
    totals: Option<Block>,
    extremes: Option<Block>,
}

impl<L: RowLayout + 'static> RowsWriter<L> {
    pub(crate) fn boxed(
        layout: L,
        schema: &Schema,
        settings: &FormatSettings,
    ) -> Box<dyn BlockWriter> {
        Box::new(RowsWriter {
            layout,
            about: About { schema: schema.clone(), settings: settings.clone() },
            started: false,
            rows: 0,
            totals: None,
            extremes: None,
        })
    }

    fn start(&mut self, out: &mut Vec<u8>) -> Result<()> {
        if !self.started {
            self.started = true;
            self.layout.start(&self.about, out)?;
        }
        Ok(())
    }
}

/// The columns of a block as plain arrays.
pub(crate) fn flat(block: &Block) -> Result<Vec<ArrayRef>> {
    block.columns().iter().map(types::Column::to_flat).collect()
}

fn texts<'a>(arrays: &'a [ArrayRef], about: &'a About) -> Result<Vec<ColumnText<'a>>> {
    let fields = about.schema.fields();
    arrays
        .iter()
        .zip(fields)
        .map(|(array, field)| ColumnText::new(array, &field.data_type, &about.settings))
        .collect()
}

impl<L: RowLayout> BlockWriter for RowsWriter<L>
where
    L: 'static,
{
    fn write(&mut self, block: &Block, out: &mut Vec<u8>) -> Result<()> {
        self.start(out)?;
        if block.rows() == 0 {
            return Ok(());
        }
        let arrays = flat(block)?;
        let rows = Rows { columns: texts(&arrays, &self.about)?, count: block.rows() };
        self.layout.rows(&rows, self.rows, &self.about, out)?;
        self.rows += block.rows() as u64;
        Ok(())
    }

    fn totals(&mut self, block: &Block) -> Result<()> {
        self.totals = (block.rows() > 0).then(|| block.clone());
        Ok(())
    }

    fn extremes(&mut self, block: &Block) -> Result<()> {
        self.extremes = (block.rows() > 0).then(|| block.clone());
        Ok(())
    }

    fn finish(&mut self, statistics: &Statistics, out: &mut Vec<u8>) -> Result<()> {
        self.start(out)?;
        let totals = self.totals.as_ref().map(flat).transpose()?;
        let extremes = self.extremes.as_ref().map(flat).transpose()?;
        let ready = |arrays: &Option<Vec<ArrayRef>>| -> Result<Option<usize>> {
            Ok(arrays.as_ref().and_then(|a| a.first()).map(arrow_array::Array::len))
        };
        let counts = (ready(&totals)?, ready(&extremes)?);
        let rows = |arrays, count: Option<usize>| -> Result<Option<Rows<'_>>> {
            let (Some(arrays), Some(count)) = (arrays, count) else { return Ok(None) };
            Ok(Some(Rows { columns: texts(arrays, &self.about)?, count }))
        };
        let ending = Ending {
            totals: rows(totals.as_deref(), counts.0)?,
            extremes: rows(extremes.as_deref(), counts.1)?,
            rows: self.rows,
            statistics,
        };
        self.layout.finish(&ending, &self.about, out)
    }
}

/// Whether the values of a type stand at the right of their column in tables.
pub(crate) fn is_right_aligned(data_type: &DataType) -> bool {
    let inner = data_type.inner();
    (inner.is_number() && *inner != DataType::Bool)
        || inner.is_date()
        || inner.is_datetime()
        || matches!(inner, DataType::Interval(_))
}

macro_rules! makers {
    ($($name:ident = $path:path;)*) => {
        $(pub(crate) use $path as $name;)*
    };
}

makers! {
    make_arrow = arrow::make;
    make_delimited = delimited::make;
    make_document = document::make;
    make_json_rows = json_rows::make;
    make_markup = markup::make;
    make_native = native::make;
    make_pretty = pretty::make;
    make_row_binary = row_binary::make;
    make_statements = statements::make;
    make_vertical = vertical::make;
}
