//! The rows of several sorted parts in the order of a merge, as blocks: for tables whose engine combines rows of
//! equal keys, at merges and for `SELECT ... FINAL`.
//!
//! Memory: the order (at most two bytes a row) and one granule of each part. A merge also holds the rows that it
//! writes, encoded as an insert's.

use std::sync::Arc;

use base::Result;
use expr::Registry;
use types::{Block, Column, default_array};

use super::column::{Place, ValueReader, gather};
use super::order::{GranuleOrder, check_layout, merge_order};
use super::{Merge, Progress};
use crate::combine::{Combiner, Purpose};
use crate::insert::buffer::PartitionBuffer;
use crate::insert::plan::WritePlan;
use crate::insert::write::{Origin, write_part};
use crate::part::new::NewPart;
use crate::part::{ColumnChunk, Part};
use crate::table::TableSnapshot;

/// Rows in the order of a merge.
struct OrderedRows {
    parts: Vec<Arc<Part>>,
    plan: Arc<WritePlan>,
    /// For every stored column its chunks by part; none where the column is not read.
    chunks: Vec<Option<Vec<Option<Arc<ColumnChunk>>>>>,
    /// Where every column stands in every part.
    places: Vec<Vec<Place>>,
    granules: std::vec::IntoIter<GranuleOrder>,
}

impl OrderedRows {
    /// The rows of some parts; `read` tells which stored columns are wanted, the others hold defaults.
    fn new(
        parts: Vec<Arc<Part>>,
        plan: Arc<WritePlan>,
        read: &[bool],
        progress: &Progress,
    ) -> Result<OrderedRows> {
        let granularity = plan.granularity as usize;
        let (order, _) = merge_order(&parts, &plan, granularity, progress)?;
        let mut chunks = Vec::with_capacity(plan.columns.len());
        for (at, (id, _)) in plan.columns.iter().enumerate() {
            if !read[at] {
                chunks.push(None);
                continue;
            }
            let mut of_parts = Vec::with_capacity(parts.len());
            for part in &parts {
                let chunk = part.column(*id)?;
                check_layout(chunk.as_deref(), &plan.types[at])?;
                of_parts.push(chunk);
            }
            chunks.push(Some(of_parts));
        }
        let places = vec![vec![None; parts.len()]; plan.columns.len()];
        Ok(OrderedRows { parts, plan, chunks, places, granules: order.granules.into_iter() })
    }

    /// The rows of one granule of the order, with the computed columns of the key.
    fn block(&mut self, granule: &GranuleOrder) -> Result<Block> {
        let rows = granule.rows();
        let mut columns = Vec::with_capacity(self.plan.types.len());
        for (at, chunks) in self.chunks.iter().enumerate() {
            let data_type = &self.plan.types[at];
            let Some(chunks) = chunks else {
                columns.push(Column::Constant { value: default_array(data_type, 1)?, len: rows });
                continue;
            };
            let places = &mut self.places[at];
            let mut readers = Vec::with_capacity(self.parts.len());
            for ((part, chunk), place) in self.parts.iter().zip(chunks).zip(places.iter()) {
                readers.push(ValueReader::at(part, chunk.as_deref(), data_type, place));
            }
            columns.push(Column::Flat(gather(&mut readers, granule)?));
            for (place, reader) in places.iter_mut().zip(&readers) {
                *place = reader.place();
            }
        }
        let computed = self.plan.compute_keys(&columns, rows)?;
        columns.extend(computed);
        Ok(Block::new(columns, rows))
    }
}

impl Iterator for OrderedRows {
    type Item = Result<Block>;

    fn next(&mut self) -> Option<Result<Block>> {
        let granule = self.granules.next()?;
        Some(self.block(&granule))
    }
}

impl Merge {
    /// Writes the combined rows of the parts as one part; nothing where no row is left.
    pub(super) fn run_combined(
        &self,
        plan: WritePlan,
        pool: &Arc<rayon::ThreadPool>,
    ) -> Result<Option<NewPart>> {
        let plan = Arc::new(plan);
        let read = vec![true; plan.columns.len()];
        let rows = OrderedRows::new(self.parts.clone(), plan.clone(), &read, &self.progress)?;
        let mut combiner = Combiner::new(&plan, &self.registry, Purpose::Store)?;
        let first = self.parts.first().map(|p| p.record().clone());
        let Some(first) = first else { return Ok(None) };
        let mut buffer = PartitionBuffer::new(first.partition_values.clone(), &plan.types);
        for block in rows {
            let block = block?;
            self.progress.advance(block.rows() * plan.columns.len())?;
            buffer.add(&combiner.push(block)?, pool)?;
        }
        if let Some(block) = combiner.finish()? {
            buffer.add(&block, pool)?;
        }
        if buffer.rows == 0 {
            return Ok(None);
        }
        let origin = Origin {
            level: self.parts.iter().map(|p| p.record().level).max().unwrap_or(0) + 1,
            sources: self.parts.iter().map(|p| p.id().to_owned()).collect(),
        };
        write_part(&self.context, pool, &plan, first.partition.clone(), buffer, origin).map(Some)
    }
}

/// The rows of `SELECT ... FINAL`: combined as merges of all parts would do, one block after another.
pub struct FinalRows {
    rows: OrderedRows,
    combiner: Option<Combiner>,
    /// Positions of the stored columns that are given.
    columns: Vec<usize>,
}

impl FinalRows {
    /// The rows of a snapshot of a table with a rule; `columns` are positions among its stored columns.
    ///
    /// # Errors
    /// Those of reading; a rule that does not fit the table.
    pub fn new(
        snapshot: &TableSnapshot,
        columns: &[usize],
        registry: &Arc<Registry>,
    ) -> Result<FinalRows> {
        let plan = Arc::new(WritePlan::new(snapshot.definition.clone(), registry)?);
        let mut parts = snapshot.parts.clone();
        parts.sort_by_key(|p| p.record().min_block);
        let mut read = vec![false; plan.columns.len()];
        for at in plan.key_inputs().into_iter().chain(columns.iter().copied()) {
            read[at] = true;
        }
        let rule = snapshot.definition.row_rule.as_ref();
        let ids = rule.map(crate::RowRule::columns).unwrap_or_default();
        let adds = matches!(rule, Some(crate::RowRule::Summing { .. }));
        for (at, (id, _)) in plan.columns.iter().enumerate() {
            read[at] |= adds || ids.contains(id);
        }
        let progress = Progress::new(&parts, 0);
        let combiner = Combiner::new(&plan, registry, Purpose::Read)?;
        let rows = OrderedRows::new(parts, plan, &read, &progress)?;
        Ok(FinalRows { rows, combiner: Some(combiner), columns: columns.to_vec() })
    }

    fn chosen(&self, block: &Block) -> Block {
        let columns = self.columns.iter().map(|at| block.column(*at).clone()).collect();
        Block::new(columns, block.rows())
    }
}

impl Iterator for FinalRows {
    type Item = Result<Block>;

    fn next(&mut self) -> Option<Result<Block>> {
        let combiner = self.combiner.as_mut()?;
        let found = match self.rows.next() {
            Some(block) => block.and_then(|b| combiner.push(b)),
            None => match self.combiner.take()?.finish() {
                Ok(block) => Ok(block?),
                Err(error) => Err(error),
            },
        };
        Some(found.map(|block| self.chosen(&block)))
    }
}
