//! Answers are kept for as long as nothing changes that they were made of, and made once for all who ask.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use engine::{Engine, EngineOptions, Gathered, Request};

use crate::{WITHOUT, ask, counted, create, insert, open, run};

/// Whether a query is answered from the cache the second time.
fn is_kept(engine: &Arc<Engine>, query: &str) -> bool {
    let before = counted(engine, "answer", "hits");
    let first = ask(engine, query).unwrap();
    assert_eq!(first, ask(engine, query).unwrap(), "{query}");
    counted(engine, "answer", "hits") > before
}

#[test]
fn answers_depend_on_views_and_functions() {
    let (_folder, engine) = open();
    create(&engine, 64);
    insert(&engine, 0, 100);
    run(&engine, "CREATE VIEW seen AS SELECT count() AS c FROM t WHERE id IN (SELECT id FROM t)");
    run(&engine, "CREATE FUNCTION twice AS (x) -> x * 2");
    assert!(is_kept(&engine, "SELECT twice(c) FROM seen"));
    // Other words for the same.
    let before = counted(&engine, "answer", "hits");
    ask(&engine, "select  twice( c )\nfrom seen -- as before").unwrap();
    assert_eq!(counted(&engine, "answer", "hits"), before + 1);
    insert(&engine, 100, 1);
    assert_eq!(ask(&engine, "SELECT twice(c) FROM seen").unwrap(), "202\n");
    run(&engine, "CREATE OR REPLACE FUNCTION twice AS (x) -> x * 3");
    assert_eq!(ask(&engine, "SELECT twice(c) FROM seen").unwrap(), "303\n");
    run(&engine, "CREATE OR REPLACE VIEW seen AS SELECT 7 AS c");
    assert_eq!(ask(&engine, "SELECT twice(c) FROM seen").unwrap(), "21\n");
    // What views write to is another table the next time.
    run(&engine, "CREATE TABLE sink_a (id UInt64) ORDER BY id");
    run(&engine, "CREATE TABLE sink_b (id UInt64) ORDER BY id");
    run(&engine, "INSERT INTO sink_b VALUES (1)");
    run(&engine, "CREATE MATERIALIZED VIEW hop TO sink_a AS SELECT id FROM t");
    run(&engine, "CREATE MATERIALIZED VIEW first TO hop AS SELECT id FROM t");
    assert!(is_kept(&engine, "SELECT count() FROM first"));
    run(&engine, "DROP VIEW hop");
    run(&engine, "CREATE MATERIALIZED VIEW hop TO sink_b AS SELECT id FROM t");
    assert_eq!(ask(&engine, "SELECT count() FROM first").unwrap(), "1\n");
    run(&engine, "DROP VIEW first");
    run(&engine, "DROP VIEW hop");
}

#[test]
fn answers_depend_on_all_that_they_were_made_of() {
    let (_folder, engine) = open();
    create(&engine, 64);
    insert(&engine, 0, 100);
    // Formats and settings are part of the question.
    assert_eq!(
        ask(&engine, "SELECT toDateTime(0) AS x SETTINGS session_timezone = 'UTC'").unwrap(),
        "1970-01-01 00:00:00\n"
    );
    let tokyo = "SELECT toDateTime(0) AS x SETTINGS session_timezone = 'Asia/Tokyo'";
    assert_eq!(ask(&engine, tokyo).unwrap(), "1970-01-01 09:00:00\n");
    assert_eq!(ask(&engine, "SELECT 1 AS x FORMAT CSV").unwrap(), "1\n");
    assert!(ask(&engine, "SELECT 1 AS x FORMAT JSONEachRow").unwrap().contains("\"x\""));
    for unstable in [
        "SELECT now64(9) > toDateTime64(0, 9)",
        "SELECT rand() >= 0",
        "SELECT toUnixTimestamp() > 0",
        "SELECT parseDateTimeBestEffort('29 Feb 2024 13:37') > toDateTime(0)",
        "SELECT count() >= 0 FROM system.tables",
        "SELECT count() >= 0 FROM merge('default', '^t$')",
        "SELECT count() FROM t SETTINGS read_overflow_mode = 'break', max_rows_to_read = 1000000",
    ] {
        assert!(!is_kept(&engine, unstable), "{unstable}");
    }
    let refused = ask(
        &engine,
        "SELECT rand() SETTINGS query_cache_nondeterministic_function_handling = 'throw'",
    );
    assert!(refused.unwrap_err().contains("(QUERY_CACHE_USED_WITH_NONDETERMINISTIC_FUNCTIONS)"));
    // Long answers are not kept.
    assert!(!is_kept(&engine, "SELECT repeat('x', 1000000), repeat('y', 1000000)"));
    // Tags are forgotten together, and old answers are given to who asks for them.
    assert!(is_kept(
        &engine,
        "SELECT count() FROM t SETTINGS query_cache_tag = 'board', query_cache_max_age = 100"
    ));
    insert(&engine, 200, 1);
    let query =
        "SELECT count() FROM t SETTINGS query_cache_tag = 'board', query_cache_max_age = 100";
    assert_eq!(ask(&engine, query).unwrap(), "100\n");
    assert_eq!(ask(&engine, "SELECT count() FROM t").unwrap(), "101\n");
    assert_eq!(
        ask(&engine, "SELECT max(stale) FROM system.query_cache WHERE tag = 'board'").unwrap(),
        "1\n"
    );
    run(&engine, "SYSTEM DROP QUERY CACHE TAG 'board'");
    assert_eq!(ask(&engine, query).unwrap(), "101\n");
}

