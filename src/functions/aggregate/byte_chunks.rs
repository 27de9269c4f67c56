//! Byte strings one behind the other in chunks: nothing that is there is copied when more come, so that a state of
//! gigabytes never takes twice its size for a moment.

/// Bytes of the smallest and of the largest chunk, but for strings that are longer.
const CHUNK: std::ops::RangeInclusive<usize> = 256..=4 << 20;

/// Byte strings by where they lie.
#[derive(Debug, Default, Clone)]
pub(crate) struct ByteChunks {
    chunks: Vec<Vec<u8>>,
    /// Room of all chunks.
    room: usize,
}

impl ByteChunks {
    /// Takes a string; gives its place: the chunk's number, and 32 bits of where it begins in it.
    pub(crate) fn push(&mut self, value: &[u8]) -> u64 {
        let has_room = |chunk: &Vec<u8>| chunk.capacity() - chunk.len() >= value.len();
        if !self.chunks.last().is_some_and(has_room) {
            let room = (self.room / 2).clamp(*CHUNK.start(), *CHUNK.end()).max(value.len());
            self.chunks.push(Vec::with_capacity(room));
            self.room += room;
        }
        let number = self.chunks.len() as u64 - 1;
        let Some(chunk) = self.chunks.last_mut() else { return 0 };
        // Only a first string is longer than the largest chunk, so that places fit.
        let start = chunk.len() as u64;
        chunk.extend_from_slice(value);
        number << 32 | start
    }

    /// The string of some length at a place.
    pub(crate) fn get(&self, place: u64, length: u32) -> &[u8] {
        let start = (place & u64::from(u32::MAX)) as usize;
        &self.chunks[(place >> 32) as usize][start..start + length as usize]
    }

    /// Bytes of memory in use.
    pub(crate) fn memory(&self) -> usize {
        self.room + self.chunks.capacity() * size_of::<Vec<u8>>()
    }
}

#[cfg(test)]
mod tests {
    use super::ByteChunks;

    #[test]
    fn strings_stay_where_they_are() {
        let mut chunks = ByteChunks::default();
        let value = |at: usize| vec![at as u8; at * at % 70_000];
        let places: Vec<u64> = (0..2000).map(|at| chunks.push(&value(at))).collect();
        for (at, place) in places.iter().enumerate() {
            assert_eq!(chunks.get(*place, (at * at % 70_000) as u32), value(at));
        }
        let bytes: usize = (0..2000).map(|at| at * at % 70_000).sum();
        assert!(chunks.memory() < bytes * 11 / 10, "{} for {bytes}", chunks.memory());
    }
}
