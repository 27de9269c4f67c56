//! Values that bring their type along as text: what type a text has, and the text of a value.

use base::{Result, bail};
use types::{DataType, JsonPaths, Value, array_from_values, tagged, value_at};

use super::Escaping;
use super::bytes_builder::BytesBuilder;
use super::column_text::ColumnText;
use super::cursor::{Cursor, visible};
use super::json_value::read_leaf;
use super::parser::ColumnParser;
use super::typed_binary::TypedInput;
use crate::FormatSettings;
use crate::guess::{Guess, text_guess};

/// Appends the text of a value with its type; a damaged one, which no reader gives, is written as NULL.
pub(super) fn write(
    value: &[u8],
    escaping: Escaping,
    settings: &FormatSettings,
    out: &mut Vec<u8>,
) {
    let written = tagged::untag(value).and_then(|(data_type, value)| {
        let array = array_from_values(&data_type, std::slice::from_ref(&value))?;
        ColumnText::new(&array, &data_type, settings)?.write(0, escaping, settings, out);
        Ok(())
    });
    if written.is_err() {
        out.extend_from_slice(b"NULL");
    }
}

/// The value of a text of a Variant or Dynamic column, with its type; `None` is NULL.
///
/// # Errors
/// INCORRECT_DATA where no type of a Variant has it.
pub(super) fn read(
    text: &[u8],
    data_type: &DataType,
    escaping: Escaping,
    settings: &FormatSettings,
) -> Result<Option<Vec<u8>>> {
    if let DataType::Variant(members) = data_type {
        return read_member(text, data_type, members, escaping, settings).map(Some);
    }
    if escaping == Escaping::Json {
        let mut cursor = Cursor::new(text);
        let leaf = read_leaf(&mut cursor, settings, &JsonPaths::default(), 0)?;
        cursor.expect_end(data_type)?;
        return Ok(leaf.tagged(false)?.and_then(|value| value.as_bytes().map(<[u8]>::to_vec)));
    }
    let guess = match text_guess(text, settings) {
        Guess::Type(guess) => guess,
        Guess::Unknown => return Ok(None),
    };
    let found = parsed(text, &guess, escaping, settings);
    let (guess, value) = match found {
        Some(value) => (guess, value),
        None => (DataType::String, Value::from(text)),
    };
    Ok(Some(tagged::tag(&guess, &value)))
}

fn parsed(
    text: &[u8],
    data_type: &DataType,
    escaping: Escaping,
    settings: &FormatSettings,
) -> Option<Value> {
    let mut parser = ColumnParser::new(data_type, settings);
    let mut cursor = Cursor::new(text);
    parser.read(&mut cursor, escaping, settings).ok()?;
    if !cursor.is_at_end() || cursor.position() == 0 {
        return None;
    }
    let value = value_at(&parser.finish().ok()?, data_type, 0);
    // Numbers that a type has no room for wrap around while they are read.
    let fits = match &value {
        Value::Int(number) if data_type.is_integer() => {
            let bare = text.strip_prefix(b"\"").and_then(|t| t.strip_suffix(b"\"")).unwrap_or(text);
            let bare = std::str::from_utf8(bare).ok()?;
            bare.parse::<i128>().is_ok_and(|written| written == *number)
        }
        _ => true,
    };
    fits.then_some(value)
}

/// Which types of a Variant are tried first.
fn rank(data_type: &DataType) -> u8 {
    match data_type {
        integer if integer.is_integer() => 0,
        DataType::Bool => 1,
        number if number.is_number() => 2,
        DataType::Date | DataType::Date32 => 3,
        DataType::DateTime(_) => 4,
        DataType::DateTime64(..) => 5,
        text if text.is_string() => 9,
        DataType::Array(_) => 6,
        _ => 7,
    }
}

fn read_member(
    text: &[u8],
    data_type: &DataType,
    members: &[DataType],
    escaping: Escaping,
    settings: &FormatSettings,
) -> Result<Vec<u8>> {
    let mut order: Vec<&DataType> = members.iter().collect();
    order.sort_by_key(|member| (rank(member.inner()), member.bits()));
    for member in order {
        if let Some(value) = parsed(text, member, escaping, settings) {
            return Ok(tagged::tag(member, &value));
        }
    }
    bail!(IncorrectData, "Cannot parse text value of type {data_type} here: {}", visible(text))
}

/// What a column of Variant or Dynamic in the making needs to read values.
#[derive(Debug)]
pub(super) struct TaggedInput {
    data_type: DataType,
    settings: FormatSettings,
    binary: TypedInput,
}

impl TaggedInput {
    pub(super) fn new(data_type: &DataType, settings: &FormatSettings) -> Box<TaggedInput> {
        let (data_type, settings) = (data_type.clone(), settings.clone());
        Box::new(TaggedInput { data_type, settings, binary: TypedInput::default() })
    }

    /// Appends the value of a text.
    pub(super) fn push(
        &self,
        strings: &mut BytesBuilder,
        text: &[u8],
        escaping: Escaping,
    ) -> Result<()> {
        let value = read(text, &self.data_type, escaping, &self.settings)?;
        strings.push(value.as_deref().unwrap_or_default());
        Ok(())
    }

    /// Appends a value of RowBinary (see `binary/typed.rs`); `None` is NULL.
    pub(super) fn read_binary(
        &mut self,
        strings: &mut BytesBuilder,
        cursor: &mut Cursor<'_>,
        settings: &FormatSettings,
    ) -> Result<Option<()>> {
        let value = match &self.data_type {
            DataType::Variant(members) => {
                let number = super::from_binary::take(cursor, 1)?[0];
                match members.get(usize::from(number)) {
                    _ if number == NO_MEMBER => None,
                    Some(member) => Some(self.binary.read_of(member, cursor, settings)?),
                    None => bail!(
                        IncorrectData,
                        "Cannot read value of {}: unexpected discriminator {number}",
                        self.data_type
                    ),
                }
            }
            _ => self.binary.read(cursor, settings)?,
        };
        strings.push(value.as_deref().unwrap_or_default());
        Ok(value.map(drop))
    }
}

/// The number that stands for NULL in binary formats.
pub(crate) const NO_MEMBER: u8 = 255;
