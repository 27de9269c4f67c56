//! The engines that tables can have: which keys they take, and what their arguments mean.

use base::{Result, bail};
use plan::row_expressions;
use sql::ast::{CreateTable, EngineClause, Expression, Name};
use storage::{ColumnDefinition, KeyColumn, RowRule};
use types::DataType;

use crate::create::relation;
use crate::query::Query;

/// What engines have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// Parts sorted by a key.
    MergeTree,
    /// Rows in the order of their inserts.
    Log,
    /// Rows in memory, or nowhere.
    Memory,
    /// Rows for joins and for IN, with keys as arguments.
    Lookup,
    /// Rows of other tables.
    Proxy,
}

/// All engines that CREATE TABLE takes.
pub(crate) const ENGINES: &[(&str, Family)] = &[
    ("MergeTree", Family::MergeTree),
    ("ReplacingMergeTree", Family::MergeTree),
    ("SummingMergeTree", Family::MergeTree),
    ("AggregatingMergeTree", Family::MergeTree),
    ("CollapsingMergeTree", Family::MergeTree),
    ("VersionedCollapsingMergeTree", Family::MergeTree),
    ("Log", Family::Log),
    ("TinyLog", Family::Log),
    ("StripeLog", Family::Log),
    ("Memory", Family::Memory),
    ("Null", Family::Memory),
    ("Set", Family::Lookup),
    ("Join", Family::Lookup),
    ("Merge", Family::Proxy),
    ("Buffer", Family::Proxy),
];

/// What an engine is like.
///
/// # Errors
/// UNKNOWN_STORAGE
pub(crate) fn family(name: &str) -> Result<Family> {
    match ENGINES.iter().find(|(known, _)| *known == name) {
        Some((_, family)) => Ok(*family),
        None => {
            let names: Vec<&str> = ENGINES.iter().map(|(name, _)| *name).collect();
            bail!(UnknownStorage, "Unknown table engine {name}: Granary has {}", names.join(", "))
        }
    }
}

/// A table's keys.
pub(crate) struct Keys {
    pub(crate) sorting: Vec<KeyColumn>,
    pub(crate) primary: usize,
    pub(crate) partition: Vec<KeyColumn>,
    /// As SQL.
    pub(crate) sampling: Option<String>,
}

