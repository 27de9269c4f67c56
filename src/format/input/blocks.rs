//! Builds the blocks of row formats: columns that grow row by row, and which values were not
//! given.

use arrow_array::ArrayRef;
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};
use base::{Error, Result};
use types::{Block, Column, Schema};

use super::InputBlock;
use crate::FormatSettings;
use crate::text::ColumnParser;

/// Columns of the wanted schema in the making.
pub(crate) struct BlockBuilder {
    pub(crate) columns: Vec<ColumnParser>,
    defaulted: Vec<Option<BooleanBufferBuilder>>,
    rows: usize,
    notes_defaults: bool,
}

impl BlockBuilder {
    pub(crate) fn new(schema: &Schema, settings: &FormatSettings) -> BlockBuilder {
        BlockBuilder {
            columns: schema
                .fields()
                .iter()
                .map(|field| ColumnParser::new(&field.data_type, settings))
                .collect(),
            defaulted: schema.fields().iter().map(|_| None).collect(),
            rows: 0,
            notes_defaults: settings.input_format_defaults_for_omitted_fields,
        }
    }

    /// Rows that are complete.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Whether a column has its value of the open row.
    pub(crate) fn has_value(&self, column: usize) -> bool {
        self.columns[column].len() > self.rows
    }

    /// Notes that the value which was put last into a column is only its default.
    pub(crate) fn note_default(&mut self, column: usize) {
        if !self.notes_defaults {
            return;
        }
        let bits = self.defaulted[column].get_or_insert_with(|| BooleanBufferBuilder::new(0));
        if bits.len() <= self.rows {
            bits.append_n(self.rows - bits.len(), false);
            bits.append(true);
        }
    }

    /// Puts the default into a column.
    pub(crate) fn push_default(&mut self, column: usize) {
        self.columns[column].push_default();
        self.note_default(column);
    }

    /// Ends the open row; columns without a value get their default.
    pub(crate) fn end_row(&mut self) {
        for column in 0..self.columns.len() {
            if !self.has_value(column) {
                self.push_default(column);
            }
        }
        self.rows += 1;
    }

    /// Forgets the open row.
    pub(crate) fn drop_row(&mut self) {
        let rows = self.rows;
        self.columns.iter_mut().for_each(|column| column.truncate(rows));
        for bits in self.defaulted.iter_mut().flatten() {
            bits.truncate(rows.min(bits.len()));
        }
    }

    /// Bytes held, about.
    pub(crate) fn memory(&self) -> usize {
        self.columns.iter().map(ColumnParser::memory).sum()
    }

    /// The block of columns that were filled one after another, to `rows` rows each; those that
    /// were not get their default.
    pub(crate) fn finish_columns(&mut self, rows: usize) -> Result<InputBlock> {
        for column in &mut self.columns {
            while column.len() < rows {
                column.push_default();
            }
        }
        self.rows = rows;
        self.finish()
    }

    /// The block of all rows; this is empty again.
    pub(crate) fn finish(&mut self) -> Result<InputBlock> {
        let rows = std::mem::take(&mut self.rows);
        let arrays: Vec<ArrayRef> =
            self.columns.iter_mut().map(ColumnParser::finish).collect::<Result<_>>()?;
        if arrays.iter().any(|array| arrow_array::Array::len(array) != rows) {
            return Err(Error::logical("columns of a parsed block differ in length"));
        }
        let any = self.defaulted.iter().any(Option::is_some);
        let defaulted = self.defaulted.iter_mut().map(|bits| finish_bits(bits, rows)).collect();
        Ok(InputBlock {
            block: Block::new(arrays.into_iter().map(Column::Flat).collect(), rows),
            defaulted: if any { defaulted } else { Vec::new() },
        })
    }
}

fn finish_bits(bits: &mut Option<BooleanBufferBuilder>, rows: usize) -> Option<BooleanBuffer> {
    let mut bits = bits.take()?;
    bits.append_n(rows.saturating_sub(bits.len()), false);
    let buffer = bits.finish();
    (buffer.count_set_bits() > 0).then_some(buffer)
}

/// Whether errors may be skipped, and whether too many were.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ErrorAllowance {
    number: u64,
    ratio: f32,
}

impl ErrorAllowance {
    pub(crate) fn new(settings: &FormatSettings) -> ErrorAllowance {
        ErrorAllowance {
            number: settings.input_format_allow_errors_num,
            ratio: settings.input_format_allow_errors_ratio,
        }
    }

    /// Whether any error may be skipped at all.
    pub(crate) fn any(self) -> bool {
        self.number > 0 || self.ratio > 0.0
    }

    /// Whether so many errors among so many rows are too many.
    pub(crate) fn exceeded(self, errors: u64, rows: u64) -> bool {
        errors > self.number && errors as f32 > self.ratio * rows as f32
    }
}
