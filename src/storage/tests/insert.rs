//! Rows that are inserted come back: of every type, sorted, split by partition, after reopening.

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

mod harness;

use std::sync::Arc;
use std::time::Duration;

use base::ErrorCode;
use granary_storage::{Extremes, Store, StoreOptions, TableDefinition};
use harness::{block, compare_rows, create, definition, insert, int, open, read, text};
use types::{DataType, Dictionary, Value};

const TYPES: &[&str] = &[
    "UInt8",
    "UInt64",
    "Int32",
    "Float64",
    "Float32",
    "Bool",
    "Decimal(18, 2)",
    "Decimal(38, 4)",
    "String",
    "Nullable(String)",
    "LowCardinality(String)",
    "FixedString(3)",
    "Date",
    "DateTime",
    "DateTime64(3)",
    "Enum8('a' = -1, 'b' = 2)",
    "UUID",
    "IPv4",
    "Nullable(Int16)",
    "Array(String)",
    "Array(Array(UInt8))",
    "Tuple(UInt8, String)",
    "Map(String, UInt64)",
];

/// A value that depends on the row number, now and then the default or NULL.
fn value(data_type: &DataType, seed: u64) -> Value {
    let seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    match data_type {
        DataType::Nullable(_) if seed.is_multiple_of(5) => Value::Null,
        DataType::Nullable(inner) | DataType::LowCardinality(inner) => value(inner, seed),
        DataType::Float32 | DataType::Float64 => Value::Float((seed % 1000) as f64 / 8.0),
        DataType::String if seed.is_multiple_of(3) => text(""),
        DataType::String => Value::from(format!("value number {}", seed % 700).as_str()),
        DataType::FixedString(_) => Value::from([b'a' + (seed % 20) as u8, 0, 7].as_slice()),
        DataType::Bool => int(i128::from(seed % 2)),
        DataType::Enum8(_) => int(if seed.is_multiple_of(2) { -1 } else { 2 }),
        DataType::Array(item) => {
            (0..seed % 4).map(|n| value(item, seed + n)).collect::<Vec<_>>().into_array()
        }
        DataType::Map(_) => (0..seed % 3)
            .map(|n| Value::Tuple(Arc::from([text(&format!("k{n}")), int(i128::from(seed % 90))])))
            .collect::<Vec<_>>()
            .into_array(),
        DataType::Tuple(fields) => {
            Value::Tuple(fields.iter().map(|f| value(&f.data_type, seed)).collect())
        }
        _ => int(i128::from(seed % 100)),
    }
}

trait IntoArray {
    fn into_array(self) -> Value;
}

impl IntoArray for Vec<Value> {
    fn into_array(self) -> Value {
        Value::Array(self.into())
    }
}

fn wide_definition(granularity: &str) -> TableDefinition {
    let names: Vec<String> = (0..TYPES.len()).map(|n| format!("c{n}")).collect();
    let columns: Vec<(&str, &str)> =
        names.iter().map(String::as_str).zip(TYPES.iter().copied()).collect();
    let mut definition = definition(&columns, &[9, 1], &[]);
    definition.settings.insert("index_granularity".to_owned(), granularity.to_owned());
    definition
}

fn rows(definition: &TableDefinition, count: u64) -> Vec<Vec<Value>> {
    (0..count)
        .map(|row| {
            let columns = definition.columns.iter().zip(0..);
            columns.map(|(c, at)| value(&c.data_type, row * 31 + at)).collect()
        })
        .collect()
}

