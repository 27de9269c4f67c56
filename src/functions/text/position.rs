//! Searching for substrings and tokens.
//!
//! Positions count from 1, in bytes or in characters of UTF-8; 0 stands for "not found".

use arrow_array::types::{UInt8Type, UInt64Type};
use base::{Result, bail};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration, Nulls, Registry};
use memchr::memmem::Finder;
use types::{Column, DataType, Value};

mod multi;

use super::strings::{
    Integers, Strings, character_offset, constant_text, count_characters, illegal, numbers,
    require_text,
};
use super::{clob, declare};
use crate::search::candidates;
pub(super) use multi::multi_match;

pub(super) fn register(registry: &mut Registry) {
    registry.add_functions(FUNCTIONS);
    registry.add_functions(multi::FUNCTIONS);
}

static FUNCTIONS: &[FunctionDeclaration] = &[
    declare!("String search", "position", "position(haystack, needle[, start])", "Where a string occurs first in another, in bytes from 1, looked for from a position on; 0 if it does not.",
        "SELECT position('granary', 'an')" => "3", (2, 3), |_, a| position("position", a, PLAIN), of_clob: Some(clob::position), case_insensitive: true,
        search: Some(candidates::POSITION)),
    declare!("String search", "locate", "locate(needle, haystack[, start])", "As `position` with the needle first.",
        "SELECT locate('an', 'granary')" => "3", (2, 3), locate, case_insensitive: true),
    declare!("String search", "positionCaseInsensitive", "positionCaseInsensitive(haystack, needle[, start])", "As `position`, with the letters A to Z in any case.",
        "SELECT positionCaseInsensitive('Granary', 'AN')" => "3", (2, 3), |_, a| position("positionCaseInsensitive", a, FOLDED),
        aliases: &["instr"], case_insensitive: true),
    declare!("String search", "positionUTF8", "positionUTF8(haystack, needle[, start])", "As `position`, counting characters of UTF-8.",
        "SELECT positionUTF8('née', 'e')" => "3", (2, 3), |_, a| position("positionUTF8", a, UTF8)),
    declare!("String search", "positionCaseInsensitiveUTF8", "positionCaseInsensitiveUTF8(haystack, needle[, start])", "As `positionUTF8`, in any case.",
        "SELECT positionCaseInsensitiveUTF8('NÉE', 'é')" => "2", (2, 3), |_, a| position("positionCaseInsensitiveUTF8", a, FOLDED_UTF8)),
    declare!("String search", "countSubstrings", "countSubstrings(haystack, needle[, start])", "How often a string occurs in another without overlap.",
        "SELECT countSubstrings('banana', 'an')" => "2", (2, 3), |_, a| count("countSubstrings", a, PLAIN), case_insensitive: true),
    declare!("String search", "countSubstringsCaseInsensitive", "countSubstringsCaseInsensitive(haystack, needle[, start])", "As `countSubstrings`, with the letters A to Z in any case.",
        "SELECT countSubstringsCaseInsensitive('Banana', 'AN')" => "2", (2, 3), |_, a| count("countSubstringsCaseInsensitive", a, FOLDED)),
    declare!("String search", "countSubstringsCaseInsensitiveUTF8", "countSubstringsCaseInsensitiveUTF8(haystack, needle[, start])", "As `countSubstrings`, in any case.",
        "SELECT countSubstringsCaseInsensitiveUTF8('ÄäÄ', 'ä')" => "3", (2, 3), |_, a| count("countSubstringsCaseInsensitiveUTF8", a, FOLDED_UTF8)),
    declare!("String search", "startsWith", "startsWith(s, prefix)", "1 where a string begins with another, or an array with another.",
        "SELECT startsWith('granary', 'gra')" => "1", (2, 2), |c, a| ends(c, "startsWith", a, PLAIN, <[u8]>::starts_with),
        of_clob: Some(clob::starts_with), search: Some(candidates::STARTS_WITH)),
    declare!("String search", "endsWith", "endsWith(s, suffix)", "1 where a string ends with another, or an array with another.",
        "SELECT endsWith('granary', 'ary')" => "1", (2, 2), |c, a| ends(c, "endsWith", a, PLAIN, <[u8]>::ends_with),
        search: Some(candidates::ENDS_WITH)),
    declare!("String search", "startsWithUTF8", "startsWithUTF8(s, prefix)", "1 where a string in UTF-8 begins with another.",
        "SELECT startsWithUTF8('née', 'né')" => "1", (2, 2), |c, a| ends(c, "startsWithUTF8", a, PLAIN, <[u8]>::starts_with)),
    declare!("String search", "endsWithUTF8", "endsWithUTF8(s, suffix)", "1 where a string in UTF-8 ends with another.",
        "SELECT endsWithUTF8('née', 'ée')" => "1", (2, 2), |c, a| ends(c, "endsWithUTF8", a, PLAIN, <[u8]>::ends_with)),
    declare!("String search", "startsWithCaseInsensitive", "startsWithCaseInsensitive(s, prefix)", "As `startsWith`, with the letters A to Z in any case.",
        "SELECT startsWithCaseInsensitive('Granary', 'gra')" => "1", (2, 2), |c, a| ends(c, "startsWithCaseInsensitive", a, FOLDED, <[u8]>::starts_with)),
    declare!("String search", "endsWithCaseInsensitive", "endsWithCaseInsensitive(s, suffix)", "As `endsWith`, with the letters A to Z in any case.",
        "SELECT endsWithCaseInsensitive('granarY', 'ary')" => "1", (2, 2), |c, a| ends(c, "endsWithCaseInsensitive", a, FOLDED, <[u8]>::ends_with)),
    declare!("String search", "startsWithCaseInsensitiveUTF8", "startsWithCaseInsensitiveUTF8(s, prefix)", "As `startsWith`, in any case.",
        "SELECT startsWithCaseInsensitiveUTF8('Élan', 'é')" => "1", (2, 2), |c, a| ends(c, "startsWithCaseInsensitiveUTF8", a, FOLDED_UTF8, <[u8]>::starts_with)),
    declare!("String search", "endsWithCaseInsensitiveUTF8", "endsWithCaseInsensitiveUTF8(s, suffix)", "As `endsWith`, in any case.",
        "SELECT endsWithCaseInsensitiveUTF8('cafÉ', 'é')" => "1", (2, 2), |c, a| ends(c, "endsWithCaseInsensitiveUTF8", a, FOLDED_UTF8, <[u8]>::ends_with)),
    declare!("String search", "hasToken", "hasToken(s, token)", "1 where a string contains a token: a run of letters and digits with none beside it.",
        "SELECT hasToken('hello world', 'world')" => "1", (2, 2), |_, a| has_token("hasToken", a, false), nulls: Nulls::Propagate, search: Some(candidates::HAS_TOKEN)),
    declare!("String search", "hasTokenCaseInsensitive", "hasTokenCaseInsensitive(s, token)", "As `hasToken`, with the letters A to Z in any case.",
        "SELECT hasTokenCaseInsensitive('Hello World', 'world')" => "1", (2, 2), |_, a| has_token("hasTokenCaseInsensitive", a, true), case_insensitive: true, search: Some(candidates::HAS_TOKEN_FOLDED)),
    declare!("String search", "hasTokenOrNull", "hasTokenOrNull(s, token)", "As `hasToken`; NULL if the second argument is no token.",
        "SELECT hasTokenOrNull('hello world', 'hello world')" => "\\N", (2, 2), |_, a| token_or_null("hasTokenOrNull", a, false)),
    declare!("String search", "hasTokenCaseInsensitiveOrNull", "hasTokenCaseInsensitiveOrNull(s, token)", "As `hasTokenOrNull`, with the letters A to Z in any case.",
        "SELECT hasTokenCaseInsensitiveOrNull('Hello', 'hello')" => "1", (2, 2), |_, a| token_or_null("hasTokenCaseInsensitiveOrNull", a, true), case_insensitive: true),
    declare!("String search", "hasSubsequence", "hasSubsequence(haystack, needle)", "1 where the bytes of a string occur in another in their order, others between them or not.",
        "SELECT hasSubsequence('granary', 'gny')" => "1", (2, 2), |_, a| subsequence("hasSubsequence", a, PLAIN), case_insensitive: true),
    declare!("String search", "hasSubsequenceCaseInsensitive", "hasSubsequenceCaseInsensitive(haystack, needle)", "As `hasSubsequence`, with the letters A to Z in any case.",
        "SELECT hasSubsequenceCaseInsensitive('Granary', 'GNY')" => "1", (2, 2), |_, a| subsequence("hasSubsequenceCaseInsensitive", a, FOLDED), case_insensitive: true),
    declare!("String search", "hasSubsequenceUTF8", "hasSubsequenceUTF8(haystack, needle)", "As `hasSubsequence`, for characters of UTF-8.",
        "SELECT hasSubsequenceUTF8('née', 'né')" => "1", (2, 2), |_, a| subsequence("hasSubsequenceUTF8", a, UTF8), case_insensitive: true),
    declare!("String search", "hasSubsequenceCaseInsensitiveUTF8", "hasSubsequenceCaseInsensitiveUTF8(haystack, needle)", "As `hasSubsequenceUTF8`, in any case.",
        "SELECT hasSubsequenceCaseInsensitiveUTF8('NÉE', 'né')" => "1", (2, 2), |_, a| subsequence("hasSubsequenceCaseInsensitiveUTF8", a, FOLDED_UTF8), case_insensitive: true),
];

