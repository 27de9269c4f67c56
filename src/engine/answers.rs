//! The answer cache: whole encoded answers of SELECTs, kept for as long as nothing that they were read from changes.
//!
//! 1. A question is told by 128 bits of the SHA-256 of the query as its syntax tree prints it, the format, the current
//!    database, the user, the parameters and all settings that were changed.
//! 2. An answer is kept with the version of every table, view and function that was read for it, taken while it was
//!    planned. It is given again only while all of them are the same: it is what running the query anew would give, and
//!    never stale, unless the query asks for `query_cache_max_age`.
//! 3. What depends on anything else (`now()`, `rand()`, dictionaries, files, system tables, temporary tables) is not kept.
//! 4. A question that is asked while it is being answered waits for that answer, and is answered by it where the tables
//!    are still the same; else it runs by itself. Who waits keeps its own deadline and can be cancelled.
//! 5. A merge changes no row and so no answer, but takes away what was known of its sources' rows: see `warm.rs`.
//! 6. Bytes are bounded (see [`ByteCache`]).

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use base::{ByteCache, CacheReport, CancelToken, MemoryBudget, Result, bail, cache_key};
use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use quick_cache::sync::Cache;
use storage::{Store, TableSnapshot};

use crate::request::{Head, Output};
use crate::warm::Again;

/// The largest answer that is kept, bytes.
pub(crate) const MOST_BYTES: usize = 1 << 20;

/// How often who waits for another's answer looks whether it was cancelled.
const PATIENCE: Duration = Duration::from_millis(5);

/// What tells questions apart.
pub(crate) type QuestionKey = u128;

/// A table, view or function as it was when a query read it.
#[derive(Debug, Clone)]
pub(crate) struct TableVersion {
    database: String,
    name: String,
    uuid: String,
    /// Of its rows and definition.
    version: u64,
    /// Of the parts that its rows lay in.
    parts_version: u64,
}

impl TableVersion {
    /// Under the name by which it was asked for: by now it may have another.
    fn of(database: &str, name: &str, snapshot: &TableSnapshot) -> TableVersion {
        TableVersion {
            database: database.to_owned(),
            name: name.to_owned(),
            uuid: snapshot.definition.uuid.clone(),
            version: snapshot.rows_version,
            parts_version: snapshot.version,
        }
    }

    /// Whether both mean the same rows of the same table.
    fn is_as(&self, other: &TableVersion) -> bool {
        self.uuid == other.uuid && self.version == other.version
    }

    /// Whether its parts have changed since, which merges do.
    fn has_other_parts(&self, store: &Store) -> bool {
        store
            .table(&self.database, &self.name)
            .is_some_and(|table| table.snapshot().version != self.parts_version)
    }

    fn is_current(&self, store: &Store) -> bool {
        store.table(&self.database, &self.name).is_some_and(|table| {
            let now = table.snapshot();
            now.rows_version == self.version && now.definition.uuid == self.uuid
        })
    }
}

/// What a query has read so far, as far as its answer depends on it.
#[derive(Debug, Default)]
pub(crate) struct ReadSet {
    tables: Vec<TableVersion>,
    /// A function that gives something else the next time.
    pub(crate) unstable_function: Option<String>,
    /// A table of which nobody knows when it changes.
    pub(crate) unstable_table: Option<String>,
}

impl ReadSet {
    /// Notes a table.
    pub(crate) fn add(&mut self, database: &str, name: &str, snapshot: &TableSnapshot) {
        let version = TableVersion::of(database, name, snapshot);
        match self.tables.iter().find(|t| t.database == version.database && t.name == version.name)
        {
            Some(known) if known.is_as(&version) => {}
            // Two versions in one query: no single one would make the answer valid.
            Some(_) => self.unstable_table = Some(version.name),
            None => self.tables.push(version),
        }
    }

    /// Whether the answer depends on nothing but the tables.
    pub(crate) fn is_stable(&self) -> bool {
        self.unstable_function.is_none() && self.unstable_table.is_none()
    }

