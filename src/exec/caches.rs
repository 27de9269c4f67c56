//! What queries leave behind for those that come after them.
//!
//! All of it is of parts, which never change, and bounded: forgetting any of it costs time, never an answer.

use std::sync::Arc;

use base::{CacheReport, MemoryBudget};
use quick_cache::sync::Cache;

use crate::filters::FilterCache;
use crate::partials::PartialCache;
use crate::scan::Translations;

/// What tells conditions and fragments from others: 128 bits of the SHA-256 of their canonical form.
pub(crate) type Key = u128;

/// Conditions and fragments of which it is known that they were asked.
const ASKED: usize = 32_768;

/// What is known of a condition or fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// It was not asked before, or by this query only.
    First,
    /// It was asked before.
    Again,
    /// Keeping it was tried, and did not pay.
    NotWorth,
}

/// An aggregation that was not asked before.
pub(crate) struct FirstUse {
    key: Key,
    /// With more groups keeping them does not pay.
    most_groups: u64,
}

impl FirstUse {
    pub(crate) fn new(key: Key, most_groups: u64) -> FirstUse {
        FirstUse { key, most_groups }
    }

    /// Takes down that it has so many groups at least: the next use is not to find that out once more.
    pub(crate) fn note(&self, groups: usize, caches: &Caches) {
        if groups as u64 > self.most_groups {
            caches.give_up(self.key);
        }
    }
}

/// Bytes that caches may take.
#[derive(Debug, Clone, Copy)]
pub struct CacheSizes {
    /// For the rows that meet conditions.
    pub filters: u64,
    /// For aggregate states of parts.
    pub partials: u64,
}

/// What queries leave behind.
#[derive(Debug)]
pub struct Caches {
    /// Codes of several parts brought together.
    pub(crate) translations: Translations,
    /// Which rows of parts meet which conditions.
    pub(crate) filters: Arc<FilterCache>,
    /// Aggregate states of parts.
    pub(crate) partials: PartialCache,
    asked: Cache<Key, Asked>,
}

impl Caches {
    /// Nothing yet; bytes are held from the budget.
    pub fn new(sizes: CacheSizes, budget: &MemoryBudget) -> Caches {
        Caches {
            translations: Translations::default(),
            filters: Arc::new(FilterCache::new(sizes.filters, budget)),
            partials: PartialCache::new(sizes.partials, budget),
            asked: Cache::new(ASKED),
        }
    }

    /// What is known of a condition or fragment; from now on, that it was asked.
    pub(crate) fn ask(&self, key: Key) -> Asked {
        let known = self.asked.get(&key).unwrap_or(Asked::First);
        if known == Asked::First {
            self.asked.insert(key, Asked::Again);
        }
        known
    }

    /// Takes down that keeping a condition or fragment does not pay.
    pub(crate) fn give_up(&self, key: Key) {
        self.asked.insert(key, Asked::NotWorth);
    }

    /// Forgets at least so many bytes, as far as there are so many; says how many.
    pub fn shrink(&self, bytes: u64) -> u64 {
        let shrunk = self.partials.shrink(bytes);
        shrunk + if shrunk < bytes { self.filters.shrink(bytes - shrunk) } else { 0 }
    }

    /// Takes down for the part that a merge made what is known of the rows of its sources.
    ///
    /// # Errors
    /// LOGICAL_ERROR where the order of rows is none of these parts'.
    pub fn carry(&self, merged: &storage::MergedRows<'_>) -> base::Result<()> {
        self.filters.carry(merged)
    }

    /// What is held of conditions.
    pub fn filters(&self) -> CacheReport {
        self.filters.report()
    }

    /// What is held of aggregations.
    pub fn partials(&self) -> CacheReport {
        self.partials.report()
    }

    /// Forgets the rows that meet conditions.
    pub fn clear_filters(&self) {
        self.filters.clear();
        self.asked.clear();
    }

    /// Forgets aggregate states.
    pub fn clear_partials(&self) {
        self.partials.clear();
        self.asked.clear();
    }

    /// Forgets codes.
    pub fn clear_translations(&self) {
        self.translations.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_too_many_groups_is_not_tried_at_the_second_use() {
        let sizes = CacheSizes { filters: 0, partials: 1 << 20 };
        let caches = Caches::new(sizes, &MemoryBudget::new("test", 1 << 30));
        for (key, groups, second) in [(1, 100, Asked::Again), (2, 101, Asked::NotWorth)] {
            assert_eq!(caches.ask(key), Asked::First);
            FirstUse::new(key, 100).note(groups, &caches);
            assert_eq!(caches.ask(key), second);
        }
    }
}
