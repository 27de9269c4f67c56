//! Memory budgets: a tree of limits (server, user, query) that operators reserve bytes from.
//!
//! Caches hold bytes of the same budgets. Where a query is refused, they are asked to make room first.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use crate::{Error, Result, error};

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
    relief: Relief,
}

/// Makes room for so many bytes, as far as it can; says for how many.
type MakeRoom = Box<dyn Fn(usize) -> u64 + Send + Sync>;

#[derive(Default)]
struct Relief(OnceLock<MakeRoom>);

impl fmt::Debug for Relief {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Relief({})", if self.0.get().is_some() { "set" } else { "none" })
    }
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
            relief: Relief::default(),
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
            relief: Relief::default(),
        }))
    }

    /// Says what makes room, by giving back bytes of this budget, before anything is refused; the first to say so counts.
    pub fn relieve_by(&self, make_room: impl Fn(usize) -> u64 + Send + Sync + 'static) {
        // Who comes second would have to know of the first.
        let _ = self.0.relief.0.set(Box::new(make_room));
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
        let after = loop {
            let over = match self.add(bytes) {
                Ok(after) => break after,
                Err(over) => over,
            };
            // Others may take what was made free before this one does.
            if state.relief.0.get().is_none_or(|make_room| make_room(over) == 0) {
                return Err(self.refusal(bytes));
            }
        };
        if let Some(parent) = &state.parent
            && let Err(error) = parent.take(bytes)
        {
            state.used.fetch_sub(bytes, Ordering::Relaxed);
            return Err(error);
        }
        state.peak.fetch_max(after, Ordering::Relaxed);
        Ok(())
    }

    /// Takes `bytes` if they are free: nobody is asked to make room.
    fn take_free(&self, bytes: usize) -> bool {
        let state = &*self.0;
        let Ok(after) = self.add(bytes) else { return false };
        if state.parent.as_ref().is_some_and(|parent| !parent.take_free(bytes)) {
            state.used.fetch_sub(bytes, Ordering::Relaxed);
            return false;
        }
        state.peak.fetch_max(after, Ordering::Relaxed);
        true
    }

    /// Adds to what this budget alone has in use, which it tells; or tells by how much that were too much.
    fn add(&self, bytes: usize) -> std::result::Result<usize, usize> {
        let used = &self.0.used;
        let after = used.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        let over = after.saturating_sub(self.limit());
        if over > 0 {
            used.fetch_sub(bytes, Ordering::Relaxed);
            return Err(over);
        }
        Ok(after)
    }

    fn refusal(&self, bytes: usize) -> Error {
        let (after, limit) = (self.used().saturating_add(bytes), self.limit());
        error!(
            MemoryLimitExceeded,
            "Memory limit ({}) exceeded: would use {after} bytes (attempt to allocate {bytes}), \
             maximum: {limit} bytes",
            self.0.what
        )
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

    /// Grows or shrinks to `bytes` in all if so many are free, without anybody being asked to make room; says whether.
    pub fn resize_within(&mut self, bytes: usize) -> bool {
        if bytes > self.bytes {
            if !self.budget.take_free(bytes - self.bytes) {
                return false;
            }
        } else {
            self.budget.give_back(self.bytes - bytes);
        }
        self.bytes = bytes;
        true
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

    #[test]
    fn caches_make_room_before_a_query_is_refused() {
        let server = MemoryBudget::new("total", 100);
        let cache = std::sync::Arc::new(crate::ByteCache::new(80, &server));
        let weak = std::sync::Arc::downgrade(&cache);
        server
            .relieve_by(move |bytes| weak.upgrade().map_or(0, |cache| cache.shrink(bytes as u64)));
        (0..8).for_each(|key| assert!(cache.insert(key, (), 10)));
        let query = server.child("query", 100);
        query.take(50).unwrap();
        assert_eq!((server.used(), cache.len()), (100, 5), "what was free came first");
        assert!(query.take(51).is_err(), "beyond its own limit");
        assert_eq!(cache.len(), 5, "which no cache can help");
        query.take(50).unwrap();
        assert_eq!((server.used(), cache.len()), (100, 0));
        cache.insert(9, (), 10);
        assert_eq!(cache.len(), 0, "caches never take from queries");
    }
}
