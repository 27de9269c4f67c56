//! Speed of the room's parts on an invented corpus: analysis, building, merging, searches.
#![allow(clippy::unwrap_used, reason = "a benchmark may fail by a panic")]

use std::fmt::Write;
use std::sync::LazyLock;

use divan::{Bencher, black_box};
use granary_text::{
    Analyzer, Index, IndexBuilder, IndexOptions, MemoryRuns, Query, Restriction, RowMap, RowSet,
    Searcher, Source, Statistics, merge,
};

const ROWS: usize = 100_000;

fn main() {
    divan::main();
}

/// Texts of 60 words, the n-th word with a probability of about 1 / n.
static TEXTS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut state = 88_172_645_463_325_252u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let text = |_| {
        (0..60).fold(String::new(), |mut text, _| {
            let word = (50_000f64.powf(random())) as u32;
            write!(text, "w{word} ").unwrap();
            text
        })
    };
    (0..ROWS).map(text).collect()
});

fn build(texts: &[String]) -> Vec<u8> {
    let analyzer = Analyzer::new("default").unwrap();
    let runs = Box::new(MemoryRuns::default());
    let mut builder = IndexBuilder::new(analyzer, IndexOptions::default(), 1 << 30, runs);
    texts.iter().for_each(|text| builder.add(text.as_bytes()).unwrap());
    let mut bytes = Vec::new();
    builder.finish(&mut bytes).unwrap();
    bytes
}

static INDEX: LazyLock<Index> = LazyLock::new(|| Index::open(build(&TEXTS).into()).unwrap());

#[divan::bench(args = ["default", "unicode", "english", "ngrams(3)"], sample_count = 10)]
fn analyze(bencher: Bencher<'_, '_>, tokenizer: &str) {
    let analyzer = Analyzer::new(tokenizer).unwrap();
    bencher.bench(|| {
        let mut count = 0;
        let mut stream = analyzer.stream();
        for text in &TEXTS[..1000] {
            stream.push(text.as_bytes(), &mut |token| count += black_box(token.text.len()));
            stream.finish(&mut |token| count += black_box(token.text.len()));
        }
        count
    });
}

#[divan::bench(sample_count = 5)]
fn build_index() -> Vec<u8> {
    build(&TEXTS)
}

#[divan::bench(sample_count = 5)]
fn merge_ten(bencher: Bencher<'_, '_>) {
    let parts: Vec<Index> =
        TEXTS.chunks(ROWS / 10).map(|texts| Index::open(build(texts).into()).unwrap()).collect();
    bencher.bench(|| {
        let mut first = 0;
        let mut sources = Vec::new();
        for index in &parts {
            sources.push(Source { index, rows: RowMap::Offset(first) });
            first += index.rows();
        }
        let mut bytes = Vec::new();
        let mut runs = MemoryRuns::default();
        let aside = runs.aside(usize::MAX);
        merge(&sources, first, &IndexOptions::default(), aside, &mut bytes).unwrap();
        bytes
    });
}

fn queries() -> Vec<(&'static str, Query)> {
    let terms = |words: &[&str]| words.iter().map(Query::term).collect::<Vec<_>>();
    vec![
        ("term", Query::term("w10")),
        ("and", Query::and(terms(&["w50", "w60"]))),
        ("or", Query::or(terms(&["w50", "w60", "w5"]))),
        ("phrase", Query::phrase(&["w1", "w2"], 0)),
    ]
}

#[divan::bench(args = [0, 1, 2, 3])]
fn top_ten(bencher: Bencher<'_, '_>, query: usize) {
    let (_, query) = queries().remove(query);
    let fields = [&*INDEX];
    let statistics = Statistics::of_part(&fields, &query).unwrap();
    bencher.bench(|| Searcher::new(&fields).top(&query, &statistics, 10, None).unwrap());
}

#[divan::bench(args = [0, 1, 2, 3])]
fn top_ten_of_a_tenth(bencher: Bencher<'_, '_>, query: usize) {
    let (_, query) = queries().remove(query);
    let fields = [&*INDEX];
    let mut filter = RowSet::new(ROWS as u32);
    (0..ROWS as u32).filter(|row| row * 7 % 10 == 3).for_each(|row| filter.insert(row));
    let restriction = Restriction { filter: Some(&filter), deleted: None };
    let searcher = Searcher::new(&fields).with_restriction(restriction);
    let statistics = Statistics::of_part(&fields, &query).unwrap();
    bencher.bench(|| searcher.top(&query, &statistics, 10, None).unwrap());
}

#[divan::bench(args = [0, 1, 2, 3])]
fn count(bencher: Bencher<'_, '_>, query: usize) {
    let (_, query) = queries().remove(query);
    let fields = [&*INDEX];
    bencher.bench(|| Searcher::new(&fields).count(&query).unwrap());
}
