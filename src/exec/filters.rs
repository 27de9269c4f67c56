//! The filter cache: which rows of a part meet a condition, kept for the next query that asks the same.
//!
//! Parts never change, so what is known of a part's rows stays right for as long as the part is there. A part is told by
//! its id, which no other part ever gets; a condition by 128 bits of its canonical form.
//!
//! 1. A condition is kept from its second use on; the first is only noted.
//! 2. What is kept grows granule by granule, as queries read them: nothing is read for the cache alone.
//! 3. The rows of a granule are none, all, a list or bits, whichever is smallest.
//! 4. Merges carry it over, see `carried`.
//! 5. Bytes are bounded (see [`ByteCache`]). What is known of parts that are gone is dropped.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use base::{ByteCache, CacheReport, MemoryBudget};
use storage::Part;
use text::RowSet;

use crate::caches;

mod carried;

/// Bytes by which a filter grows before it is weighed again.
const WEIGHED_EVERY: usize = 32 << 10;

/// Bytes of an entry without its rows: keys, maps, counters.
const ENTRY: usize = 400;

/// The rows of a granule that meet a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum GranuleRows {
    /// No row.
    None,
    /// Every row.
    All,
    /// These, ascending.
    Few(Box<[u16]>),
    /// Those whose bits are set, the lowest bit first.
    Many(Box<[u64]>),
}

impl GranuleRows {
    /// Of a granule of `count` rows; `None` is all.
    pub(crate) fn new(rows: Option<&[u16]>, count: usize) -> GranuleRows {
        match rows {
            None => GranuleRows::All,
            Some([]) => GranuleRows::None,
            Some(rows) if rows.len() == count => GranuleRows::All,
            // A row takes 16 bits in a list, and one for every row of the granule in bits.
            Some(rows) if rows.len() * 16 <= count => GranuleRows::Few(rows.into()),
            Some(rows) => {
                let mut words = vec![0_u64; count.div_ceil(64)];
                for row in rows {
                    words[usize::from(*row) / 64] |= 1 << (row % 64);
                }
                GranuleRows::Many(words.into())
            }
        }
    }

    /// Of a granule of `count` rows: those whose bits are set.
    fn of_words(words: &[u64], count: usize) -> GranuleRows {
        let rows: usize = words.iter().map(|word| word.count_ones() as usize).sum();
        if rows == 0 {
            return GranuleRows::None;
        }
        let many = GranuleRows::Many(words.into());
        match rows * 16 <= count {
            _ if rows == count => GranuleRows::All,
            true => GranuleRows::Few(many.within(None, count).into()),
            false => many,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            GranuleRows::None | GranuleRows::All => 0,
            GranuleRows::Few(rows) => size_of_val(&**rows),
            GranuleRows::Many(words) => size_of_val(&**words),
        }
    }

    /// The rows as a list; those of `before` among them, where that is given.
    pub(crate) fn within(&self, before: Option<&[u16]>, count: usize) -> Vec<u16> {
        match (self, before) {
            (GranuleRows::None, _) => Vec::new(),
            (GranuleRows::All, Some(before)) => before.to_vec(),
            (GranuleRows::All, None) => (0..count).map(|row| row as u16).collect(),
            (GranuleRows::Few(rows), None) => rows.to_vec(),
            (GranuleRows::Few(rows), Some(before)) => {
                let mut others = rows.iter().peekable();
                let both = before.iter().filter(|row| {
                    while others.next_if(|other| other < row).is_some() {}
                    others.next_if(|other| other == row).is_some()
                });
                both.copied().collect()
            }
            (GranuleRows::Many(words), Some(before)) => {
                let set = |row: &&u16| words[usize::from(**row) / 64] >> (**row % 64) & 1 == 1;
                before.iter().filter(set).copied().collect()
            }
            (GranuleRows::Many(words), None) => {
                let mut rows =
                    Vec::with_capacity(words.iter().map(|w| w.count_ones() as usize).sum());
                for (index, word) in words.iter().enumerate() {
                    let (base, mut word) = ((index * 64) as u16, *word);
                    while word != 0 {
                        rows.push(base + word.trailing_zeros() as u16);
                        word &= word - 1;
                    }
                }
                rows
            }
        }
    }
}

/// What is known of one condition's rows in one part.
pub(crate) struct PartFilter {
    part: Weak<Part>,
    key: Key,
    granules: Box<[OnceLock<GranuleRows>]>,
    bytes: AtomicUsize,
    /// What the cache takes it to be: no less than its bytes.
    weighed: AtomicUsize,
    /// Whether it could not be computed for rows that other conditions leave out.
    partial: AtomicBool,
}

impl PartFilter {
    fn new(part: &Arc<Part>, key: Key) -> PartFilter {
        let granules: Box<[_]> = (0..part.granules()).map(|_| OnceLock::new()).collect();
        let bytes = ENTRY + size_of_val(&*granules);
        PartFilter {
            part: Arc::downgrade(part),
            key,
            granules,
            bytes: AtomicUsize::new(bytes),
            weighed: AtomicUsize::new(bytes + WEIGHED_EVERY.min(part.rows() as usize / 8)),
            partial: AtomicBool::new(false),
        }
    }

    /// The rows of a granule; `None` where they are not known.
    pub(crate) fn rows(&self, granule: usize) -> Option<&GranuleRows> {
        self.granules.get(granule)?.get()
    }

