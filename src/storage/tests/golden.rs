//! Data folders as this program wrote them when a version of the part format was fixed: they must open, and
//! every value must be what was put in, for as long as that version is read.
//!
//! `golden/v1` and so on are these folders, their catalogs packed with ZSTD. A folder for a new version of the
//! format is written, as `golden/new`, by
//!
//! ```text
//! cargo test -p granary-storage --test golden -- --ignored
//! ```

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

mod harness;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base::CancelToken;
use base::disk::LocalDisk;
use expr::Expr;
use granary_storage::{
    ColumnDefinition, PartReader, Store, StoreOptions, TableDefinition, TableSnapshot, TextField,
    TextIndexDefinition,
};
use harness::clobs::{check_clobs, clob_rows, described_clobs, noise};
use harness::{
    Rows, all_sorted, create, definition, insert, int, open, options, read, sort_all, text,
};
use text::{Analyzer, Bm25, Query, ScanQuery, Searcher};
use types::{DataType, Value};

/// Every type, with encodings of every kind: constants, runs, few and many values, slopes, noise, long texts.
const COLUMNS: &[(&str, &str)] = &[
    ("p", "UInt8"),
    ("k", "Int64"),
    ("u16", "UInt16"),
    ("u32", "UInt32"),
    ("u64", "UInt64"),
    ("u128", "UInt128"),
    ("i8", "Int8"),
    ("i16", "Int16"),
    ("i32", "Int32"),
    ("i128", "Int128"),
    ("f32", "Float32"),
    ("f64", "Float64"),
    ("b", "Bool"),
    ("d9", "Decimal(9, 2)"),
    ("d18", "Decimal(18, 4)"),
    ("d38", "Decimal(38, 10)"),
    ("few", "String"),
    ("unique", "String"),
    ("long", "String"),
    ("fixed", "FixedString(5)"),
    ("date", "Date"),
    ("date32", "Date32"),
    ("time", "DateTime('UTC')"),
    ("time64", "DateTime64(3, 'Asia/Tokyo')"),
    ("e8", "Enum8('a' = -1, 'b' = 2)"),
    ("e16", "Enum16('x' = 1000, 'y' = 2000)"),
    ("uuid", "UUID"),
    ("ip4", "IPv4"),
    ("ip6", "IPv6"),
    ("ns", "Nullable(String)"),
    ("nf", "Nullable(Float64)"),
    ("nu", "Nullable(UUID)"),
    ("low", "LowCardinality(Nullable(String))"),
    ("list", "Array(Nullable(Int32))"),
    ("lists", "Array(Array(String))"),
    ("map", "Map(String, UInt32)"),
    ("tuple", "Tuple(a UInt8, b Nullable(String))"),
    ("nested", "Array(Tuple(Date, Array(Float32)))"),
    ("hours", "IntervalHour"),
    ("state", "AggregateFunction(sum, UInt64)"),
    ("simple", "SimpleAggregateFunction(max, Int16)"),
    ("delta", "Int64"),
    ("double", "Int64"),
    ("gorilla", "Float64"),
    ("plain", "UInt32"),
    ("packed", "String"),
    ("constant", "UInt64"),
    ("nothing", "Nullable(Int8)"),
];

/// A codec's name and its parameters.
type CodecCall = (&'static str, &'static [i64]);

/// Codecs by column.
const CODECS: &[(&str, &[CodecCall])] = &[
    ("delta", &[("Delta", &[8])]),
    ("double", &[("DoubleDelta", &[]), ("ZSTD", &[3])]),
    ("gorilla", &[("Gorilla", &[]), ("LZ4", &[])]),
    ("plain", &[("NONE", &[])]),
    ("packed", &[("ZSTD", &[9])]),
];

/// Added when two of the parts were there already.
const LATE: (&str, &str) = ("late", "Nullable(String)");

/// Integers that repeat and spread, which have a dictionary since version 3; in a table of their own.
const NUMBERS: &[(&str, &str)] = &[
    ("k", "Int64"),
    ("u32", "UInt32"),
    ("i32", "Int32"),
    ("u64", "UInt64"),
    ("i64", "Int64"),
    ("maybe", "Nullable(Int64)"),
    ("packed", "UInt64"),
];

