//! Clients that are slow, vanish, are too many or send bombs; and the server's end.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use granary_server::Config;

use crate::client::{Client, ask, eventually};
use crate::fake::start;

#[test]
fn hundreds_of_slow_clients_do_not_stop_others() {
    let (server, _) = start(Config { max_running_requests: 4, ..Config::default() });
    let at = server.local_addr();
    let mut slow: Vec<Client> = (0..500).map(|_| Client::new(at)).collect();
    for (number, client) in slow.iter_mut().enumerate() {
        // Half of them stop inside their head, half inside their body.
        client.send(b"POST /?query=INSERT+INTO+t HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n");
        if number % 2 == 0 {
            client.send(b"\r\nr");
        }
    }
    let begin = Instant::now();
    assert_eq!(ask(at, "POST", "/", &[], b"SELECT 1").text(), "1\n");
    assert!(begin.elapsed() < Duration::from_secs(2));
}

#[test]
fn slow_heads_and_bodies_are_given_up() {
    let short = Duration::from_millis(200);
    let (server, fake) =
        start(Config { header_timeout: short, body_timeout: short, ..Config::default() });
    let mut head = Client::new(server.local_addr());
    head.send(b"POST / HT");
    let mut rest = Vec::new();
    let begin = Instant::now();
    let _ = head.stream.read_to_end(&mut rest);
    assert!(begin.elapsed() < Duration::from_secs(5), "the connection is closed");
    let mut body = Client::new(server.local_addr());
    body.send(b"POST /?query=INSERT+INTO+t HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\nabc");
    let response = body.response(false);
    assert!(response.text().contains("paused for more than 0.2 seconds"), "{}", response.text());
    assert_eq!(fake.started.load(Ordering::SeqCst), 0);
}

#[test]
fn connections_beyond_the_limit_are_told_so() {
    let (server, _) = start(Config { max_connections: 2, ..Config::default() });
    let at = server.local_addr();
    let mut one = Client::new(at);
    let mut two = Client::new(at);
    assert_eq!(one.request("GET", "/ping", &[], b"").status, 200);
    assert_eq!(two.request("GET", "/ping", &[], b"").status, 200);
    let refused = Client::new(at).response(false);
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    assert_eq!(refused.text(), "Too many connections\n");
    drop(one);
    eventually("a place is free again", || {
        Client::new(at).request("GET", "/ping", &[], b"").status == 200
    });
}

#[test]
fn requests_beyond_the_limit_are_told_so() {
    let (server, fake) = start(Config { max_running_requests: 1, ..Config::default() });
    let mut first = Client::new(server.local_addr());
    first.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 14\r\n\r\nSELECT forever");
    eventually("the query runs", || fake.started.load(Ordering::SeqCst) == 1);
    let second = ask(server.local_addr(), "POST", "/", &[], b"SELECT 1");
    assert_eq!((second.status, second.header("x-clickhouse-exception-code")), (503, Some("202")));
}

#[test]
fn a_query_whose_client_has_gone_is_cancelled() {
    let (server, fake) = start(Config::default());
    let mut client = Client::new(server.local_addr());
    client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 14\r\n\r\nSELECT forever");
    eventually("the query runs", || fake.started.load(Ordering::SeqCst) == 1);
    drop(client);
    eventually("it is cancelled", || fake.cancelled.load(Ordering::SeqCst));
    // Half-closing says the same.
    let (server, fake) = start(Config::default());
    let mut client = Client::new(server.local_addr());
    client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 14\r\n\r\nSELECT forever");
    eventually("the query runs", || fake.started.load(Ordering::SeqCst) == 1);
    client.stream.get_ref().shutdown(Shutdown::Write).unwrap();
    eventually("it is cancelled", || fake.cancelled.load(Ordering::SeqCst));
}

#[test]
fn an_answer_whose_client_has_gone_ends() {
    let (server, fake) = start(Config::default());
    let mut client = Client::new(server.local_addr());
    client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 13\r\n\r\nrows 10000000");
    let mut some = [0; 1000];
    client.stream.read_exact(&mut some).unwrap();
    drop(client);
    eventually("the query ends", || fake.ended.load(Ordering::SeqCst) == 1);
    assert!(fake.written.load(Ordering::SeqCst) < 1_000_000);
}

