//! The one declaration of every format, from which lookup, errors and `system.formats` come.

use base::Example;
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
    /// What it is like.
    pub description: &'static str,
    /// It in use.
    pub example: Example,
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
        $input:expr, $writer:expr, $description:literal, $sql:literal => $result:literal;)*) => {
        static FORMATS: &[FormatDeclaration] = &[$(FormatDeclaration {
            name: $name,
            aliases: &[$($($alias),*)?],
            description: $description,
            example: Example { sql: $sql, result: $result },
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
    "TabSeparated" ["TSV"] "TabSeparated" None TSV, rows(TabSeparated), DELIMITED,
        "A row a line, values apart by tabs; tabs, line feeds and backslashes inside values are escaped by backslashes, NULL is `\\N`.",
        "SELECT 1, 'a\\tb', NULL FORMAT TabSeparated"
        => "1\ta\\tb\t\\N";
    "TabSeparatedWithNames" ["TSVWithNames"] "TabSeparated" Names TSV, rows(TabSeparated), DELIMITED,
        "TabSeparated after a line of the columns' names.",
        "SELECT number AS n, char(97 + number) AS s FROM numbers(2) FORMAT TabSeparatedWithNames"
        => "n\ts\n0\ta\n1\tb";
    "TabSeparatedWithNamesAndTypes" ["TSVWithNamesAndTypes"] "TabSeparated" NamesAndTypes TSV, rows(TabSeparated), DELIMITED,
        "TabSeparated after a line of names and a line of types.",
        "SELECT number AS n, char(97 + number) AS s FROM numbers(2) FORMAT TabSeparatedWithNamesAndTypes"
        => "n\ts\nUInt64\tString\n0\ta\n1\tb";
    "TabSeparatedRaw" ["TSVRaw", "Raw"] "TabSeparatedRaw" None TSV, rows(Raw), DELIMITED,
        "TabSeparated without escapes.",
        "SELECT 1, 'a\\\\b' FORMAT TabSeparatedRaw"
        => "1\ta\\b";
    "TabSeparatedRawWithNames" ["TSVRawWithNames", "RawWithNames"] "TabSeparatedRaw" Names TSV, rows(Raw), DELIMITED,
        "TabSeparatedRaw after a line of names.",
        "SELECT number AS n, char(97 + number) AS s FROM numbers(2) FORMAT TabSeparatedRawWithNames"
        => "n\ts\n0\ta\n1\tb";
    "TabSeparatedRawWithNamesAndTypes" ["TSVRawWithNamesAndTypes", "RawWithNamesAndTypes"] "TabSeparatedRaw" NamesAndTypes TSV, rows(Raw), DELIMITED,
        "TabSeparatedRaw after a line of names and a line of types.",
        "SELECT number AS n, char(97 + number) AS s FROM numbers(2) FORMAT TabSeparatedRawWithNamesAndTypes"
        => "n\ts\nUInt64\tString\n0\ta\n1\tb";
    "CSV" "CSV" None CSV, rows(Csv), DELIMITED,
        "A row a line, values apart by commas, texts in double quotes (RFC 4180); `format_csv_delimiter` names another separator.",
        "SELECT 1, 'a \"b\"', NULL, [1, 2] FORMAT CSV"
        => "1,\"a \"\"b\"\"\",\\N,\"[1,2]\"";
    "CSVWithNames" "CSV" Names CSV_HEADER, rows(Csv), DELIMITED,
        "CSV after a line of names; when read, the names decide the columns.",
        "SELECT number AS n, char(97 + number) AS s FROM numbers(2) FORMAT CSVWithNames"
        => "\"n\",\"s\"\n0,\"a\"\n1,\"b\"";
    "CSVWithNamesAndTypes" "CSV" NamesAndTypes CSV_HEADER, rows(Csv), DELIMITED,
        "CSV after a line of names and a line of types.",
        "SELECT number AS n, char(97 + number) AS s FROM numbers(2) FORMAT CSVWithNamesAndTypes"
        => "\"n\",\"s\"\n\"UInt64\",\"String\"\n0,\"a\"\n1,\"b\"";
    "TSKV" "TSKV" None TSV, rows(KeyValue), DELIMITED,
        "A row a line of `name=value` apart by tabs.",
        "SELECT 1 AS n, 'a b' AS s FORMAT TSKV"
        => "n=1\ts=a b";
    "LineAsString" "LineAsString" None TSV, rows(Line), DELIMITED,
        "Lines, each the value of the one column.",
        "SELECT line FROM format(LineAsString, 'line String', 'first line\\nsecond, line')"
        => "first line\nsecond, line";
    "RawBLOB" "RawBLOB" None PLAIN, Some(Input::Blob), DELIMITED,
        "All bytes are one value of one column; written, all values one after another.",
        "SELECT length(b) FROM format(RawBLOB, 'b String', 'any\\nbytes')"
        => "9";
    "Null" "Null" None PLAIN, Option::None, DELIMITED,
        "Nothing: the query runs and its rows are thrown away.",
        "SELECT number FROM numbers(10) FORMAT Null"
        => "";
    "JSONEachRow" ["JSONLines", "JSONL", "NDJSON"] "JSONEachRow" None NDJSON, rows(Json), JSON_ROWS,
        "A JSON object a line, with a member for each column.",
        "SELECT number AS n, char(97 + number) AS s FROM numbers(2) FORMAT JSONEachRow"
        => "{\"n\":0,\"s\":\"a\"}\n{\"n\":1,\"s\":\"b\"}";
    "JSONStringsEachRow" "JSONStringsEachRow" None NDJSON, rows(JsonStrings), JSON_ROWS,
        "JSONEachRow with all values as strings.",
        "SELECT number AS n, char(97 + number) AS s FROM numbers(2) FORMAT JSONStringsEachRow"
        => "{\"n\":\"0\",\"s\":\"a\"}\n{\"n\":\"1\",\"s\":\"b\"}";
    "JSONCompactEachRow" "JSONCompactEachRow" None PLAIN, rows(JsonCompact), JSON_ROWS,
        "A JSON array a line.",
        "SELECT number AS n, char(97 + number) AS s FROM numbers(2) FORMAT JSONCompactEachRow"
        => "[0, \"a\"]\n[1, \"b\"]";
    "JSONCompactEachRowWithNames" "JSONCompactEachRow" Names PLAIN, rows(JsonCompact), JSON_ROWS,
        "JSONCompactEachRow after a line of names.",
        "SELECT number AS n, char(97 + number) AS s FROM numbers(2) FORMAT JSONCompactEachRowWithNames"
        => "[\"n\", \"s\"]\n[0, \"a\"]\n[1, \"b\"]";
    "JSONCompactEachRowWithNamesAndTypes" "JSONCompactEachRow" NamesAndTypes PLAIN, rows(JsonCompact), JSON_ROWS,
        "JSONCompactEachRow after a line of names and a line of types.",
        "SELECT number AS n, char(97 + number) AS s FROM numbers(2) FORMAT JSONCompactEachRowWithNamesAndTypes"
        => "[\"n\", \"s\"]\n[\"UInt64\", \"String\"]\n[0, \"a\"]\n[1, \"b\"]";
    "JSONCompactStringsEachRow" "JSONCompactStringsEachRow" None PLAIN, rows(JsonCompactStrings), JSON_ROWS,
        "JSONCompactEachRow with all values as strings.",
        "SELECT number AS n, char(97 + number) AS s FROM numbers(2) FORMAT JSONCompactStringsEachRow"
        => "[\"0\", \"a\"]\n[\"1\", \"b\"]";
    "JSONCompactStringsEachRowWithNames" "JSONCompactStringsEachRow" Names PLAIN, rows(JsonCompactStrings), JSON_ROWS,
        "JSONCompactStringsEachRow after a line of names.",
        "SELECT number AS n, char(97 + number) AS s FROM numbers(2) FORMAT JSONCompactStringsEachRowWithNames"
        => "[\"n\", \"s\"]\n[\"0\", \"a\"]\n[\"1\", \"b\"]";
    "JSONCompactStringsEachRowWithNamesAndTypes" "JSONCompactStringsEachRow" NamesAndTypes PLAIN, rows(JsonCompactStrings), JSON_ROWS,
        "JSONCompactStringsEachRow after a line of names and a line of types.",
        "SELECT number AS n, char(97 + number) AS s FROM numbers(2) FORMAT JSONCompactStringsEachRowWithNamesAndTypes"
        => "[\"n\", \"s\"]\n[\"UInt64\", \"String\"]\n[\"0\", \"a\"]\n[\"1\", \"b\"]";
    "JSONAsString" "JSONAsString" None "", rows(JsonAsString), Option::None,
        "JSON values, each whole the value of the one column.",
        "SELECT json FROM format(JSONAsString, 'json String', '{\"a\": 1} {\"a\": [2]}')"
        => "{\"a\": 1}\n{\"a\": [2]}";
    "JSONObjectEachRow" "JSONObjectEachRow" None JSON, Option::None, JSON_ROWS,
        "One JSON object with a member for each row.",
        "SELECT number AS n, char(97 + number) AS s FROM numbers(2) FORMAT JSONObjectEachRow"
        => "{\n\t\"row_1\": {\"n\":0,\"s\":\"a\"},\n\t\"row_2\": {\"n\":1,\"s\":\"b\"}\n}";
    "JSON" "JSON" None JSON, Some(Input::Document), DOCUMENT,
        "A JSON document of names and types, rows as objects, their number, and statistics.",
        "SELECT 1 AS n FORMAT JSON SETTINGS output_format_write_statistics = 0"
        => "{\n\t\"meta\":\n\t[\n\t\t{\n\t\t\t\"name\": \"n\",\n\t\t\t\"type\": \"UInt8\"\n\t\t}\n\t],\n\n\t\"data\":\n\t[\n\t\t{\n\t\t\t\"n\": 1\n\t\t}\n\t],\n\n\t\"rows\": 1\n}";
    "JSONCompact" "JSONCompact" None JSON, Some(Input::Document), DOCUMENT,
        "JSON with rows as arrays.",
        "SELECT 1 AS n FORMAT JSONCompact SETTINGS output_format_write_statistics = 0"
        => "{\n\t\"meta\":\n\t[\n\t\t{\n\t\t\t\"name\": \"n\",\n\t\t\t\"type\": \"UInt8\"\n\t\t}\n\t],\n\n\t\"data\":\n\t[\n\t\t[1]\n\t],\n\n\t\"rows\": 1\n}";
    "JSONStrings" "JSONStrings" None JSON, Option::None, DOCUMENT,
        "JSON with all values as strings.",
        "SELECT 1 AS n FORMAT JSONStrings SETTINGS output_format_write_statistics = 0"
        => "{\n\t\"meta\":\n\t[\n\t\t{\n\t\t\t\"name\": \"n\",\n\t\t\t\"type\": \"UInt8\"\n\t\t}\n\t],\n\n\t\"data\":\n\t[\n\t\t{\n\t\t\t\"n\": \"1\"\n\t\t}\n\t],\n\n\t\"rows\": 1\n}";
    "JSONCompactStrings" "JSONCompactStrings" None JSON, Option::None, DOCUMENT,
        "JSONCompact with all values as strings.",
        "SELECT 1 AS n FORMAT JSONCompactStrings SETTINGS output_format_write_statistics = 0"
        => "{\n\t\"meta\":\n\t[\n\t\t{\n\t\t\t\"name\": \"n\",\n\t\t\t\"type\": \"UInt8\"\n\t\t}\n\t],\n\n\t\"data\":\n\t[\n\t\t[\"1\"]\n\t],\n\n\t\"rows\": 1\n}";
    "JSONColumns" "JSONColumns" None JSON, Some(Input::Document), DOCUMENT,
        "A JSON object with an array for each column.",
        "SELECT number AS n, char(97 + number) AS s FROM numbers(2) FORMAT JSONColumns"
        => "{\n\t\"n\": [0, 1],\n\t\"s\": [\"a\", \"b\"]\n}";
    "JSONCompactColumns" "JSONCompactColumns" None JSON, Some(Input::Document), DOCUMENT,
        "A JSON array with an array for each column.",
        "SELECT number AS n, char(97 + number) AS s FROM numbers(2) FORMAT JSONCompactColumns"
        => "[\n\t[0, 1],\n\t[\"a\", \"b\"]\n]";
    "JSONColumnsWithMetadata" "JSONColumnsWithMetadata" None JSON, Some(Input::Document), DOCUMENT,
        "JSONColumns among names and types, number of rows and statistics.",
        "SELECT 1 AS n FORMAT JSONColumnsWithMetadata SETTINGS output_format_write_statistics = 0"
        => "{\n\t\"meta\":\n\t[\n\t\t{\n\t\t\t\"name\": \"n\",\n\t\t\t\"type\": \"UInt8\"\n\t\t}\n\t],\n\n\t\"data\":\n\t{\n\t\t\"n\": [1]\n\t},\n\n\t\"rows\": 1\n}";
    "Values" "Values" None PLAIN, Some(Input::Values), Some(output::make_statements),
        "Rows in brackets, as INSERT takes them; values may be expressions when read.",
        "SELECT number AS n, char(97 + number) AS s FROM numbers(2) FORMAT Values"
        => "(0,'a'),(1,'b')";
    "SQLInsert" "SQLInsert" None PLAIN, Option::None, Some(output::make_statements),
        "INSERT statements.",
        "SELECT number AS n, 'a' AS s FROM numbers(2) FORMAT SQLInsert"
        => "INSERT INTO table (`n`, `s`) VALUES (0, 'a'), (1, 'a');";
    "XML" "XML" None XML, Option::None, Some(output::make_markup),
        "An XML document with names and types, rows, their number, and statistics.",
        "SELECT 1 AS n FORMAT XML SETTINGS output_format_write_statistics = 0"
        => "<?xml version='1.0' encoding='UTF-8' ?>\n<result>\n\t<meta>\n\t\t<columns>\n\t\t\t<column>\n\t\t\t\t<name>n</name>\n\t\t\t\t<type>UInt8</type>\n\t\t\t</column>\n\t\t</columns>\n\t</meta>\n\t<data>\n\t\t<row>\n\t\t\t<n>1</n>\n\t\t</row>\n\t</data>\n\t<rows>1</rows>\n</result>";
    "Markdown" ["MD"] "Markdown" None PLAIN, Option::None, Some(output::make_markup),
        "A table of Markdown.",
        "SELECT number AS n, char(97 + number) AS s FROM numbers(2) FORMAT Markdown"
        => "| n | s |\n|-:|:-|\n| 0 | a |\n| 1 | b |";
    "Vertical" "Vertical" None PLAIN, Option::None, Some(output::make_vertical),
        "Each value on a line of its own after its column's name.",
        "SELECT number AS n, char(97 + number) AS s FROM numbers(2) FORMAT Vertical"
        => "Row 1:\n──────\nn: 0\ns: a\n\nRow 2:\n──────\nn: 1\ns: b";
    "Pretty" "Pretty" None PLAIN, Option::None, PRETTY,
        "A table drawn with lines.",
        "SELECT 1 AS n, 'a' AS s FORMAT Pretty"
        => "   ┏━━━┳━━━┓\n   ┃ n ┃ s ┃\n   ┡━━━╇━━━┩\n1. │ 1 │ a │\n   └───┴───┘";
    "PrettyNoEscapes" "Pretty" None PLAIN, Option::None, PRETTY,
        "A table drawn with lines, without colours of terminals.",
        "SELECT 1 AS n, 'a' AS s FORMAT PrettyNoEscapes"
        => "   ┏━━━┳━━━┓\n   ┃ n ┃ s ┃\n   ┡━━━╇━━━┩\n1. │ 1 │ a │\n   └───┴───┘";
    "PrettyMonoBlock" "Pretty" None PLAIN, Option::None, PRETTY,
        "A table drawn with lines, in one piece.",
        "SELECT 1 AS n, 'a' AS s FORMAT PrettyMonoBlock"
        => "   ┏━━━┳━━━┓\n   ┃ n ┃ s ┃\n   ┡━━━╇━━━┩\n1. │ 1 │ a │\n   └───┴───┘";
    "PrettyNoEscapesMonoBlock" "Pretty" None PLAIN, Option::None, PRETTY,
        "A table drawn with lines, without colours of terminals, in one piece.",
        "SELECT 1 AS n, 'a' AS s FORMAT PrettyNoEscapesMonoBlock"
        => "   ┏━━━┳━━━┓\n   ┃ n ┃ s ┃\n   ┡━━━╇━━━┩\n1. │ 1 │ a │\n   └───┴───┘";
    "PrettyCompact" "PrettyCompact" None PLAIN, Option::None, PRETTY,
        "A table drawn with few lines.",
        "SELECT 1 AS n, 'a' AS s FORMAT PrettyCompact"
        => "   ┌─n─┬─s─┐\n1. │ 1 │ a │\n   └───┴───┘";
    "PrettyCompactNoEscapes" "PrettyCompact" None PLAIN, Option::None, PRETTY,
        "A table drawn with few lines, without colours of terminals.",
        "SELECT 1 AS n, 'a' AS s FORMAT PrettyCompactNoEscapes"
        => "   ┌─n─┬─s─┐\n1. │ 1 │ a │\n   └───┴───┘";
    "PrettyCompactMonoBlock" "PrettyCompact" None PLAIN, Option::None, PRETTY,
        "A table drawn with few lines, in one piece.",
        "SELECT 1 AS n, 'a' AS s FORMAT PrettyCompactMonoBlock"
        => "   ┌─n─┬─s─┐\n1. │ 1 │ a │\n   └───┴───┘";
    "PrettyCompactNoEscapesMonoBlock" "PrettyCompact" None PLAIN, Option::None, PRETTY,
        "A table drawn with few lines, without colours of terminals, in one piece.",
        "SELECT 1 AS n, 'a' AS s FORMAT PrettyCompactNoEscapesMonoBlock"
        => "   ┌─n─┬─s─┐\n1. │ 1 │ a │\n   └───┴───┘";
    "PrettySpace" "PrettySpace" None PLAIN, Option::None, PRETTY,
        "A table of columns apart by spaces.",
        "SELECT 1 AS n, 'a' AS s FORMAT PrettySpace"
        => "    n   s\n\n1.  1   a ";
    "PrettySpaceNoEscapes" "PrettySpace" None PLAIN, Option::None, PRETTY,
        "A table of columns apart by spaces, without colours of terminals.",
        "SELECT 1 AS n, 'a' AS s FORMAT PrettySpaceNoEscapes"
        => "    n   s\n\n1.  1   a ";
    "PrettySpaceMonoBlock" "PrettySpace" None PLAIN, Option::None, PRETTY,
        "A table of columns apart by spaces, in one piece.",
        "SELECT 1 AS n, 'a' AS s FORMAT PrettySpaceMonoBlock"
        => "    n   s\n\n1.  1   a ";
    "PrettySpaceNoEscapesMonoBlock" "PrettySpace" None PLAIN, Option::None, PRETTY,
        "A table of columns apart by spaces, without colours of terminals, in one piece.",
        "SELECT 1 AS n, 'a' AS s FORMAT PrettySpaceNoEscapesMonoBlock"
        => "    n   s\n\n1.  1   a ";
    "RowBinary" "RowBinary" None BYTES, Some(Input::RowBinary), BINARY,
        "Values in binary, one after another, without names and types.",
        "SELECT n, s FROM format(RowBinary, 'n UInt8, s String', '\\x07\\x02ab')"
        => "7\tab";
    "RowBinaryWithNames" "RowBinary" Names BYTES, Some(Input::RowBinary), BINARY,
        "RowBinary after the number of columns and their names.",
        "SELECT * FROM format(RowBinaryWithNames, 'n UInt8', '\\x01\\x01n\\x07')"
        => "7";
    "RowBinaryWithNamesAndTypes" "RowBinary" NamesAndTypes BYTES, Some(Input::RowBinary), BINARY,
        "RowBinary after the number of columns, their names and types.",
        "SELECT * FROM format(RowBinaryWithNamesAndTypes, '\\x01\\x01n\\x05UInt8\\x07')"
        => "7";
    "RowBinaryWithDefaults" "RowBinaryWithDefaults" None "", Some(Input::RowBinary), Option::None,
        "RowBinary with a byte before each value: 1 in place of a value for the column's default.",
        "SELECT * FROM format(RowBinaryWithDefaults, 'n UInt8, m UInt8', '\\x01\\x00\\x07')"
        => "0\t7";
    "Native" "Native" None BYTES, Some(Input::Native), Some(output::make_native),
        "Blocks of columns in binary, as ClickHouse's own clients exchange them.",
        "SELECT * FROM format(Native, 'n UInt8', '\\x01\\x02\\x01n\\x05UInt8\\x07\\x08')"
        => "7\n8";
    "Parquet" "Parquet" None BYTES, Some(Input::Parquet), ARROW,
        "A file of Apache Parquet; row groups and columns that are not needed are not read.",
        "INSERT INTO FUNCTION file('example.parquet', Parquet) SELECT number AS n FROM numbers(3); SELECT sum(n) FROM file('example.parquet', Parquet)"
        => "3";
    "Arrow" "Arrow" None BYTES, Some(Input::Arrow), ARROW,
        "A file of Apache Arrow (Feather version 2).",
        "INSERT INTO FUNCTION file('example.arrow', Arrow) SELECT number AS n FROM numbers(3); SELECT sum(n) FROM file('example.arrow', Arrow)"
        => "3";
    "ArrowStream" "ArrowStream" None BYTES, Some(Input::ArrowStream), ARROW,
        "A stream of Apache Arrow.",
        "INSERT INTO FUNCTION file('example.arrows', ArrowStream) SELECT number AS n FROM numbers(3); SELECT sum(n) FROM file('example.arrows', ArrowStream)"
        => "3";
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
