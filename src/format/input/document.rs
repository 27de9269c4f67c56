//! Documents that are read whole: JSON, JSONCompact, JSONColumns and RawBLOB.

use std::collections::HashMap;

use base::{Result, bail};
use bytes::Bytes;
use types::Schema;

use super::blocks::BlockBuilder;
use super::rows;
use super::source::{ByteSource, BytesSource, read_whole};
use super::{BlockReader, InputBlock, RowKind};
use crate::FormatSettings;
use crate::declaration::Header;
use crate::text::{Cursor, Escaping, json_string, read_json_string, skip_json_value, visible};

/// A block that is ready.
struct Ready(Option<InputBlock>);

impl BlockReader for Ready {
    fn next(&mut self) -> Result<Option<InputBlock>> {
        Ok(self.0.take())
    }
}

/// A reader of one of these formats.
pub(crate) fn reader(
    base_name: &str,
    mut source: Box<dyn ByteSource>,
    wanted: &Schema,
    settings: &FormatSettings,
) -> Result<Box<dyn BlockReader>> {
    let bytes = Bytes::from(read_whole(&mut *source, settings.max_document_bytes)?);
    let mut cursor = Cursor::new(&bytes);
    cursor.skip_spaces();
    match base_name {
        "JSON" | "JSONCompact" | "JSONColumnsWithMetadata" => {
            let names = enter_data(&mut cursor)?;
            if base_name == "JSONColumnsWithMetadata" {
                return columns(&mut cursor, wanted, settings, false);
            }
            let start = cursor.position();
            skip_json_value(&mut cursor)?;
            let end = cursor.position();
            if base_name == "JSON" {
                let data = Box::new(BytesSource::new(vec![bytes.slice(start..end)]));
                return rows::reader(RowKind::Json, Header::None, data, wanted, settings, 1);
            }
            compact_rows(&bytes, start, end, &names, wanted, settings)
        }
        _ => columns(&mut cursor, wanted, settings, base_name == "JSONCompactColumns"),
    }
}

/// Rows as lists, their fields in the order of the names.
fn compact_rows(
    bytes: &Bytes,
    start: usize,
    end: usize,
    names: &[Vec<u8>],
    wanted: &Schema,
    settings: &FormatSettings,
) -> Result<Box<dyn BlockReader>> {
    let data = &bytes[start..end];
    if data.first() != Some(&b'[') || data.len() < 2 {
        bail!(IncorrectData, "\"data\" must be an array, found '{}'", visible(data));
    }
    let mut pieces = Vec::new();
    let mut header = Header::None;
    if !names.is_empty() {
        header = Header::Names;
        let mut line = b"[".to_vec();
        for (at, name) in names.iter().enumerate() {
            if at > 0 {
                line.push(b',');
            }
            crate::text::write_string(name, Escaping::Json, settings, &mut line);
        }
        line.extend_from_slice(b"]\n");
        pieces.push(line.into());
    }
    pieces.push(bytes.slice(start + 1..end - 1));
    let source = Box::new(BytesSource::new(pieces));
    rows::reader(RowKind::JsonCompact, header, source, wanted, settings, 1)
}

