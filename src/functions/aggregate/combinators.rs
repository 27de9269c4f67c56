//! Suffixes that make other functions of aggregate functions.

use base::{Result, bail};
use expr::{AggregateArguments, BoundAggregate, Combinator, FunctionContext, Registry};
use types::DataType;

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
        description: "Takes one more argument, a condition, and only rows in which that is true.",
        bind: condition::bind,
    },
    Combinator {
        suffix: "Array",
        description: "Takes arrays and aggregates over all their elements.",
        bind: arrays::bind,
    },
    Combinator {
        suffix: "Map",
        description: "Takes a map and aggregates the values of each key, giving a map.",
        bind: map::bind,
    },
    Combinator {
        suffix: "Distinct",
        description: "Takes each different row of arguments once.",
        bind: distinct::bind,
    },
    Combinator {
        suffix: "OrNull",
        description: "NULL where there were no rows.",
        bind: |registry, context, inner, call| empty::bind(registry, context, inner, call, true),
    },
    Combinator {
        suffix: "OrDefault",
        description: "The default of the result's type where there were no rows.",
        bind: |registry, context, inner, call| empty::bind(registry, context, inner, call, false),
    },
    Combinator {
        suffix: "State",
        description: "Gives the state instead of the result, to be merged later by -Merge.",
        bind: state::bind_state,
    },
    Combinator {
        suffix: "Merge",
        description: "Takes states that -State gave and merges them.",
        bind: state::bind_merge,
    },
    Combinator {
        suffix: "SimpleState",
        description: "Gives the result as SimpleAggregateFunction, for tables that merge rows.",
        bind: state::bind_simple_state,
    },
    Combinator {
        suffix: "ForEach",
        description: "Takes arrays and aggregates the elements of each position, giving an array.",
        bind: for_each::bind,
    },
    Combinator {
        suffix: "Resample",
        description: "nameResample(start, end, step)(..., key) aggregates each interval of the key by itself, \
            giving an array.",
        bind: resample::bind,
    },
    Combinator {
        suffix: "ArgMin",
        description: "Takes one more argument, a key, and only the rows in which that is smallest.",
        bind: |registry, context, inner, call| best::bind(registry, context, inner, call, false),
    },
    Combinator {
        suffix: "ArgMax",
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
