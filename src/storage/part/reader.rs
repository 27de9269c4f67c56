//! Parts without a catalog: they describe themselves, so whoever reaches their disk can read them.
//!
//! A part never changes and its id is never used again, so what was opened is kept, up to a number of
//! parts, with what has been decoded of it.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use base::disk::{Disk, FileView};
use base::{Error, MemoryBudget, Result, bail, error};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::layout::{BlobReference, Description, Directory};
use super::record::{FileRecord, PartRecord, parts_folder};
use super::{Part, PartContext};
use crate::dictionary::cache::DictionaryCache;

/// Opened parts that are kept.
const KEPT_PARTS: usize = 4096;

/// Which part, on any disk that holds it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PartAddress {
    /// The uuid of its table.
    pub table: String,
    /// Its id.
    pub id: String,
}

impl PartAddress {
    /// Where it lies, below the disk's root.
    pub fn folder(&self) -> String {
        format!("{}/{}", parts_folder(&self.table), self.id)
    }

    /// Fails for names that could lead elsewhere.
    fn check(&self) -> Result<()> {
        for name in [&self.table, &self.id] {
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
                bail!(BadArguments, "{name:?} cannot be the id of a table or part");
            }
        }
        Ok(())
    }
}

/// A part as its file tells.
pub(crate) struct Described {
    pub record: PartRecord,
    pub description: Description,
    pub file: Arc<dyn FileView>,
    directory: Directory,
}

/// Reads what a part tells of itself.
///
/// # Errors
/// CORRUPTED_DATA with the file's name; also where the file is another part's.
pub(crate) fn describe(disk: &dyn Disk, address: &PartAddress) -> Result<Described> {
    let folder = address.folder();
    let name = match disk.list(&folder)?.as_slice() {
        [one] => one.clone(),
        other => bail!(CorruptedData, "Folder {folder} has {} files, not one", other.len()),
    };
    let path = format!("{folder}/{name}");
    let blame = |error: Error| error.within(format!("File {path}"));
    let file = disk.open(&path)?;
    let (directory, reference): (Directory, BlobReference) =
        Directory::read(file.as_ref()).map_err(blame)?;
    let json = reference.read(file.as_ref()).map_err(blame)?;
    let description: Description = serde_json::from_slice(&json).map_err(|e| {
        error!(CorruptedData, "File {path}: the part's description cannot be read: {e}")
    })?;
    if description.definition.uuid != address.table || description.id != address.id {
        bail!(CorruptedData, "File {path} belongs to part {}", description.id);
    }
    let record = FileRecord { name, size: file.size(), checksum: None };
    let record = PartRecord::described(&description, &directory, record);
    Ok(Described { record, description, file, directory })
}

/// Opens parts on a disk by their own descriptions.
pub struct PartReader {
    context: Arc<PartContext>,
    opened: Mutex<Opened>,
}

#[derive(Default)]
struct Opened {
    parts: HashMap<PartAddress, Arc<Part>>,
    order: VecDeque<PartAddress>,
}

impl fmt::Debug for PartReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PartReader of {:?}", self.context.disk)
    }
}

impl PartReader {
    /// For the parts of a disk. `threads` decode large dictionaries, of which `dictionary_bytes` are
    /// kept at most; pages are checked when they are first touched.
    ///
    /// # Errors
    /// Threads that cannot be started.
    pub fn new(disk: Arc<dyn Disk>, threads: usize, dictionary_bytes: usize) -> Result<PartReader> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads.max(1))
            .thread_name(|at| format!("parts-{at}"))
            .build()
            .map_err(|e| error!(CannotAllocateMemory, "Cannot start threads: {e}"))?;
        let bounds = dictionary_bytes..=dictionary_bytes;
        let cache = DictionaryCache::new(bounds, Arc::new(pool), &MemoryBudget::unlimited());
        let context = Arc::new(PartContext { disk, cache, verify: true, small_part_bytes: 0 });
        Ok(PartReader { context, opened: Mutex::default() })
    }

    /// Opens a part.
    ///
    /// # Errors
    /// BAD_ARGUMENTS for an address that is none; CORRUPTED_DATA, CHECKSUM_DOESNT_MATCH and what the
    /// disk says, with the file's name.
    pub fn open(&self, address: &PartAddress) -> Result<Arc<Part>> {
        if let Some(part) = self.opened.lock().parts.get(address) {
            return Ok(part.clone());
        }
        address.check()?;
        let described = describe(self.context.disk.as_ref(), address)?;
        let part = Part::new(Arc::new(described.record), self.context.clone());
        // Both are empty in a part that nobody else has.
        let _ = part.file.set(described.file);
        let _ = part.directory.set(Arc::new(described.directory));
        let mut opened = self.opened.lock();
        if let Some(known) = opened.parts.get(address) {
            return Ok(known.clone());
        }
        opened.parts.insert(address.clone(), part.clone());
        opened.order.push_back(address.clone());
        if opened.order.len() > KEPT_PARTS
            && let Some(oldest) = opened.order.pop_front()
        {
            opened.parts.remove(&oldest);
        }
        Ok(part)
    }
}
