//! Filling up, trimming and repeating.

use base::{Result, bail};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration, Registry};
use types::DataType;

use super::declare;
use super::strings::{
    BytesBuilder, Integers, LONGEST, Strings, character_offset, constant_text, count_characters,
    require_integer, require_text, slice,
};

pub(super) fn register(registry: &mut Registry) {
    registry.add_functions(FUNCTIONS);
}

static FUNCTIONS: &[FunctionDeclaration] = &[
    declare!("String", "leftPad", "leftPad(s, length[, filler])", "The string brought to a length in bytes: cut, or filled up at its beginning.",
        "SELECT leftPad('7', 3, '0')" => "007", (2, 3), |_, a| pad("leftPad", a, Side::Left, false),
        aliases: &["lpad"], case_insensitive: true),
    declare!("String", "leftPadUTF8", "leftPadUTF8(s, length[, filler])", "As `leftPad`, counting characters of UTF-8.",
        "SELECT leftPadUTF8('é', 3, 'ü')" => "üüé", (2, 3), |_, a| pad("leftPadUTF8", a, Side::Left, true)),
    declare!("String", "rightPad", "rightPad(s, length[, filler])", "The string brought to a length in bytes: cut, or filled up at its end.",
        "SELECT rightPad('7', 3, '0')" => "700", (2, 3), |_, a| pad("rightPad", a, Side::Right, false),
        aliases: &["rpad"], case_insensitive: true),
    declare!("String", "rightPadUTF8", "rightPadUTF8(s, length[, filler])", "As `rightPad`, counting characters of UTF-8.",
        "SELECT rightPadUTF8('é', 3, 'ü')" => "éüü", (2, 3), |_, a| pad("rightPadUTF8", a, Side::Right, true)),
    declare!("String", "repeat", "repeat(s, n)", "The string n times; empty for n below 1.",
        "SELECT repeat('ab', 3)" => "ababab", (2, 2), repeat, case_insensitive: true),
    declare!("String", "space", "space(n)", "n spaces; none for n below 1.",
        "SELECT concat('a', space(2), 'b')" => "a  b", (1, 1), space, case_insensitive: true),
    declare!("String", "trimBoth", "trimBoth(s[, characters])", "The string without the given characters (spaces) at both ends.",
        "SELECT trimBoth('  a '), trimBoth('xax', 'x')" => "a\ta", (1, 2), |_, a| trim("trimBoth", a, true, true),
        aliases: &["trim"]),
    declare!("String", "trimLeft", "trimLeft(s[, characters])", "The string without the given characters (spaces) at its beginning.",
        "SELECT trimLeft('  a')" => "a", (1, 2), |_, a| trim("trimLeft", a, true, false), aliases: &["ltrim"]),
    declare!("String", "trimRight", "trimRight(s[, characters])", "The string without the given characters (spaces) at its end.",
        "SELECT trimRight('a  ')" => "a", (1, 2), |_, a| trim("trimRight", a, false, true), aliases: &["rtrim"]),
];

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Left,
    Right,
}

fn pad(function: &'static str, arguments: &[Argument], side: Side, utf8: bool) -> Result<Bound> {
    require_text(function, arguments, 0)?;
    require_integer(function, arguments, 1)?;
    let mut filler = match arguments.get(2) {
        Some(_) => constant_text(function, arguments, 2)?,
        None => b" ".to_vec(),
    };
    if filler.is_empty() {
        filler = b" ".to_vec();
    }
    let count: fn(&[u8]) -> usize = if utf8 { count_characters } else { <[u8]>::len };
    let offset: fn(&[u8], usize) -> usize =
        if utf8 { character_offset } else { |text, n| n.min(text.len()) };
    let filler_count = count(&filler).max(1);
    Ok(Bound::new(DataType::String, move |columns, rows| {
        let (strings, lengths) = (Strings::new(&columns[0])?, Integers::new(&columns[1])?);
        let mut out = BytesBuilder::new(rows);
        for row in 0..rows {
            let text = strings.get(row);
            let wanted = lengths.get(row).max(0) as usize;
            if wanted > LONGEST {
                bail!(TooLargeStringSize, "Too large padded string size in function {function}");
            }
            let missing = wanted.saturating_sub(count(text));
            out.append_with(|out| {
                if side == Side::Right {
                    out.extend_from_slice(&text[..offset(text, wanted)]);
                }
                for _ in 0..missing / filler_count {
                    out.extend_from_slice(&filler);
                }
                out.extend_from_slice(&filler[..offset(&filler, missing % filler_count)]);
                if side == Side::Left {
                    out.extend_from_slice(&text[..offset(text, wanted)]);
                }
            });
        }
        out.column()
    }))
}

fn repeat(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    require_text("repeat", arguments, 0)?;
    require_integer("repeat", arguments, 1)?;
    Ok(Bound::new(DataType::String, |columns, rows| {
        let (strings, times) = (Strings::new(&columns[0])?, Integers::new(&columns[1])?);
        let mut out = BytesBuilder::new(rows);
        for row in 0..rows {
            let (text, times) = (strings.get(row), times.get(row).max(0) as usize);
            check_times("repeat", times, text.len())?;
            out.append_with(|out| (0..times).for_each(|_| out.extend_from_slice(text)));
        }
        out.column()
    }))
}

fn check_times(function: &str, times: usize, length: usize) -> Result<()> {
    if times > 1_000_000 || times.saturating_mul(length) > LONGEST {
        bail!(
            TooLargeStringSize,
            "Too many times to repeat ({times}) in function {function}, the most is 1000000"
        );
    }
    Ok(())
}

fn space(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    require_integer("space", arguments, 0)?;
    Ok(Bound::new(DataType::String, |columns, rows| {
        let times = Integers::new(&columns[0])?;
        let mut out = BytesBuilder::new(rows);
        for row in 0..rows {
            let times = times.get(row).max(0) as usize;
            check_times("space", times, 1)?;
            out.append_with(|out| out.resize(out.len() + times, b' '));
        }
        out.column()
    }))
}

fn trim(function: &str, arguments: &[Argument], left: bool, right: bool) -> Result<Bound> {
    require_text(function, arguments, 0)?;
    let characters = match arguments.get(1) {
        Some(_) => constant_text(function, arguments, 1)?,
        None => b" ".to_vec(),
    };
    let mut cut = [false; 256];
    for byte in characters {
        cut[usize::from(byte)] = true;
    }
    Ok(slice(move |text| {
        let kept = |byte: &u8| !cut[usize::from(*byte)];
        let from = if left { text.iter().position(kept).unwrap_or(text.len()) } else { 0 };
        let to =
            if right { text.iter().rposition(kept).map_or(from, |at| at + 1) } else { text.len() };
        &text[from..to.max(from)]
    }))
}
