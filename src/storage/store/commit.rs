//! Committing inserts: one transaction of the catalog for all that wait.
//!
//! 1. Whoever commits puts its insert into the queue and then takes the commit lock. The one
//!    that gets it commits everything that waits, so that many small inserts share one sync.
//! 2. Within the lock: tables and tokens are checked, block numbers given, the transaction is made
//!    durable, and then all snapshots change at once.
//! 3. When the catalog fails, nobody knows whether the transaction is durable. The files stay; the
//!    next start removes those that are not named.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use base::{Result, bail, error};
use parking_lot::Mutex;

use super::Store;
use crate::catalog::{Change, TableState};
use crate::definition::TableDefinition;
use crate::insert::{Insert, Written};
use crate::part::new::NewPart;
use crate::part::{Part, PartRecord};
use crate::table::{Table, TableSnapshot};
use crate::table_settings::{MAX_BYTES_TO_KEEP, MAX_ROWS_TO_KEEP};

/// An insert that waits for its commit.
pub(crate) struct Request {
    insert: Mutex<Option<Insert>>,
    result: Mutex<Option<Result<Written>>>,
}

/// What a commit changes in one table.
pub(crate) struct TableChange {
    pub table: Arc<Table>,
    pub state: TableState,
    pub added: Vec<Arc<Part>>,
    pub removed: HashSet<String>,
    pub memory: Vec<types::Block>,
    /// The definition from now on, where it changes.
    pub definition: Option<Arc<TableDefinition>>,
    /// Whether the rows of a Memory table are replaced rather than added to.
    pub replaces_memory: bool,
}

/// One transaction that is being put together.
#[derive(Default)]
pub(crate) struct Transaction {
    pub changes: Vec<Change>,
    pub tables: Vec<TableChange>,
    parts: Vec<NewPart>,
    /// Parts whose bytes the catalog keeps.
    unsettled: Vec<Arc<Part>>,
    tokens: HashSet<(String, String)>,
    /// Whether it brings rows together and changes none.
    pub keeps_rows: bool,
}

impl Transaction {
    pub(crate) fn table(&mut self, table: &Arc<Table>) -> &mut TableChange {
        let known = self.tables.iter().position(|t| Arc::ptr_eq(&t.table, table));
        let at = known.unwrap_or_else(|| {
            self.tables.push(TableChange {
                table: table.clone(),
                state: table.state(),
                added: Vec::new(),
                removed: HashSet::new(),
                memory: Vec::new(),
                definition: None,
                replaces_memory: false,
            });
            self.tables.len() - 1
        });
        &mut self.tables[at]
    }

    /// Adds a part with the next block number, or with those of the parts that it replaces.
    pub(crate) fn add_part(
        &mut self,
        store: &Store,
        table: &Arc<Table>,
        mut part: NewPart,
        blocks: Option<(u64, u64)>,
    ) {
        let change = self.table(table);
        let (min, max) = blocks.unwrap_or_else(|| {
            change.state.last_block += 1;
            (change.state.last_block, change.state.last_block)
        });
        part.record.min_block = min;
        part.record.max_block = max;
        let record: Arc<PartRecord> = Arc::new(part.record.clone());
        let shown = Part::new(record.clone(), store.context().clone());
        change.added.push(shown.clone());
        if let Some(bytes) = part.redo.take() {
            self.unsettled.push(shown);
            let (table, id) = (record.table.clone(), record.id.clone());
            self.changes.push(Change::PutRedo { table, id, bytes });
        }
        self.changes.push(Change::PutPart(record));
        self.parts.push(part);
    }

    /// Removes a part of a table.
    pub(crate) fn remove_part(&mut self, table: &Arc<Table>, id: &str) {
        self.table(table).removed.insert(id.to_owned());
        self.changes.push(Change::RemovePart { table: table.uuid().to_owned(), id: id.to_owned() });
    }
}

impl Store {
    /// Commits an insert together with all others that wait.
    pub(crate) fn commit_insert(&self, mut insert: Insert) -> Result<Written> {
        insert.prepare()?;
        let request =
            Arc::new(Request { insert: Mutex::new(Some(insert)), result: Mutex::new(None) });
        self.waiting.lock().push(request.clone());
        let guard = self.commit_lock.lock();
        if request.result.lock().is_none() {
            let batch = std::mem::take(&mut *self.waiting.lock());
            self.commit_batch(&batch);
        }
        drop(guard);
        let result = request.result.lock().take();
        result.unwrap_or_else(|| bail!(LogicalError, "an insert was not committed"))
    }

    /// Commits several inserts in one transaction; each has its own result.
    pub fn commit_many(&self, inserts: Vec<Insert>) -> Vec<Result<Written>> {
        let mut requests = Vec::with_capacity(inserts.len());
        for mut insert in inserts {
            let prepared = insert.prepare();
            requests.push(Arc::new(Request {
                insert: Mutex::new(prepared.is_ok().then_some(insert)),
                result: Mutex::new(prepared.err().map(Err)),
            }));
        }
        let guard = self.commit_lock.lock();
        self.commit_batch(&requests);
        drop(guard);
        let take = |request: Arc<Request>| request.result.lock().take();
        requests
            .into_iter()
            .map(|r| take(r).unwrap_or_else(|| bail!(LogicalError, "an insert was not committed")))
            .collect()
    }

