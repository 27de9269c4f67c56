//! Running queries and the log of those that ended.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base::{CancelToken, MemoryBudget, Result, bail};
use parking_lot::{Condvar, Mutex};

use crate::request::{Progress, Summary};

/// Entries of the query log that are kept.
const LOG_LENGTH: usize = 10_000;

/// Bytes of a query's text that are kept.
const LOGGED_TEXT: usize = 100_000;

/// How often a query that waits for a place looks whether it was cancelled.
const PATIENCE: Duration = Duration::from_millis(50);

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
    /// It only waits for another's answer: it takes no place of those that run. Changed with the list locked.
    pub(crate) waits: Arc<AtomicBool>,
}

impl Process {
    fn runs(&self) -> bool {
        !self.waits.load(Ordering::Relaxed)
    }
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
    /// A place became free.
    freed: Condvar,
    most: usize,
}

/// Takes the query out of the list when it is dropped.
pub(crate) struct Running<'a> {
    processes: &'a Processes,
    number: u64,
    pub(crate) process: Process,
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
            freed: Condvar::new(),
            most,
        }
    }

    /// Adds a query; its user may have so many at once, 0 is any number.
    ///
    /// # Errors
    /// TOO_MANY_SIMULTANEOUS_QUERIES, QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING.
    pub(crate) fn start(&self, process: Process, most_of_user: u64) -> Result<Running<'_>> {
        let mut running = self.running.lock();
        if running.values().filter(|p| p.runs()).count() >= self.most {
            bail!(
                TooManySimultaneousQueries,
                "Too many simultaneous queries. Maximum: {}",
                self.most
            );
        }
        let of_user =
            running.values().filter(|p| p.runs() && p.user == process.user).count() as u64;
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

    /// The query takes none of the places of those that run until it resumes: it waits for the answer of another.
    pub(crate) fn pause(&self, waits: &AtomicBool) {
        let _running = self.running.lock();
        waits.store(true, Ordering::Relaxed);
        self.freed.notify_one();
    }

    /// Waits until there is a place for a query that paused.
    ///
    /// # Errors
    /// QUERY_WAS_CANCELLED and TIMEOUT_EXCEEDED of who waits.
    pub(crate) fn resume(&self, waits: &AtomicBool, cancel: &CancelToken) -> Result<()> {
        let mut running = self.running.lock();
        while waits.load(Ordering::Relaxed) {
            if running.values().filter(|p| p.runs()).count() < self.most {
                waits.store(false, Ordering::Relaxed);
                break;
            }
            cancel.check()?;
            self.freed.wait_for(&mut running, PATIENCE);
        }
        Ok(())
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
        self.processes.freed.notify_one();
    }
}
