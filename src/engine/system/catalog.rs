//! system.databases, tables, columns, parts and the like: what is stored.

use base::Result;
use storage::{DefaultKind, Table};
use types::Value;

use super::{SystemTable, TABLES as ALL, flag, number, text};
use crate::query::Query;

pub(super) const TABLES: &[SystemTable] = &[
    SystemTable {
        name: "databases",
        columns: &[
            ("name", "String"),
            ("engine", "String"),
            ("data_path", "String"),
            ("metadata_path", "String"),
            ("uuid", "UUID"),
            ("engine_full", "String"),
            ("comment", "String"),
        ],
        rows: databases,
    },
    SystemTable {
        name: "tables",
        columns: &[
            ("database", "String"),
            ("name", "String"),
            ("uuid", "String"),
            ("engine", "String"),
            ("is_temporary", "UInt8"),
            ("create_table_query", "String"),
            ("engine_full", "String"),
            ("as_select", "String"),
            ("partition_key", "String"),
            ("sorting_key", "String"),
            ("primary_key", "String"),
            ("sampling_key", "String"),
            ("storage_policy", "String"),
            ("total_rows", "Nullable(UInt64)"),
            ("total_bytes", "Nullable(UInt64)"),
            ("parts", "Nullable(UInt64)"),
            ("comment", "String"),
            ("has_own_data", "UInt8"),
            ("dependencies_database", "Array(String)"),
            ("dependencies_table", "Array(String)"),
        ],
        rows: tables,
    },
    SystemTable {
        name: "columns",
        columns: &[
            ("database", "String"),
            ("table", "String"),
            ("name", "String"),
            ("type", "String"),
            ("position", "UInt64"),
            ("default_kind", "String"),
            ("default_expression", "String"),
            ("data_compressed_bytes", "UInt64"),
            ("data_uncompressed_bytes", "UInt64"),
            ("marks_bytes", "UInt64"),
            ("comment", "String"),
            ("is_in_partition_key", "UInt8"),
            ("is_in_sorting_key", "UInt8"),
            ("is_in_primary_key", "UInt8"),
            ("is_in_sampling_key", "UInt8"),
            ("compression_codec", "String"),
            ("character_octet_length", "Nullable(UInt64)"),
            ("numeric_precision", "Nullable(UInt64)"),
            ("numeric_precision_radix", "Nullable(UInt64)"),
            ("numeric_scale", "Nullable(UInt64)"),
            ("datetime_precision", "Nullable(UInt64)"),
        ],
        rows: columns,
    },
    SystemTable {
        name: "dictionaries",
        columns: &[
            ("database", "String"),
            ("name", "String"),
            ("uuid", "String"),
            ("status", "String"),
            ("origin", "String"),
            ("type", "String"),
            ("key.names", "Array(String)"),
            ("key.types", "Array(String)"),
            ("attribute.names", "Array(String)"),
            ("attribute.types", "Array(String)"),
            ("element_count", "UInt64"),
            ("bytes_allocated", "UInt64"),
            ("source", "String"),
            ("lifetime_min", "UInt64"),
            ("lifetime_max", "UInt64"),
            ("comment", "String"),
        ],
        rows: crate::dictionary::listed,
    },
    SystemTable {
        name: "parts",
        columns: &[
            ("partition", "String"),
            ("name", "String"),
            ("uuid", "String"),
            ("part_type", "String"),
            ("active", "UInt8"),
            ("marks", "UInt64"),
            ("rows", "UInt64"),
            ("bytes_on_disk", "UInt64"),
            ("data_compressed_bytes", "UInt64"),
            ("data_uncompressed_bytes", "UInt64"),
            ("modification_time", "DateTime"),
            ("partition_id", "String"),
            ("min_block_number", "Int64"),
            ("max_block_number", "Int64"),
            ("level", "UInt32"),
            ("database", "String"),
            ("table", "String"),
            ("engine", "String"),
            ("path", "String"),
        ],
        rows: parts,
    },
    SystemTable {
        name: "merges",
        columns: &[
            ("database", "String"),
            ("table", "String"),
            ("elapsed", "Float64"),
            ("progress", "Float64"),
            ("num_parts", "UInt64"),
            ("result_part_name", "String"),
            ("rows_read", "UInt64"),
            ("rows_written", "UInt64"),
        ],
        rows: merges,
    },
    SystemTable {
        name: "detached_parts",
        columns: &[
            ("database", "String"),
            ("table", "String"),
            ("name", "String"),
            ("reason", "String"),
        ],
        rows: detached_parts,
    },
    SystemTable {
        name: "mutations",
        columns: &[
            ("database", "String"),
            ("table", "String"),
            ("mutation_id", "String"),
            ("command", "String"),
            ("is_done", "UInt8"),
        ],
        rows: |_| Ok(Vec::new()),
    },
    SystemTable {
        name: "data_skipping_indices",
        columns: &[
            ("database", "String"),
            ("table", "String"),
            ("name", "String"),
            ("type", "String"),
            ("type_full", "String"),
            ("expr", "String"),
            ("creation", "Enum8('Explicit' = 0, 'Implicit' = 1)"),
            ("granularity", "UInt64"),
            ("data_compressed_bytes", "UInt64"),
            ("data_uncompressed_bytes", "UInt64"),
            ("marks_bytes", "UInt64"),
        ],
        rows: crate::indexes::listed,
    },
];

