//! Texts of several statements, taken apart at their semicolons.
//!
//! Only as much SQL is understood as keeps a `;` in a string, a quoted name, a comment or the
//! data of an INSERT from ending a statement. Data that follows `FORMAT name` goes on to the
//! next empty line or the end of the text.

/// Takes a text apart. Statements come without their `;` and without blanks around them.
pub fn split(text: &str) -> Vec<&str> {
    let mut statements = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = end_of_first(rest);
        let statement = rest[..end.at].trim();
        if !is_blank(statement) {
            statements.push(statement);
        }
        rest = &rest[end.next..];
    }
    statements
}

/// Whether the last statement of a text has its end.
pub(crate) fn is_complete(text: &str) -> bool {
    let mut rest = text;
    loop {
        let end = end_of_first(rest);
        if !end.terminated {
            return is_blank(rest);
        }
        rest = &rest[end.next..];
    }
}

/// A statement without a closing `\G`, and whether it had one: its answer is to be Vertical.
pub fn vertical(statement: &str) -> (&str, bool) {
    let trimmed = statement.trim_end_matches([';', ' ', '\n', '\t', '\r']);
    match trimmed.strip_suffix("\\G").or_else(|| trimmed.strip_suffix("\\g")) {
        Some(rest) => (rest.trim_end(), true),
        None => (statement, false),
    }
}

/// Whether an INSERT still waits for its data: it names a format or nothing, and no rows follow.
pub(crate) fn wants_data(statement: &str) -> bool {
    let mut scan = Scan::new(statement);
    let mut words = Vec::new();
    while let Some(token) = scan.next() {
        if let Token::Word(word) = token {
            words.push(word.to_ascii_uppercase());
        }
        if words.last().is_some_and(|word| word == "SELECT" || word == "WITH") {
            return false;
        }
        let values = words.last().is_some_and(|word| word == "VALUES");
        if values || (words.len() >= 2 && words[words.len() - 2] == "FORMAT") {
            break;
        }
    }
    let last = words.last().map(String::as_str);
    let named = words.len() >= 2 && words[words.len() - 2] == "FORMAT";
    words.first().is_some_and(|word| word == "INSERT")
        && (named || last == Some("VALUES"))
        && is_blank(&statement[scan.at..])
}

struct End {
    /// Where the statement ends.
    at: usize,
    /// Where the next one begins.
    next: usize,
    /// Whether there was a `;`, or data had its end.
    terminated: bool,
}

fn end_of_first(text: &str) -> End {
    let mut scan = Scan::new(text);
    let (mut first, mut inserts_select, mut format) = (None, false, false);
    while let Some(token) = scan.next() {
        match token {
            Token::Semicolon => {
                return End { at: scan.at - 1, next: scan.at, terminated: true };
            }
            Token::Vertical => return End { at: scan.at, next: scan.at, terminated: true },
            Token::Word(word) => {
                let is = |name: &str| word.eq_ignore_ascii_case(name);
                let insert = *first.get_or_insert(is("INSERT"));
                if insert
                    && format
                    && !inserts_select
                    && !is("VALUES")
                    && let Some(end) = end_of_data(text, scan.at)
                {
                    return end;
                }
                inserts_select |= is("SELECT") || is("WITH");
                format = is("FORMAT");
            }
            Token::Other => format = false,
        }
    }
    End { at: text.len(), next: text.len(), terminated: false }
}

/// Where data that begins at `start`, behind the name of its format, ends; `None` where there is
/// none.
fn end_of_data(text: &str, start: usize) -> Option<End> {
    let rest = &text[start..];
    if rest.trim_start().starts_with(';') || rest.trim().is_empty() {
        return None;
    }
    let unix = rest.find("\n\n").map(|at| (at + 1, at + 2));
    let windows = rest.find("\r\n\r\n").map(|at| (at + 2, at + 4));
    let (at, next) =
        [unix, windows].into_iter().flatten().min().unwrap_or((rest.len(), rest.len()));
    Some(End { at: start + at, next: start + next, terminated: next != rest.len() })
}

/// Whether there are only blanks and comments.
fn is_blank(text: &str) -> bool {
    let mut scan = Scan::new(text);
    loop {
        match scan.next() {
            None => return true,
            Some(Token::Semicolon) => {}
            Some(_) => return false,
        }
    }
}

enum Token<'a> {
    Word(&'a str),
    Semicolon,
    /// `\G`: the end of a statement whose answer is to be Vertical.
    Vertical,
    Other,
}

