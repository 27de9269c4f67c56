//! Merges: several parts of one partition become one, so that parts stay few.
//!
//! 1. `select` chooses neighbouring parts by size and age; they are marked as busy.
//! 2. `order` walks the keys of all sources and writes down, output granule by output granule, which source
//!    each row comes from. Equal keys keep the order of their parts.
//! 3. `column` brings each column over, several at a time, one granule of each source in memory; `texts` the text
//!    indexes.
//! 4. One transaction of the catalog puts the new part in the place of its sources; then a listener may carry over what
//!    is kept of their rows (`carry`).
//!
//! Tables whose engine combines rows of equal keys take another way after 2: `rows` reads whole rows, which are
//! combined and written as an insert's are.

mod background;
mod carry;
mod column;
mod heap;
mod numbers;
mod order;
mod rows;
mod select;
mod strings;
mod texts;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use base::{CancelToken, Error, Result, bail};
use expr::Registry;

use crate::definition::TableDefinition;
use crate::insert::plan::WritePlan;
use crate::insert::write::Done;
use crate::part::new::{NewPart, PartOutline, PartWriter};
use crate::part::{Part, PartContext, encode_primary_index};
use crate::store::{BusyParts, Store, Transaction};
use crate::table::Table;
use crate::text_index::TextPlan;

pub(crate) use background::MergeState;
pub use background::{MergeInfo, MergeTotals};
pub use carry::{MergeListener, MergedRows};
use order::MergeOrder;
pub use rows::FinalRows;
use texts::RowMaps;

/// How far a merge is.
#[derive(Debug)]
pub(crate) struct Progress {
    pub(crate) rows: u64,
    pub(crate) columns: u64,
    /// Rows times columns that are done.
    pub(crate) done: AtomicU64,
    pub(crate) cancelled: AtomicBool,
    pub(crate) started: Instant,
}

impl Progress {
    fn new(parts: &[Arc<Part>], columns: usize) -> Progress {
        Progress {
            rows: parts.iter().map(|p| p.rows()).sum(),
            columns: columns as u64,
            done: AtomicU64::new(0),
            cancelled: AtomicBool::new(false),
            started: Instant::now(),
        }
    }

    /// Counts rows of one column.
    ///
    /// # Errors
    /// ABORTED when the merge is to stop.
    fn advance(&self, rows: usize) -> Result<()> {
        self.done.fetch_add(rows as u64, Ordering::Relaxed);
        if self.cancelled.load(Ordering::Relaxed) {
            bail!(Aborted, "The merge was cancelled");
        }
        Ok(())
    }
}

/// A piece of the new part.
enum Job<'a> {
    Column(usize),
    Text(&'a TextPlan, &'a RowMaps),
}

/// What a merge needs of the store; it does not hold the store itself, so that the store can end.
pub(crate) struct Merge {
    pub(crate) context: Arc<PartContext>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) definition: Arc<TableDefinition>,
    pub(crate) parts: Vec<Arc<Part>>,
    pub(crate) progress: Arc<Progress>,
    /// Where the new part's rows come from, once that is known; not where rows are combined.
    order: OnceLock<MergeOrder>,
}

impl Merge {
    pub(crate) fn new(store: &Store, table: &Table, parts: Vec<Arc<Part>>) -> Merge {
        let definition = table.definition();
        let columns = definition.physical_columns().count();
        Merge {
            context: store.context().clone(),
            registry: store.registry().clone(),
            progress: Arc::new(Progress::new(&parts, columns)),
            definition,
            parts,
            order: OnceLock::new(),
        }
    }

    /// Writes the merged part below `tmp/`; nothing where no row is left.
    pub(crate) fn run(&self, pool: &Arc<rayon::ThreadPool>) -> Result<Option<NewPart>> {
        use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};
        let Some(first) = self.parts.first() else { bail!(LogicalError, "a merge of no parts") };
        let plan = WritePlan::new(self.definition.clone(), &self.registry)?;
        if plan.definition.row_rule.is_some() {
            return self.run_combined(plan, pool);
        }
        let rows: u64 = self.progress.rows;
        let bytes: u64 = self.parts.iter().map(|p| p.record().bytes_uncompressed).sum();
        let granularity = plan.granularity_for(rows, bytes);
        let outline = PartOutline {
            definition: self.definition.clone(),
            partition: first.record().partition.clone(),
            partition_values: first.record().partition_values.clone(),
            rows,
            granularity,
            level: self.parts.iter().map(|p| p.record().level).max().unwrap_or(0) + 1,
            sources: self.parts.iter().map(|p| p.id().to_owned()).collect(),
        };
        // Texts out of row are not counted among the values, but may be most of a part.
        let on_disk: u64 = self.parts.iter().map(|p| p.record().bytes_on_disk()).sum();
        let writer = PartWriter::create(&self.context, outline, bytes.max(on_disk) as usize)?;
        let (order, keys) =
            order::merge_order(&self.parts, &plan, granularity as usize, &self.progress)?;
        let order: &MergeOrder = self.order.get_or_init(|| order);
        let mut work: Vec<(u64, usize)> = Vec::new();
        for (at, (id, _)) in plan.columns.iter().enumerate() {
            let mut size = 0;
            for part in &self.parts {
                size += part.column_bytes(*id)?.map_or(0, |b| b.uncompressed + b.compressed * 8);
            }
            work.push((size, at));
        }
        work.sort_by_key(|(size, at)| (std::cmp::Reverse(*size), *at));
        let scratch = writer.scratch(&self.context)?;
        let maps = match plan.texts.is_empty() {
            true => None,
            false => RowMaps::of(self, order)?,
        };
        let texts = plan.texts.iter().zip(maps.iter().cycle());
        let mut jobs: Vec<Job<'_>> = texts.map(|(text, maps)| Job::Text(text, maps)).collect();
        jobs.extend(work.into_iter().map(|(_, at)| Job::Column(at)));
        let write = |job: Job<'_>| -> Result<Done> {
            Ok(match job {
                Job::Column(at) => {
                    let source = column::MergeColumn::new(self, &plan, at)?;
                    Done::Column(at, source.write(&writer, order)?)
                }
                Job::Text(text, maps) => {
                    Done::Text(text.id, self.merged_text(text, maps, &scratch)?)
                }
            })
        };
        let done: Vec<Done> = pool
            .install(|| jobs.into_par_iter().with_max_len(1).map(write).collect::<Result<_>>())?;
        let index = writer.segment.append_blob(encode_primary_index(&keys)?)?;
        let (columns, texts) = Done::split(done);
        writer.finish(columns, index, texts).map(Some)
    }
}

