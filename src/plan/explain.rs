//! The plan as text.

use expr::Expr;

use crate::{GroupingSets, Plan, SortKey, Window};

/// A line a node, inputs indented below.
pub fn explain(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    write(plan, 0, &mut lines);
    lines
}

fn write(plan: &Plan, depth: usize, lines: &mut Vec<String>) {
    lines.push(format!("{}{}", "  ".repeat(depth), headline(plan)));
    for input in plan.inputs() {
        write(input, depth + 1, lines);
    }
}

fn headline(plan: &Plan) -> String {
    match plan {
        Plan::Scan(scan) => {
            let names: Vec<&str> = scan.schema.fields().iter().map(|f| f.name.as_str()).collect();
            let mut line = format!("ReadFrom {} (columns: {})", scan.table, names.join(", "));
            if !scan.filter.is_empty() {
                line.push_str(&format!(" where {}", list(&scan.filter)));
            }
            if let Some(limit) = scan.limit {
                line.push_str(&format!(" limit {limit}"));
            }
            line
        }
        Plan::Values { blocks, .. } => {
            format!("Values ({} rows)", blocks.iter().map(types::Block::rows).sum::<usize>())
        }
        Plan::Filter { predicate, .. } => format!("Filter {}", text(predicate)),
        Plan::Project { expressions, .. } => format!("Expression {}", list(expressions)),
        Plan::Aggregate(aggregation) => {
            let calls: Vec<String> = aggregation
                .calls
                .iter()
                .map(|c| format!("{}({})", c.function, list(&c.arguments)))
                .collect();
            let mut line =
                format!("Aggregating by ({}) {}", list(&aggregation.keys), calls.join(", "));
            if let Some((keys, rows)) = &aggregation.top {
                line.push_str(&format!(" top {rows} by {}", order(keys)));
            }
            line
        }
        Plan::Distinct { columns, .. } => format!("Distinct on columns {columns:?}"),
        Plan::Sort { keys, limit, .. } => match limit {
            Some(limit) => format!("Sorting (top {limit}) by {}", order(keys)),
            None => format!("Sorting by {}", order(keys)),
        },
        Plan::Limit { offset, limit, .. } => match limit {
            Some(limit) => format!("Limit {limit} offset {offset}"),
            None => format!("Offset {offset}"),
        },
        Plan::LimitBy { offset, limit, by, .. } => {
            format!("LimitBy {limit} offset {offset} by {}", list(by))
        }
        Plan::Join(join) => {
            let keys: Vec<String> =
                join.keys.iter().map(|(l, r)| format!("{} = {}", text(l), text(r))).collect();
            let keys = keys.join(" and ");
            let mut line = format!("Join {:?} {:?} on {keys}", join.kind, join.strictness);
            if let Some(condition) = &join.condition {
                line.push_str(&format!(" where {}", text(condition)));
            }
            if join.build_left {
                line.push_str(" (built of the left)");
            }
            line
        }
        Plan::Union { inputs, .. } => format!("Union of {}", inputs.len()),
        Plan::ArrayJoin(join) => format!("ArrayJoin {}", list(&join.arrays)),
        Plan::Fill(fill) => {
            let columns: Vec<String> =
                fill.columns.iter().map(|c| format!("#{}", c.column)).collect();
            format!("Filling {}", columns.join(", "))
        }
        Plan::GroupingSets(groups) => of_sets(groups),
        Plan::Window(window) => of_window(window),
    }
}

fn list(expressions: &[Expr]) -> String {
    expressions.iter().map(text).collect::<Vec<_>>().join(", ")
}

fn of_sets(groups: &GroupingSets) -> String {
    let calls = groups.calls.iter().map(|c| format!("{}({})", c.function, list(&c.arguments)));
    let calls = calls.collect::<Vec<_>>().join(", ");
    let totals = if groups.totals.is_some() { " with totals" } else { "" };
    format!("Aggregating by ({}) in sets {:?} {calls}{totals}", list(&groups.keys), groups.sets)
}

fn of_window(window: &Window) -> String {
    let calls = window.calls.iter().map(|c| format!("{}({})", c.function, list(&c.arguments)));
    let calls = calls.collect::<Vec<_>>().join(", ");
    let sorted = if window.is_sorted() { " (sorted)" } else { "" };
    format!(
        "Window partition by ({}) order by ({}){sorted} {calls}",
        list(&window.partition),
        order(&window.order)
    )
}

fn order(keys: &[SortKey]) -> String {
    let keys: Vec<String> = keys
        .iter()
        .map(|k| format!("{} {}", text(&k.expression), if k.descending { "DESC" } else { "ASC" }))
        .collect();
    keys.join(", ")
}

/// An expression as text; columns by position.
pub fn text(expression: &Expr) -> String {
    match expression {
        Expr::Column { index, .. } => format!("#{index}"),
        Expr::Literal { value, .. } => value.to_string(),
        Expr::Call { function, arguments, .. } => {
            format!("{function}({})", arguments.iter().map(text).collect::<Vec<_>>().join(", "))
        }
        Expr::In { argument, set, negated } => {
            let not = if *negated { "NOT " } else { "" };
            format!("{} {not}IN {set:?}", text(argument))
        }
        Expr::Lambda { parameters, body } => {
            let names: Vec<String> = parameters.iter().map(|(id, _)| format!("${id}")).collect();
            format!("({}) -> {}", names.join(", "), text(body))
        }
        Expr::Parameter { id, .. } => format!("${id}"),
    }
}
