//! The partial cache: groups with their aggregate states of a part, kept for the next query that groups the same.
//!
//! Parts never change, so the states of a part's rows stay right for as long as the part is there. A question that comes
//! again after an insert reads the new part only, and merges its states with those that are kept:
//!
//! ```text
//! part 1 (kept)  --------------------------.
//! part 2 (new)   -> scan -> partial groups -+-> merged groups
//! small parts    -> scan -> partial groups -'
//! ```
//!
//! 1. A part is told by its id, which no other part ever gets; an aggregation by 128 bits of its fragment's bytes: what is
//!    read, the conditions, the keys and calls, and what functions look at.
//! 2. Of the large parts, which stand first and stay, the merged groups are kept besides, as they are in memory: the next
//!    query copies them and takes in the groups of the parts behind.
//! 3. Kept from the second use on, and only where the groups are far fewer than the rows that they are of: else merging
//!    them would cost what reading the rows does.
//! 4. A fragment whose functions may give something else the next time is never kept, nor is one that may break off.
//! 5. Where it fails, for want of memory or because a state is too large to be kept, the query takes the usual way, and so
//!    do those that come after it.
//! 6. Of ORDER BY ... LIMIT the first rows of parts are kept in the same way (`top_rows`).
//! 7. Bytes are bounded (see [`ByteCache`](base::ByteCache)). What is of parts that are gone is dropped.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use base::{ErrorCode, Reservation, Result, cache_key};
use plan::{Aggregation, Fragment, PartialAggregation};
use storage::{Part, TableSnapshot};
use types::{Block, Column};

use crate::aggregate::merged::Merger;
use crate::aggregate::{Grouping, Stage};
use crate::caches::{Asked, FirstUse, Key};
use crate::context::ExecContext;
use crate::fragment;
use crate::pipeline::{Source, gather};
use crate::scan::{is_stable, related_settings};
use crate::spill::compact;

mod cache;
pub(crate) mod top_rows;

pub(crate) use cache::PartialCache;
use cache::{Kept, Partial, bytes_of, prefix_key};

/// Bytes of groups that are kept of a part, for each of its rows and for the part.
const BYTES_OF_ROW: u64 = 2;
const BYTES_OF_PART: u64 = 65_536;

/// Parts of a smaller share of all rows are merged away soon, and with them what was merged of their groups.
const LARGE_SHARE: u64 = 32;

/// Bytes of the longest fragment that is told apart, literals included.
const MOST_BYTES: usize = 1 << 20;

/// Errors of this way that the usual way may not have.
const STATES_TOO_LARGE: [ErrorCode; 3] =
    [ErrorCode::MemoryLimitExceeded, ErrorCode::TooLargeStringSize, ErrorCode::TooManyRows];

/// How the groups of an aggregation are found.
pub(crate) enum Tried {
    Done(Box<dyn Source>),
    /// By reading all rows.
    Not(Option<FirstUse>),
}

/// The groups of an aggregation over parts that was asked before; nothing of others, and where keeping does not pay.
///
/// # Errors
/// Those of running it, but for states that are too large.
pub(crate) fn run(aggregation: &Aggregation, context: &Arc<ExecContext>) -> Result<Tried> {
    let not = Ok(Tried::Not(None));
    let Some((fragment, snapshot, key)) = question(aggregation, context)? else { return not };
    let Some(PartialAggregation { keys, calls }) = fragment.aggregation.clone() else {
        return not;
    };
    match context.ask(key) {
        Asked::Again => {}
        Asked::First => {
            let most =
                rows_of(&snapshot.parts) / context.settings.partial_cache_rows_per_group.max(1);
            return Ok(Tried::Not(Some(FirstUse::new(key, most.max(1)))));
        }
        _ => return not,
    }
    let held = context.budget.reservation();
    let mut run = Run { fragment: &fragment, key, context, held, kept: Vec::new() };
    let least = context.settings.partial_cache_min_rows;
    let (limit, top) = (aggregation.limit, aggregation.top.clone());
    let grouping = Grouping {
        keys,
        calls,
        limit,
        top,
        stage: Stage::Merge,
        codes_leave: false,
        most_groups: usize::MAX,
        first_use: None,
    };
    match run.merged(grouping, &snapshot.parts, least) {
        Ok(None) => {}
        // States may be larger than groups in memory, which can be spilled, and than what a column holds.
        Err(error) if STATES_TOO_LARGE.contains(&error.code()) => {}
        done => {
            return done.map(|source| source.map_or(Tried::Not(None), Tried::Done));
        }
    }
    context.caches.give_up(key);
    not
}

/// What is kept for an aggregation, or for an order with a limit.
pub(crate) struct KeptGroups {
    pub(crate) parts: usize,
    pub(crate) all_parts: usize,
    pub(crate) rows: u64,
    pub(crate) all_rows: u64,
    /// Parts whose groups are kept merged.
    pub(crate) merged: usize,
}

