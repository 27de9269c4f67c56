//! Fields of JSON found by looking for their names only: fast, and right for JSON without spaces
//! around names whose names occur once.

use arrow_array::types::{Float64Type, Int64Type, UInt64Type};
use base::Result;
use expr::{Argument, FunctionDeclaration};
use memchr::memmem::Finder;
use types::DataType;

use super::super::declare;
use super::super::strings::{constant_text, flag, number, require_text, write};
use super::value::decode;

pub(super) static FUNCTIONS: &[FunctionDeclaration] = &[
    declare!("JSON", "simpleJSONHas", "simpleJSONHas(json, name)", "1 where a field of that name stands in simple JSON.",
        "SELECT simpleJSONHas('{\"a\":1}', 'a')" => "1", (2, 2), |_, a| {
            let find = finder("simpleJSONHas", a)?;
            Ok(flag(move |text| after(&find, text).is_some()))
        }, aliases: &["visitParamHas"]),
    declare!("JSON", "simpleJSONExtractUInt", "simpleJSONExtractUInt(json, name)", "A field of simple JSON as UInt64; 0 if there is no number.",
        "SELECT simpleJSONExtractUInt('{\"a\":12}', 'a')" => "12", (2, 2), |_, a| {
            let find = finder("simpleJSONExtractUInt", a)?;
            Ok(number::<UInt64Type>(DataType::UInt64, move |text| {
                after(&find, text).map_or(0, |rest| digits(unquoted(rest)))
            }))
        }, aliases: &["visitParamExtractUInt"]),
    declare!("JSON", "simpleJSONExtractInt", "simpleJSONExtractInt(json, name)", "A field of simple JSON as Int64; 0 if there is no number.",
        "SELECT simpleJSONExtractInt('{\"a\":-12}', 'a')" => "-12", (2, 2), |_, a| {
            let find = finder("simpleJSONExtractInt", a)?;
            Ok(number::<Int64Type>(DataType::Int64, move |text| {
                let Some(rest) = after(&find, text).map(unquoted) else { return 0 };
                let sign = usize::from(rest.starts_with(b"-"));
                let length = rest[sign..].iter().take_while(|b| b.is_ascii_digit()).count();
                // A number that Int64 does not hold is none.
                let text = std::str::from_utf8(&rest[..sign + length]).unwrap_or_default();
                text.parse().unwrap_or(0)
            }))
        }, aliases: &["visitParamExtractInt"]),
    declare!("JSON", "simpleJSONExtractFloat", "simpleJSONExtractFloat(json, name)", "A field of simple JSON as Float64; 0 if there is no number.",
        "SELECT simpleJSONExtractFloat('{\"a\":1.5}', 'a')" => "1.5", (2, 2), |_, a| {
            let find = finder("simpleJSONExtractFloat", a)?;
            Ok(number::<Float64Type>(DataType::Float64, move |text| {
                let Some(rest) = after(&find, text).map(unquoted) else { return 0.0 };
                let within = |b: &u8| b.is_ascii_digit() || b"+-.eE".contains(b);
                let end = rest.iter().position(|b| !within(b)).unwrap_or(rest.len());
                std::str::from_utf8(&rest[..end]).ok().and_then(|t| t.parse().ok()).unwrap_or(0.0)
            }))
        }, aliases: &["visitParamExtractFloat"]),
    declare!("JSON", "simpleJSONExtractBool", "simpleJSONExtractBool(json, name)", "1 where a field of simple JSON is `true`.",
        "SELECT simpleJSONExtractBool('{\"a\":true}', 'a')" => "1", (2, 2), |_, a| {
            let find = finder("simpleJSONExtractBool", a)?;
            Ok(flag(move |text| after(&find, text).is_some_and(|rest| rest.starts_with(b"true"))))
        }, aliases: &["visitParamExtractBool"]),
    declare!("JSON", "simpleJSONExtractRaw", "simpleJSONExtractRaw(json, name)", "A field of simple JSON as it stands there.",
        "SELECT simpleJSONExtractRaw('{\"a\":[1, 2]}', 'a')" => "[1, 2]", (2, 2), |_, a| {
            let find = finder("simpleJSONExtractRaw", a)?;
            Ok(write(move |text, out| {
                out.extend_from_slice(after(&find, text).map_or(b"", |rest| &rest[..raw_end(rest)]));
            }))
        }, aliases: &["visitParamExtractRaw"]),
    declare!("JSON", "simpleJSONExtractString", "simpleJSONExtractString(json, name)", "A string field of simple JSON, escapes read.",
        "SELECT simpleJSONExtractString('{\"a\":\"b\"}', 'a')" => "b", (2, 2), |_, a| {
            let find = finder("simpleJSONExtractString", a)?;
            Ok(write(move |text, out| {
                let Some(rest) = after(&find, text) else { return };
                if rest.starts_with(b"\"") {
                    let end = raw_end(rest);
                    if end >= 2 && rest[end - 1] == b'"' {
                        out.extend_from_slice(&decode(&rest[1..end - 1]));
                    }
                }
            }))
        }, aliases: &["visitParamExtractString"]),
];

fn finder(function: &str, arguments: &[Argument]) -> Result<Finder<'static>> {
    require_text(function, arguments, 0)?;
    let name = constant_text(function, arguments, 1)?;
    Ok(Finder::new(&[b"\"", &name[..], b"\":"].concat()).into_owned())
}

/// What follows the name.
fn after<'a>(finder: &Finder<'_>, text: &'a [u8]) -> Option<&'a [u8]> {
    finder.find(text).map(|at| &text[at + finder.needle().len()..])
}

fn unquoted(rest: &[u8]) -> &[u8] {
    rest.strip_prefix(b"\"").unwrap_or(rest)
}

fn digits(rest: &[u8]) -> u64 {
    let digits = rest.iter().take_while(|b| b.is_ascii_digit());
    digits.fold(0, |number, digit| number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0')))
}

/// Where a value ends: at the comma or bracket that does not belong to it.
fn raw_end(rest: &[u8]) -> usize {
    let (mut depth, mut quoted, mut at) = (0_usize, false, 0);
    while at < rest.len() {
        match rest[at] {
            b'\\' if quoted => at += 1,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => depth += 1,
            b']' | b'}' if !quoted && depth == 0 => return at,
            b']' | b'}' if !quoted => depth -= 1,
            b',' if !quoted && depth == 0 => return at,
            _ => {}
        }
        at += 1;
    }
    rest.len()
}