fn check_round_trip(count: u64, granularity: &str) {
    let folder = tempfile::tempdir().unwrap();
    let definition = wide_definition(granularity);
    let mut expected = rows(&definition, count);
    {
        let store = open(folder.path());
        let table = create(&store, definition);
        insert(&store, &table, &expected).unwrap();
        assert_eq!(table.total_rows(), count);
    }
    expected.sort_by(|a, b| compare_rows(a, b, &[9, 1]));
    let store = open(folder.path());
    let table = store.table("d", "t").unwrap();
    let snapshot = table.snapshot();
    assert_eq!(read(&snapshot).unwrap(), vec![expected.clone()]);
    assert!(store.check().is_empty(), "{:?}", store.check());
    let part = &snapshot.parts[0];
    let keys = part.key_at().unwrap();
    assert_eq!(keys[1].len(), part.granules() + 1);
    for granule in 0..part.granules() {
        let first = &expected[part.granule_start(granule) as usize];
        assert_eq!(types::value_at(&keys[1], &DataType::UInt64, granule), first[1]);
    }
}

#[test]
fn every_type_comes_back_sorted() {
    check_round_trip(1, "8192");
    check_round_trip(100, "7");
    check_round_trip(3000, "512");
}

#[test]
fn partitions_get_parts_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let table = create(&store, definition(&[("m", "UInt32"), ("v", "Int64")], &[1], &[0]));
    let rows: Vec<Vec<Value>> =
        (0..1000).map(|n| vec![int(202_301 + n % 3), int(1000 - n)]).collect();
    insert(&store, &table, &rows).unwrap();
    let snapshot = table.snapshot();
    let names: Vec<String> = snapshot.parts.iter().map(|p| p.name()).collect();
    assert_eq!(names.len(), 3);
    assert!(names[0].starts_with("202301_") && names[2].starts_with("202303_"), "{names:?}");
    assert_eq!(snapshot.parts[1].record().partition_values, [int(202_302)]);
    assert_eq!(table.total_rows(), 1000);
    let many: Vec<Vec<Value>> = (0..200).map(|n| vec![int(n), int(n)]).collect();
    let error = insert(&store, &table, &many).unwrap_err();
    assert_eq!(error.code(), ErrorCode::TooManyParts);
    assert_eq!(table.total_rows(), 1000, "a failed insert leaves nothing");
    assert_eq!(store.options().disk.list("tmp").unwrap(), Vec::<String>::new());
}

#[test]
fn dictionaries_answer_lookups_and_zones_are_exact() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let table = create(&store, definition(&[("k", "UInt64"), ("s", "String")], &[0], &[]));
    let word = |n: i128| if n % 10 < 4 { String::new() } else { format!("word {:05}", n % 15_000) };
    let rows: Vec<Vec<Value>> = (0..40_000).map(|n| vec![int(n), text(&word(n))]).collect();
    insert(&store, &table, &rows).unwrap();
    let part = table.snapshot().parts[0].clone();
    let chunk = part.column(2).unwrap().unwrap();
    let dictionary = chunk.dictionary().unwrap().unwrap();
    assert_eq!(dictionary.len(), 9001);
    assert!(dictionary.has_empty() && dictionary.blocks() > 1);
    assert_eq!(dictionary.find(b"").unwrap(), Ok(0));
    assert_eq!(dictionary.find(b"word 00004").unwrap(), Ok(1));
    assert_eq!(dictionary.find(b"word 00003").unwrap(), Err(1));
    assert_eq!(dictionary.find(b"zzz").unwrap(), Err(9001));
    let values = dictionary.values().unwrap();
    for code in [0u32, 1, 77, 9000] {
        let one = dictionary.lookup(&[code]).unwrap();
        assert_eq!(
            types::value_at(&one, &DataType::String, 0),
            types::value_at(&values, &DataType::String, code as usize)
        );
    }
    let totals = chunk.totals();
    assert_eq!((totals.rows, totals.defaults, totals.min_filled_code), (40_000, 16_000, Some(1)));
    assert_eq!(totals.extremes, Extremes::Codes { min: 0, max: 9000 });
    let numbers = part.column(1).unwrap().unwrap();
    assert_eq!(numbers.totals().sum, Some((0..40_000).sum()));
    assert_eq!(numbers.zone(1).extremes, Extremes::Int { min: 8192, max: 16_383 });
    assert!(part.column(99).unwrap().is_none());
}