impl Query<'_> {
    /// The keys that the clauses after ENGINE name.
    pub(crate) fn keys(
        &self,
        family: Family,
        columns: &[ColumnDefinition],
        engine: &mut EngineClause,
        create: &CreateTable,
    ) -> Result<Keys> {
        if family != Family::MergeTree {
            if engine.order_by.is_some()
                || engine.partition_by.is_some()
                || engine.primary_key.is_some()
            {
                bail!(
                    BadArguments,
                    "Engine {} has no keys: leave ORDER BY, PRIMARY KEY and PARTITION BY out",
                    engine.name
                );
            }
            return Ok(Keys {
                sorting: Vec::new(),
                primary: 0,
                partition: Vec::new(),
                sampling: None,
            });
        }
        let of_columns: Vec<Expression> = create
            .columns
            .iter()
            .filter(|c| c.primary_key)
            .map(|c| Expression::Identifier(Name::simple(c.name.clone())))
            .collect();
        if !of_columns.is_empty() && engine.primary_key.is_none() {
            engine.primary_key = Some(Expression::Tuple(of_columns));
        }
        if engine.order_by.is_none() {
            engine.order_by = engine.primary_key.clone();
        }
        let Some(order_by) = &engine.order_by else {
            bail!(
                BadArguments,
                "You must provide an ORDER BY or PRIMARY KEY expression in the table definition. \
                 If you don't want this table to be sorted, use ORDER BY tuple()"
            );
        };
        let sorting = self.key(order_by, columns)?;
        let primary = match &engine.primary_key {
            None => sorting.len(),
            Some(key) => {
                let primary = self.key(key, columns)?;
                let is_prefix = primary.len() <= sorting.len()
                    && primary.iter().zip(&sorting).all(|(p, s)| p.expression == s.expression);
                if !is_prefix {
                    bail!(BadArguments, "Primary key must be a prefix of the sorting key");
                }
                primary.len()
            }
        };
        let partition = self.partition_key(engine, columns)?;
        let sampling = match &engine.sample_by {
            Some(key) => Some(self.sampling_key(key, columns, &sorting[..primary])?),
            None => None,
        };
        Ok(Keys { sorting, primary, partition, sampling })
    }

    /// `PARTITION BY`
    fn partition_key(
        &self,
        engine: &EngineClause,
        columns: &[ColumnDefinition],
    ) -> Result<Vec<KeyColumn>> {
        let Some(key) = &engine.partition_by else { return Ok(Vec::new()) };
        let partition = self.key(key, columns)?;
        if let Some(key) =
            partition.iter().find(|key| key.expression.data_type().inner().is_float())
            && !engine.settings.iter().any(allows_floats)
        {
            bail!(
                BadArguments,
                "Floating point partition key {} is not supported: set \
                 allow_floating_point_partition_key = 1 to have it all the same",
                key.text
            );
        }
        Ok(partition)
    }

    /// `SAMPLE BY`: rows spread evenly over the values of an unsigned integer, which the primary key finds.
    fn sampling_key(
        &self,
        key: &Expression,
        columns: &[ColumnDefinition],
        primary: &[KeyColumn],
    ) -> Result<String> {
        let found = self.key(key, columns)?;
        let [only] = found.as_slice() else {
            bail!(BadArguments, "A sampling key is one expression, not {}", found.len());
        };
        if !primary.iter().any(|known| known.expression == only.expression) {
            bail!(BadArguments, "Sampling expression must be present in the primary key");
        }
        let data_type = only.expression.data_type();
        if !data_type.is_unsigned_integer() || data_type.bits() > Some(64) {
            bail!(
                IllegalTypeOfColumnForFilter,
                "Invalid sampling column type in storage parameters: {data_type}. \
                 Must be one unsigned integer type"
            );
        }
        Ok(only.text.clone())
    }

    fn key(&self, key: &Expression, columns: &[ColumnDefinition]) -> Result<Vec<KeyColumn>> {
        let parts: Vec<Expression> = match key {
            Expression::Tuple(parts) => parts.clone(),
            Expression::Function(call) if call.name == "tuple" => call.arguments.clone(),
            other => vec![other.clone()],
        };
        let resolved = row_expressions(&parts, &relation(columns), self)?;
        parts
            .into_iter()
            .zip(resolved)
            .map(|(part, expression)| {
                for at in expression.columns() {
                    if !columns[at].is_physical() {
                        bail!(BadArguments, "Column {} of a key is not stored", columns[at].name);
                    }
                }
                if expression.data_type().is_clob() {
                    bail!(
                        IllegalColumn,
                        "Key {part} is a CLOB; take a part of it, as substring({part}, 1, 100)"
                    );
                }
                Ok(KeyColumn { expression, text: part.to_string() })
            })
            .collect()
    }

    /// What the engine does with rows of equal keys; the version of VersionedCollapsingMergeTree and the keys of
    /// Join become part of the sorting key.
    pub(crate) fn row_rule(
        &self,
        columns: &[ColumnDefinition],
        engine: &EngineClause,
        keys: &mut Keys,
    ) -> Result<Option<RowRule>> {
        let arguments = engine.arguments.as_deref().unwrap_or_default();
        Ok(match (engine.name.as_str(), arguments) {
            ("ReplacingMergeTree", []) => {
                Some(RowRule::Replacing { version: None, is_deleted: None })
            }
            ("ReplacingMergeTree", [version, rest @ ..]) if rest.len() < 2 => {
                let version = Some(version_column(columns, version)?.id);
                let is_deleted = match rest.first() {
                    Some(mark) => Some(typed(columns, mark, &DataType::UInt8, "is_deleted")?),
                    None => None,
                };
                Some(RowRule::Replacing { version, is_deleted })
            }
            ("SummingMergeTree", []) => Some(RowRule::Summing { columns: Vec::new() }),
            ("SummingMergeTree", [named]) => {
                let named = match named {
                    Expression::Tuple(named) => named.clone(),
                    Expression::Function(call) if call.name == "tuple" => call.arguments.clone(),
                    one => vec![one.clone()],
                };
                let ids = summed_columns(columns, &named)?;
                let read = keys.sorting.iter().chain(&keys.partition);
                for at in read.flat_map(|key| key.expression.columns()) {
                    if ids.contains(&columns[at].id) {
                        bail!(
                            BadArguments,
                            "Column {} is part of a key: it cannot be added up",
                            columns[at].name
                        );
                    }
                }
                Some(RowRule::Summing { columns: ids })
            }
            ("AggregatingMergeTree", []) => Some(RowRule::Aggregating),
            ("CollapsingMergeTree", [sign]) => {
                let sign = typed(columns, sign, &DataType::Int8, "sign")?;
                Some(RowRule::Collapsing { sign })
            }
            ("VersionedCollapsingMergeTree", [sign, version]) => {
                let sign = typed(columns, sign, &DataType::Int8, "sign")?;
                version_column(columns, version)?;
                for key in self.key(version, columns)? {
                    if !keys.sorting.iter().any(|k| k.expression == key.expression) {
                        keys.sorting.push(key);
                    }
                }
                Some(RowRule::VersionedCollapsing { sign })
            }
            ("Join", [strictness, _, names @ ..]) if !names.is_empty() => {
                keys.sorting = self.key(&Expression::Tuple(names.to_vec()), columns)?;
                keys.primary = keys.sorting.len();
                let strictness = self.constant_text(strictness)?.to_ascii_uppercase();
                (strictness != "ALL").then_some(RowRule::First)
            }
            ("MergeTree" | "Memory" | "Null" | "Log" | "TinyLog" | "StripeLog" | "Set", []) => None,
            ("Merge" | "Buffer", _) => None,
            (name, arguments) => bail!(
                NumberOfArgumentsDoesntMatch,
                "Engine {name} cannot be used with {} arguments",
                arguments.len()
            ),
        })
    }
}

