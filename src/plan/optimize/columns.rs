//! Only the columns that are used are read and computed.

use base::Result;
use expr::Expr;
use types::{Field, Schema};

use crate::{
    AggregateCall, Aggregation, ArrayJoin, Environment, Fill, FillColumn, GroupingSets, Join, Plan,
    Scan, SortKey, Totals, Window, WindowCall,
};

/// The pass.
pub(super) fn prune(plan: Plan, _environment: &dyn Environment) -> Result<Plan> {
    let all: Vec<usize> = (0..plan.schema().len()).collect();
    Ok(keep(plan, &all).0)
}

/// The plan with at least the wanted columns (sorted), and where each old column stands now
/// (`usize::MAX` for dropped ones).
fn keep(plan: Plan, wanted: &[usize]) -> (Plan, Vec<usize>) {
    match plan {
        Plan::Scan(scan) => keep_scan(scan, wanted),
        Plan::Values { schema, blocks } => {
            let width = schema.len();
            (Plan::Values { schema, blocks }, (0..width).collect())
        }
        Plan::Project { input, expressions, schema } => {
            let kept: Vec<Expr> = wanted.iter().map(|c| expressions[*c].clone()).collect();
            let (input, below) = keep(*input, &used(kept.iter()));
            let expressions = kept.into_iter().map(|e| e.remap(&|c| below[c])).collect();
            let map = places(schema.len(), wanted);
            (
                Plan::Project {
                    input: Box::new(input),
                    expressions,
                    schema: pick(&schema, wanted),
                },
                map,
            )
        }
        Plan::Filter { input, predicate } => {
            let (input, map) = keep(*input, &union(wanted, &predicate.columns()));
            (Plan::Filter { input: Box::new(input), predicate: predicate.remap(&|c| map[c]) }, map)
        }
        Plan::Sort { input, keys, limit } => {
            let (input, map) =
                keep(*input, &union(wanted, &used(keys.iter().map(|k| &k.expression))));
            (Plan::Sort { input: Box::new(input), keys: moved(keys, &map), limit }, map)
        }
        Plan::Limit { input, offset, limit, ties } => {
            let (input, map) = keep(*input, &union(wanted, &used(ties.iter())));
            let ties = ties.into_iter().map(|e| e.remap(&|c| map[c])).collect();
            (Plan::Limit { input: Box::new(input), offset, limit, ties }, map)
        }
        Plan::LimitBy { input, offset, limit, by } => {
            let (input, map) = keep(*input, &union(wanted, &used(by.iter())));
            let by = by.into_iter().map(|e| e.remap(&|c| map[c])).collect();
            (Plan::LimitBy { input: Box::new(input), offset, limit, by }, map)
        }
        Plan::Distinct { input, columns, limit } => {
            let (input, map) = keep(*input, &union(wanted, &columns));
            let columns = columns.into_iter().map(|c| map[c]).collect();
            (Plan::Distinct { input: Box::new(input), columns, limit }, map)
        }
        Plan::Aggregate(aggregation) => keep_calls(aggregation, wanted),
        Plan::ArrayJoin(join) => keep_array_join(join, wanted),
        Plan::Window(window) => keep_window(window, wanted),
        Plan::GroupingSets(groups) => keep_sets(groups, wanted),
        Plan::Fill(fill) => keep_fill(fill, wanted),
        Plan::Join(join) => keep_join(join, wanted),
        Plan::Union { inputs, schema } => keep_union(inputs, &schema, wanted),
    }
}

fn keep_union(inputs: Vec<Plan>, schema: &Schema, wanted: &[usize]) -> (Plan, Vec<usize>) {
    let inputs = inputs
        .into_iter()
        .map(|input| {
            let (plan, map) = keep(input, wanted);
            exactly(plan, &map, wanted)
        })
        .collect();
    let map = places(schema.len(), wanted);
    (Plan::Union { inputs, schema: pick(schema, wanted) }, map)
}

fn keep_scan(mut scan: Scan, wanted: &[usize]) -> (Plan, Vec<usize>) {
    let mut kept: Vec<usize> = wanted.to_vec();
    let for_filter: Vec<usize> = scan.filter.iter().flat_map(Expr::columns).collect();
    for column in for_filter {
        if !kept.contains(&column) {
            kept.push(column);
        }
    }
    let map = places(scan.schema.len(), &kept);
    scan.visible = wanted.len();
    scan.filter = scan.filter.into_iter().map(|f| f.remap(&|c| map[c])).collect();
    scan.columns = kept.iter().map(|c| scan.columns[*c]).collect();
    // What only the filter reads is not given out.
    let map = places(scan.schema.len(), wanted);
    scan.schema = pick(&scan.schema, &kept);
    (Plan::Scan(scan), map)
}

