//! Sessions: settings and the current database, kept between the queries of a client.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base::{Result, bail};
use parking_lot::{Mutex, MutexGuard};

use crate::destination::TemporaryTable;
use crate::settings::Settings;

/// Sessions kept at once.
const MOST_SESSIONS: usize = 10_000;

/// How long an idle session is kept unless the client says otherwise.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);

/// What a session remembers.
#[derive(Debug, Clone, Default)]
pub(crate) struct SessionState {
    pub(crate) settings: Settings,
    pub(crate) database: String,
    pub(crate) parameters: std::collections::BTreeMap<String, String>,
    /// Temporary tables by name.
    pub(crate) temporary: HashMap<String, Arc<TemporaryTable>>,
}

/// All sessions, by user and id.
#[derive(Default)]
pub(crate) struct Sessions {
    all: Mutex<HashMap<(String, String), Entry>>,
}

struct Entry {
    state: Arc<Mutex<SessionState>>,
    used: Instant,
    timeout: Duration,
}

impl Sessions {
    /// The session of that id, made where there is none.
    ///
    /// # Errors
    /// SESSION_NOT_FOUND when it must be there and is not.
    pub(crate) fn get(
        &self,
        user: &str,
        id: &str,
        timeout: Duration,
        must_exist: bool,
    ) -> Result<Arc<Mutex<SessionState>>> {
        let mut all = self.all.lock();
        let now = Instant::now();
        all.retain(|_, e| {
            now.duration_since(e.used) < e.timeout || Arc::strong_count(&e.state) > 1
        });
        let key = (user.to_owned(), id.to_owned());
        if must_exist && !all.contains_key(&key) {
            bail!(SessionNotFound, "Session {id} not found");
        }
        if all.len() >= MOST_SESSIONS && !all.contains_key(&key) {
            bail!(TooManySimultaneousQueries, "Too many sessions: {MOST_SESSIONS}");
        }
        let entry =
            all.entry(key).or_insert_with(|| Entry { state: Arc::default(), used: now, timeout });
        (entry.used, entry.timeout) = (now, timeout);
        Ok(entry.state.clone())
    }
}

/// Locks a session for one query.
///
/// # Errors
/// SESSION_IS_LOCKED when another query runs in it.
pub(crate) fn lock(state: &Mutex<SessionState>) -> Result<MutexGuard<'_, SessionState>> {
    match state.try_lock() {
        Some(guard) => Ok(guard),
        None => bail!(SessionIsLocked, "Session is locked by a concurrent client"),
    }
}
