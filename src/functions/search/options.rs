//! How highlights are shown: tags as arguments, further options in a map.

use ::text::{Analyzer, HighlightOptions};
use base::{Result, bail};
use expr::Argument;
use types::{DataType, Value};

use super::analyzers::{named, usual};
use crate::text::strings::{constant_text, illegal};

/// Fragments of a snippet.
const MOST_FRAGMENTS: i128 = 32;
/// Bytes of a fragment.
const LONGEST_FRAGMENT: i128 = 1 << 20;

/// Everything that may be said behind the query.
pub(super) struct Options {
    /// How matches are shown.
    pub(super) shown: HighlightOptions,
    /// What texts and query are analyzed by.
    pub(super) analyzer: Analyzer,
    /// Whether query strings that cannot be read are taken as well as it goes.
    pub(super) lenient: bool,
}

impl Options {
    /// Of the arguments behind the second: two tags, then a map, either left out or not.
    pub(super) fn of_arguments(function: &str, arguments: &[Argument]) -> Result<Options> {
        let mut options =
            Options { shown: HighlightOptions::default(), analyzer: usual()?, lenient: false };
        let tags = arguments.len() >= 4;
        if tags {
            options.shown.before = text_of(function, constant_text(function, arguments, 2)?)?;
            options.shown.after = text_of(function, constant_text(function, arguments, 3)?)?;
        }
        if let Some(map) = arguments.get(if tags { 4 } else { 2 }) {
            options.read(function, map)?;
        }
        Ok(options)
    }

    fn read(&mut self, function: &str, map: &Argument) -> Result<()> {
        if !matches!(map.data_type, DataType::Map(..)) {
            return Err(illegal(function, map));
        }
        let Some(Value::Array(pairs)) = &map.constant else {
            bail!(IllegalColumn, "The options of function {function} must be a constant map");
        };
        for pair in pairs.iter() {
            if let Value::Tuple(pair) = pair
                && let [key, value] = &pair[..]
            {
                self.set(function, key.as_str().unwrap_or_default(), value)?;
            }
        }
        Ok(())
    }

    fn set(&mut self, function: &str, key: &str, value: &Value) -> Result<()> {
        let text = || match value.as_bytes() {
            Some(bytes) => text_of(function, bytes.to_vec()),
            None => bail!(BadArguments, "Option '{key}' of function {function} must be a string"),
        };
        let number = |least: i128, most: i128| {
            let number = match value {
                Value::Int(number) => Some(*number),
                other => other.as_str().and_then(|digits| digits.parse().ok()),
            };
            match number.filter(|number| (least..=most).contains(number)) {
                Some(number) => Ok(number as usize),
                None => bail!(
                    BadArguments,
                    "Option '{key}' of function {function} must be a number from {least} to {most}"
                ),
            }
        };
        match key {
            "before" => self.shown.before = text()?,
            "after" => self.shown.after = text()?,
            "ellipsis" => self.shown.ellipsis = text()?,
            "escape" => self.shown.escape_html = number(0, 1)? == 1,
            "fragments" => self.shown.fragments = number(1, MOST_FRAGMENTS)?,
            "fragment_bytes" => self.shown.fragment_bytes = number(1, LONGEST_FRAGMENT)?,
            "tokenizer" => self.analyzer = named(text()?.as_bytes())?,
            "lenient" => self.lenient = number(0, 1)? == 1,
            other => bail!(
                BadArguments,
                "Unknown option '{other}' of function {function}: there are before, after, escape, \
                 fragments, fragment_bytes, ellipsis, tokenizer, lenient"
            ),
        }
        Ok(())
    }
}

fn text_of(function: &str, bytes: Vec<u8>) -> Result<String> {
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(_) => bail!(BadArguments, "An option of function {function} is not valid UTF-8"),
    }
}
