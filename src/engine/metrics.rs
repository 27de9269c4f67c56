//! What the engine counts. Each number is declared once, with its names, meaning and where it is read;
//! `/metrics`, system.metrics, system.events and system.asynchronous_metrics come from here.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::engine::Engine;
use crate::process::LogEntry;

/// Where a number is shown in SQL, and whether it only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// How much there is now: system.metrics.
    Current,
    /// What has happened since the start: system.events.
    Event,
    /// How much there is, found by looking through tables or asking the system:
    /// system.asynchronous_metrics.
    Asynchronous,
}

/// A number of a running engine.
pub struct MetricDeclaration {
    /// Its name in SQL.
    pub name: &'static str,
    /// Its name in Prometheus' text format.
    pub prometheus: &'static str,
    /// Where it is shown.
    pub kind: MetricKind,
    /// What it counts, in one line.
    pub help: &'static str,
    read: fn(&Engine) -> u64,
}

impl MetricDeclaration {
    /// The number now.
    pub fn value(&self, engine: &Engine) -> u64 {
        (self.read)(engine)
    }
}

/// Counts of the queries that have ended.
#[derive(Debug, Default)]
pub(crate) struct QueryTotals {
    queries: AtomicU64,
    selects: AtomicU64,
    inserts: AtomicU64,
    failed: AtomicU64,
    failed_selects: AtomicU64,
    failed_inserts: AtomicU64,
    microseconds: AtomicU64,
    read_rows: AtomicU64,
    read_bytes: AtomicU64,
    written_rows: AtomicU64,
    written_bytes: AtomicU64,
    result_rows: AtomicU64,
}

impl QueryTotals {
    /// Counts a query that has ended.
    pub(crate) fn note(&self, entry: &LogEntry) {
        let add = |counter: &AtomicU64, number: u64| {
            counter.fetch_add(number, Ordering::Relaxed);
        };
        let (all, failed) = match entry.process.kind {
            "Select" => (Some(&self.selects), Some(&self.failed_selects)),
            "Insert" => (Some(&self.inserts), Some(&self.failed_inserts)),
            _ => (None, None),
        };
        for counter in [Some(&self.queries), all].into_iter().flatten() {
            add(counter, 1);
        }
        for counter in [Some(&self.failed), failed].into_iter().flatten() {
            add(counter, u64::from(entry.error.is_some()));
        }
        let did = &entry.summary;
        add(&self.microseconds, u64::try_from(did.elapsed.as_micros()).unwrap_or(u64::MAX));
        add(&self.read_rows, did.read_rows);
        add(&self.read_bytes, did.read_bytes);
        add(&self.written_rows, did.written_rows);
        add(&self.written_bytes, did.written_bytes);
        add(&self.result_rows, did.result_rows);
    }
}

macro_rules! metrics {
    ($($kind:ident $name:literal $prometheus:literal $help:literal = $read:expr;)*) => {
        /// All numbers, by subject.
        pub const METRICS: &[MetricDeclaration] = &[
            $(MetricDeclaration {
                name: $name,
                prometheus: $prometheus,
                kind: MetricKind::$kind,
                help: $help,
                read: $read,
            },)*
        ];
    };
}

fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

