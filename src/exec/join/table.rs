//! From a key to the rows that have it.
//!
//! The numbers of all rows lie in one array, those of equal keys next to each other. A directory tells where:
//! - Keys that fill their range well, or have a small one, index an array of starts.
//! - Keys that fill a larger one sparsely are looked up by their rank (see `ranked`).
//! - Otherwise keys lie in an array of their own beside the numbers, ordered by bucket. The directory's word of a
//!   bucket is where it starts (48 bits) and a bloom filter of 16 bits of its keys, so that most keys that are not
//!   there cost one read.
//!
//! Large tables are built in parts, by the upper bits of the keys' hashes, a lane each.

use std::sync::Arc;

use base::Result;

use super::keys::{JoinKey, Keys};
use super::ranked::Ranked;
use crate::context::ExecContext;
use crate::scheduler::Step;

/// Ranges up to this are indexed directly whatever their keys.
const SMALL_RANGE: u64 = 1 << 15;

/// Ranges up to so many times the rows are indexed directly.
const DENSE: u64 = 8;

/// Tables with fewer rows are built by one lane.
const LARGE: usize = 1 << 16;

/// Where the rows of each looked-up key lie among the numbers: from, to; equal where there are none.
pub(super) struct Matches {
    pub(super) starts: Vec<u32>,
    pub(super) ends: Vec<u32>,
}

impl Matches {
    pub(super) fn with_capacity(rows: usize) -> Matches {
        Matches { starts: Vec::with_capacity(rows), ends: Vec::with_capacity(rows) }
    }
}

/// The numbers of a table's rows by their keys.
pub(super) struct KeyDirectory {
    kind: Directory,
    /// Rows by key.
    numbers: Vec<u32>,
    /// Whether no two rows have the same key.
    unique: bool,
}

enum Directory {
    /// No keys: all rows match.
    All,
    Dense {
        starts: Vec<u32>,
    },
    Ranked(Ranked),
    Narrow(Vec<Part<u64>>),
    Wide(Vec<Part<u128>>),
}

/// The buckets of keys whose hashes share their upper bits.
struct Part<K> {
    /// A word a bucket, and one more for the end of the last.
    directory: Vec<u64>,
    /// Of a hash, without the bits that chose the part, so many bits are not the bucket.
    shift: u32,
    keys: Vec<K>,
    /// Where the part's keys begin among all numbers.
    first: u32,
    numbers: Vec<u32>,
    unique: bool,
}

impl KeyDirectory {
    /// A table in which every key finds all rows.
    pub(super) fn all(rows: usize) -> KeyDirectory {
        KeyDirectory {
            kind: Directory::All,
            numbers: (0..rows as u32).collect(),
            unique: rows <= 1,
        }
    }

    /// A table of the rows of some keys, which are at most `greatest` where that is known; made by the thread
    /// that asks, where that is `alone`.
    pub(super) fn new(
        keys: Keys,
        greatest: Option<u64>,
        alone: bool,
        context: &Arc<ExecContext>,
    ) -> Result<KeyDirectory> {
        match keys {
            Keys::Narrow(keys) => {
                let rows = keys.len() as u64;
                match greatest {
                    Some(greatest) if greatest < SMALL_RANGE.max(rows.saturating_mul(DENSE)) => {
                        Ok(dense(&keys, greatest as usize))
                    }
                    Some(greatest) if Ranked::suits(greatest, rows) => {
                        let (ranked, numbers) = Ranked::new(&keys, greatest);
                        let unique = ranked.is_unique();
                        Ok(KeyDirectory { kind: Directory::Ranked(ranked), numbers, unique })
                    }
                    _ => hashed(keys, alone, context, Directory::Narrow),
                }
            }
            Keys::Wide(keys) => hashed(keys, alone, context, Directory::Wide),
        }
    }

    /// The numbers of all rows, by key.
    pub(super) fn numbers(&self) -> &[u32] {
        &self.numbers
    }

    /// Whether a key has at most one row.
    pub(super) fn is_unique(&self) -> bool {
        self.unique
    }

