//! Statements.

use super::{
    AlterCommand, CreateDictionary, CreateFunction, Describe, Explain, Expression, Name, Partition,
    Query, Setting, Show, SystemCommand, TableName,
};

/// One statement.
// A process holds few statements at a time, so their size on the stack costs nothing.
#[allow(clippy::large_enum_variant)]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Statement {
    /// SELECT and its set operations.
    Query(Box<Query>),
    /// INSERT.
    Insert(Box<Insert>),
    /// CREATE DATABASE.
    CreateDatabase(CreateDatabase),
    /// CREATE TABLE, ATTACH TABLE.
    CreateTable(Box<CreateTable>),
    /// CREATE [MATERIALIZED] VIEW.
    CreateView(Box<CreateView>),
    /// CREATE DICTIONARY.
    CreateDictionary(Box<CreateDictionary>),
    /// CREATE FUNCTION.
    CreateFunction(CreateFunction),
    /// DROP, DETACH, TRUNCATE.
    Drop(Drop),
    /// RENAME TABLE | DATABASE, EXCHANGE TABLES.
    Rename(Rename),
    /// ALTER TABLE.
    Alter {
        /// The table.
        table: TableName,
        /// What is changed, in order.
        commands: Vec<AlterCommand>,
        /// `SETTINGS`
        settings: Vec<Setting>,
    },
    /// `DELETE FROM t WHERE ...`
    Delete {
        /// The table.
        table: TableName,
        /// Which rows.
        filter: Expression,
    },
    /// `UPDATE t SET a = 1 WHERE ...`
    Update {
        /// The table.
        table: TableName,
        /// The columns and their new values.
        assignments: Vec<(String, Expression)>,
        /// Which rows.
        filter: Expression,
    },
    /// `OPTIMIZE TABLE t [PARTITION p] [FINAL] [DEDUPLICATE]`
    Optimize {
        /// The table.
        table: TableName,
        /// One partition only.
        partition: Option<Partition>,
        /// `FINAL`
        is_final: bool,
        /// `DEDUPLICATE [BY ...]`
        deduplicate: Option<Vec<Name>>,
    },
    /// SHOW ...
    Show(Show),
    /// DESCRIBE ...
    Describe(Describe),
    /// `EXISTS [TEMPORARY] [TABLE|VIEW|DATABASE|DICTIONARY] name`
    Exists {
        /// What kind of object.
        kind: ObjectKind,
        /// Its name.
        name: TableName,
    },
    /// `USE database`
    Use(String),
    /// `SET a = 1, b = 2`
    Set(Vec<Setting>),
    /// EXPLAIN ...
    Explain(Box<Explain>),
    /// SYSTEM ...
    System(SystemCommand),
    /// `KILL QUERY WHERE ... [SYNC|ASYNC|TEST]`
    Kill {
        /// `QUERY` or `MUTATION`.
        mutation: bool,
        /// Which.
        filter: Expression,
    },
    /// `CHECK TABLE t`
    Check(TableName),
}

/// INSERT.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Insert {
    /// The table.
    pub table: InsertTarget,
    /// The columns written, empty for all; `* EXCEPT (..)` is an Asterisk here.
    pub columns: Vec<Expression>,
    /// `SETTINGS`, wherever they were written.
    pub settings: Vec<Setting>,
    /// Where the rows come from.
    pub source: InsertSource,
}

/// Where an INSERT goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum InsertTarget {
    /// A table.
    Table(TableName),
    /// `INSERT INTO FUNCTION file(...)`
    Function {
        /// Its name.
        name: String,
        /// Its arguments.
        arguments: Vec<Expression>,
    },
}

/// Where the rows of an INSERT come from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum InsertSource {
    /// A query.
    Query(Box<Query>),
    /// `VALUES`, the rows follow as data.
    Values,
    /// `FORMAT name`, the rows follow as data.
    Format(String),
    /// `FROM INFILE 'path' [COMPRESSION 'c'] [FORMAT name]`
    InFile {
        /// The path.
        path: String,
        /// The compression.
        compression: Option<String>,
        /// The format.
        format: Option<String>,
    },
    /// Nothing was written: data may come beside the query, format by setting.
    Data,
}

/// CREATE DATABASE.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CreateDatabase {
    /// `IF NOT EXISTS`
    pub if_not_exists: bool,
    /// Its name.
    pub name: String,
    /// `ENGINE = Atomic`
    pub engine: Option<EngineClause>,
    /// `COMMENT`
    pub comment: Option<String>,
}

/// CREATE TABLE.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct CreateTable {
    /// `ATTACH` instead of CREATE.
    pub attach: bool,
    /// `TEMPORARY`
    pub temporary: bool,
    /// `OR REPLACE`
    pub or_replace: bool,
    /// `REPLACE TABLE`: there must be one to be replaced.
    pub replace: bool,
    /// `IF NOT EXISTS`
    pub if_not_exists: bool,
    /// Its name.
    pub name: Option<TableName>,
    /// `UUID '...'`
    pub uuid: Option<String>,
    /// Its columns.
    pub columns: Vec<ColumnDefinition>,
    /// `INDEX ...`
    pub indexes: Vec<IndexDefinition>,
    /// `CONSTRAINT name CHECK expression`
    pub constraints: Vec<(String, Expression)>,
    /// `PROJECTION name (query)`, kept as text.
    pub projections: Vec<(String, String)>,
    /// The engine and its keys.
    pub engine: Option<EngineClause>,
    /// `AS other_table`
    pub like: Option<TableName>,
    /// `AS numbers(10)`
    pub as_function: Option<(String, Vec<Expression>)>,
    /// `AS SELECT ...`
    pub query: Option<Box<Query>>,
    /// `EMPTY AS SELECT`
    pub empty: bool,
    /// `COMMENT`
    pub comment: Option<String>,
}

