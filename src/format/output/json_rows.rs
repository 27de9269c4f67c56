//! JSON formats of one value a row: JSONEachRow, JSONCompactEachRow, JSONObjectEachRow, and
//! those with all values as strings.

use base::Result;
use types::Schema;

use super::{About, BlockWriter, Ending, RowLayout, Rows, RowsWriter};
use crate::FormatSettings;
use crate::declaration::{FormatDeclaration, Header};
use crate::text::{ColumnText, Escaping, write_string};

struct JsonRows {
    compact: bool,
    strings: bool,
    /// One object whose members are the rows.
    object: bool,
    header: Header,
    /// Names as JSON strings with a colon.
    keys: Vec<Vec<u8>>,
}

/// The writer of one of these formats.
pub(crate) fn make(
    declaration: &FormatDeclaration,
    schema: &Schema,
    settings: &FormatSettings,
) -> Result<Box<dyn BlockWriter>> {
    let keys = schema.fields().iter().map(|f| json_key(&f.name, settings)).collect();
    let layout = JsonRows {
        compact: declaration.base_name.contains("Compact"),
        strings: declaration.base_name.contains("Strings"),
        object: declaration.base_name == "JSONObjectEachRow",
        header: declaration.header,
        keys,
    };
    Ok(RowsWriter::boxed(layout, schema, settings))
}

/// A name as a key of an object.
pub(super) fn json_key(name: &str, settings: &FormatSettings) -> Vec<u8> {
    let mut key = Vec::new();
    write_string(name.as_bytes(), Escaping::Json, settings, &mut key);
    key.push(b':');
    key
}

/// Appends a value as JSON, or its text as a JSON string.
pub(super) fn write_json_value(
    column: &ColumnText<'_>,
    row: usize,
    as_string: bool,
    settings: &FormatSettings,
    out: &mut Vec<u8>,
) {
    if as_string {
        let mut text = Vec::new();
        column.write(row, Escaping::Raw, settings, &mut text);
        write_string(&text, Escaping::Json, settings, out);
    } else {
        column.write(row, Escaping::Json, settings, out);
    }
}

impl JsonRows {
    fn write_row(&self, rows: &Rows<'_>, row: usize, settings: &FormatSettings, out: &mut Vec<u8>) {
        out.push(if self.compact { b'[' } else { b'{' });
        for (at, column) in rows.columns.iter().enumerate() {
            if at > 0 {
                out.extend_from_slice(if self.compact { b", " } else { b"," });
            }
            if !self.compact {
                out.extend_from_slice(&self.keys[at]);
            }
            write_json_value(column, row, self.strings, settings, out);
        }
        out.push(if self.compact { b']' } else { b'}' });
    }

    fn write_header(texts: impl Iterator<Item = String>, about: &About, out: &mut Vec<u8>) {
        out.push(b'[');
        for (at, text) in texts.enumerate() {
            if at > 0 {
                out.extend_from_slice(b", ");
            }
            write_string(text.as_bytes(), Escaping::Json, &about.settings, out);
        }
        out.extend_from_slice(b"]\n");
    }

    /// Whether the rows are the items of one array.
    fn is_array(&self, about: &About) -> bool {
        !self.compact && !self.object && about.settings.output_format_json_array_of_rows
    }
}

impl RowLayout for JsonRows {
    fn start(&mut self, about: &About, out: &mut Vec<u8>) -> Result<()> {
        if self.object {
            out.extend_from_slice(b"{\n");
        } else if self.is_array(about) {
            out.extend_from_slice(b"[\n");
        }
        let fields = about.schema.fields();
        if self.header != Header::None {
            Self::write_header(fields.iter().map(|f| f.name.clone()), about, out);
        }
        if self.header == Header::NamesAndTypes {
            Self::write_header(fields.iter().map(|f| f.data_type.to_string()), about, out);
        }
        Ok(())
    }

    fn rows(
        &mut self,
        rows: &Rows<'_>,
        before: u64,
        about: &About,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let array = self.is_array(about);
        for row in 0..rows.count {
            let number = before + row as u64;
            if (self.object || array) && number > 0 {
                out.extend_from_slice(b",\n");
            }
            if self.object {
                out.extend_from_slice(format!("\t\"row_{}\": ", number + 1).as_bytes());
            }
            self.write_row(rows, row, &about.settings, out);
            if !self.object && !array {
                out.push(b'\n');
            }
        }
        Ok(())
    }

    fn finish(&mut self, _: &Ending<'_>, about: &About, out: &mut Vec<u8>) -> Result<()> {
        if self.object {
            out.extend_from_slice(b"\n}\n");
        } else if self.is_array(about) {
            out.extend_from_slice(b"\n]\n");
        }
        Ok(())
    }
}
