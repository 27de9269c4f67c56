//! XML and Markdown out.

use base::Result;
use types::Schema;

use super::{About, BlockWriter, Ending, RowLayout, Rows, RowsWriter, is_right_aligned};
use crate::FormatSettings;
use crate::declaration::FormatDeclaration;
use crate::text::{Escaping, write_string};

/// The writer of one of these formats.
pub(crate) fn make(
    declaration: &FormatDeclaration,
    schema: &Schema,
    settings: &FormatSettings,
) -> Result<Box<dyn BlockWriter>> {
    if declaration.base_name == "Markdown" {
        return Ok(RowsWriter::boxed(Markdown, schema, settings));
    }
    let tags = schema.fields().iter().map(|f| tag(&f.name)).collect();
    Ok(RowsWriter::boxed(Xml { tags }, schema, settings))
}

struct Markdown;

impl Markdown {
    fn cell(text: &[u8], about: &About, out: &mut Vec<u8>) {
        for byte in text {
            let special = matches!(
                byte,
                b'|' | b'*' | b'_' | b'`' | b'#' | b'~' | b'<' | b'>' | b'[' | b']' | b'!'
            );
            if special && about.settings.output_format_markdown_escape_special_characters {
                out.push(b'\\');
            }
            out.push(*byte);
        }
        out.extend_from_slice(b" | ");
    }

    fn end_line(out: &mut Vec<u8>) {
        out.pop();
        out.push(b'\n');
    }
}

impl RowLayout for Markdown {
    fn start(&mut self, about: &About, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(b"| ");
        for field in about.schema.fields() {
            let mut name = Vec::new();
            let name_of = field.name.as_bytes();
            write_string(name_of, Escaping::TabSeparated, &about.settings, &mut name);
            out.extend_from_slice(&name);
            out.extend_from_slice(b" | ");
        }
        Self::end_line(out);
        out.push(b'|');
        for field in about.schema.fields() {
            let right = is_right_aligned(&field.data_type);
            out.extend_from_slice(if right { b"-:|" } else { b":-|" });
        }
        out.push(b'\n');
        Ok(())
    }

    fn rows(&mut self, rows: &Rows<'_>, _: u64, about: &About, out: &mut Vec<u8>) -> Result<()> {
        let mut text = Vec::new();
        for row in 0..rows.count {
            out.extend_from_slice(b"| ");
            for column in &rows.columns {
                text.clear();
                column.write(row, Escaping::TabSeparated, &about.settings, &mut text);
                Self::cell(&text, about, out);
            }
            Self::end_line(out);
        }
        Ok(())
    }

    fn finish(&mut self, _: &Ending<'_>, _: &About, _: &mut Vec<u8>) -> Result<()> {
        Ok(())
    }
}

struct Xml {
    /// The element of each column.
    tags: Vec<String>,
}

/// A name as an element; names that cannot be one become `field`.
fn tag(name: &str) -> String {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if starts && name.chars().all(plain) { name.to_owned() } else { "field".to_owned() }
}

impl Xml {
    fn row(
        &self,
        element: &str,
        depth: usize,
        rows: &Rows<'_>,
        row: usize,
        about: &About,
        out: &mut Vec<u8>,
    ) {
        let indent = "\t".repeat(depth);
        out.extend_from_slice(format!("{indent}<{element}>\n").as_bytes());
        for (column, tag) in rows.columns.iter().zip(&self.tags) {
            out.extend_from_slice(format!("{indent}\t<{tag}>").as_bytes());
            column.write(row, Escaping::Xml, &about.settings, out);
            out.extend_from_slice(format!("</{tag}>\n").as_bytes());
        }
        out.extend_from_slice(format!("{indent}</{element}>\n").as_bytes());
    }
}

impl RowLayout for Xml {
    fn start(&mut self, about: &About, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(b"<?xml version='1.0' encoding='UTF-8' ?>\n<result>\n\t<meta>\n");
        out.extend_from_slice(b"\t\t<columns>\n");
        for field in about.schema.fields() {
            out.extend_from_slice(b"\t\t\t<column>\n\t\t\t\t<name>");
            write_string(field.name.as_bytes(), Escaping::Xml, &about.settings, out);
            out.extend_from_slice(b"</name>\n\t\t\t\t<type>");
            let type_name = field.data_type.to_string();
            write_string(type_name.as_bytes(), Escaping::Xml, &about.settings, out);
            out.extend_from_slice(b"</type>\n\t\t\t</column>\n");
        }
        out.extend_from_slice(b"\t\t</columns>\n\t</meta>\n\t<data>\n");
        Ok(())
    }

    fn rows(&mut self, rows: &Rows<'_>, _: u64, about: &About, out: &mut Vec<u8>) -> Result<()> {
        for row in 0..rows.count {
            self.row("row", 2, rows, row, about, out);
        }
        Ok(())
    }

    fn finish(&mut self, ending: &Ending<'_>, about: &About, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(b"\t</data>\n");
        if let Some(totals) = &ending.totals {
            self.row("totals", 1, totals, 0, about, out);
        }
        if let Some(extremes) = &ending.extremes {
            out.extend_from_slice(b"\t<extremes>\n");
            for (row, name) in ["min", "max"].into_iter().enumerate().take(extremes.count) {
                self.row(name, 2, extremes, row, about, out);
            }
            out.extend_from_slice(b"\t</extremes>\n");
        }
        let statistics = ending.statistics;
        out.extend_from_slice(format!("\t<rows>{}</rows>\n", ending.rows).as_bytes());
        if let Some(before) = statistics.rows_before_limit {
            let text =
                format!("\t<rows_before_limit_at_least>{before}</rows_before_limit_at_least>\n");
            out.extend_from_slice(text.as_bytes());
        }
        if about.settings.output_format_write_statistics {
            out.extend_from_slice(b"\t<statistics>\n\t\t<elapsed>");
            crate::text::write_float(statistics.elapsed, out);
            let text = format!(
                "</elapsed>\n\t\t<rows_read>{}</rows_read>\n\t\t<bytes_read>{}</bytes_read>\n\
                 \t</statistics>\n",
                statistics.rows_read, statistics.bytes_read
            );
            out.extend_from_slice(text.as_bytes());
        }
        out.extend_from_slice(b"</result>\n");
        Ok(())
    }
}
