//! Aggregation: rows get group numbers, accumulators are columns indexed by them.
//!
//! Which way is taken, from the keys and from the first rows:
//! 1. No keys: one group a lane, merged at the end.
//! 2. One key that is a code of a dictionary which all blocks share, and rows enough to fill it: the code is the
//!    group number.
//! 3. Packed keys in a hash table a lane, merged at the end; keys of few bits, as zone maps tell, in an array.
//! 4. Where the first rows of a large input have mostly different keys: rows are cut by hash into
//!    partitions, and each partition is grouped by one lane, in cache, when all rows are there.
//!
//! Groups that do not fit into memory go to a temporary file: see `spilled`.
//!
//! An aggregation can be cut in two: its first half gives serialized states out instead of results, its
//! second takes such states in instead of rows (see [`Stage`]); both go the same ways.

mod batch;
mod calls;
mod code_set;
mod distinct;
mod enough;
mod grouped;
mod keys;
pub(crate) mod merged;
mod number_codes;
mod output;
mod partitioned;
mod runs;
mod side_by_side;
mod spilled;
mod states;
mod two_steps;

use std::sync::Arc;

use base::{ErrorCode, Result, bail};
use expr::{Evaluator, Expr};
use parking_lot::{Mutex, MutexGuard};
use plan::{AggregateCall, Aggregation, SortKey};
use types::{Block, DataType, Dictionary};

use crate::caches::FirstUse;
use crate::context::ExecContext;
use crate::pipeline::{BlockReader, Bounds, Source, evaluator, execute_for, lane_count};
use crate::scheduler::Step;

pub(crate) use batch::Batch;
use calls::{BoundCall, bind_calls};
use enough::Enough;
use grouped::{Groups, Numbering};
use keys::{KeyEncoder, Packed};
use output::InMemory;
use partitioned::{Partitioned, finish_partitions};
use spilled::SpilledGroups;

pub(crate) use distinct::{KeyedCounter, distinct};

/// Rows of a lane by which it is decided whether to partition: one in so many of the input's, within bounds.
const DECIDING_SHARE: usize = 64;
const DECIDING_ROWS: std::ops::RangeInclusive<usize> = 16_384..=65_536;

/// Blocks of a lane after which no more is learned of how many will come.
const GUIDED_BLOCKS: usize = 8;

/// Keys of so many bits number an array of groups, which takes no more than the second cache has.
const DIRECT_BITS: u32 = 18;

/// Inputs smaller than this are never partitioned.
const PARTITIONED_INPUT: usize = 1_000_000;

/// Which half of an aggregation is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Both: rows in, results out.
    Whole,
    /// Rows in, a column of serialized states a call out.
    Partial,
    /// Such columns in, results out.
    Merge,
}

/// What is computed over the rows of a source.
pub(crate) struct Grouping {
    pub(crate) keys: Vec<Expr>,
    pub(crate) calls: Vec<AggregateCall>,
    pub(crate) limit: Option<u64>,
    pub(crate) top: Option<(Vec<SortKey>, u64)>,
    pub(crate) stage: Stage,
    /// Whether codes of integers may be given out: what reads the groups knows them.
    pub(crate) codes_leave: bool,
    /// With more groups than these the whole fails.
    pub(crate) most_groups: usize,
    /// Wants to know how many groups there are.
    pub(crate) first_use: Option<FirstUse>,
}

/// Once it is known: whether lanes partition their rows, and into how many partitions.
type Decision = Option<Option<usize>>;

