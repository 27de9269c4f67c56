//! Tests of the dialect, by subject. The corpus lies beside them as SQL.

mod columns;
mod corpus;
mod errors;
mod expressions;
mod fuzz;
mod inserts;
mod statements;

use crate::ast::Statement;
use crate::{parse, parse_expression};

/// The tree as text without what differs by the spelling of the source alone.
fn shape(statement: &Statement) -> String {
    let debug = format!("{statement:?}");
    let mut shape = String::with_capacity(debug.len());
    let mut rest = debug.as_str();
    // The text of a SELECT item is that of the source; it ends at the first quote not escaped.
    while let Some((before, after)) = rest.split_once(", text: \"") {
        shape.push_str(before);
        let mut escaped = false;
        let end = after.find(|character| {
            let ends = character == '"' && !escaped;
            escaped = character == '\\' && !escaped;
            ends
        });
        rest = &after[end.unwrap_or(0) + 1..];
    }
    shape + rest
}

/// Parses, prints, parses again: the same tree and the same text must come out. Returns the text.
fn round_trip(sql: &str) -> String {
    let first = match parse(sql) {
        Ok(parsed) => parsed,
        Err(failure) => panic!("{sql}\n{failure}"),
    };
    let printed = first.statement.to_string();
    let second = match parse(&printed) {
        Ok(parsed) => parsed,
        Err(failure) => panic!("printed from {sql}\n{printed}\n{failure}"),
    };
    assert_eq!(shape(&first.statement), shape(&second.statement), "{sql}\n{printed}");
    assert_eq!(printed, second.statement.to_string(), "{sql}");
    printed
}

/// The canonical text of a statement.
fn check(sql: &str, expect: &str) {
    assert_eq!(round_trip(sql), expect, "{sql}");
}

/// The canonical text of an expression.
fn check_expression(sql: &str, expect: &str) {
    let expression = match parse_expression(sql) {
        Ok(expression) => expression,
        Err(failure) => panic!("{sql}\n{failure}"),
    };
    let printed = expression.to_string();
    assert_eq!(printed, expect, "{sql}");
    assert_eq!(parse_expression(&printed).as_ref(), Ok(&expression), "{sql}");
}
