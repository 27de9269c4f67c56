//! A block's keys and arguments, and cutting them where they would take too much memory.

use types::Column;

use super::keys::Packed;

/// Bytes that constants of one batch take when they are repeated for every row.
const MOST_REPEATED: usize = 32 << 20;

/// A block's keys and arguments, evaluated; when states are merged, the states are the arguments.
pub(crate) struct Batch {
    pub(crate) keys: Packed,
    pub(crate) arguments: Vec<Column>,
    pub(crate) rows: usize,
}

impl Batch {
    /// The rows in pieces in which constants that are repeated by a state take bounded memory, as that
    /// is looked at after each.
    pub(super) fn pieces(self) -> Vec<Batch> {
        let repeated = |column: &Column| match column {
            Column::Constant { value, len } => value.get_array_memory_size().saturating_mul(*len),
            _ => 0,
        };
        let bytes = self.arguments.iter().map(repeated).fold(0, usize::saturating_add);
        if bytes <= MOST_REPEATED || self.rows < 2 {
            return vec![self];
        }
        let rows = (self.rows / bytes.div_ceil(MOST_REPEATED)).max(1);
        let piece = |first: usize| {
            let rows = rows.min(self.rows - first);
            Batch {
                keys: self.keys.slice(first, rows),
                arguments: self.arguments.iter().map(|a| a.slice(first, rows)).collect(),
                rows,
            }
        };
        (0..self.rows).step_by(rows).map(piece).collect()
    }
}