/// What all lanes of an aggregation share.
pub(crate) struct Shared {
    pub(crate) evaluator: Arc<Evaluator>,
    pub(crate) key_types: Vec<DataType>,
    pub(crate) dictionaries: Vec<Option<Arc<dyn Dictionary>>>,
    pub(crate) bounds: Vec<Option<Bounds>>,
    pub(crate) calls: Vec<BoundCall>,
    /// Groups that are given out.
    pub(crate) limit: usize,
    /// Groups that are numbered.
    enough: Enough,
    pub(crate) top: Option<(Vec<SortKey>, u64)>,
    pub(crate) stage: Stage,
    codes_leave: bool,
    most_groups: usize,
    first_use: Option<FirstUse>,
    pub(crate) context: Arc<ExecContext>,
    may_partition: bool,
    /// Rows of a lane by which it is decided.
    deciding_rows: usize,
    /// Only rows are counted, if anything: runs of equal keys collapse, and their lengths are summed.
    runs: bool,
    /// How groups are numbered.
    numbering: Numbering,
    decision: Mutex<Decision>,
    source: Arc<dyn Source>,
    /// Cuts the keys of all lanes alike.
    hasher: hashbrown::DefaultHashBuilder,
}

struct Lane {
    reader: Box<dyn BlockReader>,
    /// Rows read.
    read: usize,
    /// The first blocks, as they were counted.
    blocks: usize,
    encoder: KeyEncoder,
    waiting: Vec<Batch>,
    waiting_rows: usize,
    groups: Groups,
    partitioned: Option<Partitioned>,
    spilled: Option<SpilledGroups>,
    held: base::Reservation,
    /// No more rows are to be read.
    over: bool,
    /// Blocks one after another in which keys did not come in runs.
    without_runs: u32,
}

/// Runs an aggregation over its input.
pub(crate) fn aggregate(
    aggregation: Aggregation,
    first_use: Option<FirstUse>,
    context: &Arc<ExecContext>,
) -> Result<Box<dyn Source>> {
    let source: Arc<dyn Source> =
        execute_for(aggregation.input.as_ref().clone(), true, context)?.into();
    source.want_codes(&number_codes::wanted(&aggregation.keys, &aggregation.calls))?;
    if let Some(done) = side_by_side::run(&aggregation, &source, context)? {
        return Ok(done);
    }
    let Aggregation { keys, calls, limit, top, .. } = aggregation;
    let (codes_leave, stage, most_groups) = (false, Stage::Whole, usize::MAX);
    let grouping = Grouping { keys, calls, limit, top, stage, codes_leave, most_groups, first_use };
    group(source, grouping, context)
}

/// Groups the rows of a source.
pub(crate) fn group(
    source: Arc<dyn Source>,
    grouping: Grouping,
    context: &Arc<ExecContext>,
) -> Result<Box<dyn Source>> {
    if let Some((first, second)) = two_steps::split(&grouping, source.as_ref()) {
        return group(group(source, first, context)?.into(), second, context);
    }
    let shared = Arc::new(prepare(grouping, source.clone(), context)?);
    let mut lanes = Vec::new();
    for _ in 0..lane_count(source.as_ref(), context) {
        lanes.push(Lane {
            reader: source.reader()?,
            read: 0,
            blocks: 0,
            encoder: shared.encoder(),
            waiting: Vec::new(),
            waiting_rows: 0,
            groups: Groups::new(&shared.calls, shared.numbering).at_most(shared.enough.most()),
            partitioned: None,
            spilled: None,
            held: context.budget.reservation(),
            over: false,
            without_runs: 0,
        });
    }
    let own = shared.clone();
    let lanes = context.scheduler.run(lanes, move |lane: &mut Lane| own.step(lane))?;
    shared.finish(lanes)
}

