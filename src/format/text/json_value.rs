//! JSON values whose types are told by how they are written.
//!
//! Int64, UInt64, Float64, Bool, Date, DateTime, DateTime64(9), String, and arrays of these. Objects within arrays
//! are of a JSON type of their own; items of different types are Dynamic.

use std::sync::Arc;

use base::{Error, Result, bail};
use types::{DataType, JsonPaths, Value, tagged};

use super::cursor::Cursor;
use super::objects::Reader;
use super::parser::{ColumnParser, read_items};
use super::{Escaping, json};
use crate::FormatSettings;
use crate::guess::{Guess, date_guess};

/// How deep objects and arrays may lie within one another.
const DEEPEST: usize = 100;

pub(super) fn too_deep(depth: usize) -> Result<()> {
    if depth > DEEPEST {
        bail!(IncorrectData, "JSON is nested deeper than {DEEPEST} levels");
    }
    Ok(())
}

/// A JSON value with the type that it has alone.
#[derive(Debug, Clone)]
pub(super) struct Leaf {
    data_type: DataType,
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    Null,
    Value(Value),
    /// A text, as it is written and as what it looks like.
    Text(Value, Value),
    Items(Vec<Leaf>),
}

/// Reads a JSON value of any kind.
pub(super) fn read_leaf(
    cursor: &mut Cursor<'_>,
    settings: &FormatSettings,
    paths: &JsonPaths,
    depth: usize,
) -> Result<Leaf> {
    too_deep(depth)?;
    let of = |data_type: DataType, value: Value| Leaf { data_type, content: Content::Value(value) };
    match cursor.peek() {
        Some(b'"') => {
            let mut buffer = Vec::new();
            let mut place = cursor.clone();
            let text = json::read_string(&mut place, &mut buffer)?;
            let leaf = text_leaf(text, settings)?;
            cursor.seek(place.position());
            Ok(leaf)
        }
        Some(b'[') => {
            cursor.advance(1);
            let mut items = Vec::new();
            read_items(cursor, b']', |cursor, _| {
                items.push(read_leaf(cursor, settings, paths, depth + 1)?);
                Ok(())
            })?;
            let mut common = DataType::Nothing;
            for item in &items {
                common = unify(common, item.data_type.clone());
            }
            Ok(Leaf { data_type: DataType::array(common), content: Content::Items(items) })
        }
        Some(b'{') => {
            let nested = Arc::new(paths.nested());
            let reader = Reader::new(&nested)?;
            let mut entries = Vec::new();
            reader.read_at(cursor, settings, depth, &mut entries)?;
            Ok(of(DataType::Json(nested), reader.finish(entries)?))
        }
        Some(b'n') if cursor.eat_word(b"null") => {
            Ok(Leaf { data_type: DataType::Nothing, content: Content::Null })
        }
        Some(b't') if cursor.eat_word(b"true") => Ok(of(DataType::Bool, Value::Int(1))),
        Some(b'f') if cursor.eat_word(b"false") => Ok(of(DataType::Bool, Value::Int(0))),
        _ => number_leaf(cursor),
    }
}

fn text_leaf(text: &[u8], settings: &FormatSettings) -> Result<Leaf> {
    let written = Value::from(text);
    let dated = match date_guess(text, settings) {
        Some(Guess::Type(data_type)) => data_type,
        _ => {
            let content = Content::Value(written);
            return Ok(Leaf { data_type: DataType::String, content });
        }
    };
    let mut parser = ColumnParser::new(&dated, settings);
    parser.push_text(text, Escaping::Raw, settings)?;
    let value = types::value_at(&parser.finish()?, &dated, 0);
    Ok(Leaf { data_type: dated, content: Content::Text(written, value) })
}

fn number_leaf(cursor: &mut Cursor<'_>) -> Result<Leaf> {
    let start = cursor.position();
    let is_part = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
    let length = cursor.rest().iter().take_while(|b| is_part(b)).count();
    let text = std::str::from_utf8(&cursor.rest()[..length]).unwrap_or_default();
    cursor.advance(length);
    let of = |data_type, value| Ok(Leaf { data_type, content: Content::Value(value) });
    if let Ok(number) = text.parse::<i64>() {
        return of(DataType::Int64, Value::Int(number.into()));
    }
    if let Ok(number) = text.parse::<u64>() {
        return of(DataType::UInt64, Value::Int(number.into()));
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        // Beyond 64 bits a whole number would lose digits.
        return of(DataType::String, Value::from(text));
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && digits.starts_with(|c: char| c.is_ascii_digit()) => {
            of(DataType::Float64, Value::Float(number))
        }
        _ => {
            cursor.seek(start);
            Err(cursor.expected(b"JSON value"))
        }
    }
}

