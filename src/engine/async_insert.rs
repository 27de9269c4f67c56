//! Asynchronous inserts: small inserts of many clients become few parts.
//!
//! 1. An insert puts its rows into the queue and (unless told otherwise) waits.
//! 2. One thread takes all that is in the queue, writes one part a table and commits once.
//! 3. Only then those who wait are told; an insert that failed tells all of its batch.
//!
//! While a batch is being written the next one gathers: the more clients there are, the larger the
//! batches. After a batch its clients are given a moment to come back, a part of the time that the batch took
//! and only until as many wait as did before, for two batches that take turns would each wait for both.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use base::{Result, bail, catch_panic};
use parking_lot::{Condvar, Mutex};
use storage::{Store, Table, TableDefinition};
use types::Block;

/// Bytes that may wait; beyond, inserts wait for room.
const MOST_BYTES: usize = 256 << 20;

/// The next batch gathers for this part of the time that the last one took, but no longer than the limit.
const GATHERING_PART: u32 = 4;
const LONGEST_GATHERING: Duration = Duration::from_millis(5);

/// The queue and the thread that empties it.
pub(crate) struct AsyncInserter {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    flushes: AtomicU64,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<Entry>,
    rows: usize,
    bytes: usize,
    /// Inserts that were ever put into the queue, and those that have been dealt with since.
    taken_in: u64,
    done: u64,
    closed: bool,
    /// So many inserts are expected in the next batch, until then.
    expected: usize,
    gather_until: Option<Instant>,
}

impl Queue {
    /// Whether the next batch is to be written now.
    fn is_gathered(&self) -> bool {
        let time_is_up = self.gather_until.is_none_or(|until| Instant::now() >= until);
        !self.waiting.is_empty()
            && (time_is_up || self.closed || self.waiting.len() >= self.expected)
    }
}

/// What the queue holds and has done.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct QueueCounts {
    /// Rows that wait.
    pub(crate) rows: usize,
    /// Their bytes.
    pub(crate) bytes: usize,
    /// Batches that were written.
    pub(crate) flushes: u64,
}

struct Entry {
    table: Arc<Table>,
    /// What the rows were completed for.
    definition: Arc<TableDefinition>,
    blocks: Vec<Block>,
    ticket: Arc<Ticket>,
    /// Whether somebody waits to be told.
    heard: bool,
}

/// Tells who waits how it went.
#[derive(Default)]
struct Ticket {
    result: Mutex<Option<Result<()>>>,
    done: Condvar,
}

impl AsyncInserter {
    pub(crate) fn new(store: Arc<Store>) -> Result<AsyncInserter> {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            changed: Condvar::new(),
            flushes: AtomicU64::new(0),
        });
        let own = shared.clone();
        let thread = std::thread::Builder::new()
            .name("async-insert".to_owned())
            .spawn(move || run(&own, &store))
            .map_err(|e| base::error!(CannotAllocateMemory, "Cannot start a thread: {e}"))?;
        Ok(AsyncInserter { shared, thread: Some(thread) })
    }

    /// Puts rows into the queue; with `wait` returns when they are durable, or why they are not.
    pub(crate) fn insert(
        &self,
        (table, definition): (&Arc<Table>, Arc<TableDefinition>),
        blocks: Vec<Block>,
        wait: bool,
    ) -> Result<()> {
        let bytes: usize = blocks.iter().map(Block::memory).sum();
        let ticket = Arc::new(Ticket::default());
        {
            let mut queue = self.shared.queue.lock();
            while queue.bytes > 0 && queue.bytes + bytes > MOST_BYTES && !queue.closed {
                self.shared.changed.wait(&mut queue);
            }
            if queue.closed {
                bail!(Aborted, "The server is shutting down");
            }
            queue.bytes += bytes;
            queue.rows += blocks.iter().map(Block::rows).sum::<usize>();
            queue.taken_in += 1;
            let (table, ticket) = (table.clone(), ticket.clone());
            queue.waiting.push(Entry { table, definition, blocks, ticket, heard: wait });
        }
        self.shared.changed.notify_all();
        if !wait {
            return Ok(());
        }
        let mut result = ticket.result.lock();
        loop {
            match result.take() {
                Some(result) => return result,
                None => ticket.done.wait(&mut result),
            }
        }
    }
}

