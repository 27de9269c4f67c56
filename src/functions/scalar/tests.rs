//! Scalar functions through the evaluator, on constants and on columns; answers taken from ClickHouse.

mod cases;
mod expression;

use arrow_array::Array;
use base::Result;
use expr::{Evaluator, Expr, FunctionContext, Registry};
use format::FormatSettings;
use format::text::{Escaping, write_value};
use types::{Column, DataType, Value};

fn registry() -> Registry {
    let mut registry = Registry::default();
    super::register(&mut registry);
    registry
}

/// The value of an expression as TabSeparated, with its literals as constants or as columns.
fn evaluate(registry: &Registry, sql: &str, as_columns: bool) -> Result<String> {
    let context = FunctionContext {
        now_nanoseconds: 1_709_213_862_123_456_789,
        ..FunctionContext::default()
    };
    let mut parser = expression::Parser::new(sql, registry, &context, as_columns);
    let expressions = parser.list()?;
    let literals = parser.literals;
    let rows = 3;
    let columns: Vec<Column> = literals
        .iter()
        .map(|(value, data_type): &(Value, DataType)| {
            Ok(Column::Flat(Column::constant(data_type, value, rows)?.to_flat()?))
        })
        .collect::<Result<_>>()?;
    let evaluator = Evaluator::new(&expressions, registry, &context)?;
    let found = evaluator.evaluate_columns(&columns, rows)?;
    let settings = FormatSettings::default();
    let mut out = Vec::new();
    for (at, (column, expression)) in found.iter().zip(&expressions).enumerate() {
        assert_eq!(column.len(), rows, "{sql}: rows");
        let array = column.to_flat()?;
        let data_type = Expr::data_type(expression);
        assert_eq!(array.data_type(), &data_type.arrow_type(), "{sql}: layout");
        if at > 0 {
            out.push(b'\t');
        }
        write_value(&array, &data_type, 1, Escaping::TabSeparated, &settings, &mut out)?;
    }
    Ok(String::from_utf8_lossy(&out).into_owned())
}

/// Differences between what expressions give and what they should.
fn differences<'a>(cases: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    let registry = registry();
    let mut wrong = Vec::new();
    for (sql, expected) in cases {
        match evaluate(&registry, sql, false) {
            Ok(found) if found == expected => {}
            Ok(found) => wrong.push(format!("{sql}\n  gave {found}\n  not  {expected}")),
            Err(e)
                if expected
                    .strip_prefix("ERR ")
                    .is_some_and(|code| code == (e.code() as u32).to_string()) => {}
            Err(e) => wrong.push(format!("{sql}\n  gave {e}\n  not  {expected}")),
        }
        // Functions that insist on constants refuse columns.
        if let Ok(found) = evaluate(&registry, sql, true)
            && found != expected
            && !sql.contains("isConstant")
            && !sql.contains("toColumnTypeName")
        {
            wrong.push(format!("{sql} of columns\n  gave {found}\n  not  {expected}"));
        }
    }
    wrong
}

#[test]
fn answers_are_those_of_clickhouse() {
    let wrong = differences(cases::CASES.iter().copied());
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Prints what expressions on standard input's file give, to be compared with a reference.
#[test]
#[ignore = "a tool: EXPRESSIONS=file cargo test -- --ignored --nocapture print"]
fn print_expressions() {
    let Ok(path) = std::env::var("EXPRESSIONS") else { return };
    let text = std::fs::read_to_string(path).unwrap();
    let registry = registry();
    for line in text.lines().filter(|l| !l.is_empty()) {
        match evaluate(&registry, line, false) {
            Ok(found) => println!("{line}  =>  {found}"),
            Err(e) => println!("{line}  =>  ERR {}", e.code() as u32),
        }
    }
}
