//! Nodes of strings and of fixed-size binary values.
//!
//! ```text
//! Constant     the value
//! Dictionary   count varint; lengths of the distinct values; prefixed block (block.rs) of them,
//!              one after the other; node of u32: the codes
//! Block        lengths of the values; block of them, one after the other
//! Symbols      drawn in symbols.rs
//!
//! lengths      prefixed node of u32; nothing where the size is fixed
//! ```
//!
//! A NULL is written as an empty value; where the size is fixed, as what lies under it.

use std::sync::Arc;

use arrow_array::builder::make_view;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BinaryViewArray, FixedSizeBinaryArray};
use arrow_buffer::{Buffer, NullBuffer, ScalarBuffer};
use base::{Error, Result, bail};
use bytes::Bytes;
use types::Physical;

use crate::block::{Block, compress_block};
use crate::choice::CodecChoice;
use crate::node::{Kind, Node, write_node};
use crate::packed::reserve;
use crate::varint::{Reader, corrupt, write_prefixed, write_varint};
use crate::{symbols, words};

/// Bytes that the values of one page may have together: views hold offsets of 31 bits.
const MAX_BYTES: usize = i32::MAX as usize;
/// Bytes below which a symbol table does not pay for itself.
const LEAST_FOR_SYMBOLS: usize = 1 << 13;

/// Appends a node of a BinaryView or FixedSizeBinary array.
pub(crate) fn encode(array: &dyn Array, choice: &CodecChoice, out: &mut Vec<u8>) -> Result<()> {
    let (values, fixed) = slices(array)?;
    let total: usize = values.iter().map(|value| value.len()).sum();
    if total > MAX_BYTES {
        bail!(TooLargeStringSize, "The values of a granule are {total} bytes long in all");
    }
    let nulls = array.nulls();
    write_node(values.len(), nulls, out, |out| {
        if let Some(value) = the_one_value(&values, nulls) {
            out.extend_from_slice(value);
            return Ok(Kind::Constant);
        }
        if !choice.is_plain()
            && let Some((distinct, codes)) = distinct(&values)
        {
            write_varint(distinct.len() as u64, out);
            write_lengths(&distinct, fixed, out)?;
            write_prefixed(out, |out| write_block(&distinct, choice, out))?;
            write_node(codes.len(), None, out, |out| {
                words::encode(&codes, 0, &CodecChoice::default(), out)
            })?;
            return Ok(Kind::Dictionary);
        }
        if choice.is_free()
            && !fixed
            && let Some(encoded) = as_symbols(&values, total)?
        {
            encoded.write(out)?;
            return Ok(Kind::Symbols);
        }
        write_lengths(&values, fixed, out)?;
        write_block(&values, choice, out)?;
        Ok(Kind::Block)
    })
}

/// The values by a symbol table, where a sample says that they are not much longer than as a
/// compressed block: each can be decoded alone, and all of them twice as fast.
fn as_symbols(values: &[&[u8]], total: usize) -> Result<Option<symbols::Encoded>> {
    if total < LEAST_FOR_SYMBOLS {
        return Ok(None);
    }
    let sample = symbols::sample(values, total);
    let mut block = Vec::new();
    compress_block(&sample.concat(), CodecChoice::default().for_bytes(), &mut block)?;
    let sampled: usize = sample.iter().map(|value| value.len()).sum();
    if sampled > block.len() * 3 {
        return Ok(None);
    }
    let encoded = symbols::encode(&sample);
    if encoded.size() * 4 > block.len() * 5 || encoded.size() * 10 > sampled * 9 {
        return Ok(None);
    }
    Ok(Some(encoded.again(values)))
}

