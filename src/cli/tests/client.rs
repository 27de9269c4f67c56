//! The client against a server that plays its part on a real socket.

#![allow(clippy::unwrap_used, reason = "the support code of tests, outside of test functions")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, channel};

use clap::Parser;
use granary_cli::{Arguments, Command, client};

/// Answers each request with the next of `answers`; what was asked comes out of the channel.
fn play(answers: Vec<String>) -> (u16, Receiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, asked) = channel();
    std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            sender.send(read_request(&stream)).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    (port, asked)
}

fn read_request(stream: &TcpStream) -> (String, String) {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length, mut chunked) = (String::new(), 0, false);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        chunked |= lower.starts_with("transfer-encoding: chunked");
        if line.trim().is_empty() {
            break;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    while chunked {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let size = usize::from_str_radix(line.trim(), 16).unwrap();
        let start = body.len();
        body.resize(start + size + 2, 0);
        reader.read_exact(&mut body[start..]).unwrap();
        body.truncate(start + size);
        chunked = size > 0;
    }
    (head, String::from_utf8(body).unwrap())
}

fn run(port: u16, arguments: &[&str]) -> bool {
    let port = port.to_string();
    let all = [&["granary", "client", "--port", &port, "--quiet"], arguments].concat();
    let Command::Client(arguments) = Arguments::try_parse_from(all).unwrap().command else {
        panic!("no client");
    };
    client(&arguments) == ExitCode::SUCCESS
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}"
    )
}

#[test]
fn statements_are_sent_one_after_another() {
    let (port, asked) = play(vec![answer("200 OK", "", "1\n"), answer("200 OK", "", "2\n")]);
    let arguments = ["-q", "SELECT 1; SELECT ';'\\G", "-u", "ann", "--password", "p", "-d", "a b"];
    assert!(run(port, &[&arguments[..], &["--set", "max_threads=2", "-f", "CSV"]].concat()));
    let (head, body) = asked.recv().unwrap();
    let lower = head.to_ascii_lowercase();
    assert!(head.starts_with("POST /?session_id="), "{head}");
    assert!(head.contains("&default_format=CSV&database=a%20b&max_threads=2 HTTP/1.1"), "{head}");
    assert!(lower.contains("x-clickhouse-user: ann\r\n"), "{head}");
    assert!(lower.contains("x-clickhouse-key: p\r\n"), "{head}");
    assert_eq!(body, "SELECT 1");
    let (head, body) = asked.recv().unwrap();
    assert!(head.contains("default_format=Vertical"), "{head}");
    assert_eq!(body, "SELECT ';'");
}

#[test]
fn errors_end_the_run() {
    let (port, asked) = play(vec![answer("404 Not Found", "", "Code: 60. No table\n")]);
    assert!(!run(port, &["-q", "SELECT 1; SELECT 2"]));
    assert_eq!(asked.iter().count(), 1);
    assert!(!run(1, &["-q", "SELECT 1"]), "no server there");
}

#[test]
fn answers_that_break_off_are_errors() {
    let head =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-ClickHouse-Exception-Tag: TAG\r\n";
    let piece = "1\n\r\n__exception__\r\nTAG\r\nCode: 1.\n9 TAG\r\n__exception__\r\n";
    let body = format!("{:x}\r\n{piece}\r\n", piece.len());
    let (port, _asked) = play(vec![format!("{head}\r\n{body}"), format!("{head}\r\n5\r\n12")]);
    assert!(!run(port, &["-q", "SELECT 1"]));
    assert!(!run(port, &["-q", "SELECT 1"]));
}
