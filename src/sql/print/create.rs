//! CREATE as text.

use super::expression::bare;
use super::{Separated, function_name, list, quoted};
use crate::ast::{
    ColumnDefinition, CreateDatabase, CreateTable, CreateView, DefaultKind, EngineClause,
    Expression, IndexDefinition, TtlAction, TtlItem,
};
use crate::literal::quote_identifier;
use std::fmt::{self, Display, Formatter};

impl Display for CreateDatabase {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let if_not_exists = if self.if_not_exists { "IF NOT EXISTS " } else { "" };
        write!(f, "CREATE DATABASE {if_not_exists}{}", quote_identifier(&self.name))?;
        if let Some(engine) = &self.engine {
            engine.fmt(f)?;
        }
        comment(f, self.comment.as_deref())
    }
}

fn comment(f: &mut Formatter<'_>, text: Option<&str>) -> fmt::Result {
    match text {
        Some(text) => write!(f, " COMMENT {}", quoted(text)),
        None => Ok(()),
    }
}

impl Display for CreateTable {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.attach, self.replace) {
            (true, _) => "ATTACH ",
            (false, true) => "REPLACE ",
            (false, false) => "CREATE ",
        })?;
        let flags = [
            (self.or_replace && !self.replace, "OR REPLACE "),
            (self.temporary, "TEMPORARY "),
            (true, "TABLE "),
            (self.if_not_exists, "IF NOT EXISTS "),
        ];
        for (_, words) in flags.iter().filter(|(set, _)| *set) {
            f.write_str(words)?;
        }
        if let Some(name) = &self.name {
            name.fmt(f)?;
        }
        if let Some(uuid) = &self.uuid {
            write!(f, " UUID {}", quoted(uuid))?;
        }
        self.elements(f)?;
        if let Some(other) = &self.like {
            write!(f, " AS {other}")?;
        }
        if let Some((name, arguments)) = &self.as_function {
            write!(f, " AS {}({})", function_name(name), Separated(arguments, ", "))?;
        }
        if let Some(engine) = &self.engine {
            engine.fmt(f)?;
        }
        comment(f, self.comment.as_deref())?;
        match &self.query {
            Some(query) => write!(f, " {}AS {query}", if self.empty { "EMPTY " } else { "" }),
            None => Ok(()),
        }
    }
}

impl CreateTable {
    /// Columns and the like in brackets, if there are any.
    fn elements(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut elements: Vec<String> = self.columns.iter().map(ToString::to_string).collect();
        elements.extend(self.indexes.iter().map(|index| format!("INDEX {index}")));
        elements.extend(self.constraints.iter().map(|(name, condition)| {
            format!("CONSTRAINT {} CHECK {}", quote_identifier(name), bare(condition))
        }));
        elements.extend(
            self.projections
                .iter()
                .map(|(name, query)| format!("PROJECTION {} ({query})", quote_identifier(name))),
        );
        if elements.is_empty() {
            return Ok(());
        }
        write!(f, " ({})", elements.join(", "))
    }
}

impl Display for EngineClause {
    /// With a space in front of each clause.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if !self.name.is_empty() {
            write!(f, " ENGINE = {}", quote_identifier(&self.name))?;
            if let Some(arguments) = &self.arguments {
                write!(f, "({})", Separated(arguments, ", "))?;
            }
        }
        let keys = [
            ("PARTITION BY", &self.partition_by),
            ("PRIMARY KEY", &self.primary_key),
            ("ORDER BY", &self.order_by),
            ("SAMPLE BY", &self.sample_by),
        ];
        for (words, key) in keys {
            if let Some(key) = key {
                write!(f, " {words} {}", bare(key))?;
            }
        }
        if !self.ttl.is_empty() {
            write!(f, " TTL {}", Separated(&self.ttl, ", "))?;
        }
        if !self.settings.is_empty() {
            write!(f, " SETTINGS {}", Separated(&self.settings, ", "))?;
        }
        Ok(())
    }
}

