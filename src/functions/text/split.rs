//! Strings taken apart into arrays.

use base::{Result, bail};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration, Registry};
use memchr::memmem;
use types::DataType;

use super::declare;
use super::pattern::Pattern;
use super::strings::{
    Integers, StringListBuilder, Strings, constant_text, require_integer, require_text,
    starts_character,
};

pub(super) fn register(registry: &mut Registry) {
    registry.add_functions(FUNCTIONS);
}

static FUNCTIONS: &[FunctionDeclaration] = &[
    declare!("String splitting", "splitByChar", "splitByChar(separator, s[, limit])", "The parts of a string between separators of one byte; with a limit, only the first parts.",
        "SELECT splitByChar(',', 'a,b')" => "['a','b']", (2, 3), |_, a| by_char(a)),
    declare!("String splitting", "splitByString", "splitByString(separator, s[, limit])", "The parts of a string between separators; its bytes if the separator is empty.",
    "SELECT splitByString(', ', 'a, b')" => "['a','b']", (2, 3), |_, a| {
        let separator = constant_text("splitByString", a, 0)?;
        separated("splitByString", a, separator)
    }),
    declare!("String splitting", "splitByRegexp", "splitByRegexp(pattern, s[, limit])", "The parts of a string between matches of a regular expression.",
        "SELECT splitByRegexp('\\\\d', 'a1b2c')" => "['a','b','c']", (2, 3), by_regexp),
    declare!("String splitting", "splitByWhitespace", "splitByWhitespace(s[, limit])", "The parts of a string between white space.",
        "SELECT splitByWhitespace(' a b ')" => "['a','b']", (1, 2), |_, a| runs("splitByWhitespace", a, |b| !is_space(b))),
    declare!("String splitting", "splitByNonAlpha", "splitByNonAlpha(s[, limit])", "The parts of a string between white space and ASCII punctuation.",
        "SELECT splitByNonAlpha('a, b-1')" => "['a','b','1']", (1, 2), |_, a| runs("splitByNonAlpha", a, |b| !is_space(b) && !b.is_ascii_punctuation())),
    declare!("String splitting", "alphaTokens", "alphaTokens(s[, limit])", "The runs of letters a to z and A to Z.",
        "SELECT alphaTokens('ab1c')" => "['ab','c']", (1, 2), |_, a| runs("alphaTokens", a, |b| b.is_ascii_alphabetic()), aliases: &["splitByAlpha"]),
    declare!("String splitting", "ngrams", "ngrams(s, n)", "All runs of n characters.",
        "SELECT ngrams('abcd', 3)" => "['abc','bcd']", (2, 2), ngrams),
    declare!("String splitting", "reverseBySeparator", "reverseBySeparator(s[, separator])", "The parts between separators (`.`) in reverse order.",
        "SELECT reverseBySeparator('www.example.com')" => "com.example.www", (1, 2), reverse_by_separator),
];

/// White space as the C locale knows it.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0B | 0x0C)
}

/// A function from a string to parts; `limit` at `limit_at` cuts them short.
fn parts(
    function: &str,
    arguments: &[Argument],
    text_at: usize,
    f: impl Fn(&[u8], &mut dyn FnMut(&[u8]) -> bool) + Send + Sync + 'static,
) -> Result<Bound> {
    require_text(function, arguments, text_at)?;
    require_integer(function, arguments, text_at + 1)?;
    Ok(Bound::new(DataType::array(DataType::String), move |columns, rows| {
        let strings = Strings::new(&columns[text_at])?;
        let limits = columns.get(text_at + 1).map(Integers::new).transpose()?;
        let mut out = StringListBuilder::new(rows);
        for row in 0..rows {
            let limit = limits.as_ref().map_or(0, |l| l.get(row).max(0));
            let mut count = 0;
            f(strings.get(row), &mut |part| {
                out.item(part);
                count += 1;
                count != limit
            });
            out.end_row();
        }
        out.column()
    }))
}

fn by_char(arguments: &[Argument]) -> Result<Bound> {
    let separator = constant_text("splitByChar", arguments, 0)?;
    let [byte] = separator[..] else {
        bail!(BadArguments, "Illegal separator for function splitByChar. Must be exactly one byte");
    };
    parts("splitByChar", arguments, 1, move |mut text, emit| {
        while let Some(at) = memchr::memchr(byte, text) {
            if !emit(&text[..at]) {
                return;
            }
            text = &text[at + 1..];
        }
        emit(text);
    })
}

fn separated(function: &str, arguments: &[Argument], separator: Vec<u8>) -> Result<Bound> {
    if separator.is_empty() {
        return parts(function, arguments, 1, each_byte);
    }
    let finder = memmem::Finder::new(&separator).into_owned();
    let length = separator.len();
    parts(function, arguments, 1, move |mut text, emit| {
        while let Some(at) = finder.find(text) {
            if !emit(&text[..at]) {
                return;
            }
            text = &text[at + length..];
        }
        emit(text);
    })
}

fn each_byte(text: &[u8], emit: &mut dyn FnMut(&[u8]) -> bool) {
    let _ = text.chunks(1).all(emit);
}

fn by_regexp(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let source = constant_text("splitByRegexp", arguments, 0)?;
    if source.is_empty() {
        return parts("splitByRegexp", arguments, 1, each_byte);
    }
    let pattern = Pattern::new(&source)?;
    parts("splitByRegexp", arguments, 1, move |text, emit| {
        let mut from = 0;
        // A match of nothing ends the splitting.
        while let Some((start, end)) = pattern.find(text, from).filter(|(start, end)| end > start) {
            if !emit(&text[from..start]) {
                return;
            }
            from = end;
        }
        emit(&text[from..]);
    })
}

/// Runs of bytes of a kind.
fn runs(function: &str, arguments: &[Argument], kept: fn(u8) -> bool) -> Result<Bound> {
    parts(function, arguments, 0, move |text, emit| {
        for part in text.split(|byte| !kept(*byte)) {
            if !part.is_empty() && !emit(part) {
                return;
            }
        }
    })
}

fn each_ngram(text: &[u8], length: usize, emit: &mut dyn FnMut(&[u8])) {
    let mut starts: Vec<usize> = (0..text.len()).filter(|at| starts_character(text[*at])).collect();
    starts.push(text.len());
    for window in starts.windows(length + 1) {
        emit(&text[window[0]..window[length]]);
    }
}

fn ngrams(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    require_text("ngrams", arguments, 0)?;
    let length = arguments[1].constant.as_ref().and_then(|v| v.as_int());
    match length {
        Some(length) if (1..=1024).contains(&length) => {
            Ok(super::strings::list(move |text, emit| each_ngram(text, length as usize, emit)))
        }
        _ => bail!(BadArguments, "The length of ngrams must be a constant from 1 to 1024"),
    }
}

fn reverse_by_separator(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    require_text("reverseBySeparator", arguments, 0)?;
    let separator = match arguments.get(1) {
        Some(_) => constant_text("reverseBySeparator", arguments, 1)?,
        None => b".".to_vec(),
    };
    if separator.is_empty() {
        return Ok(super::strings::write(|text, out| out.extend(text.iter().rev())));
    }
    Ok(super::strings::write(move |text, out| {
        let mut end = text.len();
        let starts: Vec<usize> = memmem::find_iter(text, &separator).collect();
        for start in starts.into_iter().rev() {
            out.extend_from_slice(&text[start + separator.len()..end]);
            out.extend_from_slice(&separator);
            end = start;
        }
        out.extend_from_slice(&text[..end]);
    }))
}
