//! Subqueries that mention columns of the query around them, turned into joins.
//!
//! 1. A name that the subquery's own tables do not know is looked up in the SELECT around it and becomes a
//!    pseudo-column from [`OUTER`] on.
//! 2. [`pull`] lifts the conditions that mention such columns to the top of the subquery's plan: projections pass on
//!    the columns that they need, aggregations take the inner sides of equalities among their keys.
//! 3. What is left no longer depends on the rows around it and is joined to them: EXISTS and IN as SEMI or ANTI
//!    joins where they are conditions of WHERE, otherwise, like scalar subqueries, by a LEFT join that adds a
//!    column. Where nothing matches a scalar subquery is NULL, `count()` included, as in ClickHouse.

use base::{Result, bail};
use expr::Expr;
use types::{DataType, Field, Schema, Value};

use super::join::{common_key, conjuncts};
use super::resolve::build_call;
use crate::logical::columns_of;
use crate::{Aggregation, Environment, Join, JoinKind, JoinStrictness, Plan};

/// Pseudo-columns from here on are columns of the query around.
pub(super) const OUTER: usize = 1 << 40;

/// A subquery that is joined to the rows of the SELECT that it stands in.
pub(super) struct Correlated {
    plan: Plan,
    /// Over the plan's columns and those around it, from [`OUTER`] on.
    predicates: Vec<Expr>,
    kind: CorrelatedKind,
    /// No two of its rows can match the same row around.
    unique: bool,
}

/// What a correlated subquery is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CorrelatedKind {
    /// Whether it has rows.
    Exists,
    /// The value of its column at this position.
    Scalar(usize),
}

/// A plan whose conditions over columns around it were taken out.
struct Pulled {
    plan: Plan,
    /// Where each column of the plan before stands now.
    map: Vec<usize>,
    /// What was taken out, over the columns of the new plan.
    predicates: Vec<Expr>,
    /// An aggregation without keys, which has a row for every row around, got keys.
    keyed: bool,
    /// No two of its rows can match the same row around.
    unique: bool,
}

impl Correlated {
    /// `EXISTS (plan)`; `None` where it holds whatever the columns around are.
    pub(super) fn exists(plan: Plan) -> Result<Option<Correlated>> {
        let plan = unordered(plan, true)?;
        if matches!(&plan, Plan::Aggregate(aggregation) if aggregation.keys.is_empty()) {
            return Ok(None);
        }
        let pulled = pull(plan)?;
        pulled.refuse_keyed("EXISTS")?;
        let Pulled { plan, predicates, .. } = pulled;
        Ok(Some(Correlated { plan, predicates, kind: CorrelatedKind::Exists, unique: false }))
    }

    /// `operands IN (plan)`
    pub(super) fn among(
        operands: Vec<Expr>,
        plan: Plan,
        environment: &dyn Environment,
    ) -> Result<Correlated> {
        let pulled = pull(unordered(plan, false)?)?;
        pulled.refuse_keyed("IN")?;
        let Pulled { plan, map, mut predicates, .. } = pulled;
        let columns = columns_of(&plan.schema());
        for (operand, at) in operands.into_iter().zip(map) {
            let operand = operand.remap(&|index| index + OUTER);
            let (a, b) = common_key(operand, columns[at].clone())?;
            predicates.push(build_call(environment, "equals", vec![a, b])?);
        }
        Ok(Correlated { plan, predicates, kind: CorrelatedKind::Exists, unique: false })
    }

    /// `(plan)` as a value.
    pub(super) fn scalar(plan: Plan) -> Result<Correlated> {
        let Pulled { plan, map, predicates, unique, .. } = pull(plan)?;
        Ok(Correlated { plan, predicates, kind: CorrelatedKind::Scalar(map[0]), unique })
    }

    /// The type of the column that stands for it.
    pub(super) fn data_type(&self) -> DataType {
        match self.kind {
            CorrelatedKind::Exists => DataType::UInt8,
            CorrelatedKind::Scalar(at) => {
                self.plan.schema().fields()[at].data_type.without_low_cardinality().nullable()
            }
        }
    }

    /// Whether it only asks for rows.
    pub(super) fn is_exists(&self) -> bool {
        self.kind == CorrelatedKind::Exists
    }

    /// The same with columns around it that stand elsewhere.
    pub(super) fn moved(mut self, position: &impl Fn(usize) -> usize) -> Correlated {
        let outer = |index: usize| match index.checked_sub(OUTER) {
            Some(index) => position(index) + OUTER,
            None => index,
        };
        self.predicates = self.predicates.into_iter().map(|p| p.remap(&outer)).collect();
        self
    }

