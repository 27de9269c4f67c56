//! JSON formats of one document: JSON, JSONCompact, with strings, and those by columns.
//!
//! A document is sections with a blank line between them: meta, data, totals, extremes, rows,
//! statistics. Formats by columns collect the text of every column until the end.

use base::Result;
use types::Schema;

use super::json_rows::{json_key, write_json_value};
use super::{About, BlockWriter, Ending, RowLayout, Rows, RowsWriter, Statistics};
use crate::FormatSettings;
use crate::declaration::FormatDeclaration;
use crate::text::{Escaping, write_json_indented, write_string};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Rows as objects or lists in a document.
    Rows,
    /// Columns as lists in a document, with meta and statistics.
    ColumnsWithMetadata,
    /// Columns as members of an object.
    Columns,
    /// Columns as items of a list.
    CompactColumns,
}

struct Document {
    shape: Shape,
    compact: bool,
    strings: bool,
    keys: Vec<Vec<u8>>,
    /// The values of each column so far.
    columns: Vec<Vec<u8>>,
}

/// The writer of one of these formats.
pub(crate) fn make(
    declaration: &FormatDeclaration,
    schema: &Schema,
    settings: &FormatSettings,
) -> Result<Box<dyn BlockWriter>> {
    let layout = Document {
        shape: match declaration.base_name {
            "JSONColumns" => Shape::Columns,
            "JSONCompactColumns" => Shape::CompactColumns,
            "JSONColumnsWithMetadata" => Shape::ColumnsWithMetadata,
            _ => Shape::Rows,
        },
        compact: declaration.base_name.contains("Compact"),
        strings: declaration.base_name.contains("Strings"),
        keys: schema.fields().iter().map(|f| json_key(&f.name, settings)).collect(),
        columns: vec![Vec::new(); schema.len()],
    };
    Ok(RowsWriter::boxed(layout, schema, settings))
}

fn tabs(count: usize, out: &mut Vec<u8>) {
    out.resize(out.len() + count, b'\t');
}

fn write_meta(about: &About, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\n\t\"meta\":\n\t[\n");
    for (at, field) in about.schema.fields().iter().enumerate() {
        if at > 0 {
            out.extend_from_slice(b",\n");
        }
        out.extend_from_slice(b"\t\t{\n\t\t\t\"name\": ");
        write_string(field.name.as_bytes(), Escaping::Json, &about.settings, out);
        out.extend_from_slice(b",\n\t\t\t\"type\": ");
        write_string(field.data_type.to_string().as_bytes(), Escaping::Json, &about.settings, out);
        out.extend_from_slice(b"\n\t\t}");
    }
    out.extend_from_slice(b"\n\t],\n\n\t\"data\":\n");
}

fn write_statistics(rows: u64, statistics: &Statistics, about: &About, out: &mut Vec<u8>) {
    out.extend_from_slice(format!(",\n\n\t\"rows\": {rows}").as_bytes());
    if let Some(before) = statistics.rows_before_limit {
        out.extend_from_slice(
            format!(",\n\n\t\"rows_before_limit_at_least\": {before}").as_bytes(),
        );
    }
    if about.settings.output_format_write_statistics {
        out.extend_from_slice(b",\n\n\t\"statistics\":\n\t{\n\t\t\"elapsed\": ");
        crate::text::write_float(statistics.elapsed, out);
        out.extend_from_slice(
            format!(
                ",\n\t\t\"rows_read\": {},\n\t\t\"bytes_read\": {}\n\t}}",
                statistics.rows_read, statistics.bytes_read
            )
            .as_bytes(),
        );
    }
    out.extend_from_slice(b"\n}\n");
}

