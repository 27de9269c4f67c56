//! The examples of all functions are run, as their documentation promises.

use engine::{Engine, EngineOptions};

/// Equal texts, or numbers that differ by what rounding of logarithms may.
fn same(found: &str, expected: &str) -> bool {
    let number = |text: &str| text.trim_matches(['[', ']']).parse::<f64>().ok();
    match (number(found), number(expected)) {
        (Some(a), Some(b)) if found.contains('.') => (a - b).abs() <= 1e-12 * a.abs().max(b.abs()),
        _ => found == expected,
    }
}

#[test]
fn examples_give_what_they_say() {
    let engine =
        Engine::open(EngineOptions { background: false, ..EngineOptions::default() }).unwrap();
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
    assert!(examples.len() > 300);
    let mut wrong = Vec::new();
    for (name, example) in examples {
        let found = match engine.query(example.sql) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).trim_end_matches('\n').to_owned(),
            Err(error) => error.to_string(),
        };
        if !same(&found, example.result) {
            wrong.push(format!(
                "{name}: {}\n  expected {:?}\n  found    {found:?}",
                example.sql, example.result
            ));
        }
    }
    assert!(wrong.is_empty(), "{} examples are wrong:\n{}", wrong.len(), wrong.join("\n"));
}
