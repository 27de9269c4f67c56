//! Suffixes that make other functions of aggregate functions.

use base::{Result, bail};
use expr::{AggregateArguments, BoundAggregate, Combinator, FunctionContext, Registry};
use types::DataType;

use super::arguments::example;

mod arrays;
mod best;
mod condition;
mod distinct;
mod empty;
mod for_each;
mod map;
mod resample;
mod state;
mod subgroups;

pub(crate) use map::{Shape, mapped};
pub(crate) use subgroups::Subgroups;

/// All of them.
pub(crate) static COMBINATORS: &[Combinator] = &[
    Combinator {
        suffix: "If",
        example: example("SELECT sumIf(number, number > 5) FROM numbers(10)", "30"),
        description: "Takes one more argument, a condition, and only rows in which that is true.",
        bind: condition::bind,
    },
    Combinator {
        suffix: "Array",
        example: example("SELECT sumArray([1, 2, number]) FROM numbers(2)", "7"),
        description: "Takes arrays and aggregates over all their elements.",
        bind: arrays::bind,
    },
    Combinator {
        suffix: "Map",
        example: example(
            "SELECT sumMap(map('a', number, 'b', 1)) FROM numbers(3)",
            "{'a':3,'b':3}",
        ),
        description: "Takes a map and aggregates the values of each key, giving a map.",
        bind: map::bind,
    },
    Combinator {
        suffix: "Distinct",
        example: example("SELECT sumDistinct(number % 3) FROM numbers(10)", "3"),
        description: "Takes each different row of arguments once.",
        bind: distinct::bind,
    },
    Combinator {
        suffix: "OrNull",
        example: example("SELECT sumOrNull(number) FROM numbers(0)", "\\N"),
        description: "NULL where there were no rows.",
        bind: |registry, context, inner, call| empty::bind(registry, context, inner, call, true),
    },
    Combinator {
        suffix: "OrDefault",
        example: example("SELECT avgOrDefault(number) FROM numbers(0)", "0"),
        description: "The default of the result's type where there were no rows.",
        bind: |registry, context, inner, call| empty::bind(registry, context, inner, call, false),
    },
    Combinator {
        suffix: "State",
        example: example(
            "SELECT sumMerge(s) FROM (SELECT sumState(number) AS s FROM numbers(10) GROUP BY number % 2)",
            "45",
        ),
        description: "Gives the state instead of the result, to be merged later by -Merge.",
        bind: state::bind_state,
    },
    Combinator {
        suffix: "Merge",
        example: example(
            "SELECT uniqMerge(s) FROM (SELECT uniqState(number % 4) AS s FROM numbers(10))",
            "4",
        ),
        description: "Takes states that -State gave and merges them.",
        bind: state::bind_merge,
    },
    Combinator {
        suffix: "SimpleState",
        example: example(
            "SELECT toTypeName(maxSimpleState(number)) FROM numbers(3)",
            "SimpleAggregateFunction(max, UInt64)",
        ),
        description: "Gives the result as SimpleAggregateFunction, for tables that merge rows.",
        bind: state::bind_simple_state,
    },
    Combinator {
        suffix: "ForEach",
        example: example("SELECT sumForEach([number, 1]) FROM numbers(3)", "[3,3]"),
        description: "Takes arrays and aggregates the elements of each position, giving an array.",
        bind: for_each::bind,
    },
    Combinator {
        suffix: "Resample",
        example: example("SELECT countResample(0, 6, 2)(number) FROM numbers(5)", "[2,2,1]"),
        description: "nameResample(start, end, step)(..., key) aggregates each interval of the key by itself, \
            giving an array.",
        bind: resample::bind,
    },
    Combinator {
        suffix: "ArgMin",
        example: example("SELECT anyArgMin(number, -number) FROM numbers(4)", "3"),
        description: "Takes one more argument, a key, and only the rows in which that is smallest.",
        bind: |registry, context, inner, call| best::bind(registry, context, inner, call, false),
    },
    Combinator {
        suffix: "ArgMax",
        example: example("SELECT anyArgMax(number, number % 3) FROM numbers(4)", "2"),
        description: "Takes one more argument, a key, and only the rows in which that is greatest.",
        bind: |registry, context, inner, call| best::bind(registry, context, inner, call, true),
    },
];

/// Binds the function inside, to fewer or other arguments.
fn inner(
    registry: &Registry,
    context: &FunctionContext,
    name: &str,
    call: &AggregateArguments<'_>,
    types: &[DataType],
) -> Result<BoundAggregate> {
    let call = AggregateArguments { name, types, parameters: call.parameters };
    registry.bind_aggregate(context, &call)
}

/// The arguments without the last, which the combinator takes itself.
fn split_last<'a>(
    call: &AggregateArguments<'a>,
    suffix: &str,
) -> Result<(&'a DataType, &'a [DataType])> {
    match call.types.split_last() {
        Some(found) => Ok(found),
        None => bail!(
            NumberOfArgumentsDoesntMatch,
            "Incorrect number of arguments for aggregate function with {suffix} suffix"
        ),
    }
}
