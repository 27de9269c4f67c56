//! Nodes of floats: as words by their bits, or as drawn here.
//!
//! ```text
//! Alp        digits u8; count varint and stream (u32) of the rows that are no such decimal;
//!            their bits; node of u64: integer = value * 10^digits, for those rows any
//! Shuffled   block (block.rs) of the first bytes of all values, then their second bytes, ...
//! Gorilla    drawn in gorilla.rs
//! ```
//!
//! A decimal is decoded by dividing: the quotient is rounded correctly, so any number that was
//! once written with up to 15 digits comes back with the same bits. (The method of that name
//! multiplies by powers and inverse powers of ten, which needs a search for two exponents and
//! misses some decimals; a division costs 0.2 ns more.) Rows that do not come back bit by bit,
//! such as -0 and NaN, are kept apart.

use base::Result;

use crate::block::{Block, Compression, compress_block};
use crate::choice::{CodecChoice, Transform};
use crate::gorilla;
use crate::node::{Kind, Node, write_node};
use crate::packed::{read_stream, reserve, write_stream};
use crate::varint::{corrupt, write_varint};
use crate::word::Word;
use crate::words;

/// Words that are the bits of a float.
pub(crate) trait FloatWord: Word {
    /// Its value; exact.
    fn to_float(self) -> f64;
    /// The bits of the nearest float.
    fn from_float(value: f64) -> Self;
}

impl FloatWord for u32 {
    fn to_float(self) -> f64 {
        f64::from(f32::from_bits(self))
    }

    fn from_float(value: f64) -> u32 {
        (value as f32).to_bits()
    }
}

impl FloatWord for u64 {
    fn to_float(self) -> f64 {
        f64::from_bits(self)
    }

    fn from_float(value: f64) -> u64 {
        value.to_bits()
    }
}

/// Powers of ten that a division by is exact for all integers below 2^51.
const POWERS: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
/// Adding and taking it away rounds numbers below 2^51 to integers.
const ROUNDER: f64 = 6_755_399_441_055_744.0;
const SAMPLE: usize = 64;

/// The integer that stands for a value, whether or not it is exact.
fn to_integer(value: f64, power: f64) -> i64 {
    ((value * power + ROUNDER) - ROUNDER) as i64
}

fn comes_back<W: FloatWord>(word: W, integer: i64, power: f64) -> bool {
    W::from_float(integer as f64 / power) == word
}

/// The least number of digits with which nearly all sampled values are decimals.
fn digits_of<W: FloatWord>(values: &[W]) -> Option<usize> {
    let step = (values.len() / SAMPLE).max(1);
    let count = values.iter().step_by(step).count();
    let (misses, digits) = (0..POWERS.len())
        .map(|digits| {
            let power = POWERS[digits];
            let missed = |word: &&W| !comes_back(**word, to_integer(word.to_float(), power), power);
            (values.iter().step_by(step).filter(missed).count(), digits)
        })
        .min()?;
    (misses * 8 <= count).then_some(digits)
}

/// Appends the body of a node of floats and returns its kind.
pub(crate) fn encode<W: FloatWord>(
    values: &[W],
    choice: &CodecChoice,
    out: &mut Vec<u8>,
) -> Result<Kind> {
    let start = out.len();
    if !choice.is_plain() && values.len() > 1 && values.iter().any(|value| *value != values[0]) {
        if choice.transform() == Some(Transform::Gorilla) {
            gorilla::write(values, out);
            return Ok(Kind::Gorilla);
        }
        if choice.transform().is_none() && write_decimals(values, out)? {
            return Ok(Kind::Alp);
        }
    }
    let raw = values.len() * W::BYTES;
    let kind = words::encode(values, W::default(), choice, out)?;
    let asked = choice.is_plain() || choice.transform().is_some();
    if asked || choice.for_bytes() == Compression::None || (out.len() - start) * 2 < raw {
        return Ok(kind);
    }
    let mut shuffled = Vec::with_capacity(raw);
    for byte in 0..W::BYTES {
        shuffled.extend(values.iter().map(|value| (value.to_u64() >> (byte * 8)) as u8));
    }
    let mut block = Vec::new();
    compress_block(&shuffled, choice.for_bytes(), &mut block)?;
    if block.len() + raw / 10 < out.len() - start {
        out.truncate(start);
        out.extend_from_slice(&block);
        return Ok(Kind::Shuffled);
    }
    Ok(kind)
}

