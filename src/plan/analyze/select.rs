//! One SELECT.

use std::collections::HashMap;
use std::rc::Rc;

use base::{Result, bail};
use expr::Expr;
use sql::ast::{DistinctClause, Expression, GroupBy, OrderByItem, Select, WithItem};
use types::{DataType, Field, Schema, Value};

use super::aggregation::OverGroups;
use super::correlated::Correlated;
use super::resolve::Resolver;
use super::scope::Scope;
use super::{AGGREGATES, Analyzer};
use crate::{AggregateCall, Aggregation, ArrayJoin, Plan, SortKey};

/// A SELECT whose expressions are resolved.
pub(super) struct Resolved {
    pub(super) names: Vec<String>,
    pub(super) items: Vec<Expr>,
    pub(super) filter: Vec<Expr>,
    pub(super) keys: Vec<Expr>,
    pub(super) grouped: bool,
    pub(super) calls: Vec<AggregateCall>,
    pub(super) having: Option<Expr>,
    pub(super) order: Vec<(Expr, bool, bool)>,
    pub(super) limit_by: Vec<Expr>,
    pub(super) distinct_on: Option<Vec<Expr>>,
    pub(super) correlated: Vec<Correlated>,
}

impl Analyzer<'_> {
    /// Plans one SELECT with what WITH brings.
    pub(crate) fn select(&mut self, select: &Select) -> Result<Plan> {
        let (mut tables, mut expressions) = (HashMap::new(), HashMap::new());
        for item in &select.with {
            match item {
                WithItem::Expression(expression, name) => {
                    expressions.insert(name.clone(), expression.clone());
                }
                WithItem::Table(table) => {
                    tables.insert(table.name.clone(), table.clone());
                }
            }
        }
        if select.recursive {
            bail!(NotImplemented, "WITH RECURSIVE is not implemented yet");
        }
        self.tables.push(Rc::new(tables));
        self.expressions.push(Rc::new(expressions));
        let planned = self.select_inner(select);
        self.tables.pop();
        self.expressions.pop();
        planned
    }

    fn select_inner(&mut self, select: &Select) -> Result<Plan> {
        let (mut plan, mut scope) = match &select.from {
            Some(from) => self.from(from)?,
            None => (Plan::one_row(), Scope::default()),
        };
        if let Some(join) = &select.array_join {
            (plan, scope) = self.array_join(plan, scope, join)?;
        }
        let items = expand_items(&scope, select)?;
        let width = plan.schema().len();
        let resolved = self.resolve_select(select, &scope, &items, width)?;
        let column_name = |index: usize| -> String {
            let column = scope.columns.iter().find(|c| c.index == Some(index));
            column.map_or_else(|| format!("#{index}"), |c| c.name.clone())
        };
        let mut resolved = resolved;
        plan = resolved.join_subqueries(plan, self.environment)?;
        // One node for all conditions: there may be thousands, and plans are walked by recursion.
        let conditions = std::mem::take(&mut resolved.filter);
        plan = super::filtered(plan, conditions, self.environment)?;
        if resolved.grouped {
            plan = aggregate(plan, &mut resolved, &column_name)?;
        }
        if let Some(having) = resolved.having.take() {
            plan = Plan::Filter { input: Box::new(plan), predicate: having };
        }
        self.finish(plan, select, resolved)
    }

    fn array_join(
        &mut self,
        plan: Plan,
        scope: Scope,
        join: &sql::ast::ArrayJoin,
    ) -> Result<(Plan, Scope)> {
        let width = plan.schema().len();
        let mut fields = plan.schema().fields().to_vec();
        let mut arrays = Vec::with_capacity(join.arrays.len());
        let mut extended = scope.clone();
        let label = super::scope::TableLabel::default();
        let table = extended.tables.len();
        extended.tables.push(label);
        for (at, array) in join.arrays.iter().enumerate() {
            let (expression, name) = match array {
                Expression::Alias(inner, name) => (inner.as_ref(), name.clone()),
                Expression::Identifier(name) => (array, name.last().to_owned()),
                other => (other, sql::column_name(other)),
            };
            let mut resolver = self.resolver(&scope, [expression])?;
            let resolved = resolver.row_expression(expression)?;
            let Some(item) = resolved.data_type().list_item() else {
                bail!(
                    TypeMismatch,
                    "ARRAY JOIN requires an array argument, {name} is {}",
                    resolved.data_type()
                );
            };
            fields.push(Field::new(name.clone(), item.clone()));
            arrays.push(resolved);
            if !matches!(array, Expression::Alias(..)) {
                extended.columns.retain(|c| c.name != name);
            }
            extended.columns.push(super::scope::ScopeColumn {
                table,
                name,
                data_type: item,
                index: Some(width + at),
                hidden: matches!(array, Expression::Alias(..)),
                alias: None,
                merged: false,
            });
        }
        let plan = Plan::ArrayJoin(ArrayJoin {
            input: Box::new(plan),
            arrays,
            left: join.left,
            schema: Schema::new(fields),
        });
        Ok((plan, extended))
    }

    fn resolve_select(
        &mut self,
        select: &Select,
        scope: &Scope,
        items: &[Expression],
        width: usize,
    ) -> Result<Resolved> {
        check_supported(select)?;
        let sources = clauses(select, items);
        let mut resolver = self.resolver(scope, sources)?;
        resolver.width = Some(width);
        let mut filter = Vec::new();
        for condition in select.prewhere.iter().chain(&select.filter) {
            let resolved = resolver.row_expression(condition)?;
            check_condition(&resolved, "WHERE")?;
            filter.extend(super::join::conjuncts(resolved));
        }
        let keys = resolver.group_keys(select, items)?;
        resolver.aggregates_allowed = true;
        let resolved_items =
            items.iter().map(|i| resolver.resolve(i)).collect::<Result<Vec<_>>>()?;
        let having = select.having.as_ref().map(|h| resolver.resolve(h)).transpose()?;
        if let Some(having) = &having {
            check_condition(having, "HAVING")?;
        }
        let order = resolver.order(select, items)?;
        let limit_by = match &select.limit_by {
            Some(limit_by) => {
                limit_by.by.iter().map(|e| resolver.positional(e, items)).collect::<Result<_>>()?
            }
            None => Vec::new(),
        };
        let distinct_on = match &select.distinct {
            Some(DistinctClause::On(on)) => {
                Some(on.iter().map(|e| resolver.positional(e, items)).collect::<Result<_>>()?)
            }
            _ => None,
        };
        let calls = std::mem::take(&mut resolver.calls);
        let correlated = std::mem::take(&mut resolver.correlated);
        let keys = match keys {
            Some(keys) => keys,
            None if matches!(select.group_by, Some(GroupBy::All)) => group_by_all(&resolved_items),
            None => Vec::new(),
        };
        let grouped = select.group_by.is_some() || !calls.is_empty() || having.is_some();
        let names = items.iter().map(item_name).collect();
        Ok(Resolved {
            names,
            items: resolved_items,
            filter,
            keys,
            grouped,
            calls,
            having,
            order,
            limit_by,
            distinct_on,
            correlated,
        })
    }

    /// Projection, DISTINCT, ORDER BY, LIMIT BY, LIMIT, and what was computed beside dropped again.
    fn finish(&mut self, plan: Plan, select: &Select, resolved: Resolved) -> Result<Plan> {
        let width = resolved.items.len();
        let mut computed = resolved.items;
        let mut place = |e: Expr| -> Expr {
            let data_type = e.data_type();
            let at = computed.iter().position(|c| *c == e).unwrap_or_else(|| {
                computed.push(e);
                computed.len() - 1
            });
            Expr::column(at, data_type)
        };
        let keys: Vec<SortKey> = resolved
            .order
            .into_iter()
            .map(|(e, descending, nulls_first)| SortKey {
                expression: place(e),
                descending,
                nulls_first,
            })
            .filter(|key| !matches!(key.expression, Expr::Literal { .. }))
            .collect();
        let by: Vec<Expr> = resolved.limit_by.into_iter().map(&mut place).collect();
        let distinct_on: Option<Vec<usize>> = resolved
            .distinct_on
            .map(|on| on.into_iter().map(&mut place).flat_map(|e| e.columns()).collect());
        let fields: Vec<Field> = computed
            .iter()
            .enumerate()
            .map(|(at, e)| {
                let name = resolved.names.get(at).cloned().unwrap_or_else(|| format!("#order{at}"));
                Field::new(name, e.data_type())
            })
            .collect();
        let visible = Schema::new(fields[..width].to_vec());
        let extra = computed.len() > width;
        let mut plan = Plan::Project {
            input: Box::new(plan),
            expressions: computed,
            schema: Schema::new(fields),
        };
        match (&select.distinct, distinct_on) {
            (Some(DistinctClause::All), _) => {
                plan = Plan::Distinct {
                    input: Box::new(plan),
                    columns: (0..width).collect(),
                    limit: None,
                };
            }
            (_, Some(columns)) => {
                plan = Plan::Distinct { input: Box::new(plan), columns, limit: None }
            }
            _ => {}
        }
        if !keys.is_empty() {
            plan = Plan::Sort { input: Box::new(plan), keys: keys.clone(), limit: None };
        }
        if let Some(limit_by) = &select.limit_by {
            let limit = self.count(&limit_by.limit, "LIMIT BY")?;
            let offset = match &limit_by.offset {
                Some(offset) => self.count(offset, "OFFSET of LIMIT BY")?,
                None => 0,
            };
            plan = Plan::LimitBy { input: Box::new(plan), offset, limit, by };
        }
        if let Some(limit) = &select.limit {
            let kept = limit.limit.as_ref().map(|l| self.count(l, "LIMIT")).transpose()?;
            let offset = limit.offset.as_ref().map_or(Ok(0), |o| self.count(o, "OFFSET"))?;
            let ties = if limit.with_ties {
                keys.into_iter().map(|k| k.expression).collect()
            } else {
                Vec::new()
            };
            plan = Plan::Limit { input: Box::new(plan), offset, limit: kept, ties };
        }
        if extra {
            let expressions = super::columns_of(&visible);
            plan = Plan::Project { input: Box::new(plan), expressions, schema: visible };
        }
        Ok(plan)
    }

    /// A number of rows written as a constant expression.
    fn count(&mut self, expression: &Expression, clause: &str) -> Result<u64> {
        let scope = Scope::default();
        let mut resolver = self.resolver(&scope, [expression])?;
        match resolver.row_expression(expression)? {
            Expr::Literal { value: Value::Int(count), .. } if count >= 0 => {
                Ok(u64::try_from(count).unwrap_or(u64::MAX))
            }
            Expr::Literal { value: Value::Null, .. } => Ok(u64::MAX),
            _ => bail!(
                InvalidLimitExpression,
                "The value {expression} of {clause} expression is not a natural number"
            ),
        }
    }
}

