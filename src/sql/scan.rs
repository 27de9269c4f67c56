//! A first look at a statement: where it ends, where inline data begins, and a masked copy.
//!
//! The tokenizer takes whole strings of UTF-8 and knows neither ClickHouse's escapes in quoted
//! names nor where the rows of an INSERT begin. So one pass over the bytes makes a copy of the
//! head alone, of the same length byte for byte, in which
//! 1. everything within quotes is `x`, so that escapes and foreign bytes cannot mislead;
//! 2. comments, line ends and Unicode's blanks are spaces, so that a token's column is its offset;
//! 3. characters that no token begins with are [`UNKNOWN`], and `?` is a backslash, since the
//!    tokenizer would take digits after `?` for a placeholder.
//!
//! The parser takes what a token says from the original bytes.

use crate::ast::{InsertSource, Statement};
use crate::token;
use base::{Result, bail};

/// Stands in the masked text for a character that belongs to no token.
const UNKNOWN: u8 = 1;

/// The part of a text that is one statement without its data.
#[derive(Debug)]
pub(crate) struct Head {
    /// Where it begins in the text.
    pub(crate) start: usize,
    /// Where it ends: at a `;`, at the data, or at the end of the text.
    pub(crate) end: usize,
    /// The masked text of `start..end`, ASCII.
    pub(crate) masked: String,
    /// Where the data of an INSERT begins.
    pub(crate) data_start: Option<usize>,
}

/// Scans one statement that begins at `start`.
pub(crate) fn scan(text: &[u8], start: usize) -> Result<Head> {
    Scanner::new(text, start, Watch::Start).run()
}

/// Scans an expression or a type: no word begins data.
pub(crate) fn scan_without_data(text: &[u8]) -> Result<Head> {
    Scanner::new(text, 0, Watch::Off).run()
}

/// Fails if anything but blanks, comments and `;` follows.
pub(crate) fn only_blank_after(text: &[u8], from: usize) -> Result<()> {
    match next_statement(text, from)? {
        None => Ok(()),
        Some(at) => bail!(
            SyntaxError,
            "Syntax error (Multi-statements are not allowed): failed at position {} (end of query) {}: {}",
            from + 1,
            token::line_and_column(text, from),
            token::excerpt(text, at)
        ),
    }
}

/// Where the next statement begins; `None` if only blanks, comments and `;` are left.
pub(crate) fn next_statement(text: &[u8], from: usize) -> Result<Option<usize>> {
    let mut at = from;
    while let Some(&byte) = text.get(at) {
        if byte == b';' || byte.is_ascii_whitespace() {
            at += 1;
        } else if let Some(length) = blank_length(&text[at..]) {
            at += length;
        } else if let Some(end) = comment_end(text, at)? {
            at = end;
        } else {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

/// Where the inline data of a statement of a script ends: at its `;`.
pub(crate) fn data_end(text: &[u8], from: usize, statement: &Statement) -> usize {
    let quoted = matches!(
        statement,
        Statement::Insert(insert) if insert.source == InsertSource::Values
    );
    let mut at = from;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'\'' if quoted => at = quoted_end(text, at).unwrap_or(text.len()),
            b';' if quoted => return at,
            b';' if text[at + 1..].iter().all(u8::is_ascii_whitespace) => return at,
            b';' if text.get(at + 1).is_some_and(|next| matches!(next, b'\n' | b'\r')) => {
                return at;
            }
            _ => at += 1,
        }
    }
    text.len()
}

/// What the words of the statement have said so far about inline data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Watch {
    /// Before the first word.
    Start,
    /// No data can follow.
    Off,
    /// An INSERT, its target or columns or settings.
    Insert,
    /// An INSERT with a SELECT: only FORMAT can bring data.
    InsertSelect,
}

/// What stood before a word, as far as it tells names from keywords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// `INTO`, `TABLE`, `FUNCTION`, `.`: a name follows.
    NameFollows,
    /// A word that cannot end an expression, an operator, a comma.
    Open,
    /// A name, a closing bracket, a literal.
    Complete,
}

