//! Distinct values of many groups in one table.
//!
//! 1. One table for the whole accumulator holds (group, value) pairs in the order in which they came; a
//!    count a group says how many it has. Millions of small groups cost no more than
//!    one large one.
//! 2. Values of up to 64 bits are kept as they are, so that counts are exact; longer ones as 128 bits
//!    of hash, as ClickHouse does.
//! 3. With a limit, a group that passes it puts further values into a [`Sketch`] of hashes; those in
//!    the table are added to it when the count is wanted.
//! 4. States are written group by group, for which an index of the table is made when it is
//!    first needed and dropped with the next change.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::OnceLock;

use arrow_array::ArrayRef;
use arrow_array::types::UInt64Type;
use base::Result;
use expr::{Accumulator, KeyTable, TableKey};
use types::Column;

use super::encoded::Encoding;
use super::grouped::foreign_state;
use super::hash::{hash_bytes, mix};
use super::kind::{self, Input, Kind, input};
use super::sketch::Sketch;
use super::state_bytes::{Plain, corrupt, read_length, read_version, write_varint};

/// How rows become values of the table.
pub(crate) trait Values: Send + Sync + 'static {
    /// What is kept of a value.
    type Key: Plain + Eq;

    /// A hash whose every bit is well mixed.
    fn hash(key: Self::Key) -> u64;

    /// Calls for every row with its value.
    fn for_each(
        &self,
        arguments: &[Column],
        rows: usize,
        take: impl FnMut(usize, Self::Key),
    ) -> Result<()>;
}

/// Numbers of up to 32 bits.
pub(crate) struct Narrow<K>(pub(crate) PhantomData<fn() -> K>);

/// Numbers of up to 64 bits.
pub(crate) struct Wide<K>(pub(crate) PhantomData<fn() -> K>);

/// Everything else, by 128 bits of hash.
pub(crate) struct Hashed(pub(crate) Encoding);

/// The low bits of a value; floats by their bits.
fn low_bits<K: Kind>(value: K::Native) -> u64 {
    if K::FLOAT {
        let float = K::to_f64(value);
        return if <K::Native as Plain>::BYTES == 4 {
            u64::from((float as f32).to_bits())
        } else {
            float.to_bits()
        };
    }
    K::to_i128(value) as u64
}

fn for_each_number<K: Kind>(
    arguments: &[Column],
    rows: usize,
    mut take: impl FnMut(usize, u64),
) -> Result<()> {
    match input::<K>(arguments, 0)? {
        Input::Slice(values) => {
            values.iter().enumerate().for_each(|(row, value)| take(row, low_bits::<K>(*value)));
        }
        Input::Constant(value) => {
            let bits = low_bits::<K>(value);
            (0..rows).for_each(|row| take(row, bits));
        }
    }
    Ok(())
}

impl<K: Kind> Values for Narrow<K> {
    type Key = u32;

    fn hash(key: u32) -> u64 {
        mix(u64::from(key))
    }

    fn for_each(
        &self,
        arguments: &[Column],
        rows: usize,
        mut take: impl FnMut(usize, u32),
    ) -> Result<()> {
        for_each_number::<K>(arguments, rows, |row, bits| take(row, bits as u32))
    }
}

impl<K: Kind> Values for Wide<K> {
    type Key = [u32; 2];

    fn hash(key: [u32; 2]) -> u64 {
        mix(u64::from(key[0]) | u64::from(key[1]) << 32)
    }

    fn for_each(
        &self,
        arguments: &[Column],
        rows: usize,
        mut take: impl FnMut(usize, [u32; 2]),
    ) -> Result<()> {
        for_each_number::<K>(arguments, rows, |row, bits| {
            take(row, [bits as u32, (bits >> 32) as u32]);
        })
    }
}

impl Values for Hashed {
    type Key = [u32; 4];

    fn hash(key: [u32; 4]) -> u64 {
        u64::from(key[0]) | u64::from(key[1]) << 32
    }

    fn for_each(
        &self,
        arguments: &[Column],
        rows: usize,
        mut take: impl FnMut(usize, [u32; 4]),
    ) -> Result<()> {
        self.0.for_each(arguments, rows, |row, bytes| {
            let hash = hash_bytes(bytes);
            take(row, [0, 32, 64, 96].map(|shift| (hash >> shift) as u32));
            Ok(())
        })
    }
}

/// When a group stops being counted exactly, and how it is counted then.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Limit {
    /// Never.
    None,
    /// After so many values, by a sketch of so many bits of index.
    Sketch(u32, u8),
    /// After so many values; there are "more".
    More(u32),
}

