//! Rows of TabSeparated, CSV, TSKV and plain lines.

use base::{Error, Result, bail};

use super::blocks::BlockBuilder;
use super::rows::Plan;
use crate::FormatSettings;
use crate::text::{Cursor, Escaping, read_csv_quoted, read_tab_separated, read_tskv_key, visible};

/// Names the column in an error.
#[cold]
pub(crate) fn in_column(error: Error, plan: &Plan, column: usize) -> Error {
    match plan.wanted.fields().get(column) {
        Some(field) => Error::new(
            error.code(),
            format!("{} (column {}, type {})", error.message(), field.name, field.data_type),
        ),
        None => error,
    }
}

/// A row of TabSeparated.
pub(crate) fn tab_separated(
    cursor: &mut Cursor<'_>,
    builder: &mut BlockBuilder,
    plan: &Plan,
) -> Result<bool> {
    if cursor.is_at_end() {
        return Ok(false);
    }
    let settings = &plan.settings;
    let fields = &plan.fields.columns;
    for (at, column) in fields.iter().enumerate() {
        if at > 0 && !cursor.eat(b'\t') {
            if settings.input_format_tsv_allow_variable_number_of_columns {
                break;
            }
            return Err(too_few(cursor, b'\t', plan, fields[at - 1]));
        }
        match column {
            Some(column) => {
                let parser = &mut builder.columns[*column];
                match parser.read(cursor, Escaping::TabSeparated, settings) {
                    Ok(true) => {}
                    Ok(false) => builder.note_default(*column),
                    Err(error) => return Err(in_column(error, plan, *column)),
                }
            }
            None => {
                let rest = cursor.rest();
                let mut end = 0;
                while let Some(at) = memchr::memchr3(b'\t', b'\n', b'\\', &rest[end..]) {
                    end += at;
                    if rest[end] != b'\\' {
                        break;
                    }
                    end = (end + 2).min(rest.len());
                }
                if !matches!(rest.get(end), Some(b'\t' | b'\n')) {
                    end = rest.len();
                }
                cursor.advance(end);
            }
        }
    }
    if settings.input_format_tsv_allow_variable_number_of_columns && cursor.peek() == Some(b'\t') {
        let rest = cursor.rest();
        cursor.advance(memchr::memchr(b'\n', rest).unwrap_or(rest.len()));
    }
    if settings.input_format_tsv_crlf_end_of_line {
        cursor.eat(b'\r');
    }
    end_of_line(cursor, plan)
}

fn end_of_line(cursor: &mut Cursor<'_>, plan: &Plan) -> Result<bool> {
    if cursor.eat(b'\n') || cursor.is_at_end() {
        return Ok(true);
    }
    if cursor.rest().starts_with(b"\r\n") {
        bail!(
            IncorrectData,
            "You have carriage return (\\r) at the end of the row: DOS line ends are not part of \
             TabSeparated. Convert the input or set input_format_tsv_crlf_end_of_line"
        );
    }
    let more = if cursor.peek() == Some(b'\t') {
        ": the row has more fields than there are columns"
    } else {
        ""
    };
    let error = cursor.expected(b"\n");
    let error = Error::new(error.code(), format!("{}{more}", error.message()));
    let last = plan.fields.columns.iter().rev().flatten().next();
    Err(last.map_or(error.clone(), |last| in_column(error, plan, *last)))
}

#[cold]
fn too_few(cursor: &Cursor<'_>, delimiter: u8, plan: &Plan, last: Option<usize>) -> Error {
    let error = cursor.expected(&[delimiter]);
    let error = match cursor.peek() {
        None | Some(b'\n' | b'\r') => Error::new(
            error.code(),
            format!("{}: the row has fewer fields than there are columns", error.message()),
        ),
        _ => error,
    };
    match last {
        Some(last) => in_column(error, plan, last),
        None => error,
    }
}

/// A row of TabSeparatedRaw.
pub(crate) fn raw(
    cursor: &mut Cursor<'_>,
    builder: &mut BlockBuilder,
    plan: &Plan,
) -> Result<bool> {
    if cursor.is_at_end() {
        return Ok(false);
    }
    let settings = &plan.settings;
    let fields = &plan.fields.columns;
    for (at, column) in fields.iter().enumerate() {
        if at > 0 && !cursor.eat(b'\t') {
            return Err(too_few(cursor, b'\t', plan, fields[at - 1]));
        }
        let rest = cursor.rest();
        let end = memchr::memchr2(b'\t', b'\n', rest).unwrap_or(rest.len());
        cursor.advance(end);
        let Some(column) = column else { continue };
        let text = &rest[..end];
        let parser = &mut builder.columns[*column];
        let read = if text == settings.format_tsv_null_representation.as_bytes() {
            let null = parser.push_null();
            Ok(null)
        } else {
            parser.read(&mut Cursor::new(text), Escaping::Raw, settings)
        };
        match read {
            Ok(true) => {}
            Ok(false) => builder.note_default(*column),
            Err(error) => return Err(in_column(error, plan, *column)),
        }
    }
    end_of_line(cursor, plan)
}

