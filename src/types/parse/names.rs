//! The names of types without arguments.

use crate::DataType;

/// Types without arguments; the flag says that SQL's decorations may follow.
pub(super) fn simple(word: &str) -> Option<(DataType, bool)> {
    let exact = match word {
        "UInt8" => DataType::UInt8,
        "UInt16" => DataType::UInt16,
        "UInt32" => DataType::UInt32,
        "UInt64" => DataType::UInt64,
        "UInt128" => DataType::UInt128,
        "UInt256" => DataType::UInt256,
        "Int8" => DataType::Int8,
        "Int16" => DataType::Int16,
        "Int32" => DataType::Int32,
        "Int64" => DataType::Int64,
        "Int128" => DataType::Int128,
        "Int256" => DataType::Int256,
        "Float32" => DataType::Float32,
        "Float64" => DataType::Float64,
        "String" => DataType::String,
        "UUID" => DataType::Uuid,
        "Nothing" => DataType::Nothing,
        _ => return alias(word),
    };
    Some((exact, false))
}

fn alias(word: &str) -> Option<(DataType, bool)> {
    Some(match word.to_ascii_uppercase().as_str() {
        "BOOL" | "BOOLEAN" => (DataType::Bool, false),
        "DATE" => (DataType::Date, false),
        "DATE32" => (DataType::Date32, false),
        "IPV4" | "INET4" => (DataType::Ipv4, false),
        "IPV6" | "INET6" => (DataType::Ipv6, false),
        "BYTE" | "TINYINT" | "INT1" => (DataType::Int8, true),
        "SMALLINT" => (DataType::Int16, true),
        "INT" | "INTEGER" | "MEDIUMINT" => (DataType::Int32, true),
        "BIGINT" | "SIGNED" => (DataType::Int64, true),
        "UNSIGNED" => (DataType::UInt64, false),
        "FLOAT" | "REAL" | "SINGLE" => (DataType::Float32, true),
        "TEXT" | "TINYTEXT" | "MEDIUMTEXT" | "LONGTEXT" | "VARCHAR" | "CHAR" | "CHARACTER"
        | "BLOB" | "CLOB" | "TINYBLOB" | "MEDIUMBLOB" | "LONGBLOB" | "NVARCHAR" | "VARCHAR2"
        | "BYTEA" | "VARBINARY" => (DataType::String, true),
        _ => return None,
    })
}
