//! ClickHouse's data types under ClickHouse's names.

use std::fmt;
use std::sync::Arc;

use base::{Error, Result, bail};
use serde::{Deserialize, Serialize};

use crate::{EnumValues, GeoKind, JsonPaths, TimeZone, Value};

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
    /// The upper half of a Float32.
    BFloat16,
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
    /// A text of any length, kept out of row.
    Clob,
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
    /// Seconds of a time of day or a span, -999:59:59 to 999:59:59.
    Time,
    /// The same in ticks of 10^-precision seconds.
    Time64(u8),
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
    /// A value of one of some types (sorted by name), or NULL.
    Variant(Arc<[DataType]>),
    /// A value of any type, or NULL; so many types are kept apart.
    Dynamic(u8),
    /// An object of JSON.
    Json(Arc<JsonPaths>),
    /// A serialized aggregate state: function, parameters, argument types.
    AggregateFunction(Arc<(String, Vec<Value>, Vec<DataType>)>),
    /// Like its value type, merged by a function of that name.
    SimpleAggregateFunction(Arc<(String, DataType)>),
}

/// Types of a Dynamic that are kept apart where it does not say how many.
pub(crate) const DYNAMIC_TYPES: u8 = 32;

/// Types that a Variant may have.
const MOST_MEMBERS: usize = 255;

/// A field of a tuple.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TupleField {
    /// Its name, if the tuple is a named one.
    pub name: Option<String>,
    /// Its type.
    pub data_type: DataType,
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

    /// `Dynamic`
    pub fn dynamic() -> DataType {
        DataType::Dynamic(DYNAMIC_TYPES)
    }

    /// A Variant of some types, sorted and each once.
    ///
    /// # Errors
    /// BAD_ARGUMENTS for types that cannot be in one.
    pub fn variant(members: Vec<DataType>) -> Result<DataType> {
        let mut named: Vec<(String, DataType)> = Vec::with_capacity(members.len());
        for member in members {
            match &member {
                DataType::Variant(_) => bail!(BadArguments, "Nested Variant types are not allowed"),
                DataType::Dynamic(_) => {
                    bail!(BadArguments, "Dynamic type is not allowed inside Variant type")
                }
                nullable if nullable.is_nullable() => bail!(
                    BadArguments,
                    "Nullable/LowCardinality(Nullable) types are not allowed inside Variant type"
                ),
                _ => named.push((member.to_string(), member)),
            }
        }
        named.sort_by(|a, b| a.0.cmp(&b.0));
        named.dedup_by(|a, b| a.0 == b.0);
        if named.is_empty() || named.len() > MOST_MEMBERS {
            bail!(BadArguments, "Variant type takes from 1 to {MOST_MEMBERS} types");
        }
        Ok(DataType::Variant(named.into_iter().map(|(_, member)| member).collect()))
    }

    /// Whether values bring their type along: Variant and Dynamic.
    pub fn is_tagged(&self) -> bool {
        matches!(self, DataType::Variant(_) | DataType::Dynamic(_))
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
                | DataType::Variant(_)
                | DataType::Dynamic(_)
        )
    }

    /// Whether a value can be NULL (also under `LowCardinality`).
    pub fn is_nullable(&self) -> bool {
        match self {
            DataType::Nullable(_) | DataType::Variant(_) | DataType::Dynamic(_) => true,
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

    /// BFloat16, Float32 or Float64.
    pub fn is_float(&self) -> bool {
        matches!(self, DataType::BFloat16 | DataType::Float32 | DataType::Float64)
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

    /// Time or Time64.
    pub fn is_time(&self) -> bool {
        matches!(self, DataType::Time | DataType::Time64(_))
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
            BFloat16, Bool, Float32, Float64, Int8, Int16, Int32, Int64, Int128, Int256, UInt8,
            UInt16, UInt32, UInt64, UInt128, UInt256,
        };
        Some(match self {
            UInt8 | Int8 | Bool => 8,
            UInt16 | Int16 | BFloat16 => 16,
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
            DataType::Time64(precision) => write!(f, "Time64({precision})"),
            DataType::Enum8(values) => write_enum(f, "Enum8", values),
            DataType::Enum16(values) => write_enum(f, "Enum16", values),
            DataType::Clob => f.write_str("CLOB"),
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
            DataType::Variant(members) => {
                f.write_str("Variant(")?;
                for (at, member) in members.iter().enumerate() {
                    write!(f, "{}{member}", if at > 0 { ", " } else { "" })?;
                }
                f.write_str(")")
            }
            DataType::Dynamic(DYNAMIC_TYPES) => f.write_str("Dynamic"),
            DataType::Dynamic(types) => write!(f, "Dynamic(max_types={types})"),
            DataType::Json(paths) => write!(f, "{paths}"),
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
