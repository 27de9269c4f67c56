//! Functions over windows: OVER, WINDOW and QUALIFY.
//!
//! A call is put aside and a reference to a pseudo-column from [`WINDOWS`] on stays, as for aggregate
//! functions. When the rows are grouped, calls of one partitioning and order become one node of the plan; nodes
//! with more keys come first, so that others find their rows in order.

use std::collections::HashMap;

use base::{Result, bail};
use expr::{Expr, WindowFunction};
use sql::ast::{
    Expression, FunctionCall, NamedWindow, WindowFrame, WindowReference, WindowSpecification,
};
use types::{DataType, Field, Schema, Value};

use super::resolve::Resolver;
use super::select::Resolved;
use super::{AGGREGATES, ARRAY_JOINS, WINDOWS, place_of, pseudo};
use crate::logical::columns_of;
use crate::{Frame, FrameBound, FrameUnits, Plan, SortKey, Window, WindowCall};

/// A call over a window that has not become part of a node yet.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PendingWindow {
    pub(crate) partition: Vec<Expr>,
    pub(crate) order: Vec<SortKey>,
    pub(crate) call: WindowCall,
}

impl PendingWindow {
    /// The same with all its expressions replaced.
    pub(crate) fn try_map(self, change: &mut impl FnMut(&Expr) -> Result<Expr>) -> Result<Self> {
        let mut all =
            |list: &[Expr]| -> Result<Vec<Expr>> { list.iter().map(&mut *change).collect() };
        let partition = all(&self.partition)?;
        let arguments = all(&self.call.arguments)?;
        let expressions: Vec<Expr> = self.order.iter().map(|k| k.expression.clone()).collect();
        let order = all(&expressions)?
            .into_iter()
            .zip(self.order)
            .map(|(expression, key)| SortKey { expression, ..key })
            .collect();
        Ok(PendingWindow { partition, order, call: WindowCall { arguments, ..self.call } })
    }
}

/// The windows of a WINDOW clause by name.
pub(crate) fn named_windows(
    windows: &[NamedWindow],
) -> Result<HashMap<String, WindowSpecification>> {
    let mut named = HashMap::new();
    for NamedWindow { name, window } in windows {
        if named.insert(name.clone(), window.clone()).is_some() {
            bail!(BadArguments, "Window '{name}' is already defined");
        }
    }
    Ok(named)
}

impl Resolver<'_, '_> {
    /// A call with OVER: it goes to the side, a reference stays.
    pub(crate) fn window_call(
        &mut self,
        call: &FunctionCall,
        over: &WindowReference,
    ) -> Result<Expr> {
        if !self.windows_allowed {
            bail!(
                IllegalAggregation,
                "Window function {} is found where it is not allowed: in WHERE, GROUP BY or HAVING, or within \
                 another window function",
                Expression::Function(call.clone())
            );
        }
        let window = self.specification(over, 0)?;
        self.windows_allowed = false;
        let pending = self.pending(call, &window);
        self.windows_allowed = true;
        let pending = pending?;
        let data_type = pending.call.data_type.clone();
        let at = place_of(&mut self.windows, pending);
        Ok(Expr::column(WINDOWS + at, data_type))
    }

    /// What OVER says, with what it takes over from named windows.
    fn specification(&self, over: &WindowReference, depth: usize) -> Result<WindowSpecification> {
        let named = |name: &str| match self.named_windows.get(name) {
            Some(window) => Ok(window.clone()),
            None => bail!(BadArguments, "Window '{name}' does not exist"),
        };
        let mut window = match over {
            WindowReference::Name(name) => named(name)?,
            WindowReference::Specification(window) => window.as_ref().clone(),
        };
        let Some(base) = window.base.take() else { return Ok(window) };
        if depth > self.named_windows.len() {
            bail!(BadArguments, "Window '{base}' is defined by itself");
        }
        named(&base)?;
        let parent = self.specification(&WindowReference::Name(base.clone()), depth + 1)?;
        if !window.partition_by.is_empty() {
            bail!(
                BadArguments,
                "A window derived from '{base}' is not allowed to override PARTITION BY"
            );
        }
        if !window.order_by.is_empty() && !parent.order_by.is_empty() {
            bail!(
                BadArguments,
                "A window derived from '{base}' is not allowed to override a non-empty ORDER BY"
            );
        }
        if parent.frame.is_some() {
            bail!(BadArguments, "Parent window '{base}' is not allowed to define a frame");
        }
        window.partition_by = parent.partition_by;
        if window.order_by.is_empty() {
            window.order_by = parent.order_by;
        }
        Ok(window)
    }

