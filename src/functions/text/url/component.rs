//! Percent encoding.

use base::Result;
use expr::{Argument, Bound, FunctionDeclaration};

use super::super::declare;
use super::super::strings::{require_text, write};

pub(super) static FUNCTIONS: &[FunctionDeclaration] = &[
    declare!("URL", "decodeURLComponent", "decodeURLComponent(s)", "The string with `%XX` read as bytes.",
        "SELECT decodeURLComponent('a%20b')" => "a b", (1, 1), |_, a| decode("decodeURLComponent", a, false)),
    declare!("URL", "decodeURLFormComponent", "decodeURLFormComponent(s)", "As `decodeURLComponent`, with `+` read as a space.",
        "SELECT decodeURLFormComponent('a+b')" => "a b", (1, 1), |_, a| decode("decodeURLFormComponent", a, true)),
    declare!("URL", "encodeURLComponent", "encodeURLComponent(s)", "The string with all bytes but letters, digits and `-_.~` written as `%XX`.",
        "SELECT encodeURLComponent('a b')" => "a%20b", (1, 1), |_, a| encode("encodeURLComponent", a, false)),
    declare!("URL", "encodeURLFormComponent", "encodeURLFormComponent(s)", "As `encodeURLComponent`, with a space written as `+`.",
        "SELECT encodeURLFormComponent('a b')" => "a+b", (1, 1), |_, a| encode("encodeURLFormComponent", a, true)),
];

fn decode(function: &str, arguments: &[Argument], form: bool) -> Result<Bound> {
    require_text(function, arguments, 0)?;
    let digit = |byte: Option<&u8>| byte.and_then(|b| (*b as char).to_digit(16));
    Ok(write(move |text, out| {
        let mut at = 0;
        while let Some(byte) = text.get(at) {
            match (byte, digit(text.get(at + 1)), digit(text.get(at + 2))) {
                (b'%', Some(high), Some(low)) => {
                    out.push((high * 16 + low) as u8);
                    at += 2;
                }
                (b'+', ..) if form => out.push(b' '),
                _ => out.push(*byte),
            }
            at += 1;
        }
    }))
}

fn encode(function: &str, arguments: &[Argument], form: bool) -> Result<Bound> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    require_text(function, arguments, 0)?;
    Ok(write(move |text, out| {
        for byte in text {
            match byte {
                b'-' | b'_' | b'.' | b'~' => out.push(*byte),
                b' ' if form => out.push(b'+'),
                _ if byte.is_ascii_alphanumeric() => out.push(*byte),
                _ => out.extend_from_slice(&[
                    b'%',
                    DIGITS[usize::from(byte >> 4)],
                    DIGITS[usize::from(byte & 15)],
                ]),
            }
        }
    }))
}
