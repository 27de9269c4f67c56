//! The first rows of parts by an order, kept for the next query that asks for them: after an insert only the rows of new
//! parts are looked at.
//!
//! 1. Of a part its own first rows are kept, as many as the query wants of all, with their keys: they stay the first of
//!    it whatever other parts come and go.
//! 2. Parts that are small for the number of rows wanted are not kept, and looked at together.
//! 3. The other columns are read of the winners only, each time.
//! 4. Scores of texts depend on all parts of a table, so that orders by them are not kept; the rows that match are, as
//!    conditions (see `filters`).

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use base::{ErrorCode, Result, bail, cache_key};
use expr::Expr;
use plan::{PartScan, Plan, SortKey};
use storage::Part;
use types::{Block, DataType};

use super::{KeptGroups, MOST_BYTES, own, rows_of};
use crate::caches::{Asked, Key};
use crate::context::ExecContext;
use crate::fetch::{Place, fetch};
use crate::order::Order;
use crate::scan::{PreparedScan, is_stable, related_settings};
use crate::top_scan::{OverScan, TopQuestion, first_places};

/// Errors that end a query whichever way it takes. Others may be of rows that the usual way never looks at, because
/// better ones of other parts are known.
const FINAL: [ErrorCode; 2] = [ErrorCode::QueryWasCancelled, ErrorCode::TimeoutExceeded];

/// The first rows of a part by an order.
#[derive(Debug)]
pub(super) struct TopRows {
    pub(super) part: Weak<Part>,
    /// Their keys, in the order; without columns where there is no row.
    keys: Block,
    /// Granule and row of each.
    places: Vec<(u32, u16)>,
    /// What it took to find them.
    took: Duration,
}

impl TopRows {
    pub(super) fn memory(&self) -> usize {
        self.keys.memory() + self.places.len() * size_of::<(u32, u16)>()
    }
}

/// The visible columns of the first rows, by what is kept of parts; `None` where it was not asked before, and where
/// keeping does not pay.
///
/// # Errors
/// QUERY_WAS_CANCELLED, TIMEOUT_EXCEEDED
pub(crate) fn first_rows(
    question: &TopQuestion<'_>,
    parts: &[Arc<Part>],
    context: &Arc<ExecContext>,
) -> Result<Option<Block>> {
    let Some(key) = key(question, parts, context) else { return Ok(None) };
    if context.ask(key) != Asked::Again {
        return Ok(None);
    }
    let mut run = Run { question, parts, key, context, keys: Vec::new(), places: Vec::new() };
    match run.first_rows() {
        Ok(rows) => Ok(Some(rows)),
        Err(error) if FINAL.contains(&error.code()) => Err(error),
        Err(_) => {
            context.caches.give_up(key);
            Ok(None)
        }
    }
}

/// What is kept of the parts under an order with a limit; `None` where nothing is.
///
/// # Errors
/// Those of [`Scan::of_parts`](plan::Scan::of_parts).
pub(crate) fn kept(
    input: &Plan,
    keys: &[SortKey],
    limit: Option<u64>,
    context: &ExecContext,
) -> Result<Option<KeptGroups>> {
    let Some(over) = OverScan::of(input, keys, limit)? else { return Ok(None) };
    let (scan, over_scan, limit) = (&over.scan, &over.over_scan[..], over.limit);
    let question = TopQuestion { scan, over_scan, keys, limit };
    let parts = &over.snapshot.parts;
    let Some(key) = key(&question, parts, context) else { return Ok(None) };
    let cache = &context.caches.partials;
    let is_kept = |part: &&Arc<Part>| cache.kept.peek(&(part.record().id.clone(), key)).is_some();
    let found: Vec<Arc<Part>> = parts.iter().filter(is_kept).cloned().collect();
    Ok((!found.is_empty()).then(|| KeptGroups {
        parts: found.len(),
        all_parts: parts.len(),
        rows: rows_of(&found),
        all_rows: rows_of(parts),
        merged: 0,
    }))
}

/// Rows of the smallest part that is kept.
fn least(limit: usize, context: &ExecContext) -> u64 {
    let settings = &context.settings;
    let many = (limit as u64).saturating_mul(settings.partial_cache_rows_per_group);
    settings.partial_cache_min_rows.max(many)
}

/// What tells a question from others; none where its answer may be another the next time, or nothing would be kept.
fn key(question: &TopQuestion<'_>, parts: &[Arc<Part>], context: &ExecContext) -> Option<Key> {
    let TopQuestion { scan, over_scan, keys, limit } = *question;
    let least = least(limit, context);
    let is_of_use = context.keeps_partials()
        && limit > 0
        && scan.optional.is_empty()
        && scan.columns.iter().all(|column| column.score.is_none())
        && parts.iter().any(|part| part.rows() >= least);
    let mut all = scan.filter.iter().chain(over_scan);
    if !is_of_use || !all.all(|expression| is_stable(expression, &context.registry)) {
        return None;
    }
    let how: Vec<(bool, bool)> = keys.iter().map(|key| (key.descending, key.nulls_first)).collect();
    let functions = &context.functions;
    let rows = (&scan.columns, &scan.filter, over_scan, how, limit as u64);
    let told = (rows, &functions.time_zone, related_settings(functions));
    let bytes = bincode::serde::encode_to_vec(told, bincode::config::standard()).ok()?;
    (bytes.len() <= MOST_BYTES).then(|| cache_key([b"top".as_slice(), &bytes]))
}

