//! The caches of an engine: their shares of its memory, and how they give way to queries.

use std::sync::Arc;

use base::MemoryBudget;
use exec::{CacheSizes, Caches};

use crate::answers::AnswerCache;
use crate::engine::EngineOptions;

/// One part in so many of the memory that each cache may take, unless the server's settings say otherwise.
const SHARE: usize = 20;

/// The caches of an engine that may use so much memory; they hold bytes of its budget.
pub(crate) fn open(
    options: &EngineOptions,
    memory: usize,
    budget: &MemoryBudget,
) -> (Arc<AnswerCache>, Arc<Caches>) {
    let size = |given: Option<usize>| given.unwrap_or(memory / SHARE) as u64;
    let sizes = CacheSizes {
        filters: size(options.filter_cache),
        partials: size(options.partial_aggregate_cache),
    };
    let answers = AnswerCache::new(size(options.answer_cache), budget);
    let caches = Arc::new(Caches::new(sizes, budget));
    relieve(budget, &answers, &caches);
    (answers, caches)
}

/// Has caches make room before queries are refused: first states, whose questions can be asked of what is stored, then
/// rows of conditions, then answers.
fn relieve(budget: &MemoryBudget, answers: &Arc<AnswerCache>, caches: &Arc<Caches>) {
    // They hold bytes of the budget, which must not hold them.
    let (answers, caches) = (Arc::downgrade(answers), Arc::downgrade(caches));
    budget.relieve_by(move |bytes| {
        let bytes = bytes as u64;
        let shrunk = caches.upgrade().map_or(0, |caches| caches.shrink(bytes));
        match answers.upgrade() {
            Some(answers) if shrunk < bytes => shrunk + answers.shrink(bytes - shrunk),
            _ => shrunk,
        }
    });
}
