//! Settling small parts: their files are synced, and the catalog lets go of the copies of their bytes.
//!
//! Most small parts are merged before their turn comes, so that their files are never synced at all.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use base::Result;
use parking_lot::Mutex;

use super::Store;
use crate::catalog::Change;
use crate::part::{Part, parts_folder};

/// The catalog keeps bytes of at most about so many parts.
const MOST_PARTS: usize = 2000;
/// Parts settled in one transaction.
const BATCH: usize = 256;

/// The parts whose bytes the catalog keeps, the oldest first.
#[derive(Default)]
pub(super) struct Unsettled {
    queue: Mutex<VecDeque<(Instant, Weak<Part>)>>,
}

impl Unsettled {
    pub(super) fn add(&self, parts: &[Arc<Part>]) {
        let now = Instant::now();
        self.queue.lock().extend(parts.iter().map(|part| (now, Arc::downgrade(part))));
    }

    /// Takes those whose time has come and that are still part of their tables.
    fn due(&self, after: Duration) -> Vec<Arc<Part>> {
        let mut queue = self.queue.lock();
        let mut due = Vec::new();
        while due.len() < BATCH
            && let Some((since, part)) = queue.front()
        {
            let part = part.upgrade().filter(|part| !part.is_obsolete());
            if part.is_some() && since.elapsed() < after && queue.len() < MOST_PARTS {
                break;
            }
            due.extend(part);
            queue.pop_front();
        }
        due
    }
}

impl Store {
    /// Settles the small parts whose time has come; the background threads do this as well.
    ///
    /// # Errors
    /// Those of syncing; the catalog keeps the bytes then.
    pub fn settle(&self) -> Result<()> {
        let due = self.unsettled.due(self.options().settle_after);
        if due.is_empty() {
            return Ok(());
        }
        let settled = self.sync_parts(&due);
        if settled.is_err() {
            self.unsettled.add(&due);
        }
        settled
    }

    fn sync_parts(&self, parts: &[Arc<Part>]) -> Result<()> {
        let disk = &self.context().disk;
        let mut folders: Vec<String> = Vec::new();
        let mut changes = Vec::new();
        for part in parts {
            for file in &part.record().files {
                let synced = disk.sync(&format!("{}/{}", part.folder(), file.name));
                if synced.is_err() && !part.is_obsolete() {
                    return synced;
                }
            }
            let table = part.record().table.clone();
            folders.push(parts_folder(&table));
            changes.push(Change::RemoveRedo { table, id: part.id().to_owned() });
        }
        folders.sort();
        folders.dedup();
        for folder in folders {
            let synced = disk.sync_folder(&folder);
            // The table may have been dropped meanwhile.
            if synced.is_err() && parts.iter().any(|p| !p.is_obsolete()) {
                return synced;
            }
        }
        let _commit = self.commit_guard();
        // Nothing that queries see changes.
        self.catalog.commit(&changes, self.version())
    }
}
