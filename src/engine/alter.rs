//! ALTER TABLE: changes of a table's structure.
//!
//! 1. The commands change the syntax tree of the table's CREATE statement; columns keep their ids, new ones get new.
//! 2. The table is defined anew from that tree, with everything that CREATE TABLE checks.
//! 3. Where stored rows have to follow (a type changed, a new column has an expression, a column was cleared), the
//!    parts are rewritten; the new parts and the new definition become visible in one commit.

mod keys;
mod names;

use std::collections::BTreeMap;
use std::sync::Arc;

use base::{Result, bail};
use expr::{Evaluator, Expr};
use sql::ast::{
    AlterCommand, ColumnDefinition as Written, ColumnPosition, CreateTable, EngineClause,
    Statement, TableName,
};
use storage::{DefaultKind, EngineKind, Rewrite, Table, TableDefinition};
use types::{Block, Column, DataType, Value};

use crate::defaults::Defaults;
use crate::query::Query;
use keys::{check_added_keys, keeps_order};
use names::renamed_in;

/// What brings rows along, see [`storage::RowChange`].
type OwnedChange = Box<dyn Fn(Block) -> Result<Block>>;

/// A table's structure while commands change it.
struct Structure {
    create: CreateTable,
    /// Ids of the columns that the table has already, by their names now.
    ids: BTreeMap<String, u32>,
    /// Columns whose values are forgotten.
    cleared: Vec<String>,
    changed: bool,
}