/// What is kept for an aggregation; `None` where nothing is.
///
/// # Errors
/// Those of [`Scan::of_parts`](plan::Scan::of_parts).
pub(crate) fn kept(
    aggregation: &Aggregation,
    context: &Arc<ExecContext>,
) -> Result<Option<KeptGroups>> {
    let Some((_, snapshot, key)) = question(aggregation, context)? else { return Ok(None) };
    let cache = &context.caches.partials.kept;
    let merged = match cache.peek(&prefix_key(&snapshot.parts, key)) {
        Some(Kept::Prefix(prefix)) if prefix.is_of(&snapshot.parts) => prefix.parts.len(),
        _ => 0,
    };
    let is_kept = |part: &Part| cache.peek(&(part.record().id.clone(), key)).is_some();
    let (first, rest) = snapshot.parts.split_at(merged);
    let rest: Vec<_> = rest.iter().filter(|part| is_kept(part)).cloned().collect();
    Ok((merged + rest.len() > 0).then(|| KeptGroups {
        parts: merged + rest.len(),
        all_parts: snapshot.parts.len(),
        rows: rows_of(first) + rows_of(&rest),
        all_rows: rows_of(&snapshot.parts),
        merged,
    }))
}

type Question = (Fragment, Arc<TableSnapshot>, Key);

/// What is asked of the cache; `None` where it is not asked.
fn question(aggregation: &Aggregation, context: &ExecContext) -> Result<Option<Question>> {
    if !context.keeps_partials() {
        return Ok(None);
    }
    let found = Fragment::of_aggregation(aggregation, &context.functions)?;
    let Some((fragment, snapshot)) = found else { return Ok(None) };
    let scan = &fragment.scan;
    if !snapshot.memory.is_empty() || scan.limit.is_some() || !scan.optional.is_empty() {
        return Ok(None);
    }
    let least = context.settings.partial_cache_min_rows;
    if !snapshot.parts.iter().any(|part| part.rows() >= least) {
        return Ok(None);
    }
    let key = key(&fragment, context);
    Ok(key.map(|key| (fragment, snapshot, key)))
}

/// What tells a fragment from others; none where it may give something else the next time.
fn key(fragment: &Fragment, context: &ExecContext) -> Option<Key> {
    let Fragment { scan, projection, aggregation, functions } = fragment;
    let PartialAggregation { keys, calls } = aggregation.as_ref()?;
    let projected = projection.iter().flatten();
    let arguments = calls.iter().flat_map(|call| &call.arguments);
    let mut all = scan.filter.iter().chain(projected).chain(keys).chain(arguments);
    if !all.all(|expression| is_stable(expression, &context.registry)) {
        return None;
    }
    let settings = related_settings(functions);
    let rows = (&scan.columns, &scan.filter, scan.visible);
    let told = (rows, projection, aggregation, &functions.time_zone, settings);
    let bytes = bincode::serde::encode_to_vec(told, bincode::config::standard()).ok()?;
    (bytes.len() <= MOST_BYTES).then(|| cache_key([b"partial".as_slice(), &bytes]))
}

impl Tally {
    /// Adds what is known of other parts.
    fn add(&mut self, other: &Tally) {
        self.groups += other.groups;
        self.bytes += other.bytes;
        self.not_kept += other.not_kept;
    }
}

/// One aggregation over parts.
struct Run<'r> {
    fragment: &'r Fragment,
    key: Key,
    context: &'r Arc<ExecContext>,
    /// Bytes of groups that were made, until they are merged.
    held: Reservation,
    /// Bytes of groups that were kept.
    kept: Vec<Arc<Reservation>>,
}

/// What is known of the groups of some parts.
#[derive(Clone, Copy, Default)]
struct Tally {
    rows: u64,
    groups: u64,
    bytes: u64,
    hits: u64,
    misses: u64,
    /// Rows of parts whose groups could not be kept.
    not_kept: u64,
}