/// The type that items of two types have together.
fn unify(a: DataType, b: DataType) -> DataType {
    use DataType::{Array, Date, DateTime, DateTime64, Float64, Int64, Nothing, String, UInt64};
    match (a, b) {
        (a, b) if a == b => a,
        (Nothing, other) | (other, Nothing) => other,
        (Int64 | UInt64 | Float64, Int64 | UInt64 | Float64) => Float64,
        (String, Date | DateTime(_) | DateTime64(..))
        | (Date | DateTime(_) | DateTime64(..), String) => String,
        (Date, DateTime(zone)) | (DateTime(zone), Date) => DateTime(zone),
        (Date | DateTime(_), DateTime64(p, zone)) | (DateTime64(p, zone), Date | DateTime(_)) => {
            DateTime64(p, zone)
        }
        (Array(a), Array(b)) => DataType::array(unify(a.as_ref().clone(), b.as_ref().clone())),
        _ => DataType::dynamic(),
    }
}

/// A type with String for what stayed unknown; items can be NULL.
fn settled(data_type: &DataType, is_item: bool, nullable: bool) -> DataType {
    match data_type {
        DataType::Array(item) => DataType::array(settled(item, true, nullable)),
        DataType::Nothing if nullable => DataType::String.nullable(),
        DataType::Nothing => DataType::String,
        DataType::Json(_) => data_type.clone(),
        other if is_item && nullable => other.clone().nullable(),
        other => other.clone(),
    }
}

impl Leaf {
    /// It with its type, whose items can be NULL if wanted or there is one; `None` for NULL.
    pub(super) fn tagged(&self, nullable_items: bool) -> Result<Option<Value>> {
        if matches!(self.content, Content::Null) {
            return Ok(None);
        }
        let nullable_items = nullable_items || self.has_null_item();
        let data_type = match &self.data_type {
            // Not an item beside other objects, whose type would be theirs.
            DataType::Json(_) => DataType::Json(Arc::new(JsonPaths::default())),
            other => settled(other, false, nullable_items),
        };
        let value = self.as_type(&data_type)?;
        Ok(Some(Value::Bytes(tagged::tag(&data_type, &value).into())))
    }

    fn has_null_item(&self) -> bool {
        let Content::Items(items) = &self.content else { return false };
        items.iter().any(|i| matches!(i.content, Content::Null) || i.has_null_item())
    }

    /// Its value in the type that was found for it and its neighbours.
    fn as_type(&self, data_type: &DataType) -> Result<Value> {
        if let DataType::Nullable(inner) = data_type {
            return self.as_type(inner);
        }
        if data_type.is_tagged() {
            return Ok(self.tagged(true)?.unwrap_or(Value::Null));
        }
        Ok(match (&self.content, data_type) {
            (Content::Null, DataType::Array(_) | DataType::Json(_)) => data_type.default_value(),
            (Content::Null, _) => Value::Null,
            (Content::Items(items), DataType::Array(item)) => {
                let values = items.iter().map(|leaf| leaf.as_type(item));
                Value::Array(values.collect::<Result<_>>()?)
            }
            (Content::Text(written, _), DataType::String) => written.clone(),
            (Content::Text(_, value), _) if *data_type == self.data_type => value.clone(),
            (Content::Text(Value::Bytes(text), _), _) => {
                let settings = FormatSettings::default();
                let mut parser = ColumnParser::new(data_type, &settings);
                parser.push_text(text, Escaping::Raw, &settings)?;
                types::value_at(&parser.finish()?, data_type, 0)
            }
            (Content::Value(Value::Int(number)), DataType::Float64) => Value::Float(*number as f64),
            (Content::Value(value), _) => value.clone(),
            _ => return Err(Error::logical("a JSON value of another type")),
        })
    }
}