fn prepare(
    grouping: Grouping,
    source: Arc<dyn Source>,
    context: &Arc<ExecContext>,
) -> Result<Shared> {
    let Grouping { mut keys, calls, limit, top, stage, codes_leave, most_groups, first_use } =
        grouping;
    let key_types: Vec<DataType> =
        keys.iter().map(|k| k.data_type().without_low_cardinality()).collect();
    let shared_dictionary = |e: &Expr| match e {
        Expr::Column { index, .. } => source.dictionary(*index),
        _ => None,
    };
    // Codes mean nothing outside, so states that leave are of values.
    let codes = |e: &Expr| if stage == Stage::Whole { shared_dictionary(e) } else { None };
    let (mut calls, mut arguments) = bind_calls(&calls, !keys.is_empty(), &codes, context)?;
    if stage == Stage::Merge {
        keys = keys.iter().enumerate().map(|(at, k)| Expr::column(at, k.data_type())).collect();
        arguments = calls::states_as_arguments(&mut calls, keys.len());
    }
    let dictionaries: Vec<_> = keys.iter().map(shared_dictionary).collect();
    let known_bounds = |e: &Expr| match e {
        Expr::Column { index, .. } => source.bounds(*index),
        _ => None,
    };
    let bounds: Vec<_> = keys.iter().map(known_bounds).collect();
    let mut expressions = keys;
    expressions.extend(arguments);
    let encoder = KeyEncoder::new(&key_types, &dictionaries, &bounds);
    let rows = source.rows().unwrap_or(usize::MAX);
    let alone = calls.is_empty() || lane_count(source.as_ref(), context) == 1;
    let (limit, enough) = enough::of(limit, alone, encoder.is_shared(), stage, context);
    let numbering = numbering(&encoder, rows, !key_types.is_empty(), limit == usize::MAX);
    let runs =
        stage == Stage::Whole && !key_types.is_empty() && calls.iter().all(BoundCall::counts_rows);
    if runs {
        calls = calls::sums_of_lengths(calls.len(), context)?;
    }
    let may_partition = !key_types.is_empty()
        && encoder.is_shared()
        && numbering == Numbering::Hashed
        && enough.is_all()
        && context.settings.limits.groups.rows == 0
        && rows >= PARTITIONED_INPUT;
    Ok(Shared {
        evaluator: evaluator(&expressions, context)?,
        key_types,
        dictionaries,
        bounds,
        calls,
        limit,
        enough,
        top,
        stage,
        codes_leave,
        most_groups,
        first_use,
        context: context.clone(),
        may_partition,
        deciding_rows: (rows / DECIDING_SHARE).clamp(*DECIDING_ROWS.start(), *DECIDING_ROWS.end()),
        runs,
        numbering,
        decision: Mutex::new(None),
        source,
        hasher: hashbrown::DefaultHashBuilder::default(),
    })
}

/// How groups of so many rows are numbered; with `all` every one is needed.
fn numbering(encoder: &KeyEncoder, rows: usize, has_keys: bool, all: bool) -> Numbering {
    match encoder.only_dictionary().filter(|size| size / 2 <= rows && all) {
        _ if !has_keys => Numbering::One,
        Some(size) => Numbering::Identity(size),
        None if encoder.bits() <= DIRECT_BITS && rows >> encoder.bits() > 0 => {
            Numbering::Direct(encoder.bits())
        }
        None => Numbering::Hashed,
    }
}

impl Shared {
    fn encoder(&self) -> KeyEncoder {
        KeyEncoder::new(&self.key_types, &self.dictionaries, &self.bounds)
    }

    fn step(&self, lane: &mut Lane) -> Result<Step> {
        self.context.cancel.check()?;
        let Some(block) = lane.reader.next()? else {
            if !lane.waiting.is_empty() {
                self.decide(lane, self.decision.lock())?;
            }
            return Ok(Step::Done);
        };
        if block.rows() == 0 {
            return Ok(Step::Again);
        }
        lane.read += block.rows();
        if lane.blocks < GUIDED_BLOCKS {
            self.evaluator.expect_rows(self.source.expected_rows());
            lane.blocks += 1;
        }
        for batch in self.batch(lane, block)?.pieces() {
            self.take(lane, batch)?;
        }
        Ok(if lane.over { Step::Done } else { Step::Again })
    }

