//! Texts of values of every type, there and back.

use types::{DataType, array_from_values, value_at};

use super::{ColumnParser, Escaping, array_to_text, write_value};
use crate::FormatSettings;

use Escaping::{Csv, Json, Quoted, Raw, TabSeparated};

/// A type, a text, how it is escaped, and what is expected in which escaping.
const CASES: &[(&str, &str, Escaping, &str, Escaping)] = &[
    ("UInt8", "300", Raw, "44", TabSeparated),
    ("Int8", "-129", TabSeparated, "127", Raw),
    (
        "UInt128",
        "340282366920938463463374607431768211455",
        Raw,
        "340282366920938463463374607431768211455",
        Json,
    ),
    ("Int128", "-5", Json, "-5", Quoted),
    ("Float64", "1e400", Raw, "inf", TabSeparated),
    ("Float64", "\"nan\"", Json, "null", Json),
    ("Decimal(9, 3)", "1.50", Raw, "1.5", Json),
    (
        "Decimal(38, 10)",
        "-123456789012345678.0123456789",
        Quoted,
        "-123456789012345678.0123456789",
        Raw,
    ),
    ("Bool", "yes", TabSeparated, "true", Json),
    ("String", "a\\tb\\x41\\q", TabSeparated, "a\tbA\\q", Raw),
    ("String", "'it''s \\'x\\''", Quoted, "it's 'x'", Raw),
    ("String", "{\"x\": [1, 2]}", Json, "\"{\"\"x\"\": [1, 2]}\"", Csv),
    ("FixedString(4)", "ab", Raw, "'ab\\0\\0'", Quoted),
    ("Date", "2020-01-02", Raw, "'2020-01-02'", Quoted),
    ("Date", "18263", Json, "\"2020-01-02\"", Json),
    ("Date32", "1860-01-01", TabSeparated, "1860-01-01", Raw),
    ("DateTime('Europe/Berlin')", "2020-01-02 03:04:05", Raw, "2020-01-02 03:04:05", TabSeparated),
    ("DateTime", "2200-01-01 00:00:00", Raw, "2106-02-07 06:28:15", Raw),
    ("DateTime64(3)", "1577934245.5", Json, "\"2020-01-02 03:04:05.500\"", Json),
    ("DateTime64(9)", "2020-01-02T03:04:05.123456789Z", Raw, "2020-01-02 03:04:05.123456789", Raw),
    ("Enum8('a' = 1, 'b' = 2)", "b", TabSeparated, "\"b\"", Csv),
    ("Enum16('a' = 1, 'b' = 2)", "1", Raw, "'a'", Quoted),
    (
        "UUID",
        "61f0c404-5cb3-11e7-907b-a6006ad3dba0",
        Raw,
        "\"61f0c404-5cb3-11e7-907b-a6006ad3dba0\"",
        Json,
    ),
    ("IPv4", "1.2.3.4", Raw, "1.2.3.4", TabSeparated),
    ("IPv6", "1.2.3.4", Raw, "\"::ffff:1.2.3.4\"", Csv),
    ("Array(String)", "['a', 'b\\'c' ,'d']", TabSeparated, "[\"a\",\"b'c\",\"d\"]", Json),
    ("Array(Nullable(Int8))", "[1,null,NULL]", Raw, "[1,NULL,NULL]", TabSeparated),
    (
        "Array(DateTime)",
        "[1577934245,'2020-01-01 00:00:00']",
        Quoted,
        "['2020-01-02 03:04:05','2020-01-01 00:00:00']",
        Raw,
    ),
    ("Tuple(UInt8, String)", "(1,'a')", Raw, "1,\"a\"", Csv),
    (
        "Tuple(x UInt8, y String)",
        "{\"y\":\"b\",\"z\":[],\"x\":1}",
        Json,
        "{\"x\":1,\"y\":\"b\"}",
        Json,
    ),
    ("Tuple(x UInt8, y String)", "[1,\"b\"]", Json, "(1,'b')", Raw),
    ("Map(String, Array(UInt8))", "{\"a\":[1],\"b\":[]}", Json, "{'a':[1],'b':[]}", TabSeparated),
    ("Map(Date, UInt8)", "{'2020-01-01':1}", Quoted, "{\"2020-01-01\":1}", Json),
    ("Nullable(Int32)", "\\N", TabSeparated, "null", Json),
    ("Nullable(String)", "ᴺᵁᴸᴸ", Raw, "\\N", Csv),
    ("LowCardinality(Nullable(String))", "null", Json, "NULL", Quoted),
    ("Array(Array(String))", "\"[['a\"\"b'],[]]\"", Csv, "[['a\"b'],[]]", TabSeparated),
    ("IntervalDay", "5", Raw, "5", Json),
    (
        "Array(Tuple(UInt8, Map(String, String)))",
        "[(1,{'a':'b'})]",
        Raw,
        "[[1,{\"a\":\"b\"}]]",
        Json,
    ),
];

