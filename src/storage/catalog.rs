//! The catalog: which databases, tables and parts there are, in one ACID key-value file.
//!
//! Every change is one redb write transaction with immediate durability, which also raises the
//! version. It is written in two phases: one sync more, but then damage after a crash cannot be
//! taken for a torn commit and undo what was acknowledged. Values are JSON, so that fields can be
//! added; keys and their order:
//!
//! ```text
//! meta        "format" -> 1, "version" -> number of the last commit
//! databases   name -> DatabaseInfo
//! tables      uuid -> TableDefinition
//! states      uuid -> TableState
//! parts       (uuid of the table, part id) -> PartRecord
//! redo        (uuid of the table, part id) -> the bytes of a small part's file until it is synced
//! tokens      (uuid of the table, number) -> deduplication token
//! token_index (uuid of the table, token) -> number
//! extras      name -> bytes of the rooms above
//! ```

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use base::{Error, Result, bail, error};
use redb::{
    Database, Durability, ReadableDatabase, ReadableTable, StorageBackend,
    TableDefinition as RedbTable, WriteTransaction,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::definition::{DatabaseInfo, TableDefinition};
use crate::part::PartRecord;

const FORMAT: u64 = 1;
/// So many deduplication tokens are remembered for a table.
const TOKEN_WINDOW: u64 = 10_000;

const META: RedbTable<&str, u64> = RedbTable::new("meta");
const DATABASES: RedbTable<&str, &[u8]> = RedbTable::new("databases");
const TABLES: RedbTable<&str, &[u8]> = RedbTable::new("tables");
const STATES: RedbTable<&str, &[u8]> = RedbTable::new("states");
const PARTS: RedbTable<(&str, &str), &[u8]> = RedbTable::new("parts");
const REDO: RedbTable<(&str, &str), &[u8]> = RedbTable::new("redo");
const TOKENS: RedbTable<(&str, u64), &str> = RedbTable::new("tokens");
const TOKEN_INDEX: RedbTable<(&str, &str), u64> = RedbTable::new("token_index");
const EXTRAS: RedbTable<&str, &[u8]> = RedbTable::new("extras");

/// Counters of a table that only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct TableState {
    /// The block number of the last part.
    pub last_block: u64,
    /// Greater than every column id that was ever used.
    pub next_column_id: u32,
}

/// One step of a commit.
pub(crate) enum Change {
    PutDatabase(DatabaseInfo),
    RemoveDatabase(String),
    PutTable(Arc<TableDefinition>),
    /// Removes the definition and everything that hangs on it.
    RemoveTable(String),
    PutState(String, TableState),
    PutPart(Arc<PartRecord>),
    RemovePart {
        table: String,
        id: String,
    },
    /// Keeps the bytes of a small part's file.
    PutRedo {
        table: String,
        id: String,
        bytes: Vec<u8>,
    },
    /// The file is synced or gone.
    RemoveRedo {
        table: String,
        id: String,
    },
    AddToken {
        table: String,
        token: String,
    },
    PutExtra(String, Vec<u8>),
    RemoveExtra(String),
}

/// Everything that is read at start.
pub(crate) struct Content {
    pub version: u64,
    pub databases: Vec<DatabaseInfo>,
    pub tables: Vec<(TableDefinition, TableState)>,
    pub parts: Vec<PartRecord>,
}

pub(crate) struct Catalog {
    database: Database,
}

impl fmt::Debug for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Catalog")
    }
}

fn failed(error: impl Into<redb::Error>) -> Error {
    match error.into() {
        redb::Error::Corrupted(message) => error!(
            CorruptedCatalog,
            "The catalog is damaged: {message}; `granary recover` can rebuild it from the parts"
        ),
        other @ (redb::Error::TableTypeMismatch { .. }
        | redb::Error::TypeDefinitionChanged { .. }
        | redb::Error::TableIsMultimap(_)
        | redb::Error::UpgradeRequired(_)) => error!(
            CorruptedCatalog,
            "The catalog is damaged: {other}; `granary recover` can rebuild it from the parts"
        ),
        other => error!(CannotWriteToFileDescriptor, "The catalog cannot be used: {other}"),
    }
}

fn to_json<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|e| Error::logical(format!("catalog entry: {e}")))
}

fn from_json<T: DeserializeOwned>(what: &str, name: &str, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|e| {
        error!(CorruptedCatalog, "The catalog's entry of {what} {name} cannot be read: {e}")
    })
}

impl Catalog {
    /// Opens the catalog's file, which is created where it is missing. All of it is verified, for a
    /// wrong list of parts would let the start remove parts that were acknowledged.
    pub(crate) fn open(path: &Path) -> Result<Catalog> {
        let database = Database::builder()
            .set_cache_size(64 << 20)
            .set_check_integrity_on_open(true)
            .create(path)
            .map_err(|e| failed(e).within(path.display()))?;
        Catalog::start(database).map_err(|e| e.within(path.display()))
    }

    /// Opens a catalog on another backend.
    pub(crate) fn open_backend(backend: impl StorageBackend) -> Result<Catalog> {
        let database = Database::builder()
            .set_cache_size(16 << 20)
            .create_with_backend(backend)
            .map_err(failed)?;
        Catalog::start(database)
    }

