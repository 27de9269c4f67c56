//! Escaping of strings, and back.

use base::{Result, bail};

use super::cursor::{Cursor, visible};

/// What a byte is written as behind a backslash in TabSeparated and in quotes; 0: as it is.
const BACKSLASHED: [u8; 256] = {
    let mut table = [0; 256];
    table[0] = b'0';
    table[0x08] = b'b';
    table[0x0c] = b'f';
    table[b'\n' as usize] = b'n';
    table[b'\r' as usize] = b'r';
    table[b'\t' as usize] = b't';
    table[b'\\' as usize] = b'\\';
    table[b'\'' as usize] = b'\'';
    table
};

/// Appends a string with backslashes before what TabSeparated and quotes cannot hold.
pub(crate) fn write_backslashed(text: &[u8], out: &mut Vec<u8>) {
    let mut done = 0;
    for (at, byte) in text.iter().enumerate() {
        let code = BACKSLASHED[usize::from(*byte)];
        if code != 0 {
            out.extend_from_slice(&text[done..at]);
            out.extend_from_slice(&[b'\\', code]);
            done = at + 1;
        }
    }
    out.extend_from_slice(&text[done..]);
}

/// Appends a string in single quotes.
pub(crate) fn write_quoted(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'\'');
    write_backslashed(text, out);
    out.push(b'\'');
}

/// Appends a string in double quotes, its own ones doubled.
pub(crate) fn write_csv(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'"', rest) {
        out.extend_from_slice(&rest[..=at]);
        out.push(b'"');
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// Bytes that may need a look in JSON: control characters, quotes, backslash, slash and the
/// first byte of U+2028 and U+2029.
const JSON_SPECIAL: [bool; 256] = {
    let mut table = [false; 256];
    let mut at = 0;
    while at < 0x20 {
        table[at] = true;
        at += 1;
    }
    table[b'"' as usize] = true;
    table[b'\\' as usize] = true;
    table[b'/' as usize] = true;
    table[0xe2] = true;
    table
};

/// Appends a JSON string with its quotes. Bytes that are no UTF-8 go through as they are.
pub(crate) fn write_json(text: &[u8], escape_slashes: bool, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut done = 0;
    for (at, byte) in text.iter().enumerate() {
        if !JSON_SPECIAL[usize::from(*byte)] {
            continue;
        }
        let mut code = [b'\\', b'u', b'0', b'0', 0, 0];
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0x08 => b"\\b",
            0x0c => b"\\f",
            b'/' if escape_slashes => b"\\/",
            b'/' => continue,
            0xe2 => {
                let escape: &[u8] = match text.get(at + 1..at + 3) {
                    Some([0x80, 0xa8]) => b"\\u2028",
                    Some([0x80, 0xa9]) => b"\\u2029",
                    _ => continue,
                };
                out.extend_from_slice(&text[done..at]);
                out.extend_from_slice(escape);
                done = at + 3;
                continue;
            }
            other => {
                code[4] = b'0' + (other >> 4);
                code[5] = b"0123456789ABCDEF"[usize::from(other & 15)];
                &code
            }
        };
        out.extend_from_slice(&text[done..at]);
        out.extend_from_slice(escape);
        done = at + 1;
    }
    out.extend_from_slice(&text[done..]);
    out.push(b'"');
}

