//! Symbols of a query string.

use super::{Failure, Parsed};
use crate::query::Edits;

/// A word as it was written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Word {
    /// Without backslashes.
    pub(super) text: String,
    /// As a wildcard, with the backslashes it needs.
    pub(super) wildcard: String,
    /// Whether it has a wildcard's characters.
    pub(super) is_pattern: bool,
    /// What stands before its only wildcard, a star at the end.
    pub(super) prefix: Option<String>,
    /// How far it may be off.
    pub(super) fuzzy: Option<Edits>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Symbol {
    Open,
    Close,
    Plus,
    Minus,
    Not,
    And,
    Or,
    Field(String),
    Phrase { text: String, prefix: bool, slop: u32 },
    Regex(String),
    Word(Word),
}

/// Reads symbols, one ahead.
#[derive(Clone)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    /// The next symbol, and where it begins.
    next: Option<Symbol>,
    start: usize,
}

fn ends_word(c: char) -> bool {
    c.is_whitespace() || "()\"^~:".contains(c)
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Parsed<Lexer<'a>> {
        let mut lexer = Lexer { text, at: 0, next: None, start: 0 };
        lexer.read()?;
        Ok(lexer)
    }

    pub(super) fn peek(&self) -> Option<&Symbol> {
        self.next.as_ref()
    }

    /// Where the next symbol begins.
    pub(super) fn position(&self) -> usize {
        self.start
    }

    pub(super) fn failure(&self, why: &str) -> Failure {
        Failure { at: self.start, why: why.to_string() }
    }

    pub(super) fn next(&mut self) -> Parsed<Option<Symbol>> {
        let symbol = self.next.take();
        // A boost follows its value at once; `boost` reads on.
        if self.rest().starts_with('^') && is_value(symbol.as_ref()) {
            self.start = self.at;
            return Ok(symbol);
        }
        self.read()?;
        Ok(symbol)
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The factor behind a value; 1 where there is none.
    pub(super) fn boost(&mut self) -> Parsed<f32> {
        if self.next.is_some() || !self.rest().starts_with('^') {
            return Ok(1.0);
        }
        let start = self.at;
        self.at += 1;
        let number = self.number();
        match number.parse::<f32>() {
            Ok(boost) if boost.is_finite() => {
                self.read()?;
                Ok(boost)
            }
            _ => Err(Failure { at: start, why: "a boost is a number from 0 on".into() }),
        }
    }

    /// Digits and a point.
    fn number(&mut self) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn read(&mut self) -> Parsed<()> {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
        self.start = self.at;
        let rest = self.rest();
        let Some(c) = rest.chars().next() else {
            self.next = None;
            return Ok(());
        };
        let mut one = |symbol| {
            self.at += c.len_utf8();
            Ok(symbol)
        };
        let symbol = match c {
            '(' => one(Symbol::Open),
            ')' => one(Symbol::Close),
            '+' => one(Symbol::Plus),
            '-' => one(Symbol::Minus),
            '!' => one(Symbol::Not),
            '"' => self.phrase(),
            '/' => self.regex(),
            '[' | '{' | '<' | '>' => {
                Err(self.failure("ranges are not supported; compare another column instead"))
            }
            '^' | '~' | ':' => Err(self.failure(&format!("'{c}' does not belong here"))),
            _ if rest.starts_with("&&") || rest.starts_with("||") => {
                self.at += 2;
                Ok(if c == '&' { Symbol::And } else { Symbol::Or })
            }
            _ => self.word(),
        };
        self.next = Some(symbol?);
        Ok(())
    }

    /// Up to an end that no backslash stands before.
    fn quoted(&mut self, end: char, what: &str) -> Parsed<&'a str> {
        let inner = &self.rest()[1..];
        let mut escaped = false;
        for (at, c) in inner.char_indices() {
            if c == end && !escaped {
                self.at += at + 2;
                return Ok(&inner[..at]);
            }
            escaped = c == '\\' && !escaped;
        }
        Err(self.failure(&format!("{what} is not closed")))
    }

    fn phrase(&mut self) -> Parsed<Symbol> {
        let inner = self.quoted('"', "this quote")?;
        let prefix = inner.ends_with('*') && !inner.ends_with("\\*");
        let mut slop = 0;
        if self.rest().starts_with('~') {
            self.at += 1;
            let at = self.at;
            slop = self.number().parse().map_err(|_| Failure {
                at: at - 1,
                why: "how far a phrase's words may be moved is a whole number".into(),
            })?;
        }
        let text = unescaped(inner.strip_suffix('*').filter(|_| prefix).unwrap_or(inner));
        Ok(Symbol::Phrase { text, prefix, slop })
    }

    fn regex(&mut self) -> Parsed<Symbol> {
        let inner = self.quoted('/', "this regular expression")?;
        Ok(Symbol::Regex(inner.replace("\\/", "/")))
    }

    fn word(&mut self) -> Parsed<Symbol> {
        let (mut text, mut wildcard) = (String::new(), String::new());
        let (mut stars, mut marks, mut escaped) = (0, 0, false);
        let rest = self.rest();
        let mut length = rest.len();
        for (at, c) in rest.char_indices() {
            if escaped {
                text.push(c);
                wildcard.push('\\');
                wildcard.push(c);
                escaped = false;
            } else if c == '\\' {
                escaped = true;
            } else if ends_word(c) {
                length = at;
                break;
            } else {
                stars += usize::from(c == '*');
                marks += usize::from(c == '?');
                text.push(c);
                wildcard.push(c);
            }
        }
        self.at += length;
        let raw = &rest[..length];
        match raw {
            "AND" => return Ok(Symbol::And),
            "OR" => return Ok(Symbol::Or),
            "NOT" => return Ok(Symbol::Not),
            _ => {}
        }
        if self.rest().starts_with(':') {
            self.at += 1;
            return Ok(Symbol::Field(text));
        }
        let only_star = stars == 1 && marks == 0 && raw.ends_with('*') && !raw.ends_with("\\*");
        let prefix = text.strip_suffix('*').filter(|p| only_star && !p.is_empty());
        let prefix = prefix.map(str::to_string);
        let fuzzy = self.fuzzy()?;
        let is_pattern = stars + marks > 0;
        Ok(Symbol::Word(Word { text, wildcard, is_pattern, prefix, fuzzy }))
    }

    fn fuzzy(&mut self) -> Parsed<Option<Edits>> {
        if !self.rest().starts_with('~') {
            return Ok(None);
        }
        let start = self.at;
        self.at += 1;
        if let Some(rest) = self.rest().strip_prefix("AUTO") {
            self.at = self.text.len() - rest.len();
            return Ok(Some(Edits::Auto));
        }
        match self.number() {
            "" => Ok(Some(Edits::Auto)),
            "0" => Ok(Some(Edits::Exactly(0))),
            "1" => Ok(Some(Edits::Exactly(1))),
            "2" => Ok(Some(Edits::Exactly(2))),
            other => {
                let why = format!("a word may be 0, 1, 2 or AUTO edits off, not {other}");
                Err(Failure { at: start, why })
            }
        }
    }
}

fn is_value(symbol: Option<&Symbol>) -> bool {
    matches!(
        symbol,
        Some(Symbol::Close | Symbol::Phrase { .. } | Symbol::Regex(_) | Symbol::Word(_))
    )
}

fn unescaped(text: &str) -> String {
    let mut plain = String::new();
    let mut escaped = false;
    for c in text.chars() {
        if c == '\\' && !escaped {
            escaped = true;
        } else {
            plain.push(c);
            escaped = false;
        }
    }
    plain
}
