//! Forms that begin with a keyword and have a grammar of their own: CASE, CAST, INTERVAL, EXTRACT,
//! TRIM and so on. Those that are functions in disguise become calls of ClickHouse's functions.

use super::Parser;
use crate::ast::{BinaryOperator, CaseBranch, Expression, FunctionCall, IntervalUnit, Literal};
use crate::token::TokenKind;
use base::Result;

fn call(name: &str, arguments: Vec<Expression>) -> Expression {
    Expression::Function(FunctionCall::new(name, arguments))
}

fn number(text: &str) -> Expression {
    Expression::Literal(Literal::Number(text.to_owned()))
}

/// The unit named by a word, in the singular or the plural, or as `SQL_TSI_DAY`.
fn interval_unit(word: &str) -> Option<IntervalUnit> {
    let upper = word.to_ascii_uppercase();
    let unit = upper.strip_prefix("SQL_TSI_").unwrap_or(&upper);
    Some(match unit {
        "NANOSECOND" | "NANOSECONDS" | "NS" => IntervalUnit::Nanosecond,
        "MICROSECOND" | "MICROSECONDS" | "US" => IntervalUnit::Microsecond,
        "MILLISECOND" | "MILLISECONDS" | "MS" => IntervalUnit::Millisecond,
        "SECOND" | "SECONDS" | "SS" | "S" => IntervalUnit::Second,
        "MINUTE" | "MINUTES" | "MI" | "N" => IntervalUnit::Minute,
        "HOUR" | "HOURS" | "HH" | "H" => IntervalUnit::Hour,
        "DAY" | "DAYS" | "DD" | "D" => IntervalUnit::Day,
        "WEEK" | "WEEKS" | "WK" | "WW" => IntervalUnit::Week,
        "MONTH" | "MONTHS" | "MM" | "M" => IntervalUnit::Month,
        "QUARTER" | "QUARTERS" | "QQ" | "Q" => IntervalUnit::Quarter,
        "YEAR" | "YEARS" | "YYYY" | "YY" => IntervalUnit::Year,
        _ => return None,
    })
}

/// The unit as the string that `dateDiff` takes.
fn unit_text(unit: IntervalUnit) -> &'static str {
    match unit {
        IntervalUnit::Nanosecond => "nanosecond",
        IntervalUnit::Microsecond => "microsecond",
        IntervalUnit::Millisecond => "millisecond",
        IntervalUnit::Second => "second",
        IntervalUnit::Minute => "minute",
        IntervalUnit::Hour => "hour",
        IntervalUnit::Day => "day",
        IntervalUnit::Week => "week",
        IntervalUnit::Month => "month",
        IntervalUnit::Quarter => "quarter",
        IntervalUnit::Year => "year",
    }
}

