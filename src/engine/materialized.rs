//! Materialized views: queries that are run over every insert of their source, whose rows go into a table.
//!
//! 1. The rows of an insert are gathered for the views of its table; with many rows the views run several times.
//! 2. A view's query reads the inserted rows in the place of its source, which is the first table of its FROM.
//! 3. What it gives is written into the view's table by the same transaction as the rows themselves, and is in turn
//!    the input of the views of that table.

use std::sync::Arc;

use base::{Result, bail};
use plan::{Environment, Plan, Relation, RelationSource, optimize, plan_query};
use sql::ast::{Expression, Statement, TableExpression, TableName, TableReference};
use storage::{Table, TableDefinition};
use types::{Block, Field, Schema};

use crate::defaults::Defaults;
use crate::query::Query;
use crate::relation::{Blocks, table_relation};

/// Bytes of inserted rows after which views run.
const GATHERED: usize = 64 << 20;

/// Views of views beyond this are refused.
const DEPTH: usize = 32;

/// The name of the table that a view without TO keeps its rows in.
pub(crate) fn inner_name(view: &str) -> String {
    format!(".inner.{view}")
}

/// The table that a materialized view writes to.
///
/// # Errors
/// A definition that cannot be read.
pub(crate) fn target_name(view: &TableDefinition) -> Result<TableName> {
    let Statement::CreateView(create) = sql::parse(&view.create_sql)?.statement else {
        bail!(LogicalError, "{} is no view", view.full_name());
    };
    Ok(match create.to {
        Some(to) => TableName {
            database: to.database.or_else(|| Some(view.database.clone())),
            table: to.table,
        },
        None => TableName { database: Some(view.database.clone()), table: inner_name(&view.name) },
    })
}

/// The first table of a query's FROM; none where it reads no table.
pub(crate) fn source_of(query: &sql::ast::Query) -> Option<&TableName> {
    let mut query = query;
    loop {
        let select = match query {
            sql::ast::Query::Select(select) => select,
            sql::ast::Query::SetOperation { left, .. } => {
                query = left;
                continue;
            }
        };
        let mut from = select.from.as_ref()?;
        let reference = loop {
            match from {
                TableExpression::Join(join) => from = &join.left,
                TableExpression::Table(reference) => break reference,
            }
        };
        match reference {
            TableReference::Table { name, .. } => return Some(name),
            TableReference::Subquery { query: inner, .. } => query = inner,
            TableReference::Function { .. } => return None,
        }
    }
}

/// A view of the table that is written.
struct Fed {
    definition: Arc<TableDefinition>,
    query: Box<sql::ast::Query>,
}

/// The rows of an insert on their way to views.
pub(crate) struct Feeding {
    source: Arc<TableDefinition>,
    views: bool,
    blocks: Vec<Block>,
    bytes: usize,
    held: base::Reservation,
}

impl Feeding {
    /// For an insert into a table.
    pub(crate) fn new(query: &Query<'_>, table: &Arc<Table>) -> Result<Feeding> {
        let source = table.definition();
        let views = !query.views_of(&source)?.is_empty();
        let held = query.budget.reservation();
        Ok(Feeding { source, views, blocks: Vec::new(), bytes: 0, held })
    }

    /// Takes rows; runs the views where there are many.
    pub(crate) fn add(
        &mut self,
        query: &Query<'_>,
        insert: &mut storage::Insert,
        block: &Block,
    ) -> Result<()> {
        if !self.views || block.rows() == 0 {
            return Ok(());
        }
        self.blocks.push(block.clone());
        self.bytes += block.memory();
        self.held.resize(self.bytes)?;
        if self.bytes > GATHERED { self.finish(query, insert) } else { Ok(()) }
    }

    /// Runs the views over the rows that are left.
    pub(crate) fn finish(&mut self, query: &Query<'_>, insert: &mut storage::Insert) -> Result<()> {
        if self.blocks.is_empty() {
            return Ok(());
        }
        self.bytes = 0;
        query.feed(insert, &self.source, std::mem::take(&mut self.blocks), 0)?;
        self.held.resize(0)
    }
}

/// A view's table, the definition that the rows are made for, and the rows.
type Made = (Arc<Table>, Arc<TableDefinition>, Vec<Block>);