/// What counts as equal, and what positions count.
#[derive(Clone, Copy)]
pub(super) struct Mode {
    pub(super) folded: bool,
    pub(super) utf8: bool,
}

pub(super) const PLAIN: Mode = Mode { folded: false, utf8: false };
pub(super) const FOLDED: Mode = Mode { folded: true, utf8: false };
pub(super) const UTF8: Mode = Mode { folded: false, utf8: true };
pub(super) const FOLDED_UTF8: Mode = Mode { folded: true, utf8: true };

impl Mode {
    /// A text in the form in which it is compared; characters stay at their places.
    pub(super) fn fold<'a>(self, text: &'a [u8], space: &'a mut Vec<u8>) -> &'a [u8] {
        if !self.folded {
            return text;
        }
        space.clear();
        if !self.utf8 || text.is_ascii() {
            space.extend_from_slice(text);
            space.make_ascii_lowercase();
            return space;
        }
        for chunk in text.utf8_chunks() {
            for character in chunk.valid().chars() {
                let mut lower = character.to_lowercase();
                let one = match (lower.next(), lower.next()) {
                    (Some(lower), None) => lower,
                    _ => character,
                };
                space.extend_from_slice(one.encode_utf8(&mut [0; 4]).as_bytes());
            }
            space.extend_from_slice(chunk.invalid());
        }
        space
    }

