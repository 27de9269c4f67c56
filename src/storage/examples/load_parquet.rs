//! Loads a Parquet file into a store and prints times and sizes: `load_parquet FILE FOLDER KEY...`.
//!
//! For tuning: the columns keep their physical types, keys are column names.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType as ArrowType, Field, Schema};
use base::CancelToken;
use base::disk::LocalDisk;
use expr::{Expr, Registry};
use granary_storage::{
    ColumnDefinition, DatabaseInfo, KeyColumn, Store, StoreOptions, TableDefinition,
};
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use types::{Block, Column, DataType};

type Failure = Box<dyn std::error::Error>;

fn data_type(arrow: &ArrowType) -> Result<DataType, Failure> {
    Ok(match arrow {
        ArrowType::Int8 => DataType::Int8,
        ArrowType::Int16 => DataType::Int16,
        ArrowType::Int32 => DataType::Int32,
        ArrowType::Int64 => DataType::Int64,
        ArrowType::UInt8 => DataType::UInt8,
        ArrowType::UInt16 => DataType::UInt16,
        ArrowType::UInt32 => DataType::UInt32,
        ArrowType::UInt64 => DataType::UInt64,
        ArrowType::Float32 => DataType::Float32,
        ArrowType::Float64 => DataType::Float64,
        ArrowType::Utf8View | ArrowType::BinaryView => DataType::String,
        ArrowType::Date32 => DataType::Date32,
        other => return Err(format!("a column of type {other}").into()),
    })
}

fn column(array: &ArrayRef) -> ArrayRef {
    match array.data_type() {
        ArrowType::Utf8View => Arc::new(array.as_string_view().clone().to_binary_view()),
        _ => array.clone(),
    }
}

fn block(batch: &RecordBatch) -> Block {
    Block::new(batch.columns().iter().map(|a| Column::Flat(column(a))).collect(), batch.num_rows())
}

/// CPU seconds of this process, user and system, and the peak of its memory in MiB.
fn usage() -> (f64, u64) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let rest: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |at: usize| rest.get(at).and_then(|t| t.parse::<f64>().ok()).unwrap_or(0.0);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status
        .lines()
        .find_map(|l| l.strip_prefix("VmHWM:"))
        .and_then(|l| l.trim().trim_end_matches(" kB").trim().parse::<u64>().ok());
    ((ticks(11) + ticks(12)) / 100.0, peak.unwrap_or(0) / 1024)
}

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("FILE is missing")?;
    let folder = PathBuf::from(arguments.next().ok_or("FOLDER is missing")?);
    let keys: Vec<String> = arguments.collect();
    let only_decode = std::env::var_os("ONLY_DECODE").is_some();
    let plain = ParquetRecordBatchReaderBuilder::try_new(File::open(&file)?)?;
    let fields: Vec<Field> = plain
        .schema()
        .fields()
        .iter()
        .map(|f| match f.data_type() {
            ArrowType::Utf8 | ArrowType::Binary => {
                Field::new(f.name(), ArrowType::Utf8View, f.is_nullable())
            }
            _ => f.as_ref().clone(),
        })
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let options = ArrowReaderOptions::new().with_schema(schema.clone());
    let columns: Vec<ColumnDefinition> = schema
        .fields()
        .iter()
        .zip(1..)
        .map(|(f, id)| Ok(ColumnDefinition::new(id, f.name(), data_type(f.data_type())?)))
        .collect::<Result<_, Failure>>()?;
    let sorting_key: Vec<KeyColumn> = keys
        .iter()
        .map(|name| {
            let at = columns.iter().position(|c| c.name == *name).ok_or("no such key")?;
            let expression = Expr::column(at, columns[at].data_type.clone());
            Ok(KeyColumn { expression, text: name.clone() })
        })
        .collect::<Result<_, Failure>>()?;
    std::fs::create_dir_all(&folder)?;
    let disk = Arc::new(LocalDisk::new(&folder)?);
    let store = Store::open(StoreOptions {
        folder: Some(folder),
        ..StoreOptions::new(disk, Arc::new(Registry::default()))
    })?;
    store.create_database(DatabaseInfo { name: "d".to_owned(), ..DatabaseInfo::default() })?;
    let table = store.create_table(TableDefinition {
        database: "d".to_owned(),
        name: "t".to_owned(),
        engine: "MergeTree".to_owned(),
        primary_key_length: sorting_key.len(),
        sorting_key,
        columns,
        ..TableDefinition::default()
    })?;
    let start = Instant::now();
    let reader =
        ParquetRecordBatchReaderBuilder::try_new_with_options(File::open(&file)?, options)?
            .with_batch_size(65_536)
            .build()?;
    let mut insert = store.begin_insert();
    let mut writing = 0.0;
    let mut rows = 0;
    for batch in reader {
        let batch = batch?;
        rows += batch.num_rows();
        if only_decode {
            continue;
        }
        let began = Instant::now();
        insert.write(&table, block(&batch))?;
        writing += began.elapsed().as_secs_f64();
    }
    let began = Instant::now();
    let written = insert.commit()?;
    writing += began.elapsed().as_secs_f64();
    let (cpu, peak) = usage();
    println!(
        "load: {rows} rows, {} parts, wall {:.1} s, in storage {writing:.1} s, cpu {cpu:.1} s, peak {peak} MiB, {} MB on disk",
        written.parts,
        start.elapsed().as_secs_f64(),
        table.total_bytes() / 1_000_000
    );
    if std::env::var_os("NO_MERGE").is_none() {
        let start = Instant::now();
        let merges = store.optimize(&table, None, true, &CancelToken::new())?;
        let (after, peak) = usage();
        println!(
            "merge: {merges} merges, wall {:.1} s, cpu {:.1} s, peak {peak} MiB, {} MB on disk",
            start.elapsed().as_secs_f64(),
            after - cpu,
            table.total_bytes() / 1_000_000
        );
    }
    if std::env::var_os("COLUMNS").is_some() {
        let snapshot = table.snapshot();
        for column in &snapshot.definition.columns {
            let bytes = snapshot.column_bytes(column.id)?;
            println!(
                "{:>12} {:>12} {:>9} {} {}",
                bytes.compressed, bytes.uncompressed, bytes.marks, column.data_type, column.name
            );
        }
    }
    Ok(())
}
