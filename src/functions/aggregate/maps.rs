//! `sumMap` and its like: values aggregated key by key.

use base::{Result, bail};
use expr::{AggregateArguments, AggregateDeclaration, BoundAggregate, FunctionContext, NullRows};
use types::{DataType, TupleField};

use super::arguments::{Checks, USUAL, example};
use super::combinators::{Shape, mapped};
use super::state_bytes::Plain;
use super::{extremes, sums};

const MAPS: AggregateDeclaration = AggregateDeclaration { nulls: NullRows::SkipThenEmpty, ..USUAL };

type Bind = fn(&FunctionContext, &AggregateArguments<'_>) -> Result<BoundAggregate>;

pub(crate) static FUNCTIONS: &[AggregateDeclaration] = &[
    AggregateDeclaration {
        name: "sumMappedArrays",
        syntax: "sumMappedArrays(keys, values[, ...])",
        description: "Sums values by key, from an array of keys and arrays of values (or one tuple of these); keys \
            whose sums are all 0 are left out. Gives the sorted keys and the sums.",
        examples: &[example("SELECT sumMappedArrays([1, 2], [10, 20])", "([1,2],[10,20])")],
        bind: |context, call| bind(context, call, sums::bind_sum, true),
        ..MAPS
    },
    AggregateDeclaration {
        name: "minMappedArrays",
        syntax: "minMappedArrays(keys, values[, ...])",
        description: "The smallest value of each key, from an array of keys and arrays of values.",
        examples: &[example("SELECT minMappedArrays([1, 1], [10, 20])", "([1],[10])")],
        bind: |context, call| bind(context, call, extremes::bind_min, false),
        ..MAPS
    },
    AggregateDeclaration {
        name: "maxMappedArrays",
        syntax: "maxMappedArrays(keys, values[, ...])",
        description: "The greatest value of each key, from an array of keys and arrays of values.",
        examples: &[example("SELECT maxMappedArrays([1, 1], [10, 20])", "([1],[20])")],
        bind: |context, call| bind(context, call, extremes::bind_max, false),
        ..MAPS
    },
    AggregateDeclaration {
        name: "sumMapWithOverflow",
        syntax: "sumMapWithOverflow(keys, values[, ...])",
        description: "As sumMappedArrays, with sums in the types of the values.",
        examples: &[example("SELECT sumMapWithOverflow([1, 1], [200, 100])", "([1],[44])")],
        bind: |context, call| bind(context, call, sums::bind_narrow_sum, true),
        ..MAPS
    },
];

fn bind(
    context: &FunctionContext,
    call: &AggregateArguments<'_>,
    of_values: Bind,
    drop_zeros: bool,
) -> Result<BoundAggregate> {
    call.no_parameters()?;
    let (types, shape): (Vec<DataType>, Shape) = match call.types {
        [DataType::Tuple(fields)] => {
            (fields.iter().map(|field| field.data_type.clone()).collect(), Shape::Tuple)
        }
        types => (types.to_vec(), Shape::Arrays),
    };
    let [keys, values @ ..] = types.as_slice() else {
        bail!(
            NumberOfArgumentsDoesntMatch,
            "Aggregate function {} requires at least two arguments of Array type or one argument \
             of tuple of two arrays",
            call.name
        );
    };
    if values.is_empty() {
        bail!(
            NumberOfArgumentsDoesntMatch,
            "Aggregate function {} requires at least two arguments of Array type or one argument \
             of tuple of two arrays",
            call.name
        );
    }
    let item = |data_type: &DataType| match data_type {
        DataType::Array(item) => Ok(item.as_ref().clone()),
        other => bail!(
            IllegalTypeOfArgument,
            "Aggregate function {} requires arrays as arguments, got {other}",
            call.name
        ),
    };
    let key = item(keys)?;
    let mut inner = Vec::new();
    let mut dropped = Vec::new();
    let mut fields = vec![keys.clone()];
    for value in values {
        let value = item(value)?;
        let bare = value.inner().clone();
        let one = AggregateArguments {
            name: call.name,
            types: std::slice::from_ref(&bare),
            parameters: &[],
        };
        let bound = null_aware(of_values(context, &one)?, &value);
        fields.push(DataType::array(bound.return_type.clone()));
        if drop_zeros {
            dropped.push(zero(&bound.return_type));
        }
        inner.push(bound);
    }
    let fields = fields.into_iter().map(|data_type| TupleField { name: None, data_type });
    let result = DataType::Tuple(fields.collect());
    Ok(mapped(result, shape, &key, inner, dropped))
}

/// NULL values are skipped; a key with only NULL values has the empty result.
fn null_aware(bound: BoundAggregate, value: &DataType) -> BoundAggregate {
    if !value.is_nullable() {
        return bound;
    }
    let create = bound.create;
    BoundAggregate::new(bound.return_type, move || super::skip_nulls::SkipNulls::new(create()))
}

/// The encoded zero of a number's type.
fn zero(data_type: &DataType) -> Vec<u8> {
    let mut bytes = Vec::new();
    super::kind::with_kind!(data_type, K => {
        <<K as super::kind::Kind>::Native as Default>::default().write(&mut bytes);
    }, otherwise ());
    bytes
}
