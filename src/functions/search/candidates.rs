//! What rows must have, by the terms of a text index, for predicates that are not about tokens: LIKE, `match`, `=`,
//! `hasToken`, `startsWith`, `endsWith`, `position`, `multiSearchAny`. Rows that have it are tested by the predicate itself.
//!
//! 1. Of a string that must occur those terms are certain that its own letters bound on both sides: neither the text
//!    before nor that behind can make them longer. All n-grams of it are.
//! 2. Where nothing is certain there is no condition, and the index is not asked.

use ::text::{Analyzer, Query, Tokenizer};
use expr::{Argument, SearchDeclaration};

use super::evaluate::Wanted;
use crate::text::pattern::required;

/// `like`
pub(crate) const LIKE: SearchDeclaration = SearchDeclaration {
    candidates: Some(|arguments, analyzer| every(literals(text(arguments)?), analyzer)),
    ..SearchDeclaration::NONE
};

/// `startsWith`
pub(crate) const STARTS_WITH: SearchDeclaration = SearchDeclaration {
    candidates: Some(|arguments, analyzer| {
        let run = Run { bytes: text(arguments)?.to_vec(), from_start: true, to_end: false };
        every(vec![run], analyzer)
    }),
    ..SearchDeclaration::NONE
};

/// `endsWith`
pub(crate) const ENDS_WITH: SearchDeclaration = SearchDeclaration {
    candidates: Some(|arguments, analyzer| {
        let run = Run { bytes: text(arguments)?.to_vec(), from_start: false, to_end: true };
        every(vec![run], analyzer)
    }),
    ..SearchDeclaration::NONE
};

/// `equals`
pub(crate) const EQUALS: SearchDeclaration = SearchDeclaration {
    candidates: Some(|arguments, analyzer| every(vec![Run::token(text(arguments)?)], analyzer)),
    ..SearchDeclaration::NONE
};

/// `position`, where it is asked whether there is one.
pub(crate) const POSITION: SearchDeclaration = SearchDeclaration {
    candidates: Some(|arguments, analyzer| {
        let run = Run { bytes: text(arguments)?.to_vec(), from_start: false, to_end: false };
        every(vec![run], analyzer)
    }),
    ..SearchDeclaration::NONE
};

/// `match`
pub(crate) const MATCH: SearchDeclaration = SearchDeclaration {
    candidates: Some(|arguments, analyzer| {
        let runs = required(text(arguments)?).into_iter().map(|literal| Run {
            bytes: literal.bytes,
            from_start: literal.from_start,
            to_end: literal.to_end,
        });
        every(runs.collect(), analyzer)
    }),
    ..SearchDeclaration::NONE
};

/// `hasToken`
pub(crate) const HAS_TOKEN: SearchDeclaration = SearchDeclaration {
    candidates: Some(|arguments, analyzer| every(vec![Run::token(text(arguments)?)], analyzer)),
    ..SearchDeclaration::NONE
};

/// `hasTokenCaseInsensitive`
pub(crate) const HAS_TOKEN_FOLDED: SearchDeclaration = SearchDeclaration {
    candidates: Some(|arguments, analyzer| match analyzer.is_lowercase() {
        true => every(vec![Run::token(text(arguments)?)], analyzer),
        false => None,
    }),
    ..SearchDeclaration::NONE
};

/// `multiSearchAny`
pub(crate) const ANY: SearchDeclaration = SearchDeclaration {
    candidates: Some(|arguments, analyzer| {
        let wanted = Wanted::of_constant(&arguments[1])?;
        let one = |needle: &&[u8]| {
            let run = Run { bytes: needle.to_vec(), from_start: false, to_end: false };
            every(vec![run], analyzer)
        };
        let all: Option<Vec<Query>> = wanted.items.iter().map(one).collect();
        all.map(Query::or)
    }),
    ..SearchDeclaration::NONE
};

/// A string that must occur.
struct Run {
    bytes: Vec<u8>,
    /// Whether the text, or a token of it, begins with it.
    from_start: bool,
    /// Whether the text, or a token of it, ends with it.
    to_end: bool,
}

impl Run {
    fn token(bytes: &[u8]) -> Run {
        Run { bytes: bytes.to_vec(), from_start: true, to_end: true }
    }
}

fn text(arguments: &[Argument]) -> Option<&[u8]> {
    arguments.get(1)?.constant.as_ref()?.as_bytes()
}

/// The runs of a pattern between its wildcards, and between what follows a backslash but has no other meaning.
fn literals(pattern: &[u8]) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut run = Run { bytes: Vec::new(), from_start: true, to_end: true };
    let mut bytes = pattern.iter();
    while let Some(byte) = bytes.next() {
        let literal = match byte {
            b'%' | b'_' => None,
            b'\\' => bytes.next().filter(|escaped| matches!(escaped, b'%' | b'_' | b'\\')),
            other => Some(other),
        };
        match literal {
            Some(byte) => run.bytes.push(*byte),
            None => {
                let next = Run { bytes: Vec::new(), from_start: false, to_end: true };
                let before = std::mem::replace(&mut run, next);
                runs.push(Run { to_end: false, ..before });
            }
        }
    }
    runs.push(run);
    runs
}

/// What a text with all of the runs has.
fn every(runs: Vec<Run>, analyzer: &Analyzer) -> Option<Query> {
    let mut terms: Vec<Vec<u8>> = runs.iter().flat_map(|run| certain(run, analyzer)).collect();
    terms.sort();
    terms.dedup();
    let terms: Vec<Query> = terms.into_iter().map(Query::term).collect();
    (!terms.is_empty()).then(|| Query::and(terms))
}

/// The terms that a text with a run has for certain.
fn certain(run: &Run, analyzer: &Analyzer) -> Vec<Vec<u8>> {
    let Ok(valid) = std::str::from_utf8(&run.bytes) else { return Vec::new() };
    let length = valid.len() as u64;
    let mut found = Vec::new();
    match analyzer.tokenizer() {
        Tokenizer::Ngrams(n) if valid.chars().count() >= *n => {
            analyzer.analyze(valid.as_bytes(), |token| found.push(token.text.to_vec()));
        }
        Tokenizer::Default | Tokenizer::SplitByNonAlpha | Tokenizer::Snowball(_) => {
            analyzer.analyze(valid.as_bytes(), |token| {
                if (token.start > 0 || run.from_start) && (token.end < length || run.to_end) {
                    found.push(token.text.to_vec());
                }
            });
        }
        _ => {}
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(pattern: &str, analyzer: &str) -> Vec<String> {
        let analyzer = Analyzer::new(analyzer).unwrap();
        let runs = literals(pattern.as_bytes());
        let found = runs.iter().flat_map(|run| certain(run, &analyzer));
        found.map(|term| String::from_utf8(term).unwrap()).collect()
    }

    #[test]
    fn only_what_is_bounded_is_certain() {
        assert_eq!(terms("%quick brown fox%", "default"), ["brown"]);
        assert_eq!(terms("Quick brown%", "default"), ["quick"]);
        assert_eq!(terms("%brown fox", "default"), ["fox"]);
        assert_eq!(terms("one", "default"), ["one"]);
        assert_eq!(terms("%a_b c d%", "default"), ["c"]);
        assert_eq!(terms(r"% 50\% off %", "default"), ["50", "off"]);
        assert_eq!(terms("%running horses %", "english"), ["hors"]);
        assert_eq!(terms("%abcd%ef%", "ngrams(3)"), ["abc", "bcd"]);
        assert!(terms("%abc%", "keyword").is_empty());
        assert!(terms("%é", "ngrams(2)").is_empty());
    }
}
