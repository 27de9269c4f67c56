//! Dictionaries and functions that queries define.

use super::{Expression, Setting, SettingValue, TableName};

/// CREATE DICTIONARY.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CreateDictionary {
    /// `OR REPLACE`
    pub or_replace: bool,
    /// `IF NOT EXISTS`
    pub if_not_exists: bool,
    /// Its name.
    pub name: TableName,
    /// Its key and attributes.
    pub columns: Vec<DictionaryColumn>,
    /// `PRIMARY KEY`
    pub primary_key: Vec<String>,
    /// `SOURCE(...)`
    pub source: Option<DictionaryPart>,
    /// `LAYOUT(...)`
    pub layout: Option<DictionaryPart>,
    /// `LIFETIME(MIN a MAX b)` in seconds.
    pub lifetime: Option<(u64, u64)>,
    /// `RANGE(MIN a MAX b)`
    pub range: Option<(String, String)>,
    /// `SETTINGS(...)`
    pub settings: Vec<Setting>,
    /// `COMMENT`
    pub comment: Option<String>,
}

/// A part of a dictionary's key, or an attribute.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct DictionaryColumn {
    /// Its name.
    pub name: String,
    /// Its type as canonical text.
    pub data_type: String,
    /// `DEFAULT`
    pub default: Option<Expression>,
    /// `EXPRESSION`: what is read of the source in its place.
    pub expression: Option<Expression>,
    /// `HIERARCHICAL`
    pub hierarchical: bool,
    /// `INJECTIVE`
    pub injective: bool,
    /// `IS_OBJECT_ID`
    pub object_id: bool,
}

/// A kind with its parameters: `CLICKHOUSE(TABLE 't' DB 'd')`, `FLAT()`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DictionaryPart {
    /// The kind, in capitals.
    pub kind: String,
    /// The parameters, names in capitals.
    pub parameters: Vec<(String, SettingValue)>,
}

/// `CREATE FUNCTION name AS (x, y) -> expression`
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CreateFunction {
    /// `OR REPLACE`
    pub or_replace: bool,
    /// `IF NOT EXISTS`
    pub if_not_exists: bool,
    /// Its name.
    pub name: String,
    /// What it is: a lambda.
    pub body: Expression,
}