/// Walks over a text; `at` is always at the boundary of a character.
struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    fn new(text: &'a str) -> Scan<'a> {
        Scan { text, at: 0 }
    }

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let rest = &self.text[self.at..];
            let first = rest.chars().next()?;
            let len = match first {
                c if c.is_whitespace() => c.len_utf8(),
                '-' if rest.starts_with("--") => line(rest),
                '#' if rest.starts_with("# ") || rest.starts_with("#!") => line(rest),
                '/' if rest.starts_with("/*") => comment(rest),
                _ => break,
            };
            self.at += len;
        }
        let rest = &self.text[self.at..];
        let first = rest.chars().next()?;
        let (len, token) = match first {
            ';' => (1, Token::Semicolon),
            '\\' if rest[1..].starts_with(['G', 'g']) => (2, Token::Vertical),
            '\'' | '"' | '`' => (quoted(rest, first), Token::Other),
            '$' => (heredoc(rest).unwrap_or(1), Token::Other),
            c if c.is_alphabetic() || c == '_' => {
                let len = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '$');
                let word = &rest[..len.unwrap_or(rest.len())];
                (word.len(), Token::Word(word))
            }
            c if c.is_ascii_digit() => {
                let len = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
                (len.unwrap_or(rest.len()), Token::Other)
            }
            c => (c.len_utf8(), Token::Other),
        };
        self.at += len;
        Some(token)
    }
}

fn line(rest: &str) -> usize {
    rest.find('\n').map_or(rest.len(), |at| at + 1)
}

/// The length of a comment with those in it.
fn comment(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let (mut at, mut depth) = (2, 1_usize);
    while at < bytes.len() && depth > 0 {
        match &bytes[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    at
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut characters = rest.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        if character == '\\' {
            characters.next();
        } else if character == quote {
            // A doubled quote begins the next string at once, which comes to the same.
            return at + 1;
        }
    }
    rest.len()
}

/// The length of `$tag$...$tag$`.
fn heredoc(rest: &str) -> Option<usize> {
    let len = rest[1..].find(|c: char| !c.is_alphanumeric() && c != '_')? + 1;
    if !rest[len..].starts_with('$') {
        return None;
    }
    let tag = &rest[..=len];
    let end = rest[tag.len()..].find(tag)?;
    Some(tag.len() + end + tag.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::{is_complete, split, vertical, wants_data};

    #[test]
    fn statements_are_taken_apart() {
        let check = |text: &str, expected: &[&str]| assert_eq!(split(text), expected, "{text:?}");
        check("", &[]);
        check(" ;; -- nothing\n;", &[]);
        check("SELECT 1; SELECT 2", &["SELECT 1", "SELECT 2"]);
        check(
            "SELECT ';', \"a;b\", `;` -- ;\n, 'it''s;', '\\';';x",
            &["SELECT ';', \"a;b\", `;` -- ;\n, 'it''s;', '\\';'", "x"],
        );
        check("a /* ; /* ; */ ; */ b; c", &["a /* ; /* ; */ ; */ b", "c"]);
        check("SELECT $x$ ; $x$; b", &["SELECT $x$ ; $x$", "b"]);
        check("SELECT 'Ä;'; # note ;\nb", &["SELECT 'Ä;'", "# note ;\nb"]);
        check("SELECT 1 \\G SELECT 2", &["SELECT 1 \\G", "SELECT 2"]);
        check("INSERT INTO t VALUES (1, ';'); b", &["INSERT INTO t VALUES (1, ';')", "b"]);
        check(
            "INSERT INTO t FORMAT CSV\n1;2\n'3\n\nSELECT 1",
            &["INSERT INTO t FORMAT CSV\n1;2\n'3", "SELECT 1"],
        );
        check("INSERT INTO t FORMAT CSV; b", &["INSERT INTO t FORMAT CSV", "b"]);
        check(
            "INSERT INTO t SELECT 1 FORMAT Null; b",
            &["INSERT INTO t SELECT 1 FORMAT Null", "b"],
        );
        check("SELECT 1 FORMAT CSV; b", &["SELECT 1 FORMAT CSV", "b"]);
    }

    #[test]
    fn the_end_of_input_is_seen() {
        let check = |text: &str, expected| assert_eq!(is_complete(text), expected, "{text:?}");
        check("", true);
        check("SELECT 1", false);
        check("SELECT 1;", true);
        check("SELECT 1; -- done", true);
        check("SELECT ';", false);
        check("SELECT 1; SELECT", false);
        check("SELECT 1\\G", true);
        check("/* ;", true);
    }

    #[test]
    fn inserts_that_wait_for_data_are_known() {
        let check = |text: &str, expected| assert_eq!(wants_data(text), expected, "{text:?}");
        check("INSERT INTO t FORMAT CSV", true);
        check("insert into t (a, b) values", true);
        check("INSERT INTO t FORMAT CSV\n1", false);
        check("INSERT INTO t VALUES (1)", false);
        check("INSERT INTO t SELECT 1", false);
        check("INSERT INTO t SELECT 1 FORMAT CSV", false);
        check("SELECT 1 FORMAT CSV", false);
    }

    #[test]
    fn vertical_is_asked_for_by_its_suffix() {
        assert_eq!(vertical("SELECT 1\\G"), ("SELECT 1", true));
        assert_eq!(vertical("SELECT 1 \\G;"), ("SELECT 1", true));
        assert_eq!(vertical("SELECT 1"), ("SELECT 1", false));
    }

    proptest! {
        #[test]
        fn any_text_is_taken_apart(text in any::<String>(), quotes in "[;'\"`$\\\\/*\\-#\nGa ]{0,40}") {
            for text in [text, quotes] {
                split(&text);
                is_complete(&text);
                wants_data(&text);
            }
        }
    }
}
