//! Texts out of row against a list of texts: inserted in several parts, merged, deleted, read in pieces.

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

mod harness;

use std::sync::Arc;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use base::CancelToken;
use granary_storage::{Store, Table};
use harness::{Rows, all_sorted, create, definition, insert, int, keep_rows, read, sort_all, text};
use proptest::prelude::*;
use types::Value;
use types::clob::{self, Clob, PIECE};

/// A text by its kind: empty, short, of about a piece, of several; a few of each, so that equal ones come again.
fn text_of(kind: u8, which: u8) -> String {
    let length = match kind % 6 {
        0 => 0,
        1 => 1 + usize::from(which),
        2 => 900 + usize::from(which) * 40,
        3 => PIECE - 2 + usize::from(which % 4),
        4 => 2 * PIECE - 1 + usize::from(which % 3),
        _ => 3 * PIECE + usize::from(which) * 1000,
    };
    format!("{which} é\n").repeat(length / 4 + 1).chars().take(length).collect()
}

fn rows(first: usize, texts: &[(u8, u8, bool)]) -> Rows {
    let row = |(at, (kind, which, null)): (usize, &(u8, u8, bool))| {
        let own = text_of(*kind, *which);
        let maybe = if *null { Value::Null } else { text(&own) };
        vec![int((first + at) as i128), text(&own), maybe]
    };
    texts.iter().enumerate().map(row).collect()
}

fn open(in_row: u64) -> (tempfile::TempDir, Arc<Store>, Arc<Table>) {
    let folder = tempfile::tempdir().unwrap();
    let store = harness::open(folder.path());
    let columns = [("k", "Int64"), ("t", "CLOB"), ("m", "Nullable(CLOB)")];
    let mut definition = definition(&columns, &[0], &[]);
    definition.columns[1].out_of_row = Some(in_row);
    definition.settings.insert("index_granularity".to_owned(), "16".to_owned());
    let table = create(&store, definition);
    (folder, store, table)
}

fn check(store: &Store, table: &Table, expected: &Rows) {
    let mut expected = expected.clone();
    sort_all(&mut expected);
    assert_eq!(all_sorted(read(&table.snapshot()).unwrap()), expected);
    assert!(store.check().is_empty(), "{:?}", store.check());
}

/// Ranges of every text, by its cell, are those of the text.
fn check_ranges(table: &Table, expected: &Rows) {
    for part in &table.snapshot().parts {
        for granule in 0..part.granules() {
            let keys = part.column(1).unwrap().unwrap().column(granule).unwrap().to_flat().unwrap();
            let cells =
                part.column(2).unwrap().unwrap().column(granule).unwrap().to_flat().unwrap();
            let cells = clob::bytes_of(cells.as_ref()).unwrap();
            for row in 0..cells.len() {
                let key = keys.as_primitive::<Int64Type>().value(row);
                let expected = expected.iter().find(|row| row[0] == int(i128::from(key))).unwrap();
                let whole = expected[1].as_bytes().unwrap();
                let cell = Clob::parse(cells.value(row)).unwrap();
                assert_eq!(cell.bytes(), whole.len() as u64);
                assert_eq!(
                    cell.characters(),
                    String::from_utf8_lossy(whole).chars().count() as u64
                );
                for from in [0, 1, whole.len() / 2, PIECE - 1, PIECE, whole.len()] {
                    let from = from.min(whole.len());
                    let to = (from + 100).min(whole.len());
                    let mut found = Vec::new();
                    cell.read(from as u64, 100, &mut found).unwrap();
                    assert_eq!(found, &whole[from..to]);
                }
            }
        }
    }
}

fn delete_odd(store: &Store, table: &Arc<Table>) {
    keep_rows(store, table, |key| key % 2 == 0).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn texts_are_what_was_put_in(
        batches in prop::collection::vec(
            prop::collection::vec((any::<u8>(), 0_u8..6, any::<bool>()), 1..40), 1..4),
        in_row in prop::sample::select(vec![0_u64, 3, 1000, 100_000]),
    ) {
        let (_folder, store, table) = open(in_row);
        let mut all = Rows::new();
        for batch in &batches {
            let rows = rows(all.len(), batch);
            insert(&store, &table, &rows).unwrap();
            all.extend(rows);
        }
        check(&store, &table, &all);
        check_ranges(&table, &all);
        store.optimize(&table, None, true, &CancelToken::new()).unwrap();
        check(&store, &table, &all);
        check_ranges(&table, &all);
        delete_odd(&store, &table);
        all.retain(|row| row[0].as_int().is_some_and(|key| key % 2 == 0));
        check(&store, &table, &all);
        check_ranges(&table, &all);
    }
}

#[test]
fn equal_texts_are_kept_once_and_deleted_ones_go() {
    let (_folder, store, table) = open(100);
    let noise: String = (0..200_000_u64)
        .map(|n| char::from(b'a' + (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as u8 % 26))
        .collect();
    let row = |key: i128| {
        let own = if key % 2 == 1 { noise.as_str() } else { &noise[..2000 + key as usize] };
        vec![int(key), text(own), Value::Null]
    };
    let first: Rows = (0..10).map(row).collect();
    insert(&store, &table, &first).unwrap();
    let bytes = || table.snapshot().parts.iter().map(|p| p.record().bytes_on_disk()).sum::<u64>();
    let once = bytes();
    assert!(once < 250_000, "five long texts take {once} bytes");
    let again: Rows = (11..21).step_by(2).map(row).collect();
    insert(&store, &table, &again).unwrap();
    store.optimize(&table, None, true, &CancelToken::new()).unwrap();
    assert!(bytes() < once + 20_000, "a merge keeps them once: {} of {once}", bytes());
    delete_odd(&store, &table);
    assert!(bytes() < 40_000, "{} are left", bytes());
    let kept: Rows = first.into_iter().filter(|r| r[0].as_int().unwrap() % 2 == 0).collect();
    check(&store, &table, &kept);
}
