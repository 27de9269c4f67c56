//! The logical plan: what is computed, not how.
//!
//! Every node's expressions refer to the columns of its input by position.

use std::sync::Arc;

use expr::Expr;
use serde::{Deserialize, Serialize};
use types::{Block, DataType, Field, Schema, Value};

use crate::environment::BlockSource;
use crate::{Fill, GroupingSets, TextScore, Window};

/// A node of the plan with its inputs.
#[derive(Debug, Clone)]
pub enum Plan {
    /// Rows of a table.
    Scan(Scan),
    /// Rows that are at hand.
    Values {
        /// The columns.
        schema: Schema,
        /// The rows.
        blocks: Vec<Block>,
    },
    /// Rows for which a condition holds.
    Filter {
        /// The rows.
        input: Box<Plan>,
        /// UInt8, or Nullable of it.
        predicate: Expr,
    },
    /// Expressions over each row.
    Project {
        /// The rows.
        input: Box<Plan>,
        /// One a column.
        expressions: Vec<Expr>,
        /// What the columns are called.
        schema: Schema,
    },
    /// Groups.
    Aggregate(Aggregation),
    /// The first row of every combination of some columns.
    Distinct {
        /// The rows.
        input: Box<Plan>,
        /// Positions of the columns.
        columns: Vec<usize>,
        /// No more rows than this are needed.
        limit: Option<u64>,
    },
    /// Rows in order.
    Sort {
        /// The rows.
        input: Box<Plan>,
        /// By what.
        keys: Vec<SortKey>,
        /// Only so many rows from the start are needed.
        limit: Option<u64>,
    },
    /// Rows from a place on.
    Limit {
        /// The rows.
        input: Box<Plan>,
        /// Rows skipped.
        offset: u64,
        /// Rows kept; all for `None`.
        limit: Option<u64>,
        /// Keeps rows equal to the last one by these keys (WITH TIES).
        ties: Vec<Expr>,
    },
    /// Some rows of every combination of expressions.
    LimitBy {
        /// The rows.
        input: Box<Plan>,
        /// Rows skipped of each.
        offset: u64,
        /// Rows kept of each.
        limit: u64,
        /// The expressions.
        by: Vec<Expr>,
    },
    /// Rows of two inputs that match.
    Join(Join),
    /// Rows of all inputs, whose columns have the same types.
    Union {
        /// The inputs.
        inputs: Vec<Plan>,
        /// The columns.
        schema: Schema,
    },
    /// A row for every element of arrays.
    ArrayJoin(ArrayJoin),
    /// Functions over windows.
    Window(Window),
    /// Groups by several sets of keys.
    GroupingSets(GroupingSets),
    /// Missing rows put in.
    Fill(Fill),
}

/// Rows of a table: some columns, conditions looked at while reading.
#[derive(Debug, Clone)]
pub struct Scan {
    /// Database and name, for EXPLAIN and the log.
    pub table: String,
    /// Where the rows come from.
    pub source: Source,
    /// Positions among the table's stored columns of those that are read; behind these stand the scores.
    pub columns: Vec<usize>,
    /// The columns as they are called.
    pub schema: Schema,
    /// Conditions over the read columns; a row must meet all.
    pub filter: Vec<Expr>,
    /// Conditions that joins bring while a query runs: rows that do not meet them are of no use, but do no harm.
    pub optional: Vec<Expr>,
    /// How many of the read columns, from the first, are given out; the rest serves the filter only.
    pub visible: usize,
    /// No more rows than this are needed.
    pub limit: Option<u64>,
    /// Scores by text indexes that can be read as columns.
    pub scores: Vec<TextScore>,
}

/// Where the rows of a scan come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// Parts of a table.
    Table(Arc<storage::TableSnapshot>),
    /// Something that yields blocks.
    Blocks(Arc<dyn BlockSource>),
}

