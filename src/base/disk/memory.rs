//! A disk in memory, for engines without a data folder: nothing outlives the process.
//!
//! A file's bytes are shared by all who have it open and never copied; they are freed when the file is
//! removed and nobody reads it any more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::{Disk, FileView, FileWriter};
use crate::{Result, bail};

/// A disk in memory. Clones share one state.
#[derive(Clone, Debug, Default)]
pub struct MemoryDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// The files by path; `None` while one is being written.
    files: BTreeMap<String, Option<Bytes>>,
    folders: BTreeSet<String>,
}

impl MemoryDisk {
    /// An empty disk.
    pub fn new() -> MemoryDisk {
        MemoryDisk::default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that holds the lock leaves the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What follows the folder in a path below it.
fn below<'a>(path: &'a str, folder: &str) -> Option<&'a str> {
    if folder.is_empty() {
        return Some(path);
    }
    path.strip_prefix(folder)?.strip_prefix('/')
}

/// The path after `from`, or something below it, was renamed.
fn moved(path: &str, from: &str, to: &str) -> Option<String> {
    if path == from {
        return Some(to.to_owned());
    }
    below(path, from).map(|rest| format!("{to}/{rest}"))
}

impl Disk for MemoryDisk {
    fn open(&self, path: &str) -> Result<Arc<dyn FileView>> {
        match self.lock().files.get(path) {
            Some(Some(bytes)) => Ok(Arc::new(MemoryFile(bytes.clone()))),
            Some(None) => bail!(CannotOpenFile, "Cannot open {path}: it is being written"),
            None => bail!(CannotOpenFile, "Cannot open {path}: no such file"),
        }
    }

    fn create(&self, path: &str) -> Result<Box<dyn FileWriter>> {
        let mut state = self.lock();
        if state.files.contains_key(path) {
            bail!(CannotOpenFile, "Cannot create {path}: it is there already");
        }
        state.files.insert(path.to_owned(), None);
        Ok(Box::new(MemoryWriter { disk: self.clone(), path: path.to_owned(), bytes: Vec::new() }))
    }

    fn write_unsynced(&self, path: &str, bytes: &[u8]) -> Result<()> {
        let mut state = self.lock();
        if state.files.contains_key(path) {
            bail!(CannotOpenFile, "Cannot create {path}: it is there already");
        }
        state.files.insert(path.to_owned(), Some(Bytes::copy_from_slice(bytes)));
        Ok(())
    }

    fn sync(&self, _path: &str) -> Result<()> {
        Ok(())
    }

    fn create_folder(&self, path: &str) -> Result<()> {
        self.lock().folders.insert(path.to_owned());
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        let mut state = self.lock();
        let files: Vec<(String, String)> =
            state.files.keys().filter_map(|p| Some((p.clone(), moved(p, from, to)?))).collect();
        let folders: Vec<(String, String)> =
            state.folders.iter().filter_map(|p| Some((p.clone(), moved(p, from, to)?))).collect();
        if files.is_empty() && folders.is_empty() {
            bail!(CannotWriteToFileDescriptor, "Cannot rename {from}: there is no such file");
        }
        for (old, new) in files {
            if let Some(bytes) = state.files.remove(&old) {
                state.files.insert(new, bytes);
            }
        }
        for (old, new) in folders {
            state.folders.remove(&old);
            state.folders.insert(new);
        }
        Ok(())
    }

    fn sync_folder(&self, _path: &str) -> Result<()> {
        Ok(())
    }

    fn remove(&self, path: &str) -> Result<()> {
        let mut state = self.lock();
        let other = |name: &str| name != path && below(name, path).is_none();
        state.files.retain(|name, _| other(name));
        state.folders.retain(|name| other(name));
        Ok(())
    }

    fn list(&self, path: &str) -> Result<Vec<String>> {
        let state = self.lock();
        let all = state.files.keys().chain(&state.folders);
        let names: BTreeSet<&str> = all
            .filter_map(|name| below(name, path)?.split('/').next())
            .filter(|name| !name.is_empty())
            .collect();
        Ok(names.into_iter().map(str::to_owned).collect())
    }

    fn size(&self, path: &str) -> Result<Option<u64>> {
        let file = self.lock().files.get(path).cloned();
        Ok(file.map(|bytes| bytes.map_or(0, |bytes| bytes.len() as u64)))
    }
}

/// An open file: the bytes, shared.
#[derive(Debug)]
struct MemoryFile(Bytes);

impl FileView for MemoryFile {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read(&self, offset: u64, length: usize) -> Result<Bytes> {
        let end = usize::try_from(offset).ok().and_then(|start| start.checked_add(length));
        match end {
            Some(end) if end <= self.0.len() => Ok(self.0.slice(end - length..end)),
            _ => bail!(
                CannotReadAllData,
                "Cannot read {length} bytes at {offset} of a file of {} bytes",
                self.0.len()
            ),
        }
    }
}

struct MemoryWriter {
    disk: MemoryDisk,
    path: String,
    bytes: Vec<u8>,
}

impl FileWriter for MemoryWriter {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn position(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let MemoryWriter { disk, path, mut bytes } = *self;
        bytes.shrink_to_fit();
        // A file that was removed while it was written stays away.
        if let Some(file) = disk.lock().files.get_mut(&path) {
            *file = Some(Bytes::from(bytes));
        }
        Ok(())
    }
}
