//! Caches never change an answer: whatever is inserted, merged, deleted, updated, altered, renamed, dropped or outlives
//! its time in between, whoever asks with whatever settings, and while rows come in, queries with any of the layers agree
//! with the same queries without them. Questions that are
//! asked at once are answered once, and clients that have an answer are not sent it again.

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

mod answers;
mod states;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use engine::{Credentials, Engine, EngineOptions, Gathered, Request};

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
    let users = USERS.map(|user| (user.to_owned(), String::new())).to_vec();
    (folder, Engine::open(EngineOptions { data, users, ..EngineOptions::default() }).unwrap())
}

const USERS: [&str; 2] = ["default", "analyst"];

fn ask(engine: &Arc<Engine>, query: &str) -> Result<String, String> {
    ask_as(engine, "default", query)
}

fn ask_as(engine: &Arc<Engine>, user: &str, query: &str) -> Result<String, String> {
    let credentials = Credentials { user: user.to_owned(), password: String::new() };
    let request = Request { query: query.to_owned().into(), credentials, ..Request::default() };
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

const WITH: &str = "SETTINGS use_query_condition_cache = 1, filter_cache_min_rows = 0, use_query_cache = 0, \
                    use_partial_aggregate_cache = 0";
const WITHOUT: &str =
    "SETTINGS use_query_condition_cache = 0, use_query_cache = 0, use_partial_aggregate_cache = 0";
const WITH_STATES: &str = "SETTINGS use_query_condition_cache = 0, use_query_cache = 0, \
                           partial_aggregate_cache_min_rows = 0, partial_aggregate_cache_rows_per_group = 0";

/// Subsets of the layers.
const LAYERS: [&str; 5] = [
    WITH,
    WITH_STATES,
    "SETTINGS use_query_condition_cache = 0, use_partial_aggregate_cache = 0",
    "SETTINGS filter_cache_min_rows = 0, use_query_cache = 0, partial_aggregate_cache_min_rows = 100, \
     partial_aggregate_cache_rows_per_group = 2",
    "SETTINGS filter_cache_min_rows = 0, partial_aggregate_cache_min_rows = 0, \
     partial_aggregate_cache_rows_per_group = 0",
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
    "currentUser(), count(), toHour(toDateTime(max(id)))",
];

/// Settings that change answers.
const SETTINGS: &[&str] = &[
    "max_threads = 2",
    "session_timezone = 'Asia/Tokyo'",
    "transform_null_in = 1",
    "aggregate_functions_null_for_empty = 1",
    "output_format_tsv_crlf_end_of_line = 1",
];

const GROUPS: &[(&str, &str)] = &[
    ("word, count(), sum(price), uniq(text)", "word"),
    ("day, maybe % 3 AS rest, quantileExact(0.3)(id), min(late), max(text)", "day, rest"),
    ("late, avg(maybe), groupArraySorted(5)(id), countIf(price > 50)", "late"),
    ("id % 4 AS four, uniqExact(word), argMax(text, id), any(day) = any(day)", "four"),
];

/// Orders with a limit; the last key tells all rows apart.
const ORDERS: &[&str] = &[
    "id LIMIT 3",
    "id DESC LIMIT 20",
    "price DESC, id LIMIT 7",
    "maybe DESC NULLS LAST, id LIMIT 5",
    "word, length(text) DESC, id LIMIT 12",
    "late DESC, id % 7, id LIMIT 2, 4",
    "-toInt64(id % 50), id LIMIT 300",
];

/// Conditions over one another in any order, as dashboards drill down.
fn query(dice: &mut Dice, bound: &str) -> String {
    let mut conditions: Vec<&str> = (0..=dice.below(3)).map(|_| dice.one_of(CONDITIONS)).collect();
    conditions.push(bound);
    let conditions = conditions.join(" AND ");
    if dice.below(3) == 0 {
        let order = dice.one_of(ORDERS);
        return format!("SELECT id, word, text, late FROM t WHERE {conditions} ORDER BY {order}");
    }
    if dice.below(2) == 0 {
        let (columns, keys) = GROUPS[dice.below(GROUPS.len() as u64) as usize];
        return format!(
            "SELECT {columns} FROM t WHERE {conditions} GROUP BY {keys} ORDER BY {keys}"
        );
    }
    format!("SELECT {} FROM t WHERE {conditions}", dice.one_of(ANSWERS))
}

fn check(engine: &Arc<Engine>, query: &str) {
    check_as(engine, "default", "max_threads = 2", query);
}

fn check_as(engine: &Arc<Engine>, user: &str, setting: &str, query: &str) {
    let anew = || ask_as(engine, user, &format!("{query} {WITHOUT}, {setting}"));
    let expected = anew();
    for (time, layers) in LAYERS.iter().cycle().enumerate().take(LAYERS.len() * 3) {
        let found = ask_as(engine, user, &format!("{query} {layers}, {setting}"));
        match (&expected, &found) {
            (Ok(rows), Ok(found)) => {
                // Rows that have outlived their time may go at any moment.
                let is_right = rows == found || anew() != expected;
                assert!(
                    is_right,
                    "{query} {layers}, {setting}, asked {time} times before: {rows}, not {found}"
                );
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
    match dice.below(14) {
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
        12 => {
            // Days go from 2024-01-01 on for 400 days.
            let days = "SELECT dateDiff('day', toDate('2024-01-01'), today())";
            let since: u64 = ask(engine, days).unwrap().trim().parse().unwrap();
            let kept = since - dice.below(200);
            run(engine, &format!("ALTER TABLE t MODIFY TTL day + INTERVAL {kept} DAY"));
            if dice.below(2) == 0 {
                run(engine, "OPTIMIZE TABLE t FINAL");
            }
        }
        // An error where there is none.
        13 => drop(ask(engine, "ALTER TABLE t REMOVE TTL")),
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
        _ => {
            run(engine, "SYSTEM DROP QUERY CONDITION CACHE");
            run(engine, "SYSTEM DROP PARTIAL AGGREGATE CACHE");
        }
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
                let user = dice.one_of(&USERS);
                let setting = dice.one_of(SETTINGS);
                check_as(&engine, user, setting, &query(&mut dice, "id >= 0"));
            }
        }
        assert!(
            counted(&engine, "filter", "hits") > 50,
            "what was kept of conditions was of no use"
        );
        assert!(counted(&engine, "partial", "hits") > 50, "what was kept of groups was of no use");
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
