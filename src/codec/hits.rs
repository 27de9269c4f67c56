//! From comparisons of values to the rows that hold.

use crate::VECTOR;

/// Per byte of eight bits: the positions of those that are set, in front.
static POSITIONS: [[u16; 8]; 256] = positions();

const fn positions() -> [[u16; 8]; 256] {
    let mut table = [[0; 8]; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut bit, mut at) = (0, 0);
        while bit < 8 {
            if byte >> bit & 1 == 1 {
                table[byte][at] = bit;
                at += 1;
            }
            bit += 1;
        }
        byte += 1;
    }
    table
}

/// Appends rows to a selection, eight at a time whether or not all of them hold.
pub(crate) struct Hits<'a> {
    selection: &'a mut Vec<u16>,
    end: usize,
}

impl<'a> Hits<'a> {
    /// For at most `rows` more rows.
    pub(crate) fn new(selection: &'a mut Vec<u16>, rows: usize) -> Hits<'a> {
        let end = selection.len();
        selection.resize(end + rows + 8, 0);
        Hits { selection, end }
    }

    /// Appends `first + i` for every `flags[i]` that is 1; all flags behind `count` are ignored.
    pub(crate) fn append(&mut self, flags: &mut [u8; VECTOR], count: usize, first: usize) {
        flags[count..].fill(0);
        for (block, flags) in flags.as_chunks::<64>().0.iter().enumerate() {
            let mut bits = [0; 8];
            for (byte, eight) in bits.iter_mut().zip(flags.as_chunks::<8>().0) {
                // The product gathers the lowest bits of the eight bytes in its top byte.
                let gathered = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080);
                *byte = (gathered >> 56) as u8;
            }
            if u64::from_le_bytes(bits) != 0 {
                self.block(bits, first + block * 64);
            }
        }
    }

    fn block(&mut self, bits: [u8; 8], first: usize) {
        for (at, byte) in bits.iter().enumerate() {
            let start = (first + at * 8) as u16;
            let Some(slots) = self.selection[self.end..].first_chunk_mut::<8>() else { return };
            *slots = POSITIONS[usize::from(*byte)].map(|position| start + position);
            self.end += byte.count_ones() as usize;
        }
    }

    /// Ends the selection behind the last row.
    pub(crate) fn finish(self) {
        self.selection.truncate(self.end);
    }
}
