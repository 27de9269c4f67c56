//! Statements that change what there is: databases, tables, parts.

use std::sync::Arc;

use base::{Result, bail};
use sql::ast::{
    Drop, DropKind, ObjectKind, PartitionExpression, Rename, Statement, SystemCommand, TableName,
};
use storage::{DatabaseInfo, Table};

use crate::query::Query;

impl Query<'_> {
    /// Runs a statement that gives no rows.
    pub(crate) fn change(&mut self, statement: Statement) -> Result<()> {
        match statement {
            Statement::CreateDatabase(create) => {
                if self.engine.store.database(&create.name).is_some() && create.if_not_exists {
                    return Ok(());
                }
                self.engine.store.create_database(DatabaseInfo {
                    name: create.name,
                    comment: create.comment.unwrap_or_default(),
                    ..DatabaseInfo::default()
                })
            }
            Statement::CreateTable(create) => self.create_table(*create),
            Statement::CreateView(create) => self.create_view(*create),
            Statement::CreateDictionary(create) => self.create_dictionary(*create),
            Statement::CreateFunction(create) => self.create_function(create),
            Statement::Drop(drop) => self.drop_objects(&drop),
            Statement::Rename(rename) => self.rename(&rename),
            Statement::Optimize { table, partition, is_final, .. } => {
                self.optimize(&table, partition.map(|p| p.0), is_final)
            }
            Statement::System(command) => self.system(&command),
            Statement::Kill { mutation: false, filter } => self.kill_queries(&filter),
            Statement::Alter { table, commands, .. } => self.alter(&table, commands),
            Statement::Delete { table, filter } => {
                let table = self.stored_table(&table)?;
                let _alone = table.change_alone(&self.cancel)?;
                self.delete_rows(&table, &filter)
            }
            Statement::Update { table, assignments, filter } => {
                let table = self.stored_table(&table)?;
                self.update_rows(&table, &assignments, &filter)
            }
            other => bail!(NotImplemented, "{other} is not implemented yet"),
        }
    }

    /// OPTIMIZE: merges the parts of a table, or of one partition.
    fn optimize(
        &self,
        name: &TableName,
        partition: Option<PartitionExpression>,
        is_final: bool,
    ) -> Result<()> {
        let table = self.written_table(self.stored_table(name)?)?;
        let definition = table.definition();
        let mut ids: Vec<Option<String>> = vec![None];
        if let Some(partition) = partition {
            let chosen = self.chosen_partition(&definition, &partition)?;
            let snapshot = table.snapshot();
            let records = snapshot.parts.iter().map(|part| part.record());
            let records = records.filter(|r| chosen.matches(&r.partition, &r.partition_values));
            ids = records.map(|r| Some(r.partition.clone())).collect();
            ids.dedup();
        }
        for id in ids {
            self.engine.store.optimize(&table, id.as_deref(), is_final, &self.cancel)?;
        }
        Ok(())
    }

    /// A stored table by name.
    pub(crate) fn stored_table(&self, name: &TableName) -> Result<Arc<Table>> {
        let name = &self.named(name)?;
        let database = self.database_of(name);
        match self.engine.store.table(database, &name.table) {
            Some(table) => Ok(table),
            None => {
                // The error of a reading query names what is missing.
                self.relation(name)?;
                bail!(TableIsReadOnly, "Table {database}.{} belongs to the system", name.table)
            }
        }
    }

    fn drop_objects(&mut self, drop: &Drop) -> Result<()> {
        for name in &drop.names {
            let name = &self.named(name)?;
            match drop.object {
                ObjectKind::Database if drop.kind == DropKind::Drop => {
                    let known = self.engine.store.database(&name.table).is_some();
                    if matches!(name.table.as_str(), "system" | "default") && !known {
                        bail!(UnknownDatabase, "Database {} does not exist", name.table);
                    }
                    if name.table == "system" {
                        bail!(DatabaseAccessDenied, "Database system cannot be dropped");
                    }
                    if known || !drop.if_exists {
                        self.engine.store.drop_database(&name.table)?;
                    }
                }
                ObjectKind::Function => self.drop_function(&name.table, drop.if_exists)?,
                ObjectKind::Table | ObjectKind::View | ObjectKind::Dictionary
                    if drop.kind == DropKind::Detach =>
                {
                    self.detach(name, drop.if_exists)?;
                }
                ObjectKind::Table | ObjectKind::View | ObjectKind::Dictionary => {
                    if name.database.is_none()
                        && let Some(table) = self.session.temporary.get(&name.table)
                    {
                        if drop.kind == DropKind::Truncate {
                            table.truncate()?;
                        } else {
                            self.session.temporary.remove(&name.table);
                        }
                        continue;
                    }
                    let database = self.database_of(name);
                    let known = self.engine.store.table(database, &name.table).is_some();
                    if !known && drop.if_exists {
                        continue;
                    }
                    let table = self.stored_table(name)?;
                    let is_dictionary = table.definition().engine == "Dictionary";
                    if drop.object == ObjectKind::Dictionary && !is_dictionary {
                        bail!(
                            BadArguments,
                            "{} is no dictionary: drop it as a table",
                            table.definition().full_name()
                        );
                    }
                    self.engine.dictionaries.forget(Some((database, &name.table)));
                    if drop.kind == DropKind::Truncate {
                        let table = match table.definition().engine.as_str() {
                            "Buffer" => table,
                            _ => self.written_table(table)?,
                        };
                        let _alone = table.change_alone(&self.cancel)?;
                        self.engine.store.truncate(&table)?;
                    } else {
                        self.engine.store.drop_table(database, &name.table)?;
                        self.drop_inner(&table)?;
                    }
                }
                _ if drop.if_exists => {}
                other => bail!(NotImplemented, "DROP of a {other:?} is not implemented yet"),
            }
        }
        Ok(())
    }

    /// DETACH TABLE: the table stands under a hidden name until it is attached again.
    fn detach(&self, name: &TableName, if_exists: bool) -> Result<()> {
        let database = self.database_of(name).to_owned();
        if if_exists && self.engine.store.table(&database, &name.table).is_none() {
            return Ok(());
        }
        self.stored_table(name)?;
        let hidden = (database.clone(), detached_name(&name.table));
        self.engine.store.rename_tables(&[((database, name.table.clone()), hidden)])
    }

    /// ATTACH TABLE of a detached table; whether there was one.
    ///
    /// # Errors
    /// TABLE_ALREADY_EXISTS
    pub(crate) fn attach(&self, name: &TableName) -> Result<bool> {
        let database = self.database_of(name).to_owned();
        let hidden = detached_name(&name.table);
        if self.engine.store.table(&database, &hidden).is_none() {
            return Ok(false);
        }
        let back = ((database.clone(), hidden), (database, name.table.clone()));
        self.engine.store.rename_tables(&[back])?;
        Ok(true)
    }

    /// Drops what a materialized view kept its rows in, where that was its own.
    pub(crate) fn drop_inner(&self, view: &Table) -> Result<()> {
        let about = view.definition();
        let inner = crate::materialized::inner_name(&about.name);
        if about.engine == "MaterializedView"
            && crate::materialized::target_name(&about)?.table == inner
            && self.engine.store.table(&about.database, &inner).is_some()
        {
            self.engine.store.drop_table(&about.database, &inner)?;
        }
        Ok(())
    }

    fn rename(&self, rename: &Rename) -> Result<()> {
        if rename.object == ObjectKind::Database {
            for (from, to) in &rename.pairs {
                self.engine.store.rename_database(&from.table, &to.table)?;
            }
            return Ok(());
        }
        let full = |name: &TableName| (self.database_of(name).to_owned(), name.table.clone());
        let mut pairs = Vec::new();
        for (from, to) in &rename.pairs {
            let table = self.stored_table(from)?.definition();
            pairs.push((full(from), full(to)));
            if table.engine == "MaterializedView" {
                let inner = |name: &str| crate::materialized::inner_name(name);
                let (old, new) = (full(from), full(to));
                if self.engine.store.table(&old.0, &inner(&old.1)).is_some() {
                    pairs.push(((old.0, inner(&old.1)), (new.0, inner(&new.1))));
                }
            }
            if rename.exchange {
                self.stored_table(to)?;
                pairs.push((full(to), full(from)));
            }
        }
        self.engine.store.rename_tables(&pairs)
    }

    fn system(&self, command: &SystemCommand) -> Result<()> {
        let store = &self.engine.store;
        match command.words.as_str() {
            "STOP MERGES" | "START MERGES" => {
                let table = match &command.table {
                    Some(name) => Some(self.stored_table(name)?),
                    None => None,
                };
                if command.words == "STOP MERGES" {
                    store.stop_merges(table.as_deref());
                } else {
                    store.start_merges(table.as_deref());
                }
                Ok(())
            }
            "DROP MARK CACHE" | "DROP UNCOMPRESSED CACHE" => {
                self.engine.caches.clear_translations();
                Ok(())
            }
            "DROP QUERY CACHE" => {
                self.engine.answers.clear(command.tag.as_deref());
                Ok(())
            }
            "DROP QUERY CONDITION CACHE" | "DROP FILTER CACHE" => {
                self.engine.caches.clear_filters();
                Ok(())
            }
            "DROP PARTIAL AGGREGATE CACHE" => {
                self.engine.caches.clear_partials();
                Ok(())
            }
            "FLUSH ASYNC INSERT QUEUE" => {
                self.engine.flush_async_inserts();
                Ok(())
            }
            "RELOAD DICTIONARY" => self.reload_dictionaries(command.table.as_ref()),
            "RELOAD DICTIONARIES" => self.reload_dictionaries(None),
            "FLUSH LOGS" | "RELOAD CONFIG" => Ok(()),
            other => bail!(NotImplemented, "SYSTEM {other} is not implemented"),
        }
    }

    /// `KILL QUERY WHERE ...`: the condition is asked of system.processes.
    fn kill_queries(&self, filter: &sql::ast::Expression) -> Result<()> {
        let text = format!("SELECT query_id FROM system.processes WHERE {filter}");
        let parsed = sql::parse(&text)?;
        let Statement::Query(query) = parsed.statement else { bail!(LogicalError, "no query") };
        let plan = plan::optimize(plan::plan_query(&query, self)?, self)?;
        for block in plan::Environment::collect(self, plan)? {
            for row in 0..block.rows() {
                if let Some(id) = block.column(0).value(&types::DataType::String, row)?.as_str()
                    && id != self.functions.query_id
                {
                    self.engine.kill(id);
                }
            }
        }
        Ok(())
    }
}

/// Under which name a table stands while it is detached.
fn detached_name(name: &str) -> String {
    format!("{DETACHED}{name}")
}

/// How names of detached tables begin.
const DETACHED: &str = ".detached.";

/// Whether a table is detached, or no table but a function, so that nobody sees it.
pub(crate) fn is_detached(name: &str) -> bool {
    name.starts_with(DETACHED) || name.starts_with(crate::defined_function::HIDDEN)
}
