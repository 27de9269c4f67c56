//! Native in; see `output/native.rs` for the layout. Inserts come without block info and may
//! hold LowCardinality columns:
//!
//! ```text
//! prefix   UInt64 1 (the version of keys), before the column's values, once
//! values   UInt64 flags (low byte: width of the positions, 0 to 3 for 1 to 8 bytes)
//!          UInt64 count, keys without NULLs; UInt64 rows, a position a row
//!          of a Nullable type key 0 stands for NULL
//! ```
//!
//! Dynamic and JSON may come in any version; version 4 is as 2 with types in binary form, and JSON says how further
//! paths lie (0: as an array). A Variant may say (prefix 1) that its numbers come in runs: varint rows, then a byte:
//! 0 and the numbers of those rows, or 1 and the one number that they all have.

mod prefix;
mod several;
mod values;

use arrow_array::ArrayRef;
use base::{Error, Result, bail};
use types::{Block, Column, DataType, Schema};

use self::prefix::Prefix;
use self::values::read_values;
use super::row_binary::is_cut;
use super::source::{Arrived, ByteSource};
use super::{BlockReader, InputBlock};
use crate::FormatSettings;
use crate::convert::{Converted, convert};
use crate::text::{Cursor, read_binary_string, read_varint, visible};
use crate::type_code::read_type;

/// A column of a block as it was sent.
struct SentColumn {
    name: Vec<u8>,
    data_type: DataType,
    values: ArrayRef,
}

pub(crate) struct NativeReader {
    arrived: Arrived,
    wanted: Schema,
    settings: FormatSettings,
    rows: u64,
    failed: bool,
}

impl NativeReader {
    pub(crate) fn new(
        source: Box<dyn ByteSource>,
        wanted: &Schema,
        settings: &FormatSettings,
    ) -> NativeReader {
        NativeReader {
            arrived: Arrived::new(source, settings.max_document_bytes),
            wanted: wanted.clone(),
            settings: settings.clone(),
            rows: 0,
            failed: false,
        }
    }

    fn next_block(&mut self) -> Result<Option<InputBlock>> {
        loop {
            if !self.arrived.rest().is_empty() {
                let mut cursor = Cursor::new(self.arrived.rest());
                match read_block(&mut cursor, &self.settings) {
                    Ok((columns, rows)) => {
                        let read = cursor.position();
                        self.arrived.advance(read);
                        if rows == 0 {
                            continue;
                        }
                        self.rows += rows as u64;
                        return self.arrange(columns, rows).map(Some);
                    }
                    Err(error) if is_cut(&error) && !self.arrived.has_ended() => {}
                    Err(error) => {
                        let rows = self.rows;
                        let message = error.message();
                        return Err(Error::new(
                            error.code(),
                            format!("{message} (in the block after row {rows})"),
                        ));
                    }
                }
            }
            if !self.arrived.refill("A block")? && self.arrived.rest().is_empty() {
                return Ok(None);
            }
        }
    }

    /// The columns that are wanted, in their types.
    fn arrange(&self, mut sent: Vec<SentColumn>, rows: usize) -> Result<InputBlock> {
        let settings = &self.settings;
        let mut columns = Vec::with_capacity(self.wanted.len());
        let mut defaulted = Vec::with_capacity(self.wanted.len());
        for field in self.wanted.fields() {
            let at = sent.iter().position(|column| column.name == field.name.as_bytes());
            let Some(at) = at else {
                columns.push(Column::Flat(types::default_array(&field.data_type, rows)?));
                defaulted.push(Some(arrow_buffer::BooleanBuffer::new_set(rows)));
                continue;
            };
            let column = sent.swap_remove(at);
            let converted = convert(&column.values, &column.data_type, &field.data_type, settings);
            let Converted { array, defaulted: holes } = converted.map_err(|e| {
                Error::new(e.code(), format!("{} (column {})", e.message(), field.name))
            })?;
            columns.push(Column::Flat(array));
            defaulted.push(holes);
        }
        if let Some(column) = sent.first()
            && !settings.input_format_skip_unknown_fields
        {
            bail!(IncorrectData, "Unknown column with name {} found", visible(&column.name));
        }
        if defaulted.iter().all(Option::is_none) {
            defaulted.clear();
        }
        Ok(InputBlock { block: Block::new(columns, rows), defaulted })
    }
}

impl BlockReader for NativeReader {
    fn next(&mut self) -> Result<Option<InputBlock>> {
        if self.failed {
            return Ok(None);
        }
        let block = self.next_block();
        self.failed = block.is_err();
        block
    }
}

/// Reads one block.
fn read_block(
    cursor: &mut Cursor<'_>,
    settings: &FormatSettings,
) -> Result<(Vec<SentColumn>, usize)> {
    const MOST: u64 = 1 << 31;
    let columns = read_varint(cursor)?;
    let rows = read_varint(cursor)?;
    if columns > 100_000 || rows >= MOST {
        bail!(
            IncorrectData,
            "Suspiciously many columns or rows in a block of Native format: {columns}, {rows}"
        );
    }
    let rows = rows as usize;
    let mut sent = Vec::new();
    for _ in 0..columns {
        let name = read_binary_string(cursor, 1 << 20)?.to_vec();
        let binary = settings.input_format_native_decode_types_in_binary_format;
        let data_type = read_type_of(cursor, binary)?;
        let values = if rows == 0 {
            types::default_array(&data_type, 0)?
        } else {
            let prefix = Prefix::read(cursor, &data_type, binary)?;
            read_values(cursor, &data_type, &prefix, rows, settings)?
        };
        sent.push(SentColumn { name, data_type, values });
    }
    Ok((sent, rows))
}

/// Reads a type by its name, or in binary form.
fn read_type_of(cursor: &mut Cursor<'_>, binary: bool) -> Result<DataType> {
    if binary {
        return read_type(cursor);
    }
    let name = read_binary_string(cursor, 1 << 20)?;
    match std::str::from_utf8(name) {
        Ok(name) => DataType::parse(name).map(|data_type| data_type.without_clob()),
        Err(_) => bail!(IncorrectData, "The name of a type is not UTF-8: {}", visible(name)),
    }
}

/// Names and types of the columns of the first block.
pub(crate) fn header(
    cursor: &mut Cursor<'_>,
    settings: &FormatSettings,
) -> Result<Vec<(String, DataType)>> {
    let (columns, _) = read_block(cursor, settings)?;
    let named = columns.into_iter();
    Ok(named.map(|c| (String::from_utf8_lossy(&c.name).into_owned(), c.data_type)).collect())
}
