//! A disk in memory that can crash: what was not synced is lost, the last write may be torn.
//!
//! Rules of the double, after those of a real file system at its worst:
//! 1. A file's bytes are durable up to the last `finish`; on a crash a file that was being
//!    written keeps a random prefix of its bytes, or nothing.
//! 2. A new name in a folder is durable once the folder was synced (`rename` syncs both
//!    parents); on a crash an unsynced name is there or not, by chance.
//! 3. After the crash every call fails until `restart`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use base::disk::{Disk, FileView, FileWriter};
use base::{Result, bail};

/// A disk in memory that loses unsynced writes when it crashes. Clones share one state.
#[derive(Clone, Debug)]
pub(crate) struct CrashingDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<String, File>,
    folders: std::collections::BTreeSet<String>,
    calls_left: Option<u64>,
    crashed: bool,
    random: u64,
}

#[derive(Debug, Clone, Default)]
struct File {
    bytes: Vec<u8>,
    synced: bool,
    named: bool,
}

impl State {
    /// Counts one call and crashes when its turn has come.
    fn step(&mut self) -> Result<()> {
        if let Some(left) = &mut self.calls_left {
            if *left == 0 {
                self.crash();
            } else {
                *left -= 1;
            }
        }
        if self.crashed {
            bail!(CannotWriteToFileDescriptor, "The disk has crashed");
        }
        Ok(())
    }

    /// The next number of a splitmix64 sequence.
    fn chance(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn crash(&mut self) {
        self.crashed = true;
        let names: Vec<String> = self.files.keys().cloned().collect();
        for name in names {
            let (keep_name, torn_at) = (self.chance().is_multiple_of(2), self.chance());
            let Some(file) = self.files.get_mut(&name) else { continue };
            if !file.named && !keep_name {
                self.files.remove(&name);
            } else if !file.synced {
                let keep = torn_at as usize % (file.bytes.len() + 1);
                file.bytes.truncate(keep);
            }
        }
    }
}

impl CrashingDisk {
    /// An empty disk whose accidents follow from `seed`.
    pub(crate) fn new(seed: u64) -> CrashingDisk {
        CrashingDisk { state: Arc::new(Mutex::new(State { random: seed, ..State::default() })) }
    }

    /// Crashes at the call after the next `calls` ones.
    pub(crate) fn crash_after(&self, calls: u64) {
        self.lock().calls_left = Some(calls);
    }

    /// Whether it has crashed.
    pub(crate) fn has_crashed(&self) -> bool {
        self.lock().crashed
    }

    /// Comes up again with what was durable.
    pub(crate) fn restart(&self) {
        let mut state = self.lock();
        if !state.crashed {
            state.crash();
        }
        state.crashed = false;
        state.calls_left = None;
        for file in state.files.values_mut() {
            (file.synced, file.named) = (true, true);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| folder.is_empty() || rest.starts_with('/'))
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

impl Disk for CrashingDisk {
    fn open(&self, path: &str) -> Result<Arc<dyn FileView>> {
        let mut state = self.lock();
        state.step()?;
        match state.files.get(path) {
            Some(file) => Ok(Arc::new(View(Bytes::from(file.bytes.clone())))),
            None => bail!(CannotOpenFile, "Cannot open {path}: no such file"),
        }
    }

    fn create(&self, path: &str) -> Result<Box<dyn FileWriter>> {
        let mut state = self.lock();
        state.step()?;
        if state.files.contains_key(path) {
            bail!(CannotOpenFile, "Cannot create {path}: it is there already");
        }
        state.files.insert(path.to_owned(), File::default());
        Ok(Box::new(Writer { disk: self.clone(), path: path.to_owned(), position: 0 }))
    }

    fn write_unsynced(&self, path: &str, bytes: &[u8]) -> Result<()> {
        let mut state = self.lock();
        state.step()?;
        if state.files.contains_key(path) {
            bail!(CannotOpenFile, "Cannot create {path}: it is there already");
        }
        let file = File { bytes: bytes.to_vec(), ..File::default() };
        state.files.insert(path.to_owned(), file);
        Ok(())
    }

    fn sync(&self, path: &str) -> Result<()> {
        let mut state = self.lock();
        state.step()?;
        match state.files.get_mut(path) {
            Some(file) => (file.synced, file.named) = (true, true),
            None => bail!(CannotOpenFile, "Cannot sync {path}: no such file"),
        }
        Ok(())
    }

    fn create_folder(&self, path: &str) -> Result<()> {
        let mut state = self.lock();
        state.step()?;
        state.folders.insert(path.to_owned());
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        let mut state = self.lock();
        state.step()?;
        let moved: Vec<String> =
            state.files.keys().filter(|p| *p == from || below(p, from)).cloned().collect();
        for old in moved {
            if let Some(mut file) = state.files.remove(&old) {
                let new = format!("{to}{}", &old[from.len()..]);
                file.named |= parent(&old) == parent(from);
                state.files.insert(new, file);
            }
        }
        if state.folders.remove(from) {
            state.folders.insert(to.to_owned());
        }
        Ok(())
    }

    fn sync_folder(&self, path: &str) -> Result<()> {
        let mut state = self.lock();
        state.step()?;
        for (name, file) in &mut state.files {
            file.named |= parent(name) == path;
        }
        Ok(())
    }

    fn remove(&self, path: &str) -> Result<()> {
        let mut state = self.lock();
        state.step()?;
        state.files.retain(|name, _| name != path && !below(name, path));
        state.folders.retain(|name| name != path && !below(name, path));
        Ok(())
    }

    fn list(&self, path: &str) -> Result<Vec<String>> {
        let mut state = self.lock();
        state.step()?;
        let all = state.files.keys().chain(&state.folders);
        let mut names: Vec<String> = all
            .filter(|name| below(name, path) && *name != path)
            .map(|name| name[path.len()..].trim_start_matches('/'))
            .filter_map(|rest| rest.split('/').next())
            .map(str::to_owned)
            .collect();
        names.sort();
        names.dedup();
        Ok(names)
    }

    fn size(&self, path: &str) -> Result<Option<u64>> {
        let mut state = self.lock();
        state.step()?;
        Ok(state.files.get(path).map(|file| file.bytes.len() as u64))
    }
}

#[derive(Debug)]
struct View(Bytes);

impl FileView for View {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read(&self, offset: u64, length: usize) -> Result<Bytes> {
        let end = usize::try_from(offset).ok().and_then(|start| start.checked_add(length));
        match end {
            Some(end) if end <= self.0.len() => Ok(self.0.slice(end - length..end)),
            _ => bail!(CannotReadAllData, "Cannot read {length} bytes at {offset}"),
        }
    }
}

struct Writer {
    disk: CrashingDisk,
    path: String,
    position: u64,
}

impl FileWriter for Writer {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let mut state = self.disk.lock();
        state.step()?;
        self.position += bytes.len() as u64;
        if let Some(file) = state.files.get_mut(&self.path) {
            file.bytes.extend_from_slice(bytes);
        }
        Ok(())
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let mut state = self.disk.lock();
        state.step()?;
        if let Some(file) = state.files.get_mut(&self.path) {
            file.synced = true;
        }
        Ok(())
    }
}
