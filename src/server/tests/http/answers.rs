//! Answers: small, long, broken, buffered, compressed.

use std::io::Read;
use std::sync::atomic::Ordering;

use granary_server::Config;

use crate::client::{Client, Response, ask, eventually};
use crate::fake::start;

/// The message at the end of a broken body, as clients find it by the tag in the header.
fn exception(response: &Response, body: &[u8]) -> String {
    let tag = response.header("x-clickhouse-exception-tag").unwrap();
    assert_eq!(tag.len(), 16);
    let text = String::from_utf8_lossy(body);
    let (_, rest) = text.split_once(&format!("\r\n__exception__\r\n{tag}\r\n")).unwrap();
    let rest = rest.strip_suffix(&format!(" {tag}\r\n__exception__\r\n")).unwrap();
    let (message, len) = rest.rsplit_once('\n').unwrap();
    assert_eq!(len.parse::<usize>().unwrap(), message.len() + 1);
    message.to_owned()
}

#[test]
fn errors_have_status_code_and_text() {
    let (server, _) = start(Config::default());
    let mut client = Client::new(server.local_addr());
    let response = client.request("POST", "/?query_id=abc", &[], b"fail table");
    assert_eq!(response.status, 404);
    assert_eq!(response.header("x-clickhouse-exception-code"), Some("60"));
    assert_eq!(response.header("x-clickhouse-query-id"), Some("abc"));
    let expected = "Code: 60. DB::Exception: Unknown table 'Ä\n<b>'. (UNKNOWN_TABLE) \
        (version 25.8.1.1)\n";
    assert_eq!(response.text(), expected);
    let busy = client.request("POST", "/", &[], b"fail busy");
    assert_eq!((busy.status, busy.header("retry-after")), (503, Some("1")));
    let password = client.request("POST", "/", &[], b"fail password");
    assert_eq!(password.status, 401);
    assert!(password.header("www-authenticate").is_some());
    let panicked = client.request("POST", "/", &[], b"panic");
    assert_eq!(panicked.status, 500);
    assert!(panicked.text().contains("on demand"), "{}", panicked.text());
    assert_eq!(client.request("POST", "/", &[], b"SELECT 1").status, 200);
}

#[test]
fn statements_without_a_result_have_an_empty_answer() {
    let (server, _) = start(Config::default());
    let encoded = [("Accept-Encoding", "gzip")];
    let response = ask(
        server.local_addr(),
        "POST",
        "/?enable_http_compression=1",
        &encoded,
        b"CREATE TABLE t",
    );
    assert_eq!((response.status, response.body.len()), (200, 0));
    assert_eq!(response.header("x-clickhouse-format"), None);
    assert_eq!(response.header("content-encoding"), None);
    assert!(response.header("x-clickhouse-query-id").is_some());
}

#[test]
fn an_error_in_a_small_answer_is_a_status() {
    let (server, _) = start(Config::default());
    let response = ask(server.local_addr(), "POST", "/", &[], b"break 1000");
    assert_eq!(response.status, 500);
    assert!(response.text().starts_with("Code: 158. DB::Exception: Too many rows for 1000"));
}

#[test]
fn an_error_in_a_long_answer_ends_its_body() {
    let (server, _) = start(Config::default());
    let response = ask(server.local_addr(), "POST", "/", &[], b"break 3000000");
    assert_eq!((response.status, response.complete), (200, false));
    let message = exception(&response, &response.body);
    assert!(message.starts_with("Code: 158. DB::Exception: Too many rows"), "{message}");
    assert!(message.ends_with("(TOO_MANY_ROWS) (version 25.8.1.1)"), "{message}");
    assert!(response.body.starts_with(&[b'x'; 3_000_000]));
}

#[test]
fn an_error_in_a_compressed_answer_is_inside_the_compression() {
    let (server, _) = start(Config::default());
    let path = "/?enable_http_compression=1&buffer_size=1000";
    let gzip = [("Accept-Encoding", "gzip")];
    let response = ask(server.local_addr(), "POST", path, &gzip, b"break 100000000");
    assert!(!response.complete);
    let mut body = Vec::new();
    flate2::read::GzDecoder::new(&response.body[..]).read_to_end(&mut body).unwrap();
    assert!(exception(&response, &body).contains("Too many rows"));
}

