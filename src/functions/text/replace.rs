//! Replacement of substrings and of matches of regular expressions.

use base::{Result, bail};
use expr::{Argument, Bound, FunctionDeclaration, Registry};
use memchr::memmem::{self, Finder};
use types::DataType;

use super::declare;
use super::pattern::{LastPattern, Matcher, Pattern, Span};
use super::strings::{BytesBuilder, Strings, require_text};

pub(super) fn register(registry: &mut Registry) {
    registry.add_functions(FUNCTIONS);
}

static FUNCTIONS: &[FunctionDeclaration] = &[
    declare!("String replacement", "replaceOne", "replaceOne(s, from, to)", "The string with the first occurrence of `from` replaced by `to`.",
        "SELECT replaceOne('banana', 'an', 'AN')" => "bANana", (3, 3), |_, a| replace("replaceOne", a, true)),
    declare!("String replacement", "replaceAll", "replaceAll(s, from, to)", "The string with all occurrences of `from` replaced by `to`.",
        "SELECT replaceAll('banana', 'an', 'AN')" => "bANANa", (3, 3), |_, a| replace("replaceAll", a, false),
        aliases: &["replace"], case_insensitive: true),
    declare!("String replacement", "replaceRegexpOne", "replaceRegexpOne(s, pattern, replacement)", "The string with the first match of a regular expression replaced; `\\0` to `\\9` in the replacement stand for the match and its groups.",
        "SELECT replaceRegexpOne('2024-05', '(\\\\d+)-(\\\\d+)', '\\\\2/\\\\1')" => "05/2024", (3, 3), |_, a| regexp("replaceRegexpOne", a, true)),
    declare!("String replacement", "replaceRegexpAll", "replaceRegexpAll(s, pattern, replacement)", "As `replaceRegexpOne`, for all matches.",
        "SELECT replaceRegexpAll('hello', '[aeiou]', '<\\\\0>')" => "h<e>ll<o>", (3, 3), |_, a| regexp("replaceRegexpAll", a, false),
        aliases: &["REGEXP_REPLACE"], case_insensitive: true),
];

/// Three texts; a constant FixedString is refused, as ClickHouse does.
fn require_texts(function: &str, arguments: &[Argument]) -> Result<()> {
    for at in 0..3 {
        require_text(function, arguments, at)?;
    }
    let first = &arguments[0];
    if first.constant.is_some() && matches!(first.data_type, DataType::FixedString(_)) {
        bail!(
            IllegalColumn,
            "Illegal column {} of first argument of function {function}: a constant must be a String",
            first.data_type
        );
    }
    Ok(())
}

fn replace(function: &str, arguments: &[Argument], once: bool) -> Result<Bound> {
    require_texts(function, arguments)?;
    let constant = arguments[1].constant.as_ref().and_then(|v| v.as_bytes());
    let finder = constant.map(|needle| Finder::new(needle).into_owned());
    Ok(Bound::new(DataType::String, move |columns, rows| {
        let (texts, from, to) =
            (Strings::new(&columns[0])?, Strings::new(&columns[1])?, Strings::new(&columns[2])?);
        let mut out = BytesBuilder::new(rows);
        for row in 0..rows {
            let (mut text, needle, new) = (texts.get(row), from.get(row), to.get(row));
            if needle.is_empty() {
                out.append(text);
                continue;
            }
            let find = |text: &[u8]| match &finder {
                Some(finder) => finder.find(text),
                None => memmem::find(text, needle),
            };
            out.append_with(|out| {
                while let Some(at) = find(text) {
                    BytesBuilder::put(out, &text[..at]);
                    BytesBuilder::put(out, new);
                    text = &text[at + needle.len()..];
                    if once {
                        break;
                    }
                }
                BytesBuilder::put(out, text);
            });
        }
        out.column()
    }))
}

/// A piece of a replacement.
enum Piece {
    Text(Vec<u8>),
    Group(usize),
}

fn parse_replacement(text: &[u8], groups: usize) -> Result<Vec<Piece>> {
    let (mut pieces, mut literal) = (Vec::new(), Vec::new());
    let mut bytes = text.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match (byte, bytes.peek().copied()) {
            (b'\\', Some(digit @ b'0'..=b'9')) => {
                bytes.next();
                let group = usize::from(digit - b'0');
                if group > groups {
                    bail!(
                        BadArguments,
                        "Substitution '\\{group}' in replacement argument is invalid, regexp has only {groups} capturing groups"
                    );
                }
                pieces.push(Piece::Text(std::mem::take(&mut literal)));
                pieces.push(Piece::Group(group));
            }
            (b'\\', Some(escaped)) => {
                bytes.next();
                literal.push(escaped);
            }
            _ => literal.push(byte),
        }
    }
    pieces.push(Piece::Text(literal));
    pieces.retain(|p| !matches!(p, Piece::Text(t) if t.is_empty()));
    Ok(pieces)
}

