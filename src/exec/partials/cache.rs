//! What the partial cache keeps, and how it is told apart.

use std::sync::{Arc, Weak};
use std::time::Duration;

use base::{ByteCache, CacheReport, MemoryBudget, Reservation};
use storage::Part;
use types::Block;

use super::Tally;
use super::top_rows::TopRows;
use crate::aggregate::merged::MergedGroups;
use crate::caches::Key;

/// Bytes of an entry without its groups.
const ENTRY: usize = 300;

/// The groups of a part.
#[derive(Debug)]
pub(super) struct Partial {
    pub(super) part: Weak<Part>,
    pub(super) blocks: Vec<Block>,
    /// What it took to make them.
    pub(super) took: Duration,
}

/// The merged groups of the first parts of a table.
pub(super) struct Prefix {
    pub(super) parts: Vec<Weak<Part>>,
    pub(super) groups: MergedGroups,
    pub(super) tally: Tally,
    /// What it took to merge them.
    pub(super) took: Duration,
}

impl Prefix {
    pub(super) fn is_of(&self, parts: &[Arc<Part>]) -> bool {
        stand_first(&self.parts, parts)
    }
}

/// Whether some parts are the first of others.
fn stand_first(first: &[Weak<Part>], parts: &[Arc<Part>]) -> bool {
    let same = |(own, part): (&Weak<Part>, &Arc<Part>)| own.as_ptr() == Arc::as_ptr(part);
    first.len() <= parts.len() && first.iter().zip(parts).all(same)
}

#[derive(Clone)]
pub(super) enum Kept {
    Part(Arc<Partial>),
    /// The first rows of an order.
    Top(Arc<TopRows>),
    Prefix(Arc<Prefix>),
    /// For the merged groups of these parts there was no room.
    NoPrefix(Vec<Weak<Part>>),
}

impl Kept {
    /// Whether its parts are still there.
    fn is_of_use(&self) -> bool {
        let is_there = |part: &Weak<Part>| part.strong_count() > 0;
        match self {
            Kept::Part(partial) => is_there(&partial.part),
            Kept::Top(rows) => is_there(&rows.part),
            Kept::Prefix(prefix) => prefix.parts.iter().all(is_there),
            Kept::NoPrefix(parts) => parts.iter().all(is_there),
        }
    }
}

/// Groups and first rows of parts, by the part's id and the fragment, and groups of first parts, by the first one's id
/// and the fragment.
#[derive(Debug)]
pub(crate) struct PartialCache {
    pub(super) kept: ByteCache<(String, Key), Kept>,
}

impl PartialCache {
    /// A cache of so many bytes of a budget; of none it keeps nothing.
    pub(crate) fn new(bytes: u64, budget: &MemoryBudget) -> PartialCache {
        PartialCache { kept: ByteCache::new(bytes, budget) }
    }

    /// Whether anything may be kept.
    pub(crate) fn is_on(&self) -> bool {
        self.kept.is_on()
    }

    /// Keeps the groups of a part; says whether there was room.
    pub(super) fn keep(&self, part: &Arc<Part>, key: Key, partial: Arc<Partial>) -> bool {
        let bytes = ENTRY + bytes_of(&partial.blocks);
        let key = (part.record().id.clone(), key);
        self.kept.insert_and_sweep(key, Kept::Part(partial), bytes, Kept::is_of_use)
    }

    /// Keeps the first rows of a part.
    pub(super) fn keep_top(&self, part: &Part, key: Key, rows: Arc<TopRows>) {
        let bytes = ENTRY + rows.memory();
        let key = (part.record().id.clone(), key);
        self.kept.insert_and_sweep(key, Kept::Top(rows), bytes, Kept::is_of_use);
    }

    /// The first rows of a part that are kept.
    pub(super) fn find_top(&self, part: &Part, key: Key) -> Option<Arc<TopRows>> {
        match self.kept.get(&(part.record().id.clone(), key))? {
            Kept::Top(rows) => Some(rows),
            _ => None,
        }
    }

    /// The groups of a part that are kept, with their bytes.
    pub(super) fn find(&self, part: &Part, key: Key) -> Option<(Arc<Partial>, Arc<Reservation>)> {
        match self.kept.get_held(&(part.record().id.clone(), key))? {
            (Kept::Part(partial), held) => Some((partial, held)),
            _ => None,
        }
    }

    /// Keeps a copy of the merged groups of the first parts; where there is no room, none is made, nor the next time.
    pub(super) fn keep_prefix(
        &self,
        parts: &[Arc<Part>],
        key: Key,
        groups: &MergedGroups,
        tally: Tally,
        took: Duration,
    ) {
        let key = prefix_key(parts, key);
        let parts: Vec<Weak<Part>> = parts.iter().map(Arc::downgrade).collect();
        match self.kept.room(ENTRY + groups.memory()) {
            Some(room) => {
                let prefix = Prefix { parts, groups: groups.clone(), tally, took };
                self.kept.insert_into(room, key, Kept::Prefix(Arc::new(prefix)));
            }
            None => {
                let bytes = ENTRY + parts.len() * size_of::<Weak<Part>>();
                self.kept.insert_and_sweep(key, Kept::NoPrefix(parts), bytes, Kept::is_of_use);
            }
        }
    }

    /// Whether it is known that there is no room for the merged groups of some first parts.
    pub(super) fn has_no_room(&self, parts: &[Arc<Part>], key: Key) -> bool {
        match self.kept.peek(&prefix_key(parts, key)) {
            Some(Kept::NoPrefix(first)) => first.len() == parts.len() && stand_first(&first, parts),
            _ => false,
        }
    }

    /// The merged groups of the first of some parts that are kept, with their bytes.
    pub(super) fn find_prefix(
        &self,
        parts: &[Arc<Part>],
        key: Key,
    ) -> Option<(Arc<Prefix>, Arc<Reservation>)> {
        match self.kept.get_held(&prefix_key(parts, key))? {
            (Kept::Prefix(prefix), held) if prefix.is_of(parts) => Some((prefix, held)),
            _ => None,
        }
    }

    pub(crate) fn shrink(&self, bytes: u64) -> u64 {
        self.kept.shrink(bytes)
    }

    pub(crate) fn report(&self) -> CacheReport {
        self.kept.report()
    }

    pub(crate) fn clear(&self) {
        self.kept.clear();
    }
}

pub(super) fn bytes_of(blocks: &[Block]) -> usize {
    blocks.iter().map(Block::memory).sum()
}

/// What tells the merged groups of first parts: the first of them, and the fragment.
pub(super) fn prefix_key(parts: &[Arc<Part>], key: Key) -> (String, Key) {
    let first = parts.first().map(|part| part.record().id.as_str()).unwrap_or_default();
    (format!("from {first}"), key)
}
