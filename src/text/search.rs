//! Searches over one part: counts, rows, the best rows, scores of given rows.

mod accept;
mod any;
mod r#bool;
mod cursor;
mod explain;
mod intersect;
mod node;
mod phrase;
mod plan;
mod sets;
mod top;

use std::cell::Cell;

use base::Result;

use crate::block::BLOCK;
use crate::coding::corrupted;
use crate::index::Index;
use crate::query::Query;
use crate::rows::{self, RowSet};
use crate::score::Bm25;
use crate::statistics::Statistics;
use accept::Accept;
use node::Node;
use plan::{Plan, Planner};
use top::Best;

pub use explain::Explanation;
pub(crate) use phrase::{frequency as phrase_frequency, matches as phrase_matches};
pub(crate) use plan::{DEEPEST, check_boost};
pub use top::SharedThreshold;

/// Words of the bits that are counted at once.
const COUNTED_WORDS: usize = 1024;

/// A row and what it scores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// The row.
    pub row: u32,
    /// Its score.
    pub score: f64,
}

/// Which rows of a part a search may find.
#[derive(Debug, Clone, Copy, Default)]
pub struct Restriction<'a> {
    /// Only these, where given.
    pub filter: Option<&'a RowSet>,
    /// None of these, where given.
    pub deleted: Option<&'a RowSet>,
}

/// Searches one part: an index for each field, all of the same rows.
#[derive(Clone, Copy)]
pub struct Searcher<'a> {
    fields: &'a [&'a Index],
    bm25: Bm25,
    restriction: Restriction<'a>,
}

impl<'a> Searcher<'a> {
    /// A search over the indexes of a part's fields, with the parameters of the first one.
    pub fn new(fields: &'a [&'a Index]) -> Searcher<'a> {
        let bm25 = fields.first().map_or_else(Bm25::default, |index| index.bm25());
        Searcher { fields, bm25, restriction: Restriction::default() }
    }

    /// The same with other parameters of scores.
    #[must_use]
    pub fn with_bm25(mut self, bm25: Bm25) -> Searcher<'a> {
        self.bm25 = bm25;
        self
    }

    /// The same, finding only some rows.
    #[must_use]
    pub fn with_restriction(mut self, restriction: Restriction<'a>) -> Searcher<'a> {
        self.restriction = restriction;
        self
    }

    fn rows_of_part(&self) -> u32 {
        self.fields.first().map_or(0, |index| index.rows())
    }

    /// Makes a plan, runs something with it, and tells whether a block could not be decoded.
    fn run<T>(
        &self,
        query: &Query,
        statistics: Option<&Statistics>,
        run: impl FnOnce(&mut Plan<'_>, &Accept<'_>) -> T,
    ) -> Result<T> {
        let failed = Cell::new(false);
        let planner = Planner::new(self.fields, statistics, self.bm25, &failed)?;
        let mut plan = planner.plan(query)?;
        let accept = Accept::new(self.restriction, self.rows_of_part());
        let result = run(&mut plan, &accept);
        if failed.get() {
            return Err(corrupted("a block of postings cannot be decoded"));
        }
        Ok(result)
    }

    /// How many rows match.
    ///
    /// # Errors
    /// A corrupted index; a pattern that cannot be read or needs too many states.
    pub fn count(&self, query: &Query) -> Result<u64> {
        if let (Query::Term { field, term }, _) = plan::without_shell(query)?
            && let Some(index) = self.fields.get(*field)
            && self.restriction.filter.is_none()
            && self.restriction.deleted.is_none()
        {
            // The dictionary has the number.
            return index.document_frequency(term);
        }
        self.run(query, None, count)
    }

    /// The rows that match.
    ///
    /// # Errors
    /// As `count`.
    pub fn rows(&self, query: &Query) -> Result<RowSet> {
        let rows = self.rows_of_part();
        self.run(query, None, |plan, accept| {
            let mut words = vec![0u64; (rows as usize).div_ceil(64)];
            for (index, words) in words.chunks_mut(COUNTED_WORDS).enumerate() {
                let base = (index * COUNTED_WORDS * 64) as u32;
                fill(plan, base, words);
                accept.restrict(base, words);
            }
            RowSet::from_words(words, rows)
        })
    }

    /// The best rows, best first; of equal scores the lower row comes first. With a shared
    /// threshold rows are left out that cannot be among the best of all parts.
    ///
    /// # Errors
    /// As `count`.
    pub fn top(
        &self,
        query: &Query,
        statistics: &Statistics,
        wanted: usize,
        shared: Option<&SharedThreshold>,
    ) -> Result<Vec<Hit>> {
        self.run(query, Some(statistics), |plan, accept| {
            let mut best = Best::new(wanted, shared);
            top::search(plan, accept, &mut best);
            best.finish()
        })
    }

    /// The best rows, and how many match.
    ///
    /// # Errors
    /// As `count`.
    pub fn top_and_count(
        &self,
        query: &Query,
        statistics: &Statistics,
        wanted: usize,
        shared: Option<&SharedThreshold>,
    ) -> Result<(Vec<Hit>, u64)> {
        self.run(query, Some(statistics), |plan, accept| {
            let mut best = Best::new(wanted, shared);
            let count = match plan {
                Plan::Node(node) => {
                    let mut count = 0;
                    top::search_node(&mut **node, accept, &mut best, Some(&mut count));
                    count
                }
                // Counting alone is so fast that pruning may stay.
                plan => {
                    top::search(plan, accept, &mut best);
                    count(plan, accept)
                }
            };
            (best.finish(), count)
        })
    }

    /// The scores of ascending rows; 0 for those that do not match.
    ///
    /// # Errors
    /// As `count`.
    pub fn score_rows(
        &self,
        query: &Query,
        statistics: &Statistics,
        rows: &[u32],
    ) -> Result<Vec<f64>> {
        self.run(query, Some(statistics), |plan, _| {
            let mut scores = vec![0.0; rows.len()];
            for (rows, scores) in rows.chunks(BATCH).zip(scores.chunks_mut(BATCH)) {
                match plan {
                    Plan::Term(cursor) => cursor.score(rows, scores),
                    Plan::Any(nodes) => nodes.iter_mut().for_each(|node| node.score(rows, scores)),
                    Plan::Node(node) => node.score(rows, scores),
                }
            }
            scores
        })
    }

    /// How the score of a row comes about; `None` if it does not match.
    ///
    /// # Errors
    /// As `count`.
    pub fn explain(
        &self,
        query: &Query,
        statistics: &Statistics,
        row: u32,
    ) -> Result<Option<Explanation>> {
        explain::explain(self, query, statistics, row)
    }
}