/// A row of CSV.
pub(crate) fn csv(
    cursor: &mut Cursor<'_>,
    builder: &mut BlockBuilder,
    plan: &Plan,
) -> Result<bool> {
    if cursor.is_at_end() {
        return Ok(false);
    }
    let settings = &plan.settings;
    let delimiter = settings.format_csv_delimiter;
    let fields = &plan.fields.columns;
    for (at, column) in fields.iter().enumerate() {
        if at > 0 && !cursor.eat(delimiter) {
            if settings.input_format_csv_allow_variable_number_of_columns {
                break;
            }
            return Err(too_few(cursor, delimiter, plan, fields[at - 1]));
        }
        match column {
            Some(column) => {
                let parser = &mut builder.columns[*column];
                match parser.read(cursor, Escaping::Csv, settings) {
                    Ok(true) => {}
                    Ok(false) => builder.note_default(*column),
                    Err(error) => return Err(in_column(error, plan, *column)),
                }
            }
            None => csv_field(cursor, settings, &mut Vec::new())?,
        }
    }
    if settings.input_format_csv_allow_variable_number_of_columns {
        while cursor.eat(delimiter) {
            csv_field(cursor, settings, &mut Vec::new())?;
        }
    }
    // A delimiter behind the last field is allowed before the line feed.
    if cursor.peek() == Some(delimiter)
        && matches!(cursor.rest().get(1), None | Some(b'\n' | b'\r'))
    {
        cursor.advance(1);
    }
    cursor.eat(b'\r');
    if cursor.eat(b'\n') || cursor.is_at_end() {
        return Ok(true);
    }
    let last = fields.iter().rev().flatten().next().copied().unwrap_or(usize::MAX);
    let error =
        base::error!(IncorrectData, "Expected end of line, found '{}'", visible(cursor.rest()));
    Err(in_column(error, plan, last))
}

/// A row of TSKV.
pub(crate) fn key_values(
    cursor: &mut Cursor<'_>,
    builder: &mut BlockBuilder,
    plan: &Plan,
) -> Result<bool> {
    if cursor.is_at_end() {
        return Ok(false);
    }
    let settings = &plan.settings;
    let mut key = Vec::new();
    loop {
        key.clear();
        read_tskv_key(cursor, &mut key)?;
        if cursor.eat(b'=') {
            match plan.fields.names.get(&key).copied() {
                Some(column) if builder.has_value(column) => {
                    bail!(IncorrectData, "Duplicate field found: {}", visible(&key))
                }
                Some(column) => {
                    let parser = &mut builder.columns[column];
                    match parser.read(cursor, Escaping::TabSeparated, settings) {
                        Ok(true) => {}
                        Ok(false) => builder.note_default(column),
                        Err(error) => return Err(in_column(error, plan, column)),
                    }
                }
                None if settings.input_format_skip_unknown_fields => {
                    read_tab_separated(cursor, &mut Vec::new())?;
                }
                None => {
                    bail!(IncorrectData, "Unknown field found in TSKV format: {}", visible(&key))
                }
            }
        } else if !key.is_empty() && key != b"tskv" {
            bail!(
                CannotParseInputAssertionFailed,
                "Found field without value while parsing TSKV format: {}",
                visible(&key)
            );
        }
        if !cursor.eat(b'\t') {
            break;
        }
    }
    end_of_line(cursor, plan)
}

/// A line as it is.
pub(crate) fn line(
    cursor: &mut Cursor<'_>,
    builder: &mut BlockBuilder,
    settings: &FormatSettings,
) -> Result<bool> {
    if cursor.is_at_end() {
        return Ok(false);
    }
    let rest = cursor.rest();
    let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
    builder.columns[0].push_text(&rest[..end], Escaping::Raw, settings)?;
    cursor.advance(end + 1);
    Ok(true)
}

/// A field of CSV without its quotes.
pub(super) fn csv_field(
    cursor: &mut Cursor<'_>,
    settings: &FormatSettings,
    out: &mut Vec<u8>,
) -> Result<()> {
    let delimiter = settings.format_csv_delimiter;
    cursor.skip_blanks(delimiter);
    match cursor.peek() {
        Some(quote @ b'"') if settings.format_csv_allow_double_quotes => {
            read_csv_quoted(cursor, quote, out)?;
            cursor.skip_blanks(delimiter);
        }
        _ => {
            let rest = cursor.rest();
            let end = memchr::memchr3(delimiter, b'\n', b'\r', rest).unwrap_or(rest.len());
            out.extend_from_slice(rest[..end].trim_ascii_end());
            cursor.advance(end);
        }
    }
    Ok(())
}

/// A field as it stands.
pub(super) fn raw_field(cursor: &mut Cursor<'_>, out: &mut Vec<u8>) {
    let rest = cursor.rest();
    let end = memchr::memchr2(b'\t', b'\n', rest).unwrap_or(rest.len());
    out.extend_from_slice(&rest[..end]);
    cursor.advance(end);
}