    /// What tells this answer to a question from others: a strong validator. Versions count anew after a start or a
    /// recovery, so that every process has tags of its own.
    pub(crate) fn tag(&self, process: &str, question: QuestionKey) -> String {
        let mut text = format!("{process}|{question:032x}");
        let mut tables: Vec<&TableVersion> = self.tables.iter().collect();
        tables.sort_by(|a, b| (&a.database, &a.name).cmp(&(&b.database, &b.name)));
        for table in tables {
            let _ = write!(text, "|{}.{}", table.uuid, table.version);
        }
        format!("{:032x}", cache_key([text.as_bytes()]))
    }
}

/// A question, and how old an answer to it may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Freshness {
    pub(crate) key: QuestionKey,
    /// How long the answer may be kept.
    pub(crate) ttl: Duration,
    /// How old an answer may be, whatever has changed since.
    pub(crate) max_age: Duration,
}

/// A question that may be answered from the cache.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) fresh: Freshness,
    pub(crate) text: String,
    pub(crate) user: String,
    /// Of `query_cache_tag`.
    pub(crate) tag: String,
    /// How long the query must take to be worth it.
    pub(crate) least_time: Duration,
    /// How often it must have been asked before.
    pub(crate) least_runs: u64,
    pub(crate) reads: bool,
    /// How to ask it again, where that may be done in the background.
    pub(crate) again: Option<Arc<Again>>,
}

/// An answer that is kept.
#[derive(Debug)]
pub(crate) struct KeptAnswer {
    pub(crate) head: Head,
    pub(crate) body: Bytes,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) question: Question,
    /// What it took to make it.
    pub(crate) took: Duration,
    tables: Vec<TableVersion>,
    made: Instant,
    made_at: SystemTime,
    /// Whether it was given since it was made.
    given: AtomicBool,
}

impl KeptAnswer {
    /// When it is dropped at the latest.
    pub(crate) fn expires_at(&self) -> SystemTime {
        self.made_at + self.question.fresh.ttl
    }

    /// Whether a query would be answered by it now.
    pub(crate) fn is_valid(&self, store: &Store) -> bool {
        self.made.elapsed() < self.question.fresh.ttl && self.is_current(store)
    }

    /// Whether it answers a question.
    fn fits(&self, question: Freshness, store: &Store) -> bool {
        let age = self.made.elapsed();
        age < question.ttl.min(self.question.fresh.ttl)
            && (age < question.max_age || self.is_current(store))
    }

    fn is_current(&self, store: &Store) -> bool {
        self.tables.iter().all(|table| table.is_current(store))
    }

    fn weight(&self) -> usize {
        let tables: usize =
            self.tables.iter().map(|t| t.database.len() + t.name.len() + t.uuid.len() + 80).sum();
        let again = self.question.again.as_ref().map_or(0, |again| again.weight());
        size_of::<KeptAnswer>() + self.body.len() + self.question.text.len() + tables + again + 256
    }
}

/// A question that is being answered.
#[derive(Default)]
pub(crate) struct Flight {
    landed: Mutex<bool>,
    changed: Condvar,
}

impl Flight {
    /// Waits until it is answered.
    ///
    /// # Errors
    /// QUERY_WAS_CANCELLED and TIMEOUT_EXCEEDED of who waits.
    pub(crate) fn wait(&self, cancel: &CancelToken) -> Result<()> {
        let mut landed = self.landed.lock();
        while !*landed {
            cancel.check()?;
            self.changed.wait_for(&mut landed, PATIENCE);
        }
        Ok(())
    }
}

/// Who comes first answers; the others may go on when this is dropped.
pub(crate) struct Lead {
    answers: Arc<AnswerCache>,
    key: QuestionKey,
    flight: Arc<Flight>,
}

impl Drop for Lead {
    fn drop(&mut self) {
        self.answers.flights.lock().remove(&self.key);
        *self.flight.landed.lock() = true;
        self.flight.changed.notify_all();
    }
}

/// Whose turn it is to answer a question.
pub(crate) enum Turn {
    First(Lead),
    Wait(Arc<Flight>),
}