/// The slots of one group's pairs in the table's order of walking.
struct Index<T> {
    /// Where a group's values start; one more than there are groups.
    starts: Vec<usize>,
    values: Vec<T>,
}

/// Counts of distinct values.
pub(crate) struct Distinct<V: Values> {
    values: std::sync::Arc<V>,
    limit: Limit,
    table: KeyTable<Pair<V>>,
    /// Pairs of a block on their way into the table.
    fresh: Vec<Pair<V>>,
    counts: Vec<u32>,
    sketches: HashMap<u32, Sketch>,
    index: OnceLock<Index<V::Key>>,
}

impl<V: Values> Clone for Distinct<V> {
    fn clone(&self) -> Distinct<V> {
        Distinct {
            values: self.values.clone(),
            limit: self.limit,
            table: self.table.clone(),
            fresh: Vec::new(),
            counts: self.counts.clone(),
            sketches: self.sketches.clone(),
            index: OnceLock::new(),
        }
    }
}

const VERSION: u8 = 1;

/// Pairs of another table that are taken at once.
const MERGED_PAIRS: usize = 4096;

/// A group and one of its values.
struct Pair<V: Values> {
    group: u32,
    key: V::Key,
}

impl<V: Values> Clone for Pair<V> {
    fn clone(&self) -> Pair<V> {
        *self
    }
}

impl<V: Values> Copy for Pair<V> {}

impl<V: Values> PartialEq for Pair<V> {
    fn eq(&self, other: &Pair<V>) -> bool {
        self.group == other.group && self.key == other.key
    }
}

impl<V: Values> Eq for Pair<V> {}

impl<V: Values> Default for Pair<V> {
    fn default() -> Pair<V> {
        Pair { group: 0, key: V::Key::default() }
    }
}

impl<V: Values> TableKey for Pair<V> {
    fn hash(self) -> u64 {
        mix(V::hash(self.key) ^ u64::from(self.group).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }
}

impl<V: Values> Distinct<V> {
    /// Without groups.
    pub(crate) fn new(values: &std::sync::Arc<V>, limit: Limit) -> Distinct<V> {
        Distinct {
            values: values.clone(),
            limit,
            table: KeyTable::new(),
            fresh: Vec::new(),
            counts: Vec::new(),
            sketches: HashMap::new(),
            index: OnceLock::new(),
        }
    }

    #[inline]
    fn take(&mut self, group: u32, key: V::Key) {
        let value_hash = V::hash(key);
        if !matches!(self.limit, Limit::None) && self.is_over(group) {
            if let Some(sketch) = self.sketches.get_mut(&group) {
                sketch.add(value_hash);
            }
            return;
        }
        if self.table.insert_one(Pair { group, key }) {
            let count = &mut self.counts[group as usize];
            *count = count.saturating_add(1);
            if let Limit::Sketch(limit, bits) = self.limit
                && self.counts[group as usize] > limit
            {
                self.sketches.insert(group, Sketch::new(bits));
            }
        }
    }

    /// Takes pairs of groups and values, of which equal neighbours are taken once.
    fn take_all(&mut self, fresh: Vec<Pair<V>>) {
        if matches!(self.limit, Limit::None) {
            let before = self.table.keys().len();
            self.table.insert(&fresh);
            for pair in &self.table.keys()[before..] {
                let count = &mut self.counts[pair.group as usize];
                *count = count.saturating_add(1);
            }
        } else {
            fresh.iter().for_each(|pair| self.take(pair.group, pair.key));
        }
        self.fresh = fresh;
        self.fresh.clear();
    }

    /// Whether a group is past the limit.
    fn is_over(&self, group: u32) -> bool {
        match self.limit {
            Limit::None => false,
            Limit::Sketch(limit, _) | Limit::More(limit) => self.counts[group as usize] > limit,
        }
    }

    fn index(&self) -> &Index<V::Key> {
        self.index.get_or_init(|| {
            let mut starts = vec![0; self.counts.len() + 1];
            let pairs = self.table.keys();
            for pair in pairs {
                starts[pair.group as usize + 1] += 1;
            }
            for at in 1..starts.len() {
                starts[at] += starts[at - 1];
            }
            let mut next = starts.clone();
            let mut values = vec![V::Key::default(); pairs.len()];
            for pair in pairs {
                let at = &mut next[pair.group as usize];
                values[*at] = pair.key;
                *at += 1;
            }
            Index { starts, values }
        })
    }

