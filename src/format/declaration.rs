//! The one declaration of every format, from which lookup, errors and `system.formats` come.

use types::DataType;

use crate::input::{self, Input};
use crate::output::{self, MakeWriter};

/// What stands before the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// Nothing.
    None,
    /// A row of names.
    Names,
    /// A row of names and a row of types.
    NamesAndTypes,
}

/// What there is to know about a format.
#[derive(Debug)]
pub struct FormatDeclaration {
    /// Its name.
    pub name: &'static str,
    /// Other names of it.
    pub aliases: &'static [&'static str],
    /// The `Content-Type` of results; empty where there is no output.
    pub content_type: &'static str,
    /// Whether names and types stand before the rows.
    pub header: Header,
    /// The name without what tells of the header or of escapes.
    pub(crate) base_name: &'static str,
    pub(crate) input: Option<Input>,
    pub(crate) writer: Option<MakeWriter>,
}

impl FormatDeclaration {
    /// Whether it can be read.
    pub fn is_input(&self) -> bool {
        self.input.is_some()
    }

    /// Whether it can be written.
    pub fn is_output(&self) -> bool {
        self.writer.is_some()
    }

    /// Whether results of it are text that people read.
    pub fn is_text(&self) -> bool {
        !matches!(
            self.base_name,
            "RowBinary" | "Native" | "Parquet" | "Arrow" | "ArrowStream" | "RawBLOB"
        )
    }

    /// Whether its text is read by several threads.
    pub fn supports_parallel_parsing(&self) -> bool {
        matches!(self.input, Some(Input::Rows(_)))
    }

    /// Whether a type is inferred from the data itself.
    pub fn has_schema_inference(&self) -> bool {
        self.is_input()
            && !matches!(self.base_name, "RowBinary" if self.header != Header::NamesAndTypes)
    }
}

const TSV: &str = "text/tab-separated-values; charset=UTF-8";
const CSV: &str = "text/csv; charset=UTF-8; header=absent";
const CSV_HEADER: &str = "text/csv; charset=UTF-8; header=present";
const JSON: &str = "application/json; charset=UTF-8";
const NDJSON: &str = "application/x-ndjson; charset=UTF-8";
const PLAIN: &str = "text/plain; charset=UTF-8";
const BYTES: &str = "application/octet-stream";
const XML: &str = "application/xml; charset=UTF-8";

macro_rules! formats {
    ($($name:literal $([$($alias:literal),*])? $base:literal $header:ident $content:expr,
        $input:expr, $writer:expr;)*) => {
        static FORMATS: &[FormatDeclaration] = &[$(FormatDeclaration {
            name: $name,
            aliases: &[$($($alias),*)?],
            content_type: $content,
            header: Header::$header,
            base_name: $base,
            input: $input,
            writer: $writer,
        },)*];
    };
}

use input::RowKind::{
    Csv, Json, JsonAsString, JsonCompact, JsonCompactStrings, JsonStrings, KeyValue, Line, Raw,
    TabSeparated,
};

const fn rows(kind: input::RowKind) -> Option<Input> {
    Some(Input::Rows(kind))
}

const DELIMITED: Option<MakeWriter> = Some(output::make_delimited);
const JSON_ROWS: Option<MakeWriter> = Some(output::make_json_rows);
const DOCUMENT: Option<MakeWriter> = Some(output::make_document);
const PRETTY: Option<MakeWriter> = Some(output::make_pretty);
const BINARY: Option<MakeWriter> = Some(output::make_row_binary);
const ARROW: Option<MakeWriter> = Some(output::make_arrow);

