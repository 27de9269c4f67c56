//! ClickHouse's data types under ClickHouse's names.

use std::fmt;
use std::sync::Arc;

use base::{Error, Result, bail};
use serde::{Deserialize, Serialize};

use crate::{GeoKind, TimeZone, Value};

/// A data type. Cheap to clone; `Display` and [`DataType::parse`] speak ClickHouse's spelling.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
#[allow(missing_docs)]
pub enum DataType {
    UInt8,
    UInt16,
    UInt32,
    UInt64,
    UInt128,
    UInt256,
    Int8,
    Int16,
    Int32,
    Int64,
    Int128,
    Int256,
    Float32,
    Float64,
    Bool,
    /// An exact number of `precision` decimal digits (1 to 76), `scale` of them after the point.
    Decimal {
        precision: u8,
        scale: u8,
    },
    /// Bytes of any length.
    String,
    /// Exactly so many bytes, filled up with zeros.
    FixedString(usize),
    /// Days since 1970-01-01, to 2149-06-06.
    Date,
    /// Days around 1970-01-01, 1900 to 2299.
    Date32,
    /// Seconds since 1970-01-01 UTC, shown in the time zone (or the server's).
    DateTime(Option<TimeZone>),
    /// Ticks of 10^-precision seconds around 1970-01-01 UTC.
    DateTime64(u8, Option<TimeZone>),
    Enum8(Arc<EnumValues>),
    Enum16(Arc<EnumValues>),
    Uuid,
    Ipv4,
    Ipv6,
    Array(Arc<DataType>),
    Tuple(Arc<[TupleField]>),
    /// Keys and values.
    Map(Arc<(DataType, DataType)>),
    Nullable(Arc<DataType>),
    /// A hint only: stored and computed as its inner type.
    LowCardinality(Arc<DataType>),
    /// A signed number of units of time.
    Interval(IntervalKind),
    /// The type of the elements of `[]`; `Nullable(Nothing)` is that of NULL.
    Nothing,
    /// A name for a tuple of coordinates or arrays of such.
    Geo(GeoKind),
    /// A serialized aggregate state: function, parameters, argument types.
    AggregateFunction(Arc<(String, Vec<Value>, Vec<DataType>)>),
    /// Like its value type, merged by a function of that name.
    SimpleAggregateFunction(Arc<(String, DataType)>),
}

/// A field of a tuple.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TupleField {
    /// Its name, if the tuple is a named one.
    pub name: Option<String>,
    /// Its type.
    pub data_type: DataType,
}

/// The names of an enumeration with their numbers, sorted by number.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EnumValues(Vec<(String, i16)>);

impl EnumValues {
    /// Checks that names and numbers are unique and sorts them.
    pub fn new(mut values: Vec<(String, i16)>) -> Result<EnumValues> {
        values.sort_by_key(|(_, number)| *number);
        let mut names: Vec<&str> = values.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        if values.is_empty() {
            bail!(EmptyDataPassed, "An enum needs at least one value");
        }
        if names.windows(2).any(|w| w[0] == w[1]) || values.windows(2).any(|w| w[0].1 == w[1].1) {
            bail!(SyntaxError, "Duplicate names or numbers in an enum");
        }
        Ok(EnumValues(values))
    }

    /// Names with numbers, by number.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, i16)> {
        self.0.iter().map(|(name, number)| (name.as_str(), *number))
    }

    /// The name of a number.
    pub fn name(&self, number: i16) -> Option<&str> {
        let at = self.0.binary_search_by_key(&number, |(_, n)| *n).ok()?;
        Some(&self.0[at].0)
    }

    /// The number of a name.
    pub fn number(&self, name: &[u8]) -> Option<i16> {
        self.0.iter().find(|(n, _)| n.as_bytes() == name).map(|(_, number)| *number)
    }
}

/// The unit of an interval type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum IntervalKind {
    Nanosecond,
    Microsecond,
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

impl IntervalKind {
    /// All units, shortest first.
    pub const ALL: [IntervalKind; 11] = [
        IntervalKind::Nanosecond,
        IntervalKind::Microsecond,
        IntervalKind::Millisecond,
        IntervalKind::Second,
        IntervalKind::Minute,
        IntervalKind::Hour,
        IntervalKind::Day,
        IntervalKind::Week,
        IntervalKind::Month,
        IntervalKind::Quarter,
        IntervalKind::Year,
    ];

    /// As in the type's name: `Day` of `IntervalDay`.
    pub fn name(self) -> &'static str {
        match self {
            IntervalKind::Nanosecond => "Nanosecond",
            IntervalKind::Microsecond => "Microsecond",
            IntervalKind::Millisecond => "Millisecond",
            IntervalKind::Second => "Second",
            IntervalKind::Minute => "Minute",
            IntervalKind::Hour => "Hour",
            IntervalKind::Day => "Day",
            IntervalKind::Week => "Week",
            IntervalKind::Month => "Month",
            IntervalKind::Quarter => "Quarter",
            IntervalKind::Year => "Year",
        }
    }
}

