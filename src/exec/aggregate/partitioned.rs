//! Grouping of mostly different keys: rows are cut by hash, then each partition is grouped in cache.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::UInt32Array;
use base::{Reservation, Result, bail};
use expr::TableKey;
use types::{Block, Column};

use super::grouped::{Groups, count_distinct};
use super::keys::{KeyEncoder, Packed};
use super::{Batch, Shared, output};
use crate::scheduler::Step;

/// Groups of a partition: their table and states fit the second cache.
const PARTITION_GROUPS: usize = 16_384;

/// More partitions would get too few of the rows that are cut together.
const MOST_PARTITIONS: usize = 512;

/// Rows gathered before they are cut, so that each partition gets runs of some length.
const CUT_ROWS: usize = 65_536;

/// Into how many partitions a lane's rows are to be cut, if its first ones speak for it: `first` is what
/// is left of `read` rows of `all` once runs of equal keys have collapsed.
pub(super) fn partitions(first: &[Batch], read: usize, all: usize, lanes: usize) -> Option<usize> {
    let rows: usize = first.iter().map(|b| b.rows).sum();
    let distinct = count_distinct(first);
    if distinct * 8 <= rows {
        return None;
    }
    let groups = (all as f64 * distinct as f64 / read.max(1) as f64) as usize;
    let least = (lanes * 8).next_power_of_two();
    let wanted = groups.div_ceil(PARTITION_GROUPS).next_power_of_two();
    Some(wanted.max(least).min(MOST_PARTITIONS))
}

/// Rows of one lane, cut by the hash of their keys.
pub(super) struct Partitioned {
    /// A power of two.
    partitions: usize,
    waiting: Vec<Batch>,
    waiting_rows: usize,
    cuts: Vec<Cut>,
    bytes: usize,
}

/// Some rows sorted by partition.
struct Cut {
    keys: Packed,
    arguments: Vec<Column>,
    /// Where each partition begins, and the end.
    offsets: Vec<u32>,
}

impl Partitioned {
    /// No rows yet; `partitions` is a power of two, and the same for all lanes.
    pub(super) fn new(partitions: usize) -> Partitioned {
        Partitioned { partitions, waiting: Vec::new(), waiting_rows: 0, cuts: Vec::new(), bytes: 0 }
    }

    pub(super) fn memory(&self) -> usize {
        self.bytes
    }

    pub(super) fn add(&mut self, batch: Batch) -> Result<()> {
        self.waiting_rows += batch.rows;
        self.waiting.push(batch);
        if self.waiting_rows >= CUT_ROWS { self.cut() } else { Ok(()) }
    }

    /// The rows, in no order.
    pub(super) fn into_batches(self) -> impl Iterator<Item = Batch> {
        let cuts = self.cuts.into_iter().map(|cut| {
            let rows = cut.offsets.last().map_or(0, |end| *end as usize);
            Batch { keys: cut.keys, arguments: cut.arguments, rows }
        });
        self.waiting.into_iter().chain(cuts)
    }

    fn cut(&mut self) -> Result<()> {
        let batches = std::mem::take(&mut self.waiting);
        let rows = std::mem::take(&mut self.waiting_rows);
        if rows == 0 {
            return Ok(());
        }
        let width = batches[0].arguments.len();
        let mut arguments = Vec::with_capacity(width);
        for at in 0..width {
            let parts: Vec<Column> = batches.iter().map(|b| b.arguments[at].clone()).collect();
            arguments.push(Column::concat(&parts)?);
        }
        let mut narrow: Vec<u64> = Vec::new();
        let mut wide: Vec<u128> = Vec::new();
        for batch in batches {
            match batch.keys {
                Packed::Narrow(keys) => narrow.extend(keys),
                Packed::Wide(keys) => wide.extend(keys),
            }
        }
        let cut = if wide.is_empty() {
            let (order, offsets) = order(&narrow, self.partitions);
            let keys = order.iter().map(|row| narrow[*row as usize]).collect();
            Cut { keys: Packed::Narrow(keys), arguments: taken(&arguments, order)?, offsets }
        } else {
            let (order, offsets) = order(&wide, self.partitions);
            let keys = order.iter().map(|row| wide[*row as usize]).collect();
            Cut { keys: Packed::Wide(keys), arguments: taken(&arguments, order)?, offsets }
        };
        let key_bytes = match &cut.keys {
            Packed::Narrow(keys) => keys.len() * 8,
            Packed::Wide(keys) => keys.len() * 16,
        };
        self.bytes += key_bytes + cut.arguments.iter().map(Column::memory).sum::<usize>();
        self.cuts.push(cut);
        Ok(())
    }
}