    fn owned(self, text: &[u8]) -> Vec<u8> {
        self.fold(text, &mut Vec::new()).to_vec()
    }

    fn offset(self, text: &[u8], number: usize) -> usize {
        if self.utf8 { character_offset(text, number) } else { number.min(text.len()) }
    }

    fn count(self, text: &[u8]) -> usize {
        if self.utf8 { count_characters(text) } else { text.len() }
    }

    /// The position, from 1, of a byte offset.
    pub(super) fn position(self, text: &[u8], offset: usize) -> u64 {
        self.count(&text[..offset]) as u64 + 1
    }
}

fn locate(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let haystack_first = context
        .settings
        .get("function_locate_has_mysql_compatible_argument_order")
        .is_some_and(|v| v == "0" || v == "false");
    if haystack_first {
        return position("locate", arguments, PLAIN);
    }
    let mut swapped = arguments.to_vec();
    swapped.swap(0, 1);
    let bound = position("locate", &swapped, PLAIN)?;
    let expr::Kernel::Plain(kernel) = bound.kernel else {
        bail!(LogicalError, "position is not a plain function");
    };
    Ok(Bound::new(DataType::UInt64, move |columns, rows| {
        let mut columns = columns.to_vec();
        columns.swap(0, 1);
        kernel(&columns, rows)
    }))
}

