//! Where filling stands: the values that the filled columns have reached.
//!
//! Before a row, the cursor goes on towards it, column by column from the left: the first column in which both
//! differ is stepped, unless one to its right has not reached its TO yet. Columns to the right begin with their
//! FROM then, or with nothing.

use std::cmp::Ordering;
use std::sync::Arc;

use base::Result;
use expr::Evaluator;
use plan::{FillColumn, FillStep};
use types::{Block, Column, DataType, Value};

use crate::context::ExecContext;
use crate::pipeline::evaluator;

pub(super) struct Cursor {
    columns: Vec<Filling>,
    /// The values reached; none before the first row of a prefix.
    reached: Option<Vec<Value>>,
    /// The row that it went towards last, cut off at the TOs.
    target: Vec<Value>,
    /// Whether rows were put in, or must not be, before the first step towards the target.
    begun: bool,
    /// There was no row at all, but there is a TO to go to.
    empty: bool,
    /// Where rows that are too far behind the last one end.
    stale: Vec<Option<Value>>,
}

struct Filling {
    from: Option<Value>,
    to: Option<Value>,
    descending: bool,
    step: Step,
    staleness: Option<Step>,
}

enum Step {
    Number(Value),
    Interval(Arc<Evaluator>, DataType),
}

impl Step {
    fn new(step: &FillStep, data_type: &DataType, context: &ExecContext) -> Result<Step> {
        Ok(match step {
            FillStep::Number(number) => Step::Number(number.clone()),
            FillStep::Interval(sum) => Step::Interval(
                evaluator(std::slice::from_ref(sum), context)?,
                data_type.inner().clone(),
            ),
        })
    }

    /// The value after one; none past the end of the numbers.
    fn after(&self, value: &Value) -> Result<Option<Value>> {
        Ok(match (self, value) {
            (Step::Number(Value::Int(by)), Value::Int(at)) => at.checked_add(*by).map(Value::Int),
            (Step::Number(by), Value::Float(at)) => {
                let next = at + by.as_float().unwrap_or(f64::NAN);
                (next.is_finite() && next != *at).then_some(Value::Float(next))
            }
            (Step::Interval(sum, data_type), at) => {
                let column = Column::constant(data_type, at, 1)?;
                let next = sum.evaluate(&Block::new(vec![column], 1))?.pop();
                let next = next.map(|column| column.value(data_type, 0)).transpose()?;
                next.filter(|next| next != at)
            }
            _ => None,
        })
    }
}

fn compare(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::Float(a), Value::Float(b)) => a.total_cmp(b),
        _ => Ordering::Equal,
    }
}

impl Cursor {
    pub(super) fn new(columns: &[FillColumn], context: &ExecContext) -> Result<Cursor> {
        let filling = |c: &FillColumn| {
            Ok(Filling {
                from: c.from.clone(),
                to: c.to.clone(),
                descending: c.descending,
                step: Step::new(&c.step, &c.data_type, context)?,
                staleness: match &c.staleness {
                    Some(step) => Some(Step::new(step, &c.data_type, context)?),
                    None => None,
                },
            })
        };
        Ok(Cursor {
            columns: columns.iter().map(filling).collect::<Result<_>>()?,
            reached: None,
            target: vec![Value::Null; columns.len()],
            begun: false,
            empty: false,
            stale: vec![None; columns.len()],
        })
    }

    /// Begins anew, for the rows of another prefix.
    pub(super) fn restart(&mut self) {
        self.reached = None;
        self.target = vec![Value::Null; self.columns.len()];
        self.begun = false;
        self.stale = vec![None; self.columns.len()];
    }

    fn less(&self, at: usize, a: &Value, b: &Value) -> bool {
        let ordering = compare(a, b);
        if self.columns[at].descending { ordering.is_gt() } else { ordering.is_lt() }
    }

    /// Whether a row comes before another; NULL is not compared.
    fn row_less(&self, a: &[Value], b: &[Value]) -> bool {
        for at in 0..self.columns.len() {
            if a[at].is_null() || b[at].is_null() || compare(&a[at], &b[at]).is_eq() {
                continue;
            }
            return self.less(at, &a[at], &b[at]);
        }
        false
    }

    /// The next row to be put in before a row; none when it is that one's turn.
    pub(super) fn next_before(&mut self, row: &[Value]) -> Result<Option<Vec<Value>>> {
        let Some(reached) = self.reached.clone() else { return Ok(self.first(row)) };
        if !self.begun {
            self.begun = true;
            let was_before = self.row_less(&self.target, &reached);
            self.target = self.cut(row);
            if was_before && self.row_less(&reached, &self.target) {
                return Ok(Some(reached));
            }
        }
        self.advance()
    }

    /// Begins with the first row of a prefix.
    fn first(&mut self, row: &[Value]) -> Option<Vec<Value>> {
        let mut reached = vec![Value::Null; row.len()];
        let mut put = false;
        for (at, value) in row.iter().enumerate() {
            if let Some(from) = &self.columns[at].from
                && compare(from, value).is_ne()
                && !value.is_null()
            {
                for (place, column) in reached.iter_mut().zip(&self.columns).skip(at) {
                    *place = column.from.clone().unwrap_or(Value::Null);
                }
                put = self.less(at, from, value);
                break;
            }
            reached[at] = value.clone();
        }
        self.reached = Some(reached.clone());
        self.target = self.cut(row);
        self.begun = true;
        // What lies at or behind the TO is not put in.
        let within = (0..self.columns.len()).all(|at| match &self.columns[at].to {
            Some(to) if !reached[at].is_null() => self.less(at, &reached[at], to),
            _ => true,
        });
        (put && within).then_some(reached)
    }

