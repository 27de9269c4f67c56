//! Hand matchers for the simple shapes that most patterns of queries have.
//!
//! A shape is an anchored sequence of literals, optional literals, and runs of characters other than
//! a few ASCII ones, with groups around some of them: `^https?://(?:www\.)?([^/]+)/.*$`. A run
//! is taken as far as it goes: shapes are only made where what follows a run could not have
//! matched within it, or the run's end is the text's. Optional literals are tried both ways.

use super::Span;

enum Step {
    Literal(Vec<u8>),
    Optional(Vec<u8>),
    /// As many bytes as possible that are none of these; at least so many.
    Run {
        stops: Vec<u8>,
        least: usize,
    },
    /// All that is left; at least so many bytes.
    Rest {
        least: usize,
    },
    Open(usize),
    Close(usize),
    End,
}

/// A matcher of a pattern that begins with `^`.
pub(super) struct Shape {
    steps: Vec<Step>,
}

/// Optional literals double the work at worst, so there may be few.
const MOST_OPTIONAL: usize = 4;

impl Shape {
    /// The shape of a pattern, if it is a simple one.
    pub(super) fn of(pattern: &str) -> Option<Shape> {
        let rest = pattern.strip_prefix('^')?;
        if !pattern.is_ascii() {
            return None;
        }
        let mut parser = Parser { rest: rest.as_bytes(), steps: Vec::new(), groups: 0, open: None };
        while !parser.rest.is_empty() {
            parser.step()?;
        }
        let steps = parser.steps;
        if parser.open.is_some() {
            return None;
        }
        let optional = steps.iter().filter(|s| matches!(s, Step::Optional(_))).count();
        (optional <= MOST_OPTIONAL && Shape::is_deterministic(&steps)).then_some(Shape { steps })
    }

    /// Whether no run could give back bytes to what follows it.
    fn is_deterministic(steps: &[Step]) -> bool {
        let solid = |s: &&Step| !matches!(s, Step::Open(_) | Step::Close(_));
        steps.iter().enumerate().all(|(at, step)| match step {
            Step::Run { stops, .. } => match steps[at + 1..].iter().find(solid) {
                None | Some(Step::End) => true,
                Some(Step::Literal(text)) => stops.contains(&text[0]),
                Some(Step::Rest { least }) => *least == 0,
                Some(_) => false,
            },
            Step::Rest { .. } => match steps[at + 1..].iter().find(solid) {
                None => true,
                Some(Step::End) => steps[at + 1..].iter().filter(solid).count() == 1,
                Some(_) => false,
            },
            _ => true,
        })
    }

    /// Whether a text matches; then `spans` (empty, or of the whole and all groups) are set.
    pub(super) fn matches(&self, text: &[u8], spans: &mut [Span]) -> bool {
        spans.fill(None);
        match run(&self.steps, text, 0, spans) {
            Some(end) => {
                if let Some(whole) = spans.first_mut() {
                    *whole = Some((0, end));
                }
                true
            }
            None => false,
        }
    }
}

/// Runs steps from an offset; returns where the match ends. Recursion is as deep as there are
/// optional literals.
fn run(steps: &[Step], text: &[u8], mut at: usize, spans: &mut [Span]) -> Option<usize> {
    for (number, step) in steps.iter().enumerate() {
        match step {
            Step::Literal(literal) => {
                if !text[at..].starts_with(literal) {
                    return None;
                }
                at += literal.len();
            }
            Step::Optional(literal) => {
                if text[at..].starts_with(literal) {
                    let rest = &steps[number + 1..];
                    if let Some(end) = run(rest, text, at + literal.len(), spans) {
                        return Some(end);
                    }
                }
            }
            Step::Run { stops, least } => {
                let rest = &text[at..];
                let found = match stops[..] {
                    [a] => memchr::memchr(a, rest),
                    [a, b] => memchr::memchr2(a, b, rest),
                    _ => rest.iter().position(|byte| stops.contains(byte)),
                };
                let length = found.unwrap_or(rest.len());
                if length < *least {
                    return None;
                }
                at += length;
            }
            Step::Rest { least } => {
                if text.len() - at < *least {
                    return None;
                }
                at = text.len();
            }
            Step::Open(group) => {
                if let Some(span) = spans.get_mut(*group) {
                    *span = Some((at, at));
                }
            }
            Step::Close(group) => {
                if let Some(Some(span)) = spans.get_mut(*group) {
                    span.1 = at;
                }
            }
            Step::End => {
                if at != text.len() {
                    return None;
                }
            }
        }
    }
    Some(at)
}

