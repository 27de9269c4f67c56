//! Indexes a corpus of documents and measures queries over it.
//!
//! ```text
//! search_corpus build DOCS.jsonl OUT_DIR [BUDGET_MIB]
//! search_corpus merge OUT_DIR
//! search_corpus queries OUT_DIR text_queries.json [CLASS ...]
//! search_corpus filters OUT_DIR text_queries.json [CLASS ...]
//! search_corpus rank DOCS.jsonl QUERIES.jsonl ANALYZER
//! ```
//!
//! A query's time is the fastest of its runs, a class's the median over its queries, in
//! microseconds; every answer is one JSON object a line. `wrong` counts queries whose number of
//! matches is not the exact one. `rank` prints query, document and score of the best thousand
//! documents (`id`, `title`, `text`) for any of the words of each query (`id`, `text`).
#![allow(clippy::unwrap_used, reason = "a program for measurements may fail by a panic")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use granary_text::{
    Analyzer, Index, IndexBuilder, IndexOptions, MemoryRuns, Query, Restriction, RowMap, RowSet,
    Searcher, Source, Statistics,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Row {
    ts: String,
    category: String,
    price: f64,
    text: String,
}

fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

fn open(path: &Path) -> Index {
    let file = File::open(path).unwrap();
    // SAFETY: nothing writes the file while this program runs.
    let map = unsafe { memmap2::Mmap::map(&file) }.unwrap();
    Index::open(Bytes::from_owner(map)).unwrap()
}

fn build(docs: &str, out: &Path, budget: usize) {
    fs::create_dir_all(out).unwrap();
    let mut texts = Vec::new();
    let mut columns = std::io::BufWriter::new(File::create(out.join("columns.tsv")).unwrap());
    for line in fs::read_to_string(docs).unwrap().lines() {
        let row: Row = serde_json::from_str(line).unwrap();
        writeln!(columns, "{}\t{}\t{}", row.ts, row.price, row.category).unwrap();
        texts.push(row.text);
    }
    columns.flush().unwrap();
    let (began, cpu) = (Instant::now(), cpu_seconds());
    let analyzer = Analyzer::new("default").unwrap();
    let runs = Box::new(MemoryRuns::default());
    let mut builder = IndexBuilder::new(analyzer, IndexOptions::default(), budget << 20, runs);
    for text in &texts {
        builder.add(text.as_bytes()).unwrap();
    }
    println!("collected: {:.2} CPU s", cpu_seconds() - cpu);
    let mut bytes = Vec::new();
    let held = builder.finish(&mut bytes).unwrap();
    let took = cpu_seconds() - cpu;
    fs::write(out.join("index"), &bytes).unwrap();
    let index = Index::open(bytes.into()).unwrap();
    let wall = began.elapsed().as_secs_f64();
    println!("built: {took:.2} CPU s, {wall:.2} s, {} MiB held, {:?}", held >> 20, index.size());
    let (began, cpu) = (Instant::now(), cpu_seconds());
    index.check().unwrap();
    println!("checked: {:.2} CPU s, {:.2} s", cpu_seconds() - cpu, began.elapsed().as_secs_f64());
    // The same rows in ten parts.
    for part in 0..10 {
        let runs = Box::new(MemoryRuns::default());
        let analyzer = Analyzer::new("default").unwrap();
        let mut builder = IndexBuilder::new(analyzer, IndexOptions::default(), 1 << 30, runs);
        for text in texts.iter().skip(part).step_by(10) {
            builder.add(text.as_bytes()).unwrap();
        }
        let mut bytes = Vec::new();
        builder.finish(&mut bytes).unwrap();
        fs::write(out.join(format!("part{part}")), &bytes).unwrap();
    }
    println!("ten parts: {:.2} CPU s", cpu_seconds() - cpu);
}