pub(crate) fn all_tables(query: &Query<'_>) -> Vec<std::sync::Arc<Table>> {
    let store = &query.engine.store;
    let all = store.databases().into_iter().flat_map(|d| store.tables(&d.name));
    all.filter(|table| !crate::change::is_detached(&table.definition().name)).collect()
}

fn databases(query: &Query<'_>) -> Result<Vec<Vec<Value>>> {
    let all = query.engine.store.databases();
    Ok(all
        .into_iter()
        .map(|d| {
            vec![
                text(&d.name),
                text("Atomic"),
                text(""),
                text(""),
                number(0),
                text("Atomic"),
                text(&d.comment),
            ]
        })
        .collect())
}

fn tables(query: &Query<'_>) -> Result<Vec<Vec<Value>>> {
    let mut rows = Vec::new();
    for table in all_tables(query) {
        let snapshot = table.snapshot();
        let about = &snapshot.definition;
        let list = |keys: &[storage::KeyColumn]| {
            keys.iter().map(|k| k.text.as_str()).collect::<Vec<_>>().join(", ")
        };
        let is_view = table.engine_kind() == storage::EngineKind::None;
        rows.push(vec![
            text(&about.database),
            text(&about.name),
            text(&about.uuid),
            text(&about.engine),
            flag(false),
            text(&about.create_sql),
            text(about.engine_text.trim_start_matches("ENGINE = ")),
            text(about.query.as_deref().unwrap_or_default()),
            text(list(&about.partition_key)),
            text(list(&about.sorting_key)),
            text(list(&about.sorting_key[..about.primary_key_length.min(about.sorting_key.len())])),
            text(about.sampling_key.as_deref().unwrap_or_default()),
            text("default"),
            if is_view { Value::Null } else { number(snapshot.rows()) },
            if is_view { Value::Null } else { number(snapshot.bytes()) },
            if is_view { Value::Null } else { number(snapshot.parts.len()) },
            text(&about.comment),
            flag(!is_view),
            Value::Array([].into()),
            Value::Array([].into()),
        ]);
    }
    for (name, table) in &query.session.temporary {
        let blocks = table.blocks();
        let row_count: usize = blocks.iter().map(types::Block::rows).sum();
        let bytes: usize = blocks.iter().map(types::Block::memory).sum();
        let about = &table.definition;
        let mut row = vec![text(""), text(name), text(""), text(&about.engine), flag(true)];
        row.push(text(&about.create_sql));
        row.extend((0..7).map(|_| text("")));
        row.extend([number(row_count), number(bytes), Value::Null, text(""), flag(true)]);
        row.extend([Value::Array([].into()), Value::Array([].into())]);
        rows.push(row);
    }
    for declared in ALL.iter().copied().flatten() {
        let mut row = vec![text("system"), text(declared.name), text(""), text("SystemTable")];
        row.push(flag(false));
        row.extend((0..8).map(|_| text("")));
        row.extend([Value::Null, Value::Null, Value::Null, text(""), flag(false)]);
        row.extend([Value::Array([].into()), Value::Array([].into())]);
        rows.push(row);
    }
    Ok(rows)
}

