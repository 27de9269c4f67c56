//! Data types as bytes: before values whose type nobody knows, and in headers where settings ask for it.
//!
//! ```text
//! type     a byte that names the family, then its arguments
//! 12, 14   DateTime and DateTime64 with a zone     [precision] name of the zone
//! 13, 34   DateTime64, Time64                      precision
//! 16       FixedString                             varint length
//! 17, 18   Enum8, Enum16                           varint count, then name and number (1 or 2 bytes) of each
//! 19..1c   Decimal of 32, 64, 128, 256 bits        precision, scale
//! 1e, 23   Array, Nullable                         type
//! 26       LowCardinality                          type
//! 1f       Tuple                                   varint count, types
//! 20, 2f   Tuple with names, Nested                varint count, then name and type of each
//! 22       Interval                                number of its unit
//! 27       Map                                     types of keys and values
//! 2a       Variant                                 varint count, types
//! 2b       Dynamic                                 max_types
//! 2c       Point and others of geometry            name
//! 2e       SimpleAggregateFunction                 name, varint 0 (parameters), varint 1, type
//! 30       JSON                                    0, varint max_dynamic_paths, max_dynamic_types; each with a varint
//!                                                  count: paths and their types, skipped paths, skipped patterns
//! others   (see `PLAIN`)                           no arguments
//! ```

use base::{Result, bail};
use std::sync::Arc;
use types::{DataType, EnumValues, GeoKind, IntervalKind, JsonPaths, TimeZone, TupleField};

use crate::binary::{write_string, write_varint};
use crate::text::{Cursor, read_binary_string, read_varint, take_bytes};

/// Types within a type.
const MOST_NODES: usize = 1_000;

/// How deep types may lie within one another.
const DEEPEST: usize = 100;

/// Bytes that a name may have.
const LONGEST_NAME: usize = 1 << 16;

/// Families without arguments.
const PLAIN: &[(u8, DataType)] = &[
    (0x00, DataType::Nothing),
    (0x01, DataType::UInt8),
    (0x02, DataType::UInt16),
    (0x03, DataType::UInt32),
    (0x04, DataType::UInt64),
    (0x05, DataType::UInt128),
    (0x06, DataType::UInt256),
    (0x07, DataType::Int8),
    (0x08, DataType::Int16),
    (0x09, DataType::Int32),
    (0x0a, DataType::Int64),
    (0x0b, DataType::Int128),
    (0x0c, DataType::Int256),
    (0x0d, DataType::Float32),
    (0x0e, DataType::Float64),
    (0x0f, DataType::Date),
    (0x10, DataType::Date32),
    (0x11, DataType::DateTime(None)),
    (0x15, DataType::String),
    (0x1d, DataType::Uuid),
    (0x28, DataType::Ipv4),
    (0x29, DataType::Ipv6),
    (0x2d, DataType::Bool),
    (0x31, DataType::BFloat16),
    (0x32, DataType::Time),
];

/// Appends a type.
///
/// # Errors
/// NOT_IMPLEMENTED for states of aggregate functions.
pub(crate) fn write_type(data_type: &DataType, out: &mut Vec<u8>) -> Result<()> {
    if let Some((code, _)) = PLAIN.iter().find(|(_, plain)| plain == data_type) {
        out.push(*code);
        return Ok(());
    }
    match data_type {
        DataType::DateTime(Some(zone)) => {
            out.push(0x12);
            write_string(zone.to_string().as_bytes(), out);
        }
        DataType::DateTime64(precision, None) => out.extend_from_slice(&[0x13, *precision]),
        DataType::DateTime64(precision, Some(zone)) => {
            out.extend_from_slice(&[0x14, *precision]);
            write_string(zone.to_string().as_bytes(), out);
        }
        DataType::Time64(precision) => out.extend_from_slice(&[0x34, *precision]),
        DataType::FixedString(length) => {
            out.push(0x16);
            write_varint(*length as u64, out);
        }
        DataType::Enum8(values) | DataType::Enum16(values) => {
            let wide = matches!(data_type, DataType::Enum16(_));
            out.push(if wide { 0x18 } else { 0x17 });
            write_varint(values.iter().len() as u64, out);
            for (name, number) in values.iter() {
                write_string(name.as_bytes(), out);
                let bytes = number.to_le_bytes();
                out.extend_from_slice(&bytes[..if wide { 2 } else { 1 }]);
            }
        }
        DataType::Decimal { precision, scale } => {
            let code = match precision {
                0..=9 => 0x19,
                10..=18 => 0x1a,
                19..=38 => 0x1b,
                _ => 0x1c,
            };
            out.extend_from_slice(&[code, *precision, *scale]);
        }
        DataType::Interval(kind) => {
            let number = IntervalKind::ALL.iter().position(|known| known == kind);
            out.extend_from_slice(&[0x22, number.unwrap_or_default() as u8]);
        }
        DataType::Geo(kind) => {
            out.push(0x2c);
            write_string(kind.to_string().as_bytes(), out);
        }
        DataType::Dynamic(types) => out.extend_from_slice(&[0x2b, *types]),
        other => return write_nested(other, out),
    }
    Ok(())
}

