//! Inserts: transactions over one or more tables.
//!
//! 1. `write` gathers rows by partition; full buffers become parts below `tmp/`.
//! 2. `commit` writes what is left, renames the parts into place and makes all of them visible in
//!    one transaction of the catalog, together with deduplication tokens, what the rooms
//!    above store with them, and the removal of parts that are replaced.
//! 3. An insert that is dropped leaves nothing behind.

pub(crate) mod buffer;
pub(crate) mod plan;
pub(crate) mod write;

use std::collections::HashMap;
use std::sync::Arc;

use base::{Result, bail};
use types::{Block, Column, DataType, Value, clob};

use crate::clob::Spool;
use crate::combine::combined_buffer;
use crate::definition::{EngineKind, TableDefinition};
use crate::part::Part;
use crate::part::new::NewPart;
use crate::partition::partition_id;
use crate::store::{BusyParts, Store};
use crate::table::Table;
use buffer::PartitionBuffer;
use plan::WritePlan;
use write::{Origin, write_part};

/// A transaction that adds rows to tables. Dropping it without a commit undoes it.
pub struct Insert {
    pub(crate) store: Arc<Store>,
    pub(crate) tables: Vec<TableInsert>,
    pub(crate) tokens: Vec<(Arc<Table>, String)>,
    pub(crate) extras: Vec<(String, Option<Vec<u8>>)>,
    pub(crate) removed: Vec<(Arc<Table>, BusyParts)>,
    max_partitions: usize,
    refuse_from: Option<u64>,
    combine: bool,
    bytes: u64,
}

/// What an insert brought into a table.
pub(crate) struct TableInsert {
    pub(crate) table: Arc<Table>,
    plan: Option<WritePlan>,
    /// What the table was when the insert began.
    definition: Arc<TableDefinition>,
    buffers: HashMap<Vec<Value>, PartitionBuffer>,
    pub(crate) parts: Vec<NewPart>,
    pub(crate) memory: Vec<Block>,
    pub(crate) rows: u64,
    /// Where its texts wait; of tables with CLOB.
    spool: Option<Arc<Spool>>,
}

impl TableInsert {
    /// Whether the table still has the columns that the rows were made for.
    pub(crate) fn fits(&self) -> bool {
        let now = self.table.definition();
        Arc::ptr_eq(&now, &self.definition) || now.stores_as(&self.definition)
    }
}

/// What a committed insert wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// Rows of all tables.
    pub rows: u64,
    /// Bytes in memory of the blocks that were written.
    pub bytes: u64,
    /// The number of new parts.
    pub parts: usize,
    /// The catalog's version from which on the rows are visible.
    pub version: u64,
    /// Whether a token was known already, so that nothing was written.
    pub deduplicated: bool,
}

/// ClickHouse's default of `max_partitions_per_insert_block`.
const MAX_PARTITIONS: usize = 100;

/// Brings the long texts of a block out of row.
fn spooled(plan: &WritePlan, spool: &Spool, block: Block) -> Result<Block> {
    let rows = block.rows();
    let mut columns = block.into_columns();
    for (column, data_type) in columns.iter_mut().zip(&plan.types) {
        if data_type.is_clob()
            && let Some(cells) = spool.place_all(clob::bytes_of(&column.to_flat()?)?)?
        {
            *column = Column::Flat(cells);
        }
    }
    Ok(Block::new(columns, rows))
}

impl Insert {
    pub(crate) fn new(store: Arc<Store>) -> Insert {
        Insert {
            store,
            tables: Vec::new(),
            tokens: Vec::new(),
            extras: Vec::new(),
            removed: Vec::new(),
            max_partitions: MAX_PARTITIONS,
            refuse_from: None,
            combine: true,
            bytes: 0,
        }
    }

    /// Refuses to write where a partition has so many parts, rather than as many as the table says.
    pub fn set_refuse_from(&mut self, parts: u64) {
        self.refuse_from = Some(parts);
    }

