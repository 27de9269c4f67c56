//! The side of a join that streams past the table.
//!
//! The rows that a block meets come out in pieces of bounded size, however many they are. Lanes share one table;
//! which of its rows were met is marked in it, and the lane that ends last gives out the rest.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use arrow_array::{ArrayRef, UInt32Array};
use base::Result;
use expr::Evaluator;
use types::{Block, Column, DataType, Dictionary, Value, default_array};

use super::asof::{Asof, Times};
use super::build::Built;
use super::shape::{Columns, OutputColumn, Pairs, Shape};
use super::table::Matches;
use crate::context::ExecContext;
use crate::pipeline::{BlockReader, Bounds, Source, truth};

/// Pairs of rows that are looked at together.
const PIECE: usize = 65_536;

/// The probing input joined to what was built.
pub(super) struct Probe {
    pub(super) input: Box<dyn Source>,
    pub(super) shared: Arc<Shared>,
}

/// What the lanes of a join share.
pub(super) struct Shared {
    pub(super) built: Built,
    pub(super) shape: Shape,
    pub(super) columns: Arc<Columns>,
    /// The keys of the probing side.
    pub(super) keys: Arc<Evaluator>,
    pub(super) keyless: bool,
    pub(super) condition: Option<Arc<Evaluator>>,
    pub(super) asof: Option<Arc<Asof>>,
    pub(super) times: Times,
    /// Which built rows were met; of joins for which that matters.
    pub(super) met: Vec<AtomicBool>,
    /// Lanes that still read.
    pub(super) readers: AtomicUsize,
    /// Whether some lane gives out the rest.
    pub(super) resting: AtomicBool,
    pub(super) context: Arc<ExecContext>,
}

/// Reads one input past a table that no other lane uses.
pub(super) fn reader(shared: Arc<Shared>, input: Box<dyn BlockReader>) -> Box<dyn BlockReader> {
    shared.readers.fetch_add(1, Ordering::SeqCst);
    Box::new(ProbeReader { input, shared, current: None, state: State::Reading })
}

struct ProbeReader {
    input: Box<dyn BlockReader>,
    shared: Arc<Shared>,
    current: Option<Current>,
    state: State,
}

enum State {
    Reading,
    /// Gives out built rows from this one on.
    Resting(usize),
    Ended,
}

/// A block of the probing side that is being joined.
struct Current {
    block: Block,
    matches: Matches,
    /// The next row, and how many of its matches were looked at.
    row: usize,
    looked: u32,
    /// Whether each row has a match; empty where nobody asks.
    hit: Vec<bool>,
    /// Whether the rows without a match were given out, or are of no use.
    done: bool,
}

