//! `GET /clob/<database>/<table>/<column>?key=...`: one text of a CLOB column, as a file is served.
//!
//! 1. `Range` asks for some bytes (one range), `If-None-Match` with the tag of an answer before for nothing if the text is
//!    the same, `Accept-Encoding` for a compressed one (of whole texts).
//! 2. The text is found by a query on a thread that may block, and read there piece by piece; a bounded channel lets it
//!    wait for a slow client, and end when the client goes.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE,
    ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, IF_RANGE, RANGE, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{Method, Response, StatusCode, Uri};
use base::{Error, Result, catch_panic, error};
use bytes::Bytes;
use engine::{OpenText, TextAddress};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use crate::answer::Piece;
use crate::call::{Call, pairs};
use crate::encoding::{AnswerEncoding, Encoder, Encoding};
use crate::reply::{Guard, Streamed};
use crate::response::failed;
use crate::run::App;

/// Bytes that are read at once.
const AT_ONCE: u64 = 256 << 10;

/// Pieces that wait for the client.
const PIECES: usize = 2;

/// Serves a text.
pub(crate) async fn text(
    State(app): State<Arc<App>>,
    Path((database, table, column)): Path<(String, String, String)>,
    request: Request,
) -> Response<Body> {
    let started = Instant::now();
    let (mut parts, _) = request.into_parts();
    if parts.method != Method::GET && parts.method != Method::HEAD {
        return crate::pages::not_allowed();
    }
    let mut address = TextAddress { database, table, column, key: Vec::new() };
    let query = parts.uri.query().unwrap_or_default().to_owned();
    for (name, value) in pairs(&query) {
        if name == "key" {
            address.key.push(String::from_utf8_lossy(&value).into_owned());
        }
    }
    let is_key = |pair: &&str| pairs(pair).next().is_some_and(|(name, _)| name == "key");
    let rest: Vec<&str> = query.split('&').filter(|pair| !is_key(pair)).collect();
    if let Ok(uri) = Uri::try_from(format!("/?{}", rest.join("&"))) {
        parts.uri = uri;
    }
    let (method, headers) = (parts.method.clone(), parts.headers.clone());
    let response = match Call::read(&parts, app.config.max_session_timeout) {
        Ok(call) => {
            let Ok(permit) = Arc::clone(&app.running).try_acquire_owned() else {
                let error = error!(TooManySimultaneousQueries, "Too many simultaneous requests");
                return failed(&app, &error, call.options.answer, "", None);
            };
            let (service, answer) = (Arc::clone(&app.service), call.options.answer);
            let found = tokio::task::spawn_blocking(move || {
                catch_panic("the thread of a text", || service.open_text(call.request, &address))
            });
            let found = found.await;
            let found = found.unwrap_or_else(|_| Err(Error::logical("a text's thread ended")));
            match found.and_then(|text| serve(text, permit, &method, &headers)) {
                Ok(response) => response,
                Err(error) => failed(&app, &error, answer, "", None),
            }
        }
        Err((error, options)) => failed(&app, &error, options, "", None),
    };
    app.counters.note_query(response.status(), started.elapsed());
    response
}

/// What is asked of a text of so many bytes: from where, and how many; `None` where it is no range that can be given.
fn range(headers: &HeaderMap, bytes: u64, tag: &str) -> Option<(u64, u64)> {
    let asked = headers.get(RANGE).and_then(|value| value.to_str().ok());
    let same = headers.get(IF_RANGE).is_none_or(|value| value.as_bytes() == tag.as_bytes());
    // Several ranges, or other units, are answered by the whole, as RFC 9110 allows.
    let Some((first, last)) = asked
        .filter(|asked| same && !asked.contains(','))
        .and_then(|asked| asked.strip_prefix("bytes="))
        .and_then(|range| range.split_once('-'))
    else {
        return Some((0, bytes));
    };
    match (first.trim().parse::<u64>(), last.trim()) {
        (Ok(first), "") => (first < bytes).then(|| (first, bytes - first)),
        (Ok(first), last) => {
            let Ok(last) = last.parse::<u64>() else { return Some((0, bytes)) };
            if last < first {
                return Some((0, bytes));
            }
            (first < bytes).then(|| (first, last.min(bytes - 1) - first + 1))
        }
        (Err(_), last) => match last.parse::<u64>() {
            Ok(0) => None,
            Ok(length) if first.is_empty() => {
                let length = length.min(bytes);
                (bytes > 0).then(|| (bytes - length, length))
            }
            _ => Some((0, bytes)),
        },
    }
}

