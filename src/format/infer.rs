//! Guesses the columns of an input from its start, or reads them where the format tells them.
//!
//! The guess of a column starts at "unknown" and is widened by every row: integers, floats,
//! dates, truth values, arrays, tuples; what does not fit together becomes String.

use base::{Error, Result, bail};
use types::{DataType, Field, Schema};

use crate::FormatSettings;
use crate::declaration::Header;
use crate::guess::{Guess, date_guess, json_guess, json_value_guess, text_guess};
use crate::input::{
    ByteSource, Input, RowKind, input_declaration, json_fields, next_json_row, split_fields,
};
use crate::text::{Cursor, json_string};

/// Names and types of the columns of an input. Takes as many bytes from its head as it needs;
/// the caller reads the input again from its start.
///
/// # Errors
/// CANNOT_EXTRACT_TABLE_STRUCTURE when the input does not tell, and errors of the input itself.
pub fn infer_schema(
    format: &str,
    head: &mut dyn ByteSource,
    settings: &FormatSettings,
) -> Result<Schema> {
    let declaration = input_declaration(format)?;
    match declaration.input {
        Some(Input::Parquet) => return crate::input::parquet::infer(head, settings),
        Some(Input::Arrow | Input::ArrowStream) => {
            return crate::arrow_layout::infer(head, declaration.base_name == "Arrow");
        }
        Some(Input::Blob) => return one("raw_blob"),
        Some(Input::Rows(RowKind::Line)) => return one("line"),
        Some(Input::Rows(RowKind::JsonAsString)) => return one("json"),
        _ => {}
    }
    let (bytes, complete) = start(head, settings)?;
    let columns = match declaration.input {
        Some(Input::Rows(kind)) => rows(kind, declaration.header, &bytes, complete, settings),
        Some(Input::Document) => document(declaration.base_name, &bytes, settings),
        Some(Input::RowBinary) if declaration.header == Header::NamesAndTypes => {
            told_by_row_binary(&bytes, settings)
        }
        Some(Input::Native) => told_by_native(&bytes, settings),
        _ => bail!(
            CannotExtractTableStructure,
            "Format {format} does not tell the structure of its data: name it"
        ),
    };
    let columns = columns.map_err(|e| {
        let message = e.message();
        base::error!(
            CannotExtractTableStructure,
            "The table structure cannot be extracted from a {format} input: {message}"
        )
    })?;
    if columns.is_empty() {
        bail!(
            CannotExtractTableStructure,
            "The table structure cannot be extracted from a {format} input: it is empty"
        );
    }
    Ok(Schema::new(columns.into_iter().map(|(name, t)| Field::new(name, t)).collect()))
}

type Columns = Vec<(String, DataType)>;

fn one(name: &str) -> Result<Schema> {
    Ok(Schema::new(vec![Field::new(name, DataType::String)]))
}

/// The start of an input, and whether it is all of it.
fn start(head: &mut dyn ByteSource, settings: &FormatSettings) -> Result<(Vec<u8>, bool)> {
    let limit = settings.input_format_max_bytes_to_read_for_schema_inference;
    let mut bytes = Vec::new();
    while let Some(piece) = head.next()? {
        bytes.extend_from_slice(&piece);
        if bytes.len() >= limit {
            return Ok((bytes, false));
        }
    }
    Ok((bytes, true))
}

fn told_by_row_binary(bytes: &[u8], settings: &FormatSettings) -> Result<Columns> {
    let (names, types) = crate::input::row_binary_header(&mut Cursor::new(bytes), settings)?;
    Ok(names.iter().map(|n| String::from_utf8_lossy(n).into_owned()).zip(types).collect())
}

fn told_by_native(bytes: &[u8], settings: &FormatSettings) -> Result<Columns> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    crate::input::native_header(&mut Cursor::new(bytes), settings)
}

fn widen_column(columns: &mut Vec<(String, Guess)>, name: &[u8], guess: Guess) {
    let name = String::from_utf8_lossy(name);
    match columns.iter_mut().find(|(known, _)| *known == name) {
        Some((_, known)) => {
            *known = std::mem::replace(known, Guess::Unknown).widen(guess);
        }
        None => columns.push((name.into_owned(), guess)),
    }
}

fn finish(columns: Vec<(String, Guess)>, settings: &FormatSettings) -> Columns {
    columns.into_iter().map(|(name, guess)| (name, guess.finish(settings))).collect()
}