    /// The sketch of all values of a group that is past the limit.
    fn whole_sketch(&self, group: usize) -> Option<Sketch> {
        let mut sketch = self.sketches.get(&(group as u32))?.clone();
        let index = self.index();
        for value in &index.values[index.starts[group]..index.starts[group + 1]] {
            sketch.add(V::hash(*value));
        }
        Some(sketch)
    }

    fn count(&self, group: usize) -> u64 {
        match self.whole_sketch(group) {
            Some(sketch) => sketch.estimate(),
            None => u64::from(self.counts[group]),
        }
    }

    fn merge_sketch(&mut self, group: u32, from: &Sketch) {
        let Limit::Sketch(limit, bits) = self.limit else { return };
        let count = &mut self.counts[group as usize];
        *count = (*count).max(limit.saturating_add(1));
        self.sketches.entry(group).or_insert_with(|| Sketch::new(bits)).merge(from);
    }
}

impl<V: Values> Accumulator for Distinct<V> {
    fn resize(&mut self, groups: usize) {
        if groups > self.counts.len() {
            self.index.take();
            self.counts.resize(groups, 0);
        }
    }

    fn update(&mut self, groups: &[u32], arguments: &[Column]) -> Result<()> {
        self.index.take();
        let values = self.values.clone();
        let mut fresh = std::mem::take(&mut self.fresh);
        values.for_each(arguments, groups.len(), |row, key| {
            let pair = Pair { group: groups[row], key };
            // Equal neighbours are common in sorted data.
            if fresh.last() != Some(&pair) {
                fresh.push(pair);
            }
        })?;
        self.take_all(fresh);
        Ok(())
    }

    fn update_one(&mut self, group: u32, arguments: &[Column], rows: usize) -> Result<()> {
        self.index.take();
        let constant = arguments.iter().all(Column::is_constant);
        let values = self.values.clone();
        let mut fresh = std::mem::take(&mut self.fresh);
        values.for_each(arguments, if constant { rows.min(1) } else { rows }, |_, key| {
            let pair = Pair { group, key };
            if fresh.last() != Some(&pair) {
                fresh.push(pair);
            }
        })?;
        self.take_all(fresh);
        Ok(())
    }

    fn merge(&mut self, groups: &[u32], other: &dyn Accumulator) -> Result<()> {
        let other = other.as_any().downcast_ref::<Distinct<V>>().ok_or_else(foreign_state)?;
        self.index.take();
        for pairs in other.table.keys().chunks(MERGED_PAIRS) {
            let mut fresh = std::mem::take(&mut self.fresh);
            fresh.extend(pairs.iter().filter_map(|pair| {
                let group = *groups.get(pair.group as usize)?;
                Some(Pair { group, key: pair.key })
            }));
            self.take_all(fresh);
        }
        for (group, sketch) in &other.sketches {
            if let Some(into) = groups.get(*group as usize) {
                self.merge_sketch(*into, sketch);
            }
        }
        Ok(())
    }

    fn serialize(&self, group: usize, out: &mut Vec<u8>) -> Result<()> {
        out.push(VERSION);
        if let Some(sketch) = self.whole_sketch(group) {
            out.push(1);
            sketch.write(out);
            return Ok(());
        }
        out.push(0);
        let index = self.index();
        let values = &index.values[index.starts[group]..index.starts[group + 1]];
        write_varint(values.len() as u64, out);
        values.iter().for_each(|value| value.write(out));
        Ok(())
    }

    fn deserialize(&mut self, group: u32, bytes: &mut &[u8]) -> Result<()> {
        read_version(bytes, VERSION)?;
        self.index.take();
        if bool::read(bytes)? {
            let Limit::Sketch(_, bits) = self.limit else { return Err(corrupt()) };
            let sketch = Sketch::read(bits, bytes)?;
            self.merge_sketch(group, &sketch);
            return Ok(());
        }
        let length = read_length(bytes, V::Key::BYTES)?;
        for _ in 0..length {
            let key = V::Key::read(bytes)?;
            self.take(group, key);
        }
        Ok(())
    }

    fn finish(&mut self, groups: Range<usize>) -> Result<ArrayRef> {
        Ok(kind::array::<UInt64Type>(groups.map(|group| self.count(group)).collect()))
    }

    fn memory(&self) -> usize {
        self.table.memory()
            + self.fresh.capacity() * size_of::<Pair<V>>()
            + self.counts.capacity() * 4
            + self.sketches.values().map(Sketch::memory).sum::<usize>()
    }
}
