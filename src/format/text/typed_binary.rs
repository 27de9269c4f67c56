//! Values of RowBinary that bring their type along, and objects of them; see `binary/typed.rs` for the layout.

use base::{Result, bail};
use types::{DataType, JsonPaths, Value, tagged, value_at};

use super::cursor::{Cursor, visible};
use super::from_binary::{read_string, read_varint};
use super::objects::{Entry, LONGEST_PATH, MOST_PATHS};
use super::parser::ColumnParser;
use crate::FormatSettings;
use crate::type_code::read_type;

/// Types that are kept ready to be read.
const KEPT: usize = 16;

/// Reads values of any type.
#[derive(Debug, Default)]
pub(crate) struct TypedInput {
    /// What was met, the last ones.
    kinds: Vec<Kind>,
}

#[derive(Debug)]
struct Kind {
    data_type: DataType,
    parser: ColumnParser,
}

/// Fails for types whose values cannot be those of a Dynamic.
///
/// # Errors
/// BAD_ARGUMENTS; NOT_IMPLEMENTED for states of aggregate functions.
pub(crate) fn check_dynamic(data_type: &DataType) -> Result<()> {
    match data_type {
        DataType::AggregateFunction(_) => {
            bail!(NotImplemented, "States of aggregate functions cannot be read: {data_type}")
        }
        DataType::SimpleAggregateFunction(simple) => check_dynamic(&simple.1),
        DataType::Nothing => bail!(IncorrectData, "Nothing among the types of a Dynamic"),
        other => DataType::variant(vec![other.clone()]).map(drop),
    }
}

impl TypedInput {
    /// A type and a value of it, with its type; `None` is NULL.
    pub(crate) fn read(
        &mut self,
        cursor: &mut Cursor<'_>,
        settings: &FormatSettings,
    ) -> Result<Option<Vec<u8>>> {
        let data_type = read_type(cursor)?;
        if data_type == DataType::Nothing {
            return Ok(None);
        }
        self.read_of(&data_type, cursor, settings).map(Some)
    }

    /// A value of a type, with its type.
    pub(crate) fn read_of(
        &mut self,
        data_type: &DataType,
        cursor: &mut Cursor<'_>,
        settings: &FormatSettings,
    ) -> Result<Vec<u8>> {
        let at = match self.kinds.iter().position(|kind| kind.data_type == *data_type) {
            Some(at) => at,
            None => {
                check_dynamic(data_type)?;
                if self.kinds.len() >= KEPT {
                    self.kinds.remove(0);
                }
                let parser = ColumnParser::new(data_type, settings);
                self.kinds.push(Kind { data_type: data_type.clone(), parser });
                self.kinds.len() - 1
            }
        };
        let parser = &mut self.kinds[at].parser;
        // What a value that was cut has left.
        parser.truncate(0);
        cursor.within(|cursor| parser.read_binary(cursor, settings))?;
        let value = value_at(&parser.finish()?, data_type, 0);
        let value = tagged::tag(data_type, &value);
        if value.len() > settings.max_value_bytes {
            bail!(
                TooLargeStringSize,
                "Too large value of type {data_type}: {} bytes, the limit is {} (max_value_bytes)",
                value.len(),
                settings.max_value_bytes
            );
        }
        Ok(value)
    }

    /// The entries of an object, as they come; `is_skipped` tells which are left out.
    pub(super) fn read_entries(
        &mut self,
        paths: &JsonPaths,
        is_skipped: impl Fn(&[u8]) -> bool,
        cursor: &mut Cursor<'_>,
        settings: &FormatSettings,
    ) -> Result<Vec<Entry>> {
        let count = read_varint(cursor)?;
        if count > MOST_PATHS as u64 {
            bail!(
                TooLargeArraySize,
                "Too large number of paths: {count}, the limit is {MOST_PATHS}"
            );
        }
        let mut entries: Vec<Entry> = Vec::new();
        for _ in 0..count {
            let path = read_string(cursor, LONGEST_PATH)?;
            let named = std::str::from_utf8(path).ok().and_then(|path| paths.type_of(path));
            let value = match named {
                Some(data_type) => Some(read_named(data_type, cursor, settings)?),
                None => self.read(cursor, settings)?,
            };
            if let Some(value) = value.filter(|_| named.is_some() || !is_skipped(path)) {
                entries.push((path.to_vec(), Value::Bytes(value.into())));
            }
        }
        Ok(entries)
    }
}

/// The value of a path that has a type.
fn read_named(
    data_type: &DataType,
    cursor: &mut Cursor<'_>,
    settings: &FormatSettings,
) -> Result<Vec<u8>> {
    let mut parser = ColumnParser::new(data_type, settings);
    cursor.within(|cursor| parser.read_binary(cursor, settings))?;
    let value = value_at(&parser.finish()?, data_type, 0);
    Ok(tagged::tag(data_type, &value))
}

/// A whole text of a type and a value.
///
/// # Errors
/// INCORRECT_DATA where something follows, and those of the value.
pub(crate) fn read_whole(
    bytes: &[u8],
    input: &mut TypedInput,
    settings: &FormatSettings,
) -> Result<Option<Vec<u8>>> {
    let mut cursor = Cursor::new(bytes);
    let value = input.read(&mut cursor, settings)?;
    if !cursor.is_at_end() {
        bail!(IncorrectData, "More than a value with its type: {}", visible(bytes));
    }
    Ok(value)
}
