//! The values of a column while it is being built, by what their text looks like.

use std::sync::Arc;

use base::{Error, Result, bail};
use types::{DataType, EnumValues, I256, JsonPaths, U256};

use super::Escaping;
use super::bytes_builder::BytesBuilder;
use super::cursor::{Cursor, visible};
use super::instant::{self, Zone};
use super::objects::ObjectInput;
use super::parser::ColumnParser;
use super::tagged_text::TaggedInput;
use super::{best_effort, clock, decimal, network, number};
use crate::FormatSettings;
use crate::settings::DateTimeInput;

/// Growing values of one layout.
#[derive(Debug)]
pub(super) enum Values {
    Nothing(Vec<u8>),
    UInt8(Vec<u8>),
    UInt16(Vec<u16>),
    UInt32(Vec<u32>),
    UInt64(Vec<u64>),
    UInt128(Vec<i128>),
    UInt256(Vec<U256>),
    Int8(Vec<i8>),
    Int16(Vec<i16>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Int128(Vec<i128>),
    Int256(Vec<I256>),
    BFloat16(Vec<f32>),
    Float32(Vec<f32>),
    Float64(Vec<f64>),
    Bool(Vec<u8>),
    Decimal32(Vec<i32>, u8, u8),
    Decimal64(Vec<i64>, u8, u8),
    Decimal128(Vec<i128>, u8, u8),
    Decimal256(Vec<I256>, u8, u8),
    Bytes(BytesBuilder),
    Fixed(Vec<u8>, usize, usize),
    Date(Vec<u16>),
    Date32(Vec<i32>),
    DateTime(Vec<u32>, Zone),
    DateTime64(Vec<i64>, u8, Zone),
    Time(Vec<i32>),
    Time64(Vec<i64>, u8),
    Enum8(Vec<i8>, Arc<EnumValues>),
    Enum16(Vec<i16>, Arc<EnumValues>),
    Uuid(Vec<i128>),
    Ipv4(Vec<u32>),
    Ipv6(Vec<i128>),
    /// Variant or Dynamic.
    Tagged(BytesBuilder, Box<TaggedInput>),
    /// Objects of JSON, as maps of their paths.
    Objects(Vec<i32>, Box<(ColumnParser, ColumnParser)>, Box<ObjectInput>),
    Array(Vec<i32>, Box<ColumnParser>),
    Map(Vec<i32>, Box<(ColumnParser, ColumnParser)>),
    Tuple(Vec<Option<String>>, Vec<ColumnParser>, usize),
}

/// Runs one expression for the vector of any primitive layout.
macro_rules! for_vector {
    ($values:expr, $vector:ident => $do:expr, $($rest:tt)*) => {
        match $values {
            Values::Nothing($vector) | Values::UInt8($vector) | Values::Bool($vector) => $do,
            Values::UInt16($vector) | Values::Date($vector) => $do,
            Values::UInt32($vector) | Values::DateTime($vector, _) | Values::Ipv4($vector) => $do,
            Values::UInt64($vector) => $do,
            Values::Int8($vector) | Values::Enum8($vector, _) => $do,
            Values::Int16($vector) | Values::Enum16($vector, _) => $do,
            Values::Int32($vector) | Values::Date32($vector) | Values::Time($vector)
            | Values::Decimal32($vector, ..) => $do,
            Values::Int64($vector) | Values::DateTime64($vector, ..) | Values::Time64($vector, _)
            | Values::Decimal64($vector, ..) => $do,
            Values::UInt128($vector) | Values::Int128($vector) | Values::Uuid($vector)
            | Values::Ipv6($vector) | Values::Decimal128($vector, ..) => $do,
            Values::UInt256($vector) => $do,
            Values::Int256($vector) | Values::Decimal256($vector, ..) => $do,
            Values::BFloat16($vector) | Values::Float32($vector) => $do,
            Values::Float64($vector) => $do,
            $($rest)*
        }
    };
}

pub(super) use for_vector;

impl Values {
    pub(super) fn new(data_type: &DataType, settings: &FormatSettings) -> Values {
        let zone = |zone: &Option<types::TimeZone>| Zone::new(zone.unwrap_or(settings.time_zone));
        match data_type {
            DataType::UInt8 => Values::UInt8(Vec::new()),
            DataType::UInt16 => Values::UInt16(Vec::new()),
            DataType::UInt32 => Values::UInt32(Vec::new()),
            DataType::UInt64 => Values::UInt64(Vec::new()),
            DataType::UInt128 => Values::UInt128(Vec::new()),
            DataType::UInt256 => Values::UInt256(Vec::new()),
            DataType::Int8 => Values::Int8(Vec::new()),
            DataType::Int16 => Values::Int16(Vec::new()),
            DataType::Int32 => Values::Int32(Vec::new()),
            DataType::Int64 | DataType::Interval(_) => Values::Int64(Vec::new()),
            DataType::Int128 => Values::Int128(Vec::new()),
            DataType::Int256 => Values::Int256(Vec::new()),
            DataType::BFloat16 => Values::BFloat16(Vec::new()),
            DataType::Float32 => Values::Float32(Vec::new()),
            DataType::Float64 => Values::Float64(Vec::new()),
            DataType::Bool => Values::Bool(Vec::new()),
            DataType::Decimal { precision, scale } => match precision {
                0..=9 => Values::Decimal32(Vec::new(), *precision, *scale),
                10..=18 => Values::Decimal64(Vec::new(), *precision, *scale),
                19..=38 => Values::Decimal128(Vec::new(), *precision, *scale),
                _ => Values::Decimal256(Vec::new(), *precision, *scale),
            },
            // Of CLOB readers are given String, see `clob`.
            DataType::String | DataType::Clob | DataType::AggregateFunction(_) => {
                Values::Bytes(BytesBuilder::default())
            }
            DataType::FixedString(length) => Values::Fixed(Vec::new(), *length, 0),
            DataType::Date => Values::Date(Vec::new()),
            DataType::Date32 => Values::Date32(Vec::new()),
            DataType::DateTime(at) => Values::DateTime(Vec::new(), zone(at)),
            DataType::DateTime64(precision, at) => {
                Values::DateTime64(Vec::new(), *precision, zone(at))
            }
            DataType::Time => Values::Time(Vec::new()),
            DataType::Time64(precision) => Values::Time64(Vec::new(), *precision),
            DataType::Enum8(names) => Values::Enum8(Vec::new(), names.clone()),
            DataType::Enum16(names) => Values::Enum16(Vec::new(), names.clone()),
            DataType::Uuid => Values::Uuid(Vec::new()),
            DataType::Ipv4 => Values::Ipv4(Vec::new()),
            DataType::Ipv6 => Values::Ipv6(Vec::new()),
            DataType::Variant(_) | DataType::Dynamic(_) => {
                Values::Tagged(BytesBuilder::default(), TaggedInput::new(data_type, settings))
            }
            DataType::Json(paths) => Values::objects(paths, settings),
            DataType::Array(item) => {
                Values::Array(vec![0], Box::new(ColumnParser::new(item, settings)))
            }
            DataType::Map(pair) => Values::Map(
                vec![0],
                Box::new((
                    ColumnParser::new(&pair.0, settings),
                    ColumnParser::new(&pair.1, settings),
                )),
            ),
            DataType::Tuple(fields) => Values::Tuple(
                fields.iter().map(|f| f.name.clone()).collect(),
                fields.iter().map(|f| ColumnParser::new(&f.data_type, settings)).collect(),
                0,
            ),
            DataType::Nullable(inner) | DataType::LowCardinality(inner) => {
                Values::new(inner, settings)
            }
            DataType::SimpleAggregateFunction(simple) => Values::new(&simple.1, settings),
            DataType::Geo(kind) => Values::new(kind.base(), settings),
            DataType::Nothing => Values::Nothing(Vec::new()),
        }
    }

