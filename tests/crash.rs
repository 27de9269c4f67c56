//! Crashes of the real server: `kill -9` at random moments during inserts and merges.
//!
//! 1. Writers insert batches in all ways there are; each row carries its batch's number and size.
//! 2. At a random moment the server is killed, sometimes once more while it recovers.
//! 3. Then `granary check` finds no damage, every acknowledged batch is there exactly once, every
//!    other batch wholly or not at all; what an unknown batch turned out to be stays so.
//! 4. The next round goes on with the same folder.
//!
//! `GRANARY_CRASH_SEED` repeats a run's random choices (not the moments of its threads).

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

mod server;

use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use server::{Server, check, spawn};

/// Tables: without partitions, with a few, and with many that one batch touches.
const TABLES: [(&str, &str); 3] =
    [("plain", ""), ("parted", "PARTITION BY batch % 3"), ("spread", "PARTITION BY row % 5")];

/// Threads that insert.
const WRITERS: u64 = 5;

/// Rows of a table beyond which it begins anew, so that looking at them stays quick.
const MOST_ROWS: u64 = 1_500_000;

/// A generator of numbers good enough to choose by (xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 11
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Sent, and no answer has come.
    Unknown,
    /// Acknowledged, or found to be there.
    There,
    /// Found to be missing, or refused with an error.
    Absent,
}

#[derive(Debug, Clone, Copy)]
struct Batch {
    table: usize,
    rows: u64,
    state: State,
}

/// What was sent and acknowledged, by batch.
#[derive(Default)]
struct Ledger {
    batches: Mutex<HashMap<u64, Batch>>,
    next: AtomicU64,
    failures: Mutex<Vec<String>>,
}

/// How a writer sends a batch.
#[derive(Debug, Clone, Copy)]
enum Way {
    Values,
    Asynchronous,
    Select,
    WithToken,
}

fn word(batch: u64, row: u64) -> String {
    format!("w{}", (batch * 31 + row) % 97)
}

fn text(batch: u64, row: u64) -> String {
    format!("batch {batch} row {row}")
}

fn rows_of(batch: u64, rows: u64) -> String {
    let mut body = String::new();
    for row in 0..rows {
        let (word, text) = (word(batch, row), text(batch, row));
        writeln!(body, "{batch}\t{row}\t{rows}\t{word}\t{text}").unwrap();
    }
    body
}

fn create(server: &Server) {
    for (name, partition) in TABLES {
        let sql = format!(
            "CREATE TABLE IF NOT EXISTS {name} (batch UInt64, row UInt32, rows UInt32, word String, text String) \
             ENGINE = MergeTree {partition} ORDER BY (word, batch, row) SETTINGS index_granularity = 256"
        );
        server.query(&sql).good();
    }
}

