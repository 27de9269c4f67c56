//! Searching for several needles, or patterns, at once.

use arrow_array::types::{UInt8Type, UInt64Type};
use arrow_array::{ArrayRef, UInt64Array};
use base::Result;
use expr::{Argument, Bound, FunctionDeclaration};
use memchr::memmem::Finder;
use std::sync::Arc;
use types::{Column, DataType, Value};

use super::super::declare;
use super::super::pattern::Pattern;
use super::super::strings::{Strings, illegal, list_column, numbers, require_text};
use super::{FOLDED, FOLDED_UTF8, Mode, PLAIN, UTF8};
use crate::collection::lists_of;
use crate::search::candidates;

macro_rules! multi {
    (
        $name:literal, $result:expr, $mode:expr, $what:literal, $sql:literal => $answer:literal
        $(, $field:ident: $value:expr)*
    ) => {
        declare!("String search", $name, "multiSearch...(haystack, [needle, ...])", $what, $sql => $answer, (2, 2),
            |_, a| multi_search($name, a, $result, $mode) $(, $field: $value)*)
    };
}

pub(super) static FUNCTIONS: &[FunctionDeclaration] = &[
    multi!("multiSearchAny", Answer::Any, PLAIN, "1 where any of several strings occurs.",
        "SELECT multiSearchAny('granary', ['x', 'nar'])" => "1", search: Some(candidates::ANY)),
    multi!("multiSearchAnyCaseInsensitive", Answer::Any, FOLDED, "As `multiSearchAny`, with the letters A to Z in any case.",
        "SELECT multiSearchAnyCaseInsensitive('GRANARY', ['x', 'nar'])" => "1"),
    multi!("multiSearchAnyUTF8", Answer::Any, UTF8, "1 where any of several strings in UTF-8 occurs.",
        "SELECT multiSearchAnyUTF8('née', ['é'])" => "1", search: Some(candidates::ANY)),
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

/// The needles of a call: a constant array, or an array in each row.
enum Needles {
    Constant(Vec<Vec<u8>>),
    Rows,
}

impl Needles {
    fn of(function: &str, arguments: &[Argument]) -> Result<Needles> {
        require_text(function, arguments, 0)?;
        let argument = &arguments[1];
        let is_texts = matches!(&argument.data_type, DataType::Array(item)
            if item.is_string() || **item == DataType::Nothing);
        if !is_texts {
            return Err(illegal(function, argument));
        }
        Ok(match &argument.constant {
            Some(Value::Array(items)) => Needles::Constant(
                items.iter().filter_map(|v| v.as_bytes()).map(<[u8]>::to_vec).collect(),
            ),
            _ => Needles::Rows,
        })
    }
}

/// Calls for every row with its text and what was made of its needles; those of a row that are those of the row
/// before are not made anew.
fn for_each<T>(
    columns: &[Column],
    rows: usize,
    constant: Option<&[T]>,
    make: impl Fn(&[u8]) -> Result<T>,
    mut take: impl FnMut(&[u8], &[T]) -> Result<()>,
) -> Result<()> {
    let texts = Strings::new(&columns[0])?;
    if let Some(made) = constant {
        return (0..rows).try_for_each(|row| take(texts.get(row), made));
    }
    let lists = lists_of(&columns[1])?;
    if lists.items.is_empty() {
        return (0..rows).try_for_each(|row| take(texts.get(row), &[]));
    }
    let items = Strings::of_array(lists.items.as_ref())?;
    let (mut before, mut made): (Vec<&[u8]>, Vec<T>) = (Vec::new(), Vec::new());
    for row in 0..rows {
        let (from, to) = lists.bounds(row);
        let needles: Vec<&[u8]> = (from..to).map(|at| items.get(at)).collect();
        if needles != before {
            made = needles.iter().map(|needle| make(needle)).collect::<Result<_>>()?;
            before = needles;
        }
        take(texts.get(row), &made)?;
    }
    Ok(())
}

pub(in super::super) fn multi_search(
    function: &str,
    arguments: &[Argument],
    answer: Answer,
    mode: Mode,
) -> Result<Bound> {
    let make = move |needle: &[u8]| -> Result<Finder<'static>> {
        Ok(Finder::new(mode.fold(needle, &mut Vec::new())).into_owned())
    };
    let constant: Option<Vec<Finder<'static>>> = match Needles::of(function, arguments)? {
        Needles::Constant(needles) => {
            Some(needles.iter().map(|needle| make(needle)).collect::<Result<_>>()?)
        }
        Needles::Rows => None,
    };
    let return_type = match answer {
        Answer::Any => DataType::UInt8,
        Answer::Index | Answer::Position => DataType::UInt64,
        Answer::All => DataType::array(DataType::UInt64),
    };
    Ok(Bound::new(return_type, move |columns, rows| {
        let mut space = Vec::new();
        let mut out: Vec<u64> = Vec::with_capacity(rows);
        let mut offsets = vec![0];
        for_each(columns, rows, constant.as_deref(), make, |text, finders| {
            let text = mode.fold(text, &mut space);
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
            offsets.push(out.len() as i32);
            Ok(())
        })?;
        Ok(match answer {
            Answer::Any => numbers::<UInt8Type>(out.into_iter().map(|n| n as u8).collect()),
            Answer::Index | Answer::Position => numbers::<UInt64Type>(out),
            Answer::All => list_column(&DataType::UInt64, offsets, items(out))?,
        })
    }))
}

fn items(values: Vec<u64>) -> ArrayRef {
    Arc::new(UInt64Array::from(values))
}

pub(in super::super) fn multi_match(function: &str, arguments: &[Argument]) -> Result<Bound> {
    let constant: Option<Vec<Pattern>> = match Needles::of(function, arguments)? {
        Needles::Constant(needles) => {
            Some(needles.iter().map(|needle| Pattern::new(needle)).collect::<Result<_>>()?)
        }
        Needles::Rows => None,
    };
    let (any, all) = (function == "multiMatchAny", function == "multiMatchAllIndices");
    let return_type = match function {
        "multiMatchAny" => DataType::UInt8,
        "multiMatchAnyIndex" => DataType::UInt64,
        _ => DataType::array(DataType::UInt64),
    };
    Ok(Bound::new(return_type, move |columns, rows| {
        let (mut found, mut offsets) = (Vec::with_capacity(rows), vec![0]);
        for_each(columns, rows, constant.as_deref(), Pattern::new, |text, patterns| {
            let mut matching =
                (1..).zip(patterns).filter(|(_, p)| p.is_match(text)).map(|(number, _)| number);
            match all {
                true => found.extend(matching),
                false => found.push(matching.next().unwrap_or(0_u64)),
            }
            offsets.push(found.len() as i32);
            Ok(())
        })?;
        Ok(match (any, all) {
            (true, _) => numbers::<UInt8Type>(found.iter().map(|n| u8::from(*n > 0)).collect()),
            (_, true) => list_column(&DataType::UInt64, offsets, items(found))?,
            _ => numbers::<UInt64Type>(found),
        })
    }))
}
