//! Texts of CLOB columns that are too long to be held: they are taken out of the input before it is parsed, and what is
//! parsed in their place is a token.
//!
//! 1. A token begins with a random number that nobody outside knows, so that no text of the input is taken for one.
//! 2. Of JSONEachRow the texts of top-level keys are taken, of RowBinary those that have not arrived whole, of RawBLOB
//!    the input itself. Other formats hold a value as a whole.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;

use base::{Result, bail, error};
use bytes::Bytes;
use types::clob::{ClobSink, ClobText};

use super::source::ByteSource;

/// Shorter texts are held.
pub(crate) const LONG: usize = 1 << 20;

/// Bytes of an escaped text that are unescaped at once.
const AT_ONCE: usize = 64 << 10;

/// Where long texts of an input go.
pub(crate) struct LongTexts {
    sink: Arc<dyn ClobSink>,
    token: String,
    /// The longest text.
    most: u64,
}

impl LongTexts {
    pub(crate) fn new(sink: Arc<dyn ClobSink>, most: u64) -> LongTexts {
        // Every RandomState has keys of its own, seeded by the operating system.
        let random = || RandomState::new().hash_one(std::process::id());
        LongTexts { sink, token: format!("{:016x}{:016x}", random(), random()), most }
    }

    pub(crate) fn start(&self) -> LongText<'_> {
        LongText { text: self.sink.start(), texts: self }
    }

    /// Refuses a text that will be too long.
    pub(crate) fn admit(&self, bytes: u64) -> Result<()> {
        if bytes > self.most {
            bail!(
                TooLargeStringSize,
                "A text of {bytes} bytes is longer than {} bytes, which is the limit (max_clob_bytes)",
                self.most
            );
        }
        Ok(())
    }

    /// The cell that a token stands for; `None` of texts.
    pub(crate) fn cell(&self, text: &[u8]) -> Option<Vec<u8>> {
        let digits = text.strip_prefix(self.token.as_bytes())?;
        let digit = |byte: u8| (byte as char).to_digit(16).map(|digit| digit as u8);
        digits.chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?)).collect()
    }
}

/// A text on its way.
pub(crate) struct LongText<'a> {
    text: Box<dyn ClobText>,
    texts: &'a LongTexts,
}

impl LongText<'_> {
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.texts.admit(self.text.bytes() + bytes.len() as u64)?;
        self.text.push(bytes)
    }

    /// Its cell.
    pub(crate) fn finish(self) -> Result<Vec<u8>> {
        self.text.finish()
    }

    /// The token of its cell.
    pub(crate) fn token(self) -> Result<String> {
        use std::fmt::Write;
        let mut token = self.texts.token.clone();
        for byte in self.text.finish()? {
            let _ = write!(token, "{byte:02x}");
        }
        Ok(token)
    }
}

/// JSONEachRow with tokens in the place of long texts.
pub(crate) struct JsonTexts {
    source: Box<dyn ByteSource>,
    texts: Arc<LongTexts>,
    /// The keys of CLOB columns.
    keys: Vec<Vec<u8>>,
    /// Open brackets.
    open: Vec<u8>,
    /// Whether the next string of a row is a key.
    at_key: bool,
    key: Vec<u8>,
    within: Within,
}

/// In what the next byte stands.
enum Within {
    Structure,
    /// A string, and whether it is a key of a row.
    String {
        escaped: bool,
        is_key: bool,
    },
    /// A text of a CLOB column that is held, as it is written.
    Held {
        escaped: bool,
        raw: Vec<u8>,
    },
    /// One that became too long to be held; what is not unescaped yet.
    Long {
        escaped: bool,
        raw: Vec<u8>,
        text: Box<dyn ClobText>,
    },
}

impl JsonTexts {
    pub(crate) fn new(
        source: Box<dyn ByteSource>,
        texts: Arc<LongTexts>,
        keys: Vec<Vec<u8>>,
    ) -> JsonTexts {
        let (open, key) = (Vec::new(), Vec::new());
        JsonTexts { source, texts, keys, open, at_key: false, key, within: Within::Structure }
    }

    /// Whether the next value is one of a row: a row is an object, or one in an array.
    fn in_row(&self) -> bool {
        matches!(self.open.as_slice(), b"{" | b"[{")
    }

