//! The best rows of a query, looking at as few others as can be.
//!
//! 1. One term: its blocks in the order of their bounds, best first, until no block can help.
//! 2. A disjunction: windows of 4,096 rows. Within each, parts whose bounds together cannot reach
//!    the threshold (MAXSCORE) are asked only about rows that others found, and only while such a
//!    row can still reach it.
//! 3. Anything else: ranges, left out where their bound cannot reach the threshold.
//!
//! A filter is a bitset that is looked at before anything is scored; bounds hold under it as
//! without it. Of equal scores the lower row is better.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicU64, Ordering as Memory};

use super::Hit;
use super::accept::Accept;
use super::any;
use super::cursor::TermCursor;
use super::node::Node;
use super::plan::Plan;
use crate::block::BLOCK;

/// The score that a row must reach to be among the best of all parts; shared by searches that run
/// at the same time.
#[derive(Debug, Default)]
pub struct SharedThreshold(AtomicU64);

impl SharedThreshold {
    /// The score so far; 0 at first.
    pub fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Memory::Relaxed))
    }

    /// So many rows as are wanted reach this score.
    pub fn raise(&self, score: f64) {
        // Numbers that are not negative are ordered as their bits are.
        if score > 0.0 {
            self.0.fetch_max(score.to_bits(), Memory::Relaxed);
        }
    }
}

/// Ordered so that the worst is the greatest.
#[derive(Clone, Copy, PartialEq)]
struct Kept(Hit);

impl Eq for Kept {}

impl Ord for Kept {
    fn cmp(&self, other: &Kept) -> Ordering {
        other.0.score.total_cmp(&self.0.score).then(self.0.row.cmp(&other.0.row))
    }
}

impl PartialOrd for Kept {
    fn partial_cmp(&self, other: &Kept) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The best rows so far.
pub(crate) struct Best<'a> {
    pub(super) wanted: usize,
    kept: BinaryHeap<Kept>,
    shared: Option<&'a SharedThreshold>,
    /// The worst of the kept, if they are as many as wanted.
    worst: Option<Hit>,
    /// What other parts ask for, or `floor` if that is more.
    other: f64,
    /// What is known to be reached by as many rows as are wanted.
    floor: f64,
}

