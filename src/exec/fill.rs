//! ORDER BY ... WITH FILL: rows put in where values of the order are missing.
//!
//! 1. Rows are read in order, one after another. Before each, and after the last of equal prefixes, rows are put
//!    in until the filled columns reach it: see `cursor`.
//! 2. What comes out is gathered to blocks of bounded size, so that a LIMIT above ends a fill without end.
//!
//! Invariant: rows that wait to come out are of the current block, so that their columns can be taken from it.

mod cursor;

use std::sync::Arc;

use arrow_array::UInt32Array;
use base::Result;
use expr::{Evaluator, Expr};
use parking_lot::Mutex;
use plan::Fill;
use types::{Block, Column, DataType, Schema, Value, array_from_values, value_at};

use crate::context::ExecContext;
use crate::pipeline::{BlockReader, Source, evaluator, execute};

use cursor::Cursor;

/// Rows of a block that is given out.
const BLOCK_ROWS: usize = 8192;

/// The rows of a plan with missing ones put in.
pub(crate) fn fill(fill: Fill, context: &Arc<ExecContext>) -> Result<Box<dyn Source>> {
    let schema = fill.input.schema();
    let expressions: Vec<Expr> = fill.interpolated.iter().map(|(_, e)| e.clone()).collect();
    let used = expressions.iter().flat_map(Expr::columns).collect();
    let cursor = Cursor::new(&fill.columns, context)?;
    let interpolation = Interpolation {
        targets: fill.interpolated.iter().map(|(column, _)| *column).collect(),
        evaluator: evaluator(&expressions, context)?,
        used,
    };
    let last = schema.fields().iter().map(|f| default(&f.data_type)).collect();
    let filled: Vec<usize> = fill.columns.iter().map(|c| c.column).collect();
    let state = State {
        started: false,
        reader: None,
        current: None,
        row: 0,
        phase: Phase::Rows,
        prefix: None,
        out: Vec::new(),
        last,
        prefixes: fill.prefix.clone(),
        filled,
        schema,
        cursor,
        interpolation,
        context: context.clone(),
    };
    let input = execute(*fill.input, context)?;
    Ok(Box::new(Filled { input: input.into(), state: Arc::new(Mutex::new(state)) }))
}

fn default(data_type: &DataType) -> Value {
    if data_type.is_nullable() { Value::Null } else { data_type.default_value() }
}

struct Filled {
    input: Arc<dyn Source>,
    state: Arc<Mutex<State>>,
}

impl Source for Filled {
    fn reader(&self) -> Result<Box<dyn BlockReader>> {
        Ok(Box::new(FilledReader { input: self.input.clone(), state: self.state.clone() }))
    }

    fn lanes(&self) -> usize {
        1
    }

    fn rows(&self) -> Option<usize> {
        None
    }
}

/// Columns of rows that are put in, computed from the row before.
struct Interpolation {
    targets: Vec<usize>,
    evaluator: Arc<Evaluator>,
    /// The columns that this needs.
    used: Vec<usize>,
}

/// A row that comes out.
enum Row {
    /// A row of the current block.
    Own(u32),
    /// A row put in: the values of all columns that are not defaults, by position.
    Put(Vec<(usize, Value)>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Rows are read; before the next one others may have to be put in.
    Rows,
    /// The rows of a prefix, or all, are at their end; rows may follow up to a TO.
    End { all: bool },
    /// Nothing follows.
    Over,
}

struct State {
    started: bool,
    reader: Option<Box<dyn BlockReader>>,
    current: Option<(Block, Vec<arrow_array::ArrayRef>)>,
    row: usize,
    phase: Phase,
    /// The prefix of the rows that are being filled; none before the first row.
    prefix: Option<Vec<Value>>,
    out: Vec<Row>,
    /// The values of the row that came out last, as far as something is computed from them.
    last: Vec<Value>,
    prefixes: Vec<usize>,
    filled: Vec<usize>,
    schema: Schema,
    cursor: Cursor,
    interpolation: Interpolation,
    context: Arc<ExecContext>,
}

struct FilledReader {
    input: Arc<dyn Source>,
    state: Arc<Mutex<State>>,
}

impl BlockReader for FilledReader {
    fn next(&mut self) -> Result<Option<Block>> {
        let mut state = self.state.lock();
        state.context.cancel.check()?;
        if !state.started {
            state.started = true;
            state.reader = Some(self.input.reader()?);
        }
        while state.out.len() < BLOCK_ROWS {
            if !state.step()? {
                break;
            }
        }
        if state.out.is_empty() && state.phase == Phase::Over {
            return Ok(None);
        }
        state.block().map(Some)
    }
}

impl State {
    /// Puts one more row out, or goes on to the next block; whether the rows that wait may stay waiting.
    fn step(&mut self) -> Result<bool> {
        match self.phase {
            Phase::Over => return Ok(false),
            Phase::End { all } => {
                if let Some(values) = self.cursor.next_at_end()? {
                    self.put(values)?;
                } else if all {
                    self.phase = Phase::Over;
                } else {
                    self.phase = Phase::Rows;
                    self.prefix = None;
                }
                return Ok(true);
            }
            Phase::Rows => {}
        }
        let Some((block, _)) = &self.current else { return self.read() };
        if self.row == block.rows() {
            if !self.out.is_empty() {
                return Ok(false);
            }
            self.current = None;
            return Ok(true);
        }
        let prefix = self.values(&self.prefixes)?;
        if self.prefix.as_ref() != Some(&prefix) {
            if self.prefix.is_some() {
                self.cursor.end();
                self.phase = Phase::End { all: false };
                return Ok(true);
            }
            self.prefix = Some(prefix);
            self.cursor.restart();
        }
        let target = self.values(&self.filled)?;
        match self.cursor.next_before(&target)? {
            Some(values) => self.put(values)?,
            None => {
                self.cursor.passed(&target)?;
                for at in 0..self.interpolation.used.len() {
                    let column = self.interpolation.used[at];
                    self.last[column] = self.values(&[column])?.remove(0);
                }
                self.out.push(Row::Own(self.row as u32));
                self.row += 1;
            }
        }
        Ok(true)
    }

