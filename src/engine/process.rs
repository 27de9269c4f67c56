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
    /// Queries that its user may run at once; 0 is any number.
    pub(crate) most_of_user: u64,
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

/// Queries by their numbers.
#[derive(Default)]
struct List {
    all: HashMap<u64, Process>,
    /// Queries that paused and wait for a place again: they go before those that come.
    returning: usize,
}

impl List {
    fn run(&self) -> usize {
        self.all.values().filter(|p| p.runs()).count()
    }

    fn run_of(&self, user: &str) -> u64 {
        self.all.values().filter(|p| p.runs() && p.user == user).count() as u64
    }
}

/// All running queries, and the last that ended.
pub(crate) struct Processes {
    running: Mutex<List>,
    log: Mutex<VecDeque<Arc<LogEntry>>>,
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

    /// Adds a query.
    ///
    /// # Errors
    /// TOO_MANY_SIMULTANEOUS_QUERIES, QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING.
    pub(crate) fn start(&self, process: Process) -> Result<Running<'_>> {
        let mut list = self.running.lock();
        if list.run() + list.returning >= self.most {
            bail!(
                TooManySimultaneousQueries,
                "Too many simultaneous queries. Maximum: {}",
                self.most
            );
        }
        let (of_user, most_of_user) = (list.run_of(&process.user), process.most_of_user);
        if most_of_user > 0 && of_user >= most_of_user {
            bail!(
                TooManySimultaneousQueries,
                "Too many simultaneous queries for user {}. Current: {of_user}, maximum: \
                 {most_of_user} (setting max_concurrent_queries_for_user)",
                process.user
            );
        }
        if list.all.values().any(|p| p.query_id == process.query_id) {
            bail!(
                QueryWithSameIdIsAlreadyRunning,
                "Query with id = {} is already running",
                process.query_id
            );
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        list.all.insert(number, process.clone());
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
    pub(crate) fn resume(&self, waits: &Arc<AtomicBool>, cancel: &CancelToken) -> Result<()> {
        let mut list = self.running.lock();
        if !waits.load(Ordering::Relaxed) {
            return Ok(());
        }
        let own = list.all.values().find(|p| Arc::ptr_eq(&p.waits, waits));
        let (user, most_of_user) =
            own.map(|p| (p.user.clone(), p.most_of_user)).unwrap_or_default();
        list.returning += 1;
        let done = loop {
            let user_has_room = most_of_user == 0 || list.run_of(&user) < most_of_user;
            if list.run() < self.most && user_has_room {
                waits.store(false, Ordering::Relaxed);
                break Ok(());
            }
            if let Err(error) = cancel.check() {
                break Err(error);
            }
            self.freed.wait_for(&mut list, PATIENCE);
        };
        list.returning -= 1;
        done
    }

    /// How many queries run.
    pub(crate) fn count(&self) -> usize {
        self.running.lock().all.len()
    }

    /// The running queries, oldest first.
    pub(crate) fn running(&self) -> Vec<Process> {
        let mut all: Vec<Process> = self.running.lock().all.values().cloned().collect();
        all.sort_by_key(|p| p.started);
        all
    }

    /// Asks a query to stop; whether there was one of that id.
    pub(crate) fn kill(&self, query_id: &str) -> bool {
        let list = self.running.lock();
        let mut found = false;
        for process in list.all.values().filter(|p| p.query_id == query_id) {
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
        log.push_back(Arc::new(entry));
    }

    /// The queries that ended, oldest first.
    pub(crate) fn logged(&self) -> Vec<Arc<LogEntry>> {
        self.log.lock().iter().cloned().collect()
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.processes.running.lock().all.remove(&self.number);
        self.processes.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(user: &str, most_of_user: u64) -> Process {
        Process {
            query_id: storage::new_uuid(),
            user: user.to_owned(),
            query: String::new(),
            kind: "",
            database: String::new(),
            client: String::new(),
            started: Instant::now(),
            started_at: now(),
            cancel: CancelToken::new(),
            progress: Arc::default(),
            budget: MemoryBudget::new("of a test", 1 << 20),
            waits: Arc::default(),
            most_of_user,
        }
    }

    /// Lets go of a query a little later, and tells whether it was there until another had resumed.
    fn resumes_when_it_ends(processes: &Processes, waiting: &Process, other: Running<'_>) {
        std::thread::scope(|threads| {
            threads.spawn(|| {
                std::thread::sleep(PATIENCE * 2);
                assert!(waiting.waits.load(Ordering::Relaxed), "it went on too early");
                drop(other);
            });
            processes.resume(&waiting.waits, &waiting.cancel).unwrap();
        });
    }

    #[test]
    fn who_resumes_keeps_to_the_limits_and_goes_first() {
        let processes = Processes::new(2);
        let paused = processes.start(process("a", 1)).unwrap();
        processes.pause(&paused.process.waits);
        let other = processes.start(process("a", 1)).unwrap();
        assert!(processes.start(process("a", 1)).is_err());
        // There is a place, but its user has as many as it may have.
        resumes_when_it_ends(&processes, &paused.process, other);
        let other = processes.start(process("b", 0)).unwrap();
        processes.pause(&paused.process.waits);
        let third = processes.start(process("c", 0)).unwrap();
        resumes_when_it_ends(&processes, &paused.process, third);
        // Nobody takes the place for which another waits.
        processes.pause(&paused.process.waits);
        processes.running.lock().returning += 1;
        assert!(processes.start(process("c", 0)).is_err());
        processes.running.lock().returning -= 1;
        let third = processes.start(process("c", 0)).unwrap();
        paused.process.cancel.cancel();
        assert!(processes.resume(&paused.process.waits, &paused.process.cancel).is_err());
        assert_eq!(processes.running.lock().returning, 0);
        drop((other, third));
    }
}
