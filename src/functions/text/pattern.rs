//! Regular expressions in the syntax of RE2, compiled for the crate `regex`.
//!
//! 1. `.` matches line feeds; `\d`, `\w`, `\s`, `\b` are those of ASCII; characters are UTF-8.
//! 2. [`translate`] writes RE2's spelling in `regex`'s: literal braces, `\Q...\E`, brackets in classes.
//! 3. Simple shapes (`shape`) are matched by hand, which is many times faster.

use std::sync::Arc;

use base::{Result, bail};
use regex::bytes::{CaptureLocations, Regex, RegexBuilder};

mod literals;
mod shape;
mod stream;
mod syntax;

pub(crate) use literals::required;
pub(super) use stream::{Automaton, Searcher};

use shape::Shape;

/// Where a group matched.
pub(super) type Span = Option<(usize, usize)>;

/// A compiled regular expression; cheap to clone.
#[derive(Clone)]
pub(super) struct Pattern(Arc<Compiled>);

struct Compiled {
    source: Vec<u8>,
    case_insensitive: bool,
    regex: Regex,
    shape: Option<Shape>,
}

/// Memory of the compiled program, in bytes.
const PROGRAM_BYTES: usize = 32 << 20;

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// CANNOT_COMPILE_REGEXP
    pub(super) fn new(source: &[u8]) -> Result<Pattern> {
        Pattern::compile(source, false)
    }

    /// Compiles a pattern that matches in any case.
    pub(super) fn case_insensitive(source: &[u8]) -> Result<Pattern> {
        Pattern::compile(source, true)
    }

    fn compile(source: &[u8], case_insensitive: bool) -> Result<Pattern> {
        let Ok(text) = std::str::from_utf8(source) else {
            bail!(RegexpError, "A regular expression must be UTF-8");
        };
        let regex = RegexBuilder::new(&syntax::translate(text)?)
            .dot_matches_new_line(true)
            .case_insensitive(case_insensitive)
            .size_limit(PROGRAM_BYTES)
            .dfa_size_limit(PROGRAM_BYTES)
            .build();
        match regex {
            Ok(regex) => {
                let shape = if case_insensitive { None } else { Shape::of(text) };
                Ok(Pattern(Arc::new(Compiled {
                    source: source.to_vec(),
                    case_insensitive,
                    regex,
                    shape,
                })))
            }
            Err(error) => bail!(
                RegexpError,
                "Cannot compile the regular expression {text}: {error}. See \
                 https://github.com/google/re2/wiki/Syntax"
            ),
        }
    }

    /// The pattern as it was given.
    pub(super) fn source(&self) -> &[u8] {
        &self.0.source
    }

    /// The number of groups, without the whole match.
    pub(super) fn groups(&self) -> usize {
        self.0.regex.captures_len() - 1
    }

    /// Whether it matches anywhere.
    #[inline]
    pub(super) fn is_match(&self, text: &[u8]) -> bool {
        match &self.0.shape {
            Some(shape) => shape.matches(text, &mut []),
            None => self.0.regex.is_match(text),
        }
    }

    /// The same for texts that come in pieces, where it has an automaton.
    pub(super) fn automaton(&self) -> Option<Automaton> {
        Automaton::new(self.0.regex.as_str(), self.0.case_insensitive)
    }

    /// The first match at or after an offset.
    pub(super) fn find(&self, text: &[u8], from: usize) -> Span {
        self.0.regex.find_at(text, from).map(|m| (m.start(), m.end()))
    }

    /// What finds matches with their groups.
    pub(super) fn matcher(&self) -> Matcher<'_> {
        Matcher {
            pattern: &self.0,
            locations: self.0.regex.capture_locations(),
            spans: vec![None; self.groups() + 1],
        }
    }
}

/// Finds matches with their groups, reusing memory.
pub(super) struct Matcher<'a> {
    pattern: &'a Compiled,
    locations: CaptureLocations,
    spans: Vec<Span>,
}

impl Matcher<'_> {
    /// The first match at or after an offset: the whole and its groups.
    pub(super) fn find(&mut self, text: &[u8], from: usize) -> Option<&[Span]> {
        if let Some(shape) = &self.pattern.shape
            && from == 0
        {
            return shape.matches(text, &mut self.spans).then_some(&self.spans);
        }
        let regex = &self.pattern.regex;
        if self.spans.len() == 1 {
            let found = regex.find_at(text, from)?;
            self.spans[0] = Some((found.start(), found.end()));
        } else {
            regex.captures_read_at(&mut self.locations, text, from)?;
            for (at, span) in self.spans.iter_mut().enumerate() {
                *span = self.locations.get(at);
            }
        }
        Some(&self.spans)
    }
}

/// Compiles patterns that change from row to row, remembering the last.
pub(super) struct LastPattern {
    compile: fn(&[u8]) -> Result<Pattern>,
    last: Option<Pattern>,
}

impl LastPattern {
    /// With what compiles a pattern.
    pub(super) fn new(compile: fn(&[u8]) -> Result<Pattern>) -> LastPattern {
        LastPattern { compile, last: None }
    }

    /// The compiled pattern.
    pub(super) fn get(&mut self, source: &[u8]) -> Result<&Pattern> {
        if self.last.as_ref().is_none_or(|p| p.source() != source) {
            self.last = None;
        }
        match &mut self.last {
            Some(pattern) => Ok(pattern),
            none => Ok(none.insert((self.compile)(source)?)),
        }
    }
}