impl<'a> Best<'a> {
    pub(crate) fn new(wanted: usize, shared: Option<&'a SharedThreshold>) -> Best<'a> {
        let kept = BinaryHeap::with_capacity(wanted.min(1024) + 1);
        let other = shared.map_or(0.0, SharedThreshold::get);
        Best { wanted, kept, shared, worst: None, other, floor: 0.0 }
    }

    /// Whether no row from `first` on can be wanted whose score is at most `bound`.
    #[inline]
    pub(crate) fn prunes(&self, bound: f64, first: u32) -> bool {
        match self.worst {
            Some(worst) if bound < worst.score => true,
            Some(worst) if bound == worst.score => first > worst.row,
            _ => bound < self.other,
        }
    }

    /// A score that rows must reach whatever they are.
    #[inline]
    fn threshold(&self) -> f64 {
        self.worst.map_or(self.other, |worst| worst.score.max(self.other))
    }

    #[inline]
    pub(crate) fn offer(&mut self, row: u32, score: f64) {
        if !self.prunes(score, row) {
            self.keep(Hit { row, score });
        }
    }

    pub(super) fn keep(&mut self, hit: Hit) {
        self.kept.push(Kept(hit));
        if self.kept.len() > self.wanted {
            self.kept.pop();
        }
        if self.kept.len() == self.wanted {
            self.worst = self.kept.peek().map(|kept| kept.0);
            if let (Some(shared), Some(worst)) = (self.shared, self.worst) {
                shared.raise(worst.score);
                self.other = shared.get().max(self.floor);
            }
        }
    }

    /// Looks at what other parts found meanwhile.
    pub(super) fn refresh(&mut self) {
        if let Some(shared) = self.shared {
            self.other = shared.get().max(self.floor);
        }
    }

    pub(super) fn raise_floor(&mut self, floor: f64) {
        self.floor = self.floor.max(floor);
        self.other = self.other.max(floor);
    }

    pub(crate) fn finish(self) -> Vec<Hit> {
        self.kept.into_sorted_vec().into_iter().map(|kept| kept.0).collect()
    }
}

/// Finds the best rows of a plan.
pub(crate) fn search(plan: &mut Plan<'_>, accept: &Accept<'_>, best: &mut Best<'_>) {
    if best.wanted == 0 {
        return;
    }
    match plan {
        Plan::Term(cursor) => search_term(cursor, accept, best),
        Plan::Any(nodes) => any::search(nodes, accept, best),
        Plan::Node(node) => search_node(&mut **node, accept, best, None),
    }
}

// ---------------------------------------------------------------------- a term

fn search_term(cursor: &mut TermCursor<'_>, accept: &Accept<'_>, best: &mut Best<'_>) {
    let impacts = cursor.postings().impacts();
    let blocks = cursor.blocks_within(accept);
    if impacts.is_empty() || cursor.weight() == 0.0 {
        blocks.for_each(|block| search_block(cursor, block, accept, best));
        return;
    }
    let impacts = &impacts[blocks.clone()];
    let mut of_impact = [0u32; 256];
    impacts.iter().for_each(|impact| of_impact[*impact as usize] += 1);
    // Blocks in steps of about twice as many each, from the best impacts down.
    let (mut below, mut step) = (256, 16);
    let mut chosen: Vec<(u8, u32)> = Vec::new();
    while below > 0 {
        let (mut from, mut count) = (below, 0);
        while from > 0 && (count < step || count == 0) {
            from -= 1;
            count += of_impact[from];
        }
        chosen.clear();
        chosen.extend(
            impacts
                .iter()
                .enumerate()
                .filter(|(_, impact)| (from..below).contains(&(**impact as usize)))
                .map(|(block, impact)| (!*impact, (blocks.start + block) as u32)),
        );
        chosen.sort_unstable();
        best.refresh();
        for (_, block) in &chosen {
            let block = *block as usize;
            let bound = f64::from(cursor.block_bound(block));
            if bound < best.threshold() {
                return;
            }
            let first = cursor.postings().before(block).map_or(0, |row| row.saturating_add(1));
            if !best.prunes(bound, first) {
                search_block(cursor, block, accept, best);
            }
        }
        (below, step) = (from, step * 2);
    }
}

/// Blocks of a term that are looked at to know a floor.
const FLOOR_BLOCKS: usize = 12;
/// Of so many blocks one is looked at for it.
const FLOOR_SHARE: usize = 4;

/// A score that as many rows of a term reach as are wanted: from its most promising blocks.
pub(crate) fn floor(cursor: &mut TermCursor<'_>, accept: &Accept<'_>, mut best: Best<'_>) -> f64 {
    let blocks = cursor.blocks_within(accept);
    let impacts = cursor.postings().impacts().get(blocks.clone()).unwrap_or_default();
    // Under a filter few blocks tell little.
    let most = match accept.is_everything() {
        true => FLOOR_BLOCKS.min(impacts.len() / FLOOR_SHARE),
        false if impacts.len() < FLOOR_BLOCKS * 2 => 0,
        false => FLOOR_BLOCKS,
    };
    if most == 0 || cursor.weight() == 0.0 || best.wanted > BLOCK {
        return 0.0;
    }
    let mut least = 0;
    let mut of_impact = [0u32; 256];
    impacts.iter().for_each(|impact| of_impact[*impact as usize] += 1);
    let mut count = 0;
    for impact in (0..256).rev() {
        count += of_impact[impact];
        least = impact as u8;
        if count as usize >= most.div_ceil(2) {
            break;
        }
    }
    let promising = impacts.iter().enumerate().filter(|(_, impact)| **impact >= least);
    for (block, _) in promising.take(most) {
        search_block(cursor, blocks.start + block, accept, &mut best);
    }
    best.worst.map_or(0.0, |worst| worst.score)
}

fn search_block(
    cursor: &mut TermCursor<'_>,
    block: usize,
    accept: &Accept<'_>,
    best: &mut Best<'_>,
) {
    let mut scores = [0f32; BLOCK];
    if accept.is_everything() {
        let rows = cursor.scored_block(block, &mut scores);
        for (row, score) in rows.iter().zip(&scores) {
            best.offer(*row, f64::from(*score));
        }
        return;
    }
    if !cursor.block_may_have(block, accept) {
        return;
    }
    let mut places = [0u8; BLOCK];
    let count = accept.places(cursor.load(block), &mut places);
    if count == 0 {
        return;
    }
    cursor.score_places(block, &places[..count], &mut scores);
    let rows = cursor.load(block);
    for (place, score) in places[..count].iter().zip(&scores) {
        best.offer(rows[*place as usize], f64::from(*score));
    }
}

// --------------------------------------------------------------- anything else

/// Rows from which on each is looked at before it is scored.
const MANY: usize = 16;

/// Ranges; with `count` every matching row is counted, so that only scoring is left out.
pub(crate) fn search_node(
    node: &mut dyn Node,
    accept: &Accept<'_>,
    best: &mut Best<'_>,
    mut count: Option<&mut u64>,
) {
    let (mut rows, mut scores) = (Vec::new(), Vec::new());
    let mut from = 0;
    while let Some((first, last)) = accept.next(from).and_then(|from| node.range(from)) {
        let pruned = best.wanted == 0 || best.prunes(node.bound(first, last), first);
        if !pruned || count.is_some() {
            rows.clear();
            node.accepted_rows(first, last, accept, &mut rows);
            if let Some(count) = &mut count {
                **count += rows.len() as u64;
            }
        }
        if !pruned && !rows.is_empty() {
            if best.worst.is_some() && rows.len() > MANY && !node.has_scores() {
                rows.retain(|row| !best.prunes(node.bound(*row, *row), *row));
            }
            scores.clear();
            scores.resize(rows.len(), 0.0);
            node.score_matching(&rows, &mut scores);
            for (row, score) in rows.iter().zip(&scores) {
                best.offer(*row, *score);
            }
        }
        best.refresh();
        if last >= accept.last() {
            return;
        }
        from = last + 1;
    }
}
