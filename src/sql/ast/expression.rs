//! Expressions.

use super::{Name, OrderByItem, Query};

/// A literal as written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Literal {
    /// `NULL`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A number as its text: digits, `1e3`, `0xFF`, `0b1`, `inf`, `nan`; without a sign.
    Number(String),
    /// A string's bytes, escapes undone.
    String(Vec<u8>),
}

/// An operator with one operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnaryOperator {
    /// `-x`
    Minus,
    /// `NOT x`
    Not,
}

/// An operator with two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum BinaryOperator {
    Or,
    And,
    Equals,
    NotEquals,
    Less,
    LessOrEquals,
    Greater,
    GreaterOrEquals,
    /// `<=>`, `IS NOT DISTINCT FROM`
    NullSafeEquals,
    Plus,
    Minus,
    Multiply,
    Divide,
    /// `%`, `MOD`
    Modulo,
    /// `DIV`
    IntegerDivide,
    /// `||`
    Concatenate,
}

/// The unit of an `INTERVAL`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum IntervalUnit {
    Nanosecond,
    Microsecond,
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

/// An expression.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Expression {
    /// A literal.
    Literal(Literal),
    /// A column, an alias, or a field of a tuple.
    Identifier(Name),
    /// `{name:Type}`
    Parameter {
        /// Its name.
        name: String,
        /// Its type as text.
        data_type: String,
    },
    /// `*`, `t.*`, with `EXCEPT`, `REPLACE`, `APPLY`.
    Asterisk {
        /// `t` of `t.*`.
        qualifier: Option<Name>,
        /// What is done to the columns, in order.
        transformers: Vec<ColumnTransformer>,
    },
    /// `COLUMNS('regular expression')`, `COLUMNS(a, b)`.
    Columns {
        /// `t` of `t.COLUMNS(..)`.
        qualifier: Option<Name>,
        /// The regular expression, if not a list.
        pattern: Option<String>,
        /// The list, if not a pattern.
        list: Vec<Name>,
        /// What is done to the columns, in order.
        transformers: Vec<ColumnTransformer>,
    },
    /// `-x`, `NOT x`
    Unary(UnaryOperator, Box<Expression>),
    /// `a + b`
    Binary(BinaryOperator, Box<Expression>, Box<Expression>),
    /// `x IS [NOT] NULL`
    IsNull {
        /// What is tested.
        operand: Box<Expression>,
        /// `IS NOT NULL`
        negated: bool,
    },
    /// `x [NOT] BETWEEN low AND high`
    Between {
        /// What is tested.
        operand: Box<Expression>,
        /// `NOT BETWEEN`
        negated: bool,
        /// The lower bound, included.
        low: Box<Expression>,
        /// The upper bound, included.
        high: Box<Expression>,
    },
    /// `x [NOT] [I]LIKE pattern`
    Like {
        /// What is tested.
        operand: Box<Expression>,
        /// `NOT LIKE`
        negated: bool,
        /// `ILIKE`
        case_insensitive: bool,
        /// The pattern.
        pattern: Box<Expression>,
    },
    /// `x [GLOBAL] [NOT] IN set`; the set is a tuple, an expression, a subquery or a table's name.
    In {
        /// What is looked up.
        operand: Box<Expression>,
        /// `NOT IN`
        negated: bool,
        /// `GLOBAL IN`, which means the same on one machine.
        global: bool,
        /// A [`Expression::Tuple`], [`Expression::Subquery`], an identifier of a table, or another expression.
        set: Box<Expression>,
    },
    /// `EXISTS (SELECT ...)`
    Exists(Box<Query>),
    /// `(SELECT ...)` as a value.
    Subquery(Box<Query>),
    /// `CASE [operand] WHEN .. THEN .. ELSE .. END`
    Case {
        /// The compared value, if there is one.
        operand: Option<Box<Expression>>,
        /// The branches.
        branches: Vec<CaseBranch>,
        /// `ELSE`
        otherwise: Option<Box<Expression>>,
    },
    /// `CAST(x AS T)`, `CAST(x, 'T')`, `x::T`
    Cast {
        /// What is cast.
        operand: Box<Expression>,
        /// The type as text, in canonical spacing.
        data_type: String,
    },
    /// `INTERVAL n UNIT`
    Interval {
        /// How many.
        amount: Box<Expression>,
        /// Of what.
        unit: IntervalUnit,
    },
    /// `(a, b)`, `(a,)`, `tuple()` when empty is a call
    Tuple(Vec<Expression>),
    /// `[a, b]`
    Array(Vec<Expression>),
    /// `x.1`
    TupleIndex(Box<Expression>, u64),
    /// `x.name` where `x` is not a plain identifier.
    TupleField(Box<Expression>, String),
    /// `x[i]`
    ArrayElement(Box<Expression>, Box<Expression>),
    /// `name(params)(arguments)`, also for operators written as functions: `EXTRACT(DAY FROM x)`
    /// becomes `toDayOfMonth(x)`, `TRIM`, `SUBSTRING(x FROM a FOR b)`, `POSITION(a IN b)`,
    /// `DATE '..'`, `TIMESTAMP '..'`, `DATE_ADD(DAY, 1, x)` their functions.
    Function(FunctionCall),
    /// `(x, y) -> expression`
    Lambda {
        /// The names of its parameters.
        parameters: Vec<String>,
        /// What it returns.
        body: Box<Expression>,
    },
    /// `expression AS name` anywhere.
    Alias(Box<Expression>, String),
}

