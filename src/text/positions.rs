//! Positions of a term in the rows of one block of postings.
//!
//! ```text
//! four bits per group of 8 rows: which of 16 widths the group's values have
//! the values of all groups, packed without gaps, the lowest bit first
//! ```
//!
//! Less than 8 rows have their values as varints, without widths.
//!
//! A row's values are its first position and then the distances to the next one, less one. How
//! many values a row has is its frequency; so the values of one row are found without decoding
//! those of the others.

use crate::coding::{Reader, put_varint, u64_from};

/// Rows that share a width.
const GROUP: usize = 8;
/// The widths that there are.
const WIDTHS: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 18, 32];

/// The width of a group, from the bytes before the values.
#[inline]
fn width_of(widths: &[u8], group: usize) -> usize {
    let byte = widths.get(group / 2).copied().unwrap_or(0);
    WIDTHS[(byte >> (group % 2 * 4) & 15) as usize] as usize
}

/// Bytes that the widths of so many rows take.
fn width_bytes(rows: usize) -> usize {
    rows.div_ceil(GROUP * 2)
}

/// Appends the positions of a block's rows; `values` holds the values of all rows in turn.
pub(crate) fn encode(out: &mut Vec<u8>, frequencies: &[u32], values: &[u32]) {
    if frequencies.len() < GROUP {
        values.iter().for_each(|value| put_varint(out, u64::from(*value)));
        return;
    }
    let widths = out.len();
    out.resize(widths + width_bytes(frequencies.len()), 0);
    let (mut at, mut word, mut filled) = (0, 0u64, 0u32);
    for (group, of_rows) in frequencies.chunks(GROUP).enumerate() {
        let count: usize = of_rows.iter().map(|f| *f as usize).sum();
        let values = &values[at..at + count];
        at += count;
        let needed = 32 - values.iter().fold(0, |all, value| all | value).leading_zeros();
        let chosen = WIDTHS.partition_point(|width| u32::from(*width) < needed);
        out[widths + group / 2] |= (chosen as u8) << (group % 2 * 4);
        let width = u32::from(WIDTHS[chosen]);
        for value in values {
            word |= u64::from(*value) << filled;
            filled += width;
            while filled >= 32 {
                out.extend_from_slice(&(word as u32).to_le_bytes());
                word >>= 32;
                filled -= 32;
            }
        }
    }
    out.extend_from_slice(&word.to_le_bytes()[..filled.div_ceil(8) as usize]);
}

/// Appends to `out` the positions in the row at `index` of the block; `None` where the bytes
/// cannot hold them. The place is a new one or one of an earlier call for the same block.
pub(crate) fn decode_row(
    bytes: &[u8],
    frequencies: &[u32],
    index: usize,
    place: &mut Place,
    out: &mut Vec<u32>,
) -> Option<()> {
    if frequencies.len() < GROUP {
        let mut all = Vec::new();
        decode_all(bytes, frequencies, &mut all)?;
        let start = total(&frequencies[..index]);
        let start_of_out = out.len();
        out.extend_from_slice(all.get(start..start + *frequencies.get(index)? as usize)?);
        add_up(&mut out[start_of_out..]);
        return Some(());
    }
    let widths = bytes.get(..width_bytes(frequencies.len()))?;
    let packed = &bytes[widths.len()..];
    let bit = place.go_to(widths, frequencies, index)?;
    let width = width_of(widths, index / GROUP);
    unpack(packed, bit, width, *frequencies.get(index)? as usize, out)
}

/// A group of a block's rows, and where its values begin: from there those of later rows are found.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Place {
    group: usize,
    bits: usize,
    next_row: usize,
}

impl Place {
    /// The row behind the one asked for last.
    #[inline]
    pub(crate) fn next_row(&self) -> usize {
        self.next_row
    }

    /// Goes to the group of a row; gives the bits of the values before the row.
    #[inline]
    fn go_to(&mut self, widths: &[u8], frequencies: &[u32], index: usize) -> Option<usize> {
        let group = index / GROUP;
        self.next_row = index + 1;
        if group < self.group {
            *self = Place::default();
        }
        for rows in frequencies.as_chunks::<GROUP>().0.get(self.group..group)? {
            self.bits += width_of(widths, self.group) * total(rows);
            self.group += 1;
        }
        let before = total(frequencies.get(group * GROUP..index)?);
        Some(self.bits + width_of(widths, group) * before)
    }
}

