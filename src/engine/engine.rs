//! The engine: what a server or a shell holds.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use base::disk::{Disk, LocalDisk, MemoryDisk};
use base::{MemoryBudget, Result, bail};
use bytes::Bytes;
use exec::{Caches, Scheduler};
use expr::Registry;
use parking_lot::Mutex;
use sql::ast::Statement;
use storage::{DatabaseInfo, Store, StoreOptions};

use crate::answers::AnswerCache;
use crate::async_insert::AsyncInserter;
use crate::caches;
use crate::clob::{OpenText, TextAddress};
use crate::metrics::QueryTotals;
use crate::process::{LogEntry, Process, Processes, now};
use crate::query::Query;
use crate::request::{Credentials, Output, Request, Summary};
use crate::session::{self, SessionState, Sessions};
use crate::settings::Settings;
use crate::warm;
use crate::wording::{KeptReply, Wordings};

/// The version that clients are told: they switch on what it had.
pub const VERSION: &str = "25.8.2.1";

/// How an engine is opened.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// The data folder; none keeps everything in memory.
    pub data: Option<PathBuf>,
    /// The folder that `file()` may read when served; none for any path.
    pub files: Option<PathBuf>,
    /// Worker threads; 0 is one a processor.
    pub threads: usize,
    /// Bytes that all queries may hold together; 0 is seven tenths of the machine's memory.
    pub memory: usize,
    /// Bytes of decoded dictionaries that are kept; 0 is as many as tables are large for, from 320 MiB up to a fifth
    /// of `memory`.
    pub dictionary_cache: usize,
    /// Bytes of rows known to meet conditions that are kept; none for a twentieth of `memory`, 0 for no cache.
    pub filter_cache: Option<usize>,
    /// Bytes of aggregate states of parts that are kept; none for a twentieth of `memory`, 0 for no cache.
    pub partial_aggregate_cache: Option<usize>,
    /// Bytes of answers that are kept; none for a twentieth of `memory`, 0 for no cache.
    pub answer_cache: Option<usize>,
    /// Queries at once.
    pub max_queries: usize,
    /// Users and their passwords; `default` without a password where there are none.
    pub users: Vec<(String, String)>,
    /// Settings that hold unless a session or query says otherwise.
    pub settings: Settings,
    /// What the server calls itself.
    pub display_name: String,
    /// Whether the background (merges) runs.
    pub background: bool,
}

impl Default for EngineOptions {
    fn default() -> EngineOptions {
        EngineOptions {
            data: None,
            files: None,
            threads: 0,
            memory: 0,
            dictionary_cache: 0,
            filter_cache: None,
            partial_aggregate_cache: None,
            answer_cache: None,
            max_queries: 100,
            users: Vec::new(),
            settings: Settings::default(),
            display_name: "granary".to_owned(),
            background: true,
        }
    }
}

/// An opened data folder with everything that answers queries over it.
pub struct Engine {
    pub(crate) options: EngineOptions,
    pub(crate) store: Arc<Store>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) scheduler: Arc<Scheduler>,
    pub(crate) caches: Arc<Caches>,
    pub(crate) answers: Arc<AnswerCache>,
    pub(crate) budget: MemoryBudget,
    pub(crate) processes: Processes,
    pub(crate) async_inserter: AsyncInserter,
    pub(crate) dictionaries: crate::dictionary::Dictionaries,
    pub(crate) started: Instant,
    pub(crate) totals: QueryTotals,
    pub(crate) wordings: Wordings,
    connections: AtomicU64,
    sessions: Sessions,
}

