//! `extractKeyValuePairs`: a map read from a text.

use base::{Result, bail};
use expr::{Argument, Bound, FunctionContext};
use types::DataType;

use super::map::map_column;
use crate::text::strings::{BytesBuilder, Strings, constant_text, require_text};

pub(super) fn key_value_pairs(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    require_text("extractKeyValuePairs", arguments, 0)?;
    let text = |at: usize, default: &[u8]| match arguments.get(at) {
        Some(_) => constant_text("extractKeyValuePairs", arguments, at),
        None => Ok(default.to_vec()),
    };
    let (between, delimiters, quote) = (text(1, b":")?, text(2, b" ,;")?, text(3, b"\"")?);
    let ([between], [quote]) = (&between[..], &quote[..]) else {
        bail!(BadArguments, "Delimiter of key and value, and quote, must be single characters");
    };
    let (between, quote) = (*between, *quote);
    Ok(Bound::new(DataType::map(DataType::String, DataType::String), move |columns, rows| {
        let texts = Strings::new(&columns[0])?;
        let (mut keys, mut values) = (BytesBuilder::new(rows), BytesBuilder::new(rows));
        let mut offsets = vec![0];
        for row in 0..rows {
            let mut rest = texts.get(row);
            while let Some((key, value, after)) = next_pair(rest, between, &delimiters, quote) {
                if !key.is_empty() {
                    keys.append(key);
                    values.append(value);
                }
                rest = after;
            }
            offsets.push(keys.len() as i32);
        }
        map_column(&DataType::String, &DataType::String, offsets, keys.finish()?, values.finish()?)
    }))
}

/// A word up to an ending byte, and what follows it. A quote, also one inside, begins a quoted word instead;
/// `None` where that does not end.
fn word(text: &[u8], quote: u8, ends: impl Fn(u8) -> bool) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|b| *b == quote || ends(*b)).unwrap_or(text.len());
    match text[end..].strip_prefix(&[quote]) {
        Some(inside) => {
            let end = inside.iter().position(|b| *b == quote)?;
            Some((&inside[..end], &inside[end + 1..]))
        }
        None => Some(text.split_at(end)),
    }
}

fn next_pair<'a>(
    text: &'a [u8],
    between: u8,
    delimiters: &[u8],
    quote: u8,
) -> Option<(&'a [u8], &'a [u8], &'a [u8])> {
    let mut rest = text;
    loop {
        let start = rest.iter().position(|b| !delimiters.contains(b))?;
        let ends = |b: u8| b == between || delimiters.contains(&b);
        let (key, after) = word(&rest[start..], quote, ends)?;
        if let Some(after) = after.strip_prefix(&[between]) {
            let (value, after) = word(after, quote, |b| delimiters.contains(&b))?;
            return Some((key, value, after));
        }
        // A word without a value is passed over.
        rest = after;
        if rest.is_empty() {
            return None;
        }
    }
}
