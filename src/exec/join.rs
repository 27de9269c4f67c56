//! Hash joins: the right side becomes a table, the left side streams past it.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{Array, BooleanArray, UInt32Array};
use base::{Result, bail};
use expr::Evaluator;
use parking_lot::Mutex;
use plan::{Join, JoinKind, JoinStrictness};
use types::{Block, Column, DataType, default_array};

use crate::context::ExecContext;
use crate::pipeline::{BlockReader, Source, evaluator, execute, gather, truth};
use crate::rows;

/// Joins two inputs.
pub(crate) fn join(join: Join, context: &Arc<ExecContext>) -> Result<Box<dyn Source>> {
    let left_width = join.left.schema().len();
    let right_types: Vec<DataType> =
        join.schema.fields().iter().skip(left_width).map(|f| f.data_type.clone()).collect();
    let right_source = execute(*join.right, context)?;
    let (left_keys, right_keys): (Vec<_>, Vec<_>) = join.keys.into_iter().unzip();
    let table = build(right_source.as_ref(), &right_keys, context)?;
    let key_types = left_keys.iter().map(|k| k.data_type().without_low_cardinality()).collect();
    let left_types =
        join.schema.fields().iter().take(left_width).map(|f| f.data_type.clone()).collect();
    let shared = Shared {
        matched: Mutex::new(vec![false; table.block.rows()]),
        table,
        kind: join.kind,
        strictness: join.strictness,
        keys: evaluator(&left_keys, context)?,
        key_types,
        left_types,
        right_types,
        condition: match join.condition {
            Some(condition) => Some(evaluator(&[condition], context)?),
            None => None,
        },
        context: context.clone(),
    };
    let keeps_right = matches!(join.kind, JoinKind::Right | JoinKind::Full);
    let input = execute(*join.left, context)?;
    Ok(Box::new(Probe {
        input,
        shared: Arc::new(shared),
        // What the right side keeps is known only when all of the left has passed.
        lanes_of_one: keeps_right || join.strictness == JoinStrictness::Any,
    }))
}

/// The right side: its rows, and their numbers by key.
struct Table {
    block: Block,
    rows: HashMap<Box<[u8]>, Vec<u32>>,
    _held: base::Reservation,
}

struct Shared {
    table: Table,
    kind: JoinKind,
    strictness: JoinStrictness,
    keys: Arc<Evaluator>,
    key_types: Vec<DataType>,
    left_types: Vec<DataType>,
    right_types: Vec<DataType>,
    condition: Option<Arc<Evaluator>>,
    /// Which rows of the right side have met one of the left.
    matched: Mutex<Vec<bool>>,
    context: Arc<ExecContext>,
}

fn build(source: &dyn Source, keys: &[expr::Expr], context: &Arc<ExecContext>) -> Result<Table> {
    let block = Block::concat(&gather(source, context)?)?;
    if block.rows() > u32::MAX as usize {
        bail!(TooManyRows, "The right side of a join has more than {} rows", u32::MAX);
    }
    let (rows, bytes) = (block.rows() as u64, block.memory() as u64);
    let settings = &context.settings;
    for (what, found, most) in
        [("rows", rows, settings.max_rows_in_join), ("bytes", bytes, settings.max_bytes_in_join)]
    {
        if most > 0 && found > most {
            bail!(
                SetSizeLimitExceeded,
                "Limit for JOIN exceeded, max {what}: {most}, current {what}: {found}"
            );
        }
    }
    let mut held = context.budget.reservation();
    held.resize(block.memory())?;
    let types: Vec<DataType> =
        keys.iter().map(|k| k.data_type().without_low_cardinality()).collect();
    let mut rows: HashMap<Box<[u8]>, Vec<u32>> = HashMap::new();
    if !keys.is_empty() && block.rows() > 0 {
        let columns = evaluator(keys, context)?.evaluate(&block)?;
        let encoded = encode(&columns, &types, block.rows())?;
        for (row, key) in encoded.into_iter().enumerate() {
            if let Some(key) = key {
                rows.entry(key).or_default().push(row as u32);
            }
            if row % 65_536 == 0 {
                context.cancel.check()?;
                held.resize(block.memory() + rows.len() * 96)?;
            }
        }
    }
    Ok(Table { block, rows, _held: held })
}