    /// Whether no key has a row.
    pub(super) fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// Bytes of memory in use.
    pub(super) fn memory(&self) -> usize {
        fn of<K>(parts: &[Part<K>]) -> usize {
            parts.iter().map(|p| p.directory.len() * 8 + p.keys.len() * size_of::<K>()).sum()
        }
        self.numbers.len() * 4
            + match &self.kind {
                Directory::All => 0,
                Directory::Dense { starts } => starts.len() * 4,
                Directory::Ranked(ranked) => ranked.memory(),
                Directory::Narrow(parts) => of(parts),
                Directory::Wide(parts) => of(parts),
            }
    }

    /// Looks keys up.
    pub(super) fn find(&self, keys: &Keys, found: &mut Matches) {
        match (&self.kind, keys) {
            (Directory::Dense { starts }, Keys::Narrow(keys)) => {
                let last = starts.len() as u64 - 1;
                for key in keys {
                    let (start, end) = if *key < last {
                        (starts[*key as usize], starts[*key as usize + 1])
                    } else {
                        (0, 0)
                    };
                    found.starts.push(start);
                    found.ends.push(end);
                }
            }
            (Directory::Ranked(ranked), Keys::Narrow(keys)) => {
                for key in keys {
                    let (start, end) = ranked.find(*key);
                    found.starts.push(start);
                    found.ends.push(end);
                }
            }
            (Directory::Narrow(parts), Keys::Narrow(keys)) => look_up(parts, keys, found),
            (Directory::Wide(parts), Keys::Wide(keys)) => look_up(parts, keys, found),
            (Directory::All, _) | (_, Keys::Narrow(_) | Keys::Wide(_)) => {}
        }
    }

    /// Every one of so many rows finds all.
    pub(super) fn find_all(&self, rows: usize) -> Matches {
        Matches { starts: vec![0; rows], ends: vec![self.numbers.len() as u32; rows] }
    }
}

fn dense(keys: &[u64], greatest: usize) -> KeyDirectory {
    let mut starts = vec![0u32; greatest + 2];
    for key in keys.iter().filter(|k| **k != u64::NONE) {
        starts[*key as usize + 1] += 1;
    }
    let unique = starts.iter().all(|count| *count <= 1);
    let mut sum = 0;
    for start in &mut starts {
        sum += *start;
        *start = sum;
    }
    let mut numbers = vec![0u32; sum as usize];
    if unique {
        for (row, key) in keys.iter().enumerate().filter(|(_, k)| **k != u64::NONE) {
            numbers[starts[*key as usize] as usize] = row as u32;
        }
    } else {
        let mut next = starts.clone();
        for (row, key) in keys.iter().enumerate().filter(|(_, k)| **k != u64::NONE) {
            let at = &mut next[*key as usize];
            numbers[*at as usize] = row as u32;
            *at += 1;
        }
    }
    KeyDirectory { kind: Directory::Dense { starts }, numbers, unique }
}

/// Bits of a bucket's bloom filter that a hash sets.
fn tag(hash: u64) -> u64 {
    1 << (hash & 15) | 1 << (hash >> 4 & 15)
}

/// The part of a hash among `1 << bits`.
fn part_of(hash: u64, bits: u32) -> usize {
    if bits == 0 { 0 } else { (hash >> (64 - bits)) as usize }
}

fn hashed<K: JoinKey>(
    keys: Vec<K>,
    alone: bool,
    context: &Arc<ExecContext>,
    kind: fn(Vec<Part<K>>) -> Directory,
) -> Result<KeyDirectory> {
    struct Lane<K> {
        number: usize,
        part: Option<Part<K>>,
    }
    let threads = if alone || keys.len() < LARGE { 1 } else { context.settings.threads };
    let bits = threads.clamp(1, 16).next_power_of_two().trailing_zeros();
    if bits == 0 {
        let mut part = part(&keys, 0, 0);
        let numbers = std::mem::take(&mut part.numbers);
        let unique = part.unique;
        return Ok(KeyDirectory { kind: kind(vec![part]), numbers, unique });
    }
    let lanes = (0..1usize << bits).map(|number| Lane { number, part: None }).collect();
    let (own, keys) = (context.clone(), Arc::new(keys));
    let mut lanes = context.scheduler.run(lanes, move |lane: &mut Lane<K>| {
        own.cancel.check()?;
        lane.part = Some(part(&keys, lane.number, bits));
        Ok(Step::Done)
    })?;
    // Lanes come back in the order in which they ended.
    lanes.sort_by_key(|lane| lane.number);
    let mut parts: Vec<Part<K>> = lanes.into_iter().filter_map(|l| l.part).collect();
    let mut numbers = Vec::with_capacity(parts.iter().map(|p| p.numbers.len()).sum());
    let unique = parts.iter().all(|p| p.unique);
    for part in &mut parts {
        part.first = numbers.len() as u32;
        numbers.append(&mut std::mem::take(&mut part.numbers));
    }
    Ok(KeyDirectory { kind: kind(parts), numbers, unique })
}

