//! Opening a data folder: recovery after a crash is what every start does.
//!
//! 1. Take the lock, open the catalog, read all of it.
//! 2. Empty `tmp/`. Remove part folders that no catalog entry names: their insert was never
//!    acknowledged, or their part was merged or dropped.
//! 3. Files of small parts that a crash took are written again from the catalog.
//! 4. A part whose file is missing or of another size is listed as broken and not read.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use base::{Error, Result};
use parking_lot::{Mutex, RwLock};
use redb::StorageBackend;

use super::lock::FolderLock;
use super::settle::Unsettled;
use super::{Database, Names, Problem, Store, StoreOptions};
use crate::catalog::{Catalog, Content};
use crate::definition::{DatabaseInfo, EngineKind};
use crate::dictionary::cache::DictionaryCache;
use crate::merge::MergeState;
use crate::part::new::TMP;
use crate::part::{Part, PartContext, PartRecord, parts_folder};
use crate::table::Table;

/// The catalog's file within the data folder.
pub(crate) const CATALOG: &str = "catalog.redb";

impl Store {
    /// Opens a data folder, which is created where it is empty.
    ///
    /// # Errors
    /// DATA_FOLDER_LOCKED, CORRUPTED_CATALOG, and what disks say.
    pub fn open(options: StoreOptions) -> Result<Arc<Store>> {
        match options.folder.clone() {
            Some(folder) => {
                let lock = FolderLock::take(&folder)?;
                let catalog = Catalog::open(&folder.join(CATALOG))?;
                Store::start(options, catalog, Some(lock))
            }
            None => Store::open_backend(options, redb::backends::InMemoryBackend::new()),
        }
    }

    /// Opens a store whose catalog lies on a backend of its own; for tests of crashes.
    #[doc(hidden)]
    pub fn open_backend(options: StoreOptions, backend: impl StorageBackend) -> Result<Arc<Store>> {
        Store::start(options, Catalog::open_backend(backend)?, None)
    }

    fn start(
        options: StoreOptions,
        catalog: Catalog,
        lock: Option<FolderLock>,
    ) -> Result<Arc<Store>> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(options.threads.max(1))
            .thread_name(|at| format!("store-{at}"))
            .build()
            .map_err(|e| Error::logical(format!("threads: {e}")))?;
        let pool = Arc::new(pool);
        let bytes = options.dictionary_cache_bytes.clone();
        let cache = DictionaryCache::new(bytes, pool.clone(), &options.budget);
        let context = Arc::new(PartContext {
            disk: options.disk.clone(),
            cache,
            verify: options.verify_checksums,
            small_part_bytes: options.small_part_bytes,
        });
        let content = catalog.load()?;
        clean(&options, &content)?;
        heal(&options, &catalog, &content)?;
        let version = content.version;
        let mut broken = Vec::new();
        let names = build_names(content, &context, &mut broken)?;
        let merges = MergeState::new();
        let unsettled = Unsettled::default();
        let redo: HashSet<(String, String)> = catalog.redo_keys()?.into_iter().collect();
        for table in names.databases.values().flat_map(|d| d.tables.values()) {
            let parts = table.snapshot().parts.clone();
            let kept = |p: &Arc<Part>| redo.contains(&(table.uuid().to_owned(), p.id().to_owned()));
            unsettled.add(&parts.into_iter().filter(kept).collect::<Vec<_>>());
        }
        Ok(Arc::new(Store {
            options,
            catalog,
            commit_lock: Mutex::new(()),
            waiting: Mutex::default(),
            names: RwLock::new(names),
            visible: RwLock::new(()),
            version: AtomicU64::new(version),
            unsettled,
            context,
            pool,
            broken: Mutex::new(broken),
            merges,
            _lock: lock,
        }))
    }
}

