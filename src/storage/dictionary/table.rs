//! Gathering the distinct values of a column while rows arrive.
//!
//! 1. Every distinct value gets an id in order of arrival; rows keep ids. NULL has an id of its
//!    own, so that rows can be permuted before nulls are split off.
//! 2. A value that equals the one before is not looked up; the empty string never is.
//! 3. Slots of the table hold 32 bits of the hash and the id. The slot's place is taken from the
//!    top of the same 32 bits, so growing needs no hash anew. First slots of a batch are loaded
//!    before any of them is used, so that cache misses overlap.
//! 4. When most values turn out distinct, the table is thrown away and every row gets an id of
//!    its own.

use std::hash::BuildHasher;

use arrow_array::builder::make_view;
use arrow_array::cast::AsArray;
use arrow_array::types::BinaryViewType;
use arrow_array::{Array, ArrayRef, BinaryViewArray, GenericByteViewArray};
use arrow_buffer::Buffer;
use base::{Error, Result, bail};
use types::Column;

/// The id of a row that is NULL.
pub(crate) const NULL: u32 = u32::MAX;
const FREE: u64 = u64::MAX;
/// Long values are copied into chunks of this size.
const CHUNK: usize = 1 << 20;
const BATCH: usize = 256;
/// After so many rows it is first asked whether nearly all values are distinct.
const FIRST_LOOK: usize = 65_536;

/// The values of a string column, distinct where that pays.
pub(crate) struct ValueTable {
    hasher: foldhash::fast::RandomState,
    /// `tag << 32 | id`; the number of slots is a power of two.
    slots: Vec<u64>,
    shift: u32,
    /// Views of the distinct values into `full` and, as the last buffer, `open`.
    views: Vec<u128>,
    full: Vec<Buffer>,
    open: Vec<u8>,
    bytes: usize,
    ids: Vec<u32>,
    nulls: usize,
    empty: u32,
    distinct: bool,
    next_look: usize,
    uncompressed: u64,
}

/// What is known of all values once no more come.
pub(crate) struct ValueTableParts {
    /// One id a row, or `NULL`.
    pub ids: Vec<u32>,
    /// The value of each id.
    pub values: BinaryViewArray,
    /// Whether ids of equal values are equal.
    pub distinct: bool,
    pub nulls: usize,
}

impl ValueTable {
    pub(crate) fn new() -> ValueTable {
        ValueTable {
            hasher: foldhash::fast::RandomState::default(),
            slots: vec![FREE; 1 << 6],
            shift: 32 - 6,
            views: Vec::new(),
            full: Vec::new(),
            open: Vec::new(),
            bytes: 0,
            ids: Vec::new(),
            nulls: 0,
            empty: NULL,
            distinct: true,
            next_look: FIRST_LOOK,
            uncompressed: 0,
        }
    }

    /// Bytes of memory in use, about.
    pub(crate) fn memory(&self) -> usize {
        self.bytes + self.views.len() * 16 + self.slots.len() * 8 + self.ids.len() * 4
    }

    /// Bytes of the values of all rows.
    pub(crate) fn uncompressed(&self) -> u64 {
        self.uncompressed
    }

    /// Adds the rows of a column of the layout `Bytes`.
    pub(crate) fn add(&mut self, column: &Column) -> Result<()> {
        match column {
            Column::Flat(array) => self.add_array(view_array(array)?),
            Column::Constant { value, len } => self.add_constant(value, *len),
            Column::Dictionary(column) => {
                let few = column.codes.len() * 2 < column.dictionary.len();
                if few || !self.distinct {
                    let flat = Column::Dictionary(column.clone()).to_flat()?;
                    return self.add_array(view_array(&flat)?);
                }
                let values = column.dictionary.values()?;
                self.add_codes(&column.codes, column.nulls.as_ref(), view_array(&values)?)
            }
        }
    }

    fn add_constant(&mut self, value: &ArrayRef, rows: usize) -> Result<()> {
        let value = view_array(value)?;
        let id = if value.is_null(0) {
            self.nulls += rows;
            NULL
        } else {
            self.uncompressed += (value.value(0).len() + 8) as u64 * rows as u64;
            // Without distinct values nothing can be looked up; equal values may share an id still.
            if self.distinct { self.id_of(value.value(0))? } else { self.push(value.value(0))? }
        };
        self.ids.resize(self.ids.len() + rows, id);
        Ok(())
    }

