//! Threads that merge in the background, and what `system.merges` shows.
//!
//! A thread holds the store only while it chooses and commits. Ending the store cancels running
//! merges and waits for the threads.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use base::{Error, Result, catch_panic};
use parking_lot::{Condvar, Mutex};

use super::select::choose;
use super::{Merge, MergeListener, MergedRows, Progress};
use crate::definition::EngineKind;
use crate::part::Part;
use crate::store::{BusyParts, Store};
use crate::table::Table;

/// A merge that is running.
#[derive(Debug, Clone)]
pub struct MergeInfo {
    /// The table's uuid.
    pub table: String,
    /// The partition's id.
    pub partition: String,
    /// The names of the parts that are merged.
    pub sources: Vec<String>,
    /// The name that the new part will have.
    pub result: String,
    /// Bytes on disk of the sources.
    pub bytes: u64,
    /// Rows of the sources.
    pub rows: u64,
    /// From 0 to 1.
    pub progress: f64,
    /// Since the merge began.
    pub elapsed: Duration,
}

/// What merges have done since the store was opened.
#[derive(Debug, Clone, Copy, Default)]
pub struct MergeTotals {
    /// Merges whose part is visible.
    pub merges: u64,
    /// Rows of these parts.
    pub rows: u64,
    /// Bytes of these parts, before encoding.
    pub bytes: u64,
}

struct Running {
    info: MergeInfo,
    progress: Arc<Progress>,
}

/// What the store knows of its merges.
pub(crate) struct MergeState {
    running: Mutex<HashMap<u64, Running>>,
    next: Mutex<u64>,
    bell: Condvar,
    rung: Mutex<bool>,
    stopped: AtomicBool,
    ending: AtomicBool,
    threads: Mutex<Vec<JoinHandle<()>>>,
    totals: Mutex<MergeTotals>,
    /// Partitions whose last merge failed: not tried again for a while.
    failed: Mutex<HashMap<(String, String), (Instant, Error)>>,
    listener: OnceLock<MergeListener>,
}

/// A merge is shown until this is dropped.
pub(crate) struct Shown {
    state: Arc<MergeState>,
    number: u64,
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.state.running.lock().remove(&self.number);
    }
}

/// A failed merge is not tried again for so long.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(60);
/// A thread looks for work at least so often: parts grow old without anybody ringing.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

impl MergeState {
    pub(crate) fn new() -> Arc<MergeState> {
        Arc::new(MergeState {
            running: Mutex::default(),
            next: Mutex::new(0),
            bell: Condvar::new(),
            rung: Mutex::new(false),
            stopped: AtomicBool::new(false),
            ending: AtomicBool::new(false),
            threads: Mutex::default(),
            totals: Mutex::default(),
            failed: Mutex::default(),
            listener: OnceLock::new(),
        })
    }

    /// Tells who listens that a merge has ended.
    pub(super) fn tell(&self, merged: &MergedRows<'_>) {
        if let Some(listener) = self.listener.get() {
            listener(merged);
        }
    }

    /// Tells the threads that there may be work.
    pub(crate) fn wake(&self) {
        *self.rung.lock() = true;
        self.bell.notify_one();
    }

    /// Lists a merge as running.
    pub(crate) fn show(self: &Arc<Self>, table: &Table, merge: &Merge) -> Shown {
        let number = {
            let mut next = self.next.lock();
            *next += 1;
            *next
        };
        let records: Vec<_> = merge.parts.iter().map(|p| p.record()).collect();
        let partition = records.first().map_or(String::new(), |r| r.partition.clone());
        let info = MergeInfo {
            table: table.uuid().to_owned(),
            sources: records.iter().map(|r| r.name()).collect(),
            result: format!(
                "{partition}_{}_{}_{}",
                records.iter().map(|r| r.min_block).min().unwrap_or(0),
                records.iter().map(|r| r.max_block).max().unwrap_or(0),
                records.iter().map(|r| r.level).max().unwrap_or(0) + 1
            ),
            partition,
            bytes: records.iter().map(|r| r.bytes_on_disk()).sum(),
            rows: merge.progress.rows,
            progress: 0.0,
            elapsed: Duration::ZERO,
        };
        let running = Running { info, progress: merge.progress.clone() };
        self.running.lock().insert(number, running);
        Shown { state: self.clone(), number }
    }

    /// Counts a merge whose part has become visible.
    pub(crate) fn note(&self, rows: u64, bytes: u64) {
        let mut totals = self.totals.lock();
        totals.merges += 1;
        totals.rows += rows;
        totals.bytes += bytes;
    }

    fn wait(&self) {
        let mut rung = self.rung.lock();
        if !*rung && !self.ending.load(Ordering::Acquire) {
            self.bell.wait_for(&mut rung, LOOK_AGAIN);
        }
        *rung = false;
    }