impl Query<'_> {
    /// ALTER TABLE.
    pub(crate) fn alter(&mut self, name: &TableName, commands: Vec<AlterCommand>) -> Result<()> {
        let table = self.stored_table(name)?;
        if matches!(table.engine_kind(), EngineKind::None)
            || table.definition().engine.ends_with("Log")
        {
            let about = table.definition();
            let only_comments = commands.iter().all(|c| {
                matches!(c, AlterCommand::CommentColumn { .. } | AlterCommand::ModifyComment(_))
            });
            if !(only_comments || matches!(about.engine.as_str(), "Merge" | "Buffer")) {
                bail!(NotImplemented, "Alter is not supported by storage {}", about.engine);
            }
        }
        let _alone = table.change_alone(&self.cancel)?;
        let mut structure = structure_of(&table)?;
        for command in commands {
            match command {
                AlterCommand::Delete { filter } => {
                    self.apply_structure(&table, &mut structure)?;
                    self.delete_rows(&table, &filter)?;
                }
                AlterCommand::Update { assignments, filter } => {
                    self.apply_structure(&table, &mut structure)?;
                    self.update_rows(&table, &assignments, &filter)?;
                }
                AlterCommand::Materialize { what, name: Some(name) }
                    if what.eq_ignore_ascii_case("INDEX") =>
                {
                    self.apply_structure(&table, &mut structure)?;
                    self.materialize_index(&table, &name)?;
                }
                AlterCommand::Partition { action, partition } => {
                    self.apply_structure(&table, &mut structure)?;
                    self.alter_partition(&table, &action, &partition.0)?;
                }
                other => {
                    self.alter_structure(&table.definition(), &mut structure, other)?;
                    structure.changed = true;
                }
            }
        }
        self.apply_structure(&table, &mut structure)
    }

    /// One command about the structure.
    fn alter_structure(
        &self,
        table: &TableDefinition,
        structure: &mut Structure,
        command: AlterCommand,
    ) -> Result<()> {
        match command {
            AlterCommand::AddColumn { if_not_exists, column, position } => {
                return structure.add(column, position, if_not_exists);
            }
            AlterCommand::DropColumn { if_exists, name } => {
                return structure.drop_column(table, &name, if_exists);
            }
            AlterCommand::ModifyColumn { if_exists, column, position, remove } => {
                return structure.modify(table, column, position, remove, if_exists);
            }
            AlterCommand::RenameColumn { if_exists, from, to } => {
                return structure.rename(table, &from, &to, if_exists);
            }
            AlterCommand::CommentColumn { if_exists, name, comment } => {
                if let Some(at) = structure.require(&name, if_exists)? {
                    structure.create.columns[at].comment = Some(comment);
                }
            }
            AlterCommand::ClearColumn { name, partition: None } => {
                structure.require(&name, false)?;
                structure.refuse_key(table, &name, "clear")?;
                structure.cleared.push(name);
            }
            AlterCommand::Materialize { what, name: Some(name) }
                if what.eq_ignore_ascii_case("COLUMN") =>
            {
                structure.require(&name, false)?;
                structure.refuse_key(table, &name, "materialize")?;
                let column = table.columns.iter().find(|c| c.name == name);
                match column.and_then(|c| c.default.as_ref()) {
                    Some((DefaultKind::Materialized, _)) => structure.cleared.push(name),
                    // Parts have its values since it was added.
                    Some((DefaultKind::Default, _)) => {}
                    _ => bail!(
                        BadArguments,
                        "Cannot MATERIALIZE column {name}: it has no default expression"
                    ),
                }
            }
            AlterCommand::Materialize { .. } => {}
            other => return structure.alter_clauses(other),
        }
        Ok(())
    }

    /// Defines the table anew and brings its rows along.
    fn apply_structure(&self, table: &Arc<Table>, structure: &mut Structure) -> Result<()> {
        if !std::mem::take(&mut structure.changed) {
            return Ok(());
        }
        let old = table.definition();
        let mut create = structure.create.clone();
        let mut new = self.definition(&old.database, &old.name, &mut create)?;
        let mut next = table.next_column_id();
        let mut ids = BTreeMap::new();
        for column in &mut new.columns {
            let known = structure.ids.get(&column.name).copied();
            let id = known.unwrap_or_else(|| {
                next += 1;
                next - 1
            });
            ids.insert(column.id, id);
            column.id = id;
        }
        new.row_rule = new.row_rule.map(|rule| renumbered(rule, &ids));
        crate::indexes::keep_ids(&old, &mut new, &mut next);
        new.uuid.clone_from(&old.uuid);
        let (plan, given) = self.row_change(&old, &new, &structure.cleared)?;
        let shape = |d: &TableDefinition| -> Vec<(u32, DataType)> {
            d.physical_columns().map(|(_, c)| (c.id, c.data_type.clone())).collect()
        };
        let in_memory = old.engine_kind() == EngineKind::Memory && shape(&old) != shape(&new);
        if plan || in_memory {
            let rewrite = Rewrite {
                change: &*given,
                choose: &|_| true,
                cancel: self.cancel.clone(),
                definition: new,
            };
            self.engine.store.rewrite(table, &rewrite)?;
        } else {
            self.engine.store.alter_definition(table, new)?;
        }
        *structure = structure_of(table)?;
        Ok(())
    }

    /// How rows of the old definition become rows of the new one, and whether parts need it.
    fn row_change(
        &self,
        old: &TableDefinition,
        new: &TableDefinition,
        cleared: &[String],
    ) -> Result<(bool, OwnedChange)> {
        let stored: Vec<(u32, DataType)> =
            old.physical_columns().map(|(_, c)| (c.id, c.data_type.clone())).collect();
        let mut needed = false;
        let mut names = Vec::new();
        let mut casts = Vec::new();
        let mut target = new.clone();
        // Rows that are stored need not meet constraints that come later.
        target.create_sql.clear();
        for column in &mut target.columns {
            if !column.is_physical() {
                continue;
            }
            let place = stored.iter().position(|(id, _)| *id == column.id);
            let Some(at) = place.filter(|_| !cleared.contains(&column.name)) else {
                // Arrays of a nested column are as long as the others of that column.
                let nested = column.name.contains('.');
                // A column that was stored before has values of that time, perhaps of another type.
                let before = old.columns.iter().any(|c| c.id == column.id);
                needed |= column.default.is_some() || before || nested;
                continue;
            };
            let read = Expr::column(at, stored[at].1.clone());
            let same = stored[at].1 == column.data_type;
            needed |= !same;
            casts.push(if same { read } else { cast(read, &column.data_type) });
            names.push(column.name.clone());
            // Values that are there stay, even of MATERIALIZED columns.
            if matches!(column.default, Some((DefaultKind::Materialized, _))) {
                column.default = None;
            }
        }
        let defaults = Defaults::new(&target, &names, self)?;
        let evaluator = Evaluator::new(&casts, &self.engine.registry, &self.functions)?;
        let change = move |block: Block| {
            let rows = block.rows();
            let columns: Vec<Column> = evaluator.evaluate_columns(block.columns(), rows)?;
            defaults.complete(Block::new(columns, rows), &[])
        };
        Ok((needed, Box::new(change)))
    }
}

/// A value as another type.
pub(crate) fn cast(value: Expr, to: &DataType) -> Expr {
    let name = Expr::literal(Value::from(to.to_string().as_str()), DataType::String);
    Expr::Call { function: "_CAST".to_owned(), arguments: vec![value, name], data_type: to.clone() }
}

