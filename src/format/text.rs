//! Single values as text: written in every escaping, and parsed back into columns.
//!
//! - [`write_value`] and [`array_to_text`] write; inside arrays, tuples and maps strings are
//!   quoted whatever the escaping around them is.
//! - [`ColumnParser`] parses texts one after another into a column of any type.

mod best_effort;
mod bytes_builder;
mod clock;
mod column_text;
mod composite;
mod cursor;
mod decimal;
mod escape;
mod finish;
mod from_binary;
mod instant;
mod json;
mod json_value;
mod network;
mod number;
pub(crate) mod objects;
mod parse_csv;
mod parse_json;
mod parser;
mod push_value;
mod tagged_text;
mod typed_binary;
mod values;

use std::sync::Arc;

use arrow_array::{Array, ArrayRef};
use base::Result;
use types::DataType;

use crate::FormatSettings;

pub use cursor::Cursor;
pub use parser::ColumnParser;

pub(crate) use bytes_builder::BytesBuilder;
pub(crate) use column_text::{ColumnText, write_string};
pub(crate) use cursor::visible;
pub(crate) use escape::{
    read_csv_quoted, read_json as read_json_string, read_tab_separated, read_tskv_key,
};
pub(crate) use from_binary::{read_string as read_binary_string, read_varint, take as take_bytes};
pub(crate) use json::{
    read_string as json_string, skip_string as skip_json_string, skip_value as skip_json_value,
};
pub(crate) use number::write_f64 as write_float;
pub(crate) use tagged_text::NO_MEMBER;
pub(crate) use typed_binary::{TypedInput, check_dynamic, read_whole as read_typed};

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

/// Appends a value as JSON whose lines stand `tabs` tabs deep.
pub(crate) fn write_json_indented(
    column: &ColumnText<'_>,
    row: usize,
    tabs: usize,
    settings: &FormatSettings,
    out: &mut Vec<u8>,
) {
    composite::write_json(column, row, Some(tabs), settings, out);
}

/// Appends a value as JSON in lines that are indented by two spaces.
pub(crate) fn write_json_lines(
    column: &ColumnText<'_>,
    row: usize,
    settings: &FormatSettings,
    out: &mut Vec<u8>,
) {
    let mut text = Vec::new();
    composite::write_json(column, row, Some(0), settings, &mut text);
    // Tabs within strings are escaped, so all that stand here are indentation.
    for byte in text {
        match byte {
            b'\t' => out.extend_from_slice(b"  "),
            other => out.push(other),
        }
    }
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
