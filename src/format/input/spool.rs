//! Puts a stream where it can be read at any place: short ones in memory, long ones in a file
//! without a name, which ends with its last reader or the process.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use base::{Error, ErrorCode, Result, bail};
use bytes::Bytes;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::reader::{ChunkReader, Length};

use super::source::ByteSource;
use crate::FormatSettings;

/// A stream at rest.
#[derive(Debug, Clone)]
pub(crate) enum Spooled {
    Memory(Bytes),
    File(SpoolFile),
}

/// A file without a name.
#[derive(Debug, Clone)]
pub(crate) struct SpoolFile {
    file: Arc<File>,
    length: u64,
}

/// Reads on from a place; files have one position for all who share them.
#[derive(Debug)]
pub(crate) struct SpoolReader {
    file: Arc<File>,
    position: u64,
}

impl Read for SpoolReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(out, self.position)?;
        self.position += read as u64;
        Ok(read)
    }
}

impl Length for SpoolFile {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for SpoolFile {
    type T = BufReader<SpoolReader>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        Ok(BufReader::new(SpoolReader { file: self.file.clone(), position: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        if start.checked_add(length as u64).is_none_or(|end| end > self.length) {
            return Err(ParquetError::EOF(format!("{length} bytes at {start} of {}", self.length)));
        }
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, start)?;
        Ok(bytes.into())
    }
}

/// Takes all bytes of a source.
///
/// # Errors
/// TOO_MANY_BYTES past `max_spool_bytes`, NOT_ENOUGH_SPACE and CANNOT_WRITE_TO_FILE_DESCRIPTOR.
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
    let folder = &settings.spool_directory;
    let failed = |what: &str, e: &io::Error| {
        let code = match e.kind() {
            io::ErrorKind::StorageFull => ErrorCode::NotEnoughSpace,
            _ => ErrorCode::CannotWriteToFileDescriptor,
        };
        Error::io(code, what, folder, e)
    };
    let mut file = std::fs::create_dir_all(folder)
        .and_then(|()| tempfile::tempfile_in(folder))
        .map_err(|e| failed("Cannot make a temporary file in", &e))?;
    let mut write = |piece: &Bytes| {
        file.write_all(piece).map_err(|e| failed("Cannot write a temporary file in", &e))
    };
    pieces.iter().try_for_each(&mut write)?;
    drop(pieces);
    let within = |length: u64| {
        if length > settings.max_spool_bytes {
            bail!(
                TooManyBytes,
                "The input is longer than {} bytes (max_spool_bytes)",
                settings.max_spool_bytes
            );
        }
        Ok(())
    };
    within(length)?;
    while let Some(piece) = source.next()? {
        length += piece.len() as u64;
        within(length)?;
        write(&piece)?;
    }
    Ok(Spooled::File(SpoolFile { file: Arc::new(file), length }))
}

#[cfg(test)]
mod tests {
    use super::super::source::BytesSource;
    use super::*;

    #[test]
    fn a_long_stream_leaves_no_name_behind_and_is_read_at_any_place() {
        let folder = tempfile::tempdir().unwrap();
        let settings = FormatSettings {
            spool_directory: folder.path().join("made when needed"),
            spool_to_file_from_bytes: 10,
            ..FormatSettings::default()
        };
        let pieces = vec![Bytes::from_static(b"0123456"), Bytes::from_static(b"789abcdef")];
        let spooled = spool(&mut BytesSource::new(pieces.clone()), &settings).unwrap();
        let Spooled::File(file) = spooled else { panic!("it was kept in memory") };
        assert_eq!(std::fs::read_dir(&settings.spool_directory).unwrap().count(), 0);
        assert_eq!(file.len(), 16);
        assert_eq!(file.get_bytes(5, 4).unwrap(), "5678");
        assert!(file.get_bytes(13, 4).is_err(), "past the end");
        let mut rest = String::new();
        let mut first = file.get_read(12).unwrap();
        file.get_read(3).unwrap().read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "3456789abcdef");
        rest.clear();
        first.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "cdef", "readers have positions of their own");

        let settings = FormatSettings { max_spool_bytes: 15, ..settings };
        let error = spool(&mut BytesSource::new(pieces), &settings).unwrap_err();
        assert_eq!(error.code(), ErrorCode::TooManyBytes);
    }
}
