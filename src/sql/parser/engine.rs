//! ENGINE and the clauses that go with it, in any order.

use super::Parser;
use crate::ast::{EngineClause, TtlAction, TtlItem};
use base::Result;

impl Parser<'_> {
    /// One clause, if one stands here.
    pub(super) fn engine_clause(&mut self, engine: &mut Option<EngineClause>) -> Result<bool> {
        if self.eat("ENGINE") {
            self.eat("=");
            let name = self.identifier()?;
            let arguments = if self.is(0, "(") { Some(self.plain_arguments()?) } else { None };
            let clause = engine.get_or_insert_default();
            clause.name = name;
            clause.arguments = arguments;
        } else if self.eat("PARTITION BY") {
            engine.get_or_insert_default().partition_by = Some(self.key_expression()?);
        } else if self.eat("PRIMARY KEY") {
            engine.get_or_insert_default().primary_key = Some(self.key_expression()?);
        } else if self.eat("ORDER BY") {
            engine.get_or_insert_default().order_by = Some(self.key_expression()?);
        } else if self.eat("SAMPLE BY") {
            engine.get_or_insert_default().sample_by = Some(self.key_expression()?);
        } else if self.eat("TTL") {
            engine.get_or_insert_default().ttl = self.comma_list(Parser::ttl_item)?;
        } else if self.eat("SETTINGS") {
            let mut settings = self.settings()?;
            engine.get_or_insert_default().settings.append(&mut settings);
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    pub(super) fn ttl_item(&mut self) -> Result<TtlItem> {
        let expression = self.expression()?;
        let first = self.at;
        let action = if self.eat("DELETE") {
            TtlAction::Delete
        } else if self.eat("RECOMPRESS") {
            let first = self.at;
            self.codec()?;
            TtlAction::Recompress(self.spaced_between(first, self.at))
        } else if self.eat("TO") {
            if !self.eat("DISK") {
                self.expect("VOLUME")?;
            }
            self.eat("IF EXISTS");
            self.string()?;
            TtlAction::Other(self.spaced_between(first, self.at))
        } else if self.eat("GROUP BY") {
            self.comma_list(Parser::expression)?;
            if self.eat("SET") {
                self.comma_list(Parser::assignment)?;
            }
            TtlAction::Other(self.spaced_between(first, self.at))
        } else {
            TtlAction::Delete
        };
        let filter = if self.eat("WHERE") { Some(self.expression()?) } else { None };
        Ok(TtlItem { expression, action, filter })
    }
}