/// The response; `permit` is held until the text is sent.
fn serve(
    text: Option<OpenText>,
    permit: OwnedSemaphorePermit,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response<Body>> {
    let Some(text) = text else {
        let text = "No row has this key, or its text is NULL\n";
        return Ok(crate::pages::page(StatusCode::NOT_FOUND, crate::pages::PLAIN, text));
    };
    let (bytes, tag) = (text.bytes()?, format!("\"{}\"", text.tag()?));
    let mut response = Response::new(Body::empty());
    let answered = response.headers_mut();
    answered.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    answered.insert(VARY, HeaderValue::from_static("Accept-Encoding, Authorization"));
    answered.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answered.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=UTF-8"));
    insert(answered, ETAG, &tag);
    let known = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let is_known = |known: &str| known.trim() == "*" || known.contains(tag.trim_matches('"'));
    if known.is_some_and(is_known) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        insert(response.headers_mut(), CONTENT_LENGTH, &bytes.to_string());
        return Ok(response);
    }
    let Some((from, length)) = range(headers, bytes, &tag) else {
        *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
        insert(response.headers_mut(), CONTENT_RANGE, &format!("bytes */{bytes}"));
        return Ok(response);
    };
    let part = (from, length) != (0, bytes);
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    // A head tells the length, which is known of plain texts only.
    let encoded = !part && bytes > 0 && method == Method::GET;
    let encoding = accepted.and_then(Encoding::choose).filter(|_| encoded);
    if part {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        let last = from + length - 1;
        insert(response.headers_mut(), CONTENT_RANGE, &format!("bytes {from}-{last}/{bytes}"));
    }
    match encoding {
        Some(encoding) => {
            let name = encoding.name();
            // Other bytes have another tag, so that nobody goes on with the plain ones.
            insert(
                response.headers_mut(),
                ETAG,
                &format!("{}-{name}\"", tag.trim_end_matches('"')),
            );
            insert(response.headers_mut(), CONTENT_ENCODING, name);
        }
        None => insert(response.headers_mut(), CONTENT_LENGTH, &length.to_string()),
    }
    if method == Method::GET && length > 0 {
        let encoding = match encoding {
            Some(encoding) => AnswerEncoding::Content(encoding, 3),
            None => AnswerEncoding::default(),
        };
        let (sender, receiver) = mpsc::channel(PIECES);
        tokio::task::spawn_blocking(move || {
            let _held = permit;
            send(&text, from, length, encoding, &sender);
        });
        let exact = matches!(encoding, AnswerEncoding::Content(..)).then_some(()).is_none();
        *response.body_mut() =
            Body::new(Streamed::new(receiver, exact.then_some(length), Guard::none(), None));
    }
    Ok(response)
}

fn insert(headers: &mut HeaderMap, name: axum::http::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// The way to the client.
struct Way<'a>(&'a mpsc::Sender<Piece>);

impl Write for Way<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = Piece::Data(Bytes::copy_from_slice(bytes));
        self.0.blocking_send(piece).map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Sends a part of a text; where that fails the body breaks off.
fn send(
    text: &OpenText,
    from: u64,
    length: u64,
    encoding: AnswerEncoding,
    way: &mpsc::Sender<Piece>,
) {
    let sent = catch_panic("the thread of a text", || {
        let broken = |e: io::Error| error!(NetworkError, "Cannot send a text: {e}");
        let mut encoder = Encoder::new(encoding, Way(way)).map_err(broken)?;
        let (mut at, end) = (from, from + length);
        let mut bytes = Vec::new();
        while at < end {
            bytes.clear();
            // Later reads begin where pieces do.
            text.read(at, (AT_ONCE - at % AT_ONCE).min(end - at), &mut bytes)?;
            encoder.write_all(&bytes).map_err(broken)?;
            at += bytes.len() as u64;
        }
        encoder.finish().map(|_| ()).map_err(broken)
    });
    let end = if sent.is_ok() { Piece::End } else { Piece::Broken };
    let _ = way.blocking_send(end);
}

#[cfg(test)]
mod tests {
    use axum::http::header::RANGE;
    use axum::http::{HeaderMap, HeaderValue};

    #[test]
    fn ranges_are_those_of_the_standard() {
        let check = |asked: &str, expected: Option<(u64, u64)>| {
            let mut headers = HeaderMap::new();
            headers.insert(RANGE, HeaderValue::from_str(asked).unwrap());
            assert_eq!(super::range(&headers, 1000, "\"x\""), expected, "{asked}");
        };
        check("bytes=0-0", Some((0, 1)));
        check("bytes=10-19", Some((10, 10)));
        check("bytes=990-2000", Some((990, 10)));
        check("bytes=10-", Some((10, 990)));
        check("bytes=-10", Some((990, 10)));
        check("bytes=-5000", Some((0, 1000)));
        check("bytes=1000-", None);
        check("bytes=-0", None);
        check("bytes=5-4", Some((0, 1000)));
        check("bytes=0-1,5-6", Some((0, 1000)));
        check("lines=1-2", Some((0, 1000)));
        check("bytes=x-y", Some((0, 1000)));
    }
}
