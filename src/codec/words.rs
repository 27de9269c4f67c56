//! Nodes of words: integers, floats by their bits, dictionary codes.
//!
//! Bodies (streams as in packed.rs, nodes as in node.rs):
//!
//! ```text
//! Constant        the value's bytes without zeros at the top
//! Packed          width u8, base varint, packed values
//! Runs            count varint, stream of values, stream of lengths - 1
//! Plain           the values
//! Block           compressed block (block.rs) of the values
//! Delta, Dictionary, DictionaryRuns, Sparse: drawn in words/*.rs
//! ```

mod delta;
mod dictionary;
mod distinct;
mod encode;
mod range;
mod runs;
mod sparse;

use std::mem::MaybeUninit;

use base::Result;

pub(crate) use encode::encode;
pub(crate) use range::{Range, refine_range, select_range};
pub(crate) use runs::RunList;

use crate::VECTOR;
use crate::block::Block;
use crate::node::{Kind, Node};
use crate::packed::{Packed, reserve};
use crate::varint::corrupt;
use crate::word::Word;

/// Bodies whose vectors can be decoded one by one.
pub(crate) enum Vectors<'a, W> {
    Packed(Packed<'a, W>),
    Delta(delta::Delta<'a, W>),
    Dictionary(dictionary::Dictionary<'a, W>),
    Plain(&'a [u8]),
}

impl<'a, W: Word> Vectors<'a, W> {
    /// Opens the body; None for kinds that are decoded as a whole.
    pub(crate) fn open(node: &Node<'a>) -> Result<Option<Vectors<'a, W>>> {
        let mut reader = node.reader();
        Ok(Some(match node.kind {
            Kind::Packed => Vectors::Packed(open_packed(node)?),
            Kind::Delta => Vectors::Delta(delta::Delta::open(&mut reader, node.rows, 1)?),
            Kind::DoubleDelta => Vectors::Delta(delta::Delta::open(&mut reader, node.rows, 2)?),
            Kind::Dictionary => {
                Vectors::Dictionary(dictionary::Dictionary::open(&mut reader, node.rows)?)
            }
            Kind::Plain => Vectors::Plain(plain_bytes::<W>(node.body, node.rows)?),
            _ => return Ok(None),
        }))
    }

    /// The values of one vector; the last may be short.
    fn read<'b>(&self, vector: usize, buffer: &'b mut [W; VECTOR]) -> &'b [W] {
        match self {
            Vectors::Packed(packed) => packed.read_vector(vector, buffer),
            Vectors::Delta(delta) => delta.read_vector(vector, buffer),
            Vectors::Dictionary(dictionary) => dictionary.read_vector(vector, buffer),
            Vectors::Plain(bytes) => {
                let start = (vector * VECTOR * W::BYTES).min(bytes.len());
                let end = (start + VECTOR * W::BYTES).min(bytes.len());
                let count = (end - start) / W::BYTES;
                for (slot, chunk) in buffer.iter_mut().zip(bytes[start..end].chunks_exact(W::BYTES))
                {
                    *slot = W::from_bytes(chunk);
                }
                &buffer[..count]
            }
        }
    }
}

/// The packed values of a node of that kind.
pub(crate) fn open_packed<'a, W: Word>(node: &Node<'a>) -> Result<Packed<'a, W>> {
    let mut reader = node.reader();
    let width = usize::from(reader.u8()?);
    let base = W::from_u64(reader.varint()?);
    Packed::take(&mut reader, node.rows, base, width)
}

fn plain_bytes<W: Word>(bytes: &[u8], rows: usize) -> Result<&[u8]> {
    if bytes.len() != rows * W::BYTES {
        return Err(corrupt("plain values are not as long as the rows say"));
    }
    Ok(bytes)
}