#[test]
fn an_answer_that_nobody_takes_ends() {
    let send_timeout = Duration::from_millis(300);
    let (server, fake) = start(Config { send_timeout, ..Config::default() });
    let mut client = Client::new(server.local_addr());
    client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 13\r\n\r\nrows 10000000");
    eventually("the query ends", || fake.ended.load(Ordering::SeqCst) == 1);
}

#[test]
fn an_insert_whose_body_breaks_off_fails() {
    let (server, fake) = start(Config::default());
    let mut client = Client::new(server.local_addr());
    let head = "POST /?query=INSERT+INTO+t HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n";
    client.send(head.as_bytes());
    client.send(&vec![b'r'; 2_000_000]);
    eventually("the insert runs", || fake.started.load(Ordering::SeqCst) == 1);
    drop(client);
    eventually("it ends", || fake.ended.load(Ordering::SeqCst) == 1);
    assert!(fake.written.load(Ordering::SeqCst) < 9_000_000);
}

/// A gzip of many zeros, as an attacker sends it.
fn bomb(megabytes: usize) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![b'0'; 1 << 20];
    (0..megabytes).for_each(|_| gzip.write_all(&zeros).unwrap());
    gzip.finish().unwrap()
}

#[test]
fn bombs_burst_within_limits() {
    let limit = 8 << 20;
    let (server, fake) =
        start(Config { max_held_bytes: limit, max_multipart_bytes: limit, ..Config::default() });
    let mut client = Client::new(server.local_addr());
    let gzip = ("Content-Encoding", "gzip");
    let bomb = bomb(300);
    // As data it streams through.
    let response = client.request("POST", "/?query=INSERT+INTO+t", &[gzip], &bomb);
    assert_eq!((response.status, fake.written.load(Ordering::SeqCst)), (200, 300 << 20));
    // As text it ends at max_query_size, or at the memory for texts.
    let response = client.request("POST", "/?query=SELECT", &[gzip], &bomb);
    assert_eq!(response.header("x-clickhouse-exception-code"), Some("62"));
    let path = "/?query=SELECT&max_query_size=0";
    let response = client.request("POST", path, &[gzip], &bomb);
    assert_eq!(response.header("x-clickhouse-exception-code"), Some("241"));
    // As a form it ends at the limit of forms.
    let form = ("Content-Type", "multipart/form-data; boundary=B");
    let response = client.request("POST", "/", &[gzip, form], &bomb);
    assert_eq!(response.header("x-clickhouse-exception-code"), Some("307"));
}

#[test]
fn overlong_heads_are_refused() {
    let (server, _) = start(Config::default());
    let path = format!("/?query=SELECT+1&param_x={}", "x".repeat(70_000));
    assert_eq!(ask(server.local_addr(), "GET", &path, &[], b"").status, 414);
    let path = format!("/?query=SELECT+1&param_x={}", "x".repeat(60_000));
    assert_eq!(ask(server.local_addr(), "GET", &path, &[], b"").status, 200);
}

#[test]
fn shutting_down_lets_queries_end() {
    let (server, fake) = start(Config::default());
    let at = server.local_addr();
    let mut idle = Client::new(at);
    assert_eq!(idle.request("GET", "/ping", &[], b"").status, 200);
    let mut busy = Client::new(at);
    busy.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 16\r\n\r\nSELECT sleep 300");
    eventually("the query runs", || fake.started.load(Ordering::SeqCst) == 1);
    let begin = Instant::now();
    server.shutdown();
    assert!(begin.elapsed() < Duration::from_secs(5));
    assert_eq!(busy.response(false).text(), "slept\n");
    assert!(std::net::TcpStream::connect(at).is_err());
}

#[test]
fn shutting_down_cancels_what_does_not_end() {
    let drain_timeout = Duration::from_millis(100);
    let (server, fake) = start(Config { drain_timeout, ..Config::default() });
    let mut client = Client::new(server.local_addr());
    client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 14\r\n\r\nSELECT forever");
    eventually("the query runs", || fake.started.load(Ordering::SeqCst) == 1);
    server.shutdown();
    assert!(fake.cancelled.load(Ordering::SeqCst));
    assert_eq!(client.response(false).header("x-clickhouse-exception-code"), Some("394"));
}
