//! SHOW, DESCRIBE, EXPLAIN and SYSTEM.

use super::{Expression, ObjectKind, Query, Setting, Statement, TableName};

/// SHOW ...
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Show {
    /// `SHOW DATABASES [[NOT] [I]LIKE 'x'] [LIMIT n]`
    Databases(ShowFilter),
    /// `SHOW [FULL] [TEMPORARY] TABLES [FROM db] [LIKE 'x'] [WHERE ...] [LIMIT n]`
    Tables {
        /// The database.
        database: Option<String>,
        /// `FULL`
        full: bool,
        /// Which.
        filter: ShowFilter,
    },
    /// `SHOW [FULL] COLUMNS FROM t [FROM db]`
    Columns {
        /// The table.
        table: TableName,
        /// `FULL`
        full: bool,
        /// Which.
        filter: ShowFilter,
    },
    /// `SHOW INDEXES FROM t`
    Indexes(TableName),
    /// `SHOW CREATE [TABLE|VIEW|DATABASE] x`
    Create {
        /// What kind of object.
        object: ObjectKind,
        /// Its name; a database is in `table`.
        name: TableName,
    },
    /// `SHOW PROCESSLIST`
    ProcessList,
    /// `SHOW [CHANGED] SETTINGS LIKE 'x'`
    Settings(ShowFilter),
    /// `SHOW FUNCTIONS [LIKE 'x']`
    Functions(ShowFilter),
    /// `SHOW ENGINES`
    Engines,
    /// `SHOW GRANTS`
    Grants,
    /// `SHOW DICTIONARIES`, `SHOW USERS`, `SHOW CLUSTERS` ...: the word.
    Other(String),
}

/// What SHOW keeps.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct ShowFilter {
    /// `LIKE 'pattern'`
    pub like: Option<String>,
    /// `NOT LIKE`
    pub negated: bool,
    /// `ILIKE`
    pub case_insensitive: bool,
    /// `WHERE`
    pub filter: Option<Expression>,
    /// `LIMIT`
    pub limit: Option<Expression>,
}

/// DESCRIBE.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Describe {
    /// A table.
    Table(TableName),
    /// A table function.
    Function {
        /// Its name.
        name: String,
        /// Its arguments.
        arguments: Vec<Expression>,
    },
    /// A query.
    Query(Box<Query>),
}

/// EXPLAIN.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Explain {
    /// What is explained.
    pub kind: ExplainKind,
    /// `indexes = 1, ...`
    pub settings: Vec<Setting>,
    /// Of which statement.
    pub statement: Statement,
    /// `FORMAT name`
    pub format: Option<String>,
}

/// What EXPLAIN shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum ExplainKind {
    Plan,
    Pipeline,
    Ast,
    Syntax,
    QueryTree,
    Estimate,
    TableOverride,
}

/// SYSTEM ...
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SystemCommand {
    /// The words after SYSTEM in capitals, single-spaced: `DROP QUERY CACHE`, `FLUSH LOGS`.
    pub words: String,
    /// A table, where one follows.
    pub table: Option<TableName>,
    /// A tag, where one follows (`TAG 't'`).
    pub tag: Option<String>,
}
