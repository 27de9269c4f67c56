//! Changes of single characters: translation, overlay, normal forms, escapes, sound.

use std::collections::HashMap;

use base::{Result, bail};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration, Registry};
use types::DataType;
use unicode_normalization::UnicodeNormalization;

use super::declare;
use super::strings::{
    BytesBuilder, Integers, Strings, character_offset, constant_text, count_characters,
    require_integer, require_text, slice, try_write, write,
};

pub(super) fn register(registry: &mut Registry) {
    registry.add_functions(FUNCTIONS);
}

static FUNCTIONS: &[FunctionDeclaration] = &[
    declare!("String", "translate", "translate(s, from, to)", "Replaces each byte found in `from` by the one at its place in `to`; those without a counterpart are removed.",
        "SELECT translate('hello', 'el', 'ip')" => "hippo", (3, 3), translate),
    declare!("String", "translateUTF8", "translateUTF8(s, from, to)", "As `translate`, for characters of UTF-8.",
        "SELECT translateUTF8('münchen', 'ü', 'u')" => "munchen", (3, 3), translate_utf8),
    declare!("String", "overlay", "overlay(s, replacement, offset[, length])", "The string with the bytes from an offset on (from 1; negative: from the end) replaced: as many as the replacement has, or `length`.",
        "SELECT overlay('granary', 'XX', 2)" => "gXXnary", (3, 4), |_, a| overlay("overlay", a, false), case_insensitive: true),
    declare!("String", "overlayUTF8", "overlayUTF8(s, replacement, offset[, length])", "As `overlay`, counting characters of UTF-8.",
        "SELECT overlayUTF8('née', 'X', 2)" => "nXe", (3, 4), |_, a| overlay("overlayUTF8", a, true), case_insensitive: true),
    declare!("String", "toValidUTF8", "toValidUTF8(s)", "The string with each run of bytes that are not UTF-8 replaced by U+FFFD.",
    "SELECT toValidUTF8(concat('a', unhex('FFFE'), 'b'))" => "a\u{FFFD}b", (1, 1), |_, a| {
        require_text("toValidUTF8", a, 0)?;
        Ok(write(to_valid))
    }),
    declare!("String", "normalizeUTF8NFC", "normalizeUTF8NFC(s)", "The Unicode normal form of composed characters.",
        "SELECT length(normalizeUTF8NFC('é'))" => "2", (1, 1), |_, a| normalize("normalizeUTF8NFC", a, |s| s.nfc().collect())),
    declare!("String", "normalizeUTF8NFD", "normalizeUTF8NFD(s)", "The Unicode normal form of decomposed characters.",
        "SELECT length(normalizeUTF8NFD('é'))" => "3", (1, 1), |_, a| normalize("normalizeUTF8NFD", a, |s| s.nfd().collect())),
    declare!("String", "normalizeUTF8NFKC", "normalizeUTF8NFKC(s)", "The Unicode normal form of composed characters, compatible ones made equal.",
        "SELECT normalizeUTF8NFKC('ﬁ')" => "fi", (1, 1), |_, a| normalize("normalizeUTF8NFKC", a, |s| s.nfkc().collect())),
    declare!("String", "normalizeUTF8NFKD", "normalizeUTF8NFKD(s)", "The Unicode normal form of decomposed characters, compatible ones made equal.",
        "SELECT length(normalizeUTF8NFKD('ﬁ'))" => "2", (1, 1), |_, a| normalize("normalizeUTF8NFKD", a, |s| s.nfkd().collect())),
    declare!("String", "soundex", "soundex(s)", "The Soundex code of an English name: a letter and three digits.",
        "SELECT soundex('Robert')" => "R163", (1, 1), |_, a| {
            require_text("soundex", a, 0)?;
            Ok(write(soundex))
        }, case_insensitive: true),
    declare!("String", "basename", "basename(path)", "What follows the last slash or backslash of a path.",
    "SELECT basename('/usr/bin/bash')" => "bash", (1, 1), |_, a| {
        require_text("basename", a, 0)?;
        Ok(slice(|path| match memchr::memrchr2(b'/', b'\\', path) {
            Some(at) => &path[at + 1..],
            None => path,
        }))
    }),
    declare!("String", "regexpQuoteMeta", "regexpQuoteMeta(s)", "The string with a backslash before each character that means something in a regular expression.",
    "SELECT regexpQuoteMeta('1.5')" => "1\\\\.5", (1, 1), |_, a| {
        require_text("regexpQuoteMeta", a, 0)?;
        Ok(write(|text, out| for byte in text {
            match byte {
                0 | b'\\' | b'(' | b')' | b'^' | b'$' | b'.' | b'[' | b']' | b'?' | b'*' | b'+'
                | b'{' | b':' | b'-' | b'|' => out.extend_from_slice(&[b'\\', *byte]),
                _ => out.push(*byte),
            }
        }))
    }),
    declare!("String", "encodeXMLComponent", "encodeXMLComponent(s)", "The string with `<`, `>`, `&` and quotes written as entities of XML.",
    "SELECT encodeXMLComponent('a<b')" => "a&lt;b", (1, 1), |_, a| {
        require_text("encodeXMLComponent", a, 0)?;
        Ok(write(|text, out| for byte in text {
            match byte {
                b'<' => out.extend_from_slice(b"&lt;"),
                b'>' => out.extend_from_slice(b"&gt;"),
                b'&' => out.extend_from_slice(b"&amp;"),
                b'"' => out.extend_from_slice(b"&quot;"),
                b'\'' => out.extend_from_slice(b"&apos;"),
                _ => out.push(*byte),
            }
        }))
    }),
    declare!("String", "decodeXMLComponent", "decodeXMLComponent(s)", "The string with XML's entities and character numbers read; unknown ones stay.",
    "SELECT decodeXMLComponent('a&lt;&#98;')" => "a<b", (1, 1), |_, a| {
        require_text("decodeXMLComponent", a, 0)?;
        Ok(try_write(|text, out| { decode_entities(text, out); Ok(()) }))
    }),
];