/// Merges the ten parts, the rows of which were dealt out in turn.
fn merge(out: &Path) {
    let parts: Vec<Index> = (0..10).map(|part| open(&out.join(format!("part{part}")))).collect();
    let maps: Vec<Vec<u32>> = parts
        .iter()
        .enumerate()
        .map(|(part, index)| (0..index.rows()).map(|row| row * 10 + part as u32).collect())
        .collect();
    let rows = parts.iter().map(Index::rows).sum();
    let sources: Vec<_> = parts
        .iter()
        .zip(&maps)
        .map(|(index, map)| Source { index, rows: RowMap::Rows(map) })
        .collect();
    let (began, cpu) = (Instant::now(), cpu_seconds());
    let mut bytes = Vec::new();
    let mut runs = MemoryRuns::default();
    let aside = runs.aside(4 << 20);
    let held =
        granary_text::merge(&sources, rows, &IndexOptions::default(), aside, &mut bytes).unwrap();
    let (cpu, wall) = (cpu_seconds() - cpu, began.elapsed().as_secs_f64());
    println!("merged: {cpu:.2} CPU s, {wall:.2} s, {} MiB held", held >> 20);
    println!("same as built at once: {}", bytes == fs::read(out.join("index")).unwrap());
    let mut first = 0;
    let behind = parts.iter().map(|index| {
        let rows = RowMap::Offset(first);
        first += index.rows();
        Source { index, rows }
    });
    let sources: Vec<_> = behind.collect();
    let (began, cpu) = (Instant::now(), cpu_seconds());
    bytes.clear();
    let mut runs = MemoryRuns::default();
    let aside = runs.aside(4 << 20);
    granary_text::merge(&sources, rows, &IndexOptions::default(), aside, &mut bytes).unwrap();
    let (cpu, wall) = (cpu_seconds() - cpu, began.elapsed().as_secs_f64());
    println!("merged, one part behind the other: {cpu:.2} CPU s, {wall:.2} s");
}

#[derive(Deserialize)]
struct Suite {
    filters: Vec<Filter>,
    queries: Vec<Question>,
}

#[derive(Deserialize)]
struct Filter {
    name: String,
    #[serde(rename = "where")]
    condition: String,
    rows: u64,
}

#[derive(Deserialize)]
struct Question {
    class: String,
    op: String,
    terms: Vec<String>,
    count: u64,
    filtered: BTreeMap<String, u64>,
}

impl Question {
    fn query(&self) -> Query {
        let terms = || self.terms.iter().map(Query::term).collect();
        match self.op.as_str() {
            "phrase" => Query::phrase(&self.terms, 0),
            "and" => Query::and(terms()),
            _ => Query::or(terms()),
        }
    }
}

/// The rows that meet a filter's condition.
fn filter_rows(filter: &Filter, columns: &[(i64, f64, String)]) -> RowSet {
    let sql = filter.condition.as_str();
    let mut set = RowSet::new(columns.len() as u32);
    let number = |text: &str| -> i64 {
        let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap()
    };
    let bounds: Vec<i64> = sql.split("toDateTime(").skip(1).map(number).collect();
    for (row, (seconds, price, category)) in columns.iter().enumerate() {
        let meets = if let Some(limit) = sql.strip_prefix("price < ") {
            *price < limit.parse::<f64>().unwrap()
        } else if let Some(quoted) = sql.strip_prefix("category = ") {
            category == quoted.trim_matches('\'')
        } else {
            (bounds[0]..bounds[1]).contains(seconds)
        };
        if meets {
            set.insert(row as u32);
        }
    }
    assert_eq!(set.count(), filter.rows, "{}", filter.name);
    set
}

/// Seconds since 1970 of `2024-05-06 07:08:09`.
fn seconds(text: &str) -> i64 {
    let part = |from: usize, to: usize| text[from..to].parse::<i64>().unwrap();
    let (year, month, day) = (part(0, 4), part(5, 7), part(8, 10));
    // Days from civil, years beginning in March.
    let shifted = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = 365 * shifted + shifted / 4 - shifted / 100 + shifted / 400 + of_year - 719_468;
    days * 86_400 + part(11, 13) * 3600 + part(14, 16) * 60 + part(17, 19)
}

fn fastest(mut run: impl FnMut() -> u64) -> f64 {
    run();
    run();
    let (began, mut best) = (Instant::now(), f64::MAX);
    for done in 0..60 {
        if done >= 9 && began.elapsed() > Duration::from_millis(100) {
            break;
        }
        let start = Instant::now();
        black_box(run());
        best = best.min(start.elapsed().as_secs_f64() * 1e6);
    }
    (best * 1000.0).round() / 1000.0
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len() - 1;
    (sorted[last / 2] + sorted[sorted.len() / 2]) / 2.0
}

fn print(filter: Option<&str>, class: &str, wrong: usize, times: &BTreeMap<&str, Vec<f64>>) {
    let medians: BTreeMap<_, _> = times.iter().map(|(way, t)| (*way, median(t))).collect();
    println!(
        "{}",
        serde_json::json!({"filter": filter, "class": class, "wrong": wrong,
            "queries": times.values().next().map_or(0, Vec::len), "median_us": medians,
            "each_us": times})
    );
}

