//! ORDER BY ... LIMIT over a table: the first rows are found by their keys alone, granules are skipped once
//! they can't hold one, and the other columns are fetched for the winners only.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use base::Result;
use expr::{Evaluator, Expr};
use plan::{PartScan, Plan, SortKey};
use storage::{Extremes, Part, TableSnapshot};
use types::{Block, Column, DataType};

use crate::context::ExecContext;
use crate::fetch::{Place, fetch};
use crate::order::Order;
use crate::partials::top_rows;
use crate::pipeline::{Materialized, Source, evaluator};
use crate::scan::{GranuleReader, PreparedScan};
use crate::scheduler::Step;
use crate::search_top::best_scored;

/// Orders with more rows than this are sorted plainly.
const MOST_ROWS: u64 = 10_000;

/// Rows that a lane gathers before it drops all but the first.
const GATHERED: usize = 16_384;

/// Whether a plan's order could be done here.
pub(crate) enum Tried {
    /// The rows in order.
    Done(Box<dyn Source>),
    /// It could not; the plan and keys unchanged.
    Not(Box<Plan>, Vec<SortKey>),
}

struct Lane {
    reader: GranuleReader,
    keys: Vec<Block>,
    places: Vec<Place>,
}

struct Top {
    prepared: Arc<PreparedScan>,
    evaluator: Arc<Evaluator>,
    /// Columns of the scan that the keys are computed from, sorted.
    needed: Vec<usize>,
    keys: Vec<SortKey>,
    key_types: Vec<DataType>,
    limit: usize,
    /// Column and direction by whose zone maps granules are visited and skipped.
    guide: Option<(usize, bool)>,
    /// The worst first key of `limit` rows that some lane has, in the order's direction.
    bound: AtomicU64,
    granules: Vec<(u32, u32, u64)>,
    next: AtomicUsize,
    context: Arc<ExecContext>,
}

/// An order over a scan, possibly below a projection.
pub(crate) struct OverScan {
    pub(crate) scan: PartScan,
    pub(crate) snapshot: Arc<TableSnapshot>,
    /// The keys over the scan's columns.
    pub(crate) over_scan: Vec<Expr>,
    /// The projection.
    expressions: Option<Vec<Expr>>,
    pub(crate) limit: usize,
}

impl OverScan {
    /// `None` where it is over something else, or of too many rows.
    pub(crate) fn of(
        input: &Plan,
        keys: &[SortKey],
        limit: Option<u64>,
    ) -> Result<Option<OverScan>> {
        let Some(limit) = limit.filter(|limit| *limit <= MOST_ROWS) else { return Ok(None) };
        let (scan, expressions) = match input {
            Plan::Scan(scan) => (scan, None),
            Plan::Project { input: below, expressions, .. } => match below.as_ref() {
                Plan::Scan(scan) => (scan, Some(expressions)),
                _ => return Ok(None),
            },
            _ => return Ok(None),
        };
        let Some((scan, snapshot)) = scan.of_parts()? else { return Ok(None) };
        if !snapshot.memory.is_empty() || snapshot.parts.is_empty() || scan.limit.is_some() {
            return Ok(None);
        }
        let projected = |expression: Expr| match (expression, expressions) {
            (Expr::Column { index, .. }, Some(expressions)) if index < expressions.len() => {
                expressions[index].clone()
            }
            (other, _) => other,
        };
        let over_scan = keys.iter().map(|k| k.expression.clone().transform(&mut |e| projected(e)));
        Ok(Some(OverScan {
            scan,
            snapshot: snapshot.clone(),
            over_scan: over_scan.collect(),
            expressions: expressions.cloned(),
            limit: limit as usize,
        }))
    }
}

/// Which rows of a scan are wanted.
#[derive(Clone, Copy)]
pub(crate) struct TopQuestion<'q> {
    pub(crate) scan: &'q PartScan,
    /// The keys over the scan's columns.
    pub(crate) over_scan: &'q [Expr],
    /// How they sort.
    pub(crate) keys: &'q [SortKey],
    pub(crate) limit: usize,
}