const NUMBER_ROWS: i128 = 300;

const ROWS: i128 = 240;
const INSERTS: i128 = 3;
/// Rows of each insert into the table with text indexes.
const TEXT_ROWS: i128 = 300;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn value(column: &str, n: i128) -> Value {
    let random = |salt: u64| i128::from(noise(n, salt));
    let wide = |salt: u64| (random(salt) << 64) | random(salt + 1);
    let maybe = |there: bool, value: Value| if there { value } else { Value::Null };
    let list = |values: Vec<Value>| Value::Array(values.into());
    match column {
        "p" => int(n % 3),
        "k" => int(n - 400),
        "u16" => int(random(1) & 0xffff),
        "u32" | "ip4" => int(random(2) & 0xffff_ffff),
        "u64" => int(random(3)),
        "u128" | "i128" | "uuid" | "ip6" => int(wide(4)),
        "i8" => int(n % 17 - 8),
        "i16" => int(n * 37 % 60_000 - 30_000),
        "i32" => int(if n % 50 == 0 { i128::from(i32::MIN) } else { n / 10 }),
        "f32" => Value::Float(n as f64 / 8.0),
        "f64" if n % 97 == 0 => Value::Float(f64::INFINITY),
        "f64" => Value::Float(f64::from(n as i32).sqrt()),
        "b" => int(n / 60 % 2),
        "d9" => int(n * 101 - 5),
        "d18" => int(-(random(6) >> 8)),
        "d38" => int(wide(7) % 10_i128.pow(37)),
        "few" => text(["", "one", "two", "drei", "quatre"][(n * n % 5) as usize]),
        "unique" => text(&format!("value {n} of {:x}", noise(n, 8))),
        "long" => text(&"a text that goes on, ".repeat((n % 40) as usize)),
        "fixed" => text(&format!("{:05}", n % 1000)),
        "date" => int(19_000 + n / 7),
        "date32" => int(n * 100 - 25_000),
        "time" => int(1_700_000_000 + n),
        "time64" => int(1_700_000_000_000 + n * 12_345),
        "e8" => int(if n % 4 == 0 { -1 } else { 2 }),
        "e16" => int(if n < 400 { 1000 } else { 2000 }),
        "ns" => maybe(n % 3 != 0, text(&format!("s{}", n % 7))),
        "nf" => maybe(n % 5 != 1, Value::Float(n as f64 * 0.1)),
        "nu" => maybe(n % 2 == 0, int(wide(9))),
        "low" => maybe(n % 11 != 0, text(&format!("low {}", n % 4))),
        "list" => list((0..n % 5).map(|at| maybe(at != 2, int(at - n))).collect()),
        "lists" => list(
            (0..n % 3).map(|at| list(vec![text(&format!("x{}", n % 6)); at as usize])).collect(),
        ),
        "map" => {
            let pair = |at: i128| Value::Tuple([text(&format!("key {at}")), int(n + at)].into());
            list((0..n % 4).map(pair).collect())
        }
        "tuple" => {
            let second = maybe(n % 4 != 3, text(&format!("t{}", n % 9)));
            Value::Tuple([int(n % 256), second].into())
        }
        "nested" => {
            let floats = |count: i128| list((0..count).map(|v| Value::Float(v as f64)).collect());
            let pair = |at: i128| Value::Tuple([int(at + 100), floats(at)].into());
            list((0..n % 3).map(pair).collect())
        }
        "hours" => int(n % 24),
        "state" => Value::Bytes(noise(n, 10).to_le_bytes().as_slice().into()),
        "simple" => int(n % 300),
        "delta" => int(1_000_000_007 * n),
        "double" => int(n * n),
        "gorilla" => Value::Float(20.0 + (n % 10) as f64 / 16.0),
        "plain" => int(random(11) % 1000),
        "packed" => text(&format!("{{\"id\": {n}, \"kind\": \"event\", \"level\": {}}}", n % 5)),
        "constant" => int(i128::from(u64::MAX)),
        "nothing" => Value::Null,
        "late" => maybe(n % 3 == 0, text(&format!("late {}", n % 13))),
        other => panic!("no value for {other}"),
    }
}

