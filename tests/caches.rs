//! Caches never change an answer: whatever is inserted, merged, deleted, updated, altered, renamed or dropped in between,
//! and while rows come in, queries with any of the layers agree with the same queries without them. Questions that are
//! asked at once are answered once, and clients that have an answer are not sent it again.

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use engine::{Engine, EngineOptions, Gathered, Request};

/// Numbers that look random and are the same in every run (SplitMix64, Steele et al. 2014).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }

    fn one_of<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len() as u64) as usize]
    }
}

fn open() -> (tempfile::TempDir, Arc<Engine>) {
    let folder = tempfile::tempdir().unwrap();
    let data = Some(folder.path().to_owned());
    (folder, Engine::open(EngineOptions { data, ..EngineOptions::default() }).unwrap())
}

fn ask(engine: &Arc<Engine>, query: &str) -> Result<String, String> {
    let request = Request { query: query.to_owned().into(), ..Request::default() };
    let mut output = Gathered::default();
    engine.run(request, None, &mut output).map_err(|e| e.to_string())?;
    Ok(String::from_utf8_lossy(&output.bytes).into_owned())
}

fn run(engine: &Arc<Engine>, statement: &str) {
    ask(engine, statement).unwrap_or_else(|error| panic!("{statement}: {error}"));
}

fn counted(engine: &Arc<Engine>, layer: &str, column: &str) -> u64 {
    let query = format!("SELECT {column} FROM system.caches WHERE layer = '{layer}'");
    ask(engine, &query).unwrap().trim().parse().unwrap()
}

const WITH: &str =
    "SETTINGS use_query_condition_cache = 1, filter_cache_min_rows = 0, use_query_cache = 0";
const WITHOUT: &str = "SETTINGS use_query_condition_cache = 0, use_query_cache = 0";

/// Subsets of the layers.
const LAYERS: [&str; 3] = [
    WITH,
    "SETTINGS use_query_condition_cache = 0",
    "SETTINGS use_query_condition_cache = 1, filter_cache_min_rows = 0",
];

/// Conditions of every kind of test: on codes, on single values, on expressions, on parts older than a column.
const CONDITIONS: &[&str] = &[
    "word LIKE '%a%'",
    "word IN ('apple', 'pear', 'nothing')",
    "word != 'apple'",
    "length(text) % 3 = 1",
    "text LIKE '%7%'",
    "match(text, '1.*2')",
    "id % 7 IN (1, 2, 3)",
    "price * 2 > 90.5",
    "maybe IS NULL",
    "maybe % 2 = 0",
    "has(list, 3)",
    "toDayOfWeek(day) < 4",
    "id > 300",
    "intDiv(1000, id % 5) > 300",
    "hasAnyTokens(text, 'row')",
    "late LIKE '%x%'",
    "late = 'fresh'",
];

const ANSWERS: &[&str] = &[
    "count()",
    "count(), sum(id), max(price)",
    "groupArraySorted(20)(id)",
    "uniqExact(word), any(late) = any(late)",
];

/// Conditions over one another in any order, as dashboards drill down.
fn query(dice: &mut Dice, bound: &str) -> String {
    let mut conditions: Vec<&str> = (0..=dice.below(3)).map(|_| dice.one_of(CONDITIONS)).collect();
    conditions.push(bound);
    let answer = dice.one_of(ANSWERS);
    format!("SELECT {answer} FROM t WHERE {}", conditions.join(" AND "))
}

fn check(engine: &Arc<Engine>, query: &str) {
    let expected = ask(engine, &format!("{query} {WITHOUT}"));
    for (time, layers) in LAYERS.iter().cycle().enumerate().take(LAYERS.len() * 3) {
        let found = ask(engine, &format!("{query} {layers}"));
        match (&expected, &found) {
            (Ok(expected), Ok(found)) => {
                assert_eq!(expected, found, "{query} {layers}, asked {time} times before")
            }
            // What is known of conditions is tested first, and may leave rows out for which another cannot be computed.
            (Err(_), _) => {}
            (Ok(_), Err(error)) => panic!("{query} {layers}: {error}"),
        }
    }
}

