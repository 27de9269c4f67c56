//! Conditions as close to the tables as they can go.

use base::Result;
use expr::Expr;

use crate::analyze::{conjuncts, filtered};
use crate::{Environment, Join, JoinKind, JoinStrictness, Plan};

/// The pass.
pub(super) fn push(plan: Plan, environment: &dyn Environment) -> Result<Plan> {
    down(plan, Vec::new(), environment)
}

/// Pushes conditions (over the plan's output) into a plan.
fn down(plan: Plan, mut conditions: Vec<Expr>, environment: &dyn Environment) -> Result<Plan> {
    match plan {
        Plan::Filter { input, predicate } => {
            conditions.extend(conjuncts(predicate));
            down(*input, conditions, environment)
        }
        Plan::Scan(mut scan) => {
            scan.filter.append(&mut conditions);
            Ok(Plan::Scan(scan))
        }
        Plan::Project { input, expressions, schema } => {
            let (through, stay): (Vec<_>, Vec<_>) =
                conditions.into_iter().partition(|c| is_movable(c, &expressions, environment));
            let through = through.into_iter().map(|c| substitute(c, &expressions)).collect();
            let input = Box::new(down(*input, through, environment)?);
            filtered(Plan::Project { input, expressions, schema }, stay, environment)
        }
        Plan::Aggregate(mut aggregation) => {
            let keys = aggregation.keys.clone();
            let only_keys =
                |c: &Expr| !keys.is_empty() && c.columns().iter().all(|at| *at < keys.len());
            let (through, stay): (Vec<_>, Vec<_>) = conditions.into_iter().partition(only_keys);
            let through = through.into_iter().map(|c| substitute(c, &keys)).collect();
            aggregation.input = Box::new(down(*aggregation.input, through, environment)?);
            filtered(Plan::Aggregate(aggregation), stay, environment)
        }
        Plan::Sort { input, keys, limit: None } => {
            let input = Box::new(down(*input, conditions, environment)?);
            Ok(Plan::Sort { input, keys, limit: None })
        }
        Plan::Union { inputs, schema } => {
            let inputs = inputs
                .into_iter()
                .map(|input| down(input, conditions.clone(), environment))
                .collect::<Result<_>>()?;
            Ok(Plan::Union { inputs, schema })
        }
        Plan::Window(mut window) => {
            // A condition on what all rows of a partition share drops whole partitions.
            let shared = |at: usize| {
                window
                    .partition
                    .iter()
                    .any(|key| matches!(key, Expr::Column { index, .. } if *index == at))
            };
            let (through, stay): (Vec<_>, Vec<_>) = conditions.into_iter().partition(|c| {
                let columns = c.columns();
                !columns.is_empty() && columns.into_iter().all(shared)
            });
            window.input = Box::new(down(*window.input, through, environment)?);
            filtered(Plan::Window(window), stay, environment)
        }
        Plan::Join(join) => into_join(join, conditions, environment),
        other => {
            let inside = other.map_inputs(&mut |input| down(input, Vec::new(), environment))?;
            filtered(inside, conditions, environment)
        }
    }
}

/// Conditions over one side only go there, where the join cannot bring missing rows in.
fn into_join(join: Join, conditions: Vec<Expr>, environment: &dyn Environment) -> Result<Plan> {
    let width = join.left.schema().len();
    let left_safe = matches!(join.kind, JoinKind::Inner | JoinKind::Left | JoinKind::Cross);
    let right_safe = matches!(join.kind, JoinKind::Inner | JoinKind::Right | JoinKind::Cross)
        && join.strictness == JoinStrictness::All;
    let (mut left, mut right, mut stay) = (Vec::new(), Vec::new(), Vec::new());
    for condition in conditions {
        let columns = condition.columns();
        if left_safe && columns.iter().all(|c| *c < width) {
            left.push(condition);
        } else if right_safe && !columns.is_empty() && columns.iter().all(|c| *c >= width) {
            right.push(condition.remap(&|c| c - width));
        } else {
            stay.push(condition);
        }
    }
    let mut join = join;
    join.left = Box::new(down(*join.left, left, environment)?);
    join.right = Box::new(down(*join.right, right, environment)?);
    if join.kind == JoinKind::Cross && join.strictness == JoinStrictness::All {
        stay = equal_keys(&mut join, stay, width);
    }
    filtered(Plan::Join(join), stay, environment)
}

/// `a.x = b.y` over a cross join makes it an inner join.
fn equal_keys(join: &mut Join, conditions: Vec<Expr>, width: usize) -> Vec<Expr> {
    let mut stay = Vec::new();
    for condition in conditions {
        let sides = match &condition {
            Expr::Call { function, arguments, .. } if function == "equals" => {
                let (a, b) = (arguments[0].clone(), arguments[1].clone());
                let left =
                    |e: &Expr| !e.columns().is_empty() && e.columns().iter().all(|c| *c < width);
                let right =
                    |e: &Expr| !e.columns().is_empty() && e.columns().iter().all(|c| *c >= width);
                if left(&a) && right(&b) {
                    Some((a, b))
                } else if right(&a) && left(&b) {
                    Some((b, a))
                } else {
                    None
                }
            }
            _ => None,
        };
        let same_type = |(a, b): &(Expr, Expr)| {
            a.data_type().without_low_cardinality() == b.data_type().without_low_cardinality()
        };
        match sides.filter(same_type) {
            Some((a, b)) => {
                join.keys.push((a, b.remap(&|c| c - width)));
                join.kind = JoinKind::Inner;
            }
            None => stay.push(condition),
        }
    }
    stay
}

/// A condition may move below a projection when what it reads is not computed anew for every row.
fn is_movable(condition: &Expr, expressions: &[Expr], environment: &dyn Environment) -> bool {
    condition.columns().iter().all(|at| {
        let mut fixed = true;
        expressions[*at].visit(&mut |e| {
            if let Expr::Call { function, .. } = e {
                let declared = environment.registry().function(function);
                fixed &= declared.is_some_and(|d| {
                    d.determinism != expr::Determinism::Never && !d.name.starts_with("rowNumber")
                });
            }
        });
        fixed
    })
}

/// References to a projection's columns replaced by its expressions.
pub(super) fn substitute(condition: Expr, expressions: &[Expr]) -> Expr {
    condition.transform(&mut |e| match e {
        Expr::Column { index, .. } if index < expressions.len() => expressions[index].clone(),
        other => other,
    })
}
