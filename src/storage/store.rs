//! An opened data folder: databases, tables, inserts, background merges.
//!
//! ```text
//! LOCK                                    held while the store is open
//! catalog.redb                            the only file that changes
//! tables/<table uuid>/parts/<part id>/    parts that the catalog names
//! tmp/                                    unfinished parts; emptied at start
//! ```
//!
//! Locks are taken in this order: `commit_lock`, `names`, `visible`, a table's own. Whatever
//! changes the catalog holds `commit_lock` from reading the state it depends on until its
//! snapshots are visible.

mod commit;
mod lock;
mod open;
mod recover;
mod rewrite;
mod schema;
mod settle;

pub use rewrite::{Rewrite, RowChange};
pub use schema::FullName;

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base::disk::Disk;
use base::{MemoryBudget, Result, bail};
use expr::Registry;
use parking_lot::{Mutex, RwLock};

use crate::catalog::Catalog;
use crate::definition::DatabaseInfo;
use crate::insert::Insert;
use crate::merge::MergeState;
use crate::part::{Part, PartContext};
use crate::table::{Table, TableSnapshot};
use crate::table_settings::{PARTS_TO_DELAY_INSERT, PARTS_TO_THROW_INSERT};
pub(crate) use commit::Transaction;
use lock::FolderLock;

/// How a store is opened.
#[derive(Clone)]
pub struct StoreOptions {
    /// Where parts lie.
    pub disk: Arc<dyn Disk>,
    /// Where LOCK and the catalog lie; without it the catalog is in memory and ends with the store.
    pub folder: Option<PathBuf>,
    /// The functions that keys may call.
    pub registry: Arc<Registry>,
    /// Threads that encode, merge and decode dictionaries.
    pub threads: usize,
    /// Merges that run at once in the background.
    pub merge_threads: usize,
    /// Whether pages are checked when they are first touched.
    pub verify_checksums: bool,
    /// Bytes of decoded dictionaries that are kept: half of what all take that are read, within these bounds.
    pub dictionary_cache_bytes: RangeInclusive<usize>,
    /// What these bytes are held from.
    pub budget: MemoryBudget,
    /// Rows after which an insert writes a part.
    pub insert_rows: usize,
    /// Bytes that an insert gathers at most before it writes a part.
    pub insert_bytes: usize,
    /// Bytes of the largest part that a background merge makes.
    pub max_merge_bytes: u64,
    /// The catalog keeps the bytes of parts with fewer bytes before encoding instead of syncing them.
    pub small_part_bytes: usize,
    /// For so long, unless they are too many.
    pub settle_after: Duration,
}

impl StoreOptions {
    /// The defaults: two merge threads at most, 1 Mi rows and 512 MiB an insert.
    pub fn new(disk: Arc<dyn Disk>, registry: Arc<Registry>) -> StoreOptions {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        StoreOptions {
            disk,
            folder: None,
            registry,
            threads,
            merge_threads: (threads / 2).clamp(1, 8),
            verify_checksums: true,
            dictionary_cache_bytes: 320 << 20..=320 << 20,
            budget: MemoryBudget::unlimited(),
            insert_rows: 1 << 20,
            insert_bytes: 512 << 20,
            max_merge_bytes: 150 << 30,
            small_part_bytes: 64 << 10,
            settle_after: Duration::from_secs(10),
        }
    }
}

/// A part that the catalog names but that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// `database.table`
    pub table: String,
    /// The part's name.
    pub part: String,
    /// What is wrong, with the file's name.
    pub message: String,
}

/// An opened data folder.
pub struct Store {
    options: StoreOptions,
    catalog: Catalog,
    commit_lock: Mutex<()>,
    waiting: Mutex<Vec<Arc<commit::Request>>>,
    names: RwLock<Names>,
    /// Held for writing while several snapshots change at once.
    visible: RwLock<()>,
    version: AtomicU64,
    unsettled: settle::Unsettled,
    context: Arc<PartContext>,
    pool: Arc<rayon::ThreadPool>,
    broken: Mutex<Vec<Problem>>,
    merges: Arc<MergeState>,
    _lock: Option<FolderLock>,
}

#[derive(Default)]
pub(crate) struct Names {
    pub databases: BTreeMap<String, Database>,
}

pub(crate) struct Database {
    pub info: DatabaseInfo,
    pub tables: BTreeMap<String, Arc<Table>>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store at version {}", self.version())
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.merges.end();
    }
}

impl Store {
    /// All databases, by name.
    pub fn databases(&self) -> Vec<DatabaseInfo> {
        self.names.read().databases.values().map(|d| d.info.clone()).collect()
    }

    /// A database by name.
    pub fn database(&self, name: &str) -> Option<DatabaseInfo> {
        self.names.read().databases.get(name).map(|d| d.info.clone())
    }

    /// The tables of a database, by name; none where there is no such database.
    pub fn tables(&self, database: &str) -> Vec<Arc<Table>> {
        let names = self.names.read();
        names
            .databases
            .get(database)
            .map_or_else(Vec::new, |d| d.tables.values().cloned().collect())
    }

    /// A table by name.
    pub fn table(&self, database: &str, name: &str) -> Option<Arc<Table>> {
        self.names.read().databases.get(database)?.tables.get(name).cloned()
    }

