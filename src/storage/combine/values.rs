//! Rows of a group become one: numbers are added, aggregate states merged, the rest is that of the first row.
//!
//! Everything is computed by the aggregate functions that queries use.

use std::ops::Range;

use arrow_array::{Array, ArrayRef, StructArray, cast::AsArray};
use base::{Error, Result, bail};
use expr::{AggregateArguments, BoundAggregate, FunctionContext, Registry};
use types::{Block, Column, DataType, Value, value_at};

use super::{first_rows, take};
use crate::insert::plan::WritePlan;

/// What becomes of the columns.
pub(super) struct Values {
    calls: Vec<Call>,
    /// Whether rows whose added columns are all zero go.
    drop_zeros: bool,
}

/// An aggregate function over some columns.
struct Call {
    /// Its arguments, which its result replaces: one, or those of a map of arrays.
    columns: Vec<usize>,
    function: BoundAggregate,
    /// Whether it is one of those that are added and looked at for zeros.
    added: bool,
}

impl Values {
    /// Numbers are added: those of the columns named, or all outside of the keys.
    pub(super) fn summing(
        plan: &WritePlan,
        registry: &Registry,
        named: &[usize],
    ) -> Result<Values> {
        let keys = plan.all_key_inputs();
        let mut calls = merged_states(plan, registry)?;
        for map in maps(plan, named) {
            let types: Vec<&DataType> = map.iter().map(|at| &plan.types[*at]).collect();
            let function = bind(registry, "sumMapWithOverflow", &types)?;
            calls.push(Call { columns: map, function, added: true });
        }
        for at in 0..plan.columns.len() {
            let data_type = &plan.types[at];
            let wanted = if named.is_empty() { !keys.contains(&at) } else { named.contains(&at) };
            if !wanted || !is_summed(data_type) || calls.iter().any(|c| c.columns.contains(&at)) {
                continue;
            }
            let function = bind(registry, "sumWithOverflow", &[data_type])?;
            calls.push(Call { columns: vec![at], function, added: true });
        }
        let drop_zeros = calls.iter().any(|c| c.added);
        Ok(Values { calls, drop_zeros })
    }

    /// Aggregate states are merged.
    pub(super) fn aggregating(plan: &WritePlan, registry: &Registry) -> Result<Values> {
        Ok(Values { calls: merged_states(plan, registry)?, drop_zeros: false })
    }

    /// One row a group; of whole groups those that are zero are left out.
    pub(super) fn combine(
        &self,
        block: &Block,
        groups: &[Range<usize>],
        types: &[DataType],
        ended: bool,
    ) -> Result<Block> {
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(types.len());
        for column in block.columns() {
            columns.push(first_rows(&column.to_flat()?, groups)?);
        }
        // The rows of the groups follow each other, from the block's first row on.
        let rows = groups.last().map_or(0, |g| g.end);
        let mut numbers: Vec<u32> = Vec::with_capacity(rows);
        for (number, group) in groups.iter().enumerate() {
            numbers.resize(numbers.len() + group.len(), number as u32);
        }
        for call in &self.calls {
            let arguments: Vec<Column> =
                call.columns.iter().map(|at| block.column(*at).slice(0, rows)).collect();
            let mut states = (call.function.create)();
            states.resize(groups.len());
            states.update(&numbers, &arguments)?;
            call.replace(states.finish(0..groups.len())?, &mut columns)?;
        }
        if self.drop_zeros && ended {
            let rows = (0..groups.len()).filter(|row| !self.is_zero(&columns, types, *row));
            let rows: Vec<u32> = rows.map(|row| row as u32).collect();
            if rows.len() < groups.len() {
                for column in &mut columns {
                    *column = take(column, rows.clone())?;
                }
                return Ok(Block::new(columns.into_iter().map(Column::Flat).collect(), rows.len()));
            }
        }
        Ok(Block::new(columns.into_iter().map(Column::Flat).collect(), groups.len()))
    }

    fn is_zero(&self, columns: &[ArrayRef], types: &[DataType], row: usize) -> bool {
        let mut added = self.calls.iter().filter(|c| c.added).flat_map(|c| &c.columns);
        added.all(|at| match value_at(&columns[*at], &types[*at], row) {
            Value::Null => true,
            // Of a nullable column only NULL is nothing.
            _ if types[*at].is_nullable() => false,
            Value::Int(number) => number == 0,
            Value::Float(number) => number == 0.0,
            Value::Array(items) => items.is_empty(),
            other => other == types[*at].default_value(),
        })
    }
}

