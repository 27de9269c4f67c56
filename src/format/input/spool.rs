//! Puts a stream where it can be read at any place: short ones in memory, long ones in a file
//! that is removed when nobody needs it any more.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use base::{Result, bail};
use bytes::Bytes;

use super::source::ByteSource;
use crate::FormatSettings;

/// A stream at rest.
#[derive(Debug, Clone)]
pub(crate) enum Spooled {
    Memory(Bytes),
    File(std::sync::Arc<SpoolFile>),
}

/// A file that is removed when nobody needs it any more.
#[derive(Debug)]
pub(crate) struct SpoolFile {
    path: PathBuf,
    pub(crate) length: u64,
}

impl SpoolFile {
    /// A handle of its own, with a position of its own.
    pub(crate) fn open(&self) -> Result<File> {
        File::open(&self.path).map_err(|e| {
            base::Error::io(base::ErrorCode::CannotOpenFile, "Cannot open", &self.path, &e)
        })
    }
}

impl Drop for SpoolFile {
    fn drop(&mut self) {
        // Nothing can be done about a file that stays; it lies in a temporary directory.
        let _ = std::fs::remove_file(&self.path);
    }
}

static NEXT: AtomicU64 = AtomicU64::new(0);

/// Takes all bytes of a source.
///
/// # Errors
/// TOO_MANY_BYTES past `max_spool_bytes`, CANNOT_OPEN_FILE and CANNOT_WRITE_TO_FILE_DESCRIPTOR.
pub(crate) fn spool(source: &mut dyn ByteSource, settings: &FormatSettings) -> Result<Spooled> {
    let mut memory: Vec<u8> = Vec::new();
    let mut pieces: Vec<Bytes> = Vec::new();
    let mut length = 0_u64;
    while let Some(piece) = source.next()? {
        length += piece.len() as u64;
        pieces.push(piece);
        if length > settings.spool_to_file_from_bytes as u64 {
            return spool_to_file(pieces, length, source, settings);
        }
    }
    if let [only] = pieces.as_slice() {
        return Ok(Spooled::Memory(only.clone()));
    }
    pieces.iter().for_each(|piece| memory.extend_from_slice(piece));
    Ok(Spooled::Memory(memory.into()))
}

fn spool_to_file(
    pieces: Vec<Bytes>,
    mut length: u64,
    source: &mut dyn ByteSource,
    settings: &FormatSettings,
) -> Result<Spooled> {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("granary-input-{}-{number}.tmp", std::process::id());
    let path = settings.spool_directory.join(name);
    let mut file = File::options().write(true).create_new(true).open(&path).map_err(|e| {
        base::Error::io(base::ErrorCode::CannotOpenFile, "Cannot create", &path, &e)
    })?;
    let spooled = SpoolFile { path: path.clone(), length: 0 };
    let mut write = |piece: &Bytes| {
        file.write_all(piece).map_err(|e| {
            let code = base::ErrorCode::CannotWriteToFileDescriptor;
            base::Error::io(code, "Cannot write", &path, &e)
        })
    };
    pieces.iter().try_for_each(&mut write)?;
    drop(pieces);
    while let Some(piece) = source.next()? {
        length += piece.len() as u64;
        if length > settings.max_spool_bytes {
            bail!(
                TooManyBytes,
                "The input is longer than {} bytes (max_spool_bytes)",
                settings.max_spool_bytes
            );
        }
        write(&piece)?;
    }
    let mut spooled = spooled;
    spooled.length = length;
    Ok(Spooled::File(std::sync::Arc::new(spooled)))
}
