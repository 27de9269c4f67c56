//! The tree as text: canonical SQL on one line that parses back to the same tree.
//!
//! Names are quoted only where they must be, brackets stand only where precedence needs them, and
//! data types and literals keep their text.

mod alter;
mod create;
mod dictionary;
mod expression;
mod query;
mod statement;

pub(crate) use expression::{function_name, interval_unit, window};

use crate::ast::{Name, Setting, SettingValue, TableName};
use crate::literal::{quote_identifier, quote_string};
use std::fmt::{self, Display, Formatter};

/// Items with a separator between them.
pub(crate) struct Separated<'a, T>(pub(crate) &'a [T], pub(crate) &'static str);

impl<T: Display> Display for Separated<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (position, item) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str(self.1)?;
            }
            item.fmt(f)?;
        }
        Ok(())
    }
}

/// Items with `, ` between them, each written by a function.
pub(crate) fn list<T>(
    f: &mut Formatter<'_>,
    items: &[T],
    mut write: impl FnMut(&mut Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            f.write_str(", ")?;
        }
        write(f, item)?;
    }
    Ok(())
}

/// Names, quoted where needed, with `, ` between them.
pub(crate) fn identifiers(f: &mut Formatter<'_>, names: &[String]) -> fmt::Result {
    list(f, names, |f, name| f.write_str(&quote_identifier(name)))
}

impl Display for Name {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (position, part) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str(".")?;
            }
            f.write_str(&quote_identifier(part))?;
        }
        Ok(())
    }
}

impl Display for TableName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(database) = &self.database {
            write!(f, "{}.", quote_identifier(database))?;
        }
        f.write_str(&quote_identifier(&self.table))
    }
}

impl Display for Setting {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", quote_identifier(&self.name), self.value)
    }
}

impl Display for SettingValue {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            SettingValue::Literal(literal) => literal.fmt(f),
            SettingValue::Default => f.write_str("DEFAULT"),
            SettingValue::Word(name) => name.fmt(f),
        }
    }
}

/// A string in quotes.
pub(crate) fn quoted(text: &str) -> String {
    quote_string(text.as_bytes())
}

/// A format's name; `Null` and `Values` need no quotes.
pub(crate) fn format_name(name: &str) -> std::borrow::Cow<'_, str> {
    let plain = name.bytes().next().is_some_and(|first| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if plain { name.into() } else { quote_identifier(name) }
}
