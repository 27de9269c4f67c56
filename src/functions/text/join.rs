//! Strings put together.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use base::{Result, bail};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration, Registry};
use format::FormatSettings;
use types::{Column, DataType};

use super::any_text::to_text;
use super::declare;
use super::strings::{BytesBuilder, Strings, constant_text, illegal, require_text};
use crate::scalar::cast::text_settings;

pub(super) fn register(registry: &mut Registry) {
    registry.add_functions(FUNCTIONS);
}

static FUNCTIONS: &[FunctionDeclaration] = &[
    declare!("String", "concat", "concat(a, b, ...)", "The texts of all arguments one after another; for arrays, tuples or maps, their elements.",
        "SELECT concat('row ', 7)" => "row 7", (0, usize::MAX), concat, case_insensitive: true,
        aliases: &["concatAssumeInjective"]),
    declare!("String", "concatWithSeparator", "concatWithSeparator(separator, a, b, ...)", "The texts of the arguments with a separator between them.",
        "SELECT concatWithSeparator('-', 2024, 'q1')" => "2024-q1", (1, usize::MAX), with_separator,
        aliases: &["concat_ws", "concatWithSeparatorAssumeInjective"], case_insensitive: true),
    declare!("String", "format", "format(pattern, a, b, ...)", "The pattern with `{}`, or `{0}`, `{1}`, ..., replaced by the arguments' texts; `{{` and `}}` stand for braces.",
        "SELECT format('{1}/{0}', 'b', 'a')" => "a/b", (1, usize::MAX), format),
    declare!("String", "arrayStringConcat", "arrayStringConcat(array[, separator])", "The texts of an array's elements with a separator between them; NULLs are left out.",
        "SELECT arrayStringConcat(['a', 'b'], ', ')" => "a, b", (1, 2), array_string_concat,
        aliases: &["array_to_string"], case_insensitive: true),
    declare!("String", "appendTrailingCharIfAbsent", "appendTrailingCharIfAbsent(s, c)", "The string, with the character c put at its end if it is not empty and does not end so.",
        "SELECT appendTrailingCharIfAbsent('path', '/')" => "path/", (2, 2), append_trailing),
];

fn concat(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    if !arguments.is_empty() {
        if arguments.iter().all(|a| matches!(a.data_type, DataType::Array(_))) {
            return crate::collection::concat_arrays(context, arguments);
        }
        if arguments.iter().all(|a| matches!(a.data_type, DataType::Tuple(_))) {
            return crate::collection::concat_tuples(context, arguments);
        }
        if arguments.iter().all(|a| matches!(a.data_type, DataType::Map(_))) {
            return crate::collection::concat_maps(context, arguments);
        }
    }
    let data_types: Vec<DataType> = arguments.iter().map(|a| a.data_type.clone()).collect();
    let settings = text_settings(context);
    Ok(Bound::new(DataType::String, move |columns, rows| {
        let texts = all_as_text(columns, &data_types, &settings)?;
        let parts: Vec<Strings<'_>> = texts.iter().map(Strings::new).collect::<Result<_>>()?;
        let mut out = BytesBuilder::new(rows);
        for row in 0..rows {
            out.append_with(|out| parts.iter().for_each(|p| BytesBuilder::put(out, p.get(row))));
        }
        out.column()
    }))
}

fn all_as_text(
    columns: &[Column],
    data_types: &[DataType],
    settings: &FormatSettings,
) -> Result<Vec<Column>> {
    columns.iter().zip(data_types).map(|(column, t)| to_text(column, t, settings)).collect()
}

fn with_separator(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    require_text("concatWithSeparator", arguments, 0)?;
    let data_types: Vec<DataType> = arguments.iter().map(|a| a.data_type.clone()).collect();
    let settings = text_settings(context);
    Ok(Bound::new(DataType::String, move |columns, rows| {
        let texts = all_as_text(columns, &data_types, &settings)?;
        let parts: Vec<Strings<'_>> = texts.iter().map(Strings::new).collect::<Result<_>>()?;
        let mut out = BytesBuilder::new(rows);
        for row in 0..rows {
            out.append_with(|out| {
                for (at, part) in parts[1..].iter().enumerate() {
                    if at > 0 {
                        BytesBuilder::put(out, parts[0].get(row));
                    }
                    BytesBuilder::put(out, part.get(row));
                }
            });
        }
        out.column()
    }))
}

/// A piece of a pattern of `format`.
enum Piece {
    Text(Vec<u8>),
    Argument(usize),
}

