//! Functions that read texts of CLOB bit by bit, and those about lines of texts.
//!
//! 1. Lengths, emptiness and prefixes are in the cell; no text is read for them.
//! 2. Parts and lines read the pieces that they lie in; what counts characters or lines passes over pieces by what is
//!    known of them.
//! 3. Searches hold one piece and what of the one before can begin a match; patterns (`matching`) one piece.

use base::{Result, bail};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration, Registry};
use memchr::memmem;
use types::clob::{self, Clob, PIECE, PREFIX};
use types::{Column, DataType, Value};

use super::declare;
use super::strings::{BytesBuilder, Integers, Strings, illegal, numbers, require_integer};
use super::substring::window;
use arrow_array::Array;
use arrow_array::types::{UInt8Type, UInt64Type};

mod matching;

pub(super) use matching::{ilike, like, matches, matches_in_any_case};

pub(super) fn register(registry: &mut Registry) {
    registry.add_functions(FUNCTIONS);
}

static FUNCTIONS: &[FunctionDeclaration] = &[
    declare!("String", "line", "line(s, n)", "The n-th line of a text (from 1), without its end; empty where there are not so many.",
        "SELECT line('one\\ntwo\\nthree', 2)" => "two", (2, 2), |_, a| lines_of("line", a, true),
        of_clob: Some(|_, a| lines_of("line", a, true).map(Some))),
    declare!("String", "lines", "lines(s, from, to)", "The lines of a text from one number (from 1) to another, with the ends between them.",
        "SELECT lines('one\\ntwo\\nthree', 2, 3)" => "two\\nthree", (3, 3), |_, a| lines_of("lines", a, false),
        of_clob: Some(|_, a| lines_of("lines", a, false).map(Some))),
    declare!("String", "countLines", "countLines(s)", "How many lines a text has; the last one needs no line feed.",
        "SELECT countLines('one\\ntwo\\n'), countLines('')" => "2\t0", (1, 1), |_, a| count_lines(a),
        of_clob: Some(|_, a| count_lines(a).map(Some))),
];

/// What a function of CLOB is bound to; none where it is to be called with Strings.
pub(crate) type OfClob = Result<Option<Bound>>;

