//! Parts of strings by position.
//!
//! Positions count from 1, negative ones from the end. A window that begins before the string
//! loses what lies outside.

use base::Result;
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration, Registry};
use memchr::memmem;
use types::DataType;

use super::strings::{
    Integers, character_offset, constant_text, count_characters, require_integer, require_text,
    slice, slices,
};
use super::{clob, declare};

pub(super) fn register(registry: &mut Registry) {
    registry.add_functions(FUNCTIONS);
}

static FUNCTIONS: &[FunctionDeclaration] = &[
    declare!("String", "substring", "substring(s, offset[, length])",
        "The part of a string that begins at a byte (from 1; negative: from the end) and has a length (negative: ends so many bytes before the end).",
        "SELECT substring('granary', 2, 3), substring('granary', -3)" => "ran\tary", (2, 3),
        |c, a| part(c, "substring", a, &BYTES),
        of_clob: Some(clob::substring), aliases: &["substr", "mid", "byteSlice"], case_insensitive: true),
    declare!("String", "substringUTF8", "substringUTF8(s, offset[, length])", "As `substring`, counting characters of UTF-8.",
        "SELECT substringUTF8('née', 2, 1)" => "é", (2, 3), |c, a| part(c, "substringUTF8", a, &CHARACTERS),
        of_clob: Some(clob::substring_utf8)),
    declare!("String", "left", "left(s, n)", "The first n bytes; with a negative n, all but the last.",
        "SELECT left('granary', 3), left('granary', -3)" => "gra\tgran", (2, 2), |_, a| left("left", a, &BYTES),
        case_insensitive: true),
    declare!("String", "leftUTF8", "leftUTF8(s, n)", "As `left`, counting characters of UTF-8.",
        "SELECT leftUTF8('née', 2)" => "né", (2, 2), |_, a| left("leftUTF8", a, &CHARACTERS)),
    declare!("String", "right", "right(s, n)", "The last n bytes; with a negative n, all but the first.",
        "SELECT right('granary', 3), right('granary', -3)" => "ary\tnary", (2, 2), |_, a| right("right", a, &BYTES),
        case_insensitive: true),
    declare!("String", "rightUTF8", "rightUTF8(s, n)", "As `right`, counting characters of UTF-8.",
        "SELECT rightUTF8('née', 2)" => "ée", (2, 2), |_, a| right("rightUTF8", a, &CHARACTERS)),
    declare!("String", "substringIndex", "substringIndex(s, delimiter, count)",
        "What stands before the count-th delimiter; with a negative count, after the count-th from the end.",
        "SELECT substringIndex('a.b.c', '.', 2)" => "a.b", (3, 3), |_, a| index("substringIndex", a),
        aliases: &["SUBSTRING_INDEX"], case_insensitive: true),
    declare!("String", "substringIndexUTF8", "substringIndexUTF8(s, delimiter, count)", "As `substringIndex`; the delimiter is a character of UTF-8.",
        "SELECT substringIndexUTF8('a→b→c', '→', -1)" => "c", (3, 3), |_, a| index("substringIndexUTF8", a)),
    declare!("String", "firstLine", "firstLine(s)", "The string up to its first line feed.",
    "SELECT firstLine('one\\ntwo')" => "one", (1, 1), |_, a| {
        require_text("firstLine", a, 0)?;
        Ok(slice(|text| {
            let end = memchr::memchr(b'\n', text).unwrap_or(text.len());
            text[..end].strip_suffix(b"\r").unwrap_or(&text[..end])
        }))
    }),
];

/// What positions count.
struct Unit {
    count: fn(&[u8]) -> usize,
    /// The byte at which the n-th unit begins.
    offset: fn(&[u8], usize) -> usize,
}

static BYTES: Unit = Unit { count: <[u8]>::len, offset: |text, n| n.min(text.len()) };
static CHARACTERS: Unit = Unit { count: count_characters, offset: character_offset };

impl Unit {
    fn range<'a>(&self, text: &'a [u8], from: i64, to: i64) -> &'a [u8] {
        let from = (self.offset)(text, from.max(0) as usize);
        let to = (self.offset)(text, to.max(0) as usize);
        text.get(from..to).unwrap_or_default()
    }

    /// `substring` with a position from 1 or from the end.
    fn part<'a>(&self, text: &'a [u8], at: i64, length: Option<i64>) -> &'a [u8] {
        let (from, to) = window(at, length, || (self.count)(text) as i64);
        self.range(text, from, to)
    }
}

