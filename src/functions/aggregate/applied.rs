//! Aggregate functions within a row: over the elements of its arrays, over its values, of its states.

use std::sync::LazyLock;

use arrow_array::cast::AsArray;
use arrow_array::{Array, UInt32Array};
use base::{Result, bail};
use expr::{
    AggregateArguments, Argument, Bound, BoundAggregate, FunctionContext, FunctionDeclaration,
    Nulls, Registry,
};
use types::{Column, DataType, Value};

use super::kind::integers;
use crate::collection::{item_type, lists_of, same_lengths};
use crate::text::declare;
use crate::text::strings::list_column;

pub(crate) static FUNCTIONS: &[FunctionDeclaration] = &[
    declare!("Array", "arrayReduce", "arrayReduce('function', array, ...)", "What an aggregate function makes of the elements of arrays.",
        "SELECT arrayReduce('max', [1, 3, 2])" => "3", (2, usize::MAX), reduce, nulls: Nulls::Custom),
    declare!("Array", "arrayReduceInRanges", "arrayReduceInRanges('function', ranges, array, ...)", "What an aggregate function makes of the elements of each range, a pair of a place (from 1; negative: from the end) and a length, of arrays.",
        "SELECT arrayReduceInRanges('sum', [(1, 2), (2, 2)], [1, 20, 300])" => "[21,320]", (3, usize::MAX), reduce_in_ranges, nulls: Nulls::Custom),
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

/// Elements that ranges of a block may have together.
const MOST_ELEMENTS: usize = 1 << 26;

fn reduce_in_ranges(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let function = "arrayReduceInRanges";
    let range = item_type(function, arguments, 1)?;
    let bounds = match &range {
        DataType::Tuple(fields) => fields.iter().map(|f| f.data_type.clone()).collect(),
        _ => Vec::new(),
    };
    if bounds.len() != 2 || bounds.iter().any(|t| !t.is_integer() || t.bits() > Some(64)) {
        bail!(
            IllegalTypeOfArgument,
            "Second argument of function {function} must be an array of pairs of integers, not {}",
            arguments[1].data_type
        );
    }
    let types = (2..arguments.len())
        .map(|at| item_type(function, arguments, at))
        .collect::<Result<Vec<DataType>>>()?;
    let bound = named(context, function, &arguments[0], &types)?;
    let item = bound.return_type.clone();
    Ok(Bound::new(DataType::array(item.clone()), move |columns, rows| {
        let ranges = lists_of(&columns[1])?;
        let pairs = ranges.items.as_struct();
        let read = |at: usize| {
            let part = [Column::Flat(pairs.column(at).clone())];
            integers(&part, 0, &bounds[at], ranges.items.len())
        };
        let (starts, lengths) = (read(0)?, read(1)?);
        let lists = same_lengths(function, columns.get(2..).unwrap_or_default())?;
        let Some(first) = lists.first() else { bail!(LogicalError, "{function} without arrays") };
        let (mut groups, mut picks) = (Vec::new(), Vec::new());
        for row in 0..rows {
            let (from, to) = first.bounds(row);
            let count = (to - from) as i64;
            let (begin, end) = ranges.bounds(row);
            for range in begin..end {
                let start = match starts[range] {
                    start if start > 0 => start - 1,
                    start => start.saturating_add(count),
                };
                let stop = match lengths[range] {
                    length if length >= 0 => start.saturating_add(length),
                    length => length.saturating_add(count),
                };
                // A range that begins before the first element is empty.
                let stop = if start < 0 { 0 } else { stop };
                for at in start.clamp(0, count)..stop.clamp(0, count) {
                    groups.push(range as u32);
                    picks.push(from as u32 + at as u32);
                }
            }
            if picks.len() > MOST_ELEMENTS {
                bail!(TooLargeArraySize, "Ranges of more than {MOST_ELEMENTS} elements in a block");
            }
        }
        let picks = UInt32Array::from(picks);
        let items = lists.iter().map(|l| Column::Flat(l.items.clone()).take(&picks));
        let items: Vec<Column> = items.collect::<Result<_>>()?;
        let results = of_groups(&bound, ranges.items.len(), &groups, &items)?.to_flat()?;
        let offsets = (0..rows).map(|row| ranges.bounds(row).1 as i32);
        list_column(&item, std::iter::once(0).chain(offsets).collect(), results)
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
