//! Merges.
use std::sync::Arc;
pub(crate) struct MergeState;
impl MergeState {
    pub(crate) fn new() -> Arc<MergeState> {
        Arc::new(MergeState)
    }
    pub(crate) fn wake(&self) {}
}
