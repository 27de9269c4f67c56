//! Groups of several parts that were merged and may take in more: their states stay in memory as they are, so that a copy
//! costs a copy of memory where reading bytes would cost a table built anew.

use std::sync::Arc;

use base::{Reservation, Result};
use types::Block;

use super::grouped::Groups;
use super::keys::KeyEncoder;
use super::output::{self, InMemory};
use super::{Grouping, Numbering, Shared, Stage, prepare};
use crate::context::ExecContext;
use crate::pipeline::{Materialized, Source};

/// Merges blocks of groups.
pub(crate) struct Merger {
    shared: Shared,
}

/// Groups with their states, those of no block at first.
#[derive(Clone)]
pub(crate) struct MergedGroups {
    encoder: KeyEncoder,
    groups: Groups,
}

impl MergedGroups {
    /// Bytes of memory in use.
    pub(crate) fn memory(&self) -> usize {
        self.encoder.memory() + self.groups.memory()
    }
}

impl Merger {
    /// For blocks of keys and states.
    pub(crate) fn new(grouping: Grouping, context: &Arc<ExecContext>) -> Result<Merger> {
        let grouping = Grouping { stage: Stage::Merge, ..grouping };
        let source = Arc::new(Materialized::new(Vec::new()));
        Ok(Merger { shared: prepare(grouping, source, context)? })
    }

    /// No groups yet.
    pub(crate) fn empty(&self) -> MergedGroups {
        let Shared { key_types, calls, .. } = &self.shared;
        // Values come flat.
        let encoder = KeyEncoder::new(key_types, &vec![None; key_types.len()], &[]);
        let numbering = if key_types.is_empty() { Numbering::One } else { Numbering::Hashed };
        MergedGroups { encoder, groups: Groups::new(calls, numbering) }
    }

    /// Takes blocks in; the reservation is what all groups take.
    pub(crate) fn take(
        &self,
        into: &mut MergedGroups,
        blocks: &[Block],
        held: &mut Reservation,
    ) -> Result<()> {
        for block in blocks {
            self.shared.context.cancel.check()?;
            let (keys, states) = block.columns().split_at(self.shared.key_types.len());
            let packed = into.encoder.encode(keys, block.rows())?;
            into.groups.add_states(packed.all(), states, block.rows(), usize::MAX)?;
            held.resize(into.memory())?;
        }
        Ok(())
    }

    /// The results.
    pub(crate) fn finish(&self, mut merged: MergedGroups) -> Result<Box<dyn Source>> {
        if self.shared.key_types.is_empty() {
            merged.groups.conclude();
        }
        let mut held = self.shared.context.budget.reservation();
        let MergedGroups { encoder, groups } = &mut merged;
        let blocks = output::blocks(&self.shared, encoder, groups, &mut held)?;
        Ok(Box::new(InMemory::new(blocks, vec![held])))
    }
}