/// Rows that are scored at once.
const BATCH: usize = 4096;

/// Sets the bits of matching rows.
fn fill(plan: &mut Plan<'_>, base: u32, words: &mut [u64]) {
    match plan {
        Plan::Term(cursor) => cursor.fill(base, words),
        Plan::Any(nodes) => nodes.iter_mut().for_each(|node| node.fill(base, words)),
        Plan::Node(node) => node.fill(base, words),
    }
}

fn count(plan: &mut Plan<'_>, accept: &Accept<'_>) -> u64 {
    match plan {
        Plan::Term(cursor) if accept.is_everything() => u64::from(cursor.postings().count()),
        Plan::Term(cursor) if cursor.cost() < u64::from(accept.rows() / 8) => {
            let mut places = [0; BLOCK];
            let mut count = 0;
            for block in cursor.blocks_within(accept) {
                if cursor.block_may_have(block, accept) {
                    count += accept.places(cursor.load(block), &mut places) as u64;
                }
            }
            count
        }
        Plan::Node(node) if node.cost() < u64::from(accept.rows() / 4) => {
            let mut count = 0;
            top::search_node(&mut **node, accept, &mut Best::new(0, None), Some(&mut count));
            count
        }
        plan => {
            let all = (accept.rows() as usize).div_ceil(64);
            let mut words = vec![0u64; all.min(COUNTED_WORDS)];
            let (mut total, mut from) = (0, 0);
            while let Some(row) = accept.next(from) {
                let base = row & !63;
                let kept = words.len().min(all - base as usize / 64);
                let words = &mut words[..kept];
                words.fill(0);
                fill(plan, base, words);
                accept.restrict(base, words);
                total += rows::count_ones(words);
                match base.checked_add(kept as u32 * 64).filter(|next| *next < accept.rows()) {
                    Some(next) => from = next,
                    None => break,
                }
            }
            total
        }
    }
}
