//! Operands: literals, names, brackets, and what is written right behind them.

use super::{Parser, QUERY_LEVELS};
use crate::ast::{ColumnTransformer, Expression, FunctionCall, Literal, Name, Query, SetOperator};
use crate::token::TokenKind;
use base::Result;

impl Parser<'_> {
    pub(super) fn operand(&mut self) -> Result<Expression> {
        let token = self.peek();
        let operand = match token.kind {
            TokenKind::Number => self.number()?,
            TokenKind::String
            | TokenKind::Heredoc
            | TokenKind::HexString
            | TokenKind::BinaryString => {
                Expression::Literal(Literal::String(self.string_bytes()?.unwrap_or_default()))
            }
            TokenKind::Word | TokenKind::QuotedName => self.word_operand()?,
            TokenKind::Symbol("(") => self.brackets()?,
            TokenKind::Symbol("[") => self.array()?,
            TokenKind::Symbol("{") => self.parameter()?,
            TokenKind::Symbol("*") => {
                self.advance();
                self.transformed(None)?
            }
            _ => return self.expected("expression"),
        };
        self.postfix(operand)
    }

    /// `.1`, `.name`, `[i]`, `::T` after an operand, any number of them.
    pub(super) fn postfix(&mut self, mut operand: Expression) -> Result<Expression> {
        loop {
            let token = self.peek();
            operand = match token.kind {
                TokenKind::Number if self.is_tuple_index() => {
                    let Ok(index) = self.word(token)[1..].parse() else {
                        return self.expected("index of a tuple");
                    };
                    self.advance();
                    Expression::TupleIndex(Box::new(operand), index)
                }
                TokenKind::Symbol(".") if self.is_part() => {
                    self.advance();
                    let field = self.part()?;
                    Expression::TupleField(Box::new(operand), field)
                }
                TokenKind::Symbol("[") => {
                    self.advance();
                    let index = self.aliased_expression()?;
                    self.expect("]")?;
                    Expression::ArrayElement(Box::new(operand), Box::new(index))
                }
                TokenKind::Symbol("::") => {
                    self.advance();
                    let data_type = self.data_type()?;
                    Expression::Cast { operand: Box::new(operand), data_type }
                }
                _ => return Ok(operand),
            };
            self.grow(1)?;
        }
    }

    /// `.1` right behind the previous token.
    fn is_tuple_index(&self) -> bool {
        let token = self.peek();
        let adjacent = self.at > 0 && self.tokens[self.at - 1].end == token.start;
        adjacent && self.bytes(token).first() == Some(&b'.')
    }

    /// A number; before `::` its text, so that a cast loses no digits.
    fn number(&mut self) -> Result<Expression> {
        let token = self.peek();
        let text = self.word(token);
        if !is_number(text) {
            return self.expected("number");
        }
        self.advance();
        let text = text.to_owned();
        Ok(Expression::Literal(if self.is(0, "::") {
            Literal::String(text.into_bytes())
        } else {
            Literal::Number(text)
        }))
    }

    /// A name, a keyword literal, a call, a special form, or a lambda of one parameter.
    fn word_operand(&mut self) -> Result<Expression> {
        if self.is(1, "->") {
            let parameter = self.identifier()?;
            return self.lambda(vec![parameter]);
        }
        if self.peek().kind == TokenKind::Word
            && let Some(special) = self.special_form()?
        {
            return Ok(special);
        }
        if self.is(1, "(") {
            return self.function();
        }
        let name = self.name()?;
        if self.is(0, ".") && self.is(1, "*") {
            self.at += 2;
            return self.transformed(Some(name));
        }
        if name.0.len() > 1 && self.is(0, "(") && name.last().eq_ignore_ascii_case("COLUMNS") {
            let mut parts = name.0;
            parts.pop();
            return self.columns(Some(Name(parts)));
        }
        Ok(Expression::Identifier(name))
    }

    fn lambda(&mut self, parameters: Vec<String>) -> Result<Expression> {
        self.expect("->")?;
        let body = Box::new(self.expression()?);
        Ok(Expression::Lambda { parameters, body })
    }

    fn parameter(&mut self) -> Result<Expression> {
        self.expect("{")?;
        let name = self.identifier()?;
        self.expect(":")?;
        let data_type = self.data_type()?;
        self.expect("}")?;
        Ok(Expression::Parameter { name, data_type })
    }

    fn array(&mut self) -> Result<Expression> {
        self.expect("[")?;
        if self.eat("]") {
            return Ok(Expression::Array(Vec::new()));
        }
        let items = self.comma_list(Parser::aliased_expression)?;
        self.expect("]")?;
        Ok(Expression::Array(items))
    }

    /// Whether a query begins `ahead`; names of its first keywords are not taken for one.
    pub(super) fn is_query(&self, ahead: usize) -> bool {
        if self.is_one_of(ahead, &["SELECT", "WITH"]) {
            return !matches!(
                self.nth(ahead + 1).kind,
                TokenKind::Symbol("," | ")" | "." | "=") | TokenKind::End
            );
        }
        self.is_word(ahead, "FROM") && (self.is_name(ahead + 1) || self.is(ahead + 1, "("))
    }

    /// `( ... )`: a subquery, a lambda's parameters, a tuple, or a bracketed expression.
    fn brackets(&mut self) -> Result<Expression> {
        if self.is_query(1) {
            return self.subquery().map(|query| Expression::Subquery(Box::new(query)));
        }
        if let Some(parameters) = self.lambda_parameters()? {
            return self.lambda(parameters);
        }
        self.expect("(")?;
        if self.eat(")") {
            return Ok(Expression::Function(FunctionCall::new("tuple", Vec::new())));
        }
        let first = self.aliased_expression()?;
        if self.is_set_operator() {
            return self.set_operation_of(first);
        }
        if self.eat(")") {
            return Ok(first);
        }
        let mut items = vec![first];
        while self.eat(",") {
            if self.is(0, ")") {
                break;
            }
            items.push(self.aliased_expression()?);
        }
        self.expect(")")?;
        Ok(Expression::Tuple(items))
    }

    /// `(query)`
    pub(super) fn subquery(&mut self) -> Result<Query> {
        self.expect("(")?;
        let query = self.nested(QUERY_LEVELS, Parser::query)?;
        self.expect(")")?;
        Ok(query)
    }

    fn is_set_operator(&self) -> bool {
        self.is_one_of(0, &["UNION", "EXCEPT", "INTERSECT"])
    }

    /// `((SELECT ..) UNION ...)` whose first query has been taken for an expression.
    fn set_operation_of(&mut self, first: Expression) -> Result<Expression> {
        let Expression::Subquery(first) = first else {
            return self.expected(")");
        };
        let query = self.nested(QUERY_LEVELS, |parser| parser.set_operations(*first))?;
        self.expect(")")?;
        Ok(Expression::Subquery(Box::new(query)))
    }

    /// The parameters, if `( ... ) ->` stands here.
    fn lambda_parameters(&mut self) -> Result<Option<Vec<String>>> {
        let mut ahead = 1;
        if !self.is(1, ")") {
            loop {
                if !self.is_name(ahead) {
                    return Ok(None);
                }
                ahead += 1;
                if self.is(ahead, ")") {
                    break;
                }
                if !self.is(ahead, ",") {
                    return Ok(None);
                }
                ahead += 1;
            }
        }
        let closing = if self.is(1, ")") { 1 } else { ahead };
        if !self.is(closing + 1, "->") {
            return Ok(None);
        }
        self.expect("(")?;
        let parameters =
            if self.is(0, ")") { Vec::new() } else { self.comma_list(Parser::identifier)? };
        self.expect(")")?;
        Ok(Some(parameters))
    }

    // Asterisks.

    /// What follows `*` or `t.*`.
    fn transformed(&mut self, qualifier: Option<Name>) -> Result<Expression> {
        let transformers = self.transformers()?;
        Ok(Expression::Asterisk { qualifier, transformers })
    }

    /// `COLUMNS( ... )`, from its bracket on.
    pub(super) fn columns(&mut self, qualifier: Option<Name>) -> Result<Expression> {
        self.expect("(")?;
        let mut pattern = None;
        let mut list = Vec::new();
        if self.peek().kind == TokenKind::String {
            pattern = Some(self.string()?);
        } else {
            list = self.comma_list(Parser::name)?;
        }
        self.expect(")")?;
        let transformers = self.transformers()?;
        Ok(Expression::Columns { qualifier, pattern, list, transformers })
    }

    fn transformers(&mut self) -> Result<Vec<ColumnTransformer>> {
        let mut transformers = Vec::new();
        loop {
            let transformer = if self.is_except_of_columns() {
                self.advance();
                self.eat("STRICT");
                self.except_columns()?
            } else if self.is_word(0, "REPLACE") {
                self.advance();
                self.eat("STRICT");
                self.replace_columns()?
            } else if self.is_word(0, "APPLY") {
                self.advance();
                self.apply_function()?
            } else {
                return Ok(transformers);
            };
            self.grow(1)?;
            transformers.push(transformer);
        }
    }

    /// `EXCEPT` and `EXCLUDE` of columns, not the set operator.
    fn is_except_of_columns(&self) -> bool {
        if self.is_word(0, "EXCLUDE") {
            return true;
        }
        let bracket = usize::from(self.is(1, "("));
        let query = self.is_query(1 + bracket)
            || (bracket == 1 && self.is(2, "("))
            || self.is_one_of(1, &["ALL", "DISTINCT"]);
        self.is_word(0, "EXCEPT") && !query
    }

    fn except_columns(&mut self) -> Result<ColumnTransformer> {
        if !self.is(0, "(") {
            return Ok(if self.peek().kind == TokenKind::String {
                ColumnTransformer::ExceptPattern(self.string()?)
            } else {
                ColumnTransformer::Except(vec![self.dotted_identifier()?])
            });
        }
        if self.nth(1).kind == TokenKind::String {
            self.expect("(")?;
            let pattern = self.string()?;
            self.expect(")")?;
            return Ok(ColumnTransformer::ExceptPattern(pattern));
        }
        self.bracket_list(Parser::dotted_identifier).map(ColumnTransformer::Except)
    }

    fn replace_columns(&mut self) -> Result<ColumnTransformer> {
        let bracket = self.eat("(");
        let items = self.comma_list(|parser| {
            let expression = parser.expression()?;
            parser.expect("AS")?;
            Ok((expression, parser.identifier()?))
        })?;
        if bracket {
            self.expect(")")?;
        }
        Ok(ColumnTransformer::Replace(items))
    }

    fn apply_function(&mut self) -> Result<ColumnTransformer> {
        let bracket = self.eat("(");
        let function = Box::new(self.expression()?);
        if bracket {
            self.expect(")")?;
        }
        Ok(ColumnTransformer::Apply(function))
    }

    /// `UNION`, `EXCEPT`, `INTERSECT` with ALL or DISTINCT, if one stands here.
    pub(super) fn set_operator(&mut self) -> Option<(SetOperator, Option<bool>)> {
        let operator = if self.eat("UNION") {
            SetOperator::Union
        } else if self.eat("EXCEPT") {
            SetOperator::Except
        } else if self.eat("INTERSECT") {
            SetOperator::Intersect
        } else {
            return None;
        };
        let distinct = if self.eat("ALL") {
            Some(false)
        } else if self.eat("DISTINCT") {
            Some(true)
        } else {
            None
        };
        Some((operator, distinct))
    }
}

/// Whether a text is a number of the dialect: `1_000`, `1.5e-3`, `.5`, `0xFF`, `0x1p3`, `0b101`.
fn is_number(text: &str) -> bool {
    let digits = |digits: &str, radix: u32| {
        let valid = |character: char| character.is_digit(radix) || character == '_';
        digits.chars().all(valid)
    };
    let with_fraction = |number: &str, radix: u32| {
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let some = whole.len() + fraction.len() > 0;
        some && digits(whole, radix) && digits(fraction, radix)
    };
    let with_exponent = |number: &str, mark: [char; 2], radix: u32| match number.split_once(mark) {
        None => with_fraction(number, radix),
        Some((number, exponent)) => {
            let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            with_fraction(number, radix)
                && !exponent.is_empty()
                && exponent.bytes().all(|byte| byte.is_ascii_digit())
        }
    };
    match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => with_exponent(&text[2..], ['p', 'P'], 16),
        [b'0', b'b' | b'B', ..] => text.len() > 2 && digits(&text[2..], 2),
        _ => with_exponent(text, ['e', 'E'], 10),
    }
}
