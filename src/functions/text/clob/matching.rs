//! LIKE and regular expressions over CLOB: a text of one piece is matched as a String is, a longer one goes through
//! an automaton piece by piece, so that texts of any length can be asked.

use arrow_array::types::UInt8Type;
use base::Result;
use expr::{Argument, Bound, FunctionContext};
use memchr::memmem;
use types::DataType;
use types::clob::{Clob, PIECE};

use super::super::like::{Like, fold};
use super::super::pattern::{Automaton, Pattern, Searcher};
use super::super::strings::numbers;
use super::{OfClob, begins, constant, each, find, flag_of};

/// `match`
pub(in crate::text) fn matches(_: &FunctionContext, arguments: &[Argument]) -> OfClob {
    regexp(arguments, Pattern::new)
}

/// `matchCaseInsensitive`
pub(in crate::text) fn matches_in_any_case(_: &FunctionContext, arguments: &[Argument]) -> OfClob {
    regexp(arguments, Pattern::case_insensitive)
}

fn regexp(arguments: &[Argument], compile: fn(&[u8]) -> Result<Pattern>) -> OfClob {
    let Some(source) = constant(arguments, 1) else { return Ok(None) };
    let pattern = compile(&source)?;
    let Some(automaton) = pattern.automaton() else { return Ok(None) };
    Ok(Some(search(automaton, false, true, move |text| pattern.is_match(text))))
}

/// `like` and `notLike`
pub(in crate::text) fn like(arguments: &[Argument], expected: bool) -> OfClob {
    let Some(pattern) = constant(arguments, 1) else { return Ok(None) };
    let (anywhere, rest) = match pattern.strip_prefix(b"%") {
        Some(rest) => (true, rest),
        None => (false, &pattern[..]),
    };
    let plain = rest.strip_suffix(b"%");
    let plain = plain.filter(|plain| !plain.iter().any(|byte| b"%_\\".contains(byte)));
    match plain.map(<[u8]>::to_vec) {
        Some(plain) if anywhere => {
            let finder = memmem::Finder::new(&plain).into_owned();
            Ok(Some(flag_of(move |text| Ok(find(&text, &finder, 0)?.is_some() == expected))))
        }
        Some(plain) => Ok(Some(flag_of(move |text| Ok(begins(&text, &plain)? == expected)))),
        None => {
            let like = Like::new(&pattern)?;
            let Some(automaton) = like.automaton() else { return Ok(None) };
            Ok(Some(search(automaton, false, expected, move |text| like.matches(text))))
        }
    }
}

/// `ilike` and `notILike`
pub(in crate::text) fn ilike(arguments: &[Argument], expected: bool) -> OfClob {
    let Some(pattern) = constant(arguments, 1) else { return Ok(None) };
    let mut lower = Vec::new();
    fold(&pattern, &mut lower);
    let like = Like::new(&lower)?;
    let Some(automaton) = like.automaton() else { return Ok(None) };
    Ok(Some(search(automaton, true, expected, move |text| like.matches(text))))
}

/// 1 where a text (`folded`: in lower case) matches as expected. `whole` tells it of a text that is here as a whole.
fn search(
    automaton: Automaton,
    folded: bool,
    expected: bool,
    whole: impl Fn(&[u8]) -> bool + Send + Sync + 'static,
) -> Bound {
    Bound::new(DataType::UInt8, move |columns, rows| {
        let mut searcher: Option<Searcher<'_>> = None;
        let (mut values, mut lower) = (Vec::with_capacity(rows), Vec::new());
        each(&columns[0], true, rows, |_, text| {
            let matches = if text.bytes() <= PIECE as u64 {
                let mut pieces = text.pieces_from(0)?;
                let piece = pieces.next_piece()?;
                let bytes = piece.as_deref().unwrap_or_default();
                if folded {
                    fold(bytes, &mut lower);
                    whole(&lower)
                } else {
                    whole(bytes)
                }
            } else {
                let searcher = searcher.get_or_insert_with(|| automaton.searcher());
                piece_by_piece(&text, searcher, folded)?
            };
            values.push(u8::from(matches == expected));
            Ok(())
        })?;
        Ok(numbers::<UInt8Type>(values))
    })
}

fn piece_by_piece(text: &Clob<'_>, searcher: &mut Searcher<'_>, folded: bool) -> Result<bool> {
    let mut pieces = text.pieces_from(0)?;
    // Of a character that goes on in the next piece its beginning waits for the rest.
    let (mut held, mut lower) = (Vec::new(), Vec::new());
    while let Some(piece) = pieces.next_piece()? {
        let told = if folded {
            held.extend_from_slice(&piece);
            let end = held.len() - unfinished(&held);
            fold(&held[..end], &mut lower);
            held.drain(..end);
            searcher.push(&lower)?
        } else {
            searcher.push(&piece)?
        };
        if let Some(matches) = told {
            return Ok(matches);
        }
    }
    match searcher.push(&held)? {
        Some(matches) => Ok(matches),
        None => searcher.end(),
    }
}

/// How many bytes at the end begin a character that may go on.
fn unfinished(text: &[u8]) -> usize {
    let chunk = text[text.len().saturating_sub(4)..].utf8_chunks().last();
    let invalid = chunk.map_or(&[][..], |chunk| chunk.invalid());
    let length = match invalid.first() {
        Some(0xC2..=0xDF) => 2,
        Some(0xE0..=0xEF) => 3,
        Some(0xF0..=0xF4) => 4,
        _ => 0,
    };
    if invalid.len() < length { invalid.len() } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::unfinished;

    #[test]
    fn what_waits_for_the_next_piece() {
        let cases: &[(&[u8], usize)] = &[
            (b"", 0),
            (b"abc", 0),
            ("aé".as_bytes(), 0),
            (b"a\xC3", 1),
            (b"abc\xE2\x82", 2),
            (b"abcd\xF0\x9F\x98", 3),
            ("😀".as_bytes(), 0),
            (b"a\xFF", 0),
            (b"\xC3\x28", 0),
            (b"\x80\x80", 0),
        ];
        for (text, expected) in cases {
            assert_eq!(unfinished(text), *expected, "{text:?}");
        }
    }
}