/// The keys of rows as bytes; none where a key is NULL, which equals nothing.
fn encode(columns: &[Column], types: &[DataType], count: usize) -> Result<Vec<Option<Box<[u8]>>>> {
    let flat = columns.iter().map(Column::to_flat).collect::<Result<Vec<_>>>()?;
    let mut scratch = Vec::new();
    let mut keys = Vec::with_capacity(count);
    for row in 0..count {
        scratch.clear();
        let mut null = false;
        for (array, data_type) in flat.iter().zip(types) {
            null |= array.is_null(row);
            rows::write(array, data_type, row, &mut scratch);
        }
        keys.push((!null).then(|| scratch.as_slice().into()));
    }
    Ok(keys)
}

struct Probe {
    input: Box<dyn Source>,
    shared: Arc<Shared>,
    lanes_of_one: bool,
}

struct ProbeReader {
    input: Box<dyn BlockReader>,
    shared: Arc<Shared>,
    ended: bool,
}

impl Source for Probe {
    fn reader(&self) -> Result<Box<dyn BlockReader>> {
        Ok(Box::new(ProbeReader {
            input: self.input.reader()?,
            shared: self.shared.clone(),
            ended: false,
        }))
    }

    fn lanes(&self) -> usize {
        if self.lanes_of_one { 1 } else { self.input.lanes() }
    }

    fn rows(&self) -> Option<usize> {
        None
    }
}

impl BlockReader for ProbeReader {
    fn next(&mut self) -> Result<Option<Block>> {
        self.shared.context.cancel.check()?;
        if self.ended {
            return Ok(None);
        }
        match self.input.next()? {
            Some(block) if block.rows() == 0 => Ok(Some(Block::new(Vec::new(), 0))),
            Some(block) => self.shared.probe(&block).map(Some),
            None => {
                self.ended = true;
                let rest = matches!(self.shared.kind, JoinKind::Right | JoinKind::Full);
                if rest { self.shared.unmatched().map(Some) } else { Ok(None) }
            }
        }
    }
}

impl Shared {
    /// The joined rows of a block of the left side.
    fn probe(&self, block: &Block) -> Result<Block> {
        let (left, right) = self.pairs(block)?;
        let (left, right) = self.filter_pairs(block, left, right)?;
        let (left, right) = self.strict_pairs(left, right);
        match self.strictness {
            JoinStrictness::Semi | JoinStrictness::Anti => return self.half(block, &left, &right),
            JoinStrictness::All | JoinStrictness::Any => {}
        }
        if matches!(self.kind, JoinKind::Right | JoinKind::Full) {
            let mut matched = self.matched.lock();
            right.iter().for_each(|row| matched[*row as usize] = true);
        }
        let mut right: Vec<Option<u32>> = right.into_iter().map(Some).collect();
        let mut left = left;
        if matches!(self.kind, JoinKind::Left | JoinKind::Full) {
            let mut met = vec![false; block.rows()];
            left.iter().for_each(|row| met[*row as usize] = true);
            for row in (0..block.rows()).filter(|row| !met[*row]) {
                left.push(row as u32);
                right.push(None);
            }
        }
        self.joined(block, left, &right)
    }

    /// All pairs of rows with equal keys.
    fn pairs(&self, block: &Block) -> Result<(Vec<u32>, Vec<u32>)> {
        let (mut left, mut right) = (Vec::new(), Vec::new());
        if self.key_types.is_empty() {
            let others = self.table.block.rows() as u32;
            if (block.rows() as u64).saturating_mul(u64::from(others)) > 1 << 28 {
                bail!(
                    TooManyRows,
                    "A cross join of {} rows of a block and {others} rows is too large",
                    block.rows()
                );
            }
            for row in 0..block.rows() as u32 {
                for other in 0..others {
                    left.push(row);
                    right.push(other);
                }
            }
            return Ok((left, right));
        }
        let columns = self.keys.evaluate(block)?;
        for (row, key) in encode(&columns, &self.key_types, block.rows())?.into_iter().enumerate() {
            if let Some(found) = key.and_then(|key| self.table.rows.get(&key)) {
                for other in found {
                    left.push(row as u32);
                    right.push(*other);
                }
            }
        }
        Ok((left, right))
    }

