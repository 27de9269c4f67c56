//! Guesses what type the values of a column have.

use types::{DataType, TupleField};

use crate::FormatSettings;
use crate::input::json_fields;
use crate::text::{ColumnParser, Cursor, Escaping, json_string};

/// What is known of a column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Guess {
    Unknown,
    Type(DataType),
}

impl Guess {
    /// What holds both.
    pub(crate) fn widen(self, other: Guess) -> Guess {
        match (self, other) {
            (Guess::Unknown, guess) | (guess, Guess::Unknown) => guess,
            (Guess::Type(a), Guess::Type(b)) => Guess::Type(wider(a, b)),
        }
    }

    pub(crate) fn finish(self, settings: &FormatSettings) -> DataType {
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
pub(crate) fn date_guess(text: &[u8], settings: &FormatSettings) -> Option<Guess> {
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

pub(crate) fn text_guess(text: &[u8], settings: &FormatSettings) -> Guess {
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
pub(crate) fn json_guess(value: &[u8], as_string: bool, settings: &FormatSettings) -> Guess {
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

pub(crate) fn json_value_guess(value: &[u8], depth: usize, settings: &FormatSettings) -> Guess {
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
