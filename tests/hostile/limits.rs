//! Queries that want all memory or all time.

use std::time::{Duration, Instant};

use crate::server::{Answer, Server};
use crate::{alone, start, surround};

/// What a query under a limit of 100 MB may bring the whole server to: the limit, one overshoot of
/// a table that doubles, blocks in flight, and the memory that earlier queries left to the allocator.
const PEAK: u64 = 1024;

fn limited(server: &Server, text: &str) -> Answer {
    surround(server, PEAK, || {
        server.post("max_memory_usage=100000000&max_execution_time=120", text.as_bytes())
    })
}

#[test]
fn memory_is_limited() {
    let _alone = alone();
    let (_folder, server) = start();
    let many = "FROM numbers(30000000)";
    let held = [
        format!("SELECT length(groupArray(number)) {many}"),
        format!("SELECT length(groupArray(toString(number))) {many}"),
        format!("SELECT length(groupUniqArray(number)) {many}"),
        format!("SELECT quantileExact(number) {many}"),
        format!("SELECT count() FROM numbers(9) WHERE number IN (SELECT number {many})"),
        format!("SELECT (SELECT groupArray(number) {many})"),
        "SELECT length(groupArray(repeat('a', 1000000))) FROM numbers(1000000)".to_owned(),
    ];
    for text in held {
        let answer = limited(&server, &text);
        assert!(answer.status != 200, "{text}: {}", answer.text());
        answer.fails(&["MEMORY_LIMIT_EXCEEDED"]);
    }
    // These may also go on with files.
    let spilling = [
        format!("SELECT uniqExact(cityHash64(number)) {many}"),
        format!("SELECT uniqExact(toString(number)) {many}"),
        format!("SELECT number, count() {many} GROUP BY number FORMAT Null"),
        format!("SELECT toString(number) AS k, count() {many} GROUP BY k FORMAT Null"),
        format!("SELECT number % 1000 AS k, uniqExact(number) {many} GROUP BY k FORMAT Null"),
        format!("SELECT number {many} ORDER BY cityHash64(number) FORMAT Null"),
        format!("SELECT toString(number) AS x {many} ORDER BY x FORMAT Null"),
        format!("SELECT DISTINCT number {many} FORMAT Null"),
        format!("SELECT DISTINCT toString(number) {many} FORMAT Null"),
        format!("SELECT number {many} LIMIT 1 BY number FORMAT Null"),
        format!("SELECT count() FROM numbers(9) a JOIN (SELECT number {many}) b USING (number)"),
    ];
    for text in spilling {
        let answer = limited(&server, &text);
        if answer.status != 200 {
            answer.fails(&["MEMORY_LIMIT_EXCEEDED"]);
        }
    }
    // What was reserved has been given back.
    assert_eq!(limited(&server, "SELECT uniqExact(number) FROM numbers(100000)").good(), "100000");
}

/// Functions whose results are much larger than their arguments have limits of their own.
#[test]
fn results_of_functions_are_limited() {
    let _alone = alone();
    let (_folder, server) = start();
    let refused = [
        "SELECT length(repeat('x', 10000000000))",
        "SELECT length(space(10000000000))",
        "SELECT length(leftPad('x', 10000000000))",
        "SELECT length(range(10000000000))",
        "SELECT length(arrayWithConstant(10000000000, 1))",
        "SELECT length(arrayResize([1], 10000000000))",
        "SELECT toFixedString('a', 2000000000) FROM numbers(1000) FORMAT Null",
        "SELECT CAST(toString(number) AS FixedString(16000000)) FROM numbers(100000) FORMAT Null",
        "SELECT length(replaceAll(repeat('a', 1000000), 'a', repeat('b', 1000000)))",
        "SELECT length(replaceRegexpAll(repeat('a', 1000000), 'a', repeat('b', 1000000)))",
        "SELECT length(arrayMap(x -> range(1000000), range(1000000)))",
        "SELECT range(1000000) FROM numbers(1000000) ORDER BY number LIMIT 1000000 FORMAT Null",
        "SELECT a, x FROM (SELECT groupArray(number) AS a FROM numbers(1000000)) ARRAY JOIN a AS x FORMAT TSV",
        "SELECT topK(1000000000)(number) FROM numbers(10)",
        "SELECT length(groupArrayInsertAt(number, toUInt32(4000000000))) FROM numbers(1)",
        "SELECT sumResample(0, 10000000000, 1)(number, number) FROM numbers(10)",
        "SELECT match('aaaa', '((a{1000}){1000}){1000}')",
    ];
    for text in refused {
        let answer = surround(&server, 4096, || {
            server.post("max_execution_time=10&max_memory_usage=500000000", text.as_bytes())
        });
        assert!(answer.status != 200 || answer.text().contains("__exception__"), "{text}");
    }
    let answered = [
        ("SELECT length(range(10000000))", "10000000"),
        ("SELECT sum(x) FROM (SELECT range(3000000) AS a) ARRAY JOIN a AS x", "4499998500000"),
        (
            "SELECT count(), max(length(a)) FROM (SELECT range(100000) AS a) ARRAY JOIN a AS x",
            "100000\t100000",
        ),
        ("SELECT sum(length(range(1000000))) FROM numbers(100000)", "100000000000"),
    ];
    for (text, right) in answered {
        assert_eq!(surround(&server, 4096, || server.query(text)).good(), right, "{text}");
    }
}

