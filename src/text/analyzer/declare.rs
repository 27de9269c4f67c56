//! The names and parameters of tokenizers.

use std::fmt;

use base::{Error, ErrorCode, Result};

/// How texts are cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tokenizer {
    /// Runs of letters and digits of any script.
    Default,
    /// Words as Unicode's annex 29 finds them.
    Unicode,
    /// As `Default`, and each token is replaced by its stem in a language.
    Snowball(String),
    /// Runs of letters and digits of ASCII and of all other bytes.
    SplitByNonAlpha,
    /// What lies between separators; the first that fits is taken.
    SplitByString(Vec<String>),
    /// Every run of so many characters.
    Ngrams(usize),
    /// Each element of an array (or each text) is a token.
    Array,
    /// The whole text is a token.
    Keyword,
}

/// What stop words `english` stands for.
pub(super) const ENGLISH_STOP_WORDS: &str = "a an and are as at be but by for from has have he her \
    his if in into is it its no not of on or she such that the their then there these they this to \
    was were which will with you";

/// The longest n-gram.
const LONGEST_NGRAM: usize = 16;

fn refused(message: String) -> Error {
    Error::new(ErrorCode::BadArguments, message)
}

impl Tokenizer {
    /// Reads `default`, `unicode`, `english` (or any other Snowball language), `splitByNonAlpha`,
    /// `splitByString([', ', '; '])`, `ngrams(3)`, `array`, `keyword`.
    ///
    /// # Errors
    /// BAD_ARGUMENTS for anything else.
    pub fn parse(text: &str) -> Result<Tokenizer> {
        let text = text.trim();
        let (name, arguments) = match text.split_once('(') {
            None => (text, None),
            Some((name, rest)) => {
                let inner = rest.strip_suffix(')').ok_or_else(|| {
                    refused(format!("Tokenizer '{text}' lacks its closing bracket"))
                })?;
                (name.trim(), Some(inner.trim()))
            }
        };
        let without = |tokenizer| match arguments {
            None | Some("") => Ok(tokenizer),
            Some(_) => Err(refused(format!("Tokenizer '{name}' has no parameters"))),
        };
        match name {
            "default" => without(Tokenizer::Default),
            "unicode" => without(Tokenizer::Unicode),
            "splitByNonAlpha" => without(Tokenizer::SplitByNonAlpha),
            "array" => without(Tokenizer::Array),
            "keyword" => without(Tokenizer::Keyword),
            "ngrams" => ngrams(arguments.unwrap_or("3")),
            "splitByString" => split_by_string(arguments.unwrap_or("[' ']")),
            language => match frostem::Algorithm::from_name(language) {
                Ok(_) => without(Tokenizer::Snowball(language.to_lowercase())),
                Err(_) => Err(refused(format!(
                    "Unknown tokenizer '{name}': there are default, unicode, splitByNonAlpha, \
                     splitByString, ngrams, array, keyword and the Snowball languages"
                ))),
            },
        }
    }

    /// Whether its tokens are put into lower case unless another choice is made.
    pub(super) fn lowers(&self) -> bool {
        matches!(self, Tokenizer::Default | Tokenizer::Unicode | Tokenizer::Snowball(_))
    }
}

fn ngrams(argument: &str) -> Result<Tokenizer> {
    match argument.parse::<usize>() {
        Ok(n) if (1..=LONGEST_NGRAM).contains(&n) => Ok(Tokenizer::Ngrams(n)),
        _ => Err(refused(format!(
            "Tokenizer 'ngrams' needs a length from 1 to {LONGEST_NGRAM}, not '{argument}'"
        ))),
    }
}

fn split_by_string(arguments: &str) -> Result<Tokenizer> {
    let wrong = |why: &str| refused(format!("Tokenizer 'splitByString({arguments})': {why}"));
    let separators = strings(arguments).map_err(wrong)?;
    if separators.iter().any(String::is_empty) {
        return Err(wrong("a separator is empty"));
    }
    if separators.is_empty() {
        return Err(wrong("there are no separators"));
    }
    Ok(Tokenizer::SplitByString(separators))
}

