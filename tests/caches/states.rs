//! Aggregate states of parts are kept: what comes again after an insert reads the new part only.

use std::sync::Arc;

use engine::{Engine, EngineOptions, Gathered, Request};

use crate::{ask, counted, open, run};

/// The answer to a query and how many rows were read for it.
fn read(engine: &Arc<Engine>, query: &str) -> (String, u64) {
    let request = Request { query: query.to_owned().into(), ..Request::default() };
    let mut output = Gathered::default();
    let summary = engine.run(request, None, &mut output).unwrap();
    (String::from_utf8_lossy(&output.bytes).into_owned(), summary.read_rows)
}

fn insert(engine: &Arc<Engine>, first: u64, rows: u64) {
    run(
        engine,
        &format!(
            "INSERT INTO visits SELECT number + {first} AS n, ['north', 'south', 'west'][n % 3 + 1], n % 1000 \
             FROM numbers({rows})"
        ),
    );
}

fn visits(engine: &Arc<Engine>) {
    run(
        engine,
        "CREATE TABLE visits (id UInt64, region LowCardinality(String), user UInt32) ORDER BY id \
         SETTINGS index_granularity = 1000",
    );
    run(engine, "SYSTEM STOP MERGES visits");
    insert(engine, 0, 30_000);
    insert(engine, 30_000, 20_000);
}

const PANEL: &str = "SELECT region, count(), uniq(user), max(id) FROM visits WHERE user < 900 GROUP BY region \
                     ORDER BY region SETTINGS use_query_condition_cache = 0";

#[test]
fn only_new_parts_are_read_again() {
    let (_folder, engine) = open();
    visits(&engine);
    let (first, rows) = read(&engine, PANEL);
    assert_eq!(rows, 50_000);
    assert_eq!(read(&engine, PANEL), (first.clone(), 0), "the answer is kept");
    run(&engine, "SYSTEM DROP QUERY CACHE");
    assert_eq!(
        read(&engine, PANEL),
        (first.clone(), 50_000),
        "states are kept from the second use on"
    );
    run(&engine, "SYSTEM DROP QUERY CACHE");
    assert_eq!(read(&engine, PANEL), (first.clone(), 0));
    // A part that is kept, and one that is too small.
    insert(&engine, 50_000, 10_000);
    insert(&engine, 60_000, 30);
    let (more, rows) = read(&engine, PANEL);
    assert_eq!(rows, 10_030);
    let without = format!("{PANEL}, use_partial_aggregate_cache = 0, use_query_cache = 0");
    assert_eq!(read(&engine, &without), (more.clone(), 60_030));
    insert(&engine, 70_000, 1);
    let (more, rows) = read(&engine, PANEL);
    assert_eq!(rows, 31);
    assert_eq!(read(&engine, &without).0, more);
    assert!(counted(&engine, "partial", "saved_microseconds") > 0);
    // Other settings that functions look at, other conditions and other calls are other questions.
    for other in [
        PANEL.replace("user < 900", "user < 901"),
        PANEL.replace("max(id)", "min(id)"),
        format!("{PANEL}, session_timezone = 'Asia/Tokyo'"),
    ] {
        assert_eq!(read(&engine, &other).1, 60_031, "{other}");
    }
    run(&engine, "SYSTEM DROP PARTIAL AGGREGATE CACHE");
    assert_eq!(counted(&engine, "partial", "entries"), 0);
}

#[test]
fn conditions_outlive_merges() {
    let (_folder, engine) = open();
    visits(&engine);
    // Keys that lie between those of the others.
    run(&engine, "INSERT INTO visits SELECT number * 3, 'east', number % 1000 FROM numbers(15000)");
    let query = "SELECT count(), sum(id) FROM visits WHERE region LIKE '%st' AND id % 5 = 1 SETTINGS use_query_cache = 0, \
                 use_partial_aggregate_cache = 0, filter_cache_min_rows = 0";
    let (expected, _) = read(&engine, query);
    assert_eq!(read(&engine, query).0, expected);
    let known = || {
        let lines = ask(&engine, &format!("EXPLAIN caches = 1 {query}")).unwrap();
        let line = lines.lines().find(|line| line.contains("Condition like("));
        line.map(|line| line.rsplit(": ").next().unwrap().to_owned())
    };
    assert_eq!(known().as_deref(), Some("65 of 65 granules"));
    run(&engine, "SYSTEM START MERGES visits");
    run(&engine, "OPTIMIZE TABLE visits FINAL");
    assert_eq!(
        ask(&engine, "SELECT count() FROM system.parts WHERE active AND table = 'visits'").unwrap(),
        "1\n"
    );
    assert_eq!(known().as_deref(), Some("65 of 65 granules"));
    assert_eq!(read(&engine, query).0, expected);
    let without = format!("{query}, use_query_condition_cache = 0");
    assert_eq!(read(&engine, &without).0, expected);
    // Of rows whose part nobody asked nothing is known, and what comes of them is not either.
    insert(&engine, 200_000, 2_500);
    run(&engine, "OPTIMIZE TABLE visits FINAL");
    assert_eq!(known().as_deref(), Some("65 of 68 granules"));
    let (found, _) = read(&engine, query);
    assert_eq!(read(&engine, &without).0, found);
}