/// The values as slices (NULLs empty or zero), and whether all have one size by their type.
fn slices(array: &dyn Array) -> Result<(Vec<&[u8]>, bool)> {
    if let Some(views) = array.as_binary_view_opt() {
        let value = |row| if views.is_null(row) { &[][..] } else { views.value(row) };
        return Ok(((0..views.len()).map(value).collect(), false));
    }
    if let Some(fixed) = array.as_fixed_size_binary_opt() {
        return Ok(((0..fixed.len()).map(|row| fixed.value(row)).collect(), true));
    }
    Err(Error::logical(format!("no bytes in an array of {}", array.data_type())))
}

fn the_one_value<'a>(values: &[&'a [u8]], nulls: Option<&NullBuffer>) -> Option<&'a [u8]> {
    let valid = |row: usize| nulls.is_none_or(|nulls| nulls.is_valid(row));
    let first = (0..values.len()).find(|row| valid(*row))?;
    let value = values[first];
    (first..values.len()).all(|row| values[row] == value || !valid(row)).then_some(value)
}

/// Distinct values in the order they come and the codes of all; None when more than half of
/// the values differ, or when they take so little room that a dictionary is no gain.
fn distinct<'a>(values: &[&'a [u8]]) -> Option<(Vec<&'a [u8]>, Vec<u32>)> {
    let most = values.len() / 2;
    let mut slots = vec![0_u32; (most.max(4) * 4).next_power_of_two()];
    let mask = slots.len() - 1;
    let mut found: Vec<&[u8]> = Vec::new();
    let mut codes = Vec::with_capacity(values.len());
    let mut before = 0;
    for (row, value) in values.iter().enumerate() {
        if row > 0 && found[before as usize] == *value {
            codes.push(before);
            continue;
        }
        let mut slot = hash(value) as usize & mask;
        let mut probes = 0;
        let code = loop {
            match slots[slot] {
                0 => {
                    found.push(value);
                    slots[slot] = found.len() as u32;
                    break found.len() as u32 - 1;
                }
                taken if found[taken as usize - 1] == *value => break taken - 1,
                _ => slot = (slot + 1) & mask,
            }
            probes += 1;
            // Values made to collide must not cost more than a dictionary can save.
            if probes > 256 {
                return None;
            }
        };
        // Mostly different at the start: give up early.
        let hopeless = row >= 1024 && found.len() > row * 7 / 8;
        if found.len() > most || hopeless {
            return None;
        }
        codes.push(code);
        before = code;
    }
    Some((found, codes))
}