impl Store {
    /// Puts a merged part in the place of its sources.
    pub(crate) fn commit_merge(
        &self,
        table: &Arc<Table>,
        merge: &Merge,
        mut part: Option<NewPart>,
    ) -> Result<()> {
        part.as_mut().map_or(Ok(()), NewPart::publish)?;
        let sources = &merge.parts;
        let made = part.as_ref().map(|part| part.record.id.clone());
        let commit = self.commit_guard();
        let snapshot = table.snapshot();
        let whole = sources.iter().all(|s| snapshot.parts.iter().any(|p| Arc::ptr_eq(p, s)));
        if table.is_dropped() || !whole {
            bail!(Aborted, "A part was removed while it was merged");
        }
        let min = sources.iter().map(|p| p.record().min_block).min().unwrap_or(0);
        let max = sources.iter().map(|p| p.record().max_block).max().unwrap_or(0);
        let mut transaction = Transaction::default();
        transaction.keeps_rows = snapshot.definition.row_rule.is_none();
        if let Some(part) = part {
            transaction.add_part(self, table, part, Some((min, max)));
        }
        for source in sources {
            transaction.remove_part(table, source.id());
        }
        self.commit_transaction(transaction)?;
        drop(commit);
        let records = || sources.iter().map(|part| part.record());
        let rows: u64 = records().map(|r| r.rows).sum();
        self.merge_state().note(rows, records().map(|r| r.bytes_uncompressed).sum());
        let snapshot = table.snapshot();
        let made = snapshot.parts.iter().find(|part| made.as_deref() == Some(part.id()));
        if let (Some(part), Some(order)) = (made, merge.order.get()) {
            self.merge_state().tell(&MergedRows { sources, part, order });
        }
        Ok(())
    }

    /// Merges parts of a table now (`OPTIMIZE TABLE`), of one partition or all of them; with `full` all
    /// parts of a partition become one, else the best choice is merged. How many merges that took.
    ///
    /// # Errors
    /// Those of reading and writing; `cancel` is looked at between merges and while parts that are
    /// busy are waited for.
    pub fn optimize(
        &self,
        table: &Arc<Table>,
        partition: Option<&str>,
        full: bool,
        cancel: &CancelToken,
    ) -> Result<usize> {
        let snapshot = table.snapshot();
        let mut partitions: Vec<String> =
            snapshot.parts.iter().map(|p| p.record().partition.clone()).collect();
        partitions.dedup();
        partitions.retain(|p| partition.is_none_or(|wanted| wanted == p));
        let mut merges = 0;
        for partition in partitions {
            merges += usize::from(self.optimize_partition(table, &partition, full, cancel)?);
        }
        Ok(merges)
    }

    fn optimize_partition(
        &self,
        table: &Arc<Table>,
        partition: &str,
        full: bool,
        cancel: &CancelToken,
    ) -> Result<bool> {
        loop {
            cancel.check()?;
            let snapshot = table.snapshot();
            let all = snapshot.parts.iter().filter(|p| p.record().partition == partition);
            let mut parts: Vec<Arc<Part>> = all.cloned().collect();
            if !full {
                parts = select::best_range(&parts, 1.0, u64::MAX);
            }
            // One part may hold rows that are still to be combined.
            let raw = full
                && table.definition().row_rule.is_some()
                && parts.iter().any(|p| p.record().level == 0);
            if parts.len() < 2 && !raw {
                return Ok(false);
            }
            let Ok(held) = BusyParts::take(table, &parts) else {
                std::thread::sleep(std::time::Duration::from_millis(20));
                continue;
            };
            let merge = Merge::new(self, table, parts);
            let shown = self.merge_state().show(table, &merge);
            let result =
                merge.run(self.pool()).and_then(|part| self.commit_merge(table, &merge, part));
            drop((shown, held));
            return match result {
                // A part went while it was merged: look again at what is left.
                Err(error) if error.code() == base::ErrorCode::Aborted => {
                    cancel.check()?;
                    continue;
                }
                other => other.map(|()| true),
            };
        }
    }
}

/// A mistake of the program: sources and order do not fit.
fn broken(what: &str) -> Error {
    Error::logical(format!("merge: {what}"))
}
