//! Guesses the columns of an input from its start, or reads them where the format tells them.
//!
//! The guess of a column starts at "unknown" and is widened by every row: integers, floats,
//! dates, truth values, arrays, tuples; what does not fit together becomes String.

use base::{Error, Result, bail};
use types::{DataType, Field, Schema, TupleField};

use crate::FormatSettings;
use crate::declaration::Header;
use crate::input::{
    ByteSource, Input, RowKind, input_declaration, json_fields, next_json_row, split_fields,
};
use crate::text::{ColumnParser, Cursor, Escaping, json_string};

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
            return crate::arrow_layout::infer(head, declaration.base_name == "Arrow", settings);
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
            told_by_row_binary(&bytes)
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

fn told_by_row_binary(bytes: &[u8]) -> Result<Columns> {
    let (names, types) = crate::input::row_binary_header(&mut Cursor::new(bytes))?;
    Ok(names.iter().map(|n| String::from_utf8_lossy(n).into_owned()).zip(types).collect())
}

fn told_by_native(bytes: &[u8], settings: &FormatSettings) -> Result<Columns> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    crate::input::native_header(&mut Cursor::new(bytes), settings)
}

/// What is known of a column.
#[derive(Debug, Clone, PartialEq)]
enum Guess {
    Unknown,
    Type(DataType),
}

impl Guess {
    /// What holds both.
    fn widen(self, other: Guess) -> Guess {
        match (self, other) {
            (Guess::Unknown, guess) | (guess, Guess::Unknown) => guess,
            (Guess::Type(a), Guess::Type(b)) => Guess::Type(wider(a, b)),
        }
    }

    fn finish(self, settings: &FormatSettings) -> DataType {
        let data_type = match self {
            Guess::Unknown => DataType::String,
            Guess::Type(data_type) => known(data_type),
        };
        if settings.schema_inference_make_columns_nullable {
            with_nulls(data_type)
        } else {
            data_type
        }
    }
}

/// A type with String for what stayed unknown in it.
fn known(data_type: DataType) -> DataType {
    match data_type {
        DataType::Nothing => DataType::String,
        DataType::Array(item) => DataType::array(known(item.as_ref().clone())),
        DataType::Tuple(fields) => DataType::Tuple(
            fields
                .iter()
                .map(|f| TupleField { name: f.name.clone(), data_type: known(f.data_type.clone()) })
                .collect(),
        ),
        other => other,
    }
}

fn with_nulls(data_type: DataType) -> DataType {
    match data_type {
        DataType::Array(item) => DataType::array(with_nulls(item.as_ref().clone())),
        DataType::Tuple(fields) => DataType::Tuple(
            fields
                .iter()
                .map(|f| TupleField {
                    name: f.name.clone(),
                    data_type: with_nulls(f.data_type.clone()),
                })
                .collect(),
        ),
        other => other.nullable(),
    }
}

