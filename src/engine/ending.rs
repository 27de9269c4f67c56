//! What stands after the rows of an answer: totals and extremes.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, StructArray};
use base::Result;
use exec::ExecContext;
use expr::{Accumulator, AggregateArguments};
use plan::Plan;
use types::{Block, Column, DataType, Schema};

use crate::query::Query;
use crate::settings::Settings;

/// The least and the greatest value of every column of an answer.
pub(crate) struct Extremes {
    columns: Vec<ColumnExtremes>,
    any: bool,
}

struct ColumnExtremes {
    data_type: DataType,
    states: ExtremeStates,
}

enum ExtremeStates {
    /// Minimum and maximum.
    Both([Box<dyn Accumulator>; 2]),
    /// Those of a tuple's fields.
    Fields(Vec<ColumnExtremes>),
    /// Values of this type have none: defaults stand for them.
    None,
}

impl Extremes {
    /// For an answer of these columns; nothing where the setting `extremes` is off.
    pub(crate) fn new(query: &Query<'_>, schema: &Schema) -> Option<Extremes> {
        if !query.settings.flag("extremes") {
            return None;
        }
        let columns = schema.fields().iter();
        let columns = columns.map(|f| ColumnExtremes::new(query, &f.data_type)).collect();
        Some(Extremes { columns, any: false })
    }

    /// Takes rows of the answer in.
    pub(crate) fn add(&mut self, block: &Block) -> Result<()> {
        self.any |= block.rows() > 0;
        for (extremes, column) in self.columns.iter_mut().zip(block.columns()) {
            let plain = match column {
                Column::Dictionary(coded) => Column::Flat(coded.decode()?),
                other => other.clone(),
            };
            extremes.add(&plain, block.rows())?;
        }
        Ok(())
    }

    /// A row of minima and a row of maxima; nothing for an answer without rows.
    pub(crate) fn finish(self) -> Result<Option<Block>> {
        if !self.any {
            return Ok(None);
        }
        let columns = self.columns.into_iter().map(|c| c.finish().map(Column::Flat));
        Ok(Some(Block::new(columns.collect::<Result<_>>()?, 2)))
    }
}

impl ColumnExtremes {
    fn new(query: &Query<'_>, data_type: &DataType) -> ColumnExtremes {
        let state = |name: &str| -> Option<Box<dyn Accumulator>> {
            let types = [data_type.clone()];
            let arguments = AggregateArguments { name, types: &types, parameters: &[] };
            let bound = query.engine.registry.bind_aggregate(&query.functions, &arguments).ok()?;
            let mut states = (bound.create)();
            states.resize(1);
            Some(states)
        };
        let states = match data_type {
            DataType::Tuple(fields) => ExtremeStates::Fields(
                fields.iter().map(|f| ColumnExtremes::new(query, &f.data_type)).collect(),
            ),
            DataType::Array(_) | DataType::Map(_) => ExtremeStates::None,
            _ => match state("min").zip(state("max")) {
                Some((least, greatest)) => ExtremeStates::Both([least, greatest]),
                None => ExtremeStates::None,
            },
        };
        ColumnExtremes { data_type: data_type.clone(), states }
    }

    fn add(&mut self, column: &Column, rows: usize) -> Result<()> {
        match &mut self.states {
            ExtremeStates::None => {}
            ExtremeStates::Both(states) => {
                for state in states {
                    state.update_one(0, std::slice::from_ref(column), rows)?;
                }
            }
            ExtremeStates::Fields(fields) => {
                let array = column.to_flat()?;
                for (field, part) in fields.iter_mut().zip(array.as_struct().columns()) {
                    field.add(&Column::Flat(part.clone()), rows)?;
                }
            }
        }
        Ok(())
    }

    /// The minimum, then the maximum.
    fn finish(self) -> Result<ArrayRef> {
        match self.states {
            ExtremeStates::None => types::default_array(&self.data_type, 2),
            ExtremeStates::Both([mut least, mut greatest]) => {
                let both = [least.finish(0..1)?, greatest.finish(0..1)?];
                Column::concat(&both.map(Column::Flat))?.to_flat()
            }
            ExtremeStates::Fields(fields) => {
                let parts = fields.into_iter().map(ColumnExtremes::finish);
                let parts = parts.collect::<Result<Vec<_>>>()?;
                let types = parts.iter().map(|part| part.data_type().clone());
                let built = StructArray::try_new(types::struct_fields(types), parts, None);
                Ok(Arc::new(built.map_err(|e| base::Error::logical(e.to_string()))?))
            }
        }
    }
}

/// An answer's rows within the settings `offset` and `limit`.
pub(crate) fn limited(plan: Plan, settings: &Settings) -> Plan {
    let (offset, limit) = (settings.number("offset"), settings.number("limit"));
    if offset == 0 && limit == 0 {
        return plan;
    }
    let limit = (limit > 0).then_some(limit);
    Plan::Limit { input: Box::new(plan), offset, limit, ties: Vec::new() }
}

/// The row of totals of a plan that has run.
pub(crate) fn totals(plan: Plan, context: &Arc<ExecContext>) -> Result<Option<Block>> {
    let Some(plan) = plan::totals_of(plan) else { return Ok(None) };
    let blocks = exec::collect(plan, context)?;
    if blocks.is_empty() {
        return Ok(None);
    }
    Block::concat(&blocks).map(Some)
}