/// A list as `write_quoted` writes it.
pub(super) fn quoted(text: &str) -> Result<Vec<String>> {
    strings(text).map_err(|why| refused(format!("Stop words {text}: {why}")))
}

/// Reads a list of quoted strings, with or without square brackets.
fn strings(text: &str) -> std::result::Result<Vec<String>, &'static str> {
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let mut chars = inner.unwrap_or(text).chars().peekable();
    let mut found = Vec::new();
    loop {
        while chars.next_if(|c| c.is_whitespace() || *c == ',').is_some() {}
        match chars.next() {
            None => return Ok(found),
            Some('\'') => {}
            Some(_) => return Err("a list of quoted strings is expected"),
        }
        let mut string = String::new();
        loop {
            match chars.next() {
                None => return Err("a quote is not closed"),
                Some('\'') => break,
                Some('\\') => string.push(match chars.next() {
                    Some('n') => '\n',
                    Some('t') => '\t',
                    Some('r') => '\r',
                    Some(other) => other,
                    None => return Err("a quote is not closed"),
                }),
                Some(other) => string.push(other),
            }
        }
        found.push(string);
    }
}

/// Writes `['a', 'b']`, with escapes.
pub(super) fn write_quoted(
    f: &mut fmt::Formatter<'_>,
    strings: impl IntoIterator<Item = impl AsRef<str>>,
) -> fmt::Result {
    f.write_str("[")?;
    for (index, string) in strings.into_iter().enumerate() {
        let comma = if index > 0 { ", " } else { "" };
        let escaped = string
            .as_ref()
            .replace('\\', "\\\\")
            .replace('\'', "\\'")
            .replace('\n', "\\n")
            .replace('\t', "\\t")
            .replace('\r', "\\r");
        write!(f, "{comma}'{escaped}'")?;
    }
    f.write_str("]")
}

impl fmt::Display for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Tokenizer::Default => f.write_str("default"),
            Tokenizer::Unicode => f.write_str("unicode"),
            Tokenizer::Snowball(language) => f.write_str(language),
            Tokenizer::SplitByNonAlpha => f.write_str("splitByNonAlpha"),
            Tokenizer::Ngrams(n) => write!(f, "ngrams({n})"),
            Tokenizer::Array => f.write_str("array"),
            Tokenizer::Keyword => f.write_str("keyword"),
            Tokenizer::SplitByString(separators) => {
                f.write_str("splitByString(")?;
                write_quoted(f, separators)?;
                f.write_str(")")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back() {
        for name in [
            "default",
            "unicode",
            "english",
            "german",
            "splitByNonAlpha",
            "array",
            "keyword",
            "ngrams(4)",
            r"splitByString([', ', 'it\'s', '\\n', '\n'])",
        ] {
            assert_eq!(Tokenizer::parse(name).unwrap().to_string(), name);
        }
        let one = Tokenizer::SplitByString(vec!["ab".into()]);
        assert_eq!(Tokenizer::parse("splitByString('ab')").unwrap(), one);
    }

    #[test]
    fn analyzers_come_back() {
        for text in [
            "english",
            "default, lowercase = 0",
            "keyword, lowercase = 1, stopwords = [', stopwords = [', 'a b', 'it\\'s']",
            "splitByString([', stopwords = [']), stopwords = ['the']",
            "splitByString([', stopwords = ['])",
        ] {
            let analyzer = crate::Analyzer::new(text).unwrap();
            assert_eq!(analyzer.to_string(), text);
        }
        assert!(crate::Analyzer::new("default, stopwords = ['a").is_err());
        assert!(crate::Analyzer::new("default, stopwords = ['a, b]").is_err());
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (name, why) in [
            ("nonsense", "Unknown tokenizer 'nonsense'"),
            ("ngrams(0)", "a length from 1 to 16, not '0'"),
            ("ngrams(3", "closing bracket"),
            ("default(1)", "has no parameters"),
            ("splitByString([])", "no separators"),
            ("splitByString([''])", "is empty"),
            ("splitByString('a)", "not closed"),
        ] {
            let error = Tokenizer::parse(name).unwrap_err().to_string();
            assert!(error.contains(why), "{name}: {error}");
        }
    }
}
