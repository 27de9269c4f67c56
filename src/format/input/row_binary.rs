//! RowBinary in.

use std::sync::Arc;

use base::{Error, ErrorCode, Result, bail};
use types::{DataType, Schema};

use super::blocks::BlockBuilder;
use super::header::FieldMap;
use super::long_texts::{LONG, LongTexts};
use super::source::{Arrived, ByteSource};
use super::{BlockReader, InputBlock};
use crate::FormatSettings;
use crate::binary::write_varint;
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
    /// Takes texts of CLOB columns that have not arrived whole.
    long: Option<Long>,
}

/// Where long texts go.
struct Long {
    texts: Arc<LongTexts>,
    /// Which of the wanted columns have them.
    columns: Vec<bool>,
    /// One that was met: where it begins in what has arrived, how many bytes tell its length, and that.
    met: Option<(usize, usize, u64)>,
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
            long: None,
        }
    }

    /// Lets texts of some columns go elsewhere where they are long.
    pub(crate) fn with_long_texts(
        mut self,
        clobs: &[usize],
        texts: Arc<LongTexts>,
    ) -> RowBinaryReader {
        let columns = (0..self.wanted.len()).map(|at| clobs.contains(&at)).collect();
        self.long = Some(Long { texts, columns, met: None });
        self
    }

    /// Moves a long text that was met out of the input; a token stays for it.
    fn take_long(&mut self) -> Result<()> {
        let Some(Long { texts, met: Some((place, digits, length)), .. }) = &mut self.long else {
            return Ok(());
        };
        texts.admit(*length)?;
        let mut text = texts.start();
        self.arrived.take_out(*place, *digits as u64, |_| Ok(()))?;
        self.arrived.take_out(*place, *length, |bytes| text.push(bytes))?;
        let token = text.token()?;
        let mut value = Vec::with_capacity(token.len() + 4);
        write_varint(token.len() as u64, &mut value);
        value.extend_from_slice(token.as_bytes());
        self.arrived.put_in(*place, &value);
        Ok(())
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
                &Shape {
                    with_defaults: self.with_defaults,
                    settings: &self.settings,
                    wanted: &self.wanted,
                },
                &mut self.long,
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
                || ((rows.is_multiple_of(256) || self.long.is_some())
                    && self.builder.memory() >= self.settings.max_block_bytes)
            {
                outcome = Ok(true);
                break;
            }
        }
        self.arrived.advance(done);
        if let Some(Long { met: Some((place, ..)), .. }) = &mut self.long {
            *place -= done;
        }
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
            if matches!(&self.long, Some(Long { met: Some(_), .. })) {
                let row = self.rows + 1;
                self.take_long()
                    .map_err(|e| Error::new(e.code(), format!("{} (at row {row})", e.message())))?;
                continue;
            }
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

impl Long {
    /// Notes a text that begins here, is long and has not arrived whole.
    fn meet(&mut self, cursor: &Cursor<'_>, nullable: bool) {
        let mut ahead = Cursor::new(cursor.rest());
        if nullable && !ahead.eat(0) {
            return;
        }
        let place = ahead.position();
        if let Ok(length) = read_varint(&mut ahead)
            && length > LONG as u64
            && length > ahead.rest().len() as u64
        {
            let digits = ahead.position() - place;
            self.met = Some((cursor.position() + place, digits, length));
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
        types.push(DataType::parse(text)?.without_clob());
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

/// What rows are like.
struct Shape<'a> {
    with_defaults: bool,
    settings: &'a FormatSettings,
    wanted: &'a Schema,
}

fn read_row(
    cursor: &mut Cursor<'_>,
    fields: &FieldMap,
    skipped: &mut [Option<ColumnParser>],
    builder: &mut BlockBuilder,
    shape: &Shape<'_>,
    long: &mut Option<Long>,
) -> Result<()> {
    let Shape { with_defaults, settings, wanted } = *shape;
    if let Some(long) = long {
        long.met = None;
    }
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
        if let Some(long) = long.as_mut().filter(|long| long.columns[*column]) {
            long.meet(cursor, wanted.fields()[*column].data_type.is_nullable());
            if long.met.is_some() {
                bail!(CannotReadAllData, "a long text");
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