fn regexp(function: &str, arguments: &[Argument], once: bool) -> Result<Bound> {
    require_texts(function, arguments)?;
    let constant = |at: usize| arguments[at].constant.as_ref().and_then(|v| v.as_bytes());
    let (Some(source), Some(replacement)) = (constant(1), constant(2)) else {
        return Ok(varying(once));
    };
    let pattern = Pattern::new(source)?;
    let pieces = parse_replacement(replacement, pattern.groups())?;
    if let [Piece::Group(group)] = pieces[..]
        && spans_all(source)
    {
        // The whole string is replaced by one of its parts: no bytes are copied.
        return Ok(Bound::new(DataType::String, move |columns, rows| {
            let matcher = std::cell::RefCell::new(pattern.matcher());
            super::strings::slices(&columns[0], rows, |_, text| {
                match matcher.borrow_mut().find(text, 0).map(|spans| (spans[0], spans[group])) {
                    Some((Some((0, end)), part)) if end == text.len() => {
                        part.map_or(b"", |(from, to)| &text[from..to])
                    }
                    _ => text,
                }
            })
        }));
    }
    Ok(Bound::new(DataType::String, move |columns, rows| {
        let texts = Strings::new(&columns[0])?;
        let mut matcher = pattern.matcher();
        let mut out = BytesBuilder::new(rows);
        for row in 0..rows {
            let text = texts.get(row);
            out.append_with(|out| rewrite(text, &pattern, &mut matcher, &pieces, once, out));
        }
        out.column()
    }))
}

/// Whether every match of a pattern is of the whole string, by its spelling.
fn spans_all(source: &[u8]) -> bool {
    source.starts_with(b"^")
        && (source.ends_with(b".*$") || source.ends_with(b".+$"))
        && !source.contains(&b'|')
        && !source.ends_with(b"\\.*$")
        && !source.ends_with(b"\\.+$")
        && !source.starts_with(b"^*")
        && !source.starts_with(b"^?")
}

fn varying(once: bool) -> Bound {
    Bound::new(DataType::String, move |columns, rows| {
        let (texts, patterns, replacements) =
            (Strings::new(&columns[0])?, Strings::new(&columns[1])?, Strings::new(&columns[2])?);
        let mut last = LastPattern::new(Pattern::new);
        let mut out = BytesBuilder::new(rows);
        for row in 0..rows {
            let pattern = last.get(patterns.get(row))?.clone();
            let pieces = parse_replacement(replacements.get(row), pattern.groups())?;
            let mut matcher = pattern.matcher();
            let text = texts.get(row);
            out.append_with(|out| rewrite(text, &pattern, &mut matcher, &pieces, once, out));
        }
        out.column()
    })
}

fn rewrite(
    text: &[u8],
    pattern: &Pattern,
    matcher: &mut Matcher<'_>,
    pieces: &[Piece],
    once: bool,
    out: &mut Vec<u8>,
) {
    let mut from = 0;
    // An empty pattern replaces nothing, though it would match everywhere.
    while !pattern.source().is_empty() {
        let Some(spans) = matcher.find(text, from) else { break };
        let Some((start, end)) = spans[0] else { break };
        BytesBuilder::put(out, &text[from..start]);
        append(pieces, spans, text, out);
        from = end;
        if once {
            break;
        }
        if end == start {
            let length = text[end..]
                .iter()
                .skip(1)
                .take_while(|byte| !super::strings::starts_character(**byte))
                .count();
            if end == text.len() {
                break;
            }
            from = end + 1 + length;
            BytesBuilder::put(out, &text[end..from]);
        }
    }
    BytesBuilder::put(out, &text[from..]);
}

fn append(pieces: &[Piece], spans: &[Span], text: &[u8], out: &mut Vec<u8>) {
    for piece in pieces {
        match piece {
            Piece::Text(literal) => BytesBuilder::put(out, literal),
            Piece::Group(group) => {
                if let Some(Some((from, to))) = spans.get(*group) {
                    BytesBuilder::put(out, &text[*from..*to]);
                }
            }
        }
    }
}
