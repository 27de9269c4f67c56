//! Requests word for word: which question a request asks, so that its answer is found without reading the text again.
//!
//! 1. The same words, settings, parameters, user, database and format ask the same question for as long as the engine
//!    runs: nothing else goes into a question's key but the state of a session, and requests of sessions are not known here.
//! 2. Whether an answer is still right is not known here either: that is looked up as for any other question.
//! 3. Only so many are known; who comes again is known again.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use base::cache_key;
use bytes::Bytes;
use quick_cache::sync::Cache;

use crate::answers::{Freshness, KeptAnswer};
use crate::engine::Engine;
use crate::process::{LogEntry, Process, now};
use crate::request::{Head, Kept, Request, Summary};

/// Requests that are known.
const KNOWN: usize = 16_384;

/// The longest text that is looked up, bytes: the sum over a longer one takes as long as reading a short one.
const LONGEST: usize = 16 << 10;

/// What tells requests apart.
pub(crate) type WordingKey = u128;

/// Questions by the requests that asked them.
pub(crate) struct Wordings {
    known: Cache<WordingKey, Freshness>,
}

/// An answer that was there already.
#[derive(Debug)]
pub struct KeptReply {
    /// What is known before its first byte.
    pub head: Head,
    /// All its bytes; none where the client has them.
    pub body: Bytes,
    /// What it took.
    pub summary: Summary,
}

impl Wordings {
    pub(crate) fn new() -> Wordings {
        Wordings { known: Cache::new(KNOWN) }
    }

    /// What tells a request from others; `None` where its answer may depend on more than its words.
    pub(crate) fn key(request: &Request) -> Option<WordingKey> {
        let alone = request.session_id.is_none() && request.external_tables.is_empty();
        if !alone || request.query.len() > LONGEST {
            return None;
        }
        let user = match request.credentials.user.as_str() {
            "" => "default",
            user => user,
        };
        let words = [user, &request.database, &request.default_format].map(str::as_bytes);
        let readonly: &[u8] = if request.readonly { b"r" } else { b"" };
        let parameters = request.parameters.iter().flat_map(|(name, value)| ["param", name, value]);
        let settings = request.settings.iter().flat_map(|(name, value)| ["setting", name, value]);
        let named = parameters.chain(settings).map(str::as_bytes);
        Some(cache_key([request.query.as_ref(), readonly].into_iter().chain(words).chain(named)))
    }

    /// Notes which question a request asks.
    pub(crate) fn note(&self, wording: WordingKey, question: Freshness) {
        self.known.insert(wording, question);
    }
}

impl Engine {
    /// The answer to a request where it is kept and still right. Nothing runs for it, and nothing is waited for: it may be
    /// called where a query must not run. Of a request that is to be refused there is none, nor where it has more bytes.
    pub fn kept_answer(&self, request: &Request, most_bytes: usize) -> Option<KeptReply> {
        let started = Instant::now();
        if !self.answers.is_on() {
            return None;
        }
        let question = self.wordings.known.get(&Wordings::key(request)?)?;
        self.authenticate(&request.credentials).ok()?;
        let kept = self.answers.find_early(question, &self.store, most_bytes)?;
        Some(self.give(request, &kept, started))
    }

    fn give(&self, request: &Request, kept: &Arc<KeptAnswer>, started: Instant) -> KeptReply {
        let query_id = match request.query_id.as_str() {
            "" => storage::new_uuid(),
            id => id.to_owned(),
        };
        let tag = kept.head.tag.as_deref();
        let not_modified = tag.is_some_and(|tag| request.knows(tag));
        let head = Head {
            query_id: query_id.clone(),
            not_modified,
            kept: Kept::Answer,
            ..kept.head.clone()
        };
        let progress = &request.progress;
        progress.result_rows.store(kept.rows, Ordering::Relaxed);
        progress.result_bytes.store(kept.bytes, Ordering::Relaxed);
        progress.finished.store(true, Ordering::Release);
        let summary = progress.summary(started.elapsed());
        let (user, database) = (&request.credentials.user, &request.database);
        let or_default =
            |name: &String| if name.is_empty() { "default".to_owned() } else { name.clone() };
        let process = Process {
            query_id,
            user: or_default(user),
            query: String::from_utf8_lossy(&request.query).into_owned(),
            kind: "Select",
            database: or_default(database),
            client: request.client.clone(),
            started,
            started_at: now().saturating_sub(started.elapsed()),
            cancel: request.cancel.clone(),
            progress: progress.clone(),
            budget: self.budget.clone(),
            waits: Arc::default(),
            most_of_user: 0,
        };
        let entry = LogEntry { process, ended_at: now(), summary: summary.clone(), error: None };
        self.totals.note(&entry);
        self.processes.log(entry);
        let body = if not_modified { Bytes::new() } else { kept.body.clone() };
        KeptReply { head, body, summary }
    }
}