/// Statistics are gathered within the time: they are a part of asking.
fn queries(out: &Path, suite: &str, classes: &[&str], filtered: bool) {
    let index = open(&out.join("index"));
    let fields = [&index];
    let suite: Suite = serde_json::from_str(&fs::read_to_string(suite).unwrap()).unwrap();
    let mut all: Vec<&str> = suite.queries.iter().map(|q| q.class.as_str()).collect();
    all.dedup();
    let usual = ["term_high", "and2_dense", "or3", "or5_dense", "phrase2"];
    let classes = match classes {
        [] if filtered => usual.to_vec(),
        [] => all,
        named => named.to_vec(),
    };
    if !filtered {
        for class in classes {
            let asked = suite.queries.iter().filter(|q| q.class == class);
            ask(&Searcher::new(&fields), &fields, None, class, &asked.collect::<Vec<_>>());
        }
        return;
    }
    let text = fs::read_to_string(out.join("columns.tsv")).unwrap();
    let columns: Vec<(i64, f64, String)> = text
        .lines()
        .map(|line| {
            let cells: Vec<&str> = line.split('\t').collect();
            (seconds(cells[0]), cells[1].parse().unwrap(), cells[2].to_string())
        })
        .collect();
    for filter in &suite.filters {
        let set = filter_rows(filter, &columns);
        let restriction = Restriction { filter: Some(&set), deleted: None };
        let searcher = Searcher::new(&fields).with_restriction(restriction);
        for class in &classes {
            let asked = suite.queries.iter().filter(|q| q.class == *class).take(10);
            ask(&searcher, &fields, Some(&filter.name), class, &asked.collect::<Vec<_>>());
        }
    }
}

fn ask(
    searcher: &Searcher<'_>,
    fields: &[&Index],
    filter: Option<&str>,
    class: &str,
    asked: &[&Question],
) {
    let mut times: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut wrong = 0;
    for question in asked {
        let query = question.query();
        let statistics = || Statistics::of_part(fields, &query).unwrap();
        let top = || searcher.top(&query, &statistics(), 10, None).unwrap();
        let count = || searcher.count(&query).unwrap();
        let both = || searcher.top_and_count(&query, &statistics(), 10, None).unwrap();
        let exact = filter.map_or(question.count, |name| question.filtered[name]);
        let scored: Vec<_> = searcher.rows(&query).unwrap().iter().collect();
        let scores = searcher.score_rows(&query, &statistics(), &scored).unwrap();
        let mut best: Vec<_> = scored.iter().zip(&scores).collect();
        best.sort_by(|a, b| b.1.total_cmp(a.1).then(a.0.cmp(b.0)));
        let expected: Vec<u32> = best.iter().take(10).map(|(row, _)| **row).collect();
        let found: Vec<u32> = top().iter().map(|hit| hit.row).collect();
        let right = count() == exact && both().1 == exact && found == expected;
        if !right {
            eprintln!(
                "{filter:?} {:?}: {} of {exact}, {found:?}, expected {expected:?}",
                question.terms,
                count()
            );
        }
        wrong += usize::from(!right);
        times.entry("top10").or_default().push(fastest(|| top().len() as u64));
        times.entry("count").or_default().push(fastest(&count));
        times.entry("top10_count").or_default().push(fastest(|| both().1));
    }
    print(filter, class, wrong, &times);
}

#[derive(Deserialize)]
struct Judged {
    id: serde_json::Value,
    #[serde(default)]
    title: String,
    text: String,
}

fn rank(docs: &str, queries: &str, analyzer: &str) {
    let read = |path: &str| -> Vec<Judged> {
        let text = fs::read_to_string(path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let docs = read(docs);
    let analyzer = Analyzer::new(analyzer).unwrap();
    let runs = Box::new(MemoryRuns::default());
    let mut builder = IndexBuilder::new(analyzer.clone(), IndexOptions::default(), 1 << 30, runs);
    for doc in &docs {
        builder.add(format!("{} {}", doc.title, doc.text).trim().as_bytes()).unwrap();
    }
    let mut bytes = Vec::new();
    builder.finish(&mut bytes).unwrap();
    let index = Index::open(bytes.into()).unwrap();
    for asked in read(queries) {
        let words = analyzer.tokens(asked.text.as_bytes());
        let query = Query::or(words.into_iter().map(Query::term).collect());
        let statistics = Statistics::of_part(&[&index], &query).unwrap();
        for hit in Searcher::new(&[&index]).top(&query, &statistics, 1000, None).unwrap() {
            println!("{}\t{}\t{}", asked.id, docs[hit.row as usize].id, hit.score);
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["build", docs, out] => build(docs, Path::new(out), 1 << 12),
        ["build", docs, out, budget] => build(docs, Path::new(out), budget.parse().unwrap()),
        ["merge", out] => merge(Path::new(out)),
        ["rank", docs, queries, analyzer] => rank(docs, queries, analyzer),
        ["queries", out, suite, ref classes @ ..] => queries(Path::new(out), suite, classes, false),
        ["filters", out, suite, ref classes @ ..] => queries(Path::new(out), suite, classes, true),
        _ => eprintln!("see the head of the source"),
    }
}
