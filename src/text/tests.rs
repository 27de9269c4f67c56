//! Indexes against scans: random texts and queries have the same answers and scores, in one part
//! and in several, before and after merges, with rows dropped, deleted and filtered. Damaged
//! indexes give errors and never panic.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use crate::coding::u32_at;
use crate::file::Footer;
use crate::{
    Analyzer, Bm25, Edits, Hit, Index, IndexBuilder, IndexOptions, MemoryRuns, Pattern, PhraseTerm,
    Query, Restriction, RowMap, RowSet, ScanQuery, Searcher, SharedThreshold, Source, Statistics,
    merge,
};

const WORDS: [&str; 12] =
    ["a", "ab", "abc", "b", "ba", "bab", "grün", "x", "xyz", "xyzzy", "1", "the"];

fn build(texts: &[Option<String>], budget: usize) -> Index {
    let analyzer = Analyzer::new("default").unwrap();
    let runs = Box::new(MemoryRuns::default());
    let mut builder = IndexBuilder::new(analyzer, IndexOptions::default(), budget, runs);
    for text in texts {
        match text {
            Some(text) => builder.add(text.as_bytes()).unwrap(),
            None => builder.add_absent().unwrap(),
        }
    }
    let mut bytes = Vec::new();
    builder.finish(&mut bytes).unwrap();
    Index::open(bytes.into()).unwrap()
}

fn text() -> impl Strategy<Value = Option<String>> {
    let words = prop::collection::vec(prop::sample::select(&WORDS[..]), 0..12);
    prop_oneof![9 => words.prop_map(|words| Some(words.join(" "))), 1 => Just(None)]
}

fn word() -> impl Strategy<Value = Vec<u8>> {
    prop::sample::select(&WORDS[..]).prop_map(|word| word.as_bytes().to_vec())
}

fn pattern() -> impl Strategy<Value = Pattern> {
    prop_oneof![
        word().prop_map(Pattern::Prefix),
        prop::sample::select(&["a*", "?b*", "x*z", "*", "gr?n"][..])
            .prop_map(|wildcard| Pattern::Wildcard(wildcard.into())),
        prop::sample::select(&["[ab]+", "x.*", "a|grün", "nothing"][..])
            .prop_map(|regex| Pattern::Regex(regex.into())),
        (word(), 0u8..3, 0usize..3).prop_map(|(term, edits, exact)| {
            Pattern::Fuzzy { term, edits: Edits::Exactly(edits), exact }
        }),
    ]
}

fn leaf() -> impl Strategy<Value = Query> {
    let phrase = (prop::collection::vec((word(), 0u32..2), 1..4), any::<bool>(), 0u32..4);
    prop_oneof![
        8 => word().prop_map(Query::term),
        3 => pattern().prop_map(|pattern| Query::Pattern { field: 0, pattern }),
        4 => phrase.prop_map(|(words, prefix, slop)| {
            let last = words.len() - 1;
            let mut offset = 0;
            let terms = words.into_iter().enumerate().map(|(index, (term, gap))| {
                offset += if index > 0 { 1 + gap } else { 0 };
                PhraseTerm { term, prefix: prefix && index == last, offset }
            });
            Query::Phrase { field: 0, terms: terms.collect(), slop }
        }),
        1 => Just(Query::All),
        1 => Just(Query::None),
    ]
}

fn query() -> impl Strategy<Value = Query> {
    leaf().prop_recursive(3, 16, 4, |inner| {
        let some = |from: usize| prop::collection::vec(inner.clone(), from..4);
        prop_oneof![
            4 => some(1).prop_map(Query::or),
            3 => some(1).prop_map(Query::and),
            2 => (some(0), some(0), some(0), 0usize..3).prop_map(|(must, should, must_not, at)| {
                Query::Bool { must, should, must_not, at_least: at }
            }),
            1 => (some(1), prop::sample::select(vec![0.0, 0.5]))
                .prop_map(|(queries, share)| Query::Best { queries, share }),
            1 => (inner.clone(), prop::sample::select(vec![0.0, 0.5, 2.0])).prop_map(|(query, factor)| query.boost(factor)),
            1 => inner.clone().prop_map(|query| Query::Constant(Box::new(query), 1.5)),
        ]
    })
}