    /// Makes all tables, so that reading never meets a missing one, and checks the format.
    fn start(database: Database) -> Result<Catalog> {
        let mut write = database.begin_write().map_err(failed)?;
        write.set_two_phase_commit(true);
        {
            let mut meta = write.open_table(META).map_err(failed)?;
            let format = meta.get("format").map_err(failed)?.map(|v| v.value());
            match format {
                None => {
                    meta.insert("format", FORMAT).map_err(failed)?;
                }
                Some(FORMAT) => {}
                Some(other) => bail!(
                    CorruptedCatalog,
                    "The catalog has format {other}; this program reads format {FORMAT}"
                ),
            }
            write.open_table(DATABASES).map_err(failed)?;
            write.open_table(TABLES).map_err(failed)?;
            write.open_table(STATES).map_err(failed)?;
            write.open_table(PARTS).map_err(failed)?;
            write.open_table(REDO).map_err(failed)?;
            write.open_table(TOKENS).map_err(failed)?;
            write.open_table(TOKEN_INDEX).map_err(failed)?;
            write.open_table(EXTRAS).map_err(failed)?;
        }
        write.commit().map_err(failed)?;
        Ok(Catalog { database })
    }

    /// Reads everything.
    pub(crate) fn load(&self) -> Result<Content> {
        let read = self.database.begin_read().map_err(failed)?;
        let version = {
            let meta = read.open_table(META).map_err(failed)?;
            meta.get("version").map_err(failed)?.map_or(0, |v| v.value())
        };
        let mut databases = Vec::new();
        for entry in read.open_table(DATABASES).map_err(failed)?.iter().map_err(failed)? {
            let (name, value) = entry.map_err(failed)?;
            databases.push(from_json("database", name.value(), value.value())?);
        }
        let states = read.open_table(STATES).map_err(failed)?;
        let mut tables = Vec::new();
        for entry in read.open_table(TABLES).map_err(failed)?.iter().map_err(failed)? {
            let (uuid, value) = entry.map_err(failed)?;
            let definition = from_json("table", uuid.value(), value.value())?;
            let state = match states.get(uuid.value()).map_err(failed)? {
                Some(state) => from_json("table", uuid.value(), state.value())?,
                None => TableState::default(),
            };
            tables.push((definition, state));
        }
        let mut parts = Vec::new();
        for entry in read.open_table(PARTS).map_err(failed)?.iter().map_err(failed)? {
            let (key, value) = entry.map_err(failed)?;
            parts.push(from_json("part", key.value().1, value.value())?);
        }
        Ok(Content { version, databases, tables, parts })
    }

    /// Makes all changes at once and durably, as the version of that number.
    pub(crate) fn commit(&self, changes: &[Change], version: u64) -> Result<()> {
        let mut write = self.database.begin_write().map_err(failed)?;
        write
            .set_durability(Durability::Immediate)
            .map_err(|e| Error::logical(format!("catalog: {e}")))?;
        write.set_two_phase_commit(true);
        for change in changes {
            apply(&write, change)?;
        }
        {
            let mut meta = write.open_table(META).map_err(failed)?;
            meta.insert("version", version).map_err(failed)?;
        }
        write.commit().map_err(failed)
    }

    /// The bytes of a part's file, if they are kept.
    pub(crate) fn redo(&self, table: &str, id: &str) -> Result<Option<Vec<u8>>> {
        let read = self.database.begin_read().map_err(failed)?;
        let redo = read.open_table(REDO).map_err(failed)?;
        Ok(redo.get((table, id)).map_err(failed)?.map(|bytes| bytes.value().to_vec()))
    }

    /// The parts whose bytes are kept, as uuid of the table and id.
    pub(crate) fn redo_keys(&self) -> Result<Vec<(String, String)>> {
        let read = self.database.begin_read().map_err(failed)?;
        let redo = read.open_table(REDO).map_err(failed)?;
        let mut keys = Vec::new();
        for entry in redo.iter().map_err(failed)? {
            let key = entry.map_err(failed)?.0;
            keys.push((key.value().0.to_owned(), key.value().1.to_owned()));
        }
        Ok(keys)
    }

    /// Whether a table remembers a deduplication token.
    pub(crate) fn has_token(&self, table: &str, token: &str) -> Result<bool> {
        let read = self.database.begin_read().map_err(failed)?;
        let index = read.open_table(TOKEN_INDEX).map_err(failed)?;
        Ok(index.get((table, token)).map_err(failed)?.is_some())
    }

    /// What a room above has stored under a name.
    pub(crate) fn extra(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let read = self.database.begin_read().map_err(failed)?;
        let extras = read.open_table(EXTRAS).map_err(failed)?;
        Ok(extras.get(name).map_err(failed)?.map(|v| v.value().to_vec()))
    }

