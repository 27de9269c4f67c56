//! Tokens: the tokenizer of `sqlparser` over the masked text, mended where ClickHouse differs.
//!
//! A token is a kind and a range of the original text; what it says is read from there.

use crate::scan::Head;
use base::{Result, error};
use sqlparser::dialect::Dialect;
use sqlparser::tokenizer::{Token as Raw, Tokenizer};

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A keyword or a bare name.
    Word,
    /// A name in back-ticks or double quotes.
    QuotedName,
    /// A number, perhaps beginning with a period.
    Number,
    /// `'...'`
    String,
    /// `$tag$...$tag$`
    Heredoc,
    /// `x'4142'`
    HexString,
    /// `b'0101'`
    BinaryString,
    /// Punctuation and operators.
    Symbol(&'static str),
    /// Something that belongs to no token.
    Unknown,
    /// After the last token.
    End,
}

/// A token and where it stands in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// All symbols of the dialect.
const SYMBOLS: &[&str] = &[
    "(", ")", "[", "]", "{", "}", ",", ".", ";", ":", "::", "+", "-", "*", "/", "%", "^", "=",
    "==", "!=", "<>", "<", "<=", ">", ">=", "<=>", "||", "->",
];

/// What the tokenizer needs to know of the dialect.
#[derive(Debug)]
struct ClickHouse;

impl Dialect for ClickHouse {
    fn is_identifier_start(&self, character: char) -> bool {
        character.is_ascii_alphabetic() || character == '_'
    }

    fn is_identifier_part(&self, character: char) -> bool {
        character.is_ascii_alphanumeric() || character == '_' || character == '$'
    }

    fn supports_numeric_literal_underscores(&self) -> bool {
        true
    }
}

/// Cuts a head into tokens; the last one is [`TokenKind::End`].
pub(crate) fn tokenize(head: &Head) -> Result<Vec<Token>> {
    let raw = Tokenizer::new(&ClickHouse, &head.masked)
        .with_unescape(false)
        .tokenize_with_location()
        .map_err(|failure| error!(SyntaxError, "Syntax error: {failure}"))?;
    let mut tokens: Vec<Token> = Vec::with_capacity(raw.len() / 2 + 1);
    for item in raw {
        // The masked text is one line of ASCII, so a column is an offset.
        let offset = |column: u64| usize::try_from(column).unwrap_or(1).saturating_sub(1);
        let (start, end) = (offset(item.span.start.column), offset(item.span.end.column));
        let kind = match &item.token {
            Raw::Whitespace(_) => continue,
            Raw::Word(word) if word.quote_style.is_some() => TokenKind::QuotedName,
            Raw::Word(_) => TokenKind::Word,
            Raw::Number(..) => TokenKind::Number,
            Raw::HexStringLiteral(_) if head.masked[start..].starts_with('0') => TokenKind::Number,
            Raw::HexStringLiteral(_) => TokenKind::HexString,
            Raw::SingleQuotedString(_) => TokenKind::String,
            Raw::DollarQuotedString(_) => TokenKind::Heredoc,
            _ => symbol(&head.masked[start..end]),
        };
        let token = Token { kind, start: head.start + start, end: head.start + end };
        if !glued(&mut tokens, token, head.masked.split_at(start)) {
            tokens.push(token);
        }
    }
    tokens.push(Token { kind: TokenKind::End, start: head.end, end: head.end });
    Ok(tokens)
}

fn symbol(text: &str) -> TokenKind {
    if text == "\\" {
        return TokenKind::Symbol("?");
    }
    let found = SYMBOLS.iter().find(|symbol| **symbol == text);
    found.map_or(TokenKind::Unknown, |symbol| TokenKind::Symbol(symbol))
}

/// Joins what the tokenizer takes for two tokens: `0b1`, `0x1p-3`, `b'01'`, and names that begin with digits.
fn glued(tokens: &mut [Token], token: Token, (before, rest): (&str, &str)) -> bool {
    let Some(last) = tokens.last_mut().filter(|last| last.end == token.start) else {
        return false;
    };
    let text = &before[before.len().saturating_sub(last.end - last.start)..];
    let hexadecimal = text.starts_with("0x") || text.starts_with("0X");
    let kind = match (last.kind, token.kind) {
        (TokenKind::Number, TokenKind::Word)
            if text.bytes().all(|b| b.is_ascii_digit() || b == b'_') && !matches!(text, "0") =>
        {
            TokenKind::Word
        }
        (TokenKind::Number, TokenKind::Word) => TokenKind::Number,
        (TokenKind::Number, TokenKind::Symbol(".") | TokenKind::Number)
            if hexadecimal && rest.starts_with('.') && !text.contains('.') =>
        {
            TokenKind::Number
        }
        (TokenKind::Number, TokenKind::Symbol("-" | "+"))
            if hexadecimal && text.ends_with(['p', 'P']) =>
        {
            TokenKind::Number
        }
        (TokenKind::Number, TokenKind::Number) if hexadecimal && text.ends_with(['-', '+']) => {
            TokenKind::Number
        }
        (TokenKind::Word, TokenKind::String)
            if last.end - last.start == 1 && before.ends_with(['b', 'B']) =>
        {
            TokenKind::BinaryString
        }
        _ => return false,
    };
    last.kind = kind;
    last.end = token.end;
    true
}

/// `(line 1, col 5)` of an offset, both counted from 1, columns in bytes.
pub(crate) fn line_and_column(text: &[u8], offset: usize) -> String {
    let before = &text[..offset.min(text.len())];
    let line = memchr::memchr_iter(b'\n', before).count() + 1;
    let column = before.len() - memchr::memrchr(b'\n', before).map_or(0, |at| at + 1) + 1;
    format!("(line {line}, col {column})")
}

/// The text from an offset on, shortened.
pub(crate) fn excerpt(text: &[u8], offset: usize) -> String {
    const LENGTH: usize = 120;
    let rest = &text[offset.min(text.len())..];
    let short = String::from_utf8_lossy(&rest[..rest.len().min(LENGTH)]).into_owned();
    if rest.len() > LENGTH { short + "..." } else { short }
}
