//! One byte string a group, in one buffer.
//!
//! 1. A slot is the place of its group's bytes in the buffer; `NONE` as length: no value yet.
//! 2. A new value that fits into the old one's room takes it; else it is appended and the old
//!    room is lost.
//! 3. When more than half of a large buffer is lost, it is packed anew.

/// The length of a slot without a value.
const NONE: u32 = u32::MAX;

/// The size under which a buffer is not packed.
const SMALL: usize = 1 << 16;

#[derive(Debug, Clone, Copy)]
struct Slot {
    offset: usize,
    length: u32,
    room: u32,
}

/// A byte string, or none, for every group.
#[derive(Debug, Default, Clone)]
pub(crate) struct Slots {
    slots: Vec<Slot>,
    buffer: Vec<u8>,
    lost: usize,
}

impl Slots {
    /// Makes room for groups, without values.
    pub(crate) fn resize(&mut self, groups: usize) {
        if groups > self.slots.len() {
            self.slots.resize(groups, Slot { offset: 0, length: NONE, room: 0 });
        }
    }

    /// A group's bytes.
    pub(crate) fn get(&self, group: usize) -> Option<&[u8]> {
        let slot = self.slots[group];
        (slot.length != NONE).then(|| &self.buffer[slot.offset..slot.offset + slot.length as usize])
    }

    /// Sets a group's bytes; longer ones than 4 GiB are cut (no value can be that long).
    pub(crate) fn set(&mut self, group: usize, bytes: &[u8]) {
        let length = bytes.len().min((NONE - 1) as usize);
        let slot = &mut self.slots[group];
        if slot.room as usize >= length {
            slot.length = length as u32;
            self.buffer[slot.offset..slot.offset + length].copy_from_slice(&bytes[..length]);
            return;
        }
        self.lost += slot.room as usize;
        *slot = Slot { offset: self.buffer.len(), length: length as u32, room: length as u32 };
        self.buffer.extend_from_slice(&bytes[..length]);
        if self.buffer.len() > SMALL && self.lost > self.buffer.len() / 2 {
            self.pack();
        }
    }

    /// Groups.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    fn pack(&mut self) {
        let mut packed = Vec::with_capacity(self.buffer.len() - self.lost);
        for slot in &mut self.slots {
            if slot.length == NONE {
                continue;
            }
            let length = slot.length as usize;
            let offset = packed.len();
            packed.extend_from_slice(&self.buffer[slot.offset..slot.offset + length]);
            *slot = Slot { offset, length: slot.length, room: slot.length };
        }
        self.buffer = packed;
        self.lost = 0;
    }

    /// Bytes of memory in use.
    pub(crate) fn memory(&self) -> usize {
        self.buffer.capacity() + self.slots.capacity() * size_of::<Slot>()
    }
}