/// Answers of queries, and questions that are being answered.
pub(crate) struct AnswerCache {
    kept: ByteCache<QuestionKey, Arc<KeptAnswer>>,
    /// How often questions were asked.
    asked: Cache<QuestionKey, u64>,
    flights: Mutex<HashMap<QuestionKey, Arc<Flight>>>,
    /// Tells this process from others.
    process: String,
}

/// Questions of which the cache knows how often they were asked.
const COUNTED: usize = 16_384;

impl AnswerCache {
    /// A cache of so many bytes of a budget; of none it keeps nothing.
    pub(crate) fn new(bytes: u64, budget: &MemoryBudget) -> Arc<AnswerCache> {
        Arc::new(AnswerCache {
            kept: ByteCache::new(bytes, budget),
            asked: Cache::new(COUNTED),
            flights: Mutex::default(),
            process: storage::new_uuid(),
        })
    }

    /// Tells this process from others.
    pub(crate) fn process(&self) -> &str {
        &self.process
    }

    /// Whether anything may be kept.
    pub(crate) fn is_on(&self) -> bool {
        self.kept.is_on()
    }

    /// The answer that running the query would give.
    pub(crate) fn find(&self, question: Freshness, store: &Store) -> Option<Arc<KeptAnswer>> {
        let found = self.find_early(question, store, usize::MAX);
        if found.is_none() {
            self.kept.count(false);
        }
        found
    }

    /// As `find`, of no more than so many bytes, for who will look again where nothing is found: that is no miss yet.
    pub(crate) fn find_early(
        &self,
        question: Freshness,
        store: &Store,
        most_bytes: usize,
    ) -> Option<Arc<KeptAnswer>> {
        let found = self.kept.get(&question.key)?;
        if found.body.len() > most_bytes || !found.fits(question, store) {
            return None;
        }
        found.given.store(true, Ordering::Relaxed);
        self.kept.count(true);
        self.kept.count_saved(found.took);
        Some(found)
    }

    /// The questions that were asked again since their answers were made, which is not long ago, took so long, and read
    /// tables whose parts have changed since.
    pub(crate) fn to_warm(&self, store: &Store, least: Duration) -> Vec<Arc<Again>> {
        let kept = self.kept.all().into_iter().filter(|(_, kept)| {
            kept.given.load(Ordering::Relaxed)
                && kept.took >= least
                && kept.made.elapsed() < kept.question.fresh.ttl
                && kept.tables.iter().any(|table| table.has_other_parts(store))
        });
        kept.filter_map(|(_, kept)| kept.question.again.clone()).collect()
    }

    /// Whether `find` would find something.
    pub(crate) fn is_kept(&self, question: Freshness, store: &Store) -> bool {
        self.kept.peek(&question.key).is_some_and(|kept| kept.fits(question, store))
    }

    /// Whose turn it is to answer a question.
    pub(crate) fn turn(self: &Arc<AnswerCache>, key: QuestionKey) -> Turn {
        let mut flights = self.flights.lock();
        if let Some(flight) = flights.get(&key) {
            return Turn::Wait(flight.clone());
        }
        let flight = Arc::new(Flight::default());
        flights.insert(key, flight.clone());
        Turn::First(Lead { answers: self.clone(), key, flight })
    }

    /// Keeps an answer where it is worth it.
    pub(crate) fn keep(
        &self,
        question: &Question,
        read: &ReadSet,
        recorded: Recorded,
        took: Duration,
        rows: u64,
    ) {
        let key = question.fresh.key;
        let runs = self.asked.get(&key).unwrap_or(0) + 1;
        self.asked.insert(key, runs);
        if runs <= question.least_runs || took < question.least_time {
            return;
        }
        let bytes = recorded.body.len() as u64;
        let answer = KeptAnswer {
            head: recorded.head,
            body: recorded.body.into(),
            rows,
            bytes,
            question: question.clone(),
            took,
            tables: read.tables.clone(),
            made: Instant::now(),
            made_at: SystemTime::now(),
            given: AtomicBool::new(false),
        };
        let bytes = answer.weight();
        self.kept.insert(key, Arc::new(answer), bytes);
    }

