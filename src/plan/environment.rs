//! What the analyzer must be told: tables, functions, settings; and what it lets others run.

use std::fmt;
use std::sync::Arc;

use base::Result;
use expr::{Expr, FunctionContext, Registry};
use sql::ast::{Expression, Query, TableName};
use types::{Block, DataType, Schema};

use crate::Plan;

/// The surroundings of a query.
pub trait Environment {
    /// The functions.
    fn registry(&self) -> &Registry;

    /// What functions may know of the query.
    fn context(&self) -> &FunctionContext;

    /// A table by name, in the current database where none is given.
    ///
    /// # Errors
    /// UNKNOWN_TABLE, UNKNOWN_DATABASE, ACCESS_DENIED.
    fn table(&self, name: &TableName) -> Result<Relation>;

    /// A table function with its arguments as written.
    fn table_function(&self, name: &str, arguments: &[Expression]) -> Result<Relation>;

    /// Runs a plan to its end: for scalar subqueries and sets.
    fn collect(&self, plan: Plan) -> Result<Vec<Block>>;

    /// A function that a query has defined, as a lambda.
    ///
    /// # Errors
    /// A definition that cannot be read.
    fn defined_function(&self, _name: &str) -> Result<Option<Expression>> {
        Ok(None)
    }

    /// Takes note of a function that may give something else the next time.
    fn note_unstable(&self, _function: &str) {}

    /// The text of a query parameter, with TabSeparated's escapes.
    fn parameter(&self, name: &str) -> Option<&str>;

    /// A setting as text; `None` where it is not known.
    fn setting(&self, name: &str) -> Option<String>;

    /// A setting that is a flag.
    fn flag(&self, name: &str) -> bool {
        self.setting(name).is_some_and(|v| v == "1" || v == "true")
    }
}

/// A table as a query sees it.
#[derive(Debug, Clone)]
pub struct Relation {
    /// Its database, for qualified names.
    pub database: Option<String>,
    /// Its name.
    pub name: String,
    /// Its columns in their order.
    pub columns: Vec<RelationColumn>,
    /// Where the rows come from.
    pub source: RelationSource,
    /// What FINAL reads instead; none where the table has no FINAL.
    pub combined: Option<Arc<dyn BlockSource>>,
    /// `SAMPLE BY`: an unsigned integer over whose values rows spread evenly.
    pub sampling_key: Option<Expression>,
}

/// A column of a relation.
#[derive(Debug, Clone)]
pub struct RelationColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    pub data_type: DataType,
    /// How it came about.
    pub kind: ColumnKind,
}

/// How a column of a relation came about.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnKind {
    /// Stored, shown by `*`.
    Ordinary,
    /// Stored, but not shown by `*`.
    Hidden,
    /// Computed from others when it is read; not shown by `*`.
    Alias(Box<Expression>),
}

/// Where the rows of a relation come from. Positions of columns are those of the relation
/// without `Alias` columns.
#[derive(Debug, Clone)]
pub enum RelationSource {
    /// Parts of a table.
    Table(Arc<storage::TableSnapshot>),
    /// Something that yields blocks.
    Blocks(Arc<dyn BlockSource>),
    /// A view: the query behind it.
    View(Box<Query>),
}

/// Something that yields blocks: system tables, files, generated numbers.
pub trait BlockSource: Send + Sync + fmt::Debug {
    /// What it is, for EXPLAIN.
    fn name(&self) -> String;

    /// All its columns.
    fn schema(&self) -> &Schema;

    /// How many pieces can be read at once.
    fn pieces(&self) -> usize;

    /// The blocks of one piece with only the columns at these positions. `filter` is what will be
    /// asked of the rows (over the positions given), to skip what can't match.
    fn read(&self, piece: usize, columns: &[usize], filter: &[Expr]) -> Result<BlockStream>;

    /// How many rows there are, if that is known without reading.
    fn rows(&self) -> Option<u64>;
}

/// Blocks as they are read.
pub type BlockStream = Box<dyn Iterator<Item = Result<Block>> + Send>;
