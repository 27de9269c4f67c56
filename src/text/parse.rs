//! Query strings in Lucene's usual syntax.
//!
//! ```text
//! query    part (["OR" | "||"] part)*           NOT binds tighter than AND, AND than OR and than
//! part     clause (("AND" | "&&") clause)*      standing side by side
//! clause   ["+" | "-" | "!" | "NOT"] [field ":"] value ["^" boost]
//! value    word | word~ | word~1 | pre* | wil?d | /regular expression/
//!          | "a phrase" | "a phrase"~2 | "a phra*" | "(" query ")" | "*"
//! ```
//!
//! A backslash takes the meaning from the character behind it. Words are analyzed by the analyzer
//! of their field; one that gives several tokens is a phrase, one that gives none is left out.
//! Without a field all default fields are asked, and the best of them counts.
//!
//! The strict mode tells where it cannot go on. The lenient mode never fails: it blanks the place
//! and begins again, and takes what is hopeless for plain words.

mod lexer;

use base::{Error, ErrorCode, Result};

use crate::analyzer::Analyzer;
use crate::pattern::Matcher;
use crate::query::{Edits, Pattern, PhraseTerm, Query};
use lexer::{Lexer, Symbol, Word};

/// How deep brackets may be nested.
const DEEPEST: usize = 100;
/// Places that the lenient mode blanks before it takes everything for words.
const MOST_REPAIRS: usize = 64;

/// A field that query strings may name.
#[derive(Debug, Clone)]
pub struct ParserField {
    /// Its name.
    pub name: String,
    /// What its words are analyzed by.
    pub analyzer: Analyzer,
    /// What its scores are multiplied by.
    pub boost: f32,
    /// Whether words without a field ask it.
    pub is_default: bool,
}

/// What makes queries from strings.
#[derive(Debug, Clone)]
pub struct QueryParser {
    fields: Vec<ParserField>,
    all_words: bool,
}

/// A clause that failed: where, and why.
pub(super) struct Failure {
    at: usize,
    why: String,
}

type Parsed<T> = std::result::Result<T, Failure>;

/// What a clause asks of a row.
#[derive(Clone, Copy, PartialEq)]
enum Occur {
    Plain,
    Must,
    MustNot,
}

impl QueryParser {
    /// A parser for the fields of an index each, by their numbers. With `all_words` words that
    /// stand side by side must all occur, otherwise any.
    pub fn new(fields: Vec<ParserField>, all_words: bool) -> QueryParser {
        QueryParser { fields, all_words }
    }

    /// A parser for one field without a name.
    pub fn of_one(analyzer: &Analyzer) -> QueryParser {
        let analyzer = analyzer.clone();
        let field = ParserField { name: String::new(), analyzer, boost: 1.0, is_default: true };
        QueryParser::new(vec![field], false)
    }

    /// The query of a string.
    ///
    /// # Errors
    /// SYNTAX_ERROR, telling the character where it cannot go on.
    pub fn strict(&self, text: &str) -> Result<Query> {
        self.attempt(text).map_err(|Failure { at, why }| {
            let character = text.get(..at).map_or(at, |before| before.chars().count()) + 1;
            let message = format!("Text query, at character {character}: {why}");
            Error::new(ErrorCode::SyntaxError, message)
        })
    }

    /// The query of a string, whatever it is.
    pub fn lenient(&self, text: &str) -> Query {
        let mut bytes = text.as_bytes().to_vec();
        for _ in 0..MOST_REPAIRS {
            let Ok(repaired) = std::str::from_utf8(&bytes) else { break };
            match self.attempt(repaired) {
                Ok(query) => return query,
                Err(Failure { at, .. }) => {
                    let Some(c) = repaired.get(at..).and_then(|rest| rest.chars().next()) else {
                        break;
                    };
                    bytes[at..at + c.len_utf8()].fill(b' ');
                }
            }
        }
        let words = text.split_whitespace().filter_map(|word| {
            self.everywhere(None, &mut |field| Ok(self.words(field, word, false, 0, None))).ok()
        });
        Query::or(words.collect())
    }

    fn attempt(&self, text: &str) -> Parsed<Query> {
        let mut parsing = Parsing { parser: self, lexer: Lexer::new(text)? };
        let query = parsing.query(0)?;
        match parsing.lexer.peek() {
            None => Ok(query),
            Some(_) => Err(parsing.lexer.failure("there is no opening bracket for this one")),
        }
    }

