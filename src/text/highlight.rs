//! Marks in a text what a query asks for, and cuts out the best places.
//!
//! 1. The text is analyzed; every token that a term, a pattern or a phrase of the query asks for
//!    is a match. Tokens of a phrase are matches only where the phrase stands; neighbours of one
//!    phrase make one match, and of overlapping matches the longest is taken.
//! 2. Fragments begin and end between words, near the wished length. A fragment counts what its
//!    matches weigh, different ones more than the same again. The best ones come in the order of
//!    the text.

use std::collections::{HashMap, HashSet};

use base::Result;

use crate::analyzer::Analyzer;
use crate::pattern::Matcher;
use crate::query::{PhraseTerm, Query};
use crate::search::phrase_matches;

/// How matches are shown.
#[derive(Debug, Clone, PartialEq)]
pub struct HighlightOptions {
    /// What stands before a match.
    pub before: String,
    /// What stands behind a match.
    pub after: String,
    /// Whether `&`, `<`, `>`, `"` and `'` of the text are escaped for HTML.
    pub escape_html: bool,
    /// About how many bytes a fragment has.
    pub fragment_bytes: usize,
    /// How many fragments there are at most.
    pub fragments: usize,
    /// What stands between fragments, and where the text goes on.
    pub ellipsis: String,
}

impl Default for HighlightOptions {
    fn default() -> HighlightOptions {
        HighlightOptions {
            before: "<em>".into(),
            after: "</em>".into(),
            escape_html: false,
            fragment_bytes: 150,
            fragments: 3,
            ellipsis: " … ".into(),
        }
    }
}

/// Bytes of a text that match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match {
    /// Where they begin.
    pub start: usize,
    /// Where they end.
    pub end: usize,
    /// Equal for matches of the same clause of the query.
    pub clause: usize,
}

/// A query made ready to mark texts of one field.
pub struct Highlighter {
    analyzer: Analyzer,
    terms: HashMap<Vec<u8>, usize>,
    patterns: Vec<(Matcher, usize)>,
    phrases: Vec<Phrase>,
    clauses: usize,
}

struct Phrase {
    terms: Vec<PhraseTerm>,
    slop: u32,
    clause: usize,
}

struct TokenPlace {
    text: Vec<u8>,
    position: u32,
    start: usize,
    end: usize,
}

impl Highlighter {
    /// What a query asks of a field, exclusions left out.
    ///
    /// # Errors
    /// BAD_ARGUMENTS for a pattern that cannot be read.
    pub fn new(query: &Query, field: usize, analyzer: &Analyzer) -> Result<Highlighter> {
        let mut made = Highlighter {
            analyzer: analyzer.clone(),
            terms: HashMap::new(),
            patterns: Vec::new(),
            phrases: Vec::new(),
            clauses: 0,
        };
        made.add(query, field)?;
        Ok(made)
    }

    fn add(&mut self, query: &Query, wanted: usize) -> Result<()> {
        let clause = self.clauses;
        self.clauses += 1;
        match query {
            Query::Term { field, term } if *field == wanted => {
                self.terms.entry(term.clone()).or_insert(clause);
            }
            Query::Pattern { field, pattern } if *field == wanted => {
                self.patterns.push((Matcher::new(pattern)?, clause));
            }
            Query::Phrase { field, terms, slop } if *field == wanted => {
                self.phrases.push(Phrase { terms: terms.clone(), slop: *slop, clause });
            }
            Query::Bool { must, should, .. } => {
                must.iter().chain(should).try_for_each(|query| self.add(query, wanted))?;
            }
            Query::Best { queries, .. } => {
                queries.iter().try_for_each(|query| self.add(query, wanted))?;
            }
            Query::Boost(inner, _) | Query::Constant(inner, _) => self.add(inner, wanted)?,
            _ => {}
        }
        Ok(())
    }

    /// The matches of a text, in its order, none overlapping another.
    pub fn matches(&self, text: &[u8]) -> Vec<Match> {
        let mut found = Vec::new();
        let mut kept: Vec<TokenPlace> = Vec::new();
        self.analyzer.analyze(text, |token| {
            let (start, end) = (token.start as usize, token.end as usize);
            if let Some(clause) = self.terms.get(token.text) {
                found.push(Match { start, end, clause: *clause });
            }
            for (matcher, clause) in &self.patterns {
                if matcher.weight(token.text).is_some() {
                    found.push(Match { start, end, clause: *clause });
                }
            }
            let wanted = |term: &PhraseTerm| fits(term, token.text);
            if self.phrases.iter().any(|phrase| phrase.terms.iter().any(wanted)) {
                let text = token.text.to_vec();
                kept.push(TokenPlace { text, position: token.position, start, end });
            }
        });
        for phrase in &self.phrases {
            phrase.find(&kept, &mut found);
        }
        longest(found)
    }

