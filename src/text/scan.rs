//! Evaluates queries over texts themselves, with the answers and scores an index would give.
//!
//! A text is analyzed once; of its tokens only those are kept that the query asks for. What a
//! term adds, how often a phrase stands and what a pattern matches is decided by the functions
//! that searches over indexes use.

use std::collections::HashSet;

use base::{Error, ErrorCode, Result};

use crate::analyzer::{Analyzer, Token, TokenStream};
use crate::pattern::Matcher;
use crate::query::{Pattern, PhraseTerm, Query};
use crate::score::{Bm25, Norm};
use crate::search::{check_boost, phrase_frequency};
use crate::statistics::{Map, Statistics};

/// A query made ready to be asked of texts.
pub struct ScanQuery {
    root: Node,
    fields: Vec<Field>,
}

/// What is asked of one field, and what its text has of it.
struct Field {
    stream: TokenStream,
    norm: Norm,
    /// Numbers of the terms that are asked for.
    terms: Map<Vec<u8>, usize>,
    /// Positions of each of these in the text.
    positions: Vec<Vec<u32>>,
    patterns: Vec<PatternState>,
    length: u32,
}

struct PatternState {
    pattern: Pattern,
    matcher: Matcher,
    /// What the matching tokens weigh, by the token; and where they are.
    found: Map<Vec<u8>, (f32, u32)>,
    positions: Vec<u32>,
}

enum Node {
    All,
    None,
    Term {
        field: usize,
        term: usize,
        weight: f32,
    },
    /// Fuzzy terms are scored one by one, other patterns all the same.
    Pattern {
        field: usize,
        pattern: usize,
        weight: f64,
        fuzzy: bool,
    },
    Phrase {
        field: usize,
        slots: Vec<Slot>,
        terms: Vec<(u32, usize)>,
        slop: u32,
        weight: f32,
    },
    Bool {
        must: Vec<Node>,
        should: Vec<Node>,
        must_not: Vec<Node>,
        at_least: usize,
    },
    Best {
        nodes: Vec<Node>,
        share: f64,
    },
    Constant {
        inner: Box<Node>,
        score: f64,
    },
}

enum Slot {
    Term(usize),
    Pattern(usize),
}

impl ScanQuery {
    /// A query over the texts of some fields; without statistics everything scores 0.
    ///
    /// # Errors
    /// BAD_ARGUMENTS for what searches refuse too, and for sets of rows, which texts do not have.
    pub fn new(
        query: &Query,
        analyzers: &[Analyzer],
        statistics: Option<&Statistics>,
        bm25: Bm25,
    ) -> Result<ScanQuery> {
        let average = |number: usize| {
            statistics.and_then(|s| s.fields.get(number)).map_or(0.0, |field| field.average())
        };
        let fields = analyzers.iter().enumerate().map(|(number, analyzer)| Field {
            stream: analyzer.stream(),
            norm: Norm::new(bm25, average(number)),
            terms: Map::default(),
            positions: Vec::new(),
            patterns: Vec::new(),
            length: 0,
        });
        let mut compiling = Compiling { fields: fields.collect(), statistics };
        let scored = statistics.is_some();
        let root = compiling.node(query, 1.0, scored, 0)?;
        Ok(ScanQuery { root, fields: compiling.fields })
    }

    /// The score of a row by the texts of its fields; none if it does not match. An absent text
    /// has no tokens.
    pub fn score(&mut self, texts: &[Option<&[u8]>]) -> Option<f64> {
        self.begin();
        for (number, text) in texts.iter().enumerate() {
            if let Some(text) = text {
                self.push_chunk(number, text);
            }
        }
        self.end()
    }

    /// Whether a row matches.
    pub fn matches(&mut self, texts: &[Option<&[u8]>]) -> bool {
        self.score(texts).is_some()
    }

    /// Adds what a row contributes to the figures that scores of this query need; for tables
    /// without an index. The figures begin with as many fields as the query was made for.
    pub fn add_statistics(&mut self, texts: &[Option<&[u8]>], statistics: &mut Statistics) {
        self.score(texts);
        statistics.fields.resize_with(self.fields.len(), Default::default);
        for (number, (field, text)) in self.fields.iter().zip(texts).enumerate() {
            if text.is_none() {
                continue;
            }
            statistics.fields[number].rows += 1;
            statistics.fields[number].tokens += u64::from(field.length);
            let mut seen = HashSet::new();
            for (term, places) in &field.terms {
                if !field.positions[*places].is_empty() && seen.insert(term) {
                    statistics.add_term(number, term, 1);
                }
            }
            for state in &field.patterns {
                if !matches!(state.pattern, Pattern::Fuzzy { .. }) {
                    continue;
                }
                for term in state.found.keys() {
                    statistics.add_fuzzy(number, &state.pattern, term);
                    if seen.insert(term) {
                        statistics.add_term(number, term, 1);
                    }
                }
            }
        }
    }

