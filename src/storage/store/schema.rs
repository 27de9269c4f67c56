//! Databases and tables: created, dropped, renamed, changed. Each call is one commit.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::{Result, bail, error};

use super::{Database, Names, Store, Transaction};
use crate::catalog::{Change, TableState};
use crate::definition::{DatabaseInfo, EngineKind, TableDefinition};
use crate::part::{Part, parts_folder, table_folder};
use crate::table::Table;

/// A table's name: database and name.
pub type FullName = (String, String);

impl Store {
    /// Creates a database.
    ///
    /// # Errors
    /// DATABASE_ALREADY_EXISTS
    pub fn create_database(&self, info: DatabaseInfo) -> Result<()> {
        let _commit = self.commit_lock.lock();
        if self.names.read().databases.contains_key(&info.name) {
            bail!(DatabaseAlreadyExists, "Database {} already exists", info.name);
        }
        self.commit_schema(vec![Change::PutDatabase(info.clone())], |names, _| {
            names.databases.insert(info.name.clone(), Database { info, tables: BTreeMap::new() });
        })
    }

    /// Drops a database with all its tables.
    ///
    /// # Errors
    /// UNKNOWN_DATABASE
    pub fn drop_database(&self, name: &str) -> Result<()> {
        let _commit = self.commit_lock.lock();
        let tables = match self.names.read().databases.get(name) {
            None => bail!(UnknownDatabase, "Database {name} does not exist"),
            Some(database) => database.tables.values().cloned().collect::<Vec<_>>(),
        };
        let mut changes = vec![Change::RemoveDatabase(name.to_owned())];
        changes.extend(tables.iter().map(|t| Change::RemoveTable(t.uuid().to_owned())));
        self.commit_schema(changes, |names, _| {
            names.databases.remove(name);
        })?;
        tables.iter().for_each(|t| self.forget_table(t));
        Ok(())
    }

    /// Renames a database; its tables go with it.
    ///
    /// # Errors
    /// UNKNOWN_DATABASE, DATABASE_ALREADY_EXISTS
    pub fn rename_database(&self, from: &str, to: &str) -> Result<()> {
        let _commit = self.commit_lock.lock();
        let (mut info, tables) = {
            let names = self.names.read();
            let Some(database) = names.databases.get(from) else {
                bail!(UnknownDatabase, "Database {from} does not exist");
            };
            if names.databases.contains_key(to) {
                bail!(DatabaseAlreadyExists, "Database {to} already exists");
            }
            (database.info.clone(), database.tables.values().cloned().collect::<Vec<_>>())
        };
        info.name = to.to_owned();
        let mut changes =
            vec![Change::RemoveDatabase(from.to_owned()), Change::PutDatabase(info.clone())];
        let renamed: Vec<(Arc<Table>, Arc<TableDefinition>)> = tables
            .into_iter()
            .map(|table| {
                let mut definition = table.definition().as_ref().clone();
                definition.database = to.to_owned();
                (table, Arc::new(definition))
            })
            .collect();
        changes.extend(renamed.iter().map(|(_, d)| Change::PutTable(d.clone())));
        self.commit_schema(changes, |names, version| {
            if let Some(mut database) = names.databases.remove(from) {
                database.info = info;
                names.databases.insert(to.to_owned(), database);
            }
            renamed.iter().for_each(|(table, d)| redefine(table, d, None, version));
        })
    }