/// The part of a table with the keys whose hashes begin with `number`.
fn part<K: JoinKey>(keys: &[K], number: usize, bits: u32) -> Part<K> {
    let mine = |key: &K| {
        let hash = key.hash();
        (*key != K::NONE && part_of(hash, bits) == number).then_some(hash << bits)
    };
    let count = keys.iter().filter_map(mine).count();
    let buckets = count.next_power_of_two().max(2);
    let shift = 64 - buckets.trailing_zeros();
    let mut directory = vec![0u64; buckets + 1];
    for hash in keys.iter().filter_map(mine) {
        directory[(hash >> shift) as usize] += 1 << 16;
    }
    let mut sum = 0;
    for word in &mut directory {
        let own = *word >> 16;
        *word = sum << 16;
        sum += own;
    }
    let mut next: Vec<u32> = directory.iter().map(|word| (word >> 16) as u32).collect();
    let mut found = vec![(K::default(), 0u32); count];
    for (row, key) in keys.iter().enumerate() {
        let Some(hash) = mine(key) else { continue };
        let bucket = (hash >> shift) as usize;
        directory[bucket] |= tag(hash >> bits);
        found[next[bucket] as usize] = (*key, row as u32);
        next[bucket] += 1;
    }
    let mut unique = true;
    for bucket in 0..buckets {
        let own = (directory[bucket] >> 16) as usize..(directory[bucket + 1] >> 16) as usize;
        let own = &mut found[own];
        if own.len() > 1 {
            if !own.is_sorted() {
                own.sort_unstable();
            }
            unique &= own.windows(2).all(|pair| pair[0].0 != pair[1].0);
        }
    }
    let (keys, numbers) = found.into_iter().unzip();
    Part { directory, shift, keys, first: 0, numbers, unique }
}

/// Keys whose words of the directory are read before any of them is used.
const BATCH: usize = 256;

