//! What goes into the engine and what comes out, without a word about HTTP.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use base::{CancelToken, Result};
use bytes::Bytes;

/// Who asks.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    /// The user; `default` where none was given.
    pub user: String,
    /// The password as it was given.
    pub password: String,
}

/// One query with all that belongs to it.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The SQL text; for an INSERT the data may follow in it. Not necessarily UTF-8.
    pub query: Bytes,
    /// Who asks; checked by the engine.
    pub credentials: Credentials,
    /// The current database; empty for the session's or the default one.
    pub database: String,
    /// Settings of this query by name, as text.
    pub settings: Vec<(String, String)>,
    /// Values of `{name:Type}`, as text with TabSeparated's escapes.
    pub parameters: BTreeMap<String, String>,
    /// The session, kept between queries; none for a query on its own.
    pub session_id: Option<String>,
    /// How long an idle session is kept.
    pub session_timeout: Option<Duration>,
    /// Whether the session must be there already.
    pub session_check: bool,
    /// The query's id; the engine makes one where it is empty.
    pub query_id: String,
    /// The format where the query names none; empty for the setting's or TabSeparated.
    pub default_format: String,
    /// Tables sent along with the query: name, format, structure or types, and content.
    pub external_tables: Vec<ExternalTable>,
    /// Whether nothing may be changed (HTTP GET).
    pub readonly: bool,
    /// Stops the query when its client has gone.
    pub cancel: CancelToken,
    /// Counts while the query runs.
    pub progress: Arc<Progress>,
    /// Where the request comes from, for the query log.
    pub client: String,
    /// Tags of answers that the client has already; `*` for any.
    pub known_tags: Vec<String>,
}

impl Request {
    /// Whether the client has the answer of a tag already.
    pub(crate) fn knows(&self, tag: &str) -> bool {
        self.known_tags.iter().any(|known| known == tag || known == "*")
    }
}

/// A table sent along with a query.
#[derive(Debug, Clone, Default)]
pub struct ExternalTable {
    /// Its name in the query.
    pub name: String,
    /// Its format; TabSeparated unless given.
    pub format: String,
    /// `name Type, ...`, where given.
    pub structure: Option<String>,
    /// `Type, ...` for columns `_1`, `_2`, ..., where given.
    pub types: Option<String>,
    /// Its rows.
    pub content: Bytes,
}

/// What is known before the first byte of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// The query's id.
    pub query_id: String,
    /// The format of the answer; `None` where there is no result set.
    pub format: Option<String>,
    /// The MIME type of the format.
    pub content_type: String,
    /// The session's time zone.
    pub time_zone: String,
    /// What tells the answer from any other to the same question; `None` where it depends on more than tables.
    pub tag: Option<String>,
    /// Whether the client has the answer already, so that none follows.
    pub not_modified: bool,
    /// What of the answer was kept from earlier queries.
    pub kept: Kept,
    /// What caches on the way may do with it.
    pub cache_control: String,
}

/// What of an answer was kept from earlier queries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Kept {
    /// Nothing: it was computed.
    #[default]
    Nothing,
    /// Aggregate states of some parts.
    States,
    /// All of it.
    Answer,
}

/// Where an answer goes.
pub trait Output: Send {
    /// Called once, before the first byte.
    fn start(&mut self, head: &Head) -> Result<()>;

    /// Takes some bytes of the answer; blocks while the client is slow.
    ///
    /// # Errors
    /// When the client has gone.
    fn write(&mut self, bytes: Vec<u8>) -> Result<()>;
}

/// Counters of a running query, shared with whoever wants to show them.
#[derive(Debug, Default)]
pub struct Progress {
    /// Rows read from tables.
    pub read_rows: AtomicU64,
    /// Bytes read from tables, decoded.
    pub read_bytes: AtomicU64,
    /// Rows that will be read, as far as known.
    pub total_rows_to_read: AtomicU64,
    /// Rows written by an INSERT.
    pub written_rows: AtomicU64,
    /// Bytes written by an INSERT, before encoding.
    pub written_bytes: AtomicU64,
    /// Rows of the answer.
    pub result_rows: AtomicU64,
    /// Bytes of the answer.
    pub result_bytes: AtomicU64,
    /// The most memory that the query used at once, bytes.
    pub peak_memory: AtomicU64,
    /// Whether the query has ended.
    pub finished: AtomicBool,
}

impl Progress {
    /// The counters as they are now.
    pub fn summary(&self, elapsed: Duration) -> Summary {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Summary {
            read_rows: get(&self.read_rows),
            read_bytes: get(&self.read_bytes),
            total_rows_to_read: get(&self.total_rows_to_read),
            written_rows: get(&self.written_rows),
            written_bytes: get(&self.written_bytes),
            result_rows: get(&self.result_rows),
            result_bytes: get(&self.result_bytes),
            peak_memory: get(&self.peak_memory),
            elapsed,
        }
    }
}

/// What a query did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Summary {
    pub read_rows: u64,
    pub read_bytes: u64,
    pub total_rows_to_read: u64,
    pub written_rows: u64,
    pub written_bytes: u64,
    pub result_rows: u64,
    pub result_bytes: u64,
    pub peak_memory: u64,
    pub elapsed: Duration,
}

/// Bytes that are pulled from a function, as a source for formats.
struct Pulled(Box<dyn FnMut() -> Result<Option<Bytes>> + Send>);

impl format::ByteSource for Pulled {
    fn next(&mut self) -> Result<Option<Bytes>> {
        (self.0)()
    }
}

/// A source of bytes that calls a function for each next piece.
pub fn pulled(
    next: Box<dyn FnMut() -> Result<Option<Bytes>> + Send>,
) -> Box<dyn format::ByteSource> {
    Box::new(Pulled(next))
}
