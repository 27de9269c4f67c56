//! SELECT and what it is made of.

use super::{Expression, Literal, Name, TableName, WindowSpecification};

/// A query: one SELECT, or several brought together by set operators.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Query {
    /// One SELECT.
    Select(Box<Select>),
    /// `left UNION ALL right`
    SetOperation {
        /// The operator.
        operator: SetOperator,
        /// `Some(true)` DISTINCT, `Some(false)` ALL, `None` not written.
        distinct: Option<bool>,
        /// The queries, at least two.
        left: Box<Query>,
        /// The right-hand query.
        right: Box<Query>,
    },
}

/// How queries are brought together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum SetOperator {
    Union,
    Intersect,
    Except,
}

/// One SELECT. Clauses that were not written are empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Select {
    /// `WITH RECURSIVE`
    pub recursive: bool,
    /// `WITH`
    pub with: Vec<WithItem>,
    /// `DISTINCT`, `DISTINCT ON (...)`
    pub distinct: Option<DistinctClause>,
    /// What is selected.
    pub items: Vec<SelectItem>,
    /// `FROM`; several tables by comma become CROSS joins in here.
    pub from: Option<TableExpression>,
    /// `[LEFT] ARRAY JOIN`
    pub array_join: Option<ArrayJoin>,
    /// `PREWHERE`
    pub prewhere: Option<Expression>,
    /// `WHERE`
    pub filter: Option<Expression>,
    /// `GROUP BY`
    pub group_by: Option<GroupBy>,
    /// `WITH TOTALS`
    pub totals: bool,
    /// `HAVING`
    pub having: Option<Expression>,
    /// `WINDOW w AS (...)`
    pub windows: Vec<NamedWindow>,
    /// `QUALIFY`
    pub qualify: Option<Expression>,
    /// `ORDER BY`
    pub order_by: Vec<OrderByItem>,
    /// `ORDER BY ALL`
    pub order_by_all: bool,
    /// `INTERPOLATE (a AS expression, ...)`
    pub interpolate: Option<Vec<(String, Option<Expression>)>>,
    /// `LIMIT n [OFFSET m] BY ...`
    pub limit_by: Option<LimitBy>,
    /// `LIMIT`, `OFFSET`, `FETCH`
    pub limit: Option<LimitClause>,
    /// `SETTINGS a = 1, ...`
    pub settings: Vec<Setting>,
    /// `FORMAT name`, at the end of the outermost query.
    pub format: Option<String>,
    /// `INTO OUTFILE 'path'`, at the end of the outermost query.
    pub into_outfile: Option<String>,
}

/// One item of WITH.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum WithItem {
    /// `expression AS name`
    Expression(Expression, String),
    /// `name [(columns)] AS [MATERIALIZED] (query)`
    Table(CommonTable),
}

/// A common table expression.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CommonTable {
    /// Its name.
    pub name: String,
    /// Names for its columns.
    pub columns: Vec<String>,
    /// What it holds.
    pub query: Box<Query>,
}

/// `DISTINCT`
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum DistinctClause {
    /// Over all columns.
    All,
    /// `DISTINCT ON (a, b)`
    On(Vec<Expression>),
}

/// One selected expression; its alias, if any, is within as [`Expression::Alias`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SelectItem {
    /// The expression.
    pub expression: Expression,
    /// The text of the expression as it stood in the query, tokens single-spaced as written;
    /// the plan names columns from the tree, this is for messages.
    pub text: String,
}

/// FROM: a table, or a tree of joins.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TableExpression {
    /// A table of any kind.
    Table(TableReference),
    /// A join.
    Join(Box<Join>),
}

/// What stands in FROM.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TableReference {
    /// A table or a common table expression.
    Table {
        /// Its name.
        name: TableName,
        /// `AS alias`
        alias: Option<String>,
        /// `FINAL`
        is_final: bool,
        /// `SAMPLE ratio [OFFSET offset]`
        sample: Option<(Literal, Option<Literal>)>,
    },
    /// `numbers(10)`
    Function {
        /// The function's name.
        name: String,
        /// Its arguments.
        arguments: Vec<Expression>,
        /// `AS alias`
        alias: Option<String>,
    },
    /// `(SELECT ...)`
    Subquery {
        /// The query.
        query: Box<Query>,
        /// `AS alias`
        alias: Option<String>,
        /// `AS alias (a, b)`
        columns: Vec<String>,
    },
}

