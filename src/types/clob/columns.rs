//! Columns of CLOB: cells from and to Strings, sources put in, blocks cut by the length of their texts.

use std::sync::Arc;

use arrow_array::builder::BinaryViewBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BinaryViewArray};
use base::{Error, Result, bail};

use super::{Clob, LONGEST, OUT_OF_ROW};
use crate::{Block, Column, DataType};

/// Cells of texts in the row.
pub fn from_strings(texts: &dyn Array) -> Result<ArrayRef> {
    let texts = bytes_of(texts)?;
    let mut cell = Vec::new();
    let mut out = BinaryViewBuilder::with_capacity(texts.len());
    for text in texts.iter() {
        match text {
            None => out.append_null(),
            Some(text) => {
                cell.clear();
                Clob::InRow(text).put(&mut cell);
                out.append_value(&cell);
            }
        }
    }
    Ok(Arc::new(out.finish()))
}

/// The texts of cells.
///
/// # Errors
/// Those of reading; MEMORY_LIMIT_EXCEEDED where they are longer than [`LONGEST`] together.
pub fn to_strings(cells: &dyn Array) -> Result<ArrayRef> {
    let cells = bytes_of(cells)?;
    let (mut total, mut text) = (0, Vec::new());
    let mut out = BinaryViewBuilder::with_capacity(cells.len());
    for cell in cells.iter() {
        let Some(cell) = cell else {
            out.append_null();
            continue;
        };
        let clob = Clob::parse(cell)?;
        total += clob.bytes();
        if total > LONGEST {
            bail!(
                MemoryLimitExceeded,
                "Texts of more than {LONGEST} bytes are needed at once as Strings; read fewer rows, or parts of them with substring or line"
            );
        }
        match clob {
            Clob::InRow(text) => out.append_value(text),
            stored => {
                text.clear();
                stored.read(0, stored.bytes(), &mut text)?;
                out.append_value(&text);
            }
        }
    }
    Ok(Arc::new(out.finish()))
}

/// The cells with their source put in.
///
/// # Errors
/// CORRUPTED_DATA
pub fn with_source(cells: &ArrayRef, source: u64) -> Result<ArrayRef> {
    let array = bytes_of(cells.as_ref())?;
    let is_stored = |cell: &[u8]| cell.first() == Some(&OUT_OF_ROW);
    if !array.iter().flatten().any(is_stored) {
        return Ok(cells.clone());
    }
    let mut changed = Vec::new();
    let mut out = BinaryViewBuilder::with_capacity(array.len());
    for cell in array.iter() {
        match cell {
            None => out.append_null(),
            Some(cell) if is_stored(cell) => {
                Clob::parse(cell)?;
                changed.clear();
                changed.extend_from_slice(cell);
                changed[1..9].copy_from_slice(&source.to_le_bytes());
                out.append_value(&changed);
            }
            Some(cell) => out.append_value(cell),
        }
    }
    Ok(Arc::new(out.finish()))
}

/// An array of cells or texts as such.
///
/// # Errors
/// LOGICAL_ERROR
pub fn bytes_of(array: &dyn Array) -> Result<&BinaryViewArray> {
    let found = array.as_binary_view_opt();
    found.ok_or_else(|| Error::logical(format!("texts in the layout {}", array.data_type())))
}

impl DataType {
    /// Whether its values are cells of this room, NULL or not.
    pub fn is_clob(&self) -> bool {
        *self.inner() == DataType::Clob
    }

    /// String where this is CLOB, and nullable as this is.
    #[must_use]
    pub fn without_clob(&self) -> DataType {
        match self {
            DataType::Clob => DataType::String,
            DataType::Nullable(inner) if **inner == DataType::Clob => DataType::String.nullable(),
            other => other.clone(),
        }
    }
}

impl Column {
    /// The texts of a column of CLOB.
    ///
    /// # Errors
    /// Those of [`to_strings`].
    pub fn clob_texts(&self) -> Result<Column> {
        match self {
            Column::Constant { value, len } => {
                Ok(Column::Constant { value: to_strings(value)?, len: *len })
            }
            other => to_strings(&other.to_flat()?).map(Column::Flat),
        }
    }
}

/// Cuts a block where its texts become more than `most` bytes; a single row may have more.
///
/// # Errors
/// CORRUPTED_DATA
pub fn cut(block: &Block, clobs: &[usize], most: u64) -> Result<Vec<Block>> {
    let columns: Vec<ArrayRef> =
        clobs.iter().map(|at| block.column(*at).to_flat()).collect::<Result<_>>()?;
    let (mut blocks, mut start, mut total) = (Vec::new(), 0, 0);
    for row in 0..block.rows() {
        let mut bytes = 0;
        for column in &columns {
            let cells = bytes_of(column.as_ref())?;
            if cells.is_valid(row) {
                bytes += Clob::parse(cells.value(row))?.bytes();
            }
        }
        if row > start && total + bytes > most {
            blocks.push(block.slice(start, row - start));
            (start, total) = (row, 0);
        }
        total += bytes;
    }
    blocks.push(block.slice(start, block.rows() - start));
    Ok(blocks)
}

/// A block whose texts all lie in their rows, for whoever keeps it longer than the sources of its texts.
///
/// # Errors
/// Those of reading.
pub fn in_rows(block: Block, types: impl Iterator<Item = DataType>) -> Result<Block> {
    let rows = block.rows();
    let mut columns = block.into_columns();
    for (column, data_type) in columns.iter_mut().zip(types) {
        if data_type.is_clob() {
            let texts = to_strings(&column.to_flat()?)?;
            *column = Column::Flat(from_strings(&texts)?);
        }
    }
    Ok(Block::new(columns, rows))
}
