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

use super::cursor::TermCursor;
use super::node::{Node, WINDOW, Window};
use super::plan::Plan;
use super::{Accept, Hit};
use crate::block::BLOCK;
use crate::rows::extract;

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
    wanted: usize,
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

    fn keep(&mut self, hit: Hit) {
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
    fn refresh(&mut self) {
        if let Some(shared) = self.shared {
            self.other = shared.get().max(self.floor);
        }
    }

    fn raise_floor(&mut self, floor: f64) {
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
        Plan::Any(nodes) => search_any(nodes, accept, best),
        Plan::Node(node) => search_node(&mut **node, accept, best, None),
    }
}

// ---------------------------------------------------------------------- a term

fn search_term(cursor: &mut TermCursor<'_>, accept: &Accept<'_>, best: &mut Best<'_>) {
    let impacts = cursor.postings().impacts();
    let blocks = cursor.postings().blocks();
    if impacts.is_empty() || cursor.weight() == 0.0 {
        (0..blocks).for_each(|block| search_block(cursor, block, accept, best));
        return;
    }
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
                .map(|(block, impact)| (!*impact, block as u32)),
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

/// A score that as many rows of a term reach as are wanted: from its most promising blocks.
pub(crate) fn floor(cursor: &mut TermCursor<'_>, accept: &Accept<'_>, mut best: Best<'_>) -> f64 {
    let impacts = cursor.postings().impacts();
    if impacts.len() < FLOOR_BLOCKS * 2 || cursor.weight() == 0.0 || best.wanted > BLOCK {
        return 0.0;
    }
    let mut least = 0;
    let mut of_impact = [0u32; 256];
    impacts.iter().for_each(|impact| of_impact[*impact as usize] += 1);
    let mut count = 0;
    for impact in (0..256).rev() {
        count += of_impact[impact];
        least = impact as u8;
        if count as usize >= FLOOR_BLOCKS / 2 {
            break;
        }
    }
    let promising = impacts.iter().enumerate().filter(|(_, impact)| **impact >= least);
    for (block, _) in promising.take(FLOOR_BLOCKS) {
        search_block(cursor, block, accept, &mut best);
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
    let (mut places, mut count) = ([0u8; BLOCK], 0);
    for (place, row) in cursor.load(block).iter().enumerate() {
        places[count % BLOCK] = place as u8;
        count += usize::from(accept.contains(*row));
    }
    if count == 0 {
        return;
    }
    cursor.score_places(block, &places[..count], &mut scores);
    let rows = cursor.load(block);
    for (place, score) in places[..count].iter().zip(&scores) {
        best.offer(rows[*place as usize], f64::from(*score));
    }
}

// --------------------------------------------------------------- a disjunction

/// Rows for one matching row from which windows are wider.
const SPARSE: u64 = 100;

fn search_any(nodes: &mut [Box<dyn Node + '_>], accept: &Accept<'_>, best: &mut Best<'_>) {
    for node in nodes.iter_mut() {
        let floor = node.floor(accept, best.wanted);
        best.raise_floor(floor);
    }
    // Where matching rows are few, wider windows take fewer steps.
    let cost: u64 = nodes.iter().map(|node| node.cost()).sum();
    let size = if cost < u64::from(accept.rows) / SPARSE { WINDOW * 8 } else { WINDOW };
    let mut window = Window::new(size);
    let mut order: Vec<usize> = (0..nodes.len()).collect();
    let mut bounds = vec![0.0; nodes.len()];
    let mut candidates = Candidates::default();
    let Some(mut base) = first_window(nodes, accept, 0, size) else { return };
    loop {
        best.refresh();
        let last = base.saturating_add(size as u32 - 1).min(accept.rows.saturating_sub(1));
        let mut sum = 0.0;
        for (node, bound) in nodes.iter_mut().zip(&mut bounds) {
            *bound = node.bound(base, last);
            sum += *bound;
        }
        if !best.prunes(sum, base) {
            search_window(
                nodes,
                &bounds,
                &mut order,
                base,
                &mut window,
                accept,
                best,
                &mut candidates,
            );
        }
        if last >= accept.rows - 1 {
            return;
        }
        match first_window(nodes, accept, last + 1, size) {
            Some(next) => base = next,
            None => return,
        }
    }
}

/// Where the next window begins that can have a row.
fn first_window(
    nodes: &mut [Box<dyn Node + '_>],
    accept: &Accept<'_>,
    from: u32,
    size: usize,
) -> Option<u32> {
    let from = accept.next(from)?;
    if nodes.len() > 64 {
        return Some(from & !(size as u32 - 1));
    }
    let mut first: Option<u32> = None;
    for node in nodes {
        if let Some((row, _)) = node.range(from) {
            first = Some(first.map_or(row, |first| first.min(row)));
            if row == from {
                break;
            }
        }
    }
    first.map(|row| row & !(size as u32 - 1))
}

/// Rows of a window that may be among the best, and what they score so far.
#[derive(Default)]
struct Candidates {
    rows: Vec<u32>,
    scores: Vec<f64>,
}

impl Candidates {
    /// Keeps those that can reach the threshold if they score so much more.
    fn prune(&mut self, more: f64, best: &Best<'_>) {
        let mut kept = 0;
        for index in 0..self.rows.len() {
            let (row, score) = (self.rows[index], self.scores[index]);
            self.rows[kept] = row;
            self.scores[kept] = score;
            kept += usize::from(!best.prunes(score + more, row));
        }
        self.rows.truncate(kept);
        self.scores.truncate(kept);
    }
}

#[allow(clippy::too_many_arguments, reason = "what a window needs is kept from one to the next")]
fn search_window(
    nodes: &mut [Box<dyn Node + '_>],
    bounds: &[f64],
    order: &mut [usize],
    base: u32,
    window: &mut Window,
    accept: &Accept<'_>,
    best: &mut Best<'_>,
    candidates: &mut Candidates,
) {
    order.sort_unstable_by(|a, b| bounds[*a].total_cmp(&bounds[*b]));
    // Parts that cannot reach the threshold together.
    let (mut optional, mut reach) = (0, 0.0);
    while optional < order.len() && best.prunes(reach + bounds[order[optional]], base) {
        reach += bounds[order[optional]];
        optional += 1;
    }
    let accepted = accept.window(base, window.words.len());
    let few = accepted.as_ref().map(|words| crate::rows::count_ones(words));
    if few == Some(0) {
        return;
    }
    candidates.rows.clear();
    candidates.scores.clear();
    if let (Some(words), Some(few)) = (&accepted, few)
        && few < FEW_ACCEPTED
    {
        // The filter leads: its rows are looked up.
        extract(words, base, &mut candidates.rows);
        candidates.scores.resize(candidates.rows.len(), 0.0);
        let mut more: f64 = bounds.iter().sum();
        for number in order.iter().rev() {
            nodes[*number].score(&candidates.rows, &mut candidates.scores);
            more -= bounds[*number];
            candidates.prune(more.max(0.0) * (1.0 + 1e-12), best);
        }
        let mut matching = candidates.rows.clone();
        if candidates.scores.contains(&0.0) {
            keep_matching(nodes, &mut matching);
        }
        let mut matching = matching.iter().peekable();
        for (row, score) in candidates.rows.iter().zip(&candidates.scores) {
            if matching.next_if(|other| *other == row).is_some() {
                best.offer(*row, *score);
            }
        }
        return;
    }
    for number in &order[optional..] {
        nodes[*number].accumulate(base, window);
    }
    if let Some(accepted) = &accepted {
        for (index, word) in window.words.iter_mut().enumerate() {
            let wanted = accepted.get(index).copied().unwrap_or(0);
            clear_scores(&mut window.scores, index, *word & !wanted);
            *word &= wanted;
        }
    }
    collect(window, base, reach, best, candidates);
    for (left, number) in order[..optional].iter().enumerate().rev() {
        nodes[*number].score(&candidates.rows, &mut candidates.scores);
        let more: f64 = order[..left].iter().map(|number| bounds[*number]).sum();
        candidates.prune(more, best);
    }
    for (row, score) in candidates.rows.iter().zip(&candidates.scores) {
        best.offer(*row, *score);
    }
}

/// Accepted rows of a window up to which they are looked up one by one.
const FEW_ACCEPTED: u64 = 96;

/// Keeps rows that match any node.
fn keep_matching(nodes: &mut [Box<dyn Node + '_>], rows: &mut Vec<u32>) {
    let mut all = Vec::new();
    for node in nodes {
        let mut kept = rows.clone();
        node.retain(&mut kept);
        all.append(&mut kept);
    }
    all.sort_unstable();
    all.dedup();
    *rows = all;
}

#[inline]
fn clear_scores(scores: &mut [f64], index: usize, mut word: u64) {
    while word != 0 {
        scores[index * 64 + word.trailing_zeros() as usize] = 0.0;
        word &= word - 1;
    }
}

/// Takes the rows of a window that can reach the threshold, and empties it.
fn collect(
    window: &mut Window,
    base: u32,
    more: f64,
    best: &mut Best<'_>,
    candidates: &mut Candidates,
) {
    for index in 0..window.words.len() {
        let mut word = std::mem::take(&mut window.words[index]);
        while word != 0 {
            let place = index * 64 + word.trailing_zeros() as usize;
            word &= word - 1;
            let score = std::mem::take(&mut window.scores[place]);
            let row = base + place as u32;
            if best.prunes(score + more, row) {
                continue;
            }
            if more == 0.0 {
                best.keep(Hit { row, score });
            } else {
                candidates.rows.push(row);
                candidates.scores.push(score);
            }
        }
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
            node.rows(first, last, &mut rows);
            accept.retain(&mut rows);
            if let Some(count) = &mut count {
                **count += rows.len() as u64;
            }
        }
        if !pruned && !rows.is_empty() {
            if best.worst.is_some() && rows.len() > MANY {
                rows.retain(|row| !best.prunes(node.bound(*row, *row), *row));
            }
            scores.clear();
            scores.resize(rows.len(), 0.0);
            node.score(&rows, &mut scores);
            for (row, score) in rows.iter().zip(&scores) {
                best.offer(*row, *score);
            }
        }
        best.refresh();
        if last >= accept.rows.saturating_sub(1) {
            return;
        }
        from = last + 1;
    }
}