    /// A row's values, none behind a TO.
    fn cut(&self, row: &[Value]) -> Vec<Value> {
        let cut = |(at, value): (usize, &Value)| match &self.columns[at].to {
            Some(to) if !value.is_null() && !self.less(at, value, to) => to.clone(),
            _ => value.clone(),
        };
        row.iter().enumerate().map(cut).collect()
    }

    /// The row's turn has come.
    pub(super) fn passed(&mut self, row: &[Value]) -> Result<()> {
        self.begun = false;
        let mut fresh = self.reached.is_none();
        for (at, column) in self.columns.iter().enumerate() {
            if let Some(staleness) = &column.staleness
                && !row[at].is_null()
            {
                fresh = true;
                self.stale[at] = staleness.after(&row[at])?;
            }
        }
        if fresh {
            self.reached = Some(row.to_vec());
        }
        Ok(())
    }

    /// There is no other row: what follows goes up to the TOs.
    pub(super) fn end(&mut self) {
        let limit = |at: usize| match (&self.columns[at].to, &self.stale[at]) {
            (Some(to), Some(stale)) if self.less(at, stale, to) => stale.clone(),
            (Some(to), _) => to.clone(),
            (None, Some(stale)) => stale.clone(),
            (None, None) => Value::Null,
        };
        let target: Vec<Value> = (0..self.columns.len()).map(limit).collect();
        let Some(reached) = &self.reached else {
            // No row at all: it begins with the FROMs, if there are any.
            let from = self.columns.iter().map(|c| c.from.clone().unwrap_or(Value::Null));
            let from: Vec<Value> = from.collect();
            let any = from.iter().any(|value| !value.is_null());
            let within = (0..from.len()).all(|at| match &self.columns[at].to {
                Some(to) if !from[at].is_null() => self.less(at, &from[at], to),
                _ => true,
            });
            self.reached = (any && within).then_some(from);
            self.empty = target.iter().any(|value| !value.is_null());
            self.begun = false;
            self.target = target;
            return;
        };
        self.begun = !self.row_less(&self.target, reached);
        self.target = target;
    }

    /// The next row to be put in at the end.
    pub(super) fn next_at_end(&mut self) -> Result<Option<Vec<Value>>> {
        let Some(reached) = self.reached.clone() else { return Ok(None) };
        if !self.begun {
            self.begun = true;
            if self.empty || self.row_less(&reached, &self.target) {
                return Ok(Some(reached));
            }
        }
        self.advance()
    }

    /// One step towards the target; none where it is reached.
    fn advance(&mut self) -> Result<Option<Vec<Value>>> {
        let Some(mut reached) = self.reached.clone() else { return Ok(None) };
        let differs = |at: &usize| {
            !reached[*at].is_null()
                && !self.target[*at].is_null()
                && compare(&reached[*at], &self.target[*at]).is_ne()
        };
        let Some(place) = (0..reached.len()).find(differs) else { return Ok(None) };
        if self.less(place, &self.target[place], &reached[place]) {
            return Ok(None);
        }
        // Columns to the right go up to their TO first.
        for at in (place + 1..reached.len()).rev() {
            let (Some(to), false) = (&self.columns[at].to, reached[at].is_null()) else { continue };
            if let Some(next) = self.columns[at].step.after(&reached[at])?
                && self.less(at, &next, to)
            {
                reached[at] = next;
                self.begin_from(&mut reached, at + 1);
                self.reached = Some(reached.clone());
                return Ok(Some(reached));
            }
        }
        let Some(next) = self.columns[place].step.after(&reached[place])? else { return Ok(None) };
        let at_end = |limit: &Option<Value>| {
            limit.as_ref().is_some_and(|limit| !self.less(place, &next, limit))
        };
        if self.less(place, &self.target[place], &next)
            || at_end(&self.columns[place].to)
            || at_end(&self.stale[place])
        {
            return Ok(None);
        }
        let arrived = compare(&next, &self.target[place]).is_eq();
        reached[place] = next;
        if !arrived {
            self.begin_from(&mut reached, place + 1);
            self.reached = Some(reached.clone());
            return Ok(Some(reached));
        }
        let mut before = false;
        for (at, value) in reached.iter_mut().enumerate().skip(place + 1) {
            *value = self.columns[at].from.clone().unwrap_or_else(|| self.target[at].clone());
            before |= self.less(at, value, &self.target[at]);
        }
        self.reached = Some(reached.clone());
        Ok(before.then_some(reached))
    }

    fn begin_from(&self, reached: &mut [Value], first: usize) {
        for (value, column) in reached.iter_mut().zip(&self.columns).skip(first) {
            *value = column.from.clone().unwrap_or(Value::Null);
        }
    }
}
