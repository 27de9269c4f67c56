//! A table while the store is open: its definition and the parts that are visible now.
//!
//! A snapshot is immutable; a commit replaces it. Who holds one reads the same rows for as long as
//! it is held, whatever is inserted, merged or dropped meanwhile.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base::{CancelToken, Result};
use parking_lot::{Mutex, MutexGuard, RwLock};
use types::Block;

use crate::catalog::TableState;
use crate::definition::{EngineKind, TableDefinition};
use crate::part::{ColumnBytes, Part};

/// How long it is waited for others before it is looked whether to go on waiting.
const PATIENCE: Duration = Duration::from_millis(20);

/// A table, view or the like of an open store.
#[derive(Debug)]
pub struct Table {
    uuid: String,
    visible: RwLock<Visible>,
    /// Ids of the parts that a merge or mutation is working on.
    pub(crate) busy: Mutex<HashSet<String>>,
    pub(crate) merges_stopped: AtomicBool,
    /// Held while the structure or stored rows are changed.
    changing: Mutex<()>,
}

#[derive(Debug)]
struct Visible {
    snapshot: Arc<TableSnapshot>,
    state: TableState,
    dropped: bool,
}

/// The rows of a table at one version of the catalog.
#[derive(Debug, Clone)]
pub struct TableSnapshot {
    /// The version of the commit that last changed this table.
    pub version: u64,
    /// The version of the commit that last changed its rows or its definition: merges that only bring rows together do
    /// not, so that what was read before is still what reading gives.
    pub rows_version: u64,
    /// The definition at that version.
    pub definition: Arc<TableDefinition>,
    /// Its parts, by partition and block number.
    pub parts: Vec<Arc<Part>>,
    /// The rows of a Memory table, oldest first; every stored column.
    pub memory: Vec<Block>,
}

impl TableSnapshot {
    /// The number of rows.
    pub fn rows(&self) -> u64 {
        self.parts.iter().map(|p| p.rows()).sum::<u64>()
            + self.memory.iter().map(|b| b.rows() as u64).sum::<u64>()
    }

    /// Bytes on disk, or in memory of a Memory table.
    pub fn bytes(&self) -> u64 {
        self.parts.iter().map(|p| p.record().bytes_on_disk()).sum::<u64>()
            + self.memory.iter().map(|b| b.memory() as u64).sum::<u64>()
    }

    /// Bytes of one column in all parts.
    pub fn column_bytes(&self, column_id: u32) -> Result<ColumnBytes> {
        let mut total = ColumnBytes::default();
        for part in &self.parts {
            if let Some(bytes) = part.column_bytes(column_id)? {
                total.compressed += bytes.compressed;
                total.uncompressed += bytes.uncompressed;
                total.marks += bytes.marks;
            }
        }
        Ok(total)
    }
}

impl Table {
    pub(crate) fn new(
        definition: Arc<TableDefinition>,
        state: TableState,
        parts: Vec<Arc<Part>>,
        version: u64,
    ) -> Arc<Table> {
        let uuid = definition.uuid.clone();
        let memory = Vec::new();
        let mut snapshot =
            TableSnapshot { version, rows_version: version, definition, parts, memory };
        sort_parts(&mut snapshot.parts);
        Arc::new(Table {
            uuid,
            visible: RwLock::new(Visible { snapshot: Arc::new(snapshot), state, dropped: false }),
            busy: Mutex::default(),
            merges_stopped: AtomicBool::new(false),
            changing: Mutex::default(),
        })
    }

    /// Waits until nobody else changes the table's structure or stored rows (ALTER, DELETE, UPDATE, TRUNCATE): what is
    /// read of its definition holds until the guard goes. Inserts and merges go on.
    ///
    /// # Errors
    /// Those of `cancel`.
    pub fn change_alone(&self, cancel: &CancelToken) -> Result<MutexGuard<'_, ()>> {
        loop {
            cancel.check()?;
            if let Some(guard) = self.changing.try_lock_for(PATIENCE) {
                return Ok(guard);
            }
        }
    }

    /// Names the table for ever.
    pub fn uuid(&self) -> &str {
        &self.uuid
    }

    /// What it is now.
    pub fn definition(&self) -> Arc<TableDefinition> {
        self.visible.read().snapshot.definition.clone()
    }

    /// What it holds now.
    pub fn snapshot(&self) -> Arc<TableSnapshot> {
        self.visible.read().snapshot.clone()
    }

    /// How it keeps its rows.
    pub fn engine_kind(&self) -> EngineKind {
        self.visible.read().snapshot.definition.engine_kind()
    }

    /// The number of rows now.
    pub fn total_rows(&self) -> u64 {
        self.snapshot().rows()
    }

    /// Bytes on disk, or in memory of a Memory table.
    pub fn total_bytes(&self) -> u64 {
        self.snapshot().bytes()
    }

    /// Whether it was dropped while somebody still held it.
    pub fn is_dropped(&self) -> bool {
        self.visible.read().dropped
    }

    /// An id for the next column; ids of dropped columns are never given again.
    pub fn next_column_id(&self) -> u32 {
        self.state().next_column_id
    }

    /// Parts of the partition that has most of them.
    pub fn most_parts_in_partition(&self) -> usize {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for part in &self.snapshot().parts {
            *counts.entry(part.record().partition.clone()).or_default() += 1;
        }
        counts.into_values().max().unwrap_or(0)
    }

    /// Whether background merges of this table are switched off.
    pub fn merges_stopped(&self) -> bool {
        self.merges_stopped.load(Ordering::Relaxed)
    }

    pub(crate) fn state(&self) -> TableState {
        self.visible.read().state
    }

    /// Makes another snapshot visible; parts that are not in it any more become obsolete.
    pub(crate) fn show(&self, change: impl FnOnce(&mut TableSnapshot), state: TableState) {
        let mut visible = self.visible.write();
        let mut snapshot = visible.snapshot.as_ref().clone();
        change(&mut snapshot);
        sort_parts(&mut snapshot.parts);
        let kept: HashSet<&str> = snapshot.parts.iter().map(|p| p.id()).collect();
        for part in visible.snapshot.parts.iter().filter(|p| !kept.contains(p.id())) {
            part.set_obsolete();
        }
        drop(kept);
        visible.snapshot = Arc::new(snapshot);
        visible.state = state;
    }

    pub(crate) fn set_dropped(&self) {
        let mut visible = self.visible.write();
        visible.dropped = true;
        visible.snapshot.parts.iter().for_each(|p| p.set_obsolete());
        // Whoever still reads holds a snapshot of their own.
        let empty = TableSnapshot {
            version: visible.snapshot.version,
            rows_version: visible.snapshot.rows_version,
            definition: visible.snapshot.definition.clone(),
            parts: Vec::new(),
            memory: Vec::new(),
        };
        visible.snapshot = Arc::new(empty);
    }
}

fn sort_parts(parts: &mut [Arc<Part>]) {
    parts.sort_by(|a, b| {
        let (a, b) = (a.record(), b.record());
        a.partition.cmp(&b.partition).then(a.min_block.cmp(&b.min_block))
    });
}