    /// Allows so many partitions in one block instead of 100; 0 means any number.
    pub fn set_max_partitions(&mut self, most: usize) {
        self.max_partitions = if most == 0 { usize::MAX } else { most };
    }

    /// Whether rows of equal keys are combined by the tables' rules before they are written; they are unless
    /// this says otherwise.
    pub fn set_combine(&mut self, combine: bool) {
        self.combine = combine;
    }

    /// Adds a token: if the table has seen it, the commit writes nothing of this insert.
    pub fn deduplicate(&mut self, table: &Arc<Table>, token: impl Into<String>) {
        self.tokens.push((table.clone(), token.into()));
    }

    /// Stores bytes under a name (or removes them) together with the rows.
    pub fn put_extra(&mut self, name: impl Into<String>, value: Option<Vec<u8>>) {
        self.extras.push((name.into(), value));
    }

    /// Removes parts together with adding the rows: what mutations and dropped partitions are made of.
    /// The parts are kept from merges until the insert ends.
    ///
    /// # Errors
    /// ABORTED when a part is being merged or gone; the caller may try again.
    pub fn remove_parts(&mut self, table: &Arc<Table>, parts: &[Arc<Part>]) -> Result<()> {
        let held = BusyParts::take(table, parts)?;
        self.removed.push((table.clone(), held));
        Ok(())
    }

    /// Adds a block that has every stored column of the table, in their order.
    ///
    /// # Errors
    /// Wrong columns, too many partitions, and what disks say.
    pub fn write(&mut self, table: &Arc<Table>, block: Block) -> Result<()> {
        let at = self.table_insert(table)?;
        if block.rows() == 0 {
            return Ok(());
        }
        self.bytes += block.memory() as u64;
        let store = self.store.clone();
        let options = store.options();
        let into = &mut self.tables[at];
        into.rows += block.rows() as u64;
        let Some(plan) = &into.plan else {
            if table.engine_kind() == EngineKind::Memory {
                let columns = into.definition.physical_columns();
                into.memory.push(clob::in_rows(block, columns.map(|(_, c)| c.data_type.clone()))?);
            }
            return Ok(());
        };
        let block = match &into.spool {
            Some(spool) => spooled(plan, spool, block)?,
            None => block,
        };
        let types = plan.types.clone();
        for (values, block) in plan.split(plan.widen(block)?, self.max_partitions)? {
            let mut start = 0;
            while start < block.rows() {
                let into = &mut self.tables[at];
                let buffer = into
                    .buffers
                    .entry(values.clone())
                    .or_insert_with(|| PartitionBuffer::new(values.clone(), &types));
                let rows = (options.insert_rows - buffer.rows).min(block.rows() - start);
                buffer.add(&block.slice(start, rows), store.pool())?;
                start += rows;
                if buffer.rows >= options.insert_rows {
                    self.flush(at, &values)?;
                }
            }
        }
        self.bound_memory(options.insert_bytes)
    }

    /// Says for which definition of a table the rows are made that follow.
    ///
    /// # Errors
    /// ABORTED where the table has other columns by now; those of writing to it.
    pub fn expect(&mut self, table: &Arc<Table>, definition: &TableDefinition) -> Result<()> {
        let at = self.table_insert(table)?;
        if !self.tables[at].definition.stores_as(definition) {
            bail!(Aborted, "Table {} was altered meanwhile; try again", definition.full_name());
        }
        Ok(())
    }

    /// Where texts of CLOB columns of a table can be brought bit by bit; `None` where it has none.
    ///
    /// # Errors
    /// Those of writing to the table.
    pub fn spool(&mut self, table: &Arc<Table>) -> Result<Option<Arc<Spool>>> {
        let at = self.table_insert(table)?;
        Ok(self.tables[at].spool.clone())
    }

    /// Makes everything visible at once and durably.
    ///
    /// # Errors
    /// Nothing was written then; after UNKNOWN_STATUS_OF_INSERT that is not certain.
    pub fn commit(self) -> Result<Written> {
        let store = self.store.clone();
        store.commit_insert(self)
    }