/// The texts of a column of CLOB or String.
fn each(
    column: &Column,
    is_clob: bool,
    rows: usize,
    mut take: impl FnMut(usize, Clob<'_>) -> Result<()>,
) -> Result<()> {
    if !is_clob {
        let strings = Strings::new(column)?;
        return (0..rows).try_for_each(|row| take(row, Clob::InRow(strings.get(row))));
    }
    let flat = column.to_flat()?;
    let cells = clob::bytes_of(flat.as_ref())?;
    for row in 0..rows.min(cells.len()) {
        take(row, Clob::parse(cells.value(row))?)?;
    }
    Ok(())
}

/// A number of each text.
fn number_of(is_clob: bool, f: impl Fn(Clob<'_>) -> Result<u64> + Send + Sync + 'static) -> Bound {
    Bound::new(DataType::UInt64, move |columns, rows| {
        let mut values = Vec::with_capacity(rows);
        each(&columns[0], is_clob, rows, |_, text| {
            values.push(f(text)?);
            Ok(())
        })?;
        Ok(numbers::<UInt64Type>(values))
    })
}

/// A flag of each text.
fn flag_of(f: impl Fn(Clob<'_>) -> Result<bool> + Send + Sync + 'static) -> Bound {
    Bound::new(DataType::UInt8, move |columns, rows| {
        let mut values = Vec::with_capacity(rows);
        each(&columns[0], true, rows, |_, text| {
            values.push(u8::from(f(text)?));
            Ok(())
        })?;
        Ok(numbers::<UInt8Type>(values))
    })
}

/// `length`
pub(super) fn length(_: &FunctionContext, _: &[Argument]) -> OfClob {
    Ok(Some(number_of(true, |text| Ok(text.bytes()))))
}

/// `lengthUTF8`
pub(super) fn characters(_: &FunctionContext, _: &[Argument]) -> OfClob {
    Ok(Some(number_of(true, |text| Ok(text.characters()))))
}

/// `empty`
pub(super) fn empty(_: &FunctionContext, _: &[Argument]) -> OfClob {
    Ok(Some(flag_of(|text| Ok(text.bytes() == 0))))
}

/// `notEmpty`
pub(super) fn not_empty(_: &FunctionContext, _: &[Argument]) -> OfClob {
    Ok(Some(flag_of(|text| Ok(text.bytes() != 0))))
}

/// `substring`
pub(super) fn substring(_: &FunctionContext, arguments: &[Argument]) -> OfClob {
    part("substring", arguments, |text, at, length, out| {
        let (from, to) = window(at, length, || text.bytes() as i64);
        text.read(from.max(0) as u64, to.saturating_sub(from.max(0)).max(0) as u64, out)
    })
}

/// `substringUTF8`
pub(super) fn substring_utf8(_: &FunctionContext, arguments: &[Argument]) -> OfClob {
    part("substringUTF8", arguments, |text, at, length, out| {
        let (from, to) = window(at, length, || text.characters() as i64);
        let (from, to) = (from.max(0) as u64, to.max(0) as u64);
        if text.characters() == text.bytes() {
            return text.read(from, to.saturating_sub(from), out);
        }
        let from = character_at(&text, from)?;
        let to = character_at(&text, to)?;
        text.read(from, to.saturating_sub(from), out)
    })
}

fn part(
    function: &str,
    arguments: &[Argument],
    take: impl Fn(Clob<'_>, i64, Option<i64>, &mut Vec<u8>) -> Result<()> + Send + Sync + 'static,
) -> OfClob {
    require_integer(function, arguments, 1)?;
    require_integer(function, arguments, 2)?;
    Ok(Some(Bound::new(DataType::String, move |columns, rows| {
        let at = Integers::new(&columns[1])?;
        let length = columns.get(2).map(Integers::new).transpose()?;
        let mut out = BytesBuilder::new(rows);
        let mut bytes = Vec::new();
        each(&columns[0], true, rows, |row, text| {
            bytes.clear();
            take(text, at.get(row), length.as_ref().map(|l| l.get(row)), &mut bytes)?;
            out.append(&bytes);
            Ok(())
        })?;
        out.column()
    })))
}

/// What passes over whole pieces: of each piece of a text its first byte, its length and a figure; `None` for texts that
/// have one piece or none.
fn pieces(
    text: &Clob<'_>,
    figure: impl Fn(clob::PieceInfo) -> u32,
) -> Result<Option<Vec<(u64, u64)>>> {
    let Clob::OutOfRow(stored) = text else { return Ok(None) };
    if stored.is_shared() {
        return Ok(None);
    }
    let source = clob::source(stored.source)?;
    let infos = (0..stored.pieces()).map(|piece| {
        let info = source.info(stored.first + piece)?;
        Ok((piece * PIECE as u64, u64::from(figure(info))))
    });
    infos.collect::<Result<_>>().map(Some)
}

/// The byte at which the n-th character begins, from 0; the end where there are not so many.
fn character_at(text: &Clob<'_>, n: u64) -> Result<u64> {
    if n >= text.characters() {
        return Ok(text.bytes());
    }
    let (mut at, mut left) = (0, n);
    if let Some(pieces) = pieces(text, |info| info.characters)? {
        for (start, count) in pieces {
            at = start;
            if left < count {
                break;
            }
            left -= count;
        }
    }
    let mut rest = text.pieces_from(at)?;
    while let Some(piece) = rest.next_piece()? {
        for byte in piece.iter() {
            if *byte as i8 >= -0x40 {
                if left == 0 {
                    return Ok(at);
                }
                left -= 1;
            }
            at += 1;
        }
    }
    Ok(at)
}

/// The byte at which the n-th line begins, from 0; none where there are not so many.
fn line_at(text: &Clob<'_>, n: u64) -> Result<Option<u64>> {
    if n == 0 {
        return Ok(Some(0));
    }
    let (mut at, mut left) = (0, n);
    if let Some(pieces) = pieces(text, |info| info.lines)? {
        if pieces.iter().map(|(_, lines)| lines).sum::<u64>() < n {
            return Ok(None);
        }
        for (start, count) in pieces {
            at = start;
            if left <= count {
                break;
            }
            left -= count;
        }
    }
    let mut rest = text.pieces_from(at)?;
    while let Some(piece) = rest.next_piece()? {
        for end in memchr::memchr_iter(b'\n', &piece) {
            left -= 1;
            if left == 0 {
                let start = at + end as u64 + 1;
                return Ok((start < text.bytes()).then_some(start));
            }
        }
        at += piece.len() as u64;
    }
    Ok(None)
}

/// Appends what stands from a byte to the end of its line, without that; the byte after it.
fn read_line(text: &Clob<'_>, from: u64, out: &mut Vec<u8>) -> Result<u64> {
    let (start, mut at) = (out.len(), from);
    let mut rest = text.pieces_from(from)?;
    while let Some(piece) = rest.next_piece()? {
        let end = memchr::memchr(b'\n', &piece);
        out.extend_from_slice(&piece[..end.unwrap_or(piece.len())]);
        at += end.map_or(piece.len(), |end| end + 1) as u64;
        if end.is_some() {
            break;
        }
    }
    if out.len() > start && out.ends_with(b"\r") {
        out.pop();
    }
    Ok(at)
}

fn lines_of(function: &'static str, arguments: &[Argument], one: bool) -> Result<Bound> {
    let is_clob = arguments[0].data_type.is_clob();
    if !is_clob && !arguments[0].data_type.is_string() {
        return Err(illegal(function, &arguments[0]));
    }
    require_integer(function, arguments, 1)?;
    require_integer(function, arguments, 2)?;
    Ok(Bound::new(DataType::String, move |columns, rows| {
        let first = Integers::new(&columns[1])?;
        let last = columns.get(2).map(Integers::new).transpose()?;
        let mut out = BytesBuilder::new(rows);
        let mut bytes = Vec::new();
        each(&columns[0], is_clob, rows, |row, text| {
            bytes.clear();
            let from = first.get(row);
            let to = last.as_ref().map_or(from, |last| last.get(row));
            if from < 1 {
                bail!(ArgumentOutOfBound, "Function {function}: lines count from 1, not {from}");
            }
            if to >= from
                && let Some(start) = line_at(&text, from as u64 - 1)?
            {
                if one {
                    read_line(&text, start, &mut bytes)?;
                } else {
                    let end = line_at(&text, to as u64)?.unwrap_or(text.bytes());
                    text.read(start, end - start, &mut bytes)?;
                    if bytes.ends_with(b"\n") {
                        bytes.pop();
                    }
                    if bytes.ends_with(b"\r") {
                        bytes.pop();
                    }
                }
            }
            out.append(&bytes);
            Ok(())
        })?;
        out.column()
    }))
}

fn count_lines(arguments: &[Argument]) -> Result<Bound> {
    let is_clob = arguments[0].data_type.is_clob();
    if !is_clob && !arguments[0].data_type.is_string() {
        return Err(illegal("countLines", &arguments[0]));
    }
    Ok(number_of(is_clob, |text| {
        if text.bytes() == 0 {
            return Ok(0);
        }
        let ends = match pieces(&text, |info| info.lines)? {
            Some(pieces) => pieces.iter().map(|(_, lines)| lines).sum(),
            None => {
                let mut rest = text.pieces_from(0)?;
                let mut ends = 0;
                while let Some(piece) = rest.next_piece()? {
                    ends += memchr::memchr_iter(b'\n', &piece).count() as u64;
                }
                ends
            }
        };
        let mut last = Vec::new();
        text.read(text.bytes() - 1, 1, &mut last)?;
        Ok(ends + u64::from(last != b"\n"))
    }))
}

/// The bytes of a constant argument.
fn constant(arguments: &[Argument], at: usize) -> Option<Vec<u8>> {
    let argument = arguments.get(at).filter(|argument| argument.data_type.is_string())?;
    match &argument.constant {
        Some(Value::Bytes(bytes)) => Some(bytes.to_vec()),
        _ => None,
    }
}

/// Where a string occurs first in a text, from a byte on.
fn find(text: &Clob<'_>, finder: &memmem::Finder<'_>, from: u64) -> Result<Option<u64>> {
    let needle = finder.needle();
    if from > text.bytes() {
        return Ok(None);
    }
    if needle.is_empty() {
        return Ok(Some(from));
    }
    let mut rest = text.pieces_from(from)?;
    // What ends the pieces before, at most one byte less than is looked for; `at` is its first byte's place.
    let (mut held, mut at): (Vec<u8>, u64) = (Vec::new(), from);
    while let Some(piece) = rest.next_piece()? {
        if !held.is_empty() {
            let kept = held.len();
            let more = piece.len().min(needle.len() - 1);
            held.extend_from_slice(&piece[..more]);
            if let Some(found) = finder.find(&held) {
                return Ok(Some(at + found as u64));
            }
            if piece.len() < needle.len() {
                // The piece lies in what is held; its end may still begin a match.
                let keep = held.len().min(needle.len() - 1);
                at += (held.len() - keep) as u64;
                held.drain(..held.len() - keep);
                continue;
            }
            at += kept as u64;
            held.clear();
        }
        if let Some(found) = finder.find(&piece) {
            return Ok(Some(at + found as u64));
        }
        let keep = piece.len().min(needle.len() - 1);
        held.extend_from_slice(&piece[piece.len() - keep..]);
        at += (piece.len() - keep) as u64;
    }
    Ok(None)
}

/// `position`, of a constant needle.
pub(super) fn position(_: &FunctionContext, arguments: &[Argument]) -> OfClob {
    let Some(needle) = constant(arguments, 1) else { return Ok(None) };
    if arguments.len() > 2 {
        require_integer("position", arguments, 2)?;
    }
    let finder = memmem::Finder::new(&needle).into_owned();
    Ok(Some(Bound::new(DataType::UInt64, move |columns, rows| {
        let start = columns.get(2).map(Integers::new).transpose()?;
        let mut values = Vec::with_capacity(rows);
        each(&columns[0], true, rows, |row, text| {
            let from = start.as_ref().map_or(0, |start| start.get(row).max(0));
            let found = find(&text, &finder, (from - 1).max(0) as u64)?;
            values.push(found.map_or(0, |at| at + 1));
            Ok(())
        })?;
        Ok(numbers::<UInt64Type>(values))
    })))
}

/// `startsWith`, of a constant prefix.
pub(super) fn starts_with(_: &FunctionContext, arguments: &[Argument]) -> OfClob {
    let Some(prefix) = constant(arguments, 1) else { return Ok(None) };
    Ok(Some(flag_of(move |text| begins(&text, &prefix))))
}

/// Whether a text begins with some bytes, by what stands in its cell where that suffices.
fn begins(text: &Clob<'_>, prefix: &[u8]) -> Result<bool> {
    let known: &[u8] = match text {
        Clob::InRow(text) => text,
        Clob::OutOfRow(stored) => stored.prefix,
    };
    let both = known.len().min(prefix.len());
    if known[..both] != prefix[..both] || text.bytes() < prefix.len() as u64 {
        return Ok(false);
    }
    if prefix.len() <= PREFIX.min(known.len()) {
        return Ok(true);
    }
    let mut begin = Vec::with_capacity(prefix.len());
    text.read(0, prefix.len() as u64, &mut begin)?;
    Ok(begin == prefix)
}

/// `equals` with a constant.
pub(crate) fn equals(_: &FunctionContext, arguments: &[Argument]) -> OfClob {
    if arguments[1].data_type != DataType::String {
        // Of a FixedString zeros at the end do not count.
        return Ok(None);
    }
    let Some(wanted) = constant(arguments, 1) else { return Ok(None) };
    Ok(Some(flag_of(
        move |text| Ok(text.bytes() == wanted.len() as u64 && begins(&text, &wanted)?),
    )))
}

/// `notEquals` with a constant.
pub(crate) fn not_equals(_: &FunctionContext, arguments: &[Argument]) -> OfClob {
    if arguments[1].data_type != DataType::String {
        // Of a FixedString zeros at the end do not count.
        return Ok(None);
    }
    let Some(wanted) = constant(arguments, 1) else { return Ok(None) };
    Ok(Some(flag_of(move |text| {
        Ok(text.bytes() != wanted.len() as u64 || !begins(&text, &wanted)?)
    })))
}
