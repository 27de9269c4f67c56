//! Dictionaries: CREATE and DROP, and rows that are kept in memory and loaded anew when they may have changed.
//!
//! A dictionary is a definition without rows of its own. Its rows are loaded at the first use, and again
//! 1. after `SYSTEM RELOAD DICTIONARY`, or when it is defined anew;
//! 2. with LAYOUT(DIRECT()) whenever its source may have changed;
//! 3. else when the longest time of its LIFETIME is over and its source may have changed.

mod define;
mod load;

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Instant;

use arrow_array::Array;
use base::{MemoryBudget, Reservation, Result, bail};
use expr::{Lookup, LookupSource};
use parking_lot::Mutex;
use plan::Relation;
use sql::ast::{CreateDictionary, Statement, TableName};
use storage::{Table, TableDefinition};
use types::{Block, Column, Field, Schema};

use crate::engine::Engine;
use crate::query::Query;
use crate::relation::{Blocks, block_relation};

/// Rows that were loaded, by database and name.
#[derive(Default)]
pub(crate) struct Dictionaries {
    loaded: Mutex<HashMap<(String, String), Loaded>>,
}

#[derive(Clone)]
struct Loaded {
    /// The statement that made the definition.
    definition: String,
    at: Instant,
    /// The version of the source, where it has one.
    version: Option<u64>,
    lookup: Arc<Lookup>,
    /// Its bytes in the server's budget.
    held: Arc<Reservation>,
}

/// Bytes of a row's entry in the index, about.
const INDEX_ENTRY: usize = 64;

/// The memory of rows that are kept.
fn memory_of(lookup: &Lookup) -> usize {
    let values = lookup.attributes.iter().map(|attribute| &attribute.values);
    let columns = lookup.key_values.iter().chain(values);
    columns.map(|column| column.get_array_memory_size()).sum::<usize>() + lookup.rows * INDEX_ENTRY
}

thread_local! {
    /// What this thread is loading, outermost first.
    static LOADING: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// What functions look values up in, as they find it by name.
pub(crate) struct EngineLookups(pub(crate) Weak<Engine>);

impl LookupSource for EngineLookups {
    fn dictionary(&self, database: &str, name: &str) -> Result<Arc<Lookup>> {
        let Some(engine) = self.0.upgrade() else { bail!(Aborted, "The engine is being closed") };
        let Some(table) = find(&engine, database, name) else {
            bail!(BadArguments, "Dictionary (`{name}`) not found");
        };
        rows_of(&engine, &table.definition())
    }

    fn join_table(&self, database: &str, name: &str) -> Result<Arc<Lookup>> {
        let Some(engine) = self.0.upgrade() else { bail!(Aborted, "The engine is being closed") };
        let found = split(database, name).find_map(|(d, t)| engine.store.table(&d, &t));
        let Some(table) = found else {
            bail!(UnknownTable, "Table {database}.{name} does not exist");
        };
        let snapshot = table.snapshot();
        let about = &snapshot.definition;
        if about.engine != "Join" {
            bail!(TypeMismatch, "Table {} is not of the engine Join", about.full_name());
        }
        engine.dictionaries.get(
            &engine.budget,
            about,
            Some(snapshot.rows_version),
            |known| known.version == Some(snapshot.rows_version),
            || load::join_table(&engine, about),
        )
    }
}

/// What a name with or without a database can mean.
fn split(database: &str, name: &str) -> impl Iterator<Item = (String, String)> + use<> {
    let plain = (database.to_owned(), name.to_owned());
    let with = name.split_once('.').map(|(d, t)| (d.to_owned(), t.to_owned()));
    std::iter::once(plain).chain(with)
}

/// A dictionary by name.
fn find(engine: &Engine, database: &str, name: &str) -> Option<Arc<Table>> {
    split(database, name)
        .filter_map(|(database, name)| engine.store.table(&database, &name))
        .find(|table| table.definition().engine == "Dictionary")
}

/// The statement of a definition.
fn statement(definition: &TableDefinition) -> Result<CreateDictionary> {
    match sql::parse(&definition.create_sql)?.statement {
        Statement::CreateDictionary(create) => Ok(*create),
        _ => bail!(LogicalError, "{} is no dictionary", definition.full_name()),
    }
}

impl Dictionaries {
    /// The rows of a definition: those at hand if they will do, else loaded.
    fn get(
        &self,
        budget: &MemoryBudget,
        definition: &TableDefinition,
        version: Option<u64>,
        fresh: impl FnOnce(&Loaded) -> bool,
        load: impl FnOnce() -> Result<Lookup>,
    ) -> Result<Arc<Lookup>> {
        let key = (definition.database.clone(), definition.name.clone());
        let known = self.loaded.lock().get(&key).cloned();
        if let Some(known) = known.filter(|k| k.definition == definition.create_sql)
            && fresh(&known)
        {
            return Ok(known.lookup);
        }
        let name = definition.full_name();
        if LOADING.with_borrow(|loading| loading.contains(&name)) {
            bail!(BadArguments, "{name}: a dictionary cannot be its own source");
        }
        LOADING.with_borrow_mut(|loading| loading.push(name));
        let loaded = load();
        LOADING.with_borrow_mut(|loading| loading.pop());
        let lookup = Arc::new(loaded?);
        let mut held = budget.reservation();
        held.resize(memory_of(&lookup))?;
        let entry = Loaded {
            definition: definition.create_sql.clone(),
            at: Instant::now(),
            version,
            lookup: lookup.clone(),
            held: Arc::new(held),
        };
        self.loaded.lock().insert(key, entry);
        Ok(lookup)
    }

    /// Forgets the rows of one, or of all.
    pub(crate) fn forget(&self, name: Option<(&str, &str)>) {
        let mut loaded = self.loaded.lock();
        match name {
            Some((database, name)) => {
                loaded.remove(&(database.to_owned(), name.to_owned()));
            }
            None => loaded.clear(),
        }
    }

    /// How many rows were loaded of one and their bytes, if it is.
    fn size(&self, definition: &TableDefinition) -> Option<(usize, usize)> {
        let key = (definition.database.clone(), definition.name.clone());
        self.loaded.lock().get(&key).map(|loaded| (loaded.lookup.rows, loaded.held.bytes()))
    }
}

/// The rows of a dictionary.
pub(crate) fn rows_of(engine: &Arc<Engine>, definition: &TableDefinition) -> Result<Arc<Lookup>> {
    let create = statement(definition)?;
    let version = load::source_version(engine, &create, &definition.database);
    let direct = create.layout.as_ref().is_some_and(|layout| layout.kind.ends_with("DIRECT"));
    let longest = create.lifetime.map_or(0, |(_, longest)| longest);
    let fresh = |known: &Loaded| {
        let same = version.is_some() && known.version == version;
        let old = longest > 0 && known.at.elapsed().as_secs() >= longest;
        same || !(direct || old)
    };
    engine.dictionaries.get(&engine.budget, definition, version, fresh, || {
        load::dictionary(engine, definition, &create)
    })
}

impl Query<'_> {
    /// A dictionary's rows as a query reads them.
    pub(crate) fn dictionary_rows(&self, definition: &TableDefinition) -> Result<Blocks> {
        let lookup = rows_of(&self.engine, definition)?;
        let mut fields = Vec::with_capacity(definition.columns.len());
        let mut columns = Vec::with_capacity(definition.columns.len());
        for column in &definition.columns {
            let key = lookup.keys.iter().position(|k| k.name == column.name);
            let attribute = lookup.attribute(&column.name);
            let values = match (key, attribute) {
                (Some(at), _) => lookup.key_values[at].clone(),
                (None, Some(at)) => lookup.attributes[at].values.clone(),
                (None, None) => bail!(LogicalError, "a dictionary without {}", column.name),
            };
            fields.push(Field::new(column.name.clone(), column.data_type.clone()));
            columns.push(Column::Flat(values));
        }
        let block = Block::new(columns, lookup.rows);
        Ok(Blocks::new(&definition.name, Schema::new(fields), vec![block]))
    }

    /// A dictionary as a query sees it.
    pub(crate) fn dictionary_relation(&self, definition: &TableDefinition) -> Result<Relation> {
        let rows = Arc::new(self.dictionary_rows(definition)?);
        Ok(block_relation(Some(&definition.database), &definition.name, rows))
    }

    /// The dictionary of `dictionary('name')`.
    pub(crate) fn named_dictionary(&self, name: &str) -> Result<Arc<Table>> {
        match find(&self.engine, &self.database, name) {
            Some(table) => Ok(table),
            None => bail!(BadArguments, "Dictionary (`{name}`) not found"),
        }
    }

    /// `SYSTEM RELOAD DICTIONARY name`, or of all; they are loaded at their next use.
    pub(crate) fn reload_dictionaries(&self, name: Option<&TableName>) -> Result<()> {
        let Some(name) = name else {
            self.engine.dictionaries.forget(None);
            return Ok(());
        };
        let database = self.database_of(name);
        let table = self.engine.store.table(database, &name.table);
        if table.is_none_or(|table| table.definition().engine != "Dictionary") {
            bail!(BadArguments, "Dictionary (`{database}.{}`) not found", name.table);
        }
        self.engine.dictionaries.forget(Some((database, &name.table)));
        Ok(())
    }
}