/// A quick hash of bytes, not meant to withstand attack.
fn hash(value: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |state: u64, word: u64| {
        let product = u128::from(state ^ word) * u128::from(FACTOR);
        product as u64 ^ (product >> 64) as u64
    };
    let (words, tail) = value.as_chunks::<8>();
    let mut state = FACTOR ^ value.len() as u64;
    for word in words {
        state = mix(state, u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    last[..tail.len()].copy_from_slice(tail);
    mix(state, u64::from_le_bytes(last))
}

fn write_lengths(values: &[&[u8]], fixed: bool, out: &mut Vec<u8>) -> Result<()> {
    if fixed {
        return Ok(());
    }
    let lengths: Vec<u32> = values.iter().map(|value| value.len() as u32).collect();
    write_prefixed(out, |out| {
        write_node(lengths.len(), None, out, |out| {
            words::encode(&lengths, 0, &CodecChoice::default(), out)
        })
    })
}

fn write_block(values: &[&[u8]], choice: &CodecChoice, out: &mut Vec<u8>) -> Result<()> {
    compress_block(&values.concat(), choice.for_bytes(), out)
}

/// Lengths of `count` values, which add up to at most `MAX_BYTES`.
fn read_lengths(reader: &mut Reader<'_>, count: usize, physical: Physical) -> Result<Lengths> {
    if let Physical::Fixed(size) = physical {
        let total = count.checked_mul(size).filter(|total| *total <= MAX_BYTES);
        return Ok(Lengths::Fixed(size, total.ok_or_else(|| corrupt("values are too long"))?));
    }
    let node = Node::read_exact(reader.prefixed()?, count)?;
    let lengths: Vec<u32> = words::decode(&node)?;
    let total: u64 = lengths.iter().map(|length| u64::from(*length)).sum();
    if total > MAX_BYTES as u64 {
        return Err(corrupt("values are too long"));
    }
    Ok(Lengths::Each(lengths, total as usize))
}

enum Lengths {
    Fixed(usize, usize),
    Each(Vec<u32>, usize),
}

impl Lengths {
    fn total(&self) -> usize {
        match self {
            Lengths::Fixed(_, total) | Lengths::Each(_, total) => *total,
        }
    }
}

/// The bytes of a block of exactly `total` bytes, shared with the page where they are stored.
fn block_buffer(bytes: &[u8], total: usize, page: &Bytes) -> Result<Buffer> {
    let block = Block::read(bytes, total)?;
    if block.length != total {
        return Err(corrupt("values and their lengths do not agree"));
    }
    Ok(match block.stored() {
        Some(stored) => Buffer::from(page.slice_ref(stored)),
        None => Buffer::from_vec(block.unfold()?),
    })
}

/// Decodes a node: all rows, or some.
pub(crate) fn decode(
    node: &Node<'_>,
    physical: Physical,
    page: &Bytes,
    selection: Option<&[u16]>,
) -> Result<ArrayRef> {
    let nulls = match selection {
        None => node.nulls.buffer(node.rows)?,
        Some(selection) => node.nulls.selected(node.rows, selection)?,
    };
    let rows = selection.map_or(node.rows, <[u16]>::len);
    let values = match node.kind {
        Kind::Constant => {
            let value = Buffer::from(page.slice_ref(node.body));
            let lengths = match physical {
                Physical::Fixed(size) if size != value.len() => {
                    return Err(corrupt("a value has another size than its type"));
                }
                Physical::Fixed(size) => Lengths::Fixed(size, size),
                _ => Lengths::Each(vec![value.len() as u32], value.len()),
            };
            Values { lengths, bytes: value }.gather(std::iter::repeat_n(0, rows), rows)?
        }
        Kind::Dictionary => {
            let (values, codes) = open_dictionary(node, physical, page)?;
            let codes: Vec<u32> = match selection {
                None => words::decode(&codes)?,
                Some(selection) => words::decode_selected(&codes, selection)?,
            };
            values.gather(codes.into_iter(), rows)?
        }
        Kind::Block => {
            let mut reader = node.reader();
            let lengths = read_lengths(&mut reader, node.rows, physical)?;
            let bytes = block_buffer(reader.rest(), lengths.total(), page)?;
            let values = Values { lengths, bytes };
            match selection {
                None => values.all(),
                Some(selection) => values.rows(selection)?,
            }
        }
        Kind::Symbols if physical == Physical::Bytes => {
            let (bytes, ends) = symbols::Symbols::open(node, MAX_BYTES)?.read(selection)?;
            let mut start = 0;
            let view = |end: &u32| {
                let view = make_view(&bytes[start as usize..*end as usize], 0, start);
                start = *end;
                view
            };
            Parts::Views(ends.iter().map(view).collect(), Buffer::from_vec(bytes))
        }
        _ => return Err(node.unexpected()),
    };
    values.finish(nulls)
}

fn open_dictionary<'a>(
    node: &Node<'a>,
    physical: Physical,
    page: &Bytes,
) -> Result<(Values, Node<'a>)> {
    let mut reader = node.reader();
    let count = reader.length(node.rows)?;
    let lengths = read_lengths(&mut reader, count, physical)?;
    let bytes = block_buffer(reader.prefixed()?, lengths.total(), page)?;
    Ok((Values { lengths, bytes }, Node::read_exact(reader.rest(), node.rows)?))
}

/// Values and ends of runs, where the codes of a dictionary are such.
pub(crate) fn runs(
    node: &Node<'_>,
    physical: Physical,
    page: &Bytes,
) -> Result<Option<(ArrayRef, Vec<u32>)>> {
    if node.kind != Kind::Dictionary {
        return Ok(None);
    }
    let (values, codes) = open_dictionary(node, physical, page)?;
    let Some(runs) = words::run_list::<u32>(&codes)? else { return Ok(None) };
    let count = runs.values.len();
    let values = values.gather(runs.values.into_iter(), count)?.finish(None)?;
    Ok(Some((values, runs.ends)))
}

/// Values that lie one after the other.
struct Values {
    lengths: Lengths,
    bytes: Buffer,
}

/// The parts of an array of values.
enum Parts {
    Fixed(usize, Buffer),
    Views(Vec<u128>, Buffer),
}

impl Values {
    /// The views of all values; `lengths` add up to the bytes.
    fn views(lengths: &[u32], bytes: &[u8]) -> Vec<u128> {
        let mut start = 0;
        let view = |length: &u32| {
            let end = start + *length as usize;
            let view = make_view(&bytes[start..end], 0, start as u32);
            start = end;
            view
        };
        lengths.iter().map(view).collect()
    }

    fn all(self) -> Parts {
        match self.lengths {
            Lengths::Fixed(size, _) => Parts::Fixed(size, self.bytes),
            Lengths::Each(lengths, _) => {
                Parts::Views(Values::views(&lengths, &self.bytes), self.bytes)
            }
        }
    }

    fn rows(self, selection: &[u16]) -> Result<Parts> {
        let Lengths::Each(lengths, _) = &self.lengths else {
            return self.gather(selection.iter().map(|row| u32::from(*row)), selection.len());
        };
        let mut views = Vec::with_capacity(selection.len());
        let (mut start, mut at) = (0, 0);
        for row in selection {
            let row = usize::from(*row);
            start += lengths[at..row].iter().map(|length| *length as usize).sum::<usize>();
            let value = &self.bytes[start..start + lengths[row] as usize];
            views.push(make_view(value, 0, start as u32));
            at = row;
        }
        Ok(Parts::Views(views, self.bytes))
    }

    fn gather(self, codes: impl Iterator<Item = u32>, rows: usize) -> Result<Parts> {
        let past = || corrupt("a code is past its dictionary");
        match self.lengths {
            Lengths::Fixed(size, _) => {
                let total = rows.checked_mul(size).filter(|total| *total <= MAX_BYTES);
                let mut bytes: Vec<u8> = Vec::new();
                reserve(&mut bytes, total.ok_or_else(|| corrupt("values are too long"))?)?;
                for code in codes {
                    let start = code as usize * size;
                    let value = self.bytes.get(start..start + size).ok_or_else(past)?;
                    bytes.extend_from_slice(value);
                }
                Ok(Parts::Fixed(size, Buffer::from_vec(bytes)))
            }
            Lengths::Each(lengths, _) => {
                let distinct = Values::views(&lengths, &self.bytes);
                let mut views = Vec::new();
                reserve(&mut views, rows)?;
                for code in codes {
                    views.push(*distinct.get(code as usize).ok_or_else(past)?);
                }
                Ok(Parts::Views(views, self.bytes))
            }
        }
    }
}

impl Parts {
    fn finish(self, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
        let failed = |e: arrow_schema::ArrowError| corrupt(&e.to_string());
        Ok(match self {
            Parts::Fixed(size, bytes) => {
                let size = i32::try_from(size).map_err(|_| corrupt("values are too long"))?;
                Arc::new(FixedSizeBinaryArray::try_new(size, bytes, nulls).map_err(failed)?)
            }
            Parts::Views(views, bytes) => {
                let views = ScalarBuffer::from(views);
                let buffers: Arc<[Buffer]> = Arc::new([bytes]);
                // SAFETY: all views were made from slices of this buffer at the offsets they
                // hold, and null maps have as many rows as views (measured: checking all again
                // takes half of the time of decoding a dictionary page).
                Arc::new(unsafe { BinaryViewArray::new_unchecked(views, buffers, nulls) })
            }
        })
    }
}
