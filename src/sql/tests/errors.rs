//! Errors: their code, their place, what they expected; and depth.

use crate::{MAX_DEPTH, parse, parse_expression};
use base::ErrorCode;

fn check(sql: &str, expect: &str) {
    let failure = parse(sql).unwrap_err();
    assert_eq!(failure.code(), ErrorCode::SyntaxError, "{sql}");
    assert_eq!(failure.message(), expect, "{sql}");
}

/// The message must have this in it.
fn check_part(sql: &str, expect: &str) {
    let failure = parse(sql).unwrap_err();
    assert!(failure.message().contains(expect), "{sql}: {failure}");
}

#[test]
fn place_and_expectation() {
    check_part("SELECT a FORM t", "failed at position 15 ('t') (line 1, col 15): t. Expected");
    check_part("SELECT 1 +", "failed at position 11 (end of query) (line 1, col 11)");
    check_part("SELECT 1\nFROM t\nWHERE", "(line 3, col 6)");
    check_part("SELECT 1 FROM", "identifier");
    check_part("CREATE TABLE t (a", "Expected one of: ");
    check_part("SELEC 1", "failed at position 1 ('SELEC')");
    check_part("SELEC 1", "SELECT, WITH");
    check_part("SELECT 1 # 2\n @", "('@')");
    check_part("DROP TABEL t", "TABLE");
    check_part("", "end of query");
    check(
        "SELECT 'abc",
        "Syntax error: Single quoted string is not closed, failed at position 8 (line 1, col 8): 'abc",
    );
    check_part("SELECT /* x", "multiline comment is not closed");
    check_part("SELECT 1; SELECT 2", "Multi-statements are not allowed");
    check_part("SELECT 0xZZ", "number");
    check_part("SELECT é", "('é')");
    check_part("SELECT f(1 2)", "('2')");
    check_part("INSERT INTO t VALEUS (1)", "VALUES");
}

#[test]
fn unsupported_statements_say_so() {
    for sql in ["GRANT SELECT ON t TO u", "BACKUP TABLE t TO x", "CREATE QUOTA q"] {
        assert_eq!(parse(sql).unwrap_err().code(), ErrorCode::NotImplemented, "{sql}");
    }
}

/// On the stack of a usual thread: neither parsing nor what is done with the tree may overflow.
fn deep(sql: String) {
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(move || {
        let result = parse_expression(&sql);
        if let Ok(expression) = &result {
            assert_eq!(*expression, expression.clone());
            assert!(!crate::column_name(expression).is_empty());
            assert!(!format!("{expression:?}{expression}").is_empty());
        }
        result.map(|_| ()).map_err(|failure| failure.code())
    });
    assert_eq!(thread.unwrap().join().unwrap(), Err(ErrorCode::TooDeepAst));
}

#[test]
fn too_deep() {
    let nest = |open: &str, close: &str, count: usize| {
        format!("{}1{}", open.repeat(count), close.repeat(count))
    };
    deep(nest("(", ")", 10_000));
    deep(nest("[", "]", 10_000));
    deep(nest("f(", ")", 10_000));
    deep(nest("(1, ", ")", 10_000));
    deep(nest("NOT ", "", 10_000));
    deep(nest("- ", "", 10_000));
    deep(nest("x -> ", "", 10_000));
    deep(nest("(SELECT ", ")", 10_000));
    deep(nest("CASE WHEN ", " THEN 1 END", 10_000));
    deep(nest("", "[1]", 10_000));
    deep(nest("", "::Int8", 10_000));
    deep(nest("", ".1", 10_000));
    deep(nest("", " IS NULL", 10_000));
    deep(nest("1 + ", "", 100_000));
    deep(nest("", " - 1", 100_000));
    deep(nest("a = 1 ? 2 : ", "", 10_000));
    deep(nest("(", " + 1)", 10_000));
    deep(nest("CAST(", " AS Int8)", 10_000));
    deep(format!("CAST(1 AS {}Int8{})", "Array(".repeat(10_000), ")".repeat(10_000)));
    deep(format!("(SELECT * FROM {}t{})", "(".repeat(10_000), ")".repeat(10_000)));
    deep(format!("(SELECT * FROM t{})", " JOIN t USING x".repeat(10_000)));
    deep(format!("(SELECT 1{})", " EXCEPT SELECT 1".repeat(10_000)));
}

/// What is just within the limit works on a usual thread.
#[test]
fn deep_enough() {
    let within = |sql: String| {
        let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(move || {
            let expression = parse_expression(&sql).unwrap();
            assert_eq!(parse_expression(&expression.to_string()), Ok(expression.clone()));
            assert!(!crate::column_name(&expression).is_empty());
            assert!(!format!("{expression:?}").is_empty());
        });
        thread.unwrap().join().unwrap();
    };
    let nest = |open: &str, close: &str, levels: usize| {
        let count = (MAX_DEPTH as usize - 10) / levels;
        within(format!("{}1{}", open.repeat(count), close.repeat(count)));
    };
    nest("(", ")", 1);
    nest("f(", ")", 1);
    nest("[", "]", 1);
    nest("f(1)(CASE WHEN ", " THEN 1 END)", 2);
    nest("sum(1) OVER (PARTITION BY ", ")", 3);
    nest("trim(", ")", 1);
    nest("CAST(", " AS Int8)", 1);
    nest("DATE_ADD(DAY, 1, ", ")", 3);
    nest("* APPLY(x -> ", ")", 3);
    nest("(SELECT ", ")", 6);
    nest("(SELECT 1 IN ", ")", 8);
    nest("(SELECT * FROM t WHERE x = ", ")", 8);
    nest("EXISTS (WITH a AS (SELECT ", ") SELECT a)", 10);
    nest("", " + 1", 1);
    nest("", "[1]", 1);
}
