//! Less work in aggregations.

use base::Result;
use expr::Expr;
use types::{DataType, Field, Schema, Value};

use crate::analyze::build_call;
use crate::logical::columns_of;
use crate::{AggregateCall, Aggregation, Environment, Plan};

/// `sum(x + 1), sum(x + 2), ...` over integers becomes one `sum(x)` and one `count()`.
pub(super) fn factor(plan: Plan, environment: &dyn Environment) -> Result<Plan> {
    let plan = plan.map_inputs(&mut |input| factor(input, environment))?;
    let Plan::Aggregate(aggregation) = plan else { return Ok(plan) };
    let shifted = aggregation.calls.iter().filter(|c| shifted_sum(c).is_some()).count();
    if shifted < 2 {
        return Ok(Plan::Aggregate(aggregation));
    }
    let keys = aggregation.keys.len();
    let mut calls = CallList { first: keys, calls: Vec::new() };
    let mut outputs: Vec<Expr> = columns_of(&aggregation.schema)[..keys].to_vec();
    for call in &aggregation.calls {
        let Some((column, constant)) = shifted_sum(call) else {
            outputs.push(calls.output(call.clone()));
            continue;
        };
        let wide =
            if column.data_type().is_signed_integer() { DataType::Int64 } else { DataType::UInt64 };
        let sum = calls.output(AggregateCall {
            function: "sum".to_owned(),
            parameters: Vec::new(),
            arguments: vec![column],
            data_type: wide,
        });
        let count = calls.output(AggregateCall {
            function: "count".to_owned(),
            parameters: Vec::new(),
            arguments: Vec::new(),
            data_type: DataType::UInt64,
        });
        let product = build_call(environment, "multiply", vec![count, constant])?;
        let total = build_call(environment, "plus", vec![sum, product])?;
        outputs.push(crate::analyze::cast_to(total, &call.data_type));
    }
    let schema = aggregation.schema.clone();
    let fields = calls.schema(&aggregation.schema);
    let fewer = Plan::Aggregate(Aggregation { calls: calls.calls, schema: fields, ..aggregation });
    Ok(Plan::Project { input: Box::new(fewer), expressions: outputs, schema })
}

/// `avg(x)` becomes `sum(x) / count(x)`: over short integers beside distinct counts, since these can be put together
/// from parts (see how distinct counts are computed), and over decimals beside `sum(x)`, which is then added once.
pub(super) fn split_averages(plan: Plan, environment: &dyn Environment) -> Result<Plan> {
    let plan = plan.map_inputs(&mut |input| split_averages(input, environment))?;
    let Plan::Aggregate(aggregation) = plan else { return Ok(plan) };
    let all = &aggregation.calls;
    let distinct = all.iter().any(|c| c.function == "uniqExact");
    let sum_beside = |call: &AggregateCall| {
        let same = |c: &&AggregateCall| c.function == "sum" && c.arguments == call.arguments;
        all.iter().find(same).map(|sum| sum.data_type.clone())
    };
    let sum_type = |call: &AggregateCall| match averaged(call)? {
        Averaged::ShortIntegers(sum) => distinct.then_some(sum),
        Averaged::Decimals => sum_beside(call),
    };
    if !all.iter().any(|c| sum_type(c).is_some()) {
        return Ok(Plan::Aggregate(aggregation));
    }
    let keys = aggregation.keys.len();
    let mut calls = CallList { first: keys, calls: Vec::new() };
    let mut outputs: Vec<Expr> = columns_of(&aggregation.schema)[..keys].to_vec();
    for call in &aggregation.calls {
        let Some(wide) = sum_type(call) else {
            outputs.push(calls.output(call.clone()));
            continue;
        };
        let of = |function: &str, arguments: &[Expr], data_type: DataType| AggregateCall {
            function: function.to_owned(),
            parameters: Vec::new(),
            arguments: arguments.to_vec(),
            data_type,
        };
        let mut sum = calls.output(of("sum", &call.arguments, wide));
        let mut counted = call.arguments.as_slice();
        if let Some(Averaged::Decimals) = averaged(call) {
            sum = build_call(environment, "toFloat64", vec![sum])?;
            let holes = counted.iter().any(|argument| argument.data_type().is_nullable());
            counted = if holes { counted } else { &[] };
        }
        let count = calls.output(of("count", counted, DataType::UInt64));
        let mean = build_call(environment, "divide", vec![sum, count])?;
        outputs.push(crate::analyze::cast_to(mean, &call.data_type));
    }
    let schema = aggregation.schema.clone();
    let fields = calls.schema(&aggregation.schema);
    let other = Plan::Aggregate(Aggregation { calls: calls.calls, schema: fields, ..aggregation });
    Ok(Plan::Project { input: Box::new(other), expressions: outputs, schema })
}

/// What an `avg` is of that can be put together from a sum and a count.
enum Averaged {
    /// Integers whose sum fits 64 bits, and the sum's type.
    ShortIntegers(DataType),
    Decimals,
}

