//! Reading a dictionary's rows from its source, and those of a table for joins.

use std::sync::Arc;
use std::time::Instant;

use arrow_array::{Array, ArrayRef};
use base::{Result, bail};
use expr::{Lookup, LookupAttribute, LookupShape};
use plan::{Environment, optimize, plan_query};
use sql::ast::{CreateDictionary, DictionaryPart, Expression, Statement};
use storage::TableDefinition;
use types::{Block, Column, DataType, Field, Value};

use super::define::{key_columns, key_type};
use crate::engine::Engine;
use crate::process::{Process, now};
use crate::query::{Query, quoted};
use crate::request::Request;
use crate::session::SessionState;

/// A parameter of a source by one of its names.
fn parameter(source: &DictionaryPart, names: &[&str]) -> Option<String> {
    let found = source.parameters.iter().find(|(name, _)| names.contains(&name.as_str()));
    found.map(|(_, value)| crate::create::setting_text(value))
}

/// The table that a source reads, with its database.
fn source_table(create: &CreateDictionary, database: &str) -> Option<(String, String)> {
    let source = create.source.as_ref().filter(|source| source.kind == "CLICKHOUSE")?;
    let table = parameter(source, &["TABLE"])?;
    let own = parameter(source, &["DB", "DATABASE"]).filter(|name| !name.is_empty());
    Some((own.unwrap_or_else(|| database.to_owned()), table))
}

/// The version of the table that a source reads, if it is one that has versions.
pub(super) fn source_version(
    engine: &Engine,
    create: &CreateDictionary,
    database: &str,
) -> Option<u64> {
    let (database, table) = source_table(create, database)?;
    let table = engine.store.table(&database, &table)?;
    match table.engine_kind() {
        storage::EngineKind::Parts | storage::EngineKind::Memory => {
            Some(table.snapshot().rows_version)
        }
        _ => None,
    }
}

/// The query that reads a dictionary's columns, in their order; none where there are no rows.
fn source_query(create: &CreateDictionary, database: &str) -> Result<Option<String>> {
    let Some(source) = &create.source else { return Ok(None) };
    let from = match source.kind.as_str() {
        "NULL" => return Ok(None),
        "FILE" => {
            let (Some(path), Some(format)) =
                (parameter(source, &["PATH"]), parameter(source, &["FORMAT"]))
            else {
                bail!(BadArguments, "The source FILE of a dictionary needs PATH and FORMAT");
            };
            let stored = create.columns.iter().filter(|c| c.expression.is_none());
            let structure: Vec<String> = stored
                .map(|c| format!("{} {}", sql::quote_identifier(&c.name), c.data_type))
                .collect();
            let structure = quoted(structure.join(", "));
            format!("file({}, {}, {structure})", quoted(path), quoted(format))
        }
        _ => {
            let host = parameter(source, &["HOST"]).unwrap_or_default();
            if !matches!(host.as_str(), "" | "localhost" | "127.0.0.1" | "::1") {
                bail!(NotImplemented, "A dictionary cannot read of another server: {host}");
            }
            match (parameter(source, &["QUERY"]), source_table(create, database)) {
                (Some(query), _) => format!("({query})"),
                (None, Some((database, table))) => {
                    let (database, table) =
                        (sql::quote_identifier(&database), sql::quote_identifier(&table));
                    format!("{database}.{table}")
                }
                (None, None) => {
                    bail!(BadArguments, "The source of a dictionary needs a TABLE or a QUERY")
                }
            }
        }
    };
    let keys = key_columns(create)?;
    let mut items = Vec::with_capacity(create.columns.len());
    for column in &create.columns {
        let data_type = match keys.iter().any(|key| key.name == column.name) {
            true => key_type(create, column)?.to_string(),
            false => column.data_type.clone(),
        };
        let read = match &column.expression {
            Some(expression) => expression.to_string(),
            None => sql::quote_identifier(&column.name).into_owned(),
        };
        items.push(format!("_CAST({read}, {})", quoted(data_type)));
    }
    let condition = parameter(source, &["WHERE"]).map(|c| format!(" WHERE {c}"));
    Ok(Some(format!("SELECT {} FROM {from}{}", items.join(", "), condition.unwrap_or_default())))
}

