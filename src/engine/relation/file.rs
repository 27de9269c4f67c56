//! `file('glob', 'format', 'structure')`: files as tables.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base::{Error, ErrorCode, Result, bail, error};
use bytes::Bytes;
use expr::Expr;
use format::{BlockReader, ByteSource, FormatSettings};
use plan::{BlockSource, BlockStream, Relation};
use sql::ast::Expression;
use types::{Block, Schema};

use super::{block_relation, parse_structure};
use crate::query::Query;

/// Bytes that are read from a file at a time.
const PIECE: usize = 1 << 20;

/// Files that one call may match.
const MOST_FILES: usize = 10_000;

impl Query<'_> {
    pub(super) fn file_relation(&self, arguments: &[Expression]) -> Result<Relation> {
        let Some((path, rest)) = arguments.split_first() else {
            bail!(NumberOfArgumentsDoesntMatch, "Table function file() needs a path");
        };
        let pattern = self.constant_text(path)?;
        let paths = self.file_paths(&pattern)?;
        let Some(first) = paths.first() else {
            bail!(CannotExtractTableStructure, "No file matches '{pattern}'");
        };
        let format = match rest.first() {
            Some(format) => self.constant_text(format)?,
            None => "auto".to_owned(),
        };
        let format = if format.eq_ignore_ascii_case("auto") { format_of(first)? } else { format };
        let settings = self.format_settings()?;
        let schema = match rest.get(1) {
            Some(structure) => match self.constant_text(structure)?.as_str() {
                "auto" => infer(first, &format, &settings)?,
                structure => parse_structure(structure)?,
            },
            None => infer(first, &format, &settings)?,
        };
        let source = Files { paths, format, schema, settings };
        Ok(block_relation(None, "file", Arc::new(source)))
    }

    /// `format(name[, structure], data)`: data that the query itself holds.
    pub(super) fn format_relation(&self, arguments: &[Expression]) -> Result<Relation> {
        let (name, structure, data) = match arguments {
            [name, data] => (name, None, data),
            [name, structure, data] => (name, Some(structure), data),
            _ => bail!(
                NumberOfArgumentsDoesntMatch,
                "Table function format() takes a format, a structure or none, and data"
            ),
        };
        let format = self.constant_text(name)?;
        let bytes = match self.constant(data)?.0.as_bytes() {
            Some(bytes) => Bytes::copy_from_slice(bytes),
            None => bail!(BadArguments, "Data of format() must be a string"),
        };
        let settings = self.format_settings()?;
        let source = || Box::new(format::BytesSource::new(vec![bytes.clone()]));
        let schema = match structure.map(|s| self.constant_text(s)).transpose()?.as_deref() {
            None | Some("auto") => format::infer_schema(&format, source().as_mut(), &settings)?,
            Some(structure) => parse_structure(structure)?,
        };
        let mut reader = format::reader(&format, source(), &schema, &settings, 1)?;
        let mut blocks = Vec::new();
        while let Some(read) = reader.next()? {
            blocks.push(read.block);
        }
        let rows = super::Blocks::new("format", schema, blocks);
        Ok(block_relation(None, "format", Arc::new(rows)))
    }

    /// The files of a glob, sorted; when served only within the configured folder.
    pub(crate) fn file_paths(&self, pattern: &str) -> Result<Vec<PathBuf>> {
        let folder = self.engine.options.files.as_ref();
        let full = match folder {
            Some(folder) if !Path::new(pattern).is_absolute() => folder.join(pattern),
            _ => PathBuf::from(pattern),
        };
        let text = full.to_string_lossy().into_owned();
        let found =
            glob::glob(&text).map_err(|e| error!(BadArguments, "Wrong glob '{pattern}': {e}"))?;
        let mut paths = Vec::new();
        for path in found {
            let path = path.map_err(|e| error!(CannotOpenFile, "Cannot read '{pattern}': {e}"))?;
            if path.is_file() {
                paths.push(path);
            }
            if paths.len() > MOST_FILES {
                bail!(BadArguments, "'{pattern}' matches more than {MOST_FILES} files");
            }
        }
        if self.served {
            let inside = folder.and_then(|f| f.canonicalize().ok());
            for path in &paths {
                let real = path.canonicalize().ok();
                let allowed = matches!((&inside, &real), (Some(inside), Some(real)) if real.starts_with(inside));
                if !allowed {
                    bail!(
                        DatabaseAccessDenied,
                        "File {} is not inside the folder of files",
                        path.display()
                    );
                }
            }
        }
        paths.sort();
        Ok(paths)
    }
}

