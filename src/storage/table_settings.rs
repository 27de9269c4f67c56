//! The settings of tables: each is declared once, with its default and meaning; system.merge_tree_settings comes from
//! here.

use crate::definition::DEFAULT_GRANULARITY;

/// A setting of a table that is a whole number.
#[derive(Debug)]
pub struct TableSetting {
    /// Its name.
    pub name: &'static str,
    /// What holds where a table does not say otherwise.
    pub default: u64,
    /// What it does, in one line.
    pub description: &'static str,
}

macro_rules! declare {
    ($($constant:ident $name:literal = $default:expr, $description:literal;)*) => {
        $(
            #[doc = $description]
            pub(crate) const $constant: TableSetting =
                TableSetting { name: $name, default: $default, description: $description };
        )*

        /// Those of tables with parts.
        pub static TABLE_SETTINGS: &[TableSetting] = &[$($constant),*];
    };
}

declare! {
    INDEX_GRANULARITY "index_granularity" = DEFAULT_GRANULARITY, "Rows of a granule at most.";
    INDEX_GRANULARITY_BYTES "index_granularity_bytes" = 10 << 20, "Bytes of a granule at most, as long as it has more than one row; 0 for any number.";
    PARTS_TO_DELAY_INSERT "parts_to_delay_insert" = 1000, "Parts of a partition from which on inserts wait for merges.";
    PARTS_TO_THROW_INSERT "parts_to_throw_insert" = 3000, "Parts of a partition from which on inserts are refused; 0 for never.";
    TEXT_INDEX_MEMORY "text_index_memory" = 256 << 20, "Bytes of texts' words that building a text index collects before it writes them to disk; a merge holds a fourth of it of terms.";
}

/// Rows that a table in memory keeps, but for those of the newest insert; 0 for any number.
pub(crate) const MAX_ROWS_TO_KEEP: TableSetting = TableSetting {
    name: "max_rows_to_keep",
    default: 0,
    description: "Rows that are kept, but for those of the newest insert; 0 for any number.",
};

/// Bytes that a table in memory keeps, but for those of the newest insert; 0 for any number.
pub(crate) const MAX_BYTES_TO_KEEP: TableSetting = TableSetting {
    name: "max_bytes_to_keep",
    default: 0,
    description: "Bytes that are kept, but for those of the newest insert; 0 for any number.",
};