    fn add_codes(
        &mut self,
        codes: &[u32],
        nulls: Option<&arrow_buffer::NullBuffer>,
        values: &BinaryViewArray,
    ) -> Result<()> {
        let mut known = vec![NULL; values.len()];
        for (row, code) in codes.iter().enumerate() {
            if nulls.is_some_and(|n| n.is_null(row)) {
                self.nulls += 1;
                self.ids.push(NULL);
                continue;
            }
            let Some(id) = known.get_mut(*code as usize) else {
                bail!(LogicalError, "code {code} is past its dictionary");
            };
            let value = values.value(*code as usize);
            self.uncompressed += value.len() as u64 + 8;
            if *id == NULL {
                *id = self.id_of(value)?;
            }
            self.ids.push(*id);
        }
        Ok(())
    }

    fn add_array(&mut self, array: &BinaryViewArray) -> Result<()> {
        self.uncompressed += crate::size::values_bytes(array);
        let mut start = 0;
        while start < array.len() {
            let rows = BATCH.min(array.len() - start);
            if self.distinct {
                self.add_batch(array, start, rows)?;
            } else {
                self.append_batch(array, start, rows)?;
            }
            start += rows;
            if self.distinct && self.ids.len() >= self.next_look {
                self.next_look *= 2;
                if self.views.len() * 10 > self.ids.len() * 9 {
                    self.give_up()?;
                }
            }
        }
        Ok(())
    }

    /// Adds rows when every row has an id of its own.
    fn append_batch(&mut self, array: &BinaryViewArray, start: usize, rows: usize) -> Result<()> {
        for row in start..start + rows {
            let id = if array.is_null(row) {
                self.nulls += 1;
                NULL
            } else {
                self.push(array.value(row))?
            };
            self.ids.push(id);
        }
        Ok(())
    }

    fn add_batch(&mut self, array: &BinaryViewArray, start: usize, rows: usize) -> Result<()> {
        let mut tags = [0u32; BATCH];
        let mut first = [FREE; BATCH];
        let mut wanted = [0u16; BATCH];
        let mut count = 0;
        // `same[row]`: the row's value is the one of the row before.
        let mut same = [false; BATCH];
        for row in 0..rows {
            let at = start + row;
            if array.is_null(at) {
                continue;
            }
            let view = array.views()[at];
            if view as u32 == 0 {
                continue;
            }
            if row > 0 && array.is_valid(at - 1) && equal_views(array, at, view) {
                same[row] = true;
                continue;
            }
            let tag = self.tag(array.value(at));
            tags[row] = tag;
            wanted[count] = row as u16;
            count += 1;
        }
        for row in &wanted[..count] {
            let row = usize::from(*row);
            first[row] = self.slots[(tags[row] >> self.shift) as usize];
        }
        for row in 0..rows {
            let at = start + row;
            let id = if array.is_null(at) {
                self.nulls += 1;
                NULL
            } else if array.views()[at] as u32 == 0 {
                self.empty_id()?
            } else if same[row] {
                self.ids.last().copied().unwrap_or(NULL)
            } else {
                self.find(array.value(at), array.views()[at], tags[row], first[row])?
            };
            self.ids.push(id);
        }
        Ok(())
    }

    fn tag(&self, value: &[u8]) -> u32 {
        (self.hasher.hash_one(value) >> 32) as u32
    }

    fn empty_id(&mut self) -> Result<u32> {
        if self.empty == NULL {
            self.empty = self.push(&[])?;
        }
        Ok(self.empty)
    }

    fn id_of(&mut self, value: &[u8]) -> Result<u32> {
        if value.is_empty() {
            return self.empty_id();
        }
        let tag = self.tag(value);
        self.find(value, make_view(value, 0, 0), tag, FREE)
    }

    /// The id of a value that is not empty, given its hash, a view of it for its length and first bytes,
    /// and its first slot if that was looked at before.
    fn find(&mut self, value: &[u8], view: u128, tag: u32, first: u64) -> Result<u32> {
        if first != FREE && (first >> 32) as u32 == tag && self.matches(first as u32, value, view) {
            return Ok(first as u32);
        }
        let mask = self.slots.len() - 1;
        let mut slot = (tag >> self.shift) as usize;
        loop {
            let held = self.slots[slot];
            if held == FREE {
                break;
            }
            if (held >> 32) as u32 == tag && self.matches(held as u32, value, view) {
                return Ok(held as u32);
            }
            slot = (slot + 1) & mask;
        }
        let id = self.push(value)?;
        self.slots[slot] = u64::from(tag) << 32 | u64::from(id);
        if self.views.len() * 2 > self.slots.len() {
            self.grow()?;
        }
        Ok(id)
    }

