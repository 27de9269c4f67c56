//! Rebuilding a lost catalog from the parts, which describe themselves.
//!
//! 1. Every segment file below `tables/` is opened and its description read.
//! 2. A part that a merge has replaced is left out when the merged part is there.
//! 3. The newest part's definition becomes the table's; parts get block numbers by age.
//!
//! What no part tells is lost: tables without rows, views, users, deduplication tokens.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base::disk::Disk;
use base::{Error, ErrorCode, Result, bail};

use super::open::CATALOG;
use super::{Problem, Store, StoreOptions};
use crate::catalog::{Catalog, Change, TableState};
use crate::definition::{DatabaseInfo, TableDefinition};
use crate::part::layout::Description;
use crate::part::{PartAddress, PartRecord, describe, parts_folder};

struct Found {
    description: Description,
    record: PartRecord,
}

impl Store {
    /// Renames the catalog of a data folder, if there is one, so that it can be made anew; the new name
    /// is one that no file has yet.
    ///
    /// # Errors
    /// DATA_FOLDER_LOCKED while a server has the folder open.
    pub fn set_catalog_aside(folder: &Path) -> Result<Option<PathBuf>> {
        let _lock = super::lock::FolderLock::take(folder)?;
        let path = folder.join(CATALOG);
        if !path.exists() {
            return Ok(None);
        }
        let free = |number: u32| {
            let number = if number == 0 { String::new() } else { format!(".{number}") };
            let name = folder.join(format!("{CATALOG}{number}.saved"));
            (!name.exists()).then_some(name)
        };
        let Some(saved) = (0..u32::MAX).find_map(free) else {
            bail!(BadArguments, "Too many saved catalogs in {}", folder.display());
        };
        std::fs::rename(&path, &saved).map_err(|e| {
            Error::io(ErrorCode::CannotWriteToFileDescriptor, "Cannot rename", &path, &e)
        })?;
        Ok(Some(saved))
    }

    /// Makes a new catalog from the parts of a data folder that has none, and opens it. Files that cannot be
    /// read are listed; they are kept below `broken/`.
    ///
    /// # Errors
    /// BAD_ARGUMENTS when there is a catalog; move `catalog.redb` away first.
    pub fn recover(options: StoreOptions) -> Result<(Arc<Store>, Vec<Problem>)> {
        let Some(folder) = options.folder.clone() else {
            bail!(BadArguments, "A catalog in memory cannot be recovered");
        };
        let path = folder.join(CATALOG);
        if path.exists() {
            bail!(
                BadArguments,
                "There is a catalog at {}; move it away to rebuild it from the parts",
                path.display()
            );
        }
        let lock = super::lock::FolderLock::take(&folder)?;
        let mut problems = Vec::new();
        let mut changes = Vec::new();
        let mut databases: HashSet<String> = HashSet::new();
        let mut taken: HashSet<(String, String)> = HashSet::new();
        for uuid in options.disk.list("tables")? {
            let found = read_table(&options.disk, &uuid, &mut problems)?;
            let Some(definition) = newest(&found, &mut taken) else { continue };
            if databases.insert(definition.database.clone()) {
                changes.push(Change::PutDatabase(DatabaseInfo {
                    name: definition.database.clone(),
                    engine: "Atomic".to_owned(),
                    uuid: crate::part::new::new_uuid(),
                    comment: String::new(),
                }));
            }
            let next_column_id = definition.ids().map(|id| id.saturating_add(1)).max().unwrap_or(0);
            let state = TableState { last_block: found.len() as u64, next_column_id };
            changes.push(Change::PutTable(Arc::new(definition)));
            changes.push(Change::PutState(uuid.clone(), state));
            changes.extend(found.into_iter().map(|f| Change::PutPart(Arc::new(f.record))));
        }
        {
            let catalog = Catalog::open(&path)?;
            catalog.commit(&changes, 1)?;
        }
        drop(lock);
        Ok((Store::open(options)?, problems))
    }
}

/// The parts of one table that are not replaced by others, by age, with block numbers.
fn read_table(disk: &Arc<dyn Disk>, uuid: &str, problems: &mut Vec<Problem>) -> Result<Vec<Found>> {
    let folder = parts_folder(uuid);
    let mut found: BTreeMap<(i64, String), Found> = BTreeMap::new();
    for id in disk.list(&folder)? {
        match read_part(disk, uuid, &id) {
            Ok(part) => {
                found.insert((part.description.created, id), part);
            }
            Err(error) => {
                let kept = format!("broken/{uuid}/{id}");
                disk.create_folder(&format!("broken/{uuid}"))?;
                disk.rename(&format!("{folder}/{id}"), &kept)?;
                problems.push(Problem {
                    table: uuid.to_owned(),
                    part: id,
                    message: format!("{}; its files are kept below {kept}", error.message()),
                });
            }
        }
    }
    let replaced: HashSet<String> =
        found.values().flat_map(|f| f.description.sources.iter().cloned()).collect();
    let mut out: Vec<Found> =
        found.into_values().filter(|f| !replaced.contains(&f.record.id)).collect();
    for (part, block) in out.iter_mut().zip(1..) {
        part.record.min_block = block;
        part.record.max_block = block;
    }
    Ok(out)
}

fn read_part(disk: &Arc<dyn Disk>, uuid: &str, id: &str) -> Result<Found> {
    let address = PartAddress { table: uuid.to_owned(), id: id.to_owned() };
    let described = describe(disk.as_ref(), &address)?;
    let (mut record, file) = (described.record, described.file);
    let (mut checksum, mut at) = (0, 0);
    while at < file.size() {
        let length = (file.size() - at).min(4 << 20) as usize;
        let bytes = file.read(at, length).map_err(|e| e.within(address.folder()))?;
        checksum = crc32c::crc32c_append(checksum, &bytes);
        at += length as u64;
    }
    record.files.iter_mut().for_each(|f| f.checksum = Some(checksum));
    Ok(Found { description: described.description, record })
}

/// The definition in the newest part; a name that is taken already gets the uuid behind it.
fn newest(found: &[Found], taken: &mut HashSet<(String, String)>) -> Option<TableDefinition> {
    let mut definition = found.last()?.description.definition.clone();
    if !taken.insert((definition.database.clone(), definition.name.clone())) {
        definition.name = format!("{}_{}", definition.name, definition.uuid);
        taken.insert((definition.database.clone(), definition.name.clone()));
    }
    Some(definition)
}
