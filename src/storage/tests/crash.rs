//! A crash at any moment loses nothing that was acknowledged and leaves nothing half done.

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

mod crashing_disk;
mod harness;

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use base::CancelToken;
use base::disk::Disk;
use crashing_disk::CrashingDisk;
use granary_storage::{RowRule, Store, StoreOptions, Table};
use harness::{create, definition, insert, int, keep_rows, options, read, text};
use redb::StorageBackend;
use types::Value;

/// The catalog's file on a disk that loses unsynced writes.
#[derive(Debug, Clone)]
struct CrashingFile {
    state: Arc<Mutex<State>>,
    disk: CrashingDisk,
}

#[derive(Debug, Default)]
struct State {
    /// As the running program sees it.
    bytes: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<(u64, Vec<u8>)>,
    calls_left: Option<u64>,
    random: u64,
}

impl CrashingFile {
    fn new(disk: &CrashingDisk, seed: u64) -> CrashingFile {
        let state = State { random: seed | 1, ..State::default() };
        CrashingFile { state: Arc::new(Mutex::new(state)), disk: disk.clone() }
    }

    fn step(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.state.lock().unwrap();
        if let Some(left) = &mut state.calls_left {
            if *left == 0 {
                // Both go down together.
                self.disk.crash_after(0);
                let _ = self.disk.size("");
            } else {
                *left -= 1;
            }
        }
        if self.disk.has_crashed() {
            return Err(io::Error::other("the disk has crashed"));
        }
        Ok(state)
    }

    /// What is left after the crash: durable bytes, and unsynced writes by chance.
    fn restart(&self) {
        let mut state = self.state.lock().unwrap();
        let mut bytes = std::mem::take(&mut state.durable);
        for (offset, data) in std::mem::take(&mut state.unsynced) {
            state.random = state.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99);
            let chance = state.random >> 33;
            let keep = match chance % 3 {
                0 => 0,
                1 => chance as usize % (data.len() + 1),
                _ => data.len(),
            };
            let end = offset as usize + keep;
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[offset as usize..end].copy_from_slice(&data[..keep]);
        }
        let length = state.bytes.len().max(bytes.len());
        bytes.resize(length, 0);
        state.durable.clone_from(&bytes);
        state.bytes = bytes;
        state.calls_left = None;
    }
}

impl StorageBackend for CrashingFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.step()?.bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.step()?;
        let start = offset as usize;
        match state.bytes.get(start..start + out.len()) {
            Some(bytes) => out.copy_from_slice(bytes),
            None => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.step()?.bytes.resize(length as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.step()?;
        state.durable = state.bytes.clone();
        state.unsynced.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.step()?;
        let start = offset as usize;
        state.bytes[start..start + data.len()].copy_from_slice(data);
        state.unsynced.push((offset, data.to_vec()));
        Ok(())
    }
}

/// Small parts are kept in the catalog, or settled at once, or there are none.
fn reopen(disk: &CrashingDisk, file: &CrashingFile, seed: u64) -> Arc<Store> {
    let defaults = options(Arc::new(disk.clone()));
    let options = match seed % 3 {
        0 => defaults,
        1 => StoreOptions { settle_after: Duration::ZERO, ..defaults },
        _ => StoreOptions { small_part_bytes: 0, ..defaults },
    };
    Store::open_backend(options, file.clone()).unwrap()
}

/// A text that lies in its row, in a piece that it shares, or in several pieces.
fn long_text(key: i128) -> String {
    format!("{key} and more. ").repeat([1, 200, 6000][(key % 3) as usize])
}

fn keys(table: &Table) -> BTreeSet<i128> {
    let parts = read(&table.snapshot()).unwrap();
    let all: Vec<i128> = parts.iter().flatten().map(|row| row[0].as_int().unwrap()).collect();
    for row in parts.iter().flatten() {
        assert_eq!(row[3], text(&long_text(row[0].as_int().unwrap())), "a text out of row");
    }
    let set: BTreeSet<i128> = all.iter().copied().collect();
    assert_eq!(set.len(), all.len(), "no row is there twice");
    set
}

