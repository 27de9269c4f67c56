//! Rows of TabSeparated, CSV, TSKV and plain lines; and the header that says which field of a
//! row goes to which column.

use std::collections::HashMap;

use base::{Error, Result, bail};
use bytes::Bytes;
use types::{DataType, Schema};

use super::RowKind;
use super::blocks::BlockBuilder;
use super::rows::Plan;
use super::segment::Segmenter;
use crate::FormatSettings;
use crate::declaration::Header;
use crate::text::{
    Cursor, Escaping, read_csv_quoted, read_json_string, read_tab_separated, read_tskv_key, visible,
};

/// Where the fields of a row go.
#[derive(Debug, Clone)]
pub(crate) struct FieldMap {
    /// For each field of a row its column, `None` for fields that nobody wants.
    pub(crate) columns: Vec<Option<usize>>,
    names: HashMap<Vec<u8>, usize>,
}

impl FieldMap {
    /// The fields are the columns, in their order.
    pub(crate) fn identity(wanted: &Schema) -> FieldMap {
        let names = wanted.fields().iter().map(|f| f.name.as_bytes().to_vec());
        FieldMap {
            columns: (0..wanted.len()).map(Some).collect(),
            names: names.enumerate().map(|(at, name)| (name, at)).collect(),
        }
    }

    /// The fields have these names.
    ///
    /// # Errors
    /// INCORRECT_DATA for names that are unknown (unless those are skipped) or stand twice.
    pub(crate) fn named(
        names: &[Vec<u8>],
        wanted: &Schema,
        settings: &FormatSettings,
    ) -> Result<FieldMap> {
        let mut map = FieldMap::identity(wanted);
        let mut seen = vec![false; wanted.len()];
        map.columns.clear();
        for name in names {
            let column = map.names.get(name).copied();
            match column {
                Some(at) if std::mem::replace(&mut seen[at], true) => {
                    bail!(IncorrectData, "Duplicate field found in the header: {}", visible(name))
                }
                None if !settings.input_format_skip_unknown_fields => bail!(
                    IncorrectData,
                    "Unknown field found in the header: '{}'. Set \
                     input_format_skip_unknown_fields to skip such fields",
                    visible(name)
                ),
                _ => map.columns.push(column),
            }
        }
        Ok(map)
    }
}

/// Reads the header, if there is one; gives what is left of the segment it stood in.
pub(crate) fn header(
    kind: RowKind,
    header: Header,
    segmenter: &mut Segmenter,
    wanted: &Schema,
    settings: &FormatSettings,
) -> Result<(FieldMap, Option<Bytes>)> {
    let identity = FieldMap::identity(wanted);
    let skip = match kind {
        RowKind::Csv => settings.input_format_csv_skip_first_lines,
        RowKind::TabSeparated | RowKind::Raw => settings.input_format_tsv_skip_first_lines,
        _ => 0,
    };
    let lines = skip as usize
        + match header {
            Header::None => 0,
            Header::Names => 1,
            Header::NamesAndTypes => 2,
        };
    let may_have_names = matches!(kind, RowKind::Csv | RowKind::TabSeparated);
    if lines == 0 && !may_have_names {
        return Ok((identity, None));
    }
    // Segments end with a row, so the header may be spread over several if it is very long.
    let mut bytes = Vec::new();
    while let Some(segment) = segmenter.next()? {
        bytes.extend_from_slice(&segment);
        if memchr::memchr_iter(b'\n', &bytes).count() > lines {
            break;
        }
    }
    let bytes = Bytes::from(bytes);
    let mut cursor = Cursor::new(&bytes);
    if cursor.rest().starts_with(b"\xef\xbb\xbf") {
        cursor.advance(3);
    }
    for _ in 0..skip {
        split_fields(kind, &mut cursor, settings)?;
    }
    let within = |e: Error| e.within("while reading header");
    let map = if header == Header::None {
        let start = cursor.position();
        if !cursor.is_at_end() && is_own_header(kind, &mut cursor, wanted, settings) {
            cursor.seek(start);
            FieldMap::named(&split_fields(kind, &mut cursor, settings)?, wanted, settings)?
        } else {
            cursor.seek(start);
            identity
        }
    } else if cursor.is_at_end() {
        identity
    } else {
        let names = split_fields(kind, &mut cursor, settings).map_err(within)?;
        let map = if settings.input_format_with_names_use_header {
            FieldMap::named(&names, wanted, settings).map_err(within)?
        } else {
            identity
        };
        if header == Header::NamesAndTypes {
            let types = split_fields(kind, &mut cursor, settings).map_err(within)?;
            if settings.input_format_with_types_use_header {
                check_types(&types, &map, wanted).map_err(within)?;
            }
        }
        map
    };
    let rest = bytes.slice(cursor.position()..);
    Ok((map, (!rest.is_empty()).then_some(rest)))
}

