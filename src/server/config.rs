//! Where the server listens and what it allows.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Settings of the server. `Config::default()` suits one machine; every limit bounds what a
/// client that sends too much, or too slowly, can take from the others.
#[derive(Debug, Clone)]
pub struct Config {
    /// The address to listen at; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// The most connections at once; others get 503.
    pub max_connections: usize,
    /// The most requests that run or wait for the engine at once, each on a thread of its own.
    /// The engine has its own, lower limit on queries.
    pub max_running_requests: usize,
    /// How long a connection may take to send the head of a request, or stay idle between two.
    pub header_timeout: Duration,
    /// How long a body may pause.
    pub body_timeout: Duration,
    /// How long a client may take none of its answer.
    pub send_timeout: Duration,
    /// How long running requests may go on after a shutdown began.
    pub drain_timeout: Duration,
    /// The most bytes of one multipart body, decoded.
    pub max_multipart_bytes: usize,
    /// The most bytes of all bodies that are held in memory at once (multipart, long SQL).
    pub max_held_bytes: usize,
    /// How much of an answer is held back, so that an error in it can still become a status;
    /// the parameter `buffer_size` overrides it, up to 64 MiB.
    pub answer_buffer_bytes: usize,
    /// Where answers of `wait_end_of_query=1` are kept when they outgrow memory; the system's
    /// folder for temporary files by default.
    pub temporary_folder: Option<PathBuf>,
    /// The longest time a session may ask to be kept.
    pub max_session_timeout: Duration,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8123)),
            max_connections: 1024,
            max_running_requests: 512,
            header_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(30),
            send_timeout: Duration::from_secs(120),
            drain_timeout: Duration::from_secs(10),
            max_multipart_bytes: 256 << 20,
            max_held_bytes: 1 << 30,
            answer_buffer_bytes: 256 << 10,
            temporary_folder: None,
            max_session_timeout: Duration::from_secs(3600),
        }
    }
}