    /// The rows of `left` for which it has rows, or has none.
    pub(super) fn filter(
        self,
        left: Plan,
        anti: bool,
        environment: &dyn Environment,
    ) -> Result<Plan> {
        let strictness = if anti { JoinStrictness::Anti } else { JoinStrictness::Semi };
        let schema = left.schema();
        join(left, self.plan, self.predicates, strictness, schema, environment)
    }

    /// The rows of `left` with its value behind them.
    pub(super) fn append(self, left: Plan, environment: &dyn Environment) -> Result<Plan> {
        let width = left.schema().len();
        let data_type = self.data_type();
        // The value comes first, then what the predicates need.
        let schema = self.plan.schema();
        let mut expressions = columns_of(&schema);
        let value = match self.kind {
            CorrelatedKind::Exists => Expr::literal(Value::Int(1), DataType::UInt8),
            CorrelatedKind::Scalar(at) => expressions[at].clone(),
        };
        let mut fields = vec![Field::new("#subquery", value.data_type())];
        fields.extend(schema.fields().iter().cloned());
        expressions.insert(0, value);
        let right =
            Plan::Project { input: Box::new(self.plan), expressions, schema: Schema::new(fields) };
        let inner = |index: usize| if index < OUTER { index + 1 } else { index };
        let predicates = self.predicates.into_iter().map(|p| p.remap(&inner)).collect();
        let mut joined = left.schema().fields().to_vec();
        joined.extend(right.schema().fields().iter().cloned());
        joined[width] = Field::new("#subquery", data_type.clone());
        let joined = Schema::new(joined);
        let strictness = if self.unique { JoinStrictness::All } else { JoinStrictness::Any };
        let joined = join(left, right, predicates, strictness, joined, environment)?;
        // Only the value goes on, so that the next subquery's column stands right behind it.
        let fields = joined.schema().fields()[..=width].to_vec();
        let schema = Schema::new(fields);
        let expressions = columns_of(&schema);
        Ok(Plan::Project { input: Box::new(joined), expressions, schema })
    }
}

impl Pulled {
    /// Without rows such an aggregation would still give one, which the join does not see.
    fn refuse_keyed(&self, what: &str) -> Result<()> {
        if self.keyed {
            bail!(
                NotImplemented,
                "{what} over an aggregation without GROUP BY that mentions columns of the query around it is \
                 not implemented: compare the aggregate as a scalar subquery"
            );
        }
        Ok(())
    }
}

/// A LEFT join by the equalities among predicates, under the condition of the others.
fn join(
    left: Plan,
    right: Plan,
    predicates: Vec<Expr>,
    strictness: JoinStrictness,
    schema: Schema,
    environment: &dyn Environment,
) -> Result<Plan> {
    let width = left.schema().len();
    let outward = |index: usize| index - OUTER;
    let (mut keys, mut rest) = (Vec::new(), Vec::new());
    for predicate in predicates {
        match sides(&predicate) {
            Some((inner, outer)) => keys.push(common_key(outer.remap(&outward), inner)?),
            None => rest.push(predicate.remap(&|index| match index.checked_sub(OUTER) {
                Some(index) => index,
                None => index + width,
            })),
        }
    }
    let condition = match rest.len() {
        0 => None,
        1 => rest.pop(),
        _ => Some(build_call(environment, "and", rest)?),
    };
    Ok(Plan::Join(Join {
        left: Box::new(left),
        right: Box::new(right),
        kind: JoinKind::Left,
        strictness,
        keys,
        condition,
        schema,
        build_left: false,
        needed: None,
    }))
}

/// The inner and the outer side of an equality between the two.
fn sides(predicate: &Expr) -> Option<(Expr, Expr)> {
    let Expr::Call { function, arguments, .. } = predicate else { return None };
    let [a, b] = arguments.as_slice() else { return None };
    if function != "equals" {
        return None;
    }
    let is = |e: &Expr, outer: bool| {
        let columns = e.columns();
        !columns.is_empty() && columns.iter().all(|c| (*c >= OUTER) == outer)
    };
    if is(a, false) && is(b, true) {
        Some((a.clone(), b.clone()))
    } else if is(a, true) && is(b, false) {
        Some((b.clone(), a.clone()))
    } else {
        None
    }
}

/// Whether an expression mentions columns of the query around.
pub(super) fn is_outer(expression: &Expr) -> bool {
    expression.columns().last().is_some_and(|last| *last >= OUTER)
}

/// The plan without what does not matter where only its rows' existence, or their values as a set, are asked for.
fn unordered(plan: Plan, rows_only: bool) -> Result<Plan> {
    Ok(match plan {
        Plan::Sort { input, .. } | Plan::Distinct { input, .. } => unordered(*input, rows_only)?,
        Plan::Project { input, .. } if rows_only => unordered(*input, rows_only)?,
        Plan::Limit { input, offset: 0, limit: Some(1..), .. } if rows_only => {
            unordered(*input, rows_only)?
        }
        other => other,
    })
}

