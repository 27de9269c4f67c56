//! Physical operators: a logical plan becomes pipelines of blocks, run by a fair scheduler.
//!
//! This room must not know HTTP or SQL text.
//!
//! A plan is executed from its leaves: every node becomes a [`Source`], from which any number of lanes
//! can read blocks side by side. Streaming nodes (filter, projection, join probe) wrap the reader
//! below; breaking nodes (aggregation, sort, distinct, join build) run all lanes of what is below to
//! the end and offer their result as a new source.

mod aggregate;
mod array_join;
mod caches;
mod context;
mod explain;
mod fetch;
mod fill;
mod filters;
mod fragment;
mod grouping_sets;
mod interner;
mod join;
mod key_bits;
mod limit;
mod metadata;
mod order;
mod overflow;
mod partials;
mod pipeline;
mod project;
mod rows;
mod scan;
mod scheduler;
mod search_top;
mod sort;
mod spill;
mod top_scan;
mod window;

pub use caches::{CacheSizes, Caches};
pub use context::{Counters, ExecContext, ExecSettings};
pub use explain::explain_caches;
pub use fragment::{Worker, merge_partials, run_fragment};
pub use overflow::{OverflowMode, RowLimit, RowLimits};
pub use pipeline::{BlockReader, Bounds, Source, collect, execute, stream};
pub use scan::{ScanReport, explain_scan};
pub use scheduler::Scheduler;
pub use spill::Spill;
