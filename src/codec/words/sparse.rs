//! A most frequent value, and the others with their places.
//!
//! ```text
//! top      the most frequent value
//! count    varint: how many rows hold another
//! places   u8 0: a bit per row, 1 = another value; or u8 1: stream of their rows
//! others   node of their values; never itself of this kind
//! ```

use base::Result;

use crate::node::{Kind, Node};
use crate::packed::{read_stream, reserve, write_stream};
use crate::varint::{Reader, corrupt, write_varint};
use crate::word::Word;

/// A body whose places are read, and whose other values are not yet.
pub(crate) struct Sparse<'a, W> {
    pub(crate) top: W,
    pub(crate) places: Vec<u32>,
    pub(crate) others: Node<'a>,
}

/// Bytes of the places of `count` of `rows` rows, about.
pub(crate) fn places_size(rows: usize, count: usize) -> usize {
    let bits = (rows as u64).bit_length();
    (rows.div_ceil(8)).min((count * bits).div_ceil(8))
}

/// Appends everything but the node of the others, and returns their values.
pub(crate) fn write<W: Word>(values: &[W], top: W, out: &mut Vec<u8>) -> Vec<W> {
    let mut places = Vec::new();
    let mut others = Vec::new();
    for (row, value) in values.iter().enumerate() {
        if *value != top {
            places.push(row as u32);
            others.push(*value);
        }
    }
    top.append(out);
    write_varint(places.len() as u64, out);
    let start = out.len();
    out.push(1);
    write_stream(&places, out);
    if out.len() - start > values.len().div_ceil(8) + 1 {
        out.truncate(start);
        out.push(0);
        out.resize(start + 1 + values.len().div_ceil(8), 0);
        for place in &places {
            out[start + 1 + *place as usize / 8] |= 1 << (place % 8);
        }
    }
    others
}

impl<'a, W: Word> Sparse<'a, W> {
    /// Opens a body.
    pub(crate) fn open(node: &Node<'a>) -> Result<Sparse<'a, W>> {
        let mut reader = node.reader();
        let top = W::from_bytes(reader.take(W::BYTES)?);
        let count = reader.length(node.rows)?;
        let places = match reader.u8()? {
            0 => places_of_bits(reader.take(node.rows.div_ceil(8))?, count)?,
            1 => read_places(&mut reader, count)?,
            _ => return Err(corrupt("places are of an unknown form")),
        };
        let ascending = places.windows(2).all(|pair| pair[0] < pair[1]);
        if !ascending || places.last().is_some_and(|last| *last as usize >= node.rows) {
            return Err(corrupt("a place is out of bounds"));
        }
        let others = Node::read_exact(reader.rest(), count)?;
        if others.kind == Kind::Sparse {
            return Err(corrupt("sparse values within sparse values"));
        }
        Ok(Sparse { top, places, others })
    }

    /// Appends all values.
    pub(crate) fn read(&self, rows: usize, out: &mut Vec<W>) -> Result<()> {
        let others = super::decode::<W>(&self.others)?;
        reserve(out, rows)?;
        let start = out.len();
        out.resize(start + rows, self.top);
        let slots = &mut out[start..];
        for (place, value) in self.places.iter().zip(others) {
            slots[*place as usize] = value;
        }
        Ok(())
    }
}

fn read_places(reader: &mut Reader<'_>, count: usize) -> Result<Vec<u32>> {
    read_stream(reader, count)
}

fn places_of_bits(bytes: &[u8], count: usize) -> Result<Vec<u32>> {
    let mut places = Vec::with_capacity(count);
    for (at, chunk) in bytes.chunks(8).enumerate() {
        let mut word = u64::from_bytes(chunk);
        while word != 0 {
            places.push((at * 64) as u32 + word.trailing_zeros());
            word &= word - 1;
        }
    }
    if places.len() != count {
        return Err(corrupt("a bit map of places has another count than it says"));
    }
    Ok(places)
}
