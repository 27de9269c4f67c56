//! How many rows a plan has, about: what joins are ordered and built by.
//!
//! Tables know their rows, and zone maps and dictionaries how many values a column can have. Conditions divide
//! by these where they can and by rules of thumb elsewhere. The number of values of a column is never made less by
//! a condition: it stands for the domain that both sides of a join draw their keys from.

use expr::Expr;
use storage::{Extremes, TableSnapshot};
use types::Block;

use crate::{Aggregation, Join, JoinKind, JoinStrictness, Plan, Scan, Source};

/// What is known of the rows of a plan.
#[derive(Debug, Clone)]
pub(super) struct Estimate {
    /// How many there are, about; never less than one.
    pub(super) rows: f64,
    /// What is known of the columns.
    pub(super) columns: Vec<Domain>,
}

/// The values that a column can have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Domain {
    /// How many.
    pub(super) distinct: f64,
    /// Rows of the table that the column comes from, before any condition.
    pub(super) table_rows: f64,
    /// The least and the greatest, of integers.
    bounds: Option<(f64, f64)>,
}

impl Domain {
    fn unknown(rows: f64) -> Domain {
        Domain { distinct: rows.max(1.0), table_rows: rows.max(1.0), bounds: None }
    }
}

/// Rows of a source that does not know.
const UNKNOWN_ROWS: f64 = 10_000.0;

/// The estimate of a plan.
pub(super) fn estimate(plan: &Plan) -> Estimate {
    match plan {
        Plan::Scan(scan) => of_scan(scan),
        Plan::Values { schema, blocks } => {
            let rows = blocks.iter().map(Block::rows).sum::<usize>().max(1) as f64;
            Estimate { rows, columns: vec![Domain::unknown(rows); schema.len()] }
        }
        Plan::Filter { input, predicate } => {
            let input = estimate(input);
            let rows = (input.rows * selectivity(predicate, &input.columns)).max(1.0);
            Estimate { rows, columns: input.columns }
        }
        Plan::Project { input, expressions, .. } => {
            let input = estimate(input);
            let columns = expressions.iter().map(|e| domain(e, &input)).collect();
            Estimate { rows: input.rows, columns }
        }
        Plan::Aggregate(aggregation) => of_groups(aggregation),
        Plan::Distinct { input, columns, limit } => {
            let input = estimate(input);
            let values: f64 = columns.iter().map(|c| input.columns[*c].distinct).product();
            let rows = values.min(input.rows).min(limit.map_or(f64::MAX, |l| l as f64)).max(1.0);
            Estimate { rows, columns: input.columns }
        }
        Plan::Limit { input, limit, .. } | Plan::Sort { input, limit, .. } => {
            let input = estimate(input);
            let rows = input.rows.min(limit.map_or(f64::MAX, |l| l as f64)).max(1.0);
            Estimate { rows, columns: input.columns }
        }
        Plan::LimitBy { input, .. } => estimate(input),
        Plan::Fill(fill) => estimate(&fill.input),
        Plan::Window(window) => {
            let input = estimate(&window.input);
            let mut columns = input.columns;
            columns.resize(window.schema.len(), Domain::unknown(input.rows));
            Estimate { rows: input.rows, columns }
        }
        Plan::GroupingSets(groups) => {
            let rows = estimate(&groups.input).rows;
            Estimate { rows, columns: vec![Domain::unknown(rows); groups.schema.len()] }
        }
        Plan::Join(join) => of_join(join),
        Plan::Union { inputs, schema } => {
            let rows = inputs.iter().map(|i| estimate(i).rows).sum();
            Estimate { rows, columns: vec![Domain::unknown(rows); schema.len()] }
        }
        Plan::ArrayJoin(join) => {
            let input = estimate(&join.input);
            let rows = input.rows * 8.0;
            let mut columns = input.columns;
            columns.resize(join.schema.len(), Domain::unknown(rows));
            Estimate { rows, columns }
        }
    }
}

