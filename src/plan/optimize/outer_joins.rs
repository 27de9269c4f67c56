//! A LEFT join whose rows without a match are dropped by a condition above it is an inner join.
//!
//! That holds where the missing columns are NULL, and the condition is not true of NULL: comparisons and
//! arithmetic of such a column are NULL. Columns that are filled with defaults say nothing.

use base::Result;
use expr::Expr;
use types::Schema;

use crate::analyze::{conjuncts, filtered};
use crate::{Environment, Join, JoinKind, JoinStrictness, Plan};

/// The pass.
pub(super) fn simplify(plan: Plan, environment: &dyn Environment) -> Result<Plan> {
    let plan = match plan {
        Plan::Filter { input, predicate } => {
            let conditions = conjuncts(predicate);
            let input = Box::new(under(*input, &conditions));
            filtered(*input, conditions, environment)?
        }
        other => other,
    };
    plan.map_inputs(&mut |input| simplify(input, environment))
}

/// The plan for which the conditions (over its columns) are known to hold of all rows that matter.
fn under(plan: Plan, conditions: &[Expr]) -> Plan {
    match plan {
        Plan::Filter { input, predicate } => {
            Plan::Filter { input: Box::new(under(*input, conditions)), predicate }
        }
        Plan::Project { input, expressions, schema } => {
            let below: Vec<Expr> = conditions
                .iter()
                .filter(|c| {
                    c.columns().iter().all(|at| matches!(expressions[*at], Expr::Column { .. }))
                })
                .map(|c| super::filters::substitute(c.clone(), &expressions))
                .collect();
            Plan::Project { input: Box::new(under(*input, &below)), expressions, schema }
        }
        Plan::Join(join) if join.kind == JoinKind::Left => inner_if(join, conditions),
        other => other,
    }
}

fn inner_if(mut join: Join, conditions: &[Expr]) -> Plan {
    let width = join.left.schema().len();
    let rejects = |c: &Expr| {
        let mut strict = Vec::new();
        strict_columns(c, &mut strict);
        strict.iter().any(|at| *at >= width && is_nullable(&join.schema, *at))
    };
    let unmatched_dropped = conditions.iter().any(rejects);
    if unmatched_dropped && join.strictness == JoinStrictness::All {
        join.kind = JoinKind::Inner;
    }
    let own: Vec<Expr> =
        conditions.iter().filter(|c| c.columns().iter().all(|at| *at < width)).cloned().collect();
    join.left = Box::new(under(*join.left, &own));
    Plan::Join(join)
}

fn is_nullable(schema: &Schema, at: usize) -> bool {
    schema.fields().get(at).is_some_and(|f| f.data_type.is_nullable())
}

/// Columns of which one NULL makes the expression NULL.
fn strict_columns(expression: &Expr, found: &mut Vec<usize>) {
    const STRICT: &[&str] = &[
        "equals",
        "notEquals",
        "less",
        "lessOrEquals",
        "greater",
        "greaterOrEquals",
        "plus",
        "minus",
        "multiply",
        "divide",
        "negate",
        "like",
        "notLike",
        "_CAST",
        "CAST",
    ];
    match expression {
        Expr::Column { index, .. } => found.push(*index),
        Expr::Call { function, arguments, data_type }
            if STRICT.contains(&function.as_str()) && data_type.is_nullable() =>
        {
            arguments.iter().for_each(|a| strict_columns(a, found));
        }
        _ => {}
    }
}