/// What scans say of each row.
fn scan(texts: &[Option<String>], query: &Query, statistics: &Statistics) -> Vec<Option<f64>> {
    let analyzer = [Analyzer::new("default").unwrap()];
    let mut scan = ScanQuery::new(query, &analyzer, Some(statistics), Bm25::default()).unwrap();
    texts.iter().map(|text| scan.score(&[text.as_ref().map(String::as_bytes)])).collect()
}

/// The figures of texts without an index.
fn scan_statistics(texts: &[Option<String>], query: &Query) -> Statistics {
    let analyzer = [Analyzer::new("default").unwrap()];
    let mut scan = ScanQuery::new(query, &analyzer, None, Bm25::default()).unwrap();
    let mut statistics = Statistics::default();
    for text in texts {
        scan.add_statistics(&[text.as_ref().map(String::as_bytes)], &mut statistics);
    }
    statistics
}

/// Compares all that a search over one index says with what scans say.
fn check_part(index: &Index, scanned: &[Option<f64>], query: &Query, statistics: &Statistics) {
    let fields = [index];
    let rows = scanned.len() as u32;
    let filter =
        RowSet::from_words((0..rows.div_ceil(64)).map(|i| !0x9249 << (i % 7)).collect(), rows);
    let mut deleted = RowSet::new(rows);
    (0..rows).step_by(5).for_each(|row| deleted.insert(row));
    for restriction in [
        Restriction::default(),
        Restriction { filter: Some(&filter), deleted: None },
        Restriction { filter: None, deleted: Some(&deleted) },
        Restriction { filter: Some(&filter), deleted: Some(&deleted) },
    ] {
        let accepted = |row: u32| {
            restriction.filter.is_none_or(|set| set.contains(row))
                && !restriction.deleted.is_some_and(|set| set.contains(row))
        };
        let mut hits: Vec<Hit> = (0..rows)
            .filter(|row| accepted(*row))
            .filter_map(|row| scanned[row as usize].map(|score| Hit { row, score }))
            .collect();
        let searcher = Searcher::new(&fields).with_restriction(restriction);
        assert_eq!(searcher.count(query).unwrap(), hits.len() as u64, "count");
        let matching: Vec<u32> = hits.iter().map(|hit| hit.row).collect();
        assert_eq!(searcher.rows(query).unwrap().iter().collect::<Vec<_>>(), matching, "rows");
        hits.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.row.cmp(&b.row)));
        for wanted in [0, 1, 3, 10, 1000] {
            let (found, count) = searcher.top_and_count(query, statistics, wanted, None).unwrap();
            assert_eq!(count, hits.len() as u64, "count beside the best");
            assert_eq!(found, hits[..wanted.min(hits.len())], "the best {wanted}");
            assert_eq!(searcher.top(query, statistics, wanted, None).unwrap(), found);
        }
    }
    let all: Vec<u32> = (0..rows).collect();
    let scores = Searcher::new(&fields).score_rows(query, statistics, &all).unwrap();
    let expected: Vec<f64> = scanned.iter().map(|score| score.unwrap_or(0.0)).collect();
    assert_eq!(scores, expected, "scores of given rows");
    if let Some(row) = scanned.iter().position(Option::is_some) {
        let explained = Searcher::new(&fields).explain(query, statistics, row as u32).unwrap();
        assert_eq!(Some(explained.unwrap().score), scanned[row], "the explained score");
    }
}