#[test]
fn long_answers_stream_and_wait_for_the_client() {
    let (server, fake) = start(Config::default());
    let mut client = Client::new(server.local_addr());
    client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\nrows 100000 ");
    eventually("the answer begins", || fake.written.load(Ordering::SeqCst) > 300);
    std::thread::sleep(std::time::Duration::from_millis(300));
    let written = fake.written.load(Ordering::SeqCst);
    assert!(written < 50_000, "{written} rows were written for a client that reads none");
    let response = client.response(false);
    assert!(response.complete);
    assert_eq!(response.body.len(), 100_000_000);
    assert!(response.header("content-length").is_none());
    assert_eq!(client.request("POST", "/", &[], b"SELECT 1").text(), "1\n");
}

#[test]
fn waiting_for_the_end_turns_late_errors_into_statuses() {
    let (server, _) = start(Config::default());
    let mut client = Client::new(server.local_addr());
    let path = "/?wait_end_of_query=1&buffer_size=5000";
    let failed = client.request("POST", path, &[], b"break 3000000");
    assert_eq!((failed.status, failed.complete), (500, true));
    // More than fits into memory, so through a temporary file.
    let response = client.request("POST", path, &[], b"rows 2000");
    assert_eq!((response.status, response.body.len()), (200, 2_000_000));
    assert_eq!(response.header("content-length"), Some("2000000"));
    assert!(response.header("x-clickhouse-exception-tag").is_none());
    assert!(response.body.ends_with(b"01999\n"));
    let setting = "/?http_wait_end_of_query=1";
    assert_eq!(client.request("POST", setting, &[], b"break 3000000").status, 500);
}

#[test]
fn answers_are_encoded_as_the_client_accepts() {
    let (server, _) = start(Config::default());
    let mut client = Client::new(server.local_addr());
    for rows in [3, 3000] {
        let sql = format!("rows {rows}");
        let mut check = |accept: &str, decode: &dyn Fn(&[u8]) -> Vec<u8>| {
            let path = "/?enable_http_compression=1";
            let headers = [("Accept-Encoding", accept)];
            let response = client.request("POST", path, &headers, sql.as_bytes());
            assert_eq!(response.header("content-encoding"), Some(accept));
            assert!(response.complete);
            let body = decode(&response.body);
            assert_eq!(body.len(), rows * 1000, "{accept}");
            assert!(response.body.len() < body.len() / 5);
        };
        let all = |mut reader: Box<dyn Read + '_>| {
            let mut body = Vec::new();
            reader.read_to_end(&mut body).unwrap();
            body
        };
        check("gzip", &|body| all(Box::new(flate2::read::GzDecoder::new(body))));
        check("deflate", &|body| all(Box::new(flate2::read::ZlibDecoder::new(body))));
        check("br", &|body| all(Box::new(brotli::Decompressor::new(body, 4096))));
        check("zstd", &|body| zstd::decode_all(body).unwrap());
        check("lz4", &|body| all(Box::new(lz4_flex::frame::FrameDecoder::new(body))));
    }
    let ungated = client.request("POST", "/", &[("Accept-Encoding", "gzip")], b"SELECT 1");
    assert_eq!((ungated.header("content-encoding"), ungated.text().as_str()), (None, "1\n"));
}

#[test]
fn frames_carry_answers_and_errors() {
    let (server, _) = start(Config::default());
    let mut client = Client::new(server.local_addr());
    // One LZ4 frame: 16 bytes of checksum, method, sizes, data.
    let unframe = |body: &[u8]| {
        let size = |at: usize| u32::from_le_bytes(body[at..at + 4].try_into().unwrap()) as usize;
        assert_eq!(body[16], 0x82);
        assert_eq!(size(17), body.len() - 16);
        lz4_flex::block::decompress(&body[25..], size(21)).unwrap()
    };
    let response = client.request("POST", "/?compress=1", &[], b"SELECT 1");
    assert_eq!(unframe(&response.body), b"1\n");
    let failed = client.request("POST", "/?compress=1", &[], b"fail table");
    assert_eq!(failed.status, 404);
    assert!(unframe(&failed.body).starts_with(b"Code: 60."));
}

#[test]
fn progress_is_in_the_head() {
    let (server, _) = start(Config::default());
    let path = "/?send_progress_in_http_headers=1&http_headers_progress_interval_ms=20";
    let response = ask(server.local_addr(), "POST", path, &[], b"SELECT sleep 200");
    let lines = response.headers.iter().filter(|(name, _)| name == "x-clickhouse-progress").count();
    assert!((3..=20).contains(&lines), "{lines}");
    assert!(response.header("x-clickhouse-progress").unwrap().contains("\"read_rows\":\"7\""));
}