/// Removes what no catalog entry names.
fn clean(options: &StoreOptions, content: &Content) -> Result<()> {
    let disk = &options.disk;
    disk.create_folder(TMP)?;
    for name in disk.list(TMP)? {
        disk.remove(&format!("{TMP}/{name}"))?;
    }
    disk.create_folder("tables")?;
    disk.sync_folder("")?;
    let named: HashSet<(&str, &str)> =
        content.parts.iter().map(|p| (p.table.as_str(), p.id.as_str())).collect();
    let tables: HashSet<&str> = content.tables.iter().map(|(t, _)| t.uuid.as_str()).collect();
    for uuid in disk.list("tables")? {
        if !tables.contains(uuid.as_str()) {
            disk.remove(&format!("tables/{uuid}"))?;
            continue;
        }
        let folder = parts_folder(&uuid);
        for id in disk.list(&folder)? {
            if !named.contains(&(uuid.as_str(), id.as_str())) {
                disk.remove(&format!("{folder}/{id}"))?;
            }
        }
    }
    Ok(())
}

/// Writes the files of small parts again that a crash has taken or torn.
fn heal(options: &StoreOptions, catalog: &Catalog, content: &Content) -> Result<()> {
    let disk = &options.disk;
    let records: HashMap<(&str, &str), &PartRecord> =
        content.parts.iter().map(|p| ((p.table.as_str(), p.id.as_str()), p)).collect();
    for (table, id) in catalog.redo_keys()? {
        let Some(record) = records.get(&(table.as_str(), id.as_str())) else { continue };
        let Some(file) = record.files.first() else { continue };
        let folder = format!("{}/{id}", parts_folder(&table));
        let path = format!("{folder}/{}", file.name);
        let whole = disk.size(&path)? == Some(file.size) && {
            let bytes = disk.open(&path)?.read(0, file.size as usize)?;
            file.checksum == Some(crc32c::crc32c(&bytes))
        };
        if !whole && let Some(bytes) = catalog.redo(&table, &id)? {
            disk.remove(&folder)?;
            disk.create_folder(&folder)?;
            disk.write_unsynced(&path, &bytes)?;
        }
    }
    Ok(())
}

fn build_names(
    content: Content,
    context: &Arc<PartContext>,
    broken: &mut Vec<Problem>,
) -> Result<Names> {
    let version = content.version;
    let mut parts: HashMap<String, Vec<PartRecord>> = HashMap::new();
    for record in content.parts {
        parts.entry(record.table.clone()).or_default().push(record);
    }
    let mut names = Names::default();
    for info in content.databases {
        let name = info.name.clone();
        names.databases.insert(name, Database { info, tables: Default::default() });
    }
    for (definition, state) in content.tables {
        let mut whole = Vec::new();
        for record in parts.remove(&definition.uuid).unwrap_or_default() {
            match damage(context, &record)? {
                None => whole.push(Part::new(Arc::new(record), context.clone())),
                Some(message) => broken.push(Problem {
                    table: definition.full_name(),
                    part: record.name(),
                    message,
                }),
            }
        }
        if definition.engine_kind() == EngineKind::Parts {
            context.disk.create_folder(&parts_folder(&definition.uuid))?;
        }
        let (database, name) = (definition.database.clone(), definition.name.clone());
        let table = Table::new(Arc::new(definition), state, whole, version);
        let missing = || Database {
            info: DatabaseInfo { name: database.clone(), ..DatabaseInfo::default() },
            tables: Default::default(),
        };
        let entry = names.databases.entry(database.clone()).or_insert_with(missing);
        entry.tables.insert(name, table);
    }
    Ok(names)
}

/// Why a part cannot be read, if a look at its files tells.
fn damage(context: &PartContext, record: &PartRecord) -> Result<Option<String>> {
    for file in &record.files {
        let path = format!("{}/{}/{}", parts_folder(&record.table), record.id, file.name);
        match context.disk.size(&path)? {
            None => return Ok(Some(format!("File {path} is missing; restore it from a backup"))),
            Some(size) if size != file.size => {
                return Ok(Some(format!(
                    "File {path} has {size} bytes, not {}; restore it from a backup",
                    file.size
                )));
            }
            Some(_) => {}
        }
    }
    Ok(None)
}