fn taken(arguments: &[Column], order: Vec<u32>) -> Result<Vec<Column>> {
    let order = UInt32Array::from(order);
    arguments.iter().map(|a| a.take(&order)).collect()
}

/// Row numbers sorted by partition (a counting sort), and where each partition begins.
fn order<K: TableKey>(keys: &[K], count: usize) -> (Vec<u32>, Vec<u32>) {
    let bits = count.ilog2();
    // The top bits; where there is one partition, nothing is left of them.
    let partition_of = |key: &K| key.hash().checked_shr(u64::BITS - bits).unwrap_or(0) as u16;
    let partitions: Vec<u16> = keys.iter().map(partition_of).collect();
    let mut offsets = vec![0u32; count + 1];
    for partition in &partitions {
        offsets[usize::from(*partition) + 1] += 1;
    }
    for at in 0..count {
        offsets[at + 1] += offsets[at];
    }
    let mut next = offsets.clone();
    let mut order = vec![0u32; keys.len()];
    for (row, partition) in partitions.iter().enumerate() {
        let at = &mut next[usize::from(*partition)];
        order[*at as usize] = row as u32;
        *at += 1;
    }
    (order, offsets)
}

/// Groups every partition of all lanes and gives the groups out, with what holds their memory.
pub(super) fn finish_partitions(
    shared: &Arc<Shared>,
    mut lanes: Vec<Partitioned>,
) -> Result<(Vec<Block>, Vec<Reservation>)> {
    for lane in &mut lanes {
        lane.cut()?;
    }
    let partitions = lanes.first().map_or(0, |lane| lane.partitions);
    struct Worker {
        encoder: KeyEncoder,
        blocks: Vec<Block>,
        held: Reservation,
    }
    let cuts: Arc<Vec<Cut>> = Arc::new(lanes.into_iter().flat_map(|l| l.cuts).collect());
    let next = Arc::new(AtomicUsize::new(0));
    let expected = Arc::new(Expected::default());
    let workers = (0..shared.context.settings.threads.max(1))
        .map(|_| Worker {
            encoder: shared.encoder(),
            blocks: Vec::new(),
            held: shared.context.budget.reservation(),
        })
        .collect();
    let own = shared.clone();
    let workers = shared.context.scheduler.run(workers, move |worker: &mut Worker| {
        own.context.cancel.check()?;
        let partition = next.fetch_add(1, Ordering::Relaxed);
        if partition >= partitions {
            return Ok(Step::Done);
        }
        let mut groups = group(&own, &cuts, partition, &expected)?;
        let blocks = output::blocks(&own, &worker.encoder, &mut groups, &mut worker.held)?;
        worker.blocks.extend(blocks);
        Ok(Step::Again)
    })?;
    let (blocks, held): (Vec<_>, Vec<_>) = workers.into_iter().map(|w| (w.blocks, w.held)).unzip();
    Ok((blocks.into_iter().flatten().collect(), held))
}

/// How many groups the rows of a partition have, as far as others tell.
#[derive(Default)]
struct Expected {
    rows: AtomicUsize,
    groups: AtomicUsize,
}

impl Expected {
    fn note(&self, rows: usize, groups: usize) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
        self.groups.fetch_add(groups, Ordering::Relaxed);
    }

    fn groups(&self, rows: usize) -> usize {
        match self.rows.load(Ordering::Relaxed) {
            0 => rows / 2,
            // A little more, for a table that is too small grows.
            seen => {
                let share = self.groups.load(Ordering::Relaxed) as f64 / seen as f64;
                (rows as f64 * share * 1.05) as usize
            }
        }
    }
}

fn group(shared: &Shared, cuts: &[Cut], partition: usize, expected: &Expected) -> Result<Groups> {
    let rows: usize =
        cuts.iter().map(|c| (c.offsets[partition + 1] - c.offsets[partition]) as usize).sum();
    let wide = matches!(cuts.first(), Some(Cut { keys: Packed::Wide(_), .. }));
    let mut groups = Groups::with_capacity(&shared.calls, wide, expected.groups(rows));
    for cut in cuts {
        let (first, end) = (cut.offsets[partition] as usize, cut.offsets[partition + 1] as usize);
        if first == end {
            continue;
        }
        let arguments: Vec<Column> =
            cut.arguments.iter().map(|a| a.slice(first, end - first)).collect();
        groups.add_rows(cut.keys.part(first, end), &arguments, end - first, shared)?;
    }
    expected.note(rows, groups.len());
    if groups.len() > rows {
        bail!(LogicalError, "more groups than rows");
    }
    Ok(groups)
}