/// Types of types.
fn write_nested(data_type: &DataType, out: &mut Vec<u8>) -> Result<()> {
    match data_type {
        DataType::Array(inner) | DataType::Nullable(inner) | DataType::LowCardinality(inner) => {
            out.push(match data_type {
                DataType::Array(_) => 0x1e,
                DataType::Nullable(_) => 0x23,
                _ => 0x26,
            });
            write_type(inner, out)
        }
        DataType::Map(pair) => {
            out.push(0x27);
            write_type(&pair.0, out)?;
            write_type(&pair.1, out)
        }
        DataType::Tuple(fields) => {
            let named = fields.iter().any(|field| field.name.is_some());
            out.push(if named { 0x20 } else { 0x1f });
            write_varint(fields.len() as u64, out);
            fields.iter().try_for_each(|field| {
                if named {
                    write_string(field.name.as_deref().unwrap_or_default().as_bytes(), out);
                }
                write_type(&field.data_type, out)
            })
        }
        DataType::Variant(members) => {
            out.push(0x2a);
            write_varint(members.len() as u64, out);
            members.iter().try_for_each(|member| write_type(member, out))
        }
        DataType::SimpleAggregateFunction(simple) => {
            out.push(0x2e);
            write_string(simple.0.as_bytes(), out);
            out.extend_from_slice(&[0, 1]);
            write_type(&simple.1, out)
        }
        DataType::Json(paths) => {
            out.extend_from_slice(&[0x30, 0]);
            write_varint(paths.dynamic_paths as u64, out);
            out.push(paths.dynamic_types as u8);
            write_varint(paths.typed.len() as u64, out);
            for (path, data_type) in &paths.typed {
                write_string(path.as_bytes(), out);
                write_type(data_type, out)?;
            }
            for texts in [&paths.skipped, &paths.skipped_patterns] {
                write_varint(texts.len() as u64, out);
                texts.iter().for_each(|text| write_string(text.as_bytes(), out));
            }
            Ok(())
        }
        other => bail!(NotImplemented, "The type {other} cannot be written in binary form"),
    }
}

/// Reads a type.
///
/// # Errors
/// INCORRECT_DATA and the codes of wrong arguments; CANNOT_READ_ALL_DATA at the end.
pub(crate) fn read_type(cursor: &mut Cursor<'_>) -> Result<DataType> {
    Types { cursor, nodes: 0, depth: 0 }.next()
}

/// What is read of one type.
struct Types<'c, 'a> {
    cursor: &'c mut Cursor<'a>,
    nodes: usize,
    depth: usize,
}

impl Types<'_, '_> {
    fn byte(&mut self) -> Result<u8> {
        Ok(take_bytes(self.cursor, 1)?[0])
    }

    fn name(&mut self) -> Result<String> {
        let bytes = read_binary_string(self.cursor, LONGEST_NAME)?;
        match std::str::from_utf8(bytes) {
            Ok(name) if !bytes.contains(&0) => Ok(name.to_owned()),
            _ => bail!(IncorrectData, "A name within a type is not UTF-8 or has a zero byte"),
        }
    }

    fn count(&mut self) -> Result<usize> {
        let count = read_varint(self.cursor)?;
        // Names of enums are no types, but nobody has more of them than numbers there are.
        match usize::try_from(count) {
            Ok(count) if count <= 1 << 16 => Ok(count),
            _ => bail!(IncorrectData, "A type announces {count} arguments"),
        }
    }