    /// The pairs for which the rest of ON holds.
    fn filter_pairs(
        &self,
        block: &Block,
        left: Vec<u32>,
        right: Vec<u32>,
    ) -> Result<(Vec<u32>, Vec<u32>)> {
        let Some(condition) = &self.condition else { return Ok((left, right)) };
        if left.is_empty() {
            return Ok((left, right));
        }
        let taken = UInt32Array::from(left.clone());
        let mut columns: Vec<Column> =
            block.columns().iter().map(|c| c.take(&taken)).collect::<Result<_>>()?;
        let taken = UInt32Array::from(right.clone());
        for column in self.table.block.columns() {
            columns.push(column.take(&taken)?);
        }
        let holds = truth(&condition.evaluate_one(&columns, left.len())?.to_flat()?)?;
        let keep = |rows: Vec<u32>| holds.set_indices().map(|at| rows[at]).collect();
        Ok((keep(left), keep(right)))
    }

    /// Of several matches only one, where ANY asks for it.
    fn strict_pairs(&self, left: Vec<u32>, right: Vec<u32>) -> (Vec<u32>, Vec<u32>) {
        if self.strictness != JoinStrictness::Any {
            return (left, right);
        }
        let by_right = self.kind == JoinKind::Right;
        let mut met = std::collections::HashSet::new();
        let mut used = self.matched.lock();
        let inner = self.kind == JoinKind::Inner;
        left.into_iter()
            .zip(right)
            .filter(|(l, r)| {
                if by_right || inner {
                    let free = !used[*r as usize] && (by_right || met.insert(*l));
                    used[*r as usize] |= free;
                    free
                } else {
                    met.insert(*l)
                }
            })
            .unzip()
    }

    /// SEMI and ANTI: rows of the left with, or without, a match.
    fn half(&self, block: &Block, left: &[u32], right: &[u32]) -> Result<Block> {
        let mut first: Vec<Option<u32>> = vec![None; block.rows()];
        for (row, other) in left.iter().zip(right) {
            first[*row as usize].get_or_insert(*other);
        }
        let wanted = self.strictness == JoinStrictness::Semi;
        let rows: Vec<u32> = (0..block.rows() as u32)
            .filter(|row| first[*row as usize].is_some() == wanted)
            .collect();
        let others: Vec<Option<u32>> = rows.iter().map(|row| first[*row as usize]).collect();
        if self.right_types.is_empty() {
            return block.take(&UInt32Array::from(rows));
        }
        self.joined(block, rows, &others)
    }

    /// Rows of the left beside rows of the right, defaults (or NULL) where there is none.
    fn joined(&self, block: &Block, left: Vec<u32>, right: &[Option<u32>]) -> Result<Block> {
        let rows = left.len();
        let taken = UInt32Array::from(left);
        let mut columns: Vec<Column> =
            block.columns().iter().map(|c| c.take(&taken)).collect::<Result<_>>()?;
        for (column, data_type) in self.table.block.columns().iter().zip(&self.right_types) {
            columns.push(pick(column, right, data_type)?);
        }
        if self.table.block.columns().is_empty() {
            for data_type in &self.right_types {
                columns.push(Column::Constant { value: default_array(data_type, 1)?, len: rows });
            }
        }
        Ok(Block::new(columns, rows))
    }

    /// The right's rows that met none of the left.
    fn unmatched(&self) -> Result<Block> {
        let matched = std::mem::take(&mut *self.matched.lock());
        let mask: BooleanArray = matched.iter().map(|m| Some(!m)).collect();
        let rest = self.table.block.filter(&mask)?;
        let rows = rest.rows();
        let mut columns = Vec::with_capacity(self.left_types.len() + self.right_types.len());
        for data_type in &self.left_types {
            columns.push(Column::Constant { value: default_array(data_type, 1)?, len: rows });
        }
        columns.extend(rest.into_columns());
        Ok(Block::new(columns, rows))
    }
}

/// Rows of a column by number; the default of the type where there is none.
fn pick(column: &Column, rows: &[Option<u32>], data_type: &DataType) -> Result<Column> {
    if rows.iter().all(Option::is_some) {
        return column.take(&rows.iter().copied().flatten().collect::<Vec<u32>>().into());
    }
    if data_type.is_nullable() {
        return column.take(&rows.iter().copied().collect::<UInt32Array>());
    }
    let end = column.len() as u32;
    let default = Column::Flat(default_array(data_type, 1)?);
    let both = Column::concat(&[column.clone(), default])?;
    let places: Vec<u32> = rows.iter().map(|row| row.unwrap_or(end)).collect();
    both.take(&UInt32Array::from(places))
}