fn rows(
    kind: RowKind,
    header: Header,
    bytes: &[u8],
    complete: bool,
    settings: &FormatSettings,
) -> Result<Columns> {
    // A row that is cut at the end of the sample tells nothing.
    let end = if complete { bytes.len() } else { bytes.len() - bytes.len() / 100 };
    let mut cursor = Cursor::new(bytes);
    let limit = settings.input_format_max_rows_to_read_for_schema_inference;
    match kind {
        RowKind::Json | RowKind::JsonStrings => {
            return objects(&mut cursor, end, kind == RowKind::JsonStrings, settings);
        }
        RowKind::KeyValue => return key_values(bytes, settings),
        _ => {}
    }
    let compact = matches!(kind, RowKind::JsonCompact | RowKind::JsonCompactStrings);
    let mut names: Option<Vec<Vec<u8>>> = None;
    if header != Header::None {
        names = Some(split_fields(kind, &mut cursor, settings)?);
    }
    if header == Header::NamesAndTypes {
        let types = split_fields(kind, &mut cursor, settings)?;
        return told(names.unwrap_or_default(), &types);
    }
    let mut guesses: Vec<Guess> = Vec::new();
    let mut first: Vec<Vec<u8>> = Vec::new();
    let mut first_guesses = Vec::new();
    for row in 0..limit {
        if cursor.is_at_end() || cursor.position() >= end {
            break;
        }
        let fields: Vec<(Vec<u8>, Guess)> = if compact {
            if !next_json_row(&mut cursor, true) {
                break;
            }
            let strings = kind == RowKind::JsonCompactStrings;
            let fields = json_fields(&mut cursor, true)?;
            fields.iter().map(|(_, v)| (v.to_vec(), json_guess(v, strings, settings))).collect()
        } else {
            text_fields(kind, &mut cursor, settings)?
        };
        if row == 0 && names.is_none() {
            first = fields.iter().map(|(text, _)| text.clone()).collect();
            first_guesses = fields.into_iter().map(|(_, guess)| guess).collect();
            continue;
        }
        guesses.resize(guesses.len().max(fields.len()), Guess::Unknown);
        for (slot, (_, guess)) in guesses.iter_mut().zip(fields) {
            *slot = std::mem::replace(slot, Guess::Unknown).widen(guess);
        }
    }
    if looks_like_header(&first, &first_guesses, &guesses) && !compact {
        names = Some(first);
    } else {
        guesses.resize(guesses.len().max(first_guesses.len()), Guess::Unknown);
        for (slot, guess) in guesses.iter_mut().zip(first_guesses) {
            *slot = std::mem::replace(slot, Guess::Unknown).widen(guess);
        }
    }
    let names = names.unwrap_or_default();
    guesses.resize(guesses.len().max(names.len()), Guess::Unknown);
    let named = guesses.into_iter().enumerate().map(|(at, guess)| {
        let name = names.get(at).map(|name| String::from_utf8_lossy(name).into_owned());
        (name.unwrap_or_else(|| format!("c{}", at + 1)), guess)
    });
    Ok(finish(named.collect(), settings))
}

fn objects(
    cursor: &mut Cursor<'_>,
    end: usize,
    strings: bool,
    settings: &FormatSettings,
) -> Result<Columns> {
    let mut columns: Vec<(String, Guess)> = Vec::new();
    for _ in 0..settings.input_format_max_rows_to_read_for_schema_inference {
        if cursor.position() >= end || !next_json_row(cursor, false) {
            break;
        }
        for (key, value) in json_fields(cursor, false)? {
            widen_column(&mut columns, &key, json_guess(value, strings, settings));
        }
    }
    Ok(finish(columns, settings))
}

/// Whether the first row holds names: texts all, above something that is no text.
fn looks_like_header(first: &[Vec<u8>], first_guesses: &[Guess], others: &[Guess]) -> bool {
    let text = Guess::Type(DataType::String);
    !first_guesses.is_empty()
        && first_guesses.iter().all(|guess| *guess == text)
        && first.iter().all(|name| !name.is_empty())
        && others.iter().any(|guess| *guess != text && *guess != Guess::Unknown)
}

fn told(names: Vec<Vec<u8>>, types: &[Vec<u8>]) -> Result<Columns> {
    names
        .into_iter()
        .zip(types)
        .map(|(name, text)| {
            let data_type = DataType::parse(&String::from_utf8_lossy(text))?;
            Ok((String::from_utf8_lossy(&name).into_owned(), data_type))
        })
        .collect()
}

