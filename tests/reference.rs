//! The examples of types, formats, settings and suffixes of aggregate functions are run, as their
//! documentation promises; functions have a test of their own. The reference shows all of them.

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

use std::sync::Arc;

use base::Example;
use engine::{Engine, EngineOptions, Gathered, Request, SETTINGS};

/// What has examples, each with its name.
fn examples(engine: &Engine) -> Vec<(&'static str, Example)> {
    let types = types::families().iter().map(|family| (family.name, family.example));
    let formats = format::formats().iter().map(|format| (format.name, format.example));
    let settings = SETTINGS.iter().map(|setting| (setting.name, setting.example));
    let suffixes = engine.registry().combinators().iter().map(|c| (c.suffix, c.example));
    types.chain(formats).chain(settings).chain(suffixes).collect()
}

/// The answers of an example's statements, in a session of its own.
fn answers(engine: &Arc<Engine>, session: &str, example: &Example) -> String {
    let mut all = Gathered::default();
    for statement in example.sql.split("; ") {
        let request = Request {
            query: statement.as_bytes().to_vec().into(),
            session_id: Some(session.to_owned()),
            ..Request::default()
        };
        if let Err(error) = engine.run(request, None, &mut all) {
            all.bytes.extend_from_slice(error.to_string().as_bytes());
            break;
        }
    }
    let all = String::from_utf8(all.bytes).unwrap();
    all.strip_suffix('\n').unwrap_or(&all).to_owned()
}

#[test]
fn examples_give_what_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::open(EngineOptions {
        background: false,
        files: Some(folder.path().to_owned()),
        ..EngineOptions::default()
    })
    .unwrap();
    let mut wrong = Vec::new();
    for (name, example) in examples(&engine) {
        let found = answers(&engine, name, &example);
        let fails = example.result.starts_with("Code: ");
        let right = found == example.result || fails && found.starts_with(example.result);
        if !right {
            wrong.push(format!(
                "{name}: {}\n  expected {:?}\n  found    {found:?}",
                example.sql, example.result
            ));
        }
    }
    assert!(wrong.is_empty(), "{} examples are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_reference_has_all_of_it() {
    let engine =
        Engine::open(EngineOptions { background: false, ..EngineOptions::default() }).unwrap();
    let registry = engine.registry();
    let functions = registry.functions().into_iter().filter(|(name, f)| *name == f.name);
    let aggregates = registry.aggregates().into_iter().filter(|(name, a)| *name == a.name);
    let names = functions.map(|(name, _)| name).filter(|name| !name.starts_with('_'));
    let names = names.chain(aggregates.map(|(name, _)| name));
    let names = names.chain(examples(&engine).into_iter().map(|(name, _)| name));
    let (markdown, page) =
        (engine::reference::markdown(registry), engine::reference::page(registry));
    for name in names {
        assert!(markdown.contains(&format!("\n### {name}\n")), "{name}");
        assert!(page.contains(&format!("<article id=\"{name}\">")), "{name}");
    }
}
