//! Ingestion: rows a second and the server's peak memory.
//!
//! 1. Parquet, CSV and JSONEachRow, streamed by curl in chunks; the texts come from another server that
//!    makes them while they are sent, so nothing large is written to disk, and the machine does both.
//! 2. Single rows over some connections through asynchronous inserts, each acknowledged when it is durable;
//!    at the end the server is killed, and every acknowledged row must be there.
//!
//! `cargo bench --bench ingestion -- [FILE.parquet] [ROWS]`: a file of the `hits` table, or rows that
//! are made up where none is given. `GRANARY_BINARY` names another binary to measure.

#![allow(clippy::unwrap_used, reason = "a measurement may end by a panic")]

#[path = "../tests/server/mod.rs"]
mod server;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use server::Server;

/// Connections that insert single rows, and for how long.
const CONNECTIONS: u64 = 8;
const SINGLE_ROWS_TIME: Duration = Duration::from_secs(10);

/// Columns of `hits` that stand for a narrower table.
const CHOSEN: &str = "WatchID, EventTime, EventDate, CounterID, ClientIP, RegionID, UserID, OS, \
    UserAgent, URL, Referer, Title, IsRefresh, ResolutionWidth, ResolutionHeight, SearchPhrase, \
    TraficSourceID, Age, Sex, MobilePhoneModel";

/// Rows where no file is given.
const MADE_UP: &str = "(SELECT number AS id, toDateTime(1700000000 + intDiv(number, 50)) AS t, \
    toDate(t) AS d, toInt32(number % 9000) AS counter, toUInt32(cityHash64(number)) AS ip, \
    toInt64(cityHash64(number % 700000)) AS user, number % 30 AS os, number / 7 AS ratio, \
    concat('https://example.com/', toString(number % 90000), '/', toString(number % 77)) AS url, \
    concat('https://example.org/?q=', toString(cityHash64(number % 400000))) AS referer, \
    if(number % 9 = 0, concat('phrase ', toString(number % 60000)), '') AS phrase FROM numbers(ROWS))";

/// What is read.
struct Rows {
    /// A table expression on the server that makes the texts.
    from: String,
    columns: String,
    count: u64,
    what: String,
}

fn main() {
    // Cargo passes `--bench`.
    let mut arguments = std::env::args().skip(1).filter(|a| !a.starts_with("--"));
    let file = arguments.next().map(PathBuf::from);
    let folder = tempfile::tempdir().unwrap();
    let files = match &file {
        Some(path) => path.canonicalize().unwrap().parent().unwrap().to_owned(),
        None => folder.path().to_owned(),
    };
    let config = format!("files = {}\n", files.display());
    let maker = Server::start_with(&folder.path().join("maker"), &config);
    println!("| what | rows | seconds | rows/s | MB/s | peak, MiB |");
    println!("|---|---|---|---|---|---|");
    let most: u64 = arguments.next().map_or(10_000_000, |rows| rows.parse().unwrap());
    for rows in wanted(&maker, file.as_deref(), most) {
        for format in ["CSV", "JSONEachRow"] {
            stream(folder.path(), &maker, &rows, format);
        }
    }
    if let Some(path) = &file {
        upload(folder.path(), &maker, path);
    } else {
        let rows = &wanted(&maker, None, most)[0];
        stream(folder.path(), &maker, rows, "Parquet");
    }
    drop(maker);
    single_rows(folder.path());
}

fn wanted(maker: &Server, file: Option<&Path>, most: u64) -> Vec<Rows> {
    let Some(path) = file else {
        let from = MADE_UP.replace("ROWS", &most.to_string());
        let what = "11 columns, made up".to_owned();
        return vec![Rows { from, columns: "*".to_owned(), count: most, what }];
    };
    let name = path.file_name().unwrap().to_str().unwrap();
    let from = format!("file('{name}')");
    let count: u64 =
        maker.query(&format!("SELECT count() FROM {from}")).good().parse::<u64>().unwrap();
    let (narrow, wide) = (count.min(most), count.min(most / 10));
    let limited = |rows: u64| {
        if rows < count { format!("(SELECT * FROM {from} LIMIT {rows})") } else { from.clone() }
    };
    vec![
        Rows {
            from: limited(narrow),
            columns: CHOSEN.to_owned(),
            count: narrow,
            what: "20 columns of hits".to_owned(),
        },
        Rows {
            from: limited(wide),
            columns: "*".to_owned(),
            count: wide,
            what: "all columns of hits".to_owned(),
        },
    ]
}

/// A table on `server` with the columns of a query on `maker`.
fn create(server: &Server, maker: &Server, query: &str) {
    let described = maker.query(&format!("DESCRIBE TABLE ({query})")).good();
    let columns: Vec<String> = described
        .lines()
        .map(|line| {
            let mut fields = line.split('\t');
            let (name, data_type) = (fields.next().unwrap(), fields.next().unwrap());
            let data_type =
                data_type.strip_prefix("Nullable(").map_or(data_type, |t| &t[..t.len() - 1]);
            format!("`{name}` {data_type}")
        })
        .collect();
    let key = columns[0].split('`').nth(1).unwrap();
    let create = format!("CREATE TABLE loaded ({}) ORDER BY `{key}`", columns.join(", "));
    server.query(&create).good();
}

