//! Where correlated subqueries stand in a SELECT: what an expression gets in their place, and how they are joined.

use base::{Result, bail};
use expr::Expr;
use types::{DataType, Value};

use super::AGGREGATES;
use super::correlated::{Correlated, refused};
use super::resolve::Resolver;
use super::select::Resolved;
use crate::{Environment, Plan};

impl Resolved {
    /// Joins the subqueries that mention FROM's columns to its rows: those that are a condition of WHERE filter
    /// them, the others add a column.
    pub(super) fn join_subqueries(
        &mut self,
        mut plan: Plan,
        environment: &dyn Environment,
    ) -> Result<Plan> {
        let width = plan.schema().len();
        let subqueries = std::mem::take(&mut self.correlated);
        let mut places = Vec::with_capacity(subqueries.len());
        for (at, subquery) in subqueries.into_iter().enumerate() {
            let known = places.clone();
            let subquery = subquery.moved(&|index| match index.checked_sub(width) {
                Some(at) => known.get(at).copied().unwrap_or(index),
                None => index,
            });
            let condition = self.condition_of(width + at).filter(|_| subquery.is_exists());
            plan = match condition {
                Some((condition, anti)) => {
                    self.filter.remove(condition);
                    places.push(usize::MAX);
                    subquery.filter(plan, anti, environment)?
                }
                None => {
                    places.push(plan.schema().len());
                    subquery.append(plan, environment)?
                }
            };
        }
        if !places.is_empty() {
            let mut place = |e: &mut Expr| {
                *e = e.clone().remap(&|index| match index.checked_sub(width) {
                    Some(at) => places.get(at).copied().unwrap_or(index),
                    None => index,
                });
            };
            self.array_joins.iter_mut().flatten().for_each(&mut place);
            self.each(&mut place);
        }
        Ok(plan)
    }

    /// The condition of WHERE that a column is, or is the negation of, where it is used nowhere else.
    fn condition_of(&mut self, column: usize) -> Option<(usize, bool)> {
        let mut uses = 0;
        let mut count = |e: &mut Expr| {
            e.visit(&mut |e| {
                uses += usize::from(matches!(e, Expr::Column { index, .. } if *index == column));
            });
        };
        self.array_joins.iter_mut().flatten().for_each(&mut count);
        self.each(&mut count);
        let is = |e: &Expr| matches!(e, Expr::Column { index, .. } if *index == column);
        let found = self.filter.iter().enumerate().find_map(|(at, e)| match e {
            e if is(e) => Some((at, false)),
            Expr::Call { function, arguments, .. } if function == "not" && is(&arguments[0]) => {
                Some((at, true))
            }
            _ => None,
        });
        found.filter(|_| uses == 1)
    }

    /// Visits every expression but the arrays that are still to be joined.
    pub(super) fn each(&mut self, visit: &mut dyn FnMut(&mut Expr)) {
        let calls = self.calls.iter_mut().flat_map(|c| &mut c.arguments);
        let sets = self.sets.iter_mut().flat_map(|(sets, _)| sets.iter_mut().flatten());
        let windows = self.windows.iter_mut().flat_map(|w| {
            let order = w.order.iter_mut().map(|key| &mut key.expression);
            w.partition.iter_mut().chain(&mut w.call.arguments).chain(order)
        });
        let order = self.order.iter_mut().map(|(e, ..)| e);
        let all = self.items.iter_mut().chain(&mut self.filter).chain(&mut self.keys).chain(calls);
        let all = all.chain(sets).chain(windows).chain(&mut self.having).chain(&mut self.qualify);
        let all = all.chain(order).chain(&mut self.limit_by);
        all.chain(self.distinct_on.iter_mut().flatten()).for_each(visit);
    }
}

impl Resolver<'_, '_> {
    /// `EXISTS (plan)` for a plan that mentions columns of the scope.
    pub(super) fn correlated_exists(&mut self, plan: Plan) -> Result<Expr> {
        match Correlated::exists(plan)? {
            Some(found) => self.place(found),
            None => Ok(Expr::literal(Value::Int(1), DataType::UInt8)),
        }
    }

    /// `operand [NOT] IN (plan)` for a plan that mentions columns of the scope.
    pub(super) fn in_correlated(
        &mut self,
        operand: Expr,
        plan: Plan,
        negated: bool,
    ) -> Result<Expr> {
        let operands = match &operand {
            Expr::Call { function, arguments, .. }
                if function == "tuple" && plan.schema().len() > 1 =>
            {
                arguments.clone()
            }
            _ if plan.schema().len() > 1 => {
                return refused("IN of a tuple that is not written out");
            }
            _ => vec![operand.clone()],
        };
        if operands.iter().flat_map(Expr::columns).any(|column| column >= AGGREGATES) {
            return refused("IN of an aggregate, a window function or arrayJoin");
        }
        let found = Correlated::among(operands, plan, self.environment())?;
        let found = self.place(found)?;
        let found = if negated { self.call("not", vec![found])? } else { found };
        if !operand.data_type().is_nullable() {
            return Ok(found);
        }
        let missing = self.call("isNull", vec![operand])?;
        self.call("if", vec![missing, Expr::literal(Value::Null, DataType::null()), found])
    }

    /// `(plan)` as a value, for a plan that mentions columns of the scope.
    pub(super) fn correlated_scalar(&mut self, plan: Plan) -> Result<Expr> {
        if plan.schema().len() != 1 {
            return refused("More than one selected column");
        }
        self.place(Correlated::scalar(plan)?)
    }

    /// The column where the value of a subquery will stand.
    fn place(&mut self, found: Correlated) -> Result<Expr> {
        let Some(width) = self.width.filter(|_| self.lambda_parameters.is_empty()) else {
            bail!(
                NotImplemented,
                "Subqueries that mention columns of the query around them are implemented in WHERE and SELECT, \
                 outside of lambdas"
            );
        };
        let column = Expr::column(width + self.correlated.len(), found.data_type());
        self.correlated.push(found);
        Ok(column)
    }
}