/// A join of two table expressions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Join {
    /// The left side.
    pub left: TableExpression,
    /// The right side.
    pub right: TableExpression,
    /// INNER, LEFT, ...
    pub kind: JoinKind,
    /// ALL, ANY, ...
    pub strictness: Option<JoinStrictness>,
    /// ON or USING.
    pub constraint: JoinConstraint,
    /// `GLOBAL`
    pub global: bool,
}

/// Which rows without a match a join keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum JoinKind {
    Inner,
    Left,
    Right,
    Full,
    /// `CROSS JOIN` and the comma.
    Cross,
    /// `PASTE JOIN`
    Paste,
}

/// How many matches a join keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum JoinStrictness {
    All,
    Any,
    Semi,
    Anti,
    Asof,
}

/// What a join compares.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum JoinConstraint {
    /// Nothing.
    None,
    /// `ON condition`
    On(Expression),
    /// `USING (a, b)`
    Using(Vec<String>),
}

/// `[LEFT] ARRAY JOIN a AS b, ...`
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ArrayJoin {
    /// `LEFT`
    pub left: bool,
    /// The arrays, aliases within.
    pub arrays: Vec<Expression>,
}

/// GROUP BY.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum GroupBy {
    /// `GROUP BY a, b`
    Plain(Vec<Expression>),
    /// `GROUP BY ALL`
    All,
    /// `GROUP BY ROLLUP(a, b)`, `... WITH ROLLUP`
    Rollup(Vec<Expression>),
    /// `GROUP BY CUBE(a, b)`, `... WITH CUBE`
    Cube(Vec<Expression>),
    /// `GROUP BY GROUPING SETS ((a, b), (a), ())`
    GroupingSets(Vec<Vec<Expression>>),
}

/// A window of the WINDOW clause.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NamedWindow {
    /// Its name.
    pub name: String,
    /// What it is.
    pub window: WindowSpecification,
}

/// One item of ORDER BY.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OrderByItem {
    /// What is ordered by.
    pub expression: Expression,
    /// `DESC`
    pub descending: bool,
    /// `NULLS FIRST` (true), `NULLS LAST` (false).
    pub nulls_first: Option<bool>,
    /// `COLLATE 'locale'`
    pub collate: Option<String>,
    /// `WITH FILL`
    pub fill: Option<FillClause>,
}

/// `WITH FILL FROM a TO b STEP c STALENESS d`
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct FillClause {
    /// `FROM`
    pub from: Option<Expression>,
    /// `TO`
    pub to: Option<Expression>,
    /// `STEP`
    pub step: Option<Expression>,
    /// `STALENESS`
    pub staleness: Option<Expression>,
}

/// `LIMIT n [OFFSET m] BY a, b`
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LimitBy {
    /// Rows kept of each group.
    pub limit: Expression,
    /// Rows skipped of each group.
    pub offset: Option<Expression>,
    /// The group.
    pub by: Vec<Expression>,
}

/// `LIMIT n OFFSET m [WITH TIES]`
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct LimitClause {
    /// Rows kept.
    pub limit: Option<Expression>,
    /// Rows skipped.
    pub offset: Option<Expression>,
    /// `WITH TIES`
    pub with_ties: bool,
}

/// `name = value`
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Setting {
    /// The setting.
    pub name: String,
    /// Its value.
    pub value: SettingValue,
}

/// A setting's value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SettingValue {
    /// A literal, a number may have a sign within its text.
    Literal(Literal),
    /// `DEFAULT`
    Default,
    /// A bare word, as in `SETTINGS x = abc`.
    Word(Name),
}

impl Query {
    /// The SELECT that was written last. It holds what is said of the whole query's output:
    /// `format`, `into_outfile`, and the settings at the end.
    pub fn last_select(&self) -> &Select {
        let mut query = self;
        loop {
            match query {
                Query::Select(select) => return select,
                Query::SetOperation { right, .. } => query = right,
            }
        }
    }

    /// As [`Query::last_select`], to be changed.
    pub fn last_select_mut(&mut self) -> &mut Select {
        let mut query = self;
        loop {
            match query {
                Query::Select(select) => return select,
                Query::SetOperation { right, .. } => query = right,
            }
        }
    }
}
