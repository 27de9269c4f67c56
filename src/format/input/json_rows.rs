//! Rows of JSONEachRow and its kin.
//!
//! Objects of one stream mostly have the same keys in the same order: the keys of the last row
//! are expected again, and comparing one is all that a key costs while that holds.

use std::collections::HashMap;

use base::{Error, Result, bail};
use types::Schema;

use super::blocks::BlockBuilder;
use super::rows::Plan;
use crate::FormatSettings;
use crate::text::{
    Cursor, Escaping, json_string, read_json_string, skip_json_string, skip_json_value, visible,
};

/// The keys in the order of the last row, with the columns they go to.
pub(crate) struct KeyOrder {
    columns: HashMap<Vec<u8>, usize>,
    names: Vec<(String, String)>,
    /// Keys with their quotes and colon, as they stood in the last row.
    expected: Vec<(Vec<u8>, Option<usize>)>,
}

impl KeyOrder {
    pub(crate) fn new(wanted: &Schema) -> KeyOrder {
        let fields = wanted.fields();
        KeyOrder {
            columns: fields
                .iter()
                .enumerate()
                .map(|(at, field)| (field.name.as_bytes().to_vec(), at))
                .collect(),
            names: fields.iter().map(|f| (f.name.clone(), f.data_type.to_string())).collect(),
            expected: Vec::new(),
        }
    }

    /// Reads the key that stands `at` in its row, with the colon; gives its column.
    #[inline]
    fn read(
        &mut self,
        cursor: &mut Cursor<'_>,
        at: usize,
        settings: &FormatSettings,
    ) -> Result<Option<usize>> {
        if let Some((key, column)) = self.expected.get(at)
            && cursor.rest().starts_with(key)
        {
            cursor.advance(key.len());
            return Ok(*column);
        }
        self.read_other(cursor, at, settings)
    }

    #[cold]
    fn read_other(
        &mut self,
        cursor: &mut Cursor<'_>,
        at: usize,
        settings: &FormatSettings,
    ) -> Result<Option<usize>> {
        let start = cursor.position();
        let mut buffer = Vec::new();
        let mut place = cursor.clone();
        let key = json_string(&mut place, &mut buffer)?;
        let column = self.columns.get(key).copied();
        if column.is_none() && !settings.input_format_skip_unknown_fields {
            bail!(
                IncorrectData,
                "Unknown field found while parsing JSONEachRow format: {}",
                visible(key)
            );
        }
        cursor.seek(place.position());
        cursor.skip_spaces();
        cursor.expect(b':')?;
        let text = cursor.since(start).to_vec();
        match self.expected.get_mut(at) {
            Some(slot) => *slot = (text, column),
            // Keys without end are no prediction.
            None if at < 10_000 => self.expected.push((text, column)),
            None => {}
        }
        Ok(column)
    }

    #[cold]
    fn within(&self, error: Error, column: usize) -> Error {
        let (name, type_name) = &self.names[column];
        let message = error.message();
        Error::new(
            error.code(),
            format!("{message}: (while reading the value of key {name}, type {type_name})"),
        )
    }
}

/// Moves to the next row: behind spaces, commas and the brackets of an array of all rows.
fn next_row(cursor: &mut Cursor<'_>, open: u8) -> bool {
    loop {
        cursor.skip_spaces();
        match cursor.peek() {
            None => return false,
            Some(b',' | b';') => cursor.advance(1),
            Some(b'[' | b']') if open == b'{' => cursor.advance(1),
            Some(0xef) if cursor.rest().starts_with(b"\xef\xbb\xbf") => cursor.advance(3),
            Some(_) => return true,
        }
    }
}

/// Moves to the next row of JSON; `false` at the end.
pub(crate) fn next_json_row(cursor: &mut Cursor<'_>, compact: bool) -> bool {
    next_row(cursor, if compact { b'[' } else { b'{' })
}

/// The error of a row that stops short.
fn cut(cursor: &Cursor<'_>, error: Error) -> Error {
    if cursor.is_at_end() {
        return base::error!(
            CannotReadAllData,
            "Unexpected end of stream while parsing JSONEachRow format"
        );
    }
    error
}

/// A row as an object.
pub(crate) fn object(
    cursor: &mut Cursor<'_>,
    builder: &mut BlockBuilder,
    order: &mut KeyOrder,
    strings: bool,
    settings: &FormatSettings,
) -> Result<bool> {
    if !next_row(cursor, b'{') {
        return Ok(false);
    }
    members(cursor, builder, order, strings, settings).map_err(|e| cut(cursor, e))?;
    Ok(true)
}