    fn objects(paths: &Arc<JsonPaths>, settings: &FormatSettings) -> Values {
        let columns = [DataType::String, DataType::dynamic()];
        let [keys, values] = columns.map(|t| ColumnParser::new(&t, settings));
        Values::Objects(vec![0], Box::new((keys, values)), ObjectInput::new(paths, settings))
    }

    pub(super) fn len(&self) -> usize {
        for_vector!(self, vector => vector.len(),
            Values::Bytes(strings) | Values::Tagged(strings, _) => strings.len(),
            Values::Fixed(_, _, rows) | Values::Tuple(_, _, rows) => *rows,
            Values::Array(offsets, _) | Values::Map(offsets, _) | Values::Objects(offsets, ..) => {
                offsets.len() - 1
            }
        )
    }

    /// Bytes held, about.
    pub(super) fn memory(&self) -> usize {
        for_vector!(self, vector => std::mem::size_of_val(vector.as_slice()),
            Values::Bytes(strings) | Values::Tagged(strings, _) => strings.memory(),
            Values::Fixed(bytes, ..) => bytes.len(),
            Values::Tuple(_, items, _) => items.iter().map(ColumnParser::memory).sum(),
            Values::Array(offsets, item) => offsets.len() * 4 + item.memory(),
            Values::Map(offsets, pair) | Values::Objects(offsets, pair, _) => {
                offsets.len() * 4 + pair.0.memory() + pair.1.memory()
            }
        )
    }

