//! CREATE TABLE and CREATE VIEW.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::{Result, bail, error};
use plan::{ColumnKind, RelationColumn, plan_query, row_expressions};
use sql::ast::{
    ColumnDefinition as Written, CreateTable, CreateView, EngineClause, Expression, Literal,
    SettingValue, TableName,
};
use storage::{ColumnDefinition, DefaultKind, KeyColumn, TableDefinition};
use types::DataType;

use crate::destination::TemporaryTable;
use crate::query::Query;

/// Temporary tables that a session may have.
const MOST_TEMPORARY: usize = 1000;

/// Engines that tables can have.
const ENGINES: [&str; 3] = ["MergeTree", "Memory", "Null"];

impl Query<'_> {
    /// CREATE TABLE.
    pub(crate) fn create_table(&mut self, mut create: CreateTable) -> Result<()> {
        let Some(name) = create.name.clone() else {
            bail!(SyntaxError, "CREATE TABLE without a name")
        };
        let name = self.named(&name)?;
        if create.temporary {
            return self.create_temporary(create, name);
        }
        let database = self.database_of(&name).to_owned();
        if self.engine.store.database(&database).is_none() {
            bail!(UnknownDatabase, "Database {database} does not exist");
        }
        let known = self.engine.store.table(&database, &name.table).is_some();
        if known && create.if_not_exists {
            return Ok(());
        }
        if known && !create.or_replace {
            bail!(TableAlreadyExists, "Table {database}.{} already exists", name.table);
        }
        if let Some(like) = create.like.take() {
            self.copy_structure(&mut create, &like)?;
        }
        let query = self.structure_of_query(&mut create)?;
        let definition = self.definition(&database, &name.table, &mut create)?;
        if known {
            self.engine.store.drop_table(&database, &name.table)?;
        }
        self.engine.store.create_table(definition)?;
        if let Some(query) = query.filter(|_| !create.empty) {
            let full = TableName { database: Some(database.clone()), table: name.table.clone() };
            let filled = self.fill_from(full, query);
            if filled.is_err() {
                self.engine.store.drop_table(&database, &name.table)?;
            }
            filled?;
        }
        Ok(())
    }

    /// The query of CREATE TABLE ... AS SELECT, whose columns the table has where none are written.
    fn structure_of_query(
        &mut self,
        create: &mut CreateTable,
    ) -> Result<Option<Box<sql::ast::Query>>> {
        let query = create.query.take();
        if let Some(query) = &query
            && create.columns.is_empty()
        {
            let schema = plan_query(query, self)?.schema();
            let column = |f: &types::Field| Written {
                name: f.name.clone(),
                data_type: Some(f.data_type.to_string()),
                ..Written::default()
            };
            create.columns = schema.fields().iter().map(column).collect();
        }
        Ok(query)
    }

    /// Writes a query's rows into a new table.
    fn fill_from(&mut self, table: TableName, query: Box<sql::ast::Query>) -> Result<()> {
        let insert = sql::ast::Insert {
            table: sql::ast::InsertTarget::Table(table),
            columns: Vec::new(),
            settings: Vec::new(),
            source: sql::ast::InsertSource::Query(query),
        };
        self.insert(insert, None, None, &mut crate::engine::Gathered::default())
    }

    /// CREATE TEMPORARY TABLE: it belongs to the session, whatever its engine, and stands before tables of its
    /// name.
    fn create_temporary(&mut self, mut create: CreateTable, name: TableName) -> Result<()> {
        if name.database.is_some() {
            bail!(
                BadDatabaseForTemporaryTable,
                "Temporary tables cannot be inside a database: write the name alone"
            );
        }
        let known = self.session.temporary.contains_key(&name.table);
        if known && create.if_not_exists {
            return Ok(());
        }
        if known && !create.or_replace {
            bail!(TableAlreadyExists, "Temporary table {} already exists", name.table);
        }
        if self.session.temporary.len() >= MOST_TEMPORARY {
            bail!(BadArguments, "More than {MOST_TEMPORARY} temporary tables in a session");
        }
        if let Some(like) = create.like.take() {
            self.copy_structure(&mut create, &like)?;
        }
        let query = self.structure_of_query(&mut create)?;
        create.engine = Some(EngineClause { name: "Memory".to_owned(), ..EngineClause::default() });
        let definition = self.definition("", &name.table, &mut create)?;
        let table = TemporaryTable::new(definition, &self.engine.budget);
        self.session.temporary.insert(name.table.clone(), Arc::new(table));
        if let Some(query) = query.filter(|_| !create.empty) {
            let filled = self.fill_from(name.clone(), query);
            if filled.is_err() {
                self.session.temporary.remove(&name.table);
            }
            filled?;
        }
        Ok(())
    }

    /// `CREATE TABLE a AS b`: columns, and the engine where none is written.
    fn copy_structure(&self, create: &mut CreateTable, like: &TableName) -> Result<()> {
        let table = self.stored_table(like)?;
        let text = table.definition().create_sql.clone();
        let sql::ast::Statement::CreateTable(other) = sql::parse(&text)?.statement else {
            bail!(BadArguments, "{} is no table to copy the structure of", like.table);
        };
        if create.columns.is_empty() {
            create.columns = other.columns;
        }
        if create.engine.is_none() {
            create.engine = other.engine;
        }
        Ok(())
    }

    fn definition(
        &self,
        database: &str,
        name: &str,
        create: &mut CreateTable,
    ) -> Result<TableDefinition> {
        let mut engine = create.engine.take().unwrap_or_default();
        if engine.name.is_empty() {
            self.settings
                .get("default_table_engine")
                .unwrap_or("MergeTree")
                .clone_into(&mut engine.name);
        }
        if !ENGINES.contains(&engine.name.as_str()) {
            bail!(
                UnknownStorage,
                "Unknown table engine {}: Granary has {}",
                engine.name,
                ENGINES.join(", ")
            );
        }
        crate::deprecated::modernize(&mut engine);
        let columns = self.columns(&mut create.columns)?;
        let keys = self.keys(&columns, &mut engine, create)?;
        for column in &mut create.columns {
            column.primary_key = false;
        }
        let mut settings = BTreeMap::new();
        for setting in &engine.settings {
            settings.insert(setting.name.clone(), setting_text(&setting.value));
        }
        create.engine = Some(engine.clone());
        create.if_not_exists = false;
        create.or_replace = false;
        create.uuid = None;
        create.name =
            Some(TableName { database: Some(database.to_owned()), table: name.to_owned() });
        let statement = sql::ast::Statement::CreateTable(Box::new(create.clone()));
        Ok(TableDefinition {
            database: database.to_owned(),
            name: name.to_owned(),
            columns,
            engine: engine.name.clone(),
            engine_text: engine.to_string(),
            sorting_key: keys.sorting,
            primary_key_length: keys.primary,
            partition_key: keys.partition,
            settings,
            create_sql: statement.to_string(),
            comment: create.comment.clone().unwrap_or_default(),
            ..TableDefinition::default()
        })
    }

    fn columns(&self, written: &mut [Written]) -> Result<Vec<ColumnDefinition>> {
        if written.is_empty() {
            bail!(EmptyListOfColumnsQueried, "A table needs at least one column");
        }
        let mut columns: Vec<ColumnDefinition> = Vec::with_capacity(written.len());
        for (at, column) in written.iter_mut().enumerate() {
            if columns.iter().any(|c| c.name == column.name) {
                bail!(
                    DuplicateColumn,
                    "Cannot add column {}: column with this name already exists",
                    column.name
                );
            }
            let data_type = self.column_type(column, &columns)?;
            column.data_type = Some(data_type.to_string());
            column.nullable = None;
            let mut defined = ColumnDefinition::new(at as u32, column.name.clone(), data_type);
            defined.comment = column.comment.clone().unwrap_or_default();
            if let Some(default) = &column.default {
                let kind = match default.kind {
                    sql::ast::DefaultKind::Default => DefaultKind::Default,
                    sql::ast::DefaultKind::Materialized => DefaultKind::Materialized,
                    sql::ast::DefaultKind::Alias => DefaultKind::Alias,
                    sql::ast::DefaultKind::Ephemeral => DefaultKind::Ephemeral,
                };
                let text = match &default.expression {
                    Some(expression) => expression.to_string(),
                    None => format!(
                        "defaultValueOfTypeName({})",
                        crate::query::quoted(defined.data_type.to_string())
                    ),
                };
                defined.default = Some((kind, text));
            }
            for (name, arguments) in &column.codec {
                let numbers = arguments
                    .iter()
                    .map(|a| {
                        match self.constant(a)?.0.as_int().and_then(|n| i64::try_from(n).ok()) {
                            Some(number) => Ok(number),
                            None => bail!(
                                IllegalCodecParameter,
                                "Parameter {a} of codec {name} must be a number"
                            ),
                        }
                    })
                    .collect::<Result<Vec<i64>>>()?;
                defined.codec.push((name.clone(), numbers));
            }
            if !column.codec.is_empty() {
                let items: Vec<String> = defined
                    .codec
                    .iter()
                    .map(|(name, numbers)| match numbers.as_slice() {
                        [] => name.clone(),
                        numbers => {
                            let numbers: Vec<String> = numbers.iter().map(i64::to_string).collect();
                            format!("{name}({})", numbers.join(", "))
                        }
                    })
                    .collect();
                defined.codec_text = format!("CODEC({})", items.join(", "));
                defined.codec_choice()?;
            }
            columns.push(defined);
        }
        self.check_defaults(&columns)?;
        Ok(columns)
    }

    /// A column's type, or that of its default.
    fn column_type(&self, column: &Written, before: &[ColumnDefinition]) -> Result<DataType> {
        let data_type = match (&column.data_type, &column.default) {
            (Some(text), _) => DataType::parse(text)?,
            (None, Some(sql::ast::ColumnDefault { expression: Some(expression), .. })) => {
                let found =
                    row_expressions(std::slice::from_ref(expression), &relation(before), self)?;
                found[0].data_type()
            }
            _ => bail!(SyntaxError, "Column {} has neither a type nor a default", column.name),
        };
        Ok(if column.nullable == Some(true) { data_type.nullable() } else { data_type })
    }

    /// Defaults must name known columns and be convertible.
    fn check_defaults(&self, columns: &[ColumnDefinition]) -> Result<()> {
        for column in columns {
            if let Some((_, text)) = &column.default {
                let parsed = sql::parse_expression(text)?;
                row_expressions(&[parsed], &relation(columns), self)
                    .map_err(|e| e.within(format!("default of column {}", column.name)))?;
            }
        }
        Ok(())
    }

    fn keys(
        &self,
        columns: &[ColumnDefinition],
        engine: &mut EngineClause,
        create: &CreateTable,
    ) -> Result<Keys> {
        if engine.name != "MergeTree" {
            if engine.order_by.is_some()
                || engine.partition_by.is_some()
                || engine.primary_key.is_some()
            {
                bail!(
                    BadArguments,
                    "Engine {} has no keys: leave ORDER BY, PRIMARY KEY and PARTITION BY out",
                    engine.name
                );
            }
            return Ok(Keys { sorting: Vec::new(), primary: 0, partition: Vec::new() });
        }
        let of_columns: Vec<Expression> = create
            .columns
            .iter()
            .filter(|c| c.primary_key)
            .map(|c| Expression::Identifier(sql::ast::Name::simple(c.name.clone())))
            .collect();
        if !of_columns.is_empty() && engine.primary_key.is_none() {
            engine.primary_key = Some(Expression::Tuple(of_columns));
        }
        if engine.order_by.is_none() {
            engine.order_by = engine.primary_key.clone();
        }
        let Some(order_by) = &engine.order_by else {
            bail!(
                BadArguments,
                "You must provide an ORDER BY or PRIMARY KEY expression in the table definition. \
                 If you don't want this table to be sorted, use ORDER BY tuple()"
            );
        };
        let sorting = self.key(order_by, columns)?;
        let primary = match &engine.primary_key {
            None => sorting.len(),
            Some(key) => {
                let primary = self.key(key, columns)?;
                let is_prefix = primary.len() <= sorting.len()
                    && primary.iter().zip(&sorting).all(|(p, s)| p.expression == s.expression);
                if !is_prefix {
                    bail!(BadArguments, "Primary key must be a prefix of the sorting key");
                }
                primary.len()
            }
        };
        let partition = match &engine.partition_by {
            Some(key) => self.key(key, columns)?,
            None => Vec::new(),
        };
        Ok(Keys { sorting, primary, partition })
    }

    fn key(&self, key: &Expression, columns: &[ColumnDefinition]) -> Result<Vec<KeyColumn>> {
        let parts: Vec<Expression> = match key {
            Expression::Tuple(parts) => parts.clone(),
            Expression::Function(call) if call.name == "tuple" => call.arguments.clone(),
            other => vec![other.clone()],
        };
        let resolved = row_expressions(&parts, &relation(columns), self)?;
        parts
            .into_iter()
            .zip(resolved)
            .map(|(part, expression)| {
                for at in expression.columns() {
                    if !columns[at].is_physical() {
                        bail!(BadArguments, "Column {} of a key is not stored", columns[at].name);
                    }
                }
                Ok(KeyColumn { expression, text: part.to_string() })
            })
            .collect()
    }

    /// CREATE VIEW.
    pub(crate) fn create_view(&self, create: CreateView) -> Result<()> {
        if create.materialized {
            bail!(NotImplemented, "Materialized views are not implemented yet");
        }
        let database = self.database_of(&create.name).to_owned();
        let known = self.engine.store.table(&database, &create.name.table).is_some();
        if known && create.if_not_exists {
            return Ok(());
        }
        if known && !create.or_replace {
            bail!(TableAlreadyExists, "Table {database}.{} already exists", create.name.table);
        }
        let schema = plan_query(&create.query, self)?.schema();
        let columns = schema
            .fields()
            .iter()
            .enumerate()
            .map(|(at, f)| ColumnDefinition::new(at as u32, f.name.clone(), f.data_type.clone()))
            .collect();
        let name = create.name.table.clone();
        let query = create.query.to_string();
        let mut canonical = create;
        (canonical.if_not_exists, canonical.or_replace) = (false, false);
        canonical.name.database = Some(database.clone());
        if known {
            self.engine.store.drop_table(&database, &name)?;
        }
        let comment = canonical.comment.clone().unwrap_or_default();
        let statement = sql::ast::Statement::CreateView(Box::new(canonical));
        self.engine.store.create_table(TableDefinition {
            database,
            name,
            columns,
            engine: "View".to_owned(),
            create_sql: statement.to_string(),
            query: Some(query),
            comment,
            ..TableDefinition::default()
        })?;
        Ok(())
    }
}

