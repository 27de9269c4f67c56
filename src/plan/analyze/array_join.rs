//! ARRAY JOIN: the plan, and what names mean over its rows; and `arrayJoin(...)` within expressions.
//!
//! The function's argument is put aside and a reference to a pseudo-column from [`ARRAY_JOINS`] on stays. Arrays of
//! rows become a node below everything else, arrays of groups one above the groups; the same
//! array is only joined once.

use base::{Result, bail};
use expr::Expr;
use sql::ast::Expression;
use types::{Field, Schema};

use super::aggregation::numbered;
use super::resolve::Resolver;
use super::scope::Scope;
use super::select::Resolved;
use super::window::refers_aside;
use super::{ARRAY_JOINS, Analyzer, place_of, pseudo};
use crate::{ArrayJoin, Plan};

impl Analyzer<'_> {
    /// The rows of ARRAY JOIN.
    pub(super) fn array_join(
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
        let written = nested_arrays(&scope, &join.arrays);
        for (at, array) in written.iter().enumerate() {
            let (expression, name) = match array {
                Expression::Alias(inner, name) => (inner.as_ref(), name.clone()),
                Expression::Identifier(name) if has_column(&scope, &name.0.join(".")) => {
                    (array, name.0.join("."))
                }
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
                analyzer: None,
            });
        }
        let plan = Plan::ArrayJoin(ArrayJoin {
            input: Box::new(plan),
            arrays,
            left: join.left,
            unaligned: self.environment.flag("enable_unaligned_array_join"),
            schema: Schema::new(fields),
        });
        Ok((plan, extended))
    }
}

fn has_column(scope: &Scope, name: &str) -> bool {
    scope.columns.iter().any(|c| c.name == name)
}

/// The arrays of ARRAY JOIN with those of nested columns in the place of the nested columns' names:
/// `n` stands for `n.a, n.b`, and `n AS m` makes `m.a, m.b` of them.
fn nested_arrays(scope: &Scope, written: &[Expression]) -> Vec<Expression> {
    let mut arrays = Vec::with_capacity(written.len());
    for array in written {
        let (inner, alias) = match array {
            Expression::Alias(inner, alias) => (inner.as_ref(), Some(alias)),
            other => (other, None),
        };
        let before = arrays.len();
        if let Expression::Identifier(name) = inner
            && !has_column(scope, &name.0.join("."))
            && !has_column(scope, name.last())
        {
            let prefix = format!("{}.", name.last());
            for column in &scope.columns {
                let Some(field) = column.name.strip_prefix(&prefix) else { continue };
                if column.data_type.list_item().is_none() {
                    continue;
                }
                let mut parts = name.0.clone();
                parts.push(field.to_owned());
                let array = Expression::Identifier(sql::ast::Name(parts));
                arrays.push(match alias {
                    Some(alias) => Expression::Alias(Box::new(array), format!("{alias}.{field}")),
                    None => array,
                });
            }
        }
        if arrays.len() == before {
            arrays.push(array.clone());
        }
    }
    arrays
}

impl Resolver<'_, '_> {
    /// `arrayJoin(array)`: the array goes to the side, a reference to its elements stays.
    pub(super) fn array_join_call(&mut self, arguments: &[Expression]) -> Result<Expr> {
        let [argument] = arguments else {
            bail!(NumberOfArgumentsDoesntMatch, "Function arrayJoin takes exactly one argument");
        };
        if !self.array_joins_allowed || !self.lambda_parameters.is_empty() {
            bail!(
                UnexpectedExpression,
                "Function arrayJoin stands where the number of rows cannot change: in a lambda, a key or a default"
            );
        }
        let array = self.resolve(argument)?;
        let data_type = array.data_type().without_low_cardinality();
        let Some(item) = data_type.list_item() else {
            bail!(
                IllegalTypeOfArgument,
                "Argument for function arrayJoin must be Array, not {data_type}"
            );
        };
        let at = place_of(&mut self.array_joins, numbered(&array));
        Ok(Expr::column(ARRAY_JOINS + at, item))
    }
}

/// Which of some arrays WHERE, the keys of GROUP BY or arguments of aggregate functions need, so that they are
/// joined before the rows are grouped.
fn needed_by_groups(pending: &[Option<Expr>], resolved: &Resolved) -> Vec<bool> {
    let mut needed = vec![false; pending.len()];
    let sets = resolved.sets.iter().flat_map(|(sets, _)| sets.iter().flatten());
    let of_calls = resolved.calls.iter().flat_map(|call| &call.arguments);
    let mut waiting: Vec<&Expr> =
        resolved.filter.iter().chain(&resolved.keys).chain(sets).chain(of_calls).collect();
    while let Some(expression) = waiting.pop() {
        for column in expression.columns() {
            if let Some(at) = pseudo(column, ARRAY_JOINS)
                && !std::mem::replace(&mut needed[at], true)
            {
                waiting.extend(&pending[at]);
            }
        }
    }
    needed
}

/// Joins the arrays of `arrayJoin(...)` that can be computed now: those of rows, or (after grouping) all.
pub(super) fn add_array_joins(mut plan: Plan, resolved: &mut Resolved, grouped: bool) -> Plan {
    let pending = resolved.array_joins.clone();
    let needed = needed_by_groups(&pending, resolved);
    let mut places: Vec<Option<usize>> = vec![None; pending.len()];
    let place_of = |places: &[Option<usize>], e: Expr| {
        e.remap(&|c| match pseudo(c, ARRAY_JOINS).and_then(|at| places[at]) {
            Some(place) => place,
            None => c,
        })
    };
    for (at, array) in pending.iter().enumerate() {
        let Some(array) = array else { continue };
        let array = place_of(&places, array.clone());
        let waits = array.columns().iter().any(|c| pseudo(*c, ARRAY_JOINS).is_some());
        if waits || !grouped && (refers_aside(&array) || resolved.grouped && !needed[at]) {
            continue;
        }
        let mut fields = plan.schema().fields().to_vec();
        let item = array.data_type().without_low_cardinality().list_item();
        places[at] = Some(fields.len());
        fields.push(Field::new(format!("#element{at}"), item.unwrap_or(types::DataType::Nothing)));
        let (arrays, schema) = (vec![array], Schema::new(fields));
        plan = Plan::ArrayJoin(ArrayJoin {
            input: Box::new(plan),
            arrays,
            left: false,
            unaligned: false,
            schema,
        });
    }
    if places.iter().any(Option::is_some) {
        for (pending, place) in resolved.array_joins.iter_mut().zip(&places) {
            if place.is_some() {
                *pending = None;
            } else if let Some(array) = pending.take() {
                *pending = Some(place_of(&places, array));
            }
        }
        resolved.map_all(|e| place_of(&places, e));
    }
    plan
}
