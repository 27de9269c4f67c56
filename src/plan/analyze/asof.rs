//! ASOF JOIN: equal keys, and one inequality by which the nearest row is sought.

use base::{Result, bail};
use expr::Expr;
use types::{DataType, Physical, Value};

use super::correlated::OUTER;
use super::join::{JoinCondition, common_key};
use super::resolve::build_call;
use crate::{Environment, JoinKind};

/// The keys of an ASOF join and its inequality, the left table's value first.
///
/// Of USING the last column is the inequality: the right table's greatest value up to the left's.
///
/// # Errors
/// NOT_IMPLEMENTED for other kinds of joins than INNER and LEFT, INVALID_JOIN_ON_EXPRESSION where there is not
/// exactly one inequality between the two tables, BAD_TYPE_OF_FIELD for values that are neither numbers nor times.
pub(super) fn split(
    environment: &dyn Environment,
    kind: JoinKind,
    (mut keys, condition): JoinCondition,
    using: bool,
    left_width: usize,
) -> Result<JoinCondition> {
    if !matches!(kind, JoinKind::Inner | JoinKind::Left) {
        bail!(
            NotImplemented,
            "ASOF {} JOIN is not supported, only ASOF JOIN and ASOF LEFT JOIN",
            format!("{kind:?}").to_uppercase()
        );
    }
    let on_right = |e: Expr| e.remap(&|column| column + left_width);
    let (function, left, right) = if using {
        if keys.len() < 2 {
            bail!(
                NotImplemented,
                "ASOF JOIN needs at least one equal column beside the one that is compared"
            );
        }
        match keys.pop() {
            Some((left, right)) => ("greaterOrEquals", left, on_right(right)),
            None => bail!(InvalidJoinOnExpression, "ASOF JOIN needs a column in USING"),
        }
    } else {
        let condition = condition.map(|all| without_constants(all, &mut keys));
        let sides = condition.as_ref().and_then(|condition| inequality(condition, left_width));
        let Some((function, left, right)) = sides else {
            bail!(
                InvalidJoinOnExpression,
                "ASOF JOIN needs, beside equal columns, exactly one of the conditions a > b, a >= b, a < b, a <= b \
                 between a column of the left table and one of the right table. Move other conditions to WHERE or \
                 into a subquery"
            );
        };
        let right = right.remap(&|column| column.saturating_sub(left_width));
        let (left, right) = common_key(left, right)?;
        (function, left, on_right(right))
    };
    let data_type = left.data_type();
    let nested = matches!(
        data_type.physical(),
        Physical::Bytes | Physical::Fixed(_) | Physical::List | Physical::Struct
    );
    if nested {
        bail!(BadTypeOfField, "ASOF JOIN compares numbers, dates and times, not {data_type}");
    }
    Ok((keys, Some(build_call(environment, function, vec![left, right])?)))
}

/// A condition without its constant parts; one that does not hold becomes keys that are never equal.
fn without_constants(condition: Expr, keys: &mut Vec<(Expr, Expr)>) -> Expr {
    let (function, arguments, data_type) = match condition {
        Expr::Call { function, arguments, data_type } if function == "and" => {
            (function, arguments, data_type)
        }
        other => return other,
    };
    let (constants, mut varying): (Vec<Expr>, Vec<Expr>) = arguments
        .into_iter()
        .map(|part| without_constants(part, keys))
        .partition(|part| part.as_literal().is_some());
    let holds = |part: &Expr| part.as_literal().and_then(Value::as_float).is_some_and(|n| n != 0.0);
    if !constants.iter().all(holds) {
        let never = |n: i128| Expr::literal(Value::Int(n), DataType::UInt8);
        keys.push((never(0), never(1)));
    }
    match varying.len() {
        0 => Expr::literal(Value::Int(1), DataType::UInt8),
        1 => varying.swap_remove(0),
        _ => Expr::Call { function, arguments: varying, data_type },
    }
}

/// The parts of a comparison between both tables, with the left table's value on the left.
fn inequality(condition: &Expr, left_width: usize) -> Option<(&'static str, Expr, Expr)> {
    let Expr::Call { function, arguments, .. } = condition else { return None };
    let (own, turned) = match function.as_str() {
        "less" => ("less", "greater"),
        "lessOrEquals" => ("lessOrEquals", "greaterOrEquals"),
        "greater" => ("greater", "less"),
        "greaterOrEquals" => ("greaterOrEquals", "lessOrEquals"),
        _ => return None,
    };
    let [a, b] = arguments.as_slice() else { return None };
    let is_left = |e: &Expr| !e.columns().is_empty() && e.columns().iter().all(|c| *c < left_width);
    let right = left_width..OUTER;
    let is_right =
        |e: &Expr| !e.columns().is_empty() && e.columns().iter().all(|c| right.contains(c));
    if is_left(a) && is_right(b) {
        Some((own, a.clone(), b.clone()))
    } else if is_right(a) && is_left(b) {
        Some((turned, b.clone(), a.clone()))
    } else {
        None
    }
}