/// From where to where `substring` reaches, in units from 0; `count` tells how many there are, where that matters.
pub(super) fn window(at: i64, length: Option<i64>, count: impl FnOnce() -> i64) -> (i64, i64) {
    if at == 0 {
        return (0, 0);
    }
    if at > 0 && length.is_none_or(|l| l >= 0) {
        let from = at - 1;
        return (from, length.map_or(i64::MAX, |l| from.saturating_add(l)));
    }
    let count = count();
    let from = if at > 0 { at - 1 } else { count.saturating_add(at) };
    let to = match length {
        None => count,
        Some(length) if length >= 0 => from.saturating_add(length),
        Some(length) => count.saturating_add(length),
    };
    (from, to)
}

#[allow(clippy::only_used_in_recursion, reason = "it has the shape of a bind function")]
fn part(
    context: &FunctionContext,
    function: &str,
    arguments: &[Argument],
    unit: &'static Unit,
) -> Result<Bound> {
    // Enums are read as their names.
    if arguments[0].data_type.is_enum() {
        let inner = part(
            context,
            function,
            &[&[Argument::of(DataType::String)], &arguments[1..]].concat(),
            unit,
        )?;
        return super::any_text::first_as_text(&arguments[0].data_type, inner);
    }
    require_text(function, arguments, 0)?;
    require_integer(function, arguments, 1)?;
    require_integer(function, arguments, 2)?;
    Ok(Bound::new(DataType::String, move |columns, rows| {
        let at = Integers::new(&columns[1])?;
        let length = columns.get(2).map(Integers::new).transpose()?;
        slices(&columns[0], rows, |row, text| {
            unit.part(text, at.get(row), length.as_ref().map(|l| l.get(row)))
        })
    }))
}

fn left(function: &str, arguments: &[Argument], unit: &'static Unit) -> Result<Bound> {
    require_text(function, arguments, 0)?;
    require_integer(function, arguments, 1)?;
    Ok(Bound::new(DataType::String, move |columns, rows| {
        let length = Integers::new(&columns[1])?;
        slices(&columns[0], rows, |row, text| unit.part(text, 1, Some(length.get(row))))
    }))
}

fn right(function: &str, arguments: &[Argument], unit: &'static Unit) -> Result<Bound> {
    require_text(function, arguments, 0)?;
    require_integer(function, arguments, 1)?;
    Ok(Bound::new(DataType::String, move |columns, rows| {
        let length = Integers::new(&columns[1])?;
        slices(&columns[0], rows, |row, text| match length.get(row) {
            wanted if wanted < 0 => unit.range(text, wanted.saturating_neg(), i64::MAX),
            wanted => {
                let count = (unit.count)(text) as i64;
                unit.range(text, count.saturating_sub(wanted), i64::MAX)
            }
        })
    }))
}

fn index(function: &str, arguments: &[Argument]) -> Result<Bound> {
    require_text(function, arguments, 0)?;
    require_integer(function, arguments, 2)?;
    let delimiter = constant_text(function, arguments, 1)?;
    let single = match function {
        "substringIndex" => delimiter.len() == 1,
        _ => count_characters(&delimiter) == 1,
    };
    if !single {
        base::bail!(BadArguments, "Second argument to {function} must be a single character");
    }
    Ok(Bound::new(DataType::String, move |columns, rows| {
        let count = Integers::new(&columns[2])?;
        slices(&columns[0], rows, |row, text| before(text, &delimiter, count.get(row)))
    }))
}

fn before<'a>(text: &'a [u8], delimiter: &[u8], count: i64) -> &'a [u8] {
    let Ok(nth) = usize::try_from(count.unsigned_abs().saturating_sub(1)) else { return text };
    match count {
        0 => b"",
        1.. => memmem::find_iter(text, delimiter).nth(nth).map_or(text, |at| &text[..at]),
        _ => memmem::rfind_iter(text, delimiter)
            .nth(nth)
            .map_or(text, |at| &text[at + delimiter.len()..]),
    }
}
