//! INSERT. Its inline data, if any, lies behind the tokens.

use super::Parser;
use crate::ast::{Expression, Insert, InsertSource, InsertTarget, Statement};
use crate::token::TokenKind;
use base::Result;

impl Parser<'_> {
    pub(super) fn insert(&mut self) -> Result<Statement> {
        self.expect("INSERT")?;
        let _ = self.eat("INTO") || self.eat("OVERWRITE");
        let table = self.insert_target()?;
        let mut columns = Vec::new();
        if self.is(0, "(") && !self.is_query(1) && !self.is(1, "(") {
            self.advance();
            loop {
                columns.push(self.insert_column()?);
                if !self.eat(",") || self.is(0, ")") {
                    break;
                }
            }
            self.expect(")")?;
        }
        if self.eat("PARTITION BY") {
            return self.unsupported("PARTITION BY of INSERT");
        }
        let mut settings = if self.eat("SETTINGS") { self.settings()? } else { Vec::new() };
        let source = self.insert_source()?;
        if matches!(source, InsertSource::Format(_) | InsertSource::InFile { .. })
            && self.eat("SETTINGS")
        {
            settings.append(&mut self.settings()?);
        }
        Ok(Statement::Insert(Box::new(Insert { table, columns, settings, source })))
    }

    fn insert_target(&mut self) -> Result<InsertTarget> {
        let explicit = self.is_word(0, "TABLE") && (self.is_name(1) && !self.is_word(1, "VALUES"));
        if explicit {
            self.advance();
        }
        if self.is_word(0, "FUNCTION") && self.is_name(1) && self.is(2, "(") {
            self.advance();
            let name = self.identifier()?;
            return Ok(InsertTarget::Function { name, arguments: self.plain_arguments()? });
        }
        self.table_name().map(InsertTarget::Table)
    }

    /// A column's name, `*` with what follows it, or `COLUMNS(..)`.
    fn insert_column(&mut self) -> Result<Expression> {
        let expression = self.operand()?;
        match expression {
            Expression::Identifier(_)
            | Expression::Asterisk { .. }
            | Expression::Columns { .. } => Ok(expression),
            // `null` and its like can be columns too, but only in quotes.
            _ => self.expected("name of a column"),
        }
    }

    fn insert_source(&mut self) -> Result<InsertSource> {
        if self.eat("VALUES") {
            return Ok(InsertSource::Values);
        }
        if self.eat("FORMAT") {
            return self.identifier().map(InsertSource::Format);
        }
        if self.is_word(0, "FROM") && self.is_word(1, "INFILE") {
            self.at += 2;
            let path = self.string()?;
            let compression = if self.eat("COMPRESSION") { Some(self.string()?) } else { None };
            let format = if self.eat("FORMAT") { Some(self.identifier()?) } else { None };
            return Ok(InsertSource::InFile { path, compression, format });
        }
        if self.is_query(0) || self.is(0, "(") {
            return Ok(InsertSource::Query(Box::new(self.query_with_output()?)));
        }
        if self.peek().kind == TokenKind::End && !self.inline_data {
            return Ok(InsertSource::Data);
        }
        for what in ["VALUES", "FORMAT", "SELECT", "WITH", "FROM INFILE"] {
            self.expect_also(what);
        }
        self.fail()
    }
}
