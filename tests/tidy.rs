//! The style of the house as a test: heads of files, names, sizes as a ratchet, arrows between rooms.

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

use std::fs;
use std::path::{Path, PathBuf};

/// Lines that a file may have; those of the list may not grow beyond what they had when this was written.
const MOST_LINES: usize = 500;

/// Larger files, each with a reason to shrink it.
const LARGER: &[(&str, usize)] = &[
    ("src/functions/scalar/date_now.rs", 524),
    ("src/storage/zone.rs", 504),
    ("src/types/parse.rs", 528),
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