/// Sends one batch and notes how it went.
fn send(server: &Server, ledger: &Ledger, random: &mut Random) -> Result<(), String> {
    let table = random.below(TABLES.len() as u64) as usize;
    let name = TABLES[table].0;
    let rows = match random.below(6) {
        0 => 1,
        1 | 2 => 1 + random.below(20),
        3 | 4 => 1 + random.below(1000),
        _ => 1 + random.below(12_000),
    };
    let ways = [Way::Values, Way::Asynchronous, Way::Asynchronous, Way::Select, Way::WithToken];
    let way = ways[random.below(ways.len() as u64) as usize];
    let batch = ledger.next.fetch_add(1, Ordering::Relaxed);
    ledger.batches.lock().unwrap().insert(batch, Batch { table, rows, state: State::Unknown });
    let insert = format!("query=INSERT+INTO+{name}+FORMAT+TSV");
    let answer = match way {
        Way::Values => server.try_post(&insert, rows_of(batch, rows).as_bytes()),
        Way::Asynchronous => {
            server.try_post(&format!("{insert}&async_insert=1"), rows_of(batch, rows).as_bytes())
        }
        Way::Select => {
            let sql = format!(
                "INSERT INTO {name} SELECT {batch}, number, {rows}, \
                 concat('w', toString(({batch} * 31 + number) % 97)), \
                 concat('batch {batch} row ', toString(number)) FROM numbers({rows})"
            );
            server.try_post("", sql.as_bytes())
        }
        Way::WithToken => {
            let parameters = format!("{insert}&insert_deduplication_token=batch{batch}");
            let body = rows_of(batch, rows);
            // The second must change nothing, whether the first was acknowledged or not.
            let first = server.try_post(&parameters, body.as_bytes());
            let second = server.try_post(&parameters, body.as_bytes());
            if first.as_ref().is_ok_and(|a| a.status == 200) { first } else { second }
        }
    };
    let state = match &answer {
        Ok(answer) if answer.status == 200 => State::There,
        // Too many parts is an answer too: nothing was written.
        Ok(answer) if answer.text().contains("TOO_MANY_PARTS") => State::Absent,
        Ok(answer) => {
            let failure = format!("batch {batch} by {way:?}: {}", answer.text());
            ledger.failures.lock().unwrap().push(failure);
            State::Unknown
        }
        Err(_) => State::Unknown,
    };
    ledger.batches.lock().unwrap().get_mut(&batch).unwrap().state = state;
    answer.map(|_| ())
}

/// Merges everything again and again, and looks at it meanwhile.
fn optimize(server: &Server, stop: &AtomicBool, random: &mut Random) -> Result<(), String> {
    while !stop.load(Ordering::Relaxed) {
        let (name, _) = TABLES[random.below(TABLES.len() as u64) as usize];
        let end = if random.below(2) == 0 { " FINAL" } else { "" };
        // A merge may fail because another one holds the parts.
        server.try_post("", format!("OPTIMIZE TABLE {name}{end}").as_bytes())?;
        server.try_post("", format!("SELECT sum(rows) FROM {name}").as_bytes())?;
    }
    Ok(())
}

/// Runs the writers and kills the server in the midst.
fn load_and_kill(server: Server, ledger: &Ledger, random: &mut Random) {
    let life = Duration::from_millis(match random.below(4) {
        0 => random.below(60),
        1 | 2 => random.below(500),
        _ => random.below(1500),
    });
    let stop = AtomicBool::new(false);
    let server = Arc::new(server);
    std::thread::scope(|scope| {
        for _ in 0..WRITERS {
            let mut random = Random(random.next() | 1);
            let (server, stop) = (server.clone(), &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) && send(&server, ledger, &mut random).is_ok() {}
            });
        }
        let mut own = Random(random.next() | 1);
        let (merging, stop_merging) = (server.clone(), &stop);
        scope.spawn(move || optimize(&merging, stop_merging, &mut own));
        std::thread::sleep(life);
        assert!(server.kill_now(), "the server ended by itself: {}", server.log());
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(*ledger.failures.lock().unwrap(), Vec::<String>::new());
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

/// Compares the tables with the ledger, and settles what was unknown.
fn verify(server: &Server, ledger: &Ledger, seed: u64) {
    let mut batches = ledger.batches.lock().unwrap();
    let mut seen = HashMap::new();
    for (table, (name, _)) in TABLES.iter().enumerate() {
        let sql = format!(
            "SELECT batch, count(), uniqExact(row), min(row), max(row), min(rows), max(rows), \
             countIf(word != concat('w', toString((batch * 31 + row) % 97)) \
                OR text != concat('batch ', toString(batch), ' row ', toString(row))) \
             FROM {name} GROUP BY batch"
        );
        let answer = server.query(&sql).good();
        let mut total = 0;
        for line in answer.lines() {
            let numbers: Vec<u64> = line.split('\t').map(|n| n.parse().unwrap()).collect();
            let (batch, rows) = (numbers[0], numbers[1]);
            total += rows;
            let sent = batches.get(&batch).copied();
            let sent = sent.unwrap_or_else(|| panic!("seed {seed}: batch {batch} was never sent"));
            let whole = [sent.rows, sent.rows, 0, sent.rows - 1, sent.rows, sent.rows, 0];
            assert_eq!(numbers[1..], whole, "seed {seed}: {name}, batch {batch}, {sent:?}");
            assert_eq!(sent.table, table, "seed {seed}: batch {batch} is in another table");
            seen.insert(batch, ());
        }
        let counted = server.query(&format!("SELECT count() FROM {name}")).good();
        assert_eq!(counted, total.to_string(), "seed {seed}: count() of {name}");
    }
    for (number, batch) in batches.iter_mut() {
        let there = seen.contains_key(number);
        let wrong = match batch.state {
            State::There => !there,
            State::Absent => there,
            State::Unknown => false,
        };
        assert!(!wrong, "seed {seed}: batch {number} {batch:?}, is there: {there}");
        batch.state = if there { State::There } else { State::Absent };
    }
}

fn assert_undamaged(data: &Path, seed: u64) {
    let output = check(data);
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "seed {seed}: {said}");
    assert!(said.contains("No damage found"), "seed {seed}: {said}");
}

