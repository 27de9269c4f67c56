//! What the catalog knows of databases, tables and columns.
//!
//! All of it is kept as JSON in the catalog and, of a table, also in the footer of each of its
//! parts. Fields may be added with a default; none may change its meaning.

use std::collections::BTreeMap;

use base::{Result, bail, error};
use codec::CodecChoice;
use expr::Expr;
use serde::{Deserialize, Serialize};
use types::{DataType, Field, Schema};

use crate::row_rule::RowRule;
use crate::table_settings::{
    INDEX_GRANULARITY, INDEX_GRANULARITY_BYTES, TABLE_SETTINGS, TableSetting,
};

/// How a column gets its value where an INSERT gives none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DefaultKind {
    /// `DEFAULT`: computed when not given.
    Default,
    /// `MATERIALIZED`: always computed, stored, not in `SELECT *`.
    Materialized,
    /// `ALIAS`: computed while reading, not stored.
    Alias,
    /// `EPHEMERAL`: only an input of other columns, not stored.
    Ephemeral,
}

/// A column as its table declares it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnDefinition {
    /// Names the column's data within parts; never used again for another column.
    pub id: u32,
    /// The column's name.
    pub name: String,
    /// Its type.
    pub data_type: DataType,
    /// How it is computed, with the SQL text of the expression.
    #[serde(default)]
    pub default: Option<(DefaultKind, String)>,
    /// The items of `CODEC(...)` with their parameters; empty where none was written.
    #[serde(default)]
    pub codec: Vec<(String, Vec<i64>)>,
    /// `CODEC(...)` as it was written.
    #[serde(default)]
    pub codec_text: String,
    /// `COMMENT`
    #[serde(default)]
    pub comment: String,
    /// `STORAGE OUT_OF_ROW(bytes)` of a CLOB: longer texts go out of row.
    #[serde(default)]
    pub out_of_row: Option<u64>,
}

impl ColumnDefinition {
    /// A column without default, codec and comment.
    pub fn new(id: u32, name: impl Into<String>, data_type: DataType) -> ColumnDefinition {
        ColumnDefinition {
            id,
            name: name.into(),
            data_type,
            default: None,
            codec: Vec::new(),
            codec_text: String::new(),
            comment: String::new(),
            out_of_row: None,
        }
    }

    /// Bytes of a text that stay in its row.
    pub(crate) fn in_row(&self) -> usize {
        self.out_of_row.map_or(crate::clob::IN_ROW, |bytes| bytes as usize)
    }

    /// Whether parts hold values of it: not of `ALIAS` and `EPHEMERAL` columns.
    pub fn is_physical(&self) -> bool {
        !matches!(&self.default, Some((DefaultKind::Alias | DefaultKind::Ephemeral, _)))
    }

    /// How its pages are to be encoded.
    ///
    /// # Errors
    /// UNKNOWN_CODEC, ILLEGAL_CODEC_PARAMETER
    pub fn codec_choice(&self) -> Result<CodecChoice> {
        match self.codec.as_slice() {
            [] => Ok(CodecChoice::default()),
            items => CodecChoice::parse(items),
        }
    }
}

/// One expression of a sorting or partition key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeyColumn {
    /// Over the positions of the table's `columns`; only physical ones.
    pub expression: Expr,
    /// As SQL.
    pub text: String,
}

/// A text index: one for each of its fields, with one analyzer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TextIndexDefinition {
    /// Its name.
    pub name: String,
    /// What it is over.
    pub fields: Vec<TextField>,
    /// What cuts texts into terms, as [`text::Analyzer`] reads it.
    pub analyzer: String,
    /// Whether positions are kept, which phrases need.
    pub positions: bool,
    /// The parameters of scores.
    pub bm25: text::Bm25,
}

/// A text, or an array of texts, that an index is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TextField {
    /// Names the field's data within parts; never used again, not for a column either.
    pub id: u32,
    /// Over the positions of the table's `columns`; only physical ones.
    pub expression: Expr,
    /// As SQL.
    pub text: String,
    /// What its scores are multiplied by.
    pub weight: f32,
}

/// A table, view or the like.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TableDefinition {
    /// Names the table for ever, whatever it is called.
    pub uuid: String,
    /// The database it stands in.
    pub database: String,
    /// Its name.
    pub name: String,
    /// All columns in their order, also those that are not stored.
    pub columns: Vec<ColumnDefinition>,
    /// The engine's name: `MergeTree`, `Memory`, `Null`, `View`, ...
    pub engine: String,
    /// The engine with parameters and clauses, as SQL.
    #[serde(default)]
    pub engine_text: String,
    /// `ORDER BY`
    #[serde(default)]
    pub sorting_key: Vec<KeyColumn>,
    /// So many of the first sorting key columns form the primary key.
    #[serde(default)]
    pub primary_key_length: usize,
    /// `PARTITION BY`
    #[serde(default)]
    pub partition_key: Vec<KeyColumn>,
    /// `SAMPLE BY`, as SQL; one of the primary key's expressions.
    #[serde(default)]
    pub sampling_key: Option<String>,
    /// `INDEX ... TYPE text(...)`
    #[serde(default)]
    pub text_indexes: Vec<TextIndexDefinition>,
    /// `SETTINGS` by name, as text.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// The whole statement, canonical.
    #[serde(default)]
    pub create_sql: String,
    /// `COMMENT`
    #[serde(default)]
    pub comment: String,
    /// The query of a view.
    #[serde(default)]
    pub query: Option<String>,
    /// What merges and FINAL do with rows of equal sorting keys.
    #[serde(default)]
    pub row_rule: Option<RowRule>,
}

