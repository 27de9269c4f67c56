//! Asynchronous inserts: small inserts of many clients become few parts.
//!
//! 1. An insert puts its rows into the queue and (unless told otherwise) waits.
//! 2. One thread takes all that is in the queue, writes one part a table and commits once.
//! 3. Only then those who wait are told; an insert that failed tells all of its batch.
//!
//! While a batch is being written the next one gathers, so that no timer is needed: the more clients
//! there are, the larger the batches.

use std::sync::Arc;
use std::thread::JoinHandle;

use base::{Result, bail, catch_panic};
use parking_lot::{Condvar, Mutex};
use storage::{Store, Table};
use types::Block;

/// Bytes that may wait; beyond, inserts wait for room.
const MOST_BYTES: usize = 256 << 20;

/// The queue and the thread that empties it.
pub(crate) struct AsyncInserter {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<Entry>,
    bytes: usize,
    closed: bool,
}

struct Entry {
    table: Arc<Table>,
    blocks: Vec<Block>,
    ticket: Arc<Ticket>,
}

/// Tells who waits how it went.
#[derive(Default)]
struct Ticket {
    result: Mutex<Option<Result<()>>>,
    done: Condvar,
}

impl AsyncInserter {
    pub(crate) fn new(store: Arc<Store>) -> Result<AsyncInserter> {
        let shared = Arc::new(Shared { queue: Mutex::default(), changed: Condvar::new() });
        let own = shared.clone();
        let thread = std::thread::Builder::new()
            .name("async-insert".to_owned())
            .spawn(move || run(&own, &store))
            .map_err(|e| base::error!(CannotAllocateMemory, "Cannot start a thread: {e}"))?;
        Ok(AsyncInserter { shared, thread: Some(thread) })
    }

    /// Puts rows into the queue; with `wait` returns when they are durable, or why they are not.
    pub(crate) fn insert(&self, table: &Arc<Table>, blocks: Vec<Block>, wait: bool) -> Result<()> {
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
            queue.waiting.push(Entry { table: table.clone(), blocks, ticket: ticket.clone() });
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
                if !queue.waiting.is_empty() {
                    queue.bytes = 0;
                    break std::mem::take(&mut queue.waiting);
                }
                if queue.closed {
                    return;
                }
                shared.changed.wait(&mut queue);
            }
        };
        shared.changed.notify_all();
        let mut tables: Vec<Arc<Table>> = Vec::new();
        for entry in &batch {
            if !tables.iter().any(|t| Arc::ptr_eq(t, &entry.table)) {
                tables.push(entry.table.clone());
            }
        }
        // One table's failure must not fail another's rows.
        for table in tables {
            let entries: Vec<&Entry> =
                batch.iter().filter(|e| Arc::ptr_eq(&e.table, &table)).collect();
            let result = catch_panic("an asynchronous insert", || write(store, &table, &entries));
            for entry in entries {
                *entry.ticket.result.lock() = Some(result.clone());
                entry.ticket.done.notify_all();
            }
        }
    }
}

fn write(store: &Arc<Store>, table: &Arc<Table>, entries: &[&Entry]) -> Result<()> {
    let mut insert = store.begin_insert();
    insert.set_max_partitions(0);
    for block in entries.iter().flat_map(|e| &e.blocks) {
        insert.write(table, block.clone())?;
    }
    insert.commit().map(|_| ())
}
