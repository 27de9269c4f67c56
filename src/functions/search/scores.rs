//! Scores of texts that no table holds: each is a collection of its own. Those of tables are computed by scans, which
//! know all rows; here is what the reference tells of both.

use ::text::{Bm25, Query, ScanQuery, Statistics};
use base::{Result, bail};
use expr::{Argument, Bound, FunctionDeclaration};
use types::{Column, DataType, Value};

use super::analyzers::usual;
use super::evaluate::Wanted;
use crate::text::declare;

pub(super) static FUNCTIONS: &[FunctionDeclaration] = &[
    declare!("Text search", "bm25", "bm25(text[, query][, options])", "How well a text of a table with a text index fits a query, by BM25 over all rows of the table; 0 where it does not match. The query is a string whose words (cut by the index's tokenizer) are looked for, or an array of such; without one it is what WHERE asks of the text (`hasAllTokens`, `matchQuery`, ...). Several texts are given as a tuple: `bm25((title, body), 'words')`. Options are a map of `mode` (`best_fields`: the best text counts, and the others by `tie_breaker`; `most_fields`: all are added up; `cross_fields`: each word counts in its best text), `weights` (`'2,1'`), `k1`, `b`, `syntax` (`words`, or `query`: see `matchQuery`), `lenient`. ORDER BY bm25(...) DESC LIMIT n is answered by the index alone.",
        "SELECT round(bm25('rain and snow', 'snow'), 4)" => "0.1308", (1, 3), |_, a| score("bm25", a)),
    declare!("Text search", "explainScore", "explainScore(text[, query][, options])", "How the score of `bm25` with the same arguments comes about, a line for each part; empty where a text does not match.",
        "SELECT explainScore('rain and snow', 'snow') LIKE '%score%'" => "1", (1, 3), |_, a| score("explainScore", a)),
];

fn score(function: &str, arguments: &[Argument]) -> Result<Bound> {
    let constants = (Wanted::of_constant(&arguments[0]), arguments.get(1).map(Wanted::of_constant));
    let (Some(text), Some(Some(wanted)), 2) = (constants.0, constants.1, arguments.len()) else {
        bail!(
            BadArguments,
            "Function {function} can only be asked of texts of a table with a text index, in a query that reads this \
             table itself and without FINAL; or of a constant with a constant query"
        );
    };
    let analyzer = usual()?;
    let terms = wanted.items.iter().flat_map(|item| analyzer.tokens(item)).map(Query::term);
    let query = Query::or(terms.collect());
    let whole: Vec<u8> = text.items.join(&b' ');
    let mut statistics = Statistics::default();
    let analyzers = std::slice::from_ref(&analyzer);
    let mut scan = ScanQuery::new(&query, analyzers, None, Bm25::default())?;
    scan.add_statistics(&[Some(&whole)], &mut statistics);
    let mut scan = ScanQuery::new(&query, analyzers, Some(&statistics), Bm25::default())?;
    let score = scan.score(&[Some(&whole)]).unwrap_or(0.0);
    if function == "bm25" {
        return Ok(Bound::new(DataType::Float64, move |_, rows| {
            Column::constant(&DataType::Float64, &Value::Float(score), rows)
        }));
    }
    let told = format!("{score} = the score of a text that is a collection of its own\n");
    Ok(Bound::new(DataType::String, move |_, rows| {
        Column::constant(&DataType::String, &Value::from(told.as_str()), rows)
    }))
}
