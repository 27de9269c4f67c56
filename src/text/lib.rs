//! Full-text search: analyzers, an inverted index, BM25, a query language, highlights.
//!
//! This room knows texts, rows by number and bytes; it must not know parts, tables or SQL. One
//! index holds one text for each row of a part.
//!
//! 1. `Analyzer` cuts texts into terms; `IndexBuilder` makes an index of rows that come in order,
//!    `merge` one of several without looking at texts; `Index` reads the bytes of one.
//! 2. `QueryParser` makes a `Query` of a string. `Statistics` are gathered over all parts, so that
//!    scores do not depend on how rows lie in parts.
//! 3. `Searcher` asks one part: counts, rows, the best rows, scores of given rows, explanations.
//!    Parts that are searched at the same time share a `SharedThreshold`.
//! 4. `ScanQuery` asks texts themselves, with the same answers; `Highlighter` marks them.

mod analyzer;
mod arena;
mod block;
mod builder;
mod coding;
mod collect;
mod dictionary;
mod file;
mod highlight;
mod index;
mod list;
mod merge;
mod output;
mod parse;
mod pattern;
mod positions;
mod postings;
mod query;
mod rows;
mod runs;
mod scan;
mod score;
mod search;
mod statistics;
#[cfg(test)]
mod tests;

pub use analyzer::{Analyzer, Token, TokenStream, Tokenizer};
pub use builder::IndexBuilder;
pub use file::IndexOptions;
pub use highlight::{HighlightOptions, Highlighter, Match};
pub use index::{Index, IndexSize, TermRows};
pub use merge::{RowMap, Source, merge};
pub use output::Sink;
pub use parse::{ParserField, QueryParser};
pub use query::{Edits, Pattern, PhraseTerm, Query};
pub use rows::RowSet;
pub use runs::{Aside, MemoryRuns, RunStore};
pub use scan::ScanQuery;
pub use score::Bm25;
pub use search::{Explanation, Hit, Restriction, Searcher, SharedThreshold};
pub use statistics::{FieldStatistics, Statistics};
