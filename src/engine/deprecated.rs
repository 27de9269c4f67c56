//! The first syntax of MergeTree: `MergeTree(date[, sample], key, granularity[, the engine's own arguments])`.

use sql::ast::{EngineClause, Expression, FunctionCall, Literal};

/// Brings the first syntax into clauses: months of the date are partitions, the key is the order.
pub(crate) fn modernize(engine: &mut EngineClause) {
    let clauses = engine.order_by.is_some() || engine.partition_by.is_some();
    if clauses || !engine.name.ends_with("MergeTree") {
        return;
    }
    let is_number = |e: &Expression| matches!(e, Expression::Literal(Literal::Number(_)));
    let (date, sample, key, rest) = match engine.arguments.as_deref() {
        Some([date, key, granularity, rest @ ..]) if is_number(granularity) => {
            (date, None, key, rest)
        }
        Some([date, sample, key, granularity, rest @ ..]) if is_number(granularity) => {
            (date, Some(sample), key, rest)
        }
        _ => return,
    };
    let rest = (!rest.is_empty()).then(|| rest.to_vec());
    let months = FunctionCall::new("toYYYYMM", vec![date.clone()]);
    engine.partition_by = Some(Expression::Function(months));
    engine.order_by = Some(key.clone());
    engine.sample_by = sample.cloned();
    engine.arguments = rest;
}
