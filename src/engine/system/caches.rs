//! system.caches and system.query_cache: what each layer of caches holds, and how often it was of use.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use base::{CacheReport, Result};
use types::Value;

use super::{SystemTable, flag, number, text};
use crate::answers::KeptAnswer;
use crate::query::Query;

pub(super) const TABLES: &[SystemTable] = &[
    SystemTable {
        name: "caches",
        columns: &[
            ("layer", "String"),
            ("description", "String"),
            ("entries", "UInt64"),
            ("bytes", "UInt64"),
            ("capacity", "UInt64"),
            ("hits", "UInt64"),
            ("misses", "UInt64"),
            ("evictions", "UInt64"),
            ("saved_microseconds", "UInt64"),
        ],
        rows: caches,
    },
    SystemTable {
        name: "query_cache",
        columns: &[
            ("query", "String"),
            ("result_size", "UInt64"),
            ("tag", "String"),
            ("stale", "UInt8"),
            ("expires_at", "DateTime"),
            ("key_hash", "String"),
            ("saved_microseconds", "UInt64"),
        ],
        rows: answers,
    },
];

fn answers(query: &Query<'_>) -> Result<Vec<Vec<Value>>> {
    let row = |(key, kept): (u128, Arc<KeptAnswer>)| {
        let expires = kept.expires_at().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        vec![
            text(&kept.question.text),
            number(kept.bytes),
            text(&kept.question.tag),
            flag(!kept.is_valid(&query.engine.store)),
            number(expires),
            text(format!("{key:032x}")),
            number(u64::try_from(kept.took.as_micros()).unwrap_or(u64::MAX)),
        ]
    };
    let all = query.engine.answers.all().into_iter();
    let own = all.filter(|(_, kept)| kept.question.user == query.functions.user);
    Ok(own.map(row).collect())
}

fn caches(query: &Query<'_>) -> Result<Vec<Vec<Value>>> {
    let layers = [
        ("answer", "Answers of queries", query.engine.answers.report()),
        ("filter", "Rows of parts that meet conditions", query.engine.caches.filters()),
        ("partial", "Aggregate states and first rows of parts", query.engine.caches.partials()),
        (
            "dictionary",
            "Decoded dictionaries of columns",
            query.engine.store.dictionary_cache_report(),
        ),
    ];
    let row = |(layer, description, report): (&str, &str, CacheReport)| {
        let CacheReport { entries, bytes, capacity, hits, misses, evictions, saved_microseconds } =
            report;
        let mut row = vec![text(layer), text(description)];
        let numbers = [entries, bytes, capacity, hits, misses, evictions, saved_microseconds];
        row.extend(numbers.map(number));
        row
    };
    Ok(layers.map(row).into())
}
