//! Damaged, missing and lost files: reported by name, never read as something else.

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

mod harness;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base::Result;
use base::disk::LocalDisk;
use expr::{Expr, Registry};
use granary_storage::{Store, StoreOptions, Table, TextField, TextIndexDefinition};
use harness::{
    Rows, all_sorted, create, definition, insert, int, open_synced, read, sort_all, text,
};
use text::{Bm25, Query, Searcher};
use types::{DataType, Value};

fn rows() -> Rows {
    (0..400)
        .map(|n| {
            let null = if n % 3 == 0 { Value::Null } else { Value::Float(n as f64 / 4.0) };
            let long =
                format!("{n} of many ").repeat(if n % 100 == 1 { 8000 } else { n as usize % 30 });
            vec![
                int(n),
                text(&format!("some {}", n % 50)),
                null,
                text(&format!("{n} unique")),
                text(&long),
            ]
        })
        .collect()
}

fn filled(folder: &Path) -> Rows {
    let store = open_synced(folder);
    let mut definition = definition(
        &[
            ("k", "UInt64"),
            ("s", "String"),
            ("f", "Nullable(Float64)"),
            ("u", "String"),
            ("c", "CLOB"),
        ],
        &[0, 1],
        &[],
    );
    definition.settings.insert("index_granularity".to_owned(), "100".to_owned());
    definition.columns[4].out_of_row = Some(100);
    definition.text_indexes = vec![TextIndexDefinition {
        name: "words".to_owned(),
        fields: vec![TextField {
            id: TEXTS,
            expression: Expr::column(3, DataType::String),
            text: "u".to_owned(),
            weight: 1.0,
        }],
        analyzer: "default".to_owned(),
        positions: true,
        bm25: Bm25::default(),
    }];
    let table = create(&store, definition);
    insert(&store, &table, &rows()).unwrap();
    rows()
}

/// The text index of column `u`.
const TEXTS: u32 = 10;

/// How many rows of the first part have some words, by its text index.
fn searched(table: &Table) -> Result<[u64; 3]> {
    let index = table.snapshot().parts[0].text_index(TEXTS)?.unwrap();
    let fields = [index.as_ref()];
    let searcher = Searcher::new(&fields);
    Ok([
        searcher.count(&Query::term("unique"))?,
        searcher.count(&Query::term("17"))?,
        searcher.count(&Query::phrase(&["399", "unique"], 0))?,
    ])
}

fn segment(folder: &Path) -> PathBuf {
    let mut path = folder.join("tables");
    for _ in 0..3 {
        path = fs::read_dir(&path).unwrap().next().unwrap().unwrap().path();
    }
    path.join("0.seg")
}

#[test]
fn every_flipped_bit_is_found_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let expected = filled(folder.path());
    let path = segment(folder.path());
    let good = fs::read(&path).unwrap();
    for at in (0..good.len()).step_by(37).chain(good.len() - 64..good.len()) {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        fs::write(&path, &bad).unwrap();
        let store = open_synced(folder.path());
        let table = store.table("d", "t").unwrap();
        // Reading fails or, where padding was hit, gives the right rows.
        if let Ok(parts) = read(&table.snapshot()) {
            assert_eq!(parts[0], expected, "byte {at}");
        }
        if let Ok(found) = searched(&table) {
            assert_eq!(found, [400, 1, 1], "byte {at}");
        }
        let problems = store.check();
        assert_eq!(problems.len(), 1, "byte {at}");
        assert!(problems[0].message.contains("0.seg"), "byte {at}: {}", problems[0].message);
        assert_eq!(problems[0].table, "d.t");
    }
    fs::write(&path, &good).unwrap();
    assert!(open_synced(folder.path()).check().is_empty());
}

#[test]
fn a_missing_or_short_file_is_listed_and_the_rest_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let expected = filled(folder.path());
    let path = segment(folder.path());
    {
        let store = open_synced(folder.path());
        let table = store.table("d", "t").unwrap();
        insert(&store, &table, &expected[..10]).unwrap();
    }
    let good = fs::read(&path).unwrap();
    fs::write(&path, &good[..good.len() - 1]).unwrap();
    let store = open_synced(folder.path());
    assert_eq!(store.broken_parts().len(), 1);
    assert!(store.broken_parts()[0].message.contains("0.seg"), "{:?}", store.broken_parts());
    assert_eq!(store.table("d", "t").unwrap().total_rows(), 10);
    drop(store);
    fs::remove_file(&path).unwrap();
    let store = open_synced(folder.path());
    assert!(store.broken_parts()[0].message.contains("missing"));
    drop(store);
    fs::write(&path, &good).unwrap();
    let store = open_synced(folder.path());
    assert!(store.broken_parts().is_empty(), "a part that comes back is read again");
    assert_eq!(store.table("d", "t").unwrap().total_rows(), 410);
}

fn recover(folder: &Path) -> (Arc<Store>, usize) {
    let disk = Arc::new(LocalDisk::new(folder).unwrap());
    let options = StoreOptions {
        folder: Some(folder.to_owned()),
        ..StoreOptions::new(disk, Arc::new(Registry::default()))
    };
    let (store, problems) = Store::recover(options).unwrap();
    (store, problems.len())
}

#[test]
fn a_lost_catalog_is_rebuilt_from_the_parts() {
    let folder = tempfile::tempdir().unwrap();
    let mut expected = filled(folder.path());
    {
        let store = open_synced(folder.path());
        let table = store.table("d", "t").unwrap();
        insert(&store, &table, &expected[..20]).unwrap();
        // Held, so that the sources of the merge are still on disk.
        let held = table.snapshot();
        store.optimize(&table, None, true, &base::CancelToken::new()).unwrap();
        insert(&store, &table, &expected[..5]).unwrap();
        std::mem::forget(held);
    }
    fs::remove_file(folder.path().join("catalog.redb")).unwrap();
    let (store, problems) = recover(folder.path());
    assert_eq!(problems, 0);
    let table = store.table("d", "t").unwrap();
    assert_eq!(table.snapshot().parts.len(), 2);
    let again = expected[..20].iter().chain(&expected[..5]).cloned().collect::<Rows>();
    expected.extend(again);
    sort_all(&mut expected);
    assert_eq!(all_sorted(read(&table.snapshot()).unwrap()), expected);
    insert(&store, &table, &expected[..5]).unwrap();
    assert!(store.check().is_empty());
}
