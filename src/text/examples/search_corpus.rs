//! Indexes a corpus of documents and measures queries over it.
//!
//! ```text
//! search_corpus build DOCS.jsonl OUT_DIR [BUDGET_MIB]
//! search_corpus merge OUT_DIR PARTS
//! ```
#![allow(clippy::unwrap_used, reason = "a program for measurements may fail by a panic")]

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use bytes::Bytes;
use serde::Deserialize;
use granary_text::{Analyzer, Index, IndexBuilder, IndexOptions, MemoryRuns, RowMap, Source};

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
    let (began, cpu) = (Instant::now(), cpu_seconds());
    let analyzer = Analyzer::new("default").unwrap();
    let runs = Box::new(MemoryRuns::default());
    let mut builder = IndexBuilder::new(analyzer, IndexOptions::default(), budget << 20, runs);
    for text in &texts {
        builder.add(text.as_bytes()).unwrap();
    }
    println!("collected: {:.2} CPU s, {} MiB", cpu_seconds() - cpu, builder.most_held() >> 20);
    let mut bytes = Vec::new();
    builder.finish(&mut bytes).unwrap();
    let took = cpu_seconds() - cpu;
    fs::write(out.join("index"), &bytes).unwrap();
    let index = Index::open(bytes.into()).unwrap();
    println!("built: {took:.2} CPU s, {:.2} s, {:?}", began.elapsed().as_secs_f64(), index.size());
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
    granary_text::merge(&sources, rows, &IndexOptions::default(), &mut bytes).unwrap();
    println!("merged: {:.2} CPU s, {:.2} s", cpu_seconds() - cpu, began.elapsed().as_secs_f64());
    println!("same as built at once: {}", bytes == fs::read(out.join("index")).unwrap());
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["build", docs, out] => build(docs, Path::new(out), 1 << 12),
        ["build", docs, out, budget] => build(docs, Path::new(out), budget.parse().unwrap()),
        ["merge", out] => merge(Path::new(out)),
        _ => eprintln!("see the head of the source"),
    }
}
