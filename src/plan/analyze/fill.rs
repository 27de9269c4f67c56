//! ORDER BY ... WITH FILL and INTERPOLATE.

use base::{Result, bail};
use expr::Expr;
use sql::ast::{Expression, FillClause, Select};
use types::{DataType, Schema, Value};

use super::literal::cast_to;
use super::scope::{Scope, ScopeColumn, TableLabel};
use super::{Analyzer, build_call};
use crate::{Fill, FillColumn, FillStep, Plan, SortKey};

impl Analyzer<'_> {
    /// The sorted rows of a SELECT with missing ones put in, if it says so.
    pub(super) fn filled(
        &mut self,
        plan: Plan,
        select: &Select,
        fills: &[Option<FillClause>],
        keys: &[SortKey],
    ) -> Result<Plan> {
        let Some(first) = fills.iter().position(Option::is_some) else {
            if select.interpolate.is_some() {
                bail!(InvalidWithFillExpression, "INTERPOLATE stands without WITH FILL");
            }
            return Ok(plan);
        };
        let schema = plan.schema();
        let place = |key: &SortKey| key.expression.columns().first().copied();
        let prefix: Vec<usize> = keys[..first].iter().filter_map(place).collect();
        let mut columns: Vec<FillColumn> = Vec::new();
        for (key, clause) in keys.iter().zip(fills) {
            let (Some(clause), Some(column)) = (clause, place(key)) else { continue };
            if columns.iter().any(|c| c.column == column) {
                continue;
            }
            columns.push(self.fill_column(key, column, clause)?);
        }
        let ordered: Vec<usize> = keys.iter().filter_map(place).collect();
        let interpolated = match &select.interpolate {
            Some(items) => self.interpolated(items, &schema, &ordered, select.items.len())?,
            None => Vec::new(),
        };
        Ok(Plan::Fill(Fill { input: Box::new(plan), prefix, columns, interpolated }))
    }

    fn fill_column(
        &mut self,
        key: &SortKey,
        column: usize,
        clause: &FillClause,
    ) -> Result<FillColumn> {
        let data_type = key.expression.data_type();
        let inner = data_type.inner().clone();
        let number = (inner.is_integer() && inner.bits() <= Some(128)) || inner.is_float();
        if !number && !inner.is_date() && !inner.is_datetime() {
            bail!(
                InvalidWithFillExpression,
                "Incompatible types of WITH FILL expression values with column type {data_type}: only numbers, \
                 dates and times can be filled"
            );
        }
        if clause.staleness.is_some() && clause.from.is_some() {
            bail!(
                InvalidWithFillExpression,
                "WITH FILL STALENESS cannot be used together with WITH FILL FROM"
            );
        }
        let descending = key.descending;
        let from = clause.from.as_ref().map(|e| self.fill_bound(e, &inner)).transpose()?;
        let to = clause.to.as_ref().map(|e| self.fill_bound(e, &inner)).transpose()?;
        let one = Value::Int(if descending { -1 } else { 1 });
        let step = match &clause.step {
            Some(step) => self.fill_step(step, &inner, descending, "STEP")?,
            None => FillStep::Number(scaled(one, &DataType::Int8, &inner)?),
        };
        let staleness = clause
            .staleness
            .as_ref()
            .map(|step| self.fill_step(step, &inner, descending, "STALENESS"))
            .transpose()?;
        Ok(FillColumn { column, data_type, descending, from, to, step, staleness })
    }

    /// A constant.
    fn constant(&mut self, expression: &Expression) -> Result<(Value, DataType)> {
        let scope = Scope::default();
        let mut resolver = self.resolver(&scope, [expression])?;
        match resolver.row_expression(expression)? {
            Expr::Literal { value, data_type } => Ok((value, data_type)),
            _ => bail!(
                InvalidWithFillExpression,
                "{expression} of WITH FILL must be a constant number, date or time"
            ),
        }
    }

    /// FROM or TO in the terms of the column.
    fn fill_bound(&mut self, expression: &Expression, inner: &DataType) -> Result<Value> {
        let (value, data_type) = self.constant(expression)?;
        let given = data_type.inner();
        let fits = match inner {
            t if t.is_float() => given.is_integer() || given.is_float(),
            t if t.is_integer() => given.is_integer(),
            t if t.is_date() => given.is_integer() || given.is_date(),
            _ => given.is_integer() || given.is_date() || given.is_datetime(),
        };
        if !fits {
            bail!(
                InvalidWithFillExpression,
                "Incompatible types of WITH FILL expression values with column type {inner}: {data_type}"
            );
        }
        if inner.is_unsigned_integer() && matches!(value, Value::Int(v) if v < 0) {
            bail!(
                InvalidWithFillExpression,
                "WITH FILL bound values cannot be negative for unsigned type {inner}"
            );
        }
        if inner.is_integer() {
            return Ok(value);
        }
        if inner.is_float() {
            return Ok(value.as_float().map_or(value, Value::Float));
        }
        let literal = Expr::literal(value, data_type);
        let name = Expr::literal(Value::from(inner.to_string().as_str()), DataType::String);
        match build_call(self.environment, "_CAST", vec![literal, name])? {
            Expr::Literal { value, .. } => Ok(value),
            _ => bail!(InvalidWithFillExpression, "{expression} of WITH FILL must be constant"),
        }
    }

    fn fill_step(
        &mut self,
        expression: &Expression,
        inner: &DataType,
        descending: bool,
        word: &str,
    ) -> Result<FillStep> {
        let (value, data_type) = self.constant(expression)?;
        let sign = match &value {
            Value::Int(v) => v.signum() as i32,
            Value::Float(v) if *v > 0.0 => 1,
            Value::Float(v) if *v < 0.0 => -1,
            _ => 0,
        };
        if sign == 0 {
            bail!(InvalidWithFillExpression, "WITH FILL {word} value cannot be zero");
        }
        if (sign < 0) != descending {
            let (bad, direction) =
                if descending { ("positive", "descending") } else { ("negative", "ascending") };
            bail!(
                InvalidWithFillExpression,
                "WITH FILL {word} value cannot be {bad} for sorting in {direction} direction"
            );
        }
        if matches!(data_type, DataType::Interval(_)) {
            if !inner.is_date() && !inner.is_datetime() {
                bail!(
                    InvalidWithFillExpression,
                    "A WITH FILL {word} of {data_type} needs a date or a time, not {inner}"
                );
            }
            let column = Expr::column(0, inner.clone());
            let interval = Expr::literal(value, data_type);
            let sum = build_call(self.environment, "plus", vec![column, interval])?;
            if sum.data_type() != *inner {
                bail!(
                    InvalidWithFillExpression,
                    "A WITH FILL {word} of that unit cannot be added to {inner}"
                );
            }
            return Ok(FillStep::Interval(sum));
        }
        Ok(FillStep::Number(scaled(value, &data_type, inner)?))
    }

    /// What INTERPOLATE computes: the columns of its list, or else all that are not ordered by.
    fn interpolated(
        &mut self,
        items: &[(String, Option<Expression>)],
        schema: &Schema,
        ordered: &[usize],
        width: usize,
    ) -> Result<Vec<(usize, Expr)>> {
        let fields = schema.fields();
        if items.is_empty() {
            let free = (0..width.min(fields.len())).filter(|at| !ordered.contains(at));
            return Ok(free
                .map(|at| (at, Expr::column(at, fields[at].data_type.clone())))
                .collect());
        }
        let mut scope = Scope::default();
        scope.tables.push(TableLabel::default());
        for (at, field) in fields.iter().enumerate() {
            scope.columns.push(ScopeColumn {
                table: 0,
                name: field.name.clone(),
                data_type: field.data_type.clone(),
                index: Some(at),
                hidden: false,
                alias: None,
                merged: false,
                analyzer: None,
            });
        }
        let mut interpolated: Vec<(usize, Expr)> = Vec::with_capacity(items.len());
        for (name, expression) in items {
            let Some(at) = fields.iter().position(|f| f.name == *name) else {
                bail!(UnknownIdentifier, "Missing column '{name}' as an INTERPOLATE target");
            };
            if ordered.contains(&at) {
                bail!(
                    InvalidWithFillExpression,
                    "Column '{name}' is participating in ORDER BY expression and can't be INTERPOLATE output"
                );
            }
            if interpolated.iter().any(|(before, _)| *before == at) {
                bail!(InvalidWithFillExpression, "INTERPOLATE column '{name}' occurs twice");
            }
            let data_type = &fields[at].data_type;
            let value = match expression {
                None => Expr::column(at, data_type.clone()),
                Some(expression) => {
                    let mut resolver = self.resolver(&scope, [])?;
                    resolver.row_expression(expression)?
                }
            };
            interpolated.push((at, cast_to(value, data_type)));
        }
        Ok(interpolated)
    }
}

/// A number in the ticks of a type: a step of 1 is a second, a day, or 1.
fn scaled(value: Value, given: &DataType, inner: &DataType) -> Result<Value> {
    if inner.is_float() {
        return Ok(value.as_float().map_or(value, Value::Float));
    }
    let ticks = match inner {
        DataType::DateTime64(precision, _) => 10_i128.pow(u32::from(*precision)),
        _ => 1,
    };
    let given_ticks = match given {
        DataType::DateTime64(precision, _) => Some(10_i128.pow(u32::from(*precision))),
        DataType::DateTime(_) => Some(1),
        _ => None,
    };
    match value {
        // A time stands for what has passed since 1970.
        Value::Int(v) if inner.is_datetime() && given_ticks.is_some() => {
            let given_ticks = given_ticks.unwrap_or(1);
            Ok(Value::Int(v.saturating_mul(ticks) / given_ticks))
        }
        Value::Int(v) if given.inner().is_integer() => Ok(Value::Int(v.saturating_mul(ticks))),
        Value::Float(v) if ticks > 1 => Ok(Value::Int((v * ticks as f64) as i128)),
        _ => bail!(
            InvalidWithFillExpression,
            "Incompatible types of WITH FILL expression values with column type {inner}: {given}"
        ),
    }
}
