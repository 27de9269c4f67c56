//! Distinct values of the page and codes into them.
//!
//! ```text
//! Dictionary        count varint, stream of the sorted values, width u8, packed codes (u16)
//! DictionaryRuns    count varint, stream of the sorted values,
//!                   runs varint, stream of codes (u16), stream of run lengths - 1
//! ```
//!
//! Values are sorted by `value ^ flip`, so that a range of values is one of codes.

use std::mem::MaybeUninit;

use base::Result;

use super::read_vectors;
use super::runs::RunList;
use crate::VECTOR;
use crate::packed::{Packed, pack, read_stream, write_stream};
use crate::varint::{Reader, corrupt, write_varint};
use crate::word::Word;

/// Distinct values that a dictionary may have: codes are u16.
pub(crate) const MAX_DISTINCT: usize = 1 << 16;

/// A body of distinct values and packed codes.
pub(crate) struct Dictionary<'a, W> {
    pub(crate) values: Vec<W>,
    pub(crate) codes: Packed<'a, u16>,
    rows: usize,
}

fn read_values<W: Word>(reader: &mut Reader<'_>, rows: usize) -> Result<Vec<W>> {
    let count = reader.length(rows.min(MAX_DISTINCT))?;
    read_stream(reader, count)
}

/// Appends a body with one code per row.
pub(crate) fn write<W: Word>(values: &[W], codes: &[u16], out: &mut Vec<u8>) {
    write_varint(values.len() as u64, out);
    write_stream(values, out);
    let width = values.len().saturating_sub(1).to_u64_bits();
    out.push(width as u8);
    pack(codes, 0, width, out);
}

/// Appends a body with one code per run.
pub(crate) fn write_runs<W: Word>(values: &[W], codes: &[u16], lengths: &[u32], out: &mut Vec<u8>) {
    write_varint(values.len() as u64, out);
    write_stream(values, out);
    write_varint(codes.len() as u64, out);
    write_stream(codes, out);
    write_stream(lengths, out);
}

/// Reads a body with one code per run.
pub(crate) fn read_runs<W: Word>(reader: &mut Reader<'_>, rows: usize) -> Result<RunList<W>> {
    let values: Vec<W> = read_values(reader, rows)?;
    let runs = reader.length(rows)?;
    let codes: Vec<u16> = read_stream(reader, runs)?;
    let lengths = read_stream(reader, runs)?;
    let mut run_values = Vec::with_capacity(runs);
    for code in codes {
        let value = values.get(usize::from(code));
        run_values.push(*value.ok_or_else(|| corrupt("a code is past its dictionary"))?);
    }
    RunList::from_lengths(run_values, lengths, rows)
}

trait BitsOfLength {
    fn to_u64_bits(self) -> usize;
}

impl BitsOfLength for usize {
    fn to_u64_bits(self) -> usize {
        (self as u64).bit_length()
    }
}

impl<'a, W: Word> Dictionary<'a, W> {
    /// Opens a body with one code per row.
    pub(crate) fn open(reader: &mut Reader<'a>, rows: usize) -> Result<Dictionary<'a, W>> {
        let values = read_values(reader, rows)?;
        let width = usize::from(reader.u8()?);
        let codes = Packed::take(reader, rows, 0_u16, width)?;
        Ok(Dictionary { values, codes, rows })
    }

    /// The value of a code; a code past the end, which only broken bytes hold, is worth 0.
    fn value(&self, code: u16) -> W {
        self.values.get(usize::from(code)).copied().unwrap_or_default()
    }

    /// The values of one vector.
    pub(crate) fn read_vector<'b>(&self, vector: usize, buffer: &'b mut [W; VECTOR]) -> &'b [W] {
        let mut raw = [0_u16; VECTOR];
        let codes = self.codes.read_vector(vector, &mut raw);
        for (slot, code) in buffer.iter_mut().zip(codes) {
            *slot = self.value(*code);
        }
        &buffer[..codes.len()]
    }

    /// Appends all values.
    pub(crate) fn read(&self, out: &mut Vec<W>) -> Result<()> {
        let mut raw = [0_u16; VECTOR];
        read_vectors(self.rows, out, |vector, slots| {
            let codes = self.codes.read_vector(vector, &mut raw);
            for (slot, code) in slots.iter_mut().zip(codes) {
                *slot = MaybeUninit::new(self.value(*code));
            }
            Ok(())
        })
    }
}