impl Query<'_> {
    /// The names of the materialized views over a table.
    pub(crate) fn views_of(&self, source: &TableDefinition) -> Result<Vec<Arc<TableDefinition>>> {
        Ok(self.fed_by(source)?.into_iter().map(|fed| fed.definition).collect())
    }

    fn fed_by(&self, source: &TableDefinition) -> Result<Vec<Fed>> {
        let store = &self.engine.store;
        let mut found = Vec::new();
        for database in store.databases() {
            for table in store.tables(&database.name) {
                let definition = table.definition();
                let detached = crate::change::is_detached(&definition.name);
                if definition.engine != "MaterializedView" || detached {
                    continue;
                }
                let text = definition.query.as_deref().unwrap_or_default();
                let Statement::Query(query) = sql::parse(text)?.statement else { continue };
                let Some(name) = source_of(&query) else { continue };
                let database = name.database.as_ref().unwrap_or(&definition.database);
                if (database, &name.table) == (&source.database, &source.name) {
                    found.push(Fed { definition, query });
                }
            }
        }
        Ok(found)
    }

    /// The table that rows written to a view or a Buffer go to; other tables are their own.
    pub(crate) fn written_table(&self, table: Arc<Table>) -> Result<Arc<Table>> {
        let mut table = table;
        for _ in 0..DEPTH {
            let definition = table.definition();
            table = match definition.engine.as_str() {
                "MaterializedView" => self.stored_table(&target_name(&definition)?)?,
                "Buffer" => match self.buffer_target(&definition)? {
                    Some(target) => target,
                    None => return Ok(table),
                },
                _ => return Ok(table),
            };
        }
        bail!(TooDeepRecursion, "Views write to each other in a circle")
    }

    /// Runs the views of a table over rows that are written to it.
    fn feed(
        &self,
        insert: &mut storage::Insert,
        source: &Arc<TableDefinition>,
        blocks: Vec<Block>,
        depth: usize,
    ) -> Result<()> {
        if depth > DEPTH {
            bail!(TooDeepRecursion, "Materialized views feed each other without end");
        }
        for fed in self.fed_by(source)? {
            let about = |e: base::Error| {
                e.within(format!("while pushing to view {}", fed.definition.full_name()))
            };
            let rows = Blocks::new(&source.name, source.physical_schema(), blocks.clone());
            let inserted = table_relation(source, RelationSource::Blocks(Arc::new(rows)))?;
            let seen = Inserted { query: self, inserted, view: &fed.definition, source };
            let (target, definition, given) = self.run_view(&fed, &seen).map_err(about)?;
            insert.expect(&target, &definition)?;
            for block in &given {
                insert.write(&target, block.clone())?;
            }
            if !given.is_empty() {
                self.feed(insert, &definition, given, depth + 1)?;
            }
        }
        Ok(())
    }

    /// The rows that a view makes of inserted ones, complete for its table as that is defined.
    fn run_view(&self, fed: &Fed, seen: &Inserted<'_, '_>) -> Result<Made> {
        let target = self.stored_table(&target_name(&fed.definition)?)?;
        let target = self.written_table(target)?;
        let definition = target.definition();
        let plan = plan_query(&fed.query, seen)?;
        let (plan, names) = for_target(plan, &definition, seen)?;
        let plan = optimize(plan, seen)?;
        let defaults = Defaults::new(&definition, &names, self)?;
        let mut given = Vec::new();
        for block in seen.collect(plan)? {
            if block.rows() > 0 {
                given.push(defaults.complete(block, &[])?);
            }
        }
        Ok((target, definition, given))
    }

    /// Fills a new view with the rows that its source has already.
    pub(crate) fn populate(&mut self, target: &TableName, query: &sql::ast::Query) -> Result<()> {
        let plan = plan_query(query, self)?;
        let target = sql::ast::InsertTarget::Table(target.clone());
        let target = self.destination(&target, None)?;
        let (plan, names) = for_target(plan, &target.definition(), self)?;
        self.insert_query(&target, &names, plan)
    }
}

/// A view's columns that its table has, by name, as that table's types; and their names.
fn for_target(
    plan: Plan,
    target: &TableDefinition,
    environment: &dyn Environment,
) -> Result<(Plan, Vec<String>)> {
    let schema = plan.schema();
    let mut expressions = Vec::new();
    let mut found = Vec::new();
    let mut wanted = Vec::new();
    for (at, field) in schema.fields().iter().enumerate() {
        let Some(column) = target.column(&field.name).filter(|c| c.is_physical()) else { continue };
        expressions.push(expr::Expr::column(at, field.data_type.clone()));
        found.push(field.clone());
        wanted.push(Field::new(field.name.clone(), column.data_type.clone()));
    }
    if wanted.is_empty() {
        bail!(ThereIsNoColumn, "The view gives no column that table {} has", target.full_name());
    }
    let names = wanted.iter().map(|f| f.name.clone()).collect();
    let input = Box::new(plan);
    let plan = Plan::Project { input, expressions, schema: Schema::new(found) };
    Ok((plan::cast_columns(plan, &Schema::new(wanted), environment)?, names))
}

/// The surroundings of a view's query: its source holds the inserted rows alone.
struct Inserted<'a, 'q> {
    query: &'a Query<'q>,
    inserted: Relation,
    view: &'a TableDefinition,
    source: &'a TableDefinition,
}

impl Environment for Inserted<'_, '_> {
    fn registry(&self) -> &expr::Registry {
        &self.query.engine.registry
    }

    fn context(&self) -> &expr::FunctionContext {
        &self.query.functions
    }

    fn table(&self, name: &TableName) -> Result<Relation> {
        let database = name.database.clone().unwrap_or_else(|| self.view.database.clone());
        if (&database, &name.table) == (&self.source.database, &self.source.name) {
            return Ok(self.inserted.clone());
        }
        self.query.relation(&TableName { database: Some(database), table: name.table.clone() })
    }

    fn table_function(&self, name: &str, arguments: &[Expression]) -> Result<Relation> {
        self.query.table_function(name, arguments)
    }

    fn collect(&self, plan: Plan) -> Result<Vec<Block>> {
        self.query.collect(plan)
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        self.query.parameter(name)
    }

    fn setting(&self, name: &str) -> Option<String> {
        self.query.setting(name)
    }
}