impl DataType {
    /// Reads a type in ClickHouse's spelling.
    ///
    /// # Errors
    /// UNKNOWN_TYPE and the codes of wrong arguments.
    pub fn parse(text: &str) -> Result<DataType> {
        crate::parse::parse(text)
    }

    /// `Array(item)`
    pub fn array(item: DataType) -> DataType {
        DataType::Array(Arc::new(item))
    }

    /// `Map(key, value)`
    pub fn map(key: DataType, value: DataType) -> DataType {
        DataType::Map(Arc::new((key, value)))
    }

    /// A tuple without names.
    pub fn tuple(types: impl IntoIterator<Item = DataType>) -> DataType {
        DataType::Tuple(
            types.into_iter().map(|data_type| TupleField { name: None, data_type }).collect(),
        )
    }

    /// The type of NULL.
    pub fn null() -> DataType {
        DataType::Nullable(Arc::new(DataType::Nothing))
    }

    /// This type with NULL added where ClickHouse allows it (not on arrays, maps, tuples, states).
    #[must_use]
    pub fn nullable(self) -> DataType {
        match self {
            DataType::Nullable(_) => self,
            DataType::LowCardinality(inner) => {
                DataType::LowCardinality(Arc::new(inner.as_ref().clone().nullable()))
            }
            _ if self.can_be_nullable() => DataType::Nullable(Arc::new(self)),
            _ => self,
        }
    }

    /// Whether `Nullable(self)` exists.
    pub fn can_be_nullable(&self) -> bool {
        !matches!(
            self,
            DataType::Array(_)
                | DataType::Map(_)
                | DataType::Tuple(_)
                | DataType::Nullable(_)
                | DataType::LowCardinality(_)
                | DataType::AggregateFunction(_)
                | DataType::Geo(_)
        )
    }

    /// Whether a value can be NULL (also under `LowCardinality`).
    pub fn is_nullable(&self) -> bool {
        match self {
            DataType::Nullable(_) => true,
            DataType::LowCardinality(inner) => inner.is_nullable(),
            DataType::SimpleAggregateFunction(simple) => simple.1.is_nullable(),
            _ => false,
        }
    }

    /// This type without `Nullable` and `LowCardinality` around it.
    pub fn inner(&self) -> &DataType {
        match self {
            DataType::Nullable(inner) | DataType::LowCardinality(inner) => inner.inner(),
            DataType::SimpleAggregateFunction(simple) => simple.1.inner(),
            DataType::Geo(kind) => kind.base(),
            other => other,
        }
    }

    /// This type without `LowCardinality` and names of shapes at any depth.
    #[must_use]
    pub fn without_low_cardinality(&self) -> DataType {
        match self {
            DataType::LowCardinality(inner) => inner.without_low_cardinality(),
            DataType::Geo(kind) => kind.base().clone(),
            DataType::Nullable(inner) => {
                DataType::Nullable(Arc::new(inner.without_low_cardinality()))
            }
            DataType::Array(item) => DataType::array(item.without_low_cardinality()),
            DataType::Map(pair) => {
                DataType::map(pair.0.without_low_cardinality(), pair.1.without_low_cardinality())
            }
            DataType::Tuple(fields) => DataType::Tuple(
                fields
                    .iter()
                    .map(|f| TupleField {
                        name: f.name.clone(),
                        data_type: f.data_type.without_low_cardinality(),
                    })
                    .collect(),
            ),
            other => other.clone(),
        }
    }

    /// Whether this is the type of a bare NULL.
    pub fn is_null_literal(&self) -> bool {
        matches!(self, DataType::Nullable(inner) if **inner == DataType::Nothing)
    }

    /// UInt8 to UInt256.
    pub fn is_unsigned_integer(&self) -> bool {
        use DataType::{UInt8, UInt16, UInt32, UInt64, UInt128, UInt256};
        matches!(self, UInt8 | UInt16 | UInt32 | UInt64 | UInt128 | UInt256)
    }

    /// Int8 to Int256.
    pub fn is_signed_integer(&self) -> bool {
        use DataType::{Int8, Int16, Int32, Int64, Int128, Int256};
        matches!(self, Int8 | Int16 | Int32 | Int64 | Int128 | Int256)
    }

    /// Any integer, signed or not; not Bool.
    pub fn is_integer(&self) -> bool {
        self.is_unsigned_integer() || self.is_signed_integer()
    }

    /// Float32 or Float64.
    pub fn is_float(&self) -> bool {
        matches!(self, DataType::Float32 | DataType::Float64)
    }

    /// Integers, floats, Bool and decimals.
    pub fn is_number(&self) -> bool {
        self.is_integer()
            || self.is_float()
            || matches!(self, DataType::Bool | DataType::Decimal { .. })
    }

    /// String or FixedString.
    pub fn is_string(&self) -> bool {
        matches!(self, DataType::String | DataType::FixedString(_))
    }

