//! Queries over HTTP, as the client sends them.

use std::io::Read;
use std::time::Duration;

use ureq::SendBody;

use crate::place::{AnswerHead, Pieces, Place, Query};

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a question beside the running query may take.
const ASIDE_TIMEOUT: Duration = Duration::from_secs(2);

/// The most bytes of an error's text.
const MAX_ERROR: u64 = 1 << 20;

/// A server with the account and session to use.
#[derive(Clone)]
pub(crate) struct Connection {
    agent: ureq::Agent,
    base: String,
    user: String,
    password: String,
    session: String,
    /// Parameters of every query.
    settings: Vec<(String, String)>,
}

impl Connection {
    pub(crate) fn new(
        host: &str,
        port: u16,
        user: &str,
        password: &str,
        settings: Vec<(String, String)>,
    ) -> Connection {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .user_agent("granary-client")
            .build();
        let host = host.strip_prefix("http://").unwrap_or(host).trim_end_matches('/');
        let bare_v6 = host.contains(':') && !host.starts_with('[');
        let host = if bare_v6 { format!("[{host}]") } else { host.to_owned() };
        Connection {
            agent: config.new_agent(),
            base: format!("http://{host}:{port}/"),
            user: user.to_owned(),
            password: password.to_owned(),
            session: uuid::Uuid::new_v4().to_string(),
            settings,
        }
    }

    fn post(&self, parameters: &[(&str, &str)]) -> ureq::RequestBuilder<ureq::typestate::WithBody> {
        let pairs: Vec<String> = parameters
            .iter()
            .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
            .collect();
        let url = format!("{}?{}", self.base, pairs.join("&"));
        self.agent
            .post(url)
            .header("X-ClickHouse-User", &self.user)
            .header("X-ClickHouse-Key", &self.password)
    }

    fn unreachable(&self, error: &ureq::Error) -> String {
        format!("Cannot talk to the server at {}: {error}", self.base)
    }
}

impl Place for Connection {
    fn start(&self, query: Query) -> Result<(AnswerHead, Box<dyn Pieces>), String> {
        let mut parameters = vec![
            ("session_id", self.session.as_str()),
            ("query_id", &query.id),
            ("default_format", &query.format),
        ];
        if let Some(database) = &query.database {
            parameters.push(("database", database));
        }
        parameters.extend(self.settings.iter().map(|(n, v)| (n.as_str(), v.as_str())));
        let request = self.post(&parameters);
        let sent = match query.data {
            None => request.send(&query.text),
            Some(data) => {
                let text = std::io::Cursor::new(query.text + "\n");
                request.send(SendBody::from_owned_reader(text.chain(data)))
            }
        };
        let response = sent.map_err(|error| self.unreachable(&error))?;
        let header = |name| {
            response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        let head = AnswerHead {
            tag: header("x-clickhouse-exception-tag"),
            summary: header("x-clickhouse-summary").unwrap_or_default(),
            has_result: header("x-clickhouse-format").is_some(),
        };
        let status = response.status();
        let mut body = response.into_body().into_reader();
        if status.is_success() {
            return Ok((head, Box::new(Body(body))));
        }
        let mut text = Vec::new();
        // A text that breaks off is better than none.
        let _ = body.by_ref().take(MAX_ERROR).read_to_end(&mut text);
        let text = String::from_utf8_lossy(&text).trim_end().to_owned();
        Err(if text.is_empty() { format!("The server answered {status}") } else { text })
    }

    fn aside(&self, text: &str) -> Result<String, String> {
        let parameters = [("default_format", "TabSeparated")];
        let request = self.post(&parameters).config().timeout_global(Some(ASIDE_TIMEOUT)).build();
        let mut response = request.send(text).map_err(|error| self.unreachable(&error))?;
        let body = response.body_mut().read_to_string().map_err(|error| error.to_string())?;
        if response.status().is_success() { Ok(body) } else { Err(body) }
    }
}

/// The body of a response.
struct Body<R>(R);

impl<R: Read + Send> Pieces for Body<R> {
    fn next(&mut self) -> Result<Option<Vec<u8>>, String> {
        let mut piece = vec![0; 64 << 10];
        loop {
            match self.0.read(&mut piece) {
                Ok(0) => return Ok(None),
                Ok(count) => {
                    piece.truncate(count);
                    return Ok(Some(piece));
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(format!("The answer broke off: {error}")),
            }
        }
    }
}

/// Encodes a text for a URL's query.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(byte as char);
            }
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::encode;

    #[test]
    fn urls_are_encoded() {
        assert_eq!(encode("a b&Ä=1~"), "a%20b%26%C3%84%3D1~");
    }
}
