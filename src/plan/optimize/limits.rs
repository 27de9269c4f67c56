//! How many rows are needed, told to those who could make more.

use base::Result;
use expr::Expr;

use crate::{Environment, Plan, SortKey};

/// The pass.
pub(super) fn push(plan: Plan, _environment: &dyn Environment) -> Result<Plan> {
    into_inputs(plan)
}

fn into_inputs(plan: Plan) -> Result<Plan> {
    let plan = match plan {
        Plan::Limit { input, offset, limit: Some(limit), ties } if ties.is_empty() => {
            let needed = offset.saturating_add(limit);
            let input = Box::new(need(*input, needed));
            Plan::Limit { input, offset, limit: Some(limit), ties }
        }
        other => other,
    };
    plan.map_inputs(&mut into_inputs)
}

/// The same plan, of which only some first rows will be read.
fn need(plan: Plan, rows: u64) -> Plan {
    let least = |limit: Option<u64>| Some(limit.map_or(rows, |l| l.min(rows)));
    match plan {
        Plan::Sort { input, keys, limit } => {
            let input = Box::new(top(*input, &keys, rows));
            Plan::Sort { input, keys, limit: least(limit) }
        }
        Plan::Project { input, expressions, schema } => {
            Plan::Project { input: Box::new(need(*input, rows)), expressions, schema }
        }
        Plan::Distinct { input, columns, limit } => {
            Plan::Distinct { input, columns, limit: least(limit) }
        }
        Plan::Aggregate(mut aggregation) if !aggregation.keys.is_empty() => {
            aggregation.limit = least(aggregation.limit);
            Plan::Aggregate(aggregation)
        }
        Plan::Scan(mut scan) => {
            scan.limit = least(scan.limit);
            Plan::Scan(scan)
        }
        Plan::Union { inputs, schema } => {
            Plan::Union { inputs: inputs.into_iter().map(|i| need(i, rows)).collect(), schema }
        }
        other => other,
    }
}

/// The same plan, of which only the first rows in an order will be read: an aggregation below plain
/// projections keeps only its best groups.
fn top(plan: Plan, keys: &[SortKey], rows: u64) -> Plan {
    match plan {
        Plan::Project { input, expressions, schema } => {
            let below: Option<Vec<SortKey>> = keys
                .iter()
                .map(|key| match &key.expression {
                    Expr::Column { index, .. } => {
                        let expression = expressions.get(*index)?.clone();
                        matches!(expression, Expr::Column { .. })
                            .then(|| SortKey { expression, ..key.clone() })
                    }
                    _ => None,
                })
                .collect();
            let input = match below {
                Some(below) => Box::new(top(*input, &below, rows)),
                None => input,
            };
            Plan::Project { input, expressions, schema }
        }
        Plan::Aggregate(mut aggregation) if !aggregation.keys.is_empty() => {
            aggregation.top = Some((keys.to_vec(), rows));
            Plan::Aggregate(aggregation)
        }
        other => other,
    }
}
