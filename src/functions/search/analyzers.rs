//! The analyzer that a call names, and what it makes of the words of a query.

use std::sync::Arc;

use ::text::{Analyzer, ParserField};
use base::{Error, Result, bail};
use expr::Argument;
use types::{DataType, Value};

use crate::text::strings::constant_text;

/// What texts are analyzed by where nothing else is said.
const USUAL: &str = "default";

/// The analyzer of a name with its parameters.
pub(super) fn named(name: &[u8]) -> Result<Analyzer> {
    match std::str::from_utf8(name) {
        Ok(name) => Analyzer::new(name),
        Err(_) => bail!(BadArguments, "The name of a tokenizer is not valid UTF-8"),
    }
}

/// The analyzer that an argument names, the usual one if there is no such argument.
pub(super) fn of_argument(function: &str, arguments: &[Argument], at: usize) -> Result<Analyzer> {
    match arguments.get(at) {
        Some(_) => named(&constant_text(function, arguments, at)?),
        None => usual(),
    }
}

/// The usual analyzer.
pub(super) fn usual() -> Result<Analyzer> {
    Analyzer::new(USUAL)
}

/// The term that a word is if it is one token as it stands.
pub(super) fn whole_term(analyzer: &Analyzer, word: &[u8]) -> Option<Vec<u8>> {
    let (mut count, mut whole) = (0, None);
    analyzer.analyze(word, |token| {
        count += 1;
        if token.start == 0 && token.end == word.len() as u64 {
            whole = Some(token.text.to_vec());
        }
    });
    whole.filter(|_| count == 1)
}

/// A part of a term in the case that the analyzer's terms have.
pub(super) fn in_case(analyzer: &Analyzer, part: &[u8]) -> Vec<u8> {
    if !analyzer.is_lowercase() {
        return part.to_vec();
    }
    match std::str::from_utf8(part) {
        Ok(part) => part.chars().flat_map(char::to_lowercase).collect::<String>().into_bytes(),
        Err(_) => part.to_ascii_lowercase(),
    }
}

/// The text of a pattern.
pub(super) fn pattern_text(function: &str, bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|_| not_utf8(function))
}

/// The error of a query that is no text.
pub(super) fn not_utf8(function: &str) -> Error {
    base::error!(BadArguments, "The second argument of function {function} is not valid UTF-8")
}

/// Arguments that stay, and what follows them.
type Completed = (usize, Vec<(Value, DataType)>);

fn name_of(analyzer: &str) -> (Value, DataType) {
    (Value::from(analyzer), DataType::String)
}

/// An analyzer as the third argument, unless there is one.
pub(super) fn third(arguments: &[Argument], analyzer: &str) -> Completed {
    match arguments.len() {
        0..=2 => (arguments.len(), vec![name_of(analyzer)]),
        count => (count, Vec::new()),
    }
}

/// An analyzer behind a number that may be the third argument, unless there is one.
pub(super) fn behind_number(arguments: &[Argument], analyzer: &str) -> Completed {
    match arguments {
        [_, _, third] if third.data_type.is_integer() => (3, vec![name_of(analyzer)]),
        _ => third(arguments, analyzer),
    }
}

/// The names and analyzers of a tuple's texts behind a number that may be the third argument; one that is named there is
/// that of all.
pub(super) fn fields_behind_number(
    arguments: &[Argument],
    fields: &[(String, Option<String>)],
) -> Completed {
    let kept = match arguments {
        [_, _, third, ..] if third.data_type.is_integer() => 3,
        _ => arguments.len().min(2),
    };
    let named = match arguments.get(kept) {
        None => None,
        Some(argument) if argument.data_type.is_string() => argument.constant.as_ref(),
        Some(_) => return (arguments.len(), Vec::new()),
    };
    let named = named.and_then(Value::as_str);
    let texts = fields.iter().map(|(name, own)| {
        let analyzer = named.or(own.as_deref()).unwrap_or(USUAL);
        Value::from(format!("{name}={analyzer}").as_str())
    });
    (kept, vec![(Value::Array(texts.collect()), DataType::Array(Arc::new(DataType::String)))])
}

/// The fields of a tuple of texts as [`fields_behind_number`] tells them.
pub(super) fn read_fields(
    function: &str,
    arguments: &[Argument],
    at: usize,
) -> Result<Vec<ParserField>> {
    let DataType::Tuple(texts) = &arguments[0].data_type else {
        bail!(IllegalTypeOfArgument, "Argument 1 of function {function} must be a tuple of texts");
    };
    if let Some(other) = texts.iter().find(|text| !text.data_type.inner().is_string()) {
        let data_type = &other.data_type;
        bail!(IllegalTypeOfArgument, "Function {function} is of texts, not of {data_type}");
    }
    let told = arguments.get(at).and_then(|argument| argument.constant.as_ref());
    let all = told.and_then(Value::as_str);
    let each = match told {
        Some(Value::Array(each)) => &each[..],
        _ => &[],
    };
    let field = |number: usize| {
        let own = each.get(number).and_then(Value::as_str).and_then(|text| text.split_once('='));
        let name = texts[number].name.clone().unwrap_or_else(|| (number + 1).to_string());
        let (name, analyzer) = match own {
            Some((name, analyzer)) => (name.to_owned(), analyzer),
            None => (name, all.unwrap_or(USUAL)),
        };
        Ok(ParserField { name, analyzer: Analyzer::new(analyzer)?, boost: 1.0, is_default: true })
    };
    (0..texts.len()).map(field).collect()
}

/// An analyzer behind the number of edits, which may be missing too.
pub(super) fn behind_edits(arguments: &[Argument], analyzer: &str) -> Completed {
    match arguments.len() {
        0..=2 => (arguments.len(), vec![name_of("AUTO"), name_of(analyzer)]),
        3 => (3, vec![name_of(analyzer)]),
        count => (count, Vec::new()),
    }
}

/// An analyzer among the options, which are a map behind the other arguments, unless they name one.
pub(super) fn in_options(arguments: &[Argument], analyzer: &str) -> Completed {
    let text = |text: &str| Value::from(text);
    let own = Value::Tuple([text("tokenizer"), text(analyzer)].into());
    let data_type = DataType::map(DataType::String, DataType::String);
    let (kept, mut pairs) = match arguments.last() {
        Some(Argument {
            data_type: DataType::Map(..),
            constant: Some(Value::Array(pairs)),
            ..
        }) => (arguments.len() - 1, pairs.to_vec()),
        _ => (arguments.len(), Vec::new()),
    };
    // Strings that are looked for as they are need no analyzer.
    let plain = arguments.get(1).is_some_and(|a| matches!(a.data_type, DataType::Array(_)));
    let named = pairs.iter().any(|pair| match pair {
        Value::Tuple(pair) => pair.first() == Some(&text("tokenizer")),
        _ => false,
    });
    if plain || named || kept < 2 {
        return (arguments.len(), Vec::new());
    }
    for pair in &mut pairs {
        if let Value::Tuple(both) = pair
            && let [key, Value::Int(number)] = &both[..]
        {
            *pair = Value::Tuple([key.clone(), text(&number.to_string())].into());
        }
    }
    pairs.push(own);
    (kept, vec![(Value::Array(pairs.into()), data_type)])
}
