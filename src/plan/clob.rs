//! Rows are compared by texts, not by where those lie: keys of CLOB become Strings.
//!
//! What a node returns keeps its type; the keys of groups and of DISTINCT are brought back into rows.

use base::Result;
use types::{DataType, Field, Schema};

use crate::analyze::cast_to;
use crate::logical::{Plan, SortKey, columns_of};
use expr::Expr;

/// The plan with Strings in the place of CLOB where values are compared.
pub(crate) fn keys_as_strings(plan: Plan) -> Result<Plan> {
    let plan = plan.map_inputs(&mut keys_as_strings)?;
    Ok(match plan {
        Plan::Sort { input, mut keys, limit } => {
            keys.iter_mut().for_each(sort_key);
            Plan::Sort { input, keys, limit }
        }
        Plan::Limit { input, offset, limit, mut ties } => {
            ties.iter_mut().for_each(string);
            Plan::Limit { input, offset, limit, ties }
        }
        Plan::LimitBy { input, offset, limit, mut by } => {
            by.iter_mut().for_each(string);
            Plan::LimitBy { input, offset, limit, by }
        }
        Plan::Join(mut join) => {
            for (left, right) in &mut join.keys {
                string(left);
                string(right);
            }
            Plan::Join(join)
        }
        Plan::Window(mut window) => {
            window.partition.iter_mut().for_each(string);
            window.order.iter_mut().for_each(sort_key);
            // Aggregate functions of CLOB are bound to String.
            for call in window.calls.iter_mut().filter(|call| call.window.is_none()) {
                if call.function != "count" {
                    call.arguments.iter_mut().for_each(string);
                }
            }
            Plan::Window(window)
        }
        Plan::Aggregate(mut groups) => {
            let wanted = groups.schema.clone();
            groups.keys.iter_mut().for_each(string);
            groups.schema = with_keys(&wanted, &groups.keys);
            back(Plan::Aggregate(groups), &wanted)
        }
        Plan::GroupingSets(mut groups) => {
            let wanted = groups.schema.clone();
            groups.keys.iter_mut().for_each(string);
            groups.schema = with_keys(&wanted, &groups.keys);
            back(Plan::GroupingSets(groups), &wanted)
        }
        Plan::Distinct { input, columns, limit } => {
            let wanted = input.schema();
            let is_key = |at: usize| columns.contains(&at);
            let input = Box::new(strings(*input, is_key));
            back(Plan::Distinct { input, columns, limit }, &wanted)
        }
        other => other,
    })
}

/// The rows with Strings in the place of CLOB.
pub(crate) fn as_strings(plan: Plan) -> Plan {
    strings(plan, |_| true)
}

fn sort_key(key: &mut SortKey) {
    string(&mut key.expression);
}

/// An expression as String if it is CLOB.
fn string(expression: &mut Expr) {
    let data_type = expression.data_type();
    if data_type.is_clob() {
        *expression = cast_to(expression.clone(), &data_type.without_clob());
    }
}

/// The schema with the types that keys have.
fn with_keys(schema: &Schema, keys: &[Expr]) -> Schema {
    let fields = schema.fields().iter().enumerate().map(|(at, field)| match keys.get(at) {
        Some(_) if field.data_type.is_clob() => {
            Field::new(field.name.clone(), field.data_type.without_clob())
        }
        _ => field.clone(),
    });
    Schema::new(fields.collect())
}

/// Rows with some of their columns as Strings.
fn strings(input: Plan, wanted: impl Fn(usize) -> bool) -> Plan {
    let schema = input.schema();
    let fields = schema.fields().iter().enumerate();
    let types: Vec<DataType> = fields
        .map(|(at, f)| if wanted(at) { f.data_type.without_clob() } else { f.data_type.clone() })
        .collect();
    cast(input, types)
}

/// Rows as they were wanted.
fn back(plan: Plan, wanted: &Schema) -> Plan {
    cast(plan, wanted.fields().iter().map(|f| f.data_type.clone()).collect())
}

fn cast(input: Plan, types: Vec<DataType>) -> Plan {
    let schema = input.schema();
    if schema.fields().iter().zip(&types).all(|(field, data_type)| field.data_type == *data_type) {
        return input;
    }
    let columns = columns_of(&schema);
    let expressions = columns
        .into_iter()
        .zip(&types)
        .map(|(column, data_type)| match column.data_type() == *data_type {
            true => column,
            false => cast_to(column, data_type),
        })
        .collect();
    let fields = schema.fields().iter().zip(types);
    let fields = fields.map(|(field, data_type)| Field::new(field.name.clone(), data_type));
    let schema = Schema::new(fields.collect());
    Plan::Project { input: Box::new(input), expressions, schema }
}
