//! One SELECT.

use std::collections::HashMap;
use std::rc::Rc;

use base::{Result, bail};
use expr::Expr;
use sql::ast::{DistinctClause, Expression, FillClause, GroupBy, Select, WithItem};
use types::DataType;

use super::aggregation::GROUPING;
use super::array_join::add_array_joins;
use super::correlated::Correlated;
use super::grouping::{GroupKeys, aggregate, group_by_all};
use super::ordering::OrderItems;
use super::resolve::Resolver;
use super::scope::Scope;
use super::score::WantedScores;
use super::window::{PendingWindow, add_windows, named_windows};
use super::{ARRAY_JOINS, Analyzer, pseudo};
use crate::{AggregateCall, Plan};

/// A SELECT whose expressions are resolved.
pub(super) struct Resolved {
    pub(super) names: Vec<String>,
    pub(super) items: Vec<Expr>,
    pub(super) filter: Vec<Expr>,
    pub(super) keys: Vec<Expr>,
    /// The sets of keys, if there are several, and whether they were written out.
    pub(super) sets: Option<(Vec<Vec<Expr>>, bool)>,
    pub(super) grouped: bool,
    pub(super) calls: Vec<AggregateCall>,
    pub(super) having: Option<Expr>,
    pub(super) windows: Vec<PendingWindow>,
    /// Arrays that are still to be joined.
    pub(super) array_joins: Vec<Option<Expr>>,
    pub(super) qualify: Option<Expr>,
    pub(super) order: Vec<(Expr, bool, bool)>,
    /// WITH FILL of each item of the order.
    pub(super) fills: Vec<Option<FillClause>>,
    pub(super) limit_by: Vec<Expr>,
    pub(super) distinct_on: Option<Vec<Expr>>,
    pub(super) correlated: Vec<Correlated>,
}

impl Resolved {
    /// Replaces every expression that is computed after groups and windows.
    pub(super) fn map(&mut self, change: impl Fn(Expr) -> Expr) {
        let all = |list: &mut Vec<Expr>| {
            *list = std::mem::take(list).into_iter().map(&change).collect();
        };
        all(&mut self.items);
        all(&mut self.limit_by);
        self.distinct_on.iter_mut().for_each(all);
        self.qualify = self.qualify.take().map(&change);
        let order = std::mem::take(&mut self.order);
        self.order = order.into_iter().map(|(e, d, n)| (change(e), d, n)).collect();
    }

