//! ORDER BY bm25(...) DESC LIMIT: the best rows are searched in the text indexes of the parts, which leave out what cannot
//! be among them; the columns are fetched for the winners only.
//!
//! 1. Conditions that text indexes answer become part of the query; those that it implies cost nothing.
//! 2. The others are evaluated first, into a set of rows that the search is restricted to. Its bounds hold under it.
//! 3. Further keys of the order decide among rows of equal scores: some more rows are searched, and where the last of them
//!    scores less than the last one wanted, all that matter are there.
//! 4. Parts are searched at the same time and share the score that has to be reached. Of equal scores the row of the
//!    earlier part, and of it the earlier row, comes first.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base::{Result, bail};
use expr::Expr;
use parking_lot::Mutex;
use plan::{PartScan, SortKey, TextScore};
use storage::Part;
use text::{Index, Query, Restriction, RowSet, Searcher, SharedThreshold};
use types::{Block, DataType};

use crate::caches::Key;
use crate::context::ExecContext;
use crate::fetch::{Place, fetch};
use crate::order::Order;
use crate::pipeline::evaluator;
use crate::scan::{GranuleReader, PreparedPart, PreparedScan, TextTest, indexes_of, repeated_keys};
use crate::scheduler::Step;

/// A row of a part that was found, and what it scores.
struct Found {
    score: f64,
    part: u32,
    row: u32,
}

/// The visible columns of the best rows; none where the order is another one, or an index cannot tell.
pub(crate) fn best_scored(
    scan: &PartScan,
    parts: &[Arc<Part>],
    over_scan: &[Expr],
    keys: &[SortKey],
    limit: usize,
    context: &Arc<ExecContext>,
) -> Result<Option<Block>> {
    let (Some(Expr::Column { index: column, .. }), Some(SortKey { descending: true, .. })) =
        (over_scan.first(), keys.first())
    else {
        return Ok(None);
    };
    let column = *column;
    let score = scan.columns[column].score.and_then(|at| scan.scores.get(at as usize));
    let Some(score) = score.filter(|s| !s.explained && context.settings.text_indexes) else {
        return Ok(None);
    };
    let Conditions { tests, rest, more_than } = Conditions::of(scan, column, context);
    // Else rows that score nothing count too.
    let finds_all = !tests.is_empty() || more_than.is_some();
    let (fields, query) = combined(score, tests);
    for part in parts {
        if indexes_of(part, &fields)?.is_none() {
            return Ok(None);
        }
    }
    let (prepared, filters) = filtered(scan, parts, rest, context)?;
    let among_equals = keys.len() > 1;
    let searched = if among_equals { limit + limit / 4 + 32 } else { limit };
    let search = Search {
        prepared: prepared.clone(),
        column,
        fields,
        query,
        filters,
        limit: searched,
        shared: SharedThreshold::default(),
        next: AtomicUsize::new(0),
        context: context.clone(),
    };
    let mut found = search.run()?;
    if found.len() < limit && !finds_all {
        return Ok(None);
    }
    found.retain(|hit| more_than.is_none_or(|least| hit.score > least));
    let wanted = if among_equals { with_equals(found, limit, searched) } else { Some(found) };
    let Some(mut found) = wanted else { return Ok(None) };
    if !among_equals {
        sort_best(&mut found);
        found.truncate(limit);
    }
    let block = rows_of(&found, &prepared, context)?;
    if !among_equals || block.rows() == 0 {
        return Ok(Some(block));
    }
    let values = evaluator(over_scan, context)?.evaluate(&block)?;
    let types: Vec<DataType> = over_scan.iter().map(Expr::data_type).collect();
    let first = Order::new(&values, &types, keys)?.smallest(block.rows(), limit);
    Ok(Some(block.take(&first.into())?))
}

/// The conditions of a scan, by who answers them.
struct Conditions {
    /// The text indexes.
    tests: Vec<TextTest>,
    /// The columns.
    rest: Vec<Expr>,
    /// The score itself, which must be more than this.
    more_than: Option<f64>,
}

