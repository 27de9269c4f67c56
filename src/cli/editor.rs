//! How the shell's line editor helps: statements over several lines, completion, hints from the
//! history, colours.

use std::borrow::Cow;

use rustyline::completion::{Completer, Pair};
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hinter, HistoryHinter};
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper, Result};

use crate::shell::is_command;
use crate::statements::is_complete;

/// Words offered for completion besides names.
const KEYWORDS: &[&str] = &[
    "ALTER TABLE",
    "AND",
    "ARRAY JOIN",
    "ASC",
    "BETWEEN",
    "CASE",
    "CREATE DATABASE",
    "CREATE TABLE",
    "CREATE VIEW",
    "DELETE FROM",
    "DESC",
    "DESCRIBE TABLE",
    "DISTINCT",
    "DROP TABLE",
    "ELSE",
    "END",
    "ENGINE",
    "EXISTS",
    "EXPLAIN",
    "FINAL",
    "FORMAT",
    "FROM",
    "FULL JOIN",
    "GROUP BY",
    "HAVING",
    "ILIKE",
    "INNER JOIN",
    "INSERT INTO",
    "INTERVAL",
    "JOIN",
    "KILL QUERY",
    "LEFT JOIN",
    "LIKE",
    "LIMIT",
    "MATERIALIZED VIEW",
    "NOT",
    "NULL",
    "OFFSET",
    "OPTIMIZE TABLE",
    "ORDER BY",
    "PARTITION BY",
    "PREWHERE",
    "PRIMARY KEY",
    "SAMPLE",
    "SELECT",
    "SET",
    "SETTINGS",
    "SHOW CREATE TABLE",
    "SHOW DATABASES",
    "SHOW TABLES",
    "SYSTEM",
    "THEN",
    "TRUNCATE TABLE",
    "UNION ALL",
    "UPDATE",
    "USE",
    "USING",
    "VALUES",
    "WHEN",
    "WHERE",
    "WITH",
];

/// The most completions offered at once.
const MAX_OFFERED: usize = 100;

pub(crate) struct Assistant {
    names: Vec<String>,
    hinter: HistoryHinter,
}

impl Assistant {
    /// Completes keywords and `names`.
    pub(crate) fn new(mut names: Vec<String>) -> Assistant {
        names.sort();
        names.dedup();
        Assistant { names, hinter: HistoryHinter::new() }
    }

    /// Where the word before the cursor begins, and what it may become.
    fn candidates(&self, line: &str, position: usize) -> (usize, Vec<String>) {
        let before = &line[..position];
        let start = before
            .rfind(|c: char| !c.is_alphanumeric() && c != '_' && c != '.')
            .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
        let word = &before[start..];
        if word.is_empty() {
            return (start, Vec::new());
        }
        let matches =
            |name: &str| name.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word));
        let lower = word.chars().all(|c| !c.is_uppercase());
        let keywords = KEYWORDS
            .iter()
            .filter(|keyword| matches(keyword))
            .map(|keyword| if lower { keyword.to_lowercase() } else { (*keyword).to_owned() });
        let names = self.names.iter().filter(|name| matches(name)).cloned();
        (start, keywords.chain(names).take(MAX_OFFERED).collect())
    }
}

impl Helper for Assistant {}

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(&self, line: &str, position: usize, _: &Context<'_>) -> Result<(usize, Vec<Pair>)> {
        let (start, words) = self.candidates(line, position);
        let pair = |word: String| Pair { display: word.clone(), replacement: word };
        Ok((start, words.into_iter().map(pair).collect()))
    }
}

impl Hinter for Assistant {
    type Hint = String;

    fn hint(&self, line: &str, position: usize, context: &Context<'_>) -> Option<String> {
        self.hinter.hint(line, position, context)
    }
}

impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext<'_>) -> Result<ValidationResult> {
        let input = context.input();
        let done = is_command(input) || is_complete(input);
        Ok(if done { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

impl Highlighter for Assistant {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        Cow::Owned(paint(line))
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        Cow::Owned(format!("\x1b[1;32m{prompt}\x1b[0m"))
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(format!("\x1b[2m{hint}\x1b[0m"))
    }

    fn highlight_char(&self, _: &str, _: usize, _: CmdKind) -> bool {
        true
    }
}

/// Colours keywords, strings, numbers and comments of a line.
fn paint(line: &str) -> String {
    let mut painted = String::with_capacity(line.len() + 32);
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let until = |end: Option<usize>| end.unwrap_or(rest.len());
        let (len, colour) = match first {
            '\'' => (until(rest[1..].find('\'').map(|at| at + 2)), Some("32")),
            '-' if rest.starts_with("--") => (until(rest.find('\n')), Some("2")),
            c if c.is_ascii_digit() => {
                (until(rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.')), Some("36"))
            }
            c if c.is_alphabetic() || c == '_' => {
                let len = until(rest.find(|c: char| !c.is_alphanumeric() && c != '_'));
                (len, is_keyword(&rest[..len]).then_some("1;34"))
            }
            c => (c.len_utf8(), None),
        };
        let (piece, after) = rest.split_at(len);
        match colour {
            Some(colour) => painted.push_str(&format!("\x1b[{colour}m{piece}\x1b[0m")),
            None => painted.push_str(piece),
        }
        rest = after;
    }
    painted
}

fn is_keyword(word: &str) -> bool {
    KEYWORDS.iter().flat_map(|words| words.split(' ')).any(|part| part.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::{Assistant, paint};

    #[test]
    fn words_are_completed() {
        let assistant = Assistant::new(vec!["hits".to_owned(), "Äpfel".to_owned()]);
        let check = |line: &str, start, expected: &[&str]| {
            let (found, words) = assistant.candidates(line, line.len());
            assert_eq!(
                (found, words.as_slice()),
                (start, expected.map_to_owned().as_slice()),
                "{line}"
            );
        };
        check("SELECT 1 FROM hi", 14, &["hits"]);
        check("sel", 0, &["select"]);
        check("GROU", 0, &["GROUP BY"]);
        check("x, Ä", 3, &["Äpfel"]);
        check("SELECT ", 7, &[]);
    }

    trait MapToOwned {
        fn map_to_owned(&self) -> Vec<String>;
    }

    impl MapToOwned for &[&str] {
        fn map_to_owned(&self) -> Vec<String> {
            self.iter().map(|word| (*word).to_owned()).collect()
        }
    }

    #[test]
    fn lines_are_painted() {
        assert_eq!(paint("select x"), "\x1b[1;34mselect\x1b[0m x");
        assert_eq!(paint("'a"), "\x1b[32m'a\x1b[0m");
    }

    proptest! {
        #[test]
        fn painting_keeps_any_text(text in any::<String>(), sql in "[a-z0-9' \\-\nÄ.]{0,30}") {
            for text in [text.replace('\x1b', ""), sql] {
                let plain: String = paint(&text).split('\x1b').enumerate().map(|(at, piece)| {
                    if at == 0 { piece } else { piece.split_once('m').unwrap().1 }
                }).collect();
                assert_eq!(plain, text);
            }
        }
    }
}
