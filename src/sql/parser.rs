//! Recursive descent over tokens; expressions by operator precedence.
//!
//! 1. No backtracking over expressions: what a construct is is decided by looking at tokens ahead,
//!    so parsing takes linear time.
//! 2. A failed parse is run again with `recording` on, to learn what was expected at the furthest
//!    token; so the usual run spends nothing on error messages.
//! 3. `depth` counts calls in progress, `height` the levels of the tree built so far within the
//!    current call; both are bounded by [`MAX_DEPTH`], so neither parsing nor walking, cloning or
//!    dropping a tree can overflow a stack of 2 MiB.

mod alter;
mod clause;
mod column;
mod create;
mod data_type;
mod dictionary;
mod engine;
mod expression;
mod function;
mod insert;
mod introspect;
mod operand;
mod query;
mod special;
mod statement;
mod table;
mod window;

pub(crate) use statement::Output;

use crate::ast::{Expression, Name, Statement, TableName};
use crate::literal;
use crate::scan::Head;
use crate::token::{self, Token, TokenKind};
use base::{ErrorCode, Result, bail, error};

/// How many levels a tree may have.
pub const MAX_DEPTH: u32 = 400;

/// How many levels a query counts for: its frames are larger than those of an expression.
const QUERY_LEVELS: u32 = 4;

/// Parses the statement of a head.
pub(crate) fn parse_head(text: &[u8], head: &Head) -> Result<(Statement, Output)> {
    run(text, head, |parser| parser.statement_with_output())
}

/// Parses a head that is an expression.
pub(crate) fn parse_lone_expression(text: &[u8], head: &Head) -> Result<Expression> {
    run(text, head, |parser| parser.aliased_expression())
}

/// Parses a head that is a data type.
pub(crate) fn parse_lone_type(text: &[u8], head: &Head) -> Result<String> {
    run(text, head, |parser| parser.data_type())
}

fn run<T>(text: &[u8], head: &Head, parse: fn(&mut Parser<'_>) -> Result<T>) -> Result<T> {
    let tokens = token::tokenize(head)?;
    let inline_data = head.data_start.is_some();
    let mut parser = Parser::new(text, &tokens, inline_data, false);
    match parser.whole(parse) {
        Err(failure) if failure.code() == ErrorCode::SyntaxError => {
            let mut parser = Parser::new(text, &tokens, inline_data, true);
            parser.whole(parse)
        }
        result => result,
    }
}

pub(crate) struct Parser<'a> {
    text: &'a [u8],
    tokens: &'a [Token],
    at: usize,
    inline_data: bool,
    recording: bool,
    furthest: usize,
    expected: Vec<&'static str>,
    depth: u32,
    height: u32,
}