#[test]
fn rows_that_searches_may_find_outlive_merges() {
    let (_folder, engine) = open();
    run(
        &engine,
        "CREATE TABLE notes (id UInt64, text String, INDEX i text TYPE text(tokenizer = 'default')) ORDER BY id \
         SETTINGS index_granularity = 100",
    );
    run(&engine, "SYSTEM STOP MERGES notes");
    for (first, step) in [(0, 2), (1, 2), (5000, 1)] {
        run(
            &engine,
            &format!(
                "INSERT INTO notes SELECT {first} + number * {step} AS n, concat('w', toString(n % 7), ' w', toString(n % 11)) \
                 FROM numbers(1200)"
            ),
        );
    }
    let query = "SELECT id, bm25(text, 'w3 w5') AS s FROM notes WHERE hasAnyTokens(text, 'w3 w5') AND \
                 bitXor(id, 77) % 3 = 1 ORDER BY s DESC, id LIMIT 20 SETTINGS use_query_cache = 0";
    let without = format!("{query}, use_query_condition_cache = 0");
    let (expected, _) = read(&engine, &without);
    for _ in 0..3 {
        assert_eq!(read(&engine, query).0, expected);
    }
    run(&engine, "SYSTEM START MERGES notes");
    run(&engine, "OPTIMIZE TABLE notes FINAL");
    let hits = counted(&engine, "filter", "hits");
    assert_eq!(read(&engine, query).0, expected);
    assert_eq!(counted(&engine, "filter", "hits"), hits + 1);
    assert_eq!(read(&engine, &without).0, expected);
}

#[test]
fn first_rows_of_parts_are_kept() {
    let (_folder, engine) = open();
    visits(&engine);
    let top = "SELECT id, region, user FROM visits WHERE id % 3 = 1 ORDER BY user * 7 % 1000 DESC, id LIMIT 5 \
               SETTINGS use_query_condition_cache = 0, use_query_cache = 0";
    let without = format!("{top}, use_partial_aggregate_cache = 0");
    let (expected, _) = read(&engine, &without);
    for rows in [50_000, 50_000, 0, 0] {
        let (found, all) = read(&engine, top);
        assert_eq!(found, expected);
        // What is fetched of the winners is not counted.
        assert_eq!(all, rows);
    }
    assert_eq!(counted(&engine, "partial", "entries"), 2);
    // A part that is kept, and one that is too small.
    insert(&engine, 50_000, 10_000);
    insert(&engine, 60_000, 30);
    for rows in [10_030, 30] {
        let (found, all) = read(&engine, top);
        assert_eq!((found, all), (read(&engine, &without).0, rows));
    }
    let lines = ask(&engine, &format!("EXPLAIN caches = 1 {top}")).unwrap();
    assert!(lines.contains("First rows: 3 of 4 parts, 60000 of 60030 rows"), "{lines}");
    // Of a part that has gone the first rows are gone, and what it had hidden is there.
    run(&engine, "ALTER TABLE visits DELETE WHERE id < 30000 SETTINGS mutations_sync = 2");
    assert_eq!(read(&engine, top).0, read(&engine, &without).0);
    // Others are other questions.
    for other in [
        top.replace("LIMIT 5", "LIMIT 6"),
        top.replace("DESC, id", ", id"),
        top.replace("id % 3 = 1", "id % 3 = 2"),
        top.replace("user * 7", "user * 9"),
    ] {
        let unlike = format!("{other}, use_partial_aggregate_cache = 0");
        for _ in 0..3 {
            assert_eq!(read(&engine, &other).0, read(&engine, &unlike).0, "{other}");
        }
    }
    // Nothing is kept of what is wanted of too many rows, or may be something else the next time.
    run(&engine, "SYSTEM DROP PARTIAL AGGREGATE CACHE");
    for never in
        ["ORDER BY user, id LIMIT 9000", "ORDER BY rand(), id LIMIT 5", "ORDER BY user, id"]
    {
        for _ in 0..3 {
            let query = format!("SELECT id FROM visits {never} SETTINGS use_query_cache = 0");
            read(&engine, &query);
        }
        assert_eq!(counted(&engine, "partial", "entries"), 0, "{never}");
    }
}