    /// Where the table stands in `tables`.
    fn table_insert(&mut self, table: &Arc<Table>) -> Result<usize> {
        if let Some(at) = self.tables.iter().position(|t| Arc::ptr_eq(&t.table, table)) {
            return Ok(at);
        }
        let definition = table.definition();
        if table.is_dropped() {
            bail!(UnknownTable, "Table {} was dropped", definition.full_name());
        }
        let plan = match table.engine_kind() {
            EngineKind::Parts => {
                self.store.admit_insert(table, self.refuse_from)?;
                Some(WritePlan::new(definition.clone(), self.store.registry())?)
            }
            EngineKind::Memory | EngineKind::Null => None,
            EngineKind::None => bail!(
                NotImplemented,
                "Method write is not supported by storage {}",
                definition.engine
            ),
        };
        let spool = match &plan {
            Some(plan) if plan.types.iter().any(DataType::is_clob) => {
                let types = plan.types.iter().zip(&plan.in_row);
                let in_row = types.filter(|(t, _)| t.is_clob()).map(|(_, bytes)| *bytes).min();
                let divided = !definition.partition_key.is_empty() || definition.row_rule.is_some();
                let disk = &self.store.context().disk;
                Some(Arc::new(Spool::new(disk, in_row.unwrap_or(0), divided)?))
            }
            _ => None,
        };
        self.tables.push(TableInsert {
            table: table.clone(),
            plan,
            definition,
            buffers: HashMap::new(),
            parts: Vec::new(),
            memory: Vec::new(),
            rows: 0,
            spool,
        });
        Ok(self.tables.len() - 1)
    }

    /// Writes the largest buffers until the rest fits.
    fn bound_memory(&mut self, most: usize) -> Result<()> {
        loop {
            let mut total = 0;
            let mut largest: Option<(usize, usize, Vec<Value>)> = None;
            for (at, table) in self.tables.iter().enumerate() {
                for (values, buffer) in &table.buffers {
                    let bytes = buffer.memory();
                    total += bytes;
                    if largest.as_ref().is_none_or(|(most, _, _)| bytes > *most) {
                        largest = Some((bytes, at, values.clone()));
                    }
                }
            }
            match largest {
                Some((_, at, values)) if total > most => self.flush(at, &values)?,
                _ => return Ok(()),
            }
        }
    }

    /// Turns one buffer into a part.
    fn flush(&mut self, at: usize, values: &[Value]) -> Result<()> {
        let store = self.store.clone();
        let into = &mut self.tables[at];
        let (Some(plan), Some(buffer)) = (&into.plan, into.buffers.remove(values)) else {
            return Ok(());
        };
        let partition = partition_id(&plan.definition, &buffer.values);
        let buffer = match self.combine && plan.definition.row_rule.is_some() {
            true => combined_buffer(plan, store.registry(), store.pool(), buffer)?,
            false => buffer,
        };
        if buffer.rows == 0 {
            return Ok(());
        }
        let origin = Origin::default();
        let part = write_part(store.context(), store.pool(), plan, partition, buffer, origin)?;
        into.parts.push(part);
        Ok(())
    }

    /// Writes all buffers and renames the parts into place.
    pub(crate) fn prepare(&mut self) -> Result<()> {
        for at in 0..self.tables.len() {
            let mut left: Vec<Vec<Value>> = self.tables[at].buffers.keys().cloned().collect();
            left.sort_by_key(|values| format!("{values:?}"));
            for values in left {
                self.flush(at, &values)?;
            }
            for part in &mut self.tables[at].parts {
                part.publish()?;
            }
        }
        Ok(())
    }

    pub(crate) fn written(&self) -> Written {
        Written {
            rows: self.tables.iter().map(|t| t.rows).sum(),
            bytes: self.bytes,
            parts: self.tables.iter().map(|t| t.parts.len()).sum(),
            version: 0,
            deduplicated: false,
        }
    }
}
