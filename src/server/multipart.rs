//! `multipart/form-data` bodies (RFC 7578), taken apart as they arrive.
//!
//! Of a body as much is held as its source gives at once and the longest head of a part; the contents of parts are
//! handed on piece by piece, so that a file of any length can be the data of an INSERT.

use base::{Result, bail};
use bytes::{Buf, Bytes, BytesMut};
use memchr::memmem;

/// The most parts of one body.
const MAX_PARTS: usize = 1000;

/// The most bytes of the head of a part.
const MAX_HEAD: usize = 64 << 10;

/// One part of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// A form that arrives: its parts one after another, and the content of each in pieces.
pub(crate) struct Form<S> {
    source: S,
    boundary: String,
    separator: memmem::Finder<'static>,
    arrived: BytesMut,
    parts: usize,
    /// Bytes of the source so far, and the most of them.
    taken: usize,
    most: usize,
}

impl<S: FnMut() -> Result<Option<Bytes>>> Form<S> {
    /// A form of at most so many bytes.
    pub(crate) fn new(source: S, boundary: &str, most: usize) -> Form<S> {
        let separator = format!("\r\n--{boundary}");
        Form {
            source,
            separator: memmem::Finder::new(separator.as_bytes()).into_owned(),
            boundary: boundary.to_owned(),
            // The first separator needs no line break before it.
            arrived: BytesMut::from(&b"\r\n"[..]),
            parts: 0,
            taken: 0,
            most,
        }
    }

    /// How many bytes of the form have been read.
    pub(crate) fn taken(&self) -> usize {
        self.taken
    }

    /// Lets the form be of any length from here on.
    pub(crate) fn unlimited(&mut self) {
        self.most = usize::MAX;
    }

    /// Gets more; `false` at the end of the source.
    fn more(&mut self) -> Result<bool> {
        let Some(piece) = (self.source)()? else { return Ok(false) };
        self.taken += piece.len();
        if self.taken > self.most {
            bail!(
                TooManyBytes,
                "The form is larger than {} bytes. Insert large tables instead of sending them \
                 along with a query",
                self.most
            );
        }
        self.arrived.extend_from_slice(&piece);
        Ok(true)
    }

    /// The name of the next part, and whether it is a file; none at the end. The content of the part before must have
    /// been read.
    pub(crate) fn next_part(&mut self) -> Result<Option<(String, bool)>> {
        if self.parts == 0 {
            while self.next_piece()?.is_some() {}
        }
        loop {
            if self.arrived.starts_with(b"--") {
                return Ok(None);
            }
            if let Some(end) = memmem::find(&self.arrived, b"\r\n\r\n") {
                return self.begin(end).map(Some);
            }
            if self.arrived.len() > MAX_HEAD {
                bail!(
                    TooManyBytes,
                    "The head of a part of the form is longer than {MAX_HEAD} bytes"
                );
            }
            if !self.more()? {
                return Err(self.cut_off());
            }
        }
    }

    /// Begins a part whose headers end there.
    fn begin(&mut self, end: usize) -> Result<(String, bool)> {
        self.parts += 1;
        if self.parts > MAX_PARTS {
            bail!(TooManyBytes, "The form has more than {MAX_PARTS} parts");
        }
        let headers = self.arrived.split_to(end);
        let named = name_of(&String::from_utf8_lossy(&headers))?;
        // The separator of an empty part may share its line break with the end of the headers.
        let shared = self.separator.needle().len() + 2;
        while self.arrived.len() < shared && self.more()? {}
        let is_shared = self.arrived[2..].starts_with(self.separator.needle());
        self.arrived.advance(if is_shared { 2 } else { 4 });
        Ok(named)
    }

    /// The next bytes of a part's content, never none; `None` at its end.
    pub(crate) fn next_piece(&mut self) -> Result<Option<Bytes>> {
        let separator = self.separator.needle().len();
        loop {
            match self.separator.find(&self.arrived) {
                Some(0) => {
                    self.arrived.advance(separator);
                    return Ok(None);
                }
                Some(end) => return Ok(Some(self.arrived.split_to(end).freeze())),
                None if self.arrived.len() >= separator => {
                    let certain = self.arrived.len() + 1 - separator;
                    return Ok(Some(self.arrived.split_to(certain).freeze()));
                }
                None if self.more()? => {}
                None => return Err(self.cut_off()),
            }
        }
    }

