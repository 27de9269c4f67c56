//! Tables that show the rows of others: engine and table function Merge, engine Buffer.
//!
//! Both are queries over the tables they show, so that filters reach those tables as if they were asked directly.

use std::sync::Arc;

use base::{Result, bail};
use plan::{ColumnKind, Relation, RelationColumn, RelationSource};
use sql::ast::{EngineClause, Expression, Statement, TableName};
use storage::{Table, TableDefinition};
use types::{DataType, require_supertype};

use crate::query::{Query, quoted};

/// Tables of engine Merge that one query may look into: they can show each other.
const MOST_MERGES: usize = 1000;

impl Query<'_> {
    /// `merge([database,] regexp)`: all tables whose names match.
    pub(crate) fn merge_relation(&self, arguments: &[Expression]) -> Result<Relation> {
        let (database, pattern) = self.merge_arguments(arguments)?;
        let columns = self.merged_columns(&database, &pattern, None)?;
        let definition = TableDefinition { name: "merge".to_owned(), ..TableDefinition::default() };
        self.united(&definition, &database, &pattern, &columns)
    }

    /// A table of engine Merge or Buffer.
    pub(crate) fn proxy_relation(&self, definition: &TableDefinition) -> Result<Relation> {
        if definition.engine == "Dictionary" {
            return self.dictionary_relation(definition);
        }
        let columns: Vec<(String, DataType)> = definition
            .columns
            .iter()
            .filter(|c| c.is_physical())
            .map(|c| (c.name.clone(), c.data_type.clone()))
            .collect();
        if definition.engine == "Merge" {
            let (database, pattern) = self.merge_arguments(&arguments_of(definition)?)?;
            return self.united(definition, &database, &pattern, &columns);
        }
        let target = self.buffer_target(definition)?;
        let Some(target) = target else {
            let nothing = nothing_of(&columns);
            return shown(definition, columns, &nothing);
        };
        let text = select_from(&target.definition(), &columns, false);
        shown(definition, columns, &text)
    }

    /// The table that a Buffer writes to; none where it is `''`.
    pub(crate) fn buffer_target(&self, definition: &TableDefinition) -> Result<Option<Arc<Table>>> {
        let arguments = arguments_of(definition)?;
        let [database, table, rest @ ..] = arguments.as_slice() else {
            bail!(NumberOfArgumentsDoesntMatch, "Engine Buffer needs a database and a table");
        };
        if rest.len() < 7 {
            bail!(
                NumberOfArgumentsDoesntMatch,
                "Engine Buffer needs a database, a table, a number of layers and six limits"
            );
        }
        let database = self.constant_text(database)?;
        let table = self.constant_text(table)?;
        if table.is_empty() {
            return Ok(None);
        }
        let database = if database.is_empty() { definition.database.clone() } else { database };
        if (&database, &table) == (&definition.database, &definition.name) {
            bail!(BadArguments, "Buffer {} writes to itself", definition.full_name());
        }
        self.stored_table(&TableName { database: Some(database), table }).map(Some)
    }

    /// The columns that a table of engine Merge or Buffer has where none are written.
    pub(crate) fn columns_of_engine(&self, engine: &EngineClause) -> Result<Option<Relation>> {
        let arguments = engine.arguments.as_deref().unwrap_or_default();
        match engine.name.as_str() {
            "Merge" => self.merge_relation(arguments).map(Some),
            "Buffer" if arguments.len() > 1 => {
                let database = self.constant_text(&arguments[0])?;
                let database = (!database.is_empty()).then_some(database);
                let table = self.constant_text(&arguments[1])?;
                self.relation(&TableName { database, table }).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn merge_arguments(&self, arguments: &[Expression]) -> Result<(String, regex::bytes::Regex)> {
        let (database, pattern) = match arguments {
            [pattern] => (self.database.clone(), self.constant_text(pattern)?),
            [database, pattern] => (self.constant_text(database)?, self.constant_text(pattern)?),
            _ => bail!(NumberOfArgumentsDoesntMatch, "Merge takes a database and an expression"),
        };
        match regex::bytes::Regex::new(&pattern) {
            Ok(pattern) => Ok((database, pattern)),
            Err(error) => bail!(RegexpError, "Names of Merge: {error}"),
        }
    }

    /// The tables that match, but for the one that asks.
    fn matching(
        &self,
        database: &str,
        pattern: &regex::bytes::Regex,
        but: &TableDefinition,
    ) -> Result<Vec<Arc<Table>>> {
        if self.engine.store.database(database).is_none() {
            bail!(UnknownDatabase, "Database {database} does not exist");
        }
        let tables = self.engine.store.tables(database).into_iter();
        Ok(tables
            .filter(|table| {
                let about = table.definition();
                pattern.is_match(about.name.as_bytes())
                    && (about.database.as_str(), about.name.as_str())
                        != (but.database.as_str(), but.name.as_str())
            })
            .collect())
    }

    /// All columns of the tables that match, with types that hold all their values.
    fn merged_columns(
        &self,
        database: &str,
        pattern: &regex::bytes::Regex,
        but: Option<&TableDefinition>,
    ) -> Result<Vec<(String, DataType)>> {
        let none = TableDefinition::default();
        let tables = self.matching(database, pattern, but.unwrap_or(&none))?;
        if tables.is_empty() {
            bail!(
                CannotExtractTableStructure,
                "There is no table in database {database} whose name matches {}",
                quoted(pattern.as_str())
            );
        }
        let mut columns: Vec<(String, Vec<DataType>)> = Vec::new();
        for table in tables {
            for column in table.definition().columns.iter().filter(|c| c.is_physical()) {
                match columns.iter_mut().find(|(name, _)| *name == column.name) {
                    Some((_, types)) => types.push(column.data_type.clone()),
                    None => columns.push((column.name.clone(), vec![column.data_type.clone()])),
                }
            }
        }
        columns.into_iter().map(|(name, types)| Ok((name, require_supertype(&types)?))).collect()
    }

    /// The rows of all tables that match, with where they come from.
    fn united(
        &self,
        definition: &TableDefinition,
        database: &str,
        pattern: &regex::bytes::Regex,
        columns: &[(String, DataType)],
    ) -> Result<Relation> {
        self.proxies.set(self.proxies.get() + 1);
        if self.proxies.get() > MOST_MERGES {
            bail!(TooDeepRecursion, "Tables of engine Merge show each other in a circle");
        }
        let mut texts = Vec::new();
        for table in self.matching(database, pattern, definition)? {
            texts.push(select_from(&table.definition(), columns, true));
        }
        let mut all = columns.to_vec();
        all.push(("_database".to_owned(), DataType::LowCardinality(Arc::new(DataType::String))));
        all.push(("_table".to_owned(), DataType::LowCardinality(Arc::new(DataType::String))));
        let text = if texts.is_empty() { nothing_of(&all) } else { texts.join(" UNION ALL ") };
        let mut relation = shown(definition, all, &text)?;
        for column in &mut relation.columns[columns.len()..] {
            // A column of that name hides the virtual one.
            column.kind = ColumnKind::Hidden;
        }
        Ok(relation)
    }
}

/// The arguments that a table's engine was given.
fn arguments_of(definition: &TableDefinition) -> Result<Vec<Expression>> {
    let Statement::CreateTable(create) = sql::parse(&definition.create_sql)?.statement else {
        bail!(LogicalError, "{} is no table", definition.full_name());
    };
    Ok(create.engine.and_then(|engine| engine.arguments).unwrap_or_default())
}

/// Some columns of a table as types that are given; what it lacks is the types' default.
fn select_from(
    table: &TableDefinition,
    columns: &[(String, DataType)],
    with_origin: bool,
) -> String {
    let mut items: Vec<String> = Vec::new();
    for (name, data_type) in columns {
        let (quoted_name, wanted) = (sql::quote_identifier(name), data_type.to_string());
        items.push(match table.column(name) {
            Some(column) if column.data_type == *data_type => quoted_name.to_string(),
            Some(_) => format!("_CAST({quoted_name}, {}) AS {quoted_name}", quoted(&wanted)),
            None => format!("defaultValueOfTypeName({}) AS {quoted_name}", quoted(&wanted)),
        });
    }
    if with_origin {
        let low = |text: &str| format!("toLowCardinality({})", quoted(text));
        items.push(format!("{} AS _database", low(&table.database)));
        items.push(format!("{} AS _table", low(&table.name)));
    }
    format!(
        "SELECT {} FROM {}.{}",
        items.join(", "),
        sql::quote_identifier(&table.database),
        sql::quote_identifier(&table.name)
    )
}

/// A query without rows.
fn nothing_of(columns: &[(String, DataType)]) -> String {
    let item = |(name, data_type): &(String, DataType)| {
        let wanted = quoted(data_type.to_string());
        format!("defaultValueOfTypeName({wanted}) AS {}", sql::quote_identifier(name))
    };
    let items: Vec<String> = columns.iter().map(item).collect();
    format!("SELECT {} WHERE 0", items.join(", "))
}

/// A relation that is a query.
fn shown(
    definition: &TableDefinition,
    columns: Vec<(String, DataType)>,
    text: &str,
) -> Result<Relation> {
    let Statement::Query(query) = sql::parse(text)?.statement else {
        bail!(LogicalError, "no query behind {}", definition.full_name());
    };
    let column = |(name, data_type)| RelationColumn { name, data_type, kind: ColumnKind::Ordinary };
    Ok(Relation {
        database: (!definition.database.is_empty()).then(|| definition.database.clone()),
        name: definition.name.clone(),
        columns: columns.into_iter().map(column).collect(),
        source: RelationSource::View(query),
        combined: None,
        sampling_key: None,
    })
}