/// Moves to the value of `"data"`; gives the names in `"meta"`.
///
/// # Errors
/// INCORRECT_DATA when there is no `"data"`.
pub(crate) fn enter_data(cursor: &mut Cursor<'_>) -> Result<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    cursor.expect(b'{')?;
    loop {
        cursor.skip_spaces();
        if !matches!(cursor.peek(), Some(b'"')) {
            bail!(IncorrectData, "Expected field \"data\" with table content");
        }
        let mut key = Vec::new();
        read_json_string(cursor, &mut key)?;
        cursor.skip_spaces();
        cursor.expect(b':')?;
        cursor.skip_spaces();
        match key.as_slice() {
            b"data" => return Ok(names),
            b"meta" => names = meta(cursor)?.into_iter().map(|(name, _)| name).collect(),
            _ => skip_json_value(cursor)?,
        }
        cursor.skip_spaces();
        cursor.eat(b',');
    }
}

/// Names and types of `[{"name": .., "type": ..}, ..]`.
pub(crate) fn meta(cursor: &mut Cursor<'_>) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut fields = Vec::new();
    cursor.expect(b'[')?;
    loop {
        cursor.skip_spaces();
        if cursor.eat(b']') {
            return Ok(fields);
        }
        let (mut name, mut type_name) = (Vec::new(), Vec::new());
        for (key, value) in super::json_rows::row_fields(cursor, false)? {
            let mut buffer = Vec::new();
            let text = json_string(&mut Cursor::new(value), &mut buffer).map(<[u8]>::to_vec);
            match key.as_slice() {
                b"name" => name = text?,
                b"type" => type_name = text?,
                _ => {}
            }
        }
        fields.push((name, type_name));
        cursor.skip_spaces();
        cursor.eat(b',');
    }
}

/// Columns as lists, by name or in their order.
fn columns(
    cursor: &mut Cursor<'_>,
    wanted: &Schema,
    settings: &FormatSettings,
    compact: bool,
) -> Result<Box<dyn BlockReader>> {
    let mut builder = BlockBuilder::new(wanted, settings);
    let mut given = vec![Vec::new(); wanted.len()];
    let names: HashMap<&[u8], usize> =
        wanted.fields().iter().enumerate().map(|(at, f)| (f.name.as_bytes(), at)).collect();
    let mut rows = None;
    let close = if compact { b']' } else { b'}' };
    cursor.expect(if compact { b'[' } else { b'{' })?;
    let mut count = 0;
    loop {
        cursor.skip_spaces();
        if cursor.eat(close) {
            break;
        }
        let column = if compact {
            (count < wanted.len()).then_some(count)
        } else {
            let mut buffer = Vec::new();
            let mut place = cursor.clone();
            let key = json_string(&mut place, &mut buffer)?;
            let column = names.get(key).copied();
            cursor.seek(place.position());
            cursor.skip_spaces();
            cursor.expect(b':')?;
            cursor.skip_spaces();
            column
        };
        count += 1;
        match column {
            Some(column) if builder.columns[column].is_empty() => {
                given[column] = one_column(cursor, &mut builder, column, settings)?;
                let length = given[column].len();
                if *rows.get_or_insert(length) != length {
                    bail!(
                        IncorrectData,
                        "Number of rows differs in different columns: {} has {length}",
                        wanted.fields()[column].name
                    );
                }
            }
            _ => skip_json_value(cursor)?,
        }
        cursor.skip_spaces();
        cursor.eat(b',');
    }
    let rows = rows.unwrap_or(0);
    let mut block = builder.finish_columns(rows)?;
    note_defaults(&mut block, &given, rows);
    Ok(Box::new(Ready((rows > 0).then_some(block))))
}

/// Values of one column; which of them were given.
fn one_column(
    cursor: &mut Cursor<'_>,
    builder: &mut BlockBuilder,
    column: usize,
    settings: &FormatSettings,
) -> Result<Vec<bool>> {
    let mut given = Vec::new();
    cursor.expect(b'[')?;
    cursor.skip_spaces();
    if cursor.eat(b']') {
        return Ok(given);
    }
    loop {
        cursor.skip_spaces();
        given.push(builder.columns[column].read(cursor, Escaping::Json, settings)?);
        cursor.skip_spaces();
        if cursor.eat(b']') {
            return Ok(given);
        }
        cursor.expect(b',')?;
    }
}

fn note_defaults(block: &mut InputBlock, given: &[Vec<bool>], rows: usize) {
    let missing = |given: &Vec<bool>| -> Option<arrow_buffer::BooleanBuffer> {
        if given.len() == rows && given.iter().all(|given| *given) {
            return None;
        }
        Some((0..rows).map(|row| !given.get(row).copied().unwrap_or(false)).collect())
    };
    block.defaulted = given.iter().map(missing).collect();
    if block.defaulted.iter().all(Option::is_none) {
        block.defaulted.clear();
    }
}

/// A reader of RawBLOB: all bytes as one value.
pub(crate) fn blob_reader(
    mut source: Box<dyn ByteSource>,
    wanted: &Schema,
    settings: &FormatSettings,
) -> Result<Box<dyn BlockReader>> {
    if wanted.len() != 1 || !wanted.fields()[0].data_type.inner().is_string() {
        bail!(
            BadArguments,
            "This input format is only suitable for tables with a single column of type String"
        );
    }
    let limit = settings.max_value_bytes.min(settings.max_document_bytes);
    let bytes = read_whole(&mut *source, limit)?;
    let mut builder = BlockBuilder::new(wanted, settings);
    builder.columns[0].push_text(&bytes, Escaping::Raw, settings)?;
    builder.end_row();
    Ok(Box::new(Ready(Some(builder.finish()?))))
}