fn of_scan(scan: &Scan) -> Estimate {
    let (rows, mut columns) = match &scan.source {
        Source::Table(snapshot) => {
            let rows = snapshot.rows().max(1) as f64;
            let ids: Vec<u32> = snapshot.definition.physical_columns().map(|(_, c)| c.id).collect();
            let of_column = |at: &usize| match ids.get(*at) {
                Some(id) => of_stored(snapshot, *id, rows),
                None => Domain::unknown(rows),
            };
            (rows, scan.columns.iter().map(of_column).collect())
        }
        Source::Blocks(source) => {
            let rows = source.rows().map_or(UNKNOWN_ROWS, |r| r as f64).max(1.0);
            (rows, vec![Domain::unknown(rows); scan.columns.len()])
        }
    };
    let passed: f64 = scan.filter.iter().map(|f| selectivity(f, &columns)).product();
    columns.truncate(scan.visible);
    let rows = (rows * passed).min(scan.limit.map_or(f64::MAX, |l| l as f64)).max(1.0);
    Estimate { rows, columns }
}

/// The values of a stored column, as zone maps and dictionaries bound them.
fn of_stored(snapshot: &TableSnapshot, id: u32, rows: f64) -> Domain {
    let mut domain = Domain::unknown(rows);
    let (mut bounds, mut values) = (None::<(f64, f64)>, 0.0f64);
    for part in &snapshot.parts {
        let Ok(Some(chunk)) = part.column(id) else { return domain };
        match chunk.totals().extremes {
            Extremes::Int { min, max } => {
                let (least, most) = bounds.unwrap_or((min as f64, max as f64));
                bounds = Some((least.min(min as f64), most.max(max as f64)));
            }
            Extremes::Codes { min, max } => values = values.max(f64::from(max - min) + 1.0),
            _ => return domain,
        }
    }
    if let Some((least, most)) = bounds {
        domain.distinct = (most - least + 1.0).clamp(1.0, rows);
        domain.bounds = bounds;
    } else if values > 0.0 {
        domain.distinct = values.min(rows);
    }
    domain
}

fn domain(expression: &Expr, input: &Estimate) -> Domain {
    match expression {
        Expr::Column { index, .. } => {
            input.columns.get(*index).copied().unwrap_or(Domain::unknown(input.rows))
        }
        Expr::Literal { .. } => Domain::unknown(1.0),
        other => {
            let columns = other.columns();
            let of = |c: &usize| input.columns.get(*c).map_or(input.rows, |d| d.distinct);
            let distinct: f64 = columns.iter().map(of).product();
            Domain { distinct: distinct.min(input.rows).max(1.0), ..Domain::unknown(input.rows) }
        }
    }
}

fn of_groups(aggregation: &Aggregation) -> Estimate {
    let input = estimate(&aggregation.input);
    let mut columns: Vec<Domain> = aggregation.keys.iter().map(|k| domain(k, &input)).collect();
    let values: f64 = columns.iter().map(|c| c.distinct).product();
    let mut rows = values.min(input.rows).max(1.0);
    let top = aggregation.top.as_ref().map(|(_, rows)| *rows);
    for limit in aggregation.limit.into_iter().chain(top) {
        rows = rows.min(limit.max(1) as f64);
    }
    columns.resize(aggregation.schema.len(), Domain::unknown(rows));
    Estimate { rows, columns }
}

fn of_join(join: &Join) -> Estimate {
    let (left, right) = (estimate(&join.left), estimate(&join.right));
    let keys: Vec<(Domain, Domain)> =
        join.keys.iter().map(|(l, r)| (domain(l, &left), domain(r, &right))).collect();
    let mut columns = left.columns.clone();
    columns.extend(right.columns.iter().copied());
    let rest = join.condition.as_ref().map_or(1.0, |c| selectivity(c, &columns));
    columns.truncate(join.schema.len());
    let rows = match join.strictness {
        JoinStrictness::Semi | JoinStrictness::Anti => {
            let kept = if join.kind == JoinKind::Right { right.rows } else { left.rows };
            let other = if join.kind == JoinKind::Right { left.rows } else { right.rows };
            let values: f64 = keys.iter().map(|(l, r)| l.distinct.max(r.distinct)).product();
            let hit = (other / values.max(1.0)).min(1.0);
            let share = if join.strictness == JoinStrictness::Semi { hit } else { 1.0 - hit };
            kept * share.max(0.05)
        }
        _ => {
            let inner = matched(left.rows, right.rows, &keys) * rest;
            match join.kind {
                JoinKind::Inner | JoinKind::Cross => inner,
                JoinKind::Left => inner.max(left.rows),
                JoinKind::Right => inner.max(right.rows),
                JoinKind::Full => inner.max(left.rows + right.rows),
            }
        }
    };
    Estimate { rows: rows.max(1.0), columns }
}