    /// Cancels merges and waits for the threads.
    pub(crate) fn end(&self) {
        self.ending.store(true, Ordering::Release);
        for running in self.running.lock().values() {
            running.progress.cancelled.store(true, Ordering::Relaxed);
        }
        let threads = std::mem::take(&mut *self.threads.lock());
        for thread in threads {
            self.bell.notify_all();
            // The last holder of the store may be one of these threads itself.
            if thread.thread().id() != std::thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

impl Store {
    /// Has every merge from now on told to a listener, on the thread that merged, once the new part is to be seen. There
    /// is one listener: of a second nothing comes.
    pub fn listen_to_merges(&self, listener: MergeListener) {
        let _ = self.merge_state().listener.set(listener);
    }

    /// Starts the threads that merge in the background; they end with the store.
    ///
    /// # Errors
    /// When the operating system refuses threads.
    pub fn start_background(self: &Arc<Self>) -> Result<()> {
        let mut threads = self.merge_state().threads.lock();
        if !threads.is_empty() {
            return Ok(());
        }
        let count = self.options().merge_threads.max(1);
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(count)
            .thread_name(|at| format!("merge-{at}"))
            .build()
            .map_err(|e| Error::logical(format!("threads: {e}")))?;
        let pool = Arc::new(pool);
        for at in 0..count {
            let (store, state, pool) =
                (Arc::downgrade(self), self.merge_state().clone(), pool.clone());
            let thread = std::thread::Builder::new()
                .name(format!("merges-{at}"))
                .spawn(move || work(&store, &state, &pool))
                .map_err(|e| Error::logical(format!("threads: {e}")))?;
            threads.push(thread);
        }
        Ok(())
    }

    /// Stops background merges (`SYSTEM STOP MERGES`), of one table or of all; running ones end first.
    pub fn stop_merges(&self, table: Option<&Table>) {
        match table {
            Some(table) => table.merges_stopped.store(true, Ordering::Relaxed),
            None => self.merge_state().stopped.store(true, Ordering::Relaxed),
        }
    }

    /// Lets background merges go on (`SYSTEM START MERGES`).
    pub fn start_merges(&self, table: Option<&Table>) {
        match table {
            Some(table) => table.merges_stopped.store(false, Ordering::Relaxed),
            None => self.merge_state().stopped.store(false, Ordering::Relaxed),
        }
        self.merge_state().wake();
    }

    /// The merges that are running now, in the background or by [`Store::optimize`].
    pub fn merges(&self) -> Vec<MergeInfo> {
        let running = self.merge_state().running.lock();
        let mut all: Vec<MergeInfo> = running
            .values()
            .map(|r| {
                let total = (r.progress.rows * r.progress.columns).max(1);
                let done = r.progress.done.load(Ordering::Relaxed);
                MergeInfo {
                    progress: (done as f64 / total as f64).min(1.0),
                    elapsed: r.progress.started.elapsed(),
                    ..r.info.clone()
                }
            })
            .collect();
        all.sort_by_key(|merge| std::cmp::Reverse(merge.elapsed));
        all
    }

    /// What merges have done since the store was opened.
    pub fn merge_totals(&self) -> MergeTotals {
        *self.merge_state().totals.lock()
    }

    /// Partitions (uuid of the table, partition) whose last background merge failed, and why.
    pub fn merge_failures(&self) -> Vec<((String, String), Error)> {
        let failed = self.merge_state().failed.lock();
        failed.iter().map(|(key, (_, error))| (key.clone(), error.clone())).collect()
    }

    /// Chooses a merge and marks its parts.
    fn next_merge(&self) -> Option<(Arc<Table>, Merge, BusyParts)> {
        let databases = self.databases();
        for table in databases.iter().flat_map(|d| self.tables(&d.name)) {
            if table.merges_stopped() || table.engine_kind() != EngineKind::Parts {
                continue;
            }
            let snapshot = table.snapshot();
            let partitions =
                snapshot.parts.chunk_by(|a, b| a.record().partition == b.record().partition);
            for parts in partitions.filter(|parts| parts.len() > 1) {
                if self.paused(&table, &parts[0]) {
                    continue;
                }
                let busy = table.busy.lock().clone();
                let chosen = choose(parts, &busy, self.options().max_merge_bytes);
                if chosen.is_empty() {
                    continue;
                }
                if let Ok(held) = BusyParts::take(&table, &chosen) {
                    let merge = Merge::new(self, &table, chosen);
                    return Some((table, merge, held));
                }
            }
        }
        None
    }

    fn paused(&self, table: &Table, part: &Part) -> bool {
        let key = (table.uuid().to_owned(), part.record().partition.clone());
        let failed = self.merge_state().failed.lock();
        failed.get(&key).is_some_and(|(at, _)| at.elapsed() < PAUSE_AFTER_FAILURE)
    }
}

/// What a thread does until the store ends.
fn work(store: &Weak<Store>, state: &Arc<MergeState>, pool: &Arc<rayon::ThreadPool>) {
    while !state.ending.load(Ordering::Acquire) {
        let found = match store.upgrade() {
            None => return,
            Some(store) => {
                if let Err(error) = store.settle() {
                    // It is tried again; until then the catalog keeps the bytes and nothing is lost.
                    eprintln!("Small parts could not be synced: {error}");
                }
                if state.stopped.load(Ordering::Relaxed) { None } else { store.next_merge() }
            }
        };
        let Some((table, merge, held)) = found else {
            state.wait();
            continue;
        };
        let shown = state.show(&table, &merge);
        let result =
            catch_panic("a merge", || merge.run(pool)).and_then(|part| match store.upgrade() {
                Some(store) => store.commit_merge(&table, &merge, part),
                None => Ok(()),
            });
        let partition = merge.parts.first().map_or("", |p| p.record().partition.as_str());
        let key = (table.uuid().to_owned(), partition.to_owned());
        match result {
            Ok(()) => {
                state.failed.lock().remove(&key);
            }
            Err(error) if error.code() == base::ErrorCode::Aborted => {}
            Err(error) => {
                state.failed.lock().insert(key, (Instant::now(), error));
            }
        }
        drop((shown, held));
    }
}
