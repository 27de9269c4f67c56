//! A place in a text that is being parsed.

use base::{Error, Result, bail, error};

/// Values within values that binary input may hold; types are nested less deep.
const DEEPEST: usize = 200;

/// Rows of an input that may stand there without any bytes.
const UNPAID: usize = 1 << 22;

/// A place in some bytes; reading moves it on.
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: usize,
    unpaid: usize,
}

impl<'a> Cursor<'a> {
    /// The start of a text.
    pub fn new(bytes: &'a [u8]) -> Cursor<'a> {
        Cursor { bytes, at: 0, depth: 0, unpaid: 0 }
    }

    /// A place within a text.
    pub fn at(bytes: &'a [u8], at: usize) -> Cursor<'a> {
        Cursor { bytes, at: at.min(bytes.len()), depth: 0, unpaid: 0 }
    }

    /// Reads what lies within a value.
    ///
    /// # Errors
    /// TOO_DEEP_RECURSION where values lie too deep within one another, and what `read` gives.
    pub(crate) fn within<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth >= DEEPEST {
            bail!(TooDeepRecursion, "Values are nested deeper than {DEEPEST} levels");
        }
        self.depth += 1;
        let outcome = read(self);
        self.depth -= 1;
        outcome
    }

    /// Counts rows that no bytes stand for, so that what is announced alone takes no memory.
    ///
    /// # Errors
    /// INCORRECT_DATA where these are far more than there are bytes.
    pub(crate) fn take_unpaid(&mut self, rows: usize) -> Result<()> {
        self.unpaid = self.unpaid.saturating_add(rows);
        if self.unpaid > UNPAID.saturating_add(self.bytes.len()) {
            bail!(IncorrectData, "Suspiciously many rows without values: {}", self.unpaid);
        }
        Ok(())
    }

    /// How many bytes were read.
    #[inline]
    pub fn position(&self) -> usize {
        self.at
    }

    /// Moves to an absolute place.
    #[inline]
    pub fn seek(&mut self, at: usize) {
        self.at = at.min(self.bytes.len());
    }

    /// The next byte, which stays unread.
    #[inline]
    pub fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// What is not read yet.
    #[inline]
    pub fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    /// What was read since `start`.
    #[inline]
    pub fn since(&self, start: usize) -> &'a [u8] {
        &self.bytes[start.min(self.at)..self.at]
    }

    /// Whether all is read.
    #[inline]
    pub fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// Moves on by some bytes, to the end at most.
    #[inline]
    pub fn advance(&mut self, by: usize) {
        self.at = (self.at + by).min(self.bytes.len());
    }

    /// Reads one given byte if it is next.
    #[inline]
    pub fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Reads a word, ignoring case, if it is next and no letter or digit follows.
    pub fn eat_word(&mut self, word: &[u8]) -> bool {
        let rest = self.rest();
        let found = rest.len() >= word.len()
            && rest[..word.len()].eq_ignore_ascii_case(word)
            && !rest
                .get(word.len())
                .is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'('));
        if found {
            self.at += word.len();
        }
        found
    }

    /// Reads white space.
    #[inline]
    pub fn skip_spaces(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c) = self.peek() {
            self.at += 1;
        }
    }

    /// Reads spaces and tabs other than `except`.
    #[inline]
    pub fn skip_blanks(&mut self, except: u8) {
        while let Some(byte @ (b' ' | b'\t')) = self.peek() {
            if byte == except {
                break;
            }
            self.at += 1;
        }
    }

    /// Reads one given byte.
    ///
    /// # Errors
    /// CANNOT_PARSE_INPUT_ASSERTION_FAILED
    #[inline]
    pub fn expect(&mut self, byte: u8) -> Result<()> {
        if self.eat(byte) { Ok(()) } else { Err(self.expected(&[byte])) }
    }

    /// The error that something else was expected here.
    #[cold]
    pub fn expected(&self, what: &[u8]) -> Error {
        let what = visible(what);
        if self.is_at_end() {
            return error!(
                CannotParseInputAssertionFailed,
                "Cannot parse input: expected '{what}' at end of stream"
            );
        }
        error!(
            CannotParseInputAssertionFailed,
            "Cannot parse input: expected '{what}' before: '{}'",
            visible(self.rest())
        )
    }

    /// Fails unless all is read.
    pub fn expect_end(&self, type_name: &dyn std::fmt::Display) -> Result<()> {
        if self.is_at_end() {
            return Ok(());
        }
        let parsed = self.since(0);
        let text = visible(self.bytes);
        if parsed.is_empty() {
            bail!(
                CannotParseText,
                "Cannot parse string '{text}' as {type_name}: syntax error at begin of string"
            );
        }
        bail!(
            CannotParseText,
            "Cannot parse string '{text}' as {type_name}: syntax error at position {} \
             (parsed just '{}')",
            self.at,
            visible(parsed)
        );
    }
}

/// The start of some bytes as it can be shown in a message.
pub(crate) fn visible(bytes: &[u8]) -> String {
    const SHOWN: usize = 60;
    let mut out = String::new();
    for c in String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN)]).chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0' => out.push_str("\\0"),
            c => out.push(c),
        }
    }
    if bytes.len() > SHOWN {
        out.push_str("...");
    }
    out
}