fn translate(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    require_text("translate", arguments, 0)?;
    let (from, to) =
        (constant_text("translate", arguments, 1)?, constant_text("translate", arguments, 2)?);
    if !from.is_ascii() || !to.is_ascii() {
        bail!(
            BadArguments,
            "Arguments 2 and 3 of function translate must be ASCII, use translateUTF8"
        );
    }
    let mut table: [Option<u8>; 256] = std::array::from_fn(|byte| Some(byte as u8));
    for (at, byte) in from.iter().enumerate().rev() {
        table[usize::from(*byte)] = to.get(at).copied();
    }
    Ok(write(move |text, out| {
        out.extend(text.iter().filter_map(|byte| table[usize::from(*byte)]));
    }))
}

fn translate_utf8(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    require_text("translateUTF8", arguments, 0)?;
    let (from, to) = (
        constant_text("translateUTF8", arguments, 1)?,
        constant_text("translateUTF8", arguments, 2)?,
    );
    let (Ok(from), Ok(to)) = (String::from_utf8(from), String::from_utf8(to)) else {
        bail!(BadArguments, "Arguments 2 and 3 of function translateUTF8 must be UTF-8");
    };
    let to: Vec<char> = to.chars().collect();
    let mut table: HashMap<char, Option<char>> = HashMap::new();
    for (at, character) in from.chars().enumerate() {
        table.entry(character).or_insert(to.get(at).copied());
    }
    Ok(write(move |text, out| {
        let mut buffer = [0; 4];
        for chunk in text.utf8_chunks() {
            for character in chunk.valid().chars() {
                if let Some(new) = table.get(&character).copied().unwrap_or(Some(character)) {
                    out.extend_from_slice(new.encode_utf8(&mut buffer).as_bytes());
                }
            }
            out.extend_from_slice(chunk.invalid());
        }
    }))
}

