//! Aggregate functions bound to what they will be given.
//!
//! An argument that is a string column of which all blocks share one sorted dictionary is given as its codes
//! where the function only compares values: distinct counts, and minima and maxima, whose
//! result is then a code again.

use std::sync::Arc;

use base::Result;
use expr::{Accumulator, AggregateArguments, BoundAggregate, Expr};
use plan::AggregateCall;
use types::{Column, DataType, Dictionary};

use super::code_set::CodeSet;
use crate::context::ExecContext;

/// An aggregate function with where its arguments stand.
pub(crate) struct BoundCall {
    pub(crate) bound: BoundAggregate,
    /// Positions among the evaluated arguments.
    pub(crate) arguments: std::ops::Range<usize>,
    /// The first argument comes as codes of this dictionary.
    pub(crate) codes: Option<Arc<dyn Dictionary>>,
    /// The result is a code of the dictionary.
    pub(crate) gives_code: bool,
    counts_rows: bool,
    /// What it returns.
    pub(crate) data_type: DataType,
}

impl BoundCall {
    /// Whether it is `count()`, of which only the number of rows matters.
    pub(crate) fn counts_rows(&self) -> bool {
        self.counts_rows
    }

    pub(crate) fn accumulator(&self) -> Box<dyn Accumulator> {
        (self.bound.create)()
    }
}

/// Binds calls of a grouping with or without keys; the expressions of all their arguments come second.
pub(crate) fn bind_calls(
    calls: &[AggregateCall],
    has_keys: bool,
    dictionary: &dyn Fn(&Expr) -> Option<Arc<dyn Dictionary>>,
    context: &ExecContext,
) -> Result<(Vec<BoundCall>, Vec<Expr>)> {
    let (mut bound, mut expressions) = (Vec::with_capacity(calls.len()), Vec::new());
    for call in calls {
        let first = expressions.len();
        let mut arguments = call.arguments.clone();
        // count(x) of what cannot be NULL is count(); NULL of a Variant or Dynamic counts.
        let counts_row = |t: DataType| !t.is_nullable() || t.is_tagged();
        if call.function == "count" && arguments.iter().all(|a| counts_row(a.data_type())) {
            arguments.clear();
        }
        let mut types: Vec<DataType> = arguments.iter().map(Expr::data_type).collect();
        let compares =
            matches!(call.function.as_str(), "uniqExact" | "min" | "max" | "any" | "anyLast");
        // NULL of a Variant or Dynamic is a value, which has no code.
        let codes = match arguments.as_slice() {
            [argument] if compares && !argument.data_type().is_tagged() => dictionary(argument),
            _ => None,
        };
        if codes.is_some() {
            types[0] =
                if types[0].is_nullable() { DataType::UInt32.nullable() } else { DataType::UInt32 };
        }
        let mut aggregate = context.registry.bind_aggregate(
            &context.functions,
            &AggregateArguments {
                name: &call.function,
                types: &types,
                parameters: &call.parameters,
            },
        )?;
        if let Some(values) = codes.as_ref().map(|dictionary| dictionary.len())
            && call.function == "uniqExact"
            && !has_keys
        {
            let data_type = aggregate.return_type;
            aggregate = BoundAggregate::new(data_type, move || CodeSet::new(values));
        }
        expressions.extend(arguments);
        bound.push(BoundCall {
            bound: aggregate,
            arguments: first..expressions.len(),
            counts_rows: call.function == "count" && types.is_empty(),
            gives_code: codes.is_some() && call.function != "uniqExact",
            codes,
            data_type: call.data_type.clone(),
        });
    }
    Ok((bound, expressions))
}

/// As many sums of the lengths of runs, each the argument of its own number, as there are `count()`s.
pub(crate) fn sums_of_lengths(count: usize, context: &ExecContext) -> Result<Vec<BoundCall>> {
    let bind = |at: usize| {
        let types = [DataType::UInt32];
        let arguments = AggregateArguments { name: "sum", types: &types, parameters: &[] };
        Ok(BoundCall {
            bound: context.registry.bind_aggregate(&context.functions, &arguments)?,
            arguments: at..at + 1,
            codes: None,
            counts_rows: false,
            gives_code: false,
            data_type: DataType::UInt64,
        })
    };
    (0..count).map(bind).collect()
}

/// Gives each call its serialized states as its only argument: columns that stand behind the keys.
pub(crate) fn states_as_arguments(calls: &mut [BoundCall], keys: usize) -> Vec<Expr> {
    for (at, call) in calls.iter_mut().enumerate() {
        call.arguments = at..at + 1;
    }
    (0..calls.len()).map(|at| Expr::column(keys + at, DataType::String)).collect()
}

/// Arguments in the form that the functions are bound to.
pub(crate) fn prepare_arguments(
    calls: &[BoundCall],
    arguments: Vec<Column>,
) -> Result<Vec<Column>> {
    let mut prepared = arguments;
    for call in calls {
        for at in call.arguments.clone() {
            let column = match &prepared[at] {
                Column::Dictionary(coded) if call.codes.is_some() => {
                    Column::Flat(Arc::new(coded.codes_array()))
                }
                Column::Dictionary(coded) => Column::Flat(coded.decode()?),
                _ => continue,
            };
            prepared[at] = column;
        }
    }
    Ok(prepared)
}