/// The format by a file's name, compression left out.
pub(crate) fn format_of(path: &Path) -> Result<String> {
    let name =
        path.file_name().map(|n| n.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let name = name.trim_end_matches(".gz").trim_end_matches(".zst").trim_end_matches(".zstd");
    let extension = name.rsplit('.').next().unwrap_or_default();
    Ok(match extension {
        "parquet" => "Parquet",
        "csv" => "CSV",
        "tsv" | "tab" | "txt" => "TSV",
        "jsonl" | "ndjson" | "json" => "JSONEachRow",
        "arrow" | "feather" => "Arrow",
        "native" => "Native",
        _ => bail!(
            UnknownFormat,
            "Cannot tell the format of {} by its name: give it as second argument",
            path.display()
        ),
    }
    .to_owned())
}

fn infer(path: &Path, format: &str, settings: &FormatSettings) -> Result<Schema> {
    let named = if format == "CSV" { "CSVWithNames" } else { format };
    let mut source = open(path)?;
    let schema = format::infer_schema(named, source.as_mut(), settings);
    schema.map_err(|e| e.within(path.display()))
}

/// A file's bytes, decompressed by its name.
pub(crate) fn open(path: &Path) -> Result<Box<dyn ByteSource>> {
    let file = File::open(path)
        .map_err(|e| Error::io(ErrorCode::FileDoesntExist, "Cannot open", path, &e))?;
    let name = path.to_string_lossy().to_ascii_lowercase();
    let reader: Box<dyn Read + Send> = if name.ends_with(".gz") {
        Box::new(flate2::read::MultiGzDecoder::new(file))
    } else if name.ends_with(".zst") || name.ends_with(".zstd") {
        let decoder = zstd::Decoder::new(file);
        Box::new(
            decoder.map_err(|e| Error::io(ErrorCode::CannotDecompress, "Cannot read", path, &e))?,
        )
    } else {
        Box::new(file)
    };
    Ok(Box::new(FileBytes { path: path.to_owned(), reader }))
}

struct FileBytes {
    path: PathBuf,
    reader: Box<dyn Read + Send>,
}

impl ByteSource for FileBytes {
    fn next(&mut self) -> Result<Option<Bytes>> {
        let mut piece = vec![0; PIECE];
        let mut filled = 0;
        while filled < PIECE {
            let read = self.reader.read(&mut piece[filled..]).map_err(|e| {
                Error::io(ErrorCode::CannotReadFromFileDescriptor, "Cannot read", &self.path, &e)
            })?;
            if read == 0 {
                break;
            }
            filled += read;
        }
        piece.truncate(filled);
        Ok((filled > 0).then(|| Bytes::from(piece)))
    }
}

#[derive(Debug)]
struct Files {
    paths: Vec<PathBuf>,
    format: String,
    schema: Schema,
    settings: FormatSettings,
}

impl BlockSource for Files {
    fn name(&self) -> String {
        "file".to_owned()
    }

    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn pieces(&self) -> usize {
        self.paths.len()
    }

    fn read(&self, piece: usize, columns: &[usize], _filter: &[Expr]) -> Result<BlockStream> {
        let path = self.paths[piece].clone();
        let named = self.format == "CSV" || self.format == "CSVWithNames";
        // A header is told from rows by whether it names the columns.
        let format = if named { csv_format(&path, &self.schema)? } else { self.format.clone() };
        let by_name = format != "CSV" && format != "TSV" && format != "TabSeparated";
        let wanted = if by_name && !columns.is_empty() {
            Schema::new(columns.iter().map(|c| self.schema.fields()[*c].clone()).collect())
        } else {
            self.schema.clone()
        };
        let picked = (!by_name || columns.is_empty()).then(|| columns.to_vec());
        let reader = format::reader(&format, open(&path)?, &wanted, &self.settings, 2)?;
        Ok(Box::new(FileBlocks { reader, path, picked, ended: false }))
    }

    fn rows(&self) -> Option<u64> {
        None
    }
}

/// `CSVWithNames` when the first line holds the columns' names.
fn csv_format(path: &Path, schema: &Schema) -> Result<String> {
    let first = open(path)?.next()?.unwrap_or_default();
    let line = first.split(|b| *b == b'\n').next().unwrap_or_default();
    let text = String::from_utf8_lossy(line);
    let names: Vec<&str> = text.trim().split(',').map(|n| n.trim_matches('"')).collect();
    let named = schema.fields().iter().all(|f| names.contains(&f.name.as_str()));
    Ok(if named { "CSVWithNames" } else { "CSV" }.to_owned())
}

struct FileBlocks {
    reader: Box<dyn BlockReader>,
    path: PathBuf,
    picked: Option<Vec<usize>>,
    ended: bool,
}

impl Iterator for FileBlocks {
    type Item = Result<Block>;

    fn next(&mut self) -> Option<Result<Block>> {
        if self.ended {
            return None;
        }
        match self.reader.next() {
            Ok(Some(read)) => Some(Ok(match &self.picked {
                None => read.block,
                Some(columns) => {
                    let picked = columns.iter().map(|c| read.block.column(*c).clone()).collect();
                    Block::new(picked, read.block.rows())
                }
            })),
            Ok(None) => None,
            Err(error) => {
                self.ended = true;
                Some(Err(error.within(self.path.display())))
            }
        }
    }
}
