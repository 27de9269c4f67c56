//! Functions that queries define as lambdas: their bodies with arguments in the place of parameters.

use base::{Result, bail};
use sql::ast::{CaseBranch, Expression, FunctionCall, Query, WithItem};

/// The body of a lambda for a call's arguments.
///
/// # Errors
/// NUMBER_OF_ARGUMENTS_DOESNT_MATCH
pub(super) fn called(
    name: &str,
    parameters: &[String],
    body: &Expression,
    arguments: &[Expression],
) -> Result<Expression> {
    if parameters.len() != arguments.len() {
        bail!(
            NumberOfArgumentsDoesntMatch,
            "Function {name} takes {} arguments, {} are given",
            parameters.len(),
            arguments.len()
        );
    }
    let values: Vec<(&str, &Expression)> =
        parameters.iter().map(String::as_str).zip(arguments).collect();
    Ok(substitute(body, &values))
}

/// An expression with names replaced by values.
pub(super) fn substitute(body: &Expression, values: &[(&str, &Expression)]) -> Expression {
    let one = |e: &Expression| Box::new(substitute(e, values));
    let all = |list: &[Expression]| list.iter().map(|e| substitute(e, values)).collect::<Vec<_>>();
    match body {
        Expression::Identifier(name) => {
            match values.iter().find(|(known, _)| *known == name.0[0]) {
                None => body.clone(),
                Some((_, value)) => name.0[1..].iter().fold((*value).clone(), |value, field| {
                    Expression::TupleField(Box::new(value), field.clone())
                }),
            }
        }
        Expression::Unary(operator, inner) => Expression::Unary(*operator, one(inner)),
        Expression::Binary(operator, left, right) => {
            Expression::Binary(*operator, one(left), one(right))
        }
        Expression::IsNull { .. }
        | Expression::Between { .. }
        | Expression::Like { .. }
        | Expression::In { .. } => substitute_test(body, values),
        Expression::Exists(query) => Expression::Exists(Box::new(with_values(query, values))),
        Expression::Subquery(query) => Expression::Subquery(Box::new(with_values(query, values))),
        Expression::Case { operand, branches, otherwise } => Expression::Case {
            operand: operand.as_ref().map(|e| one(e)),
            branches: branches
                .iter()
                .map(|b| CaseBranch {
                    when: substitute(&b.when, values),
                    then: substitute(&b.then, values),
                })
                .collect(),
            otherwise: otherwise.as_ref().map(|e| one(e)),
        },
        Expression::Cast { operand, data_type } => {
            Expression::Cast { operand: one(operand), data_type: data_type.clone() }
        }
        Expression::Interval { amount, unit } => {
            Expression::Interval { amount: one(amount), unit: *unit }
        }
        Expression::Tuple(items) => Expression::Tuple(all(items)),
        Expression::Array(items) => Expression::Array(all(items)),
        Expression::TupleIndex(tuple, index) => Expression::TupleIndex(one(tuple), *index),
        Expression::TupleField(tuple, name) => Expression::TupleField(one(tuple), name.clone()),
        Expression::ArrayElement(array, index) => Expression::ArrayElement(one(array), one(index)),
        Expression::Function(call) => Expression::Function(FunctionCall {
            parameters: call.parameters.as_ref().map(|list| all(list)),
            arguments: all(&call.arguments),
            filter: call.filter.as_ref().map(|e| one(e)),
            ..call.clone()
        }),
        Expression::Lambda { parameters, body } => {
            // Within a lambda its own parameters stand before those around it.
            let outer = values.iter().filter(|(name, _)| !parameters.iter().any(|p| p == name));
            let outer: Vec<(&str, &Expression)> = outer.copied().collect();
            let body = Box::new(substitute(body, &outer));
            Expression::Lambda { parameters: parameters.clone(), body }
        }
        Expression::Alias(inner, name) => Expression::Alias(one(inner), name.clone()),
        Expression::Literal(_)
        | Expression::Parameter { .. }
        | Expression::Asterisk { .. }
        | Expression::Columns { .. } => body.clone(),
    }
}

/// As `substitute`, for tests of a value.
fn substitute_test(test: &Expression, values: &[(&str, &Expression)]) -> Expression {
    let one = |e: &Expression| Box::new(substitute(e, values));
    match test {
        Expression::IsNull { operand, negated } => {
            Expression::IsNull { operand: one(operand), negated: *negated }
        }
        Expression::Between { operand, negated, low, high } => Expression::Between {
            operand: one(operand),
            negated: *negated,
            low: one(low),
            high: one(high),
        },
        Expression::Like { operand, negated, case_insensitive, pattern } => Expression::Like {
            operand: one(operand),
            negated: *negated,
            case_insensitive: *case_insensitive,
            pattern: one(pattern),
        },
        Expression::In { operand, negated, global, set } => Expression::In {
            operand: one(operand),
            negated: *negated,
            global: *global,
            set: one(set),
        },
        other => other.clone(),
    }
}

/// A subquery in which names mean values.
fn with_values(query: &Query, values: &[(&str, &Expression)]) -> Query {
    match query {
        Query::Select(select) => {
            let mut select = select.clone();
            let items = values
                .iter()
                .map(|(name, value)| WithItem::Expression((*value).clone(), (*name).to_owned()));
            select.with.splice(0..0, items);
            Query::Select(select)
        }
        Query::SetOperation { operator, distinct, left, right } => Query::SetOperation {
            operator: *operator,
            distinct: *distinct,
            left: Box::new(with_values(left, values)),
            right: Box::new(with_values(right, values)),
        },
    }
}