/// Runs something with a query that nobody asked for.
fn with_query<R>(
    engine: &Arc<Engine>,
    database: &str,
    text: &str,
    run: impl FnOnce(&Query<'_>, Statement) -> Result<R>,
) -> Result<R> {
    let request = Request {
        query: text.to_owned().into(),
        query_id: storage::new_uuid(),
        ..Request::default()
    };
    let settings = engine.options.settings.clone();
    let limit = settings.size("max_memory_usage", engine.budget.limit());
    let process = Process {
        query_id: request.query_id.clone(),
        user: "default".to_owned(),
        query: text.to_owned(),
        kind: "Select",
        database: database.to_owned(),
        client: String::new(),
        started: Instant::now(),
        started_at: now(),
        cancel: request.cancel.clone(),
        progress: request.progress.clone(),
        budget: engine.budget.child("for dictionary", limit),
        waits: Arc::default(),
        most_of_user: 0,
    };
    let parsed = sql::parse(text)?;
    let statement = parsed.statement.clone();
    let mut session = SessionState::default();
    let query = Query::new(
        engine.clone(),
        &request,
        &process,
        settings,
        database.to_owned(),
        &mut session,
        parsed,
    );
    run(&query, statement)
}

/// The rows of a text's SELECT: its fields, and each column whole.
fn read(
    engine: &Arc<Engine>,
    database: &str,
    text: &str,
) -> Result<(Vec<Field>, Vec<ArrayRef>, usize)> {
    with_query(engine, database, text, |query, statement| {
        let Statement::Query(select) = statement else { bail!(LogicalError, "no SELECT") };
        let plan = optimize(plan_query(&select, query)?, query)?;
        let schema = plan.schema();
        let blocks: Vec<Block> = query.collect(plan)?;
        let rows = blocks.iter().map(Block::rows).sum();
        let mut columns = Vec::with_capacity(schema.len());
        for (at, field) in schema.fields().iter().enumerate() {
            let parts: Vec<Column> = blocks.iter().map(|b| b.column(at).clone()).collect();
            let values = match parts.is_empty() {
                true => types::default_array(&field.data_type, 0)?,
                false => Column::concat(&parts)?.to_flat()?,
            };
            // What is loaded stays longer than the parts that texts lie in.
            columns.push(match field.data_type.is_clob() {
                true => types::clob::to_strings(&values)?,
                false => values,
            });
        }
        let field = |f: &Field| Field::new(f.name.clone(), f.data_type.without_clob());
        Ok((schema.fields().iter().map(field).collect(), columns, rows))
    })
}

/// The value that an attribute has where the key is not there.
fn default_value(
    engine: &Arc<Engine>,
    database: &str,
    default: Option<&Expression>,
    data_type: &DataType,
) -> Result<Value> {
    let Some(default) = default else { return Ok(data_type.default_value()) };
    with_query(engine, database, "SELECT 1", |query, _| {
        let (value, from) = query.constant(default)?;
        query.cast_value(value, &from, data_type)
    })
}

/// Loads a dictionary.
pub(super) fn dictionary(
    engine: &Arc<Engine>,
    definition: &TableDefinition,
    create: &CreateDictionary,
) -> Result<Lookup> {
    let database = &definition.database;
    let name = definition.full_name();
    let types = definition.columns.iter().map(|c| (c.name.as_str(), &c.data_type));
    let types: std::collections::HashMap<&str, &DataType> = types.collect();
    let (columns, rows) = match source_query(create, database)? {
        Some(text) => {
            let read = read(engine, database, &text);
            let (_, columns, rows) = read.map_err(|e| e.within(format!("dictionary {name}")))?;
            (columns, rows)
        }
        None => {
            let empty =
                create.columns.iter().map(|c| types::default_array(types[c.name.as_str()], 0));
            (empty.collect::<Result<_>>()?, 0)
        }
    };
    let place = |wanted: &str| create.columns.iter().position(|c| c.name == wanted);
    let mut keys = Vec::new();
    for key in key_columns(create)? {
        if let Some(at) = place(&key.name) {
            let field = Field::new(key.name.clone(), key_type(create, key)?);
            keys.push((field, columns[at].clone()));
        }
    }
    let mut attributes = Vec::new();
    for (at, column) in create.columns.iter().enumerate() {
        if keys.iter().any(|(key, _)| key.name == column.name) {
            continue;
        }
        let data_type = types[column.name.as_str()].clone();
        attributes.push(LookupAttribute {
            name: column.name.clone(),
            default: default_value(engine, database, column.default.as_ref(), &data_type)?,
            data_type,
            hierarchical: column.hierarchical,
            values: columns[at].clone(),
        });
    }
    let shape = shape(create, &attributes)?;
    Ok(Lookup::new(name, keys, attributes, shape, rows))
}

/// How the rows of a dictionary are found.
fn shape(create: &CreateDictionary, attributes: &[LookupAttribute]) -> Result<LookupShape> {
    if create.layout.as_ref().is_some_and(|layout| layout.kind == "IP_TRIE") {
        return Ok(LookupShape::Networks);
    }
    let Some((from, to)) = &create.range else { return Ok(LookupShape::Equal) };
    let bounds = |name: &str| -> Result<(DataType, Vec<Option<i128>>)> {
        let Some(found) = attributes.iter().find(|a| a.name == name) else {
            bail!(BadArguments, "RANGE of the dictionary names {name}, which is no attribute");
        };
        let value = |row: usize| types::value_at(&found.values, &found.data_type, row).as_int();
        let values = (0..found.values.len()).map(value).collect();
        Ok((found.data_type.inner().clone(), values))
    };
    let ((data_type, from), (_, to)) = (bounds(from)?, bounds(to)?);
    Ok(LookupShape::Ranges { data_type, from, to })
}

/// Loads a table of the engine Join: one row of each key.
pub(super) fn join_table(engine: &Arc<Engine>, definition: &TableDefinition) -> Result<Lookup> {
    let Statement::CreateTable(create) = sql::parse(&definition.create_sql)?.statement else {
        bail!(LogicalError, "{} is no table", definition.full_name());
    };
    let arguments = create.engine.and_then(|e| e.arguments).unwrap_or_default();
    let names: Vec<String> = arguments
        .iter()
        .map(|argument| match argument {
            Expression::Identifier(name) => name.last().to_owned(),
            other => other.to_string().trim_matches('\'').to_owned(),
        })
        .collect();
    let name = definition.full_name();
    if !names.first().is_some_and(|strictness| strictness.eq_ignore_ascii_case("any")) {
        bail!(
            IncompatibleTypeOfJoin,
            "joinGet only supports tables for joins of type ANY, {name} is not"
        );
    }
    let (database, table) =
        (sql::quote_identifier(&definition.database), sql::quote_identifier(&definition.name));
    let text = format!("SELECT * FROM {database}.{table}");
    let (fields, columns, rows) = read(engine, &definition.database, &text)?;
    let nulls = definition.settings.get("join_use_nulls").is_some_and(|v| v == "1");
    let of_field = |name: &String| fields.iter().position(|f| f.name == *name);
    let mut keys = Vec::new();
    for at in names.iter().skip(2).filter_map(of_field) {
        keys.push((fields[at].clone(), columns[at].clone()));
    }
    let is_key = |field: &Field| keys.iter().any(|(key, _)| key.name == field.name);
    let attributes = fields
        .iter()
        .zip(&columns)
        .filter(|(field, _)| !is_key(field))
        .map(|(field, values)| {
            let data_type = match nulls {
                true => field.data_type.clone().nullable(),
                false => field.data_type.clone(),
            };
            LookupAttribute {
                name: field.name.clone(),
                default: match data_type.is_nullable() && nulls {
                    true => Value::Null,
                    false => data_type.default_value(),
                },
                data_type,
                hierarchical: false,
                values: values.clone(),
            }
        })
        .collect();
    Ok(Lookup::new(name, keys, attributes, LookupShape::Equal, rows))
}
