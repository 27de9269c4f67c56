//! Texts of queries: too long, too deep, too many.

use std::fmt::Write as _;

use crate::server::Answer;
use crate::{alone, start, surround};

/// Without errors of memory or time an answer may also be right.
const FEW: u64 = 512;

fn repeated(before: &str, middle: &str, after: &str, times: usize) -> String {
    before.repeat(times) + middle + &after.repeat(times)
}

#[test]
fn long_texts_are_refused_before_they_are_held() {
    let _alone = alone();
    let (_folder, server) = start();
    let text = format!("SELECT '{}'", "x".repeat(100_000_000));
    surround(&server, 128, || server.post("", text.as_bytes())).fails(&["SYNTAX_ERROR"]);
    // Who may raise the limit pays with memory: text, tokens, value, answer.
    let text = format!("SELECT length('{}')", "x".repeat(100_000_000));
    let answer = surround(&server, 2048, || server.post("max_query_size=0", text.as_bytes()));
    assert_eq!(answer.good(), "100000000");
}

#[test]
fn deep_texts_are_refused() {
    let (_folder, server) = start();
    let lambdas = repeated("arrayMap(x -> ", "x", ", [1])", 1000);
    let cases = [
        repeated("(", "1", ")", 10_000),
        "(".repeat(10_000),
        repeated("[", "1", "]", 10_000),
        repeated("NOT ", "1", "", 20_000),
        repeated("- ", "1", "", 20_000),
        repeated("CASE WHEN 1 THEN ", "1", " END", 5_000),
        repeated("if(1, ", "1", ", 0)", 5_000),
        repeated("1 ? ", "1", " : 0", 5_000),
        repeated("1 + ", "1", "", 20_000),
        repeated("", "[1]", "[1]", 20_000),
        repeated("", "1", "::Int8", 20_000),
        format!("CAST([] AS {})", repeated("Array(", "UInt8", ")", 5_000)),
        format!("toDate('2020-01-01') {}", "+ INTERVAL 1 DAY ".repeat(5_000)),
        format!("* FROM {}", repeated("(SELECT * FROM ", "numbers(1)", ")", 3_000)),
        format!("(SELECT {})", repeated("(SELECT ", "1", ")", 3_000)),
        lambdas,
    ];
    for case in cases {
        let text = format!("SELECT {case}");
        surround(&server, FEW, || server.query(&text)).fails(&["TOO_DEEP_AST", "SYNTAX_ERROR"]);
    }
    let create =
        format!("CREATE TABLE d (a {}) ORDER BY tuple()", repeated("Array(", "UInt8", ")", 5_000));
    surround(&server, FEW, || server.query(&create)).fails(&["TOO_DEEP_AST"]);
}

/// Nesting within the limits is walked by every pass, on every thread.
#[test]
fn nesting_up_to_the_limit_is_answered() {
    let (_folder, server) = start();
    for (before, middle, after) in
        [("(", "1", ")"), ("abs(", "number", ")"), ("negate(", "number + 1", ")"), ("[", "1", "]")]
    {
        for times in [90, 150, 250, 380] {
            let text = format!("SELECT {} FROM numbers(3)", repeated(before, middle, after, times));
            let answer = surround(&server, FEW, || server.query(&text));
            if answer.status != 200 {
                answer.fails(&["TOO_DEEP_AST", "ILLEGAL_TYPE_OF_ARGUMENT"]);
            }
        }
    }
    // Aliases grow a tree that no text shows.
    let mut text = "SELECT number AS a0".to_owned();
    for at in 1..2000 {
        write!(text, ", abs(a{}) AS a{at}", at - 1).unwrap();
    }
    let answer = surround(&server, FEW, || server.query(&format!("{text} FROM numbers(1)")));
    answer.fails(&["TOO_DEEP_AST", "TOO_DEEP_RECURSION", "TOO_BIG_AST"]);
    let mut text = "SELECT number AS a0".to_owned();
    for at in 1..60 {
        write!(text, ", (a{0} + a{0}) AS a{at}", at - 1).unwrap();
    }
    let answer = surround(&server, FEW, || server.query(&format!("{text} FROM numbers(1)")));
    if answer.status != 200 {
        answer.fails(&["TOO_DEEP_AST", "TOO_BIG_AST"]);
    }
}

fn answered(name: &str, text: &str, expected: &str) {
    let (_folder, server) = start();
    let answer: Answer =
        surround(&server, 1024, || server.post("max_query_size=0", text.as_bytes()));
    assert_eq!(answer.good(), expected, "{name}");
}

