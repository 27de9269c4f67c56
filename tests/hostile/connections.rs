//! Clients that are many, slow, or talk without end.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::{start, surround};

#[test]
fn hundreds_that_send_a_byte_a_second_stop_nobody() {
    let (_folder, server) = start();
    let before = std::fs::read_dir(format!("/proc/{}/task", server.id())).unwrap().count();
    surround(&server, 256, || {
        let request = b"POST /?query=INSERT+INTO+t+FORMAT+TSV HTTP/1.1\r\nHost: x\r\nContent-Length: 400\r\n\r\n";
        let mut slow: Vec<TcpStream> = (0..500).map(|_| server.connect()).collect();
        // Half of them are slow in their heads, half in their bodies.
        for stream in slow.iter_mut().skip(250) {
            stream.write_all(request).unwrap();
        }
        for head in request.iter().take(6) {
            let started = Instant::now();
            for (at, stream) in slow.iter_mut().enumerate() {
                let byte = if at < 250 { *head } else { b'1' };
                stream.write_all(&[byte]).unwrap();
            }
            std::thread::sleep(Duration::from_secs(1).saturating_sub(started.elapsed()));
        }
        let now = std::fs::read_dir(format!("/proc/{}/task", server.id())).unwrap().count();
        assert!(now < before + 50, "{before} threads have become {now}");
        // Besides this query and the other client's, none has begun.
        let begun = "SELECT count() FROM system.processes WHERE query NOT LIKE 'SELECT%'";
        assert_eq!(server.query(begun).good(), "0");
    });
    let started = Instant::now();
    while server.query("SELECT count() FROM system.processes").good() != "1" {
        assert!(started.elapsed() < Duration::from_secs(20));
    }
    assert_eq!(server.query("SELECT count() FROM t").good(), "0");
}

#[test]
fn thousands_of_connections_are_refused_beyond_a_limit() {
    let (_folder, server) = start();
    let idle: Vec<Option<TcpStream>> =
        (0..900).map(|_| TcpStream::connect(server.address).ok()).collect();
    assert!(idle.iter().all(Option::is_some));
    assert_eq!(server.query("SELECT 1").good(), "1");
    drop(idle);
    surround(&server, 256, || {
        for _ in 0..3000 {
            drop(TcpStream::connect(server.address));
        }
    });
}

#[test]
fn many_parameters_are_taken_or_refused() {
    let (_folder, server) = start();
    let some: String = (0..2000).map(|n| format!("&param_p{n}={n}")).collect();
    let answer = surround(&server, 256, || {
        server.post(&format!("query=SELECT+{{p1999:UInt32}}{some}"), b"")
    });
    assert_eq!(answer.good(), "1999");
    let many: String = (0..400_000).map(|n| format!("&param_p{n}={n}")).collect();
    let request = format!("GET /?query=SELECT+1{many} HTTP/1.1\r\nHost: x\r\n\r\n");
    let answer = surround(&server, 256, || server.raw(request.as_bytes()));
    assert!((400..500).contains(&answer.status), "{}", answer.status);
    let heads: String = (0..2000).map(|n| format!("X-Header-{n}: {n}\r\n")).collect();
    let request = format!("GET /?query=SELECT+1 HTTP/1.1\r\nHost: x\r\n{heads}\r\n");
    let answer = surround(&server, 256, || server.raw(request.as_bytes()));
    assert!((400..500).contains(&answer.status), "{}", answer.status);
    let request = b"GET /?query=SELECT+1 HTTP/1.1\r\nHost: x\r\nX-Long: ".to_vec();
    let request = [request, vec![b'x'; 50 << 20]].concat();
    let answer = surround(&server, 256, || server.raw(&request));
    assert!(answer.status == 0 || (400..500).contains(&answer.status), "{}", answer.status);
}

#[test]
fn noise_is_no_request() {
    let (_folder, server) = start();
    let mut state = 0x1234_5678_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    surround(&server, 256, || {
        for _ in 0..50 {
            let bytes: Vec<u8> = (0..2000).map(|_| noise()).chain(*b"\r\n\r\n").collect();
            let answer = server.raw(&bytes);
            assert!(answer.status == 0 || (400..500).contains(&answer.status));
        }
    });
}

/// Queries beyond the limit are told to come again; the others are answered.
#[test]
fn queries_beyond_the_limit_are_told_so() {
    let (_folder, server) = start();
    let id = server.id();
    std::thread::scope(|scope| {
        let all: Vec<_> =
            (0..130).map(|_| scope.spawn(|| server.query("SELECT sleep(2)"))).collect();
        let answers: Vec<_> = all.into_iter().map(|thread| thread.join().unwrap()).collect();
        let refused: Vec<_> = answers.iter().filter(|a| a.status != 200).collect();
        for answer in &refused {
            assert_eq!(answer.status, 503);
            answer.fails(&["TOO_MANY_SIMULTANEOUS_QUERIES"]);
        }
        assert!(answers.len() - refused.len() >= 100, "{} of {id}", refused.len());
    });
    assert_eq!(server.query("SELECT 1").good(), "1");
}
