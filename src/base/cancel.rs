//! Cancellation and deadlines, looked at between granules.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::{Result, bail};

/// Tells running work that it should stop. Clones share one state.
#[derive(Clone, Debug, Default)]
pub struct CancelToken {
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    cancelled: AtomicBool,
    deadline: OnceLock<(Instant, Duration)>,
}

impl CancelToken {
    /// A token that nobody has cancelled, without a deadline.
    pub fn new() -> CancelToken {
        CancelToken::default()
    }

    /// Fails from now on once `limit` has passed; only the first call counts.
    pub fn set_deadline(&self, limit: Duration) {
        if let Some(at) = Instant::now().checked_add(limit) {
            self.state.deadline.get_or_init(|| (at, limit));
        }
    }

    /// Asks the work to stop.
    pub fn cancel(&self) {
        self.state.cancelled.store(true, Ordering::Release);
    }

    /// Whether somebody asked for a stop.
    pub fn is_cancelled(&self) -> bool {
        self.state.cancelled.load(Ordering::Acquire)
    }

    /// Fails with QUERY_WAS_CANCELLED or TIMEOUT_EXCEEDED when the work should stop.
    pub fn check(&self) -> Result<()> {
        if self.is_cancelled() {
            bail!(QueryWasCancelled, "Query was cancelled");
        }
        if let Some((deadline, limit)) = self.state.deadline.get()
            && Instant::now() >= *deadline
        {
            bail!(
                TimeoutExceeded,
                "Timeout exceeded: the query ran longer than max_execution_time, {} seconds",
                limit.as_secs_f64()
            );
        }
        Ok(())
    }
}
