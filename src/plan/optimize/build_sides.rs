//! Which side of a join its table is built from.

use base::Result;

use super::estimate::estimate;
use crate::{Environment, JoinStrictness, Plan};

/// The pass: the left side is built where it has clearly fewer rows than the right one.
pub(super) fn choose(plan: Plan, _environment: &dyn Environment) -> Result<Plan> {
    sides(plan)
}

fn sides(plan: Plan) -> Result<Plan> {
    let mut plan = plan.map_inputs(&mut sides)?;
    if let Plan::Join(join) = &mut plan
        && !matches!(join.strictness, JoinStrictness::Any | JoinStrictness::Asof)
    {
        join.build_left = estimate(&join.left).rows * 1.5 < estimate(&join.right).rows;
    }
    Ok(plan)
}
