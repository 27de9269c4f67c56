//! Conditions in the filter cache: how they are told apart, and what is taken down as granules are read.
//!
//! 1. Only conditions that give the same for the same row, whenever they are asked, are kept.
//! 2. Comparisons of packed integers are not: unpacking a page costs about as much as reading its bits.
//! 3. A condition is computed on a whole granule for the cache's sake only where the conditions before it left at least
//!    one row in `WORTH`. Where a row that these had left out cannot be computed, it is as if there were no cache.
//! 4. What is kept is tested first. So a query may succeed that fails without the cache, as it may where the planner puts
//!    its conditions into another order; it never fails only because of it.

use std::sync::Arc;

use base::{Result, cache_key};
use expr::{Determinism, Expr, FunctionContext, Registry};
use plan::ReadColumn;
use storage::{ColumnChunk, Extremes, Part};
use types::Column;

use super::granule::Selection;
use super::predicate::{CodeSet, Shape, Verdict};
use super::prepare::{PreparedPart, PreparedScan};
use super::selection::{intersect, refine};
use crate::caches::{Asked, Key};
use crate::context::ExecContext;
use crate::filters::{FilterCache, GranuleRows, PartFilter};

/// Values of the largest set of `IN` that is told apart by its values.
const MOST_VALUES: usize = 10_000;

/// See the head of this file.
const WORTH: usize = 2;

/// Bytes of the longest condition that is told apart, literals included.
const MOST_BYTES: usize = 1 << 20;

/// Settings that clients change from query to query and that no function looks at.
const UNRELATED: &[&str] = &[
    "default_format",
    "enable_reads_from_query_cache",
    "enable_writes_to_query_cache",
    "filter_cache_min_rows",
    "log_comment",
    "max_block_size",
    "max_execution_time",
    "max_memory_usage",
    "max_result_bytes",
    "max_result_rows",
    "max_rows_to_read",
    "max_threads",
    "partial_aggregate_cache_min_rows",
    "partial_aggregate_cache_rows_per_group",
    "query_cache_max_age",
    "query_cache_min_query_duration",
    "query_cache_min_query_runs",
    "query_cache_nondeterministic_function_handling",
    "query_cache_system_table_handling",
    "query_cache_tag",
    "query_cache_ttl",
    "query_cache_warm_after_merges",
    "readonly",
    "use_partial_aggregate_cache",
    "use_query_cache",
    "use_query_condition_cache",
];

/// The settings that functions may look at.
pub(crate) fn related_settings(functions: &FunctionContext) -> Vec<(&String, &String)> {
    let settings = functions.settings.iter();
    settings.filter(|(name, _)| !UNRELATED.contains(&name.as_str())).collect()
}

/// Whether an expression gives the same for the same row, whenever it is asked, and is not too long to be told apart.
pub(crate) fn is_stable(expression: &Expr, registry: &Registry) -> bool {
    let mut stable = true;
    expression.visit(&mut |e| match e {
        Expr::Call { function, .. } => {
            let declared = registry.function(function);
            stable &= declared.is_some_and(|f| f.determinism == Determinism::Always);
        }
        Expr::In { set, .. } => stable &= set.values().len() <= MOST_VALUES,
        _ => {}
    });
    stable
}

/// What tells a condition from others; none where it may give something else the next time.
pub(crate) fn condition_key(
    condition: &Expr,
    columns: &[ReadColumn],
    context: &ExecContext,
) -> Option<Key> {
    let mut stable = is_stable(condition, &context.registry);
    let mut read = Vec::new();
    condition.visit(&mut |e| {
        if let Expr::Column { index, .. } = e {
            match columns.get(*index) {
                // A score depends on the other parts.
                Some(column) if column.score.is_none() => read.push((column.id, &column.default)),
                _ => stable = false,
            }
        }
    });
    if !stable {
        return None;
    }
    let over_ids = condition.clone().remap(&|at| columns[at].id as usize);
    let functions = &context.functions;
    let told = (over_ids, read, &functions.time_zone, related_settings(functions));
    let bytes = bincode::serde::encode_to_vec(told, bincode::config::standard()).ok()?;
    if bytes.len() > MOST_BYTES {
        return None;
    }
    Some(cache_key([b"condition".as_slice(), &bytes]))
}

