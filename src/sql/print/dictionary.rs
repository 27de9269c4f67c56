//! CREATE DICTIONARY and CREATE FUNCTION as text.

use super::expression::bare;
use super::{Separated, identifiers, quoted};
use crate::ast::{CreateDictionary, CreateFunction, DictionaryColumn, DictionaryPart};
use crate::literal::quote_identifier;
use std::fmt::{self, Display, Formatter};

impl Display for CreateFunction {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let or_replace = if self.or_replace { "OR REPLACE " } else { "" };
        let if_not_exists = if self.if_not_exists { "IF NOT EXISTS " } else { "" };
        let name = quote_identifier(&self.name);
        write!(f, "CREATE {or_replace}FUNCTION {if_not_exists}{name} AS {}", bare(&self.body))
    }
}

impl Display for CreateDictionary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let or_replace = if self.or_replace { "OR REPLACE " } else { "" };
        let if_not_exists = if self.if_not_exists { "IF NOT EXISTS " } else { "" };
        write!(f, "CREATE {or_replace}DICTIONARY {if_not_exists}{} (", self.name)?;
        write!(f, "{})", Separated(&self.columns, ", "))?;
        if !self.primary_key.is_empty() {
            f.write_str(" PRIMARY KEY ")?;
            identifiers(f, &self.primary_key)?;
        }
        if let Some(source) = &self.source {
            write!(f, " SOURCE({source})")?;
        }
        if let Some((least, most)) = &self.lifetime {
            write!(f, " LIFETIME(MIN {least} MAX {most})")?;
        }
        if let Some(layout) = &self.layout {
            write!(f, " LAYOUT({layout})")?;
        }
        if let Some((least, most)) = &self.range {
            let (least, most) = (quote_identifier(least), quote_identifier(most));
            write!(f, " RANGE(MIN {least} MAX {most})")?;
        }
        if !self.settings.is_empty() {
            write!(f, " SETTINGS({})", Separated(&self.settings, ", "))?;
        }
        match &self.comment {
            Some(text) => write!(f, " COMMENT {}", quoted(text)),
            None => Ok(()),
        }
    }
}

impl Display for DictionaryColumn {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", quote_identifier(&self.name), self.data_type)?;
        if let Some(default) = &self.default {
            write!(f, " DEFAULT {}", bare(default))?;
        }
        if let Some(expression) = &self.expression {
            write!(f, " EXPRESSION {}", bare(expression))?;
        }
        let flags = [
            (self.hierarchical, " HIERARCHICAL"),
            (self.injective, " INJECTIVE"),
            (self.object_id, " IS_OBJECT_ID"),
        ];
        flags.iter().filter(|(set, _)| *set).try_for_each(|(_, words)| f.write_str(words))
    }
}

impl Display for DictionaryPart {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.kind)?;
        for (at, (name, value)) in self.parameters.iter().enumerate() {
            write!(f, "{}{name} {value}", if at > 0 { " " } else { "" })?;
        }
        f.write_str(")")
    }
}
