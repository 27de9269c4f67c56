//! The tree of a query.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::rows::RowSet;

/// How many edits a fuzzy term may be away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Edits {
    /// So many: at most two.
    Exactly(u8),
    /// None up to two characters, one up to five, two for longer terms.
    Auto,
}

impl Edits {
    /// The edits for a term of so many characters.
    pub(crate) fn of(self, characters: usize) -> usize {
        match self {
            Edits::Exactly(edits) => usize::from(edits.min(2)),
            Edits::Auto if characters <= 2 => 0,
            Edits::Auto if characters <= 5 => 1,
            Edits::Auto => 2,
        }
    }
}

/// What tells the terms of a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Pattern {
    /// Those that begin so.
    Prefix(Vec<u8>),
    /// `*` stands for any characters, `?` for one, `\` before a character for that itself.
    Wildcard(String),
    /// A regular expression that the whole term matches.
    Regex(String),
    /// Those at most so many edits away (a letter inserted, left out, replaced, or two neighbours
    /// swapped); the first `exact` characters must be equal.
    Fuzzy {
        /// The term.
        term: Vec<u8>,
        /// How far.
        edits: Edits,
        /// Characters that must be equal.
        exact: usize,
    },
}

/// A place of a phrase.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PhraseTerm {
    /// The term, or how the last one begins.
    pub term: Vec<u8>,
    /// Whether the term need only begin so.
    pub prefix: bool,
    /// Its distance from the phrase's first term.
    pub offset: u32,
}

/// A query. Terms are what the analyzer of their field gives; fields are numbers of indexes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Query {
    /// Every row; adds nothing to scores.
    All,
    /// No row.
    None,
    /// Rows that have a term.
    Term {
        /// The field.
        field: usize,
        /// The term.
        term: Vec<u8>,
    },
    /// Rows that have a term of a pattern. Fuzzy terms are scored with what the most frequent of
    /// them tells, less for each edit; the others add 1.
    Pattern {
        /// The field.
        field: usize,
        /// The pattern.
        pattern: Pattern,
    },
    /// Rows that have terms in this order, moved by no more than `slop` positions altogether.
    Phrase {
        /// The field.
        field: usize,
        /// The terms.
        terms: Vec<PhraseTerm>,
        /// How far they may be moved.
        slop: u32,
    },
    /// Rows of a set; adds nothing to scores. It belongs to one part, and is not serialized.
    #[serde(skip)]
    Rows(Arc<RowSet>),
    /// All of `must`, at least so many of `should`, none of `must_not`; scores are added up.
    Bool {
        /// All of these.
        must: Vec<Query>,
        /// These add to the score.
        should: Vec<Query>,
        /// None of these.
        must_not: Vec<Query>,
        /// Of `should` at least so many.
        at_least: usize,
    },
    /// Rows of any; the best score counts, the others by a share.
    Best {
        /// Any of these.
        queries: Vec<Query>,
        /// The share of the scores that are not the best.
        share: f32,
    },
    /// The same rows, scores times a factor.
    Boost(Box<Query>, f32),
    /// The same rows, all with one score.
    Constant(Box<Query>, f32),
}

impl Query {
    /// Rows that have a term of field 0.
    pub fn term(term: impl AsRef<[u8]>) -> Query {
        Query::Term { field: 0, term: term.as_ref().to_vec() }
    }

    /// Rows of all.
    pub fn and(must: Vec<Query>) -> Query {
        Query::Bool { must, should: vec![], must_not: vec![], at_least: 0 }
    }

    /// Rows of any.
    pub fn or(should: Vec<Query>) -> Query {
        Query::Bool { must: vec![], should, must_not: vec![], at_least: 1 }
    }

    /// Rows of at least so many.
    pub fn at_least(at_least: usize, should: Vec<Query>) -> Query {
        Query::Bool { must: vec![], should, must_not: vec![], at_least }
    }

    /// All rows but those of a query.
    #[allow(clippy::should_implement_trait, reason = "it is no operator on values")]
    pub fn not(query: Query) -> Query {
        Query::Bool { must: vec![Query::All], should: vec![], must_not: vec![query], at_least: 0 }
    }

    /// The terms one after the other, in field 0.
    pub fn phrase<T: AsRef<[u8]>>(terms: &[T], slop: u32) -> Query {
        let terms = terms
            .iter()
            .enumerate()
            .map(|(offset, term)| PhraseTerm {
                term: term.as_ref().to_vec(),
                prefix: false,
                offset: offset as u32,
            })
            .collect();
        Query::Phrase { field: 0, terms, slop }
    }

    /// The scores times a factor.
    #[must_use]
    pub fn boost(self, factor: f32) -> Query {
        if factor == 1.0 { self } else { Query::Boost(Box::new(self), factor) }
    }

    /// The same asked of other fields.
    #[must_use]
    pub fn map_fields(self, to: &dyn Fn(usize) -> usize) -> Query {
        let all = |queries: Vec<Query>| queries.into_iter().map(|q| q.map_fields(to)).collect();
        match self {
            Query::Term { field, term } => Query::Term { field: to(field), term },
            Query::Pattern { field, pattern } => Query::Pattern { field: to(field), pattern },
            Query::Phrase { field, terms, slop } => Query::Phrase { field: to(field), terms, slop },
            Query::Bool { must, should, must_not, at_least } => Query::Bool {
                must: all(must),
                should: all(should),
                must_not: all(must_not),
                at_least,
            },
            Query::Best { queries, share } => Query::Best { queries: all(queries), share },
            Query::Boost(inner, factor) => Query::Boost(Box::new(inner.map_fields(to)), factor),
            Query::Constant(inner, score) => Query::Constant(Box::new(inner.map_fields(to)), score),
            same @ (Query::All | Query::None | Query::Rows(_)) => same,
        }
    }

    /// Whether an index must have positions to answer it.
    pub fn needs_positions(&self) -> bool {
        let mut found = false;
        self.walk(&mut |query| found |= matches!(query, Query::Phrase { .. }));
        found
    }

    /// Calls `each` for this query and every query within it.
    pub(crate) fn walk<'a>(&'a self, each: &mut impl FnMut(&'a Query)) {
        each(self);
        match self {
            Query::Bool { must, should, must_not, .. } => {
                must.iter().chain(should).chain(must_not).for_each(|query| query.walk(each));
            }
            Query::Best { queries, .. } => queries.iter().for_each(|query| query.walk(each)),
            Query::Boost(inner, _) | Query::Constant(inner, _) => inner.walk(each),
            _ => {}
        }
    }
}