fn keep_calls(aggregation: Aggregation, wanted: &[usize]) -> (Plan, Vec<usize>) {
    let Aggregation { input, keys, calls, schema, limit, top } = aggregation;
    let key_count = keys.len();
    let for_top: Vec<usize> =
        top.iter().flat_map(|(k, _)| used(k.iter().map(|k| &k.expression))).collect();
    let wanted = union(wanted, &for_top);
    let mut kept: Vec<usize> = (0..key_count).collect();
    kept.extend(wanted.iter().copied().filter(|c| *c >= key_count));
    let map = places(schema.len(), &kept);
    let calls: Vec<_> = kept[key_count..].iter().map(|c| calls[*c - key_count].clone()).collect();
    let needed = used(keys.iter().chain(calls.iter().flat_map(|c| &c.arguments)));
    let (input, below) = keep(*input, &needed);
    let keys = keys.into_iter().map(|k| k.remap(&|c| below[c])).collect();
    let calls = moved_calls(calls, &below);
    let top = top.map(|(keys, rows)| (moved(keys, &map), rows));
    let schema = pick(&schema, &kept);
    (Plan::Aggregate(Aggregation { input: Box::new(input), keys, calls, schema, limit, top }), map)
}

/// Calls whose arguments stand elsewhere in the input.
fn moved_calls(mut calls: Vec<AggregateCall>, below: &[usize]) -> Vec<AggregateCall> {
    for argument in calls.iter_mut().flat_map(|call| &mut call.arguments) {
        *argument = argument.clone().remap(&|c| below[c]);
    }
    calls
}

/// Keys stay, and the number of the set, which is last.
fn keep_sets(groups: GroupingSets, wanted: &[usize]) -> (Plan, Vec<usize>) {
    let (key_count, set) = (groups.keys.len(), groups.schema.len() - 1);
    let having = groups.totals.iter().flat_map(|t| &t.having);
    let wanted = union(wanted, &used(having));
    let mut kept: Vec<usize> = (0..key_count).collect();
    kept.extend(wanted.iter().copied().filter(|c| *c >= key_count && *c < set));
    let calls: Vec<_> =
        kept[key_count..].iter().map(|c| groups.calls[*c - key_count].clone()).collect();
    kept.push(set);
    let map = places(groups.schema.len(), &kept);
    let needed = used(groups.keys.iter().chain(calls.iter().flat_map(|c| &c.arguments)));
    let (input, below) = keep(*groups.input, &needed);
    let keys = groups.keys.into_iter().map(|k| k.remap(&|c| below[c])).collect();
    let calls = moved_calls(calls, &below);
    let totals = groups
        .totals
        .map(|totals| Totals { having: totals.having.map(|h| h.remap(&|c| map[c])), ..totals });
    let (input, schema) = (Box::new(input), pick(&groups.schema, &kept));
    (Plan::GroupingSets(GroupingSets { input, keys, calls, totals, schema, ..groups }), map)
}

fn keep_fill(fill: Fill, wanted: &[usize]) -> (Plan, Vec<usize>) {
    let mut needed = union(wanted, &fill.prefix);
    let filled: Vec<usize> = fill.columns.iter().map(|c| c.column).collect();
    needed = union(&needed, &filled);
    // What is interpolated may need what another one is interpolated from.
    let targets: Vec<usize> = fill.interpolated.iter().map(|(column, _)| *column).collect();
    needed = union(&needed, &targets);
    needed = union(&needed, &used(fill.interpolated.iter().map(|(_, e)| e)));
    let (input, map) = keep(*fill.input, &needed);
    let columns = fill
        .columns
        .into_iter()
        .map(|column| FillColumn { column: map[column.column], ..column })
        .collect();
    let prefix = fill.prefix.iter().map(|c| map[*c]).collect();
    let interpolated =
        fill.interpolated.into_iter().map(|(c, e)| (map[c], e.remap(&|c| map[c]))).collect();
    (Plan::Fill(Fill { input: Box::new(input), prefix, columns, interpolated }), map)
}

fn keep_array_join(join: ArrayJoin, wanted: &[usize]) -> (Plan, Vec<usize>) {
    let width = join.schema.len() - join.arrays.len();
    let rows: Vec<usize> = wanted.iter().copied().filter(|c| *c < width).collect();
    let (input, below) = keep(*join.input, &union(&rows, &used(join.arrays.iter())));
    let input_schema = input.schema();
    let arrays: Vec<Expr> = join.arrays.into_iter().map(|a| a.remap(&|c| below[c])).collect();
    let mut map = below[..width].to_vec();
    let mut fields = input_schema.fields().to_vec();
    for at in 0..arrays.len() {
        map.push(fields.len());
        fields.push(join.schema.fields()[width + at].clone());
    }
    let schema = Schema::new(fields);
    (
        Plan::ArrayJoin(ArrayJoin {
            input: Box::new(input),
            arrays,
            left: join.left,
            unaligned: join.unaligned,
            schema,
        }),
        map,
    )
}