fn aggregate(plan: Plan, resolved: &mut Resolved, name: &dyn Fn(usize) -> String) -> Result<Plan> {
    let constant = |k: &Expr| matches!(k, Expr::Literal { .. });
    let mut keys: Vec<Expr> = Vec::new();
    for key in &resolved.keys {
        if !constant(key) && !keys.contains(key) {
            keys.push(key.clone());
        }
    }
    if keys.is_empty() && !resolved.keys.is_empty() {
        keys.push(resolved.keys[0].clone());
    }
    let over = OverGroups::new(&keys);
    let rewrite = |e: &Expr| over.rewrite(e, name);
    resolved.items = resolved.items.iter().map(rewrite).collect::<Result<_>>()?;
    resolved.having = resolved.having.as_ref().map(rewrite).transpose()?;
    for (expression, ..) in &mut resolved.order {
        *expression = over.rewrite(expression, name)?;
    }
    resolved.limit_by = resolved.limit_by.iter().map(rewrite).collect::<Result<_>>()?;
    if let Some(on) = &mut resolved.distinct_on {
        *on = on.iter().map(rewrite).collect::<Result<_>>()?;
    }
    let mut fields: Vec<Field> = keys
        .iter()
        .enumerate()
        .map(|(at, k)| Field::new(format!("#key{at}"), k.data_type()))
        .collect();
    fields.extend(
        resolved
            .calls
            .iter()
            .enumerate()
            .map(|(at, c)| Field::new(format!("#call{at}"), c.data_type.clone())),
    );
    Ok(Plan::Aggregate(Aggregation {
        input: Box::new(plan),
        keys,
        calls: std::mem::take(&mut resolved.calls),
        schema: Schema::new(fields),
        limit: None,
        top: None,
    }))
}