    /// Creates a table. Where `uuid` is empty the store chooses one.
    ///
    /// # Errors
    /// UNKNOWN_DATABASE, TABLE_ALREADY_EXISTS, and what is wrong with the definition.
    pub fn create_table(&self, mut definition: TableDefinition) -> Result<Arc<Table>> {
        let _commit = self.commit_lock.lock();
        if definition.uuid.is_empty() {
            definition.uuid = crate::part::new::new_uuid();
        }
        definition.validate()?;
        if definition.uuid.contains(['/', '.']) || self.table_by_uuid(&definition.uuid).is_some() {
            bail!(TableAlreadyExists, "There is a table with uuid {} already", definition.uuid);
        }
        {
            let names = self.names.read();
            let Some(database) = names.databases.get(&definition.database) else {
                bail!(UnknownDatabase, "Database {} does not exist", definition.database);
            };
            if database.tables.contains_key(&definition.name) {
                bail!(TableAlreadyExists, "Table {} already exists", definition.full_name());
            }
        }
        // The folders must be durable before a part is renamed into them.
        if definition.engine_kind() == EngineKind::Parts {
            let disk = &self.context.disk;
            disk.create_folder(&parts_folder(&definition.uuid))?;
            disk.sync_folder(&table_folder(&definition.uuid))?;
            disk.sync_folder("tables")?;
        }
        let definition = Arc::new(definition);
        let state = TableState { last_block: 0, next_column_id: next_id(&definition, 0) };
        let changes = vec![
            Change::PutTable(definition.clone()),
            Change::PutState(definition.uuid.clone(), state),
        ];
        let mut created = None;
        self.commit_schema(changes, |names, version| {
            let table = Table::new(definition.clone(), state, Vec::new(), version);
            if let Some(database) = names.databases.get_mut(&definition.database) {
                database.tables.insert(definition.name.clone(), table.clone());
            }
            created = Some(table);
        })?;
        created.ok_or_else(|| base::Error::logical("a table was not created"))
    }

    /// Drops a table. Who reads it may go on; its files go with the last reader.
    ///
    /// # Errors
    /// UNKNOWN_TABLE
    pub fn drop_table(&self, database: &str, name: &str) -> Result<()> {
        let _commit = self.commit_lock.lock();
        let table = self.require_table(database, name)?;
        let changes = vec![Change::RemoveTable(table.uuid().to_owned())];
        self.commit_schema(changes, |names, _| {
            if let Some(database) = names.databases.get_mut(database) {
                database.tables.remove(name);
            }
        })?;
        self.forget_table(&table);
        Ok(())
    }

    /// Renames tables, all at once; names may be exchanged or go round.
    ///
    /// # Errors
    /// UNKNOWN_TABLE, UNKNOWN_DATABASE, TABLE_ALREADY_EXISTS
    pub fn rename_tables(&self, renames: &[(FullName, FullName)]) -> Result<()> {
        let _commit = self.commit_lock.lock();
        let mut moved: Vec<(Arc<Table>, Arc<TableDefinition>)> = Vec::new();
        for (from, to) in renames {
            let table = self.require_table(&from.0, &from.1)?;
            let names = self.names.read();
            let Some(database) = names.databases.get(&to.0) else {
                bail!(UnknownDatabase, "Database {} does not exist", to.0);
            };
            let leaves = renames.iter().any(|(other, _)| other == to);
            let arrives = renames.iter().filter(|(_, other)| other == to).count();
            if (database.tables.contains_key(&to.1) && !leaves) || arrives > 1 {
                bail!(TableAlreadyExists, "Table {}.{} already exists", to.0, to.1);
            }
            let mut definition = table.definition().as_ref().clone();
            (definition.database, definition.name) = to.clone();
            moved.push((table, Arc::new(definition)));
        }
        let changes = moved.iter().map(|(_, d)| Change::PutTable(d.clone())).collect();
        self.commit_schema(changes, |names, version| {
            for (from, _) in renames {
                if let Some(database) = names.databases.get_mut(&from.0) {
                    database.tables.remove(&from.1);
                }
            }
            for (table, definition) in &moved {
                redefine(table, definition, None, version);
                if let Some(database) = names.databases.get_mut(&definition.database) {
                    database.tables.insert(definition.name.clone(), table.clone());
                }
            }
        })
    }

    /// Gives a table another definition: columns added, dropped, renamed, settings, comments. Parts are
    /// not rewritten: a column with an id that a part does not have reads as its default.
    ///
    /// # Errors
    /// UNKNOWN_TABLE, and what is wrong with the definition.
    pub fn alter_definition(&self, table: &Arc<Table>, definition: TableDefinition) -> Result<()> {
        let _commit = self.commit_lock.lock();
        definition.validate()?;
        let old = table.definition();
        if table.is_dropped() {
            bail!(UnknownTable, "Table {} does not exist", old.full_name());
        }
        if (&definition.uuid, &definition.database, &definition.name)
            != (&old.uuid, &old.database, &old.name)
        {
            bail!(LogicalError, "alter_definition does not rename {}", old.full_name());
        }
        let before = table.state();
        let state =
            TableState { next_column_id: next_id(&definition, before.next_column_id), ..before };
        let definition = Arc::new(definition);
        let changes = vec![
            Change::PutTable(definition.clone()),
            Change::PutState(definition.uuid.clone(), state),
        ];
        self.commit_schema(changes, |_, version| redefine(table, &definition, Some(state), version))
    }

