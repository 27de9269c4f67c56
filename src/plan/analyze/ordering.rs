//! What is done to a SELECT's rows at the end: projection, DISTINCT, ORDER BY, LIMIT BY, LIMIT.

use base::{Result, bail};
use expr::Expr;
use sql::ast::{DistinctClause, Expression, FillClause, OrderByItem, Select};
use types::{DataType, Field, Schema, Value};

use super::Analyzer;
use super::resolve::Resolver;
use super::scope::Scope;
use super::select::Resolved;
use crate::{Plan, SortKey};

/// The items of ORDER BY.
pub(super) struct OrderItems {
    /// Expression, whether descending, whether NULL comes first.
    pub(super) order: Vec<(Expr, bool, bool)>,
    /// How each is filled.
    pub(super) fills: Vec<Option<FillClause>>,
}

impl Analyzer<'_> {
    /// Projection, DISTINCT, ORDER BY, LIMIT BY, LIMIT, and what was computed beside dropped again.
    pub(super) fn finish(
        &mut self,
        plan: Plan,
        select: &Select,
        resolved: Resolved,
    ) -> Result<Plan> {
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
        let distinct = match &select.distinct {
            Some(DistinctClause::All) => Some((0..width).collect()),
            _ => distinct_on,
        };
        if let Some(columns) = distinct {
            plan = Plan::Distinct { input: Box::new(plan), columns, limit: None };
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
        plan = self.filled(plan, select, &resolved.fills, &keys)?;
        plan = self.limited(plan, select, keys)?;
        if extra {
            let expressions = super::columns_of(&visible);
            plan = Plan::Project { input: Box::new(plan), expressions, schema: visible };
        }
        Ok(plan)
    }

    /// LIMIT and OFFSET.
    fn limited(&mut self, plan: Plan, select: &Select, keys: Vec<SortKey>) -> Result<Plan> {
        let Some(limit) = &select.limit else { return Ok(plan) };
        let kept = limit.limit.as_ref().map(|l| self.count(l, "LIMIT")).transpose()?;
        let offset = limit.offset.as_ref().map_or(Ok(0), |o| self.count(o, "OFFSET"))?;
        let ties = if limit.with_ties {
            keys.into_iter().map(|k| k.expression).collect()
        } else {
            Vec::new()
        };
        Ok(Plan::Limit { input: Box::new(plan), offset, limit: kept, ties })
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

impl Resolver<'_, '_> {
    /// What ORDER BY orders by.
    pub(super) fn order(&mut self, select: &Select, items: &[Expression]) -> Result<OrderItems> {
        let (mut order, mut fills) = (Vec::new(), Vec::new());
        if select.order_by_all {
            let first = select.order_by.first();
            for item in items {
                let resolved = self.resolve(item)?;
                order.push((
                    resolved,
                    first.is_some_and(|o| o.descending),
                    first.and_then(|o| o.nulls_first).unwrap_or(false),
                ));
                fills.push(None);
            }
            return Ok(OrderItems { order, fills });
        }
        for OrderByItem { expression, descending, nulls_first, collate, fill } in &select.order_by {
            let resolved = match expression {
                Expression::Tuple(parts) => {
                    parts.iter().map(|part| self.resolve(part)).collect::<Result<_>>()?
                }
                other => vec![self.positional(other, items)?],
            };
            for resolved in resolved {
                let resolved = self.collated(resolved, collate.as_deref())?;
                order.push((resolved, *descending, nulls_first.unwrap_or(false)));
                fills.push(fill.clone());
            }
        }
        Ok(OrderItems { order, fills })
    }

    /// What strings are ordered by in a language.
    pub(super) fn collated(&mut self, key: Expr, locale: Option<&str>) -> Result<Expr> {
        let Some(locale) = locale else { return Ok(key) };
        let data_type = key.data_type().without_low_cardinality();
        if *data_type.inner() != DataType::String {
            bail!(
                BadCollation,
                "Collation could be specified only for String, LowCardinality(String) and Nullable(String), not {data_type}"
            );
        }
        let locale = Expr::literal(Value::from(locale), DataType::String);
        self.call("collationKey", vec![key, locale])
    }
}
