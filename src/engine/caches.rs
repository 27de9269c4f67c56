//! The caches of an engine: their shares of its memory, and how they give way to queries.

use std::sync::Arc;

use base::MemoryBudget;
use exec::{CacheSizes, Caches};
use storage::Store;

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
    (answers, Arc::new(Caches::new(sizes, budget)))
}

/// Makes caches part of what queries and merges do.
pub(crate) fn connect(
    budget: &MemoryBudget,
    answers: &Arc<AnswerCache>,
    caches: &Arc<Caches>,
    store: &Arc<Store>,
) {
    relieve(budget, answers, caches, store);
    carry(caches, store);
}

/// Has merges carry over what is known of the rows of their sources.
fn carry(caches: &Arc<Caches>, store: &Store) {
    let caches = Arc::downgrade(caches);
    store.listen_to_merges(Box::new(move |merged| {
        if let Some(caches) = caches.upgrade() {
            // What is not carried is made anew.
            drop(caches.carry(merged));
        }
    }));
}

/// Has caches make room before queries are refused: first states, whose questions can be asked of what is stored, then
/// rows of conditions, then answers, then decoded dictionaries.
fn relieve(
    budget: &MemoryBudget,
    answers: &Arc<AnswerCache>,
    caches: &Arc<Caches>,
    store: &Arc<Store>,
) {
    // They hold bytes of the budget, which must not hold them.
    let (answers, caches) = (Arc::downgrade(answers), Arc::downgrade(caches));
    let store = Arc::downgrade(store);
    budget.relieve_by(move |wanted| {
        let wanted = wanted as u64;
        let mut freed = caches.upgrade().map_or(0, |caches| caches.shrink(wanted));
        if let Some(answers) = answers.upgrade().filter(|_| freed < wanted) {
            freed += answers.shrink(wanted - freed);
        }
        if let Some(store) = store.upgrade().filter(|_| freed < wanted) {
            freed += store.shrink_dictionaries((wanted - freed) as usize) as u64;
        }
        freed
    });
}