/// Whether the first row of a file without a header is one all the same: it names columns only.
fn is_own_header(
    kind: RowKind,
    cursor: &mut Cursor<'_>,
    wanted: &Schema,
    settings: &FormatSettings,
) -> bool {
    let Ok(fields) = split_fields(kind, cursor, settings) else { return false };
    let named = |field: &Vec<u8>| wanted.fields().iter().any(|f| f.name.as_bytes() == field);
    fields.len() == wanted.len() && !fields.is_empty() && fields.iter().all(named)
}

fn check_types(types: &[Vec<u8>], map: &FieldMap, wanted: &Schema) -> Result<()> {
    for (name, column) in types.iter().zip(&map.columns) {
        let Some(field) = column.and_then(|at| wanted.fields().get(at)) else { continue };
        let given = std::str::from_utf8(name).ok().and_then(|t| DataType::parse(t).ok());
        let same = given.is_some_and(|given| {
            given.without_low_cardinality() == field.data_type.without_low_cardinality()
        });
        if !same {
            bail!(
                IncorrectData,
                "Type of '{}' must be {}, not {}",
                field.name,
                field.data_type,
                visible(name)
            );
        }
    }
    Ok(())
}

/// The fields of one row as texts without escapes; moves behind its line feed.
pub(crate) fn split_fields(
    kind: RowKind,
    cursor: &mut Cursor<'_>,
    settings: &FormatSettings,
) -> Result<Vec<Vec<u8>>> {
    let mut fields = Vec::new();
    if matches!(kind, RowKind::JsonCompact | RowKind::JsonCompactStrings) {
        cursor.skip_spaces();
        cursor.expect(b'[')?;
        loop {
            cursor.skip_spaces();
            let mut field = Vec::new();
            read_json_string(cursor, &mut field)?;
            fields.push(field);
            cursor.skip_spaces();
            if !cursor.eat(b',') {
                break;
            }
        }
        cursor.expect(b']')?;
        cursor.eat(b',');
        return Ok(fields);
    }
    let delimiter = if kind == RowKind::Csv { settings.format_csv_delimiter } else { b'\t' };
    loop {
        let mut field = Vec::new();
        match kind {
            RowKind::Csv => csv_field(cursor, settings, &mut field)?,
            RowKind::Raw => raw_field(cursor, &mut field),
            _ => read_tab_separated(cursor, &mut field)?,
        }
        if kind != RowKind::Csv && cursor.peek() != Some(delimiter) && field.ends_with(b"\r") {
            field.pop();
        }
        fields.push(field);
        if !cursor.eat(delimiter) {
            break;
        }
    }
    cursor.eat(b'\r');
    if !cursor.eat(b'\n') && !cursor.is_at_end() {
        return Err(cursor.expected(b"\n"));
    }
    Ok(fields)
}

fn csv_field(cursor: &mut Cursor<'_>, settings: &FormatSettings, out: &mut Vec<u8>) -> Result<()> {
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

fn raw_field(cursor: &mut Cursor<'_>, out: &mut Vec<u8>) {
    let rest = cursor.rest();
    let end = memchr::memchr2(b'\t', b'\n', rest).unwrap_or(rest.len());
    out.extend_from_slice(&rest[..end]);
    cursor.advance(end);
}

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
        raw_field(&mut cursor.clone(), &mut Vec::new());
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
