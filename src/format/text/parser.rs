//! Parses texts one after another into a column of any type.

use arrow_array::ArrayRef;
use arrow_buffer::NullBufferBuilder;
use base::{Result, bail};
use types::{DataType, Value};

use super::cursor::{Cursor, visible};
use super::values::{Values, close_list};
use super::{Escaping, escape};
use crate::FormatSettings;

/// A column that grows by parsed texts.
///
/// After an error of a `push_*` method the column is as it was before. After an error of
/// [`ColumnParser::read`] it may hold pieces of the value: go back with
/// [`ColumnParser::truncate`].
#[derive(Debug)]
pub struct ColumnParser {
    pub(super) data_type: DataType,
    pub(super) values: Values,
    nulls: Option<NullBufferBuilder>,
    pub(super) scratch: Vec<u8>,
}

impl ColumnParser {
    /// An empty column.
    pub fn new(data_type: &DataType, settings: &FormatSettings) -> ColumnParser {
        ColumnParser {
            data_type: data_type.clone(),
            values: Values::new(data_type, settings),
            nulls: data_type.is_nullable().then(|| NullBufferBuilder::new(0)),
            scratch: Vec::new(),
        }
    }

    /// The type of the column.
    pub fn data_type(&self) -> &DataType {
        &self.data_type
    }

    /// How many values it has.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that the values take, about.
    pub fn memory(&self) -> usize {
        self.values.memory()
    }

    /// Forgets all values from `len` on.
    pub fn truncate(&mut self, len: usize) {
        self.values.truncate(len);
        if let Some(nulls) = &mut self.nulls {
            nulls.truncate(len);
        }
    }

    /// Appends the type's default: NULL, 0, an empty string.
    pub fn push_default(&mut self) {
        self.values.push_default();
        if let Some(nulls) = &mut self.nulls {
            nulls.append_null();
        }
    }

    /// Appends NULL, or the default where the type has no NULL; tells whether it was NULL.
    pub fn push_null(&mut self) -> bool {
        self.push_default();
        self.nulls.is_some()
    }

    /// Appends a value of the column's type.
    ///
    /// # Errors
    /// LOGICAL_ERROR when it is of another type.
    pub fn push_value(&mut self, value: &Value) -> Result<()> {
        if value.is_null() && self.nulls.is_some() {
            self.push_default();
            return Ok(());
        }
        let before = self.len();
        let pushed = self.values.push_value(value);
        self.end_push(before, pushed)
    }

    /// Parses a whole text.
    ///
    /// # Errors
    /// The codes of wrong texts: CANNOT_PARSE_TEXT, CANNOT_PARSE_NUMBER, CANNOT_PARSE_DATE ...
    pub fn push_text(
        &mut self,
        text: &[u8],
        escaping: Escaping,
        settings: &FormatSettings,
    ) -> Result<()> {
        let before = self.len();
        let mut cursor = Cursor::new(text);
        let read = self
            .read(&mut cursor, escaping, settings)
            .and_then(|_| cursor.expect_end(&self.data_type));
        if read.is_err() {
            self.truncate(before);
        }
        read
    }

    /// The array of all values; the column is empty again.
    ///
    /// # Errors
    /// LOGICAL_ERROR
    pub fn finish(&mut self) -> Result<ArrayRef> {
        let nulls = self.nulls.as_mut().and_then(NullBufferBuilder::finish);
        self.values.finish(&self.data_type, nulls)
    }

    fn end_push(&mut self, before: usize, pushed: Result<()>) -> Result<()> {
        match pushed {
            Ok(()) => self.note_valid(),
            Err(_) => self.truncate(before),
        }
        pushed
    }

    /// Notes that the value which was put last is NULL.
    pub(super) fn note_null(&mut self) {
        if let Some(nulls) = &mut self.nulls {
            nulls.append_null();
        }
    }

    /// Whether NULL is one of the column's values.
    pub(super) fn is_nullable(&self) -> bool {
        self.nulls.is_some()
    }

    /// Notes that the value which was put last is not NULL.
    #[inline]
    pub(super) fn note_valid(&mut self) {
        if let Some(nulls) = &mut self.nulls {
            nulls.append_non_null();
        }
    }

    /// Reads one value at a place in a longer text and stops behind it. `false`: the text gave
    /// no value, the default was put and the column's DEFAULT expression applies.
    ///
    /// # Errors
    /// As [`ColumnParser::push_text`]; pieces of the value may stay behind.
    pub fn read(
        &mut self,
        cursor: &mut Cursor<'_>,
        escaping: Escaping,
        settings: &FormatSettings,
    ) -> Result<bool> {
        match escaping {
            Escaping::TabSeparated => self.read_tab_separated(cursor, settings),
            Escaping::Quoted => self.read_quoted(cursor, settings),
            Escaping::Csv => self.read_csv(cursor, settings),
            Escaping::Json => self.read_json(cursor, settings),
            Escaping::Raw | Escaping::Xml => {
                let text = cursor.rest();
                cursor.advance(text.len());
                self.read_whole(text, settings)?;
                Ok(true)
            }
        }
    }

