//! Everyday statements: each must parse and round-trip.

use super::round_trip;
use crate::parse_all;

const CORPUS: &[(&str, &str)] = &[
    ("select", include_str!("corpus/select.sql")),
    ("functions", include_str!("corpus/functions.sql")),
    ("joins", include_str!("corpus/joins.sql")),
    ("definitions", include_str!("corpus/definitions.sql")),
    ("changes", include_str!("corpus/changes.sql")),
    ("system", include_str!("corpus/system.sql")),
];

/// The statements of a file: each ends with `;` at the end of a line.
fn statements(text: &str) -> impl Iterator<Item = &str> {
    text.split(";\n").map(str::trim).filter(|statement| {
        statement.lines().any(|line| !line.trim().is_empty() && !line.starts_with("--"))
    })
}

#[test]
fn statements_round_trip() {
    let mut count = 0;
    for (_, text) in CORPUS {
        for statement in statements(text) {
            round_trip(statement);
            count += 1;
        }
    }
    assert!(count >= 300, "the corpus holds {count} statements");
}

#[test]
fn files_parse_as_scripts() {
    for (name, text) in CORPUS {
        let parsed = parse_all(text).map(|parsed| parsed.len());
        assert_eq!(parsed, Ok(statements(text).count()), "{name}");
    }
}
