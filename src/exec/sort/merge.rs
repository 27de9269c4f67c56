//! Merging sorted runs while they are read.
//!
//! One block of every run is at hand. A round gives out all rows that are certain to come before any row
//! that is not at hand: those up to the least of the last rows of the blocks that have a successor.
//! They are sorted by a sort that finds and merges sorted stretches. Every round uses up at least one block.
//!
//! Invariant: rows before a head's `row` were given out, in order.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::sync::Arc;

use base::{Reservation, Result};
use parking_lot::Mutex;
use types::{Block, Column};

use super::{BLOCK_ROWS, Piece, Run, Sorter, take};
use crate::order::Order;
use crate::pipeline::{BlockReader, Source};

/// Runs as a source; whatever the number of its readers, rows come in order.
pub(super) struct Merged {
    rows: Option<usize>,
    state: Arc<Mutex<State>>,
}

struct State {
    sorter: Arc<Sorter>,
    heads: Vec<Head>,
    ready: VecDeque<Block>,
    left: usize,
    /// Memory of runs that were not spilled.
    _held: Vec<Reservation>,
}

/// What is at hand of one run.
struct Head {
    block: Block,
    keys: Vec<Column>,
    row: usize,
    rest: VecDeque<Piece>,
}

impl Merged {
    pub(super) fn new(sorter: Arc<Sorter>, runs: Vec<Run>, held: Vec<Reservation>) -> Merged {
        let rows = runs.iter().flatten().map(|piece| match piece {
            Piece::Block(block) => Some(block.rows()),
            Piece::Spilled(_) => None,
        });
        let rows = rows.sum::<Option<usize>>().map(|rows| rows.min(sorter.limit));
        let heads = runs
            .into_iter()
            .map(|run| Head {
                block: Block::new(Vec::new(), 0),
                keys: Vec::new(),
                row: 0,
                rest: run.into(),
            })
            .collect();
        let left = sorter.limit;
        let state = State { sorter, heads, ready: VecDeque::new(), left, _held: held };
        Merged { rows, state: Arc::new(Mutex::new(state)) }
    }
}

impl Source for Merged {
    fn reader(&self) -> Result<Box<dyn BlockReader>> {
        Ok(Box::new(MergedReader(self.state.clone())))
    }

    fn lanes(&self) -> usize {
        1
    }

    fn rows(&self) -> Option<usize> {
        self.rows
    }
}

struct MergedReader(Arc<Mutex<State>>);

impl BlockReader for MergedReader {
    fn next(&mut self) -> Result<Option<Block>> {
        let mut state = self.0.lock();
        while state.ready.is_empty() && state.left > 0 {
            state.sorter.context.cancel.check()?;
            if !state.round()? {
                return Ok(None);
            }
        }
        let Some(block) = state.ready.pop_front() else { return Ok(None) };
        let block = if block.rows() > state.left { block.slice(0, state.left) } else { block };
        state.left -= block.rows();
        Ok(Some(block))
    }
}

impl State {
    /// Gives out the rows that are certain to come next; whether there were any.
    fn round(&mut self) -> Result<bool> {
        let single = self.heads.len() == 1;
        for head in &mut self.heads {
            head.load(&self.sorter, !single)?;
        }
        self.heads.retain(|head| head.row < head.block.rows());
        match self.heads.as_mut_slice() {
            [] => return Ok(false),
            [head] => {
                let rest = head.block.rows() - head.row;
                self.ready.push_back(head.block.slice(head.row, rest));
                head.row = head.block.rows();
                return Ok(true);
            }
            _ => {}
        }
        // Rows of all heads are numbered one after another, those that were given out included.
        let firsts: Vec<usize> = self
            .heads
            .iter()
            .scan(0, |next, head| Some(std::mem::replace(next, *next + head.block.rows())))
            .collect();
        let order = self.order()?;
        let ends = self.ends(&order, &firsts);
        let mut rows: Vec<u32> = Vec::new();
        for ((head, first), end) in self.heads.iter().zip(&firsts).zip(&ends) {
            rows.extend((first + head.row) as u32..(first + end) as u32);
        }
        order.sort(&mut rows);
        let blocks: Vec<Block> = self.heads.iter().map(|head| head.block.clone()).collect();
        let all = Block::concat(&blocks)?;
        for chunk in rows.chunks(BLOCK_ROWS) {
            self.ready.push_back(take(&all, chunk)?);
        }
        for (head, end) in self.heads.iter_mut().zip(ends) {
            head.row = end;
        }
        Ok(true)
    }

    fn order(&self) -> Result<Order> {
        let count = self.heads.first().map_or(0, |head| head.keys.len());
        let mut keys = Vec::with_capacity(count);
        for key in 0..count {
            let parts: Vec<Column> = self.heads.iter().map(|h| h.keys[key].clone()).collect();
            keys.push(Column::concat(&parts)?);
        }
        self.sorter.order(&keys)
    }

    /// For every head the row up to which it may be given out.
    fn ends(&self, order: &Order, firsts: &[usize]) -> Vec<usize> {
        let lasts = self
            .heads
            .iter()
            .zip(firsts)
            .filter(|(head, _)| !head.rest.is_empty())
            .map(|(head, first)| (first + head.block.rows() - 1) as u32);
        let bound = lasts.min_by(|a, b| order.compare(*a, *b));
        let both = self.heads.iter().zip(firsts);
        both.map(|(head, first)| {
            let Some(bound) = bound else { return head.block.rows() };
            let (mut low, mut high) = (head.row, head.block.rows());
            while low < high {
                let middle = usize::midpoint(low, high);
                match order.compare((first + middle) as u32, bound) {
                    Ordering::Greater => high = middle,
                    _ => low = middle + 1,
                }
            }
            low
        })
        .collect()
    }
}

impl Head {
    /// Gets the next block if this one is used up; with its keys, if there is anything to compare with.
    fn load(&mut self, sorter: &Sorter, keys: bool) -> Result<()> {
        while self.row == self.block.rows() {
            let Some(piece) = self.rest.pop_front() else { return Ok(()) };
            self.block = match piece {
                Piece::Block(block) => block,
                Piece::Spilled(segment) => segment.read()?,
            };
            self.row = 0;
            if keys {
                self.keys = sorter.evaluator.evaluate(&self.block)?;
            }
        }
        Ok(())
    }
}