/// The fields of a row of text with their guesses.
fn text_fields(
    kind: RowKind,
    cursor: &mut Cursor<'_>,
    settings: &FormatSettings,
) -> Result<Vec<(Vec<u8>, Guess)>> {
    let start = cursor.position();
    let fields = split_fields(kind, cursor, settings)?;
    let row = cursor.since(start);
    let null = match kind {
        RowKind::Csv => settings.format_csv_null_representation.as_bytes(),
        _ => settings.format_tsv_null_representation.as_bytes(),
    };
    // Unescaping takes quotes off and makes an N of the NULL of TabSeparated, so both are looked for in the row.
    let written = match kind {
        RowKind::Csv => csv_fields_as_written(row, settings.format_csv_delimiter),
        _ => row.split(|b| *b == b'\t').collect(),
    };
    Ok(fields
        .into_iter()
        .enumerate()
        .map(|(at, text)| {
            let raw = written.get(at).map_or(&b""[..], |raw| raw.trim_ascii());
            let quoted = kind == RowKind::Csv && raw.starts_with(b"\"");
            let guess = if raw == null || text.is_empty() {
                Guess::Unknown
            } else if quoted && !text.starts_with(b"[") {
                date_guess(&text, settings).unwrap_or(Guess::Type(DataType::String))
            } else {
                text_guess(&text, settings)
            };
            (text, guess)
        })
        .collect())
}

/// The fields of a row of CSV with their quotes.
fn csv_fields_as_written(row: &[u8], delimiter: u8) -> Vec<&[u8]> {
    let (mut fields, mut start, mut quoted) = (Vec::new(), 0, false);
    for (at, byte) in row.iter().enumerate() {
        // A quote within bare text is text.
        if *byte == b'"' && (quoted || row[start..at].trim_ascii().is_empty()) {
            quoted = !quoted;
        } else if *byte == b'"' && row[start..at].trim_ascii_start().starts_with(b"\"") {
            quoted = true;
        } else if *byte == delimiter && !quoted {
            fields.push(&row[start..at]);
            start = at + 1;
        }
    }
    fields.push(&row[start..]);
    fields
}

fn key_values(bytes: &[u8], settings: &FormatSettings) -> Result<Columns> {
    let mut columns = Vec::new();
    let limit = settings.input_format_max_rows_to_read_for_schema_inference;
    for line in bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty()).take(limit) {
        for field in line.split(|b| *b == b'\t') {
            let Some(at) = memchr::memchr(b'=', field) else { continue };
            let value = &field[at + 1..];
            let guess = if value == b"\\N" || value.is_empty() {
                Guess::Unknown
            } else {
                text_guess(value, settings)
            };
            widen_column(&mut columns, &field[..at], guess);
        }
    }
    Ok(finish(columns, settings))
}

fn document(base_name: &str, bytes: &[u8], settings: &FormatSettings) -> Result<Columns> {
    let mut cursor = Cursor::new(bytes);
    cursor.skip_spaces();
    if matches!(base_name, "JSON" | "JSONCompact" | "JSONColumnsWithMetadata") {
        return told_by_meta(&mut cursor);
    }
    let mut columns = Vec::new();
    for (name, values) in json_fields(&mut cursor, base_name == "JSONCompactColumns")? {
        let guess = match json_value_guess(values, 0, settings) {
            Guess::Type(DataType::Array(item)) if *item == DataType::Nothing => Guess::Unknown,
            Guess::Type(DataType::Array(item)) => Guess::Type(item.as_ref().clone()),
            _ => return Err(Error::logical("a column that is no array")),
        };
        widen_column(&mut columns, &name, guess);
    }
    Ok(finish(columns, settings))
}

/// The columns that `"meta"` names.
fn told_by_meta(cursor: &mut Cursor<'_>) -> Result<Columns> {
    cursor.expect(b'{')?;
    cursor.skip_spaces();
    let mut buffer = Vec::new();
    let mut place = cursor.clone();
    if json_string(&mut place, &mut buffer)? != b"meta" {
        bail!(IncorrectData, "Expected \"meta\" with names and types first");
    }
    cursor.seek(place.position());
    cursor.skip_spaces();
    cursor.expect(b':')?;
    cursor.skip_spaces();
    let fields = crate::input::document_meta(cursor)?;
    let (names, types) = fields.into_iter().unzip::<_, _, Vec<_>, Vec<_>>();
    told(names, &types)
}