/// The type that holds the values of two.
fn wider(a: DataType, b: DataType) -> DataType {
    use DataType::{Array, Date, DateTime, DateTime64, Float64, Int64, Nothing, Tuple, UInt64};
    match (a, b) {
        (a, b) if a == b => a,
        (Nothing, other) | (other, Nothing) => other,
        (Int64 | UInt64, Float64) | (Float64, Int64 | UInt64) => Float64,
        (Int64, UInt64) | (UInt64, Int64) => Float64,
        (Date, DateTime(zone)) | (DateTime(zone), Date) => DateTime(zone),
        (Date | DateTime(_), DateTime64(..)) | (DateTime64(..), Date | DateTime(_)) => {
            DateTime64(9, None)
        }
        (Array(a), Array(b)) => DataType::array(wider(a.as_ref().clone(), b.as_ref().clone())),
        (Tuple(a), Tuple(b)) => {
            let same_names = a.iter().map(|f| &f.name).eq(b.iter().map(|f| &f.name));
            if same_names {
                let fields = a.iter().zip(b.iter());
                return Tuple(
                    fields
                        .map(|(a, b)| TupleField {
                            name: a.name.clone(),
                            data_type: wider(a.data_type.clone(), b.data_type.clone()),
                        })
                        .collect(),
                );
            }
            if a.iter().chain(b.iter()).any(|f| f.name.is_none()) {
                return DataType::String;
            }
            let mut fields: Vec<TupleField> = a.to_vec();
            for field in b.iter() {
                match fields.iter_mut().find(|f| f.name == field.name) {
                    Some(known) => {
                        let before = known.data_type.clone();
                        known.data_type = wider(before, field.data_type.clone());
                    }
                    None => fields.push(field.clone()),
                }
            }
            Tuple(fields.into())
        }
        _ => DataType::String,
    }
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
    let mut columns: Vec<(String, Guess)> = Vec::new();
    match kind {
        RowKind::Json | RowKind::JsonStrings => {
            for _ in 0..limit {
                if cursor.position() >= end || !next_json_row(&mut cursor, false) {
                    break;
                }
                for (key, value) in json_fields(&mut cursor, false)? {
                    let guess = json_guess(value, kind == RowKind::JsonStrings, settings);
                    widen_column(&mut columns, &key, guess);
                }
            }
            return Ok(finish(columns, settings));
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
    let text = Guess::Type(DataType::String);
    let is_header = !compact
        && !first_guesses.is_empty()
        && first_guesses.iter().all(|guess| *guess == text)
        && first.iter().all(|name| !name.is_empty())
        && guesses.iter().any(|guess| *guess != text && *guess != Guess::Unknown);
    if is_header {
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
    // Unescaping makes an N of the NULL of TabSeparated, so that is looked for in the row.
    let nulls: Vec<bool> = row
        .split(|b| *b == if kind == RowKind::Csv { settings.format_csv_delimiter } else { b'\t' })
        .map(|raw| raw.trim_ascii_end() == null)
        .collect();
    let quoted = kind == RowKind::Csv && row.contains(&b'"');
    Ok(fields
        .into_iter()
        .enumerate()
        .map(|(at, text)| {
            let null = nulls.get(at).copied().unwrap_or(false);
            let guess = if null || text.is_empty() {
                Guess::Unknown
            } else if quoted && in_quotes(row, &text) && !text.starts_with(b"[") {
                date_guess(&text, settings).unwrap_or(Guess::Type(DataType::String))
            } else {
                text_guess(&text, settings)
            };
            (text, guess)
        })
        .collect())
}

/// Whether a text stands in double quotes in its row.
fn in_quotes(row: &[u8], text: &[u8]) -> bool {
    let quoted = [b"\"", text, b"\""].concat();
    memchr::memmem::find(row, &quoted).is_some()
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

/// Whether a text is wholly a value of a type.
fn is_a(text: &[u8], data_type: &DataType, settings: &FormatSettings) -> bool {
    ColumnParser::new(data_type, settings).push_text(text, Escaping::Raw, settings).is_ok()
}

fn number_guess(text: &[u8], settings: &FormatSettings) -> Option<Guess> {
    let text = std::str::from_utf8(text).ok()?;
    let starts = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'));
    if !starts {
        return None;
    }
    if settings.input_format_try_infer_integers {
        if text.parse::<i64>().is_ok() {
            return Some(Guess::Type(DataType::Int64));
        }
        if text.parse::<u64>().is_ok() {
            return Some(Guess::Type(DataType::UInt64));
        }
    }
    let float = text.parse::<f64>().is_ok_and(f64::is_finite);
    float.then_some(Guess::Type(DataType::Float64))
}

/// Dates and times in their plain spelling.
fn date_guess(text: &[u8], settings: &FormatSettings) -> Option<Guess> {
    let dashes = text.get(4) == Some(&b'-') && text.get(7) == Some(&b'-');
    if !dashes || !text[0].is_ascii_digit() {
        return None;
    }
    if text.len() == 10 && settings.input_format_try_infer_dates {
        return is_a(text, &DataType::Date, settings).then_some(Guess::Type(DataType::Date));
    }
    if text.len() < 19 || !settings.input_format_try_infer_datetimes {
        return None;
    }
    let data_type = if text.get(19) == Some(&b'.') {
        DataType::DateTime64(9, None)
    } else {
        DataType::DateTime(None)
    };
    is_a(text, &data_type, settings).then_some(Guess::Type(data_type))
}

fn text_guess(text: &[u8], settings: &FormatSettings) -> Guess {
    if let Some(guess) = number_guess(text, settings).or_else(|| date_guess(text, settings)) {
        return guess;
    }
    if matches!(text, b"true" | b"false" | b"True" | b"False" | b"TRUE" | b"FALSE") {
        return Guess::Type(DataType::Bool);
    }
    if text.starts_with(b"[") && text.ends_with(b"]") {
        for item in [DataType::Int64, DataType::Float64, DataType::String] {
            let list = DataType::array(item.nullable());
            if is_a(text, &list, settings) {
                let DataType::Array(item) = list else { break };
                return Guess::Type(DataType::array(item.inner().clone()));
            }
        }
    }
    Guess::Type(DataType::String)
}

/// The guess of a JSON value from its text.
fn json_guess(value: &[u8], as_string: bool, settings: &FormatSettings) -> Guess {
    if as_string {
        let mut buffer = Vec::new();
        return match json_string(&mut Cursor::new(value), &mut buffer) {
            Ok(text) if text == "ᴺᵁᴸᴸ".as_bytes() => Guess::Unknown,
            Ok(text) => text_guess(text, settings),
            Err(_) => Guess::Type(DataType::String),
        };
    }
    json_value_guess(value, 0, settings)
}

fn json_value_guess(value: &[u8], depth: usize, settings: &FormatSettings) -> Guess {
    const DEEPEST: usize = 30;
    let text = Guess::Type(DataType::String);
    if depth > DEEPEST {
        return text;
    }
    let mut cursor = Cursor::new(value);
    match value.first() {
        Some(b'n') => Guess::Unknown,
        Some(b't' | b'f') => Guess::Type(DataType::Bool),
        Some(b'"') => {
            let mut buffer = Vec::new();
            match json_string(&mut cursor, &mut buffer) {
                Ok(content) => date_guess(content, settings).unwrap_or(text),
                Err(_) => text,
            }
        }
        Some(b'[') => {
            let Ok(items) = json_fields(&mut cursor, true) else { return text };
            let mut item = Guess::Unknown;
            for (_, value) in items {
                item = item.widen(json_value_guess(value, depth + 1, settings));
            }
            Guess::Type(DataType::array(match item {
                Guess::Unknown => DataType::Nothing,
                Guess::Type(item) => item,
            }))
        }
        Some(b'{') => {
            let Ok(members) = json_fields(&mut cursor, false) else { return text };
            if members.is_empty() {
                return Guess::Unknown;
            }
            let fields = members.iter().map(|(key, value)| TupleField {
                name: Some(String::from_utf8_lossy(key).into_owned()),
                data_type: match json_value_guess(value, depth + 1, settings) {
                    Guess::Unknown => DataType::Nothing,
                    Guess::Type(data_type) => data_type,
                },
            });
            Guess::Type(DataType::Tuple(fields.collect()))
        }
        _ => number_guess(value, settings).unwrap_or(text),
    }
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