impl Engine {
    /// Opens a data folder, or an engine in memory.
    ///
    /// # Errors
    /// A folder that another process holds, a damaged catalog.
    pub fn open(options: EngineOptions) -> Result<Arc<Engine>> {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = if options.threads == 0 { processors } else { options.threads };
        let registry = Arc::new(functions::registry());
        let disk: Arc<dyn Disk> = match &options.data {
            Some(folder) => Arc::new(LocalDisk::new(folder)?),
            None => Arc::new(MemoryDisk::new()),
        };
        let mut store_options = StoreOptions::new(disk, registry.clone());
        store_options.folder = options.data.clone();
        store_options.threads = threads;
        let memory = if options.memory == 0 { machine_memory() / 10 * 7 } else { options.memory };
        let budget = MemoryBudget::new("total", memory);
        let (answers, caches) = caches::open(&options, memory, &budget);
        let least = *store_options.dictionary_cache_bytes.start();
        store_options.dictionary_cache_bytes = match options.dictionary_cache {
            0 => least..=least.max(memory / 5),
            fixed => fixed..=fixed,
        };
        store_options.budget = budget.clone();
        let store = Store::open(store_options)?;
        caches::connect(&budget, &answers, &caches, &store);
        for name in ["default", "system", "INFORMATION_SCHEMA", "information_schema"] {
            if store.database(name).is_none() {
                store.create_database(DatabaseInfo {
                    name: name.to_owned(),
                    ..DatabaseInfo::default()
                })?;
            }
        }
        if options.background {
            store.start_background()?;
        }
        let engine = Arc::new(Engine {
            async_inserter: AsyncInserter::new(store.clone())?,
            scheduler: Arc::new(Scheduler::new(threads)?),
            caches,
            answers,
            dictionaries: crate::dictionary::Dictionaries::default(),
            budget,
            processes: Processes::new(options.max_queries),
            started: Instant::now(),
            totals: QueryTotals::default(),
            wordings: Wordings::new(),
            connections: AtomicU64::new(0),
            sessions: Sessions::default(),
            registry,
            store,
            options,
        });
        if engine.options.background {
            warm::start(&engine)?;
        }
        Ok(engine)
    }

    /// Makes the catalog of a data folder anew from its parts; the old one is set aside.
    ///
    /// # Errors
    /// A folder that is not there or that another process holds.
    pub fn recover(data: &Path) -> Result<Recovery> {
        if !data.join("tables").is_dir() {
            bail!(FileDoesntExist, "There is no data folder with tables at {}", data.display());
        }
        let disk: Arc<dyn Disk> = Arc::new(LocalDisk::new(data)?);
        let saved = Store::set_catalog_aside(data)?;
        let mut options = StoreOptions::new(disk, Arc::new(functions::registry()));
        options.folder = Some(data.to_owned());
        let (store, problems) = Store::recover(options)?;
        let mut found = Recovery { saved, tables: 0, parts: 0, rows: 0, problems };
        for table in store.databases().iter().flat_map(|d| store.tables(&d.name)) {
            let snapshot = table.snapshot();
            found.tables += 1;
            found.parts += snapshot.parts.len();
            found.rows += snapshot.rows();
        }
        Ok(found)
    }

    /// The store below, for checks and tools.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Where queries put what does not fit into memory.
    pub(crate) fn temporary_folder(&self) -> PathBuf {
        match &self.options.data {
            Some(folder) => folder.join("tmp"),
            None => std::env::temp_dir(),
        }
    }

    /// The functions that queries may call.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// What the server calls itself.
    pub fn display_name(&self) -> &str {
        &self.options.display_name
    }

