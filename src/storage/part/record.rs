//! What the catalog keeps of a part.

use serde::{Deserialize, Serialize};
use types::Value;

use super::layout::{Description, Directory};

/// A segment file of a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Its name within the part's folder.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// CRC-32C of all its bytes; `None` where a part was opened by its own description, which can't hold it.
    pub checksum: Option<u32>,
}

/// An immutable, sorted set of rows of one partition of one table, as the catalog lists it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartRecord {
    /// Names the part's folder; unique within the data folder.
    pub id: String,
    /// The uuid of the table.
    pub table: String,
    /// The partition's id, as ClickHouse spells it: `202307`, `all`, ...
    pub partition: String,
    /// The values of the partition key, one for each of its expressions.
    pub partition_values: Vec<Value>,
    /// How many rows there are.
    pub rows: u64,
    /// Rows of every granule but the last.
    pub granularity: u32,
    /// How many merges lie behind it.
    pub level: u32,
    /// The first block number that it holds.
    pub min_block: u64,
    /// The last block number that it holds.
    pub max_block: u64,
    /// The segment files.
    pub files: Vec<FileRecord>,
    /// Bytes of the values before encoding.
    pub bytes_uncompressed: u64,
    /// When it was made, milliseconds since 1970-01-01 UTC.
    pub created: i64,
    /// Which rows are deleted; reserved for lightweight deletes, always `None` so far.
    #[serde(default)]
    pub delete_mask: Option<String>,
}

impl PartRecord {
    /// The record of a part as its file describes it; block numbers are the catalog's, and 0 here.
    pub(crate) fn described(
        description: &Description,
        directory: &Directory,
        file: FileRecord,
    ) -> PartRecord {
        PartRecord {
            id: description.id.clone(),
            table: description.definition.uuid.clone(),
            partition: description.partition.clone(),
            partition_values: description.partition_values.clone(),
            rows: directory.rows,
            granularity: directory.granularity,
            level: description.level,
            min_block: 0,
            max_block: 0,
            files: vec![file],
            bytes_uncompressed: description.bytes_uncompressed,
            created: description.created,
            delete_mask: None,
        }
    }

    /// The name that `system.parts` shows: partition, block range, level.
    pub fn name(&self) -> String {
        format!("{}_{}_{}_{}", self.partition, self.min_block, self.max_block, self.level)
    }

    /// Bytes of all its files.
    pub fn bytes_on_disk(&self) -> u64 {
        self.files.iter().map(|f| f.size).sum()
    }

    /// The number of granules.
    pub fn granules(&self) -> usize {
        self.rows.div_ceil(u64::from(self.granularity.max(1))) as usize
    }

    /// The rows of one granule; 0 past the end.
    pub fn granule_rows(&self, granule: usize) -> usize {
        let start = self.granule_start(granule);
        self.rows.saturating_sub(start).min(u64::from(self.granularity)) as usize
    }

    /// The number of the first row of a granule.
    pub fn granule_start(&self, granule: usize) -> u64 {
        granule as u64 * u64::from(self.granularity)
    }
}

/// Where the parts of a table lie.
pub(crate) fn parts_folder(table: &str) -> String {
    format!("tables/{table}/parts")
}

/// Where a table's files lie.
pub(crate) fn table_folder(table: &str) -> String {
    format!("tables/{table}")
}