/// Appends text for the inside of an XML element.
pub(crate) fn write_xml(text: &[u8], out: &mut Vec<u8>) {
    for byte in text {
        match byte {
            b'<' => out.extend_from_slice(b"&lt;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            other => out.push(*other),
        }
    }
}

/// Reads what follows a backslash in TabSeparated or in quotes. The cursor is behind it.
///
/// # Errors
/// CANNOT_PARSE_ESCAPE_SEQUENCE at the end of the text.
fn read_escape(cursor: &mut Cursor<'_>, out: &mut Vec<u8>) -> Result<()> {
    let Some(code) = cursor.peek() else {
        bail!(CannotParseEscapeSequence, "Cannot parse escape sequence: nothing follows the \\");
    };
    cursor.advance(1);
    let byte = match code {
        b'x' => {
            let digits = cursor.rest().get(..2).and_then(|d| std::str::from_utf8(d).ok());
            match digits.and_then(|d| u8::from_str_radix(d, 16).ok()) {
                Some(byte) => {
                    cursor.advance(2);
                    byte
                }
                None => bail!(
                    CannotParseEscapeSequence,
                    "Cannot parse escape sequence: \\x needs two hexadecimal digits, found '{}'",
                    visible(cursor.rest())
                ),
            }
        }
        b'N' => return Ok(()),
        b'a' => 0x07,
        b'b' => 0x08,
        b'e' => 0x1b,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0b,
        b'0' => 0,
        b'\\' | b'\'' | b'"' | b'`' | b'/' | b'=' | b'\t' | b'\n' => code,
        other => {
            out.push(b'\\');
            other
        }
    };
    out.push(byte);
    Ok(())
}

/// Reads a TabSeparated field up to a tab, a line feed or the end, which stay unread.
pub(crate) fn read_tab_separated(cursor: &mut Cursor<'_>, out: &mut Vec<u8>) -> Result<()> {
    loop {
        let rest = cursor.rest();
        let run = memchr::memchr3(b'\t', b'\n', b'\\', rest).unwrap_or(rest.len());
        out.extend_from_slice(&rest[..run]);
        cursor.advance(run);
        if !cursor.eat(b'\\') {
            return Ok(());
        }
        read_escape(cursor, out)?;
    }
}

/// Reads a key of TSKV up to `=`; tab and line feed end it too.
pub(crate) fn read_tskv_key(cursor: &mut Cursor<'_>, out: &mut Vec<u8>) -> Result<()> {
    while let Some(byte) = cursor.peek() {
        match byte {
            b'=' | b'\t' | b'\n' => break,
            b'\\' => {
                cursor.advance(1);
                read_escape(cursor, out)?;
            }
            other => {
                out.push(other);
                cursor.advance(1);
            }
        }
    }
    Ok(())
}

/// Reads a string in the given quotes, with backslashes and doubled quotes.
///
/// # Errors
/// CANNOT_PARSE_QUOTED_STRING without quotes around it, CANNOT_PARSE_ESCAPE_SEQUENCE.
pub(crate) fn read_quoted(cursor: &mut Cursor<'_>, quote: u8, out: &mut Vec<u8>) -> Result<()> {
    if !cursor.eat(quote) {
        bail!(
            CannotParseQuotedString,
            "Cannot parse quoted string: expected opening quote '{}', got '{}'",
            char::from(quote),
            visible(cursor.rest())
        );
    }
    loop {
        let rest = cursor.rest();
        let Some(run) = memchr::memchr2(quote, b'\\', rest) else {
            bail!(
                CannotParseQuotedString,
                "Cannot parse quoted string: expected closing quote '{}' before the end",
                char::from(quote)
            );
        };
        out.extend_from_slice(&rest[..run]);
        cursor.advance(run + 1);
        if rest[run] == b'\\' {
            read_escape(cursor, out)?;
        } else if cursor.eat(quote) {
            out.push(quote);
        } else {
            return Ok(());
        }
    }
}

/// Reads a CSV field in the given quotes, doubled quotes standing for one.
///
/// # Errors
/// CANNOT_PARSE_QUOTED_STRING when the closing quote is missing.
pub(crate) fn read_csv_quoted(cursor: &mut Cursor<'_>, quote: u8, out: &mut Vec<u8>) -> Result<()> {
    cursor.expect(quote)?;
    loop {
        let rest = cursor.rest();
        let Some(run) = memchr::memchr(quote, rest) else {
            bail!(
                CannotParseQuotedString,
                "Cannot parse CSV field: expected closing quote '{}' before the end",
                char::from(quote)
            );
        };
        out.extend_from_slice(&rest[..run]);
        cursor.advance(run + 1);
        if !cursor.eat(quote) {
            return Ok(());
        }
        out.push(quote);
    }
}

/// Reads a JSON string with its quotes.
///
/// # Errors
/// CANNOT_PARSE_INPUT_ASSERTION_FAILED without quotes, CANNOT_PARSE_ESCAPE_SEQUENCE.
pub(crate) fn read_json(cursor: &mut Cursor<'_>, out: &mut Vec<u8>) -> Result<()> {
    cursor.expect(b'"')?;
    loop {
        let rest = cursor.rest();
        let Some(run) = memchr::memchr2(b'"', b'\\', rest) else {
            cursor.advance(rest.len());
            return Err(cursor.expected(b"\""));
        };
        out.extend_from_slice(&rest[..run]);
        cursor.advance(run + 1);
        if rest[run] == b'"' {
            return Ok(());
        }
        read_json_escape(cursor, out)?;
    }
}

/// Reads what follows a backslash in JSON. The cursor is behind it.
fn read_json_escape(cursor: &mut Cursor<'_>, out: &mut Vec<u8>) -> Result<()> {
    let Some(code) = cursor.peek() else {
        bail!(CannotParseEscapeSequence, "Cannot parse escape sequence: nothing follows the \\");
    };
    cursor.advance(1);
    out.push(match code {
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'u' => {
            let mut point = u32::from(read_four_hex(cursor)?);
            if (0xd800..0xdc00).contains(&point) {
                if !(cursor.eat(b'\\') && cursor.eat(b'u')) {
                    bail!(
                        CannotParseEscapeSequence,
                        "Cannot parse escape sequence: missing second part of surrogate pair"
                    );
                }
                let low = u32::from(read_four_hex(cursor)?);
                if !(0xdc00..0xe000).contains(&low) {
                    bail!(
                        CannotParseEscapeSequence,
                        "Incorrect surrogate pair of unicode escape sequences in JSON"
                    );
                }
                point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
            }
            let c = char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER);
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            return Ok(());
        }
        other => other,
    });
    Ok(())
}

