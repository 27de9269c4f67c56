//! Memory budgets: a tree of limits (server, user, query) that operators reserve bytes from.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::{Result, bail};

/// A limit on bytes in use, within an optional larger budget. Clones share one state.
#[derive(Clone, Debug)]
pub struct MemoryBudget(Arc<State>);

#[derive(Debug)]
struct State {
    what: String,
    limit: AtomicUsize,
    used: AtomicUsize,
    peak: AtomicUsize,
    parent: Option<MemoryBudget>,
}

impl MemoryBudget {
    /// A budget of `limit` bytes; `what` names it in errors.
    pub fn new(what: impl Into<String>, limit: usize) -> MemoryBudget {
        MemoryBudget(Arc::new(State {
            what: what.into(),
            limit: AtomicUsize::new(limit),
            used: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
            parent: None,
        }))
    }

    /// A budget without a limit.
    pub fn unlimited() -> MemoryBudget {
        MemoryBudget::new("unlimited", usize::MAX)
    }

    /// A budget within this one: what it uses, this one uses too.
    pub fn child(&self, what: impl Into<String>, limit: usize) -> MemoryBudget {
        MemoryBudget(Arc::new(State {
            what: what.into(),
            limit: AtomicUsize::new(limit),
            used: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
            parent: Some(self.clone()),
        }))
    }

    /// Bytes in use now.
    pub fn used(&self) -> usize {
        self.0.used.load(Ordering::Relaxed)
    }

    /// The most bytes that were in use at once.
    pub fn peak(&self) -> usize {
        self.0.peak.load(Ordering::Relaxed)
    }

    /// The limit in bytes.
    pub fn limit(&self) -> usize {
        self.0.limit.load(Ordering::Relaxed)
    }

    /// Changes the limit; what is in use beyond it stays, more is refused.
    pub fn set_limit(&self, limit: usize) {
        self.0.limit.store(limit, Ordering::Relaxed);
    }

    /// Takes `bytes`, or fails with MEMORY_LIMIT_EXCEEDED and takes nothing.
    pub fn take(&self, bytes: usize) -> Result<()> {
        let state = &*self.0;
        let before = state.used.fetch_add(bytes, Ordering::Relaxed);
        let after = before.saturating_add(bytes);
        let limit = self.limit();
        if after > limit {
            state.used.fetch_sub(bytes, Ordering::Relaxed);
            bail!(
                MemoryLimitExceeded,
                "Memory limit ({}) exceeded: would use {after} bytes (attempt to allocate {bytes}), \
                 maximum: {limit} bytes",
                state.what
            );
        }
        if let Some(parent) = &state.parent
            && let Err(error) = parent.take(bytes)
        {
            state.used.fetch_sub(bytes, Ordering::Relaxed);
            return Err(error);
        }
        state.peak.fetch_max(after, Ordering::Relaxed);
        Ok(())
    }

    /// Gives back `bytes` taken before.
    pub fn give_back(&self, bytes: usize) {
        self.0.used.fetch_sub(bytes, Ordering::Relaxed);
        if let Some(parent) = &self.0.parent {
            parent.give_back(bytes);
        }
    }

    /// An empty reservation on this budget.
    pub fn reservation(&self) -> Reservation {
        Reservation { budget: self.clone(), bytes: 0 }
    }
}

/// Bytes held from a budget; they go back when this is dropped.
#[derive(Debug)]
pub struct Reservation {
    budget: MemoryBudget,
    bytes: usize,
}

impl Reservation {
    /// Grows or shrinks to `bytes` in all.
    ///
    /// # Errors
    /// MEMORY_LIMIT_EXCEEDED; the reservation stays as it was.
    pub fn resize(&mut self, bytes: usize) -> Result<()> {
        if bytes > self.bytes {
            self.budget.take(bytes - self.bytes)?;
        } else {
            self.budget.give_back(self.bytes - bytes);
        }
        self.bytes = bytes;
        Ok(())
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::MemoryBudget;
    use crate::ErrorCode;

    #[test]
    fn a_refusal_takes_nothing_from_child_or_parent() {
        let server = MemoryBudget::new("total", 100);
        let query = server.child("query", 80);
        let mut held = query.reservation();
        held.resize(60).unwrap();
        let error = held.resize(90).unwrap_err();
        assert_eq!(error.code(), ErrorCode::MemoryLimitExceeded);
        let other = server.child("query", 80);
        assert!(other.take(50).is_err(), "the parent has only 40 left");
        assert_eq!((query.used(), other.used(), server.used()), (60, 0, 60));
        drop(held);
        assert_eq!((query.used(), server.used(), server.peak()), (0, 0, 60));
    }
}
