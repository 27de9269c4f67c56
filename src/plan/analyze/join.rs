//! FROM: joins of tables, and what names mean over them.

use base::{Result, bail};
use expr::Expr;
use sql::ast::{Expression, JoinConstraint, TableExpression};
use types::{Field, Schema, least_supertype};

use super::Analyzer;
use super::correlated::OUTER;
use super::literal::cast_to;
use super::resolve::build_call;
use super::scope::{Scope, ScopeColumn, TableLabel};
use crate::search::analyzer_of;
use crate::{Join, JoinKind, JoinStrictness, Plan, RelationColumn};

impl Analyzer<'_> {
    /// FROM with all its joins: rows, and what names mean over them.
    pub(crate) fn from(&mut self, from: &TableExpression) -> Result<(Plan, Scope)> {
        match from {
            TableExpression::Table(table) => self.table(table),
            TableExpression::Join(join) => self.join(join),
        }
    }

    fn join(&mut self, join: &sql::ast::Join) -> Result<(Plan, Scope)> {
        let (left, left_scope) = self.from(&join.left)?;
        let (right, right_scope) = self.from(&join.right)?;
        let kind = match join.kind {
            sql::ast::JoinKind::Inner => JoinKind::Inner,
            sql::ast::JoinKind::Left => JoinKind::Left,
            sql::ast::JoinKind::Right => JoinKind::Right,
            sql::ast::JoinKind::Full => JoinKind::Full,
            sql::ast::JoinKind::Cross => JoinKind::Cross,
            sql::ast::JoinKind::Paste => bail!(NotImplemented, "PASTE JOIN is not implemented yet"),
        };
        let strictness = match join.strictness {
            None => match self.environment.setting("join_default_strictness").as_deref() {
                Some("ANY") if kind != JoinKind::Cross => JoinStrictness::Any,
                _ => JoinStrictness::All,
            },
            Some(sql::ast::JoinStrictness::All) => JoinStrictness::All,
            Some(sql::ast::JoinStrictness::Any) => JoinStrictness::Any,
            Some(sql::ast::JoinStrictness::Semi) => JoinStrictness::Semi,
            Some(sql::ast::JoinStrictness::Anti) => JoinStrictness::Anti,
            Some(sql::ast::JoinStrictness::Asof) => JoinStrictness::Asof,
        };
        let (left_width, right_width) = (left.schema().len(), right.schema().len());
        let mut scope = left_scope;
        let tables = scope.tables.len();
        scope.append(right_scope, left_width);
        let (keys, condition) = match &join.constraint {
            JoinConstraint::None if kind == JoinKind::Cross => (Vec::new(), None),
            JoinConstraint::None => {
                bail!(
                    InvalidJoinOnExpression,
                    "JOIN needs ON or USING; for all pairs of rows write CROSS JOIN"
                )
            }
            JoinConstraint::Using(names) => (self.using(names, &mut scope, tables)?, None),
            JoinConstraint::On(condition) => self.on(condition, &scope, left_width)?,
        };
        let (keys, condition) = match strictness {
            JoinStrictness::Asof => {
                let using = matches!(join.constraint, JoinConstraint::Using(_));
                super::asof::split(self.environment, kind, (keys, condition), using, left_width)?
            }
            _ => (keys, condition),
        };
        let (right, kind, strictness) = self.distinct_right(right, kind, strictness, &keys);
        self.nullable_sides(&mut scope, kind, strictness, left_width);
        let schema = joined_schema(&scope, &left, &right, left_width, right_width);
        let plan = Plan::Join(Join {
            left: Box::new(left),
            right: Box::new(right),
            kind,
            strictness,
            keys,
            condition,
            schema,
            build_left: false,
            needed: None,
        });
        match &join.constraint {
            JoinConstraint::Using(names) if matches!(kind, JoinKind::Right | JoinKind::Full) => {
                self.either_side(names, plan, scope, tables, kind)
            }
            _ => Ok((plan, scope)),
        }
    }

    /// With `any_join_distinct_right_table_keys` ANY means that of the rows of the right side with equal keys
    /// one takes part, however many rows of the left side find it.
    fn distinct_right(
        &self,
        right: Plan,
        kind: JoinKind,
        strictness: JoinStrictness,
        keys: &[(Expr, Expr)],
    ) -> (Plan, JoinKind, JoinStrictness) {
        let any = strictness == JoinStrictness::Any;
        if !any || !self.environment.flag("any_join_distinct_right_table_keys") {
            return (right, kind, strictness);
        }
        match kind {
            JoinKind::Inner => (right, JoinKind::Left, JoinStrictness::Semi),
            JoinKind::Right | JoinKind::Full if !keys.is_empty() => {
                let by = keys.iter().map(|(_, key)| key.clone()).collect();
                let one = Plan::LimitBy { input: Box::new(right), offset: 0, limit: 1, by };
                (one, kind, JoinStrictness::All)
            }
            _ => (right, kind, strictness),
        }
    }

    /// With `join_use_nulls` the columns of a side that can be missing become nullable.
    fn nullable_sides(
        &self,
        scope: &mut Scope,
        kind: JoinKind,
        strictness: JoinStrictness,
        left_width: usize,
    ) {
        if !self.environment.flag("join_use_nulls") || matches!(strictness, JoinStrictness::Semi) {
            return;
        }
        for column in &mut scope.columns {
            let is_right = column.index.is_some_and(|index| index >= left_width);
            let missing = match kind {
                JoinKind::Left => is_right,
                JoinKind::Right => !is_right,
                JoinKind::Full => true,
                JoinKind::Inner | JoinKind::Cross => false,
            };
            if missing {
                column.data_type = column.data_type.clone().nullable();
            }
        }
    }

    /// Of a join that keeps rows of the right side, a column of USING is the right side's where the left one is
    /// missing: it is computed beside the columns of both.
    fn either_side(
        &mut self,
        names: &[String],
        plan: Plan,
        mut scope: Scope,
        right_tables: usize,
        kind: JoinKind,
    ) -> Result<(Plan, Scope)> {
        let schema = plan.schema();
        let mut fields = schema.fields().to_vec();
        let mut expressions = crate::logical::columns_of(&schema);
        // It is of no table: only its bare name means it.
        let table = scope.tables.len();
        scope.tables.push(TableLabel::default());
        for name in names {
            let of_side = |right: bool| {
                let side =
                    |c: &ScopeColumn| (c.table >= right_tables) == right && c.merged == right;
                scope.columns.iter().position(|c| c.name == *name && side(c))
            };
            let (Some(left), Some(right)) = (of_side(false), of_side(true)) else { continue };
            let sides = (scope.columns[left].reference(), scope.columns[right].reference());
            let (Some(l), Some(r)) = sides else { continue };
            let own = l.clone();
            let (l, r) = common_key(l, r)?;
            let value = if kind == JoinKind::Right {
                r
            } else {
                // A missing side holds NULL or the default; where that is its value, both are the same.
                // The default of its own type: that of an enum is not 0 as a number.
                let data_type = own.data_type();
                let is_enum = data_type.inner().is_enum();
                let missing = if data_type.is_nullable() {
                    build_call(self.environment, "isNull", vec![own])?
                } else {
                    let default = Expr::literal(data_type.default_value(), data_type);
                    build_call(self.environment, "equals", vec![own, default])?
                };
                let missing = if is_enum && !r.data_type().is_nullable() {
                    let default = Expr::literal(r.data_type().default_value(), r.data_type());
                    let found =
                        build_call(self.environment, "notEquals", vec![r.clone(), default])?;
                    build_call(self.environment, "and", vec![missing, found])?
                } else {
                    missing
                };
                build_call(self.environment, "if", vec![missing, r, l])?
            };
            let mut either = scope.columns[left].clone();
            either.index = Some(fields.len());
            either.table = table;
            either.data_type = value.data_type();
            fields.push(Field::new(name.clone(), value.data_type()));
            expressions.push(value);
            scope.columns[left].merged = true;
            scope.columns.insert(left + 1, either);
        }
        let schema = Schema::new(fields);
        Ok((Plan::Project { input: Box::new(plan), expressions, schema }, scope))
    }

    fn using(
        &mut self,
        names: &[String],
        scope: &mut Scope,
        right_tables: usize,
    ) -> Result<Vec<(Expr, Expr)>> {
        let mut keys = Vec::with_capacity(names.len());
        for name in names {
            let left = scope
                .columns
                .iter()
                .position(|c| c.name == *name && c.table < right_tables && !c.merged);
            let right =
                scope.columns.iter().position(|c| c.name == *name && c.table >= right_tables);
            let (Some(left), Some(right)) = (left, right) else {
                bail!(UnknownIdentifier, "Column {name} of USING is not in both tables");
            };
            let (a, b) = (scope.columns[left].reference(), scope.columns[right].reference());
            let (Some(a), Some(b)) = (a, b) else {
                bail!(NotImplemented, "ALIAS column {name} cannot be used in USING");
            };
            scope.columns[right].merged = true;
            let first = scope
                .columns
                .iter()
                .filter(|c| c.table < right_tables)
                .filter_map(|c| c.index)
                .max();
            keys.push(common_key(a, shifted(b, first.map_or(0, |m| m + 1)))?);
        }
        Ok(keys)
    }

    fn on(
        &mut self,
        condition: &Expression,
        scope: &Scope,
        left_width: usize,
    ) -> Result<JoinCondition> {
        let mut resolver = self.resolver(scope, [condition])?;
        let resolved = resolver.row_expression(condition)?;
        let (mut keys, mut rest) = (Vec::new(), Vec::new());
        for part in conjuncts(resolved) {
            match &part {
                Expr::Call { function, arguments, .. } if function == "equals" => {
                    let sides: Vec<Vec<usize>> = arguments.iter().map(Expr::columns).collect();
                    let is_left = |c: &[usize]| !c.is_empty() && c.iter().all(|i| *i < left_width);
                    let is_right = |c: &[usize]| {
                        !c.is_empty() && c.iter().all(|i| (left_width..OUTER).contains(i))
                    };
                    let (a, b) = (&arguments[0], &arguments[1]);
                    if is_left(&sides[0]) && is_right(&sides[1]) {
                        keys.push(common_key(a.clone(), shifted(b.clone(), left_width))?);
                    } else if is_right(&sides[0]) && is_left(&sides[1]) {
                        keys.push(common_key(b.clone(), shifted(a.clone(), left_width))?);
                    } else {
                        rest.push(part);
                    }
                }
                Expr::Literal { value, .. } if value.as_int() == Some(1) => {}
                _ => rest.push(part),
            }
        }
        let condition = match rest.len() {
            0 => None,
            1 => rest.pop(),
            _ => Some(build_call(self.environment, "and", rest)?),
        };
        Ok((keys, condition))
    }
}