impl<'a> Parser<'a> {
    fn new(text: &'a [u8], tokens: &'a [Token], inline_data: bool, recording: bool) -> Parser<'a> {
        Parser {
            text,
            tokens,
            at: 0,
            inline_data,
            recording,
            furthest: 0,
            expected: Vec::new(),
            depth: 0,
            height: 0,
        }
    }

    fn whole<T>(&mut self, parse: fn(&mut Parser<'_>) -> Result<T>) -> Result<T> {
        let value = parse(self)?;
        if self.peek().kind == TokenKind::End {
            return Ok(value);
        }
        self.expect_also("end of query");
        self.fail()
    }

    // Tokens.

    fn peek(&self) -> Token {
        self.nth(0)
    }

    fn nth(&self, ahead: usize) -> Token {
        let last = self.tokens.len().saturating_sub(1);
        self.tokens[(self.at + ahead).min(last)]
    }

    fn advance(&mut self) -> Token {
        let token = self.peek();
        self.at = (self.at + 1).min(self.tokens.len().saturating_sub(1));
        token
    }

    fn bytes(&self, token: Token) -> &'a [u8] {
        &self.text[token.start..token.end]
    }

    /// The text of a token that is ASCII by its kind.
    fn word(&self, token: Token) -> &'a str {
        std::str::from_utf8(self.bytes(token)).unwrap_or_default()
    }

    fn is(&self, ahead: usize, symbol: &str) -> bool {
        matches!(self.nth(ahead).kind, TokenKind::Symbol(found) if found == symbol)
    }

    fn is_word(&self, ahead: usize, keyword: &str) -> bool {
        let token = self.nth(ahead);
        token.kind == TokenKind::Word && self.bytes(token).eq_ignore_ascii_case(keyword.as_bytes())
    }

    /// Whether one of these words stands `ahead`.
    fn is_one_of(&self, ahead: usize, keywords: &[&str]) -> bool {
        keywords.iter().any(|keyword| self.is_word(ahead, keyword))
    }

    fn is_name(&self, ahead: usize) -> bool {
        matches!(self.nth(ahead).kind, TokenKind::Word | TokenKind::QuotedName)
    }

    /// How many tokens `what` takes, if it stands here: a symbol, or keywords.
    fn matches(&self, what: &str) -> Option<usize> {
        if !what.starts_with(|first: char| first.is_ascii_alphabetic()) {
            return self.is(0, what).then_some(1);
        }
        let mut count = 0;
        for keyword in what.split(' ') {
            if !self.is_word(count, keyword) {
                return None;
            }
            count += 1;
        }
        Some(count)
    }

    /// Whether a symbol or keywords stand here.
    fn at(&mut self, what: &'static str) -> bool {
        let found = self.matches(what).is_some();
        if !found {
            self.expect_also(what);
        }
        found
    }

    /// Takes a symbol or keywords if they stand here.
    fn eat(&mut self, what: &'static str) -> bool {
        match self.matches(what) {
            Some(count) => {
                self.at += count;
                true
            }
            None => {
                self.expect_also(what);
                false
            }
        }
    }

    fn expect(&mut self, what: &'static str) -> Result<()> {
        if self.eat(what) { Ok(()) } else { self.fail() }
    }

    // Errors.

    fn expect_also(&mut self, what: &'static str) {
        if !self.recording || self.at < self.furthest {
            return;
        }
        if self.at > self.furthest {
            self.furthest = self.at;
            self.expected.clear();
        }
        if !self.expected.contains(&what) {
            self.expected.push(what);
        }
    }

    fn fail<T>(&mut self) -> Result<T> {
        if !self.recording {
            bail!(SyntaxError, "Syntax error");
        }
        let token = self.tokens[self.furthest.max(self.at).min(self.tokens.len() - 1)];
        let found = match token.kind {
            TokenKind::End => "end of query".to_owned(),
            TokenKind::Unknown => {
                let rest = String::from_utf8_lossy(&self.text[token.start..]);
                format!("'{}'", rest.chars().next().unwrap_or_default())
            }
            _ => format!("'{}'", String::from_utf8_lossy(self.bytes(token))),
        };
        let mut message = format!(
            "Syntax error: failed at position {} ({found}) {}: {}",
            token.start + 1,
            token::line_and_column(self.text, token.start),
            token::excerpt(self.text, token.start),
        );
        if self.furthest >= self.at && !self.expected.is_empty() {
            let one_of = if self.expected.len() > 1 { "one of: " } else { "" };
            message += &format!(". Expected {one_of}{}", self.expected.join(", "));
        }
        Err(base::Error::new(ErrorCode::SyntaxError, message))
    }

    fn expected<T>(&mut self, what: &'static str) -> Result<T> {
        self.expect_also(what);
        self.fail()
    }

    /// A statement that is understood but has no counterpart here.
    fn unsupported<T>(&self, what: &str) -> Result<T> {
        let at = self.peek().start;
        bail!(
            NotImplemented,
            "{what} is not supported, at position {} {}",
            at + 1,
            token::line_and_column(self.text, at)
        )
    }

    // Depth.

    /// Runs a parser one level deeper; afterwards `height` covers what it built.
    fn nested<T>(
        &mut self,
        levels: u32,
        parse: impl FnOnce(&mut Parser<'a>) -> Result<T>,
    ) -> Result<T> {
        self.depth += levels;
        if self.depth > MAX_DEPTH {
            return self.too_deep();
        }
        let outer = std::mem::replace(&mut self.height, 0);
        let value = parse(self)?;
        self.depth -= levels;
        self.grow(levels)?;
        self.height = self.height.max(outer);
        Ok(value)
    }

    /// Parses an item of a list: the levels that it grows are not added to those of the items beside it.
    fn apart<T>(&mut self, parse: impl FnOnce(&mut Parser<'a>) -> Result<T>) -> Result<T> {
        let outer = std::mem::replace(&mut self.height, 0);
        let value = parse(self)?;
        self.height = self.height.max(outer);
        Ok(value)
    }

    /// Notes that the tree under construction has got more levels.
    fn grow(&mut self, levels: u32) -> Result<()> {
        self.height += levels;
        if self.height > MAX_DEPTH { self.too_deep() } else { Ok(()) }
    }

    fn too_deep<T>(&self) -> Result<T> {
        let at = self.peek().start;
        Err(error!(
            TooDeepAst,
            "The query is nested too deeply (maximum: {MAX_DEPTH}) at position {} {}. \
             Simplify it, or split a long chain of operators by brackets or a list",
            at + 1,
            token::line_and_column(self.text, at)
        ))
    }

    // Names and lists.

    fn comma_list<T>(
        &mut self,
        mut item: impl FnMut(&mut Parser<'a>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut items = vec![item(self)?];
        while self.eat(",") {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// `( item, item )`, at least one.
    fn bracket_list<T>(
        &mut self,
        item: impl FnMut(&mut Parser<'a>) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.expect("(")?;
        let items = self.comma_list(item)?;
        self.expect(")")?;
        Ok(items)
    }

    /// A name: a word or a quoted name.
    fn identifier(&mut self) -> Result<String> {
        let token = self.peek();
        match token.kind {
            TokenKind::Word => {
                self.advance();
                Ok(self.word(token).to_owned())
            }
            TokenKind::QuotedName => {
                self.advance();
                let bytes = self.bytes(token);
                let value = literal::unescape(&bytes[1..bytes.len() - 1], bytes[0]);
                String::from_utf8(value).map_err(|_| {
                    error!(
                        SyntaxError,
                        "Syntax error: the name at position {} is not UTF-8",
                        token.start + 1
                    )
                })
            }
            _ => self.expected("identifier"),
        }
    }

    /// A name of one or more parts.
    fn name(&mut self) -> Result<Name> {
        let mut parts = vec![self.identifier()?];
        while self.is_part() {
            self.advance();
            parts.push(self.part()?);
        }
        Ok(Name(parts))
    }

    /// Whether a point and a part of a name are next.
    fn is_part(&self) -> bool {
        let marked = (self.is(1, ":") || self.is(1, "^")) && self.is_name(2);
        self.is(0, ".") && (self.is_name(1) || marked)
    }

    /// A part of a name; a type of a value, `:T`, and an object below a path, `^a`, keep their mark.
    fn part(&mut self) -> Result<String> {
        let mark = match (self.is(0, ":"), self.is(0, "^")) {
            (true, _) => ':',
            (_, true) => '^',
            _ => return self.identifier(),
        };
        self.advance();
        Ok(format!("{mark}`{}`", self.identifier()?))
    }

    /// A name of one or more parts as one string, as the columns of Nested have them.
    fn dotted_identifier(&mut self) -> Result<String> {
        Ok(self.name()?.0.join("."))
    }

    fn table_name(&mut self) -> Result<TableName> {
        let first = self.identifier_or_parameter()?;
        if self.eat(".") {
            let table = self.identifier_or_parameter()?;
            return Ok(TableName { database: Some(first), table });
        }
        Ok(TableName { database: None, table: first })
    }

    /// An identifier; `{name:Identifier}` stays as it is, for whoever knows the parameters.
    fn identifier_or_parameter(&mut self) -> Result<String> {
        let is_parameter = self.is(0, "{")
            && self.is_name(1)
            && self.is(2, ":")
            && self.is_word(3, "Identifier")
            && self.is(4, "}");
        if !is_parameter {
            return self.identifier();
        }
        self.advance();
        let name = self.identifier()?;
        self.at += 3;
        Ok(format!("{{{name}:Identifier}}"))
    }

    // Literals.

    /// The bytes of a string literal of any spelling, if one stands here.
    fn string_bytes(&mut self) -> Result<Option<Vec<u8>>> {
        let token = self.peek();
        let bytes = self.bytes(token);
        let value = match token.kind {
            TokenKind::String => literal::unescape(&bytes[1..bytes.len() - 1], b'\''),
            TokenKind::HexString => literal::hex_string(&bytes[2..bytes.len() - 1])?,
            TokenKind::BinaryString => literal::binary_string(&bytes[2..bytes.len() - 1])?,
            TokenKind::Heredoc => {
                let tag = bytes[1..].iter().position(|byte| *byte == b'$').unwrap_or(0) + 2;
                bytes[tag..bytes.len() - tag].to_vec()
            }
            _ => {
                self.expect_also("string literal");
                return Ok(None);
            }
        };
        self.advance();
        Ok(Some(value))
    }

    /// A string literal that must be UTF-8.
    fn string(&mut self) -> Result<String> {
        let start = self.peek().start;
        let Some(bytes) = self.string_bytes()? else { return self.fail() };
        String::from_utf8(bytes).map_err(|_| {
            error!(SyntaxError, "Syntax error: the string at position {} is not UTF-8", start + 1)
        })
    }

    fn unsigned(&mut self) -> Result<u64> {
        let token = self.peek();
        if token.kind == TokenKind::Number
            && let Ok(value) = self.word(token).replace('_', "").parse()
        {
            self.advance();
            return Ok(value);
        }
        self.expected("unsigned integer")
    }

    /// The source between two tokens, comments and line ends as they are.
    fn source_between(&self, first: usize, behind_last: usize) -> String {
        if behind_last <= first {
            return String::new();
        }
        let (start, end) = (self.tokens[first].start, self.tokens[behind_last - 1].end);
        String::from_utf8_lossy(&self.text[start..end]).into_owned()
    }

    /// The tokens of a range, single-spaced.
    fn spaced_between(&self, first: usize, behind_last: usize) -> String {
        let mut text = String::new();
        for token in &self.tokens[first..behind_last] {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(&String::from_utf8_lossy(self.bytes(*token)));
        }
        text
    }
}