struct Keys {
    sorting: Vec<KeyColumn>,
    primary: usize,
    partition: Vec<KeyColumn>,
}

/// All columns by position, for keys and defaults.
fn relation(columns: &[ColumnDefinition]) -> Vec<RelationColumn> {
    columns
        .iter()
        .map(|c| RelationColumn {
            name: c.name.clone(),
            data_type: c.data_type.clone(),
            kind: ColumnKind::Ordinary,
        })
        .collect()
}

fn setting_text(value: &SettingValue) -> String {
    match value {
        SettingValue::Literal(Literal::Number(text)) => text.clone(),
        SettingValue::Literal(Literal::String(bytes)) => {
            String::from_utf8_lossy(bytes).into_owned()
        }
        SettingValue::Literal(Literal::Bool(flag)) => i32::from(*flag).to_string(),
        SettingValue::Literal(Literal::Null) | SettingValue::Default => String::new(),
        SettingValue::Word(name) => name.0.join("."),
    }
}

/// A CREATE statement over several lines, as SHOW CREATE gives it.
pub(crate) fn pretty(create_sql: &str) -> Result<String> {
    let statement = sql::parse(create_sql)?.statement;
    let sql::ast::Statement::CreateTable(create) = &statement else {
        return Ok(statement.to_string());
    };
    let name =
        create.name.as_ref().ok_or_else(|| error!(LogicalError, "a table without a name"))?;
    let mut text =
        format!("CREATE TABLE {}{}\n(\n", prefix(name), sql::quote_identifier(&name.table));
    let columns: Vec<String> = create
        .columns
        .iter()
        .map(|c| {
            let written = c.to_string();
            let quoted = format!("`{}`", c.name.replace('`', "\\`"));
            let bare = sql::quote_identifier(&c.name);
            format!("    {quoted}{}", written.strip_prefix(bare.as_ref()).unwrap_or(&written))
        })
        .collect();
    text.push_str(&columns.join(",\n"));
    text.push_str("\n)\n");
    if let Some(engine) = &create.engine {
        let one_line = engine.to_string();
        let mut lines = one_line.trim().to_owned();
        for clause in [" PARTITION BY ", " PRIMARY KEY ", " ORDER BY ", " SETTINGS ", " TTL "] {
            if let Some(at) = lines.find(clause) {
                lines.replace_range(at..=at, "\n");
            }
        }
        text.push_str(&lines);
        if engine.name == "MergeTree" && engine.settings.is_empty() {
            text.push_str("\nSETTINGS index_granularity = 8192");
        }
    }
    if let Some(comment) = &create.comment {
        text.push_str(&format!("\nCOMMENT {}", crate::query::quoted(comment)));
    }
    Ok(text)
}

fn prefix(name: &TableName) -> String {
    name.database.as_ref().map(|d| format!("{}.", sql::quote_identifier(d))).unwrap_or_default()
}
