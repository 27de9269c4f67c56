//! Patterns of chains of events, as `(?1)(?t<=3600).*(?2)`, and finding them.

use base::{Result, bail};

/// How the time since the event before is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// An event that meets a condition, counted from 0.
    Event(u32),
    /// Any one event.
    Any,
    /// Any number of events.
    AnyMany,
    /// The next named event comes so long after the last one.
    Time(Comparison, i64),
}

/// A pattern.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    text: String,
    steps: Vec<Step>,
}

/// Steps of a search, after which it is given up.
const MOST_STEPS: usize = 1_000_000;

/// Comparisons as they are written, longer ones first.
const COMPARISONS: [(&str, Comparison); 6] = [
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("==", Comparison::Equal),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
    ("=", Comparison::Equal),
];

impl Pattern {
    /// Reads a pattern of so many conditions.
    ///
    /// # Errors
    /// BAD_ARGUMENTS
    pub(crate) fn parse(pattern: &[u8], conditions: usize) -> Result<Pattern> {
        let text = String::from_utf8_lossy(pattern).into_owned();
        let mut steps = Vec::new();
        let mut rest = text.as_str();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix(".*") {
                steps.push(Step::AnyMany);
                rest = after;
            } else if let Some(after) = rest.strip_prefix('.') {
                steps.push(Step::Any);
                rest = after;
            } else if let Some((inside, after)) =
                rest.strip_prefix("(?").and_then(|rest| rest.split_once(')'))
            {
                steps.push(Pattern::parse_group(inside, conditions, &text)?);
                rest = after;
            } else {
                bail!(BadArguments, "Malformed pattern '{text}' at '{rest}'");
            }
        }
        Ok(Pattern { text, steps })
    }

    fn parse_group(inside: &str, conditions: usize, text: &str) -> Result<Step> {
        if let Some(condition) = inside.strip_prefix('t') {
            for (written, comparison) in COMPARISONS {
                if let Some(seconds) = condition.strip_prefix(written) {
                    let Ok(seconds) = seconds.trim().parse::<u32>() else { break };
                    return Ok(Step::Time(comparison, i64::from(seconds)));
                }
            }
            bail!(
                BadArguments,
                "Malformed pattern '{text}': '(?{inside})' is no condition of time"
            );
        }
        match inside.parse::<usize>() {
            Ok(number) if (1..=conditions).contains(&number) => Ok(Step::Event(number as u32 - 1)),
            Ok(number) => {
                bail!(BadArguments, "Event number {number} is out of range in pattern '{text}'")
            }
            Err(_) => bail!(BadArguments, "Malformed pattern '{text}': '(?{inside})' is no event"),
        }
    }

    /// Finds the first chain among events in the order of time; where it ends.
    ///
    /// # Errors
    /// TOO_SLOW where the pattern makes the search too long.
    pub(crate) fn find(&self, events: &[(i64, u32)]) -> Result<Option<usize>> {
        // A chain starts anywhere, the first start wins.
        let mut taken = 0;
        for start in 0..events.len() {
            if let Some(end) = self.chain(events, start, &mut taken)? {
                return Ok(Some(end));
            }
        }
        Ok(None)
    }

    /// The end of a chain that starts at an event; tries fewer events for `.*` first.
    fn chain(
        &self,
        events: &[(i64, u32)],
        start: usize,
        taken: &mut usize,
    ) -> Result<Option<usize>> {
        // Places to go on from: step, event, time of the last named event.
        let mut open = vec![(0usize, start, None::<i64>)];
        while let Some((step, at, last)) = open.pop() {
            *taken += 1;
            if *taken > MOST_STEPS {
                bail!(
                    TooSlow,
                    "Pattern application proves too difficult, exceeding max iterations \
                     ({MOST_STEPS}): '{}'",
                    self.text
                );
            }
            let Some(found) = self.steps.get(step) else { return Ok(Some(at)) };
            match found {
                Step::Event(condition) => {
                    if let Some((time, met)) = events.get(at)
                        && met >> condition & 1 == 1
                    {
                        open.push((step + 1, at + 1, Some(*time)));
                    }
                }
                Step::Any => {
                    if at < events.len() {
                        open.push((step + 1, at + 1, last));
                    }
                }
                Step::AnyMany => {
                    if at < events.len() {
                        open.push((step, at + 1, last));
                    }
                    open.push((step + 1, at, last));
                }
                Step::Time(comparison, seconds) => {
                    let Some((time, _)) = events.get(at) else { continue };
                    let elapsed = time.saturating_sub(last.unwrap_or(*time));
                    let holds = match comparison {
                        Comparison::Less => elapsed < *seconds,
                        Comparison::LessOrEqual => elapsed <= *seconds,
                        Comparison::Greater => elapsed > *seconds,
                        Comparison::GreaterOrEqual => elapsed >= *seconds,
                        Comparison::Equal => elapsed == *seconds,
                    };
                    if holds {
                        open.push((step + 1, at, last));
                    } else if elapsed < *seconds || *comparison == Comparison::Greater {
                        // A later event may still come at the right time.
                        open.push((step, at + 1, last));
                    }
                }
            }
        }
        Ok(None)
    }
}
