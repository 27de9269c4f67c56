//! Bytes by a static symbol table (FSST): one code for up to eight bytes, each value alone.
//!
//! ```text
//! length    varint: bytes of all values before encoding
//! table     count u8; lengths of the symbols (u8 each); the symbols, one after the other
//! lengths   prefixed node of u32: bytes of codes of each value
//! codes     one byte each, an index into the table; 255: the next byte stands for itself
//! ```

use base::Result;
use fsst::Compressor;

use crate::choice::CodecChoice;
use crate::node::{Node, write_node};
use crate::packed::reserve;
use crate::varint::{Reader, corrupt, write_prefixed, write_varint};
use crate::words;

/// Bytes that are looked at for the decision.
const SAMPLE: usize = 1 << 16;
const ESCAPE: u8 = 255;

/// A table and the codes that it turned values into.
pub(crate) struct Encoded {
    table: Compressor,
    lengths: Vec<u32>,
    codes: Vec<u8>,
    length: usize,
}

/// About as many values, evenly spread, as make up the sample.
pub(crate) fn sample<'a>(values: &[&'a [u8]], total: usize) -> Vec<&'a [u8]> {
    let step = (total / SAMPLE).max(1);
    values.iter().step_by(step).copied().collect()
}

/// Encodes values with a table made for them.
pub(crate) fn encode(values: &Vec<&[u8]>) -> Encoded {
    with_table(values, Compressor::train(values))
}

fn with_table(values: &[&[u8]], table: Compressor) -> Encoded {
    let mut codes = Vec::new();
    let mut ends = Vec::new();
    table.compress_bulk_into::<{ Compressor::DEFAULT_BULK_LANES }>(values, &mut codes, &mut ends);
    let mut start = 0;
    let length_of = |end: &u64| {
        let length = (*end - start) as u32;
        start = *end;
        length
    };
    let lengths = ends.iter().map(length_of).collect();
    Encoded { table, lengths, codes, length: values.iter().map(|value| value.len()).sum() }
}

impl Encoded {
    /// Bytes that the codes take.
    pub(crate) fn size(&self) -> usize {
        self.codes.len()
    }

    /// Other values with the same table.
    pub(crate) fn again(self, values: &[&[u8]]) -> Encoded {
        with_table(values, self.table)
    }

    /// Appends the body.
    pub(crate) fn write(&self, out: &mut Vec<u8>) -> Result<()> {
        write_varint(self.length as u64, out);
        let lengths = self.table.symbol_lengths();
        let symbols = self.table.symbol_table();
        out.push(symbols.len() as u8);
        out.extend_from_slice(lengths);
        for (symbol, length) in symbols.iter().zip(lengths) {
            out.extend_from_slice(&symbol.to_u64().to_le_bytes()[..usize::from(*length)]);
        }
        write_prefixed(out, |out| {
            write_node(self.lengths.len(), None, out, |out| {
                words::encode(&self.lengths, 0, &CodecChoice::default(), out)
            })
        })?;
        out.extend_from_slice(&self.codes);
        Ok(())
    }
}

/// A body whose head is read.
pub(crate) struct Symbols<'a> {
    length: usize,
    symbols: [u64; 256],
    sizes: [u8; 256],
    lengths: Vec<u32>,
    codes: &'a [u8],
}

impl<'a> Symbols<'a> {
    /// Opens a body whose values are at most `limit` bytes long in all.
    pub(crate) fn open(node: &Node<'a>, limit: usize) -> Result<Symbols<'a>> {
        let mut reader: Reader<'a> = node.reader();
        let length = reader.length(limit)?;
        let count = usize::from(reader.u8()?);
        let mut sizes = [0; 256];
        sizes[..count].copy_from_slice(reader.take(count)?);
        let mut symbols = [0; 256];
        for (symbol, size) in symbols.iter_mut().zip(&sizes[..count]) {
            let mut bytes = [0; 8];
            let slots = bytes.get_mut(..usize::from(*size));
            let slots = slots.ok_or_else(|| corrupt("a symbol is too long"))?;
            slots.copy_from_slice(reader.take(usize::from(*size))?);
            *symbol = u64::from_le_bytes(bytes);
        }
        let lengths = words::decode(&Node::read_exact(reader.prefixed()?, node.rows)?)?;
        let total: u64 = lengths.iter().map(|length: &u32| u64::from(*length)).sum();
        let codes = reader.rest();
        // A code stands for at most eight bytes.
        if total != codes.len() as u64 || length > codes.len() * 8 {
            return Err(corrupt("codes and their lengths do not agree"));
        }
        Ok(Symbols { length, symbols, sizes, lengths, codes })
    }

    /// The bytes of some rows (or all), one after the other, and where each ends.
    pub(crate) fn read(&self, selection: Option<&[u16]>) -> Result<(Vec<u8>, Vec<u32>)> {
        let mut bytes = Vec::new();
        // A symbol is always written as eight bytes.
        reserve(&mut bytes, self.length + 8)?;
        bytes.resize(self.length + 8, 0);
        let mut ends = Vec::with_capacity(selection.map_or(self.lengths.len(), <[u16]>::len));
        let mut filled = 0;
        match selection {
            None => {
                let mut rest = self.codes;
                for length in &self.lengths {
                    let (codes, after) = rest.split_at(*length as usize);
                    filled = self.value(codes, &mut bytes, filled)?;
                    ends.push(filled as u32);
                    rest = after;
                }
            }
            Some(rows) => {
                let (mut start, mut at) = (0, 0);
                for row in rows {
                    let row = usize::from(*row);
                    start += self.lengths[at..row].iter().map(|l| *l as usize).sum::<usize>();
                    let codes = &self.codes[start..start + self.lengths[row] as usize];
                    filled = self.value(codes, &mut bytes, filled)?;
                    ends.push(filled as u32);
                    at = row;
                }
            }
        }
        bytes.truncate(filled);
        Ok((bytes, ends))
    }

    /// Writes one value at `at` and returns where it ends.
    fn value(&self, codes: &[u8], bytes: &mut [u8], mut at: usize) -> Result<usize> {
        let mut codes = codes.iter();
        while let Some(code) = codes.next() {
            let past = || corrupt("values are longer than their page says");
            if *code == ESCAPE {
                let byte = codes.next().ok_or_else(|| corrupt("an escape ends its value"))?;
                *bytes.get_mut(at).ok_or_else(past)? = *byte;
                at += 1;
            } else {
                let slots = bytes.get_mut(at..).and_then(|b| b.first_chunk_mut::<8>());
                *slots.ok_or_else(past)? = self.symbols[usize::from(*code)].to_le_bytes();
                at += usize::from(self.sizes[usize::from(*code)]);
            }
        }
        if at > self.length {
            return Err(corrupt("values are longer than their page says"));
        }
        Ok(at)
    }
}