pub(super) fn refused<T>(what: &str) -> Result<T> {
    bail!(
        NotImplemented,
        "{what} within a subquery that mentions columns of the query around it is not implemented: write it as a \
         join"
    )
}

fn pull(plan: Plan) -> Result<Pulled> {
    Ok(match plan {
        Plan::Filter { input, predicate } => {
            let mut pulled = pull(*input)?;
            let map = std::mem::take(&mut pulled.map);
            let moved = |index: usize| if index < OUTER { map[index] } else { index };
            let mut own = Vec::new();
            for part in conjuncts(predicate.remap(&moved)) {
                let list = if is_outer(&part) { &mut pulled.predicates } else { &mut own };
                list.push(part);
            }
            for predicate in own {
                pulled.plan = Plan::Filter { input: Box::new(pulled.plan), predicate };
            }
            Pulled { map, ..pulled }
        }
        Plan::Project { input, expressions, schema } => {
            pull_project(pull(*input)?, expressions, &schema)?
        }
        Plan::Aggregate(aggregation) => pull_aggregate(aggregation)?,
        Plan::Join(join) => pull_join(join)?,
        Plan::Sort { input, limit: None, .. } => pull(*input)?,
        leaf @ (Plan::Scan(_) | Plan::Values { .. }) => Pulled::of(leaf),
        other => {
            let what = match &other {
                Plan::Limit { .. } => "LIMIT",
                Plan::LimitBy { .. } => "LIMIT BY",
                Plan::Union { .. } => "UNION",
                Plan::ArrayJoin(_) => "ARRAY JOIN",
                Plan::Window(_) => "A function over a window",
                Plan::GroupingSets(_) => "ROLLUP, CUBE, GROUPING SETS or WITH TOTALS",
                Plan::Fill(_) => "WITH FILL",
                _ => "DISTINCT",
            };
            let inner = other.map_inputs(&mut |input| {
                let pulled = pull(input)?;
                if pulled.predicates.is_empty() { Ok(pulled.plan) } else { refused(what) }
            })?;
            if expressions_of(&inner).any(is_outer) {
                return refused(what);
            }
            Pulled::of(inner)
        }
    })
}

impl Pulled {
    fn of(plan: Plan) -> Pulled {
        let map = (0..plan.schema().len()).collect();
        Pulled { plan, map, predicates: Vec::new(), keyed: false, unique: false }
    }
}

/// Expressions of nodes that [`pull`] does not look into.
fn expressions_of(plan: &Plan) -> impl Iterator<Item = &Expr> {
    let some: Vec<&Expr> = match plan {
        Plan::LimitBy { by, .. } => by.iter().collect(),
        Plan::Limit { ties, .. } => ties.iter().collect(),
        Plan::ArrayJoin(join) => join.arrays.iter().collect(),
        Plan::Sort { keys, .. } => keys.iter().map(|k| &k.expression).collect(),
        Plan::Window(window) => {
            let order = window.order.iter().map(|k| &k.expression);
            let arguments = window.calls.iter().flat_map(|c| &c.arguments);
            window.partition.iter().chain(order).chain(arguments).collect()
        }
        Plan::GroupingSets(groups) => {
            groups.keys.iter().chain(groups.calls.iter().flat_map(|c| &c.arguments)).collect()
        }
        Plan::Fill(fill) => fill.interpolated.iter().map(|(_, e)| e).collect(),
        _ => Vec::new(),
    };
    some.into_iter()
}

/// The projection passes on what the predicates need.
fn pull_project(pulled: Pulled, expressions: Vec<Expr>, schema: &Schema) -> Result<Pulled> {
    let Pulled { plan, map, predicates, keyed, unique } = pulled;
    let moved = |index: usize| if index < OUTER { map[index] } else { index };
    let mut expressions: Vec<Expr> = expressions.into_iter().map(|e| e.remap(&moved)).collect();
    if expressions.iter().any(is_outer) {
        return refused("An expression in SELECT");
    }
    let input = plan.schema();
    let mut fields = schema.fields().to_vec();
    let width = fields.len();
    let mut place = vec![usize::MAX; input.len()];
    for column in predicates.iter().flat_map(Expr::columns).filter(|c| *c < OUTER) {
        if place[column] == usize::MAX {
            let field = &input.fields()[column];
            place[column] = fields.len();
            fields.push(Field::new(format!("#outer{column}"), field.data_type.clone()));
            expressions.push(Expr::column(column, field.data_type.clone()));
        }
    }
    let moved = |index: usize| if index < OUTER { place[index] } else { index };
    let predicates = predicates.into_iter().map(|p| p.remap(&moved)).collect();
    let plan = Plan::Project { input: Box::new(plan), expressions, schema: Schema::new(fields) };
    Ok(Pulled { plan, map: (0..width).collect(), predicates, keyed, unique })
}