fn read_four_hex(cursor: &mut Cursor<'_>) -> Result<u16> {
    let digits = cursor.rest().get(..4).filter(|d| d.iter().all(u8::is_ascii_hexdigit));
    let code = digits
        .and_then(|d| std::str::from_utf8(d).ok())
        .and_then(|d| u16::from_str_radix(d, 16).ok());
    let Some(code) = code else {
        bail!(
            CannotParseEscapeSequence,
            "Cannot parse escape sequence: \\u needs four hexadecimal digits, found '{}'",
            visible(cursor.rest())
        );
    };
    cursor.advance(4);
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::{
        Cursor, read_csv_quoted, read_json, read_quoted, read_tab_separated, write_backslashed,
        write_csv, write_json,
    };

    const ODD: &[u8] = b"a\tb\nc\\d'e\"f\0g\x08\x0c\r\x01\xff/";

    #[test]
    fn escapes_are_clickhouses() {
        let mut out = Vec::new();
        write_backslashed(ODD, &mut out);
        assert_eq!(out, b"a\\tb\\nc\\\\d\\'e\"f\\0g\\b\\f\\r\x01\xff/");
        out.clear();
        write_json("\u{2028}é/\u{1f}".as_bytes(), true, &mut out);
        assert_eq!(out, "\"\\u2028é\\/\\u001F\"".as_bytes());
    }

    #[test]
    fn every_escaping_reads_back() {
        let mut text = Vec::new();
        let mut back = Vec::new();
        write_backslashed(ODD, &mut text);
        read_tab_separated(&mut Cursor::new(&text), &mut back).unwrap();
        assert_eq!(back, ODD);
        text.insert(0, b'\'');
        text.push(b'\'');
        back.clear();
        read_quoted(&mut Cursor::new(&text), b'\'', &mut back).unwrap();
        assert_eq!(back, ODD);
        text.clear();
        back.clear();
        write_csv(ODD, &mut text);
        read_csv_quoted(&mut Cursor::new(&text), b'"', &mut back).unwrap();
        assert_eq!(back, ODD);
        text.clear();
        back.clear();
        write_json(ODD, true, &mut text);
        read_json(&mut Cursor::new(&text), &mut back).unwrap();
        assert_eq!(back, ODD);
    }

    #[test]
    fn json_knows_surrogates_and_refuses_halves() {
        let mut out = Vec::new();
        read_json(&mut Cursor::new(br#""\u0041\ud83d\ude00\/\x""#), &mut out).unwrap();
        assert_eq!(out, "A😀/x".as_bytes());
        for bad in [r#""\ud83d""#, r#""\ud83d\u0041""#, r#""\u12"#, r#""abc"#, r#""\"#] {
            assert!(read_json(&mut Cursor::new(bad.as_bytes()), &mut out).is_err(), "{bad}");
        }
    }
}
