//! Texts cut into tokens.

use ::text::{Analyzer, Token, Tokenizer};
use base::{Result, bail};
use expr::{Argument, Bound, FunctionDeclaration};
use types::{DataType, Value};

use super::analyzers::named;
use crate::text::declare;
use crate::text::strings::{StringListBuilder, Strings, constant_text, require_text};

pub(super) static FUNCTIONS: &[FunctionDeclaration] = &[
    declare!("String splitting", "tokens", "tokens(s[, tokenizer[, parameter]])", "The tokens of a string: runs of ASCII letters, digits and other bytes above 127 (`splitByNonAlpha`, which is usual here), parts between strings (`splitByString`, with an array of them), n-grams (`ngrams`, with their length), the whole (`array`, `keyword`), words in lower case (`default`), words as Unicode finds them (`unicode`), or stems of a Snowball language (`english`).",
        "SELECT tokens('Hello, world')" => "['Hello','world']", (1, 3), |_, a| tokens(a)),
];

fn tokens(arguments: &[Argument]) -> Result<Bound> {
    require_text("tokens", arguments, 0)?;
    let analyzer = analyzer_of(arguments)?;
    // Where tokens are parts of the text they are given as they stand, however long.
    let is_part =
        !analyzer.is_lowercase() && !matches!(analyzer.tokenizer(), Tokenizer::Snowball(_));
    Ok(Bound::new(DataType::array(DataType::String), move |columns, rows| {
        let strings = Strings::new(&columns[0])?;
        let mut out = StringListBuilder::new(rows);
        let mut stream = analyzer.stream();
        for row in 0..rows {
            let text = strings.get(row);
            let mut take = |token: Token<'_>| {
                let part = text.get(token.start as usize..token.end as usize);
                out.item(part.filter(|_| is_part).unwrap_or(token.text));
            };
            stream.push(text, &mut take);
            stream.finish(&mut take);
            out.end_row();
        }
        out.column()
    }))
}

/// The analyzer of a name and of a parameter that stands apart from it.
fn analyzer_of(arguments: &[Argument]) -> Result<Analyzer> {
    if arguments.len() < 2 {
        return named(b"splitByNonAlpha");
    }
    let name = constant_text("tokens", arguments, 1)?;
    let name: &[u8] = match &name[..] {
        b"noop" => b"array",
        b"ngram" => b"ngrams",
        b"split" => b"splitByString",
        other => other,
    };
    let Some(parameter) = arguments.get(2) else { return named(name) };
    let tokenizer = match (name, &parameter.constant) {
        (b"ngrams", Some(Value::Int(length))) => {
            return named(format!("ngrams({length})").as_bytes());
        }
        (b"splitByString", Some(Value::Array(separators))) => {
            let separators = separators.iter().map(|s| s.as_str().map(str::to_owned));
            let Some(separators) = separators.collect::<Option<Vec<String>>>() else {
                bail!(
                    BadArguments,
                    "Separators of tokenizer 'splitByString' must be strings of UTF-8"
                );
            };
            if separators.is_empty() || separators.iter().any(String::is_empty) {
                bail!(
                    BadArguments,
                    "Tokenizer 'splitByString' needs separators, none of them empty"
                );
            }
            Tokenizer::SplitByString(separators)
        }
        (b"ngrams" | b"splitByString", _) => bail!(
            BadArguments,
            "The parameter of tokenizer '{}' must be a constant integer (ngrams) or array of strings (splitByString)",
            String::from_utf8_lossy(name)
        ),
        _ => {
            // An unknown name is told first.
            named(name)?;
            bail!(
                BadArguments,
                "Tokenizer '{}' has no parameter that stands apart",
                String::from_utf8_lossy(name)
            );
        }
    };
    Analyzer::with(tokenizer, None, &[])
}
