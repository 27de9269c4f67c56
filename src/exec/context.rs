//! What all operators of a query share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base::{CancelToken, MemoryBudget, Reservation, Result, bail};
use expr::{FunctionContext, Registry};
use parking_lot::Mutex;

use crate::caches::{Asked, Caches, Key};
use crate::overflow::{OverflowMode, RowLimits};
use crate::scheduler::Scheduler;
use crate::spill::Spill;

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
    /// What earlier queries left behind.
    pub caches: Arc<Caches>,
    /// Conditions and fragments that this query was the first to ask, so that it does not take them for repeated.
    pub asked: Mutex<Vec<u128>>,
    /// Where what does not fit into the budget goes.
    pub spill: Spill,
}

/// Where a lane holds less than this, spilling is no help against a refusal.
const LEAST_SPILLED: usize = 1 << 20;

impl ExecContext {
    /// Whether the filter cache is used.
    pub(crate) fn keeps_filters(&self) -> bool {
        self.settings.filter_cache && self.caches.filters.is_on()
    }

    /// Whether the partial cache is used: not where a query may end before all rows were read.
    pub(crate) fn keeps_partials(&self) -> bool {
        let ExecSettings { partial_cache, max_rows_to_read, max_bytes_to_read, limits, .. } =
            &self.settings;
        let is_limited = *max_rows_to_read > 0 || *max_bytes_to_read > 0 || limits.groups.rows > 0;
        *partial_cache && !is_limited && self.caches.partials.is_on()
    }

    /// What earlier queries tell of a condition or fragment.
    pub(crate) fn ask(&self, key: Key) -> Asked {
        let mut own = self.asked.lock();
        if own.contains(&key) {
            return Asked::First;
        }
        let known = self.caches.ask(key);
        if known == Asked::First {
            own.push(key);
        }
        known
    }

    /// Whether so much was read that reading has to end.
    ///
    /// # Errors
    /// TOO_MANY_ROWS and TOO_MANY_BYTES where `read_overflow_mode` does not say to end.
    pub(crate) fn has_read_enough(&self) -> Result<bool> {
        let over = |limit: u64, read: &AtomicU64| limit > 0 && read.load(Ordering::Relaxed) > limit;
        let (rows, bytes) = (self.settings.max_rows_to_read, self.settings.max_bytes_to_read);
        let too_many_rows = over(rows, &self.counters.read_rows);
        if !too_many_rows && !over(bytes, &self.counters.read_bytes) {
            return Ok(false);
        }
        if self.settings.limits.read == OverflowMode::Break {
            return Ok(true);
        }
        if too_many_rows {
            bail!(TooManyRows, "Limit for rows to read exceeded: max_rows_to_read is {rows}");
        }
        bail!(TooManyBytes, "Limit for bytes to read exceeded: max_bytes_to_read is {bytes}")
    }

    /// Grows a lane's reservation to `bytes` in all, or says that what it holds has to go to the temporary
    /// file: beyond `most` bytes of all lanes together, or when the budget refuses.
    ///
    /// # Errors
    /// MEMORY_LIMIT_EXCEEDED where spilling would free next to nothing.
    pub(crate) fn must_spill(
        &self,
        held: &mut Reservation,
        bytes: usize,
        most: usize,
    ) -> Result<bool> {
        match held.resize(bytes) {
            Ok(()) => Ok(bytes > most / self.settings.threads.max(1)),
            Err(error) if bytes < LEAST_SPILLED => Err(error),
            Err(_) => Ok(true),
        }
    }
}

/// How a query is to be run.
#[derive(Debug, Clone)]
pub struct ExecSettings {
    /// Lanes at once.
    pub threads: usize,
    /// Rows of a block that sources cut to.
    pub block_rows: usize,
    /// The most rows of a block that scans give; `usize::MAX` is as many as sources give.
    pub max_block_rows: usize,
    /// Whether dictionary codes are kept; off to compare with plain execution.
    pub encoded: bool,
    /// Whether zone maps and the primary index skip granules.
    pub skip_granules: bool,
    /// Whether text indexes answer conditions.
    pub text_indexes: bool,
    /// Whether the rows that meet conditions are kept for later queries, and taken from earlier ones.
    pub filter_cache: bool,
    /// Parts of fewer rows are not worth it.
    pub filter_cache_min_rows: u64,
    /// Whether aggregate states of parts are kept for later queries, and taken from earlier ones.
    pub partial_cache: bool,
    /// Parts of fewer rows are not worth it.
    pub partial_cache_min_rows: u64,
    /// Aggregate states are kept where there is one group at most for so many rows.
    pub partial_cache_rows_per_group: u64,
    /// Whether what joins have built filters what they read against it.
    pub runtime_filters: bool,
    /// Rows that may be read from tables; 0 is any number.
    pub max_rows_to_read: u64,
    /// Decoded bytes that may be read from tables; 0 is any number.
    pub max_bytes_to_read: u64,
    /// Rows that the right side of a join may have; 0 is any number.
    pub max_rows_in_join: u64,
    /// Bytes that the right side of a join may have; 0 is any number.
    pub max_bytes_in_join: u64,
    /// Bytes that all lanes of a sort hold before they spill.
    pub spill_sort: usize,
    /// Bytes of a join's table that all lanes gather before they spill.
    pub spill_join: usize,
    /// Bytes that all lanes of an aggregation hold before they spill.
    pub spill_groups: usize,
    /// Limits of groups, sorts and distinct rows.
    pub limits: RowLimits,
}

impl Default for ExecSettings {
    fn default() -> ExecSettings {
        ExecSettings {
            threads: 2,
            block_rows: 8192,
            max_block_rows: usize::MAX,
            encoded: true,
            skip_granules: true,
            text_indexes: true,
            filter_cache: true,
            filter_cache_min_rows: 0,
            partial_cache: true,
            partial_cache_min_rows: 0,
            partial_cache_rows_per_group: 8,
            runtime_filters: true,
            max_rows_to_read: 0,
            max_bytes_to_read: 0,
            max_rows_in_join: 0,
            max_bytes_in_join: 0,
            spill_sort: usize::MAX,
            spill_join: usize::MAX,
            spill_groups: usize::MAX,
            limits: RowLimits::default(),
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
    /// Parts whose aggregate states were kept.
    pub kept_parts: AtomicU64,
}
