//! Conjunctions, disjunctions, exclusions, and the best of several.

use std::mem::take;

use super::accept::Accept;
use super::node::{Node, WINDOW, WINDOW_WORDS, set_bit, window_from};
use crate::rows::extract;

/// All of `must`, at least so many of `should`, none of `must_not`.
pub(crate) struct BoolNode<'a> {
    /// The cheapest first.
    must: Vec<Box<dyn Node + 'a>>,
    should: Vec<Box<dyn Node + 'a>>,
    must_not: Vec<Box<dyn Node + 'a>>,
    at_least: usize,
    rows: u32,
    scratch: Vec<u32>,
    /// Rows of a range.
    found: Vec<u32>,
}

impl<'a> BoolNode<'a> {
    /// `must` or `at_least` is not empty.
    pub(crate) fn new(
        mut must: Vec<Box<dyn Node + 'a>>,
        should: Vec<Box<dyn Node + 'a>>,
        must_not: Vec<Box<dyn Node + 'a>>,
        at_least: usize,
        rows: u32,
    ) -> BoolNode<'a> {
        must.sort_by_key(|node| node.cost());
        BoolNode { must, should, must_not, at_least, rows, scratch: Vec::new(), found: Vec::new() }
    }

    /// Keeps the rows that enough of `should` have.
    fn retain_should(&mut self, rows: &mut Vec<u32>) {
        if self.at_least == 0 || rows.is_empty() {
            return;
        }
        let mut counts = vec![0u32; rows.len()];
        for node in &mut self.should {
            self.scratch.clear();
            self.scratch.extend_from_slice(rows);
            node.retain(&mut self.scratch);
            let mut at = 0;
            for row in &self.scratch {
                while rows[at] < *row {
                    at += 1;
                }
                counts[at] += 1;
            }
        }
        let mut counts = counts.into_iter();
        let at_least = self.at_least;
        rows.retain(|_| counts.next().is_some_and(|count| count as usize >= at_least));
    }

    fn exclude(&mut self, rows: &mut Vec<u32>) {
        for node in &mut self.must_not {
            if rows.is_empty() {
                return;
            }
            self.scratch.clear();
            self.scratch.extend_from_slice(rows);
            node.retain(&mut self.scratch);
            let mut excluded = self.scratch.iter().peekable();
            rows.retain(|row| {
                while excluded.next_if(|other| *other < row).is_some() {}
                excluded.peek() != Some(&row)
            });
        }
    }

    /// Sets the bits of the rows that enough of `should` have.
    fn fill_should(&mut self, base: u32, words: &mut [u64]) {
        if self.at_least == 1 {
            self.should.iter_mut().for_each(|node| node.fill(base, words));
            return;
        }
        let mut counts = vec![0u32; words.len() * 64];
        let mut bits = vec![0; words.len()];
        for node in &mut self.should {
            bits.fill(0);
            node.fill(base, &mut bits);
            self.scratch.clear();
            extract(&bits, 0, &mut self.scratch);
            self.scratch.iter().for_each(|place| counts[*place as usize] += 1);
        }
        for (place, count) in counts.iter().enumerate() {
            words[place / 64] |= u64::from(*count as usize >= self.at_least) << (place % 64);
        }
    }

    fn exclude_bits(&mut self, base: u32, words: &mut [u64]) {
        let mut bits = vec![0; words.len()];
        for node in &mut self.must_not {
            bits.fill(0);
            node.fill(base, &mut bits);
            words.iter_mut().zip(&bits).for_each(|(word, bits)| *word &= !bits);
        }
    }
}

