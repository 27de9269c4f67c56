//! The groups of one lane with their states.

use base::{Result, bail};
use expr::{Accumulator, KeyTable, TableKey};
use types::Column;

use super::calls::BoundCall;
use super::keys::{Packed, PackedPart};
use super::{Batch, Shared, Stage};

/// Groups with their states.
#[derive(Clone)]
pub(crate) struct Groups {
    table: Table,
    pub(crate) states: Vec<Box<dyn Accumulator>>,
    groups: Vec<u32>,
    /// Rows of others are left out once there are so many groups.
    most: usize,
    /// The only group was made without a row.
    vacant: bool,
}

#[derive(Clone)]
enum Table {
    /// No keys.
    One {
        seen: bool,
    },
    /// Group numbers are codes; those that were met are marked.
    Identity {
        met: Vec<bool>,
        any: bool,
    },
    /// The number + 1 of every key that there may be (0: not met), and the keys by number.
    Direct {
        slots: Vec<u32>,
        keys: Vec<u64>,
    },
    Narrow(KeyTable<u64>),
    Wide(KeyTable<u128>),
}

/// How groups are numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Numbering {
    /// There are no keys.
    One,
    /// The only key is a code of a dictionary of so many values: the code is the number.
    Identity(usize),
    /// By an array over all keys of so many bits.
    Direct(u32),
    /// By a hash table.
    Hashed,
}

impl Groups {
    pub(crate) fn new(calls: &[BoundCall], numbering: Numbering) -> Groups {
        let table = match numbering {
            Numbering::One => Table::One { seen: false },
            Numbering::Identity(size) => Table::Identity { met: vec![false; size], any: false },
            Numbering::Direct(bits) => {
                Table::Direct { slots: vec![0; 1 << bits], keys: Vec::new() }
            }
            Numbering::Hashed => Table::Narrow(KeyTable::new()),
        };
        let states = calls.iter().map(BoundCall::accumulator).collect();
        let mut groups =
            Groups { table, states, groups: Vec::new(), most: usize::MAX, vacant: false };
        if let Numbering::Identity(size) = numbering {
            groups.states.iter_mut().for_each(|s| s.resize(size));
        }
        groups
    }

    /// Groups with room for so many.
    pub(crate) fn with_capacity(calls: &[BoundCall], wide: bool, capacity: usize) -> Groups {
        let table = if wide {
            Table::Wide(KeyTable::with_capacity(capacity))
        } else {
            Table::Narrow(KeyTable::with_capacity(capacity))
        };
        Groups {
            table,
            states: calls.iter().map(BoundCall::accumulator).collect(),
            groups: Vec::new(),
            most: usize::MAX,
            vacant: false,
        }
    }

    /// The same, of which there will be so many at most.
    pub(crate) fn at_most(self, most: usize) -> Groups {
        Groups { most, ..self }
    }

    /// Makes the only group of an aggregation without keys, also where there was no row.
    pub(super) fn conclude(&mut self) {
        self.vacant = self.is_empty();
        self.ensure_one();
    }

    /// Whether the only group was made without a row: what it computed of codes is no code.
    pub(super) fn is_vacant(&self) -> bool {
        self.vacant
    }

    /// Whether no more groups are taken in.
    pub(super) fn is_closed(&self) -> bool {
        self.most != usize::MAX
    }

    /// Keeps the groups of these keys only, in an empty table's place, and takes in no others any more.
    pub(super) fn close_with(&mut self, keys: &Packed, mut empty: Groups) -> Result<()> {
        self.number(keys.all(), usize::MAX)?;
        let states = self.state_columns(&self.groups)?;
        empty.number(keys.all(), usize::MAX)?;
        empty.take_states(&states)?;
        empty.most = empty.len();
        *self = empty;
        Ok(())
    }