/// The rows of one insert, with the column that was added before the last.
fn rows(insert: i128) -> Rows {
    let names = COLUMNS.iter().map(|(name, _)| *name).chain([LATE.0]);
    let names: Vec<&str> = names.collect();
    let range = insert * ROWS..(insert + 1) * ROWS;
    range
        .map(|n| {
            let mut row: Vec<Value> = names.iter().map(|name| value(name, n)).collect();
            if insert + 1 < INSERTS {
                row[COLUMNS.len()] = Value::Null;
            }
            row
        })
        .collect()
}

fn expected() -> Rows {
    let mut all: Rows = (0..INSERTS).flat_map(rows).collect();
    sort_all(&mut all);
    all
}

/// The rows of one insert into the table of integers.
fn number_rows(insert: i128) -> Rows {
    let row = |n: i128| {
        let random = |salt: u64, distinct: i128| i128::from(noise(n * n % distinct, salt));
        let maybe = if n % 7 == 3 { Value::Null } else { int(random(24, 31) - (1 << 63)) };
        let values = [
            int(random(20, 29) & 0xffff_ffff),
            int((random(21, 37) & 0xffff_ffff) - (1 << 31)),
            int(random(22, 41)),
            int(random(23, 43) - (1 << 63)),
            maybe,
            int(random(25, 47)),
        ];
        std::iter::once(int(n)).chain(values).collect()
    };
    (insert * NUMBER_ROWS..(insert + 1) * NUMBER_ROWS).map(row).collect()
}

fn described_numbers() -> TableDefinition {
    let mut definition = definition(NUMBERS, &[2], &[]);
    definition.name = "numbers".to_owned();
    definition.settings.insert("index_granularity".to_owned(), "64".to_owned());
    definition.columns[6].codec = vec![("ZSTD".to_owned(), vec![1])];
    definition
}

fn check_numbers(snapshot: &TableSnapshot) {
    let mut expected: Rows = (0..INSERTS).flat_map(number_rows).collect();
    sort_all(&mut expected);
    assert_eq!(all_sorted(read(snapshot).unwrap()), expected);
    for part in &snapshot.parts {
        for (_, column) in snapshot.definition.physical_columns().skip(1) {
            let dictionary = part.column(column.id).unwrap().unwrap().numbers().unwrap();
            assert!(dictionary.is_some(), "column {} has a dictionary", column.name);
        }
    }
}

/// The rows of one insert into the table with text indexes.
fn text_rows(insert: i128) -> Rows {
    let word = |n: i128, at: i128| format!("Word{}", noise(n, at as u64) % (3 + 7 * at as u64));
    let row = |n: i128| {
        let words: Vec<String> = (0..n % 9).map(|at| word(n, at)).collect();
        let maybe = if n % 8 == 5 { Value::Null } else { text(&words.join(", ")) };
        // Out of order, so that merges map rows.
        vec![int(noise(n, 40) as i128 % 100_000), maybe]
    };
    (insert * TEXT_ROWS..(insert + 1) * TEXT_ROWS).map(row).collect()
}

fn described_texts() -> TableDefinition {
    let mut definition = definition(&[("id", "UInt32"), ("t", "Nullable(String)")], &[0], &[]);
    definition.name = "texts".to_owned();
    definition.settings.insert("index_granularity".to_owned(), "64".to_owned());
    let index = |id: u32, name: &str, analyzer: &str, positions: bool| TextIndexDefinition {
        name: name.to_owned(),
        fields: vec![TextField {
            id,
            expression: Expr::column(1, DataType::String.nullable()),
            text: "t".to_owned(),
            weight: 1.0,
        }],
        analyzer: analyzer.to_owned(),
        positions,
        bm25: Bm25 { k1: 1.5, b: 0.5 },
    };
    definition.text_indexes =
        vec![index(10, "words", "default", true), index(11, "grams", "ngrams(2)", false)];
    definition
}