#[test]
fn long_chains_and_lists_are_answered() {
    let _alone = alone();
    let terms = |operator: &str, compare: &str, from: usize, count: usize| {
        let terms: Vec<String> =
            (from..from + count).map(|n| format!("number {compare} {n}")).collect();
        terms.join(operator)
    };
    let count = "SELECT count() FROM numbers(1000) WHERE ";
    answered("and", &(count.to_owned() + &terms(" AND ", "!=", 10, 5_000)), "10");
    answered("or", &(count.to_owned() + &terms(" OR ", "=", 10, 5_000)), "990");
    let list: Vec<String> = (500..500_500).map(|n| n.to_string()).collect();
    answered("in", &format!("{count}number IN ({})", list.join(",")), "500");
    let texts: Vec<String> = (0..100_000).map(|n| format!("'text {n}'")).collect();
    let has = format!("{count}concat('text ', toString(number)) IN ({})", texts.join(","));
    answered("in of texts", &has, "1000");
    let concat = format!("SELECT length({}'b')", "'a' || ".repeat(20_000));
    answered("concat", &concat, "20001");
    let union = vec!["SELECT 1 AS x"; 90].join(" UNION ALL ");
    answered("union", &format!("SELECT count() FROM ({union})"), "90");
    let columns: Vec<String> = (0..10_000).map(|n| format!("number + {n} AS c{n}")).collect();
    let columns = format!("SELECT c9999 FROM (SELECT {} FROM numbers(1))", columns.join(","));
    answered("columns", &columns, "9999");
}

#[test]
fn long_names_are_looked_up_quickly() {
    let (_folder, server) = start();
    let text = format!("SELECT t{} FROM numbers(1)", ".a".repeat(100_000));
    let started = std::time::Instant::now();
    surround(&server, FEW, || server.query(&text)).fails(&["UNKNOWN_IDENTIFIER", "TOO_DEEP_AST"]);
    assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
}

#[test]
fn bytes_that_are_no_utf8_are_data_or_an_error() {
    let (_folder, server) = start();
    let run = |text: &[u8]| surround(&server, FEW, || server.post("", text));
    run(b"SELECT '\xff', \xff\xfe").fails(&["SYNTAX_ERROR"]);
    run(b"SELECT 1 AS `\xff`").fails(&["SYNTAX_ERROR"]);
    run(b"\xff\xfe\x00S\x00E").fails(&["SYNTAX_ERROR"]);
    assert_eq!(run(b"SELECT '\xff\xfe'").body, b"\xff\xfe\n");
    assert_eq!(run(b"SELECT length('\xc3\x28'), hex('\xff')").good(), "2\tFF");
    assert_eq!(run(b"SELECT lower(upper('\xffa')) /* \xff */").body, b"\xffa\n");
    assert!(run(b"SELECT '\xffx' AS x FORMAT JSON").status == 200);
    assert!(run(b"SELECT '\xffx' AS x FORMAT Parquet").status == 200);
    let insert = "query=INSERT+INTO+s+FORMAT+TSV";
    surround(&server, FEW, || server.post(insert, b"\xff\xfe\x00\n")).good();
    assert_eq!(server.query("SELECT hex(a) FROM s").good(), "FFFE00");
}

#[test]
fn numbers_at_their_ends_are_no_sizes() {
    let (_folder, server) = start();
    let huge = "18446744073709551615";
    let right = [
        (format!("SELECT number FROM numbers(3) LIMIT {huge} OFFSET 2"), "2"),
        (format!("SELECT number FROM numbers(3) LIMIT 5 OFFSET {huge}"), ""),
        (format!("SELECT number FROM numbers(2) ORDER BY number LIMIT {huge}"), "0\n1"),
        (format!("SELECT number FROM numbers(2) LIMIT {huge} BY number"), "0\n1"),
        ("SELECT number FROM numbers(18446744073709551615, 1)".to_owned(), huge),
    ];
    for (text, expected) in right {
        assert_eq!(surround(&server, FEW, || server.query(&text)).good(), expected, "{text}");
    }
    for name in ["max_block_size", "max_threads", "max_insert_block_size"] {
        for value in ["0", huge] {
            let parameters = format!("{name}={value}");
            let answer = surround(&server, FEW, || {
                server.post(&parameters, b"SELECT count(), sum(number) FROM numbers(1000)")
            });
            assert_eq!(answer.good(), "1000\t499500", "{parameters}");
            let insert = format!("{parameters}&query=INSERT+INTO+t+FORMAT+TSV");
            let answer = surround(&server, FEW, || server.post(&insert, b"1\ta\t[1]\n2\tb\t[]\n"));
            answer.good();
        }
    }
    assert_eq!(server.query("SELECT count() FROM t").good(), "12");
    for value in ["0", huge] {
        let create = format!(
            "CREATE TABLE g{value} (a UInt8) ORDER BY a SETTINGS index_granularity={value}"
        );
        let answer = surround(&server, FEW, || server.query(&create));
        if answer.status == 200 {
            let insert = format!("INSERT INTO g{value} SELECT number % 7 FROM numbers(100000)");
            surround(&server, FEW, || server.query(&insert)).good();
            let count = format!("SELECT count(), sum(a) FROM g{value}");
            assert_eq!(server.query(&count).good(), "100000\t299997");
        } else {
            answer.fails(&["BAD_ARGUMENTS", "INVALID_SETTING_VALUE", "ARGUMENT_OUT_OF_BOUND"]);
        }
    }
}
