//! What an answer's headers tell of how it was made.

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

use std::sync::Arc;

use engine::{Engine, EngineOptions};

const DAYS: u64 = 100;
const ROWS_A_DAY: u64 = 5000;
const GRANULE: u64 = 1024;

fn summary(url: &str, query: &str) -> (String, String) {
    let mut answer = ureq::post(format!("{url}/?wait_end_of_query=1")).send(query).unwrap();
    let summary = answer.headers().get("X-ClickHouse-Summary");
    let summary = summary.map_or("", |value| value.to_str().unwrap()).to_owned();
    (answer.body_mut().read_to_string().unwrap(), summary)
}

fn number(summary: &str, name: &str) -> u64 {
    let (_, rest) = summary.split_once(&format!("\"{name}\":\"")).unwrap();
    rest.split('"').next().unwrap().parse().unwrap()
}

/// One day by the key reads only the granules that can hold it, whether its rows are summed or given out, and
/// says so.
#[test]
fn a_day_by_the_key_reads_its_granules_only() {
    let folder = tempfile::tempdir().unwrap();
    let options =
        EngineOptions { data: Some(folder.path().to_owned()), ..EngineOptions::default() };
    let engine = Engine::open(options).unwrap();
    let config = server::Config { listen: ([127, 0, 0, 1], 0).into(), ..server::Config::default() };
    let running = server::serve(config, Arc::new(engine)).unwrap();
    let url = format!("http://{}", running.local_addr());
    summary(
        &url,
        &format!(
            "CREATE TABLE events (day Date, id UInt64, text String) ORDER BY (day, id) \
             SETTINGS index_granularity = {GRANULE}"
        ),
    );
    summary(
        &url,
        &format!(
            "INSERT INTO events SELECT toDate('2026-01-01') + intDiv(number, {ROWS_A_DAY}), \
             cityHash64(number), toString(number) FROM numbers({})",
            DAYS * ROWS_A_DAY
        ),
    );
    summary(&url, "OPTIMIZE TABLE events FINAL");
    let most = (ROWS_A_DAY.div_ceil(GRANULE) + 1) * GRANULE;
    for query in [
        "SELECT count() FROM events WHERE day = '2026-02-01'",
        "SELECT sum(id), max(length(text)) FROM events WHERE day = '2026-02-01'",
        "SELECT text FROM events WHERE day = '2026-02-01' FORMAT Null",
        "SELECT text FROM events WHERE day = '2026-02-01' ORDER BY id LIMIT 3",
    ] {
        let (_, told) = summary(&url, query);
        let read = number(&told, "read_rows");
        assert!((ROWS_A_DAY..=most).contains(&read), "{query} read {read} rows");
    }
    let (count, _) = summary(&url, "SELECT count() FROM events WHERE day = '2026-02-01'");
    assert_eq!(count, format!("{ROWS_A_DAY}\n"));
    let all = (DAYS * ROWS_A_DAY).div_ceil(GRANULE);
    let (plan, _) =
        summary(&url, "EXPLAIN indexes = 1 SELECT text FROM events WHERE day = '2026-02-01'");
    let granules = plan.lines().find_map(|line| line.trim().strip_prefix("Granules: ")).unwrap();
    let (read, total) = granules.split_once('/').unwrap();
    assert_eq!(total.parse::<u64>().unwrap(), all);
    assert!(read.parse::<u64>().unwrap() * GRANULE <= most, "{granules}");
}
