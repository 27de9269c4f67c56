//! Which statement it is, and those with little grammar of their own.

use super::Parser;
use crate::ast::{
    AlterCommand, Drop, DropKind, ObjectKind, Partition, PartitionExpression, Rename, Setting,
    Statement, TableName,
};
use base::Result;

/// What a statement says of its output, where the tree has no place for it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Output {
    pub(crate) format: Option<String>,
    pub(crate) settings: Vec<Setting>,
}

impl Parser<'_> {
    /// A statement, and what it says of its output.
    pub(super) fn statement_with_output(&mut self) -> Result<(Statement, Output)> {
        let statement = self.statement()?;
        let mut output = Output::default();
        if matches!(statement, Statement::Query(_) | Statement::Insert(_)) {
            return Ok((statement, output));
        }
        loop {
            if self.eat("FORMAT") {
                output.format = Some(self.identifier()?);
            } else if self.eat("SETTINGS") {
                output.settings.append(&mut self.settings()?);
            } else if self.eat("INTO OUTFILE") {
                self.string()?;
            } else {
                return Ok((statement, output));
            }
        }
    }

    pub(super) fn statement(&mut self) -> Result<Statement> {
        let token = self.peek();
        if self.is_query(0) || self.is(0, "(") {
            return self.query_with_output().map(|query| Statement::Query(Box::new(query)));
        }
        let word = self.word(token).to_ascii_uppercase();
        match word.as_str() {
            "INSERT" => self.insert(),
            "CREATE" | "REPLACE" => self.create(),
            "ATTACH" => self.attach(),
            "DROP" | "DETACH" | "TRUNCATE" => self.drop_statement(),
            "UNDROP" => self.unsupported("UNDROP"),
            "RENAME" | "EXCHANGE" => self.rename(),
            "ALTER" => self.alter(),
            "DELETE" => self.delete(),
            "UPDATE" => self.update(),
            "OPTIMIZE" => self.optimize(),
            "SHOW" => self.show(),
            "DESCRIBE" | "DESC" => self.describe(),
            "EXISTS" => self.exists(),
            "USE" => {
                self.advance();
                if self.is_word(0, "DATABASE") && self.is_name(1) {
                    self.advance();
                }
                self.identifier().map(Statement::Use)
            }
            "SET" => {
                self.advance();
                if self.is_one_of(0, &["ROLE", "DEFAULT"]) && self.is_name(1) {
                    return self.unsupported("SET ROLE");
                }
                self.settings().map(Statement::Set)
            }
            "EXPLAIN" => self.explain(),
            "SYSTEM" => self.system(),
            "KILL" => self.kill(),
            "CHECK" => self.check(),
            "GRANT" | "REVOKE" | "BACKUP" | "RESTORE" | "MOVE" | "BEGIN" | "COMMIT"
            | "ROLLBACK" | "WATCH" => self.unsupported(&word),
            _ => {
                for statement in [
                    "SELECT", "WITH", "FROM", "INSERT", "CREATE", "ATTACH", "DROP", "DETACH",
                    "TRUNCATE", "RENAME", "EXCHANGE", "ALTER", "DELETE", "UPDATE", "OPTIMIZE",
                    "SHOW", "DESCRIBE", "EXISTS", "USE", "SET", "EXPLAIN", "SYSTEM", "KILL",
                    "CHECK",
                ] {
                    self.expect_also(statement);
                }
                self.fail()
            }
        }
    }

    /// `ON CLUSTER name`, which means nothing on one machine.
    pub(super) fn on_cluster(&mut self) -> Result<()> {
        if self.eat("ON CLUSTER") {
            if self.peek().kind == crate::token::TokenKind::String {
                self.string()?;
            } else {
                self.identifier()?;
            }
        }
        Ok(())
    }

    pub(super) fn object_kind(&mut self) -> Option<ObjectKind> {
        const KINDS: &[(&str, ObjectKind)] = &[
            ("TABLE", ObjectKind::Table),
            ("VIEW", ObjectKind::View),
            ("DATABASE", ObjectKind::Database),
            ("DICTIONARY", ObjectKind::Dictionary),
            ("FUNCTION", ObjectKind::Function),
        ];
        KINDS.iter().find(|(word, _)| self.eat(word)).map(|(_, kind)| *kind)
    }

    /// Whether an object of ClickHouse stands here that has no counterpart.
    pub(super) fn is_access_object(&self) -> bool {
        const KINDS: &[&str] = &[
            "USER", "ROLE", "QUOTA", "ROW", "POLICY", "PROFILE", "SETTINGS", "NAMED", "LIVE",
            "WINDOW", "RESOURCE", "WORKLOAD",
        ];
        self.is_one_of(0, KINDS)
    }

    /// The name of an object; a database's is in `table`.
    pub(super) fn object_name(&mut self, object: ObjectKind) -> Result<TableName> {
        match object {
            ObjectKind::Database | ObjectKind::Function => {
                Ok(TableName { database: None, table: self.identifier()? })
            }
            _ => self.table_name(),
        }
    }

    fn drop_statement(&mut self) -> Result<Statement> {
        let kind = if self.eat("DROP") {
            DropKind::Drop
        } else if self.eat("DETACH") {
            DropKind::Detach
        } else {
            self.expect("TRUNCATE")?;
            DropKind::Truncate
        };
        if kind == DropKind::Drop && self.is_word(0, "INDEX") {
            return self.drop_index();
        }
        let temporary = self.eat("TEMPORARY");
        let object = match self.object_kind() {
            Some(object) => object,
            None if kind == DropKind::Truncate => ObjectKind::Table,
            None if self.is_access_object() => {
                return self.unsupported("This kind of object in DROP or DETACH");
            }
            None => return self.fail(),
        };
        let if_exists = self.eat("IF EXISTS");
        self.eat("IF EMPTY");
        let names = self.comma_list(|parser| parser.object_name(object))?;
        self.on_cluster()?;
        self.eat("PERMANENTLY");
        let sync = self.eat("SYNC") || self.eat("NO DELAY");
        Ok(Statement::Drop(Drop { kind, object, temporary, if_exists, names, sync }))
    }

    /// `DROP INDEX i ON t` is an ALTER.
    fn drop_index(&mut self) -> Result<Statement> {
        self.expect("INDEX")?;
        let if_exists = self.eat("IF EXISTS");
        let name = self.identifier()?;
        self.expect("ON")?;
        let table = self.table_name()?;
        self.on_cluster()?;
        let commands = vec![AlterCommand::DropIndex { if_exists, name }];
        Ok(Statement::Alter { table, commands, settings: Vec::new() })
    }

    fn rename(&mut self) -> Result<Statement> {
        let exchange = self.eat("EXCHANGE");
        if !exchange {
            self.expect("RENAME")?;
        }
        let object = if self.eat("DATABASE") {
            ObjectKind::Database
        } else if self.eat("DICTIONARY") || self.eat("DICTIONARIES") {
            ObjectKind::Dictionary
        } else {
            // `TABLE` may be left out, and a table may be called so.
            if !self.is_one_of(1, &["TO", "AND"]) && !self.is(1, ".") {
                let _ = self.eat("TABLE") || self.eat("TABLES");
            }
            ObjectKind::Table
        };
        let if_exists = self.eat("IF EXISTS");
        let pairs = self.comma_list(|parser| {
            let from = parser.object_name(object)?;
            parser.expect(if exchange { "AND" } else { "TO" })?;
            Ok((from, parser.object_name(object)?))
        })?;
        self.on_cluster()?;
        Ok(Statement::Rename(Rename { object, exchange, if_exists, pairs }))
    }

    fn delete(&mut self) -> Result<Statement> {
        self.expect("DELETE")?;
        self.expect("FROM")?;
        let table = self.table_name()?;
        self.on_cluster()?;
        if self.at("IN PARTITION") {
            return self.unsupported("IN PARTITION of DELETE");
        }
        self.expect("WHERE")?;
        Ok(Statement::Delete { table, filter: self.expression()? })
    }

    fn update(&mut self) -> Result<Statement> {
        self.expect("UPDATE")?;
        let table = self.table_name()?;
        self.on_cluster()?;
        self.expect("SET")?;
        let assignments = self.comma_list(Parser::assignment)?;
        self.expect("WHERE")?;
        Ok(Statement::Update { table, assignments, filter: self.expression()? })
    }

    fn optimize(&mut self) -> Result<Statement> {
        self.expect("OPTIMIZE")?;
        self.expect("TABLE")?;
        let table = self.table_name()?;
        self.on_cluster()?;
        let partition = if self.eat("PARTITION") { Some(self.partition()?) } else { None };
        let is_final = self.eat("FINAL") || self.eat("FORCE");
        let deduplicate = if self.eat("DEDUPLICATE") {
            Some(if self.eat("BY") { self.comma_list(Parser::name)? } else { Vec::new() })
        } else {
            None
        };
        self.eat("CLEANUP");
        Ok(Statement::Optimize { table, partition, is_final, deduplicate })
    }

    /// What follows PARTITION.
    pub(super) fn partition(&mut self) -> Result<Partition> {
        if self.is_word(0, "ALL") && !self.is(1, ".") {
            self.advance();
            return Ok(Partition(PartitionExpression::All));
        }
        if self.is_word(0, "ID") && self.nth(1).kind == crate::token::TokenKind::String {
            self.advance();
            return Ok(Partition(PartitionExpression::Id(self.string()?)));
        }
        Ok(Partition(PartitionExpression::Value(self.expression()?)))
    }

    fn kill(&mut self) -> Result<Statement> {
        self.expect("KILL")?;
        let mutation = self.eat("MUTATION");
        if !mutation {
            self.expect("QUERY")?;
        }
        self.on_cluster()?;
        self.expect("WHERE")?;
        let filter = self.expression()?;
        let _ = self.eat("SYNC") || self.eat("ASYNC") || self.eat("TEST");
        Ok(Statement::Kill { mutation, filter })
    }

    fn check(&mut self) -> Result<Statement> {
        self.expect("CHECK")?;
        self.expect("TABLE")?;
        let table = self.table_name()?;
        if self.eat("PARTITION") {
            self.partition()?;
        }
        Ok(Statement::Check(table))
    }
}