    /// NULL where the type has it, else the default if that is allowed.
    pub(super) fn read_null(&mut self, settings: &FormatSettings) -> Result<bool> {
        if self.nulls.is_none() && !settings.input_format_null_as_default {
            bail!(
                CannotParseInputAssertionFailed,
                "Cannot insert NULL value into a column of type {}; \
                 input_format_null_as_default = 1 would insert its default",
                self.data_type
            );
        }
        Ok(self.push_null())
    }

    /// A whole text without escapes.
    pub(super) fn read_whole(&mut self, text: &[u8], settings: &FormatSettings) -> Result<()> {
        if self.nulls.is_some() && (text == b"NULL" || text == "ᴺᵁᴸᴸ".as_bytes()) {
            self.push_default();
            return Ok(());
        }
        if self.values.is_stringlike() {
            check_length(text.len(), settings)?;
            self.values.push_string(text)?;
        } else if self.values.is_instant() {
            self.values.read_instant(text, settings)?;
        } else if self.values.is_composite() {
            let mut cursor = Cursor::new(text);
            cursor.skip_spaces();
            self.read_composite(&mut cursor, settings)?;
            cursor.skip_spaces();
            cursor.expect_end(&self.data_type)?;
        } else {
            self.read_whole_plain(text)?;
        }
        self.note_valid();
        Ok(())
    }

    fn read_whole_plain(&mut self, text: &[u8]) -> Result<()> {
        let mut cursor = Cursor::new(text);
        if text.is_empty() {
            bail!(
                AttemptToReadAfterEof,
                "Attempt to read after eof: Cannot parse {} from String, because value is too \
                 short",
                self.data_type
            );
        }
        if text[0] == b'-' && self.data_type.inner().is_unsigned_integer() {
            bail!(
                CannotParseNumber,
                "Unsigned type must not contain '-' symbol: Cannot parse {} from '{}'",
                self.data_type,
                visible(text)
            );
        }
        self.values.read_plain(&mut cursor)?;
        if cursor.position() == 0 || !cursor.is_at_end() {
            cursor.expect_end(&self.data_type)?;
        }
        Ok(())
    }

    /// A field of TabSeparated, up to a tab, line feed or the end.
    fn read_tab_separated(
        &mut self,
        cursor: &mut Cursor<'_>,
        settings: &FormatSettings,
    ) -> Result<bool> {
        let null = settings.format_tsv_null_representation.as_bytes();
        if cursor.rest().starts_with(null)
            && matches!(cursor.rest().get(null.len()), None | Some(b'\t' | b'\n' | b'\r'))
        {
            cursor.advance(null.len());
            return self.read_null(settings);
        }
        let at_end = matches!(cursor.peek(), None | Some(b'\t' | b'\n'));
        if at_end && settings.input_format_tsv_empty_as_default {
            self.push_default();
            return Ok(false);
        }
        if let Values::Bytes(strings) = &mut self.values {
            let out = strings.open();
            let start = out.len();
            escape::read_tab_separated(cursor, out)?;
            check_length(out.len() - start, settings)?;
            strings.close();
        } else if self.values.is_stringlike() {
            self.scratch.clear();
            escape::read_tab_separated(cursor, &mut self.scratch)?;
            self.values.push_string(&self.scratch)?;
        } else if self.values.is_composite() {
            self.read_composite(cursor, settings)?;
        } else if self.values.is_instant() {
            let rest = cursor.rest();
            let mut end = memchr::memchr2(b'\t', b'\n', rest).unwrap_or(rest.len());
            cursor.advance(end);
            if end > 0 && rest[end - 1] == b'\r' {
                end -= 1;
            }
            self.values.read_instant(&rest[..end], settings)?;
        } else {
            self.values.read_plain(cursor)?;
        }
        self.note_valid();
        Ok(true)
    }

    /// A value as in `VALUES` and inside arrays.
    fn read_quoted(&mut self, cursor: &mut Cursor<'_>, settings: &FormatSettings) -> Result<bool> {
        if let Some(b'N' | b'n') = cursor.peek()
            && cursor.eat_word(b"NULL")
        {
            return self.read_null(settings);
        }
        if let Values::Bytes(strings) = &mut self.values {
            let out = strings.open();
            let start = out.len();
            escape::read_quoted(cursor, b'\'', out)?;
            check_length(out.len() - start, settings)?;
            strings.close();
        } else if self.values.is_composite() {
            self.read_composite(cursor, settings)?;
        } else if cursor.peek() == Some(b'\'') {
            let mut text = std::mem::take(&mut self.scratch);
            text.clear();
            let read = escape::read_quoted(cursor, b'\'', &mut text)
                .and_then(|()| self.read_content(&text, settings));
            self.scratch = text;
            read?;
        } else {
            self.read_bare(cursor)?;
        }
        self.note_valid();
        Ok(true)
    }