impl Conditions {
    fn of(scan: &PartScan, score: usize, context: &ExecContext) -> Conditions {
        let mut all = Conditions { tests: Vec::new(), rest: Vec::new(), more_than: None };
        for condition in &scan.filter {
            if let Some(least) = least_score(condition, score) {
                all.more_than = Some(all.more_than.map_or(least, |before| before.max(least)));
                continue;
            }
            match TextTest::of(condition, scan, context) {
                Some(test) if test.exact => all.tests.push(test),
                _ => all.rest.push(condition.clone()),
            }
        }
        all
    }
}

/// What a condition asks the score to be more than: a number from 0 on, so that only rows that match pass.
fn least_score(condition: &Expr, score: usize) -> Option<f64> {
    let Expr::Call { function, arguments, .. } = condition else { return None };
    let (column, number) = match (function.as_str(), arguments.as_slice()) {
        ("greater", [column, number]) | ("less", [number, column]) => (column, number),
        _ => return None,
    };
    let number = number.as_literal()?.as_float().filter(|number| *number >= 0.0);
    matches!(column, Expr::Column { index, .. } if *index == score).then_some(number)?
}

/// Best first; of equal scores the row of the earlier part, then the earlier row.
fn sort_best(found: &mut [Found]) {
    found.sort_by(|a, b| b.score.total_cmp(&a.score).then((a.part, a.row).cmp(&(b.part, b.row))));
}

/// The best rows with all that score as the last of them; none where there may be more of these than were searched.
fn with_equals(mut found: Vec<Found>, limit: usize, searched: usize) -> Option<Vec<Found>> {
    sort_best(&mut found);
    found.truncate(searched);
    if let Some(last) = limit.checked_sub(1).and_then(|last| found.get(last)).map(|f| f.score) {
        let matter = found.partition_point(|hit| hit.score >= last);
        if matter == searched {
            return None;
        }
        found.truncate(matter);
    }
    Some(found)
}

/// The visible columns of some rows.
fn rows_of(
    found: &[Found],
    prepared: &Arc<PreparedScan>,
    context: &Arc<ExecContext>,
) -> Result<Block> {
    context.counters.read_rows.fetch_add(found.len() as u64, Ordering::Relaxed);
    let places: Vec<Place> = found
        .iter()
        .map(|hit| {
            let granularity = prepared.parts[hit.part as usize].part.record().granularity.max(1);
            (hit.part, hit.row / granularity, (hit.row % granularity) as u16)
        })
        .collect();
    let block = fetch(prepared, &places, context)?;
    context.counters.read_bytes.fetch_add(block.memory() as u64, Ordering::Relaxed);
    Ok(block)
}

/// The query of a score under conditions that text indexes answer, and the indexes of its fields.
fn combined(score: &TextScore, tests: Vec<TextTest>) -> (Vec<u32>, Query) {
    let mut fields: Vec<u32> = score.fields.iter().map(|field| field.id).collect();
    let mut search = score.query.clone();
    let (mut implied, mut must) = (false, Vec::new());
    for test in tests {
        let places: Vec<usize> = test
            .fields
            .iter()
            .map(|id| {
                let known = fields.iter().position(|field| field == id);
                known.unwrap_or_else(|| {
                    fields.push(*id);
                    fields.len() - 1
                })
            })
            .collect();
        let query = test.query.map_fields(&|field| places.get(field).copied().unwrap_or(field));
        match (terms_of(&query), terms_of(&search)) {
            _ if query == search => implied = true,
            (Some((all, asked)), Some((false, scored))) if asked == scored => {
                // The same words: all of them must be there, or any.
                if let (true, Query::Bool { should, .. }) = (all, &mut search) {
                    search = Query::and(std::mem::take(should));
                }
                implied = true;
            }
            _ => must.push(Query::Constant(Box::new(query), 0.0)),
        }
    }
    if must.is_empty() {
        return (fields, search);
    }
    let mut should = Vec::new();
    if implied {
        must.push(search)
    } else {
        should.push(search)
    }
    (fields, Query::Bool { must, should, must_not: Vec::new(), at_least: 0 })
}

