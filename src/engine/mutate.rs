//! Mutations: DELETE, UPDATE and changes of whole partitions.
//!
//! Rows are changed by rewriting parts, all of them visible at once when the statement ends.

use std::sync::Arc;

use arrow_array::BooleanArray;
use arrow_array::cast::AsArray;
use arrow_array::types::UInt8Type;
use base::{Result, bail};
use expr::{Evaluator, Expr};
use plan::{ColumnKind, RelationColumn, row_expressions};
use sql::ast::{Expression, PartitionExpression};
use storage::{
    ColumnDefinition, DefaultKind, EngineKind, Rewrite, RowRule, Table, TableDefinition,
};
use types::{Block, Column, Value};

use crate::query::{Query, quoted};

impl Query<'_> {
    /// `DELETE FROM t WHERE ...`, `ALTER TABLE t DELETE WHERE ...`
    pub(crate) fn delete_rows(&self, table: &Arc<Table>, filter: &Expression) -> Result<()> {
        let definition = mutable(table)?;
        let text = format!("toUInt8(if({filter}, 0, 1))");
        let kept = self.over_stored(&definition, &[text])?;
        let change = move |block: Block| {
            let kept = kept.evaluate_one(block.columns(), block.rows())?.to_flat()?;
            let kept = kept.as_primitive::<UInt8Type>();
            let mask: BooleanArray = kept.values().iter().map(|keep| Some(*keep != 0)).collect();
            block.filter(&mask)
        };
        self.rewrite_rows(table, definition, &change)
    }

    /// `ALTER TABLE t UPDATE a = 1 WHERE ...`
    pub(crate) fn update_rows(
        &self,
        table: &Arc<Table>,
        assignments: &[(String, Expression)],
        filter: &Expression,
    ) -> Result<()> {
        let definition = mutable(table)?;
        let mut texts = Vec::new();
        for (at, column) in definition.columns.iter().enumerate() {
            if !column.is_physical() {
                continue;
            }
            let name = sql::quote_identifier(&column.name);
            let wanted = quoted(column.data_type.to_string());
            let assigned = assignments.iter().find(|(assigned, _)| *assigned == column.name);
            texts.push(match (assigned, &column.default) {
                (Some((_, value)), _) => {
                    refuse_fixed(&definition, at)?;
                    format!("_CAST(if({filter}, _CAST({value}, {wanted}), {name}), {wanted})")
                }
                _ => name.to_string(),
            });
        }
        for (name, _) in assignments {
            if !definition.columns.iter().any(|c| c.name == *name && c.is_physical()) {
                bail!(NoSuchColumnInTable, "There is no column {name} to update");
            }
        }
        let values = self.over_stored(&definition, &texts)?;
        let computed = self.recomputed(&definition, assignments)?;
        let change = move |block: Block| {
            let rows = block.rows();
            let mut columns: Vec<Column> = values.evaluate_columns(block.columns(), rows)?;
            for (at, expression) in &computed {
                columns[*at] = expression.evaluate_one(&columns, rows)?;
            }
            Ok(Block::new(columns, rows))
        };
        self.rewrite_rows(table, definition, &change)
    }

    /// MATERIALIZED columns that read columns which are assigned: they are computed anew.
    fn recomputed(
        &self,
        definition: &TableDefinition,
        assignments: &[(String, Expression)],
    ) -> Result<Vec<(usize, Evaluator)>> {
        let mut changed: Vec<String> = assignments.iter().map(|(name, _)| name.clone()).collect();
        let stored: Vec<&ColumnDefinition> =
            definition.physical_columns().map(|(_, c)| c).collect();
        let mut waiting = Vec::new();
        for (at, column) in stored.iter().enumerate() {
            let Some((DefaultKind::Materialized, text)) = &column.default else { continue };
            let text = format!("_CAST({text}, {})", quoted(column.data_type.to_string()));
            let expressions = self.stored_expressions(definition, &[text])?;
            let reads: Vec<usize> = expressions.iter().flat_map(Expr::columns).collect();
            waiting.push((at, expressions, reads));
        }
        // Those that read others come after them; each is computed when all that it reads and that changes is.
        let mut computed = Vec::new();
        let mut affected: Vec<usize> = Vec::new();
        loop {
            let before = affected.len();
            for (at, _, reads) in &waiting {
                let hit = reads.iter().any(|read| changed.contains(&stored[*read].name));
                if hit && !affected.contains(at) {
                    affected.push(*at);
                    changed.push(stored[*at].name.clone());
                }
            }
            if affected.len() == before {
                break;
            }
        }
        waiting.retain(|(at, ..)| affected.contains(at));
        while !waiting.is_empty() {
            let ready = waiting
                .iter()
                .position(|(_, _, reads)| !waiting.iter().any(|(other, ..)| reads.contains(other)));
            let Some(ready) = ready else {
                bail!(CyclicAliases, "MATERIALIZED columns read each other in a circle");
            };
            let (at, expressions, _) = waiting.remove(ready);
            let place = definition.columns.iter().position(|c| c.id == stored[at].id);
            if let Some(place) = place {
                refuse_key_column(definition, place)?;
            }
            let evaluator = Evaluator::new(&expressions, &self.engine.registry, &self.functions)?;
            computed.push((at, evaluator));
        }
        Ok(computed)
    }

    fn rewrite_rows(
        &self,
        table: &Arc<Table>,
        definition: Arc<TableDefinition>,
        change: &dyn Fn(Block) -> Result<Block>,
    ) -> Result<()> {
        let rewrite = Rewrite {
            definition: definition.as_ref().clone(),
            choose: &|_| true,
            change,
            cancel: self.cancel.clone(),
        };
        self.engine.store.rewrite(table, &rewrite)
    }

    /// Expressions over a table's stored columns.
    fn over_stored(&self, definition: &TableDefinition, texts: &[String]) -> Result<Evaluator> {
        let expressions = self.stored_expressions(definition, texts)?;
        Evaluator::new(&expressions, &self.engine.registry, &self.functions)
    }

    /// Expressions over a table's stored columns, resolved.
    pub(crate) fn stored_expressions(
        &self,
        definition: &TableDefinition,
        texts: &[String],
    ) -> Result<Vec<Expr>> {
        let parsed =
            texts.iter().map(|t| sql::parse_expression(t)).collect::<Result<Vec<Expression>>>()?;
        let mut columns = Vec::new();
        for column in &definition.columns {
            let kind = match &column.default {
                Some((DefaultKind::Alias, text)) => {
                    ColumnKind::Alias(Box::new(sql::parse_expression(text)?))
                }
                Some((DefaultKind::Ephemeral, _)) => continue,
                _ => ColumnKind::Ordinary,
            };
            let (name, data_type) = (column.name.clone(), column.data_type.clone());
            columns.push(RelationColumn { name, data_type, kind });
        }
        row_expressions(&parsed, &columns, self)
    }

    /// `ALTER TABLE t DROP PARTITION ...`
    pub(crate) fn alter_partition(
        &self,
        table: &Arc<Table>,
        action: &str,
        partition: &PartitionExpression,
    ) -> Result<()> {
        match action {
            "DROP" => {
                if table.engine_kind() != EngineKind::Parts {
                    let about = table.definition();
                    bail!(NotImplemented, "Storage {} has no partitions", about.engine);
                }
                let chosen = self.chosen_partition(&table.definition(), partition)?;
                self.engine.store.drop_parts(table, |part| {
                    let record = part.record();
                    chosen.matches(&record.partition, &record.partition_values)
                })?;
                Ok(())
            }
            other => bail!(NotImplemented, "ALTER TABLE {other} PARTITION is not implemented yet"),
        }
    }

    /// Which partition an expression means.
    pub(crate) fn chosen_partition(
        &self,
        definition: &TableDefinition,
        partition: &PartitionExpression,
    ) -> Result<ChosenPartition> {
        let value = match partition {
            PartitionExpression::All => return Ok(ChosenPartition::All),
            PartitionExpression::Id(id) => return Ok(ChosenPartition::Id(id.clone())),
            PartitionExpression::Value(value) => value,
        };
        let (value, data_type) = self.constant(value)?;
        let keys = &definition.partition_key;
        let parts = match (&value, &data_type) {
            (Value::Tuple(items), types::DataType::Tuple(fields)) if keys.len() == items.len() => {
                let types = fields.iter().map(|f| f.data_type.clone());
                items.iter().cloned().zip(types).collect()
            }
            _ if keys.len() == 1 => vec![(value, data_type)],
            // Tables without a partition key call their only partition so.
            (Value::Tuple(items), _) if items.is_empty() => Vec::new(),
            _ if keys.is_empty() => {
                return Ok(ChosenPartition::Id(value.as_str().unwrap_or_default().to_owned()));
            }
            _ => bail!(
                IllegalColumn,
                "Wrong number of fields in the partition expression, must be {}",
                keys.len()
            ),
        };
        let mut values = Vec::with_capacity(parts.len());
        for ((value, data_type), key) in parts.into_iter().zip(keys) {
            let key_type = key.expression.data_type();
            let cast = self.cast_value(value.clone(), &data_type, &key_type)?;
            // A number that does not fit would become that of another partition.
            let changed = match (&value, &cast) {
                (Value::Int(given), Value::Int(cast)) => given != cast,
                (Value::Float(given), Value::Int(cast)) => *given != *cast as f64,
                _ => false,
            };
            if changed && key_type.inner().is_integer() {
                bail!(ArgumentOutOfBound, "Partition value {value} does not fit {key_type}");
            }
            values.push(cast);
        }
        Ok(ChosenPartition::Values(values))
    }
}

