//! Choosing the encoding of words: collect figures, estimate sizes, write the smallest.

use base::Result;

use super::dictionary::{self, MAX_DISTINCT};
use super::distinct::{Distinct, distinct};
use super::runs::RunList;
use super::{delta, sparse};
use crate::block::{Compression, compress_block};
use crate::choice::{CodecChoice, Transform};
use crate::node::{Kind, write_node};
use crate::packed::{pack, packed_size, stream_size};
use crate::varint::{varint_size, write_varint};
use crate::word::{Figures, Word};

/// A size at which the search for something smaller ends.
const SMALL: usize = 48;

/// An encoding with the bytes it is thought to take.
#[derive(Clone, Copy)]
struct Candidate {
    kind: Kind,
    size: usize,
}

impl Candidate {
    /// Takes the other if it is smaller by more than `margin` in 64ths: what its slower
    /// decoding must save.
    fn consider(&mut self, kind: Kind, size: usize, margin: usize) {
        if size + size * margin / 64 < self.size {
            *self = Candidate { kind, size };
        }
    }
}

/// Appends the body of a node of words and returns its kind.
pub(crate) fn encode<W: Word>(
    values: &[W],
    flip: W,
    choice: &CodecChoice,
    out: &mut Vec<u8>,
) -> Result<Kind> {
    encode_with(values, flip, choice, true, out)
}

/// As [`encode`]; `nested` allows encodings that hold a node of words themselves.
pub(crate) fn encode_with<W: Word>(
    values: &[W],
    flip: W,
    choice: &CodecChoice,
    nested: bool,
    out: &mut Vec<u8>,
) -> Result<Kind> {
    if values.is_empty() {
        return Ok(Kind::Plain);
    }
    let figures = W::figures(values, flip);
    if figures.runs == 1 {
        write_constant(values[0], out);
        return Ok(Kind::Constant);
    }
    if choice.is_plain() {
        write_plain(values, out);
        return Ok(Kind::Plain);
    }
    let start = out.len();
    let kind = match choice.transform() {
        Some(Transform::Delta) => {
            delta::write(values, &figures, out);
            Kind::Delta
        }
        Some(Transform::DoubleDelta) => {
            delta::write_double(values, out);
            Kind::DoubleDelta
        }
        _ => by_values(values, &figures, flip, nested, out)?,
    };
    match choice.general() {
        Some(compression) => general(values, compression, kind, start, out),
        None => Ok(kind),
    }
}

/// Replaces the body from `start` by a compressed one where that is smaller.
fn general<W: Word>(
    values: &[W],
    compression: Compression,
    kind: Kind,
    start: usize,
    out: &mut Vec<u8>,
) -> Result<Kind> {
    let size = out.len() - start;
    if size <= SMALL {
        return Ok(kind);
    }
    let mut raw = Vec::with_capacity(values.len() * W::BYTES);
    write_plain(values, &mut raw);
    let mut block = Vec::new();
    compress_block(&raw, compression, &mut block)?;
    if block.len() + size / 10 >= size {
        return Ok(kind);
    }
    out.truncate(start);
    out.extend_from_slice(&block);
    Ok(Kind::Block)
}

fn write_constant<W: Word>(value: W, out: &mut Vec<u8>) {
    let start = out.len();
    value.append(out);
    while out.len() > start && out.last() == Some(&0) {
        out.pop();
    }
}

fn write_plain<W: Word>(values: &[W], out: &mut Vec<u8>) {
    out.reserve(values.len() * W::BYTES);
    values.iter().for_each(|value| value.append(out));
}

