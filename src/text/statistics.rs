//! What scores depend on beyond a row: figures of the whole snapshot.

use std::collections::BTreeSet;

use base::{Error, ErrorCode, Result};
use serde::{Deserialize, Serialize};

use crate::index::Index;
use crate::pattern::Matcher;
use crate::query::{Pattern, Query};
use crate::score;

/// What is looked up by short keys, for every query or word.
pub(crate) type Map<K, V> = std::collections::HashMap<K, V, foldhash::fast::RandomState>;

/// Figures of one field over all parts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FieldStatistics {
    /// Rows that have text.
    pub rows: u64,
    /// Tokens of all of them.
    pub tokens: u64,
    /// Rows that have each of the query's terms, and each term that is a few edits away.
    pub terms: Map<Vec<u8>, u64>,
    /// Terms that each fuzzy pattern found.
    fuzzy: Map<Pattern, BTreeSet<Vec<u8>>>,
}

impl FieldStatistics {
    pub(crate) fn average(&self) -> f64 {
        score::average(self.tokens, self.rows)
    }

    pub(crate) fn idf(&self, term: &[u8]) -> f64 {
        score::idf(self.rows, self.terms.get(term).copied().unwrap_or(0))
    }

    /// What the most frequent term of a fuzzy pattern tells.
    pub(crate) fn fuzzy_idf(&self, pattern: &Pattern) -> f64 {
        let found = self.fuzzy.get(pattern).into_iter().flatten();
        let most = found.filter_map(|term| self.terms.get(term)).max();
        score::idf(self.rows, most.copied().unwrap_or(0))
    }
}

/// Figures of the fields of a query over all parts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    /// Of each field.
    pub fields: Vec<FieldStatistics>,
}

impl Statistics {
    /// The figures of one part for a query.
    ///
    /// # Errors
    /// A corrupted index; a pattern that cannot be read; a field that is not there.
    pub fn of_part(fields: &[&Index], query: &Query) -> Result<Statistics> {
        let mut statistics = Statistics::default();
        for index in fields {
            statistics.fields.push(FieldStatistics {
                rows: index.rows_with_text(),
                tokens: index.tokens(),
                ..FieldStatistics::default()
            });
        }
        let mut done = Ok(());
        query.walk(&mut |query| {
            if done.is_ok() {
                done = statistics.add(fields, query);
            }
        });
        done.map(|()| statistics)
    }

    /// The figures of all parts.
    ///
    /// # Errors
    /// As `of_part`.
    pub fn of_parts<'a>(
        parts: impl IntoIterator<Item = &'a [&'a Index]>,
        query: &Query,
    ) -> Result<Statistics> {
        let mut all = Statistics::default();
        for part in parts {
            all.merge(Statistics::of_part(part, query)?);
        }
        Ok(all)
    }

    /// Adds the figures of other rows.
    pub fn merge(&mut self, other: Statistics) {
        if self.fields.len() < other.fields.len() {
            self.fields.resize_with(other.fields.len(), FieldStatistics::default);
        }
        for (field, other) in self.fields.iter_mut().zip(other.fields) {
            field.rows += other.rows;
            field.tokens += other.tokens;
            for (term, rows) in other.terms {
                *field.terms.entry(term).or_default() += rows;
            }
            for (pattern, terms) in other.fuzzy {
                field.fuzzy.entry(pattern).or_default().extend(terms);
            }
        }
    }

    /// Notes that so many rows have a term; for figures that come from elsewhere than an index.
    pub fn add_term(&mut self, field: usize, term: &[u8], rows: u64) {
        if let Some(field) = self.fields.get_mut(field) {
            *field.terms.entry(term.to_vec()).or_default() += rows;
        }
    }

    pub(crate) fn add_fuzzy(&mut self, field: usize, pattern: &Pattern, term: &[u8]) {
        if let Some(field) = self.fields.get_mut(field) {
            field.fuzzy.entry(pattern.clone()).or_default().insert(term.to_vec());
        }
    }

    fn add(&mut self, fields: &[&Index], query: &Query) -> Result<()> {
        match query {
            Query::Term { field, term } => self.note(fields, *field, term),
            Query::Phrase { field, terms, .. } => {
                terms.iter().try_for_each(|term| self.note(fields, *field, &term.term))
            }
            Query::Pattern { field, pattern: pattern @ Pattern::Fuzzy { .. } } => {
                for found in Matcher::new(pattern)?.expand(index(fields, *field)?)? {
                    let rows = u64::from(found.entry.rows);
                    self.fields[*field].terms.insert(found.term.clone(), rows);
                    self.add_fuzzy(*field, pattern, &found.term);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn note(&mut self, fields: &[&Index], field: usize, term: &[u8]) -> Result<()> {
        let rows = index(fields, field)?.document_frequency(term)?;
        self.fields[field].terms.insert(term.to_vec(), rows);
        Ok(())
    }
}

/// The index of a field.
pub(crate) fn index<'a>(fields: &[&'a Index], field: usize) -> Result<&'a Index> {
    fields.get(field).copied().ok_or_else(|| {
        let message = format!("Text query asks field {field}, there are {}", fields.len());
        Error::new(ErrorCode::BadArguments, message)
    })
}
