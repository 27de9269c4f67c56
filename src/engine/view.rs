//! CREATE VIEW and CREATE MATERIALIZED VIEW.

use base::{Result, bail};
use plan::plan_query;
use sql::ast::{ColumnDefinition as Written, CreateTable, CreateView, Statement, TableName};
use storage::{ColumnDefinition, TableDefinition};
use types::{DataType, Field, Schema};

use crate::materialized::inner_name;
use crate::query::Query;

impl Query<'_> {
    /// CREATE VIEW.
    pub(crate) fn create_view(&mut self, mut create: CreateView) -> Result<()> {
        let database = self.database_of(&create.name).to_owned();
        if self.engine.store.database(&database).is_none() {
            bail!(UnknownDatabase, "Database {database} does not exist");
        }
        let known = self.engine.store.table(&database, &create.name.table).is_some();
        if known && create.if_not_exists {
            return Ok(());
        }
        if known && !create.or_replace {
            bail!(TableAlreadyExists, "Table {database}.{} already exists", create.name.table);
        }
        let plan = plan_query(&create.query, self)?;
        let schema = plan.schema();
        let columns = declared(&create.columns, &schema)?;
        if columns.len() == schema.len() {
            let fields = columns.iter();
            let fields = fields.map(|c| Field::new(c.name.clone(), c.data_type.clone()));
            plan::cast_columns(plan, &Schema::new(fields.collect()), self)?;
        }
        let name = create.name.table.clone();
        create.name.database = Some(database.clone());
        if let Some(to) = &mut create.to {
            to.database.get_or_insert_with(|| database.clone());
            // The rows go to a table that is there already, which no circle of views can be.
            self.stored_table(to)?;
        }
        if create.materialized && create.to.is_none() {
            // What is wrong with the engine is told before anything is replaced.
            self.inner_definition(&database, &create, &schema)?;
        }
        if known {
            let old = self.stored_table(&create.name)?;
            self.engine.store.drop_table(&database, &name)?;
            self.drop_inner(&old)?;
        }
        let inner = match create.materialized && create.to.is_none() {
            true => Some(self.create_inner(&database, &create, &schema)?),
            false => None,
        };
        let populate = create.populate.then(|| create.query.clone());
        let engine = if create.materialized { "MaterializedView" } else { "View" };
        (create.if_not_exists, create.or_replace, create.populate) = (false, false, false);
        let created = self.engine.store.create_table(TableDefinition {
            database: database.clone(),
            name: name.clone(),
            columns,
            engine: engine.to_owned(),
            query: Some(create.query.to_string()),
            comment: create.comment.clone().unwrap_or_default(),
            create_sql: Statement::CreateView(Box::new(create.clone())).to_string(),
            ..TableDefinition::default()
        });
        if let (Err(_), Some(inner)) = (&created, &inner) {
            self.engine.store.drop_table(&database, inner)?;
        }
        created?;
        match (
            populate,
            create.to.or(inner.map(|table| TableName { database: Some(database), table })),
        ) {
            (Some(query), Some(target)) => self.populate(&target, &query),
            _ => Ok(()),
        }
    }

    /// The table that a materialized view without TO keeps its rows in.
    fn create_inner(
        &mut self,
        database: &str,
        create: &CreateView,
        schema: &Schema,
    ) -> Result<String> {
        let definition = self.inner_definition(database, create, schema)?;
        let name = definition.name.clone();
        // One whose view is gone, as after a crash between the two.
        if self.engine.store.table(database, &name).is_some() {
            self.engine.store.drop_table(database, &name)?;
        }
        self.engine.store.create_table(definition)?;
        Ok(name)
    }

    fn inner_definition(
        &self,
        database: &str,
        create: &CreateView,
        schema: &Schema,
    ) -> Result<TableDefinition> {
        let name = inner_name(&create.name.table);
        let columns = match create.columns.is_empty() {
            false => create.columns.clone(),
            true => schema
                .fields()
                .iter()
                .map(|f| Written {
                    name: f.name.clone(),
                    data_type: Some(f.data_type.to_string()),
                    ..Written::default()
                })
                .collect(),
        };
        let mut table =
            CreateTable { columns, engine: create.engine.clone(), ..CreateTable::default() };
        self.definition(database, &name, &mut table)
    }
}

/// The columns of a view: those written, else those of its query.
fn declared(written: &[Written], schema: &Schema) -> Result<Vec<ColumnDefinition>> {
    let column = |(at, (name, data_type)): (usize, (String, DataType))| {
        ColumnDefinition::new(at as u32, name, data_type)
    };
    if written.is_empty() {
        let fields = schema.fields().iter().map(|f| (f.name.clone(), f.data_type.clone()));
        return Ok(fields.enumerate().map(column).collect());
    }
    let mut columns = Vec::with_capacity(written.len());
    for column in written {
        let Some(text) = &column.data_type else {
            bail!(SyntaxError, "Column {} of a view has no type", column.name)
        };
        columns.push((column.name.clone(), DataType::parse(text)?));
    }
    Ok(columns.into_iter().enumerate().map(column).collect())
}