    /// Within the commit lock.
    fn commit_batch(&self, batch: &[Arc<Request>]) {
        let mut transaction = Transaction::default();
        let mut done: Vec<(&Arc<Request>, Written)> = Vec::new();
        // Held until the end: the parts that are removed stay marked as busy.
        let mut held = Vec::new();
        for request in batch {
            let Some(mut insert) = request.insert.lock().take() else { continue };
            match self.stage(&mut transaction, &mut insert) {
                Ok(written) => done.push((request, written)),
                Err(error) => *request.result.lock() = Some(Err(error)),
            }
            held.push(insert);
        }
        let committed = self.commit_transaction(transaction);
        for (request, written) in done {
            *request.result.lock() = Some(match &committed {
                Ok(version) => Ok(Written { version: *version, ..written }),
                Err(error) => Err(error.clone()),
            });
        }
    }

    /// Checks an insert and adds it to the transaction, wholly or not at all.
    fn stage(&self, transaction: &mut Transaction, insert: &mut Insert) -> Result<Written> {
        let written = insert.written();
        for (table, token) in &insert.tokens {
            let key = (table.uuid().to_owned(), token.clone());
            if transaction.tokens.contains(&key) || self.catalog.has_token(&key.0, &key.1)? {
                return Ok(Written { deduplicated: true, rows: 0, bytes: 0, parts: 0, version: 0 });
            }
        }
        let touched = insert.tables.iter().map(|t| &t.table);
        for table in touched.chain(insert.removed.iter().map(|(table, _)| table)) {
            if table.is_dropped() {
                bail!(UnknownTable, "Table {} was dropped", table.definition().full_name());
            }
        }
        for into in &insert.tables {
            if !into.fits() {
                let name = into.table.definition().full_name();
                bail!(Aborted, "Columns of table {name} were changed meanwhile; insert again");
            }
        }
        for (table, held) in &insert.removed {
            let gone = transaction.table(table).removed.clone();
            let snapshot = table.snapshot();
            for id in held.ids() {
                if gone.contains(id) || !snapshot.parts.iter().any(|p| p.id() == id) {
                    bail!(Aborted, "Part {id} was removed meanwhile; try again");
                }
            }
        }
        for (table, held) in &insert.removed {
            held.ids().for_each(|id| transaction.remove_part(table, id));
        }
        for into in &mut insert.tables {
            for part in std::mem::take(&mut into.parts) {
                transaction.add_part(self, &into.table, part, None);
            }
            transaction.table(&into.table).memory.append(&mut into.memory);
        }
        for (table, token) in insert.tokens.drain(..) {
            let table = table.uuid().to_owned();
            transaction.tokens.insert((table.clone(), token.clone()));
            transaction.changes.push(Change::AddToken { table, token });
        }
        for (name, value) in insert.extras.drain(..) {
            transaction.changes.push(match value {
                Some(value) => Change::PutExtra(name, value),
                None => Change::RemoveExtra(name),
            });
        }
        Ok(written)
    }

    /// Makes a transaction durable and visible; within the commit lock.
    pub(crate) fn commit_transaction(&self, mut transaction: Transaction) -> Result<u64> {
        let nothing = transaction.changes.is_empty()
            && transaction.tables.iter().all(|t| t.memory.is_empty() && !t.replaces_memory);
        if nothing {
            return Ok(self.version());
        }
        for change in &transaction.tables {
            if change.state != change.table.state() {
                let uuid = change.table.uuid().to_owned();
                transaction.changes.push(Change::PutState(uuid, change.state));
            }
        }
        let version = self.version() + 1;
        // Rows of Memory tables alone are nothing that the catalog keeps.
        let committed = match transaction.changes.is_empty() {
            true => Ok(()),
            false => self.catalog.commit(&transaction.changes, version),
        };
        // Either way the files stay: see 3. at the head.
        transaction.parts.into_iter().for_each(NewPart::keep);
        committed.map_err(|e| {
            error!(UnknownStatusOfInsert, "The commit failed, it may or may not be durable: {e}")
        })?;
        self.unsettled.add(&transaction.unsettled);
        let _visible = self.visible.write();
        for change in transaction.tables {
            let TableChange { table, state, added, removed, memory, definition, replaces_memory } =
                change;
            let apply = |snapshot: &mut TableSnapshot| {
                snapshot.version = version;
                if !transaction.keeps_rows {
                    snapshot.rows_version = version;
                }
                snapshot.parts.retain(|p| !removed.contains(p.id()));
                snapshot.parts.extend(added);
                if let Some(definition) = definition {
                    snapshot.definition = definition;
                }
                if replaces_memory {
                    snapshot.memory.clear();
                }
                snapshot.memory.extend(memory);
                trim_memory(snapshot);
            };
            table.show(apply, state);
        }
        self.set_version(version);
        self.merge_state().wake();
        Ok(version)
    }
}

/// Drops the oldest blocks of a Memory table as its settings say.
fn trim_memory(snapshot: &mut TableSnapshot) {
    let definition = snapshot.definition.clone();
    let limit = |setting| match definition.setting(setting) {
        Ok(0) | Err(_) => u64::MAX,
        Ok(limit) => limit,
    };
    let (rows, bytes) = (limit(&MAX_ROWS_TO_KEEP), limit(&MAX_BYTES_TO_KEEP));
    if snapshot.memory.is_empty() || (rows == u64::MAX && bytes == u64::MAX) {
        return;
    }
    let sizes: HashMap<usize, (u64, u64)> = snapshot
        .memory
        .iter()
        .enumerate()
        .map(|(at, block)| (at, (block.rows() as u64, block.memory() as u64)))
        .collect();
    let mut kept = (0u64, 0u64);
    let mut first = snapshot.memory.len();
    while first > 0 {
        let (block_rows, block_bytes) = sizes.get(&(first - 1)).copied().unwrap_or_default();
        kept = (kept.0 + block_rows, kept.1 + block_bytes);
        // The newest block always stays.
        if (kept.0 > rows || kept.1 > bytes) && first < snapshot.memory.len() {
            break;
        }
        first -= 1;
    }
    snapshot.memory.drain(..first);
}
