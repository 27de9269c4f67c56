//! Patterns of terms: prefixes, wildcards, regular expressions, terms a few edits away.
//!
//! A pattern is compiled once; it tells whether a term matches, and finds the matching terms of a
//! dictionary. The search goes through the terms in order and keeps the states along the current
//! term, so that what a term shares with the one before is not looked at again; where a
//! beginning can lead nowhere, all terms with it are left out.

use base::{Error, ErrorCode, Result};
use regex_automata::dfa::{Automaton, dense};
use regex_automata::util::primitives::StateID;
use regex_automata::util::syntax;
use regex_automata::{Anchored, MatchKind};

use crate::dictionary::TermEntry;
use crate::index::Index;
use crate::query::{Edits, Pattern};

/// Bytes that the states of a regular expression may take.
const MOST_STATE_BYTES: usize = 8 << 20;
/// Bytes that a pattern's text may have.
const LONGEST_PATTERN: usize = 16 << 10;
/// A number that no character has, to which invalid bytes are added.
const INVALID: u32 = 0x11_0000;

/// A pattern made ready.
pub(crate) enum Matcher {
    Prefix(Vec<u8>),
    States(Box<dense::DFA<Vec<u32>>>),
    Fuzzy(Fuzzy),
}

/// A term of a pattern, with how much its score counts.
pub(crate) struct Expanded {
    pub(crate) term: Vec<u8>,
    pub(crate) entry: TermEntry,
    pub(crate) weight: f32,
}

impl Matcher {
    /// # Errors
    /// BAD_ARGUMENTS for a pattern that cannot be read or needs too many states.
    pub(crate) fn new(pattern: &Pattern) -> Result<Matcher> {
        Ok(match pattern {
            Pattern::Prefix(prefix) => Matcher::Prefix(prefix.clone()),
            Pattern::Wildcard(wildcard) => {
                Matcher::States(Box::new(compile(&regex_of(wildcard), "Wildcard", wildcard)?))
            }
            Pattern::Regex(regex) => {
                Matcher::States(Box::new(compile(regex, "Regular expression", regex)?))
            }
            Pattern::Fuzzy { term, edits, exact } => {
                Matcher::Fuzzy(Fuzzy::new(term, *edits, *exact))
            }
        })
    }

    /// How much a term counts if it matches.
    pub(crate) fn weight(&self, term: &[u8]) -> Option<f32> {
        match self {
            Matcher::Prefix(prefix) => term.starts_with(prefix).then_some(1.0),
            Matcher::States(states) => {
                let mut state = start(states)?;
                for byte in term {
                    state = states.next_state(state, *byte);
                    if states.is_dead_state(state) {
                        return None;
                    }
                }
                accepts(states, state).then_some(1.0)
            }
            Matcher::Fuzzy(fuzzy) => match FuzzyWalk::default().step(fuzzy, term) {
                Step::Match(weight) => Some(weight),
                _ => None,
            },
        }
    }

    /// The matching terms of an index.
    pub(crate) fn expand(&self, index: &Index) -> Result<Vec<Expanded>> {
        let mut found = Vec::new();
        let from = match self {
            Matcher::Prefix(prefix) => prefix.clone(),
            Matcher::States(_) => Vec::new(),
            Matcher::Fuzzy(fuzzy) => fuzzy.exact_bytes.clone(),
        };
        let mut terms = index.iterate(&from)?;
        let mut walk = Walk::default();
        let mut more = terms.advance_to(&from)?;
        while more {
            let step = match self {
                Matcher::Prefix(prefix) if terms.term.starts_with(prefix) => Step::Match(1.0),
                Matcher::Prefix(_) => break,
                Matcher::States(states) => walk.states.step(states, &terms.term),
                Matcher::Fuzzy(fuzzy) => walk.fuzzy.step(fuzzy, &terms.term),
            };
            more = match step {
                Step::Match(weight) => {
                    found.push(Expanded { term: terms.term.clone(), entry: terms.entry, weight });
                    terms.advance()?
                }
                Step::NoMatch => terms.advance()?,
                Step::Dead(length) => match after_prefix(&terms.term[..length]) {
                    Some(next) => terms.advance_to(&next)?,
                    None => false,
                },
            };
        }
        Ok(found)
    }
}

/// The first bytes that come after everything that begins with a prefix.
fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let kept = prefix.iter().rposition(|byte| *byte < 0xff)?;
    let mut next = prefix[..=kept].to_vec();
    next[kept] += 1;
    Some(next)
}

enum Step {
    Match(f32),
    NoMatch,
    /// No term with the first so many bytes matches.
    Dead(usize),
}

#[derive(Default)]
struct Walk {
    states: StateWalk,
    fuzzy: FuzzyWalk,
}

