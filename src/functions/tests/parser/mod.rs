//! A small parser of expressions: literals, calls, arrays, tuples, lambdas and a few operators.

use types::{DataType, Value};

/// An expression as it is written.
pub(crate) enum Syntax {
    /// A value with its type.
    Literal(Value, DataType),
    /// A parameter of a lambda.
    Name(String),
    /// A call by name.
    Call(String, Vec<Syntax>),
    /// Parameters and body.
    Lambda(Vec<String>, Box<Syntax>),
}

/// Operators and their functions, the loosest first.
const OPERATORS: [&[(&str, &str)]; 3] = [
    &[
        (">=", "greaterOrEquals"),
        ("<=", "lessOrEquals"),
        (">", "greater"),
        ("<", "less"),
        ("=", "equals"),
    ],
    &[("+", "plus")],
    &[("*", "multiply"), ("%", "modulo")],
];

struct Parser<'a> {
    rest: &'a str,
}

/// Expressions divided by commas; `None` for what this parser does not know.
pub(crate) fn parse_list(source: &str) -> Option<Vec<Syntax>> {
    let mut parser = Parser { rest: source };
    let list = parser.list("")?;
    parser.rest.is_empty().then_some(list)
}

impl<'a> Parser<'a> {
    fn space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn eat(&mut self, token: &str) -> bool {
        self.space();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn list(&mut self, close: &str) -> Option<Vec<Syntax>> {
        let mut items = Vec::new();
        self.space();
        if !close.is_empty() && self.eat(close) {
            return Some(items);
        }
        loop {
            items.push(self.expression()?);
            if self.eat(",") {
                // A comma may end a tuple of one.
                if !close.is_empty() && self.eat(close) {
                    return Some(items);
                }
                continue;
            }
            self.space();
            return (close.is_empty() || self.eat(close)).then_some(items);
        }
    }

    fn expression(&mut self) -> Option<Syntax> {
        let left = self.primary()?;
        if let (Syntax::Name(name), true) = (&left, self.eat("->")) {
            let names = vec![name.clone()];
            return Some(Syntax::Lambda(names, Box::new(self.expression()?)));
        }
        self.operators(left, 0)
    }

    /// What follows `left` of operators that bind as closely as those of `level` or closer.
    fn operators(&mut self, mut left: Syntax, level: usize) -> Option<Syntax> {
        loop {
            let close = OPERATORS.iter().enumerate().skip(level);
            let mut found = close.flat_map(|(at, all)| all.iter().map(move |o| (at, o)));
            let Some((at, (_, name))) = found.find(|(_, (token, _))| self.eat(token)) else {
                self.space();
                return Some(left);
            };
            let right = self.primary()?;
            let right = self.operators(right, at + 1)?;
            left = Syntax::Call((*name).to_owned(), vec![left, right]);
        }
    }

    fn primary(&mut self) -> Option<Syntax> {
        self.space();
        let first = self.rest.chars().next()?;
        let mut syntax = match first {
            '\'' => self.string()?,
            '[' => {
                self.eat("[");
                Syntax::Call("array".to_owned(), self.list("]")?)
            }
            '(' => {
                self.eat("(");
                let items = self.list(")")?;
                if self.eat("->") {
                    let names: Option<Vec<String>> = items
                        .into_iter()
                        .map(|i| if let Syntax::Name(n) = i { Some(n) } else { None })
                        .collect();
                    return Some(Syntax::Lambda(names?, Box::new(self.expression()?)));
                }
                Syntax::Call("tuple".to_owned(), items)
            }
            '-' if self.rest[1..].starts_with(|c: char| c.is_alphabetic()) => {
                self.eat("-");
                Syntax::Call("negate".to_owned(), vec![self.primary()?])
            }
            '-' | '0'..='9' => self.number()?,
            c if c.is_alphabetic() || c == '_' => self.name()?,
            _ => return None,
        };
        while self.eat("[") {
            let index = self.expression()?;
            if !self.eat("]") {
                return None;
            }
            syntax = Syntax::Call("arrayElement".to_owned(), vec![syntax, index]);
        }
        Some(syntax)
    }

    fn string(&mut self) -> Option<Syntax> {
        let mut out = Vec::new();
        let mut bytes = self.rest.bytes().enumerate().skip(1);
        while let Some((at, byte)) = bytes.next() {
            match byte {
                b'\'' => {
                    self.rest = &self.rest[at + 1..];
                    return Some(Syntax::Literal(Value::from(&out[..]), DataType::String));
                }
                b'\\' => match bytes.next()?.1 {
                    b'n' => out.push(b'\n'),
                    b't' => out.push(b'\t'),
                    b'r' => out.push(b'\r'),
                    b'0' => out.push(0),
                    b'x' => {
                        let digits = [bytes.next()?.1, bytes.next()?.1];
                        let digits = std::str::from_utf8(&digits).ok()?.to_owned();
                        out.push(u8::from_str_radix(&digits, 16).ok()?);
                    }
                    b'%' => out.extend_from_slice(b"\\%"),
                    b'_' => out.extend_from_slice(b"\\_"),
                    other @ (b'\\' | b'\'' | b'"' | b'/') => out.push(other),
                    other => out.extend_from_slice(&[b'\\', other]),
                },
                other => out.push(other),
            }
        }
        None
    }

    fn number(&mut self) -> Option<Syntax> {
        let sign = usize::from(self.rest.starts_with('-'));
        let within = |c: char| c.is_ascii_digit() || c == '.';
        let length =
            self.rest[sign..].find(|c| !within(c)).unwrap_or(self.rest.len() - sign) + sign;
        let text = &self.rest[..length];
        self.rest = &self.rest[length..];
        if text.contains('.') {
            return Some(Syntax::Literal(Value::Float(text.parse().ok()?), DataType::Float64));
        }
        let number: i128 = text.parse().ok()?;
        let data_type = match number {
            0..=0xFF => DataType::UInt8,
            0x100..=0xFFFF => DataType::UInt16,
            0x1_0000..=0xFFFF_FFFF => DataType::UInt32,
            0x1_0000_0000..=0xFFFF_FFFF_FFFF_FFFF => DataType::UInt64,
            -0x80..=-1 => DataType::Int8,
            -0x8000..=-1 => DataType::Int16,
            -0x8000_0000..=-1 => DataType::Int32,
            _ => DataType::Int64,
        };
        Some(Syntax::Literal(Value::Int(number), data_type))
    }

    fn name(&mut self) -> Option<Syntax> {
        let within = |c: char| c.is_alphanumeric() || c == '_';
        let length = self.rest.find(|c| !within(c)).unwrap_or(self.rest.len());
        let name = &self.rest[..length];
        self.rest = &self.rest[length..];
        if self.eat("(") {
            return Some(Syntax::Call(name.to_owned(), self.list(")")?));
        }
        Some(match name {
            "NULL" => Syntax::Literal(Value::Null, DataType::null()),
            "nan" => Syntax::Literal(Value::Float(f64::NAN), DataType::Float64),
            "true" => Syntax::Literal(Value::Int(1), DataType::Bool),
            other => Syntax::Name(other.to_owned()),
        })
    }
}
