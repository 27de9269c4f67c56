//! The tables of database `system`: each declared once, with its columns and how its rows are made.

mod caches;
mod catalog;
mod server;

use std::sync::Arc;

use base::Result;
use plan::BlockSource;
use types::{DataType, Field, Schema, Value};

use crate::query::Query;
use crate::relation::Rows;

pub(crate) use catalog::all_tables;

/// A table of `system`.
pub(crate) struct SystemTable {
    pub(crate) name: &'static str,
    /// Names and types.
    pub(crate) columns: &'static [(&'static str, &'static str)],
    pub(crate) rows: fn(&Query<'_>) -> Result<Vec<Vec<Value>>>,
}

/// All tables of `system`.
pub(crate) const TABLES: &[&[SystemTable]] = &[catalog::TABLES, server::TABLES, caches::TABLES];

/// The rows of a system table; `None` where there is no such table.
pub(crate) fn table(name: &str, query: &Query<'_>) -> Result<Option<Arc<dyn BlockSource>>> {
    if name == "numbers" || name == "numbers_mt" {
        let relation = query.function_relation("numbers", &[])?;
        return Ok(match relation.source {
            plan::RelationSource::Blocks(source) => Some(source),
            _ => None,
        });
    }
    let Some(declared) = TABLES.iter().copied().flatten().find(|t| t.name == name) else {
        return Ok(None);
    };
    let fields = declared
        .columns
        .iter()
        .map(|(name, data_type)| Ok(Field::new(*name, DataType::parse(data_type)?)))
        .collect::<Result<Vec<_>>>()?;
    let rows = Rows::new(name, Schema::new(fields), (declared.rows)(query)?)?;
    Ok(Some(Arc::new(rows)))
}

/// A text as a value.
pub(crate) fn text(text: impl AsRef<str>) -> Value {
    Value::from(text.as_ref())
}

/// A number as a value.
pub(crate) fn number(number: impl TryInto<i128>) -> Value {
    Value::Int(number.try_into().unwrap_or(0))
}

/// A flag as a value.
pub(crate) fn flag(flag: bool) -> Value {
    Value::Int(i128::from(flag))
}
