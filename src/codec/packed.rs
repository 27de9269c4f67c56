//! Bit-packed streams of words.
//!
//! ```text
//! width      u8: bits per value (0 to 64); + 0x80: the values are differences of neighbours
//! base       varint: added to each value; of differences: the value in front of the first
//! vectors    full vectors of 1,024 values, width * 128 bytes each, as in bits.rs
//! tail       the other values, one after the other, lowest bits first, padded to whole bytes
//! ```
//!
//! How many values there are is known from elsewhere.

use std::mem::MaybeUninit;

use base::{Result, error};

use crate::VECTOR;
use crate::varint::{Reader, corrupt, varint_size, write_varint};
use crate::word::Word;

const DIFFERENCES: u8 = 0x80;

/// Bytes of `count` values of `width` bits.
pub(crate) fn packed_size(count: usize, width: usize) -> usize {
    count / VECTOR * width * (VECTOR / 8) + (count % VECTOR * width).div_ceil(8)
}

/// Appends `value - base` of all values with `width` bits each; all must fit.
pub(crate) fn pack<W: Word>(values: &[W], base: W, width: usize, out: &mut Vec<u8>) {
    let (vectors, tail) = values.as_chunks::<VECTOR>();
    let start = out.len();
    out.resize(start + vectors.len() * width * (VECTOR / 8), 0);
    if width == 0 {
        return;
    }
    for (vector, bytes) in vectors.iter().zip(out[start..].chunks_mut(width * (VECTOR / 8))) {
        W::pack(width, vector, base, bytes);
    }
    let mut bits = 0_u128;
    let mut filled = 0;
    for value in tail {
        bits |= u128::from(value.minus(base).to_u64()) << filled;
        filled += width;
        while filled >= 8 {
            out.push(bits as u8);
            bits >>= 8;
            filled -= 8;
        }
    }
    if filled > 0 {
        out.push(bits as u8);
    }
}

/// Packed values over borrowed bytes, without their base and width.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packed<'a, W> {
    base: W,
    width: usize,
    count: usize,
    bytes: &'a [u8],
}

impl<'a, W: Word> Packed<'a, W> {
    /// Takes the bytes of `count` values from the reader.
    pub(crate) fn take(
        reader: &mut Reader<'a>,
        count: usize,
        base: W,
        width: usize,
    ) -> Result<Packed<'a, W>> {
        if width > W::BITS {
            return Err(corrupt("packed values are wider than their type"));
        }
        let bytes = reader.take(packed_size(count, width))?;
        Ok(Packed { base, width, count, bytes })
    }

    /// What is added to each value.
    pub(crate) fn base(&self) -> W {
        self.base
    }

    /// Bits per value.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Writes the values of one vector (the last may be short) to the front of `out`, at least
    /// as many as it holds; returns how many values it holds.
    fn vector(&self, vector: usize, out: &mut [MaybeUninit<W>; VECTOR]) -> usize {
        let left = self.count.saturating_sub(vector * VECTOR);
        let size = self.width * (VECTOR / 8);
        if left >= VECTOR {
            let bytes = &self.bytes[vector * size..][..size];
            let whole = W::unpack(self.width, bytes, self.base, out);
            debug_assert!(whole, "the width was checked by `take`");
            return VECTOR;
        }
        self.tail(&self.bytes[(vector * size).min(self.bytes.len())..], &mut out[..left]);
        left
    }

    /// Unpacks values that lie one after the other.
    fn tail(&self, bytes: &[u8], out: &mut [MaybeUninit<W>]) {
        let width = self.width;
        let mask = if width == 0 { 0 } else { u64::MAX >> (64 - width) };
        for (at, slot) in out.iter_mut().enumerate() {
            let (byte, shift) = (at * width / 8, at * width % 8);
            let bits = match bytes.get(byte..).and_then(|b| b.first_chunk::<8>()) {
                Some(eight) if shift + width <= 64 => u64::from_le_bytes(*eight) >> shift,
                _ => {
                    let mut wide = [0; 16];
                    let near = bytes.get(byte..).unwrap_or(&[]);
                    let length = near.len().min(16);
                    wide[..length].copy_from_slice(&near[..length]);
                    (u128::from_le_bytes(wide) >> shift) as u64
                }
            };
            slot.write(W::from_u64(bits & mask).plus(self.base));
        }
    }

    /// The values of one vector in a buffer of the caller's.
    pub(crate) fn read_vector<'b>(&self, vector: usize, buffer: &'b mut [W; VECTOR]) -> &'b [W] {
        // SAFETY: MaybeUninit<W> lies like W, and `vector` only ever writes initialized values,
        // so that the buffer stays initialized (measured: unpacking elsewhere and copying costs
        // a third more).
        let slots = unsafe { &mut *std::ptr::from_mut(buffer).cast() };
        let count = self.vector(vector, slots);
        &buffer[..count]
    }

    /// Appends all values.
    pub(crate) fn read(&self, out: &mut Vec<W>) -> Result<()> {
        reserve(out, self.count)?;
        let spare = &mut out.spare_capacity_mut()[..self.count];
        let (vectors, tail) = spare.as_chunks_mut::<VECTOR>();
        let full = vectors.len();
        for (at, vector) in vectors.iter_mut().enumerate() {
            self.vector(at, vector);
        }
        let size = self.width * (VECTOR / 8);
        self.tail(&self.bytes[full * size..], tail);
        // SAFETY: the loops above have written `count` values behind the old end (measured:
        // writing into zeroed memory instead costs 40% more time).
        unsafe { out.set_len(out.len() + self.count) };
        Ok(())
    }
}

