//! Calls: `name(parameters)(arguments)` and what may follow.

use super::{Parser, QUERY_LEVELS};
use crate::ast::{Expression, FunctionCall};
use base::Result;

impl Parser<'_> {
    /// A call; its name and a bracket stand here.
    pub(super) fn function(&mut self) -> Result<Expression> {
        let mut call = FunctionCall::new(self.identifier()?, Vec::new());
        self.arguments(&mut call)?;
        if self.is(0, "(") {
            call.parameters = Some(std::mem::take(&mut call.arguments));
            self.arguments(&mut call)?;
        }
        self.nulls_treatment(&mut call)?;
        if self.is_word(0, "FILTER") && self.is(1, "(") && self.is_word(2, "WHERE") {
            self.at += 3;
            call.filter = Some(Box::new(self.expression()?));
            self.expect(")")?;
        }
        self.nulls_treatment(&mut call)?;
        if self.is_word(0, "OVER") && (self.is_name(1) || self.is(1, "(")) {
            self.advance();
            call.over = Some(self.window_reference()?);
        }
        Ok(Expression::Function(call))
    }

    fn nulls_treatment(&mut self, call: &mut FunctionCall) -> Result<()> {
        for (word, ignore) in [("IGNORE NULLS", true), ("RESPECT NULLS", false)] {
            if self.matches(word).is_some() {
                self.expect(word)?;
                call.ignore_nulls = Some(ignore);
            }
        }
        Ok(())
    }

    /// `(DISTINCT a, b)`
    fn arguments(&mut self, call: &mut FunctionCall) -> Result<()> {
        self.expect("(")?;
        if self.eat(")") {
            return Ok(());
        }
        let quantifier = !self.is(1, ",") && !self.is(1, ")") && !self.is(1, "(");
        let bracket = self.is_word(0, "DISTINCT") && self.is(1, "(");
        if (quantifier || bracket) && self.is_word(0, "DISTINCT") {
            self.advance();
            call.distinct = true;
        } else if quantifier && self.is_word(0, "ALL") && !self.is(1, ".") {
            self.advance();
        }
        call.arguments = self.comma_list(Parser::argument)?;
        self.nulls_treatment(call)?;
        self.expect(")")
    }

    /// An argument; a query needs no brackets of its own.
    fn argument(&mut self) -> Result<Expression> {
        if self.is_query(0) {
            let query = self.nested(QUERY_LEVELS, Parser::query)?;
            return Ok(Expression::Subquery(Box::new(query)));
        }
        self.aliased_expression()
    }

    /// The arguments of a table function or an engine: `( ... )`, perhaps empty.
    pub(super) fn plain_arguments(&mut self) -> Result<Vec<Expression>> {
        self.expect("(")?;
        if self.eat(")") {
            return Ok(Vec::new());
        }
        let arguments = self.comma_list(Parser::argument)?;
        self.expect(")")?;
        Ok(arguments)
    }
}
