//! Reads a text chunk by chunk. However a text is cut into chunks, its tokens are the same.
//!
//! What a tokenizer cannot decide before it sees more bytes waits in `carry`: an unfinished
//! character, the beginning of a separator, a run without spaces (of which at most 64 KiB is
//! looked at in one piece).

use std::collections::HashMap;

use unicode_segmentation::UnicodeSegmentation;

use super::token::TokenBuffer;
use super::{Analyzer, Token, Tokenizer};

/// The longest run without spaces that the tokenizer `unicode` sees at once.
const LONGEST_PIECE: usize = 64 * 1024;
/// Stems that are remembered.
const MOST_STEMS: usize = 50_000;
/// Positions between the elements of an array, so that no phrase reaches from one to the next.
const ELEMENT_GAP: u32 = 100;

/// Cuts one text after another.
pub struct TokenStream {
    analyzer: Analyzer,
    token: TokenBuffer,
    start: u64,
    position: u32,
    /// Bytes of the text before `carry`.
    offset: u64,
    carry: Vec<u8>,
    /// Where each character of the last n begins in `carry`, with its bytes (n-grams).
    units: Vec<(u64, Vec<u8>)>,
    stems: HashMap<Vec<u8>, Vec<u8>, foldhash::fast::FixedState>,
}

/// What the next bytes are.
enum Unit {
    Char(char, usize),
    Invalid(usize),
    Incomplete,
}

#[inline]
fn unit(bytes: &[u8], last: bool) -> Unit {
    let head = &bytes[..bytes.len().min(4)];
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.valid_up_to() > 0 => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(error) => {
            return match error.error_len() {
                Some(length) => Unit::Invalid(length),
                None if last => Unit::Invalid(head.len()),
                None => Unit::Incomplete,
            };
        }
    };
    match valid.chars().next() {
        Some(c) => Unit::Char(c, c.len_utf8()),
        None => Unit::Incomplete,
    }
}

impl TokenStream {
    pub(super) fn new(analyzer: Analyzer) -> TokenStream {
        TokenStream {
            analyzer,
            token: TokenBuffer::default(),
            start: 0,
            position: 0,
            offset: 0,
            carry: Vec::new(),
            units: Vec::new(),
            stems: HashMap::default(),
        }
    }

