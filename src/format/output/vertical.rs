//! Vertical: every value on a line of its own.

use base::Result;
use types::Schema;

use super::table::{large_number_tip, width};
use super::{About, BlockWriter, Ending, RowLayout, Rows, RowsWriter};
use crate::FormatSettings;
use crate::declaration::FormatDeclaration;
use crate::text::{Escaping, write_json_lines};

struct Vertical;

/// The writer of the format.
pub(crate) fn make(
    _: &FormatDeclaration,
    schema: &Schema,
    settings: &FormatSettings,
) -> Result<Box<dyn BlockWriter>> {
    Ok(RowsWriter::boxed(Vertical, schema, settings))
}

/// Appends the values of one row, a line each; named tuples as JSON if `json_tuples`.
fn write_values(rows: &Rows<'_>, row: usize, json_tuples: bool, about: &About, out: &mut Vec<u8>) {
    let fields = about.schema.fields();
    let widest = fields.iter().map(|f| width(f.name.as_bytes())).max().unwrap_or(0);
    for (column, field) in rows.columns.iter().zip(fields) {
        let name = field.name.as_bytes();
        out.extend_from_slice(name);
        out.push(b':');
        out.resize(out.len() + widest + 1 - width(name), b' ');
        let start = out.len();
        if json_tuples && column.is_named_tuple() && !column.is_null(row) {
            write_json_lines(column, row, &about.settings, out);
        } else {
            column.write(row, Escaping::Raw, &about.settings, out);
        }
        let tip = large_number_tip(&out[start..], &field.data_type, &about.settings);
        if let Some(tip) = tip {
            out.push(b' ');
            out.extend_from_slice(tip.as_bytes());
        }
        out.push(b'\n');
    }
}

/// Appends a title with a line of its length below.
fn write_title(title: &str, underline: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(title.as_bytes());
    out.push(b'\n');
    out.extend_from_slice("─".repeat(underline).as_bytes());
    out.push(b'\n');
}

/// Appends numbered rows.
pub(super) fn write_rows(
    rows: &Rows<'_>,
    before: u64,
    json_tuples: bool,
    about: &About,
    out: &mut Vec<u8>,
) {
    for row in 0..rows.count {
        let number = before + row as u64 + 1;
        if number > 1 {
            out.push(b'\n');
        }
        // The line is as long as the title of the next row.
        let underline = "Row :".len() + (number + 1).to_string().len();
        write_title(&format!("Row {number}:"), underline, out);
        write_values(rows, row, json_tuples, about, out);
    }
}

impl RowLayout for Vertical {
    fn start(&mut self, _: &About, _: &mut Vec<u8>) -> Result<()> {
        Ok(())
    }

    fn rows(
        &mut self,
        rows: &Rows<'_>,
        before: u64,
        about: &About,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        write_rows(rows, before, false, about, out);
        Ok(())
    }

    fn finish(&mut self, ending: &Ending<'_>, about: &About, out: &mut Vec<u8>) -> Result<()> {
        if let Some(totals) = &ending.totals {
            out.extend_from_slice(b"\n\n");
            write_title("Totals:", 7, out);
            write_values(totals, 0, false, about, out);
        }
        if let Some(extremes) = &ending.extremes {
            for (row, name) in ["Min:", "Max:"].into_iter().enumerate().take(extremes.count) {
                out.push(b'\n');
                if row == 0 && ending.totals.is_none() {
                    out.push(b'\n');
                }
                write_title(name, 4, out);
                write_values(extremes, row, false, about, out);
            }
        }
        Ok(())
    }
}