/// The indexes of all parts tell what a scan of their texts tells.
fn check_texts(snapshot: &TableSnapshot) {
    let mut expected: Rows = (0..INSERTS).flat_map(text_rows).collect();
    sort_all(&mut expected);
    assert_eq!(all_sorted(read(snapshot).unwrap()), expected);
    let phrase = Query::phrase(&["word1", "word2"], 0);
    let words = [Query::term("word1"), Query::term("word20"), phrase];
    let grams = [Query::term("1,"), Query::and(vec![Query::term("d2"), Query::term("d1")])];
    for (index, queries) in snapshot.definition.text_indexes.iter().zip([&words[..], &grams[..]]) {
        let analyzers = [Analyzer::new(&index.analyzer).unwrap()];
        for query in queries {
            let mut scan = ScanQuery::new(query, &analyzers, None, index.bm25).unwrap();
            let text = |row: &Vec<Value>| row[1].as_bytes().map(<[u8]>::to_vec);
            let matches = |row: &&Vec<Value>| scan.matches(&[text(row).as_deref()]);
            let count = expected.iter().filter(matches).count() as u64;
            let found = snapshot.parts.iter().map(|part| {
                let index = part.text_index(index.fields[0].id).unwrap().unwrap();
                Searcher::new(&[&index]).count(query).unwrap()
            });
            assert_eq!(found.sum::<u64>(), count, "{query:?}");
            assert!(count > 0, "{query:?}");
        }
    }
}

fn described() -> TableDefinition {
    let mut definition = definition(COLUMNS, &[1], &[0]);
    definition.settings.insert("index_granularity".to_owned(), "64".to_owned());
    for (name, codec) in CODECS {
        let column = definition.columns.iter_mut().find(|c| c.name == *name).unwrap();
        column.codec = codec.iter().map(|(n, p)| ((*n).to_owned(), p.to_vec())).collect();
    }
    definition
}