/// Rows of an inner join by equal keys.
pub(super) fn matched(left: f64, right: f64, keys: &[(Domain, Domain)]) -> f64 {
    let values: f64 = keys.iter().map(|(l, r)| l.distinct.max(r.distinct)).product();
    let divisor = match keys {
        [] | [_] => values,
        // Several keys together have no more values than the smaller table has rows.
        several => {
            let of = |side: &dyn Fn(&(Domain, Domain)) -> f64| {
                several.iter().map(side).fold(f64::MAX, f64::min)
            };
            let rows = of(&|(l, _)| l.table_rows).min(of(&|(_, r)| r.table_rows));
            let single =
                several.iter().map(|(l, r)| l.distinct.max(r.distinct)).fold(1.0, f64::max);
            values.min(rows).max(single)
        }
    };
    (left * right / divisor.max(1.0)).max(1.0)
}

/// Which share of the rows meets a condition.
pub(super) fn selectivity(condition: &Expr, columns: &[Domain]) -> f64 {
    let of = |e: &Expr| match e {
        Expr::Column { index, .. } => columns.get(*index).copied(),
        _ => None,
    };
    match condition {
        Expr::Literal { value, .. } => match value.as_int() {
            Some(0) => 0.0,
            _ => 1.0,
        },
        Expr::In { argument, set, negated } => {
            let values = match of(argument) {
                Some(domain) => domain.distinct,
                None => 100.0f64.max(set.values().len() as f64 * 2.0),
            };
            let hit = (set.values().len() as f64 / values).min(1.0);
            if *negated { 1.0 - hit } else { hit }
        }
        Expr::Call { function, arguments, .. } => {
            let each = || arguments.iter().map(|a| selectivity(a, columns));
            match (function.as_str(), arguments.as_slice()) {
                ("and", _) => each().product(),
                ("or", _) => 1.0 - each().map(|s| 1.0 - s).product::<f64>(),
                ("not", [inner]) => 1.0 - selectivity(inner, columns),
                ("equals", [a, b]) => match (of(a), of(b)) {
                    (Some(a), Some(b)) => 1.0 / a.distinct.max(b.distinct),
                    (Some(a), None) | (None, Some(a)) => 1.0 / a.distinct,
                    (None, None) => 0.1,
                },
                ("notEquals", [a, b]) => match of(a).or(of(b)) {
                    Some(domain) => 1.0 - 1.0 / domain.distinct,
                    None => 0.9,
                },
                ("less" | "lessOrEquals", [a, b]) => compared(a, b, &of),
                ("greater" | "greaterOrEquals", [a, b]) => compared(b, a, &of),
                ("like" | "ilike" | "startsWith" | "match", _) => 0.05,
                ("notLike" | "notILike", _) => 0.95,
                _ => 0.3,
            }
        }
        _ => 0.5,
    }
}

/// The share of rows where one value is less than another.
fn compared(less: &Expr, more: &Expr, of: &dyn Fn(&Expr) -> Option<Domain>) -> f64 {
    let share = |column: &Expr, constant: &Expr| {
        let (least, most) = of(column)?.bounds?;
        let Expr::Literal { value, data_type } = constant else { return None };
        let same = data_type.inner() == column.data_type().without_low_cardinality().inner()
            || data_type.inner().is_integer() && column.data_type().inner().is_integer();
        let value = value.as_int().filter(|_| same)? as f64;
        Some(((value - least) / (most - least + 1.0)).clamp(0.0, 1.0))
    };
    if let Some(below) = share(less, more) {
        return below.max(1e-6);
    }
    match share(more, less) {
        Some(below) => (1.0 - below).max(1e-6),
        None => 0.35,
    }
}
