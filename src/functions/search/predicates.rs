//! Texts that have tokens, a phrase, or what a query string asks.

use ::text::{Analyzer, PhraseTerm, Query, QueryParser, Tokenizer};
use base::{Result, bail};
use expr::{Argument, FunctionDeclaration};
use types::DataType;

use super::analyzers::{
    behind_number, fields_behind_number, not_utf8, of_argument, read_fields, third, whole_term,
};
use super::declare_predicate;
use super::evaluate::{Asking, Wanted, require_needles};
use crate::text::strings::require_text;

pub(super) static FUNCTIONS: &[FunctionDeclaration] = &[
    declare_predicate!("hasAllTokens", "hasAllTokens(text, needles[, tokenizer])", "1 where a text (or an array of texts) has all tokens of a string, or all of an array of tokens. Text and string are cut by a tokenizer: `default` (words of letters and digits in lower case), `unicode`, `english` or another Snowball language, `splitByNonAlpha`, `splitByString(['...'])`, `ngrams(n)`, `array`, `keyword`.",
        "SELECT hasAllTokens('Rain and Snow', 'snow rain')" => "1", (2, 3), third, |a| has_tokens("hasAllTokens", a, true), aliases: &["hasAllToken"]),
    declare_predicate!("hasAnyTokens", "hasAnyTokens(text, needles[, tokenizer])", "1 where a text has any of the tokens; see `hasAllTokens`.",
        "SELECT hasAnyTokens('Rain and Snow', ['hail', 'snow'])" => "1", (2, 3), third, |a| has_tokens("hasAnyTokens", a, false), aliases: &["hasAnyToken"]),
    declare_predicate!("hasPhrase", "hasPhrase(text, phrase[, slop][, tokenizer])", "1 where the tokens of a phrase stand in a text one after the other, moved by no more than `slop` (0) places altogether; see `hasAllTokens` for tokenizers.",
        "SELECT hasPhrase('The quick brown fox', 'quick brown')" => "1", (2, 4), behind_number, has_phrase, aliases: &["matchPhrase"]),
    declare_predicate!("matchQuery", "matchQuery(text, query[, lenient][, tokenizer])", "1 where a text, or any of a tuple of texts, matches a query in Lucene's syntax: `+must -not \"a phrase\"~2 pre* wil?card /regexp/ fuzzy~1 (a OR b) AND NOT c`. Of a tuple of columns one is named by `column:word` or `column:(several words)`. A query that cannot be read is an error, unless `lenient` is 1. See `hasAllTokens` for tokenizers.",
        "SELECT matchQuery('The quick brown fox', '+brow* -\"brown bear\"')" => "1", (2, 4), behind_number, fields_behind_number, match_query),
];

/// An integer that may be the third argument, and the analyzer of the argument behind it.
pub(super) fn number_and_analyzer(
    function: &str,
    arguments: &[Argument],
) -> Result<(Option<i128>, Analyzer)> {
    let (number, at) = number_behind_query(function, arguments)?;
    Ok((number, of_argument(function, arguments, at)?))
}

/// An integer that may be the third argument, and where the next one stands.
fn number_behind_query(function: &str, arguments: &[Argument]) -> Result<(Option<i128>, usize)> {
    let Some(third) = arguments.get(2) else { return Ok((None, 2)) };
    if !third.data_type.is_integer() {
        if arguments.len() > 3 {
            bail!(
                IllegalTypeOfArgument,
                "Argument 3 of function {function} must be an integer, not {}",
                third.data_type
            );
        }
        return Ok((None, 2));
    }
    match third.constant.as_ref().and_then(|value| value.as_int()) {
        Some(number) => Ok((Some(number), 3)),
        None => bail!(IllegalColumn, "Argument 3 of function {function} must be a constant"),
    }
}

