//! Random input: no text may make the parser panic, and what parses must print and parse again.

use crate::{column_name, parse, parse_all, parse_bytes, parse_expression};
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof};
use proptest::{collection, proptest, sample};

const PIECES: &[&str] = &[
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP BY",
    "ORDER BY",
    "LIMIT",
    "BY",
    "WITH",
    "AS",
    "UNION ALL",
    "EXCEPT",
    "JOIN",
    "LEFT",
    "ON",
    "USING",
    "ARRAY JOIN",
    "IN",
    "NOT",
    "AND",
    "OR",
    "IS NULL",
    "BETWEEN",
    "LIKE",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "CAST(",
    "INTERVAL",
    "DAY",
    "EXTRACT(",
    "TRIM(",
    "COLUMNS('x')",
    "EXISTS",
    "INSERT INTO",
    "VALUES",
    "FORMAT",
    "CREATE",
    "TABLE",
    "VIEW",
    "ENGINE =",
    "ALTER TABLE",
    "ADD COLUMN",
    "PARTITION",
    "DROP",
    "SHOW",
    "SET",
    "EXPLAIN",
    "SYSTEM",
    "OVER",
    "ROWS",
    "PRECEDING",
    "FILTER (",
    "SETTINGS",
    "a",
    "b.c",
    "t.*",
    "x",
    "f(",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ".",
    ";",
    ":",
    "::",
    "?",
    "->",
    "+",
    "-",
    "*",
    "/",
    "%",
    "=",
    "<>",
    "<=>",
    "||",
    "1",
    "2.5",
    ".1",
    "1e",
    "0x",
    "0b1",
    "'s'",
    "'",
    "\"q\"",
    "`b`",
    "$$",
    "$a$",
    "--",
    "/*",
    "*/",
    "#",
    "\\",
    "NULL",
    "true",
    "Int8",
    "DEFAULT",
    "CODEC(",
    "TTL",
    "INDEX",
    "TYPE",
    "é",
    "\u{a0}",
    "\n",
];

fn soup() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        9 => sample::select(PIECES).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    let space = prop_oneof![3 => Just(" "), 1 => Just("")];
    collection::vec((piece, space), 0..40).prop_map(|pieces| {
        pieces.into_iter().map(|(piece, space)| piece + space).collect::<String>()
    })
}

/// Expressions over others, which stand for `$1` to `$3`.
const FORMS: &[&str] = &[
    "$1 + $2",
    "$1 - $2",
    "-$1",
    "- $1",
    "NOT $1",
    "$1 AND $2",
    "$1 OR $2",
    "$1 || $2",
    "$1 = $2",
    "$1 <=> $2",
    "$1 IS NULL",
    "$1 IS DISTINCT FROM $2",
    "$1 IN ($2, $3)",
    "$1 NOT IN $2",
    "$1 BETWEEN $2 AND $3",
    "$1 LIKE $2",
    "$1 REGEXP $2",
    "($1)",
    "($1, $2)",
    "[$1, $2]",
    "f($1, $2)",
    "$1[$2]",
    "($1).1",
    "($1).b",
    "$1 ? $2 : $3",
    "x -> $1",
    "(x, y) -> $1",
    "CASE $1 WHEN $2 THEN $3 END",
    "CAST($1 AS Int8)",
    "$1::Array(Int8)",
    "CASE WHEN $1 THEN $2 ELSE $3 END",
    "($1 AS z)",
    "INTERVAL $1 DAY",
    "trim($1)",
    "DATE_ADD(DAY, $1, $2)",
    "$1 MOD $2",
    "$1 * $2",
    "sum($1) FILTER (WHERE $2)",
    "extract(year from $1)",
    "position($1 in $2)",
    "f(DISTINCT $1) OVER (PARTITION BY $2)",
    "cast($1, $2)",
    "dateDiff(day, $1, $2)",
];

fn expression() -> impl Strategy<Value = String> {
    let leaf = sample::select(
        &[
            "a",
            "t.b",
            "1",
            "2.5",
            "'s'",
            "NULL",
            "true",
            "`select`",
            "[1, 2]",
            "(1, 'x')",
            "*",
            "{p:Int8}",
            "now()",
            "count(*)",
            "INTERVAL 1 DAY",
            "f(1)(x)",
            "x'41'",
            "inf",
            "t.1",
            "(SELECT 1)",
            "date '2020-01-01'",
            "sum(x) OVER (ORDER BY y)",
            "``",
            "`a\\`b`",
        ][..],
    )
    .prop_map(str::to_owned);
    leaf.prop_recursive(6, 64, 3, |inner| {
        let forms = sample::select(FORMS);
        (forms, inner.clone(), inner.clone(), inner).prop_map(|(form, first, second, third)| {
            form.replace("$1", &first).replace("$2", &second).replace("$3", &third)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn soup_never_panics(text in soup()) {
        if let Ok(parsed) = parse(&text) {
            super::round_trip(&text);
            let _ = parsed.statement.clone();
        }
        let _ = parse_all(&text);
        if let Ok(expression) = parse_expression(&text) {
            let _ = column_name(&expression);
        }
    }

    #[test]
    fn bytes_never_panic(bytes in collection::vec(any::<u8>(), 0..60)) {
        let _ = parse_bytes(&bytes);
        let _ = parse_bytes(&[b"INSERT INTO t ".as_slice(), &bytes].concat());
        let _ = parse_bytes(&[b"SELECT '".as_slice(), &bytes, b"'"].concat());
    }

    #[test]
    fn expressions_round_trip(text in expression()) {
        if let Ok(expression) = parse_expression(&text) {
            let printed = expression.to_string();
            let again = parse_expression(&printed);
            assert_eq!(again.as_ref(), Ok(&expression), "{text}\n{printed}");
        }
    }
}