    /// The server's time zone.
    pub fn time_zone_name(&self) -> &'static str {
        types::TimeZone::server().name()
    }

    /// Asks a running query to stop; whether there is one of that id.
    pub fn kill(&self, query_id: &str) -> bool {
        self.processes.kill(query_id)
    }

    /// Checks who asks.
    ///
    /// # Errors
    /// AUTHENTICATION_FAILED, without telling whether the user exists.
    pub fn authenticate(&self, credentials: &Credentials) -> Result<()> {
        let user = if credentials.user.is_empty() { "default" } else { &credentials.user };
        let known = self.options.users.iter().find(|(name, _)| name == user);
        let fine = match known {
            Some((_, password)) => same_bytes(password.as_bytes(), credentials.password.as_bytes()),
            None => {
                self.options.users.is_empty()
                    && user == "default"
                    && credentials.password.is_empty()
            }
        };
        if fine {
            return Ok(());
        }
        bail!(
            AuthenticationFailed,
            "{user}: Authentication failed: password is incorrect, or there is no user with such name"
        )
    }

    /// Runs a request to its end. Blocks the calling thread, which must not be one of the workers.
    ///
    /// # Errors
    /// Whatever is wrong; if `output` was started already, the answer is incomplete.
    pub fn run(
        self: &Arc<Engine>,
        mut request: Request,
        input: Option<Box<dyn format::ByteSource>>,
        output: &mut dyn Output,
    ) -> Result<Summary> {
        if request.credentials.user.is_empty() {
            "default".clone_into(&mut request.credentials.user);
        }
        self.authenticate(&request.credentials)?;
        if request.query_id.is_empty() {
            request.query_id = storage::new_uuid();
        }
        if let Some(KeptReply { head, body, summary }) = self.kept_answer(&request, usize::MAX) {
            output.start(&head)?;
            if !body.is_empty() {
                output.write(body.to_vec())?;
            }
            return Ok(summary);
        }
        let work = |query: &mut Query<'_>, request: &Request| -> Result<()> {
            query.wording = Wordings::key(request).filter(|_| query.engine.answers.is_on());
            query.run(request, input, output)
        };
        match request.session_id.clone() {
            None => self.run_in(request, work, &mut SessionState::default()),
            Some(id) => {
                let timeout = request.session_timeout.unwrap_or(session::TIMEOUT);
                let user = &request.credentials.user;
                let state: Arc<Mutex<SessionState>> =
                    self.sessions.get(user, &id, timeout, request.session_check)?;
                let mut guard = session::lock(&state)?;
                self.run_in(request, work, &mut guard)
            }
        }
    }

    /// Finds one text of a CLOB column, to be read bit by bit; `None` where no row has the key.
    ///
    /// # Errors
    /// Those of the query that looks for it; BAD_ARGUMENTS where several rows have the key.
    pub fn open_text(
        self: &Arc<Engine>,
        mut request: Request,
        address: &TextAddress,
    ) -> Result<Option<OpenText>> {
        self.authenticate(&request.credentials)?;
        request.query = address.query(self)?.into();
        let mut found = None;
        let look = |query: &mut Query<'_>, _: &Request| -> Result<()> {
            found = query.open_text(address)?;
            Ok(())
        };
        self.run_in(request, look, &mut SessionState::default())?;
        Ok(found)
    }

    pub(crate) fn run_in(
        self: &Arc<Engine>,
        request: Request,
        work: impl FnOnce(&mut Query<'_>, &Request) -> Result<()>,
        session: &mut SessionState,
    ) -> Result<Summary> {
        let started = Instant::now();
        let mut settings = self.options.settings.clone();
        settings.extend(&session.settings);
        if request.readonly {
            settings.set("readonly", "2")?;
        }
        for (name, value) in &request.settings {
            settings.set(name, value)?;
        }
        let database = [&request.database, &session.database].into_iter().find(|d| !d.is_empty());
        let database = database.cloned().unwrap_or_else(|| "default".to_owned());
        let limit = settings.size("max_memory_usage", self.budget.limit());
        let process = Process {
            query_id: request.query_id.clone(),
            user: request.credentials.user.clone(),
            query: String::from_utf8_lossy(&request.query[..request.query.len().min(1 << 20)])
                .into_owned(),
            kind: "",
            database: database.clone(),
            client: request.client.clone(),
            started,
            started_at: now(),
            cancel: request.cancel.clone(),
            progress: request.progress.clone(),
            budget: self.budget.child("for query", limit),
            waits: Arc::default(),
            most_of_user: settings.number("max_concurrent_queries_for_user"),
        };
        let running = self.processes.start(process)?;
        let parsed = parse(&request.query, &settings);
        let mut process = running.process.clone();
        let result = match parsed {
            Ok(parsed) => {
                process.kind = kind(&parsed.statement);
                let mut query = Query::new(
                    self.clone(),
                    &request,
                    &process,
                    settings,
                    database,
                    session,
                    parsed,
                );
                work(&mut query, &request)
            }
            Err(error) => Err(error),
        };
        let progress = &request.progress;
        progress.peak_memory.fetch_max(process.budget.peak() as u64, Ordering::Relaxed);
        progress.finished.store(true, Ordering::Release);
        let summary = progress.summary(started.elapsed());
        let entry = LogEntry {
            process,
            ended_at: now(),
            summary: summary.clone(),
            error: result.as_ref().err().cloned(),
        };
        self.totals.note(&entry);
        self.processes.log(entry);
        result.map(|()| summary)
    }

    /// Runs a text without session or settings and gives the answer's bytes: for tools and tests.
    pub fn query(self: &Arc<Engine>, text: &str) -> Result<Vec<u8>> {
        let request =
            Request { query: Bytes::copy_from_slice(text.as_bytes()), ..Request::default() };
        let mut output = Gathered::default();
        self.run(request, None, &mut output)?;
        Ok(output.bytes)
    }

    /// Returns when all asynchronous inserts taken in so far are written.
    pub fn flush_async_inserts(&self) {
        self.async_inserter.flush();
    }

    /// How many connections there are; kept by the server, shown in system.metrics.
    pub fn connections(&self) -> &AtomicU64 {
        &self.connections
    }

    /// Seconds since the engine was opened.
    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }
}