/// The encoding that the values themselves call for.
fn by_values<W: Word>(
    values: &[W],
    figures: &Figures<W>,
    flip: W,
    nested: bool,
    out: &mut Vec<u8>,
) -> Result<Kind> {
    let rows = values.len();
    let width = figures.max.minus(figures.min).bit_length();
    let base = figures.min.xor(flip);
    let mut best = Candidate { kind: Kind::Plain, size: rows * W::BYTES };
    best.consider(Kind::Packed, stream_size(rows, width, base.to_u64()), 0);
    let least = figures.least_step.xor(W::SIGN);
    let step_width = figures.greatest_step.minus(figures.least_step).bit_length();
    best.consider(Kind::Delta, delta::size(rows, step_width, least, 1), 2);

    let runs = (figures.runs <= rows / 2).then(|| RunList::collect(values, figures.runs));
    let mut lengths = Vec::new();
    let mut lengths_size = 0;
    if let Some(runs) = &runs {
        lengths = runs.lengths();
        let longest = lengths.iter().max().map_or(0, |length| length.bit_length());
        lengths_size = stream_size(lengths.len(), longest, 0);
        let size = varint_size(lengths.len() as u64)
            + stream_size(lengths.len(), width, base.to_u64())
            + lengths_size;
        best.consider(Kind::Runs, size, 0);
    }

    let mut found = None;
    if best.size > SMALL && width > 1 || nested && width == 1 && best.size > rows / 16 {
        found = match &runs {
            Some(runs) => distinct(&runs.values, figures.min, figures.max, flip, |run| {
                lengths[run] as usize + 1
            }),
            None => distinct(values, figures.min, figures.max, flip, |_| 1),
        };
    }
    if let Some(found) = &found {
        consider_distinct(&mut best, found, rows, width, base, lengths_size, nested);
    }
    write_best(values, figures, best.kind, runs, lengths, found, flip, out)
}

/// Weighs the encodings that rest on distinct values.
fn consider_distinct<W: Word>(
    best: &mut Candidate,
    found: &Distinct<W>,
    rows: usize,
    width: usize,
    base: W,
    lengths_size: usize,
    nested: bool,
) {
    let count = found.values.len();
    let code_width = (count as u64 - 1).bit_length();
    // Sorted values over a range leave gaps of about range / count; the widest is some times
    // that, which three bits more allow for.
    let value_width = width.min((width + 3).saturating_sub(code_width));
    let values_size = 2 + stream_size(count, value_width, base.to_u64());
    if count <= MAX_DISTINCT {
        best.consider(Kind::Dictionary, values_size + 1 + packed_size(rows, code_width), 1);
        if lengths_size > 0 {
            let codes = 2 + stream_size(found.codes.len(), code_width, 0);
            best.consider(Kind::DictionaryRuns, values_size + codes + lengths_size, 1);
        }
    }
    let others = rows - found.top.1;
    if nested && others < rows * 3 / 4 {
        let packed = packed_size(others, width);
        let coded = values_size + packed_size(others, code_width);
        let size = W::BYTES + 12 + sparse::places_size(rows, others) + packed.min(coded);
        best.consider(Kind::Sparse, size, 3);
    }
}

#[allow(clippy::too_many_arguments)]
fn write_best<W: Word>(
    values: &[W],
    figures: &Figures<W>,
    kind: Kind,
    runs: Option<RunList<W>>,
    lengths: Vec<u32>,
    mut found: Option<Distinct<W>>,
    flip: W,
    out: &mut Vec<u8>,
) -> Result<Kind> {
    if let (Kind::Dictionary | Kind::DictionaryRuns, Some(found)) = (kind, &mut found) {
        found.sort(flip);
    }
    match (kind, runs, found) {
        (Kind::Packed, ..) => {
            let base = figures.min.xor(flip);
            let width = figures.max.minus(figures.min).bit_length();
            out.push(width as u8);
            write_varint(base.to_u64(), out);
            pack(values, base, width, out);
        }
        (Kind::Delta, ..) => delta::write(values, figures, out),
        (Kind::Runs, Some(runs), _) => runs.write(out),
        (Kind::Dictionary, None, Some(found)) => {
            dictionary::write(&found.values, &found.codes, out)
        }
        (Kind::Dictionary, Some(_), Some(found)) => {
            let mut codes = Vec::with_capacity(values.len());
            for (code, length) in found.codes.iter().zip(&lengths) {
                codes.extend(std::iter::repeat_n(*code, *length as usize + 1));
            }
            dictionary::write(&found.values, &codes, out);
        }
        (Kind::DictionaryRuns, _, Some(found)) => {
            dictionary::write_runs(&found.values, &found.codes, &lengths, out);
        }
        (Kind::Sparse, _, Some(found)) => {
            let others = sparse::write(values, found.values[found.top.0], out);
            write_node(others.len(), None, out, |out| {
                encode_with(&others, flip, &CodecChoice::default(), false, out)
            })?;
        }
        _ => {
            write_plain(values, out);
            return Ok(Kind::Plain);
        }
    }
    Ok(kind)
}