/// Splits texts into parts, compares each, merges them without some rows, compares again.
fn check(texts: &[Option<String>], query: &Query, parts: usize) {
    let chunks: Vec<&[Option<String>]> = texts.chunks(texts.len().div_ceil(parts).max(1)).collect();
    let indexes: Vec<Index> = chunks.iter().map(|texts| build(texts, 4 << 20)).collect();
    let references: Vec<[&Index; 1]> = indexes.iter().map(|index| [index]).collect();
    let statistics = Statistics::of_parts(references.iter().map(|part| &part[..]), query).unwrap();
    assert_eq!(statistics.fields[0].rows, scan_statistics(texts, query).fields[0].rows);
    let scanned = scan(texts, query, &statistics);
    assert_eq!(scan(texts, query, &scan_statistics(texts, query)), scanned, "figures of scans");
    let shared = SharedThreshold::default();
    let (mut first, mut together) = (0, Vec::new());
    for (texts, index) in chunks.iter().zip(&indexes) {
        let of_part = &scanned[first..first + texts.len()];
        check_part(index, of_part, query, &statistics);
        let hits = Searcher::new(&[index]).top(query, &statistics, 3, Some(&shared)).unwrap();
        together.extend(hits.into_iter().map(|hit| (hit.score, first as u32 + hit.row)));
        first += texts.len();
    }
    together.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    together.truncate(3);
    let mut expected: Vec<_> =
        scanned.iter().zip(0..).filter_map(|(score, row)| Some(((*score)?, row))).collect();
    expected.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    expected.truncate(3);
    assert_eq!(together, expected, "the best of all parts");
    check_merged(texts, &indexes, query);
}

/// Merges parts, dealing their rows out in turn and dropping some.
fn check_merged(texts: &[Option<String>], indexes: &[Index], query: &Query) {
    let (mut maps, mut merged_texts) = (Vec::new(), Vec::new());
    let mut starts = Vec::new();
    let mut start = 0;
    for index in indexes {
        maps.push(vec![RowMap::DROPPED; index.rows() as usize]);
        starts.push(start);
        start += index.rows() as usize;
    }
    let longest = indexes.iter().map(|index| index.rows()).max().unwrap_or(0) as usize;
    for row in 0..longest {
        for (part, map) in maps.iter_mut().enumerate() {
            if row < map.len() && (row + part) % 4 != 1 {
                map[row] = merged_texts.len() as u32;
                merged_texts.push(texts[starts[part] + row].clone());
            }
        }
    }
    let sources: Vec<_> = indexes
        .iter()
        .zip(&maps)
        .map(|(index, map)| Source { index, rows: RowMap::Rows(map) })
        .collect();
    let mut bytes = Vec::new();
    let rows = merged_texts.len() as u32;
    let mut runs = MemoryRuns::default();
    merge(&sources, rows, &IndexOptions::default(), runs.aside(0), &mut bytes).unwrap();
    let merged = Index::open(Bytes::from(bytes)).unwrap();
    merged.check().unwrap();
    assert_eq!(merged.size(), build(&merged_texts, 4 << 20).size(), "merged as if built");
    let statistics = Statistics::of_part(&[&merged], query).unwrap();
    check_part(&merged, &scan(&merged_texts, query, &statistics), query, &statistics);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn indexes_answer_as_scans(texts in prop::collection::vec(text(), 1..60), query in query(),
                               parts in 1usize..4) {
        check(&texts, &query, parts);
    }

    #[test]
    fn damage_is_an_error(flips in prop::collection::vec((any::<prop::sample::Index>(), 1u8..), 1..4),
                          mended: bool, query in query()) {
        let texts = many_texts(600);
        let whole = build(&texts, 1 << 30);
        let statistics = Statistics::of_part(&[&whole], &query).unwrap();
        let fields = [&whole];
        let expected = Searcher::new(&fields).top_and_count(&query, &statistics, 5, None).unwrap();
        let mut bytes = bytes_of(&texts);
        for (place, flip) in &flips {
            let place = place.index(bytes.len());
            bytes[place] ^= flip;
        }
        if mended {
            mend(&mut bytes);
        }
        let Ok(index) = Index::open(bytes.into()) else { return Ok(()) };
        prop_assert!(mended || index.check().is_err() || expected.1 > 0 || expected.1 == 0);
        let fields = [&index];
        let found = Statistics::of_part(&fields, &query)
            .and_then(|_| Searcher::new(&fields).top_and_count(&query, &statistics, 5, None));
        let _ = Searcher::new(&fields).rows(&query);
        let _ = merge(&[Source { index: &index, rows: RowMap::Offset(0) }], index.rows(),
                      &IndexOptions::default(), MemoryRuns::default().aside(0), &mut Vec::new());
        if let (false, Ok(found)) = (mended, found) {
            prop_assert_eq!(found, expected);
        }
    }
}