    fn pending(
        &mut self,
        call: &FunctionCall,
        window: &WindowSpecification,
    ) -> Result<PendingWindow> {
        let mut partition = Vec::with_capacity(window.partition_by.len());
        for key in &window.partition_by {
            let key = self.resolve(key)?;
            if !matches!(key, Expr::Literal { .. }) && !partition.contains(&key) {
                partition.push(key);
            }
        }
        let mut order: Vec<SortKey> = Vec::with_capacity(window.order_by.len());
        for item in &window.order_by {
            if item.fill.is_some() {
                bail!(NotImplemented, "WITH FILL cannot stand in a window");
            }
            let expression = self.resolve(&item.expression)?;
            let expression = self.collated(expression, item.collate.as_deref())?;
            order.push(SortKey {
                expression,
                descending: item.descending,
                nulls_first: item.nulls_first.unwrap_or(false),
            });
        }
        let frame = match &window.frame {
            Some(frame) => self.frame(frame, &order)?,
            None => Frame::DEFAULT,
        };
        let call = self.bound_window_call(call, frame, window.frame.is_some(), &order)?;
        Ok(PendingWindow { partition, order, call })
    }

    fn bound_window_call(
        &mut self,
        call: &FunctionCall,
        frame: Frame,
        written: bool,
        order: &[SortKey],
    ) -> Result<WindowCall> {
        let Some(declared) = self.environment().registry().window(&call.name) else {
            let found = self.bound_aggregate(call, true)?;
            return Ok(WindowCall {
                function: found.function,
                window: None,
                parameters: found.parameters,
                arguments: found.arguments,
                frame,
                data_type: found.data_type,
            });
        };
        declared.check_count(call.arguments.len())?;
        let mut arguments =
            call.arguments.iter().map(|a| self.resolve(a)).collect::<Result<Vec<_>>>()?;
        let described: Vec<(DataType, Option<Value>)> = arguments
            .iter()
            .map(|a| (a.data_type().without_low_cardinality(), a.as_literal().cloned()))
            .collect();
        let data_type = (declared.bind)(self.environment().context(), &described)?;
        if let Some(default) = arguments.get_mut(2)
            && default.data_type().without_low_cardinality() != data_type.without_low_cardinality()
        {
            *default = super::literal::cast_to_common(default.clone(), &data_type);
        }
        let from_start = frame.start == FrameBound::UnboundedPreceding;
        let frame = match declared.function {
            WindowFunction::Lag | WindowFunction::Lead => {
                if written {
                    bail!(
                        BadArguments,
                        "Window function '{}' does not expect window frame to be explicitly specified",
                        declared.name
                    );
                }
                Frame::WHOLE
            }
            WindowFunction::Ntile if order.is_empty() || !from_start => {
                bail!(BadArguments, "Unsupported window frame type for function 'ntile'")
            }
            WindowFunction::PercentRank | WindowFunction::CumeDist if !from_start => {
                bail!(
                    BadArguments,
                    "Unsupported window frame type for function '{}'",
                    declared.name
                )
            }
            _ => frame,
        };
        Ok(WindowCall {
            function: declared.name.to_owned(),
            window: Some(declared.function),
            parameters: Vec::new(),
            arguments,
            frame,
            data_type,
        })
    }

    fn frame(&mut self, frame: &WindowFrame, order: &[SortKey]) -> Result<Frame> {
        let units = match frame.units {
            sql::ast::FrameUnits::Rows => FrameUnits::Rows,
            sql::ast::FrameUnits::Range => FrameUnits::Range,
            sql::ast::FrameUnits::Groups => FrameUnits::Groups,
        };
        let start = self.frame_bound(&frame.start, "start")?;
        let end = self.frame_bound(&frame.end, "end")?;
        if start == FrameBound::UnboundedFollowing {
            bail!(BadArguments, "Frame start cannot be UNBOUNDED FOLLOWING");
        }
        if end == FrameBound::UnboundedPreceding {
            bail!(BadArguments, "Frame end cannot be UNBOUNDED PRECEDING");
        }
        if place(start) > place(end) {
            bail!(BadArguments, "The start of window frame {frame:?} does not precede its end");
        }
        let distance =
            |b: FrameBound| matches!(b, FrameBound::Preceding(_) | FrameBound::Following(_));
        if units == FrameUnits::Range && (distance(start) || distance(end)) {
            let [key] = order else {
                bail!(
                    BadArguments,
                    "The RANGE OFFSET window frame requires exactly one ORDER BY column, {} given",
                    order.len()
                );
            };
            let data_type = key.expression.data_type().without_low_cardinality();
            let inner = data_type.inner();
            let plain = inner.is_integer()
                || inner.is_float()
                || matches!(inner, DataType::Date | DataType::Date32 | DataType::DateTime(_));
            if !plain {
                bail!(
                    NotImplemented,
                    "The RANGE OFFSET frame for an ORDER BY column of type {data_type} is not implemented: \
                     order by a number, a date or a time of whole seconds"
                );
            }
        }
        Ok(Frame { units, start, end })
    }

