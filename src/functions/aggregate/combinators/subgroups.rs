//! Groups within groups: (group, key) pairs numbered from 0, to be the groups of the function
//! inside.

use base::{Result, bail};
use hashbrown::HashTable;

use crate::aggregate::hash::{hash_bytes, mix};
use crate::aggregate::lists::Lists;

/// A subgroup: whose it is, and where its key lies.
#[derive(Debug, Clone, Copy)]
struct Subgroup {
    group: u32,
    length: u32,
    start: usize,
}

/// Numbers for pairs of group and key (of encoded bytes).
#[derive(Debug, Default, Clone)]
pub(crate) struct Subgroups {
    subgroups: Vec<Subgroup>,
    keys: Vec<u8>,
    table: HashTable<u32>,
    of_group: Lists<u32>,
}

fn pair_hash(group: u32, key: &[u8]) -> u64 {
    mix(hash_bytes(key) as u64 ^ u64::from(group).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

impl Subgroups {
    /// Makes room for groups.
    pub(crate) fn resize(&mut self, groups: usize) {
        self.of_group.resize(groups);
    }

    /// How many pairs there are.
    pub(crate) fn len(&self) -> usize {
        self.subgroups.len()
    }

    /// The number of a pair, and whether it is new.
    pub(crate) fn number(&mut self, group: u32, key: &[u8]) -> Result<(u32, bool)> {
        let (subgroups, keys) = (&self.subgroups, &self.keys);
        let key_of = |number: u32| {
            let s = subgroups[number as usize];
            (s.group, &keys[s.start..s.start + s.length as usize])
        };
        let hash = pair_hash(group, key);
        if let Some(found) = self.table.find(hash, |n| key_of(*n) == (group, key)) {
            return Ok((*found, false));
        }
        let (Ok(number), Ok(length)) =
            (u32::try_from(self.subgroups.len()), u32::try_from(key.len()))
        else {
            bail!(TooLargeArraySize, "Too many values in the states of an aggregate function");
        };
        self.table.insert_unique(hash, number, |n| {
            let (group, key) = key_of(*n);
            pair_hash(group, key)
        });
        self.subgroups.push(Subgroup { group, length, start: self.keys.len() });
        self.keys.extend_from_slice(key);
        self.of_group.push(group as usize, number)?;
        Ok((number, true))
    }

    /// The group and key of a pair.
    pub(crate) fn pair(&self, number: usize) -> (u32, &[u8]) {
        let subgroup = self.subgroups[number];
        let end = subgroup.start + subgroup.length as usize;
        (subgroup.group, &self.keys[subgroup.start..end])
    }

    /// The numbers of a group's pairs, in the order in which they came.
    pub(crate) fn of_group(&self, group: usize) -> impl Iterator<Item = u32> {
        self.of_group.chunks(group).flatten().copied()
    }

    /// How many pairs a group has.
    pub(crate) fn count(&self, group: usize) -> usize {
        self.of_group.len(group)
    }

    /// Bytes of memory in use.
    pub(crate) fn memory(&self) -> usize {
        self.subgroups.capacity() * size_of::<Subgroup>()
            + self.keys.capacity()
            + self.table.allocation_size()
            + self.of_group.memory()
    }
}
