//! The head of a request, read: what is asked of the engine, and how to carry the answer.
//!
//! Parameters that mean something to HTTP are taken here; every other one is a setting of the
//! query. Settings that steer both are read here and handed on too.

use std::time::Duration;

use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, ORIGIN};
use axum::http::{HeaderMap, Method, request};
use base::{Result, bail};
use bytes::Bytes;
use engine::{ExternalTable, Request};

use crate::credentials;
use crate::encoding::{AnswerEncoding, Encoding};
use crate::multipart::{self, Part};
use crate::validator;

/// The most that `buffer_size` may hold in memory.
const MAX_BUFFER: usize = 64 << 20;

/// The default of the setting `max_query_size`.
const MAX_QUERY_SIZE: usize = 256 << 10;

/// One query as a request asks for it.
pub(crate) struct Call {
    /// For the engine; the text and the data are still to be read from the body.
    pub(crate) request: Request,
    /// The text in the URL (or in a form), where there is one.
    pub(crate) text: Option<Vec<u8>>,
    pub(crate) options: Options,
    /// Names of external tables' attributes seen before their tables: `(name, value)`.
    table_attributes: Vec<(String, String)>,
    user: Option<String>,
    password: Option<String>,
}

/// How to carry the answer, even where it is an error.
#[derive(Default, Clone, Copy)]
pub(crate) struct AnswerOptions {
    pub(crate) encoding: AnswerEncoding,
    /// Whether scripts of any origin may read it.
    pub(crate) cors: bool,
    /// Whether caches on the way may know it: of GET and HEAD.
    pub(crate) validated: bool,
}

/// How to carry the request and its answer.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) wait_end_of_query: bool,
    pub(crate) buffer_size: Option<usize>,
    pub(crate) max_query_size: usize,
    pub(crate) body_encoding: Option<Encoding>,
    pub(crate) body_framed: bool,
    pub(crate) boundary: Option<String>,
    pub(crate) answer: AnswerOptions,
    pub(crate) progress_interval: Option<Duration>,
    frame_answer: bool,
    http_compression: bool,
    compression_level: u32,
    progress_headers: bool,
    progress_milliseconds: u64,
    add_cors_header: bool,
}

impl Call {
    /// Reads the head of a request. Where that fails, the error comes with what its
    /// answer needs.
    pub(crate) fn read(
        parts: &request::Parts,
        max_session_timeout: Duration,
    ) -> Result<Call, (base::Error, AnswerOptions)> {
        let mut call = Call {
            request: Request {
                readonly: parts.method == Method::GET || parts.method == Method::HEAD,
                ..Request::default()
            },
            text: None,
            options: Options {
                max_query_size: MAX_QUERY_SIZE,
                compression_level: 3,
                progress_milliseconds: 100,
                ..Options::default()
            },
            table_attributes: Vec::new(),
            user: None,
            password: None,
        };
        match call.fill(parts, max_session_timeout) {
            Ok(()) => Ok(call),
            Err(error) => Err((error, call.options.answer)),
        }
    }

    fn fill(&mut self, parts: &request::Parts, max_session_timeout: Duration) -> Result<()> {
        let mut first_error = None;
        for (name, value) in pairs(parts.uri.query().unwrap_or_default()) {
            if let Err(error) = self.set(&name, value, max_session_timeout) {
                first_error.get_or_insert(error);
            }
        }
        let headers = &parts.headers;
        self.options.settle(headers);
        if self.request.readonly {
            self.options.answer.validated = true;
            self.request.known_tags = validator::known_tags(headers, self.options.answer.encoding);
        }
        if let Some(error) = first_error {
            return Err(error);
        }
        self.request.credentials =
            credentials::read(headers, self.user.take(), self.password.take())?;
        if self.request.database.is_empty() {
            self.request.database = header(headers, "x-clickhouse-database");
        }
        if self.request.default_format.is_empty() {
            self.request.default_format = header(headers, "x-clickhouse-format");
        }
        if let Some(encoding) = headers.get(CONTENT_ENCODING) {
            self.options.body_encoding =
                Encoding::of_body(&String::from_utf8_lossy(encoding.as_bytes()))?;
        }
        if let Some(kind) = headers.get(CONTENT_TYPE) {
            let kind = String::from_utf8_lossy(kind.as_bytes());
            self.options.boundary = multipart::boundary(&kind).transpose()?;
        }
        Ok(())
    }