    /// Takes some rows in.
    fn take(&self, lane: &mut Lane, batch: Batch) -> Result<()> {
        if let Some(partitioned) = &mut lane.partitioned {
            partitioned.add(batch)?;
            let bytes = partitioned.memory();
            if self.must_spill(lane, bytes)? {
                self.leave_partitions(lane)?;
            }
        } else if self.may_partition && lane.groups.is_empty() && lane.spilled.is_none() {
            lane.waiting_rows += batch.rows;
            lane.waiting.push(batch);
            // While another lane looks at its rows, this one goes on reading.
            if lane.waiting_rows >= self.deciding_rows
                && let Some(decision) = self.decision.try_lock()
            {
                self.decide(lane, decision)?;
            }
        } else {
            self.add(lane, &batch)?;
        }
        Ok(())
    }

    fn add(&self, lane: &mut Lane, batch: &Batch) -> Result<()> {
        lane.groups.add(batch, self)?;
        self.agree(lane)?;
        if !self.key_types.is_empty() {
            if !matches!(self.numbering, Numbering::Identity(_)) {
                self.check_groups(lane.groups.len())?;
            }
            let groups = lane.groups.len() as u64;
            let limit = self.context.settings.limits.groups;
            lane.over |= limit.is_over(groups, "rows to GROUP BY", ErrorCode::TooManyRows)?;
        }
        let bytes = lane.groups.memory() + lane.encoder.memory();
        if self.must_spill(lane, bytes)? {
            self.spill(lane)?;
        }
        Ok(())
    }

    /// Fails where there are more groups than anybody wants.
    fn check_groups(&self, groups: usize) -> Result<()> {
        match self.most_groups {
            usize::MAX => Ok(()),
            most if groups <= most => Ok(()),
            most => bail!(TooManyRows, "more than {most} groups"),
        }
    }

    /// Grows a lane's reservation, or says that its groups have to go.
    fn must_spill(&self, lane: &mut Lane, bytes: usize) -> Result<bool> {
        if self.key_types.is_empty() || !self.enough.is_all() {
            lane.held.resize(bytes)?;
            return Ok(false);
        }
        self.context.must_spill(&mut lane.held, bytes, self.context.settings.spill_groups)
    }

    /// Groups the rows that a lane has gathered for partitions, and spills the groups as needed.
    fn leave_partitions(&self, lane: &mut Lane) -> Result<()> {
        let Some(partitioned) = lane.partitioned.take() else { return Ok(()) };
        let gathered = lane.held.bytes();
        let most = self.context.settings.spill_groups / self.context.settings.threads.max(1);
        for batch in partitioned.into_batches() {
            self.context.cancel.check()?;
            lane.groups.add(&batch, self)?;
            // The rows are still held, so groups may only take as much again.
            if lane.groups.memory() > gathered.min(most) {
                self.spill(lane)?;
                lane.held.resize(gathered)?;
            }
        }
        let bytes = lane.groups.memory() + lane.encoder.memory();
        if self.must_spill(lane, bytes)? { self.spill(lane) } else { Ok(()) }
    }

    fn batch(&self, lane: &mut Lane, block: Block) -> Result<Batch> {
        let mut columns = self.evaluator.evaluate(&block)?;
        let arguments = columns.split_off(self.key_types.len());
        if self.runs && !columns.is_empty() {
            return self.run_batch(lane, &columns, block.rows());
        }
        let keys = if columns.is_empty() {
            Packed::Narrow(Vec::new())
        } else {
            lane.encoder.encode(&columns, block.rows())?
        };
        let arguments = calls::prepare_arguments(&self.calls, arguments)?;
        Ok(Batch { keys, arguments, rows: block.rows() })
    }