    /// The content of a quoted scalar.
    pub(super) fn read_content(&mut self, text: &[u8], settings: &FormatSettings) -> Result<()> {
        if self.values.is_stringlike() {
            self.values.push_string(text)
        } else if self.values.is_instant() {
            self.values.read_instant(text, settings)
        } else {
            self.read_whole_plain(text)
        }
    }

    /// A scalar without quotes: a number, also of an enum, of days or of seconds.
    pub(super) fn read_bare(&mut self, cursor: &mut Cursor<'_>) -> Result<()> {
        let start = cursor.position();
        match &mut self.values {
            Values::Tagged(..) | Values::Objects(..) => {
                skip_quoted(cursor)?;
                let text = cursor.since(start).trim_ascii_end().to_vec();
                self.values.push_string(&text)
            }
            Values::Enum8(..) | Values::Enum16(..) => {
                super::number::read_i64(cursor);
                let number = cursor.since(start).to_vec();
                self.values.push_string(&number)
            }
            Values::Fixed(..) => Err(cursor.expected(b"'")),
            Values::Date(_) | Values::Date32(_) if !is_date(cursor.rest()) => {
                let days = super::number::read_i64(cursor);
                match &mut self.values {
                    Values::Date(vector) => vector.push(super::instant::to_date(days)),
                    Values::Date32(vector) => vector.push(days as i32),
                    _ => {}
                }
                Ok(())
            }
            values => values.read_plain(cursor),
        }?;
        if cursor.position() == start {
            return Err(cursor.expected(b"value"));
        }
        Ok(())
    }

    /// `[..]`, `(..)` or `{..}`
    pub(super) fn read_composite(
        &mut self,
        cursor: &mut Cursor<'_>,
        settings: &FormatSettings,
    ) -> Result<()> {
        match &mut self.values {
            Values::Array(offsets, item) => {
                cursor.expect(b'[')?;
                read_items(cursor, b']', |cursor, _| {
                    item.read_quoted(cursor, settings).map(|_| ())
                })?;
                close_list(offsets, item.len())
            }
            Values::Map(offsets, pair) => {
                cursor.expect(b'{')?;
                read_items(cursor, b'}', |cursor, _| {
                    pair.0.read_quoted(cursor, settings)?;
                    cursor.skip_spaces();
                    cursor.expect(b':')?;
                    cursor.skip_spaces();
                    pair.1.read_quoted(cursor, settings).map(|_| ())
                })?;
                close_list(offsets, pair.0.len())
            }
            Values::Tuple(_, items, rows) => {
                cursor.expect(b'(')?;
                let wanted = items.len();
                let read = read_items(cursor, b')', |cursor, at| match items.get_mut(at) {
                    Some(item) => item.read_quoted(cursor, settings).map(|_| ()),
                    None => Err(cursor.expected(b")")),
                })?;
                if read != wanted {
                    return Err(cursor.expected(b"more elements of the tuple"));
                }
                *rows += 1;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Moves behind a value as in `VALUES`: up to a comma or bracket that is not its own.
fn skip_quoted(cursor: &mut Cursor<'_>) -> Result<()> {
    let mut depth = 0_usize;
    let mut text = Vec::new();
    while let Some(byte) = cursor.peek() {
        match byte {
            b'\'' => {
                escape::read_quoted(cursor, b'\'', &mut text)?;
                text.clear();
                continue;
            }
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' | b',' if depth == 0 => break,
            b')' | b']' | b'}' => depth -= 1,
            b'\n' | b'\t' if depth == 0 => break,
            _ => {}
        }
        cursor.advance(1);
    }
    Ok(())
}

/// Whether digits are followed by what follows the year of a date, or are a date's 8.
fn is_date(text: &[u8]) -> bool {
    let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    digits == 8 || (digits == 4 && text.get(4) == Some(&b'-'))
}

pub(super) fn check_length(length: usize, settings: &FormatSettings) -> Result<()> {
    if length > settings.max_value_bytes {
        bail!(
            TooLargeStringSize,
            "Too large string: {length} bytes, the limit is {} (max_value_bytes)",
            settings.max_value_bytes
        );
    }
    Ok(())
}

/// Items with commas between them up to the closing bracket; gives their number.
pub(super) fn read_items<'a>(
    cursor: &mut Cursor<'a>,
    close: u8,
    mut read: impl FnMut(&mut Cursor<'a>, usize) -> Result<()>,
) -> Result<usize> {
    cursor.skip_spaces();
    let mut count = 0;
    if cursor.eat(close) {
        return Ok(0);
    }
    loop {
        read(cursor, count)?;
        count += 1;
        cursor.skip_spaces();
        if cursor.eat(close) {
            return Ok(count);
        }
        if !cursor.eat(b',') {
            bail!(
                CannotReadArrayFromText,
                "Cannot read array from text, expected comma or end of array, found '{}'",
                visible(cursor.rest())
            );
        }
        cursor.skip_spaces();
    }
}
