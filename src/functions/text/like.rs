//! LIKE and its relatives, and `match`.
//!
//! A pattern of LIKE becomes pieces between `%`: the first is bound to the beginning, the last to
//! the end, those between are searched in order. One piece between two `%` is searched for in the
//! whole buffer of a column at once where the rows lie in it one after another.

use std::fmt::Write;

use arrow_array::BinaryViewArray;
use arrow_array::types::UInt8Type;
use base::{Result, bail};
use expr::{Argument, Bound, FunctionDeclaration, Registry};
use memchr::memmem::Finder;
use types::{Column, DataType};

use super::pattern::{Automaton, LastPattern, Pattern};
use super::strings::{Strings, numbers, require_text, starts_character};
use super::{clob, declare};
use crate::search::candidates;

pub(super) fn register(registry: &mut Registry) {
    registry.add_functions(FUNCTIONS);
}

static FUNCTIONS: &[FunctionDeclaration] = &[
    declare!("String search", "like", "like(s, pattern)", "1 where the string matches a pattern in which `%` stands for any bytes and `_` for one character; a backslash takes that meaning away.",
        "SELECT like('granary', 'gr%y')" => "1", (2, 2), |_, a| like("like", a, false, false),
        of_clob: Some(|_, a| clob::like(a, true)), search: Some(candidates::LIKE)),
    declare!("String search", "notLike", "notLike(s, pattern)", "The opposite of `like`.",
        "SELECT notLike('granary', 'gr%y')" => "0", (2, 2), |_, a| like("notLike", a, false, true),
        of_clob: Some(|_, a| clob::like(a, false))),
    declare!("String search", "ilike", "ilike(s, pattern)", "As `like`, in any case.",
        "SELECT ilike('Granary', 'gr%Y')" => "1", (2, 2), |_, a| like("ilike", a, true, false),
        of_clob: Some(|_, a| clob::ilike(a, true))),
    declare!("String search", "notILike", "notILike(s, pattern)", "The opposite of `ilike`.",
        "SELECT notILike('Granary', 'gr%Y')" => "0", (2, 2), |_, a| like("notILike", a, true, true),
        of_clob: Some(|_, a| clob::ilike(a, false))),
    declare!("String search", "match", "match(s, pattern)", "1 where a regular expression in RE2's syntax matches anywhere in the string.",
        "SELECT match('granary', 'a.y$')" => "1", (2, 2), |_, a| regexp("match", a, Pattern::new), of_clob: Some(clob::matches), aliases: &["REGEXP_MATCHES"], case_insensitive: true,
        search: Some(candidates::MATCH)),
    declare!("String search", "matchCaseInsensitive", "matchCaseInsensitive(s, pattern)", "As `match`, in any case.",
        "SELECT matchCaseInsensitive('Granary', '^gr')" => "1", (2, 2), |_, a| regexp("matchCaseInsensitive", a, Pattern::case_insensitive),
        of_clob: Some(clob::matches_in_any_case)),
];

fn regexp(
    function: &str,
    arguments: &[Argument],
    compile: fn(&[u8]) -> Result<Pattern>,
) -> Result<Bound> {
    require_text(function, arguments, 0)?;
    require_text(function, arguments, 1)?;
    let Some(source) = arguments[1].constant.as_ref().and_then(|v| v.as_bytes()) else {
        return Ok(Bound::new(DataType::UInt8, move |columns, rows| {
            let (texts, patterns) = (Strings::new(&columns[0])?, Strings::new(&columns[1])?);
            let mut last = LastPattern::new(compile);
            let mut out = Vec::with_capacity(rows);
            for row in 0..rows {
                out.push(u8::from(last.get(patterns.get(row))?.is_match(texts.get(row))));
            }
            Ok(numbers::<UInt8Type>(out))
        }));
    };
    let plain = !source.iter().any(|b| br"\.+*?()|[]{}^$".contains(b));
    if plain && function == "match" {
        let needle = Needle::new(source);
        return Ok(Bound::new(DataType::UInt8, move |columns, rows| {
            needle.contained(&columns[0], rows, false)
        }));
    }
    let pattern = compile(source)?;
    Ok(super::strings::flag(move |text| pattern.is_match(text)))
}

