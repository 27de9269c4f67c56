//! Data types as canonical text. What they mean is for others to say; here they are only
//! spelled: one space after a comma and around `=`, none before a bracket.

use super::Parser;
use crate::literal::{quote_identifier, quote_string};
use crate::token::TokenKind;
use base::Result;

/// Words that may follow the first word of a type's name.
const CONTINUATIONS: &[(&str, &[&str])] = &[
    ("DOUBLE", &["PRECISION"]),
    ("CHAR", &["VARYING", "LARGE OBJECT"]),
    ("CHARACTER", &["VARYING", "LARGE OBJECT"]),
    ("NCHAR", &["VARYING", "LARGE OBJECT"]),
    ("BINARY", &["VARYING", "LARGE OBJECT"]),
    (
        "NATIONAL",
        &["CHARACTER VARYING", "CHARACTER LARGE OBJECT", "CHAR VARYING", "CHARACTER", "CHAR"],
    ),
    ("TINYINT", &["SIGNED", "UNSIGNED"]),
    ("SMALLINT", &["SIGNED", "UNSIGNED"]),
    ("MEDIUMINT", &["SIGNED", "UNSIGNED"]),
    ("INT", &["SIGNED", "UNSIGNED"]),
    ("INTEGER", &["SIGNED", "UNSIGNED"]),
    ("BIGINT", &["SIGNED", "UNSIGNED"]),
    ("INT1", &["SIGNED", "UNSIGNED"]),
];

impl Parser<'_> {
    /// A data type; its canonical text.
    pub(super) fn data_type(&mut self) -> Result<String> {
        if self.peek().kind != TokenKind::Word {
            return self.expected("data type");
        }
        let mut text = String::new();
        // `UNSIGNED BIGINT` is written `BIGINT UNSIGNED`.
        if self.is_one_of(0, &["UNSIGNED", "SIGNED"]) && self.nth(1).kind == TokenKind::Word {
            let sign = self.advance();
            let name = self.advance();
            text.push_str(&self.word(name).to_ascii_uppercase());
            text.push(' ');
            text.push_str(&self.word(sign).to_ascii_uppercase());
        } else {
            self.type_name(&mut text)?;
        }
        if self.is(0, "(") {
            self.type_arguments(&mut text)?;
        }
        if self.is_one_of(0, &["SIGNED", "UNSIGNED"]) && text.ends_with(')') {
            // `INT(11) UNSIGNED`
            text.push(' ');
            text.push_str(&self.word(self.peek()).to_ascii_uppercase());
            self.advance();
        }
        Ok(text)
    }

    fn type_name(&mut self, text: &mut String) -> Result<()> {
        let first = self.advance();
        let word = self.word(first);
        let found = CONTINUATIONS.iter().find(|(name, _)| word.eq_ignore_ascii_case(name));
        let continuation = found.and_then(|(_, continuations)| {
            continuations.iter().find(|words| self.matches(words).is_some())
        });
        match continuation {
            Some(words) => {
                self.expect(words)?;
                text.push_str(&word.to_ascii_uppercase());
                text.push(' ');
                text.push_str(words);
            }
            None => text.push_str(word),
        }
        Ok(())
    }

    /// `( ... )` of a type, without recursion: only the spelling is brought in order.
    fn type_arguments(&mut self, text: &mut String) -> Result<()> {
        let mut depth = 0_u32;
        let mut previous = TokenKind::Symbol("(");
        loop {
            let token = self.peek();
            let spaced = match (previous, token.kind) {
                (_, TokenKind::Symbol("=")) => true,
                (TokenKind::Symbol("," | "="), _) => true,
                (TokenKind::Symbol(_), _) | (_, TokenKind::Symbol(_)) => false,
                _ => true,
            };
            if spaced && depth > 0 {
                text.push(' ');
            }
            match token.kind {
                TokenKind::Symbol("(") => {
                    depth += 1;
                    if self.depth + depth > super::MAX_DEPTH {
                        return self.too_deep();
                    }
                    text.push('(');
                }
                TokenKind::Symbol(")") => {
                    if matches!(previous, TokenKind::Symbol("," | "=" | "-" | ".")) {
                        return self.expected("argument of a data type");
                    }
                    depth -= 1;
                    text.push(')');
                }
                TokenKind::Symbol("," | "=" | "." | "-") => {
                    let before_comma = !matches!(previous, TokenKind::Symbol("(" | "," | "="));
                    if !before_comma && !self.is(0, "-") {
                        return self.expected("argument of a data type");
                    }
                    text.push_str(self.word(token));
                }
                TokenKind::Word | TokenKind::Number => text.push_str(self.word(token)),
                TokenKind::QuotedName => {
                    let name = self.identifier()?;
                    text.push_str(&quote_identifier(&name));
                    previous = token.kind;
                    continue;
                }
                TokenKind::String => {
                    let value = self.string_bytes()?.unwrap_or_default();
                    text.push_str(&quote_string(&value));
                    previous = token.kind;
                    continue;
                }
                _ => return self.expected("argument of a data type"),
            }
            self.advance();
            previous = token.kind;
            if depth == 0 {
                return Ok(());
            }
        }
    }
}