    fn field(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name == name)
    }

    /// A clause for a field, or for all default ones.
    fn everywhere(
        &self,
        field: Option<usize>,
        make: &mut dyn FnMut(usize) -> Parsed<Query>,
    ) -> Parsed<Query> {
        let mut queries = Vec::new();
        for (number, declared) in self.fields.iter().enumerate() {
            if field.map_or(declared.is_default, |field| field == number) {
                queries.push(make(number)?.boost(declared.boost));
            }
        }
        Ok(match queries.len() {
            1 => queries.remove(0),
            _ => Query::Best { queries, share: 0.0 },
        })
    }

    /// The words of a text in a field: a term, a phrase, or what matches nothing.
    fn words(
        &self,
        field: usize,
        text: &str,
        prefix: bool,
        slop: u32,
        fuzzy: Option<Edits>,
    ) -> Query {
        let mut terms = Vec::new();
        self.fields[field].analyzer.analyze(text.as_bytes(), |token| {
            terms.push((token.text.to_vec(), token.position));
        });
        let first = terms.first().map_or(0, |(_, position)| *position);
        let last = terms.len().saturating_sub(1);
        if let (Some(edits), [(term, _)]) = (fuzzy, &terms[..]) {
            let pattern = Pattern::Fuzzy { term: term.clone(), edits, exact: 0 };
            return Query::Pattern { field, pattern };
        }
        match &mut terms[..] {
            [] => Query::None,
            [(term, _)] if prefix => {
                Query::Pattern { field, pattern: Pattern::Prefix(std::mem::take(term)) }
            }
            [(term, _)] => Query::Term { field, term: std::mem::take(term) },
            terms => {
                let terms = terms.iter_mut().enumerate().map(|(index, (term, position))| {
                    let prefix = prefix && index == last;
                    PhraseTerm { term: std::mem::take(term), prefix, offset: *position - first }
                });
                Query::Phrase { field, terms: terms.collect(), slop }
            }
        }
    }
}

struct Parsing<'p, 't> {
    parser: &'p QueryParser,
    lexer: Lexer<'t>,
}

impl Parsing<'_, '_> {
    fn query(&mut self, depth: usize) -> Parsed<Query> {
        if depth > DEEPEST {
            return Err(self.lexer.failure("brackets are nested too deep"));
        }
        let mut clauses: Vec<(Occur, Query)> = Vec::new();
        // Whether the next clause stands behind an OR.
        let mut either = false;
        loop {
            match self.lexer.peek() {
                None | Some(Symbol::Close) => break,
                Some(Symbol::Or) if !clauses.is_empty() && !either => {
                    self.lexer.next()?;
                    either = true;
                    if let Some((occur @ Occur::Must, _)) = clauses.last_mut()
                        && self.parser.all_words
                    {
                        *occur = Occur::Plain;
                    }
                }
                Some(Symbol::Or | Symbol::And) => {
                    return Err(self.lexer.failure("an operator lacks what stands before it"));
                }
                Some(_) => {
                    if let Some((mut occur, query)) = self.part(depth)? {
                        if occur == Occur::Plain && self.parser.all_words && !either {
                            occur = Occur::Must;
                        }
                        clauses.push((occur, query));
                    }
                    either = false;
                }
            }
        }
        if either {
            return Err(self.lexer.failure("an operator lacks what stands behind it"));
        }
        Ok(combine(clauses))
    }

    /// Clauses joined by AND; none where nothing is left of them.
    fn part(&mut self, depth: usize) -> Parsed<Option<(Occur, Query)>> {
        let first = self.clause(depth)?;
        if !matches!(self.lexer.peek(), Some(Symbol::And)) {
            return Ok(first);
        }
        let mut clauses = Vec::from_iter(first);
        while matches!(self.lexer.peek(), Some(Symbol::And)) {
            self.lexer.next()?;
            if matches!(self.lexer.peek(), None | Some(Symbol::Close | Symbol::And | Symbol::Or)) {
                return Err(self.lexer.failure("an operator lacks what stands behind it"));
            }
            clauses.extend(self.clause(depth)?);
        }
        for (occur, _) in &mut clauses {
            if *occur == Occur::Plain {
                *occur = Occur::Must;
            }
        }
        Ok((!clauses.is_empty()).then(|| (Occur::Plain, combine(clauses))))
    }

