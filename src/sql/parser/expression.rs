//! Operators by precedence. From loose to tight:
//!
//! | level | operators |
//! | --- | --- |
//! | 1 | `->` (in [`super::operand`]) |
//! | 2 | `? :` |
//! | 3 | `OR` |
//! | 4 | `AND` |
//! | 5 | `NOT` |
//! | 6 | `IS [NOT] NULL`, `IS [NOT] DISTINCT FROM` |
//! | 7 | `BETWEEN` |
//! | 9 | comparisons, `LIKE`, `IN`, `REGEXP` |
//! | 10 | `\|\|` |
//! | 11 | `+`, `-` |
//! | 12 | `*`, `/`, `%`, `DIV`, `MOD` |
//! | 13 | `-x` |
//! | 14 | `x.1`, `x[i]`, `x::T` (in [`super::operand`]) |
//!
//! Chains of `AND`, `OR` and `||` longer than [`FLAT_CHAIN`] become balanced trees, which mean the
//! same and keep thousands of conditions shallow.

use super::Parser;
use crate::ast::{BinaryOperator, Expression, FunctionCall, Literal, UnaryOperator};
use crate::token::TokenKind;
use base::Result;

const TERNARY: u8 = 2;
const OR: u8 = 3;
const AND: u8 = 4;
const NOT: u8 = 5;
const IS: u8 = 6;
const BETWEEN: u8 = 7;
const COMPARISON: u8 = 9;
const CONCATENATION: u8 = 10;
const SUM: u8 = 11;
const PRODUCT: u8 = 12;
const SIGN: u8 = 13;

/// How many operands of a chain are kept as a left-deep tree.
const FLAT_CHAIN: usize = 32;

/// An operator that stands after an operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Binary(BinaryOperator, u8),
    Ternary,
    Is,
    Between,
    Like,
    Regexp,
    In,
}

impl Operator {
    fn power(self) -> u8 {
        match self {
            Operator::Binary(_, power) => power,
            Operator::Ternary => TERNARY,
            Operator::Is => IS,
            Operator::Between => BETWEEN,
            Operator::Like | Operator::Regexp | Operator::In => COMPARISON,
        }
    }
}