    /// Takes one parameter of the URL or of a form.
    fn set(&mut self, name: &str, value: Vec<u8>, max_session_timeout: Duration) -> Result<()> {
        if name == "query" {
            self.text.get_or_insert_default().extend(value);
            return Ok(());
        }
        let Ok(value) = String::from_utf8(value) else {
            bail!(BadArguments, "The value of the parameter {name} is not UTF-8");
        };
        let request = &mut self.request;
        match name {
            "" | "stacktrace" | "quota_key" | "close_session" => {}
            "user" => self.user = Some(value),
            "password" => self.password = Some(value),
            "database" => request.database = value,
            "query_id" => request.query_id = value,
            "session_id" => request.session_id = Some(value).filter(|id| !id.is_empty()),
            "session_check" => request.session_check = flag(&value),
            "session_timeout" => {
                request.session_timeout = Some(session_timeout(&value, max_session_timeout)?);
            }
            "default_format" => request.default_format = value,
            "compress" => self.options.frame_answer = flag(&value),
            "decompress" => self.options.body_framed = flag(&value),
            "wait_end_of_query" => self.options.wait_end_of_query = flag(&value),
            "buffer_size" => self.options.set_buffer(name, &value)?,
            _ => match name.strip_prefix("param_") {
                Some(parameter) => {
                    request.parameters.insert(parameter.to_owned(), value);
                }
                None => {
                    self.options.look_at_setting(name, &value)?;
                    request.settings.push((name.to_owned(), value));
                }
            },
        }
        Ok(())
    }

    /// Whether a part of the URL or of a form tells the format or structure of a table of that name.
    pub(crate) fn describes_table(&self, table: &str, parts: &[Part]) -> bool {
        let describes = |name: &str| is_attribute(name, table);
        self.request.settings.iter().any(|(name, _)| describes(name))
            || parts.iter().any(|part| !part.file && describes(&part.name))
    }

    /// Takes the parts of a form: the query, parameters, settings and external tables.
    pub(crate) fn take_form(
        &mut self,
        parts: Vec<Part>,
        max_session_timeout: Duration,
    ) -> Result<()> {
        let (files, fields): (Vec<Part>, Vec<Part>) = parts.into_iter().partition(|part| part.file);
        let of_table = |name: &str| files.iter().any(|file| is_attribute(name, &file.name));
        for field in fields {
            if of_table(&field.name) {
                let value = String::from_utf8_lossy(&field.content).into_owned();
                self.table_attributes.push((field.name, value));
            } else if field.name == "user" || field.name == "password" {
                bail!(AuthenticationFailed, "Credentials belong into headers, not into a form");
            } else {
                self.set(&field.name, field.content.to_vec(), max_session_timeout)?;
            }
        }
        let settings = std::mem::take(&mut self.request.settings);
        for (name, value) in settings {
            if of_table(&name) {
                self.table_attributes.push((name, value));
            } else {
                self.request.settings.push((name, value));
            }
        }
        for file in files {
            let attribute = |kind: &str| {
                let wanted = format!("{}_{kind}", file.name);
                let found = self.table_attributes.iter().find(|(name, _)| *name == wanted);
                found.map(|(_, value)| value.clone()).filter(|value| !value.is_empty())
            };
            self.request.external_tables.push(ExternalTable {
                format: attribute("format").unwrap_or_else(|| "TabSeparated".to_owned()),
                structure: attribute("structure"),
                types: attribute("types"),
                content: file.content,
                name: file.name,
            });
        }
        Ok(())
    }

    /// The text so far with `more` of the body after it.
    pub(crate) fn join_text(&mut self, more: Bytes) {
        self.request.query = self.joined(more);
        self.text = None;
    }

    /// The text of the URL, then that of the body.
    pub(crate) fn joined(&self, more: Bytes) -> Bytes {
        match &self.text {
            Some(text) if !text.is_empty() && more.is_empty() => Bytes::copy_from_slice(text),
            Some(text) if !text.is_empty() => [text, b"\n".as_slice(), &more].concat().into(),
            _ => more,
        }
    }
}

impl Options {
    fn set_buffer(&mut self, name: &str, value: &str) -> Result<()> {
        let Ok(bytes) = value.parse::<usize>() else {
            bail!(BadArguments, "The parameter {name} is {value:?}, but must be a number of bytes");
        };
        self.buffer_size = Some(bytes.min(MAX_BUFFER)).filter(|bytes| *bytes > 0);
        Ok(())
    }