impl Call {
    /// Puts the results in the place of the arguments.
    fn replace(&self, result: ArrayRef, columns: &mut [ArrayRef]) -> Result<()> {
        let parts: Vec<ArrayRef> = match self.columns.as_slice() {
            [_] => vec![result],
            _ => {
                let tuple: &StructArray = result.as_struct();
                tuple.columns().to_vec()
            }
        };
        for (at, part) in self.columns.iter().zip(parts) {
            if part.data_type() != columns[*at].data_type() {
                bail!(
                    LogicalError,
                    "combined rows: a column became {}, not {}",
                    part.data_type(),
                    columns[*at].data_type()
                );
            }
            columns[*at] = part;
        }
        Ok(())
    }
}

/// Calls for all aggregate states outside of the sorting key.
fn merged_states(plan: &WritePlan, registry: &Registry) -> Result<Vec<Call>> {
    let mut calls = Vec::new();
    for (at, data_type) in plan.types.iter().take(plan.columns.len()).enumerate() {
        if plan.sorting.contains(&at) {
            continue;
        }
        let function = match data_type {
            DataType::AggregateFunction(about) => {
                let arguments = AggregateArguments {
                    name: &format!("{}MergeState", about.0),
                    types: std::slice::from_ref(data_type),
                    parameters: &about.1,
                };
                registry.bind_aggregate(&FunctionContext::default(), &arguments)?
            }
            DataType::SimpleAggregateFunction(simple) => bind(registry, &simple.0, &[&simple.1])?,
            _ => continue,
        };
        calls.push(Call { columns: vec![at], function, added: false });
    }
    Ok(calls)
}

fn bind(registry: &Registry, name: &str, types: &[&DataType]) -> Result<BoundAggregate> {
    let types: Vec<DataType> = types.iter().map(|t| (*t).clone()).collect();
    let arguments = AggregateArguments { name, types: &types, parameters: &[] };
    let bound = registry.bind_aggregate(&FunctionContext::default(), &arguments)?;
    if let [only] = types.as_slice()
        && bound.return_type.arrow_type() != only.arrow_type()
    {
        return Err(Error::new(
            base::ErrorCode::BadArguments,
            format!(
                "Incompatible data types between aggregate function '{name}' which returns {} and column \
                 storage type {only}",
                bound.return_type
            ),
        ));
    }
    Ok(bound)
}

/// Whether a column of the type is added where no columns are named.
fn is_summed(data_type: &DataType) -> bool {
    let plain = match data_type {
        DataType::Nullable(inner) => inner.as_ref(),
        other => other,
    };
    plain.is_integer() || plain.is_float() || matches!(plain, DataType::Decimal { .. })
}

/// Arrays of a Nested column whose name ends in `Map`: the first one holds keys, the others numbers that are
/// added for each key.
fn maps(plan: &WritePlan, named: &[usize]) -> Vec<Vec<usize>> {
    let mut maps: Vec<(String, Vec<usize>)> = Vec::new();
    for (at, (id, _)) in plan.columns.iter().enumerate() {
        let Some(column) = plan.definition.columns.iter().find(|c| c.id == *id) else { continue };
        let Some((map, _)) = column.name.split_once('.') else { continue };
        if !map.ends_with("Map") || !matches!(column.data_type, DataType::Array(_)) {
            continue;
        }
        match maps.iter_mut().find(|(name, _)| name == map) {
            Some((_, columns)) => columns.push(at),
            None => maps.push((map.to_owned(), vec![at])),
        }
    }
    let fits = |columns: &Vec<usize>| {
        let item = |at: &usize| match &plan.types[*at] {
            DataType::Array(item) => item.as_ref().clone(),
            other => other.clone(),
        };
        let wanted = named.is_empty() || columns.iter().any(|at| named.contains(at));
        wanted && columns.len() > 1 && columns.iter().skip(1).all(|at| is_summed(&item(at)))
    };
    maps.into_iter().map(|(_, columns)| columns).filter(fits).collect()
}