    /// Replaces every expression but the arrays that are still to be joined.
    pub(super) fn map_all(&mut self, change: impl Fn(Expr) -> Expr) {
        self.each(&mut |e| {
            let placeholder = Expr::literal(types::Value::Null, DataType::null());
            *e = change(std::mem::replace(e, placeholder));
        });
    }
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
        self.tables.push(Rc::new(tables));
        self.expressions.push(Rc::new(expressions));
        let working = self.working.len();
        let planned = self.with_recursive(select).and_then(|()| self.select_inner(select));
        self.working.truncate(working);
        self.tables.pop();
        self.expressions.pop();
        planned
    }

    /// Computes the tables of WITH RECURSIVE that name themselves.
    fn with_recursive(&mut self, select: &Select) -> Result<()> {
        if !select.recursive {
            return Ok(());
        }
        for item in &select.with {
            if let WithItem::Table(table) = item
                && let Some(rows) = self.recursive_table(table)?
            {
                self.working.push((table.name.clone(), rows));
            }
        }
        Ok(())
    }

    fn select_inner(&mut self, select: &Select) -> Result<Plan> {
        self.scores.push(WantedScores::of(select));
        let from = select.from.as_ref().map(|from| self.from(from)).transpose();
        self.scores.pop();
        let (mut plan, mut scope) = from?.map_or_else(one_row, Ok)?;
        if let Some(join) = &select.array_join {
            (plan, scope) = self.array_join(plan, scope, join)?;
        }
        let items = self.expand_items(&scope, select)?;
        let width = plan.schema().len();
        let resolved = self.resolve_select(select, &scope, &items, width)?;
        let column_name = |index: usize| -> String {
            let column = scope.columns.iter().find(|c| c.index == Some(index));
            column.map_or_else(|| format!("#{index}"), |c| c.name.clone())
        };
        let mut resolved = resolved;
        plan = resolved.join_subqueries(plan, self.environment)?;
        plan = self.filtered_and_joined(plan, &mut resolved)?;
        if resolved.grouped {
            plan = aggregate(plan, &mut resolved, select, self.environment, &column_name)?;
            plan = add_array_joins(plan, &mut resolved, true);
        }
        if let Some(having) = resolved.having.take() {
            plan = Plan::Filter { input: Box::new(plan), predicate: having };
        }
        plan = add_windows(plan, &mut resolved)?;
        if let Some(qualify) = resolved.qualify.take() {
            plan = Plan::Filter { input: Box::new(plan), predicate: qualify };
        }
        self.finish(plan, select, resolved)
    }

    /// The selected expressions with `*`, COLUMNS and `untuple(...)` written out.
    fn expand_items(&mut self, scope: &Scope, select: &Select) -> Result<Vec<Expression>> {
        let mut items = Vec::with_capacity(select.items.len());
        for item in &select.items {
            for expression in super::asterisk::expand(scope, &item.expression)? {
                match untupled(&expression) {
                    Some((tuple, alias)) => {
                        items.extend(self.fields_of(scope, select, tuple, alias)?);
                    }
                    None => items.push(expression),
                }
            }
        }
        if items.is_empty() {
            bail!(EmptyListOfColumnsQueried, "Empty list of columns in SELECT query");
        }
        Ok(items)
    }

    /// The fields of a tuple as expressions; named by the alias, or as a call would be.
    fn fields_of(
        &mut self,
        scope: &Scope,
        select: &Select,
        tuple: &Expression,
        alias: Option<&str>,
    ) -> Result<Vec<Expression>> {
        let written: Vec<Expression> = select.items.iter().map(|i| i.expression.clone()).collect();
        let mut resolver = self.resolver(scope, &written)?;
        resolver.array_joins_allowed = true;
        resolver.aggregates_allowed = true;
        let data_type = resolver.resolve(tuple)?.data_type();
        let DataType::Tuple(fields) = data_type.inner() else {
            bail!(IllegalTypeOfArgument, "Function untuple expects a tuple, not {data_type}");
        };
        let field = |(at, field): (usize, &types::TupleField)| {
            let place = Expression::TupleIndex(Box::new(tuple.clone()), at as u64 + 1);
            let own = field.name.clone().unwrap_or_else(|| (at + 1).to_string());
            let name = match alias {
                Some(alias) => format!("{alias}.{own}"),
                None => format!("tupleElement({}, '{own}')", sql::column_name(tuple)),
            };
            Expression::Alias(Box::new(place), name)
        };
        Ok(fields.iter().enumerate().map(field).collect())
    }

    /// WHERE, and a row for each element of the arrays of `arrayJoin(...)`.
    fn filtered_and_joined(&mut self, plan: Plan, resolved: &mut Resolved) -> Result<Plan> {
        // One node for all conditions: there may be thousands, and plans are walked by recursion.
        let conditions = std::mem::take(&mut resolved.filter);
        let of_elements = |e: &Expr| e.columns().iter().any(|c| pseudo(*c, ARRAY_JOINS).is_some());
        let (later, first): (Vec<_>, Vec<_>) = conditions.into_iter().partition(of_elements);
        let plan = super::filtered(plan, first, self.environment)?;
        if resolved.array_joins.is_empty() {
            return Ok(plan);
        }
        resolved.filter = later;
        let plan = add_array_joins(plan, resolved, false);
        super::filtered(plan, std::mem::take(&mut resolved.filter), self.environment)
    }

    fn resolve_select(
        &mut self,
        select: &Select,
        scope: &Scope,
        items: &[Expression],
        width: usize,
    ) -> Result<Resolved> {
        let sources = clauses(select, items);
        let mut resolver = self.resolver(scope, sources)?;
        resolver.named_windows = named_windows(&select.windows)?;
        resolver.array_joins_allowed = true;
        resolver.width = Some(width);
        let filter = resolver.conditions(select)?;
        let keys = resolver.group_keys(select, items)?;
        resolver.aggregates_allowed = true;
        let having = select.having.as_ref().map(|h| resolver.resolve(h)).transpose()?;
        if let Some(having) = &having {
            check_condition(having, "HAVING")?;
        }
        resolver.windows_allowed = true;
        let resolved_items =
            items.iter().map(|i| resolver.resolve(i)).collect::<Result<Vec<_>>>()?;
        let qualify = select.qualify.as_ref().map(|q| resolver.resolve(q)).transpose()?;
        if let Some(qualify) = &qualify {
            check_condition(qualify, "QUALIFY")?;
        }
        let OrderItems { order, fills } = resolver.order(select, items)?;
        let by = select.limit_by.iter().flat_map(|limit_by| &limit_by.by);
        let limit_by = by.map(|e| resolver.positional(e, items)).collect::<Result<_>>()?;
        let distinct_on = match &select.distinct {
            Some(DistinctClause::On(on)) => {
                Some(on.iter().map(|e| resolver.positional(e, items)).collect::<Result<_>>()?)
            }
            _ => None,
        };
        let calls = std::mem::take(&mut resolver.calls);
        let windows = std::mem::take(&mut resolver.windows);
        let array_joins = resolver.array_joins.drain(..).map(Some).collect();
        let (keys, sets) = match keys {
            GroupKeys::Plain(keys) => (keys, None),
            GroupKeys::All => (group_by_all(&resolved_items), None),
            GroupKeys::Sets { sets, written } => (sets.concat(), Some((sets, written))),
        };
        let correlated = std::mem::take(&mut resolver.correlated);
        let grouped =
            select.group_by.is_some() || select.totals || !calls.is_empty() || having.is_some();
        if !grouped {
            check_no_grouping(resolved_items.iter().chain(order.iter().map(|(e, ..)| e)))?;
        }
        let names = items.iter().map(|item| item_name(scope, item)).collect();
        Ok(Resolved {
            names,
            items: resolved_items,
            filter,
            keys,
            sets,
            grouped,
            calls,
            having,
            windows,
            array_joins,
            qualify,
            order,
            fills,
            limit_by,
            distinct_on,
            correlated,
        })
    }
}

