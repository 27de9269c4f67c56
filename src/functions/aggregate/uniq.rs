//! Counts of distinct values, exact and approximate.

use std::marker::PhantomData;
use std::sync::Arc;

use base::{Result, bail};
use expr::{AggregateArguments, AggregateDeclaration, BoundAggregate, NullRows};
use types::DataType;

use super::arguments::{Checks, USUAL, example};
use super::distinct::{Distinct, Hashed, Limit, Narrow, Values, Wide};
use super::encoded::Encoding;
use super::kind::{Kind, with_kind};
use super::state_bytes::Plain;

/// A group of so many distinct values is still counted exactly by `uniq`.
const EXACT: u32 = 65_536;

const COUNTS: AggregateDeclaration =
    AggregateDeclaration { nulls: NullRows::SkipThenEmpty, ..USUAL };

pub(crate) static FUNCTIONS: &[AggregateDeclaration] = &[
    AggregateDeclaration {
        name: "uniqExact",
        syntax: "uniqExact(x[, ...])",
        description: "How many different values (or tuples of values) there are. COUNT(DISTINCT x) is this.",
        examples: &[example("SELECT uniqExact(number % 3) FROM numbers(10)", "3")],
        bind: |_, call| {
            call.no_parameters()?;
            bind(call, Limit::None)
        },
        ..COUNTS
    },
    AggregateDeclaration {
        name: "uniq",
        syntax: "uniq(x[, ...])",
        description: "About how many different values there are: exact up to 65536 of a group, then within \
            half a percent or so.",
        examples: &[example("SELECT uniq(number % 3) FROM numbers(10)", "3")],
        bind: |_, call| {
            call.no_parameters()?;
            bind(call, Limit::Sketch(EXACT, 16))
        },
        ..COUNTS
    },
    AggregateDeclaration {
        name: "uniqHLL12",
        syntax: "uniqHLL12(x[, ...])",
        description: "About how many different values there are, by 4096 registers: within 1.6 percent or so.",
        examples: &[example("SELECT uniqHLL12(number % 3) FROM numbers(10)", "3")],
        bind: |_, call| {
            call.no_parameters()?;
            bind(call, Limit::Sketch(512, 12))
        },
        ..COUNTS
    },
    AggregateDeclaration {
        name: "uniqCombined",
        syntax: "uniqCombined([precision])(x[, ...])",
        description: "About how many different values there are, by 2^precision registers (12 to 20, 17 unless \
            given); exact for few.",
        examples: &[example("SELECT uniqCombined(12)(number % 3) FROM numbers(10)", "3")],
        bind: |_, call| bind_combined(call),
        ..USUAL
    },
    AggregateDeclaration {
        name: "uniqCombined64",
        syntax: "uniqCombined64([precision])(x[, ...])",
        description: "As uniqCombined; both hash to 64 bits.",
        examples: &[example("SELECT uniqCombined64(number % 3) FROM numbers(10)", "3")],
        bind: |_, call| bind_combined(call),
        ..USUAL
    },
    AggregateDeclaration {
        name: "uniqUpTo",
        syntax: "uniqUpTo(n)(x[, ...])",
        description: "How many different values there are, n + 1 if more than n; n is at most 100.",
        examples: &[example("SELECT uniqUpTo(3)(number) FROM numbers(10)", "4")],
        bind: |_, call| {
            call.most_parameters(1)?;
            let limit = call.natural(0, 10)?;
            if limit > 100 {
                bail!(
                    ArgumentOutOfBound,
                    "Too large parameter for aggregate function {}. Maximum: 100",
                    call.name
                );
            }
            bind(call, Limit::More(limit as u32))
        },
        ..COUNTS
    },
];

fn bind_combined(call: &AggregateArguments<'_>) -> Result<BoundAggregate> {
    call.most_parameters(1)?;
    let precision = call.natural(0, 17)?;
    if !(12..=20).contains(&precision) {
        bail!(
            ParameterOutOfBound,
            "Parameter for aggregate function {} is out of range: [12, 20]",
            call.name
        );
    }
    bind(call, Limit::Sketch(1 << (precision - 3), precision as u8))
}

fn made<V: Values>(values: V, limit: Limit) -> BoundAggregate {
    let values = Arc::new(values);
    BoundAggregate::new(DataType::UInt64, move || Distinct::new(&values, limit))
}

fn bind(call: &AggregateArguments<'_>, limit: Limit) -> Result<BoundAggregate> {
    if call.types.is_empty() {
        bail!(
            NumberOfArgumentsDoesntMatch,
            "Incorrect number of arguments for aggregate function {}, should be at least 1",
            call.name
        );
    }
    if let [data_type] = call.types
        && !data_type.is_nullable()
    {
        with_kind!(data_type, K => {
            match <<K as Kind>::Native as Plain>::BYTES {
                1..=4 => return Ok(made(Narrow::<K>(PhantomData), limit)),
                8 => return Ok(made(Wide::<K>(PhantomData), limit)),
                _ => {}
            }
        }, otherwise ());
    }
    Ok(made(Hashed(Encoding::new(call.types)), limit))
}
