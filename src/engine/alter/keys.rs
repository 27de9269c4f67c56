//! What may change about the keys of tables that have rows: these are sorted and cut into partitions by them.

use std::collections::BTreeMap;

use base::{Result, bail};
use sql::ast::Expression;
use types::DataType;

/// Parts are sorted by the old key: it may only be followed by columns that are added in the same statement.
pub(super) fn check_added_keys(
    old: Option<&Expression>,
    new: &Expression,
    known: &BTreeMap<String, u32>,
) -> Result<()> {
    let items = |key: &Expression| -> Vec<String> {
        match key {
            Expression::Tuple(items) => items.iter().map(ToString::to_string).collect(),
            other if other.to_string() == "tuple()" => Vec::new(),
            other => vec![other.to_string()],
        }
    };
    let (old, new) = (old.map(items).unwrap_or_default(), items(new));
    if !new.starts_with(&old) {
        bail!(BadArguments, "The new sorting key has to begin with the old one");
    }
    let unquoted = |text: &str| text.trim_matches('`').to_owned();
    if let Some(column) = new[old.len()..].iter().find(|item| known.contains_key(&unquoted(item))) {
        bail!(
            BadArguments,
            "Existing column {column} is used in the expression that was added to the sorting key. \
             You can add expressions that use only the newly added columns"
        );
    }
    Ok(())
}

/// Whether values of a key's column stay sorted and partitions stay what they are: names are added to an
/// enumeration, an enumeration becomes its numbers.
pub(super) fn keeps_order(old: Option<&str>, new: Option<&str>) -> Result<bool> {
    let (Some(old), Some(new)) = (old, new) else { return Ok(false) };
    Ok(match (DataType::parse(old)?, DataType::parse(new)?) {
        (DataType::Enum8(_), DataType::Int8) | (DataType::Enum16(_), DataType::Int16) => true,
        (DataType::Enum8(old), DataType::Enum8(new))
        | (DataType::Enum16(old), DataType::Enum16(new)) => {
            old.iter().all(|(name, number)| new.number(name.as_bytes()) == Some(number))
        }
        (old, new) => old == new,
    })
}