/// A window none of whose calls is used goes.
fn keep_window(window: Window, wanted: &[usize]) -> (Plan, Vec<usize>) {
    let width = window.schema.len() - window.calls.len();
    let of_calls: Vec<usize> = wanted.iter().copied().filter(|c| *c >= width).collect();
    let of_rows: Vec<usize> = wanted.iter().copied().filter(|c| *c < width).collect();
    if of_calls.is_empty() {
        let (input, mut map) = keep(*window.input, &of_rows);
        map.resize(window.schema.len(), usize::MAX);
        return (input, map);
    }
    let calls: Vec<_> = of_calls.iter().map(|c| window.calls[*c - width].clone()).collect();
    let expressions = window
        .partition
        .iter()
        .chain(window.order.iter().map(|k| &k.expression))
        .chain(calls.iter().flat_map(|c| &c.arguments));
    let (input, mut map) = keep(*window.input, &union(&of_rows, &used(expressions)));
    let place = |e: Expr| e.remap(&|c| map[c]);
    let partition = window.partition.into_iter().map(place).collect();
    let order = moved(window.order, &map);
    let calls = calls
        .into_iter()
        .map(|call| WindowCall {
            arguments: call.arguments.into_iter().map(place).collect(),
            ..call
        })
        .collect();
    let mut fields = input.schema().fields().to_vec();
    map.resize(window.schema.len(), usize::MAX);
    for column in of_calls {
        map[column] = fields.len();
        fields.push(window.schema.fields()[column].clone());
    }
    let schema = Schema::new(fields);
    let input = Box::new(input);
    (Plan::Window(Window { input, partition, order, calls, schema }), map)
}

fn keep_join(join: Join, wanted: &[usize]) -> (Plan, Vec<usize>) {
    let left_width = join.left.schema().len();
    let width = left_width + join.right.schema().len();
    let condition = join.condition.as_ref().map(Expr::columns).unwrap_or_default();
    let needed = union(wanted, &condition);
    let of_left: Vec<usize> = needed.iter().copied().filter(|c| *c < left_width).collect();
    let of_right: Vec<usize> =
        needed.iter().copied().filter(|c| *c >= left_width).map(|c| c - left_width).collect();
    let (left, left_map) =
        keep(*join.left, &union(&of_left, &used(join.keys.iter().map(|(l, _)| l))));
    let (right, right_map) =
        keep(*join.right, &union(&of_right, &used(join.keys.iter().map(|(_, r)| r))));
    let keys = join
        .keys
        .into_iter()
        .map(|(l, r)| (l.remap(&|c| left_map[c]), r.remap(&|c| right_map[c])))
        .collect();
    let new_left = left.schema().len();
    let mut map = vec![usize::MAX; join.schema.len().max(width)];
    let mut fields = left.schema().fields().to_vec();
    fields.extend(right.schema().fields().iter().cloned());
    for old in 0..width {
        let new = if old < left_width {
            left_map[old]
        } else {
            match right_map[old - left_width] {
                usize::MAX => usize::MAX,
                at => new_left + at,
            }
        };
        map[old] = new;
        if new != usize::MAX
            && let Some(field) = join.schema.fields().get(old)
        {
            fields[new] = Field::new(field.name.clone(), field.data_type.clone());
        }
    }
    let condition = join.condition.map(|c| c.remap(&|at| map[at]));
    // SEMI and ANTI joins of set operations show the left's columns only.
    if join.schema.len() == left_width && width > left_width {
        fields.truncate(new_left);
        map.truncate(left_width);
    }
    let needed = Some(wanted.iter().map(|c| map[*c]).collect());
    let join = Join {
        left: Box::new(left),
        right: Box::new(right),
        keys,
        condition,
        needed,
        schema: Schema::new(fields),
        ..join
    };
    (Plan::Join(join), map)
}

/// Where each of `count` columns stands when only the kept ones are left.
fn places(count: usize, kept: &[usize]) -> Vec<usize> {
    let mut map = vec![usize::MAX; count];
    for (at, column) in kept.iter().enumerate() {
        map[*column] = at;
    }
    map
}

fn pick(schema: &Schema, kept: &[usize]) -> Schema {
    Schema::new(kept.iter().map(|c| schema.fields()[*c].clone()).collect())
}

fn used<'e>(expressions: impl Iterator<Item = &'e Expr>) -> Vec<usize> {
    let mut columns: Vec<usize> = expressions.flat_map(Expr::columns).collect();
    columns.sort_unstable();
    columns.dedup();
    columns
}

fn union(a: &[usize], b: &[usize]) -> Vec<usize> {
    let mut both: Vec<usize> = a.iter().chain(b).copied().collect();
    both.sort_unstable();
    both.dedup();
    both
}

fn moved(keys: Vec<SortKey>, map: &[usize]) -> Vec<SortKey> {
    keys.into_iter()
        .map(|key| SortKey { expression: key.expression.remap(&|c| map[c]), ..key })
        .collect()
}

/// A projection to just the wanted columns, where there are others.
fn exactly(plan: Plan, map: &[usize], wanted: &[usize]) -> Plan {
    let schema = plan.schema();
    let in_place =
        schema.len() == wanted.len() && wanted.iter().enumerate().all(|(at, c)| map[*c] == at);
    if in_place {
        return plan;
    }
    let kept: Vec<usize> = wanted.iter().map(|c| map[*c]).collect();
    let expressions =
        kept.iter().map(|c| Expr::column(*c, schema.fields()[*c].data_type.clone())).collect();
    Plan::Project { input: Box::new(plan), expressions, schema: pick(&schema, &kept) }
}