    /// A table by its uuid.
    pub fn table_by_uuid(&self, uuid: &str) -> Option<Arc<Table>> {
        let names = self.names.read();
        let all = names.databases.values().flat_map(|d| d.tables.values());
        all.into_iter().find(|t| t.uuid() == uuid).cloned()
    }

    /// The catalog's version, which every commit raises.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// A transaction over one or more tables.
    pub fn begin_insert(self: &Arc<Self>) -> Insert {
        Insert::new(self.clone())
    }

    /// What several tables hold at one and the same version.
    pub fn snapshot(&self, tables: &[Arc<Table>]) -> Vec<Arc<TableSnapshot>> {
        let _visible = self.visible.read();
        tables.iter().map(|t| t.snapshot()).collect()
    }

    /// Parts that are named by the catalog but were not found whole at start.
    pub fn broken_parts(&self) -> Vec<Problem> {
        self.broken.lock().clone()
    }

    /// Reads all parts of all tables and checks every checksum.
    pub fn check(&self) -> Vec<Problem> {
        let mut problems = self.broken_parts();
        let names: Vec<String> = self.databases().into_iter().map(|d| d.name).collect();
        for table in names.iter().flat_map(|name| self.tables(name)) {
            let snapshot = table.snapshot();
            problems.extend(snapshot.parts.iter().filter_map(|part| {
                part.check().err().map(|error| Problem {
                    table: snapshot.definition.full_name(),
                    part: part.name(),
                    message: error.message().to_owned(),
                })
            }));
        }
        problems
    }

    /// What a room above has stored under a name.
    pub fn extra(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.catalog.extra(name)
    }

    /// All that rooms above have stored under names with a prefix, by name.
    pub fn extras(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>> {
        self.catalog.extras(prefix)
    }

    /// Drops decoded dictionaries of at least so many bytes, as far as there are so many that nobody reads; says how many.
    pub fn shrink_dictionaries(&self, bytes: usize) -> usize {
        self.context().cache.shrink(bytes)
    }

    /// What the cache of decoded dictionaries holds.
    pub fn dictionary_cache_report(&self) -> base::CacheReport {
        self.context.cache.report()
    }

    /// The functions that keys may call.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.options.registry
    }

    /// How the store was opened.
    pub fn options(&self) -> &StoreOptions {
        &self.options
    }

    pub(crate) fn pool(&self) -> &Arc<rayon::ThreadPool> {
        &self.pool
    }

    pub(crate) fn context(&self) -> &Arc<PartContext> {
        &self.context
    }

    /// Holds off all other commits.
    pub(crate) fn commit_guard(&self) -> parking_lot::MutexGuard<'_, ()> {
        self.commit_lock.lock()
    }

    pub(crate) fn merge_state(&self) -> &Arc<MergeState> {
        &self.merges
    }

    fn set_version(&self, version: u64) {
        self.version.store(version, Ordering::Release);
    }

    /// Slows an insert down or refuses it where a partition has too many parts: so many, or as many as the table says.
    ///
    /// # Errors
    /// TOO_MANY_PARTS
    pub(crate) fn admit_insert(&self, table: &Table, refuse_from: Option<u64>) -> Result<()> {
        let definition = table.definition();
        let delay = definition.setting(&PARTS_TO_DELAY_INSERT)?;
        let own = definition.setting(&PARTS_TO_THROW_INSERT)?;
        let refuse = refuse_from.unwrap_or(own);
        let parts = table.most_parts_in_partition() as u64;
        if refuse > 0 && parts >= refuse {
            bail!(
                TooManyParts,
                "Too many parts ({parts}) in one partition of table {}. Merges are processing \
                 significantly slower than inserts: insert fewer and larger blocks, or raise \
                 parts_to_throw_insert",
                definition.full_name()
            );
        }
        if delay > 0 && parts >= delay {
            self.merges.wake();
            // From 10 ms up to a second as the limit comes near.
            let room = refuse.saturating_sub(delay).max(1);
            let pressed = (parts - delay).min(room);
            std::thread::sleep(Duration::from_millis(10 + 990 * pressed / room));
        }
        Ok(())
    }
}

/// Parts that are marked as worked on, so that no two merges or mutations take them.
#[derive(Debug)]
pub(crate) struct BusyParts {
    table: Arc<Table>,
    ids: HashSet<String>,
}

impl BusyParts {
    /// Marks all the parts or none.
    ///
    /// # Errors
    /// ABORTED when one of them is marked already.
    pub(crate) fn take(table: &Arc<Table>, parts: &[Arc<Part>]) -> Result<BusyParts> {
        let ids: HashSet<String> = parts.iter().map(|p| p.id().to_owned()).collect();
        let mut busy = table.busy.lock();
        if let Some(id) = ids.iter().find(|id| busy.contains(*id)) {
            bail!(Aborted, "Part {id} is being merged or changed; try again");
        }
        busy.extend(ids.iter().cloned());
        drop(busy);
        Ok(BusyParts { table: table.clone(), ids })
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.ids.iter().map(String::as_str)
    }
}

impl Drop for BusyParts {
    fn drop(&mut self) {
        let mut busy = self.table.busy.lock();
        for id in &self.ids {
            busy.remove(id);
        }
    }
}
