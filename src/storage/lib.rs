//! Parts, segment files, marks, dictionaries, merges, table engines, the catalog and its
//! transactions.
//!
//! This room must not know SQL text or plans. Key expressions come to it resolved, as
//! [`expr::Expr`] over the columns of a table.
//!
//! A [`Store`] is an opened data folder. Rows come in by an [`Insert`], which makes [`Part`]s visible
//! in one transaction of the catalog; they are read from a [`TableSnapshot`], part by part,
//! [`ColumnChunk`] by column, granule by granule. Background merges keep the parts few.
//! A [`PartReader`] opens parts on a disk without a store: they describe themselves.

mod catalog;
mod clob;
mod combine;
mod definition;
mod dictionary;
mod insert;
mod key;
mod merge;
mod part;
mod partition;
mod row_rule;
mod size;
mod store;
mod table;
mod table_settings;
mod text_index;
mod wire;
mod zone;

pub use clob::{Spool, SpoolSink, text_hash};
pub use definition::{
    ColumnDefinition, DEFAULT_GRANULARITY, DatabaseInfo, DefaultKind, EngineKind, KeyColumn,
    MAX_GRANULARITY, TableDefinition, TextField, TextIndexDefinition,
};
pub use dictionary::PartDictionary;
pub use insert::{Insert, Written};
pub use merge::{FinalRows, MergeInfo, MergeListener, MergeTotals, MergedRows};
pub use part::new::new_uuid;
pub use part::{ColumnBytes, ColumnChunk, FileRecord, Part, PartAddress, PartReader, PartRecord};
pub use row_rule::RowRule;
pub use store::{FullName, Problem, Rewrite, RowChange, Store, StoreOptions};
pub use table::{Table, TableSnapshot};
pub use table_settings::{TABLE_SETTINGS, TableSetting};
pub use text_index::text_index_memory;
pub use zone::{Extremes, Prefix16, ZoneMap};
