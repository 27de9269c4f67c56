//! Searching for several needles, or patterns, at once.

use arrow_array::types::{UInt8Type, UInt64Type};
use arrow_array::{ArrayRef, UInt64Array};
use base::{Result, bail};
use expr::{Argument, Bound, FunctionDeclaration};
use memchr::memmem::Finder;
use std::sync::Arc;
use types::{Column, DataType, Value};

use super::super::declare;
use super::super::pattern::Pattern;
use super::super::strings::{Strings, illegal, list_column, numbers, require_text};
use super::{FOLDED, FOLDED_UTF8, Mode, PLAIN, UTF8};

macro_rules! multi {
    ($name:literal, $result:expr, $mode:expr, $what:literal, $sql:literal => $answer:literal) => {
        declare!("String search", $name, "multiSearch...(haystack, [needle, ...])", $what, $sql => $answer, (2, 2),
            |_, a| multi_search($name, a, $result, $mode))
    };
}

pub(super) static FUNCTIONS: &[FunctionDeclaration] = &[
    multi!("multiSearchAny", Answer::Any, PLAIN, "1 where any of several strings occurs.",
        "SELECT multiSearchAny('granary', ['x', 'nar'])" => "1"),
    multi!("multiSearchAnyCaseInsensitive", Answer::Any, FOLDED, "As `multiSearchAny`, with the letters A to Z in any case.",
        "SELECT multiSearchAnyCaseInsensitive('GRANARY', ['x', 'nar'])" => "1"),
    multi!("multiSearchAnyUTF8", Answer::Any, UTF8, "1 where any of several strings in UTF-8 occurs.",
        "SELECT multiSearchAnyUTF8('née', ['é'])" => "1"),
    multi!("multiSearchAnyCaseInsensitiveUTF8", Answer::Any, FOLDED_UTF8, "As `multiSearchAnyUTF8`, in any case.",
        "SELECT multiSearchAnyCaseInsensitiveUTF8('NÉE', ['é'])" => "1"),
    multi!("multiSearchFirstIndex", Answer::Index, PLAIN, "The number, from 1, of the first of several strings that occurs; 0 if none does.",
        "SELECT multiSearchFirstIndex('granary', ['x', 'nar'])" => "2"),
    multi!("multiSearchFirstIndexCaseInsensitive", Answer::Index, FOLDED, "As `multiSearchFirstIndex`, with the letters A to Z in any case.",
        "SELECT multiSearchFirstIndexCaseInsensitive('GRANARY', ['x', 'nar'])" => "2"),
    multi!("multiSearchFirstIndexUTF8", Answer::Index, UTF8, "As `multiSearchFirstIndex`, for UTF-8.",
        "SELECT multiSearchFirstIndexUTF8('née', ['é'])" => "1"),
    multi!("multiSearchFirstIndexCaseInsensitiveUTF8", Answer::Index, FOLDED_UTF8, "As `multiSearchFirstIndexUTF8`, in any case.",
        "SELECT multiSearchFirstIndexCaseInsensitiveUTF8('NÉE', ['é'])" => "1"),
    multi!("multiSearchFirstPosition", Answer::Position, PLAIN, "The least position at which any of several strings occurs; 0 if none does.",
        "SELECT multiSearchFirstPosition('granary', ['y', 'nar'])" => "4"),
    multi!("multiSearchFirstPositionCaseInsensitive", Answer::Position, FOLDED, "As `multiSearchFirstPosition`, with the letters A to Z in any case.",
        "SELECT multiSearchFirstPositionCaseInsensitive('GRANARY', ['y', 'nar'])" => "4"),
    multi!("multiSearchFirstPositionUTF8", Answer::Position, UTF8, "As `multiSearchFirstPosition`, counting characters of UTF-8.",
        "SELECT multiSearchFirstPositionUTF8('née', ['e'])" => "3"),
    multi!("multiSearchFirstPositionCaseInsensitiveUTF8", Answer::Position, FOLDED_UTF8, "As `multiSearchFirstPositionUTF8`, in any case.",
        "SELECT multiSearchFirstPositionCaseInsensitiveUTF8('NÉE', ['e'])" => "3"),
    multi!("multiSearchAllPositions", Answer::All, PLAIN, "The positions at which several strings occur first, each 0 if it does not.",
        "SELECT multiSearchAllPositions('granary', ['y', 'x', 'a'])" => "[7,0,3]"),
    multi!("multiSearchAllPositionsCaseInsensitive", Answer::All, FOLDED, "As `multiSearchAllPositions`, with the letters A to Z in any case.",
        "SELECT multiSearchAllPositionsCaseInsensitive('GRANARY', ['y'])" => "[7]"),
    multi!("multiSearchAllPositionsUTF8", Answer::All, UTF8, "As `multiSearchAllPositions`, counting characters of UTF-8.",
        "SELECT multiSearchAllPositionsUTF8('née', ['e'])" => "[3]"),
    multi!("multiSearchAllPositionsCaseInsensitiveUTF8", Answer::All, FOLDED_UTF8, "As `multiSearchAllPositionsUTF8`, in any case.",
        "SELECT multiSearchAllPositionsCaseInsensitiveUTF8('NÉE', ['é'])" => "[2]"),
];