/// Groups of rows and what is computed over each.
#[derive(Debug, Clone)]
pub struct Aggregation {
    /// The rows.
    pub input: Box<Plan>,
    /// The groups' keys; one group of all rows where there are none.
    pub keys: Vec<Expr>,
    /// What is computed.
    pub calls: Vec<AggregateCall>,
    /// Keys first, then calls.
    pub schema: Schema,
    /// No more groups than this are needed, whichever they are.
    pub limit: Option<u64>,
    /// Only the first groups in this order over the output are needed.
    pub top: Option<(Vec<SortKey>, u64)>,
}

/// An aggregate function with its arguments.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AggregateCall {
    /// Its name, combinators included.
    pub function: String,
    /// Its parameters.
    pub parameters: Vec<Value>,
    /// Its arguments.
    pub arguments: Vec<Expr>,
    /// What it returns.
    pub data_type: DataType,
}

/// One key of an order.
#[derive(Debug, Clone, PartialEq)]
pub struct SortKey {
    /// The value.
    pub expression: Expr,
    /// Greatest first.
    pub descending: bool,
    /// Where NULL (and NaN) goes.
    pub nulls_first: bool,
}

/// A join of two inputs by equal keys.
#[derive(Debug, Clone)]
pub struct Join {
    /// The left input.
    pub left: Box<Plan>,
    /// The right input.
    pub right: Box<Plan>,
    /// Which rows without a match are kept.
    pub kind: JoinKind,
    /// How many matches are kept.
    pub strictness: JoinStrictness,
    /// Equal pairs: over the left's and over the right's columns, of equal types.
    pub keys: Vec<(Expr, Expr)>,
    /// What else must hold, over the left's columns followed by the right's. Of ASOF the inequality: `left >= right`
    /// and the like, with NULLs on neither side.
    pub condition: Option<Expr>,
    /// The left's columns, then the right's (nullable where `join_use_nulls` says so).
    pub schema: Schema,
    /// Whether the left input is the smaller one, by estimate, so that the table is built of it.
    pub build_left: bool,
    /// The columns that somebody reads; all for `None`. The others hold anything.
    pub needed: Option<Vec<usize>>,
}

/// Which rows without a match a join keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum JoinKind {
    Inner,
    Left,
    Right,
    Full,
    Cross,
}

/// How many matches a join keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum JoinStrictness {
    All,
    Any,
    Semi,
    Anti,
    Asof,
}

/// A row for every element of some array columns, side by side.
#[derive(Debug, Clone)]
pub struct ArrayJoin {
    /// The rows.
    pub input: Box<Plan>,
    /// The arrays; their elements become columns after the input's.
    pub arrays: Vec<Expr>,
    /// Whether a row whose arrays are empty is kept with defaults.
    pub left: bool,
    /// Whether arrays of a row may have different lengths; the shorter ones are filled up with defaults.
    pub unaligned: bool,
    /// The input's columns, then the elements.
    pub schema: Schema,
}

impl Plan {
    /// The columns of the node's rows.
    pub fn schema(&self) -> Schema {
        match self {
            Plan::Scan(scan) => {
                if scan.visible == scan.schema.len() {
                    scan.schema.clone()
                } else {
                    Schema::new(scan.schema.fields()[..scan.visible].to_vec())
                }
            }
            Plan::Values { schema, .. }
            | Plan::Project { schema, .. }
            | Plan::Union { schema, .. } => schema.clone(),
            Plan::Aggregate(aggregation) => aggregation.schema.clone(),
            Plan::Join(join) => join.schema.clone(),
            Plan::ArrayJoin(join) => join.schema.clone(),
            Plan::Window(window) => window.schema.clone(),
            Plan::GroupingSets(groups) => groups.schema.clone(),
            Plan::Fill(fill) => fill.input.schema(),
            Plan::Filter { input, .. }
            | Plan::Distinct { input, .. }
            | Plan::Sort { input, .. }
            | Plan::Limit { input, .. }
            | Plan::LimitBy { input, .. } => input.schema(),
        }
    }

    /// One row without columns: what SELECT without FROM reads.
    pub fn one_row() -> Plan {
        Plan::Values { schema: Schema::new(Vec::new()), blocks: vec![Block::new(Vec::new(), 1)] }
    }

