//! What a scan is told of text indexes: those that conditions can ask, and the scores that it gives out.

use expr::Expr;
use serde::{Deserialize, Serialize};
use storage::TableDefinition;

use crate::{Plan, Scan, Source};

/// A text, or array of texts, that has an index in parts that are not older than it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IndexedText {
    /// Names the index within parts.
    pub id: u32,
    /// What the index is called.
    pub index: String,
    /// What cuts its texts, as [`text::Analyzer`] reads it.
    pub analyzer: String,
    /// Whether phrases can be asked.
    pub positions: bool,
    /// The text; columns are told by their ids.
    pub expression: Expr,
}

/// A column of scores: computed by text indexes, as rows are read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TextScore {
    /// The fields that the query names by number.
    pub fields: Vec<ScoredText>,
    /// What is asked.
    pub query: text::Query,
    /// The parameters of scores.
    pub bm25: text::Bm25,
    /// Whether the column tells how scores come about.
    pub explained: bool,
    /// Figures of all parts of the table; whoever reads all of them finds these himself where they are missing.
    pub statistics: Option<text::Statistics>,
}

/// A field of a score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoredText {
    /// Names its index within parts.
    pub id: u32,
    /// What the index is called.
    pub index: String,
}

/// The texts of a table that have indexes.
pub(crate) fn indexed_texts(definition: &TableDefinition) -> Vec<IndexedText> {
    let id_of = |at: usize| definition.columns.get(at).map_or(usize::MAX, |c| c.id as usize);
    let mut texts = Vec::new();
    for index in &definition.text_indexes {
        for field in &index.fields {
            texts.push(IndexedText {
                id: field.id,
                index: index.name.clone(),
                analyzer: index.analyzer.clone(),
                positions: index.positions,
                expression: field.expression.clone().remap(&id_of),
            });
        }
    }
    texts
}

/// By what the texts of each stored column are cut; that of the first index over a column alone.
pub(crate) fn column_analyzers(definition: &TableDefinition) -> Vec<Option<String>> {
    let of_column = |at: usize| {
        definition.text_indexes.iter().find_map(|index| {
            let own = |expression: &Expr| matches!(expression, Expr::Column { index, .. } if *index == at);
            index.fields.iter().any(|f| own(&f.expression)).then(|| index.analyzer.clone())
        })
    };
    definition.physical_columns().map(|(at, _)| of_column(at)).collect()
}

/// Texts that are no columns and have an index, over the positions of stored columns, and what cuts them.
pub(crate) fn computed_texts(definition: &TableDefinition) -> Vec<(Expr, String)> {
    let positions: Vec<usize> = definition.physical_columns().map(|(at, _)| at).collect();
    let over_stored = |at: usize| positions.iter().position(|p| *p == at).unwrap_or(usize::MAX);
    let of_index = |index: &storage::TextIndexDefinition| {
        let texts = index.fields.iter().map(|field| &field.expression);
        let computed = texts.filter(|text| !matches!(text, Expr::Column { .. }));
        let pair = |text: &Expr| (text.clone().remap(&over_stored), index.analyzer.clone());
        computed.map(pair).collect::<Vec<_>>()
    };
    definition.text_indexes.iter().flat_map(of_index).collect()
}

/// What cuts the texts of a column that comes as it is from a table with a text index.
pub(crate) fn analyzer_of(plan: &Plan, column: usize) -> Option<String> {
    match plan {
        Plan::Scan(Scan { source: Source::Table(snapshot), columns, .. })
            if !snapshot.definition.text_indexes.is_empty() =>
        {
            column_analyzers(&snapshot.definition).get(*columns.get(column)?).cloned().flatten()
        }
        Plan::Filter { input, .. }
        | Plan::Sort { input, .. }
        | Plan::Limit { input, .. }
        | Plan::LimitBy { input, .. } => analyzer_of(input, column),
        Plan::Project { input, expressions, .. } => match expressions.get(column)? {
            Expr::Column { index, .. } => analyzer_of(input, *index),
            _ => None,
        },
        _ => None,
    }
}
