//! What the caches would give a query, for EXPLAIN. Looking does not count as use.

use std::sync::Arc;

use base::Result;
use plan::{Aggregation, Plan, Scan};

use crate::context::ExecContext;
use crate::partials::{self, KeptGroups, top_rows};
use crate::scan::condition_key;

/// A line for each aggregation of which states of parts are kept, for each order with a limit of which first rows are, and for each condition of which rows are known.
///
/// # Errors
/// LOGICAL_ERROR for a plan that is none.
pub fn explain_caches(plan: &Plan, context: &Arc<ExecContext>) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    walk(plan, context, &mut lines)?;
    Ok(lines)
}

fn walk(plan: &Plan, context: &Arc<ExecContext>, lines: &mut Vec<String>) -> Result<()> {
    match plan {
        Plan::Aggregate(aggregation) => lines.extend(of_aggregation(aggregation, context)?),
        Plan::Sort { input, keys, limit } => {
            let kept = top_rows::kept(input, keys, *limit, context)?;
            lines.extend(kept.map(|kept| format!("First rows: {}", of_parts(&kept))));
        }
        Plan::Scan(scan) => lines.extend(of_scan(scan, context)?),
        _ => {}
    }
    plan.inputs().into_iter().try_for_each(|input| walk(input, context, lines))
}

fn of_aggregation(aggregation: &Aggregation, context: &Arc<ExecContext>) -> Result<Option<String>> {
    let Some(kept) = partials::kept(aggregation, context)? else { return Ok(None) };
    Ok(Some(format!(
        "Aggregate states: {}{}",
        of_parts(&kept),
        match kept.merged {
            0 => String::new(),
            merged => format!("; of {merged} parts merged"),
        }
    )))
}

fn of_parts(kept: &KeptGroups) -> String {
    let KeptGroups { parts, all_parts, rows, all_rows, .. } = kept;
    format!("{parts} of {all_parts} parts, {rows} of {all_rows} rows")
}

fn of_scan(scan: &Scan, context: &Arc<ExecContext>) -> Result<Vec<String>> {
    let Some((plain, snapshot)) = scan.of_parts()? else { return Ok(Vec::new()) };
    if !context.keeps_filters() {
        return Ok(Vec::new());
    }
    let granules: usize = snapshot.parts.iter().map(|part| part.granules()).sum();
    let filters = &context.caches.filters;
    let line = |condition: &expr::Expr| {
        let key = condition_key(condition, &plain.columns, context)?;
        let known: usize = snapshot.parts.iter().map(|part| filters.known(part, key)).sum();
        let condition = plan::explain_expression(condition);
        (known > 0).then(|| {
            format!("Condition {condition} of {}: {known} of {granules} granules", scan.table)
        })
    };
    Ok(plain.filter.iter().filter_map(line).collect())
}
