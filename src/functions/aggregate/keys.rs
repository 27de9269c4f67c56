//! The best key of every group, for `argMin`, `argMax` and the combinators of these names.
//!
//! Keys of up to 64 bits are mapped to `u64` of the same order (reversed for the smallest key),
//! so that one loop serves all types; other keys stay encoded.

use base::Result;
use types::{Column, DataType};

use crate::scalar::order::Missing;

use super::encoded::Encoding;
use super::extremes::{read_optional, write_optional};
use super::kind::{Input, Kind, input, with_kind};
use super::slots::Slots;
use super::state_bytes::Plain;

#[derive(Debug, Clone)]
enum Best {
    /// Ordered bits, and whether there are any.
    Bits(Vec<(u64, bool)>),
    Bytes(Slots),
}

/// The best key of every group.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    data_type: DataType,
    encoding: Encoding,
    greatest: bool,
    best: Best,
}

/// Bits whose order is that of the values; NaN comes before everything when `nan_first`.
fn ordered<K: Kind>(value: K::Native) -> u64 {
    if K::FLOAT {
        // -0 is 0.
        let bits = (K::to_f64(value) + 0.0).to_bits();
        return if bits >> 63 == 1 { !bits } else { bits | 1 << 63 };
    }
    (K::to_i128(value) as u64)
        ^ if K::less(minus_one::<K>(), K::Native::default()) { 1 << 63 } else { 0 }
}

/// All bits set: -1 of signed kinds, the greatest of unsigned ones.
fn minus_one<K: Kind>() -> K::Native {
    K::Native::read(&mut [0xff; 16].as_slice()).unwrap_or_default()
}

/// What is missing inside of a key is never better than a value.
fn missing(greatest: bool) -> Missing {
    if greatest { Missing::Least } else { Missing::Greatest }
}

impl Keys {
    /// For keys of one type.
    pub(crate) fn new(types: &[DataType], greatest: bool) -> Keys {
        let data_type = types.first().cloned().unwrap_or(DataType::Nothing);
        let small = !data_type.is_nullable()
            && with_kind!(&data_type, K => {
                <<K as Kind>::Native as Plain>::BYTES <= 8
            }, otherwise false);
        let best = if small { Best::Bits(Vec::new()) } else { Best::Bytes(Slots::default()) };
        Keys { data_type, encoding: Encoding::new(types), greatest, best }
    }

    /// The same without groups.
    pub(crate) fn fresh(&self) -> Keys {
        let best = match &self.best {
            Best::Bits(_) => Best::Bits(Vec::new()),
            Best::Bytes(_) => Best::Bytes(Slots::default()),
        };
        Keys {
            data_type: self.data_type.clone(),
            encoding: self.encoding.clone(),
            greatest: self.greatest,
            best,
        }
    }

    /// Makes room for groups, without keys.
    pub(crate) fn resize(&mut self, groups: usize) {
        match &mut self.best {
            Best::Bits(bits) if groups > bits.len() => bits.resize(groups, (0, false)),
            Best::Bits(_) => {}
            Best::Bytes(slots) => slots.resize(groups),
        }
    }

    /// The keys of a block as ordered bits, greatest the best.
    fn bits(&self, key: &[Column], rows: usize) -> Result<Vec<u64>> {
        let reverse = if self.greatest { 0 } else { u64::MAX };
        with_kind!(&self.data_type, K => {
            let one = |value| {
                // NaN is never better than a number, whichever way the order goes.
                if <K as Kind>::is_nan(value) { 0 } else { ordered::<K>(value) ^ reverse }
            };
            Ok(match input::<K>(key, 0)? {
                Input::Slice(values) => values.iter().map(|v| one(*v)).collect(),
                Input::Constant(value) => vec![one(value); rows],
            })
        }, otherwise Ok(Vec::new()))
    }

    fn is_better(encoding: &Encoding, greatest: bool, later: &[u8], earlier: &[u8]) -> bool {
        let order = encoding.compare(later, earlier, missing(greatest));
        if greatest { order.is_gt() } else { order.is_lt() }
    }

