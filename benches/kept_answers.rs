//! Kept answers a second over HTTP: 16 connections that stay open ask one dashboard question again and again.
//!
//! `cargo bench --bench kept_answers`; the clients share the machine's processors with the server. `GRANARY_BINARY` names
//! another binary to measure. Told are answers a second, the time of an answer as a client sees it, and the processor time
//! that the server took for one.

#![allow(clippy::unwrap_used, reason = "a measurement may end by a panic")]

#[path = "../tests/server/mod.rs"]
mod server;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use server::Server;

const CONNECTIONS: usize = 16;
const TIME: Duration = Duration::from_secs(10);

const QUESTION: &str = "SELECT%20region,count(),avg(price),uniq(user)%20FROM%20visits%20GROUP%20BY%20region%20\
    ORDER%20BY%20region%20FORMAT%20JSON";

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    server
        .query("CREATE TABLE visits (region String, price UInt32, user UInt32) ORDER BY region")
        .good();
    server.query(
        "INSERT INTO visits SELECT concat('region ', toString(number % 8)), cityHash64(number) % 2000, \
         cityHash64(number, 1) % 100000 FROM numbers(1000000)",
        )
        .good();
    let address = server.address;
    let mut client = Client::new(address);
    let expected = client.ask();
    assert_eq!(client.ask(), expected);
    let before = processor_time(server.id());
    let started = Instant::now();
    let threads: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let expected = expected.clone();
            std::thread::spawn(move || {
                let (mut client, mut times) = (Client::new(address), Vec::new());
                while started.elapsed() < TIME {
                    let asked = Instant::now();
                    assert!(client.ask() == expected, "another answer");
                    times.push(asked.elapsed());
                }
                times
            })
        })
        .collect();
    let mut times: Vec<Duration> = threads.into_iter().flat_map(|t| t.join().unwrap()).collect();
    let elapsed = started.elapsed().as_secs_f64();
    let used = processor_time(server.id()) - before;
    times.sort_unstable();
    let (count, at) = (times.len(), |share: f64| times[(times.len() as f64 * share) as usize]);
    println!(
        "{CONNECTIONS} connections: {:.0} kept answers of {} bytes a second; an answer takes {} us (99%: {} us), {:.1} us of \
         the server's processor time",
        count as f64 / elapsed,
        expected.len(),
        at(0.5).as_micros(),
        at(0.99).as_micros(),
        used.as_secs_f64() * 1e6 / count as f64
    );
}

/// User and system time of a process, by proc(5): fields 14 and 15 of its `stat`, hundredths of a second.
fn processor_time(process: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    Duration::from_millis(
        (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()) * 10,
    )
}

/// A connection that stays open.
struct Client {
    stream: TcpStream,
    request: Vec<u8>,
    buffer: Vec<u8>,
}

impl Client {
    fn new(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        let request = format!("GET /?query={QUESTION} HTTP/1.1\r\nHost: {address}\r\n\r\n");
        Client { stream, request: request.into_bytes(), buffer: vec![0; 64 << 10] }
    }

    /// The body of an answer, but for the times in it.
    fn ask(&mut self) -> Vec<u8> {
        self.stream.write_all(&self.request).unwrap();
        let mut have = 0;
        loop {
            have += self.stream.read(&mut self.buffer[have..]).unwrap();
            let text = &self.buffer[..have];
            let Some(end) = text.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
            let head = std::str::from_utf8(&text[..end]).unwrap();
            assert!(head.starts_with("HTTP/1.1 200"), "{head}");
            let length = head.lines().find_map(|l| l.strip_prefix("content-length: ")).unwrap();
            let whole = end + 4 + length.parse::<usize>().unwrap();
            if have == whole {
                return text[end + 4..].to_vec();
            }
        }
    }
}
