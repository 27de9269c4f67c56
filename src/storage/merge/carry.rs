//! What a merge tells of itself when it has ended: which row of the new part was which row of its sources, for whoever
//! keeps something of a part's rows.

use std::sync::Arc;

use base::Result;

use super::order::MergeOrder;
use crate::part::Part;

/// A merge that has ended: its sources' rows, all of them and unchanged, in their order in the new part.
pub struct MergedRows<'m> {
    pub(super) sources: &'m [Arc<Part>],
    pub(super) part: &'m Arc<Part>,
    pub(super) order: &'m MergeOrder,
}

/// Who is told of merges.
pub type MergeListener = Box<dyn Fn(&MergedRows<'_>) + Send + Sync>;

impl MergedRows<'_> {
    /// The parts that are gone.
    pub fn sources(&self) -> &[Arc<Part>] {
        self.sources
    }

    /// The part in their place.
    pub fn part(&self) -> &Arc<Part> {
        self.part
    }

    /// Calls `each` with a source's number and how many of its next rows come next, from the first row of the new part
    /// to the last.
    ///
    /// # Errors
    /// Those of `each`.
    pub fn each_run(&self, mut each: impl FnMut(usize, usize) -> Result<()>) -> Result<()> {
        self.order.granules.iter().try_for_each(|granule| granule.each_run(&mut each))
    }
}