fn structure_of(table: &Arc<Table>) -> Result<Structure> {
    let definition = table.definition();
    let Statement::CreateTable(create) = sql::parse(&definition.create_sql)?.statement else {
        bail!(NotImplemented, "Alter is not supported by storage {}", definition.engine);
    };
    let ids = definition.columns.iter().map(|c| (c.name.clone(), c.id)).collect();
    Ok(Structure { create: *create, ids, cleared: Vec::new(), changed: false })
}

/// A rule with the ids that columns have in the table rather than in the CREATE statement.
fn renumbered(rule: storage::RowRule, ids: &BTreeMap<u32, u32>) -> storage::RowRule {
    use storage::RowRule::{
        Aggregating, Collapsing, First, Replacing, Summing, VersionedCollapsing,
    };
    let new = |id: u32| ids.get(&id).copied().unwrap_or(id);
    match rule {
        Replacing { version, is_deleted } => {
            Replacing { version: version.map(new), is_deleted: is_deleted.map(new) }
        }
        Summing { columns } => Summing { columns: columns.into_iter().map(new).collect() },
        Collapsing { sign } => Collapsing { sign: new(sign) },
        VersionedCollapsing { sign } => VersionedCollapsing { sign: new(sign) },
        Aggregating => Aggregating,
        First => First,
    }
}

impl Structure {
    /// One command about what is no column.
    fn alter_clauses(&mut self, command: AlterCommand) -> Result<()> {
        let create = &mut self.create;
        let engine = create.engine.get_or_insert_with(EngineClause::default);
        match command {
            AlterCommand::AddIndex { if_not_exists, index } => {
                let known = create.indexes.iter().any(|i| i.name == index.name);
                match known {
                    true if if_not_exists => {}
                    true => bail!(IllegalColumn, "Index {} exists already", index.name),
                    false => create.indexes.push(index),
                }
            }
            AlterCommand::DropIndex { if_exists, name } => {
                let before = create.indexes.len();
                create.indexes.retain(|i| i.name != name);
                if create.indexes.len() == before && !if_exists {
                    bail!(BadArguments, "There is no index {name} to drop");
                }
            }
            AlterCommand::AddConstraint { name, check } => create.constraints.push((name, check)),
            AlterCommand::DropConstraint { name } => create.constraints.retain(|(n, _)| *n != name),
            AlterCommand::ModifyOrderBy(key) => {
                check_added_keys(engine.order_by.as_ref(), &key, &self.ids)?;
                engine.primary_key = engine.primary_key.take().or_else(|| engine.order_by.clone());
                engine.order_by = Some(key);
            }
            AlterCommand::ModifyTtl(items) => engine.ttl = items,
            AlterCommand::RemoveTtl => engine.ttl.clear(),
            AlterCommand::ModifySetting(settings) => {
                for setting in settings {
                    engine.settings.retain(|s| s.name != setting.name);
                    engine.settings.push(setting);
                }
            }
            AlterCommand::ResetSetting(names) => {
                engine.settings.retain(|s| !names.contains(&s.name));
            }
            AlterCommand::ModifyComment(comment) => create.comment = Some(comment),
            other => bail!(NotImplemented, "ALTER TABLE {other} is not implemented yet"),
        }
        Ok(())
    }

    /// Where a column stands; nothing where it is missing and may be.
    fn require(&self, name: &str, if_exists: bool) -> Result<Option<usize>> {
        match self.create.columns.iter().position(|c| c.name == name) {
            Some(at) => Ok(Some(at)),
            None if if_exists => Ok(None),
            None => {
                bail!(NotFoundColumnInBlock, "Wrong column name {name}: there is none to alter")
            }
        }
    }

    fn add(
        &mut self,
        column: Written,
        position: Option<ColumnPosition>,
        if_not_exists: bool,
    ) -> Result<()> {
        let nested = format!("{}.", column.name);
        let known = self
            .create
            .columns
            .iter()
            .any(|c| c.name == column.name || c.name.starts_with(&nested));
        if known && if_not_exists {
            return Ok(());
        }
        if known {
            bail!(
                DuplicateColumn,
                "Cannot add column {}: column with this name already exists",
                column.name
            );
        }
        let end = self.create.columns.len();
        let at = self.place(position.as_ref())?.unwrap_or(end);
        self.create.columns.insert(at, column);
        Ok(())
    }

    fn place(&self, position: Option<&ColumnPosition>) -> Result<Option<usize>> {
        Ok(match position {
            None => None,
            Some(ColumnPosition::First) => Some(0),
            Some(ColumnPosition::After(name)) => {
                let nested = format!("{name}.");
                let last = self.create.columns.iter().rposition(|c| c.name.starts_with(&nested));
                match last {
                    Some(last) => Some(last + 1),
                    None => self.require(name, false)?.map(|at| at + 1),
                }
            }
        })
    }

