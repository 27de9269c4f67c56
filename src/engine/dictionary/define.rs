//! CREATE DICTIONARY.

use base::{Result, bail};
use sql::ast::{CreateDictionary, DictionaryColumn, Statement};
use storage::{ColumnDefinition, TableDefinition};
use types::DataType;

use crate::query::Query;

/// Layouts whose key is one integer, and what they are called in system.dictionaries.
const SIMPLE: &[(&str, &str)] = &[
    ("FLAT", "Flat"),
    ("HASHED", "Hashed"),
    ("SPARSE_HASHED", "SparseHashed"),
    ("HASHED_ARRAY", "HashedArray"),
    ("CACHE", "Cache"),
    ("SSD_CACHE", "SSDCache"),
    ("DIRECT", "Direct"),
    ("RANGE_HASHED", "RangeHashed"),
];

/// Layouts whose key is any tuple.
const COMPLEX: &[(&str, &str)] = &[
    ("COMPLEX_KEY_HASHED", "ComplexKeyHashed"),
    ("COMPLEX_KEY_SPARSE_HASHED", "ComplexKeySparseHashed"),
    ("COMPLEX_KEY_HASHED_ARRAY", "ComplexKeyHashedArray"),
    ("COMPLEX_KEY_CACHE", "ComplexKeyCache"),
    ("COMPLEX_KEY_SSD_CACHE", "ComplexKeySSDCache"),
    ("COMPLEX_KEY_DIRECT", "ComplexKeyDirect"),
    ("COMPLEX_KEY_RANGE_HASHED", "ComplexKeyRangeHashed"),
    ("IP_TRIE", "Trie"),
];

/// The name of a dictionary's layout as system.dictionaries has it.
pub(super) fn layout_name(create: &CreateDictionary) -> &str {
    let kind = create.layout.as_ref().map_or("", |layout| layout.kind.as_str());
    let known = SIMPLE.iter().chain(COMPLEX).find(|(name, _)| *name == kind);
    known.map_or(kind, |(_, shown)| shown)
}

/// The type of a part of the key: of a simple layout UInt64, whatever is written.
pub(super) fn key_type(create: &CreateDictionary, column: &DictionaryColumn) -> Result<DataType> {
    let kind = create.layout.as_ref().map_or("", |layout| layout.kind.as_str());
    let written = DataType::parse(&column.data_type)?.without_clob();
    if !SIMPLE.iter().any(|(name, _)| *name == kind) {
        return Ok(written);
    }
    if !written.is_integer() {
        bail!(
            BadArguments,
            "The key of a dictionary with layout {kind} must be an integer, not {written}: take COMPLEX_KEY_..."
        );
    }
    Ok(DataType::UInt64)
}

/// The columns of the key in its order.
pub(super) fn key_columns(create: &CreateDictionary) -> Result<Vec<&DictionaryColumn>> {
    let column = |name: &String| match create.columns.iter().find(|c| c.name == *name) {
        Some(column) => Ok(column),
        None => {
            bail!(BadArguments, "PRIMARY KEY of the dictionary names {name}, which is no column")
        }
    };
    create.primary_key.iter().map(column).collect()
}

fn check(create: &CreateDictionary) -> Result<()> {
    if create.primary_key.is_empty() {
        bail!(BadArguments, "A dictionary needs a PRIMARY KEY");
    }
    let (Some(source), Some(layout)) = (&create.source, &create.layout) else {
        bail!(BadArguments, "A dictionary needs a SOURCE and a LAYOUT");
    };
    if !matches!(source.kind.as_str(), "CLICKHOUSE" | "FILE" | "NULL") {
        bail!(
            NotImplemented,
            "A dictionary of source {} is not supported: CLICKHOUSE, FILE and NULL are",
            source.kind
        );
    }
    let kind = layout.kind.as_str();
    let simple = SIMPLE.iter().any(|(name, _)| *name == kind);
    if !simple && !COMPLEX.iter().any(|(name, _)| *name == kind) {
        bail!(NotImplemented, "A dictionary of layout {kind} is not supported");
    }
    if (simple || kind == "IP_TRIE") && create.primary_key.len() != 1 {
        bail!(BadArguments, "The key of a dictionary with layout {kind} has one part");
    }
    if kind.ends_with("RANGE_HASHED") != create.range.is_some() {
        bail!(BadArguments, "RANGE(MIN ... MAX ...) and the layout RANGE_HASHED belong together");
    }
    Ok(())
}

impl Query<'_> {
    /// CREATE DICTIONARY.
    pub(crate) fn create_dictionary(&mut self, mut create: CreateDictionary) -> Result<()> {
        let name = self.named(&create.name)?;
        let database = self.database_of(&name).to_owned();
        if self.engine.store.database(&database).is_none() {
            bail!(UnknownDatabase, "Database {database} does not exist");
        }
        let known = self.engine.store.table(&database, &name.table).is_some();
        if known && create.if_not_exists {
            return Ok(());
        }
        if known && !create.or_replace {
            bail!(DictionaryAlreadyExists, "Dictionary {database}.{} already exists", name.table);
        }
        check(&create)?;
        let mut columns = Vec::with_capacity(create.columns.len());
        for key in key_columns(&create)? {
            columns.push((key.name.clone(), key_type(&create, key)?));
        }
        let of_range = create.range.iter().flat_map(|(from, to)| [from, to]);
        let others = create.columns.iter().map(|column| &column.name);
        for name in of_range.chain(others) {
            let Some(column) = create.columns.iter().find(|c| c.name == *name) else {
                bail!(BadArguments, "RANGE of the dictionary names {name}, which is no column");
            };
            if !columns.iter().any(|(known, _)| known == name) {
                // Attributes are held in memory, apart from what they were read from.
                let data_type = DataType::parse(&column.data_type)?.without_clob();
                columns.push((name.clone(), data_type));
            }
        }
        (create.if_not_exists, create.or_replace) = (false, false);
        create.name.database = Some(database.clone());
        create.name.table.clone_from(&name.table);
        let columns = columns.into_iter().enumerate();
        let definition = TableDefinition {
            database: database.clone(),
            name: name.table.clone(),
            columns: columns.map(|(at, (n, t))| ColumnDefinition::new(at as u32, n, t)).collect(),
            engine: "Dictionary".to_owned(),
            comment: create.comment.clone().unwrap_or_default(),
            create_sql: Statement::CreateDictionary(Box::new(create)).to_string(),
            ..TableDefinition::default()
        };
        if known {
            self.engine.store.drop_table(&database, &name.table)?;
        }
        self.engine.dictionaries.forget(Some((&database, &name.table)));
        self.engine.store.create_table(definition).map(|_| ())
    }
}
