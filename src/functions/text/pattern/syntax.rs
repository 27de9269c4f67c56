//! RE2's spelling of regular expressions in that of the crate `regex`.

use base::{Result, bail};

/// The classes that mean ASCII only in RE2.
fn perl_class(letter: char, in_class: bool) -> Option<&'static str> {
    Some(match (letter, in_class) {
        ('d', true) => "0-9",
        ('w', true) => "0-9A-Za-z_",
        ('s', true) => r"\t\n\f\r ",
        ('d', false) => "[0-9]",
        ('w', false) => "[0-9A-Za-z_]",
        ('s', false) => r"[\t\n\f\r ]",
        ('D', _) => "[^0-9]",
        ('W', _) => "[^0-9A-Za-z_]",
        ('S', _) => r"[^\t\n\f\r ]",
        ('b', false) => r"(?-u:\b)",
        ('B', false) => r"(?-u:\B)",
        ('C', false) => r"(?s-u:.)",
        _ => return None,
    })
}

/// Writes a pattern of RE2 for `regex`.
pub(super) fn translate(pattern: &str) -> Result<String> {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern;
    while let Some(character) = rest.chars().next() {
        let after = &rest[character.len_utf8()..];
        rest = match character {
            '\\' => escape(after, false, &mut out)?,
            '[' => class(after, &mut out)?,
            '{' if !is_repetition(after) => {
                out.push_str(r"\{");
                after
            }
            other => {
                out.push(other);
                after
            }
        };
    }
    Ok(out)
}

/// Whether what follows a brace makes it a repetition; else it stands for itself.
fn is_repetition(after: &str) -> bool {
    let Some((inside, _)) = after.split_once('}') else { return false };
    let (from, to) = inside.split_once(',').unwrap_or((inside, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    !from.is_empty() && digits(from) && digits(to)
}

fn escape<'a>(after: &'a str, in_class: bool, out: &mut String) -> Result<&'a str> {
    let Some(letter) = after.chars().next() else {
        bail!(RegexpError, "Cannot compile a regular expression that ends in a backslash");
    };
    let rest = &after[letter.len_utf8()..];
    if let Some(class) = perl_class(letter, in_class) {
        out.push_str(class);
        return Ok(rest);
    }
    match letter {
        'Q' if !in_class => {
            let (literal, rest) = rest.split_once(r"\E").unwrap_or((rest, ""));
            out.push_str(&regex::escape(literal));
            Ok(rest)
        }
        '0'..='7' if letter == '0' || rest.starts_with(|c: char| c.is_digit(8)) => {
            let digits = after.bytes().take(3).take_while(|b| (b'0'..=b'7').contains(b)).count();
            let number = u32::from_str_radix(&after[..digits], 8).unwrap_or(0);
            out.push_str(&format!(r"\x{{{number:X}}}"));
            Ok(&after[digits..])
        }
        '<' | '>' => {
            out.push(letter);
            Ok(rest)
        }
        _ => {
            out.push('\\');
            out.push(letter);
            Ok(rest)
        }
    }
}

/// A class after its opening bracket, up to and with its closing one.
fn class<'a>(after: &'a str, out: &mut String) -> Result<&'a str> {
    out.push('[');
    let mut rest = after;
    if let Some(negated) = rest.strip_prefix('^') {
        out.push('^');
        rest = negated;
    }
    let mut first = true;
    loop {
        let Some(character) = rest.chars().next() else {
            bail!(RegexpError, "Cannot compile a regular expression: missing ]");
        };
        let after = &rest[character.len_utf8()..];
        rest = match character {
            ']' if !first => {
                out.push(']');
                return Ok(after);
            }
            '[' if after.starts_with(':') && after.contains(":]") => {
                let end = after.find(":]").unwrap_or(0) + 2;
                out.push('[');
                out.push_str(&after[..end]);
                &after[end..]
            }
            '\\' => escape(after, true, out)?,
            '[' | ']' | '&' | '~' => {
                out.push('\\');
                out.push(character);
                after
            }
            '-' if first || after.starts_with(']') || after.starts_with('-') => {
                out.push_str(r"\-");
                after
            }
            other => {
                out.push(other);
                after
            }
        };
        first = false;
    }
}