    /// Begins a row whose texts come in chunks.
    pub fn begin(&mut self) {
        for field in &mut self.fields {
            field.length = 0;
            field.positions.iter_mut().for_each(Vec::clear);
            for pattern in &mut field.patterns {
                pattern.found.clear();
                pattern.positions.clear();
            }
        }
    }

    /// Takes the next bytes of a field's text.
    pub fn push_chunk(&mut self, field: usize, chunk: &[u8]) {
        if let Some(field) = self.fields.get_mut(field) {
            let Field { stream, terms, positions, patterns, length, .. } = field;
            stream.push(chunk, &mut |token| note(token, terms, positions, patterns, length));
        }
    }

    /// Ends an element of a field's array.
    pub fn end_element(&mut self, field: usize) {
        if let Some(field) = self.fields.get_mut(field) {
            let Field { stream, terms, positions, patterns, length, .. } = field;
            stream.end_element(&mut |token| note(token, terms, positions, patterns, length));
        }
    }

    /// Ends the row: its score if it matches.
    pub fn end(&mut self) -> Option<f64> {
        for field in &mut self.fields {
            let Field { stream, terms, positions, patterns, length, .. } = field;
            stream.finish(&mut |token| note(token, terms, positions, patterns, length));
        }
        self.root.score(&self.fields)
    }
}

/// Keeps a token that is asked for.
#[inline]
fn note(
    token: Token<'_>,
    terms: &Map<Vec<u8>, usize>,
    positions: &mut [Vec<u32>],
    patterns: &mut [PatternState],
    length: &mut u32,
) {
    *length = length.saturating_add(1);
    if let Some(term) = terms.get(token.text) {
        positions[*term].push(token.position);
    }
    for pattern in patterns {
        if let Some((_, count)) = pattern.found.get_mut(token.text) {
            *count += 1;
        } else if let Some(weight) = pattern.matcher.weight(token.text) {
            pattern.found.insert(token.text.to_vec(), (weight, 1));
        } else {
            continue;
        }
        pattern.positions.push(token.position);
    }
}

impl Node {
    fn score(&self, fields: &[Field]) -> Option<f64> {
        match self {
            Node::All => Some(0.0),
            Node::None => None,
            Node::Term { field, term, weight } => {
                let field = &fields[*field];
                let frequency = field.positions[*term].len();
                (frequency > 0).then(|| field.added(*weight, frequency as f32))
            }
            Node::Pattern { field, pattern, weight, fuzzy } => {
                let field = &fields[*field];
                let state = &field.patterns[*pattern];
                if state.found.is_empty() {
                    return None;
                }
                if !fuzzy {
                    return Some(*weight);
                }
                let each = state.found.values();
                let weight = *weight as f32;
                Some(each.map(|(share, count)| field.added(weight * share, *count as f32)).sum())
            }
            Node::Phrase { field, slots, terms, slop, weight } => {
                let field = &fields[*field];
                let places = slots.iter().map(|slot| match slot {
                    Slot::Term(term) => field.positions[*term].clone(),
                    Slot::Pattern(pattern) => field.patterns[*pattern].positions.clone(),
                });
                let frequency = phrase_frequency(&places.collect::<Vec<_>>(), terms, *slop);
                (frequency > 0.0).then(|| field.added(*weight, frequency))
            }
            Node::Bool { must, should, must_not, at_least } => {
                let mut sum = 0.0;
                for node in must {
                    sum += node.score(fields)?;
                }
                if must_not.iter().any(|node| node.score(fields).is_some()) {
                    return None;
                }
                let mut count = 0;
                for score in should.iter().filter_map(|node| node.score(fields)) {
                    sum += score;
                    count += 1;
                }
                (count >= *at_least).then_some(sum)
            }
            Node::Best { nodes, share } => {
                let mut best: Option<f64> = None;
                let mut sum = 0.0;
                for score in nodes.iter().filter_map(|node| node.score(fields)) {
                    best = Some(best.map_or(score, |best| best.max(score)));
                    sum += score;
                }
                best.map(|best| best + share * (sum - best))
            }
            Node::Constant { inner, score } => inner.score(fields).map(|_| *score),
        }
    }
}

impl Field {
    fn added(&self, weight: f32, frequency: f32) -> f64 {
        if weight == 0.0 {
            return 0.0;
        }
        f64::from(weight * self.norm.saturation(frequency, self.length))
    }
}

struct Compiling<'a> {
    fields: Vec<Field>,
    statistics: Option<&'a Statistics>,
}

