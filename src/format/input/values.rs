//! Rows of `VALUES`: literals are parsed here, anything else goes to the callback that computes
//! expressions.

use base::{Error, Result, bail};

use super::blocks::BlockBuilder;
use super::delimited::in_column;
use super::rows::Plan;
use crate::text::{Cursor, Escaping, visible};

/// A row in parentheses.
pub(crate) fn row(
    cursor: &mut Cursor<'_>,
    builder: &mut BlockBuilder,
    plan: &Plan,
) -> Result<bool> {
    loop {
        cursor.skip_spaces();
        if !(cursor.eat(b',') || cursor.eat(b';')) {
            break;
        }
    }
    if cursor.is_at_end() {
        return Ok(false);
    }
    cursor.expect(b'(')?;
    let count = plan.fields.columns.len();
    for column in 0..count {
        cursor.skip_spaces();
        let last = column + 1 == count;
        value(cursor, builder, column, last, plan).map_err(|e| in_column(e, plan, column))?;
        cursor.skip_spaces();
        let end = if last { b')' } else { b',' };
        if !cursor.eat(end) {
            let field = &plan.wanted.fields()[column];
            bail!(
                SyntaxError,
                "Expected '{}' after the value of column `{}` of type {} here: {}",
                char::from(end),
                field.name,
                field.data_type,
                visible(cursor.rest())
            );
        }
    }
    Ok(true)
}

fn value(
    cursor: &mut Cursor<'_>,
    builder: &mut BlockBuilder,
    column: usize,
    last: bool,
    plan: &Plan,
) -> Result<()> {
    let start = cursor.position();
    if cursor.eat_word(b"DEFAULT") {
        builder.push_default(column);
        return Ok(());
    }
    let parser = &mut builder.columns[column];
    let before = parser.len();
    let literal = parser.read(cursor, Escaping::Quoted, &plan.settings);
    let ends = |cursor: &Cursor<'_>| {
        let mut ahead = cursor.clone();
        ahead.skip_spaces();
        ahead.peek() == Some(if last { b')' } else { b',' })
    };
    let failure = match literal {
        Ok(given) if ends(cursor) => {
            if !given {
                builder.note_default(column);
            }
            return Ok(());
        }
        Ok(_) => None,
        Err(error) => Some(error),
    };
    parser.truncate(before);
    cursor.seek(start);
    expression(cursor, builder, column, failure, plan)
}

/// An expression, up to the comma or parenthesis that ends it.
fn expression(
    cursor: &mut Cursor<'_>,
    builder: &mut BlockBuilder,
    column: usize,
    failure: Option<Error>,
    plan: &Plan,
) -> Result<()> {
    let start = cursor.position();
    skip_expression(cursor);
    let text = cursor.since(start).trim_ascii_end();
    let field = &plan.wanted.fields()[column];
    let evaluate = plan
        .settings
        .evaluate
        .as_ref()
        .filter(|_| plan.settings.input_format_values_interpret_expressions);
    let Some(evaluate) = evaluate else {
        if failure.is_none() && cursor.is_at_end() {
            bail!(
                SyntaxError,
                "Expected ',' or ')' after the value of column {} of type {} here: {}",
                field.name,
                field.data_type,
                visible(text)
            );
        }
        return Err(failure.unwrap_or_else(|| {
            base::error!(
                CannotParseInputAssertionFailed,
                "Cannot parse expression of type {} here: {}",
                field.data_type,
                visible(text)
            )
        }));
    };
    if text.is_empty() {
        bail!(SyntaxError, "Cannot parse expression of type {}: it is empty", field.data_type);
    }
    let Ok(text) = std::str::from_utf8(text) else {
        bail!(SyntaxError, "Cannot parse expression: not UTF-8: {}", visible(text));
    };
    let value = evaluate(text, &field.data_type)?;
    if value.is_null() && !field.data_type.is_nullable() {
        if !plan.settings.input_format_null_as_default {
            bail!(
                TypeMismatch,
                "Cannot insert NULL value into a column of type {}: {text}",
                field.data_type
            );
        }
        builder.push_default(column);
        return Ok(());
    }
    builder.columns[column].push_value(&value)
}

/// Moves to the comma or closing bracket that no bracket or quote protects.
fn skip_expression(cursor: &mut Cursor<'_>) {
    let mut depth = 0_usize;
    while let Some(byte) = cursor.peek() {
        match byte {
            b',' if depth == 0 => return,
            b')' | b']' | b'}' if depth == 0 => return,
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth -= 1,
            quote @ (b'\'' | b'"' | b'`') => {
                skip_quoted(cursor, quote);
                continue;
            }
            _ => {}
        }
        cursor.advance(1);
    }
}

/// Moves behind something in quotes.
fn skip_quoted(cursor: &mut Cursor<'_>, quote: u8) {
    cursor.advance(1);
    loop {
        let rest = cursor.rest();
        let Some(at) = memchr::memchr2(quote, b'\\', rest) else {
            return cursor.advance(rest.len());
        };
        cursor.advance(at + 1);
        if rest[at] == quote {
            return;
        }
        cursor.advance(1);
    }
}

/// Moves behind the rest of a row of which the parenthesis was read.
pub(crate) fn skip_row(cursor: &mut Cursor<'_>) {
    loop {
        skip_expression(cursor);
        match cursor.peek() {
            Some(b')') => return cursor.advance(1),
            Some(_) => cursor.advance(1),
            None => return,
        }
    }
}