/// Appends the values as decimals where nearly all are; else nothing, and says false.
fn write_decimals<W: FloatWord>(values: &[W], out: &mut Vec<u8>) -> Result<bool> {
    let Some(digits) = digits_of(values) else { return Ok(false) };
    let power = POWERS[digits];
    let mut integers = Vec::with_capacity(values.len());
    let mut places: Vec<u32> = Vec::new();
    let mut before = 0;
    for (row, word) in values.iter().enumerate() {
        let integer = to_integer(word.to_float(), power);
        if comes_back(*word, integer, power) {
            before = integer;
        } else {
            places.push(row as u32);
        }
        integers.push(before as u64);
    }
    if places.len() > values.len() / 8 {
        return Ok(false);
    }
    // Places before the first decimal would widen the range.
    if let Some(first) = (0..values.len()).find(|row| places.get(*row) != Some(&(*row as u32))) {
        let integer = integers[first];
        integers[..first].fill(integer);
    }
    let start = out.len();
    out.push(digits as u8);
    write_varint(places.len() as u64, out);
    write_stream(&places, out);
    places.iter().for_each(|place| values[*place as usize].append(out));
    write_node(integers.len(), None, out, |out| {
        words::encode(&integers, u64::SIGN, &CodecChoice::default(), out)
    })?;
    if out.len() - start >= values.len() * W::BYTES * 15 / 16 {
        out.truncate(start);
        return Ok(false);
    }
    Ok(true)
}

/// A body of decimals.
struct Decimals<'a, W> {
    power: f64,
    places: Vec<u32>,
    others: Vec<W>,
    integers: Node<'a>,
}

impl<'a, W: FloatWord> Decimals<'a, W> {
    fn open(node: &Node<'a>) -> Result<Decimals<'a, W>> {
        let mut reader = node.reader();
        let power = POWERS.get(usize::from(reader.u8()?)).copied();
        let power = power.ok_or_else(|| corrupt("a decimal has too many digits"))?;
        let count = reader.length(node.rows)?;
        let places: Vec<u32> = read_stream(&mut reader, count)?;
        let ascending = places.windows(2).all(|pair| pair[0] < pair[1]);
        if !ascending || places.last().is_some_and(|last| *last as usize >= node.rows) {
            return Err(corrupt("a place is out of bounds"));
        }
        let others = reader.take(count * W::BYTES)?;
        let others = others.chunks_exact(W::BYTES).map(W::from_bytes).collect();
        let integers = Node::read_exact(reader.rest(), node.rows)?;
        Ok(Decimals { power, places, others, integers })
    }

    fn divide(&self, integers: &[u64]) -> Result<Vec<W>> {
        let mut out = Vec::new();
        reserve(&mut out, integers.len())?;
        out.extend(integers.iter().map(|v| W::from_float(*v as i64 as f64 / self.power)));
        Ok(out)
    }

    fn all(&self) -> Result<Vec<W>> {
        let mut out = self.divide(&words::decode::<u64>(&self.integers)?)?;
        for (place, value) in self.places.iter().zip(&self.others) {
            out[*place as usize] = *value;
        }
        Ok(out)
    }

    fn selected(&self, selection: &[u16]) -> Result<Vec<W>> {
        let mut out = self.divide(&words::decode_selected::<u64>(&self.integers, selection)?)?;
        if self.places.is_empty() {
            return Ok(out);
        }
        for (slot, row) in out.iter_mut().zip(selection) {
            if let Ok(at) = self.places.binary_search(&u32::from(*row)) {
                *slot = self.others[at];
            }
        }
        Ok(out)
    }
}

/// The bits of all floats of a node.
pub(crate) fn decode<W: FloatWord>(node: &Node<'_>) -> Result<Vec<W>> {
    match node.kind {
        Kind::Alp => Decimals::open(node)?.all(),
        Kind::Gorilla => gorilla::read(node.body, node.rows),
        Kind::Shuffled => {
            let raw = Block::read(node.body, node.rows * W::BYTES)?.unfold()?;
            if raw.len() != node.rows * W::BYTES {
                return Err(corrupt("shuffled values are not as long as the rows say"));
            }
            let mut out = vec![W::default(); node.rows];
            for (byte, plane) in raw.chunks_exact(node.rows.max(1)).enumerate() {
                for (slot, part) in out.iter_mut().zip(plane) {
                    *slot = slot.plus(W::from_u64(u64::from(*part) << (byte * 8)));
                }
            }
            Ok(out)
        }
        _ => words::decode(node),
    }
}

/// The bits of some floats of a node.
pub(crate) fn decode_selected<W: FloatWord>(node: &Node<'_>, selection: &[u16]) -> Result<Vec<W>> {
    match node.kind {
        Kind::Alp => Decimals::open(node)?.selected(selection),
        Kind::Gorilla | Kind::Shuffled => {
            let all = decode::<W>(node)?;
            Ok(selection.iter().map(|row| all[usize::from(*row)]).collect())
        }
        _ => words::decode_selected(node, selection),
    }
}
