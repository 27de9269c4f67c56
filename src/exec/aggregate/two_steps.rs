//! COUNT(DISTINCT x) by groups in two steps: first the groups of the keys and x, then a count of these.
//!
//! Both steps go by the ways of any aggregation (runs collapse, partitions are grouped in cache by all
//! lanes), where a table of pairs inside the function would be one large table a lane, merged by one. Other
//! calls come along if results of parts can be put together: sums, counts, extremes.

use expr::Expr;
use plan::AggregateCall;
use types::DataType;

use super::keys::KeyEncoder;
use super::{Grouping, Stage};
use crate::key_bits::fixed_width;
use crate::pipeline::Source;

/// Inputs smaller than this are counted in one step.
const LEAST_ROWS: usize = 100_000;

/// The two steps of an aggregation, if it has distinct counts of one number, and keys that are compared as bits.
pub(super) fn split(grouping: &Grouping, source: &dyn Source) -> Option<(Grouping, Grouping)> {
    let counted = counted(grouping)?;
    if grouping.stage != Stage::Whole {
        return None;
    }
    if grouping.limit.is_some() || source.rows().is_some_and(|rows| rows < LEAST_ROWS) {
        return None;
    }
    let mut keys = grouping.keys.clone();
    if keys.contains(&counted) {
        return None;
    }
    keys.push(counted.clone());
    if !KeyEncoder::over(&keys, source).is_shared() {
        return None;
    }
    let (mut first_calls, mut second_calls) = (Vec::new(), Vec::new());
    for call in &grouping.calls {
        let (function, arguments) = if call.function == "uniqExact" {
            ("count", vec![Expr::column(keys.len() - 1, counted.data_type())])
        } else {
            let at = keys.len() + first_calls.len();
            first_calls.push(call.clone());
            (merging(call)?, vec![Expr::column(at, call.data_type.clone())])
        };
        second_calls.push(AggregateCall {
            function: function.to_owned(),
            parameters: Vec::new(),
            arguments,
            data_type: call.data_type.clone(),
        });
    }
    let of_first = |at: usize| Expr::column(at, keys[at].data_type());
    let second = Grouping {
        keys: (0..grouping.keys.len()).map(of_first).collect(),
        calls: second_calls,
        limit: None,
        top: grouping.top.clone(),
        stage: Stage::Whole,
        codes_leave: grouping.codes_leave,
        most_groups: usize::MAX,
        first_use: None,
    };
    let first = Grouping {
        keys,
        calls: first_calls,
        limit: None,
        top: None,
        stage: Stage::Whole,
        codes_leave: true,
        most_groups: usize::MAX,
        first_use: None,
    };
    Some((first, second))
}

/// What is counted, if it is one integer and all other calls can be put together.
fn counted(grouping: &Grouping) -> Option<Expr> {
    let mut counted: Option<&Expr> = None;
    for call in &grouping.calls {
        if call.function != "uniqExact" {
            merging(call)?;
            continue;
        }
        let [argument] = call.arguments.as_slice() else { return None };
        let inner = argument.data_type().without_low_cardinality();
        let exact = !matches!(inner.inner(), DataType::Float32 | DataType::Float64);
        if !exact || fixed_width(&inner).is_none() || counted.is_some_and(|c| c != argument) {
            return None;
        }
        counted = Some(argument);
    }
    counted.cloned()
}

/// The function that puts results of a call over parts of the rows together.
fn merging(call: &AggregateCall) -> Option<&'static str> {
    Some(match call.function.as_str() {
        "count" | "sum" => "sum",
        "min" => "min",
        "max" => "max",
        _ => return None,
    })
}