fn create(engine: &Arc<Engine>, granularity: u64) {
    run(
        engine,
        &format!(
            "CREATE TABLE t (id UInt64, word LowCardinality(String), text String, price Float64, maybe Nullable(Int32), \
             list Array(UInt8), day Date) ENGINE = MergeTree ORDER BY id % 10 PARTITION BY id % 2 \
             SETTINGS index_granularity = {granularity}"
        ),
    );
    run(engine, "ALTER TABLE t ADD COLUMN late String DEFAULT 'x'");
}

fn insert(engine: &Arc<Engine>, first: u64, rows: u64) {
    run(
        engine,
        &format!(
            "INSERT INTO t (id, word, text, price, maybe, list, day) SELECT number + {first} AS n, \
             ['apple', 'pear', 'plum', 'banana'][n * n % 4 + 1], concat('row ', toString(n * 7919 % 1000)), n % 97, \
             if(n % 5 = 0, NULL, n), range(n % 6), toDate('2024-01-01') + n % 400 FROM numbers({rows})"
        ),
    );
}

/// Something happens to the table.
fn happen(engine: &Arc<Engine>, dice: &mut Dice, rows: &mut u64) {
    match dice.below(12) {
        0..=3 => {
            let more = 1 + dice.below(400);
            insert(engine, *rows, more);
            *rows += more;
        }
        4 => run(engine, "OPTIMIZE TABLE t FINAL"),
        5 => {
            let rest = dice.below(11);
            run(
                engine,
                &format!("ALTER TABLE t DELETE WHERE id % 11 = {rest} SETTINGS mutations_sync = 2"),
            );
        }
        6 => {
            let word = dice.one_of(&["fresh", "axe", "apple"]);
            let set = format!(
                "ALTER TABLE t UPDATE late = '{word}', word = '{word}' WHERE id % 13 = 4 SETTINGS mutations_sync = 2"
            );
            run(engine, &set);
        }
        7 => {
            let default = dice.one_of(&["fresh", "x", "yxy"]);
            run(engine, "ALTER TABLE t DROP COLUMN late");
            run(engine, &format!("ALTER TABLE t ADD COLUMN late String DEFAULT '{default}'"));
        }
        8 => {
            let default = dice.one_of(&["fresh", "old"]);
            run(engine, &format!("ALTER TABLE t MODIFY COLUMN late String DEFAULT '{default}'"));
        }
        9 => {
            let to = dice.one_of(&["String", "LowCardinality(String)"]);
            run(engine, &format!("ALTER TABLE t MODIFY COLUMN word {to}"));
        }
        10 if dice.below(3) == 0 => run(engine, "ALTER TABLE t DROP PARTITION 1"),
        11 if dice.below(3) == 0 => {
            run(engine, "DROP TABLE t SYNC");
            create(engine, 64);
            *rows = 0;
        }
        10 => {
            run(engine, "RENAME TABLE t TO moved");
            assert!(ask(engine, "SELECT count() FROM t").is_err());
            create(engine, 16);
            check(engine, "SELECT count() FROM t");
            run(engine, "EXCHANGE TABLES t AND moved");
            run(engine, "DROP TABLE moved SYNC");
        }
        _ => run(engine, "SYSTEM DROP QUERY CONDITION CACHE"),
    }
}

#[test]
fn answers_are_the_same_whatever_happens_between() {
    for seed in 1..=4 {
        let mut dice = Dice(seed);
        let (_folder, engine) = open();
        create(&engine, [16, 100, 8192][seed as usize % 3]);
        let mut rows = 0;
        for _ in 0..40 {
            happen(&engine, &mut dice, &mut rows);
            for _ in 0..4 {
                check(&engine, &query(&mut dice, "id >= 0"));
            }
        }
        assert!(
            counted(&engine, "filter", "hits") > 50,
            "what was kept of conditions was of no use"
        );
        assert!(counted(&engine, "answer", "hits") > 50, "what was kept of answers was of no use");
    }
}