/// A function call.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FunctionCall {
    /// The name as written.
    pub name: String,
    /// `quantile(0.5)(x)`: the first brackets.
    pub parameters: Option<Vec<Expression>>,
    /// The arguments.
    pub arguments: Vec<Expression>,
    /// `count(DISTINCT x)`
    pub distinct: bool,
    /// `FILTER (WHERE condition)`
    pub filter: Option<Box<Expression>>,
    /// `OVER ...`
    pub over: Option<WindowReference>,
    /// `IGNORE NULLS` (true), `RESPECT NULLS` (false).
    pub ignore_nulls: Option<bool>,
}

impl FunctionCall {
    /// A plain call.
    pub fn new(name: impl Into<String>, arguments: Vec<Expression>) -> FunctionCall {
        FunctionCall {
            name: name.into(),
            parameters: None,
            arguments,
            distinct: false,
            filter: None,
            over: None,
            ignore_nulls: None,
        }
    }
}

/// `WHEN condition THEN result`
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CaseBranch {
    /// After `WHEN`.
    pub when: Expression,
    /// After `THEN`.
    pub then: Expression,
}

/// What follows `*` or `COLUMNS`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ColumnTransformer {
    /// `EXCEPT (a, b)`, `EXCLUDE`
    Except(Vec<String>),
    /// `EXCEPT('regular expression')`
    ExceptPattern(String),
    /// `REPLACE (expression AS name, ...)`
    Replace(Vec<(Expression, String)>),
    /// `APPLY(function)`, `APPLY(function(parameters))`, `APPLY(x -> ...)`
    Apply(Box<Expression>),
}

/// `OVER name` or `OVER (...)`
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum WindowReference {
    /// A window of the WINDOW clause.
    Name(String),
    /// A window in place.
    Specification(Box<WindowSpecification>),
}

/// What is between the brackets of `OVER (...)`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct WindowSpecification {
    /// A named window that this one extends.
    pub base: Option<String>,
    /// `PARTITION BY`
    pub partition_by: Vec<Expression>,
    /// `ORDER BY`
    pub order_by: Vec<OrderByItem>,
    /// The frame.
    pub frame: Option<WindowFrame>,
}

/// `ROWS BETWEEN ... AND ...`
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WindowFrame {
    /// What is counted.
    pub units: FrameUnits,
    /// Where it begins.
    pub start: FrameBound,
    /// Where it ends; `CURRENT ROW` unless written.
    pub end: FrameBound,
}

/// What a frame counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum FrameUnits {
    Rows,
    Range,
    Groups,
}

/// An end of a frame.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum FrameBound {
    UnboundedPreceding,
    Preceding(Box<Expression>),
    CurrentRow,
    Following(Box<Expression>),
    UnboundedFollowing,
}