/// An answer as it comes over the wire.
fn bare(server: &Server, parameters: &str, text: &str) -> Answer {
    let length = text.len();
    let head = format!("POST /?{parameters} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
    server.raw(format!("{head}Content-Length: {length}\r\n\r\n{text}").as_bytes())
}

/// After half a second an answer may have begun; then its end tells of the error.
#[track_caller]
fn fails_or_breaks_off(answer: &Answer, name: &str, text: &str) {
    if answer.status == 200 {
        let end = answer.text();
        assert!(end.contains("__exception__") && end.contains(name), "{text}");
        assert!(!end.ends_with("0\r\n\r\n"), "{text}: a broken answer must not end well");
    } else {
        answer.fails(&[name]);
    }
}

#[test]
fn time_is_limited() {
    let _alone = alone();
    let (_folder, server) = start();
    let queries = [
        "SELECT sleepEachRow(0.00002) FROM numbers(100000000)",
        "SELECT count() FROM numbers(1e13) WHERE number % 3 = 1",
        "SELECT sum(cityHash64(number)) FROM numbers(1e13)",
        "SELECT number FROM numbers(1e13) ORDER BY cityHash64(number) LIMIT 3",
        "SELECT number FROM numbers(1e13) WHERE number = 1e12 + 3",
        "SELECT number % 1000 AS k, count() FROM numbers(1e13) GROUP BY k",
        "SELECT count() FROM system.numbers WHERE number > 1",
        "SELECT number FROM numbers(1e12) FORMAT Null",
        "SELECT arrayMap(x -> arrayMap(y -> y + x, range(20)), range(20)) FROM numbers(1e9) FORMAT Null",
        "SELECT count() FROM numbers(1000000) WHERE match(repeat(toString(number), 1000), '(a*)*(a*)*b')",
        "INSERT INTO t SELECT number, '', [] FROM numbers(1e12)",
        "SELECT a.number FROM numbers(1000000) AS a JOIN numbers(1000000) AS b \
         ON a.number % 10 = b.number % 10 FORMAT Null",
    ];
    for text in queries {
        let started = Instant::now();
        let answer = surround(&server, 1536, || bare(&server, "max_execution_time=1", text));
        let took = started.elapsed();
        fails_or_breaks_off(&answer, "TIMEOUT_EXCEEDED", text);
        assert!(took < Duration::from_secs(10), "{text}: {took:?}");
    }
    assert_eq!(server.query("SELECT count() FROM t").good(), "0");
}

/// Waits until no query of an id runs.
fn wait_until_gone(server: &Server, id: &str) {
    let text = format!("SELECT count() FROM system.processes WHERE query_id = '{id}'");
    let started = Instant::now();
    while server.query(&text).good() != "0" {
        assert!(started.elapsed() < Duration::from_secs(20), "{id} still runs");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn wait_until_there(server: &Server, id: &str) {
    let text = format!("SELECT count() FROM system.processes WHERE query_id = '{id}'");
    let started = Instant::now();
    while server.query(&text).good() != "1" {
        assert!(started.elapsed() < Duration::from_secs(20), "{id} does not run");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn killed_queries_end() {
    let (_folder, server) = start();
    let queries = [
        "SELECT sum(cityHash64(number)) FROM numbers(1e13)",
        "SELECT sleepEachRow(0.00002) FROM numbers(100000000)",
        "SELECT number FROM numbers(1e12) FORMAT Null",
        "INSERT INTO t SELECT number, '', [] FROM numbers(1e12)",
    ];
    for (at, text) in queries.iter().enumerate() {
        let id = format!("victim{at}");
        let parameters = format!("query_id={id}");
        surround(&server, 1536, || {
            std::thread::scope(|scope| {
                let victim = scope.spawn(|| bare(&server, &parameters, text));
                wait_until_there(&server, &id);
                server.query(&format!("KILL QUERY WHERE query_id = '{id}'")).good();
                let answer = victim.join().unwrap();
                fails_or_breaks_off(&answer, "QUERY_WAS_CANCELLED", text);
            });
        });
        wait_until_gone(&server, &id);
    }
    assert_eq!(server.query("SELECT count() FROM t").good(), "0");
}

#[test]
fn an_endless_answer_ends_when_its_client_leaves() {
    use std::io::{Read, Write};
    let (_folder, server) = start();
    for (at, text) in ["SELECT * FROM numbers(1e12)", "SELECT * FROM system.numbers FORMAT JSON"]
        .iter()
        .enumerate()
    {
        let id = format!("endless{at}");
        surround(&server, 512, || {
            let mut stream = server.connect();
            let length = text.len();
            let head = format!(
                "POST /?query_id={id} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{text}"
            );
            stream.write_all(head.as_bytes()).unwrap();
            let mut some = vec![0; 4 << 20];
            stream.read_exact(&mut some).unwrap();
            assert!(some.starts_with(b"HTTP/1.1 200 OK"));
            // While nobody takes more, the server holds little and waits.
            std::thread::sleep(Duration::from_millis(300));
            wait_until_there(&server, &id);
        });
        wait_until_gone(&server, &id);
    }
}