/// A search for a needle, folded, from a byte offset on.
fn search(
    function: &str,
    arguments: &[Argument],
    mode: Mode,
    result: impl Fn(&[u8], usize, &Finder<'_>) -> u64 + Send + Sync + 'static,
) -> Result<Bound> {
    let haystack = &arguments[0].data_type;
    if haystack.is_enum() {
        let mut inner = arguments.to_vec();
        inner[0] = Argument::of(DataType::String);
        let bound = search(function, &inner, mode, result)?;
        return super::any_text::first_as_text(haystack, bound);
    }
    require_text(function, arguments, 0)?;
    require_text(function, arguments, 1)?;
    if let Some(start) = arguments.get(2)
        && !start.data_type.is_unsigned_integer()
    {
        return Err(illegal(function, start));
    }
    let needle = arguments[1].constant.as_ref().and_then(|v| v.as_bytes());
    let constant = needle.map(|n| Finder::new(&mode.owned(n)).into_owned());
    Ok(Bound::new(DataType::UInt64, move |columns, rows| {
        let (texts, needles) = (Strings::new(&columns[0])?, Strings::new(&columns[1])?);
        let starts = columns.get(2).map(Integers::new).transpose()?;
        let mut space = Vec::new();
        let mut out = Vec::with_capacity(rows);
        for row in 0..rows {
            let text = mode.fold(texts.get(row), &mut space);
            let start = starts.as_ref().map_or(1, |s| s.get(row).max(1)) as usize - 1;
            if start > 0 && start > mode.count(text) {
                out.push(0);
                continue;
            }
            let from = mode.offset(text, start);
            out.push(match &constant {
                Some(finder) => result(text, from, finder),
                None => result(text, from, &Finder::new(&mode.owned(needles.get(row)))),
            });
        }
        Ok(numbers::<UInt64Type>(out))
    }))
}

fn position(function: &str, arguments: &[Argument], mode: Mode) -> Result<Bound> {
    search(function, arguments, mode, move |text, from, finder| {
        finder.find(&text[from..]).map_or(0, |at| mode.position(text, from + at))
    })
}

fn count(function: &str, arguments: &[Argument], mode: Mode) -> Result<Bound> {
    search(function, arguments, mode, |text, from, finder| {
        if finder.needle().is_empty() { 0 } else { finder.find_iter(&text[from..]).count() as u64 }
    })
}

fn ends(
    context: &FunctionContext,
    function: &str,
    arguments: &[Argument],
    mode: Mode,
    test: fn(&[u8], &[u8]) -> bool,
) -> Result<Bound> {
    if matches!(arguments[0].data_type, DataType::Array(_)) {
        return crate::collection::starts_or_ends(context, function, arguments);
    }
    require_text(function, arguments, 0)?;
    require_text(function, arguments, 1)?;
    let by_case_of_letters = function.ends_with("CaseInsensitiveUTF8");
    Ok(Bound::new(DataType::UInt8, move |columns, rows| {
        let (texts, parts) = (Strings::new(&columns[0])?, Strings::new(&columns[1])?);
        let (mut space, mut part_space) = (Vec::new(), Vec::new());
        let flags = (0..rows).map(|row| {
            let part = parts.get(row);
            // What is no UTF-8 has no case, and is nowhere found.
            if by_case_of_letters && std::str::from_utf8(part).is_err() {
                return 0;
            }
            let part = mode.fold(part, &mut part_space);
            u8::from(test(mode.fold(texts.get(row), &mut space), part))
        });
        Ok(numbers::<UInt8Type>(flags.collect()))
    }))
}

/// Bytes that stand between tokens.
fn separates(byte: u8) -> bool {
    byte.is_ascii() && !byte.is_ascii_alphanumeric()
}

fn contains_token(text: &[u8], finder: &Finder<'_>) -> bool {
    let length = finder.needle().len();
    let mut from = 0;
    while let Some(at) = finder.find(&text[from..]) {
        let (start, end) = (from + at, from + at + length);
        let free = |byte: Option<&u8>| byte.is_none_or(|b| separates(*b));
        if free(start.checked_sub(1).and_then(|at| text.get(at))) && free(text.get(end)) {
            return true;
        }
        from = start + 1;
    }
    false
}

fn token_kernel(token: &[u8], folded: bool) -> Bound {
    let mode = if folded { FOLDED } else { PLAIN };
    let finder = Finder::new(&mode.owned(token)).into_owned();
    Bound::new(DataType::UInt8, move |columns, rows| {
        let mut space = Vec::new();
        let mut out = Vec::with_capacity(rows);
        Strings::new(&columns[0])?.each(rows, |text| {
            out.push(u8::from(contains_token(mode.fold(text, &mut space), &finder)));
        });
        Ok(numbers::<UInt8Type>(out))
    })
}

fn has_token(function: &str, arguments: &[Argument], folded: bool) -> Result<Bound> {
    require_text(function, arguments, 0)?;
    let token = constant_text(function, arguments, 1)?;
    if token.is_empty() {
        bail!(BadArguments, "Needle cannot be empty, because empty string isn't a token");
    }
    if token.iter().any(|byte| separates(*byte)) {
        bail!(BadArguments, "Needle must not contain whitespace or separator characters");
    }
    Ok(token_kernel(&token, folded))
}

fn token_or_null(function: &str, arguments: &[Argument], folded: bool) -> Result<Bound> {
    require_text(function, arguments, 0)?;
    let token = constant_text(function, arguments, 1)?;
    let return_type = DataType::UInt8.nullable();
    if token.is_empty() || token.iter().any(|byte| separates(*byte)) {
        let constant = return_type.clone();
        return Ok(Bound::new(return_type, move |_, rows| {
            Column::constant(&constant, &Value::Null, rows)
        }));
    }
    Ok(Bound { return_type, ..token_kernel(&token, folded) })
}

fn subsequence(function: &str, arguments: &[Argument], mode: Mode) -> Result<Bound> {
    require_text(function, arguments, 0)?;
    require_text(function, arguments, 1)?;
    Ok(Bound::new(DataType::UInt8, move |columns, rows| {
        let (texts, needles) = (Strings::new(&columns[0])?, Strings::new(&columns[1])?);
        let (mut space, mut needle_space) = (Vec::new(), Vec::new());
        let flags = (0..rows).map(|row| {
            let mut text = mode.fold(texts.get(row), &mut space).iter();
            let needle = mode.fold(needles.get(row), &mut needle_space);
            let found = if mode.utf8 {
                let needle = String::from_utf8_lossy(needle);
                let text = String::from_utf8_lossy(text.as_slice());
                let mut text = text.chars();
                needle.chars().all(|c| text.any(|t| t == c))
            } else {
                needle.iter().all(|byte| text.any(|t| t == byte))
            };
            u8::from(found)
        });
        Ok(numbers::<UInt8Type>(flags.collect()))
    }))
}