impl Parser<'_> {
    /// An expression without an alias of its own.
    pub(super) fn expression(&mut self) -> Result<Expression> {
        self.operators(0)
    }

    /// An expression, with `AS alias` if that follows.
    pub(super) fn aliased_expression(&mut self) -> Result<Expression> {
        self.apart(|parser| {
            let expression = parser.expression()?;
            if parser.eat("AS") {
                let alias = parser.identifier()?;
                parser.grow(1)?;
                return Ok(Expression::Alias(Box::new(expression), alias));
            }
            Ok(expression)
        })
    }

    /// An expression of operators that bind at least as tightly as `minimum`.
    fn operators(&mut self, minimum: u8) -> Result<Expression> {
        self.nested(1, |parser| {
            let mut left = parser.prefix()?;
            while let Some(operator) = parser.peek_operator() {
                if operator.power() < minimum {
                    break;
                }
                left = parser.apply(operator, left)?;
                parser.grow(1)?;
            }
            Ok(left)
        })
    }

    fn prefix(&mut self) -> Result<Expression> {
        // `NOT or(a, b)`: an operator written as a function.
        let of_call = self.is_one_of(1, &["AND", "OR", "LIKE", "ILIKE"]) && self.is(2, "(");
        if self.is_word(0, "NOT") && (of_call || !self.is_word_used_as_name()) {
            self.advance();
            let operand = self.operators(NOT)?;
            return Ok(Expression::Unary(UnaryOperator::Not, Box::new(operand)));
        }
        if self.eat("+") {
            return self.operators(SIGN);
        }
        if self.eat("-") {
            // `-1::Int8` casts -1; otherwise the sign comes last.
            if self.peek().kind == TokenKind::Number && matches_cast(self) {
                return self.negative_cast();
            }
            let operand = self.operators(SIGN)?;
            return Ok(Expression::Unary(UnaryOperator::Minus, Box::new(operand)));
        }
        self.operand()
    }

    fn negative_cast(&mut self) -> Result<Expression> {
        let number = self.advance();
        let text = format!("-{}", self.word(number));
        let literal = Expression::Literal(Literal::String(text.into_bytes()));
        self.postfix(literal)
    }

    fn peek_operator(&mut self) -> Option<Operator> {
        use BinaryOperator as B;
        let binary = |operator, power| Some(Operator::Binary(operator, power));
        let token = self.peek();
        match token.kind {
            TokenKind::Symbol(symbol) => match symbol {
                "=" | "==" => binary(B::Equals, COMPARISON),
                "!=" | "<>" => binary(B::NotEquals, COMPARISON),
                "<" => binary(B::Less, COMPARISON),
                "<=" => binary(B::LessOrEquals, COMPARISON),
                ">" => binary(B::Greater, COMPARISON),
                ">=" => binary(B::GreaterOrEquals, COMPARISON),
                "<=>" => binary(B::NullSafeEquals, COMPARISON),
                "||" => binary(B::Concatenate, CONCATENATION),
                "+" => binary(B::Plus, SUM),
                "-" => binary(B::Minus, SUM),
                "*" => binary(B::Multiply, PRODUCT),
                "/" => binary(B::Divide, PRODUCT),
                "%" => binary(B::Modulo, PRODUCT),
                "?" => Some(Operator::Ternary),
                _ => None,
            },
            TokenKind::Word if token.end - token.start <= 7 => {
                match self.word(token).to_ascii_uppercase().as_str() {
                    "OR" => binary(B::Or, OR),
                    "AND" => binary(B::And, AND),
                    "DIV" => binary(B::IntegerDivide, PRODUCT),
                    "MOD" => binary(B::Modulo, PRODUCT),
                    "IS" => Some(Operator::Is),
                    "BETWEEN" => Some(Operator::Between),
                    "LIKE" | "ILIKE" => Some(Operator::Like),
                    "REGEXP" => Some(Operator::Regexp),
                    "IN" => Some(Operator::In),
                    "GLOBAL" if self.is_word(1, "IN") => Some(Operator::In),
                    "GLOBAL" if self.is_word(1, "NOT") && self.is_word(2, "IN") => {
                        Some(Operator::In)
                    }
                    "NOT" => self.operator_after_not(),
                    _ => self.no_operator(),
                }
            }
            _ => self.no_operator(),
        }
    }

    fn no_operator(&mut self) -> Option<Operator> {
        self.expect_also("an operator");
        None
    }

    fn operator_after_not(&self) -> Option<Operator> {
        if self.is_word(1, "BETWEEN") {
            Some(Operator::Between)
        } else if self.is_one_of(1, &["LIKE", "ILIKE"]) {
            Some(Operator::Like)
        } else if self.is_word(1, "REGEXP") {
            Some(Operator::Regexp)
        } else if self.is_word(1, "IN") {
            Some(Operator::In)
        } else {
            None
        }
    }

    fn apply(&mut self, operator: Operator, left: Expression) -> Result<Expression> {
        match operator {
            Operator::Binary(binary, power) => self.binary(binary, power, left),
            Operator::Ternary => self.ternary(left),
            Operator::Is => self.is_something(left),
            Operator::Between => self.between(left),
            Operator::Like => self.like(left),
            Operator::Regexp => self.regexp(left),
            Operator::In => self.in_set(left),
        }
    }

    fn binary(
        &mut self,
        operator: BinaryOperator,
        power: u8,
        left: Expression,
    ) -> Result<Expression> {
        use BinaryOperator::{And, Concatenate, Or};
        self.advance();
        if matches!(operator, And | Or | Concatenate) {
            return self.chain(operator, power, left);
        }
        if power == COMPARISON
            && self.is_one_of(0, &["ANY", "ALL", "SOME"])
            && self.is(1, "(")
            && self.is_query(2)
        {
            return self.quantified(operator, left);
        }
        let right = self.operators(power + 1)?;
        Ok(Expression::Binary(operator, Box::new(left), Box::new(right)))
    }

    fn chain(
        &mut self,
        operator: BinaryOperator,
        power: u8,
        left: Expression,
    ) -> Result<Expression> {
        let mut operands = vec![left, self.operators(power + 1)?];
        while self.peek_operator() == Some(Operator::Binary(operator, power)) {
            self.advance();
            operands.push(self.operators(power + 1)?);
        }
        let count = operands.len();
        if count <= FLAT_CHAIN {
            self.grow(count as u32)?;
        } else {
            self.grow(count.ilog2() + 1)?;
        }
        Ok(join_chain(operator, operands))
    }

    fn ternary(&mut self, condition: Expression) -> Result<Expression> {
        self.advance();
        let then = self.expression()?;
        self.expect(":")?;
        let otherwise = self.operators(TERNARY)?;
        let call = FunctionCall::new("if", vec![condition, then, otherwise]);
        Ok(Expression::Function(call))
    }

    fn is_something(&mut self, left: Expression) -> Result<Expression> {
        self.advance();
        let negated = self.eat("NOT");
        let operand = Box::new(left);
        if self.eat("NULL") || self.eat("UNKNOWN") {
            return Ok(Expression::IsNull { operand, negated });
        }
        for (word, value) in [("TRUE", true), ("FALSE", false)] {
            if self.eat(word) {
                let value = Box::new(Expression::Literal(Literal::Bool(value)));
                let same = Expression::Binary(BinaryOperator::NullSafeEquals, operand, value);
                return Ok(negate_if(negated, same));
            }
        }
        self.expect("DISTINCT FROM")?;
        let right = Box::new(self.operators(IS + 1)?);
        let same = Expression::Binary(BinaryOperator::NullSafeEquals, operand, right);
        Ok(negate_if(!negated, same))
    }

    fn between(&mut self, left: Expression) -> Result<Expression> {
        let negated = self.eat("NOT");
        self.expect("BETWEEN")?;
        let low = Box::new(self.operators(BETWEEN + 1)?);
        self.expect("AND")?;
        let high = Box::new(self.operators(BETWEEN + 1)?);
        Ok(Expression::Between { operand: Box::new(left), negated, low, high })
    }

    fn like(&mut self, left: Expression) -> Result<Expression> {
        let negated = self.eat("NOT");
        let case_insensitive = self.is_word(0, "ILIKE");
        self.advance();
        let pattern = Box::new(self.operators(COMPARISON + 1)?);
        Ok(Expression::Like { operand: Box::new(left), negated, case_insensitive, pattern })
    }

    fn regexp(&mut self, left: Expression) -> Result<Expression> {
        let negated = self.eat("NOT");
        self.advance();
        let pattern = self.operators(COMPARISON + 1)?;
        let call = FunctionCall::new("match", vec![left, pattern]);
        Ok(negate_if(negated, Expression::Function(call)))
    }

    fn in_set(&mut self, left: Expression) -> Result<Expression> {
        let global = self.eat("GLOBAL");
        let negated = self.eat("NOT");
        self.expect("IN")?;
        let set = Box::new(self.operators(COMPARISON + 1)?);
        Ok(Expression::In { operand: Box::new(left), negated, global, set })
    }

    /// `x = ANY (query)` is `IN`, `x != ALL (query)` is `NOT IN`.
    fn quantified(&mut self, operator: BinaryOperator, left: Expression) -> Result<Expression> {
        let all = self.is_word(0, "ALL");
        let negated = match (operator, all) {
            (BinaryOperator::Equals, false) => false,
            (BinaryOperator::NotEquals, true) => true,
            _ => return self.unsupported("This comparison with ANY or ALL of a subquery"),
        };
        self.advance();
        let set = Box::new(self.operators(COMPARISON + 1)?);
        Ok(Expression::In { operand: Box::new(left), negated, global: false, set })
    }

    /// Whether a keyword that can begin an operand is a plain name here: nothing that could be
    /// its operand follows.
    pub(super) fn is_word_used_as_name(&self) -> bool {
        match self.nth(1).kind {
            TokenKind::End => true,
            TokenKind::Symbol(symbol) => !matches!(symbol, "(" | "[" | "-" | "+" | "{" | "*"),
            TokenKind::Word => self.is_one_of(
                1,
                &[
                    "FROM", "AS", "AND", "OR", "IN", "IS", "LIKE", "ILIKE", "BETWEEN", "WHERE",
                    "PREWHERE", "GROUP", "ORDER", "HAVING", "LIMIT", "ASC", "DESC", "SETTINGS",
                    "FORMAT", "UNION", "THEN", "ELSE", "END",
                ],
            ),
            _ => false,
        }
    }
}

/// Whether `::` follows the number that stands here.
fn matches_cast(parser: &Parser<'_>) -> bool {
    parser.is(1, "::")
}

fn negate_if(negated: bool, expression: Expression) -> Expression {
    if negated { Expression::Unary(UnaryOperator::Not, Box::new(expression)) } else { expression }
}

/// Left-deep if short, balanced otherwise.
fn join_chain(operator: BinaryOperator, mut operands: Vec<Expression>) -> Expression {
    let balanced = operands.len() > FLAT_CHAIN;
    let join = |left, right| Expression::Binary(operator, Box::new(left), Box::new(right));
    while balanced && operands.len() > 1 {
        let mut pairs = Vec::with_capacity(operands.len().div_ceil(2));
        let mut rest = operands.into_iter();
        while let Some(left) = rest.next() {
            pairs.push(match rest.next() {
                Some(right) => join(left, right),
                None => left,
            });
        }
        operands = pairs;
    }
    operands.into_iter().reduce(join).unwrap_or(Expression::Literal(Literal::Null))
}
