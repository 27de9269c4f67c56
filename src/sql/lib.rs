//! ClickHouse's dialect: tokens -> syntax tree -> text again.
//!
//! This room must not know what a name means: no tables, no types beyond their spelling, no functions.
//!
//! The way of a query: [`scan`] finds where the statement ends and masks quotes and comments,
//! [`token`] cuts the rest into tokens, [`parser`] builds the tree of [`ast`], [`print`] writes it
//! back as canonical text and [`column_name`] names its columns.
//!
//! Invariants that other rooms rely on:
//! 1. No tree is deeper than [`MAX_DEPTH`] levels, so walking one by recursion is safe.
//! 2. The data of an INSERT is neither tokenized nor copied.
//! 3. The printed form of a tree parses back to the same tree.

pub mod ast;
mod column_name;
mod literal;
mod parser;
mod print;
mod scan;
mod token;

#[cfg(test)]
mod tests;

use ast::{Expression, Setting, Statement};
use base::Result;

pub use column_name::{column_name, hexadecimal_float};
pub use literal::{quote_identifier, quote_string};
pub use parser::MAX_DEPTH;

/// One statement of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The statement.
    pub statement: Statement,
    /// Of an INSERT whose rows follow as data: the byte offset where they begin.
    pub data_start: Option<usize>,
    /// `FORMAT` at the end of a statement whose tree has no place for it: SHOW, DESCRIBE, ALTER ...
    /// That of a query is in its last SELECT, that of EXPLAIN and INSERT in their trees.
    pub format: Option<String>,
    /// `SETTINGS` at the end of such a statement.
    pub settings: Vec<Setting>,
}

/// Parses one statement; a `;` may end it.
///
/// # Errors
/// `SyntaxError` says where and what was expected; `TooDeepAst` for too much nesting.
pub fn parse(text: &str) -> Result<Parsed> {
    parse_bytes(text.as_bytes())
}

/// Parses one statement of a text which need not be UTF-8: string literals keep their bytes, and
/// data after an INSERT is not looked at.
///
/// # Errors
/// As [`parse`].
pub fn parse_bytes(text: &[u8]) -> Result<Parsed> {
    let head = scan::scan(text, 0)?;
    let (statement, output) = parser::parse_head(text, &head)?;
    if head.data_start.is_none() {
        scan::only_blank_after(text, head.end)?;
    }
    let parser::Output { format, settings } = output;
    Ok(Parsed { statement, data_start: head.data_start, format, settings })
}

/// Parses a script: statements separated by `;`. The data of `INSERT ... VALUES` ends at the next
/// `;` outside of quotes, that of other formats at the next `;` that ends a line.
///
/// # Errors
/// As [`parse`], of the first wrong statement.
pub fn parse_all(text: &str) -> Result<Vec<Statement>> {
    let bytes = text.as_bytes();
    let mut statements = Vec::new();
    let mut start = 0;
    while let Some(begin) = scan::next_statement(bytes, start)? {
        let head = scan::scan(bytes, begin)?;
        let (statement, _) = parser::parse_head(bytes, &head)?;
        start = match head.data_start {
            Some(data) => scan::data_end(bytes, data, &statement),
            None => head.end,
        };
        statements.push(statement);
    }
    Ok(statements)
}

/// Parses a lone expression.
///
/// # Errors
/// As [`parse`].
pub fn parse_expression(text: &str) -> Result<Expression> {
    let head = scan::scan_without_data(text.as_bytes())?;
    let expression = parser::parse_lone_expression(text.as_bytes(), &head)?;
    scan::only_blank_after(text.as_bytes(), head.end)?;
    Ok(expression)
}

/// Brings the text of a data type into canonical spacing: `Decimal( 10,2)` -> `Decimal(10, 2)`.
///
/// # Errors
/// As [`parse`].
pub fn canonical_type(text: &str) -> Result<String> {
    let head = scan::scan_without_data(text.as_bytes())?;
    parser::parse_lone_type(text.as_bytes(), &head)
}
