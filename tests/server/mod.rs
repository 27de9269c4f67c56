//! A server under test: the real binary as a process on a free port of 127.0.0.1.
//!
//! 1. The process ends with its [`Server`], whatever happens to the test.
//! 2. `GRANARY_BINARY` names another binary to test, as one built with optimization.

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
#![allow(dead_code, reason = "each test uses what it needs")]

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::time::Duration;

/// The binary under test.
pub(crate) fn binary() -> PathBuf {
    std::env::var_os("GRANARY_BINARY")
        .map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_granary")), PathBuf::from)
}

/// `granary check` of a data folder.
pub(crate) fn check(data: &Path) -> Output {
    Command::new(binary()).arg("check").arg("--data").arg(data).output().unwrap()
}

/// A running server.
pub(crate) struct Server {
    child: Mutex<Child>,
    id: u32,
    pub(crate) address: SocketAddr,
    log: PathBuf,
}

/// What a server has answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The header `X-ClickHouse-Exception-Code`.
    pub(crate) code: Option<u32>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body of a successful answer, without the line end behind it.
    #[track_caller]
    pub(crate) fn good(&self) -> String {
        assert_eq!(self.status, 200, "{}", self.text());
        self.text().trim_end_matches('\n').to_owned()
    }

    /// Asserts that this is an error as ClickHouse tells it, of one of these names.
    #[track_caller]
    pub(crate) fn fails(&self, names: &[&str]) {
        let text = self.text();
        let shown: String = text.chars().take(300).collect();
        assert_ne!(self.status, 200, "{shown}");
        let code = self.code.unwrap_or_else(|| panic!("no exception code: {shown}"));
        assert!(text.starts_with(&format!("Code: {code}. DB::Exception: ")), "{shown}");
        assert!(
            names.iter().any(|name| text.contains(&format!("({name})"))),
            "expected one of {names:?}: {shown}"
        );
    }
}

/// Starts a process without waiting for it to listen; its log is kept beside the data folder.
pub(crate) fn spawn(data: &Path, config: Option<&Path>) -> (Child, PathBuf) {
    let log = data.with_extension("log");
    let mut command = Command::new(binary());
    // Peaks of memory are to tell what is in use, not what is kept for the next query.
    command.env("MIMALLOC_PURGE_DELAY", "1000");
    command.args(["server", "--listen", "127.0.0.1:0", "--data"]).arg(data);
    if let Some(config) = config {
        command.arg("--config").arg(config);
    }
    let file = File::create(&log).unwrap();
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(file).spawn().unwrap();
    (child, log)
}

impl Server {
    /// Starts a server on a data folder and waits until it listens.
    pub(crate) fn start(data: &Path) -> Server {
        Server::start_with(data, "")
    }

    /// The same with a configuration.
    pub(crate) fn start_with(data: &Path, config: &str) -> Server {
        match Server::try_start(data, config) {
            Ok(server) => server,
            Err(log) => panic!("the server did not start: {log}"),
        }
    }

    /// Starts a server; where it ends by itself, gives what it has said.
    pub(crate) fn try_start(data: &Path, config: &str) -> Result<Server, String> {
        let path = data.with_extension("conf");
        std::fs::write(&path, config).unwrap();
        let (mut child, log) = spawn(data, Some(&path));
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("Listening on http://").map(str::parse);
        match address {
            Some(Ok(address)) => {
                Ok(Server { id: child.id(), child: Mutex::new(child), address, log })
            }
            _ => {
                let status = child.wait().unwrap();
                let log = std::fs::read_to_string(&log).unwrap();
                Err(format!("{status}: {log}"))
            }
        }
    }

    /// Kills the process as a crash would, and waits until it is gone.
    pub(crate) fn kill(self) {
        self.kill_now();
    }

    /// Tells the process to end (SIGTERM) and waits until it has ended well.
    pub(crate) fn stop(self) {
        let told = Command::new("kill").arg(self.id.to_string()).status().unwrap();
        assert!(told.success());
        let status = self.child.lock().unwrap().wait().unwrap();
        assert!(status.success(), "{status}: {}", self.log());
    }

    /// Kills the process while others still use it; whether it had not ended before.
    pub(crate) fn kill_now(&self) -> bool {
        let mut child = self.child.lock().unwrap();
        let running = child.try_wait().unwrap().is_none();
        child.kill().unwrap();
        child.wait().unwrap();
        running
    }

    /// The number of the process.
    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    /// What the server has written to standard error.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Whether the process still runs.
    pub(crate) fn runs(&self) -> bool {
        self.child.lock().unwrap().try_wait().unwrap().is_none()
    }

    /// The most memory that the process has held so far, in MiB.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
    }

    /// Begins to measure the most memory anew.
    pub(crate) fn reset_peak_memory(&self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.id()), "5").unwrap();
    }

    /// Runs a query.
    pub(crate) fn query(&self, sql: &str) -> Answer {
        self.post("", sql.as_bytes())
    }

    /// Runs a query with parameters of the URL; `Err` where the connection broke.
    pub(crate) fn try_post(&self, parameters: &str, body: &[u8]) -> Result<Answer, String> {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_idle_connections(0)
            .timeout_global(Some(Duration::from_secs(300)))
            .build()
            .new_agent();
        let url = format!("http://{}/?{parameters}", self.address);
        let mut answer = agent.post(&url).send(body).map_err(|e| e.to_string())?;
        let code = answer.headers().get("X-ClickHouse-Exception-Code");
        let code = code.and_then(|c| c.to_str().ok()).and_then(|c| c.parse().ok());
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(1 << 30).read_to_vec();
        Ok(Answer { status, code, body: body.map_err(|e| e.to_string())? })
    }

    /// Runs a query with parameters of the URL.
    #[track_caller]
    pub(crate) fn post(&self, parameters: &str, body: &[u8]) -> Answer {
        match self.try_post(parameters, body) {
            Ok(answer) => answer,
            Err(error) => panic!("{error}; the server said: {}", self.log()),
        }
    }

    /// A connection of bytes.
    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(120))).unwrap();
        stream
    }

    /// Sends bytes as they are and reads the answer up to the end of the connection.
    pub(crate) fn raw(&self, request: &[u8]) -> Answer {
        let mut stream = self.connect();
        // The server may answer and close before it has read all.
        let _ = stream.write_all(request);
        read_answer(stream)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, or by `kill`.
        if let Ok(child) = self.child.get_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Reads an answer up to the end of the connection; a reset ends it too.
pub(crate) fn read_answer(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    let mut piece = [0; 64 << 10];
    while let Ok(count @ 1..) = stream.read(&mut piece) {
        bytes.extend_from_slice(&piece[..count]);
    }
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or(bytes.len());
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
    let code = head.lines().find_map(|l| l.strip_prefix("x-clickhouse-exception-code:"));
    let code = code.and_then(|c| c.trim().parse().ok());
    Answer { status, code, body: bytes.get(end + 4..).unwrap_or_default().to_vec() }
}
