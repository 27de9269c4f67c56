//! Blocks: some rows as columns, and what the columns are called.

use std::sync::Arc;

use arrow_array::{BooleanArray, UInt32Array};
use base::{Result, error};
use serde::{Deserialize, Serialize};

use crate::{Column, DataType};

/// A column's name and type.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its type.
    pub data_type: DataType,
}

impl Field {
    /// A field.
    pub fn new(name: impl Into<String>, data_type: DataType) -> Field {
        Field { name: name.into(), data_type }
    }
}

/// The fields of a block's columns, in their order. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    fields: Arc<[Field]>,
}

impl Schema {
    /// A schema of these fields.
    pub fn new(fields: Vec<Field>) -> Schema {
        Schema { fields: fields.into() }
    }

    /// The fields.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The number of columns.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there are no columns.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Where a column of that name stands.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|f| f.name == name)
    }

    /// Where a column of that name stands.
    ///
    /// # Errors
    /// NOT_FOUND_COLUMN_IN_BLOCK
    pub fn require(&self, name: &str) -> Result<usize> {
        self.index_of(name)
            .ok_or_else(|| error!(NotFoundColumnInBlock, "Not found column {name} in block"))
    }
}

/// Some rows as columns of equal length.
#[derive(Debug, Clone)]
pub struct Block {
    columns: Vec<Column>,
    rows: usize,
}

impl Block {
    /// A block of columns that must all have `rows` rows.
    pub fn new(columns: Vec<Column>, rows: usize) -> Block {
        debug_assert!(columns.iter().all(|c| c.len() == rows));
        Block { columns, rows }
    }

    /// The columns.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// One column.
    pub fn column(&self, at: usize) -> &Column {
        &self.columns[at]
    }

    /// The columns by value.
    pub fn into_columns(self) -> Vec<Column> {
        self.columns
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Rows `offset..offset + length`.
    #[must_use]
    pub fn slice(&self, offset: usize, length: usize) -> Block {
        Block::new(self.columns.iter().map(|c| c.slice(offset, length)).collect(), length)
    }

    /// The rows whose bit is set.
    pub fn filter(&self, mask: &BooleanArray) -> Result<Block> {
        let columns: Vec<Column> =
            self.columns.iter().map(|c| c.filter(mask)).collect::<Result<_>>()?;
        Ok(Block::new(columns, mask.true_count()))
    }

    /// The rows of the given numbers.
    pub fn take(&self, indices: &UInt32Array) -> Result<Block> {
        let columns: Vec<Column> =
            self.columns.iter().map(|c| c.take(indices)).collect::<Result<_>>()?;
        Ok(Block::new(columns, indices.len()))
    }

    /// Several blocks of one schema, one after another.
    pub fn concat(blocks: &[Block]) -> Result<Block> {
        let Some(first) = blocks.first() else { return Ok(Block::new(Vec::new(), 0)) };
        let rows = blocks.iter().map(Block::rows).sum();
        let columns = (0..first.columns.len())
            .map(|at| {
                let parts: Vec<Column> = blocks.iter().map(|b| b.columns[at].clone()).collect();
                Column::concat(&parts)
            })
            .collect::<Result<Vec<Column>>>()?;
        Ok(Block::new(columns, rows))
    }

    /// Bytes of memory that the columns take, about.
    pub fn memory(&self) -> usize {
        self.columns.iter().map(Column::memory).sum()
    }
}
