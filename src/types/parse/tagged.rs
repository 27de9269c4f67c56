//! The arguments of Variant, Dynamic and JSON.

use std::sync::Arc;

use base::{Result, bail};

use super::Parser;
use crate::{DataType, JsonPaths};

impl Parser<'_> {
    pub(super) fn variant(&mut self) -> Result<DataType> {
        self.expect('(')?;
        let mut members = Vec::new();
        while !self.eat(')') {
            members.push(self.data_type()?);
            if !self.eat(',') {
                self.expect(')')?;
                break;
            }
        }
        DataType::variant(members)
    }

    pub(super) fn dynamic(&mut self) -> Result<DataType> {
        if !self.eat('(') {
            return Ok(DataType::dynamic());
        }
        let name = self.word()?;
        self.expect('=')?;
        let types = self.integer()?;
        self.expect(')')?;
        match u8::try_from(types) {
            Ok(types @ 0..=254) if name == "max_types" => Ok(DataType::Dynamic(types)),
            _ => bail!(BadArguments, "Dynamic takes max_types=N, N from 0 to 254: {:?}", self.text),
        }
    }

    pub(super) fn json(&mut self) -> Result<DataType> {
        let mut paths = JsonPaths::default();
        if self.eat('(') {
            while !self.eat(')') {
                self.json_argument(&mut paths)?;
                if !self.eat(',') {
                    self.expect(')')?;
                    break;
                }
            }
        }
        Ok(DataType::Json(Arc::new(paths.finish()?)))
    }

    fn json_argument(&mut self, paths: &mut JsonPaths) -> Result<()> {
        let quoted = self.at_quote();
        let word = self.word()?;
        if !quoted && self.eat('=') {
            let number = self.integer()?;
            let Ok(number) = usize::try_from(number) else {
                bail!(BadArguments, "{word} cannot be negative: {:?}", self.text);
            };
            match word.as_str() {
                "max_dynamic_paths" => paths.dynamic_paths = number,
                "max_dynamic_types" => paths.dynamic_types = number,
                _ => bail!(BadArguments, "Unexpected parameter name for JSON type: {word}"),
            }
            return Ok(());
        }
        if !quoted && word.eq_ignore_ascii_case("SKIP") {
            let quoted = self.at_quote();
            let word = self.word()?;
            if !quoted && word.eq_ignore_ascii_case("REGEXP") {
                paths.skipped_patterns.push(self.string()?);
            } else {
                let path = self.path(word)?;
                paths.skipped.push(path);
            }
            return Ok(());
        }
        let path = self.path(word)?;
        let data_type = self.data_type()?;
        paths.typed.push((path, data_type));
        Ok(())
    }

    fn at_quote(&mut self) -> bool {
        self.space();
        self.rest().starts_with('`')
    }

    /// The rest of a path behind its first key.
    fn path(&mut self, first: String) -> Result<String> {
        let mut path = first;
        while self.rest().starts_with('.') {
            self.eat('.');
            path.push('.');
            path.push_str(&self.word()?);
        }
        if path.is_empty() {
            bail!(SyntaxError, "Expected a path of JSON in data type {:?}", self.text);
        }
        Ok(path)
    }
}
