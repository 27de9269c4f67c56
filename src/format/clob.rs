//! CLOB in and out: for every format it is String.
//!
//! Readers give texts within their rows, writers take cells wherever their texts lie. A writer makes Strings of a whole
//! block, so whoever calls it cuts blocks before (`types::clob::cut`).

use std::sync::Arc;

use arrow_array::builder::BinaryViewBuilder;
use arrow_array::{Array, ArrayRef};
use base::Result;
use types::clob::{self, Clob};
use types::{Block, Column, Field, Schema};

use crate::input::{BlockReader, ByteSource, InputBlock, LongTexts, whole_input};
use crate::output::{BlockWriter, Statistics};

/// Where there are columns of CLOB.
pub fn clob_columns(schema: &Schema) -> Vec<usize> {
    let fields = schema.fields().iter().enumerate();
    fields.filter(|(_, field)| field.data_type.is_clob()).map(|(at, _)| at).collect()
}

/// The schema with String in the place of CLOB.
pub(crate) fn with_strings(schema: &Schema) -> Schema {
    let field = |field: &Field| Field::new(field.name.clone(), field.data_type.without_clob());
    Schema::new(schema.fields().iter().map(field).collect())
}

/// A reader of Strings that gives CLOB.
pub(crate) struct ClobReader {
    pub(crate) inner: Box<dyn BlockReader>,
    pub(crate) clobs: Vec<usize>,
    /// What tokens stand for.
    pub(crate) texts: Option<Arc<LongTexts>>,
}

impl ClobReader {
    fn cells(&self, strings: &ArrayRef) -> Result<ArrayRef> {
        let Some(texts) = &self.texts else { return clob::from_strings(strings) };
        let (strings, mut cell) = (clob::bytes_of(strings)?, Vec::new());
        let mut out = BinaryViewBuilder::with_capacity(strings.len());
        for text in strings.iter() {
            match text.map(|text| (text, texts.cell(text))) {
                None => out.append_null(),
                Some((_, Some(cell))) => out.append_value(cell),
                Some((text, None)) => {
                    texts.admit(text.len() as u64)?;
                    cell.clear();
                    Clob::InRow(text).put(&mut cell);
                    out.append_value(&cell);
                }
            }
        }
        Ok(Arc::new(out.finish()))
    }
}

/// One row of one text: the whole input.
pub(crate) struct ClobOfInput {
    pub(crate) source: Box<dyn ByteSource>,
    pub(crate) texts: Arc<LongTexts>,
    pub(crate) done: bool,
}

impl BlockReader for ClobOfInput {
    fn next(&mut self) -> Result<Option<InputBlock>> {
        if std::mem::replace(&mut self.done, true) {
            return Ok(None);
        }
        let cell = whole_input(self.source.as_mut(), &self.texts)?;
        let mut cells = BinaryViewBuilder::with_capacity(1);
        cells.append_value(cell);
        let column = Column::Flat(Arc::new(cells.finish()));
        Ok(Some(InputBlock::full(Block::new(vec![column], 1))))
    }
}

impl BlockReader for ClobReader {
    fn next(&mut self) -> Result<Option<InputBlock>> {
        let Some(mut read) = self.inner.next()? else { return Ok(None) };
        let rows = read.block.rows();
        let mut columns = read.block.into_columns();
        for at in &self.clobs {
            columns[*at] = Column::Flat(self.cells(&columns[*at].to_flat()?)?);
        }
        read.block = Block::new(columns, rows);
        Ok(Some(read))
    }
}

/// A writer of Strings that takes CLOB.
pub(crate) struct ClobWriter {
    pub(crate) inner: Box<dyn BlockWriter>,
    pub(crate) clobs: Vec<usize>,
}

impl ClobWriter {
    fn strings(&self, block: &Block) -> Result<Block> {
        let mut columns = block.columns().to_vec();
        for at in &self.clobs {
            columns[*at] = columns[*at].clob_texts()?;
        }
        Ok(Block::new(columns, block.rows()))
    }
}

impl BlockWriter for ClobWriter {
    fn write(&mut self, block: &Block, out: &mut Vec<u8>) -> Result<()> {
        self.inner.write(&self.strings(block)?, out)
    }

    fn totals(&mut self, block: &Block) -> Result<()> {
        self.inner.totals(&self.strings(block)?)
    }

    fn extremes(&mut self, block: &Block) -> Result<()> {
        // What is least and greatest is computed of Strings.
        self.inner.extremes(block)
    }

    fn finish(&mut self, statistics: &Statistics, out: &mut Vec<u8>) -> Result<()> {
        self.inner.finish(statistics, out)
    }
}
