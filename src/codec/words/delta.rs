//! Differences of neighbours, or differences of those (order 2).
//!
//! ```text
//! width   u8: bits of a packed difference
//! base    varint: the least difference (modulo the word)
//! starts  per vector of 1,024 values: its first value, and for order 2 its first difference;
//!         when width is 0 only those of the first vector
//! packed  one difference per value, as in packed.rs; those in place of starts are of no meaning
//! ```

use std::mem::MaybeUninit;

use base::Result;

use super::read_vectors;
use crate::VECTOR;
use crate::packed::{Packed, pack, packed_size};
use crate::varint::{Reader, varint_size, write_varint};
use crate::word::{Figures, Word};

/// A body of differences.
pub(crate) struct Delta<'a, W> {
    order: usize,
    rows: usize,
    starts: &'a [u8],
    steps: Packed<'a, W>,
}

/// Bytes that a body takes.
pub(crate) fn size<W: Word>(rows: usize, width: usize, base: W, order: usize) -> usize {
    let vectors = if width == 0 { 1 } else { rows.div_ceil(VECTOR) };
    1 + varint_size(base.to_u64()) + vectors * order * W::BYTES + packed_size(rows, width)
}

/// Appends the body of order 1.
pub(crate) fn write<W: Word>(values: &[W], figures: &Figures<W>, out: &mut Vec<u8>) {
    let least = figures.least_step.xor(W::SIGN);
    let width = figures.greatest_step.minus(figures.least_step).bit_length();
    let mut steps = Vec::with_capacity(values.len());
    steps.push(least);
    steps.extend(values.windows(2).map(|pair| pair[1].minus(pair[0])));
    out.push(width as u8);
    write_varint(least.to_u64(), out);
    let vectors = if width == 0 { 1 } else { usize::MAX };
    for first in values.iter().step_by(VECTOR).take(vectors) {
        first.append(out);
    }
    pack(&steps, least, width, out);
}

/// Appends the body of order 2.
pub(crate) fn write_double<W: Word>(values: &[W], out: &mut Vec<u8>) {
    let steps: Vec<W> = std::iter::once(W::default())
        .chain(values.windows(2).map(|pair| pair[1].minus(pair[0])))
        .collect();
    let mut turns: Vec<W> = std::iter::repeat_n(W::default(), values.len().min(2)).collect();
    turns.extend(steps.windows(2).skip(1).map(|pair| pair[1].minus(pair[0])));
    // Places that hold starts must not widen the range.
    let real = || (2..turns.len()).filter(|at| at % VECTOR > 1).map(|at| turns[at].xor(W::SIGN));
    let least = real().min().unwrap_or(W::SIGN);
    let width = real().max().unwrap_or(W::SIGN).minus(least).bit_length();
    let least = least.xor(W::SIGN);
    for (at, turn) in turns.iter_mut().enumerate() {
        if at % VECTOR < 2 {
            *turn = least;
        }
    }
    let width = if width == 0 && values.len() > VECTOR { 1 } else { width };
    out.push(width as u8);
    write_varint(least.to_u64(), out);
    for at in (0..values.len()).step_by(VECTOR) {
        values[at].append(out);
        steps.get(at + 1).copied().unwrap_or_default().append(out);
    }
    pack(&turns, least, width, out);
}

impl<'a, W: Word> Delta<'a, W> {
    /// Opens a body of that order.
    pub(crate) fn open(reader: &mut Reader<'a>, rows: usize, order: usize) -> Result<Self> {
        let width = usize::from(reader.u8()?);
        let base = W::from_u64(reader.varint()?);
        let vectors = if width == 0 { rows.min(1) } else { rows.div_ceil(VECTOR) };
        let starts = reader.take(vectors * order * W::BYTES)?;
        let steps = Packed::take(reader, rows, base, width)?;
        Ok(Delta { order, rows, starts, steps })
    }

    /// Start number `at` of a vector.
    fn start(&self, vector: usize, at: usize) -> W {
        let place = (vector * self.order + at) * W::BYTES;
        self.starts.get(place..place + W::BYTES).map(W::from_bytes).unwrap_or_default()
    }

    /// The first value of a vector.
    fn first(&self, vector: usize) -> W {
        if self.steps.width() > 0 || self.order > 1 {
            return self.start(vector, 0);
        }
        let skipped = (vector * VECTOR) as u64;
        let step = self.steps.base().to_u64();
        self.start(0, 0).plus(W::from_u64(step.wrapping_mul(skipped)))
    }

    /// Turns the differences of a vector into its values.
    fn sum(&self, vector: usize, values: &mut [W]) {
        let mut value = self.first(vector);
        if self.order == 1 {
            if let Some((first, rest)) = values.split_first_mut() {
                *first = value;
                for slot in rest {
                    value = value.plus(*slot);
                    *slot = value;
                }
            }
            return;
        }
        let mut step = self.start(vector, 1);
        for (at, slot) in values.iter_mut().enumerate() {
            if at > 1 {
                step = step.plus(*slot);
            }
            if at > 0 {
                value = value.plus(step);
            }
            *slot = value;
        }
    }

    /// The values of one vector.
    pub(crate) fn read_vector<'b>(&self, vector: usize, buffer: &'b mut [W; VECTOR]) -> &'b [W] {
        let count = self.steps.read_vector(vector, buffer).len();
        self.sum(vector, &mut buffer[..count]);
        &buffer[..count]
    }

    /// Appends all values.
    pub(crate) fn read(&self, out: &mut Vec<W>) -> Result<()> {
        let mut buffer = [W::default(); VECTOR];
        read_vectors(self.rows, out, |vector, slots| {
            let values = self.read_vector(vector, &mut buffer);
            for (slot, value) in slots.iter_mut().zip(values) {
                *slot = MaybeUninit::new(*value);
            }
            Ok(())
        })
    }
}