    fn cut_off(&self) -> base::Error {
        match self.parts {
            0 => base::error!(
                IncorrectData,
                "The form has no boundary \"--{}\" in it",
                self.boundary
            ),
            _ => base::error!(
                IncorrectData,
                "The form ends without its closing boundary --{}--",
                self.boundary
            ),
        }
    }
}

/// The name of a part, and whether it was sent as a file.
fn name_of(headers: &str) -> Result<(String, bool)> {
    let disposition = headers.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
    });
    let fields = disposition.and_then(|value| value.split_once(';')).map_or("", |(_, rest)| rest);
    let Some(name) = attribute(fields, "name") else {
        bail!(IncorrectData, "A part of the form has no Content-Disposition with a name");
    };
    Ok((name, attribute(fields, "filename").is_some()))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use base::Result;

    use super::{Form, Part, boundary};

    /// The parts of a body that arrives in pieces of so many bytes.
    fn parse(body: &[u8], boundary: &str, piece: usize) -> Result<Vec<Part>> {
        let mut pieces = body.chunks(piece).map(Bytes::copy_from_slice);
        let mut form = Form::new(|| Ok(pieces.next()), boundary, 1 << 20);
        let mut parts = Vec::new();
        while let Some((name, file)) = form.next_part()? {
            let mut content = Vec::new();
            while let Some(piece) = form.next_piece()? {
                assert!(!piece.is_empty());
                content.extend_from_slice(&piece);
            }
            parts.push(Part { name, file, content: content.into() });
        }
        Ok(parts)
    }

    fn part(name: &str, file: bool, content: &'static [u8]) -> Part {
        Part { name: name.to_owned(), file, content: Bytes::from_static(content) }
    }

    #[test]
    fn parts_are_found() {
        let body = b"preamble\r\n--XX\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\n\
            SELECT\r\n1\r\n--XX\r\ncontent-disposition: form-data; name=\"t\"; \
            filename=\"a \\\"b\\\".csv\"\r\nContent-Type: text/csv\r\n\r\n1,2\r\n\r\n--XX\r\n\
            Content-Disposition: form-data; name=empty\r\n\r\n\r\n--XX--\r\n";
        let expected = [
            part("query", false, b"SELECT\r\n1"),
            part("t", true, b"1,2\r\n"),
            part("empty", false, b""),
        ];
        for piece in 1..body.len() {
            assert_eq!(parse(body, "XX", piece).unwrap(), expected, "{piece}");
        }
        let shared = b"--XX\r\nContent-Disposition: form-data; name=a\r\n\r\n--XX--";
        for piece in 1..shared.len() {
            assert_eq!(parse(shared, "XX", piece).unwrap(), [part("a", false, b"")], "{piece}");
        }
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
            assert!(parse(body.as_bytes(), "XX", 7).is_err(), "{body:?}");
        }
    }

    proptest! {
        #[test]
        fn any_body_is_taken_or_refused(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            piece in 1_usize..300,
        ) {
            let _ = parse(&bytes, "X", piece);
            let body = [b"--X\r\n", &bytes[..], b"\r\n\r\n", &bytes[..], b"\r\n--X--"].concat();
            let _ = parse(&body, "X", piece);
        }

        #[test]
        fn contents_are_what_was_sent(
            contents in proptest::collection::vec("[a\r\n-]{0,12}", 1..5),
            piece in 1_usize..40,
        ) {
            let head = "--X\r\nContent-Disposition: form-data; name=n\r\n\r\n";
            let mut body = String::new();
            for content in &contents {
                body += &format!("{head}{content}\r\n");
            }
            body += "--X--";
            let parts = parse(body.as_bytes(), "X", piece).unwrap();
            let found: Vec<&[u8]> = parts.iter().map(|part| &part.content[..]).collect();
            let sent: Vec<&[u8]> = contents.iter().map(String::as_bytes).collect();
            prop_assert_eq!(found, sent);
        }
    }
}