fn format(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let pattern = constant_text("format", arguments, 0)?;
    let pieces = parse_format(&pattern)?;
    let count = arguments.len() - 1;
    for piece in &pieces {
        if let Piece::Argument(at) = piece
            && *at >= count
        {
            bail!(
                BadArguments,
                "Argument is too big for formatting: {{{at}}} of {count} arguments"
            );
        }
    }
    let data_types: Vec<DataType> = arguments.iter().map(|a| a.data_type.clone()).collect();
    let settings = text_settings(context);
    Ok(Bound::new(DataType::String, move |columns, rows| {
        let texts = all_as_text(&columns[1..], &data_types[1..], &settings)?;
        let parts: Vec<Strings<'_>> = texts.iter().map(Strings::new).collect::<Result<_>>()?;
        let mut out = BytesBuilder::new(rows);
        for row in 0..rows {
            out.append_with(|out| {
                for piece in &pieces {
                    match piece {
                        Piece::Text(text) => BytesBuilder::put(out, text),
                        Piece::Argument(at) => BytesBuilder::put(out, parts[*at].get(row)),
                    }
                }
            });
        }
        out.column()
    }))
}

fn parse_format(pattern: &[u8]) -> Result<Vec<Piece>> {
    let (mut pieces, mut text) = (Vec::new(), Vec::new());
    let (mut next, mut at) = (0, 0);
    let mut numbered = None;
    while at < pattern.len() {
        match (pattern[at], pattern.get(at + 1)) {
            (b'{', Some(b'{')) | (b'}', Some(b'}')) => {
                text.push(pattern[at]);
                at += 2;
            }
            (b'{', _) => {
                let Some(length) = pattern[at..].iter().position(|b| *b == b'}') else {
                    bail!(BadArguments, "Not closed opening brace in the pattern of format");
                };
                let inside = &pattern[at + 1..at + length];
                if numbered.is_some_and(|n| n == inside.is_empty()) {
                    bail!(
                        BadArguments,
                        "Cannot switch between automatic and manual numbering in format"
                    );
                }
                numbered = Some(!inside.is_empty());
                pieces.push(Piece::Text(std::mem::take(&mut text)));
                let number = match std::str::from_utf8(inside) {
                    Ok("") => next,
                    Ok(digits) if digits.len() <= 4 => match digits.parse() {
                        Ok(number) => number,
                        Err(_) => bail!(BadArguments, "Not a number in curly braces: {digits}"),
                    },
                    _ => bail!(BadArguments, "Not a number in curly braces of format"),
                };
                pieces.push(Piece::Argument(number));
                next += 1;
                at += length + 1;
            }
            (b'}', _) => bail!(BadArguments, "Closed curly brace without opening one in format"),
            (byte, _) => {
                text.push(byte);
                at += 1;
            }
        }
    }
    pieces.push(Piece::Text(text));
    Ok(pieces)
}

fn array_string_concat(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let DataType::Array(item) = &arguments[0].data_type else {
        return Err(illegal("arrayStringConcat", &arguments[0]));
    };
    let item = item.as_ref().clone();
    let settings = text_settings(context);
    let separator = match arguments.get(1) {
        Some(_) => constant_text("arrayStringConcat", arguments, 1)?,
        None => Vec::new(),
    };
    Ok(Bound::new(DataType::String, move |columns, rows| {
        let flat = columns[0].to_flat()?;
        let list = flat.as_list::<i32>();
        let nulls = list.values().nulls().cloned();
        let texts = to_text(&Column::Flat(list.values().clone()), &item, &settings)?;
        let items = Strings::new(&texts)?;
        let offsets = list.value_offsets();
        let mut out = BytesBuilder::new(rows);
        for row in 0..rows {
            out.append_with(|out| {
                let mut first = true;
                for at in offsets[row] as usize..offsets[row + 1] as usize {
                    if nulls.as_ref().is_some_and(|n| n.is_null(at)) {
                        continue;
                    }
                    if !std::mem::take(&mut first) {
                        BytesBuilder::put(out, &separator);
                    }
                    BytesBuilder::put(out, items.get(at));
                }
            });
        }
        out.column()
    }))
}

fn append_trailing(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    require_text("appendTrailingCharIfAbsent", arguments, 0)?;
    let character = constant_text("appendTrailingCharIfAbsent", arguments, 1)?;
    let [character] = character[..] else {
        bail!(
            BadArguments,
            "Second argument of function appendTrailingCharIfAbsent must be a one-character string"
        );
    };
    Ok(super::strings::write(move |text, out| {
        out.extend_from_slice(text);
        if text.last().is_some_and(|last| *last != character) {
            out.push(character);
        }
    }))
}
