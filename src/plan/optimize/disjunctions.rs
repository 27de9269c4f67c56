//! `(a AND b) OR (a AND c)` is `a AND (b OR c)`: what all branches ask can be pushed down or join tables.

use base::Result;
use expr::Expr;

use crate::analyze::{build_call, conjuncts, filtered};
use crate::{Environment, Plan};

/// The pass.
pub(super) fn factor(plan: Plan, environment: &dyn Environment) -> Result<Plan> {
    let plan = plan.map_inputs(&mut |input| factor(input, environment))?;
    let Plan::Filter { input, predicate } = plan else { return Ok(plan) };
    let mut conditions = Vec::new();
    for condition in conjuncts(predicate) {
        factored(condition, &mut conditions, environment)?;
    }
    filtered(*input, conditions, environment)
}

/// Appends a condition in parts.
fn factored(condition: Expr, out: &mut Vec<Expr>, environment: &dyn Environment) -> Result<()> {
    let branches: Vec<Vec<Expr>> = match &condition {
        Expr::Call { function, arguments, .. } if function == "or" => {
            arguments.iter().cloned().map(conjuncts).collect()
        }
        _ => Vec::new(),
    };
    let Some((first, others)) = branches.split_first() else {
        out.push(condition);
        return Ok(());
    };
    let mut common: Vec<Expr> = Vec::new();
    for part in first {
        if !common.contains(part) && others.iter().all(|b| b.contains(part)) {
            common.push(part.clone());
        }
    }
    if common.is_empty() {
        out.push(condition);
        return Ok(());
    }
    let mut rest = Vec::with_capacity(branches.len());
    for branch in &branches {
        let mut own: Vec<Expr> = branch.iter().filter(|p| !common.contains(p)).cloned().collect();
        rest.push(match own.len() {
            // A branch that asks no more than what is common makes the rest of the others void.
            0 => {
                out.extend(common);
                return Ok(());
            }
            1 => own.remove(0),
            _ => build_call(environment, "and", own)?,
        });
    }
    out.extend(common);
    out.push(build_call(environment, "or", rest)?);
    Ok(())
}
