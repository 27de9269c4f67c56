//! SHOW, DESCRIBE, EXISTS and EXPLAIN.

use arrow_array::Array;
use base::{Result, bail};
use plan::plan_query;
use sql::ast::{Describe, Explain, ExplainKind, ObjectKind, Show, Statement, TableName};
use types::{Block, Column, DataType, Field, Value, array_from_values};

use crate::query::Query;
use crate::request::Output;

impl Query<'_> {
    /// SHOW: most are queries of system tables.
    pub(crate) fn show(
        &mut self,
        show: Show,
        format: Option<&str>,
        output: &mut dyn Output,
    ) -> Result<()> {
        let text = match show {
            Show::Databases(filter) => {
                format!("SELECT name FROM system.databases{}", condition("name", &filter, None))
            }
            Show::Tables { database, filter, full } => {
                let database = database.unwrap_or_else(|| self.database.clone());
                if self.engine.store.database(&database).is_none() {
                    bail!(UnknownDatabase, "Database {database} does not exist");
                }
                let first = format!("database = {}", crate::query::quoted(&database));
                let columns = if full { "name, engine" } else { "name" };
                format!(
                    "SELECT {columns} FROM system.tables{}",
                    condition("name", &filter, Some(first))
                )
            }
            Show::Columns { table, filter, .. } => {
                let first = format!(
                    "database = {} AND table = {}",
                    crate::query::quoted(self.database_of(&table)),
                    crate::query::quoted(&table.table)
                );
                format!(
                    "SELECT name AS field, type, startsWith(type, 'Nullable') ? 'YES' : 'NO' AS `null`, '' AS key, \
                     default_expression AS `default`, '' AS extra FROM system.columns{}",
                    condition("field", &filter, Some(first))
                )
            }
            Show::Settings(filter) => format!(
                "SELECT name, type, value FROM system.settings{}",
                condition("name", &filter, None)
            ),
            Show::Functions(filter) => {
                format!("SELECT * FROM system.functions{}", condition("name", &filter, None))
            }
            Show::ProcessList => "SELECT * FROM system.processes".to_owned(),
            Show::Engines => "SELECT * FROM system.table_engines".to_owned(),
            Show::Create { object, name } => {
                return self.show_create(object, &name, format, output);
            }
            Show::Indexes(table) => {
                self.relation(&table)?;
                "SELECT '' AS table, '' AS key_name WHERE 0".to_owned()
            }
            Show::Grants => {
                let user = &self.functions.user;
                let text = format!("GRANT ALL ON *.* TO {user}");
                return self.answer_text("GRANTS", &[text], format, output);
            }
            Show::Other(word) => match word.to_ascii_uppercase().as_str() {
                "CLUSTERS" => "SELECT cluster FROM system.clusters".to_owned(),
                "USERS" => format!("SELECT {} AS name", crate::query::quoted(&self.functions.user)),
                "DICTIONARIES" => "SELECT '' AS name WHERE 0".to_owned(),
                _ => bail!(NotImplemented, "SHOW {word} is not implemented"),
            },
        };
        let Statement::Query(query) = sql::parse(&text)?.statement else {
            bail!(LogicalError, "SHOW became no query");
        };
        let plan = plan_query(&query, self)?;
        self.answer(plan, format, output)
    }

    fn show_create(
        &mut self,
        object: ObjectKind,
        name: &TableName,
        format: Option<&str>,
        output: &mut dyn Output,
    ) -> Result<()> {
        if object == ObjectKind::Database {
            if self.engine.store.database(&name.table).is_none() {
                bail!(UnknownDatabase, "Database {} does not exist", name.table);
            }
            let text =
                format!("CREATE DATABASE {}\nENGINE = Atomic", sql::quote_identifier(&name.table));
            return self.answer_text("statement", &[text], format, output);
        }
        let table = self.stored_table(name)?;
        let text = crate::create::pretty(&table.definition().create_sql)?;
        self.answer_text("statement", &[text], format, output)
    }

    /// DESCRIBE: seven columns of strings.
    pub(crate) fn describe(
        &mut self,
        describe: Describe,
        format: Option<&str>,
        output: &mut dyn Output,
    ) -> Result<()> {
        const COLUMNS: [&str; 7] = [
            "name",
            "type",
            "default_type",
            "default_expression",
            "comment",
            "codec_expression",
            "ttl_expression",
        ];
        let mut rows: Vec<[String; 7]> = Vec::new();
        let plain = |name: &str, data_type: &DataType| {
            let mut row: [String; 7] = std::array::from_fn(|_| String::new());
            (row[0], row[1]) = (name.to_owned(), data_type.without_clob().to_string());
            row
        };
        match describe {
            Describe::Table(name) => {
                match self.engine.store.table(self.database_of(&name), &name.table) {
                    Some(table) => {
                        for column in &table.definition().columns {
                            let mut row = plain(&column.name, &column.data_type);
                            if let Some((kind, text)) = &column.default {
                                row[2] = format!("{kind:?}").to_ascii_uppercase();
                                row[3].clone_from(text);
                            }
                            row[4].clone_from(&column.comment);
                            row[5].clone_from(&column.codec_text);
                            rows.push(row);
                        }
                    }
                    None => {
                        for column in self.relation(&name)?.columns {
                            rows.push(plain(&column.name, &column.data_type));
                        }
                    }
                }
            }
            Describe::Function { name, arguments } => {
                for column in self.function_relation(&name, &arguments)?.columns {
                    rows.push(plain(&column.name, &column.data_type));
                }
            }
            Describe::Query(query) => {
                for field in plan_query(&query, self)?.schema().fields() {
                    rows.push(plain(&field.name, &field.data_type));
                }
            }
        }
        let mut columns = Vec::with_capacity(COLUMNS.len());
        for at in 0..COLUMNS.len() {
            let values: Vec<Value> = rows.iter().map(|row| Value::from(row[at].as_str())).collect();
            columns.push(Column::Flat(array_from_values(&DataType::String, &values)?));
        }
        let fields = COLUMNS.iter().map(|name| Field::new(*name, DataType::String)).collect();
        let block = Block::new(columns, rows.len());
        self.answer_rows(fields, block, format, output)
    }

    /// EXISTS: one row, 1 or 0.
    pub(crate) fn exists(
        &mut self,
        kind: ObjectKind,
        name: &TableName,
        format: Option<&str>,
        output: &mut dyn Output,
    ) -> Result<()> {
        let found = match kind {
            ObjectKind::Database => self.engine.store.database(&name.table).is_some(),
            ObjectKind::Table | ObjectKind::View => self.relation(name).is_ok(),
            ObjectKind::Dictionary => {
                let table = self.engine.store.table(self.database_of(name), &name.table);
                table.is_some_and(|table| table.definition().engine == "Dictionary")
            }
            ObjectKind::Function => self.lambda_of(&name.table)?.is_some(),
        };
        let values = array_from_values(&DataType::UInt8, &[Value::Int(i128::from(found))])?;
        let block = Block::new(vec![Column::Flat(values)], 1);
        self.answer_rows(vec![Field::new("result", DataType::UInt8)], block, format, output)
    }

    /// EXPLAIN.
    pub(crate) fn explain(&mut self, explain: Explain, output: &mut dyn Output) -> Result<()> {
        let format = explain.format.clone();
        let lines: Vec<String> = match (explain.kind, &explain.statement) {
            (ExplainKind::Ast, statement) => {
                format!("{statement:#?}").lines().map(str::to_owned).collect()
            }
            (ExplainKind::Syntax, statement) => {
                statement.to_string().lines().map(str::to_owned).collect()
            }
            (_, Statement::Query(query)) => {
                let plan = plan::optimize(plan_query(query, self)?, self)?;
                let mut lines = plan::explain(&plan);
                let indexes = explain.settings.iter().any(|s| s.name == "indexes");
                if indexes || explain.kind == ExplainKind::Estimate {
                    self.explain_scans(&plan, &mut lines)?;
                }
                if explain.settings.iter().any(|s| s.name == "caches") {
                    lines.push(format!("Answer: {}", self.explain_answer(query)));
                    lines.extend(exec::explain_caches(&plan, &self.exec_context())?);
                }
                lines
            }
            (_, other) => bail!(NotImplemented, "EXPLAIN of {other} is not implemented"),
        };
        self.answer_text("explain", &lines, format.as_deref(), output)
    }

    fn explain_scans(&self, plan: &plan::Plan, lines: &mut Vec<String>) -> Result<()> {
        if let plan::Plan::Scan(scan) = plan {
            let context = self.exec_context();
            if let Some(report) = exec::explain_scan(scan, &context)? {
                lines.push(format!("Indexes of {}:", scan.table));
                for (column, condition) in report.columns.iter().zip(&report.conditions) {
                    lines.push(format!("  {column} {condition}"));
                }
                lines.push(format!("  Parts: {}/{}", report.selected_parts, report.parts));
                lines.push(format!("  Granules: {}/{}", report.selected_granules, report.granules));
            }
        }
        for input in plan.inputs() {
            self.explain_scans(input, lines)?;
        }
        Ok(())
    }

    fn answer_text(
        &mut self,
        column: &str,
        lines: &[String],
        format: Option<&str>,
        output: &mut dyn Output,
    ) -> Result<()> {
        let values: Vec<Value> = lines.iter().map(|l| Value::from(l.as_str())).collect();
        let array = array_from_values(&DataType::String, &values)?;
        let rows = array.len();
        let block = Block::new(vec![Column::Flat(array)], rows);
        self.answer_rows(vec![Field::new(column, DataType::String)], block, format, output)
    }
}

/// WHERE, ORDER BY and LIMIT of a SHOW.
fn condition(name: &str, filter: &sql::ast::ShowFilter, first: Option<String>) -> String {
    let mut parts: Vec<String> = first.into_iter().collect();
    if let Some(pattern) = &filter.like {
        let not = if filter.negated { "NOT " } else { "" };
        let like = if filter.case_insensitive { "ILIKE" } else { "LIKE" };
        parts.push(format!("{name} {not}{like} {}", crate::query::quoted(pattern)));
    }
    if let Some(filter) = &filter.filter {
        parts.push(format!("({filter})"));
    }
    let mut text = String::new();
    if !parts.is_empty() {
        text.push_str(&format!(" WHERE {}", parts.join(" AND ")));
    }
    if name != "field" {
        text.push_str(&format!(" ORDER BY {name}"));
    }
    if let Some(limit) = &filter.limit {
        text.push_str(&format!(" LIMIT {limit}"));
    }
    text
}
