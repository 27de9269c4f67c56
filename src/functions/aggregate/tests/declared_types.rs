//! Types of results, and results of groups without rows.

use expr::{AggregateArguments, FunctionContext};
use types::{DataType, Value, value_at};

use super::data::int;
use super::{literal, split, text};

/// The type of a call with arguments of types.
fn type_of(call: &str, types: &[&str]) -> String {
    let (name, parameters) = match call.split_once('(') {
        Some((name, rest)) => (name, split(rest.trim_end_matches(')'))),
        None => (call, Vec::new()),
    };
    let types: Vec<DataType> = types.iter().map(|t| DataType::parse(t).unwrap()).collect();
    let parameters: Vec<Value> = parameters.iter().map(|p| literal(p)).collect();
    let call = AggregateArguments { name, types: &types, parameters: &parameters };
    match crate::registry().bind_aggregate(&FunctionContext::default(), &call) {
        Ok(bound) => bound.return_type.to_string(),
        Err(error) => error.code().name().to_owned(),
    }
}

#[test]
fn types_are_those_of_clickhouse() {
    for (call, types, expected) in [
        ("sum", &["Int8"][..], "Int64"),
        ("sum", &["UInt128"], "UInt128"),
        ("sum", &["Bool"], "UInt64"),
        ("sum", &["Decimal(9, 2)"], "Decimal(38, 2)"),
        ("sum", &["Date"], "ILLEGAL_TYPE_OF_ARGUMENT"),
        ("sum", &["String"], "ILLEGAL_TYPE_OF_ARGUMENT"),
        ("sum", &["Nullable(Nothing)"], "Nullable(Nothing)"),
        ("count", &["Nullable(Nothing)"], "UInt64"),
        ("uniqExact", &["Nullable(Nothing)"], "UInt64"),
        ("groupArray", &["Nullable(Nothing)"], "Nullable(Nothing)"),
        ("argMin", &["UInt8", "Nullable(Nothing)"], "Nullable(Nothing)"),
        ("count", &["UInt8", "UInt8"], "NUMBER_OF_ARGUMENTS_DOESNT_MATCH"),
        ("SUM", &["LowCardinality(Nullable(UInt8))"], "Nullable(UInt64)"),
        ("avg", &["Date"], "Date"),
        ("avg", &["DateTime"], "DateTime"),
        ("quantile", &["DateTime64(3)"], "DateTime64(3)"),
        ("quantile", &["String"], "ILLEGAL_TYPE_OF_ARGUMENT"),
        ("quantiles(0.5)", &["Date"], "Array(Date)"),
        ("quantileTDigest", &["Date"], "Date"),
        ("quantileTDigest", &["Decimal(9, 2)"], "ILLEGAL_TYPE_OF_ARGUMENT"),
        ("quantile(1.5)", &["UInt8"], "PARAMETER_OUT_OF_BOUND"),
        ("sumIf", &["Nullable(UInt8)", "Nullable(UInt8)"], "Nullable(UInt64)"),
        ("sumIf", &["UInt8", "Nullable(UInt8)"], "UInt64"),
        ("sumIf", &["Nullable(Nothing)", "UInt8"], "Nullable(Nothing)"),
        ("sumIf", &["UInt8", "Nullable(Nothing)"], "UInt64"),
        ("sumState", &["UInt8"], "AggregateFunction(sum, UInt8)"),
        ("sumIfState", &["UInt8", "UInt8"], "AggregateFunction(sumIf, UInt8, UInt8)"),
        ("quantileState(0.9)", &["UInt8"], "AggregateFunction(quantile(0.9), UInt8)"),
        ("countState", &[], "AggregateFunction(count)"),
        ("avgStateIf", &["UInt8", "UInt8"], "AggregateFunction(avg, UInt8)"),
        ("sumSimpleState", &["UInt8"], "SimpleAggregateFunction(sum, UInt64)"),
        ("sumMergeState", &["AggregateFunction(sum, UInt8)"], "AggregateFunction(sum, UInt8)"),
        ("sumMergeIf", &["AggregateFunction(sum, UInt8)", "UInt8"], "UInt64"),
        ("uniqExactIfMerge", &["AggregateFunction(uniqExactIf, String, UInt8)"], "UInt64"),
        ("medianMerge", &["AggregateFunction(quantile(0.9), UInt8)"], "Float64"),
        ("quantilesMerge(0.9)", &["AggregateFunction(quantile(0.9), UInt8)"], "Array(Float64)"),
        ("avgMerge", &["AggregateFunction(sum, UInt8)"], "ILLEGAL_TYPE_OF_ARGUMENT"),
        ("countOrNull", &[], "Nullable(UInt64)"),
        ("groupArrayOrNull", &["UInt8"], "Array(UInt8)"),
        ("sumForEach", &["Array(Nullable(UInt8))"], "Array(Nullable(UInt64))"),
        ("sumArray", &["Array(Nullable(UInt8))"], "Nullable(UInt64)"),
        ("sumMap", &["Map(UInt8, UInt8)"], "Map(UInt8, UInt64)"),
        ("topK(0)", &["UInt8"], "ARGUMENT_OUT_OF_BOUND"),
        ("groupArraySorted", &["UInt8"], "BAD_ARGUMENTS"),
    ] {
        assert_eq!(type_of(call, types), expected, "{call} {types:?}");
    }
}

#[test]
fn empty_groups_are_those_of_clickhouse() {
    for (name, types, expected) in [
        ("sum", &["UInt8"][..], "0"),
        ("avg", &["UInt8"], "nan"),
        ("min", &["UInt8"], "0"),
        ("min", &["String"], ""),
        ("max", &["Array(UInt8)"], "[]"),
        ("min", &["Nullable(UInt8)"], "\\N"),
        ("quantile", &["UInt8"], "nan"),
        ("quantileExact", &["UInt64"], "0"),
        ("quantileTiming", &["UInt8"], "nan"),
        ("groupBitAnd", &["UInt64"], "18446744073709551615"),
        ("varSampStable", &["UInt8"], "inf"),
        ("corr", &["UInt8", "UInt8"], "nan"),
        ("simpleLinearRegression", &["UInt8", "UInt8"], "(nan,nan)"),
        ("avgOrDefault", &["UInt8"], "0"),
        ("sumOrNull", &["UInt8"], "\\N"),
        ("entropy", &["UInt8"], "0"),
        ("exponentialMovingAverage", &["UInt8", "UInt8"], "0"),
        ("singleValueOrNull", &["UInt8"], "\\N"),
        ("sum", &["Nullable(Nothing)"], "\\N"),
        ("uniq", &["Nullable(Nothing)"], "0"),
    ] {
        let types: Vec<DataType> = types.iter().map(|t| DataType::parse(t).unwrap()).collect();
        let parameters: &[Value] = if name == "exponentialMovingAverage" { &[int(3)] } else { &[] };
        let call = AggregateArguments { name, types: &types, parameters };
        let registry = crate::registry();
        let bound = registry.bind_aggregate(&FunctionContext::default(), &call).unwrap();
        let mut accumulator = (bound.create)();
        accumulator.resize(1);
        let array = accumulator.finish(0..1).unwrap();
        let value = value_at(&array, &bound.return_type, 0);
        assert_eq!(text(&bound.return_type, &value, false), expected, "{name}");
    }
}
