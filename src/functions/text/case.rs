//! Upper and lower case, and strings from back to front.
//!
//! The functions without UTF8 in their names change the letters A to Z only and keep the type of
//! a FixedString.

use std::sync::Arc;

use arrow_array::FixedSizeBinaryArray;
use arrow_array::builder::FixedSizeBinaryBuilder;
use base::{Error, Result};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration, Registry};
use types::{Column, DataType};

use super::declare;
use super::strings::{Strings, illegal, require_text, starts_character, write};

pub(super) fn register(registry: &mut Registry) {
    registry.add_functions(FUNCTIONS);
}

static FUNCTIONS: &[FunctionDeclaration] = &[
    declare!("String", "lower", "lower(s)", "The string with its letters A to Z in lower case.",
        "SELECT lower('Granary')" => "granary", (1, 1),
        |_, a| in_place("lower", a, <[u8]>::make_ascii_lowercase),
        aliases: &["lcase"], case_insensitive: true),
    declare!("String", "upper", "upper(s)", "The string with its letters a to z in upper case.",
        "SELECT upper('Granary')" => "GRANARY", (1, 1),
        |_, a| in_place("upper", a, <[u8]>::make_ascii_uppercase),
        aliases: &["ucase"], case_insensitive: true),
    declare!("String", "lowerUTF8", "lowerUTF8(s)", "The string in UTF-8 with all its letters in lower case.",
    "SELECT lowerUTF8('ÄRGER')" => "ärger", (1, 1), |_, a| {
        require_text("lowerUTF8", a, 0)?;
        Ok(write(|text, out| map_characters(text, out, |c, out| push_all(out, c.to_lowercase()))))
    }),
    declare!("String", "upperUTF8", "upperUTF8(s)", "The string in UTF-8 with all its letters in upper case.",
    "SELECT upperUTF8('ärger')" => "ÄRGER", (1, 1), |_, a| {
        require_text("upperUTF8", a, 0)?;
        Ok(write(|text, out| map_characters(text, out, |c, out| push_all(out, c.to_uppercase()))))
    }),
    declare!("String", "initcap", "initcap(s)",
        "The string with the first letter of each word in upper case and the others in lower case; words consist of letters and digits.",
        "SELECT initcap('columns AND rows')" => "Columns And Rows", (1, 1), |_, a| {
            require_text("initcap", a, 0)?;
            Ok(write(initcap))
        }, case_insensitive: true),
    declare!("String", "initcapUTF8", "initcapUTF8(s)", "As `initcap`, for all letters of UTF-8.",
    "SELECT initcapUTF8('élan vital')" => "Élan Vital", (1, 1), |_, a| {
        require_text("initcapUTF8", a, 0)?;
        Ok(write(initcap_utf8))
    }),
    declare!("String", "reverse", "reverse(s)", "The bytes of a string, or the elements of an array, from back to front.",
        "SELECT reverse('abc'), reverse([1, 2])" => "cba\t[2,1]", (1, 1), reverse, case_insensitive: true),
    declare!("String", "reverseUTF8", "reverseUTF8(s)", "The characters of a string in UTF-8 from back to front.",
    "SELECT reverseUTF8('née')" => "eén", (1, 1), |_, a| {
        require_text("reverseUTF8", a, 0)?;
        Ok(write(|text, out| {
            let mut end = text.len();
            for at in (0..text.len()).rev() {
                if starts_character(text[at]) || at == 0 {
                    out.extend_from_slice(&text[at..end]);
                    end = at;
                }
            }
        }))
    }),
];

/// A change of bytes that keeps their number.
fn in_place(function: &str, arguments: &[Argument], change: fn(&mut [u8])) -> Result<Bound> {
    require_text(function, arguments, 0)?;
    Ok(match arguments[0].data_type {
        DataType::FixedString(length) => fixed_in_place(length, change),
        _ => write(move |text, out| {
            let start = out.len();
            out.extend_from_slice(text);
            change(&mut out[start..]);
        }),
    })
}

fn fixed_in_place(length: usize, change: fn(&mut [u8])) -> Bound {
    Bound::new(DataType::FixedString(length), move |columns, rows| {
        let strings = Strings::new(&columns[0])?;
        let mut out = FixedSizeBinaryBuilder::with_capacity(rows, length as i32);
        let mut value = Vec::with_capacity(length);
        for row in 0..rows {
            value.clear();
            value.extend_from_slice(strings.get(row));
            change(&mut value);
            out.append_value(&value).map_err(|e| Error::logical(e.to_string()))?;
        }
        let out: FixedSizeBinaryArray = out.finish();
        Ok(Column::Flat(Arc::new(out)))
    })
}

fn reverse(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    match &arguments[0].data_type {
        DataType::Array(_) => crate::collection::reverse(&arguments[0].data_type),
        data_type if data_type.is_string() => in_place("reverse", arguments, <[u8]>::reverse),
        _ => Err(illegal("reverse", &arguments[0])),
    }
}

/// Changes every character; bytes that are not UTF-8 stay as they are.
fn map_characters(text: &[u8], out: &mut Vec<u8>, mut change: impl FnMut(char, &mut Vec<u8>)) {
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            change(character, out);
        }
        out.extend_from_slice(chunk.invalid());
    }
}

/// Appends what a letter becomes; letters that would become several stay as they are.
fn push_all(out: &mut Vec<u8>, mut characters: impl Iterator<Item = char>) {
    let mut buffer = [0; 4];
    if let Some(first) = characters.next() {
        out.extend_from_slice(first.encode_utf8(&mut buffer).as_bytes());
        for more in characters {
            out.extend_from_slice(more.encode_utf8(&mut buffer).as_bytes());
        }
    }
}

fn initcap(text: &[u8], out: &mut Vec<u8>) {
    let mut within = false;
    for byte in text {
        out.push(if within { byte.to_ascii_lowercase() } else { byte.to_ascii_uppercase() });
        within = byte.is_ascii_alphanumeric();
    }
}

fn initcap_utf8(text: &[u8], out: &mut Vec<u8>) {
    let mut within = false;
    map_characters(text, out, |c, out| {
        if within {
            push_all(out, c.to_lowercase());
        } else {
            // A letter that would become several stays.
            let mut upper = c.to_uppercase();
            match (upper.next(), upper.next()) {
                (Some(one), None) => push_all(out, std::iter::once(one)),
                _ => push_all(out, std::iter::once(c)),
            }
        }
        within = c.is_alphanumeric();
    });
}