/// Some of a table's partitions.
pub(crate) enum ChosenPartition {
    All,
    Id(String),
    Values(Vec<Value>),
}

impl ChosenPartition {
    /// Whether a partition of this id and these values of the key is meant.
    pub(crate) fn matches(&self, id: &str, values: &[Value]) -> bool {
        match self {
            ChosenPartition::All => true,
            ChosenPartition::Id(wanted) => wanted == id,
            ChosenPartition::Values(wanted) => wanted == values,
        }
    }
}

/// A table whose rows can be changed.
fn mutable(table: &Arc<Table>) -> Result<Arc<TableDefinition>> {
    let definition = table.definition();
    let fits = match definition.engine_kind() {
        EngineKind::Parts => {
            definition.engine.ends_with("MergeTree") || definition.engine == "Join"
        }
        EngineKind::Memory => true,
        EngineKind::Null | EngineKind::None => false,
    };
    if !fits {
        bail!(NotImplemented, "Mutations are not supported by storage {}", definition.engine);
    }
    Ok(definition)
}

/// Columns that decide where a row stands cannot be assigned, nor those that are computed.
fn refuse_fixed(definition: &TableDefinition, at: usize) -> Result<()> {
    let column = &definition.columns[at];
    if matches!(column.default, Some((DefaultKind::Materialized, _))) {
        bail!(CannotUpdateColumn, "Cannot UPDATE materialized column {}", column.name);
    }
    refuse_key_column(definition, at)
}

/// A column that decides where a row stands, or which rows are one, cannot change.
fn refuse_key_column(definition: &TableDefinition, at: usize) -> Result<()> {
    let keys = definition.sorting_key.iter().chain(&definition.partition_key);
    let of_key = keys.flat_map(|key| key.expression.columns()).any(|read| read == at);
    let column = &definition.columns[at];
    let rule = definition.row_rule.as_ref().filter(|r| !matches!(r, RowRule::Summing { .. }));
    if of_key || rule.is_some_and(|r| r.columns().contains(&column.id)) {
        bail!(CannotUpdateColumn, "Cannot UPDATE column {}: it is part of a key", column.name);
    }
    Ok(())
}