/// The column that an argument of an engine names.
fn column<'c>(
    columns: &'c [ColumnDefinition],
    argument: &Expression,
) -> Result<&'c ColumnDefinition> {
    let Expression::Identifier(name) = argument else {
        bail!(BadArguments, "Argument {argument} of an engine must name a column");
    };
    let name = name.0.join(".");
    match columns.iter().find(|c| c.name == name && c.is_physical()) {
        Some(column) => Ok(column),
        None => bail!(NoSuchColumnInTable, "There is no column {name} that the engine could use"),
    }
}

fn typed(
    columns: &[ColumnDefinition],
    argument: &Expression,
    wanted: &DataType,
    what: &str,
) -> Result<u32> {
    let column = column(columns, argument)?;
    if column.data_type != *wanted {
        bail!(
            BadTypeOfField,
            "The {what} column {} must have type {wanted}, not {}",
            column.name,
            column.data_type
        );
    }
    Ok(column.id)
}

fn version_column<'c>(
    columns: &'c [ColumnDefinition],
    argument: &Expression,
) -> Result<&'c ColumnDefinition> {
    let column = column(columns, argument)?;
    let fits = column.data_type.is_integer()
        || column.data_type.is_float()
        || matches!(
            column.data_type,
            DataType::Date
                | DataType::Date32
                | DataType::DateTime(_)
                | DataType::DateTime64(..)
                | DataType::Enum8(_)
                | DataType::Enum16(_)
                | DataType::Decimal { .. }
        );
    if !fits {
        bail!(
            BadTypeOfField,
            "The version column {} must be a number, a date or a time, not {}",
            column.name,
            column.data_type
        );
    }
    Ok(column)
}

/// The columns that a SummingMergeTree names; a nested one stands for all its arrays.
fn summed_columns(columns: &[ColumnDefinition], named: &[Expression]) -> Result<Vec<u32>> {
    let mut ids = Vec::new();
    for argument in named {
        if let Expression::Identifier(name) = argument {
            let prefix = format!("{}.", name.0.join("."));
            let nested: Vec<u32> =
                columns.iter().filter(|c| c.name.starts_with(&prefix)).map(|c| c.id).collect();
            if !nested.is_empty() {
                ids.extend(nested);
                continue;
            }
        }
        ids.push(column(columns, argument)?.id);
    }
    Ok(ids)
}

/// Whether a setting lets partitions be told by floating-point numbers.
fn allows_floats(setting: &sql::ast::Setting) -> bool {
    let value = crate::create::setting_text(&setting.value);
    setting.name == "allow_floating_point_partition_key" && !matches!(value.as_str(), "0" | "false")
}