/// Room for exactly so many more values, or an error instead of an abort.
pub(crate) fn reserve<T>(out: &mut Vec<T>, count: usize) -> Result<()> {
    out.try_reserve_exact(count).map_err(|_| {
        error!(CannotAllocateMemory, "No memory for {count} values of {} bytes", size_of::<T>())
    })
}

/// Writes a stream of unsigned words; as differences where that is smaller and they ascend.
pub(crate) fn write_stream<W: Word>(values: &[W], out: &mut Vec<u8>) {
    let figures = W::figures(values, W::default());
    let width = figures.max.minus(figures.min).bit_length();
    let ascending = figures.least_step >= W::SIGN && values.len() > 1;
    // The first difference is 0: the first value is the base.
    let step_width = figures.greatest_step.xor(W::SIGN).bit_length();
    if ascending && step_width < width {
        let mut steps = Vec::with_capacity(values.len());
        let mut before = values[0];
        for value in values {
            steps.push(value.minus(before));
            before = *value;
        }
        out.push(step_width as u8 | DIFFERENCES);
        write_varint(values[0].to_u64(), out);
        pack(&steps, W::default(), step_width, out);
    } else {
        out.push(width as u8);
        write_varint(figures.min.to_u64(), out);
        pack(values, figures.min, width, out);
    }
}

/// An upper bound of what [`write_stream`] takes for values of so many bits.
pub(crate) fn stream_size(count: usize, width: usize, base: u64) -> usize {
    1 + varint_size(base) + packed_size(count, width)
}

/// Reads a stream of `count` words.
pub(crate) fn read_stream<W: Word>(reader: &mut Reader<'_>, count: usize) -> Result<Vec<W>> {
    let head = reader.u8()?;
    let base = W::from_u64(reader.varint()?);
    let differences = head & DIFFERENCES != 0;
    let first = if differences { W::default() } else { base };
    let packed = Packed::take(reader, count, first, usize::from(head & !DIFFERENCES))?;
    let mut values = Vec::new();
    packed.read(&mut values)?;
    if differences {
        let mut sum = base;
        for value in &mut values {
            sum = sum.plus(*value);
            *value = sum;
        }
    }
    Ok(values)
}

/// Appends numbers, bit-packed behind their count: frame of reference, or differences where
/// the numbers ascend and that is smaller.
pub fn write_packed<W: Word>(values: &[W], out: &mut Vec<u8>) {
    write_varint(values.len() as u64, out);
    write_stream(values, out);
}

/// Reads what [`write_packed`] wrote.
///
/// # Errors
/// CORRUPTED_DATA when the bytes end early or tell of more than `limit` numbers.
pub fn read_packed<W: Word>(reader: &mut Reader<'_>, limit: usize) -> Result<Vec<W>> {
    let count = reader.length(limit)?;
    read_stream(reader, count)
}

#[cfg(test)]
mod tests {
    use super::{packed_size, read_packed, write_packed};
    use crate::varint::Reader;
    use crate::word::Word;

    fn check<W: Word>(values: &[W]) {
        let mut out = Vec::new();
        write_packed(values, &mut out);
        let mut reader = Reader::new(&out);
        assert_eq!(read_packed::<W>(&mut reader, values.len()).unwrap(), values);
        assert!(reader.rest().is_empty());
        if !values.is_empty() {
            assert!(read_packed::<W>(&mut Reader::new(&out), values.len() - 1).is_err());
            assert!(read_packed::<W>(&mut Reader::new(&out[..out.len() - 1]), 1 << 20).is_err());
        }
    }

    fn check_widths<W: Word>() {
        for count in [0, 1, 7, 1023, 1024, 1025, 3000] {
            for width in 0..=W::BITS {
                let mask = if width == 0 { 0 } else { u64::MAX >> (64 - width) };
                let mut state = 88_172_645_463_325_252_u64;
                let values: Vec<W> = (0..count)
                    .map(|_| {
                        state ^= state << 13;
                        state ^= state >> 7;
                        state ^= state << 17;
                        W::from_u64(state & mask)
                    })
                    .collect();
                check(&values);
            }
        }
    }

    #[test]
    fn every_width_of_every_word_comes_back() {
        check_widths::<u8>();
        check_widths::<u16>();
        check_widths::<u32>();
        check_widths::<u64>();
    }

    #[test]
    fn ascending_numbers_are_packed_as_differences() {
        let values: Vec<u64> = (0..5000).map(|i| 1_000_000_000_000 + i * 100).collect();
        let mut out = Vec::new();
        write_packed(&values, &mut out);
        assert!(out.len() < packed_size(5000, 7) + 16);
        check(&values);
        check(&[u64::MAX, 0, u64::MAX]);
    }
}
