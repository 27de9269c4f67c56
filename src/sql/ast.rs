//! The syntax tree. Plain values, comparable and hashable, without positions (errors that need
//! one are raised by the parser).

mod alter;
mod dictionary;
mod expression;
mod introspect;
mod query;
mod statement;

pub use alter::{AlterCommand, ColumnPosition, Partition, PartitionExpression};
pub use dictionary::{CreateDictionary, CreateFunction, DictionaryColumn, DictionaryPart};
pub use expression::{
    BinaryOperator, CaseBranch, ColumnTransformer, Expression, FrameBound, FrameUnits,
    FunctionCall, IntervalUnit, Literal, UnaryOperator, WindowFrame, WindowReference,
    WindowSpecification,
};
pub use introspect::{Describe, Explain, ExplainKind, Show, ShowFilter, SystemCommand};
pub use query::{
    ArrayJoin, CommonTable, DistinctClause, FillClause, GroupBy, Join, JoinConstraint, JoinKind,
    JoinStrictness, LimitBy, LimitClause, NamedWindow, OrderByItem, Query, Select, SelectItem,
    SetOperator, Setting, SettingValue, TableExpression, TableReference, WithItem,
};
pub use statement::{
    ColumnDefault, ColumnDefinition, CreateDatabase, CreateTable, CreateView, DefaultKind, Drop,
    DropKind, EngineClause, IndexDefinition, Insert, InsertSource, InsertTarget, ObjectKind,
    Rename, Statement, TtlAction, TtlItem,
};

/// A name of one or more parts: `x`, `table.x`, `database.table.x`, `tuple.field`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Name(pub Vec<String>);

impl Name {
    /// A name of one part.
    pub fn simple(part: impl Into<String>) -> Name {
        Name(vec![part.into()])
    }

    /// Its last part.
    pub fn last(&self) -> &str {
        self.0.last().map_or("", String::as_str)
    }
}

/// A table's name: `table` or `database.table`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TableName {
    /// The database, where one was written.
    pub database: Option<String>,
    /// The table.
    pub table: String,
}