/// Finds the first rows of an order over a scan, possibly below a projection.
pub(crate) fn try_top(
    input: Plan,
    keys: Vec<SortKey>,
    limit: Option<u64>,
    context: &Arc<ExecContext>,
) -> Result<Tried> {
    let Some(OverScan { scan, snapshot, over_scan, expressions, limit }) =
        OverScan::of(&input, &keys, limit)?
    else {
        return Ok(Tried::Not(Box::new(input), keys));
    };
    let rows = match best_scored(&scan, &snapshot.parts, &over_scan, &keys, limit, context)? {
        Some(rows) => rows,
        None => {
            let question = TopQuestion { scan: &scan, over_scan: &over_scan, keys: &keys, limit };
            match top_rows::first_rows(&question, &snapshot.parts, context)? {
                Some(rows) => rows,
                None => first_rows(&question, &snapshot.parts, context)?,
            }
        }
    };
    let block = match (expressions, rows.rows()) {
        (_, 0) => return Ok(Tried::Done(Box::new(Materialized::new(Vec::new())))),
        (Some(expressions), count) => {
            let columns = evaluator(&expressions, context)?.evaluate(&rows)?;
            Block::new(columns, count)
        }
        (None, _) => rows,
    };
    Ok(Tried::Done(Box::new(Materialized::new(vec![block]))))
}

fn first_rows(
    question: &TopQuestion<'_>,
    parts: &[Arc<Part>],
    context: &Arc<ExecContext>,
) -> Result<Block> {
    let prepared = Arc::new(PreparedScan::new(question.scan, parts, context)?);
    let (_, places) = first_places(question, &prepared, context)?;
    fetch(&prepared, &places, context)
}

/// The keys of the first rows in their order, and where these lie; keys without columns where there is no row.
pub(crate) fn first_places(
    question: &TopQuestion<'_>,
    prepared: &Arc<PreparedScan>,
    context: &Arc<ExecContext>,
) -> Result<(Block, Vec<Place>)> {
    let TopQuestion { over_scan, keys, limit, .. } = *question;
    prepared.unify(context)?;
    let mut needed: Vec<usize> = over_scan.iter().flat_map(Expr::columns).collect();
    needed.sort_unstable();
    needed.dedup();
    let place = |column: usize| needed.partition_point(|n| *n < column);
    let compact: Vec<Expr> = over_scan.iter().map(|e| e.clone().remap(&place)).collect();
    let guide = match &over_scan[0] {
        Expr::Column { index, .. } => Some((*index, keys[0].descending)),
        _ => None,
    };
    let mut granules = Vec::new();
    for (at, part) in prepared.parts.iter().enumerate() {
        for granule in &part.granules {
            let best = guide.map_or(0, |(column, descending)| {
                best_of(prepared, at, *granule, column, descending)
            });
            granules.push((at as u32, *granule as u32, best));
        }
    }
    granules.sort_by_key(|(.., best)| *best);
    let top = Arc::new(Top {
        evaluator: evaluator(&compact, context)?,
        needed,
        key_types: over_scan.iter().map(Expr::data_type).collect(),
        keys: keys.to_vec(),
        limit,
        guide,
        bound: AtomicU64::new(u64::MAX),
        granules,
        next: AtomicUsize::new(0),
        prepared: prepared.clone(),
        context: context.clone(),
    });
    let few = top.granules.len() <= 2;
    let count = if few { 1 } else { context.settings.threads.max(1) };
    let lanes = (0..count)
        .map(|_| Lane {
            reader: GranuleReader::new(prepared.clone()),
            keys: Vec::new(),
            places: Vec::new(),
        })
        .collect();
    let own = top.clone();
    let lanes = context.scheduler.run(lanes, move |lane: &mut Lane| own.step(lane))?;
    let (mut blocks, mut places) = (Vec::new(), Vec::new());
    for lane in lanes {
        blocks.extend(lane.keys);
        places.extend(lane.places);
    }
    top.best(blocks, places)
}

/// The best value of the guiding key that a granule can hold, as a number that is less for better ones.
fn best_of(
    prepared: &PreparedScan,
    part: usize,
    granule: usize,
    column: usize,
    descending: bool,
) -> u64 {
    let part = &prepared.parts[part];
    let Some(chunk) = &part.chunks[column] else { return 0 };
    let zone = chunk.zone(granule);
    if zone.nulls > 0 {
        return 0;
    }
    let (min, max) = match zone.extremes {
        Extremes::Int { min, max } => match (i64::try_from(min), i64::try_from(max)) {
            (Ok(min), Ok(max)) => (ordered(min), ordered(max)),
            _ => return 0,
        },
        Extremes::Codes { min, max } => {
            let guard = part.unified.read();
            // The empty string is often filtered out: then the least of the others counts.
            let least = match (prepared.excludes_empty(column), zone.min_filled_code) {
                (true, Some(code)) => code,
                _ => min,
            };
            match &guard[column] {
                Some((at, global)) => {
                    let map = global.translation(*at);
                    let place = |code: u32| map.get(code as usize).map_or(0, |c| u64::from(*c));
                    (place(least), place(max))
                }
                None if prepared.parts.len() == 1 => (u64::from(least), u64::from(max)),
                None => return 0,
            }
        }
        _ => return 0,
    };
    if descending { !max } else { min }
}