    /// Looks at the first rows: mostly different keys are partitioned. All lanes go the same way.
    fn decide(&self, lane: &mut Lane, mut decision: MutexGuard<'_, Decision>) -> Result<()> {
        let partitions = *decision.get_or_insert_with(|| {
            let rows = self.source.rows().unwrap_or(usize::MAX);
            let lanes = self.context.settings.threads.max(1);
            let enough = lane.waiting_rows >= *DECIDING_ROWS.start();
            enough.then(|| partitioned::partitions(&lane.waiting, lane.read, rows, lanes)).flatten()
        });
        drop(decision);
        if partitions.is_some() {
            // Keys that are mostly different.
            self.check_groups(usize::MAX)?;
        }
        let waiting = std::mem::take(&mut lane.waiting);
        if let Some(partitions) = partitions {
            let mut partitioned = Partitioned::new(partitions);
            for batch in waiting {
                partitioned.add(batch)?;
            }
            lane.partitioned = Some(partitioned);
        } else {
            for batch in waiting {
                lane.groups.add(&batch, self)?;
            }
        }
        Ok(())
    }

    fn finish(self: &Arc<Self>, lanes: Vec<Lane>) -> Result<Box<dyn Source>> {
        if let Some(first_use) = &self.first_use {
            let many = |lane: &Lane| lane.partitioned.is_some() || lane.spilled.is_some();
            let of_lane = |lane: &Lane| if many(lane) { usize::MAX } else { lane.groups.len() };
            first_use.note(lanes.iter().map(of_lane).max().unwrap_or(0), &self.context.caches);
        }
        let spilled = lanes.iter().any(|lane| lane.spilled.is_some());
        // Bringing tables together may take as much again as they hold.
        let held: usize = lanes.iter().map(|lane| lane.held.bytes()).sum();
        let large = held > self.context.settings.spill_groups / 2 && lanes.len() > 1;
        let can = !self.key_types.is_empty() && self.enough.is_all();
        if can && (spilled || large) {
            return self.finish_spilled(lanes);
        }
        let (blocks, held) = self.finish_in_memory(lanes)?;
        let (mut dictionaries, bounds) = (self.dictionaries.clone(), self.bounds.clone());
        for (dictionary, data_type) in dictionaries.iter_mut().zip(&self.key_types) {
            if !self.codes_leave && number_codes::is_number(data_type) {
                *dictionary = None;
            }
        }
        let mut groups = InMemory::new(blocks, held);
        (groups.dictionaries, groups.bounds) = (dictionaries, bounds);
        Ok(Box::new(groups))
    }

    /// All groups, and what holds their memory.
    fn finish_in_memory(
        self: &Arc<Self>,
        lanes: Vec<Lane>,
    ) -> Result<(Vec<Block>, Vec<base::Reservation>)> {
        if self.decision.lock().flatten().is_some() {
            let mut partitioned = Vec::new();
            for lane in lanes {
                partitioned.extend(lane.partitioned);
            }
            return finish_partitions(self, partitioned);
        }
        let mut all = lanes.into_iter();
        let Some(mut first) = all.next() else { return Ok((Vec::new(), Vec::new())) };
        self.agree(&mut first)?;
        for mut lane in all {
            self.agree(&mut lane)?;
            self.merge(&mut first, lane)?;
            first.held.resize(first.groups.memory() + first.encoder.memory())?;
        }
        if self.key_types.is_empty() {
            first.groups.conclude();
        }
        let agreed = self.agreed(&mut first)?;
        let mut held = self.context.budget.reservation();
        let (encoder, groups) = (&first.encoder, &mut first.groups);
        let blocks = match agreed {
            Some(agreed) => output::chunks(self, encoder, groups, &agreed, &mut held),
            None => output::blocks(self, encoder, groups, &mut held),
        }?;
        Ok((blocks, vec![held]))
    }

    /// Takes the groups of another lane into a lane's.
    fn merge(&self, into: &mut Lane, from: Lane) -> Result<()> {
        if into.encoder.is_shared() || self.key_types.is_empty() {
            return into.groups.merge(from.groups, self.enough.most());
        }
        let keys = from.groups.packed_keys();
        if keys.is_empty() {
            return Ok(());
        }
        let columns = from.encoder.decode(&keys)?;
        let packed = into.encoder.encode(&columns, keys.len())?;
        into.groups.merge_as(&packed, from.groups, self.enough.most())
    }
}