/// A needle that is searched for in many rows.
struct Needle(Finder<'static>);

impl Needle {
    fn new(needle: &[u8]) -> Needle {
        Needle(Finder::new(needle).into_owned())
    }

    /// 1 for the rows that contain the needle (or, negated, do not).
    fn contained(&self, column: &Column, rows: usize, negated: bool) -> Result<Column> {
        let strings = Strings::new(column)?;
        let mut out = vec![u8::from(negated); rows];
        match strings {
            Strings::Views(array) if rows > 16 => self.search_buffers(array, rows, &mut out),
            other => {
                for (row, flag) in out.iter_mut().enumerate() {
                    *flag ^= u8::from(self.0.find(other.get(row)).is_some());
                }
            }
        }
        Ok(numbers::<UInt8Type>(out))
    }

    /// Walks rows and occurrences side by side: a row matches if an occurrence that is known lies within it.
    /// Rows may lie in any order. A search goes on beyond the row that needs it only while rows follow
    /// each other, by a window that doubles, so that rows in random order cost no more than their own length.
    fn search_buffers(&self, array: &BinaryViewArray, rows: usize, out: &mut [u8]) {
        const WIDE: usize = 256;
        const WIDEST: usize = 1 << 16;
        let needle = self.0.needle().len();
        let buffers = array.data_buffers();
        // Occurrences that begin in `from..known` are known: the first is `next`, if there is one.
        let (mut current, mut end, mut known) = (usize::MAX, 0, 0);
        let mut next: Option<usize> = None;
        let mut window = 0;
        for (row, view) in array.views().iter().enumerate().take(rows) {
            let length = *view as u32 as usize;
            if length < needle {
                continue;
            }
            if length <= 12 {
                out[row] ^= u8::from(memmem_short(array.value(row), self.0.needle()));
                continue;
            }
            let (buffer, offset) = ((*view >> 64) as u32 as usize, (*view >> 96) as usize);
            let bytes = buffers[buffer].as_slice();
            let follows = buffer == current && offset >= end && offset <= end + WIDE;
            if !follows {
                (current, known, next, window) = (buffer, offset, None, 0);
            }
            end = offset + length;
            let last = end - needle;
            if next.is_some_and(|at| at < offset) {
                known = offset;
                next = None;
            }
            while next.is_none() && known <= last {
                let from = known.max(offset);
                let stop = (end + window).min(bytes.len());
                next = self.0.find(&bytes[from..stop]).map(|at| from + at);
                known = next.unwrap_or(stop + 1 - needle);
                window = (window * 2).clamp(length, WIDEST);
            }
            out[row] ^= u8::from(next.is_some_and(|at| at >= offset && at <= last));
        }
    }
}

/// For values of at most 12 bytes, where setting up a search costs more than searching.
fn memmem_short(text: &[u8], needle: &[u8]) -> bool {
    match needle {
        [] => true,
        [first, ..] => {
            text.windows(needle.len()).any(|window| window[0] == *first && window == needle)
        }
    }
}

/// A compiled pattern of LIKE.
pub(super) struct Like {
    pieces: Vec<Piece>,
    /// Whether the pattern begins, ends with `%`.
    open: (bool, bool),
}

/// What stands between two `%`.
struct Piece {
    /// Literals, with one character of any kind between each two.
    literals: Vec<Vec<u8>>,
    finder: Finder<'static>,
}

impl Piece {
    fn new(literals: Vec<Vec<u8>>) -> Piece {
        let first = literals.iter().find(|l| !l.is_empty()).cloned().unwrap_or_default();
        Piece { finder: Finder::new(&first).into_owned(), literals }
    }

    /// Where the piece ends if it matches at the beginning of a text.
    fn at_start(&self, text: &[u8]) -> Option<usize> {
        let mut at = 0;
        for (number, literal) in self.literals.iter().enumerate() {
            if number > 0 {
                at += character_length(&text[at..])?;
            }
            text[at..].starts_with(literal).then_some(())?;
            at += literal.len();
        }
        Some(at)
    }

    /// Where the piece ends at its first match.
    fn find(&self, text: &[u8]) -> Option<usize> {
        if let [literal] = &self.literals[..] {
            return self.finder.find(text).map(|at| at + literal.len());
        }
        (0..=text.len())
            .filter(|at| text.get(*at).is_none_or(|byte| starts_character(*byte)))
            .find_map(|at| self.at_start(&text[at..]).map(|length| at + length))
    }

    /// Whether the piece matches up to the end of a text.
    fn at_end(&self, text: &[u8]) -> bool {
        if let [literal] = &self.literals[..] {
            return text.ends_with(literal);
        }
        (0..=text.len()).rev().any(|at| self.at_start(&text[at..]) == Some(text.len() - at))
    }
}

/// The bytes of the first character of a text, if it is valid UTF-8.
fn character_length(text: &[u8]) -> Option<usize> {
    let length = match text.first()? {
        0..=0x7F => return Some(1),
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => return None,
    };
    std::str::from_utf8(text.get(..length)?).is_ok().then_some(length)
}

impl Like {
    /// # Errors
    /// CANNOT_PARSE_ESCAPE_SEQUENCE when the pattern ends in a backslash.
    pub(super) fn new(pattern: &[u8]) -> Result<Like> {
        let mut pieces: Vec<Vec<Vec<u8>>> = vec![vec![Vec::new()]];
        let mut bytes = pattern.iter().copied();
        let add = |byte: u8, pieces: &mut Vec<Vec<Vec<u8>>>| {
            if let Some(literal) = pieces.last_mut().and_then(|p| p.last_mut()) {
                literal.push(byte);
            }
        };
        while let Some(byte) = bytes.next() {
            match byte {
                b'%' => pieces.push(vec![Vec::new()]),
                b'_' => {
                    if let Some(piece) = pieces.last_mut() {
                        piece.push(Vec::new());
                    }
                }
                b'\\' => match bytes.next() {
                    Some(escaped @ (b'%' | b'_' | b'\\')) => add(escaped, &mut pieces),
                    Some(other) => {
                        add(b'\\', &mut pieces);
                        add(other, &mut pieces);
                    }
                    None => bail!(
                        CannotParseEscapeSequence,
                        "Invalid escape sequence at the end of LIKE pattern '{}'",
                        String::from_utf8_lossy(pattern)
                    ),
                },
                other => add(other, &mut pieces),
            }
        }
        let is_empty = |p: &Vec<Vec<u8>>| p.len() == 1 && p[0].is_empty();
        let several = pieces.len() > 1;
        let open = (
            several && pieces.first().is_some_and(is_empty),
            several && pieces.last().is_some_and(is_empty),
        );
        if several {
            pieces.retain(|p| !is_empty(p));
        }
        Ok(Like { pieces: pieces.into_iter().map(Piece::new).collect(), open })
    }

    /// The only literal, if the pattern is `%literal%`.
    fn needle(&self) -> Option<&[u8]> {
        match (&self.pieces[..], self.open) {
            ([piece], (true, true)) if piece.literals.len() == 1 => Some(&piece.literals[0]),
            _ => None,
        }
    }

    /// The same as an automaton for texts that come in pieces.
    pub(super) fn automaton(&self) -> Option<Automaton> {
        let mut regex = String::from(if self.open.0 { "" } else { r"\A" });
        for (number, piece) in self.pieces.iter().enumerate() {
            if number > 0 {
                regex.push_str("(?s-u:.)*");
            }
            for (number, literal) in piece.literals.iter().enumerate() {
                if number > 0 {
                    regex.push_str("(?s:.)");
                }
                match std::str::from_utf8(literal) {
                    Ok(text) => regex.push_str(&regex::escape(text)),
                    Err(_) => {
                        for byte in literal {
                            let _ = write!(regex, r"(?-u:\x{byte:02X})");
                        }
                    }
                }
            }
        }
        regex.push_str(if self.open.1 { "" } else { r"\z" });
        Automaton::new(&regex, false)
    }

    pub(super) fn matches(&self, text: &[u8]) -> bool {
        let (mut text, mut pieces) = (text, &self.pieces[..]);
        if !self.open.0
            && let [first, rest @ ..] = pieces
        {
            let Some(end) = first.at_start(text) else { return false };
            text = &text[end..];
            pieces = rest;
            if pieces.is_empty() {
                return self.open.1 || text.is_empty();
            }
        }
        let last = match (self.open.1, pieces) {
            (false, [rest @ .., last]) => {
                pieces = rest;
                Some(last)
            }
            _ => None,
        };
        for piece in pieces {
            let Some(end) = piece.find(text) else { return false };
            text = &text[end..];
        }
        last.is_none_or(|piece| piece.at_end(text))
    }
}

/// Lower case, of all letters where any is not ASCII.
pub(super) fn fold(text: &[u8], out: &mut Vec<u8>) {
    out.clear();
    if text.is_ascii() {
        out.extend_from_slice(text);
        out.make_ascii_lowercase();
        return;
    }
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars().flat_map(char::to_lowercase) {
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        out.extend_from_slice(chunk.invalid());
    }
}

fn like(function: &str, arguments: &[Argument], folded: bool, negated: bool) -> Result<Bound> {
    let mut arguments = arguments.to_vec();
    let haystack = arguments[0].data_type.clone();
    if haystack.is_enum() {
        arguments[0].data_type = DataType::String;
        let bound = like(function, &arguments, folded, negated)?;
        return super::any_text::first_as_text(&haystack, bound);
    }
    require_text(function, &arguments, 0)?;
    require_text(function, &arguments, 1)?;
    let compile = move |pattern: &[u8]| {
        if !folded {
            return Like::new(pattern);
        }
        let mut lower = Vec::new();
        fold(pattern, &mut lower);
        Like::new(&lower)
    };
    let Some(pattern) = arguments[1].constant.as_ref().and_then(|v| v.as_bytes()) else {
        return Ok(Bound::new(DataType::UInt8, move |columns, rows| {
            let (texts, patterns) = (Strings::new(&columns[0])?, Strings::new(&columns[1])?);
            let mut last: Option<(&[u8], Like)> = None;
            let (mut out, mut lower) = (Vec::with_capacity(rows), Vec::new());
            for row in 0..rows {
                let (mut text, source) = (texts.get(row), patterns.get(row));
                if last.as_ref().is_none_or(|(known, _)| *known != source) {
                    last = Some((source, compile(source)?));
                }
                if folded {
                    fold(text, &mut lower);
                    text = &lower;
                }
                let found = last.as_ref().is_some_and(|(_, like)| like.matches(text));
                out.push(u8::from(found != negated));
            }
            Ok(numbers::<UInt8Type>(out))
        }));
    };
    let compiled = compile(pattern)?;
    if let (Some(needle), false) = (compiled.needle(), folded) {
        let needle = Needle::new(needle);
        return Ok(Bound::new(DataType::UInt8, move |columns, rows| {
            needle.contained(&columns[0], rows, negated)
        }));
    }
    Ok(Bound::new(DataType::UInt8, move |columns, rows| {
        let (mut out, mut lower) = (Vec::with_capacity(rows), Vec::new());
        Strings::new(&columns[0])?.each(rows, |text| {
            let found = if folded {
                fold(text, &mut lower);
                compiled.matches(&lower)
            } else {
                compiled.matches(text)
            };
            out.push(u8::from(found != negated));
        });
        Ok(numbers::<UInt8Type>(out))
    }))
}

/// What tells whether a text matches a pattern of LIKE.
///
/// # Errors
/// CANNOT_PARSE_ESCAPE_SEQUENCE
pub(crate) fn like_pattern(pattern: &[u8]) -> Result<impl Fn(&[u8]) -> bool + Send + Sync + use<>> {
    let like = Like::new(pattern)?;
    Ok(move |text: &[u8]| like.matches(text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Like;

    const PATTERN: &[&str] = &["a", "b", "%", "_", "\\%", ".", "é", "?"];
    const TEXT: &[&str] = &["a", "b", "%", ".", "\n", "é", "?"];

    fn bytes_of(letters: &'static [&'static str], most: usize) -> impl Strategy<Value = Vec<u8>> {
        // What is no UTF-8 stands as a question mark.
        let bytes = |part: &str| part.bytes().map(|b| if b == b'?' { 0xFF } else { b }).collect();
        prop::collection::vec(prop::sample::select(letters), 0..most).prop_map(move |parts| {
            parts.iter().flat_map(|part| -> Vec<u8> { bytes(part) }).collect()
        })
    }

    proptest! {
        #[test]
        fn automata_match_what_patterns_match(
            pattern in bytes_of(PATTERN, 7),
            text in bytes_of(TEXT, 9),
        ) {
            let like = Like::new(&pattern).unwrap();
            let automaton = like.automaton().unwrap();
            let mut searcher = automaton.searcher();
            let told = searcher.push(&text).unwrap();
            let matches = match told {
                Some(matches) => matches,
                None => searcher.end().unwrap(),
            };
            prop_assert_eq!(matches, like.matches(&text));
        }
    }
}