fn columns(query: &Query<'_>) -> Result<Vec<Vec<Value>>> {
    let mut rows = Vec::new();
    for table in all_tables(query) {
        let snapshot = table.snapshot();
        let about = &snapshot.definition;
        let used = |keys: &[storage::KeyColumn], at: usize| {
            keys.iter().any(|k| k.expression.columns().contains(&at))
        };
        let primary = &about.sorting_key[..about.primary_key_length.min(about.sorting_key.len())];
        for (at, column) in about.columns.iter().enumerate() {
            let (kind, default) = match &column.default {
                Some((kind, text)) => (default_kind(*kind), text.as_str()),
                None => ("", ""),
            };
            let bytes = snapshot.column_bytes(column.id)?;
            let mut row = vec![
                text(&about.database),
                text(&about.name),
                text(&column.name),
                // Clients know no CLOB: for them it is String.
                text(column.data_type.without_clob().to_string()),
                number(at + 1),
                text(kind),
                text(default),
                number(bytes.compressed),
                number(bytes.uncompressed),
                number(bytes.marks),
                text(&column.comment),
                flag(used(&about.partition_key, at)),
                flag(used(&about.sorting_key, at)),
                flag(used(primary, at)),
                flag(false),
                text(&column.codec_text),
            ];
            row.extend((0..5).map(|_| Value::Null));
            rows.push(row);
        }
    }
    for declared in ALL.iter().copied().flatten() {
        for (at, (name, data_type)) in declared.columns.iter().enumerate() {
            let mut row = vec![
                text("system"),
                text(declared.name),
                text(name),
                text(data_type),
                number(at + 1),
            ];
            row.extend([text(""), text(""), number(0), number(0), number(0), text("")]);
            row.extend([flag(false), flag(false), flag(false), flag(false), text("")]);
            row.extend((0..5).map(|_| Value::Null));
            rows.push(row);
        }
    }
    Ok(rows)
}

fn default_kind(kind: DefaultKind) -> &'static str {
    match kind {
        DefaultKind::Default => "DEFAULT",
        DefaultKind::Materialized => "MATERIALIZED",
        DefaultKind::Alias => "ALIAS",
        DefaultKind::Ephemeral => "EPHEMERAL",
    }
}

fn parts(query: &Query<'_>) -> Result<Vec<Vec<Value>>> {
    let mut rows = Vec::new();
    for table in all_tables(query) {
        let snapshot = table.snapshot();
        let about = &snapshot.definition;
        // Tables of the Log family have no parts that anybody could see.
        let visible = about.engine.ends_with("MergeTree");
        for part in snapshot.parts.iter().filter(|_| visible) {
            let record = part.record();
            let keys = about.partition_key.iter().map(|key| key.expression.data_type());
            let values = record.partition_values.iter().zip(keys);
            let values = values.map(|(value, data_type)| shown(query, value, &data_type));
            let values: Vec<String> = values.collect::<Result<_>>()?;
            let partition = match values.as_slice() {
                [] => "tuple()".to_owned(),
                [one] => one.trim_matches('\'').to_owned(),
                many => format!("({})", many.join(",")),
            };
            rows.push(vec![
                text(partition),
                text(part.name()),
                text(part.id()),
                text("Wide"),
                flag(true),
                number(part.granules()),
                number(part.rows()),
                number(record.bytes_on_disk()),
                number(record.bytes_on_disk()),
                number(record.bytes_uncompressed),
                number(record.created / 1000),
                text(&record.partition),
                number(record.min_block),
                number(record.max_block),
                number(record.level),
                text(&about.database),
                text(&about.name),
                text(&about.engine),
                text(part.folder()),
            ]);
        }
    }
    Ok(rows)
}

fn merges(query: &Query<'_>) -> Result<Vec<Vec<Value>>> {
    let store = &query.engine.store;
    let mut rows = Vec::new();
    for merge in store.merges() {
        // A table may be dropped while its parts are merged.
        let Some(table) = store.table_by_uuid(&merge.table) else { continue };
        let about = table.definition();
        let done = (merge.rows as f64 * merge.progress) as u64;
        rows.push(vec![
            text(&about.database),
            text(&about.name),
            Value::Float(merge.elapsed.as_secs_f64()),
            Value::Float(merge.progress),
            number(merge.sources.len()),
            text(&merge.result),
            number(merge.rows),
            number(done),
        ]);
    }
    Ok(rows)
}

fn detached_parts(query: &Query<'_>) -> Result<Vec<Vec<Value>>> {
    let broken = query.engine.store.broken_parts();
    Ok(broken
        .into_iter()
        .map(|p| {
            let (database, table) = p.table.split_once('.').unwrap_or(("", &p.table));
            vec![text(database), text(table), text(&p.part), text(&p.message)]
        })
        .collect())
}

/// A value of a partition key: an enumeration's by its name.
fn shown(query: &Query<'_>, value: &Value, data_type: &types::DataType) -> Result<String> {
    use types::DataType::{Enum8, Enum16, String};
    if !matches!(data_type, Enum8(_) | Enum16(_)) {
        return Ok(value.to_string());
    }
    let text = query.cast_value(value.clone(), data_type, &String)?;
    Ok(text.as_str().unwrap_or_default().to_owned())
}