    fn clause(&mut self, depth: usize) -> Parsed<Option<(Occur, Query)>> {
        let mut occur = Occur::Plain;
        loop {
            occur = match self.lexer.peek() {
                Some(Symbol::Plus) => Occur::Must,
                Some(Symbol::Minus | Symbol::Not) if occur == Occur::MustNot => Occur::Must,
                Some(Symbol::Minus | Symbol::Not) => Occur::MustNot,
                _ => break,
            };
            self.lexer.next()?;
        }
        let mut field = None;
        if let Some(Symbol::Field(name)) = self.lexer.peek() {
            let Some(number) = self.parser.field(name) else {
                return Err(self.lexer.failure(&format!("there is no field '{name}'")));
            };
            field = Some(number);
            self.lexer.next()?;
        }
        let Some(query) = self.value(field, depth)? else { return Ok(None) };
        let boost = self.lexer.boost()?;
        Ok(Some((occur, query.boost(boost))))
    }

    fn value(&mut self, field: Option<usize>, depth: usize) -> Parsed<Option<Query>> {
        let start = self.lexer.position();
        let failure = |why: String| Failure { at: start, why };
        let parser = self.parser;
        let query = match self.lexer.next()? {
            Some(Symbol::Open) => {
                // A field before a bracket is the only default one within.
                let narrowed = field.map(|field| parser.only(field));
                let parser = narrowed.as_ref().unwrap_or(parser);
                let mut inner = Parsing { parser, lexer: self.lexer.clone() };
                let query = inner.query(depth + 1)?;
                self.lexer = inner.lexer;
                self.close(start)?;
                query
            }
            Some(Symbol::Phrase { text, prefix, slop }) => parser
                .everywhere(field, &mut |field| {
                    Ok(parser.words(field, &text, prefix, slop, None))
                })?,
            Some(Symbol::Regex(regex)) => parser.everywhere(field, &mut |field| {
                let pattern = Pattern::Regex(regex.clone());
                check(&pattern).map_err(failure)?;
                Ok(Query::Pattern { field, pattern })
            })?,
            Some(Symbol::Word(word)) => self.word(field, &word, start)?,
            _ => return Err(failure("a word, a phrase or a bracket is missing".into())),
        };
        Ok(if query == Query::None { None } else { Some(query) })
    }

    fn close(&mut self, open: usize) -> Parsed<()> {
        match self.lexer.next()? {
            Some(Symbol::Close) => Ok(()),
            _ => Err(Failure { at: open, why: "this bracket is not closed".into() }),
        }
    }

    fn word(&mut self, field: Option<usize>, word: &Word, start: usize) -> Parsed<Query> {
        let parser = self.parser;
        if word.wildcard == "*" && word.is_pattern {
            return Ok(Query::All);
        }
        parser.everywhere(field, &mut |field| {
            if !word.is_pattern {
                return Ok(parser.words(field, &word.text, false, 0, word.fuzzy));
            }
            let analyzer = &parser.fields[field].analyzer;
            let pattern = match &word.prefix {
                Some(prefix) => Pattern::Prefix(analyzer.normalize(prefix.as_bytes())),
                None => {
                    let lowered = analyzer.normalize(word.wildcard.as_bytes());
                    Pattern::Wildcard(String::from_utf8_lossy(&lowered).into_owned())
                }
            };
            check(&pattern).map_err(|why| Failure { at: start, why })?;
            Ok(Query::Pattern { field, pattern })
        })
    }
}

impl QueryParser {
    /// The same with one default field.
    fn only(&self, field: usize) -> QueryParser {
        let mut narrowed = self.clone();
        for (number, declared) in narrowed.fields.iter_mut().enumerate() {
            declared.is_default = number == field;
        }
        narrowed
    }
}

/// Whether a pattern can be compiled.
fn check(pattern: &Pattern) -> std::result::Result<(), String> {
    Matcher::new(pattern).map(|_| ()).map_err(|error| error.message().to_string())
}

fn combine(mut clauses: Vec<(Occur, Query)>) -> Query {
    if let [(Occur::Plain | Occur::Must, _)] = clauses[..] {
        return clauses.remove(0).1;
    }
    let (mut must, mut should, mut must_not) = (Vec::new(), Vec::new(), Vec::new());
    for (occur, query) in clauses {
        match occur {
            Occur::Must => must.push(query),
            Occur::Plain => should.push(query),
            Occur::MustNot => must_not.push(query),
        }
    }
    if must.is_empty() && should.is_empty() {
        if must_not.is_empty() {
            return Query::None;
        }
        must.push(Query::All);
    }
    let at_least = usize::from(must.is_empty());
    Query::Bool { must, should, must_not, at_least }
}

#[cfg(test)]
mod tests;
