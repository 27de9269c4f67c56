//! Named passes over the plan. Each can be switched off by `optimizer_disabled_passes`, and the
//! schema of the plan is checked after each.

mod build_sides;
mod columns;
mod disjunctions;
mod estimate;
mod filters;
mod join_order;
mod limits;
mod outer_joins;
mod sums;

use base::{Result, bail};

use crate::{Environment, Plan};

/// A pass.
pub struct Pass {
    /// Its name, for settings and EXPLAIN.
    pub name: &'static str,
    /// What it does.
    pub description: &'static str,
    run: fn(Plan, &dyn Environment) -> Result<Plan>,
}

/// All passes in the order in which they run.
pub const PASSES: &[Pass] = &[
    Pass {
        name: "factor_disjunctions",
        description: "takes out of OR what all of its branches ask",
        run: disjunctions::factor,
    },
    Pass {
        name: "outer_to_inner",
        description: "makes an outer join inner where a condition drops the rows without a match",
        run: outer_joins::simplify,
    },
    Pass {
        name: "push_filters",
        description: "moves conditions towards the tables, through projections and joins, into scans",
        run: filters::push,
    },
    Pass {
        name: "order_joins",
        description: "joins tables in the order that costs least, by what is known of their rows",
        run: join_order::order,
    },
    Pass {
        name: "factor_sums",
        description: "computes sum(x + constant) as sum(x) + constant * count()",
        run: sums::factor,
    },
    Pass {
        name: "split_averages",
        description: "computes avg(x) beside distinct counts as sum(x) / count(x)",
        run: sums::split_averages,
    },
    Pass {
        name: "functional_keys",
        description: "takes keys that follow from other keys out of GROUP BY",
        run: sums::functional_keys,
    },
    Pass {
        name: "push_limits",
        description: "tells sorts, groups and scans how many rows are needed",
        run: limits::push,
    },
    Pass {
        name: "build_sides",
        description: "builds the tables of joins from the side with fewer rows",
        run: build_sides::choose,
    },
    Pass {
        name: "prune_columns",
        description: "reads and computes only the columns that are used",
        run: columns::prune,
    },
];

/// Runs all passes that are not switched off.
pub fn optimize(mut plan: Plan, environment: &dyn Environment) -> Result<Plan> {
    plan = crate::clob::keys_as_strings(plan)?;
    let disabled = environment.setting("optimizer_disabled_passes").unwrap_or_default();
    for pass in PASSES {
        if disabled.split(',').any(|name| name.trim() == pass.name) {
            continue;
        }
        let before = plan.schema();
        plan = (pass.run)(plan, environment)?;
        if plan.schema() != before {
            bail!(LogicalError, "the pass {} changed what the query returns", pass.name);
        }
    }
    Ok(plan)
}
