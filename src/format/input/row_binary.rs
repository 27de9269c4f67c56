//! RowBinary in.

use base::{Error, ErrorCode, Result, bail};
use types::{DataType, Schema};

use super::blocks::BlockBuilder;
use super::header::FieldMap;
use super::source::{Arrived, ByteSource};
use super::{BlockReader, InputBlock};
use crate::FormatSettings;
use crate::declaration::Header;
use crate::text::{ColumnParser, Cursor, read_binary_string, read_varint, visible};
use crate::type_code::read_type;

/// More columns than this are no header but something else.
const MAX_COLUMNS: u64 = 100_000;

pub(crate) struct RowBinaryReader {
    arrived: Arrived,
    wanted: Schema,
    settings: FormatSettings,
    header: Header,
    /// A byte before each value tells whether it is left to its default.
    with_defaults: bool,
    builder: BlockBuilder,
    fields: Option<FieldMap>,
    /// For fields that nobody wants: their types, to move behind them.
    skipped: Vec<Option<ColumnParser>>,
    rows: u64,
    failed: bool,
}

/// Whether an error only says that more has to arrive.
pub(crate) fn is_cut(error: &Error) -> bool {
    error.code() == ErrorCode::CannotReadAllData
}

impl RowBinaryReader {
    pub(crate) fn new(
        source: Box<dyn ByteSource>,
        wanted: &Schema,
        settings: &FormatSettings,
        header: Header,
        with_defaults: bool,
    ) -> RowBinaryReader {
        RowBinaryReader {
            arrived: Arrived::new(source, settings.max_row_bytes),
            wanted: wanted.clone(),
            settings: settings.clone(),
            header,
            with_defaults,
            builder: BlockBuilder::new(wanted, settings),
            fields: (header == Header::None).then(|| FieldMap::identity(wanted)),
            skipped: Vec::new(),
            rows: 0,
            failed: false,
        }
    }

    /// Reads the header from what has arrived.
    fn try_header(&mut self) -> Result<()> {
        let mut cursor = Cursor::new(self.arrived.rest());
        let (names, types) =
            read_header(&mut cursor, self.header == Header::NamesAndTypes, &self.settings)?;
        let map = FieldMap::named(&names, &self.wanted, &self.settings)?;
        for (at, column) in map.columns.iter().enumerate() {
            let sent = types.get(at);
            match (column, sent) {
                (Some(column), Some(sent)) if self.settings.input_format_with_types_use_header => {
                    let field = &self.wanted.fields()[*column];
                    let wanted = field.data_type.without_low_cardinality();
                    if sent.without_low_cardinality() != wanted {
                        bail!(
                            IncorrectData,
                            "Type of '{}' must be {}, not {sent}",
                            field.name,
                            field.data_type
                        );
                    }
                    self.skipped.push(None);
                }
                (None, Some(sent)) => {
                    self.skipped.push(Some(ColumnParser::new(sent, &self.settings)));
                }
                (None, None) => bail!(
                    IncorrectData,
                    "Unknown field found in the header: '{}'; RowBinaryWithNames cannot skip it",
                    visible(&names[at])
                ),
                _ => self.skipped.push(None),
            }
        }
        self.arrived.advance(cursor.position());
        self.fields = Some(map);
        Ok(())
    }

    /// Reads as many rows as have arrived, up to a block; `Ok(true)` when the block is full.
    fn try_rows(&mut self) -> Result<bool> {
        let Some(fields) = &self.fields else { return Ok(false) };
        let mut cursor = Cursor::new(self.arrived.rest());
        let mut done = 0;
        let mut outcome = Ok(false);
        while !cursor.is_at_end() {
            let row = read_row(
                &mut cursor,
                fields,
                &mut self.skipped,
                &mut self.builder,
                self.with_defaults,
                &self.settings,
                &self.wanted,
            );
            if let Err(error) = row {
                self.builder.drop_row();
                outcome = Err(error);
                break;
            }
            if cursor.position() == done && self.wanted.is_empty() {
                bail!(EmptyListOfColumnsQueried, "RowBinary needs at least one column");
            }
            // Rows of no bytes would never end.
            if cursor.position() == done {
                bail!(IncorrectData, "The header names no columns, but bytes of rows follow");
            }
            self.builder.end_row();
            self.rows += 1;
            done = cursor.position();
            let rows = self.builder.rows();
            if rows >= self.settings.max_insert_block_size.max(1)
                || (rows.is_multiple_of(256)
                    && self.builder.memory() >= self.settings.max_block_bytes)
            {
                outcome = Ok(true);
                break;
            }
        }
        self.arrived.advance(done);
        outcome
    }

