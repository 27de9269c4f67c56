//! What all operators of a query share.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use base::{CancelToken, MemoryBudget};
use expr::{FunctionContext, Registry};

use crate::scan::Translations;
use crate::scheduler::Scheduler;

/// What all operators of a query share.
pub struct ExecContext {
    /// The functions.
    pub registry: Arc<Registry>,
    /// What functions may know.
    pub functions: FunctionContext,
    /// Where lanes run.
    pub scheduler: Arc<Scheduler>,
    /// Stops the query.
    pub cancel: CancelToken,
    /// The memory it may use.
    pub budget: MemoryBudget,
    /// What it has done so far.
    pub counters: Arc<Counters>,
    /// How it is to be run.
    pub settings: ExecSettings,
    /// Codes of several parts brought together, kept between queries.
    pub translations: Arc<Translations>,
}

/// How a query is to be run.
#[derive(Debug, Clone)]
pub struct ExecSettings {
    /// Lanes at once.
    pub threads: usize,
    /// Rows of a block that sources cut to.
    pub block_rows: usize,
    /// Whether dictionary codes are kept; off to compare with plain execution.
    pub encoded: bool,
    /// Whether zone maps and the primary index skip granules.
    pub skip_granules: bool,
    /// Rows that may be read from tables; 0 is any number.
    pub max_rows_to_read: u64,
    /// Decoded bytes that may be read from tables; 0 is any number.
    pub max_bytes_to_read: u64,
    /// Rows that the right side of a join may have; 0 is any number.
    pub max_rows_in_join: u64,
    /// Bytes that the right side of a join may have; 0 is any number.
    pub max_bytes_in_join: u64,
}

impl Default for ExecSettings {
    fn default() -> ExecSettings {
        ExecSettings {
            threads: 2,
            block_rows: 8192,
            encoded: true,
            skip_granules: true,
            max_rows_to_read: 0,
            max_bytes_to_read: 0,
            max_rows_in_join: 0,
            max_bytes_in_join: 0,
        }
    }
}

/// What a query has read so far.
#[derive(Debug, Default)]
pub struct Counters {
    /// Rows of the granules that were read.
    pub read_rows: AtomicU64,
    /// Bytes of their columns, decoded.
    pub read_bytes: AtomicU64,
    /// Rows of the granules that will be read.
    pub total_rows: AtomicU64,
}