/// The inner sides of equalities become keys.
fn pull_aggregate(aggregation: Aggregation) -> Result<Pulled> {
    let Aggregation { input, keys, mut calls, schema, limit, top } = aggregation;
    let Pulled { plan, map, predicates, keyed, .. } = pull(*input)?;
    let moved = |index: usize| if index < OUTER { map[index] } else { index };
    let mut keys: Vec<Expr> = keys.into_iter().map(|k| k.remap(&moved)).collect();
    for argument in calls.iter_mut().flat_map(|c| &mut c.arguments) {
        *argument = argument.clone().remap(&moved);
    }
    let arguments = calls.iter().flat_map(|c| &c.arguments);
    if arguments.chain(&keys).any(is_outer) {
        return refused("An aggregate function of such columns");
    }
    let old_keys = keys.len();
    let keyed = keyed || old_keys == 0 && !predicates.is_empty();
    let mut lifted = Vec::new();
    for predicate in predicates {
        let Some((inner, outer)) = sides(&predicate) else {
            return refused("Aggregation under another condition than equality");
        };
        let at = keys.iter().position(|k| *k == inner).unwrap_or_else(|| {
            keys.push(inner.clone());
            keys.len() - 1
        });
        lifted.push((Expr::column(at, inner.data_type()), outer, predicate));
    }
    let predicates = lifted
        .into_iter()
        .map(|(key, outer, predicate)| match predicate {
            Expr::Call { function, data_type, .. } => {
                Expr::Call { function, arguments: vec![key, outer], data_type }
            }
            other => other,
        })
        .collect();
    let mut fields = schema.fields()[..old_keys].to_vec();
    for (at, key) in keys.iter().enumerate().skip(old_keys) {
        fields.push(Field::new(format!("#key{at}"), key.data_type()));
    }
    fields.extend_from_slice(&schema.fields()[old_keys..]);
    let added = keys.len() - old_keys;
    let map = (0..schema.len()).map(|at| if at < old_keys { at } else { at + added }).collect();
    let schema = Schema::new(fields);
    let plan =
        Plan::Aggregate(Aggregation { input: Box::new(plan), keys, calls, schema, limit, top });
    Ok(Pulled { plan, map, predicates, keyed, unique: old_keys == 0 })
}

fn pull_join(join: Join) -> Result<Pulled> {
    let old_width = join.left.schema().len();
    let (old_schema, inner) = (join.schema.clone(), join.kind);
    let (left, right) = (pull(*join.left)?, pull(*join.right)?);
    let is_inner = matches!(inner, JoinKind::Inner | JoinKind::Cross)
        && join.strictness == JoinStrictness::All;
    let left_stays = is_inner || inner == JoinKind::Left;
    if !left_stays && !left.predicates.is_empty() || !is_inner && !right.predicates.is_empty() {
        return refused("An outer JOIN");
    }
    let width = left.plan.schema().len();
    let place = |index: usize| match index.checked_sub(old_width) {
        None => left.map[index],
        Some(_) if index >= OUTER => index,
        Some(index) => width + right.map[index],
    };
    let mut predicates = left.predicates.clone();
    predicates.extend(
        right
            .predicates
            .iter()
            .map(|p| p.clone().remap(&|index| if index < OUTER { index + width } else { index })),
    );
    let mut conditions = Vec::new();
    let mut condition = join.condition.map(|c| c.remap(&place));
    if is_inner {
        for part in condition.take().into_iter().flat_map(conjuncts) {
            if is_outer(&part) { predicates.push(part) } else { conditions.push(part) }
        }
    } else if condition.as_ref().is_some_and(is_outer) {
        return refused("An outer JOIN");
    }
    let keys = join
        .keys
        .into_iter()
        .map(|(l, r)| (l.remap(&|at| left.map[at]), r.remap(&|at| right.map[at])))
        .collect();
    let mut fields = left.plan.schema().fields().to_vec();
    let half = old_schema.len() == old_width;
    if !half {
        fields.extend(right.plan.schema().fields().iter().cloned());
    }
    let map: Vec<usize> = (0..old_schema.len()).map(place).collect();
    for (at, field) in map.iter().zip(old_schema.fields()) {
        fields[*at] = field.clone();
    }
    let keyed = left.keyed || right.keyed;
    let mut plan = Plan::Join(Join {
        left: Box::new(left.plan),
        right: Box::new(right.plan),
        keys,
        condition,
        schema: Schema::new(fields),
        kind: join.kind,
        strictness: join.strictness,
        build_left: false,
        needed: None,
    });
    for predicate in conditions {
        plan = Plan::Filter { input: Box::new(plan), predicate };
    }
    Ok(Pulled { plan, map, predicates, keyed, unique: false })
}