/// Rows of system.dictionaries.
pub(crate) fn listed(query: &Query<'_>) -> Result<Vec<Vec<types::Value>>> {
    use crate::system::{number, text};
    let list =
        |names: Vec<&str>| types::Value::Array(names.into_iter().map(types::Value::from).collect());
    let mut rows = Vec::new();
    let store = &query.engine.store;
    for table in store.databases().into_iter().flat_map(|d| store.tables(&d.name)) {
        let about = table.definition();
        if about.engine != "Dictionary" || crate::change::is_detached(&about.name) {
            continue;
        }
        let create = statement(&about)?;
        let is_key = |name: &str| create.primary_key.iter().any(|key| key == name);
        let (keys, attributes): (Vec<_>, Vec<_>) =
            create.columns.iter().partition(|column| is_key(&column.name));
        let names = |columns: &[&sql::ast::DictionaryColumn]| {
            list(columns.iter().map(|c| c.name.as_str()).collect())
        };
        let kinds = |columns: &[&sql::ast::DictionaryColumn]| {
            list(columns.iter().map(|c| c.data_type.as_str()).collect())
        };
        let loaded = query.engine.dictionaries.size(&about);
        let (least, longest) = create.lifetime.unwrap_or_default();
        let source = create.source.as_ref().map(ToString::to_string).unwrap_or_default();
        rows.push(vec![
            text(&about.database),
            text(&about.name),
            text(&about.uuid),
            text(if loaded.is_some() { "LOADED" } else { "NOT_LOADED" }),
            text(about.full_name()),
            text(define::layout_name(&create)),
            names(&keys),
            kinds(&keys),
            names(&attributes),
            kinds(&attributes),
            number(loaded.map_or(0, |(rows, _)| rows)),
            number(loaded.map_or(0, |(_, bytes)| bytes)),
            text(source),
            number(least),
            number(longest),
            text(&about.comment),
        ]);
    }
    Ok(rows)
}
