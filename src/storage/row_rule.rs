//! What engines of the MergeTree family do with rows of equal sorting keys, as the catalog keeps it.
//!
//! Columns are named by their ids, so that a rule outlives renamed and moved columns.

use serde::{Deserialize, Serialize};

/// What becomes of rows with one sorting key at merges and in `SELECT ... FINAL`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RowRule {
    /// `ReplacingMergeTree`: the row of the greatest version stays, of equal ones the last.
    Replacing {
        /// The version's column; without one the last row stays.
        version: Option<u32>,
        /// The column that marks rows which FINAL leaves out.
        is_deleted: Option<u32>,
    },
    /// `SummingMergeTree`: numbers are added; rows of zeros go.
    Summing {
        /// The columns that are added; where none are named, all numbers outside of the keys.
        columns: Vec<u32>,
    },
    /// `AggregatingMergeTree`: aggregate states are merged.
    Aggregating,
    /// `CollapsingMergeTree`: rows of opposite signs cancel each other.
    Collapsing {
        /// The column that is 1 or -1.
        sign: u32,
    },
    /// `VersionedCollapsingMergeTree`: the same within one version, in whatever order rows came.
    VersionedCollapsing {
        /// The column that is 1 or -1.
        sign: u32,
    },
    /// `Join` tables of strictness ANY: the first row stays.
    First,
}

impl RowRule {
    /// The ids of the columns that the rule itself looks at.
    pub fn columns(&self) -> Vec<u32> {
        match self {
            RowRule::Replacing { version, is_deleted } => {
                version.iter().chain(is_deleted).copied().collect()
            }
            RowRule::Summing { columns } => columns.clone(),
            RowRule::Aggregating | RowRule::First => Vec::new(),
            RowRule::Collapsing { sign } | RowRule::VersionedCollapsing { sign } => vec![*sign],
        }
    }
}
