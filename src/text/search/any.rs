//! The best rows of a disjunction: MAXSCORE over windows of rows.
//!
//! 1. A floor is known before: what as many rows as are wanted reach by one term alone.
//! 2. A window is left out if the bounds of all parts together do not reach the threshold.
//! 3. Parts whose bounds do not reach it together are optional: the others add up their scores in
//!    the window, the optional ones are asked only about rows that can still reach the threshold.
//! 4. Where a filter accepts few rows, rows are matched by their bits, and only those that match
//!    and are accepted are scored.

use std::ops::RangeInclusive;

use super::Hit;
use super::accept::Accept;
use super::node::{Node, WINDOW, Window};
use super::top::Best;
use crate::rows::extract;

/// Rows for one matching row from which windows are wider.
const SPARSE: u64 = 100;
/// Rows for one accepted row from which rows are matched by their bits.
const FEW: u64 = 28;
/// How much wider windows are then.
const WIDER: usize = 8;

struct AnySearch<'s, 'n, 'a> {
    nodes: &'s mut [Box<dyn Node + 'n>],
    accept: &'s Accept<'a>,
    /// What no row of the window scores more than, by each node; and these in ascending order.
    bounds: Vec<f64>,
    order: Vec<usize>,
    window: Window,
    /// Rows of a window that may be among the best, and what they score so far.
    rows: Vec<u32>,
    scores: Vec<f64>,
}

/// Finds the best rows of any of the nodes.
pub(super) fn search(nodes: &mut [Box<dyn Node + '_>], accept: &Accept<'_>, best: &mut Best<'_>) {
    for node in nodes.iter_mut() {
        let floor = node.floor(accept, best.wanted);
        best.raise_floor(floor);
    }
    let cost: u64 = nodes.iter().map(|node| node.cost()).sum();
    let all = u64::from(accept.rows());
    let few = accept.is_sparse(FEW);
    let size = if few || cost < all / SPARSE { WINDOW * WIDER } else { WINDOW };
    let mut search = AnySearch {
        bounds: vec![0.0; nodes.len()],
        order: (0..nodes.len()).collect(),
        nodes,
        accept,
        window: Window::new(size),
        rows: Vec::new(),
        scores: Vec::new(),
    };
    let mut from = 0;
    while let Some(base) = search.next_window(from) {
        best.refresh();
        let last = base.saturating_add(size as u32 - 1).min(accept.last());
        let first = base.max(accept.first());
        if !best.prunes(search.bound(first, last), first) {
            if few {
                search.match_bits(base, best);
            } else {
                search.add_up(base, first..=last, best);
            }
        }
        if last == accept.last() {
            return;
        }
        from = last + 1;
    }
}

impl AnySearch<'_, '_, '_> {
    /// Where the next window begins that can have a row.
    fn next_window(&mut self, from: u32) -> Option<u32> {
        let from = self.accept.next(from)?;
        let begin = !(self.window.scores.len() as u32 - 1);
        if self.nodes.len() > 64 {
            return Some(from & begin);
        }
        let mut first: Option<u32> = None;
        for node in self.nodes.iter_mut() {
            if let Some((row, _)) = node.range(from) {
                first = Some(first.map_or(row, |first| first.min(row)));
                if row == from {
                    break;
                }
            }
        }
        first.map(|row| row & begin)
    }

    /// What no row of a window scores more than.
    fn bound(&mut self, base: u32, last: u32) -> f64 {
        let mut sum = 0.0;
        for (node, bound) in self.nodes.iter_mut().zip(&mut self.bounds) {
            *bound = node.bound(base, last);
            sum += *bound;
        }
        sum
    }

    fn sort(&mut self) {
        let bounds = &self.bounds;
        self.order.sort_unstable_by(|a, b| bounds[*a].total_cmp(&bounds[*b]));
        self.rows.clear();
        self.scores.clear();
    }

    /// Scores the rows that match and are accepted.
    fn match_bits(&mut self, base: u32, best: &mut Best<'_>) {
        self.sort();
        for node in self.nodes.iter_mut() {
            node.fill(base, &mut self.window.words);
        }
        self.accept.restrict(base, &mut self.window.words);
        extract(&self.window.words, base, &mut self.rows);
        self.window.words.fill(0);
        self.scores.resize(self.rows.len(), 0.0);
        self.score(self.order.len(), best);
    }

    /// Adds up the scores of the window's rows, then asks the optional parts.
    fn add_up(&mut self, base: u32, range: RangeInclusive<u32>, best: &mut Best<'_>) {
        self.sort();
        let (mut optional, mut reach) = (0, 0.0);
        while optional < self.order.len()
            && best.prunes(reach + self.bounds[self.order[optional]], base)
        {
            reach += self.bounds[self.order[optional]];
            optional += 1;
        }
        if let [number] = self.order[optional..] {
            // One part's rows are in order as they come.
            self.nodes[number].scored_rows(
                *range.start(),
                *range.end(),
                &mut self.rows,
                &mut self.scores,
            );
            self.prune(reach, best);
            return self.score(optional, best);
        }
        for number in &self.order[optional..] {
            self.nodes[*number].accumulate(base, &mut self.window);
        }
        self.accept.restrict(base, &mut self.window.words);
        self.collect(base, reach, best);
        self.window.words.fill(0);
        // Rows that are not accepted were left out there.
        if !self.accept.is_everything() {
            self.window.scores.fill(0.0);
        }
        self.score(optional, best);
    }

    /// Asks the nodes of the lowest bounds, so many, and offers the rows that are left.
    fn score(&mut self, optional: usize, best: &mut Best<'_>) {
        for left in (0..optional).rev() {
            let more: f64 = self.order[..left].iter().map(|number| self.bounds[*number]).sum();
            self.nodes[self.order[left]].score(&self.rows, &mut self.scores);
            self.prune(more, best);
        }
        for (row, score) in self.rows.iter().zip(&self.scores) {
            best.offer(*row, *score);
        }
    }

    /// Keeps the accepted rows that can reach the threshold if they score so much more.
    fn prune(&mut self, more: f64, best: &Best<'_>) {
        let everything = self.accept.is_everything();
        let mut kept = 0;
        for index in 0..self.rows.len() {
            let (row, score) = (self.rows[index], self.scores[index]);
            self.rows[kept] = row;
            self.scores[kept] = score;
            let stays = !best.prunes(score + more, row);
            kept += usize::from(stays && (everything || self.accept.contains(row)));
        }
        self.rows.truncate(kept);
        self.scores.truncate(kept);
    }

    /// Takes the rows of a window that can reach the threshold, and their scores out of it.
    fn collect(&mut self, base: u32, more: f64, best: &mut Best<'_>) {
        for (index, word) in self.window.words.iter().enumerate() {
            let mut word = *word;
            while word != 0 {
                let place = index * 64 + word.trailing_zeros() as usize;
                word &= word - 1;
                let (row, score) =
                    (base + place as u32, std::mem::take(&mut self.window.scores[place]));
                if best.prunes(score + more, row) {
                    continue;
                }
                if more == 0.0 {
                    best.keep(Hit { row, score });
                } else {
                    self.rows.push(row);
                    self.scores.push(score);
                }
            }
        }
    }
}
