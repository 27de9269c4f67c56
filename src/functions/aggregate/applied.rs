//! Aggregate functions within a row: over the elements of its arrays, over its values, of its states.

use std::sync::LazyLock;

use base::{Result, bail};
use expr::{
    AggregateArguments, Argument, Bound, BoundAggregate, FunctionContext, FunctionDeclaration,
    Nulls, Registry,
};
use types::{Column, DataType, Value};

use crate::collection::{item_type, same_lengths};
use crate::text::declare;

pub(crate) static FUNCTIONS: &[FunctionDeclaration] = &[
    declare!("Array", "arrayReduce", "arrayReduce('function', array, ...)", "What an aggregate function makes of the elements of arrays.",
        "SELECT arrayReduce('max', [1, 3, 2])" => "3", (2, usize::MAX), reduce, nulls: Nulls::Custom),
    declare!("Other", "finalizeAggregation", "finalizeAggregation(state)", "The result of a state of an aggregate function.",
        "SELECT finalizeAggregation(initializeAggregation('sumState', 5))" => "5", (1, 1), finalize, nulls: Nulls::Custom),
    declare!("Other", "initializeAggregation", "initializeAggregation('function', x, ...)", "What an aggregate function makes of each row alone.",
        "SELECT initializeAggregation('uniqState', 'a') IS NOT NULL" => "1", (2, usize::MAX), initialize, nulls: Nulls::Custom),
];

/// What functions of queries can call of aggregate functions.
static AGGREGATES: LazyLock<Registry> = LazyLock::new(|| {
    let mut registry = Registry::default();
    super::register(&mut registry);
    registry
});

/// Binds the aggregate function that a constant names, with its parameters in brackets.
fn named(
    context: &FunctionContext,
    function: &str,
    name: &Argument,
    types: &[DataType],
) -> Result<BoundAggregate> {
    let Some(text) = name.constant.as_ref().and_then(Value::as_str) else {
        bail!(
            BadArguments,
            "First argument for function {function} must be constant string: name of aggregate function"
        );
    };
    let (name, parameters) = match text.split_once('(') {
        None => (text.to_owned(), Vec::new()),
        // The parameters are those of a type of states.
        Some(_) => match DataType::parse(&format!("AggregateFunction({text}, UInt8)"))? {
            DataType::AggregateFunction(about) => (about.0.clone(), about.1.clone()),
            _ => bail!(BadArguments, "{text} is no aggregate function"),
        },
    };
    let arguments = AggregateArguments { name: &name, types, parameters: &parameters };
    AGGREGATES.bind_aggregate(context, &arguments)
}

fn reduce(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let types = (1..arguments.len())
        .map(|at| item_type("arrayReduce", arguments, at))
        .collect::<Result<Vec<DataType>>>()?;
    let bound = named(context, "arrayReduce", &arguments[0], &types)?;
    Ok(Bound::new(bound.return_type.clone(), move |columns, rows| {
        let lists = same_lengths("arrayReduce", columns.get(1..).unwrap_or_default())?;
        let items: Vec<Column> = lists.iter().map(|l| Column::Flat(l.items.clone())).collect();
        let Some(first) = lists.first() else { bail!(LogicalError, "arrayReduce without arrays") };
        let groups: Vec<u32> = first.item_rows();
        of_groups(&bound, rows, &groups, &items)
    }))
}

fn initialize(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let types: Vec<DataType> = arguments.iter().skip(1).map(|a| a.data_type.clone()).collect();
    let bound = named(context, "initializeAggregation", &arguments[0], &types)?;
    Ok(Bound::new(bound.return_type.clone(), move |columns, rows| {
        let groups: Vec<u32> = (0..rows as u32).collect();
        of_groups(&bound, rows, &groups, columns.get(1..).unwrap_or_default())
    }))
}

fn finalize(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let state = &arguments[0].data_type;
    let DataType::AggregateFunction(about) = state else {
        bail!(IllegalTypeOfArgument, "finalizeAggregation takes a state, not {state}");
    };
    let name = format!("{}Merge", about.0);
    let arguments = AggregateArguments {
        name: &name,
        types: std::slice::from_ref(state),
        parameters: &about.1,
    };
    let bound = AGGREGATES.bind_aggregate(context, &arguments)?;
    Ok(Bound::new(bound.return_type.clone(), move |columns, rows| {
        let groups: Vec<u32> = (0..rows as u32).collect();
        of_groups(&bound, rows, &groups, columns)
    }))
}

/// The result of each row's group.
fn of_groups(
    bound: &BoundAggregate,
    rows: usize,
    groups: &[u32],
    arguments: &[Column],
) -> Result<Column> {
    let mut states = (bound.create)();
    states.resize(rows);
    // Accumulators take flat and constant columns.
    let plain = arguments.iter().map(|column| match column {
        Column::Dictionary(coded) => coded.decode().map(Column::Flat),
        other => Ok(other.clone()),
    });
    let plain: Vec<Column> = plain.collect::<Result<_>>()?;
    if !groups.is_empty() {
        states.update(groups, &plain)?;
    }
    Ok(Column::Flat(states.finish(0..rows)?))
}
