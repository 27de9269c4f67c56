//! `multipart/form-data` bodies, taken apart in memory.
//!
//! The whole body is one buffer of bounded size, and the content of every part a slice of it.

use base::{Result, bail};
use bytes::Bytes;
use memchr::memmem;

/// The most parts of one body.
const MAX_PARTS: usize = 1000;

/// One part of a form.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) name: String,
    /// Whether it was sent as a file.
    pub(crate) file: bool,
    pub(crate) content: Bytes,
}

/// The boundary of a `Content-Type` header, where that is a form's.
pub(crate) fn boundary(content_type: &str) -> Option<Result<String>> {
    let (kind, rest) = content_type.split_once(';').unwrap_or((content_type, ""));
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = attribute(rest, "boundary").filter(|b| !b.is_empty() && b.len() <= 200);
    Some(boundary.ok_or_else(|| {
        base::error!(
            BadArguments,
            "The Content-Type {content_type:?} needs a boundary of 1 to 200 characters"
        )
    }))
}

/// The value of `name=value` or `name="value"` in a header's `;`-separated fields.
fn attribute(fields: &str, name: &str) -> Option<String> {
    let mut rest = fields;
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=')?;
        let key = key.trim_matches([';', ' ', '\t']);
        let (value, after) = match after.strip_prefix('"') {
            None => {
                let (value, after) = after.split_once(';').unwrap_or((after, ""));
                (value.trim().to_owned(), after)
            }
            Some(quoted) => unquote(quoted),
        };
        if key.eq_ignore_ascii_case(name) {
            return Some(value);
        }
        rest = after;
    }
    None
}

/// The text up to the closing quote, and what follows it.
fn unquote(quoted: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}

/// Takes a form apart.
pub(crate) fn parse(body: &Bytes, boundary: &str) -> Result<Vec<Part>> {
    let delimiter = format!("--{boundary}");
    let separator = format!("\r\n--{boundary}");
    let separator = memmem::Finder::new(separator.as_bytes());
    let mut at = if body.starts_with(delimiter.as_bytes()) {
        delimiter.len()
    } else {
        match separator.find(body) {
            Some(start) => start + separator.needle().len(),
            None => bail!(IncorrectData, "The form has no boundary {delimiter:?} in it"),
        }
    };
    let mut parts = Vec::new();
    loop {
        let rest = &body[at..];
        if rest.starts_with(b"--") {
            return Ok(parts);
        }
        let Some(line) = memmem::find(rest, b"\r\n") else {
            bail!(IncorrectData, "The form ends without its closing boundary {delimiter}--");
        };
        let start = at + line;
        let Some(blank) = memmem::find(&body[start..], b"\r\n\r\n") else {
            bail!(IncorrectData, "A part of the form ends inside its headers");
        };
        let content = start + blank + 4;
        // The separator of an empty part may share its line break with the end of the headers.
        let Some(found) = separator.find(&body[content - 2..]) else {
            bail!(IncorrectData, "The form ends without its closing boundary {delimiter}--");
        };
        let end = content - 2 + found;
        if parts.len() == MAX_PARTS {
            bail!(TooManyBytes, "The form has more than {MAX_PARTS} parts");
        }
        let headers = String::from_utf8_lossy(&body[start..start + blank]);
        parts.push(part(&headers, body.slice(content..end.max(content)))?);
        at = end + separator.needle().len();
    }
}

fn part(headers: &str, content: Bytes) -> Result<Part> {
    let disposition = headers.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
    });
    let fields = disposition.and_then(|value| value.split_once(';')).map_or("", |(_, rest)| rest);
    let Some(name) = attribute(fields, "name") else {
        bail!(IncorrectData, "A part of the form has no Content-Disposition with a name");
    };
    Ok(Part { name, file: attribute(fields, "filename").is_some(), content })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::{any, proptest};

    use super::{Part, boundary, parse};

    fn part(name: &str, file: bool, content: &'static [u8]) -> Part {
        Part { name: name.to_owned(), file, content: Bytes::from_static(content) }
    }

    #[test]
    fn parts_are_found() {
        let body = b"preamble\r\n--XX\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\n\
            SELECT\r\n1\r\n--XX\r\ncontent-disposition: form-data; name=\"t\"; \
            filename=\"a \\\"b\\\".csv\"\r\nContent-Type: text/csv\r\n\r\n1,2\r\n\r\n--XX\r\n\
            Content-Disposition: form-data; name=empty\r\n\r\n\r\n--XX--\r\n";
        let parts = parse(&Bytes::from_static(body), "XX").unwrap();
        let expected = [
            part("query", false, b"SELECT\r\n1"),
            part("t", true, b"1,2\r\n"),
            part("empty", false, b""),
        ];
        assert_eq!(parts, expected);
    }

    #[test]
    fn the_boundary_is_read() {
        let check = |header, expected: Option<&str>| {
            let found = boundary(header).map(Result::unwrap);
            assert_eq!(found.as_deref(), expected, "{header}");
        };
        check("multipart/form-data; boundary=abc", Some("abc"));
        check("Multipart/Form-Data; charset=utf-8; boundary=\"a b;c\"", Some("a b;c"));
        check("text/plain; boundary=abc", None);
        assert!(boundary("multipart/form-data").unwrap().is_err());
    }

    #[test]
    fn broken_forms_are_refused() {
        for body in
            ["", "--XX", "--XX\r\n", "--XX\r\nfoo: bar\r\n\r\n", "--XX\r\na: b\r\n\r\n\r\n--XX--"]
        {
            assert!(parse(&Bytes::from(body), "XX").is_err(), "{body:?}");
        }
    }

    proptest! {
        #[test]
        fn any_body_is_taken_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&Bytes::from(bytes.clone()), "X");
            let body = [b"--X\r\n", &bytes[..], b"\r\n\r\n", &bytes[..], b"\r\n--X--"].concat();
            let _ = parse(&Bytes::from(body), "X");
        }
    }
}
