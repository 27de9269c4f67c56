//! A block of postings: up to 128 rows that hold a term, and how often each does.
//!
//! ```text
//! full block of 128 rows
//!   byte 0        rows: 0..=32 is the width of packed deltas, 0xff a bitmap
//!   byte 1        width of the packed frequencies, less one each
//!   byte 2        frequencies that are wider: exceptions
//!   rows          width * 16 bytes (crate bitpacking, deltas less one), or one bit for each row
//!                 from the block's first possible row to its last one, the lowest bit first
//!   frequencies   width * 16 bytes
//!   exceptions    each: index in the block (one byte), plus 128 if what is above the width is 1,
//!                 which else follows (varint)
//!
//! last block of fewer rows: per row
//!   varint        (row - previous row - 1) * 2 + 1 if the frequency is more than one
//!   varint        frequency - 2, if it is more than one
//! ```
//!
//! The row before a block's first and its last row are known from the list's directory, so that
//! every block is decoded alone. Whatever the bytes are, decoding does not panic: it answers
//! `None`.

use bitpacking::{BitPacker, BitPacker4x};

use crate::coding::{Reader, put_varint, u32_at, u64_from};

/// Rows of a full block.
pub(crate) const BLOCK: usize = 128;

const HEADER: usize = 3;
const BITMAP: u8 = 0xff;
/// Marks an exception that has but one bit above the width.
const ONE: u8 = 0x80;

/// The places of the bits that are set in each byte.
static PLACES: [[u8; 8]; 256] = places();

const fn places() -> [[u8; 8]; 256] {
    let mut table = [[0; 8]; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut bit, mut found) = (0, 0);
        while bit < 8 {
            if byte >> bit & 1 == 1 {
                table[byte][found] = bit as u8;
                found += 1;
            }
            bit += 1;
        }
        byte += 1;
    }
    table
}

/// Appends a full block; `before` is the row before the first one.
pub(crate) fn encode_full(
    out: &mut Vec<u8>,
    before: Option<u32>,
    rows: &[u32; BLOCK],
    frequencies: &[u32; BLOCK],
) {
    let packer = BitPacker4x::new();
    let width = packer.num_bits_strictly_sorted(before, rows);
    let first = before.map_or(0, |row| row + 1);
    let span = (rows[BLOCK - 1] - first) as usize + 1;
    let less: [u32; BLOCK] = std::array::from_fn(|i| frequencies[i] - 1);
    let (narrow, exceptions) = frequency_width(&less);
    let start = out.len();
    let dense = span.div_ceil(8) < width as usize * 16;
    out.extend_from_slice(&[if dense { BITMAP } else { width }, narrow, exceptions]);
    if dense {
        let at = out.len();
        out.resize(at + span.div_ceil(8), 0);
        for row in rows {
            let bit = (row - first) as usize;
            out[at + bit / 8] |= 1 << (bit % 8);
        }
    } else {
        let at = out.len();
        out.resize(at + width as usize * 16, 0);
        packer.compress_strictly_sorted(before, rows, &mut out[at..], width);
    }
    let low: [u32; BLOCK] = std::array::from_fn(|i| less[i] & low_mask(narrow));
    let at = out.len();
    out.resize(at + narrow as usize * 16, 0);
    packer.compress(&low, &mut out[at..], narrow);
    for (index, value) in less.iter().enumerate().filter(|(_, v)| **v > low_mask(narrow)) {
        let high = value >> narrow;
        out.push(index as u8 | if high == 1 { ONE } else { 0 });
        if high > 1 {
            put_varint(out, u64::from(high));
        }
    }
    debug_assert!(out.len() > start);
}

fn low_mask(width: u8) -> u32 {
    if width >= 32 { u32::MAX } else { (1 << width) - 1 }
}

/// The width that makes frequencies and exceptions smallest, and how many exceptions that gives.
fn frequency_width(values: &[u32; BLOCK]) -> (u8, u8) {
    let mut of_width = [0usize; 33];
    for value in values {
        of_width[32 - value.leading_zeros() as usize] += 1;
    }
    let (mut best, mut wider) = ((usize::MAX, 0, 0), 0);
    for width in (0..=32usize).rev() {
        // Of the exceptions those of one more bit take one byte, the others two or a few more.
        let one = of_width.get(width + 1).copied().unwrap_or(0);
        let size = width * 16 + wider * 2 - one;
        if size < best.0 {
            best = (size, width as u8, wider as u8);
        }
        wider += of_width[width];
    }
    (best.1, best.2)
}