fn has_tokens(function: &'static str, arguments: &[Argument], all: bool) -> Result<Asking> {
    if !arguments[1].data_type.is_string() {
        require_needles(function, arguments)?;
    }
    let analyzer = of_argument(function, arguments, 2)?;
    Ok(Asking::new(analyzer, move |wanted, analyzer| {
        let mut terms = Vec::new();
        if wanted.is_list {
            for item in &wanted.items {
                match whole_term(analyzer, item) {
                    Some(term) => terms.push(term),
                    // No text has what is no token.
                    None if all => return Ok(Query::None),
                    None => {}
                }
            }
        } else {
            terms = analyzer.tokens(wanted.text());
        }
        terms.sort();
        terms.dedup();
        let terms: Vec<Query> = terms.into_iter().map(Query::term).collect();
        Ok(match terms.len() {
            0 => Query::None,
            _ if all => Query::and(terms),
            _ => Query::or(terms),
        })
    }))
}

fn has_phrase(arguments: &[Argument]) -> Result<Asking> {
    const NAME: &str = "hasPhrase";
    require_text(NAME, arguments, 1)?;
    let (slop, analyzer) = number_and_analyzer(NAME, arguments)?;
    let Ok(slop) = u32::try_from(slop.unwrap_or(0)) else {
        bail!(ArgumentOutOfBound, "The slop of function {NAME} must be from 0 to {}", u32::MAX);
    };
    if let Tokenizer::Array | Tokenizer::Keyword = analyzer.tokenizer() {
        let tokenizer = analyzer.tokenizer();
        bail!(BadArguments, "Function '{NAME}' does not support the '{tokenizer}' tokenizer");
    }
    Ok(Asking::new(analyzer, move |wanted, analyzer| Ok(phrase(analyzer, wanted.text(), slop))))
}

fn phrase(analyzer: &Analyzer, text: &[u8], slop: u32) -> Query {
    let mut terms: Vec<PhraseTerm> = Vec::new();
    let mut first = None;
    analyzer.analyze(text, |token| {
        let offset = token.position - *first.get_or_insert(token.position);
        terms.push(PhraseTerm { term: token.text.to_vec(), prefix: false, offset });
    });
    match &mut terms[..] {
        [] => Query::None,
        [one] => Query::term(std::mem::take(&mut one.term)),
        _ => Query::Phrase { field: 0, terms, slop },
    }
}

/// The query of a query string.
pub(super) fn parsed(
    function: &str,
    wanted: &Wanted<'_>,
    analyzer: &Analyzer,
    lenient: bool,
) -> Result<Query> {
    read(function, &QueryParser::of_one(analyzer), wanted, lenient)
}

fn read(function: &str, parser: &QueryParser, wanted: &Wanted<'_>, lenient: bool) -> Result<Query> {
    match std::str::from_utf8(wanted.text()) {
        Ok(query) if lenient => Ok(parser.lenient(query)),
        Ok(query) => parser.strict(query),
        Err(_) if lenient => Ok(parser.lenient(&String::from_utf8_lossy(wanted.text()))),
        Err(_) => Err(not_utf8(function)),
    }
}

fn match_query(arguments: &[Argument]) -> Result<Asking> {
    const NAME: &str = "matchQuery";
    require_text(NAME, arguments, 1)?;
    let (lenient, at) = number_behind_query(NAME, arguments)?;
    let lenient = match lenient {
        None | Some(0) => false,
        Some(1) => true,
        Some(other) => {
            bail!(BadArguments, "Argument lenient of function {NAME} must be 0 or 1, not {other}")
        }
    };
    if let DataType::Tuple(_) = &arguments[0].data_type {
        let fields = read_fields(NAME, arguments, at)?;
        let analyzers = fields.iter().map(|field| field.analyzer.clone()).collect();
        let parser = QueryParser::new(fields, false);
        return Ok(Asking::of_fields(analyzers, move |wanted| {
            read(NAME, &parser, wanted, lenient)
        }));
    }
    let analyzer = of_argument(NAME, arguments, at)?;
    Ok(Asking::new(analyzer, move |wanted, analyzer| parsed(NAME, wanted, analyzer, lenient)))
}
