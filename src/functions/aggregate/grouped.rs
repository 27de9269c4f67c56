//! Accumulators whose groups each have one state value in a vector.
//!
//! A function says how one state takes rows, merges and is written ([`Grouped`] does the
//! rest): states lie side by side, and loops over rows are the function's own, typed and tight.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::ArrayRef;
use base::{Error, Result};
use expr::Accumulator;
use types::Column;

use super::state_bytes::read_version;

/// What differs between functions of one state value a group.
pub(crate) trait Function: Send + Sync + 'static {
    /// One group's state.
    type State: Clone + Send + Sync + 'static;

    /// The version byte of the state's bytes.
    const VERSION: u8 = 1;

    /// The state of no rows.
    fn empty(&self) -> Self::State;

    /// Takes row `i` into state `groups[i]`.
    fn update(
        &self,
        states: &mut [Self::State],
        groups: &[u32],
        arguments: &[Column],
    ) -> Result<()>;

    /// Takes all rows into one state.
    fn update_one(&self, state: &mut Self::State, arguments: &[Column], rows: usize) -> Result<()> {
        self.update(std::slice::from_mut(state), &vec![0; rows], arguments)
    }

    /// Adds another state.
    fn merge(&self, into: &mut Self::State, from: &Self::State) -> Result<()>;

    /// Appends a state's bytes.
    fn write(&self, state: &Self::State, out: &mut Vec<u8>);

    /// Reads what `write` wrote.
    fn read(&self, bytes: &mut &[u8]) -> Result<Self::State>;

    /// The results of some groups.
    fn finish(&self, states: &mut [Self::State]) -> Result<ArrayRef>;

    /// Bytes that a state owns elsewhere.
    fn heap(&self, _state: &Self::State) -> usize {
        0
    }
}

/// The accumulator of a [`Function`].
pub(crate) struct Grouped<F: Function> {
    function: Arc<F>,
    states: Vec<F::State>,
}

impl<F: Function> Grouped<F> {
    /// Without groups.
    pub(crate) fn new(function: &Arc<F>) -> Grouped<F> {
        Grouped { function: function.clone(), states: Vec::new() }
    }
}

/// A bound function of a return type.
pub(crate) fn bound<F: Function>(
    return_type: types::DataType,
    function: F,
) -> expr::BoundAggregate {
    let function = Arc::new(function);
    expr::BoundAggregate::new(return_type, move || Grouped::new(&function))
}

/// The error of a merge of states that do not belong together.
pub(crate) fn foreign_state() -> Error {
    Error::logical("merge of different aggregate states")
}

/// States that are looked at for an estimate of memory.
const SAMPLE: usize = 1024;

impl<F: Function> Clone for Grouped<F> {
    fn clone(&self) -> Grouped<F> {
        Grouped { function: self.function.clone(), states: self.states.clone() }
    }
}

impl<F: Function> Accumulator for Grouped<F> {
    fn resize(&mut self, groups: usize) {
        if groups > self.states.len() {
            self.states.resize(groups, self.function.empty());
        }
    }

    fn update(&mut self, groups: &[u32], arguments: &[Column]) -> Result<()> {
        self.function.update(&mut self.states, groups, arguments)
    }

    fn update_one(&mut self, group: u32, arguments: &[Column], rows: usize) -> Result<()> {
        if rows == 0 {
            return Ok(());
        }
        self.function.update_one(&mut self.states[group as usize], arguments, rows)
    }

    fn merge(&mut self, groups: &[u32], other: &dyn Accumulator) -> Result<()> {
        let other = other.as_any().downcast_ref::<Grouped<F>>().ok_or_else(foreign_state)?;
        for (group, state) in groups.iter().zip(&other.states) {
            self.function.merge(&mut self.states[*group as usize], state)?;
        }
        Ok(())
    }

    fn serialize(&self, group: usize, out: &mut Vec<u8>) -> Result<()> {
        out.push(F::VERSION);
        self.function.write(&self.states[group], out);
        Ok(())
    }

    fn deserialize(&mut self, group: u32, bytes: &mut &[u8]) -> Result<()> {
        read_version(bytes, F::VERSION)?;
        let state = self.function.read(bytes)?;
        self.function.merge(&mut self.states[group as usize], &state)
    }

    fn finish(&mut self, groups: Range<usize>) -> Result<ArrayRef> {
        self.function.finish(&mut self.states[groups])
    }

    fn memory(&self) -> usize {
        let fixed = self.states.capacity() * size_of::<F::State>();
        let step = self.states.len().div_ceil(SAMPLE).max(1);
        let sampled: usize =
            self.states.iter().step_by(step).map(|state| self.function.heap(state)).sum();
        fixed + sampled * step
    }
}
