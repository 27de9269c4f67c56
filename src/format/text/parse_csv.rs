//! Fields of CSV into columns.

use base::Result;

use super::cursor::Cursor;
use super::escape;
use super::parser::{ColumnParser, check_length};
use super::values::Values;
use crate::FormatSettings;

impl ColumnParser {
    /// A field of CSV; behind it stands a delimiter, a line feed or the end.
    pub(super) fn read_csv(
        &mut self,
        cursor: &mut Cursor<'_>,
        settings: &FormatSettings,
    ) -> Result<bool> {
        let delimiter = settings.format_csv_delimiter;
        cursor.skip_blanks(delimiter);
        let rest = cursor.rest();
        let ends =
            |byte: Option<&u8>| byte.is_none_or(|b| *b == delimiter || matches!(b, b'\n' | b'\r'));
        if ends(rest.first()) && settings.input_format_csv_empty_as_default {
            self.push_default();
            return Ok(false);
        }
        let quote = rest.first().copied().filter(|byte| match byte {
            b'"' => settings.format_csv_allow_double_quotes,
            b'\'' => settings.format_csv_allow_single_quotes,
            _ => false,
        });
        // The parts of a tuple are fields of their own: NULL is that part's.
        if let Values::Tuple(_, items, rows) = &mut self.values
            && !items.is_empty()
            && !(quote.is_some() && rest.get(1) == Some(&b'('))
        {
            for (at, item) in items.iter_mut().enumerate() {
                if at > 0 {
                    cursor.expect(delimiter)?;
                }
                item.read_csv(cursor, settings)?;
            }
            *rows += 1;
            self.note_valid();
            return Ok(true);
        }
        let null = settings.format_csv_null_representation.as_bytes();
        if rest.starts_with(null) && ends(rest.get(null.len())) {
            cursor.advance(null.len());
            return self.read_null(settings);
        }
        match quote {
            Some(quote) => self.read_csv_quoted(cursor, quote, settings)?,
            None => self.read_csv_bare(cursor, settings)?,
        }
        cursor.skip_blanks(delimiter);
        self.note_valid();
        Ok(true)
    }

    fn read_csv_quoted(
        &mut self,
        cursor: &mut Cursor<'_>,
        quote: u8,
        settings: &FormatSettings,
    ) -> Result<()> {
        if let Values::Bytes(strings) = &mut self.values {
            let out = strings.open();
            let start = out.len();
            escape::read_csv_quoted(cursor, quote, out)?;
            check_length(out.len() - start, settings)?;
            strings.close();
            return Ok(());
        }
        let mut text = std::mem::take(&mut self.scratch);
        text.clear();
        let read = escape::read_csv_quoted(cursor, quote, &mut text).and_then(|()| {
            if self.values.is_composite() {
                let mut inner = Cursor::new(&text);
                self.read_composite(&mut inner, settings)?;
                return inner.expect_end(&self.data_type);
            }
            self.read_content(&text, settings)
        });
        self.scratch = text;
        read
    }

    fn read_csv_bare(&mut self, cursor: &mut Cursor<'_>, settings: &FormatSettings) -> Result<()> {
        let stringlike = self.values.is_stringlike();
        if !stringlike && !self.values.is_instant() && !self.values.is_composite() {
            return self.values.read_plain(cursor);
        }
        let rest = cursor.rest();
        let end = memchr::memchr3(settings.format_csv_delimiter, b'\n', b'\r', rest)
            .unwrap_or(rest.len());
        cursor.advance(end);
        let mut text = &rest[..end];
        if settings.input_format_csv_trim_whitespaces {
            while let [start @ .., b' ' | b'\t'] = text {
                text = start;
            }
        }
        if self.values.is_composite() {
            let mut inner = Cursor::new(text);
            self.read_composite(&mut inner, settings)?;
            return inner.expect_end(&self.data_type);
        }
        check_length(text.len(), settings)?;
        self.read_content(text, settings)
    }
}
