//! Statements as text.

use super::alter::assignments;
use super::expression::bare;
use super::{Separated, format_name, function_name, quoted};
use crate::ast::{
    Describe, Drop, DropKind, Explain, ExplainKind, Insert, InsertSource, InsertTarget, ObjectKind,
    Rename, Show, ShowFilter, Statement, SystemCommand,
};
use crate::literal::quote_identifier;
use std::fmt::{self, Display, Formatter};

impl Display for Statement {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Statement::Query(query) => query.fmt(f),
            Statement::Insert(insert) => insert.fmt(f),
            Statement::CreateDatabase(database) => database.fmt(f),
            Statement::CreateTable(table) => table.fmt(f),
            Statement::CreateView(view) => view.fmt(f),
            Statement::CreateDictionary(dictionary) => dictionary.fmt(f),
            Statement::CreateFunction(function) => function.fmt(f),
            Statement::Drop(drop) => drop.fmt(f),
            Statement::Rename(rename) => rename.fmt(f),
            Statement::Alter { table, commands, settings } => {
                write!(f, "ALTER TABLE {table} {}", Separated(commands, ", "))?;
                if settings.is_empty() {
                    return Ok(());
                }
                write!(f, " SETTINGS {}", Separated(settings, ", "))
            }
            Statement::Delete { table, filter } => {
                write!(f, "DELETE FROM {table} WHERE {}", bare(filter))
            }
            Statement::Update { table, assignments: items, filter } => {
                write!(f, "UPDATE {table} SET ")?;
                assignments(f, items)?;
                write!(f, " WHERE {}", bare(filter))
            }
            Statement::Optimize { table, partition, is_final, deduplicate } => {
                write!(f, "OPTIMIZE TABLE {table}")?;
                if let Some(partition) = partition {
                    write!(f, " {partition}")?;
                }
                if *is_final {
                    f.write_str(" FINAL")?;
                }
                match deduplicate.as_deref() {
                    None => Ok(()),
                    Some([]) => f.write_str(" DEDUPLICATE"),
                    Some(names) => write!(f, " DEDUPLICATE BY {}", Separated(names, ", ")),
                }
            }
            Statement::Show(show) => show.fmt(f),
            Statement::Describe(describe) => describe.fmt(f),
            Statement::Exists { kind, name } => write!(f, "EXISTS {} {name}", object(*kind)),
            Statement::Use(database) => write!(f, "USE {}", quote_identifier(database)),
            Statement::Set(settings) => write!(f, "SET {}", Separated(settings, ", ")),
            Statement::Explain(explain) => explain.fmt(f),
            Statement::System(command) => command.fmt(f),
            Statement::Kill { mutation, filter } => {
                let what = if *mutation { "MUTATION" } else { "QUERY" };
                write!(f, "KILL {what} WHERE {}", bare(filter))
            }
            Statement::Check(table) => write!(f, "CHECK TABLE {table}"),
        }
    }
}

fn object(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Table => "TABLE",
        ObjectKind::View => "VIEW",
        ObjectKind::Database => "DATABASE",
        ObjectKind::Dictionary => "DICTIONARY",
        ObjectKind::Function => "FUNCTION",
    }
}

impl Display for Insert {
    /// Without the inline data.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.table {
            InsertTarget::Table(table) => write!(f, "INSERT INTO {table}")?,
            InsertTarget::Function { name, arguments } => {
                let name = function_name(name);
                write!(f, "INSERT INTO FUNCTION {name}({})", Separated(arguments, ", "))?;
            }
        }
        if !self.columns.is_empty() {
            write!(f, " ({})", Separated(&self.columns, ", "))?;
        }
        if !self.settings.is_empty() {
            write!(f, " SETTINGS {}", Separated(&self.settings, ", "))?;
        }
        match &self.source {
            InsertSource::Query(query) => write!(f, " {query}"),
            InsertSource::Values => f.write_str(" VALUES"),
            InsertSource::Format(name) => write!(f, " FORMAT {}", format_name(name)),
            InsertSource::InFile { path, compression, format } => {
                write!(f, " FROM INFILE {}", quoted(path))?;
                if let Some(compression) = compression {
                    write!(f, " COMPRESSION {}", quoted(compression))?;
                }
                match format {
                    Some(format) => write!(f, " FORMAT {}", format_name(format)),
                    None => Ok(()),
                }
            }
            InsertSource::Data => Ok(()),
        }
    }
}

