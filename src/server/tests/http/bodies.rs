//! Bodies of requests: texts, data, forms, compression, and what is wrong with them.

use std::io::Write;
use std::sync::atomic::Ordering;

use granary_server::Config;

use crate::client::{Client, ask};
use crate::fake::start;

#[test]
fn text_comes_from_url_and_body() {
    let (server, _) = start(Config::default());
    let check = |path, body: &str, expected: &str| {
        let text = ask(server.local_addr(), "POST", path, &[], body.as_bytes()).text();
        assert!(text.starts_with(&format!("query={expected}\nuser")), "{text}");
    };
    check("/", "describe a", "describe a");
    check("/?query=describe+a", "", "describe a");
    check("/?query=describe", "b", "describe\nb");
    check("/?query=", "describe b", "describe b");
}

#[test]
fn insert_data_may_follow_in_the_body() {
    let (server, fake) = start(Config::default());
    let mut client = Client::new(server.local_addr());
    let mut check = |path, before: &str, rows: usize| {
        let body = [before.as_bytes(), &vec![b'r'; rows]].concat();
        let response = client.request("POST", path, &[], &body);
        assert_eq!(response.status, 200, "{}", response.text());
        assert_eq!(fake.written.load(Ordering::SeqCst), rows as u64);
        let summary = response.header("x-clickhouse-summary").unwrap();
        assert!(summary.contains(&format!("\"written_rows\":\"{rows}\"")), "{summary}");
    };
    for rows in [0, 10, 100_000, 5_000_000] {
        check("/", "INSERT INTO t FORMAT TSV\n", rows);
        check("/?query=INSERT+INTO+t+FORMAT+TSV", "", rows);
    }
}

#[test]
fn chunked_and_expected_bodies_arrive() {
    let (server, fake) = start(Config::default());
    let mut client = Client::new(server.local_addr());
    client.send(
        b"POST /?query=INSERT+INTO+t HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\
          Expect: 100-continue\r\n\r\n",
    );
    assert_eq!(client.line(), "HTTP/1.1 100 Continue");
    assert_eq!(client.line(), "");
    for _ in 0..300 {
        client.send(b"3e8\r\n");
        client.send(&[b'r'; 1000]);
        client.send(b"\r\n");
    }
    client.send(b"0\r\n\r\n");
    assert_eq!(client.response(false).status, 200);
    assert_eq!(fake.written.load(Ordering::SeqCst), 300_000);
}

#[test]
fn bodies_are_decoded() {
    let (server, fake) = start(Config::default());
    let data = vec![b'r'; 3_000_000];
    let text = [b"INSERT INTO t FORMAT TSV\n", &data[..]].concat();
    let mut client = Client::new(server.local_addr());
    let mut check = |encoding: &str, body: Vec<u8>| {
        fake.written.store(0, Ordering::SeqCst);
        let response = client.request("POST", "/", &[("Content-Encoding", encoding)], &body);
        assert_eq!(response.status, 200, "{encoding}: {}", response.text());
        assert_eq!(fake.written.load(Ordering::SeqCst), 3_000_000, "{encoding}");
    };
    let level = flate2::Compression::fast();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), level);
    gzip.write_all(&text).unwrap();
    check("gzip", gzip.finish().unwrap());
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), level);
    zlib.write_all(&text).unwrap();
    check("deflate", zlib.finish().unwrap());
    check("zstd", zstd::encode_all(&text[..], 1).unwrap());
    let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
    lz4.write_all(&text).unwrap();
    check("lz4", lz4.finish().unwrap());
    let mut br = brotli::CompressorWriter::new(Vec::new(), 4096, 1, 20);
    br.write_all(&text).unwrap();
    check("br", br.into_inner());
    check("identity", text);
}

#[test]
fn frames_are_decoded_and_damage_is_reported() {
    let (server, fake) = start(Config::default());
    let mut client = Client::new(server.local_addr());
    // The server's own frames, sent back.
    let framed = client.request("POST", "/?compress=1", &[], b"rows 2000").body;
    let path = "/?decompress=1&query=INSERT+INTO+t";
    assert_eq!(client.request("POST", path, &[], &framed).status, 200);
    assert_eq!(fake.written.load(Ordering::SeqCst), 2_000_000);
    let mut damaged = framed.clone();
    damaged[100] ^= 1;
    let response = client.request("POST", path, &[], &damaged);
    assert_eq!(response.header("x-clickhouse-exception-code"), Some("40"));
    let response = client.request("POST", path, &[], b"no frame at all, just text that is long");
    assert_eq!(response.status, 500, "{}", response.text());
    let not_gzip = client.request("POST", "/", &[("Content-Encoding", "gzip")], b"SELECT 1");
    assert_eq!(not_gzip.header("x-clickhouse-exception-code"), Some("271"));
}

