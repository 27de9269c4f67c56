//! Conditions and scores that the text indexes of parts answer.
//!
//! A condition that an index can answer whole becomes a set of rows, once a part; parts that are older than the index
//! are asked row by row. Scores are computed for the rows that are read; their figures are of all parts.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array};
use base::{Result, bail};
use expr::{Argument, Expr};
use plan::{PartScan, ReadColumn, ScoredText, TextScore};
use storage::Part;
use text::{Index, Query, RowSet, Searcher, Statistics};
use types::{Column, DataType, Value, array_from_values};

use super::granule::Selection;
use super::prepare::PreparedPart;
use crate::context::ExecContext;

/// A condition as a query of text indexes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TextTest {
    /// The indexes of the query's fields.
    pub(crate) fields: Vec<u32>,
    pub(crate) query: Query,
    /// Whether the rows are those that meet the condition; else these are among them.
    pub(crate) exact: bool,
}

impl TextTest {
    /// The query that a condition is; none where an index cannot tell.
    pub(crate) fn of(condition: &Expr, scan: &PartScan, context: &ExecContext) -> Option<TextTest> {
        if scan.texts.is_empty() || !context.settings.text_indexes {
            return None;
        }
        let mut test = TextTest { fields: Vec::new(), query: Query::None, exact: true };
        (test.query, _) = test.read(condition, scan, context)?;
        Some(test)
    }

    /// The query of a condition, and whether it may be NULL for some row.
    fn read(
        &mut self,
        condition: &Expr,
        scan: &PartScan,
        context: &ExecContext,
    ) -> Option<(Query, bool)> {
        let Expr::Call { function, arguments, .. } = condition else { return None };
        match function.as_str() {
            "and" | "or" => {
                let read = arguments.iter().map(|a| self.read(a, scan, context));
                let (queries, nullable): (Vec<Query>, Vec<bool>) =
                    read.collect::<Option<Vec<_>>>()?.into_iter().unzip();
                let query =
                    if function == "and" { Query::and(queries) } else { Query::or(queries) };
                Some((query, nullable.contains(&true)))
            }
            "not" => {
                let exact = std::mem::replace(&mut self.exact, true);
                let (query, nullable) = self.read(arguments.first()?, scan, context)?;
                // NOT NULL is NULL, but an absent text just does not match.
                if nullable || !self.exact {
                    return None;
                }
                self.exact = exact;
                Some((Query::not(query), false))
            }
            "greater" | "greaterOrEquals" | "notEquals" if is_found(function, arguments) => {
                self.read(arguments.first()?, scan, context)
            }
            _ => {
                let text = arguments.first()?;
                let (ids, query) = self.leaf(function, arguments, scan, context)?;
                let numbers: Vec<usize> = ids.into_iter().map(|id| self.field(id)).collect();
                let number = |field: usize| numbers.get(field).copied().unwrap_or(usize::MAX);
                Some((query.map_fields(&number), text.data_type().is_nullable()))
            }
        }
    }

    /// The number of an index among those that are asked.
    fn field(&mut self, id: u32) -> usize {
        let known = self.fields.iter().position(|field| *field == id);
        known.unwrap_or_else(|| {
            self.fields.push(id);
            self.fields.len() - 1
        })
    }

    /// Indexes and what is asked of them by one call.
    fn leaf(
        &mut self,
        function: &str,
        arguments: &[Expr],
        scan: &PartScan,
        context: &ExecContext,
    ) -> Option<(Vec<u32>, Query)> {
        let search = context.registry.function(function)?.search?;
        let described: Vec<Argument> = arguments.iter().map(Argument::of_expression).collect();
        let texts = match arguments.first()? {
            Expr::Call { function, arguments: texts, .. } if function == "tuple" => &texts[..],
            _ => &arguments[..1],
        };
        let indexes_over = |text: &Expr| {
            let over_ids = text.clone().remap(&|c| scan.columns[c].id as usize);
            scan.texts.iter().filter(move |text| text.expression == over_ids)
        };
        if texts.iter().any(|text| indexes_over(text).next().is_none()) {
            return None;
        }
        if let Some(question) = search.question {
            // What is wrong with the arguments is told where the function is bound.
            let question = question(&described).ok()??;
            let found = texts.iter().zip(&question.analyzers).map(|(text, analyzer)| {
                let analyzer = analyzer.to_string();
                indexes_over(text).find(|index| {
                    index.analyzer == analyzer
                        && (index.positions || !question.query.needs_positions())
                })
            });
            let ids = found.map(|found| Some(found?.id)).collect::<Option<Vec<u32>>>()?;
            return (ids.len() == texts.len()).then_some((ids, question.query));
        }
        let [text] = texts else { return None };
        let candidates = search.candidates?;
        let (id, query) = indexes_over(text).find_map(|text| {
            let analyzer = text::Analyzer::new(&text.analyzer).ok()?;
            Some((text.id, candidates(&described, &analyzer)?))
        })?;
        self.exact = false;
        Some((vec![id], query))
    }

    /// The rows of a part that meet the condition, and others where it is not exact; none where the part is older than an index.
    fn rows(&self, part: &Part) -> Result<Option<RowSet>> {
        self.ask(part, |searcher| searcher.rows(&self.query))
    }