/// A field and a term of it.
type FieldTerm<'q> = (usize, &'q [u8]);

/// The different terms of a query that asks for any, or for all (`true`) of some.
fn terms_of(query: &Query) -> Option<(bool, Vec<FieldTerm<'_>>)> {
    let (all, queries) = match query {
        Query::Bool { must, should, must_not, .. } if must_not.is_empty() && should.is_empty() => {
            (true, must)
        }
        Query::Bool { must, should, must_not, at_least: 1 }
            if must_not.is_empty() && must.is_empty() =>
        {
            (false, should)
        }
        _ => return None,
    };
    let term = |query| match query {
        &Query::Term { field, ref term } => Some((field, term.as_slice())),
        _ => None,
    };
    let mut terms: Vec<FieldTerm<'_>> = queries.iter().map(term).collect::<Option<_>>()?;
    terms.sort_unstable();
    terms.dedup();
    Some((all, terms))
}

/// A scan with, for every part, the rows that meet conditions; no sets where there are no conditions.
type Filtered = (Arc<PreparedScan>, Vec<Arc<RowSet>>);

/// A scan under conditions that columns answer: from the filter cache, or anew.
fn filtered(
    scan: &PartScan,
    parts: &[Arc<Part>],
    conditions: Vec<Expr>,
    context: &Arc<ExecContext>,
) -> Result<Filtered> {
    let key = match scan.optional.as_slice() {
        [] => repeated_keys(&conditions, &scan.columns, context),
        _ => None,
    };
    let kept = key.and_then(|key| context.caches.filters.rows(parts, key));
    let filter = if kept.is_some() { Vec::new() } else { conditions };
    let prepared = PreparedScan::new(&PartScan { filter, ..scan.clone() }, parts, context)?;
    let prepared = Arc::new(prepared);
    prepared.unify(context)?;
    let sets = match kept {
        Some(kept) => of_prepared(&prepared, parts, &kept)?,
        None if prepared.is_filtered() => {
            let passing = passing(&prepared, context)?;
            if let Some(key) = key {
                keep_passing(&prepared, parts, &passing, key, context);
            }
            passing
        }
        None => Vec::new(),
    };
    Ok((prepared, sets))
}

/// For every part the rows that meet the conditions of a scan.
fn passing(prepared: &Arc<PreparedScan>, context: &Arc<ExecContext>) -> Result<Vec<Arc<RowSet>>> {
    let mut granules = Vec::new();
    for (at, part) in prepared.parts.iter().enumerate() {
        granules.extend(part.granules.iter().map(|granule| (at, *granule)));
    }
    let sets = prepared.parts.iter().map(|part| RowSet::new(part.part.rows() as u32));
    let sets: Arc<Mutex<Vec<RowSet>>> = Arc::new(Mutex::new(sets.collect()));
    let lanes = context.settings.threads.clamp(1, granules.len().max(1));
    let lanes = (0..lanes).map(|_| GranuleReader::new(prepared.clone())).collect();
    let next = AtomicUsize::new(0);
    let (own, scan, out) = (context.clone(), prepared.clone(), sets.clone());
    context.scheduler.run(lanes, move |reader: &mut GranuleReader| {
        own.cancel.check()?;
        let Some((at, granule)) = granules.get(next.fetch_add(1, Ordering::Relaxed)).copied()
        else {
            return Ok(Step::Done);
        };
        let part = &scan.parts[at];
        let rows = part.part.granule_rows(granule);
        own.counters.read_rows.fetch_add(rows as u64, Ordering::Relaxed);
        let Some(selection) = reader.select(part, granule, &mut Vec::new())? else {
            return Ok(Step::Again);
        };
        let first = part.part.granule_start(granule) as u32;
        let mut sets = out.lock();
        match selection {
            Some(rows) => rows.iter().for_each(|row| sets[at].insert(first + u32::from(*row))),
            None => (first..first + rows as u32).for_each(|row| sets[at].insert(row)),
        }
        Ok(Step::Again)
    })?;
    let sets = std::mem::take(&mut *sets.lock());
    Ok(sets.into_iter().map(Arc::new).collect())
}

