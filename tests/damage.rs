//! A flipped bit in any file of a data folder, seen through the real server: it is told by the
//! file's name, or changes no answer; the server neither panics nor ends.

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

mod server;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use server::{Answer, Server, binary, check};

/// Every column of every table, and what needs no column.
const QUESTIONS: [&str; 8] = [
    "SELECT count() FROM t",
    "SELECT sum(a), min(a), max(a) FROM t",
    "SELECT sum(cityHash64(s)), uniqExact(s) FROM t",
    "SELECT sum(cityHash64(u)), min(u), max(u) FROM t",
    "SELECT sum(f), countIf(f IS NULL) FROM t",
    "SELECT sum(length(l)), sum(cityHash64(arrayStringConcat(l))) FROM t",
    "SELECT sum(m['k']), count() FROM t WHERE a BETWEEN 700 AND 1200",
    "SELECT sum(cityHash64(a, s, u)) FROM t WHERE s = 'word 3' AND u LIKE '%9%'",
];

fn fill(data: &Path) -> Vec<String> {
    let server = Server::start(data);
    let create = "CREATE TABLE t (p UInt8, a UInt64, s LowCardinality(String), u String, \
        f Nullable(Float64), l Array(String), m Map(String, UInt64)) \
        PARTITION BY p ORDER BY a SETTINGS index_granularity = 128";
    server.query(create).good();
    server.query("CREATE VIEW v AS SELECT a FROM t").good();
    for part in 0..3 {
        let insert = format!(
            "INSERT INTO t SELECT {part} % 2, number + {part} * 1000, \
             concat('word ', toString(number % 11)), concat('text of ', toString(number)), \
             if(number % 3 = 0, NULL, number / 4), [toString(number % 5), 'x'], map('k', number) \
             FROM numbers(1000)"
        );
        server.query(&insert).good();
    }
    server.query("OPTIMIZE TABLE t FINAL").good();
    let right = QUESTIONS.map(|question| server.query(question).good()).to_vec();
    server.stop();
    right
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

/// Bytes to flip: the first and last ones, and some between.
fn places(length: usize) -> Vec<usize> {
    let step = (length / 60).max(1);
    let mut places: Vec<usize> = (0..length.min(320)).step_by(16).collect();
    places.extend((0..length).step_by(step).map(|at| at + at % 7).filter(|at| *at < length));
    places.extend((length.saturating_sub(64)..length).step_by(8));
    places
}

fn is_told(answer: &Answer, name: &str) -> bool {
    answer.fails(&["CHECKSUM_DOESNT_MATCH", "CORRUPTED_DATA"]);
    answer.text().contains(name)
}

/// Flips one bit in a copy of the folder; whether somebody noticed.
fn flip(good: &Path, file: &Path, at: usize, right: &[String]) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    copy(good, &data);
    let inside = file.strip_prefix(good).unwrap();
    let mut bytes = fs::read(data.join(inside)).unwrap();
    bytes[at] ^= 1 << (at % 8);
    fs::write(data.join(inside), bytes).unwrap();
    let name = inside.file_name().unwrap().to_str().unwrap();
    let server = match Server::try_start(&data, "") {
        Ok(server) => server,
        Err(log) => {
            assert!(log.contains(name) && !log.contains("panicked"), "{name} byte {at}: {log}");
            assert!(!check(&data).status.success(), "{name} byte {at}");
            return true;
        }
    };
    let mut noticed = false;
    for (question, right) in QUESTIONS.iter().zip(right) {
        let answer = server.query(question);
        if answer.status == 200 {
            assert_eq!(answer.good(), *right, "{name} byte {at}: {question}");
        } else {
            assert!(is_told(&answer, name), "{name} byte {at}: {question}: {}", answer.text());
            noticed = true;
        }
    }
    assert!(!server.log().contains("panicked"), "{name} byte {at}: {}", server.log());
    server.kill();
    let output = check(&data);
    let said = String::from_utf8_lossy(&output.stdout);
    if noticed {
        assert!(!output.status.success(), "{name} byte {at}");
    }
    if !output.status.success() {
        assert!(said.contains(name) && said.contains("default.t"), "{name} byte {at}: {said}");
    }
    noticed || !output.status.success()
}

#[test]
fn a_flipped_bit_in_any_file_is_told_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let good = folder.path().join("good");
    let right = fill(&good);
    let mut kinds = Vec::new();
    for file in files(&good) {
        let length = fs::metadata(&file).unwrap().len() as usize;
        let places = places(length);
        let noticed = places.iter().filter(|at| flip(&good, &file, **at, &right)).count();
        println!("{}: {noticed} of {} flips noticed", file.display(), places.len());
        let kind = file.file_name().unwrap().to_str().unwrap().to_owned();
        match kind.as_str() {
            // Nothing is read from it.
            "LOCK" => assert_eq!(noticed, 0),
            // Free pages may hold anything.
            "catalog.redb" => assert!(noticed > places.len() / 20, "{noticed}"),
            _ => assert_eq!(noticed, places.len(), "every byte of a part has a checksum"),
        }
        kinds.push(kind);
    }
    kinds.dedup();
    assert_eq!(kinds, ["LOCK", "catalog.redb", "0.seg"], "a new kind of file: say what it bears");
}

#[test]
fn a_lost_catalog_is_recovered() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let right = fill(&data);
    let recover =
        || Command::new(binary()).arg("recover").arg("--data").arg(&data).output().unwrap();
    fs::rename(data.join("catalog.redb"), folder.path().join("lost")).unwrap();
    let recovered = recover();
    assert!(recovered.status.success(), "{recovered:?}");
    let server = Server::start(&data);
    for (question, right) in QUESTIONS.iter().zip(right) {
        assert_eq!(server.query(question).good(), right, "{question}");
    }
}

/// After a crash the catalog is repaired; damage must not pass for a commit that was cut short.
#[test]
fn damage_after_a_crash_undoes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let good = folder.path().join("good");
    let server = Server::start(&good);
    server.query("CREATE TABLE t (a UInt64) ORDER BY a").good();
    server.query("INSERT INTO t VALUES (1), (2)").good();
    server.query("INSERT INTO t VALUES (3)").good();
    server.kill();
    for at in (0..320).step_by(3) {
        let data = folder.path().join(format!("copy{at}"));
        copy(&good, &data);
        let path = data.join("catalog.redb");
        let mut bytes = fs::read(&path).unwrap();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&path, bytes).unwrap();
        match Server::try_start(&data, "") {
            Ok(server) => assert_eq!(server.query("SELECT sum(a) FROM t").good(), "6", "byte {at}"),
            Err(log) => assert!(
                log.contains("catalog.redb") && !log.contains("panicked"),
                "byte {at}: {log}"
            ),
        }
    }
}
