//! What the tests of storage share: a store on some disk, tables, rows in and out as values.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test uses a part; a test may fail by a panic"
)]

pub(crate) mod clobs;

use std::cmp::Ordering;
use std::path::Path;
use std::sync::Arc;

use arrow_array::BooleanArray;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use base::CancelToken;
use base::disk::{Disk, LocalDisk};
use expr::{Expr, Registry};
use granary_storage::{
    ColumnDefinition, DatabaseInfo, KeyColumn, Rewrite, Store, StoreOptions, Table,
    TableDefinition, TableSnapshot,
};
use types::{Block, Column, DataType, Value, array_from_values, clob};

/// Rows as values, column by column within a row.
pub(crate) type Rows = Vec<Vec<Value>>;

pub(crate) fn options(disk: Arc<dyn Disk>) -> StoreOptions {
    StoreOptions { threads: 2, ..StoreOptions::new(disk, Arc::new(Registry::default())) }
}

pub(crate) fn open(folder: &Path) -> Arc<Store> {
    let disk = Arc::new(LocalDisk::new(folder).unwrap());
    let options = StoreOptions { folder: Some(folder.to_owned()), ..options(disk) };
    Store::open(options).unwrap()
}

/// As `open`, but no part counts as small: its file is synced, and the catalog cannot make it again.
pub(crate) fn open_synced(folder: &Path) -> Arc<Store> {
    let disk = Arc::new(LocalDisk::new(folder).unwrap());
    let options =
        StoreOptions { folder: Some(folder.to_owned()), small_part_bytes: 0, ..options(disk) };
    Store::open(options).unwrap()
}

pub(crate) fn int(value: i128) -> Value {
    Value::Int(value)
}

pub(crate) fn text(value: &str) -> Value {
    Value::from(value)
}

/// A MergeTree table `d.t` sorted and partitioned by columns.
pub(crate) fn definition(
    columns: &[(&str, &str)],
    sorting: &[usize],
    partition: &[usize],
) -> TableDefinition {
    let columns: Vec<ColumnDefinition> = columns
        .iter()
        .zip(1..)
        .map(|((name, data_type), id)| {
            ColumnDefinition::new(id, *name, DataType::parse(data_type).unwrap())
        })
        .collect();
    let key = |at: &usize| KeyColumn {
        expression: Expr::column(*at, columns[*at].data_type.clone()),
        text: columns[*at].name.clone(),
    };
    TableDefinition {
        database: "d".to_owned(),
        name: "t".to_owned(),
        engine: "MergeTree".to_owned(),
        sorting_key: sorting.iter().map(key).collect(),
        primary_key_length: sorting.len(),
        partition_key: partition.iter().map(key).collect(),
        columns,
        ..TableDefinition::default()
    }
}

pub(crate) fn create(store: &Store, definition: TableDefinition) -> Arc<Table> {
    if store.database("d").is_none() {
        let info = DatabaseInfo { name: "d".to_owned(), ..DatabaseInfo::default() };
        store.create_database(info).unwrap();
    }
    store.create_table(definition).unwrap()
}

pub(crate) fn block(definition: &TableDefinition, rows: &[Vec<Value>]) -> Block {
    let columns = definition
        .physical_columns()
        .enumerate()
        .map(|(at, (_, column))| {
            let values: Vec<Value> = rows.iter().map(|row| row[at].clone()).collect();
            let array = array_from_values(&column.data_type.without_clob(), &values).unwrap();
            Column::Flat(match column.data_type.is_clob() {
                true => clob::from_strings(&array).unwrap(),
                false => array,
            })
        })
        .collect();
    Block::new(columns, rows.len())
}

pub(crate) fn insert(
    store: &Arc<Store>,
    table: &Arc<Table>,
    rows: &[Vec<Value>],
) -> base::Result<()> {
    let mut insert = store.begin_insert();
    insert.write(table, block(&table.definition(), rows))?;
    insert.commit().map(drop)
}

/// A mutation: only rows stay whose first column, an Int64, is one to keep.
pub(crate) fn keep_rows(
    store: &Store,
    table: &Arc<Table>,
    keep: impl Fn(i64) -> bool + Send + Sync,
) -> base::Result<()> {
    let change = |block: Block| {
        let keys = block.column(0).to_flat()?;
        let keys = keys.as_primitive::<Int64Type>().values();
        let kept: BooleanArray = keys.iter().map(|k| Some(keep(*k))).collect();
        block.filter(&kept)
    };
    let rewrite = Rewrite {
        definition: table.definition().as_ref().clone(),
        choose: &|_| true,
        change: &change,
        cancel: CancelToken::new(),
    };
    store.rewrite(table, &rewrite)
}

/// The rows of a snapshot, part by part.
pub(crate) fn read(snapshot: &TableSnapshot) -> base::Result<Vec<Rows>> {
    let definition = &snapshot.definition;
    let mut parts = Vec::new();
    for part in &snapshot.parts {
        let mut rows = Rows::new();
        for granule in 0..part.granules() {
            let count = part.granule_rows(granule);
            let start = rows.len();
            rows.resize(start + count, Vec::new());
            for (_, column) in definition.physical_columns() {
                let values = match part.column(column.id)? {
                    Some(chunk) => {
                        assert_eq!(chunk.zone(granule).rows as usize, count);
                        chunk.column(granule)?
                    }
                    None => Column::constant(
                        &column.data_type,
                        &column.data_type.default_value(),
                        count,
                    )?,
                };
                assert_eq!(values.len(), count);
                let values = match column.data_type.is_clob() {
                    true => clob::to_strings(&values.to_flat()?)?,
                    false => values.to_flat()?,
                };
                let data_type = column.data_type.without_clob();
                for row in 0..count {
                    let value = types::value_at(&values, &data_type, row);
                    rows[start + row].push(value);
                }
            }
        }
        parts.push(rows);
    }
    Ok(parts)
}

pub(crate) fn compare(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => Ordering::Greater,
        (_, Value::Null) => Ordering::Less,
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
        (Value::Float(a), Value::Float(b)) => a.total_cmp(b),
        (Value::Array(a), Value::Array(b)) | (Value::Tuple(a), Value::Tuple(b)) => {
            let items = a.iter().zip(b.iter()).map(|(a, b)| compare(a, b));
            items.into_iter().find(|o| o.is_ne()).unwrap_or(a.len().cmp(&b.len()))
        }
        _ => panic!("values of two types: {a} {b}"),
    }
}

pub(crate) fn compare_rows(a: &[Value], b: &[Value], columns: &[usize]) -> Ordering {
    let keys = columns.iter().map(|at| compare(&a[*at], &b[*at]));
    keys.into_iter().find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
}

/// All rows of all parts in one order that does not depend on parts.
pub(crate) fn all_sorted(parts: Vec<Rows>) -> Rows {
    let mut rows: Rows = parts.into_iter().flatten().collect();
    sort_all(&mut rows);
    rows
}

pub(crate) fn sort_all(rows: &mut Rows) {
    rows.sort_by(|a, b| {
        let every: Vec<usize> = (0..a.len()).collect();
        compare_rows(a, b, &every)
    });
}