/// The bytes of a full block's rows and where they end; `last` is the block's last row.
#[inline]
fn rows_part(bytes: &[u8], before: Option<u32>, last: u32) -> Option<(u8, &[u8])> {
    let kind = *bytes.first()?;
    let length = match kind {
        BITMAP => {
            let first = before.map_or(0, |row| row.wrapping_add(1));
            (last.checked_sub(first)? as usize + 1).div_ceil(8)
        }
        0..=32 => kind as usize * 16,
        _ => return None,
    };
    Some((kind, bytes.get(HEADER..HEADER + length)?))
}

/// Decodes the rows of a full block.
#[inline]
pub(crate) fn decode_rows(
    bytes: &[u8],
    before: Option<u32>,
    last: u32,
    out: &mut [u32; BLOCK],
) -> Option<()> {
    let (kind, packed) = rows_part(bytes, before, last)?;
    if kind != BITMAP {
        BitPacker4x::new().decompress_strictly_sorted(before, packed, out, kind);
        return Some(());
    }
    let first = before.map_or(0, |row| row.wrapping_add(1));
    let mut found = 0;
    for (index, byte) in packed.iter().enumerate() {
        let base = first.wrapping_add(index as u32 * 8);
        let places = &PLACES[*byte as usize];
        let count = byte.count_ones() as usize;
        if let Some(room) = out.get_mut(found..found + 8) {
            for (row, place) in room.iter_mut().zip(places) {
                *row = base.wrapping_add(u32::from(*place));
            }
        } else {
            for place in &places[..count] {
                *out.get_mut(found)? = base.wrapping_add(u32::from(*place));
                found += 1;
            }
            continue;
        }
        found += count;
    }
    (found == BLOCK).then_some(())
}

/// The bitmap of a full block that has one: the row of its first bit, and its bytes.
#[inline]
pub(crate) fn bitmap(bytes: &[u8], before: Option<u32>, last: u32) -> Option<(u32, &[u8])> {
    if bytes.first() != Some(&BITMAP) {
        return None;
    }
    let (_, packed) = rows_part(bytes, before, last)?;
    Some((before.map_or(0, |row| row.wrapping_add(1)), packed))
}

/// Decodes the frequencies of a full block.
#[inline]
pub(crate) fn decode_frequencies(
    bytes: &[u8],
    before: Option<u32>,
    last: u32,
    out: &mut [u32; BLOCK],
) -> Option<()> {
    let (_, packed) = rows_part(bytes, before, last)?;
    let (width, exceptions) = (*bytes.get(1)?, *bytes.get(2)?);
    if width > 32 {
        return None;
    }
    let rest = bytes.get(HEADER + packed.len()..)?;
    let low = rest.get(..width as usize * 16)?;
    if width == 0 {
        out.fill(1);
    } else {
        BitPacker4x::new().decompress(low, out, width);
        out.iter_mut().for_each(|value| *value = value.wrapping_add(1));
    }
    let mut reader = Reader::new(&rest[low.len()..]);
    for _ in 0..exceptions {
        let index = reader.byte().ok()?;
        let high = if index & ONE == 0 { reader.varint32().ok()? } else { 1 };
        let value = out.get_mut((index & !ONE) as usize)?;
        *value = value.wrapping_add(high.checked_shl(u32::from(width)).unwrap_or(0));
    }
    Some(())
}

/// The frequency at one place of a full block, without decoding the others.
#[inline]
pub(crate) fn frequency_at(
    bytes: &[u8],
    before: Option<u32>,
    last: u32,
    index: usize,
) -> Option<u32> {
    let (_, packed) = rows_part(bytes, before, last)?;
    let (width, exceptions) = (usize::from(*bytes.get(1)?), *bytes.get(2)?);
    let rest = bytes.get(HEADER + packed.len()..)?;
    let low = rest.get(..width * 16)?;
    // Four lanes side by side: value i is the (i / 4)th of lane i % 4, whose words lie 16 bytes
    // apart.
    let bit = index / 4 * width;
    let word = |number: usize| u64::from(u32_at(low, number * 4 + index % 4));
    let mask = (1u64 << width.min(32)) - 1;
    let both = word(bit / 32) | word(bit / 32 + 1) << 32;
    let mut value = (both >> (bit % 32) & mask) as u32;
    let mut reader = Reader::new(&rest[low.len()..]);
    for _ in 0..exceptions {
        let place = reader.byte().ok()?;
        let high = if place & ONE == 0 { reader.varint32().ok()? } else { 1 };
        if usize::from(place & !ONE) == index {
            value = value.wrapping_add(high.checked_shl(width as u32).unwrap_or(0));
        }
    }
    Some(value.wrapping_add(1))
}

/// Appends a block of fewer rows.
pub(crate) fn encode_short(
    out: &mut Vec<u8>,
    before: Option<u32>,
    rows: &[u32],
    frequencies: &[u32],
) {
    let mut expected = before.map_or(0, |row| row + 1);
    for (row, frequency) in rows.iter().zip(frequencies) {
        put_varint(out, u64::from(row - expected) << 1 | u64::from(*frequency > 1));
        if *frequency > 1 {
            put_varint(out, u64::from(frequency - 2));
        }
        expected = row.wrapping_add(1);
    }
}