fn many_texts(count: usize) -> Vec<Option<String>> {
    let words = |row: usize| {
        (0..row % 9 + 1).map(move |word| WORDS[(row * 7 + word * word * 3 + row / 5) % WORDS.len()])
    };
    (0..count).map(|row| Some(words(row).collect::<Vec<_>>().join(" "))).collect()
}

fn bytes_of(texts: &[Option<String>]) -> Vec<u8> {
    let analyzer = Analyzer::new("default").unwrap();
    let runs = Box::new(MemoryRuns::default());
    let mut builder = IndexBuilder::new(analyzer, IndexOptions::default(), 1 << 30, runs);
    texts.iter().for_each(|text| builder.add(text.as_ref().unwrap().as_bytes()).unwrap());
    let mut bytes = Vec::new();
    builder.finish(&mut bytes).unwrap();
    bytes
}

/// Makes the checksums right again, so that what decodes the bytes meets the damage.
fn mend(bytes: &mut [u8]) {
    let Ok((footer, start)) = Footer::read(bytes) else { return };
    let covered = footer.index_end as usize;
    let table: Vec<u8> =
        bytes[..covered].chunks(64 * 1024).flat_map(|c| crc32c::crc32c(c).to_le_bytes()).collect();
    bytes[covered..start].copy_from_slice(&table);
    let end = bytes.len() - 16;
    bytes[end - 4..end].copy_from_slice(&crc32c::crc32c(&table).to_le_bytes());
    let checksum = crc32c::crc32c(&bytes[start..end]);
    bytes[end + 4..end + 8].copy_from_slice(&checksum.to_le_bytes());
    assert_eq!(u32_at(&bytes[end..], 1), checksum);
}

#[test]
fn many_rows_answer_as_scans() {
    let texts = many_texts(20_000);
    for query in [
        Query::term("abc"),
        Query::or(vec![Query::term("a"), Query::term("xyz"), Query::term("the")]),
        Query::and(vec![Query::term("a"), Query::term("b")]),
        Query::phrase(&["a", "ab"], 0),
        Query::phrase(&["a", "xyz", "b"], 5),
        Query::at_least(2, WORDS.iter().map(Query::term).collect()),
        Query::not(Query::term("x")),
    ] {
        check(&texts, &query, 3);
    }
}

#[test]
fn runs_make_the_same_index() {
    let texts = many_texts(400_000);
    let at_once = build(&texts, 1 << 30);
    let in_runs = build(&texts, 0);
    assert_eq!(at_once.size(), in_runs.size());
    let query = Query::or(WORDS.iter().map(Query::term).collect());
    let statistics = Statistics::of_part(&[&in_runs], &query).unwrap();
    let top = |index| Searcher::new(&[index]).top(&query, &statistics, 20, None).unwrap();
    assert_eq!(top(&at_once), top(&in_runs));
}

#[test]
fn a_hundred_thousand_terms() {
    let texts: Vec<_> = (0..2000).map(|row| Some(format!("w{row} w{} same", row * 7))).collect();
    let index = build(&texts, 1 << 30);
    let query = Query::or((0..100_000).map(|word| Query::term(format!("w{word}"))).collect());
    let statistics = Statistics::of_part(&[&index], &query).unwrap();
    let (hits, count) =
        Searcher::new(&[&index]).top_and_count(&query, &statistics, 10, None).unwrap();
    assert_eq!((hits.len(), count), (10, 2000));
}

