//! Scores of texts that no table holds: each is a collection of its own. Those of tables are computed by scans, which
//! know all rows; here is what the reference tells of both.

use ::text::{Analyzer, Bm25, Query, ScanQuery, Statistics};
use arrow_array::types::Float64Type;
use base::{Result, bail};
use expr::{Argument, Bound, FunctionDeclaration};
use types::DataType;

use super::analyzers::usual;
use crate::text::declare;
use crate::text::strings::{BytesBuilder, Strings, numbers, require_text};

pub(super) static FUNCTIONS: &[FunctionDeclaration] = &[
    declare!("Text search", "bm25", "bm25(text[, query][, options])", "How well a text of a table with a text index fits a query, by BM25 over all rows of the table; 0 where it does not match. The query is a string whose words (cut by the index's tokenizer) are looked for, or an array of such; without one it is what WHERE asks of the text (`hasAllTokens`, `matchQuery`, ...). Several texts are given as a tuple: `bm25((title, body), 'words')`. Options are a map of `mode` (`best_fields`: the best text counts, and the others by `tie_breaker`; `most_fields`: all are added up; `cross_fields`: each word counts in its best text), `weights` (`'2,1'`), `k1`, `b`, `syntax` (`words`, or `query`: see `matchQuery`), `lenient`. ORDER BY bm25(...) DESC LIMIT n is answered by the index alone.",
        "SELECT round(bm25('rain and snow', 'snow'), 4)" => "0.1308", (1, 3), |_, a| score("bm25", a)),
    declare!("Text search", "explainScore", "explainScore(text[, query][, options])", "How the score of `bm25` with the same arguments comes about, a line for each part; empty where a text does not match.",
        "SELECT explainScore('rain and snow', 'snow') LIKE '%score%'" => "1", (1, 3), |_, a| score("explainScore", a)),
];

/// Of a text that is a collection of its own.
fn score(function: &'static str, arguments: &[Argument]) -> Result<Bound> {
    if arguments.len() != 2 {
        bail!(
            BadArguments,
            "Function {function} of a text that no table holds takes this text and a query"
        );
    }
    require_text(function, arguments, 0)?;
    require_text(function, arguments, 1)?;
    let analyzer = usual()?;
    let explained = function == "explainScore";
    let data_type = if explained { DataType::String } else { DataType::Float64 };
    Ok(Bound::new(data_type, move |columns, rows| {
        let (texts, queries) = (Strings::new(&columns[0])?, Strings::new(&columns[1])?);
        let scores = (0..rows).map(|row| score_alone(&analyzer, texts.get(row), queries.get(row)));
        let scores = scores.collect::<Result<Vec<f64>>>()?;
        if !explained {
            return Ok(numbers::<Float64Type>(scores));
        }
        let mut told = BytesBuilder::new(rows);
        for score in scores {
            told.append_with(|out| {
                let what = "the score of a text that is a collection of its own";
                out.extend_from_slice(format!("{score} = {what}\n").as_bytes());
            });
        }
        told.column()
    }))
}

fn score_alone(analyzer: &Analyzer, text: &[u8], query: &[u8]) -> Result<f64> {
    let terms = analyzer.tokens(query).into_iter().map(Query::term);
    let query = Query::or(terms.collect());
    let mut statistics = Statistics::default();
    let analyzers = std::slice::from_ref(analyzer);
    let mut scan = ScanQuery::new(&query, analyzers, None, Bm25::default())?;
    scan.add_statistics(&[Some(text)], &mut statistics);
    let mut scan = ScanQuery::new(&query, analyzers, Some(&statistics), Bm25::default())?;
    Ok(scan.score(&[Some(text)]).unwrap_or(0.0))
}