    /// Takes the next bytes of the text.
    #[inline]
    pub fn push(&mut self, chunk: &[u8], each: &mut impl FnMut(Token<'_>)) {
        self.cut(chunk, false, each);
    }

    /// Ends the text: the next bytes begin another one.
    pub fn finish(&mut self, each: &mut impl FnMut(Token<'_>)) {
        self.cut(&[], true, each);
        self.end_token(self.offset, each);
        (self.position, self.offset) = (0, 0);
        self.units.clear();
    }

    /// Ends an element of an array: the next bytes begin another one of the same text.
    pub fn end_element(&mut self, each: &mut impl FnMut(Token<'_>)) {
        self.cut(&[], true, each);
        self.end_token(self.offset, each);
        self.units.clear();
        if !matches!(self.analyzer.inner.tokenizer, Tokenizer::Array | Tokenizer::Keyword) {
            self.position = self.position.saturating_add(ELEMENT_GAP);
        }
    }

    /// Cuts what waits and what comes.
    #[inline]
    fn cut(&mut self, chunk: &[u8], last: bool, each: &mut impl FnMut(Token<'_>)) {
        let used;
        if self.carry.is_empty() {
            used = self.cut_bytes(chunk, last, each);
            self.carry.extend_from_slice(&chunk[used..]);
        } else {
            let mut all = std::mem::take(&mut self.carry);
            all.extend_from_slice(chunk);
            used = self.cut_bytes(&all, last, each);
            all.drain(..used);
            self.carry = all;
        }
        self.offset += used as u64;
    }

    /// Cuts bytes; how many of them need not be seen again.
    #[inline]
    fn cut_bytes(&mut self, bytes: &[u8], last: bool, each: &mut impl FnMut(Token<'_>)) -> usize {
        let analyzer = self.analyzer.clone();
        match &analyzer.inner.tokenizer {
            Tokenizer::Default | Tokenizer::Snowball(_) => self.cut_words(bytes, last, each),
            Tokenizer::SplitByNonAlpha => self.cut_ascii(bytes, each),
            Tokenizer::Array | Tokenizer::Keyword => self.cut_nothing(bytes, last),
            Tokenizer::Ngrams(n) => self.cut_ngrams(*n, bytes, last, each),
            Tokenizer::SplitByString(separators) => self.cut_between(separators, bytes, last, each),
            Tokenizer::Unicode => self.cut_unicode(bytes, last, each),
        }
    }

    #[inline]
    fn begin(&mut self, at: usize) {
        if self.token.is_empty() {
            self.start = self.offset + at as u64;
        }
    }

    #[inline]
    fn end_token(&mut self, end: u64, each: &mut impl FnMut(Token<'_>)) {
        if self.token.is_empty() {
            return;
        }
        let inner = &*self.analyzer.inner;
        let long = self.token.is_long();
        let mut text = self.token.text();
        let stopped = !inner.stopwords.is_empty()
            && inner.stopwords.binary_search_by(|word| word.as_slice().cmp(text)).is_ok();
        if !stopped {
            if let (Some(stemmer), false) = (&inner.stemmer, long) {
                text = stem(&mut self.stems, stemmer, text);
            }
            each(Token { text, position: self.position, start: self.start, end });
        }
        self.position = self.position.saturating_add(1);
        self.token.clear();
    }

    fn cut_words(&mut self, bytes: &[u8], last: bool, each: &mut impl FnMut(Token<'_>)) -> usize {
        let lowercase = self.analyzer.inner.lowercase;
        let mut at = 0;
        while at < bytes.len() {
            let run = at;
            while at < bytes.len() && bytes[at].is_ascii_alphanumeric() {
                at += 1;
            }
            if at > run {
                self.begin(run);
                self.token.push_ascii(&bytes[run..at], lowercase);
            }
            let Some(byte) = bytes.get(at) else { break };
            if byte.is_ascii() {
                self.end_token(self.offset + at as u64, each);
                at += 1;
                continue;
            }
            match unit(&bytes[at..], last) {
                Unit::Char(c, length) if c.is_alphanumeric() => {
                    self.begin(at);
                    self.token.push_char(c, lowercase);
                    at += length;
                }
                Unit::Char(_, length) => {
                    self.end_token(self.offset + at as u64, each);
                    at += length;
                }
                Unit::Invalid(length) => {
                    self.begin(at);
                    self.token.push(&bytes[at..at + length]);
                    at += length;
                }
                Unit::Incomplete => break,
            }
        }
        at
    }

    fn cut_ascii(&mut self, bytes: &[u8], each: &mut impl FnMut(Token<'_>)) -> usize {
        let lowercase = self.analyzer.inner.lowercase;
        let mut at = 0;
        while at < bytes.len() {
            let run = at;
            while at < bytes.len() && (bytes[at].is_ascii_alphanumeric() || !bytes[at].is_ascii()) {
                at += 1;
            }
            if at > run {
                self.begin(run);
                self.token.push_ascii(&bytes[run..at], lowercase);
            }
            if at < bytes.len() {
                self.end_token(self.offset + at as u64, each);
                at += 1;
            }
        }
        at
    }

    fn cut_nothing(&mut self, bytes: &[u8], last: bool) -> usize {
        if !self.analyzer.inner.lowercase {
            self.begin(0);
            self.token.push(bytes);
            return bytes.len();
        }
        let mut at = 0;
        while at < bytes.len() {
            self.begin(at);
            match unit(&bytes[at..], last) {
                Unit::Char(c, length) => {
                    self.token.push_char(c, true);
                    at += length;
                }
                Unit::Invalid(length) => {
                    self.token.push(&bytes[at..at + length]);
                    at += length;
                }
                Unit::Incomplete => break,
            }
        }
        at
    }

    fn cut_ngrams(
        &mut self,
        n: usize,
        bytes: &[u8],
        last: bool,
        each: &mut impl FnMut(Token<'_>),
    ) -> usize {
        let lowercase = self.analyzer.inner.lowercase;
        let mut at = 0;
        while at < bytes.len() {
            let mut letter = TokenBuffer::default();
            let length = match unit(&bytes[at..], last) {
                Unit::Char(c, length) => {
                    letter.push_char(c, lowercase);
                    length
                }
                Unit::Invalid(_) => {
                    letter.push(&bytes[at..=at]);
                    1
                }
                Unit::Incomplete => break,
            };
            if self.units.len() == n {
                self.units.remove(0);
            }
            self.units.push((self.offset + at as u64, letter.text().to_vec()));
            at += length;
            if self.units.len() == n {
                self.start = self.units[0].0;
                for (_, letter) in &self.units {
                    self.token.push(letter);
                }
                self.end_token(self.offset + at as u64, each);
            }
        }
        at
    }

    fn cut_between(
        &mut self,
        separators: &[String],
        bytes: &[u8],
        last: bool,
        each: &mut impl FnMut(Token<'_>),
    ) -> usize {
        let longest = separators.iter().map(String::len).max().unwrap_or(1);
        let lowercase = self.analyzer.inner.lowercase;
        let mut at = 0;
        while at < bytes.len() && (last || bytes.len() - at >= longest.max(4)) {
            let rest = &bytes[at..];
            if let Some(found) = separators.iter().find(|s| rest.starts_with(s.as_bytes())) {
                self.end_token(self.offset + at as u64, each);
                at += found.len();
                continue;
            }
            self.begin(at);
            match unit(rest, last) {
                Unit::Char(c, length) => {
                    self.token.push_char(c, lowercase);
                    at += length;
                }
                _ => {
                    self.token.push(&rest[..1]);
                    at += 1;
                }
            }
        }
        at
    }

    fn cut_unicode(&mut self, bytes: &[u8], last: bool, each: &mut impl FnMut(Token<'_>)) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let space = rest.iter().take(LONGEST_PIECE).position(u8::is_ascii_whitespace);
            let length = match space {
                Some(0) => {
                    at += 1;
                    continue;
                }
                Some(length) => length,
                None if rest.len() >= LONGEST_PIECE => {
                    // Not within a character.
                    let inside = |end: &usize| rest.get(*end).is_some_and(|b| b & 0xc0 == 0x80);
                    let end = LONGEST_PIECE - 4;
                    (end..end + 4).find(|end| !inside(end)).unwrap_or(end)
                }
                None if last => rest.len(),
                None => break,
            };
            self.cut_piece(&rest[..length], at, each);
            at += length;
        }
        at
    }

    /// The words of a piece without spaces, which lies at `at`.
    fn cut_piece(&mut self, piece: &[u8], at: usize, each: &mut impl FnMut(Token<'_>)) {
        let lowercase = self.analyzer.inner.lowercase;
        let mut start = self.offset + at as u64;
        for part in piece.utf8_chunks() {
            for (index, word) in part.valid().unicode_word_indices() {
                self.start = start + index as u64;
                word.chars().for_each(|c| self.token.push_char(c, lowercase));
                self.end_token(self.start + word.len() as u64, each);
            }
            start += part.valid().len() as u64;
            if !part.invalid().is_empty() {
                self.start = start;
                self.token.push(part.invalid());
                start += part.invalid().len() as u64;
                self.end_token(start, each);
            }
        }
    }
}

/// The stem of a token, remembered; a token that is no UTF-8 is its own stem.
fn stem<'a>(
    stems: &'a mut HashMap<Vec<u8>, Vec<u8>, foldhash::fast::FixedState>,
    stemmer: &frostem::Stemmer,
    text: &'a [u8],
) -> &'a [u8] {
    let Ok(word) = std::str::from_utf8(text) else { return text };
    if stems.len() >= MOST_STEMS {
        stems.clear();
    }
    if !stems.contains_key(text) {
        let stemmed = stemmer.stem(word);
        // A stem of nothing would lose the token.
        let kept = if stemmed.is_empty() { word } else { &*stemmed };
        stems.insert(text.to_vec(), kept.as_bytes().to_vec());
    }
    stems.get(text).map_or(text, Vec::as_slice)
}