    pub(super) fn truncate(&mut self, len: usize) {
        for_vector!(self, vector => vector.truncate(len),
            Values::Bytes(strings) | Values::Tagged(strings, _) => strings.truncate(len),
            Values::Fixed(bytes, length, rows) => {
                *rows = len.min(*rows);
                bytes.truncate(*rows * *length);
            }
            Values::Tuple(_, items, rows) => {
                *rows = len.min(*rows);
                items.iter_mut().for_each(|item| item.truncate(*rows));
            }
            Values::Array(offsets, item) => {
                offsets.truncate(len + 1);
                item.truncate(offsets[offsets.len() - 1] as usize);
            }
            Values::Map(offsets, pair) | Values::Objects(offsets, pair, _) => {
                offsets.truncate(len + 1);
                let items = offsets[offsets.len() - 1] as usize;
                pair.0.truncate(items);
                pair.1.truncate(items);
            }
        );
    }

    pub(super) fn push_default(&mut self) {
        match self {
            Values::Enum8(vector, names) => {
                vector.push(names.iter().next().map_or(0, |(_, number)| number as i8));
            }
            Values::Enum16(vector, names) => {
                vector.push(names.iter().next().map_or(0, |(_, number)| number));
            }
            other => for_vector!(other, vector => vector.push(Default::default()),
                Values::Bytes(strings) | Values::Tagged(strings, _) => strings.push(&[]),
                Values::Objects(offsets, pair, input) => input.push_default(offsets, pair),
                Values::Fixed(bytes, length, rows) => {
                    bytes.resize(bytes.len() + *length, 0);
                    *rows += 1;
                }
                Values::Tuple(_, items, rows) => {
                    items.iter_mut().for_each(ColumnParser::push_default);
                    *rows += 1;
                }
                Values::Array(offsets, _) | Values::Map(offsets, _) => {
                    offsets.push(offsets[offsets.len() - 1]);
                }
            ),
        }
    }

