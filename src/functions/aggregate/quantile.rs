//! Quantiles: one level or many, over all values, weighted values, samples or digests.
//!
//! Every kind has a function of one level (`quantileExact(0.9)(x)`, 0.5 unless given), one of
//! many (`quantilesExact(0.5, 0.9)(x)`, an array) and a median; their states are the same.

use std::sync::Arc;

use arrow_array::{ArrayRef, ListArray};
use arrow_buffer::OffsetBuffer;
use base::{Error, Result, bail};
use expr::{AggregateArguments, AggregateDeclaration, Registry};
use types::DataType;

use super::arguments::Checks;

mod digest;
mod exact;
mod exponential;
mod sample;
mod timing;
mod weighted;

pub(crate) fn register(registry: &mut Registry) {
    let families: [&'static [AggregateDeclaration]; 6] = [
        exact::FUNCTIONS,
        weighted::FUNCTIONS,
        sample::FUNCTIONS,
        digest::FUNCTIONS,
        timing::FUNCTIONS,
        exponential::FUNCTIONS,
    ];
    families.into_iter().for_each(|family| registry.add_aggregates(family));
}

/// The function of one level, with its median, and that of many.
macro_rules! quantile {
    (
        $one:literal, $many:literal, $median:literal, $arguments:literal, $description:literal,
        $parameters:literal, $example_arguments:literal, $result:literal, $bind:expr
    ) => {
        [
            expr::AggregateDeclaration {
                name: $one,
                aliases: &[$median],
                syntax: concat!($one, "(level)(", $arguments, ")"),
                description: $description,
                examples: &[crate::aggregate::arguments::example(
                    concat!(
                        "SELECT ",
                        $one,
                        "(",
                        $parameters,
                        ")(",
                        $example_arguments,
                        ") FROM numbers(11)"
                    ),
                    $result,
                )],
                bind: |_, call| $bind(call, false),
                ..crate::aggregate::arguments::USUAL
            },
            expr::AggregateDeclaration {
                name: $many,
                syntax: concat!($many, "(level, ...)(", $arguments, ")"),
                description: concat!($description, " Several levels give an array."),
                examples: &[crate::aggregate::arguments::example(
                    concat!(
                        "SELECT ",
                        $many,
                        "(",
                        $parameters,
                        ")(",
                        $example_arguments,
                        ") FROM numbers(11)"
                    ),
                    concat!("[", $result, "]"),
                )],
                nulls: expr::NullRows::SkipThenEmpty,
                bind: |_, call| $bind(call, true),
                ..crate::aggregate::arguments::USUAL
            },
        ]
    };
}

use quantile;

/// Which quantiles are wanted.
#[derive(Debug, Clone)]
pub(crate) struct Levels {
    levels: Vec<f64>,
    many: bool,
}

impl Levels {
    /// From the parameters after the first `skip`.
    pub(crate) fn of(call: &AggregateArguments<'_>, skip: usize, many: bool) -> Result<Levels> {
        let mut levels = Vec::new();
        for at in skip..call.parameters.len() {
            let level = call.float(at)?.unwrap_or(0.5);
            if !(0.0..=1.0).contains(&level) {
                bail!(ParameterOutOfBound, "Quantile level is out of range [0..1]");
            }
            levels.push(level);
        }
        if !many && levels.len() > 1 {
            bail!(
                NumberOfArgumentsDoesntMatch,
                "Aggregate function {} requires one level parameter or less",
                call.name
            );
        }
        if levels.is_empty() {
            levels.push(0.5);
        }
        Ok(Levels { levels, many })
    }

    /// The levels, in the order in which they were given.
    pub(crate) fn iter(&self) -> impl Iterator<Item = f64> {
        self.levels.iter().copied()
    }

    /// The type of the result, from that of one quantile.
    pub(crate) fn result(&self, one: DataType) -> DataType {
        if self.many { DataType::array(one) } else { one }
    }

    /// The result's column, from all quantiles of all groups, group by group.
    pub(crate) fn column(&self, quantiles: ArrayRef, groups: usize) -> Result<ArrayRef> {
        if !self.many {
            return Ok(quantiles);
        }
        let field = arrow_schema::Field::new("item", quantiles.data_type().clone(), true);
        let offsets = OffsetBuffer::from_repeated_length(self.levels.len(), groups);
        ListArray::try_new(Arc::new(field), offsets, quantiles, None)
            .map(|list| Arc::new(list) as ArrayRef)
            .map_err(|e| Error::logical(e.to_string()))
    }
}

/// Interpolates between the sorted values around a place; `at` counts from 0.
pub(crate) fn interpolate(sorted: &[f64], at: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let low = (at.max(0.0) as usize).min(last);
    let high = (low + 1).min(last);
    let right = (at - low as f64).clamp(0.0, 1.0);
    sorted[low] * (1.0 - right) + sorted[high] * right
}

/// Whether quantiles of a type exist: numbers, dates, times.
pub(crate) fn has_order(data_type: &DataType) -> bool {
    data_type.is_number()
        || data_type.is_date()
        || data_type.is_datetime()
        || matches!(data_type, DataType::Interval(_))
}
