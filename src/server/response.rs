//! Responses of queries: status, headers, body.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, CONTENT_ENCODING, CONTENT_TYPE,
    HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use axum::http::{Response, StatusCode};
use base::Error;
use bytes::Bytes;
use engine::{Head, Summary};
use http_body::Body as _;

use crate::answer::Reply;
use crate::call::AnswerOptions;
use crate::connection::Link;
use crate::encoding::AnswerEncoding;
use crate::failure;
use crate::frames;
use crate::reply::{Guard, Streamed};
use crate::run::App;
use crate::validator;

const QUERY_ID: HeaderName = HeaderName::from_static("x-clickhouse-query-id");
const FORMAT: HeaderName = HeaderName::from_static("x-clickhouse-format");
const TIME_ZONE: HeaderName = HeaderName::from_static("x-clickhouse-timezone");
const DISPLAY_NAME: HeaderName = HeaderName::from_static("x-clickhouse-server-display-name");
const SUMMARY: HeaderName = HeaderName::from_static("x-clickhouse-summary");
const PROGRESS: HeaderName = HeaderName::from_static("x-clickhouse-progress");
const EXCEPTION_CODE: HeaderName = HeaderName::from_static("x-clickhouse-exception-code");
const EXCEPTION_TAG: HeaderName = HeaderName::from_static("x-clickhouse-exception-tag");

/// What scripts of other origins may read.
const EXPOSED: &str = "X-ClickHouse-Query-Id, X-ClickHouse-Format, X-ClickHouse-Timezone, \
    X-ClickHouse-Server-Display-Name, X-ClickHouse-Summary, X-ClickHouse-Progress, \
    X-ClickHouse-Exception-Code, X-ClickHouse-Exception-Tag, X-Granary-Cache, ETag";

const PLAIN_TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=UTF-8");

/// What the response of a query needs to know of its request.
pub(crate) struct Answering {
    options: AnswerOptions,
    query_id: String,
    guard: Guard,
    link: Option<Arc<Link>>,
}

impl Answering {
    pub(crate) fn new(
        options: AnswerOptions,
        query_id: String,
        guard: Guard,
        link: Option<Arc<Link>>,
    ) -> Answering {
        Answering { options, query_id, guard, link }
    }

    /// The response that a reply becomes. `progress` is what was noted while it was awaited.
    pub(crate) fn response(
        mut self,
        app: &App,
        reply: Reply,
        progress: &[String],
    ) -> Response<Body> {
        let (head, summary, tag, body) = match reply {
            Reply::Failed { error, summary } => {
                self.guard.release();
                return failed(app, &error, self.options, &self.query_id, Some(&summary));
            }
            Reply::Whole { head, summary, body } => {
                self.guard.release();
                (head, summary, None, Body::from(body))
            }
            Reply::Stream { head, summary, tag, length, pieces } => {
                let body = Body::new(Streamed::new(pieces, length, self.guard, self.link));
                // An answer whose length is known was complete before it began.
                (head, summary, length.is_none().then_some(tag), body)
            }
        };
        // Where the query wrote nothing, nothing was encoded.
        let encoded = body.size_hint().exact() != Some(0);
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        set_common(app, headers, self.options, &head, &self.query_id);
        for line in progress {
            append(headers, PROGRESS, line);
        }
        append(headers, SUMMARY, &summary_json(&summary));
        let not_modified = validator::describe(headers, &head, self.options);
        if let Some(tag) = tag {
            append(headers, EXCEPTION_TAG, &tag);
        }
        if let AnswerEncoding::Content(encoding, _) = self.options.encoding
            && encoded
        {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding.name()));
        }
        if not_modified {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            *response.body_mut() = Body::empty();
            response.headers_mut().remove(CONTENT_ENCODING);
        }
        response
    }
}

/// The headers of every response of a query.
fn set_common(
    app: &App,
    headers: &mut HeaderMap,
    options: AnswerOptions,
    head: &Head,
    query_id: &str,
) {
    headers.insert(DISPLAY_NAME, app.display_name.clone());
    let id = if head.query_id.is_empty() { query_id } else { &head.query_id };
    append(headers, QUERY_ID, id);
    match &head.time_zone {
        zone if zone.is_empty() => {
            headers.insert(TIME_ZONE, app.time_zone.clone());
        }
        zone => append(headers, TIME_ZONE, zone),
    }
    if let Some(format) = &head.format {
        append(headers, FORMAT, format);
    }
    let content_type = HeaderValue::from_str(&head.content_type).ok();
    let content_type = content_type.filter(|value| !value.is_empty()).unwrap_or(PLAIN_TEXT);
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert("keep-alive", app.keep_alive.clone());
    if options.cors {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }
}

/// Adds a header, without characters that no header can hold.
fn append(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    let value = HeaderValue::from_str(value).or_else(|_| {
        let kept: String =
            value.chars().filter(|c| c.is_ascii() && !c.is_ascii_control()).collect();
        HeaderValue::from_str(&kept)
    });
    if let Ok(value) = value {
        headers.append(name, value);
    }
}

/// The response to a request that failed before its answer began.
pub(crate) fn failed(
    app: &App,
    error: &Error,
    options: AnswerOptions,
    query_id: &str,
    summary: Option<&Summary>,
) -> Response<Body> {
    let mut text = failure::text(error, &app.version);
    text.push('\n');
    let body = match options.encoding {
        AnswerEncoding::Frames => frames::frame(text.as_bytes()),
        _ => text.into_bytes(),
    };
    let mut response = Response::new(Body::from(Bytes::from(body)));
    let status = failure::status(error.code());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    set_common(app, headers, options, &Head::default(), query_id);
    headers.insert(EXCEPTION_CODE, HeaderValue::from(error.code() as u32));
    if let Some(summary) = summary {
        append(headers, SUMMARY, &summary_json(summary));
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    if status == StatusCode::UNAUTHORIZED {
        let realm = HeaderValue::from_static("Basic realm=\"Granary\"");
        headers.insert(WWW_AUTHENTICATE, realm);
    }
    response
}

/// A summary as the JSON of its header: all values are strings.
pub(crate) fn summary_json(summary: &Summary) -> String {
    let Summary {
        read_rows,
        read_bytes,
        total_rows_to_read,
        written_rows,
        written_bytes,
        result_rows,
        result_bytes,
        peak_memory,
        elapsed,
    } = summary;
    let elapsed = elapsed.as_nanos();
    format!(
        "{{\"read_rows\":\"{read_rows}\",\"read_bytes\":\"{read_bytes}\",\
         \"written_rows\":\"{written_rows}\",\"written_bytes\":\"{written_bytes}\",\
         \"total_rows_to_read\":\"{total_rows_to_read}\",\"result_rows\":\"{result_rows}\",\
         \"result_bytes\":\"{result_bytes}\",\"elapsed_ns\":\"{elapsed}\",\
         \"memory_usage\":\"{peak_memory}\"}}"
    )
}
