//! Running queries and the log of those that ended.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base::{CancelToken, MemoryBudget, Result, bail};
use parking_lot::Mutex;

use crate::request::{Progress, Summary};

/// Entries of the query log that are kept.
const LOG_LENGTH: usize = 10_000;

/// Bytes of a query's text that are kept.
const LOGGED_TEXT: usize = 100_000;

/// A running query.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(crate) query_id: String,
    pub(crate) user: String,
    pub(crate) query: String,
    pub(crate) kind: &'static str,
    pub(crate) database: String,
    pub(crate) client: String,
    pub(crate) started: Instant,
    pub(crate) started_at: Duration,
    pub(crate) cancel: CancelToken,
    pub(crate) progress: Arc<Progress>,
    pub(crate) budget: MemoryBudget,
}

/// A query that ended.
#[derive(Debug, Clone)]
pub(crate) struct LogEntry {
    pub(crate) process: Process,
    pub(crate) ended_at: Duration,
    pub(crate) summary: Summary,
    pub(crate) error: Option<base::Error>,
}

/// All running queries, and the last that ended.
pub(crate) struct Processes {
    running: Mutex<HashMap<u64, Process>>,
    log: Mutex<VecDeque<LogEntry>>,
    next: AtomicU64,
    /// How many of the running only wait for another's answer.
    waiting: AtomicUsize,
    most: usize,
}

/// Takes the query out of the list when it is dropped.
pub(crate) struct Running<'a> {
    processes: &'a Processes,
    number: u64,
    pub(crate) process: Process,
}

/// Counts a query as one that waits until this is dropped.
pub(crate) struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Time since 1970.
pub(crate) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

impl Processes {
    pub(crate) fn new(most: usize) -> Processes {
        Processes {
            running: Mutex::default(),
            log: Mutex::default(),
            next: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
            most,
        }
    }

    /// Adds a query; its user may have so many at once, 0 is any number.
    ///
    /// # Errors
    /// TOO_MANY_SIMULTANEOUS_QUERIES, QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING.
    pub(crate) fn start(&self, process: Process, most_of_user: u64) -> Result<Running<'_>> {
        let mut running = self.running.lock();
        if running.len() >= self.most + self.waiting.load(Ordering::Relaxed) {
            bail!(
                TooManySimultaneousQueries,
                "Too many simultaneous queries. Maximum: {}",
                self.most
            );
        }
        let of_user = running.values().filter(|p| p.user == process.user).count() as u64;
        if most_of_user > 0 && of_user >= most_of_user {
            bail!(
                TooManySimultaneousQueries,
                "Too many simultaneous queries for user {}. Current: {of_user}, maximum: \
                 {most_of_user} (setting max_concurrent_queries_for_user)",
                process.user
            );
        }
        if running.values().any(|p| p.query_id == process.query_id) {
            bail!(
                QueryWithSameIdIsAlreadyRunning,
                "Query with id = {} is already running",
                process.query_id
            );
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        running.insert(number, process.clone());
        Ok(Running { processes: self, number, process })
    }

    /// A query takes none of the places of those that run while it waits for the answer of another.
    pub(crate) fn wait(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Waiting(&self.waiting)
    }

    /// How many queries run.
    pub(crate) fn count(&self) -> usize {
        self.running.lock().len()
    }

    /// The running queries, oldest first.
    pub(crate) fn running(&self) -> Vec<Process> {
        let mut all: Vec<Process> = self.running.lock().values().cloned().collect();
        all.sort_by_key(|p| p.started);
        all
    }

    /// Asks a query to stop; whether there was one of that id.
    pub(crate) fn kill(&self, query_id: &str) -> bool {
        let running = self.running.lock();
        let mut found = false;
        for process in running.values().filter(|p| p.query_id == query_id) {
            process.cancel.cancel();
            found = true;
        }
        found
    }

    /// Keeps an ended query.
    pub(crate) fn log(&self, mut entry: LogEntry) {
        if entry.process.query.len() > LOGGED_TEXT {
            let mut end = LOGGED_TEXT;
            while !entry.process.query.is_char_boundary(end) {
                end -= 1;
            }
            entry.process.query.truncate(end);
        }
        let mut log = self.log.lock();
        if log.len() >= LOG_LENGTH {
            log.pop_front();
        }
        log.push_back(entry);
    }

    /// The queries that ended, oldest first.
    pub(crate) fn logged(&self) -> Vec<LogEntry> {
        self.log.lock().iter().cloned().collect()
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.processes.running.lock().remove(&self.number);
    }
}
