//! Where an INSERT writes: a stored table, a temporary one, a file, or nowhere.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use base::{MemoryBudget, Reservation, Result, bail, error};
use format::{BlockWriter, Statistics};
use parking_lot::Mutex;
use sql::ast::{Expression, InsertTarget};
use storage::{ColumnDefinition, EngineKind, SpoolSink, Table, TableDefinition};
use types::clob::ClobSink;
use types::{Block, Schema};

use crate::materialized::Feeding;
use crate::query::Query;
use crate::relation::{format_of, parse_structure};

/// Formats that a file can go on with after its end.
const APPENDABLE: &[&str] =
    &["TabSeparated", "TSV", "CSV", "JSONEachRow", "RowBinary", "Native", "LineAsString"];

/// A table of one session, in memory.
#[derive(Debug)]
pub(crate) struct TemporaryTable {
    pub(crate) definition: Arc<TableDefinition>,
    rows: Mutex<TemporaryRows>,
}

#[derive(Debug)]
struct TemporaryRows {
    blocks: Vec<Block>,
    held: Reservation,
}

impl TemporaryTable {
    /// An empty table, whose rows take memory of the server's budget.
    pub(crate) fn new(definition: TableDefinition, budget: &MemoryBudget) -> TemporaryTable {
        let rows = TemporaryRows { blocks: Vec::new(), held: budget.reservation() };
        TemporaryTable { definition: Arc::new(definition), rows: Mutex::new(rows) }
    }

    /// Its rows now.
    pub(crate) fn blocks(&self) -> Vec<Block> {
        self.rows.lock().blocks.clone()
    }

    /// Adds rows, all or none.
    fn add(&self, blocks: Vec<Block>) -> Result<()> {
        let mut rows = self.rows.lock();
        let bytes: usize = blocks.iter().map(Block::memory).sum();
        let held = rows.held.bytes();
        rows.held.resize(held.saturating_add(bytes))?;
        rows.blocks.extend(blocks);
        Ok(())
    }

    /// Drops all rows.
    pub(crate) fn truncate(&self) -> Result<()> {
        let mut rows = self.rows.lock();
        rows.blocks.clear();
        rows.held.resize(0)
    }
}

/// Where an INSERT writes.
pub(crate) enum Destination {
    Stored(Arc<Table>),
    Temporary(Arc<TemporaryTable>),
    /// Rows of this structure are dropped.
    Nowhere(Arc<TableDefinition>),
    File(FileTarget),
}

/// A file that is written to.
pub(crate) struct FileTarget {
    path: PathBuf,
    format: String,
    truncate: bool,
    definition: Arc<TableDefinition>,
}

/// An INSERT that is going on; nothing is there before it is committed.
pub(crate) enum Writing {
    Stored(Arc<Table>, Box<storage::Insert>, Feeding),
    Temporary(Arc<TemporaryTable>, Vec<Block>, Reservation),
    Nowhere,
    File {
        path: PathBuf,
        truncate: bool,
        writer: Box<dyn BlockWriter>,
        bytes: Vec<u8>,
        held: Reservation,
    },
}

impl Destination {
    /// What the rows must look like.
    pub(crate) fn definition(&self) -> Arc<TableDefinition> {
        match self {
            Destination::Stored(table) => table.definition(),
            Destination::Temporary(table) => table.definition.clone(),
            Destination::Nowhere(definition) => definition.clone(),
            Destination::File(file) => file.definition.clone(),
        }
    }
}

impl Writing {
    /// Says for which definition of the table the rows are completed.
    pub(crate) fn expect(&mut self, definition: &TableDefinition) -> Result<()> {
        match self {
            Writing::Stored(table, insert, _) => insert.expect(table, definition),
            Writing::Temporary(..) | Writing::Nowhere | Writing::File { .. } => Ok(()),
        }
    }

    /// Where long texts of CLOB columns can be brought before their rows; nowhere of tables that have none.
    pub(crate) fn long_texts(&mut self) -> Result<Option<Arc<dyn ClobSink>>> {
        let Writing::Stored(table, insert, _) = self else { return Ok(None) };
        let spool = insert.spool(table)?;
        Ok(spool.map(|spool| -> Arc<dyn ClobSink> { Arc::new(SpoolSink(spool)) }))
    }

    /// Takes complete rows.
    pub(crate) fn write(&mut self, query: &Query<'_>, block: Block) -> Result<()> {
        match self {
            Writing::Stored(table, insert, feeding) => {
                feeding.add(query, insert, &block)?;
                insert.write(table, block)
            }
            Writing::Temporary(table, blocks, held) => {
                let columns = table.definition.physical_columns();
                let block = types::clob::in_rows(block, columns.map(|(_, c)| c.data_type.clone()))?;
                held.resize(held.bytes().saturating_add(block.memory()))?;
                blocks.push(block);
                Ok(())
            }
            Writing::Nowhere => Ok(()),
            Writing::File { writer, bytes, held, .. } => {
                writer.write(&block, bytes)?;
                held.resize(bytes.len())
            }
        }
    }

    /// Makes the rows visible.
    pub(crate) fn commit(self, query: &Query<'_>) -> Result<()> {
        match self {
            Writing::Stored(_, mut insert, mut feeding) => {
                feeding.finish(query, &mut insert)?;
                insert.commit().map(|_| ())
            }
            Writing::Temporary(table, blocks, held) => {
                drop(held);
                table.add(blocks)
            }
            Writing::Nowhere => Ok(()),
            Writing::File { path, truncate, mut writer, mut bytes, .. } => {
                writer.finish(&Statistics::default(), &mut bytes)?;
                let opened = OpenOptions::new()
                    .create(true)
                    .write(true)
                    .append(!truncate)
                    .truncate(truncate)
                    .open(&path);
                let written = opened.and_then(|mut file| file.write_all(&bytes));
                written.map_err(|e| error!(CannotOpenFile, "Cannot write {}: {e}", path.display()))
            }
        }
    }
}

