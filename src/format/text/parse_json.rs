//! JSON values into columns.

use base::{Result, bail};

use super::cursor::{Cursor, visible};
use super::parser::{ColumnParser, check_length, read_items};
use super::values::{Values, close_list};
use super::{escape, json};
use crate::FormatSettings;

impl ColumnParser {
    /// A JSON value.
    pub(super) fn read_json(
        &mut self,
        cursor: &mut Cursor<'_>,
        settings: &FormatSettings,
    ) -> Result<bool> {
        if cursor.peek() == Some(b'n') && cursor.eat_word(b"null") {
            return self.read_null(settings);
        }
        let is_string = cursor.peek() == Some(b'"');
        if self.values.is_self_describing() {
            let start = cursor.position();
            json::skip_value(cursor)?;
            self.values.push_json(cursor.since(start))?;
            self.note_valid();
            return Ok(true);
        }
        if let Values::Bytes(strings) = &mut self.values {
            if is_string {
                let out = strings.open();
                let start = out.len();
                escape::read_json(cursor, out)?;
                check_length(out.len() - start, settings)?;
                strings.close();
            } else {
                // Numbers, objects and lists are kept as their text.
                let start = cursor.position();
                json::skip_value(cursor)?;
                strings.push(cursor.since(start));
            }
        } else if is_string && !self.values.is_composite() {
            let mut scratch = std::mem::take(&mut self.scratch);
            let mut place = cursor.clone();
            let read = json::read_string(&mut place, &mut scratch)
                .and_then(|text| self.read_content(text, settings));
            cursor.seek(place.position());
            self.scratch = scratch;
            read?;
        } else if self.values.is_composite() {
            self.read_json_composite(cursor, settings)?;
        } else {
            self.read_json_bare(cursor)?;
        }
        self.note_valid();
        Ok(true)
    }

    /// A number, `true` or `false`.
    fn read_json_bare(&mut self, cursor: &mut Cursor<'_>) -> Result<()> {
        if matches!(cursor.peek(), Some(b't' | b'f')) && !matches!(self.values, Values::Bool(_)) {
            let digit: &[u8] = match (cursor.eat_word(b"true"), cursor.eat_word(b"false")) {
                (true, _) => b"1",
                (_, true) => b"0",
                _ => return Err(cursor.expected(b"value")),
            };
            return self.values.read_plain(&mut Cursor::new(digit));
        }
        self.read_bare(cursor)
    }

    fn read_json_composite(
        &mut self,
        cursor: &mut Cursor<'_>,
        settings: &FormatSettings,
    ) -> Result<()> {
        match &mut self.values {
            Values::Array(offsets, item) => {
                cursor.expect(b'[')?;
                read_items(cursor, b']', |cursor, _| item.read_json(cursor, settings).map(|_| ()))?;
                close_list(offsets, item.len())
            }
            Values::Map(offsets, pair) => {
                cursor.expect(b'{')?;
                let mut buffer = Vec::new();
                read_items(cursor, b'}', |cursor, _| {
                    let mut place = cursor.clone();
                    let key = json::read_string(&mut place, &mut buffer)?;
                    pair.0.read_whole(key, settings)?;
                    cursor.seek(place.position());
                    cursor.skip_spaces();
                    cursor.expect(b':')?;
                    cursor.skip_spaces();
                    pair.1.read_json(cursor, settings).map(|_| ())
                })?;
                close_list(offsets, pair.0.len())
            }
            Values::Tuple(names, items, rows) => {
                if cursor.peek() == Some(b'{') && names.iter().all(Option::is_some) {
                    read_json_object(cursor, names, items, settings)?;
                } else {
                    cursor.expect(b'[')?;
                    let wanted = items.len();
                    let read = read_items(cursor, b']', |cursor, at| match items.get_mut(at) {
                        Some(item) => item.read_json(cursor, settings).map(|_| ()),
                        None => Err(cursor.expected(b"]")),
                    })?;
                    if read != wanted {
                        return Err(cursor.expected(b"more elements of the tuple"));
                    }
                }
                *rows += 1;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// An object whose keys are the names of a tuple; missing ones get their default.
fn read_json_object(
    cursor: &mut Cursor<'_>,
    names: &[Option<String>],
    items: &mut [ColumnParser],
    settings: &FormatSettings,
) -> Result<()> {
    let before = items.first().map_or(0, ColumnParser::len);
    cursor.expect(b'{')?;
    let mut buffer = Vec::new();
    read_items(cursor, b'}', |cursor, _| {
        let mut place = cursor.clone();
        let key = json::read_string(&mut place, &mut buffer)?;
        let at = names.iter().position(|n| n.as_deref().is_some_and(|n| n.as_bytes() == key));
        if at.is_none() && !settings.input_format_json_ignore_unknown_keys_in_named_tuple {
            bail!(IncorrectData, "Unknown key '{}' for a named tuple", visible(key));
        }
        cursor.seek(place.position());
        cursor.skip_spaces();
        cursor.expect(b':')?;
        cursor.skip_spaces();
        match at {
            Some(at) if items[at].len() == before => {
                items[at].read_json(cursor, settings).map(|_| ())
            }
            _ => json::skip_value(cursor),
        }
    })?;
    for item in items.iter_mut().filter(|item| item.len() == before) {
        item.push_default();
    }
    Ok(())
}
