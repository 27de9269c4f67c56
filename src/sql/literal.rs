//! Quotes and escapes: the text of a literal or a name to its value and back.

use base::{Result, bail};
use std::borrow::Cow;
use std::fmt::Write;

/// The value of `'...'`, a quoted name, and the like: the text within quotes with its escapes
/// undone, as ClickHouse does: an unknown escape keeps its backslash.
pub(crate) fn unescape(inside: &[u8], quote: u8) -> Vec<u8> {
    let mut value = Vec::with_capacity(inside.len());
    let mut rest = inside;
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (*first, tail) {
            (b'\\', [escape, after @ ..]) => {
                rest = after;
                unescape_one(*escape, &mut rest, &mut value);
            }
            (byte, [next, after @ ..]) if byte == quote && *next == quote => {
                value.push(quote);
                rest = after;
            }
            (byte, _) => value.push(byte),
        }
    }
    value
}

fn unescape_one(escape: u8, rest: &mut &[u8], value: &mut Vec<u8>) {
    let byte = match escape {
        b'a' => 0x07,
        b'b' => 0x08,
        b'e' => 0x1b,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0b,
        b'0' => 0,
        b'N' => return,
        b'\\' | b'\'' | b'"' | b'`' | b'/' | b'=' => escape,
        b'x' => {
            if let [high, low, after @ ..] = *rest
                && let (Some(high), Some(low)) = (hex_digit(*high), hex_digit(*low))
            {
                value.push(high * 16 + low);
                *rest = after;
                return;
            }
            value.push(b'\\');
            escape
        }
        _ => {
            value.push(b'\\');
            escape
        }
    };
    value.push(byte);
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// The bytes of `x'...'`; an odd count of digits has a zero in front.
pub(crate) fn hex_string(digits: &[u8]) -> Result<Vec<u8>> {
    digit_string::<16>(digits, 2)
}

/// The bytes of `b'...'`.
pub(crate) fn binary_string(digits: &[u8]) -> Result<Vec<u8>> {
    digit_string::<2>(digits, 8)
}

fn digit_string<const RADIX: u32>(digits: &[u8], per_byte: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(digits.len() / per_byte + 1);
    for group in digits.rchunks(per_byte).rev() {
        let mut byte = 0;
        for character in group {
            let Some(digit) = char::from(*character).to_digit(RADIX) else {
                bail!(
                    SyntaxError,
                    "Syntax error: '{}' is no digit to the base {RADIX} in a string literal",
                    char::from(*character)
                );
            };
            byte = byte * RADIX + digit;
        }
        bytes.push(byte as u8);
    }
    Ok(bytes)
}

/// A string as a literal in quotes, with ClickHouse's escapes. Bytes that are not UTF-8 become
/// `\xHH`, which ClickHouse reads back too.
pub fn quote_string(value: &[u8]) -> String {
    let mut text = String::with_capacity(value.len() + 2);
    text.push('\'');
    escape_into(&mut text, value, '\'');
    text.push('\'');
    text
}

/// A name as it must stand in a query: in back-ticks where it is not a plain word.
pub fn quote_identifier(name: &str) -> Cow<'_, str> {
    let mut bytes = name.bytes();
    let plain = bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !is_reserved(name);
    if plain {
        return Cow::Borrowed(name);
    }
    let mut text = String::with_capacity(name.len() + 2);
    text.push('`');
    escape_into(&mut text, name.as_bytes(), '`');
    text.push('`');
    Cow::Owned(text)
}

fn escape_into(text: &mut String, value: &[u8], quote: char) {
    for chunk in value.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' => text.push_str("\\\\"),
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                '\t' => text.push_str("\\t"),
                '\0' => text.push_str("\\0"),
                '\u{8}' => text.push_str("\\b"),
                '\u{c}' => text.push_str("\\f"),
                _ if character == quote => {
                    text.push('\\');
                    text.push(quote);
                }
                _ => text.push(character),
            }
        }
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(text, "\\x{byte:02X}");
        }
    }
}

/// Words that would be read as a keyword where a name may stand, sorted.
const RESERVED: &[&str] = &[
    "ALL",
    "AND",
    "ANTI",
    "ANY",
    "APPLY",
    "ARRAY",
    "AS",
    "ASC",
    "ASOF",
    "BETWEEN",
    "BY",
    "CASE",
    "CONSTRAINT",
    "CROSS",
    "DESC",
    "DISTINCT",
    "DIV",
    "ELSE",
    "EXCEPT",
    "EXCLUDE",
    "FALSE",
    "FETCH",
    "FINAL",
    "FORMAT",
    "FROM",
    "FULL",
    "GLOBAL",
    "GROUP",
    "HAVING",
    "IGNORE",
    "ILIKE",
    "IN",
    "INDEX",
    "INF",
    "INNER",
    "INTERPOLATE",
    "INTERSECT",
    "INTERVAL",
    "INTO",
    "IS",
    "JOIN",
    "LEFT",
    "LIKE",
    "LIMIT",
    "LOCAL",
    "MATERIALIZED",
    "MOD",
    "NAN",
    "NATURAL",
    "NOT",
    "NULL",
    "NULLS",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "OVER",
    "PASTE",
    "PREWHERE",
    "PRIMARY",
    "PROJECTION",
    "QUALIFY",
    "REGEXP",
    "REPLACE",
    "RESPECT",
    "RIGHT",
    "SAMPLE",
    "SELECT",
    "SEMI",
    "SETTINGS",
    "TABLE",
    "THEN",
    "TOP",
    "TRUE",
    "UNION",
    "USING",
    "WHEN",
    "WHERE",
    "WINDOW",
    "WITH",
];

fn is_reserved(name: &str) -> bool {
    name.len() <= 12 && RESERVED.binary_search(&name.to_ascii_uppercase().as_str()).is_ok()
}