impl Drop for ProbeReader {
    fn drop(&mut self) {
        // One that nobody reads to its end must not keep the others from being the last.
        if matches!(self.state, State::Reading) {
            self.shared.readers.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl Source for Probe {
    fn reader(&self) -> Result<Box<dyn BlockReader>> {
        Ok(reader(self.shared.clone(), self.input.reader()?))
    }

    fn lanes(&self) -> usize {
        self.input.lanes()
    }

    fn rows(&self) -> Option<usize> {
        None
    }

    fn expected_rows(&self) -> usize {
        self.input.expected_rows()
    }

    fn dictionary(&self, column: usize) -> Option<Arc<dyn Dictionary>> {
        if self.shared.shape.rest.is_some() {
            return None;
        }
        match self.shared.columns.output.get(column)? {
            OutputColumn::Probe(column) => self.input.dictionary(*column),
            OutputColumn::Build(column) => match self.shared.built.block.column(*column) {
                Column::Dictionary(coded) => Some(coded.dictionary.clone()),
                _ => None,
            },
            OutputColumn::Unread(_) => None,
        }
    }

    fn bounds(&self, column: usize) -> Option<Bounds> {
        if self.shared.shape.rest.is_some() {
            return None;
        }
        match self.shared.columns.output.get(column)? {
            OutputColumn::Probe(column) => self.input.bounds(*column),
            _ => None,
        }
    }
}

impl BlockReader for ProbeReader {
    fn next(&mut self) -> Result<Option<Block>> {
        let shared = self.shared.clone();
        shared.context.cancel.check()?;
        match self.state {
            State::Ended => return Ok(None),
            State::Resting(from) => {
                let (block, next) = shared.rest(from)?;
                self.state = next.map_or(State::Ended, State::Resting);
                return Ok(Some(block));
            }
            State::Reading => {}
        }
        if let Some(mut current) = self.current.take() {
            let piece = shared.piece(&mut current)?;
            if !current.done {
                self.current = Some(current);
            }
            return Ok(Some(piece));
        }
        match self.input.next()? {
            Some(block) if block.rows() == 0 => Ok(Some(Block::new(Vec::new(), 0))),
            Some(block) => {
                let mut current = shared.meet(block)?;
                let piece = shared.piece(&mut current)?;
                if !current.done {
                    self.current = Some(current);
                }
                Ok(Some(piece))
            }
            None => {
                self.state = State::Ended;
                let last = shared.readers.fetch_sub(1, Ordering::SeqCst) == 1;
                if last
                    && shared.shape.rest.is_some()
                    && !shared.resting.swap(true, Ordering::SeqCst)
                {
                    self.state = State::Resting(0);
                    return Ok(Some(Block::new(Vec::new(), 0)));
                }
                Ok(None)
            }
        }
    }
}

impl Current {
    /// The next pairs of rows with equal keys, only the first of each row where no others are asked for.
    fn pairs(&mut self, numbers: &[u32], only_first: bool) -> (Vec<u32>, Vec<u32>) {
        let rows = self.block.rows();
        let (mut probe, mut build) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
        if only_first {
            let ranges = self.matches.starts.iter().zip(&self.matches.ends).enumerate();
            for (row, (start, _)) in ranges.filter(|(_, (start, end))| start < end) {
                probe.push(row as u32);
                build.push(numbers[*start as usize]);
            }
            self.row = rows;
            return (probe, build);
        }
        while self.row < rows && probe.len() < PIECE {
            let start = self.matches.starts[self.row] + self.looked;
            let end = self.matches.ends[self.row];
            let end_now = end.min(start.saturating_add((PIECE - probe.len()) as u32));
            build.extend_from_slice(&numbers[start as usize..end_now as usize]);
            probe.resize(build.len(), self.row as u32);
            if end_now == end {
                (self.row, self.looked) = (self.row + 1, 0);
            } else {
                self.looked += end_now - start;
            }
        }
        (probe, build)
    }
}

impl Shared {
    /// Looks the keys of a block up.
    fn meet(&self, block: Block) -> Result<Current> {
        let rows = block.rows();
        let mut matches = if self.keyless {
            self.built.directory.find_all(rows)
        } else {
            let columns = self.keys.evaluate(&block)?;
            let keys = self.built.form.probe(&columns, rows)?;
            let mut found = Matches::with_capacity(rows);
            self.built.directory.find(&keys, &mut found);
            found
        };
        if let Some(asof) = &self.asof {
            asof.nearest(&block, &self.times, self.built.directory.numbers(), &mut matches)?;
        }
        let asks = self.shape.keeps_probe || self.shape.pairs == Pairs::First;
        let hit = vec![false; if asks { rows } else { 0 }];
        Ok(Current { block, matches, row: 0, looked: 0, hit, done: false })
    }

    /// The next joined rows of a block.
    fn piece(&self, current: &mut Current) -> Result<Block> {
        let plain = self.condition.is_none();
        let one = self.built.directory.is_unique() || plain && self.shape.pairs != Pairs::All;
        if self.shape.pairs == Pairs::Marks && plain {
            self.mark_all(&current.matches);
            current.done = true;
            return Ok(Block::new(Vec::new(), 0));
        }
        let (mut probe, mut build) = current.pairs(self.built.directory.numbers(), one);
        let ended = current.row == current.block.rows();
        self.filter_pairs(&current.block, &mut probe, &mut build)?;
        self.reduce(current, &mut probe, &mut build);
        if !self.met.is_empty() && self.shape.pairs != Pairs::Once {
            build.iter().for_each(|row| self.met[*row as usize].store(true, Ordering::Relaxed));
        }
        if !current.hit.is_empty() {
            probe.iter().for_each(|row| current.hit[*row as usize] = true);
        }
        if !self.shape.gives_pairs {
            (probe, build) = (Vec::new(), Vec::new());
        }
        current.done = ended;
        if ended && self.shape.keeps_probe {
            let default = self.built.rows as u32;
            let missing = current.hit.iter().enumerate().filter(|(_, hit)| !**hit);
            probe.extend(missing.map(|(row, _)| row as u32));
            build.resize(probe.len(), default);
        }
        self.joined(&current.block, probe, build)
    }

    /// Marks all built rows that keys found.
    fn mark_all(&self, matches: &Matches) {
        let numbers = self.built.directory.numbers();
        for (start, end) in matches.starts.iter().zip(&matches.ends) {
            let own = &numbers[*start as usize..*end as usize];
            // Rows of one key are marked together.
            match own.first() {
                Some(first) if !self.met[*first as usize].load(Ordering::Relaxed) => {
                    for row in own.iter().rev() {
                        self.met[*row as usize].store(true, Ordering::Relaxed);
                    }
                }
                _ => {}
            }
        }
    }

    /// Leaves the pairs for which the rest of ON holds.
    fn filter_pairs(
        &self,
        block: &Block,
        probe: &mut Vec<u32>,
        build: &mut Vec<u32>,
    ) -> Result<()> {
        let Some(condition) = &self.condition else { return Ok(()) };
        if self.shape.pairs == Pairs::Marks {
            // What is marked already need not be looked at again.
            let met = |row: &u32| self.met[*row as usize].load(Ordering::Relaxed);
            let fresh: Vec<bool> = build.iter().map(|row| !met(row)).collect();
            keep(probe, |at| fresh[at]);
            keep(build, |at| fresh[at]);
        }
        if probe.is_empty() {
            return Ok(());
        }
        let width = self.columns.condition.last().map_or(0, |(column, _)| column + 1);
        let nothing = Column::constant(&DataType::UInt8, &Value::Int(0), probe.len())?;
        let mut columns = vec![nothing; width];
        let (of_probe, of_build) =
            (UInt32Array::from(probe.clone()), UInt32Array::from(build.clone()));
        for (at, from) in &self.columns.condition {
            columns[*at] = match from {
                OutputColumn::Probe(column) => block.column(*column).take(&of_probe)?,
                OutputColumn::Build(column) => self.built.block.column(*column).take(&of_build)?,
                OutputColumn::Unread(_) => continue,
            };
        }
        let holds = truth(&condition.evaluate_one(&columns, probe.len())?.to_flat()?)?;
        keep(probe, |at| holds.value(at));
        keep(build, |at| holds.value(at));
        Ok(())
    }

    /// Of several pairs of a row, or of a key, only one, where that is asked for.
    fn reduce(&self, current: &mut Current, probe: &mut Vec<u32>, build: &mut Vec<u32>) {
        let kept: Vec<bool> = match self.shape.pairs {
            Pairs::All | Pairs::Marks => return,
            Pairs::First if self.condition.is_none() => return,
            Pairs::First => {
                let is_new = |row: &u32| !std::mem::replace(&mut current.hit[*row as usize], true);
                probe.iter().map(is_new).collect()
            }
            Pairs::Once => {
                let numbers = self.built.directory.numbers();
                let is_new = |row: &u32| {
                    let key = numbers[current.matches.starts[*row as usize] as usize];
                    !self.met[key as usize].swap(true, Ordering::Relaxed)
                };
                probe.iter().map(is_new).collect()
            }
        };
        keep(probe, |at| kept[at]);
        keep(build, |at| kept[at]);
    }

    /// Rows of the probing side beside built rows.
    fn joined(&self, block: &Block, probe: Vec<u32>, build: Vec<u32>) -> Result<Block> {
        let rows = probe.len();
        if rows == 0 {
            return Ok(Block::new(Vec::new(), 0));
        }
        let whole =
            rows == block.rows() && probe.iter().enumerate().all(|(at, row)| at == *row as usize);
        let (probe, build) = (UInt32Array::from(probe), UInt32Array::from(build));
        let mut columns = Vec::with_capacity(self.columns.output.len());
        for column in &self.columns.output {
            columns.push(match column {
                OutputColumn::Probe(column) if whole => block.column(*column).clone(),
                OutputColumn::Probe(column) => block.column(*column).take(&probe)?,
                OutputColumn::Build(column) => self.built.block.column(*column).take(&build)?,
                OutputColumn::Unread(value) => constant(value, rows),
            });
        }
        Ok(Block::new(columns, rows))
    }

    /// Built rows from one on that are given out at the end, and where to go on.
    fn rest(&self, from: usize) -> Result<(Block, Option<usize>)> {
        let wanted = self.shape.rest.unwrap_or(false);
        let end = self.built.rows.min(from + PIECE);
        let next = (end < self.built.rows).then_some(end);
        let chosen = (from..end).filter(|row| self.met[*row].load(Ordering::Relaxed) == wanted);
        let chosen: Vec<u32> = chosen.map(|row| row as u32).collect();
        let rows = chosen.len();
        if rows == 0 {
            return Ok((Block::new(Vec::new(), 0), next));
        }
        let chosen = UInt32Array::from(chosen);
        let mut columns = Vec::with_capacity(self.columns.output.len());
        for (column, data_type) in self.columns.output.iter().zip(&self.columns.types) {
            columns.push(match column {
                OutputColumn::Probe(_) => constant(&default_array(data_type, 1)?, rows),
                OutputColumn::Build(column) => self.built.block.column(*column).take(&chosen)?,
                OutputColumn::Unread(value) => constant(value, rows),
            });
        }
        Ok((Block::new(columns, rows), next))
    }
}

fn constant(value: &ArrayRef, len: usize) -> Column {
    Column::Constant { value: value.clone(), len }
}

/// Leaves the elements at some places.
fn keep(rows: &mut Vec<u32>, wanted: impl Fn(usize) -> bool) {
    let mut at = 0;
    rows.retain(|_| {
        at += 1;
        wanted(at - 1)
    });
}