fn ordered(value: i64) -> u64 {
    (value as u64) ^ (1 << 63)
}

impl Top {
    fn step(&self, lane: &mut Lane) -> Result<Step> {
        self.context.cancel.check()?;
        let at = self.next.fetch_add(1, Ordering::Relaxed);
        let Some((part, granule, best)) = self.granules.get(at).copied() else {
            return Ok(Step::Done);
        };
        if self.guide.is_some() && best > self.bound.load(Ordering::Relaxed) {
            // Granules come in the order of their best value.
            return Ok(Step::Done);
        }
        let prepared_part = &self.prepared.parts[part as usize];
        let rows = prepared_part.part.granule_rows(granule as usize);
        self.context.counters.read_rows.fetch_add(rows as u64, Ordering::Relaxed);
        let mut cached = Vec::new();
        let Some(selection) = lane.reader.select(prepared_part, granule as usize, &mut cached)?
        else {
            return Ok(Step::Again);
        };
        let block = lane.reader.some_columns(
            prepared_part,
            granule as usize,
            &selection,
            &self.needed,
            &cached,
        )?;
        let keys = self.evaluator.evaluate_columns(block.columns(), block.rows())?;
        let mut keys = Block::new(keys, block.rows());
        let mut places: Vec<Place> = match &selection {
            Some(rows) => rows.iter().map(|row| (part, granule, *row)).collect(),
            None => (0..rows).map(|row| (part, granule, row as u16)).collect(),
        };
        // Also as many as are wanted: what tightens the bound must be in order.
        if keys.rows() >= self.limit {
            (keys, places) = self.best(vec![keys], places)?;
        }
        lane.keys.push(keys);
        lane.places.extend(places);
        let gathered = lane.places.len();
        if gathered >= GATHERED.min(self.limit.max(64) * 4).max(self.limit) {
            let (keys, places) =
                self.best(std::mem::take(&mut lane.keys), std::mem::take(&mut lane.places))?;
            self.tighten(&keys)?;
            lane.keys = vec![keys];
            lane.places = places;
        } else if gathered >= self.limit && lane.keys.len() == 1 {
            self.tighten(&lane.keys[0])?;
        }
        Ok(Step::Again)
    }

    /// The first rows of some, in order.
    fn best(&self, blocks: Vec<Block>, places: Vec<Place>) -> Result<(Block, Vec<Place>)> {
        let blocks: Vec<Block> = blocks.into_iter().filter(|b| b.rows() > 0).collect();
        if blocks.is_empty() {
            return Ok((Block::new(Vec::new(), 0), Vec::new()));
        }
        let all = Block::concat(&blocks)?;
        let order = Order::new(all.columns(), &self.key_types, &self.keys)?;
        let first = order.smallest(all.rows(), self.limit);
        let places = first.iter().map(|row| places[*row as usize]).collect();
        Ok((all.take(&first.into())?, places))
    }

    /// Tells all lanes the worst first key of enough rows.
    fn tighten(&self, keys: &Block) -> Result<()> {
        if self.guide.is_none() || keys.rows() < self.limit || self.limit == 0 {
            return Ok(());
        }
        let descending = self.keys[0].descending;
        let last = keys.rows() - 1;
        // Blocks are sorted by `best`, so the last row is the worst.
        let word = match keys.column(0) {
            Column::Dictionary(coded) if coded.nulls.is_none() => u64::from(coded.codes[last]),
            Column::Dictionary(_) => return Ok(()),
            other => match other.value(&self.key_types[0], last)?.as_int() {
                // The upper half of UUID and IPv6 looks negative here.
                Some(value) if value < 0 && self.key_types[0].is_unsigned_128() => return Ok(()),
                Some(value) => match i64::try_from(value) {
                    Ok(value) => ordered(value),
                    Err(_) => return Ok(()),
                },
                None => return Ok(()),
            },
        };
        let word = if descending { !word } else { word };
        self.bound.fetch_min(word, Ordering::Relaxed);
        Ok(())
    }
}