impl Parser<'_> {
    /// A special form, if the word that stands here begins one.
    pub(super) fn special_form(&mut self) -> Result<Option<Expression>> {
        let token = self.peek();
        if token.end - token.start > 16 {
            return Ok(None);
        }
        let word = self.word(token).to_ascii_uppercase();
        if self.is(1, "(") {
            return self.bracketed_form(&word);
        }
        let literal = match word.as_str() {
            "NULL" => Literal::Null,
            "TRUE" => Literal::Bool(true),
            "FALSE" => Literal::Bool(false),
            "INF" => Literal::Number("inf".to_owned()),
            "NAN" => Literal::Number("nan".to_owned()),
            "CASE" if !self.is_word_used_as_name() => return self.case().map(Some),
            "INTERVAL" if !self.is_interval_used_as_name() => return self.interval().map(Some),
            "DATE" | "TIMESTAMP" if self.nth(1).kind == TokenKind::String => {
                self.advance();
                let text = Literal::String(self.string_bytes()?.unwrap_or_default());
                let name = if word == "DATE" { "toDate" } else { "toDateTime" };
                return Ok(Some(call(name, vec![Expression::Literal(text)])));
            }
            "FROM" | "WHERE" | "SELECT" | "UNION" => return self.expected("expression"),
            _ => return Ok(None),
        };
        if self.is(1, ".") {
            return Ok(None);
        }
        self.advance();
        Ok(Some(Expression::Literal(literal)))
    }

    /// A form written like a call.
    fn bracketed_form(&mut self, word: &str) -> Result<Option<Expression>> {
        let form = match word {
            "CASE" => self.case()?,
            "INTERVAL" => self.interval()?,
            "CAST" => self.cast()?,
            "EXISTS" if self.is_query(2) => {
                self.advance();
                Expression::Exists(Box::new(self.subquery()?))
            }
            "COLUMNS" => {
                self.advance();
                self.columns(None)?
            }
            "EXTRACT" if self.is_name(2) && self.is_word(3, "FROM") => self.extract()?,
            "TRIM" => self.trim()?,
            "LTRIM" => self.renamed("trimLeft")?,
            "RTRIM" => self.renamed("trimRight")?,
            "SUBSTRING" => self.substring()?,
            "POSITION" => self.position()?,
            "DATE_ADD" | "DATEADD" | "TIMESTAMP_ADD" | "TIMESTAMPADD" => {
                self.date_sum(BinaryOperator::Plus)?
            }
            "DATE_SUB" | "DATESUB" | "TIMESTAMP_SUB" | "TIMESTAMPSUB" => {
                self.date_sum(BinaryOperator::Minus)?
            }
            "DATE_DIFF" | "DATEDIFF" | "TIMESTAMP_DIFF" | "TIMESTAMPDIFF" => self.date_diff()?,
            _ => return Ok(None),
        };
        Ok(Some(form))
    }

    fn case(&mut self) -> Result<Expression> {
        self.expect("CASE")?;
        let operand = if self.at("WHEN") { None } else { Some(Box::new(self.expression()?)) };
        let mut branches = Vec::new();
        while self.eat("WHEN") {
            let when = self.aliased_expression()?;
            self.expect("THEN")?;
            branches.push(CaseBranch { when, then: self.aliased_expression()? });
        }
        if branches.is_empty() {
            return self.fail();
        }
        let otherwise =
            if self.eat("ELSE") { Some(Box::new(self.aliased_expression()?)) } else { None };
        self.expect("END")?;
        Ok(Expression::Case { operand, branches, otherwise })
    }

    fn cast(&mut self) -> Result<Expression> {
        let token = self.advance();
        let written = self.word(token);
        self.expect("(")?;
        let operand = self.expression()?;
        if self.eat("AS") {
            // `CAST(x AS alias, 'T')` and `CAST(x AS alias AS T)` name the operand.
            if self.is_name(0) && (self.is(1, ",") || self.is_word(1, "AS")) {
                let alias = self.identifier()?;
                let operand = Expression::Alias(Box::new(operand), alias);
                return self.cast_after(written, operand);
            }
            return self.cast_type(operand);
        }
        self.cast_after(written, operand)
    }

    fn cast_type(&mut self, operand: Expression) -> Result<Expression> {
        let data_type = self.data_type()?;
        self.expect(")")?;
        Ok(Expression::Cast { operand: Box::new(operand), data_type })
    }

    fn cast_after(&mut self, written: &str, operand: Expression) -> Result<Expression> {
        if self.eat("AS") {
            return self.cast_type(operand);
        }
        self.expect(",")?;
        let second = self.aliased_expression()?;
        self.expect(")")?;
        match second {
            Expression::Literal(Literal::String(bytes)) => {
                let Ok(text) = String::from_utf8(bytes) else {
                    return self.expected("data type");
                };
                let data_type = crate::canonical_type(&text).unwrap_or(text);
                Ok(Expression::Cast { operand: Box::new(operand), data_type })
            }
            second => Ok(call(written, vec![operand, second])),
        }
    }

    /// `interval` as a column's name.
    fn is_interval_used_as_name(&self) -> bool {
        match self.nth(1).kind {
            TokenKind::Symbol(symbol) => !matches!(symbol, "(" | "-" | "+" | "{" | "["),
            TokenKind::Number | TokenKind::String | TokenKind::QuotedName => false,
            _ => self.is_word_used_as_name(),
        }
    }

    fn interval(&mut self) -> Result<Expression> {
        self.expect("INTERVAL")?;
        let token = self.peek();
        let unit_follows = |parser: &Self| {
            let unit = parser.nth(1);
            unit.kind == TokenKind::Word && interval_unit(parser.word(unit)).is_some()
        };
        if token.kind == TokenKind::String && !unit_follows(self) {
            let text = self.string()?;
            return match parse_interval_text(&text) {
                Some(interval) => Ok(interval),
                None => self.expected("interval of the form '1 day 2 hours'"),
            };
        }
        let amount = Box::new(self.expression()?);
        let unit = self.unit()?;
        Ok(Expression::Interval { amount, unit })
    }

    fn unit(&mut self) -> Result<IntervalUnit> {
        let token = self.peek();
        if token.kind == TokenKind::Word
            && let Some(unit) = interval_unit(self.word(token))
        {
            self.advance();
            return Ok(unit);
        }
        self.expected("unit of time")
    }

    /// `EXTRACT(unit FROM x)`
    fn extract(&mut self) -> Result<Expression> {
        self.advance();
        self.expect("(")?;
        let token = self.advance();
        let word = self.word(token).to_ascii_uppercase();
        self.expect("FROM")?;
        let from = self.expression()?;
        self.expect(")")?;
        let function = match word.as_str() {
            "DOW" => return Ok(call("toDayOfWeek", vec![from, number("2")])),
            "ISODOW" => "toDayOfWeek",
            "DOY" => "toDayOfYear",
            "ISOYEAR" => "toISOYear",
            "EPOCH" => "toUnixTimestamp",
            _ => match interval_unit(&word) {
                Some(IntervalUnit::Nanosecond) => "toNanosecond",
                Some(IntervalUnit::Microsecond) => "toMicrosecond",
                Some(IntervalUnit::Millisecond) => "toMillisecond",
                Some(IntervalUnit::Second) => "toSecond",
                Some(IntervalUnit::Minute) => "toMinute",
                Some(IntervalUnit::Hour) => "toHour",
                Some(IntervalUnit::Day) => "toDayOfMonth",
                Some(IntervalUnit::Week) => "toISOWeek",
                Some(IntervalUnit::Month) => "toMonth",
                Some(IntervalUnit::Quarter) => "toQuarter",
                Some(IntervalUnit::Year) => "toYear",
                None => {
                    return self.unsupported(&format!("EXTRACT of {word}"));
                }
            },
        };
        Ok(call(function, vec![from]))
    }

    /// `TRIM([LEADING|TRAILING|BOTH] [characters FROM] x)`
    fn trim(&mut self) -> Result<Expression> {
        self.advance();
        self.expect("(")?;
        let mut function = "trimBoth";
        let sides = [("LEADING", "trimLeft"), ("TRAILING", "trimRight"), ("BOTH", "trimBoth")];
        for (side, name) in sides {
            if self.is_word(0, side) && !self.is(1, ")") && !self.is(1, ",") {
                self.advance();
                function = name;
                break;
            }
        }
        let first = self.aliased_expression()?;
        if self.eat("FROM") {
            let text = self.aliased_expression()?;
            self.expect(")")?;
            return Ok(call(function, vec![text, first]));
        }
        let mut arguments = vec![first];
        if self.eat(",") {
            arguments.push(self.aliased_expression()?);
        }
        self.expect(")")?;
        Ok(call(function, arguments))
    }

    /// A call that goes by another name.
    fn renamed(&mut self, name: &str) -> Result<Expression> {
        self.function().map(|function| match function {
            Expression::Function(function) => {
                Expression::Function(FunctionCall { name: name.to_owned(), ..function })
            }
            other => other,
        })
    }

    /// `SUBSTRING(x FROM a [FOR b])` and the plain call.
    fn substring(&mut self) -> Result<Expression> {
        self.advance();
        self.expect("(")?;
        let mut arguments = vec![self.aliased_expression()?];
        if self.eat("FROM") {
            arguments.push(self.aliased_expression()?);
            if self.eat("FOR") {
                arguments.push(self.aliased_expression()?);
            }
        } else {
            while self.eat(",") {
                arguments.push(self.aliased_expression()?);
            }
        }
        self.expect(")")?;
        Ok(call("substring", arguments))
    }

    /// `POSITION(needle IN text)` and the plain call.
    fn position(&mut self) -> Result<Expression> {
        self.advance();
        self.expect("(")?;
        let first = self.aliased_expression()?;
        if !self.at(",")
            && let Expression::In { operand: needle, negated: false, global: false, set: text } =
                first
        {
            self.expect(")")?;
            return Ok(call("position", vec![*text, *needle]));
        }
        let mut arguments = vec![first];
        while self.eat(",") {
            arguments.push(self.aliased_expression()?);
        }
        self.expect(")")?;
        Ok(call("position", arguments))
    }

    /// The arguments of a function of dates, and the unit that the first of at least three is.
    /// Short units such as `d` are names too, so only the count can tell.
    fn date_arguments(&mut self) -> Result<(Option<IntervalUnit>, Vec<Expression>)> {
        self.advance();
        let mut arguments = self.bracket_list(Parser::aliased_expression)?;
        let unit = match arguments.as_slice() {
            [Expression::Identifier(name), _, _, ..] if name.0.len() == 1 => {
                interval_unit(name.last())
            }
            _ => None,
        };
        if unit.is_some() {
            arguments.remove(0);
        }
        Ok((unit, arguments))
    }

    /// `DATE_ADD(unit, n, x)`, `DATE_ADD(x, INTERVAL n unit)` and their kin: a sum.
    fn date_sum(&mut self, operator: BinaryOperator) -> Result<Expression> {
        let (unit, arguments) = self.date_arguments()?;
        let Ok([first, second]) = <[Expression; 2]>::try_from(arguments) else {
            return self.expected("unit of time, number and date, or date and interval");
        };
        self.grow(2)?;
        let (left, right) = match unit {
            Some(unit) => (second, Expression::Interval { amount: Box::new(first), unit }),
            None => (first, second),
        };
        Ok(Expression::Binary(operator, Box::new(left), Box::new(right)))
    }

    /// `DATEDIFF(unit, a, b)`, the unit as a word or a string.
    fn date_diff(&mut self) -> Result<Expression> {
        let (unit, mut arguments) = self.date_arguments()?;
        if let Some(unit) = unit {
            let text = unit_text(unit).as_bytes().to_vec();
            arguments.insert(0, Expression::Literal(Literal::String(text)));
        }
        Ok(call("dateDiff", arguments))
    }
}

/// `'1 day 2 hours'`: an interval, or a tuple of several.
fn parse_interval_text(text: &str) -> Option<Expression> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let mut intervals = Vec::new();
    for pair in words.chunks(2) {
        let [amount, unit] = pair else { return None };
        let digits = amount.strip_prefix('-').unwrap_or(amount);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let positive = Expression::Literal(Literal::Number(digits.to_owned()));
        let amount = if digits.len() < amount.len() {
            Expression::Unary(crate::ast::UnaryOperator::Minus, Box::new(positive))
        } else {
            positive
        };
        intervals
            .push(Expression::Interval { amount: Box::new(amount), unit: interval_unit(unit)? });
    }
    match intervals.len() {
        0 => None,
        1 => intervals.pop(),
        _ => Some(Expression::Tuple(intervals)),
    }
}
