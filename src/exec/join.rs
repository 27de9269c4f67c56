//! Hash joins: the right side becomes a table, the left side streams past it.
//!
//! The rows that a block of the left side meets come out in pieces of bounded size, however many they are.

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

/// Pairs of rows that are looked at together.
const PIECE: usize = 65_536;

/// No row of the other side.
const NONE: u32 = u32::MAX;

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
    /// The group of each key; without keys all rows are one group.
    groups: HashMap<Box<[u8]>, u32>,
    /// Where each group starts in `numbers`, and the end of the last.
    starts: Vec<u32>,
    numbers: Vec<u32>,
    _held: base::Reservation,
}

impl Table {
    /// The numbers of a group's rows.
    fn rows(&self, group: u32) -> &[u32] {
        let group = group as usize;
        &self.numbers[self.starts[group] as usize..self.starts[group + 1] as usize]
    }
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
    let blocks = gather(source, context)?;
    let mut held = context.budget.reservation();
    // `gather` has given back what its blocks hold; while they are put together they are there twice.
    held.resize(2 * blocks.iter().map(Block::memory).sum::<usize>())?;
    let block = Block::concat(&blocks)?;
    drop(blocks);
    if block.rows() >= u32::MAX as usize {
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
    // Numbers and starts, and the group of each row while they are made.
    let own = block.memory() + block.rows() * 3 * size_of::<u32>();
    held.resize(own)?;
    let mut groups: HashMap<Box<[u8]>, u32> = HashMap::new();
    let mut of_row = vec![0u32; block.rows()];
    if !keys.is_empty() && block.rows() > 0 {
        let types: Vec<DataType> =
            keys.iter().map(|k| k.data_type().without_low_cardinality()).collect();
        let columns = evaluator(keys, context)?.evaluate(&block)?;
        let mut bytes = 0;
        let mut row = 0;
        encode(&columns, &types, block.rows(), |key| {
            of_row[row] = match key {
                None => NONE,
                Some(key) => match groups.get(key) {
                    Some(group) => *group,
                    None => {
                        let group = groups.len() as u32;
                        bytes += key.len().next_multiple_of(16) + 48;
                        groups.insert(key.into(), group);
                        group
                    }
                },
            };
            row += 1;
            if row % PIECE == 0 {
                context.cancel.check()?;
                held.resize(own + bytes)?;
            }
            Ok(())
        })?;
    }
    let count = if keys.is_empty() { 1 } else { groups.len() };
    let (starts, numbers) = by_group(&of_row, count);
    Ok(Table { block, groups, starts, numbers, _held: held })
}

/// The numbers of rows by their group, and where each group starts.
fn by_group(of_row: &[u32], groups: usize) -> (Vec<u32>, Vec<u32>) {
    let mut starts = vec![0u32; groups + 1];
    for group in of_row.iter().filter(|group| **group != NONE) {
        starts[*group as usize + 1] += 1;
    }
    for group in 0..groups {
        starts[group + 1] += starts[group];
    }
    let mut next = starts.clone();
    let mut numbers = vec![0u32; starts[groups] as usize];
    for (row, group) in of_row.iter().enumerate().filter(|(_, group)| **group != NONE) {
        let at = &mut next[*group as usize];
        numbers[*at as usize] = row as u32;
        *at += 1;
    }
    (starts, numbers)
}

/// Gives the key of every row as bytes; none where a key is NULL, which equals nothing.
fn encode(
    columns: &[Column],
    types: &[DataType],
    count: usize,
    mut give: impl FnMut(Option<&[u8]>) -> Result<()>,
) -> Result<()> {
    let flat = columns.iter().map(Column::to_flat).collect::<Result<Vec<_>>>()?;
    let mut scratch = Vec::new();
    for row in 0..count {
        scratch.clear();
        let mut null = false;
        for (array, data_type) in flat.iter().zip(types) {
            null |= array.is_null(row);
            rows::write(array, data_type, row, &mut scratch);
        }
        give((!null).then_some(scratch.as_slice()))?;
    }
    Ok(())
}

struct Probe {
    input: Box<dyn Source>,
    shared: Arc<Shared>,
    lanes_of_one: bool,
}

struct ProbeReader {
    input: Box<dyn BlockReader>,
    shared: Arc<Shared>,
    current: Option<Current>,
    ended: bool,
}

/// A block of the left side that is being joined.
struct Current {
    block: Block,
    /// The group that each row meets.
    groups: Vec<u32>,
    /// The next row, and the first of its group that was not looked at.
    row: usize,
    from: usize,
    /// A row of the right side that each row has met.
    first: Vec<u32>,
}

impl Current {
    /// The next pairs of rows with equal keys.
    fn pairs(&mut self, table: &Table) -> (Vec<u32>, Vec<u32>) {
        let (mut left, mut right) = (Vec::new(), Vec::new());
        while self.row < self.groups.len() && left.len() < PIECE {
            let group = self.groups[self.row];
            let all = if group == NONE { &[] } else { table.rows(group) };
            let some = &all[self.from..all.len().min(self.from + PIECE - left.len())];
            right.extend_from_slice(some);
            left.resize(right.len(), self.row as u32);
            self.from += some.len();
            if self.from == all.len() {
                (self.row, self.from) = (self.row + 1, 0);
            }
        }
        (left, right)
    }