/// `grouping()` needs groups.
fn check_no_grouping<'e>(mut expressions: impl Iterator<Item = &'e Expr>) -> Result<()> {
    let mut found = false;
    let is_grouping = |e: &Expr| matches!(e, Expr::Call { function, .. } if function == GROUPING);
    expressions.try_for_each(|expression| {
        expression.visit(&mut |e| found |= is_grouping(e));
        if found {
            bail!(IllegalAggregation, "GROUPING function is found in SELECT without GROUP BY");
        }
        Ok(())
    })
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

pub(super) fn clauses<'s>(select: &'s Select, items: &'s [Expression]) -> Vec<&'s Expression> {
    let mut all: Vec<&Expression> = items.iter().collect();
    all.extend(&select.prewhere);
    all.extend(&select.filter);
    match &select.group_by {
        Some(GroupBy::Plain(keys) | GroupBy::Rollup(keys) | GroupBy::Cube(keys)) => {
            all.extend(keys);
        }
        Some(GroupBy::GroupingSets(sets)) => all.extend(sets.iter().flatten()),
        Some(GroupBy::All) | None => {}
    }
    all.extend(&select.having);
    for named in &select.windows {
        all.extend(&named.window.partition_by);
        all.extend(named.window.order_by.iter().map(|o| &o.expression));
    }
    all.extend(&select.qualify);
    all.extend(select.order_by.iter().map(|o| &o.expression));
    if let Some(limit_by) = &select.limit_by {
        all.extend(&limit_by.by);
    }
    all
}

/// What SELECT without FROM reads: `system.one`, a row with the column `dummy`.
fn one_row() -> Result<(Plan, Scope)> {
    let column = types::Column::constant(&DataType::UInt8, &types::Value::Int(0), 1)?;
    let schema = types::Schema::new(vec![types::Field::new("dummy", DataType::UInt8)]);
    let blocks = vec![types::Block::new(vec![column], 1)];
    let label = super::scope::TableLabel {
        alias: None,
        database: Some("system".to_owned()),
        name: Some("one".to_owned()),
    };
    let column = crate::RelationColumn {
        name: "dummy".to_owned(),
        data_type: DataType::UInt8,
        kind: crate::ColumnKind::Ordinary,
    };
    let mut scope = Scope::default();
    scope.add_table(label, &[column], 0);
    Ok((Plan::Values { schema, blocks }, scope))
}

/// The tuple of `untuple(tuple)`, and the alias that stands behind it.
fn untupled(expression: &Expression) -> Option<(&Expression, Option<&str>)> {
    match expression {
        Expression::Alias(inner, name) => untupled(inner).map(|(tuple, _)| (tuple, Some(&**name))),
        Expression::Function(call) if call.name == "untuple" => match call.arguments.as_slice() {
            [tuple] => Some((tuple, None)),
            _ => None,
        },
        _ => None,
    }
}

/// What a selected expression is called in the answer.
fn item_name(scope: &Scope, item: &Expression) -> String {
    match item {
        Expression::Alias(_, name) => name.clone(),
        Expression::Identifier(name) if name.0.len() == 2 => {
            scope.shown_name(&name.0[..1], &name.0[1])
        }
        Expression::Identifier(name) => name.last().to_owned(),
        other => sql::column_name(other),
    }
}

impl Resolver<'_, '_> {
    /// PREWHERE and WHERE.
    fn conditions(&mut self, select: &Select) -> Result<Vec<Expr>> {
        let mut filter = Vec::new();
        for condition in select.prewhere.iter().chain(&select.filter) {
            let resolved = self.row_expression(condition)?;
            check_condition(&resolved, "WHERE")?;
            filter.extend(super::join::conjuncts(resolved));
        }
        Ok(filter)
    }

    /// An expression; a bare positive number means the selected expression at that place.
    pub(super) fn positional(
        &mut self,
        expression: &Expression,
        items: &[Expression],
    ) -> Result<Expr> {
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
}
