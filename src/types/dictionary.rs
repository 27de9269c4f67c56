//! Sorted distinct values that codes point into.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::{Array, ArrayRef, UInt32Array};
use base::{Error, Result};

/// The distinct values of a column within one part, sorted ascending by bytes, never NULL.
/// Codes are positions in it, so comparing codes of one dictionary compares values.
pub trait Dictionary: Send + Sync + fmt::Debug {
    /// Equal ids mean the same dictionary; unique within the process.
    fn id(&self) -> u64;

    /// How many values there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All values as one array (BinaryView).
    fn values(&self) -> Result<ArrayRef>;

    /// The values of `length` codes from `first` on; what goes through all values in pieces need not
    /// hold all of them.
    fn range(&self, first: usize, length: usize) -> Result<ArrayRef> {
        Ok(self.values()?.slice(first, length))
    }

    /// The values of some codes, in their order; for few codes cheaper than [`Dictionary::values`].
    fn lookup(&self, codes: &[u32]) -> Result<ArrayRef>;
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// A dictionary id that was not given out before.
pub(crate) fn next_id() -> u64 {
    NEXT_ID.fetch_add(1, Ordering::Relaxed)
}

/// A dictionary that lies in memory, for results of functions and for tests.
#[derive(Debug)]
pub struct MemoryDictionary {
    id: u64,
    values: ArrayRef,
}

impl MemoryDictionary {
    /// Wraps sorted distinct values.
    pub fn new(values: ArrayRef) -> Arc<MemoryDictionary> {
        Arc::new(MemoryDictionary { id: next_id(), values })
    }

    /// An id for a dictionary of another kind.
    pub fn new_id() -> u64 {
        next_id()
    }
}

impl Dictionary for MemoryDictionary {
    fn id(&self) -> u64 {
        self.id
    }

    fn len(&self) -> usize {
        self.values.len()
    }

    fn values(&self) -> Result<ArrayRef> {
        Ok(self.values.clone())
    }

    fn lookup(&self, codes: &[u32]) -> Result<ArrayRef> {
        let codes = UInt32Array::from(codes.to_vec());
        arrow_select::take::take(&self.values, &codes, None)
            .map_err(|e| Error::logical(format!("dictionary lookup: {e}")))
    }
}