/// For every prepared part its set among those of all parts, which stand in the same order.
fn of_prepared(
    prepared: &PreparedScan,
    parts: &[Arc<Part>],
    sets: &[Arc<RowSet>],
) -> Result<Vec<Arc<RowSet>>> {
    let mut all = parts.iter().zip(sets);
    let set_of = |part: &PreparedPart| match all.find(|(p, _)| Arc::ptr_eq(p, &part.part)) {
        Some((_, set)) => Ok(set.clone()),
        None => bail!(LogicalError, "no rows are kept of part {}", part.part.name()),
    };
    prepared.parts.iter().map(set_of).collect()
}

/// Keeps the rows of all parts that meet the conditions of a scan; parts that it left out have none.
fn keep_passing(
    prepared: &PreparedScan,
    parts: &[Arc<Part>],
    sets: &[Arc<RowSet>],
    key: Key,
    context: &ExecContext,
) {
    let mut left = prepared.parts.iter().zip(sets).peekable();
    for part in parts {
        let set = match left.next_if(|(own, _)| Arc::ptr_eq(&own.part, part)) {
            Some((_, set)) => set.clone(),
            None => Arc::new(RowSet::new(part.rows() as u32)),
        };
        context.caches.filters.keep_rows(part, key, set);
    }
}

struct Search {
    prepared: Arc<PreparedScan>,
    /// The column of the score.
    column: usize,
    fields: Vec<u32>,
    query: Query,
    /// By part, where there are conditions.
    filters: Vec<Arc<RowSet>>,
    limit: usize,
    shared: SharedThreshold,
    next: AtomicUsize,
    context: Arc<ExecContext>,
}

impl Search {
    /// The best rows of all parts and some more, in no order.
    fn run(self) -> Result<Vec<Found>> {
        let mut parts = self.prepared.parts.len();
        let scheduler = self.context.scheduler.clone();
        if parts <= 1 {
            let mut found = Vec::new();
            while parts > 0 {
                parts -= 1;
                self.search(parts, &mut found)?;
            }
            return Ok(found);
        }
        let lanes = self.context.settings.threads.clamp(1, parts);
        let lanes = (0..lanes).map(|_| Vec::new()).collect();
        let lanes = scheduler.run(lanes, move |found: &mut Vec<Found>| {
            self.context.cancel.check()?;
            let at = self.next.fetch_add(1, Ordering::Relaxed);
            if at >= parts {
                return Ok(Step::Done);
            }
            self.search(at, found)?;
            Ok(Step::Again)
        })?;
        Ok(lanes.into_iter().flatten().collect())
    }

    fn search(&self, at: usize, found: &mut Vec<Found>) -> Result<()> {
        if self.filters.get(at).is_some_and(|rows| rows.words().iter().all(|word| *word == 0)) {
            return Ok(());
        }
        let part = &self.prepared.parts[at].part;
        let Some(score) = self.prepared.score(self.column) else { return Ok(()) };
        let Some(indexes) = indexes_of(part, &self.fields)? else {
            bail!(LogicalError, "part {} lost a text index", part.name());
        };
        let fields: Vec<&Index> = indexes.iter().map(AsRef::as_ref).collect();
        let restriction =
            Restriction { filter: self.filters.get(at).map(AsRef::as_ref), deleted: None };
        let hits = Searcher::new(&fields)
            .with_bm25(score.score.bm25)
            .with_restriction(restriction)
            .top(&self.query, &score.statistics, self.limit, Some(&self.shared))
            .map_err(|e| e.within(format!("Part {}", part.name())))?;
        let part = at as u32;
        found.extend(hits.into_iter().map(|hit| Found { score: hit.score, part, row: hit.row }));
        Ok(())
    }
}
