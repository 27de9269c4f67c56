//! The disk trait: named immutable files, range reads, atomic creates.
//!
//! Paths are relative to the disk's root, with `/` between names. A file is created once, written
//! from front to back, synced and never changed; folders are renamed as a whole. That is all
//! that parts need, so they can lie on a local disk or in an object store alike.

mod local;
mod memory;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

pub use local::LocalDisk;
pub use memory::MemoryDisk;

use crate::Result;

/// Where parts lie.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Opens an immutable file for range reads.
    fn open(&self, path: &str) -> Result<Arc<dyn FileView>>;

    /// Creates a file that must not exist yet; its parent folder must.
    fn create(&self, path: &str) -> Result<Box<dyn FileWriter>>;

    /// Writes a whole file that must not exist yet; neither its bytes nor its name are durable before
    /// `sync`.
    fn write_unsynced(&self, path: &str, bytes: &[u8]) -> Result<()>;

    /// Makes a file's bytes and its name in its folder durable.
    fn sync(&self, path: &str) -> Result<()>;

    /// Creates a folder and those above it that are missing.
    fn create_folder(&self, path: &str) -> Result<()>;

    /// Renames a folder or file; durable when this returns (both parents are synced).
    fn rename(&self, from: &str, to: &str) -> Result<()>;

    /// Makes the entries of a folder durable.
    fn sync_folder(&self, path: &str) -> Result<()>;

    /// Removes a file, or a folder with all it holds; what is not there is no error.
    fn remove(&self, path: &str) -> Result<()>;

    /// The names in a folder, sorted; empty where there is no such folder.
    fn list(&self, path: &str) -> Result<Vec<String>>;

    /// The size of a file in bytes; `None` where there is none.
    fn size(&self, path: &str) -> Result<Option<u64>>;
}

/// An open immutable file.
pub trait FileView: Send + Sync + fmt::Debug {
    /// Its size in bytes.
    fn size(&self) -> u64;

    /// The bytes of a range; without a copy where the file is mapped.
    ///
    /// # Errors
    /// CANNOT_READ_ALL_DATA when the range reaches past the end.
    fn read(&self, offset: u64, length: usize) -> Result<Bytes>;

    /// A hint: a range that was read is not needed soon, so it need not stay mapped. Bytes of it that
    /// somebody holds stay right.
    fn release(&self, _offset: u64, _length: usize) {}
}

/// A file that is being written.
pub trait FileWriter: Send {
    /// Appends bytes.
    fn write(&mut self, bytes: &[u8]) -> Result<()>;

    /// Bytes written so far.
    fn position(&self) -> u64;

    /// Ends the file and makes its content durable.
    fn finish(self: Box<Self>) -> Result<()>;
}