impl Document {
    /// One row, its brackets `depth` tabs deep; the first line's tabs stand already.
    fn write_row(
        &self,
        rows: &Rows<'_>,
        row: usize,
        depth: usize,
        about: &About,
        out: &mut Vec<u8>,
    ) {
        if self.compact {
            out.push(b'[');
            for (at, column) in rows.columns.iter().enumerate() {
                if at > 0 {
                    out.extend_from_slice(b", ");
                }
                write_json_value(column, row, self.strings, &about.settings, out);
            }
            out.push(b']');
            return;
        }
        out.extend_from_slice(b"{\n");
        for (at, column) in rows.columns.iter().enumerate() {
            if at > 0 {
                out.extend_from_slice(b",\n");
            }
            tabs(depth + 1, out);
            out.extend_from_slice(&self.keys[at]);
            out.push(b' ');
            if self.strings {
                write_json_value(column, row, true, &about.settings, out);
            } else {
                write_json_indented(column, row, depth + 1, &about.settings, out);
            }
        }
        out.push(b'\n');
        tabs(depth, out);
        out.push(b'}');
    }

    /// Totals or one row of extremes as a named section.
    fn write_section(
        &self,
        name: &str,
        rows: &Rows<'_>,
        row: usize,
        depth: usize,
        about: &About,
        out: &mut Vec<u8>,
    ) {
        tabs(depth, out);
        out.extend_from_slice(format!("\"{name}\":").as_bytes());
        if self.compact {
            out.push(b' ');
        } else {
            out.push(b'\n');
            tabs(depth, out);
        }
        self.write_row(rows, row, depth, about, out);
    }

    fn write_columns(&self, depth: usize, out: &mut Vec<u8>) {
        let open_list = self.shape == Shape::CompactColumns;
        for (at, values) in self.columns.iter().enumerate() {
            if at > 0 {
                out.extend_from_slice(b",\n");
            }
            tabs(depth, out);
            if !open_list {
                out.extend_from_slice(&self.keys[at]);
                out.push(b' ');
            }
            out.push(b'[');
            out.extend_from_slice(values);
            out.push(b']');
        }
    }

    fn finish_rows(&self, ending: &Ending<'_>, about: &About, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\n\t]");
        if let Some(totals) = &ending.totals {
            out.extend_from_slice(b",\n\n");
            self.write_section("totals", totals, 0, 1, about, out);
        }
        if let Some(extremes) = &ending.extremes {
            out.extend_from_slice(b",\n\n\t\"extremes\":\n\t{\n");
            self.write_section("min", extremes, 0, 2, about, out);
            if extremes.count > 1 {
                out.extend_from_slice(b",\n");
                self.write_section("max", extremes, 1, 2, about, out);
            }
            out.extend_from_slice(b"\n\t}");
        }
        write_statistics(ending.rows, ending.statistics, about, out);
    }
}

impl RowLayout for Document {
    fn start(&mut self, about: &About, out: &mut Vec<u8>) -> Result<()> {
        match self.shape {
            Shape::Rows => {
                write_meta(about, out);
                out.extend_from_slice(b"\t[\n");
            }
            Shape::ColumnsWithMetadata => write_meta(about, out),
            Shape::Columns | Shape::CompactColumns => {}
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
        if self.shape != Shape::Rows {
            for (column, values) in rows.columns.iter().zip(&mut self.columns) {
                for row in 0..rows.count {
                    if !values.is_empty() {
                        values.extend_from_slice(b", ");
                    }
                    column.write(row, Escaping::Json, &about.settings, values);
                }
            }
            return Ok(());
        }
        for row in 0..rows.count {
            if before + row as u64 > 0 {
                out.extend_from_slice(b",\n");
            }
            tabs(2, out);
            self.write_row(rows, row, 2, about, out);
        }
        Ok(())
    }

    fn finish(&mut self, ending: &Ending<'_>, about: &About, out: &mut Vec<u8>) -> Result<()> {
        match self.shape {
            Shape::Rows => self.finish_rows(ending, about, out),
            Shape::ColumnsWithMetadata => {
                out.extend_from_slice(b"\t{\n");
                if ending.rows > 0 {
                    self.write_columns(2, out);
                }
                out.extend_from_slice(b"\n\t}");
                write_statistics(ending.rows, ending.statistics, about, out);
            }
            Shape::Columns => {
                out.extend_from_slice(b"{\n");
                self.write_columns(1, out);
                out.extend_from_slice(b"\n}\n");
            }
            Shape::CompactColumns => {
                out.extend_from_slice(b"[\n");
                if ending.rows > 0 {
                    self.write_columns(1, out);
                }
                out.extend_from_slice(b"\n]\n");
            }
        }
        Ok(())
    }
}
