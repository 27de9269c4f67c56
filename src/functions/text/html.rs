//! Text out of HTML.
//!
//! Tags and comments are left out, and scripts and styles with what is in them; what stands in CDATA is taken as it
//! is, right after what is before it. Runs of white space become one space; texts that only tags separate get one
//! between them.

use expr::{FunctionDeclaration, Registry};

use super::declare;
use super::strings::{require_text, write};

pub(super) fn register(registry: &mut Registry) {
    registry.add_functions(FUNCTIONS);
}

static FUNCTIONS: &[FunctionDeclaration] = &[declare!(
    "String", "extractTextFromHTML", "extractTextFromHTML(html)",
    "The text of a document of HTML or XHTML, without tags, comments, scripts and styles.",
    "SELECT extractTextFromHTML('<p>Hello <b>world</b></p>')" => "Hello world", (1, 1), |_, a| {
        require_text("extractTextFromHTML", a, 0)?;
        Ok(write(extract))
    }
)];

fn extract(html: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    let mut rest = html;
    while !rest.is_empty() {
        let tag = memchr::memchr(b'<', rest).unwrap_or(rest.len());
        for word in rest[..tag].split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()) {
            append(word, start, out);
        }
        rest = &rest[tag..];
        if let Some(data) = rest.strip_prefix(b"<![CDATA[") {
            let end = memchr::memmem::find(data, b"]]>").unwrap_or(data.len());
            out.extend_from_slice(&data[..end]);
            rest = data.get(end + 3..).unwrap_or_default();
        } else if let Some(comment) = rest.strip_prefix(b"<!--") {
            // A comment that does not end is a tag like others.
            rest = match memchr::memmem::find(comment, b"-->") {
                Some(end) => &comment[end + 3..],
                None => comment,
            };
        } else if !rest.is_empty() {
            rest = after_element(rest);
        }
    }
}

/// Adds a word, with a space before it unless it is the first.
fn append(word: &[u8], start: usize, out: &mut Vec<u8>) {
    if out.len() > start && !out.last().is_some_and(u8::is_ascii_whitespace) {
        out.push(b' ');
    }
    out.extend_from_slice(word);
}

/// What follows a tag, or an element whose content is no text.
fn after_element(html: &[u8]) -> &[u8] {
    for name in [&b"script"[..], b"style"] {
        let opened = html.get(1..=name.len()).is_some_and(|n| n.eq_ignore_ascii_case(name));
        let ends = html.get(name.len() + 1).is_none_or(|b| !b.is_ascii_alphanumeric());
        if !(opened && ends) {
            continue;
        }
        let mut rest = html;
        while let Some(at) = memchr::memchr(b'<', rest) {
            rest = &rest[at..];
            if let Some(data) = rest.strip_prefix(b"<![CDATA[") {
                let end = memchr::memmem::find(data, b"]]>").unwrap_or(data.len());
                rest = data.get(end + 3..).unwrap_or_default();
                continue;
            }
            let Some(name_on) = rest.strip_prefix(b"</") else {
                rest = &rest[1..];
                continue;
            };
            rest = name_on;
            if rest.get(..name.len()).is_some_and(|n| n.eq_ignore_ascii_case(name)) {
                return after_tag(rest);
            }
        }
        return &[];
    }
    after_tag(html)
}

fn after_tag(html: &[u8]) -> &[u8] {
    memchr::memchr(b'>', html).map_or(&[], |end| &html[end + 1..])
}