impl Display for TtlItem {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", bare(&self.expression))?;
        match &self.action {
            TtlAction::Delete => {}
            TtlAction::Recompress(codec) => write!(f, " RECOMPRESS {codec}")?,
            TtlAction::Other(text) => write!(f, " {text}")?,
        }
        match &self.filter {
            Some(filter) if self.action == TtlAction::Delete => {
                write!(f, " DELETE WHERE {}", bare(filter))
            }
            Some(filter) => write!(f, " WHERE {}", bare(filter)),
            None => Ok(()),
        }
    }
}

/// `name(arguments)`, without brackets if there are no arguments.
fn with_arguments(
    f: &mut Formatter<'_>,
    (name, arguments): &(String, Vec<Expression>),
) -> fmt::Result {
    f.write_str(&quote_identifier(name))?;
    if arguments.is_empty() {
        return Ok(());
    }
    write!(f, "({})", Separated(arguments, ", "))
}

impl Display for ColumnDefinition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&quote_identifier(&self.name))?;
        if let Some(data_type) = &self.data_type {
            write!(f, " {data_type}")?;
        }
        match self.nullable {
            Some(true) => f.write_str(" NULL")?,
            Some(false) => f.write_str(" NOT NULL")?,
            None => {}
        }
        if let Some(default) = &self.default {
            f.write_str(match default.kind {
                DefaultKind::Default => " DEFAULT",
                DefaultKind::Materialized => " MATERIALIZED",
                DefaultKind::Alias => " ALIAS",
                DefaultKind::Ephemeral => " EPHEMERAL",
            })?;
            if let Some(expression) = &default.expression {
                write!(f, " {}", bare(expression))?;
            }
        }
        if self.primary_key {
            f.write_str(" PRIMARY KEY")?;
        }
        comment(f, self.comment.as_deref())?;
        if !self.codec.is_empty() {
            f.write_str(" CODEC(")?;
            list(f, &self.codec, with_arguments)?;
            f.write_str(")")?;
        }
        if let Some(bytes) = self.out_of_row {
            write!(f, " STORAGE OUT_OF_ROW({bytes})")?;
        }
        if let Some(statistics) = &self.statistics {
            write!(f, " STATISTICS({statistics})")?;
        }
        if let Some(ttl) = &self.ttl {
            write!(f, " TTL {}", bare(ttl))?;
        }
        if let Some(collate) = &self.collate {
            write!(f, " COLLATE {}", quoted(collate))?;
        }
        if !self.settings.is_empty() {
            write!(f, " SETTINGS ({})", Separated(&self.settings, ", "))?;
        }
        Ok(())
    }
}

impl Display for IndexDefinition {
    /// Without the word INDEX.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} TYPE ", quote_identifier(&self.name), bare(&self.expression))?;
        with_arguments(f, &self.kind)?;
        match self.granularity {
            Some(granularity) => write!(f, " GRANULARITY {granularity}"),
            None => Ok(()),
        }
    }
}

impl Display for CreateView {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("CREATE ")?;
        let flags = [
            (self.or_replace, "OR REPLACE "),
            (self.materialized, "MATERIALIZED "),
            (true, "VIEW "),
            (self.if_not_exists, "IF NOT EXISTS "),
        ];
        for (_, words) in flags.iter().filter(|(set, _)| *set) {
            f.write_str(words)?;
        }
        self.name.fmt(f)?;
        if let Some(to) = &self.to {
            write!(f, " TO {to}")?;
        }
        if !self.columns.is_empty() {
            write!(f, " ({})", Separated(&self.columns, ", "))?;
        }
        if let Some(engine) = &self.engine {
            engine.fmt(f)?;
        }
        if self.populate {
            f.write_str(" POPULATE")?;
        }
        comment(f, self.comment.as_deref())?;
        write!(f, " AS {}", self.query)
    }
}