fn report(server: &Server, what: &str, rows: u64, bytes: u64, took: Duration) {
    assert_eq!(server.query("SELECT count() FROM loaded").good(), rows.to_string());
    let seconds = took.as_secs_f64();
    println!(
        "| {what} | {rows} | {seconds:.1} | {:.0} | {:.0} | {} |",
        rows as f64 / seconds,
        bytes as f64 / 1e6 / seconds,
        server.peak_memory()
    );
}

/// Sends an answer of `maker` on to a fresh server.
fn stream(folder: &Path, maker: &Server, rows: &Rows, format: &str) {
    let data = folder.join("target");
    let server = Server::start(&data);
    let query = format!("SELECT {} FROM {}", rows.columns, rows.from);
    create(&server, maker, &query);
    let started = Instant::now();
    let mut from = Command::new("curl")
        .args(["-sSN", "--fail", "--data-binary", &format!("{query} FORMAT {format}")])
        .arg(format!("http://{}/", maker.address))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let into = format!("http://{}/?query=INSERT+INTO+loaded+FORMAT+{format}", server.address);
    // Without a length curl sends chunks.
    let mut to = Command::new("curl")
        .args(["-sS", "--fail-with-body", "-X", "POST", "-T", "-", "-w", "%{size_upload}", &into])
        .stdin(from.stdout.take().unwrap())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    to.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(to.wait().unwrap().success(), "{said}");
    let took = started.elapsed();
    assert!(from.wait().unwrap().success());
    let bytes = said.trim().parse().unwrap();
    report(&server, &format!("{format}, {}", rows.what), rows.count, bytes, took);
    server.kill();
    std::fs::remove_dir_all(&data).unwrap();
}

/// Sends a Parquet file.
fn upload(folder: &Path, maker: &Server, path: &Path) {
    let data = folder.join("target");
    let server = Server::start(&data);
    let name = path.file_name().unwrap().to_str().unwrap();
    create(&server, maker, &format!("SELECT * FROM file('{name}')"));
    let into = format!("http://{}/?query=INSERT+INTO+loaded+FORMAT+Parquet", server.address);
    let started = Instant::now();
    let sent = Command::new("curl")
        .args(["-sS", "--fail-with-body", "-X", "POST", "-H", "Transfer-Encoding: chunked", "-T"])
        .arg(path)
        .arg(&into)
        .output()
        .unwrap();
    let took = started.elapsed();
    assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stdout));
    let rows = server.query("SELECT count() FROM loaded").good().parse().unwrap();
    let bytes = std::fs::metadata(path).unwrap().len();
    report(&server, "Parquet, all columns of hits", rows, bytes, took);
    server.kill();
    std::fs::remove_dir_all(&data).unwrap();
}

/// Inserts a row and waits until it is acknowledged.
fn insert_one(stream: &mut BufReader<TcpStream>, row: u64) {
    let body = format!("{row}\tsome text of row {row}\t{}\n", row / 7);
    let request = format!(
        "POST /?query=INSERT+INTO+single+FORMAT+TSV&async_insert=1&wait_for_async_insert=1 HTTP/1.1\r\n\
         Host: x\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.get_mut().write_all(request.as_bytes()).unwrap();
    let (mut line, mut length) = (String::new(), 0);
    stream.read_line(&mut line).unwrap();
    assert!(line.starts_with("HTTP/1.1 200"), "{line}");
    while line != "\r\n" {
        line.clear();
        stream.read_line(&mut line).unwrap();
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut rest = vec![0; length];
    stream.read_exact(&mut rest).unwrap();
}

fn single_rows(folder: &Path) {
    let data = folder.join("single");
    let server = Server::start(&data);
    server.query("CREATE TABLE single (n UInt64, s String, m UInt32) ORDER BY n").good();
    let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let started = Instant::now();
    let mut waits: Vec<Duration> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                scope.spawn(|| {
                    let stream = server.connect();
                    stream.set_nodelay(true).unwrap();
                    let mut stream = BufReader::new(stream);
                    let mut waits = Vec::new();
                    while !stop.load(Ordering::Relaxed) {
                        let sent = Instant::now();
                        insert_one(&mut stream, next.fetch_add(1, Ordering::Relaxed));
                        waits.push(sent.elapsed());
                    }
                    waits
                })
            })
            .collect();
        std::thread::sleep(SINGLE_ROWS_TIME);
        stop.store(true, Ordering::Relaxed);
        all.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let took = started.elapsed().as_secs_f64();
    let peak = server.peak_memory();
    server.kill();
    let server = Server::start(&data);
    let expected = waits.len() as u64;
    let found = server.query("SELECT count(), uniqExact(n), sum(n) FROM single").good();
    assert_eq!(found, format!("{expected}\t{expected}\t{}", expected * (expected - 1) / 2));
    waits.sort_unstable();
    let at = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
    println!(
        "\n{expected} single-row inserts over {CONNECTIONS} connections in {took:.1} s: {:.0} a second, \
         each durable; waits of {:.1} ms (median), {:.1} ms (99%), {:.1} ms (most); peak {peak} MiB; all \
         there after kill -9",
        expected as f64 / took,
        at(0.5),
        at(0.99),
        at(1.0)
    );
}
