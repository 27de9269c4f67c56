//! The header of a row format, which says which field of a row goes to which column.

use std::collections::HashMap;

use base::{Error, Result, bail};
use bytes::Bytes;
use types::{DataType, Schema};

use super::RowKind;
use super::delimited::{csv_field, raw_field};
use super::segment::Segmenter;
use crate::FormatSettings;
use crate::declaration::{Header, csv_fields};
use crate::text::{Cursor, read_json_string, read_tab_separated, visible};

/// Where the fields of a row go.
#[derive(Debug, Clone)]
pub(crate) struct FieldMap {
    /// For each field of a row its column, `None` for fields that nobody wants.
    pub(crate) columns: Vec<Option<usize>>,
    pub(super) names: HashMap<Vec<u8>, usize>,
}

impl FieldMap {
    /// The fields are the columns, in their order.
    pub(crate) fn identity(wanted: &Schema) -> FieldMap {
        let names = wanted.fields().iter().map(|f| f.name.as_bytes().to_vec());
        FieldMap {
            columns: (0..wanted.len()).map(Some).collect(),
            names: names.enumerate().map(|(at, name)| (name, at)).collect(),
        }
    }

    /// The fields have these names.
    ///
    /// # Errors
    /// INCORRECT_DATA for names that are unknown (unless those are skipped) or stand twice.
    pub(crate) fn named(
        names: &[Vec<u8>],
        wanted: &Schema,
        settings: &FormatSettings,
    ) -> Result<FieldMap> {
        let mut map = FieldMap::identity(wanted);
        let mut seen = vec![false; wanted.len()];
        map.columns.clear();
        let mut rest = names;
        while let [name, others @ ..] = rest {
            rest = others;
            let mut column = map.names.get(name).copied();
            if column.is_none()
                && let Some((tuple, parts)) = tuple_at(name, others, wanted)
            {
                column = Some(tuple);
                rest = &others[parts - 1..];
            }
            match column {
                Some(at) if std::mem::replace(&mut seen[at], true) => {
                    bail!(IncorrectData, "Duplicate field found in the header: {}", visible(name))
                }
                None if !settings.input_format_skip_unknown_fields => bail!(
                    IncorrectData,
                    "Unknown field found in the header: '{}'. Set \
                     input_format_skip_unknown_fields to skip such fields",
                    visible(name)
                ),
                _ => map.columns.push(column),
            }
        }
        Ok(map)
    }
}

/// The tuple column whose parts CSV names one by one from here on, and how many they are.
fn tuple_at(name: &[u8], others: &[Vec<u8>], wanted: &Schema) -> Option<(usize, usize)> {
    wanted.fields().iter().enumerate().find_map(|(at, field)| {
        let mut parts = Vec::new();
        csv_fields(&field.name, &field.data_type, &mut parts);
        let given = std::iter::once(name).chain(others.iter().map(Vec::as_slice));
        let same = parts.iter().map(|(part, _)| part.as_bytes()).eq(given.take(parts.len()));
        (parts.len() > 1 && same).then_some((at, parts.len()))
    })
}

/// Reads the header, if there is one; gives what is left of the segment it stood in.
pub(crate) fn header(
    kind: RowKind,
    header: Header,
    segmenter: &mut Segmenter,
    wanted: &Schema,
    settings: &FormatSettings,
) -> Result<(FieldMap, Option<Bytes>)> {
    let identity = FieldMap::identity(wanted);
    let skip = match kind {
        RowKind::Csv => settings.input_format_csv_skip_first_lines,
        RowKind::TabSeparated | RowKind::Raw => settings.input_format_tsv_skip_first_lines,
        _ => 0,
    };
    let lines = skip as usize
        + match header {
            Header::None => 0,
            Header::Names => 1,
            Header::NamesAndTypes => 2,
        };
    let may_have_names = matches!(kind, RowKind::Csv | RowKind::TabSeparated);
    if lines == 0 && !may_have_names {
        return Ok((identity, None));
    }
    // Segments end with a row, so the header may be spread over several if it is very long.
    let mut bytes = Vec::new();
    while let Some(segment) = segmenter.next()? {
        bytes.extend_from_slice(&segment);
        if memchr::memchr_iter(b'\n', &bytes).count() > lines {
            break;
        }
    }
    let bytes = Bytes::from(bytes);
    let mut cursor = Cursor::new(&bytes);
    if cursor.rest().starts_with(b"\xef\xbb\xbf") {
        cursor.advance(3);
    }
    for _ in 0..skip {
        split_fields(kind, &mut cursor, settings)?;
    }
    let within = |e: Error| e.within("while reading header");
    let map = if header == Header::None {
        let start = cursor.position();
        if !cursor.is_at_end() && is_own_header(kind, &mut cursor, wanted, settings) {
            cursor.seek(start);
            FieldMap::named(&split_fields(kind, &mut cursor, settings)?, wanted, settings)?
        } else {
            cursor.seek(start);
            identity
        }
    } else if cursor.is_at_end() {
        identity
    } else {
        let names = split_fields(kind, &mut cursor, settings).map_err(within)?;
        let map = if settings.input_format_with_names_use_header {
            FieldMap::named(&names, wanted, settings).map_err(within)?
        } else {
            identity
        };
        if header == Header::NamesAndTypes {
            let types = split_fields(kind, &mut cursor, settings).map_err(within)?;
            if settings.input_format_with_types_use_header {
                check_types(kind, &types, &map, wanted).map_err(within)?;
            }
        }
        map
    };
    let rest = bytes.slice(cursor.position()..);
    Ok((map, (!rest.is_empty()).then_some(rest)))
}