/// How a table keeps its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineKind {
    /// Parts on disk.
    Parts,
    /// Blocks in memory, lost at the end of the process.
    Memory,
    /// What is written is dropped.
    Null,
    /// Nothing is stored under this name: views and what else the layers above define.
    None,
}

impl TableDefinition {
    /// Whether rows are stored in the same columns, in the same order, as of another definition.
    pub fn stores_as(&self, other: &TableDefinition) -> bool {
        let columns = |d: &TableDefinition| -> Vec<(u32, DataType)> {
            d.physical_columns().map(|(_, c)| (c.id, c.data_type.clone())).collect()
        };
        columns(self) == columns(other)
    }

    /// How this table keeps its rows.
    pub fn engine_kind(&self) -> EngineKind {
        match self.engine.as_str() {
            "Memory" => EngineKind::Memory,
            "Null" => EngineKind::Null,
            // Rows of tables without a key stay in the order of their inserts, whatever is merged.
            "Log" | "TinyLog" | "StripeLog" | "Set" | "Join" => EngineKind::Parts,
            name if name.ends_with("MergeTree") => EngineKind::Parts,
            _ => EngineKind::None,
        }
    }

    /// The ids that columns and text indexes have.
    pub fn ids(&self) -> impl Iterator<Item = u32> {
        let fields = self.text_indexes.iter().flat_map(|index| &index.fields);
        self.columns.iter().map(|c| c.id).chain(fields.map(|field| field.id))
    }

    /// The columns that are stored, in their order, with their positions in `columns`.
    pub fn physical_columns(&self) -> impl Iterator<Item = (usize, &ColumnDefinition)> {
        self.columns.iter().enumerate().filter(|(_, c)| c.is_physical())
    }

    /// The schema of the blocks that are written to and read from this table.
    pub fn physical_schema(&self) -> Schema {
        Schema::new(
            self.physical_columns()
                .map(|(_, c)| Field::new(c.name.clone(), c.data_type.clone()))
                .collect(),
        )
    }

    /// A column by name.
    pub fn column(&self, name: &str) -> Option<&ColumnDefinition> {
        self.columns.iter().find(|c| c.name == name)
    }

    /// One of the table's settings, or its default where it is not set.
    ///
    /// # Errors
    /// INVALID_SETTING_VALUE
    pub fn setting(&self, setting: &TableSetting) -> Result<u64> {
        match self.settings.get(setting.name) {
            None => Ok(setting.default),
            Some(text) => text.trim().parse().map_err(|_| {
                error!(
                    InvalidSettingValue,
                    "Setting {} of table {} needs a whole number, got {text:?}",
                    setting.name,
                    self.full_name()
                )
            }),
        }
    }

    /// `database.name`
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.database, self.name)
    }

    /// Rows of a granule at most.
    pub fn index_granularity(&self) -> Result<u32> {
        let rows = self.setting(&INDEX_GRANULARITY)?;
        if rows == 0 || rows > MAX_GRANULARITY {
            bail!(
                BadArguments,
                "Setting index_granularity of table {} must be from 1 to {MAX_GRANULARITY}, got {rows}",
                self.full_name()
            );
        }
        Ok(rows as u32)
    }

    /// Bytes of a granule at most, as long as it has more than one row.
    pub fn index_granularity_bytes(&self) -> Result<u64> {
        Ok(match self.setting(&INDEX_GRANULARITY_BYTES)? {
            0 => u64::MAX,
            bytes => bytes,
        })
    }

    /// Checks what every stored table must keep: unique names and ids, keys over stored columns,
    /// settings and codecs that can be read.
    pub fn validate(&self) -> Result<()> {
        let mut names: Vec<&str> = self.columns.iter().map(|c| c.name.as_str()).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|w| w[0] == w[1]) {
            bail!(
                DuplicateColumn,
                "Column {} of table {} exists twice",
                twice[0],
                self.full_name()
            );
        }
        let mut ids: Vec<u32> = self.ids().collect();
        ids.sort_unstable();
        if ids.windows(2).any(|w| w[0] == w[1]) {
            bail!(LogicalError, "Two columns or indexes of table {} have one id", self.full_name());
        }
        if self.engine_kind() == EngineKind::Parts && self.physical_columns().next().is_none() {
            bail!(EmptyListOfColumnsQueried, "Table {} has no stored column", self.full_name());
        }
        if self.primary_key_length > self.sorting_key.len() {
            bail!(BadArguments, "The primary key must be a prefix of the sorting key");
        }
        for key in self.sorting_key.iter().chain(&self.partition_key) {
            for at in key.expression.columns() {
                if !self.columns.get(at).is_some_and(ColumnDefinition::is_physical) {
                    bail!(
                        BadArguments,
                        "Key {} of table {} reads a column that is not stored",
                        key.text,
                        self.full_name()
                    );
                }
            }
        }
        for column in &self.columns {
            column.codec_choice().map_err(|e| e.within(format!("Column {}", column.name)))?;
        }
        for index in &self.text_indexes {
            text::Analyzer::new(&index.analyzer)
                .map_err(|e| e.within(format!("Index {}", index.name)))?;
        }
        TABLE_SETTINGS.iter().try_for_each(|setting| self.setting(setting).map(drop))?;
        self.index_granularity()?;
        self.index_granularity_bytes()?;
        Ok(())
    }
}

/// Rows of a granule where the table does not say otherwise.
pub const DEFAULT_GRANULARITY: u64 = 8192;
/// Rows within a page are numbered with 16 bits.
pub const MAX_GRANULARITY: u64 = 65_536;

/// A database.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DatabaseInfo {
    /// Its name.
    pub name: String,
    /// The engine's name: `Atomic`, `Memory`, ...
    pub engine: String,
    /// Names it for ever.
    pub uuid: String,
    /// `COMMENT`
    #[serde(default)]
    pub comment: String,
}