    fn drop_column(&mut self, table: &TableDefinition, name: &str, if_exists: bool) -> Result<()> {
        let nested = format!("{name}.");
        let gone = |c: &Written| c.name == name || c.name.starts_with(&nested);
        if !self.create.columns.iter().any(gone) {
            return self.require(name, if_exists).map(|_| ());
        }
        for column in self.create.columns.iter().filter(|c| gone(c)) {
            self.refuse_key(table, &column.name, "drop")?;
        }
        self.create.columns.retain(|c| !gone(c));
        self.ids.retain(|known, _| known != name && !known.starts_with(&nested));
        Ok(())
    }

    /// Keys hold values of their columns: those cannot go.
    fn refuse_key(&self, table: &TableDefinition, name: &str, what: &str) -> Result<()> {
        let Some(id) = self.ids.get(name) else { return Ok(()) };
        let keys = table.sorting_key.iter().chain(&table.partition_key);
        let read = keys.flat_map(|key| key.expression.columns());
        let of_keys = read.filter_map(|at| table.columns.get(at)).any(|c| c.id == *id);
        let of_rule = table.row_rule.as_ref().is_some_and(|rule| rule.columns().contains(id));
        if of_keys || of_rule {
            bail!(
                AlterOfColumnIsForbidden,
                "Trying to ALTER {what} column {name}, which is part of a key of {}",
                table.full_name()
            );
        }
        Ok(())
    }

    fn rename(
        &mut self,
        table: &TableDefinition,
        from: &str,
        to: &str,
        if_exists: bool,
    ) -> Result<()> {
        let Some(at) = self.require(from, if_exists)? else { return Ok(()) };
        if self.create.columns.iter().any(|c| c.name == to) {
            bail!(DuplicateColumn, "Cannot rename to {to}: column with this name already exists");
        }
        self.refuse_key(table, from, "RENAME")?;
        let nested = |name: &str| name.split_once('.').map(|(nested, _)| nested.to_owned());
        if nested(from) != nested(to) {
            bail!(BadArguments, "Cannot rename column {from} into or out of a nested column");
        }
        for column in &mut self.create.columns {
            if let Some(default) = &mut column.default
                && let Some(expression) = &default.expression
            {
                let text = renamed_in(&expression.to_string(), from, to);
                default.expression = Some(sql::parse_expression(&text)?);
            }
        }
        for (_, check) in &mut self.create.constraints {
            *check = sql::parse_expression(&renamed_in(&check.to_string(), from, to))?;
        }
        for index in &mut self.create.indexes {
            let text = renamed_in(&index.expression.to_string(), from, to);
            index.expression = sql::parse_expression(&text)?;
        }
        to.clone_into(&mut self.create.columns[at].name);
        if let Some(id) = self.ids.remove(from) {
            self.ids.insert(to.to_owned(), id);
        }
        Ok(())
    }

    fn modify(
        &mut self,
        table: &TableDefinition,
        column: Written,
        position: Option<ColumnPosition>,
        remove: Option<String>,
        if_exists: bool,
    ) -> Result<()> {
        let Some(at) = self.require(&column.name, if_exists)? else { return Ok(()) };
        let mut changed = self.create.columns[at].clone();
        if column.data_type.is_some() && column.data_type != changed.data_type {
            let (old, new) = (changed.data_type.clone(), column.data_type.clone());
            if !keeps_order(old.as_deref(), new.as_deref())? {
                self.refuse_key(table, &column.name, "type of")?;
            }
            (changed.data_type, changed.nullable) = (column.data_type, column.nullable);
        }
        match remove.map(|what| what.to_ascii_uppercase()).as_deref() {
            Some("DEFAULT" | "MATERIALIZED" | "ALIAS" | "EPHEMERAL") => changed.default = None,
            Some("CODEC") => changed.codec.clear(),
            Some("COMMENT") => changed.comment = None,
            Some("TTL") => changed.ttl = None,
            Some("SETTINGS") => changed.settings.clear(),
            Some(other) => bail!(BadArguments, "REMOVE {other} is not known"),
            None => {}
        }
        changed.default = column.default.or(changed.default);
        changed.comment = column.comment.or(changed.comment);
        changed.ttl = column.ttl.or(changed.ttl);
        if !column.codec.is_empty() {
            changed.codec = column.codec;
        }
        changed.out_of_row = column.out_of_row.or(changed.out_of_row);
        self.create.columns.remove(at);
        let place = self.place(position.as_ref())?;
        self.create.columns.insert(place.unwrap_or(at), changed);
        Ok(())
    }
}
