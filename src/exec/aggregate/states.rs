//! The states of groups as columns of bytes, and back: for the temporary file, and for other machines.
//!
//! A row of such a column is what `Accumulator::serialize` wrote for one group, nothing before or behind it.

use std::sync::Arc;

use arrow_array::builder::BinaryViewBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use base::{Result, bail, error};
use types::Column;

use super::grouped::Groups;
use super::keys::PackedPart;

impl Groups {
    /// The states of some groups: a column a call.
    pub(super) fn state_columns(&self, groups: &[u32]) -> Result<Vec<Column>> {
        let mut columns = Vec::with_capacity(self.states.len());
        let mut bytes = Vec::new();
        for state in &self.states {
            let mut states = BinaryViewBuilder::with_capacity(groups.len());
            for group in groups {
                bytes.clear();
                state.serialize(*group as usize, &mut bytes)?;
                states
                    .try_append_value(&bytes)
                    .map_err(|e| error!(TooLargeStringSize, "A state is too large: {e}"))?;
            }
            columns.push(Column::Flat(Arc::new(states.finish())));
        }
        Ok(columns)
    }

    /// Takes groups in whose arguments are their states.
    pub(super) fn add_states(
        &mut self,
        keys: PackedPart<'_>,
        arguments: &[Column],
        rows: usize,
        limit: usize,
    ) -> Result<()> {
        if !self.number_one(rows) {
            self.number(keys, limit)?;
        }
        self.take_states(arguments)
    }

    /// Takes serialized states into the groups found by the last call of `number`; those of groups beyond a
    /// limit are left out.
    pub(super) fn take_states(&mut self, columns: &[Column]) -> Result<()> {
        let (states, groups) = self.states_and_numbers();
        if columns.len() != states.len() {
            bail!(IncorrectData, "{} columns of states for {} calls", columns.len(), states.len());
        }
        for (state, column) in states.iter_mut().zip(columns) {
            let column: ArrayRef = column.to_flat()?;
            if *column.data_type() != DataType::BinaryView || column.len() != groups.len() {
                bail!(
                    IncorrectData,
                    "{} rows of {} are no states",
                    column.len(),
                    column.data_type()
                );
            }
            let bytes = column.as_binary_view();
            for (row, group) in groups.iter().enumerate().filter(|(_, group)| **group != u32::MAX) {
                let mut left = bytes.value(row);
                state.deserialize(*group, &mut left)?;
                if !left.is_empty() {
                    bail!(IncorrectData, "{} bytes are left behind a state", left.len());
                }
            }
        }
        Ok(())
    }
}