/// The key of a condition that was asked before.
pub(super) fn repeated_key(
    condition: &Expr,
    shape: &Shape,
    columns: &[ReadColumn],
    context: &ExecContext,
) -> Option<Key> {
    if !context.keeps_filters() || matches!(shape, Shape::Range { .. } | Shape::NotEqual { .. }) {
        return None;
    }
    let key = condition_key(condition, columns, context)?;
    (context.ask(key) == Asked::Again).then_some(key)
}

/// The key of some conditions together that were asked before; none where one may give something else.
pub(crate) fn repeated_keys(
    conditions: &[Expr],
    columns: &[ReadColumn],
    context: &ExecContext,
) -> Option<Key> {
    if !context.keeps_filters() || conditions.is_empty() {
        return None;
    }
    let keys = conditions.iter().map(|c| condition_key(c, columns, context));
    let mut keys: Vec<Key> = keys.collect::<Option<_>>()?;
    keys.sort_unstable();
    keys.dedup();
    let keys: Vec<[u8; 16]> = keys.into_iter().map(Key::to_le_bytes).collect();
    let key = cache_key(keys.iter().map(<[u8; 16]>::as_slice));
    (context.ask(key) == Asked::Again).then_some(key)
}

impl PreparedScan {
    /// What is known of every conjunct in a part; none of conjuncts that are not kept.
    pub(super) fn filters_of(
        &self,
        part: &Arc<Part>,
        context: &ExecContext,
    ) -> Vec<Option<Arc<PartFilter>>> {
        let small = part.rows() < context.settings.filter_cache_min_rows;
        let filter = |key: Option<Key>| {
            key.filter(|_| !small).map(|key| context.caches.filters.filter(part, key))
        };
        self.conjuncts.iter().map(|conjunct| filter(conjunct.kept)).collect()
    }
}

/// Takes down granules of which the codes' bounds tell that no row or every row has one of a set.
pub(super) fn record_by_zones(
    cache: &FilterCache,
    filter: &Arc<PartFilter>,
    set: &CodeSet,
    chunk: &ColumnChunk,
    granules: &[usize],
) {
    for granule in granules {
        let Extremes::Codes { min, max } = chunk.zone(*granule).extremes else { continue };
        match set.verdict(min, max) {
            Verdict::None => cache.record(filter, *granule, GranuleRows::None),
            Verdict::All => cache.record(filter, *granule, GranuleRows::All),
            Verdict::Some => {}
        }
    }
}

/// Keeps the rows of a granule that are known to meet a condition.
pub(super) fn keep(
    known: Option<&GranuleRows>,
    rows: usize,
    selection: &mut Selection,
    cached: &mut [(usize, Column)],
) -> Result<()> {
    let Some(known) = known.filter(|known| **known != GranuleRows::All) else { return Ok(()) };
    let found = known.within(selection.as_deref(), rows);
    if found.len() < selection.as_ref().map_or(rows, Vec::len) {
        refine(selection, found, rows, cached)?;
    }
    Ok(())
}

/// Tests rows by a conjunct, which is computed by `run` where its rows are not known.
pub(super) fn recorded(
    (cache, conjunct): (&FilterCache, usize),
    part: &PreparedPart,
    granule: usize,
    selection: &mut Selection,
    cached: &mut Vec<(usize, Column)>,
    run: impl Fn(&mut Selection, &mut Vec<(usize, Column)>) -> Result<()>,
) -> Result<()> {
    let Some(filter) = part.filters.get(conjunct).and_then(Option::as_ref) else {
        return run(selection, cached);
    };
    let rows = part.part.granule_rows(granule);
    let known = filter.rows(granule);
    if known.is_some() {
        return keep(known, rows, selection, cached);
    }
    let Some(before) = selection else {
        run(selection, cached)?;
        cache.record(filter, granule, GranuleRows::new(selection.as_deref(), rows));
        return Ok(());
    };
    if before.len() * WORTH < rows || filter.is_partial() {
        return run(selection, cached);
    }
    let mut all = None;
    if run(&mut all, &mut Vec::new()).is_err() {
        filter.set_partial();
        return run(selection, cached);
    }
    cache.record(filter, granule, GranuleRows::new(all.as_deref(), rows));
    match all {
        Some(all) => intersect(selection, all, cached),
        None => Ok(()),
    }
}