impl Node for BoolNode<'_> {
    fn cost(&self) -> u64 {
        match self.must.first() {
            Some(first) => first.cost(),
            None => self.should.iter().map(|node| node.cost()).sum(),
        }
    }

    fn range(&mut self, from: u32) -> Option<(u32, u32)> {
        if let Some((lead, others)) = self.must.split_first_mut() {
            let mut from = from;
            loop {
                let (first, last) = lead.range(from)?;
                // Where another one has nothing before the range ends, the range is left out.
                let mut next = first;
                for other in others.iter_mut().take(2) {
                    next = next.max(other.range(first)?.0);
                }
                if next <= last {
                    return Some((next, last));
                }
                from = next;
            }
        }
        let first =
            self.should.iter_mut().filter_map(|node| node.range(from)).map(|r| r.0).min()?;
        window_from(first, self.rows)
    }

    fn rows(&mut self, first: u32, last: u32, out: &mut Vec<u32>) {
        self.accepted_rows(first, last, &Accept::everything(), out);
    }

    fn accepted_rows(&mut self, first: u32, last: u32, accept: &Accept<'_>, out: &mut Vec<u32>) {
        if let Some(lead) = self.must.first_mut() {
            let mut found = take(&mut self.found);
            found.clear();
            lead.accepted_rows(first, last, accept, &mut found);
            for node in &mut self.must[1..] {
                if !found.is_empty() {
                    node.retain(&mut found);
                }
            }
            self.retain_should(&mut found);
            self.exclude(&mut found);
            out.extend_from_slice(&found);
            self.found = found;
            return;
        }
        // Within one window, or two where the range does not begin with one.
        let base = first & !63;
        let mut words = [0; WINDOW_WORDS + 1];
        let words = &mut words[..((last - base) / 64 + 1) as usize];
        self.fill(base, words);
        let start = out.len();
        extract(words, base, out);
        let low = out[start..].partition_point(|row| *row < first);
        out.drain(start..start + low);
        let high = out[start..].partition_point(|row| *row <= last);
        out.truncate(start + high);
        accept.retain(out, start);
    }

    fn retain(&mut self, rows: &mut Vec<u32>) {
        for node in &mut self.must {
            if rows.is_empty() {
                return;
            }
            node.retain(rows);
        }
        self.retain_should(rows);
        self.exclude(rows);
    }

    fn score(&mut self, rows: &[u32], scores: &mut [f64]) {
        // Scores of rows that do not match as a whole must stay: only then the parts are asked.
        let mut kept = rows.to_vec();
        if !self.must.is_empty() || !self.must_not.is_empty() || self.at_least > 1 {
            self.retain(&mut kept);
        }
        let parts = self.must.iter_mut().chain(&mut self.should);
        if kept.len() == rows.len() {
            parts.for_each(|node| node.score(rows, scores));
            return;
        }
        let mut added = vec![0.0; kept.len()];
        parts.for_each(|node| node.score(&kept, &mut added));
        let mut at = 0;
        for (row, added) in kept.iter().zip(added) {
            while rows[at] < *row {
                at += 1;
            }
            scores[at] += added;
        }
    }

    fn score_matching(&mut self, rows: &[u32], scores: &mut [f64]) {
        self.must.iter_mut().for_each(|node| node.score_matching(rows, scores));
        self.should.iter_mut().for_each(|node| node.score(rows, scores));
    }

    fn bound(&mut self, first: u32, last: u32) -> f64 {
        self.must.iter_mut().chain(&mut self.should).map(|node| node.bound(first, last)).sum()
    }

    fn fill(&mut self, base: u32, words: &mut [u64]) {
        if self.must.is_empty() {
            let mut bits = vec![0; words.len()];
            self.fill_should(base, &mut bits);
            self.exclude_bits(base, &mut bits);
            words.iter_mut().zip(&bits).for_each(|(word, bits)| *word |= bits);
            return;
        }
        let last = base.saturating_add(words.len() as u32 * 64 - 1);
        let (mut from, mut found) = (base, Vec::new());
        while let Some((first, end)) = self.range(from).filter(|(first, _)| *first <= last) {
            found.clear();
            let end = end.min(last);
            self.rows(first, end, &mut found);
            for row in &found {
                set_bit(words, row.wrapping_sub(base));
            }
            if end == last {
                break;
            }
            from = end + 1;
        }
    }
}

/// The best of several scores, and a share of the others.
pub(crate) struct BestNode<'a> {
    pub(crate) nodes: Vec<Box<dyn Node + 'a>>,
    pub(crate) share: f64,
    pub(crate) rows: u32,
}

impl Node for BestNode<'_> {
    fn cost(&self) -> u64 {
        self.nodes.iter().map(|node| node.cost()).sum()
    }

    fn range(&mut self, from: u32) -> Option<(u32, u32)> {
        let first = self.nodes.iter_mut().filter_map(|node| node.range(from)).map(|r| r.0).min()?;
        window_from(first, self.rows)
    }

    fn rows(&mut self, first: u32, last: u32, out: &mut Vec<u32>) {
        let mut found = Vec::new();
        self.nodes.iter_mut().for_each(|node| node.rows(first, last, &mut found));
        found.sort_unstable();
        found.dedup();
        out.append(&mut found);
    }

    fn retain(&mut self, rows: &mut Vec<u32>) {
        let mut all = Vec::new();
        for node in &mut self.nodes {
            let mut kept = rows.clone();
            node.retain(&mut kept);
            all.append(&mut kept);
        }
        all.sort_unstable();
        all.dedup();
        *rows = all;
    }

    fn score(&mut self, rows: &[u32], scores: &mut [f64]) {
        let (mut best, mut sum) = (vec![0.0f64; rows.len()], vec![0.0; rows.len()]);
        for node in &mut self.nodes {
            let mut own = vec![0.0; rows.len()];
            node.score(rows, &mut own);
            for ((best, sum), own) in best.iter_mut().zip(&mut sum).zip(own) {
                *best = best.max(own);
                *sum += own;
            }
        }
        for ((score, best), sum) in scores.iter_mut().zip(best).zip(sum) {
            *score += best + self.share * (sum - best);
        }
    }

    fn bound(&mut self, first: u32, last: u32) -> f64 {
        let bounds = self.nodes.iter_mut().map(|node| node.bound(first, last));
        let (most, sum) = bounds.fold((0.0f64, 0.0), |(most, sum), b| (most.max(b), sum + b));
        // A little more than the sum of shares, which may be rounded.
        (most + self.share * (sum - most)) * (1.0 + 1e-12)
    }

    fn fill(&mut self, base: u32, words: &mut [u64]) {
        self.nodes.iter_mut().for_each(|node| node.fill(base, words));
    }
}

const _: () = assert!(WINDOW == WINDOW_WORDS * 64);