fn shared(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

// -------------------------------------------------------- regular expressions

fn compile(regex: &str, kind: &str, shown: &str) -> Result<dense::DFA<Vec<u32>>> {
    let refused = |why: String| {
        let shown: String = shown.chars().take(200).collect();
        Err(Error::new(ErrorCode::BadArguments, format!("{kind} '{shown}': {why}")))
    };
    if regex.len() > LONGEST_PATTERN {
        return refused(format!("it is longer than {LONGEST_PATTERN} bytes"));
    }
    let built = dense::Builder::new()
        .configure(
            dense::Config::new()
                .start_kind(regex_automata::dfa::StartKind::Anchored)
                .match_kind(MatchKind::All)
                .dfa_size_limit(Some(MOST_STATE_BYTES))
                .determinize_size_limit(Some(MOST_STATE_BYTES)),
        )
        .syntax(syntax::Config::new().utf8(false).dot_matches_new_line(true).nest_limit(100))
        .thompson(
            regex_automata::nfa::thompson::Config::new()
                .utf8(false)
                .nfa_size_limit(Some(MOST_STATE_BYTES)),
        )
        .build(regex);
    match built {
        Ok(states) if start(&states).is_some() => Ok(states),
        Ok(_) => refused("it cannot be matched from the beginning".into()),
        Err(error) if error.is_size_limit_exceeded() => {
            refused(format!("it needs more than {} MiB of states", MOST_STATE_BYTES >> 20))
        }
        Err(error) => {
            // The innermost cause tells what is wrong with the expression.
            let mut cause: &dyn std::error::Error = &error;
            while let Some(inner) = cause.source() {
                cause = inner;
            }
            let told = cause.to_string();
            refused(told.lines().last().unwrap_or(&told).trim_start_matches("error: ").into())
        }
    }
}

fn start(states: &dense::DFA<Vec<u32>>) -> Option<StateID> {
    let config = regex_automata::util::start::Config::new().anchored(Anchored::Yes);
    states.start_state(&config).ok()
}

fn accepts(states: &dense::DFA<Vec<u32>>, state: StateID) -> bool {
    states.is_match_state(states.next_eoi_state(state))
}

/// The regular expression of a wildcard.
fn regex_of(wildcard: &str) -> String {
    let mut regex = String::new();
    let mut chars = wildcard.chars();
    while let Some(c) = chars.next() {
        match c {
            '*' if regex.ends_with("(?s-u:.)*") => {}
            '*' => regex.push_str("(?s-u:.)*"),
            '?' => regex.push_str("(?s:.)"),
            '\\' => push_escaped(&mut regex, chars.next().unwrap_or('\\')),
            other => push_escaped(&mut regex, other),
        }
    }
    regex
}

fn push_escaped(regex: &mut String, c: char) {
    if r"\.+*?()|[]{}^$#&-~/".contains(c) || c.is_ascii_whitespace() {
        regex.push('\\');
    }
    regex.push(c);
}

#[derive(Default)]
struct StateWalk {
    last: Vec<u8>,
    /// The state after each byte of `last`, as far as they are known.
    states: Vec<StateID>,
}

impl StateWalk {
    fn step(&mut self, dfa: &dense::DFA<Vec<u32>>, term: &[u8]) -> Step {
        let known = shared(&self.last, term).min(self.states.len());
        self.states.truncate(known);
        self.last.truncate(known);
        self.last.extend_from_slice(&term[known..]);
        let Some(first) = start(dfa) else { return Step::NoMatch };
        let mut state = self.states.last().copied().unwrap_or(first);
        for (index, byte) in term.iter().enumerate().skip(known) {
            state = dfa.next_state(state, *byte);
            if dfa.is_dead_state(state) {
                return Step::Dead(index + 1);
            }
            self.states.push(state);
        }
        if accepts(dfa, state) { Step::Match(1.0) } else { Step::NoMatch }
    }
}

// ---------------------------------------------------------------------- fuzzy

/// A term and how far others may be from it.
pub(crate) struct Fuzzy {
    units: Vec<u32>,
    edits: usize,
    exact_bytes: Vec<u8>,
}

/// The characters of a term as numbers; bytes that are no UTF-8 count one each.
fn units(term: &[u8]) -> Vec<(u32, usize)> {
    let (mut units, mut end) = (Vec::new(), 0);
    for part in term.utf8_chunks() {
        for c in part.valid().chars() {
            end += c.len_utf8();
            units.push((c as u32, end));
        }
        for byte in part.invalid() {
            end += 1;
            units.push((INVALID + u32::from(*byte), end));
        }
    }
    units
}

impl Fuzzy {
    fn new(term: &[u8], edits: Edits, exact: usize) -> Fuzzy {
        let found = units(term);
        let edits = edits.of(found.len());
        let exact = if edits == 0 { found.len() } else { exact.min(found.len()) };
        let bytes = exact.checked_sub(1).map_or(0, |last| found[last].1);
        Fuzzy {
            units: found.iter().map(|(unit, _)| *unit).collect(),
            edits,
            exact_bytes: term[..bytes].to_vec(),
        }
    }
}

#[derive(Default)]
struct FuzzyWalk {
    last: Vec<u8>,
    /// The characters of `last` that have a row of distances, and where they end.
    units: Vec<(u32, usize)>,
    /// Distances of the first so many characters to every beginning of the wanted term; the first
    /// row is that of no character.
    rows: Vec<Vec<u8>>,
}

impl FuzzyWalk {
    fn step(&mut self, fuzzy: &Fuzzy, term: &[u8]) -> Step {
        if !term.starts_with(&fuzzy.exact_bytes) {
            let length = shared(term, &fuzzy.exact_bytes) + 1;
            return if length > term.len() { Step::NoMatch } else { Step::Dead(length) };
        }
        let wanted = &fuzzy.units;
        let cap = fuzzy.edits as u8 + 1;
        if self.rows.is_empty() {
            self.rows.push((0..=wanted.len()).map(|i| i.min(cap as usize) as u8).collect());
        }
        let found = units(term);
        let known = self.units.iter().zip(&found).take_while(|(a, b)| a == b).count();
        self.units.truncate(known);
        self.rows.truncate(known + 1);
        self.last.clear();
        self.last.extend_from_slice(term);
        for (depth, (unit, end)) in found.iter().enumerate().skip(known) {
            let row = self.next_row(wanted, depth, *unit, cap);
            let alive = row.iter().chain(&self.rows[depth]).any(|distance| *distance < cap);
            self.rows.push(row);
            self.units.push((*unit, *end));
            if !alive {
                return Step::Dead(*end);
            }
        }
        let distance = self.rows[found.len()].last().copied().unwrap_or(cap);
        if distance >= cap {
            return Step::NoMatch;
        }
        let length = wanted.len().min(found.len()).max(1);
        Step::Match((1.0 - f32::from(distance) / length as f32).max(0.1))
    }

    fn next_row(&self, wanted: &[u32], depth: usize, unit: u32, cap: u8) -> Vec<u8> {
        let above = &self.rows[depth];
        let mut row = Vec::with_capacity(wanted.len() + 1);
        row.push((depth + 1).min(cap as usize) as u8);
        for (index, want) in wanted.iter().enumerate() {
            let mut least = (above[index] + u8::from(*want != unit))
                .min(above[index + 1] + 1)
                .min(row[index] + 1);
            if depth > 0
                && index > 0
                && *want == self.units[depth - 1].0
                && wanted[index - 1] == unit
            {
                least = least.min(self.rows[depth - 1][index - 1] + 1);
            }
            row.push(least.min(cap));
        }
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &Pattern, term: &str, expected: bool) {
        let matcher = Matcher::new(pattern).unwrap();
        assert_eq!(matcher.weight(term.as_bytes()).is_some(), expected, "{pattern:?} on {term}");
    }

    #[test]
    fn wildcards_and_expressions_match_whole_terms() {
        for (wildcard, term, expected) in [
            ("wil?card", "wildcard", true),
            ("wil?card", "wilcard", false),
            ("*", "", true),
            ("a*b*c", "aXXbYYc", true),
            ("a*b*c", "aXXbYYcd", false),
            ("gr?n", "grün", true),
            (r"a\*b", "a*b", true),
            (r"a\*b", "aXb", false),
            ("a.b", "axb", false),
        ] {
            check(&Pattern::Wildcard(wildcard.into()), term, expected);
        }
        for (regex, term, expected) in [
            ("ab|abc", "abc", true),
            ("ab|abc", "abcd", false),
            ("[0-9]+", "123", true),
            ("[0-9]+", "123a", false),
            (r"\w+", "grün", true),
        ] {
            check(&Pattern::Regex(regex.into()), term, expected);
        }
    }

    #[test]
    fn edits_are_counted() {
        for (term, other, edits, expected) in [
            ("word", "word", 0, true),
            ("word", "wrod", 1, true),
            ("word", "ward", 1, true),
            ("word", "words", 1, true),
            ("word", "ord", 1, true),
            ("word", "or", 1, false),
            ("word", "or", 2, true),
            ("grün", "grun", 1, true),
            ("ab", "ba", 0, false),
        ] {
            let pattern = |exact| Pattern::Fuzzy {
                term: term.as_bytes().to_vec(),
                edits: Edits::Exactly(edits),
                exact,
            };
            check(&pattern(0), other, expected);
            check(&pattern(1), other, expected && other.starts_with(&term[..1]));
        }
    }

    #[test]
    fn states_are_bounded() {
        let error = Matcher::new(&Pattern::Regex("(a|b)*a(a|b){40}".into())).err().unwrap();
        assert!(error.to_string().contains("MiB of states"), "{error}");
        let error = Matcher::new(&Pattern::Regex("(a".into())).err().unwrap();
        assert!(error.to_string().contains("unclosed group"), "{error}");
    }
}