metrics! {
    Current "Query" "granary_queries" "Queries that run"
        = |e| e.processes.count() as u64;
    Event "Query" "granary_queries_total" "Queries that have ended"
        = |e| get(&e.totals.queries);
    Event "SelectQuery" "granary_select_queries_total" "SELECT queries that have ended"
        = |e| get(&e.totals.selects);
    Event "InsertQuery" "granary_insert_queries_total" "INSERT queries that have ended"
        = |e| get(&e.totals.inserts);
    Event "FailedQuery" "granary_failed_queries_total" "Queries that ended with an error"
        = |e| get(&e.totals.failed);
    Event "FailedSelectQuery" "granary_failed_select_queries_total" "SELECT queries that ended with an error"
        = |e| get(&e.totals.failed_selects);
    Event "FailedInsertQuery" "granary_failed_insert_queries_total" "INSERT queries that ended with an error"
        = |e| get(&e.totals.failed_inserts);
    Event "QueryTimeMicroseconds" "granary_query_microseconds_total" "Microseconds that ended queries took together"
        = |e| get(&e.totals.microseconds);
    Event "SelectedRows" "granary_read_rows_total" "Rows that ended queries read from tables"
        = |e| get(&e.totals.read_rows);
    Event "SelectedBytes" "granary_read_bytes_total" "Bytes that ended queries read from tables, decoded"
        = |e| get(&e.totals.read_bytes);
    Event "InsertedRows" "granary_inserted_rows_total" "Rows that ended queries inserted"
        = |e| get(&e.totals.written_rows);
    Event "InsertedBytes" "granary_inserted_bytes_total" "Bytes that ended queries inserted, before encoding"
        = |e| get(&e.totals.written_bytes);
    Event "ResultRows" "granary_result_rows_total" "Rows of the answers of ended queries"
        = |e| get(&e.totals.result_rows);

    Current "MemoryTracking" "granary_memory_bytes" "Bytes that running queries hold"
        = |e| e.budget.used() as u64;
    Current "MemoryTrackingPeak" "granary_memory_peak_bytes" "The most bytes that queries held at once"
        = |e| e.budget.peak() as u64;
    Current "MemoryLimit" "granary_memory_limit_bytes" "Bytes that all queries may hold together"
        = |e| e.budget.limit() as u64;
    Current "DictionaryCacheBytes" "granary_dictionary_cache_bytes" "Bytes of decoded dictionaries that are kept"
        = |e| e.store.dictionary_cache_report().bytes;
    Current "DictionaryCacheLimit" "granary_dictionary_cache_limit_bytes" "Bytes of decoded dictionaries that may be kept"
        = |e| e.store.dictionary_cache_report().capacity;
    Current "QueryCacheBytes" "granary_query_cache_bytes" "Bytes of answers that are kept"
        = |e| e.answers.report().bytes;
    Current "QueryCacheEntries" "granary_query_cache_entries" "Answers that are kept"
        = |e| e.answers.report().entries;
    Event "QueryCacheHits" "granary_query_cache_hits_total" "Queries that were answered from the cache"
        = |e| e.answers.report().hits;
    Event "QueryCacheMisses" "granary_query_cache_misses_total" "Queries whose answers might have been kept, but were not there"
        = |e| e.answers.report().misses;
    Event "QueryCacheSavedMicroseconds" "granary_query_cache_saved_microseconds_total" "Microseconds that queries took whose answers were given again"
        = |e| e.answers.report().saved_microseconds;
    Current "QueryConditionCacheBytes" "granary_filter_cache_bytes" "Bytes of rows known to meet conditions"
        = |e| e.caches.filters().bytes;
    Current "QueryConditionCacheEntries" "granary_filter_cache_entries" "Conditions whose rows are known, by part"
        = |e| e.caches.filters().entries;
    Event "QueryConditionCacheHits" "granary_filter_cache_hits_total" "Conditions that were known for all rows asked of a part"
        = |e| e.caches.filters().hits;
    Event "QueryConditionCacheMisses" "granary_filter_cache_misses_total" "Conditions that came again but were not known for all rows"
        = |e| e.caches.filters().misses;
    Current "PartialAggregateCacheBytes" "granary_partial_aggregate_cache_bytes" "Bytes of aggregate states of parts"
        = |e| e.caches.partials().bytes;
    Current "PartialAggregateCacheEntries" "granary_partial_aggregate_cache_entries" "Aggregations whose states are kept, by part"
        = |e| e.caches.partials().entries;
    Event "PartialAggregateCacheHits" "granary_partial_aggregate_cache_hits_total" "Aggregations that found the states of all parts but small ones"
        = |e| e.caches.partials().hits;
    Event "PartialAggregateCacheMisses" "granary_partial_aggregate_cache_misses_total" "Aggregations that came again but had to read parts"
        = |e| e.caches.partials().misses;
    Event "PartialAggregateCacheSavedMicroseconds" "granary_partial_aggregate_cache_saved_microseconds_total" "Microseconds that it took to make states which were used again"
        = |e| e.caches.partials().saved_microseconds;

    Current "Merge" "granary_merges" "Merges that run"
        = |e| e.store.merges().len() as u64;
    Event "Merge" "granary_merges_total" "Merges that have ended"
        = |e| e.store.merge_totals().merges;
    Event "MergedRows" "granary_merged_rows_total" "Rows of parts made by merges"
        = |e| e.store.merge_totals().rows;
    Event "MergedUncompressedBytes" "granary_merged_bytes_total" "Bytes of parts made by merges, before encoding"
        = |e| e.store.merge_totals().bytes;

    Current "PendingAsyncInsertRows" "granary_async_insert_rows" "Rows that wait in the queue of asynchronous inserts"
        = |e| e.async_inserter.counts().rows as u64;
    Current "PendingAsyncInsertBytes" "granary_async_insert_bytes" "Bytes that wait in the queue of asynchronous inserts"
        = |e| e.async_inserter.counts().bytes as u64;
    Event "AsyncInsertFlushes" "granary_async_insert_flushes_total" "Batches of asynchronous inserts that were written"
        = |e| e.async_inserter.counts().flushes;

    Current "HTTPConnection" "granary_connections" "Open connections"
        = |e| get(e.connections());

    Asynchronous "Uptime" "granary_uptime_seconds" "Seconds since the start"
        = |e| e.uptime().as_secs();
    Asynchronous "NumberOfDatabases" "granary_databases" "Databases"
        = |e| e.store.databases().len() as u64;
    Asynchronous "NumberOfTables" "granary_tables" "Tables, views included"
        = |e| tables(e).count() as u64;
    Asynchronous "TotalPartsOfMergeTreeTables" "granary_parts" "Parts of all tables"
        = |e| tables(e).map(|t| t.snapshot().parts.len() as u64).sum();
    Asynchronous "TotalRowsOfMergeTreeTables" "granary_rows" "Rows of all tables"
        = |e| tables(e).map(|t| t.total_rows()).sum();
    Asynchronous "TotalBytesOfMergeTreeTables" "granary_table_bytes" "Bytes of all tables, on disk or in memory"
        = |e| tables(e).map(|t| t.total_bytes()).sum();
    Asynchronous "TextIndexBuildPeakMemory" "granary_text_index_build_peak_bytes" "The most bytes that building a text index of a part held since the start"
        = |_| storage::text_index_memory().0;
    Asynchronous "TextIndexMergePeakMemory" "granary_text_index_merge_peak_bytes" "The most bytes that merging the text indexes of parts held since the start"
        = |_| storage::text_index_memory().1;
    Asynchronous "MaxPartCountForPartition" "granary_most_parts_of_a_partition" "Parts of the partition that has the most"
        = |e| tables(e).map(|t| t.most_parts_in_partition() as u64).max().unwrap_or(0);
}

fn tables(engine: &Engine) -> impl Iterator<Item = std::sync::Arc<storage::Table>> {
    let store = engine.store.clone();
    store.databases().into_iter().flat_map(move |d| store.tables(&d.name))
}

#[cfg(test)]
mod tests {
    use super::METRICS;

    #[test]
    fn names_are_their_own() {
        for (at, metric) in METRICS.iter().enumerate() {
            for other in &METRICS[..at] {
                assert_ne!(metric.prometheus, other.prometheus);
                assert_ne!((metric.name, metric.kind), (other.name, other.kind));
            }
            let growing = metric.kind == super::MetricKind::Event;
            assert_eq!(metric.prometheus.ends_with("_total"), growing, "{}", metric.prometheus);
        }
    }
}
