//! JSON read in place: a value is the slice of the document that it stands in.
//!
//! A document is checked as a whole once ([`Json::parse`]); after that its parts are found by
//! skipping, without building anything.

/// Documents nested deeper are refused.
const DEEPEST: usize = 1024;

/// A value of a checked document, without white space around it.
#[derive(Clone, Copy)]
pub(super) struct Json<'a>(&'a [u8]);

/// The kinds of values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Null,
    Bool,
    Number,
    Text,
    Array,
    Object,
}

fn skip_spaces(text: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\n' | b'\r') = text.get(at) {
        at += 1;
    }
    at
}

/// The end of a string that begins at a quote.
fn string_end(text: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

fn check_string(text: &[u8]) -> Option<()> {
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            0..=0x1F => return None,
            b'\\' => {
                at += 1;
                match text.get(at)? {
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                    b'u' => {
                        let digits = text.get(at + 1..at + 5)?;
                        digits.iter().all(u8::is_ascii_hexdigit).then_some(())?;
                        at += 4;
                    }
                    _ => return None,
                }
            }
            _ => {}
        }
        at += 1;
    }
    Some(())
}

fn number_end(text: &[u8], start: usize) -> Option<usize> {
    let digits = |mut at: usize| {
        let from = at;
        while text.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        (at > from).then_some(at)
    };
    let mut at = start + usize::from(text.get(start) == Some(&b'-'));
    let leading_zero = text.get(at) == Some(&b'0');
    let whole = at;
    at = digits(at)?;
    if leading_zero && at > whole + 1 {
        return None;
    }
    if text.get(at) == Some(&b'.') {
        at = digits(at + 1)?;
    }
    if let Some(b'e' | b'E') = text.get(at) {
        let sign = matches!(text.get(at + 1), Some(b'+' | b'-'));
        at = digits(at + 1 + usize::from(sign))?;
    }
    Some(at)
}

/// Checks the value at an offset; returns where it ends.
fn check(text: &[u8], start: usize, depth: usize) -> Option<usize> {
    if depth > DEEPEST {
        return None;
    }
    let word = |word: &[u8]| text[start..].starts_with(word).then_some(start + word.len());
    match text.get(start)? {
        b'n' => word(b"null"),
        b't' => word(b"true"),
        b'f' => word(b"false"),
        b'"' => {
            let end = string_end(text, start)?;
            check_string(text.get(start + 1..end - 1)?)?;
            Some(end)
        }
        open @ (b'[' | b'{') => {
            let close = open + 2;
            let mut at = skip_spaces(text, start + 1);
            if text.get(at) == Some(&close) {
                return Some(at + 1);
            }
            loop {
                if *open == b'{' {
                    (text.get(at) == Some(&b'"')).then_some(())?;
                    let end = string_end(text, at)?;
                    check_string(text.get(at + 1..end - 1)?)?;
                    at = skip_spaces(text, end);
                    (text.get(at) == Some(&b':')).then_some(())?;
                    at = skip_spaces(text, at + 1);
                }
                at = skip_spaces(text, check(text, at, depth + 1)?);
                match text.get(at)? {
                    b',' => at = skip_spaces(text, at + 1),
                    byte if *byte == close => return Some(at + 1),
                    _ => return None,
                }
            }
        }
        _ => number_end(text, start),
    }
}