/// One question over parts.
struct Run<'r> {
    question: &'r TopQuestion<'r>,
    parts: &'r [Arc<Part>],
    key: Key,
    context: &'r Arc<ExecContext>,
    /// The keys of rows that may be wanted, and where they lie: number of the part, granule, row.
    keys: Vec<Block>,
    places: Vec<Place>,
}

impl Run<'_> {
    fn first_rows(&mut self) -> Result<Block> {
        let least = least(self.question.limit, self.context);
        let is_small = |part: &Arc<Part>| part.rows() < least;
        let (mut hits, mut misses, mut from) = (0, 0, 0);
        for run in self.parts.chunk_by(|one, other| is_small(one) && is_small(other)) {
            match run {
                [part] if !is_small(part) => {
                    match self.context.caches.partials.find_top(part, self.key) {
                        Some(rows) => {
                            self.context.caches.partials.kept.count_saved(rows.took);
                            hits += 1;
                            self.add(from, &rows);
                        }
                        None => {
                            misses += 1;
                            let rows = Arc::new(self.of_part(part)?);
                            self.add(from, &rows);
                            self.context.caches.partials.keep_top(part, self.key, rows);
                        }
                    }
                }
                small => {
                    let (keys, places) = self.of_parts(small)?;
                    self.keys.push(keys);
                    let places = places.into_iter();
                    self.places
                        .extend(places.map(|(part, granule, row)| (from + part, granule, row)));
                }
            }
            from += run.len() as u32;
        }
        self.context.caches.partials.kept.count(misses == 0);
        self.context.counters.kept_parts.fetch_add(hits, Ordering::Relaxed);
        self.best()
    }

    fn add(&mut self, part: u32, rows: &TopRows) {
        self.keys.push(rows.keys.clone());
        self.places.extend(rows.places.iter().map(|(granule, row)| (part, *granule, *row)));
    }

    fn of_part(&self, part: &Arc<Part>) -> Result<TopRows> {
        let started = Instant::now();
        let (keys, places) = self.of_parts(std::slice::from_ref(part))?;
        let places = places.into_iter().map(|(_, granule, row)| (granule, row)).collect();
        Ok(TopRows { part: Arc::downgrade(part), keys, places, took: started.elapsed() })
    }

    /// The first rows of some parts; where they lie by the parts' numbers among these.
    fn of_parts(&self, parts: &[Arc<Part>]) -> Result<(Block, Vec<Place>)> {
        let prepared = Arc::new(PreparedScan::new(self.question.scan, parts, self.context)?);
        let (keys, mut places) = first_places(self.question, &prepared, self.context)?;
        let own_number = |at: u32| number_of(&prepared.parts[at as usize].part, parts);
        for place in &mut places {
            place.0 = own_number(place.0)?;
        }
        Ok((own(&keys)?, places))
    }

    /// The visible columns of the best of all rows that were found.
    fn best(&self) -> Result<Block> {
        let keys: Vec<Block> = self.keys.iter().filter(|keys| keys.rows() > 0).cloned().collect();
        if keys.is_empty() {
            return Ok(Block::new(Vec::new(), 0));
        }
        let all = Block::concat(&keys)?;
        let types: Vec<DataType> = self.question.over_scan.iter().map(Expr::data_type).collect();
        let order = Order::new(all.columns(), &types, self.question.keys)?;
        let first = order.smallest(all.rows(), self.question.limit);
        let mut places: Vec<Place> = first.iter().map(|row| self.places[*row as usize]).collect();
        let mut numbers: Vec<u32> = places.iter().map(|(part, ..)| *part).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let parts: Vec<_> = numbers.iter().map(|part| self.parts[*part as usize].clone()).collect();
        // The winners have met the conditions.
        let scan = PartScan { filter: Vec::new(), ..self.question.scan.clone() };
        let prepared = Arc::new(PreparedScan::new(&scan, &parts, self.context)?);
        let prepared_parts: Vec<_> = prepared.parts.iter().map(|part| part.part.clone()).collect();
        for place in &mut places {
            place.0 = number_of(&self.parts[place.0 as usize], &prepared_parts)?;
        }
        fetch(&prepared, &places, self.context)
    }
}

fn number_of(part: &Arc<Part>, parts: &[Arc<Part>]) -> Result<u32> {
    match parts.iter().position(|other| Arc::ptr_eq(other, part)) {
        Some(at) => Ok(at as u32),
        None => bail!(LogicalError, "part {} is none of those that are read", part.name()),
    }
}
