//! Values of RowBinary into the columns that texts are parsed into.

use base::{Result, bail, error};
use types::{I256, U256};

use super::cursor::Cursor;
use super::parser::ColumnParser;
use super::values::{Values, close_list};
use crate::FormatSettings;
use crate::binary::{brain_from_wire, uuid_from_wire};

/// The error that the input ended within a value; readers then wait for more.
#[cold]
fn cut() -> base::Error {
    error!(CannotReadAllData, "Cannot read all data: the input ends within a value")
}

/// Reads so many bytes.
pub(crate) fn take<'a>(cursor: &mut Cursor<'a>, length: usize) -> Result<&'a [u8]> {
    let bytes = cursor.rest().get(..length).ok_or_else(cut)?;
    cursor.advance(length);
    Ok(bytes)
}

fn array<const N: usize>(cursor: &mut Cursor<'_>) -> Result<[u8; N]> {
    let bytes = cursor.rest().first_chunk::<N>().ok_or_else(cut)?;
    cursor.advance(N);
    Ok(*bytes)
}

/// Reads a varint.
///
/// # Errors
/// INCORRECT_DATA for one of more than 64 bits, CANNOT_READ_ALL_DATA at the end.
pub(crate) fn read_varint(cursor: &mut Cursor<'_>) -> Result<u64> {
    let mut number = 0_u64;
    for at in 0..10 {
        let [byte] = array::<1>(cursor)?;
        number |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    bail!(IncorrectData, "Cannot read a length: it has more than 64 bits")
}

/// Reads a string with its length.
///
/// # Errors
/// TOO_LARGE_STRING_SIZE when it is announced as longer than `limit`.
pub(crate) fn read_string<'a>(cursor: &mut Cursor<'a>, limit: usize) -> Result<&'a [u8]> {
    let length = read_varint(cursor)?;
    match usize::try_from(length) {
        Ok(length) if length <= limit => take(cursor, length),
        _ => bail!(
            TooLargeStringSize,
            "Too large string size: {length} bytes, the limit is {limit} (max_value_bytes)"
        ),
    }
}

impl ColumnParser {
    /// Reads one value of RowBinary.
    ///
    /// # Errors
    /// CANNOT_READ_ALL_DATA when the input ends within it, TOO_LARGE_STRING_SIZE and
    /// TOO_LARGE_ARRAY_SIZE for announced lengths past the limits. Pieces of the value may stay.
    pub(crate) fn read_binary(
        &mut self,
        cursor: &mut Cursor<'_>,
        settings: &FormatSettings,
    ) -> Result<()> {
        if self.values.is_self_describing() {
            return self.read_binary_tagged(cursor, settings);
        }
        if self.is_nullable() && array::<1>(cursor)? != [0] {
            self.push_default();
            return Ok(());
        }
        let values = &mut self.values;
        match values {
            Values::Nothing(v) | Values::UInt8(v) => v.push(array::<1>(cursor)?[0]),
            Values::Bool(v) => v.push(u8::from(array::<1>(cursor)?[0] != 0)),
            Values::Int8(v) => v.push(i8::from_le_bytes(array(cursor)?)),
            Values::Enum8(v, names) => {
                let number = i8::from_le_bytes(array(cursor)?);
                v.push(number);
                check_enum(names, i16::from(number))?;
            }
            Values::UInt16(v) | Values::Date(v) => v.push(u16::from_le_bytes(array(cursor)?)),
            Values::Int16(v) => v.push(i16::from_le_bytes(array(cursor)?)),
            Values::Enum16(v, names) => {
                let number = i16::from_le_bytes(array(cursor)?);
                v.push(number);
                check_enum(names, number)?;
            }
            Values::UInt32(v) | Values::DateTime(v, _) | Values::Ipv4(v) => {
                v.push(u32::from_le_bytes(array(cursor)?));
            }
            Values::Int32(v) | Values::Date32(v) | Values::Time(v) | Values::Decimal32(v, ..) => {
                v.push(i32::from_le_bytes(array(cursor)?));
            }
            Values::UInt64(v) => v.push(u64::from_le_bytes(array(cursor)?)),
            Values::Int64(v)
            | Values::DateTime64(v, ..)
            | Values::Time64(v, _)
            | Values::Decimal64(v, ..) => {
                v.push(i64::from_le_bytes(array(cursor)?));
            }
            Values::UInt128(v) | Values::Int128(v) | Values::Decimal128(v, ..) => {
                v.push(i128::from_le_bytes(array(cursor)?));
            }
            Values::UInt256(v) => v.push(U256::from_le_bytes(array(cursor)?)),
            Values::Int256(v) | Values::Decimal256(v, ..) => {
                v.push(I256::from_le_bytes(array(cursor)?));
            }
            Values::Uuid(v) => v.push(uuid_from_wire(array(cursor)?)),
            Values::Ipv6(v) => v.push(i128::from_be_bytes(array(cursor)?)),
            Values::BFloat16(v) => v.push(brain_from_wire(array(cursor)?)),
            Values::Float32(v) => v.push(f32::from_le_bytes(array(cursor)?)),
            Values::Float64(v) => v.push(f64::from_le_bytes(array(cursor)?)),
            Values::Bytes(strings) => {
                strings.push(read_string(cursor, settings.max_value_bytes)?);
            }
            Values::Fixed(_, length, _) => {
                let bytes = take(cursor, *length)?;
                values.push_string(bytes)?;
            }
            _ => {
                self.read_binary_composite(cursor, settings)?;
            }
        }
        self.note_valid();
        Ok(())
    }