    /// All that rooms above have stored under names with a prefix, sorted by name.
    pub(crate) fn extras(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>> {
        let read = self.database.begin_read().map_err(failed)?;
        let extras = read.open_table(EXTRAS).map_err(failed)?;
        let mut found = Vec::new();
        for entry in extras.range(prefix..).map_err(failed)? {
            let (name, value) = entry.map_err(failed)?;
            if !name.value().starts_with(prefix) {
                break;
            }
            found.push((name.value().to_owned(), value.value().to_vec()));
        }
        Ok(found)
    }
}

fn apply(write: &WriteTransaction, change: &Change) -> Result<()> {
    match change {
        Change::PutDatabase(info) => {
            let mut table = write.open_table(DATABASES).map_err(failed)?;
            table.insert(info.name.as_str(), to_json(info)?.as_slice()).map_err(failed)?;
        }
        Change::RemoveDatabase(name) => {
            write.open_table(DATABASES).map_err(failed)?.remove(name.as_str()).map_err(failed)?;
        }
        Change::PutTable(definition) => {
            let mut table = write.open_table(TABLES).map_err(failed)?;
            let json = to_json(definition.as_ref())?;
            table.insert(definition.uuid.as_str(), json.as_slice()).map_err(failed)?;
        }
        Change::RemoveTable(uuid) => remove_table(write, uuid)?,
        Change::PutState(uuid, state) => {
            let mut table = write.open_table(STATES).map_err(failed)?;
            table.insert(uuid.as_str(), to_json(state)?.as_slice()).map_err(failed)?;
        }
        Change::PutPart(record) => {
            let mut table = write.open_table(PARTS).map_err(failed)?;
            let key = (record.table.as_str(), record.id.as_str());
            table.insert(key, to_json(record.as_ref())?.as_slice()).map_err(failed)?;
        }
        Change::RemovePart { table, id } => {
            let mut parts = write.open_table(PARTS).map_err(failed)?;
            parts.remove((table.as_str(), id.as_str())).map_err(failed)?;
            let mut redo = write.open_table(REDO).map_err(failed)?;
            redo.remove((table.as_str(), id.as_str())).map_err(failed)?;
        }
        Change::PutRedo { table, id, bytes } => {
            let mut redo = write.open_table(REDO).map_err(failed)?;
            redo.insert((table.as_str(), id.as_str()), bytes.as_slice()).map_err(failed)?;
        }
        Change::RemoveRedo { table, id } => {
            let mut redo = write.open_table(REDO).map_err(failed)?;
            redo.remove((table.as_str(), id.as_str())).map_err(failed)?;
        }
        Change::AddToken { table, token } => add_token(write, table, token)?,
        Change::PutExtra(name, bytes) => {
            let mut table = write.open_table(EXTRAS).map_err(failed)?;
            table.insert(name.as_str(), bytes.as_slice()).map_err(failed)?;
        }
        Change::RemoveExtra(name) => {
            write.open_table(EXTRAS).map_err(failed)?.remove(name.as_str()).map_err(failed)?;
        }
    }
    Ok(())
}

/// The smallest text that is greater than every key that starts with `uuid`'s own entries.
fn after(uuid: &str) -> String {
    format!("{uuid}\0")
}

fn remove_table(write: &WriteTransaction, uuid: &str) -> Result<()> {
    write.open_table(TABLES).map_err(failed)?.remove(uuid).map_err(failed)?;
    write.open_table(STATES).map_err(failed)?.remove(uuid).map_err(failed)?;
    let end = after(uuid);
    let mut parts = write.open_table(PARTS).map_err(failed)?;
    parts.retain_in((uuid, "")..(end.as_str(), ""), |_, _| false).map_err(failed)?;
    let mut redo = write.open_table(REDO).map_err(failed)?;
    redo.retain_in((uuid, "")..(end.as_str(), ""), |_, _| false).map_err(failed)?;
    let mut tokens = write.open_table(TOKENS).map_err(failed)?;
    tokens.retain_in((uuid, 0)..(end.as_str(), 0), |_, _| false).map_err(failed)?;
    let mut index = write.open_table(TOKEN_INDEX).map_err(failed)?;
    index.retain_in((uuid, "")..(end.as_str(), ""), |_, _| false).map_err(failed)?;
    Ok(())
}

/// Remembers a token and forgets the one that falls out of the window.
fn add_token(write: &WriteTransaction, table: &str, token: &str) -> Result<()> {
    let mut tokens = write.open_table(TOKENS).map_err(failed)?;
    let mut index = write.open_table(TOKEN_INDEX).map_err(failed)?;
    let end = after(table);
    let next = {
        let mut all = tokens.range((table, 0)..(end.as_str(), 0)).map_err(failed)?;
        match all.next_back() {
            Some(last) => last.map_err(failed)?.0.value().1 + 1,
            None => 1,
        }
    };
    tokens.insert((table, next), token).map_err(failed)?;
    index.insert((table, token), next).map_err(failed)?;
    if let Some(old) = next.checked_sub(TOKEN_WINDOW) {
        let gone = tokens.remove((table, old)).map_err(failed)?.map(|t| t.value().to_owned());
        if let Some(token) = gone {
            index.remove((table, token.as_str())).map_err(failed)?;
        }
    }
    Ok(())
}
