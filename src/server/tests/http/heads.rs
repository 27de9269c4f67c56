//! Paths, methods, credentials, parameters and headers.

use granary_server::Config;

use crate::client::{Client, ask};
use crate::fake::start;

#[test]
fn pages_answer() {
    let (server, _) = start(Config::default());
    let at = server.local_addr();
    let check = |method, path, status, body: &str| {
        let response = ask(at, method, path, &[], b"");
        assert_eq!((response.status, response.text().as_str()), (status, body), "{method} {path}");
    };
    check("GET", "/", 200, "Ok.\n");
    check("HEAD", "/", 200, "");
    check("GET", "/ping", 200, "Ok.\n");
    check("GET", "/replicas_status", 200, "Ok.\n");
    check("GET", "/?query=SELECT%201", 200, "1\n");
    check("GET", "/query?query=SELECT+1", 200, "1\n");
    check("OPTIONS", "/", 204, "");
    assert_eq!(ask(at, "PUT", "/", &[], b"").status, 405);
    let missing = ask(at, "GET", "/nothing/here", &[], b"");
    assert_eq!(missing.status, 404);
    assert!(missing.text().starts_with("There is no handle /nothing/here"));
    assert_eq!(ask(at, "POST", "/prefix", &[], b"SELECT 1").text(), "1\n");
    let metrics = ask(at, "GET", "/metrics", &[], b"").text();
    assert!(metrics.contains("\ngranary_barns 3\n"), "{metrics}");
    assert!(metrics.contains("query_responses_total{status=\"2xx\"} 3\n"), "{metrics}");
    let console = ask(at, "GET", "/play", &[], b"");
    assert!(console.header("content-security-policy").is_some());
    assert!(console.text().contains("<title>Granary</title>"));
}

#[test]
fn everything_in_the_head_reaches_the_service() {
    let (server, _) = start(Config::default());
    let path = "/?user=ann&password=p%26q&database=db&query_id=q1&session_id=s&session_timeout=60\
        &session_check=1&default_format=JSON&max_threads=4&param_x=a%5Ctb&param_y=%5CN\
        &compress=0&client_protocol_version=54460&stacktrace=1";
    let response = ask(server.local_addr(), "POST", path, &[], b"describe");
    let expected = "query=describe\nuser=ann\npassword=p&q\ndatabase=db\nformat=JSON\n\
        readonly=false\nsession=Some(\"s\")\nsession_timeout=Some(60s)\nsession_check=true\n\
        set max_threads=4\nset client_protocol_version=54460\nparam x=a\\tb\nparam y=\\N\n";
    assert_eq!(response.text(), expected);
    let header = |name: &str| response.header(name).unwrap_or_default().to_owned();
    assert_eq!(header("x-clickhouse-query-id"), "q1");
    assert_eq!(header("x-clickhouse-format"), "JSON");
    assert_eq!(header("x-clickhouse-timezone"), "Europe/Vienna");
    assert_eq!(header("x-clickhouse-server-display-name"), "barn");
    assert_eq!(header("content-length"), expected.len().to_string());
    let summary = header("x-clickhouse-summary");
    assert!(summary.starts_with("{\"read_rows\":\"7\",\"read_bytes\":\"0\","), "{summary}");
    assert!(summary.contains("\"elapsed_ns\":\"1000000\""), "{summary}");
}

#[test]
fn headers_stand_in_for_parameters() {
    let (server, _) = start(Config::default());
    let headers = [
        ("X-ClickHouse-User", "bob"),
        ("X-ClickHouse-Key", "k"),
        ("X-ClickHouse-Database", "d2"),
        ("X-ClickHouse-Format", "CSV"),
    ];
    let response = ask(server.local_addr(), "GET", "/?query=describe", &headers, b"");
    let text = response.text();
    for line in ["user=bob", "password=k", "database=d2", "format=CSV", "readonly=true"] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
    assert_eq!(response.header("x-clickhouse-query-id").unwrap().len(), 36);
    let response = ask(
        server.local_addr(),
        "GET",
        "/?query=describe&database=d1",
        &[("Authorization", "Basic YW5uOnA="), ("X-ClickHouse-Database", "d2")],
        b"",
    );
    assert!(response.text().contains("user=ann\npassword=p\ndatabase=d1\n"));
}

#[test]
fn bad_heads_are_refused() {
    let (server, _) = start(Config::default());
    let check = |path, headers: &[(&str, &str)], status, code: &str| {
        let response = ask(server.local_addr(), "POST", path, headers, b"SELECT 1");
        assert_eq!(response.status, status, "{path} {}", response.text());
        assert_eq!(response.header("x-clickhouse-exception-code"), Some(code), "{path}");
        let text = response.text();
        assert!(text.starts_with(&format!("Code: {code}. DB::Exception: ")), "{text}");
        assert!(text.ends_with(" (version 25.8.1.1)\n"), "{text}");
    };
    check("/?user=nobody", &[], 403, "516");
    check("/", &[("Authorization", "Basic ??")], 403, "516");
    check("/?session_timeout=x", &[], 400, "374");
    check("/?session_timeout=999999", &[], 400, "374");
    check("/?buffer_size=-1", &[], 400, "36");
    check("/", &[("Content-Encoding", "rot13")], 404, "89");
    check("/?max_query_size=3", &[], 400, "62");
}

#[test]
fn scripts_of_other_origins_read_where_they_may() {
    let (server, _) = start(Config::default());
    let origin = [("Origin", "http://elsewhere")];
    let allowed = |path, headers: &[(&str, &str)]| {
        let response = ask(server.local_addr(), "GET", path, headers, b"");
        response.header("access-control-allow-origin").map(str::to_owned)
    };
    assert_eq!(allowed("/?query=SELECT+1&add_http_cors_header=1", &origin), Some("*".to_owned()));
    assert_eq!(allowed("/?query=fail&add_http_cors_header=1", &origin), Some("*".to_owned()));
    assert_eq!(allowed("/?query=SELECT+1", &origin), None);
    assert_eq!(allowed("/?query=SELECT+1&add_http_cors_header=1", &[]), None);
    let asked = ask(server.local_addr(), "OPTIONS", "/", &origin, b"");
    assert!(asked.header("access-control-allow-headers").unwrap().contains("x-clickhouse-user"));
}

#[test]
fn a_connection_serves_many_requests_quickly() {
    let (server, _) = start(Config::default());
    let mut client = Client::new(server.local_addr());
    let begin = std::time::Instant::now();
    for _ in 0..500 {
        assert_eq!(client.request("POST", "/", &[], b"SELECT 1").text(), "1\n");
    }
    let each = begin.elapsed() / 500;
    println!("{each:?} each");
    assert!(each < std::time::Duration::from_millis(5), "{each:?}");
}