/// All values; those under NULLs are of no meaning.
pub(crate) fn decode<W: Word>(node: &Node<'_>) -> Result<Vec<W>> {
    let rows = node.rows;
    let mut out = Vec::new();
    match node.kind {
        Kind::AllNull => return filled(W::default(), rows),
        Kind::Constant => return filled(W::from_bytes(node.body), rows),
        Kind::Packed => open_packed(node)?.read(&mut out)?,
        Kind::Runs => runs::RunList::read(&mut node.reader(), rows)?.expand(rows, &mut out)?,
        Kind::Delta => delta::Delta::open(&mut node.reader(), rows, 1)?.read(&mut out)?,
        Kind::DoubleDelta => delta::Delta::open(&mut node.reader(), rows, 2)?.read(&mut out)?,
        Kind::Dictionary => {
            dictionary::Dictionary::open(&mut node.reader(), rows)?.read(&mut out)?;
        }
        Kind::DictionaryRuns => {
            dictionary::read_runs(&mut node.reader(), rows)?.expand(rows, &mut out)?;
        }
        Kind::Sparse => sparse::Sparse::open(node)?.read(rows, &mut out)?,
        Kind::Plain => copy_plain(plain_bytes::<W>(node.body, rows)?, &mut out)?,
        Kind::Block => {
            let raw = Block::read(node.body, rows * W::BYTES)?.unfold()?;
            copy_plain(plain_bytes::<W>(&raw, rows)?, &mut out)?;
        }
        _ => return Err(node.unexpected()),
    }
    Ok(out)
}

fn filled<W: Word>(value: W, rows: usize) -> Result<Vec<W>> {
    let mut out = Vec::new();
    reserve(&mut out, rows)?;
    out.resize(rows, value);
    Ok(out)
}

fn copy_plain<W: Word>(bytes: &[u8], out: &mut Vec<W>) -> Result<()> {
    reserve(out, bytes.len() / W::BYTES)?;
    W::extend(bytes, out);
    Ok(())
}

/// The values of some rows, ascending and each less than the node's rows.
pub(crate) fn decode_selected<W: Word>(node: &Node<'_>, selection: &[u16]) -> Result<Vec<W>> {
    match node.kind {
        Kind::AllNull => return filled(W::default(), selection.len()),
        Kind::Constant => return filled(W::from_bytes(node.body), selection.len()),
        _ => {}
    }
    if let Some(runs) = run_list::<W>(node)? {
        return Ok(runs.select(selection));
    }
    let Some(vectors) = Vectors::<W>::open(node)? else {
        let all = decode::<W>(node)?;
        return Ok(selection.iter().map(|row| all[usize::from(*row)]).collect());
    };
    let mut out = Vec::with_capacity(selection.len());
    let mut buffer = [W::default(); VECTOR];
    let mut rest = selection;
    while let Some(first) = rest.first() {
        let vector = usize::from(*first) / VECTOR;
        let here = rest.partition_point(|row| usize::from(*row) / VECTOR <= vector);
        vectors.read(vector, &mut buffer);
        if here == VECTOR {
            out.extend_from_slice(&buffer);
        } else {
            out.extend(rest[..here].iter().map(|row| buffer[usize::from(*row) % VECTOR]));
        }
        rest = &rest[here..];
    }
    Ok(out)
}

/// Values and ends of runs, where the node is of such a kind.
pub(crate) fn run_list<W: Word>(node: &Node<'_>) -> Result<Option<RunList<W>>> {
    match node.kind {
        Kind::Constant => {
            let value = W::from_bytes(node.body);
            Ok(Some(RunList { values: vec![value], ends: vec![node.rows as u32] }))
        }
        Kind::Runs => RunList::read(&mut node.reader(), node.rows).map(Some),
        Kind::DictionaryRuns => dictionary::read_runs(&mut node.reader(), node.rows).map(Some),
        _ => Ok(None),
    }
}

/// Reads all vectors of a source into the end of `out`.
fn read_vectors<W: Word>(
    rows: usize,
    out: &mut Vec<W>,
    mut read: impl FnMut(usize, &mut [MaybeUninit<W>]) -> Result<()>,
) -> Result<()> {
    reserve(out, rows)?;
    let spare = &mut out.spare_capacity_mut()[..rows];
    for (vector, slots) in spare.chunks_mut(VECTOR).enumerate() {
        read(vector, slots)?;
    }
    // SAFETY: `read` writes every slot it is given, or returns an error.
    unsafe { out.set_len(out.len() + rows) };
    Ok(())
}
