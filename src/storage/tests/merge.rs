//! Merges keep every row, its order and the marks, whatever the parts look like.

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

mod harness;

use std::sync::Arc;
use std::time::{Duration, Instant};

use base::CancelToken;
use granary_storage::{ColumnDefinition, Rewrite, Store, Table, TableDefinition};
use harness::{
    Rows, all_sorted, compare_rows, create, definition, insert, int, open, read, sort_all, text,
};
use proptest::prelude::{ProptestConfig, Strategy, any, prop_oneof, proptest};
use types::{DataType, Dictionary, Value};

const COLUMNS: &[(&str, &str)] = &[
    ("k", "Int32"),
    ("s", "String"),
    ("n", "Nullable(String)"),
    ("u", "String"),
    ("f", "Nullable(Float64)"),
    ("a", "Array(UInt16)"),
];

fn table_definition(sorting: &[usize], granularity: &str) -> TableDefinition {
    let mut definition = definition(COLUMNS, sorting, &[]);
    definition.settings.insert("index_granularity".to_owned(), granularity.to_owned());
    definition
}

fn row() -> impl Strategy<Value = Vec<Value>> {
    let null = prop_oneof![Just(Value::Null), "[ab]{0,2}".prop_map(|s| text(&s))];
    use proptest::prelude::Just;
    (
        -20i128..20,
        prop_oneof!["[a-c]{0,1}", "prefix of some length [a-d]"],
        null,
        any::<u64>(),
        proptest::option::of(-5i32..5),
        proptest::collection::vec(0i128..9, 0..3),
    )
        .prop_map(|(k, s, n, u, f, a)| {
            vec![
                int(k),
                text(&s),
                n,
                text(&format!("unique {u}")),
                f.map_or(Value::Null, |f| Value::Float(f64::from(f))),
                Value::Array(a.into_iter().map(Value::Int).collect()),
            ]
        })
}

fn merge_all(store: &Store, table: &Arc<Table>) -> usize {
    store.optimize(table, None, true, &CancelToken::new()).unwrap()
}

fn check(parts: &[Rows], sorting: &[usize], granularity: &str) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let table = create(&store, table_definition(sorting, granularity));
    let mut expected: Rows = Vec::new();
    for rows in parts {
        insert(&store, &table, rows).unwrap();
        expected.extend(rows.iter().cloned());
    }
    merge_all(&store, &table);
    // Stable: equal keys in the order in which they came.
    expected.sort_by(|a, b| compare_rows(a, b, sorting));
    let snapshot = table.snapshot();
    assert_eq!(snapshot.parts.len(), 1);
    assert_eq!(read(&snapshot).unwrap(), vec![expected.clone()]);
    assert_eq!(store.check(), vec![]);
    let part = &snapshot.parts[0];
    let keys = part.key_at().unwrap();
    for (key, at) in keys.iter().zip(sorting) {
        let data_type = &table.definition().columns[*at].data_type;
        assert_eq!(key.len(), part.granules() + 1);
        for granule in 0..=part.granules() {
            let row = (part.granule_start(granule) as usize).min(expected.len() - 1);
            let row = if granule == part.granules() { expected.len() - 1 } else { row };
            assert_eq!(types::value_at(key, data_type, granule), expected[row][*at]);
        }
    }
    drop(snapshot);
    let folders = store.options().disk.list(&format!("tables/{}/parts", table.uuid())).unwrap();
    assert_eq!(folders.len(), 1, "the sources are removed: {folders:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn a_merge_is_a_stable_sort_of_all_rows(
        parts in proptest::collection::vec(proptest::collection::vec(row(), 1..300), 2..6),
    ) {
        check(&parts, &[0, 1], "16");
        check(&parts, &[2, 0], "64");
        check(&parts, &[], "10");
    }
}

#[test]
fn presorted_parts_are_copied_granule_by_granule() {
    let rows = |from: i128| -> Rows {
        (from..from + 640)
            .map(|k| {
                vec![
                    int(k),
                    text("x"),
                    Value::Null,
                    text("y"),
                    Value::Null,
                    Value::Array([].into()),
                ]
            })
            .collect()
    };
    check(&[rows(640), rows(0), rows(1280)], &[0], "64");
}