/// What a search of several needles tells.
#[derive(Clone, Copy)]
pub(in super::super) enum Answer {
    Any,
    Index,
    Position,
    All,
}

/// The strings of a constant array.
fn constant_strings(function: &str, arguments: &[Argument]) -> Result<Vec<Vec<u8>>> {
    let argument = &arguments[1];
    let is_texts = matches!(&argument.data_type, DataType::Array(item)
        if item.is_string() || **item == DataType::Nothing);
    if !is_texts {
        return Err(illegal(function, argument));
    }
    match &argument.constant {
        Some(Value::Array(items)) => {
            Ok(items.iter().filter_map(|v| v.as_bytes()).map(<[u8]>::to_vec).collect())
        }
        _ => bail!(IllegalColumn, "Argument 2 of function {function} must be a constant array"),
    }
}

pub(in super::super) fn multi_search(
    function: &str,
    arguments: &[Argument],
    answer: Answer,
    mode: Mode,
) -> Result<Bound> {
    require_text(function, arguments, 0)?;
    let needles = constant_strings(function, arguments)?;
    let mut space = Vec::new();
    let finders: Vec<Finder<'static>> =
        needles.iter().map(|n| Finder::new(mode.fold(n, &mut space)).into_owned()).collect();
    let return_type = match answer {
        Answer::Any => DataType::UInt8,
        Answer::Index | Answer::Position => DataType::UInt64,
        Answer::All => DataType::array(DataType::UInt64),
    };
    Ok(Bound::new(return_type, move |columns, rows| {
        let texts = Strings::new(&columns[0])?;
        let mut space = Vec::new();
        let mut out: Vec<u64> = Vec::with_capacity(rows);
        for row in 0..rows {
            let text = mode.fold(texts.get(row), &mut space);
            // Nothing is found in an empty text, not even an empty one.
            let place = |f: &Finder<'_>| if text.is_empty() { None } else { f.find(text) };
            match answer {
                Answer::Any => out.push(u64::from(finders.iter().any(|f| place(f).is_some()))),
                Answer::Index => {
                    let first = finders.iter().position(|f| place(f).is_some());
                    out.push(first.map_or(0, |at| at as u64 + 1));
                }
                Answer::Position => {
                    let first = finders.iter().filter_map(place).min();
                    out.push(first.map_or(0, |at| mode.position(text, at)));
                }
                Answer::All => out.extend(
                    finders.iter().map(|f| place(f).map_or(0, |at| mode.position(text, at))),
                ),
            }
        }
        Ok(match answer {
            Answer::Any => numbers::<UInt8Type>(out.into_iter().map(|n| n as u8).collect()),
            Answer::Index | Answer::Position => numbers::<UInt64Type>(out),
            Answer::All => {
                let count = finders.len();
                let offsets = (0..=rows).map(|row| (row * count) as i32).collect();
                list_column(&DataType::UInt64, offsets, items(out))?
            }
        })
    }))
}

fn items(values: Vec<u64>) -> ArrayRef {
    Arc::new(UInt64Array::from(values))
}

pub(in super::super) fn multi_match(function: &str, arguments: &[Argument]) -> Result<Bound> {
    require_text(function, arguments, 0)?;
    let patterns: Vec<Pattern> = constant_strings(function, arguments)?
        .iter()
        .map(|source| Pattern::new(source))
        .collect::<Result<_>>()?;
    Ok(match function {
        "multiMatchAny" => {
            super::super::strings::flag(move |text| patterns.iter().any(|p| p.is_match(text)))
        }
        "multiMatchAnyIndex" => {
            super::super::strings::number::<UInt64Type>(DataType::UInt64, move |text| {
                patterns.iter().position(|p| p.is_match(text)).map_or(0, |at| at as u64 + 1)
            })
        }
        _ => Bound::new(DataType::array(DataType::UInt64), move |columns, rows| {
            let (mut found, mut offsets) = (Vec::new(), vec![0]);
            Strings::new(&columns[0])?.each(rows, |text| {
                let matching = patterns.iter().enumerate().filter(|(_, p)| p.is_match(text));
                found.extend(matching.map(|(at, _)| at as u64 + 1));
                offsets.push(found.len() as i32);
            });
            let column: Column = list_column(&DataType::UInt64, offsets, items(found))?;
            Ok(column)
        }),
    })
}