    /// The same as `rows`; granules without such rows are left out.
    pub(super) fn narrow(
        &self,
        part: &Part,
        granules: &mut Vec<usize>,
    ) -> Result<Option<Arc<RowSet>>> {
        let Some(rows) = self.rows(part)? else { return Ok(None) };
        granules.retain(|granule| {
            let first = part.granule_start(*granule) as u32;
            rows.range(first, first + part.granule_rows(*granule) as u32).next().is_some()
        });
        Ok(Some(Arc::new(rows)))
    }

    /// How many rows of a part meet the condition; none where the part is older than an index.
    pub(crate) fn count(&self, part: &Part) -> Result<Option<u64>> {
        self.ask(part, |searcher| searcher.count(&self.query))
    }

    fn ask<T>(
        &self,
        part: &Part,
        ask: impl FnOnce(Searcher<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let Some(indexes) = indexes_of(part, &self.fields)? else { return Ok(None) };
        let fields: Vec<&Index> = indexes.iter().map(AsRef::as_ref).collect();
        let answer = ask(Searcher::new(&fields));
        answer.map(Some).map_err(|e| e.within(format!("Part {}", part.name())))
    }
}

/// Whether a comparison asks that a position is one: more than 0.
fn is_found(comparison: &str, arguments: &[Expr]) -> bool {
    let [Expr::Call { function, .. }, Expr::Literal { value, .. }] = arguments else {
        return false;
    };
    let least = i128::from(comparison == "greaterOrEquals");
    function == "position" && value.as_int() == Some(least)
}

/// The indexes of some fields; none where the part is older than one.
pub(crate) fn indexes_of(part: &Part, fields: &[u32]) -> Result<Option<Vec<Arc<Index>>>> {
    fields.iter().map(|id| part.text_index(*id)).collect()
}

/// A score with the figures of all parts.
pub(crate) struct PreparedScore {
    pub(crate) score: TextScore,
    pub(crate) statistics: Statistics,
}

impl PreparedScore {
    /// Takes the figures of all parts of a table.
    ///
    /// # Errors
    /// ILLEGAL_INDEX for a part that is older than an index.
    pub(crate) fn new(score: &TextScore, parts: &[Arc<Part>]) -> Result<PreparedScore> {
        let score = score.clone();
        if let Some(statistics) = score.statistics.clone() {
            return Ok(PreparedScore { score, statistics });
        }
        let mut statistics = Statistics::default();
        for part in parts {
            let indexes = scored_indexes(part, &score.fields)?;
            let fields: Vec<&Index> = indexes.iter().map(AsRef::as_ref).collect();
            statistics.merge(Statistics::of_part(&fields, &score.query)?);
        }
        Ok(PreparedScore { score, statistics })
    }

    /// The column of selected rows of a granule.
    pub(crate) fn column(
        &self,
        part: &PreparedPart,
        granule: usize,
        selection: &Selection,
    ) -> Result<Column> {
        let first = part.part.granule_start(granule) as u32;
        let rows: Vec<u32> = match selection {
            Some(rows) => rows.iter().map(|row| first + u32::from(*row)).collect(),
            None => (first..first + part.part.granule_rows(granule) as u32).collect(),
        };
        let indexes = scored_indexes(&part.part, &self.score.fields)?;
        let fields: Vec<&Index> = indexes.iter().map(AsRef::as_ref).collect();
        let searcher = Searcher::new(&fields).with_bm25(self.score.bm25);
        let blame = |e: base::Error| e.within(format!("Part {}", part.part.name()));
        let (query, statistics) = (&self.score.query, &self.statistics);
        let array: ArrayRef = if self.score.explained {
            let mut texts = Vec::with_capacity(rows.len());
            for row in rows {
                let found = searcher.explain(query, statistics, row).map_err(blame)?;
                let text = found.map_or_else(String::new, |explanation| explanation.to_string());
                texts.push(Value::from(text.as_str()));
            }
            array_from_values(&DataType::String, &texts)?
        } else {
            let scores = searcher.score_rows(query, statistics, &rows).map_err(blame)?;
            Arc::new(Float64Array::from(scores))
        };
        Ok(Column::Flat(array))
    }
}

/// The indexes that a score is asked of.
///
/// # Errors
/// ILLEGAL_INDEX for a part that is older than one.
pub(crate) fn scored_indexes(part: &Part, fields: &[ScoredText]) -> Result<Vec<Arc<Index>>> {
    let mut indexes = Vec::with_capacity(fields.len());
    for field in fields {
        match part.text_index(field.id)? {
            Some(index) => indexes.push(index),
            None => bail!(
                IllegalIndex,
                "Part {} is older than index {}, by which it is to be scored: ALTER TABLE ... MATERIALIZE INDEX {}",
                part.name(),
                field.index,
                field.index
            ),
        }
    }
    Ok(indexes)
}

/// The scores that columns are read of.
pub(super) fn scores(scan: &PartScan, parts: &[Arc<Part>]) -> Result<Vec<Option<PreparedScore>>> {
    let number = |column: &ReadColumn| column.score.map(|at| at as usize);
    let score = |column: &ReadColumn| -> Result<Option<PreparedScore>> {
        let found = number(column).and_then(|at| scan.scores.get(at));
        found.map(|score| PreparedScore::new(score, parts)).transpose()
    };
    scan.columns.iter().map(score).collect()
}
