//! A part that is being written and is not yet in the catalog.
//!
//! 1. `tmp/<id>/0.seg` is written and synced, then the folder `tmp/<id>`.
//! 2. `publish` renames the folder to its place, which syncs both parents.
//! 3. Then the catalog may commit. Until `keep` is called, dropping removes the files.
//!
//! The file of a small part is not synced at all: `publish` writes it to its place, and the catalog's
//! transaction holds its bytes too, from which a start writes it again if it was lost. So a small
//! insert waits for the catalog's syncs alone. `Store::settle` later syncs the file and lets the bytes go.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use base::Result;
use base::disk::Disk;
use bytes::Bytes;
use types::Value;

use super::PartContext;
use super::layout::{BlobReference, ColumnEntry, Description, Directory, TextEntry};
use super::record::{PartRecord, parts_folder};
use super::segment::SegmentWriter;
use crate::definition::TableDefinition;
use crate::text_index::Scratch;

/// The folder of unfinished parts.
pub(crate) const TMP: &str = "tmp";
const FILE: &str = "0.seg";

static COUNTER: AtomicU64 = AtomicU64::new(0);

/// A random identifier in the form of a UUID, version 4.
pub fn new_uuid() -> String {
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    // Every RandomState has keys of its own, seeded by the operating system once a thread.
    let high = RandomState::new().hash_one((count, now_milliseconds()));
    let low = RandomState::new().hash_one((count, std::process::id()));
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        low >> 48 & 0x3fff | 0x8000,
        low & 0xffff_ffff_ffff
    )
}

/// Milliseconds since 1970-01-01 UTC.
pub(crate) fn now_milliseconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_millis() as i64
}

/// What distinguishes a new part but for its columns.
pub(crate) struct PartOutline {
    pub definition: Arc<TableDefinition>,
    pub partition: String,
    pub partition_values: Vec<Value>,
    pub rows: u64,
    pub granularity: u32,
    pub level: u32,
    /// The ids of the parts that are merged.
    pub sources: Vec<String>,
}

/// A part that is being written.
pub(crate) struct PartWriter {
    folder: Folder,
    id: String,
    outline: PartOutline,
    pub(crate) segment: SegmentWriter,
}

/// Removes the folder unless it was kept.
struct Folder {
    disk: Arc<dyn Disk>,
    path: String,
    kept: bool,
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.kept {
            // What cannot be removed now is removed at the next start.
            let _ = self.disk.remove(&self.path);
        }
    }
}

/// A finished part that is not yet in the catalog.
pub(crate) struct NewPart {
    folder: Folder,
    /// Block numbers are not yet known.
    pub(crate) record: PartRecord,
    /// The file of a small part, for the catalog.
    pub(crate) redo: Option<Vec<u8>>,
}

impl PartWriter {
    /// Starts a part of about so many bytes before encoding.
    pub(crate) fn create(
        context: &PartContext,
        outline: PartOutline,
        bytes: usize,
    ) -> Result<PartWriter> {
        let disk = &context.disk;
        let id = new_uuid();
        if bytes < context.small_part_bytes {
            let path = format!("{}/{id}", parts_folder(&outline.definition.uuid));
            let folder = Folder { disk: disk.clone(), path, kept: false };
            return Ok(PartWriter { folder, id, outline, segment: SegmentWriter::in_memory()? });
        }
        let path = format!("{TMP}/{id}");
        disk.create_folder(&path)?;
        let folder = Folder { disk: disk.clone(), path, kept: false };
        let segment = SegmentWriter::create(disk, &format!("{}/{FILE}", folder.path))?;
        Ok(PartWriter { folder, id, outline, segment })
    }

    pub(crate) fn outline(&self) -> &PartOutline {
        &self.outline
    }

    /// Where the part's text indexes wait until its columns are written.
    pub(crate) fn scratch(&self, context: &PartContext) -> Result<Scratch> {
        let small = self.segment.is_in_memory();
        if small || self.outline.definition.text_indexes.is_empty() {
            return Ok(Scratch::in_memory());
        }
        Scratch::in_folder(&context.disk, format!("{TMP}/{}-texts", self.id))
    }

    /// Appends text indexes, and ends the part: everything is synced when this returns, or in memory where the
    /// part is small.
    pub(crate) fn finish(
        self,
        columns: Vec<ColumnEntry>,
        primary_index: BlobReference,
        indexes: Vec<(u32, Bytes)>,
    ) -> Result<NewPart> {
        let mut texts = Vec::with_capacity(indexes.len());
        for (id, bytes) in indexes {
            let offset = self.segment.append(&bytes)?;
            texts.push(TextEntry { id, offset, length: bytes.len() as u64 });
        }
        let PartWriter { folder, id, outline, segment } = self;
        let bytes_uncompressed = columns.iter().map(|c| c.uncompressed).sum();
        let directory = Directory {
            rows: outline.rows,
            granularity: outline.granularity,
            primary_index,
            columns,
            texts,
        };
        let description = Description {
            id,
            definition: outline.definition.as_ref().clone(),
            partition: outline.partition,
            partition_values: outline.partition_values,
            level: outline.level,
            created: now_milliseconds(),
            bytes_uncompressed,
            sources: outline.sources,
        };
        let (file, redo) = segment.finish(FILE, &directory, &description)?;
        if redo.is_none() {
            folder.disk.sync_folder(&folder.path)?;
        }
        let record = PartRecord::described(&description, &directory, file);
        Ok(NewPart { folder, record, redo })
    }
}

impl NewPart {
    /// Brings the folder to its place; it is still removed unless `keep` follows.
    pub(crate) fn publish(&mut self) -> Result<()> {
        if let Some(bytes) = &self.redo {
            self.folder.disk.create_folder(&self.folder.path)?;
            return self.folder.disk.write_unsynced(&format!("{}/{FILE}", self.folder.path), bytes);
        }
        let to = format!("{}/{}", parts_folder(&self.record.table), self.record.id);
        self.folder.disk.rename(&self.folder.path, &to)?;
        self.folder.path = to;
        Ok(())
    }

    /// The catalog names the part now.
    pub(crate) fn keep(mut self) {
        self.folder.kept = true;
    }
}
