//! ALTER TABLE.

use super::Parser;
use crate::ast::{AlterCommand, ColumnDefinition, ColumnPosition, Partition, Statement};
use base::Result;

impl Parser<'_> {
    pub(super) fn alter(&mut self) -> Result<Statement> {
        self.expect("ALTER")?;
        if !self.eat("TABLE") {
            if self.is_name(0) {
                return self.unsupported("ALTER of anything but a table");
            }
            return self.fail();
        }
        let table = self.table_name()?;
        self.on_cluster()?;
        let commands = self.comma_list(Parser::alter_command)?;
        let settings = if self.eat("SETTINGS") { self.settings()? } else { Vec::new() };
        Ok(Statement::Alter { table, commands, settings })
    }

    fn alter_command(&mut self) -> Result<AlterCommand> {
        let word = self.word(self.peek()).to_ascii_uppercase();
        match word.as_str() {
            "ADD" => self.alter_add(),
            "DROP" => self.alter_drop(),
            "MODIFY" | "ALTER" => self.alter_modify(),
            "RENAME" => self.alter_rename(),
            "COMMENT" => self.alter_comment(),
            "CLEAR" => self.alter_clear(),
            "MATERIALIZE" => self.alter_materialize(),
            "REMOVE" => {
                self.advance();
                self.expect("TTL")?;
                Ok(AlterCommand::RemoveTtl)
            }
            "RESET" => {
                self.advance();
                self.expect("SETTING")?;
                self.comma_list(Parser::dotted_identifier).map(AlterCommand::ResetSetting)
            }
            "DELETE" => {
                self.advance();
                self.expect("WHERE")?;
                Ok(AlterCommand::Delete { filter: self.expression()? })
            }
            "UPDATE" => {
                self.advance();
                let assignments = self.comma_list(Parser::assignment)?;
                if self.at("IN PARTITION") {
                    return self.unsupported("IN PARTITION of UPDATE");
                }
                self.expect("WHERE")?;
                Ok(AlterCommand::Update { assignments, filter: self.expression()? })
            }
            "ATTACH" | "DETACH" | "FREEZE" | "MOVE" | "REPLACE" => self.alter_partition(&word),
            _ => {
                for command in [
                    "ADD",
                    "DROP",
                    "MODIFY",
                    "RENAME",
                    "COMMENT",
                    "CLEAR",
                    "MATERIALIZE",
                    "REMOVE",
                    "RESET",
                    "DELETE",
                    "UPDATE",
                    "ATTACH",
                    "DETACH",
                    "FREEZE",
                    "MOVE",
                    "REPLACE",
                ] {
                    self.expect_also(command);
                }
                self.fail()
            }
        }
    }

    fn alter_add(&mut self) -> Result<AlterCommand> {
        self.expect("ADD")?;
        if self.eat("COLUMN") {
            let if_not_exists = self.eat("IF NOT EXISTS");
            let column = self.column_definition()?;
            return Ok(AlterCommand::AddColumn {
                if_not_exists,
                column,
                position: self.column_position()?,
            });
        }
        if self.eat("INDEX") {
            let if_not_exists = self.eat("IF NOT EXISTS");
            let index = self.index_definition()?;
            self.column_position()?;
            return Ok(AlterCommand::AddIndex { if_not_exists, index });
        }
        if self.eat("CONSTRAINT") {
            self.eat("IF NOT EXISTS");
            let name = self.identifier()?;
            self.expect("CHECK")?;
            return Ok(AlterCommand::AddConstraint { name, check: self.expression()? });
        }
        if self.is_one_of(0, &["PROJECTION", "STATISTICS"]) {
            return self.unsupported("ADD PROJECTION or STATISTICS");
        }
        self.fail()
    }

    fn column_position(&mut self) -> Result<Option<ColumnPosition>> {
        if self.eat("FIRST") {
            return Ok(Some(ColumnPosition::First));
        }
        if self.eat("AFTER") {
            return Ok(Some(ColumnPosition::After(self.dotted_identifier()?)));
        }
        Ok(None)
    }

    fn alter_drop(&mut self) -> Result<AlterCommand> {
        self.expect("DROP")?;
        if self.eat("COLUMN") {
            let if_exists = self.eat("IF EXISTS");
            return Ok(AlterCommand::DropColumn { if_exists, name: self.dotted_identifier()? });
        }
        if self.eat("INDEX") {
            let if_exists = self.eat("IF EXISTS");
            return Ok(AlterCommand::DropIndex { if_exists, name: self.identifier()? });
        }
        if self.eat("CONSTRAINT") {
            self.eat("IF EXISTS");
            return Ok(AlterCommand::DropConstraint { name: self.identifier()? });
        }
        if self.eat("PARTITION") {
            let partition = self.partition()?;
            return Ok(AlterCommand::Partition { action: "DROP".to_owned(), partition });
        }
        if self.is_one_of(0, &["PART", "DETACHED", "PROJECTION", "STATISTICS"]) {
            return self.unsupported("DROP of a part, a projection or statistics");
        }
        self.fail()
    }

    fn alter_modify(&mut self) -> Result<AlterCommand> {
        if self.eat("ALTER") {
            self.expect("COLUMN")?;
            return self.modify_column();
        }
        self.expect("MODIFY")?;
        if self.eat("ORDER BY") {
            return self.expression().map(AlterCommand::ModifyOrderBy);
        }
        if self.eat("TTL") {
            return self.comma_list(Parser::ttl_item).map(AlterCommand::ModifyTtl);
        }
        if self.eat("SETTING") {
            return self.settings().map(AlterCommand::ModifySetting);
        }
        if self.eat("COMMENT") {
            return self.string().map(AlterCommand::ModifyComment);
        }
        if self.eat("QUERY") {
            let query = self.query()?;
            return Ok(AlterCommand::ModifyQuery(Box::new(query)));
        }
        if self.is_word(0, "SAMPLE") && self.is_word(1, "BY") {
            return self.unsupported("MODIFY SAMPLE BY");
        }
        self.expect("COLUMN")?;
        self.modify_column()
    }

    fn modify_column(&mut self) -> Result<AlterCommand> {
        let if_exists = self.eat("IF EXISTS");
        let mut column =
            ColumnDefinition { name: self.dotted_identifier()?, ..ColumnDefinition::default() };
        self.eat("TYPE");
        let mut remove = None;
        if self.eat("REMOVE") {
            remove = Some(self.identifier()?.to_ascii_uppercase());
        } else {
            self.column_after_name(&mut column)?;
        }
        let position = self.column_position()?;
        Ok(AlterCommand::ModifyColumn { if_exists, column, position, remove })
    }

    fn alter_rename(&mut self) -> Result<AlterCommand> {
        self.expect("RENAME COLUMN")?;
        let if_exists = self.eat("IF EXISTS");
        let from = self.dotted_identifier()?;
        self.expect("TO")?;
        Ok(AlterCommand::RenameColumn { if_exists, from, to: self.dotted_identifier()? })
    }

    fn alter_comment(&mut self) -> Result<AlterCommand> {
        self.expect("COMMENT COLUMN")?;
        let if_exists = self.eat("IF EXISTS");
        let name = self.dotted_identifier()?;
        Ok(AlterCommand::CommentColumn { if_exists, name, comment: self.string()? })
    }

    fn in_partition(&mut self) -> Result<Option<Partition>> {
        if self.eat("IN PARTITION") { self.partition().map(Some) } else { Ok(None) }
    }

    fn alter_clear(&mut self) -> Result<AlterCommand> {
        self.expect("CLEAR")?;
        if self.at("INDEX") {
            return self.unsupported("CLEAR INDEX");
        }
        self.expect("COLUMN")?;
        self.eat("IF EXISTS");
        let name = self.dotted_identifier()?;
        Ok(AlterCommand::ClearColumn { name, partition: self.in_partition()? })
    }

    fn alter_materialize(&mut self) -> Result<AlterCommand> {
        self.expect("MATERIALIZE")?;
        for what in ["COLUMN", "INDEX", "PROJECTION", "STATISTICS"] {
            if self.eat(what) {
                self.eat("IF EXISTS");
                let name = Some(self.dotted_identifier()?);
                if self.at("IN PARTITION") {
                    return self.unsupported("IN PARTITION of MATERIALIZE");
                }
                return Ok(AlterCommand::Materialize { what: what.to_owned(), name });
            }
        }
        self.expect("TTL")?;
        Ok(AlterCommand::Materialize { what: "TTL".to_owned(), name: None })
    }

    fn alter_partition(&mut self, action: &str) -> Result<AlterCommand> {
        self.advance();
        if self.at("PART") {
            return self.unsupported("A command on a single part");
        }
        let action = action.to_owned();
        if action == "FREEZE" && !self.at("PARTITION") {
            let partition = Partition(crate::ast::PartitionExpression::All);
            return Ok(AlterCommand::Partition { action, partition });
        }
        self.expect("PARTITION")?;
        let partition = self.partition()?;
        let other = match action.as_str() {
            "MOVE" => {
                self.expect("TO")?;
                if self.is_one_of(0, &["DISK", "VOLUME"]) {
                    return self.unsupported("MOVE PARTITION to a disk");
                }
                self.expect("TABLE")?;
                true
            }
            "REPLACE" => {
                self.expect("FROM")?;
                self.eat("TABLE");
                true
            }
            "ATTACH" if self.eat("FROM") => {
                self.eat("TABLE");
                true
            }
            _ => false,
        };
        if other {
            let table = self.table_name()?;
            return Ok(AlterCommand::PartitionOfTable { action, partition, table });
        }
        Ok(AlterCommand::Partition { action, partition })
    }
}