fn settings() -> FormatSettings {
    FormatSettings { time_zone: types::TimeZone::UTC, ..FormatSettings::default() }
}

/// Parses texts of a type in one escaping and writes them in another.
fn through(type_name: &str, text: &str, from: Escaping, to: Escaping) -> base::Result<String> {
    let settings = settings();
    let data_type = DataType::parse(type_name)?;
    let mut parser = ColumnParser::new(&data_type, &settings);
    parser.push_text(text.as_bytes(), from, &settings)?;
    let array = parser.finish()?;
    let mut out = Vec::new();
    write_value(&array, &data_type, 0, to, &settings, &mut out)?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

#[test]
fn texts_of_all_types_go_from_each_escaping_to_each() {
    for &(type_name, text, from, expected, to) in CASES {
        let got = through(type_name, text, from, to);
        assert_eq!(got.as_deref().ok(), Some(expected), "{type_name} {text}: {got:?}");
    }
}

#[test]
fn wrong_texts_have_clickhouses_codes() {
    for (type_name, text, code) in [
        ("UInt8", "", 32),
        ("UInt8", "-1", 72),
        ("UInt8", " 1", 6),
        ("Int32", "1.5", 6),
        ("Float64", "abc", 72),
        ("Date", "abc", 38),
        ("DateTime", "abc", 41),
        ("UUID", "61f0", 376),
        ("IPv4", "1.2.3", 675),
        ("Enum8('x' = 1)", "z", 691),
        ("FixedString(2)", "abc", 131),
        ("Array(String)", "[a]", 26),
        ("Bool", "2", 467),
        ("Decimal(5, 2)", "12345", 69),
    ] {
        let error = through(type_name, text, Escaping::Raw, Escaping::Raw).unwrap_err();
        assert_eq!(error.code() as u32, code, "{type_name} {text}: {error}");
    }
}

#[test]
fn a_failed_value_leaves_the_column_as_it_was() {
    let settings = settings();
    let data_type = DataType::parse("Map(String, Array(Tuple(Nullable(Int8), String)))").unwrap();
    let mut parser = ColumnParser::new(&data_type, &settings);
    parser.push_text(b"{'a':[(1,'x')]}", Escaping::Raw, &settings).unwrap();
    for bad in ["{'b':[(2,'y'),(3,", "{'b':[(2,'y')]", "{'b':[(2)]}", "{'b'"] {
        assert!(parser.push_text(bad.as_bytes(), Escaping::Raw, &settings).is_err());
    }
    parser.push_text(b"{}", Escaping::Raw, &settings).unwrap();
    let array = parser.finish().unwrap();
    assert_eq!(array.len(), 2);
    assert_eq!(value_at(&array, &data_type, 0).to_string(), "[('a', [(1, 'x')])]");
    assert_eq!(value_at(&array, &data_type, 1).to_string(), "[]");
}

#[test]
fn to_string_keeps_null_and_strips_fixed_strings() {
    let settings = settings();
    let data_type = DataType::parse("Nullable(FixedString(4))").unwrap();
    let values = [types::Value::from("ab"), types::Value::Null];
    let array = array_from_values(&data_type, &values).unwrap();
    let texts = array_to_text(&array, &data_type, &settings).unwrap();
    assert_eq!(value_at(&texts, &DataType::String, 0), types::Value::from("ab"));
    assert!(arrow_array::Array::is_null(&texts, 1));
}
