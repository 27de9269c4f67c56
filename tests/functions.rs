//! The examples of all functions are run, as their documentation promises: as they stand, and with
//! each constant argument of each call in turn made a column.

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

use std::sync::Arc;

use base::ErrorCode;
use engine::{Engine, EngineOptions};
use sql::ast::{Expression, FunctionCall, Query, Statement};

/// Functions of how their argument is stored, or of the rows before: not the same on columns.
const NOT_OF_VALUES: &[&str] = &[
    "dumpColumnStructure",
    "isConstant",
    "runningConcurrency",
    "runningDifferenceStartingWithFirstValue",
    "toColumnTypeName",
];

/// How often of 1,000 times a column may be refused where the example has a constant: ClickHouse refuses them too,
/// but for `map...Like` and the zone of `fromUnixTimestamp`. It may only shrink.
const MOST_REFUSED: usize = 96;

fn open() -> Arc<Engine> {
    Engine::open(EngineOptions { background: false, ..EngineOptions::default() }).unwrap()
}

/// All examples, each with the name of its function.
fn examples(engine: &Engine) -> Vec<(&str, &expr::Example)> {
    let mut examples: Vec<(&str, &expr::Example)> = Vec::new();
    for (name, function) in engine.registry().functions() {
        if name == function.name {
            assert!(
                !function.examples.is_empty() || name.starts_with('_'),
                "{name} has no example"
            );
            examples.extend(function.examples.iter().map(|e| (name, e)));
        }
    }
    for (name, aggregate) in engine.registry().aggregates() {
        if name == aggregate.name {
            examples.extend(aggregate.examples.iter().map(|e| (name, e)));
        }
    }
    for window in engine.registry().windows() {
        assert!(!window.examples.is_empty(), "{} has no example", window.name);
        examples.extend(window.examples.iter().map(|e| (window.name, e)));
    }
    assert!(examples.len() > 300);
    examples
}

fn answer(engine: &Arc<Engine>, query: &str) -> Result<String, base::Error> {
    let bytes = engine.query(query)?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.strip_suffix('\n').unwrap_or(&text).to_owned())
}

fn report(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} examples are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn examples_give_what_they_say() {
    let engine = open();
    let mut wrong = Vec::new();
    for (name, example) in examples(&engine) {
        let found = answer(&engine, example.sql).unwrap_or_else(|error| error.to_string());
        if found != example.result {
            wrong.push(format!(
                "{name}: {}\n  expected {:?}\n  found    {found:?}",
                example.sql, example.result
            ));
        }
    }
    report(&wrong);
}

/// Whether an expression has the same value in all rows, as far as one sees.
fn is_constant(expression: &Expression) -> bool {
    match expression {
        Expression::Literal(_) => true,
        Expression::Unary(_, operand) | Expression::Cast { operand, .. } => is_constant(operand),
        Expression::Binary(_, a, b) => is_constant(a) && is_constant(b),
        Expression::Tuple(items) | Expression::Array(items) => items.iter().all(is_constant),
        Expression::Function(call) => call.arguments.iter().all(is_constant),
        _ => false,
    }
}

/// Makes the `number`th constant argument a column; whether there are so many, else how many.
fn vary(expression: &mut Expression, number: &mut usize) -> bool {
    match expression {
        Expression::Alias(inner, _) | Expression::Unary(_, inner) => vary(inner, number),
        Expression::Cast { operand, .. } => vary_argument(operand, number),
        Expression::Binary(_, a, b) => vary_argument(a, number) || vary_argument(b, number),
        Expression::Array(items) | Expression::Tuple(items) => {
            items.iter_mut().any(|item| vary(item, number))
        }
        Expression::ArrayElement(a, b) => vary_argument(a, number) || vary_argument(b, number),
        Expression::Function(call) => call.arguments.iter_mut().any(|a| vary_argument(a, number)),
        _ => false,
    }
}

fn vary_argument(argument: &mut Expression, number: &mut usize) -> bool {
    if is_constant(argument) {
        if *number == 0 {
            let constant = std::mem::replace(argument, Expression::Tuple(Vec::new()));
            *argument = Expression::Function(FunctionCall::new("materialize", vec![constant]));
            return true;
        }
        *number -= 1;
    }
    vary(argument, number)
}

/// The example with its `number`th constant argument as a column, over three rows.
fn varied(example: &str, number: usize) -> Option<String> {
    let mut statement = sql::parse(example).unwrap().statement;
    let Statement::Query(query) = &mut statement else { return None };
    let Query::Select(select) = query.as_mut() else { return None };
    if select.from.is_some() || select.array_join.is_some() || select.limit.is_some() {
        return None;
    }
    let mut left = number;
    select.items.iter_mut().any(|item| vary(&mut item.expression, &mut left)).then(|| {
        let Statement::Query(rows) = sql::parse("SELECT 1 FROM numbers(3)").unwrap().statement
        else {
            unreachable!("a SELECT")
        };
        if let (Statement::Query(query), Query::Select(rows)) = (&mut statement, *rows)
            && let Query::Select(select) = query.as_mut()
        {
            select.from = rows.from;
        }
        statement.to_string()
    })
}

#[test]
fn columns_give_what_constants_give() {
    let engine = open();
    let (mut wrong, mut refused, mut run) = (Vec::new(), Vec::new(), 0);
    for (name, example) in examples(&engine) {
        if engine.registry().function(name).is_none() || NOT_OF_VALUES.contains(&name) {
            continue;
        }
        let expected = [example.result; 3].join("\n");
        for query in (0..).map_while(|number| varied(example.sql, number)) {
            run += 1;
            match answer(&engine, &query) {
                Ok(found) if found == expected => {}
                Ok(found) => wrong.push(format!(
                    "{name}: {query}\n  expected {:?}\n  found    {found:?}",
                    example.result
                )),
                Err(error) => match error.code() {
                    ErrorCode::IllegalColumn
                    | ErrorCode::IllegalTypeOfArgument
                    | ErrorCode::BadArguments => refused.push(format!("{query}: {error}")),
                    _ => wrong.push(format!("{name}: {query}\n  {error}")),
                },
            }
        }
    }
    assert!(run > 1000, "only {run} queries could be made");
    report(&wrong);
    assert!(
        refused.len() * 1000 <= MOST_REFUSED * run,
        "{} of {run} refused:\n{}",
        refused.len(),
        refused.join("\n")
    );
}
