//! Arrays, maps and tuples as text.

use super::Escaping;
use super::column_text::{ColumnText, Values};
use super::escape;
use crate::FormatSettings;

/// Appends a value of an array, map or tuple column.
pub(super) fn write(
    column: &ColumnText<'_>,
    row: usize,
    escaping: Escaping,
    settings: &FormatSettings,
    out: &mut Vec<u8>,
) {
    match escaping {
        Escaping::Json => write_json(column, row, None, settings, out),
        Escaping::Xml => write_xml(column, row, settings, out),
        Escaping::Csv => write_csv(column, row, settings, out),
        Escaping::Raw | Escaping::TabSeparated | Escaping::Quoted => {
            write_quoted(column, row, settings, out);
        }
    }
}

fn range(offsets: &[i32], row: usize) -> std::ops::Range<usize> {
    offsets[row] as usize..offsets[row + 1] as usize
}

/// `[1,'a']`, `(1,'a')`, `{'a':1}`
fn write_quoted(column: &ColumnText<'_>, row: usize, settings: &FormatSettings, out: &mut Vec<u8>) {
    match &column.values {
        Values::Array { offsets, item } => {
            out.push(b'[');
            for (at, row) in range(offsets, row).enumerate() {
                comma(at, out);
                item.write(row, Escaping::Quoted, settings, out);
            }
            out.push(b']');
        }
        Values::Map { offsets, key, value } => {
            out.push(b'{');
            for (at, row) in range(offsets, row).enumerate() {
                comma(at, out);
                key.write(row, Escaping::Quoted, settings, out);
                out.push(b':');
                value.write(row, Escaping::Quoted, settings, out);
            }
            out.push(b'}');
        }
        Values::Tuple { items, .. } => {
            out.push(b'(');
            for (at, item) in items.iter().enumerate() {
                comma(at, out);
                item.write(row, Escaping::Quoted, settings, out);
            }
            out.push(b')');
        }
        _ => column.write(row, Escaping::Quoted, settings, out),
    }
}

fn comma(at: usize, out: &mut Vec<u8>) {
    if at > 0 {
        out.push(b',');
    }
}

/// A tuple as columns of its own, anything else as one field in quotes.
fn write_csv(column: &ColumnText<'_>, row: usize, settings: &FormatSettings, out: &mut Vec<u8>) {
    if let Values::Tuple { items, .. } = &column.values
        && !items.is_empty()
    {
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                out.push(settings.format_csv_delimiter);
            }
            item.write(row, Escaping::Csv, settings, out);
        }
        return;
    }
    let mut text = Vec::new();
    write_quoted(column, row, settings, &mut text);
    escape::write_csv(&text, out);
}

fn write_xml(column: &ColumnText<'_>, row: usize, settings: &FormatSettings, out: &mut Vec<u8>) {
    let element = |column: &ColumnText<'_>, row: usize, name: &str, out: &mut Vec<u8>| {
        out.extend_from_slice(format!("<{name}>").as_bytes());
        column.write(row, Escaping::Xml, settings, out);
        out.extend_from_slice(format!("</{name}>").as_bytes());
    };
    match &column.values {
        Values::Array { offsets, item } => {
            out.extend_from_slice(b"<array>");
            range(offsets, row).for_each(|row| element(item, row, "elem", out));
            out.extend_from_slice(b"</array>");
        }
        Values::Map { offsets, key, value } => {
            out.extend_from_slice(b"<map>");
            for row in range(offsets, row) {
                out.extend_from_slice(b"<elem>");
                element(key, row, "key", out);
                element(value, row, "value", out);
                out.extend_from_slice(b"</elem>");
            }
            out.extend_from_slice(b"</map>");
        }
        Values::Tuple { items, .. } => {
            out.extend_from_slice(b"<tuple>");
            items.iter().for_each(|item| element(item, row, "elem", out));
            out.extend_from_slice(b"</tuple>");
        }
        _ => column.write(row, Escaping::Xml, settings, out),
    }
}

/// JSON of a value; with `indent` the lines of objects and lists of composites are laid out
/// below each other, that many tabs deep.
pub(crate) fn write_json(
    column: &ColumnText<'_>,
    row: usize,
    indent: Option<usize>,
    settings: &FormatSettings,
    out: &mut Vec<u8>,
) {
    if column.is_null(row) {
        return out.extend_from_slice(b"null");
    }
    let inner = indent.map(|tabs| tabs + 1);
    match &column.values {
        Values::Array { offsets, item } => {
            let rows = range(offsets, row);
            let flat = !matches!(
                item.values,
                Values::Array { .. } | Values::Map { .. } | Values::Tuple { .. }
            );
            if flat || rows.is_empty() {
                return write_json_list(rows.map(|row| (&**item, row)), None, settings, out);
            }
            write_json_list(rows.map(|row| (&**item, row)), inner, settings, out);
        }
        Values::Map { offsets, key, value } => {
            let rows = range(offsets, row);
            if rows.is_empty() {
                return out.extend_from_slice(b"{}");
            }
            out.push(b'{');
            for (at, row) in rows.enumerate() {
                next_entry(at, inner, out);
                key.write_json_key(row, settings, out);
                out.extend_from_slice(if inner.is_some() { b": " } else { b":" });
                write_json(value, row, inner, settings, out);
            }
            new_line(indent, out);
            out.push(b'}');
        }
        Values::Tuple { names, items } => {
            let objects = settings.output_format_json_named_tuples_as_objects;
            let names: Option<Vec<&str>> = names.iter().copied().collect();
            match names.filter(|names| objects && !names.is_empty()) {
                Some(names) => {
                    out.push(b'{');
                    for (at, (name, item)) in names.iter().zip(items).enumerate() {
                        next_entry(at, inner, out);
                        let slashes = settings.output_format_json_escape_forward_slashes;
                        escape::write_json(name.as_bytes(), slashes, out);
                        out.extend_from_slice(if inner.is_some() { b": " } else { b":" });
                        write_json(item, row, inner, settings, out);
                    }
                    new_line(indent, out);
                    out.push(b'}');
                }
                None => {
                    write_json_list(items.iter().map(|item| (item, row)), inner, settings, out);
                }
            }
        }
        _ => column.write(row, Escaping::Json, settings, out),
    }
}

/// `[..]` of values; `inner` is the depth of its lines.
fn write_json_list<'c, 'a: 'c>(
    values: impl Iterator<Item = (&'c ColumnText<'a>, usize)>,
    inner: Option<usize>,
    settings: &FormatSettings,
    out: &mut Vec<u8>,
) {
    out.push(b'[');
    let mut empty = true;
    for (at, (column, row)) in values.enumerate() {
        next_entry(at, inner, out);
        write_json(column, row, inner, settings, out);
        empty = false;
    }
    if let (Some(tabs), true) = (inner, empty) {
        // An empty tuple has an empty line.
        out.push(b'\n');
        new_line(Some(tabs.saturating_sub(1)), out);
    } else {
        new_line(inner.map(|tabs| tabs.saturating_sub(1)), out);
    }
    out.push(b']');
}

fn next_entry(at: usize, inner: Option<usize>, out: &mut Vec<u8>) {
    if at > 0 {
        out.push(b',');
    }
    new_line(inner, out);
}

fn new_line(tabs: Option<usize>, out: &mut Vec<u8>) {
    if let Some(tabs) = tabs {
        out.push(b'\n');
        out.resize(out.len() + tabs, b'\t');
    }
}