fn check_supported(select: &Select) -> Result<()> {
    let missing = if select.totals {
        "WITH TOTALS"
    } else if select.qualify.is_some() {
        "QUALIFY"
    } else if select.interpolate.is_some() || select.order_by.iter().any(|o| o.fill.is_some()) {
        "WITH FILL"
    } else if select.order_by.iter().any(|o| o.collate.is_some()) {
        "COLLATE"
    } else if matches!(
        select.group_by,
        Some(GroupBy::Rollup(_) | GroupBy::Cube(_) | GroupBy::GroupingSets(_))
    ) {
        "ROLLUP, CUBE and GROUPING SETS"
    } else {
        return Ok(());
    };
    bail!(NotImplemented, "{missing} is not implemented yet")
}

/// A condition must be a number or NULL.
fn check_condition(condition: &Expr, clause: &str) -> Result<()> {
    let data_type = condition.data_type();
    let fine = matches!(data_type.inner(), DataType::UInt8 | DataType::Bool | DataType::Nothing)
        || data_type.inner().is_integer()
        || data_type.inner().is_float();
    if fine {
        return Ok(());
    }
    bail!(
        IllegalTypeOfColumnForFilter,
        "Illegal type {data_type} of expression of {clause}: it must be UInt8, Bool or another number"
    )
}