/// Appends to `out` the values of all rows of the block.
pub(crate) fn decode_all(bytes: &[u8], frequencies: &[u32], out: &mut Vec<u32>) -> Option<()> {
    if frequencies.len() < GROUP {
        let mut reader = Reader::new(bytes);
        for _ in 0..total(frequencies) {
            out.push(reader.varint32().ok()?);
        }
        return Some(());
    }
    let widths = bytes.get(..width_bytes(frequencies.len()))?;
    let packed = &bytes[widths.len()..];
    let mut bit = 0;
    for (number, rows) in frequencies.chunks(GROUP).enumerate() {
        let (width, count) = (width_of(widths, number), total(rows));
        values(packed, bit, width, count, out)?;
        bit += width * count;
    }
    Some(())
}

/// Values of some rows; of one block they are less than 4 GiB.
#[inline]
fn total(frequencies: &[u32]) -> usize {
    frequencies.iter().fold(0u32, |sum, frequency| sum.wrapping_add(*frequency)) as usize
}

fn values(
    packed: &[u8],
    mut bit: usize,
    width: usize,
    count: usize,
    out: &mut Vec<u32>,
) -> Option<()> {
    // A value takes a bit or more unless it is the only kind there is: a row's lone position 0.
    if (bit + width * count).div_ceil(8) > packed.len() || (width == 0 && count > MOST_ZEROS) {
        return None;
    }
    let mask = (1u64 << width) - 1;
    if count == 1 {
        out.push(((u64_from(packed, bit / 8) >> (bit % 8)) & mask) as u32);
        return Some(());
    }
    out.extend((0..count).map(|_| {
        let value = (u64_from(packed, bit / 8) >> (bit % 8)) & mask;
        bit += width;
        value as u32
    }));
    Some(())
}

/// Values of no width that one call may ask for: they have no bytes that would bound them.
const MOST_ZEROS: usize = 1 << 27;

fn unpack(packed: &[u8], bit: usize, width: usize, count: usize, out: &mut Vec<u32>) -> Option<()> {
    let start = out.len();
    values(packed, bit, width, count, out)?;
    add_up(&mut out[start..]);
    Some(())
}

/// Makes positions of distances.
fn add_up(values: &mut [u32]) {
    let mut next = 0u32;
    for value in values {
        *value = next.wrapping_add(*value);
        next = value.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_come_back() {
        for rows in [1, 7, 8, 100, 128] {
            check(rows);
        }
    }

    fn check(rows: u32) {
        let frequencies: Vec<u32> = (0..rows).map(|i| 1 + i % 5 * (i % 3)).collect();
        let mut values = Vec::new();
        for (row, frequency) in frequencies.iter().enumerate() {
            values.extend((0..*frequency).map(|i| (row as u32 * 977 + i * 31) % (1 << (row / 4))));
        }
        let mut bytes = vec![];
        encode(&mut bytes, &frequencies, &values);
        let mut all = Vec::new();
        decode_all(&bytes, &frequencies, &mut all).unwrap();
        assert_eq!(all, values);
        let (mut at, mut place) = (0, Place::default());
        for (row, frequency) in frequencies.iter().enumerate() {
            let (mut got, mut alone) = (Vec::new(), Vec::new());
            decode_row(&bytes, &frequencies, row, &mut Place::default(), &mut alone).unwrap();
            // One that went on, and back from time to time.
            let back = row / 3 * (row % 3);
            decode_row(&bytes, &frequencies, back, &mut place, &mut got).unwrap();
            got.clear();
            decode_row(&bytes, &frequencies, row, &mut place, &mut got).unwrap();
            assert_eq!(got, alone);
            let mut next = 0;
            for (position, value) in got.iter().zip(&values[at..at + *frequency as usize]) {
                assert_eq!(*position, next + value);
                next = position + 1;
            }
            at += *frequency as usize;
        }
        let cut = &bytes[..bytes.len() - 1];
        assert!(decode_all(cut, &frequencies, &mut all).is_none());
    }
}
