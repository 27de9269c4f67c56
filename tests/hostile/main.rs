//! Hostile input against the real server: each gets an error or a limit, others are answered
//! meanwhile, memory stays bounded, and the server lives on.
//!
//! Every case runs through [`surround`], which has another client ask `SELECT 1` all the while.

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

#[path = "../server/mod.rs"]
mod server;

mod bodies;
mod connections;
mod limits;
mod queries;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use server::Server;

/// How long `SELECT 1` may take beside a hostile query, on a machine that other tests use too.
const PATIENCE: Duration = Duration::from_secs(5);

/// Starts a server with its tables in a folder of its own.
fn start() -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    server.query("CREATE TABLE t (a UInt64, s String, l Array(UInt32)) ORDER BY a").good();
    server.query("CREATE TABLE s (a String) ORDER BY a").good();
    (folder, server)
}

/// Runs an attack while another client asks, and checks what is left: the server answers, its
/// peak of memory is under `megabytes`, nothing panicked.
#[track_caller]
fn surround<T>(server: &Server, megabytes: u64, attack: impl FnOnce() -> T) -> T {
    server.reset_peak_memory();
    let ended = AtomicBool::new(false);
    let (result, slowest) = std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            let mut slowest = Duration::ZERO;
            loop {
                let started = Instant::now();
                assert_eq!(server.query("SELECT 1").good(), "1");
                slowest = slowest.max(started.elapsed());
                if ended.load(Ordering::Relaxed) {
                    return slowest;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(attack));
        ended.store(true, Ordering::Relaxed);
        (result, other.join())
    });
    assert!(server.runs(), "the server has ended: {}", server.log());
    // Panics of the libraries that read Arrow and Parquet are caught, and told as INCORRECT_DATA.
    let ours = |line: &&str| line.contains("panicked at") && !line.contains("/registry/");
    let log = server.log();
    assert_eq!(log.lines().find(ours), None, "{log}");
    let result = result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    let slowest = slowest.unwrap();
    assert!(slowest < PATIENCE, "another client waited {slowest:?}");
    let peak = server.peak_memory();
    assert!(peak < megabytes, "{peak} MiB, more than {megabytes}");
    result
}

/// One of the tests that need much memory or all processors at a time.
fn alone() -> std::sync::MutexGuard<'static, ()> {
    static ONE: OnceLock<std::sync::Mutex<()>> = OnceLock::new();
    let one = ONE.get_or_init(Default::default);
    // A test that failed leaves nothing behind that the next could trip over.
    one.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