fn clauses<'s>(select: &'s Select, items: &'s [Expression]) -> Vec<&'s Expression> {
    let mut all: Vec<&Expression> = items.iter().collect();
    all.extend(&select.prewhere);
    all.extend(&select.filter);
    if let Some(GroupBy::Plain(keys)) = &select.group_by {
        all.extend(keys);
    }
    all.extend(&select.having);
    all.extend(select.order_by.iter().map(|o| &o.expression));
    if let Some(limit_by) = &select.limit_by {
        all.extend(&limit_by.by);
    }
    all
}

/// The selected expressions with `*` and COLUMNS written out.
fn expand_items(scope: &Scope, select: &Select) -> Result<Vec<Expression>> {
    let mut items = Vec::with_capacity(select.items.len());
    for item in &select.items {
        items.extend(super::asterisk::expand(scope, &item.expression)?);
    }
    if items.is_empty() {
        bail!(EmptyListOfColumnsQueried, "Empty list of columns in SELECT query");
    }
    Ok(items)
}

/// What a selected expression is called in the answer.
fn item_name(item: &Expression) -> String {
    match item {
        Expression::Alias(_, name) => name.clone(),
        Expression::Identifier(name) => name.last().to_owned(),
        other => sql::column_name(other),
    }
}

/// GROUP BY ALL: what is selected without aggregate functions.
fn group_by_all(items: &[Expr]) -> Vec<Expr> {
    let aggregated = |e: &Expr| e.columns().iter().any(|c| *c >= AGGREGATES);
    items.iter().filter(|e| !aggregated(e)).cloned().collect()
}

impl Resolver<'_, '_> {
    /// The keys of GROUP BY; none for GROUP BY ALL.
    fn group_keys(&mut self, select: &Select, items: &[Expression]) -> Result<Option<Vec<Expr>>> {
        match &select.group_by {
            Some(GroupBy::Plain(keys)) => {
                let mut resolved = Vec::new();
                for key in keys {
                    match key {
                        Expression::Tuple(parts) => {
                            for part in parts {
                                resolved.push(self.positional(part, items)?);
                            }
                        }
                        key => resolved.push(self.positional(key, items)?),
                    }
                }
                Ok(Some(resolved))
            }
            Some(GroupBy::All) => Ok(None),
            _ => Ok(Some(Vec::new())),
        }
    }

    /// An expression; a bare positive number means the selected expression at that place.
    fn positional(&mut self, expression: &Expression, items: &[Expression]) -> Result<Expr> {
        if let Expression::Literal(sql::ast::Literal::Number(text)) = expression
            && self.environment().setting("enable_positional_arguments").as_deref() != Some("0")
            && let Ok(place) = text.parse::<usize>()
        {
            let Some(item) = place.checked_sub(1).and_then(|at| items.get(at)) else {
                bail!(
                    BadArguments,
                    "Positional argument out of bounds: {place} (expected in range [1, {}])",
                    items.len()
                );
            };
            return self.resolve(item);
        }
        self.resolve(expression)
    }

    fn order(&mut self, select: &Select, items: &[Expression]) -> Result<Vec<(Expr, bool, bool)>> {
        let mut order = Vec::new();
        if select.order_by_all {
            let first = select.order_by.first();
            for item in items {
                let resolved = self.resolve(item)?;
                order.push((
                    resolved,
                    first.is_some_and(|o| o.descending),
                    first.and_then(|o| o.nulls_first).unwrap_or(false),
                ));
            }
            return Ok(order);
        }
        for OrderByItem { expression, descending, nulls_first, .. } in &select.order_by {
            let parts: Vec<&Expression> = match expression {
                Expression::Tuple(parts) => parts.iter().collect(),
                other => vec![other],
            };
            for part in parts {
                let resolved = self.positional(part, items)?;
                order.push((resolved, *descending, nulls_first.unwrap_or(false)));
            }
        }
        Ok(order)
    }
}