    /// Changes what is known of a database: its comment.
    ///
    /// # Errors
    /// UNKNOWN_DATABASE
    pub fn alter_database(&self, info: DatabaseInfo) -> Result<()> {
        let _commit = self.commit_lock.lock();
        if self.database(&info.name).is_none() {
            bail!(UnknownDatabase, "Database {} does not exist", info.name);
        }
        self.commit_schema(vec![Change::PutDatabase(info.clone())], |names, _| {
            if let Some(database) = names.databases.get_mut(&info.name) {
                database.info = info;
            }
        })
    }

    /// Removes all rows.
    pub fn truncate(&self, table: &Arc<Table>) -> Result<()> {
        self.drop_parts(table, |_| true)?;
        Ok(())
    }

    /// Removes the rows of the parts that are chosen; how many parts those were.
    pub fn drop_parts(&self, table: &Arc<Table>, choose: impl Fn(&Part) -> bool) -> Result<usize> {
        let _commit = self.commit_lock.lock();
        let snapshot = table.snapshot();
        let mut transaction = Transaction::default();
        let chosen = snapshot.parts.iter().filter(|p| choose(p));
        let count = chosen.map(|p| transaction.remove_part(table, p.id())).count();
        if count > 0 {
            self.commit_transaction(transaction)?;
        }
        if table.engine_kind() == EngineKind::Memory && !snapshot.memory.is_empty() {
            let version = self.version() + 1;
            let _visible = self.visible.write();
            let clear = |s: &mut crate::table::TableSnapshot| {
                s.memory.clear();
                (s.version, s.rows_version) = (version, version);
            };
            table.show(clear, table.state());
            self.set_version(version);
        }
        Ok(count)
    }

    /// Stores bytes under a name, or removes them; all of them at once.
    pub fn put_extras(&self, extras: Vec<(String, Option<Vec<u8>>)>) -> Result<()> {
        let _commit = self.commit_lock.lock();
        let change = |(name, value)| match value {
            Some(value) => Change::PutExtra(name, value),
            None => Change::RemoveExtra(name),
        };
        self.commit_schema(extras.into_iter().map(change).collect(), |_, _| {})
    }

    fn require_table(&self, database: &str, name: &str) -> Result<Arc<Table>> {
        self.table(database, name)
            .ok_or_else(|| error!(UnknownTable, "Table {database}.{name} does not exist"))
    }

    /// Commits changes of names and definitions and then shows them.
    fn commit_schema(
        &self,
        changes: Vec<Change>,
        apply: impl FnOnce(&mut Names, u64),
    ) -> Result<()> {
        let version = self.version() + 1;
        self.catalog.commit(&changes, version)?;
        let mut names = self.names.write();
        let _visible = self.visible.write();
        apply(&mut names, version);
        self.set_version(version);
        Ok(())
    }

    /// Lets the files of a dropped table go. Parts that are still read keep theirs until then; what
    /// is left is removed at the next start.
    fn forget_table(&self, table: &Arc<Table>) {
        table.set_dropped();
        let disk = &self.context.disk;
        if disk.list(&parts_folder(table.uuid())).is_ok_and(|left| left.is_empty()) {
            let _ = disk.remove(&table_folder(table.uuid()));
        }
    }
}

pub(super) fn next_id(definition: &TableDefinition, before: u32) -> u32 {
    definition.ids().map(|id| id.saturating_add(1)).max().unwrap_or(0).max(before)
}

fn redefine(
    table: &Table,
    definition: &Arc<TableDefinition>,
    state: Option<TableState>,
    version: u64,
) {
    let state = state.unwrap_or_else(|| table.state());
    let apply = |snapshot: &mut crate::table::TableSnapshot| {
        snapshot.definition = definition.clone();
        (snapshot.version, snapshot.rows_version) = (version, version);
    };
    table.show(apply, state);
}