formats! {
    "TabSeparated" ["TSV"] "TabSeparated" None TSV, rows(TabSeparated), DELIMITED;
    "TabSeparatedWithNames" ["TSVWithNames"] "TabSeparated" Names TSV, rows(TabSeparated), DELIMITED;
    "TabSeparatedWithNamesAndTypes" ["TSVWithNamesAndTypes"] "TabSeparated" NamesAndTypes TSV, rows(TabSeparated), DELIMITED;
    "TabSeparatedRaw" ["TSVRaw", "Raw"] "TabSeparatedRaw" None TSV, rows(Raw), DELIMITED;
    "TabSeparatedRawWithNames" ["TSVRawWithNames", "RawWithNames"] "TabSeparatedRaw" Names TSV, rows(Raw), DELIMITED;
    "TabSeparatedRawWithNamesAndTypes" ["TSVRawWithNamesAndTypes", "RawWithNamesAndTypes"] "TabSeparatedRaw" NamesAndTypes TSV, rows(Raw), DELIMITED;
    "CSV" "CSV" None CSV, rows(Csv), DELIMITED;
    "CSVWithNames" "CSV" Names CSV_HEADER, rows(Csv), DELIMITED;
    "CSVWithNamesAndTypes" "CSV" NamesAndTypes CSV_HEADER, rows(Csv), DELIMITED;
    "TSKV" "TSKV" None TSV, rows(KeyValue), DELIMITED;
    "LineAsString" "LineAsString" None TSV, rows(Line), DELIMITED;
    "RawBLOB" "RawBLOB" None PLAIN, Some(Input::Blob), DELIMITED;
    "Null" "Null" None PLAIN, Option::None, DELIMITED;
    "JSONEachRow" ["JSONLines", "JSONL", "NDJSON"] "JSONEachRow" None NDJSON, rows(Json), JSON_ROWS;
    "JSONStringsEachRow" "JSONStringsEachRow" None NDJSON, rows(JsonStrings), JSON_ROWS;
    "JSONCompactEachRow" "JSONCompactEachRow" None PLAIN, rows(JsonCompact), JSON_ROWS;
    "JSONCompactEachRowWithNames" "JSONCompactEachRow" Names PLAIN, rows(JsonCompact), JSON_ROWS;
    "JSONCompactEachRowWithNamesAndTypes" "JSONCompactEachRow" NamesAndTypes PLAIN, rows(JsonCompact), JSON_ROWS;
    "JSONCompactStringsEachRow" "JSONCompactStringsEachRow" None PLAIN, rows(JsonCompactStrings), JSON_ROWS;
    "JSONCompactStringsEachRowWithNames" "JSONCompactStringsEachRow" Names PLAIN, rows(JsonCompactStrings), JSON_ROWS;
    "JSONCompactStringsEachRowWithNamesAndTypes" "JSONCompactStringsEachRow" NamesAndTypes PLAIN, rows(JsonCompactStrings), JSON_ROWS;
    "JSONAsString" "JSONAsString" None "", rows(JsonAsString), Option::None;
    "JSONObjectEachRow" "JSONObjectEachRow" None JSON, Option::None, JSON_ROWS;
    "JSON" "JSON" None JSON, Some(Input::Document), DOCUMENT;
    "JSONCompact" "JSONCompact" None JSON, Some(Input::Document), DOCUMENT;
    "JSONStrings" "JSONStrings" None JSON, Option::None, DOCUMENT;
    "JSONCompactStrings" "JSONCompactStrings" None JSON, Option::None, DOCUMENT;
    "JSONColumns" "JSONColumns" None JSON, Some(Input::Document), DOCUMENT;
    "JSONCompactColumns" "JSONCompactColumns" None JSON, Some(Input::Document), DOCUMENT;
    "JSONColumnsWithMetadata" "JSONColumnsWithMetadata" None JSON, Some(Input::Document), DOCUMENT;
    "Values" "Values" None PLAIN, Some(Input::Values), Some(output::make_statements);
    "SQLInsert" "SQLInsert" None PLAIN, Option::None, Some(output::make_statements);
    "XML" "XML" None XML, Option::None, Some(output::make_markup);
    "Markdown" ["MD"] "Markdown" None PLAIN, Option::None, Some(output::make_markup);
    "Vertical" "Vertical" None PLAIN, Option::None, Some(output::make_vertical);
    "Pretty" "Pretty" None PLAIN, Option::None, PRETTY;
    "PrettyNoEscapes" "Pretty" None PLAIN, Option::None, PRETTY;
    "PrettyMonoBlock" "Pretty" None PLAIN, Option::None, PRETTY;
    "PrettyNoEscapesMonoBlock" "Pretty" None PLAIN, Option::None, PRETTY;
    "PrettyCompact" "PrettyCompact" None PLAIN, Option::None, PRETTY;
    "PrettyCompactNoEscapes" "PrettyCompact" None PLAIN, Option::None, PRETTY;
    "PrettyCompactMonoBlock" "PrettyCompact" None PLAIN, Option::None, PRETTY;
    "PrettyCompactNoEscapesMonoBlock" "PrettyCompact" None PLAIN, Option::None, PRETTY;
    "PrettySpace" "PrettySpace" None PLAIN, Option::None, PRETTY;
    "PrettySpaceNoEscapes" "PrettySpace" None PLAIN, Option::None, PRETTY;
    "PrettySpaceMonoBlock" "PrettySpace" None PLAIN, Option::None, PRETTY;
    "PrettySpaceNoEscapesMonoBlock" "PrettySpace" None PLAIN, Option::None, PRETTY;
    "RowBinary" "RowBinary" None BYTES, Some(Input::RowBinary), BINARY;
    "RowBinaryWithNames" "RowBinary" Names BYTES, Some(Input::RowBinary), BINARY;
    "RowBinaryWithNamesAndTypes" "RowBinary" NamesAndTypes BYTES, Some(Input::RowBinary), BINARY;
    "RowBinaryWithDefaults" "RowBinaryWithDefaults" None "", Some(Input::RowBinary), Option::None;
    "Native" "Native" None BYTES, Some(Input::Native), Some(output::make_native);
    "Parquet" "Parquet" None BYTES, Some(Input::Parquet), ARROW;
    "Arrow" "Arrow" None BYTES, Some(Input::Arrow), ARROW;
    "ArrowStream" "ArrowStream" None BYTES, Some(Input::ArrowStream), ARROW;
}

/// Every format.
pub fn formats() -> &'static [FormatDeclaration] {
    FORMATS
}

/// The format of a name or alias; upper and lower case are the same, as in ClickHouse.
pub fn find(name: &str) -> Option<&'static FormatDeclaration> {
    FORMATS.iter().find(|format| {
        format.name.eq_ignore_ascii_case(name)
            || format.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name))
    })
}

/// The columns that CSV makes of one: the fields of a tuple each their own.
pub(crate) fn csv_fields(name: &str, data_type: &DataType, out: &mut Vec<(String, DataType)>) {
    match data_type {
        DataType::Tuple(fields) if !fields.is_empty() => {
            for (at, field) in fields.iter().enumerate() {
                let part = field.name.clone().unwrap_or_else(|| (at + 1).to_string());
                csv_fields(&format!("{name}.{part}"), &field.data_type, out);
            }
        }
        other => out.push((name.to_owned(), other.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::{find, formats};

    #[test]
    fn names_are_unique_and_found_in_any_case() {
        let mut names: Vec<String> = formats()
            .iter()
            .flat_map(|f| f.aliases.iter().chain([&f.name]).map(|n| n.to_lowercase()))
            .collect();
        names.sort();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
        assert_eq!(find("tsvwithnames").unwrap().name, "TabSeparatedWithNames");
        assert!(find("NoSuchFormat").is_none());
    }
}