struct Scanner<'a> {
    text: &'a [u8],
    start: usize,
    at: usize,
    masked: Vec<u8>,
    depth: usize,
    watch: Watch,
    before: Before,
}

impl<'a> Scanner<'a> {
    fn new(text: &'a [u8], start: usize, watch: Watch) -> Scanner<'a> {
        Scanner {
            text,
            start,
            at: start,
            masked: Vec::new(),
            depth: 0,
            watch,
            before: Before::Open,
        }
    }

    fn run(mut self) -> Result<Head> {
        let mut data_start = None;
        while let Some(&byte) = self.text.get(self.at) {
            if byte == b';' {
                break;
            }
            if is_word_byte(byte) {
                data_start = self.word()?;
                if data_start.is_some() {
                    break;
                }
            } else {
                self.other(byte)?;
            }
        }
        let end = self.start + self.masked.len();
        let masked = String::from_utf8(self.masked)
            .map_err(|_| base::Error::logical("the masked text of a query is not ASCII"))?;
        Ok(Head { start: self.start, end, masked, data_start })
    }

    /// Masks `count` bytes with one character.
    fn mask(&mut self, count: usize, with: u8) {
        self.masked.extend(std::iter::repeat_n(with, count));
        self.at += count;
    }

    fn other(&mut self, byte: u8) -> Result<()> {
        match byte {
            b'\'' | b'"' | b'`' => self.quoted(byte)?,
            b'(' | b'[' | b'{' => {
                self.mask(1, byte);
                self.depth += 1;
                self.before = Before::Open;
            }
            b')' | b']' | b'}' => {
                self.mask(1, byte);
                self.depth = self.depth.saturating_sub(1);
                self.before = Before::Complete;
            }
            b'.' => {
                self.mask(1, byte);
                self.before = Before::NameFollows;
            }
            b'?' => self.operator(b'\\'),
            _ if byte.is_ascii_whitespace() || byte == 0x0b => self.mask(1, b' '),
            _ => {
                if let Some(length) = blank_length(&self.text[self.at..]) {
                    self.mask(length, b' ');
                } else if let Some(end) = comment_end(self.text, self.at)? {
                    self.mask(end - self.at, b' ');
                } else if byte.is_ascii_punctuation() && !matches!(byte, b'#' | b'@' | b'\\') {
                    self.operator(byte);
                } else {
                    self.operator(UNKNOWN);
                }
            }
        }
        Ok(())
    }

    fn operator(&mut self, masked: u8) {
        self.mask(1, masked);
        self.before = Before::Open;
    }

    fn quoted(&mut self, quote: u8) -> Result<()> {
        let Some(end) = quoted_end(self.text, self.at) else {
            let what = match quote {
                b'\'' => "Single quoted string",
                b'"' => "Double quoted name",
                _ => "Back quoted name",
            };
            return self.unclosed(what);
        };
        let inside = end - self.at - 2;
        self.mask(1, quote);
        self.mask(inside, b'x');
        self.mask(1, quote);
        self.before = Before::Complete;
        Ok(())
    }

    fn unclosed<T>(&self, what: &str) -> Result<T> {
        bail!(
            SyntaxError,
            "Syntax error: {what} is not closed, failed at position {} {}: {}",
            self.at + 1,
            token::line_and_column(self.text, self.at),
            token::excerpt(self.text, self.at)
        )
    }

    /// A word, a number, or a heredoc; returns where data begins if the word says so.
    fn word(&mut self) -> Result<Option<usize>> {
        if self.text[self.at] == b'$' && self.heredoc()? {
            return Ok(None);
        }
        let begin = self.at;
        let end = word_end(self.text, begin);
        // After a period the tokenizer takes no name that begins with `_`.
        let after_period = self.masked.last() == Some(&b'.');
        self.masked.extend_from_slice(&self.text[begin..end]);
        if after_period && self.text[begin] == b'_' {
            let first = self.masked.len() - (end - begin);
            self.masked[first] = b'x';
        }
        self.at = end;
        let word = &self.text[begin..end];
        let before = std::mem::replace(&mut self.before, before_next(word));
        if self.depth > 0 || before == Before::NameFollows {
            self.before = Before::Complete;
            return Ok(None);
        }
        self.statement_word(word, before)
    }

    fn statement_word(&mut self, word: &[u8], before: Before) -> Result<Option<usize>> {
        let is = |keyword: &str| word.eq_ignore_ascii_case(keyword.as_bytes());
        match self.watch {
            Watch::Start => {
                self.watch = if is("INSERT") { Watch::Insert } else { Watch::Off };
            }
            Watch::Insert if is("SELECT") || is("WITH") || is("FROM") => {
                // `FROM INFILE` has no data after its format.
                self.watch = if is("FROM") && self.next_word_is(self.at, "INFILE") {
                    Watch::Off
                } else {
                    Watch::InsertSelect
                };
            }
            Watch::Insert if is("VALUES") && before == Before::Complete => {
                return Ok(Some(self.at));
            }
            Watch::Insert | Watch::InsertSelect if is("FORMAT") && before == Before::Complete => {
                return self.format();
            }
            _ => {}
        }
        Ok(None)
    }

    /// After FORMAT: masks the format's name and settings after it, and finds the data.
    fn format(&mut self) -> Result<Option<usize>> {
        let name = self.skip_blank(self.at);
        if !self.text.get(name).is_some_and(|byte| is_word_byte(*byte)) {
            return Ok(None);
        }
        self.copy_until(word_end(self.text, name))?;
        if self.next_word_is(self.at, "SETTINGS") {
            let settings = self.skip_blank(self.at);
            self.copy_until(word_end(self.text, settings))?;
            while let Some(end) = self.setting_end(self.at) {
                self.copy_until(end)?;
                let comma = self.skip_blank(self.at);
                if self.text.get(comma) != Some(&b',') {
                    break;
                }
                self.copy_until(comma + 1)?;
            }
        }
        let mut data = self.at;
        let skip = |data: &mut usize, bytes: &[u8]| {
            while self.text.get(*data).is_some_and(|byte| bytes.contains(byte)) {
                *data += 1;
            }
        };
        skip(&mut data, b" \t\x0c");
        if self.text.get(data) == Some(&b';') {
            data += 1;
            skip(&mut data, b" \t\x0c");
        }
        for line_end in [b'\r', b'\n'] {
            if self.text.get(data) == Some(&line_end) {
                data += 1;
            }
        }
        Ok(Some(data))
    }

    /// Where `name = value` ends; values are words, numbers and strings.
    fn setting_end(&self, from: usize) -> Option<usize> {
        let name = self.skip_blank(from);
        let equals = self.skip_blank(word_end(self.text, name));
        if self.text.get(equals) != Some(&b'=') {
            return None;
        }
        let mut value = self.skip_blank(equals + 1);
        if self.text.get(value) == Some(&b'\'') {
            return quoted_end(self.text, value);
        }
        while self.text.get(value).is_some_and(|b| is_word_byte(*b) || matches!(b, b'.' | b'-')) {
            value += 1;
        }
        Some(value)
    }

    /// Masks what has been found to be plain words, signs and strings.
    fn copy_until(&mut self, end: usize) -> Result<()> {
        while self.at < end {
            match self.text[self.at] {
                quote @ b'\'' => self.quoted(quote)?,
                byte if byte.is_ascii_whitespace() => self.mask(1, b' '),
                byte if byte.is_ascii() => self.mask(1, byte),
                _ => self.mask(1, UNKNOWN),
            }
        }
        Ok(())
    }

    fn skip_blank(&self, from: usize) -> usize {
        let mut at = from;
        while let Some(byte) = self.text.get(at) {
            if byte.is_ascii_whitespace() {
                at += 1;
            } else {
                break;
            }
        }
        at
    }

    fn next_word_is(&self, from: usize, keyword: &str) -> bool {
        let begin = self.skip_blank(from);
        self.text[begin..word_end(self.text, begin)].eq_ignore_ascii_case(keyword.as_bytes())
    }

    /// `$tag$ ... $tag$`; false if there is none at this `$`.
    fn heredoc(&mut self) -> Result<bool> {
        let rest = &self.text[self.at..];
        let Some(length) = rest[1..].iter().position(|byte| *byte == b'$') else {
            return Ok(false);
        };
        let tag = &rest[..length + 2];
        if !tag[1..=length].iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
            return Ok(false);
        }
        let Some(inside) = memchr::memmem::find(&rest[tag.len()..], tag) else {
            return self.unclosed("Heredoc");
        };
        self.masked.extend_from_slice(tag);
        self.at += tag.len();
        self.mask(inside, b'x');
        self.masked.extend_from_slice(tag);
        self.at += tag.len();
        self.before = Before::Complete;
        Ok(true)
    }
}

