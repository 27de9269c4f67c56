//! Texts that have a token of a pattern.

use ::text::{Analyzer, Edits, Pattern, Query};
use base::{Result, bail};
use expr::{Argument, FunctionDeclaration};

use super::analyzers::{behind_edits, in_case, of_argument, pattern_text, third, whole_term};
use super::declare_predicate;
use super::evaluate::Asking;
use crate::text::strings::{constant_text, require_text};

pub(super) static FUNCTIONS: &[FunctionDeclaration] = &[
    declare_predicate!("hasTokenPrefix", "hasTokenPrefix(text, prefix[, tokenizer])", "1 where a text has a token that begins so; see `hasAllTokens` for tokenizers. Tokens of Snowball languages are stems.",
        "SELECT hasTokenPrefix('Rain and Snow', 'sno')" => "1", (2, 3), third, |a| with_pattern("hasTokenPrefix", a, |_, prefix| Ok(Pattern::Prefix(prefix)))),
    declare_predicate!("hasTokenWildcard", "hasTokenWildcard(text, pattern[, tokenizer])", "1 where a whole token of a text fits a pattern: `*` stands for any characters, `?` for one, `\\\\` before a character for that itself. See `hasAllTokens` for tokenizers.",
    "SELECT hasTokenWildcard('Rain and Snow', 's?o*')" => "1", (2, 3), third, |a| {
        with_pattern("hasTokenWildcard", a, |name, wildcard| Ok(Pattern::Wildcard(pattern_text(name, wildcard)?)))
    }),
    declare_predicate!("hasTokenRegexp", "hasTokenRegexp(text, pattern[, tokenizer])", "1 where a regular expression matches a whole token of a text; tokens of the usual tokenizer are in lower case. See `hasAllTokens` for tokenizers.",
        "SELECT hasTokenRegexp('Rain and Snow', 'sn[a-z]w')" => "1", (2, 3), third, has_token_regexp),
    declare_predicate!("hasTokenFuzzy", "hasTokenFuzzy(text, token[, edits[, tokenizer]])", "1 where a text has a token at most so many edits away (a letter inserted, left out, replaced, or two neighbours swapped): 0, 1, 2, or `AUTO` (none up to 2 characters, one up to 5, else two). See `hasAllTokens` for tokenizers.",
        "SELECT hasTokenFuzzy('Rain and Snow', 'snwo')" => "1", (2, 4), behind_edits, has_token_fuzzy),
];

fn of_pattern(pattern: Pattern) -> Query {
    Query::Pattern { field: 0, pattern }
}

/// A function of a pattern that is put into the case of the tokens.
fn with_pattern(
    function: &'static str,
    arguments: &[Argument],
    make: fn(&str, Vec<u8>) -> Result<Pattern>,
) -> Result<Asking> {
    require_text(function, arguments, 1)?;
    let analyzer = of_argument(function, arguments, 2)?;
    Ok(Asking::new(analyzer, move |wanted, analyzer| {
        Ok(of_pattern(make(function, in_case(analyzer, wanted.text()))?))
    }))
}

fn has_token_regexp(arguments: &[Argument]) -> Result<Asking> {
    const NAME: &str = "hasTokenRegexp";
    require_text(NAME, arguments, 1)?;
    let analyzer = of_argument(NAME, arguments, 2)?;
    Ok(Asking::new(analyzer, |wanted, _| {
        Ok(of_pattern(Pattern::Regex(pattern_text(NAME, wanted.text().to_vec())?)))
    }))
}

fn has_token_fuzzy(arguments: &[Argument]) -> Result<Asking> {
    const NAME: &str = "hasTokenFuzzy";
    require_text(NAME, arguments, 1)?;
    let edits = edits_of(NAME, arguments)?;
    let analyzer = of_argument(NAME, arguments, 3)?;
    Ok(Asking::new(analyzer, move |wanted, analyzer| fuzzy(NAME, analyzer, wanted.text(), edits)))
}

fn edits_of(function: &str, arguments: &[Argument]) -> Result<Edits> {
    let Some(argument) = arguments.get(2) else { return Ok(Edits::Auto) };
    if argument.data_type.is_integer() {
        return match argument.constant.as_ref().and_then(|value| value.as_int()) {
            Some(edits @ 0..=2) => Ok(Edits::Exactly(edits as u8)),
            Some(edits) => bail!(
                ArgumentOutOfBound,
                "The edits of function {function} must be 0, 1, 2 or 'AUTO', not {edits}"
            ),
            None => bail!(IllegalColumn, "Argument 3 of function {function} must be a constant"),
        };
    }
    let named = constant_text(function, arguments, 2)?;
    if !named.eq_ignore_ascii_case(b"AUTO") {
        bail!(
            BadArguments,
            "The edits of function {function} must be 0, 1, 2 or 'AUTO', not '{}'",
            String::from_utf8_lossy(&named)
        );
    }
    Ok(Edits::Auto)
}

fn fuzzy(function: &str, analyzer: &Analyzer, token: &[u8], edits: Edits) -> Result<Query> {
    match whole_term(analyzer, token) {
        Some(term) => Ok(of_pattern(Pattern::Fuzzy { term, edits, exact: 0 })),
        None if token.is_empty() => Ok(Query::None),
        None => bail!(
            BadArguments,
            "The second argument of function {function} must be one token, not '{}'",
            String::from_utf8_lossy(&token[..token.len().min(100)])
        ),
    }
}