fn members(
    cursor: &mut Cursor<'_>,
    builder: &mut BlockBuilder,
    order: &mut KeyOrder,
    strings: bool,
    settings: &FormatSettings,
) -> Result<()> {
    cursor.expect(b'{')?;
    cursor.skip_spaces();
    if cursor.eat(b'}') {
        return Ok(());
    }
    let mut at = 0;
    loop {
        let column = order.read(cursor, at, settings)?;
        at += 1;
        cursor.skip_spaces();
        match column {
            Some(column) if !builder.has_value(column) => {
                match value(cursor, builder, column, strings, settings) {
                    Ok(true) => {}
                    Ok(false) => builder.note_default(column),
                    Err(error) => return Err(order.within(error, column)),
                }
            }
            // A key that stands twice counts once.
            _ => skip_json_value(cursor)?,
        }
        cursor.skip_spaces();
        if cursor.eat(b',') {
            cursor.skip_spaces();
        } else if cursor.eat(b'}') {
            return Ok(());
        } else {
            return Err(cursor.expected(b","));
        }
    }
}

/// A value of a row.
fn value(
    cursor: &mut Cursor<'_>,
    builder: &mut BlockBuilder,
    column: usize,
    string: bool,
    settings: &FormatSettings,
) -> Result<bool> {
    let parser = &mut builder.columns[column];
    if !string {
        return parser.read(cursor, Escaping::Json, settings);
    }
    let mut text = Vec::new();
    read_json_string(cursor, &mut text)?;
    if text == "ᴺᵁᴸᴸ".as_bytes() && settings.input_format_null_as_default {
        return Ok(parser.push_null());
    }
    parser.read(&mut Cursor::new(&text), Escaping::Raw, settings)
}

/// A row as a list.
pub(crate) fn list(
    cursor: &mut Cursor<'_>,
    builder: &mut BlockBuilder,
    plan: &Plan,
    strings: bool,
) -> Result<bool> {
    if !next_row(cursor, b'[') {
        return Ok(false);
    }
    items(cursor, builder, plan, strings).map_err(|e| cut(cursor, e))?;
    Ok(true)
}

fn items(
    cursor: &mut Cursor<'_>,
    builder: &mut BlockBuilder,
    plan: &Plan,
    strings: bool,
) -> Result<()> {
    cursor.expect(b'[')?;
    for (at, column) in plan.fields.columns.iter().enumerate() {
        cursor.skip_spaces();
        if at > 0 {
            cursor.expect(b',')?;
            cursor.skip_spaces();
        }
        match column {
            Some(column) => match value(cursor, builder, *column, strings, &plan.settings) {
                Ok(true) => {}
                Ok(false) => builder.note_default(*column),
                Err(error) => return Err(super::delimited::in_column(error, plan, *column)),
            },
            None => skip_json_value(cursor)?,
        }
    }
    cursor.skip_spaces();
    cursor.expect(b']')
}

/// A row as the text of its object.
pub(crate) fn as_string(
    cursor: &mut Cursor<'_>,
    builder: &mut BlockBuilder,
    settings: &FormatSettings,
) -> Result<bool> {
    if !next_row(cursor, b'{') {
        return Ok(false);
    }
    if cursor.peek() != Some(b'{') {
        bail!(IncorrectData, "JSON object must begin with '{{'");
    }
    let start = cursor.position();
    skip_json_value(cursor).map_err(|e| cut(cursor, e))?;
    builder.columns[0].push_text(cursor.since(start), Escaping::Raw, settings)?;
    Ok(true)
}

/// The keys and values of an object, each value as its text; or the items of a list.
pub(crate) fn row_fields<'a>(
    cursor: &mut Cursor<'a>,
    compact: bool,
) -> Result<Vec<(Vec<u8>, &'a [u8])>> {
    let (open, close) = if compact { (b'[', b']') } else { (b'{', b'}') };
    let mut fields = Vec::new();
    cursor.expect(open)?;
    cursor.skip_spaces();
    if cursor.eat(close) {
        return Ok(fields);
    }
    loop {
        cursor.skip_spaces();
        let mut key = Vec::new();
        if compact {
            key.extend_from_slice(format!("c{}", fields.len() + 1).as_bytes());
        } else {
            let mut ahead = cursor.clone();
            skip_json_string(&mut ahead)?;
            read_json_string(cursor, &mut key)?;
            cursor.skip_spaces();
            cursor.expect(b':')?;
            cursor.skip_spaces();
        }
        let start = cursor.position();
        skip_json_value(cursor)?;
        fields.push((key, cursor.since(start)));
        cursor.skip_spaces();
        if cursor.eat(close) {
            return Ok(fields);
        }
        cursor.expect(b',')?;
    }
}