#[test]
fn hostile_texts_are_indexed() {
    let long = "x".repeat(1 << 20);
    let bytes: Vec<Vec<u8>> = vec![
        b"valid \xff\xfe bytes \xf0\x9f".to_vec(),
        long.clone().into_bytes(),
        format!("{long}y").into_bytes(),
        vec![],
    ];
    for tokenizer in [
        "default",
        "unicode",
        "english",
        "ngrams(3)",
        "splitByString([' ', '--'])",
        "splitByNonAlpha",
        "array",
        "keyword",
    ] {
        let analyzer = Analyzer::new(tokenizer).unwrap();
        let runs = Box::new(MemoryRuns::default());
        let mut builder =
            IndexBuilder::new(analyzer.clone(), IndexOptions::default(), 1 << 28, runs);
        for text in &bytes {
            // However a text is cut, its tokens are the same.
            let mut stream = analyzer.stream();
            let mut cut = Vec::new();
            let size = if text.len() > 1000 { 4099 } else { 1 };
            for chunk in text.chunks(size) {
                stream.push(chunk, &mut |token| {
                    cut.push((token.text.to_vec(), token.start, token.end))
                });
            }
            stream.finish(&mut |token| cut.push((token.text.to_vec(), token.start, token.end)));
            let mut whole = Vec::new();
            analyzer
                .analyze(text, |token| whole.push((token.text.to_vec(), token.start, token.end)));
            assert!(cut == whole, "{tokenizer}");
            assert!(whole.iter().all(|(text, ..)| text.len() <= 512), "{tokenizer}");
            builder.add(text).unwrap();
        }
        let mut out = Vec::new();
        builder.finish(&mut out).unwrap();
        let index = Index::open(out.into()).unwrap();
        index.check().unwrap();
        assert_eq!(index.rows(), 4);
        if tokenizer == "keyword" {
            let query = Query::term(analyzer.tokens(long.as_bytes()).remove(0));
            let found = Searcher::new(&[&index]).rows(&query).unwrap();
            assert_eq!(found.iter().collect::<Vec<_>>(), [1]);
        }
    }
}

#[test]
fn terms_wait_outside_of_memory() {
    // About 550 KB of terms, twice what is put aside at least.
    let texts: Vec<_> = (0..60_000u32)
        .map(|row| Some(format!("{:08x} {:x}", row.wrapping_mul(2_654_435_761), row % 77)))
        .collect();
    let (first, second) = texts.split_at(35_000);
    let parts = [build(first, 1 << 30), build(second, 1 << 30)];
    let maps = [RowMap::Offset(0), RowMap::Offset(35_000)];
    let sources: Vec<_> =
        parts.iter().zip(maps).map(|(index, rows)| Source { index, rows }).collect();
    let merged = |most: usize| {
        let (mut runs, mut bytes) = (MemoryRuns::default(), Vec::new());
        let aside = runs.aside(most);
        let held = merge(&sources, 60_000, &IndexOptions::default(), aside, &mut bytes).unwrap();
        (held, bytes)
    };
    let ((little, aside), (much, whole)) = (merged(0), merged(usize::MAX));
    assert!(aside == whole);
    assert!(little + (200 << 10) < much, "{little} {much}");
    let index = Index::open(whole.into()).unwrap();
    index.check().unwrap();
    let few = build(&texts, 1 << 20);
    assert_eq!(few.size(), index.size(), "built of runs");
}

#[test]
fn sets_of_rows_restrict() {
    let index = build(&many_texts(500), 1 << 30);
    let set: RowSet = [3, 70, 499].into_iter().collect();
    let query = Query::and(vec![Query::All, Query::Rows(Arc::new(set))]);
    assert_eq!(Searcher::new(&[&index]).count(&query).unwrap(), 3);
    let terms = index.terms(b"xy", Some(b"xyz"), 10).unwrap();
    assert_eq!(terms.len(), 1);
    assert_eq!(terms[0].term, b"xyzzy");
}
