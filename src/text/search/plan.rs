//! From a query to the nodes that evaluate it over one part.

use std::cell::Cell;
use std::sync::Arc;

use base::{Error, ErrorCode, Result};

use super::r#bool::{BestNode, BoolNode};
use super::cursor::{FieldScores, TermCursor};
use super::node::Node;
use super::phrase::{PhraseNode, Slot};
use super::sets::{AllNode, BitsNode, ListNode, ScoredNode};
use crate::dictionary::TermEntry;
use crate::index::Index;
use crate::pattern::Matcher;
use crate::query::{Pattern, PhraseTerm, Query};
use crate::rows::RowSet;
use crate::score::{Bm25, Norm};
use crate::statistics::{self, Map, Statistics};

/// How deep queries may be nested.
pub(crate) const DEEPEST: usize = 200;

/// How a query is evaluated.
pub(crate) enum Plan<'a> {
    /// The postings of one term.
    Term(Box<TermCursor<'a>>),
    /// Rows of any.
    Any(Vec<Box<dyn Node + 'a>>),
    /// Anything else.
    Node(Box<dyn Node + 'a>),
}

/// What nodes are made from.
pub(crate) struct Planner<'a> {
    fields: &'a [&'a Index],
    scores: Vec<FieldScores<'a>>,
    statistics: Option<&'a Statistics>,
    rows: u32,
}

/// Checks a factor of scores: bounds need scores that are not negative.
pub(crate) fn check_boost(boost: f32) -> Result<f64> {
    if boost >= 0.0 && boost.is_finite() {
        return Ok(f64::from(boost));
    }
    let message = format!("A boost of a text query must be a number from 0 on, not {boost}");
    Err(Error::new(ErrorCode::BadArguments, message))
}

/// A query without what only boosts it or has it as its one clause, and its boost.
pub(crate) fn without_shell(mut query: &Query) -> Result<(&Query, f64)> {
    let mut boost = 1.0;
    loop {
        query = match query {
            Query::Boost(inner, factor) => {
                boost *= check_boost(*factor)?;
                inner
            }
            Query::Bool { must, should, must_not, at_least }
                if must_not.is_empty()
                    && must.len() + should.len() == 1
                    && *at_least <= should.len() =>
            {
                match must.first().or(should.first()) {
                    Some(inner) => inner,
                    None => return Ok((query, boost)),
                }
            }
            _ => return Ok((query, boost)),
        }
    }
}