impl Run<'_> {
    /// The groups of all parts; `None` where there are too many for this way.
    fn merged(
        &mut self,
        grouping: Grouping,
        parts: &[Arc<Part>],
        least: u64,
    ) -> Result<Option<Box<dyn Source>>> {
        let mut tally = Tally { rows: rows_of(parts), ..Tally::default() };
        let found = self.context.caches.partials.find_prefix(parts, self.key);
        let merger = Merger::new(grouping, self.context)?;
        let mut held = self.context.budget.reservation();
        let cache = &self.context.caches.partials;
        let (mut groups, mut taken, mut took) = match found {
            Some((prefix, bytes)) => {
                cache.kept.count_saved(prefix.took);
                self.kept.push(bytes);
                tally.add(&prefix.tally);
                tally.hits += prefix.parts.len() as u64;
                held.resize(prefix.groups.memory())?;
                (prefix.groups.clone(), prefix.parts.len(), prefix.took)
            }
            None => (merger.empty(), 0, Duration::ZERO),
        };
        let first = &parts[..large(parts, tally.rows.max(least))];
        if first.len() > taken {
            let blocks = self.blocks(&first[taken..], least, &mut tally)?;
            let Some(blocks) = blocks else { return Ok(None) };
            let started = Instant::now();
            merger.take(&mut groups, &blocks, &mut held)?;
            (taken, took) = (first.len(), took + started.elapsed());
            if !cache.has_no_room(first, self.key) {
                cache.keep_prefix(first, self.key, &groups, tally, took);
            }
        }
        let Some(blocks) = self.blocks(&parts[taken..], least, &mut tally)? else {
            return Ok(None);
        };
        self.conclude(&tally);
        merger.take(&mut groups, &blocks, &mut held)?;
        merger.finish(groups).map(Some)
    }

    fn conclude(&self, tally: &Tally) {
        if tally.not_kept * 2 > tally.rows {
            self.context.caches.give_up(self.key);
        }
        self.context.caches.partials.kept.count(tally.misses == 0);
        self.context.counters.kept_parts.fetch_add(tally.hits, Ordering::Relaxed);
    }

    /// The groups of some of all parts, in their order and not merged yet; `None` where there are too many for this way.
    /// Parts of less than `least` rows that stand together are grouped together.
    fn blocks(
        &mut self,
        parts: &[Arc<Part>],
        least: u64,
        tally: &mut Tally,
    ) -> Result<Option<Vec<Block>>> {
        let mut blocks = Vec::new();
        let is_small = |part: &Arc<Part>| part.rows() < least;
        for run in parts.chunk_by(|one, other| is_small(one) && is_small(other)) {
            let made = match run {
                [part] if !is_small(part) => self.of_part(part, tally)?,
                small => self.groups_of(small, usize::MAX)?,
            };
            tally.groups += made.iter().map(Block::rows).sum::<usize>() as u64;
            tally.bytes += bytes_of(&made) as u64;
            if !self.pays(tally.groups, tally.bytes, tally.rows) {
                return Ok(None);
            }
            blocks.extend(made);
        }
        Ok(Some(blocks))
    }

    /// Whether groups are far fewer than the rows that they are of.
    fn pays(&self, groups: u64, bytes: u64, rows: u64) -> bool {
        let rows_per_group = self.context.settings.partial_cache_rows_per_group;
        groups.saturating_mul(rows_per_group) <= rows.max(rows_per_group)
            && bytes <= rows * BYTES_OF_ROW + BYTES_OF_PART
    }

    /// The groups of a part: those that are kept, or new ones, which are kept where that pays.
    fn of_part(&mut self, part: &Arc<Part>, tally: &mut Tally) -> Result<Vec<Block>> {
        let cache = &self.context.caches.partials;
        if let Some((partial, held)) = cache.find(part, self.key) {
            cache.kept.count_saved(partial.took);
            tally.hits += 1;
            self.kept.push(held);
            return Ok(partial.blocks.clone());
        }
        tally.misses += 1;
        let started = Instant::now();
        // With more, the whole table has too many of them, or is far larger than this part.
        let all = match self.context.settings.partial_cache_rows_per_group {
            0 => usize::MAX,
            rows => usize::try_from(tally.rows / rows).unwrap_or(usize::MAX),
        };
        let blocks = self.groups_of(std::slice::from_ref(part), all)?;
        let groups: usize = blocks.iter().map(Block::rows).sum();
        let took = started.elapsed();
        let partial = Partial { part: Arc::downgrade(part), blocks: blocks.clone(), took };
        let is_kept = self.pays(groups as u64, bytes_of(&blocks) as u64, part.rows())
            && cache.keep(part, self.key, Arc::new(partial));
        tally.not_kept += if is_kept { 0 } else { part.rows() };
        Ok(blocks)
    }

    fn groups_of(&mut self, parts: &[Arc<Part>], most: usize) -> Result<Vec<Block>> {
        let source = fragment::source(self.fragment, parts, most, self.context)?;
        let blocks = gather(source.as_ref(), self.context)?;
        let blocks = blocks.iter().map(own).collect::<Result<Vec<Block>>>()?;
        self.held.resize(self.held.bytes() + bytes_of(&blocks))?;
        Ok(blocks)
    }
}

/// A block that shares nothing: codes, and views into values of others, would keep the dictionaries of parts alive.
fn own(block: &Block) -> Result<Block> {
    let own = |column: &Column| Ok(Column::Flat(compact(&column.to_flat()?)?));
    let columns = block.columns().iter().map(own).collect::<Result<_>>()?;
    Ok(Block::new(columns, block.rows()))
}

fn rows_of(parts: &[Arc<Part>]) -> u64 {
    parts.iter().map(|part| part.rows()).sum()
}

/// How many of the first parts have a large share of so many rows.
fn large(parts: &[Arc<Part>], rows: u64) -> usize {
    parts.iter().take_while(|part| part.rows() >= rows.div_ceil(LARGE_SHARE)).count()
}