fn averaged(call: &AggregateCall) -> Option<Averaged> {
    let [argument] = call.arguments.as_slice() else { return None };
    if call.function != "avg" {
        return None;
    }
    let data_type = argument.data_type();
    let inner = data_type.inner();
    if let DataType::Decimal { .. } = inner {
        return Some(Averaged::Decimals);
    }
    if !inner.is_integer() || inner.bits() > Some(32) {
        return None;
    }
    let sum = if inner.is_signed_integer() { DataType::Int64 } else { DataType::UInt64 };
    let nullable = data_type.is_nullable();
    Some(Averaged::ShortIntegers(if nullable { sum.nullable() } else { sum }))
}

/// Calls without repetition, after some keys.
struct CallList {
    first: usize,
    calls: Vec<AggregateCall>,
}

impl CallList {
    /// The column of a call's results.
    fn output(&mut self, call: AggregateCall) -> Expr {
        let data_type = call.data_type.clone();
        let at = self.calls.iter().position(|c| *c == call).unwrap_or_else(|| {
            self.calls.push(call);
            self.calls.len() - 1
        });
        Expr::column(self.first + at, data_type)
    }

    /// The keys' fields of a schema, then the calls'.
    fn schema(&self, keys: &Schema) -> Schema {
        let mut fields = keys.fields()[..self.first].to_vec();
        let calls = self.calls.iter().enumerate();
        fields.extend(calls.map(|(at, c)| Field::new(format!("#call{at}"), c.data_type.clone())));
        Schema::new(fields)
    }
}

/// `sum(x)` and `sum(x + constant)` over integers that cannot overflow 64 bits when summed by rows.
fn shifted_sum(call: &AggregateCall) -> Option<(Expr, Expr)> {
    if call.function != "sum" || call.arguments.len() != 1 {
        return None;
    }
    let zero = || Expr::literal(Value::Int(0), DataType::UInt8);
    let narrow = |e: &Expr| e.data_type().is_integer() && e.data_type().bits() <= Some(32);
    match &call.arguments[0] {
        column @ Expr::Column { .. } if narrow(column) => Some((column.clone(), zero())),
        Expr::Call { function, arguments, .. } if function == "plus" => {
            match (&arguments[0], &arguments[1]) {
                (column @ Expr::Column { .. }, constant @ Expr::Literal { data_type, .. })
                | (constant @ Expr::Literal { data_type, .. }, column @ Expr::Column { .. })
                    if narrow(column) && data_type.is_integer() =>
                {
                    let same_sign =
                        column.data_type().is_signed_integer() || !data_type.is_signed_integer();
                    (same_sign && call.data_type.bits() == Some(64))
                        .then(|| (column.clone(), constant.clone()))
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// `GROUP BY x, x - 1` groups by `x` alone: keys computed from other keys are computed after.
pub(super) fn functional_keys(plan: Plan, environment: &dyn Environment) -> Result<Plan> {
    let plan = plan.map_inputs(&mut |input| functional_keys(input, environment))?;
    let Plan::Aggregate(aggregation) = plan else { return Ok(plan) };
    let plain: Vec<usize> = aggregation
        .keys
        .iter()
        .filter_map(|k| match k {
            Expr::Column { index, .. } => Some(*index),
            _ => None,
        })
        .collect();
    let follows = |key: &Expr| {
        let columns = key.columns();
        let known = !columns.is_empty() && columns.iter().all(|c| plain.contains(c));
        known && !matches!(key, Expr::Column { .. }) && is_fixed(key, environment)
    };
    if !aggregation.keys.iter().any(follows) {
        return Ok(Plan::Aggregate(aggregation));
    }
    let kept: Vec<Expr> = aggregation.keys.iter().filter(|k| !follows(k)).cloned().collect();
    let mut outputs = Vec::new();
    for key in &aggregation.keys {
        let over_kept = key.clone().transform(&mut |e| match &e {
            Expr::Column { data_type, .. } => match kept.iter().position(|k| *k == e) {
                Some(at) => Expr::column(at, data_type.clone()),
                None => e,
            },
            _ => e,
        });
        outputs.push(match kept.iter().position(|k| k == key) {
            Some(at) => Expr::column(at, key.data_type()),
            None => over_kept,
        });
    }
    let first_call = kept.len();
    let mut fields: Vec<Field> = kept
        .iter()
        .enumerate()
        .map(|(at, k)| Field::new(format!("#key{at}"), k.data_type()))
        .collect();
    for (at, call) in aggregation.calls.iter().enumerate() {
        outputs.push(Expr::column(first_call + at, call.data_type.clone()));
        fields.push(Field::new(format!("#call{at}"), call.data_type.clone()));
    }
    let schema = aggregation.schema.clone();
    let fewer =
        Plan::Aggregate(Aggregation { keys: kept, schema: Schema::new(fields), ..aggregation });
    Ok(Plan::Project { input: Box::new(fewer), expressions: outputs, schema })
}

fn is_fixed(expression: &Expr, environment: &dyn Environment) -> bool {
    let mut fixed = true;
    expression.visit(&mut |e| {
        if let Expr::Call { function, .. } = e {
            let declared = environment.registry().function(function);
            fixed &= declared.is_some_and(|d| {
                d.determinism != expr::Determinism::Never && !d.name.starts_with("rowNumber")
            });
        }
    });
    fixed
}
