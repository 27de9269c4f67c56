//! Walking over JSON without building it.

use base::{Result, bail};

use super::cursor::Cursor;
use super::escape;

/// How deep brackets may be nested.
const MAX_DEPTH: usize = 1000;

/// Reads a string and gives its content: borrowed where it has no escapes, else from `buffer`.
pub(crate) fn read_string<'a>(
    cursor: &mut Cursor<'a>,
    buffer: &'a mut Vec<u8>,
) -> Result<&'a [u8]> {
    if let [b'"', rest @ ..] = cursor.rest()
        && let Some(end) = memchr::memchr2(b'"', b'\\', rest)
        && rest[end] == b'"'
    {
        cursor.advance(end + 2);
        return Ok(&rest[..end]);
    }
    buffer.clear();
    escape::read_json(cursor, buffer)?;
    Ok(buffer)
}

/// Moves behind a string.
pub(crate) fn skip_string(cursor: &mut Cursor<'_>) -> Result<()> {
    cursor.expect(b'"')?;
    loop {
        let rest = cursor.rest();
        let Some(at) = memchr::memchr2(b'"', b'\\', rest) else {
            cursor.advance(rest.len());
            return Err(cursor.expected(b"\""));
        };
        cursor.advance(at + 1);
        if rest[at] == b'"' {
            return Ok(());
        }
        cursor.advance(1);
    }
}

/// Moves behind a value of any kind. Brackets must match; what lies between them is only
/// looked at as far as that needs.
pub(crate) fn skip_value(cursor: &mut Cursor<'_>) -> Result<()> {
    let mut open: Vec<u8> = Vec::new();
    loop {
        cursor.skip_spaces();
        match cursor.peek() {
            None => return Err(cursor.expected(b"value")),
            Some(b'"') => skip_string(cursor)?,
            Some(bracket @ (b'{' | b'[')) => {
                if open.len() >= MAX_DEPTH {
                    bail!(IncorrectData, "JSON is nested deeper than {MAX_DEPTH} levels");
                }
                open.push(bracket + 2);
                cursor.advance(1);
            }
            Some(bracket @ (b'}' | b']')) => {
                if open.pop() != Some(bracket) {
                    return Err(cursor.expected(b"value"));
                }
                cursor.advance(1);
            }
            Some(b',' | b':') if !open.is_empty() => {
                cursor.advance(1);
                continue;
            }
            Some(_) => skip_token(cursor)?,
        }
        if open.is_empty() {
            return Ok(());
        }
    }
}

/// Moves behind a number, `true`, `false` or `null`.
fn skip_token(cursor: &mut Cursor<'_>) -> Result<()> {
    let is_part = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
    let length = cursor.rest().iter().take_while(|b| is_part(b)).count();
    if length == 0 {
        return Err(cursor.expected(b"value"));
    }
    cursor.advance(length);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Cursor, skip_value};

    #[test]
    fn values_are_skipped_whole() {
        for text in [r#"{"a": [1, "]", {"b\"": null}]}"#, "-1.5e3", "true", r#""x\\""#, "[]"] {
            let longer = format!("{text},rest");
            let mut cursor = Cursor::new(longer.as_bytes());
            skip_value(&mut cursor).unwrap();
            assert_eq!(cursor.rest(), b",rest", "{text}");
        }
        for bad in ["", "[1", "{]", "]", "\"abc", &"[".repeat(5000)] {
            assert!(skip_value(&mut Cursor::new(bad.as_bytes())).is_err(), "{bad:.20}");
        }
    }
}
