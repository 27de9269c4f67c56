//! Exclusive or of neighbouring floats, for `CODEC(Gorilla)`.
//!
//! ```text
//! first value; then a stream of bits, highest first in each byte, per value:
//!   0                                  the same as the one before
//!   10 bits                            the difference, in the window of the last difference
//!   11 leading(6) length - 1(6) bits   a new window: zeros in front of it, its length
//! ```

use base::Result;

use crate::packed::reserve;
use crate::varint::{Reader, corrupt};
use crate::word::Word;

/// Appends the body; there is at least one value.
pub(crate) fn write<W: Word>(values: &[W], out: &mut Vec<u8>) {
    let Some(first) = values.first() else { return };
    first.append(out);
    let mut bits = Writer { out, word: 0, filled: 0 };
    let mut window = None;
    for pair in values.windows(2) {
        let difference = pair[0].xor(pair[1]).to_u64();
        if difference == 0 {
            bits.put(0, 1);
            continue;
        }
        let leading = W::BITS - (64 - difference.leading_zeros() as usize);
        let trailing = difference.trailing_zeros() as usize;
        let fits = |(front, length): &(usize, usize)| {
            leading >= *front && trailing >= W::BITS - front - length
        };
        if let Some((front, length)) = window.filter(fits) {
            bits.put(0b10, 2);
            bits.put(difference >> (W::BITS - front - length), length);
        } else {
            let length = W::BITS - leading - trailing;
            bits.put(0b11, 2);
            bits.put(leading as u64, 6);
            bits.put(length as u64 - 1, 6);
            bits.put(difference >> trailing, length);
            window = Some((leading, length));
        }
    }
    bits.finish();
}

/// Reads a body of so many values.
pub(crate) fn read<W: Word>(body: &[u8], rows: usize) -> Result<Vec<W>> {
    let mut values = Vec::new();
    if rows == 0 {
        return Ok(values);
    }
    let mut reader = Reader::new(body);
    let mut value = W::from_bytes(reader.take(W::BYTES)?);
    // Each further value takes at least a bit.
    if rows - 1 > reader.rest().len() * 8 {
        return Err(corrupt("it ends early"));
    }
    reserve(&mut values, rows)?;
    values.push(value);
    let mut bits = BitReader { bytes: reader.rest(), at: 0 };
    let mut window = (0, W::BITS);
    for _ in 1..rows {
        if bits.take(1)? == 1 {
            if bits.take(1)? == 1 {
                window = (bits.take(6)? as usize, bits.take(6)? as usize + 1);
            }
            let (front, length) = window;
            let shift = W::BITS
                .checked_sub(front + length)
                .ok_or_else(|| corrupt("a window is wider than its type"))?;
            value = value.xor(W::from_u64(bits.take(length)? << shift));
        }
        values.push(value);
    }
    Ok(values)
}

struct Writer<'a> {
    out: &'a mut Vec<u8>,
    word: u128,
    filled: usize,
}

impl Writer<'_> {
    /// Appends the low `count` bits, at most 64.
    fn put(&mut self, bits: u64, count: usize) {
        self.word = self.word << count | u128::from(bits);
        self.filled += count;
        while self.filled >= 8 {
            self.filled -= 8;
            self.out.push((self.word >> self.filled) as u8);
        }
    }

    fn finish(self) {
        if self.filled > 0 {
            self.out.push((self.word << (8 - self.filled)) as u8);
        }
    }
}

struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl BitReader<'_> {
    /// The next `count` bits, at most 64.
    fn take(&mut self, count: usize) -> Result<u64> {
        if self.at + count > self.bytes.len() * 8 {
            return Err(corrupt("it ends early"));
        }
        let near = &self.bytes[self.at / 8..];
        let mut wide = [0; 16];
        let length = near.len().min(16);
        wide[..length].copy_from_slice(&near[..length]);
        let shifted = u128::from_be_bytes(wide) << (self.at % 8);
        self.at += count;
        Ok((shifted >> (128 - count)) as u64)
    }
}
