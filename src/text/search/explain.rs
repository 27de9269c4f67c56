//! How a score comes about.

use std::fmt;

use base::Result;

use super::Searcher;
use crate::query::Query;
use crate::score;
use crate::statistics::Statistics;

/// A score, what it is, and what it is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The score.
    pub score: f64,
    /// What it is.
    pub what: String,
    /// What it is made of.
    pub parts: Vec<Explanation>,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 0)
    }
}

impl Explanation {
    fn write(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        writeln!(f, "{:indent$}{} = {}", "", self.score, self.what, indent = depth * 2)?;
        self.parts.iter().try_for_each(|part| part.write(f, depth + 1))
    }
}

pub(super) fn explain(
    searcher: &Searcher<'_>,
    query: &Query,
    statistics: &Statistics,
    row: u32,
) -> Result<Option<Explanation>> {
    explain_times(searcher, query, statistics, row, 1.0)
}

fn explain_times(
    searcher: &Searcher<'_>,
    query: &Query,
    statistics: &Statistics,
    row: u32,
    boost: f32,
) -> Result<Option<Explanation>> {
    if !searcher.rows(query)?.contains(row) {
        return Ok(None);
    }
    let boosted = query.clone().boost(boost);
    let score = searcher.score_rows(&boosted, statistics, &[row])?[0];
    let mut parts = Vec::new();
    let mut add = |query: &Query, boost: f32| -> Result<()> {
        parts.extend(explain_times(searcher, query, statistics, row, boost)?);
        Ok(())
    };
    let what = match query {
        Query::All => "all rows".to_string(),
        Query::None => "no rows".to_string(),
        Query::Rows(_) => "a filter".to_string(),
        Query::Term { field, term } => {
            explain_term(searcher, statistics, *field, term, row, boost)?
        }
        Query::Pattern { pattern, .. } => format!("terms of {pattern:?}, boost {boost}"),
        Query::Phrase { terms, slop, .. } => {
            let words: Vec<_> =
                terms.iter().map(|term| String::from_utf8_lossy(&term.term)).collect();
            format!("phrase \"{}\" within {slop}, boost {boost}, idf of its terms", words.join(" "))
        }
        Query::Bool { must, should, .. } => {
            must.iter().chain(should).try_for_each(|query| add(query, boost))?;
            "sum of".to_string()
        }
        Query::Best { queries, share } => {
            queries.iter().try_for_each(|query| add(query, boost))?;
            format!("best of, and {share} of the others")
        }
        Query::Boost(inner, factor) => {
            add(inner, boost * factor)?;
            format!("boost {factor}")
        }
        Query::Constant(_, score) => format!("constant {score}, boost {boost}"),
    };
    Ok(Some(Explanation { score, what, parts }))
}

fn explain_term(
    searcher: &Searcher<'_>,
    statistics: &Statistics,
    field: usize,
    term: &[u8],
    row: u32,
    boost: f32,
) -> Result<String> {
    let index = crate::statistics::index(searcher.fields, field)?;
    let length = index.lengths()?.length(row);
    let figures = statistics.fields.get(field).cloned().unwrap_or_default();
    let found = figures.terms.get(term).copied().unwrap_or(0);
    let super::Bm25 { k1, b } = searcher.bm25;
    Ok(format!(
        "term '{}' in field {field}: boost {boost} * idf {} ({found} of {} rows have it) * \
         saturation of its frequency in {length} tokens ({} on average), k1 {k1}, b {b}",
        String::from_utf8_lossy(term),
        score::idf(figures.rows, found),
        figures.rows,
        figures.average(),
    ))
}
