//! ORDER BY ... WITH FILL in the logical plan: rows put in where values of the order are missing.

use expr::Expr;
use types::{DataType, Value};

use crate::Plan;

/// Sorted rows with the missing ones put in.
///
/// Rows of equal prefix columns are filled by themselves. A row that is put in has the values of its prefix and of
/// the filled columns, and defaults elsewhere, unless a column is interpolated.
#[derive(Debug, Clone)]
pub struct Fill {
    /// The rows in order.
    pub input: Box<Plan>,
    /// Columns that are ordered by before the first one that is filled.
    pub prefix: Vec<usize>,
    /// The filled columns in their order.
    pub columns: Vec<FillColumn>,
    /// Columns of rows that are put in, computed from the row before.
    pub interpolated: Vec<(usize, Expr)>,
}

/// How a column is filled.
#[derive(Debug, Clone)]
pub struct FillColumn {
    /// Its position.
    pub column: usize,
    /// Its type.
    pub data_type: DataType,
    /// Greatest first.
    pub descending: bool,
    /// The first value there is to be.
    pub from: Option<Value>,
    /// The value before which it ends.
    pub to: Option<Value>,
    /// From one value to the next.
    pub step: FillStep,
    /// How far behind the last row that was there rows are put in, at most.
    pub staleness: Option<FillStep>,
}

/// What is added to a value.
#[derive(Debug, Clone, PartialEq)]
pub enum FillStep {
    /// A number.
    Number(Value),
    /// What this expression makes of the value, which is its only column: for intervals.
    Interval(Expr),
}