    fn is_done(&self) -> bool {
        self.row == self.groups.len()
    }
}

impl Source for Probe {
    fn reader(&self) -> Result<Box<dyn BlockReader>> {
        Ok(Box::new(ProbeReader {
            input: self.input.reader()?,
            shared: self.shared.clone(),
            current: None,
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
        if let Some(mut current) = self.current.take() {
            let piece = self.shared.piece(&mut current)?;
            if !current.is_done() {
                self.current = Some(current);
            }
            return Ok(Some(piece));
        }
        match self.input.next()? {
            Some(block) => {
                if block.rows() > 0 {
                    self.current = Some(self.shared.meet(block)?);
                }
                Ok(Some(Block::new(Vec::new(), 0)))
            }
            None => {
                self.ended = true;
                let rest = matches!(self.shared.kind, JoinKind::Right | JoinKind::Full);
                if rest { self.shared.unmatched().map(Some) } else { Ok(None) }
            }
        }
    }
}

impl Shared {
    /// Looks the keys of a block of the left side up.
    fn meet(&self, block: Block) -> Result<Current> {
        let rows = block.rows();
        let mut groups = vec![0; if self.key_types.is_empty() { rows } else { 0 }];
        if !self.key_types.is_empty() {
            let columns = self.keys.evaluate(&block)?;
            encode(&columns, &self.key_types, rows, |key| {
                let group = key.and_then(|key| self.table.groups.get(key));
                groups.push(group.copied().unwrap_or(NONE));
                Ok(())
            })?;
        }
        Ok(Current { block, groups, row: 0, from: 0, first: vec![NONE; rows] })
    }

    /// The next joined rows of a block.
    fn piece(&self, current: &mut Current) -> Result<Block> {
        let (left, right) = current.pairs(&self.table);
        let (left, right) = self.filter_pairs(&current.block, left, right)?;
        let (mut left, right) = self.strict_pairs(left, right, &current.first);
        for (row, other) in left.iter().zip(&right) {
            let first = &mut current.first[*row as usize];
            *first = if *first == NONE { *other } else { *first };
        }
        match self.strictness {
            JoinStrictness::Semi | JoinStrictness::Anti if current.is_done() => {
                return self.half(current);
            }
            JoinStrictness::Semi | JoinStrictness::Anti => {
                return Ok(Block::new(Vec::new(), 0));
            }
            JoinStrictness::All | JoinStrictness::Any => {}
        }
        if matches!(self.kind, JoinKind::Right | JoinKind::Full) {
            let mut matched = self.matched.lock();
            right.iter().for_each(|row| matched[*row as usize] = true);
        }
        let mut right: Vec<Option<u32>> = right.into_iter().map(Some).collect();
        if matches!(self.kind, JoinKind::Left | JoinKind::Full) && current.is_done() {
            for (row, _) in current.first.iter().enumerate().filter(|(_, first)| **first == NONE) {
                left.push(row as u32);
                right.push(None);
            }
        }
        self.joined(&current.block, left, &right)
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

    /// Of several matches only one, where ANY asks for it; `first` tells what earlier pieces have met.
    fn strict_pairs(&self, left: Vec<u32>, right: Vec<u32>, first: &[u32]) -> (Vec<u32>, Vec<u32>) {
        if self.strictness != JoinStrictness::Any {
            return (left, right);
        }
        let by_right = self.kind == JoinKind::Right;
        let mut met = std::collections::HashSet::new();
        let mut is_new = |row: u32| first[row as usize] == NONE && met.insert(row);
        let mut used = self.matched.lock();
        let inner = self.kind == JoinKind::Inner;
        left.into_iter()
            .zip(right)
            .filter(|(l, r)| {
                if by_right || inner {
                    let free = !used[*r as usize] && (by_right || is_new(*l));
                    used[*r as usize] |= free;
                    free
                } else {
                    is_new(*l)
                }
            })
            .unzip()
    }

    /// SEMI and ANTI: rows of the left with, or without, a match.
    fn half(&self, current: &Current) -> Result<Block> {
        let wanted = self.strictness == JoinStrictness::Semi;
        let first = |row: u32| Some(current.first[row as usize]).filter(|other| *other != NONE);
        let rows: Vec<u32> =
            (0..current.first.len() as u32).filter(|row| first(*row).is_some() == wanted).collect();
        let others: Vec<Option<u32>> = rows.iter().map(|row| first(*row)).collect();
        if self.right_types.is_empty() {
            return current.block.take(&UInt32Array::from(rows));
        }
        self.joined(&current.block, rows, &others)
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