impl<'a> Planner<'a> {
    /// Without statistics nothing is scored.
    pub(crate) fn new(
        fields: &'a [&'a Index],
        statistics: Option<&'a Statistics>,
        bm25: Bm25,
        failed: &'a Cell<bool>,
    ) -> Result<Planner<'a>> {
        let rows = fields.first().map_or(0, |index| index.rows());
        let mut scores = Vec::new();
        for (number, index) in fields.iter().enumerate() {
            if index.rows() != rows {
                let message = "Text indexes of one part have different numbers of rows";
                return Err(Error::new(ErrorCode::BadArguments, message));
            }
            let average = statistics
                .and_then(|statistics| statistics.fields.get(number))
                .map_or(0.0, |field| field.average());
            scores.push(FieldScores {
                lengths: index.lengths()?,
                norm: Norm::new(bm25, average),
                bounds: index.bounds(bm25, average),
                failed,
            });
        }
        Ok(Planner { fields, scores, statistics, rows })
    }

    /// The plan of a query; its outermost disjunction or term is what searches prune best.
    pub(crate) fn plan(&self, query: &Query) -> Result<Plan<'a>> {
        let scored = self.statistics.is_some();
        let (query, boost) = without_shell(query)?;
        match query {
            Query::Bool { must, should, must_not, at_least }
                if must.is_empty() && must_not.is_empty() && *at_least <= 1 && should.len() > 1 =>
            {
                Ok(Plan::Any(self.nodes(should, boost, scored, 1)?))
            }
            Query::Term { field, term } => match self.term(*field, term, boost, scored)? {
                Some(cursor) => Ok(Plan::Term(Box::new(cursor))),
                None => Ok(Plan::Node(none())),
            },
            other => Ok(Plan::Node(self.node(other, boost, scored, 0)?)),
        }
    }

    fn nodes(
        &self,
        queries: &[Query],
        boost: f64,
        scored: bool,
        depth: usize,
    ) -> Result<Vec<Box<dyn Node + 'a>>> {
        queries.iter().map(|query| self.node(query, boost, scored, depth)).collect()
    }

    fn node(
        &self,
        query: &Query,
        boost: f64,
        scored: bool,
        depth: usize,
    ) -> Result<Box<dyn Node + 'a>> {
        if depth > DEEPEST {
            let message = format!("Text query is nested deeper than {DEEPEST} levels");
            return Err(Error::new(ErrorCode::TooDeepRecursion, message));
        }
        let depth = depth + 1;
        Ok(match query {
            Query::All => Box::new(AllNode { rows: self.rows }),
            Query::None => none(),
            Query::Term { field, term } => match self.term(*field, term, boost, scored)? {
                Some(cursor) => Box::new(cursor),
                None => none(),
            },
            Query::Pattern { field, pattern } => self.pattern(*field, pattern, boost, scored)?,
            Query::Phrase { field, terms, slop } => {
                self.phrase(*field, terms, *slop, boost, scored)?
            }
            Query::Rows(set) => {
                Box::new(BitsNode { set: set.clone(), rows: self.rows, score: 0.0 })
            }
            Query::Bool { must, should, must_not, at_least } => {
                let at_least = (*at_least).max(usize::from(must.is_empty()));
                if at_least > should.len() {
                    return Ok(none());
                }
                // Clauses that are optional and score nothing need not be looked at.
                let should = if at_least > 0 || scored { &should[..] } else { &[] };
                let node = BoolNode::new(
                    self.nodes(must, boost, scored, depth)?,
                    self.nodes(should, boost, scored, depth)?,
                    self.nodes(must_not, 0.0, false, depth)?,
                    at_least,
                    self.rows,
                );
                Box::new(node)
            }
            Query::Best { queries, share } => Box::new(BestNode {
                nodes: self.nodes(queries, boost, scored, depth)?,
                share: check_boost(*share)?.min(1.0),
                rows: self.rows,
            }),
            Query::Boost(inner, factor) => {
                self.node(inner, boost * check_boost(*factor)?, scored, depth)?
            }
            Query::Constant(inner, score) => Box::new(ScoredNode {
                inner: self.node(inner, 0.0, false, depth)?,
                score: if scored { boost * check_boost(*score)? } else { 0.0 },
            }),
        })
    }

    fn field(&self, field: usize) -> Result<(&'a Index, FieldScores<'a>)> {
        Ok((statistics::index(self.fields, field)?, self.scores[field]))
    }

    fn term(
        &self,
        field: usize,
        term: &[u8],
        boost: f64,
        scored: bool,
    ) -> Result<Option<TermCursor<'a>>> {
        let (index, scores) = self.field(field)?;
        let Some(entry) = index.entry(term)? else { return Ok(None) };
        let weight = if scored { boost * self.idf(field, term) } else { 0.0 };
        TermCursor::new(index, &entry, scores, weight as f32, false).map(Some)
    }

    fn idf(&self, field: usize, term: &[u8]) -> f64 {
        let field = self.statistics.and_then(|statistics| statistics.fields.get(field));
        field.map_or(0.0, |field| field.idf(term))
    }

    fn pattern(
        &self,
        field: usize,
        pattern: &Pattern,
        boost: f64,
        scored: bool,
    ) -> Result<Box<dyn Node + 'a>> {
        let (index, scores) = self.field(field)?;
        let found = Matcher::new(pattern)?.expand(index)?;
        if scored && matches!(pattern, Pattern::Fuzzy { .. }) {
            let figures = self.statistics.and_then(|statistics| statistics.fields.get(field));
            let idf = figures.map_or(0.0, |figures| figures.fuzzy_idf(pattern));
            let mut nodes: Vec<Box<dyn Node + 'a>> = Vec::new();
            for term in &found {
                let weight = (boost * idf) as f32 * term.weight;
                nodes.push(Box::new(TermCursor::new(index, &term.entry, scores, weight, false)?));
            }
            return Ok(Box::new(BoolNode::new(vec![], nodes, vec![], 1, self.rows)));
        }
        let entries: Vec<TermEntry> = found.iter().map(|found| found.entry).collect();
        self.rows_of(field, &entries, if scored { boost } else { 0.0 })
    }

    /// The rows of any of some terms.
    fn rows_of(
        &self,
        field: usize,
        entries: &[TermEntry],
        score: f64,
    ) -> Result<Box<dyn Node + 'a>> {
        let (index, scores) = self.field(field)?;
        let all: u64 = entries.iter().map(|entry| u64::from(entry.rows)).sum();
        if all < u64::from(self.rows / 64) {
            let mut rows = Vec::with_capacity(all as usize);
            for entry in entries {
                TermCursor::new(index, entry, scores, 0.0, false)?.rows(0, u32::MAX, &mut rows);
            }
            rows.sort_unstable();
            rows.dedup();
            return Ok(Box::new(ListNode { rows, score }));
        }
        let mut set = RowSet::new(self.rows);
        for entry in entries {
            TermCursor::new(index, entry, scores, 0.0, false)?.fill(0, set.words_mut());
        }
        let set = RowSet::from_words(set.words().to_vec(), self.rows);
        Ok(Box::new(BitsNode { set: Arc::new(set), rows: self.rows, score }))
    }

    fn phrase(
        &self,
        field: usize,
        terms: &[PhraseTerm],
        slop: u32,
        boost: f64,
        scored: bool,
    ) -> Result<Box<dyn Node + 'a>> {
        let (index, scores) = self.field(field)?;
        if !index.has_positions() && terms.len() > 1 {
            let message = "Text index keeps no positions, which a phrase needs";
            return Err(Error::new(ErrorCode::BadArguments, message));
        }
        let (mut slots, mut idf, mut numbers) = (Vec::new(), 0.0, Map::default());
        for PhraseTerm { term, prefix, offset } in terms {
            let entries: Vec<TermEntry> = if *prefix {
                let found = Matcher::Prefix(term.clone()).expand(index)?;
                found.iter().map(|found| found.entry).collect()
            } else {
                idf += self.idf(field, term);
                index.entry(term)?.into_iter().collect()
            };
            let cursor = |entry| TermCursor::new(index, entry, scores, 0.0, true);
            let cursors = entries.iter().map(cursor).collect::<Result<Vec<_>>>()?;
            if cursors.is_empty() {
                return Ok(none());
            }
            let any =
                if cursors.len() > 1 { Some(self.rows_of(field, &entries, 0.0)?) } else { None };
            let next = numbers.len();
            let number = *numbers.entry((term, *prefix)).or_insert(next);
            slots.push(Slot { cursors, any, offset: *offset, number });
        }
        if slots.is_empty() {
            return Ok(none());
        }
        let weight = if scored { (boost * idf) as f32 } else { 0.0 };
        Ok(Box::new(PhraseNode::new(slots, slop, weight, scores)?))
    }
}

fn none<'a>() -> Box<dyn Node + 'a> {
    Box::new(ListNode { rows: Vec::new(), score: 0.0 })
}