    /// Reads a value that is no string, enum or composite as far as it goes.
    #[inline]
    pub(super) fn read_plain(&mut self, cursor: &mut Cursor<'_>) -> Result<()> {
        match self {
            Values::Nothing(vector) => {
                cursor.advance(cursor.rest().len());
                vector.push(0);
            }
            Values::UInt8(vector) => vector.push(number::read_u64(cursor) as u8),
            Values::UInt16(vector) => vector.push(number::read_u64(cursor) as u16),
            Values::UInt32(vector) => vector.push(number::read_u64(cursor) as u32),
            Values::UInt64(vector) => vector.push(number::read_u64(cursor)),
            Values::Int8(vector) => vector.push(number::read_i64(cursor) as i8),
            Values::Int16(vector) => vector.push(number::read_i64(cursor) as i16),
            Values::Int32(vector) => vector.push(number::read_i64(cursor) as i32),
            Values::Int64(vector) => vector.push(number::read_i64(cursor)),
            Values::UInt128(vector) => vector.push(number::read_i128(cursor, false)),
            Values::Int128(vector) => vector.push(number::read_i128(cursor, true)),
            Values::UInt256(vector) => vector.push(decimal::read_wide(cursor, false)),
            Values::Int256(vector) => vector.push(decimal::read_wide(cursor, true).as_i256()),
            Values::BFloat16(vector) => vector.push(types::brain_float(number::read_f32(cursor)?)),
            Values::Float32(vector) => vector.push(number::read_f32(cursor)?),
            Values::Float64(vector) => vector.push(number::read_f64(cursor)?),
            Values::Bool(vector) => vector.push(u8::from(read_bool(cursor)?)),
            Values::Decimal32(vector, precision, scale) => {
                vector.push(decimal::read_decimal::<i128>(cursor, *precision, *scale)? as i32);
            }
            Values::Decimal64(vector, precision, scale) => {
                vector.push(decimal::read_decimal::<i128>(cursor, *precision, *scale)? as i64);
            }
            Values::Decimal128(vector, precision, scale) => {
                vector.push(decimal::read_decimal(cursor, *precision, *scale)?);
            }
            Values::Decimal256(vector, precision, scale) => {
                vector.push(decimal::read_decimal(cursor, *precision, *scale)?);
            }
            Values::Date(vector) => vector.push(instant::to_date(instant::read_days(cursor)?)),
            Values::Date32(vector) => {
                vector.push(instant::read_days_or(cursor, FIRST_DAY_32)? as i32)
            }
            Values::DateTime(vector, zone) => {
                vector.push(to_seconds(instant::read_basic(cursor, 0, zone)?));
            }
            Values::DateTime64(vector, precision, zone) => {
                vector.push(instant::read_basic(cursor, *precision, zone)?);
            }
            Values::Time(vector) => vector.push(clock::read(cursor, 0)? as i32),
            Values::Time64(vector, precision) => vector.push(clock::read(cursor, *precision)?),
            Values::Uuid(vector) => vector.push(network::read_uuid(cursor)? as i128),
            Values::Ipv4(vector) => vector.push(network::read_ipv4(cursor)?),
            Values::Ipv6(vector) => vector.push(network::read_ipv6(cursor)? as i128),
            _ => return Err(Error::logical("a string or composite read as a plain value")),
        }
        Ok(())
    }

    /// Whether these are dates with times.
    #[inline]
    pub(super) fn is_instant(&self) -> bool {
        matches!(self, Values::DateTime(..) | Values::DateTime64(..))
    }

    /// Reads a date with time of which `text` is the whole text.
    pub(super) fn read_instant(&mut self, text: &[u8], settings: &FormatSettings) -> Result<()> {
        let (precision, with_fraction, zone) = match self {
            Values::DateTime(_, zone) => (0, false, zone),
            Values::DateTime64(_, precision, zone) => (*precision, true, zone),
            _ => return Err(Error::logical("no instant")),
        };
        let basic = settings.date_time_input_format == DateTimeInput::Basic;
        let plain = text.len() == 19 && text[4] == b'-' && text[7] == b'-' && text[13] == b':';
        let ticks = if basic || plain && instant::is_day(text) {
            let mut cursor = Cursor::new(text);
            // Few digits are no timestamp where a text is to be a time.
            let few = match text.first() {
                Some(b'-') => !with_fraction,
                _ => text.len() < 5,
            };
            if few && text.last().is_some_and(u8::is_ascii_digit) {
                return Err(cursor.expected(b"a time"));
            }
            let ticks = instant::read_basic(&mut cursor, precision, zone)?;
            if !cursor.is_at_end() {
                return Err(cursor.expected(b"end of value"));
            }
            ticks
        } else {
            let style = settings.date_time_input_format;
            best_effort::read(text, precision, with_fraction, style, zone)?
        };
        match self {
            Values::DateTime(vector, _) => vector.push(to_seconds(ticks)),
            Values::DateTime64(vector, ..) => vector.push(ticks),
            _ => {}
        }
        Ok(())
    }

    /// Appends a string, fixed string or enum of which `text` is the whole text without escapes.
    pub(super) fn push_string(&mut self, text: &[u8]) -> Result<()> {
        match self {
            Values::Bytes(strings) => strings.push(text),
            Values::Fixed(bytes, length, rows) => {
                if text.len() > *length {
                    bail!(TooLargeStringSize, "Too large value for FixedString({length})");
                }
                bytes.extend_from_slice(text);
                *rows += 1;
                bytes.resize(*rows * *length, 0);
            }
            Values::Enum8(vector, names) => vector.push(enum_number(names, text)? as i8),
            Values::Enum16(vector, names) => vector.push(enum_number(names, text)?),
            Values::Tagged(strings, input) => input.push(strings, text, Escaping::Raw)?,
            Values::Objects(offsets, pair, input) => input.push(offsets, pair, text)?,
            _ => return Err(Error::logical("no string")),
        }
        Ok(())
    }

