//! Where bytes wait while an index is made that is larger than the memory for it.

use base::{Error, Result};
use bytes::Bytes;

use crate::output::Sink;

/// Keeps runs of bytes, by their numbers, while an index is made.
pub trait RunStore {
    /// Takes the bytes of a run.
    fn write(
        &mut self,
        run: usize,
        write: &mut dyn FnMut(&mut dyn Sink) -> Result<()>,
    ) -> Result<()>;

    /// The bytes of a run that was written, mapped where that is possible.
    fn read(&mut self, run: usize) -> Result<Bytes>;
}

/// Runs that are kept in memory.
#[derive(Default)]
pub struct MemoryRuns(Vec<Bytes>);

impl RunStore for MemoryRuns {
    fn write(
        &mut self,
        _: usize,
        write: &mut dyn FnMut(&mut dyn Sink) -> Result<()>,
    ) -> Result<()> {
        let mut bytes = Vec::new();
        write(&mut bytes)?;
        self.0.push(bytes.into());
        Ok(())
    }

    fn read(&mut self, run: usize) -> Result<Bytes> {
        self.0.get(run).cloned().ok_or_else(|| Error::logical("a run of a text index is missing"))
    }
}

impl MemoryRuns {
    /// A place for terms beyond `most` bytes.
    pub fn aside(&mut self, most: usize) -> Aside<'_> {
        Aside { first: self.0.len(), runs: self, most }
    }
}

/// Where a dictionary's terms wait that would take more than `most` bytes of memory: in runs of the numbers from
/// `first` on.
pub struct Aside<'a> {
    /// What keeps the runs.
    pub runs: &'a mut (dyn RunStore + 'static),
    /// The first number that is free.
    pub first: usize,
    /// Bytes.
    pub most: usize,
}
