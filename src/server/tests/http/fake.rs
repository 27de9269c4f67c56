//! A query service whose statements say what it shall do.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use base::{Result, bail};
use engine::{Credentials, Head, Output, Request, Summary};
use granary_server::{Config, Input, Metric, MetricKind, QueryService, Running, serve};

#[derive(Default)]
pub(crate) struct Fake {
    pub(crate) cancelled: AtomicBool,
    pub(crate) started: AtomicU64,
    pub(crate) ended: AtomicU64,
    pub(crate) written: AtomicU64,
}

/// A server on a free port, with its service.
pub(crate) fn start(config: Config) -> (Running, Arc<Fake>) {
    let fake = Arc::new(Fake::default());
    let config = Config { listen: "127.0.0.1:0".parse().unwrap(), ..config };
    let running = serve(config, fake.clone()).unwrap();
    (running, fake)
}

fn head(request: &Request) -> Head {
    let format = match request.default_format.as_str() {
        "" => "TabSeparated".to_owned(),
        given => given.to_owned(),
    };
    Head {
        query_id: request.query_id.clone(),
        format: Some(format),
        content_type: "text/tab-separated-values; charset=UTF-8".to_owned(),
        time_zone: "Europe/Vienna".to_owned(),
        ..Head::default()
    }
}

/// All that reached the service, a line each.
fn describe(request: &Request) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| writeln!(text, "{name}={value}").unwrap();
    line("query", &String::from_utf8_lossy(&request.query));
    line("user", &request.credentials.user);
    line("password", &request.credentials.password);
    line("database", &request.database);
    line("format", &request.default_format);
    line("readonly", &request.readonly.to_string());
    line("session", &format!("{:?}", request.session_id));
    line("session_timeout", &format!("{:?}", request.session_timeout));
    line("session_check", &request.session_check.to_string());
    for (name, value) in &request.settings {
        line(&format!("set {name}"), value);
    }
    for (name, value) in &request.parameters {
        line(&format!("param {name}"), value);
    }
    for table in &request.external_tables {
        let content = String::from_utf8_lossy(&table.content);
        let shape = format!("{} {:?} {:?} {content:?}", table.format, table.structure, table.types);
        line(&format!("table {}", table.name), &shape);
    }
    text
}

impl Fake {
    fn obey(
        &self,
        request: &Request,
        input: Option<Input>,
        output: &mut dyn Output,
    ) -> Result<Summary> {
        let text = String::from_utf8_lossy(&request.query).into_owned();
        let words: Vec<&str> = text.split_whitespace().collect();
        let number = |at: usize| words.get(at).and_then(|w| w.parse::<usize>().ok()).unwrap_or(0);
        request.progress.read_rows.store(7, Ordering::Relaxed);
        match words.first().copied().unwrap_or_default() {
            "SELECT" if words.get(1) == Some(&"forever") => {
                while !request.cancel.is_cancelled() {
                    std::thread::sleep(Duration::from_millis(5));
                }
                self.cancelled.store(true, Ordering::SeqCst);
                request.cancel.check()?;
            }
            "SELECT" if words.get(1) == Some(&"sleep") => {
                std::thread::sleep(Duration::from_millis(number(2) as u64));
                output.start(&head(request))?;
                output.write(b"slept\n".to_vec())?;
            }
            "SELECT" | "describe" => {
                output.start(&head(request))?;
                let answer = if text == "SELECT 1" { "1\n".to_owned() } else { describe(request) };
                output.write(answer.into_bytes())?;
            }
            "rows" => {
                output.start(&head(request))?;
                for row in 0..number(1) {
                    self.written.fetch_add(1, Ordering::SeqCst);
                    output.write(format!("{row:0>999}\n").into_bytes())?;
                }
            }
            "break" => {
                output.start(&head(request))?;
                output.write(vec![b'x'; number(1)])?;
                bail!(TooManyRows, "Too many rows for {} (really)", number(1));
            }
            "fail" => match words.get(1).copied().unwrap_or_default() {
                "table" => bail!(UnknownTable, "Unknown table 'Ä\n<b>'"),
                "busy" => bail!(TooManySimultaneousQueries, "Too many simultaneous queries"),
                "password" => bail!(RequiredPassword, "A password is required"),
                _ => bail!(SyntaxError, "Syntax error"),
            },
            "INSERT" => return self.insert(request, input, words.get(1) == Some(&"bad")),
            "panic" => panic!("on demand"),
            _ => {}
        }
        Ok(request.progress.summary(Duration::from_millis(1)))
    }

    /// Reads the data behind the first line; a row is a byte.
    fn insert(&self, request: &Request, input: Option<Input>, bad: bool) -> Result<Summary> {
        let first = request.query.iter().position(|byte| *byte == b'\n');
        let mut rows = first.map_or(0, |at| request.query.len() - at - 1) as u64;
        if bad {
            bail!(CannotParseInputAssertionFailed, "Cannot parse row 1");
        }
        if let Some(mut next) = input {
            while let Some(piece) = next()? {
                assert!(!piece.is_empty());
                rows += piece.len() as u64;
                self.written.store(rows, Ordering::SeqCst);
            }
        }
        self.written.store(rows, Ordering::SeqCst);
        Ok(Summary { written_rows: rows, ..Summary::default() })
    }
}

impl QueryService for Fake {
    fn run(
        &self,
        request: Request,
        input: Option<Input>,
        output: &mut dyn Output,
    ) -> Result<Summary> {
        self.started.fetch_add(1, Ordering::SeqCst);
        let result = self.authenticate(&request.credentials);
        let result = result.and_then(|()| self.obey(&request, input, output));
        self.ended.fetch_add(1, Ordering::SeqCst);
        result
    }

    fn authenticate(&self, credentials: &Credentials) -> Result<()> {
        if credentials.user == "nobody" {
            bail!(AuthenticationFailed, "nobody: Authentication failed");
        }
        Ok(())
    }

    fn version(&self) -> String {
        "25.8.1.1".to_owned()
    }

    fn display_name(&self) -> String {
        "barn".to_owned()
    }

    fn time_zone(&self) -> String {
        "UTC".to_owned()
    }

    fn metrics(&self) -> Vec<Metric> {
        vec![Metric {
            name: "granary_barns".to_owned(),
            help: "Barns".to_owned(),
            kind: MetricKind::Gauge,
            value: 3.0,
        }]
    }
}