    fn next(&mut self) -> Result<DataType> {
        self.nodes += 1;
        if self.nodes > MOST_NODES || self.depth >= DEEPEST {
            bail!(
                IncorrectData,
                "A type in binary form has more than {MOST_NODES} types within, or {DEEPEST} levels"
            );
        }
        self.depth += 1;
        let read = self.of_family();
        self.depth -= 1;
        read
    }

    fn of_family(&mut self) -> Result<DataType> {
        let code = self.byte()?;
        if let Some((_, plain)) = PLAIN.iter().find(|(known, _)| *known == code) {
            return Ok(plain.clone());
        }
        // Ranges of arguments are those of the type's name.
        let checked = |name: String| DataType::parse(&name).map(|t| t.without_clob());
        Ok(match code {
            0x12 => DataType::DateTime(Some(TimeZone::parse(&self.name()?)?)),
            0x13 => checked(format!("DateTime64({})", self.byte()?))?,
            0x14 => {
                let precision = self.byte()?;
                let zone = TimeZone::parse(&self.name()?)?;
                checked(format!("DateTime64({precision}, '{zone}')"))?
            }
            0x34 => checked(format!("Time64({})", self.byte()?))?,
            0x16 => checked(format!("FixedString({})", read_varint(self.cursor)?))?,
            0x17 | 0x18 => self.enumeration(code == 0x18)?,
            0x19..=0x1c => {
                let (precision, scale) = (self.byte()?, self.byte()?);
                checked(format!("Decimal({precision}, {scale})"))?
            }
            0x22 => match IntervalKind::ALL.get(usize::from(self.byte()?)) {
                Some(kind) => DataType::Interval(*kind),
                None => bail!(IncorrectData, "Unknown unit of an interval in a type"),
            },
            0x2c => {
                let name = self.name()?;
                match GeoKind::ALL.iter().find(|kind| kind.to_string() == name) {
                    Some(kind) => DataType::Geo(*kind),
                    None => bail!(UnknownType, "Unknown type {name}"),
                }
            }
            0x2b => checked(format!("Dynamic(max_types={})", self.byte()?))?,
            0x25 => bail!(NotImplemented, "States of aggregate functions cannot be read"),
            other => self.of_types(other)?,
        })
    }

    fn enumeration(&mut self, wide: bool) -> Result<DataType> {
        let mut values = Vec::new();
        for _ in 0..self.count()? {
            let name = self.name()?;
            let number = match wide {
                true => i16::from_le_bytes([self.byte()?, self.byte()?]),
                false => i16::from(self.byte()? as i8),
            };
            values.push((name, number));
        }
        let values = Arc::new(EnumValues::new(values)?);
        Ok(if wide { DataType::Enum16(values) } else { DataType::Enum8(values) })
    }

    /// Types of types. What may stand within what is checked as for a type's name.
    fn of_types(&mut self, code: u8) -> Result<DataType> {
        let data_type = match code {
            0x1e => DataType::array(self.next()?),
            0x23 => DataType::Nullable(Arc::new(self.next()?)),
            0x26 => DataType::LowCardinality(Arc::new(self.next()?)),
            0x27 => DataType::map(self.next()?, self.next()?),
            0x1f => {
                let mut fields = Vec::new();
                for _ in 0..self.count()? {
                    fields.push(self.next()?);
                }
                DataType::tuple(fields)
            }
            0x20 | 0x2f => {
                let tuple = DataType::Tuple(self.fields()?.into());
                if code == 0x2f { DataType::array(tuple) } else { tuple }
            }
            0x2a => {
                let mut members = Vec::new();
                for _ in 0..self.count()? {
                    members.push(self.next()?);
                }
                DataType::variant(members)?
            }
            0x2e => {
                let name = self.name()?;
                if (self.byte()?, self.byte()?) != (0, 1) {
                    bail!(NotImplemented, "SimpleAggregateFunction({name}) with parameters");
                }
                DataType::SimpleAggregateFunction(Arc::new((name, self.next()?)))
            }
            0x30 => DataType::Json(Arc::new(self.paths()?)),
            other => bail!(IncorrectData, "Unknown type code: 0x{other:02x}"),
        };
        if self.depth == 1 {
            return DataType::parse(&data_type.to_string());
        }
        Ok(data_type)
    }

