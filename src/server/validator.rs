//! Validators of answers: the client that has an answer already, by its ETag, gets 304 instead.
//!
//! 1. The engine's tag tells an answer from any other to the same question. Other encodings are other bytes, so that their
//!    names are added: `"3f...-gzip"`.
//! 2. Only answers to GET and HEAD have one (RFC 9110, 8.8.3 and 13.1.2).

use axum::http::header::{
    CACHE_CONTROL, ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH, VARY,
};
use engine::{Head, Kept};

use crate::call::AnswerOptions;
use crate::encoding::AnswerEncoding;

/// Says whether an answer was kept from an earlier query.
const CACHE: HeaderName = HeaderName::from_static("x-granary-cache");

/// Headers of requests by which answers differ.
const VARIES: HeaderValue = HeaderValue::from_static(
    "Accept-Encoding, Authorization, Origin, X-ClickHouse-User, X-ClickHouse-Key, X-ClickHouse-Database, X-ClickHouse-Format",
);

fn suffix(encoding: AnswerEncoding) -> Option<&'static str> {
    match encoding {
        AnswerEncoding::Plain => None,
        AnswerEncoding::Frames => Some("frames"),
        AnswerEncoding::Content(encoding, _) => Some(encoding.name()),
    }
}

/// The engine's tags of answers that a client has in an encoding.
pub(crate) fn known_tags(headers: &HeaderMap, encoding: AnswerEncoding) -> Vec<String> {
    let given = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let tags = given.flat_map(|list| list.split(',')).map(str::trim);
    let own = tags.filter_map(|tag| {
        if tag == "*" {
            return Some(tag);
        }
        let tag = tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"');
        match suffix(encoding) {
            None => Some(tag),
            Some(suffix) => tag.strip_suffix(suffix)?.strip_suffix('-'),
        }
    });
    own.map(str::to_owned).collect()
}

/// Adds what caches have to know of an answer; whether it is 304.
pub(crate) fn describe(headers: &mut HeaderMap, head: &Head, options: AnswerOptions) -> bool {
    if head.format.is_some() {
        let kept = match head.kept {
            Kept::Nothing => "miss",
            Kept::States => "partial",
            Kept::Answer => "hit",
        };
        headers.insert(CACHE, HeaderValue::from_static(kept));
    }
    let Some(tag) = head.tag.as_ref().filter(|_| options.validated) else { return false };
    let quoted = match suffix(options.encoding) {
        None => format!("\"{tag}\""),
        Some(suffix) => format!("\"{tag}-{suffix}\""),
    };
    if let Ok(value) = HeaderValue::from_str(&quoted) {
        headers.insert(ETAG, value);
    }
    headers.insert(VARY, VARIES);
    if let Ok(value) = HeaderValue::from_str(&head.cache_control)
        && !value.is_empty()
    {
        headers.insert(CACHE_CONTROL, value);
    }
    head.not_modified
}
