//! ALTER as text.

use super::expression::bare;
use super::{Separated, identifiers, list, quoted};
use crate::ast::{AlterCommand, ColumnPosition, Expression, Partition, PartitionExpression};
use crate::literal::quote_identifier;
use std::fmt::{self, Display, Formatter};

impl Display for Partition {
    /// With the word PARTITION.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.0 {
            PartitionExpression::Value(value) => write!(f, "PARTITION {}", bare(value)),
            PartitionExpression::Id(id) => write!(f, "PARTITION ID {}", quoted(id)),
            PartitionExpression::All => f.write_str("PARTITION ALL"),
        }
    }
}

/// `a = 1, b = 2`
pub(super) fn assignments(f: &mut Formatter<'_>, items: &[(String, Expression)]) -> fmt::Result {
    list(f, items, |f, (name, value)| write!(f, "{} = {}", quote_identifier(name), bare(value)))
}

fn position(f: &mut Formatter<'_>, position: Option<&ColumnPosition>) -> fmt::Result {
    match position {
        None => Ok(()),
        Some(ColumnPosition::First) => f.write_str(" FIRST"),
        Some(ColumnPosition::After(name)) => write!(f, " AFTER {}", quote_identifier(name)),
    }
}

fn if_exists(set: bool) -> &'static str {
    if set { "IF EXISTS " } else { "" }
}

fn if_not_exists(set: bool) -> &'static str {
    if set { "IF NOT EXISTS " } else { "" }
}

impl Display for AlterCommand {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            AlterCommand::AddColumn { if_not_exists: flag, column, position: place } => {
                write!(f, "ADD COLUMN {}{column}", if_not_exists(*flag))?;
                position(f, place.as_ref())
            }
            AlterCommand::DropColumn { if_exists: flag, name } => {
                write!(f, "DROP COLUMN {}{}", if_exists(*flag), quote_identifier(name))
            }
            AlterCommand::ModifyColumn { if_exists: flag, column, position: place, remove } => {
                write!(f, "MODIFY COLUMN {}{column}", if_exists(*flag))?;
                if let Some(property) = remove {
                    write!(f, " REMOVE {property}")?;
                }
                position(f, place.as_ref())
            }
            AlterCommand::RenameColumn { if_exists: flag, from, to } => write!(
                f,
                "RENAME COLUMN {}{} TO {}",
                if_exists(*flag),
                quote_identifier(from),
                quote_identifier(to)
            ),
            AlterCommand::CommentColumn { if_exists: flag, name, comment } => write!(
                f,
                "COMMENT COLUMN {}{} {}",
                if_exists(*flag),
                quote_identifier(name),
                quoted(comment)
            ),
            AlterCommand::ClearColumn { name, partition } => {
                write!(f, "CLEAR COLUMN {}", quote_identifier(name))?;
                match partition {
                    Some(partition) => write!(f, " IN {partition}"),
                    None => Ok(()),
                }
            }
            AlterCommand::Materialize { what, name } => {
                write!(f, "MATERIALIZE {what}")?;
                match name {
                    Some(name) => write!(f, " {}", quote_identifier(name)),
                    None => Ok(()),
                }
            }
            AlterCommand::AddIndex { if_not_exists: flag, index } => {
                write!(f, "ADD INDEX {}{index}", if_not_exists(*flag))
            }
            AlterCommand::DropIndex { if_exists: flag, name } => {
                write!(f, "DROP INDEX {}{}", if_exists(*flag), quote_identifier(name))
            }
            other => table_command(f, other),
        }
    }
}

/// Commands on the table as a whole, its rows, and its partitions.
fn table_command(f: &mut Formatter<'_>, command: &AlterCommand) -> fmt::Result {
    match command {
        AlterCommand::AddConstraint { name, check } => {
            write!(f, "ADD CONSTRAINT {} CHECK {}", quote_identifier(name), bare(check))
        }
        AlterCommand::DropConstraint { name } => {
            write!(f, "DROP CONSTRAINT {}", quote_identifier(name))
        }
        AlterCommand::ModifyOrderBy(key) => write!(f, "MODIFY ORDER BY {}", bare(key)),
        AlterCommand::ModifyTtl(items) => write!(f, "MODIFY TTL {}", Separated(items, ", ")),
        AlterCommand::RemoveTtl => f.write_str("REMOVE TTL"),
        AlterCommand::ModifySetting(settings) => {
            write!(f, "MODIFY SETTING {}", Separated(settings, ", "))
        }
        AlterCommand::ResetSetting(names) => {
            f.write_str("RESET SETTING ")?;
            identifiers(f, names)
        }
        AlterCommand::ModifyComment(text) => write!(f, "MODIFY COMMENT {}", quoted(text)),
        AlterCommand::ModifyQuery(query) => write!(f, "MODIFY QUERY {query}"),
        AlterCommand::Delete { filter } => write!(f, "DELETE WHERE {}", bare(filter)),
        AlterCommand::Update { assignments: items, filter } => {
            f.write_str("UPDATE ")?;
            assignments(f, items)?;
            write!(f, " WHERE {}", bare(filter))
        }
        AlterCommand::Partition { action, partition } => write!(f, "{action} {partition}"),
        AlterCommand::PartitionOfTable { action, partition, table } => {
            let word = if action == "MOVE" { "TO TABLE" } else { "FROM" };
            write!(f, "{action} {partition} {word} {table}")
        }
        _ => Ok(()),
    }
}
