//! Groups by several sets of keys at once, and totals.

use std::sync::{Arc, OnceLock};

use base::Result;
use expr::Expr;
use types::{Block, Column, Schema};

use crate::{AggregateCall, Join, JoinKind, JoinStrictness, Plan, Window};

/// Groups of rows by each of some sets of keys (ROLLUP, CUBE, GROUPING SETS), with a row of totals if wanted.
#[derive(Debug, Clone)]
pub struct GroupingSets {
    /// The rows.
    pub input: Box<Plan>,
    /// All keys.
    pub keys: Vec<Expr>,
    /// What is computed for each group.
    pub calls: Vec<AggregateCall>,
    /// Which keys each set has. A key that a set lacks is NULL, or its type's default if it cannot be.
    pub sets: Vec<Vec<usize>>,
    /// Sets without keys have no group where there are no rows (ROLLUP, CUBE).
    pub none_of_none: bool,
    /// The totals.
    pub totals: Option<Totals>,
    /// The keys, the calls, and the set's number as UInt64.
    pub schema: Schema,
}

/// The row of totals.
#[derive(Debug, Clone)]
pub struct Totals {
    /// HAVING, over the output; its groups are left out of the output here.
    pub having: Option<Expr>,
    /// Whether groups count that HAVING leaves out.
    pub before_having: bool,
    /// Where the row is put when the groups are there.
    pub row: Arc<OnceLock<Block>>,
}

/// Whether a plan's answer has totals.
pub fn has_totals(plan: &Plan) -> bool {
    match plan {
        Plan::GroupingSets(groups) => groups.totals.is_some(),
        Plan::Union { inputs, .. } => inputs.iter().any(has_totals),
        Plan::Project { input, .. }
        | Plan::Filter { input, .. }
        | Plan::Sort { input, .. }
        | Plan::Limit { input, .. }
        | Plan::LimitBy { input, .. }
        | Plan::Distinct { input, .. } => has_totals(input),
        Plan::Window(window) => has_totals(&window.input),
        Plan::Fill(fill) => has_totals(&fill.input),
        Plan::Join(join) => has_totals(&join.left) || has_totals(&join.right),
        _ => false,
    }
}

/// The plan of the totals of a plan that has run: what is computed of rows is computed of the totals too,
/// what leaves rows out does not touch them.
pub fn totals_of(plan: Plan) -> Option<Plan> {
    match plan {
        Plan::GroupingSets(GroupingSets { totals: Some(totals), schema, .. }) => {
            let row = totals.row.get()?.clone();
            Some(Plan::Values { schema, blocks: vec![row] })
        }
        Plan::Project { input, expressions, schema } => {
            Some(Plan::Project { input: Box::new(totals_of(*input)?), expressions, schema })
        }
        Plan::Window(window) => {
            let input = Box::new(totals_of(*window.input)?);
            Some(Plan::Window(Window { input, ..window }))
        }
        Plan::Filter { input, .. }
        | Plan::Sort { input, .. }
        | Plan::Limit { input, .. }
        | Plan::LimitBy { input, .. }
        | Plan::Distinct { input, .. } => totals_of(*input),
        Plan::Fill(fill) => totals_of(*fill.input),
        Plan::Union { inputs, .. } => inputs.into_iter().find_map(totals_of),
        Plan::Join(join) => {
            let (defaults, others) = (one_of_defaults(&join.left), one_of_defaults(&join.right));
            let (left, right) = match (totals_of(*join.left), totals_of(*join.right)) {
                (None, None) => return None,
                (left, right) => (left.or(defaults)?, right.or(others)?),
            };
            Some(Plan::Join(Join {
                left: Box::new(left),
                right: Box::new(right),
                kind: JoinKind::Cross,
                strictness: JoinStrictness::All,
                keys: Vec::new(),
                condition: None,
                ..join
            }))
        }
        _ => None,
    }
}

/// A row of default values, which stands for the totals of a side of a join that has none.
fn one_of_defaults(plan: &Plan) -> Option<Plan> {
    let schema = plan.schema();
    let columns: Result<Vec<Column>> = schema
        .fields()
        .iter()
        .map(|field| Column::constant(&field.data_type, &field.data_type.default_value(), 1))
        .collect();
    Some(Plan::Values { blocks: vec![Block::new(columns.ok()?, 1)], schema })
}