fn check(snapshot: &TableSnapshot) {
    let parts = read(snapshot).unwrap();
    let found = all_sorted(parts);
    let names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).chain([LATE.0]).collect();
    let expected = expected();
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        for (at, name) in names.iter().enumerate() {
            assert_eq!(found[at], expected[at], "column {name} of row {}", expected[1]);
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Versions of the part format that are read; of the last one with the second version of text indexes too.
const VERSIONS: [&str; 6] = ["v1", "v2", "v3", "v4", "v5", "v5-text2"];

/// A golden folder as a data folder of its own, without the catalog.
fn unpacked(version: &str) -> tempfile::TempDir {
    let own = tempfile::tempdir().unwrap();
    copy(&folder().join(version).join("tables"), &own.path().join("tables"));
    own
}

#[test]
fn a_folder_of_each_format_opens_and_has_every_value() {
    VERSIONS.iter().for_each(|version| check_folder(version));
}

fn check_folder(version: &str) {
    let own = unpacked(version);
    let catalog = fs::read(folder().join(version).join("catalog.redb.zst")).unwrap();
    let catalog = zstd::decode_all(catalog.as_slice()).unwrap();
    fs::write(own.path().join("catalog.redb"), catalog).unwrap();
    let store = open(own.path());
    assert_eq!(store.check(), vec![]);
    let table = store.table("d", "t").unwrap();
    let snapshot = table.snapshot();
    let written = &snapshot.definition;
    assert_eq!(written.columns.len(), COLUMNS.len() + 1);
    for (column, declared) in written.columns.iter().zip(described().columns) {
        assert_eq!((&column.name, &column.codec), (&declared.name, &declared.codec));
        assert_eq!(column.data_type, declared.data_type, "column {}", column.name);
    }
    let mut levels: Vec<u32> = snapshot.parts.iter().map(|p| p.record().level).collect();
    levels.sort_unstable();
    assert_eq!(levels, [0, 0, 0, 0, 0, 0, 1], "two partitions as inserted, one merged");
    check(&snapshot);
    // What is written now goes with it.
    store.optimize(&table, None, true, &CancelToken::new()).unwrap();
    assert_eq!(table.snapshot().parts.len(), 3);
    check(&table.snapshot());
    if let Some(table) = store.table("d", "numbers") {
        let levels: Vec<u32> = table.snapshot().parts.iter().map(|p| p.record().level).collect();
        assert_eq!(levels, [1, 0], "two merged, one as inserted");
        check_numbers(&table.snapshot());
        store.optimize(&table, None, true, &CancelToken::new()).unwrap();
        check_numbers(&table.snapshot());
    }
    assert_eq!(store.table("d", "numbers").is_some(), version >= "v3");
    if let Some(table) = store.table("d", "texts") {
        check_texts(&table.snapshot());
        store.optimize(&table, None, true, &CancelToken::new()).unwrap();
        assert_eq!(table.snapshot().parts.len(), 1);
        check_texts(&table.snapshot());
    }
    assert_eq!(store.table("d", "texts").is_some(), version >= "v4");
    if let Some(table) = store.table("d", "clobs") {
        check_clobs(&table.snapshot());
        store.optimize(&table, None, true, &CancelToken::new()).unwrap();
        assert_eq!(table.snapshot().parts.len(), 1);
        check_clobs(&table.snapshot());
    }
    assert_eq!(store.table("d", "clobs").is_some(), version >= "v5");
}

#[test]
fn their_parts_are_read_without_a_catalog() {
    VERSIONS.iter().for_each(|version| check_parts(version));
}

fn check_parts(version: &str) {
    let own = unpacked(version);
    let disk = Arc::new(LocalDisk::new(own.path()).unwrap());
    let reader = PartReader::new(disk.clone(), 1, 1 << 20).unwrap();
    let options = StoreOptions { folder: Some(own.path().to_owned()), ..options(disk) };
    let (store, problems) = Store::recover(options).unwrap();
    assert_eq!(problems, vec![]);
    let snapshot = store.table("d", "t").unwrap().snapshot();
    check(&snapshot);
    let parts = snapshot.parts.iter().map(|p| reader.open(&p.address()).unwrap()).collect();
    check(&TableSnapshot { parts, ..snapshot.as_ref().clone() });
}

#[test]
#[ignore = "writes a new golden folder"]
fn write_a_new_golden_folder() {
    let own = tempfile::tempdir().unwrap();
    let store = open(own.path());
    let table = create(&store, described());
    for at in 0..INSERTS {
        let last = at + 1 == INSERTS;
        if last {
            let mut wider = table.definition().as_ref().clone();
            let data_type = DataType::parse(LATE.1).unwrap();
            wider.columns.push(ColumnDefinition::new(table.next_column_id(), LATE.0, data_type));
            store.alter_definition(&table, wider).unwrap();
        }
        let width = COLUMNS.len() + usize::from(last);
        let rows: Rows = rows(at).into_iter().map(|row| row[..width].to_vec()).collect();
        insert(&store, &table, &rows).unwrap();
    }
    store.optimize(&table, Some("0"), true, &CancelToken::new()).unwrap();
    check(&table.snapshot());
    let numbers = create(&store, described_numbers());
    for at in 0..INSERTS {
        insert(&store, &numbers, &number_rows(at)).unwrap();
        if at == 1 {
            store.optimize(&numbers, None, true, &CancelToken::new()).unwrap();
        }
    }
    check_numbers(&numbers.snapshot());
    let texts = create(&store, described_texts());
    for at in 0..INSERTS {
        insert(&store, &texts, &text_rows(at)).unwrap();
        if at == 1 {
            store.optimize(&texts, None, true, &CancelToken::new()).unwrap();
        }
    }
    check_texts(&texts.snapshot());
    let clobs = create(&store, described_clobs());
    for at in 0..INSERTS {
        insert(&store, &clobs, &clob_rows(at)).unwrap();
        if at == 1 {
            store.optimize(&clobs, None, true, &CancelToken::new()).unwrap();
        }
    }
    check_clobs(&clobs.snapshot());
    drop((store, table, numbers, texts, clobs));
    let new = folder().join("new");
    if new.exists() {
        fs::remove_dir_all(&new).unwrap();
    }
    copy(&own.path().join("tables"), &new.join("tables"));
    let catalog = fs::read(own.path().join("catalog.redb")).unwrap();
    fs::write(new.join("catalog.redb.zst"), zstd::encode_all(catalog.as_slice(), 19).unwrap())
        .unwrap();
    println!("written to {}", new.display());
}
