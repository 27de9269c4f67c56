//! Columns and indexes of CREATE TABLE and ALTER.

use super::Parser;
use crate::ast::{ColumnDefault, ColumnDefinition, DefaultKind, Expression, IndexDefinition};
use crate::token::TokenKind;
use base::Result;

/// Words that can stand where a column's type would.
const AFTER_NAME: &[&str] = &[
    "DEFAULT",
    "MATERIALIZED",
    "ALIAS",
    "EPHEMERAL",
    "NULL",
    "NOT",
    "COMMENT",
    "CODEC",
    "TTL",
    "PRIMARY",
    "COLLATE",
    "STORAGE",
    "STATISTICS",
    "SETTINGS",
    "FIRST",
    "AFTER",
    "REMOVE",
];

impl Parser<'_> {
    pub(super) fn column_definition(&mut self) -> Result<ColumnDefinition> {
        let mut column =
            ColumnDefinition { name: self.dotted_identifier()?, ..ColumnDefinition::default() };
        self.column_after_name(&mut column)?;
        Ok(column)
    }

    /// The type and all that may follow it, in any order.
    pub(super) fn column_after_name(&mut self, column: &mut ColumnDefinition) -> Result<()> {
        if self.peek().kind == TokenKind::Word && !self.is_one_of(0, AFTER_NAME) {
            column.data_type = Some(self.data_type()?);
        }
        while self.column_property(column)? {}
        Ok(())
    }

    fn column_property(&mut self, column: &mut ColumnDefinition) -> Result<bool> {
        if self.eat("NOT NULL") {
            column.nullable = Some(false);
        } else if self.eat("NULL") {
            column.nullable = Some(true);
        } else if let Some(kind) = self.default_kind() {
            column.default = Some(self.column_default(kind)?);
        } else if self.eat("COMMENT") {
            column.comment = Some(self.string()?);
        } else if self.at("CODEC") {
            column.codec = self.codec()?;
        } else if self.eat("STORAGE") {
            self.expect("OUT_OF_ROW")?;
            self.expect("(")?;
            column.out_of_row = Some(self.unsigned()?);
            self.expect(")")?;
        } else if self.is_word(0, "STATISTICS") && self.is(1, "(") {
            self.advance();
            let first = self.at + 1;
            self.plain_arguments()?;
            column.statistics = Some(self.spaced_between(first, self.at - 1));
        } else if self.eat("TTL") {
            column.ttl = Some(self.expression()?);
        } else if self.eat("PRIMARY KEY") {
            column.primary_key = true;
        } else if self.eat("COLLATE") {
            column.collate = Some(if self.peek().kind == TokenKind::String {
                self.string()?
            } else {
                self.identifier()?
            });
        } else if self.is_word(0, "SETTINGS") && self.is(1, "(") {
            self.at += 2;
            column.settings = self.settings()?;
            self.expect(")")?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn default_kind(&mut self) -> Option<DefaultKind> {
        const KINDS: &[(&str, DefaultKind)] = &[
            ("DEFAULT", DefaultKind::Default),
            ("MATERIALIZED", DefaultKind::Materialized),
            ("ALIAS", DefaultKind::Alias),
            ("EPHEMERAL", DefaultKind::Ephemeral),
        ];
        KINDS.iter().find(|(word, _)| self.eat(word)).map(|(_, kind)| *kind)
    }

    fn column_default(&mut self, kind: DefaultKind) -> Result<ColumnDefault> {
        let none = kind == DefaultKind::Ephemeral
            && (self.is(0, ",")
                || self.is(0, ")")
                || self.peek().kind == TokenKind::End
                || (self.is_one_of(0, AFTER_NAME) && !self.is_word(0, "NULL")));
        let expression = if none { None } else { Some(self.expression()?) };
        Ok(ColumnDefault { kind, expression })
    }

    /// `CODEC(ZSTD(1), LZ4)`
    pub(super) fn codec(&mut self) -> Result<Vec<(String, Vec<Expression>)>> {
        self.expect("CODEC")?;
        self.bracket_list(Parser::name_with_arguments)
    }

    fn name_with_arguments(&mut self) -> Result<(String, Vec<Expression>)> {
        let name = self.identifier()?;
        let arguments = if self.is(0, "(") { self.plain_arguments()? } else { Vec::new() };
        Ok((name, arguments))
    }

    /// What follows INDEX.
    pub(super) fn index_definition(&mut self) -> Result<IndexDefinition> {
        let name = self.identifier()?;
        self.index_after_name(name)
    }

    pub(super) fn index_after_name(&mut self, name: String) -> Result<IndexDefinition> {
        let expression = self.expression()?;
        self.expect("TYPE")?;
        let kind = self.name_with_arguments()?;
        let granularity = if self.eat("GRANULARITY") { Some(self.unsigned()?) } else { None };
        Ok(IndexDefinition { name, expression, kind, granularity })
    }

    /// `column = expression`
    pub(super) fn assignment(&mut self) -> Result<(String, Expression)> {
        let name = self.dotted_identifier()?;
        self.expect("=")?;
        Ok((name, self.expression()?))
    }
}
