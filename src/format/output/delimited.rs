//! TabSeparated, CSV, TSKV, LineAsString, RawBLOB and Null out.

use base::{Result, bail};
use types::{DataType, Schema};

use super::{About, BlockWriter, Ending, RowLayout, Rows, RowsWriter};
use crate::FormatSettings;
use crate::declaration::{FormatDeclaration, Header, csv_fields};
use crate::text::{Escaping, write_string};

/// What stands between and around fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    TabSeparated,
    Raw,
    Csv,
    /// `name=value`
    KeyValue,
    /// Bytes of the values and nothing else.
    Blob,
    /// Nothing at all.
    Nothing,
}

struct Delimited {
    kind: Kind,
    header: Header,
    /// Names as keys of TSKV, with their `=`.
    keys: Vec<Vec<u8>>,
}

/// The writer of one of these formats.
pub(crate) fn make(
    declaration: &FormatDeclaration,
    schema: &Schema,
    settings: &FormatSettings,
) -> Result<Box<dyn BlockWriter>> {
    let kind = match declaration.base_name {
        "TabSeparated" => Kind::TabSeparated,
        "CSV" => Kind::Csv,
        "TSKV" => Kind::KeyValue,
        "RawBLOB" => Kind::Blob,
        "Null" => Kind::Nothing,
        _ => Kind::Raw,
    };
    if kind == Kind::Blob
        && let Some(field) = schema.fields().iter().find(|f| {
            matches!(
                f.data_type.inner(),
                DataType::Array(_) | DataType::Map(_) | DataType::Tuple(_)
            )
        })
    {
        bail!(NotImplemented, "RawBLOB cannot write column {} of {}", field.name, field.data_type);
    }
    let keys = schema.fields().iter().map(|f| tskv_key(&f.name)).collect();
    Ok(RowsWriter::boxed(Delimited { kind, header: declaration.header, keys }, schema, settings))
}

fn tskv_key(name: &str) -> Vec<u8> {
    let mut key = Vec::new();
    for byte in name.bytes() {
        match byte {
            b'=' => key.extend_from_slice(b"\\="),
            b'\t' => key.extend_from_slice(b"\\t"),
            b'\n' => key.extend_from_slice(b"\\n"),
            b'\\' => key.extend_from_slice(b"\\\\"),
            other => key.push(other),
        }
    }
    key.push(b'=');
    key
}

impl Delimited {
    fn end_line(&self, settings: &FormatSettings, out: &mut Vec<u8>) {
        let carriage_return = match self.kind {
            Kind::Csv => settings.output_format_csv_crlf_end_of_line,
            Kind::TabSeparated | Kind::Raw => settings.output_format_tsv_crlf_end_of_line,
            _ => false,
        };
        out.extend_from_slice(if carriage_return { b"\r\n" } else { b"\n" });
    }

    fn delimiter(&self, settings: &FormatSettings) -> u8 {
        if self.kind == Kind::Csv { settings.format_csv_delimiter } else { b'\t' }
    }

    fn write_rows(&self, rows: &Rows<'_>, about: &About, out: &mut Vec<u8>) {
        let settings = &about.settings;
        let delimiter = self.delimiter(settings);
        let escaping = match self.kind {
            Kind::Csv => Escaping::Csv,
            Kind::TabSeparated | Kind::KeyValue => Escaping::TabSeparated,
            _ => Escaping::Raw,
        };
        for row in 0..rows.count {
            for (at, column) in rows.columns.iter().enumerate() {
                if at > 0 && self.kind != Kind::Blob {
                    out.push(delimiter);
                }
                if self.kind == Kind::KeyValue {
                    out.extend_from_slice(&self.keys[at]);
                }
                if escaping == Escaping::Raw && column.is_null(row) {
                    if self.kind != Kind::Blob {
                        out.extend_from_slice(settings.format_tsv_null_representation.as_bytes());
                    }
                } else {
                    column.write(row, escaping, settings, out);
                }
            }
            if self.kind != Kind::Blob {
                self.end_line(settings, out);
            }
        }
    }

    fn write_header(&self, texts: &[String], settings: &FormatSettings, out: &mut Vec<u8>) {
        let escaping = match self.kind {
            Kind::Csv => Escaping::Csv,
            Kind::TabSeparated => Escaping::TabSeparated,
            _ => Escaping::Raw,
        };
        for (at, text) in texts.iter().enumerate() {
            if at > 0 {
                out.push(self.delimiter(settings));
            }
            write_string(text.as_bytes(), escaping, settings, out);
        }
        self.end_line(settings, out);
    }
}

impl RowLayout for Delimited {
    fn start(&mut self, about: &About, out: &mut Vec<u8>) -> Result<()> {
        if self.header == Header::None {
            return Ok(());
        }
        let mut fields = Vec::new();
        for field in about.schema.fields() {
            if self.kind == Kind::Csv {
                csv_fields(&field.name, &field.data_type, &mut fields);
            } else {
                fields.push((field.name.clone(), field.data_type.clone()));
            }
        }
        let names: Vec<String> = fields.iter().map(|(name, _)| name.clone()).collect();
        self.write_header(&names, &about.settings, out);
        if self.header == Header::NamesAndTypes {
            let types: Vec<String> = fields.iter().map(|(_, t)| t.to_string()).collect();
            self.write_header(&types, &about.settings, out);
        }
        Ok(())
    }

    fn rows(&mut self, rows: &Rows<'_>, _: u64, about: &About, out: &mut Vec<u8>) -> Result<()> {
        if self.kind != Kind::Nothing {
            self.write_rows(rows, about, out);
        }
        Ok(())
    }

    fn finish(&mut self, ending: &Ending<'_>, about: &About, out: &mut Vec<u8>) -> Result<()> {
        if !matches!(self.kind, Kind::TabSeparated | Kind::Raw | Kind::Csv) {
            return Ok(());
        }
        for rows in ending.totals.iter().chain(&ending.extremes) {
            self.end_line(&about.settings, out);
            self.write_rows(rows, about, out);
        }
        Ok(())
    }
}