impl Query<'_> {
    /// Where an INSERT writes; `given` is what a query gives that is written to a function's place.
    pub(crate) fn destination(
        &self,
        target: &InsertTarget,
        given: Option<Schema>,
    ) -> Result<Destination> {
        let name = match target {
            InsertTarget::Table(name) => &self.named(name)?,
            InsertTarget::Function { name, arguments } => {
                return self.function_destination(name, arguments, given);
            }
        };
        if name.database.is_none()
            && let Some(table) = self.session.temporary.get(&name.table)
        {
            return Ok(Destination::Temporary(table.clone()));
        }
        let database = self.database_of(name).to_owned();
        let Some(table) = self.engine.store.table(&database, &name.table) else {
            // The error of a reading query names what is missing.
            self.relation(name)?;
            bail!(TableIsReadOnly, "Table {database}.{} cannot be written", name.table);
        };
        let table = self.written_table(table)?;
        if table.engine_kind() == EngineKind::None {
            bail!(
                NotImplemented,
                "Table {database}.{} is a view and cannot be written",
                name.table
            );
        }
        Ok(Destination::Stored(table))
    }

    fn function_destination(
        &self,
        name: &str,
        arguments: &[Expression],
        given: Option<Schema>,
    ) -> Result<Destination> {
        match (name.to_ascii_lowercase().as_str(), arguments) {
            ("null", [structure]) => {
                let schema = parse_structure(&self.constant_text(structure)?)?;
                Ok(Destination::Nowhere(Arc::new(columns_of("null", &schema))))
            }
            ("file", [path, rest @ ..]) => {
                let path = self.new_file(&self.constant_text(path)?)?;
                let format = match rest.first() {
                    Some(format) => self.constant_text(format)?,
                    None => "auto".to_owned(),
                };
                let automatic = format.eq_ignore_ascii_case("auto");
                let format = if automatic { format_of(&path)? } else { format };
                let schema = match (rest.get(1), given) {
                    (Some(structure), _) => parse_structure(&self.constant_text(structure)?)?,
                    (None, Some(given)) => given,
                    (None, None) => bail!(
                        BadArguments,
                        "INSERT INTO FUNCTION file of data needs the structure as third argument"
                    ),
                };
                let truncate = self.settings.flag("engine_file_truncate_on_insert");
                if path.exists() && !truncate && !APPENDABLE.contains(&format.as_str()) {
                    bail!(
                        CannotOpenFile,
                        "File {} exists, and {format} cannot be appended to it. Set \
                         engine_file_truncate_on_insert = 1 to write it anew",
                        path.display()
                    );
                }
                let definition = Arc::new(columns_of("file", &schema));
                Ok(Destination::File(FileTarget { path, format, truncate, definition }))
            }
            ("null" | "file", _) => {
                bail!(NumberOfArgumentsDoesntMatch, "Wrong number of arguments for {name}()")
            }
            _ => bail!(
                NotImplemented,
                "INSERT INTO FUNCTION {name} is not supported: file and null can be written"
            ),
        }
    }

    /// A path to write to; when served only within the configured folder.
    fn new_file(&self, path: &str) -> Result<PathBuf> {
        let folder = self.engine.options.files.as_ref();
        let full = match folder {
            Some(folder) => folder.join(path),
            None => PathBuf::from(path),
        };
        if self.served {
            let inside = folder.and_then(|f| f.canonicalize().ok());
            let real = full.parent().and_then(|parent| parent.canonicalize().ok());
            let allowed = matches!((&inside, &real), (Some(inside), Some(real)) if real.starts_with(inside))
                && !full.is_symlink()
                && full.file_name().is_some();
            if !allowed {
                bail!(
                    DatabaseAccessDenied,
                    "File {} is not inside the folder of files",
                    full.display()
                );
            }
        }
        Ok(full)
    }

    /// Begins to write.
    pub(crate) fn begin_writing(&self, destination: &Destination) -> Result<Writing> {
        Ok(match destination {
            Destination::Stored(table) => {
                self.check_parts(table)?;
                let mut insert = self.engine.store.begin_insert();
                self.prepare_insert(&mut insert, table);
                let feeding = Feeding::new(self, table)?;
                Writing::Stored(table.clone(), Box::new(insert), feeding)
            }
            Destination::Temporary(table) => {
                Writing::Temporary(table.clone(), Vec::new(), self.budget.reservation())
            }
            Destination::Nowhere(_) => Writing::Nowhere,
            Destination::File(file) => {
                let fields = file.definition.columns.iter();
                let fields = fields.map(|c| types::Field::new(c.name.clone(), c.data_type.clone()));
                let schema = Schema::new(fields.collect());
                Writing::File {
                    path: file.path.clone(),
                    truncate: file.truncate,
                    writer: format::writer(&file.format, &schema, &self.format_settings()?)?,
                    bytes: Vec::new(),
                    held: self.budget.reservation(),
                }
            }
        })
    }
}

/// A definition of columns without more.
fn columns_of(name: &str, schema: &Schema) -> TableDefinition {
    let columns = schema.fields().iter().enumerate();
    TableDefinition {
        name: name.to_owned(),
        columns: columns
            .map(|(at, f)| ColumnDefinition::new(at as u32, f.name.clone(), f.data_type.clone()))
            .collect(),
        ..TableDefinition::default()
    }
}