    /// The keys of the first groups.
    pub(super) fn first_keys(&self, count: usize) -> Packed {
        let keys = (0..count.min(self.len())).map(|group| self.packed_key(group));
        match &self.table {
            Table::Wide(_) => Packed::Wide(keys.collect()),
            _ => Packed::Narrow(keys.map(|key| key as u64).collect()),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        match &self.table {
            Table::One { seen } => !seen,
            Table::Identity { any, .. } => !any,
            Table::Direct { keys, .. } => keys.is_empty(),
            Table::Narrow(table) => table.keys().is_empty(),
            Table::Wide(table) => table.keys().is_empty(),
        }
    }

    /// Makes the only group of an aggregation without keys.
    pub(crate) fn ensure_one(&mut self) {
        self.states.iter_mut().for_each(|s| s.resize(1));
        if let Table::One { seen } = &mut self.table {
            *seen = true;
        }
    }

    /// Takes rows in, or states.
    pub(crate) fn add(&mut self, batch: &Batch, shared: &Shared) -> Result<()> {
        self.add_rows(batch.keys.all(), &batch.arguments, batch.rows, shared)
    }

    /// Takes rows in, or states.
    pub(crate) fn add_rows(
        &mut self,
        keys: PackedPart<'_>,
        arguments: &[Column],
        rows: usize,
        shared: &Shared,
    ) -> Result<()> {
        let (calls, limit) = (&shared.calls, self.most);
        if shared.stage == Stage::Merge {
            return self.add_states(keys, arguments, rows, limit);
        }
        if let Table::One { .. } = self.table {
            self.ensure_one();
            for (state, call) in self.states.iter_mut().zip(calls) {
                state.update_one(0, &arguments[call.arguments.clone()], rows)?;
            }
            return Ok(());
        }
        self.number(keys, limit)?;
        if limit != usize::MAX && self.groups.contains(&u32::MAX) {
            return self.add_some(arguments, calls);
        }
        for (state, call) in self.states.iter_mut().zip(calls) {
            state.update(&self.groups, &arguments[call.arguments.clone()])?;
        }
        Ok(())
    }

    /// Takes those rows in that have a group.
    fn add_some(&mut self, arguments: &[Column], calls: &[BoundCall]) -> Result<()> {
        let mask: arrow_array::BooleanArray =
            self.groups.iter().map(|g| Some(*g != u32::MAX)).collect();
        let groups: Vec<u32> = self.groups.iter().copied().filter(|g| *g != u32::MAX).collect();
        let arguments = arguments.iter().map(|a| a.filter(&mask)).collect::<Result<Vec<_>>>()?;
        for (state, call) in self.states.iter_mut().zip(calls) {
            state.update(&groups, &arguments[call.arguments.clone()])?;
        }
        Ok(())
    }

    /// Finds the groups of keys, into `self.groups`.
    pub(crate) fn number(&mut self, keys: PackedPart<'_>, limit: usize) -> Result<()> {
        self.groups.clear();
        if let (PackedPart::Wide(_), Table::Narrow(table)) = (keys, &self.table)
            && table.keys().is_empty()
        {
            self.table = Table::Wide(KeyTable::new());
        }
        let count = match (&mut self.table, keys) {
            (Table::Identity { met, any }, PackedPart::Narrow(keys)) => {
                *any = true;
                self.groups.reserve(keys.len());
                for key in keys {
                    met[*key as usize] = true;
                    self.groups.push(*key as u32);
                }
                return Ok(());
            }
            (Table::Direct { slots, keys: known }, PackedPart::Narrow(keys)) => {
                number_directly(slots, known, keys, limit, &mut self.groups);
                known.len()
            }
            (Table::Narrow(table), PackedPart::Narrow(keys)) => {
                table.numbers(keys, limit, &mut self.groups);
                table.keys().len()
            }
            (Table::Wide(table), PackedPart::Wide(keys)) => {
                table.numbers(keys, limit, &mut self.groups);
                table.keys().len()
            }
            _ => bail!(LogicalError, "keys of another width than before"),
        };
        self.states.iter_mut().for_each(|s| s.resize(count));
        Ok(())
    }

    /// Puts so many rows into the only group of an aggregation without keys; false where there are keys.
    pub(super) fn number_one(&mut self, rows: usize) -> bool {
        if !matches!(self.table, Table::One { .. }) {
            return false;
        }
        self.ensure_one();
        self.groups.clear();
        self.groups.resize(rows, 0);
        true
    }

    /// The states, and the groups found by the last call of `number`.
    pub(super) fn states_and_numbers(&mut self) -> (&mut [Box<dyn Accumulator>], &[u32]) {
        (&mut self.states, &self.groups)
    }

    /// The groups found by the last call of `number`.
    pub(crate) fn numbers(&self) -> &[u32] {
        &self.groups
    }

    /// The number of groups, those of an identity table included that were not met.
    pub(crate) fn len(&self) -> usize {
        match &self.table {
            Table::One { seen } => usize::from(*seen),
            Table::Identity { met, .. } => met.len(),
            Table::Direct { keys, .. } => keys.len(),
            Table::Narrow(table) => table.keys().len(),
            Table::Wide(table) => table.keys().len(),
        }
    }

    /// Whether a group was met.
    pub(crate) fn is_met(&self, group: usize) -> bool {
        match &self.table {
            Table::Identity { met, .. } => met[group],
            _ => true,
        }
    }

    /// The packed keys of all groups.
    pub(crate) fn packed_keys(&self) -> Vec<u128> {
        match &self.table {
            Table::One { .. } => Vec::new(),
            Table::Identity { met, .. } => (0..met.len() as u128).collect(),
            Table::Direct { keys, .. } => keys.iter().map(|k| u128::from(*k)).collect(),
            Table::Narrow(table) => table.keys().iter().map(|k| u128::from(*k)).collect(),
            Table::Wide(table) => table.keys().to_vec(),
        }
    }

    /// The packed key of one group.
    pub(crate) fn packed_key(&self, group: usize) -> u128 {
        match &self.table {
            Table::One { .. } => 0,
            Table::Identity { .. } => group as u128,
            Table::Direct { keys, .. } => u128::from(keys[group]),
            Table::Narrow(table) => u128::from(table.keys()[group]),
            Table::Wide(table) => table.keys()[group],
        }
    }

    /// Takes the groups of another table in, whose equal keys are equal bits.
    pub(crate) fn merge(&mut self, other: Groups, limit: usize) -> Result<()> {
        if other.is_empty() {
            return Ok(());
        }
        if self.is_empty() && !matches!(self.table, Table::Identity { .. }) {
            *self = other;
            return Ok(());
        }
        match (&mut self.table, &other.table) {
            (Table::One { .. }, _) => {
                for (state, from) in self.states.iter_mut().zip(&other.states) {
                    state.merge(&[0], from.as_ref())?;
                }
                Ok(())
            }
            (Table::Identity { met, any }, Table::Identity { met: others, .. }) => {
                *any = true;
                met.iter_mut().zip(others).for_each(|(mine, theirs)| *mine |= *theirs);
                let groups: Vec<u32> = (0..met.len() as u32).collect();
                for (state, from) in self.states.iter_mut().zip(&other.states) {
                    state.merge(&groups, from.as_ref())?;
                }
                Ok(())
            }
            (_, Table::Direct { keys, .. }) => {
                let keys = Packed::Narrow(keys.clone());
                self.merge_as(&keys, other, limit)
            }
            (_, Table::Narrow(table)) => {
                let keys = Packed::Narrow(table.keys().to_vec());
                self.merge_as(&keys, other, limit)
            }
            (_, Table::Wide(table)) => {
                let keys = Packed::Wide(table.keys().to_vec());
                self.merge_as(&keys, other, limit)
            }
            _ => bail!(LogicalError, "groups of different kinds"),
        }
    }

    /// Takes the groups of another table in under these keys.
    pub(crate) fn merge_as(&mut self, keys: &Packed, other: Groups, limit: usize) -> Result<()> {
        self.number(keys.all(), limit)?;
        let missing = self.groups.contains(&u32::MAX);
        if missing {
            // Groups beyond a limit go into one that is not shown.
            let spare = self.len() as u32;
            self.states.iter_mut().for_each(|s| s.resize(spare as usize + 1));
            self.groups.iter_mut().filter(|g| **g == u32::MAX).for_each(|g| *g = spare);
        }
        for (state, from) in self.states.iter_mut().zip(&other.states) {
            state.merge(&self.groups, from.as_ref())?;
        }
        Ok(())
    }

    /// Bytes of memory in use.
    pub(crate) fn memory(&self) -> usize {
        let table = match &self.table {
            Table::One { .. } => 0,
            Table::Identity { met, .. } => met.len(),
            Table::Direct { slots, keys } => slots.len() * 4 + keys.capacity() * 8,
            Table::Narrow(table) => table.memory(),
            Table::Wide(table) => table.memory(),
        };
        table + self.states.iter().map(|s| s.memory()).sum::<usize>()
    }
}

/// Appends the number of every key; with `most` keys there already, others get `u32::MAX`.
fn number_directly(
    slots: &mut [u32],
    known: &mut Vec<u64>,
    keys: &[u64],
    most: usize,
    groups: &mut Vec<u32>,
) {
    groups.extend(keys.iter().map(|key| {
        let slot = &mut slots[*key as usize];
        if *slot == 0 {
            if known.len() >= most {
                return u32::MAX;
            }
            known.push(*key);
            *slot = known.len() as u32;
        }
        *slot - 1
    }));
}

/// How many different keys there are among some batches.
pub(crate) fn count_distinct(batches: &[Batch]) -> usize {
    fn count<'k, K: TableKey>(parts: impl Iterator<Item = &'k Vec<K>>) -> usize {
        let (mut table, mut groups) = (KeyTable::<K>::new(), Vec::new());
        for keys in parts {
            groups.clear();
            table.numbers(keys, usize::MAX, &mut groups);
        }
        table.keys().len()
    }
    let narrow = batches.iter().filter_map(|b| match &b.keys {
        Packed::Narrow(keys) => Some(keys),
        Packed::Wide(_) => None,
    });
    let wide = batches.iter().filter_map(|b| match &b.keys {
        Packed::Wide(keys) => Some(keys),
        Packed::Narrow(_) => None,
    });
    count(narrow) + count(wide)
}
