//! The engine by its public face: what it counts, and what waits for what.

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

use std::sync::Arc;

use engine::{Engine, EngineOptions, Gathered, Request};
use server::QueryService;

fn open() -> Arc<Engine> {
    Engine::open(EngineOptions { background: false, ..EngineOptions::default() }).unwrap()
}

fn ask(engine: &Arc<Engine>, query: &str) -> String {
    String::from_utf8(engine.query(query).unwrap()).unwrap().trim_end().to_owned()
}

/// A number of `/metrics`.
fn metric(engine: &Arc<Engine>, name: &str) -> f64 {
    let all = QueryService::metrics(engine);
    all.iter().find(|m| m.name == name).unwrap_or_else(|| panic!("no {name}")).value
}

#[test]
fn what_happens_is_counted() {
    let engine = open();
    ask(&engine, "CREATE TABLE t (a UInt32) ORDER BY a");
    let before = metric(&engine, "granary_queries_total");
    ask(&engine, "INSERT INTO t SELECT number FROM numbers(1000)");
    ask(&engine, "INSERT INTO t VALUES (1), (2)");
    assert_eq!(metric(&engine, "granary_parts"), 2.0);
    assert_eq!(ask(&engine, "SELECT sum(a) FROM t"), "499503");
    assert!(engine.query("SELECT nothing FROM t").is_err());
    assert!(engine.query("INSERT INTO t VALUES ('x')").is_err());
    ask(&engine, "OPTIMIZE TABLE t FINAL");
    for (name, value) in [
        ("granary_queries_total", before + 6.0),
        ("granary_select_queries_total", 2.0),
        ("granary_insert_queries_total", 3.0),
        ("granary_failed_queries_total", 2.0),
        ("granary_failed_select_queries_total", 1.0),
        ("granary_failed_insert_queries_total", 1.0),
        ("granary_inserted_rows_total", 1002.0),
        ("granary_merges_total", 1.0),
        ("granary_merged_rows_total", 1002.0),
        ("granary_parts", 1.0),
        ("granary_rows", 1002.0),
        ("granary_queries", 0.0),
        ("granary_connections", 0.0),
    ] {
        assert_eq!(metric(&engine, name), value, "{name}");
    }
    assert!(metric(&engine, "granary_read_rows_total") >= 1002.0);
    assert!(metric(&engine, "granary_memory_limit_bytes") > 0.0);
    let events = "SELECT value FROM system.events WHERE event = 'InsertedRows'";
    assert_eq!(ask(&engine, events), "1002");
    let parts = "SELECT value FROM system.asynchronous_metrics \
        WHERE metric = 'TotalPartsOfMergeTreeTables'";
    assert_eq!(ask(&engine, parts), "1");
    // The asking query runs.
    assert_eq!(ask(&engine, "SELECT value FROM system.metrics WHERE metric = 'Query'"), "1");
}

#[test]
fn flushing_waits_for_asynchronous_inserts() {
    let engine = open();
    ask(&engine, "CREATE TABLE t (a UInt32) ORDER BY a");
    for round in 1..=20 {
        for row in 0..5 {
            let request = Request {
                query: format!("INSERT INTO t VALUES ({row})").into(),
                settings: vec![
                    ("async_insert".to_owned(), "1".to_owned()),
                    ("wait_for_async_insert".to_owned(), "0".to_owned()),
                ],
                ..Request::default()
            };
            engine.run(request, None, &mut Gathered::default()).unwrap();
        }
        ask(&engine, "SYSTEM FLUSH ASYNC INSERT QUEUE");
        assert_eq!(ask(&engine, "SELECT count() FROM t"), (round * 5).to_string());
    }
    assert_eq!(metric(&engine, "granary_async_insert_rows"), 0.0);
    assert!(metric(&engine, "granary_async_insert_flushes_total") >= 20.0);
}

#[test]
fn long_answers_break_off() {
    let engine = open();
    let query = |limits: &str| {
        let query =
            "SELECT number FROM numbers(10000000) SETTINGS result_overflow_mode = 'break', ";
        ask(&engine, &format!("{query}{limits}")).lines().count()
    };
    let rows = query("max_result_rows = 10");
    assert!((10..1_000_000).contains(&rows), "{rows} rows");
    let rows = query("max_result_bytes = 1000");
    assert!((100..1_000_000).contains(&rows), "{rows} rows");
    assert_eq!(query("max_result_rows = 10000000"), 10_000_000);
}

#[test]
fn a_user_may_run_so_many_queries_at_once() {
    let engine = open();
    let busy = Arc::clone(&engine);
    let request = Request {
        query: "SELECT count() FROM numbers(1000000000000) WHERE number % 7 = 3".into(),
        ..Request::default()
    };
    let cancel = request.cancel.clone();
    let running = std::thread::spawn(move || busy.run(request, None, &mut Gathered::default()));
    while metric(&engine, "granary_queries") < 1.0 {
        std::thread::yield_now();
    }
    let limited = |most: &str| {
        let request = Request {
            query: "SELECT 1".into(),
            settings: vec![("max_concurrent_queries_for_user".to_owned(), most.to_owned())],
            ..Request::default()
        };
        engine.run(request, None, &mut Gathered::default()).map_err(|e| e.code())
    };
    assert_eq!(limited("1"), Err(base::ErrorCode::TooManySimultaneousQueries));
    assert!(limited("2").is_ok());
    cancel.cancel();
    assert!(running.join().unwrap().is_err());
}
