//! Run lengths: stretches of equal values.

use base::Result;

use crate::packed::{read_stream, reserve, write_stream};
use crate::varint::{Reader, corrupt, write_varint};
use crate::word::Word;

/// Stretches of equal values: each with the row behind its last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunList<W> {
    pub(crate) values: Vec<W>,
    pub(crate) ends: Vec<u32>,
}

impl<W: Word> RunList<W> {
    /// The runs of values; `count` of them as counted before.
    pub(crate) fn collect(values: &[W], count: usize) -> RunList<W> {
        let mut ends = vec![0_u32; count + 1];
        let mut at = 0;
        for (row, pair) in values.windows(2).enumerate() {
            // Branch-free: the slot is written always and kept where the value changes.
            ends[at] = row as u32 + 1;
            at += usize::from(pair[0] != pair[1]);
        }
        ends.truncate(at);
        ends.push(values.len() as u32);
        let values = ends.iter().map(|end| values[*end as usize - 1]).collect();
        RunList { values, ends }
    }

    /// Lengths - 1.
    pub(crate) fn lengths(&self) -> Vec<u32> {
        let mut start = 0;
        self.ends
            .iter()
            .map(|end| {
                let length = end - start - 1;
                start = *end;
                length
            })
            .collect()
    }

    /// From values and lengths - 1, which must cover exactly the rows.
    pub(crate) fn from_lengths(
        values: Vec<W>,
        mut lengths: Vec<u32>,
        rows: usize,
    ) -> Result<RunList<W>> {
        let mut end = 0_u64;
        for length in &mut lengths {
            end += u64::from(*length) + 1;
            *length = end as u32;
        }
        if end != rows as u64 {
            return Err(corrupt("run lengths do not add up to the rows"));
        }
        Ok(RunList { values, ends: lengths })
    }

    /// Appends the body.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        write_varint(self.values.len() as u64, out);
        write_stream(&self.values, out);
        write_stream(&self.lengths(), out);
    }

    /// Reads a body.
    pub(crate) fn read(reader: &mut Reader<'_>, rows: usize) -> Result<RunList<W>> {
        let count = reader.length(rows)?;
        let values = read_stream(reader, count)?;
        let lengths = read_stream(reader, count)?;
        RunList::from_lengths(values, lengths, rows)
    }

    /// The values of some rows, ascending and each within the runs.
    pub(crate) fn select(&self, selection: &[u16]) -> Vec<W> {
        let mut run = 0;
        let value_of = |row: &u16| {
            while self.ends.get(run).is_some_and(|end| *end <= u32::from(*row)) {
                run += 1;
            }
            self.values.get(run).copied().unwrap_or_default()
        };
        selection.iter().map(value_of).collect()
    }

    /// Appends the value of every row.
    pub(crate) fn expand(&self, rows: usize, out: &mut Vec<W>) -> Result<()> {
        const SHORT: usize = 16;
        // Short runs are written as a whole stretch, whose end the next run writes over.
        reserve(out, rows + SHORT)?;
        let start = out.len();
        out.resize(start + rows + SHORT, W::default());
        let slots = &mut out[start..];
        let mut at = 0;
        for (value, end) in self.values.iter().zip(&self.ends) {
            let end = *end as usize;
            if let Some(stretch) = slots.get_mut(at..).and_then(|s| s.first_chunk_mut::<SHORT>()) {
                *stretch = [*value; SHORT];
            }
            if end > at + SHORT {
                slots[at + SHORT..end].fill(*value);
            }
            at = end;
        }
        out.truncate(start + rows);
        Ok(())
    }
}