#[test]
fn rows_that_are_never_looked_at_do_no_harm() {
    let (_folder, engine) = open();
    visits(&engine);
    // Better rows of the last part leave those out for which the second key cannot be computed.
    run(
        &engine,
        "CREATE TABLE odd (id UInt64, n Int64) ORDER BY id SETTINGS index_granularity = 100",
    );
    run(&engine, "SYSTEM STOP MERGES odd");
    for (first, broken) in [(0, 1), (100_000, 0)] {
        run(
            &engine,
            &format!(
                "INSERT INTO odd SELECT number + {first}, if({broken}, 0, number + 1) FROM numbers(20000)"
            ),
        );
    }
    let query = "SELECT id FROM odd ORDER BY id DESC, intDiv(1000, n) LIMIT 10 SETTINGS use_query_cache = 0";
    let expected = ask(&engine, &format!("{query}, use_partial_aggregate_cache = 0")).unwrap();
    for _ in 0..4 {
        assert_eq!(ask(&engine, query).as_ref(), Ok(&expected));
    }
}

#[test]
fn many_groups_and_unstable_functions_are_not_kept() {
    let (_folder, engine) = open();
    visits(&engine);
    for query in [
        "SELECT count() FROM (SELECT id, count() FROM visits GROUP BY id)",
        "SELECT count(), uniqExact(id) FROM visits WHERE user < 950",
        "SELECT region, count() FROM visits WHERE rand() % 2 < 2 GROUP BY region",
        "SELECT region, sum(rand() % 1 = 0) FROM visits GROUP BY region",
        "SELECT max(user) FROM visits WHERE user % 2 = 0 SETTINGS max_rows_to_read = 1000000",
        "SELECT region, count() FROM visits GROUP BY region SETTINGS max_rows_to_group_by = 10",
        "SELECT region, max(user) FROM visits GROUP BY region SETTINGS use_partial_aggregate_cache = 0",
    ] {
        for _ in 0..3 {
            let settings = if query.contains("SETTINGS") { "," } else { " SETTINGS" };
            let off = "use_query_cache = 0, use_query_condition_cache = 0";
            let (_, rows) = read(&engine, &format!("{query}{settings} {off}"));
            assert!(rows >= 49_000, "{query}: {rows}");
        }
        assert_eq!(counted(&engine, "partial", "entries"), 0, "{query}");
    }
}

#[test]
fn states_make_room_for_queries() {
    let folder = tempfile::tempdir().unwrap();
    let options = EngineOptions {
        data: Some(folder.path().to_owned()),
        memory: 20 << 20,
        partial_aggregate_cache: Some(12 << 20),
        answer_cache: Some(0),
        ..EngineOptions::default()
    };
    let engine = Engine::open(options).unwrap();
    visits(&engine);
    for rest in 0..100 {
        for _ in 0..3 {
            let query = format!(
                "SELECT user, sum(id), max(id), count() FROM visits WHERE id % 100 != {rest} GROUP BY user FORMAT Null"
            );
            ask(&engine, &query).unwrap();
        }
    }
    let before = counted(&engine, "partial", "bytes");
    assert!(before > 2 << 20 && before <= 12 << 20, "{before} bytes");
    // What is larger than what is left takes it from there.
    let large = "SELECT length(groupArray(repeat('x', 1000))) FROM numbers(5000) SETTINGS max_memory_usage = 0";
    assert_eq!(ask(&engine, large).unwrap(), "5000\n");
    let after = counted(&engine, "partial", "bytes");
    assert!(after < before, "{after} of {before} bytes are left");
}

#[test]
fn merged_states_of_old_parts_take_new_ones_in() {
    let (_folder, engine) = open();
    visits(&engine);
    let calls = [
        "count(), sum(user), avg(user), max(region)",
        "uniq(user), uniqExact(user), uniqCombined(user), uniqHLL12(user)",
        "quantileExact(user), quantilesExact(0.1, 0.9)(user), quantileTiming(user), quantileExactWeighted(user, id % 3)",
        "arraySort(groupUniqArray(user)), arraySort(topK(3)(region)), groupBitmap(user), argMax(region, id)",
        "sumMap(map(region, 1)), countIf(user > 3), sumOrNull(if(user > 2, user, NULL)), uniqIf(user, id % 2 = 0)",
        "arraySort(groupUniqArray(region)), min(region), minMap(map(user % 3, id)), bitAnd(sum(user), 255)",
    ];
    let questions: Vec<String> = calls
        .iter()
        .flat_map(|calls| {
            [
                "",
                "GROUP BY region ORDER BY region",
                "GROUP BY user % 7 AS k, region ORDER BY k, region LIMIT 5",
            ]
            .map(|groups| format!("SELECT {calls} FROM visits WHERE id != 7 {groups}"))
        })
        .collect();
    let off = "use_query_cache = 0, use_query_condition_cache = 0";
    let mut first = 50_000;
    for round in 0..6 {
        for question in &questions {
            let kept = ask(&engine, &format!("{question} SETTINGS {off}")).unwrap();
            let anew = format!(
                "{question} SETTINGS {off}, use_partial_aggregate_cache = 0, max_threads = 1"
            );
            assert_eq!(kept, ask(&engine, &anew).unwrap(), "{question} in round {round}");
        }
        match round {
            // The large parts become one.
            3 => {
                run(&engine, "SYSTEM START MERGES visits");
                run(&engine, "OPTIMIZE TABLE visits FINAL");
            }
            4 => run(&engine, "DELETE FROM visits WHERE id % 10 = 3"),
            _ => insert(&engine, first, 700),
        }
        first += 700;
    }
    let (_, rows) = read(&engine, &format!("{} SETTINGS {off}", questions[0]));
    assert!(rows < 10_000, "{rows} rows were read again");
}