    /// Remembers what a setting says about carrying the answer.
    fn look_at_setting(&mut self, name: &str, value: &str) -> Result<()> {
        match name {
            "enable_http_compression" => self.http_compression = flag(value),
            "send_progress_in_http_headers" => self.progress_headers = flag(value),
            "add_http_cors_header" => self.add_cors_header = flag(value),
            "http_wait_end_of_query" => self.wait_end_of_query |= flag(value),
            "http_response_buffer_size" => self.set_buffer(name, value)?,
            // Values that are no numbers are the engine's to refuse, like those of any setting.
            "http_zlib_compression_level" => {
                self.compression_level = value.parse().unwrap_or(self.compression_level);
            }
            "http_headers_progress_interval_ms" => {
                self.progress_milliseconds = value.parse().unwrap_or(self.progress_milliseconds);
            }
            "max_query_size" => {
                self.max_query_size = match value.parse() {
                    Ok(0) => usize::MAX,
                    Ok(bytes) => bytes,
                    Err(_) => self.max_query_size,
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Settles what depends on several parameters and headers.
    fn settle(&mut self, headers: &HeaderMap) {
        let accepted = headers
            .get(ACCEPT_ENCODING)
            .filter(|_| self.http_compression)
            .and_then(|value| Encoding::choose(&String::from_utf8_lossy(value.as_bytes())));
        self.answer.encoding = match accepted {
            _ if self.frame_answer => AnswerEncoding::Frames,
            Some(encoding) => AnswerEncoding::Content(encoding, self.compression_level),
            None => AnswerEncoding::Plain,
        };
        self.progress_interval = self
            .progress_headers
            .then(|| Duration::from_millis(self.progress_milliseconds.clamp(10, 60_000)));
        self.answer.cors = self.add_cors_header && headers.contains_key(ORIGIN);
    }
}

/// Whether a parameter describes an external table: `TABLE_format` and such.
fn is_attribute(parameter: &str, table: &str) -> bool {
    let attribute = parameter.strip_prefix(table).and_then(|rest| rest.strip_prefix('_'));
    attribute.is_some_and(|attribute| ["format", "structure", "types"].contains(&attribute))
}

fn header(headers: &HeaderMap, name: &str) -> String {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}

fn flag(value: &str) -> bool {
    matches!(value, "1") || value.eq_ignore_ascii_case("true")
}

fn session_timeout(value: &str, most: Duration) -> Result<Duration> {
    let Ok(seconds) = value.parse::<u64>() else {
        bail!(InvalidSessionTimeout, "Invalid session timeout: {value:?} is no number of seconds");
    };
    if seconds > most.as_secs() {
        bail!(
            InvalidSessionTimeout,
            "Session timeout {seconds} is larger than the longest allowed, {} seconds",
            most.as_secs()
        );
    }
    Ok(Duration::from_secs(seconds))
}

/// The `name=value` pairs of a query string, decoded; names lossily, values to bytes.
pub(crate) fn pairs(query: &str) -> impl Iterator<Item = (String, Vec<u8>)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (String::from_utf8_lossy(&decode(name)).into_owned(), decode(value))
    })
}

/// Decodes `%XX` and `+`; what is no escape stays as it is.
fn decode(text: &str) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| (*byte as char).to_digit(16));
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match (byte, digit(bytes.get(at + 1)), digit(bytes.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high * 16 + low) as u8);
                at += 2;
            }
            (b'+', ..) => decoded.push(b' '),
            _ => decoded.push(byte),
        }
        at += 1;
    }
    decoded
}

/// Whether a text begins with the word INSERT, behind white space and comments.
pub(crate) fn is_insert(text: &[u8]) -> bool {
    let rest = skip_blank(text);
    let word = rest.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    rest[..word].eq_ignore_ascii_case(b"insert")
}

/// Whether a text only reads, so that nobody misses it once its client has gone.
pub(crate) fn only_reads(text: &[u8]) -> bool {
    const READING: [&[u8]; 9] = [
        b"select",
        b"with",
        b"show",
        b"desc",
        b"describe",
        b"explain",
        b"exists",
        b"values",
        b"from",
    ];
    let mut rest = skip_blank(text);
    while let [b'(', inner @ ..] = rest {
        rest = skip_blank(inner);
    }
    let word = rest.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    READING.iter().any(|reading| rest[..word].eq_ignore_ascii_case(reading))
}

/// The text behind white space, byte order mark and comments.
fn skip_blank(text: &[u8]) -> &[u8] {
    let mut rest = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    loop {
        rest = rest.trim_ascii_start();
        let end = if rest.starts_with(b"--") || rest.starts_with(b"#!") || rest.starts_with(b"# ") {
            memchr::memchr(b'\n', rest)
        } else if rest.starts_with(b"/*") {
            memchr::memmem::find(rest, b"*/").map(|at| at + 1)
        } else {
            return rest;
        };
        rest = end.map_or(&[], |at| &rest[at + 1..]);
    }
}

#[cfg(test)]
mod tests {
    use super::{decode, is_insert, only_reads, pairs};

    #[test]
    fn query_strings_are_decoded() {
        assert_eq!(decode("a+b%20c%2B%zz%4"), b"a b c+%zz%4");
        let all: Vec<_> = pairs("a=1&&b&c=x%3Dy=z&%66=").collect();
        let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a", "b", "c", "f"]);
        assert_eq!(all[2].1, b"x=y=z");
    }

    #[test]
    fn statements_are_told_apart() {
        assert!(is_insert(b" /* x */ -- y\n insert INTO t"));
        assert!(is_insert(b"INSERT\nINTO t"));
        assert!(!is_insert(b"insertion"));
        assert!(!is_insert(b"-- insert"));
        assert!(only_reads(b"((SELECT 1))"));
        assert!(only_reads(b"WITH 1 AS x SELECT x"));
        assert!(!only_reads(b"ALTER TABLE t"));
        assert!(!only_reads(b""));
    }
}