/// Inserts, merges, deletes and truncates until the crash; which rows must be there, and which may be.
fn work(store: &Arc<Store>, table: &Arc<Table>, seed: u64) -> (BTreeSet<i128>, BTreeSet<i128>) {
    let mut sure = keys(table);
    let mut next = sure.last().map_or(0, |last| last + 1);
    for round in 0u64.. {
        let rows: Vec<Vec<Value>> = (next..next + 1 + (seed + round) as i128 % 5)
            .map(|k| vec![int(k), text(&format!("value {k}")), int(k % 2), text(&long_text(k))])
            .collect();
        next += rows.len() as i128;
        let new: BTreeSet<i128> = rows.iter().map(|r| r[0].as_int().unwrap()).collect();
        match insert(store, table, &rows) {
            Ok(()) => sure.extend(new),
            Err(_) => {
                let may = sure.union(&new).copied().collect();
                return (sure, may);
            }
        }
        if round % 4 == 3 && store.optimize(table, None, true, &CancelToken::new()).is_err() {
            return (sure.clone(), sure);
        }
        if round % 3 == 2 && store.settle().is_err() {
            return (sure.clone(), sure);
        }
        if round % 5 == 4 {
            let kept: BTreeSet<i128> = sure.iter().copied().filter(|k| k % 7 != 3).collect();
            if delete_sevenths(store, table).is_err() {
                return (sure, kept);
            }
            sure = kept;
        }
        if round % 9 == 8 {
            match store.truncate(table) {
                Ok(()) => sure.clear(),
                Err(_) => return (BTreeSet::new(), sure),
            }
        }
    }
    unreachable!("the loop ends with a crash")
}

/// A mutation: every seventh key goes.
fn delete_sevenths(store: &Store, table: &Arc<Table>) -> base::Result<()> {
    keep_rows(store, table, |key| key % 7 != 3)
}

fn check_crash(seed: u64) {
    let disk = CrashingDisk::new(seed);
    let file = CrashingFile::new(&disk, seed);
    let store = reopen(&disk, &file, seed);
    let mut table =
        definition(&[("k", "Int64"), ("s", "String"), ("p", "UInt8"), ("c", "CLOB")], &[0], &[2]);
    // No key is there twice, so that rules have nothing to drop; their merges go another way.
    table.row_rule =
        (seed % 5 == 1).then_some(RowRule::Replacing { version: None, is_deleted: None });
    create(&store, table);
    drop(store);
    for round in 0..3 {
        let store = reopen(&disk, &file, seed);
        let table = store.table("d", "t").unwrap();
        let before = keys(&table);
        let calls = (seed * 7 + round * 13) % 120 + 3;
        if seed.is_multiple_of(2) {
            disk.crash_after(calls);
        } else {
            file.state.lock().unwrap().calls_left = Some(calls);
        }
        let (sure, may) = work(&store, &table, seed + round);
        drop((table, store));
        disk.restart();
        file.restart();
        let store = reopen(&disk, &file, seed);
        let table = store.table("d", "t").unwrap();
        let found = keys(&table);
        assert!(store.broken_parts().is_empty(), "seed {seed}: {:?}", store.broken_parts());
        assert!(store.check().is_empty(), "seed {seed}: {:?}", store.check());
        // An insert that was not acknowledged is there wholly or not at all.
        assert!(
            found == sure || found == may,
            "seed {seed}: {before:?} {sure:?} {may:?} {found:?}"
        );
        let named: BTreeSet<String> =
            table.snapshot().parts.iter().map(|p| p.id().to_owned()).collect();
        let folders: BTreeSet<String> = store
            .options()
            .disk
            .list(&format!("tables/{}/parts", table.uuid()))
            .unwrap()
            .into_iter()
            .collect();
        assert_eq!(named, folders, "seed {seed}: nothing is left behind");
        assert!(store.options().disk.list("tmp").unwrap().is_empty());
    }
}

#[test]
fn a_crash_loses_nothing_that_was_acknowledged() {
    (0..240).for_each(check_crash);
}