#[test]
fn wide_values_shorten_granules() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mut definition = definition(&[("k", "UInt64"), ("s", "String")], &[0], &[]);
    definition.settings.insert("index_granularity_bytes".to_owned(), "10000".to_owned());
    let table = create(&store, definition);
    let rows: Vec<Vec<Value>> =
        (0..500).map(|n| vec![int(n), text(&format!("{n}{}", "x".repeat(990)))]).collect();
    insert(&store, &table, &rows).unwrap();
    let part = table.snapshot().parts[0].clone();
    assert!(part.granule_rows(0) <= 10, "{} rows", part.granule_rows(0));
    assert_eq!(read(&table.snapshot()).unwrap()[0], rows);
}

#[test]
fn tokens_deduplicate_and_extras_are_atomic() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let table = create(&store, definition(&[("k", "UInt64")], &[0], &[]));
    let write = |store: &Arc<Store>, token: &str| {
        let mut insert = store.begin_insert();
        insert.write(&table, block(&table.definition(), &[vec![int(1)]])).unwrap();
        insert.deduplicate(&table, token);
        insert.put_extra("offset", Some(token.as_bytes().to_vec()));
        insert.commit().unwrap()
    };
    assert!(!write(&store, "a").deduplicated);
    assert!(write(&store, "a").deduplicated);
    assert!(!write(&store, "b").deduplicated);
    assert_eq!(table.total_rows(), 2);
    assert_eq!(store.extra("offset").unwrap().unwrap(), b"b");
    let inserts = (0..10)
        .map(|n| {
            let mut insert = store.begin_insert();
            insert.write(&table, block(&table.definition(), &[vec![int(n)]])).unwrap();
            insert.deduplicate(&table, format!("{}", n % 5));
            insert
        })
        .collect();
    let before = store.version();
    let results = store.commit_many(inserts);
    assert_eq!(results.iter().filter(|r| r.as_ref().unwrap().deduplicated).count(), 5);
    assert_eq!((store.version(), table.total_rows()), (before + 1, 7));
}

#[test]
fn a_second_server_is_refused_with_who_holds_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let options = store.options().clone();
    let error = Store::open(options).unwrap_err();
    assert_eq!(error.code(), ErrorCode::DataFolderLocked);
    assert!(error.message().contains(&std::process::id().to_string()), "{error}");
}

/// The only file of the only part below a data folder.
fn only_file(folder: &std::path::Path, table: &str) -> std::path::PathBuf {
    let parts = folder.join("tables").join(table).join("parts");
    let part = std::fs::read_dir(parts).unwrap().next().unwrap().unwrap();
    part.path().join("0.seg")
}

#[test]
fn the_file_of_a_small_part_is_made_again_until_it_is_settled() {
    let folder = tempfile::tempdir().unwrap();
    let rows: Vec<Vec<Value>> = (0..10).map(|n| vec![int(n), text("some text")]).collect();
    let columns = [("n", "Int64"), ("s", "String")];
    let store = open(folder.path());
    let table = create(&store, definition(&columns, &[0], &[]));
    insert(&store, &table, &rows).unwrap();
    let file = only_file(folder.path(), table.uuid());
    drop((table, store));

    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    drop(open(folder.path()));
    assert_eq!(std::fs::read(&file).unwrap(), whole, "a torn file is written again");
    std::fs::remove_file(&file).unwrap();
    let store = open(folder.path());
    assert_eq!(read(&store.table("d", "t").unwrap().snapshot()).unwrap(), [rows]);
    drop(store);

    let disk = Arc::new(base::disk::LocalDisk::new(folder.path()).unwrap());
    let options = StoreOptions {
        folder: Some(folder.path().to_owned()),
        settle_after: Duration::ZERO,
        ..harness::options(disk)
    };
    let store = Store::open(options).unwrap();
    store.settle().unwrap();
    drop(store);
    std::fs::remove_file(&file).unwrap();
    let store = open(folder.path());
    assert_eq!(store.broken_parts().len(), 1, "settled: the catalog has let the bytes go");
}