/// ENGINE and the clauses after it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct EngineClause {
    /// The engine's name; empty where only keys were written.
    pub name: String,
    /// Its arguments; `None` without brackets.
    pub arguments: Option<Vec<Expression>>,
    /// `PARTITION BY`
    pub partition_by: Option<Expression>,
    /// `PRIMARY KEY`
    pub primary_key: Option<Expression>,
    /// `ORDER BY`; a tuple for several.
    pub order_by: Option<Expression>,
    /// `SAMPLE BY`
    pub sample_by: Option<Expression>,
    /// `TTL`
    pub ttl: Vec<TtlItem>,
    /// `SETTINGS`
    pub settings: Vec<Setting>,
}

/// One item of a TTL clause.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TtlItem {
    /// When.
    pub expression: Expression,
    /// What.
    pub action: TtlAction,
    /// `WHERE`
    pub filter: Option<Expression>,
}

/// What a TTL does.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TtlAction {
    /// `DELETE`, or nothing written.
    Delete,
    /// `RECOMPRESS CODEC(...)`, its text.
    Recompress(String),
    /// `TO DISK|VOLUME 'x'`, `GROUP BY ...`: kept as text.
    Other(String),
}

/// A column of CREATE TABLE or ALTER.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct ColumnDefinition {
    /// Its name.
    pub name: String,
    /// Its type as canonical text.
    pub data_type: Option<String>,
    /// `NULL` (true), `NOT NULL` (false).
    pub nullable: Option<bool>,
    /// `DEFAULT` and its kin.
    pub default: Option<ColumnDefault>,
    /// `COMMENT`
    pub comment: Option<String>,
    /// `CODEC(...)`: name and arguments of each.
    pub codec: Vec<(String, Vec<Expression>)>,
    /// `STORAGE OUT_OF_ROW(bytes)`
    pub out_of_row: Option<u64>,
    /// `STATISTICS(...)`, kept as text.
    pub statistics: Option<String>,
    /// `TTL`
    pub ttl: Option<Expression>,
    /// `PRIMARY KEY` after the column.
    pub primary_key: bool,
    /// `COLLATE`
    pub collate: Option<String>,
    /// `SETTINGS (...)`
    pub settings: Vec<Setting>,
}

/// `DEFAULT expression` and its kin.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ColumnDefault {
    /// Which of them.
    pub kind: DefaultKind,
    /// The expression; `EPHEMERAL` may have none.
    pub expression: Option<Expression>,
}

/// Which kind of default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum DefaultKind {
    Default,
    Materialized,
    Alias,
    Ephemeral,
}

/// `INDEX name expression TYPE type(arguments) GRANULARITY n`
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IndexDefinition {
    /// Its name.
    pub name: String,
    /// What is indexed.
    pub expression: Expression,
    /// The kind and its arguments (`text(tokenizer = 'default')` has Equals expressions).
    pub kind: (String, Vec<Expression>),
    /// Granules per entry.
    pub granularity: Option<u64>,
}

/// CREATE [MATERIALIZED] VIEW.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CreateView {
    /// `MATERIALIZED`
    pub materialized: bool,
    /// `OR REPLACE`
    pub or_replace: bool,
    /// `IF NOT EXISTS`
    pub if_not_exists: bool,
    /// Its name.
    pub name: TableName,
    /// `TO table`
    pub to: Option<TableName>,
    /// Its columns, where written.
    pub columns: Vec<ColumnDefinition>,
    /// The engine of its inner table.
    pub engine: Option<EngineClause>,
    /// `POPULATE`
    pub populate: bool,
    /// The query.
    pub query: Box<Query>,
    /// `COMMENT`
    pub comment: Option<String>,
}

/// What kind of object a statement is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum ObjectKind {
    Table,
    View,
    Database,
    Dictionary,
    Function,
}

/// DROP, DETACH or TRUNCATE.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Drop {
    /// Which of them.
    pub kind: DropKind,
    /// What kind of object.
    pub object: ObjectKind,
    /// `TEMPORARY`
    pub temporary: bool,
    /// `IF EXISTS`
    pub if_exists: bool,
    /// The names; a database is in `table` with no `database`.
    pub names: Vec<TableName>,
    /// `SYNC`, `NO DELAY`
    pub sync: bool,
}

/// DROP, DETACH or TRUNCATE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum DropKind {
    Drop,
    Detach,
    Truncate,
}

/// RENAME or EXCHANGE.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Rename {
    /// Tables or databases.
    pub object: ObjectKind,
    /// `EXCHANGE a AND b`
    pub exchange: bool,
    /// `IF EXISTS`
    pub if_exists: bool,
    /// From, to.
    pub pairs: Vec<(TableName, TableName)>,
}
