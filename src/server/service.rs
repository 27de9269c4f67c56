//! What the server asks of the engine.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use base::{Result, bail};
use bytes::Bytes;
use engine::{Credentials, Engine, KeptReply, OpenText, Output, Request, Summary, TextAddress};

/// The bytes of a request's body that follow those in [`Request::query`]: the next piece (never
/// empty), or `None` at the end. A call blocks until the client has sent more.
pub type Input = Box<dyn FnMut() -> Result<Option<Bytes>> + Send>;

/// Runs queries. Every method may be called from many threads at once.
pub trait QueryService: Send + Sync + 'static {
    /// Runs one query and blocks the calling thread until its answer is written.
    ///
    /// `request.query` holds the first bytes of the text, `max_query_size` of them at least
    /// unless the text ends before; the data of an INSERT may begin in it and goes on in
    /// `input`. `input` is there only for a text that begins with INSERT and is longer than
    /// what `request.query` holds. `request.parameters` are as they came, still escaped.
    /// `request.settings` are all parameters of the request that have no meaning in HTTP, and
    /// `client_protocol_version` and `role` where they were given.
    ///
    /// # Errors
    /// Before `output.start` they become the status of the response, afterwards they end its
    /// body (as long as it was held back, they still become the status).
    fn run(
        &self,
        request: Request,
        input: Option<Input>,
        output: &mut dyn Output,
    ) -> Result<Summary>;

    /// The answer to a request that is there already. Never waits: it is asked for where nothing may block.
    fn kept_answer(&self, _request: &Request, _most_bytes: usize) -> Option<KeptReply> {
        None
    }

    /// Finds one text of a CLOB column; `None` where no row has the key.
    ///
    /// # Errors
    /// Those of looking for it.
    fn open_text(&self, _request: Request, address: &TextAddress) -> Result<Option<OpenText>> {
        bail!(UnknownTable, "Table {}.{} does not exist", address.database, address.table)
    }

    /// Checks who asks, without running anything.
    ///
    /// # Errors
    /// AUTHENTICATION_FAILED and its like.
    fn authenticate(&self, credentials: &Credentials) -> Result<()>;

    /// The version of ClickHouse that clients take this server for, as in `25.8.1.1`.
    fn version(&self) -> String;

    /// The name of this server, for people.
    fn display_name(&self) -> String;

    /// The server's time zone.
    fn time_zone(&self) -> String;

    /// A connection was opened (1) or closed (-1).
    fn count_connection(&self, _change: i64) {}

    /// The page at `/reference`: what SQL can name.
    fn reference(&self) -> String {
        String::new()
    }

    /// What to show at `/metrics` besides the counters of HTTP itself.
    fn metrics(&self) -> Vec<Metric> {
        Vec::new()
    }
}

/// Whether a metric only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Counts what has happened since the start.
    Counter,
    /// Tells how much there is now.
    Gauge,
}

/// One number of a running system.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// Its name in Prometheus' alphabet, with its unit, as in `granary_parts_bytes`.
    pub name: String,
    /// What it counts, in one line.
    pub help: String,
    /// Whether it only grows.
    pub kind: MetricKind,
    /// The number.
    pub value: f64,
}

impl QueryService for Arc<Engine> {
    fn run(
        &self,
        request: Request,
        input: Option<Input>,
        output: &mut dyn Output,
    ) -> Result<Summary> {
        Engine::run(self, request, input.map(engine::pulled), output)
    }

    fn kept_answer(&self, request: &Request, most_bytes: usize) -> Option<KeptReply> {
        Engine::kept_answer(self, request, most_bytes)
    }

    fn open_text(&self, request: Request, address: &TextAddress) -> Result<Option<OpenText>> {
        Engine::open_text(self, request, address)
    }

    fn authenticate(&self, credentials: &Credentials) -> Result<()> {
        Engine::authenticate(self, credentials)
    }

    fn version(&self) -> String {
        engine::VERSION.to_owned()
    }

    fn reference(&self) -> String {
        engine::reference::page(self.registry())
    }

    fn display_name(&self) -> String {
        Engine::display_name(self).to_owned()
    }

    fn time_zone(&self) -> String {
        self.time_zone_name().to_owned()
    }

    fn count_connection(&self, change: i64) {
        // Closing takes away 1 by wrapping around.
        self.connections().fetch_add(change as u64, Ordering::Relaxed);
    }

    fn metrics(&self) -> Vec<Metric> {
        let metric = |declared: &engine::MetricDeclaration| Metric {
            name: declared.prometheus.to_owned(),
            help: declared.help.to_owned(),
            kind: match declared.kind {
                engine::MetricKind::Event => MetricKind::Counter,
                engine::MetricKind::Current | engine::MetricKind::Asynchronous => MetricKind::Gauge,
            },
            value: declared.value(self) as f64,
        };
        engine::METRICS.iter().map(metric).collect()
    }
}