    fn frame_bound(&mut self, bound: &sql::ast::FrameBound, end: &str) -> Result<FrameBound> {
        use sql::ast::FrameBound as Written;
        let (distance, make): (_, fn(u32) -> FrameBound) = match bound {
            Written::UnboundedPreceding => return Ok(FrameBound::UnboundedPreceding),
            Written::CurrentRow => return Ok(FrameBound::CurrentRow),
            Written::UnboundedFollowing => return Ok(FrameBound::UnboundedFollowing),
            Written::Preceding(distance) => (distance, FrameBound::Preceding),
            Written::Following(distance) => (distance, FrameBound::Following),
        };
        match self.row_expression(distance)? {
            Expr::Literal { value: Value::Int(rows), .. } if u32::try_from(rows).is_ok() => {
                Ok(make(rows as u32))
            }
            _ => bail!(
                BadArguments,
                "Frame {end} offset must be a nonnegative 32-bit integer, '{distance}' given"
            ),
        }
    }
}

/// Where an end of a frame lies, to compare the start with the end.
fn place(bound: FrameBound) -> i64 {
    match bound {
        FrameBound::UnboundedPreceding => i64::MIN,
        FrameBound::Preceding(rows) => -i64::from(rows),
        FrameBound::CurrentRow => 0,
        FrameBound::Following(rows) => i64::from(rows),
        FrameBound::UnboundedFollowing => i64::MAX,
    }
}

/// Adds the nodes for all windows of a SELECT; what refers to their calls refers to columns afterwards.
pub(super) fn add_windows(plan: Plan, resolved: &mut Resolved) -> Result<Plan> {
    let pending = std::mem::take(&mut resolved.windows);
    if pending.is_empty() {
        return Ok(plan);
    }
    let (mut plan, pending) = with_arguments(plan, pending)?;
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (at, window) in pending.iter().enumerate() {
        let same = |group: &&mut Vec<usize>| {
            let first = &pending[group[0]];
            first.partition == window.partition && first.order == window.order
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(at),
            None => groups.push(vec![at]),
        }
    }
    groups.sort_by_key(|group| {
        let first = &pending[group[0]];
        std::cmp::Reverse(first.partition.len() + first.order.len())
    });
    let mut places = vec![0; pending.len()];
    for group in groups {
        let mut fields = plan.schema().fields().to_vec();
        for at in &group {
            places[*at] = fields.len();
            let data_type = pending[*at].call.data_type.clone();
            fields.push(Field::new(format!("#window{at}"), data_type));
        }
        let first = &pending[group[0]];
        plan = Plan::Window(Window {
            partition: first.partition.clone(),
            order: first.order.clone(),
            calls: group.iter().map(|at| pending[*at].call.clone()).collect(),
            schema: Schema::new(fields),
            input: Box::new(plan),
        });
    }
    let placed = |e: Expr| e.remap(&|c| pseudo(c, WINDOWS).map_or(c, |at| places[at]));
    resolved.map(placed);
    Ok(plan)
}

/// Everything that windows need as columns of their input.
fn with_arguments(plan: Plan, pending: Vec<PendingWindow>) -> Result<(Plan, Vec<PendingWindow>)> {
    let schema = plan.schema();
    let mut fields = schema.fields().to_vec();
    let mut computed = columns_of(&schema);
    let mut column = |e: &Expr| {
        if matches!(e, Expr::Literal { .. }) {
            return Ok(e.clone());
        }
        let at = computed.iter().position(|c| c == e).unwrap_or_else(|| {
            fields.push(Field::new(format!("#argument{}", computed.len()), e.data_type()));
            computed.push(e.clone());
            computed.len() - 1
        });
        Ok(Expr::column(at, e.data_type()))
    };
    let pending: Vec<PendingWindow> =
        pending.into_iter().map(|w| w.try_map(&mut column)).collect::<Result<_>>()?;
    if computed.len() == schema.len() {
        return Ok((plan, pending));
    }
    let schema = Schema::new(fields);
    Ok((Plan::Project { input: Box::new(plan), expressions: computed, schema }, pending))
}

/// Whether an expression refers to aggregate functions or windows.
pub(super) fn refers_aside(expression: &Expr) -> bool {
    expression.columns().iter().any(|c| (AGGREGATES..ARRAY_JOINS).contains(c))
}