#[test]
fn a_question_that_many_ask_at_once_is_answered_once() {
    let (_folder, engine) = open();
    run(&engine, "CREATE TABLE heavy (n UInt64) ORDER BY n");
    run(&engine, "INSERT INTO heavy SELECT number FROM numbers(300000)");
    let read = || {
        let query = "SELECT value FROM system.events WHERE event = 'SelectedRows'";
        ask(&engine, query).unwrap().trim().parse::<u64>().unwrap()
    };
    let query = "SELECT uniqExact(cityHash64(n, toString(n))), sum(length(repeat(toString(n), 20))) FROM heavy";
    let expected = ask(&engine, &format!("{query} {WITHOUT}")).unwrap();
    let before = read();
    let cancelled = Arc::new(AtomicU64::new(0));
    std::thread::scope(|threads| {
        for number in 0..32 {
            let (engine, expected, cancelled) = (&engine, &expected, cancelled.clone());
            threads.spawn(move || {
                let request = Request { query: query.into(), ..Request::default() };
                let cancel = request.cancel.clone();
                // Two of them go away soon, whoever they are.
                let leaver = (number % 16 == 0).then(|| {
                    std::thread::spawn(move || {
                        std::thread::sleep(std::time::Duration::from_millis(5));
                        cancel.cancel();
                    })
                });
                let mut output = Gathered::default();
                match engine.run(request, None, &mut output) {
                    Ok(_) => assert_eq!(String::from_utf8_lossy(&output.bytes), *expected),
                    Err(error) => {
                        assert!(number % 16 == 0, "{error}");
                        cancelled.fetch_add(1, Ordering::Relaxed);
                    }
                }
                if let Some(leaver) = leaver {
                    leaver.join().unwrap();
                }
            });
        }
    });
    // Once, and once more for each that was cancelled while it answered for all.
    let runs = (read() - before).div_ceil(300_000);
    assert!(runs <= 1 + cancelled.load(Ordering::Relaxed), "it ran {runs} times");
}

#[test]
fn who_has_an_answer_is_not_sent_it_again() {
    let (_folder, engine) = open();
    create(&engine, 64);
    insert(&engine, 0, 100);
    let config = server::Config { listen: ([127, 0, 0, 1], 0).into(), ..server::Config::default() };
    let running = server::serve(config, Arc::new(engine.clone())).unwrap();
    let url = format!("http://{}/?query=SELECT+count()+FROM+t", running.local_addr());
    let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
    let get = |headers: &[(&str, &str)]| {
        let mut request = agent.get(&url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut answer = request.call().unwrap();
        let header = |name: &str| {
            answer.headers().get(name).map_or(String::new(), |v| v.to_str().unwrap().to_owned())
        };
        let told = (header("etag"), header("x-granary-cache"), header("cache-control"));
        (answer.status().as_u16(), told, answer.body_mut().read_to_string().unwrap())
    };
    let (status, (tag, kept, control), body) = get(&[]);
    assert_eq!(
        (status, kept.as_str(), control.as_str(), body.as_str()),
        (200, "miss", "no-cache", "100\n")
    );
    assert!(tag.starts_with('"') && tag.len() == 34, "{tag}");
    let (status, (again, kept, _), body) = get(&[]);
    assert_eq!((status, again, kept.as_str(), body.as_str()), (200, tag.clone(), "hit", "100\n"));
    let known = format!("W/\"other\", {tag}");
    let (status, (again, _, _), body) = get(&[("If-None-Match", &known)]);
    assert_eq!((status, again, body.as_str()), (304, tag.clone(), ""));
    // Nor is it run again where nothing was kept.
    run(&engine, "SYSTEM DROP QUERY CACHE");
    let (status, (_, kept, _), body) = get(&[("If-None-Match", &tag)]);
    assert_eq!((status, kept.as_str(), body.as_str()), (304, "miss", ""));
    insert(&engine, 100, 1);
    let (status, (other, _, _), body) = get(&[("If-None-Match", &tag)]);
    assert_eq!((status, body.as_str()), (200, "101\n"));
    assert_ne!(tag, other);
    // POST has no validator.
    let mut answer = agent.post(&url).header("If-None-Match", &other).send_empty().unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers().get("etag").is_none()), (200, true));
    assert_eq!(answer.body_mut().read_to_string().unwrap(), "101\n");
}

#[test]
fn who_waits_for_an_answer_takes_no_place_of_those_that_run() {
    let folder = tempfile::tempdir().unwrap();
    let data = Some(folder.path().to_owned());
    let engine = Engine::open(EngineOptions { data, max_queries: 12, ..EngineOptions::default() });
    let engine = engine.unwrap();
    run(&engine, "CREATE TABLE heavy (n UInt64) ORDER BY n");
    run(&engine, "INSERT INTO heavy SELECT number FROM numbers(200000)");
    let query = "SELECT uniqExact(cityHash64(n, toString(n))), sum(length(repeat(toString(n), 40))) FROM heavy";
    let expected = ask(&engine, &format!("{query} {WITHOUT}")).unwrap();
    std::thread::scope(|threads| {
        for _ in 0..60 {
            threads.spawn(|| assert_eq!(ask(&engine, query).unwrap(), expected));
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    });
    assert!(counted(&engine, "answer", "hits") >= 50);
}
