//! Renaming a column in the texts of expressions.

/// The canonical text of an expression with another name for a column. Words within quotes, behind a dot and before
/// a bracket name no column.
pub(super) fn renamed_in(text: &str, from: &str, to: &str) -> String {
    let (from, to) = (sql::quote_identifier(from), sql::quote_identifier(to));
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '`');
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\'' => quoted_length(rest),
            c if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        let (piece, after) = rest.split_at(length);
        let is_call = after.trim_start().starts_with('(');
        out.push_str(if piece == from && !is_call { &to } else { piece });
        rest = after;
    }
    out
}

/// Bytes of the string literal that a text begins with.
fn quoted_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '\\' if !escaped => escaped = true,
            '\'' if !escaped => return at + 1,
            _ => escaped = false,
        }
    }
    text.len()
}