/// What may follow a word.
fn before_next(word: &[u8]) -> Before {
    let is = |keywords: &[&str]| keywords.iter().any(|k| word.eq_ignore_ascii_case(k.as_bytes()));
    if is(&["INTO", "TABLE", "FUNCTION"]) {
        Before::NameFollows
    } else if is(&["SELECT", "DISTINCT", "BY", "AND", "OR", "NOT", "WHERE", "ON", "HAVING", "AS"]) {
        Before::Open
    } else {
        Before::Complete
    }
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$'
}

fn word_end(text: &[u8], from: usize) -> usize {
    let length = text[from..].iter().position(|byte| !is_word_byte(*byte));
    length.map_or(text.len(), |length| from + length)
}

/// Where the quotes that begin at `from` end, after the closing one.
fn quoted_end(text: &[u8], from: usize) -> Option<usize> {
    let quote = *text.get(from)?;
    let mut at = from + 1;
    loop {
        at += memchr::memchr2(quote, b'\\', text.get(at..)?)?;
        if text[at] == quote && text.get(at + 1) != Some(&quote) {
            return Some(at + 1);
        }
        // An escape, or a doubled quote.
        at += 2;
    }
}

/// The length of a Unicode blank at the beginning of `text`.
fn blank_length(text: &[u8]) -> Option<usize> {
    match text {
        [0xc2, 0xa0 | 0x85, ..] => Some(2),
        [0xe2, 0x80, 0x80..=0x8d | 0xa8 | 0xa9 | 0xaf, ..] => Some(3),
        [0xe2, 0x81, 0x9f | 0xa0, ..] | [0xe3, 0x80, 0x80, ..] | [0xef, 0xbb, 0xbf, ..] => Some(3),
        _ => None,
    }
}

/// Where the comment that begins at `at` ends; `None` if none begins there.
fn comment_end(text: &[u8], at: usize) -> Result<Option<usize>> {
    let rest = &text[at..];
    match rest {
        [b'-', b'-', ..] | [b'#', b' ' | b'!', ..] => {
            Ok(Some(memchr::memchr(b'\n', rest).map_or(text.len(), |length| at + length)))
        }
        [b'/', b'*', ..] => {
            let mut depth = 1_usize;
            let mut end = at + 2;
            while depth > 0 {
                match text.get(end..).unwrap_or_default() {
                    [b'/', b'*', ..] => {
                        depth += 1;
                        end += 2;
                    }
                    [b'*', b'/', ..] => {
                        depth -= 1;
                        end += 2;
                    }
                    [] => bail!(
                        SyntaxError,
                        "Syntax error: multiline comment is not closed, failed at position {} {}: {}",
                        at + 1,
                        token::line_and_column(text, at),
                        token::excerpt(text, at)
                    ),
                    _ => end += 1,
                }
            }
            Ok(Some(end))
        }
        _ => Ok(None),
    }
}
