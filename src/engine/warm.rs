//! Making ready again in the background what a merge takes away.
//!
//! 1. A merge changes no row, so answers stay right; but what is known of the rows of its sources (conditions, aggregate
//!    states) goes with them, and the first who asks after the next insert would read the merged part anew.
//! 2. So questions whose answers were given again since they were made are asked again after a merge of what they read,
//!    one after another, with a rest after each of three times what it took. That is, a question is asked in the
//!    background at most once for each time that somebody asked it.
//! 3. The new answer takes the old one's place. What fails is left to who asks next.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use base::{CancelToken, Result, error};

use crate::engine::Engine;
use crate::query::Query;
use crate::request::{Credentials, Head, Output, Request};
use crate::session::SessionState;
use crate::wording::Wordings;

/// How often it is looked whether a merge ended.
const LOOK: Duration = Duration::from_millis(100);

/// What a question must have taken to be asked again.
const WORTH: Duration = Duration::from_millis(1);

/// How many times as long as a question took nothing is asked.
const REST: u32 = 3;

/// A request that may be made again by itself.
#[derive(Debug)]
pub(crate) struct Again(Request);

impl Again {
    /// What of a request tells its question; who asks was checked.
    pub(crate) fn of(request: &Request) -> Again {
        let mut settings = request.settings.clone();
        settings.push(("enable_reads_from_query_cache".to_owned(), "0".to_owned()));
        let user = request.credentials.user.clone();
        Again(Request {
            query: request.query.clone(),
            credentials: Credentials { user, password: String::new() },
            database: request.database.clone(),
            settings,
            parameters: request.parameters.clone(),
            default_format: request.default_format.clone(),
            readonly: request.readonly,
            client: "(in the background)".to_owned(),
            ..Request::default()
        })
    }

    /// A new request.
    fn request(&self) -> Request {
        let query_id = storage::new_uuid();
        let (cancel, progress) = (CancelToken::default(), Arc::default());
        Request { query_id, cancel, progress, ..self.0.clone() }
    }

    /// Bytes.
    pub(crate) fn weight(&self) -> usize {
        let settings = self.0.settings.iter().map(|(name, value)| name.len() + value.len() + 64);
        let parameters = self.0.parameters.iter();
        let parameters = parameters.map(|(name, value)| name.len() + value.len() + 64);
        let texts = settings.chain(parameters).sum::<usize>() + self.0.query.len();
        size_of::<Request>() + texts
    }
}

/// Starts the thread; it ends soon after the engine is gone.
pub(crate) fn start(engine: &Arc<Engine>) -> Result<()> {
    let engine = Arc::downgrade(engine);
    std::thread::Builder::new()
        .name("warm".to_owned())
        .spawn(move || watch(&engine))
        .map(drop)
        .map_err(|e| error!(CannotAllocateMemory, "Cannot start a thread: {e}"))
}

fn watch(engine: &Weak<Engine>) {
    let mut merges = 0;
    loop {
        std::thread::sleep(LOOK);
        let asked = {
            let Some(engine) = engine.upgrade() else { return };
            let ended = engine.store.merge_totals().merges;
            match std::mem::replace(&mut merges, ended) == ended {
                true => Vec::new(),
                false => engine.answers.to_warm(&engine.store, WORTH),
            }
        };
        for again in asked {
            let started = Instant::now();
            match engine.upgrade() {
                Some(engine) => engine.ask_again(&again),
                None => return,
            }
            std::thread::sleep(started.elapsed() * REST);
        }
    }
}

/// An answer that nobody waits for.
struct Nobody;

impl Output for Nobody {
    fn start(&mut self, _: &Head) -> Result<()> {
        Ok(())
    }

    fn write(&mut self, _: Vec<u8>) -> Result<()> {
        Ok(())
    }
}

impl Engine {
    fn ask_again(self: &Arc<Engine>, again: &Again) {
        let work = |query: &mut Query<'_>, request: &Request| -> Result<()> {
            query.wording = Wordings::key(request);
            query.run(request, None, &mut Nobody)
        };
        // The query log has what went wrong.
        drop(self.run_in(again.request(), work, &mut SessionState::default()));
    }
}