    /// The same rows with other names for the columns.
    #[must_use]
    pub fn renamed(self, names: &[String]) -> Plan {
        let schema = self.schema();
        let fields: Vec<Field> = schema
            .fields()
            .iter()
            .zip(names)
            .map(|(f, name)| Field::new(name.clone(), f.data_type.clone()))
            .collect();
        let expressions = columns_of(&schema);
        Plan::Project { input: Box::new(self), expressions, schema: Schema::new(fields) }
    }

    /// The inputs.
    pub fn inputs(&self) -> Vec<&Plan> {
        match self {
            Plan::Scan(_) | Plan::Values { .. } => Vec::new(),
            Plan::Filter { input, .. }
            | Plan::Project { input, .. }
            | Plan::Distinct { input, .. }
            | Plan::Sort { input, .. }
            | Plan::Limit { input, .. }
            | Plan::LimitBy { input, .. } => vec![input],
            Plan::Aggregate(aggregation) => vec![&aggregation.input],
            Plan::ArrayJoin(join) => vec![&join.input],
            Plan::Window(window) => vec![&window.input],
            Plan::Fill(fill) => vec![&fill.input],
            Plan::GroupingSets(groups) => vec![&groups.input],
            Plan::Join(join) => vec![&join.left, &join.right],
            Plan::Union { inputs, .. } => inputs.iter().collect(),
        }
    }

    /// The same node with every input replaced by what `change` makes of it.
    ///
    /// # Errors
    /// Those of `change`.
    pub fn map_inputs(
        self,
        change: &mut impl FnMut(Plan) -> base::Result<Plan>,
    ) -> base::Result<Plan> {
        let mut boxed =
            |input: Box<Plan>| -> base::Result<Box<Plan>> { Ok(Box::new(change(*input)?)) };
        Ok(match self {
            leaf @ (Plan::Scan(_) | Plan::Values { .. }) => leaf,
            Plan::Filter { input, predicate } => Plan::Filter { input: boxed(input)?, predicate },
            Plan::Project { input, expressions, schema } => {
                Plan::Project { input: boxed(input)?, expressions, schema }
            }
            Plan::Distinct { input, columns, limit } => {
                Plan::Distinct { input: boxed(input)?, columns, limit }
            }
            Plan::Sort { input, keys, limit } => Plan::Sort { input: boxed(input)?, keys, limit },
            Plan::Limit { input, offset, limit, ties } => {
                Plan::Limit { input: boxed(input)?, offset, limit, ties }
            }
            Plan::LimitBy { input, offset, limit, by } => {
                Plan::LimitBy { input: boxed(input)?, offset, limit, by }
            }
            Plan::Aggregate(aggregation) => {
                let input = boxed(aggregation.input)?;
                Plan::Aggregate(Aggregation { input, ..aggregation })
            }
            Plan::ArrayJoin(join) => {
                let input = boxed(join.input)?;
                Plan::ArrayJoin(ArrayJoin { input, ..join })
            }
            Plan::Window(window) => {
                let input = boxed(window.input)?;
                Plan::Window(Window { input, ..window })
            }
            Plan::Fill(fill) => {
                let input = boxed(fill.input)?;
                Plan::Fill(Fill { input, ..fill })
            }
            Plan::GroupingSets(groups) => {
                let input = boxed(groups.input)?;
                Plan::GroupingSets(GroupingSets { input, ..groups })
            }
            Plan::Join(join) => {
                let (left, right) = (boxed(join.left)?, boxed(join.right)?);
                Plan::Join(Join { left, right, ..join })
            }
            Plan::Union { inputs, schema } => Plan::Union {
                inputs: inputs.into_iter().map(change).collect::<base::Result<_>>()?,
                schema,
            },
        })
    }
}

/// An expression for every column of a schema.
pub(crate) fn columns_of(schema: &Schema) -> Vec<Expr> {
    schema
        .fields()
        .iter()
        .enumerate()
        .map(|(at, f)| Expr::column(at, f.data_type.clone()))
        .collect()
}