fn look_up<K: JoinKey>(parts: &[Part<K>], keys: &[K], found: &mut Matches) {
    let bits = parts.len().trailing_zeros();
    let mut waiting: Vec<(usize, u32, u32)> = Vec::with_capacity(BATCH);
    for (chunk, batch) in keys.chunks(BATCH).enumerate() {
        found.starts.resize(chunk * BATCH + batch.len(), 0);
        found.ends.resize(chunk * BATCH + batch.len(), 0);
        waiting.clear();
        for (at, key) in batch.iter().enumerate() {
            let hash = key.hash();
            let part = &parts[part_of(hash, bits)];
            let bucket = ((hash << bits) >> part.shift) as usize;
            let word = part.directory[bucket];
            let wanted = tag((hash << bits) >> bits);
            if word & wanted == wanted && *key != K::NONE {
                let end = (part.directory[bucket + 1] >> 16) as u32;
                waiting.push((at, (word >> 16) as u32, end));
            }
        }
        for (at, start, end) in waiting.iter().copied() {
            let key = batch[at];
            let part = &parts[part_of(key.hash(), bits)];
            let own = &part.keys[start as usize..end as usize];
            let Some(first) = own.iter().position(|k| *k == key) else { continue };
            let same = own[first..].iter().take_while(|k| **k == key).count();
            let start = part.first + start + first as u32;
            found.starts[chunk * BATCH + at] = start;
            found.ends[chunk * BATCH + at] = start + same as u32;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::hash::Hash;
    use std::sync::Arc;

    use base::{CancelToken, MemoryBudget};
    use proptest::prelude::Strategy;
    use proptest::{prop_oneof, proptest};

    use super::{JoinKey, KeyDirectory, Keys, Matches};
    use crate::{CacheSizes, Caches, ExecContext, ExecSettings, Scheduler, Spill};

    fn context() -> Arc<ExecContext> {
        Arc::new(ExecContext {
            registry: Arc::new(functions::registry()),
            functions: expr::FunctionContext::default(),
            scheduler: Arc::new(Scheduler::new(2).unwrap()),
            cancel: CancelToken::new(),
            budget: MemoryBudget::unlimited(),
            counters: Arc::default(),
            settings: ExecSettings::default(),
            caches: Arc::new(Caches::new(
                CacheSizes { filters: 1 << 20, partials: 1 << 20 },
                &MemoryBudget::unlimited(),
            )),
            asked: parking_lot::Mutex::default(),
            spill: Spill::new(std::env::temp_dir(), 0),
        })
    }

    /// Looks all keys and some others up, and compares with a map of the standard library.
    fn check<K: JoinKey + Hash + std::fmt::Debug>(
        rows: &[K],
        others: &[K],
        greatest: Option<u64>,
        alone: bool,
        wrap: fn(Vec<K>) -> Keys,
    ) {
        let mut model: HashMap<K, Vec<u32>> = HashMap::new();
        for (row, key) in rows.iter().enumerate().filter(|(_, k)| **k != K::NONE) {
            model.entry(*key).or_default().push(row as u32);
        }
        let table = KeyDirectory::new(wrap(rows.to_vec()), greatest, alone, &context()).unwrap();
        assert_eq!(table.is_unique(), model.values().all(|rows| rows.len() == 1));
        assert_eq!(table.is_empty(), model.is_empty());
        let wanted: Vec<K> = rows.iter().chain(others).copied().collect();
        let mut found = Matches::with_capacity(wanted.len());
        table.find(&wrap(wanted.clone()), &mut found);
        assert_eq!((found.starts.len(), found.ends.len()), (wanted.len(), wanted.len()));
        for (at, key) in wanted.iter().enumerate() {
            let own = found.starts[at] as usize..found.ends[at] as usize;
            let expected = model.get(key).map_or(&[] as &[u32], Vec::as_slice);
            assert_eq!(&table.numbers()[own], expected, "key {key:?}");
        }
    }

    fn numbers() -> impl Strategy<Value = Vec<u64>> {
        let of = |most: u64, count: usize| proptest::collection::vec(0..most, 0..count);
        prop_oneof![
            of(3, 40),
            of(500, 2000),
            of(150_000, 3000),
            of(1 << 40, 2000),
            of(u64::MAX, 300)
        ]
    }

    proptest! {
        #[test]
        fn keys_find_their_rows(mut rows in numbers(), others in numbers(), holes in numbers()) {
            for hole in holes {
                if let Some(row) = rows.get_mut(hole as usize % 4096) {
                    *row = u64::NONE;
                }
            }
            let greatest = rows.iter().copied().filter(|k| *k != u64::NONE).max();
            check(&rows, &others, None, true, Keys::Narrow);
            check(&rows, &others, greatest, true, Keys::Narrow);
            let wide = |keys: &[u64]| -> Vec<u128> {
                keys.iter()
                    .map(|k| if *k == u64::NONE { u128::NONE } else { u128::from(*k) << 50 })
                    .collect()
            };
            check(&wide(&rows), &wide(&others), None, true, Keys::Wide);
        }
    }

    #[test]
    fn several_lanes_build_one_table() {
        let spread = |n: u64| n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 1;
        let rows: Vec<u64> = (0..200_000).map(|n| spread(n % 150_000)).collect();
        let others: Vec<u64> = (150_000..160_000).map(spread).collect();
        check(&rows, &others, None, false, Keys::Narrow);
        check(&rows, &others, None, true, Keys::Narrow);
    }
}