#[test]
fn explain_tells_what_is_kept() {
    let (_folder, engine) = open();
    visits(&engine);
    let told = |query: &str, line: &str| {
        let explained = ask(&engine, &format!("EXPLAIN caches = 1 {query}")).unwrap();
        assert!(explained.lines().any(|l| l == line), "{line} is not in {explained}");
    };
    told(PANEL, "Answer: not kept yet");
    for _ in 0..3 {
        ask(&engine, PANEL).unwrap();
        told(PANEL, "Answer: kept");
        run(&engine, "SYSTEM DROP QUERY CACHE");
    }
    told(PANEL, "Answer: not kept yet");
    told(PANEL, "Aggregate states: 2 of 2 parts, 50000 of 50000 rows; of 2 parts merged");
    insert(&engine, 50_000, 30);
    told(PANEL, "Aggregate states: 2 of 3 parts, 50000 of 50030 rows; of 2 parts merged");
    // Large parts that come later are taken into what is merged.
    insert(&engine, 50_030, 20_000);
    ask(&engine, PANEL).unwrap();
    told(PANEL, "Answer: kept");
    told(PANEL, "Aggregate states: 3 of 4 parts, 70000 of 70030 rows; of 2 parts merged");
    run(&engine, "OPTIMIZE TABLE visits FINAL");
    for rows in [0, 20_000, 20_000] {
        insert(&engine, 70_030, rows);
        ask(&engine, PANEL).unwrap();
    }
    told(PANEL, "Aggregate states: 3 of 3 parts, 110030 of 110030 rows; of 3 parts merged");
    let expected = ask(
        &engine,
        &PANEL
            .replace("SETTINGS", "SETTINGS use_partial_aggregate_cache = 0, use_query_cache = 0,"),
    );
    assert_eq!(ask(&engine, PANEL), expected);
    told("SELECT now()", "Answer: not kept, now gives something else the next time");
    told("SELECT 1 SETTINGS use_query_cache = 0", "Answer: not looked for");
    let drill = "SELECT count() FROM visits WHERE user * 3 > 100 SETTINGS filter_cache_min_rows = 0, \
                 use_partial_aggregate_cache = 0, use_query_cache = 0";
    for _ in 0..3 {
        ask(&engine, drill).unwrap();
    }
    told(drill, "Condition greater(multiply(#0, 3), 100) of default.visits: 111 of 111 granules");
}

#[test]
fn merged_parts_are_made_ready() {
    let (_folder, engine) = open();
    visits(&engine);
    // Once to note it, once to keep its states, once to be asked again.
    let (first, _) = read(&engine, PANEL);
    run(&engine, "SYSTEM DROP QUERY CACHE");
    assert_eq!(read(&engine, PANEL), (first.clone(), 50_000));
    assert_eq!(read(&engine, PANEL), (first.clone(), 0));
    run(&engine, "SYSTEM START MERGES visits");
    run(&engine, "OPTIMIZE TABLE visits FINAL");
    assert_eq!(read(&engine, PANEL), (first.clone(), 0), "a merge changes no answer");
    let logged = "SELECT count() FROM system.query_log WHERE read_rows = 50000 AND type = 'QueryFinish' \
                  AND startsWith(query, 'SELECT region') SETTINGS use_query_cache = 0";
    for left in (0..100).rev() {
        if ask(&engine, logged).unwrap() == "3\n" {
            break;
        }
        assert!(left > 0, "nothing was made ready");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    insert(&engine, 50_000, 30);
    assert_eq!(read(&engine, PANEL).1, 30, "only the new rows are read");
    let without = format!("{PANEL}, use_partial_aggregate_cache = 0, use_query_cache = 0");
    assert_eq!(read(&engine, &without).0, read(&engine, PANEL).0);
}