/// Two thirds of the values of every part are distinct, and all of them differ between the parts: together
/// they are as many as a dictionary may have.
#[test]
fn a_merge_keeps_the_dictionaries_of_its_parts() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let table = create(&store, definition(&[("s", "String")], &[], &[]));
    for part in 0..3 {
        let value = |row: i128| text(&format!("value {}", part * 1000 + row * 2 / 3));
        let rows: Rows = (0..900).map(|row| vec![value(row)]).collect();
        insert(&store, &table, &rows).unwrap();
    }
    merge_all(&store, &table);
    let parts = table.snapshot().parts.clone();
    assert_eq!(parts.len(), 1);
    let id = table.definition().columns[0].id;
    let dictionary = parts[0].column(id).unwrap().unwrap().dictionary().unwrap().unwrap();
    assert_eq!(Dictionary::len(dictionary.as_ref()), 1800);
}

#[test]
fn a_part_older_than_a_column_gets_its_default() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let table = create(&store, definition(&[("k", "UInt32"), ("s", "String")], &[0], &[]));
    let old: Rows = (0..300).map(|n| vec![int(n), text("old")]).collect();
    insert(&store, &table, &old).unwrap();
    let mut changed = table.definition().as_ref().clone();
    for (name, data_type) in [("e", "String"), ("z", "Nullable(String)"), ("i", "Int8")] {
        let id = table.next_column_id();
        let data_type = DataType::parse(data_type).unwrap();
        changed.columns.push(ColumnDefinition::new(id, name, data_type));
        store.alter_definition(&table, changed.clone()).unwrap();
    }
    assert_eq!(table.next_column_id(), 6);
    let new: Rows =
        (0..300).map(|n| vec![int(n), text("new"), text("e"), text("z"), int(n % 100)]).collect();
    insert(&store, &table, &new).unwrap();
    assert_eq!(merge_all(&store, &table), 1);
    let mut expected: Rows = old
        .into_iter()
        .map(|mut row| {
            row.extend([text(""), Value::Null, int(0)]);
            row
        })
        .collect();
    expected.extend(new);
    sort_all(&mut expected);
    assert_eq!(all_sorted(read(&table.snapshot()).unwrap()), expected);
}

#[test]
fn who_reads_an_old_snapshot_is_not_disturbed() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let table = create(&store, definition(&[("k", "UInt32")], &[0], &[]));
    for n in 0..5 {
        insert(&store, &table, &[vec![int(n)]]).unwrap();
    }
    let before = table.snapshot();
    merge_all(&store, &table);
    assert_eq!(read(&before).unwrap().len(), 5);
    let list =
        || store.options().disk.list(&format!("tables/{}/parts", table.uuid())).unwrap().len();
    assert_eq!(list(), 6);
    drop(before);
    assert_eq!(list(), 1);
    let held = table.snapshot();
    store.drop_table("d", "t").unwrap();
    assert!(insert(&store, &table, &[vec![int(1)]]).is_err());
    assert_eq!(read(&held).unwrap()[0].len(), 5);
    drop(held);
    assert_eq!(list(), 0);
}

#[test]
fn background_merges_settle_and_can_be_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let table = create(&store, definition(&[("k", "UInt32"), ("v", "String")], &[0], &[]));
    store.stop_merges(None);
    store.start_background().unwrap();
    for n in 0..40 {
        insert(&store, &table, &[vec![int(n), text("v")]]).unwrap();
    }
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(table.snapshot().parts.len(), 40);
    store.start_merges(None);
    let start = Instant::now();
    while table.snapshot().parts.len() > 4 && start.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(table.snapshot().parts.len() <= 4, "{:?}", table.snapshot().parts);
    assert_eq!(table.total_rows(), 40);
    assert!(store.merge_failures().is_empty(), "{:?}", store.merge_failures());
    drop(table);
    drop(store);
    assert_eq!(open(folder.path()).table("d", "t").unwrap().total_rows(), 40);
}

#[test]
fn rows_that_are_dropped_while_they_are_rewritten_stay_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let table = create(&store, definition(&[("k", "Int64")], &[0], &[]));
    insert(&store, &table, &[vec![int(1)], vec![int(2)]]).unwrap();
    let rewrite = Rewrite {
        definition: table.definition().as_ref().clone(),
        choose: &|_| true,
        change: &|block| {
            store.truncate(&table)?;
            Ok(block)
        },
        cancel: CancelToken::new(),
    };
    store.rewrite(&table, &rewrite).unwrap();
    assert_eq!(table.snapshot().rows(), 0);
}