    /// Takes the keys of a block; calls for every row that is better than what its group had.
    pub(crate) fn update(
        &mut self,
        groups: &[u32],
        key: &[Column],
        mut improved: impl FnMut(usize, usize) -> Result<()>,
    ) -> Result<()> {
        if let Best::Bits(_) = self.best {
            let keys = self.bits(key, groups.len())?;
            let Best::Bits(best) = &mut self.best else { return Ok(()) };
            for (row, (group, key)) in groups.iter().zip(keys).enumerate() {
                let state = &mut best[*group as usize];
                if !state.1 || key > state.0 {
                    *state = (key, true);
                    improved(row, *group as usize)?;
                }
            }
            return Ok(());
        }
        let (encoding, greatest) = (self.encoding.clone(), self.greatest);
        let Best::Bytes(best) = &mut self.best else { return Ok(()) };
        encoding.for_each(key, groups.len(), |row, key| {
            let group = groups[row] as usize;
            let better = best
                .get(group)
                .is_none_or(|earlier| Keys::is_better(&encoding, greatest, key, earlier));
            if better {
                best.set(group, key);
                improved(row, group)?;
            }
            Ok(())
        })
    }

    /// Calls for the rows whose key equals their group's.
    pub(crate) fn equal_rows(&self, groups: &[u32], key: &[Column]) -> Result<Vec<bool>> {
        let missing = missing(self.greatest);
        let mut equal = vec![false; groups.len()];
        match &self.best {
            Best::Bits(best) => {
                let keys = self.bits(key, groups.len())?;
                for ((equal, key), group) in equal.iter_mut().zip(keys).zip(groups) {
                    *equal = best[*group as usize] == (key, true);
                }
            }
            Best::Bytes(best) => self.encoding.for_each(key, groups.len(), |row, key| {
                equal[row] = best
                    .get(groups[row] as usize)
                    .is_some_and(|b| b == key || self.encoding.compare(b, key, missing).is_eq());
                Ok(())
            })?,
        }
        Ok(equal)
    }

    /// Takes another group's key; whether it is better.
    pub(crate) fn merge(&mut self, group: usize, other: &Keys, from: usize) -> bool {
        match (&mut self.best, &other.best) {
            (Best::Bits(best), Best::Bits(others)) => {
                let (key, seen) = others[from];
                let better = seen && (!best[group].1 || key > best[group].0);
                if better {
                    best[group] = (key, true);
                }
                better
            }
            (Best::Bytes(best), Best::Bytes(others)) => {
                let Some(key) = others.get(from) else { return false };
                let better = best.get(group).is_none_or(|earlier| {
                    Keys::is_better(&self.encoding, self.greatest, key, earlier)
                });
                if better {
                    best.set(group, key);
                }
                better
            }
            _ => false,
        }
    }

    /// Whether two groups' keys are the same.
    pub(crate) fn equal(&self, group: usize, other: &Keys, from: usize) -> bool {
        match (&self.best, &other.best) {
            (Best::Bits(best), Best::Bits(others)) => best[group] == others[from],
            (Best::Bytes(best), Best::Bytes(others)) => match (best.get(group), others.get(from)) {
                (Some(a), Some(b)) => {
                    a == b || self.encoding.compare(a, b, missing(self.greatest)).is_eq()
                }
                (None, None) => true,
                _ => false,
            },
            _ => false,
        }
    }

    /// Appends a group's key.
    pub(crate) fn serialize(&self, group: usize, out: &mut Vec<u8>) {
        match &self.best {
            Best::Bits(best) => (best[group].1, best[group].0).write(out),
            Best::Bytes(best) => write_optional(best.get(group), out),
        }
    }

    /// Reads a key into a group that has none; whether there is one.
    pub(crate) fn deserialize(&mut self, group: usize, bytes: &mut &[u8]) -> Result<bool> {
        match &mut self.best {
            Best::Bits(best) => {
                let (seen, key) = Plain::read(bytes)?;
                best[group] = (key, seen);
                Ok(seen)
            }
            Best::Bytes(best) => {
                let key = read_optional(bytes, &self.encoding)?;
                if let Some(key) = key {
                    best.set(group, key);
                }
                Ok(key.is_some())
            }
        }
    }

    /// Bytes of memory in use.
    pub(crate) fn memory(&self) -> usize {
        match &self.best {
            Best::Bits(best) => best.capacity() * size_of::<(u64, bool)>(),
            Best::Bytes(best) => best.memory(),
        }
    }
}
