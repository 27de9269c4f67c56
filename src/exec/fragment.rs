//! Running fragments: the call that a worker makes with nothing but the disk that the parts lie on, and
//! the other half, which brings partial groups together.
//!
//! A query of one machine reads its parts through the same scan value (see `scan::of_parts`), so that no scan
//! comes to need what a fragment can't carry.

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::Array;
use base::{CancelToken, MemoryBudget, Result, bail};
use expr::Registry;
use plan::{Fragment, PartialAggregation};
use storage::{Part, PartAddress, PartReader};
use types::{Block, Column, Physical};

use crate::aggregate::{self, Grouping, Stage};
use crate::caches::Caches;
use crate::context::{Counters, ExecContext, ExecSettings};
use crate::pipeline::{Materialized, Source, gather, stream_source};
use crate::project::project;
use crate::scan;
use crate::scheduler::Scheduler;
use crate::spill::Spill;

/// What a process that runs fragments has by itself, whatever the query.
pub struct Worker {
    /// The functions; of the same release as those of the machine that planned.
    pub registry: Arc<Registry>,
    /// Where lanes run.
    pub scheduler: Arc<Scheduler>,
    /// What earlier fragments left behind.
    pub caches: Arc<Caches>,
    /// How fragments are run.
    pub settings: ExecSettings,
    /// Where groups go that do not fit into memory.
    pub spill_folder: PathBuf,
    /// Bytes that one fragment may put there.
    pub spill_limit: u64,
}

/// Runs a fragment over the named parts of a disk and hands its blocks to `consume` in the calling thread as they
/// come: rows, or groups as key columns and one column of serialized states a call (for
/// [`merge_partials`]). Says what was read.
///
/// # Errors
/// Those of parts that cannot be opened or read, of functions, of the budget, QUERY_WAS_CANCELLED, and those of
/// `consume`.
pub fn run_fragment(
    fragment: &Fragment,
    parts: &[PartAddress],
    disk: &PartReader,
    cancel: CancelToken,
    budget: MemoryBudget,
    worker: &Worker,
    consume: &mut dyn FnMut(Block) -> Result<()>,
) -> Result<Arc<Counters>> {
    let parts = parts.iter().map(|address| disk.open(address)).collect::<Result<Vec<_>>>()?;
    let context = Arc::new(ExecContext {
        registry: worker.registry.clone(),
        functions: fragment.functions.clone(),
        scheduler: worker.scheduler.clone(),
        cancel,
        budget,
        counters: Arc::default(),
        settings: worker.settings.clone(),
        caches: worker.caches.clone(),
        asked: parking_lot::Mutex::default(),
        spill: Spill::new(worker.spill_folder.clone(), worker.spill_limit),
    });
    let source = source(fragment, &parts, usize::MAX, &context)?;
    stream_source(source.as_ref(), &context, consume)?;
    Ok(context.counters.clone())
}

/// The rows or partial groups of a fragment over some parts.
pub(crate) fn source(
    fragment: &Fragment,
    parts: &[Arc<Part>],
    most_groups: usize,
    context: &Arc<ExecContext>,
) -> Result<Box<dyn Source>> {
    let codes = fragment.aggregation.is_some();
    let mut source = scan::of_parts(&fragment.scan, parts, codes, context)?;
    if let Some(projection) = &fragment.projection {
        source = project(source, projection.clone(), context)?;
    }
    match &fragment.aggregation {
        None => Ok(source),
        Some(partial) => {
            aggregate::group(source.into(), half(partial, Stage::Partial, most_groups), context)
        }
    }
}

/// Brings the partial groups of any number of fragments together: keys, then results. Without keys there is one
/// row, also where there is no block.
///
/// # Errors
/// INCORRECT_DATA for states that are none of these calls, and those of the budget.
pub fn merge_partials(
    aggregation: &PartialAggregation,
    partials: Vec<Block>,
    context: &Arc<ExecContext>,
) -> Result<Vec<Block>> {
    let blocks: Vec<Block> = partials.into_iter().filter(|block| block.rows() > 0).collect();
    for block in &blocks {
        check_partial(aggregation, block)?;
    }
    let partials = Materialized::new(blocks);
    let merged =
        aggregate::group(Arc::new(partials), half(aggregation, Stage::Merge, usize::MAX), context)?;
    gather(merged.as_ref(), context)
}

/// Fails for a block that is no partial groups of an aggregation; its states are looked at when they are read.
fn check_partial(aggregation: &PartialAggregation, block: &Block) -> Result<()> {
    let PartialAggregation { keys, calls } = aggregation;
    if block.columns().len() != keys.len() + calls.len() {
        let count = block.columns().len();
        bail!(IncorrectData, "{count} columns for {} keys and {} calls", keys.len(), calls.len());
    }
    for (column, key) in block.columns().iter().zip(keys) {
        let data_type = key.data_type();
        let fits = match column {
            Column::Flat(array) | Column::Constant { value: array, .. } => {
                *array.data_type() == data_type.arrow_type()
            }
            Column::Dictionary(_) => data_type.physical() == Physical::Bytes,
        };
        if !fits {
            bail!(IncorrectData, "A key of partial groups is no {data_type}");
        }
    }
    Ok(())
}

fn half(aggregation: &PartialAggregation, stage: Stage, most_groups: usize) -> Grouping {
    let PartialAggregation { keys, calls } = aggregation.clone();
    Grouping {
        keys,
        calls,
        limit: None,
        top: None,
        stage,
        codes_leave: false,
        most_groups,
        first_use: None,
    }
}