    /// Whether it is computed only for rows that other conditions keep.
    pub(crate) fn is_partial(&self) -> bool {
        self.partial.load(Ordering::Relaxed)
    }

    /// Notes that it cannot be computed for rows that other conditions leave out.
    pub(crate) fn set_partial(&self) {
        self.partial.store(true, Ordering::Relaxed);
    }

    /// Whether the rows of all of some granules are known.
    pub(crate) fn knows(&self, granules: &[usize]) -> bool {
        granules.iter().all(|granule| self.rows(*granule).is_some())
    }
}

/// What is kept of a part under a condition.
#[derive(Clone)]
enum Kept {
    /// Granule by granule, for scans: what grows is put in again, and weighed then.
    Granules(Arc<PartFilter>),
    /// All rows at once, for searches.
    Rows(Weak<Part>, Arc<RowSet>),
}

impl Kept {
    fn is_of_use(&self) -> bool {
        match self {
            Kept::Granules(filter) => filter.part.strong_count() > 0,
            Kept::Rows(part, _) => part.strong_count() > 0,
        }
    }
}

/// Whether a key is of granules or of all rows, the part's id and the condition.
type Key = (bool, String, caches::Key);

/// Which rows of parts meet which conditions, kept between queries.
#[derive(Debug)]
pub(crate) struct FilterCache {
    kept: ByteCache<Key, Kept>,
}

impl FilterCache {
    /// A cache of so many bytes of a budget; of none it keeps nothing.
    pub(crate) fn new(bytes: u64, budget: &MemoryBudget) -> FilterCache {
        FilterCache { kept: ByteCache::new(bytes, budget) }
    }

    /// Whether anything may be kept.
    pub(crate) fn is_on(&self) -> bool {
        self.kept.is_on()
    }

    /// What is known of a condition's rows in a part, to be added to.
    pub(crate) fn filter(&self, part: &Arc<Part>, condition: caches::Key) -> Arc<PartFilter> {
        let key = (false, part.record().id.clone(), condition);
        if let Some(Kept::Granules(filter)) = self.kept.get(&key) {
            return filter;
        }
        let filter = Arc::new(PartFilter::new(part, key.clone()));
        let bytes = filter.weighed.load(Ordering::Relaxed);
        self.keep(key, Kept::Granules(filter.clone()), bytes);
        filter
    }

    /// How many granules of a part it is known of which of their rows meet a condition.
    pub(crate) fn known(&self, part: &Part, condition: caches::Key) -> usize {
        let id = || part.record().id.clone();
        if self.kept.peek(&(true, id(), condition)).is_some() {
            return part.granules();
        }
        match self.kept.peek(&(false, id(), condition)) {
            Some(Kept::Granules(filter)) => {
                filter.granules.iter().filter(|granule| granule.get().is_some()).count()
            }
            _ => 0,
        }
    }

    /// Takes down the rows of a granule.
    pub(crate) fn record(&self, filter: &Arc<PartFilter>, granule: usize, rows: GranuleRows) {
        let added = rows.bytes();
        let is_new = filter.granules.get(granule).is_some_and(|place| place.set(rows).is_ok());
        if !is_new || added == 0 {
            return;
        }
        let bytes = filter.bytes.fetch_add(added, Ordering::Relaxed) + added;
        if bytes > filter.weighed.load(Ordering::Relaxed) {
            let weight = bytes + WEIGHED_EVERY;
            let weight = filter.weighed.fetch_max(weight, Ordering::Relaxed).max(weight);
            self.kept.insert(filter.key.clone(), Kept::Granules(filter.clone()), weight);
        }
    }

    /// All rows of every one of some parts that meet a condition; none where those of one are not kept.
    pub(crate) fn rows(
        &self,
        parts: &[Arc<Part>],
        condition: caches::Key,
    ) -> Option<Vec<Arc<RowSet>>> {
        let rows = parts.iter().map(|part| {
            match self.kept.get(&(true, part.record().id.clone(), condition)) {
                Some(Kept::Rows(_, rows)) => Some(rows),
                _ => None,
            }
        });
        let rows = rows.collect::<Option<Vec<_>>>();
        self.count(rows.is_some());
        rows
    }

    /// Keeps all rows of a part that meet a condition.
    pub(crate) fn keep_rows(&self, part: &Arc<Part>, condition: caches::Key, rows: Arc<RowSet>) {
        let key = (true, part.record().id.clone(), condition);
        let bytes = ENTRY + rows.words().len() * 8;
        self.keep(key, Kept::Rows(Arc::downgrade(part), rows), bytes);
    }

    fn keep(&self, key: Key, kept: Kept, bytes: usize) {
        self.kept.insert_and_sweep(key, kept, bytes, Kept::is_of_use);
    }

    /// Takes down whether a question was answered.
    pub(crate) fn count(&self, hit: bool) {
        self.kept.count(hit);
    }

    /// Forgets at least so many bytes, as far as there are so many; says how many.
    pub(crate) fn shrink(&self, bytes: u64) -> u64 {
        self.kept.shrink(bytes)
    }

    /// What it holds, and how often it was of use.
    pub(crate) fn report(&self) -> CacheReport {
        self.kept.report()
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.kept.clear();
    }
}
