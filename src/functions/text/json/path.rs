//! Paths as SQL/JSON writes them: `$.a[0]."b c"[*]`.

use base::{Result, bail};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration};
use types::DataType;

use super::super::declare;
use super::super::strings::{BytesBuilder, Strings, constant_text, flag, require_text, write};
use super::value::{Json, Kind};

pub(super) static FUNCTIONS: &[FunctionDeclaration] = &[
    declare!("JSON", "JSON_EXISTS", "JSON_EXISTS(json, path)", "1 where there is a value at a path of SQL/JSON.",
    "SELECT JSON_EXISTS('{\"a\": {\"b\": 1}}', '$.a.b')" => "1", (2, 2), |_, a| {
        let path = path_of("JSON_EXISTS", a)?;
        Ok(flag(move |text| Json::parse(text).is_some_and(|json| !find(json, &path).is_empty())))
    }),
    declare!("JSON", "JSON_VALUE", "JSON_VALUE(json, path)", "The scalar value at a path of SQL/JSON; empty if there is none.",
        "SELECT JSON_VALUE('{\"a\": [{\"b\": \"x\"}]}', '$.a[0].b')" => "x", (2, 2), value),
    declare!("JSON", "JSON_QUERY", "JSON_QUERY(json, path)", "The values at a path of SQL/JSON in one JSON array; empty if there are none.",
        "SELECT JSON_QUERY('{\"a\": [1]}', '$.a')" => "[[1]]", (2, 2), |_, a| query(a)),
];

enum Step {
    Key(Vec<u8>),
    /// Items from a number to before another.
    Range(usize, usize),
    All,
}

fn path_of(function: &str, arguments: &[Argument]) -> Result<Vec<Step>> {
    require_text(function, arguments, 0)?;
    let source = constant_text(function, arguments, 1)?;
    match parse(&source) {
        Some(steps) => Ok(steps),
        None => {
            bail!(BadArguments, "Unable to parse JSONPath '{}'", String::from_utf8_lossy(&source))
        }
    }
}

fn parse(source: &[u8]) -> Option<Vec<Step>> {
    let mut rest = source.trim_ascii().strip_prefix(b"$")?;
    let mut steps = Vec::new();
    while let Some((first, after)) = rest.split_first() {
        match first {
            b'.' if after.first() == Some(&b'"') => {
                let end = after[1..].iter().position(|b| *b == b'"')? + 1;
                steps.push(Step::Key(after[1..end].to_vec()));
                rest = &after[end + 1..];
            }
            b'.' => {
                let end =
                    after.iter().position(|b| matches!(b, b'.' | b'[')).unwrap_or(after.len());
                if end == 0 {
                    return None;
                }
                steps.push(Step::Key(after[..end].to_vec()));
                rest = &after[end..];
            }
            b'[' => {
                let end = after.iter().position(|b| *b == b']')?;
                let inside = std::str::from_utf8(&after[..end]).ok()?.trim();
                rest = &after[end + 1..];
                if inside == "*" {
                    steps.push(Step::All);
                    continue;
                }
                if let Some(key) = inside.strip_prefix('"').and_then(|k| k.strip_suffix('"')) {
                    steps.push(Step::Key(key.as_bytes().to_vec()));
                    continue;
                }
                let (from, to) = match inside.split_once(" to ") {
                    Some((from, to)) => (from.trim().parse().ok()?, to.trim().parse().ok()?),
                    None => {
                        let at: usize = inside.parse().ok()?;
                        (at, at.checked_add(1)?)
                    }
                };
                steps.push(Step::Range(from, to));
            }
            _ => return None,
        }
    }
    Some(steps)
}

fn find<'a>(json: Json<'a>, steps: &[Step]) -> Vec<Json<'a>> {
    let mut found = vec![json];
    for step in steps {
        let mut next = Vec::new();
        for value in found {
            match step {
                Step::Key(key) => next.extend(value.member(key)),
                Step::Range(..) | Step::All if value.kind() != Kind::Array => {}
                Step::Range(from, to) => {
                    next.extend(value.items().take(*to).skip(*from).map(|(_, item)| item));
                }
                Step::All => next.extend(value.items().map(|(_, item)| item)),
            }
        }
        found = next;
    }
    found
}

/// The first scalar, null written as such; with settings also the first object or array, and NULL where none is found.
fn value(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let path = path_of("JSON_VALUE", arguments)?;
    let nullable = context.flag("function_json_value_return_type_allow_nullable");
    let complex = context.flag("function_json_value_return_type_allow_complex");
    let result = if nullable { DataType::String.nullable() } else { DataType::String };
    Ok(Bound::new(result, move |columns, rows| {
        let strings = Strings::new(&columns[0])?;
        let mut out = BytesBuilder::new(rows);
        let mut found_any = Vec::with_capacity(rows);
        for row in 0..rows {
            let answers = |v: &Json<'_>| complex || !matches!(v.kind(), Kind::Array | Kind::Object);
            let found = Json::parse(strings.get(row))
                .and_then(|json| find(json, &path).into_iter().find(answers));
            found_any.push(found.is_some());
            out.append_with(|out| match found {
                Some(json) if json.kind() == Kind::Null => out.extend_from_slice(b"null"),
                found => super::extract::write_text(found, out),
            });
        }
        let column = out.column()?;
        if nullable { column.with_nulls(Some(found_any.into())) } else { Ok(column) }
    }))
}

fn query(arguments: &[Argument]) -> Result<Bound> {
    let path = path_of("JSON_QUERY", arguments)?;
    Ok(write(move |text, out| {
        let Some(json) = Json::parse(text) else { return };
        let found = find(json, &path);
        if found.is_empty() {
            return;
        }
        out.push(b'[');
        for (at, value) in found.iter().enumerate() {
            if at > 0 {
                out.extend_from_slice(b", ");
            }
            value.write(out);
        }
        out.push(b']');
    }))
}