/// Equal keys of both sides, and what else must hold.
pub(super) type JoinCondition = (Vec<(Expr, Expr)>, Option<Expr>);

/// The parts of a conjunction.
pub(crate) fn conjuncts(expression: Expr) -> Vec<Expr> {
    match expression {
        Expr::Call { function, arguments, .. } if function == "and" => {
            arguments.into_iter().flat_map(conjuncts).collect()
        }
        other => vec![other],
    }
}

/// A right side's expression over the right input alone.
fn shifted(expression: Expr, left_width: usize) -> Expr {
    expression.remap(&|index| index.saturating_sub(left_width))
}

/// Two keys cast to a common type.
pub(crate) fn common_key(left: Expr, right: Expr) -> Result<(Expr, Expr)> {
    let types =
        [left.data_type().without_low_cardinality(), right.data_type().without_low_cardinality()];
    let Some(common) = least_supertype(&types) else {
        bail!(
            TypeMismatch,
            "Types of columns to JOIN by differ: {} at left, {} at right",
            types[0],
            types[1]
        );
    };
    let plain = |e: Expr| {
        if e.data_type().without_low_cardinality() == common { e } else { cast_to(e, &common) }
    };
    Ok((plain(left), plain(right)))
}

pub(super) fn scoped(plan: Plan, columns: &[RelationColumn], label: TableLabel) -> (Plan, Scope) {
    let mut scope = Scope::default();
    scope.add_table(label, columns, 0);
    scope.set_analyzers(|at| analyzer_of(&plan, at));
    (plan, scope)
}

fn joined_schema(
    scope: &Scope,
    left: &Plan,
    right: &Plan,
    left_width: usize,
    right_width: usize,
) -> Schema {
    let mut fields: Vec<Field> = left.schema().fields().to_vec();
    fields.extend(right.schema().fields().iter().cloned());
    for column in &scope.columns {
        if let Some(index) = column.index
            && index < left_width + right_width
        {
            fields[index] = Field::new(fields[index].name.clone(), column.data_type.clone());
        }
    }
    Schema::new(fields)
}