/// What [`Engine::recover`] found.
#[derive(Debug)]
pub struct Recovery {
    /// Where the old catalog is kept, where there was one.
    pub saved: Option<PathBuf>,
    /// Tables.
    pub tables: usize,
    /// Their parts.
    pub parts: usize,
    /// The parts' rows.
    pub rows: u64,
    /// Parts that cannot be read.
    pub problems: Vec<storage::Problem>,
}

/// An output that keeps everything in memory.
#[derive(Debug, Default)]
pub struct Gathered {
    /// What was written.
    pub bytes: Vec<u8>,
}

impl Output for Gathered {
    fn start(&mut self, _head: &crate::request::Head) -> Result<()> {
        Ok(())
    }

    fn write(&mut self, bytes: Vec<u8>) -> Result<()> {
        self.bytes.extend_from_slice(&bytes);
        Ok(())
    }
}

/// Parses a request's text; only the data of an INSERT may be longer than `max_query_size`.
fn parse(text: &[u8], settings: &Settings) -> Result<sql::Parsed> {
    let most = settings.size("max_query_size", usize::MAX);
    if text.len() > most && !starts_insert(text) {
        bail!(
            SyntaxError,
            "Max query size exceeded: the query has more than {most} bytes (setting max_query_size)"
        );
    }
    sql::parse_bytes(text)
}

fn kind(statement: &Statement) -> &'static str {
    match statement {
        Statement::Query(_) => "Select",
        Statement::Insert(_) => "Insert",
        Statement::CreateDatabase(_)
        | Statement::CreateTable(_)
        | Statement::CreateView(_)
        | Statement::CreateDictionary(_)
        | Statement::CreateFunction(_) => "Create",
        Statement::Drop(_) => "Drop",
        Statement::Rename(_) => "Rename",
        Statement::Alter { .. } => "Alter",
        Statement::Delete { .. } => "Delete",
        Statement::Update { .. } => "Update",
        Statement::Optimize { .. } => "Optimize",
        Statement::Show(_) => "Show",
        Statement::Describe(_) => "Describe",
        Statement::Exists { .. } => "Exists",
        Statement::Use(_) => "Use",
        Statement::Set(_) => "Set",
        Statement::Explain(_) => "Explain",
        Statement::System(_) => "System",
        Statement::Kill { .. } => "KillQuery",
        Statement::Check(_) => "Check",
    }
}

/// Compares without telling by its time where the difference is.
fn same_bytes(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

/// Bytes of memory of this machine; 4 GiB where it does not tell.
fn machine_memory() -> usize {
    let about = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = about.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kilobytes =
        total.and_then(|t| t.split_whitespace().next()).and_then(|k| k.parse::<usize>().ok());
    kilobytes.map_or(4 << 30, |k| k * 1024)
}

/// Whether the first word of a text, comments left out, is INSERT.
fn starts_insert(mut text: &[u8]) -> bool {
    loop {
        text = text.trim_ascii_start();
        if let Some(rest) = text.strip_prefix(b"--") {
            let end = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
            text = &rest[end..];
        } else if let Some(rest) = text.strip_prefix(b"/*") {
            let end = rest.windows(2).position(|w| w == b"*/").map_or(rest.len(), |at| at + 2);
            text = &rest[end..];
        } else {
            return text.len() >= 6 && text[..6].eq_ignore_ascii_case(b"INSERT");
        }
    }
}
