//! Tables in memory in which functions look values up by key: dictionaries and tables for joins.
//!
//! The query's surroundings bring them, by name; the functions bring the index, made at the first use.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use arrow_array::ArrayRef;
use base::{Result, bail};
use types::{DataType, Field, Value};

/// Where tables to look values up in come from.
pub trait LookupSource: Send + Sync {
    /// A dictionary by name; `database` is the current one.
    ///
    /// # Errors
    /// BAD_ARGUMENTS where there is none; what goes wrong while it is loaded.
    fn dictionary(&self, database: &str, name: &str) -> Result<Arc<Lookup>>;

    /// A table of the engine Join by name.
    ///
    /// # Errors
    /// UNKNOWN_TABLE, and where its engine is another.
    fn join_table(&self, database: &str, name: &str) -> Result<Arc<Lookup>>;
}

/// A handle to the tables that a query's functions may look values up in.
#[derive(Clone, Default)]
pub struct Lookups(Option<Arc<dyn LookupSource>>);

impl Lookups {
    /// With tables from a source.
    pub fn new(source: Arc<dyn LookupSource>) -> Lookups {
        Lookups(Some(source))
    }

    /// The source.
    ///
    /// # Errors
    /// NOT_IMPLEMENTED where a query has none, as a fragment on another machine.
    pub fn source(&self) -> Result<&dyn LookupSource> {
        match &self.0 {
            Some(source) => Ok(source.as_ref()),
            None => bail!(NotImplemented, "Dictionaries and tables for joins cannot be read here"),
        }
    }
}

/// Handles are no part of what a context says of a query.
impl PartialEq for Lookups {
    fn eq(&self, _: &Lookups) -> bool {
        true
    }
}

impl fmt::Debug for Lookups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lookups")
    }
}

/// How rows are found by their keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookupShape {
    /// By equal keys.
    Equal,
    /// By equal keys and a value between two bounds, both included; none is no bound. Values are of the type.
    Ranges {
        /// The type of the bounds.
        data_type: DataType,
        /// The least value of each row.
        from: Vec<Option<i128>>,
        /// The greatest value of each row.
        to: Vec<Option<i128>>,
    },
    /// By the longest network that an address lies in; the key is a text such as `10.0.0.0/8`.
    Networks,
}

/// A value that rows have beside their key.
#[derive(Debug, Clone)]
pub struct LookupAttribute {
    /// Its name.
    pub name: String,
    /// Its type.
    pub data_type: DataType,
    /// What a key that is not there gives.
    pub default: Value,
    /// Whether it is the key of the row above in a hierarchy.
    pub hierarchical: bool,
    /// The values of all rows.
    pub values: ArrayRef,
}

/// Rows by the bytes of their keys.
pub type LookupIndex = HashMap<Box<[u8]>, Vec<u32>>;

/// A table in memory in which rows are found by key.
#[derive(Debug)]
pub struct Lookup {
    /// What it is called, for messages.
    pub name: String,
    /// The keys' names and types.
    pub keys: Vec<Field>,
    /// The keys of all rows.
    pub key_values: Vec<ArrayRef>,
    /// What rows have beside their keys.
    pub attributes: Vec<LookupAttribute>,
    /// How rows are found.
    pub shape: LookupShape,
    /// The number of rows.
    pub rows: usize,
    index: OnceLock<LookupIndex>,
}

impl Lookup {
    /// A table that is not indexed yet.
    pub fn new(
        name: String,
        keys: Vec<(Field, ArrayRef)>,
        attributes: Vec<LookupAttribute>,
        shape: LookupShape,
        rows: usize,
    ) -> Lookup {
        let (keys, key_values) = keys.into_iter().unzip();
        Lookup { name, keys, key_values, attributes, shape, rows, index: OnceLock::new() }
    }

    /// The index, made now if it is not there yet.
    ///
    /// # Errors
    /// Those of making it.
    pub fn index(&self, make: impl FnOnce() -> Result<LookupIndex>) -> Result<&LookupIndex> {
        if let Some(index) = self.index.get() {
            return Ok(index);
        }
        let made = make()?;
        Ok(self.index.get_or_init(|| made))
    }

    /// Where an attribute stands.
    pub fn attribute(&self, name: &str) -> Option<usize> {
        self.attributes.iter().position(|a| a.name == name)
    }
}
