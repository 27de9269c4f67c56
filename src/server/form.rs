//! Reads forms: the query, its parameters, settings and tables, and the data of an INSERT.
//!
//! 1. Fields and tables are held in memory, within limits.
//! 2. A file is the data of an INSERT unless it is a table: the query names it behind SELECT, or has its structure or
//!    format. Where the query comes before its data, that is not held but streamed, however long it is; it must be the
//!    last part then.

use base::{Error, Reservation, Result, error};
use bytes::{Bytes, BytesMut};

use crate::body::Source;
use crate::call::{Call, is_insert};
use crate::multipart::{Form, Part};
use crate::run::App;
use crate::service::Input;

/// Reads a form into a call; the rest of its data where it is streamed.
pub(crate) fn read(
    app: &App,
    call: &mut Call,
    mut source: Source,
    boundary: &str,
    held: &mut Reservation,
) -> Result<Option<Input>> {
    let config = &app.config;
    let mut form = Form::new(move || source.next(), boundary, config.max_multipart_bytes);
    let mut parts: Vec<Part> = Vec::new();
    while let Some((name, file)) = form.next_part()? {
        if file && is_data(call, &parts, &name) {
            form.unlimited();
            let first = form.next_piece()?;
            call.take_form(parts, config.max_session_timeout)?;
            let ended = first.is_none();
            call.join_text(first.unwrap_or_default());
            return Ok(Some(rest(form, ended)));
        }
        let mut content = BytesMut::new();
        while let Some(piece) = form.next_piece()? {
            held.resize(form.taken())?;
            content.extend_from_slice(&piece);
        }
        parts.push(Part { name, file, content: content.freeze() });
    }
    // The data may have come before the query.
    let is_data = |part: &Part| part.file && is_data(call, &parts, &part.name);
    let (data, parts): (Vec<Part>, Vec<Part>) = parts.iter().cloned().partition(is_data);
    if let [_, another, ..] = &data[..] {
        return Err(behind_data(&another.name));
    }
    let data = data.into_iter().next().map(|part| part.content);
    call.take_form(parts, config.max_session_timeout)?;
    call.join_text(data.unwrap_or_default());
    Ok(None)
}

/// The rest of the data, and the end of the form.
fn rest(
    mut form: Form<impl FnMut() -> Result<Option<Bytes>> + Send + 'static>,
    mut ended: bool,
) -> Input {
    let mut closed = false;
    Box::new(move || {
        if !ended {
            match form.next_piece()? {
                Some(piece) => return Ok(Some(piece)),
                None => ended = true,
            }
        }
        if !closed {
            if let Some((name, _)) = form.next_part()? {
                return Err(behind_data(&name));
            }
            closed = true;
        }
        Ok(None)
    })
}

fn behind_data(name: &str) -> Error {
    error!(
        IncorrectData,
        "The part {name:?} of the form comes behind the data of the INSERT, which must be its last \
         part and its only file that is no table"
    )
}

/// Whether a file is the data of an INSERT, by what is known of the query.
fn is_data(call: &Call, parts: &[Part], file: &str) -> bool {
    let field = || parts.iter().find(|part| !part.file && part.name == "query");
    let text = match &call.text {
        Some(text) if !text.is_empty() => &text[..],
        _ => field().map_or(&[][..], |field| &field.content),
    };
    is_insert(text) && !names_behind_select(text, file) && !call.describes_table(file, parts)
}

/// Whether a word of a query behind its SELECT is that name.
fn names_behind_select(text: &[u8], name: &str) -> bool {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii();
    let mut words = text.split(|byte| !is_word(byte));
    words.any(|word| word.eq_ignore_ascii_case(b"select"))
        && words.any(|word| word == name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::names_behind_select;

    #[test]
    fn tables_are_named_behind_select() {
        assert!(names_behind_select(b"INSERT INTO t SELECT * FROM rows", "rows"));
        assert!(names_behind_select(b"insert into t select a from (select a from `rows`)", "rows"));
        assert!(!names_behind_select(b"INSERT INTO rows SELECT a FROM other", "rows"));
        assert!(!names_behind_select(b"INSERT INTO rows FORMAT CSV", "rows"));
        assert!(!names_behind_select(b"INSERT INTO t SELECT * FROM more_rows", "rows"));
    }
}
