//! Lists of values of constant size, one a group, in one arena.
//!
//! A group's list is a chain of chunks that grow with it, from 2 items to [`LARGEST`], so that
//! millions of short lists cost little and few long ones lie together.

use base::{Result, bail};

use super::state_bytes::Plain;

/// No chunk.
const NONE: u32 = u32::MAX;

/// Items of the largest chunk.
const LARGEST: u32 = 1 << 14;

#[derive(Debug, Clone, Copy)]
struct Chunk {
    start: usize,
    size: u32,
    next: u32,
}

#[derive(Debug, Clone, Copy)]
struct List {
    first: u32,
    last: u32,
    /// Items in the last chunk.
    used: u32,
    /// Items in all chunks.
    length: u32,
}

/// The lists of all groups.
#[derive(Debug, Clone)]
pub(crate) struct Lists<T> {
    items: Vec<T>,
    chunks: Vec<Chunk>,
    lists: Vec<List>,
}

impl<T: Plain> Default for Lists<T> {
    fn default() -> Lists<T> {
        Lists { items: Vec::new(), chunks: Vec::new(), lists: Vec::new() }
    }
}

impl<T: Plain> Lists<T> {
    /// Makes room for groups, with empty lists.
    pub(crate) fn resize(&mut self, groups: usize) {
        if groups > self.lists.len() {
            self.lists.resize(groups, List { first: NONE, last: NONE, used: 0, length: 0 });
        }
    }

    /// Room at the end of a group's list: as many items as are free in its last chunk, which is made
    /// when full; at most `wanted`.
    fn room(&mut self, group: usize, wanted: usize) -> Result<&mut [T]> {
        let list = &mut self.lists[group];
        let full = match self.chunks.get(list.last as usize) {
            Some(chunk) => chunk.size == list.used,
            None => true,
        };
        if full {
            let size = match self.chunks.get(list.last as usize) {
                Some(chunk) => (chunk.size * 2).min(LARGEST),
                None => 2,
            };
            let size = size.max(u32::try_from(wanted).unwrap_or(LARGEST).min(LARGEST));
            if self.chunks.len() >= NONE as usize {
                bail!(TooLargeArraySize, "Too many values in the states of an aggregate function");
            }
            let made = self.chunks.len() as u32;
            let start = self.items.len();
            self.items.resize(start + size as usize, T::default());
            self.chunks.push(Chunk { start, size, next: NONE });
            match self.chunks.get_mut(list.last as usize) {
                Some(last) => last.next = made,
                None => list.first = made,
            }
            *list = List { last: made, used: 0, ..*list };
        }
        let chunk = self.chunks[list.last as usize];
        let start = chunk.start + list.used as usize;
        let taken = wanted.min((chunk.size - list.used) as usize);
        list.used += taken as u32;
        let Some(length) = list.length.checked_add(taken as u32) else {
            bail!(TooLargeArraySize, "Too many values in one state of an aggregate function");
        };
        list.length = length;
        Ok(&mut self.items[start..start + taken])
    }

    /// Appends an item.
    #[inline]
    pub(crate) fn push(&mut self, group: usize, item: T) -> Result<()> {
        if let [room] = self.room(group, 1)? {
            *room = item;
        }
        Ok(())
    }

    /// Appends items.
    pub(crate) fn extend(&mut self, group: usize, mut items: &[T]) -> Result<()> {
        while !items.is_empty() {
            let room = self.room(group, items.len())?;
            let (now, later) = items.split_at(room.len());
            room.copy_from_slice(now);
            items = later;
        }
        Ok(())
    }

    /// A group's items, chunk by chunk.
    pub(crate) fn chunks(&self, group: usize) -> impl Iterator<Item = &[T]> {
        let list = self.lists[group];
        let mut at = list.first;
        std::iter::from_fn(move || {
            let chunk = self.chunks.get(at as usize)?;
            let length = if at == list.last { list.used } else { chunk.size } as usize;
            at = chunk.next;
            Some(&self.items[chunk.start..chunk.start + length])
        })
    }

    /// How many items a group has.
    pub(crate) fn len(&self, group: usize) -> usize {
        self.lists[group].length as usize
    }

    /// A group's items in the place of what `out` held.
    pub(crate) fn copy(&self, group: usize, out: &mut Vec<T>) {
        out.clear();
        self.chunks(group).for_each(|chunk| out.extend_from_slice(chunk));
    }

    /// Bytes of memory in use.
    pub(crate) fn memory(&self) -> usize {
        self.items.capacity() * size_of::<T>()
            + self.chunks.capacity() * size_of::<Chunk>()
            + self.lists.capacity() * size_of::<List>()
    }
}