impl Display for Drop {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            DropKind::Drop => "DROP ",
            DropKind::Detach => "DETACH ",
            DropKind::Truncate => "TRUNCATE ",
        })?;
        if self.temporary {
            f.write_str("TEMPORARY ")?;
        }
        write!(f, "{} ", object(self.object))?;
        if self.if_exists {
            f.write_str("IF EXISTS ")?;
        }
        Separated(&self.names, ", ").fmt(f)?;
        if self.sync { f.write_str(" SYNC") } else { Ok(()) }
    }
}

impl Display for Rename {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (verb, between) = if self.exchange { ("EXCHANGE", "AND") } else { ("RENAME", "TO") };
        let plural = self.exchange && self.object == ObjectKind::Table;
        write!(f, "{verb} {}{} ", object(self.object), if plural { "S" } else { "" })?;
        if self.if_exists {
            f.write_str("IF EXISTS ")?;
        }
        super::list(f, &self.pairs, |f, (from, to)| write!(f, "{from} {between} {to}"))
    }
}

impl Display for Show {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("SHOW ")?;
        let full = |full: bool| if full { "FULL " } else { "" };
        match self {
            Show::Databases(filter) => write!(f, "DATABASES{filter}"),
            Show::Tables { database, full: flag, filter } => {
                write!(f, "{}TABLES", full(*flag))?;
                if let Some(database) = database {
                    write!(f, " FROM {}", quote_identifier(database))?;
                }
                filter.fmt(f)
            }
            Show::Columns { table, full: flag, filter } => {
                write!(f, "{}COLUMNS FROM {table}{filter}", full(*flag))
            }
            Show::Indexes(table) => write!(f, "INDEXES FROM {table}"),
            Show::Create { object: kind, name } => write!(f, "CREATE {} {name}", object(*kind)),
            Show::ProcessList => f.write_str("PROCESSLIST"),
            Show::Settings(filter) => write!(f, "SETTINGS{filter}"),
            Show::Functions(filter) => write!(f, "FUNCTIONS{filter}"),
            Show::Engines => f.write_str("ENGINES"),
            Show::Grants => f.write_str("GRANTS"),
            Show::Other(words) => f.write_str(words),
        }
    }
}

impl Display for ShowFilter {
    /// With a space in front of each clause.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(pattern) = &self.like {
            let not = if self.negated { " NOT" } else { "" };
            let like = if self.case_insensitive { "ILIKE" } else { "LIKE" };
            write!(f, "{not} {like} {}", quoted(pattern))?;
        }
        if let Some(filter) = &self.filter {
            write!(f, " WHERE {}", bare(filter))?;
        }
        match &self.limit {
            Some(limit) => write!(f, " LIMIT {}", bare(limit)),
            None => Ok(()),
        }
    }
}

impl Display for Describe {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Describe::Table(table) => write!(f, "DESCRIBE TABLE {table}"),
            Describe::Function { name, arguments } => {
                let name = function_name(name);
                write!(f, "DESCRIBE TABLE {name}({})", Separated(arguments, ", "))
            }
            Describe::Query(query) => write!(f, "DESCRIBE ({query})"),
        }
    }
}

impl Display for Explain {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            ExplainKind::Plan => "EXPLAIN PLAN ",
            ExplainKind::Pipeline => "EXPLAIN PIPELINE ",
            ExplainKind::Ast => "EXPLAIN AST ",
            ExplainKind::Syntax => "EXPLAIN SYNTAX ",
            ExplainKind::QueryTree => "EXPLAIN QUERY TREE ",
            ExplainKind::Estimate => "EXPLAIN ESTIMATE ",
            ExplainKind::TableOverride => "EXPLAIN TABLE OVERRIDE ",
        })?;
        if !self.settings.is_empty() {
            write!(f, "{} ", Separated(&self.settings, ", "))?;
        }
        self.statement.fmt(f)?;
        match &self.format {
            Some(format) => write!(f, " FORMAT {}", format_name(format)),
            None => Ok(()),
        }
    }
}

impl Display for SystemCommand {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "SYSTEM {}", self.words)?;
        if let Some(table) = &self.table {
            write!(f, " {table}")?;
        }
        match &self.tag {
            Some(tag) => write!(f, " TAG {}", quoted(tag)),
            None => Ok(()),
        }
    }
}
