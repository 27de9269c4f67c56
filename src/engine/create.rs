//! CREATE TABLE.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::{Result, bail, error};
use plan::{ColumnKind, RelationColumn, plan_query, row_expressions};
use sql::ast::{
    ColumnDefinition as Written, CreateTable, EngineClause, Literal, SettingValue, TableName,
};
use storage::{ColumnDefinition, DefaultKind, TableDefinition};
use types::DataType;

use crate::destination::TemporaryTable;
use crate::query::Query;
use crate::table_engine::family;

/// Temporary tables that a session may have.
const MOST_TEMPORARY: usize = 1000;

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
        if create.attach && !known && create.columns.is_empty() && create.engine.is_none() {
            if self.attach(&name)? {
                return Ok(());
            }
            bail!(UnknownTable, "There is no detached table {database}.{}", name.table);
        }
        if known && create.if_not_exists {
            return Ok(());
        }
        if known && !create.or_replace {
            bail!(TableAlreadyExists, "Table {database}.{} already exists", name.table);
        }
        if !known && create.replace {
            bail!(UnknownTable, "Table {database}.{} does not exist", name.table);
        }
        self.copy_structure(&mut create)?;
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

    /// CREATE TEMPORARY TABLE: it belongs to the session, lies in memory, and stands before tables of its name.
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
        self.copy_structure(&mut create)?;
        let query = self.structure_of_query(&mut create)?;
        if let Some(engine) = &create.engine
            && !["Memory", "MergeTree", "Log", "TinyLog", "StripeLog"].contains(&&*engine.name)
        {
            family(&engine.name)?;
            bail!(
                NotImplemented,
                "Temporary tables lie in memory and cannot have the engine {}: make an ordinary table",
                engine.name
            );
        }
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

    /// `CREATE TABLE a AS b`: columns, and the engine where none is written; of `AS f(...)` and of tables that say
    /// nothing of their columns the columns of the rows.
    fn copy_structure(&self, create: &mut CreateTable) -> Result<()> {
        let says_none = create.columns.is_empty() && create.query.is_none();
        let relation = if let Some((name, arguments)) = create.as_function.take() {
            let relation = self.function_relation(&name, &arguments)?;
            if create.engine.is_none() {
                bail!(NotImplemented, "CREATE TABLE AS {name}() needs an ENGINE");
            }
            relation
        } else if let Some(columns) =
            create.engine.as_ref().filter(|_| says_none && create.like.is_none())
        {
            match self.columns_of_engine(columns)? {
                Some(relation) => relation,
                None => return Ok(()),
            }
        } else {
            return self.copy_table(create);
        };
        if create.columns.is_empty() {
            let shown = relation.columns.iter().filter(|c| c.kind == ColumnKind::Ordinary);
            let column = |c: &RelationColumn| Written {
                name: c.name.clone(),
                data_type: Some(c.data_type.to_string()),
                ..Written::default()
            };
            create.columns = shown.map(column).collect();
        }
        Ok(())
    }

    fn copy_table(&self, create: &mut CreateTable) -> Result<()> {
        let Some(like) = &create.like.take() else { return Ok(()) };
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

    /// A table as its CREATE statement describes it, which becomes canonical on the way.
    pub(crate) fn definition(
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
        engine.arguments = engine.arguments.filter(|arguments| !arguments.is_empty());
        let family = crate::table_engine::family(&engine.name)?;
        crate::deprecated::modernize(&mut engine);
        crate::nested::flatten(&mut create.columns, self.settings.flag("flatten_nested"))?;
        let columns = self.columns(&mut create.columns)?;
        crate::indexes::set_granularity(&mut create.indexes);
        let text_indexes = self.text_indexes(&create.indexes, &columns)?;
        let mut keys = self.keys(family, &columns, &mut engine, create)?;
        let row_rule = self.row_rule(&columns, &engine, &mut keys)?;
        for column in &mut create.columns {
            column.primary_key = false;
        }
        let mut settings = BTreeMap::new();
        for setting in &engine.settings {
            settings.insert(setting.name.clone(), setting_text(&setting.value));
        }
        create.engine = Some(engine.clone());
        create.if_not_exists = false;
        (create.or_replace, create.replace) = (false, false);
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
            sampling_key: keys.sampling,
            text_indexes,
            settings,
            create_sql: statement.to_string(),
            comment: create.comment.clone().unwrap_or_default(),
            row_rule,
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
            let data_type = out_of_row(self.column_type(column, &columns)?, column)?;
            column.data_type = Some(data_type.to_string());
            column.nullable = None;
            let mut defined = ColumnDefinition::new(at as u32, column.name.clone(), data_type);
            defined.comment = column.comment.clone().unwrap_or_default();
            defined.out_of_row = column.out_of_row;
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
            self.codec(column, &mut defined)?;
            columns.push(defined);
        }
        self.check_defaults(&columns)?;
        Ok(columns)
    }

    /// What CODEC(...) says.
    fn codec(&self, column: &mut Written, defined: &mut ColumnDefinition) -> Result<()> {
        for (name, arguments) in &mut column.codec {
            // Delta's width is that of the values, and is shown.
            if name == "Delta"
                && arguments.is_empty()
                && let Some(width) = defined.data_type.arrow_type().primitive_width()
            {
                arguments.push(sql::ast::Expression::Literal(Literal::Number(width.to_string())));
            }
            let numbers = arguments
                .iter()
                .map(|a| match self.constant(a)?.0.as_int().and_then(|n| i64::try_from(n).ok()) {
                    Some(number) => Ok(number),
                    None => bail!(
                        IllegalCodecParameter,
                        "Parameter {a} of codec {name} must be a number"
                    ),
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
        Ok(())
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
        // `DEFAULT NULL` says that there can be NULL.
        let null_default = column.default.as_ref().is_some_and(|d| {
            d.kind == sql::ast::DefaultKind::Default
                && matches!(d.expression, Some(sql::ast::Expression::Literal(Literal::Null)))
        }) && column.nullable.is_none()
            && data_type.without_low_cardinality().can_be_nullable();
        let nullable = column.nullable == Some(true) || null_default;
        Ok(if nullable { data_type.nullable() } else { data_type })
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
}

/// All columns by position, for keys and defaults.
pub(crate) fn relation(columns: &[ColumnDefinition]) -> Vec<RelationColumn> {
    columns
        .iter()
        .map(|c| RelationColumn {
            name: c.name.clone(),
            data_type: c.data_type.clone(),
            kind: ColumnKind::Ordinary,
        })
        .collect()
}

pub(crate) fn setting_text(value: &SettingValue) -> String {
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
    let mut elements: Vec<String> = create
        .columns
        .iter()
        .map(|c| {
            let written = c.to_string();
            let quoted = format!("`{}`", c.name.replace('`', "\\`"));
            let bare = sql::quote_identifier(&c.name);
            format!("    {quoted}{}", written.strip_prefix(bare.as_ref()).unwrap_or(&written))
        })
        .collect();
    elements.extend(create.indexes.iter().map(|index| format!("    INDEX {index}")));
    text.push_str(&elements.join(",\n"));
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
        if engine.name.ends_with("MergeTree") && engine.settings.is_empty() {
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

/// The type of a column with `STORAGE OUT_OF_ROW(bytes)`: CLOB.
fn out_of_row(data_type: DataType, column: &Written) -> Result<DataType> {
    const MOST: u64 = 1 << 20;
    match column.out_of_row {
        None => return Ok(data_type),
        Some(bytes) if bytes > MOST => bail!(
            ArgumentOutOfBound,
            "STORAGE OUT_OF_ROW({bytes}) of column {}: at most {MOST} bytes of a text lie in its row",
            column.name
        ),
        Some(_) if data_type.is_clob() => return Ok(data_type),
        Some(_) => {}
    }
    match &data_type {
        DataType::String => Ok(DataType::Clob),
        DataType::Nullable(inner) if **inner == DataType::String => Ok(DataType::Clob.nullable()),
        other => bail!(
            IllegalColumn,
            "STORAGE OUT_OF_ROW of column {} is for String and CLOB, not {other}",
            column.name
        ),
    }
}
