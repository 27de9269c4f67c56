//! Bodies of inserts: bombs, endless fields, halves of files, random bytes, deep trees.

use std::io::{Read, Write};

use crate::server::{Answer, Server, read_answer};
use crate::{alone, start, surround};

/// Bytes of one piece that is sent.
const MIB: usize = 1 << 20;

/// Streams a body in chunks: a beginning, mebibytes of one letter, an end. The server may stop
/// reading.
fn stream(server: &Server, query: &str, head: &[u8], megabytes: usize, tail: &[u8]) -> Answer {
    let mut socket = server.connect();
    let path = query.replace(' ', "+");
    let request = format!(
        "POST /?query={path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).unwrap();
    let filling = vec![b'x'; MIB];
    let mut send = |bytes: &[u8]| -> std::io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        write!(socket, "{:x}\r\n", bytes.len())?;
        socket.write_all(bytes)?;
        socket.write_all(b"\r\n")
    };
    let sent = send(head)
        .and_then(|()| (0..megabytes).try_for_each(|_| send(&filling)))
        .and_then(|()| send(tail));
    if sent.is_ok() {
        let _ = socket.write_all(b"0\r\n\r\n");
    }
    read_answer(socket)
}

#[test]
fn a_field_of_a_gigabyte_is_refused() {
    let _alone = alone();
    let (_folder, server) = start();
    let long: &[u8] = b"\x80\x80\x80\x80\x04";
    let native = [b"\x01\x01\x01a\x06String", long].concat();
    let cases: [(&str, &[u8], &[u8]); 9] = [
        ("TSV", b"", b"\n"),
        ("CSV", b"\"", b"\"\n"),
        ("JSONEachRow", b"{\"a\":\"", b"\"}\n"),
        ("JSONCompactEachRow", b"[\"", b"\"]\n"),
        ("Values", b"('", b"')"),
        ("LineAsString", b"", b"\n"),
        ("RowBinary", long, b""),
        ("Native", &native, b""),
        ("JSON", b"{\"data\":[{\"a\":\"", b"\"}]}"),
    ];
    for (format, head, tail) in cases {
        // Text is held up to max_row_bytes (512 MiB), documents up to max_document_bytes (1 GiB); a
        // buffer that doubles holds both sizes for a moment.
        let most = if format == "JSON" { 3072 } else { 2048 };
        let query = format!("INSERT INTO s FORMAT {format}");
        let answer = surround(&server, most, || stream(&server, &query, head, 1024, tail));
        assert!(answer.status != 0, "{format}: the answer got lost");
        answer.fails(&["TOO_LARGE_STRING_SIZE"]);
    }
    assert_eq!(server.query("SELECT count() FROM s").good(), "0");
    // What is no Parquet file waits on disk, not in memory.
    let (_folder, server) = start();
    let query = "INSERT INTO s FORMAT Parquet";
    let answer = surround(&server, 512, || stream(&server, query, b"PAR1", 1024, b""));
    answer.fails(&["INCORRECT_DATA"]);
}

fn encoded(name: &str, megabytes: usize) -> Vec<u8> {
    // Frames may follow each other, so one of them a thousand times is a bomb that is quickly made.
    let zeros = vec![b' '; MIB];
    let one = match name {
        "gzip" => {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            encoder.write_all(&zeros).unwrap();
            encoder.finish().unwrap()
        }
        _ => zstd::bulk::compress(&zeros, 19).unwrap(),
    };
    one.repeat(megabytes)
}

#[test]
fn bombs_burst_within_limits() {
    let _alone = alone();
    let (_folder, server) = start();
    for name in ["gzip", "zstd"] {
        let bomb = encoded(name, 4096);
        assert!(bomb.len() < 16 * MIB, "{} bytes", bomb.len());
        let send = |path: &str| {
            let head = format!(
                "POST /{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Encoding: {name}\r\nContent-Length: {}\r\n\r\n",
                bomb.len()
            );
            surround(&server, 2048, || server.raw(&[head.as_bytes(), &bomb].concat()))
        };
        send("").fails(&["SYNTAX_ERROR"]);
        send("?query=INSERT+INTO+s+FORMAT+TSV").fails(&["TOO_LARGE_STRING_SIZE"]);
    }
    assert_eq!(server.query("SELECT count() FROM s").good(), "0");
}

#[test]
fn deep_json_is_refused() {
    let (_folder, server) = start();
    let deep = |open: &str, close: &str| open.repeat(200_000) + "1" + &close.repeat(200_000);
    let cases = [
        ("JSONEachRow", format!("{{\"a\":{}}}", deep("[", "]"))),
        ("JSONEachRow", format!("{{\"unknown\":{}}}", deep("[", "]"))),
        ("JSONEachRow", deep("{\"unknown\":", "}")),
        ("JSONEachRow", "{\"unknown\":".repeat(200_000)),
        ("JSONCompactEachRow", deep("[", "]")),
        ("JSON", format!("{{\"meta\":{}}}", deep("[", "]"))),
        ("JSONColumns", format!("{{\"a\":{}}}", deep("[", "]"))),
        ("Values", format!("({})", deep("[", "]"))),
        ("Values", format!("({})", deep("(", ")"))),
    ];
    for (format, body) in cases {
        let query = format!("query=INSERT+INTO+t+FORMAT+{format}");
        let answer = surround(&server, 512, || server.post(&query, body.as_bytes()));
        answer.fails(&[
            "INCORRECT_DATA",
            "CANNOT_PARSE_INPUT_ASSERTION_FAILED",
            "TOO_DEEP_AST",
            "SYNTAX_ERROR",
            "CANNOT_READ_ARRAY_FROM_TEXT",
            "CANNOT_PARSE_NUMBER",
        ]);
    }
    let functions = "SELECT JSONExtractString(repeat('[', 1000000), 1), isValidJSON(repeat('{\"a\":', 200000)), \
        JSONLength(repeat('[', 1000000)), JSONExtractRaw(repeat('{\"a\":', 200000), 'a')";
    surround(&server, 512, || server.query(functions)).good();
}

