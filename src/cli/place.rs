//! Where statements run: on a server over HTTP, or in an engine within this process.

use std::io::Read;

/// A query on its way.
pub struct Query {
    /// The statement, without its `;`.
    pub text: String,
    /// Data that follows the text.
    pub data: Option<Box<dyn Read + Send>>,
    /// Its id, under which it can be looked at and killed.
    pub id: String,
    /// The format of the answer unless the query names one.
    pub format: String,
    /// The database to run it in, where it is not the session's.
    pub database: Option<String>,
}

/// What is known before the first byte of an answer.
#[derive(Debug, Default, Clone)]
pub struct AnswerHead {
    /// What marks an error within the answer, where errors come so.
    pub tag: Option<String>,
    /// What the query did so far, a JSON object of strings; empty where that is not told.
    pub summary: String,
    /// Whether there is a result set.
    pub has_result: bool,
}

/// The pieces of an answer, in order.
pub trait Pieces: Send {
    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// The message of what ended the answer early.
    fn next(&mut self) -> Result<Option<Vec<u8>>, String>;

    /// After the end: what the query did, as in [`AnswerHead::summary`].
    fn summary(&self) -> String {
        String::new()
    }
}

/// Where statements run, one session.
pub trait Place: Send + Sync {
    /// Begins a query and waits for the head of its answer.
    ///
    /// # Errors
    /// The message of what is wrong with the query.
    fn start(&self, query: Query) -> Result<(AnswerHead, Box<dyn Pieces>), String>;

    /// Asks something beside the running query, outside of the session; the answer in TabSeparated.
    ///
    /// # Errors
    /// The message of what went wrong.
    fn aside(&self, text: &str) -> Result<String, String>;
}