    fn next_block(&mut self) -> Result<Option<InputBlock>> {
        loop {
            let outcome = if self.fields.is_none() {
                self.try_header().map(|()| false)
            } else {
                self.try_rows()
            };
            let in_header = self.fields.is_none();
            match outcome {
                Ok(true) => return self.builder.finish().map(Some),
                Ok(false) if !self.arrived.rest().is_empty() => continue,
                Ok(false) => {}
                Err(error) if is_cut(&error) && !self.arrived.has_ended() => {}
                Err(error) if is_cut(&error) && in_header && self.arrived.rest().is_empty() => {
                    return Ok(None);
                }
                Err(error) => {
                    let row = self.rows + 1;
                    let message = error.message();
                    return Err(Error::new(error.code(), format!("{message} (at row {row})")));
                }
            }
            if !self.arrived.refill("A row")? && self.arrived.rest().is_empty() {
                return match self.builder.rows() {
                    0 => Ok(None),
                    _ => self.builder.finish().map(Some),
                };
            }
        }
    }
}

/// Names, and types if they follow.
fn read_header(
    cursor: &mut Cursor<'_>,
    with_types: bool,
    settings: &FormatSettings,
) -> Result<(Vec<Vec<u8>>, Vec<DataType>)> {
    const NAME_LIMIT: usize = 1 << 20;
    let count = read_varint(cursor)?;
    if count > MAX_COLUMNS {
        bail!(IncorrectData, "The header announces {count} columns");
    }
    let mut names = Vec::new();
    for _ in 0..count {
        names.push(read_binary_string(cursor, NAME_LIMIT)?.to_vec());
    }
    let mut types = Vec::new();
    for _ in 0..if with_types { count } else { 0 } {
        if settings.input_format_binary_decode_types_in_binary_format {
            types.push(read_type(cursor)?);
            continue;
        }
        let text = read_binary_string(cursor, NAME_LIMIT)?;
        let Ok(text) = std::str::from_utf8(text) else {
            bail!(IncorrectData, "The name of a type is not UTF-8: {}", visible(text));
        };
        types.push(DataType::parse(text)?);
    }
    Ok((names, types))
}

/// Names and types of RowBinaryWithNamesAndTypes.
pub(crate) fn names_and_types(
    cursor: &mut Cursor<'_>,
    settings: &FormatSettings,
) -> Result<(Vec<Vec<u8>>, Vec<DataType>)> {
    read_header(cursor, true, settings)
}

fn read_row(
    cursor: &mut Cursor<'_>,
    fields: &FieldMap,
    skipped: &mut [Option<ColumnParser>],
    builder: &mut BlockBuilder,
    with_defaults: bool,
    settings: &FormatSettings,
    wanted: &Schema,
) -> Result<()> {
    for (at, column) in fields.columns.iter().enumerate() {
        let Some(column) = column else {
            if let Some(Some(parser)) = skipped.get_mut(at) {
                parser.truncate(0);
                parser.read_binary(cursor, settings)?;
            }
            continue;
        };
        if with_defaults {
            let flag = read_varint(cursor)?;
            if flag != 0 {
                builder.push_default(*column);
                continue;
            }
        }
        builder.columns[*column].read_binary(cursor, settings).map_err(|error| {
            if is_cut(&error) {
                return error;
            }
            let field = &wanted.fields()[*column];
            let message = error.message();
            Error::new(error.code(), format!("{message} (column {})", field.name))
        })?;
    }
    Ok(())
}

impl BlockReader for RowBinaryReader {
    fn next(&mut self) -> Result<Option<InputBlock>> {
        if self.failed {
            return Ok(None);
        }
        let block = self.next_block();
        self.failed = block.is_err();
        block
    }
}