    /// Date or Date32.
    pub fn is_date(&self) -> bool {
        matches!(self, DataType::Date | DataType::Date32)
    }

    /// DateTime or DateTime64.
    pub fn is_datetime(&self) -> bool {
        matches!(self, DataType::DateTime(_) | DataType::DateTime64(..))
    }

    /// Enum8 or Enum16.
    pub fn is_enum(&self) -> bool {
        matches!(self, DataType::Enum8(_) | DataType::Enum16(_))
    }

    /// The names of an enum.
    pub fn enum_values(&self) -> Option<&Arc<EnumValues>> {
        match self {
            DataType::Enum8(values) | DataType::Enum16(values) => Some(values),
            _ => None,
        }
    }

    /// Bits of an integer or float.
    pub fn bits(&self) -> Option<u32> {
        use DataType::{
            Bool, Float32, Float64, Int8, Int16, Int32, Int64, Int128, Int256, UInt8, UInt16,
            UInt32, UInt64, UInt128, UInt256,
        };
        Some(match self {
            UInt8 | Int8 | Bool => 8,
            UInt16 | Int16 => 16,
            UInt32 | Int32 | Float32 => 32,
            UInt64 | Int64 | Float64 => 64,
            UInt128 | Int128 => 128,
            UInt256 | Int256 => 256,
            _ => return None,
        })
    }

    /// The name without arguments, `Decimal` for all its widths.
    pub fn family(&self) -> String {
        let text = self.to_string();
        text.split('(').next().unwrap_or(&text).to_owned()
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DataType::Decimal { precision, scale } => write!(f, "Decimal({precision}, {scale})"),
            DataType::FixedString(length) => write!(f, "FixedString({length})"),
            DataType::DateTime(None) => f.write_str("DateTime"),
            DataType::DateTime(Some(zone)) => write!(f, "DateTime('{zone}')"),
            DataType::DateTime64(precision, None) => write!(f, "DateTime64({precision})"),
            DataType::DateTime64(precision, Some(zone)) => {
                write!(f, "DateTime64({precision}, '{zone}')")
            }
            DataType::Enum8(values) => write_enum(f, "Enum8", values),
            DataType::Enum16(values) => write_enum(f, "Enum16", values),
            DataType::Uuid => f.write_str("UUID"),
            DataType::Ipv4 => f.write_str("IPv4"),
            DataType::Ipv6 => f.write_str("IPv6"),
            DataType::Array(item) => write!(f, "Array({item})"),
            DataType::Tuple(fields) => {
                f.write_str("Tuple(")?;
                for (at, field) in fields.iter().enumerate() {
                    if at > 0 {
                        f.write_str(", ")?;
                    }
                    if let Some(name) = &field.name {
                        write_name(f, name)?;
                        f.write_str(" ")?;
                    }
                    write!(f, "{}", field.data_type)?;
                }
                f.write_str(")")
            }
            DataType::Map(pair) => write!(f, "Map({}, {})", pair.0, pair.1),
            DataType::Nullable(inner) => write!(f, "Nullable({inner})"),
            DataType::LowCardinality(inner) => write!(f, "LowCardinality({inner})"),
            DataType::Geo(kind) => write!(f, "{kind}"),
            DataType::Interval(kind) => write!(f, "Interval{}", kind.name()),
            DataType::AggregateFunction(about) => {
                write!(f, "AggregateFunction({}", about.0)?;
                if !about.1.is_empty() {
                    let parameters: Vec<String> = about.1.iter().map(Value::to_string).collect();
                    write!(f, "({})", parameters.join(", "))?;
                }
                for argument in &about.2 {
                    write!(f, ", {argument}")?;
                }
                f.write_str(")")
            }
            DataType::SimpleAggregateFunction(simple) => {
                write!(f, "SimpleAggregateFunction({}, {})", simple.0, simple.1)
            }
            simple => write!(f, "{simple:?}"),
        }
    }
}

/// A name in a tuple: bare where it can be, else in back-ticks.
fn write_name(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain {
        f.write_str(name)
    } else {
        write!(f, "`{}`", name.replace('\\', "\\\\").replace('`', "\\`"))
    }
}

fn write_enum(f: &mut fmt::Formatter<'_>, family: &str, values: &EnumValues) -> fmt::Result {
    write!(f, "{family}(")?;
    for (at, (name, number)) in values.iter().enumerate() {
        let comma = if at > 0 { ", " } else { "" };
        write!(f, "{comma}'{}' = {number}", name.replace('\\', "\\\\").replace('\'', "\\'"))?;
    }
    f.write_str(")")
}

impl From<DataType> for String {
    fn from(data_type: DataType) -> String {
        data_type.to_string()
    }
}

impl TryFrom<String> for DataType {
    type Error = Error;

    fn try_from(text: String) -> Result<DataType> {
        DataType::parse(&text)
    }
}
