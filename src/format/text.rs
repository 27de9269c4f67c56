//! Single values as text: written in every escaping, and parsed back into columns.
//!
//! - [`write_value`] and [`array_to_text`] write; inside arrays, tuples and maps strings are
//!   quoted whatever the escaping around them is.
//! - [`ColumnParser`] parses texts one after another into a column of any type.

mod best_effort;
mod bytes_builder;
mod column_text;
mod composite;
mod cursor;
mod escape;
mod instant;
mod json;
mod network;
mod number;
mod parser;
mod values;

use std::sync::Arc;

use arrow_array::{Array, ArrayRef};
use base::Result;
use types::DataType;

use crate::FormatSettings;

pub use cursor::Cursor;
pub use parser::ColumnParser;

pub(crate) use bytes_builder::BytesBuilder;
pub(crate) use column_text::ColumnText;

/// How a text is escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escaping {
    /// Not at all: the whole text is the value. NULL is written `ᴺᵁᴸᴸ`.
    Raw,
    /// With backslashes, as in TabSeparated. NULL is `\N`.
    TabSeparated,
    /// As in `VALUES` and inside arrays: strings and dates in single quotes, `NULL`.
    Quoted,
    /// As in CSV: strings and dates in double quotes.
    Csv,
    /// As in JSON.
    Json,
    /// As inside an XML element (out only).
    Xml,
}

/// Appends the value of a row of an array.
///
/// # Errors
/// LOGICAL_ERROR when the array is not of the type's layout.
pub fn write_value(
    array: &dyn Array,
    data_type: &DataType,
    row: usize,
    escaping: Escaping,
    settings: &FormatSettings,
    out: &mut Vec<u8>,
) -> Result<()> {
    ColumnText::new(array, data_type, settings)?.write(row, escaping, settings, out);
    Ok(())
}

/// The texts of all values as a String column, as `toString` gives them: NULL stays NULL, and a
/// FixedString loses the zeros at its end.
///
/// # Errors
/// LOGICAL_ERROR when the array is not of the type's layout.
pub fn array_to_text(
    array: &ArrayRef,
    data_type: &DataType,
    settings: &FormatSettings,
) -> Result<ArrayRef> {
    let column = ColumnText::new(array, data_type, settings)?;
    let strip = matches!(data_type.inner(), DataType::FixedString(_));
    let mut texts = BytesBuilder::default();
    for row in 0..array.len() {
        let text = texts.open();
        let start = text.len();
        if !column.is_null(row) {
            column.write(row, Escaping::Raw, settings, text);
        }
        if strip {
            while text.len() > start && text.last() == Some(&0) {
                text.pop();
            }
        }
        texts.close();
    }
    Ok(Arc::new(texts.finish(array.nulls().cloned())?))
}

#[cfg(test)]
mod tests;