    /// Whether these are strings, fixed strings or enums.
    #[inline]
    pub(super) fn is_stringlike(&self) -> bool {
        matches!(
            self,
            Values::Bytes(_)
                | Values::Fixed(..)
                | Values::Enum8(..)
                | Values::Enum16(..)
                | Values::Tagged(..)
                | Values::Objects(..)
        )
    }

    /// Whether these are values whose types are told by how they are written.
    #[inline]
    pub(super) fn is_self_describing(&self) -> bool {
        matches!(self, Values::Tagged(..) | Values::Objects(..))
    }

    /// Appends the value of a JSON text to one of these.
    pub(super) fn push_json(&mut self, text: &[u8]) -> Result<()> {
        match self {
            Values::Tagged(strings, input) => input.push(strings, text, Escaping::Json),
            Values::Objects(offsets, pair, input) => input.push(offsets, pair, text),
            _ => Err(Error::logical("a value of one type read as one of any")),
        }
    }

    /// Whether these are arrays, maps or tuples.
    #[inline]
    pub(super) fn is_composite(&self) -> bool {
        matches!(self, Values::Array(..) | Values::Map(..) | Values::Tuple(..))
    }
}

/// Ends a list whose items end at `items`.
///
/// # Errors
/// TOO_LARGE_ARRAY_SIZE when a block holds more items than offsets can count.
pub(super) fn close_list(offsets: &mut Vec<i32>, items: usize) -> Result<()> {
    match i32::try_from(items) {
        Ok(end) => {
            offsets.push(end);
            Ok(())
        }
        Err(_) => bail!(TooLargeArraySize, "Too many array elements in one block: {items}"),
    }
}

/// 1900-01-01, which a Date32 is whose text has no day that exists.
const FIRST_DAY_32: i64 = -25_567;

fn to_seconds(seconds: i64) -> u32 {
    seconds.clamp(0, i64::from(u32::MAX)) as u32
}

fn enum_number(names: &EnumValues, text: &[u8]) -> Result<i16> {
    if let Some(number) = names.number(text) {
        return Ok(number);
    }
    let number = std::str::from_utf8(text).ok().and_then(|text| text.parse::<i16>().ok());
    if let Some(number) = number.filter(|number| names.name(*number).is_some()) {
        return Ok(number);
    }
    bail!(UnknownElementOfEnum, "Unknown element '{}' for enum", visible(text))
}

/// Reads a truth value.
///
/// # Errors
/// CANNOT_PARSE_BOOL
fn read_bool(cursor: &mut Cursor<'_>) -> Result<bool> {
    match cursor.peek() {
        Some(digit @ (b'0' | b'1')) => {
            cursor.advance(1);
            return Ok(digit == b'1');
        }
        Some(b't') if cursor.rest().starts_with(b"true") => {
            cursor.advance(4);
            return Ok(true);
        }
        Some(b'f') if cursor.rest().starts_with(b"false") => {
            cursor.advance(5);
            return Ok(false);
        }
        _ => {}
    }
    const WORDS: [(&str, bool); 14] = [
        ("true", true),
        ("false", false),
        ("t", true),
        ("f", false),
        ("yes", true),
        ("no", false),
        ("y", true),
        ("n", false),
        ("on", true),
        ("off", false),
        ("enable", true),
        ("disable", false),
        ("enabled", true),
        ("disabled", false),
    ];
    for (word, value) in WORDS {
        if cursor.eat_word(word.as_bytes()) {
            return Ok(value);
        }
    }
    bail!(
        CannotParseBool,
        "Cannot parse boolean value here: '{}', should be true or false, or one of \
         T/F/Y/N/Yes/No/On/Off/Enable/Disable/Enabled/Disabled/1/0",
        visible(cursor.rest())
    )
}
