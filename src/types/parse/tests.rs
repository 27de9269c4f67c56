//! Types are read in all their spellings.

use crate::DataType;

fn check(text: &str, canonical: &str) {
    let parsed = DataType::parse(text).unwrap();
    assert_eq!(parsed.to_string(), canonical);
    assert_eq!(DataType::parse(canonical).unwrap(), parsed);
}

#[test]
fn names_read_back() {
    check("UInt8", "UInt8");
    check("int unsigned", "UInt32");
    check("VARCHAR(255)", "String");
    check("Decimal(10,2)", "Decimal(10, 2)");
    check("Decimal64(3)", "Decimal(18, 3)");
    check("DateTime64(6,'Europe/Berlin')", "DateTime64(6, 'Europe/Berlin')");
    check("Enum('a','b'=5)", "Enum8('a' = 1, 'b' = 5)");
    check("Enum8('it\\'s' = -1)", "Enum8('it\\'s' = -1)");
    check("Tuple(a Int8, b Array(Nullable(String)))", "Tuple(a Int8, b Array(Nullable(String)))");
    check("Tuple(String,UInt8)", "Tuple(String, UInt8)");
    check("Map(String, UInt64)", "Map(String, UInt64)");
    check("AggregateFunction(quantile(0.5), Int8)", "AggregateFunction(quantile(0.5), Int8)");
    check("DOUBLE PRECISION", "Float64");
    check("IntervalDay", "IntervalDay");
}

#[test]
fn errors_are_errors() {
    for text in [
        "",
        "Foo",
        "Nullable(Array(Int8))",
        "Decimal(99)",
        "Enum8('a' = 300)",
        "Array(",
        "Int8)",
        "Tuple(a Int8, String)",
        "FixedString(0)",
    ] {
        assert!(DataType::parse(text).is_err(), "{text}");
    }
    assert!(DataType::parse(&"Array(".repeat(100_000)).is_err());
}