    fn fields(&mut self) -> Result<Vec<TupleField>> {
        let mut fields = Vec::new();
        for _ in 0..self.count()? {
            let name = Some(self.name()?);
            fields.push(TupleField { name, data_type: self.next()? });
        }
        Ok(fields)
    }

    fn paths(&mut self) -> Result<JsonPaths> {
        let version = self.byte()?;
        if version != 0 {
            bail!(IncorrectData, "Unexpected version of binary encoding of JSON type: {version}");
        }
        let mut paths = JsonPaths {
            dynamic_paths: read_varint(self.cursor)?.try_into().unwrap_or(usize::MAX),
            dynamic_types: self.byte()?.into(),
            ..JsonPaths::default()
        };
        for _ in 0..self.count()? {
            let path = self.name()?;
            paths.typed.push((path, self.next()?));
        }
        for _ in 0..self.count()? {
            paths.skipped.push(self.name()?);
        }
        for _ in 0..self.count()? {
            paths.skipped_patterns.push(self.name()?);
        }
        paths.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{read_type, write_type};
    use crate::text::Cursor;
    use types::DataType;

    fn code(name: &str) -> String {
        let mut out = Vec::new();
        write_type(&DataType::parse(name).unwrap(), &mut out).unwrap();
        out.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn decode(text: &str) -> base::Result<DataType> {
        let bytes = (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16));
        let bytes: Vec<u8> = bytes.collect::<Result<_, _>>().unwrap();
        let mut cursor = Cursor::new(&bytes);
        let data_type = read_type(&mut cursor)?;
        assert!(cursor.is_at_end(), "{text}");
        for end in 0..bytes.len() {
            let _ = read_type(&mut Cursor::new(&bytes[..end]));
        }
        Ok(data_type)
    }

    /// What ClickHouse 26.9 writes for a type.
    fn check(name: &str, expected: &str) {
        assert_eq!(code(name), expected, "{name}");
        assert_eq!(decode(expected).unwrap(), DataType::parse(name).unwrap(), "{name}");
    }

    #[test]
    fn types_are_those_of_clickhouse() {
        for (name, number) in [("UInt8", 1), ("Int64", 10), ("Float64", 14), ("Date32", 16)] {
            check(name, &format!("{number:02x}"));
        }
        check("DateTime('Asia/Tokyo')", "120a417369612f546f6b796f");
        check("DateTime64(3)", "1303");
        check("DateTime64(6, 'Asia/Tokyo')", "14060a417369612f546f6b796f");
        check("Time", "32");
        check("Time64(3)", "3403");
        check("BFloat16", "31");
        check("Enum8('a' = 1, 'b' = -2)", "17020162fe016101");
        check("Enum16('a' = 1000, 'b' = -2)", "18020162feff0161e803");
        check("Decimal(9, 2)", "190902");
        check("Decimal(76, 5)", "1c4c05");
        check("Tuple(UInt8, String)", "1f020115");
        check("Tuple(a UInt8, `b c` String)", "20020161010362206315");
        check("IntervalYear", "220a");
        check("LowCardinality(Nullable(String))", "262315");
        check("Map(String, UInt8)", "271501");
        check("Variant(UInt8, String)", "2a021501");
        check("Dynamic(max_types=3)", "2b03");
        check("MultiPolygon", "2c0c4d756c7469506f6c79676f6e");
        check("SimpleAggregateFunction(sum, UInt64)", "2e0373756d000104");
        check("JSON", "3000800820000000");
        check(
            "JSON(max_dynamic_paths=3, max_dynamic_types=4, a.b Int64, SKIP d.e, SKIP REGEXP 'x.*')",
            "30000304010 3612e620a0103642e650103782e2a".replace(' ', "").as_str(),
        );
        assert_eq!(
            decode("2f02016101016215").unwrap(),
            DataType::parse("Array(Tuple(a UInt8, b String))").unwrap()
        );
    }

    #[test]
    fn wrong_types_are_refused() {
        let check = |text: &str| assert!(decode(text).is_err(), "{text}");
        for wrong in ["99", "231e01", "1313", "19ff02", "22ff", "2c0158", "1600", "16", "2a0123"] {
            check(wrong);
        }
        check(&"1e".repeat(5_000));
        check(&format!("1fe807{}", "1f00".repeat(1_000)));
        check("2001026100 01".replace(' ', "").as_str());
    }
}
