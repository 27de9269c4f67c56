//! What FINAL reads of a table whose engine combines rows of equal keys.

use std::sync::Arc;

use base::Result;
use expr::{Expr, Registry};
use plan::{BlockSource, BlockStream};
use storage::{FinalRows, TableSnapshot};
use types::Schema;

/// Combined rows of a table.
pub(crate) struct Combined {
    schema: Schema,
    snapshot: Arc<TableSnapshot>,
    registry: Arc<Registry>,
}

impl Combined {
    /// The rows of a snapshot whose definition has a rule.
    pub(crate) fn new(snapshot: Arc<TableSnapshot>, registry: Arc<Registry>) -> Combined {
        Combined { schema: snapshot.definition.physical_schema(), snapshot, registry }
    }
}

impl std::fmt::Debug for Combined {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Combined({})", self.snapshot.definition.full_name())
    }
}

impl BlockSource for Combined {
    fn name(&self) -> String {
        format!("{} FINAL", self.snapshot.definition.full_name())
    }

    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn pieces(&self) -> usize {
        1
    }

    fn read(&self, _piece: usize, columns: &[usize], _filter: &[Expr]) -> Result<BlockStream> {
        Ok(Box::new(FinalRows::new(&self.snapshot, columns, &self.registry)?))
    }

    fn rows(&self) -> Option<u64> {
        None
    }
}
