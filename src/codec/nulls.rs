//! Null maps.
//!
//! ```text
//! 0  no row is NULL: nothing
//! 1  bits, 1 = not NULL, lowest first, padded to whole bytes
//! 2  runs: varint count, then a stream (packed.rs) of their lengths; the first run is one of
//!    values (it may be empty), the second one of NULLs, and so on
//! ```
//!
//! Pages of nothing but NULLs are of a kind of their own.

use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer};
use base::Result;

use crate::packed::{read_stream, write_stream};
use crate::varint::{Reader, corrupt, write_varint};

/// A null map over borrowed bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Nulls<'a> {
    /// No row is NULL.
    None,
    /// One bit per row.
    Bits(&'a [u8]),
    /// So many runs in a reader.
    Runs(usize, Reader<'a>),
}

impl<'a> Nulls<'a> {
    /// Reads a null map of `rows` rows.
    pub(crate) fn read(kind: u8, reader: &mut Reader<'a>, rows: usize) -> Result<Nulls<'a>> {
        match kind {
            0 => Ok(Nulls::None),
            1 => Ok(Nulls::Bits(reader.take(rows.div_ceil(8))?)),
            2 => {
                let count = reader.length(rows + 1)?;
                let bytes = reader.prefixed()?;
                Ok(Nulls::Runs(count, Reader::new(bytes)))
            }
            _ => Err(corrupt("a null map is of an unknown kind")),
        }
    }

    /// The map in arrow's form; None when no row is NULL.
    pub(crate) fn buffer(&self, rows: usize) -> Result<Option<NullBuffer>> {
        let bits = match *self {
            Nulls::None => return Ok(None),
            Nulls::Bits(bytes) => Buffer::from(bytes),
            Nulls::Runs(count, mut reader) => {
                let lengths: Vec<u32> = read_stream(&mut reader, count)?;
                expand(&lengths, rows)?
            }
        };
        let nulls = NullBuffer::new(BooleanBuffer::new(bits, 0, rows));
        Ok((nulls.null_count() > 0).then_some(nulls))
    }

    /// The map of some rows.
    pub(crate) fn selected(&self, rows: usize, selection: &[u16]) -> Result<Option<NullBuffer>> {
        let Some(all) = self.buffer(rows)? else { return Ok(None) };
        let bits = BooleanBuffer::collect_bool(selection.len(), |at| {
            all.inner().value(usize::from(selection[at]))
        });
        let nulls = NullBuffer::new(bits);
        Ok((nulls.null_count() > 0).then_some(nulls))
    }

    /// Whether the map tells of no NULL without looking at it.
    pub(crate) fn is_none(&self) -> bool {
        matches!(self, Nulls::None)
    }
}

/// Bits of alternating runs, values first.
fn expand(lengths: &[u32], rows: usize) -> Result<Buffer> {
    let mut bytes = vec![0_u8; rows.div_ceil(8)];
    let mut start = 0_usize;
    for (at, length) in lengths.iter().enumerate() {
        let end = start + *length as usize;
        if end > rows {
            return Err(corrupt("a null map has more rows than the page"));
        }
        if at % 2 == 0 {
            set_bits(&mut bytes, start, end);
        }
        start = end;
    }
    if start != rows {
        return Err(corrupt("a null map has fewer rows than the page"));
    }
    Ok(Buffer::from_vec(bytes))
}

fn set_bits(bytes: &mut [u8], start: usize, end: usize) {
    let (first, last) = (start.div_ceil(8), end / 8);
    if first <= last {
        bytes[first..last].fill(0xff);
        (start..first * 8).for_each(|bit| bytes[bit / 8] |= 1 << (bit % 8));
        (last * 8..end).for_each(|bit| bytes[bit / 8] |= 1 << (bit % 8));
    } else {
        (start..end).for_each(|bit| bytes[bit / 8] |= 1 << (bit % 8));
    }
}

/// Writes the smaller form and returns its kind; there are NULLs and values in the map.
pub(crate) fn write(nulls: &NullBuffer, out: &mut Vec<u8>) -> u8 {
    let rows = nulls.len();
    let mut lengths = Vec::new();
    let mut end = 0;
    for (start, stop) in nulls.valid_slices() {
        if start > 0 {
            if lengths.is_empty() {
                lengths.push(0);
            }
            lengths.push((start - end) as u32);
        }
        lengths.push((stop - start) as u32);
        end = stop;
        if lengths.len() > rows / 8 {
            break;
        }
    }
    if lengths.len() <= rows / 8 {
        if end < rows {
            lengths.push((rows - end) as u32);
        }
        let mut stream = Vec::new();
        write_stream(&lengths, &mut stream);
        if stream.len() + 4 < rows.div_ceil(8) {
            write_varint(lengths.len() as u64, out);
            write_varint(stream.len() as u64, out);
            out.extend_from_slice(&stream);
            return 2;
        }
    }
    let bits = nulls.inner().sliced();
    let bytes = rows.div_ceil(8);
    let at = out.len();
    out.extend_from_slice(&bits.as_slice()[..bytes]);
    if !rows.is_multiple_of(8) {
        out[at + bytes - 1] &= 0xff >> (8 - rows % 8);
    }
    1
}

#[cfg(test)]
mod tests {
    use arrow_buffer::NullBuffer;

    use super::{Nulls, write};
    use crate::varint::Reader;

    fn check(valid: &[bool]) {
        let nulls = NullBuffer::from(valid);
        let mut out = Vec::new();
        let kind = write(&nulls, &mut out);
        let mut reader = Reader::new(&out);
        let map = Nulls::read(kind, &mut reader, valid.len()).unwrap();
        let back = map.buffer(valid.len()).unwrap().unwrap();
        assert_eq!(back.iter().collect::<Vec<_>>(), valid, "kind {kind}");
        assert!(reader.rest().is_empty());
    }

    #[test]
    fn null_maps_come_back() {
        for rows in [2, 7, 8, 9, 64, 1000, 8192] {
            check(&(0..rows).map(|row| row % 2 == 0).collect::<Vec<_>>());
            check(&(0..rows).map(|row| row % 2 == 1).collect::<Vec<_>>());
            check(&(0..rows).map(|row| row < rows / 2).collect::<Vec<_>>());
            check(&(0..rows).map(|row| row >= rows / 2).collect::<Vec<_>>());
            check(&(0..rows).map(|row| row != rows - 1).collect::<Vec<_>>());
            check(&(0..rows).map(|row| row / 3 % 70 != 1 && row > 0).collect::<Vec<_>>());
        }
    }
}
