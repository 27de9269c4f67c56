//! Limits of groups and sorted or distinct rows, and what happens at them.

use std::sync::atomic::{AtomicU64, Ordering};

use base::{Error, ErrorCode, Result};

/// What happens at a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OverflowMode {
    /// The query fails.
    #[default]
    Throw,
    /// No more rows are read; what is there is the answer.
    Break,
    /// Groups that are there go on, others are left out.
    Any,
}

/// A number of rows, and what happens beyond it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RowLimit {
    /// The most rows; 0 is any number.
    pub rows: u64,
    /// What happens beyond.
    pub mode: OverflowMode,
}

/// The limits of operators that keep rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RowLimits {
    /// `max_rows_to_group_by`: different keys.
    pub groups: RowLimit,
    /// `max_rows_to_sort`
    pub sort: RowLimit,
    /// `max_rows_in_distinct`: different rows.
    pub distinct: RowLimit,
    /// What happens at `max_rows_to_read`.
    pub read: OverflowMode,
}

impl RowLimit {
    /// Whether so many rows are too many and reading has to end.
    ///
    /// # Errors
    /// The `error` where the limit throws; `what` says of what there are too many.
    pub(crate) fn is_over(&self, rows: u64, what: &str, error: ErrorCode) -> Result<bool> {
        if self.rows == 0 || rows <= self.rows || self.mode == OverflowMode::Any {
            return Ok(false);
        }
        if self.mode == OverflowMode::Throw {
            let most = self.rows;
            let message = format!("Limit for {what} exceeded: has {rows} rows, maximum: {most}");
            return Err(Error::new(error, message));
        }
        Ok(true)
    }
}

/// Rows of all lanes together.
#[derive(Debug, Default)]
pub(crate) struct Tally(AtomicU64);

impl Tally {
    /// Adds rows of one lane; how many there are now.
    pub(crate) fn add(&self, rows: usize) -> u64 {
        self.0.fetch_add(rows as u64, Ordering::Relaxed) + rows as u64
    }
}