    /// The whole text with its matches marked.
    pub fn highlight(&self, text: &[u8], options: &HighlightOptions) -> Vec<u8> {
        let mut out = Vec::with_capacity(text.len() + 64);
        write_marked(text, 0..text.len(), &self.matches(text), options, &mut out);
        out
    }

    /// The best fragments of a text with their matches marked, in the text's order; its beginning
    /// if nothing matches.
    pub fn snippets(&self, text: &[u8], options: &HighlightOptions) -> Vec<Vec<u8>> {
        let matches = self.matches(text);
        let wished = options.fragment_bytes.max(1);
        if matches.is_empty() {
            let end = word_edge(text, wished.min(text.len()));
            let mut out = Vec::new();
            write_marked(text, 0..end, &[], options, &mut out);
            return if out.is_empty() { vec![] } else { vec![out] };
        }
        let chosen = choose(&matches, wished, options.fragments);
        let mut snippets = Vec::new();
        let mut free = 0;
        for (from, to) in chosen {
            let (start, end) = (matches[from].start, matches[to - 1].end);
            let spare = wished.saturating_sub(end - start) / 2;
            let before = word_edge(text, start.saturating_sub(spare)).clamp(free, start);
            let after = word_edge(text, (end + spare).min(text.len())).max(end);
            let next = matches.get(to).map_or(text.len(), |next| next.start);
            let after = if after > next { word_edge(text, next).clamp(end, next) } else { after };
            let mut out = Vec::new();
            write_marked(text, before..after, &matches[from..to], options, &mut out);
            snippets.push(out);
            free = after;
        }
        snippets
    }

    /// The best fragments, joined.
    pub fn snippet(&self, text: &[u8], options: &HighlightOptions) -> Vec<u8> {
        self.snippets(text, options).join(options.ellipsis.as_bytes())
    }
}

fn fits(term: &PhraseTerm, text: &[u8]) -> bool {
    if term.prefix { text.starts_with(&term.term) } else { text == term.term }
}

impl Phrase {
    /// Adds the matches of the phrase: neighbours in the text are one.
    fn find(&self, tokens: &[TokenPlace], found: &mut Vec<Match>) {
        let mut places: Vec<Vec<u32>> = vec![Vec::new(); self.terms.len()];
        let mut numbers = HashMap::new();
        let mut terms = Vec::new();
        for (slot, term) in self.terms.iter().enumerate() {
            let fitting = tokens.iter().filter(|token| fits(term, &token.text));
            places[slot].extend(fitting.map(|token| token.position));
            let next = numbers.len();
            terms.push((term.offset, *numbers.entry((&term.term, term.prefix)).or_insert(next)));
        }
        let mut positions = HashSet::new();
        phrase_matches(&places, &terms, self.slop, |at, _| {
            positions.extend(at.iter().enumerate().map(|(slot, at)| places[slot][*at]));
        });
        let mut last: Option<(u32, Match)> = None;
        for token in tokens.iter().filter(|token| positions.contains(&token.position)) {
            last = match last {
                Some((position, mut joined)) if position + 1 == token.position => {
                    joined.end = token.end;
                    Some((token.position, joined))
                }
                other => {
                    found.extend(other.map(|(_, done)| done));
                    let Self { clause, .. } = *self;
                    Some((token.position, Match { start: token.start, end: token.end, clause }))
                }
            };
        }
        found.extend(last.map(|(_, done)| done));
    }
}

/// Matches that do not overlap: of those that begin first the longest.
fn longest(mut found: Vec<Match>) -> Vec<Match> {
    found.sort_by_key(|found| (found.start, std::cmp::Reverse(found.end), found.clause));
    let mut kept: Vec<Match> = Vec::new();
    for found in found {
        if kept.last().is_none_or(|last| found.start >= last.end) {
            kept.push(found);
        }
    }
    kept
}

/// Runs of matches that fit a fragment, the best ones, in the order of the text.
fn choose(matches: &[Match], wished: usize, most: usize) -> Vec<(usize, usize)> {
    let mut free = vec![true; matches.len()];
    let mut chosen = Vec::new();
    let mut seen = HashSet::new();
    while chosen.len() < most.max(1) {
        let mut best: Option<(usize, usize, usize)> = None;
        for from in (0..matches.len()).filter(|from| free[*from]) {
            let limit = matches[from].start.saturating_add(wished);
            let (mut to, mut new, mut clauses) = (from, 0, HashSet::new());
            while to < matches.len() && free[to] && (to == from || matches[to].end <= limit) {
                let clause = matches[to].clause;
                new += usize::from(clauses.insert(clause))
                    * if seen.contains(&clause) { 10 } else { 100 };
                to += 1;
                if to - from >= MOST_IN_FRAGMENT {
                    break;
                }
            }
            let score = new + (to - from);
            if best.is_none_or(|(most, ..)| score > most) {
                best = Some((score, from, to));
            }
        }
        let Some((_, from, to)) = best else { break };
        free[from..to].fill(false);
        seen.extend(matches[from..to].iter().map(|found| found.clause));
        chosen.push((from, to));
    }
    chosen.sort_unstable();
    chosen
}