/// Decodes a block of fewer rows: as many as the outputs have room for.
pub(crate) fn decode_short(
    bytes: &[u8],
    before: Option<u32>,
    rows: &mut [u32],
    frequencies: &mut [u32],
) -> Option<()> {
    let mut reader = Reader::new(bytes);
    let mut expected = before.map_or(0, |row| u64::from(row) + 1);
    for (row, frequency) in rows.iter_mut().zip(frequencies) {
        let value = reader.varint().ok()?;
        *row = u32::try_from(expected.checked_add(value >> 1)?).ok()?;
        *frequency = if value & 1 == 1 { reader.varint32().ok()?.checked_add(2)? } else { 1 };
        expected = u64::from(*row) + 1;
    }
    Some(())
}

/// Sets the bits of a bitmap block within a window of words that begins at row `base`.
pub(crate) fn fill_from_bitmap(first: u32, bitmap: &[u8], base: u32, window: &mut [u64]) {
    let end = u64::from(base) + window.len() as u64 * 64;
    let start = u64::from(first.max(base));
    let stop = (u64::from(first) + bitmap.len() as u64 * 8).min(end);
    let mut row = start;
    while row < stop {
        // Whole words of the window, from bits of the bitmap at any place.
        let bit = (row - u64::from(first)) as usize;
        let place = (row - u64::from(base)) as usize;
        let word = u64_from(bitmap, bit / 8) >> (bit % 8);
        let known = 64 - (bit % 8) as u64;
        let room = 64 - (place % 64) as u64;
        let taken = known.min(room).min(stop - row);
        let mask = if taken == 64 { u64::MAX } else { (1 << taken) - 1 };
        if let Some(target) = window.get_mut(place / 64) {
            *target |= (word & mask) << (place % 64);
        }
        row += taken;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(before: Option<u32>, rows: [u32; BLOCK], frequencies: [u32; BLOCK]) {
        let mut bytes = Vec::new();
        encode_full(&mut bytes, before, &rows, &frequencies);
        let (mut got, mut often) = ([0; BLOCK], [0; BLOCK]);
        let last = rows[BLOCK - 1];
        decode_rows(&bytes, before, last, &mut got).unwrap();
        decode_frequencies(&bytes, before, last, &mut often).unwrap();
        assert_eq!((got, often), (rows, frequencies));
        for (index, frequency) in frequencies.iter().enumerate() {
            assert_eq!(frequency_at(&bytes, before, last, index), Some(*frequency));
        }
        for cut in 0..bytes.len() {
            let whole = decode_rows(&bytes[..cut], before, last, &mut got).is_some()
                && decode_frequencies(&bytes[..cut], before, last, &mut often).is_some();
            assert!(!whole, "{cut} of {} bytes", bytes.len());
        }
        if let Some((first, bitmap)) = bitmap(&bytes, before, last) {
            for base in [0, first, first.saturating_sub(70), first + 13] {
                let mut window = [0u64; 8];
                fill_from_bitmap(first, bitmap, base, &mut window);
                let holds = |row: u32| window[row as usize / 64] >> (row % 64) & 1 == 1;
                for row in 0..512 {
                    assert_eq!(holds(row), rows.contains(&(base + row)), "{base} + {row}");
                }
            }
        }
    }

    #[test]
    fn blocks_come_back() {
        check(None, std::array::from_fn(|i| i as u32), [1; BLOCK]);
        check(Some(6), std::array::from_fn(|i| 7 + 2 * i as u32), [3; BLOCK]);
        let often = std::array::from_fn(|i| if i % 50 == 0 { u32::MAX } else { 1 + i as u32 % 3 });
        check(Some(0), std::array::from_fn(|i| 1 + 33 * i as u32 + i as u32 % 7), often);
        let wide = std::array::from_fn(|i| 33_000_000 * i as u32 + 5);
        check(None, wide, std::array::from_fn(|i| 1 << (i % 32)));
    }

    #[test]
    fn short_blocks_come_back() {
        let (rows, often) = ([4, 9, 1_000_000, u32::MAX - 1], [1, 2, 70_000, 1]);
        let mut bytes = Vec::new();
        encode_short(&mut bytes, Some(3), &rows, &often);
        let (mut got, mut times) = ([0; 4], [0; 4]);
        decode_short(&bytes, Some(3), &mut got, &mut times).unwrap();
        assert_eq!((got, times), (rows, often));
        assert!(decode_short(&bytes[..bytes.len() - 1], Some(3), &mut got, &mut times).is_none());
    }
}
