//! DISTINCT: the first row of every combination of some columns, as rows come.

use std::sync::Arc;

use arrow_array::BooleanArray;
use base::{ErrorCode, Result};
use parking_lot::Mutex;
use plan::Plan;
use types::{Block, Column, DataType, Dictionary};

use super::grouped::{Groups, Numbering};
use super::keys::KeyEncoder;
use crate::context::ExecContext;
use crate::pipeline::{BlockReader, Materialized, Source, execute_for, lane_count};
use crate::scheduler::Step;

struct Lane {
    reader: Box<dyn BlockReader>,
}

struct Met {
    encoder: KeyEncoder,
    groups: Groups,
    blocks: Vec<Block>,
    rows: usize,
    held: base::Reservation,
}

/// The first row of every combination of some columns.
pub(crate) fn distinct(
    input: Plan,
    columns: &[usize],
    limit: Option<u64>,
    context: &Arc<ExecContext>,
) -> Result<Box<dyn Source>> {
    let schema = input.schema();
    let source = execute_for(input, true, context)?;
    let types: Vec<DataType> =
        columns.iter().map(|c| schema.fields()[*c].data_type.without_low_cardinality()).collect();
    let dictionaries: Vec<Option<Arc<dyn Dictionary>>> =
        columns.iter().map(|c| source.dictionary(*c)).collect();
    let limit = limit.map_or(usize::MAX, |l| usize::try_from(l).unwrap_or(usize::MAX));
    let met = Arc::new(Mutex::new(Met {
        encoder: KeyEncoder::new(&types, &dictionaries, &[]),
        groups: Groups::new(&[], Numbering::Hashed),
        blocks: Vec::new(),
        rows: 0,
        held: context.budget.reservation(),
    }));
    let lanes = (0..lane_count(source.as_ref(), context))
        .map(|_| Ok(Lane { reader: source.reader()? }))
        .collect::<Result<Vec<_>>>()?;
    let (own, shared, columns) = (context.clone(), met.clone(), columns.to_vec());
    context.scheduler.run(lanes, move |lane: &mut Lane| {
        own.cancel.check()?;
        let Some(block) = lane.reader.next()? else { return Ok(Step::Done) };
        if block.rows() == 0 {
            return Ok(Step::Again);
        }
        let keys: Vec<Column> = columns.iter().map(|c| block.column(*c).clone()).collect();
        let (enough, rows) = {
            let mut met = shared.lock();
            (met.take(block, &keys, limit)?, met.rows as u64)
        };
        let limit = own.settings.limits.distinct;
        let code = ErrorCode::SetSizeLimitExceeded;
        let enough = enough || limit.is_over(rows, "distinct rows", code)?;
        Ok(if enough { Step::Done } else { Step::Again })
    })?;
    let blocks = std::mem::take(&mut met.lock().blocks);
    Ok(Box::new(Materialized::new(blocks)))
}

impl Met {
    /// Keeps the rows whose key was not met before; whether there are enough.
    fn take(&mut self, block: Block, keys: &[Column], limit: usize) -> Result<bool> {
        if self.rows >= limit {
            return Ok(true);
        }
        let before = self.groups.len();
        let packed = self.encoder.encode(keys, block.rows())?;
        self.groups.number(packed.all(), usize::MAX)?;
        let mut next = before as u32;
        let mask: BooleanArray = self
            .groups
            .numbers()
            .iter()
            .map(|group| {
                let first = *group == next;
                next += u32::from(first);
                Some(first)
            })
            .collect();
        let kept = block.filter(&mask)?;
        if kept.rows() > 0 {
            self.rows += kept.rows();
            self.blocks.push(kept);
            let bytes: usize = self.groups.memory() + self.encoder.memory();
            self.held.resize(bytes)?;
        }
        Ok(self.rows >= limit)
    }
}

/// Counts how often each key was met.
pub(crate) struct KeyedCounter {
    encoder: KeyEncoder,
    groups: Groups,
    counts: Vec<u64>,
}

impl KeyedCounter {
    /// For keys of these types.
    pub(crate) fn new(types: &[DataType]) -> KeyedCounter {
        let dictionaries = vec![None; types.len()];
        KeyedCounter {
            encoder: KeyEncoder::new(types, &dictionaries, &[]),
            groups: Groups::new(&[], Numbering::Hashed),
            counts: Vec::new(),
        }
    }

    /// For every row, how often its key was met before.
    pub(crate) fn count(&mut self, keys: &[Column], rows: usize) -> Result<Vec<u64>> {
        let packed = self.encoder.encode(keys, rows)?;
        self.groups.number(packed.all(), usize::MAX)?;
        self.counts.resize(self.groups.len(), 0);
        let mut before = Vec::with_capacity(rows);
        for group in self.groups.numbers() {
            let count = &mut self.counts[*group as usize];
            before.push(*count);
            *count += 1;
        }
        Ok(before)
    }
}