    /// Gets the next block.
    fn read(&mut self) -> Result<bool> {
        let next = match &mut self.reader {
            Some(reader) => reader.next()?,
            None => None,
        };
        match next {
            None => {
                self.reader = None;
                if self.prefix.is_none() {
                    self.prefix =
                        Some(self.prefixes.iter().map(|c| self.last[*c].clone()).collect());
                    self.cursor.restart();
                }
                self.cursor.end();
                self.phase = Phase::End { all: true };
            }
            Some(block) if block.rows() > 0 => {
                let arrays = block.columns().iter().map(Column::to_flat).collect::<Result<_>>()?;
                self.current = Some((block, arrays));
                self.row = 0;
            }
            Some(_) => {}
        }
        Ok(true)
    }

    /// The current row's values of some columns; NaN is NULL.
    fn values(&self, columns: &[usize]) -> Result<Vec<Value>> {
        let Some((_, arrays)) = &self.current else { return Ok(Vec::new()) };
        let value = |column: &usize| {
            let data_type = &self.schema.fields()[*column].data_type;
            match value_at(&arrays[*column], data_type, self.row) {
                Value::Float(v) if v.is_nan() => Value::Null,
                other => other,
            }
        };
        Ok(columns.iter().map(value).collect())
    }

    /// Puts a row in.
    fn put(&mut self, values: Vec<Value>) -> Result<()> {
        let mut row: Vec<(usize, Value)> = Vec::new();
        for (column, value) in self.filled.iter().zip(values) {
            if !value.is_null() {
                row.push((*column, value));
            }
        }
        if let Some(prefix) = &self.prefix {
            row.extend(self.prefixes.iter().copied().zip(prefix.iter().cloned()));
        }
        if !self.interpolation.targets.is_empty() {
            let mut columns = Vec::with_capacity(self.last.len());
            for (field, value) in self.schema.fields().iter().zip(&self.last) {
                columns.push(Column::constant(&field.data_type, value, 1)?);
            }
            let computed = self.interpolation.evaluator.evaluate(&Block::new(columns, 1))?;
            for (target, column) in self.interpolation.targets.iter().zip(computed) {
                let data_type = &self.schema.fields()[*target].data_type;
                row.push((*target, column.value(data_type, 0)?));
            }
            for column in &self.interpolation.used {
                let found = row.iter().find(|(at, _)| at == column);
                let data_type = &self.schema.fields()[*column].data_type;
                self.last[*column] = found.map_or_else(|| default(data_type), |(_, v)| v.clone());
            }
        }
        self.out.push(Row::Put(row));
        Ok(())
    }

    /// The rows that wait, as a block.
    fn block(&mut self) -> Result<Block> {
        let rows = std::mem::take(&mut self.out);
        let mut special = self.filled.clone();
        special.extend_from_slice(&self.prefixes);
        special.extend_from_slice(&self.interpolation.targets);
        let own = |row: &Row| match row {
            Row::Own(at) => Some(*at),
            Row::Put(_) => None,
        };
        let all_own = rows.iter().all(|row| own(row).is_some());
        let mut columns = Vec::with_capacity(self.schema.len());
        for (at, field) in self.schema.fields().iter().enumerate() {
            let data_type = &field.data_type;
            let array = self.current.as_ref().map(|(_, arrays)| arrays[at].clone());
            if special.contains(&at) && !all_own {
                let mut values = Vec::with_capacity(rows.len());
                for row in &rows {
                    values.push(match (row, &array) {
                        (Row::Own(place), Some(array)) => {
                            value_at(array, data_type, *place as usize)
                        }
                        (Row::Put(values), _) => {
                            let found = values.iter().find(|(column, _)| *column == at);
                            found.map_or_else(|| default(data_type), |(_, v)| v.clone())
                        }
                        (Row::Own(_), None) => default(data_type),
                    });
                }
                columns.push(Column::Flat(array_from_values(data_type, &values)?));
                continue;
            }
            let missing = Column::constant(data_type, &default(data_type), 1)?.to_flat()?;
            let (both, end) = match array {
                Some(array) => {
                    let end = array.len() as u32;
                    (Column::concat(&[Column::Flat(array), Column::Flat(missing)])?, end)
                }
                None => (Column::Flat(missing), 0),
            };
            let places: Vec<u32> = rows.iter().map(|row| own(row).unwrap_or(end)).collect();
            columns.push(both.take(&UInt32Array::from(places))?);
        }
        Ok(Block::new(columns, rows.len()))
    }
}