struct Parser<'a> {
    rest: &'a [u8],
    steps: Vec<Step>,
    groups: usize,
    open: Option<usize>,
}

impl Parser<'_> {
    fn take(&mut self, prefix: &[u8]) -> bool {
        match self.rest.strip_prefix(prefix) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn step(&mut self) -> Option<()> {
        if self.take(b"(?:") {
            let mut literal = Vec::new();
            while !self.take(b")") {
                literal.push(self.literal()?);
            }
            if literal.is_empty() || !self.take(b"?") || self.rest.starts_with(b"?") {
                return None;
            }
            self.steps.push(Step::Optional(literal));
            return Some(());
        }
        if self.take(b"(") {
            if self.open.is_some() || self.rest.starts_with(b"?") {
                return None;
            }
            self.groups += 1;
            self.open = Some(self.groups);
            self.steps.push(Step::Open(self.groups));
            return Some(());
        }
        if self.take(b")") {
            // A group that is repeated is not simple.
            if matches!(self.rest.first(), Some(b'*' | b'+' | b'?' | b'{')) {
                return None;
            }
            self.steps.push(Step::Close(self.open.take()?));
            return Some(());
        }
        if self.take(b"$") {
            self.steps.push(Step::End);
            return self.rest.is_empty().then_some(());
        }
        if self.take(b".") {
            let least = self.repetition()?;
            self.steps.push(Step::Rest { least });
            return Some(());
        }
        if self.take(b"[^") {
            let mut stops = Vec::new();
            while !self.take(b"]") {
                stops.push(self.class_byte()?);
            }
            let least = self.repetition()?;
            if stops.is_empty() {
                return None;
            }
            self.steps.push(Step::Run { stops, least });
            return Some(());
        }
        let byte = self.literal()?;
        if self.take(b"?") {
            if self.rest.starts_with(b"?") {
                return None;
            }
            self.steps.push(Step::Optional(vec![byte]));
            return Some(());
        }
        match self.steps.last_mut() {
            Some(Step::Literal(literal)) => literal.push(byte),
            _ => self.steps.push(Step::Literal(vec![byte])),
        }
        Some(())
    }

    /// `*` or `+`, greedy: the least number.
    fn repetition(&mut self) -> Option<usize> {
        let least = if self.take(b"*") {
            0
        } else if self.take(b"+") {
            1
        } else {
            return None;
        };
        (!matches!(self.rest.first(), Some(b'?' | b'+' | b'*'))).then_some(least)
    }

    /// A byte that stands for itself and is not repeated.
    fn literal(&mut self) -> Option<u8> {
        let (byte, rest) = match self.rest {
            [b'\\', escaped, rest @ ..] if escaped.is_ascii_punctuation() => (*escaped, rest),
            [byte, rest @ ..] if !br"\.+*?()|[]{}^$".contains(byte) => (*byte, rest),
            _ => return None,
        };
        if matches!(rest.first(), Some(b'*' | b'+' | b'{')) {
            return None;
        }
        self.rest = rest;
        Some(byte)
    }

    fn class_byte(&mut self) -> Option<u8> {
        let (byte, rest) = match self.rest {
            [b'\\', escaped, rest @ ..] if escaped.is_ascii_punctuation() => (*escaped, rest),
            [byte, rest @ ..] if !br"\[-".contains(byte) => (*byte, rest),
            _ => return None,
        };
        if rest.first() == Some(&b'-') {
            return None;
        }
        self.rest = rest;
        Some(byte)
    }
}
