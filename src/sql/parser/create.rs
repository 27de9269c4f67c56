//! CREATE and ATTACH.

use super::Parser;
use crate::ast::{
    AlterCommand, CreateDatabase, CreateTable, CreateView, EngineClause, Expression, Statement,
};
use base::Result;

impl Parser<'_> {
    pub(super) fn create(&mut self) -> Result<Statement> {
        let mut table = CreateTable::default();
        if self.eat("REPLACE") {
            (table.or_replace, table.replace) = (true, true);
        } else {
            self.expect("CREATE")?;
            table.or_replace = self.eat("OR REPLACE");
        }
        if self.eat("DATABASE") {
            return self.create_database();
        }
        if self.eat("MATERIALIZED VIEW") {
            return self.create_view(true, table.or_replace);
        }
        if self.eat("VIEW") {
            return self.create_view(false, table.or_replace);
        }
        if self.eat("INDEX") {
            return self.create_index();
        }
        if self.eat("DICTIONARY") {
            return self.create_dictionary(table.or_replace);
        }
        if self.eat("FUNCTION") {
            return self.create_function(table.or_replace);
        }
        table.temporary = self.eat("TEMPORARY");
        if self.eat("TABLE") {
            return self.create_table(table);
        }
        if self.is_access_object() {
            return self.unsupported("This kind of object in CREATE");
        }
        self.fail()
    }

    pub(super) fn attach(&mut self) -> Result<Statement> {
        self.expect("ATTACH")?;
        let table =
            CreateTable { attach: true, temporary: self.eat("TEMPORARY"), ..Default::default() };
        if !self.eat("TABLE") {
            return self.unsupported("ATTACH of anything but a table");
        }
        self.create_table(table)
    }

    fn create_database(&mut self) -> Result<Statement> {
        let if_not_exists = self.eat("IF NOT EXISTS");
        let name = self.identifier()?;
        self.on_cluster()?;
        let mut engine = None;
        let mut comment = None;
        loop {
            if self.at("ENGINE") {
                self.engine_clause(&mut engine)?;
            } else if self.eat("COMMENT") {
                comment = Some(self.string()?);
            } else {
                let database = CreateDatabase { if_not_exists, name, engine, comment };
                return Ok(Statement::CreateDatabase(database));
            }
        }
    }

    fn create_table(&mut self, mut table: CreateTable) -> Result<Statement> {
        table.if_not_exists = self.eat("IF NOT EXISTS");
        table.name = Some(self.table_name()?);
        if self.eat("UUID") {
            table.uuid = Some(self.string()?);
        }
        self.on_cluster()?;
        if self.is(0, "(") && !self.is_query(1) {
            self.table_elements(&mut table)?;
        }
        loop {
            if self.eat("EMPTY AS") {
                table.empty = true;
                table.query = Some(Box::new(self.query()?));
            } else if self.eat("CLONE AS") {
                return self.unsupported("CLONE AS");
            } else if self.eat("AS") {
                self.create_table_as(&mut table)?;
            } else if self.eat("COMMENT") {
                table.comment = Some(self.string()?);
            } else if !self.engine_clause(&mut table.engine)? {
                return Ok(Statement::CreateTable(Box::new(table)));
            }
        }
    }

    fn create_table_as(&mut self, table: &mut CreateTable) -> Result<()> {
        if self.is_query(0) || self.is(0, "(") {
            table.query = Some(Box::new(self.query()?));
        } else if self.is_name(0) && self.is(1, "(") {
            let name = self.identifier()?;
            table.as_function = Some((name, self.plain_arguments()?));
        } else {
            table.like = Some(self.table_name()?);
        }
        Ok(())
    }

    /// `( columns, indexes, constraints, projections, PRIMARY KEY )`
    fn table_elements(&mut self, table: &mut CreateTable) -> Result<()> {
        self.expect("(")?;
        loop {
            if self.is(0, ")") {
                break;
            }
            if self.is_word(0, "INDEX") && self.is_index_definition() {
                self.advance();
                table.indexes.push(self.index_definition()?);
            } else if self.is_word(0, "CONSTRAINT") && self.is_one_of(2, &["CHECK", "ASSUME"]) {
                self.advance();
                let name = self.identifier()?;
                // What may be assumed helps ClickHouse's optimizer and changes no result.
                let assumed = self.eat("ASSUME");
                if !assumed {
                    self.expect("CHECK")?;
                }
                let condition = self.expression()?;
                if !assumed {
                    table.constraints.push((name, condition));
                }
            } else if self.is_word(0, "PROJECTION") && self.is(2, "(") && self.is_query(3) {
                self.advance();
                let name = self.identifier()?;
                let query = self.subquery()?;
                table.projections.push((name, query.to_string()));
            } else if self.eat("PRIMARY KEY") {
                let key = self.key_expression()?;
                table.engine.get_or_insert_default().primary_key = Some(key);
            } else {
                table.columns.push(self.column_definition()?);
            }
            if !self.eat(",") {
                break;
            }
        }
        self.expect(")")
    }

    /// `INDEX name expression TYPE ...` rather than a column called `index`.
    fn is_index_definition(&self) -> bool {
        self.is_name(1)
            && !self.is(2, ",")
            && !self.is(2, ")")
            && !self.is_one_of(
                2,
                &[
                    "DEFAULT",
                    "MATERIALIZED",
                    "ALIAS",
                    "EPHEMERAL",
                    "COMMENT",
                    "CODEC",
                    "TTL",
                    "NULL",
                    "NOT",
                ],
            )
    }

    /// `CREATE INDEX name ON t (expression) TYPE ...` is an ALTER.
    fn create_index(&mut self) -> Result<Statement> {
        let if_not_exists = self.eat("IF NOT EXISTS");
        let name = self.identifier()?;
        self.expect("ON")?;
        let table = self.table_name()?;
        self.on_cluster()?;
        let index = self.index_after_name(name)?;
        let commands = vec![AlterCommand::AddIndex { if_not_exists, index }];
        Ok(Statement::Alter { table, commands, settings: Vec::new() })
    }

    fn create_view(&mut self, materialized: bool, or_replace: bool) -> Result<Statement> {
        let if_not_exists = self.eat("IF NOT EXISTS");
        let name = self.table_name()?;
        if self.eat("UUID") {
            self.string()?;
        }
        self.on_cluster()?;
        if self.at("REFRESH") {
            return self.unsupported("A refreshable materialized view");
        }
        let mut to = None;
        let mut columns = Vec::new();
        let mut engine: Option<EngineClause> = None;
        let mut populate = false;
        let mut comment = None;
        loop {
            if materialized && self.eat("TO") {
                to = Some(self.table_name()?);
            } else if self.is(0, "(") && columns.is_empty() {
                let mut inner = CreateTable::default();
                self.table_elements(&mut inner)?;
                columns = inner.columns;
            } else if self.eat("POPULATE") {
                populate = true;
            } else if self.eat("EMPTY") {
                populate = false;
            } else if self.eat("DEFINER") {
                self.eat("=");
                self.identifier()?;
            } else if self.eat("SQL SECURITY") {
                self.identifier()?;
            } else if self.eat("COMMENT") {
                comment = Some(self.string()?);
            } else if !(materialized && self.engine_clause(&mut engine)?) {
                break;
            }
        }
        self.expect("AS")?;
        let query = Box::new(self.query()?);
        if self.eat("COMMENT") {
            comment = Some(self.string()?);
        }
        Ok(Statement::CreateView(Box::new(CreateView {
            materialized,
            or_replace,
            if_not_exists,
            name,
            to,
            columns,
            engine,
            populate,
            query,
            comment,
        })))
    }

    /// The expression of a key; several are a tuple.
    pub(super) fn key_expression(&mut self) -> Result<Expression> {
        self.expression()
    }
}