fn overlay(function: &str, arguments: &[Argument], utf8: bool) -> Result<Bound> {
    require_text(function, arguments, 0)?;
    require_text(function, arguments, 1)?;
    require_integer(function, arguments, 2)?;
    require_integer(function, arguments, 3)?;
    let count: fn(&[u8]) -> usize = if utf8 { count_characters } else { <[u8]>::len };
    let offset: fn(&[u8], usize) -> usize =
        if utf8 { character_offset } else { |text, n| n.min(text.len()) };
    Ok(Bound::new(DataType::String, move |columns, rows| {
        let (texts, new) = (Strings::new(&columns[0])?, Strings::new(&columns[1])?);
        let at = Integers::new(&columns[2])?;
        let lengths = columns.get(3).map(Integers::new).transpose()?;
        let mut out = BytesBuilder::new(rows);
        for row in 0..rows {
            let (text, new) = (texts.get(row), new.get(row));
            let total = count(text) as i64;
            let from = match at.get(row) {
                0 => total,
                at if at > 0 => (at - 1).min(total),
                at => total.saturating_add(at).max(0),
            };
            let length = lengths.as_ref().map(|l| l.get(row)).filter(|l| *l >= 0);
            let to = from.saturating_add(length.unwrap_or(count(new) as i64)).min(total);
            out.append_with(|out| {
                out.extend_from_slice(&text[..offset(text, from as usize)]);
                out.extend_from_slice(new);
                out.extend_from_slice(&text[offset(text, to as usize)..]);
            });
        }
        out.column()
    }))
}

fn to_valid(text: &[u8], out: &mut Vec<u8>) {
    let mut in_run = false;
    for chunk in text.utf8_chunks() {
        if !chunk.valid().is_empty() {
            in_run = false;
        }
        out.extend_from_slice(chunk.valid().as_bytes());
        if !chunk.invalid().is_empty() && !std::mem::replace(&mut in_run, true) {
            out.extend_from_slice("\u{FFFD}".as_bytes());
        }
    }
}

fn normalize(
    function: &'static str,
    arguments: &[Argument],
    form: fn(&str) -> String,
) -> Result<Bound> {
    require_text(function, arguments, 0)?;
    Ok(try_write(move |text, out| {
        let Ok(text) = std::str::from_utf8(text) else {
            bail!(CannotParseText, "Function {function} got a string that is not UTF-8");
        };
        out.extend_from_slice(form(text).as_bytes());
        Ok(())
    }))
}

/// The class of sound of a letter; vowels and H, W, Y have none.
fn sound(letter: u8) -> u8 {
    match letter {
        b'B' | b'F' | b'P' | b'V' => b'1',
        b'C' | b'G' | b'J' | b'K' | b'Q' | b'S' | b'X' | b'Z' => b'2',
        b'D' | b'T' => b'3',
        b'L' => b'4',
        b'M' | b'N' => b'5',
        b'R' => b'6',
        _ => 0,
    }
}

fn soundex(text: &[u8], out: &mut Vec<u8>) {
    let mut letters = text.iter().filter(|b| b.is_ascii_alphabetic()).map(u8::to_ascii_uppercase);
    let mut code = *b"0000";
    if let Some(first) = letters.next() {
        code[0] = first;
        let (mut at, mut last) = (1, sound(first));
        for letter in letters {
            let class = sound(letter);
            if class != 0 && class != last {
                code[at] = class;
                at += 1;
                if at == 4 {
                    break;
                }
            }
            // H and W do not part letters of one sound, vowels do.
            if !matches!(letter, b'H' | b'W') {
                last = class;
            }
        }
    } else {
        // Nothing to sound: four zeros.
    }
    out.extend_from_slice(&code);
}

fn decode_entities(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'&', rest) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        let end = rest.iter().take(12).position(|b| *b == b';');
        let decoded = end.and_then(|end| entity(&rest[1..end]));
        match (decoded, end) {
            (Some(character), Some(end)) => {
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                rest = &rest[end + 1..];
            }
            _ => {
                out.push(b'&');
                rest = &rest[1..];
            }
        }
    }
    out.extend_from_slice(rest);
}

fn entity(name: &[u8]) -> Option<char> {
    match name {
        b"lt" => return Some('<'),
        b"gt" => return Some('>'),
        b"amp" => return Some('&'),
        b"quot" => return Some('"'),
        b"apos" => return Some('\''),
        _ => {}
    }
    let digits = std::str::from_utf8(name.strip_prefix(b"#")?).ok()?;
    let number = match digits.strip_prefix(['x', 'X']) {
        Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok()?,
        None => digits.parse().ok()?,
    };
    char::from_u32(number)
}
