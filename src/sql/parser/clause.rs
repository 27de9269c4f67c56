//! ORDER BY, LIMIT and SETTINGS.

use super::Parser;
use crate::ast::{
    Expression, FillClause, LimitBy, LimitClause, Literal, Name, OrderByItem, Select, Setting,
    SettingValue,
};
use crate::token::TokenKind;
use base::Result;

impl Parser<'_> {
    pub(super) fn order_and_limit(&mut self, select: &mut Select) -> Result<()> {
        if self.eat("ORDER BY") {
            self.order_by(select)?;
        }
        while self.eat("LIMIT") {
            self.limit(select)?;
        }
        if self.eat("OFFSET") {
            let offset = self.expression()?;
            let _ = self.eat("ROWS") || self.eat("ROW");
            select.limit.get_or_insert_default().offset = Some(offset);
        }
        if self.eat("FETCH") {
            if !self.eat("FIRST") {
                self.expect("NEXT")?;
            }
            let limit = self.expression()?;
            if !self.eat("ROWS") {
                self.expect("ROW")?;
            }
            let with_ties = self.eat("WITH TIES");
            if !with_ties {
                self.expect("ONLY")?;
            }
            let clause = select.limit.get_or_insert_default();
            clause.limit = Some(limit);
            clause.with_ties = with_ties;
        }
        while self.eat("LIMIT") {
            self.limit(select)?;
        }
        Ok(())
    }

    fn order_by(&mut self, select: &mut Select) -> Result<()> {
        let name = self.is(1, ",") || self.is(1, ".") || self.is(1, "(") || self.is(1, "[");
        if self.is_word(0, "ALL") && !name {
            select.order_by_all = true;
            let mut item = self.order_by_item()?;
            item.expression = Expression::Identifier(Name::simple("ALL"));
            // The item is kept only if it says more than the word ALL.
            if item.descending || item.nulls_first.is_some() || item.collate.is_some() {
                select.order_by.push(item);
            }
        } else {
            select.order_by = self.comma_list(Parser::order_by_item)?;
        }
        if self.eat("INTERPOLATE") {
            let mut items = Vec::new();
            if self.is(0, "(") {
                items = self.bracket_list(|parser| {
                    let name = parser.identifier()?;
                    let value = if parser.eat("AS") { Some(parser.expression()?) } else { None };
                    Ok((name, value))
                })?;
            }
            select.interpolate = Some(items);
        }
        Ok(())
    }

    pub(super) fn order_by_item(&mut self) -> Result<OrderByItem> {
        let expression = self.aliased_expression()?;
        let descending = self.eat("DESC") || self.eat("DESCENDING");
        if !descending {
            let _ = self.eat("ASC") || self.eat("ASCENDING");
        }
        let nulls_first = if self.eat("NULLS FIRST") {
            Some(true)
        } else if self.eat("NULLS LAST") {
            Some(false)
        } else {
            None
        };
        let collate = if self.eat("COLLATE") { Some(self.string()?) } else { None };
        let fill = if self.eat("WITH FILL") { Some(self.fill()?) } else { None };
        Ok(OrderByItem { expression, descending, nulls_first, collate, fill })
    }

    fn fill(&mut self) -> Result<FillClause> {
        let mut fill = FillClause::default();
        if self.eat("FROM") {
            fill.from = Some(self.expression()?);
        }
        if self.eat("TO") {
            fill.to = Some(self.expression()?);
        }
        if self.eat("STEP") {
            fill.step = Some(self.expression()?);
        }
        if self.eat("STALENESS") {
            fill.staleness = Some(self.expression()?);
        }
        Ok(fill)
    }

    fn limit(&mut self, select: &mut Select) -> Result<()> {
        let first = self.expression()?;
        let (limit, offset) = if self.eat(",") {
            (self.expression()?, Some(first))
        } else if self.eat("OFFSET") {
            (first, Some(self.expression()?))
        } else {
            (first, None)
        };
        if select.limit_by.is_none() && self.eat("BY") {
            let by = self.comma_list(Parser::aliased_expression)?;
            select.limit_by = Some(LimitBy { limit, offset, by });
            return Ok(());
        }
        if select.limit.as_ref().is_some_and(|clause| clause.limit.is_some()) {
            return self.expected("one LIMIT only");
        }
        let with_ties = self.eat("WITH TIES");
        let offset = offset.or_else(|| select.limit.take().and_then(|clause| clause.offset));
        select.limit = Some(LimitClause { limit: Some(limit), offset, with_ties });
        Ok(())
    }

    /// `a = 1, b = 'x'`
    pub(super) fn settings(&mut self) -> Result<Vec<Setting>> {
        self.comma_list(|parser| {
            let name = parser.dotted_identifier()?;
            parser.expect("=")?;
            Ok(Setting { name, value: parser.setting_value()? })
        })
    }

    pub(super) fn setting_value(&mut self) -> Result<SettingValue> {
        let token = self.peek();
        let literal = match token.kind {
            TokenKind::Symbol("-" | "+") | TokenKind::Number => {
                let negative = self.is(0, "-");
                if negative || self.is(0, "+") {
                    self.advance();
                }
                match self.operand()? {
                    Expression::Literal(Literal::Number(number)) if negative => {
                        Literal::Number(format!("-{number}"))
                    }
                    Expression::Literal(literal) => literal,
                    _ => return self.expected("literal"),
                }
            }
            TokenKind::String | TokenKind::Heredoc => {
                Literal::String(self.string_bytes()?.unwrap_or_default())
            }
            TokenKind::Symbol("[" | "{" | "(") => self.collection()?,
            TokenKind::Word | TokenKind::QuotedName => return self.setting_word(),
            _ => return self.expected("value of a setting"),
        };
        Ok(SettingValue::Literal(literal))
    }

    fn setting_word(&mut self) -> Result<SettingValue> {
        let name = self.name()?;
        let Name(parts) = &name;
        if let [word] = parts.as_slice() {
            let literal = match word.to_ascii_uppercase().as_str() {
                "DEFAULT" => return Ok(SettingValue::Default),
                "TRUE" => Literal::Bool(true),
                "FALSE" => Literal::Bool(false),
                "NULL" => Literal::Null,
                "INF" | "NAN" => Literal::Number(word.to_ascii_lowercase()),
                _ => return Ok(SettingValue::Word(name)),
            };
            return Ok(SettingValue::Literal(literal));
        }
        Ok(SettingValue::Word(name))
    }

    /// An array, a map or a tuple as its text.
    fn collection(&mut self) -> Result<Literal> {
        let first = self.at;
        let mut depth = 0_usize;
        loop {
            match self.peek().kind {
                TokenKind::Symbol("(" | "[" | "{") => depth += 1,
                TokenKind::Symbol(")" | "]" | "}") => depth -= 1,
                TokenKind::End | TokenKind::Unknown => return self.expected("closing bracket"),
                _ => {}
            }
            self.advance();
            if depth == 0 {
                return Ok(Literal::String(self.source_between(first, self.at).into_bytes()));
            }
        }
    }
}