impl Compiling<'_> {
    fn field(&mut self, field: usize) -> Result<&mut Field> {
        let count = self.fields.len();
        self.fields.get_mut(field).ok_or_else(|| {
            let message = format!("Text query asks field {field}, there are {count}");
            Error::new(ErrorCode::BadArguments, message)
        })
    }

    fn term(&mut self, field: usize, term: &[u8]) -> Result<usize> {
        let field = self.field(field)?;
        let next = field.terms.len();
        let number = *field.terms.entry(term.to_vec()).or_insert(next);
        field.positions.resize_with(field.terms.len(), Vec::new);
        Ok(number)
    }

    fn pattern(&mut self, field: usize, pattern: &Pattern) -> Result<usize> {
        let matcher = Matcher::new(pattern)?;
        let field = self.field(field)?;
        field.patterns.push(PatternState {
            pattern: pattern.clone(),
            matcher,
            found: Map::default(),
            positions: Vec::new(),
        });
        Ok(field.patterns.len() - 1)
    }

    fn idf(&self, field: usize, term: &[u8]) -> f64 {
        let field = self.statistics.and_then(|statistics| statistics.fields.get(field));
        field.map_or(0.0, |field| field.idf(term))
    }

    fn nodes(
        &mut self,
        queries: &[Query],
        boost: f64,
        scored: bool,
        d: usize,
    ) -> Result<Vec<Node>> {
        queries.iter().map(|query| self.node(query, boost, scored, d)).collect()
    }

    fn node(&mut self, query: &Query, boost: f64, scored: bool, depth: usize) -> Result<Node> {
        if depth > crate::search::DEEPEST {
            let message = "Text query is nested too deep";
            return Err(Error::new(ErrorCode::TooDeepRecursion, message));
        }
        let depth = depth + 1;
        Ok(match query {
            Query::All => Node::All,
            Query::None => Node::None,
            Query::Rows(_) => {
                let message = "A set of rows cannot be asked of texts";
                return Err(Error::new(ErrorCode::BadArguments, message));
            }
            Query::Term { field, term } => {
                let weight = if scored { boost * self.idf(*field, term) } else { 0.0 };
                let term = self.term(*field, term)?;
                Node::Term { field: *field, term, weight: weight as f32 }
            }
            Query::Pattern { field, pattern } => {
                let fuzzy = scored && matches!(pattern, Pattern::Fuzzy { .. });
                let figures = self.statistics.and_then(|s| s.fields.get(*field));
                let factor = match figures {
                    Some(figures) if fuzzy => figures.fuzzy_idf(pattern),
                    _ => f64::from(u8::from(scored)),
                };
                let number = self.pattern(*field, pattern)?;
                Node::Pattern { field: *field, pattern: number, weight: boost * factor, fuzzy }
            }
            Query::Phrase { field, terms, slop } => {
                self.phrase(*field, terms, *slop, if scored { boost } else { 0.0 })?
            }
            Query::Bool { must, should, must_not, at_least } => Node::Bool {
                must: self.nodes(must, boost, scored, depth)?,
                should: self.nodes(should, boost, scored, depth)?,
                must_not: self.nodes(must_not, 0.0, false, depth)?,
                at_least: (*at_least).max(usize::from(must.is_empty())),
            },
            Query::Best { queries, share } => Node::Best {
                nodes: self.nodes(queries, boost, scored, depth)?,
                share: check_boost(*share)?.min(1.0),
            },
            Query::Boost(inner, factor) => {
                self.node(inner, boost * check_boost(*factor)?, scored, depth)?
            }
            Query::Constant(inner, score) => {
                let inner = Box::new(self.node(inner, 0.0, false, depth)?);
                Node::Constant {
                    inner,
                    score: if scored { boost * check_boost(*score)? } else { 0.0 },
                }
            }
        })
    }

    fn phrase(
        &mut self,
        field: usize,
        terms: &[PhraseTerm],
        slop: u32,
        boost: f64,
    ) -> Result<Node> {
        let (mut slots, mut places, mut idf) = (Vec::new(), Vec::new(), 0.0);
        let mut numbers = Map::default();
        for PhraseTerm { term, prefix, offset } in terms {
            slots.push(if *prefix {
                Slot::Pattern(self.pattern(field, &Pattern::Prefix(term.clone()))?)
            } else {
                idf += self.idf(field, term);
                Slot::Term(self.term(field, term)?)
            });
            let next = numbers.len();
            places.push((*offset, *numbers.entry((term, *prefix)).or_insert(next)));
        }
        let weight = (boost * idf) as f32;
        Ok(Node::Phrase { field, slots, terms: places, slop, weight })
    }
}
