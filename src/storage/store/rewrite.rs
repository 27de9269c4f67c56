//! Changing rows that are stored: mutations, and changes of columns that parts have to follow.
//!
//! 1. All parts that are chosen are marked as busy, so that no merge takes them.
//! 2. Each is read granule by granule, changed and written anew; a part without rows left is dropped.
//! 3. Parts that were inserted meanwhile are rewritten within the commit lock, so that none is forgotten.
//! 4. One transaction puts the new parts and the new definition in the place of the old ones. A crash before
//!    leaves the old table, a crash after the new one.

use std::sync::Arc;

use base::{CancelToken, Result, bail};
use types::{Block, Column, clob, default_array};

use super::schema::next_id;
use super::{BusyParts, Store, Transaction};
use crate::catalog::{Change, TableState};
use crate::definition::{EngineKind, TableDefinition};
use crate::insert::buffer::PartitionBuffer;
use crate::insert::plan::WritePlan;
use crate::insert::write::{Origin, write_part};
use crate::part::Part;
use crate::part::new::NewPart;
use crate::table::{Table, TableSnapshot};

/// Makes the rows of a block other rows: stored columns of the old definition come in, those of the new go out.
pub type RowChange<'a> = dyn Fn(Block) -> Result<Block> + 'a;

/// What is done to a table's rows.
pub struct Rewrite<'a> {
    /// The definition afterwards; that of now where only rows change.
    pub definition: TableDefinition,
    /// Which parts are rewritten; the others are left as they are.
    pub choose: &'a dyn Fn(&Part) -> bool,
    /// What becomes of the rows.
    pub change: &'a RowChange<'a>,
    /// Looked at between granules.
    pub cancel: CancelToken,
}

/// How often a mutation looks again for parts that a merge is working on.
const PATIENCE: std::time::Duration = std::time::Duration::from_millis(20);

impl Store {
    /// Rewrites a table's rows and gives it another definition, in one commit.
    ///
    /// # Errors
    /// UNKNOWN_TABLE, what is wrong with the definition, and whatever the change of rows says; nothing has
    /// changed then.
    pub fn rewrite(&self, table: &Arc<Table>, rewrite: &Rewrite<'_>) -> Result<()> {
        rewrite.definition.validate()?;
        let new = Arc::new(rewrite.definition.clone());
        let plan = match new.engine_kind() {
            EngineKind::Parts => Some(WritePlan::new(new.clone(), self.registry())?),
            _ => None,
        };
        let (snapshot, held) = self.hold_all(table, rewrite)?;
        let mut written: Vec<(Arc<Part>, Option<NewPart>)> = Vec::new();
        for part in snapshot.parts.iter().filter(|p| (rewrite.choose)(p)) {
            let Some(plan) = &plan else { break };
            written.push((part.clone(), self.rewrite_part(part, &snapshot, plan, rewrite)?));
        }
        let _commit = self.commit_guard();
        let now = table.snapshot();
        if table.is_dropped() {
            bail!(UnknownTable, "Table {} was dropped", now.definition.full_name());
        }
        if !Arc::ptr_eq(&now.definition, &snapshot.definition) {
            bail!(Aborted, "Table {} was altered meanwhile; try again", now.definition.full_name());
        }
        for part in now.parts.iter().filter(|p| (rewrite.choose)(p)) {
            let known = snapshot.parts.iter().any(|p| Arc::ptr_eq(p, part));
            if let (false, Some(plan)) = (known, &plan) {
                written.push((part.clone(), self.rewrite_part(part, &now, plan, rewrite)?));
            }
        }
        // Parts that were dropped meanwhile stay dropped.
        written.retain(|(part, _)| now.parts.iter().any(|p| Arc::ptr_eq(p, part)));
        let mut transaction = Transaction::default();
        for (part, new) in written {
            let blocks = (part.record().min_block, part.record().max_block);
            transaction.remove_part(table, part.id());
            if let Some(mut new) = new {
                new.publish()?;
                transaction.add_part(self, table, new, Some(blocks));
            }
        }
        if new.engine_kind() == EngineKind::Memory {
            let types = || new.physical_columns().map(|(_, c)| c.data_type.clone());
            let change = |block: &Block| clob::in_rows((rewrite.change)(block.clone())?, types());
            let changed = now.memory.iter().map(change);
            let change = transaction.table(table);
            change.memory = changed.collect::<Result<Vec<Block>>>()?;
            change.memory.retain(|block| block.rows() > 0);
            change.replaces_memory = true;
        }
        let change = transaction.table(table);
        let state = change.state;
        change.state = TableState { next_column_id: next_id(&new, state.next_column_id), ..state };
        change.definition = Some(new.clone());
        transaction.changes.push(Change::PutTable(new));
        self.commit_transaction(transaction)?;
        drop(held);
        Ok(())
    }

    /// The parts that are to be rewritten, kept from merges.
    fn hold_all(
        &self,
        table: &Arc<Table>,
        rewrite: &Rewrite<'_>,
    ) -> Result<(Arc<TableSnapshot>, BusyParts)> {
        loop {
            rewrite.cancel.check()?;
            let snapshot = table.snapshot();
            let chosen: Vec<Arc<Part>> =
                snapshot.parts.iter().filter(|p| (rewrite.choose)(p)).cloned().collect();
            if let Ok(held) = BusyParts::take(table, &chosen) {
                // A merge may have ended in between.
                let now = table.snapshot();
                if chosen.iter().all(|c| now.parts.iter().any(|p| Arc::ptr_eq(p, c))) {
                    return Ok((snapshot, held));
                }
            } else {
                std::thread::sleep(PATIENCE);
            }
        }
    }

    /// Writes the changed rows of a part below `tmp/`; nothing where no row is left.
    fn rewrite_part(
        &self,
        part: &Arc<Part>,
        snapshot: &TableSnapshot,
        plan: &WritePlan,
        rewrite: &Rewrite<'_>,
    ) -> Result<Option<NewPart>> {
        let values = part.record().partition_values.clone();
        let mut buffer = PartitionBuffer::new(values, &plan.types);
        // Integers of dictionaries, which are read granule by granule.
        let mut held = Vec::new();
        for (_, column) in snapshot.definition.physical_columns() {
            if let Some(chunk) = part.column(column.id)? {
                held.extend(chunk.hold_numbers()?);
            }
        }
        for granule in 0..part.granules() {
            rewrite.cancel.check()?;
            let rows = part.granule_rows(granule);
            let mut columns = Vec::new();
            for (_, column) in snapshot.definition.physical_columns() {
                columns.push(match part.column(column.id)? {
                    Some(chunk) => chunk.column(granule)?,
                    None => {
                        let value = default_array(&column.data_type, 1)?;
                        Column::Constant { value, len: rows }
                    }
                });
            }
            let changed = (rewrite.change)(Block::new(columns, rows))?;
            if changed.rows() > 0 {
                buffer.add(&plan.widen(changed)?, self.pool())?;
            }
        }
        drop(held);
        if buffer.rows == 0 {
            return Ok(None);
        }
        let origin = Origin { level: part.record().level, sources: vec![part.id().to_owned()] };
        let partition = part.record().partition.clone();
        write_part(self.context(), self.pool(), plan, partition, buffer, origin).map(Some)
    }
}