/// A generator of numbers good enough to choose by (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end
    }
}

/// Damages a good body in one of several ways.
fn damaged(good: &[u8], random: &mut Random, way: usize) -> Vec<u8> {
    let mut body = good.to_vec();
    match way {
        0 => body.truncate(random.below(good.len())),
        1 => {
            for _ in 0..3 {
                let at = random.below(body.len());
                body[at] = random.below(256) as u8;
            }
        }
        2 => body = (0..4000).map(|_| random.below(256) as u8).collect(),
        // Lengths and offsets that are as large as they can be, anywhere or among the first.
        _ => {
            let end = if way == 3 { body.len() } else { body.len().min(120) };
            let at = random.below(end);
            let end = (at + 9).min(body.len());
            body[at..end].fill(0xff);
        }
    }
    body
}

#[test]
fn damaged_bodies_are_errors() {
    let _alone = alone();
    let (_folder, server) = start();
    let mut random = Random(0x5eed);
    let select = b"SELECT number AS a, concat('text ', toString(number)) AS s, \
        range(number % 5)::Array(UInt32) AS l FROM numbers(500)";
    for format in [
        "Native",
        "RowBinary",
        "RowBinaryWithNamesAndTypes",
        "Parquet",
        "Arrow",
        "ArrowStream",
        "JSON",
        "JSONColumns",
        "CSVWithNamesAndTypes",
        "JSONCompactEachRowWithNamesAndTypes",
        "TSKV",
        "Values",
    ] {
        let good = server.post(&format!("default_format={format}"), select);
        assert_eq!(good.status, 200, "{}", good.text());
        let insert = format!("query=INSERT+INTO+t+FORMAT+{format}");
        server.post(&insert, &good.body).good();
        surround(&server, 1024, || {
            for round in 0..100 {
                let body = damaged(&good.body, &mut random, round % 5);
                let answer = server.post(&insert, &body);
                // What was changed may still mean something.
                if answer.status != 200 {
                    let text = answer.text();
                    assert!(
                        answer.code.is_some() && text.starts_with("Code: "),
                        "{format}: {text}"
                    );
                    assert!(!text.contains("LOGICAL_ERROR"), "{format}, round {round}: {text}");
                }
            }
        });
    }
    for format in ["Parquet", "Arrow", "ArrowStream", "Native"] {
        let good = server.post(&format!("default_format={format}"), select).body;
        server.query("TRUNCATE TABLE t").good();
        let insert = format!("query=INSERT+INTO+t+FORMAT+{format}");
        let half = surround(&server, 512, || server.post(&insert, &good[..good.len() / 2]));
        assert!(half.status != 200 && half.code.is_some(), "{format}: {}", half.text());
        assert_eq!(server.query("SELECT count() FROM t").good(), "0", "half of {format}");
    }
}

#[test]
fn frames_that_lie_are_errors() {
    let (_folder, server) = start();
    let insert =
        "POST /?query=INSERT+INTO+t+FORMAT+TSV HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
    let cases: [(&str, &str); 7] = [
        ("Content-Length: 1000\r\n\r\n", "1\ta\t[]\n"),
        ("Transfer-Encoding: chunked\r\n\r\n", "8\r\n1\ta\t[]\n\r\n"),
        ("Transfer-Encoding: chunked\r\n\r\n", "ffffffffffffffffff\r\n1\ta\t[]\n"),
        ("Transfer-Encoding: chunked\r\n\r\n", "zz\r\n1\ta\t[]\n"),
        ("Transfer-Encoding: chunked\r\n\r\n", "3\r\n1\ta\t[]\n\r\n0\r\n\r\n"),
        ("Content-Length: 8\r\nContent-Length: 9\r\n\r\n", "1\ta\t[]\n"),
        ("Content-Length: -1\r\n\r\n", "1\ta\t[]\n"),
    ];
    for (head, body) in cases {
        let answer = surround(&server, 512, || {
            let mut socket = server.connect();
            socket.write_all(format!("{insert}{head}{body}").as_bytes()).unwrap();
            socket.shutdown(std::net::Shutdown::Write).unwrap();
            let mut answer = Vec::new();
            let _ = socket.read_to_end(&mut answer);
            String::from_utf8_lossy(&answer).into_owned()
        });
        assert!(!answer.starts_with("HTTP/1.1 200"), "{head:?}: {answer}");
    }
    assert_eq!(server.query("SELECT count() FROM t").good(), "0");
    let length = "Content-Length: 7\r\n\r\n";
    let good = server.raw(format!("{insert}{length}1\ta\t[]\nrest").as_bytes());
    assert_eq!(good.status, 200, "what follows a body is no part of it");
    assert_eq!(server.query("SELECT count() FROM t").good(), "1");
}

#[test]
fn frames_of_clickhouse_that_lie_are_errors() {
    let (_folder, server) = start();
    let mut random = Random(7);
    let good = server.post("compress=1", b"SELECT number, 'x', [1] FROM numbers(5000)").body;
    let insert = "decompress=1&query=INSERT+INTO+t+FORMAT+TSV";
    server.post(insert, &good).good();
    surround(&server, 512, || {
        for round in 0..200 {
            let mut body = damaged(&good, &mut random, round % 5);
            if body == good {
                body.truncate(good.len() / 2);
            }
            // A cut between frames is an end like any other.
            let answer = server.post(insert, &body);
            if answer.status != 200 {
                assert!(answer.code.is_some(), "{}", answer.text());
            }
        }
    });
}