#[test]
fn forms_carry_queries_parameters_and_tables() {
    let (server, _) = start(Config::default());
    let body = "--B\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\ndescribe\r\n\
        --B\r\nContent-Disposition: form-data; name=\"param_a\"\r\n\r\n5\r\n\
        --B\r\nContent-Disposition: form-data; name=\"max_threads\"\r\n\r\n2\r\n\
        --B\r\nContent-Disposition: form-data; name=\"e_1_structure\"\r\n\r\na UInt8\r\n\
        --B\r\nContent-Disposition: form-data; name=\"e_1\"; filename=\"f\"\r\n\r\n1\n2\n\r\n\
        --B--\r\n";
    let headers = [("Content-Type", "multipart/form-data; boundary=B")];
    let path = "/?e_1_format=CSV&user=ann";
    let text = ask(server.local_addr(), "POST", path, &headers, body.as_bytes()).text();
    assert!(text.starts_with("query=describe\nuser=ann\n"), "{text}");
    assert!(text.contains("set max_threads=2\nparam a=5\n"), "{text}");
    assert!(text.ends_with("table e_1=CSV Some(\"a UInt8\") None \"1\\n2\\n\"\n"), "{text}");
    // A form without an account must not be read into memory.
    let path = "/?user=nobody";
    assert_eq!(ask(server.local_addr(), "POST", path, &headers, body.as_bytes()).status, 403);
}

#[test]
fn forms_carry_the_data_of_an_insert() {
    let config = Config { max_multipart_bytes: 1 << 20, ..Config::default() };
    let (server, fake) = start(config);
    let mut client = Client::new(server.local_addr());
    let headers = [("Content-Type", "multipart/form-data; boundary=B")];
    let data = |name: &str, bytes: usize| {
        let disposition = format!("form-data; name=\"{name}\"; filename=\"f\"");
        let content = "r".repeat(bytes);
        format!("--B\r\nContent-Disposition: {disposition}\r\n\r\n{content}\r\n")
    };
    let field = |name: &str, value: &str| {
        format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let query = field("query", "INSERT INTO t FORMAT TSV");
    let mut send = |path: &str, parts: &[String]| {
        let body = format!("{}--B--\r\n", parts.concat());
        client.request("POST", path, &headers, body.as_bytes())
    };
    let written = || fake.written.load(Ordering::SeqCst);
    let in_url = "/?query=INSERT+INTO+t+FORMAT+TSV";
    // Data streams, whatever the limit of forms is.
    for (path, parts) in [
        ("/", vec![query.clone(), data("file", 20_000_000)]),
        ("/?query=INSERT", vec![field("max_threads", "2"), data("file", 20_000_000)]),
        (in_url, vec![data("file", 20_000_000)]),
    ] {
        let response = send(path, &parts);
        assert_eq!((response.status, written()), (200, 20_000_000), "{}", response.text());
    }
    for rows in [0, 1, 300_000] {
        assert_eq!((send(in_url, &[data("file", rows)]).status, written()), (200, rows as u64));
        // Before its query it is held.
        let parts = [data("file", rows), query.clone()];
        assert_eq!((send("/", &parts).status, written()), (200, rows as u64));
    }
    let code = |response: &crate::client::Response| {
        response.header("x-clickhouse-exception-code").map(str::to_owned)
    };
    let too_long = send("/", &[data("file", 2_000_000), query.clone()]);
    assert_eq!(code(&too_long).as_deref(), Some("307"), "{}", too_long.text());
    let behind = send("/", &[query.clone(), data("file", 10), field("max_threads", "2")]);
    assert_eq!(code(&behind).as_deref(), Some("117"), "{}", behind.text());
    assert!(behind.text().contains("max_threads"), "{}", behind.text());
    let two = send("/", &[data("file", 10), data("other", 10), query.clone()]);
    assert_eq!(code(&two).as_deref(), Some("117"), "{}", two.text());
    // What is a table is none of the data.
    for path in
        ["/?query=INSERT+INTO+t+SELECT+a+FROM+file", "/?query=INSERT&file_structure=a+UInt8"]
    {
        assert_eq!((send(path, &[data("file", 10)]).status, written()), (200, 0), "{path}");
    }
}

#[test]
fn texts_beyond_max_query_size_are_refused() {
    let (server, _) = start(Config::default());
    let mut client = Client::new(server.local_addr());
    let long = format!("SELECT '{}'", "x".repeat(20_000_000));
    let response = client.request("POST", "/", &[], long.as_bytes());
    assert_eq!(
        (response.status, response.header("x-clickhouse-exception-code")),
        (400, Some("62"))
    );
    assert!(response.text().contains("Max query size exceeded"));
    let raised = client.request("POST", "/?max_query_size=50000000", &[], long.as_bytes());
    assert_eq!(raised.status, 200);
    assert!(raised.complete);
}

#[test]
fn an_early_error_reaches_a_client_that_still_sends() {
    let (server, _) = start(Config::default());
    let mut client = Client::new(server.local_addr());
    let body = [b"INSERT bad\n", &vec![b'r'; 50_000_000][..]].concat();
    let response = client.request("POST", "/", &[], &body);
    assert_eq!(response.header("x-clickhouse-exception-code"), Some("27"), "{}", response.text());
    assert_eq!(client.request("POST", "/", &[], b"SELECT 1").text(), "1\n");
}
