//! ALTER TABLE.

use super::{ColumnDefinition, Expression, IndexDefinition, Query, Setting, TableName, TtlItem};

/// `PARTITION expression | ID 'id' | ALL`
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Partition(pub PartitionExpression);

/// How a partition is named.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PartitionExpression {
    /// By the value of its key.
    Value(Expression),
    /// By its id.
    Id(String),
    /// All of them.
    All,
}

/// Where a column goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ColumnPosition {
    /// `FIRST`
    First,
    /// `AFTER column`
    After(String),
}

/// One command of ALTER TABLE.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AlterCommand {
    /// `ADD COLUMN`
    AddColumn {
        /// `IF NOT EXISTS`
        if_not_exists: bool,
        /// The column.
        column: ColumnDefinition,
        /// Where it goes.
        position: Option<ColumnPosition>,
    },
    /// `DROP COLUMN`
    DropColumn {
        /// `IF EXISTS`
        if_exists: bool,
        /// The column.
        name: String,
    },
    /// `MODIFY COLUMN`, `ALTER COLUMN x TYPE T`
    ModifyColumn {
        /// `IF EXISTS`
        if_exists: bool,
        /// What is changed is there, the rest is empty.
        column: ColumnDefinition,
        /// Where it goes.
        position: Option<ColumnPosition>,
        /// `REMOVE DEFAULT|CODEC|TTL|COMMENT|...`
        remove: Option<String>,
    },
    /// `RENAME COLUMN a TO b`
    RenameColumn {
        /// `IF EXISTS`
        if_exists: bool,
        /// Old name.
        from: String,
        /// New name.
        to: String,
    },
    /// `COMMENT COLUMN x 'text'`
    CommentColumn {
        /// `IF EXISTS`
        if_exists: bool,
        /// The column.
        name: String,
        /// The comment.
        comment: String,
    },
    /// `CLEAR COLUMN x [IN PARTITION p]`
    ClearColumn {
        /// The column.
        name: String,
        /// In one partition.
        partition: Option<Partition>,
    },
    /// `MATERIALIZE COLUMN|INDEX|TTL|PROJECTION|STATISTICS name`
    Materialize {
        /// Column, index, ...
        what: String,
        /// Which.
        name: Option<String>,
    },
    /// `ADD INDEX`
    AddIndex {
        /// `IF NOT EXISTS`
        if_not_exists: bool,
        /// The index.
        index: IndexDefinition,
    },
    /// `DROP INDEX`
    DropIndex {
        /// `IF EXISTS`
        if_exists: bool,
        /// Its name.
        name: String,
    },
    /// `ADD CONSTRAINT name CHECK expression`
    AddConstraint {
        /// Its name.
        name: String,
        /// What must hold.
        check: Expression,
    },
    /// `DROP CONSTRAINT name`
    DropConstraint {
        /// Its name.
        name: String,
    },
    /// `MODIFY ORDER BY expression`
    ModifyOrderBy(Expression),
    /// `MODIFY TTL ...`
    ModifyTtl(Vec<TtlItem>),
    /// `REMOVE TTL`
    RemoveTtl,
    /// `MODIFY SETTING a = 1`
    ModifySetting(Vec<Setting>),
    /// `RESET SETTING a, b`
    ResetSetting(Vec<String>),
    /// `MODIFY COMMENT 'text'`
    ModifyComment(String),
    /// `MODIFY QUERY SELECT ...`
    ModifyQuery(Box<Query>),
    /// `DELETE WHERE ...`
    Delete {
        /// Which rows.
        filter: Expression,
    },
    /// `UPDATE a = 1 WHERE ...`
    Update {
        /// The columns and their new values.
        assignments: Vec<(String, Expression)>,
        /// Which rows.
        filter: Expression,
    },
    /// `DROP|DETACH|ATTACH|FREEZE PARTITION p`
    Partition {
        /// `DROP`, `DETACH`, `ATTACH`, `FREEZE`, in capitals.
        action: String,
        /// Which.
        partition: Partition,
    },
    /// `MOVE|REPLACE|ATTACH PARTITION p TO|FROM TABLE t`
    PartitionOfTable {
        /// `MOVE`, `REPLACE`, `ATTACH`, in capitals.
        action: String,
        /// Which.
        partition: Partition,
        /// The other table.
        table: TableName,
    },
}
