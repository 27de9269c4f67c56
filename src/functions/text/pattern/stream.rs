//! Regular expressions over texts that arrive piece by piece, by an automaton whose states are made as they are
//! needed (lazy DFA, of the crate `regex-automata`).
//!
//! Only whether there is a match is told, not where, so that nothing of a text is held. Its states take a bounded
//! cache, which is emptied when it is full.

use base::{Error, Result};
use regex_automata::Anchored;
use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson;
use regex_automata::util::{start, syntax};

use super::PROGRAM_BYTES;

/// Memory of the states of one search, in bytes, unless a pattern needs more for the smallest number of them.
const STATE_BYTES: usize = 2 << 20;

/// A regular expression in the syntax of the crate `regex`.
pub(in crate::text) struct Automaton(DFA);

impl Automaton {
    /// `None` where the expression has no such automaton.
    pub(in crate::text) fn new(regex: &str, case_insensitive: bool) -> Option<Automaton> {
        let syntax = syntax::Config::new()
            .utf8(false)
            .dot_matches_new_line(true)
            .case_insensitive(case_insensitive);
        let program = thompson::Config::new().utf8(false).nfa_size_limit(Some(PROGRAM_BYTES));
        let states = DFA::config().cache_capacity(STATE_BYTES).skip_cache_capacity_check(true);
        DFA::builder()
            .syntax(syntax)
            .thompson(program)
            .configure(states)
            .build(regex)
            .ok()
            .map(Automaton)
    }

    /// What searches one text after another.
    pub(in crate::text) fn searcher(&self) -> Searcher<'_> {
        Searcher { automaton: &self.0, cache: self.0.create_cache(), state: None }
    }
}

/// See [`Automaton::searcher`].
pub(in crate::text) struct Searcher<'a> {
    automaton: &'a DFA,
    cache: Cache,
    /// None before the first byte of a text.
    state: Option<LazyStateID>,
}

impl Searcher<'_> {
    /// Takes the next bytes of a text; whether it matches, if that is certain now.
    ///
    /// # Errors
    /// LOGICAL_ERROR where the automaton gives up, for which it has no reason.
    pub(in crate::text) fn push(&mut self, bytes: &[u8]) -> Result<Option<bool>> {
        let mut state = self.state()?;
        for byte in bytes {
            state = self.automaton.next_state(&mut self.cache, state, *byte).map_err(gave_up)?;
            if !state.is_tagged() {
                continue;
            }
            if state.is_match() || state.is_dead() {
                self.state = None;
                return Ok(Some(state.is_match()));
            }
            if state.is_quit() {
                return Err(gave_up("it has no state for a byte"));
            }
        }
        self.state = Some(state);
        Ok(None)
    }

    /// Ends a text: whether it matches, where no piece has told.
    ///
    /// # Errors
    /// Those of `push`.
    pub(in crate::text) fn end(&mut self) -> Result<bool> {
        let state = self.state()?;
        self.state = None;
        let last = self.automaton.next_eoi_state(&mut self.cache, state).map_err(gave_up)?;
        Ok(last.is_match())
    }

    fn state(&mut self) -> Result<LazyStateID> {
        if let Some(state) = self.state {
            return Ok(state);
        }
        let start = start::Config::new().anchored(Anchored::No);
        self.automaton.start_state(&mut self.cache, &start).map_err(gave_up)
    }
}

fn gave_up(reason: impl std::fmt::Display) -> Error {
    Error::logical(format!("an automaton gave up: {reason}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Pattern;

    /// Patterns with everything that looks around a place.
    const PATTERNS: &[&str] = &[
        "",
        "ab",
        "^ab",
        "ab$",
        "^$",
        "a.*b",
        r"\bab",
        r"b\b",
        r"\Bb",
        "a+?b{2}",
        "(?i)AB",
        "[^a]é",
        "é$",
        "a|^b$",
        ".",
        r"\C\C\C\C",
        "(a|b)*é(b|a)",
    ];

    proptest! {
        #[test]
        fn pieces_give_what_the_whole_gives(
            pattern in 0..PATTERNS.len(),
            folded: bool,
            pieces in prop::collection::vec("[abé \n]{0,4}", 0..6),
            cut in 0_usize..24,
        ) {
            let compile = if folded { Pattern::case_insensitive } else { Pattern::new };
            let pattern = compile(PATTERNS[pattern].as_bytes()).unwrap();
            let automaton = pattern.automaton().unwrap();
            let text = pieces.concat().into_bytes();
            // Pieces end anywhere, also within characters.
            let (left, right) = text.split_at(cut.min(text.len()));
            let mut searcher = automaton.searcher();
            for _ in 0..2 {
                let mut told = searcher.push(left).unwrap();
                if told.is_none() {
                    told = searcher.push(right).unwrap();
                }
                let matches = match told {
                    Some(matches) => matches,
                    None => searcher.end().unwrap(),
                };
                prop_assert_eq!(matches, pattern.is_match(&text));
            }
        }
    }
}