    /// Whether the value of an id is this one; `view` gives length and first bytes.
    fn matches(&self, id: u32, value: &[u8], view: u128) -> bool {
        let held = self.views[id as usize];
        if held as u64 != view as u64 {
            return false;
        }
        if value.len() <= 12 { held == view } else { self.bytes_of(held) == value }
    }

    /// The bytes of a long value.
    fn bytes_of(&self, view: u128) -> &[u8] {
        let length = view as u32 as usize;
        let buffer = (view >> 64) as u32 as usize;
        let offset = (view >> 96) as u32 as usize;
        match self.full.get(buffer) {
            Some(full) => &full[offset..offset + length],
            None => &self.open[offset..offset + length],
        }
    }

    /// Stores a value under a new id.
    fn push(&mut self, value: &[u8]) -> Result<u32> {
        let id = self.views.len();
        if id >= NULL as usize {
            bail!(TooManyRows, "A part has too many distinct values");
        }
        if value.len() <= 12 {
            self.views.push(make_view(value, 0, 0));
            return Ok(id as u32);
        }
        if !self.open.is_empty() && self.open.len() + value.len() > CHUNK {
            let open = std::mem::take(&mut self.open);
            self.full.push(Buffer::from_vec(open));
        }
        if self.open.is_empty() {
            self.open.reserve(CHUNK.max(value.len()).min(4096.max(value.len() * 64)));
        }
        let view = make_view(value, self.full.len() as u32, self.open.len() as u32);
        self.open.extend_from_slice(value);
        self.bytes += value.len();
        self.views.push(view);
        Ok(id as u32)
    }

    fn grow(&mut self) -> Result<()> {
        let bits = self.slots.len().trailing_zeros() + 1;
        if bits > 31 {
            bail!(TooManyRows, "A part has too many distinct values");
        }
        let old = std::mem::replace(&mut self.slots, vec![FREE; 1 << bits]);
        self.shift = 32 - bits;
        let mask = self.slots.len() - 1;
        for held in old.into_iter().filter(|held| *held != FREE) {
            let mut slot = ((held >> 32) as u32 >> self.shift) as usize;
            while self.slots[slot] != FREE {
                slot = (slot + 1) & mask;
            }
            self.slots[slot] = held;
        }
        Ok(())
    }

    /// Gives every row so far an id of its own.
    fn give_up(&mut self) -> Result<()> {
        self.distinct = false;
        self.slots = Vec::new();
        let views = std::mem::take(&mut self.views);
        // The new views share the buffers of the old ones.
        self.views.reserve(self.ids.len() * 2);
        for id in &mut self.ids {
            if *id != NULL {
                self.views.push(views[*id as usize]);
                *id = (self.views.len() - 1) as u32;
            }
        }
        Ok(())
    }

    /// Ends the gathering.
    pub(crate) fn finish(mut self) -> Result<ValueTableParts> {
        if !self.open.is_empty() {
            self.full.push(Buffer::from_vec(std::mem::take(&mut self.open)));
        }
        let values = BinaryViewArray::try_new(self.views.into(), self.full, None)
            .map_err(|e| Error::logical(format!("distinct values: {e}")))?;
        Ok(ValueTableParts { ids: self.ids, values, distinct: self.distinct, nulls: self.nulls })
    }
}

/// Whether a row's value is that of the row before.
fn equal_views(array: &BinaryViewArray, row: usize, view: u128) -> bool {
    let before = array.views()[row - 1];
    if before == view {
        return true;
    }
    before as u64 == view as u64 && view as u32 > 12 && array.value(row - 1) == array.value(row)
}

fn view_array(array: &ArrayRef) -> Result<&GenericByteViewArray<BinaryViewType>> {
    array
        .as_binary_view_opt()
        .ok_or_else(|| Error::logical(format!("a string column of type {}", array.data_type())))
}

/// The column of some ids' values, NULL where the id says so.
pub(crate) fn values_of(values: &BinaryViewArray, ids: &[u32]) -> Result<ArrayRef> {
    let nulls = ids.contains(&NULL);
    let indices = if nulls {
        ids.iter().map(|id| (*id != NULL).then_some(*id)).collect()
    } else {
        arrow_array::UInt32Array::from(ids.to_vec())
    };
    arrow_select::take::take(values, &indices, None)
        .map_err(|e| Error::logical(format!("values of ids: {e}")))
}

#[cfg(test)]
mod tests;
