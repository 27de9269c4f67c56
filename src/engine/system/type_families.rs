//! The names of types as `system.data_type_families` lists them.
//!
//! All of them are read by the parser of types, those that are no types by themselves with arguments.

use types::Value;

use super::{flag, text};

/// Names, and whether they are known however their letters are written.
const FAMILIES: &[(&str, bool)] = &[
    ("AggregateFunction", false),
    ("Array", false),
    ("Bool", true),
    ("Date", true),
    ("Date32", true),
    ("DateTime", true),
    ("DateTime32", true),
    ("DateTime64", true),
    ("Decimal", true),
    ("Decimal128", true),
    ("Decimal256", true),
    ("Decimal32", true),
    ("Decimal64", true),
    ("Enum", true),
    ("Enum16", false),
    ("Enum8", false),
    ("FixedString", false),
    ("Float32", false),
    ("Float64", false),
    ("IPv4", false),
    ("IPv6", false),
    ("Int128", false),
    ("Int16", false),
    ("Int256", false),
    ("Int32", false),
    ("Int64", false),
    ("Int8", false),
    ("IntervalDay", false),
    ("IntervalHour", false),
    ("IntervalMicrosecond", false),
    ("IntervalMillisecond", false),
    ("IntervalMinute", false),
    ("IntervalMonth", false),
    ("IntervalNanosecond", false),
    ("IntervalQuarter", false),
    ("IntervalSecond", false),
    ("IntervalWeek", false),
    ("IntervalYear", false),
    ("LineString", false),
    ("LowCardinality", false),
    ("Map", false),
    ("MultiLineString", false),
    ("MultiPoint", false),
    ("MultiPolygon", false),
    ("Nested", false),
    ("Nothing", false),
    ("Nullable", false),
    ("Point", false),
    ("Polygon", false),
    ("Ring", false),
    ("SimpleAggregateFunction", false),
    ("String", false),
    ("Tuple", false),
    ("UInt128", false),
    ("UInt16", false),
    ("UInt256", false),
    ("UInt32", false),
    ("UInt64", false),
    ("UInt8", false),
    ("UUID", false),
];

/// Other names with those that they stand for; their letters may be written in either case.
const ALIASES: &[(&str, &str)] = &[
    ("BIGINT", "Int64"),
    ("BIGINT SIGNED", "Int64"),
    ("BIGINT UNSIGNED", "UInt64"),
    ("BINARY", "FixedString"),
    ("BLOB", "String"),
    ("BYTE", "Int8"),
    ("BYTEA", "String"),
    ("CHAR", "String"),
    ("CHAR VARYING", "String"),
    ("CHARACTER", "String"),
    ("CHARACTER VARYING", "String"),
    ("CLOB", "String"),
    ("DEC", "Decimal"),
    ("DOUBLE", "Float64"),
    ("DOUBLE PRECISION", "Float64"),
    ("ENUM", "Enum"),
    ("FIXED", "Decimal"),
    ("FLOAT", "Float32"),
    ("INET4", "IPv4"),
    ("INET6", "IPv6"),
    ("INT", "Int32"),
    ("INT SIGNED", "Int32"),
    ("INT UNSIGNED", "UInt32"),
    ("INT1", "Int8"),
    ("INT1 SIGNED", "Int8"),
    ("INT1 UNSIGNED", "UInt8"),
    ("INTEGER", "Int32"),
    ("INTEGER SIGNED", "Int32"),
    ("INTEGER UNSIGNED", "UInt32"),
    ("LONGBLOB", "String"),
    ("LONGTEXT", "String"),
    ("MEDIUMBLOB", "String"),
    ("MEDIUMINT", "Int32"),
    ("MEDIUMINT SIGNED", "Int32"),
    ("MEDIUMINT UNSIGNED", "UInt32"),
    ("MEDIUMTEXT", "String"),
    ("NUMERIC", "Decimal"),
    ("NVARCHAR", "String"),
    ("REAL", "Float32"),
    ("SIGNED", "Int64"),
    ("SINGLE", "Float32"),
    ("SMALLINT", "Int16"),
    ("SMALLINT SIGNED", "Int16"),
    ("SMALLINT UNSIGNED", "UInt16"),
    ("TEXT", "String"),
    ("TIMESTAMP", "DateTime"),
    ("TINYBLOB", "String"),
    ("TINYINT", "Int8"),
    ("TINYINT SIGNED", "Int8"),
    ("TINYINT UNSIGNED", "UInt8"),
    ("TINYTEXT", "String"),
    ("UNSIGNED", "UInt64"),
    ("VARBINARY", "String"),
    ("VARCHAR", "String"),
    ("VARCHAR2", "String"),
    ("bool", "Bool"),
    ("boolean", "Bool"),
];

/// The rows of `system.data_type_families`.
pub(super) fn rows() -> Vec<Vec<Value>> {
    let families = FAMILIES.iter().map(|(name, any_case)| (*name, *any_case, ""));
    let aliases = ALIASES.iter().map(|(name, stands_for)| (*name, true, *stands_for));
    let all = families.chain(aliases);
    all.map(|(name, any_case, of)| vec![text(name), flag(any_case), text(of)]).collect()
}

#[cfg(test)]
mod tests {
    use types::DataType;

    use super::{ALIASES, FAMILIES};

    #[test]
    fn names_are_those_of_the_parser() {
        let unknown = |name: &str| {
            let error = DataType::parse(name).map_err(|e| e.to_string());
            error.is_err_and(|message| message.contains("Unknown data type"))
        };
        for name in FAMILIES.iter().map(|f| f.0).chain(ALIASES.iter().map(|a| a.0)) {
            assert!(!unknown(name), "{name}");
        }
        for (name, stands_for) in ALIASES {
            if let Ok(found) = DataType::parse(name) {
                assert_eq!(found.family(), *stands_for, "{name}");
            }
        }
    }
}