    /// All that is kept.
    pub(crate) fn all(&self) -> Vec<(QuestionKey, Arc<KeptAnswer>)> {
        self.kept.all()
    }

    /// Forgets all answers, or those with a tag.
    pub(crate) fn clear(&self, tag: Option<&str>) {
        match tag {
            Some(tag) => self.kept.retain(|_, answer| answer.question.tag != tag),
            None => self.kept.clear(),
        }
    }

    /// What it holds, and how often it was of use.
    pub(crate) fn report(&self) -> CacheReport {
        self.kept.report()
    }

    /// Forgets at least so many bytes, as far as there are so many; says how many.
    pub(crate) fn shrink(&self, bytes: u64) -> u64 {
        self.kept.shrink(bytes)
    }
}

/// An answer that was taken down on its way out.
pub(crate) struct Recorded {
    head: Head,
    body: Vec<u8>,
}

/// Hands an answer on and takes it down, as long as it is short enough.
///
/// The last piece is held back until the answer was kept and the others may go on, so that they do not wait for this
/// client; where there is more than one piece, they go on by themselves.
pub(crate) struct Recorder<'o> {
    output: &'o mut dyn Output,
    head: Option<Head>,
    body: Vec<u8>,
    held: Option<Vec<u8>>,
    too_long: bool,
    lead: Option<Lead>,
}

impl Recorder<'_> {
    pub(crate) fn new(output: &mut dyn Output, lead: Lead) -> Recorder<'_> {
        Recorder {
            output,
            head: None,
            body: Vec::new(),
            held: None,
            too_long: false,
            lead: Some(lead),
        }
    }

    /// Hands over the whole answer to be kept, lets the others go on, and sends what is left.
    pub(crate) fn finish(mut self, keep: impl FnOnce(Recorded)) -> Result<()> {
        if let (Some(head), false) = (self.head.take(), self.too_long) {
            keep(Recorded { head, body: std::mem::take(&mut self.body) });
        }
        self.lead = None;
        match self.held.take() {
            Some(bytes) => self.output.write(bytes),
            None => Ok(()),
        }
    }

    fn give_up(&mut self) {
        self.too_long = true;
        self.lead = None;
        self.body = Vec::new();
    }
}

impl Output for Recorder<'_> {
    fn start(&mut self, head: &Head) -> Result<()> {
        if head.tag.is_none() || head.not_modified {
            self.give_up();
        }
        self.head = Some(head.clone());
        self.output.start(head)
    }

    fn write(&mut self, bytes: Vec<u8>) -> Result<()> {
        if !self.too_long {
            if self.body.len() + bytes.len() > MOST_BYTES {
                self.give_up();
            } else {
                self.body.extend_from_slice(&bytes);
            }
        }
        if self.lead.is_some() && self.held.is_none() {
            self.held = Some(bytes);
            return Ok(());
        }
        self.lead = None;
        if let Some(held) = self.held.take() {
            self.output.write(held)?;
        }
        self.output.write(bytes)
    }
}

/// What to do with a query that reads something unstable: an error where its settings ask for that.
pub(crate) fn refuse(read: &ReadSet, functions: &str, tables: &str) -> Result<()> {
    if let (Some(function), "throw") = (&read.unstable_function, functions) {
        bail!(
            QueryCacheUsedWithNondeterministicFunctions,
            "The answer was not kept because the query has a function that gives something else the next time: \
             {function}. Setting query_cache_nondeterministic_function_handling = 'ignore' runs such queries without \
             the cache"
        );
    }
    if let (Some(table), "throw") = (&read.unstable_table, tables) {
        bail!(
            QueryCacheUsedWithSystemTable,
            "The answer was not kept because the query reads {table}, of which nobody knows when it changes. Setting \
             query_cache_system_table_handling = 'ignore' runs such queries without the cache"
        );
    }
    Ok(())
}