#[test]
fn answers_are_the_same_while_rows_come_in_and_parts_merge() {
    let (_folder, engine) = open();
    create(&engine, 256);
    let (acknowledged, done) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|threads| {
        threads.spawn(|| {
            for at in 0..60 {
                insert(&engine, at * 200, 200);
                acknowledged.store((at + 1) * 200, Ordering::Release);
                if at % 10 == 9 {
                    run(&engine, "OPTIMIZE TABLE t FINAL");
                }
            }
            done.store(true, Ordering::Release);
        });
        for seed in 10..12 {
            let (engine, acknowledged, done) = (&engine, &acknowledged, &done);
            threads.spawn(move || {
                let mut dice = Dice(seed);
                while !done.load(Ordering::Acquire) {
                    // What was acknowledged stays, whatever comes after it.
                    let end = acknowledged.load(Ordering::Acquire);
                    check(engine, &query(&mut dice, &format!("id < {end}")));
                }
            });
        }
    });
    assert!(counted(&engine, "filter", "hits") > 0);
}

#[test]
fn it_is_bounded_counted_and_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let options = EngineOptions {
        data: Some(folder.path().to_owned()),
        filter_cache: Some(20_000),
        ..EngineOptions::default()
    };
    let engine = Engine::open(options).unwrap();
    create(&engine, 8192);
    insert(&engine, 0, 50_000);
    let ask_all = || {
        for rest in 0..40 {
            for _ in 0..3 {
                ask(&engine, &format!("SELECT count() FROM t WHERE id % 41 > {rest} {WITH}"))
                    .unwrap();
            }
        }
    };
    ask_all();
    assert!(
        counted(&engine, "filter", "bytes") <= 20_000,
        "{}",
        counted(&engine, "filter", "bytes")
    );
    assert!(counted(&engine, "filter", "evictions") > 0);
    assert!(counted(&engine, "filter", "hits") > 0);
    run(&engine, "SYSTEM DROP FILTER CACHE");
    assert_eq!(counted(&engine, "filter", "entries"), 0);
    let before = counted(&engine, "filter", "hits") + counted(&engine, "filter", "misses");
    for _ in 0..3 {
        ask(&engine, &format!("SELECT count() FROM t WHERE id % 3 = 1 {WITHOUT}")).unwrap();
        // What is not the same the next time is not kept.
        ask(&engine, &format!("SELECT count() FROM t WHERE id % 2 < rand() {WITH}")).unwrap();
    }
    assert_eq!(counted(&engine, "filter", "hits") + counted(&engine, "filter", "misses"), before);
}

#[test]
fn long_parts_take_what_they_are_said_to_take() {
    let folder = tempfile::tempdir().unwrap();
    let options = EngineOptions {
        data: Some(folder.path().to_owned()),
        filter_cache: Some(300_000),
        ..EngineOptions::default()
    };
    let engine = Engine::open(options).unwrap();
    run(&engine, "CREATE TABLE long (n UInt64) ORDER BY n");
    run(&engine, "INSERT INTO long SELECT number FROM numbers(500000)");
    run(&engine, "OPTIMIZE TABLE long FINAL");
    for rest in 0..12 {
        for _ in 0..3 {
            // Bits of half a million rows are 62,500 bytes.
            let query =
                format!("SELECT count() FROM long WHERE cityHash64(n, {rest}) % 2 = 1 {WITH}");
            ask(&engine, &query).unwrap();
        }
        let bytes = counted(&engine, "filter", "bytes");
        assert!((62_500..=300_000).contains(&bytes), "{bytes} bytes");
    }
    assert!(counted(&engine, "filter", "evictions") > 0);
    // What is known of parts that are gone goes when others come.
    run(&engine, "TRUNCATE TABLE long");
    create(&engine, 8192);
    insert(&engine, 0, 20_000);
    for rest in 0..100 {
        for _ in 0..2 {
            ask(&engine, &format!("SELECT count() FROM t WHERE id % 101 > {rest} {WITH}")).unwrap();
        }
    }
    let bytes = counted(&engine, "filter", "bytes");
    assert!(bytes <= 300_000, "{bytes} bytes");
}

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
