//! The style of the house as a test: heads of files, names, sizes as a ratchet, arrows between rooms.

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

use std::fs;
use std::path::{Path, PathBuf};

/// Lines that a file may have; those of the list may not grow beyond what they had when this was written.
const MOST_LINES: usize = 500;

/// Larger files, which should shrink.
const LARGER: &[(&str, usize)] = &[];

/// Lines that a function may have, from its signature to its closing bracket.
const MOST_FUNCTION_LINES: usize = 70;

/// Longer functions with the lines that they may have: those they had when this was written, or fewer.
const LONGER: &[(&str, &str, usize)] = &[
    ("src/functions/scalar/date_format.rs", "write", 77),
    ("src/plan/analyze/resolve.rs", "resolve_inner", 83),
    ("src/storage/examples/load_parquet.rs", "main", 101),
    ("src/types/physical.rs", "array_from_values", 83),
];

/// Rooms bottom-up: each may use only those before it.
const ROOMS: &[&str] = &[
    "base",
    "types",
    "codec",
    "format",
    "text",
    "expr",
    "sql",
    "storage",
    "plan",
    "functions",
    "exec",
    "engine",
    "ingest",
    "server",
    "cli",
];

/// Pairs that may not use each other although one stands above the other.
const NEVER: &[(&str, &str)] = &[
    ("functions", "plan"),
    ("functions", "storage"),
    ("functions", "sql"),
    ("exec", "functions"),
    ("exec", "sql"),
    ("storage", "sql"),
    ("format", "codec"),
    ("cli", "engine"),
    ("cli", "server"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![root().join("src"), root().join("tests")];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn files_have_heads_and_stay_small() {
    let mut wrong = Vec::new();
    for path in sources() {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        if !text.starts_with("//!") {
            wrong.push(format!("{name}: no head comment"));
        }
        let lines = text.lines().count();
        let allowed = LARGER.iter().find(|(n, _)| *n == name).map_or(MOST_LINES, |(_, most)| *most);
        if lines > allowed {
            wrong.push(format!("{name}: {lines} lines, {allowed} are allowed"));
        }
        for banned in ["utils", "misc", "helpers", "common"] {
            if path.file_stem().is_some_and(|stem| stem == banned) {
                wrong.push(format!("{name}: a name that says nothing"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The functions of a source formatted by rustfmt, with their lines: a function ends at the first
/// closing bracket that is indented as its signature.
fn functions(text: &str) -> Vec<(&str, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let words = code.split(' ').take_while(|word| *word != "fn");
        let modifier = |w: &str| w.starts_with("pub") || ["const", "unsafe", "async"].contains(&w);
        let is_function =
            words.clone().all(modifier) && words.clone().count() < code.split(' ').count();
        let Some((_, rest)) = code.split_once("fn ").filter(|_| is_function) else { continue };
        let name = rest.split(['(', '<']).next().unwrap_or(rest);
        let end = format!("{}}}", &line[..line.len() - code.len()]);
        let body = lines[at..].iter().position(|line| *line == end).unwrap_or(0) + 1;
        // What has no body (in a trait, or in one line) is not as long as what follows it.
        let opens = lines[at..].iter().position(|l| l.ends_with('{')).unwrap_or(usize::MAX);
        let ends = lines[at..].iter().position(|l| l.ends_with(';') || l.ends_with('}'));
        if opens < ends.unwrap_or(usize::MAX) {
            found.push((name, body));
        }
    }
    found
}

#[test]
fn functions_stay_small() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    let mut unused: Vec<_> = LONGER.to_vec();
    for path in sources() {
        let text = fs::read_to_string(&path).unwrap();
        let file = path.strip_prefix(root()).unwrap().display().to_string();
        for (name, lines) in functions(&text) {
            count += 1;
            let listed = LONGER.iter().find(|(f, n, _)| *f == file && *n == name);
            let allowed = listed.map_or(MOST_FUNCTION_LINES, |(_, _, most)| *most);
            if lines > allowed {
                wrong.push(format!("{file}, {name}: {lines} lines, {allowed} are allowed"));
            }
            // One that has shrunk goes from the list, so that it cannot grow again.
            unused.retain(|(f, n, most)| *f != file || *n != name || lines != *most);
        }
    }
    for (file, name, most) in unused {
        wrong.push(format!("{file}, {name}: no longer {most} lines; change the list"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 3000, "only {count} functions were found");
}

#[test]
fn functions_are_measured() {
    let source = "fn a() {\n    b();\n}\n\ntrait T {\n    fn c(&self);\n\n    \
        pub(crate) async fn d<X>(\n    ) {\n        if e {\n        }\n    }\n}\n";
    assert_eq!(functions(source), [("a", 3), ("d", 5)]);
}

#[test]
fn arrows_between_rooms_point_down() {
    let mut wrong = Vec::new();
    for (at, room) in ROOMS.iter().enumerate() {
        let manifest = root().join("src").join(room).join("Cargo.toml");
        let Ok(text) = fs::read_to_string(manifest) else { continue };
        let uses = text.split("[dependencies]").nth(1).unwrap_or_default();
        let uses = uses.split("\n[").next().unwrap_or_default();
        for other in ROOMS {
            let uses_it = uses.lines().any(|l| l.starts_with(&format!("{other}.")));
            let above = ROOMS.iter().position(|r| r == other).unwrap() >= at;
            if uses_it && (above || NEVER.contains(&(*room, *other))) {
                wrong.push(format!("{room} must not use {other}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
