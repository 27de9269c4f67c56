//! Just enough SQL expressions to write tests in: literals, calls, operators, intervals, casts.

use base::{Result, bail};
use expr::{Argument, Expr, FunctionContext, Registry};
use types::{DataType, Value, require_supertype};

pub(super) struct Parser<'a> {
    text: &'a str,
    at: usize,
    registry: &'a Registry,
    context: &'a FunctionContext,
    as_columns: bool,
    /// The literals that became columns.
    pub(super) literals: Vec<(Value, DataType)>,
}

/// Operators by how tightly they bind, loosest first.
const OPERATORS: [&[(&str, &str)]; 5] = [
    &[(" OR ", "or")],
    &[(" AND ", "and")],
    &[
        ("!=", "notEquals"),
        ("<>", "notEquals"),
        ("<=", "lessOrEquals"),
        (">=", "greaterOrEquals"),
        ("=", "equals"),
        ("<", "less"),
        (">", "greater"),
    ],
    &[("+", "plus"), ("-", "minus")],
    &[("*", "multiply"), ("/", "divide"), ("%", "modulo")],
];

impl<'a> Parser<'a> {
    pub(super) fn new(
        text: &'a str,
        registry: &'a Registry,
        context: &'a FunctionContext,
        as_columns: bool,
    ) -> Parser<'a> {
        Parser { text, at: 0, registry, context, as_columns, literals: Vec::new() }
    }

    pub(super) fn list(&mut self) -> Result<Vec<Expr>> {
        let mut out = vec![self.binary(0)?];
        while self.eat(",") {
            out.push(self.binary(0)?);
        }
        self.space();
        if self.at < self.text.len() {
            bail!(SyntaxError, "unexpected {:?} in {:?}", &self.text[self.at..], self.text);
        }
        Ok(out)
    }

    fn space(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    fn eat(&mut self, token: &str) -> bool {
        if !token.starts_with(' ') {
            self.space();
        }
        let found = self.text[self.at..].starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn binary(&mut self, level: usize) -> Result<Expr> {
        let Some(operators) = OPERATORS.get(level) else { return self.postfix() };
        let mut left = self.binary(level + 1)?;
        loop {
            let Some((_, function)) = operators.iter().find(|(token, _)| self.eat(token)) else {
                return Ok(left);
            };
            let right = self.binary(level + 1)?;
            left = self.call(function, vec![left, right])?;
        }
    }

    fn postfix(&mut self) -> Result<Expr> {
        let mut value = self.primary()?;
        while self.eat("::") {
            let name = self.type_name();
            value = self.cast(value, &name)?;
        }
        Ok(value)
    }

    fn type_name(&mut self) -> String {
        self.space();
        let start = self.at;
        let mut depth = 0;
        for (at, c) in self.text[start..].char_indices() {
            match c {
                '(' => depth += 1,
                ')' if depth > 0 => {
                    depth -= 1;
                    if depth == 0 {
                        self.at = start + at + 1;
                        return self.text[start..self.at].to_owned();
                    }
                }
                c if depth == 0 && !c.is_alphanumeric() => {
                    self.at = start + at;
                    return self.text[start..self.at].to_owned();
                }
                _ => {}
            }
        }
        self.at = self.text.len();
        self.text[start..].to_owned()
    }

    fn cast(&mut self, value: Expr, name: &str) -> Result<Expr> {
        let name = Expr::Literal { value: Value::from(name), data_type: DataType::String };
        self.call("CAST", vec![value, name])
    }

    fn primary(&mut self) -> Result<Expr> {
        self.space();
        let rest = &self.text[self.at..];
        let Some(first) = rest.chars().next() else { bail!(SyntaxError, "unexpected end") };
        if first == '\'' {
            let text = self.string();
            return Ok(self.literal(Value::from(text.as_str()), DataType::String));
        }
        if first.is_ascii_digit()
            || (first == '-' && rest[1..].starts_with(|c: char| c.is_ascii_digit()))
        {
            return self.number();
        }
        if self.eat("-") {
            let value = self.postfix()?;
            return self.call("negate", vec![value]);
        }
        if self.eat("[") {
            return self.array();
        }
        if self.eat("(") {
            return self.tuple();
        }
        let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let word = &rest[..length];
        self.at += length;
        match word {
            "NULL" => return Ok(self.literal(Value::Null, DataType::null())),
            "true" | "false" => {
                return Ok(self.literal(Value::Int(i128::from(word == "true")), DataType::Bool));
            }
            "nan" => return Ok(self.literal(Value::Float(f64::NAN), DataType::Float64)),
            "inf" => return Ok(self.literal(Value::Float(f64::INFINITY), DataType::Float64)),
            "NOT" => {
                let value = self.binary(2)?;
                return self.call("not", vec![value]);
            }
            "INTERVAL" => {
                let count = self.primary()?;
                self.space();
                let unit = self.type_name();
                let name = format!("toInterval{}{}", &unit[..1], unit[1..].to_lowercase());
                return self.call(&name, vec![count]);
            }
            _ => {}
        }
        if !self.eat("(") {
            bail!(SyntaxError, "unexpected {word:?} in {:?}", self.text);
        }
        let mut arguments = Vec::new();
        if self.eat(")") {
            return self.call(word, arguments);
        }
        loop {
            arguments.push(self.binary(0)?);
            if word == "CAST" && self.eat("AS ") {
                let name = self.type_name();
                let value = arguments.remove(0);
                self.eat(")");
                return self.cast(value, &name);
            }
            if self.eat(")") {
                return self.call(word, arguments);
            }
            if !self.eat(",") {
                bail!(SyntaxError, "expected ',' in {:?}", self.text);
            }
        }
    }

    fn string(&mut self) -> String {
        let mut out = String::new();
        let mut chars = self.text[self.at + 1..].char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => {
                    if let Some((_, c)) = chars.next() {
                        out.push(if c == 'n' { '\n' } else { c });
                    }
                }
                '\'' => {
                    self.at += at + 2;
                    return out;
                }
                c => out.push(c),
            }
        }
        out
    }

    fn number(&mut self) -> Result<Expr> {
        let rest = &self.text[self.at..];
        let mut length = 1;
        let bytes = rest.as_bytes();
        while let Some(byte) = bytes.get(length) {
            let exponent = matches!(byte, b'+' | b'-') && bytes[length - 1] == b'e';
            if !(byte.is_ascii_digit() || matches!(byte, b'.' | b'e') || exponent) {
                break;
            }
            length += 1;
        }
        let text = &rest[..length];
        self.at += length;
        if let Ok(number) = text.parse::<i128>() {
            let data_type = match number {
                0..=0xFF => DataType::UInt8,
                0x100..=0xFFFF => DataType::UInt16,
                0x1_0000..=0xFFFF_FFFF => DataType::UInt32,
                -128..=-1 => DataType::Int8,
                -32_768..=-129 => DataType::Int16,
                -2_147_483_648..=-32_769 => DataType::Int32,
                n if n < 0 => DataType::Int64,
                _ => DataType::UInt64,
            };
            return Ok(self.literal(Value::Int(number), data_type));
        }
        let Ok(float) = text.parse::<f64>() else { bail!(SyntaxError, "no number: {text}") };
        Ok(self.literal(Value::Float(float), DataType::Float64))
    }

    fn literal(&mut self, value: Value, data_type: DataType) -> Expr {
        if self.as_columns && !data_type.is_null_literal() {
            self.literals.push((value, data_type.clone()));
            return Expr::Column { index: self.literals.len() - 1, data_type };
        }
        Expr::Literal { value, data_type }
    }

    /// The literals up to a closing bracket.
    fn constants(&mut self, close: &str) -> Result<Vec<(Value, DataType)>> {
        let as_columns = std::mem::replace(&mut self.as_columns, false);
        let mut out = Vec::new();
        while !self.eat(close) {
            match self.primary()? {
                Expr::Literal { value, data_type } => out.push((value, data_type)),
                _ => bail!(SyntaxError, "only constants in brackets in tests"),
            }
            self.eat(",");
        }
        self.as_columns = as_columns;
        Ok(out)
    }

    fn array(&mut self) -> Result<Expr> {
        let items = self.constants("]")?;
        let types: Vec<DataType> = items.iter().map(|(_, t)| t.clone()).collect();
        let item = if types.is_empty() { DataType::Nothing } else { require_supertype(&types)? };
        let floats = item.inner().is_float();
        let values = items.into_iter().map(|(value, _)| match value {
            Value::Int(number) if floats => Value::Float(number as f64),
            other => other,
        });
        Ok(self.literal(Value::Array(values.collect()), DataType::array(item)))
    }

    fn tuple(&mut self) -> Result<Expr> {
        let before = self.at;
        let items = self.constants(")");
        match items {
            Ok(items) if items.len() > 1 => {
                let data_type = DataType::tuple(items.iter().map(|(_, t)| t.clone()));
                let value = Value::Tuple(items.into_iter().map(|(v, _)| v).collect());
                Ok(self.literal(value, data_type))
            }
            _ => {
                self.at = before;
                let inner = self.binary(0)?;
                self.eat(")");
                Ok(inner)
            }
        }
    }

    fn call(&mut self, function: &str, arguments: Vec<Expr>) -> Result<Expr> {
        let described: Vec<Argument> = arguments
            .iter()
            .map(|a| Argument {
                data_type: a.data_type(),
                constant: a
                    .as_literal()
                    .cloned()
                    .or_else(|| folded(a, self.registry, self.context)),
                lambda: None,
            })
            .collect();
        let bound = self.registry.bind(self.context, function, &described)?;
        // Constants that are calls are handed on as literals, as a planner folds them.
        let arguments = arguments
            .into_iter()
            .zip(described)
            .map(|(argument, described)| match described.constant {
                Some(value) => Expr::Literal { value, data_type: described.data_type },
                None => argument,
            })
            .collect();
        Ok(Expr::Call { function: function.to_owned(), arguments, data_type: bound.return_type })
    }
}

/// The value of a call without columns.
fn folded(expression: &Expr, registry: &Registry, context: &FunctionContext) -> Option<Value> {
    if !matches!(expression, Expr::Call { .. }) || !expression.columns().is_empty() {
        return None;
    }
    let evaluator =
        expr::Evaluator::new(std::slice::from_ref(expression), registry, context).ok()?;
    let found = evaluator.evaluate_columns(&[], 1).ok()?.pop()?;
    found.value(&expression.data_type(), 0).ok()
}