/// Starts tables anew that have grown large.
fn shrink(server: &Server, ledger: &Ledger) {
    for (table, (name, _)) in TABLES.iter().enumerate() {
        let rows: u64 =
            server.query(&format!("SELECT count() FROM {name}")).good().parse().unwrap();
        if rows > MOST_ROWS {
            server.query(&format!("TRUNCATE TABLE {name}")).good();
            let mut batches = ledger.batches.lock().unwrap();
            batches.values_mut().filter(|b| b.table == table).for_each(|b| b.state = State::Absent);
        }
    }
}

/// Starts the server and kills it while it recovers.
fn kill_while_recovering(data: &Path, random: &mut Random) {
    let (mut child, _) = spawn(data, None);
    std::thread::sleep(Duration::from_millis(random.below(60)));
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Rounds until either limit is reached.
fn rounds(most: u32, time: Duration) {
    let seed = std::env::var("GRANARY_CRASH_SEED").ok().and_then(|s| s.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64 | 1
    });
    let mut random = Random(seed);
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let ledger = Ledger::default();
    let started = Instant::now();
    let mut done = 0;
    let mut unknown = [0, 0];
    while done < most && (done < 3 || started.elapsed() < time) {
        let server = Server::start(&data);
        create(&server);
        shrink(&server, &ledger);
        load_and_kill(server, &ledger, &mut random);
        done += 1;
        if random.below(4) == 0 {
            kill_while_recovering(&data, &mut random);
        }
        if random.below(2) == 0 {
            assert_undamaged(&data, seed);
        }
        let open: Vec<u64> = {
            let batches = ledger.batches.lock().unwrap();
            batches.iter().filter(|(_, b)| b.state == State::Unknown).map(|(n, _)| *n).collect()
        };
        let server = Server::start(&data);
        verify(&server, &ledger, seed);
        server.kill();
        assert_undamaged(&data, seed);
        let batches = ledger.batches.lock().unwrap();
        let there = open.iter().filter(|n| batches[n].state == State::There).count();
        unknown = [unknown[0] + open.len(), unknown[1] + there];
    }
    let batches = ledger.batches.lock().unwrap();
    println!(
        "{done} crashes in {:.0} s, seed {seed}: {} batches, {} of them without an answer, {} of those there",
        started.elapsed().as_secs_f64(),
        batches.len(),
        unknown[0],
        unknown[1]
    );
    assert!(!batches.is_empty());
}

#[test]
fn a_few_crashes_lose_nothing() {
    rounds(200, Duration::from_secs(20));
}

#[test]
#[ignore = "takes many minutes; see benches/README.md"]
fn two_hundred_crashes_lose_nothing() {
    rounds(200, Duration::MAX);
}
