//! Values and SQLInsert out.

use base::Result;
use types::Schema;

use super::{About, BlockWriter, Ending, RowLayout, Rows, RowsWriter};
use crate::FormatSettings;
use crate::declaration::FormatDeclaration;
use crate::text::Escaping;

struct Statements {
    is_insert: bool,
    /// What stands before the rows of a statement.
    start: String,
}

/// The writer of one of these formats.
pub(crate) fn make(
    declaration: &FormatDeclaration,
    schema: &Schema,
    settings: &FormatSettings,
) -> Result<Box<dyn BlockWriter>> {
    let verb = if settings.output_format_sql_insert_use_replace { "REPLACE" } else { "INSERT" };
    let mut start = format!("{verb} INTO {} ", settings.output_format_sql_insert_table_name);
    if settings.output_format_sql_insert_include_column_names {
        let quoted = settings.output_format_sql_insert_quote_names;
        let names: Vec<String> = schema
            .fields()
            .iter()
            .map(|f| if quoted { back_quoted(&f.name) } else { f.name.clone() })
            .collect();
        start.push_str(&format!("({}) ", names.join(", ")));
    }
    start.push_str("VALUES ");
    let layout = Statements { is_insert: declaration.base_name == "SQLInsert", start };
    Ok(RowsWriter::boxed(layout, schema, settings))
}

fn back_quoted(name: &str) -> String {
    format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`"))
}

impl RowLayout for Statements {
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
        let batch = about.settings.output_format_sql_insert_max_batch_size.max(1) as u64;
        for row in 0..rows.count {
            let number = before + row as u64;
            if self.is_insert && number.is_multiple_of(batch) {
                if number > 0 {
                    out.extend_from_slice(b";\n");
                }
                out.extend_from_slice(self.start.as_bytes());
            } else if number > 0 {
                out.extend_from_slice(if self.is_insert { b", " } else { b"," });
            }
            out.push(b'(');
            for (at, column) in rows.columns.iter().enumerate() {
                if at > 0 {
                    out.extend_from_slice(if self.is_insert { b", " } else { b"," });
                }
                column.write(row, Escaping::Quoted, &about.settings, out);
            }
            out.push(b')');
        }
        Ok(())
    }

    fn finish(&mut self, _: &Ending<'_>, _: &About, out: &mut Vec<u8>) -> Result<()> {
        if self.is_insert {
            out.extend_from_slice(b";\n");
        }
        Ok(())
    }
}