/// Whether the first row of a file without a header is one all the same: it names columns only.
fn is_own_header(
    kind: RowKind,
    cursor: &mut Cursor<'_>,
    wanted: &Schema,
    settings: &FormatSettings,
) -> bool {
    let Ok(fields) = split_fields(kind, cursor, settings) else { return false };
    let named = |field: &Vec<u8>| wanted.fields().iter().any(|f| f.name.as_bytes() == field);
    fields.len() == wanted.len() && !fields.is_empty() && fields.iter().all(named)
}

fn check_types(kind: RowKind, types: &[Vec<u8>], map: &FieldMap, wanted: &Schema) -> Result<()> {
    let mut types = types.iter();
    for column in &map.columns {
        let Some(name) = types.next() else { break };
        let Some(field) = column.and_then(|at| wanted.fields().get(at)) else { continue };
        if let (RowKind::Csv, DataType::Tuple(_)) = (kind, &field.data_type) {
            let mut parts = Vec::new();
            csv_fields(&field.name, &field.data_type, &mut parts);
            types.by_ref().take(parts.len().saturating_sub(1)).for_each(drop);
            continue;
        }
        let given = std::str::from_utf8(name).ok().and_then(|t| DataType::parse(t).ok());
        let given = given.map(|data_type| data_type.without_clob());
        let same = given.is_some_and(|given| {
            given.without_low_cardinality() == field.data_type.without_low_cardinality()
        });
        if !same {
            bail!(
                IncorrectData,
                "Type of '{}' must be {}, not {}",
                field.name,
                field.data_type,
                visible(name)
            );
        }
    }
    Ok(())
}

/// The fields of one row as texts without escapes; moves behind its line feed.
pub(crate) fn split_fields(
    kind: RowKind,
    cursor: &mut Cursor<'_>,
    settings: &FormatSettings,
) -> Result<Vec<Vec<u8>>> {
    let mut fields = Vec::new();
    if matches!(kind, RowKind::JsonCompact | RowKind::JsonCompactStrings) {
        cursor.skip_spaces();
        cursor.expect(b'[')?;
        loop {
            cursor.skip_spaces();
            let mut field = Vec::new();
            read_json_string(cursor, &mut field)?;
            fields.push(field);
            cursor.skip_spaces();
            if !cursor.eat(b',') {
                break;
            }
        }
        cursor.expect(b']')?;
        cursor.eat(b',');
        return Ok(fields);
    }
    let delimiter = if kind == RowKind::Csv { settings.format_csv_delimiter } else { b'\t' };
    loop {
        let mut field = Vec::new();
        match kind {
            RowKind::Csv => csv_field(cursor, settings, &mut field)?,
            RowKind::Raw => raw_field(cursor, &mut field),
            _ => read_tab_separated(cursor, &mut field)?,
        }
        if kind != RowKind::Csv && cursor.peek() != Some(delimiter) && field.ends_with(b"\r") {
            field.pop();
        }
        fields.push(field);
        if !cursor.eat(delimiter) {
            break;
        }
    }
    cursor.eat(b'\r');
    if !cursor.eat(b'\n') && !cursor.is_at_end() {
        return Err(cursor.expected(b"\n"));
    }
    Ok(fields)
}