/// The end of a value of a checked document: brackets are counted, strings skipped.
fn value_end(text: &[u8], start: usize) -> usize {
    match text.get(start) {
        Some(b'"') => string_end(text, start).unwrap_or(text.len()),
        Some(b'[' | b'{') => {
            let (mut depth, mut at) = (0, start);
            while at < text.len() {
                match text[at] {
                    b'"' => {
                        at = string_end(text, at).unwrap_or(text.len());
                        continue;
                    }
                    b'[' | b'{' => depth += 1,
                    b']' | b'}' => {
                        depth -= 1;
                        if depth == 0 {
                            return at + 1;
                        }
                    }
                    _ => {}
                }
                at += 1;
            }
            text.len()
        }
        _ => {
            let rest = text.get(start..).unwrap_or_default();
            let ends = |b: &u8| matches!(b, b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r');
            start + rest.iter().position(ends).unwrap_or(rest.len())
        }
    }
}

impl<'a> Json<'a> {
    /// The value of a document, if it is valid.
    pub(super) fn parse(text: &'a [u8]) -> Option<Json<'a>> {
        let start = skip_spaces(text, 0);
        let end = check(text, start, 0)?;
        std::str::from_utf8(text).ok()?;
        (skip_spaces(text, end) == text.len()).then(|| Json(&text[start..end]))
    }

    /// Its text in the document.
    pub(super) fn raw(self) -> &'a [u8] {
        self.0
    }

    pub(super) fn kind(self) -> Kind {
        match self.0.first() {
            Some(b'n') | None => Kind::Null,
            Some(b't' | b'f') => Kind::Bool,
            Some(b'"') => Kind::Text,
            Some(b'[') => Kind::Array,
            Some(b'{') => Kind::Object,
            Some(_) => Kind::Number,
        }
    }

    pub(super) fn as_bool(self) -> Option<bool> {
        (self.kind() == Kind::Bool).then(|| self.0 == b"true")
    }

    /// The items of an array or members of an object: undecoded name (empty in arrays) and value.
    pub(super) fn items(self) -> Items<'a> {
        let nested = matches!(self.kind(), Kind::Array | Kind::Object);
        Items {
            text: self.0,
            at: if nested { skip_spaces(self.0, 1) } else { self.0.len() },
            object: self.kind() == Kind::Object,
        }
    }

    /// The number of items or members; 0 for other values.
    pub(super) fn len(self) -> usize {
        self.items().count()
    }

    /// A member of an object by its name.
    pub(super) fn member(self, name: &[u8]) -> Option<Json<'a>> {
        self.member_by(|key| key == name)
    }

    /// A member of an object whose decoded name passes a test.
    pub(super) fn member_by(self, test: impl Fn(&[u8]) -> bool) -> Option<Json<'a>> {
        if self.kind() != Kind::Object {
            return None;
        }
        let matches = |key: &[u8]| {
            if memchr::memchr(b'\\', key).is_none() { test(key) } else { test(&decode(key)) }
        };
        self.items().find(|(key, _)| matches(key)).map(|(_, value)| value)
    }

    /// An item or member by its number from 1, or from the end if negative; with its name.
    pub(super) fn item(self, number: i64) -> Option<(&'a [u8], Json<'a>)> {
        let count = self.len() as i64;
        let at = if number > 0 { number - 1 } else { count + number };
        if number == 0 || at < 0 {
            return None;
        }
        self.items().nth(at as usize)
    }

    /// The content of a string, escapes read.
    pub(super) fn text(self) -> Option<Vec<u8>> {
        (self.kind() == Kind::Text).then(|| decode(&self.0[1..self.0.len() - 1]))
    }

    /// The value written again without white space and with numbers in their usual form.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        let text = self.0;
        let mut at = 0;
        while let Some(byte) = text.get(at) {
            let end = match byte {
                b' ' | b'\t' | b'\n' | b'\r' => {
                    at += 1;
                    continue;
                }
                b'"' => {
                    let end = string_end(text, at).unwrap_or(text.len());
                    write_string(&decode(&text[at + 1..end - 1]), out);
                    end
                }
                b'-' | b'0'..=b'9' => {
                    let end = value_end(text, at);
                    write_number(&text[at..end], out);
                    end
                }
                _ => {
                    out.push(*byte);
                    at + 1
                }
            };
            at = end;
        }
    }
}

/// A number: integers as they are, others as the shortest text of their Float64.
fn write_number(text: &[u8], out: &mut Vec<u8>) {
    let whole = !text.iter().any(|b| matches!(b, b'.' | b'e' | b'E'));
    let number = std::str::from_utf8(text).ok().and_then(|t| t.parse::<f64>().ok());
    match number {
        Some(number) if !whole => out.extend_from_slice(number.to_string().as_bytes()),
        _ => out.extend_from_slice(text),
    }
}

/// A string in quotes, with the escapes that JSON demands.
pub(super) fn write_string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0C => out.extend_from_slice(b"\\f"),
            0..=0x1F => out.extend_from_slice(format!("\\u{byte:04X}").as_bytes()),
            _ => out.push(*byte),
        }
    }
    out.push(b'"');
}

/// The items of an array or members of an object.
pub(super) struct Items<'a> {
    text: &'a [u8],
    at: usize,
    object: bool,
}

impl<'a> Iterator for Items<'a> {
    type Item = (&'a [u8], Json<'a>);

    fn next(&mut self) -> Option<(&'a [u8], Json<'a>)> {
        let text = self.text;
        if self.at + 1 >= text.len() {
            return None;
        }
        let (mut key, mut at) = (&b""[..], self.at);
        if self.object {
            let end = string_end(text, at)?;
            key = &text[at + 1..end - 1];
            at = skip_spaces(text, skip_spaces(text, end) + 1);
        }
        let end = value_end(text, at);
        self.at = skip_spaces(text, end);
        if text.get(self.at) == Some(&b',') {
            self.at = skip_spaces(text, self.at + 1);
        }
        Some((key, Json(&text[at..end])))
    }
}

/// The content of a string between its quotes, escapes read.
pub(super) fn decode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let unit = |at: usize| {
        let digits = std::str::from_utf8(text.get(at..at + 4)?).ok()?;
        u32::from_str_radix(digits, 16).ok()
    };
    let mut at = 0;
    while at < text.len() {
        if text[at] != b'\\' {
            let next = memchr::memchr(b'\\', &text[at..]).map_or(text.len(), |n| at + n);
            out.extend_from_slice(&text[at..next]);
            at = next;
            continue;
        }
        let escaped = text.get(at + 1).copied().unwrap_or(b'\\');
        at += 2;
        match escaped {
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => {
                let Some(first) = unit(at) else { continue };
                at += 4;
                let mut code = first;
                if (0xD800..0xDC00).contains(&first)
                    && text[at..].starts_with(b"\\u")
                    && let Some(second @ 0xDC00..=0xDFFF) = unit(at + 2)
                {
                    code = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
                    at += 6;
                }
                let character = char::from_u32(code).unwrap_or('\u{FFFD}');
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            other => out.push(other),
        }
    }
    out
}
