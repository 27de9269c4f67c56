//! Data types, values, columns and blocks: what flows between all rooms.
//!
//! This room must not know files or SQL.
//!
//! How a type lies in memory (`DataType::physical`), always as an arrow array:
//!
//! ```text
//! UInt8..UInt64, Int8..Int64, Float32, Float64   the arrow primitive of that name
//! BFloat16                                       Float32 (the lower half of the bits is 0)
//! Bool, Enum8, Enum16                            UInt8, Int8, Int16
//! Date, Date32, DateTime, DateTime64, IPv4       UInt16, Int32, UInt32, Int64, UInt32
//! Time, Time64, Interval*                        Int32, Int64, Int64
//! Decimal(P, S), P <= 9, 18, 38                  Int32, Int64, Decimal128(38, 0) (the unscaled integer)
//! Int128, UInt128, UUID, IPv6                    Decimal128(38, 0) (the 128 bits, native order)
//! Int256, UInt256, Decimal(P, S), P <= 76         FixedSizeBinary(32), see `wide`
//! String, AggregateFunction                      BinaryView
//! CLOB                                           BinaryView, see `clob`
//! FixedString(N)                                 FixedSizeBinary(N)
//! Array(T)                                       List<T> (items field "item", nullable)
//! Tuple(...)                                     Struct (fields "1", "2", ...; all nullable)
//! Variant, Dynamic                               BinaryView, see `tagged`
//! JSON                                           that of Map(String, Dynamic), sorted, see `json`
//! Map(K, V)                                      List<Struct<"1": K, "2": V>>
//! Nullable(T)                                    T's array with a null buffer
//! Nothing (type of NULL)                         UInt8
//! LowCardinality(T)                              T's
//! Point, Ring, Polygon ...                       those of tuples of Float64 and arrays of them
//! ```

mod block;
pub mod clob;
mod column;
mod data_type;
mod dictionary;
mod enum_values;
mod families;
mod geo;
mod json;
mod nesting;
mod parse;
mod physical;
mod supertype;
pub mod tagged;
pub mod time;
mod value;
mod views;
pub mod wide;

pub use block::{Block, Field, Schema};
pub use column::{Column, DictionaryColumn, bound_fixed};
pub use data_type::{DataType, IntervalKind, TupleField};
pub use dictionary::{Dictionary, MemoryDictionary};
pub use enum_values::EnumValues;
pub use families::{TypeFamily, families};
pub use geo::GeoKind;
pub use json::{JsonPaths, Objects};
pub use nesting::{NESTING_LIMIT, nested};
pub use physical::{
    Physical, array_from_values, brain_float, default_array, item_field, struct_fields, value_at,
};
pub use supertype::{common_or_variant, least_supertype, require_supertype, variant_of};
pub use time::TimeZone;
pub use value::Value;
pub use wide::{I256, U256, Wide};