    fn structure(&mut self, byte: u8) {
        match byte {
            b'{' | b'[' => {
                self.open.push(byte);
                self.at_key = byte == b'{';
            }
            b'}' | b']' => {
                self.open.pop();
                self.at_key = false;
            }
            b',' => self.at_key = self.open.last() == Some(&b'{'),
            b':' => self.at_key = false,
            b'"' if self.at_key => {
                self.key.clear();
                self.within = Within::String { escaped: false, is_key: self.in_row() };
            }
            b'"' if self.in_row() && self.keys.contains(&self.key) => {
                self.within = Within::Held { escaped: false, raw: Vec::new() };
            }
            b'"' => self.within = Within::String { escaped: false, is_key: false },
            _ => {}
        }
    }

    /// Passes a piece on, but for long texts.
    fn pass(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let mut at = 0;
        while at < piece.len() {
            match &mut self.within {
                Within::Structure => {
                    let byte = piece[at];
                    self.structure(byte);
                    at += 1;
                    // The quote of a text that may be long waits with it.
                    if !matches!(self.within, Within::Held { .. }) {
                        out.push(byte);
                    }
                }
                Within::String { escaped, is_key } => {
                    let (length, ended) = string_part(&piece[at..], escaped);
                    let part = &piece[at..at + length];
                    if *is_key {
                        self.key.extend_from_slice(part.strip_suffix(b"\"").unwrap_or(part));
                    }
                    out.extend_from_slice(part);
                    at += length;
                    if ended {
                        self.within = Within::Structure;
                    }
                }
                Within::Held { escaped, raw } => {
                    let (length, ended) = string_part(&piece[at..], escaped);
                    raw.extend_from_slice(&piece[at..at + length]);
                    at += length;
                    let (escaped, long) = (*escaped, raw.len() > LONG);
                    if ended {
                        out.push(b'"');
                        out.append(raw);
                        self.within = Within::Structure;
                    } else if long {
                        let (raw, text) = (std::mem::take(raw), self.texts.sink.start());
                        self.within = Within::Long { escaped, raw, text };
                    }
                }
                Within::Long { escaped, raw, .. } => {
                    let (length, ended) = string_part(&piece[at..], escaped);
                    raw.extend_from_slice(&piece[at..at + length]);
                    at += length;
                    if ended {
                        raw.pop();
                    }
                    if ended || raw.len() >= AT_ONCE {
                        self.unescape(ended, out)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Moves on what is held of a long text; at its end the token goes out.
    fn unescape(&mut self, ended: bool, out: &mut Vec<u8>) -> Result<()> {
        let Within::Long { raw, text, .. } = &mut self.within else { return Ok(()) };
        let mut plain = Vec::with_capacity(raw.len());
        let used = unescape(raw, &mut plain)?;
        raw.drain(..used);
        self.texts.admit(text.bytes() + plain.len() as u64)?;
        text.push(&plain)?;
        if !ended {
            return Ok(());
        }
        if !raw.is_empty() {
            bail!(CannotParseEscapeSequence, "An escape sequence of a string is cut off");
        }
        if let Within::Long { text, .. } = std::mem::replace(&mut self.within, Within::Structure) {
            let token = LongText { text, texts: &self.texts }.token()?;
            out.push(b'"');
            out.extend_from_slice(token.as_bytes());
            out.push(b'"');
        }
        Ok(())
    }
}

/// How far a string reaches in some bytes, its closing quote included, and whether that was there.
fn string_part(bytes: &[u8], escaped: &mut bool) -> (usize, bool) {
    let mut at = 0;
    if std::mem::take(escaped) {
        at = 1;
    }
    while let Some(found) = memchr::memchr2(b'"', b'\\', &bytes[at.min(bytes.len())..]) {
        at += found;
        if bytes[at] == b'"' {
            return (at + 1, true);
        }
        at += 2;
    }
    *escaped = at > bytes.len();
    (bytes.len(), false)
}

/// Appends what an escaped text stands for, but for a sequence at its end that is not whole; how many bytes that was of.
fn unescape(raw: &[u8], out: &mut Vec<u8>) -> Result<usize> {
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'\\', &raw[at..]) {
        out.extend_from_slice(&raw[at..at + found]);
        at += found;
        let Some(letter) = raw.get(at + 1) else { return Ok(at) };
        let plain = match letter {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'b' => 8,
            b'f' => 12,
            b'u' => match unicode(&raw[at..])? {
                None => return Ok(at),
                Some((character, length)) => {
                    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                    at += length;
                    continue;
                }
            },
            other => *other,
        };
        out.push(plain);
        at += 2;
    }
    out.extend_from_slice(&raw[at..]);
    Ok(raw.len())
}

/// The character of `\uXXXX`, or of two of them, and its length; `None` where it is not whole.
fn unicode(raw: &[u8]) -> Result<Option<(char, usize)>> {
    let unit = |at: usize| -> Result<Option<u32>> {
        let Some(digits) = raw.get(at + 2..at + 6) else { return Ok(None) };
        let digit = |byte: &u8| (*byte as char).to_digit(16);
        let number = digits.iter().try_fold(0, |number, byte| Some(number << 4 | digit(byte)?));
        match number {
            Some(number) => Ok(Some(number)),
            None => bail!(CannotParseEscapeSequence, "Four hexadecimal digits must follow \\u"),
        }
    };
    let Some(first) = unit(0)? else { return Ok(None) };
    let single = |message: &str| error!(CannotParseEscapeSequence, "{message}");
    if !(0xd800..0xdc00).contains(&first) {
        let character = char::from_u32(first);
        return character
            .map(|c| Some((c, 6)))
            .ok_or_else(|| single("A low surrogate stands alone"));
    }
    match raw.get(6..8) {
        None => return Ok(None),
        Some(b"\\u") => {}
        Some(_) => return Err(single("A high surrogate stands alone")),
    }
    let Some(second) = unit(6)? else { return Ok(None) };
    if !(0xdc00..0xe000).contains(&second) {
        return Err(single("A high surrogate stands alone"));
    }
    let joined = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
    Ok(char::from_u32(joined).map(|c| (c, 12)))
}

impl ByteSource for JsonTexts {
    fn next(&mut self) -> Result<Option<Bytes>> {
        match self.source.next()? {
            Some(piece) => {
                let mut out = Vec::with_capacity(piece.len());
                self.pass(&piece, &mut out)?;
                Ok(Some(out.into()))
            }
            // What an unfinished string has goes on, so that the parser can say what is wrong.
            None => match std::mem::replace(&mut self.within, Within::Structure) {
                Within::Held { mut raw, .. } => {
                    raw.insert(0, b'"');
                    Ok(Some(raw.into()))
                }
                Within::Long { .. } => {
                    bail!(CannotReadAllData, "The input ends within a string of a long text")
                }
                _ => Ok(None),
            },
        }
    }
}

/// The cell of a whole input.
pub(crate) fn whole_input(source: &mut dyn ByteSource, texts: &LongTexts) -> Result<Vec<u8>> {
    let mut text = texts.start();
    while let Some(piece) = source.next()? {
        text.push(&piece)?;
    }
    text.finish()
}

#[cfg(test)]
mod tests {
    use super::{string_part, unescape};

    #[test]
    fn strings_may_be_cut_anywhere() {
        let raw = br#"a\"b\\\\\u00e9\ud83d\ude00\n end"#;
        let mut whole = Vec::new();
        assert_eq!(unescape(raw, &mut whole).ok(), Some(raw.len()));
        assert_eq!(String::from_utf8_lossy(&whole), "a\"b\\\\é😀\n end");
        for cut in 0..raw.len() {
            let (mut out, mut left) = (Vec::new(), raw[..cut].to_vec());
            let used = unescape(&left, &mut out).unwrap_or(0);
            left.drain(..used);
            left.extend_from_slice(&raw[cut..]);
            assert_eq!(unescape(&left, &mut out).ok(), Some(left.len()));
            assert_eq!(out, whole, "cut at {cut}");
        }
        let text = br#"x\\\" y" rest"#;
        for cut in 0..8 {
            let mut escaped = false;
            let (first, ended) = string_part(&text[..cut], &mut escaped);
            assert!(first == cut && !ended, "cut at {cut}");
            let (second, ended) = string_part(&text[cut..], &mut escaped);
            assert!(ended && cut + second == 8, "cut at {cut}: {second}");
        }
    }
}
