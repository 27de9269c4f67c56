//! Streams of bytes that all grow at once: the postings of every term while an index is built.
//!
//! A stream is a chain of chunks in pages of 1 MiB, each twice as large as the one before up to a
//! limit; the last four bytes of a chunk tell where the next one begins. So a rare term takes
//! 16 bytes, a frequent one loses little, and nothing is ever moved.

const PAGE_BITS: u32 = 20;
const PAGE: usize = 1 << PAGE_BITS;
const FIRST: u32 = 16;
const LARGEST: u32 = 4096;
const LINK: u32 = 4;

/// Where a stream began and where it goes on.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stream {
    head: u32,
    at: u32,
    /// Where the link of the current chunk lies.
    end: u32,
    size: u32,
}

impl Stream {
    /// Where its next byte goes.
    #[inline]
    pub(crate) fn next_byte(&self) -> u32 {
        self.at
    }
}

/// Pages of chunks.
#[derive(Default)]
pub(crate) struct Arena {
    pages: Vec<Box<[u8]>>,
    /// Where the next chunk may begin.
    free: u32,
}

impl Arena {
    /// Bytes of its pages.
    pub(crate) fn held(&self) -> usize {
        self.pages.len() * PAGE
    }

    /// Whether no address is left for many more chunks.
    pub(crate) fn is_nearly_full(&self) -> bool {
        self.pages.len() >= (1 << (32 - PAGE_BITS)) - 4
    }

    fn chunk(&mut self, size: u32) -> u32 {
        if self.pages.is_empty() || (self.free as usize & (PAGE - 1)) + size as usize > PAGE {
            self.free = (self.pages.len() as u32) << PAGE_BITS;
            self.pages.push(vec![0; PAGE].into_boxed_slice());
        }
        let start = self.free;
        self.free = self.free.wrapping_add(size);
        // A page that is exactly full: the next chunk opens another one.
        if self.free as usize & (PAGE - 1) == 0 {
            self.free = self.free.wrapping_sub(1);
        }
        start
    }

    /// A new, empty stream.
    pub(crate) fn stream(&mut self) -> Stream {
        let start = self.chunk(FIRST);
        Stream { head: start, at: start, end: start + FIRST - LINK, size: FIRST }
    }

    /// The byte at an address, so that the processor has what lies around it.
    #[inline]
    pub(crate) fn touch(&self, at: u32) -> u8 {
        let page = self.pages.get((at >> PAGE_BITS) as usize);
        page.map_or(0, |page| page[at as usize & (PAGE - 1)])
    }

    #[inline]
    fn put_byte(&mut self, stream: &mut Stream, byte: u8) {
        if stream.at == stream.end {
            self.grow(stream);
        }
        self.pages[(stream.at >> PAGE_BITS) as usize][stream.at as usize & (PAGE - 1)] = byte;
        stream.at += 1;
    }

    #[cold]
    fn grow(&mut self, stream: &mut Stream) {
        let size = (stream.size * 2).min(LARGEST);
        let next = self.chunk(size);
        let link = stream.end as usize & (PAGE - 1);
        self.pages[(stream.end >> PAGE_BITS) as usize][link..link + 4]
            .copy_from_slice(&next.to_le_bytes());
        (stream.at, stream.end, stream.size) = (next, next + size - LINK, size);
    }

    /// Appends an integer, seven bits a byte.
    #[inline]
    pub(crate) fn put(&mut self, stream: &mut Stream, mut value: u64) {
        while value >= 0x80 {
            self.put_byte(stream, value as u8 | 0x80);
            value >>= 7;
        }
        self.put_byte(stream, value as u8);
    }

    /// Copies a stream out.
    pub(crate) fn read(&self, stream: &Stream, out: &mut Vec<u8>) {
        let (mut at, mut size) = (stream.head, FIRST);
        loop {
            let page = &self.pages[(at >> PAGE_BITS) as usize];
            let start = at as usize & (PAGE - 1);
            let link = start + (size - LINK) as usize;
            if at + size - LINK == stream.end {
                out.extend_from_slice(&page[start..start + (stream.at - at) as usize]);
                return;
            }
            out.extend_from_slice(&page[start..link]);
            at = crate::coding::u32_at(&page[link..], 0);
            size = (size * 2).min(LARGEST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coding::Reader;

    #[test]
    fn streams_grow_side_by_side() {
        let mut arena = Arena::default();
        let mut streams: Vec<_> = (0..500).map(|_| arena.stream()).collect();
        let mut written = vec![Vec::new(); streams.len()];
        for step in 0u64..200_000 {
            let which = (step * step % 499) as usize;
            arena.put(&mut streams[which], step * 31);
            written[which].push(step * 31);
        }
        for (stream, written) in streams.iter().zip(&written) {
            let mut bytes = Vec::new();
            arena.read(stream, &mut bytes);
            let mut reader = Reader::new(&bytes);
            assert!(written.iter().all(|value| reader.varint().unwrap() == *value));
            assert!(reader.is_empty());
        }
    }
}