    /// A value that brings its type along.
    fn read_binary_tagged(
        &mut self,
        cursor: &mut Cursor<'_>,
        settings: &FormatSettings,
    ) -> Result<()> {
        let nullable = self.is_nullable();
        match &mut self.values {
            Values::Tagged(strings, input) => match input.read_binary(strings, cursor, settings)? {
                Some(()) => self.note_valid(),
                None => self.note_null(),
            },
            Values::Objects(offsets, columns, input) => {
                if nullable && array::<1>(cursor)? != [0] {
                    self.push_default();
                    return Ok(());
                }
                input.read_binary(offsets, columns, cursor, settings)?;
                self.note_valid();
            }
            _ => {}
        }
        Ok(())
    }

    fn read_binary_composite(
        &mut self,
        cursor: &mut Cursor<'_>,
        settings: &FormatSettings,
    ) -> Result<()> {
        let values = &mut self.values;
        cursor.within(|cursor| {
            match values {
                Values::Array(offsets, item) => {
                    for _ in 0..item_count(cursor, settings)? {
                        item.read_binary(cursor, settings)?;
                    }
                    close_list(offsets, item.len())?;
                }
                Values::Map(offsets, pair) => {
                    for _ in 0..item_count(cursor, settings)? {
                        pair.0.read_binary(cursor, settings)?;
                        pair.1.read_binary(cursor, settings)?;
                    }
                    close_list(offsets, pair.0.len())?;
                }
                Values::Tuple(_, items, rows) => {
                    items.iter_mut().try_for_each(|item| item.read_binary(cursor, settings))?;
                    *rows += 1;
                }
                _ => {}
            }
            Ok(())
        })
    }
}

/// How many items an array announces. An item may take no byte at all (an empty tuple), so the
/// bytes at hand do not bound it; the limit does.
fn item_count(cursor: &mut Cursor<'_>, settings: &FormatSettings) -> Result<u64> {
    let count = read_varint(cursor)?;
    let limit = settings.max_value_bytes as u64;
    if count > limit {
        bail!(TooLargeArraySize, "Too large array size: {count}, the limit is {limit}");
    }
    Ok(count)
}

fn check_enum(names: &types::EnumValues, number: i16) -> Result<()> {
    if names.name(number).is_none() {
        bail!(UnknownElementOfEnum, "Unexpected value {number} in enum");
    }
    Ok(())
}