impl AsyncInserter {
    /// Returns when all rows that are in the queue now are written.
    pub(crate) fn flush(&self) {
        let mut queue = self.shared.queue.lock();
        let wanted = queue.taken_in;
        while queue.done < wanted {
            self.shared.changed.wait(&mut queue);
        }
    }

    pub(crate) fn counts(&self) -> QueueCounts {
        let queue = self.shared.queue.lock();
        let flushes = self.shared.flushes.load(Ordering::Relaxed);
        QueueCounts { rows: queue.rows, bytes: queue.bytes, flushes }
    }
}

impl Drop for AsyncInserter {
    fn drop(&mut self) {
        self.shared.queue.lock().closed = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn run(shared: &Shared, store: &Arc<Store>) {
    loop {
        let batch = {
            let mut queue = shared.queue.lock();
            loop {
                if queue.is_gathered() {
                    (queue.bytes, queue.rows) = (0, 0);
                    break std::mem::take(&mut queue.waiting);
                }
                if queue.closed {
                    return;
                }
                match queue.gather_until.filter(|_| !queue.waiting.is_empty()) {
                    Some(until) => {
                        shared.changed.wait_until(&mut queue, until);
                    }
                    None => shared.changed.wait(&mut queue),
                }
            }
        };
        let started = Instant::now();
        shared.changed.notify_all();
        let mut tables: Vec<Arc<Table>> = Vec::new();
        for entry in &batch {
            if !tables.iter().any(|t| Arc::ptr_eq(t, &entry.table)) {
                tables.push(entry.table.clone());
            }
        }
        // One table's failure must not fail another's rows.
        for table in tables {
            let now = table.definition();
            let (entries, stale): (Vec<&Entry>, Vec<&Entry>) = batch
                .iter()
                .filter(|e| Arc::ptr_eq(&e.table, &table))
                .partition(|e| now.stores_as(&e.definition));
            stale.iter().for_each(|entry| refuse_stale(entry));
            if entries.is_empty() {
                continue;
            }
            let result = catch_panic("an asynchronous insert", || write(store, &table, &entries));
            if let Err(error) = &result
                && entries.iter().any(|entry| !entry.heard)
            {
                let definition = table.definition();
                let (database, name) = (&definition.database, &definition.name);
                eprintln!("An asynchronous insert into {database}.{name} was lost: {error}");
            }
            for entry in entries {
                *entry.ticket.result.lock() = Some(result.clone());
                entry.ticket.done.notify_all();
            }
        }
        shared.flushes.fetch_add(1, Ordering::Relaxed);
        {
            let mut queue = shared.queue.lock();
            queue.done += batch.len() as u64;
            queue.expected = batch.len() + queue.waiting.len();
            let gathering = (started.elapsed() / GATHERING_PART).min(LONGEST_GATHERING);
            queue.gather_until = Some(Instant::now() + gathering);
        }
        shared.changed.notify_all();
    }
}

/// Tells that the table got other columns after the rows were made.
fn refuse_stale(entry: &Entry) {
    let name = entry.definition.full_name();
    let error = base::error!(Aborted, "Table {name} was altered meanwhile; try again");
    if !entry.heard {
        eprintln!("An asynchronous insert into {name} was lost: {error}");
    }
    *entry.ticket.result.lock() = Some(Err(error));
    entry.ticket.done.notify_all();
}

fn write(store: &Arc<Store>, table: &Arc<Table>, entries: &[&Entry]) -> Result<()> {
    let mut insert = store.begin_insert();
    insert.set_max_partitions(0);
    if let Some(first) = entries.first() {
        insert.expect(table, &first.definition)?;
    }
    for block in entries.iter().flat_map(|e| &e.blocks) {
        insert.write(table, block.clone())?;
    }
    insert.commit().map(|_| ())
}