/// Matches of a fragment that are counted.
const MOST_IN_FRAGMENT: usize = 64;
/// How far an edge of a word is looked for.
const FARTHEST_EDGE: usize = 40;

/// A place between words at or before another, or within a word between characters.
fn word_edge(text: &[u8], place: usize) -> usize {
    if place == 0 || place >= text.len() {
        return place.min(text.len());
    }
    let from = place.saturating_sub(FARTHEST_EDGE);
    match text[from..place].iter().rposition(u8::is_ascii_whitespace) {
        Some(space) => from + space + 1,
        None => (from..=place).rev().find(|at| text[*at] & 0xc0 != 0x80).unwrap_or(place),
    }
}

fn write_marked(
    text: &[u8],
    range: std::ops::Range<usize>,
    matches: &[Match],
    options: &HighlightOptions,
    out: &mut Vec<u8>,
) {
    let mut at = range.start;
    for found in matches.iter().filter(|m| m.start >= range.start && m.end <= range.end) {
        write_plain(&text[at..found.start], options, out);
        out.extend_from_slice(options.before.as_bytes());
        write_plain(&text[found.start..found.end], options, out);
        out.extend_from_slice(options.after.as_bytes());
        at = found.end;
    }
    write_plain(&text[at..range.end.max(at)], options, out);
}

fn write_plain(text: &[u8], options: &HighlightOptions, out: &mut Vec<u8>) {
    if !options.escape_html {
        out.extend_from_slice(text);
        return;
    }
    for byte in text {
        match byte {
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            b'"' => out.extend_from_slice(b"&quot;"),
            b'\'' => out.extend_from_slice(b"&#39;"),
            other => out.push(*other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::QueryParser;

    fn highlighter(query: &str) -> Highlighter {
        let analyzer = Analyzer::new("english").unwrap();
        let query = QueryParser::of_one(&analyzer).strict(query).unwrap();
        Highlighter::new(&query, 0, &analyzer).unwrap()
    }

    fn check(query: &str, text: &str, expected: &str) {
        let options =
            HighlightOptions { before: "[".into(), after: "]".into(), ..Default::default() };
        let marked = highlighter(query).highlight(text.as_bytes(), &options);
        assert_eq!(String::from_utf8(marked).unwrap(), expected, "{query}");
    }

    #[test]
    fn matches_are_marked() {
        check("run", "He was running, then ran; runs.", "He was [running], then ran; [runs].");
        check("\"quick fox\"", "quick fox, quick red fox", "[quick fox], quick red fox");
        check("\"quick fox\"~1", "quick red fox", "[quick] red [fox]");
        check("\"a b c\" b", "a b c b", "[a b c] [b]");
        check("a -b", "a b", "[a] b");
        check("pre*", "prefix suffix", "[prefix] suffix");
        check("grün", "Grün & GRÜN", "[Grün] & [GRÜN]");
    }

    #[test]
    fn html_is_escaped() {
        let options = HighlightOptions { escape_html: true, ..Default::default() };
        let marked = highlighter("b").highlight(b"<a> & 'b'", &options);
        assert_eq!(marked, b"&lt;a&gt; &amp; &#39;<em>b</em>&#39;");
    }

    #[test]
    fn the_best_fragments_are_cut_out() {
        let filler = "lorem ipsum dolor sit amet ".repeat(20);
        let text = format!("one {filler}one two {filler}three {filler}");
        let options = HighlightOptions { fragment_bytes: 40, fragments: 2, ..Default::default() };
        let snippets = highlighter("one two three").snippets(text.as_bytes(), &options);
        let snippets: Vec<_> =
            snippets.iter().map(|s| std::str::from_utf8(s).unwrap().trim()).collect();
        assert_eq!(snippets.len(), 2);
        assert!(snippets[0].contains("<em>one</em> <em>two</em>"), "{snippets:?}");
        assert!(snippets[1].contains("<em>three</em>"), "{snippets:?}");
        let nothing = highlighter("absent").snippets(text.as_bytes(), &options);
        assert_eq!(nothing, [b"one lorem ipsum dolor sit amet lorem "]);
    }
}
